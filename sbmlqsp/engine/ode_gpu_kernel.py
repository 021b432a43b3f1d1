"""The loop that integrates one patient on a thread of a GPU, each with its own time, step and instructions.

It is the method and the judgement of ``ode_lanes``, one patient at a time. Imported only where a GPU is asked for. All
patients of a warp try one step together, and what each then does (put out, be dosed, go on) is short beside it.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numba as nb
from numba import cuda

from sbmlqsp.engine.ode_defect import INSIDE, SLACK, slope_within
from sbmlqsp.engine.ode_program import BOLUS, BOLUS_FIXED, IDLE, INFUSE, RUN, SET, SHOW
from sbmlqsp.engine.ode_status import FINE, NOT_FINITE, TOO_MANY, TOO_SMALL
from sbmlqsp.engine.ode_tableau import GAMMA, STAGES
from sbmlqsp.engine.ode_tableau import NODES as _NODES
from sbmlqsp.engine.ode_tableau import A as _A
from sbmlqsp.engine.ode_tableau import C as _C
from sbmlqsp.engine.ode_tableau import D as _D
from sbmlqsp.engine.ode_tableau import H as _H

__all__ = ["kernel_of"]

SAFETY, SHRINK, GROW = 0.9, 0.2, 6.0
FIRST = 0.5
"""By what part of itself the fastest state may move in the first step of a stretch, at a tolerance of one."""

FEW = 24
"""Up to how many states every stage is written out, whose numbers then stay in registers; compiling takes longer."""

device = cuda.jit(device=True)
_slope_within = device(slope_within.py_func)


class _Program(NamedTuple):
    of: Any
    code: Any
    value: Any
    times: Any
    rows: Any


class _People(NamedTuple):
    which: Any
    starts: Any
    constants: Any
    amounts: Any
    lengths: Any
    scale: Any


class _Room(NamedTuple):
    """The numbers of one patient, in the memory of its thread."""

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
    plan: Any


@device
def _enter(room, people, r, absolute, out):
    """Let a patient in; what is not put out is no number, and derivatives by time that are none are never written."""
    for row in range(out.shape[0]):
        for c in range(out.shape[1]):
            out[row, c] = math.nan
    for i in range(room.out.shape[0]):
        room.out[i] = 0.0
    for i in range(room.x.shape[0]):
        room.x[i], room.scale[i] = people.starts[r, i], people.scale[r, i]
        room.floor[i] = absolute[i] * people.scale[r, i]
    for i in range(people.constants.shape[1]):
        room.p[i] = people.constants[r, i]


@device
def _first_step(room, span, relative):
    """Return a first step in which no state moves by much."""
    fastest = 0.0
    for i in range(room.x.shape[0]):
        fastest = max(fastest, abs(room.out[i]) / max(abs(room.x[i]), 1e-3 * room.scale[i]))
    part = FIRST * relative**0.2
    return min(span, max(part / fastest, 1e-12 * span)) if fastest > 0.0 else span


@device
def _finite(room):
    total, n = 0.0, room.x.shape[0]
    for i in range(n):
        total += abs(room.out[i])
    for i in range(2 * n, room.out.shape[0]):  # a state whose slope is infinite would stand still
        total += abs(room.out[i])
    return total < math.inf


@device
def _norm(room, relative):
    """Return the largest error, as a share of what it may be; infinite where it is no number."""
    worst = 0.0
    for i in range(room.x.shape[0]):
        error, end = abs(room.b[i]), abs(room.new[i])
        share = 0.0 if error == 0.0 else error / (room.floor[i] + relative * max(abs(room.x[i]), end))
        if not (share < math.inf and end < math.inf):
            return math.inf
        worst = max(worst, share)
    return worst


@device
def _prepare_dense(room):
    for i in range(room.x.shape[0]):
        for m in range(3):
            value = 0.0
            for s in range(STAGES):
                value += _H[m, s] * room.k[i * STAGES + s]
            room.dense[3 * i + m] = value


@device
def _between(room, theta):
    """Put the state at a part of the step into ``u``."""
    rest = 1.0 - theta
    for i in range(room.x.shape[0]):
        inner = room.dense[3 * i] + theta * (room.dense[3 * i + 1] + theta * room.dense[3 * i + 2])
        room.u[i] = rest * room.x[i] + theta * (room.new[i] + rest * inner)


@device
def _take_off_slope(room, theta, h):
    """Take off ``b`` the slope of what is between, at a part of the step."""
    for i in range(room.x.shape[0]):
        change, d0, d1, d2 = room.new[i] - room.x[i], room.dense[3 * i], room.dense[3 * i + 1], room.dense[3 * i + 2]
        room.b[i] -= _slope_within(change, d0, d1, d2, theta) / h


@device
def _change(room, people, r, code, a, b, value):
    """Follow an instruction that changes a state or a constant."""
    if code == SET:
        room.p[a] = value
    elif code == BOLUS:
        room.x[a] += people.amounts[r, b]
    elif code == BOLUS_FIXED:
        room.p[a] += people.amounts[r, b]
    elif code == IDLE:
        room.p[a] = 0.0
    elif code == INFUSE:
        room.p[a] += people.amounts[r, b] / people.lengths[r, b]


@device
def _fitted(h, rest):
    """Return a step that leaves no tiny rest."""
    return rest if h >= rest * 0.999999 else min(h, 0.5 * rest) if h > 0.6 * rest else h


@device
def _factor_of(error):
    """Return by what the step is to be longer."""
    if not error < 1e30:
        return SHRINK
    return GROW if error < 1e-30 else min(GROW, max(SHRINK, SAFETY * error**-0.2))


def _stage_of(rates, solve, timed, fixed=-1):
    """Return the function that computes a stage, or one for a certain stage, whose loops the compiler writes out."""

    @device
    def stage(room, s, t, h):
        n, back = room.x.shape[0], 1.0 / h
        s = fixed if fixed >= 0 else s
        if s > 0:
            for i in range(n):
                value = room.x[i]
                for j in range(s):
                    value += _A[s, j] * room.k[i * STAGES + j]
                room.u[i] = value
            rates(room.u, room.p, t + _NODES[s] * h, room.b)
            for i in range(n):
                value = 0.0
                for j in range(s):
                    value += _C[s, j] * room.k[i * STAGES + j]
                room.b[i] += value * back
        if timed and _D[s] != 0.0:
            for i in range(n):
                room.b[i] += h * _D[s] * room.out[n + i]
        solve(room.w, room.b, room.plan)
        for i in range(n):
            room.k[i * STAGES + s] = room.b[i]

    return stage


def _stages_of(functions, sizes):
    """Return the function that computes all stages, each written out where states are few."""
    rates, solve, timed = functions[0], functions[4], sizes.timed
    if sizes.states > FEW:
        any_stage = _stage_of(rates, solve, timed)

        @device
        def stages(room, t, h):
            for s in range(STAGES):
                any_stage(room, s, t, h)

        return stages
    first, second, third, fourth, fifth, sixth, seventh, eighth = (
        _stage_of(rates, solve, timed, s) for s in range(STAGES)
    )

    @device
    def written(room, t, h):
        first(room, 0, t, h)
        second(room, 1, t, h)
        third(room, 2, t, h)
        fourth(room, 3, t, h)
        fifth(room, 4, t, h)
        sixth(room, 5, t, h)
        seventh(room, 6, t, h)
        eighth(room, 7, t, h)

    return written


def _parts_of(functions, sizes):
    """Return the functions of the loop that call the model's."""
    _, slopes, look, factor, _ = functions
    stages = _stages_of(functions, sizes)

    @device
    def step(room, t, h):
        """Try one step from ``x``; its end comes into ``new``, its error into ``b``. False where it cannot be taken."""
        n = room.x.shape[0]
        if not factor(room.out, room.w, 1.0 / (GAMMA * h), room.plan):
            return False
        for i in range(n):
            room.b[i] = room.out[i]
        stages(room, t, h)
        for i in range(n):
            room.new[i] = room.u[i] + room.b[i]
        return True

    @device
    def outputs(room, program, g, last, t, h, out):
        """Put out what falls into a step; return the next output."""
        while g < last and program.times[g] <= t + h:
            _between(room, (program.times[g] - t) / h)
            look(1, room.u, room.p, program.times[g], out[program.rows[g]])
            g += 1
        return g

    return step, outputs, slopes, look


