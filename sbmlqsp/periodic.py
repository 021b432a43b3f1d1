"""The state that an endless series of one dose leads to: solved for where the model is linear, else iterated.

A linear model is solved by matrix exponentials of its own coefficients. Any other is run from dose to dose by the
engine, and in between leaps over as many doses as its linearised map foresees well, never far: of several such states
it is to find that to which the doses lead. Close to it Newton's method is applied to that map; the answer counts when
Newton's correction, which estimates the error, is below `CONVERGED` of each state's size and disturbances die out from
one interval to the next.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from sbmlqsp.compiled import Compiled
from sbmlqsp.course import Series
from sbmlqsp.engine.linearity import is_linear, linear_system, reads_time, totals_without, unread_states
from sbmlqsp.engine.rate_balance import way_left
from sbmlqsp.engine.rates import RightHandSide
from sbmlqsp.engine.roadrunner import EngineFailure
from sbmlqsp.engine.tolerances import Tolerances
from sbmlqsp.errors import DosingError, UnsupportedError
from sbmlqsp.model import dotted
from sbmlqsp.periodic_linear import NoSteadyState, linear_state, stiff

__all__ = ["CONVERGED", "NoSteadyState", "SteadyDoses"]

CONVERGED = 1e-9
"""How closely an iterated steady state is known, relative to each state."""
CYCLES = 6  # intervals run before Newton's method is tried, and between leaps
ROUNDS = 200
MOST = 1e7
"""How many doses there are at most before they are said to lead nowhere."""
NEAR, LEAP = 1e-2, 0.2
"""How far, as a part of each state, Newton's method may go in the end, and doses that are not run at once."""
LEAST = 1e-6
"""From what part of the largest that a state was it counts for this as so large."""
SHARP, POOR, FINEST = 1e-9, 1e-6, 1e-14
"""What the integrator's errors should and may add up to, and its smallest relative tolerance."""
AGREED = 0.2
"""To what part of the larger change the dose after a leap must do what was foreseen."""
DOUBLINGS = 60
LONG = 30  # in doublings of the time
STEP = 1e-5
BALANCED = 1e-7
"""How far, relatively, each state may still have to go by its linearised rates where an infusion has led to rest."""


