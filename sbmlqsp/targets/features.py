"""Which features of SBML a model uses, and where."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from sbmlqsp.errors import QSPError

if TYPE_CHECKING:
    from sbmlqsp.engine.network import Event, Participant
    from sbmlqsp.expressions import Expr
from sbmlqsp.issues import Case
from sbmlqsp.model import Model

__all__ = ["FEATURES", "features_of"]

STEPS = frozenset({"floor", "ceil"})
INVERSE_HYPERBOLIC = frozenset({"asinh", "acosh", "atanh"})
RECIPROCAL = frozenset(
    "sec csc cot sech csch coth asec acsc acot asech acsch acoth".split()  # and their inverses
)
# Operators of formulas, by the feature that they are.
OPERATORS: Mapping[str, frozenset[str]] = {
    "time": frozenset({"time"}),
    "avogadro": frozenset({"avogadro"}),
    "delay-function": frozenset({"delay"}),
    "rate-of": frozenset({"rateOf"}),
    "piecewise": frozenset({"piecewise"}),
    "min-max": frozenset({"min", "max"}),
    "rem-quotient": frozenset({"rem", "quotient"}),
    "implies": frozenset({"implies"}),
    "xor": frozenset({"xor"}),
    "floor-ceil": STEPS,
    "abs": frozenset({"abs"}),
    "root": frozenset({"sqrt", "root"}),
    "factorial": frozenset({"factorial"}),
    "logarithm-to-a-base": frozenset({"log10", "log"}),
    "hyperbolic": frozenset({"sinh", "cosh", "tanh"}),
    "inverse-hyperbolic": INVERSE_HYPERBOLIC,
    "reciprocal-functions": RECIPROCAL,
}
L3V2 = frozenset({"min", "max", "rem", "quotient", "implies", "rateOf"})


@dataclass(frozen=True)
class _Look(Case):
    """A model and what several features need to know of it."""

    @cached_property
    def fixed(self) -> frozenset[str]:
        from sbmlqsp.engine.initial import static_symbols

        return frozenset(static_symbols(self.network))

    @cached_property
    def formulas(self) -> list[tuple[str, str, Expr]]:
        return list(self.network.formulas())

    @cached_property
    def document(self) -> Mapping[str, tuple[str, ...]]:
        from sbmlqsp.engine.libsbml_features import document_features

        return document_features(self.model.sbml)

    def size(self, compartment: str) -> float:
        return self.start.get(compartment, 1.0)

    def participants(self) -> Iterator[tuple[str, Participant]]:
        for reaction in self.network.reactions.values():
            yield from ((reaction.id, p) for p in (*reaction.reactants, *reaction.products))


def features_of(model: Model) -> dict[str, tuple[str, ...]]:
    """Return the features that a model uses, each with the ids of where.

    Parameters
    ----------
    model : Model
        What is looked at is its flat form; ``"submodels"`` says that a hierarchical one would be written as well.

    Returns
    -------
    dict of str to tuple of str
        In the order of ``FEATURES``; a feature that is not used is not there.

    Examples
    --------
    >>> import sbmlqsp as qsp
    >>> model = qsp.read_antimony("model m; S = 10; J: S -> ; k*S; k = 0.1; at 2 after (time >= 5): S = 1; end")
    >>> features_of(model)["event-delay"]
    ('_E0',)
    """
    look = _Look(model)
    found = {name: tuple(dict.fromkeys(detect(look))) for name, detect in FEATURES.items()}
    return {name: where for name, where in found.items() if where}


# ------------------------------------------------------------------------------------------------------------- species
def _not_one(look: _Look) -> Iterator[str]:
    """Species that formulas read as concentrations, in a volume that is not 1 all the time."""
    for s in look.network.species:
        if not s.amount_only and (look.size(s.compartment) != 1.0 or s.compartment not in look.fixed):
            yield s.id


def _concentration_species(look: _Look) -> Iterator[str]:
    return (s.id for s in look.network.species if not s.amount_only)


def _amount_species(look: _Look) -> Iterator[str]:
    return (s.id for s in look.network.species if s.amount_only)


def _initial_amount(look: _Look) -> Iterator[str]:
    chosen = set(_not_one(look))
    computed = look.network.initial_assignments.keys() | look.network.assignment_rules.keys()
    return (s.id for s in look.network.species if s.id in chosen - computed and s.value_is_amount and s.value)


def _boundary(look: _Look) -> Iterator[str]:
    return (p.species for _, p in look.participants() if look.network.symbols[p.species].boundary)


def _mixed(look: _Look) -> Iterator[str]:
    kinds = Counter(s.amount_only for s in look.network.species)
    return iter([s.id for s in look.network.species if s.amount_only] if len(kinds) > 1 else [])


# ----------------------------------------------------------------------------------------------------------- reactions
def _reversible(look: _Look) -> Iterator[str]:
    return (r.id for r in look.network.reactions.values() if r.reversible and r.law is not None)


def _not_whole(look: _Look) -> Iterator[str]:
    return (r for r, p in look.participants() if p.formula is None and not p.stoichiometry.is_integer())


def _computed_stoichiometry(look: _Look) -> Iterator[str]:
    return (r for r, p in look.participants() if p.formula is not None and p.id in look.fixed)


def _varying_stoichiometry(look: _Look) -> Iterator[str]:
    return (r for r, p in look.participants() if p.formula is not None and p.id not in look.fixed)


def _named_stoichiometry(look: _Look) -> Iterator[str]:
    named = {s.id for s in look.network.of_kind("stoichiometry")}
    return (name for _, name, formula in look.formulas if formula.symbols() & named)


def _reaction_in_formula(look: _Look) -> Iterator[str]:
    rates = look.network.reactions.keys()
    return (name for role, name, formula in look.formulas if role != "stoichiometry" and formula.symbols() & rates)


def _no_law(look: _Look) -> Iterator[str]:
    return (r.id for r in look.network.reactions.values() if r.law is None)


def _factors(look: _Look) -> Iterator[str]:
    return (s.id for s in look.network.species if s.conversion_factor)


# --------------------------------------------------------------------------------------------------------------- rules
def _ruled(rules: str, kind: str) -> Callable[[_Look], Iterator[str]]:
    def detect(look: _Look) -> Iterator[str]:
        return (k for k in getattr(look.network, rules) if look.network.symbols[k].kind == kind)

    return detect


def _out_of_order(look: _Look) -> Iterator[str]:
    seen: set[str] = set()
    rules = look.network.assignment_rules
    for name, formula in rules.items():
        if formula.symbols() & rules.keys() - seen:
            yield name
        seen.add(name)


def _ruled_not_boundary(look: _Look) -> Iterator[str]:
    n = look.network
    return (
        k for k in (*n.assignment_rules, *n.rate_rules) if n.symbols[k].kind == "species" and not n.symbols[k].boundary
    )


def _varying_compartments(look: _Look) -> Iterator[str]:
    return (c.id for c in look.network.compartments if c.id not in look.fixed)


def _flat_compartments(look: _Look) -> Iterator[str]:
    return (c.id for c in look.network.compartments if c.dimensions != 3.0)


# -------------------------------------------------------------------------------------------------------------- events
def _events(test: Callable[[_Look, Event], object]) -> Callable[[_Look], Iterator[str]]:
    return lambda look: (e.id for e in look.network.events if test(look, e))


def _at_start(look: _Look, event: Event) -> bool:
    """Say whether an event happens at time 0 since its trigger counts as false before."""
    from sbmlqsp.expressions import evaluate

    if event.initial_value:
        return False
    try:
        return bool(evaluate(event.trigger, look.start, time=0.0))
    except (QSPError, KeyError, TypeError):
        return False


def _values_later(_: _Look, event: Event) -> bool:
    return not event.values_from_trigger and (event.delay is not None or event.priority is not None)


def _on_state(look: _Look, event: Event) -> bool:
    return bool(event.trigger.symbols() - look.fixed)


def _assigns(kind: str) -> Callable[[_Look, Event], bool]:
    return lambda look, event: any(
        look.network.symbols[v].kind == kind for v in event.assignments if v in look.network.symbols
    )


def _window(look: _Look, event: Event) -> bool:
    """Say whether a trigger holds between two times alone."""
    parts = event.trigger.args if event.trigger.op == "and" else ()
    return len(parts) > 1 and all(p.has("time") for p in parts) and not event.trigger.symbols() - look.fixed


def _mixed_conditions(_: _Look, event: Event) -> bool:
    """Say whether a trigger has an ``or`` within an ``and``, or a ``not``."""
    return any(n.op == "not" or (n.op == "and" and any(a.op == "or" for a in n.args)) for n in event.trigger.walk())


# ------------------------------------------------------------------------------------------------------------ formulas
def _with(ops: Iterable[str]) -> Callable[[_Look], Iterator[str]]:
    wanted = frozenset(ops)
    return lambda look: (name for _, name, formula in look.formulas if formula.has(*wanted))


def _piecewise_of_time(look: _Look) -> Iterator[str]:
    for _, name, formula in look.formulas:
        if any(n.op == "piecewise" and any(c.has("time") for c in n.args[1::2]) for n in formula.walk()):
            yield name


def _product_in_power(look: _Look) -> Iterator[str]:
    for _, name, formula in look.formulas:
        if any(n.op in {"pow", "exp"} and n.args[0].op == "mul" for n in formula.walk()):
            yield name


def _bare_numbers_beside_time(look: _Look) -> Iterator[str]:
    relations = {"lt", "le", "gt", "ge", "eq", "ne", "add", "sub"}
    for _, name, formula in look.formulas:
        for n in formula.walk():
            if (
                n.op in relations
                and any(a.op == "time" for a in n.args)
                and any(a.op == "num" and not a.unit for a in n.args)
            ):
                yield name
                break


def _numbers_with_units(look: _Look) -> Iterator[str]:
    return (name for _, name, formula in look.formulas if any(n.op == "num" and n.unit for n in formula.walk()))


def _rated_from_formula(look: _Look) -> Iterator[str]:
    return (k for k in look.network.rate_rules if k in look.network.initial_assignments)


def _submodels(look: _Look) -> Iterator[str]:
    return iter([look.model.id] if look.model.sbml_comp is not None else [])


def _from_document(name: str) -> Callable[[_Look], Iterator[str]]:
    return lambda look: iter(look.document.get(name, ()))


FEATURES: Mapping[str, Callable[[_Look], Iterator[str]]] = {
    "level-3-version-2": lambda look: iter([look.model.id] if look.network.version == 2 else []),
    "submodels": _submodels,
    "function-definition": _from_document("function-definition"),
    "local-parameter": _from_document("local-parameter"),
    "constraint": _from_document("constraint"),
    "unit-inverse-scaled": _from_document("unit-inverse-scaled"),
    "unit-of-many-parts": _from_document("unit-of-many-parts"),
    "units-undeclared": _from_document("units-undeclared"),
    "species-in-volume": _not_one,
    "concentration-species": _concentration_species,
    "amount-species": _amount_species,
    "mixed-species": _mixed,
    "initial-amount": _initial_amount,
    "boundary-species": _boundary,
    "compartment-varying": _varying_compartments,
    "compartment-not-3d": _flat_compartments,
    "conversion-factor": _factors,
    "reversible-law": _reversible,
    "no-law": _no_law,
    "stoichiometry-not-whole": _not_whole,
    "stoichiometry-computed": _computed_stoichiometry,
    "stoichiometry-varying": _varying_stoichiometry,
    "stoichiometry-in-formula": _named_stoichiometry,
    "reaction-in-formula": _reaction_in_formula,
    "initial-assignment-of-rate-rule": _rated_from_formula,
    "initial-assignment": lambda look: iter(look.network.initial_assignments),
    "assignment-rule": lambda look: iter(look.network.assignment_rules),
    "assignment-rules-out-of-order": _out_of_order,
    "assignment-rule-on-species": _ruled("assignment_rules", "species"),
    "assignment-rule-on-compartment": _ruled("assignment_rules", "compartment"),
    "rate-rule-on-parameter": _ruled("rate_rules", "parameter"),
    "rate-rule-on-species": _ruled("rate_rules", "species"),
    "rate-rule-on-compartment": _ruled("rate_rules", "compartment"),
    "rule-on-floating-species": _ruled_not_boundary,
    "algebraic-rule": lambda look: (f"algebraic rule {i + 1}" for i in range(len(look.network.algebraic_rules))),
    "event": lambda look: (e.id for e in look.network.events),
    "event-at-start": _events(_at_start),
    "event-delay": _events(lambda _, e: e.delay is not None),
    "event-priority": _events(lambda _, e: e.priority is not None),
    "event-priority-computed": _events(lambda _, e: e.priority is not None and e.priority.symbols()),
    "event-not-persistent": _events(lambda _, e: not e.persistent),
    "event-values-later": _events(_values_later),
    "event-window": _events(_window),
    "event-on-state": _events(_on_state),
    "event-sets-species": _events(_assigns("species")),
    "event-sets-compartment": _events(_assigns("compartment")),
    "event-mixed-conditions": _events(_mixed_conditions),
    "l3v2-functions": _with(L3V2),
    "piecewise-of-time": _piecewise_of_time,
    "product-in-power": _product_in_power,
    "number-with-unit": _numbers_with_units,
    "number-beside-time": _bare_numbers_beside_time,
    **{name: _with(ops) for name, ops in OPERATORS.items()},
}
"""What each feature is looked for by; the names are those of the rows of the targets' tables."""
