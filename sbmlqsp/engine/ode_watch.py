"""Triggers within a step: whether and where the first of them changes.

They are looked at eight times in the longest step, so at least a thousand times in a run, and just where a comparison
that they are composed of changes. Where one comes close to its change and turns back between looks, as at the tip of a
peak, they are looked at there too: what can escape are two turns between two looks. So is what rates jump with (see
``ode_held``).
"""

from __future__ import annotations

import math

import numpy as np

from sbmlqsp.engine.ode_events import balance, near
from sbmlqsp.engine.ode_kernel import between, prepare_dense
from sbmlqsp.engine.ode_model import fast

__all__ = ["CLOSE", "arrive", "change", "later"]

LOOKS, LEAST = 8, 3
"""At how many places of the longest step triggers are looked at, and of any."""
CLOSE = 1e-13
"""How close a step must end to the change of a trigger, as a share of the time."""
CLOSER = 0.5
"""What a comparison is expected to come to, as a share of what it is by, to be looked at where it turns."""
NOISE = 1e-9
"""By what share of its size what a bend compares may be off by errors: where two amounts are in balance."""
MANY = 64
"""How many changes of parts are followed between two looks."""
GOLDEN, NARROWING = 0.6180339887498949, 25
"""How the turn of a comparison is looked for: by shares of an interval, and how often."""
HALVINGS = 120
"""How often an interval of times is halved: at time 0 no share of the time is small."""


@fast
def _even(events, i, gap):
    """Return whether what is watched is a bend of two that are equal but for errors, when they are off by a gap."""
    k = i - (events.number + events.parts - events.held)
    return k >= events.held - events.bent and abs(gap) <= NOISE * events.scale[k]


@fast
def _settled(events):
    """Take over how bends changed of two that are equal but for errors; return whether nothing else did."""
    count, found = events.number + events.parts, True
    for i in range(count):
        if events.checks[i] != events.known[i]:
            if _even(events, i, events.known[count + i]) and _even(events, i, events.checks[count + i]):
                events.known[i] = events.checks[i]
            else:
                found = False
    return found


@fast
def _differs(room, events):
    """Return whether some trigger, or what rates jump or bend with, is not what it was where the step began."""
    found = False
    for e in range(events.number):
        found |= (events.checks[e] != 0.0) != (events.before[e] != 0.0)
    first, place = events.number + events.parts - events.held, room.m - events.held
    for k in range(events.held):
        found |= events.checks[first + k] != room.p[place + k]
    return found


@fast
def later(events):
    """Return whether only strict triggers turn true, so that an output at that time is one before them."""
    found = True
    for e in range(events.number):
        if events.checks[e] != 0.0 and events.before[e] == 0.0 and events.strict[e] == 0.0:
            found = False
    return found


@fast
def _flips(functions, room, events, t, h, theta):
    """Return whether a trigger or a part of one differs at a part of the step from what is known."""
    between(room, theta)
    functions.look(0, room.u, room.p, t + theta * h, events.checks)
    found = False
    for e in range(events.number + events.parts):
        found |= events.checks[e] != events.known[e]
    return found


@fast
def _first(functions, room, events, t, h, low, high):
    """Return where between two places of a step, the second of which differs from what is known, that begins."""
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        if (high - low) * h <= 0.25 * CLOSE * abs(t + high * h) or not low < middle < high:
            break
        if _flips(functions, room, events, t, h, middle):
            high = middle
        else:
            low = middle
    return high


@fast
def _upto(functions, room, events, t, h, low, high):
    """Return where between two places of a step a trigger first differs, 2 where none does.

    Where a part of a trigger changes, the trigger is looked at just there, so that it holds for no time unseen; but not
    again and again, where rounding errors change it: the next step asks again.
    """
    for _ in range(MANY):
        if not low < high or not _flips(functions, room, events, t, h, high) or _settled(events):
            return 2.0
        low = _first(functions, room, events, t, h, low, high)
        _flips(functions, room, events, t, h, low)
        if _differs(room, events):
            return low
        for e in range(events.number + events.parts):
            events.known[e] = events.checks[e]
    return 2.0


