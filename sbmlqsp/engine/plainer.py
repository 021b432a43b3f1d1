"""Formulas in fewer words: what one function says, written with others that more tools read."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from functools import reduce

from sbmlqsp.expressions import CONSTANTS, Expr, evaluate, num

__all__ = ["alternatives", "bare", "negated", "parenthesised", "plainer"]

_OPPOSITE = {"lt": "ge", "ge": "lt", "gt": "le", "le": "gt", "eq": "ne", "ne": "eq"}
_RECIPROCAL = {"sec": "cos", "csc": "sin", "cot": "tan", "sech": "cosh", "csch": "sinh", "coth": "tanh"}
_OF_RECIPROCAL = {"asec": "acos", "acsc": "asin", "acot": "atan", "asech": "acosh", "acsch": "asinh", "acoth": "atanh"}


def plainer(expr: Expr, without: Collection[str]) -> Expr:
    """Return the same formula without some operators, where they can be written with others.

    Parameters
    ----------
    expr : Expr
    without : collection of str
        Operators to avoid, such as ``{"min", "max"}``. What takes their place is chosen from the others.

    Examples
    --------
    >>> from sbmlqsp.expressions import parse_formula
    >>> str(plainer(parse_formula("min(a, 4)"), {"min", "max"}))
    'piecewise(a, a <= 4, 4)'
    >>> str(plainer(parse_formula("sqrt(a)"), {"sqrt", "root"}))
    'a^0.5'
    """
    if not expr.has(*without):
        return expr
    return _Plainer(frozenset(without)).of(expr)


class _Plainer:
    def __init__(self, without: frozenset[str]) -> None:
        self.without = without

    def of(self, expr: Expr) -> Expr:
        args = tuple(self.of(a) for a in expr.args)
        new = Expr(expr.op, args, expr.value, expr.unit) if args != expr.args else expr
        if new.op not in self.without:
            return new
        if new.op == "avogadro":
            return num(CONSTANTS["avogadro"])
        if args and not any(a.symbols() or a.has("time", "delay", "rateOf") for a in args):
            value = evaluate(new, {})
            return new if new.op == "piecewise" and not math.isfinite(value) else num(float(value))
        rule = _RULES.get(new.op)
        return rule(self, args) if rule else new

    # ------------------------------------------------------------------------------------------------------- in words
    def extreme(self, args: tuple[Expr, ...], relation: str) -> Expr:
        """Choose by a condition: ``(a + b - |a - b|)/2`` loses what is small beside the other (measured)."""
        return reduce(lambda a, b: Expr("piecewise", (a, Expr(relation, (a, b)), b)), args)

    def absolute(self, args: tuple[Expr, ...]) -> Expr:
        [x] = args
        if "piecewise" not in self.without:
            return Expr("piecewise", (x, Expr("ge", (x, num(0.0))), Expr("neg", (x,))))
        return Expr("pow", (Expr("pow", (x, num(2.0))), num(0.5)))

    def quotient(self, args: tuple[Expr, ...]) -> Expr:
        ratio = Expr("div", args)
        if "piecewise" in self.without or self.without & {"floor", "ceil"}:
            return Expr("quotient", args)
        return Expr("piecewise", (Expr("floor", (ratio,)), Expr("ge", (ratio, num(0.0))), Expr("ceil", (ratio,))))

    def remainder(self, args: tuple[Expr, ...]) -> Expr:
        whole = Expr("quotient", args)
        if "quotient" in self.without:
            whole = self.quotient(args)
        return Expr("sub", (args[0], Expr("mul", (args[1], whole))))

    def implied(self, args: tuple[Expr, ...]) -> Expr:
        return Expr("or", (negated(args[0]), args[1]))

    def either(self, args: tuple[Expr, ...]) -> Expr:
        def of_two(a: Expr, b: Expr) -> Expr:
            return Expr("or", (Expr("and", (a, negated(b))), Expr("and", (negated(a), b))))

        return reduce(of_two, args)

    def root(self, args: tuple[Expr, ...]) -> Expr:
        degree, x = args if len(args) == 2 else (num(2.0), args[0])
        power = num(1.0 / float(degree.value or 2.0)) if degree.op == "num" else Expr("div", (num(1.0), degree))
        return Expr("pow", (x, power))

    def log10(self, args: tuple[Expr, ...]) -> Expr:
        return Expr("div", (Expr("ln", args), num(math.log(10.0))))

    def log(self, args: tuple[Expr, ...]) -> Expr:
        return Expr("div", (Expr("ln", args[1:]), Expr("ln", args[:1])))

    def hyperbolic(self, args: tuple[Expr, ...], op: str) -> Expr:
        [x] = args
        one = num(1.0)
        if op == "tanh":
            twice = Expr("exp", (Expr("mul", (num(2.0), x)),))
            return Expr("sub", (one, Expr("div", (num(2.0), Expr("add", (twice, one))))))
        up, down = Expr("exp", (x,)), Expr("exp", (Expr("neg", (x,)),))
        return Expr("div", (Expr("add" if op == "cosh" else "sub", (up, down)), num(2.0)))

    def inverse_hyperbolic(self, args: tuple[Expr, ...], op: str) -> Expr:
        [x] = args
        if op == "atanh":
            ratio = Expr("div", (Expr("add", (num(1.0), x)), Expr("sub", (num(1.0), x))))
            return Expr("mul", (num(0.5), Expr("ln", (ratio,))))
        square = Expr("add", (Expr("pow", (x, num(2.0))), num(1.0 if op == "asinh" else -1.0)))
        return Expr("ln", (Expr("add", (x, Expr("pow", (square, num(0.5))))),))


Rule = Callable[[_Plainer, tuple[Expr, ...]], Expr]


def _reciprocal(of: str) -> Rule:
    return lambda p, args: Expr("div", (num(1.0), p.of(Expr(of, args))))


def _of_reciprocal(of: str) -> Rule:
    return lambda p, args: p.of(Expr(of, (Expr("div", (num(1.0), args[0])),)))


def _hyperbolic(op: str) -> Rule:
    return lambda p, args: p.hyperbolic(args, op)


def _inverse(op: str) -> Rule:
    return lambda p, args: p.inverse_hyperbolic(args, op)


_RULES: dict[str, Rule] = {
    "min": lambda p, args: p.extreme(args, "le"),
    "max": lambda p, args: p.extreme(args, "ge"),
    "abs": _Plainer.absolute,
    "quotient": _Plainer.quotient,
    "rem": _Plainer.remainder,
    "implies": _Plainer.implied,
    "xor": _Plainer.either,
    "sqrt": _Plainer.root,
    "root": _Plainer.root,
    "log10": _Plainer.log10,
    "log": _Plainer.log,
    **{op: _reciprocal(of) for op, of in _RECIPROCAL.items()},
    **{op: _of_reciprocal(of) for op, of in _OF_RECIPROCAL.items()},
    **{op: _hyperbolic(op) for op in ("sinh", "cosh", "tanh")},
    **{op: _inverse(op) for op in ("asinh", "acosh", "atanh")},
}


def negated(condition: Expr) -> Expr:
    """Return the opposite of a condition, with no ``not`` where relations can be turned round.

    Examples
    --------
    >>> from sbmlqsp.expressions import parse_formula
    >>> str(negated(parse_formula("a > 1 && b < 2")))
    'a <= 1 || b >= 2'
    """
    op, args = condition.op, condition.args
    if op in _OPPOSITE and len(args) == 2:
        return Expr(_OPPOSITE[op], args)
    if op in {"and", "or"}:
        return Expr("or" if op == "and" else "and", tuple(negated(a) for a in args))
    if op == "not":
        return args[0]
    if op in {"true", "false"}:
        return Expr("false" if op == "true" else "true")
    return Expr("not", (condition,))


def parenthesised(expr: Expr) -> Expr:
    """Return a formula whose products and quotients under a power or an exponential stand in a sum with nothing.

    A tool that writes ``exp(a*b)`` as ``e^a*b`` then writes ``e^(a*b + 0)``.

    Examples
    --------
    >>> from sbmlqsp.expressions import parse_formula
    >>> str(parenthesised(parse_formula("exp(a*b)")))
    'exp(a*b + 0)'
    """
    args = tuple(parenthesised(a) for a in expr.args)
    if expr.op in {"exp", "pow"}:
        args = (_summed(args[0]), *args[1:])
    return Expr(expr.op, args, expr.value, expr.unit) if args != expr.args else expr


def _summed(expr: Expr) -> Expr:
    return Expr("add", (expr, num(0.0))) if expr.op == "mul" else expr


def bare(expr: Expr) -> Expr:
    """Return a formula whose numbers name no units.

    Examples
    --------
    >>> from sbmlqsp.expressions import Expr
    >>> bare(Expr("num", value=2.0, unit="litre")).unit is None
    True
    """
    if expr.op == "num":
        return Expr("num", value=expr.value) if expr.unit else expr
    args = tuple(bare(a) for a in expr.args)
    return Expr(expr.op, args, expr.value) if args != expr.args else expr


def alternatives(condition: Expr) -> Expr:
    """Return a condition as an ``or`` of ``and`` of relations, so that it needs no brackets.

    Examples
    --------
    >>> from sbmlqsp.expressions import parse_formula
    >>> str(alternatives(parse_formula("(a > 1 || b > 2) && c > 3")))
    'a > 1 && c > 3 || b > 2 && c > 3'
    """
    ways = _ways(condition)
    if sum(map(len, ways)) > MOST_RELATIONS:
        return condition
    parts = tuple(Expr("and", way) if len(way) > 1 else way[0] for way in ways)
    return Expr("or", parts) if len(parts) > 1 else parts[0]


MOST_RELATIONS = 60


def _ways(condition: Expr) -> list[tuple[Expr, ...]]:
    if condition.op == "not" and condition.args[0].op in {"and", "or", "not"}:
        return _ways(negated(condition.args[0]))
    if condition.op == "or":
        return [way for a in condition.args for way in _ways(a)]
    if condition.op == "and":
        out: list[tuple[Expr, ...]] = [()]
        for a in condition.args:
            out = [(*left, *right) for left in out for right in _ways(a)]
            if len(out) > MOST_RELATIONS:
                return [(condition,)]
        return out
    return [(condition,)]
