"""Results as tables: summaries over subjects, and one row per run and time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from sbmlqsp.errors import DataError, did_you_mean
from sbmlqsp.results.dataset import (
    DIMS,
    as_results,
    asked,
    covariate_names,
    failed,
    good_values,
    observable_names,
    spread,
)
from sbmlqsp.results.occasions import OCCASION, in_force, place, varying_names

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pandas as pd
    import xarray as xr
    from numpy.typing import NDArray


def summarise(
    ds: xr.Dataset,
    *,
    quantiles: Sequence[float] = (0.05, 0.5, 0.95),
    by: str | Sequence[str] | None = None,
    over: str | Sequence[str] = ("subject", "replicate"),
) -> pd.DataFrame:
    """Summarise each observable at each time, over subjects and replicates.

    Failed runs and values that are not finite are left out and counted.

    Parameters
    ----------
    ds : xarray.Dataset
        Results.
    quantiles : sequence of float
        Between 0 and 1, by linear interpolation between the two nearest runs.
    by : str or sequence of str, optional
        Covariates: one group of subjects per value.
    over : str or sequence of str
        What is pooled: "subject", "replicate" or both; the other keeps its own rows.

    Returns
    -------
    pandas.DataFrame
        Columns experiment, subject or replicate where not pooled, those of ``by``, observable, unit, time, n (runs the
        row rests on), n_failed (runs left out), mean, sd (n - 1 in the denominator) and one per quantile, as "q05".

    Raises
    ------
    DataError
        A covariate, a dimension or a quantile there is not.

    Examples
    --------
    >>> from sbmlqsp.results import make_dataset
    >>> ds = make_dataset({"C": [[[[1.0]], [[3.0]]]]}, experiments=["A"], subjects=[1, 2], replicates=[0],
    ...                   time=[0], time_unit="h", units={"C": "mg/L"})
    >>> summarise(ds, quantiles=[0.5])[["n", "n_failed", "mean", "q50"]].to_dict("records")
    [{'n': 2, 'n_failed': 0, 'mean': 2.0, 'q50': 2.0}]
    """
    import pandas as pd

    ds = as_results(ds)
    by = [by] if isinstance(by, str) else list(by or ())
    pooled = {over} if isinstance(over, str) else set(over)
    _check_summary(ds, quantiles, by, pooled)
    times, wanted, lost = ds["time"].to_numpy(), asked(ds), failed(ds)
    groups = list(_groups(ds, by, pooled))
    columns: dict[str, list[Any]] = {}
    for name in observable_names(ds):
        values = good_values(ds, name)
        label = {"observable": name, "unit": ds[name].attrs.get("units", "")}
        for labels, (e, s, r) in groups:
            keep = wanted[e]
            runs = values[e][np.ix_(s, r)].reshape(-1, len(times))[:, keep]
            n_failed = int(lost[e][np.ix_(s, r)].sum())
            row = labels | label | {"time": times[keep], "n": 0, "n_failed": n_failed} | _statistics(runs, quantiles)
            for k, v in row.items():
                columns.setdefault(k, []).extend(v if isinstance(v, np.ndarray) else [v] * int(keep.sum()))
    return pd.DataFrame(columns)


def _check_summary(ds: xr.Dataset, quantiles: Sequence[float], by: list[str], pooled: set[str]) -> None:
    if strange := pooled - {"subject", "replicate"}:
        raise DataError("this cannot be pooled", value=sorted(strange), expected="'subject', 'replicate' or both")
    for name in by:
        if name not in covariate_names(ds):
            raise DataError(f"the subjects have no covariate '{name}'", remedy=did_you_mean(name, covariate_names(ds)))
    if bad := [q for q in quantiles if not 0 <= q <= 1]:
        raise DataError("a quantile lies outside 0 to 1", value=bad)


def _groups(ds: xr.Dataset, by: list[str], pooled: set[str]) -> Iterator[tuple[dict[str, Any], tuple[int, Any, Any]]]:
    """Yield labels and (experiment, subjects, replicates) positions of each group."""
    import pandas as pd

    table = pd.DataFrame({n: pd.Series(ds[n].values) for n in by}, index=range(ds.sizes["subject"]))
    alone = "subject" not in pooled
    number = np.arange(len(table)) if alone else np.zeros(len(table), int)
    if by and not alone:
        number = table.groupby(by, dropna=False, sort=True).ngroup().to_numpy()
    replicates = np.arange(ds.sizes["replicate"])
    for e, experiment in enumerate(ds["experiment"].values):
        for g in range(number.max() + 1):
            members = np.flatnonzero(number == g)
            labels = {"experiment": experiment} | ({"subject": ds["subject"].to_numpy()[g]} if alone else {})
            labels |= {n: table[n].iloc[members[0]] for n in by}
            for r in [replicates] if "replicate" in pooled else replicates[:, None]:
                own = {} if "replicate" in pooled else {"replicate": ds["replicate"].to_numpy()[r[0]]}
                yield labels | own, (e, members, r)


def _statistics(runs: NDArray[np.float64], quantiles: Sequence[float]) -> dict[str, NDArray[Any]]:
    """Return count, mean, sd and quantiles down the first axis, passing over NaN."""
    n = np.isfinite(runs).sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(n > 0, np.nansum(runs, axis=0) / n, np.nan)
        sd = np.where(n > 1, np.sqrt(np.nansum((runs - mean) ** 2, axis=0) / (n - 1)), np.nan)
    ranked = np.sort(runs, axis=0)  # NaN last
    columns = {"n": n, "mean": mean, "sd": sd}
    for q in quantiles:
        at = q * np.maximum(n - 1, 0)
        low = np.floor(at).astype(int)
        below, above = (
            np.take_along_axis(ranked, i[None], 0)[0] for i in (low, np.minimum(low + 1, np.maximum(n, 1) - 1))
        )
        columns[_quantile_name(q)] = below + (above - below) * (at - low)
    return columns


def _quantile_name(q: float) -> str:
    whole, _, part = f"{100 * q:.10g}".partition(".")
    return f"q{whole:0>2}" + (f".{part}" if part else "")


def to_frame(ds: xr.Dataset, *, observables: str | Sequence[str] | None = None) -> pd.DataFrame:
    """Lay results out as the table pharmacometricians expect, one row per run and time.

    Times that an experiment did not ask for have no row. Failed runs keep theirs, marked by STATUS.

    Parameters
    ----------
    ds : xarray.Dataset
        Results.
    observables : str or sequence of str, optional
        Which; all where not given.

    Returns
    -------
    pandas.DataFrame
        Columns ID, TIME, EXPERIMENT and REPLICATE (where several), OCCASION (where there are any), the observables, the
        covariates (those that vary within a subject as they are at the time) and STATUS (0 is a run that went well).
        ``attrs["units"]`` holds the units by column.

    Raises
    ------
    DataError
        An observable there is not.

    Examples
    --------
    >>> from sbmlqsp.results import make_dataset
    >>> ds = make_dataset({"C": [[[[4.0, 2.0]]]]}, experiments=["A"], subjects=[1], replicates=[0],
    ...                   time=[0, 1], time_unit="h", units={"C": "mg/L"})
    >>> to_frame(ds).to_dict("list")
    {'ID': [1, 1], 'TIME': [0.0, 1.0], 'C': [4.0, 2.0], 'STATUS': [0, 0]}
    >>> to_frame(ds).attrs["units"]
    {'TIME': 'h', 'C': 'mg/L'}
    """
    import pandas as pd

    ds = as_results(ds)
    chosen, covariates = observable_names(ds, observables), covariate_names(ds)
    shape = tuple(ds.sizes[d] for d in DIMS)
    keep = np.broadcast_to(asked(ds)[:, None, None, :], shape).ravel()
    full = dict(zip(DIMS, shape, strict=True))

    def rows(name: str) -> NDArray[Any]:
        return spread(ds[name].variable, full).ravel()[keep]

    columns = {"ID": rows("subject"), "TIME": rows("time")}
    columns |= {d.upper(): rows(d) for d in ("experiment", "replicate") if ds.sizes[d] > 1}
    if OCCASION in ds.sizes:
        columns[OCCASION.upper()] = ds[OCCASION].to_numpy()[place(ds, DIMS).ravel()[keep]]
    varying = varying_names(ds)
    for name in (*chosen, *covariates, *varying):
        if name in columns or name == "STATUS":
            raise DataError(
                f"'{name}' is a column of its own in the table", remedy="rename the covariate or observable"
            )
        columns[name] = in_force(ds, name, DIMS).ravel()[keep] if name in varying else rows(name)
    lost = rows("status") if "status" in ds else np.zeros(keep.sum(), int)
    frame = pd.DataFrame(columns | {"STATUS": lost})
    units = {n: ds[n].attrs["units"] for n in (*chosen, *covariates) if ds[n].attrs.get("units")}
    frame.attrs["units"] = {"TIME": ds["time"].attrs.get("units", "")} | units
    return frame
