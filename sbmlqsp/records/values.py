"""The cells of a data set: read as numbers, whole numbers or names, and refused with line, subject and column."""

from __future__ import annotations

import math
import re
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

import numpy as np

from sbmlqsp.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["changes_table", "is_missing", "names", "native", "numbers", "place", "refuse", "wholes"]

MISSING = frozenset({"", ".", "na", "n/a", "nan", "#n/a", "null"})  # "none" is a category, as of drinking
CHANGES = ("LINE", "ID", "column", "value", "what", "why")
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eEdD][-+]?\d+)?")


def is_missing(value: object) -> bool:
    """Say whether a cell holds nothing: None, NaN, an empty text, ``.`` or ``NA``."""
    if type(value) is float:
        return math.isnan(value)
    if value is None or type(value).__name__ in {"NAType", "NaTType"}:  # those of pandas
        return True
    if isinstance(value, str):
        return value.strip().lower() in MISSING
    return isinstance(value, Real) and math.isnan(value) if not isinstance(value, Integral) else False


def native(value: object) -> object:
    """Return a numpy scalar as Python's own, whole floats as whole numbers, for messages and names."""
    value = value.item() if isinstance(value, np.generic) else value
    return int(value) if isinstance(value, float) and value.is_integer() else value


def number(value: object) -> float | None:
    """Return a finite number, NaN where missing, None where it is neither."""
    if type(value) is float:  # nearly all cells are
        return None if math.isinf(value) else value
    if type(value) is int:
        return float(value)
    if is_missing(value):
        return math.nan
    if isinstance(value, str):
        text = value.strip()
        found = float(re.sub("[dD]", "e", text)) if _NUMBER.fullmatch(text) else math.inf
    elif isinstance(value, Real | np.bool_):
        found = float(value)
    else:
        return None
    return found if math.isfinite(found) else None


def place(table: pd.DataFrame, row: int, column: str = "", *, source: str = "") -> str:
    """Return where a cell is: file, line, subject and column."""
    at = [source] if source else []
    if "LINE" in table.columns:
        at.append(f"line {native(table['LINE'].iloc[row])}")
    if "ID" in table.columns and column != "ID":
        at.append(f"subject {native(table['ID'].iloc[row])}")
    return ", ".join([*at, f"column {column}"] if column else at)


def refuse(
    table: pd.DataFrame,
    bad: Any,
    column: str,
    what: str,
    *,
    source: str = "",
    expected: str | None = None,
    remedy: str | None = None,
) -> None:
    """Refuse the first record where `bad` is true, and say how many more there are."""
    bad = np.asarray(bad, dtype=bool)
    if not bad.any():
        return
    row, more = int(np.argmax(bad)), int(bad.sum()) - 1
    also = f", and {more} more like it" if more else ""
    raise DataError(
        what,
        value=native(table[column].iloc[row]),
        where=place(table, row, column, source=source) + also,
        expected=expected,
        remedy=remedy,
    )


def numbers(table: pd.DataFrame, column: str, *, default: float, source: str = "") -> Any:
    """Return a column as floats, the default where missing.

    Raises
    ------
    DataError
        A cell is not a number, or infinite.
    """
    series = table[column]
    if isinstance(series.dtype, np.dtype) and series.dtype.kind in "fiub":
        found = series.to_numpy(dtype=float, copy=True)
        bad = np.isinf(found)
    else:
        cells = [number(v) for v in series.tolist()]
        bad = np.array([c is None for c in cells], dtype=bool)
        found = np.array([math.nan if c is None else c for c in cells], dtype=float)
    refuse(
        table,
        bad,
        column,
        f"{column} is not a number",
        source=source,
        expected="a number, or '.' where it is missing",
        remedy="correct the cell, or leave the record out with ignore=",
    )
    return np.where(np.isnan(found), default, found) + 0.0


def wholes(table: pd.DataFrame, column: str, *, default: int, source: str = "") -> Any:
    """Return a column as whole numbers, the default where missing."""
    found = numbers(table, column, default=default, source=source)
    bad = (found != np.floor(found)) | (np.abs(found) > 2**53)
    refuse(table, bad, column, f"{column} is not a whole number", source=source, remedy="correct the cell")
    return found.astype(int)


def names(table: pd.DataFrame, column: str, *, default: int | None, source: str = "") -> list[Any]:
    """Return a column of whole numbers or names; texts that are whole numbers become numbers."""
    cells = [native(v) for v in table[column].tolist()]
    missing = np.array([is_missing(v) for v in cells], dtype=bool)
    if default is None:
        refuse(table, missing, column, f"{column} is missing", source=source, remedy="fill it in on every record")
    out = [default if gone else _name(v) for v, gone in zip(cells, missing, strict=True)]
    bad = np.array([not isinstance(v, int | str) for v in out], dtype=bool)
    expected = "a whole number or a name"
    refuse(
        table,
        bad,
        column,
        f"{column} is not a whole number",
        source=source,
        expected=expected,
        remedy="correct the cell, or write it as a name",
    )
    return out


def _name(value: object) -> object:
    if isinstance(value, str):
        text = value.strip()
        found = number(text)
        return int(found) if found is not None and found.is_integer() else text if found is None else found
    return int(value) if isinstance(value, Integral) else value


def changes_table(rows: list[tuple[Any, ...]], before: pd.DataFrame | None = None) -> pd.DataFrame:
    """Return the table of changes with more rows at its end; what it says already is not said twice."""
    import pandas as pd

    old = [] if before is None else list(before[list(CHANGES)].itertuples(index=False, name=None))
    said = {(r[0], str(r[1]), r[2], r[4]) for r in old}
    new = [r for r in rows if (r[0], str(r[1]), r[2], r[4]) not in said]
    columns: dict[str, Any] = dict(zip(CHANGES, zip(*old, *new, strict=True), strict=True)) if old or new else {}
    columns = {c: list(columns.get(c, ())) for c in CHANGES}
    return pd.DataFrame(
        {c: pd.Series(v, dtype="int64" if c == "LINE" else "object") for c, v in columns.items()}, columns=list(CHANGES)
    )
