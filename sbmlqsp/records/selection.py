"""Records left out on purpose: NONMEM's IGNORE and ACCEPT."""

from __future__ import annotations

import operator
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from sbmlqsp.records.columns import find_column
from sbmlqsp.records.formulas import column_formula
from sbmlqsp.records.values import is_missing, native, number

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["left_out"]

_WORDS = {"EQ": "==", "EQN": "==", "NE": "!=", "NEN": "!=", "GT": ">", "GE": ">=", "LT": "<", "LE": "<="}
_OPERATORS = {**_WORDS, "/=": "!=", "=": "=="}
_COMPARE = {
    "==": operator.eq, "!=": operator.ne, ">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le,
}  # fmt: skip
_CONDITION = re.compile(
    r"\s*([A-Za-z_]\w*)\s*(?:\.\s*(EQN|NEN|EQ|NE|GT|GE|LT|LE)\s*\.|(==|!=|/=|>=|<=|=|>|<))\s*"
    r"(\"[^\"]*\"|'[^']*'|[^\s&|<>=!()+*/^\"']+)\s*",
    re.IGNORECASE,
)


def left_out(
    table: pd.DataFrame, ignore: str | Iterable[str] | None, accept: str | Iterable[str] | None
) -> tuple[Any, list[tuple[int, str]]]:
    """Return which rows are left out, and the reason for each of them.

    Parameters
    ----------
    table : DataFrame
        As read, columns under their own names.
    ignore, accept : str or iterable of str, optional
        One character (``"@"``: a row that begins with a letter or @), or conditions such as ``"AGE.GT.60"``,
        ``"SEX == 'M'"``, ``"DV == ."``, or a formula. Any of several is enough.

    Returns
    -------
    mask : ndarray of bool
    reasons : list of (int, str)
        Position and reason.

    Examples
    --------
    >>> import pandas as pd
    >>> left_out(pd.DataFrame({"ID": [1, 2], "AGE": [50, 70]}), "AGE.GT.60", None)[1]
    [(1, 'ignore: AGE.GT.60')]
    """
    reasons: dict[int, str] = {}
    for test in _listed(ignore):
        found = _begins(table, test) if len(test.strip()) == 1 else _holds(table, test, "ignore")
        for i in np.flatnonzero(found):
            reasons.setdefault(int(i), f"ignore: {test}")
    tests = _listed(accept)
    if tests:
        kept = np.any([_holds(table, test, "accept") for test in tests], axis=0)
        for i in np.flatnonzero(~kept):
            reasons.setdefault(int(i), f"not in accept: {', '.join(tests)}")
    mask = np.zeros(len(table), dtype=bool)
    mask[list(reasons)] = True
    return mask, sorted(reasons.items())


def _listed(tests: str | Iterable[str] | None) -> Sequence[str]:
    """Return single tests; one text may hold several, as in NONMEM's (AGE.GT.60,SEX.EQ.1)."""
    out: list[str] = []
    for text in [tests] if isinstance(tests, str) else list(tests or ()):
        inner = text.strip()
        parts = inner.removeprefix("(").removesuffix(")").split(",") if "," in inner else [inner]
        out += parts if all(_CONDITION.fullmatch(p) for p in parts) else [inner]
    return out


def _begins(table: pd.DataFrame, character: str) -> Any:
    cells = ["" if is_missing(v) else str(v).lstrip() for v in table.iloc[:, 0].tolist()]
    letters = character.strip() == "@"
    return np.array([c[:1] == character.strip() or (letters and c[:1].isalpha()) for c in cells], dtype=bool)


def _holds(table: pd.DataFrame, test: str, where: str) -> Any:
    found = _CONDITION.fullmatch(test)
    names = list(map(str, table.columns))
    if not found or _is_formula(table, found, names):
        by_name = {n: table[n] for n in names}
        return np.nan_to_num(column_formula(test, by_name, size=len(table), where=f"{where}={test!r}")) != 0
    name = find_column(found[1], names, where=f"{where}={test!r}")
    sign = _OPERATORS.get((found[2] or found[3]).upper(), found[3])
    return np.array([_compares(v, sign, found[4].strip("\"'")) for v in table[name].tolist()], dtype=bool)


def _is_formula(table: pd.DataFrame, found: re.Match[str], names: Sequence[str]) -> bool:
    """Say whether the right side is no value: another column, or words where numbers are compared."""
    value = found[4]
    if value in names:
        return True
    if value[0] in "\"'" or number(value) is not None:
        return False
    sign = _OPERATORS.get((found[2] or found[3]).upper(), found[3])
    cells = table[found[1]].tolist() if found[1] in names else [""]
    return sign not in {"==", "!="} or all(number(v) is not None for v in cells)


def _compares(cell: object, sign: str, value: str) -> bool:
    """Compare as numbers where both are, as texts otherwise; what is missing equals '.' and nothing else."""
    compare = _COMPARE[sign]
    if is_missing(value) or is_missing(cell):
        return sign in {"==", "!="} and is_missing(value) and bool(compare(is_missing(cell), True))
    a, b = number(cell), number(value)
    if a is not None and b is not None:
        return bool(compare(a, b))
    return bool(compare(str(native(cell)).strip(), value))
