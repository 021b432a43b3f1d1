"""The state that an endless series of one dose leads to in a linear model, by matrix exponentials."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from sbmlqsp.course import Series

__all__ = ["NoSteadyState", "linear_state", "stiff"]

ROUNDING, EXACT = 1e-15, 1e-9
"""Of a linear system: what each of its largest rates adds to its error, and how exactly it is to be solved."""


class NoSteadyState(Exception):  # noqa: N818
    """A series of doses leads nowhere: why, in plain words."""


def stiff(a: Any, interval: float) -> bool:
    """Say whether the rounding errors of a linear system's fast states are seen in what settles slowly."""
    rates = np.abs(np.linalg.eigvals(a))
    fastest = float(np.abs(a).sum(axis=0).max(initial=0.0))
    slow = rates[rates > 1e-13 * fastest]
    lost = float(slow.min()) if len(slow) else 1.0
    lost = -math.expm1(-lost * interval) / interval if interval > 0 else lost
    unclear = bool((rates > 0).sum() > len(slow)) and (interval == 0 or fastest * interval > 1e6)
    return unclear or fastest * ROUNDING > EXACT * lost


def linear_state(a: Any, b: Any, into: Any, series: Series, x0: Any) -> Any:
    """Return the state of dx/dt = a x + b at the record of a series into one state."""
    n = len(b)

    def carried(length: float, rate: float) -> Any:
        block = np.zeros((n + 1, n + 1))
        block[:n, :n], block[:n, n] = a * length, (b + rate * into) * length
        return _exponential(block)

    def dosed(until: float) -> Any:
        """Return the affine map from just before a dose to some time after it."""
        if series.length == 0:
            jump = np.eye(n + 1)
            jump[:n, n] = series.amount * into
            return carried(until, 0.0) @ jump
        rate, first = series.amount / series.length, series.length % series.interval
        layers = round((series.length - first) / series.interval)
        out = carried(min(until, first), (layers + 1) * rate)
        return carried(until - first, layers * rate) @ out if until > first else out

    if series.interval == 0:
        return _at_rest(a, b + series.rate * into, x0)
    period = dosed(series.interval)
    before = _fixed_point(period[:n, :n], period[:n, n], a, x0, into)
    if series.phase == series.interval:
        return before
    return (dosed(series.phase) @ np.append(before, 1.0))[:n]


def _exponential(a: Any) -> Any:
    """Return the exponential of a small matrix, by its series after scaling to a norm of one half.

    SciPy's solves with as many threads as there are cores, which for a matrix of a few rows costs a hundred times the
    work wherever other processes run, as they do beside a population.
    """
    halvings = max(0, int(np.ceil(np.log2(max(np.abs(a).sum(axis=0).max(), 1e-300)))) + 1)
    a = a / 2.0**halvings
    term = out = np.eye(len(a))
    for k in range(1, 19):
        term = term @ a / k
        out = out + term
    with np.errstate(over="ignore", invalid="ignore"):  # growth without bound, which the caller refuses
        for _ in range(halvings):
            out = out @ out
    return out


def _kept(a: Any, into: Any, given: bool) -> Any:
    """Return rows whose product with the state never changes; refuse a dose into what nothing removes."""
    scale = np.maximum(np.abs(a).max(axis=0, initial=0.0), 1e-300)
    u, s, _ = np.linalg.svd(a / scale)
    rows = u[:, s <= 1e-13 * max(s.max(initial=0.0), 1e-300)].T
    if given and (np.abs(rows @ into) > 1e-9).any():
        raise NoSteadyState("nothing removes what is given, so it accumulates without end")
    return rows


def _at_rest(a: Any, input_: Any, x0: Any) -> Any:
    rows = _kept(a, input_, given=True)
    return _solution(np.vstack([a, rows]), np.concatenate([-input_, rows @ x0]))


def _fixed_point(p: Any, q: Any, a: Any, x0: Any, into: Any) -> Any:
    rows = _kept(a, into, given=True)
    finite = np.isfinite(p).all() and np.isfinite(q).all()
    radii = np.sort(np.abs(np.linalg.eigvals(p)))[::-1] if finite else np.full(len(q), np.inf)
    if len(radii) > len(rows) and radii[len(rows)] >= 1.0:
        raise NoSteadyState("without doses the model does not come to rest")
    return _solution(np.vstack([np.eye(len(q)) - p, rows]), np.concatenate([q, rows @ x0]))


def _solution(matrix: Any, right: Any) -> Any:
    if matrix.shape[0] == matrix.shape[1]:
        out = np.linalg.solve(matrix, right)
    else:
        out = np.linalg.lstsq(matrix, right, rcond=None)[0]
    if not np.isfinite(out).all():
        raise NoSteadyState("its equations have no solution")
    return out
