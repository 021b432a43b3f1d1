"""Elimination of complex systems by a plan in several lanes: real and imaginary parts are vectors side by side."""

from __future__ import annotations

from sbmlqsp.engine.ode_elimination import elimination_of
from sbmlqsp.engine.ode_model import fast
from sbmlqsp.engine.ode_status import LANES
from sbmlqsp.engine.ode_vectors_complex import inverted, less_products, multiplied

__all__ = ["factor_complex", "solve_complex"]

WIDE = 2 * LANES
_ELIMINATE, solve_complex = elimination_of(WIDE, less_products, inverted, multiplied)


@fast
def factor_complex(out, w, real, imaginary, plan):
    """Eliminate d*I - J in every lane by a plan; the reciprocals of the pivots take their places."""
    n, entries, size = plan[0], plan[1], plan[2]
    entry, diagonal = plan[3], plan[4]
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
    _ELIMINATE(w, plan)
