"""The loop that runs several cells side by side, each in a lane of its own with its own time and random stream.

The same numbers as the loop over single cells, bit for bit: the same streams, the same arithmetic in the same order.
A lane asks where its cell comes to an output, a stop or its end, or is in trouble; only that is done cell by cell.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numba as nb
import numpy as np

from sbmlqsp.engine.ssa_arithmetic import lowest, of_bits, pointer, tiny
from sbmlqsp.engine.ssa_model import endless, fast, last_possible, sources
from sbmlqsp.engine.ssa_status import BAD_LAW, BELOW_ZERO, BLOCK, FINE, LANES, ROWS, TOO_MANY
from sbmlqsp.engine.ssa_stops import next_stop

__all__ = ["Table", "run_lanes"]

STREAM = 0
TIME, LIMIT, NEXT, REACH, TARGET, CHOSEN, ASKS, FAULT, JUMPS, MOST = (LANES * i for i in range(6, len(ROWS)))
FIRST = LANES * len(ROWS)
CELL, OUTPUT, STOP, LAST_STOP = (LANES * i for i in range(4))
"""What is known of each lane in whole numbers: its cell, the next output, the next stop, and where its stops end."""


class Table(NamedTuple):
    """What channels change, as many things each: places in the first lane, and by how much; ``most``: how many."""

    states: Any
    sizes: Any
    most: int


class Work(NamedTuple):
    """The cells that are to be run: what is known by row, which row and stream each has, and where results go."""

    starts: Any
    constants: Any
    of_row: Any
    stops: Any
    rows: Any
    streams: Any
    most: float
    results: Any


@tiny
def _limit(grid, times, w, own, i):
    """Let a lane ask at its next output or stop."""
    g, stop = own[OUTPUT + i], next_stop(own[STOP + i], own[LAST_STOP + i], times, grid[-1])
    w[NEXT + i], w[LIMIT + i] = stop, min(grid[g], stop) if g < grid.shape[0] else stop


@tiny
def _show(display, w, i, own, grid, out, width, until):
    """Put out everything of a lane before a time."""
    g, times = own[OUTPUT + i], grid.shape[0]
    while g < times and grid[g] < until:
        display(w, i, grid[g], out, (own[CELL + i] * times + g) * width)
        g += 1
    own[OUTPUT + i] = g


@tiny
def _jump(laws, w, which, n, first, table, a):
    """Find each lane's channel in its block, in which sums do not fall, and make its changes."""
    past = False
    for i in range(n):
        low = np.uint64(np.int64(max(w[CHOSEN + i], 0.0))) * np.uint64(BLOCK)
        at, target, passed = np.uint64(first + i) + low * np.uint64(LANES), w[TARGET + i], np.uint64(0)
        for j in range(BLOCK):
            passed += np.uint64(target >= w[at + np.uint64(j * LANES)])
        which[i] = low + passed
        past = past or bool(passed >= np.uint64(BLOCK))
    if past:
        _back(laws, w, which, n, a)
    _change(w, which, n, pointer(table.states), pointer(table.sizes), table.most)


@fast
def _back(laws, w, which, n, a):
    """Choose the last channel that can happen in lanes in which rounding led past the end of a block."""
    for i in range(n):
        block = int(max(w[CHOSEN + i], 0.0))
        if which[i] == np.uint64((block + 1) * BLOCK):
            laws(w, i, pointer(a))
            which[i] = last_possible(a, block)


@tiny
def _change(w, which, n, states, sizes, most):
    """Make the changes of the channels in all lanes that jump."""
    for i in range(n):
        if w[CHOSEN + i] >= 0.0:
            bad, at = False, which[i] * np.uint64(most)
            for j in range(most):
                place = states[at + np.uint64(j)] + np.uint64(i)
                x = w[place] + sizes[at + np.uint64(j)]
                w[place] = x
                bad = bad | (x < 0.0)
            if bad:
                w[FAULT + i] = 1.0


@tiny
def _asking(w, n):
    """Return which lanes ask, as bits."""
    bits = np.uint64(0)
    for i in range(n):
        bits |= np.uint64(w[ASKS + i] != 0.0) << np.uint64(i)
    return bits


@tiny
def _pass(display, w, own, count, grid, rows, out, width, asking):
    """Put out what lanes come to before their jump; return which of those that ask still do."""
    left = asking
    while left != np.uint64(0):
        i = lowest(left)
        left &= left - np.uint64(1)
        stop, reach, g, cell = w[NEXT + i], w[REACH + i], own[OUTPUT + i], own[CELL + i]
        if w[ASKS + i] != 1.0 or not reach < stop or w[CHOSEN + i] >= count:
            continue
        while g < rows and grid[g] < reach:
            display(w, i, grid[g], out, (cell * rows + g) * width)
            g += 1
        own[OUTPUT + i] = g
        w[LIMIT + i] = min(grid[g], stop) if g < rows else stop
        asking ^= np.uint64(1) << np.uint64(i)
    return asking


@fast
def _fault(laws, w, i, a, states):
    """Return status and detail of a lane that cannot go on."""
    if w[FAULT + i] != 0.0:
        none = states.max() + np.uint64(1)
        low = none
        for place in states:
            if w[place + np.uint64(i)] < 0.0:
                low = min(low, place)
        if low < none:
            return BELOW_ZERO, (low - np.uint64(FIRST)) // np.uint64(LANES)
    laws(w, i, pointer(a))
    for k in range(a.shape[0]):
        if not a[k] >= 0.0:
            return BAD_LAW, k
    return (TOO_MANY, 0) if w[FAULT + i] != 0.0 else (BAD_LAW, endless(a))


