"""Times that differ by rounding alone are one instant: 7*24 and 168.00000000000003 are the same dose time."""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Sequence

import numpy as np

__all__ = ["SNAP", "Instants", "align", "nearest"]

SNAP = 1e-10
"""Times closer than this, of the larger of them and 1, share one instant."""


class Instants:
    """Known times, increasing.

    Examples
    --------
    >>> Instants([1.0, 0.3]).near(3 * 0.1)
    True
    """

    def __init__(self, times: Iterable[float]) -> None:
        self._times = sorted(times)

    def near(self, time: float) -> bool:
        """Whether a time is within rounding of one of them."""
        i = bisect.bisect_left(self._times, time)
        return any(abs(t - time) <= SNAP * max(1.0, abs(time)) for t in self._times[max(i - 1, 0) : i + 1])


def nearest(known: Sequence[float] | np.ndarray, times: np.ndarray) -> np.ndarray:
    """Return for every time which of the known ones, which increase, it falls on, or -1."""
    array = np.asarray(known)
    index = np.clip(np.searchsorted(array, times), 0, len(array) - 1)
    index = np.where(np.abs(array[np.maximum(index - 1, 0)] - times) < np.abs(array[index] - times), index - 1, index)
    return np.where(np.abs(array[index] - times) <= SNAP * np.maximum(1.0, np.abs(times)), index, -1)


def align(times: Sequence[float], grid: np.ndarray) -> np.ndarray:
    """Return times, those within rounding of an output time as that output time.

    Parameters
    ----------
    times : sequence of float
    grid : ndarray
        Output times, increasing.

    Examples
    --------
    >>> align([0.1, 3 * 0.1], np.array([0.0, 0.3])).tolist()
    [0.1, 0.3]
    """
    array = np.asarray(times, dtype=float)
    at = nearest(grid, array)
    return np.where(at >= 0, np.asarray(grid)[at], array)
