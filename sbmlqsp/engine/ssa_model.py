"""What the compiled loops of single cells share: the model's compiled functions, a cell's state, its random stream."""

from __future__ import annotations

import hashlib
import math
from pathlib import Path
from typing import Any, NamedTuple

import numba as nb
import numpy as np

from sbmlqsp.engine.ssa_arithmetic import copy, tiny
from sbmlqsp.engine.ssa_status import BLOCK

__all__ = [
    "ACT", "ALL", "CHECKS", "DISPLAY", "DRIFT", "LAWS", "LEAP", "LOOK", "MOVING", "OUTPUTS", "QUEUE", "UPDATE", "Model",
    "State", "Stops", "Together", "endless", "fast", "last_possible", "opened", "sources", "tiny", "total",
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

POINTER = nb.types.CPointer(nb.float64)
LEAP = nb.void(POINTER, nb.int64)
"""w, lanes: the next jump in every lane (see ``codegen_lanes``)."""
LAWS = nb.void(POINTER, nb.int64, POINTER)
"""w, lane, a: the propensities of one lane."""
DISPLAY = nb.void(POINTER, nb.int64, nb.float64, POINTER, nb.int64)
"""w, lane, t, out, place: the outputs of one lane into a flat array."""

ALL, MOVING = -1, -2
CHECKS, OUTPUTS = 0, 1
QUEUE = 64
"""How many events may wait at once."""

fast = nb.njit(nogil=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
"""For what only compiled code calls: it compiles sooner, and a call from Python would crash."""


class Model(NamedTuple):
    """A model's compiled functions."""

    update: Any
    drift: Any
    look: Any
    act: Any


class Together(NamedTuple):
    """A model's compiled functions for cells side by side."""

    leap: Any
    laws: Any
    display: Any


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


@fast
def opened(start, constants, stream, blocks):
    """Return a cell at its start, with so many blocks of propensities; ``stream`` is replicate and key."""
    n, m = start.shape[0], start.shape[0] + constants.shape[0]
    w = np.zeros(m + blocks * BLOCK + blocks)
    copy(w[:n], start)
    copy(w[n:m], constants)
    rng = np.zeros(4, dtype=np.uint64)
    copy(rng[1:], stream)
    return State(w, w[:n], w[n:m], w[m : m + blocks * BLOCK], w[m + blocks * BLOCK :], rng)


@tiny
def last_possible(a, block):
    """Return the last channel of a block, or else of all, that can happen, where rounding led past the end."""
    for k in range(block * BLOCK + BLOCK - 1, block * BLOCK - 1, -1):
        if a[k] > 0.0:
            return k
    for k in range(a.shape[0] - 1, -1, -1):
        if a[k] > 0.0:
            return k
    return -1


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


def sources(*patterns: str) -> str:
    """Return the digest of everything that is compiled with a loop: numba itself would watch the loop's file alone."""
    files = sorted(f for pattern in patterns or ("ssa_*.py",) for f in Path(__file__).parent.glob(pattern))
    return hashlib.sha256(b"".join(f.read_bytes() for f in files)).hexdigest()
