"""Elimination by a plan in several lanes, for systems so large that to write it out would take too long to compile."""

from __future__ import annotations

import numba as nb

from sbmlqsp.engine.ode_model import FACTORS, SOLVE, shifted
from sbmlqsp.engine.ode_status import LANES
from sbmlqsp.engine.ode_vectors import scaled, taken_off
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
        entry, diagonal, pivot, below, below_of = plan[3], plan[4], plan[5], plan[6], plan[7]
        beside, beside_of, c = plan[8], plan[9], plan[10]
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
            for lane in range(LANES):
                w[at + lane] = 1.0 / w[at + lane]
            first, last = plan[beside_of + k], plan[beside_of + k + 1]
            for r in range(plan[below_of + k], plan[below_of + k + 1]):
                row = shifted(w, plan[below + 2 * r + 1] * LANES)
                scaled(row, row, shifted(w, at))
                for s in range(first, last):
                    taken_off(shifted(w, plan[c] * LANES), row, shifted(w, plan[beside + 2 * s + 1] * LANES))
                    c += 1

    return factor_lanes


def _solve(sources):
    """Return solution by a plan, kept on disk for these sources of it."""

    @nb.cfunc(SOLVE, **OPTIONS)
    def solve_lanes(w, b, plan):
        """Solve in every lane for one right-hand side in place."""
        _ = sources
        n, diagonal, pivot = plan[0], plan[4], plan[5]
        below, below_of, beside, beside_of = plan[6], plan[7], plan[8], plan[9]
        for k in range(n):
            value = shifted(b, plan[pivot + k] * LANES)
            for r in range(plan[below_of + k], plan[below_of + k + 1]):
                taken_off(shifted(b, plan[below + 2 * r] * LANES), shifted(w, plan[below + 2 * r + 1] * LANES), value)
        for k in range(n - 1, -1, -1):
            i = plan[pivot + k]
            value = shifted(b, i * LANES)
            for s in range(plan[beside_of + k], plan[beside_of + k + 1]):
                taken_off(value, shifted(w, plan[beside + 2 * s + 1] * LANES), shifted(b, plan[beside + 2 * s] * LANES))
            scaled(value, value, shifted(w, plan[diagonal + i] * LANES))

    return solve_lanes


factor_lanes = _factor(sources_of("ode_*.py"))
solve_lanes = _solve(sources_of("ode_*.py"))