class SteadyDoses:
    """Finds the states of endless series of doses for rows of parameters of one model.

    Parameters
    ----------
    compiled : Compiled
    """

    def __init__(self, compiled: Compiled) -> None:
        network, machine = compiled.model.network, compiled.machine
        if reads_time(network) or network.events:
            raise UnsupportedError(
                "steady-state doses (SS) need a model without events and without time in its rates",
                where=f"'{network.id}'",
                remedy="give enough doses to reach steady state, for example ADDL=20 in place of SS",
            )
        self._machine, self._prepared = machine, compiled.prepared
        self.names = (*machine.floating, *machine.rated)
        self._side = RightHandSide(network, compiled.env)
        self._inert = frozenset(self.names) - frozenset(self._side.names)  # what reactions read at most
        idle = unread_states(network) | self._inert
        self._unread = np.array([n in idle for n in self.names], dtype=bool)
        self._place = {n: i for i, n in enumerate(self.names)}
        values = all(network.symbols[n].kind != "species" or network.symbols[n].amount_only for n in machine.rated)
        self.linear = is_linear(network) and values and set(self._side.names) == set(self.names)
        self._known: dict[tuple[Series, int], Any] = {}
        if self.linear:
            self._system = linear_system(self._side, compiled.size)
            self._order = np.array([self._side.names.index(n) for n in self.names], dtype=int)

    def after(self, series: Series, *, row: int, start: Any, present: Any) -> Any:
        """Return the state at the record of a series.

        Parameters
        ----------
        series : Series
        row : int
            The row of parameters of the record.
        start : ndarray
            The state with which a subject of this row begins.
        present : ndarray
            The state that there would be without the series.

        Raises
        ------
        NoSteadyState
        """
        if series.target not in self._place or series.target in self._inert:
            raise NoSteadyState(f"nothing removes what is given into '{dotted(series.target)}'")
        if series.adds and not self.linear and np.any(start[~self._unread]):
            raise NoSteadyState(
                "SS = 2 adds two states, which has a meaning only in a linear model or one that starts from nothing"
            )
        found = self._solved(series, row, start) if self.linear else self._iterated(series, row, start)
        if series.adds:
            return np.where(self._unread, present, present + found)
        return np.where(self._unread, start, found)

    # --------------------------------------------------------------------------------------------------------- linear
    def _solved(self, series: Series, row: int, start: Any) -> Any:
        key = (series, row)
        if key not in self._known:
            self._known[key] = self._solve(series, row, start)
        return self._known[key]

    def _solve(self, series: Series, row: int, start: Any) -> Any:
        a, b = self._system[0][row], self._system[1][row]
        a, b = a[np.ix_(self._order, self._order)], b[self._order]
        keep = ~self._unread
        if stiff(a[np.ix_(keep, keep)], series.interval):  # more than a matrix exponential can tell exactly
            if not series.adds:
                return self._iterated(series, row, start)
            raise NoSteadyState("its time scales lie too far apart for SS = 2")
        if series.adds:
            b, start = np.zeros_like(b), np.zeros_like(start)
        into = np.zeros(len(b))
        into[self._place[series.target]] = 1.0
        a, b, into, x0 = a[np.ix_(keep, keep)], b[keep], into[keep], start[keep]
        out = np.zeros(len(keep))
        if len(b) and into.any():
            out[keep] = linear_state(a, b, into, series, x0)
        else:
            raise NoSteadyState(f"nothing removes what is given into '{dotted(series.target)}'")
        return out

    # ------------------------------------------------------------------------------------------------------- iterated
    def _iterated(self, series: Series, row: int, start: Any) -> Any:
        try:
            with self._machine.within(Tolerances().relative):
                return self._endless(series, row, start) if series.interval == 0 else self._newton(series, start)
        except EngineFailure as failure:
            raise NoSteadyState(f"the run towards it stopped: {failure.reason}") from None
        finally:
            self._machine.set_parameters({i.rate: 0.0 for i in self._prepared.inlets.values()})

    def _flow(self, x: Any, length: float, series: Series, rate: float) -> Any:
        """Run for a while at a rate of infusion."""
        if length <= 0:
            return x
        self._machine.put(x)
        self._machine.set_parameters({self._prepared.inlets[series.target].rate: rate})
        self._machine.run([0.0, length])
        return self._machine.state()

    def _given(self, x: Any, series: Series, until: float) -> Any:
        """Return the state some time after a dose of the series arrives on a state."""
        if series.length == 0:
            x = x.copy()
            x[self._place[series.target]] += series.amount
            return self._flow(x, until, series, 0.0)
        rate, first = series.amount / series.length, series.length % series.interval
        layers = round((series.length - first) / series.interval)
        x = self._flow(x, min(until, first), series, (layers + 1) * rate)
        return self._flow(x, until - first, series, layers * rate)

    def _newton(self, series: Series, start: Any) -> Any:
        free, x, size, doses = ~self._unread, start.copy(), np.maximum(np.abs(start), 1e-6 * series.amount), 0.0
        if (np.abs(self._kept[:, np.flatnonzero(free).tolist().index(self._place[series.target])]) > 1e-9).any():
            raise NoSteadyState("nothing removes what is given, so it accumulates without end")
        for _ in range(ROUNDS):
            for _ in range(CYCLES):
                x = self._given(x, series, series.interval)
            size = np.maximum(size, np.abs(x))
            cycle = self._cycle(x, series, size)
            found = self._polished(cycle, series, size, self._kept @ start[free])
            if found is not None:
                found = self._sharpened(found, series, size, self._kept @ start[free])
                return found if series.phase == series.interval else self._given(found, series, series.phase)
            x, leapt = self._leap(cycle, series, size)
            doses += CYCLES + leapt
            if doses >= MOST:
                break
        raise self._unsettled(x, series, size, doses)

    def _unsettled(self, x: Any, series: Series, size: Any, doses: float) -> NoSteadyState:
        gain = (self._given(x, series, series.interval) - x) / np.maximum(np.abs(x), 1e-12 * size)
        worst = int(np.argmax(np.where(self._unread, 0.0, np.abs(gain))))
        return NoSteadyState(
            f"after {doses:.0f} doses '{dotted(self.names[worst])}' still changes by {100 * gain[worst]:.2g}% per "
            "interval; the dose may exceed what the model can eliminate"
            if abs(gain[worst]) * doses > 0.1
            else f"after {doses:.0f} doses nothing says that '{dotted(self.names[worst])}' does not depend on the way"
        )

    def _cycle(self, x: Any, series: Series, size: Any) -> _Cycle:
        """Return what one interval makes of a state and of what is near to it."""
        free, image = np.flatnonzero(~self._unread), self._given(x, series, series.interval)
        jacobian = np.empty((len(free), len(free)))
        for column, s in enumerate(free):
            moved = x.copy()
            h = STEP * max(abs(x[s]), 1e-3 * size[s])
            moved[s] += h
            jacobian[:, column] = (self._given(moved, series, series.interval) - image)[free] / h
        return _Cycle(x, jacobian, (image - x)[free])

    @cached_property
    def _kept(self) -> Any:
        """What never changes, as rows over the states that something reads."""
        kept = self._side.conserved() @ np.eye(len(self._side.names))
        rows = totals_without(_in_order(kept, self._side.names, self.names), self._unread)[:, ~self._unread]
        return rows / np.maximum(np.abs(rows).max(initial=1e-300), 1e-300)

    def _polished(self, cycle: _Cycle, series: Series, size: Any, totals: Any) -> Any:
        """Return the fixed point of the map from dose to dose that Newton's method finds very near to a state.

        Further away another state might be where the doses lead.
        """
        free, x = ~self._unread, cycle.x
        own = np.maximum(np.abs(x), LEAST * size)[free]
        for _ in range(8):
            step, growth = self._step(cycle, size, totals)
            if step is None or not growth < 1.0:
                return None
            new = cycle.x.copy()
            new[free] += step
            if (np.abs(new - x)[free] > NEAR * own).any():
                return None
            if (new[free] < -1e-9 * size[free]).any() and (x[free] >= 0).all():
                return None
            least = CONVERGED * np.maximum(np.abs(cycle.x[free]), 1e-12 * size[free])
            if (np.abs(step) <= least).all() and (np.abs(cycle.residual) <= 10 * least).all():
                return np.where(np.abs(new) < 1e-20 * size, 0.0, new)
            cycle = self._cycle(new, series, size)
        return None

    def _sharpened(self, found: Any, series: Series, size: Any, totals: Any) -> Any:
        """Return a fixed point more exactly where it is reached so slowly that it adds up the integrator's errors."""
        factor, better = self._factor(self._cycle(found, series, size), size), None
        if factor * self._machine.relative <= SHARP:
            return found
        with self._machine.within(max(SHARP / factor, FINEST)), contextlib.suppress(EngineFailure):
            cycle = self._cycle(found, series, size)
            factor, better = self._factor(cycle, size), self._polished(cycle, series, size, totals)
        # What is not lost at all from dose to dose looks so, and the way decides where it is.
        if factor > MOST or (better is None and factor * self._machine.relative > POOR):
            raise NoSteadyState(
                "it is reached so slowly that it cannot be told exactly, if doses lead to one state at all"
            )
        return found if better is None else better

    def _factor(self, cycle: _Cycle, size: Any) -> float:
        """Return to how many times themselves the errors of single intervals add up."""
        free = ~self._unread
        own = np.maximum(np.abs(cycle.x), LEAST * size)[free]
        matrix = np.vstack([(np.eye(len(own)) - cycle.jacobian) / own[:, None], self._kept]) * own
        back = np.abs(np.linalg.pinv(matrix, rcond=1e-14)[:, : len(own)])
        return float((back @ (np.abs(cycle.x[free]) / own)).max(initial=0.0))

    def _step(self, cycle: _Cycle, size: Any, totals: Any) -> tuple[Any, float]:
        own, kept = size[~self._unread], self._kept
        if not cycle.finite:
            return None, np.inf
        matrix = np.vstack([np.eye(len(own)) - cycle.jacobian, kept])
        right = np.concatenate([cycle.residual, totals - kept @ cycle.x[~self._unread]])
        step = np.linalg.lstsq(matrix * own, right, rcond=1e-14)[0] * own
        radii = np.sort(np.abs(np.linalg.eigvals(cycle.jacobian)))[::-1]
        return step, float(radii[len(kept)]) if len(radii) > len(kept) else 0.0

    def _leap(self, cycle: _Cycle, series: Series, size: Any) -> tuple[Any, float]:
        """Return where many more doses lead, and how many: as long as that is near and each does what is foreseen."""
        free = ~self._unread
        own = np.maximum(np.abs(cycle.x), LEAST * size)[free]
        ways = [] if not cycle.finite else list(_foreseen(cycle.residual, cycle.jacobian, LEAP * own))
        for doses, way, gain in reversed(ways):
            x = cycle.x.copy()
            x[free] += way
            if (x[free] < 0).any() and (cycle.x[free] >= 0).all():
                continue
            missed = np.abs((self._given(x, series, series.interval) - x)[free] - gain) / own
            if missed.max() <= AGREED * max(np.abs(cycle.residual / own).max(), np.abs(gain / own).max()):
                return x, doses
        return cycle.x, 0.0

    def _endless(self, series: Series, row: int, start: Any) -> Any:
        x, time, still = start, 1e-3, 0
        size = np.abs(start)
        for _ in range(DOUBLINGS):
            new = self._flow(x, time, series, series.rate)
            size = np.maximum(size, np.abs(new))
            near = np.abs(new - x) <= 1e-3 * CONVERGED * np.maximum(np.abs(new), 1e-12 * size)
            still = still + 1 if near[~self._unread].all() else 0
            x, time = new, time * 2
            if still >= 3 and self._balanced(series, row, x, size, still):
                return x
        worst = int(np.argmax(np.where(self._unread | near, 0.0, np.abs(x))))
        raise NoSteadyState(f"'{dotted(self.names[worst])}' does not settle while the infusion goes on")

    def _balanced(self, series: Series, row: int, x: Any, size: Any, still: int) -> bool:
        """Say whether nothing is left of the way: what stands still for a short while may still go far."""
        base = {k: np.asarray(v)[[row]] if np.ndim(v) else v for k, v in self._side.base.items()}
        side = RightHandSide(self._side.network, base)
        known = dict(zip(self.names, x.tolist(), strict=True))
        volumes = np.array([self._volume_of(side, n, known) for n in side.names])
        own = np.array([self._place[n] for n in side.names], dtype=int)
        inflow = np.where(np.array(side.names) == series.target, series.rate, 0.0) / volumes
        try:
            left, error = way_left(side, x[own] / volumes, inflow, ~self._unread[own], size[own] / volumes)
        except UnsupportedError:  # a function without a derivative
            return still >= LONG
        allowed = BALANCED * np.abs(x[own]) / volumes + 1e-12 * size[own] / volumes
        return bool((np.abs(left) <= allowed + np.minimum(3 * error, 1e3 * allowed)).all())

    @staticmethod
    def _volume_of(side: RightHandSide, name: str, known: Mapping[str, float]) -> float:
        """Return what a state of the engine is divided by in formulas: it has amounts of what rate rules change."""
        symbol = side.network.symbols[name]
        if name in side.reacting or symbol.kind != "species" or symbol.amount_only:
            return 1.0
        size = known.get(symbol.compartment, side.base[symbol.compartment])
        return float(np.asarray(size).ravel()[0])


