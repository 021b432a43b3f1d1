"""The loop that runs one cell and notes its every change.

It makes the same jumps as ``ssa_kernel`` to the bit, since it draws the same numbers in the same order and follows what
moves in the same steps. It is a loop of its own so that the others need not ask at every jump whether to note it.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numba as nb
import numpy as np

from sbmlqsp.engine.ssa_arithmetic import copy, exponential, uniforms
from sbmlqsp.engine.ssa_events import APPLY, LOOPS, VALUES, _dequeue, _next_event, _triggered
from sbmlqsp.engine.ssa_kernel import _choose, _fault
from sbmlqsp.engine.ssa_model import ALL, OUTPUTS, endless, fast, opened, sources, total
from sbmlqsp.engine.ssa_motion import FIRED, FLIPPED, flips, follow
from sbmlqsp.engine.ssa_status import BAD_LAW, ENDLESS, FINE, FRACTION, TOO_MANY
from sbmlqsp.engine.ssa_stops import make_changes, next_stop

__all__ = ["DOSE", "END", "FULL", "START", "SWITCH", "Log", "trace_cell"]

START, DOSE, SWITCH, END = range(4)
"""What a row is of; after them come the events, the fates and the channels."""
FULL = -1
"""The status of a cell for whose rows there is no room."""


class Log(NamedTuple):
    """Rows of changes: when, what and the outputs just after; ``at`` is how many rows there are."""

    time: Any
    what: Any
    values: Any
    at: Any


@fast
def _note(model, state, t, what, log):
    """Note a change; return whether there was room for it."""
    n = log.at[0]
    if n >= log.time.shape[0]:
        return False
    log.time[n], log.what[n] = t, what
    model.look(OUTPUTS, state.x, state.p, t, log.values[n])
    log.at[0] = n + 1
    return True


@fast
def _execute(model, state, t, c, waiting):
    """Execute the event that comes next; return status, detail, how many wait, and the event: -1 where none is due.

    One turn of ``settle``, which would be slower if it called this.
    """
    status, detail, waiting = _triggered(model, state, t, c, waiting)
    if status:
        return status, detail, waiting, -1
    k = _next_event(model, state, t, c, waiting)
    if k < 0:
        return FINE, 0, waiting, -1
    e = c.whose[k]
    if c.events[e, 1]:
        copy(c.value, c.kept[k])
    else:
        model.act(VALUES, e, state.x, state.p, t, c.value)
    waiting = _dequeue(k, waiting, c)
    bad = model.act(APPLY, e, state.x, state.p, t, c.value)
    if bad:
        return FRACTION, bad - 1, waiting, e
    bad = model.update(ALL, state.w, t)
    if bad:
        return BAD_LAW, -bad - 1, waiting, e
    return FINE, 0, waiting, e


@fast
def _settled(model, state, t, conditions, waiting, fates, log):
    """Bring propensities, events and fates up to date; return status, detail, how many events wait, and the fate."""
    bad, own = model.update(ALL, state.w, t), conditions.events.shape[0]
    if bad:
        return BAD_LAW, -bad - 1, waiting, -1
    if conditions.checks.shape[0] == 0:
        return FINE, 0, waiting, -1
    for _ in range(LOOPS):
        status, detail, waiting, e = _execute(model, state, t, conditions, waiting)
        if status:
            return status, detail, waiting, -1
        if e < 0:
            for f in range(fates):
                if conditions.checks[own + f] != 0.0:
                    return FINE, 0, waiting, f
            return FINE, 0, waiting, -1
        if not _note(model, state, t, END + 1 + e, log):
            return FULL, 0, waiting, -1
    return ENDLESS, 0, waiting, -1


@fast
def _happens(model, state, t, k, first, log):
    """Let a channel happen and note it; return status and detail."""
    bad = model.update(k, state.w, t)
    if bad:
        return _fault(bad, state.x.shape[0])
    return (FINE, 0) if _note(model, state, t, first + k, log) else (FULL, 0)


@fast
def _still(model, state, t, stop, conditions, watch, jumps, most, log):
    """Jump until a stop or a condition that changes, while nothing moves between jumps.

    Returns status, detail, time, number of jumps, and whether a condition has changed.
    """
    first = END + 1 + conditions.checks.shape[0] - conditions.parts
    while True:
        every = total(state.b)
        if not every < math.inf:
            return BAD_LAW, endless(state.a), t, jumps, False
        u, v = uniforms(state.rng)
        reach = t + exponential(u) / every if every > 0.0 else math.inf
        if not reach < stop:
            return FINE, 0, stop, jumps, False
        t = reach
        status, detail = _happens(model, state, t, _choose(state.a, state.b, v * every), first, log)
        jumps += 1
        if status:
            return status, detail, t, jumps, False
        if jumps > most:
            return TOO_MANY, 0, t, jumps, False
        if watch and flips(model, state, t, conditions):
            return FINE, 0, t, jumps, True


@fast
def _moving(model, state, t, stop, grid, g, h, motion, conditions, log):
    """Follow what moves until the next jump, a stop or a condition that changes, in steps that end at outputs.

    Returns status, detail, time, step, place of the grid, and whether a jump or a condition came.
    """
    x, z, where = state.x, motion.z, motion.where
    for i in range(where.shape[0]):
        z[i] = x[where[i]]
    z[where.shape[0]] = 0.0
    u, v = uniforms(state.rng)
    while True:
        while g < grid.shape[0] and grid[g] <= t and grid[g] < stop:
            g += 1
        limit = min(grid[g], stop) if g < grid.shape[0] else stop
        what, t, h, bad = follow(model, state, t, limit, exponential(u), h, motion, conditions)
        if what < 0:
            return -what, -bad - 1, t, h, g, what
        if what == FIRED:
            bad = model.update(ALL, state.w, t)
            if bad:
                return BAD_LAW, -bad - 1, t, h, g, what
            k = _choose(state.a, state.b, v * total(state.b))
            status, detail = _happens(model, state, t, k, END + 1 + conditions.checks.shape[0] - conditions.parts, log)
            return status, detail, t, h, g, what
        if what == FLIPPED or t >= stop:
            return FINE, 0, t, h, g, what


@fast
def _cell(model, state, grid, none, s, high, stops, conditions, motion, fates, watch, most, log):
    """Run one cell; return status, detail, time, number of jumps and fate."""
    end, still = grid[-1], motion.where.shape[0] == 0 and not (motion.hazards or motion.watch)
    g, jumps, waiting = np.int64(0), np.int64(0), np.int64(0)  # their types, or all is compiled for literals as well
    t, h, due_now = 0.0, 0.01 * (end if end > 0.0 else 1.0), True
    status = FINE if _note(model, state, t, START, log) else FULL
    detail = 0
    while not status:
        if s < high and stops.times[s] <= t:
            what = DOSE if stops.dosed[s] else SWITCH
            s, g = make_changes(model, state, t, s, high, g, stops, grid, none)
            due_now = True
            if not _note(model, state, t, what, log):
                return FULL, 0, t, jumps, -1
        if due_now:
            status, detail, waiting, fate = _settled(model, state, t, conditions, waiting, fates, log)
            if status or fate >= 0:
                return status, detail, t, jumps, fate
        if t >= end:
            return FINE, 0, t, jumps, -1
        stop = next_stop(s, high, stops.times, end)
        for j in range(waiting):
            stop = min(stop, conditions.due[j])
        if still:
            status, detail, t, jumps, due_now = _still(model, state, t, stop, conditions, watch, jumps, most, log)
            fired = due_now
        else:
            status, detail, t, h, g, what = _moving(model, state, t, stop, grid, g, h, motion, conditions, log)
            fired = what == FIRED
            jumps += fired
            due_now = what == FLIPPED or (fired and watch)
            if status == FINE and jumps > most:
                status = TOO_MANY
        due_now = due_now or bool(waiting > 0 and not fired)
    return status, detail, t, jumps, -1


def _entry(sources):
    """Return the loop, kept on disk for these sources of it: numba itself would watch this file alone."""

    def trace_cell(model, start, constants, stream, grid, conditions, initial, fates, motion, scale, low, high, stops,
                   watch, most, blocks, log):  # fmt: skip
        """Run one cell and note its every change; return status, detail, time and number of jumps.

        ``start``, ``constants``, ``stream`` and ``scale`` are its own; its stops are those from ``low`` to ``high``.
        The others are as in ``run_cells``.
        """
        _ = sources
        copy(conditions.before, initial)
        copy(motion.scale, scale)
        state, none = opened(start, constants, stream, blocks), np.empty((0, 0))
        status, detail, time, jumps, fate = _cell(
            model, state, grid, none, low, high, stops, conditions, motion, fates, watch, most, log
        )
        if status == FINE:
            what = END if fate < 0 else END + 1 + conditions.events.shape[0] + fate
            if not _note(model, state, time, what, log):
                status = FULL
        return status, detail, time, jumps

    return nb.njit(nogil=True, cache=True, error_model="numpy")(trace_cell)


trace_cell = _entry(sources("ssa_*.py", "trace_*.py"))
