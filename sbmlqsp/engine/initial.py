"""The state at the start of a run, for one subject or for all at once.

libRoadRunner leaves initial assignments stale when a parameter changes (measured), so they are evaluated here, in
dependency order and vectorised over subjects, and every run is given its whole state.
"""

from __future__ import annotations

import math
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from sbmlqsp.engine.network import Network, Symbol
from sbmlqsp.engine.straight_line import as_function
from sbmlqsp.errors import ModelError, UnsupportedError
from sbmlqsp.expressions import Expr, evaluate, num, sym

__all__ = ["dependency_order", "initial_state", "rate_of", "resolved", "start_needs", "static_symbols"]


def dependency_order(needs: Mapping[str, Iterable[str]]) -> list[str]:
    """Return the keys so that each comes after what it needs.

    Raises
    ------
    ModelError
        The definitions form a circle, which is named.
    """
    order: list[str] = []
    state: dict[str, int] = {}
    for root in needs:
        stack = [(root, iter(needs[root]))] if root not in state else []
        if stack:
            state[root] = 1
        while stack:
            name, rest = stack[-1]
            child = next((c for c in rest if c in needs and state.get(c) != 2), None)
            if child is None:
                state[name] = 2
                order.append(name)
                stack.pop()
            elif state.get(child) == 1:
                circle = [n for n, _ in stack]
                circle = [*circle[circle.index(child) :], child]
                raise ModelError(
                    f"the definitions run in a circle: {' → '.join(circle)}",
                    remedy="give one of them a value of its own",
                )
            else:
                state[child] = 1
                stack.append((child, iter(needs[child])))
    return order


def initial_state(
    network: Network, overrides: Mapping[str, Any] | None = None, *, rates: bool = True
) -> dict[str, Any]:
    """Evaluate every symbol at time 0.

    Parameters
    ----------
    network : Network
    overrides : mapping of str to float or ndarray
        New values by flat id, in SBML's meaning of the symbol; ``"amount(S)"`` and ``"concentration(S)"`` fix one
        meaning. An override replaces the symbol's initial assignment and reaches everything computed from it.
    rates : bool
        Whether the rates of reactions are wanted that no symbol needs.

    Returns
    -------
    dict of str to float or ndarray
        Value in formulas by id, and ``"amount(S)"``, ``"concentration(S)"`` for every species; arrays where any
        override it depends on is one.

    Raises
    ------
    ModelError
        Definitions run in a circle.
    """
    fixed = dict(overrides or {})
    env: dict[str, Any] = {}
    with np.errstate(all="ignore"):
        for name, species, value in _plan(network, frozenset(fixed), rates):
            env[name] = value(env, fixed)
            if species is not None:
                _both_meanings(species, env)
    return env


Plan = list[tuple[str, Symbol | None, "Value"]]
_PLANS: OrderedDict[tuple[int, frozenset[str], bool], tuple[weakref.ref[Network], Plan]] = OrderedDict()
_MOST_PLANS = 16


def _plan(network: Network, fixed: frozenset[str], rates: bool) -> Plan:
    """Return how to compute every symbol and rate, each after what it needs; kept for the networks used last."""
    key = id(network), fixed, rates
    kept = _PLANS.get(key)
    if kept is not None and kept[0]() is network:
        return kept[1]
    whole = resolved(network)
    definitions = _definitions(whole, fixed)
    needs = {k: symbols for k, (symbols, _) in definitions.items()}
    order = dependency_order(needs)
    wanted = set(definitions if rates else whole.symbols)
    for name in reversed(order):
        wanted |= needs[name] if name in wanted else frozenset()
    species = {s.id: s for s in whole.species}
    plan: Plan = [(name, species.get(name), definitions[name][1]) for name in order if name in wanted]
    _PLANS[key] = weakref.ref(network), plan
    while len(_PLANS) > _MOST_PLANS:
        _PLANS.popitem(last=False)
    return plan


def resolved(network: Network) -> Network:
    """Return the network with every ``rateOf`` of a start value written out; refuse ``delay``."""
    if not {"delay", "rateOf"} & network.start_operators:
        return network
    tables = (network.initial_assignments, network.assignment_rules)
    laws = {k: r.law for k, r in network.reactions.items() if r.law is not None}
    for table in (*tables, laws):
        for name, expr in table.items():
            if expr.has("delay"):
                raise UnsupportedError(
                    f"the formula of '{name}' uses delay(), which cannot be solved",
                    remedy="replace the delay by a chain of transit compartments",
                )
    if not any(e.has("rateOf") for table in tables for e in table.values()):
        return network
    starts, rules = ({k: _without_rates(network, e) for k, e in table.items()} for table in tables)
    return replace(network, initial_assignments=starts, assignment_rules=rules)


Value = Callable[[dict[str, Any], Mapping[str, Any]], Any]
"""Gives a value from those before it, and from what is overridden."""
Definition = tuple[frozenset[str], Value]


def _definitions(network: Network, fixed: frozenset[str]) -> dict[str, Definition]:
    out: dict[str, Definition] = {}
    for s in network.symbols.values():
        out[s.id] = _species(s, network, fixed) if s.kind == "species" else _plain(s, network, fixed)
    for r in network.reactions.values():
        if r.law is not None:
            out[r.id] = _formula(_without_rates(network, r.law))
    return out


