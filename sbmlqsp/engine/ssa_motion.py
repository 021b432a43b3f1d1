"""What moves between the jumps of one cell, together with the hazard of the next jump.

The next jump is where the integral of the total propensity reaches a unit exponential (Alfonsi et al. 2005,
https://doi.org/10.1051/proc:2005001). Both are followed by the method of Dormand and Prince (1980,
https://doi.org/10.1016/0771-050X(80)90013-3) to a relative error of 1e-8 per step.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from sbmlqsp.engine.ssa_arithmetic import copy, tiny
from sbmlqsp.engine.ssa_model import CHECKS, MOVING, endless, fast, total
from sbmlqsp.engine.ssa_status import BAD_LAW, STUCK

__all__ = ["FIRED", "FLIPPED", "REACHED", "Motion", "flips", "follow"]

RELATIVE = 1e-8
STEPS = 20_000_000
"""How many steps there may be between two outputs."""
PARTS = 4
"""Into how many parts a step is divided to look at conditions in between."""
NEARBY, NEARER = 1e-12, 0.9
"""How near to where a condition changes a step need not be as exact, and how much of the way there is tried before."""
REACHED, FIRED, FLIPPED = 0, 1, 2


class Motion(NamedTuple):
    """What moves: its places among the states, room for a step (the hazard last), and how it is followed.

    ``hazards``: whether propensities move; ``watch``: whether conditions read what moves; ``longest``: longest step.
    """

    where: Any
    scale: Any
    z: Any
    new: Any
    k: Any
    slopes: Any
    hazards: bool
    watch: bool
    longest: float


@tiny
def _slope(drift, update, w, x, p, a, b, m_where, hazards, slopes, k, row, t, z):
    """Return nonzero where a law is no propensity; a row of ``k`` takes the slopes of what moves, the hazard last.

    Arrays are handed over one by one: to take them out of a tuple at every stage costs more than the stage.
    """
    n = m_where.shape[0]
    for i in range(n):
        x[m_where[i]] = z[i]
    drift(x, p, t, slopes)
    bad = update(MOVING, w, t) if hazards else 0
    for i in range(n):
        k[row, i] = slopes[i]
    k[row, n] = total(b)
    return bad if bad or k[row, n] < math.inf else -endless(a) - 1


@fast
def _step(model, state, t, h, m):
    """Take one step of the motion; return the size of its error by the tolerance, and nonzero for a bad law."""
    drift, update = model.drift, model.update
    w, x, p, a, b = state.w, state.x, state.p, state.a, state.b
    z, new, k, n, where, hazards, slopes = m.z, m.new, m.k, m.z.shape[0], m.where, m.hazards, m.slopes
    bad = _slope(drift, update, w, x, p, a, b, where, hazards, slopes, k, 0, t, z)
    for i in range(n):
        new[i] = z[i] + h * (k[0, i] / 5)
    bad = bad or _slope(drift, update, w, x, p, a, b, where, hazards, slopes, k, 1, t + h / 5, new)
    for i in range(n):
        new[i] = z[i] + h * (k[0, i] * 3 / 40 + k[1, i] * 9 / 40)
    bad = bad or _slope(drift, update, w, x, p, a, b, where, hazards, slopes, k, 2, t + 3 * h / 10, new)
    for i in range(n):
        new[i] = z[i] + h * (k[0, i] * 44 / 45 - k[1, i] * 56 / 15 + k[2, i] * 32 / 9)
    bad = bad or _slope(drift, update, w, x, p, a, b, where, hazards, slopes, k, 3, t + 4 * h / 5, new)
    for i in range(n):
        c = k[0, i] * 19372 / 6561 - k[1, i] * 25360 / 2187 + k[2, i] * 64448 / 6561
        new[i] = z[i] + h * (c - k[3, i] * 212 / 729)
    bad = bad or _slope(drift, update, w, x, p, a, b, where, hazards, slopes, k, 4, t + 8 * h / 9, new)
    for i in range(n):
        c = k[0, i] * 9017 / 3168 - k[1, i] * 355 / 33 + k[2, i] * 46732 / 5247
        new[i] = z[i] + h * (c + k[3, i] * 49 / 176 - k[4, i] * 5103 / 18656)
    bad = bad or _slope(drift, update, w, x, p, a, b, where, hazards, slopes, k, 5, t + h, new)
    for i in range(n):
        c = k[0, i] * 35 / 384 + k[2, i] * 500 / 1113 + k[3, i] * 125 / 192
        new[i] = z[i] + h * (c - k[4, i] * 2187 / 6784 + k[5, i] * 11 / 84)
    bad = bad or _slope(drift, update, w, x, p, a, b, where, hazards, slopes, k, 6, t + h, new)
    return _error(h, z, new, k, m.scale), bad


@tiny
def _error(h, z, new, k, scale):
    worst = 0.0
    for i in range(z.shape[0]):
        c = k[0, i] * 71 / 57600 - k[2, i] * 71 / 16695 + k[3, i] * 71 / 1920 - k[4, i] * 17253 / 339200
        e = abs(h * (c + k[5, i] * 22 / 525 - k[6, i] / 40))
        size = RELATIVE * (scale[i] + max(abs(z[i]), abs(new[i])))
        ratio = e / size if size > 0.0 else (0.0 if e == 0.0 else math.inf)
        if not ratio <= worst:
            worst = ratio
    return worst


@fast
def flips(model, state, t, c):
    """Return whether a condition has changed."""
    model.look(CHECKS, state.x, state.p, t, c.checks)
    for e in range(c.before.shape[0]):  # noqa: SIM110  # numba compiles no generators
        if (c.checks[e] != 0.0) != (c.before[e] != 0.0):
            return True
    return False


@tiny
def _curve(h, z, new, k, i):
    """Return the four numbers that give a state within a step.

    The interpolant of the method, of fourth order: Hairer, Norsett and Wanner 1993, section II.6
    (https://doi.org/10.1007/978-3-540-78862-1).
    """
    rise = new[i] - z[i]
    bend = h * k[0, i] - rise
    c = k[2, i] * 87487479700 / 32700410799 - k[0, i] * 12715105075 / 11282082432
    c += k[4, i] * 701980252875 / 199316789632 - k[3, i] * 10690763975 / 1880347072
    wave = h * (c + k[6, i] * 69997945 / 29380423 - k[5, i] * 1453857185 / 822651844)
    return rise, bend, rise - h * k[6, i] - bend, wave


@tiny
def _gone(s, curve):
    """Return how far a state has come at a part of a step."""
    return s * (curve[0] + (1.0 - s) * (curve[1] + s * (curve[2] + (1.0 - s) * curve[3])))


@fast
def _until_fired(h, target, z, new, k):
    """Return the step at whose end the hazard, the last state, is the target; ``new`` is the state there.

    Both are read from the method's interpolant: within the tolerance, and far within it where jumps are close.
    """
    n = z.shape[0] - 1
    curve, wanted = _curve(h, z, new, k, n), target - z[n]
    low, high, f_low, f_high, side = 0.0, 1.0, -wanted, curve[0] - wanted, 0
    s = 1.0
    for _ in range(100):  # regula falsi, by halves where an end stays
        s = low - f_low * (high - low) / (f_high - f_low)
        if not low < s < high:
            s = 0.5 * (low + high)
        f = _gone(s, curve) - wanted
        if abs(f) <= 1e-13 * (1.0 + target) or high - low <= 1e-15:
            break
        if f < 0.0:
            low, f_low = s, f
            f_high *= 0.5 if side == -1 else 1.0
            side = -1
        else:
            high, f_high = s, f
            f_low *= 0.5 if side == 1 else 1.0
            side = 1
    for i in range(n):
        new[i] = z[i] + _gone(s, _curve(h, z, new, k, i))
    new[n] = target
    return s * h


@fast
def _flips_within(model, state, t, h, m, c):
    """Return after what part of a step a condition has changed that has not at its end, as at a tip; 0 where none has.

    The states are left at the end of the step.
    """
    n, found = m.where.shape[0], 0.0
    for part in range(1, PARTS):
        for i in range(n):
            state.x[m.where[i]] = m.z[i] + _gone(part / PARTS, _curve(h, m.z, m.new, m.k, i))
        if flips(model, state, t + part / PARTS * h, c):
            found = part / PARTS
            break
    for i in range(n):
        state.x[m.where[i]] = m.new[i]
    return found


@fast
def _until_flipped(model, state, t, h, m, c):
    """Return the longest step after which no condition has changed, and the shortest after which one has."""
    low, high = 0.0, h
    for _ in range(80):
        if high - low <= 1e-13 * max(1.0, abs(t)):
            break
        s = 0.5 * (low + high)
        _step(model, state, t, s, m)
        if flips(model, state, t + s, c):
            high = s
        else:
            low = s
    return low, high


@fast
def _across(model, state, t, low, high, m):
    """Go to where a condition changes and across, which is ``m.new``; return the size of the error of the way there.

    Rates may jump there, and within a step a method looks a little beyond where that ends.
    """
    error = 0.0
    if low > 0.0:
        error, _ = _step(model, state, t, low, m)
        if not error <= 1.0 and low > NEARBY * max(1.0, abs(t)):
            return error
        copy(m.z, m.new)
    _step(model, state, t + low, high - low, m)
    return 0.0


@fast
def _shorter(h, error, bad):
    return h * (0.2 if bad or not error < 1e8 else max(0.2, 0.9 * error**-0.2))


@fast
def follow(model, state, t, end, target, h, m, c):
    """Follow what moves until ``end``, the next jump or a condition that changes.

    Returns what happened (or minus a status), the time, the next step, and a bad law.
    """
    n, steps = m.where.shape[0], 0
    while t < end:
        steps += 1
        h = min(h, m.longest)
        last, planned = h >= end - t, h
        h = end - t if last else h
        if (h <= 1e-14 * abs(t) and not last) or steps > STEPS:
            return -STUCK, t, h, 0
        error, bad = _step(model, state, t, h, m)
        if bad or not error <= 1.0:
            if bad and h <= 1e-9 * max(abs(t), 1e-300):
                return -BAD_LAW, t, h, bad
            h = _shorter(h, error, bad)
            continue
        grown = h * (5.0 if error < 1e-4 else min(5.0, 0.9 * error**-0.2))
        grown = max(grown, planned) if last else grown  # a step cut short says nothing about those to come
        fired = m.new[n] >= target
        if fired:
            h = _until_fired(h, target, m.z, m.new, m.k)
        for i in range(n):
            state.x[m.where[i]] = m.new[i]
        flipped = m.watch and flips(model, state, t + h, c)
        within = _flips_within(model, state, t, h, m, c) if m.watch and not (fired or flipped) else 0.0
        if within > 0.0:
            h *= within
            continue
        if flipped:
            low, h = _until_flipped(model, state, t, h, m, c)
            if _across(model, state, t, low, h, m) > 1.0:
                h = NEARER * low
                continue
            for i in range(n):
                state.x[m.where[i]] = m.new[i]
        t = end if last and not (fired or flipped) else t + h
        copy(m.z, m.new)
        if fired or flipped:
            return (FLIPPED if flipped else FIRED), t, grown, 0
        h = grown
    return REACHED, t, h, 0
