"""A single Antimony model, without instances of others."""

from __future__ import annotations

import re

from sbmlqsp.engine import antimony, libsbml
from sbmlqsp.model import Model, inferred_directions

__all__ = ["DIRECTIVE", "plain_antimony"]

DIRECTIVE = re.compile(r"^\s*//\s*@(input|output)\s+([A-Za-z_]\w*(?:\s*,\s*[A-Za-z_]\w*)*)\s*$", re.MULTILINE)


def plain_antimony(text: str, *, where: str) -> Model:
    """Read Antimony text that holds one model and no instances."""
    sbml = libsbml.canonical(antimony.to_sbml(text, where=where), where=where)
    name, interface = antimony.main_module(text, where=where)
    model = Model(name, sbml, source=where)
    directions = inferred_directions(model.network, interface)
    for direction, names in DIRECTIVE.findall(text):
        for symbol in re.split(r"\s*,\s*", names):
            model.symbol(symbol)
            directions[symbol] = direction
    return Model(name, sbml, directions=directions, source=where)