def _held_of(functions):
    """Return the function that looks at outputs inside a step; see ``ode_defect``."""
    rates, solve = functions[0], functions[4]

    @device
    def held(room, program, g, last, t, h, relative):
        """Prepare the dense output where an output is due, and return the worst error of any inside the step."""
        worst = 0.0
        if g < last and program.times[g] <= t + h:
            _prepare_dense(room)
        while g < last and program.times[g] <= t + INSIDE * h and worst <= 1.0:
            theta = (program.times[g] - t) / h
            _between(room, theta)
            rates(room.u, room.p, program.times[g], room.b)
            _take_off_slope(room, theta, h)
            solve(room.w, room.b, room.plan)
            worst = max(worst, _norm(room, relative) / SLACK)
            g += 1
        return worst

    return held


def _follow_of(look):
    """Return the function that follows a patient's instructions."""

    @device
    def follow(room, people, program, r, o, t, out):
        """Follow instructions to the next stretch; return the instruction after it, or 0 where all is done."""
        stop = program.of[people.which[r] + 1]
        while o < stop:
            code, a = program.code[o, 0], program.code[o, 1]
            if code == RUN:
                if program.value[o] > t:
                    return o + 1
            elif code == SHOW:
                look(1, room.x, room.p, t, out[a])
            else:
                _change(room, people, r, code, a, program.code[o, 2], program.value[o])
            o += 1
        return 0

    return follow


