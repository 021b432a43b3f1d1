"""Intervals of shares."""

from __future__ import annotations

from sbmlqsp.errors import DataError

__all__ = ["checked_confidence", "clopper_pearson"]


def checked_confidence(confidence: float) -> float:
    """Return the confidence; `DataError` where it lies outside of (0, 1)."""
    if not 0 < confidence < 1:
        raise DataError("the confidence is not a share", value=confidence, expected="between 0 and 1, such as 0.95")
    return float(confidence)


def clopper_pearson(hits: float, n: float, confidence: float) -> tuple[float, float]:
    """Return the Clopper–Pearson interval of a share: it holds the truth at least as often as stated.

    Counts need not be whole.

    References
    ----------
    Clopper CJ, Pearson ES. Biometrika 1934;26:404-413. doi:10.1093/biomet/26.4.404

    Examples
    --------
    >>> low, high = clopper_pearson(0, 10, 0.95)
    >>> low, round(high, 4)
    (0.0, 0.3085)
    """
    from scipy.special import betaincinv

    tail = (1 - confidence) / 2
    low = 0.0 if hits <= 0 else float(betaincinv(hits, n - hits + 1, tail))
    high = 1.0 if hits >= n else float(betaincinv(hits + 1, n - hits, 1 - tail))
    return low, high
