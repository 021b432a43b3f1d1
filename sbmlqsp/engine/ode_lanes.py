"""The loop that integrates several patients side by side, each with its own time, step and instructions.

All lanes try one step together; then each is accepted or rejected, puts out, is dosed, or takes the next patient. What
a lane computes depends on its own numbers alone, so that results are the same whoever is beside it. How a step is taken
is the business of a method (see ``ode_room``). After some steps in one stretch a patient may be handed over to another
method, which goes on from where it is.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from sbmlqsp.engine.ode_defect import INSIDE
from sbmlqsp.engine.ode_inner import examine, put
from sbmlqsp.engine.ode_kernel import LEAST, SHORT, Program
from sbmlqsp.engine.ode_model import fast, shifted
from sbmlqsp.engine.ode_program import BOLUS, BOLUS_FIXED, IDLE, INFUSE, RUN, SET, SHOW
from sbmlqsp.engine.ode_room import accept, aim, begin, calm, evaluate, grow, inside, ready, step, stiff
from sbmlqsp.engine.ode_status import EASY, FINE, LANES, LONG, NOT_FINITE, STIFF, TOO_MANY, TOO_SMALL
from sbmlqsp.engine.ssa_arithmetic import pointer

__all__ = ["MORE", "Handed", "run_all"]

MORE = 10
"""How many numbers there are to where a patient is, beside states and constants."""
CHEAPER = 0.6
"""What a step of the explicit method costs, as a share of one of RODAS5P."""
FIRST = 0.5
"""By what part of itself the fastest state may move in the first step of a stretch, at a tolerance of one."""


class Handed(NamedTuple):
    """The order in which patients are taken, where they are when handed over, and whether they go on from there."""

    order: Any
    kept: Any
    resumed: bool


class _People(NamedTuple):
    """Places of what patients start from and are given."""

    which: Any
    starts: Any
    constants: Any
    amounts: Any
    lengths: Any
    floor: Any
    scale: Any
    given: int
    order: Any
    kept: Any
    resumed: bool


class _Lanes(NamedTuple):
    """By lane: patient, next instruction, next and last output, whether a step is tried again, steps, the end.

    ``count``: after how many more steps in this stretch it is asked whether to hand over, never where it is below zero;
    ``begun``: when the stretch began, or another method left off, and with what ``pace``; ``tried``: how often a
    patient came back; ``bound``: whether it has been too stiff for the explicit method.
    """

    patient: Any
    next: Any
    g: Any
    last: Any
    again: Any
    steps: Any
    end: Any
    count: Any
    begun: Any
    pace: Any
    tried: Any
    bound: Any


@fast
def _first_step(room, lane, span, relative):
    """Return a first step in which no state of a lane moves by much; below zero where rates are not finite."""
    fastest = 0.0
    for i in range(room.n):
        j = i * LANES + lane
        rate = abs(room.out[j])
        if not rate < math.inf:
            return -1.0
        fastest = max(fastest, rate / max(abs(room.x[j]), 1e-3 * room.scale[j]))
    part = FIRST * relative**0.2
    return min(span, max(part / fastest, 1e-12 * span)) if fastest > 0.0 else span


@fast
def _finite(room, lane):
    total = 0.0
    for i in range(room.n):
        total += abs(room.out[i * LANES + lane])
    return total < math.inf


@fast
def _outputs(functions, room, lanes, program, lane, out):
    """Put out what falls onto the end of a lane's step, after what was put out within."""
    t, h, g, last = room.t[lane], room.h[lane], lanes.g[lane], lanes.last[lane]
    while g < last and program.times[g] <= t + INSIDE * h:
        g += 1
    while g < last and program.times[g] <= t + h:
        theta = (program.times[g] - t) / h
        aim(room, lane, theta)
        for i in range(room.n):
            room.u[i * LANES + lane] = inside(room, lane, i)
        put(functions, room, room.u, lane, program.times[g], out, program.rows[g])
        g += 1
    lanes.g[lane] = g


