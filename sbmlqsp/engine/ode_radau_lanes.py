"""Steps of several patients side by side by Radau IIA of order 9; see ``ode_radau_tableau`` for the method.

Newton's method begins from the polynomial of the step before, and stops where what is left of its error, judged by how
fast it converges, is a small part of the tolerance; a lane that is there waits for the others. The Jacobian is exact
and of every step, so that linear systems need one iteration.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numba as nb
import numpy as np

from sbmlqsp.engine import ode_room as room_of
from sbmlqsp.engine.ode_lanes import run_all
from sbmlqsp.engine.ode_linear_complex import factor_complex, solve_complex
from sbmlqsp.engine.ode_model import LINE, aligned, fast, shifted
from sbmlqsp.engine.ode_radau_tableau import BETWEEN as _BETWEEN
from sbmlqsp.engine.ode_radau_tableau import GAMMA, PAIRS, STAGES
from sbmlqsp.engine.ode_radau_tableau import C as _C
from sbmlqsp.engine.ode_radau_vectors import filtering, guessed, improved, residual, weighed
from sbmlqsp.engine.ode_room import blend, of_method, shared_room, tamed, width
from sbmlqsp.engine.ode_roots import over_root
from sbmlqsp.engine.ode_status import LANES
from sbmlqsp.engine.ode_vectors import summed, worst
from sbmlqsp.engine.ssa_arithmetic import pointer

__all__ = ["run_radau"]

MOST = 12
"""How many iterations there may be."""
ENOUGH = 0.03
"""What part of the tolerance may be left of Newton's error."""
SLOWEST = 0.99
SAFETY, SHRINK, GROW = 0.9, 0.2, 8.0
_RE_1, _IM_1, _RE_2, _IM_2 = (float(v) for v in PAIRS.ravel())


class _Own(NamedTuple):
    """Stages: their changes ``z``, those of the step before, transformed ones ``y``, rates ``f``, residuals ``g``.

    Each is stage by stage. ``first`` and ``second`` are the complex systems, ``guess`` the weights of the guess,
    ``inside`` and ``along`` those of the dense output and its slope. By lane: the length of the step before and its
    error; what is left of Newton's error, as a share of its last change, which is the next; whether it goes on, its
    iterations, where its guess comes from; one over the step, and the diagonals of the systems.
    """

    z: Any
    old: Any
    y: Any
    f: Any
    g: Any
    first: Any
    second: Any
    guess: Any
    inside: Any
    along: Any
    held: Any
    error: Any
    left: Any
    change: Any
    going: Any
    rounds: Any
    source: Any
    back: Any
    diagonals: Any


@of_method(_Own, room_of.begin)
def _begin(room, lane):
    own = room.own
    own.held[lane], own.error[lane], own.left[lane], own.source[lane] = 0.0, 0.0, 1.0, -1.0


@of_method(_Own, room_of.ready)
def _ready(room, lane):
    own, back = room.own, 1.0 / room.h[lane]
    own.back[lane], room.diagonal[lane], own.diagonals[lane] = back, GAMMA * back, GAMMA * back
    own.diagonals[LANES + lane], own.diagonals[2 * LANES + lane] = _RE_1 * back, _IM_1 * back
    own.diagonals[3 * LANES + lane], own.diagonals[4 * LANES + lane] = _RE_2 * back, _IM_2 * back


@fast
def _lagrange(theta, j):
    """Return the polynomial that is one at stage j, zero at the begin of the step and at the other stages."""
    value = theta * _BETWEEN[j]
    for m in range(STAGES):
        if m != j:
            value *= theta - _C[m]
    return value


@fast
def _lagrange_slope(theta, j):
    """Return the derivative of that polynomial."""
    value, slope = theta * _BETWEEN[j], _BETWEEN[j]
    for m in range(STAGES):
        if m != j:
            slope = slope * (theta - _C[m]) + value
            value *= theta - _C[m]
    return slope


@fast
def _guess(room):
    """Begin from the polynomial of the step before, or from no change."""
    own = room.own
    for lane in range(LANES):
        own.rounds[lane] = room.h[lane] / own.held[lane] if own.held[lane] > 0.0 else 0.0
    weighed(own.guess, own.rounds)
    for k in range(0, room.n * LANES, LANES):
        guessed(shifted(own.z, k), shifted(own.y, k), shifted(own.old, k), own.guess, own.source, room.n * LANES)
    for lane in range(LANES):
        own.source[lane] = min(own.source[lane], 0.0)


