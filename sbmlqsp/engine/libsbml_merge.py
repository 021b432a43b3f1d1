"""Write a composition as one flat SBML document, by renaming and merging its parts.

This is the suite's own flattening. libSBML's flattening of the hierarchical form must agree with it, which every
composition proves.
"""

from __future__ import annotations

from typing import Any

from sbmlqsp.engine.libsbml import parse, write
from sbmlqsp.engine.libsbml_edit import delete
from sbmlqsp.engine.libsbml_rename import rename
from sbmlqsp.engine.libsbml_top import add
from sbmlqsp.engine.libsbml_units import UnitIds
from sbmlqsp.engine.plan import SEPARATOR, Plan

__all__ = ["merge"]

_LISTS = (
    "FunctionDefinitions", "Compartments", "Species", "Parameters", "InitialAssignments", "Rules", "Constraints",
    "Reactions", "Events",
)  # fmt: skip


def merge(plan: Plan) -> str:
    """Return the flat SBML of a plan."""
    document = parse(plan.top, scanned=True)
    model = document.getModel()
    units = UnitIds(model)
    for instance, text in plan.parts.items():
        reduced = delete(text, (d for d in plan.deletions if d.instance == instance))
        part = parse(reduced, scanned=True)
        _append(model, part.getModel(), units=units, instance=instance, plan=plan)
    return write(document)


def _append(model: Any, part: Any, *, units: UnitIds, instance: str, plan: Plan) -> None:
    joined = plan.joined
    for owner, symbol in joined:
        if owner == instance:
            part.getElementBySId(symbol).removeFromParentAndDelete()
    rename(
        part,
        ids=lambda name: joined.get((instance, name), f"{instance}{SEPARATOR}{name}"),
        units=units.adopter(part),
        metaids=lambda name: f"{instance}{SEPARATOR}{name}",
    )
    for kind in _LISTS:
        for element in getattr(part, f"getListOf{kind}")():
            add(model, element)