@fast
def _take_back(room, lanes, program, lane, out):
    """Take back what was put out within a step that was never accepted."""
    for g in range(lanes.g[lane], lanes.last[lane]):
        for c in range(room.columns):
            out[program.rows[g] * room.columns + c] = math.nan


@fast
def _patience(lanes, lane, control):
    """Return for how many steps a patient stays before it is asked; longer each time that it came back."""
    if control.patience == 0:
        return -1
    return control.patience if control.worth > 0.0 else control.patience * 4 ** min(lanes.tried[lane], 8)


@fast
def _enter(room, lanes, patients, program, lane, r, control):
    """Let a lane take a patient from the start."""
    lanes.patient[lane], lanes.next[lane], lanes.steps[lane] = r, program.of[patients.which[r]], 0
    room.t[lane] = lanes.end[lane] = 0.0
    lanes.tried[lane] = lanes.bound[lane] = 0
    lanes.count[lane] = _patience(lanes, lane, control)
    for i in range(room.n):
        j, q = i * LANES + lane, r * room.n + i
        room.x[j], room.floor[j], room.scale[j] = patients.starts[q], patients.floor[q], patients.scale[q]
    for i in range(room.m):
        room.p[i * LANES + lane] = patients.constants[r * room.m + i]


@fast
def _hand_over(room, lanes, patients, lane, control, status):
    """Keep where a patient is, for another method."""
    own = shifted(patients.kept, lanes.patient[lane] * (room.n + room.m + MORE))
    for i in range(room.n):
        own[i] = room.x[i * LANES + lane]
    for i in range(room.m):
        own[room.n + i] = room.p[i * LANES + lane]
    more = shifted(own, room.n + room.m)
    more[0], more[1], more[2], more[3] = room.t[lane], room.h[lane], lanes.end[lane], lanes.steps[lane]
    more[4], more[5], more[6] = lanes.next[lane], lanes.g[lane], lanes.last[lane]
    more[7] = lanes.tried[lane]
    if control.worth > 0.0:
        more[1] = min(room.h[lane], lanes.pace[lane])
        more[7] += 1.0
    more[8] = 1.0 if status == STIFF else lanes.bound[lane]
    more[9] = more[1] / CHEAPER if control.calm < 0 else more[1]


@fast
def _go_on(room, lanes, patients, lane, control):
    """Go on where another method left off."""
    own = shifted(patients.kept, lanes.patient[lane] * (room.n + room.m + MORE))
    for i in range(room.n):
        room.x[i * LANES + lane] = own[i]
    for i in range(room.m):
        room.p[i * LANES + lane] = own[room.n + i]
    more = shifted(own, room.n + room.m)
    room.t[lane], room.h[lane], lanes.end[lane], lanes.steps[lane] = more[0], more[1], more[2], int(more[3])
    lanes.next[lane], lanes.g[lane], lanes.last[lane] = int(more[4]), int(more[5]), int(more[6])
    lanes.tried[lane], lanes.bound[lane] = int(more[7]), int(more[8])
    lanes.count[lane] = _patience(lanes, lane, control)
    lanes.again[lane], lanes.begun[lane], lanes.pace[lane] = 0, more[0], more[9]
    begin(room, lane)


@fast
def _leaves(lanes, room, lane, control):
    """Return whether to hand a patient over: its steps were many and more are to come, or not as long as hoped for."""
    if lanes.count[lane] <= 0:
        return False
    lanes.count[lane] -= 1
    if lanes.count[lane] > 0:
        return False
    t, steps = room.t[lane], control.patience
    if control.worth == 0.0:
        lanes.count[lane] = steps
        return lanes.end[lane] - t > steps * room.h[lane]
    lanes.count[lane] = -1
    return t - lanes.begun[lane] < control.worth * steps * lanes.pace[lane]


