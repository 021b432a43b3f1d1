"""Elimination of complex systems by a plan in several lanes: real and imaginary parts are vectors side by side."""

from __future__ import annotations

from sbmlqsp.engine.ode_model import fast, shifted
from sbmlqsp.engine.ode_status import LANES
from sbmlqsp.engine.ode_vectors_complex import inverted, less_products, multiplied

__all__ = ["factor_complex", "solve_complex"]

WIDE = 2 * LANES


@fast
def factor_complex(out, w, real, imaginary, plan):
    """Eliminate d*I - J in every lane by a plan; the reciprocals of the pivots take their places."""
    n, entries, size = plan[0], plan[1], plan[2]
    entry, diagonal, pivot, below_of, beside_of, c = plan[3], plan[4], plan[5], plan[7], plan[9], plan[11]
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
        beside = 1 + plan[beside_of + k + 1] - plan[beside_of + k]
        for e in range(beside + plan[below_of + k + 1] - plan[below_of + k]):
            value = shifted(w, plan[c] * WIDE)
            less_products(value, w, w, shifted(plan, c + 2), plan[c + 1])
            c += 2 + plan[c + 1]
            if e == 0:
                inverted(value)
            elif e >= beside:
                multiplied(value, shifted(w, at))


@fast
def solve_complex(w, b, plan):
    """Solve in every lane for one right-hand side in place."""
    n, diagonal, pivot, left, right = plan[0], plan[4], plan[5], plan[12], plan[13]
    for k in range(n):
        less_products(shifted(b, plan[pivot + k] * WIDE), b, w, shifted(plan, left + 1), plan[left])
        left += 1 + plan[left]
    for k in range(n - 1, -1, -1):
        i = plan[pivot + k]
        value = shifted(b, i * WIDE)
        less_products(value, b, w, shifted(plan, right + 1), plan[right])
        right += 1 + plan[right]
        multiplied(value, shifted(w, plan[diagonal + i] * WIDE))
