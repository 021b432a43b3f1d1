"""Outputs inside a step of one patient, looked at as its end is; of several side by side see ``ode_inner``.

A method estimates the error of the end of a step. Where everything that moves follows something fast, that is small
however long the step is, and so it is where a short pulse falls between stages, while what is put out in between may be
far off. So what is put out must satisfy the equations as well: what is left of them there, as the error that it stands
for (the product with the inverse of the method's own matrix), may be ``SLACK`` times what a step's may be. Shampine LF
(2005), Error estimation and control for ODEs, J Sci Comput 25, 3-16. https://doi.org/10.1007/s10915-004-4629-3.
"""

from __future__ import annotations

import math

from sbmlqsp.engine.ode_kernel import between, norm, prepare_dense, take_step
from sbmlqsp.engine.ode_model import fast

__all__ = ["INSIDE", "SLACK", "attempted", "slope_within"]

SLACK = 30.0
"""How many times what a step's error may be that inside may."""
INSIDE = 1.0 - 1e-9
"""Up to what part of a step an output is not its end."""
PARTS = 4
"""Into how many parts a step is divided in which triggers are watched, to look at what is between them."""


@fast
def slope_within(change, d0, d1, d2, theta):
    """Return by how much a state moves at a part of the step, per step, of which it changes by so much."""
    rest = 1.0 - theta
    return change + (rest - theta) * (d0 + theta * (d1 + theta * d2)) + theta * rest * (d1 + 2.0 * theta * d2)


@fast
def _held_at(functions, room, t, h, theta, relative):
    """Return the error at a part of the step, which comes into ``u``, as a share of what it may be."""
    between(room, theta)
    functions.rates(room.u, room.p, t + theta * h, room.b)
    back, dense = 1.0 / h, room.dense
    for i in range(room.n):
        change = room.new[i] - room.x[i]
        room.b[i] -= back * slope_within(change, dense[3 * i], dense[3 * i + 1], dense[3 * i + 2], theta)
    functions.solve(room.w, room.b, room.plan)
    return norm(room, relative) / SLACK


@fast
def _held(functions, room, watched, times, g, last, t, h, relative):
    """Prepare the dense output where it is to be read, and return the worst error of what is read of it inside.

    It is read for outputs, and where ``watched`` for triggers, which look at it all along a step: four parts are seen.
    """
    worst = 0.0
    due = g < last and times[g] <= t + h
    if watched or due:
        prepare_dense(room)
    while g < last and times[g] <= t + INSIDE * h and worst <= 1.0:
        worst = max(worst, _held_at(functions, room, t, h, (times[g] - t) / h, relative))
        g += 1
    if watched and worst <= 1.0:
        for part in range(1, PARTS):
            worst = max(worst, _held_at(functions, room, t, h, part / PARTS, relative))
    return worst


@fast
def attempted(functions, room, watched, times, g, last, t, h, relative):
    """Try one step; return its error, or what is worst inside, as a share of what it may be."""
    if not take_step(functions, room, t, h):
        return math.inf
    error = norm(room, relative)
    return max(error, _held(functions, room, watched, times, g, last, t, h, relative)) if error <= 1.0 else error
