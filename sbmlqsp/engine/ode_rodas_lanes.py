"""Steps of several patients side by side by RODAS5P; see ``ode_tableau`` for the method."""

from __future__ import annotations

from typing import Any, NamedTuple

import numba as nb
import numpy as np

from sbmlqsp.engine import ode_room as room_of
from sbmlqsp.engine.ode_lanes import run_all
from sbmlqsp.engine.ode_model import LINE, aligned, fast, shifted
from sbmlqsp.engine.ode_room import CUBIC, cubic, of_method, shared_room, tamed, width
from sbmlqsp.engine.ode_status import LANES
from sbmlqsp.engine.ode_tableau import GAMMA, STAGES
from sbmlqsp.engine.ode_tableau import NODES as _NODES
from sbmlqsp.engine.ode_tableau import A as _A
from sbmlqsp.engine.ode_tableau import C as _C
from sbmlqsp.engine.ode_tableau import D as _D
from sbmlqsp.engine.ode_tableau import H as _H
from sbmlqsp.engine.ode_vectors import added, combined, combined_twice, copied, difference, worst
from sbmlqsp.engine.ssa_arithmetic import pointer

__all__ = ["WEIGHTS", "run_rodas"]


GENTLE = 0.5
"""Up to what product of step and norm of the Jacobian an explicit method can take the step for certain."""


class _Own(NamedTuple):
    """Stages, one over the step, what the dense output is made of and by lane with which weights, those of the method.

    By lane: the square of the Jacobian's norm, and how many steps an explicit method could have taken.
    """

    k: Any
    back: Any
    norm: Any
    calm: Any
    inside: Any
    along: Any
    dense: Any
    weights: Any


@fast
def _stage(functions, room, s):
    """Put the right-hand side of a stage of all lanes into ``b``."""
    n, k, wide = room.n, room.own.k, STAGES * LANES
    a, c = shifted(room.own.weights, s * STAGES), shifted(room.own.weights, (STAGES + s) * STAGES)
    for i in range(n):
        j = i * LANES
        combined_twice(shifted(room.u, j), shifted(room.new, j), shifted(room.x, j), shifted(k, i * wide), a, c, s)
    for lane in range(LANES):
        room.at[lane] = room.t[lane] + _NODES[s] * room.h[lane]
    functions.rates(room.u, room.p, room.at, room.b)
    for i in range(n):
        added(shifted(room.b, i * LANES), shifted(room.new, i * LANES), room.own.back)


@of_method(_Own, room_of.step)
def _step(functions, room, relative):
    """Try one step in all room_of."""
    n, b, k = room.n, room.b, room.own.k
    tamed(room, room.own.norm)
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
    for lane in range(LANES):
        room.error[lane] = 0.0
    for i in range(n):
        j = i * LANES
        worst(room.error, shifted(b, j), shifted(room.floor, j), shifted(room.x, j), shifted(room.new, j), relative)


@of_method(_Own, room_of.begin)
def _begin(room, lane):
    room.own.calm[lane] = 0.0


@of_method(_Own, room_of.accept)
def _accept(room, lane):
    own, h = room.own, room.h[lane]
    own.calm[lane] = own.calm[lane] + 1.0 if own.norm[lane] * h * h < GENTLE * GENTLE else 0.0


@of_method(_Own, room_of.calm)
def _calm(room, lane):
    return room.own.calm[lane]


@of_method(_Own, room_of.ready)
def _ready(room, lane):
    room.own.back[lane], room.diagonal[lane] = 1.0 / room.h[lane], 1.0 / (GAMMA * room.h[lane])


@of_method(_Own, room_of.prepare)
def _prepare(room):
    own = room.own
    for i in range(room.n):
        j, dense, k = i * LANES, shifted(own.dense, CUBIC * i * LANES), shifted(own.k, i * STAGES * LANES)
        difference(dense, shifted(room.new, j), shifted(room.x, j))
        for m in range(3):
            weights = shifted(own.weights, (2 * STAGES + m) * STAGES)
            combined(shifted(dense, (m + 1) * LANES), room.zeros, k, weights, STAGES)


@of_method(_Own, room_of.aim)
def _aim(room, lane, theta):
    cubed = theta * theta * theta
    cubic(room.own, lane, theta, cubed * (1.0 - theta), theta * theta * (3.0 - 4.0 * theta))


def _entry(sources):
    """Return the loop over patients, kept on disk for these sources of it: numba itself would watch this file alone."""

    def run_rodas(functions, plan, program, patients, control, handed, first, last, out, results, weights):
        """Run patients ``first`` to ``last``; ``results`` (patients, 4) takes status, time and number of steps."""
        _ = sources
        n, m, columns, entries = patients.starts.shape[1], patients.constants.shape[1], out.shape[2], plan[1]
        kept = np.zeros(width(patients, control, columns, entries))
        mine = np.zeros(((STAGES + CUBIC) * n + 3 + 2 * CUBIC) * LANES + LINE)
        k = aligned(pointer(mine))
        back = shifted(k, STAGES * n * LANES)
        inside = shifted(back, 3 * LANES)
        along = shifted(inside, CUBIC * LANES)
        dense = shifted(along, CUBIC * LANES)
        own = _Own(k, back, shifted(back, LANES), shifted(back, 2 * LANES), inside, along, dense, pointer(weights))
        room = shared_room(pointer(kept), pointer(plan), (n, m, columns, out.shape[1]), control, own)
        kept[0] = run_all(functions, room, program, patients, control, handed, first, last, out, results)
        kept[0] += plan[0] + weights[0, 0] + mine[0]  # which lets them live until here

    return nb.njit(nogil=True, error_model="numpy", cache=True)(run_rodas)


def _sources() -> str:
    from sbmlqsp.engine.ssa_model import sources

    return sources("ode_*.py")


run_rodas = _entry(_sources())
WEIGHTS = np.concatenate([_A, _C, _H])
