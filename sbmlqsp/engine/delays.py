"""Values of the past of what is known at every time: ``delay(x, d)`` where x depends on time alone."""

from __future__ import annotations

from dataclasses import replace

from sbmlqsp.engine.network import Network
from sbmlqsp.expressions import Expr, substitute

__all__ = ["without_delays"]


def without_delays(network: Network) -> Network:
    """Return the network with each ``delay`` of a function of time written as that function of an earlier time.

    As SBML has it, the formula also holds for times before the start. What never changes has always been what it is,
    unless an initial assignment computes it from time. Other delays, whose past only a run can tell, are left.

    Examples
    --------
    >>> from sbmlqsp.engine.network import Network, Symbol
    >>> from sbmlqsp.expressions import parse_formula
    >>> symbols = {n: Symbol(n, "parameter", 1.0, constant=n == "k") for n in ("x", "y", "k")}
    >>> rules = {"x": parse_formula("k*time"), "y": parse_formula("delay(x, 2)")}
    >>> str(without_delays(Network("m", "", symbols, {}, assignment_rules=rules)).assignment_rules["y"])
    'k*(time - 2)'
    """
    if not any(f.has("delay") for _, _, f in network.formulas()):
        return network
    past = _Past(network)
    new = replace(
        network,
        initial_assignments={k: past.without(f) for k, f in network.initial_assignments.items()},
        assignment_rules={k: past.without(f) for k, f in network.assignment_rules.items()},
        rate_rules={k: past.without(f) for k, f in network.rate_rules.items()},
        algebraic_rules=tuple(map(past.without, network.algebraic_rules)),
        reactions={k: replace(r, law=r.law and past.without(r.law)) for k, r in network.reactions.items()},
        events=tuple(
            replace(
                e,
                trigger=past.without(e.trigger),
                assignments={k: past.without(f) for k, f in e.assignments.items()},
                delay=e.delay and past.without(e.delay),
                priority=e.priority and past.without(e.priority),
            )
            for e in network.events
        ),
    )
    return replace(new, from_the_past=past.used, remembered=frozenset(past.remembered))


class _Past:
    def __init__(self, network: Network) -> None:
        moved = {k for k, f in network.initial_assignments.items() if f.has("time", "delay", "rateOf")}
        growing = True
        while growing:
            more = {k for k, f in network.initial_assignments.items() if k not in moved and f.symbols() & moved}
            growing = bool(more)
            moved |= more
        self._always = network.static - moved - network.assignment_rules.keys()
        self._rules = network.assignment_rules
        self.used = False
        self.remembered: set[str] = set()

    def without(self, expr: Expr) -> Expr:
        """Return a formula without delays of functions of time."""
        args = tuple(map(self.without, expr.args))
        if expr.op == "delay":
            value, by = (self._of_time(a) for a in args)
            if value is not None and by is not None:
                self.used = True
                self.remembered |= value.symbols() | by.symbols()
                return _earlier(value, by)
        return Expr(expr.op, args, expr.value, expr.unit)

    def _of_time(self, expr: Expr) -> Expr | None:
        """Return a formula over time and what never changes, or None where it reads anything else."""
        for _ in range(100):
            others = expr.symbols() - self._always
            if not others:
                return None if expr.has("delay", "rateOf") else expr
            if not others <= self._rules.keys():
                return None
            expr = substitute(expr, {n: self.without(self._rules[n]) for n in others})
        return None


def _earlier(expr: Expr, by: Expr) -> Expr:
    """Return a formula with an earlier time in place of time."""
    if expr.op == "time":
        return Expr("sub", (expr, by))
    return Expr(expr.op, tuple(_earlier(a, by) for a in expr.args), expr.value, expr.unit)
