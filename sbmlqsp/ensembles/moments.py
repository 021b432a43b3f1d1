"""Mean, variance and Fano factor of cells, with intervals."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from sbmlqsp.ensembles.cells import cells_of, half_width, standard_error
from sbmlqsp.errors import DataError
from sbmlqsp.results import as_results, observable_names
from sbmlqsp.results.intervals import checked_confidence

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    import xarray as xr
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["fano", "moments"]


def moments(
    ds: xr.Dataset,
    observables: str | Sequence[str] | None = None,
    *,
    by: str = "experiment",
    at: float | str | Sequence[float] | None = None,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Compute mean, variance and coefficient of variation over cells.

    Parameters
    ----------
    ds : xarray.Dataset
        Results of single cells.
    observables : str or sequence of str, optional
        Which; all where not given.
    by : {"experiment", "subject"}, optional
        All subjects of an experiment together, or each by itself.
    at : float, str or sequence of float, optional
        Times on the grid of the results; all where not given.
    confidence : float, optional

    Returns
    -------
    DataFrame
        One row per observable, experiment (and subject) and time: n cells with a value, n_failed, n_ended (by a fate so
        far; they have no value, so that these are moments of the living), mean, mean_low, mean_high, variance (without
        bias), variance_low, variance_high, sd, cv, unit, variance_unit. Intervals are Student's, of large samples; of
        several subjects they are from the differences between these.

    Raises
    ------
    DataError
        An observable or time there is not.

    Examples
    --------
    >>> from sbmlqsp.results import make_dataset
    >>> ds = make_dataset({"n": [[[[4.0], [6.0], [8.0]]]]}, experiments=["A"], subjects=[1], replicates=[1, 2, 3],
    ...                   time=[0], time_unit="h", units={"n": "item"})
    >>> moments(ds)[["n", "mean", "variance", "variance_unit"]].to_numpy().tolist()
    [[3, 6.0, 4.0, 'item^2']]
    """
    import pandas as pd

    from sbmlqsp.units import parse_unit

    checked_confidence(confidence)
    ds, rows = as_results(ds), []
    for name in observable_names(ds, observables):
        unit = str(ds[name].attrs.get("units", ""))
        square = (parse_unit(unit or "dimensionless") ** 2).label
        for cells in cells_of(ds, [name], by=by, at=at):
            found = _moments(cells.x[:, 0], cells.whose, confidence)
            rows.append({"observable": name} | cells.about | found | {"unit": unit, "variance_unit": square})
    return pd.DataFrame(rows)


def _moments(x: Floats, whose: NDArray[np.int64], confidence: float) -> dict[str, Any]:
    mean, variance = _mean_and_variance(x)
    off = x - mean
    width = half_width(*standard_error(off, whose), confidence)
    wide = half_width(*standard_error(off**2 - (off**2).mean() if len(x) else off, whose), confidence)
    sd = math.sqrt(variance) if variance >= 0 else math.nan
    return {
        "mean": mean, "mean_low": mean - width, "mean_high": mean + width,
        "variance": variance, "variance_low": max(variance - wide, 0.0), "variance_high": variance + wide,
        "sd": sd, "cv": sd / abs(mean) if mean else math.nan,
    }  # fmt: skip


def _mean_and_variance(x: Floats) -> tuple[float, float]:
    return float(x.mean()) if len(x) else math.nan, float(x.var(ddof=1)) if len(x) > 1 else math.nan


def fano(
    ds: xr.Dataset,
    name: str,
    *,
    by: str = "experiment",
    at: float | str | Sequence[float] | None = None,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Compute the Fano factor of a count: variance over mean, one where molecules come and go one by one.

    Parameters
    ----------
    ds : xarray.Dataset
        Results of single cells.
    name : str
        An observable in items or without a unit. Of a concentration the factor depends on the unit, and one means
        nothing.
    by, at, confidence : optional
        As for `moments`.

    Returns
    -------
    DataFrame
        One row per experiment (and subject) and time: n, n_failed, n_ended, mean, fano, std_error, low, high.

    Raises
    ------
    DataError
        An observable that is no count, or one or a time there is not.

    References
    ----------
    Thattai M, van Oudenaarden A. Proc Natl Acad Sci USA 2001;98:8614-8619. doi:10.1073/pnas.151588598

    Examples
    --------
    >>> from sbmlqsp.results import make_dataset
    >>> ds = make_dataset({"n": [[[[4.0], [6.0], [8.0]]]]}, experiments=["A"], subjects=[1], replicates=[1, 2, 3],
    ...                   time=[0], time_unit="h", units={"n": "item"})
    >>> round(float(fano(ds, "n")["fano"][0]), 3)
    0.667
    """
    import pandas as pd

    checked_confidence(confidence)
    ds = as_results(ds)
    [name] = observable_names(ds, name)
    _refuse_uncounted(name, str(ds[name].attrs.get("units", "")))
    rows = []
    for cells in cells_of(ds, [name], by=by, at=at):
        x = cells.x[:, 0]
        if (x < 0).any():
            raise DataError(f"'{name}' is below zero, so that it is no count", value=float(x.min()))
        mean, variance = _mean_and_variance(x)
        factor = variance / mean if mean else math.nan
        off = x - mean
        influence = (off**2 - variance - factor * off) / mean if mean else np.full(len(x), np.nan)
        error, freedom = standard_error(influence, cells.whose)
        width = half_width(error, freedom, confidence)
        found = {"fano": factor, "std_error": error, "low": max(factor - width, 0.0), "high": factor + width}
        rows.append({"observable": name} | cells.about | {"mean": mean} | found)
    return pd.DataFrame(rows)


def _refuse_uncounted(name: str, unit: str) -> None:
    from sbmlqsp.units import parse_unit

    if unit and parse_unit(unit).dims not in {(), (("item", 1.0),)}:
        raise DataError(
            f"'{name}' is no count, so that its Fano factor depends on its unit", value=unit, expected="items",
            remedy=f"observe its amount in items, or take moments(ds, '{name}') and its cv",
        )  # fmt: skip
