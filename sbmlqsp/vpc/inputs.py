"""What a visual predictive check compares: measured values and replicates of them, row by row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sbmlqsp.errors import DataError, did_you_mean
from sbmlqsp.records import Records
from sbmlqsp.records.values import is_missing, native, place
from sbmlqsp.vpc.after_dose import time_after_dose
from sbmlqsp.vpc.limits import censored, limits_of

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["Compared", "compared"]

MOST_STRATA = 24
MOST_FAILED = 0.05


@dataclass(frozen=True)
class Compared:
    """Measured values and their replicates.

    Parameters
    ----------
    table : DataFrame
        The observations: ID, the strata, and whatever else the data have.
    time : ndarray, shape (n,)
        What the bins are of.
    observed : ndarray, shape (n,)
        ``-inf`` below a limit of quantification, ``inf`` above one.
    simulated : ndarray, shape (replicates, n)
        The same; NaN where a run failed.
    pred : ndarray, shape (n,), or None
    lower, upper : ndarray, shape (n,)
        Limits, NaN where there is none.
    strata : tuple of str
        The columns that divide the data.
    failed : int
        How many runs failed.
    units : mapping
    """

    table: pd.DataFrame
    time: NDArray[np.float64]
    observed: NDArray[np.float64]
    simulated: NDArray[np.float64]
    pred: NDArray[np.float64] | None
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    strata: tuple[str, ...]
    failed: int
    units: Mapping[str, str]


def compared(
    observed: Records | pd.DataFrame,
    simulated: pd.DataFrame,
    *,
    time: str,
    strata: str | Sequence[str] | None,
    fewest: int,
    lloq: Any,
    uloq: Any,
) -> Compared:
    """Bring measured values and replicates together.

    Raises
    ------
    DataError
        A column is lacking, the rows are not the same, there are fewer replicates than ``fewest``, too many failed, or
        a limit of quantification is not known.
    """
    table, units = _observations(observed)
    names = _strata(table, strata)
    replicates = _replicates(simulated, table, fewest)
    dv = _column(replicates, "DV", "the replicates", missing=True).reshape(-1, len(table))
    failed = _failures(dv, table)
    lower, upper = limits_of(table, lloq=lloq, uloq=uloq)
    return Compared(
        table, _time(table, time), censored(table, lower, upper), _beyond(dv, lower, upper),
        _typical(replicates, len(table)), lower, upper, names, failed, units,
    )  # fmt: skip


# ------------------------------------------------------------------------------------------------------------ observed
def _observations(observed: Any) -> tuple[pd.DataFrame, Mapping[str, str]]:
    """Return the rows that were measured, with the columns that all of them need."""
    if isinstance(observed, Records):
        table, units = observed.table, dict(observed.units)
        if "TAD" not in observed.covariates:
            table = table.assign(TAD=time_after_dose(table))
    elif hasattr(observed, "columns"):
        table, units = observed, dict(observed.attrs.get("units", {}))
    else:
        raise DataError("the measured data are no data set", value=type(observed).__name__,
                        expected="Records, as read_nonmem returns, or a DataFrame")  # fmt: skip
    for name in ("ID", "TIME", "DV"):
        _has(table, name, "the measured data")
    for flag in ("EVID", "MDV"):
        if flag in table.columns:
            table = table[table[flag] == 0]
    if not len(table):
        raise DataError("the data have no observation", expected="rows with EVID 0, MDV 0 and a DV")
    absent = {"DVID": 1, "CENS": 0, "LLOQ": np.nan}
    return table.assign(**{k: v for k, v in absent.items() if k not in table.columns}).reset_index(drop=True), units


def _strata(table: pd.DataFrame, strata: str | Sequence[str] | None) -> tuple[str, ...]:
    """Return the columns that divide the data; what is observed always does where it is several things."""
    names = (strata,) if isinstance(strata, str) else tuple(strata or ())
    if len(set(table["DVID"].tolist())) > 1 and "DVID" not in names:
        names = ("DVID", *names)
    for name in names:
        _has(table, name, "the measured data")
        for i, value in enumerate(table[name].tolist()):
            if is_missing(value):
                raise DataError(f"the stratum '{name}' is missing", where=place(table, i, name),
                                remedy="fill it in, or leave the subject out")  # fmt: skip
    count = len(table[list(names)].drop_duplicates()) if names else 1
    if count > MOST_STRATA:
        raise DataError(f"{count} strata are too many to look at", value=list(names), expected=f"{MOST_STRATA} at most",
                        remedy="give a column of groups instead of one of values")  # fmt: skip
    return names


def _time(table: pd.DataFrame, time: str) -> NDArray[np.float64]:
    _has(table, time, "the measured data")
    values = _column(table, time, "the measured data", missing=True)
    if np.isnan(values).any():
        i = int(np.argmax(np.isnan(values)))
        why = "its subject has no dose" if time == "TAD" else "it is missing"
        raise DataError(f"an observation has no {time}: {why}", where=place(table, i, time))
    return values


# ----------------------------------------------------------------------------------------------------------- simulated
def _replicates(simulated: pd.DataFrame, table: pd.DataFrame, fewest: int) -> pd.DataFrame:
    """Return the replicates one after another, after comparing their rows with those observed."""
    if not hasattr(simulated, "columns"):
        raise DataError("the replicates are no table", value=type(simulated).__name__, expected="a DataFrame")
    for name in ("REP", "ID", "TIME", "DV"):
        _has(simulated, name, "the replicates")
    for flag in ("EVID", "MDV"):
        if flag in simulated.columns:
            simulated = simulated[simulated[flag] == 0]
    out = simulated.sort_values("REP", kind="stable", ignore_index=True)
    sizes = out.groupby("REP").size()
    if len(sizes) < fewest:
        raise DataError("there are too few replicates for the intervals", value=len(sizes),
                        expected=f"{fewest} or more", remedy="simulate more, or ask for less confidence")  # fmt: skip
    for replicate, size in sizes.items():
        if size != len(table):
            raise DataError(f"replicate {replicate} has {size} rows, and {len(table)} were observed",
                            remedy="simulate the data set that was observed")  # fmt: skip
    for name in ("ID", "TIME", "DVID", "LINE"):
        if name in out.columns and name in table.columns:
            _refuse_other(out, table, name)
    return out


def _refuse_other(out: pd.DataFrame, table: pd.DataFrame, name: str) -> None:
    """Refuse a replicate whose rows are not those observed, in their order."""
    times = len(out) // len(table)
    mine, theirs = np.tile(table[name].to_numpy(), times), out[name].to_numpy()
    if name == "TIME":
        mine, theirs = mine.astype(float), theirs.astype(float)
        same = np.isclose(theirs, mine, rtol=1e-9, atol=1e-12)  # times may have been through a file
    else:
        same = np.array([native(a) == native(b) for a, b in zip(mine.tolist(), theirs.tolist(), strict=True)])
    if not same.all():
        i = int(np.argmin(same))
        k = i % len(table)
        raise DataError(
            f"the {name} of a simulated row is not that of the row observed", value=native(theirs[i]),
            where=f"replicate {native(out['REP'].iloc[i])}, row {k + 1}", expected=str(native(mine[i])),
            remedy="simulate the data set that was observed, and keep its order",
        )  # fmt: skip


def _failures(dv: NDArray[np.float64], table: pd.DataFrame) -> int:
    """Return how many runs (a subject in a replicate) failed, or refuse where they are too many."""
    if np.isinf(dv).any():
        raise DataError("a simulated DV is infinite", where=f"replicate {int(np.argmax(np.isinf(dv).any(axis=1))) + 1}")
    codes = table.groupby("ID", sort=False).ngroup().to_numpy()
    lost = np.zeros((len(dv), codes.max() + 1), dtype=bool)
    for k in range(lost.shape[1]):
        lost[:, k] = np.isnan(dv[:, codes == k]).any(axis=1)
    if lost.mean() > MOST_FAILED:
        raise DataError(f"{int(lost.sum())} of {lost.size} simulated subjects failed", value=round(lost.mean(), 3),
                        expected=f"at most {MOST_FAILED:.0%}: percentiles without them are those of others",
                        remedy="see attrs['failed'] of the replicates, and mend the population")  # fmt: skip
    return int(lost.sum())


def _typical(replicates: pd.DataFrame, n: int) -> NDArray[np.float64] | None:
    """Return the typical predictions, None where there are none."""
    if "PRED" not in replicates.columns:
        return None
    pred = _column(replicates, "PRED", "the replicates", missing=True).reshape(-1, n)
    if not np.allclose(pred, pred[0], rtol=1e-6, atol=0.0, equal_nan=True):
        raise DataError("PRED differs between replicates", expected="the predictions of one set of typical values, "
                        "so that observed and simulated values are corrected alike")  # fmt: skip
    return np.asarray(pred[0], dtype=np.float64)


def _beyond(dv: NDArray[np.float64], lower: NDArray[np.float64], upper: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return simulated measurements as the assay would report them."""
    low, high = dv < lower, dv > upper  # a limit that is NaN is never crossed
    return np.where(low, -np.inf, np.where(high, np.inf, dv))


# ------------------------------------------------------------------------------------------------------------- columns
def _has(table: pd.DataFrame, name: str, what: str) -> None:
    if name not in table.columns:
        raise DataError(f"{what} have no column '{name}'", value=name, remedy=did_you_mean(name, map(str, table)))


def _column(table: pd.DataFrame, name: str, what: str, *, missing: bool) -> NDArray[np.float64]:
    try:
        values = table[name].to_numpy(dtype=float)
    except (TypeError, ValueError):
        raise DataError(f"the column '{name}' of {what} holds what is no number", value=name) from None
    if not missing and np.isnan(values).any():
        raise DataError(f"the column '{name}' of {what} has gaps", value=name)
    return np.asarray(values, dtype=np.float64)
