"""A model whose events change nothing and tell that they fired, or came near to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sbmlqsp.engine.libsbml import parse, write
from sbmlqsp.engine.libsbml_event import add_event
from sbmlqsp.engine.network import Network
from sbmlqsp.engine.sizes import size_of_both
from sbmlqsp.expressions import Expr, num, sym

__all__ = ["NEAR", "NEVER", "Watched", "watched"]

NEAR = 0.05
"""How near to a threshold what is compared with it comes near, as a part of its size."""
NEVER = -1.0
"""When what did not happen happened."""


@dataclass(frozen=True, slots=True)
class Watched:
    """By event parameters that hold times: when it first fired, first came near, last left again and last came back."""

    event: str
    fired: str
    came: str
    left: str
    back: str


def watched(sbml: str, network: Network) -> tuple[str, tuple[Watched, ...]]:
    """Return the document with events that only note when they happen, and what they note.

    An integrator that looks at events at the ends of its steps does not see one that only the tip of a peak between
    two of them lets happen; that the peak comes near it sees long before.
    """
    document = parse(sbml, scanned=True)
    model = document.getModel()
    while model.getNumEvents():
        model.removeEvent(0)
    taken, out = {*network.symbols, *network.reactions}, []
    for index, event in enumerate(network.events):
        names = [_parameter(model, f"qsp_{what}_{index}", taken) for what in ("fired", "came", "left", "back")]
        near = _moved(event.trigger, network, outwards=True)
        _note(model, names[0], event.trigger, initial=event.initial_value, again=False)
        _note(model, names[1], near, initial=False, again=False)
        _note(model, names[2], Expr("not", (near,)), initial=True, again=True)
        _note(model, names[3], near, initial=False, again=True)
        out.append(Watched(event.id, *names))
    return write(document), tuple(out)


def _parameter(model: Any, name: str, taken: set[str]) -> str:
    while name in taken:
        name += "_"
    taken.add(name)
    parameter = model.createParameter()
    parameter.setId(name)
    parameter.setConstant(False)
    parameter.setValue(NEVER)
    return name


def _note(model: Any, name: str, trigger: Expr, *, initial: bool, again: bool) -> None:
    """Add an event that notes the time at which it happens, first or last."""
    first = Expr("piecewise", (Expr("time"), Expr("lt", (sym(name), num(0.0))), sym(name)))
    add_event(model, f"{name}_event", trigger, {name: Expr("time") if again else first}, holds=initial)


def _moved(trigger: Expr, network: Network, *, outwards: bool) -> Expr:
    """Return a condition that holds where a trigger holds or nearly does; inwards, only where it certainly does."""
    op, args, rules = trigger.op, trigger.args, network.assignment_rules
    if op in {"and", "or"}:
        return Expr(op, tuple(_moved(a, network, outwards=outwards) for a in args))
    if op == "not":
        return Expr(op, (_moved(args[0], network, outwards=not outwards),))
    if op == "sym" and str(trigger.value) in rules:
        return _moved(rules[str(trigger.value)], network, outwards=outwards)
    if op in {"gt", "ge", "lt", "le"} and len(args) == 2:
        high, low = args if op in {"gt", "ge"} else args[::-1]
        near = Expr("mul", (num(NEAR), size_of_both(trigger, rules)))
        moved = Expr("add" if outwards else "sub", (high, near))
        return Expr("gt", (moved, low))
    return Expr("gt", (num(1.0), num(0.0))) if outwards else Expr("gt", (num(0.0), num(1.0)))
