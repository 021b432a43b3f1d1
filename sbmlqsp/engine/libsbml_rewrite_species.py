"""Species, rules and first values written so that more tools read them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sbmlqsp.engine.initial import dependency_order, initial_state
from sbmlqsp.engine.libsbml_draft import Draft
from sbmlqsp.engine.libsbml_formula import to_mathml
from sbmlqsp.engine.libsbml_math import Formulas
from sbmlqsp.engine.network import Network, Symbol
from sbmlqsp.expressions import Expr, num, substitute, sym

__all__ = [
    "as_amounts",
    "as_concentrations",
    "assigned_species_as_parameters",
    "drop_constraints",
    "inline_rules",
    "numbers_at_start",
    "order_rules",
    "rates_as_reactions",
    "ruled_as_boundary",
    "set_start",
    "time_as_species",
]


# ------------------------------------------------------------------------------------------------------------- amounts
def as_amounts(draft: Draft) -> list[str]:
    """Let every species mean its amount, and read ``S/V`` in formulas where they read the concentration ``S``."""
    network = draft.network
    chosen = [s for s in network.species if not s.amount_only and not _trapped(network, s)]
    if not chosen:
        return []
    start = initial_state(network)
    over = {s.id: Expr("div", (sym(s.id), sym(s.compartment))) for s in chosen}
    draft.rewrite(lambda e: substitute(e, over))
    homes = {s.id: s.compartment for s in chosen}
    for element, formula in draft.formulas():
        target = _target(element)
        if target in homes:
            element.setMath(to_mathml(Expr("mul", (formula, sym(homes[target])))))
    computed = {a.getSymbol() for a in draft.model.getListOfInitialAssignments()} | set(network.assignment_rules)
    for s in chosen:
        species = draft.model.getSpecies(s.id)
        species.setHasOnlySubstanceUnits(True)
        if species.isSetInitialConcentration():
            species.unsetInitialConcentration()
            if s.id not in computed:
                species.setInitialAmount(float(start[f"amount({s.id})"]))
    return [s.id for s in chosen]


def _trapped(network: Network, s: Symbol) -> bool:
    """Say whether a species has a rate rule in a volume that changes, whose amount follows no simple law."""
    return s.id in network.rate_rules and s.compartment not in network.static


def _target(element: Any) -> str:
    kind = element.getElementName()
    if kind in {"assignmentRule", "rateRule", "eventAssignment"}:
        return str(element.getVariable())
    return str(element.getSymbol()) if kind == "initialAssignment" else ""


def as_concentrations(draft: Draft) -> list[str]:
    """Write the first values of species whose name is their concentration as concentrations."""
    start = initial_state(draft.network)
    computed = {a.getSymbol() for a in draft.model.getListOfInitialAssignments()}
    changed = []
    for s in draft.network.species:
        species = draft.model.getSpecies(s.id)
        if not s.amount_only and species.isSetInitialAmount() and s.id not in computed:
            species.unsetInitialAmount()
            species.setInitialConcentration(float(start[f"concentration({s.id})"]))
            changed.append(s.id)
    return changed


# -------------------------------------------------------------------------------------------------------- first values
def numbers_at_start(draft: Draft) -> list[str]:
    """Replace initial assignments by the numbers that they give; those of symbols with rules are left out."""
    network = draft.network
    start = initial_state(network)
    changed = [a.getSymbol() for a in draft.model.getListOfInitialAssignments()]
    while draft.model.getNumInitialAssignments():
        draft.model.removeInitialAssignment(0)
    for name in changed:
        set_start(draft, network.symbols[name], start)
    return changed


def set_start(draft: Draft, symbol: Symbol, start: dict[str, Any]) -> None:
    """Write a symbol's value at the start into its element."""
    element = draft.model.getElementBySId(symbol.id)
    if symbol.kind == "species":
        element.unsetInitialConcentration()
        element.unsetInitialAmount()
        if symbol.amount_only:
            element.setInitialAmount(float(start[f"amount({symbol.id})"]))
        else:
            element.setInitialConcentration(float(start[f"concentration({symbol.id})"]))
    elif symbol.kind == "compartment":
        element.setSize(float(start[symbol.id]))
    elif symbol.kind == "stoichiometry":
        element.setStoichiometry(float(start[symbol.id]))
    else:
        element.setValue(float(start[symbol.id]))


# --------------------------------------------------------------------------------------------------------------- rules
def ruled_as_boundary(draft: Draft) -> list[str]:
    """Declare species that a rule sets as boundary species, which no reaction changes anyway."""
    changed = []
    for name in (*draft.network.assignment_rules, *draft.network.rate_rules):
        species = draft.model.getSpecies(name)
        if species is not None and not species.getBoundaryCondition():
            species.setBoundaryCondition(True)
            changed.append(name)
    return changed


def assigned_species_as_parameters(draft: Draft) -> list[str]:
    """Make parameters of species that an assignment rule sets; reactions that name them only read them."""
    network = draft.network
    chosen = [s for s in network.species if s.id in network.assignment_rules]
    names = {s.id for s in chosen}
    for reaction in draft.model.getListOfReactions():
        for part in (reaction.getListOfReactants(), reaction.getListOfProducts(), reaction.getListOfModifiers()):
            for p in [p for p in part if p.getSpecies() in names and not p.isSetId()]:
                p.removeFromParentAndDelete()
    for s in chosen:
        old = draft.model.getSpecies(s.id)
        label, units = old.getName(), old.getSubstanceUnits() if s.amount_only else ""
        old.removeFromParentAndDelete()
        draft.parameter(s.id, None, name=label, unit=units)
    return [s.id for s in chosen]


