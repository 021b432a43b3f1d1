"""Tables of PEtab: tab-separated values whose every cell knows its file and line."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sbmlqsp.errors import DataError, did_you_mean
from sbmlqsp.exchange.petab.grammar import RESERVED, parse_petab
from sbmlqsp.expressions import Expr
from sbmlqsp.files import read_plain

__all__ = ["Row", "as_number", "identifier", "read_sheet", "refuse_foreign", "unique"]

# As others read them; "Na" and "none" are names.
MISSING = frozenset({"", "nan", "NaN", "NAN", "NA", "N/A", "n/a", "null", "NULL", "None", "<NA>", "#N/A"})
_ID = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_NUMBER = re.compile(r"[-+]?((\d+\.?\d*|\.\d+)([eE][-+]?\d+)?|inf|Inf|INF)")


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its cells by column, as text (``""`` where missing), and where it is."""

    cells: Mapping[str, str]
    where: str

    def text(self, column: str) -> str:
        """Return a cell, ``""`` where it is missing or the table has no such column."""
        return self.cells.get(column, "")

    def needed(self, column: str) -> str:
        """Return a cell that must not be empty."""
        text = self.text(column)
        if not text:
            raise DataError(f"'{column}' is empty", where=self.where, remedy="fill it in")
        return text

    def id(self, column: str, *, empty: bool = False) -> str:
        """Return a cell that is an id."""
        text = self.text(column) if empty else self.needed(column)
        return identifier(text, column, self.where) if text else ""

    def number(self, column: str, *, infinite: str = "") -> float:
        """Return a cell that is a number; ``infinite`` names the sign of the infinity it may be."""
        value = as_number(self.needed(column))
        if value is None or (math.isinf(value) and ("-" if value < 0 else "+") not in infinite):
            allowed = {"": "a number", "+": "a number or inf", "-": "a number or -inf"}.get(infinite, "a number, inf")
            raise DataError(f"'{column}' is no number", value=self.text(column), where=self.where, expected=allowed)
        return value

    def some_number(self, column: str) -> float | None:
        """Return a cell that is a number, perhaps infinite, or missing."""
        return self.number(column, infinite="+-") if self.text(column) else None

    def formula(self, column: str) -> Expr:
        """Return a cell that is a mathematical expression."""
        try:
            return parse_petab(self.needed(column))
        except DataError as err:
            raise err.changed(where=f"{self.where}, {column}" + (f", {err.where}" if err.where else "")) from None

    def listed(self, column: str) -> tuple[str, ...]:
        """Return the values of a cell that semicolons separate."""
        text = self.text(column)
        parts = tuple(p.strip() for p in text.split(";")) if text else ()
        if any(not p for p in parts):
            raise DataError(
                f"a value of '{column}' is empty", value=text, where=self.where,
                remedy="put a semicolon between two values only",
            )  # fmt: skip
        return parts

    def chosen(self, column: str, allowed: Sequence[str], *, default: str) -> str:
        """Return a cell that is one of some words."""
        text = self.text(column) or default
        if text not in allowed:
            raise DataError(
                f"'{column}' is unknown", value=text, where=self.where, expected=", ".join(filter(None, allowed)),
                remedy=did_you_mean(text, filter(None, allowed)),
            )  # fmt: skip
        return text

    def rest(self, known: Iterable[str]) -> dict[str, str]:
        """Return the cells of other columns."""
        mine = set(known)
        return {k: v for k, v in self.cells.items() if k not in mine and v}


def as_number(text: str) -> float | None:
    """Return the number that a text is, or None; not a number is none."""
    return float(text) if _NUMBER.fullmatch(text.strip()) else None


def identifier(text: str, what: str, where: str) -> str:
    """Return a text that is a valid id, or refuse it."""
    if not _ID.fullmatch(text):
        raise DataError(
            f"'{what}' is no valid id", value=text, where=where,
            expected="letters, digits and underscores, not beginning with a digit",
        )  # fmt: skip
    if text.lower() in RESERVED:
        raise DataError(f"'{what}' is a reserved word", value=text, where=where, remedy="rename it")
    return text


