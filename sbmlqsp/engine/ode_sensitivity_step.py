"""One step of states and sensitivities, in compiled loops.

The step is that of ``ode_kernel``, differentiated exactly: the stages of a sensitivity S along a direction in which the
constants change by q solve, with the factors of the state's own stages k_i,

``W s_i = f_x(u_i) S_i + f_p(u_i) q + sum C_ij/h s_j + (d/dx . k_i + d/dt . h d_i)(f_x S + f_p q)``

which is the Rosenbrock method on states and sensitivities together, whose Jacobian is block triangular. What reads the
model is evaluated once for all directions. Error is controlled over states and sensitivities.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from sbmlqsp.engine.ode_defect import INSIDE, SLACK, attempted, slope_within
from sbmlqsp.engine.ode_kernel import between
from sbmlqsp.engine.ode_model import fast, shifted
from sbmlqsp.engine.ode_tableau import NODES as _NODES
from sbmlqsp.engine.ode_tableau import STAGES
from sbmlqsp.engine.ode_tableau import A as _A
from sbmlqsp.engine.ode_tableau import C as _C
from sbmlqsp.engine.ode_tableau import D as _D
from sbmlqsp.engine.ode_tableau import H as _H

__all__ = ["Room", "along", "multiply", "tried", "within"]

SMALL = 1e-4
"""A sensitivity may be off by the tolerance's share of itself, or of this part of state over parameter."""


class Room(NamedTuple):
    """Where everything is that a run needs, as places in memory."""

    n: int
    m: int
    directions: int
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
def multiply(pattern, values, s, q, width, b):
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
    multiply(room.rates, room.g, y, q, room.width, b)
    multiply(room.bends, room.e, own, q, room.width, b)
    functions.solve(room.w, b, room.plan)
    for i in range(n):
        k[i * STAGES + s] = b[i]
        room.next[d * n + i] = y[i] + b[i]


@fast
def _directions(functions, room, t, h):
    """Take the step of every direction, after that of the states."""
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
        for j in range(room.bends[0]):  # x^1.5 bends without bound at 0: a step from there is short, as its error says
            if not abs(room.e[j]) < math.inf:
                room.e[j] = 0.0
        for d in range(room.directions):
            _direction(functions, room, d, s, 1.0 / h)


@fast
def _share(room, d, i, error, relative):
    """Return the error of a sensitivity as a share of what it may be; infinite where that is no number."""
    a = d * room.n + i
    if not abs(room.next[a]) < math.inf:
        return math.inf
    if error == 0.0:
        return 0.0
    size = max(abs(room.s[a]), abs(room.next[a]), SMALL * room.weight[d] * abs(room.x[i]))
    share = error / (room.floor[i] * room.unit[d] + relative * size)
    if not share < math.inf:
        return math.inf
    return share


@fast
def _worst(room, relative):
    """Return the largest error of a sensitivity, as a share of what it may be."""
    most = 0.0
    for d in range(room.directions):
        for i in range(room.n):
            error = abs(room.stages[(d * room.n + i) * STAGES + STAGES - 1])
            most = max(most, _share(room, d, i, error, relative))
    return most


@fast
def within(room, d, theta):
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
def _left_within(room, d, theta, h):
    """Put what the slope of one direction at a part of the step is, with its sign changed, into ``b``."""
    for i in range(room.n):
        a = d * room.n + i
        d0 = d1 = d2 = 0.0
        for s in range(STAGES):
            k = room.stages[a * STAGES + s]
            d0 += _H[0, s] * k
            d1 += _H[1, s] * k
            d2 += _H[2, s] * k
        room.b[i] = -slope_within(room.next[a] - room.s[a], d0, d1, d2, theta) / h


@fast
def _held_at(functions, room, t, h, theta, relative):
    """Return the worst error of any direction at a part of the step, as a share of what it may be."""
    most = 0.0
    between(room, theta)
    functions.partials(room.u, room.p, t + theta * h, room.g)
    for d in range(room.directions):
        within(room, d, theta)
        _left_within(room, d, theta, h)
        multiply(room.rates, room.g, room.y, shifted(room.q, d * room.width), room.width, room.b)
        functions.solve(room.w, room.b, room.plan)
        for i in range(room.n):
            most = max(most, _share(room, d, i, abs(room.b[i]), relative))
    return most / SLACK


@fast
def _held_along(functions, room, times, g, last, t, h, relative):
    """Return the worst error of any direction at outputs inside the step, whose dense output is prepared."""
    most = 0.0
    while g < last and times[g] <= t + INSIDE * h and most <= 1.0:
        most = max(most, _held_at(functions, room, t, h, (times[g] - t) / h, relative))
        g += 1
    return most


@fast
def along(functions, room, times, g, last, t, h, relative):
    """Take the step of every direction, after that of the states; return its error in the same way."""
    _directions(functions, room, t, h)
    error = _worst(room, relative)
    return max(error, _held_along(functions, room, times, g, last, t, h, relative)) if error <= 1.0 else error


@fast
def tried(functions, room, times, g, last, t, h, relative):
    """Try one step; return its error, or that of the outputs inside, as a share of what it may be."""
    error = attempted(functions, room, False, times, g, last, t, h, relative)
    return max(error, along(functions, room, times, g, last, t, h, relative)) if error <= 1.0 else error
