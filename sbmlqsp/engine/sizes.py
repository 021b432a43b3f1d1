"""How large a formula's terms are, beside which the formula itself may be small."""

from __future__ import annotations

from collections.abc import Mapping

from sbmlqsp.expressions import Expr

__all__ = ["size_of"]

DEEP = 4
"""Through how many rules, each in the next, the terms of a formula are followed."""


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
