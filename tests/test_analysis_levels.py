"""Values of a constant that meet a target, and how far a response goes, against closed forms."""

from __future__ import annotations

import functools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sbmlqsp as qsp

TEXTS = {
    "hill": "C = 0; E0 = 0.5; Emax = 2; EC50 = 3; n = 1; E := E0 + Emax*C^n/(EC50^n + C^n); "
    "I := E0*(1 - C/(C + EC50)); line := 2*C; slow := ln(1 + C); flat := 3*EC50; undefined := EC50/(C - C); "
    "step := piecewise(0, C < 2, 5); index := piecewise(0.65*(1 - C)/C, C < 1, 0)",
    # A bivalent molecule between two receptors: the ternary complex falls again where there is too much of it.
    "hook": "L = 0; K1 = 0.5; K2 = 20; T := L/((1 + L/K1)*(1 + L/K2))",
    "turnover": "species R; R = ksyn/kdeg; a: -> R; ksyn*(1 - Imax*C/(C + IC50)); b: R ->; kdeg*R; ksyn = 5; "
    "kdeg = 0.5; Imax = 0.8; IC50 = 4; C = 0; q := 2*kdeg; w = 2*kdeg",
    "decay": "species S; S = 10; J: S ->; k*S; k = 0.1; moment := time",
    "two rests": "species x; x = x0; x0 = 0.9; a: -> x; x^2/(0.25 + x^2) + s; b: x ->; 0.8*x; s = 0",
    "grows": "species x; x = 1; a: -> x; s + 0.1*x; s = 0",
}


@functools.cache
def model(name):
    return qsp.read_antimony(f"model m; {TEXTS[name]}; end")


# ------------------------------------------------------------------------------------------------------ formulas only
@settings(max_examples=30)
@given(scale=st.floats(-8, 8), n=st.floats(0.4, 6), share=st.floats(0.01, 0.99))
def test_the_inverse_of_a_hill_curve(scale, n, share):
    ec50 = 10.0**scale
    found = qsp.level_for(model("hill"), "C", observable="E", target=0.5 + 2 * share, changes={"EC50": ec50, "n": n})
    assert float(found) == pytest.approx(ec50 * (share / (1 - share)) ** (1 / n), rel=1e-9)
    half = qsp.ec50(model("hill"), "C", observable="E", changes={"EC50": ec50, "n": n}, fraction=share)
    assert float(half) == pytest.approx(ec50 * (share / (1 - share)) ** (1 / n), rel=1e-6)


def test_out_of_reach_comes_with_the_range():
    ask = functools.partial(qsp.level_for, model("hill"), "C")
    above = ask(observable="E", target=3)
    assert above.reason == "E reaches at most 2.5, as C grows without end; 3 is needed"
    assert ask(observable="E", target=2.5).reason == "E only approaches 2.5 as C grows without end"
    assert ask(observable="E", target=0.2).reason == "E reaches no less than 0.5, at C = 0; 0.2 is needed"
    assert ask(observable="I", target=-1).reason.startswith("I reaches no less than 0, as C grows")
    assert float(ask(observable="line", target=1e-5)) == pytest.approx(5e-6, rel=1e-12)
    assert "at C = 10" in ask(observable="E", target=2.4, between=(0, 10)).reason
    assert float(ask(observable="E", target=0.5)) == 0.0
    assert "smallest C at which E at steady state is 0.5" in ask(observable="E", target=0.5).definition


def test_a_curve_that_starts_huge_and_falls_is_met_far_below():
    """The index is without end at C = 0 and nothing from 1 on; it is w at 0.65/(0.65 + w)."""
    for w in (1.0, 1e-3, 50.0):
        for at in ("steady state", 0.0):
            found = qsp.level_for(model("hill"), "C", observable="index", target=w, at=at)
            assert float(found) == pytest.approx(0.65 / (0.65 + w), rel=1e-9)


