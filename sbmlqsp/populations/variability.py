"""How one parameter varies between subjects around what their covariates predict."""

from __future__ import annotations

import math
from dataclasses import KW_ONLY, dataclass
from typing import Any

import numpy as np

from sbmlqsp.errors import DataError

__all__ = ["Variability"]

KINDS = ("log-normal", "normal", "logit-normal", "box-cox")
MOST_CV = 1_000.0


@dataclass(frozen=True)
class Variability:
    """Variability of a parameter between subjects, or between the occasions of one.

    With η normal of standard deviation ω and θ the typical value for the subject's covariates, the individual value is
    ``θ·exp(η)`` (log-normal), ``θ + η`` (normal), the inverse logit of ``logit(θ) + η`` between two bounds
    (logit-normal), or ``θ·exp((exp(η)**shape - 1)/shape)`` (Box–Cox).

    Parameters
    ----------
    kind : {"log-normal", "normal", "logit-normal", "box-cox"}
    sd, variance, cv : float
        One of them: ω, ω², or (log-normal alone) the coefficient of variation, for which ω² = ln(1 + cv²).
    shape : float, optional
        Of the Box–Cox transformation; 0 is log-normal.
    low, high : float
        Bounds of the logit-normal.

    Raises
    ------
    DataError
        Not exactly one of sd, variance and cv is given, or a value is impossible.

    References
    ----------
    Petersson KJF, Hanze E, Savic RM, Karlsson MO (2009) Semiparametric distributions with estimated shape parameters.
    https://doi.org/10.1007/s11095-009-9931-1

    Examples
    --------
    >>> round(Variability("log-normal", cv=0.3).omega, 4)
    0.2936
    """

    kind: str
    _: KW_ONLY
    sd: float | None = None
    variance: float | None = None
    cv: float | None = None
    shape: float | None = None
    low: float = 0.0
    high: float = 1.0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise DataError("no such kind of variability", value=self.kind, expected=", ".join(KINDS))
        sizes = {n: getattr(self, n) for n in ("sd", "variance", "cv") if getattr(self, n) is not None}
        if len(sizes) != 1:
            raise DataError(
                "the size of the variability is not given once", value=sizes or None, expected="one of sd, variance, cv"
            )
        (name, value) = next(iter(sizes.items()))
        if isinstance(value, bool | str) or not (math.isfinite(value) and value >= 0):
            raise DataError(f"the {name} is not usable", value=value, expected="a number, not negative")
        if name == "cv" and value > MOST_CV:
            raise DataError("the cv is no coefficient of variation", value=value, expected="such as 0.3 for 30 %")
        if name == "cv" and self.kind != "log-normal":
            raise DataError("cv has a meaning for log-normal variability alone", value=value, remedy="give sd=")
        if (self.shape is not None) != (self.kind == "box-cox") or not math.isfinite(self.shape or 0.0):
            raise DataError("a Box–Cox transformation, and only that, has a shape", value=self.shape)
        if not self.low < self.high:
            raise DataError("the bounds leave nothing", value=(self.low, self.high), expected="low below high")

    @property
    def omega(self) -> float:
        """The standard deviation of η."""
        if self.cv is not None:
            return math.sqrt(math.log1p(self.cv**2))
        return math.sqrt(self.variance) if self.variance is not None else float(self.sd or 0.0)

    def individual(self, typical: Any, eta: Any, kappa: Any = 0.0) -> Any:
        """Return the individual values for effects of subjects, and of their occasions on top of those.

        Raises
        ------
        DataError
            A typical value that this kind cannot have.
        """
        typical = np.asarray(typical, dtype=float)
        if self.kind == "normal":
            return typical + (eta + kappa)
        if self.kind == "logit-normal":
            share = (typical - self.low) / (self.high - self.low)
            if not ((share > 0) & (share < 1)).all():
                bounds = f"between {self.low:g} and {self.high:g}"
                raise DataError("a typical value is out of bounds", value=_first(typical, share), expected=bounds)
            odds = share / (1 - share) * np.exp(eta + kappa)
            return self.low + (self.high - self.low) * odds / (1 + odds)
        if not (typical > 0).all():
            bad = typical[~(typical > 0)].ravel()[0]
            raise DataError(f"a typical value of a {self.kind} parameter is not positive", value=float(bad))
        if self.kind == "box-cox" and self.shape:
            eta = np.expm1(self.shape * np.asarray(eta)) / self.shape
        return typical * np.exp(eta + kappa)


def _first(values: Any, share: Any) -> float:
    return float(np.asarray(values)[~((share > 0) & (share < 1))].ravel()[0])
