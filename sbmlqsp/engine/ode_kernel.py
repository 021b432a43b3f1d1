"""The compiled loops that integrate differential equations for many patients; see ``ode_tableau`` for the method.

Everything here is compiled once by numba and kept on disk; a model enters as three small compiled functions (see
``ode_codegen``) and the plan of its elimination. A patient's run is a list of instructions (see ``ode_program``).
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numba as nb
import numpy as np

from sbmlqsp.engine.ode_model import fast, shifted
from sbmlqsp.engine.ode_program import BOLUS, BOLUS_FIXED, IDLE, INFUSE, RUN, SET, SHOW
from sbmlqsp.engine.ode_status import FINE, NOT_FINITE, TOO_MANY, TOO_SMALL
from sbmlqsp.engine.ode_tableau import GAMMA, STAGES
from sbmlqsp.engine.ode_tableau import NODES as _NODES
from sbmlqsp.engine.ode_tableau import A as _A
from sbmlqsp.engine.ode_tableau import C as _C
from sbmlqsp.engine.ode_tableau import D as _D
from sbmlqsp.engine.ode_tableau import H as _H
from sbmlqsp.engine.ssa_arithmetic import pointer

__all__ = ["Control", "Patients", "Program", "run_patients"]

SAFETY, SHRINK, GROW = 0.9, 0.2, 6.0
FIRST = 0.01
"""By what part of itself the fastest state may move in the first step of a stretch."""


class Program(NamedTuple):
    """The instructions of all patients: those of program k are ``of[k]`` to ``of[k + 1]``."""

    of: Any
    code: Any
    value: Any
    times: Any
    rows: Any


class Control(NamedTuple):
    """Relative tolerance, how many steps there may be, the size of the elimination, and whether rates read time."""

    relative: float
    most: int
    size: int
    timed: bool


class Patients(NamedTuple):
    """What patients start from and are given; ``floor`` is what each state's error may be where it is zero."""

    starts: Any
    constants: Any
    which: Any
    amounts: Any
    lengths: Any
    floor: Any
    scale: Any


class _Room(NamedTuple):
    n: int
    m: int
    columns: int
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
    dense: Any
    row: Any
    floor: Any
    scale: Any


@fast
def _stage(functions, room, s, t, h):
    """Put the right-hand side of a stage into ``b``."""
    u, b, k = room.u, room.b, room.k
    for i in range(room.n):
        value = room.x[i]
        for j in range(s):
            value += _A[s, j] * k[i * STAGES + j]
        u[i] = value
    functions.rates(u, room.p, t + _NODES[s] * h, b)
    back = 1.0 / h
    for i in range(room.n):
        value = 0.0
        for j in range(s):
            value += _C[s, j] * k[i * STAGES + j]
        b[i] += value * back


@fast
def _step(functions, room, t, h):
    """Try one step from ``x``; its end and error come into ``new`` and ``b``. False where it cannot be taken."""
    n, b, k = room.n, room.b, room.k
    if not functions.factor(room.out, room.w, 1.0 / (GAMMA * h), room.plan):
        return False
    for i in range(n):
        b[i] = room.out[i]
    for s in range(STAGES):
        if s > 0:
            _stage(functions, room, s, t, h)
        if room.timed and _D[s] != 0.0:
            for i in range(n):
                b[i] += h * _D[s] * room.out[n + i]
        functions.solve(room.w, b, room.plan)
        for i in range(n):
            k[i * STAGES + s] = b[i]
    for i in range(n):
        room.new[i] = room.u[i] + b[i]
    return True


@fast
def _norm(room, relative):
    """Return the largest error, as a share of what it may be."""
    worst = 0.0
    for i in range(room.n):
        error = abs(room.b[i])
        if error != 0.0:
            share = error / (room.floor[i] + relative * max(abs(room.x[i]), abs(room.new[i])))
            if not share < math.inf:
                return math.inf
            worst = max(worst, share)
        if not abs(room.new[i]) < math.inf:
            return math.inf
    return worst


@fast
def _first_step(room, span):
    """Return a first step in which no state moves by much."""
    fastest = 0.0
    for i in range(room.n):
        fastest = max(fastest, abs(room.out[i]) / max(abs(room.x[i]), 1e-3 * room.scale[i]))
    return min(span, max(FIRST / fastest, 1e-12 * span)) if fastest > 0.0 else span


@fast
def _prepare_dense(room):
    for i in range(room.n):
        for m in range(3):
            value = 0.0
            for s in range(STAGES):
                value += _H[m, s] * room.k[i * STAGES + s]
            room.dense[3 * i + m] = value


