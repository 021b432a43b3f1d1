"""Events that change nothing: the integrator stops where they happen, so that no condition is passed unseen.

It asks for conditions where its steps end. Between two of them, one that is made of two comparisons may turn true and
false again, so each comparison has an event of its own; and one may come to its threshold and turn back, as at the tip
of a peak, so where it is near there is an event where it turns. So it is with what is rounded, of whose numbers a step
may pass several, and with bends that may hide a pulse (see ``bends``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sbmlqsp.engine.balances import comparisons
from sbmlqsp.engine.bends import hiding_bends
from sbmlqsp.engine.cuts import CONTINUOUS, Switches
from sbmlqsp.engine.derivatives import Gradient, gradient, plus, times
from sbmlqsp.engine.libsbml_event import add_event, add_parameter
from sbmlqsp.engine.libsbml_formula import to_mathml
from sbmlqsp.engine.libsbml_watched import NEAR
from sbmlqsp.engine.network import Network
from sbmlqsp.engine.ode_jumps import ROUNDED
from sbmlqsp.engine.ode_slopes import rate_of
from sbmlqsp.engine.sizes import from_whole, inside, size_of_both
from sbmlqsp.errors import UnsupportedError
from sbmlqsp.expressions import Expr, num, substitute, sym

__all__ = ["CHANGES", "MOST_CHANGES", "Rounded", "look_out"]

TIME = "time"
CHANGES = "qsp_changes"
"""The parameter that says how often something has changed."""
MOST_CHANGES = 100_000.0
"""How often something may change in a run: where rounding errors change it, that would be without end."""
FEW = Expr("lt", (sym(CHANGES), num(MOST_CHANGES)))
ONE_MORE = Expr("add", (sym(CHANGES), num(1.0)))
LONGEST = 4000
"""How many operations there may be to how fast a comparison changes; where there are more, it is not asked."""


@dataclass(frozen=True, slots=True)
class Rounded:
    """What is rounded, as parameters: its number by a rule, and that which was noted last."""

    now: str
    before: str


def look_out(model: Any, network: Network, switches: Switches, inflows: Mapping[str, str]) -> tuple[Rounded, ...]:
    """Add the events of all comparisons of what moves, and of all that is rounded; return the latter.

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
    still = network.static | {s.id for s in switches.switches}
    compared = tuple(comparisons(_formulas(network, switches), still))
    known = {c.args for c in compared}
    bends = (c for c in _bends(network, switches) if c.args not in known)
    for k, asked in enumerate(dict.fromkeys((*compared, *bends))):
        comparison = speed.without_rates(asked)
        turns = speed.of(Expr("sub", comparison.args))
        if asked not in whole and turns != num(0.0):
            found[f"qsp_crossed_{k}"] = comparison
        if turns is not None and turns != num(0.0):
            found[f"qsp_turned_{k}"] = Expr("and", (_near(comparison, network), Expr("gt", (turns, num(0.0)))))
    rounded = tuple(dict.fromkeys(map(speed.without_rates, _rounded(network, switches))))
    for k, number in enumerate(rounded):
        turns = speed.of(inside(number))
        if turns is not None and (turns.symbols() or turns.has("time")):
            near = Expr("lt", (from_whole(number), num(NEAR)))
            found[f"qsp_tipped_{k}"] = Expr("and", (near, Expr("gt", (turns, num(0.0)))))
    if found or rounded:
        add_parameter(model, CHANGES, 0.0)
    for name, trigger in found.items():
        add_event(model, name, Expr("and", (FEW, trigger)), {CHANGES: ONE_MORE}, holds=True)
    return tuple(_follow(model, number, k) for k, number in enumerate(rounded))


def _follow(model: Any, number: Expr, k: int) -> Rounded:
    """Add an event at each change of what is rounded, also where a step passes several: it is compared with the last.

    Only so many are followed: see ``Changes``.
    """
    now, last = (add_parameter(model, f"qsp_{what}_{k}", 0.0) for what in ("rounded", "before"))
    rule = model.createAssignmentRule()
    rule.setVariable(now)
    rule.setMath(to_mathml(number))
    trigger = Expr("and", (FEW, Expr("ne", (sym(now), sym(last)))))
    values = {last: sym(now), CHANGES: ONE_MORE}
    add_event(model, f"qsp_rounds_{k}", trigger, values, holds=True)
    return Rounded(now, last)


def _rounded(network: Network, switches: Switches) -> Iterator[Expr]:
    """Yield what is rounded of what moves, each as a number that jumps and is level in between."""
    still = network.static | {s.id for s in switches.switches}
    for expr in _formulas(network, switches):
        for node in expr.walk():
            if node.op in ROUNDED and node.symbols() - still and not node.has("delay"):
                yield Expr("quotient", node.args) if node.op == "rem" else node


def _near(comparison: Expr, network: Network) -> Expr:
    """Return whether what is compared is nearly equal."""
    sizes = size_of_both(comparison, network.assignment_rules)
    return Expr("lt", (Expr("abs", (Expr("sub", comparison.args),)), times(num(NEAR), sizes)))


def _bends(network: Network, switches: Switches) -> tuple[Expr, ...]:
    """Return the comparisons that change where rates or triggers bend in a way that may hide a pulse."""
    still = network.static | {s.id for s in switches.switches}
    written = {(role, name): switches.rewritten.get((role, name), e) for role, name, e in network.formulas()}
    rules = {name: e for (role, name), e in written.items() if role in {"assignment rule", "kinetic law"}}
    species = {s.id for s in network.species} - network.rate_rules.keys() - network.assignment_rules.keys()

    def of(expr: Expr) -> frozenset[str]:
        found, todo = set[str](), [expr]
        while todo:
            read = todo.pop()
            found |= {"time"} if read.has("time") else set()
            new = read.symbols() - still - found
            found |= new
            todo += [rules[n] for n in new & rules.keys()]
        return frozenset(found - rules.keys())

    def moves(expr: Expr) -> bool:
        return expr.has("time") or bool(expr.symbols() - still)

    def kept(expr: Expr) -> bool:
        return expr.op == "sym" and expr.value in species

    rates = [e for (role, _), e in written.items() if role == "rate rule"]
    flows = [Expr("add", tuple(map(sym, by))) for by in network.stoichiometry.values() if rules.keys() & by.keys()]
    return hiding_bends([*rates, *flows, *(e.trigger for e in network.events)], rules, moves, of, kept)


def _formulas(network: Network, switches: Switches) -> Iterator[Expr]:
    """Yield the formulas of which it matters where they jump: what moves and what it reads, and triggers."""
    formulas = (switches.rewritten.get((role, name), e) for role, name, e in network.formulas() if role in CONTINUOUS)
    yield from (*formulas, *(e.trigger for e in network.events))


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
