"""How large a formula's terms are, beside which the formula itself may be small; how far from whole what is rounded."""

from __future__ import annotations

from collections.abc import Mapping

from sbmlqsp.expressions import Expr, num

__all__ = ["from_whole", "inside", "size_of", "size_of_both"]

DEEP = 4
"""Through how many rules, each in the next, the terms of a formula are followed."""


def size_of_both(comparison: Expr, rules: Mapping[str, Expr]) -> Expr:
    """Return how large the two sides of a comparison are together."""
    return Expr("add", tuple(size_of(side, rules) for side in comparison.args))


def size_of(formula: Expr, rules: Mapping[str, Expr], deep: int = 0) -> Expr:
    """Return how large a formula's terms are together: what is near to zero is so beside them."""
    op, args = formula.op, formula.args
    if op == "sym" and str(formula.value) in rules and deep < DEEP:
        return size_of(rules[str(formula.value)], rules, deep + 1)
    if op in {"add", "sub", "neg", "abs", "min", "max"}:
        parts = tuple(size_of(a, rules, deep) for a in args)
        return parts[0] if len(parts) == 1 else Expr("add", parts)
    if op == "mul":
        return Expr("mul", tuple(size_of(a, rules, deep) for a in args))
    if op == "pow" and args[1].op == "num":
        return Expr("pow", (size_of(args[0], rules, deep), args[1]))
    if op == "div":
        return Expr("div", (size_of(args[0], rules, deep), Expr("abs", (args[1],))))
    return Expr("abs", (formula,))


def inside(rounded: Expr) -> Expr:
    """Return what is rounded."""
    return Expr("div", rounded.args) if rounded.op == "quotient" else rounded.args[0]


def from_whole(rounded: Expr) -> Expr:
    """Return how far from a whole number what is rounded is."""
    value = inside(rounded)
    part = Expr("sub", (value, Expr("floor", (value,))))
    return Expr("min", (part, Expr("sub", (num(1.0), part))))
