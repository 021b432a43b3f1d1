"""Reactions written so that more tools read them: no factors, no fractions, no net rates, no reaction as a number."""

from __future__ import annotations

import math
from typing import Any

from sbmlqsp.engine.initial import initial_state, static_symbols
from sbmlqsp.engine.libsbml_draft import Draft
from sbmlqsp.engine.libsbml_formula import to_mathml
from sbmlqsp.engine.network import Participant, Reaction
from sbmlqsp.engine.signs import AmbiguousSignError, signed_parts
from sbmlqsp.expressions import Expr, num, substitute, sym

__all__ = ["boundary_as_modifiers", "fold_factors", "inline_rates", "split_reversible", "whole_stoichiometries"]


def fold_factors(draft: Draft) -> list[str]:
    """Multiply conversion factors that are numbers into stoichiometries."""
    network = draft.network
    static, start = static_symbols(network), initial_state(network)
    factors = {s.id: s.conversion_factor for s in network.species if s.conversion_factor}
    if not factors or any(f not in static for f in factors.values()):
        return []
    references = [p for r in draft.model.getListOfReactions() for p in _references(r)]
    if any(p.isSetId() for p in references if p.getSpecies() in factors):
        return []
    for p in references:
        if p.getSpecies() in factors:
            p.setStoichiometry(p.getStoichiometry() * float(start[factors[p.getSpecies()]]))
            p.setConstant(True)
    for species in draft.model.getListOfSpecies():
        species.unsetConversionFactor()
    draft.model.unsetConversionFactor()
    return sorted(factors)


def _references(reaction: Any) -> list[Any]:
    return [*reaction.getListOfReactants(), *reaction.getListOfProducts()]


# ----------------------------------------------------------------------------------------------------- stoichiometries
def whole_stoichiometries(draft: Draft) -> list[str]:
    """Write reactions with fractions or formulas as stoichiometries as one reaction per species.

    ``A -> 1.5 B; v`` becomes ``A -> ; v`` and ``-> B; 1.5*v``: the same rates of change, but not the same jumps.
    """
    changed = []
    for reaction in draft.network.reactions.values():
        if reaction.law is not None and any(not _is_whole(p) for p in (*reaction.reactants, *reaction.products)):
            _one_per_species(draft, reaction)
            changed.append(reaction.id)
    return changed


def _is_whole(p: Participant) -> bool:
    return p.formula is None and not p.id and p.stoichiometry.is_integer()


def _one_per_species(draft: Draft, reaction: Reaction) -> None:
    """Keep the rate under the reaction's id, as a parameter set by a rule."""
    named = {p.id for p in (*reaction.reactants, *reaction.products) if p.id}
    parameters = [_stoichiometry_as_parameter(draft, name) for name in sorted(named)]
    old = draft.model.getReaction(reaction.id)
    home = old.getCompartment() if old.isSetCompartment() else ""
    old.removeFromParentAndDelete()
    rate = draft.parameter(reaction.id, None, name=reaction.name or f"rate of {reaction.id}")
    draft.assign(rate, reaction.law)  # type: ignore[arg-type]
    for side, make in (("reactants", "createReactant"), ("products", "createProduct")):
        for p in getattr(reaction, side):
            size = sym(p.id) if p.id else num(p.stoichiometry)
            law = sym(rate) if size.value == 1.0 else Expr("mul", (size, sym(rate)))
            _simple(draft, f"{reaction.id}__{p.species}", make, p.species, law, home)
    del parameters


def _stoichiometry_as_parameter(draft: Draft, name: str) -> str:
    reference = draft.model.getElementBySId(name)
    value = reference.getStoichiometry() if reference.isSetStoichiometry() else None
    constant = reference.getConstant()
    reference.unsetId()
    return draft.parameter(name, value, unit="dimensionless", constant=constant, name=f"stoichiometry {name}")


def _simple(draft: Draft, wish: str, make: str, species: str, law: Expr, home: str) -> None:
    new = draft.model.createReaction()
    new.setId(draft.fresh(wish))
    new.setReversible(False)
    if home:
        new.setCompartment(home)
    participant = getattr(new, make)()
    participant.setSpecies(species)
    participant.setStoichiometry(1.0)
    participant.setConstant(True)
    new.createKineticLaw().setMath(to_mathml(law))


