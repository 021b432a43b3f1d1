"""Elimination by a plan in several lanes, for systems so large that to write it out would take too long to compile."""

from __future__ import annotations

import numba as nb

from sbmlqsp.engine.ode_elimination import elimination_of
from sbmlqsp.engine.ode_model import FACTORS, SOLVE, fast
from sbmlqsp.engine.ode_status import LANES
from sbmlqsp.engine.ode_vectors import less_products, scaled
from sbmlqsp.engine.ssa_model import sources as sources_of

__all__ = ["factor_lanes", "solve_lanes"]

OPTIONS = {"error_model": "numpy", "cache": True}


@fast
def _inverted(value):
    for lane in range(LANES):
        value[lane] = 1.0 / value[lane]


@fast
def _multiplied(value, by):
    scaled(value, value, by)


_ELIMINATE, _SUBSTITUTE = elimination_of(LANES, less_products, _inverted, _multiplied)


def _factor(sources):
    """Return elimination by a plan, kept on disk for these sources of it."""

    @nb.cfunc(FACTORS, **OPTIONS)
    def factor_lanes(out, w, d, plan):
        """Eliminate d*I - J in every lane by a plan; the reciprocals of the pivots take their places."""
        _ = sources
        n, entries, size = plan[0], plan[1], plan[2]
        entry, diagonal = plan[3], plan[4]
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
        _ELIMINATE(w, plan)

    return factor_lanes


def _solve(sources):
    """Return solution by a plan, kept on disk for these sources of it."""

    @nb.cfunc(SOLVE, **OPTIONS)
    def solve_lanes(w, b, plan):
        """Solve in every lane for one right-hand side in place."""
        _ = sources
        _SUBSTITUTE(w, b, plan)

    return solve_lanes


factor_lanes = _factor(sources_of("ode_*.py"))
solve_lanes = _solve(sources_of("ode_*.py"))
