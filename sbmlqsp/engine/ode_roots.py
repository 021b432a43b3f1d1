"""Roots by which steps grow, to a few thousandths: a library's power takes as long as the rates of a small model."""

from __future__ import annotations

import numba as nb

from sbmlqsp.engine.ode_model import fast
from sbmlqsp.engine.ssa_arithmetic import bits_of, of_bits

__all__ = ["over_root"]

ONE = 4607182418800017408
"""The bits of 1.0."""


@fast
def over_root(x, p):
    """Return one over the p-th root of a positive number: guessed from its bits, and improved by Newton's method."""
    share = 1.0 / p  # of conversions and products, several are computed at once
    y = of_bits(nb.int64(ONE + ONE // p) - nb.int64(nb.float64(nb.int64(bits_of(x))) * share))
    for _ in range(3):
        power = x
        for _ in range(p):
            power *= y
        y *= 1.0 + (1.0 - power) * share
    return y
