"""Data sets in NONMEM's form: read, whatever their columns are called, and written."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sbmlqsp.errors import DataError, UnitError, did_you_mean
from sbmlqsp.exchange.nonmem_writing import write_nonmem
from sbmlqsp.files import read_plain
from sbmlqsp.records import Records
from sbmlqsp.records.clock import on_clock, relative_hours
from sbmlqsp.records.columns import DATES, find_column, roles_of
from sbmlqsp.records.completing import CANONICAL
from sbmlqsp.records.formulas import column_formula
from sbmlqsp.records.selection import left_out
from sbmlqsp.records.splitting import censored, split_rows
from sbmlqsp.records.values import changes_table, is_missing, native, number
from sbmlqsp.tables import read_table

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["read_nonmem", "write_nonmem"]

Changes = list[tuple[Any, ...]]
_WORD = "\ue000"  # marks the word 'none', which `read_table` takes for nothing
_NONE = re.compile(r'(^|[,;|\t ]"?)(none)("?\s*)(?=$|[,;|\t ])', re.IGNORECASE | re.MULTILINE)


def read_nonmem(
    source: str | Path | pd.DataFrame,
    *,
    columns: Mapping[str, str] | None = None,
    units: Mapping[str, str] | None = None,
    ignore: str | Iterable[str] | None = None,
    accept: str | Iterable[str] | None = None,
    derive: Mapping[str, str] | None = None,
    covariates: Sequence[str] | None = None,
    drop: Iterable[str] = (),
    carry: str = "next",
    cens: str | None = None,
    lloq: float | Mapping[Any, float] | None = None,
    split: bool | None = None,
    sort: str | None = None,
    names: Sequence[str] | None = None,
) -> Records:
    r"""Read a data set of doses and observations, with NONMEM's meaning of its columns.

    Parameters
    ----------
    source : str, Path or DataFrame
        A file, a text of several lines, or a table. ``.``, ``NA`` and nothing at all are missing.

    Other Parameters
    ----------------
    columns : mapping of str to str
        New names of columns: ``{"ID": "subject", "DV": "conc"}``. NONMEM's own names (ID, TIME, DATE, DAT1 to DAT3,
        AMT, RATE, II, ADDL, SS, EVID, CMT, DV, DVID, MDV, CENS, LLOQ) are found whatever their case.
    units : mapping of str to str
        As in `Records`.
    ignore, accept : str or iterable of str
        Rows to leave out, or to keep: one character (``"@"``, ``"C"``) that the row begins with, conditions such as
        ``"AGE.GT.60"`` or ``"SEX == 'M'"``, or a formula. Any of several is enough.
    derive : mapping of str to str
        Columns computed by formula from those of the file, under its own or the new names, one after another:
        ``{"AMT": "piecewise(dose*WT, TIME == 0, 0)"}``. ``missing(x)`` asks for a missing cell.
    covariates : sequence of str
        Columns to keep beside those of NONMEM; by default all others.
    drop : iterable of str
        Columns to leave out.
    carry : {"next", "last"}
        As in `Records`.
    cens : str
        ``"<"`` reads values such as ``<0.05`` and ``>100`` as below and above a limit; a formula, such as
        ``"BLQ == 1"``, says where DV is below its limit.
    lloq : float or mapping by DVID
        Limit of quantification.
    split : bool
        In a file without EVID a row with a dose and a DV is an observation and then a dose. A DV of 0 beside a dose is
        nothing, unless MDV is 0, the dose is derived, or this is True.
    sort : {"ID", "TIME"}
        Bring the records of a subject together, or order them by time as well; by default neither is needed.
    names : sequence of str
        Names of the columns of a file without a header line.

    Returns
    -------
    Records
        ``changes`` lists every row and value that was left out, split or reinterpreted. Clock times and dates become
        hours since the subject's first record.

    Raises
    ------
    DataError
        What is wrong, with line, subject, column and value.

    Examples
    --------
    >>> data = read_nonmem("ID,TIME,AMT,DV,WT\n1,0,100,.,70\n1,2,.,4.1,70\n", units={"TIME": "h", "AMT": "mg"})
    >>> data.table[["TIME", "AMT", "EVID", "DV"]].values.tolist()
    [[0.0, 100.0, 1.0, nan], [2.0, 0.0, 0.0, 4.1]]
    """
    table, label, rows = _read(source, names)
    table, more = _selected(table, ignore, accept, columns)
    rows += more
    table, originals = _named(table, columns, drop, label, rows, trusted=hasattr(source, "columns"))
    clock = on_clock(table)
    table, given = _timed(table, dict(units or {}), label)
    table = _sorted(table, sort, rows)
    if clock and sort == "TIME":
        table = table.assign(TIME=table["TIME"] - table.groupby("ID")["TIME"].transform("min"))
    table, more = censored(table, cens, lloq, named=_both_names(table, originals), source=label)
    rows += more
    table = _derived(table, derive or {}, originals)
    computed = bool({"AMT", "RATE", "SS"} & {k.upper() for k in derive or {}})
    table, more = split_rows(table, always=split, derived=computed, source=label)
    rows += more
    kept = _covariates(table, covariates, rows)
    table = table[[c for c in table.columns if c in CANONICAL or c in kept]]
    _check_observed(given, table)
    return Records(table, kept, given, carry, changes_table(rows), label)


# ------------------------------------------------------------------------------------------------------------ reading
def _read(source: Any, names: Sequence[str] | None) -> tuple[pd.DataFrame, str, Changes]:
    """Return the raw table with LINE as its last column where it has none, a label, and comment lines as changes."""
    if hasattr(source, "columns"):
        table = source.reset_index(drop=True)
        table.attrs = {}
        if names is not None:
            raise DataError("names are given for a table that has them", value=list(names), remedy="leave names= out")
        if not all(isinstance(c, str) for c in table.columns):
            raise DataError("the names of the columns are not texts", value=list(table.columns)[:6])
        if not {"LINE", "line", "Line"} & set(table.columns):
            table["LINE"] = range(1, len(table) + 1)
        return table, "", []
    text = isinstance(source, str) and "\n" in source
    if not text and not isinstance(source, str | Path):
        expected = "a path, a text of several lines, or a DataFrame"
        raise DataError("this is no data set", value=type(source).__name__, expected=expected)
    label = "the text" if text else str(source)
    content = (
        str(source).replace("\r\n", "\n").replace("\r", "\n")
        if text
        else read_plain(source, what="a data set with a header line")
    )
    table = _from_text(content, names, label)
    lines = [n - (names is not None) for n in table.attrs["lines"]]
    table.attrs = {}  # pandas copies them with every column
    return _with_lines(_with_words(table), lines), label, _comments(content, min(lines, default=0))


def _with_words(table: pd.DataFrame) -> pd.DataFrame:
    """Take 'none' for a category in a column of words, and for missing in one of numbers."""
    out: dict[str, Any] = {}
    for name in table.columns:
        cells = table[name].tolist()
        marked = [isinstance(v, str) and v.endswith(_WORD) for v in cells]
        if any(marked):
            rest = [number(v) for v, m in zip(cells, marked, strict=True) if not m]
            numeric = None not in rest and any(not is_missing(v) for v in rest)
            words = [v.removesuffix(_WORD) if m else v for v, m in zip(cells, marked, strict=True)]
            plain = [None if m else number(v) for v, m in zip(cells, marked, strict=True)]
            out[name] = np.array(plain, dtype=float) if numeric else np.array(words, dtype=object)
    return table.assign(**out) if out else table


def _with_lines(table: pd.DataFrame, lines: list[int]) -> pd.DataFrame:
    out = table.drop(columns=[c for c in table.columns if c.upper() == "LINE"])
    out["LINE"] = lines
    return out


def _from_text(text: str, names: Sequence[str] | None, label: str) -> pd.DataFrame:
    """Read a table from a text, by way of a file; messages speak of the text."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "data.csv")
        head = "" if names is None else _separator(text).join(names) + "\n"
        path.write_text(head + _NONE.sub(rf"\1\2{_WORD}\3", text), encoding="utf-8")
        try:
            return read_table(path)
        except DataError as err:
            where = (err.where or "").replace(str(path), label) or None
            value = label if err.value == str(path) else err.value
            raise err.changed(value=value, where=where) from None


