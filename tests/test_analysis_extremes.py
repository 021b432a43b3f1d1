"""Highest and lowest values along a run, and integrals over it, against closed forms."""

from __future__ import annotations

import functools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sbmlqsp as qsp

TEXTS = {
    "oral": "species D, C; D = 0; C = 0; a: D -> C; ka*D; e: C ->; k*C; ka = 1.3; k = 0.2",
    "decay": "compartment V = 4; species S in V; S = 10; J: S ->; k*S*V; k = 0.1; y := 3*S; Z = 0",
    "saw": "species A; A = 0; a: -> A; 1; at (A > 5): A = 1",
    "timed": "species A; A = 0; a: -> A; piecewise(2, time >= 3 && time < 7.3, 0); e: A ->; 0.5*A; "
    "x := piecewise(1, time < 3.7, 5)",
}


@functools.cache
def model(name):
    return qsp.read_antimony(f"model m; {TEXTS[name]}; end")


def arm(name, end, **options):
    times = end if isinstance(end, list) else [0, end]
    return qsp.Experiment(model(name), times=times, **options)


def bateman(t, ka=1.3, k=0.2):
    return 100 * ka / (ka - k) * (np.exp(-k * t) - np.exp(-ka * t))


# ---------------------------------------------------------------------------------------------------------- extremes
@settings(max_examples=8)
@given(ka=st.floats(0.05, 5.0), ratio=st.floats(0.02, 0.9), end=st.floats(8.0, 500.0))
def test_the_peak_after_an_oral_dose(ka, ratio, end):
    k = ka * ratio
    peak = math.log(ka / k) / (ka - k)
    found = qsp.extremum(arm("oral", max(end, 1.1 * peak), regimen="100 into D", changes={"ka": ka, "k": k}), "C")
    assert float(found) == pytest.approx(bateman(peak, ka, k), rel=1e-9)
    assert found.at == pytest.approx(peak, rel=1e-6)


def test_multiple_dosing_peaks_and_troughs():
    e = arm("oral", 240, regimen="100 into D every 12 x 20")
    sums = [(1 - math.exp(-20 * 12 * r)) / (1 - math.exp(-12 * r)) for r in (0.2, 1.3)]
    c = lambda s: 100 * 1.3 / 1.1 * (sums[0] * math.exp(-0.2 * s) - sums[1] * math.exp(-1.3 * s))  # noqa: E731
    top = math.log(1.3 * sums[1] / (0.2 * sums[0])) / 1.1
    found = qsp.extremum(e, "C")
    assert float(found) == pytest.approx(c(top), rel=1e-9)
    assert found.at % 12 == pytest.approx(top, rel=1e-6)
    # Peaks no longer differ in ten digits long before the last, so the first of the equal ones is named.
    assert 100 < found.at < 180
    trough = qsp.extremum(e, "C", kind="min", after=221)
    assert float(trough) == pytest.approx(c(12.0), rel=1e-9)
    assert trough.at in {228.0, 240.0}


def test_both_sides_of_a_dose_count():
    e = arm("decay", 30, regimen="40 into S at 12; 40 into S at 20")
    before = 10 * math.exp(-1.2)
    lowest = qsp.extremum(e, "S", kind="min", after=5, before=13)
    assert (float(lowest), lowest.at) == (pytest.approx(before, rel=1e-10), 12.0)
    high = qsp.extremum(e, "S", after=5, before=20)
    assert (float(high), high.at) == (pytest.approx((before + 10) * math.exp(-0.8) + 10, rel=1e-10), 20.0)
    unseen = qsp.extremum(arm("decay", 20, regimen="400 into S at 20", at_dose="before"), "S")
    assert (float(unseen), unseen.at) == (10.0, 0.0)


def test_a_course_without_a_turn_says_so():
    e = arm("decay", 30)
    high, low = (qsp.extremum(e, "S", kind=k) for k in ("max", "min"))
    assert (float(high), high.at) == (10.0, 0.0)
    assert "it falls all the way, so this is the value at the beginning" in high.definition
    assert (float(low), low.at) == (pytest.approx(10 * math.exp(-3), rel=1e-9), 30.0)
    assert "value at the end" in low.definition
    assert "it is constant" in qsp.extremum(e, "k").definition
    assert float(qsp.extremum(arm("decay", [7]), "y")) == pytest.approx(30 * math.exp(-0.7), rel=1e-10)


def test_events_and_conditions_on_time():
    e = arm("saw", 20)
    high, low = qsp.extremum(e, "A"), qsp.extremum(e, "A", kind="min", after=1)
    assert (float(high), high.at) == pytest.approx((5.0, 5.0), rel=1e-8)
    assert float(low) == 1.0
    top = qsp.extremum(arm("timed", 20), "A")
    assert (float(top), top.at) == (pytest.approx(4 * (1 - math.exp(-0.5 * 4.3)), rel=1e-10), 7.3)
    assert float(qsp.extremum(arm("timed", 20), "x")) == 5.0


