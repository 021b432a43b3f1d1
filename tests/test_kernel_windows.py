"""Rates that jump where a state crosses a threshold: for how long, on both engines, against closed forms."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import brentq

import sbmlqsp as qsp
from sbmlqsp import engines
from sbmlqsp.engine.ode import Batch

ENGINES = ["kernel", "roadrunner"]
OUTPUTS = {"many": np.linspace(0.0, 48.0, 49), "two": np.array([0.0, 48.0])}
TOP = np.log(3.5) / 0.5
ABSORBED = {
    "rate rules": "D = 100; D' = -0.7*D; C = 0; C' = 0.7*D - 0.2*C; A = 0; A' = {window}",
    "reactions": """compartment V = 5; species D in V, C in V; D = 20; C = 0; substanceOnly species E in V; E = 0
      D -> C; 0.7*D*V; C ->; 0.2*C*V; c := 5*C; A = 0; A' = {window}""",
    "beside an event": "D = 100; D' = -0.7*D; C = 0; C' = 0.7*D - 0.2*C; n = 0; at D < 1: n = 1; A = 0; A' = {window}",
}


def level(t):
    return 140 * (np.exp(-0.2 * t) - np.exp(-0.7 * t))


def above(threshold):
    """Return for how long the level is above a threshold."""
    if level(TOP) <= threshold:
        return 0.0
    early, late = (brentq(lambda t: level(t) - threshold, *side, xtol=1e-14) for side in ((0, TOP), (TOP, 1000)))
    return min(late, 48.0) - min(early, 48.0)


def last(text, engine, times=OUTPUTS["two"], name="A", **how):
    arm = qsp.Experiment(qsp.read_antimony(f"model m; {text}; end"), times=times, observables=[name])
    return qsp.simulate(arm, engine=engine, workers=1, **how)[name].to_numpy()[0, :, 0, -1]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("times", OUTPUTS.values(), ids=OUTPUTS.keys())
@pytest.mark.parametrize("form", ABSORBED)
def test_a_level_that_passes_a_narrow_window_is_in_it_as_long_as_it_is(form, times, engine):
    """Held for three ten-thousandths of the run and less, it was passed without a word: 0 for 0.03 h."""
    read = "c" if form == "reactions" else "C"
    text = ABSORBED[form].format(window=f"piecewise(1, {read} > th && {read} < w*th, 0)")
    th, w = np.array([15.9, 30.0, 59.0, 3.0]), np.array([1.02, 1.0001, 1.001, 1.01])
    found = last(f"{text}; th = 1; w = 2", engine, times, subjects=pd.DataFrame({"th": th, "w": w}))
    exact = [above(a) - above(a * b) for a, b in zip(th, w, strict=True)]
    assert found == pytest.approx(exact, rel=1e-4)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("times", OUTPUTS.values(), ids=OUTPUTS.keys())
@pytest.mark.parametrize("form", ABSORBED)
def test_the_tip_of_a_peak_counts_and_lets_events_happen(form, times, engine):
    """Above a threshold for a twenty-thousandth of the run: between two steps."""
    read = "c" if form == "reactions" else "C"
    text = (
        ABSORBED[form].format(window=f"piecewise(1, {read} > th, 0)") + f"; seen = 0; at {read} > th: seen = seen + 1"
    )
    th = level(TOP) * (1 - np.array([1e-3, 1e-5, 1e-7, -1e-7]))
    exact = [above(t) for t in th]
    for name, expected in (("A", exact), ("seen", [1, 1, 1, 0])):
        found = last(f"{text}; th = 1", engine, times, name, subjects=pd.DataFrame({"th": th}))
        assert found == pytest.approx(expected, rel=1e-2)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_window_while_an_infusion_runs_is_met(engine):
    """What is infused is part of how fast the level changes: it peaks where the infusion ends."""
    text = "species C = 0; C ->; 0.2*C; A = 0; A' = piecewise(1, C > th, 0); th = 1"
    arm = qsp.Experiment(qsp.read_antimony(f"model m; {text}; end"), times=[0, 48], observables=["A"],
                         regimen="100 into C over 7.3 at 5")  # fmt: skip
    rate = 100 / 7.3
    top = rate / 0.2 * -np.expm1(-0.2 * 7.3)
    th = top * (1 - np.array([1e-2, 1e-4, 1e-6, -1e-6]))
    found = qsp.simulate(arm, engine=engine, subjects=pd.DataFrame({"th": th}), workers=1)["A"].to_numpy()[0, :, 0, -1]
    reached = -np.log1p(-th[:3] * 0.2 / rate) / 0.2
    assert found == pytest.approx([*(7.3 - reached + np.log(top / th[:3]) / 0.2), 0.0], rel=1e-3)