def test_a_peak_bounds_what_can_be_met_and_the_near_side_is_taken():
    """T = 1/(1/L + 1/K1 + 1/K2 + L/(K1 K2)) is highest at sqrt(K1 K2)."""
    best = math.sqrt(10.0)
    top = 1 / (2 / best + 1 / 0.5 + 1 / 20)
    ask = functools.partial(qsp.level_for, model("hook"), "L", observable="T")
    half = float(ask(target=top / 2))
    b = 2 / top - 1 / 0.5 - 1 / 20
    assert half == pytest.approx((b - math.sqrt(b * b - 4 / 10)) / (2 / 10), rel=1e-10)
    assert float(qsp.ec50(model("hook"), "L", observable="T")) == pytest.approx(half, rel=1e-9)
    assert float(ask(target=top)) == pytest.approx(best, rel=1e-3)
    assert float(ask(target=top * (1 - 1e-7))) == pytest.approx(best, rel=1e-3)
    never = ask(target=top * 1.001)
    assert f"T reaches at most {top:.6g}, at L = {best:.6g}" in never.reason


def test_a_jump_meets_nothing_on_its_way():
    never = qsp.level_for(model("hill"), "C", observable="step", target=3)
    assert "step jumps past 3 near C = 2, from 0 to 5" in never.reason
    assert never.at == pytest.approx(2)
    half = qsp.ec50(model("hill"), "C", observable="step")
    assert float(half) == pytest.approx(2)
    assert "jumps" in half.definition


# --------------------------------------------------------------------------------------------------------------- ec50
def test_half_of_the_way_down():
    assert float(qsp.ec50(model("hill"), "C", observable="I")) == pytest.approx(3, rel=1e-9)
    text = qsp.ec50(model("hill"), "C", observable="I").definition
    assert "half" not in text
    assert "50 % of the way to its own maximum: 0.25 on the way from 0.5 to 0 as C grows without end" in text


def test_half_of_the_reference():
    """With less capacity half of the reference's maximum needs more, and at half of the capacity it is out of reach."""
    ask = functools.partial(qsp.ec50, model("hill"), "C", observable="E", definition="reference maximum")
    assert float(ask(changes={"Emax": 1.5})) == pytest.approx(3 * 1.0 / 0.5, rel=1e-9)
    never = ask(changes={"Emax": 0.9})
    assert "E reaches at most 1.4, as C grows without end; 1.5 is needed" in never.reason
    assert float(ask(changes={"Emax": 0.9}, reference={"Emax": 0.5})) == pytest.approx(3 * 0.25 / 0.65, rel=1e-9)
    assert float(ask()) == pytest.approx(3, rel=1e-9)


@pytest.mark.parametrize("observable", ["line", "slow"])
def test_what_never_levels_off_has_no_half(observable):
    never = qsp.ec50(model("hill"), "C", observable=observable)
    assert f"{observable} does not level off" in never.reason


def test_what_does_not_depend_has_no_half():
    assert "flat does not depend on C: it is 9" in qsp.ec50(model("hill"), "C", observable="flat").reason


def test_a_bounded_range_is_taken_at_its_word():
    found = qsp.ec50(model("hill"), "C", observable="line", between=(0, 10))
    assert float(found) == pytest.approx(5, rel=1e-12)


# --------------------------------------------------------------------------------------------- states, and their time
def test_a_steady_state_that_is_simulated():
    ask = functools.partial(qsp.level_for, model("turnover"), "C", observable="R")
    assert float(ask(target=5)) == pytest.approx(4 * 0.5 / 0.3, rel=1e-10)
    assert ask(target=1).reason == "R reaches no less than 2, as C grows without end; 1 is needed"
    assert float(qsp.ec50(model("turnover"), "C", observable="R")) == pytest.approx(4, rel=1e-8)


def test_a_response_at_a_time():
    """At time t the response has gone 1 - exp(-kdeg t) of its way."""
    way = 10 * 0.8 * (1 - math.exp(-1.0))
    found = qsp.level_for(model("turnover"), "C", observable="R", target=10 - way / 4, at=2)
    assert float(found) == pytest.approx(4 / 3, rel=1e-9)
    assert "R at time 2 is" in found.definition
    assert float(qsp.ec50(model("turnover"), "C", observable="R", at=2)) == pytest.approx(4, rel=1e-9)


def test_a_rate_constant_from_what_is_left():
    found = qsp.level_for(model("decay"), "k", observable="S", target=5, at=3, regimen="10 into S")
    assert float(found) == pytest.approx(math.log(4) / 3, rel=1e-9)


