"""Events that change nothing: the integrator stops where they happen, so that no condition is passed unseen.

It asks for conditions where its steps end. Between two of them, one that is made of two comparisons may turn true and
false again, so each comparison has an event of its own; and one may come to its threshold and turn back, as at the tip
of a peak, so where it is near there is an event where it turns.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

from sbmlqsp.engine.cuts import CONTINUOUS, RELATIONS, Switches
from sbmlqsp.engine.derivatives import Gradient, gradient, plus, times
from sbmlqsp.engine.libsbml_event import add_event, add_parameter
from sbmlqsp.engine.libsbml_watched import NEAR
from sbmlqsp.engine.network import Network
from sbmlqsp.engine.ode_slopes import rate_of
from sbmlqsp.engine.sizes import size_of
from sbmlqsp.errors import UnsupportedError
from sbmlqsp.expressions import Expr, num, substitute, sym

__all__ = ["look_out"]

TIME = "time"
SEEN = "qsp_seen"
"""A parameter that nothing reads, which the events set."""
LONGEST = 4000
"""How many operations there may be to how fast a comparison changes; where there are more, it is not asked."""


def look_out(model: Any, network: Network, switches: Switches, inflows: Mapping[str, str]) -> None:
    """Add the events of all comparisons of what moves.

    Parameters
    ----------
    model : libsbml.Model
    network : Network
    switches : Switches
        Conditions that formulas do not ask for any more.
    inflows : mapping of str to str
        What is infused into, and the parameter that is its rate.
    """
    speed = _Speed(network, inflows)
    whole = {e.trigger for e in network.events}
    found: dict[str, Expr] = {}
    for k, asked in enumerate(dict.fromkeys(_comparisons(network, switches))):
        comparison = speed.without_rates(asked)
        turns = speed.of(Expr("sub", comparison.args))
        if asked not in whole and turns != num(0.0):
            found[f"qsp_crossed_{k}"] = comparison
        if turns is not None and turns != num(0.0):
            found[f"qsp_turned_{k}"] = Expr("and", (_near(comparison, network), Expr("gt", (turns, num(0.0)))))
    if found:
        add_parameter(model, SEEN, 0.0)
    for name, trigger in found.items():
        add_event(model, name, trigger, {SEEN: num(1.0)}, holds=True)


def _near(comparison: Expr, network: Network) -> Expr:
    """Return whether what is compared is nearly equal."""
    sizes = plus(*(size_of(side, network.assignment_rules) for side in comparison.args))
    return Expr("lt", (Expr("abs", (Expr("sub", comparison.args),)), times(num(NEAR), sizes)))


def _comparisons(network: Network, switches: Switches) -> Iterator[Expr]:
    still = network.static | {s.id for s in switches.switches}
    formulas = [switches.rewritten.get((role, name), e) for role, name, e in network.formulas() if role in CONTINUOUS]
    for expr in (*formulas, *(e.trigger for e in network.events)):
        for node in expr.walk():
            if node.op in RELATIONS and node.symbols() - still and not node.has("delay"):
                yield from (Expr(node.op, pair) for pair in pairwise(node.args))


class _Speed:
    """How fast formulas change along a run."""

    def __init__(self, network: Network, inflows: Mapping[str, str]) -> None:
        self._network, self._inflows = network, inflows
        self._laws = {r.id: r.law for r in network.reactions.values() if r.law is not None}
        sized = {s.id for s in network.species if s.compartment in network.dynamic and not s.amount_only}
        self._moving = {*network.dynamic, *sized, *inflows}
        self._computed: dict[str, Gradient] = {}

    def of(self, expr: Expr) -> Expr | None:
        """Return a formula for it; None where there is none, or too long a one."""
        out = num(0.0)
        try:
            for name, slope in gradient(expr, self._leaf).items():
                out = plus(out, slope if name == TIME else times(slope, self._rate(name)))
        except UnsupportedError:
            return None
        return out if sum(1 for _ in out.walk()) <= LONGEST else None

    def _leaf(self, expr: Expr) -> Gradient:
        if expr.op != "sym":
            return {TIME: num(1.0)} if expr.op == "time" else {}
        name = str(expr.value)
        formula = self._network.assignment_rules.get(name, self._laws.get(name))
        if formula is None:
            return {name: num(1.0)} if name in self._moving else {}
        if name not in self._computed:
            self._computed[name] = gradient(formula, self._leaf)
        return self._computed[name]

    def without_rates(self, expr: Expr) -> Expr:
        """Return a formula in which each ``rateOf`` is written out."""
        if expr.op == "rateOf":
            return self._rate(str(expr.args[0].value))
        args = tuple(map(self.without_rates, expr.args))
        return expr if args == expr.args else Expr(expr.op, args, expr.value, expr.unit)

    def _rate(self, name: str) -> Expr:
        written = rate_of(self._network, name, {n: sym(rate) for n, rate in self._inflows.items()})
        while inner := written.symbols() & self._laws.keys():
            written = substitute(written, {n: self._laws[n] for n in inner})
        return written
