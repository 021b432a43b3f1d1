"""The loop that runs single cells by leaps: many jumps at once while propensities hardly change, else exact ones.

Explicit tau-leaping of Cao, Gillespie and Petzold (2006, https://doi.org/10.1063/1.2159468). A leap is as long as the
mean and the standard deviation of what it changes leave each count x that a law reads within ``epsilon x / g``, or
one molecule. g is what they read from the order of a reaction: by how many times more, relatively, a propensity
changes than the counts it reads. Here it is measured, so that it holds for any law: over a step of ``epsilon x`` up and
down, exactly, and summed over what a law reads (of mass action, the order). Where a channel could exhaust a count in
fewer than ``critical`` jumps, it jumps at most once in a leap.

Their bounds let a leap last longer than a count at balance remembers, which leaves means right and variances not: of
10,000 molecules at epsilon 0.03, a variance is several times too large. So a leap may also lose at most
``turnover epsilon x / g`` molecules of each such count in the mean, gains aside. With a turnover of 2, leaps of a
linear balance enlarge its variance by the part epsilon.

A leap that would lead below zero, or where a law is no propensity, is drawn again at half its length. At 10 jumps from
exhaustion and an expected change of one molecule that is a matter of 1e-8 a leap, and so is its bias.
"""

from __future__ import annotations

import hashlib
import math
from pathlib import Path
from typing import Any, NamedTuple

import numba as nb
import numpy as np

from sbmlqsp.engine.ssa_kernel import _fault, _show, _still, _stops
from sbmlqsp.engine.ssa_model import ALL, State, endless, fast, tiny, total, uniforms
from sbmlqsp.engine.ssa_status import BAD_LAW, BLOCK, FINE, TOO_LARGE, TOO_MANY
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
    """What leaps need to know of the channels, and room.

    Channel j changes the states ``changed`` ``by`` so many from ``of_channel[j]`` on; ``single`` where that is no whole
    number. ``moved``: all states that channels change. The state ``read[i]`` is read by the channels ``reader`` from
    ``of_read[i]`` on.
    """

    of_channel: Any
    changed: Any
    by: Any
    single: Any
    moved: Any
    read: Any
    of_read: Any
    reader: Any
    epsilon: float
    critical: float
    turnover: float
    rare: Any  # by channel: whether it jumps at most once in a leap
    steep: Any  # by channel: the relative change of its law by that of all it reads
    mean: Any  # by state: mean change, variance and loss per time
    variance: Any
    lost: Any
    old: Any
    laws: Any  # of the readers of one state, and how steep they are
    slopes: Any


# --------------------------------------------------------------------------------------------------- how long to leap
@tiny
def _probed(model, state, leap, t, i, step):
    """Measure how steep laws are in one state over a step; return whether they are propensities there."""
    x, k, low, high = state.x, leap.read[i], leap.of_read[i], leap.of_read[i + 1]
    have = x[k]
    leap.slopes[: high - low] = 0.0
    for side in range(2):
        to = have - step if side == 0 else have + step
        if to < 0.0:
            continue
        x[k] = to
        model.probe(i, x, state.p, t, leap.laws)
        x[k] = have
        for j in range(low, high):
            now, then = state.a[leap.reader[j]], leap.laws[j - low]
            if not 0.0 <= then < math.inf:
                return False
            if then != now:  # against the middles of both, so that a count or a law may start from zero
                slope = abs(then - now) / (then + now) * (have + to) / step
                leap.slopes[j - low] = max(leap.slopes[j - low], slope)
    return True


@tiny
def _measure(model, state, leap, t):
    """Measure how steep the law of each channel is in all it reads together."""
    leap.steep[:] = 0.0
    for i in range(leap.read.shape[0]):
        step = max(1.0, math.floor(leap.epsilon * state.x[leap.read[i]]))
        known = _probed(model, state, leap, t, i, step) or (step > 1.0 and _probed(model, state, leap, t, i, 1.0))
        low = leap.of_read[i]
        for j in range(low, leap.of_read[i + 1]):
            leap.steep[leap.reader[j]] += leap.slopes[j - low] if known else math.inf


