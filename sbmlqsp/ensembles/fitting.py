"""Laws of counts and signals fitted by maximum likelihood, with a test of the fit."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sbmlqsp.errors import DataError
from sbmlqsp.streams import stream

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

__all__ = ["LAWS", "Fit", "fit_distribution"]

LAWS = ("gamma", "negative binomial", "poisson")
FEWEST = 20
"""Fewer values than this tell no law."""
DRAWS = 199
"""Samples of the fitted law whose distances its own is ranked among."""


@dataclass(frozen=True)
class Fit:
    """A law fitted to values of cells.

    Parameters
    ----------
    law : {"gamma", "negative binomial", "poisson"}
    parameters : mapping of str to float
        gamma: shape, scale (in ``unit``). negative binomial: size, the number of bursts, and burst, their mean size;
        its mean is size times burst, its Fano factor 1 + burst. poisson: mean.
    n, n_missing : int
        Values that it was fitted to, and those that were missing (failed runs, cells that a fate had ended).
    log_likelihood : float
    test : {"KS", "chi2"}
        Of gamma the distance of Kolmogorov and Smirnov, ranked among those of 199 samples that are drawn from the fit
        and fitted anew, since the usual table does not hold for fitted parameters. Of counts the chi-squared statistic
        over bins that expect five values or more.
    statistic, p_value : float
        A small p says that the values do not follow the law. NaN where counts fill too few bins to tell.
    unit : str
    """

    law: str
    parameters: Mapping[str, float]
    n: int
    n_missing: int
    log_likelihood: float
    test: str
    statistic: float
    p_value: float
    unit: str = ""

    @property
    def aic(self) -> float:
        """Akaike's criterion: the smaller the better, of laws of the same values."""
        return 2.0 * len(self.parameters) - 2.0 * self.log_likelihood

    @property
    def counts(self) -> bool:
        """Whether it is a law of whole numbers."""
        return self.law != "gamma"

    def density(self, x: ArrayLike) -> Floats:
        """Return the density at values, of counts their probabilities."""
        law = _frozen(self.law, self.parameters)
        return np.asarray(law.pmf(x) if self.counts else law.pdf(x), dtype=float)

    def above(self, x: ArrayLike) -> Floats:
        """Return the share beyond values."""
        return np.asarray(_frozen(self.law, self.parameters).sf(x), dtype=float)


def fit_distribution(values: ArrayLike | xr.DataArray, law: str, *, unit: str | None = None, seed: int = 0) -> Fit:
    """Fit a law to values of cells by maximum likelihood.

    Parameters
    ----------
    values : array or xarray.DataArray
        One value per cell, at one time; the cells must be independent: of one subject, or one of each. Missing values
        are left out and counted.
    law : {"gamma", "negative binomial", "poisson"}
    unit : str, optional
        Of the values; that of the DataArray where not given.
    seed : int, optional
        Of the samples by which a fit of gamma is judged.

    Returns
    -------
    Fit

    Raises
    ------
    DataError
        A law there is not; fewer than 20 values, infinite ones, or several times or subjects; values that the law
        cannot give: of gamma those of zero or below, or all equal; of counts what is negative or not whole; of the
        negative binomial a variance that is not above the mean.

    References
    ----------
    Friedman N, Cai L, Xie XS. Phys Rev Lett 2006;97:168302. doi:10.1103/PhysRevLett.97.168302
    Stute W, González Manteiga W, Presedo Quindimil M. Bootstrap based goodness-of-fit-tests. Metrika 1993;40:243-256.
    doi:10.1007/BF02613687

    Examples
    --------
    >>> counts = [0, 1, 1, 2, 2, 2, 3, 3, 4, 5] * 4
    >>> fit = fit_distribution(counts, "poisson")
    >>> fit.n, dict(fit.parameters)
    (40, {'mean': 2.3})
    """
    if law not in LAWS:
        raise DataError(f"there is no law '{law}'", expected=", ".join(map(repr, LAWS)))
    x, missing = _checked(values, law)
    given = str(values.attrs.get("units", "")) if unit is None and hasattr(values, "attrs") else unit or ""
    parameters = _ESTIMATES[law](x)
    frozen = _frozen(law, parameters)
    likelihood = float((frozen.logpdf(x) if law == "gamma" else frozen.logpmf(x)).sum())
    if law == "gamma":
        test, (statistic, p_value) = "KS", _ranked(x, parameters, seed)
    else:
        test, (statistic, p_value) = "chi2", _chi_squared(x, frozen, len(parameters))
    return Fit(law, parameters, len(x), missing, likelihood, test, statistic, p_value, given)


