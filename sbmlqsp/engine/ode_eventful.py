"""The compiled loops for models with events: as in ``ode_kernel``, and triggers are watched inside every step.

Where a trigger changes inside a step, the time of the change is found on the dense output and the step is taken again
to end there, until it does within rounding (see ``ode_watch``); then events happen by the rules of ``ode_events``.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numba as nb
import numpy as np

from sbmlqsp.engine.ode_defect import attempted
from sbmlqsp.engine.ode_events import QUEUE, Events, hastes, hold, near, settle
from sbmlqsp.engine.ode_kernel import (
    GROW,
    LEAST,
    SAFETY,
    SHORT,
    SHRINK,
    Room,
    begun,
    between,
    enter,
)  # fmt: skip
from sbmlqsp.engine.ode_model import fast, shifted
from sbmlqsp.engine.ode_program import BOLUS, BOLUS_FIXED, IDLE, INFUSE, RUN, SET, SETTLE, SHOW
from sbmlqsp.engine.ode_status import FINE, HASTY, NOT_FINITE, TOO_MANY, TOO_SMALL
from sbmlqsp.engine.ode_tableau import STAGES
from sbmlqsp.engine.ode_watch import CLOSE, arrive, change, later
from sbmlqsp.engine.ssa_arithmetic import pointer

__all__ = ["EARLY", "TRIES", "Traits", "begin", "events_at", "room_for", "run_eventful"]

TRIES = 20
"""How often a step is taken again, to end where a trigger changes."""
EARLY = 1e-6
"""Before this part of a step its dense output is as good as a step of its own, which may not get there for rounding."""


class Traits(NamedTuple):
    """What there is to know of a model's events, by event; see ``Events``."""

    initial: Any
    persistent: Any
    early: Any
    strict: Any
    weight: Any
    rivals: Any
    width: int
    watched: bool
    parts: int
    held: int
    bent: int
    longest: float
    even: float
    deep: float


class Script(NamedTuple):
    """What a patient goes through, as places in memory: instructions, outputs in time, deliveries, what comes out."""

    code: Any
    value: Any
    times: Any
    rows: Any
    amounts: Any
    lengths: Any
    out: Any


@fast
def _show(functions, room, x, t, script, place):
    functions.look(1, x, room.p, t, room.row)
    for c in range(room.columns):
        script.out[place * room.columns + c] = room.row[c]


@fast
def _outputs(functions, room, script, g, last, t, h, until):
    """Put out what falls into a step up to a time; return the next place."""
    while g < last and script.times[g] <= until:
        between(room, (script.times[g] - t) / h)
        _show(functions, room, room.u, script.times[g], script, script.rows[g])
        g += 1
    return g


@fast
def _move(room, theta):
    """Go on to a part of the step, of whose dense output that needs the coefficients, or to its end."""
    if theta < 1.0:
        between(room, theta)
    for i in range(room.n):
        value = room.u[i] if theta < 1.0 else room.new[i]
        room.x[i] = value if abs(value) >= LEAST else 0.0


