"""Piecewise formulas and steps without either: a switch that is 0 or 1, or a counter, set by events."""

from __future__ import annotations

import math
from typing import Any

from sbmlqsp.engine.cuts import degree_in_time
from sbmlqsp.engine.initial import initial_state, static_symbols
from sbmlqsp.engine.libsbml_draft import Draft
from sbmlqsp.engine.libsbml_event import add_event
from sbmlqsp.engine.plainer import negated
from sbmlqsp.expressions import Expr, evaluate, num, sym

__all__ = ["choose_fixed_branches", "conditions_as_events", "steps_as_events"]

CONTINUOUS = frozenset({"kineticLaw", "assignmentRule", "rateRule", "eventAssignment"})
STEPS = frozenset({"floor", "ceil"})
SOON = 1e-12


def conditions_as_events(draft: Draft) -> list[str]:
    """Replace the conditions of piecewise formulas by switches that events turn on and off.

    ``piecewise(a, time < 5, b)`` becomes ``s*a + (1 - s)*b``, where ``s`` starts as 1 and an event sets it to 0 when
    ``time >= 5``. The places that changed are returned.
    """
    return draft.rewrite(_Walker(draft, steps=False).of, only=CONTINUOUS)


def steps_as_events(draft: Draft) -> list[str]:
    """Replace ``floor`` and ``ceil`` of what is linear in time by counters that events advance."""
    return draft.rewrite(_Walker(draft, steps=True).of, only=CONTINUOUS | {"trigger"})


class _Walker:
    """Replaces either conditions or steps."""

    def __init__(self, draft: Draft, *, steps: bool) -> None:
        network = draft.network
        self.draft, self.steps = draft, steps
        self.start: dict[str, Any] = initial_state(network)
        self.static = static_symbols(network)
        self._known: dict[Expr, Expr] = {}

    def of(self, expr: Expr) -> Expr:
        args = tuple(self.of(a) for a in expr.args)
        new = Expr(expr.op, args, expr.value, expr.unit) if args != expr.args else expr
        whole = new.op == "piecewise" and len(args) % 2 == 1 and not new.has("delay", "rateOf")
        if not self.steps and whole and not self._fixed(new) and not self._rates(new):
            return self._blend(args)
        if self.steps and new.op in STEPS and not self._settled(args[0]):
            return self._counter(new)
        return new

    def _settled(self, expr: Expr) -> bool:
        """Say whether a formula keeps its value through a run."""
        return not (expr.has("time", "delay", "rateOf") or expr.symbols() - self.static)

    def _fixed(self, expr: Expr) -> bool:
        return all(self._settled(c) for c in expr.args[1::2])

    def _rates(self, expr: Expr) -> bool:
        """Say whether a condition reads the rate of a reaction, which has no value beforehand."""
        return bool(frozenset().union(*(c.symbols() for c in expr.args[1::2])) - self.start.keys())

    def _blend(self, args: tuple[Expr, ...]) -> Expr:
        out = args[-1]
        for value, condition in reversed(list(zip(args[:-1:2], args[1::2], strict=True))):
            out = _mixed(self._switch(condition), value, out)
        return out

    # -------------------------------------------------------------------------------------------------------- switches
    def _switch(self, condition: Expr) -> Expr:
        if condition not in self._known:
            now = bool(evaluate(condition, self.start, time=0.0))
            soon = bool(evaluate(condition, self.start, time=SOON)) if condition.has("time") else now
            name = self.draft.parameter("switch_1", float(soon), unit="dimensionless", name=f"1 while {condition}")
            self.start[name] = float(soon)
            self._event(f"{name}__on", condition, {name: num(1.0)}, holds=now or soon)
            self._event(f"{name}__off", negated(condition), {name: num(0.0)}, holds=not (now and soon))
            self._known[condition] = sym(name)
        return self._known[condition]

    def _counter(self, step: Expr) -> Expr:
        inner = step.args[0]
        if step not in self._known:
            if degree_in_time(inner) > 1 or inner.symbols() - self.static - {
                str(s.value) for s in self._known.values()
            }:
                return step
            first = float(evaluate(step, self.start, time=0.0))
            name = self.draft.parameter("count_1", first, unit="dimensionless", name=str(step))
            self.start[name] = first
            one = num(1.0)
            up = Expr("ge", (inner, Expr("add", (sym(name), one))))
            down = Expr("lt", (inner, sym(name)))
            if step.op == "ceil":
                up, down = Expr("gt", (inner, sym(name))), Expr("le", (inner, Expr("sub", (sym(name), one))))
            for suffix, trigger, by in (("up", up, "add"), ("down", down, "sub")):
                self._event(f"{name}__{suffix}", trigger, {name: Expr(by, (sym(name), one))}, holds=False)
            self._known[step] = sym(name)
        return self._known[step]

    def _event(self, wish: str, trigger: Expr, values: dict[str, Expr], *, holds: bool) -> None:
        add_event(self.draft.model, self.draft.fresh(wish), trigger, values, holds=holds)


def _mixed(switch: Expr, on: Expr, off: Expr) -> Expr:
    """Return ``on`` where a switch is 1 and ``off`` where it is 0."""
    if _is_zero(off):
        return Expr("mul", (switch, on))
    if _is_zero(on):
        return Expr("mul", (Expr("sub", (num(1.0), switch)), off))
    return Expr("add", (Expr("mul", (switch, on)), Expr("mul", (Expr("sub", (num(1.0), switch)), off))))


def _is_zero(expr: Expr) -> bool:
    return expr.op == "num" and expr.value == 0.0


def choose_fixed_branches(draft: Draft) -> list[str]:
    """Keep of each piecewise formula whose conditions never change the branch that holds."""
    network = draft.network
    static, start = static_symbols(network), initial_state(network)

    def chosen(expr: Expr) -> Expr:
        args = tuple(chosen(a) for a in expr.args)
        new = Expr(expr.op, args, expr.value, expr.unit) if args != expr.args else expr
        if new.op != "piecewise":
            return new
        conditions = new.args[1::2]
        if any(c.has("time", "delay", "rateOf") or c.symbols() - static for c in conditions):
            return new
        for value, condition in zip(new.args[::2], conditions, strict=False):
            if bool(evaluate(condition, start)):
                return value
        return new.args[-1] if len(new.args) % 2 else num(math.nan)

    return draft.rewrite(chosen)
