"""Prove that a rewritten model is the model: all its formulas have the same values at states drawn at random."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from sbmlqsp.engine.initial import dependency_order, initial_state, rate_of
from sbmlqsp.engine.network import Event, Network
from sbmlqsp.equivalence import same_formula, same_unit
from sbmlqsp.errors import ModelError, QSPError
from sbmlqsp.expressions import Expr, evaluate, to_infix

__all__ = ["prove_rewritten"]

POINTS = 16
TOLERANCE = 1e-11

Values = dict[str, Any]


def prove_rewritten(before: Network, after: Network) -> None:
    """Raise unless two networks mean the same, though they may say it in other words.

    Compared are the units and kinds of symbols, the state at the start (after the events that happen there), and at 16
    random states every rule, rate, effective stoichiometry and part of an event.

    Raises
    ------
    ModelError
        They do not; names the first element that differs. That is a defect of this package.
    """
    for what in _differences(before, after):
        raise ModelError(
            f"the model rewritten for another level of SBML is not the same: {what}",
            where=f"'{before.id}'",
            remedy="write it as Level 3 Version 2, and report this",
        )


def _differences(before: Network, after: Network) -> Iterator[str]:
    yield from _symbols(before, after)
    rng = np.random.default_rng(20)
    free = sorted({*before.symbols, *after.symbols} - {*before.assignment_rules, *after.assignment_rules})
    base = {name: rng.uniform(0.2, 3.0, POINTS) for name in free} | _fixed(before)
    time = rng.uniform(0.0, 10.0, POINTS)
    one, other = (_Values(n, base, time) for n in (before, after))
    new = other.formulas()
    gone = {e.id for e in before.events} - {e.id for e in after.events}
    for key, (formula, values) in one.formulas().items():
        if key[1].partition(":")[0] in gone:
            continue  # happens at the start: its effect is compared there
        if key[0] == "initial assignment" and gone:
            continue  # as values at the start
        if key[0] == "algebraic rule" and not before.unsolved:
            continue  # zero apart from rounding; what it determines is compared
        if key not in new:
            if key[0] != "event priority":  # which events may meet is found without running them
                yield f"the {key[0]} of '{key[1]}' is missing"
        elif not same_formula(formula, new[key][0]) and not _same(values, new[key][1]):
            yield f"the {key[0]} of '{key[1]}' differs"
    for key, sizes in one.sizes().items():
        if not _same(sizes, other.sizes().get(key, np.nan)):
            yield f"the stoichiometry of '{key[1]}' in '{key[0]}' differs"
    yield from _starts(before, after)


def _fixed(network: Network) -> Values:
    """Return the stoichiometries that have a name and cannot change."""
    sides = ((*r.reactants, *r.products) for r in network.reactions.values())
    return {p.id: np.full(POINTS, p.stoichiometry) for side in sides for p in side if p.id and p.formula is None}


def _symbols(before: Network, after: Network) -> Iterator[str]:
    for name, symbol in before.symbols.items():
        other = after.symbols.get(name)
        if other is None:
            yield f"the symbol '{name}' is missing"
        elif symbol.kind not in {other.kind, "stoichiometry"}:
            yield f"the symbol '{name}' is a {other.kind}"
        elif not same_unit(symbol.unit, other.unit):
            yield f"the unit of '{name}' differs"
    for what in ("time_unit", "substance_unit", "volume_unit", "extent_unit"):
        if not same_unit(getattr(before, what), getattr(after, what)):
            yield f"the model's {what.replace('_', ' ')} differs"


def _starts(before: Network, after: Network) -> Iterator[str]:
    kept = {e.id for e in after.events}
    first = [e for e in before.events if e.id not in kept]
    try:
        old, new = initial_state(before), initial_state(after)
        old = {**old, **_executed(first, old)}
    except (QSPError, KeyError):
        if first:
            yield f"the start after '{first[0].id}' cannot be computed"
        return  # the initial assignments were compared as formulas
    changed = {v for e in first for v in e.assignments}
    for name in before.symbols:
        plain = not first or name in changed or name not in before.assignment_rules
        if plain and not _same(old[name], new[name]):
            yield f"the value of '{name}' at the start differs"


def _executed(events: list[Event], start: Mapping[str, Any]) -> Values:
    found: Values = {}
    for event in events:
        if event.initial_value or event.delay is not None or not evaluate(event.trigger, start, time=0.0):
            raise KeyError(event.id)
        found |= {k: evaluate(f, start, time=0.0) for k, f in event.assignments.items()}
    return found


def _same(a: Any, b: Any) -> bool:
    """Say whether values are equal; those that are all undefined prove nothing."""
    some = np.isfinite(np.asarray(a, dtype=float)).any() or np.ndim(a) == 0
    return bool(some) and bool(np.allclose(a, b, rtol=TOLERANCE, atol=0.0, equal_nan=True))


class _Values:
    """The values of all formulas of a network at random states."""

    def __init__(self, network: Network, base: Mapping[str, Any], time: Any) -> None:
        self._network, self._time = network, time
        self._env: Values = dict(base)
        laws = {k: r.law for k, r in network.reactions.items() if r.law is not None}
        tables = {k: self._plain(f) for k, f in {**network.assignment_rules, **laws}.items()}
        for name in dependency_order({k: f.symbols() for k, f in tables.items()}):
            self._env[name] = self._value(tables[name])

    def formulas(self) -> dict[tuple[str, str], tuple[Expr, Any]]:
        """Return each formula and its values by role and name."""
        constraints = (("constraint", str(i + 1), f) for i, f in enumerate(self._network.constraints))
        every = (*self._network.formulas(), *constraints)
        found = {}
        for role, name, formula in every:
            if role != "stoichiometry":
                values = self._value(self._plain(formula))
                found[role, name] = formula, values != 0 if role in {"event trigger", "constraint"} else values
        return found

    def sizes(self) -> dict[tuple[str, str], Any]:
        """Return how much of each species a unit of each reaction makes, conversion factors included."""
        found: dict[tuple[str, str], Any] = {}
        for r in self._network.reactions.values():
            for sign, side in ((-1.0, r.reactants), (1.0, r.products)):
                for p in side:
                    factor = self._network.symbols[p.species].conversion_factor
                    size = self._value(p.formula) if p.formula is not None else p.stoichiometry
                    size = sign * size * (self._env[factor] if factor else 1.0)
                    found[r.id, p.species] = found.get((r.id, p.species), 0.0) + size
        return found

    def _plain(self, formula: Expr) -> Expr:
        """Return the formula with rates written out and values of the past as symbols of their own."""
        if formula.op == "rateOf":
            return self._plain(rate_of(self._network, str(formula.args[0].value)))
        if formula.op == "delay":
            return Expr("sym", value=f"delay({', '.join(to_infix(self._plain(a)) for a in formula.args)})")
        return Expr(formula.op, tuple(map(self._plain, formula.args)), formula.value, formula.unit)

    def _value(self, formula: Expr) -> Any:
        for name in formula.symbols() - self._env.keys():
            # A value of the past, which depends on nothing else here.
            own = np.random.default_rng(list(name.encode()))
            self._env[name] = own.uniform(0.2, 3.0, POINTS)
        value = np.asarray(evaluate(formula, self._env, time=self._time), dtype=float)
        return np.broadcast_to(value, (POINTS,))
