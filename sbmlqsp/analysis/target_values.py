"""What is set against a target: the measure of every run, its goals, and how well the output times tell it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sbmlqsp.analysis.target import TIME_ABOVE, Target
from sbmlqsp.analysis.time_above import every_second, interval_of, marks_of
from sbmlqsp.errors import DataError, did_you_mean
from sbmlqsp.exposure import exposure
from sbmlqsp.exposure.groups import unit_of
from sbmlqsp.results import as_results, asked, dose_calendar, observable_names
from sbmlqsp.units import in_unit, parse_unit

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["Values", "values_of"]


@dataclass(frozen=True)
class Values:
    """The runs of one experiment: measure and error of shape (runs, columns), and of each column the goal and MIC.

    ``error`` is by how much the measure may be wrong; ``relative`` says how it is told.
    """

    experiment: str
    observable: str
    measure: Floats
    error: Floats
    mics: Floats
    goals: Floats
    index: str
    goal_unit: str
    conc_unit: str
    relative: bool
    has_error: bool


def values_of(
    source: xr.Dataset | pd.DataFrame,
    target: Target,
    *,
    observable: str | None,
    mic: Floats | None,
    interval: float | str | None,
    after: float | str | None,
    dose_target: str | None,
) -> Iterator[Values]:
    """Yield the values of each experiment.

    Raises
    ------
    DataError
        A name there is not, replicates, or a goal without its unit.
    """
    import pandas as pd

    if isinstance(source, pd.DataFrame):
        if target.measure == TIME_ABOVE:
            raise DataError("an exposure table does not say how long curves are above a level", remedy="give results")
        if interval is not None or after is not None or dose_target is not None:
            raise DataError("an exposure table has its interval already", remedy="give these to exposure(…)")
        yield from _of_table(source, target, observable, mic)
        return
    ds = as_results(source)
    if ds.sizes["replicate"] > 1:
        raise DataError(
            "replicates of one subject are not independent, so no interval around a share would hold",
            value=ds.sizes["replicate"], remedy="take one, as in ds.isel(replicate=[0])",
        )  # fmt: skip
    name = _one(observable_names(ds), observable)
    unit = str(ds["time"].attrs.get("units", ""))
    span = {n: None if v is None else in_unit(v, unit) for n, v in (("interval", interval), ("after", after))}
    for e in range(ds.sizes["experiment"]):
        if target.measure == TIME_ABOVE:
            assert mic is not None
            yield _times_above(ds, e, name, target, mic, target_of_doses=dose_target, **span)
        else:
            yield _measures(ds, e, name, target, mic, {**span, "target": dose_target})


def _one(known: list[str], name: str | None) -> str:
    if name is None and len(known) > 1:
        raise DataError("there are several observables", value=known, remedy="name one, observable=")
    chosen = known[0] if name is None and known else name
    if chosen not in known:
        raise DataError(f"there is no observable '{chosen}'", remedy=did_you_mean(str(chosen), known))
    return str(chosen)


def _times_above(
    ds: xr.Dataset, e: int, name: str, target: Target, mic: Floats, *, interval: float | None, after: float | None,
    target_of_doses: str | None,
) -> Values:  # fmt: skip
    window = interval_of(ds, e, name, interval=interval, after=after, target=target_of_doses)
    shares, change = window.shares(mic / target.unbound)
    goals = np.array([float(g) for g in target.goals])
    sign = "≥" if target.rises else "≤"
    text = f"{target.name(mic=True)} {sign} " + (f"{100 * goals[0]:g} %" if len(goals) == 1 else "the goal")
    many = len(goals)
    return Values(
        str(ds["experiment"].to_numpy()[e]), name, np.repeat(shares, many, axis=1), np.repeat(change, many, axis=1),
        np.repeat(mic, many), np.tile(goals, len(mic)), text, "dimensionless", str(ds[name].attrs.get("units", "")),
        relative=False, has_error=True,
    )  # fmt: skip


def _measures(ds: xr.Dataset, e: int, name: str, target: Target, mic: Floats | None, options: dict[str, Any]) -> Values:
    one = ds.isel(experiment=[e])
    time, wanted = ds["time"].to_numpy(), asked(ds)[e]
    keep = wanted.copy()
    keep[wanted] = every_second(time[wanted], marks_of(dose_calendar(one)))
    table = exposure(one, name, **options)
    value = table[target.measure].to_numpy(float)
    error = np.full(len(value), np.inf)
    if not keep[wanted].all():
        half = exposure(one.isel(time=np.flatnonzero(keep)), name, **options)
        error = np.abs(half[target.measure].to_numpy(float) - value)
    return _against(table, target, mic, value, np.where(np.isnan(error), np.inf, error), has_error=True)


def _of_table(table: pd.DataFrame, target: Target, observable: str | None, mic: Floats | None) -> Iterator[Values]:
    name = _one(list(dict.fromkeys(table["observable"])), observable)
    table = table[table["observable"] == name]
    if table.duplicated(["experiment", "subject"]).any():
        raise DataError("the table has several runs of one subject, which are not independent",
                        remedy="take one replicate of each")  # fmt: skip
    word = "cmax" if target.measure == "cmax" else "areas"
    for _, part in table.groupby("experiment", sort=False):
        unit_of(part, target.measure)
        doubtful = part["caution"].astype(str).str.contains(word).to_numpy()
        error = np.where(doubtful, np.inf, 0.0)
        yield _against(part, target, mic, part[target.measure].to_numpy(float), error, has_error=False)


def _against(
    table: pd.DataFrame, target: Target, mic: Floats | None, value: Floats, error: Floats, *, has_error: bool
) -> Values:
    """Set a measure against the goals, divided by each MIC where there are any."""
    own, conc = unit_of(table, target.measure), str(table["conc_unit"].iloc[0])
    unit = own if mic is None else (parse_unit(own or "dimensionless") / parse_unit(conc or "dimensionless")).label
    goals = np.array([_goal(g, unit, mic=mic is not None, measure=target.measure) for g in target.goals])
    mics = np.full(1, np.nan) if mic is None else mic
    by = np.ones(1) if mic is None else mic
    many, sign = len(goals), "≥" if target.rises else "≤"
    name = target.name(mic=mic is not None)
    shown = "" if unit == "dimensionless" else f" {unit}"
    text = f"{name} {sign} " + (f"{goals[0]:.4g}{shown}" if many == 1 else "the goal")
    measure, wrong = (np.repeat(v[:, None] * target.unbound / by, many, axis=1) for v in (value, error))
    return Values(
        str(table["experiment"].iloc[0]), str(table["observable"].iloc[0]), measure, wrong, np.repeat(mics, many),
        np.tile(goals, len(mics)), text, unit, conc, relative=True, has_error=has_error,
    )  # fmt: skip


def _goal(goal: Any, unit: str, *, mic: bool, measure: str) -> float:
    if isinstance(goal, str):
        return in_unit(goal, unit)
    if mic and measure.startswith("auc") and unit not in {"h", "hr", "hour"}:
        raise DataError(
            "a goal of AUC over MIC is a time, and the unit of time of these results is not the hour", value=goal,
            expected='a text with a unit, such as at_least="125 h"',
        )  # fmt: skip
    return float(goal)
