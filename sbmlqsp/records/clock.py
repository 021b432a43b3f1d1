"""Clock times and dates, read as NONMEM reads them: hours since the subject's first record."""

from __future__ import annotations

import datetime as dt
import math
import re
from typing import TYPE_CHECKING, Any

import numpy as np

from sbmlqsp.errors import DataError
from sbmlqsp.records.columns import DATES
from sbmlqsp.records.values import is_missing, native, number, place

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["day_number", "hours", "on_clock", "relative_hours"]

_CLOCK = re.compile(r"(\d{1,3}):(\d{1,2})(?::(\d{1,2}(?:\.\d+)?))?\s*([AaPp]\.?[Mm]\.?)?")
_ISO = re.compile(r"(\d{4}-\d{1,2}-\d{1,2})[T\s]+(\d.*?)(?:\.0+)?Z?")
_ORDER = {"DATE": "mdy", "DAT1": "dmy", "DAT2": "ymd", "DAT3": "ydm"}
_EXPECTED = {"DATE": "month/day/year", "DAT1": "day/month/year", "DAT2": "year/month/day", "DAT3": "year/day/month"}
LAST_20 = 50
"""Two-digit years up to this one are 20xx, as NONMEM has it."""


def hours(text: object) -> float:
    """Return the hours of a clock time ("13:30", "1:30 PM", "13:30:15") or of a number; NaN where it is neither.

    Examples
    --------
    >>> [hours(t) for t in ("13:30", "12:15 am", 7.5)]
    [13.5, 0.25, 7.5]
    """
    found = _CLOCK.fullmatch(str(text).strip())
    if not found:
        value = number(text)
        return math.nan if value is None else value
    hour, minute, second = int(found[1]), int(found[2]), float(found[3] or 0)
    if found[4]:
        if not 1 <= hour <= 12:
            return math.nan
        hour = hour % 12 + (12 if found[4][0] in "pP" else 0)
    return math.nan if minute >= 60 or second >= 60 else hour + minute / 60 + second / 3600


def day_number(text: object, kind: str = "DATE") -> tuple[str, float]:
    """Return how a date is written ("day", "no year", "date") and its day, or NaN where it is none.

    Parameters
    ----------
    text : object
        A number of a day, month and day, or month, day and year in the order of the column; a year of four digits first
        is an ISO date whatever the column. Without a year February has 28 days.
    kind : {"DATE", "DAT1", "DAT2", "DAT3"}

    Examples
    --------
    >>> a, b = day_number("12/31/99"), day_number("2000-01-01")
    >>> b[1] - a[1]
    1.0
    """
    parts = [int(p) for p in re.split(r"[/\-.\s]+", str(native(text)).strip()) if p.isdecimal()]
    clean = re.fullmatch(r"\d+([/\-.\s]+\d+){0,2}(\s+00:00:00)?", str(native(text)).strip())
    if not clean or not parts:
        value = number(text)
        return "day", value if value is not None and value.is_integer() else math.nan
    if len(parts) == 1:
        return "day", float(parts[0])
    order = _ORDER[kind] if len(parts) == 3 else _ORDER[kind].replace("y", "")
    if len(parts) == 3 and re.match(r"\d{4}", str(text).strip()) and order[0] != "y":
        order = "ymd"
    found = dict(zip(order, parts, strict=True))
    year = found.get("y", 2001)
    year += 0 if year >= 100 else 2000 if year <= LAST_20 else 1900
    try:
        return "no year" if "y" not in found else "date", float(dt.date(year, found["m"], found["d"]).toordinal())
    except ValueError:
        return "date", math.nan


def on_clock(table: pd.DataFrame) -> bool:
    """Say whether times are clock times or go with dates."""
    dated = any(d in table.columns for d in DATES)
    times = table["TIME"].tolist() if "TIME" in table.columns else []
    return dated or any(not isinstance(t, int | float) and ":" in str(t) for t in times)


def relative_hours(table: pd.DataFrame, *, source: str = "") -> Any:
    """Return the hours since the first record of each subject.

    Parameters
    ----------
    table : DataFrame
        With LINE, ID, TIME and perhaps one of DATE, DAT1, DAT2, DAT3.

    Raises
    ------
    DataError
        A time or date cannot be read, dates are written in two ways, or a clock without dates goes past midnight.
    """
    dates = [d for d in DATES if d in table.columns]
    if len(dates) > 1:
        raise DataError("there are two columns of dates", value=dates, where=source or None, remedy="drop one of them")
    kind = dates[0] if dates else ""
    cells = table["TIME"].tolist()
    days = table[kind].tolist() if kind else [None] * len(cells)
    iso = [_ISO.fullmatch(str(c).strip()) for c in cells]
    time = np.array([hours(m[2] if m else c) for m, c in zip(iso, cells, strict=True)])
    _refuse(table, np.isnan(time), "TIME", "the time cannot be read", "a clock time such as 13:30, or hours", source)
    if kind and any(iso):
        raise DataError("TIME holds dates, and there is a column of dates too", value=kind, remedy="drop one of them")
    if any(iso) and not all(iso):
        bad = np.array([m is None for m in iso])
        _refuse(table, bad, "TIME", "the time has no date, as others have", "a date and a time on every record", source)
    if kind or any(iso):
        written = [day_number(m[1] if m else d, kind or "DATE") for m, d in zip(iso, days, strict=True)]
        time = time + 24 * _days(table, kind or "TIME", written, source)
    return _since_first(table, time, dated=bool(kind or any(iso)), source=source)


def _days(table: pd.DataFrame, kind: str, written: list[tuple[str, float]], source: str) -> Any:
    day = np.array([d for _, d in written])
    expected = f"{_EXPECTED.get(kind, 'year-month-day')}, or the number of a day"
    _refuse(table, np.isnan(day), kind, "the date cannot be read", expected, source)
    other = np.array([how != written[0][0] for how, _ in written])
    _refuse(table, other, kind, "the date is written in another way than the first", "one way of writing dates", source)
    return day


def _since_first(table: pd.DataFrame, time: Any, *, dated: bool, source: str) -> Any:
    out = np.empty(len(time))
    first: dict[Any, float] = {}
    last: dict[Any, float] = {}
    resets = table["EVID"].isin([3, 4]).tolist() if "EVID" in table.columns else [False] * len(time)
    for i, subject in enumerate(table["ID"].tolist()):
        out[i] = time[i] - first.setdefault(subject, time[i])
        if not dated and time[i] < last.get(subject, -math.inf) and not resets[i]:
            raise DataError(
                "the clock goes back, perhaps past midnight, and there are no dates",
                value=native(table["TIME"].iloc[i]),
                where=place(table, i, "TIME", source=source),
                remedy="add a column DATE (month/day/year, or the number of the day)",
            )
        last[subject] = time[i]
    return np.round(out, 12) + 0.0


def _refuse(table: pd.DataFrame, bad: Any, column: str, what: str, expected: str, source: str) -> None:
    if bad.any():
        i = int(np.argmax(bad))
        value = native(table[column].iloc[i])
        raise DataError(
            what if not is_missing(value) else f"{column} is missing",
            value=value,
            where=place(table, i, column, source=source),
            expected=expected,
            remedy="correct the cell",
        )
