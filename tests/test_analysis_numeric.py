"""Sampling, summits and crossings of plain functions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sbmlqsp.analysis.numeric import crossing, finite_part, peaks, resolved, turns


def sampled(f, points):
    t = np.asarray(points, dtype=float)
    return t, f(t)


def bump(centre, width):
    return lambda t: np.exp(-(((np.asarray(t) - centre) / width) ** 2))


@settings(max_examples=25)
@given(centre=st.floats(0.1, 9.9), width=st.floats(0.3, 3.0))
def test_a_curve_is_sampled_until_cubics_between_its_points_are_good(centre, width):
    f = bump(centre, width)
    [(t, v)] = resolved(f, [sampled(f, np.linspace(0, 10, 33))])
    assert (np.diff(t) > 0).all()
    assert v == pytest.approx(f(t))
    assert v.max() > 0.97


@settings(max_examples=25)
@given(centre=st.floats(0.1, 9.9), width=st.floats(0.3, 3.0))
def test_a_summit_is_found_to_rounding(centre, width):
    f = bump(centre, width)
    [(t, v)] = resolved(f, [sampled(f, np.linspace(0, 10, 33))])
    k = int(np.argmax(v))
    near = slice(max(k - 1, 0), k + 2)
    [(at, top)] = peaks(f, [(t[near], v[near])], 1.0)
    assert at == pytest.approx(centre, rel=1e-8)
    assert top == pytest.approx(1.0, rel=1e-11)


def test_summits_at_ends_kinks_and_jumps():
    roof = lambda t: -np.abs(t - 0.3)  # noqa: E731
    [(at, top)] = peaks(roof, [sampled(roof, [0, 0.4, 1])], 1.0)
    assert (at, top) == pytest.approx((0.3, 0.0), abs=1e-8)
    [(at, bottom)] = peaks(np.cos, [sampled(np.cos, [3, 3.2, 4])], -1.0)
    assert (at, bottom) == pytest.approx((np.pi, -1.0), rel=1e-8)
    assert peaks(np.exp, [sampled(np.exp, [0, 1])], 1.0) == [(1.0, pytest.approx(np.e))]
    assert peaks(np.exp, [sampled(np.exp, [0, 1])], -1.0) == [(0.0, 1.0)]
    step = lambda t: np.where(t < 0.7, t, t - 5.0)  # noqa: E731
    [(at, top)] = peaks(step, [sampled(step, [0, 0.6, 1])], 1.0)
    assert (at, top) == pytest.approx((0.7, 0.7), abs=1e-8)


def test_turns_include_ends_and_plateaus():
    v = np.array([3.0, 1.0, 2.0, 2.0, 0.0, 1.0])
    assert turns(v, 1.0).tolist() == [0, 2, 3, 5]
    assert turns(v, -1.0).tolist() == [1, 4]


@settings(max_examples=25)
@given(root=st.floats(1e-3, 1e3), power=st.sampled_from([1.0, 0.5]), span=st.floats(1.5, 50.0))
def test_a_crossing_is_found_to_rounding(root, power, span):
    f = lambda t: np.sign(t - root) * np.abs(t - root) ** power  # noqa: E731
    a, b = root / span, root * span
    found, jumps = crossing(f, (a, float(f(a))), (b, float(f(b))), 0.0)
    assert found == pytest.approx(root, rel=1e-9)
    assert not jumps


@settings(max_examples=25)
@given(root=st.floats(1e-3, 1e3))
def test_a_jump_is_found_and_called_one(root):
    f = lambda t: np.where(np.asarray(t) < root, 1.0, 3.0)  # noqa: E731
    found, jumps = crossing(f, (0.0, 1.0), (2 * root, 3.0), 2.5)
    assert found == pytest.approx(root, rel=1e-10)
    assert jumps


def test_points_without_a_value_are_left_out():
    t, v = finite_part((np.arange(4.0), np.array([np.nan, 1.0, np.inf, 2.0])))
    assert (t.tolist(), v.tolist()) == ([1.0, 3.0], [1.0, 2.0])
