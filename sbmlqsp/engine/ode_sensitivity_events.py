"""What an instant at which events happen does to sensitivities, in compiled loops.

An instant moves by mu along a direction of parameters. From its beginning to its end, sensitivities are those of the
states at that moving instant, S + f mu: what happens changes them by the chain rule alone, with time changing by mu.
At its end f mu of the new rates is taken off, so that all of it is S+ = h_x (S- + f- mu) + h_p + h_t mu - f+ mu. Where
a comparison g(x, p, t) > 0 begins to hold, mu is -(g_x S + g_p)/(g_x f + g_t); doses and cuts say how they move; an
event that has waited moves as its trigger and its delay did. What happens at one instant must move as one.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from sbmlqsp.engine.ode_events import (
    APPLY,
    CHECKS,
    DELAY,
    LOOPS,
    QUEUE,
    VALUES,
    dequeue,
    near,
    next_event,
    rushes,
    withdraw,
)
from sbmlqsp.engine.ode_model import fast, shifted
from sbmlqsp.engine.ode_status import (
    APART,
    BAD_DELAY,
    CROWDED,
    ENDLESS,
    FINE,
    GRAZING,
    POISED,
    RUSHING,
    TIED,
    UNSEEN,
)

__all__ = ["DONE", "GIVEN", "INSIDE", "UNEVEN", "WHEN", "Moment", "begin_instant", "claim", "differ", "end_instant",
           "moves", "settle_along"]  # fmt: skip

SLOPES, GAPS, OF_DELAY, OF_VALUES, ASSIGN = range(5)
"""What ``turn`` is asked for."""
CLAIMED, DONE, UNEVEN, GIVEN, INSIDE, WHEN = range(6)
"""Flags of an instant: its motion is known; an event happened; an infusion starts or stops that moves otherwise; a dose
was given; it goes on; when the last one was whose motion was known."""
SAME, STILL = 1e-7, 1e-9
"""Motions are the same that differ by no more of themselves, or of time over parameter."""
THRESHOLD = 1e-9
"""A comparison is at its threshold where its sides differ by no more of their size."""
UNSURE = 1e-6
"""By what part of itself the speed of a crossing may change within the error of its time."""


class Moment(NamedTuple):
    """An instant, and what belongs to the comparisons that events read: see ``Tables``.

    By comparison: ``gap`` (its value, then the size of its sides), ``speed`` (how fast that changes), ``slope`` (by
    direction, what it changes by at a fixed time), ``steer`` (room for the same). By direction: ``move`` (how the
    instant moves), ``last`` (how the one before did), ``own`` (how what joins it does). ``width`` values are kept by
    event, then how its time moves, then what the values change by along each direction.
    """

    gaps: int
    width: int
    relative: float
    of_event: Any
    of_part: Any
    within: Any
    guards: Any
    gap: Any
    speed: Any
    slope: Any
    steer: Any
    move: Any
    last: Any
    own: Any
    zero: Any
    flags: Any


@fast
def differ(room, a, b, t):
    """Return whether two motions differ."""
    found = False
    for d in range(room.directions):
        most = SAME * max(abs(a[d]), abs(b[d])) + STILL * max(1e-3, abs(t)) * room.unit[d]
        found |= not abs(a[d] - b[d]) <= most
    return found


@fast
def moves(room, moment, t):
    """Return whether the instant moves along some direction."""
    return differ(room, moment.move, moment.zero, t)


@fast
def claim(room, moment, t, motion):
    """Let something that moves so happen at the instant; return whether what happens there moves apart."""
    if moment.flags[CLAIMED] == 0.0:
        moment.flags[CLAIMED] = 1.0
        for d in range(room.directions):
            moment.move[d] = motion[d]
        return t - moment.flags[WHEN] <= near(t) and differ(room, moment.last, motion, t)
    return differ(room, moment.move, motion, t)


@fast
def _unsure(functions, room, moment, t, c):
    """Return whether the speed at which a comparison crosses is not known well: it changes within the error of time."""
    speed = moment.speed[c]
    for i in range(room.n):
        room.v[i] = moment.relative * max(abs(room.x[i]), room.scale[i])
    functions.turn(SLOPES, 0, room.x, room.p, t, room.v, moment.zero, 0.0, moment.zero, moment.steer)
    ahead = (moment.relative * moment.gap[moment.gaps + c] + abs(moment.steer[c])) / abs(speed)
    for i in range(room.n):
        room.u[i] = room.x[i] + ahead * room.before[i]
    functions.rates(room.u, room.p, t + ahead, room.v)
    functions.turn(SLOPES, 0, room.u, room.p, t + ahead, room.v, moment.zero, 1.0, moment.zero, moment.steer)
    return not abs(moment.steer[c] - speed) <= max(UNSURE, 100.0 * moment.relative) * abs(speed)


@fast
def _cross(functions, room, moment, t, c, holds):
    """Let the instant move as a comparison that crosses its threshold; return status."""
    speed = moment.speed[c]
    if not (speed > 0.0 if holds else speed < 0.0) or _unsure(functions, room, moment, t, c):
        return GRAZING
    for d in range(room.directions):
        moment.own[d] = -moment.slope[d * moment.gaps + c] / speed
    return APART if claim(room, moment, t, moment.own) else FINE


@fast
def _crossed(functions, room, events, moment, t, e):
    """Let the instant move as that of which an event's trigger turned true; return status."""
    if moment.of_event[e] >= 0:
        return _cross(functions, room, moment, t, moment.of_event[e], True)
    status, found = FINE, False
    for k in range(events.parts):
        now = events.checks[events.number + k] != 0.0
        if moment.within[e * events.parts + k] != 0 and now != (events.known[events.number + k] != 0.0):
            found = True
            status = max(status, _cross(functions, room, moment, t, moment.of_part[k], now))
    return status if found else UNSEEN