@fast
def _between(room, theta):
    """Put the state at a part of the step into ``u``."""
    rest = 1.0 - theta
    for i in range(room.n):
        inner = room.dense[3 * i] + theta * (room.dense[3 * i + 1] + theta * room.dense[3 * i + 2])
        room.u[i] = rest * room.x[i] + theta * (room.new[i] + rest * inner)


@fast
def _put(functions, room, x, t, out, place):
    functions.look(1, x, room.p, t, room.row)
    for c in range(room.columns):
        out[place, c] = room.row[c]


@fast
def _outputs(functions, room, program, g, last, t, h, out):
    """Put out what falls into a step; return the next place."""
    if g < last and program.times[g] <= t + h:
        _prepare_dense(room)
        while g < last and program.times[g] <= t + h:
            _between(room, (program.times[g] - t) / h)
            _put(functions, room, room.u, program.times[g], out, program.rows[g])
            g += 1
    return g


@fast
def _begun(functions, room, t, h, rest):
    """Evaluate rates and slopes, and choose a first step where there is none; below zero where they are not finite."""
    functions.slopes(room.x, room.p, t, room.out)
    for i in range(room.n):
        if not abs(room.out[i]) < math.inf:
            return -1.0
    return h if h > 0.0 else _first_step(room, rest)


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
        error = _norm(room, control.relative) if _step(functions, room, t, h) else math.inf
        factor = SHRINK if not error < 1e30 else GROW if error < 1e-30 else SAFETY * error**-0.2
        factor = min(GROW, max(SHRINK, factor))
        if error <= 1.0:
            g = _outputs(functions, room, program, g, last, t, h, out)
            for i in range(room.n):
                room.x[i] = room.new[i]
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
def _patient(functions, room, program, patients, r, control, out):
    """Run one patient; return status, time and number of steps."""
    steps, t = 0, 0.0
    x, p, amounts, lengths = room.x, room.p, patients.amounts, patients.lengths
    which = patients.which[r]
    for o in range(program.of[which], program.of[which + 1]):
        code, a, b = program.code[o, 0], program.code[o, 1], program.code[o, 2]
        if code == RUN:
            status, t, steps = _stretch(functions, room, program, a, b, t, program.value[o], control, steps, out)
            if status:
                return status, t, steps
        elif code == SHOW:
            _put(functions, room, x, t, out, a)
        elif code == SET:
            p[a] = program.value[o]
        elif code == BOLUS:
            x[a] += amounts[r, b]
        elif code == BOLUS_FIXED:
            p[a] += amounts[r, b]
        elif code == IDLE:
            p[a] = 0.0
        elif code == INFUSE:
            p[a] += amounts[r, b] / lengths[r, b]
    return FINE, t, steps


@fast
def _enter(room, patients, r):
    for i in range(room.n):
        room.x[i] = patients.starts[r, i]
        room.floor[i] = patients.floor[r, i]
        room.scale[i] = patients.scale[r, i]
    for i in range(room.m):
        room.p[i] = patients.constants[r, i]


def _entry(sources):
    """Return the loop over patients, kept on disk for these sources of it: numba itself would watch this file alone."""

    def run_patients(functions, plan, program, patients, control, first, last, out, results):
        """Run patients ``first`` to ``last``; ``results`` (patients, 3) takes status, time and number of steps."""
        _ = sources
        n, m, columns = patients.starts.shape[1], patients.constants.shape[1], out.shape[2]
        kept = np.zeros((STAGES + 11) * n + m + plan[1] + control.size + columns)
        at = pointer(kept)
        x, new, u, b = at, shifted(at, n), shifted(at, 2 * n), shifted(at, 3 * n)
        floor, scale, k, dense = shifted(at, 4 * n), shifted(at, 5 * n), shifted(at, 6 * n), shifted(at, 14 * n)
        slopes, p = shifted(at, 17 * n), shifted(at, 19 * n + plan[1])
        w, row = shifted(p, m), shifted(p, m + control.size)
        room = _Room(
            n, m, columns, control.timed, pointer(plan), x, p, new, u, b, k, slopes, w, dense, row, floor, scale
        )
        for r in range(first, last):
            _enter(room, patients, r)
            status, t, steps = _patient(functions, room, program, patients, r, control, out[r])
            results[r, 0], results[r, 1], results[r, 2] = status, t, steps
        kept[0] = plan[0]  # which lets both live until here

    return nb.njit(nogil=True, error_model="numpy", cache=True)(run_patients)


def _sources() -> str:
    from sbmlqsp.engine.ssa_model import sources

    return sources("ode_*.py")


run_patients = _entry(_sources())
