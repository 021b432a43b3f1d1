"""Signs that a run may be numerically wrong although the integrator was content."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sbmlqsp.engine.roadrunner import Tolerances

__all__ = ["suspicious"]


def suspicious(states: Any, scales: Any, tolerances: Tolerances, names: Sequence[str]) -> str:
    """Say what is doubtful about the states of one run, in words; ``""`` where nothing is.

    Two patterns are known to be wrong without any message from the integrator: a negative amount, and a nadir so deep
    that it lies below the absolute tolerance, followed by regrowth (which then starts from noise).

    Parameters
    ----------
    states : ndarray of shape (times, states)
        Amounts.
    scales : ndarray of shape (states,)
        Each state's own scale.
    tolerances : Tolerances
    names : sequence of str
    """
    lowest = states.min(axis=0)
    if not np.isfinite(lowest).all():
        return ""
    negative = lowest < -1e-8 * scales
    if negative.any():
        k = int(np.argmin(np.where(negative, lowest / scales, 0.0)))
        return f"'{names[k]}' goes negative (lowest {lowest[k]:.3g})"
    floor = 1e4 * tolerances.absolute * scales
    deep = (lowest < floor) & (states.max(axis=0) > floor)
    at = states.argmin(axis=0)
    for k in np.flatnonzero(deep & (at > 0)).tolist():
        after = states[at[k] :, k].max()
        if lowest[k] != 0 and after > 100 * abs(lowest[k]) and after > 100 * floor[k]:
            return f"'{names[k]}' falls to {lowest[k]:.3g} and regrows to {after:.3g}"
    return ""
