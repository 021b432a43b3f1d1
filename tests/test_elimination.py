"""Planned elimination against dense linear algebra."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sbmlqsp.engine.elimination import HALF, plan_elimination


def written_out(plan, jacobian, d, b):
    """Solve (d*I - J) x = b with the lines that would be compiled."""
    n = len(plan.pivot)
    scope = {"out": np.concatenate([np.zeros(2 * n), jacobian]), "w": np.zeros(plan.size), "b": b.copy(), "d": d,
             "math": math, "abs": abs}  # fmt: skip
    body = "\n    ".join(plan.factor_lines())
    exec(f"def factor(out, w, d):\n    {body}", scope)  # as it is compiled
    fine = scope["factor"](scope["out"], scope["w"], d)
    exec("\n".join(plan.solve_lines()) or "pass", scope)
    return fine, scope["b"]


def by_sums(plan, jacobian, d, b):
    """Solve it entry by entry, as several patients side by side are solved for."""
    w, b, c, pairs = np.zeros(plan.size), b.copy(), 0, lambda part: [divmod(int(p), HALF) for p in part]
    np.subtract.at(w, plan.entry, jacobian)
    w[plan.diagonal] += d
    for k, row in enumerate(plan.pivot.tolist()):
        beside, below = (int(of[k + 1] - of[k]) for of in (plan.beside_of, plan.below_of))
        for e in range(1 + beside + below):
            place, count = plan.sums[c : c + 2].tolist()
            w[place] -= sum(w[i] * w[j] for i, j in pairs(plan.sums[c + 2 : c + 2 + count]))
            c += 2 + count
            if e == 0:
                assert place == plan.diagonal[row]
                w[place] = 1 / w[place]
            elif e > beside:
                w[place] *= w[plan.diagonal[row]]
    for order, part in ((plan.pivot, plan.left), (plan.pivot[::-1], plan.right)):
        at = 0
        for row in order.tolist():
            count = int(part[at])
            b[row] -= sum(b[i] * w[j] for i, j in pairs(part[at + 1 : at + 1 + count]))
            at += 1 + count
            b[row] *= w[plan.diagonal[row]] if part is plan.right else 1.0
    return b


@st.composite
def patterns(draw):
    n = draw(st.integers(1, 9))
    cell = st.tuples(st.integers(0, n - 1), st.integers(0, n - 1))
    return n, sorted(draw(st.sets(cell, max_size=3 * n))), draw(st.integers(0, 10**6))


@settings(max_examples=80)
@given(patterns())
def test_elimination_gives_what_dense_algebra_gives(pattern):
    n, places, seed = pattern
    rng = np.random.default_rng(seed)
    plan = plan_elimination(n, places)
    values, b, d = rng.normal(size=len(places)), rng.normal(size=n), 20.0
    dense = d * np.eye(n)
    for (i, j), v in zip(places, values, strict=True):
        dense[i, j] -= v
    fine, x = written_out(plan, values, d, b)
    assert fine
    assert x == pytest.approx(np.linalg.solve(dense, b), rel=1e-11, abs=1e-13)
    assert by_sums(plan, values, d, b) == pytest.approx(x, rel=1e-11, abs=1e-13)
    assert sorted(plan.pivot.tolist()) == list(range(n))


def test_an_arrow_is_eliminated_from_its_tip_without_new_entries():
    n = 30
    arrow = [(0, i) for i in range(1, n)] + [(i, 0) for i in range(1, n)]
    plan = plan_elimination(n, arrow)
    assert plan.size == n + len(arrow)
    assert plan.pivot[-2:].tolist() == [0, n - 1]


def test_a_pivot_of_zero_is_told():
    plan = plan_elimination(2, [(0, 0)])
    with np.errstate(all="ignore"):
        fine, _ = written_out(plan, np.array([3.0]), np.float64(3.0), np.ones(2))
    assert not fine