@fast
def _rates(functions, room):
    """Evaluate the rates of all stages."""
    own, wide = room.own, room.n * LANES
    for s in range(STAGES):
        for i in range(0, wide, LANES):
            summed(shifted(room.u, i), shifted(room.x, i), shifted(own.z, s * wide + i))
        for lane in range(LANES):
            room.at[lane] = room.t[lane] + _C[s] * room.h[lane]
        functions.rates(room.u, room.p, room.at, shifted(own.f, s * wide))


@fast
def _solved(functions, room):
    """Solve for the changes of the transformed stages."""
    own, wide = room.own, room.n * LANES
    first, second = shifted(own.g, wide), shifted(own.g, 3 * wide)
    for i in range(0, wide, LANES):
        residual(shifted(own.g, i), shifted(first, 2 * i), shifted(second, 2 * i), shifted(own.f, i),
                 shifted(own.y, i), own.diagonals, wide)  # fmt: skip
    functions.solve(room.w, own.g, room.plan)
    solve_complex(own.first, first, room.plan)
    solve_complex(own.second, second, room.plan)


@fast
def _improve(room, relative):
    """Add what was solved for to the lanes that go on; put the size of the change into ``error``."""
    own, wide = room.own, room.n * LANES
    first, second = shifted(own.g, wide), shifted(own.g, 3 * wide)
    for lane in range(LANES):
        room.error[lane] = 0.0
    for i in range(0, wide, LANES):
        improved(room.error, shifted(own.z, i), shifted(own.y, i), shifted(own.g, i), shifted(first, 2 * i),
                 shifted(second, 2 * i), own.going, shifted(room.x, i), shifted(room.floor, i), relative,
                 wide)  # fmt: skip


@fast
def _goes_on(room, lane, k):
    """Return whether a lane needs one more iteration: 0 where it is there, -1 where it will not get there."""
    own, size = room.own, room.error[lane]
    if not size < math.inf:
        return -1.0
    if k > 0:
        share = size / own.change[lane] if own.change[lane] > 0.0 else 0.0
        if not share < SLOWEST:
            return -1.0
        own.left[lane] = share / (1.0 - share)
    own.change[lane] = size
    if own.left[lane] * size <= ENOUGH:
        return 0.0
    return 1.0 if k < MOST - 1 else -1.0


@fast
def _newton(functions, room, relative):
    """Solve for the stages; ``going`` is below zero in lanes where that fails."""
    own = room.own
    for lane in range(LANES):
        own.going[lane] = room.busy[lane]
        left = max(own.left[lane], 1e-16)
        own.left[lane], own.rounds[lane] = left * over_root(left, 5), 0.0
    for k in range(MOST):
        _rates(functions, room)
        _solved(functions, room)
        _improve(room, relative)
        more = False
        for lane in range(LANES):
            if own.going[lane] > 0.0:
                own.rounds[lane] = k + 1.0
                own.going[lane] = _goes_on(room, lane, k)
                more |= own.going[lane] > 0.0
        if not more:
            break


@fast
def _filtered(functions, room, rates):
    """Put the error of the step into ``b``, from the rates that it begins with."""
    own, wide = room.own, room.n * LANES
    for i in range(0, wide, LANES):
        filtering(shifted(room.b, i), shifted(rates, i), shifted(own.z, i), own.back, wide)
    functions.solve(room.w, room.b, room.plan)


@fast
def _largest(room, relative):
    """Put the largest error of each lane into ``error``."""
    for lane in range(LANES):
        room.error[lane] = 0.0
    for i in range(0, room.n * LANES, LANES):
        worst(room.error, shifted(room.b, i), shifted(room.floor, i), shifted(room.x, i), shifted(room.new, i),
              relative)  # fmt: skip


@fast
def _estimate(functions, room, relative):
    """Estimate the error; where it is large at the begin of a stretch, once more from the state that it leads to."""
    own, wide = room.own, room.n * LANES
    for i in range(0, wide, LANES):
        summed(shifted(room.new, i), shifted(room.x, i), shifted(own.z, (STAGES - 1) * wide + i))
    _filtered(functions, room, room.out)
    _largest(room, relative)
    more = False
    for lane in range(LANES):
        own.change[lane] = room.error[lane]
        if own.going[lane] == 0.0 and own.held[lane] == 0.0 and 1.0 < room.error[lane] < math.inf:
            own.going[lane] = 2.0
            more = True
    if more:
        for i in range(0, wide, LANES):
            summed(shifted(room.u, i), shifted(room.x, i), shifted(room.b, i))
        functions.rates(room.u, room.p, room.t, own.f)
        _filtered(functions, room, own.f)
        _largest(room, relative)
    for lane in range(LANES):
        if own.going[lane] < 2.0:
            room.error[lane] = own.change[lane] if own.going[lane] >= 0.0 else math.inf


