"""Rates that jump where a state crosses a threshold, as events: sensitivities jump there by how the rates change.

So are bends that may hide a pulse (see ``bends``), at which sensitivities do not jump. Each condition becomes a
constant, 1 where it holds and 0 elsewhere, which two events of the highest priority set.
"""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import combinations

from sbmlqsp.engine.derivatives import STEPS, as_choice
from sbmlqsp.engine.jumps import JumpSystem
from sbmlqsp.engine.network import Event, Symbol
from sbmlqsp.engine.ode_codegen import Equations
from sbmlqsp.engine.ode_jumps import ROUNDED, continuous
from sbmlqsp.errors import UnsupportedError
from sbmlqsp.expressions import Expr, num, sym

__all__ = ["with_roots"]

ROOT = "qsp_root_"
"""The constant that says whether a condition holds, before its number."""


def with_roots(equations: Equations) -> Equations:
    """Return equations whose rates jump at events alone.

    What cannot be written so stays as it is: what is rounded, and what the model's own events read as well, since the
    constant would follow the condition after them.

    Parameters
    ----------
    equations : Equations
    """
    system = equations.system
    roots = _Roots(system, frozenset(c.args for c in equations.held.bends))
    read = system.reads(*system.flows.values())
    rules = {k: roots.rewrite(v) if k in read else v for k, v in system.rules.items()}
    flows = {k: roots.rewrite(v) for k, v in system.flows.items()}
    if not roots.found:
        return Equations(system, bends=False)
    events = tuple(e for condition, name in roots.found.items() for e in _events(condition, name))
    names = tuple(roots.found.values())
    symbols = {**system.network.symbols, **{n: Symbol(n, "parameter", 0.0) for n in names}}
    network = replace(system.network, symbols=symbols, events=(*system.network.events, *events))
    out = replace(system, network=network, rules=rules, flows=flows, events=(*system.events, *events),
                  constants=(*system.constants, *names))  # fmt: skip
    if any(out.reads(*_formulas(e)) & set(names) for e in system.events):
        _refuse_bends(equations)
        return equations
    made = Equations(out, bends=False)
    made.refuse_equalities()
    return made


def _refuse_bends(equations: Equations) -> None:
    """Refuse bends that may hide a pulse, at which no step would end."""
    if equations.held.bends:
        raise UnsupportedError(
            "rates bend where what moves crosses thresholds, which events read as well",
            value=[str(c) for c in equations.held.bends],
            remedy="take differences of simulations",
        )


def _formulas(event: Event) -> list[Expr]:
    given = [event.trigger, *event.assignments.values(), event.delay, event.priority]
    return [e for e in given if e is not None]


def _events(condition: Expr, name: str) -> tuple[Event, Event]:
    """Return what says that a condition holds from now on, at the start as well, and what says that it does not."""
    what = str(condition)
    first = Event(what, condition, {name: num(1.0)}, priority=num(math.inf), initial_value=False)
    return first, replace(first, id=f"not ({what})", trigger=Expr("not", (condition,)), assignments={name: num(0.0)},
                          initial_value=True)  # fmt: skip


class _Roots:
    def __init__(self, system: JumpSystem, bends: frozenset[tuple[Expr, ...]]) -> None:
        self._system, self._bends = system, bends
        self.found: dict[Expr, str] = {}

    def rewrite(self, expr: Expr) -> Expr:
        """Return a formula over constants instead of the conditions at which it jumps."""
        if not expr.args:
            return expr
        if expr.op == "piecewise":
            return self._choice(expr)
        sides = (*expr.args, num(0.0)) if expr.op == "abs" else expr.args
        if expr.op in {"max", "min", "abs"} and any(pair in self._bends for pair in combinations(sides, 2)):
            return self._choice(as_choice(expr), bends=True)
        if expr.op in STEPS - ROUNDED and self._system.moves(expr):
            return self._root(expr)
        return Expr(expr.op, tuple(map(self.rewrite, expr.args)), expr.value, expr.unit)

    def _choice(self, expr: Expr, *, bends: bool = False) -> Expr:
        moving = [c for c in expr.args[1::2] if self._system.moves(c)]
        bends = bends or any(c.args in self._bends for c in moving)
        jumps = bool(moving) and (bends or not continuous(self._system, expr, moving))
        out = []
        for k, part in enumerate(expr.args):
            if k % 2 == 0:
                out.append(self.rewrite(part))
            else:
                out.append(Expr("gt", (self._root(part), num(0.5))) if jumps and part in moving else part)
        return Expr("piecewise", tuple(out))

    def _root(self, condition: Expr) -> Expr:
        return sym(self.found.setdefault(condition, f"{ROOT}{len(self.found)}"))
