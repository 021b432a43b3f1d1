"""A model of the library in words: its card, with the values and units that its file holds."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sbmlqsp.describe import rows

if TYPE_CHECKING:
    import pandas as pd

    from sbmlqsp.model import Model

__all__ = ["card_in_words", "parameter_table"]

WIDTH = 110


def parameter_table(model: Model, card: Mapping[str, Any]) -> pd.DataFrame:
    """Return the numbers of a library model with their sources.

    Parameters
    ----------
    model : Model
    card : mapping
        Its card.

    Returns
    -------
    pandas.DataFrame
        One row per number that the card sources: value and unit as the model holds them, meaning, source.

    Examples
    --------
    >>> import sbmlqsp as qsp
    >>> from sbmlqsp.catalogue import card
    >>> parameter_table(qsp.load("target_turnover"), card("target_turnover")).loc["kdeg", "unit"]
    '1/day'
    """
    import pandas as pd

    found = []
    for name, about in card.get("parameters", {}).items():
        symbol = model.symbol(name)
        unit = symbol.unit.label if symbol.unit is not None else ""
        found.append((name, symbol.value, unit, symbol.name, about["source"]))
    return pd.DataFrame(found, columns=["id", "value", "unit", "meaning", "source"]).set_index("id")


def card_in_words(model: Model, card: Mapping[str, Any], *, width: int = WIDTH) -> str:
    """Return the card as text: purpose, equations, ports, parameters with sources, scope, references.

    Parameters
    ----------
    model : Model
    card : mapping
        Its card.
    width : int
        Of the paragraphs.
    """
    numbers = parameter_table(model, card)
    lines = [f"{card['title']} ({card['status']})", *_paragraph(card.get("purpose", ""), width)]
    lines += _section("Equations", (f"  {e}" for e in card.get("equations", [])))
    ports = [(p.direction, p.id, p.unit, p.meaning) for p in model.ports]
    lines += _section("Ports", _table(("direction", "port", "unit", "meaning"), ports))
    sourced = [(str(i), f"{r.value:.6g}", str(r.unit), str(r.source)) for i, r in numbers.iterrows()]
    lines += _section("Parameters", _table(("id", "value", "unit", "source"), sourced))
    lines += _section("Assumptions", _listed(card.get("assumptions", []), width))
    lines += _section("Not for", _paragraph(card.get("not_for", ""), width, indent="  "))
    lines += _section("Proven by the cases", _listed((c.replace("_", " ") for c in card.get("cases", [])), width))
    lines += _section("References", _listed(map(_reference, card.get("references", [])), width))
    return "\n".join(lines)


def _section(title: str, body: Iterable[str]) -> list[str]:
    found = list(body)
    return ["", title, *found] if found else []


def _table(heads: Sequence[str], body: Sequence[Sequence[str]]) -> list[str]:
    return rows([heads, *body]) if body else []


def _paragraph(text: str, width: int, *, indent: str = "") -> list[str]:
    return textwrap.wrap(text, width, initial_indent=indent, subsequent_indent=indent)


def _listed(texts: Iterable[str], width: int) -> list[str]:
    return [
        line
        for t in texts
        for line in textwrap.wrap(
            t, width, initial_indent="  - ", subsequent_indent="    ", break_long_words=False, break_on_hyphens=False
        )
    ]


def _reference(r: Mapping[str, str]) -> str:
    doi = f" doi:{r['doi']}." if "doi" in r else ""
    return f"{r['citation']}{doi} For {r['cited_for']}."