def read_sheet(
    path: Path, *, shown: str, needed: Sequence[str], optional: Sequence[str] = (), others: bool = True
) -> list[Row]:
    """Read a table.

    Parameters
    ----------
    path : Path
    shown : str
        The file's name in messages.
    needed, optional : sequence of str
        Columns that must be there, and that may.
    others : bool
        Whether further columns are allowed.

    Raises
    ------
    DataError
        The file is no table, a column is missing, or a row has another number of cells.
    """
    text = read_plain(path, what="a table of PEtab")
    reader = csv.reader(text.split("\n"), delimiter="\t", strict=True)
    try:
        lines = [(reader.line_num, [c.strip() for c in cells]) for cells in reader]
    except csv.Error as err:
        place = f"{shown}, line {reader.line_num}"
        raise DataError(f"the row cannot be read: {err}", where=place, remedy="close the quotation mark") from None
    filled = [(n, cells) for n, cells in lines if any(cells)]
    names = _header(filled[0][1], f"{shown}, line {filled[0][0]}")
    _check_columns(names, shown, needed, optional, others=others)
    return list(_rows(filled[1:], names, shown))


def _header(cells: Sequence[str], where: str) -> list[str]:
    names = list(cells)
    while names and not names[-1]:
        names.pop()
    for k, name in enumerate(names):
        if not name:
            raise DataError(f"column {k + 1} has no name", where=where, remedy="name every column in the first line")
        if name in names[:k]:
            raise DataError("two columns have one name", value=name, where=where, remedy="remove one of them")
    return names


def _check_columns(
    names: Sequence[str], shown: str, needed: Sequence[str], optional: Sequence[str], *, others: bool
) -> None:
    by_lower = {n.lower(): n for n in (*needed, *optional)}
    for name in names:
        known = by_lower.get(name.lower(), name)
        if known != name:
            raise DataError("the name of a column is written otherwise", value=name, where=shown, expected=known)
        if not others and name not in {*needed, *optional}:
            raise DataError(
                "the table has a column that means nothing", value=name, where=shown,
                remedy=did_you_mean(name, (*needed, *optional)),
            )  # fmt: skip
    for name in needed:
        if name not in names:
            near = "save it with tabs between its columns" if len(names) == 1 else did_you_mean(name, names)
            raise DataError(f"the table has no column '{name}'", value=list(names), where=shown, remedy=near)


def _rows(lines: Iterable[tuple[int, list[str]]], names: Sequence[str], shown: str) -> Iterator[Row]:
    for number, given in lines:
        cells, where = list(given), f"{shown}, line {number}"
        while len(cells) > len(names) and not cells[-1]:
            cells.pop()
        if len(cells) > len(names):
            raise DataError(
                f"the row has {len(cells)} cells and the header {len(names)}", value=cells, where=where,
                remedy="check the tabs",
            )  # fmt: skip
        cells += [""] * (len(names) - len(cells))
        plain = ("" if c in MISSING else c for c in cells)
        yield Row(dict(zip(names, plain, strict=True)), where)


def unique(rows: Iterable[Row], key: Callable[[Row], object], what: str) -> None:
    """Refuse a second row of the same key."""
    seen: dict[object, str] = {}
    for row in rows:
        mine = key(row)
        if mine in seen:
            raise DataError(
                f"{what} is there twice", value=mine, where=row.where, expected=f"it once, as in {seen[mine]}",
                remedy="remove one of the rows",
            )  # fmt: skip
        seen[mine] = row.where


def refuse_foreign(rows: Iterable[Row], names: Iterable[str], version: int) -> None:
    """Refuse columns that another version gives a meaning, which would be lost without a word."""
    mine = set(names)
    for row in rows:
        for name in mine & row.cells.keys():
            if row.text(name):
                raise DataError(
                    f"the column '{name}' has no meaning in version {version} of PEtab", value=row.text(name),
                    where=row.where, remedy="remove the column, or say it as this version does",
                )  # fmt: skip