@of_method(_Own, room_of.step)
def _step(functions, room, relative):
    """Try one step in all room_of."""
    own, d = room.own, room.own.diagonals
    tamed(room, room.at)
    functions.factor(room.out, room.w, room.diagonal, room.plan)
    factor_complex(room.out, own.first, shifted(d, LANES), shifted(d, 2 * LANES), room.plan)
    factor_complex(room.out, own.second, shifted(d, 3 * LANES), shifted(d, 4 * LANES), room.plan)
    _guess(room)
    _newton(functions, room, relative)
    _estimate(functions, room, relative)


@of_method(_Own, room_of.grow)
def _grow(room):
    for lane in range(LANES):
        room.growth[lane] = _growth(room, lane, room.error[lane])


@fast
def _growth(room, lane, error):
    """Choose by the error and by how it went before (Gustafsson), less where many iterations were needed."""
    own = room.own
    if own.going[lane] < 0.0:
        own.left[lane] = 1.0
        return 0.5
    error = max(error, 1e-10)
    factor = SAFETY * (2 * MOST + 1) / (2 * MOST + own.rounds[lane]) * over_root(error, 6)
    if error <= 1.0 and own.error[lane] > 0.0:
        before = SAFETY * room.h[lane] / own.held[lane] * over_root(error * error / own.error[lane], 6)
        factor = min(factor, before)
    return min(GROW, max(SHRINK, factor))


@of_method(_Own, room_of.aim)
def _aim(room, lane, theta):
    for j in range(STAGES):
        room.own.inside[j * LANES + lane] = _lagrange(theta, j)
        room.own.along[j * LANES + lane] = _lagrange_slope(theta, j)


@of_method(_Own, room_of.inside)
def _inside(room, lane, i):
    value = room.x[i * LANES + lane]
    for j in range(STAGES):
        value += room.own.inside[j * LANES + lane] * room.own.z[(j * room.n + i) * LANES + lane]
    return value


@of_method(_Own, room_of.between)
def _between(room):
    blend(room, room.own.z, LANES, room.n * LANES, STAGES)


@of_method(_Own, room_of.accept)
def _accept(room, lane):
    own = room.own
    own.held[lane], own.error[lane] = room.h[lane], max(room.error[lane], 1e-2)
    own.source[lane] = 1.0


@fast
def _divided(place, n, size):
    """Return the method's own room."""
    wide = n * STAGES * LANES
    z, old, y, f = place, shifted(place, wide), shifted(place, 2 * wide), shifted(place, 3 * wide)
    g, first = shifted(place, 4 * wide), shifted(place, 5 * wide)
    second = shifted(first, 2 * size * LANES)
    guess = shifted(second, 2 * size * LANES)
    held = shifted(guess, STAGES * STAGES * LANES)
    error, left, change = shifted(held, LANES), shifted(held, 2 * LANES), shifted(held, 3 * LANES)
    going, rounds, source = shifted(held, 4 * LANES), shifted(held, 5 * LANES), shifted(held, 6 * LANES)
    back, diagonals, inside = shifted(held, 7 * LANES), shifted(held, 8 * LANES), shifted(held, (8 + STAGES) * LANES)
    along = shifted(inside, STAGES * LANES)
    return _Own(z, old, y, f, g, first, second, guess, inside, along, held, error, left, change, going, rounds,
                source, back, diagonals)  # fmt: skip


def _entry(sources):
    """Return the loop over patients, kept on disk for these sources of it: numba itself would watch this file alone."""

    def run_radau(functions, plan, program, patients, control, handed, first, last, out, results):
        """Run patients ``first`` to ``last``; ``results`` (patients, 4) takes status, time and number of steps."""
        _ = sources
        n, m, columns, entries = patients.starts.shape[1], patients.constants.shape[1], out.shape[2], plan[1]
        kept = np.zeros(width(patients, control, columns, entries))
        mine = np.zeros((5 * n * STAGES + 4 * control.size + (STAGES + 3) * STAGES + 8) * LANES + LINE)
        own = _divided(aligned(pointer(mine)), n, control.size)
        room = shared_room(pointer(kept), pointer(plan), (n, m, columns, out.shape[1]), control, own)
        kept[0] = run_all(functions, room, program, patients, control, handed, first, last, out, results)
        kept[0] += plan[0] + mine[0]  # which lets them live until here

    return nb.njit(nogil=True, error_model="numpy", cache=True)(run_radau)


def _sources() -> str:
    from sbmlqsp.engine.ssa_model import sources

    return sources("ode_*.py")


run_radau = _entry(_sources())
