"""Data sets written as NONMEM reads them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sbmlqsp.dosing.quantities import number_text
from sbmlqsp.errors import DataError, did_you_mean
from sbmlqsp.exchange.saving import save
from sbmlqsp.records import Records
from sbmlqsp.records.completing import CANONICAL
from sbmlqsp.records.values import is_missing, native

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["write_nonmem"]

_ALWAYS = ("ID", "TIME", "AMT", "RATE", "II", "ADDL", "SS", "EVID", "CMT", "DV", "MDV")
_DEFAULTS = {"DVID": 1, "CENS": 0, "LLOQ": None}


def write_nonmem(
    records: Records, path: str | os.PathLike[str], *, code: bool | Sequence[str] = False
) -> dict[str, dict[int | str, int]]:
    """Write a data set as a CSV file that NONMEM, and `read_nonmem`, read.

    Parameters
    ----------
    records : Records
    path : str or path
        Replaced in one step. A missing value is a dot. DVID, CENS and LLOQ are left out where they say nothing. A
        category, or IDs, in words that all are numbers ("1", "2") will be read back as numbers.
    code : bool or sequence of str
        Columns in words to write as numbers, which NONMEM needs: True for all of them, or their names. The numbers of
        CMT and DVID go on after those in use.

    Returns
    -------
    dict
        By column, the number written for each word; empty where nothing was coded.

    Raises
    ------
    DataError
        A word cannot be written, the folder is missing, or there is no such column.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import pandas as pd
    >>> table = pd.DataFrame({"ID": ["a", "b"], "TIME": [0, 0], "AMT": [10, 5], "CMT": ["depot", "central"]})
    >>> write_nonmem(Records(table), pathlib.Path(tempfile.mkdtemp(), "data.csv"), code=True)
    {'ID': {'a': 1, 'b': 2}, 'CMT': {'depot': 1, 'central': 2}}
    """
    if not isinstance(records, Records):
        raise DataError("only Records are written", value=type(records).__name__, expected="Records")
    table = records.table
    columns = [c for c in CANONICAL if c in _ALWAYS or (c in _DEFAULTS and _says(table, c))] + list(records.covariates)
    coding = {c: _coded(table[c].tolist()) for c in _chosen(records, columns, code)}
    cells = {c: [_cell(v, coding.get(c), c) for v in table[c].tolist()] for c in columns}
    lines = [",".join(_quoted(c) for c in columns)]
    lines += [",".join(row) for row in zip(*cells.values(), strict=True)]
    save("\n".join(lines) + "\n", path)
    return coding


def _says(table: pd.DataFrame, column: str) -> bool:
    default = _DEFAULTS[column]
    return any(v != default and not (default is None and is_missing(v)) for v in table[column].tolist())


def _chosen(records: Records, columns: list[str], code: bool | Sequence[str]) -> list[str]:
    worded = [c for c in columns if any(isinstance(v, str) for v in records.table[c].tolist())]
    if isinstance(code, bool):
        return worded if code else []
    names = (code,) if isinstance(code, str) else tuple(code)
    for name in names:
        if name not in worded:
            raise DataError(
                "there is no such column in words", value=name, where="code", remedy=did_you_mean(name, worded)
            )
    return list(names)


def _coded(cells: list[Any]) -> dict[int | str, int]:
    used = [v for v in cells if isinstance(v, int) and not isinstance(v, bool)]
    start = max([0, *used])
    words = list(dict.fromkeys(v for v in cells if isinstance(v, str)))
    return {word: start + n for n, word in enumerate(words, 1)}


def _cell(value: Any, coding: dict[int | str, int] | None, column: str) -> str:
    if is_missing(value):
        return "."
    if coding is not None and isinstance(value, str):
        return str(coding[value])
    if isinstance(value, str):
        if "\n" in value or "\r" in value or value != value.strip():
            raise DataError(
                "the word cannot be written in one cell",
                value=value,
                where=f"column {column}",
                remedy="rename it, or give code=True",
            )
        return _quoted(value)
    found = native(value)
    return number_text(found) if isinstance(found, float) else str(found)


def _quoted(text: str) -> str:
    plain = not any(c in text for c in ',;|"\t') and not text.startswith("#")
    return text if plain else '"' + text.replace('"', '""') + '"'
