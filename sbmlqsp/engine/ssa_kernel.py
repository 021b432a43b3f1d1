"""The loops that run single cells: exact jumps, what moves between them, events, and one random stream per cell.

Everything here is compiled once by numba and kept on disk; a model enters as four small compiled functions (see
``codegen``). The direct method of Gillespie (1977, https://doi.org/10.1021/j100540a008) draws when and which; where
propensities move between jumps, the next jump is where their integral reaches a unit exponential (see
``ssa_motion``). Cells in which nothing moves and nothing is watched run side by side instead (see ``ssa_lanes``).
"""

from __future__ import annotations

import math

import numba as nb
import numpy as np

from sbmlqsp.engine.ssa_arithmetic import copy, exponential, uniforms
from sbmlqsp.engine.ssa_events import settle
from sbmlqsp.engine.ssa_model import ALL, CHECKS, OUTPUTS, endless, fast, last_possible, opened, sources, tiny, total
from sbmlqsp.engine.ssa_motion import FIRED, FLIPPED, REACHED, follow
from sbmlqsp.engine.ssa_status import BAD_LAW, BELOW_ZERO, BLOCK, FINE, TOO_MANY, UNEVEN
from sbmlqsp.engine.ssa_stops import make_changes, next_stop, show

__all__ = ["run_cells"]


@tiny
def _choose(a, b, target):
    """Return the channel at which the running sum of propensities passes the target."""
    block, sum_, last = 0, 0.0, b.shape[0] - 1
    while block < last and target >= sum_ + b[block]:
        sum_ += b[block]
        block += 1
    target, sum_ = target - sum_, 0.0
    for k in range(block * BLOCK, block * BLOCK + BLOCK):
        sum_ += a[k]
        if target < sum_:
            return k
    return last_possible(a, block)


@fast
def _fault(bad, states):
    """Return status and detail of what an update could not do."""
    if bad < 0:
        return BAD_LAW, -bad - 1
    return (BELOW_ZERO, bad - 1) if bad <= states else (UNEVEN, bad - 1 - states)


@fast
def _settled(model, state, t, conditions, waiting, fates):
    """Bring propensities, events and fates up to date; return status, detail, how many events wait, and the fate."""
    bad = model.update(ALL, state.w, t)
    if bad:
        return BAD_LAW, -bad - 1, waiting, -1
    if conditions.checks.shape[0] == 0:
        return FINE, 0, waiting, -1
    status, detail, waiting = settle(model, state, t, conditions, waiting)
    if status == FINE:
        for f in range(fates):
            if conditions.checks[conditions.events.shape[0] + f] != 0.0:
                return FINE, 0, waiting, f
    return status, detail, waiting, -1


@fast
def _still(model, state, t, stop, grid, out, g, conditions, watch, jumps, most):
    """Jump until a stop or a condition that changes, while nothing moves between jumps.

    Returns status, detail, time, place of the grid, number of jumps, and whether a condition has changed.
    """
    update, look = model.update, model.look
    w, x, p, a, b, rng, checks, before = (
        state.w,
        state.x,
        state.p,
        state.a,
        state.b,
        state.rng,
        conditions.checks,
        conditions.before,
    )
    while True:
        every = total(b)
        if not every < math.inf:
            return BAD_LAW, endless(a), t, g, jumps, False
        u, v = uniforms(rng)
        reach = t + exponential(u) / every if every > 0.0 else math.inf
        fired = reach < stop
        t = reach if fired else stop
        while g < grid.shape[0] and grid[g] < t:
            look(OUTPUTS, x, p, grid[g], out[g])
            g += 1
        if not fired:
            return FINE, 0, t, g, jumps, False
        bad = update(_choose(a, b, v * every), w, t)
        jumps += 1
        if bad:
            status, detail = _fault(bad, x.shape[0])
            return status, detail, t, g, jumps, False
        if jumps > most:
            return TOO_MANY, 0, t, g, jumps, False
        if watch:
            look(CHECKS, x, p, t, checks)
            for e in range(before.shape[0]):
                if (checks[e] != 0.0) != (before[e] != 0.0):
                    return FINE, 0, t, g, jumps, True


