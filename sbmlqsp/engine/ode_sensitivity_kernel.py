"""The compiled loops that integrate differential equations together with their sensitivities; see ``ode_kernel``."""

from __future__ import annotations

from typing import Any, NamedTuple

import numba as nb
import numpy as np

from sbmlqsp.engine.ode_kernel import GROW, SAFETY, SHRINK, begun, between
from sbmlqsp.engine.ode_model import fast, shifted
from sbmlqsp.engine.ode_program import BOLUS, IDLE, INFUSE, RUN, SET, SHOW
from sbmlqsp.engine.ode_sensitivity_program import AFTER, BEFORE, STARTED, STOPPED
from sbmlqsp.engine.ode_sensitivity_step import Room, multiply, tried, within
from sbmlqsp.engine.ode_status import FINE, NOT_FINITE, TOO_MANY, TOO_SMALL
from sbmlqsp.engine.ode_tableau import STAGES
from sbmlqsp.engine.ssa_arithmetic import pointer

__all__ = ["Along", "Patterns", "at_once", "enter", "infuse", "look", "outputs", "put", "room_of", "run_sensitive"]


class Along(NamedTuple):
    """By patient: sensitivities at the start, what constants change by, and what doses and instants do.

    ``unit`` is one over the size of each parameter, ``weight`` the same where it is not zero, else zero.
    """

    starts: Any
    constants: Any
    amounts: Any
    lengths: Any
    begins: Any
    moves: Any
    unit: Any
    weight: Any


class Patterns(NamedTuple):
    """Where derivatives stand (see ``packed``), and the column of each constant, or -1."""

    rates: Any
    bends: Any
    observed: Any
    column: Any


@fast
def look(functions, room, x, t, out, place):
    """Put out what is observed, and note its derivatives by states and constants."""
    functions.glance(x, room.p, t, room.row)
    for c in range(room.looks):
        out[place, c, 0] = room.row[c]


@fast
def put(room, s, d, out, place):
    """Put out the derivatives of what is observed along one direction."""
    for c in range(room.looks):
        room.sum[c] = 0.0
    multiply(room.observed, shifted(room.row, room.looks), s, shifted(room.q, d * room.width), room.width, room.sum)
    for c in range(room.looks):
        out[place, c, d + 1] = room.sum[c]


@fast
def outputs(functions, room, program, g, last, t, h, until, out):
    """Put out what falls into a step up to a time; return the next place."""
    while g < last and program.times[g] <= until:
        theta = (program.times[g] - t) / h
        between(room, theta)
        look(functions, room, room.u, program.times[g], out, program.rows[g])
        for d in range(room.directions):
            within(room, d, theta)
            put(room, room.y, d, out, program.rows[g])
        g += 1
    return g


@fast
def _stretch(functions, room, program, g, last, t, end, control, steps, out):
    """Integrate to the end of a stretch without discontinuity; return status, time and number of steps."""
    h, again = 0.0, False
    while t < end:
        rest = end - t
        if not again:
            h = begun(functions, room, t, h, rest)
            if h < 0.0:
                return NOT_FINITE, t, steps
            h = min(h, control.longest)
        final = h >= rest * 0.999999
        h = rest if final else min(h, 0.5 * rest) if h > 0.6 * rest else h
        steps += 1
        if steps > control.most:
            return TOO_MANY, t, steps
        error = tried(functions, room, program.times, g, last, t, h, control.relative)
        factor = SHRINK if not error < 1e30 else GROW if error < 1e-30 else SAFETY * error**-0.2
        factor = min(GROW, max(SHRINK, factor))
        if error <= 1.0:
            g = outputs(functions, room, program, g, last, t, h, t + h, out)
            for i in range(room.n):
                room.x[i] = room.new[i]
            for a in range(room.n * room.directions):
                room.s[a] = room.next[a]
            t = end if final else t + h
            h *= min(factor, 1.0) if again else factor
            again = False
        else:
            h *= factor
            again = True
            if not h > 4e-16 * max(abs(t), abs(end)):
                return TOO_SMALL, t, steps
    return FINE, t, steps


@fast
def at_once(room, patients, along, column, r, code, a, b):
    """Give a dose, or stop infusions, to states and constants and their sensitivities."""
    if code == IDLE:
        room.p[a] = 0.0
    elif code == BOLUS:
        room.x[a] += patients.amounts[r, b]
    else:
        room.p[a] += patients.amounts[r, b]
    for d in range(room.directions):
        if code == BOLUS:
            room.s[d * room.n + a] += along.amounts[r, b, d]
        elif column[a] >= 0:
            place = d * room.width + column[a]
            room.q[place] = 0.0 if code == IDLE else room.q[place] + along.amounts[r, b, d]


@fast
def infuse(room, patients, along, column, r, code, a, b):
    """Let an infusion run, or let the sensitivities of its target jump where its begin or end moves."""
    rate = patients.amounts[r, b] / patients.lengths[r, b]
    if code == INFUSE:
        room.p[a] += rate
    for d in range(room.directions):
        begin, length = along.begins[r, b, d], along.lengths[r, b, d]
        if code == STARTED:
            room.s[d * room.n + a] -= rate * begin
        elif code == STOPPED:
            room.s[d * room.n + a] += rate * (begin + length)
        elif column[a] >= 0:
            slope = (along.amounts[r, b, d] - rate * length) / patients.lengths[r, b]
            room.q[d * room.width + column[a]] += slope