def rates_as_reactions(draft: Draft) -> list[str]:
    """Write rate rules of parameters and of species in fixed volumes as reactions that make the species.

    A parameter becomes a species of that amount, in a compartment of size 1 of its own.
    """
    network = draft.network
    changed = []
    for name, rate in network.rate_rules.items():
        symbol = network.symbols[name]
        if symbol.kind not in {"parameter", "species"} or (symbol.kind == "species" and _trapped(network, symbol)):
            continue
        draft.model.removeRuleByVariable(name)
        per_amount = rate
        if symbol.kind == "species":
            _leave_reactions(draft, name)
            if not symbol.amount_only:
                per_amount = Expr("mul", (rate, sym(symbol.compartment)))
        else:
            _parameter_as_species(draft, symbol)
        _inflow(draft, name, per_amount)
        changed.append(name)
    return changed


def _leave_reactions(draft: Draft, name: str) -> None:
    """Take a species whose rate a rule gave out of the sides of reactions, which did not change it."""
    draft.model.getSpecies(name).setBoundaryCondition(False)
    for reaction in draft.model.getListOfReactions():
        for side in (reaction.getListOfReactants(), reaction.getListOfProducts()):
            for p in [p for p in side if p.getSpecies() == name]:
                p.removeFromParentAndDelete()


def _parameter_as_species(draft: Draft, symbol: Symbol) -> None:
    old = draft.model.getParameter(symbol.id)
    label, value = old.getName(), old.getValue() if old.isSetValue() else None
    old.removeFromParentAndDelete()
    _make_species(draft, symbol.id, label, value)


def _make_species(draft: Draft, name: str, label: str, value: float | None) -> None:
    """Add a species that is an amount, in the place for quantities that have no volume."""
    home = draft.model.getCompartment(HOME)
    if home is None:
        home = draft.model.createCompartment()
        home.setId(HOME)
        home.setName("a place for quantities that have no volume")
        home.setSpatialDimensions(3)
        home.setSize(1.0)
        home.setConstant(True)
    new = draft.model.createSpecies()
    new.setId(name)
    new.setName(label)
    new.setCompartment(HOME)
    new.setHasOnlySubstanceUnits(True)
    new.setBoundaryCondition(False)
    new.setConstant(False)
    if value is not None:
        new.setInitialAmount(value)


HOME = "sbmlqsp_unit_volume"


def _inflow(draft: Draft, name: str, law: Expr) -> None:
    reaction = draft.model.createReaction()
    reaction.setId(draft.fresh(f"{name}__rate"))
    reaction.setReversible(False)
    product = reaction.createProduct()
    product.setSpecies(name)
    product.setStoichiometry(1.0)
    product.setConstant(True)
    reaction.createKineticLaw().setMath(to_mathml(law))


def order_rules(draft: Draft) -> list[str]:
    """Write assignment rules in the order in which they need each other."""
    reader = Formulas(draft.model)
    rules = {r.getVariable(): r for r in draft.model.getListOfRules() if r.isAssignment()}
    needs = {k: reader.read(r.getMath()).symbols() & rules.keys() for k, r in rules.items() if r.isSetMath()}
    order = dependency_order(needs)
    if order == list(needs):
        return []
    copies = [rules[name].clone() for name in order]
    for name in order:
        draft.model.removeRuleByVariable(name)
    for copy in copies:
        draft.model.addRule(copy)
    return order


def inline_rules(draft: Draft, keep: Iterable[str] = ()) -> list[str]:
    """Write the formulas of assignment rules of parameters where their names are read, and drop the rules."""
    network, kept = draft.network, set(keep)
    chosen = [k for k in network.assignment_rules if network.symbols[k].kind == "parameter" and k not in kept]
    order = dependency_order({k: network.assignment_rules[k].symbols() & set(chosen) for k in chosen})
    bodies: dict[str, Expr] = {}
    for name in order:
        bodies[name] = substitute(network.assignment_rules[name], bodies)
    draft.rewrite(lambda e: substitute(e, bodies))
    for name in order:
        draft.model.removeRuleByVariable(name)
        draft.model.removeParameter(name)
    return order


def time_as_species(draft: Draft) -> list[str]:
    """Read the time in formulas from a species that grows by 1 per unit of time; triggers and delays keep it."""
    name = draft.fresh("model_time")
    changed = draft.rewrite(
        lambda e: _clocked(e, name), only=frozenset({"kineticLaw", "assignmentRule", "rateRule", "eventAssignment"})
    )
    if changed:
        _make_species(draft, name, "the time", 0.0)
        _inflow(draft, name, num(1.0))
    return changed


def _clocked(expr: Expr, name: str) -> Expr:
    if expr.op == "time":
        return sym(name)
    if expr.op == "piecewise" and any(c.has("time") for c in expr.args[1::2]):
        return expr  # a window of time that is no longer one of time is stepped over
    args = tuple(_clocked(a, name) for a in expr.args)
    return Expr(expr.op, args, expr.value, expr.unit) if args != expr.args else expr


def drop_constraints(draft: Draft) -> list[str]:
    """Drop constraints, which change no number."""
    count = draft.model.getNumConstraints()
    while draft.model.getNumConstraints():
        draft.model.removeConstraint(0)
    return [f"constraint {i + 1}" for i in range(count)]