@fast
def _load(work, w, own, i, c):
    """Put a cell into a lane."""
    n, m, row = work.starts.shape[1], work.constants.shape[1], work.rows[c]
    for k in range(n):
        w[FIRST + k * LANES + i] = work.starts[row, k]
    for k in range(m):
        w[FIRST + (n + k) * LANES + i] = work.constants[row, k]
    w[TIME + i], w[JUMPS + i], w[FAULT + i], w[MOST + i], w[CHOSEN + i] = 0.0, 0.0, 0.0, work.most, -1.0
    w[STREAM + i] = 0.0
    for k in range(3):
        w[STREAM + (1 + k) * LANES + i] = of_bits(work.streams[c, k])
    own[CELL + i], own[OUTPUT + i], own[STOP + i], own[LAST_STOP + i] = c, 0, work.of_row[row], work.of_row[row + 1]


@fast
def _end(work, w, own, i, status, detail):
    """Write how a lane's cell ended, and leave the lane empty."""
    result = work.results[own[CELL + i]]
    result[0], result[1], result[2], result[3], result[4] = status, detail, w[TIME + i], w[JUMPS + i], -1
    own[CELL + i], w[LIMIT + i] = -1, -math.inf


@fast
def _stop(display, work, w, own, i, grid, out, width):
    """Make the changes of stops that are reached."""
    s, t, stops = own[STOP + i], w[TIME + i], work.stops
    if s < own[LAST_STOP + i] and stops.times[s] <= t:
        if stops.dosed[s] and stops.before:
            _show(display, w, i, own, grid, out, width, np.nextafter(t, math.inf))
        while s < own[LAST_STOP + i] and stops.times[s] <= t:
            for j in range(stops.of_stop[s], stops.of_stop[s + 1]):
                place = FIRST + stops.states[j] * LANES + i
                w[place] = (w[place] if stops.adds[j] else 0.0) + stops.values[j]
            s += 1
        own[STOP + i] = s
    _limit(grid, stops.times, w, own, i)


@fast
def _serve(model, work, table, w, own, i, grid, out, width, a, waiting):
    """Let a lane go on after a stop, its cell's end or a rounding error; return which cell waits."""
    stop = w[NEXT + i]
    if w[ASKS + i] > 1.0:
        status, detail = _fault(model.laws, w, i, a, table.states)
        _end(work, w, own, i, status, detail)
    elif w[TIME + i] >= grid[-1]:
        _show(model.display, w, i, own, grid, out, width, math.inf)
        _end(work, w, own, i, FINE, 0)
    elif w[REACH + i] < stop:
        _show(model.display, w, i, own, grid, out, width, w[REACH + i])
        _limit(grid, work.stops.times, w, own, i)
        model.laws(w, i, pointer(a))
        w[CHOSEN + i] = last_possible(a, 0)
    else:
        _show(model.display, w, i, own, grid, out, width, stop)
        w[TIME + i], w[CHOSEN + i] = stop, -1.0
        _stop(model.display, work, w, own, i, grid, out, width)
    if own[CELL + i] < 0 and waiting < work.rows.shape[0]:
        _load(work, w, own, i, waiting)
        _stop(model.display, work, w, own, i, grid, out, width)
        waiting += 1
    return waiting


def _entry(sources):
    """Return the loop, kept on disk for these sources of it."""

    def run_lanes(model, work, table, grid, out, width, channels):
        """Run cells side by side, each lane taking the next as its own is done.

        ``out`` is flat, with ``width`` numbers for every cell and time; ``channels`` counts what fills up blocks.
        """
        _ = sources
        n, first = min(LANES, work.rows.shape[0]), FIRST + LANES * (work.starts.shape[1] + work.constants.shape[1])
        kept = np.zeros(first + LANES * (channels + 1)), np.zeros(4 * LANES, dtype=np.int64), np.zeros(channels)
        kept[0][first:] = math.inf  # what fills up a block is never passed
        w, own, a, which = pointer(kept[0]), pointer(kept[1]), kept[2], np.zeros(LANES, dtype=np.uint64)
        rows, places, shown, chosen = grid.shape[0], pointer(grid), pointer(out), pointer(which)
        count = float(table.states.shape[0] // table.most)
        for i in range(n):
            _load(work, w, own, i, i)
            _stop(model.display, work, w, own, i, grid, shown, width)
        waiting, living = n, (np.uint64(1) << np.uint64(n)) - np.uint64(1)
        while living != np.uint64(0):
            model.leap(w, n)
            asking = _asking(w, n) & living
            if asking != np.uint64(0):
                asking = _pass(model.display, w, own, count, places, rows, shown, width, asking)
            while asking != np.uint64(0):
                i = lowest(asking)
                asking &= asking - np.uint64(1)
                waiting = _serve(model, work, table, w, own, i, grid, shown, width, a, waiting)
                if own[CELL + i] < 0:
                    living ^= np.uint64(1) << np.uint64(i)
            if channels > BLOCK:
                _jump(model.laws, w, chosen, n, first, table, a)
        return kept, which  # pointers do not keep alive what they point to

    return nb.njit(nogil=True, cache=True, error_model="numpy")(run_lanes)


run_lanes = _entry(sources())