def test_a_table_of_levels():
    table = qsp.dose_response(model("turnover"), "C", observable="R", levels=[0, 4, 12])
    assert table["R"].to_numpy() == pytest.approx([10, 6, 4], rel=1e-10)
    assert list(table) == ["C", "R"]
    assert table.attrs["units"] == {"C": "", "R": ""}
    timed = qsp.dose_response(model("decay"), "k", observable="2*S", levels=np.array([0.1, 0.2]), at=5)
    assert timed["2*S"].to_numpy() == pytest.approx(20 * np.exp([-0.5, -1.0]), rel=1e-10)


def test_a_switch_between_steady_states_meets_nothing_on_its_way():
    """From x = 0 the low state is left once s exceeds the maximum of 0.8 x - x²/(0.25 + x²) below."""
    x = np.linspace(0, 0.4, 400_001)
    fold = float((0.8 * x - x**2 / (0.25 + x**2)).max())
    ask = functools.partial(qsp.level_for, model("two rests"), "s", observable="x", changes={"x0": 0.0})
    never = ask(target=0.6, between=(0.03, 0.06))
    assert never.at == pytest.approx(fold, rel=1e-2)
    assert "jumps past 0.6" in never.reason or "passes 0.6 where it has no value" in never.reason


def test_units_of_driver_and_target():
    text = (
        "model m; unit nM = 1e-9 mole/litre; C = 0; C has nM; K = 3; K has nM; E := C/(K + C); E has dimensionless; "
        "half := K/2; half has nM; end"
    )
    m = qsp.read_antimony(text)
    found = qsp.level_for(m, "C", observable="E", target="75 %")
    assert (float(found), found.unit) == (pytest.approx(9), "nmol/L")
    table = qsp.dose_response(m, "C", observable="E", levels=["1 uM", 3.0])
    assert table["E"].to_numpy() == pytest.approx([1000 / 1003, 0.5])
    with pytest.raises(qsp.UnitError):
        qsp.level_for(m, "C", observable="E", target="1 mg")
    with pytest.raises(qsp.UnitError):
        qsp.dose_response(m, "C", observable="E", levels=["1 mg"])


# ------------------------------------------------------------------------------------------------------------ refused
@pytest.mark.parametrize(
    ("driver", "words"),
    [
        ("R", "no constant: reactions"),
        ("amount(R)", "no constant: reactions"),
        ("q", "computed by a rule"),
        ("kdegg", "did you mean 'kdeg'"),
        ("a", "no symbol 'a' to set"),
        (7, "path of a constant"),
    ],
)
def test_what_is_no_driver(driver, words):
    with pytest.raises(qsp.ExperimentError, match=words):
        qsp.level_for(model("turnover"), driver, observable="R", target=5)


def test_a_constant_that_is_computed_at_the_start_may_be_a_driver():
    assert float(qsp.level_for(model("turnover"), "w", observable="w*2", target=5)) == pytest.approx(2.5)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"target": math.nan}, "Target is not finite"),
        ({"target": "1 mg"}, "no declared unit"),
        ({"observable": "RR"}, "did you mean 'R'"),
        ({"observable": "time"}, "reads time itself"),
        ({"at": "noon"}, "'steady state', a number"),
        ({"at": -1}, "negative"),
        ({"at": "2 h"}, "declares no unit of time"),
        ({"changes": {"C": 3}}, "also among the changes"),
        ({"between": (3, 2)}, "0 ≤ low < high"),
        ({"between": 3}, "not a range"),
        ({"regimen": "3 into R"}, "steady state has no regimen"),
    ],
)
def test_broken_questions(options, words):
    with pytest.raises(qsp.QSPError, match=words):
        qsp.level_for(model("turnover"), "C", **({"observable": "R", "target": 5} | options))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"fraction": 1}, "not between 0 and 1"),
        ({"definition": "maximum"}, "'own maximum' or 'reference maximum'"),
        ({"reference": {}}, "reference is given but not used"),
    ],
)
def test_broken_halves(options, words):
    with pytest.raises(qsp.ExperimentError, match=words):
        qsp.ec50(model("hill"), "C", observable="E", **options)


@pytest.mark.parametrize("levels", [3, "3 nM", ["x"], [None], [math.inf]])
def test_broken_levels(levels):
    with pytest.raises(qsp.QSPError):
        qsp.dose_response(model("hill"), "C", observable="E", levels=levels)


