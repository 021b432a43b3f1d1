"""MathML to formula trees."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

from sbmlqsp.engine.libsbml import lib, node_type
from sbmlqsp.errors import ModelError, UnsupportedError
from sbmlqsp.expressions import Expr, substitute

__all__ = ["Formulas", "operators"]

MAX_NODES = 400_000
LONG = 100  # terms; Python's own stack ends near 400 levels


class Formulas:
    """Turns MathML into ``Expr``, expanding function definitions under a cap on size."""

    def __init__(self, model: Any) -> None:
        self.computed = {a.getSymbol() for a in model.getListOfInitialAssignments()}
        self.computed |= {r.getVariable() for r in model.getListOfRules() if r.getVariable()}
        self._functions: dict[str, tuple[list[str], Expr]] = {}
        self._budget = MAX_NODES
        for f in model.getListOfFunctionDefinitions():
            names = [f.getArgument(i).getName() for i in range(f.getNumArguments())]
            if f.getBody() is not None:
                self._functions[f.getId()] = (names, self.read(f.getBody()))

    def read(self, node: Any) -> Expr:
        """Return the formula below one MathML node."""
        expr = self._convert(node)
        self._budget -= sum(1 for _ in expr.walk())
        if self._budget < 0:
            raise ModelError(
                "the formulas expand to more than 400,000 nodes",
                remedy="replace nested function definitions by assignment rules",
            )
        return expr

    def _convert(self, node: Any) -> Expr:
        sbml = lib()
        kind = node_type(node)
        if node.isNumber() or kind in _constants():
            return Expr("num", value=_number(node, kind), unit=node.getUnits() or None)
        if kind == sbml.AST_NAME:
            return Expr("sym", value=node.getName())
        leaf = {sbml.AST_NAME_TIME: "time", sbml.AST_NAME_AVOGADRO: "avogadro"}
        leaf |= {sbml.AST_CONSTANT_TRUE: "true", sbml.AST_CONSTANT_FALSE: "false"}
        if kind in leaf:
            return Expr(leaf[kind])
        args = tuple(self._convert(child) for child in _operands(node, kind))
        if kind == sbml.AST_FUNCTION:
            return self._expand(node.getName(), args)
        return _operator(kind, args)

    def _expand(self, name: str, args: tuple[Expr, ...]) -> Expr:
        if name not in self._functions:
            raise ModelError(f"the function '{name}' is not defined before its use")
        names, body = self._functions[name]
        expr = substitute(body, dict(zip(names, args, strict=False)))
        if sum(1 for _ in expr.walk()) > MAX_NODES:
            raise ModelError(
                f"calls of the function '{name}' expand to more than {MAX_NODES:,} nodes",
                remedy="give the inner calls names of their own, by assignment rules",
            )
        return expr


def _operands(node: Any, kind: int) -> list[Any]:
    """Return the children; a long sum or product, which libSBML nests to the left, becomes one again."""
    sbml = lib()
    children = [node.getChild(i) for i in range(node.getNumChildren())]
    if kind not in {sbml.AST_PLUS, sbml.AST_TIMES}:
        return children
    rest: list[Any] = []
    while len(children) == 2 and node_type(children[0]) == kind:
        rest.append(children[1])
        children = [children[0].getChild(i) for i in range(children[0].getNumChildren())]
    return (
        [*children, *reversed(rest)] if len(rest) >= LONG else [node.getChild(i) for i in range(node.getNumChildren())]
    )


def _constants() -> dict[int, float]:
    sbml = lib()
    return {sbml.AST_CONSTANT_PI: math.pi, sbml.AST_CONSTANT_E: math.e}


def _number(node: Any, kind: int) -> float:
    if kind == lib().AST_REAL_E:  # libSBML multiplies by a power of ten, which rounds once more
        return float(f"{node.getMantissa()!r}e{node.getExponent()}")
    return _constants().get(kind) or float(node.getValue())


def _operator(kind: int, args: tuple[Expr, ...]) -> Expr:
    op = operators().get(kind)
    if op is None:
        raise UnsupportedError("a formula uses a MathML element that is not supported", value=kind)
    if op == "sub" and len(args) == 1:
        return Expr("neg", args)
    if op in {"add", "mul", "and", "or"} and len(args) == 1:
        return args[0]
    if op in {"add", "mul"} and not args:
        return Expr("num", value=0.0 if op == "add" else 1.0)
    if op == "root" and (len(args) == 1 or args[0].value == 2.0):
        return Expr("sqrt", args[-1:])
    if op == "log" and args[0].value == 10.0 and len(args) == 2:
        return Expr("log10", args[1:])
    if op in {"lt", "le", "gt", "ge", "eq"} and len(args) > 2:
        return Expr("and", tuple(Expr(op, pair) for pair in pairwise(args)))
    return Expr(op, args)


def operators() -> dict[int, str]:
    """Return the formula operator of each MathML node type."""
    sbml = lib()
    if not _OPERATORS:
        pairs = {
            "PLUS": "add", "MINUS": "sub", "TIMES": "mul", "DIVIDE": "div", "POWER": "pow", "FUNCTION_POWER": "pow",
            "FUNCTION_ABS": "abs", "FUNCTION_EXP": "exp", "FUNCTION_LN": "ln", "FUNCTION_LOG": "log",
            "FUNCTION_ROOT": "root", "FUNCTION_FLOOR": "floor", "FUNCTION_CEILING": "ceil",
            "FUNCTION_FACTORIAL": "factorial", "FUNCTION_PIECEWISE": "piecewise", "FUNCTION_DELAY": "delay",
            "FUNCTION_MAX": "max", "FUNCTION_MIN": "min", "FUNCTION_REM": "rem", "FUNCTION_QUOTIENT": "quotient",
            "FUNCTION_RATE_OF": "rateOf", "LOGICAL_AND": "and", "LOGICAL_OR": "or", "LOGICAL_NOT": "not",
            "LOGICAL_XOR": "xor", "LOGICAL_IMPLIES": "implies", "RELATIONAL_EQ": "eq", "RELATIONAL_NEQ": "ne",
            "RELATIONAL_LT": "lt", "RELATIONAL_LEQ": "le", "RELATIONAL_GT": "gt", "RELATIONAL_GEQ": "ge",
        }  # fmt: skip
        trig = ("SIN", "COS", "TAN", "SEC", "CSC", "COT")
        for t in trig:
            pairs[f"FUNCTION_{t}"] = t.lower()
            pairs[f"FUNCTION_{t}H"] = f"{t.lower()}h"
            pairs[f"FUNCTION_ARC{t}"] = f"a{t.lower()}"
            pairs[f"FUNCTION_ARC{t}H"] = f"a{t.lower()}h"
        _OPERATORS.update({getattr(sbml, f"AST_{k}"): v for k, v in pairs.items()})
    return _OPERATORS


_OPERATORS: dict[int, str] = {}