@tiny
def _flow(state, leap):
    """Find the channels that may jump once in a leap, and what the others change; return the propensity of the former."""
    x, a, once = state.x, state.a, 0.0
    leap.mean[:], leap.variance[:], leap.lost[:] = 0.0, 0.0, 0.0
    for j in range(leap.rare.shape[0]):
        rare = leap.single[j]
        for e in range(leap.of_channel[j], leap.of_channel[j + 1]):
            rare = rare or x[leap.changed[e]] < -leap.by[e] * leap.critical
        leap.rare[j] = rare
        if rare:
            once += a[j]
        elif a[j] > 0.0:
            for e in range(leap.of_channel[j], leap.of_channel[j + 1]):
                k, by = leap.changed[e], leap.by[e]
                leap.mean[k] += by * a[j]
                leap.variance[k] += by * by * a[j]
                leap.lost[k] += max(-by, 0.0) * a[j]
    return once


@tiny
def _longest(model, state, leap, t):
    """Return how long a leap may be, and the propensity of what may jump once in it."""
    once = _flow(state, leap)
    _measure(model, state, leap, t)
    tau = math.inf
    for i in range(leap.read.shape[0]):
        k, g = leap.read[i], 1.0
        for j in range(leap.of_read[i], leap.of_read[i + 1]):
            g = max(g, leap.steep[leap.reader[j]])
        most = max(leap.epsilon * state.x[k] / g, 1.0)
        if leap.variance[k] > 0.0:
            tau = min(tau, most * most / leap.variance[k], most / abs(leap.mean[k]))
        if leap.lost[k] > 0.0:
            tau = min(tau, leap.turnover * most / leap.lost[k])
    return tau, once


# ------------------------------------------------------------------------------------------------------------- leaping
@tiny
def _chosen(state, leap, target):
    """Return the channel among those that jump once at which the running sum of propensities passes the target."""
    last = -1
    for j in range(leap.rare.shape[0]):
        if leap.rare[j] and state.a[j] > 0.0:
            last = j
            if target < state.a[j]:
                return j
            target -= state.a[j]
    return last


@tiny
def _tried(model, state, leap, t, tau, single):
    """Let channels jump for a while, and one of them once at its end.

    Returns 0, what ``update`` returns where it fails, or 1 + the state that is too large + twice the number of states.
    """
    x, a = state.x, state.a
    leap.old[:] = x
    for j in range(leap.rare.shape[0]):
        if a[j] > 0.0 and not leap.rare[j]:
            n = poisson(a[j] * tau, state.rng)
            if n > 0.0:
                for e in range(leap.of_channel[j], leap.of_channel[j + 1]):
                    x[leap.changed[e]] += n * leap.by[e]
    for i in range(leap.moved.shape[0]):
        k = leap.moved[i]
        if x[k] < 0.0:
            return 1 + k
        if not x[k] <= LARGEST:
            return 1 + 2 * x.shape[0] + k
    bad = model.update(single, state.w, t) if single >= 0 else 0
    return bad or model.update(ALL, state.w, t)


@tiny
def _leapt(model, state, leap, t, limit, tau, once):
    """Leap, at most until a limit, by halves where it fails; return status, detail, time and tries.

    Where no leap is worth it, time stays what it was.
    """
    every, n, tries = total(state.b), state.x.shape[0], 0
    while min(tau, 1.0 / once) * every >= FEWEST:
        step, single = min(tau, limit - t), -1
        if once > 0.0:
            u, v = uniforms(state.rng)
            wait = -math.log(u) / once
            if wait < step:
                step, single = wait, _chosen(state, leap, v * once)
        to = t + step if step < limit - t else limit
        bad = _tried(model, state, leap, to, step, single)
        tries += 1
        if bad == 0:
            return FINE, 0, to, tries
        if bad > 2 * n:
            return TOO_LARGE, bad - 1 - 2 * n, to, tries
        if bad > n:
            status, detail = _fault(bad, n)
            return status, detail, to, tries
        state.x[:] = leap.old
        model.update(ALL, state.w, t)
        tau = 0.5 * step
    return FINE, 0, t, tries


