"""The compiled loops that integrate several patients side by side, each with its own time, step and instructions.

All lanes try one step together; then each is accepted or rejected, puts out, is dosed, or takes the next patient. What
a lane computes depends on its own numbers alone, so that results are the same whoever is beside it.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numba as nb
import numpy as np

from sbmlqsp.engine.ode_kernel import GROW, SAFETY, SHRINK, Program
from sbmlqsp.engine.ode_model import fast, shifted
from sbmlqsp.engine.ode_program import BOLUS, BOLUS_FIXED, IDLE, INFUSE, RUN, SET, SHOW
from sbmlqsp.engine.ode_status import FINE, LANES, NOT_FINITE, TOO_MANY, TOO_SMALL
from sbmlqsp.engine.ode_tableau import GAMMA, STAGES
from sbmlqsp.engine.ode_tableau import NODES as _NODES
from sbmlqsp.engine.ode_tableau import A as _A
from sbmlqsp.engine.ode_tableau import C as _C
from sbmlqsp.engine.ode_tableau import D as _D
from sbmlqsp.engine.ode_tableau import H as _H
from sbmlqsp.engine.ode_vectors import added, combined, copied, worst
from sbmlqsp.engine.ssa_arithmetic import bits_of, of_bits, pointer

__all__ = ["run_lanes"]

FIRST = 0.5
"""By what part of itself the fastest state may move in the first step of a stretch, at a tolerance of one."""


class _Room(NamedTuple):
    """Places in memory; of states, constants, slopes and stages one number by lane, lane by lane."""

    n: int
    m: int
    columns: int
    times: int
    timed: bool
    plan: Any
    x: Any
    p: Any
    new: Any
    u: Any
    b: Any
    k: Any
    out: Any
    w: Any
    floor: Any
    scale: Any
    t: Any
    at: Any
    h: Any
    back: Any
    diagonal: Any
    error: Any
    dense: Any
    row: Any
    weights: Any


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


class _Lanes(NamedTuple):
    """By lane: patient, next instruction, next and last output, whether a step is tried again, steps, the end."""

    patient: Any
    next: Any
    g: Any
    last: Any
    again: Any
    steps: Any
    end: Any


@fast
def _stage(functions, room, s):
    """Put the right-hand side of a stage of all lanes into ``b``."""
    n, k, wide = room.n, room.k, STAGES * LANES
    a, c = shifted(room.weights, s * STAGES), shifted(room.weights, (STAGES + s) * STAGES)
    for i in range(n):
        combined(shifted(room.u, i * LANES), shifted(room.x, i * LANES), shifted(k, i * wide), a, s)
    for lane in range(LANES):
        room.at[lane] = room.t[lane] + _NODES[s] * room.h[lane]
    functions.rates(room.u, room.p, room.at, room.b)
    for i in range(n):
        total, b = shifted(room.new, i * LANES), shifted(room.b, i * LANES)
        combined(total, shifted(room.error, LANES), shifted(k, i * wide), c, s)
        added(b, total, room.back)


@fast
def _step(functions, room):
    """Try one step in all lanes; its ends come into ``new``, the errors into ``b``."""
    n, b, k = room.n, room.b, room.k
    functions.factor(room.out, room.w, room.diagonal, room.plan)
    for i in range(n * LANES):
        b[i] = room.out[i]
    for s in range(STAGES):
        if s > 0:
            _stage(functions, room, s)
        if room.timed and _D[s] != 0.0:
            for i in range(n):
                for lane in range(LANES):
                    b[i * LANES + lane] += room.h[lane] * _D[s] * room.out[(n + i) * LANES + lane]
        functions.solve(room.w, b, room.plan)
        for i in range(n):
            copied(shifted(k, (i * STAGES + s) * LANES), shifted(b, i * LANES))
    for i in range(n * LANES):
        room.new[i] = room.u[i] + b[i]


@fast
def _norms(room, relative):
    """Put the largest error of each lane, as a share of what it may be, into ``error``; infinite where it is none."""
    for lane in range(LANES):
        room.error[lane] = 0.0
    for i in range(room.n):
        j = i * LANES
        worst(
            room.error, shifted(room.b, j), shifted(room.floor, j), shifted(room.x, j), shifted(room.new, j), relative
        )


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
def _put(functions, room, x, lane, t, out, place):
    functions.look(shifted(x, lane), shifted(room.p, lane), t, room.row)
    for c in range(room.columns):
        out[place * room.columns + c] = room.row[c]


@fast
def _prepare_dense(room, lane):
    for i in range(room.n):
        for m in range(3):
            value = 0.0
            for s in range(STAGES):
                value += _H[m, s] * room.k[(i * STAGES + s) * LANES + lane]
            room.dense[3 * i + m] = value


@fast
def _outputs(functions, room, lanes, program, lane, out):
    """Put out what falls into the step of a lane."""
    t, h, g, last = room.t[lane], room.h[lane], lanes.g[lane], lanes.last[lane]
    if g < last and program.times[g] <= t + h:
        _prepare_dense(room, lane)
        while g < last and program.times[g] <= t + h:
            theta = (program.times[g] - t) / h
            rest = 1.0 - theta
            for i in range(room.n):
                j = i * LANES + lane
                inner = room.dense[3 * i] + theta * (room.dense[3 * i + 1] + theta * room.dense[3 * i + 2])
                room.u[j] = rest * room.x[j] + theta * (room.new[j] + rest * inner)
            _put(functions, room, room.u, lane, program.times[g], out, program.rows[g])
            g += 1
        lanes.g[lane] = g


@fast
def _enter(room, lanes, patients, program, lane, r):
    """Let a lane take a patient."""
    lanes.patient[lane], lanes.next[lane], lanes.steps[lane] = r, program.of[patients.which[r]], 0
    room.t[lane] = lanes.end[lane] = 0.0
    for i in range(room.n):
        j, q = i * LANES + lane, r * room.n + i
        room.x[j], room.floor[j], room.scale[j] = patients.starts[q], patients.floor[q], patients.scale[q]
    for i in range(room.m):
        room.p[i * LANES + lane] = patients.constants[r * room.m + i]


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
                lanes.end[lane], room.h[lane], lanes.again[lane] = program.value[o], 0.0, 0
                return True
        elif code == SHOW:
            _put(functions, room, room.x, lane, t, out, a)
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
def _fifth_root(error):
    """Return the reciprocal of the fifth root, to a few thousandths: a library's power takes as long as the rates."""
    y = of_bits(5528337427583309824 - nb.uint64(bits_of(error)) // nb.uint64(5))
    for _ in range(3):
        square = y * y
        y *= 1.2 - 0.2 * error * square * square * y
    return y


@fast
def _chosen(room, lanes, lane, relative, most):
    """Choose a lane's step; return a status where it can take none."""
    rest = lanes.end[lane] - room.t[lane]
    h = room.h[lane]
    if lanes.again[lane] == 0:
        if h == 0.0:
            h = _first_step(room, lane, rest, relative)
            if h < 0.0:
                return NOT_FINITE
        elif not _finite(room, lane):
            return NOT_FINITE
    lanes.steps[lane] += 1
    if lanes.steps[lane] > most:
        return TOO_MANY
    room.h[lane] = rest if h >= rest * 0.999999 else min(h, 0.5 * rest) if h > 0.6 * rest else h
    room.back[lane], room.diagonal[lane] = 1.0 / room.h[lane], 1.0 / (GAMMA * room.h[lane])
    return FINE


@fast
def _judged(functions, room, lanes, program, lane, out):
    """Accept or reject a lane's step; return a status where it cannot go on."""
    error, h, t, end = room.error[lane], room.h[lane], room.t[lane], lanes.end[lane]
    factor = SHRINK if not error < 1e30 else GROW if error < 1e-30 else SAFETY * _fifth_root(error)
    factor = min(GROW, max(SHRINK, factor))
    if error <= 1.0:
        _outputs(functions, room, lanes, program, lane, out)
        for i in range(room.n):
            room.x[i * LANES + lane] = room.new[i * LANES + lane]
        room.t[lane] = end if h >= end - t else t + h
        room.h[lane] = h * (min(factor, 1.0) if lanes.again[lane] else factor)
        lanes.again[lane] = 0
        return FINE
    room.h[lane], lanes.again[lane] = h * factor, 1
    return FINE if room.h[lane] > 4e-16 * max(abs(t), abs(end)) else TOO_SMALL


@fast
def _settled(functions, room, lanes, patients, program, lane, r, last, out, results, status):
    """Let a lane go on to its next stretch or patient; return the next patient."""
    each = room.times * room.columns
    while True:
        if lanes.patient[lane] >= 0:
            own = lanes.patient[lane]
            if status == FINE and _follow(functions, room, lanes, patients, program, lane, shifted(out, own * each)):
                return r
            to = shifted(results, 4 * own)
            to[0], to[1], to[2] = status, room.t[lane], lanes.steps[lane]
        lanes.patient[lane], status = -1, FINE
        if r >= last:
            room.h[lane] = room.back[lane] = room.diagonal[lane] = 1.0  # an idle lane repeats what is harmless
            return r
        _enter(room, lanes, patients, program, lane, r)
        r += 1


@fast
def _all(functions, room, lanes, patients, program, relative, most, first, last, out, results):
    """Run patients, as many as there are lanes at a time."""
    r, busy, each = first, 0, room.times * room.columns
    for lane in range(LANES):
        _enter(room, lanes, patients, program, lane, first)  # or an idle lane would have no numbers
        lanes.patient[lane] = -1
        r = _settled(functions, room, lanes, patients, program, lane, r, last, out, results, FINE)
        busy += lanes.patient[lane] >= 0
    while busy > 0:
        functions.slopes(room.x, room.p, room.t, room.out)
        for lane in range(LANES):
            status = _chosen(room, lanes, lane, relative, most) if lanes.patient[lane] >= 0 else FINE
            while status != FINE:  # whoever follows needs slopes of its own
                r = _settled(functions, room, lanes, patients, program, lane, r, last, out, results, status)
                status = FINE
                if lanes.patient[lane] >= 0:
                    functions.slopes(room.x, room.p, room.t, room.out)
                    status = _chosen(room, lanes, lane, relative, most)
        _step(functions, room)
        _norms(room, relative)
        busy = 0
        for lane in range(LANES):
            if lanes.patient[lane] >= 0:
                to = shifted(out, lanes.patient[lane] * each)
                status = _judged(functions, room, lanes, program, lane, to)
                if status != FINE or room.t[lane] >= lanes.end[lane]:
                    r = _settled(functions, room, lanes, patients, program, lane, r, last, out, results, status)
            busy += lanes.patient[lane] >= 0


@fast
def _room(place, plan, weights, n, m, columns, times, control):
    """Divide a piece of memory."""
    wide = n * LANES
    x, new, u, b = place, shifted(place, wide), shifted(place, 2 * wide), shifted(place, 3 * wide)
    floor, scale, k = shifted(place, 4 * wide), shifted(place, 5 * wide), shifted(place, 6 * wide)
    slopes = shifted(k, STAGES * wide)
    p = shifted(slopes, (2 * n + plan[1]) * LANES)
    w = shifted(p, m * LANES)
    t = shifted(w, control.size * LANES)
    now, h, back = shifted(t, LANES), shifted(t, 2 * LANES), shifted(t, 3 * LANES)
    diagonal, error = shifted(t, 4 * LANES), shifted(t, 5 * LANES)  # and a vector of zeros
    dense = shifted(t, 8 * LANES)
    row = shifted(dense, 3 * n)
    return _Room(
        n, m, columns, times, control.timed, plan, x, p, new, u, b, k, slopes, w, floor, scale, t, now, h, back,
        diagonal, error, dense, row, weights,
    )  # fmt: skip


def _entry(sources):
    """Return the loop over patients, kept on disk for these sources of it: numba itself would watch this file alone."""

    def run_lanes(functions, plan, program, patients, control, first, last, out, results, weights):
        """Run patients ``first`` to ``last``; ``results`` (patients, 4) takes status, time and number of steps."""
        _ = sources
        n, m, columns, entries = patients.starts.shape[1], patients.constants.shape[1], out.shape[2], plan[1]
        kept = np.zeros(((STAGES + 8) * n + m + entries + control.size + 8) * LANES + 3 * n + columns)
        room = _room(pointer(kept), pointer(plan), pointer(weights), n, m, columns, out.shape[1], control)
        counts, ends = np.zeros((6, LANES), dtype=np.int64), np.zeros(LANES)
        c = pointer(counts)
        lanes = _Lanes(c, shifted(c, LANES), shifted(c, 2 * LANES), shifted(c, 3 * LANES), shifted(c, 4 * LANES),
                       shifted(c, 5 * LANES), pointer(ends))  # fmt: skip
        code = Program(pointer(program.of), pointer(program.code), pointer(program.value), pointer(program.times),
                        pointer(program.rows))  # fmt: skip
        people = _People(
            pointer(patients.which), pointer(patients.starts), pointer(patients.constants), pointer(patients.amounts),
            pointer(patients.lengths), pointer(patients.floor), pointer(patients.scale), patients.amounts.shape[1],
        )  # fmt: skip
        _all(functions, room, lanes, people, code, control.relative, control.most, first, last, pointer(out),
             pointer(results))  # fmt: skip
        # Only places were handed over: what they are in must live until here.
        kept[0] = plan[0] + counts[0, 0] + ends[0] + weights[0, 0] + results[first, 0] + out[first, 0, 0]
        kept[0] += program.of[0] + patients.which[first]

    return nb.njit(nogil=True, error_model="numpy", cache=True)(run_lanes)


def _sources() -> str:
    from sbmlqsp.engine.ssa_model import sources

    return sources("ode_*.py")


run_lanes = _entry(_sources())
WEIGHTS = np.concatenate([_A, _C])
