"""Exposure by covariate: subjects in groups, and what each group's exposure is."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from sbmlqsp.errors import DataError, did_you_mean
from sbmlqsp.exposure.measures import exposure
from sbmlqsp.results import as_results, covariate_names

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    import xarray as xr

__all__ = ["exposure_groups", "group_members", "unit_of", "with_covariates"]

PERCENTILES = (5, 25, 50, 75, 95)
UNKNOWN = "not known"
FEW_VALUES = 5
"""A number that takes so few values is a category."""

_UNITS = {"cmax": "conc_unit", "cavg": "conc_unit", "ctrough": "conc_unit"}
_UNITS |= {"tmax": "time_unit", "tlast": "time_unit", "half_life": "time_unit", "tau": "time_unit"}
_UNITS |= {"auc_last": "auc_unit", "auc_inf": "auc_unit", "auc_tau": "auc_unit"}
_NUMBERS = {*_UNITS, "auc_extrapolated", "accumulation"}


def unit_of(table: pd.DataFrame, measure: str) -> str:
    """Return the unit of a measure of an exposure table; `DataError` for a measure it lacks."""
    known = [m for m in table.columns if m in _NUMBERS]
    if measure not in known:
        raise DataError(f"the exposure table has no measure '{measure}'", remedy=did_you_mean(measure, known))
    return str(table[_UNITS[measure]].iloc[0]) if measure in _UNITS and len(table) else ""


def with_covariates(table: pd.DataFrame, ds: xr.Dataset) -> pd.DataFrame:
    """Return an exposure table with the covariates and parameters of its subjects as columns.

    Parameters
    ----------
    table : DataFrame
        What ``exposure`` returned.
    ds : xarray.Dataset
        The results it was computed from.
    """
    ds = as_results(ds)
    place = {who: i for i, who in enumerate(ds["subject"].to_numpy().tolist())}
    rows = [place[who] for who in table["subject"].tolist()]
    return table.assign(**{n: ds[n].to_numpy()[rows] for n in covariate_names(ds) if n not in table})


def exposure_groups(
    source: pd.DataFrame | xr.Dataset,
    measure: str,
    *,
    covariate: str,
    observable: str | None = None,
    groups: int | Sequence[float] = 4,
    interval: float | str | None = None,
    after: float | str | None = None,
) -> pd.DataFrame:
    """Summarise an exposure measure by groups of a covariate.

    Parameters
    ----------
    source : DataFrame or xarray.Dataset
        An exposure table with the covariate as a column, or results.
    measure : str
        A column of the exposure table, such as ``"auc_tau"``.
    covariate : str
        Words, or numbers of at most five values, are categories; other numbers are cut into groups.
    observable : str, optional
        Where there are several.
    groups : int or sequence of float, optional
        So many groups of equally many subjects, or the limits between groups (each belongs to the group above it).
    interval, after : optional
        As for ``exposure``, where results are given.

    Returns
    -------
    DataFrame
        One row per experiment and group: the group and the range of its subjects (``low``, ``high``), ``n`` runs with
        the measure and ``n_missing`` without (failed runs among them), mean, sd, and percentiles as ``p05``.

    Raises
    ------
    DataError
        No such measure, observable or covariate, or groups that cannot be made.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"experiment": "A", "subject": range(1, 5), "observable": "C", "conc_unit": "mg/L",
    ...                       "cmax": [4.0, 3.0, 2.0, 1.0], "SEX": ["F", "F", "M", "M"]})
    >>> exposure_groups(table, "cmax", covariate="SEX")[["group", "n", "mean"]].to_numpy().tolist()
    [['F', 2, 3.5], ['M', 2, 1.5]]
    """
    import pandas as pd

    table, members = group_members(
        source, measure, covariate=covariate, observable=observable, groups=groups, interval=interval, after=after
    )
    unit, rows = unit_of(table, measure), []
    values, place = table[measure].to_numpy(float), members["place"].to_numpy()
    names = members.drop_duplicates("place").sort_values("place")
    for arm in dict.fromkeys(table["experiment"]):
        for g in names.to_dict("records"):
            own = values[(table["experiment"] == arm).to_numpy() & (place == g["place"])]
            kept = own[np.isfinite(own)]
            row = {"experiment": arm, "observable": str(table["observable"].iloc[0]), "measure": measure, "unit": unit,
                   "covariate": covariate, "group": g["group"], "low": g["low"], "high": g["high"],
                   "n": len(kept), "n_missing": len(own) - len(kept)}  # fmt: skip
            rows.append(row | _statistics(kept))
    return pd.DataFrame(rows)


def _statistics(kept: Any) -> dict[str, float]:
    out = {"mean": float(kept.mean()) if len(kept) else math.nan,
           "sd": float(kept.std(ddof=1)) if len(kept) > 1 else math.nan}  # fmt: skip
    points = np.percentile(kept, PERCENTILES) if len(kept) else [math.nan] * len(PERCENTILES)
    return out | {f"p{p:02d}": float(v) for p, v in zip(PERCENTILES, points, strict=True)}


def group_members(
    source: pd.DataFrame | xr.Dataset,
    measure: str,
    *,
    covariate: str,
    observable: str | None,
    groups: int | Sequence[float],
    interval: float | str | None = None,
    after: float | str | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the exposure table of one observable, and beside each row its group: place, group, low and high."""
    import pandas as pd

    if isinstance(source, pd.DataFrame):
        table = source
    else:
        table = with_covariates(exposure(source, observable, interval=interval, after=after), source)
    table = _one_observable(table, observable)
    unit_of(table, measure)
    labels = {"experiment", "subject", "replicate", "observable"}
    known = [c for c in table.columns if c not in labels and c not in _NUMBERS and not c.endswith("_unit")]
    if covariate not in known:
        raise DataError(f"the subjects have no covariate '{covariate}'", remedy=did_you_mean(covariate, known))
    people = table.drop_duplicates("subject")
    whose = _cut(people[covariate], groups, covariate).set_axis(people["subject"].to_numpy())
    return table, whose.loc[table["subject"].to_numpy()].reset_index(drop=True)