@dataclass(frozen=True)
class _Cycle:
    """What an interval makes of a state: the change of those that something reads, and how it changes with them."""

    x: Any
    jacobian: Any
    residual: Any

    @property
    def finite(self) -> bool:
        return bool(np.isfinite(self.jacobian).all() and np.isfinite(self.residual).all())


def _foreseen(residual: Any, jacobian: Any, most: Any) -> Iterator[tuple[float, Any, Any]]:
    """Yield how far 2, 4, 8, … doses lead by a linear map, and how much the next would change, until that is far."""
    doses, way, power = 1.0, residual, jacobian
    with np.errstate(over="ignore", invalid="ignore"):
        while doses < MOST:
            doses, way, power = 2 * doses, way + power @ way, power @ power
            gain = power @ residual
            if not (np.abs(way) <= most).all():
                return
            yield doses, way, gain
            if (np.abs(gain) <= 1e-3 * np.abs(residual)).all():
                return


def _in_order(rows: Any, names: Any, wanted: Any) -> Any:
    out = np.zeros((len(rows), len(wanted)))
    for i, name in enumerate(wanted):
        if name in names:
            out[:, i] = rows[:, list(names).index(name)]
    return out


def failure(series: Series, reason: NoSteadyState) -> DosingError:
    """Return the error for a record whose steady state does not exist."""
    return DosingError(f"there is no steady state: {reason}", where=series.where)