# ------------------------------------------------------------------------------------------------------------ net rates
def split_reversible(draft: Draft) -> list[str]:
    """Write reversible reactions as one reaction each way, where the law is what goes one way less what comes back."""
    network = draft.network
    changed = []
    for reaction in network.reactions.values():
        sides = (*reaction.reactants, *reaction.products)
        if not reaction.reversible or reaction.law is None or any(p.id for p in sides):
            continue
        consumed = {p.species for p in reaction.reactants} - {p.species for p in reaction.products}
        try:
            forward, backward = signed_parts(reaction.law, rules=network.assignment_rules, reactants=consumed)
        except AmbiguousSignError:
            continue
        if backward is None:
            continue
        _split(draft, reaction, forward, backward)
        changed.append(reaction.id)
    return changed


def _split(draft: Draft, reaction: Reaction, forward: Expr, backward: Expr) -> None:
    old = draft.model.getReaction(reaction.id)
    new = old.clone()
    new.setId(draft.fresh(f"{reaction.id}__back"))
    new.unsetMetaId()
    for p in _references(new):
        p.unsetId()
        p.unsetMetaId()
    turned = [(p, "createProduct") for p in old.getListOfReactants()]
    turned += [(p, "createReactant") for p in old.getListOfProducts()]
    new.getListOfReactants().clear()
    new.getListOfProducts().clear()
    for p, make in turned:
        copy = getattr(new, make)()
        copy.setSpecies(p.getSpecies())
        copy.setStoichiometry(p.getStoichiometry())
        copy.setConstant(True)
    for one, law in ((old, forward), (new, backward)):
        one.setReversible(False)
        one.getKineticLaw().setMath(to_mathml(law))
    draft.model.addReaction(new)
    net = Expr("sub", (sym(reaction.id), sym(new.getId())))
    draft.rewrite(lambda e: substitute(e, {reaction.id: net}))


# ------------------------------------------------------------------------------------------------------ rates, as names
def inline_rates(draft: Draft) -> list[str]:
    """Replace ids of reactions in formulas by their laws, and ``rateOf`` by the rate of change that reactions make."""
    from sbmlqsp.engine.initial import rate_of

    network = draft.network
    laws = {r.id: r.law for r in network.reactions.values() if r.law is not None}

    def without_rate_of(expr: Expr) -> Expr:
        if expr.op == "rateOf":
            return without_rate_of(_tidy(rate_of(network, str(expr.args[0].value))))
        args = tuple(without_rate_of(a) for a in expr.args)
        return Expr(expr.op, args, expr.value, expr.unit) if args != expr.args else expr

    def inlined(expr: Expr) -> Expr:
        new = without_rate_of(expr) if expr.has("rateOf") else expr
        while new.symbols() & laws.keys():
            new = substitute(new, laws)
        return new

    return draft.rewrite(inlined)


def _tidy(expr: Expr) -> Expr:
    """Write products with plus or minus one without the one, and sums of one term as the term."""
    args = tuple(_tidy(a) for a in expr.args)
    if expr.op == "add" and len(args) == 1:
        return args[0]
    if expr.op == "mul":
        sign = math.prod(float(a.value or 0.0) for a in args if a.op == "num" and a.value in {1.0, -1.0})
        rest = tuple(a for a in args if not (a.op == "num" and a.value in {1.0, -1.0}))
        product = Expr("mul", rest) if len(rest) > 1 else (rest or (num(1.0),))[0]
        return product if sign > 0 else Expr("neg", (product,))
    return Expr(expr.op, args, expr.value, expr.unit) if args != expr.args else expr


# ---------------------------------------------------------------------------------------------------------- boundaries
def boundary_as_modifiers(draft: Draft) -> list[str]:
    """Take boundary and constant species out of the sides of reactions, which do not change them."""
    held = {s.id for s in draft.network.species if s.boundary or s.constant}
    changed: list[str] = []
    for reaction in list(draft.model.getListOfReactions()):
        for p in [p for p in _references(reaction) if p.getSpecies() in held and not p.isSetId()]:
            p.removeFromParentAndDelete()
            changed.append(reaction.getId())
    for species in draft.model.getListOfSpecies():
        if species.getId() in held and not any(
            p.getSpecies() == species.getId() for r in draft.model.getListOfReactions() for p in _references(r)
        ):
            species.setBoundaryCondition(False)
    _drop_empty(draft, changed)
    return list(dict.fromkeys(changed))


def _drop_empty(draft: Draft, names: list[str]) -> None:
    """Remove reactions that change nothing any more, unless formulas read their rates."""
    read = {n for _, formula in draft.formulas() for n in formula.symbols()}
    for name in dict.fromkeys(names):
        reaction = draft.model.getReaction(name)
        if not _references(reaction) and name not in read:
            reaction.removeFromParentAndDelete()
