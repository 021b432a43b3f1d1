"""Events as Level 2 can say them: it knows no priorities, and no event of it is given up or happens at the start."""

from __future__ import annotations

import math
from typing import Any

from sbmlqsp.engine.event_order import EventOrder
from sbmlqsp.engine.libsbml_formula import to_mathml
from sbmlqsp.engine.network import Event, Network
from sbmlqsp.errors import UnsupportedError
from sbmlqsp.expressions import Expr, num, substitute, sym

__all__ = ["lower_events"]

REMEDY = "write the model as Level 3, or rewrite the event"


def lower_events(model: Any, network: Network) -> list[str]:
    """Rewrite the events of a document for Level 2 where it is proven to matter to nothing; return what was rewritten.

    Raises
    ------
    UnsupportedError
        An event means something that Level 2 cannot say.
    """
    order = EventOrder(network)
    pairs = list(zip(list(model.getListOfEvents()), network.events, strict=True))
    first = [e for _, e in pairs if not e.initial_value and order.fires_at_start(e)]
    notes = []
    for element, event in pairs:
        _refuse(order, event)
        if event in first:
            _refuse_start(order, event, first)
            notes.append(f"'{event.id}', which happens at the start, is in the initial assignments")
        else:
            notes += _plain(element, event, rivals=bool(order.rivals(event)))
    _into_initial_assignments(model, network, first)
    for element, event in pairs:
        if event in first:
            element.removeFromParentAndDelete()
    return notes


def _refuse(order: EventOrder, event: Event) -> None:
    if not event.assignments:
        raise UnsupportedError(
            f"the event '{event.id}' assigns nothing, which Level 2 cannot say", remedy="delete the event"
        )
    if event.priority is not None and order.needs_priority(event):
        rivals = ", ".join(f"'{e.id}'" for e in order.rivals(event)[:3]) or "itself"
        raise UnsupportedError(
            f"the event '{event.id}' has a priority, which Level 2 cannot say, and may meet {rivals}", remedy=REMEDY
        )
    if order.needs_persistence(event):
        raise UnsupportedError(
            f"the event '{event.id}' is given up when its trigger turns false again (persistent is false), which "
            "Level 2 cannot say",
            remedy=REMEDY,
        )


def _plain(element: Any, event: Event, *, rivals: bool) -> list[str]:
    """Take from an event what is proven to matter to nothing."""
    notes = []
    if event.priority is not None:
        element.unsetPriority()
        notes.append(f"the priority of '{event.id}', which meets no other, is left out")
    if not event.persistent:
        element.getTrigger().setPersistent(True)
        notes.append(f"'{event.id}' is persistent, since its trigger stays true or it happens at once")
    if not event.initial_value:
        element.getTrigger().setInitialValue(True)
        notes.append(f"the trigger of '{event.id}' is false at the start anyway")
    if not event.values_from_trigger and event.delay is None:
        if rivals:  # Level 2 wants a delay where values are taken when the event happens
            element.createDelay().setMath(to_mathml(num(0.0)))
        else:
            element.setUseValuesFromTriggerTime(True)
    return notes


# -------------------------------------------------------------------------------------------------------- at the start
def _refuse_start(order: EventOrder, event: Event, first: list[Event]) -> None:
    why = _not_foldable(order, event, first)
    if why:
        raise UnsupportedError(
            f"the event '{event.id}' happens at the start, which Level 2 cannot say, and cannot be written as initial "
            f"assignments: {why}",
            remedy=REMEDY,
        )


def _not_foldable(order: EventOrder, event: Event, first: list[Event]) -> str:
    """Say why the values that an event sets at the start cannot be written as initial ones; ``""`` where they can."""
    network, affected = order.network, frozenset().union(*map(order.affected, first))
    if order.instant(event) is None:
        return "its trigger is not just that a time has come"
    if event.delay is not None:
        return "it has a delay"
    if any(e in first for e in order.rivals(event)):
        return "another event at the start disturbs it"
    for name, formula in event.assignments.items():
        read = (formula.symbols() - {name}) & affected
        own = network.symbols[name]
        home = own.compartment in affected if own.kind == "species" else False
        if read or home:
            return f"what it assigns to '{name}' reads '{min(read, default=own.compartment)}', which changes with it"
        if name in formula.symbols() and own.missing and name not in network.initial_assignments:
            return f"'{name}' has no value of its own"
    before = _values_before(network, first)
    for name, formula in network.initial_assignments.items():
        read = substitute(formula, before).symbols() & affected
        if read:
            return f"the initial value of '{name}' is computed from '{min(read)}' as it is before"
    other = (e for e in network.events if e not in first and order.instant(e) is None)
    watching = next((e for e in other if e.trigger.symbols() & affected), None)
    return f"the trigger of '{watching.id}' reads what it changes" if watching else ""


def _values_before(network: Network, first: list[Event]) -> dict[str, Expr]:
    """Return the values before the events at the start of what they set."""
    return {name: _before(network, name) for event in first for name in event.assignments}


def _into_initial_assignments(model: Any, network: Network, first: list[Event]) -> None:
    before = _values_before(network, first)
    for name, formula in network.initial_assignments.items():
        if formula.symbols() & before.keys() and name not in before:
            model.getInitialAssignment(name).setMath(to_mathml(substitute(formula, before)))
    for event in first:
        for name, formula in event.assignments.items():
            model.removeInitialAssignment(name)
            assignment = model.createInitialAssignment()
            assignment.setSymbol(name)
            assignment.setMath(to_mathml(substitute(formula, {name: _before(network, name)})))


def _before(network: Network, name: str) -> Expr:
    """Return the value that a symbol starts with by the file, in its meaning in formulas."""
    if name in network.initial_assignments:
        return network.initial_assignments[name]
    symbol = network.symbols[name]
    value = num(symbol.value if not math.isnan(symbol.value) else 0.0)
    if symbol.kind != "species" or symbol.value_is_amount == symbol.amount_only or symbol.value == 0:
        return value
    return Expr("div" if symbol.value_is_amount else "mul", (value, sym(symbol.compartment)))
