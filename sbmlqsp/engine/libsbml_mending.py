"""Mistakes in a document that take no effect: mended rather than refused."""

from __future__ import annotations

from typing import Any

from sbmlqsp.engine.libsbml import lib

__all__ = ["drop_idle_units"]

DIMENSIONS = {"Length": 1.0, "Area": 2.0, "Volume": 3.0}


def drop_idle_units(model: Any) -> None:
    """Drop a model's default unit of length, area, volume or extent where it is undefined and nothing takes it up.

    libSBML calls it an error, yet no number and no unit of the model depends on it.
    """
    for kind in (*DIMENSIONS, "Extent"):
        name = getattr(model, f"get{kind}Units")() if model.getLevel() == 3 else ""
        known = lib().UnitKind_forName(name) != lib().UNIT_KIND_INVALID or model.getUnitDefinition(name) is not None
        if name and not known and not _taken_up(model, kind):
            getattr(model, f"unset{kind}Units")()


def _taken_up(model: Any, kind: str) -> bool:
    if kind == "Extent":
        return bool(model.getNumReactions())
    return any(
        not c.isSetUnits() and c.getSpatialDimensionsAsDouble() == DIMENSIONS[kind]
        for c in model.getListOfCompartments()
    )