@fast
def _moved(functions, room, along, r, a, t):
    """Let sensitivities jump by what the rates changed by, where that instant moves: S+ - S- = (f- - f+) dt/dp."""
    functions.rates(room.x, room.p, t, room.b)
    for d in range(room.directions):
        move = along.moves[r, a, d]
        if move != 0.0:
            for i in range(room.n):
                room.s[d * room.n + i] += (room.before[i] - room.b[i]) * move


@fast
def _dose(functions, room, patients, along, column, r, code, a, b, t):
    """Do what happens at once, to states and sensitivities."""
    if code == BEFORE:
        functions.rates(room.x, room.p, t, room.before)
    elif code == AFTER:
        _moved(functions, room, along, r, a, t)
    elif code in (INFUSE, STARTED, STOPPED):  # numba compiles a set slowly
        infuse(room, patients, along, column, r, code, a, b)
    else:
        at_once(room, patients, along, column, r, code, a, b)


@fast
def _patient(functions, room, program, patients, along, column, r, control, out):
    """Run one patient; return status, time and number of steps."""
    steps, t = 0, 0.0
    which = patients.which[r]
    for o in range(program.of[which], program.of[which + 1]):
        code, a, b = program.code[o, 0], program.code[o, 1], program.code[o, 2]
        if code == RUN:
            status, t, steps = _stretch(functions, room, program, a, b, t, program.value[o], control, steps, out)
            if status:
                return status, t, steps
        elif code == SHOW:
            look(functions, room, room.x, t, out, a)
            for d in range(room.directions):
                put(room, shifted(room.s, d * room.n), d, out, a)
        elif code == SET:
            room.p[a] = program.value[o]
        else:
            _dose(functions, room, patients, along, column, r, code, a, b, t)
    return FINE, t, steps


@fast
def enter(room, patients, along, r):
    """Let a patient in."""
    for i in range(room.n):
        room.x[i] = patients.starts[r, i]
        room.floor[i] = patients.floor[r, i]
        room.scale[i] = patients.scale[r, i]
    for i in range(room.m):
        room.p[i] = patients.constants[r, i]
    for d in range(room.directions):
        room.unit[d], room.weight[d] = along.unit[r, d], along.weight[r, d]
        for i in range(room.n):
            room.s[d * room.n + i] = along.starts[r, d, i]
        for c in range(room.width):
            room.q[d * room.width + c] = along.constants[r, d, c]


@fast
def room_of(kept, plan, patterns, sizes, timed):
    """Return the places in memory of everything that a run needs."""
    n, m, count, width, looks, size = sizes
    at = pointer(kept)
    x, new, u, b, floor, scale = (
        at, shifted(at, n), shifted(at, 2 * n), shifted(at, 3 * n), shifted(at, 4 * n), shifted(at, 5 * n)
    )  # fmt: skip
    v, before, y, k, dense = (
        shifted(at, 6 * n), shifted(at, 7 * n), shifted(at, 8 * n), shifted(at, 9 * n), shifted(at, (9 + STAGES) * n)
    )  # fmt: skip
    out = shifted(at, (12 + STAGES) * n)
    p = shifted(out, 2 * n + plan[1])
    w, g = shifted(p, m), shifted(p, m + size)
    e, row = shifted(g, patterns.rates[0]), shifted(g, patterns.rates[0] + patterns.bends[0])
    total = shifted(row, looks + patterns.observed[0])
    s = shifted(total, looks)
    after, stages = shifted(s, count * n), shifted(s, 2 * count * n)
    q = shifted(stages, STAGES * count * n)
    unit, weight = shifted(q, count * width), shifted(q, count * (width + 1))
    return Room(n, m, count, width, looks, timed, pointer(plan), pointer(patterns.rates), pointer(patterns.bends),
                 pointer(patterns.observed), x, p, new, u, b, k, out, w, dense, floor, scale, v, before, g, e, row,
                 total, s, q, y, after, stages, unit, weight)  # fmt: skip


def _entry(sources):
    """Return the loop over patients, kept on disk for these sources of it: numba itself would watch this file alone."""

    def run_sensitive(functions, plan, patterns, program, patients, along, control, first, last, out, results):
        """Run patients ``first`` to ``last``; ``out`` is (patients, times, observed, 1 + directions)."""
        _ = sources
        n, m, looks = patients.starts.shape[1], patients.constants.shape[1], out.shape[2]
        count, width = along.constants.shape[1], along.constants.shape[2]
        entries = patterns.rates[0] + patterns.bends[0] + patterns.observed[0]
        own = (14 + STAGES) * n + m + plan[1] + control.size + entries + 2 * looks
        kept = np.zeros(own + count * ((STAGES + 2) * n + width + 2))
        room = room_of(kept, plan, patterns, (n, m, count, width, looks, control.size), control.timed)
        for r in range(first, last):
            enter(room, patients, along, r)
            status, t, steps = _patient(functions, room, program, patients, along, patterns.column, r, control, out[r])
            results[r, 0], results[r, 1], results[r, 2] = status, t, steps
        kept[0] = plan[0] + patterns.rates[0] + patterns.bends[0] + patterns.observed[0]  # lets all live until here

    return nb.njit(nogil=True, error_model="numpy", cache=True)(run_sensitive)


def _sources() -> str:
    from sbmlqsp.engine.ssa_model import sources

    return sources("ode_*.py")


run_sensitive = _entry(_sources())