DILUTED = {
    "a species that is diluted": ("compartment V = 1; V' = 0.1; species S in V; S = 10", "S < 5 && S > 4.99",
                                  (10 / 4.99 - 2) / 0.1),
    "a rate of change": ("x = 100; x' = -0.1*x", "rateOf(x) > -5 && rateOf(x) < -4.99", 10 * np.log(5 / 4.99)),
    "a rate of a reaction": ("compartment V = 5; species S in V; S = 10; J: S ->; 0.2*S*V", "J < 5 && J > 4.99",
                             5 * np.log(5 / 4.99)),
    "rules of rules": ("x = 0; x' = 1; a := 2*x; b := a + 1; c := b*b", "c > 25 && c < 25.1", (25.1**0.5 - 5) / 2),
    "a boundary species": ("compartment V = 2; species $B in V; B = 0; B' = 1", "B > 3 && B < 3.001", 0.001),
    "what an event jumps over": ("x = 0; x' = 1; at x >= 5: x = 7", "x > 5.5 && x < 7.5", 0.5),
}  # fmt: skip


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", DILUTED)
def test_windows_of_whatever_moves_are_met(name, engine):
    text, window, exact = DILUTED[name]
    assert last(f"{text}; A = 0; A' = piecewise(1, {window}, 0)", engine) == pytest.approx([exact], rel=1e-6)


def test_a_model_of_rate_ruled_species_alone_is_taken_across_its_jumps():
    """The engine gave the amounts of all species where it was asked for none, and the run ended by a traceback."""
    model = qsp.read_antimony("model m; species C = 0; C' = 1; A = 0; A' = piecewise(1, C > 5 && C < 8, 0); end")
    arm = qsp.Experiment(model, times=[0, 48], observables=["A"], regimen="1 into C over 2 at 5")
    for engine in ENGINES:
        assert qsp.simulate(arm, engine=engine)["A"].to_numpy().ravel()[-1] == pytest.approx(2.0, rel=1e-6)


def test_a_jump_at_the_very_end_of_a_run_is_no_traceback():
    text = "S = 10; S' = piecewise(-k, S > 0, 0); k = 1"
    k = np.linspace(0.5, 1.5, 21)
    arm = qsp.Experiment(qsp.read_antimony(f"model m; {text}; end"), times=[0, 20], observables=["S"])
    for engine in ENGINES:
        run = qsp.simulate(arm, engine=engine, subjects={"k": k}, workers=1, on_failure="record")
        good = run["status"].to_numpy().ravel() == 0
        assert good.sum() > 10
        assert np.abs(run["S"].to_numpy()[0, good, 0, -1]).max() < 1e-6


JUMPS = {
    "or": ("piecewise(1, x < 1 || x > 46.5, 0)", 2.5),
    "not": ("piecewise(1, !(x > 3), 0)", 3.0),
    "xor": ("piecewise(1, xor(x > 3, x > 3.001), 0)", 0.001),
    "three at once": ("piecewise(1, x > 5 && x < 5.001, 3, x > 9, 0)", 0.001 + 3 * 39.0),
    "nested": ("piecewise(1, u > 3, 0)", 2e-3),
    "a product": ("(x > 5)*(x < 5.003)", 0.003),
    "rounded down": ("piecewise(1, floor(x/0.01) == 700, 0)", 0.01),
    "rounded at a tip": ("quotient(1.000001*exp(-(x - 24)^2/100), 1)", 2 * np.sqrt(100 * np.log(1.000001))),
    "counted": ("floor(x/10)", 10 * (1 + 2 + 3) + 4 * 8),
    "counted up": ("ceil(x/10)", 10 * (1 + 2 + 3 + 4) + 5 * 8),
    "with time": ("piecewise(1, x > 0.5*time + 10 && x < 0.5*time + 10.001, 0)", 2e-3),
    "with a wave": ("piecewise(1, x > 24 + 1.001*sin(time - 24), 0)", 24.0),
}


