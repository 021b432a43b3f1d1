"""The model library: what there is, its cards, and loading by id."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sbmlqsp.errors import ModelError, did_you_mean
from sbmlqsp.files import parse_toml, read_plain
from sbmlqsp.library import models_root
from sbmlqsp.library_ports import ListedPort, listed_ports
from sbmlqsp.reading import read_antimony

if TYPE_CHECKING:
    import pandas as pd

    from sbmlqsp.model import Model

__all__ = ["LibraryWarning", "ProvisionalModelWarning", "card", "catalogue", "load", "model_ids", "models_root"]

_TOLD: set[str] = set()  # provisional models that this process has warned of
STATUSES = ("provisional", "reviewed")


@dataclass(frozen=True)
class _Entry:
    """One model of the library: its id, family, and the files that hold it."""

    id: str
    family: str
    path: Path
    card_path: Path


class ProvisionalModelWarning(UserWarning):
    """A model of the library is used that no independent re-implementation has confirmed yet."""


class LibraryWarning(UserWarning):
    """A model of the library is left out of the catalogue, since its card is missing or malformed."""


def catalogue(
    search: str = "", *, family: str | None = None, port: str | None = None, unit: str | None = None
) -> pd.DataFrame:
    """List the model library, or what of it fits.

    Parameters
    ----------
    search : str, optional
        Words that must all occur in the id, family, title, purpose, equations, or the ports and their meanings.
    family : str, optional
        A family of modules, or ``"system"``.
    port : str, optional
        The id of a port, or a word of its meaning.
    unit : str, optional
        The unit of a port in any spelling (``"ng/mL"`` finds mg/L only if they are equal); of the port searched for
        where one is.

    Returns
    -------
    pandas.DataFrame
        One row per model, indexed by ``id``: family (``"system"`` for integrated models), title, status
        (``"provisional"`` until an independent re-implementation agrees, then ``"reviewed"``), ports, path. Empty
        where nothing fits.

    Raises
    ------
    ModelError
        The library is missing, or two of its models have one id.
    UnitError
        The unit cannot be read.

    Warns
    -----
    LibraryWarning
        A model whose card is missing or malformed is left out; the message names it.

    Examples
    --------
    >>> import sbmlqsp as qsp
    >>> qsp.catalogue().loc["one_compartment", "ports"]
    'in: CL; out: central, C, V'
    >>> "emax" in qsp.catalogue("effect", port="Cp", unit="mg/L").index
    True
    """
    import pandas as pd

    from sbmlqsp.units import parse_unit

    wanted = parse_unit(unit) if unit else None
    rows = []
    for entry in _entries().values():
        try:
            facts, ports = _read_card(entry), listed_ports(entry.path.read_text(encoding="utf-8"))
        except (ModelError, UnicodeDecodeError) as error:
            warnings.warn(f"'{entry.id}' is left out of the catalogue: {error}", LibraryWarning, stacklevel=2)
            continue
        asked = [p for p in ports if port is None or p.id == port or port.lower() in p.meaning.lower()]
        fits = [p for p in asked if wanted is None or (p.unit is not None and p.unit.equivalent(wanted))]
        if (
            (family in {None, entry.family})
            and (fits or (port is None and unit is None))
            and _has(entry, facts, ports, search)
        ):
            rows.append((entry.id, entry.family, facts["title"], facts["status"], _shown(ports), str(entry.path)))
    return pd.DataFrame(rows, columns=["id", "family", "title", "status", "ports", "path"]).set_index("id")


def _has(entry: _Entry, facts: dict[str, Any], ports: list[ListedPort], search: str) -> bool:
    texts = [entry.id, entry.id.replace("_", " "), entry.family, facts["title"], facts.get("purpose", "")]
    texts += [*facts.get("equations", []), *(f"{p.id} {p.meaning}" for p in ports)]
    everything = "\n".join(texts).lower()
    return all(word.lower() in everything for word in search.split())


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

    Warns
    -----
    ProvisionalModelWarning
        The model is provisional: nobody has confirmed it by writing it anew from its references. Once per model.

    Examples
    --------
    >>> import sbmlqsp as qsp
    >>> qsp.load("one_compartment").time_unit
    'h'
    """
    entries = _entries()
    entry = _entry(model_id, entries)
    if _read_card(entry)["status"] == "provisional" and model_id not in _TOLD:
        _TOLD.add(model_id)
        warnings.warn(
            f"the model '{model_id}' is provisional: nobody has written it anew from its references and compared. "
            "Check it against your own source before you rely on it.",
            ProvisionalModelWarning,
            stacklevel=2,
        )
    # A system imports modules, so that a change of any file of the library makes what was read stale. Each caller has
    # a model of its own: tables of models can be written to.
    return replace(_read(entry.path, _stamp(entries)))


@lru_cache(maxsize=512)
def _read(path: Path, _stamp: tuple[tuple[str, int, int], ...]) -> Model:
    return read_antimony(path)


def _stamp(entries: dict[str, _Entry]) -> tuple[tuple[str, int, int], ...]:
    files = ((str(e.path), e.path.stat()) for e in entries.values())
    return tuple((name, facts.st_mtime_ns, facts.st_size) for name, facts in files)


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
    return _read_card(_entry(model_id, _entries()))


def model_ids() -> list[str]:
    """Return the ids of the library, without reading the files.

    Examples
    --------
    >>> "emax" in model_ids()
    True
    """
    return list(_entries())


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


def _entry(model_id: str, entries: dict[str, _Entry]) -> _Entry:
    if model_id not in entries:
        raise ModelError(f"the library has no model '{model_id}'", remedy=did_you_mean(str(model_id), entries))
    return entries[model_id]


def _read_card(entry: _Entry) -> dict[str, Any]:
    if not entry.card_path.is_file():
        raise ModelError(f"the model '{entry.id}' has no card", where=str(entry.card_path), remedy="write one")
    what = f"the card of '{entry.id}'"
    text = read_plain(entry.card_path, what=what, error=ModelError)
    facts = parse_toml(text, where=str(entry.card_path), what=what, error=ModelError)
    facts.setdefault("status", "provisional")
    if not isinstance(facts.get("title"), str) or facts["status"] not in STATUSES:
        raise ModelError(
            f"the card of '{entry.id}' lacks a title or has an unknown status",
            value=facts["status"],
            where=str(entry.card_path),
            expected=f"a title, and a status that is one of {', '.join(STATUSES)}",
        )
    return facts


def _shown(ports: list[ListedPort]) -> str:
    parts = (
        (label, [p.id for p in ports if p.direction == way]) for label, way in (("in", "input"), ("out", "output"))
    )
    return "; ".join(f"{label}: {', '.join(names)}" for label, names in parts if names)
