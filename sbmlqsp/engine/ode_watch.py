"""Triggers within a step: whether and where the first of them changes.

They are looked at eight times in a step, at least a thousand times in a run, and just where a comparison that they are
composed of changes: what can escape is a single comparison that holds for part of an eighth of a step, as at the tip
of a peak.
"""

from __future__ import annotations

from sbmlqsp.engine.ode_events import near
from sbmlqsp.engine.ode_kernel import between, prepare_dense
from sbmlqsp.engine.ode_model import fast

__all__ = ["CLOSE", "arrive", "change", "later"]

LOOKS = 8
"""At how many places of a step triggers are looked at."""
CLOSE = 1e-13
"""How close a step must end to the change of a trigger, as a share of the time."""
HALVINGS = 120
"""How often an interval of times is halved: at time 0 no share of the time is small."""


@fast
def differs(events):
    """Return whether some trigger is not what it was."""
    found = False
    for e in range(events.number):
        found |= (events.checks[e] != 0.0) != (events.before[e] != 0.0)
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
        found |= (events.checks[e] != 0.0) != (events.known[e] != 0.0)
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
def change(functions, room, events, t, h):
    """Return at what part of the step a trigger first differs, 2 where none does.

    Where a part of a trigger changes, the trigger is looked at just there, so that it holds for no time unseen.
    """
    prepare_dense(room)
    functions.look(0, room.x, room.p, t, events.known)
    for e in range(events.number):
        events.known[e] = events.before[e]
    low = 0.0
    for s in range(1, LOOKS + 1):
        while low < s / LOOKS and _flips(functions, room, events, t, h, s / LOOKS):
            low = _first(functions, room, events, t, h, low, s / LOOKS)
            _flips(functions, room, events, t, h, low)
            if differs(events):
                return low
            for e in range(events.number + events.parts):
                events.known[e] = events.checks[e]
        low = s / LOOKS
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
