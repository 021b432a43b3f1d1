"""Formula trees: printed and read back, and evaluated as Python's own arithmetic does."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sbmlqsp.errors import ObservableError
from sbmlqsp.expressions import Expr, evaluate, num, parse_formula, substitute, sym, to_infix

ENV = {"a": 1.7, "b": -0.6, "pk.c": 3.2, "lambda": 0.4, "in": 2.0}
NUMBERS = st.one_of(
    st.integers(-9, 9).map(num),
    st.floats(-1e6, 1e6, allow_nan=False).map(num),
    st.sampled_from([1e-300, 1e17]).map(num),
)
LEAVES = st.one_of(NUMBERS, st.sampled_from(sorted(ENV)).map(sym), st.just(Expr("time")))


# Hypothesis draws the leaves and a seed. Trees are then built as by a pocket calculator with one stack of numbers and
# one of truths, where an operator takes what it needs; nested strategies would cost a hundred times as much.
NUMERIC = [(op, n) for op in ("add", "mul") for n in (2, 3)]
NUMERIC += [(op, 2) for op in ("sub", "div", "pow", "min", "max", "rem", "quotient")]
NUMERIC += [(op, 1) for op in ("neg", "abs", "floor", "ceil", "exp", "sin", "tanh", "sqrt")]
RELATIONS = [(op, 2) for op in ("lt", "le", "gt", "ge", "eq", "ne")]
LOGIC = [("not", 1), *((op, 2) for op in ("and", "or", "xor", "implies", "eq", "ne"))]


def grown(leaves, steps, seed):
    rng = random.Random(seed)
    numbers, truths = [rng.choice(leaves)], []
    for _ in range(steps):
        kind = rng.choice(["leaf", "leaf", "number", "number", "relation", "relation", "logic", "logic", "choice"])
        if kind == "leaf":
            numbers.append(rng.choice(leaves))
        elif kind == "choice" and truths and len(numbers) > 1:
            numbers.append(Expr("piecewise", (numbers.pop(), truths.pop(), numbers.pop())))
        elif kind != "choice":
            op, n = rng.choice({"number": NUMERIC, "relation": RELATIONS, "logic": LOGIC}[kind])
            source = truths if kind == "logic" else numbers
            if len(source) < n:
                continue
            args = tuple(source[-n:])
            if kind != "relation":  # so that there is always a number left
                del source[-n:]
            (numbers if kind == "number" else truths).append(Expr(op, args))
    return max(numbers, key=lambda tree: sum(1 for _ in tree.walk()))


TREES = st.builds(grown, st.lists(LEAVES, min_size=3, max_size=6), st.integers(1, 40), st.integers(0, 2**32 - 1))


def test_the_trees_hold_every_operator_and_are_deep():
    seen, sizes = set(), []

    @settings(max_examples=500, deadline=None, database=None)
    @given(TREES)
    def look(tree):
        seen.update(node.op for node in tree.walk())
        sizes.append(sum(1 for _ in tree.walk()))

    look()
    wanted = {op for op, _ in (*NUMERIC, *RELATIONS, *LOGIC)} | {"piecewise", "num", "sym", "time"}
    assert seen >= wanted, wanted - seen
    assert sum(size >= 8 for size in sizes) > 100


@settings(max_examples=300, deadline=None)
@given(TREES)
def test_what_is_printed_reads_back_with_the_same_value(tree):
    text = to_infix(tree)
    back = parse_formula(text)
    np.testing.assert_equal(float(evaluate(back, ENV, time=2.5)), float(evaluate(tree, ENV, time=2.5)), err_msg=text)
    assert back.symbols() == tree.symbols()
    assert parse_formula(to_infix(back)) == back


def python(tree, time):
    """Evaluate by Python's operators on floats."""
    op, args = tree.op, [python(a, time) for a in tree.args]
    if op == "num":
        return tree.value
    if op == "sym":
        return ENV[tree.value]
    if op == "time":
        return time
    if op == "piecewise":
        return args[0] if args[1] else args[2]
    functions = {
        "add": lambda *x: sum(x[1:], x[0]),
        "mul": lambda *x: math.prod(x),
        "sub": lambda x, y: x - y,
        "div": lambda x, y: x / y,
        "pow": math.pow,
        "neg": lambda x: -x,
        "and": lambda x, y: x and y,
        "or": lambda x, y: x or y,
        "xor": lambda x, y: bool(x) != bool(y),
        "not": lambda x: not x,
        "implies": lambda x, y: (not x) or y,
        "lt": lambda x, y: x < y,
        "le": lambda x, y: x <= y,
        "gt": lambda x, y: x > y,
        "ge": lambda x, y: x >= y,
        "eq": lambda x, y: x == y,
        "ne": lambda x, y: x != y,
        "min": min,
        "max": max,
        "rem": math.fmod,
        "quotient": lambda x, y: math.trunc(x / y),
        "floor": math.floor,
        "ceil": math.ceil,
        "abs": abs,
    }
    return functions[op](*args) if op in functions else getattr(math, op)(*args)


@settings(max_examples=300, deadline=None)
@given(TREES)
def test_values_are_those_of_plain_python(tree):
    try:
        truth = float(python(tree, 2.5))
    except (ValueError, ZeroDivisionError, OverflowError):
        return
    ours = float(evaluate(tree, ENV, time=2.5))
    if math.isfinite(truth):
        assert ours == pytest.approx(truth, rel=1e-9, abs=1e-300)


