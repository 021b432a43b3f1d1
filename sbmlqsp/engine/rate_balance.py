"""How far a state is from balance: what its linearised rates still lead to, from the formulas alone."""

from __future__ import annotations

from typing import Any

import numpy as np

from sbmlqsp.engine.rate_slopes import rate_slopes
from sbmlqsp.engine.rates import RightHandSide

__all__ = ["way_left"]

THIN = 1e-14
"""What part of the largest singular value of the slopes counts as none: rests next to each other in that direction."""
ROUNDING = 1e-15


def way_left(side: RightHandSide, y: Any, inflow: Any, free: Any, size: Any) -> tuple[Any, Any]:
    """Return how far states still have to go, and how far off that may be by the rounding errors of the rates.

    Parameters
    ----------
    side : RightHandSide
        Of one row of parameters.
    y, inflow : ndarray of shape (states,)
        What flows in beside what the rates say.
    free : ndarray of bool
        Which states count: those that something reads.
    size : ndarray of shape (states,)
        Of what is 0 throughout, 0; it stays so.

    Returns
    -------
    left, error : ndarray of shape (states,)
        NaN where rates have no value.
    """
    out, error, here = np.zeros(len(y)), np.zeros(len(y)), np.flatnonzero(free & (size > 0))
    if not here.size:
        return out, error
    f = (side(y[:, None])[:, 0] + inflow)[here]
    matrix = rate_slopes(side, y[:, None])[0][np.ix_(here, here)] * size[here]
    if not (np.isfinite(f).all() and np.isfinite(matrix).all()):
        return np.full(len(y), np.nan), error
    terms = np.abs(matrix) @ (np.abs(y[here]) / size[here]) + np.abs(inflow[here])
    weight = np.abs(matrix).max(axis=1)
    weight = np.where(weight > 0, weight, np.where(np.abs(f) > 0, np.abs(f), 1.0))
    u, s, _ = np.linalg.svd(matrix / weight[:, None])
    # What small disturbances conserve stays as it is on the way that is left.
    kept = (u[:, s <= THIN * s.max(initial=0.0)].T / weight) * size[here]
    kept = kept / np.maximum(np.abs(kept).max(axis=1, initial=0.0, keepdims=True), 1e-300)
    back = np.linalg.pinv(np.concatenate([matrix / weight[:, None], kept]), rcond=THIN)[:, : len(here)]
    out[here] = -(back @ (f / weight)) * size[here]
    error[here] = np.abs(back) @ (ROUNDING * terms / weight) * size[here]
    return out, error