def _one_observable(table: pd.DataFrame, observable: str | None) -> pd.DataFrame:
    known = list(dict.fromkeys(table["observable"]))
    if observable is None and len(known) > 1:
        raise DataError("there are several observables", value=known, remedy="name one, observable=")
    name = known[0] if observable is None and known else observable
    if name not in known:
        raise DataError(f"the exposure table has no observable '{name}'", remedy=did_you_mean(str(name), known))
    return table[table["observable"] == name].reset_index(drop=True)


def _cut(values: pd.Series[Any], groups: int | Sequence[float], covariate: str) -> pd.DataFrame:
    """Return the group of each subject, in the order of the covariate, those without a value last."""
    import pandas as pd

    plain = values.to_numpy()
    numeric = plain.dtype.kind in "iuf"
    missing = np.array(pd.isna(values), dtype=bool)
    out = pd.DataFrame({"place": -1, "group": UNKNOWN, "low": np.nan, "high": np.nan}, index=range(len(plain)))
    if not numeric or (isinstance(groups, int) and len(np.unique(plain[~missing])) <= FEW_VALUES):
        for i, level in enumerate(sorted(set(plain[~missing].tolist()))):
            own = ~missing & (plain == level)
            out.loc[own, "place"], out.loc[own, "group"] = i, f"{level:g}" if numeric else str(level)
    else:
        _put_numbers(out, plain.astype(float), missing, _limits(plain[~missing].astype(float), groups, covariate))
    out.loc[missing, "place"] = int(out["place"].max()) + 1
    return out


def _limits(values: Any, groups: int | Sequence[float], covariate: str) -> Any:
    if isinstance(groups, int):
        if isinstance(groups, bool) or not 2 <= groups <= 10:
            raise DataError("subjects cannot be cut into so many groups", value=groups, expected="2 to 10")
        return np.unique(np.quantile(values, np.arange(1, groups) / groups))
    limits = np.asarray(groups, dtype=float)
    if limits.ndim != 1 or not len(limits) or not np.isfinite(limits).all() or (np.diff(limits) <= 0).any():
        raise DataError(f"the limits between groups of '{covariate}' do not rise", value=groups)
    return limits


def _put_numbers(out: pd.DataFrame, values: Any, missing: Any, limits: Any) -> None:
    place = np.searchsorted(limits, np.where(missing, np.nan, values), side="right")
    for i in np.unique(place[~missing]):
        own = ~missing & (place == i)
        low, high = float(values[own].min()), float(values[own].max())
        out.loc[own, "place"], out.loc[own, "group"] = int(i), f"{low:.3g}–{high:.3g}"
        out.loc[own, "low"], out.loc[own, "high"] = low, high
