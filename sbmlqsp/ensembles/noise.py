"""Noise in two parts: what cells of one kind differ by, and what comes from outside of the process."""

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
    Parts = dict[str, float]

__all__ = ["noise"]

UNLIKE = 5.0
"""Reporters whose means differ by more standard errors than this are not regulated alike."""


def noise(
    ds: xr.Dataset,
    reporters: str | tuple[str, str],
    *,
    at: float | str | Sequence[float] | None = None,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Split the noise of cells into an intrinsic and an extrinsic part.

    Parameters
    ----------
    ds : xarray.Dataset
        Results of single cells.
    reporters : str or (str, str)
        The observable, whose noise is split by subjects; or two reporters in the same cells that are made and regulated
        alike, so that they differ by intrinsic noise alone.
    at : float, str or sequence of float, optional
        Times on the grid of the results; all where not given.
    confidence : float, optional

    Returns
    -------
    DataFrame
        One row per experiment and time: n, n_subjects, n_failed, n_ended, mean; ``intrinsic``, ``extrinsic`` and
        ``total`` as squared coefficients of variation, which have no unit, of which the first two add up to the third;
        each with ``_low`` and ``_high``; method:

        - "two reporters": intrinsic is the mean of (first - second)^2 / 2 over the product of the means, extrinsic
          their covariance over it. All that cells share is extrinsic: parameters that vary between cells, and subjects.
        - "subjects": the variance within subjects, and that of the subjects' means, by the law of total variance and
          without bias (a small variance between subjects may come out below zero). What varies between the cells of a
          subject, as by ``cell_variability``, is within: only two reporters tell it from intrinsic noise.

    Raises
    ------
    DataError
        Reporters that are plainly not alike, one subject or one cell per subject where noise is split by subjects,
        a mean of zero, an observable or time there is not.

    References
    ----------
    Elowitz MB, Levine AJ, Siggia ED, Swain PS. Science 2002;297:1183-1186. doi:10.1126/science.1070919
    Swain PS, Elowitz MB, Siggia ED. Proc Natl Acad Sci USA 2002;99:12795-12800. doi:10.1073/pnas.162041399

    Examples
    --------
    >>> from sbmlqsp.results import make_dataset
    >>> ds = make_dataset({"n": [[[[4.0], [6.0]], [[10.0], [12.0]]]]}, experiments=["A"], subjects=[1, 2],
    ...                   replicates=[1, 2], time=[0], time_unit="h", units={"n": "item"})
    >>> noise(ds, "n")[["mean", "intrinsic", "extrinsic", "method"]].to_numpy().tolist()
    [[8.0, 0.03125, 0.265625, 'subjects']]
    """
    import pandas as pd

    checked_confidence(confidence)
    ds = as_results(ds)
    first, second = (reporters, None) if isinstance(reporters, str) else reporters
    names = observable_names(ds, [first] if second is None else [first, second])
    if second is not None:
        _same_units(ds, first, second)
    elif ds.sizes["subject"] < 2:
        raise DataError("one subject does not say what subjects differ by", remedy="simulate several, or name a second "
                        "reporter that is made as the first is")  # fmt: skip
    rows = []
    for cells in cells_of(ds, names, by="experiment", at=at):
        where = f"'{cells.about['experiment']}' at {cells.about['time']:g}"
        if second is None:
            found, method = _by_subjects(cells.x[:, 0], cells.whose, confidence, where), "subjects"
        else:
            found, method = _two_reporters(cells.x, cells.whose, confidence, where), "two reporters"
        rows.append({"observable": first} | cells.about | found | {"method": method})
    return pd.DataFrame(rows)


def _same_units(ds: xr.Dataset, first: str, second: str) -> None:
    units = [str(ds[n].attrs.get("units", "")) for n in (first, second)]
    if first == second or units[0] != units[1]:
        raise DataError(f"'{first}' and '{second}' are no two reporters of one kind", value=units,
                        expected="two observables of the same unit")  # fmt: skip


def _bounded(name: str, value: float, error: tuple[float, int], confidence: float) -> Parts:
    width = half_width(*error, confidence)
    return {name: value, f"{name}_low": value - width, f"{name}_high": value + width}


# ------------------------------------------------------------------------------------------------------- two reporters
def _two_reporters(values: Floats, whose: NDArray[np.int64], confidence: float, where: str) -> dict[str, Any]:
    if len(values) < 2:
        return dict.fromkeys(("mean", "intrinsic", "extrinsic", "total"), math.nan)
    a, b = values.T
    (x, y), product = values.mean(axis=0), float(a.mean() * b.mean())
    _refuse_unlike(a, b, whose, where)
    gain = len(values) / (len(values) - 1)
    apart = gain * ((a - x) - (b - y)) ** 2 / 2
    shared = gain * (a - x) * (b - y)
    out: dict[str, Any] = {"mean": (x + y) / 2}
    for name, terms in (("intrinsic", apart), ("extrinsic", shared), ("total", apart + shared)):
        part = float(terms.mean()) / product
        influence = terms / product - part - part * ((a - x) / x + (b - y) / y)
        out |= _bounded(name, part, standard_error(influence, whose), confidence)
    return out


def _refuse_unlike(a: Floats, b: Floats, whose: NDArray[np.int64], where: str) -> None:
    if not (a.mean() > 0 and b.mean() > 0):
        raise DataError("a reporter has no mean above zero to measure noise against", where=where,
                        remedy="look at a later time, at=")  # fmt: skip
    off = a - b
    error, _ = standard_error(off - off.mean(), whose)
    if abs(off.mean()) > UNLIKE * error:
        raise DataError(
            "the two reporters are not regulated alike, so that they do not tell intrinsic noise",
            value=f"means {a.mean():g} and {b.mean():g}", where=where, remedy="give both the same rates",
        )  # fmt: skip


# ------------------------------------------------------------------------------------------------------------ subjects
def _by_subjects(x: Floats, whose: NDArray[np.int64], confidence: float, where: str) -> dict[str, Any]:
    """Return the parts of noise, with intervals by leaving out one subject at a time."""
    count = np.bincount(whose)
    kept = count > 1
    if kept.sum() < 2:
        raise DataError(
            "fewer than two subjects have two cells or more", where=where, remedy="simulate more replicates"
        )
    n = count[kept].astype(float)
    mean = np.bincount(whose, x)[kept] / n
    off = x - (np.bincount(whose, x) / np.maximum(count, 1))[whose]
    square = np.asarray(np.bincount(whose, off**2)[kept], dtype=np.float64)
    whole = _parts(n, mean, square)
    if not whole[0] > 0:
        raise DataError("the cells have no mean above zero to measure noise against", where=where,
                        remedy="look at a later time, at=")  # fmt: skip
    m = len(n)
    spared = ~np.eye(m, dtype=bool)
    pseudo = np.array([_parts(n[s], mean[s], square[s]) for s in spared]) if m > 2 else np.full((m, 4), np.nan)
    errors = np.sqrt((m - 1) / m * ((pseudo - pseudo.mean(axis=0)) ** 2).sum(axis=0))
    out: dict[str, Any] = {"mean": whole[0]}
    for k, name in enumerate(("intrinsic", "extrinsic", "total"), start=1):
        out |= _bounded(name, whole[k], (float(errors[k]), m - 1), confidence)
    return out


def _parts(n: Floats, mean: Floats, square: Floats) -> tuple[float, float, float, float]:
    """Return the mean over subjects, and within, between and total as squared coefficients of variation."""
    middle = float(mean.mean())
    variances = square / (n - 1)
    within = float(variances.mean())
    # What chance within subjects adds to the variance of their means is taken away.
    between = float(mean.var(ddof=1) - (variances / n).mean()) if len(mean) > 1 else math.nan
    scale = middle**2 or math.nan
    return middle, within / scale, between / scale, (within + between) / scale