@fast
def _until(model, state, leap, t, stop, grid, out, g, conditions, steps, most):
    """Leap and jump until a stop; return status, detail, time, place of the grid and number of leaps and jumps."""
    while t < stop:
        g = _show(model, state, grid, out, g, min(np.nextafter(t, math.inf), stop))
        every = total(state.b)
        if not every < math.inf:
            return BAD_LAW, endless(state.a), t, g, steps
        if every == 0.0:
            return FINE, 0, stop, _show(model, state, grid, out, g, stop), steps
        tau, once = _longest(model, state, leap, t)
        limit = min(grid[g], stop) if g < grid.shape[0] else stop
        status, detail, to, more = _leapt(model, state, leap, t, limit, tau, once)
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
def _cell(model, state, leap, grid, out, s, high, stops, conditions, most):
    """Run one cell into ``out``; return status, detail, time and number of leaps and jumps."""
    end, t, g, steps = grid[-1], 0.0, 0, 0
    while True:
        if s < high and stops.times[s] <= t:
            s, g = _stops(model, state, t, s, high, g, stops, grid, out)
        bad = model.update(ALL, state.w, t)
        if bad:
            return BAD_LAW, -bad - 1, t, steps
        if t >= end:
            _show(model, state, grid, out, g, math.inf)
            return FINE, 0, t, steps
        stop = stops.times[s] if s < high and stops.times[s] < end else end
        status, detail, t, g, steps = _until(model, state, leap, t, stop, grid, out, g, conditions, steps, most)
        if status:
            return status, detail, t, steps


def _entry(sources):
    """Return the loop over cells, kept on disk for these sources of it: numba itself would watch this file alone."""

    def run_leaps(model, starts, constants, rows, streams, grid, out, conditions, leap, by, single, of_row, stops, most,
                  blocks, results):  # fmt: skip
        """Run cells one after the other, as ``run_cells`` does; ``by`` and ``single`` have a row for each of starts."""
        _ = sources
        n, m = starts.shape[1], starts.shape[1] + constants.shape[1]
        w = np.empty(m + blocks * BLOCK + blocks)
        x, p, a, b = w[:n], w[n:m], w[m : m + blocks * BLOCK], w[m + blocks * BLOCK :]
        rng = np.zeros(4, dtype=np.uint64)
        for c in range(rows.shape[0]):
            r = rows[c]
            x[:] = starts[r]
            p[:] = constants[r]
            a[:] = 0.0
            b[:] = 0.0
            rng[0], rng[1], rng[2], rng[3] = np.uint64(0), streams[c, 0], streams[c, 1], streams[c, 2]
            leap.by[:] = by[r]
            leap.single[:] = single[r]
            state = State(w, x, p, a, b, rng)
            status, detail, time, steps = _cell(
                model, state, leap, grid, out[c], of_row[r], of_row[r + 1], stops, conditions, most
            )
            own = results[c]
            own[0], own[1], own[2], own[3], own[4] = status, detail, time, steps, -1

    return nb.njit(nogil=True, cache=True, error_model="numpy")(run_leaps)


def _sources():
    """Return the digest of everything that is compiled with the loop."""
    here = Path(__file__).parent
    files = sorted([*here.glob("ssa_*.py"), *here.glob("tau_*.py")])
    return hashlib.sha256(b"".join(f.read_bytes() for f in files)).hexdigest()


run_leaps = _entry(_sources())
