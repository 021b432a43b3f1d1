"""When an observable gets to a level: against closed forms, and why it never does."""

from __future__ import annotations

import functools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp
from scipy.optimize import brentq

import sbmlqsp as qsp

UNITS = (
    "unit time_unit = 3600 second; unit substance = 1e-9 mole; unit extent = 1e-9 mole; unit volume = litre; "
    "unit hour = 3600 second; unit nM = 1e-9 mole / litre; "
)
TEXTS = {
    "decay": "species S; S = 10; J: S ->; k*S; k = 0.1",
    # A degrader multiplies the degradation of R by (1 + alpha).
    "degrader": "species R; R = ksyn/kdeg; a: -> R; ksyn; b: R ->; kdeg*(1 + alpha)*R; ksyn = 5; kdeg = 0.5; alpha = 0",
    "off": "species R; R = ksyn0/kdeg; a: -> R; ksyn; b: R ->; kdeg*R; ksyn0 = 5; ksyn = 0; kdeg = 0.5",
    "oral": "species D, C; D = 0; C = 0; a: D -> C; ka*D; e: C ->; k*C; ka = 1.3; k = 0.2",
    "saw": "species A; A = 0; a: -> A; 1; at (A > 5): A = 1",
    "timed": "species A; A = 0; a: -> A; piecewise(2, time >= 3 && time < 7.3, 0); e: A ->; 0.5*A; "
    "x := piecewise(1, time < 3.7, 5)",
    "waves": "species x, y; x = 1; y = 0.5; a: -> x; x; b: x -> y; x*y; c: y ->; y",
    "growth": "species R; R = 1; J: -> R; 0.1*R",
    "moderated": "species R; R = 0; M = 0; a: -> R; 5; b: R ->; R*(0.2 + M); M' = 0.3*(R - M)",
}


@functools.cache
def model(name):
    return qsp.read_antimony(f"model m; {TEXTS[name]}; end")


def arm(name, end, **options):
    times = end if isinstance(end, list) else [0, end]
    return qsp.Experiment(model(name), times=times, **options)


# ------------------------------------------------------------------------------------------------------- closed forms
@pytest.mark.parametrize("times", [[0, 50], [0, 1, 7, 8, 50], np.linspace(0, 50, 300).tolist()])
def test_a_half_life_does_not_depend_on_the_grid(times):
    half = qsp.time_to(arm("decay", times), "S", fraction=0.5)
    assert float(half) == pytest.approx(math.log(2) / 0.1, rel=1e-9)
    assert "S is 50 % of its value at time 0, 5" in half.definition


@pytest.mark.parametrize("x", [0.01, 0.5, 0.9, 0.999])
def test_production_off(x):
    found = qsp.time_to(arm("off", 100), "R", reduction=x)
    assert float(found) == pytest.approx(-math.log(1 - x) / 0.5, rel=1e-9)


@settings(max_examples=8)
@given(alpha=st.floats(0.1, 20.0), share=st.floats(0.02, 0.98))
def test_enhanced_degradation(alpha, share):
    """R falls to 1/(1 + alpha) of its start, so a reduction by alpha/(1 + alpha) or more is never reached."""
    most = alpha / (1 + alpha)
    e = arm("degrader", 20, changes={"alpha": alpha, "R": 10.0})
    found = qsp.time_to(e, "R", reduction=share * most)
    time = -math.log(1 - share) / (0.5 * (1 + alpha))
    # A relative 1e-11 of R, divided by how steeply it falls.
    flat = 1e-11 * (1 - share * most) / (0.5 * alpha * (1 - share))
    assert float(found) == pytest.approx(time, rel=1e-9, abs=flat)


@pytest.mark.parametrize("beyond", [0.0, 1e-4, 0.1])
def test_what_is_out_of_reach_is_said_with_the_value_where_it_settles(beyond):
    never = qsp.time_to(arm("degrader", 3, changes={"alpha": 1.0, "R": 10.0}), "R", reduction=0.5 + beyond)
    assert not never
    assert never.reason.startswith("R settles at 5")
    if beyond:
        assert "R settles at 5, 50 % of its first value;" in never.reason
        assert f"{10 * (0.5 - beyond):.6g} is needed" in never.reason
    else:
        assert "the level itself, which it never quite reaches" in never.reason