@pytest.mark.parametrize("times", OUTPUTS.values(), ids=OUTPUTS.keys())
@pytest.mark.parametrize("name", JUMPS)
def test_rates_that_jump_in_any_way_are_integrated(name, times):
    jump, exact = JUMPS[name]
    text = f"x = 0; x' = 1; u := piecewise(10, x > 5 && x < 5.002, 0); A = 0; A' = {jump}"
    assert last(text, "kernel", times) == pytest.approx([exact], rel=1e-7)


def test_a_relay_keeps_its_distance_and_one_without_is_refused_at_once():
    relay = "x = 0; on = 1; x' = on - 0.1*x; at x > 3: on = 0; at x < 1: on = 1"
    period = np.log(9 / 7) / 0.1 + np.log(3) / 0.1
    begun = -np.log(0.7) / 0.1
    times = np.array([0.0, begun + 3 * period + 1e-9])
    assert last(relay, "kernel", times, "x") == pytest.approx([3.0], rel=1e-6)
    with pytest.raises(qsp.SimulationError, match=r"jumps to and fro.*stopped at time 1\."):
        last("x = 0; x' = piecewise(1, x < 1, -1)", "kernel", [0, 48], "x")


def test_what_only_bends_is_no_jump():
    def held(text):
        return Batch(qsp.read_antimony(f"model m; x = 1; {text}; end").network, dosed={}, outputs=["x"]).held

    assert not held("x' = -piecewise(x - 0.5, x > 0.5, 0)")
    assert not held("x' = -max(x - 0.5, 0)")
    assert not held("x' = -x*piecewise(1, time > 5, 0)")
    assert held("x' = -piecewise(x, x > 0.5, 0)")


def test_what_bends_between_outputs_is_not_stepped_over():
    """It holds for a five-hundredth of the run: steps are short where formulas ask for what moves and do not jump."""
    text = "x = 0; x' = 1; c = 1; u := piecewise(x - c, x > c, 0); v := piecewise(c + 0.1 - x, x < c + 0.1, 0); A = 0"
    found = last(f"{text}; A' = u*v", "kernel", subjects={"c": np.linspace(1.03, 46.7, 23)})
    assert found == pytest.approx([0.1**3 / 6] * 23, rel=1e-6)


def test_populations_whose_rates_jump_run_on_the_kernel(monkeypatch):
    monkeypatch.setattr(engines, "ENOUGH", 4)
    text = ABSORBED["rate rules"].format(window="piecewise(1, C > th && C < 1.1*th, 0) - 0.1*A")
    arm = qsp.Experiment(qsp.read_antimony(f"model m; {text}; th = 1; end"), times=OUTPUTS["many"], observables=["A"])
    people = {"th": np.linspace(14.0, 59.0, 12)}
    found, only = (qsp.simulate(arm, subjects=people, engine=e, workers=1) for e in ("auto", "roadrunner"))
    assert found["A"].to_numpy() == pytest.approx(only["A"].to_numpy(), rel=1e-6, abs=1e-7)
    assert "kernel" not in json.loads(found.attrs["provenance"])["inputs"]["engine_choice"]


BEGUN = {
    "above": ("R > 1", 0.0, 20.0),
    "not below": ("R >= 1", 0.0, 20.0),
    "not above": ("1 >= R", 0.0, 10.0),
    "with what began": ("R > 1", 1.0, 21.0),
}


@pytest.mark.parametrize("engine", ["kernel", None])
@pytest.mark.parametrize("form", BEGUN)
def test_what_leaves_its_threshold_ever_so_slowly_goes_on(form, engine):
    """At its baseline it was, which a drug raises by way of a depot: its first changes are less than their rounding."""
    condition, start, right = BEGUN[form]
    text = "species A = 3, C = 0; A -> C; A; C -> ; 0.5*C; R = 1; R' = 1 - R + C; "
    model = qsp.read_antimony(f"model m; {text} z = {start}; z' = piecewise(2, {condition}, 1); end")
    arm = qsp.Experiment(model, times=[0, 10], observables=["z"])
    assert qsp.simulate(arm, engine=engine)["z"].to_numpy()[..., -1].item() == pytest.approx(right, rel=1e-7)