def _frozen(law: str, p: Mapping[str, float]) -> Any:
    from scipy import stats

    if law == "gamma":
        return stats.gamma(p["shape"], scale=p["scale"])
    if law == "poisson":
        return stats.poisson(p["mean"])
    return stats.nbinom(p["size"], 1.0 / (1.0 + p["burst"]))


# ------------------------------------------------------------------------------------------------------------- checked
def _checked(values: ArrayLike | xr.DataArray, law: str) -> tuple[Floats, int]:
    """Return the values that are there, and how many are not; refuse what the law cannot give."""
    sizes: Mapping[Any, int] = getattr(values, "sizes", {})
    for dim in ("time", "experiment", "subject"):
        if sizes.get(dim, 1) > 1:
            raise DataError(f"values of several {dim}s do not follow one law", value=sizes[dim],
                            remedy=f"take one, as in ds[name].isel({dim}=-1)")  # fmt: skip
    every = np.asarray(values, dtype=float).ravel()
    x = every[~np.isnan(every)]
    if np.isinf(x).any():
        raise DataError("a value is infinite", remedy="find out why before a law is fitted")
    if len(x) < FEWEST:
        raise DataError("there are too few values to tell a law", value=len(x), expected=f"{FEWEST} or more")
    (_refuse_no_gamma if law == "gamma" else _refuse_no_counts)(x)
    return x, len(every) - len(x)


def _refuse_no_gamma(x: Floats) -> None:
    if (x <= 0).any():
        raise DataError(
            "a Gamma distribution has no values of zero or below", value=f"{int((x <= 0).sum())} of {len(x)} values",
            remedy="counts with zeros may be negative binomial",
        )  # fmt: skip
    if np.ptp(x) <= 1e-12 * x.max():
        raise DataError("all values are equal, so that there is no distribution", value=float(x[0]))


def _refuse_no_counts(x: Floats) -> None:
    wrong = (x < 0) | (x != np.round(x))
    if wrong.any():
        raise DataError(
            "counts are whole numbers from zero on", value=f"{float(x[wrong][0]):g}, of {int(wrong.sum())} such values",
            remedy="observe the amount in items, or fit 'gamma' to a concentration",
        )  # fmt: skip
    if not x.any():
        raise DataError("all counts are zero, so that there is no distribution")


# ----------------------------------------------------------------------------------------------------------- estimates
def _poisson(x: Floats) -> dict[str, float]:
    return {"mean": float(x.mean())}


def _gamma(x: Floats) -> dict[str, float]:
    shape = float(_gamma_shapes(np.array([_spread(x)]))[0])
    return {"shape": shape, "scale": float(x.mean()) / shape}


def _spread(x: Floats) -> float:
    return float(np.log(x.mean()) - np.log(x).mean())


def _gamma_shapes(spread: Floats) -> Floats:
    """Solve log(a) - digamma(a) = log of the mean - mean of the log, by Newton's method on log(a)."""
    from scipy.special import digamma, polygamma

    s = np.maximum(spread, 1e-15)
    a: Floats = (3 - s + np.sqrt((s - 3) ** 2 + 24 * s)) / (12 * s)
    for _ in range(40):
        step = (np.log(a) - digamma(a) - s) / (1.0 - a * polygamma(1, a))
        a = a * np.exp(-np.clip(step, -2.0, 2.0))
        if (np.abs(step) < 1e-13).all():
            break
    return a


