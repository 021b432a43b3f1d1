"""Elimination by a plan for several patients side by side, for numbers of any kind: real, or complex.

Products are summed before they are stored, since large models wait for memory.
"""

from __future__ import annotations

from sbmlqsp.engine.ode_model import fast, shifted

__all__ = ["elimination_of"]


def elimination_of(wide, less_products, inverted, multiplied):
    """Return the functions that eliminate, and that solve for one right-hand side, both in place.

    Numbers of all lanes are ``wide`` consecutive ones; the others are their arithmetic. The reciprocals of the pivots
    take their places.
    """

    @fast
    def eliminate(w, plan):
        diagonal, pivot, below_of, beside_of, c = plan[4], plan[5], plan[7], plan[9], plan[11]
        for k in range(plan[0]):
            at = shifted(w, plan[diagonal + plan[pivot + k]] * wide)
            beside = 1 + plan[beside_of + k + 1] - plan[beside_of + k]
            for e in range(beside + plan[below_of + k + 1] - plan[below_of + k]):
                value = shifted(w, plan[c] * wide)
                less_products(value, w, w, shifted(plan, c + 2), plan[c + 1])
                c += 2 + plan[c + 1]
                if e == 0:
                    inverted(value)
                elif e >= beside:
                    multiplied(value, at)

    @fast
    def substitute(w, b, plan):
        n, diagonal, pivot, left, right = plan[0], plan[4], plan[5], plan[12], plan[13]
        for k in range(n):
            less_products(shifted(b, plan[pivot + k] * wide), b, w, shifted(plan, left + 1), plan[left])
            left += 1 + plan[left]
        for k in range(n - 1, -1, -1):
            i = plan[pivot + k]
            value = shifted(b, i * wide)
            less_products(value, b, w, shifted(plan, right + 1), plan[right])
            right += 1 + plan[right]
            multiplied(value, shifted(w, plan[diagonal + i] * wide))

    return eliminate, substitute
