"""Steps of several patients side by side by the explicit method of Dormand and Prince, while nothing is stiff.

Dormand JR, Prince PJ (1980). A family of embedded Runge-Kutta formulae. J Comput Appl Math 6, 19-26.
https://doi.org/10.1016/0771-050X(80)90013-3. Order 5, dense output of order 4. Where stability, and not the tolerance,
limits its steps, which its last two stages show (Hairer E, Wanner G 1996, Solving Ordinary Differential Equations II,
section IV.2), the patient goes on by an implicit method.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numba as nb
import numpy as np

from sbmlqsp.engine import ode_room as room_of
from sbmlqsp.engine.ode_lanes import run_all
from sbmlqsp.engine.ode_model import LINE, aligned, shifted
from sbmlqsp.engine.ode_room import CUBIC, cubic, of_method, shared_room, width
from sbmlqsp.engine.ode_status import LANES
from sbmlqsp.engine.ode_vectors import combined, difference, scaled, worst
from sbmlqsp.engine.ssa_arithmetic import pointer

__all__ = ["WEIGHTS", "run_explicit"]

STAGES = 7
_NODES = (0.0, 1 / 5, 3 / 10, 4 / 5, 8 / 9, 1.0, 1.0)
_ROWS = (
    (),
    (1 / 5,),
    (3 / 40, 9 / 40),
    (44 / 45, -56 / 15, 32 / 9),
    (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729),
    (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656),
    (35 / 384, 0.0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84),
    (71 / 57600, 0.0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40),
)
"""The stages, the last of which is the end of the step, and the error."""
_DENSE = (
    -12715105075 / 11282082432, 0.0, 87487479700 / 32700410799, -10690763975 / 1880347072, 701980252875 / 199316789632,
    -1453857185 / 822651844, 69997945 / 29380423,
)  # fmt: skip
PART = 0.2
"""What part of the product of the step and what is left of the equations stands for an error."""
STABLE = 1.0
"""Up to what product of step and fastest rate the method is stable."""
STIFF, CALM = 4, 12
"""After how many steps at that limit a patient is stiff, and how many elsewhere let them be forgotten."""


class _Own(NamedTuple):
    """Stages times the step, and what the dense output is made of.

    By lane: how many steps were at the limit, or calm; the weights of the dense output, and of its slope.
    """

    k: Any
    dense: Any
    limited: Any
    calm: Any
    inside: Any
    along: Any
    weights: Any


@of_method(_Own, room_of.evaluate)
def _evaluate(functions, room):
    functions.rates(room.x, room.p, room.t, room.out)


@of_method(_Own, room_of.begin)
def _begin(room, lane):
    room.own.limited[lane] = room.own.calm[lane] = 0.0


@of_method(_Own, room_of.step)
def _step(functions, room, relative):
    """Try one step in all lanes."""
    n, k, wide = room.n, room.own.k, STAGES * LANES
    for i in range(n):
        scaled(shifted(k, i * wide), shifted(room.out, i * LANES), room.h)
    for s in range(1, STAGES):
        u = room.new if s == STAGES - 1 else room.u
        for i in range(n):
            combined(shifted(u, i * LANES), shifted(room.x, i * LANES), shifted(k, i * wide),
                     shifted(room.own.weights, s * STAGES), s)  # fmt: skip
        for lane in range(LANES):
            room.at[lane] = room.t[lane] + _NODES[s] * room.h[lane]
        functions.rates(u, room.p, room.at, room.b)
        for i in range(n):
            scaled(shifted(k, i * wide + s * LANES), shifted(room.b, i * LANES), room.h)
    for lane in range(LANES):
        room.error[lane] = 0.0
    for i in range(n):
        j = i * LANES
        combined(shifted(room.b, j), room.zeros, shifted(k, i * wide), shifted(room.own.weights, STAGES * STAGES),
                 STAGES)  # fmt: skip
        worst(
            room.error, shifted(room.b, j), shifted(room.floor, j), shifted(room.x, j), shifted(room.new, j), relative
        )


@of_method(_Own, room_of.accept)
def _accept(room, lane):
    """Count steps at the limit of stability: there the rates of the last two stages differ by what these do."""
    own, change, distance = room.own, 0.0, 0.0
    for i in range(room.n):
        k = shifted(own.k, i * STAGES * LANES + lane)
        change += (k[6 * LANES] - k[5 * LANES]) ** 2
        apart = 0.0
        for s in range(STAGES - 1):
            apart += own.weights[(STAGES + 1) * STAGES + s] * k[s * LANES]
        distance += apart * apart
    if change > STABLE * STABLE * distance:
        own.limited[lane], own.calm[lane] = own.limited[lane] + 1.0, 0.0
    else:
        own.calm[lane] += 1.0
        if own.calm[lane] >= CALM:
            own.limited[lane] = 0.0


@of_method(_Own, room_of.stiff)
def _stiff(room, lane):
    return room.own.limited[lane] >= STIFF


@of_method(_Own, room_of.prepare)
def _prepare(room):
    own = room.own
    for i in range(room.n):
        j, k = i * LANES, shifted(own.k, i * STAGES * LANES)
        change = shifted(own.dense, CUBIC * i * LANES)
        begin, end = shifted(change, LANES), shifted(change, 2 * LANES)
        difference(change, shifted(room.new, j), shifted(room.x, j))
        difference(begin, k, change)
        difference(end, change, shifted(k, (STAGES - 1) * LANES))
        difference(end, end, begin)
        weights = shifted(own.weights, (STAGES + 2) * STAGES)
        combined(shifted(change, 3 * LANES), room.zeros, k, weights, STAGES)


@of_method(_Own, room_of.aim)
def _aim(room, lane, theta):
    both = theta * (1.0 - theta)
    cubic(room.own, lane, theta, both * both, 2.0 * both * (1.0 - 2.0 * theta))


@of_method(_Own, room_of.reach)
def _reach(room, lane):
    return PART * room.h[lane]


@of_method(_Own, room_of.weigh)
def _weigh(functions, room):  # noqa: ARG001  # all methods take the same
    for i in range(room.n):
        for lane in range(LANES):
            room.b[i * LANES + lane] *= room_of.reach(room, lane)


def _entry(sources):
    """Return the loop over patients, kept on disk for these sources of it: numba itself would watch this file alone."""

    def run_explicit(functions, plan, program, patients, control, handed, first, last, out, results, weights):
        """Run patients ``first`` to ``last``; ``results`` (patients, 4) takes status, time and number of steps."""
        _ = sources
        n, m, columns, entries = patients.starts.shape[1], patients.constants.shape[1], out.shape[2], plan[1]
        kept = np.zeros(width(patients, control, columns, entries))
        mine = np.zeros(((STAGES + CUBIC) * n + 2 + 2 * CUBIC) * LANES + LINE)
        k = aligned(pointer(mine))
        limited = shifted(k, STAGES * n * LANES)
        inside = shifted(limited, 2 * LANES)
        along = shifted(inside, CUBIC * LANES)
        dense = shifted(along, CUBIC * LANES)
        own = _Own(k, dense, limited, shifted(limited, LANES), inside, along, pointer(weights))
        room = shared_room(pointer(kept), pointer(plan), (n, m, columns, out.shape[1]), control, own)
        kept[0] = run_all(functions, room, program, patients, control, handed, first, last, out, results)
        kept[0] += plan[0] + weights[0, 0] + mine[0]  # which lets them live until here

    return nb.njit(nogil=True, error_model="numpy", cache=True)(run_explicit)


def _sources() -> str:
    from sbmlqsp.engine.ssa_model import sources

    return sources("ode_*.py")


def _weights():
    """Return the rows of stages and error, how the last two stages differ, and that of the dense output."""
    rows = np.zeros((STAGES + 3, STAGES))
    for i, row in enumerate(_ROWS):
        rows[i, : len(row)] = row
    rows[STAGES + 1] = rows[STAGES - 1] - rows[STAGES - 2]
    rows[STAGES + 2] = _DENSE
    return rows


run_explicit = _entry(_sources())
WEIGHTS = _weights()
