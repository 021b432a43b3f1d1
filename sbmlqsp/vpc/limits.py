"""Limits of quantification of measured values, and values that are only known to lie beyond them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from sbmlqsp.errors import DataError, did_you_mean
from sbmlqsp.records.values import place

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["censored", "limits_of"]


def limits_of(table: pd.DataFrame, *, lloq: Any, uloq: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the lower and the upper limit of every observation, NaN where there is none.

    Parameters
    ----------
    table : DataFrame
        Observations, with DV, DVID, CENS (1 below a limit, -1 above one) and LLOQ.
    lloq, uloq : float or mapping by DVID, optional
        Limits; without them those that the data state. Replicates have to be censored as the assay would have done, so
        the limit of every observation counts, also of those above it.

    Raises
    ------
    DataError
        A value is censored at another limit than is given, or the limit of the others is not known.
    """
    stated = {1: table["LLOQ"].to_numpy(dtype=float), -1: np.full(len(table), np.nan)}
    out = []
    for side, given, name in ((1, lloq, "lloq"), (-1, uloq, "uloq")):
        at = _given(table, given, name) if given is not None else _stated(table, stated[side], side, name)
        _refuse_other(table, at, side, name)
        out.append(at)
    crossed = out[0] >= out[1]
    if crossed.any():
        i = int(np.argmax(crossed))
        raise DataError("the lower limit of quantification is not below the upper one", where=place(table, i),
                        value=(float(out[0][i]), float(out[1][i])))  # fmt: skip
    return out[0], out[1]


def censored(table: pd.DataFrame, lower: NDArray[np.float64], upper: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the observed values, ``-inf`` and ``inf`` where they lie beyond a limit."""
    dv, cens = table["DV"].to_numpy(dtype=float), table["CENS"].to_numpy()
    low, high = (cens == 1) | (dv < lower), (cens == -1) | (dv > upper)
    out = np.where(low, -np.inf, np.where(high, np.inf, dv))
    bad = ~np.isfinite(out) & ~low & ~high
    if bad.any():
        raise DataError("an observation has no DV", where=place(table, int(np.argmax(bad)), "DV"),
                        remedy="write MDV 1 where nothing was measured")  # fmt: skip
    return out


def _given(table: pd.DataFrame, given: Any, name: str) -> NDArray[np.float64]:
    dvids = table["DVID"].tolist()
    if isinstance(given, Mapping):
        for key in given:
            if key not in dvids:
                raise DataError(f"{name} is given for a DVID that is not observed", value=key,
                                remedy=did_you_mean(str(key), map(str, dvids)))  # fmt: skip
        values = [given.get(d) for d in dvids]
    else:
        values = [given] * len(dvids)
    for value in values:
        if value is not None and (isinstance(value, bool | str) or not np.isfinite(value)):
            raise DataError(f"{name} is no number", value=value)
    return np.array([np.nan if v is None else float(v) for v in values])


def _stated(table: pd.DataFrame, known: NDArray[np.float64], side: int, name: str) -> NDArray[np.float64]:
    """Return the limits that the data state; one that all censored values of a DVID share holds for its others too."""
    out, dv, cens = known.copy(), table["DV"].to_numpy(dtype=float), table["CENS"].to_numpy()
    out = np.where(np.isnan(out) & (cens == side), dv, out)
    for dvid in table["DVID"].unique():
        mine = (table["DVID"] == dvid).to_numpy()
        limits = np.unique(out[mine & ~np.isnan(out)])
        open_ = mine & np.isnan(out)
        if not len(limits) or not open_.any():
            continue
        if len(limits) > 1:
            raise DataError(
                f"values are censored at {len(limits)} limits, and it is not known which holds for those that are not",
                value=limits.tolist(), where=place(table, int(np.argmax(open_))),
                remedy=f"give {name}=, or a column LLOQ that is filled in on every observation",
            )  # fmt: skip
        beyond = open_ & (side * (dv - limits[0]) < 0)
        if beyond.any():
            i = int(np.argmax(beyond))
            raise DataError("a value lies beyond the limit at which others are censored", value=float(dv[i]),
                            where=place(table, i, "DV"), remedy=f"give {name}=, or mark it in CENS")  # fmt: skip
        out[open_] = limits[0]
    return out


def _refuse_other(table: pd.DataFrame, at: NDArray[np.float64], side: int, name: str) -> None:
    """Refuse a value that is censored further out than the limit, so that nobody knows where it lies."""
    dv, mine = table["DV"].to_numpy(dtype=float), table["CENS"].to_numpy() == side
    bad = mine & ~(side * (dv - at) <= 1e-9 * np.abs(at)) & ~(np.isnan(dv) & ~np.isnan(at))
    if bad.any():
        i = int(np.argmax(bad))
        raise DataError(
            "a value is censored at another limit than is given", value=float(dv[i]), where=place(table, i, "DV"),
            expected=f"{name} = {at[i]:g}" if np.isfinite(at[i]) else f"a {name} for its DVID",
        )  # fmt: skip
