"""Missing covariates, carried from the records beside them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from sbmlqsp.errors import DataError
from sbmlqsp.records.legality import starts
from sbmlqsp.records.values import is_missing, native

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["filled"]


def filled(table: pd.DataFrame, covariates: Sequence[str], carry: str) -> tuple[pd.DataFrame, list[tuple[Any, ...]]]:
    """Return the table with missing covariates carried within each subject, and one change per value filled in."""
    if carry not in {"next", "last"}:
        raise DataError("carry is unknown", value=carry, expected="'next' (NONMEM) or 'last'")
    out, rows = table.copy(), []
    lines, ids = table["LINE"].tolist(), table["ID"].tolist()
    first = [*starts(table["ID"]), len(table)]
    for name in covariates:
        cells = table[name].tolist()
        gone = np.array([is_missing(v) for v in cells], dtype=bool)
        new = list(cells)
        for begin, end in pairwise(first):
            there = np.flatnonzero(~gone[begin:end]) + begin
            for i in np.flatnonzero(gone[begin:end]) + begin if len(there) else ():
                j = _source(there, int(i), carry)
                new[i] = cells[j]
                rows.append(
                    (lines[i], native(ids[i]), name, native(cells[j]), "filled", f"carried from line {lines[j]}")
                )
        out[name] = np.array(new, dtype=object if table[name].dtype.kind == "O" else float)
    return out, rows


def _source(there: Any, i: int, carry: str) -> int:
    after, before = there[there > i], there[there < i]
    if carry == "next":
        return int(after[0] if len(after) else before[-1])
    return int(before[-1] if len(before) else after[0])
