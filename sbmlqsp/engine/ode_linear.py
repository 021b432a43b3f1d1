"""Elimination by a plan, for systems so large that to write it out would take too long to compile."""

from __future__ import annotations

import math

import numba as nb

from sbmlqsp.engine.ode_model import FACTOR, SOLVE

__all__ = ["factor", "solve"]

OPTIONS = {"error_model": "numpy", "cache": True}


@nb.cfunc(FACTOR, **OPTIONS)
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
            for s in range(first, last):
                w[plan[c]] -= m * w[plan[beside + 2 * s + 1]]
                c += 1
    return True


@nb.cfunc(SOLVE, **OPTIONS)
def solve(w, b, plan):
    """Solve for one right-hand side in place."""
    n, diagonal, pivot = plan[0], plan[4], plan[5]
    below, below_of, beside, beside_of = plan[6], plan[7], plan[8], plan[9]
    for k in range(n):
        value = b[plan[pivot + k]]
        for r in range(plan[below_of + k], plan[below_of + k + 1]):
            b[plan[below + 2 * r]] -= w[plan[below + 2 * r + 1]] * value
    for k in range(n - 1, -1, -1):
        i = plan[pivot + k]
        value = b[i]
        for s in range(plan[beside_of + k], plan[beside_of + k + 1]):
            value -= w[plan[beside + 2 * s + 1]] * b[plan[beside + 2 * s]]
        b[i] = value * w[plan[diagonal + i]]