@fast
def _moving(model, state, t, stop, grid, out, g, h, motion, conditions):
    """Follow what moves until the next jump, a stop or a condition that changes.

    Returns status, detail, time, step, place of the grid, and whether a jump or a condition came.
    """
    x, z, where = state.x, motion.z, motion.where
    for i in range(where.shape[0]):
        z[i] = x[where[i]]
    z[where.shape[0]] = 0.0
    u, v = uniforms(state.rng)
    while True:
        while g < grid.shape[0] and grid[g] <= t and grid[g] < stop:
            model.look(OUTPUTS, x, state.p, t, out[g])
            g += 1
        limit = min(grid[g], stop) if g < grid.shape[0] else stop
        what, t, h, bad = follow(model, state, t, limit, exponential(u), h, motion, conditions)
        if what < 0:
            return -what, -bad - 1, t, h, g, REACHED
        if what == FIRED:
            status, detail = _jump(model, state, t, v)
            return status, detail, t, h, g, what
        if what == FLIPPED or t >= stop:
            return FINE, 0, t, h, g, what


@fast
def _jump(model, state, t, v):
    """Let one of the channels happen; return status and detail."""
    bad = model.update(ALL, state.w, t)
    if bad:
        return BAD_LAW, -bad - 1
    bad = model.update(_choose(state.a, state.b, v * total(state.b)), state.w, t)
    return _fault(bad, state.x.shape[0]) if bad else (FINE, 0)


@fast
def _cell(model, state, grid, out, s, high, stops, conditions, motion, fates, watch, most):
    """Run one cell into ``out``; return status, detail, time, number of jumps and fate."""
    end, still = grid[-1], motion.where.shape[0] == 0 and not (motion.hazards or motion.watch)
    g, jumps, waiting = np.int64(0), np.int64(0), np.int64(0)  # their types, or all is compiled for literals as well
    t, h, due_now = 0.0, 0.01 * (end if end > 0.0 else 1.0), True
    while True:
        if s < high and stops.times[s] <= t:
            s, g = make_changes(model, state, t, s, high, g, stops, grid, out)
            due_now = True
        if due_now:
            status, detail, waiting, fate = _settled(model, state, t, conditions, waiting, fates)
            if status or fate >= 0:
                return status, detail, t, jumps, fate
        if t >= end:
            show(model, state, grid, out, g, math.inf)
            return FINE, 0, t, jumps, -1
        stop = next_stop(s, high, stops.times, end)
        for j in range(waiting):
            stop = min(stop, conditions.due[j])
        if still:
            status, detail, t, g, jumps, due_now = _still(
                model, state, t, stop, grid, out, g, conditions, watch, jumps, most
            )
            fired = due_now
        else:
            status, detail, t, h, g, what = _moving(model, state, t, stop, grid, out, g, h, motion, conditions)
            fired = what == FIRED
            jumps += fired
            due_now = what == FLIPPED or (fired and watch)
            if status == FINE and jumps > most:
                status = TOO_MANY
        if status:
            return status, detail, t, jumps, -1
        due_now = due_now or bool(waiting > 0 and not fired)


def _entry(sources):
    """Return the loop over cells, kept on disk for these sources of it: numba itself would watch this file alone."""

    def run_cells(model, starts, constants, rows, streams, grid, out, conditions, initial, fates, motion, scale, of_row,
                  stops, watch, most, blocks, results):  # fmt: skip
        """Run cells one after the other.

        ``rows`` says which row of ``starts`` and ``constants`` a cell has, ``streams`` (cells, 3) its replicate and
        key.
        Row r's stops are those from ``of_row[r]`` on. ``watch``: whether conditions read what jumps change. ``results``
        (cells, 5) takes status, detail, time, number of jumps and fate.
        """
        _ = sources
        for c in range(rows.shape[0]):
            r = rows[c]
            state = opened(starts[r], constants[r], streams[c], blocks)
            copy(conditions.before, initial)
            copy(motion.scale, scale[r])
            found = _cell(
                model, state, grid, out[c], of_row[r], of_row[r + 1], stops, conditions, motion, fates, watch, most
            )
            status, detail, time, jumps, fate = found
            own = results[c]
            own[0], own[1], own[2], own[3], own[4] = status, detail, time, jumps, fate

    return nb.njit(nogil=True, cache=True, error_model="numpy")(run_cells)


run_cells = _entry(sources())
