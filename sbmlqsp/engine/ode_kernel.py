"""One step of one patient, and what all loops are given; see ``ode_tableau`` for the method.

The loops are compiled once by numba and kept on disk: ``ode_lanes`` for many patients, ``ode_eventful`` for models with
events, ``ode_sensitivity_kernel`` for derivatives. A model enters as small compiled functions (see ``ode_codegen``) and
the plan of its elimination. A patient's run is a list of instructions (see ``ode_program``).
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from sbmlqsp.engine.ode_model import fast
from sbmlqsp.engine.ode_tableau import GAMMA, STAGES
from sbmlqsp.engine.ode_tableau import NODES as _NODES
from sbmlqsp.engine.ode_tableau import A as _A
from sbmlqsp.engine.ode_tableau import C as _C
from sbmlqsp.engine.ode_tableau import D as _D
from sbmlqsp.engine.ode_tableau import H as _H

__all__ = [
    "GROW", "LEAST", "SAFETY", "SHORT", "SHRINK", "Control", "Patients", "Program", "Room", "begun", "between",
    "enter", "norm", "prepare_dense", "take_step", "tame",
]  # fmt: skip

SAFETY, SHRINK, GROW = 0.9, 0.2, 6.0
FIRST = 0.01
"""By what part of itself the fastest state may move in the first step of a stretch."""
LEAST = 2.3e-308
"""What is less has lost its digits, and may be below zero by rounding, where powers are no numbers: it is gone."""
SHORT = 1e-16
"""Before this part of a stretch's end, time is told finely enough for the steps that an infinite slope begins with."""


class Program(NamedTuple):
    """The instructions of all patients: those of program k are ``of[k]`` to ``of[k + 1]``."""

    of: Any
    code: Any
    value: Any
    times: Any
    rows: Any


class Control(NamedTuple):
    """Relative tolerance, how many steps there may be, the size of the elimination, and whether rates read time.

    No step is longer than ``longest``, so that no condition in a formula holds in between unseen.
    After ``patience`` steps in one stretch, never where that is 0, a patient is handed over to another method: always
    where ``worth`` is 0, else where steps were not that many times as long as those of the method before. After
    ``calm`` steps that an explicit method could take it is handed over to that, whose own number is below zero.
    """

    relative: float
    most: int
    size: int
    timed: bool
    patience: int = 0
    worth: float = 0.0
    calm: int = 0
    longest: float = math.inf


class Patients(NamedTuple):
    """What patients start from and are given; ``floor`` is what each state's error may be where it is zero."""

    starts: Any
    constants: Any
    which: Any
    amounts: Any
    lengths: Any
    floor: Any
    scale: Any


class Room(NamedTuple):
    """Where everything is that the run of a patient needs, as places in memory."""

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
def take_step(functions, room, t, h):
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
def norm(room, relative):
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
def prepare_dense(room):
    """Compute the coefficients of the dense output of the step."""
    for i in range(room.n):
        for m in range(3):
            value = 0.0
            for s in range(STAGES):
                value += _H[m, s] * room.k[i * STAGES + s]
            room.dense[3 * i + m] = value


@fast
def between(room, theta):
    """Put the state at a part of the step into ``u``."""
    rest = 1.0 - theta
    for i in range(room.n):
        inner = room.dense[3 * i] + theta * (room.dense[3 * i + 1] + theta * room.dense[3 * i + 2])
        room.u[i] = rest * room.x[i] + theta * (room.new[i] + rest * inner)


@fast
def tame(out, first, last, apart):
    """Let derivatives that are not finite be none, such as that of ``x^0.5`` at 0, which would let ``x`` stand still.

    A step from there is one without them: a short one, as its error says. Then there is something, and they are finite.
    """
    for i in range(first, last):
        if not abs(out[i * apart]) < math.inf:
            out[i * apart] = 0.0


@fast
def begun(functions, room, t, h, rest):
    """Evaluate rates and slopes, and choose a first step where there is none; below zero where rates are not finite."""
    functions.slopes(room.x, room.p, t, room.out)
    for i in range(room.n):
        if not abs(room.out[i]) < math.inf:
            return -1.0
    tame(room.out, room.n, 2 * room.n + room.plan[1], 1)
    return h if h > 0.0 else _first_step(room, rest)


@fast
def enter(room, patients, r):
    """Let a patient in."""
    for i in range(room.n):
        room.x[i] = patients.starts[r, i]
        room.floor[i] = patients.floor[r, i]
        room.scale[i] = patients.scale[r, i]
    for i in range(room.m):
        room.p[i] = patients.constants[r, i]
