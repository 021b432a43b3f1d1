"""A single Antimony model, without instances of others."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sbmlqsp.engine import antimony, libsbml
from sbmlqsp.model import Model, inferred_directions

__all__ = ["DIRECTIVE", "plain_antimony"]

DIRECTIVE = re.compile(r"^\s*//\s*@(input|output)\s+([A-Za-z_]\w*(?:\s*,\s*[A-Za-z_]\w*)*)\s*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class _Read:
    """What was read from a text."""

    id: str
    sbml: str
    directions: tuple[tuple[str, str], ...]


_KEPT: dict[str, _Read] = {}
_MOST_KEPT = 256  # texts, of at most so many characters
_LONGEST_KEPT = 50_000


def plain_antimony(text: str, *, where: str) -> Model:
    """Read Antimony text that holds one model and no instances."""
    # Modules are read anew for every system that they are in, and what is written is read back.
    found = _KEPT.get(text) or _read(text, where)
    if len(text) <= _LONGEST_KEPT:
        _KEPT[text] = found
    if len(_KEPT) > _MOST_KEPT:
        _KEPT.pop(next(iter(_KEPT)), None)
    return Model(found.id, found.sbml, directions=dict(found.directions), source=where)


def _read(text: str, where: str) -> _Read:
    translated = antimony.translate(text, where=where)
    model = Model(translated.id, libsbml.canonical(translated.sbml, where=where), source=where)
    directions = inferred_directions(model.network, translated.interface)
    for direction, names in DIRECTIVE.findall(text):
        for symbol in re.split(r"\s*,\s*", names):
            model.symbol(symbol)
            directions[symbol] = direction
    return _Read(model.id, model.sbml, tuple(directions.items()))