def _loop_of(functions, sizes):
    """Return the loop over the steps of one patient."""
    step, outputs, slopes, look = _parts_of(functions, sizes)
    held = _held_of(functions)
    follow = _follow_of(look)

    @device
    def run(room, people, program, r, relative, most, longest, out):
        """Run a patient; return status, time and steps."""
        t, end, h, steps, again, g, last = 0.0, 0.0, 0.0, 0, False, 0, 0
        o = program.of[people.which[r]]
        while True:
            if t >= end:
                o = follow(room, people, program, r, o, t, out)
                if o == 0:
                    return FINE, t, steps
                g, last, end, h = program.code[o - 1, 1], program.code[o - 1, 2], program.value[o - 1], 0.0
            if not again:
                slopes(room.x, room.p, t, room.out)
                if not _finite(room):
                    return NOT_FINITE, t, steps
            steps += 1
            if steps > most:
                return TOO_MANY, t, steps
            h = _fitted(min(h if h > 0.0 else _first_step(room, end - t, relative), longest), end - t)
            error = _norm(room, relative) if step(room, t, h) else math.inf
            if error <= 1.0:
                error = max(error, held(room, program, g, last, t, h, relative))
            factor = _factor_of(error)
            if error <= 1.0:
                g = outputs(room, program, g, last, t, h, out)
                for i in range(room.x.shape[0]):
                    room.x[i] = room.new[i]
                t = end if h >= end - t else t + h
            elif not h * factor > 4e-16 * max(abs(t), abs(end)):
                return TOO_SMALL, t, steps
            h *= min(factor, 1.0) if again and error <= 1.0 else factor
            again = not error <= 1.0

    return run


def kernel_of(functions: Any, sizes: Any) -> Any:
    """Return the kernel for a model's functions on the device: rates, slopes, look, factor, solve."""
    run = _loop_of(functions, sizes)
    n, wide, entries = sizes.states, STAGES * sizes.states, 2 * sizes.states + sizes.entries
    m, size, inner = max(sizes.constants, 1), max(sizes.size, 1), 3 * sizes.states

    @cuda.jit
    def kernel(of, code, value, times, rows, which, starts, constants, amounts, lengths, scale, plan, relative,
               absolute, most, longest, out, results):  # fmt: skip
        r = cuda.grid(1)
        if r >= which.shape[0]:
            return
        room = _Room(
            cuda.local.array(n, nb.float64), cuda.local.array(m, nb.float64), cuda.local.array(n, nb.float64),
            cuda.local.array(n, nb.float64), cuda.local.array(n, nb.float64), cuda.local.array(wide, nb.float64),
            cuda.local.array(entries, nb.float64), cuda.local.array(size, nb.float64),
            cuda.local.array(inner, nb.float64), cuda.local.array(n, nb.float64), cuda.local.array(n, nb.float64), plan,
        )  # fmt: skip
        people = _People(which, starts, constants, amounts, lengths, scale)
        program = _Program(of, code, value, times, rows)
        _enter(room, people, r, absolute, out[r])
        results[r, 0], results[r, 1], results[r, 2] = run(room, people, program, r, relative, most, longest, out[r])

    return kernel
