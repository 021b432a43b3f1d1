"""Rows that hold more than NONMEM's one event: an observation and a dose, or a value and its limit."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from sbmlqsp.errors import DataError
from sbmlqsp.records.formulas import column_formula
from sbmlqsp.records.values import is_missing, native, number, numbers

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["censored", "split_rows"]

_LIMIT = re.compile(r"\s*(<|>|<=|>=|≤|≥)\s*([-+.\deE]+)\s*")
Changes = list[tuple[Any, ...]]


def censored(
    table: pd.DataFrame,
    cens: str | None,
    lloq: float | Mapping[Any, float] | None,
    *,
    named: Mapping[str, pd.Series[Any]],
    source: str = "",
) -> tuple[pd.DataFrame, Changes]:
    """Return the table with CENS and LLOQ taken from texts such as ``<0.05`` in DV, or from a formula.

    Parameters
    ----------
    cens : str, optional
        ``"<"``: read ``<0.05`` and ``>100`` in DV as censored. Anything else: a formula, below the limit where true.
    lloq : float or mapping by DVID, optional
        Limit of quantification.
    named : mapping of str to Series
        What the formula may read.
    """
    out = table.copy()
    if lloq is not None:
        dvid = out["DVID"].tolist() if "DVID" in out.columns else [1] * len(out)
        limits = [float(lloq.get(native(d), math.nan) if isinstance(lloq, Mapping) else lloq) for d in dvid]
        out["LLOQ"] = limits
    if cens is None:
        return out, []
    if cens.strip() != "<":
        where = f"cens={cens!r}"
        found = column_formula(cens, named, size=len(out), where=where)
        out["CENS"] = (np.nan_to_num(found) != 0).astype(int)
        return out, []
    return _from_texts(out, source)


def _from_texts(out: pd.DataFrame, source: str) -> tuple[pd.DataFrame, Changes]:
    rows: Changes = []
    if "DV" not in out.columns:
        raise DataError("there is no column DV to look for limits in", where=source or None, remedy="leave cens= out")
    flags = out["CENS"].tolist() if "CENS" in out.columns else [0] * len(out)
    limits = out["LLOQ"].tolist() if "LLOQ" in out.columns else [math.nan] * len(out)
    cells: list[Any] = out["DV"].tolist()
    for i, cell in enumerate(cells):
        found = _LIMIT.fullmatch(cell) if isinstance(cell, str) else None
        value = number(found[2]) if found else None
        if found and value is not None:
            below = found[1][0] in "<≤"
            cells[i], flags[i] = value, 1 if below else -1
            limits[i] = value if below else limits[i]
            side = "below" if below else "above"
            rows.append(
                (_line(out, i), _id(out, i), "DV", cell, "reinterpreted", f"a value {side} the limit {found[2]}")
            )
    return out.assign(DV=cells, CENS=flags, LLOQ=limits), rows


def split_rows(
    table: pd.DataFrame, *, always: bool | None = None, derived: bool = False, source: str = ""
) -> tuple[pd.DataFrame, Changes]:
    """Return the table with rows that hold a dose and an observation split in two, the observation first.

    Parameters
    ----------
    always : bool, optional
        What a DV of 0 beside a dose is: True an observation, False nothing (as files fill the column), None: an
        observation where MDV says so or the dose is `derived`, and nothing otherwise.
    derived : bool
        Whether the doses were computed, so that the row was one of an observation.
    """
    if "EVID" in table.columns or "DV" not in table.columns:
        return table, []
    doses = [c for c in ("AMT", "RATE", "SS") if c in table.columns]
    gives = np.zeros(len(table), dtype=bool)
    for column in doses:
        gives |= numbers(table, column, default=0.0, source=source) != 0
    mdv = (
        numbers(table, "MDV", default=math.nan, source=source)
        if "MDV" in table.columns
        else np.full(len(table), math.nan)
    )
    there = np.array([not is_missing(v) for v in table["DV"].tolist()], dtype=bool)
    zero = np.array([number(v) == 0 for v in table["DV"].tolist()], dtype=bool)
    sure = derived if always is None else always
    filler = gives & zero & (mdv != 1) & ~((mdv == 0) & (always is None)) & (not sure)
    both = gives & there & (mdv != 1) & ~filler
    return _split(table, both, filler)


def _split(table: pd.DataFrame, both: Any, filler: Any) -> tuple[pd.DataFrame, Changes]:
    import pandas as pd

    out = table.copy()
    rows: Changes = []
    for i in np.flatnonzero(filler):
        why = "a DV of 0 beside a dose is no observation; give split=True, or MDV 0, if it is one"
        rows.append((_line(out, i), _id(out, i), "DV", 0.0, "ignored", why))
    for i in np.flatnonzero(both):
        why = "the row holds a dose too: an observation, then a dose"
        rows.append((_line(out, i), _id(out, i), "DV", native(out["DV"].iloc[i]), "split", why))
    dose = ~np.isin(np.arange(len(out)), np.flatnonzero(both))
    kept = out["DV"].astype("object")
    out["DV"] = kept.where(~filler, None)
    seen, given = out[both].copy(), out[both].copy()
    for column in ("AMT", "RATE", "II", "ADDL", "SS"):
        if column in out.columns:
            seen[column] = 0
    given["DV"] = None
    for column, value in (("CENS", 0), ("LLOQ", math.nan), ("MDV", 1)):
        if column in out.columns:
            given[column] = value
    order = np.concatenate([np.flatnonzero(dose), np.flatnonzero(both), np.flatnonzero(both) + 0.5])
    joined = pd.concat([frame for frame in (out[dose], seen, given) if len(frame)])
    return joined.iloc[np.argsort(order, kind="stable")].reset_index(drop=True), rows


def _line(table: pd.DataFrame, i: Any) -> int:
    return int(table["LINE"].iloc[i])


def _id(table: pd.DataFrame, i: Any) -> object:
    return native(table["ID"].iloc[i])