@fast
def _turned(events, i, aside):
    """Return where between the last three looks a comparison comes close to its change and turns back, in looks.

    The first of them is 0; ``aside``: it may be outside of the middle as well. Below zero where it does not.
    """
    count = events.number + events.parts
    first, middle, last = events.gaps[2 * i], events.gaps[2 * i + 1], events.checks[count + i]
    bend = first - 2.0 * middle + last
    if not bend * middle > 0.0:
        return -1.0
    place = 0.5 * (first - last) / bend
    peak = middle - 0.125 * (last - first) * (last - first) / bend
    within = 1.0 if aside else 0.75
    return 1.0 + place if abs(place) <= within and peak * middle < CLOSER * middle * middle else -1.0


@fast
def _peak(functions, room, events, t, h, i, low, high):
    """Return a place between two of a step at which something has changed, for the turn of a comparison; else 2."""
    count = events.number + events.parts
    for _ in range(NARROWING):
        first, second = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
        if _flips(functions, room, events, t, h, first):
            return first
        near_first = abs(events.checks[count + i])
        if _flips(functions, room, events, t, h, second):
            return second
        if near_first < abs(events.checks[count + i]):
            high = second
        else:
            low = first
    return 2.0


@fast
def _between_looks(functions, room, events, t, h, s, looks):
    """Return where a trigger differs for less than is between two looks, as at the tip of a peak; 2 where none does."""
    count, low, high, looked = events.number + events.parts, (s - 2) / looks, s / looks, False
    for i in range(count):
        turn = -1.0 if _even(events, i, events.gaps[2 * i + 1]) else _turned(events, i, s in (2, looks))
        if turn >= 0.0:
            peak, looked = _peak(functions, room, events, t, h, i, low, high), True
            if peak < 2.0:
                found = _upto(functions, room, events, t, h, low, peak)
                if found > 1.0:
                    found = _upto(functions, room, events, t, h, peak, high)
                if found <= 1.0:
                    return found
                break
            _flips(functions, room, events, t, h, high)
    if looked:
        _flips(functions, room, events, t, h, high)
    return 2.0


@fast
def change(functions, room, events, t, h):
    """Return at what part of the step a trigger, or what rates jump with, first differs; 2 where none does."""
    prepare_dense(room)
    functions.look(0, room.x, room.p, t, events.known)
    count = events.number + events.parts
    for i in range(count):
        events.gaps[2 * i], events.gaps[2 * i + 1] = math.nan, events.known[count + i]
    for e in range(events.number):
        events.known[e] = events.before[e]
    for k in range(events.held):
        events.scale[k] = max(events.scale[k], events.known[2 * count + k])
        if k < events.held - events.bent:
            balance(events, k, events.known[2 * count - events.held + k], events.known[2 * count + k], t)
        else:  # which no rate reads
            room.p[room.m - events.held + k] = events.known[count - events.held + k]
    looks = max(np.int64(LEAST), np.int64(math.ceil(LOOKS * min(h / events.longest, 1.0))))
    for s in range(1, looks + 1):
        found = _upto(functions, room, events, t, h, (s - 1) / looks, s / looks)
        if found > 1.0 and s > 1:
            found = _between_looks(functions, room, events, t, h, s, looks)
        if found <= 1.0:
            return found
        for i in range(count):
            events.gaps[2 * i], events.gaps[2 * i + 1] = events.gaps[2 * i + 1], events.checks[count + i]
    return 2.0


@fast
def _ahead(functions, room, events, t, d):
    """Return whether some trigger that is not strict differs so shortly after a time that states move straight on."""
    for i in range(room.n):
        room.u[i] = room.x[i] + d * room.b[i]
    functions.look(0, room.u, room.p, t + d, events.checks)
    found = False
    for e in range(events.number):
        found |= (events.checks[e] != 0.0) != (events.before[e] != 0.0) and events.strict[e] == 0.0
    return found


@fast
def arrive(functions, room, events, t):
    """Where a trigger changes within rounding after a stop, go on to there: both are one instant. Return the time."""
    functions.rates(room.x, room.p, t, room.b)
    low, high = 0.0, near(t)
    if _ahead(functions, room, events, t, low) or not _ahead(functions, room, events, t, high):
        return t
    for _ in range(60):
        middle = 0.5 * (low + high)
        if _ahead(functions, room, events, t, middle):
            high = middle
        else:
            low = middle
    for i in range(room.n):
        room.x[i] += high * room.b[i]
    return t + high