@fast
def _follow(functions, room, lanes, patients, program, lane, out):
    """Follow a patient's instructions to the next stretch; false where there is none."""
    r, t = lanes.patient[lane], room.t[lane]
    x, p, given = shifted(room.x, lane), shifted(room.p, lane), r * patients.given
    o, stop = lanes.next[lane], program.of[patients.which[r] + 1]
    while o < stop:
        code, a, b = program.code[3 * o], program.code[3 * o + 1], program.code[3 * o + 2]
        if code == RUN:
            if program.value[o] > t:
                lanes.next[lane], lanes.g[lane], lanes.last[lane] = o + 1, a, b
                lanes.end[lane], room.h[lane], lanes.again[lane], lanes.begun[lane] = program.value[o], 0.0, 0, t
                return True
        elif code == SHOW:
            put(functions, room, room.x, lane, t, out, a)
        elif code == SET:
            p[a * LANES] = program.value[o]
        elif code == BOLUS:
            x[a * LANES] += patients.amounts[given + b]
        elif code == BOLUS_FIXED:
            p[a * LANES] += patients.amounts[given + b]
        elif code == IDLE:
            p[a * LANES] = 0.0
        elif code == INFUSE:
            p[a * LANES] += patients.amounts[given + b] / patients.lengths[given + b]
        o += 1
    return False


@fast
def _chosen(room, lanes, lane, control):
    """Choose a lane's step; return a status where it can take none."""
    rest = lanes.end[lane] - room.t[lane]
    h = room.h[lane]
    if lanes.again[lane] == 0:
        if h == 0.0:
            h = _first_step(room, lane, rest, control.relative)
            if h < 0.0:
                return NOT_FINITE
            begin(room, lane)
            if control.worth == 0.0:
                lanes.count[lane] = _patience(lanes, lane, control)
            elif lanes.count[lane] > 0:  # the stretch was over before the method had shown its worth
                return LONG
        elif not _finite(room, lane):
            return NOT_FINITE
    lanes.steps[lane] += 1
    if lanes.steps[lane] > control.most:
        return TOO_MANY
    h = min(h, control.longest)
    room.h[lane] = rest if h >= rest * 0.999999 else min(h, 0.5 * rest) if h > 0.6 * rest else h
    ready(room, lane)
    return FINE


@fast
def _advance(room, lane):
    """Let a lane's state be that at the end of its step; where something is gone by then, nothing is guessed on."""
    gone = False
    for i in range(room.n):
        room.x[i * LANES + lane] = room.new[i * LANES + lane]
        if abs(room.x[i * LANES + lane]) < LEAST and room.x[i * LANES + lane] != 0.0:
            room.x[i * LANES + lane] = 0.0
            gone = True
    if gone:
        begin(room, lane)


@fast
def _judged(functions, room, lanes, program, lane, control, out):
    """Accept or reject a lane's step; return a status where it cannot go on."""
    error, h, t, end = room.error[lane], room.h[lane], room.t[lane], lanes.end[lane]
    growth = room.growth[lane]
    if error <= 1.0:
        _outputs(functions, room, lanes, program, lane, out)
        accept(room, lane)
        _advance(room, lane)
        room.t[lane] = end if h >= end - t else t + h
        room.h[lane] = h * (min(growth, 1.0) if lanes.again[lane] else growth)
        lanes.again[lane] = 0
        if room.t[lane] >= end:
            return FINE
        if stiff(room, lane):
            return STIFF
        if _leaves(lanes, room, lane, control):
            return LONG
        easy = control.calm > 0 and lanes.bound[lane] == 0 and calm(room, lane) >= control.calm
        return EASY if easy else FINE
    room.h[lane], lanes.again[lane] = h * growth, 1
    return FINE if room.h[lane] > 4e-16 * max(abs(t), SHORT * abs(end)) else TOO_SMALL


