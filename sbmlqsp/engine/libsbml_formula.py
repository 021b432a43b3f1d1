"""Formula trees to MathML."""

from __future__ import annotations

import math
from typing import Any

from sbmlqsp.engine.libsbml import lib
from sbmlqsp.engine.libsbml_math import operators
from sbmlqsp.errors import UnsupportedError
from sbmlqsp.expressions import Expr

__all__ = ["to_mathml"]


def to_mathml(expr: Expr, *, units: bool = False) -> Any:
    """Return the MathML node of a formula; with ``units`` numbers keep the ids of theirs, which the model must have."""
    if expr.op == "num":
        node = _number(float(expr.value or 0.0))
        if units and expr.unit:
            node.setUnits(expr.unit)
        return node
    if expr.op == "sym":
        return _leaf(lib().AST_NAME, str(expr.value))
    codes = {"time": "AST_NAME_TIME", "avogadro": "AST_NAME_AVOGADRO"}
    codes |= {"true": "AST_CONSTANT_TRUE", "false": "AST_CONSTANT_FALSE"}
    if expr.op in codes:
        return _leaf(getattr(lib(), codes[expr.op]), expr.op if expr.op in {"time", "avogadro"} else "")
    if expr.op == "log10":
        return _node(lib().AST_FUNCTION_LOG, (Expr("num", value=10.0), *expr.args), units)
    if expr.op == "sqrt":
        return _node(lib().AST_FUNCTION_ROOT, (Expr("num", value=2.0), *expr.args), units)
    code = {"neg": lib().AST_MINUS}.get(expr.op) or _codes().get(expr.op)
    if code is None:
        raise UnsupportedError(f"'{expr.op}' has no place in a model's formula", value=str(expr))
    return _node(code, expr.args, units)


def _codes() -> dict[str, int]:
    # "pow" has two codes in libSBML; the last one read wins, and either is the same MathML.
    return {name: code for code, name in operators().items()}


def _leaf(code: int, name: str = "") -> Any:
    node = lib().ASTNode(code)
    if name:
        node.setName(name)
    return node


def _number(value: float) -> Any:
    node = lib().ASTNode(lib().AST_REAL)
    if value.is_integer() and abs(value) < 2**31:
        node.setType(lib().AST_INTEGER)
        node.setValue(int(value))
    else:
        node.setValue(value if not math.isinf(value) else math.copysign(math.inf, value))
    return node


def _node(code: int, args: tuple[Expr, ...], units: bool) -> Any:
    node = lib().ASTNode(code)
    for arg in args:
        node.addChild(to_mathml(arg, units=units))
    return node
