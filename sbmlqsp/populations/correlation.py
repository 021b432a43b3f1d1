"""Correlations written by pairs of names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from sbmlqsp.errors import DataError, did_you_mean

__all__ = ["Correlations", "correlation_matrix", "pair_of", "refuse_indefinite"]

Correlations = Mapping[Any, float]


def correlation_matrix(pairs: Correlations, names: tuple[str, ...], where: str) -> Any:
    """Return the matrix of the correlations, 0 where none is named.

    Raises
    ------
    DataError
        A name that is not among ``names``, a number beyond 1, or correlations that cannot all hold.
    """
    matrix = np.eye(len(names))
    for pair, value in dict(pairs).items():
        a, b = pair_of(pair, where)
        for name in (a, b):
            if name not in names:
                raise DataError(f"a correlation names '{name}'", where=where, remedy=did_you_mean(name, names))
        if a == b or not -1 <= value <= 1:
            raise DataError(f"the correlation of '{a}' and '{b}' is not usable", value=value, where=where,
                            expected="a number from -1 to 1, of two different names")  # fmt: skip
        i, j = names.index(a), names.index(b)
        matrix[i, j] = matrix[j, i] = value
    refuse_indefinite(matrix, where)
    return matrix


def pair_of(pair: Any, where: str) -> tuple[str, str]:
    """Return the two names of a pair, also of one written ``"a, b"``."""
    parts = [p.strip() for p in pair.split(",")] if isinstance(pair, str) else list(_listed(pair))
    if len(parts) != 2:
        raise DataError("a correlation is not of two names", value=pair, where=where, expected="('CL', 'V')")
    return str(parts[0]), str(parts[1])


def _listed(pair: Any) -> Iterable[Any]:
    return pair if isinstance(pair, Iterable) else (pair,)


def refuse_indefinite(matrix: Any, where: str) -> None:
    """Refuse a matrix that is no covariance of anything."""
    if not len(matrix):
        return
    least = float(np.linalg.eigvalsh(matrix).min())
    if least < -1e-10 * float(np.abs(matrix).max()):
        raise DataError(
            "the matrix is not positive semi-definite: these correlations cannot all hold",
            value=f"smallest eigenvalue {least:.3g}",
            where=where,
        )
