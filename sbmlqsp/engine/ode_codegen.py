"""Differential equations as Python source for numba: rates of change, their exact derivatives, and outputs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property

from sbmlqsp.engine.codegen import Writer, function, indented, read_once
from sbmlqsp.engine.derivatives import Gradient, gradient, negative, over, plus, times
from sbmlqsp.engine.elimination import Elimination, plan_elimination
from sbmlqsp.engine.jumps import JumpSystem, jump_system
from sbmlqsp.engine.network import Event, Network
from sbmlqsp.engine.ode_held import hold
from sbmlqsp.engine.ode_jumps import COMPARISONS, ROUNDED
from sbmlqsp.engine.ode_slopes import without_slopes
from sbmlqsp.engine.ode_waves import waves
from sbmlqsp.engine.rendering import numeric
from sbmlqsp.engine.sizes import from_whole, size_of_both
from sbmlqsp.errors import UnsupportedError
from sbmlqsp.expressions import Expr, num, sym

__all__ = ["Equations", "equations_of", "source_of_equations"]

HEAD = '''"""Generated from a model; made anew where it is missing."""

import math

import numba as nb
import numpy as np

from sbmlqsp.engine.ode_model import ACT, FACTOR, LOOK, RATES, SLOPES, SOLVE

'''
TIME = "time"
WRITTEN_OUT = 500
"""How many operations of an elimination are written out; beyond, a plan is followed."""
ONE = num(1.0)


def equations_of(network: Network, *, dosed: Mapping[str, bool]) -> Equations:
    """Return a network as differential equations.

    Parameters
    ----------
    network : Network
    dosed : mapping of str to bool
        What doses change, and whether it is infused.

    Raises
    ------
    UnsupportedError
        Something that the kernel does not run: which.
    """
    _refuse(network)
    network = without_slopes(network, dosed=dosed)
    system = jump_system(network, continuous=[s.id for s in network.species], dosed=dosed, watched=True)
    system = replace(system, switches=replace(system.switches, delays=()))  # what waits is due when it is due
    species = {s.id for s in network.species if s.id in system.states}
    flows = dict(system.flows) | {s: num(0.0) for s in system.states if s in species and s not in system.flows}
    system = replace(system, flows=flows)
    more = waves(system, hold(system).conditions)
    flows |= more
    moving = tuple(s for s in (*system.states, *more) if s in flows)
    fixed = tuple(s for s in system.states if s not in flows) + system.constants
    equations = Equations(replace(system, states=moving, constants=fixed, flows={s: flows[s] for s in moving}))
    equations.refuse_equalities()
    return equations


def _refuse(network: Network) -> None:
    for reaction in network.reactions.values():
        if reaction.fast:
            raise UnsupportedError(
                f"the reaction '{reaction.id}' is marked fast, which the batch kernel does not solve",
                remedy="write the equilibrium as an assignment rule, or clear the flag and give a rate",
            )
    for role, name, expr in network.formulas():
        if role != "initial assignment" and expr.has("delay"):
            raise UnsupportedError(
                f"the {role} of '{name}' uses delay(), which the batch kernel does not solve",
                remedy="replace the delay by a chain of transit compartments",
            )


class Equations:
    """Differential equations of a network: ``states`` that move, ``constants`` that only doses and cuts change.

    States are amounts of species, and values of what rate rules change. ``held`` are the constants, the last of them,
    that stand in the rates for what these jump with.
    """

    def __init__(self, system: JumpSystem, *, bends: bool = True) -> None:
        self.system, self.held = system, hold(system, bends=bends)
        self.states, self.constants = system.states, self.held.system.constants

    @cached_property
    def elimination(self) -> Elimination:
        """How to solve the linear systems of its steps."""
        return plan_elimination(len(self.states), self.slopes.jacobian)

    @property
    def written_out(self) -> bool:
        """Whether their solution is written out, or done by a plan."""
        return int(self.elimination.target.size) + self.elimination.size <= WRITTEN_OUT

    def moves(self, expr: Expr) -> bool:
        """Return whether a formula changes between events, with time or with what moves."""
        moving = {"time", *(s for s, rate in self.system.flows.items() if rate != num(0.0))}
        return bool(self.system.reads(expr) & moving)

    @cached_property
    def watched(self) -> tuple[Event, ...]:
        """The events whose triggers may change between cuts."""
        return tuple(e for e in self.system.events if self.moves(e.trigger))

    @cached_property
    def bends(self) -> bool:
        """Whether rates ask for what moves beside what is watched: they bend there, unseen but by short steps."""
        system, seen = self.held.system, {c.args for c in self.held.conditions}
        read = [*system.flows.values()]
        read += [system.rules[n] for n in sorted(system.reads(*read) & system.rules.keys())]
        asked = (n for e in read for n in e.walk() if n.op in COMPARISONS | {"eq", "ne"} and n.args not in seen)
        return any(map(system.moves, asked))

    @property
    def parts(self) -> tuple[Expr, ...]:
        """The comparisons that triggers are made of: where none changes, no trigger held in between."""
        composed = [e.trigger for e in self.watched if e.trigger.op not in COMPARISONS]
        found = (node for trigger in composed for node in trigger.walk() if node.op in COMPARISONS)
        return tuple(dict.fromkeys(node for node in found if self.moves(node)))

    def strict(self, event: Event) -> bool:
        """Return whether a trigger turns true just after what it compares is equal, and not yet there."""
        compared = [n for n in event.trigger.walk() if n.op in COMPARISONS and self.moves(n)]
        return all(n.op in {"gt", "lt"} for n in compared) and not event.trigger.has("not", "xor", "implies")

    def refuse_equalities(self) -> None:
        """Refuse triggers that ask for one point alone, which no step meets."""
        for event in self.watched:
            for node in event.trigger.walk():
                if node.op in {"eq", "ne"} and self.moves(node):
                    raise UnsupportedError(
                        f"the trigger of the event '{event.id}' asks whether what changes smoothly equals a value",
                        value=str(node), remedy="ask whether it is larger or smaller",
                    )  # fmt: skip

    @cached_property
    def slopes(self) -> Slopes:
        """The derivatives of the rates."""
        return Slopes(self.held.system)


class Slopes:
    """The derivatives of a system's rates by its states and by time.

    Each rule's are computed once, under a name of their own, and enter those of what reads the rule by the chain rule.
    """

    def __init__(self, system: JumpSystem) -> None:
        self._system = system
        self._of_rule: dict[str, Gradient] = {}
        self.named: dict[str, Expr] = {}
        rates = [gradient(rate, self._leaf) for rate in system.flows.values()]
        place = {name: i for i, name in enumerate(system.states)}
        self.by_time = {i: g[TIME] for i, g in enumerate(rates) if TIME in g}
        self.jacobian = {(i, place[s]): e for i, g in enumerate(rates) for s, e in g.items() if s != TIME}

    def _leaf(self, expr: Expr) -> Gradient:
        if expr.op == "time":
            return {TIME: ONE}
        if expr.op in {"amount", "concentration"}:
            return self._meaning(expr.op, str(expr.args[0].value))
        return self._symbol(str(expr.value))

    def _symbol(self, name: str) -> Gradient:
        system = self._system
        if name in system.rules:
            return self._rule(name)
        if name not in system.flows:
            return {}
        symbol = system.network.symbols[name]
        if symbol.kind != "species" or symbol.amount_only:
            return {name: ONE}
        return self._meaning("concentration", name)

    def _meaning(self, op: str, name: str) -> Gradient:
        """Return the gradient of an amount or a concentration."""
        symbol = self._system.network.symbols[name]
        size = sym(symbol.compartment)
        of_size = self._symbol(symbol.compartment) if symbol.compartment else {}
        if name not in self._system.flows:  # in formulas it is what it says, as in a rule
            own, as_amount = self._symbol(name), symbol.amount_only
            if (op == "amount") == as_amount:
                return own
            product = Expr("mul" if op == "amount" else "div", (sym(name), size))
            parts = {name: own, symbol.compartment: of_size}
            return gradient(product, lambda e: parts.get(str(e.value), {}))
        if op == "amount":
            return {name: ONE}
        out: Gradient = {name: over(ONE, size)}
        share = negative(over(Expr("concentration", (sym(name),)), size))
        for state, slope in of_size.items():
            term = times(share, slope)
            out[state] = plus(out[state], term) if state in out else term
        return out

    def _rule(self, name: str) -> Gradient:
        if name not in self._of_rule:
            out: Gradient = {}
            for state, slope in gradient(self._system.rules[name], self._leaf).items():
                if slope.op in {"num", "sym"}:
                    out[state] = slope
                else:
                    local = f"d({name})/d({state})"
                    self.named[local] = slope
                    out[state] = sym(local)
            self._of_rule[name] = out
        return self._of_rule[name]


def source_of_equations(equations: Equations, *, outputs: Sequence[str]) -> str:
    """Return the source of the functions of a system.

    Parameters
    ----------
    equations : Equations
    outputs : sequence of str
        Engine selections: ``"S"`` is an amount or a value, ``"[S]"`` a concentration.
    """
    motion, writer = _Writer(equations, equations.held.system), _Writer(equations)
    parts = [motion.rates(), motion.slopes(), writer.look(outputs, (*equations.parts, *equations.held.conditions))]
    if equations.system.events or equations.held.names:
        parts.append(writer.act())
    if equations.written_out:
        plan = equations.elimination
        parts.append(function("factor", "FACTOR", "out, w, d, plan", plan.factor_lines()))
        parts.append(function("solve", "SOLVE", "w, b, plan", plan.solve_lines() or ["pass"]))
    return HEAD + "\n\n".join(parts) + "\n"


def _gap(check: Expr) -> Expr:
    """Return by how much a comparison holds or does not, or how far from a whole number it is what is rounded."""
    if check.op in COMPARISONS and len(check.args) == 2:
        return Expr("sub", check.args)
    return from_whole(check) if check.op in ROUNDED else num(math.nan)


class _Writer(Writer):
    def __init__(self, equations: Equations, system: JumpSystem | None = None) -> None:
        super().__init__(system or equations.system)
        self._equations = equations
        self._named: dict[str, str] = {}

    def _name(self, name: str) -> str:
        return self._named[name] if name in self._named else super()._name(name)

    def _needs(self, expr: Expr) -> list[str]:
        return [n for n in super()._needs(expr) if n not in self._named]

    def rates(self) -> str:
        """Write the rates of change."""
        return function("rates", "RATES", "x, p, t, dx", read_once(self._rates("dx"), "") or ["pass"])

    def slopes(self) -> str:
        """Write the rates of change, their derivatives by time, and the Jacobian, into one array."""
        slopes, n = self._equations.slopes, len(self.system.states)
        self._named = {name: f"g{k}" for k, name in enumerate(slopes.named)}
        entries = list(slopes.jacobian.values())
        lines = self._locals([*self.system.flows.values(), *slopes.named.values(), *slopes.by_time.values(), *entries])
        lines += [f"{self._named[name]} = {numeric(e, self._name)}" for name, e in slopes.named.items()]
        lines += self._put("out", 0, self.system.flows.values())
        lines += [f"out[{n + i}] = {numeric(e, self._name)}" for i, e in slopes.by_time.items()]
        lines += self._put("out", 2 * n, entries)
        return function("slopes", "SLOPES", "x, p, t, out", read_once(lines, "") or ["pass"])

    def look(self, outputs: Sequence[str], fates: Sequence[Expr]) -> str:
        """Write what is watched, by how much each comparison holds or not, how large what is held is, and outputs."""
        checks = [*(e.trigger for e in self.system.events), *fates]
        held = self._equations.held
        rounded = {c for c in held.conditions if c.op in ROUNDED}
        sizes = [num(0.0) if c in rounded else size_of_both(c, self.system.rules) for c in held.conditions]
        return self._look(checks, outputs, numbers=rounded, more=[*map(_gap, checks), *sizes])

    def _event(self, i: int) -> list[str]:
        event, symbols = self.system.events[i], self.system.network.symbols
        values = list(event.assignments.values())
        given = self._locals(values) + [f"value[{k}] = {numeric(v, self._name)}" for k, v in enumerate(values)]
        amounts = [(k, n) for k, n in enumerate(event.assignments) if symbols[n].kind == "species"]
        put = self._locals((), [symbols[n].compartment for _, n in amounts])
        for k, name in amounts:  # before sizes: all is assigned at once, so that a concentration is one of the old size
            size = "" if symbols[name].amount_only else f" * {self._name(symbols[name].compartment)}"
            put.append(f"{self._raw(name)} = value[{k}]{size}")
        put += [f"{self._raw(n)} = value[{k}]" for k, n in enumerate(event.assignments) if symbols[n].kind != "species"]
        return ["if what == 0:", *indented(self._single(event.delay, "0.0")),
                "elif what == 1:", *indented(self._single(event.priority, "-math.inf")),
                "elif what == 2:", *indented(given or ["pass"]), "else:", *indented(put or ["pass"]),
                "return 0"]  # fmt: skip

    def _rates(self, where: str) -> list[str]:
        flows = self.system.flows
        return [*self._locals(flows.values()), *self._put(where, 0, flows.values())]

    def _put(self, where: str, first: int, exprs: Iterable[Expr]) -> list[str]:
        return [f"{where}[{first + i}] = {numeric(e, self._name)}" for i, e in enumerate(exprs)]
