"""Events of one cell, by SBML's rules: triggers that turn true, delays, priorities, persistence."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from sbmlqsp.engine.instants import SNAP
from sbmlqsp.engine.ssa_arithmetic import copy, uniforms
from sbmlqsp.engine.ssa_model import ALL, CHECKS, QUEUE, fast
from sbmlqsp.engine.ssa_status import BAD_DELAY, BAD_LAW, CROWDED, ENDLESS, FINE, FRACTION

__all__ = [
    "APPLY", "DELAY", "PRIORITY", "VALUES", "Conditions", "settle",
]  # fmt: skip

LOOPS = 10_000
"""How many events may follow each other at one instant."""
DELAY, PRIORITY, VALUES, APPLY = 0, 1, 2, 3


class Conditions(NamedTuple):
    """Conditions and waiting events.

    ``grid``: the output times. ``events`` (events, 2): whether persistent, and whether values are those of the
    trigger's time. ``checks`` and ``before``: events first, then fates, then ``parts`` comparisons that these and rates
    are made of, now and before. ``due``, ``whose``, ``kept``: the events that wait. ``value`` is room for values that
    are assigned.
    """

    grid: Any
    events: Any
    parts: int
    checks: Any
    before: Any
    due: Any
    whose: Any
    kept: Any
    value: Any


@fast
def _dequeue(k, waiting, c):
    """Take an event out of the queue, whose order stays."""
    for j in range(k, waiting - 1):
        c.due[j], c.whose[j] = c.due[j + 1], c.whose[j + 1]
        copy(c.kept[j], c.kept[j + 1])
    return waiting - 1


@fast
def _withdraw(e, waiting, c):
    """Take all waiting executions of an event out of the queue."""
    k = np.int64(0)  # its type, or all is compiled for a literal as well
    while k < waiting:
        if c.whose[k] == e:
            waiting = _dequeue(k, waiting, c)
        else:
            k += 1
    return waiting


@fast
def _aligned(due, grid):
    """Return a time; within rounding of an output time that one, so that the output shows what the event does."""
    low, high = 0, grid.shape[0]
    while low < high:  # numpy's own search takes Numba ten seconds to compile
        middle = (low + high) // 2
        if grid[middle] < due:
            low = middle + 1
        else:
            high = middle
    near = SNAP * max(1.0, due)
    if low < grid.shape[0] and grid[low] - due <= near:
        return grid[low]
    return grid[low - 1] if low > 0 and due - grid[low - 1] <= near else due


@fast
def _triggered(model, state, t, c, waiting):
    """Let events wait whose triggers turned true; return status, detail, and how many wait."""
    model.look(CHECKS, state.x, state.p, t, c.checks)
    for e in range(c.events.shape[0]):
        if c.checks[e] != 0.0 and c.before[e] == 0.0:
            if waiting >= QUEUE:
                return CROWDED, e, waiting
            model.act(DELAY, e, state.x, state.p, t, c.value)
            if not c.value[0] >= 0.0:
                return BAD_DELAY, e, waiting
            c.due[waiting], c.whose[waiting] = _aligned(t + c.value[0], c.grid), e
            if c.events[e, 1]:
                model.act(VALUES, e, state.x, state.p, t, c.kept[waiting])
            waiting += 1
        elif c.checks[e] == 0.0 and c.before[e] != 0.0 and not c.events[e, 0]:
            waiting = _withdraw(e, waiting, c)
        c.before[e] = c.checks[e]
    for e in range(c.events.shape[0], c.checks.shape[0]):
        c.before[e] = c.checks[e]
    return FINE, 0, waiting


@fast
def _next_event(model, state, t, c, waiting):
    """Return the place of the event to execute now: that of the highest priority, by lot among equals."""
    best, highest, equals = -1, -math.inf, 0
    for k in range(waiting):
        if c.due[k] <= t:
            model.act(PRIORITY, c.whose[k], state.x, state.p, t, c.value)
            rank = c.value[0]
            if best < 0 or rank > highest:
                best, highest, equals = k, rank, 1
            elif rank == highest and rank > -math.inf:
                equals += 1
                if uniforms(state.rng)[1] * equals < 1.0:
                    best = k
    return best


@fast
def settle(model, state, t, c, waiting):
    """Execute all events that are due; return status, detail, and how many wait."""
    for _ in range(LOOPS):
        status, detail, waiting = _triggered(model, state, t, c, waiting)
        if status:
            return status, detail, waiting
        k = _next_event(model, state, t, c, waiting)
        if k < 0:
            return FINE, 0, waiting
        e = c.whose[k]
        if c.events[e, 1]:
            copy(c.value, c.kept[k])
        else:
            model.act(VALUES, e, state.x, state.p, t, c.value)
        waiting = _dequeue(k, waiting, c)
        bad = model.act(APPLY, e, state.x, state.p, t, c.value)
        if bad:
            return FRACTION, bad - 1, waiting
        bad = model.update(ALL, state.w, t)
        if bad:
            return BAD_LAW, -bad - 1, waiting
    return ENDLESS, 0, waiting