@fast
def _measure(functions, room, moment, t):
    """Note the comparisons' values, how fast they change, and what they change by along each direction."""
    x, p, zero = room.x, room.p, moment.zero
    functions.turn(GAPS, 0, x, p, t, zero, zero, 0.0, zero, moment.gap)
    functions.turn(SLOPES, 0, x, p, t, room.before, zero, 1.0, zero, moment.speed)
    for d in range(room.directions):
        s, q = shifted(room.s, d * room.n), shifted(room.q, d * room.width)
        functions.turn(SLOPES, 0, x, p, t, s, q, 0.0, zero, shifted(moment.slope, d * moment.gaps))


@fast
def begin_instant(functions, room, events, moment, t, waiting):
    """Let an instant begin: find how it moves, where something says so, and move with it; return status and event.

    Where a dose or a cut says how it moves, that is told before, by ``claim``.
    """
    status, at = FINE, np.int64(-1)
    functions.rates(room.x, room.p, t, room.before)
    if moment.gaps > 0:
        _measure(functions, room, moment, t)
    if events.watched:
        functions.look(CHECKS, room.x, room.p, t, events.checks)
        for e in range(events.number):
            if status == FINE and events.checks[e] != 0.0 and events.known[e] == 0.0:
                status, at = _crossed(functions, room, events, moment, t, e), np.int64(e)
    for k in range(waiting):
        motion = shifted(events.kept, k * events.width + moment.width)
        if status == FINE and events.due[k] <= t + near(t) and claim(room, moment, t, motion):
            status, at = APART, np.int64(events.whose[k])
    moment.flags[INSIDE] = 1.0
    _shift(room, moment, room.before, 1.0)
    return status, at


@fast
def _shift(room, moment, rates, sign):
    """Let sensitivities move with the instant, or no longer."""
    if moment.flags[CLAIMED] != 0.0:
        for d in range(room.directions):
            for i in range(room.n):
                room.s[d * room.n + i] += sign * rates[i] * moment.move[d]


@fast
def _poised(functions, room, moment, t, row):
    """Return whether a comparison of a row of the guards is at its threshold and moves with a parameter."""
    x, p, zero, found = room.x, room.p, moment.zero, False
    if moment.gaps > 0:
        functions.turn(GAPS, 0, x, p, t, zero, zero, 0.0, zero, moment.gap)
    for c in range(moment.gaps):
        passed = near(t) * abs(moment.speed[c])
        most = THRESHOLD * moment.gap[moment.gaps + c] + (passed if passed < math.inf else 0.0)
        if moment.guards[row * moment.gaps + c] != 0 and abs(moment.gap[c]) <= most:
            for d in range(room.directions):
                s, q = shifted(room.s, d * room.n), shifted(room.q, d * room.width)
                functions.turn(SLOPES, 0, x, p, t, s, q, moment.move[d], zero, moment.steer)
                size = abs(moment.slope[d * moment.gaps + c]) + abs(moment.speed[c] * moment.move[d])
                noise = STILL * moment.gap[moment.gaps + c] * room.unit[d]
                found |= not abs(moment.steer[c]) <= SAME * size + noise
    return found


@fast
def end_instant(functions, room, events, moment, t):
    """Let an instant end; return status."""
    status = FINE
    if moment.flags[DONE] + moment.flags[GIVEN] > 0.0 or t <= 0.0:
        status = POISED if _poised(functions, room, moment, t, 0) else FINE
    functions.rates(room.x, room.p, t, room.b)
    _shift(room, moment, room.b, -1.0)
    functions.look(CHECKS, room.x, room.p, t, events.known)
    if moment.flags[CLAIMED] != 0.0:
        moment.flags[WHEN] = t
        for d in range(room.directions):
            moment.last[d] = moment.move[d]
    for k in range(WHEN):
        moment.flags[k] = 0.0
    for d in range(room.directions):
        moment.move[d] = 0.0
    return status