def _separator(text: str) -> str:
    line = next((line for line in text.split("\n") if line.strip() and not line.lstrip().startswith("#")), "")
    best = max(",;\t|", key=line.count)
    return best if best in line else " "


def _comments(text: str, first: int) -> Changes:
    """Comment lines between the data lines are listed; those before the data are no records."""
    lines = enumerate(re.split(r"\r\n|\r|\n", text), 1)
    why = "the line is a comment"
    return [(n, None, "", s.strip()[:80], "ignored", why) for n, s in lines if n > first and s.lstrip().startswith("#")]


def _selected(
    table: pd.DataFrame, ignore: Any, accept: Any, columns: Mapping[str, str] | None
) -> tuple[pd.DataFrame, Changes]:
    names = list(map(str, table.columns))
    by_role = {find_column(v, names, where="columns"): k for k, v in (columns or {}).items()}
    subject = next((n for n in names if by_role.get(n, n).upper() == "ID"), None)
    roles = {**{n.upper(): n for n in names if n.upper() in CANONICAL}, **{k: n for n, k in by_role.items()}}
    view = table.assign(**{k: table[n] for k, n in roles.items() if k not in names})
    mask, reasons = left_out(view, ignore, accept)
    rows = []
    for i, reason in reasons:
        who = native(table[subject].iloc[i]) if subject else None
        rows.append((int(table["LINE"].iloc[i]), None if is_missing(who) else who, "", None, "ignored", reason))
    if mask.all() and len(mask):
        raise DataError("ignore and accept leave no record", value=len(mask), remedy="correct the conditions")
    return _retyped(table[~mask].reset_index(drop=True) if mask.any() else table), rows


