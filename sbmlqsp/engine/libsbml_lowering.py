"""Rewrites a document so that an older level of SBML can say it, without a change of what it means."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from sbmlqsp.engine.initial import rate_of
from sbmlqsp.engine.libsbml import lib, parse, write
from sbmlqsp.engine.libsbml_edit import prepare
from sbmlqsp.engine.libsbml_extract import extract
from sbmlqsp.engine.libsbml_formula import to_mathml
from sbmlqsp.engine.libsbml_formulas import formulas
from sbmlqsp.engine.libsbml_lowering_events import lower_events
from sbmlqsp.engine.libsbml_math import Formulas
from sbmlqsp.engine.libsbml_rename import nodes
from sbmlqsp.engine.lowering import lowered
from sbmlqsp.engine.network import Network, Participant, Reaction
from sbmlqsp.errors import UnsupportedError
from sbmlqsp.expressions import CONSTANTS, Expr, num, sym

__all__ = ["lowered_sbml"]

REMEDY = "write the model as Level 3 Version 2, or rewrite what is named"


def lowered_sbml(sbml: str, level: int, version: int) -> tuple[str, list[str]]:
    """Return a Level 3 Version 2 document of equal meaning that an older level can say, and what was rewritten.

    Raises
    ------
    UnsupportedError
        The older level cannot say it; names the element.
    """
    text = prepare(sbml)
    network = extract(text)
    document = parse(text, scanned=True)
    model = document.getModel()
    notes: list[str] = []
    _refuse_empty_reactions(network, level, version)
    _drop_empty(model, notes)
    notes += _lower_formulas(model, network, avogadro=level == 3)
    if level == 2:
        _refuse_for_level_2(model, network)
        _lower_units(model, notes)
        _lower_points(model, network, notes)
        notes += _lower_stoichiometries(model, network)
        notes += lower_events(model, network)
        notes += _bare_numbers(network)
    return write(document), notes


def _refuse_empty_reactions(network: Network, level: int, version: int) -> None:
    for r in network.reactions.values():
        if not r.reactants and not r.products:
            raise UnsupportedError(
                f"the reaction '{r.id}' has neither reactants nor products, which Level {level} Version {version} "
                "cannot say",
                remedy="delete the reaction, and write its rate as an assignment rule where something reads it",
            )


def _drop_empty(model: Any, notes: list[str]) -> None:
    """Drop elements without a formula, which mean nothing."""
    found = [*model.getListOfRules(), *model.getListOfInitialAssignments(), *model.getListOfConstraints()]
    found += [r.getKineticLaw() for r in model.getListOfReactions() if r.isSetKineticLaw()]
    for event in model.getListOfEvents():
        found += [p for p in (event.getDelay(), event.getPriority(), *event.getListOfEventAssignments()) if p]
        if not event.getTrigger().isSetMath():
            event.getTrigger().setMath(to_mathml(Expr("false")))
    for element in found:
        if not element.isSetMath():
            notes.append(f"a {element.getElementName()} without a formula was left out")
            element.removeFromParentAndDelete()


# ----------------------------------------------------------------------------------------------------------- formulas
def _lower_formulas(model: Any, network: Network, *, avogadro: bool) -> list[str]:
    def rate(name: str) -> Expr:
        return rate_of(network, name)

    notes = []
    for element, old, what in formulas(model, network):
        logical = element.getElementName() in {"trigger", "constraint"}
        new = lowered(old, rate=rate, avogadro=avogadro, logical=logical)
        if new != old:
            element.setMath(to_mathml(new, units=True))
            notes.append(f"{what} is written in other words")
    _drop_functions(model, rate, avogadro=avogadro)
    return notes


def _drop_functions(model: Any, rate: Callable[[str], Expr], *, avogadro: bool) -> None:
    """Drop functions that the level cannot say; nothing calls them any more, as formulas that did are written out."""
    reader = Formulas(model)
    for f in list(model.getListOfFunctionDefinitions()):
        body = reader.read(f.getBody()) if f.getBody() is not None else None
        # A truth value may be a function's result at any level.
        sayable = body is not None and body in {
            lowered(body, rate=rate, avogadro=avogadro, logical=logical) for logical in (False, True)
        }
        if not sayable and not body_calls(model, f.getId()):
            f.removeFromParentAndDelete()


def body_calls(model: Any, name: str) -> bool:
    """Say whether any formula outside of function definitions calls a function."""
    found = model.getListOfAllElements()
    elements = (found.get(i) for i in range(found.getSize()))
    return any(
        node.getName() == name and node.getType() == lib().AST_FUNCTION
        for e in elements
        if e.getElementName() != "functionDefinition" and hasattr(e, "isSetMath") and e.isSetMath()
        for node in nodes(e.getMath())
    )


# ------------------------------------------------------------------------------------------------------------ level 2
def _refuse_for_level_2(model: Any, network: Network) -> None:
    for c in network.compartments:
        element = model.getCompartment(c.id)
        if not element.isSetSpatialDimensions():
            element.setSpatialDimensions(3)  # as it is read everywhere here, and as Level 2 takes it
        if c.dimensions not in {0.0, 1.0, 2.0, 3.0}:
            raise UnsupportedError(
                f"the compartment '{c.id}' has {c.dimensions:g} dimensions, which Level 2 cannot say", remedy=REMEDY
            )
    for definition in model.getListOfUnitDefinitions():
        for unit in definition.getListOfUnits():
            if not float(unit.getExponentAsDouble()).is_integer():
                raise UnsupportedError(
                    f"the unit '{definition.getId()}' has the exponent {unit.getExponentAsDouble():g}, which Level 2 "
                    "cannot say",
                    remedy=REMEDY,
                )


def _lower_units(model: Any, notes: list[str]) -> None:
    """Say Avogadro's number as a factor, since Level 2 has no unit of that name."""
    for definition in model.getListOfUnitDefinitions():
        for unit in definition.getListOfUnits():
            if unit.getKind() == lib().UNIT_KIND_AVOGADRO:
                unit.setKind(lib().UNIT_KIND_DIMENSIONLESS)
                unit.setMultiplier(unit.getMultiplier() * CONSTANTS["avogadro"])
                notes.append(f"the unit '{definition.getId()}' has Avogadro's number as a factor")


