"""The compiled loops of sensitivities for models with events: as in ``ode_eventful``, with what instants do to them."""

from __future__ import annotations

import math

import numba as nb
import numpy as np

from sbmlqsp.engine.ode_defect import attempted
from sbmlqsp.engine.ode_eventful import EARLY, TRIES, begin, events_at, room_for
from sbmlqsp.engine.ode_events import near
from sbmlqsp.engine.ode_kernel import GROW, SAFETY, SHRINK, begun, between
from sbmlqsp.engine.ode_model import fast, shifted
from sbmlqsp.engine.ode_program import BOLUS, BOLUS_FIXED, INFUSE, RUN, SET, SETTLE, SHOW
from sbmlqsp.engine.ode_sensitivity_events import (
    DONE,
    GIVEN,
    INSIDE,
    UNEVEN,
    WHEN,
    Moment,
    begin_instant,
    claim,
    differ,
    end_instant,
    moves,
    settle_along,
)
from sbmlqsp.engine.ode_sensitivity_kernel import at_once, enter, infuse, look, outputs, put, room_of
from sbmlqsp.engine.ode_sensitivity_program import AFTER, BEFORE, STARTED, STOPPED
from sbmlqsp.engine.ode_sensitivity_step import along as step_along
from sbmlqsp.engine.ode_sensitivity_step import within
from sbmlqsp.engine.ode_status import FINE, NOT_FINITE, SHOWN, TOO_MANY, TOO_SMALL
from sbmlqsp.engine.ode_tableau import STAGES
from sbmlqsp.engine.ode_watch import CLOSE, arrive, change, later
from sbmlqsp.engine.ssa_arithmetic import pointer

__all__ = ["run_sensitive_events"]


@fast
def _move(room, theta):
    """Go on to a part of the step, of whose dense output that needs the coefficients, or to its end."""
    if theta < 1.0:
        between(room, theta)
        for d in range(room.directions):
            within(room, d, theta)
            for i in range(room.n):
                room.next[d * room.n + i] = room.y[i]
    for i in range(room.n):
        room.x[i] = room.u[i] if theta < 1.0 else room.new[i]
    for a in range(room.n * room.directions):
        room.s[a] = room.next[a]


merged = nb.njit(nogil=True, error_model="numpy", inline="always")
"""For what is called from one place alone: all compiles a fifth sooner when it is compiled there."""


@merged
def _try(functions, room, events, program, g, last, control, t, stop, h, tries):
    """Try one step; return its error, at what part of it a trigger changes (2: at none), and whether it ends there.

    Sensitivities are not computed for a step that is to be taken again, to end where a trigger changes.
    """
    error = attempted(functions, room, events.watched, program.times, g, last, t, h, control.relative)
    if not error <= 1.0:
        return error, 2.0, False
    theta, hit = change(functions, room, events, t, h) if events.watched else 2.0, False
    if theta <= 1.0 and t + theta * h < stop - near(stop):  # at the stop all is looked at anyway
        hit = (1.0 - theta) * h <= CLOSE * abs(t + h) or theta < EARLY or tries == TRIES
        if not hit:
            return error, theta, False
    else:
        theta = 2.0
    error = max(error, step_along(functions, room, program.times, g, last, t, h, control.relative))
    return error, theta if error <= 1.0 else 2.0, hit and error <= 1.0