def test_it_looks_beyond_the_end_where_it_must():
    found = qsp.time_to(arm("decay", 5), "S", level=1e-3)
    assert float(found) == pytest.approx(math.log(1e4) / 0.1, rel=1e-9)
    assert "later than the last output time, 5" in found.definition


def test_it_goes_on_for_as_long_as_it_takes():
    """A level far below all that was seen is passed, not faded into; only zero itself is never reached."""
    found = qsp.time_to(arm("decay", 50), "S", level=1e-25)
    assert float(found) == pytest.approx(math.log(1e26) / 0.1, rel=1e-9)
    assert float(qsp.time_to(arm("decay", 1), "S*S", fraction=1e-12)) == pytest.approx(math.log(1e6) / 0.1, rel=1e-9)


def test_touches_kinks_and_pieces():
    ask = functools.partial(qsp.time_to, arm("decay", 50))
    half = math.log(2) / 0.1
    assert float(ask("abs(S - 5)", level=0)) == pytest.approx(half, rel=1e-8)
    assert float(ask("(S - 5)^2", level=0)) == pytest.approx(half, rel=1e-4)
    assert float(ask("max(S, 2)", level=2)) == pytest.approx(math.log(5) / 0.1, rel=1e-9)
    assert float(ask("S > 5", level=0.5)) == pytest.approx(half, rel=1e-9)


def test_a_changing_volume():
    text = "model m; compartment V; V = 1; V' = 0.1*V*(1 - V/5); species S in V; S = 10; J: S ->; 0.05*S*V; end"
    e = qsp.Experiment(qsp.read_antimony(text), times=[0, 10])
    assert float(qsp.time_to(e, "V", level=4)) == pytest.approx(math.log(16) / 0.1, rel=1e-9)
    assert float(qsp.time_to(e, "amount(S)", level=1.5)) == pytest.approx(math.log(10 / 1.5) / 0.05, rel=1e-9)
    assert "V settles at 5; 6 is needed" in qsp.time_to(e, "V", level=6).reason


def test_a_run_of_one_moment_goes_on_too():
    found = qsp.time_to(qsp.Experiment(model("decay"), times=[0]), "S", level=1)
    assert float(found) == pytest.approx(math.log(10) / 0.1, rel=1e-9)


def test_zero_is_only_approached():
    assert "settles at 0, the level itself" in qsp.time_to(arm("decay", 5), "S", level=0).reason


# ------------------------------------------------------------------------------------------------------ doses, jumps
def bateman(t):
    return 100 * 1.3 / 1.1 * (np.exp(-0.2 * t) - np.exp(-1.3 * t))


PEAK = math.log(1.3 / 0.2) / 1.1


def test_a_peak_between_two_output_times_is_seen():
    e = arm("oral", 24, regimen="100 into D")
    up = qsp.time_to(e, "C", level=70)
    assert float(up) == pytest.approx(brentq(lambda t: bateman(t) - 70, 0, PEAK, rtol=1e-14), rel=1e-9)
    down = qsp.time_to(e, "C", level=70, direction="down")
    assert float(down) == pytest.approx(brentq(lambda t: bateman(t) - 70, PEAK, 24, rtol=1e-14), rel=1e-9)


def test_a_level_at_the_very_peak_is_reached_and_one_above_is_not():
    e = arm("oral", 24, regimen="100 into D")
    top = bateman(PEAK)
    assert float(qsp.time_to(e, "C", level=top)) == pytest.approx(PEAK, rel=1e-4)
    assert float(qsp.time_to(e, "C", level=top * (1 - 1e-6))) == pytest.approx(PEAK, rel=2e-3)
    above = qsp.time_to(e, "C", level=top * (1 + 1e-6))
    assert not above
    assert "settles at 0" in above.reason
    assert f"comes nearest with {top:.6g} at {PEAK:.6g}" in above.reason
    assert above.at == pytest.approx(PEAK, rel=1e-6)


def test_a_level_passed_at_a_dose_is_met_at_its_time():
    e = arm("decay", 30, regimen="50 into S at 12.5; 50 into S at 20")
    found = qsp.time_to(e, "S", level=20)
    assert float(found) == 12.5
    assert "jumps there from 2.86505 to 52.8" in found.definition
    assert float(qsp.time_to(e, "S", level=60, after=13, direction="up")) == 20.0