def test_points_without_a_value_are_left_out():
    found = qsp.extremum(arm("oral", 10, regimen="100 into D", at_dose="before"), "C/(C + D)", kind="min")
    assert float(found) == 0.0
    with pytest.raises(qsp.ExperimentError, match="not a number"):
        qsp.extremum(arm("decay", 10), "S/Z")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"kind": "top"}, "'max' or 'min'"),
        ({"after": 20, "before": 10}, "no time between"),
        ({"after": 31}, "no time between .* between 0 and 30"),
        ({"after": math.nan}, "After is not finite"),
        ({"before": "noon"}, "not readable"),
    ],
)
def test_broken_questions_about_extremes(options, words):
    with pytest.raises(qsp.QSPError, match=words):
        qsp.extremum(arm("decay", 30), "S", **options)


# --------------------------------------------------------------------------------------------------------- integrals
def test_all_that_is_dosed_is_eliminated():
    e = arm("oral", 600, regimen="100 into D every 12 x 20; 30 into C at 7 over 5")
    assert float(qsp.integral(e, "C")) == pytest.approx((2000 + 30) / 0.2, rel=1e-10)
    assert float(qsp.integral(e, "k*C")) == pytest.approx(2030, rel=1e-10)


def test_bounds():
    e = arm("oral", 24, regimen="100 into D")
    whole = lambda t: 100 * 1.3 / 1.1 * (-math.expm1(-0.2 * t) / 0.2 + math.expm1(-1.3 * t) / 1.3)  # noqa: E731
    assert float(qsp.integral(e, "C")) == pytest.approx(whole(24), rel=1e-10)
    part = qsp.integral(e, "C", from_=2, to=9)
    assert float(part) == pytest.approx(whole(9) - whole(2), rel=1e-10)
    assert part.definition == "the integral of C over time from 2 to 9"
    assert float(qsp.integral(e, "C", from_=2, to=2)) == 0.0


def test_formulas_keep_their_meaning():
    e = arm("decay", 10)
    area = 10 * -math.expm1(-1) / 0.1
    assert float(qsp.integral(e, "S")) == pytest.approx(area, rel=1e-10)
    assert float(qsp.integral(e, "amount(S)")) == pytest.approx(4 * area, rel=1e-10)
    assert float(qsp.integral(e, "concentration(S)*2")) == pytest.approx(2 * area, rel=1e-10)
    assert float(qsp.integral(e, "J")) == pytest.approx(0.4 * area, rel=1e-10)
    assert float(qsp.integral(e, "time")) == pytest.approx(50, rel=1e-10)
    assert float(qsp.integral(e, "y - 3*S")) == pytest.approx(0, abs=1e-10)
    assert float(qsp.integral(arm("saw", 20), "A")) == pytest.approx(12.5 + 3 * 12 + 7.5, rel=1e-8)


def test_units_of_integrals_and_of_what_is_accumulated():
    text = (
        "model m; unit time_unit = 3600 second; unit substance = 1e-3 gram; unit extent = 1e-3 gram; "
        "unit volume = litre; unit mg_per_litre = 1e-3 gram / litre; compartment V = 2; species S in V; S = 10; "
        "unit per_hour = 1/(3600 second); k = 0.1; k has per_hour; V has litre; J: S ->; k*S*V; end"
    )
    e = qsp.Experiment(qsp.read_antimony(text), times="0:10 h by 10")
    area = qsp.integral(e, qsp.Observable("C", "S", unit="ug/L"))
    assert (float(area), area.unit) == (pytest.approx(1e5 * -math.expm1(-1), rel=1e-10), "ug*h/L")
    assert float(qsp.integral(e, "S", to="300 min")) == pytest.approx(100 * -math.expm1(-0.5), rel=1e-10)
    longer = qsp.accumulate(e.model, auc="S")
    assert longer.symbol("auc").unit.label == "mg*h/L"
    assert longer.symbol("auc").name == "∫ S dt"
    assert not [code for code in qsp.check(longer)["code"] if "unit" in code]


def test_accumulating_in_a_composed_model():
    system = qsp.compose("s", {"a": model("decay"), "b": model("oral")})
    longer = qsp.accumulate(system, {"area": "a.S", "gone": "b.k*b.C"})
    assert [p.id for p in longer.ports] == [p.id for p in system.ports]
    ds = qsp.simulate(qsp.Experiment(longer, times=[0, 300], regimen="7 into b.D", observables=["area", "gone"]))
    assert ds["area"][0, 0, 0].to_numpy() == pytest.approx([0, 100], rel=1e-7)
    assert float(ds["gone"][0, 0, 0, 1]) == pytest.approx(7, rel=1e-7)


@pytest.mark.parametrize(
    ("formulas", "words"),
    [
        ({}, "nothing to accumulate"),
        ({"S": "k"}, "has a 'S' already"),
        ({"J": "k"}, "has a 'J' already"),
        ({"two words": "k"}, "no id for a parameter"),
        ({"a": "kk"}, "did you mean 'k'"),
        ({"a": "log(k)"}, "ambiguous"),
        ({"a": "delay(S, 1)"}, "cannot be observed"),
    ],
)
def test_what_cannot_be_accumulated(formulas, words):
    with pytest.raises(qsp.QSPError, match=words):
        qsp.accumulate(model("decay"), formulas)


@pytest.mark.parametrize("bounds", [{"from_": 5, "to": 4}, {"from_": -1}, {"from_": 40}])
def test_bounds_out_of_order(bounds):
    with pytest.raises(qsp.ExperimentError, match="out of order"):
        qsp.integral(arm("decay", 30), "S", **bounds)
