"""The compiled loops that integrate differential equations together with their sensitivities.

The step is that of ``ode_kernel``, differentiated exactly: the stages of a sensitivity S along a direction in which the
constants change by q solve, with the factors of the state's own stages k_i,

``W s_i = f_x(u_i) S_i + f_p(u_i) q + sum C_ij/h s_j + (d/dx . k_i + d/dt . h d_i)(f_x S + f_p q)``

which is the Rosenbrock method on states and sensitivities together, whose Jacobian is block triangular. What reads the
model is evaluated once for all directions. Error is controlled over states and sensitivities.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numba as nb
import numpy as np

from sbmlqsp.engine.ode_kernel import GROW, SAFETY, SHRINK, _begun, _between, _norm, _prepare_dense, _step
from sbmlqsp.engine.ode_model import fast, shifted
from sbmlqsp.engine.ode_program import BOLUS, BOLUS_FIXED, IDLE, INFUSE, RUN, SET, SHOW
from sbmlqsp.engine.ode_sensitivity_program import AFTER, BEFORE, STARTED, STOPPED
from sbmlqsp.engine.ode_status import FINE, NOT_FINITE, TOO_MANY, TOO_SMALL
from sbmlqsp.engine.ode_tableau import NODES as _NODES
from sbmlqsp.engine.ode_tableau import STAGES
from sbmlqsp.engine.ode_tableau import A as _A
from sbmlqsp.engine.ode_tableau import C as _C
from sbmlqsp.engine.ode_tableau import D as _D
from sbmlqsp.engine.ode_tableau import H as _H
from sbmlqsp.engine.ssa_arithmetic import pointer

__all__ = ["Along", "Patterns", "run_sensitive"]

SMALL = 1e-4
"""A sensitivity may be off by the tolerance's share of itself, or of this part of state over parameter."""


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


class _Room(NamedTuple):
    n: int
    m: int
    count: int
    width: int
    looks: int
    timed: bool
    plan: Any
    rates: Any
    bends: Any
    observed: Any
    x: Any
    p: Any
    new: Any
    u: Any
    b: Any
    k: Any
    out: Any
    w: Any
    dense: Any
    floor: Any
    scale: Any
    v: Any
    before: Any
    g: Any
    e: Any
    row: Any
    sum: Any
    s: Any
    q: Any
    y: Any
    next: Any
    stages: Any
    unit: Any
    weight: Any


@fast
def _multiply(pattern, values, s, q, width, b):
    """Add to ``b`` a sparse matrix by what states and constants change by."""
    entries = pattern[0]
    rows, columns, begins = shifted(pattern, 1), shifted(pattern, 1 + entries), shifted(pattern, 1 + 2 * entries)
    for e in range(begins[0]):
        b[rows[e]] += values[e] * s[columns[e]]
    for c in range(width):
        if q[c] != 0.0:
            for e in range(begins[c], begins[c + 1]):
                b[rows[e]] += values[e] * q[c]


@fast
def _direction(functions, room, d, s, back):
    """Solve one stage of one direction."""
    n, b, y = room.n, room.b, room.y
    own, k, q = shifted(room.s, d * n), shifted(room.stages, d * n * STAGES), shifted(room.q, d * room.width)
    for i in range(n):
        value, other = own[i], 0.0
        for j in range(s):
            value += _A[s, j] * k[i * STAGES + j]
            other += _C[s, j] * k[i * STAGES + j]
        y[i] = value
        b[i] = other * back
    _multiply(room.rates, room.g, y, q, room.width, b)
    _multiply(room.bends, room.e, own, q, room.width, b)
    functions.solve(room.w, b, room.plan)
    for i in range(n):
        k[i * STAGES + s] = b[i]
        room.next[d * n + i] = y[i] + b[i]


