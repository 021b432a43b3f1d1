"""Which observations are looked at together: bins of time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from sbmlqsp.errors import DataError

__all__ = ["FEWEST", "bin_edges", "binned"]

FEWEST = 5
"""Percentiles of fewer observations than this are refused."""
_ENOUGH = 20
_MOST = 20
_PRICE = 0.2
_CANDIDATES = 800


def bin_edges(times: Any, bins: str | int | Sequence[float], *, subjects: int = 1, where: str = "") -> Any:
    """Return the edges of bins.

    Parameters
    ----------
    times : array
        Of the observations.
    bins : "auto", int or sequence of float
        Edges, or how many bins, or "auto". Bins that are not given lie where observations cluster: of all ways to cut
        the times, the one with the least squared distance from the means of the bins (k-means in one dimension, found
        exactly). Distances are those of ``asinh(t/s)``, with ``s`` the 10th percentile of times that are not 0: early
        times, which lie close together, count as late ones do that lie far apart.
        "auto" takes the number K of bins with the least ``log(J) + 0.2*K``, J being that distance: one more bin must
        take away a fifth of it. It makes at most 20 bins, each with more observations than half the subjects (or 20,
        where that is less), and 5 at least. Nominal times that enough subjects share get a bin each.
    subjects : int
        How many subjects the times are of.
    where : str
        For messages.

    Returns
    -------
    ndarray
        The edges; a bin holds its left edge, the last its right edge too. Edges lie halfway between the observations
        beside them.

    Raises
    ------
    DataError
        The bins are none, or some would have too few observations.

    References
    ----------
    Lavielle M, Bleakley K (2011) Automatic data binning for improved visual diagnosis of pharmacometric models.
    https://doi.org/10.1007/s10928-011-9223-3

    Examples
    --------
    >>> bin_edges([0.0] * 6 + [1.0] * 6 + [4.0] * 6, "auto", subjects=6).tolist()
    [0.0, 0.5, 2.5, 4.0]
    """
    times = np.sort(np.asarray(times, dtype=float))
    if len(times) < FEWEST:
        raise DataError("there are too few observations for percentiles", value=len(times), where=where or None,
                        expected=f"{FEWEST} or more")  # fmt: skip
    if isinstance(bins, str):
        if bins != "auto":
            raise DataError("no such choice of bins", value=bins, expected="'auto', how many, or their edges")
        # So a time at which each subject has one sample is never cut in two, nor lost where some subjects drop out.
        at_least = max(FEWEST, min(_ENOUGH, subjects // 2 + 1))
        return _clustered(times, None, min(at_least, len(times)))
    if isinstance(bins, int | np.integer) and not isinstance(bins, bool):
        if bins < 1:
            raise DataError("there is no bin", value=bins, expected="1 or more")
        edges = _clustered(times, int(bins), FEWEST)
        if edges is None:
            raise DataError(
                f"{bins} bins would leave fewer than {FEWEST} observations in one", value=bins,
                where=where or None, remedy="ask for fewer bins, or bins='auto'",
            )  # fmt: skip
        return edges
    return _given(times, bins, where)


def binned(times: Any, edges: Any) -> Any:
    """Return the bin of each time, counted from 0."""
    return np.clip(np.searchsorted(edges, times, side="right") - 1, 0, len(edges) - 2)


def _given(times: Any, bins: Any, where: str) -> Any:
    try:
        edges = np.asarray(bins, dtype=float)
    except (TypeError, ValueError):
        edges = np.array([])
    if edges.ndim != 1 or len(edges) < 2 or not np.isfinite(edges).all() or (np.diff(edges) <= 0).any():
        raise DataError("the edges of bins are not usable", value=bins, expected="two or more rising numbers")
    outside = times[(times < edges[0]) | (times > edges[-1])]
    if len(outside):
        raise DataError(
            f"{len(outside)} observations lie outside the bins", value=float(outside[0]), where=where or None,
            expected=f"times from {edges[0]:g} to {edges[-1]:g}", remedy="widen the outer edges, or leave these out",
        )  # fmt: skip
    counts = np.bincount(binned(times, edges), minlength=len(edges) - 1)
    for i in np.flatnonzero((counts > 0) & (counts < FEWEST)):
        raise DataError(
            f"a bin has {counts[i]} observations", value=(float(edges[i]), float(edges[i + 1])), where=where or None,
            expected=f"{FEWEST} or more, or none", remedy="join it with its neighbour",
        )  # fmt: skip
    return edges


def _clustered(times: Any, wanted: int | None, at_least: int) -> Any:
    """Return the edges of so many bins, or of the best number; None where some would have too few observations."""
    distinct, counts = np.unique(times, return_counts=True)
    scale = np.percentile(np.abs(times[times != 0]), 10) if (times != 0).any() else 1.0
    cuts = _candidates(len(distinct))
    cost = _costs(np.arcsinh(distinct / scale), counts, cuts, at_least)
    whole, ways = cost[0, -1], _ways(cost, wanted or _MOST)
    possible = {k: j for k, (j, _) in enumerate(ways, 1) if np.isfinite(j)}
    if wanted is None:
        # Below this a distance is rounding: all times of every bin are one.
        least = max(whole, 1e-300) * 1e-12
        wanted = min(possible, key=lambda k: math.log(max(possible[k], least)) + _PRICE * k, default=0)
    if wanted not in possible:
        return None
    inner = [cuts[c] for c in _traced([back for _, back in ways[:wanted]])]
    middle = [(distinct[c - 1] + distinct[c]) / 2 for c in inner]
    return np.array([distinct[0], *middle, distinct[-1]])


def _candidates(count: int) -> Any:
    """Return where cuts may lie: before which of the distinct times; not before each where they are very many."""
    if count <= _CANDIDATES:
        return np.arange(count + 1)
    return np.unique(np.linspace(0, count, _CANDIDATES + 1).round().astype(int))


def _costs(position: Any, counts: Any, cuts: Any, at_least: int) -> Any:
    """Return the squared distance from their mean of what lies between each two cuts; infinite for too few."""
    position = position - np.average(position, weights=counts)
    sums = [np.concatenate([[0.0], np.cumsum(counts * position**k)])[cuts] for k in range(3)]
    n, first, second = (s[None, :] - s[:, None] for s in sums)
    with np.errstate(divide="ignore", invalid="ignore"):
        cost = np.maximum(second - first**2 / n, 0.0)
    return np.where(n >= at_least, cost, np.inf)


def _ways(cost: Any, most: int) -> list[tuple[float, Any]]:
    """Return for 1, 2, … bins the least cost of all, and before each cut the best cut before it."""
    best, back = cost[0], np.zeros(len(cost), dtype=int)
    out = [(float(best[-1]), back)]
    for _ in range(1, most):
        total = best[:, None] + cost
        back = total.argmin(axis=0)
        best = np.take_along_axis(total, back[None, :], axis=0)[0]
        out.append((float(best[-1]), back))
    return out


def _traced(backs: list[Any]) -> list[int]:
    """Return the inner cuts, rising, from the last one backwards."""
    at, out = len(backs[0]) - 1, list[int]()
    for back in backs[:0:-1]:
        at = int(back[at])
        out.insert(0, at)
    return out
