"""The closed forms of validation/analytic against matrix exponentials, sums over doses and each other."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import expm

SOURCE = Path(__file__).resolve().parents[1] / "validation" / "analytic" / "pk.py"


def _module():
    spec = importlib.util.spec_from_file_location("analytic_pk", SOURCE)
    module = importlib.util.module_from_spec(spec)
    sys.modules["analytic_pk"] = module
    spec.loader.exec_module(module)
    return module


pk = _module()

size = st.floats(0.5, 50.0)
flow = st.floats(0.01, 5.0)
times = st.floats(0.0, 40.0)
absorption = st.floats(0.02, 5.0)


def one(v1, cl, v2, q):
    return pk.one_compartment(volume=v1, clearance=cl)


def two(v1, cl, v2, q):
    return pk.two_compartment(central_volume=v1, clearance=cl, peripheral_volume=v2, exchange=q)


def matrix(v1, cl, v2, q, ka, rate):
    """d/dt of (depot, central, peripheral, 1): amounts, with a constant infusion into central."""
    m = np.zeros((4, 4))
    m[0, 0], m[1, 0] = -ka, ka
    m[1, 1], m[1, 2], m[2, 1], m[2, 2] = -(cl + q) / v1, q / v2, q / v1, -q / v2
    m[1, 3] = rate
    return m


def reference(v1, cl, v2, q, t, *, ka=1.0, depot=0.0, central=0.0, rate=0.0, duration=0.0):
    """Central concentration at t by matrix exponentials, cut at the end of the infusion."""
    state = np.array([depot, central, 0.0, 1.0])
    state = expm(matrix(v1, cl, v2, q, ka, rate) * min(t, duration)) @ state
    state = expm(matrix(v1, cl, v2, q, ka, 0.0) * max(t - duration, 0.0)) @ state
    return state[1] / v1


@pytest.fixture(params=["one", "two"])
def kind(request):
    return request.param


def pick(kind, v1, cl, v2, q):
    return (one(v1, cl, v2, q), (v1, cl, v2, 0.0)) if kind == "one" else (two(v1, cl, v2, q), (v1, cl, v2, q))


def agree(got, expected, scale):
    assert abs(float(got) - expected) <= 1e-11 * scale


each = settings(max_examples=40, deadline=None, derandomize=True)


@pytest.mark.parametrize("kind", ["one", "two"])
@each
@given(size, flow, size, flow, times)
def test_bolus_is_the_matrix_exponential(kind, v1, cl, v2, q, t):
    disposition, physical = pick(kind, v1, cl, v2, q)
    agree(pk.bolus(disposition, t, dose=7.0), reference(*physical, t, central=7.0), 7.0 / v1)


@pytest.mark.parametrize("kind", ["one", "two"])
@each
@given(size, flow, size, flow, times, st.floats(0.01, 30.0))
def test_infusion_is_the_matrix_exponential_during_and_after(kind, v1, cl, v2, q, t, duration):
    disposition, physical = pick(kind, v1, cl, v2, q)
    got = pk.infusion(disposition, t, rate=3.0, duration=duration)
    agree(got, reference(*physical, t, rate=3.0, duration=duration), 3.0 * duration / v1)


@pytest.mark.parametrize("kind", ["one", "two"])
@each
@given(size, flow, size, flow, times, absorption, st.floats(0.0, 5.0), st.floats(0.1, 1.0))
def test_oral_is_the_matrix_exponential_with_lag_and_bioavailability(kind, v1, cl, v2, q, t, ka, lag, f):
    disposition, physical = pick(kind, v1, cl, v2, q)
    got = pk.oral(disposition, t, dose=9.0, ka=ka, bioavailability=f, lag=lag)
    expected = reference(*physical, t - lag, ka=ka, depot=9.0 * f) if t > lag else 0.0
    agree(got, expected, 9.0 / v1)


@pytest.mark.parametrize("apart", [0.0, 1e-15, 1e-12, 1e-9, 1e-6, 1e-3])
def test_absorption_as_fast_as_elimination_loses_no_digits(apart):
    t, k = np.linspace(0.1, 30.0, 7), 0.3
    ka = k * (1.0 + apart)
    got = pk.oral(pk.one_compartment(volume=1.0, clearance=k), t, dose=1.0, ka=ka)
    d = ka - k
    series = ka * t * np.exp(-k * t) * (1.0 - d * t / 2.0 + (d * t) ** 2 / 6.0 - (d * t) ** 3 / 24.0)
    np.testing.assert_allclose(got, series, rtol=1e-12 if apart < 1e-3 else 1e-9)


def test_two_compartments_without_exchange_of_importance_are_one():
    t = np.linspace(0.0, 20.0, 9)
    got = pk.bolus(two(10.0, 2.0, 5.0, 1e-14), t, dose=1.0)
    np.testing.assert_allclose(got, pk.bolus(one(10.0, 2.0, 5.0, 0.0), t, dose=1.0), rtol=1e-12)


@each
@given(size, flow, size, flow)
def test_rates_and_weights_obey_their_sums_and_products(v1, cl, v2, q):
    d = two(v1, cl, v2, q)
    assert sum(d.weights) == pytest.approx(1.0 / v1, rel=1e-13)
    assert d.rates[0] * d.rates[1] == pytest.approx(cl / v1 * q / v2, rel=1e-13)
    assert sum(w / k for w, k in d.terms()) == pytest.approx(1.0 / cl, rel=1e-10)


def test_nothing_is_there_before_the_dose_and_a_bolus_is_there_at_it():
    d = one(2.0, 1.0, 1.0, 0.0)
    before = np.array([-3.0, -1e-9])
    assert np.all(pk.bolus(d, before, dose=1.0) == 0.0)
    assert np.all(pk.infusion(d, before, rate=1.0, duration=2.0) == 0.0)
    assert np.all(pk.oral(d, before, dose=1.0, ka=1.0) == 0.0)
    assert pk.bolus(d, 0.0, dose=1.0) == 0.5


def test_infusion_without_elimination_fills_the_volume():
    d = pk.one_compartment(volume=4.0, clearance=0.0)
    np.testing.assert_allclose(pk.infusion(d, [1.0, 3.0, 9.0], rate=2.0, duration=3.0), [0.5, 1.5, 1.5], rtol=1e-15)


def test_infusion_approaches_rate_over_clearance():
    assert pk.infusion(two(5.0, 2.0, 9.0, 3.0), 1e4, rate=8.0, duration=1e5) == pytest.approx(4.0, rel=1e-13)


courses = {
    "bolus": (lambda d, s: pk.bolus(d, s, dose=2.0), lambda d, s: pk.steady_bolus(d, s, dose=2.0, interval=12.0)),
    "short infusion": (
        lambda d, s: pk.infusion(d, s, rate=2.0, duration=3.0),
        lambda d, s: pk.steady_infusion(d, s, rate=2.0, duration=3.0, interval=12.0),
    ),
    "overlapping infusion": (
        lambda d, s: pk.infusion(d, s, rate=2.0, duration=31.0),
        lambda d, s: pk.steady_infusion(d, s, rate=2.0, duration=31.0, interval=12.0),
    ),
    "oral": (
        lambda d, s: pk.oral(d, s, dose=2.0, ka=0.9, bioavailability=0.7, lag=0.5),
        lambda d, s: pk.steady_oral(d, s, dose=2.0, ka=0.9, interval=12.0, bioavailability=0.7, lag=0.5),
    ),
    "oral, ka = k": (
        lambda d, s: pk.oral(d, s, dose=2.0, ka=0.2),
        lambda d, s: pk.steady_oral(d, s, dose=2.0, ka=0.2, interval=12.0),
    ),
}


@pytest.mark.parametrize("name", courses)
def test_a_long_course_reaches_the_closed_steady_state(name, kind):
    single, steady = courses[name]
    d = one(10.0, 2.0, 0.0, 0.0) if kind == "one" else two(10.0, 2.0, 20.0, 4.0)
    count = 200
    phase = np.array([0.0, 0.2, 0.5, 2.9, 3.0, 6.9, 7.0, 11.9])
    course = pk.repeat(lambda s: single(d, s), phase + (count - 1) * 12.0, interval=12.0, count=count)
    np.testing.assert_allclose(steady(d, phase), course, rtol=1e-11)


def test_repeat_adds_courses_by_hand():
    d = one(1.0, 1.0, 0.0, 0.0)
    got = pk.repeat(lambda s: pk.bolus(d, s, dose=1.0), np.array([0.5, 1.0, 2.5]), interval=1.0, count=3)
    expected = [np.exp(-0.5), np.exp(-1) + 1, np.exp(-2.5) + np.exp(-1.5) + np.exp(-0.5)]
    np.testing.assert_allclose(got, expected, rtol=1e-14)


def test_accumulation_of_a_half_life_interval_is_two():
    assert pk.accumulation(np.log(2.0) / 6.0, 6.0) == pytest.approx(2.0, rel=1e-14)