@fast
def _smooth(functions, room, events, script, g, last, t, stop, control, steps, h):
    """Integrate to a stop or to where a trigger changes.

    Returns status, time, number of steps, next output, next step, and whether a trigger changed. Where a step that was
    to end at a change met none (``lost``), since states change by less than their rounding, the next is taken beyond.
    """
    again, tries, hit, lost = False, 0, False, False
    while t < stop and not hit:
        rest = stop - t
        if not again:
            h = begun(functions, room, t, h, rest)
            if h < 0.0:
                return NOT_FINITE, t, steps, g, h, hit
            h = min(h, events.longest)
        final = h >= rest * 0.999999
        h = rest if final else min(h, 0.5 * rest) if h > 0.6 * rest else h
        steps += 1
        if steps > control.most:
            return TOO_MANY, t, steps, g, h, hit
        error = attempted(functions, room, events.watched, script.times, g, last, t, h, control.relative)
        factor = SHRINK if not error < 1e30 else GROW if error < 1e-30 else SAFETY * error**-0.2
        factor = min(GROW, max(SHRINK, factor))
        if not error <= 1.0:
            h *= factor
            again = True
            if not h > 4e-16 * max(abs(t), SHORT * abs(stop)):
                return TOO_SMALL, t, steps, g, h, hit
            continue
        theta = change(functions, room, events, t, h) if events.watched else 2.0
        if theta <= 1.0 and t + theta * h < stop - near(stop):  # at the stop all is looked at anyway
            hit = (1.0 - theta) * h <= CLOSE * abs(t + h) or theta < EARLY or tries == TRIES or lost
            if not hit:
                h *= theta
                again = True
                tries += 1
                continue
        reached = t + theta * h if hit else stop if final else t + h
        until = reached
        if hit or final:
            until += near(reached) if hit and later(events) else -near(reached)
        g = _outputs(functions, room, script, g, last, t, h, until)
        _move(room, theta if hit else 1.0)
        t = reached
        h *= min(factor, 1.0) if again else factor
        again, tries, lost = False, 0, tries > 0
    return FINE, t, steps, g, h, hit


@fast
def _stretch(functions, room, events, script, g, last, t, end, control, steps, waiting):
    """Integrate to the end of a stretch; return status, event, time, number of steps, and how many events wait."""
    h = 0.0
    while t < end:
        if events.held > 0 and hold(functions, room, events, t):
            h = 0.0
            if hastes(events, t, end):
                return HASTY, -1, t, steps, waiting
        stop = end
        for j in range(waiting):
            if events.due[j] < end - near(end):
                stop = min(stop, events.due[j])
        status, t, steps, g, h, hit = _smooth(functions, room, events, script, g, last, t, stop, control, steps, h)
        if status:
            return status, -1, t, steps, waiting
        if events.watched and not hit:
            t = arrive(functions, room, events, t)
        if hit or stop < end:
            status, e, waiting, done = settle(functions, room, events, t, waiting)
            if status:
                return status, e, t, steps, waiting
            h = 0.0 if done else h
            while g < last and script.times[g] <= t + near(t):
                _show(functions, room, room.x, script.times[g], script, script.rows[g])
                g += 1
    while g < last:
        _show(functions, room, room.x, script.times[g], script, script.rows[g])
        g += 1
    return FINE, -1, t, steps, waiting


@fast
def _set(room, script, o):
    """Follow an instruction that changes a number."""
    x, p = room.x, room.p
    code, a, b = script.code[3 * o], script.code[3 * o + 1], script.code[3 * o + 2]
    if code == SET:
        p[a] = script.value[o]
    elif code == BOLUS:
        x[a] += script.amounts[b]
    elif code == BOLUS_FIXED:
        p[a] += script.amounts[b]
    elif code == IDLE:
        p[a] = 0.0
    elif code == INFUSE:
        p[a] += script.amounts[b] / script.lengths[b]


@fast
def _patient(functions, room, events, script, first, last, control):
    """Run one patient; return status, event, time and number of steps."""
    steps, waiting, e, t = np.int64(0), np.int64(0), np.int64(-1), 0.0  # their types, or all is compiled for literals
    for o in range(first, last):
        code, a, b = script.code[3 * o], script.code[3 * o + 1], script.code[3 * o + 2]
        status = np.int64(FINE)
        if code == RUN:
            status, e, t, steps, waiting = _stretch(
                functions, room, events, script, a, b, t, script.value[o], control, steps, waiting
            )
        elif code == SHOW:
            _show(functions, room, room.x, t, script, a)
        elif code == SETTLE:
            status, e, waiting, _ = settle(functions, room, events, t, waiting)
        else:
            _set(room, script, o)
        if status:
            return status, e, t, steps
    return np.int64(FINE), np.int64(-1), t, steps


