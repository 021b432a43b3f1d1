"""The loop that runs single cells by leaps: many jumps at once while propensities hardly change, else exact ones.

Explicit tau-leaping of Cao, Gillespie and Petzold (2006, https://doi.org/10.1063/1.2159468). A leap is as long as the
mean and the standard deviation of what it changes leave each count x that a law reads within ``epsilon x / g``, or
one molecule. g is what they read from the order of a reaction: by how many times more, relatively, a propensity
changes than the counts it reads. Here it is measured, so that it holds for any law: over a step of ``epsilon x`` up and
down, exactly, and summed over what a law reads (of mass action, the order). Where a channel could exhaust a count in
fewer than ``critical`` jumps, it jumps at most once in a leap.

Their bounds let a leap last longer than a count at balance remembers, which leaves means right and variances not: of
10,000 molecules at epsilon 0.03, a variance is several times too large. So a leap may also lose at most ``turnover``
times those molecules of each such count in the mean, gains aside. With a turnover of 1, no conversion network is
followed in steps longer than 2 epsilon of its fastest relaxation, and leaps enlarge variances at balance by the part
epsilon at most.

A leap that would lead below zero, or where a law is no propensity, is drawn again at half its length. At 10 jumps from
exhaustion and an expected change of one molecule that is a matter of 1e-8 a leap, and so is its bias.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numba as nb
import numpy as np

from sbmlqsp.engine.ssa_arithmetic import copy, uniforms
from sbmlqsp.engine.ssa_kernel import _fault, _still
from sbmlqsp.engine.ssa_model import ALL, endless, fast, opened, sources, tiny, total
from sbmlqsp.engine.ssa_status import BAD_LAW, FINE, TOO_LARGE, TOO_MANY
from sbmlqsp.engine.ssa_stops import make_changes, show
from sbmlqsp.engine.tau_poisson import poisson

__all__ = ["Leap", "LeapModel", "run_leaps"]

FEWEST = 10.0
"""A leap that spans fewer jumps is no gain."""
EXACT = 100
"""So many exact jumps are made instead."""
LARGEST = 2.0**53
"""Whole numbers beyond have no room in a float."""


class LeapModel(NamedTuple):
    """A model's compiled functions; ``probe`` gives the laws that read a state."""

    update: Any
    look: Any
    probe: Any


class Leap(NamedTuple):
    """Where what leaps need to know lies: in one array of whole numbers, ``at``, and one of others, ``room``.

    Every array that is handed over costs more than a leap's arithmetic, so that there are two, and places in them.

    In ``at``: channel j changes the states ``changed`` from ``of_channel`` j on. ``moved`` are all states that channels
    change. The i-th state of ``read`` is read by the channels ``reader`` from ``of_read`` i on. In ``room``: ``by`` how
    many each state is changed, and by channel, ``single`` where that is no whole number; the others are for a leap.
    """

    channels: int
    moves: int
    reads: int
    of_channel: int
    changed: int
    moved: int
    read: int
    of_read: int
    reader: int
    by: int
    single: int
    rare: int  # by channel: whether it jumps at most once in a leap
    steep: int  # by channel: how many times more its law changes than what it reads, in parts
    mean: int  # by state: mean change, variance and loss per time, and the count before
    variance: int
    lost: int
    old: int
    slopes: int  # of the readers of one state
    epsilon: float
    critical: float
    turnover: float


# --------------------------------------------------------------------------------------------------- how long to leap
@tiny
def _probe(probe, x, p, a, t, leap, at, room, laws, i, step):
    """Measure how steep laws are in one state over a step; return whether they are propensities there."""
    k, low, high = at[leap.read + i], at[leap.of_read + i], at[leap.of_read + i + 1]
    have, good = x[k], True
    for j in range(high - low):
        room[leap.slopes + j] = 0.0
    for side in range(2):
        to = have - step if side == 0 else have + step
        if to < 0.0:
            continue
        x[k] = to
        probe(i, x, p, t, laws)
        x[k] = have
        for j in range(high - low):
            now, then = a[at[leap.reader + low + j]], laws[j]
            good = good and 0.0 <= then < math.inf
            if then != now:  # against the middles of both, so that a count or a law may start from zero
                slope = abs(then - now) / (then + now) * (have + to) / step
                room[leap.slopes + j] = max(room[leap.slopes + j], slope)
    return good


