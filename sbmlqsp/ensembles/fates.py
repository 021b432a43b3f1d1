"""Survival of cells, the shares that fates ended, by arm, subject and dose, and results split by fate."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from sbmlqsp.ensembles.ends import ends_of, rows_of
from sbmlqsp.ensembles.shares import share_of
from sbmlqsp.errors import DataError, did_you_mean
from sbmlqsp.results import as_results, dose_calendar, observable_names
from sbmlqsp.results.intervals import checked_confidence
from sbmlqsp.units import in_unit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pandas as pd
    import xarray as xr
    from numpy.typing import NDArray

    from sbmlqsp.ensembles.ends import Ends

__all__ = ["by_fate", "dose_kill_curve", "killed", "survival"]

ALIVE = "alive"


def survival(
    ds: xr.Dataset,
    *,
    fate: str | Sequence[str] | None = None,
    by: str = "experiment",
    at: Sequence[float] | NDArray[np.float64] | None = None,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Compute the share of cells that are alive over time.

    Parameters
    ----------
    ds : xarray.Dataset
        Results of experiments with fates.
    fate : str or sequence of str, optional
        What counts as death; all fates where not given. A cell that another fate ended counts as not dead for good:
        this is one less the cumulative incidence, not what would be if the other fates could not happen.
    by : {"experiment", "subject"}, optional
        All subjects of an experiment together, or each by itself.
    at : sequence of float, optional
        Times, in the time unit of the results; theirs where not given.
    confidence : float, optional

    Returns
    -------
    DataFrame
        One row per experiment (and subject) and time, up to the end of the run, where the living are censored:

        - n, n_failed: cells that ran, and those that failed; n_alive of the former are alive.
        - alive: n_alive / n, which is the Kaplan–Meier estimate, as nothing is censored before the end.
        - std_error: Greenwood's, which is binomial here; of several subjects, from the differences between them.
        - low, high: interval. Failed runs are dead in the one and alive in the other. Of one subject it is
          Clopper–Pearson's; of several it holds for subjects drawn as these were. Where
          all cells are alive, or none, the limit towards the others is not wider than that of the nearest time at which
          some are, since survival never rises.
        - time_unit.

    Raises
    ------
    DataError
        No fates, a fate or time there is not.

    References
    ----------
    Kaplan EL, Meier P. J Am Stat Assoc 1958;53:457-481. doi:10.1080/01621459.1958.10501452

    Examples
    --------
    >>> from sbmlqsp.results import make_dataset
    >>> ds = make_dataset({"s": [[[[1.0, 2.0], [1.0, np.nan]]]]}, experiments=["A"], subjects=[1], replicates=[1, 2],
    ...                   time=[0, 10], time_unit="h")
    >>> dims = ("experiment", "subject", "replicate")
    >>> ds = ds.assign(fate=(dims, [[["", "apoptosis"]]]), fate_time=(dims, [[[np.nan, 4.0]]]))
    >>> survival(ds)[["time", "n_alive", "alive"]].to_numpy().tolist()
    [[0.0, 2.0, 1.0], [10.0, 1.0, 0.5]]
    """
    import pandas as pd

    checked_confidence(confidence)
    ds = as_results(ds)
    unit, rows = str(ds["time"].attrs.get("units", "")), []
    for ends in ends_of(ds):
        fates = ends.chosen(fate)
        grid = ds["time"].to_numpy() if at is None else np.asarray(at, dtype=float)
        times = grid[grid <= ends.last] if at is None else grid
        for about, who in rows_of(ends, by):
            line = [_row(ends, who, ends.ended(fates, t), confidence, alive=True) for t in times.tolist()]
            _settle(line, times)
            rows += [about | {"time": t} | r | {"time_unit": unit} for t, r in zip(times.tolist(), line, strict=True)]
    return pd.DataFrame(rows)


def _settle(line: list[dict[str, Any]], times: NDArray[np.float64]) -> None:
    """Give rows in which all cells agree the limits of their neighbours in time: survival never rises."""
    order = [line[i] for i in np.argsort(times, kind="stable")]
    for row, later in zip(order[-2::-1], order[:0:-1], strict=True):
        if row["n_alive"] == row["n"]:
            row["low"] = max(row["low"], later["low"])
    for before, row in itertools.pairwise(order):
        if not row["n_alive"]:
            row["high"] = min(row["high"], before["high"])


