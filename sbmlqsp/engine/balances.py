"""Conditions of rates that may come to compare what is equal: which of the two is larger then is errors' choice."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from sbmlqsp.engine.cuts import CONTINUOUS, RELATIONS
from sbmlqsp.engine.derivatives import plus
from sbmlqsp.engine.divisors import differences
from sbmlqsp.engine.network import Network
from sbmlqsp.engine.sizes import size_of
from sbmlqsp.expressions import Expr, to_infix

__all__ = ["EVEN", "SHARE", "Balance", "balances", "passive"]

EVEN = "compares what comes to be equal but for errors"
SHARE = 10.0
"""How many times the tolerance two may be apart that are equal but for errors: of their size, or of their largest."""


@dataclass(frozen=True, slots=True)
class Balance:
    """A comparison, and the names by which engines put out by how much its sides differ and how large they are."""

    condition: str
    gap: str
    size: str
    formulas: tuple[Expr, Expr]


def balances(network: Network) -> tuple[Balance, ...]:
    """Return the comparisons that formulas make of what moves.

    Examples
    --------
    >>> import sbmlqsp as qsp
    >>> model = qsp.read_antimony("model m; A = 3; B = 1; A' = B - A; B' = A - B; z' = piecewise(1, A > B, 0); end")
    >>> [b.condition for b in balances(model.network)]
    ['A > B']
    """
    found: dict[Expr, None] = {}
    for role, _, expr in network.formulas():
        if role in CONTINUOUS:
            for node in expr.walk():
                if node.op in RELATIONS and node.symbols() - network.static and not node.has("delay", "rateOf"):
                    found |= dict.fromkeys(Expr(node.op, pair) for pair in pairwise(node.args))
    return tuple(_balance(network, c, k) for k, c in enumerate(found))


def _balance(network: Network, comparison: Expr, k: int) -> Balance:
    size = plus(*(size_of(side, network.assignment_rules) for side in comparison.args))
    return Balance(to_infix(comparison), f"qsp_gap_{k}", f"qsp_size_{k}", (Expr("sub", comparison.args), size))


def passive(network: Network) -> dict[str, Expr]:
    """Return what is put out beside what is asked for, to judge a run: of divisors and of comparisons, by name."""
    found = balances(network)
    return differences(network) | {b.gap: b.formulas[0] for b in found} | {b.size: b.formulas[1] for b in found}
