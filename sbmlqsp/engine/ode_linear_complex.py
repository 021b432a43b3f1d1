"""Elimination of complex systems by a plan in several lanes: real and imaginary parts are vectors side by side."""

from __future__ import annotations

from sbmlqsp.engine.ode_model import fast, shifted
from sbmlqsp.engine.ode_status import LANES
from sbmlqsp.engine.ode_vectors_complex import inverted, multiplied, subtracted

__all__ = ["factor_complex", "solve_complex"]

WIDE = 2 * LANES


@fast
def factor_complex(out, w, real, imaginary, plan):
    """Eliminate d*I - J in every lane by a plan; the reciprocals of the pivots take their places."""
    n, entries, size = plan[0], plan[1], plan[2]
    entry, diagonal, pivot, below, below_of = plan[3], plan[4], plan[5], plan[6], plan[7]
    beside, beside_of, c = plan[8], plan[9], plan[10]
    for e in range(size * WIDE):
        w[e] = 0.0
    for e in range(entries):
        at = plan[entry + e] * WIDE
        for lane in range(LANES):
            w[at + lane] = -out[(2 * n + e) * LANES + lane]
    for i in range(n):
        at = plan[diagonal + i] * WIDE
        for lane in range(LANES):
            w[at + lane] += real[lane]
            w[at + LANES + lane] += imaginary[lane]
    for k in range(n):
        at = plan[diagonal + plan[pivot + k]] * WIDE
        inverted(shifted(w, at))
        first, last = plan[beside_of + k], plan[beside_of + k + 1]
        for r in range(plan[below_of + k], plan[below_of + k + 1]):
            row = shifted(w, plan[below + 2 * r + 1] * WIDE)
            multiplied(row, shifted(w, at))
            for s in range(first, last):
                subtracted(shifted(w, plan[c] * WIDE), row, shifted(w, plan[beside + 2 * s + 1] * WIDE))
                c += 1


@fast
def solve_complex(w, b, plan):
    """Solve in every lane for one right-hand side in place."""
    n, diagonal, pivot = plan[0], plan[4], plan[5]
    below, below_of, beside, beside_of = plan[6], plan[7], plan[8], plan[9]
    for k in range(n):
        value = shifted(b, plan[pivot + k] * WIDE)
        for r in range(plan[below_of + k], plan[below_of + k + 1]):
            subtracted(shifted(b, plan[below + 2 * r] * WIDE), shifted(w, plan[below + 2 * r + 1] * WIDE), value)
    for k in range(n - 1, -1, -1):
        i = plan[pivot + k]
        value = shifted(b, i * WIDE)
        for s in range(plan[beside_of + k], plan[beside_of + k + 1]):
            subtracted(value, shifted(w, plan[beside + 2 * s + 1] * WIDE), shifted(b, plan[beside + 2 * s] * WIDE))
        multiplied(value, shifted(w, plan[diagonal + i] * WIDE))