def test_without_any_value_the_reason_is_raised():
    with pytest.raises(qsp.SimulationError, match=r"With s = .* grows without bound"):
        qsp.level_for(model("grows"), "s", observable="x", target=5, between=(1, 10))
    with pytest.raises(qsp.SimulationError, match="grows without bound"):
        qsp.dose_response(model("grows"), "s", observable="x", levels=[1])
    with pytest.raises(qsp.SimulationError, match="has no value at the steady state"):
        qsp.level_for(model("decay"), "k", observable="S*moment", target=5, between=(0.1, 1))
    with pytest.raises(qsp.ExperimentError, match="not a number at any C"):
        qsp.level_for(model("hill"), "C", observable="undefined", target=5)


# ------------------------------------------------------------------------------------------------------------ optimum
BELL = "T := L/((1 + L/KA)*(1 + L/KB)); L = 0; KA = 0.5; KB = 8; k := 1/T; plateau := L^6/(KA^6 + L^6)"
RESTING = "species R; R = 0; a: -> R; 3*T; b: R -> ; 0.2*R; " + BELL


@settings(max_examples=25)
@given(a=st.floats(-6, 3), apart=st.floats(0, 6))
def test_a_bivalent_molecule_is_best_at_the_mean_of_its_constants(a, apart):
    """T = L/((1 + L/KA)(1 + L/KB)) is highest at sqrt(KA KB), with sqrt(KA KB)/(1 + sqrt(KA/KB))/(1 + sqrt(KB/KA))."""
    ka, kb = 10.0**a, 10.0 ** (a + apart)
    bell = qsp.read_antimony(f"model m; {BELL}; end")
    found = qsp.optimum(bell, "L", observable="T", changes={"KA": ka, "KB": kb})
    mean = math.sqrt(ka * kb)
    assert found.at == pytest.approx(mean, rel=1e-5)
    assert float(found) == pytest.approx(mean / (1 + math.sqrt(ka / kb)) / (1 + math.sqrt(kb / ka)), rel=1e-9)
    lowest = qsp.optimum(bell, "L", observable="k", kind="min", changes={"KA": ka, "KB": kb})
    assert lowest.at == pytest.approx(mean, rel=1e-5)
    assert float(lowest) == pytest.approx(1 / float(found), rel=1e-9)


def test_the_best_of_a_response_that_is_simulated():
    """At rest R is 15 T; at time t it is 15 T (1 - exp(-0.2 t))."""
    resting = qsp.read_antimony(f"model m; {RESTING}; end")
    for at, share in (("steady state", 1.0), (5.0, -math.expm1(-1.0))):
        found = qsp.optimum(resting, "L", observable="R", at=at)
        assert found.at == pytest.approx(2.0, rel=1e-4)
        assert float(found) == pytest.approx(15 * 0.32 * share, rel=1e-9)
    assert "highest value of R at time 5 over all values of L; it is at L = 2" in found.definition


def test_the_best_may_be_at_an_end_or_nowhere():
    bell, hill = qsp.read_antimony(f"model m; {BELL}; end"), model("hill")
    end = qsp.optimum(bell, "L", observable="T", between=(0.1, 1.0))
    assert (float(end), end.at) == (pytest.approx(1 / 3 / 1.125, rel=1e-12), 1.0)
    assert "from 0.1 to 1; it is at L = 1, the high end of the range" in end.definition
    none = qsp.optimum(bell, "L", observable="T", kind="min")
    assert (float(none), none.at) == (0.0, 0.0)
    assert "low end" in none.definition
    assert qsp.optimum(bell, "L", observable="plateau").reason == "plateau only approaches 1 as L grows without end"
    assert qsp.optimum(hill, "C", observable="E").reason == "E only approaches 2.5 as C grows without end"
    assert "goes on and on" in qsp.optimum(hill, "C", observable="line").reason
    assert "does not depend on C" in qsp.optimum(hill, "C", observable="flat").reason
    assert float(qsp.optimum(hill, "C", observable="I")) == 0.5
    with pytest.raises(qsp.ExperimentError, match="No such optimum"):
        qsp.optimum(bell, "L", observable="T", kind="best")


def test_the_higher_of_two_tops_is_the_best():
    two = qsp.read_antimony("model m; x = 0; w = 1; y := exp(-(ln(x/w) + 5)^2) + 1.01*exp(-(ln(x/w) - 5)^2); end")
    found = qsp.optimum(two, "x", observable="y")
    assert found.at == pytest.approx(math.exp(5), rel=1e-5)
    assert float(found) == pytest.approx(1.01, rel=1e-9)