def test_a_dose_at_the_start_counts_as_the_experiment_looks_at_it():
    dose = {"regimen": "90 into S"}
    after = qsp.time_to(arm("decay", 60, **dose), "S", level=50)
    assert float(after) == pytest.approx(math.log(2) / 0.1, rel=1e-9)
    before = qsp.time_to(arm("decay", 60, **dose, at_dose="before"), "S", level=50)
    assert float(before) == 0.0
    assert "jumps" in before.definition
    half = qsp.time_to(arm("decay", 60, **dose, at_dose="before"), "S", fraction=0.5)
    assert float(half) == pytest.approx(math.log(20) / 0.1, rel=1e-9)


def test_accumulation_is_followed_dose_by_dose():
    e = arm("oral", 240, regimen="100 into D every 12 x 20")
    n = np.arange(20)
    c = lambda t: sum(bateman(t - 12 * i) for i in n if t >= 12 * i)  # noqa: E731
    found = float(qsp.time_to(e, "C", level=79.6))
    assert c(found) == pytest.approx(79.6, rel=1e-9)
    assert 36 < found < 38
    never = qsp.time_to(e, "C", level=80)
    assert "settles at 0" in never.reason
    assert "nearest with 79.6175" in never.reason


def test_doses_to_come_leave_it_undecided():
    never = qsp.time_to(arm("oral", 30, regimen="1 into D every 12 x 20"), "C", level=10)
    assert "not there by 30" in never.reason
    assert "doses go on until 228" in never.reason


def test_events_of_the_model_jump_too():
    e = arm("saw", 20)
    down = qsp.time_to(e, "A", level=3, direction="down")
    assert float(down) == pytest.approx(5.0, rel=1e-9)
    assert "jumps" in down.definition
    assert float(qsp.time_to(e, "A", level=3, direction="up", after=5.5)) == pytest.approx(7.0, rel=1e-9)
    assert "not decided" in qsp.time_to(e, "A", level=6).reason


def test_conditions_on_time_are_met_exactly():
    e = arm("timed", 20)
    assert float(qsp.time_to(e, "x", level=3)) == 3.7
    rise = -math.log(1 - 1 / 4) / 0.5
    assert float(qsp.time_to(e, "A", level=1)) == pytest.approx(3 + rise, rel=1e-9)
    top = 4 * (1 - math.exp(-0.5 * 4.3))
    assert float(qsp.time_to(e, "A", level=1, direction="down")) == pytest.approx(7.3 + 2 * math.log(top), rel=1e-9)
    assert "depends on time" in qsp.time_to(e, "A", level=10).reason


def test_an_overshoot_is_no_steady_state():
    """A moderator that follows the response late lets it swing; the peak lies above where it settles."""
    e = arm("moderated", 0.1)
    course = solve_ivp(lambda _, y: [5 - y[0] * (0.2 + y[1]), 0.3 * (y[0] - y[1])], (0, 9), [0, 0],
                       rtol=1e-12, atol=1e-14, dense_output=True, method="DOP853").sol  # fmt: skip
    top = max(course(t)[0] for t in np.linspace(0, 9, 20_001))
    found = qsp.time_to(e, "R", level=4)
    assert float(found) == pytest.approx(brentq(lambda t: course(t)[0] - 4, 0.2, 1.2), rel=1e-8)
    never = qsp.time_to(e, "R", level=1.01 * top)
    rest = (-0.2 + math.sqrt(0.04 + 20)) / 2
    assert f"R settles at {rest:.6g}; " in never.reason
    assert f"comes nearest with {top:.6g}" in never.reason


# ------------------------------------------------------------------------------------------------- beginning, ending
def test_what_is_there_already():
    e = arm("decay", 50)
    at_once = qsp.time_to(e, "S", level=10)
    assert float(at_once) == 0.0
    assert "there already" in at_once.definition
    later = qsp.time_to(e, "S", reduction=0.5, after=20)
    assert float(later) == 20.0
    assert "beyond it already (1.35335)" in later.definition


def test_after_looks_for_the_next_passage():
    e = arm("oral", 40, regimen="100 into D every 20 x 2")
    first, second = (float(qsp.time_to(e, "C", level=50, after=a)) for a in (0, 10))
    assert first < 1 < 20 < second < 21


