"""Outputs inside a step of several patients side by side, looked at as its end is; see ``ode_defect``.

They are put out as they are looked at. Where the step is rejected, what comes next puts them out again.
"""

from __future__ import annotations

from sbmlqsp.engine.ode_defect import INSIDE, SLACK
from sbmlqsp.engine.ode_model import fast, shifted
from sbmlqsp.engine.ode_room import aim, between, prepare, reach, weigh
from sbmlqsp.engine.ode_status import LANES
from sbmlqsp.engine.ode_vectors import scaled, taken_off, worst

__all__ = ["examine", "put"]


@fast
def put(functions, room, x, lane, t, out, place):
    """Put out what a lane's states give."""
    functions.look(shifted(x, lane), shifted(room.p, lane), t, room.row)
    for c in range(room.columns):
        out[place * room.columns + c] = room.row[c]


@fast
def _due(room, lanes, program, lane, k, until):
    """Return whether there is another output in a lane's step up to that part of it, and the step is fine so far."""
    if lanes.patient[lane] < 0 or not room.error[lane] <= 1.0:
        return False
    g = lanes.g[lane] + k
    return g < lanes.last[lane] and program.times[g] <= room.t[lane] + until * room.h[lane]


@fast
def _shares(room, errors, relative):
    """Put into ``at``, by lane, the largest error as a share of what it may be; return whether none is too large."""
    for lane in range(LANES):
        room.at[lane] = 0.0
    for i in range(room.n):
        j = i * LANES
        worst(room.at, shifted(errors, j), shifted(room.floor, j), shifted(room.x, j), shifted(room.new, j), relative)
    fine = True
    for lane in range(LANES):
        fine = fine and (room.busy[lane] == 0.0 or room.at[lane] <= SLACK)
    return fine


@fast
def _left(functions, room, relative):
    """Put into ``at``, by lane, the error that what is left of the equations stands for, as a share of what may be.

    Where it is small enough if nothing draws it back, it need not be asked what does, which takes a solution.
    """
    functions.rates(room.u, room.p, room.at, room.b)
    for lane in range(LANES):
        room.reach[lane] = reach(room, lane)
    for i in range(room.n):
        j = i * LANES
        taken_off(shifted(room.b, j), shifted(room.out, j), room.busy)
        scaled(shifted(room.u, j), shifted(room.b, j), room.reach)
    if not _shares(room, room.u, relative):
        weigh(functions, room)
        _shares(room, room.b, relative)


@fast
def _aimed(room, lanes, program, k):
    """Aim every lane at one more output within its step, or at the begin; return whether there was one."""
    due = False
    for lane in range(LANES):
        room.busy[lane] = 0.0
        room.at[lane] = room.t[lane]
        if _due(room, lanes, program, lane, k, INSIDE):
            due = True
            room.at[lane] = program.times[lanes.g[lane] + k]
            room.busy[lane] = 1.0 / room.h[lane]
    if due:
        for lane in range(LANES):
            aim(room, lane, (room.at[lane] - room.t[lane]) * room.busy[lane])
    return due


@fast
def examine(functions, room, lanes, program, relative, out):
    """Put out what is due within steps, and let a step's error be what it is at its worst output."""
    due = False
    for lane in range(LANES):
        due = due or _due(room, lanes, program, lane, 0, 1.0)
    if not due:
        return
    prepare(room)
    k, each = 0, room.times * room.columns
    while _aimed(room, lanes, program, k):
        between(room)
        for lane in range(LANES):
            if room.busy[lane] > 0.0:
                to = shifted(out, lanes.patient[lane] * each)
                put(functions, room, room.u, lane, room.at[lane], to, program.rows[lanes.g[lane] + k])
        _left(functions, room, relative)
        for lane in range(LANES):
            if room.busy[lane] > 0.0 and not room.at[lane] <= SLACK:
                room.error[lane] = room.at[lane] / SLACK
        k += 1
