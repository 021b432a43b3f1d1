"""What the compiled loops of single cells share: the model's compiled functions, a cell's state, its random stream."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numba as nb
import numpy as np

__all__ = [
    "ACT", "ALL", "CHECKS", "DRIFT", "LOOK", "MOVING", "OUTPUTS", "QUEUE", "UPDATE", "Model", "State", "Stops",
    "endless", "fast", "tiny", "total", "uniforms",
]  # fmt: skip

ARRAY = nb.float64[::1]
UPDATE = nb.int64(nb.int64, ARRAY, nb.float64)
"""channel (or ALL, MOVING), w, t: let it happen and bring propensities up to date.

Every array that is handed over costs some nanoseconds at each jump, so that ``w`` is x, p, a and b in one.

Returns 0, 1 + the state that would fall below zero, that plus the number of states where it would change by no whole
number, or -1 - the channel whose law is no propensity.
"""
DRIFT = nb.void(ARRAY, ARRAY, nb.float64, ARRAY)
"""x, p, t, dx: the slopes of what moves continuously."""
LOOK = nb.void(nb.int64, ARRAY, ARRAY, nb.float64, ARRAY)
"""what (CHECKS or OUTPUTS), x, p, t, out."""
ACT = nb.int64(nb.int64, nb.int64, ARRAY, ARRAY, nb.float64, ARRAY)
"""what (see ``ssa_events``), event, x, p, t, values: returns 0, or 1 + the counted state that would be a fraction."""

ALL, MOVING = -1, -2
CHECKS, OUTPUTS = 0, 1
QUEUE = 64
"""How many events may wait at once."""

fast = nb.njit(nogil=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
"""For what only compiled code calls: it compiles sooner, and a call from Python would crash."""
tiny = nb.njit(inline="always", error_model="numpy")
"""For what runs at every jump: a call would count the references of every array it is given."""


class Model(NamedTuple):
    """A model's compiled functions."""

    update: Any
    drift: Any
    look: Any
    act: Any


class State(NamedTuple):
    """A cell: everything in one, what changes, what does not, propensities, their sums by blocks, the random stream."""

    w: Any
    x: Any
    p: Any
    a: Any
    b: Any
    rng: Any


class Stops(NamedTuple):
    """Changes at known times: times, whether a dose, and the changes of stop s from ``of_stop[s]`` on."""

    times: Any
    dosed: Any
    of_stop: Any
    states: Any
    adds: Any
    values: Any
    before: bool  # whether an output at the time of a dose shows the state before it


@tiny
def uniforms(rng):
    """Return two uniform numbers, the first never 0, and go on in the stream."""
    mask, s = np.uint64(0xFFFFFFFF), np.uint64(32)
    c0, c1, c2, c3 = rng[0] & mask, rng[0] >> s, rng[1] & mask, rng[1] >> s
    k0, k1 = rng[2], rng[3]
    m0, m1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
    w0, w1 = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)
    for _ in range(10):
        p0, p1 = m0 * c0, m1 * c2
        c0, c1, c2, c3 = (p1 >> s) ^ c1 ^ k0, p1 & mask, (p0 >> s) ^ c3 ^ k1, p0 & mask
        k0, k1 = (k0 + w0) & mask, (k1 + w1) & mask
    rng[0] += np.uint64(1)
    shift, unit = np.uint64(11), 1.0 / 9007199254740992.0
    u = (np.float64(((c0 << s) | c1) >> shift) + 1.0) * unit
    v = np.float64(((c2 << s) | c3) >> shift) * unit
    return u, v


@tiny
def total(b):
    """Return the sum of all propensities."""
    out = 0.0
    for k in range(b.shape[0]):
        out += b[k]
    return out


@fast
def endless(a):
    """Return the first channel whose propensity is infinite, -1 where only their sum is."""
    for k in range(a.shape[0]):
        if not a[k] < math.inf:
            return k
    return -1
