"""Write events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sbmlqsp.engine.libsbml_formula import to_mathml
from sbmlqsp.expressions import Expr

__all__ = ["add_event"]


def add_event(model: Any, name: str, trigger: Expr, values: Mapping[str, Expr], *, holds: bool) -> None:
    """Add an event that assigns values of when its trigger turns true; ``holds``: that is true before the start."""
    event = model.createEvent()
    event.setId(name)
    event.setUseValuesFromTriggerTime(True)
    element = event.createTrigger()
    element.setInitialValue(holds)
    element.setPersistent(True)
    element.setMath(to_mathml(trigger))
    for variable, value in values.items():
        assignment = event.createEventAssignment()
        assignment.setVariable(variable)
        assignment.setMath(to_mathml(value))
