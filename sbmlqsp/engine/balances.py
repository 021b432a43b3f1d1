"""Conditions of rates that may come to compare what is equal: which of the two is larger then is errors' choice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from sbmlqsp.engine.cuts import CONTINUOUS, RELATIONS
from sbmlqsp.engine.divisors import differences
from sbmlqsp.engine.network import Network
from sbmlqsp.engine.sizes import size_of_both
from sbmlqsp.expressions import Expr, to_infix

__all__ = ["EVEN", "SHARE", "Balance", "balances", "comparisons", "passive"]

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


def comparisons(formulas: Iterable[Expr], still: frozenset[str]) -> Iterator[Expr]:
    """Yield what formulas compare, two sides each, unless all of it is still or looks at the past."""
    for expr in formulas:
        for node in expr.walk():
            if node.op in RELATIONS and node.symbols() - still and not node.has("delay"):
                yield from (Expr(node.op, pair) for pair in pairwise(node.args))


def balances(network: Network) -> tuple[Balance, ...]:
    """Return the comparisons that formulas make of what moves.

    Examples
    --------
    >>> import sbmlqsp as qsp
    >>> model = qsp.read_antimony("model m; A = 3; B = 1; A' = B - A; B' = A - B; z' = piecewise(1, A > B, 0); end")
    >>> [b.condition for b in balances(model.network)]
    ['A > B']
    """
    formulas = (expr for role, _, expr in network.formulas() if role in CONTINUOUS)
    found = dict.fromkeys(c for c in comparisons(formulas, network.static) if not c.has("rateOf"))
    return tuple(_balance(network, c, k) for k, c in enumerate(found))


def _balance(network: Network, comparison: Expr, k: int) -> Balance:
    formulas = Expr("sub", comparison.args), size_of_both(comparison, network.assignment_rules)
    return Balance(to_infix(comparison), f"qsp_gap_{k}", f"qsp_size_{k}", formulas)


def passive(network: Network) -> dict[str, Expr]:
    """Return what is put out beside what is asked for, to judge a run: of divisors and of comparisons, by name."""
    found = balances(network)
    return differences(network) | {b.gap: b.formulas[0] for b in found} | {b.size: b.formulas[1] for b in found}
