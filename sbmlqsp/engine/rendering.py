"""Formulas as Python source that numba compiles: plain arithmetic, no vectors, no allocation."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import reduce
from itertools import pairwise

from sbmlqsp.errors import UnsupportedError
from sbmlqsp.expressions import CONSTANTS, Expr

__all__ = ["condition", "numeric", "render"]

_INFIX = {"pow": "**", "lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!="}
_FOLDED = {"add": ("+", "0.0"), "mul": ("*", "1.0"), "and": (" and ", "True"), "or": (" or ", "False")}
_CHAINED = {"add": {"add", "sub"}, "sub": {"add", "sub"}, "mul": {"mul", "div"}, "div": {"mul", "div"}}
_CALLS = {
    "exp": "math.exp", "ln": "math.log", "log10": "math.log10", "sqrt": "math.sqrt", "abs": "abs", "floor": "np.floor",
    "ceil": "np.ceil", "sin": "math.sin", "cos": "math.cos", "tan": "math.tan", "asin": "math.asin",
    "acos": "math.acos", "atan": "math.atan", "sinh": "math.sinh", "cosh": "math.cosh", "tanh": "math.tanh",
    "asinh": "math.asinh", "acosh": "math.acosh", "atanh": "math.atanh", "rem": "np.fmod",
}  # fmt: skip
_RECIPROCAL = {"sec": "cos", "csc": "sin", "cot": "tan", "sech": "cosh", "csch": "sinh", "coth": "tanh"}
_OF_RECIPROCAL = {
    "asec": "acos", "acsc": "asin", "acot": "atan", "asech": "acosh", "acsch": "asinh", "acoth": "atanh",
}  # fmt: skip
_LOGICAL = frozenset({"lt", "le", "gt", "ge", "eq", "ne", "and", "or", "xor", "not", "implies", "true", "false"})


def render(expr: Expr, name: Callable[[str], str]) -> str:
    """Return a formula as source; ``name`` gives the source of a symbol.

    Raises
    ------
    UnsupportedError
        ``delay`` and ``rateOf``, which need the past or the slope of a trajectory.
    """
    op = expr.op
    if op == "num":
        return _number(float(expr.value or 0.0))
    if op == "sym":
        return name(str(expr.value))
    if op == "time":
        return "t"
    if op == "avogadro":
        return _number(CONSTANTS["avogadro"])
    if op in {"true", "false"}:
        return str(op == "true")
    if op in {"amount", "concentration"}:
        return name(f"{op}({expr.args[0].value})")
    if op in {"delay", "rateOf"}:
        raise UnsupportedError(f"{op}() cannot be compiled", value=str(expr))
    return _operation(expr, name)


def _operation(expr: Expr, name: Callable[[str], str]) -> str:
    op = expr.op
    if op == "piecewise":
        return _piecewise(expr, name)
    if op in _CHAINED and expr.args:
        return _chain(expr, name)
    if op in {"and", "or", "xor", "not", "implies"}:
        args = [condition(a, name) for a in expr.args]
    else:
        args = [numeric(a, name) for a in expr.args]
    if op in _FOLDED:
        sign, empty = _FOLDED[op]
        return f"({sign.join(args)})" if args else empty
    if op in _INFIX:
        return _relation(op, args)
    if op in _CALLS:
        return f"{_CALLS[op]}({', '.join(args)})"
    return _function(op, args)


def _chain(expr: Expr, name: Callable[[str], str]) -> str:
    """Return sums and products of one rank from left to right; Python reads few parentheses within each other."""
    group, tail = _CHAINED[expr.op], list[str]()
    while expr.op in group and expr.args:
        sign = {"add": "+", "sub": "-", "mul": "*", "div": "/"}[expr.op]
        tail += [f" {sign} {numeric(a, name)}" for a in reversed(expr.args[1:])]
        expr = expr.args[0]
    return f"({numeric(expr, name)}{''.join(reversed(tail))})"


def _relation(op: str, args: list[str]) -> str:
    sign = _INFIX[op]
    if len(args) > 2:  # a < b < c
        return "(" + " and ".join(f"({a} {sign} {b})" for a, b in pairwise(args)) + ")"
    return f"({args[0]} {sign} {args[1]})"


def _function(op: str, args: list[str]) -> str:
    if op == "neg":
        return f"(-{args[0]})"
    if op == "not":
        return f"(not {args[0]})"
    if op == "implies":
        return f"((not {args[0]}) or {args[1]})"
    if op == "xor":
        return f"((({' + '.join(f'int({a})' for a in args) or '0'}) % 2) == 1)"
    if op == "log":
        return f"(math.log({args[1]}) / math.log({args[0]}))"
    if op == "root":
        return f"({args[1]} ** (1.0 / {args[0]}))"
    if op == "quotient":
        return f"np.trunc({args[0]} / {args[1]})"
    if op == "factorial":
        return f"(math.gamma({args[0]} + 1.0) if {args[0]} >= 0.0 else math.nan)"
    if op in {"min", "max"}:  # numpy's hand on what is not a number, Python's do not
        return reduce(lambda a, b: f"np.{op}imum({a}, {b})", args)
    if op in _RECIPROCAL:
        return f"(1.0 / math.{_RECIPROCAL[op]}({args[0]}))"
    if op in _OF_RECIPROCAL:
        return f"math.{_OF_RECIPROCAL[op]}(1.0 / {args[0]})"
    raise UnsupportedError(f"'{op}' cannot be compiled")


def _piecewise(expr: Expr, name: Callable[[str], str]) -> str:
    args = expr.args
    out = numeric(args[-1], name) if len(args) % 2 else "math.nan"
    for k in range(len(args) // 2 - 1, -1, -1):
        out = f"{numeric(args[2 * k], name)} if {condition(args[2 * k + 1], name)} else {out}"
    return f"({out})"


def condition(expr: Expr, name: Callable[[str], str]) -> str:
    """Return a formula as source that is true or false."""
    text = render(expr, name)
    return text if _is_logical(expr) else f"({text} != 0.0)"


def numeric(expr: Expr, name: Callable[[str], str]) -> str:
    """Return a formula as source that is a number."""
    text = render(expr, name)
    return f"(1.0 if {text} else 0.0)" if _is_logical(expr) else text


def _is_logical(expr: Expr) -> bool:
    return expr.op in _LOGICAL


def _number(value: float) -> str:
    if math.isnan(value):
        return "math.nan"
    if math.isinf(value):
        return "math.inf" if value > 0 else "(-math.inf)"
    return repr(value) if value >= 0 else f"({value!r})"
