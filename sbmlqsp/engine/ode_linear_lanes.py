"""Elimination by a plan in several lanes, for systems so large that to write it out would take too long to compile."""

from __future__ import annotations

import numba as nb

from sbmlqsp.engine.ode_model import FACTORS, SOLVE, shifted
from sbmlqsp.engine.ode_status import LANES
from sbmlqsp.engine.ode_vectors import less_products, scaled
from sbmlqsp.engine.ssa_model import sources as sources_of

__all__ = ["factor_lanes", "solve_lanes"]

OPTIONS = {"error_model": "numpy", "cache": True}


def _factor(sources):
    """Return elimination by a plan, kept on disk for these sources of it."""

    @nb.cfunc(FACTORS, **OPTIONS)
    def factor_lanes(out, w, d, plan):
        """Eliminate d*I - J in every lane by a plan; the reciprocals of the pivots take their places."""
        _ = sources
        n, entries, size = plan[0], plan[1], plan[2]
        entry, diagonal, pivot, below_of, beside_of, c = plan[3], plan[4], plan[5], plan[7], plan[9], plan[11]
        for e in range(size * LANES):
            w[e] = 0.0
        for e in range(entries):
            at = plan[entry + e] * LANES
            for lane in range(LANES):
                w[at + lane] = -out[(2 * n + e) * LANES + lane]
        for i in range(n):
            at = plan[diagonal + i] * LANES
            for lane in range(LANES):
                w[at + lane] += d[lane]
        for k in range(n):
            at = plan[diagonal + plan[pivot + k]] * LANES
            beside = 1 + plan[beside_of + k + 1] - plan[beside_of + k]
            for e in range(beside + plan[below_of + k + 1] - plan[below_of + k]):
                value = shifted(w, plan[c] * LANES)
                less_products(value, w, w, shifted(plan, c + 2), plan[c + 1])
                c += 2 + plan[c + 1]
                if e == 0:
                    for lane in range(LANES):
                        w[at + lane] = 1.0 / w[at + lane]
                elif e >= beside:
                    scaled(value, value, shifted(w, at))

    return factor_lanes


def _solve(sources):
    """Return solution by a plan, kept on disk for these sources of it."""

    @nb.cfunc(SOLVE, **OPTIONS)
    def solve_lanes(w, b, plan):
        """Solve in every lane for one right-hand side in place."""
        _ = sources
        n, diagonal, pivot, left, right = plan[0], plan[4], plan[5], plan[12], plan[13]
        for k in range(n):
            less_products(shifted(b, plan[pivot + k] * LANES), b, w, shifted(plan, left + 1), plan[left])
            left += 1 + plan[left]
        for k in range(n - 1, -1, -1):
            i = plan[pivot + k]
            value = shifted(b, i * LANES)
            less_products(value, b, w, shifted(plan, right + 1), plan[right])
            right += 1 + plan[right]
            scaled(value, value, shifted(w, plan[diagonal + i] * LANES))

    return solve_lanes


factor_lanes = _factor(sources_of("ode_*.py"))
solve_lanes = _solve(sources_of("ode_*.py"))
