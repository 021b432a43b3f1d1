"""Formulas of SED-ML: MathML to formula trees and back."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import pairwise
from xml.etree.ElementTree import Element

from sbmlqsp.errors import DataError, UnsupportedError
from sbmlqsp.expressions import Expr, num, sym

__all__ = ["AGGREGATES", "MATHML", "is_arithmetic", "math_lines", "read_math"]

MATHML = "http://www.w3.org/1998/Math/MathML"
AGGREGATES = {f"http://sed-ml.org/#{name}": f"all_{name}" for name in ("min", "max", "sum", "product")}
"""Functions of all values of a variable, as operators of a formula."""

_SAME = "and or xor not abs exp ln floor factorial sin cos tan sec csc cot sinh cosh tanh sech csch coth".split()
_NAMES = {
    "plus": "add", "minus": "sub", "times": "mul", "divide": "div", "power": "pow", "ceiling": "ceil",
    "eq": "eq", "neq": "ne", "gt": "gt", "lt": "lt", "geq": "ge", "leq": "le", "root": "root", "log": "log",
    "implies": "implies", "max": "max", "min": "min", "rem": "rem", "quotient": "quotient",
    **{n: n for n in _SAME},
    **{f"arc{n}": f"a{n}" for n in "sin cos tan sec csc cot sinh cosh tanh sech csch coth".split()},
}  # fmt: skip
_ELEMENTS = {op: name for name, op in _NAMES.items()}
_CONSTANTS = {"pi": math.pi, "exponentiale": math.e, "infinity": math.inf, "notanumber": math.nan}
_SYMBOLIC = {"true": "true", "false": "false"}
_ARITY: dict[str, Callable[[int], bool]] = {
    **dict.fromkeys(("add", "mul", "and", "or", "xor"), lambda n: n >= 0),
    **dict.fromkeys(("max", "min"), lambda n: n >= 1),
    **dict.fromkeys(("div", "pow", "ne", "implies", "rem", "quotient"), lambda n: n == 2),
    **dict.fromkeys(("eq", "gt", "lt", "ge", "le"), lambda n: n >= 2),
    "sub": lambda n: n in {1, 2},
}


def _one(count: int) -> bool:
    return count == 1


def read_math(element: Element, *, where: str) -> Expr:
    """Return the formula of a ``math`` element.

    Raises
    ------
    DataError
        It is empty, or an operator has too many or too few operands.
    UnsupportedError
        An element that SED-ML does not have, or a draw from a distribution.
    """
    inside = list(element)
    if len(inside) != 1:
        raise DataError("a formula is not one expression", value=len(inside), where=where, expected="one")
    return _Reader(where).read(inside[0])


class _Reader:
    def __init__(self, where: str) -> None:
        self.where = where

    def read(self, e: Element) -> Expr:
        name = self._name(e)
        if name == "cn":
            return num(self._number(e))
        if name == "ci":
            return sym((e.text or "").strip())
        if name in _CONSTANTS:
            return num(_CONSTANTS[name])
        if name in _SYMBOLIC:
            return Expr(_SYMBOLIC[name])
        if name == "piecewise":
            return self._piecewise(e)
        if name == "apply":
            return self._apply(e)
        raise UnsupportedError("a formula has a MathML element that is not read", value=name, where=self.where)

    def _name(self, e: Element) -> str:
        space, _, name = str(e.tag).rpartition("}")
        if space != "{" + MATHML:
            raise DataError("an element of a formula is not MathML", value=name or str(e.tag), where=self.where)
        return name

    def _number(self, e: Element) -> float:
        kind, parts = e.get("type", "real"), [e.text or "", *(child.tail or "" for child in e)]
        try:
            values = [float(p) for p in parts]
        except ValueError:
            raise DataError("a number of a formula cannot be read", value=" ".join(parts), where=self.where) from None
        if kind in {"real", "integer"} and len(values) == 1:
            return values[0]
        if kind == "e-notation" and len(values) == 2:
            return float(f"{parts[0].strip()}e{int(values[1])}")
        if kind == "rational" and len(values) == 2 and values[1]:
            return values[0] / values[1]
        raise DataError("a number of a formula is of no known type", value=kind, where=self.where)

    def _piecewise(self, e: Element) -> Expr:
        args: list[Expr] = []
        for child in e:
            name, inside = self._name(child), [self.read(c) for c in child]
            if (name, len(inside)) not in {("piece", 2), ("otherwise", 1)}:
                raise DataError("a piece of a formula is malformed", value=name, where=self.where)
            args += inside
        if not args:
            raise DataError("a piecewise formula has no pieces", where=self.where)
        return Expr("piecewise", tuple(args))

    def _apply(self, e: Element) -> Expr:
        if not len(e):
            raise DataError("an application is empty", where=self.where)
        head, rest = e[0], list(e)[1:]
        name = self._name(head)
        if name == "csymbol":
            return self._aggregate(head, rest)
        if name in {"root", "log"}:
            return self._qualified(name, rest)
        op = _NAMES.get(name)
        if op is None:
            raise UnsupportedError("a formula has a MathML operator that is not read", value=name, where=self.where)
        args = tuple(self.read(c) for c in rest)
        if not _ARITY.get(op, _one)(len(args)):
            raise DataError(f"the operator '{name}' has {len(args)} operands", where=self.where)
        if op in {"eq", "gt", "lt", "ge", "le"} and len(args) > 2:
            return Expr("and", tuple(Expr(op, pair) for pair in pairwise(args)))
        return Expr("neg", args) if op == "sub" and len(args) == 1 else Expr(op, args)

    def _aggregate(self, head: Element, rest: list[Element]) -> Expr:
        url = head.get("definitionURL", "").strip()
        op = AGGREGATES.get(url)
        if op is None:
            raise UnsupportedError("a formula calls a function that is not read", value=url, where=self.where,
                                   expected=", ".join(AGGREGATES))  # fmt: skip
        args = tuple(self.read(c) for c in rest)
        if len(args) != 1 or args[0].op != "sym":
            raise DataError(f"the function '{url}' is not of one variable", where=self.where)
        return Expr(op, args)

    def _qualified(self, name: str, rest: list[Element]) -> Expr:
        """Return a root or a logarithm, with its degree or base where one is given."""
        qualifier = "degree" if name == "root" else "logbase"
        given = [c for c in rest if self._name(c) == qualifier]
        args = [self.read(c) for c in rest if c not in given]
        if len(args) != 1 or len(given) > 1 or any(len(g) != 1 for g in given):
            raise DataError(f"the operator '{name}' is malformed", where=self.where)
        if not given:
            return Expr("sqrt" if name == "root" else "log10", tuple(args))
        return Expr(_NAMES[name], (self.read(given[0][0]), args[0]))


# ----------------------------------------------------------------------------------------------------------- writing
def is_arithmetic(expr: Expr) -> bool:
    """Say whether a formula has sums, differences, products and quotients alone, which every tool computes alike."""
    return all(n.op in {"num", "sym", "time", "add", "sub", "mul", "div", "neg"} for n in expr.walk()) and all(
        math.isfinite(float(n.value or 0.0)) for n in expr.walk() if n.op == "num"
    )


def math_lines(expr: Expr) -> list[str]:
    """Return the lines of the ``math`` element of a formula.

    Raises
    ------
    UnsupportedError
        An operator that MathML in SED-ML lacks.
    """
    return [f'<math xmlns="{MATHML}">', *(f"  {line}" for line in _lines(expr)), "</math>"]


def _lines(expr: Expr) -> Iterator[str]:
    if expr.op == "num":
        yield _cn(float(expr.value or 0.0))
        return
    if expr.op == "sym":
        yield f"<ci> {expr.value} </ci>"
        return
    name = "minus" if expr.op == "neg" else _ELEMENTS.get(expr.op)
    if name is None or name in {"root", "log"}:
        raise UnsupportedError("a formula has an operator that is not written to SED-ML", value=expr.op)
    yield "<apply>"
    yield f"  <{name}/>"
    for arg in expr.args:
        yield from (f"  {line}" for line in _lines(arg))
    yield "</apply>"


def _cn(value: float) -> str:
    if value.is_integer() and abs(value) < 2**31:
        return f'<cn type="integer"> {int(value)} </cn>'
    mantissa, e, exponent = repr(value).partition("e")
    return f'<cn type="e-notation"> {mantissa} <sep/> {int(exponent)} </cn>' if e else f"<cn> {mantissa} </cn>"
