"""Events of one patient, by SBML's rules: triggers that turn true, delays, priorities, persistence.

Where several events are due at one instant, that of the highest priority comes first, those without a priority last;
among those without, of which SBML leaves the order open, the one that was triggered first, then that which stands
first in the model. The order of equal priorities SBML leaves to chance: where it matters, the run ends. Times within
rounding of each other are one instant.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from sbmlqsp.engine.instants import SNAP
from sbmlqsp.engine.ode_model import fast
from sbmlqsp.engine.ode_status import BAD_DELAY, CROWDED, ENDLESS, FINE, RUSHING, TIED

__all__ = [
    "APPLY", "CHECKS", "DELAY", "LOOPS", "PRIORITY", "QUEUE", "VALUES", "Events", "balance", "dequeue", "hastes",
    "hold", "near", "next_event", "rushes", "settle", "withdraw",
]  # fmt: skip

LOOPS = 10_000
"""How many events may follow each other at one instant."""
QUEUE = 256
"""How many events may wait at once."""
RUSHES = 3.0
"""How often an event may happen at once again."""
HASTES = 100.0
"""How often rates may jump at once again."""
SOON = 1e-6
"""At once: within this share of the time, of which within rounding counts as often as is allowed."""
WHILE = 0.1
"""For what share of the longest step conditions may compare what is equal but for errors."""
CHECKS, DELAY, PRIORITY, VALUES, APPLY = 0, 0, 1, 2, 3


class Events(NamedTuple):
    """A patient's events.

    ``number`` events that assign up to ``width`` values. ``watched``: whether triggers change between cuts; steps are
    no longer than ``longest``. The last ``held`` of the ``parts`` are what rates jump with, the last ``bent`` of these
    where rates only bend.

    By event: ``persistent``; ``early`` (values of the trigger's time); ``strict`` (it turns true just after what it
    compares is equal); ``weight`` (what it counts that it happens at once again); ``rivals`` says of two whether
    their order matters; ``checks`` and ``before`` (whether triggers hold, now and before), of which the first goes on
    with the ``parts`` that are watched as well, then with by how much each holds or does not, and then with the sizes
    of what is held compares; ``known`` (what all were at a place of the step) and ``gaps`` (the last of them at the
    two looks before); ``last`` (when it happened) and ``rush`` (how often at once again). ``haste``: the same of what
    rates jump with, and which of it, counted from 1, came to compare what is equal but for errors: apart by the share
    ``even`` of its size, or ``deep`` of the largest it has been. Of what is held, ``scale``: how large what it
    compares has been; ``since`` when it has been even. ``due``, ``whose``, ``kept``: the events that wait. ``value``
    is room for assigned values.
    """

    number: int
    width: int
    watched: bool
    longest: float
    parts: int
    held: int
    bent: int
    even: float
    deep: float
    persistent: Any
    early: Any
    strict: Any
    weight: Any
    rivals: Any
    checks: Any
    known: Any
    gaps: Any
    before: Any
    last: Any
    rush: Any
    haste: Any
    scale: Any
    since: Any
    due: Any
    whose: Any
    kept: Any
    value: Any


@fast
def near(t):
    """Return how far from a time another is the same instant."""
    return SNAP * max(1.0, abs(t))


@fast
def dequeue(k, waiting, events):
    """Take an event out of the queue, whose order stays."""
    for j in range(k, waiting - 1):
        events.due[j], events.whose[j] = events.due[j + 1], events.whose[j + 1]
        for i in range(events.width):
            events.kept[j * events.width + i] = events.kept[(j + 1) * events.width + i]
    return waiting - 1


@fast
def withdraw(e, waiting, events):
    """Take all waiting executions of an event out of the queue."""
    k = np.int64(0)
    while k < waiting:
        if events.whose[k] == e:
            waiting = dequeue(k, waiting, events)
        else:
            k += 1
    return waiting


@fast
def _enqueue(functions, room, events, e, t, waiting):
    """Let an event wait; return status and how many wait."""
    if waiting >= QUEUE:
        return CROWDED, waiting
    functions.act(DELAY, e, room.x, room.p, t, events.value)
    if not events.value[0] >= 0.0:
        return BAD_DELAY, waiting
    events.due[waiting], events.whose[waiting] = t + events.value[0], e
    if events.early[e] != 0.0:
        functions.act(VALUES, e, room.x, room.p, t, events.value)
        for i in range(events.width):
            events.kept[waiting * events.width + i] = events.value[i]
    return FINE, waiting + 1


@fast
def _triggered(functions, room, events, t, waiting):
    """Let events wait whose triggers turned true; return status, event, and how many wait."""
    functions.look(CHECKS, room.x, room.p, t, events.checks)
    for e in range(events.number):
        if events.checks[e] != 0.0 and events.before[e] == 0.0:
            status, waiting = _enqueue(functions, room, events, e, t, waiting)
            if status:
                return status, e, waiting
        elif events.checks[e] == 0.0 and events.before[e] != 0.0 and events.persistent[e] == 0.0:
            waiting = withdraw(e, waiting, events)
        events.before[e] = events.checks[e]
    return FINE, 0, waiting


@fast
def next_event(functions, room, events, t, waiting):
    """Return the place of the event to execute now, -1 where none is due, and whether chance would choose it."""
    best, highest, tied = -1, -math.inf, False
    for k in range(waiting):
        if events.due[k] <= t + near(t):
            functions.act(PRIORITY, np.int64(events.whose[k]), room.x, room.p, t, events.value)
            if best < 0 or events.value[0] > highest:
                best, highest, tied = k, events.value[0], False
            elif events.value[0] == highest and highest > -math.inf:
                rival = np.int64(events.whose[best]) * events.number + np.int64(events.whose[k])
                tied = tied or events.rivals[rival] != 0.0
    return best, tied


@fast
def rushes(events, e, t):
    """Note that an event happens; return whether it does so faster than can be followed."""
    gap = t - events.last[e]
    if 0.0 < gap <= SOON * t:
        events.rush[e] += RUSHES if gap <= SOON * SOON * t and events.weight[e] == 1.0 else events.weight[e]
    events.last[e] = t
    return events.rush[e] >= RUSHES


@fast
def hold(functions, room, events, t):
    """Set what rates jump with to what it is now; return whether it was not."""
    functions.look(CHECKS, room.x, room.p, t, events.checks)
    first, place, changed = events.number + events.parts - events.held, room.m - events.held, False
    for k in range(events.held):
        changed |= room.p[place + k] != events.checks[first + k] and k < events.held - events.bent
        room.p[place + k] = events.checks[first + k]
    return changed


@fast
def balance(events, k, gap, size, t):
    """Note since when what a condition compares has been equal but for errors, and whether for longer than a while."""
    few = max(events.even * size, events.deep * events.scale[k])
    if abs(gap) <= few and (gap != 0.0 or events.since[k] < math.inf):
        events.since[k] = min(events.since[k], t)
        if t - events.since[k] > WHILE * events.longest:
            events.haste[2] = 1.0 + k
    else:
        events.since[k] = math.inf


@fast
def hastes(events, t, end):
    """Note that rates jump; return whether they do so to and fro, faster than can be followed."""
    often = t - events.haste[0] <= SOON * (t + SOON * end)
    events.haste[0], events.haste[1] = t, events.haste[1] + 1.0 if often else 0.0
    return events.haste[1] >= HASTES


@fast
def settle(functions, room, events, t, waiting):
    """Execute all events that are due; return status, event, how many wait, and how many were executed."""
    for done in range(LOOPS):
        status, e, waiting = _triggered(functions, room, events, t, waiting)
        if status:
            return status, e, waiting, done
        k, tied = next_event(functions, room, events, t, waiting)
        if k < 0:
            return FINE, 0, waiting, done
        e = np.int64(events.whose[k])
        if tied:
            return TIED, e, waiting, done
        if events.early[e] != 0.0:
            for i in range(events.width):
                events.value[i] = events.kept[k * events.width + i]
        else:
            functions.act(VALUES, e, room.x, room.p, t, events.value)
        waiting = dequeue(k, waiting, events)
        functions.act(APPLY, e, room.x, room.p, t, events.value)
        if rushes(events, e, t):
            return RUSHING, e, waiting, done
    return ENDLESS, 0, waiting, LOOPS