@merged
def _smooth(functions, room, events, program, g, last, t, stop, control, steps, h, out):
    """Integrate to a stop or to where a trigger changes.

    Returns status, time, number of steps, next output, next step, and whether a trigger changed.
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
        tried = TRIES if lost else tries
        error, theta, hit = _try(functions, room, events, program, g, last, control, t, stop, h, tried)
        if theta <= 1.0 and not hit:
            h *= theta
            again = True
            tries += 1
            continue
        factor = SHRINK if not error < 1e30 else GROW if error < 1e-30 else SAFETY * error**-0.2
        factor = min(GROW, max(SHRINK, factor))
        if not error <= 1.0:
            h *= factor
            again, tries = True, 0
            if not h > 4e-16 * max(abs(t), abs(stop)):
                return TOO_SMALL, t, steps, g, h, hit
            continue
        reached = t + theta * h if hit else stop if final else t + h
        until = reached
        if hit or final:
            until += near(reached) if hit and later(events) else -near(reached)
        g = outputs(functions, room, program, g, last, t, h, until, out)
        _move(room, theta if hit else 1.0)
        t = reached
        h *= min(factor, 1.0) if again else factor
        again, tries, lost = False, 0, tries > 0  # as in ode_eventful
    return FINE, t, steps, g, h, hit


@fast
def _show(functions, room, x, t, out, place):
    look(functions, room, x, t, out, place)
    for d in range(room.directions):
        put(room, shifted(room.s, d * room.n), d, out, place)


@merged
def _instant(functions, room, events, moment, program, first, g, last, t, waiting):
    """Let the events of an instant between cuts happen; return status, event, how many wait, and whether any did."""
    status, e = begin_instant(functions, room, events, moment, t, waiting)
    if status == FINE:
        status, e, waiting = settle_along(functions, room, events, moment, t, waiting)
    done = moment.flags[DONE] != 0.0
    if status == FINE and done and moves(room, moment, t):
        before = g > first and program.times[g - 1] >= t - near(t)
        if before or (g < last and program.times[g] <= t + near(t)):
            status = SHOWN
    ended = end_instant(functions, room, events, moment, t)
    return ended if status == FINE else status, e, waiting, done


@fast
def _stretch(functions, room, events, moment, program, g, last, t, end, control, steps, waiting, out):
    """Integrate to the end of a stretch; return status, event, time, number of steps, and how many events wait."""
    h, first = 0.0, g
    while t < end:
        stop = end
        for j in range(waiting):
            if events.due[j] < end - near(end):
                stop = min(stop, events.due[j])
        status, t, steps, g, h, hit = _smooth(
            functions, room, events, program, g, last, t, stop, control, steps, h, out
        )
        if status:
            return status, np.int64(-1), t, steps, waiting
        if events.watched and not hit:
            t = arrive(functions, room, events, t)
        if hit or stop < end:
            status, e, waiting, done = _instant(functions, room, events, moment, program, first, g, last, t, waiting)
            if status:
                return status, e, t, steps, waiting
            h = 0.0 if done else h
            while g < last and program.times[g] <= t + near(t):
                _show(functions, room, room.x, program.times[g], out, program.rows[g])
                g += 1
    while g < last:
        _show(functions, room, room.x, program.times[g], out, program.rows[g])
        g += 1
    return FINE, np.int64(-1), t, steps, waiting


@fast
def _put_out(functions, room, moment, t, out, place):
    """Put out what is observed within an instant, or outside of one; return status."""
    look(functions, room, room.x, t, out, place)
    inside = moment.flags[INSIDE] != 0.0
    if inside and moment.flags[DONE] + moment.flags[GIVEN] > 0.0 and moves(room, moment, t):
        return SHOWN
    for d in range(room.directions):
        for i in range(room.n):
            room.y[i] = room.s[d * room.n + i] - (room.before[i] * moment.move[d] if inside else 0.0)
        put(room, room.y, d, out, place)
    return FINE


@fast
def _infused(room, patients, along, moment, r, code, a, b, t):
    """Let the sensitivities of a target change where an infusion starts or stops at the instant."""
    rate = patients.amounts[r, b] / patients.lengths[r, b]
    for d in range(room.directions):
        moment.own[d] = along.begins[r, b, d] + (along.lengths[r, b, d] if code == STOPPED else 0.0)
        change = moment.move[d] - moment.own[d]
        room.s[d * room.n + a] += rate * change if code == STARTED else -rate * change
    if differ(room, moment.move, moment.own, t):
        moment.flags[UNEVEN] = 1.0


@merged
def _begin(functions, room, events, moment, along, r, a, b, t, waiting):
    """Let the instant of a cut begin, which moves as its doses and switches do; return status and event."""
    if b != 0 or t <= 0.0:
        for d in range(room.directions):
            moment.own[d] = along.moves[r, a, d]
        claim(room, moment, t, moment.own)
    return begin_instant(functions, room, events, moment, t, waiting)


@merged
def _patient(functions, room, events, moment, program, patients, along, column, r, control, out):
    """Run one patient; return status, event, time and number of steps."""
    steps, waiting, e, t = np.int64(0), np.int64(0), np.int64(-1), 0.0
    which = patients.which[r]
    for o in range(program.of[which], program.of[which + 1]):
        code, a, b = program.code[o, 0], program.code[o, 1], program.code[o, 2]
        status = np.int64(FINE)
        if code == RUN:
            status, e, t, steps, waiting = _stretch(
                functions, room, events, moment, program, a, b, t, program.value[o], control, steps, waiting, out
            )
        elif code == SHOW:
            status, e = _put_out(functions, room, moment, t, out, a), np.int64(-1)
        elif code == SETTLE:
            status, e, waiting = settle_along(functions, room, events, moment, t, waiting)
        elif code == BEFORE:
            status, e = _begin(functions, room, events, moment, along, r, a, b, t, waiting)
        elif code == AFTER:
            status, e = end_instant(functions, room, events, moment, t), np.int64(-1)
        elif code == SET:
            room.p[a] = program.value[o]
        elif code in (STARTED, STOPPED):
            _infused(room, patients, along, moment, r, code, a, b, t)
        elif code == INFUSE:
            infuse(room, patients, along, column, r, code, a, b)
        else:
            at_once(room, patients, along, column, r, code, a, b)
            if code in (BOLUS, BOLUS_FIXED):
                moment.flags[GIVEN] = 1.0
        if status:
            return status, e, t, steps
    return np.int64(FINE), np.int64(-1), t, steps


@fast
def _moment(at, tables, gaps, width, count, n, relative):
    """Return an instant, with room from a place in memory on."""
    speed, slope = shifted(at, 2 * gaps), shifted(at, 3 * gaps)
    steer = shifted(slope, count * gaps)
    move = shifted(steer, gaps)
    last, own, zero = shifted(move, count), shifted(move, 2 * count), shifted(move, 3 * count)
    return Moment(
        gaps, width, relative, pointer(tables.of_event), pointer(tables.of_part), pointer(tables.within),
        pointer(tables.guards), at, speed, slope, steer, move, last, own, zero, shifted(zero, n),
    )  # fmt: skip


@fast
def _start(functions, room, events, moment):
    """Let no instant have been, and triggers be known as they are."""
    for k in range(WHEN):
        moment.flags[k] = 0.0
    moment.flags[WHEN] = -math.inf
    for d in range(room.directions):
        moment.move[d] = 0.0
    functions.look(0, room.x, room.p, 0.0, events.known)


def _entry(sources):
    """Return the loop over patients, kept on disk for these sources of it: numba itself would watch this file alone."""

    def run_sensitive_events(functions, plan, patterns, program, patients, along, control, first, last, out, results,
                             traits, tables):  # fmt: skip
        """Run patients as ``run_sensitive`` does; ``results`` takes 1 + the event at fault as well.

        The width of ``traits`` counts all that is kept of an event that waits.
        """
        _ = sources
        n, m, looks = patients.starts.shape[1], patients.constants.shape[1], out.shape[2]
        count, width = along.constants.shape[1], along.constants.shape[2]
        entries = patterns.rates[0] + patterns.bends[0] + patterns.observed[0]
        own = (14 + STAGES) * n + m + plan[1] + control.size + entries + 2 * looks
        kept = np.zeros(own + count * ((STAGES + 2) * n + width + 2))
        room = room_of(kept, plan, patterns, (n, m, count, width, looks, control.size), control.timed)
        number, gaps = traits.initial.shape[0], tables.guards.shape[1]
        queue = np.zeros(room_for(traits, traits.width))
        events = events_at(pointer(queue), traits)
        values = (traits.width - count) // (1 + count)
        longest = max(n, width, count, values)
        own_of = np.zeros(gaps * (4 + count) + 3 * count + longest + 8)
        moment = _moment(pointer(own_of), tables, gaps, values, count, longest, control.relative)
        for r in range(first, last):
            enter(room, patients, along, r)
            begin(events, traits)
            _start(functions, room, events, moment)
            status, e, t, steps = _patient(
                functions, room, events, moment, program, patients, along, patterns.column, r, control, out[r]
            )
            results[r, 0], results[r, 1], results[r, 2], results[r, 3] = status, t, steps, 1 + e
        kept[0], queue[0] = plan[0] + entries, number  # which lets them live until here
        own_of[0] = tables.guards.shape[0] + tables.of_event.shape[0] + tables.of_part.shape[0] + tables.within.shape[0]

    return nb.njit(nogil=True, error_model="numpy", cache=True)(run_sensitive_events)


def _sources() -> str:
    from sbmlqsp.engine.ssa_model import sources

    return sources("ode_*.py")


run_sensitive_events = _entry(_sources())