@fast
def begin(events, traits):
    """Let a patient's events begin."""
    for e in range(events.number):
        events.before[e] = traits.initial[e]
        events.last[e] = -math.inf
        events.rush[e] = 0.0
    events.haste[0], events.haste[1], events.haste[2] = -math.inf, 0.0, 0.0
    for k in range(events.held):
        events.scale[k], events.since[k] = 0.0, math.inf


@fast
def room_for(traits, width):
    """Return how many numbers the events of a patient take, of which ``width`` are kept of each that waits."""
    count, checks = traits.initial.shape[0], traits.initial.shape[0] + traits.parts
    return 6 * checks + 3 * count + 3 + 4 * traits.held + (2 + width) * QUEUE + width


@fast
def events_at(at, traits):
    """Return the events of a patient, with room from a place in memory on."""
    count, checks = traits.initial.shape[0], traits.initial.shape[0] + traits.parts
    each = 2 * checks + traits.held
    known, gaps, before = shifted(at, each), shifted(at, 2 * each), shifted(at, 2 * each + 2 * checks)
    haste = shifted(before, 3 * count)
    scale = shifted(haste, 3)
    since = shifted(scale, traits.held)
    due = shifted(since, traits.held)
    whose, queued = shifted(due, QUEUE), shifted(due, 2 * QUEUE)
    return Events(
        count, traits.width, traits.watched, traits.longest, traits.parts, traits.held, traits.bent, traits.even,
        traits.deep, pointer(traits.persistent), pointer(traits.early), pointer(traits.strict), pointer(traits.weight),
        pointer(traits.rivals), at, known, gaps, before, shifted(before, count), shifted(before, 2 * count), haste,
        scale, since, due, whose, queued, shifted(queued, traits.width * QUEUE),
    )  # fmt: skip


def _entry(sources):
    """Return the loop over patients, kept on disk for these sources of it: numba itself would watch this file alone."""

    def run_eventful(functions, plan, program, patients, control, first, last, out, results, traits):
        """Run patients as ``run_patients`` does; ``results`` takes 1 + the event at fault as well."""
        _ = sources
        n, m, columns = patients.starts.shape[1], patients.constants.shape[1], out.shape[2]
        kept = np.zeros((STAGES + 11) * n + m + plan[1] + control.size + columns)
        own = np.zeros(room_for(traits, traits.width))
        at = pointer(kept)
        x, new, u, b = at, shifted(at, n), shifted(at, 2 * n), shifted(at, 3 * n)
        floor, scale, k, dense = shifted(at, 4 * n), shifted(at, 5 * n), shifted(at, 6 * n), shifted(at, 14 * n)
        slopes, p = shifted(at, 17 * n), shifted(at, 19 * n + plan[1])
        w, row = shifted(p, m), shifted(p, m + control.size)
        room = Room(
            n, m, columns, control.timed, pointer(plan), x, p, new, u, b, k, slopes, w, dense, row, floor, scale
        )
        events = events_at(pointer(own), traits)
        code, value, times, rows = (
            pointer(program.code), pointer(program.value), pointer(program.times), pointer(program.rows),
        )  # fmt: skip
        amounts, lengths, shown = pointer(patients.amounts), pointer(patients.lengths), pointer(out)
        given, size = patients.amounts.shape[1], out.shape[1] * columns
        for r in range(first, last):
            enter(room, patients, r)
            begin(events, traits)
            script = Script(code, value, times, rows, shifted(amounts, r * given), shifted(lengths, r * given),
                            shifted(shown, r * size))  # fmt: skip
            which = patients.which[r]
            status, e, t, steps = _patient(
                functions, room, events, script, program.of[which], program.of[which + 1], control
            )
            results[r, 0], results[r, 1], results[r, 2] = status, t, steps
            results[r, 3] = 1 + e if status != FINE else -events.haste[2]
        kept[0], own[0] = plan[0], traits.initial.shape[0]  # which lets them live until here

    return nb.njit(nogil=True, error_model="numpy", cache=True)(run_eventful)


def _sources() -> str:
    from sbmlqsp.engine.ssa_model import sources

    return sources("ode_*.py")


run_eventful = _entry(_sources())
