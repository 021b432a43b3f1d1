"""Discontinuities in time, found in the formulas, so that no solver step jumps over one.

A condition on time alone (``time >= t0 && time < t1``, ``time - 24*floor(time/24) < 1``, ``sin(time) > 0.99``)
changes at instants that can be computed. Each condition becomes a *switch*: a parameter that is constant between two
cuts. The engine misses such changes (measured), so runs are cut there instead.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from sbmlqsp.engine.curves import can_follow, sign_changes
from sbmlqsp.engine.initial import static_symbols
from sbmlqsp.engine.instants import SNAP, Instants
from sbmlqsp.engine.network import Network
from sbmlqsp.errors import UnsupportedError
from sbmlqsp.expressions import Expr, evaluate, substitute, sym

__all__ = [
    "LOOKS",
    "RELATIONS",
    "Switch",
    "Switches",
    "degree_in_time",
    "find_conditions",
    "find_switches",
    "followed",
    "may_return",
]

LOOKS = 1000
"""How many steps there are at least in a run where formulas ask for what moves, but for what the kernel holds."""
RELATIONS = frozenset({"lt", "le", "gt", "ge"})
STEPS = frozenset({"floor", "ceil", "quotient"})
ABRUPT = RELATIONS | STEPS | {"eq", "ne", "rem"}
LINEAR = RELATIONS | {"num", "sym", "time", "add", "sub", "neg", "mul", "div", "amount", "concentration", "not"}
CONTINUOUS = frozenset({"assignment rule", "rate rule", "kinetic law"})
PREFIX = "qsp_switch_"
MAX_CUTS = 200_000
LATER = 1e-13
"""How much later, relatively, a run is cut than an event is due that has waited."""
BEYOND = 1e-6
"""How far beyond the end of a run curves are followed, relatively, and over what share of the time they are lines."""
ROUNDINGS = 16
"""How many neighbouring numbers a computed time may be off."""


@dataclass(frozen=True, slots=True)
class Switch:
    """A piece of a formula that is constant between cuts; ``expr`` may read earlier switches.

    One that is ``curved`` compares what is no line in time, and reads none.
    """

    id: str
    expr: Expr
    curved: bool = False


@dataclass(frozen=True)
class Switches:
    """All switches of a model and the formulas that read them, by (role, id), and how long its events wait."""

    switches: tuple[Switch, ...] = ()
    rewritten: Mapping[tuple[str, str], Expr] = field(default_factory=dict)
    triggers: tuple[Switch, ...] = ()
    left_to_engine: tuple[str, ...] = ()
    delays: tuple[Expr, ...] = ()

    @property
    def reads(self) -> frozenset[str]:
        """What the conditions and waits read."""
        formulas = [s.expr for s in (*self.switches, *self.triggers)] + list(self.delays)
        return frozenset(name for f in formulas for name in f.symbols())

    def times(self, env: Mapping[str, Any], end: float) -> list[float]:
        """Return the instants in (0, end] at which some switch or time-only trigger may change."""
        return [t for t, _ in self.schedule(env, end)][1:]

    def schedule(self, env: Mapping[str, Any], end: float) -> list[tuple[float, dict[str, float]]]:
        """Return (time, value of each switch from then on), the first at time 0.

        Parameters
        ----------
        env : mapping of str to float
            One subject's values of all symbols that do not change during the run.
        end : float
            The end of the run, in the model's unit of time; a change within rounding of it is told too.
        """
        last = end + SNAP * max(1.0, end)
        turns = self._turns(env, last + BEYOND * max(1.0, end))
        out = [(0.0, self._values(env, 0.0, turns)[0])]
        if not self.switches and not self.triggers:
            return out
        while True:
            now = out[-1][0]
            _, coming = self._values(env, now, turns)
            if not coming <= last:
                return self._with_delayed(env, out, end) if self.delays else out
            if len(out) > MAX_CUTS:
                raise UnsupportedError(
                    f"the model changes abruptly more than {MAX_CUTS:,} times before time {end:g}",
                    remedy="shorten the run or smooth the input",
                )
            out.append((coming, self._values(env, coming, turns)[0]))

    def _turns(self, env: Mapping[str, Any], beyond: float) -> dict[str, list[float]]:
        """Return when the curves that are compared leave the side they were on, with a last time for each."""
        curved = [s for s in (*self.switches, *self.triggers) if s.curved]
        return {s.id: [*sign_changes(Expr("sub", s.expr.args), env, beyond), beyond] for s in curved}

    def _with_delayed(
        self, env: Mapping[str, Any], flips: list[tuple[float, dict[str, float]]], end: float
    ) -> list[tuple[float, dict[str, float]]]:
        """Return the schedule with the times at which events that waited are due, just after them.

        One whose trigger turns just after a time (``time > 2``) is due just after as well: there is no cut for it.

        The integrator cannot step from an event to an output a rounding error later (measured: CV_TOO_CLOSE), and an
        output a rounding error before it would not show it.
        """
        waits = {float(evaluate(d, dict(env))) for d in self.delays}
        names, at = [s.id for s in self.triggers], dict(flips) | dict(self.instants(env, flips))
        turned = [t for (_, old), (t, _) in pairwise(flips) if any(at[t][n] != old[n] for n in names)]
        due = {t + w for t in [flips[0][0], *turned] for w in waits if 0 < w < math.inf}
        known, jumps = [t for t, _ in flips], self._jumps(flips)
        late = [t * (1 + LATER) for t in due if t <= end and not jumps.near(t)]
        added = [(t, flips[bisect.bisect_right(known, t) - 1][1]) for t in late]
        return sorted([*flips, *added], key=lambda entry: entry[0])

    def _jumps(self, flips: list[tuple[float, dict[str, float]]]) -> Instants:
        """Return when formulas jump, at which they are asked for their value at that very time and not after it."""
        names = [s.id for s in self.switches]
        return Instants([t for (_, a), (t, b) in pairwise(flips) if any(a[n] != b[n] for n in names)])

    def instants(
        self, env: Mapping[str, Any], schedule: Iterable[tuple[float, Mapping[str, float]]]
    ) -> list[tuple[float, dict[str, float]]]:
        """Return (time, value of each switch at that very time) where some differ from those from then on.

        ``time <= 5`` still holds at 5 and ``time > 5`` does not yet, which only what is put out at 5 can show.
        """
        found = []
        for now, after in schedule:
            values, scope = dict[str, float](), dict(env)
            for s in (*self.switches, *self.triggers):
                values[s.id] = scope[s.id] = _at(s, scope, now)
            if values != after:
                found.append((now, values))
        return found

    def _values(
        self, env: Mapping[str, Any], now: float, turns: Mapping[str, list[float]]
    ) -> tuple[dict[str, float], float]:
        values: dict[str, float] = {}
        scope = dict(env)
        coming = math.inf
        for s in (*self.switches, *self.triggers):
            if s.curved:
                crossing = turns[s.id][bisect.bisect_right(turns[s.id], now, hi=len(turns[s.id]) - 1)]
                value = float(evaluate(s.expr, scope, time=0.5 * (now + crossing)))
            else:
                value, crossing = _relation(s.expr, scope, now) if s.expr.op in RELATIONS else _step(s.expr, scope, now)
            values[s.id] = scope[s.id] = value
            coming = min(coming, crossing)
        return values, coming


def _line(expr: Expr, scope: Mapping[str, Any], now: float, *, share: float = 1.0) -> tuple[float, float, float]:
    """Return value, slope and the size of rounding errors of a formula affine in time, or nearly so for a ``share``."""
    unit = max(1.0, abs(now))
    here = float(evaluate(expr, scope, time=now))
    slope = (float(evaluate(expr, scope, time=now + share * unit)) - here) / (share * unit)
    noise = 1e-11 * max(abs(here), abs(slope) * unit, 1e-300)
    return here, slope, noise


def _at(switch: Switch, scope: Mapping[str, Any], now: float) -> float:
    """Return the value of a switch at one time, where rounding neither keeps it from its boundary nor takes it over."""
    expr = switch.expr
    if expr.op in RELATIONS:
        here, _, noise = _line(Expr("sub", expr.args), scope, now, share=BEYOND if switch.curved else 1.0)
        here = 0.0 if abs(here) <= noise else here
        return float({"lt": here < 0, "le": here <= 0, "gt": here > 0, "ge": here >= 0}[expr.op])
    inner = Expr("div", expr.args) if expr.op == "quotient" else expr.args[0]
    here, _, noise = _line(inner, scope, now)
    nearest = round(here)
    if abs(here - nearest) <= max(noise, 1e-11):
        return float(nearest)
    return float(math.floor(here) if expr.op == "floor" else math.ceil(here) if expr.op == "ceil" else math.trunc(here))


def _relation(expr: Expr, scope: Mapping[str, Any], now: float) -> tuple[float, float]:
    gap = Expr("sub", expr.args)
    here, slope, noise = _line(gap, scope, now)
    at = abs(here) <= noise
    if at:
        here = 0.0
    # The value just after now: on the boundary the slope decides; a line along the boundary obeys the relation itself.
    after = slope if at else here
    holds = {"lt": after < 0, "le": after <= 0, "gt": after > 0, "ge": after >= 0}[expr.op]
    if not slope or at or here / slope >= 0:
        return float(holds), math.inf
    crossing = _reached(gap, scope, now - here / slope, here)
    return float(holds), crossing if crossing > now else math.inf


def _reached(gap: Expr, scope: Mapping[str, Any], crossing: float, before: float) -> float:
    """Return the first time at which a difference has left the side it was on; a crossing is computed with rounding.

    The engine asks a trigger at the cut itself: one rounding error earlier, what the event does would be missing there.
    """

    def reached(t: float) -> bool:
        return float(evaluate(gap, scope, time=t)) * before <= 0

    t = crossing
    for _ in range(ROUNDINGS):
        if reached(t):
            break
        t = math.nextafter(t, math.inf)
    else:
        return crossing
    for _ in range(ROUNDINGS):
        earlier = math.nextafter(t, -math.inf)
        if not reached(earlier):
            break
        t = earlier
    return t


def _step(expr: Expr, scope: Mapping[str, Any], now: float) -> tuple[float, float]:
    inner = Expr("div", expr.args) if expr.op == "quotient" else expr.args[0]
    here, slope, noise = _line(inner, scope, now)
    nearest = round(here)
    if slope and abs(here - nearest) <= max(noise, 1e-11):
        below = nearest if slope > 0 else nearest - 1
        coming = nearest + 1 if slope > 0 else nearest - 1
    else:
        below = math.floor(here)
        coming = below + 1 if slope > 0 else below
    towards_zero = below if below >= 0 else below + 1
    value = {"floor": below, "ceil": below + 1, "quotient": towards_zero}[expr.op]
    if not slope:
        value = {"floor": math.floor(here), "ceil": math.ceil(here), "quotient": math.trunc(here)}[expr.op]
        return float(value), math.inf
    gap = Expr("sub", (inner, Expr("num", value=float(coming))))
    return float(value), _reached(gap, scope, now + (coming - here) / slope, here - coming)


# ------------------------------------------------------------------------------------------------------------ finding
def find_switches(network: Network) -> Switches:
    """Find every condition and step that depends on time alone.

    Event triggers keep their formulas (an event is exact in the engine); their times become cuts, so that a narrow
    window cannot be stepped over.
    """
    finder = _Finder(network)
    rewritten: dict[tuple[str, str], Expr] = {}
    for role, name, expr in network.formulas():
        if role in CONTINUOUS:
            new = finder.rewrite(finder.expand(expr) if expr.has("piecewise", *RELATIONS, *STEPS, "rem") else expr)
            if new.has_switch:
                rewritten[role, name] = new.expr
    switches = tuple(finder.found.values())
    finder.found = dict.fromkeys(())  # type: ignore[assignment]
    triggers = _Finder(network, prefix="qsp_trigger_")
    for event in network.events:
        triggers.rewrite(triggers.expand(event.trigger))
    found = tuple(triggers.found.values())
    waits = (e.delay for e in network.events if e.delay is not None and found)
    delays = tuple(dict.fromkeys(d for d in waits if not d.has("time") and d.symbols() <= finder.static))
    return Switches(switches, rewritten, found, tuple(finder.left), delays)


@dataclass(frozen=True, slots=True)
class _Rewritten:
    expr: Expr
    has_switch: bool


class _Finder:
    def __init__(self, network: Network, prefix: str = PREFIX) -> None:
        self.static = static_symbols(network)
        self.found: dict[Expr, Switch] = {}
        self.left: list[str] = []
        self._prefix = prefix
        self._names: set[str] = set()
        moving = set(network.symbols) - self.static
        self._rules = {k: v for k, v in network.assignment_rules.items() if self._time_only(k, network, moving)}

    def _time_only(self, name: str, network: Network, moving: set[str], depth: int = 0) -> bool:
        if depth > 50 or name not in network.assignment_rules or name in self.static:
            return False
        rule = network.assignment_rules[name]
        if rule.has("delay", "rateOf"):
            return False
        return all(s not in moving or self._time_only(s, network, moving, depth + 1) for s in rule.symbols())

    def expand(self, expr: Expr, depth: int = 0) -> Expr:
        """Replace variables that are functions of time alone by their formulas."""
        inner = expr.symbols() & set(self._rules)
        if not inner or depth > 20:
            return expr
        return self.expand(substitute(expr, {k: self._rules[k] for k in inner}), depth + 1)

    def rewrite(self, expr: Expr) -> _Rewritten:
        new = self._walk(expr)
        return _Rewritten(new, bool(new.symbols() & self._names))

    def _walk(self, expr: Expr) -> Expr:
        if not expr.args:
            return expr
        if expr.op == "rem":
            a, b = expr.args
            quotient = Expr("quotient", (a, b))
            if expr.has("time"):
                return self._walk(Expr("sub", (a, Expr("mul", (b, quotient)))))
        args = tuple(self._walk(a) for a in expr.args)
        new = Expr(expr.op, args, expr.value, expr.unit)
        if (new.op in RELATIONS and len(args) == 2) or new.op in STEPS:
            return self._switch(new)
        return new

    def _switch(self, expr: Expr) -> Expr:
        depends = expr.has("time") or bool(expr.symbols() & self._names)
        if not depends:
            return expr
        curved = not self._affine(expr)
        known = expr.op in RELATIONS and not expr.symbols() & self._names and all(map(can_follow, expr.args))
        if expr.symbols() - self.static - self._names or (curved and not known):
            self.left.append(str(expr))
            return expr
        if expr not in self.found:
            name = f"{self._prefix}{len(self.found)}"
            self._names.add(name)
            self.found[expr] = Switch(name, expr, curved)
        switch = sym(self.found[expr].id)
        return Expr("gt", (switch, Expr("num", value=0.5))) if expr.op in RELATIONS else switch

    def _affine(self, expr: Expr) -> bool:
        parts = (Expr("div", expr.args),) if expr.op == "quotient" else expr.args
        return all(degree_in_time(p) <= 1 for p in parts)


def degree_in_time(expr: Expr) -> float:
    """Return the polynomial degree in time, infinite where it is no polynomial."""
    if expr.op == "time":
        return 1
    if not expr.has("time"):
        return 0
    if expr.op in {"add", "sub", "neg"}:
        return max(degree_in_time(a) for a in expr.args)
    if expr.op == "mul":
        return sum(degree_in_time(a) for a in expr.args)
    if expr.op == "div" and not expr.args[1].has("time"):
        return degree_in_time(expr.args[0])
    return math.inf


def followed(network: Network, switches: Switches) -> bool:
    """Return whether some formula asks for or counts what moves, other than by switches, so that no run is cut there.

    Examples
    --------
    >>> from sbmlqsp.engine.libsbml_extract import extract
    >>> import sbmlqsp as qsp
    >>> model = qsp.read_antimony("model m; S = 9; S' = -S*piecewise(1, S > 1 && time > 2, 0); end")
    >>> network = extract(model.sbml)
    >>> followed(network, find_switches(network))
    True
    """
    still = static_symbols(network) | {s.id for s in switches.switches}
    for role, name, expr in network.formulas():
        for node in switches.rewritten.get((role, name), expr).walk() if role in CONTINUOUS else ():
            if node.op in ABRUPT and (node.has("time") or node.symbols() - still):
                return True
    return False


def may_return(network: Network) -> bool:
    """Return whether a trigger may hold for a short while: several conditions, or one that no line in states decides.

    Examples
    --------
    >>> from sbmlqsp.engine.libsbml_extract import extract
    >>> import sbmlqsp as qsp
    >>> model = qsp.read_antimony("model m; S = 9; S' = 1; y := sin(S); at y > 0.5: S = 0; end")
    >>> may_return(extract(model.sbml))
    True
    """
    rules = {k: v for k, v in network.assignment_rules.items() if k not in network.static}
    todo, seen = [e.trigger for e in network.events], set[str]()
    while todo:
        expr = todo.pop()
        if expr.has("and") or any(n.op not in LINEAR and n.symbols() - network.static for n in expr.walk()):
            return True
        todo += [rules[k] for k in (expr.symbols() & rules.keys()) - seen]
        seen |= expr.symbols()
    return False


def find_conditions(network: Network) -> tuple[tuple[Expr, ...], tuple[Switch, ...], tuple[str, ...]]:
    """Return the triggers of events over switches instead of time, the switches, and what cannot be one.

    Examples
    --------
    >>> from sbmlqsp.engine.libsbml_extract import extract
    >>> import sbmlqsp as qsp
    >>> model = qsp.read_antimony("model m; S = 1; at time >= 5 && S > 2: S = 0; end")
    >>> conditions, switches, _ = find_conditions(extract(model.sbml))
    >>> [str(s.expr) for s in switches], "time" in str(conditions[0])
    (['time >= 5'], False)
    """
    finder = _Finder(network, prefix="qsp_trigger_")
    conditions = tuple(finder.rewrite(finder.expand(e.trigger)).expr for e in network.events)
    return conditions, tuple(finder.found.values()), tuple(finder.left)
