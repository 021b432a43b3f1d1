"""Derivatives of formulas against differences in the complex plane, and against what they are at kinks."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sbmlqsp.engine.derivatives import gradient
from sbmlqsp.errors import UnsupportedError
from sbmlqsp.expressions import Expr, evaluate, num, parse_formula, sym


def leaf(expr):
    return {"time": num(1.0)} if expr.op == "time" else {str(expr.value): num(1.0)} if expr.value in {"x", "y"} else {}


def slopes(text, **env):
    found = gradient(parse_formula(text), leaf)
    return {k: float(evaluate(v, env, time=env.get("time", 0.0))) for k, v in found.items()}


SMOOTH = [
    "x", "x*y", "x/y", "x^y", "x^3", "2^x", "exp(-x*y)", "ln(x*y)", "log10(x)", "log(3, x)", "log(x, y)",
    "sqrt(x + y)",
    "root(3, x)", "root(x, y)", "sin(x*y)", "cos(x)", "tan(x)", "sec(x)", "csc(x)", "cot(x)", "asin(x/4)", "acos(x/4)",
    "atan(x)", "acot(x)", "asec(x + 3)", "acsc(x + 3)", "sinh(x)", "cosh(x)", "tanh(x)", "sech(x)",
    "csch(x)", "coth(x)",
    "asinh(x)", "acosh(x + 1)", "atanh(x/4)", "acoth(x + 3)", "asech(x/4)", "acsch(x)", "x - y - 3*x", "-x*y*x",
    "k*x/(k + x)*y", "x^2/(1 + x^2 + y^2)", "piecewise(x^2, x > y, x*y)", "max(x, y)", "min(x, y, 3)", "abs(x - y)",
    "rem(x, 0.7)", "rem(3, x)", "floor(x)*x", "time*x", "exp(time)*y",
]  # fmt: skip


def difference(expr, env, name, h=1e-3):
    """Richardson's extrapolation of central differences, with errors of h^6."""

    def at(step):
        moved = env | {name: env[name] + step}
        return float(evaluate(expr, moved, time=moved["time"]))

    d = [(at(h / 2**k) - at(-h / 2**k)) / (2 * h / 2**k) for k in range(3)]
    first = [(4 * b - a) / 3 for a, b in pairwise(d)]
    return (16 * first[1] - first[0]) / 15


@pytest.mark.parametrize("text", SMOOTH)
def test_derivatives_are_those_of_fine_differences(text):
    expr = parse_formula(text)
    for x, y, time in ((1.3, 0.8, 0.4), (0.61, 1.9, 2.2)):
        env = {"x": x, "y": y, "k": 2.5, "time": time}
        found = slopes(text, **env)
        for name in ("x", "y", "time"):
            assert found.get(name, 0.0) == pytest.approx(difference(expr, env, name), rel=1e-9, abs=1e-9)


NAMES = st.sampled_from(["x", "y", "k"])


def formulas():
    leaves = st.one_of(NAMES.map(sym), st.floats(0.1, 5.0).map(num))
    two = st.sampled_from(["add", "sub", "mul", "div"])
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.tuples(two, inner, inner).map(lambda t: Expr(t[0], t[1:])),
            inner.map(lambda a: Expr("neg", (a,))),
            inner.map(lambda a: Expr("exp", (Expr("neg", (Expr("mul", (a, a)),)),))),
        ),
        max_leaves=12,
    )


def complex_value(expr, env):
    op, args = expr.op, [complex_value(a, env) for a in expr.args]
    if op == "num":
        return complex(expr.value)
    if op == "sym":
        return complex(env[expr.value])
    return {
        "add": lambda: sum(args),
        "sub": lambda: args[0] - args[1],
        "mul": lambda: np.prod(args),
        "div": lambda: args[0] / args[1],
        "neg": lambda: -args[0],
        "exp": lambda: np.exp(args[0]),
    }[op]()


@settings(max_examples=150)
@given(formulas(), st.floats(0.3, 3.0), st.floats(0.3, 3.0))
def test_derivatives_are_those_of_a_step_into_the_complex_plane(expr, x, y):
    env = {"x": x, "y": y, "k": 1.7}
    found = gradient(expr, leaf)
    for name in ("x", "y"):
        try:
            exact = complex_value(expr, env | {name: env[name] + 1e-30j}).imag / 1e-30
            value = float(evaluate(found.get(name, num(0.0)), env))
        except (ZeroDivisionError, OverflowError):
            continue
        if np.isfinite(exact) and np.isfinite(value):
            assert value == pytest.approx(exact, rel=1e-9, abs=1e-9 * max(1.0, abs(exact)))


def test_zeros_do_not_make_derivatives_infinite():
    assert slopes("x^y", x=0.0, y=2.0) == {"x": 0.0, "y": 0.0}
    assert slopes("x^1", x=0.0) == {"x": 1.0}


def test_constants_and_jumps_have_none():
    assert gradient(parse_formula("k*3 + floor(x) + (x > 2)"), leaf) == {}


def test_what_cannot_be_derived_is_refused_by_name():
    with pytest.raises(UnsupportedError, match="factorial"):
        gradient(parse_formula("factorial(x)"), leaf)