@tiny
def _measure(probe, x, p, a, t, leap, at, room, laws):
    """Measure how steep the law of each channel is in all it reads together."""
    for j in range(leap.channels):
        room[leap.steep + j] = 0.0
    for i in range(leap.reads):
        step, good = max(1.0, math.floor(leap.epsilon * x[at[leap.read + i]])), False
        for _ in range(2):
            good = _probe(probe, x, p, a, t, leap, at, room, laws, i, step)
            if good or step == 1.0:
                break
            step = 1.0
        low = at[leap.of_read + i]
        for j in range(low, at[leap.of_read + i + 1]):
            room[leap.steep + at[leap.reader + j]] += room[leap.slopes + j - low] if good else math.inf


@tiny
def _flow(x, a, leap, at, room):
    """Find what may jump once in a leap, and what the other channels change; return the propensity of the former."""
    once = 0.0
    for k in range(x.shape[0]):
        room[leap.mean + k] = room[leap.variance + k] = room[leap.lost + k] = 0.0
    for j in range(leap.channels):
        rare, low, high = room[leap.single + j] != 0.0, at[leap.of_channel + j], at[leap.of_channel + j + 1]
        for e in range(low, high):
            rare = rare or x[at[leap.changed + e]] < -room[leap.by + e] * leap.critical
        room[leap.rare + j] = rare
        if rare:
            once += a[j]
        elif a[j] > 0.0:
            for e in range(low, high):
                k, by = at[leap.changed + e], room[leap.by + e]
                room[leap.mean + k] += by * a[j]
                room[leap.variance + k] += by * by * a[j]
                room[leap.lost + k] += max(-by, 0.0) * a[j]
    return once


@tiny
def _longest(x, leap, at, room):
    """Return how long a leap may be."""
    tau = math.inf
    for i in range(leap.reads):
        k, g = at[leap.read + i], 1.0
        for j in range(at[leap.of_read + i], at[leap.of_read + i + 1]):
            g = max(g, room[leap.steep + at[leap.reader + j]])
        most, variance = max(leap.epsilon * x[k] / g, 1.0), room[leap.variance + k]
        if variance > 0.0:
            tau = min(tau, most * most / variance, most / abs(room[leap.mean + k]))
        if room[leap.lost + k] > 0.0:
            tau = min(tau, leap.turnover * most / room[leap.lost + k])
    return tau


# ------------------------------------------------------------------------------------------------------------- leaping
@tiny
def _chosen(a, leap, room, target):
    """Return the channel among those that jump once at which the running sum of propensities passes the target."""
    last = -1
    for j in range(leap.channels):
        if room[leap.rare + j] != 0.0 and a[j] > 0.0:
            last = j
            if target < a[j]:
                break
            target -= a[j]
    return last


@tiny
def _jumped(x, a, rng, leap, at, room, tau):
    """Let channels jump for a while; return 0, 1 + the state below zero, or that + the states where it is too large."""
    for k in range(x.shape[0]):
        room[leap.old + k] = x[k]
    for j in range(leap.channels):
        if a[j] > 0.0 and room[leap.rare + j] == 0.0:
            n = poisson(a[j] * tau, rng)
            if n > 0.0:
                for e in range(at[leap.of_channel + j], at[leap.of_channel + j + 1]):
                    x[at[leap.changed + e]] += n * room[leap.by + e]
    for i in range(leap.moves):
        k = at[leap.moved + i]
        if x[k] < 0.0:
            return 1 + k
        if not x[k] <= LARGEST:
            return 1 + x.shape[0] + k
    return 0


@tiny
def _restore(x, leap, room):
    for k in range(x.shape[0]):
        x[k] = room[leap.old + k]


