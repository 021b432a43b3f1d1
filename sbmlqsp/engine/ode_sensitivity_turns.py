"""What events change sensitivities by, as Python source for numba.

``turn`` gives the derivatives of what events read along one direction, in which states change by v, constants by q and
time by tau: of the gaps of comparisons, of delays, and of the values that are assigned.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from sbmlqsp.engine.codegen import function, indented, read_once
from sbmlqsp.engine.derivatives import plus
from sbmlqsp.engine.jumps import JumpSystem
from sbmlqsp.engine.network import Event
from sbmlqsp.engine.ode_codegen import TIME, Equations, _Writer
from sbmlqsp.engine.ode_jumps import COMPARISONS
from sbmlqsp.engine.ode_sensitivity import ALONG, Along
from sbmlqsp.engine.rendering import numeric
from sbmlqsp.expressions import Expr, num, sym

__all__ = ["Tables", "Turns", "source_of_turns"]

RELATIONS = COMPARISONS | {"eq", "ne"}
HEAD = '''"""Generated from a model; made anew where it is missing."""

import math

import numba as nb
import numpy as np

from sbmlqsp.engine.ode_sensitivity_model import TURN

'''


def nodes(system: JumpSystem, *exprs: Expr) -> Iterator[Expr]:
    """Yield the parts of formulas and of the rules that they read."""
    for expr in exprs:
        yield from expr.walk()
    for name in sorted(system.reads(*exprs) & system.rules.keys()):
        yield from system.rules[name].walk()


class Tables(NamedTuple):
    """Which comparisons belong to what, as arrays of their places.

    ``of_event`` is the comparison that is the trigger of each event, ``of_part`` that which each part of triggers is,
    -1 for none; ``within`` says which parts are in the trigger of which event; ``guards`` which comparisons all
    triggers read (row 0), and which the delay and values of each event do (row 1 + event).
    """

    of_event: Any
    of_part: Any
    within: Any
    guards: Any


class Turns:
    """The comparisons that the events of a system read.

    Parameters
    ----------
    equations : Equations
    """

    def __init__(self, equations: Equations) -> None:
        self._equations, self._system = equations, equations.system
        self._switches = {s.id for s in (*self._system.switches.switches, *self._system.switches.triggers)}

    @cached_property
    def comparisons(self) -> tuple[Expr, ...]:
        """All comparisons that events read, without those that ask what a switch is."""
        formulas = [f for e in self._system.events for f in (e.trigger, *_formulas(e))]
        return tuple(dict.fromkeys(c for f in formulas for c in self._of(f)))

    @cached_property
    def gaps(self) -> tuple[Expr, ...]:
        """By how much each comparison holds: above zero where it does."""
        ordered = ((c.args if c.op in {"gt", "ge", "eq", "ne"} else c.args[::-1]) for c in self.comparisons)
        return tuple(Expr("sub", tuple(args)) for args in ordered)

    def _of(self, expr: Expr) -> list[Expr]:
        found = [n for n in nodes(self._system, expr) if n.op in RELATIONS]
        return [c for c in found if not (c.symbols() and c.symbols() <= self._switches and not c.has("time"))]

    def tables(self) -> Tables:
        """Return which comparisons belong to what."""
        events, parts, place = self._system.events, self._equations.parts, self._place
        of_event = [place.get(e.trigger, -1) for e in events]
        within = [[p in list(e.trigger.walk()) for p in parts] for e in events]
        read = [[c for e in events for c in self._of(e.trigger)]]
        read += [[c for f in _formulas(e) for c in self._of(f)] for e in events]
        guards = np.zeros((1 + len(events), len(self.comparisons)), dtype=np.int64)
        for k, some in enumerate(read):
            guards[k, [place[c] for c in some]] = 1
        shape = (len(events), len(parts))
        return Tables(np.array(of_event, dtype=np.int64), np.array([place[p] for p in parts], dtype=np.int64),
                      np.array(within, dtype=np.int64).reshape(shape), guards)  # fmt: skip

    @cached_property
    def _place(self) -> dict[Expr, int]:
        return {c: k for k, c in enumerate(self.comparisons)}


def _formulas(event: Event) -> list[Expr]:
    return [*event.assignments.values(), *([] if event.delay is None else [event.delay])]


def source_of_turns(equations: Equations, turns: Turns, constants: Sequence[str]) -> str:
    """Return the source of ``turn``, for constants that change with the parameters or are assigned."""
    return f"{HEAD}{_Turning(equations, constants).turn(turns)}\n"


class _Turning(_Writer):
    def __init__(self, equations: Equations, constants: Sequence[str]) -> None:
        super().__init__(equations)
        self._along = Along(self.system, {}, constants)
        self._places = {name: f"v[{i}]" for i, name in enumerate(self.system.states)}
        self._places |= {name: f"q[{i}]" for i, name in enumerate(constants)}
        self._given = {f"{ALONG}({name})": place for name, place in self._places.items()} | {f"{ALONG}({TIME})": "tau"}

    def turn(self, turns: Turns) -> str:
        """Write the derivatives of what events read."""
        gaps, events = turns.gaps, self.system.events
        size = [plus(Expr("abs", (g.args[0],)), Expr("abs", (g.args[1],))) for g in gaps]
        bodies = [self._event_turns(e) for e in events]
        lines = ["if what == 0:", *indented(read_once(self._slopes(gaps), "_s") or ["pass"]),
                 "elif what == 1:", *indented(read_once(self._values([*gaps, *size]), "_g") or ["pass"]),
                 "else:", *indented(["r = e", *self._choice(0, len(bodies), bodies)])]  # fmt: skip
        return function("turn", "TURN", "what, e, x, p, t, v, q, tau, value, out", lines)

    def _values(self, exprs: Sequence[Expr]) -> list[str]:
        return [*self._locals(exprs), *self._put("out", 0, exprs)]

    def _slopes(self, exprs: Iterable[Expr]) -> list[str]:
        """Return the lines that put out the derivatives of formulas."""
        slopes = [self._along.of(e) or num(0.0) for e in exprs]
        return [*self._needed(slopes), *self._put("out", 0, slopes)]

    def _needed(self, slopes: Sequence[Expr]) -> list[str]:
        """Return the lines that compute what slopes read: rules, and the slopes of rules."""
        formulas, needed, waiting = self._along.named, set[str](), list(slopes)
        while waiting:
            for name in waiting.pop().symbols() & formulas.keys() - needed:
                needed.add(name)
                waiting.append(formulas[name])
        self._named = self._given | {name: f"h{k}" for k, name in enumerate(formulas)}
        local = {name: e for name, e in formulas.items() if name in needed}
        lines = self._locals([*slopes, *local.values()])
        return lines + [f"{self._named[name]} = {numeric(e, self._name)}" for name, e in local.items()]

    def _event_turns(self, event: Event) -> list[str]:
        delay = self._slopes([event.delay or num(0.0)])
        given = self._slopes(event.assignments.values())
        return ["if what == 2:", *indented(delay), "elif what == 3:", *indented(given or ["pass"]),
                "else:", *indented(self._assigned(event) or ["pass"])]  # fmt: skip

    def _assigned(self, event: Event) -> list[str]:
        """Return the lines that assign: ``value`` are values, ``out`` what they change by."""
        symbols = self.system.network.symbols
        amounts = {n: sym(symbols[n].compartment) for n in event.assignments
                   if symbols[n].kind == "species" and not symbols[n].amount_only}  # fmt: skip
        slopes = [self._along.of(size) or num(0.0) for size in amounts.values()]
        lines = [*self._needed(slopes), *self._locals((), [symbols[n].compartment for n in amounts])]
        put = []
        for k, name in enumerate(event.assignments):
            text = f"out[{k}]"
            if name in amounts:
                home, slope = amounts[name], numeric(slopes[list(amounts).index(name)], self._name)
                text = f"out[{k}] * {self._name(str(home.value))} + value[{k}] * {slope}"
            lines.append(f"w{k} = {text}")
            put.append(f"{self._places[name]} = w{k}")
        return lines + put
