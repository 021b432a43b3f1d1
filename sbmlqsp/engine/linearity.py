"""Which models are linear in their state, and which states nothing reads."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from sbmlqsp.engine.initial import static_symbols
from sbmlqsp.engine.network import Network
from sbmlqsp.engine.rates import RightHandSide
from sbmlqsp.expressions import Expr

__all__ = ["is_linear", "linear_system", "reads_time", "totals_without", "unread_states"]


def is_linear(network: Network) -> bool:
    """Return whether all rates of change are linear in the state, with coefficients that only parameters set.

    Decided from the formulas alone, so that a model that merely looks linear at some point does not pass.

    Examples
    --------
    >>> import sbmlqsp as qsp
    >>> is_linear(qsp.read_antimony("model m; species S; S = 1; J: S -> ; k*S; k = 0.1; end").network)
    True
    >>> is_linear(qsp.read_antimony("model m; species S; S = 1; J: S -> ; V*S/(K + S); V = 1; K = 1; end").network)
    False
    """
    if network.events or network.unsolved:
        return False
    if any(p.formula is not None for r in network.reactions.values() for p in (*r.reactants, *r.products)):
        return False
    degree = _Degrees(network)
    rates = [r.law for r in network.reactions.values() if r.law is not None] + list(network.rate_rules.values())
    return all(degree(expr) <= 1 for expr in rates)


class _Degrees:
    """Polynomial degrees of formulas in the state; infinite where a formula is no polynomial, or reads time."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._static = static_symbols(network)
        self._known: dict[str, float] = {}

    def _symbol(self, name: str) -> float:
        if name in self._static:
            return 0
        if name not in self._known:
            self._known[name] = math.inf  # against circles
            network = self._network
            symbol = network.symbols.get(name)
            if name in network.assignment_rules:
                found = self(network.assignment_rules[name])
            elif symbol is None:  # the rate of a reaction
                law = network.reactions[name].law
                found = math.inf if law is None else self(law)
            else:
                fixed_size = symbol.kind != "species" or symbol.amount_only or symbol.compartment in self._static
                found = 1 if fixed_size else math.inf
            self._known[name] = found
        return self._known[name]

    def __call__(self, expr: Expr) -> float:
        if expr.op == "sym":
            return self._symbol(str(expr.value))
        parts = [self(a) for a in expr.args]
        if expr.op in {"time", "delay", "rateOf"}:
            return math.inf
        if expr.op in {"add", "sub", "neg"}:
            return max(parts, default=0)
        if expr.op == "mul":
            return sum(parts)
        if expr.op == "div" and parts[1] == 0:
            return parts[0]
        return math.inf if any(parts) else 0


def reads_time(network: Network) -> bool:
    """Return whether any rate or rule reads time itself."""
    return any(expr.has("time") for role, _, expr in network.formulas() if role != "initial assignment")


def unread_states(network: Network) -> frozenset[str]:
    """Return the states that no rate of change reads, such as an amount eliminated or an area under a curve."""
    reading = [r.law for r in network.reactions.values() if r.law is not None] + list(network.rate_rules.values())
    reading += [
        p.formula for r in network.reactions.values() for p in (*r.reactants, *r.products) if p.formula is not None
    ]
    reading += [e.trigger for e in network.events]
    waiting = {n for expr in reading for n in expr.symbols()}
    read: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in read:
            continue
        read.add(name)
        symbol = network.symbols.get(name)
        if symbol is not None and symbol.kind == "species":
            waiting.add(symbol.compartment)
        if name in network.assignment_rules:
            waiting |= network.assignment_rules[name].symbols()
        elif name in network.reactions and (law := network.reactions[name].law) is not None:
            waiting |= law.symbols()
    return frozenset({*network.stoichiometry, *network.rate_rules} - read)


def linear_system(side: RightHandSide, rows: int) -> tuple[Any, Any]:
    """Return A and b of dx/dt = A x + b, one per row of parameters; exact for a linear model.

    Parameters
    ----------
    side : RightHandSide
        Its base values are numbers or arrays of one value per row.
    rows : int

    Returns
    -------
    A : ndarray of shape (rows, n, n)
    b : ndarray of shape (rows, n)
    """
    n = len(side.names)
    points = np.zeros((n, n + 1, rows))
    points[np.arange(n), np.arange(n)] = 1.0
    rates = side(points)
    offset = rates[:, n]
    return np.moveaxis(rates[:, :n] - offset[:, None], -1, 0), offset.T


def totals_without(kept: Any, gone: Any) -> Any:
    """Return the combinations of conserved totals in which some states do not enter.

    What is eliminated into a state that nothing reads is conserved with it, and not without.

    Parameters
    ----------
    kept : ndarray of shape (totals, states)
    gone : ndarray of bool, of shape (states,)

    Examples
    --------
    >>> import numpy as np
    >>> totals_without(np.array([[1.0, 1.0, 0.0]]), np.array([False, True, False])).shape
    (0, 3)
    """
    if not len(kept) or not gone.any():
        return kept
    u, values, _ = np.linalg.svd(kept[:, gone])
    rank = int((values > 1e-10 * max(values.max(initial=0.0), 1e-300)).sum())
    return u[:, rank:].T @ kept
