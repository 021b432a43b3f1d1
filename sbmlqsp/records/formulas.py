"""Formulas over the columns of a data set, where what is missing stays missing."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from sbmlqsp.errors import DataError, ObservableError, did_you_mean
from sbmlqsp.expressions import RELATIONS, Expr, evaluate, parse_formula
from sbmlqsp.records.values import is_missing, number

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["column_formula"]

_MISSING = re.compile(r"\bmissing\(\s*([A-Za-z_][\w.]*)\s*\)")


def column_formula(text: str, columns: Mapping[str, pd.Series[Any]], *, size: int, where: str) -> Any:
    """Evaluate a formula on every row.

    Parameters
    ----------
    text : str
        SBML's infix, such as ``"piecewise(dose*WT, TIME == 0, 0)"``; ``missing(x)`` says whether a cell is missing.
    columns : mapping of str to Series
    size : int
        How many rows.
    where : str
        What the formula is for, in messages.

    Returns
    -------
    ndarray of float
        NaN where the value depends on a missing cell; comparisons with a missing cell are missing, not false.

    Raises
    ------
    DataError
        The text is not a formula, or reads a column that is not there or not of numbers.

    Examples
    --------
    >>> import pandas as pd
    >>> dose = pd.Series([100.0, float("nan")])
    >>> column_formula("piecewise(1, dose > 50, 0)", {"dose": dose}, size=2, where="an example").tolist()
    [1.0, nan]
    """
    asked = {f"missing__{n.replace('.', '__')}": n for n in _MISSING.findall(str(text))}
    plain = _MISSING.sub(lambda m: f"missing__{m[1].replace('.', '__')}", str(text))
    try:
        tree = parse_formula(plain, symbols=tuple(columns))
    except ObservableError as err:
        remedy = err.remedy or "write it as in SBML: piecewise(value, condition, otherwise)"
        raise err.changed(DataError, value=text, where=where, remedy=remedy) from None
    scope = {}
    for name in sorted(tree.symbols()):
        wanted = asked.get(name, name)
        if wanted not in columns:
            remedy = did_you_mean(wanted, columns)
            raise DataError(f"the formula reads '{wanted}', which is no column", value=text, where=where, remedy=remedy)
        series = columns[wanted]
        scope[name] = _gone(series) if name in asked else _floats(series, wanted, text, where)
    try:
        return np.broadcast_to(np.asarray(_value(tree, scope), dtype=float), (size,)).copy()
    except ObservableError as err:
        raise err.changed(DataError, value=text, where=where) from None


def _gone(series: pd.Series[Any]) -> Any:
    return np.array([is_missing(v) for v in series.tolist()], dtype=float)


def _floats(series: pd.Series[Any], name: str, text: str, where: str) -> Any:
    cells = [number(v) for v in series.tolist()]
    if None in cells:
        bad = series.tolist()[cells.index(None)]
        raise DataError(
            f"the formula reads '{name}', which holds words such as {bad!r}",
            value=text,
            where=where,
            remedy="formulas read numbers only",
        )
    return np.array(cells, dtype=float)


def _value(node: Expr, scope: Mapping[str, Any]) -> Any:
    """Evaluate with three-valued logic: NaN is what is not known."""
    if not node.args:
        if node.op == "time":
            raise ObservableError("'time' is no column", remedy="write TIME")
        return np.asarray(evaluate(node, scope), dtype=float)
    args = [_value(a, scope) for a in node.args]
    if node.op == "piecewise":
        return _piecewise(args)
    if node.op in {"and", "or"}:
        return _logic(args, decides=0.0 if node.op == "and" else 1.0)
    names = [f"x{i}" for i in range(len(args))]
    plain = Expr(node.op, tuple(Expr("sym", value=n) for n in names), node.value)
    logical = node.op in {"not", "xor", "implies"}
    given = [a != 0 for a in args] if logical else args
    out = np.asarray(evaluate(plain, dict(zip(names, given, strict=True))), dtype=float)
    unknown = np.any(np.stack(np.broadcast_arrays(*(np.isnan(a) for a in args))), axis=0)
    return np.where(unknown, math.nan, out) if node.op in RELATIONS or logical else out


def _logic(args: list[Any], *, decides: float) -> Any:
    """One argument that decides does so whatever the unknown ones are."""
    stack = np.stack(np.broadcast_arrays(*args))
    known = ~np.isnan(stack)
    decided = np.any(known & ((stack != 0) == bool(decides)), axis=0)
    return np.where(decided, decides, np.where(np.all(known, axis=0), 1.0 - decides, math.nan))


def _piecewise(args: list[Any]) -> Any:
    pairs = list(zip(args[: len(args) // 2 * 2 : 2], args[1::2], strict=True))
    out = args[-1] if len(args) % 2 else np.asarray(math.nan)
    for value, condition in reversed(pairs):
        out = np.where(np.isnan(condition), math.nan, np.where(condition != 0, value, out))
    return out
