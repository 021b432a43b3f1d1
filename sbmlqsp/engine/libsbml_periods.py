"""A model that can be started anew in the middle of a course: its clock has an origin, its events a memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sbmlqsp.engine.libsbml import lib, node_type, parse, write
from sbmlqsp.engine.libsbml_event import add_parameter, unused
from sbmlqsp.engine.libsbml_formula import to_mathml
from sbmlqsp.engine.network import Network
from sbmlqsp.errors import UnsupportedError
from sbmlqsp.expressions import Expr, num, sym

__all__ = ["Restartable", "restartable"]


@dataclass(frozen=True, slots=True)
class Restartable:
    """The document, and the parameters built into it.

    ``origin`` is added to the time since the last start. ``held`` has one parameter per event, 1 while its trigger was
    true before the start and has been so since; ``quiet`` stills all events while it is 1. Empty where not needed.
    """

    sbml: str
    origin: str = ""
    held: tuple[str, ...] = ()
    quiet: str = ""


def restartable(sbml: str, network: Network) -> Restartable:
    """Build into a model what lets a run of it go on from any state, at any time, with any memory of its events.

    An event fires when its trigger turns true, so that a run from a new state must know what the triggers were before.
    That is in parameters: whoever starts the model says which triggers were true.

    Parameters
    ----------
    sbml : str
        Canonical SBML.
    network : Network
        Its network.
    """
    timed = any(expr.has("time") for _, _, expr in network.formulas())
    if not timed and not network.events:
        return Restartable(sbml)
    document = parse(sbml, scanned=True)
    model = document.getModel()
    origin = add_parameter(model, "qsp_origin", 0.0) if timed else ""
    if timed:
        _shift_time(model, origin)
    if not network.events:
        return Restartable(write(document), origin)
    quiet = add_parameter(model, "qsp_quiet", 0.0)
    fired = [e for e in model.getListOfEvents() if e.isSetTrigger()]
    held = tuple(_remember(model, event, i, quiet) for i, event in enumerate(fired))
    return Restartable(write(document), origin, held, quiet)


def _shift_time(model: Any, origin: str) -> None:
    """Read the time as the time since the start plus an origin, in every formula."""
    for element in model.getListOfAllElements():
        if not hasattr(element, "setMath") or not element.isSetMath():
            continue
        new = _shifted(element.getMath().deepCopy(), origin)
        if element.getTypeCode() != lib().SBML_FUNCTION_DEFINITION:
            element.setMath(new)
        elif origin in str(lib().formulaToL3String(new)):
            raise UnsupportedError(
                f"the function '{element.getId()}' reads the time, which a run that starts later cannot shift",
                remedy="give the time to the function as an argument",
            )


def _shifted(tree: Any, origin: str) -> Any:
    """Return a formula with the time replaced; the formula itself may be it."""
    if node_type(tree) == lib().AST_NAME_TIME:
        return to_mathml(_now(origin))
    stack = [tree]
    while stack:
        node = stack.pop()
        for i in range(node.getNumChildren()):
            child = node.getChild(i)
            if node_type(child) == lib().AST_NAME_TIME:
                node.replaceChild(i, to_mathml(_now(origin)), True)
            else:
                stack.append(child)
    return tree


def _now(origin: str) -> Expr:
    return Expr("add", (Expr("time"), sym(origin)))


def _remember(model: Any, event: Any, index: int, quiet: str) -> str:
    """Let an event fire only if its trigger was false before; return the parameter that says that it was not."""
    held = add_parameter(model, f"qsp_before_{index}", 0.0)
    trigger = event.getTrigger()
    before = trigger.getMath().deepCopy()
    trigger.setInitialValue(False)
    trigger.setMath(_all_of(before, Expr("lt", (sym(held), num(0.5))), Expr("lt", (sym(quiet), num(0.5)))))
    name = unused(model, f"qsp_release_{index}")
    release = model.createEvent()
    release.setId(name)
    release.setUseValuesFromTriggerTime(True)
    no_longer = lib().ASTNode(lib().AST_LOGICAL_NOT)
    no_longer.addChild(before)
    freed = release.createTrigger()
    freed.setInitialValue(False)
    freed.setPersistent(True)
    freed.setMath(_all_of(no_longer, Expr("gt", (sym(held), num(0.5)))))
    assignment = release.createEventAssignment()
    assignment.setVariable(held)
    assignment.setMath(to_mathml(num(0.0)))
    return held


def _all_of(first: Any, *others: Expr) -> Any:
    node = lib().ASTNode(lib().AST_LOGICAL_AND)
    node.addChild(first.deepCopy())
    for other in others:
        node.addChild(to_mathml(other))
    return node