@fast
def _directions(functions, room, t, h):
    """Take the step of every direction, after that of the states; return the largest error."""
    n, k, u = room.n, room.k, room.u
    for s in range(STAGES):
        for i in range(n):
            value = room.x[i]
            for j in range(s):
                value += _A[s, j] * k[i * STAGES + j]
            u[i] = value
            room.v[i] = k[i * STAGES + s]
        functions.partials(u, room.p, t + _NODES[s] * h, room.g)
        functions.bends(room.x, room.p, t, room.v, h * _D[s], room.e)
        for d in range(room.count):
            _direction(functions, room, d, s, 1.0 / h)


@fast
def _worst(room, relative):
    """Return the largest error of a sensitivity, as a share of what it may be."""
    n, worst = room.n, 0.0
    for d in range(room.count):
        for i in range(n):
            a = d * n + i
            error = abs(room.stages[a * STAGES + STAGES - 1])
            if error != 0.0:
                size = max(abs(room.s[a]), abs(room.next[a]), SMALL * room.weight[d] * abs(room.x[i]))
                share = error / (room.floor[i] * room.unit[d] + relative * size)
                if not share < math.inf:
                    return math.inf
                worst = max(worst, share)
            if not abs(room.next[a]) < math.inf:
                return math.inf
    return worst


@fast
def _within(room, d, theta):
    """Put one direction at a part of the step into ``y``."""
    n, rest = room.n, 1.0 - theta
    for i in range(n):
        a = d * n + i
        inner = 0.0
        for m in range(2, -1, -1):
            value = 0.0
            for s in range(STAGES):
                value += _H[m, s] * room.stages[a * STAGES + s]
            inner = value + theta * inner
        room.y[i] = rest * room.s[a] + theta * (room.next[a] + rest * inner)


@fast
def _look(functions, room, x, t, out, place):
    """Put out what is observed, and note its derivatives by states and constants."""
    functions.glance(x, room.p, t, room.row)
    for c in range(room.looks):
        out[place, c, 0] = room.row[c]


@fast
def _put(room, s, d, out, place):
    """Put out the derivatives of what is observed along one direction."""
    for c in range(room.looks):
        room.sum[c] = 0.0
    _multiply(room.observed, shifted(room.row, room.looks), s, shifted(room.q, d * room.width), room.width, room.sum)
    for c in range(room.looks):
        out[place, c, d + 1] = room.sum[c]


@fast
def _outputs(functions, room, program, g, last, t, h, out):
    """Put out what falls into a step; return the next place."""
    if g < last and program.times[g] <= t + h:
        _prepare_dense(room)
        while g < last and program.times[g] <= t + h:
            theta = (program.times[g] - t) / h
            _between(room, theta)
            _look(functions, room, room.u, program.times[g], out, program.rows[g])
            for d in range(room.count):
                _within(room, d, theta)
                _put(room, room.y, d, out, program.rows[g])
            g += 1
    return g


@fast
def _tried(functions, room, t, h, relative):
    """Try one step; return its error as a share of what it may be."""
    if not _step(functions, room, t, h):
        return math.inf
    error = _norm(room, relative)
    if not error <= 1.0:
        return error
    _directions(functions, room, t, h)
    return max(error, _worst(room, relative))