def _retyped(table: pd.DataFrame) -> pd.DataFrame:
    """Make columns of numbers out of texts that all are numbers, now that rows are left out."""
    out = {}
    for name in table.columns:
        cells = table[name].tolist()
        found = [number(v) for v in cells] if table[name].dtype.kind not in "iufb" else [None]
        out[name] = table[name] if None in found else np.array(found, dtype=float)
    return table.assign(**out)


# ------------------------------------------------------------------------------------------------------------- naming
def _named(
    table: pd.DataFrame, columns: Any, drop: Any, label: str, rows: Changes, *, trusted: bool
) -> tuple[pd.DataFrame, dict[str, str]]:
    """Return the table under its new names, and the old name of each column."""
    roles = roles_of(list(map(str, table.columns)), columns=columns, drop=drop, source=label)
    gone = [c for c in table.columns if c not in roles]
    rows += [(0, None, c, None, "dropped", "the column is left out on request") for c in gone if c != "LINE"]
    out = table[list(roles)].rename(columns=roles)
    for need in ("ID", "TIME"):
        if need not in out.columns:
            remedy = f"name it: columns={{{need!r}: …}}; {did_you_mean(need, map(str, table.columns))}"
            raise DataError(f"the data have no column {need}", where=label or None, remedy=remedy)
    if "LINE" not in out.columns or (trusted and out["LINE"].dtype.kind not in "iu"):
        out["LINE"] = range(1, len(out) + 1)
    return out, {new: old for old, new in roles.items()}