def _row(ends: Ends, who: slice, dead: NDArray[np.bool_], confidence: float, *, alive: bool) -> dict[str, Any]:
    """Return the share of cells that are alive, or dead, of some subjects."""
    known, dead = ends.known[who], dead[who]
    cells, lost = known.sum(axis=1), int((~known).sum())
    hits = (known & ~dead).sum(axis=1) if alive else dead.sum(axis=1)
    found = share_of(hits, cells, failed=lost, confidence=confidence)
    count, share = ("n_alive", "alive") if alive else ("n_killed", "killed")
    return {"n": int(cells.sum()), "n_failed": lost, count: int(hits.sum()), share: found.share,
            "std_error": found.std_error, "low": found.low, "high": found.high, "confidence": confidence}  # fmt: skip


def killed(
    ds: xr.Dataset,
    *,
    fate: str | Sequence[str] | None = None,
    by: str = "experiment",
    at: float | str | None = None,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Compute the share of cells that each fate ended.

    Parameters
    ----------
    ds : xarray.Dataset
        Results of experiments with fates.
    fate : str or sequence of str, optional
        Which, a row each; all where not given.
    by : {"experiment", "subject"}, optional
        All subjects of an experiment together, or each by itself.
    at : float or str, optional
        By when, in the time unit of the results or with a unit ("2 day"); by the end of the run where not given.
    confidence : float, optional

    Returns
    -------
    DataFrame
        One row per experiment (and subject) and fate: n, n_failed, n_killed, killed = n_killed / n, std_error, low and
        high as in `survival`; time_median of those it ended, by time, time_unit.

    Raises
    ------
    DataError
        No fates, a fate there is not, or a time after the end of the run.

    Notes
    -----
    This is the share of cells that have come to the condition of a fate at some time so far. Fewer cells are beyond it
    at one moment, which is what ``gamma_threshold_kill`` and other closed forms of a distribution say.

    Examples
    --------
    >>> from sbmlqsp.results import make_dataset
    >>> ds = make_dataset({"s": [[[[1.0, 2.0], [1.0, np.nan]]]]}, experiments=["A"], subjects=[1], replicates=[1, 2],
    ...                   time=[0, 10], time_unit="h")
    >>> dims = ("experiment", "subject", "replicate")
    >>> ds = ds.assign(fate=(dims, [[["", "apoptosis"]]]), fate_time=(dims, [[[np.nan, 4.0]]]))
    >>> killed(ds)[["fate", "n", "killed", "time_median"]].to_numpy().tolist()
    [['apoptosis', 2, 0.5, 4.0]]
    """
    import pandas as pd

    checked_confidence(confidence)
    ds = as_results(ds)
    unit, rows = str(ds["time"].attrs.get("units", "")), []
    for ends in ends_of(ds):
        time = min(ends.last, float(ds["time"][-1])) if at is None else in_unit(at, unit)
        for about, who in rows_of(ends, by):
            for name in ends.chosen(fate):
                dead = ends.ended((name,), time)
                when = ends.time[who][dead[who]]
                late = {"time_median": float(np.median(when)) if len(when) else math.nan, "by": time, "time_unit": unit}
                rows.append(about | {"fate": name} | _row(ends, who, dead, confidence, alive=False) | late)
    return pd.DataFrame(rows)


def dose_kill_curve(
    ds: xr.Dataset,
    doses: Mapping[str, float] | None = None,
    *,
    fate: str | None = None,
    unit: str = "",
    target: str | None = None,
    by: str = "experiment",
    at: float | str | None = None,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Compute the share of cells killed by dose, one arm per dose.

    Parameters
    ----------
    ds : xarray.Dataset
        Results of arms that differ in dose.
    doses : mapping of str to float, optional
        The dose, or concentration, of each experiment. Where not given, the sum of its doses as the
        first subject gets them.
    fate : str, optional
        What counts as killed; needed where there are several.
    unit : str, optional
        Of ``doses``.
    target : str, optional
        Take only doses into this target, where several drugs are given.
    by, at, confidence : optional
        As for `killed`.

    Returns
    -------
    DataFrame
        The rows of `killed` with dose and dose_unit, in order of dose.

    Raises
    ------
    DataError
        Doses of several units or targets, experiments without a dose in ``doses``, and as for `killed`.

    Examples
    --------
    >>> from sbmlqsp.results import make_dataset
    >>> ds = make_dataset({"s": [[[[1.0], [1.0]]], [[[1.0], [1.0]]]]}, experiments=["high", "low"], subjects=[1],
    ...                   replicates=[1, 2], time=[0], time_unit="h")
    >>> dims = ("experiment", "subject", "replicate")
    >>> ds = ds.assign(fate=(dims, [[["dead", "dead"]], [["", "dead"]]]),
    ...                fate_time=(dims, [[[0.0, 0.0]], [[np.nan, 0.0]]]))
    >>> dose_kill_curve(ds, {"low": 1.0, "high": 8.0}, unit="mg")[["dose", "killed"]].to_numpy().tolist()
    [[1.0, 0.5], [8.0, 1.0]]
    """
    ds = as_results(ds)
    table = killed(ds, fate=fate, by=by, at=at, confidence=confidence)
    if fate is None and len(names := sorted(set(table["fate"]))) > 1:
        raise DataError("there are several fates", value=names, remedy="name one, fate=")
    arms = [str(e) for e in ds["experiment"].to_numpy()]
    given, unit = _sums(ds, arms, target) if doses is None else (dict(doses), unit)
    for name in arms:
        if name not in given:
            raise DataError(f"the experiment '{name}' has no dose", remedy=f"give it one. {did_you_mean(name, given)}")
        if not (math.isfinite(given[name]) and given[name] >= 0):
            raise DataError("a dose is not a number of zero or more", value=given[name], where=f"'{name}'")
    table.insert(0, "dose", [float(given[str(e)]) for e in table["experiment"]])
    table.insert(1, "dose_unit", unit)
    return table.sort_values("dose", kind="stable", ignore_index=True)


def _sums(ds: xr.Dataset, arms: list[str], target: str | None) -> tuple[dict[str, float], str]:
    doses = [d for d in dose_calendar(ds) if target in {None, d.get("target")}]
    kinds = sorted({(str(d.get("target")), str(d.get("unit"))) for d in doses})
    if len(kinds) > 1:
        raise DataError("doses of several targets or units are no one dose", value=kinds,
                        remedy="name a target, or give the doses of the arms")  # fmt: skip
    if not kinds:
        raise DataError("the results have no doses", remedy="give the dose of each experiment, doses={...}")
    if any(d.get("amount") is None for d in doses):
        raise DataError("a dose has no amount", remedy="give the dose of each experiment, doses={...}")
    return {a: sum(float(d["amount"]) for d in doses if d["experiment"] == a) for a in arms}, kinds[0][1]


def by_fate(ds: xr.Dataset) -> dict[str, xr.Dataset]:
    """Split results by what ended the cells.

    Parameters
    ----------
    ds : xarray.Dataset
        Results of experiments with fates.

    Returns
    -------
    dict of str to xarray.Dataset
        By fate, and under "alive" those that nothing ended: the whole Dataset, with NaN in place of all other cells.
        Runs that failed are failed in all of them.

    Raises
    ------
    DataError
        No fates, or one that is called "alive".

    Examples
    --------
    >>> from sbmlqsp.results import make_dataset
    >>> ds = make_dataset({"s": [[[[1.0], [3.0]]]]}, experiments=["A"], subjects=[1], replicates=[1, 2], time=[0],
    ...                   time_unit="h")
    >>> dims = ("experiment", "subject", "replicate")
    >>> ds = ds.assign(fate=(dims, [[["", "dead"]]]), fate_time=(dims, [[[np.nan, 2.0]]]))
    >>> {fate: part["s"].to_numpy().ravel().tolist() for fate, part in by_fate(ds).items()}
    {'alive': [1.0, nan], 'dead': [nan, 3.0]}
    """
    ds = as_results(ds)
    names = list(dict.fromkeys(name for ends in ends_of(ds) for name in ends.names))
    if ALIVE in names:
        raise DataError(f"a fate is called '{ALIVE}', as are cells that nothing ended", remedy="give it another name")
    return dict(_split(ds, names))


def _split(ds: xr.Dataset, names: list[str]) -> Iterator[tuple[str, xr.Dataset]]:
    fate = ds["fate"].fillna("") if ds["fate"].dtype.kind == "O" else ds["fate"]
    for key, name in ((ALIVE, ""), *((n, n) for n in names)):
        kept = {n: ds[n].where(fate == name).assign_attrs(ds[n].attrs) for n in observable_names(ds)}
        yield key, ds.assign(kept)
