"""Shares of cells with intervals that know of subjects and of failed runs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sbmlqsp.results.intervals import clopper_pearson

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Share", "share_of"]


@dataclass(frozen=True, slots=True)
class Share:
    """A share of cells: the estimate, its standard error, and an interval."""

    share: float
    std_error: float
    low: float
    high: float


def share_of(hits: NDArray[np.int64], cells: NDArray[np.int64], *, failed: int = 0, confidence: float = 0.95) -> Share:
    """Return the share of cells that were hit.

    Parameters
    ----------
    hits, cells : array of int, of shape (subjects,)
        How many cells of each subject were hit, of how many that did not fail.
    failed : int
        Cells of which it is unknown: no hits in the lower limit, all hits in the upper.
    confidence : float

    Returns
    -------
    Share
        Of the cells of one subject the Clopper–Pearson interval. Of several, that of as many independent cells as would
        give the variance between the subjects (Korn and Graubard); where all cells agree, of as many as subjects.

    References
    ----------
    Clopper CJ, Pearson ES. Biometrika 1934;26:404-413. doi:10.1093/biomet/26.4.404
    Korn EL, Graubard BI. Confidence intervals for proportions with small expected number of positive counts estimated
    from survey data. Survey Methodology 1998;24:193-201.

    Examples
    --------
    >>> one = share_of(np.array([5]), np.array([10]))
    >>> print(f"{one.share:g} ({one.low:.3f} to {one.high:.3f})")
    0.5 (0.187 to 0.813)
    """
    kept = cells > 0
    hits, cells = hits[kept], cells[kept]
    n, x = int(cells.sum()), int(hits.sum())
    if not n:
        return Share(math.nan, math.nan, 0.0, 1.0)
    share, worth = x / n, float(n)
    variance = share * (1 - share) / n
    if len(cells) > 1:
        variance, worth = _between(hits, cells, share, confidence)
    scale, whole = worth / n, worth * (n + failed) / n
    return Share(
        share, math.sqrt(variance),
        clopper_pearson(scale * x, whole, confidence)[0],
        clopper_pearson(scale * (x + failed), whole, confidence)[1],
    )  # fmt: skip


def _between(hits: NDArray[np.int64], cells: NDArray[np.int64], share: float, confidence: float) -> tuple[float, float]:
    """Return the variance of a share by the differences between subjects, and the independent cells it is worth."""
    from scipy.special import stdtrit

    n, m = float(cells.sum()), len(cells)
    variance = m / (m - 1) * float(((hits - share * cells) ** 2).sum()) / n**2
    if share in {0.0, 1.0}:
        return variance, float(m)
    tail = (1 + confidence) / 2
    narrow = float(stdtrit(n - 1, tail) / stdtrit(m - 1, tail)) ** 2
    worth = share * (1 - share) / variance * narrow if variance else n
    return variance, float(np.clip(worth, 1.0, n))
