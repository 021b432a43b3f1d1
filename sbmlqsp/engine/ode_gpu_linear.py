"""Elimination by a plan on a GPU: as ``ode_linear``, in the same order, but several entries are fetched together.

A thread waits for its memory hundreds of cycles, and for nothing else where a system is large. The entries of one row
are places of their own, so that none is read after another of them is written.
"""

from __future__ import annotations

import math

from numba import cuda

__all__ = ["factor", "solve"]


@cuda.jit(device=True)
def _row_less(w, m, plan, c, beside, first, last):
    """Take m times a pivot's row off another row, whose places begin at c in the plan."""
    s = first
    while s + 4 <= last:
        e, f, g, h = plan[c], plan[c + 1], plan[c + 2], plan[c + 3]
        at = beside + 2 * s + 1
        p, q, r, t = w[plan[at]], w[plan[at + 2]], w[plan[at + 4]], w[plan[at + 6]]
        u, v, x, y = w[e], w[f], w[g], w[h]
        w[e], w[f], w[g], w[h] = u - m * p, v - m * q, x - m * r, y - m * t
        s += 4
        c += 4
    while s < last:
        w[plan[c]] -= m * w[plan[beside + 2 * s + 1]]
        s += 1
        c += 1


@cuda.jit(device=True)
def factor(out, w, d, plan):
    """Eliminate d*I - J into w; the reciprocals of the pivots take their places. False where one is zero."""
    n, entries, size = plan[0], plan[1], plan[2]
    entry, diagonal, pivot, below, below_of = plan[3], plan[4], plan[5], plan[6], plan[7]
    beside, beside_of, c = plan[8], plan[9], plan[10]
    for e in range(size):
        w[e] = 0.0
    for e in range(entries):
        w[plan[entry + e]] = -out[2 * n + e]
    for i in range(n):
        w[plan[diagonal + i]] += d
    for k in range(n):
        at = plan[diagonal + plan[pivot + k]]
        inverse = 1.0 / w[at]
        if not abs(inverse) < math.inf:
            return False
        w[at] = inverse
        first, last = plan[beside_of + k], plan[beside_of + k + 1]
        for r in range(plan[below_of + k], plan[below_of + k + 1]):
            place = plan[below + 2 * r + 1]
            m = w[place] * inverse
            w[place] = m
            _row_less(w, m, plan, c, beside, first, last)
            c += last - first
    return True


@cuda.jit(device=True)
def _column_less(w, b, value, plan, below, first, last):
    """Take what a pivot's column makes of a value off the rows below."""
    r = first
    while r + 4 <= last:
        at = below + 2 * r
        e, f, g, h = plan[at], plan[at + 2], plan[at + 4], plan[at + 6]
        p, q, s, t = w[plan[at + 1]], w[plan[at + 3]], w[plan[at + 5]], w[plan[at + 7]]
        u, v, x, y = b[e], b[f], b[g], b[h]
        b[e], b[f], b[g], b[h] = u - p * value, v - q * value, x - s * value, y - t * value
        r += 4
    while r < last:
        b[plan[below + 2 * r]] -= w[plan[below + 2 * r + 1]] * value
        r += 1


@cuda.jit(device=True)
def solve(w, b, plan):
    """Solve for one right-hand side in place."""
    n, diagonal, pivot = plan[0], plan[4], plan[5]
    below, below_of, beside, beside_of = plan[6], plan[7], plan[8], plan[9]
    for k in range(n):
        _column_less(w, b, b[plan[pivot + k]], plan, below, plan[below_of + k], plan[below_of + k + 1])
    for k in range(n - 1, -1, -1):
        i = plan[pivot + k]
        value, last, s = b[i], plan[beside_of + k + 1], plan[beside_of + k]
        while s + 4 <= last:
            at = beside + 2 * s
            x, y = w[plan[at + 1]] * b[plan[at]], w[plan[at + 3]] * b[plan[at + 2]]
            z, v = w[plan[at + 5]] * b[plan[at + 4]], w[plan[at + 7]] * b[plan[at + 6]]
            value = value - x - y - z - v
            s += 4
        while s < last:
            value -= w[plan[beside + 2 * s + 1]] * b[plan[beside + 2 * s]]
            s += 1
        b[i] = value * w[plan[diagonal + i]]
