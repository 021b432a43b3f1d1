"""Doses as SBML events, so that any engine gives them; and a model without its events."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Context
from typing import Any

from sbmlqsp.engine.libsbml import parse, write
from sbmlqsp.engine.libsbml_engine import LAST, infuse
from sbmlqsp.engine.libsbml_formula import to_mathml
from sbmlqsp.engine.libsbml_units import UnitIds
from sbmlqsp.engine.network import Network
from sbmlqsp.expressions import Expr, num
from sbmlqsp.units import Unit

__all__ = ["Change", "Inflow", "Quantity", "no_later", "without_events", "write_doses"]


@dataclass(frozen=True, slots=True)
class Quantity:
    """A parameter to add: its value or the formula of its value at the start, and what it is."""

    id: str
    value: float | Expr
    unit: Unit | None = None
    meaning: str = ""
    constant: bool = True


@dataclass(frozen=True, slots=True)
class Inflow:
    """An amount per time that flows into a target; ``id`` becomes the reaction's, where there is one."""

    id: str
    target: str
    rate: Expr


@dataclass(frozen=True, slots=True)
class Change:
    """At a time, new values, in the meaning of formulas; of two at one time that with the higher priority first."""

    id: str
    time: Expr
    values: Mapping[str, Expr]
    meaning: str = ""
    priority: float = LAST


def write_doses(
    sbml: str, network: Network, *, quantities: Iterable[Quantity], inflows: Iterable[Inflow], changes: Sequence[Change]
) -> str:
    """Return the document with parameters, inflows and one event per change.

    Each event starts out false, so that one at time 0 fires, and reads values when it is executed, after all other
    events of its instant, so that what happens then adds up. What a change sets is constant no longer.
    """
    document = parse(sbml, scanned=True)
    model = document.getModel()
    units = UnitIds(model)
    for q in quantities:
        _quantity(model, units, q)
    for flow in inflows:
        infuse(model, network, flow.target, flow.rate, reaction=flow.id)
    for change in changes:
        _event(model, change)
    return write(document)


def _quantity(model: Any, units: UnitIds, q: Quantity) -> None:
    parameter = model.createParameter()
    parameter.setId(q.id)
    parameter.setConstant(q.constant)
    if q.meaning:
        parameter.setName(q.meaning)
    if q.unit is not None:
        parameter.setUnits(units.of(q.unit))
    if isinstance(q.value, Expr):
        assignment = model.createInitialAssignment()
        assignment.setSymbol(q.id)
        assignment.setMath(to_mathml(q.value))
    else:
        parameter.setValue(q.value)


def _event(model: Any, change: Change) -> None:
    event = model.createEvent()
    event.setId(change.id)
    event.setUseValuesFromTriggerTime(False)
    event.createPriority().setMath(to_mathml(num(change.priority)))
    if change.meaning:
        event.setName(change.meaning)
    trigger = event.createTrigger()
    trigger.setInitialValue(False)
    trigger.setPersistent(True)
    trigger.setMath(to_mathml(Expr("ge", (Expr("time"), _written(change.time)))))
    for variable, value in change.values.items():
        assignment = event.createEventAssignment()
        assignment.setVariable(variable)
        assignment.setMath(to_mathml(value))
        model.getElementBySId(variable).setConstant(False)


def _written(time: Expr) -> Expr:
    """Return a time that the 15 digits of a file hold and that is no later, so that the event is not late either."""
    return num(no_later(float(time.value or 0.0))) if time.op == "num" else time


def no_later(time: float) -> float:
    """Return the largest number of 15 digits that is not above a time."""
    return float(Context(prec=15, rounding=ROUND_FLOOR).create_decimal_from_float(time))


def without_events(sbml: str) -> str:
    """Return the document without its events."""
    document = parse(sbml, scanned=True)
    model = document.getModel()
    while model.getNumEvents():
        model.removeEvent(0)
    return write(document)