def start_needs(network: Network, fixed: Iterable[str]) -> dict[str, frozenset[str]]:
    """Return what each symbol and reaction reads at the start, where some keys are overridden."""
    return {k: symbols for k, (symbols, _) in _definitions(network, frozenset(fixed)).items()}


class _Formula:
    """Evaluates a formula, by a program of its own from the second time on."""

    def __init__(self, expr: Expr) -> None:
        self._expr, self._asked = expr, False
        self._program: Callable[[dict[str, Any], Any], Any] | None = None

    def __call__(self, env: dict[str, Any], _fixed: Mapping[str, Any]) -> Any:
        if self._program is not None:
            return self._program(env, 0.0)
        if self._asked:
            self._program = as_function(self._expr)
        self._asked = True
        return evaluate(self._expr, env)


def _formula(expr: Expr) -> Definition:
    return expr.symbols(), _Formula(expr)


def rate_of(network: Network, name: str) -> Expr:
    """Return the rate of change of a symbol as a formula over reactions and rules.

    Raises
    ------
    UnsupportedError
        It is set by an assignment rule, or is a concentration in a changing volume.
    """
    symbol = network.symbols[name]
    if name in network.rate_rules:
        return network.rate_rules[name]
    moving = symbol.compartment in network.rate_rules or symbol.compartment in network.assignment_rules
    home_moves = moving and symbol.compartment not in network.static
    if name in network.assignment_rules or (home_moves and not symbol.amount_only):
        raise UnsupportedError(f"rateOf({name}) cannot be computed", remedy="write the rate as a formula")
    terms = []
    for reaction in network.reactions.values():
        for sign, side in ((-1.0, reaction.reactants), (1.0, reaction.products)):
            for p in side:
                if p.species == name and not symbol.boundary and not symbol.constant:
                    size = p.formula or num(p.stoichiometry)
                    terms.append(Expr("mul", (num(sign), size, sym(reaction.id))))
    total = Expr("add", tuple(terms)) if len(terms) > 1 else terms[0] if terms else num(0.0)
    if symbol.kind == "species" and symbol.conversion_factor:
        total = Expr("mul", (total, sym(symbol.conversion_factor)))
    per_volume = symbol.kind == "species" and not symbol.amount_only
    return Expr("div", (total, sym(symbol.compartment))) if per_volume else total


def _without_rates(network: Network, expr: Expr) -> Expr:
    if not expr.has("rateOf"):
        return expr
    if expr.op == "rateOf":
        return _without_rates(network, rate_of(network, str(expr.args[0].value)))
    return Expr(expr.op, tuple(_without_rates(network, a) for a in expr.args), expr.value, expr.unit)


def _constant(value: float) -> Value:
    return lambda _env, _fixed: value


def _override(key: str) -> Value:
    return lambda _env, fixed: fixed[key]


def _plain(s: Symbol, network: Network, fixed: frozenset[str]) -> Definition:
    if s.id in network.assignment_rules:
        return _formula(network.assignment_rules[s.id])
    if s.id in fixed:
        return frozenset(), _override(s.id)
    if s.id in network.initial_assignments:
        return _formula(network.initial_assignments[s.id])
    # libSBML readers and the engine take a missing size as 1; the model check warns about it.
    missing_size = s.kind == "compartment" and math.isnan(s.value)
    return frozenset(), _constant(1.0 if missing_size else s.value)


def _species(s: Symbol, network: Network, fixed: frozenset[str]) -> Definition:
    home = frozenset({s.compartment})
    if s.id in network.assignment_rules:
        needs, value = _formula(network.assignment_rules[s.id])
        return needs | home, value
    for key, is_amount in ((s.id, s.amount_only), (f"amount({s.id})", True), (f"concentration({s.id})", False)):
        if key in fixed:
            return home, _as_symbol(s, _override(key), is_amount)
    if s.id in network.initial_assignments:
        needs, value = _formula(network.initial_assignments[s.id])
        return needs | home, _as_symbol(s, value, s.amount_only)
    written = _constant(0.0 if math.isnan(s.value) else s.value)
    return home, _as_symbol(s, written, s.value_is_amount)


def _as_symbol(s: Symbol, value: Value, is_amount: bool) -> Value:
    if is_amount == s.amount_only:
        return value
    if is_amount:
        return lambda env, fixed: _per(value(env, fixed), env[s.compartment])
    return lambda env, fixed: value(env, fixed) * env[s.compartment]


def _per(amount: Any, size: Any) -> Any:
    """Return a concentration, which is infinite or undefined where there is no volume, as `check` says."""
    try:
        return amount / size
    except ZeroDivisionError:
        return math.nan if amount == 0 or math.isnan(amount) else math.copysign(math.inf, amount)


def _both_meanings(s: Symbol, env: dict[str, Any]) -> None:
    value, size = env[s.id], env[s.compartment]
    env[f"amount({s.id})"] = value if s.amount_only else value * size
    env[f"concentration({s.id})"] = np.divide(value, size) if s.amount_only else value


def static_symbols(network: Network) -> frozenset[str]:
    """Return the ids whose value never changes during a run (assignment rules of constants included)."""
    return network.static