def test_units_are_converted():
    text = f"model m; {UNITS} compartment V = 1; species S in V; S = 10; k = 0.1; J: S ->; k*S*V; end"
    e = qsp.Experiment(qsp.read_antimony(text), times="0:5 h by 1")
    found = qsp.time_to(e, "S", level="2 pmol/mL", after="30 min")
    assert float(found) == pytest.approx(math.log(5) / 0.1, rel=1e-9)
    assert found.unit == "h"
    with pytest.raises(qsp.UnitError, match="cannot be converted"):
        qsp.time_to(e, "S", level="5 mg")
    o = qsp.Observable("mass", "S", unit="ug/L", molar_mass="50 kDa")
    assert float(qsp.time_to(e, o, level="100 ng/mL")) == pytest.approx(math.log(5) / 0.1, rel=1e-9)


def test_what_never_rests_is_left_undecided_with_the_reason():
    assert "oscillates" in qsp.time_to(arm("waves", 10), "x", level=50).reason
    assert "grows without bound" in qsp.time_to(arm("growth", 10), "R", level=5).reason
    assert float(qsp.time_to(arm("growth", 20), "R", level=5)) == pytest.approx(math.log(5) / 0.1, rel=1e-9)


# ------------------------------------------------------------------------------------------------------------ refused
@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "exactly one of level="),
        ({"level": 1, "fraction": 0.5}, "exactly one of level="),
        ({"level": math.nan}, "Level is not finite"),
        ({"level": [1, 2]}, "Level is not a number"),
        ({"level": "5 mg"}, "no declared unit"),
        ({"fraction": -0.1}, "fraction is negative"),
        ({"reduction": 1.2}, "not between 0 and 1"),
        ({"level": 1, "after": 60}, "later than the last output time .* at most 50"),
        ({"level": 1, "after": math.inf}, "After is not finite"),
        ({"level": 1, "direction": "sideways"}, "'up', 'down'"),
    ],
)
def test_broken_questions(options, words):
    with pytest.raises(qsp.ExperimentError, match=words):
        qsp.time_to(arm("decay", 50), "S", **options)


def test_broken_observables():
    e = arm("oral", 50)
    with pytest.raises(qsp.ExperimentError, match="did you mean 'ka'"):
        qsp.time_to(e, "kaa", level=1)
    with pytest.raises(qsp.ExperimentError, match=r"C' is 0 at the first output time"):
        qsp.time_to(e, "C", fraction=0.5)
    with pytest.raises(qsp.ExperimentError, match="not a number from time 0 to 50"):
        qsp.time_to(e, "C/D", level=1)
    with pytest.raises(qsp.ExperimentError, match="no observable"):
        qsp.time_to(e, 3, level=1)
    with pytest.raises(qsp.ExperimentError, match="An Experiment is needed"):
        qsp.time_to(model("oral"), "C", level=1)


def test_a_run_that_fails_says_so():
    text = "model m; species S; S = 1; J: -> S; S^2; end"
    with pytest.raises(qsp.SimulationError, match="failed"):
        qsp.time_to(qsp.Experiment(qsp.read_antimony(text), times=[0, 2]), "S", level=1e300)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"level": 4}, "S is 4; it begins with 10 at time 0, above that"),
        ({"level": 4, "direction": "down"}, "S falls to 4; it begins with 10 at time 0, above that"),
        (
            {"level": 4, "direction": "up"},
            "S rises to 4; it begins with 10 at time 0, beyond it already",
        ),
        (
            {"level": 10, "direction": "up"},
            "S rises to 10; it begins with 10 at time 0, there already, and",
        ),
        ({"level": 14}, "S is 14; it begins with 10 at time 0, below that"),
    ],
)
def test_on_which_side_of_the_level_it_begins_is_said(options, words):
    decay = qsp.read_antimony("model m; species S; S = 10; J: S -> ; k*S; k = 0.1; end")
    found = qsp.time_to(qsp.Experiment(decay, times=[0, 50]), "S", **options)
    assert words in found.definition
    assert bool(found) == (options["level"] == 4 and options.get("direction") != "up")
    if found:
        assert float(found) == pytest.approx(10 * math.log(2.5), rel=1e-9)


def test_what_begins_at_the_level_is_there_at_the_beginning():
    decay = qsp.read_antimony("model m; species S; S = 10; J: S -> ; k*S; k = 0.1; end")
    found = qsp.time_to(qsp.Experiment(decay, times=[0, 50]), "S", level=10)
    assert float(found) == 0.0
    assert found.definition.endswith("S is 10; it is there already at time 0, where the search begins")
