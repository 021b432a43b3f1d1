"""Every canonical column, with NONMEM's defaults where a table does not have it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from sbmlqsp.errors import DataError, did_you_mean
from sbmlqsp.records.values import is_missing, names, native, number, numbers, refuse, wholes

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["CANONICAL", "completed"]

CANONICAL = (
    "LINE",
    "ID",
    "TIME",
    "AMT",
    "RATE",
    "II",
    "ADDL",
    "SS",
    "EVID",
    "CMT",
    "DV",
    "DVID",
    "MDV",
    "CENS",
    "LLOQ",
)
_FLOATS = {"AMT": 0.0, "RATE": 0.0, "II": 0.0, "DV": math.nan, "LLOQ": math.nan}
_WHOLES = {"ADDL": 0, "SS": 0, "CENS": 0}
_NAMES = {"CMT": 0, "DVID": 1}


def completed(
    table: pd.DataFrame, covariates: Sequence[str], *, source: str = ""
) -> tuple[pd.DataFrame, list[tuple[Any, ...]]]:
    """Return a table of all canonical columns and the covariates, and what was reinterpreted on the way.

    Raises
    ------
    DataError
        ID or TIME is lacking, a column is neither canonical nor a covariate, or a cell cannot be read.
    """
    import pandas as pd

    _check_columns(table, covariates)
    if not len(table):
        raise DataError("the data set has no records", where=source or None, expected="at least one record")
    raw = table.reset_index(drop=True)
    raw.attrs = {}  # pandas copies them with every column
    lines = range(1, len(raw) + 1) if "LINE" not in raw.columns else wholes(raw, "LINE", default=0, source=source)
    raw["LINE"] = list(lines)
    data: dict[str, Any] = {"LINE": np.asarray(raw["LINE"], dtype="int64"), "ID": _ids(raw, source)}
    raw["ID"] = data["ID"]
    data["TIME"] = numbers(raw, "TIME", default=math.nan, source=source)
    refuse(raw, np.isnan(data["TIME"]), "TIME", "TIME is missing", source=source, remedy="fill it in on every record")
    for column in CANONICAL[3:]:
        data[column] = _column(raw, column, data, source)
    _check_amounts(raw, data, source)
    for column in covariates:
        data[column] = _covariate(raw, column, source)
    frame = pd.DataFrame({c: data[c] for c in (*CANONICAL, *covariates)})
    return frame, _limits(frame)


def _check_columns(table: pd.DataFrame, covariates: Sequence[str]) -> None:
    known = {*CANONICAL, *covariates}
    for need in ("ID", "TIME"):
        if need not in table.columns:
            remedy = did_you_mean(need, map(str, table.columns))
            raise DataError(
                f"the table has no column {need}", remedy=f"name its column: columns={{'{need}': …}}; {remedy}"
            )
    for name in covariates:
        if name in CANONICAL:
            raise DataError(
                f"the covariate '{name}' has the name of a column that means something",
                value=name,
                remedy="give the covariate another name",
            )
        if name not in table.columns:
            remedy = did_you_mean(name, map(str, table.columns))
            raise DataError(f"the table has no column '{name}' for the covariate", value=name, remedy=remedy)
    for column in table.columns:
        if column not in known:
            raise DataError(
                f"the column '{column}' is neither one that NONMEM knows nor a covariate",
                value=str(column),
                remedy=f"add it to covariates=, or leave it out; {did_you_mean(str(column), CANONICAL)}",
            )


def _ids(raw: pd.DataFrame, source: str) -> Any:
    """Return whole numbers, or texts where one is a text; a text stays one, whoever is selected."""
    import pandas as pd

    found = names(raw, "ID", default=None, source=source)
    given = [native(v) for v in raw["ID"].tolist()]
    if not any(isinstance(v, str) for v in given):
        return np.array(found, dtype="int64")
    return pd.Series([str(v).strip() for v in given], dtype="object")


def _column(raw: pd.DataFrame, column: str, data: dict[str, Any], source: str) -> Any:
    import pandas as pd

    present = column in raw.columns
    if column in _NAMES:
        cells = names(raw, column, default=_NAMES[column], source=source) if present else [_NAMES[column]] * len(raw)
        return pd.Series(cells, dtype="object")
    if column == "EVID" and not present:
        return _evid(raw, data, source)
    if column == "MDV":
        return _mdv(raw, data, source)
    if column in _FLOATS:
        default = _FLOATS[column]
        return numbers(raw, column, default=default, source=source) if present else np.full(len(raw), default)
    default_whole = _WHOLES.get(column, 0)
    if not present:
        return np.full(len(raw), default_whole, dtype=int)
    return wholes(raw, column, default=default_whole, source=source)


def _evid(raw: pd.DataFrame, data: dict[str, Any], source: str) -> Any:
    """Return what NONMEM takes EVID to be where the column is absent."""
    gives = (data["AMT"] != 0) | (data["RATE"] != 0) | (data["SS"] != 0)
    empty = ((data["II"] != 0) | (data["ADDL"] != 0)) & ~gives
    column = "II" if "II" in raw.columns and (data["II"] != 0)[empty].any() else "ADDL"
    refuse(
        raw,
        empty & (data[column] != 0),
        column,
        f"{column} stands on a record that gives nothing",
        source=source,
        expected="AMT, RATE or SS on the same record",
        remedy="write 0 there, or an EVID column that says what it is",
    )
    other = (
        wholes(raw, "MDV", default=0, source=source) != 0 if "MDV" in raw.columns else np.zeros(len(raw), dtype=bool)
    )
    return np.where(gives, 1, np.where(other, 2, 0))


def _mdv(raw: pd.DataFrame, data: dict[str, Any], source: str) -> Any:
    """Return MDV; where it is not said, 1 on what is no observation and where DV is missing."""
    censored = (wholes(raw, "CENS", default=0, source=source) == 1) if "CENS" in raw.columns else False
    limit = numbers(raw, "LLOQ", default=math.nan, source=source) if "LLOQ" in raw.columns else math.nan
    valued = ~np.isnan(data["DV"]) | (censored & ~np.isnan(limit))
    implied = ((data["EVID"] != 0) | ~valued).astype(int)
    unsaid = np.full(len(raw), math.nan)
    said = numbers(raw, "MDV", default=math.nan, source=source) if "MDV" in raw.columns else unsaid
    both = (data["EVID"] != 0) & np.isnan(said) & ~np.isnan(data["DV"]) & (data["DV"] != 0)
    refuse(
        raw,
        both,
        "DV",
        "a record that is no observation (EVID is not 0) has a DV",
        source=source,
        expected="DV missing there, or MDV 1 to have it ignored",
        remedy="write the observation as a record of its own; read_nonmem does so where a file has no EVID column",
    )
    out = np.where(np.isnan(said), implied, said)
    refuse(
        raw, ~np.isin(out, (0, 1)), "MDV", "MDV is unknown", source=source, expected="0 or 1", remedy="correct the cell"
    )
    return out.astype(int)


def _check_amounts(raw: pd.DataFrame, data: dict[str, Any], source: str) -> None:
    """Refuse a bolus without an amount; one of 0 is a placebo."""
    gone = [is_missing(v) for v in raw["AMT"].tolist()] if "AMT" in raw.columns else [True] * len(raw)
    refuse(
        raw if "AMT" in raw.columns else raw.assign(AMT=None),
        np.array(gone, dtype=bool) & np.isin(data["EVID"], (1, 4)) & (data["RATE"] == 0),
        "AMT",
        "a dose has no amount",
        source=source,
        expected="AMT, which may be 0 for a placebo",
        remedy="write the amount, or EVID 0 or 2 if nothing was given",
    )


def _covariate(raw: pd.DataFrame, column: str, source: str) -> Any:
    """Return a covariate as floats, or as texts where one of its values is a text."""
    import pandas as pd

    cells = raw[column].tolist()
    if not any(isinstance(v, str) and not is_missing(v) for v in cells) and None not in map(number, cells):
        return numbers(raw, column, default=math.nan, source=source)
    infinite = np.array([isinstance(v, float) and math.isinf(v) for v in map(native, cells)], dtype=bool)
    refuse(raw, infinite, column, f"{column} is not finite", source=source, remedy="correct the cell")
    return pd.Series([None if is_missing(v) else str(native(v)).strip() for v in cells], dtype="object")


def _limits(table: pd.DataFrame) -> list[tuple[Any, ...]]:
    """Give records below the limit of quantification their limit as DV, and drop what DV says where it says nothing."""
    rows = []
    dv, evid = (table[c].to_numpy(copy=True) for c in ("DV", "EVID"))
    filled = (table["CENS"].to_numpy() == 1) & np.isnan(dv) & ~table["LLOQ"].isna().to_numpy() & (evid == 0)
    unread = ~np.isnan(dv) & (evid != 0)
    for i in np.flatnonzero(filled):
        value = float(table["LLOQ"].iloc[i])
        rows.append(_change(table, i, "DV", value, "filled", "the value of a censored record is its LLOQ"))
        dv[i] = value
    why = "a record with EVID {} observes nothing"
    rows += [_change(table, i, "DV", float(dv[i]), "ignored", why.format(evid[i])) for i in np.flatnonzero(unread)]
    dv[unread] = math.nan
    table["DV"] = dv
    return rows


def _change(table: pd.DataFrame, i: Any, column: str, value: object, what: str, why: str) -> tuple[Any, ...]:
    return (int(table["LINE"].iloc[i]), native(table["ID"].iloc[i]), column, value, what, why)