def _timed(table: pd.DataFrame, units: dict[str, str], label: str) -> tuple[pd.DataFrame, dict[str, str]]:
    if not on_clock(table):
        return table, units
    if units.setdefault("TIME", "h") not in {"h", "hr", "hour", "hours"}:
        raise DataError(
            "clock times and dates are read as hours",
            value=units["TIME"],
            where="units, TIME",
            remedy="give 'h', or leave the unit of TIME out",
        )
    out = table.drop(columns=[d for d in DATES if d in table.columns])
    return out.assign(TIME=relative_hours(table, source=label)), units


def _sorted(table: pd.DataFrame, sort: str | None, rows: Changes) -> pd.DataFrame:
    if sort is None:
        return table
    if sort not in {"ID", "TIME"}:
        raise DataError("sort is unknown", value=sort, expected="'ID' or 'TIME'")
    if sort == "TIME" and "EVID" in table.columns and table["EVID"].isin([3, 4]).any():
        raise DataError(
            "records with resets (EVID 3, 4) cannot be ordered by time, as resets may set it back",
            value=sort,
            remedy="read with sort='ID'",
        )
    first: dict[Any, int] = {}
    subject = [first.setdefault(v, len(first)) for v in table["ID"].tolist()]
    time = [number(v) for v in table["TIME"].tolist()] if sort == "TIME" else [0.0] * len(table)
    keys = np.array([np.inf if t is None else t for t in time])
    order = np.lexsort((keys, np.array(subject)))
    out = table.iloc[order].reset_index(drop=True)
    for old, new in zip(order, range(len(order)), strict=True):
        if old != new:
            line, who = int(out["LINE"].iloc[new]), native(out["ID"].iloc[new])
            rows.append((line, who, "", None, "moved", f"record {old + 1} is record {new + 1} by sort={sort!r}"))
    return out


def _both_names(table: pd.DataFrame, originals: Mapping[str, str]) -> dict[str, pd.Series[Any]]:
    """Return every column under the name it had in the file and under its own."""
    old = {originals[c]: table[c] for c in table.columns if c in originals}
    return {**old, **{str(c): table[c] for c in table.columns}}


def _derived(table: pd.DataFrame, derive: Mapping[str, str], originals: Mapping[str, str]) -> pd.DataFrame:
    out = table.copy()
    for name, text in derive.items():
        target = name.upper() if name.upper() in CANONICAL else name
        if target in {"ID", "LINE"}:
            raise DataError(f"{target} cannot be derived", value=text, where="derive")
        values = column_formula(text, _both_names(out, originals), size=len(out), where=f"derive, {name}")
        bad = np.isinf(values)
        if bad.any():
            i = int(np.argmax(bad))
            where = f"derive, {name}, line {out['LINE'].iloc[i]}, subject {native(out['ID'].iloc[i])}"
            raise DataError(
                "the derived value is not finite", value=float(values[i]), where=where, remedy="divide by no 0"
            )
        out[target] = values
    return out


def _check_observed(units: Mapping[str, str], table: pd.DataFrame) -> None:
    """Refuse a unit for a DVID that is not there."""
    there = {str(native(d)) for d in table["DVID"].tolist()} if "DVID" in table.columns else {"1"}
    for key in units:
        if key.startswith("DV:") and key[3:] not in there:
            remedy = did_you_mean(key, (f"DV:{d}" for d in there))
            raise UnitError("a unit is given for a DVID that is not there", value=key, where="units", remedy=remedy)


def _covariates(table: pd.DataFrame, asked: Sequence[str] | None, rows: Changes) -> tuple[str, ...]:
    others = [str(c) for c in table.columns if c not in CANONICAL]
    if asked is None:
        empty = [c for c in others if all(is_missing(v) for v in table[c].tolist())]
        rows += [(0, None, c, None, "dropped", "the column holds no value") for c in empty]
        return tuple(c for c in others if c not in empty)
    chosen = [find_column(c, others, where="covariates") for c in ((asked,) if isinstance(asked, str) else asked)]
    rows += [(0, None, c, None, "dropped", "the column is not in covariates") for c in others if c not in chosen]
    return tuple(chosen)
