"""Tables of data as strangers write them: any usual separator, missing values, comments, byte order marks."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sbmlqsp.errors import DataError, did_you_mean
from sbmlqsp.files import read_plain

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["column", "numbers", "read_table", "row_place"]

MISSING = frozenset({"", ".", "na", "n/a", "nan", "#n/a", "null", "none"})
MAX_COLUMNS = 10_000
SEPARATORS = (",", ";", "\t", "|")
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eEdD][-+]?\d+)?")
_COMMA_NUMBER = re.compile(r"[-+]?\d+,\d+([eE][-+]?\d+)?")
_INTEGER = re.compile(r"[-+]?\d{1,15}")


def read_table(path: str | Path) -> pd.DataFrame:
    r"""Read a table from a text file.

    Parameters
    ----------
    path : str or Path
        One header line, then one line per row. Separated by commas, semicolons (then also with decimal commas), tabs,
        bars or blanks. Lines that start with ``#`` are comments; ``.``, ``NA``, ``NaN`` and nothing at all are missing.

    Returns
    -------
    DataFrame
        Columns of whole numbers, of numbers (NaN where missing), or of text (None where missing).
        ``attrs["path"]`` and ``attrs["lines"]`` say where each row came from.

    Raises
    ------
    DataError
        No such file, not text, no rows, a column name missing or used twice, or a row of another length.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> file = pathlib.Path(tempfile.mkdtemp(), "data.csv")
    >>> _ = file.write_text("# a comment\nID;conc\n1;3,5\n2;.\n")
    >>> read_table(file).to_dict("list")
    {'ID': [1, 2], 'conc': [3.5, nan]}
    """
    import pandas as pd

    text = read_plain(path, what="a table with a header line, such as a CSV file")
    lines = [(n, line) for n, line in enumerate(text.split("\n"), 1) if line.strip() and not _is_comment(line)]
    if len(lines) < 2:
        raise DataError("the table has no rows", value=str(path), expected="a header line and one line per row")
    separator = _separator(lines[0][1])
    records = list(_records(lines, separator, str(path)))
    names = _header(records[0][1], str(path), records[0][0])
    rows = [(n, _fitted(cells, names, f"{path}, line {n}")) for n, cells in records[1:]]
    decimal_comma = separator not in {",", " "} and any(_COMMA_NUMBER.fullmatch(c) for _, r in rows for c in r)
    data = {name: _typed([r[i] for _, r in rows], comma=decimal_comma) for i, name in enumerate(names)}
    table = pd.DataFrame(data)
    table.attrs = {"path": str(path), "lines": [n for n, _ in rows]}
    return table


def _is_comment(line: str) -> bool:
    return line.lstrip().startswith("#")


def _separator(header: str) -> str:
    plain = re.sub(r'"[^"]*"', "", header)
    best = max(SEPARATORS, key=plain.count)
    return best if plain.count(best) else " "


def _records(lines: Sequence[tuple[int, str]], separator: str, path: str) -> Iterator[tuple[int, list[str]]]:
    numbers_ = [n for n, _ in lines]
    if separator == " ":
        yield from ((n, line.split()) for n, line in lines)
        return
    reader = csv.reader((line + "\n" for _, line in lines), delimiter=separator, skipinitialspace=True, strict=True)
    try:
        before = 0
        for cells in reader:
            yield numbers_[before], [c.strip() for c in cells]
            before = reader.line_num
    except csv.Error as err:
        where = f"{path}, line {numbers_[min(reader.line_num, len(numbers_)) - 1]}"
        raise DataError(f"the row cannot be read: {err}", where=where, remedy="close the quotation mark") from None


def _header(cells: list[str], path: str, line: int) -> list[str]:
    names = [c.strip().strip('"').strip() for c in cells]
    while names and not names[-1]:
        names.pop()
    if len(names) > 1 and not names[0]:
        names[0] = "row"  # R writes row names under an empty header
    where = f"{path}, line {line}"
    if len(names) > MAX_COLUMNS:
        raise DataError(f"the table has {len(names):,} columns", where=where, expected=f"at most {MAX_COLUMNS:,}",
                        remedy="check the separator, or keep the columns that are needed")  # fmt: skip
    for i, name in enumerate(names):
        if not name:
            raise DataError(f"column {i + 1} has no name", where=where, remedy="name every column in the first line")
        if name in names[:i]:
            raise DataError("two columns have one name", value=name, where=where, remedy="rename one of them")
    if names and all(_NUMBER.fullmatch(n) for n in names):
        raise DataError("the first line holds numbers only", value=names, where=where, expected="names of columns")
    return names


def _fitted(cells: list[str], names: list[str], where: str) -> list[str]:
    if len(cells) > len(names) and not any(cells[len(names) :]):
        cells = cells[: len(names)]
    if len(cells) != len(names):
        raise DataError(
            f"the row has {len(cells)} values and the header {len(names)}", value=cells, where=where,
            remedy="check separators, quotation marks and decimal commas",
        )  # fmt: skip
    return cells


def _typed(cells: list[str], *, comma: bool) -> Any:
    present = [c for c in cells if c.lower() not in MISSING]
    parsed = {c: _number(c, comma=comma) for c in present}
    if present and not any(v is None for v in parsed.values()):
        if len(present) == len(cells) and all(_INTEGER.fullmatch(c) for c in cells):
            return [int(c) for c in cells]
        return [math.nan if c.lower() in MISSING else parsed[c] for c in cells]
    if not present:
        return [math.nan] * len(cells)
    import pandas as pd

    return pd.Series([None if c.lower() in MISSING else c for c in cells], dtype="object")


def _number(text: str, *, comma: bool = False) -> float | None:
    if comma and _COMMA_NUMBER.fullmatch(text):
        text = text.replace(",", ".")
    if not _NUMBER.fullmatch(text):
        return None
    value = float(re.sub("[dD]", "e", text))
    return value if math.isfinite(value) else None


def row_place(table: pd.DataFrame, row: int) -> str:
    """Return the file and line of a row, for messages."""
    lines = table.attrs.get("lines", [])
    line = f"line {lines[row]}" if row < len(lines) else f"row {row + 1}"
    return f"{table.attrs.get('path', 'the table')}, {line}"


def column(table: pd.DataFrame, name: str) -> pd.Series[Any]:
    """Return one column, or refuse with the names there are."""
    if name not in table.columns:
        raise DataError(
            f"the table has no column '{name}'", where=str(table.attrs.get("path", "")) or None,
            remedy=did_you_mean(name, map(str, table.columns)),
        )  # fmt: skip
    return table[name]


def numbers(table: pd.DataFrame, name: str, *, missing: bool = True) -> Any:
    """Return a column as numbers, or refuse the first value that is none, with its line.

    Parameters
    ----------
    table : DataFrame
        From `read_table`.
    name : str
        The column.
    missing : bool
        Whether values may be missing (NaN).

    Returns
    -------
    ndarray of float

    Raises
    ------
    DataError
        There is no such column, or a value is text, or missing where it must not be.

    Examples
    --------
    >>> import pandas as pd
    >>> numbers(pd.DataFrame({"WT": [70, 80]}), "WT").tolist()
    [70.0, 80.0]
    """
    import numpy as np

    values = column(table, name)
    out = np.full(len(values), math.nan)
    for i, value in enumerate(values):
        if value is None or (isinstance(value, float) and math.isnan(value)):
            if not missing:
                raise DataError(
                    f"the column '{name}' has a missing value", where=row_place(table, i), remedy="fill it in"
                )
            continue
        number = _number(value) if isinstance(value, str) else float(value)
        if number is None or not math.isfinite(number):
            raise DataError(
                f"the column '{name}' holds what is not a number", value=value, where=row_place(table, i),
                remedy="correct it, or write '.' where it is missing",
            )  # fmt: skip
        out[i] = number
    return out
