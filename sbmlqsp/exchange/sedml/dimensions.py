"""Values of many runs or times brought to one, by the KiSAO term of a variable."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from sbmlqsp.errors import DataError, UnsupportedError
from sbmlqsp.exchange.sedml.document import Content, Variable
from sbmlqsp.exchange.sedml.kisao import term
from sbmlqsp.exchange.sedml.tasks import leaves_of

__all__ = ["brought_to_one"]

# Those of spread are not here: whether they divide by the count or by one less is not said.
_TERMS: dict[int, Callable[..., Any]] = {
    825: np.nanmean, 841: np.mean, 828: np.nanmax, 830: np.max, 829: np.nanmin, 840: np.min,
    844: np.nansum, 845: np.sum, 846: np.nanprod, 847: np.prod,
}  # fmt: skip


def brought_to_one(
    variable: Variable, dims: tuple[str, ...], values: Any, content: Content
) -> tuple[tuple[str, ...], Any]:
    """Return the values of a variable, along fewer dimensions where it has a term.

    Raises
    ------
    UnsupportedError
        The term is not known here.
    DataError
        The results have no dimension of a task that it names.
    """
    if not variable.term:
        return dims, values
    function = _TERMS.get(term(variable.term, variable.where))
    if function is None:
        raise UnsupportedError("the term of a dimension is not known here", value=variable.term, where=variable.where,
                               expected=", ".join(f"KISAO:{n:07d}" for n in sorted(_TERMS)))  # fmt: skip
    gone = {_dimension(name, dims, content, variable) for name in variable.over} or set(dims)
    axes = tuple(i for i, d in enumerate(dims) if d in gone)
    return tuple(d for d in dims if d not in gone), function(values, axis=axes) if axes else values


def _dimension(name: str, dims: tuple[str, ...], content: Content, variable: Variable) -> str:
    plain = {t.id for t in leaves_of(content, variable.task, where=variable.where)}
    found = "time" if name in plain else name
    if found not in dims:
        raise DataError(f"the results of the variable have no dimension of '{name}'", where=variable.where,
                        value=list(dims), expected="a task that it runs")  # fmt: skip
    return found
