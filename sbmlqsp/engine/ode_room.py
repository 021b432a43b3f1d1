"""The room that integrating several patients side by side needs, and the functions that a method of doing so has.

A method's functions are named here, with what most do; what a method does otherwise is found by the kind of the room's
``own`` part (see ``of_method``).
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from numba.extending import overload

from sbmlqsp.engine.ode_kernel import GROW, SAFETY, SHRINK, tame
from sbmlqsp.engine.ode_model import LINE, aligned, fast, shifted
from sbmlqsp.engine.ode_roots import over_root
from sbmlqsp.engine.ode_status import LANES
from sbmlqsp.engine.ode_vectors import blended, squares

__all__ = [
    "CUBIC", "Room", "accept", "aim", "begin", "between", "blend", "calm", "cubic", "evaluate", "grow", "inside",
    "of_method", "prepare", "reach", "ready", "shared_room", "step", "stiff", "tamed", "weigh", "width",
]  # fmt: skip


CUBIC = 4
"""How many parts most methods make their dense output of: the change of the step, and three more (see ``cubic``)."""
_OF_METHODS: dict[Any, dict[Any, Any]] = {}
"""What each method does otherwise, by the function below and the kind of the room's ``own`` part."""


def _by_method(stub):
    """Make a function what the method of the room does, or else what it is here."""
    others = _OF_METHODS[stub] = {}

    def choose(*arguments):
        for room in arguments:
            if getattr(room, "instance_class", None) is Room:
                return others.get(room.types[room.fields.index("own")].instance_class, stub)
        return None

    overload(stub, strict=False, jit_options={"nogil": True, "error_model": "numpy"})(choose)
    return stub


def of_method(own, stub):
    """Return what makes a function that of rooms in which ``own`` is of this kind."""

    def register(implementation):
        _OF_METHODS[stub][own] = implementation
        return implementation

    return register


@_by_method
def evaluate(functions, room):
    """Evaluate into ``out`` what a step needs of where it begins: at least the rates."""
    functions.slopes(room.x, room.p, room.t, room.out)


@_by_method
def stiff(room, lane):  # noqa: ARG001  # all methods take the same
    """Return whether a patient must go on by another method."""
    return False


@_by_method
def calm(room, lane):  # noqa: ARG001
    """Return how many steps an explicit method could have taken as well."""
    return 0


@_by_method
def begin(room, lane):
    """Begin a stretch in a lane."""


@_by_method
def ready(room, lane):
    """Make a lane ready for a step of its length."""


@_by_method
def step(functions, room, relative):
    """Try one step in all lanes, whose ends come into ``new`` and whose errors, as shares, into ``error``."""


@_by_method
def grow(room):
    """Put into ``growth`` by what factor each lane's step may grow."""
    for lane in range(LANES):
        error = room.error[lane]
        wanted = SAFETY * over_root(min(max(error, 1e-30), 1e30), 5)
        room.growth[lane] = min(GROW, max(SHRINK, wanted)) if error < math.inf else SHRINK


@_by_method
def prepare(room):
    """Prepare the dense output of the step in all lanes."""


@_by_method
def aim(room, lane, theta):
    """Put into ``own.inside`` and ``own.along`` what a lane's state and its slope at a part of the step are made of."""


@_by_method
def inside(room, lane, i):
    """Return a state at the part of the step that is aimed at."""
    own, value = room.own, room.x[i * LANES + lane]
    for m in range(CUBIC):
        value += own.inside[m * LANES + lane] * own.dense[(CUBIC * i + m) * LANES + lane]
    return value


@_by_method
def between(room):
    """Put the states of all lanes into ``u``, and their slopes by that part into ``out``."""
    blend(room, room.own.dense, CUBIC * LANES, LANES, CUBIC)


@_by_method
def reach(room, lane):
    """Return the error that one unit of what is left of the equations stands for where nothing draws it back."""
    return 1.0 / room.diagonal[lane]


@_by_method
def weigh(functions, room):
    """Turn what ``b`` leaves of the equations into the error that it stands for."""
    functions.solve(room.w, room.b, room.plan)


@_by_method
def accept(room, lane):
    """Note that a lane's step is accepted."""


class Room(NamedTuple):
    """Places in memory; of states, constants and slopes one number by lane, lane by lane. ``own`` is the method's."""

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
    out: Any
    w: Any
    floor: Any
    scale: Any
    t: Any
    at: Any
    h: Any
    diagonal: Any
    error: Any
    growth: Any
    zeros: Any
    busy: Any
    reach: Any
    row: Any
    own: Any


@fast
def tamed(room, norm):
    """Put the square of the Jacobian's norm into ``norm``; what is not finite of it, or by time, is none (``tame``)."""
    n, entries = room.n, room.plan[1]
    squares(norm, shifted(room.out, 2 * n * LANES), entries)
    squares(room.error, shifted(room.out, n * LANES), n if room.timed else 0)
    for lane in range(LANES):
        if not norm[lane] + room.error[lane] < math.inf:
            tame(shifted(room.out, lane), n, 2 * n + entries, LANES)


@fast
def width(patients, control, columns, entries):
    """Return how many numbers of room all methods need."""
    n, m = patients.starts.shape[1], patients.constants.shape[1]
    return (8 * n + m + entries + control.size + 9) * LANES + columns + LINE


@fast
def shared_room(place, plan, sizes, control, own):
    """Divide a piece of memory of that size."""
    n, m, columns, times = sizes
    wide, place = n * LANES, aligned(place)
    x, new, u, b = place, shifted(place, wide), shifted(place, 2 * wide), shifted(place, 3 * wide)
    floor, scale, slopes = shifted(place, 4 * wide), shifted(place, 5 * wide), shifted(place, 6 * wide)
    p = shifted(slopes, (2 * n + plan[1]) * LANES)
    w = shifted(p, m * LANES)
    t = shifted(w, control.size * LANES)
    at, h, diagonal, error = shifted(t, LANES), shifted(t, 2 * LANES), shifted(t, 3 * LANES), shifted(t, 4 * LANES)
    zeros, busy, free, growth = (
        shifted(t, 5 * LANES), shifted(t, 6 * LANES), shifted(t, 7 * LANES), shifted(t, 8 * LANES),
    )  # fmt: skip
    row = shifted(t, 9 * LANES)
    return Room(
        n, m, columns, times, control.timed, plan, x, p, new, u, b, slopes, w, floor, scale, t, at, h, diagonal,
        error, growth, zeros, busy, free, row, own,
    )  # fmt: skip


@fast
def blend(room, parts, each, apart, count):
    """Do as ``between`` for the begin of the step and so many parts of a state, ``apart``, ``each`` from the next's."""
    for i in range(room.n):
        j, k = i * LANES, shifted(parts, i * each)
        blended(shifted(room.u, j), shifted(room.x, j), k, apart, room.own.inside, count)
        blended(shifted(room.out, j), room.zeros, k, apart, room.own.along, count)


@fast
def cubic(own, lane, theta, last, last_along):
    """Do as ``aim`` where a state is ``theta*(change + (1 - theta)*(d0 + theta*d1))`` and a last part."""
    rest, place, along = 1.0 - theta, shifted(own.inside, lane), shifted(own.along, lane)
    place[0], along[0] = theta, 1.0
    place[LANES], along[LANES] = theta * rest, rest - theta
    place[2 * LANES], along[2 * LANES] = theta * theta * rest, theta * (2.0 * rest - theta)
    place[3 * LANES], along[3 * LANES] = last, last_along
