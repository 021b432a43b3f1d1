"""Percentiles of values some of which are only known to lie beyond a limit of quantification."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["interval", "percentiles_of"]


def percentiles_of(values: Any, percentiles: Sequence[float]) -> NDArray[np.float64]:
    """Return percentiles over the last axis, interpolated linearly between order statistics as in NumPy.

    Parameters
    ----------
    values : array, shape (…, n)
        ``-inf`` below a limit, ``inf`` above one; NaN is left out.
    percentiles : sequence of float
        From 0 to 100.

    Returns
    -------
    ndarray, shape (percentiles, …)
        ``-inf`` (or ``inf``) where the percentile lies beyond the limit, or between a value and what lies beyond: it is
        not known then, and no number is made up. NaN where there are no values.

    Examples
    --------
    >>> percentiles_of([-np.inf, 1.0, 2.0, 3.0], [20, 50]).tolist()
    [-inf, 1.5]
    """
    ordered = np.sort(np.asarray(values, dtype=float), axis=-1)  # NaN comes last
    count = np.isfinite(ordered).sum(axis=-1) + np.isinf(ordered).sum(axis=-1)
    out = []
    for p in percentiles:
        place = np.maximum(count - 1, 0) * (p / 100)
        low = np.floor(place + 1e-9).astype(int)
        share = np.maximum(place - low, 0.0)
        high = np.minimum(low + (share > 0), np.maximum(count - 1, 0))
        a, b = (np.take_along_axis(ordered, k[..., None], axis=-1)[..., 0] for k in (low, high))
        between = np.where(np.isneginf(a) & (high > low), -np.inf, b)
        both = np.isfinite(a) & np.isfinite(b)
        inner = np.where(both, a, 0.0) + share * (np.where(both, b, 0.0) - np.where(both, a, 0.0))
        found = np.where(both, inner, np.where(high > low, between, a))
        out.append(np.where(count > 0, found, np.nan))
    return np.array(out)


def interval(values: Any, confidence: float) -> NDArray[np.float64]:
    """Return the median over the first axis and the ends of the central interval: median, low, high."""
    tail = 50 * (1 - confidence)
    return percentiles_of(np.moveaxis(np.asarray(values, dtype=float), 0, -1), [50, tail, 100 - tail])
