"""The state at the start of a run, for one subject or for all at once.

libRoadRunner leaves initial assignments stale when a parameter changes (measured), so they are evaluated here, in
dependency order and vectorised over subjects, and every run is given its whole state.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from sbmlqsp.engine.network import Network, Symbol
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


def initial_state(network: Network, overrides: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Evaluate every symbol at time 0.

    Parameters
    ----------
    network : Network
    overrides : mapping of str to float or ndarray
        New values by flat id, in SBML's meaning of the symbol; ``"amount(S)"`` and ``"concentration(S)"`` fix one
        meaning. An override replaces the symbol's initial assignment and reaches everything computed from it.

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
    network = resolved(network)
    definitions = _definitions(network, fixed)
    needs = {k: symbols for k, (symbols, _) in definitions.items()}
    env: dict[str, Any] = {}
    for name in dependency_order(needs):
        env[name] = definitions[name][1](env)
        symbol = network.symbols.get(name)
        if symbol is not None and symbol.kind == "species":
            _both_meanings(symbol, env)
    return env


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


Definition = tuple[frozenset[str], Callable[[dict[str, Any]], Any]]


def _definitions(network: Network, fixed: Mapping[str, Any]) -> dict[str, Definition]:
    out: dict[str, Definition] = {}
    for s in network.symbols.values():
        out[s.id] = _species(s, network, fixed) if s.kind == "species" else _plain(s, network, fixed)
    for r in network.reactions.values():
        if r.law is not None:
            out[r.id] = _formula(_without_rates(network, r.law))
    return out


def start_needs(network: Network, fixed: Iterable[str]) -> dict[str, frozenset[str]]:
    """Return what each symbol and reaction reads at the start, where some keys are overridden."""
    return {k: symbols for k, (symbols, _) in _definitions(network, dict.fromkeys(fixed, math.nan)).items()}


def _formula(expr: Expr) -> Definition:
    return expr.symbols(), lambda env: evaluate(expr, env)


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


def _constant(value: Any) -> Definition:
    return frozenset(), lambda _: value


def _plain(s: Symbol, network: Network, fixed: Mapping[str, Any]) -> Definition:
    if s.id in network.assignment_rules:
        return _formula(network.assignment_rules[s.id])
    if s.id in fixed:
        return _constant(fixed[s.id])
    if s.id in network.initial_assignments:
        return _formula(network.initial_assignments[s.id])
    # libSBML readers and the engine take a missing size as 1; the model check warns about it.
    missing_size = s.kind == "compartment" and math.isnan(s.value)
    return _constant(1.0 if missing_size else s.value)


def _species(s: Symbol, network: Network, fixed: Mapping[str, Any]) -> Definition:
    home = frozenset({s.compartment})
    if s.id in network.assignment_rules:
        needs, value = _formula(network.assignment_rules[s.id])
        return needs | home, value
    for key, is_amount in ((s.id, s.amount_only), (f"amount({s.id})", True), (f"concentration({s.id})", False)):
        if key in fixed:
            return home, _as_symbol(s, _constant(fixed[key])[1], is_amount)
    if s.id in network.initial_assignments:
        needs, value = _formula(network.initial_assignments[s.id])
        return needs | home, _as_symbol(s, value, s.amount_only)
    written = _constant(0.0 if math.isnan(s.value) else s.value)[1]
    return home, _as_symbol(s, written, s.value_is_amount)


def _as_symbol(s: Symbol, value: Callable[[dict[str, Any]], Any], is_amount: bool) -> Callable[[dict[str, Any]], Any]:
    if is_amount == s.amount_only:
        return value
    if is_amount:
        return lambda env: _per(value(env), env[s.compartment])
    return lambda env: value(env) * env[s.compartment]


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
