"""Write events, and what they change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sbmlqsp.engine.libsbml_formula import to_mathml
from sbmlqsp.errors import ModelError
from sbmlqsp.expressions import Expr

__all__ = ["add_event", "add_parameter", "unused"]


def unused(model: Any, name: str) -> str:
    """Return an id that is to be added.

    Raises
    ------
    ModelError
        The model has something of this name.
    """
    if model.getElementBySId(name) is not None:
        raise ModelError("the model uses a name that is reserved", value=name, remedy="rename it")
    return name


def add_parameter(model: Any, name: str, value: float) -> str:
    """Add a parameter that may change, if it is `unused`; return its id."""
    unused(model, name)
    parameter = model.createParameter()
    parameter.setId(name)
    parameter.setConstant(False)
    parameter.setValue(value)
    return name


def add_event(model: Any, name: str, trigger: Expr, values: Mapping[str, Expr], *, holds: bool) -> None:
    """Add an event that assigns values of when its trigger turns true; ``holds``: that is true before the start."""
    unused(model, name)
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