@fast
def _apart(room, moment, t):
    """Return whether an event that is triggered by what happens at the instant moves apart from it."""
    at_start = t <= 0.0 and moment.flags[GIVEN] == 0.0
    return moment.flags[UNEVEN] != 0.0 or (at_start and moves(room, moment, t))


@fast
def _values(functions, room, moment, t, e, kept):
    """Keep an event's values and what they change by; return status."""
    if _poised(functions, room, moment, t, 1 + e):
        return POISED
    functions.act(VALUES, e, room.x, room.p, t, kept)
    for d in range(room.directions):
        s, q = shifted(room.s, d * room.n), shifted(room.q, d * room.width)
        out = shifted(kept, moment.width + room.directions + d * moment.width)
        functions.turn(OF_VALUES, e, room.x, room.p, t, s, q, moment.move[d], moment.zero, out)
    return FINE


@fast
def _enqueue(functions, room, events, moment, e, t, waiting):
    """Let an event wait; return status and how many wait."""
    if waiting >= QUEUE:
        return CROWDED, waiting
    if _apart(room, moment, t):
        return APART, waiting
    functions.act(DELAY, e, room.x, room.p, t, events.value)
    if not events.value[0] >= 0.0:
        return BAD_DELAY, waiting
    events.due[waiting], events.whose[waiting] = t + events.value[0], e
    if _poised(functions, room, moment, t, 1 + e):
        return POISED, waiting
    kept = shifted(events.kept, waiting * events.width)
    for d in range(room.directions):
        s, q = shifted(room.s, d * room.n), shifted(room.q, d * room.width)
        functions.turn(OF_DELAY, e, room.x, room.p, t, s, q, moment.move[d], moment.zero, events.value)
        kept[moment.width + d] = moment.move[d] + events.value[0]
    if events.early[e] != 0.0:
        return _values(functions, room, moment, t, e, kept), waiting + 1
    return FINE, waiting + 1


@fast
def _triggered(functions, room, events, moment, t, waiting):
    """Let events wait whose triggers turned true; return status, event, and how many wait."""
    functions.look(CHECKS, room.x, room.p, t, events.checks)
    for e in range(events.number):
        if events.checks[e] != 0.0 and events.before[e] == 0.0:
            status, waiting = _enqueue(functions, room, events, moment, e, t, waiting)
            if status:
                return status, e, waiting
        elif events.checks[e] == 0.0 and events.before[e] != 0.0 and events.persistent[e] == 0.0:
            waiting = withdraw(e, waiting, events)
        events.before[e] = events.checks[e]
    return FINE, 0, waiting


@fast
def _execute(functions, room, events, moment, t, k, waiting):
    """Execute an event that waits at a place; return status and how many wait."""
    e, kept = np.int64(events.whose[k]), shifted(events.kept, k * events.width)
    motion = shifted(kept, moment.width)
    if moment.flags[UNEVEN] != 0.0 or differ(room, moment.move, motion, t) or claim(room, moment, t, motion):
        return APART, waiting
    status = FINE
    if events.early[e] != 0.0:
        for i in range(events.width):
            events.value[i] = kept[i]
    else:
        status = _values(functions, room, moment, t, e, events.value)
    waiting = dequeue(k, waiting, events)
    for d in range(room.directions):
        s, q = shifted(room.s, d * room.n), shifted(room.q, d * room.width)
        out = shifted(events.value, moment.width + room.directions + d * moment.width)
        functions.turn(ASSIGN, e, room.x, room.p, t, s, q, moment.move[d], events.value, out)
    functions.act(APPLY, e, room.x, room.p, t, events.value)
    moment.flags[DONE] = 1.0
    return status, waiting


@fast
def settle_along(functions, room, events, moment, t, waiting):
    """Execute all events that are due; return status, event and how many wait."""
    for _ in range(LOOPS):
        status, e, waiting = _triggered(functions, room, events, moment, t, waiting)
        if status:
            return status, e, waiting
        k, tied = next_event(functions, room, events, t, waiting)
        if k < 0:
            return FINE, 0, waiting
        e = np.int64(events.whose[k])
        if tied:
            return TIED, e, waiting
        status, waiting = _execute(functions, room, events, moment, t, k, waiting)
        if status:
            return status, e, waiting
        if rushes(events, e, t):
            return np.int64(RUSHING), e, waiting
    return np.int64(ENDLESS), 0, waiting