def _lower_points(model: Any, network: Network, notes: list[str]) -> None:
    """Drop the sizes of compartments without dimensions where they are those of a compartment without a size."""
    read = frozenset().union(*(f.symbols() for _, _, f in network.formulas()))
    moved = {*network.assignment_rules, *network.rate_rules, *network.initial_assignments, *network.changed_by_events}
    for c in (c for c in network.compartments if c.dimensions == 0):
        if c.id in read or c.id in moved or not (c.missing or c.value == 1):
            raise UnsupportedError(
                f"the compartment '{c.id}' has no dimensions and yet a size, which Level 2 cannot say", remedy=REMEDY
            )
        if not c.missing:
            model.getCompartment(c.id).unsetSize()
            notes.append(f"the compartment '{c.id}' without dimensions has no size")
        for s in (s for s in network.species if s.compartment == c.id):
            element = model.getSpecies(s.id)
            element.setHasOnlySubstanceUnits(True)
            if not s.value_is_amount:
                element.unsetInitialConcentration()
                element.setInitialAmount(s.value * (1.0 if math.isnan(c.value) else c.value))


def _lower_stoichiometries(model: Any, network: Network) -> list[str]:
    """Write stoichiometries that vary or are read as parameters, and conversion factors into stoichiometries."""
    read = frozenset().union(*(f.symbols() for role, _, f in network.formulas() if role != "stoichiometry"))
    notes = []
    for reaction in network.reactions.values():
        element = model.getReaction(reaction.id)
        for participants, side in ((reaction.reactants, "Reactants"), (reaction.products, "Products")):
            references = getattr(element, f"getListOf{side}")()
            for i, p in enumerate(participants):
                factor = network.symbols[p.species].conversion_factor
                named = bool(p.id) and (p.formula is not None or p.id in read)
                if named:
                    _to_parameter(model, network, p)
                    notes.append(f"the stoichiometry '{p.id}' is a parameter")
                if named or factor:
                    size = sym(p.id) if named else num(p.stoichiometry)
                    rule = Expr("mul", (size, sym(factor))) if factor else size
                    _computed(model, references.get(i), _new_id(model, p, reaction), rule)
    for s in network.species:
        if s.conversion_factor:
            model.getSpecies(s.id).unsetConversionFactor()
            notes.append(f"the conversion factor of '{s.id}' stands in its stoichiometries")
    return notes


def _bare_numbers(network: Network) -> list[str]:
    """Say whose numbers lose the units that only Level 3 gives them."""
    bearing = (name for _, name, f in network.formulas() if any(node.unit for node in f.walk()))
    return [f"the numbers in the formula of '{name}' carry no units" for name in dict.fromkeys(bearing)]


def _to_parameter(model: Any, network: Network, p: Participant) -> None:
    symbol = network.symbols[p.id]
    model.getElementBySId(p.id).unsetId()
    parameter = model.createParameter()
    parameter.setId(p.id)
    parameter.setConstant(symbol.constant)
    parameter.setUnits("dimensionless")
    if not math.isnan(symbol.value):
        parameter.setValue(symbol.value)


def _computed(model: Any, reference: Any, name: str, formula: Expr) -> None:
    reference.setId(name)
    reference.setConstant(False)
    reference.unsetStoichiometry()
    rule = model.createAssignmentRule()
    rule.setVariable(name)
    rule.setMath(to_mathml(formula))


def _new_id(model: Any, p: Participant, reaction: Reaction) -> str:
    name = f"{p.id or p.species}_in_{reaction.id}"
    while model.getElementBySId(name) is not None:
        name += "_"
    return name
