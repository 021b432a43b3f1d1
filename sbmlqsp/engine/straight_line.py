"""Formulas as straight-line programs: each part that occurs once or often is computed once, one after the other."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from sbmlqsp.errors import ObservableError
from sbmlqsp.expressions import CONSTANTS, OPERATIONS, TRUTHS, Expr, to_infix

__all__ = ["as_function"]

PLAIN: dict[str, Callable[..., Any]] = {
    "add": lambda a, b: 0.0 + a + b,  # truths count as numbers
    "mul": operator.mul,
    "sub": operator.sub,
    "div": np.true_divide,
    "and": np.logical_and,
    "or": np.logical_or,
    "min": np.minimum,
    "max": np.maximum,
}
"""What is quicker for two than for any number."""
TRUE = frozenset({"true", "false", *TRUTHS})
"""What may be a truth."""


def as_function(expr: Expr) -> Callable[[dict[str, Any], Any], Any]:
    """Return what ``evaluate`` does as a function of values and time, for a formula that is asked for often.

    Examples
    --------
    >>> from sbmlqsp.expressions import parse_formula
    >>> float(as_function(parse_formula("x + time*exp(x)"))({"x": 0.0}, 2.0))
    2.0
    """
    program = _Program()
    program.slot(expr)
    return program.function()


class _Program:
    def __init__(self) -> None:
        self._slots: dict[Any, int] = {}
        self._known: list[Any] = []
        self._read: list[tuple[int, str]] = []
        self._timed: list[int] = []
        self._steps: list[tuple[int, Callable[..., Any], tuple[int, ...]]] = []

    def slot(self, expr: Expr) -> int:
        """Return where the value of a formula will be."""
        op = expr.op
        meant = f"{op}({expr.args[0].value})" if op in {"amount", "concentration"} else None
        args = () if meant else tuple(map(self.slot, expr.args))
        key = (op, meant or repr(expr.value), args)
        if key not in self._slots:
            self._slots[key] = len(self._known)
            self._known.append(None)
            self._fill(self._slots[key], expr, meant, args)
        return self._slots[key]

    def _fill(self, slot: int, expr: Expr, meant: str | None, args: tuple[int, ...]) -> None:
        op = expr.op
        if op == "num":
            self._known[slot] = expr.value
        elif op in {"true", "false", "avogadro"}:
            self._known[slot] = CONSTANTS["avogadro"] if op == "avogadro" else op == "true"
        elif op == "time":
            self._timed.append(slot)
        elif op == "sym" or meant:
            self._read.append((slot, meant or str(expr.value)))
        else:
            self._steps.append((slot, _function(expr), args))

    def function(self) -> Callable[[dict[str, Any], Any], Any]:
        """Return what computes the last value."""
        known, read, timed = self._known, self._read, self._timed
        steps = [(slot, f, *args) if len(args) == 2 else (slot, f, args) for slot, f, args in self._steps]
        last = steps[-1][0] if steps else len(known) - 1

        def compute(env: dict[str, Any], time: Any) -> Any:
            values = known.copy()
            for slot, name in read:
                values[slot] = value = env[name]
                if value.__class__ is not float:
                    values[slot] = _as_number(value)
            for slot in timed:
                values[slot] = time
            for step in steps:
                if len(step) == 4:
                    slot, f, a, b = step
                    values[slot] = f(values[a], values[b])
                else:
                    slot, f, args = step
                    values[slot] = f(*[values[a] for a in args])
            return values[last]

        return compute


def _function(expr: Expr) -> Callable[..., Any]:
    function = PLAIN.get(expr.op) if len(expr.args) == 2 else None
    function = function or OPERATIONS.get(expr.op)
    if function is None:

        def refused(*_: Any) -> Any:
            raise ObservableError(f"'{expr.op}' cannot be evaluated on its own", value=to_infix(expr))

        return refused
    if expr.op in TRUTHS or not any(a.op in TRUE for a in expr.args):
        return function
    return lambda *args: function(*map(_as_number, args))


def _as_number(value: Any) -> Any:
    """Return a truth as a number: numpy would compute exp(True) in half precision."""
    is_truth = isinstance(value, bool | np.bool_) or (isinstance(value, np.ndarray) and value.dtype == bool)
    return np.asarray(value, dtype=float) if is_truth else value
