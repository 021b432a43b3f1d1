"""Trusted numeric references: ordinary differential equations solved by SciPy to a tight tolerance."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.integrate import solve_ivp

__all__ = ["integrate"]

Array = NDArray[np.float64]
Rates = Callable[[float, Array], Sequence[float]]
Jump = Callable[[Array], ArrayLike]


def integrate(
    rates: Rates,
    start: ArrayLike,
    times: ArrayLike,
    *,
    jumps: Sequence[tuple[float, Jump]] = (),
    cuts: Sequence[float] = (),
    method: str = "LSODA",
    rtol: float = 1e-11,
    atol: float = 1e-14,
) -> Array:
    """Solve d(state)/dt = rates(t, state).

    Parameters
    ----------
    rates : callable
    start : array of shape (states,)
        The state at time 0, before any jump.
    times : array of shape (times,)
        Where the state is wanted, rising from 0 or later; at a jump, the state after it.
    jumps : sequence of (time, callable)
        What happens to the state at a time, such as a bolus; several at one time happen in order.
    cuts : sequence of float
        Times at which the rates have a corner, such as the end of an infusion.

    Returns
    -------
    array of shape (times, states)
    """
    t, y = np.asarray(times, dtype=float), np.asarray(start, dtype=float)
    marks = sorted({0.0, *(when for when, _ in jumps), *cuts, float(t[-1])})
    out = np.empty((len(t), len(y)))
    for left, right in zip(marks, [*marks[1:], np.inf], strict=True):
        for when, jump in jumps:
            if when == left:
                y = np.asarray(jump(y), dtype=float)
        inside = (t >= left) & (t < right)
        # Inner steps see the time just after the cut, never the cut itself.
        wanted = t[inside]
        if right == np.inf:
            out[inside] = y
            break
        points = np.union1d(wanted, [left, right])
        found = solve_ivp(rates, (left, right), y, method=method, t_eval=points, rtol=rtol, atol=atol)
        if not found.success:
            raise RuntimeError(f"the reference failed: {found.message}")
        out[inside] = found.y.T[np.isin(points, wanted)]
        y = found.y[:, -1]
    return out