@settings(max_examples=200, deadline=None)
@given(TREES)
def test_arrays_give_the_same_as_numbers_one_by_one(tree):
    many = {k: np.array([v, v + 0.5, -v]) for k, v in ENV.items()}
    together = np.broadcast_to(evaluate(tree, many, time=1.0), (3,))
    alone = [float(evaluate(tree, {k: v[i] for k, v in many.items()}, time=1.0)) for i in range(3)]
    np.testing.assert_allclose(np.asarray(together, dtype=float), alone, rtol=1e-12)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2 + 3*4^2/8", 8.0),
        ("2**3", 8.0),
        ("-2^2", -4.0),
        ("(-2)^2", 4.0),
        ("2^3^2", 512.0),
        ("8/4/2", 1.0),
        ("8 - 4 - 2", 2.0),
        ("ln(exp(2))", 2.0),
        ("log(2, 8)", 3.0),
        ("log2(8)", 3.0),
        ("log10(1000)", 3.0),
        ("root(3, 27)", 3.0),
        ("factorial(4)", 24.0),
        ("rem(-7, 3)", -1.0),
        ("quotient(-7, 3)", -2.0),
        ("piecewise(1, 2 < 1, 5)", 5.0),
        ("piecewise(1, 2 > 1)", 1.0),
        ("1 < 2 && !(3 < 2) || false", 1.0),
        ("xor(true, true, true)", 1.0),
        ("implies(true, false)", 0.0),
        ("min(3, 1, 2) + max(3, 1, 2)", 4.0),
        ("arcsin(1)*2 - pi", 0.0),
        ("sec(0) + coth(100)", 2.0),
        ("acoth(2)", math.atanh(0.5)),
        ("avogadro/6.02214179e23", 1.0),
        ("1/0", math.inf),
        ("time + 1", 4.0),
        ("amount(S)/concentration(S)", 2.0),
        ("pk.c != 3", 1.0),
    ],
)
def test_meanings(text, value):
    env = {"amount(S)": 6.0, "concentration(S)": 3.0, "pk.c": 4.0}
    assert float(evaluate(parse_formula(text), env, time=3.0)) == pytest.approx(value, abs=1e-12)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty"),
        ("a +", "cannot be read.*near"),
        ("a b", "cannot be read"),
        ("log(5)", r"ambiguous.*ln\(x\) or log10"),
        ("sine(3)", "'sine' is unknown.*sin"),
        ("exp(1, 2)", "2 arguments"),
        ("'text'", "not arithmetic"),
        ("[1, 2]", "not arithmetic"),
        ("a.b().c", "dot must join"),
        ("__import__('os').system('true')", "not arithmetic|cannot|unknown"),
        ("1 < 2 < 3", "not arithmetic"),
        ("f(x=1)", "not arithmetic"),
        ("a" * 30_000, "too long"),
        ("(" * 300 + "a" + ")" * 300, "nested|cannot be read"),
        (None, "empty"),
    ],
)
def test_what_is_no_formula_is_refused_with_the_reason(text, words):
    with pytest.raises(ObservableError, match=words):
        parse_formula(text)


def test_a_models_own_names_win():
    assert parse_formula("pi*time", symbols={"pi", "time"}).symbols() == {"pi", "time"}
    assert parse_formula("pi*time").symbols() == frozenset()


def test_delay_and_rate_of_need_a_trajectory():
    with pytest.raises(ObservableError, match="delay"):
        evaluate(parse_formula("delay(a, 2)"), ENV)


def test_symbols_are_replaced_everywhere():
    tree = substitute(parse_formula("a*exp(a) + b"), {"a": parse_formula("b + 1")})
    assert to_infix(tree) == "(b + 1)*exp(b + 1) + b"


def test_numbers_keep_every_digit():
    for x in (0.1, 1 / 3, 1e-300, 123456789.123456789, 2**53 + 2.0, 5e-324):
        assert parse_formula(to_infix(num(x))).value == x
    assert math.isnan(float(evaluate(parse_formula(to_infix(num(math.nan))), {})))
    assert float(evaluate(parse_formula(to_infix(num(-math.inf))), {})) == -math.inf


@pytest.mark.parametrize("text", ["!a && b", "!(a && b)", "!!a", "a && !(b < 3)"])
def test_a_formula_may_begin_with_not(text):
    tree = parse_formula(text)
    assert parse_formula(str(tree)) == tree


@pytest.mark.parametrize(
    "text", ["(a^b)^c", "a^b^c", "a - (b - c)", "a - b - c", "a/(b/c)", "a/b/c", "-(a^2)", "(-a)^2", "a^-b", "2*(-a)"]
)
def test_brackets_stay_where_they_matter(text):
    tree = parse_formula(text)
    assert parse_formula(to_infix(tree)) == tree


def test_a_truth_in_a_formula_is_a_number_of_full_precision():
    for text in ("exp(a >= b)", "exp(1)"):
        assert float(evaluate(parse_formula(text), {"a": 2.0, "b": 1.0})) == pytest.approx(math.e, rel=1e-15)
    many = evaluate(parse_formula("exp(a > b) + (a > b)"), {"a": np.array([0.0, 2.0]), "b": 1.0})
    np.testing.assert_allclose(many, [1.0, math.e + 1.0], rtol=1e-15)