@fast
def _stretch(functions, room, program, g, last, t, end, control, steps, out):
    """Integrate to the end of a stretch without discontinuity; return status, time and number of steps."""
    h, again = 0.0, False
    while t < end:
        rest = end - t
        if not again:
            h = _begun(functions, room, t, h, rest)
            if h < 0.0:
                return NOT_FINITE, t, steps
        final = h >= rest * 0.999999
        h = rest if final else min(h, 0.5 * rest) if h > 0.6 * rest else h
        steps += 1
        if steps > control.most:
            return TOO_MANY, t, steps
        error = _tried(functions, room, t, h, control.relative)
        factor = SHRINK if not error < 1e30 else GROW if error < 1e-30 else SAFETY * error**-0.2
        factor = min(GROW, max(SHRINK, factor))
        if error <= 1.0:
            g = _outputs(functions, room, program, g, last, t, h, out)
            for i in range(room.n):
                room.x[i] = room.new[i]
            for a in range(room.n * room.count):
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
def _dose(functions, room, patients, along, column, r, code, a, b, t):
    """Do what happens at once, to states and sensitivities."""
    n, x, p, s, q = room.n, room.x, room.p, room.s, room.q
    if code == BEFORE:
        functions.rates(x, p, t, room.before)
    elif code == AFTER:
        functions.rates(x, p, t, room.b)
        for d in range(room.count):
            move = along.moves[r, a, d]
            if move != 0.0:
                for i in range(n):
                    s[d * n + i] += (room.before[i] - room.b[i]) * move
    elif code == BOLUS:
        x[a] += patients.amounts[r, b]
        for d in range(room.count):
            s[d * n + a] += along.amounts[r, b, d]
    elif code == BOLUS_FIXED:
        p[a] += patients.amounts[r, b]
        if column[a] >= 0:
            for d in range(room.count):
                q[d * room.width + column[a]] += along.amounts[r, b, d]
    elif code == IDLE:
        p[a] = 0.0
        if column[a] >= 0:
            for d in range(room.count):
                q[d * room.width + column[a]] = 0.0
    else:
        _infuse(room, patients, along, column, r, code, a, b)


@fast
def _infuse(room, patients, along, column, r, code, a, b):
    n, rate = room.n, patients.amounts[r, b] / patients.lengths[r, b]
    if code == INFUSE:
        room.p[a] += rate
    for d in range(room.count):
        begin, length = along.begins[r, b, d], along.lengths[r, b, d]
        if code == INFUSE:
            if column[a] >= 0:
                room.q[d * room.width + column[a]] += (along.amounts[r, b, d] - rate * length) / patients.lengths[r, b]
        elif code == STARTED:
            room.s[d * n + a] -= rate * begin
        elif code == STOPPED:
            room.s[d * n + a] += rate * (begin + length)


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
            _look(functions, room, room.x, t, out, a)
            for d in range(room.count):
                _put(room, shifted(room.s, d * room.n), d, out, a)
        elif code == SET:
            room.p[a] = program.value[o]
        else:
            _dose(functions, room, patients, along, column, r, code, a, b, t)
    return FINE, t, steps


@fast
def _enter(room, patients, along, r):
    for i in range(room.n):
        room.x[i] = patients.starts[r, i]
        room.floor[i] = patients.floor[r, i]
        room.scale[i] = patients.scale[r, i]
    for i in range(room.m):
        room.p[i] = patients.constants[r, i]
    for d in range(room.count):
        room.unit[d], room.weight[d] = along.unit[r, d], along.weight[r, d]
        for i in range(room.n):
            room.s[d * room.n + i] = along.starts[r, d, i]
        for c in range(room.width):
            room.q[d * room.width + c] = along.constants[r, d, c]


@fast
def _room(kept, plan, patterns, sizes, timed):
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
    return _Room(n, m, count, width, looks, timed, pointer(plan), pointer(patterns.rates), pointer(patterns.bends),
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
        room = _room(kept, plan, patterns, (n, m, count, width, looks, control.size), control.timed)
        for r in range(first, last):
            _enter(room, patients, along, r)
            status, t, steps = _patient(
                functions, room, program, patients, along, patterns.column, r, control, out[r]
            )
            results[r, 0], results[r, 1], results[r, 2] = status, t, steps
        kept[0] = plan[0] + patterns.rates[0] + patterns.bends[0] + patterns.observed[0]  # lets all live until here

    return nb.njit(nogil=True, error_model="numpy", cache=True)(run_sensitive)


def _sources() -> str:
    from sbmlqsp.engine.ssa_model import sources

    return sources("ode_*.py")


run_sensitive = _entry(_sources())
