"""Times that differ by rounding alone are one instant: 7*24 and 168.00000000000003 are the same dose time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

__all__ = ["SNAP", "align", "nearest"]

SNAP = 1e-10
"""Times closer than this, of the larger of them and 1, share one instant."""


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
