"""PetabPrior distributions of parameters, cut off at their bounds."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sbmlqsp.errors import DataError, did_you_mean

__all__ = ["PRIORS", "PetabPrior"]

PRIORS: Mapping[str, tuple[str, ...]] = {
    "cauchy": ("location", "scale"),
    "chisquare": ("degrees of freedom",),
    "exponential": ("scale",),
    "gamma": ("shape", "scale"),
    "laplace": ("location", "scale"),
    "log-laplace": ("location", "scale"),
    "log-normal": ("mean", "standard deviation"),
    "log-uniform": ("lower bound", "upper bound"),
    "normal": ("mean", "standard deviation"),
    "rayleigh": ("scale",),
    "uniform": ("lower bound", "upper bound"),
}
_POSITIVE = {"scale", "degrees of freedom", "shape", "standard deviation"}


@dataclass(frozen=True, slots=True)
class PetabPrior:
    """A distribution by PEtab's name, with its parameters.

    Parameters
    ----------
    kind : str
        ``"normal"``, ``"log-normal"``, ``"laplace"``, ``"log-laplace"``, ``"uniform"``, ``"log-uniform"``,
        ``"cauchy"``, ``"chisquare"``, ``"exponential"``, ``"gamma"`` or ``"rayleigh"``.
    parameters : tuple of float
        In PEtab's order; those of a log-normal and a log-Laplace distribution are of the natural logarithm.

    Raises
    ------
    DataError
        No such distribution, or parameters that it cannot have.

    Examples
    --------
    >>> round(PetabPrior("normal", (4.0, 2.0)).log_density(5.0, 0.0, 10.0), 6)
    -1.712691
    """

    kind: str
    parameters: tuple[float, ...]

    def __post_init__(self) -> None:
        if self.kind not in PRIORS:
            raise DataError(
                "no such prior distribution", value=self.kind, expected=", ".join(PRIORS),
                remedy=did_you_mean(self.kind, PRIORS),
            )  # fmt: skip
        names = PRIORS[self.kind]
        if len(self.parameters) != len(names):
            raise DataError(
                f"the {self.kind} prior has {len(self.parameters)} parameters", value=self.parameters,
                expected="; ".join(names),
            )  # fmt: skip
        for name, value in zip(names, self.parameters, strict=True):
            if not math.isfinite(value) or (name in _POSITIVE and value <= 0):
                raise DataError(f"the {name} of the {self.kind} prior is not usable", value=value)
        if "uniform" in self.kind and not self.parameters[0] < self.parameters[1]:
            raise DataError(f"the {self.kind} prior has no width", value=self.parameters, expected="lower below upper")
        if self.kind == "log-uniform" and self.parameters[0] <= 0:
            raise DataError("the lower bound of a log-uniform prior is not positive", value=self.parameters[0])

    def log_density(self, x: float, lower: float, upper: float) -> float:
        """Return the logarithm of the density at a value, of the distribution cut off at two bounds.

        Raises
        ------
        DataError
            The bounds leave nothing of the distribution.
        """
        logarithmic = self.kind.startswith("log-")
        base, at = _base(self), (lambda v: math.log(v) if v > 0 else -math.inf) if logarithmic else float
        share = float(base.cdf(at(upper)) - base.cdf(at(lower)))
        if not share > 0:
            raise DataError(
                f"the bounds leave nothing of the {self.kind} prior", value=(lower, upper),
                remedy="widen the bounds, or correct the prior",
            )  # fmt: skip
        if not lower <= x <= upper or (logarithmic and x <= 0):
            return -math.inf
        return float(base.logpdf(at(x))) - (math.log(x) if logarithmic else 0.0) - math.log(share)


def _base(prior: PetabPrior) -> Any:
    """Return the distribution of the value, or of its logarithm."""
    from scipy import stats

    p = prior.parameters
    made: Mapping[str, Callable[[], Any]] = {
        "cauchy": lambda: stats.cauchy(*p),
        "chisquare": lambda: stats.chi2(*p),
        "exponential": lambda: stats.expon(scale=p[0]),
        "gamma": lambda: stats.gamma(p[0], scale=p[1]),
        "laplace": lambda: stats.laplace(*p),
        "normal": lambda: stats.norm(*p),
        "rayleigh": lambda: stats.rayleigh(scale=p[0]),
        "uniform": lambda: stats.uniform(p[0], p[1] - p[0]),
        "log-uniform": lambda: stats.uniform(math.log(p[0]), math.log(p[1]) - math.log(p[0])),
    }
    return made[prior.kind if prior.kind == "log-uniform" else prior.kind.removeprefix("log-")]()