@tiny
def _leapt(update, w, x, a, rng, every, t, limit, leap, at, room, tau, once):
    """Leap, at most until a limit, by halves where it fails; return status, detail, time and tries.

    Where no leap is worth it, time stays what it was.
    """
    n, tries = x.shape[0], 0
    while min(tau, 1.0 / once) * every >= FEWEST:
        step, single = min(tau, limit - t), -1
        if once > 0.0:
            u, v = uniforms(rng)
            wait = -math.log(u) / once
            if wait < step:
                step, single = wait, _chosen(a, leap, room, v * once)
        to = t + step if step < limit - t else limit
        bad = _jumped(x, a, rng, leap, at, room, step)
        if bad > n:
            return TOO_LARGE, bad - 1 - n, to, tries
        bad = bad or (update(single, w, to) if single >= 0 else 0) or update(ALL, w, to)
        tries += 1
        if bad == 0:
            return FINE, 0, to, tries
        _restore(x, leap, room)
        if single >= 0:  # where the jump fails alone, no shorter leap may hide it
            bad = update(single, w, to)
            if bad:
                status, detail = _fault(bad, n)
                return status, detail, to, tries
            _restore(x, leap, room)
        update(ALL, w, t)
        tau = 0.5 * step
    return FINE, 0, t, tries


@fast
def _until(model, state, laws, leap, at, room, t, stop, grid, out, g, conditions, steps, most):
    """Leap and jump until a stop; return status, detail, time, place of the grid and number of leaps and jumps."""
    w, x, p, a, b, rng = state.w, state.x, state.p, state.a, state.b, state.rng
    update, probe = model.update, model.probe
    while t < stop:
        if g < grid.shape[0] and grid[g] <= t:
            g = show(model, state, grid, out, g, min(np.nextafter(t, math.inf), stop))
        every = total(b)
        if not every < math.inf:
            return BAD_LAW, endless(a), t, g, steps
        if every == 0.0:
            return FINE, 0, stop, show(model, state, grid, out, g, stop), steps
        once = _flow(x, a, leap, at, room)
        _measure(probe, x, p, a, t, leap, at, room, laws)
        tau = _longest(x, leap, at, room)
        limit = min(grid[g], stop) if g < grid.shape[0] else stop
        status, detail, to, more = _leapt(update, w, x, a, rng, every, t, limit, leap, at, room, tau, once)
        if status == FINE and to == t:
            few = min(EXACT - 1, most - steps)
            status, detail, to, g, jumps, _ = _still(model, state, t, stop, grid, out, g, conditions, False, 0, few)
            more += jumps
            status = FINE if status == TOO_MANY else status
        t, steps = to, steps + more
        if status == FINE and steps > most:
            status = TOO_MANY
        if status:
            return status, detail, t, g, steps
    return FINE, 0, t, g, steps


@fast
def _cell(model, state, laws, leap, at, room, grid, out, s, high, stops, conditions, most):
    """Run one cell into ``out``; return status, detail, time and number of leaps and jumps."""
    end, t, g, steps = grid[-1], 0.0, np.int64(0), np.int64(0)  # their types, or all is compiled for literals as well
    while True:
        if s < high and stops.times[s] <= t:
            s, g = make_changes(model, state, t, s, high, g, stops, grid, out)
        bad = model.update(ALL, state.w, t)
        if bad:
            return BAD_LAW, -bad - 1, t, steps
        if t >= end:
            show(model, state, grid, out, g, math.inf)
            return FINE, 0, t, steps
        stop = stops.times[s] if s < high and stops.times[s] < end else end
        status, detail, t, g, steps = _until(
            model, state, laws, leap, at, room, t, stop, grid, out, g, conditions, steps, most
        )
        if status:
            return status, detail, t, steps


def _entry(sources):
    """Return the loop over cells, kept on disk for these sources of it: numba itself would watch this file alone."""

    def run_leaps(model, starts, constants, rows, streams, grid, out, conditions, leap, at, room, laws, own, of_row,
                  stops, most, blocks, results):  # fmt: skip
        """Run cells one after the other, as ``run_cells`` does.

        ``own`` is what of ``room`` each row of ``starts`` has of its own, and ``laws`` holds those that read one state.
        """
        _ = sources
        for c in range(rows.shape[0]):
            r = rows[c]
            state = opened(starts[r], constants[r], streams[c], blocks)
            copy(room[: own.shape[1]], own[r])
            status, detail, time, steps = _cell(
                model, state, laws, leap, at, room, grid, out[c], of_row[r], of_row[r + 1], stops, conditions, most
            )
            found = results[c]
            found[0], found[1], found[2], found[3], found[4] = status, detail, time, steps, -1

    return nb.njit(nogil=True, cache=True, error_model="numpy")(run_leaps)


run_leaps = _entry(sources("ssa_*.py", "tau_*.py"))