def _negative_binomial(x: Floats) -> dict[str, float]:
    """Maximise over the size; the mean of the law is that of the values whatever the size."""
    from scipy.optimize import brentq
    from scipy.special import digamma

    mean, variance = float(x.mean()), float(x.var())
    if not variance > mean:
        raise DataError(
            "the variance of the counts is not above their mean, so that they are not negative binomial",
            value=f"mean {mean:g}, variance {variance:g}", remedy="fit 'poisson'",
        )  # fmt: skip
    counts, times = np.unique(x, return_counts=True)

    def slope(log_size: float) -> float:
        # Over the size, which keeps its sign and its size where the slope itself goes to zero.
        size = math.exp(log_size)
        terms = float((times * (digamma(counts + size) - digamma(size))).sum())
        return size * (terms - len(x) * math.log1p(mean / size))

    near = math.log(mean**2 / (variance - mean))
    low, high = near - 3.0, near + 3.0
    while slope(low) < 0 and low > near - 40.0:
        low -= 3.0
    while slope(high) > 0 and high < near + 20.0:
        high += 3.0
    if not slope(low) > 0 > slope(high):
        raise DataError("the counts are too near to a Poisson distribution to tell a burst", remedy="fit 'poisson'")
    size = math.exp(float(brentq(slope, low, high, xtol=1e-12)))
    return {"size": size, "burst": mean / size}


_ESTIMATES = {"gamma": _gamma, "negative binomial": _negative_binomial, "poisson": _poisson}


# --------------------------------------------------------------------------------------------------------------- tests
def _ranked(x: Floats, p: Mapping[str, float], seed: int) -> tuple[float, float]:
    """Return the distance of values and fit, and its rank among samples of the fit that are fitted anew."""
    own = _distances(x[None, :], np.array([p["shape"]]))[0]
    draws = stream(seed, "fit").gamma(p["shape"], size=(DRAWS, len(x)))
    draws = np.maximum(draws, np.finfo(float).tiny)
    spread = np.log(draws.mean(axis=1)) - np.log(draws).mean(axis=1)
    others = _distances(draws, _gamma_shapes(spread))
    return float(own), float((1 + (others >= own).sum()) / (1 + DRAWS))


def _distances(rows: Floats, shapes: Floats) -> Floats:
    """Return the distance of Kolmogorov and Smirnov of each row and the Gamma law of its shape and mean."""
    from scipy.special import gammainc

    n = rows.shape[1]
    scale = rows.mean(axis=1) / shapes
    law = gammainc(shapes[:, None], np.sort(rows, axis=1) / scale[:, None])
    steps = np.arange(1, n + 1) / n
    return np.asarray(np.maximum(steps - law, law - (steps - 1 / n)).max(axis=1))


def _chi_squared(x: Floats, frozen: Any, fitted: int) -> tuple[float, float]:
    """Return the statistic over bins of neighbours that expect five or more, and its p-value."""
    from scipy.special import chdtrc

    top = int(max(x.max(), frozen.ppf(1 - 1e-9))) + 1
    expected = np.append(frozen.pmf(np.arange(top)), frozen.sf(top - 1)) * len(x)
    found = np.bincount(x.astype(int), minlength=top + 1)
    ends = _bin_ends(expected)
    sums = [np.add.reduceat(v, np.append(0, ends[:-1])) for v in (found, expected)]
    statistic = float(((sums[0] - sums[1]) ** 2 / sums[1]).sum())
    freedom = len(ends) - 1 - fitted
    return statistic, float(chdtrc(freedom, statistic)) if freedom > 0 else math.nan


def _bin_ends(expected: Floats) -> NDArray[np.int64]:
    """Return where bins end, each as short as it can be to expect five; what is left joins the last."""
    ends, total = [], 0.0
    for i, value in enumerate(expected.tolist()):
        total += value
        if total >= 5.0:
            ends.append(i + 1)
            total = 0.0
    ends = ends or [len(expected)]
    ends[-1] = len(expected)
    return np.array(ends)
