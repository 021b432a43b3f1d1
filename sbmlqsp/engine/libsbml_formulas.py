"""The formulas of a document beside those of the network that was extracted from it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sbmlqsp.engine.libsbml_formula import to_mathml
from sbmlqsp.engine.network import Network
from sbmlqsp.expressions import Expr

__all__ = ["formulas", "write_formulas"]


def write_formulas(model: Any, network: Network) -> None:
    """Write every formula of a network into its document, which then needs no function definitions."""
    for element, formula, _ in formulas(model, network):
        element.setMath(to_mathml(formula))
    while model.getNumFunctionDefinitions():
        model.removeFunctionDefinition(0)


def formulas(model: Any, network: Network) -> Iterator[tuple[Any, Expr, str]]:
    """Yield each element of a document that has a formula, the formula in the network, and words for it."""
    algebraic, constraints = iter(network.algebraic_rules), iter(network.constraints)
    for rule in filter(_has_formula, model.getListOfRules()):
        name = rule.getVariable()
        if rule.isAlgebraic():
            yield rule, next(algebraic), "an algebraic rule"
        else:
            table = network.assignment_rules if rule.isAssignment() else network.rate_rules
            yield rule, table[name], f"the {'assignment' if rule.isAssignment() else 'rate'} rule of '{name}'"
    for a in filter(_has_formula, model.getListOfInitialAssignments()):
        yield a, network.initial_assignments[a.getSymbol()], f"the initial assignment of '{a.getSymbol()}'"
    for c in filter(_has_formula, model.getListOfConstraints()):
        yield c, next(constraints), "a constraint"
    for r in model.getListOfReactions():
        law = network.reactions[r.getId()].law
        if law is not None:
            yield r.getKineticLaw(), law, f"the law of '{r.getId()}'"
    yield from _of_events(model, network)


def _has_formula(element: Any) -> bool:
    return bool(element.isSetMath())


def _of_events(model: Any, network: Network) -> Iterator[tuple[Any, Expr, str]]:
    elements = (e for e in model.getListOfEvents() if e.isSetTrigger())
    for element, event in zip(elements, network.events, strict=True):
        yield element.getTrigger(), event.trigger, f"the trigger of '{event.id}'"
        for part, formula in ((element.getDelay(), event.delay), (element.getPriority(), event.priority)):
            if formula is not None:
                yield part, formula, f"the {part.getElementName()} of '{event.id}'"
        for a in filter(_has_formula, element.getListOfEventAssignments()):
            yield a, event.assignments[a.getVariable()], f"what '{event.id}' assigns to '{a.getVariable()}'"
