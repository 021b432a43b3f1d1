"""Formulas that an older level of SBML can say, in place of those that it cannot."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

from sbmlqsp.expressions import CONSTANTS, Expr, num

__all__ = ["lowered"]

LOGICAL = frozenset({"lt", "le", "gt", "ge", "eq", "ne", "and", "or", "xor", "not", "implies", "true", "false"})


def lowered(expr: Expr, *, rate: Callable[[str], Expr], avogadro: bool = True, logical: bool = False) -> Expr:
    """Return a formula of equal value without what came with SBML Level 3 Version 2.

    Those are ``min``, ``max``, ``rem``, ``quotient``, ``implies`` and ``rateOf``, truth values that count as numbers,
    and numbers that count as truth values.

    Parameters
    ----------
    expr : Expr
    rate : callable
        The rate of change of a symbol as a formula.
    avogadro : bool
        Whether the level knows Avogadro's constant (Level 2 does not).
    logical : bool
        Whether the formula is a condition.

    Examples
    --------
    >>> from sbmlqsp.expressions import parse_formula
    >>> str(lowered(parse_formula("max(a, b) + (a > b)"), rate=parse_formula))
    'piecewise(a, a >= b, b) + piecewise(1, a > b, 0)'
    """
    change = _Lowering(rate, avogadro)
    return change.logic(expr) if logical else change.number(expr)


class _Lowering:
    def __init__(self, rate: Callable[[str], Expr], avogadro: bool) -> None:
        self._rate, self._avogadro = rate, avogadro

    def number(self, expr: Expr) -> Expr:
        """Return a formula whose value is a number."""
        op, args = expr.op, expr.args
        if op in LOGICAL:
            return Expr("piecewise", (num(1.0), self.logic(expr), num(0.0)))
        if op == "avogadro" and not self._avogadro:
            return num(CONSTANTS["avogadro"])
        if op == "rateOf":
            return self.number(self._rate(str(args[0].value)))
        if op == "piecewise":
            return self._piecewise(expr, self.number)
        numbers = tuple(self.number(a) for a in args)
        if op in {"min", "max"}:
            return _extreme(op, numbers)
        if op in {"quotient", "rem"}:
            return _division(op, *numbers)
        return Expr(op, numbers, expr.value, expr.unit)

    def logic(self, expr: Expr) -> Expr:
        """Return a formula whose value is true or false."""
        op, args = expr.op, expr.args
        if op in {"true", "false"}:
            return expr
        if op == "implies":
            return Expr("or", (Expr("not", (self.logic(args[0]),)), self.logic(args[1])))
        if op in {"and", "or", "xor", "not"}:
            return Expr(op, tuple(self.logic(a) for a in args))
        if op in {"eq", "ne"} and all(map(_is_logical, args)):
            return Expr(op, tuple(self.logic(a) for a in args))
        if op in LOGICAL:
            return Expr(op, tuple(self.number(a) for a in args))
        if op == "piecewise" and _is_logical(expr):
            return self._piecewise(expr, self.logic)
        return Expr("ne", (self.number(expr), num(0.0)))

    def _piecewise(self, expr: Expr, value: Callable[[Expr], Expr]) -> Expr:
        pairs = len(expr.args) // 2 * 2
        args = (self.logic(a) if i % 2 and i < pairs else value(a) for i, a in enumerate(expr.args))
        return Expr("piecewise", tuple(args))


def _is_logical(expr: Expr) -> bool:
    if expr.op == "piecewise":
        values = [*expr.args[: len(expr.args) // 2 * 2 : 2], *expr.args[len(expr.args) // 2 * 2 :]]
        return bool(values) and all(map(_is_logical, values))
    return expr.op in LOGICAL


def _extreme(op: str, args: tuple[Expr, ...]) -> Expr:
    relation = "ge" if op == "max" else "le"
    wins: dict[int, list[Expr]] = {}
    for i, j in combinations(range(len(args)), 2):
        wins.setdefault(i, []).append(Expr(relation, (args[i], args[j])))
    pieces: list[Expr] = []
    for i, conditions in wins.items():
        pieces += [args[i], conditions[0] if len(conditions) == 1 else Expr("and", tuple(conditions))]
    return Expr("piecewise", (*pieces, args[-1])) if pieces else args[-1]


def _division(op: str, a: Expr, b: Expr) -> Expr:
    """Return the whole quotient, rounded towards zero, or what remains."""
    ratio = Expr("div", (a, b))
    below = Expr("lt", (ratio, num(0.0)))
    quotient = Expr("piecewise", (Expr("ceil", (ratio,)), below, Expr("floor", (ratio,))))
    return quotient if op == "quotient" else Expr("sub", (a, Expr("mul", (b, quotient))))
