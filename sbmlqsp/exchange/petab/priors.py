"""PetabPrior distributions of parameters, cut off at their bounds."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

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
        low, high = base.tails(at(lower)), base.tails(at(upper))
        # Whichever tail the bounds lie in, so that a small share keeps its digits.
        share = high[0] - low[0] if low[0] <= 0.5 else low[1] - high[1]
        if not share > 0:
            raise DataError(
                f"the bounds leave nothing of the {self.kind} prior", value=(lower, upper),
                remedy="widen the bounds, or correct the prior",
            )  # fmt: skip
        if not lower <= x <= upper or (logarithmic and x <= 0):
            return -math.inf
        return base.log_density(at(x)) - (math.log(x) if logarithmic else 0.0) - math.log(share)


@dataclass(frozen=True, slots=True)
class _Base:
    """The logarithm of a density, and the shares below and above a value."""

    log_density: Callable[[float], float]
    tails: Callable[[float], tuple[float, float]]


def _base(prior: PetabPrior) -> _Base:
    """Return the distribution of the value, or of its logarithm."""
    p = prior.parameters
    if prior.kind in {"chisquare", "exponential", "gamma"}:
        shape, scale = {"chisquare": (p[0] / 2, 2.0), "exponential": (1.0, p[0])}.get(prior.kind, p)
        return _gamma(shape, scale)
    if prior.kind == "rayleigh":
        return _rayleigh(p[0])
    if "uniform" in prior.kind:
        low, high = map(math.log, p) if prior.kind == "log-uniform" else p
        return _uniform(low, high)
    location, scale = p
    return _LOCATED[prior.kind.removeprefix("log-")](location, scale)


def _gamma(shape: float, scale: float) -> _Base:
    from scipy.special import gammainc, gammaincc

    def log_density(x: float) -> float:
        if x < 0 or (x == 0 and shape > 1):
            return -math.inf
        power = (shape - 1) * math.log(x) if x > 0 else 0.0
        return power - x / scale - math.lgamma(shape) - shape * math.log(scale)

    def tails(x: float) -> tuple[float, float]:
        at = max(x, 0.0) / scale
        return float(gammainc(shape, at)), float(gammaincc(shape, at))

    return _Base(log_density, tails)


def _rayleigh(scale: float) -> _Base:
    def tails(x: float) -> tuple[float, float]:
        half = max(x, 0.0) ** 2 / (2 * scale**2)
        return -math.expm1(-half), math.exp(-half)

    def log_density(x: float) -> float:
        return math.log(x) - 2 * math.log(scale) - x**2 / (2 * scale**2) if x > 0 else -math.inf

    return _Base(log_density, tails)


def _uniform(low: float, high: float) -> _Base:
    def tails(x: float) -> tuple[float, float]:
        below = (min(max(x, low), high) - low) / (high - low)
        return below, 1 - below

    return _Base(lambda x: -math.log(high - low) if low <= x <= high else -math.inf, tails)


def _normal(mean: float, sd: float) -> _Base:
    from scipy.special import ndtr

    def tails(x: float) -> tuple[float, float]:
        z = (x - mean) / sd
        return float(ndtr(z)), float(ndtr(-z))

    constant = math.log(sd) + 0.5 * math.log(2 * math.pi)
    return _Base(lambda x: -0.5 * ((x - mean) / sd) ** 2 - constant, tails)


def _laplace(location: float, scale: float) -> _Base:
    def tails(x: float) -> tuple[float, float]:
        half = 0.5 * math.exp(-abs(x - location) / scale)
        return (half, 1 - half) if x < location else (1 - half, half)

    return _Base(lambda x: -abs(x - location) / scale - math.log(2 * scale), tails)


def _cauchy(location: float, scale: float) -> _Base:
    def tails(x: float) -> tuple[float, float]:
        z = (x - location) / scale
        far = math.atan2(1.0, abs(z)) / math.pi
        return (far, 1 - far) if z < 0 else (1 - far, far)

    return _Base(lambda x: -math.log(math.pi * scale * (1 + ((x - location) / scale) ** 2)), tails)


_LOCATED: Mapping[str, Callable[[float, float], _Base]] = {
    "normal": _normal,
    "laplace": _laplace,
    "cauchy": _cauchy,
}
