"""Formulas as programs, against evaluating them as they are."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sbmlqsp.engine.straight_line import as_function
from sbmlqsp.errors import ObservableError
from sbmlqsp.expressions import OPERATIONS, Expr, evaluate, num, parse_formula, sym

ARITY = {"piecewise": 3, "log": 2, "root": 2, "rem": 2, "quotient": 2, "sub": 2, "div": 2, "pow": 2, "implies": 2,
         "min": 2, "max": 2} | dict.fromkeys(["lt", "le", "gt", "ge", "eq", "ne"], 2)  # fmt: skip
ANY = frozenset({"add", "mul", "and", "or", "xor", "min", "max"})
LEAVES = [sym("x"), sym("b"), num(0.0), num(-0.0), num(2.5), num(float("nan")), Expr("time"), Expr("true"),
          Expr("false"), Expr("avogadro"), Expr("amount", (sym("S"),)), Expr("concentration", (sym("S"),))]  # fmt: skip


@st.composite
def formulas(draw, depth=4):
    if depth == 0 or draw(st.integers(0, 3)) == 0:
        return draw(st.sampled_from(LEAVES))
    op = draw(st.sampled_from(sorted(OPERATIONS)))
    count = draw(st.integers(2, 4)) if op in ANY else ARITY.get(op, 1)
    shared = draw(formulas(depth=depth - 1))
    return Expr(op, tuple(shared if draw(st.booleans()) else draw(formulas(depth=depth - 1)) for _ in range(count)))


@given(formulas())
@settings(max_examples=300, deadline=None)
def test_a_program_gives_what_its_formula_does(formula):
    env = {"x": np.array([-1.5, 0.0, 3.25]), "b": np.array([True, False, True]), "amount(S)": 4.0,
           "concentration(S)": 0.5}  # fmt: skip
    with np.errstate(all="ignore"):
        found, exact = as_function(formula)(env, 7.0), evaluate(formula, env, time=7.0)
    assert np.array_equal(np.asarray(found, dtype=float), np.asarray(exact, dtype=float), equal_nan=True)


def test_what_occurs_often_is_computed_once(monkeypatch):
    calls = []
    monkeypatch.setitem(OPERATIONS, "exp", lambda v: calls.append(v) or np.exp(v))
    assert as_function(parse_formula("exp(x)*exp(x) + 1/(1 + exp(x))"))({"x": 0.0}, 0.0) == 1.5
    assert len(calls) == 1


def test_what_needs_a_course_is_refused_when_it_is_asked_for():
    run = as_function(parse_formula("1 + rateOf(x)"))
    with pytest.raises(ObservableError, match="rateOf"):
        run({"x": 1.0}, 0.0)