@fast
def _settled(functions, room, lanes, patients, program, lane, control, r, last, out, results, status):
    """Let a lane go on to its next stretch or patient; return the next patient."""
    each = room.times * room.columns
    while True:
        if lanes.patient[lane] >= 0:
            own = lanes.patient[lane]
            if status == FINE and _follow(functions, room, lanes, patients, program, lane, shifted(out, own * each)):
                return r
            if status in (LONG, STIFF, EASY):  # numba compiles a set slowly
                _hand_over(room, lanes, patients, lane, control, status)
            elif status != FINE:
                _take_back(room, lanes, program, lane, shifted(out, own * each))
            to = shifted(results, 4 * own)
            to[0], to[1], to[2] = status, room.t[lane], lanes.steps[lane]
        lanes.patient[lane], status = -1, FINE
        if r >= last:
            room.h[lane] = room.diagonal[lane] = 1.0  # an idle lane repeats what is harmless
            ready(room, lane)
            return r
        _enter(room, lanes, patients, program, lane, patients.order[r], control)
        r += 1
        if patients.resumed:
            _go_on(room, lanes, patients, lane, control)
            return r


@fast
def _all(functions, room, lanes, patients, program, control, first, last, out, results):
    """Run patients, as many as there are lanes at a time."""
    r, busy, each = first, 0, room.times * room.columns
    for lane in range(LANES):
        _enter(room, lanes, patients, program, lane, patients.order[first], control)  # or it would have no numbers
        lanes.patient[lane] = -1
        r = _settled(functions, room, lanes, patients, program, lane, control, r, last, out, results, FINE)
        busy += lanes.patient[lane] >= 0
    while busy > 0:
        evaluate(functions, room)
        for lane in range(LANES):
            status = _chosen(room, lanes, lane, control) if lanes.patient[lane] >= 0 else FINE
            while status != FINE:  # whoever follows needs slopes of its own
                r = _settled(functions, room, lanes, patients, program, lane, control, r, last, out, results, status)
                status = FINE
                if lanes.patient[lane] >= 0:
                    evaluate(functions, room)
                    status = _chosen(room, lanes, lane, control)
            room.busy[lane] = 1.0 if lanes.patient[lane] >= 0 else 0.0
        step(functions, room, control.relative)
        examine(functions, room, lanes, program, control.relative, out)
        grow(room)
        busy = 0
        for lane in range(LANES):
            if lanes.patient[lane] >= 0:
                to = shifted(out, lanes.patient[lane] * each)
                status = _judged(functions, room, lanes, program, lane, control, to)
                if status != FINE or room.t[lane] >= lanes.end[lane]:
                    r = _settled(functions, room, lanes, patients, program, lane, control, r, last, out, results,
                                 status)  # fmt: skip
            busy += lanes.patient[lane] >= 0


@fast
def run_all(functions, room, program, patients, control, handed, first, last, out, results):
    """Run patients ``first`` to ``last`` of an order by the method of the room."""
    counts, numbers = np.zeros((9, LANES), dtype=np.int64), np.zeros((3, LANES))
    c, e = pointer(counts), pointer(numbers)
    lanes = _Lanes(c, shifted(c, LANES), shifted(c, 2 * LANES), shifted(c, 3 * LANES), shifted(c, 4 * LANES),
                   shifted(c, 5 * LANES), e, shifted(c, 6 * LANES), shifted(e, LANES), shifted(e, 2 * LANES),
                   shifted(c, 7 * LANES), shifted(c, 8 * LANES))  # fmt: skip
    code = Program(pointer(program.of), pointer(program.code), pointer(program.value), pointer(program.times),
                   pointer(program.rows))  # fmt: skip
    people = _People(
        pointer(patients.which), pointer(patients.starts), pointer(patients.constants), pointer(patients.amounts),
        pointer(patients.lengths), pointer(patients.floor), pointer(patients.scale), patients.amounts.shape[1],
        pointer(handed.order), pointer(handed.kept), handed.resumed,
    )  # fmt: skip
    _all(functions, room, lanes, people, code, control, first, last, pointer(out), pointer(results))
    # Only places were handed over: what they are in must live until here.
    return counts[0, 0] + numbers[0, 0] + results[first, 0] + out[first, 0, 0] + program.of[0] + handed.order[first]
