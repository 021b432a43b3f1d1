"""One covariate's distribution over the subjects of a population."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import Any

import numpy as np

from sbmlqsp.errors import DataError
from sbmlqsp.units import parse_unit

__all__ = ["Covariate"]

NEEDS = {
    "normal": ("mean", "sd"),
    "log-normal": ("median", "cv"),
    "uniform": ("low", "high"),
    "categories": ("levels",),
}


@dataclass(frozen=True)
class Covariate:
    """How a covariate is distributed.

    Parameters
    ----------
    kind : {"normal", "log-normal", "uniform", "categories"}
    mean, sd : float, optional
        Of a normal distribution, before it is bounded.
    median, cv : float, optional
        Of a log-normal distribution, before it is bounded; the variance of the logarithm is ``ln(1 + cv**2)``.
    low, high : float, optional
        Bounds: the range of a uniform distribution, and where the others are cut off (truncated).
    levels : mapping, optional
        The probability of each category; categories are numbers or words. In formulas the word ``"F"`` of ``SEX`` is
        ``SEX_F``, which is 1 or 0.
    unit : str
        For descriptions.
    each : {"subject", "occasion"}
        Whether a subject keeps its value or has a new one at each occasion, as with meals.

    Raises
    ------
    DataError
        A value is missing, not finite, or not one that the distribution can have.
    UnitError
        The unit is unknown.

    Examples
    --------
    >>> weight = Covariate("log-normal", median=70, cv=0.2, low=40, high=150, unit="kg")
    >>> float(weight.quantile(0.5).round(2))
    70.04
    """

    kind: str
    _: KW_ONLY
    mean: float | None = None
    sd: float | None = None
    median: float | None = None
    cv: float | None = None
    low: float | None = None
    high: float | None = None
    levels: Mapping[Any, float] = field(default_factory=dict)
    unit: str = ""
    each: str = "subject"

    def __post_init__(self) -> None:
        if self.kind not in NEEDS:
            raise DataError("no such kind of covariate", value=self.kind, expected=", ".join(NEEDS))
        if self.each not in {"subject", "occasion"}:
            raise DataError("a covariate is drawn for each what", value=self.each, expected="'subject' or 'occasion'")
        _check_given(self)
        _check_values(self)
        object.__setattr__(self, "levels", dict(self.levels))
        if self.unit:
            parse_unit(self.unit)

    @property
    def in_words(self) -> bool:
        """Whether its values are words."""
        return any(isinstance(v, str) for v in self.levels)

    def quantile(self, u: Any) -> Any:
        """Return the values at probabilities; of a covariate in words, the position of the level."""
        u = np.asarray(u, dtype=float)
        if self.kind == "categories":
            edges = np.cumsum(list(self.levels.values()))
            place = np.searchsorted(edges[:-1], u, side="right")
            return place if self.in_words else np.array([float(v) for v in self.levels])[place]
        if self.kind == "uniform":
            return float(self.low or 0.0) + u * (float(self.high or 0.0) - float(self.low or 0.0))
        from scipy.special import ndtr, ndtri

        lower, upper = (float(ndtr(z)) for z in self.standard_bounds())
        z = ndtri(lower + u * (upper - lower))
        if self.kind == "normal":
            out = float(self.mean or 0.0) + float(self.sd or 0.0) * z
        else:
            out = float(self.median or 0.0) * np.exp(self._log_sd * z)
        return np.clip(out, -math.inf if self.low is None else self.low, math.inf if self.high is None else self.high)

    @property
    def _log_sd(self) -> float:
        return math.sqrt(math.log1p(float(self.cv or 0.0) ** 2))

    def standard_bounds(self) -> tuple[float, float]:
        """Return the bounds as normal scores."""

        def standard(x: float | None, default: float) -> float:
            if x is None:
                return default
            if self.kind == "normal":
                return (x - float(self.mean or 0.0)) / float(self.sd or 1.0)
            return math.log(x / float(self.median or 1.0)) / self._log_sd if x > 0 else -math.inf

        return standard(self.low, -math.inf), standard(self.high, math.inf)

    def moments(self) -> tuple[float, float]:
        """Return mean and standard deviation, bounds included; NaN for words."""
        if self.in_words:
            return math.nan, math.nan
        if self.kind == "categories":
            x, w = np.array([float(v) for v in self.levels]), np.array(list(self.levels.values()))
            mean, second = float((w * x).sum()), float((w * x**2).sum())
        elif self.kind == "uniform":
            low, high = float(self.low or 0.0), float(self.high or 0.0)
            mean, second = (low + high) / 2, (low**2 + low * high + high**2) / 3
        else:
            mean, second = self._raw_moment(1), self._raw_moment(2)
        return mean, math.sqrt(max(second - mean**2, 0.0))

    def _raw_moment(self, k: int) -> float:
        """Return E[X**k] of a truncated normal or log-normal, for k = 1 or 2."""
        from scipy.special import ndtr

        a, b = self.standard_bounds()
        share = float(ndtr(b) - ndtr(a))
        if self.kind == "log-normal":
            s, median = self._log_sd, float(self.median or 0.0)
            return median**k * math.exp((k * s) ** 2 / 2) * float(ndtr(b - k * s) - ndtr(a - k * s)) / share
        mean, sd = float(self.mean or 0.0), float(self.sd or 0.0)
        first = (_density(a) - _density(b)) / share
        if k == 1:
            return mean + sd * first
        inner = 1 + (_times_density(a) - _times_density(b)) / share
        return mean**2 + 2 * mean * sd * first + sd**2 * inner


def _density(z: float) -> float:
    return math.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)


def _times_density(z: float) -> float:
    return z * _density(z) if math.isfinite(z) else 0.0


def _check_given(c: Covariate) -> None:
    every = ("mean", "sd", "median", "cv", "low", "high", "levels")
    where = f"the {c.kind} covariate"
    for name in NEEDS[c.kind]:
        if getattr(c, name) in (None, {}):
            raise DataError(f"the {name} is missing", where=where, remedy=f"give {name}=")
    allowed = {*NEEDS[c.kind], *(() if c.kind == "categories" else ("low", "high"))}
    for name in every:
        if name not in allowed and getattr(c, name) not in (None, {}):
            raise DataError(
                f"the {name} means nothing here", value=getattr(c, name), where=where, remedy="leave it out"
            )


def _check_values(c: Covariate) -> None:
    where = f"the {c.kind} covariate"
    for name in ("mean", "sd", "median", "cv", "low", "high"):
        value = getattr(c, name)
        if value is None:
            continue
        good = not isinstance(value, bool | str) and math.isfinite(value)
        if not good or (name in {"sd", "median", "cv"} and value <= 0):
            expected = "a positive number" if name in {"sd", "median", "cv"} else "a number"
            raise DataError(f"the {name} is not usable", value=value, where=where, expected=expected)
    if c.low is not None and c.high is not None and not c.low < c.high:
        raise DataError("the bounds leave nothing", value=(c.low, c.high), where=where, expected="low below high")
    if c.kind == "categories":
        shares = list(c.levels.values())
        if any(not p >= 0 for p in shares) or abs(math.fsum(shares) - 1) > 1e-9:
            raise DataError("the shares of the levels do not add up to 1", value=dict(c.levels), where=where)
        if len({isinstance(v, str) for v in c.levels}) > 1:
            raise DataError("the levels are partly words and partly numbers", value=list(c.levels), where=where)
    elif c.kind != "uniform":
        from scipy.special import ndtr

        lower, upper = (ndtr(z) for z in c.standard_bounds())
        if upper - lower < 1e-6:
            raise DataError("the bounds leave almost nothing of the distribution", value=(c.low, c.high), where=where)
