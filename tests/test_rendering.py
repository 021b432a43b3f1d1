"""Formulas as source for numba: the same numbers as ``evaluate``, for every operator."""

from __future__ import annotations

import math
from functools import cache

import numba as nb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sbmlqsp.engine.rendering import condition, numeric
from sbmlqsp.errors import UnsupportedError
from sbmlqsp.expressions import FUNCTIONS, Expr, evaluate, num, parse_formula, sym

NAMES = ("u", "v", "w")
SEVERAL = {"log", "root", "min", "max", "rem", "quotient", "piecewise", "xor", "implies"}
OTHER = {"delay", "rateOf", "amount", "concentration"}
UNARY = ["neg", "not", *sorted(FUNCTIONS - SEVERAL - OTHER)]
BINARY = ["sub", "div", "pow", "lt", "le", "gt", "ge", "eq", "ne", "log", "root", "rem", "quotient", "implies"]
MANY = ["add", "mul", "and", "or", "xor", "min", "max", "piecewise"]
EVERY = (
    [Expr(op, (sym("u"),)) for op in (*UNARY, "add", "mul", "and", "or", "xor", "min", "max")]
    + [Expr(op, (sym("u"), sym("v"))) for op in (*BINARY, *MANY)]
    + [Expr(op, (sym("u"), sym("v"), sym("w"))) for op in MANY]
    + [Expr(op) for op in ("add", "mul", "and", "or", "time", "avogadro", "true", "false")]
    + [num(x) for x in (0.0, -2.5, math.inf, -math.inf, math.nan)]
)
EDGES = (-200.5, -2.0, -1.0, -0.5, 0.0, 0.3, 1.0, 2.0, 3.7, 170.5, 400.0, math.inf, -math.inf, math.nan)


def source(exprs, *, form=numeric) -> str:
    lines = [f"    out[{i}] = {form(e, str)}" for i, e in enumerate(exprs)]
    return "\n".join(["def f(u, v, w, t, out):", *(lines or ["    pass"])])


def run(exprs, values, time):
    """Return formulas' values in Python itself, on numpy's numbers as numba treats them."""
    out = np.empty(len(exprs))
    scope = {"math": math, "np": np}
    exec(source(exprs), scope)
    scope["f"](*map(np.float64, values), np.float64(time), out)
    return out


@cache
def compiled():
    scope = {"math": math, "np": np}
    exec(source(EVERY), scope)
    return nb.njit(nb.void(*[nb.float64] * 4, nb.float64[::1]), error_model="numpy")(scope["f"])


def expected(expr, values, time):
    return float(evaluate(expr, dict(zip(NAMES, values, strict=True)), time=time))


def test_every_operator_of_the_language_is_tried():
    tried = {e.op for e in EVERY}
    assert tried >= FUNCTIONS - OTHER


def check_all(values, time):
    found = np.empty(len(EVERY))
    compiled()(*values, time, found)
    for expr, value in zip(EVERY, found, strict=True):
        if expr.op == "root" and values[0] == 2.0 and values[1] == -math.inf:
            continue  # numpy takes a square root here, which is not a number; C's power is infinite
        np.testing.assert_allclose(value, expected(expr, values, time), rtol=1e-11, atol=1e-300, err_msg=str(expr))


@pytest.mark.parametrize("u", EDGES)
def test_edges_are_as_evaluated(u):
    """Where a number ends: no logarithm, no root, division by zero, overflow."""
    for v in EDGES:
        for w in (1.5, math.nan):
            check_all((u, v, w), 2.5)


@given(st.tuples(*[st.floats(-30, 30)] * 3), st.floats(0, 100))
@settings(max_examples=60)
def test_ordinary_numbers_are_as_evaluated(values, time):
    check_all(values, time)


LEAVES = st.one_of(st.sampled_from(NAMES).map(sym), st.floats(-4, 4).map(num), st.just(Expr("time")))


def _grown(children):
    pair = st.tuples(children, children)
    return st.one_of(
        st.builds(Expr, st.sampled_from("add sub mul div min max lt ge eq and or".split()), pair),
        st.builds(lambda op, a: Expr(op, (a,)), st.sampled_from("neg not abs floor".split()), children),
        st.builds(lambda op, a: Expr(op, (Expr("add", (a,)),)), st.sampled_from(["exp", "sin", "atan"]), children),
        st.builds(lambda a: Expr("piecewise", tuple(a)), st.lists(children, min_size=3, max_size=6)),
    )


@given(st.recursive(LEAVES, _grown, max_leaves=14), st.tuples(*[st.floats(-3, 3)] * 3))
@settings(max_examples=150)
def test_nested_formulas_keep_their_order(expr, values):
    """Parentheses, precedence and the order of operations: on Python's own arithmetic the same bits."""
    with np.errstate(all="ignore"):
        try:
            found = run([expr], values, 1.25)[0]
        except OverflowError:  # Python's exp raises, numba's does not
            return
    np.testing.assert_allclose(found, expected(expr, values, 1.25), rtol=1e-9, atol=1e-12)


def test_long_formulas_can_be_read():
    """Python reads at most 200 parentheses within each other."""
    for sign in "+-*/":
        text = "u" + "".join(f" {sign} (1 + v/{k})" for k in range(1, 231))
        expr = parse_formula(text)
        assert run([expr], (3.0, 0.01, 0.0), 0)[0] == expected(expr, (3.0, 0.01, 0.0), 0)
    many = parse_formula("piecewise(" + ", ".join(f"{k}, u < {k}" for k in range(240)) + ", 7)")
    assert run([many], (200.5, 0.0, 0.0), 0)[0] == 201.0


def test_a_number_as_a_condition_and_a_condition_as_a_number():
    assert condition(sym("u"), str) == "(u != 0.0)"
    assert numeric(parse_formula("u < v"), str) == "(1.0 if (u < v) else 0.0)"
    assert run([parse_formula("2*(u < v) + (u >= v)")], (1.0, 2.0, 0.0), 0)[0] == 2.0


def test_chained_relations_hold_between_neighbours():
    chain = Expr("lt", (sym("u"), sym("v"), sym("w")))
    assert [run([chain], x, 0)[0] for x in ((1.0, 2.0, 3.0), (1.0, 3.0, 2.0), (2.0, 1.0, 3.0))] == [1.0, 0.0, 0.0]


@pytest.mark.parametrize("op", ["delay", "rateOf", "nonsense"])
def test_what_cannot_be_compiled_is_named(op):
    with pytest.raises(UnsupportedError, match=op):
        numeric(Expr(op, (sym("u"), num(1.0))), str)
