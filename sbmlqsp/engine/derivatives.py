"""Exact derivatives of formulas, by the rules of calculus, simplified as they are made."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sbmlqsp.errors import UnsupportedError
from sbmlqsp.expressions import Expr, num

__all__ = ["STEPS", "Gradient", "as_choice", "gradient"]

Gradient = dict[str, Expr]
"""The derivative by each variable that has one other than zero."""
Leaf = Callable[[Expr], Mapping[str, Expr]]

ONE = num(1.0)
STEPS = frozenset(
    {"floor", "ceil", "quotient", "lt", "le", "gt", "ge", "eq", "ne", "and", "or", "xor", "not", "implies"}
)
"""What is constant between its jumps."""


def gradient(expr: Expr, leaf: Leaf) -> Gradient:
    """Return the derivative of a formula by each variable.

    Parameters
    ----------
    expr : Expr
    leaf : callable
        The gradient of a symbol, of ``time``, or of ``amount(S)`` and ``concentration(S)``.

    Raises
    ------
    UnsupportedError
        A function that has no derivative here: ``factorial``, ``delay`` and ``rateOf``.

    Examples
    --------
    >>> from sbmlqsp.expressions import parse_formula
    >>> of_x = lambda e: {"x": num(1.0)} if e.value == "x" else {}
    >>> {k: str(v) for k, v in gradient(parse_formula("a*x^2 + b"), of_x).items()}
    {'x': 'a*(2*x)'}
    """
    op = expr.op
    if op in {"sym", "time", "amount", "concentration"}:
        return dict(leaf(expr))
    if not expr.args or op in STEPS:
        return {}
    if op == "piecewise":
        return _piecewise(expr, leaf)
    inner = [gradient(a, leaf) for a in expr.args]
    if not any(inner):
        return {}
    if op in {"min", "max"}:
        return gradient(as_choice(expr), leaf)
    return _combined(_partials(expr, inner), inner)


def _combined(partials: list[Expr | None], inner: list[Gradient]) -> Gradient:
    out: Gradient = {}
    for partial, part in zip(partials, inner, strict=True):
        for name, slope in part.items():
            term = times(partial or ONE, slope)
            out[name] = plus(out[name], term) if name in out else term
    return {k: v for k, v in out.items() if not _is(v, 0.0)}


def _partials(expr: Expr, inner: list[Gradient]) -> list[Expr | None]:
    """Return the partial derivative by each argument that moves."""
    op, args = expr.op, expr.args
    if op == "add":
        return [ONE] * len(args)
    if op == "sub":
        return [ONE, num(-1.0)]
    if op == "neg":
        return [num(-1.0)]
    if op == "mul":
        return [_product(args[:k] + args[k + 1 :]) if inner[k] else None for k in range(len(args))]
    if op in _TWO:
        return [rule(*args) if inner[k] else None for k, rule in enumerate(_TWO[op])]
    if op in _ONE:
        return [_ONE[op](args[0])]
    raise UnsupportedError(f"'{op}' has no derivative here", value=str(expr))


def _product(factors: tuple[Expr, ...]) -> Expr:
    out = ONE
    for factor in factors:
        out = times(out, factor)
    return out


def _piecewise(expr: Expr, leaf: Leaf) -> Gradient:
    values = expr.args[0::2] if len(expr.args) % 2 else (*expr.args[0::2],)
    inner = [gradient(v, leaf) for v in values]
    names = dict.fromkeys(n for part in inner for n in part)
    conditions = expr.args[1::2]
    out = {}
    for name in names:
        slopes = [part.get(name, num(0.0)) for part in inner]
        pieces = [x for pair in zip(slopes, conditions, strict=False) for x in pair]
        rest = slopes[len(conditions) :]
        out[name] = Expr("piecewise", (*pieces, *rest))
    return out


def as_choice(expr: Expr) -> Expr:
    """Return min, max or abs as the piecewise it is."""
    if expr.op == "abs":
        return Expr("piecewise", (expr.args[0], Expr("gt", (expr.args[0], num(0.0))), negative(expr.args[0])))
    first, *rest = expr.args
    for other in rest:
        first = Expr("piecewise", (first, Expr("le" if expr.op == "min" else "ge", (first, other)), other))
    return first


# ---------------------------------------------------------------------------------------------------------- arithmetic
def _is(expr: Expr, value: float) -> bool:
    return expr.op == "num" and expr.value == value


def plus(a: Expr, b: Expr) -> Expr:
    """Return a sum, without a zero."""
    if _is(a, 0.0):
        return b
    if _is(b, 0.0):
        return a
    if a.op == b.op == "num":
        return num(float(a.value or 0.0) + float(b.value or 0.0))
    return Expr("sub", (a, b.args[0])) if b.op == "neg" else Expr("add", (a, b))


def times(a: Expr, b: Expr) -> Expr:
    """Return a product, without ones and zeros."""
    if _is(a, 0.0) or _is(b, 0.0):
        return num(0.0)
    for x, y in ((a, b), (b, a)):
        if _is(x, 1.0):
            return y
        if _is(x, -1.0):
            return negative(y)
    if a.op == b.op == "num":
        return num(float(a.value or 0.0) * float(b.value or 0.0))
    if a.op == "neg":
        return negative(times(a.args[0], b))
    if b.op == "neg":
        return negative(times(a, b.args[0]))
    return Expr("mul", (a, b))


def negative(a: Expr) -> Expr:
    """Return the negative."""
    if a.op == "num":
        return num(-float(a.value or 0.0))
    return a.args[0] if a.op == "neg" else Expr("neg", (a,))


def over(a: Expr, b: Expr) -> Expr:
    """Return a ratio."""
    if _is(a, 0.0) or _is(b, 1.0):
        return a
    return negative(over(a.args[0], b)) if a.op == "neg" else Expr("div", (a, b))


def power(a: Expr, b: Expr) -> Expr:
    """Return a power."""
    if _is(b, 0.0):
        return ONE
    return a if _is(b, 1.0) else Expr("pow", (a, b))


def _call(op: str, *args: Expr) -> Expr:
    return Expr(op, args)


def _square(a: Expr) -> Expr:
    return times(a, a)


def _by_base(a: Expr, b: Expr) -> Expr:
    return times(b, power(a, plus(b, num(-1.0))))


def _by_exponent(a: Expr, b: Expr) -> Expr:
    # 0^b is 0 for every b > 0, so its slope there is 0 and not 0 times the logarithm of 0
    slope = times(power(a, b), _call("ln", a))
    return Expr("piecewise", (num(0.0), Expr("eq", (a, num(0.0))), slope))


_LN10 = 2.302585092994046
_TWO: dict[str, tuple[Callable[[Expr, Expr], Expr], Callable[[Expr, Expr], Expr]]] = {
    "div": (lambda _, b: over(ONE, b), lambda a, b: negative(over(a, _square(b)))),
    "pow": (_by_base, _by_exponent),
    "root": (
        lambda n, x: negative(over(times(_call("root", n, x), _call("ln", x)), _square(n))),
        lambda n, x: over(_call("root", n, x), times(n, x)),
    ),
    "log": (
        lambda b, x: negative(over(_call("log", b, x), times(b, _call("ln", b)))),
        lambda b, x: over(ONE, times(x, _call("ln", b))),
    ),
    "rem": (lambda _a, _b: ONE, lambda a, b: negative(_call("quotient", a, b))),
}
_ONE: dict[str, Callable[[Expr], Expr]] = {
    "exp": lambda x: _call("exp", x),
    "ln": lambda x: over(ONE, x),
    "log10": lambda x: over(ONE, times(num(_LN10), x)),
    "sqrt": lambda x: over(num(0.5), _call("sqrt", x)),
    "abs": lambda x: Expr(
        "piecewise", (ONE, Expr("gt", (x, num(0.0))), num(-1.0), Expr("lt", (x, num(0.0))), num(0.0))
    ),
    "sin": lambda x: _call("cos", x),
    "cos": lambda x: negative(_call("sin", x)),
    "tan": lambda x: plus(ONE, _square(_call("tan", x))),
    "sec": lambda x: times(_call("sec", x), _call("tan", x)),
    "csc": lambda x: negative(times(_call("csc", x), _call("cot", x))),
    "cot": lambda x: negative(plus(ONE, _square(_call("cot", x)))),
    "asin": lambda x: over(ONE, _call("sqrt", plus(ONE, negative(_square(x))))),
    "acos": lambda x: negative(over(ONE, _call("sqrt", plus(ONE, negative(_square(x)))))),
    "atan": lambda x: over(ONE, plus(ONE, _square(x))),
    "acot": lambda x: negative(over(ONE, plus(ONE, _square(x)))),
    "asec": lambda x: over(ONE, times(_square(x), _call("sqrt", plus(ONE, negative(over(ONE, _square(x))))))),
    "acsc": lambda x: negative(over(ONE, times(_square(x), _call("sqrt", plus(ONE, negative(over(ONE, _square(x)))))))),
    "sinh": lambda x: _call("cosh", x),
    "cosh": lambda x: _call("sinh", x),
    "tanh": lambda x: plus(ONE, negative(_square(_call("tanh", x)))),
    "sech": lambda x: negative(times(_call("sech", x), _call("tanh", x))),
    "csch": lambda x: negative(times(_call("csch", x), _call("coth", x))),
    "coth": lambda x: plus(ONE, negative(_square(_call("coth", x)))),
    "asinh": lambda x: over(ONE, _call("sqrt", plus(_square(x), ONE))),
    "acosh": lambda x: over(ONE, _call("sqrt", plus(_square(x), num(-1.0)))),
    "atanh": lambda x: over(ONE, plus(ONE, negative(_square(x)))),
    "acoth": lambda x: over(ONE, plus(ONE, negative(_square(x)))),
    "asech": lambda x: negative(over(ONE, times(x, _call("sqrt", plus(ONE, negative(_square(x))))))),
    "acsch": lambda x: negative(over(ONE, times(_call("abs", x), _call("sqrt", plus(ONE, _square(x)))))),
}
