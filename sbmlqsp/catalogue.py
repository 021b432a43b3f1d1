"""The model library: what there is, its cards, and loading by id."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sbmlqsp.antimony_module import DIRECTIVE
from sbmlqsp.errors import ModelError, did_you_mean
from sbmlqsp.library import models_root
from sbmlqsp.reading import read_antimony

if TYPE_CHECKING:
    import pandas as pd

    from sbmlqsp.model import Model

__all__ = ["card", "catalogue", "load", "models_root"]

STATUSES = ("provisional", "reviewed")


@dataclass(frozen=True)
class _Entry:
    """One model of the library: its id, family, and the files that hold it."""

    id: str
    family: str
    path: Path
    card_path: Path


def catalogue() -> pd.DataFrame:
    """List the model library.

    Returns
    -------
    pandas.DataFrame
        One row per model, indexed by ``id``: family (``"system"`` for integrated models), title, status
        (``"provisional"`` until an independent re-implementation agrees, then ``"reviewed"``), ports, path.

    Raises
    ------
    ModelError
        The library or a card is missing or malformed.

    Examples
    --------
    >>> import sbmlqsp as qsp
    >>> qsp.catalogue().loc["one_compartment", "ports"]
    'in: CL; out: central, C, V'
    """
    import pandas as pd

    rows = []
    for entry in _entries().values():
        facts = _read_card(entry)
        rows.append((entry.id, entry.family, facts["title"], facts["status"], _ports(entry.path), str(entry.path)))
    return pd.DataFrame(rows, columns=["id", "family", "title", "status", "ports", "path"]).set_index("id")


def load(model_id: str) -> Model:
    """Read a model of the library by its id.

    Parameters
    ----------
    model_id : str
        An id of ``catalogue()``, a module or a system.

    Returns
    -------
    Model

    Raises
    ------
    ModelError
        There is no such model; the message names the nearest.

    Examples
    --------
    >>> import sbmlqsp as qsp
    >>> qsp.load("one_compartment").time_unit
    'h'
    """
    return read_antimony(_entry(model_id).path)


def card(model_id: str) -> dict[str, Any]:
    """Return the card of a model: title, purpose, equations, assumptions, references, sources of its parameters.

    Parameters
    ----------
    model_id : str
        An id of ``catalogue()``.

    Raises
    ------
    ModelError
        There is no such model, or its card cannot be read.

    Examples
    --------
    >>> from sbmlqsp.catalogue import card
    >>> card("emax")["title"]
    'Emax effect'
    """
    return _read_card(_entry(model_id))


def _entries() -> dict[str, _Entry]:
    root = models_root()
    found: dict[str, _Entry] = {}
    for path in sorted(root.glob("modules/*/*.ant")):
        _add(found, _Entry(path.stem, path.parent.name, path, path.with_suffix(".toml")))
    for path in sorted(root.glob("systems/*/*.ant")):
        if path.stem == path.parent.name:
            _add(found, _Entry(path.stem, "system", path, path.with_name("card.toml")))
    return found


def _add(found: dict[str, _Entry], entry: _Entry) -> None:
    if entry.id in found:
        raise ModelError(
            f"two models of the library are called '{entry.id}'",
            where=f"{found[entry.id].path} and {entry.path}",
            remedy="rename one of them",
        )
    found[entry.id] = entry


def _entry(model_id: str) -> _Entry:
    entries = _entries()
    if model_id not in entries:
        raise ModelError(f"the library has no model '{model_id}'", remedy=did_you_mean(str(model_id), entries))
    return entries[model_id]


def _read_card(entry: _Entry) -> dict[str, Any]:
    if not entry.card_path.is_file():
        raise ModelError(f"the model '{entry.id}' has no card", where=str(entry.card_path), remedy="write one")
    try:
        facts = tomllib.loads(entry.card_path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ModelError(
            f"the card of '{entry.id}' cannot be read: {error}", where=str(entry.card_path), expected="TOML"
        ) from error
    facts.setdefault("status", "provisional")
    if not isinstance(facts.get("title"), str) or facts["status"] not in STATUSES:
        raise ModelError(
            f"the card of '{entry.id}' lacks a title or has an unknown status",
            value=facts["status"],
            where=str(entry.card_path),
            expected=f"a title, and a status that is one of {', '.join(STATUSES)}",
        )
    return facts


def _ports(path: Path) -> str:
    # The directives are read as text: opening every model to list them would take seconds.
    named: dict[str, list[str]] = {"input": [], "output": []}
    for direction, names in DIRECTIVE.findall(path.read_text(encoding="utf-8")):
        named[direction] += names.replace(",", " ").split()
    parts = (("in", named["input"]), ("out", named["output"]))
    return "; ".join(f"{label}: {', '.join(names)}" for label, names in parts if names)
