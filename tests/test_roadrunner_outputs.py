"""What libRoadRunner puts out: no pulse that outputs see and no window of a state is stepped over, nor stops it."""

import contextlib
import os
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import sbmlqsp as qsp
from sbmlqsp import execution
from sbmlqsp.subjects import read_subjects


def last(text, times, name="A", **how):
    model = qsp.read_antimony(text) if isinstance(text, str) else text
    arm = qsp.Experiment(model, times=times, observables=[name])
    return qsp.simulate(arm, engine="roadrunner", **how)[name].to_numpy()[0, :, 0, -1]


@pytest.mark.parametrize("states", [1, 12])
def test_a_pulse_that_outputs_see_is_not_stepped_over(states):
    more = "".join(f"; S{i} = 10; S{i}' = S{i - 1} - S{i}" for i in range(1, states)).replace("S0", "R")
    text = f"model m; R = 10; at0 = 400; R' = 10*(1 + 3*exp(-((time - at0)/3)^2)) - R{more}; end"
    arm = qsp.Experiment(qsp.read_antimony(text), times=np.arange(721.0), observables=["R"])
    found = qsp.simulate(arm, engine="roadrunner", subjects=pd.DataFrame({"at0": [400.0, 111.0, 640.0]}))
    assert found["R"].to_numpy()[0, :, 0].max(axis=-1) == pytest.approx([37.55] * 3, abs=0.01)


@pytest.mark.parametrize("clock", ["time", "x"])
def test_the_area_of_a_narrow_pulse_is_right(clock):
    """Half as wide as outputs are apart."""
    text = f"model m; x = 0; x' = 1; A = 0; A' = exp(-(({clock} - 300.3)/0.3)^2); end"
    assert last(text, np.arange(721.0)) == pytest.approx([0.3 * np.sqrt(np.pi)], rel=1e-7)


WINDOWS = {
    "and": "piecewise(1, x > c && x < c + 2, 0)",
    "nested": "piecewise(piecewise(1, x < c + 2, 0), x > c, 0)",
    "branches": "piecewise(0, x < c, 1, x < c + 2, 0)",
    "a product": "piecewise(1, x > c, 0)*piecewise(1, x < c + 2, 0)",
    "a comparison as a number": "1*(x > c && x < c + 2)",
    "counted": "piecewise(1, floor((x - c)/2) == 0, 0)",
}


EVENTS = {"alone": "", "beside an event": "B = 0; at x >= 300: B = B + 1;"}


@pytest.mark.parametrize("more", EVENTS.values(), ids=EVENTS.keys())
@pytest.mark.parametrize("times", [np.arange(721.0), np.array([0.0, 720.0])], ids=["many", "two"])
@pytest.mark.parametrize("window", WINDOWS.values(), ids=WINDOWS.keys())
def test_a_window_of_a_state_is_not_stepped_over(window, times, more):
    """What was zero until then could stop the integrator where the window opens: nothing is small beside zero."""
    text = f"model m; x = 0; x' = 1; c = 1; A = 0; A' = {window}; {more} end"
    found = last(text, times, subjects=pd.DataFrame({"c": [100.3, 7.01, 400.77, 650.0]}))
    assert found == pytest.approx([2.0] * 4, rel=1e-8)


@pytest.mark.parametrize("opens", ["time > c", "time >= c", "x > c", "time^2 > c^2"])
@pytest.mark.parametrize("times", [np.arange(0.0, 31), np.array([0.0, 5.1, 30]), np.array([0.0, 30])])
def test_a_window_beside_events_that_give_and_assign(opens, times):
    """Also where it opens at an output, and what events did before and do at its very end is done once."""
    text = f"""model m; x = 0; x' = 1; A = 0; A' = g*piecewise(1, {opens} && x < 7.3, 0)
      c = 5.1; g = 1; n = 0; species D = 1
      at time >= 3: n = n + 1, g = 2, D = D + 3; at x >= 7.3: n = n + 1; J: D ->; 0*D; end"""
    arm = qsp.Experiment(qsp.read_antimony(text), times=times, observables=["A", "n", "D"], regimen="1 into D at 6")
    found = qsp.simulate(arm, engine="roadrunner")
    end = {k: float(found[k].to_numpy().ravel()[-1]) for k in "AnD"}
    assert end == pytest.approx({"A": 4.4, "n": 2, "D": 5}, rel=1e-8)


def test_windows_of_an_absorbed_drug_are_as_long_as_they_are():
    """Concentrations of 100/0.9*(exp(-0.1*t) - exp(-t)), above 20 from 0.226 to 17.1."""
    text = "model m; D = 100; C = 0; D' = -D; C' = D - 0.1*C; A = 0; A' = piecewise(1, C > 20, 0); end"
    assert last(text, np.arange(0, 48.5, 0.5)) == pytest.approx([16.921889950994075], rel=1e-8)


def test_what_begins_at_the_very_start_is_passed():
    assert last("model m; x = 0; x' = 1; A = 0; A' = piecewise(1, x > 0, 0); end", [0, 1, 72]) == pytest.approx([72.0])


def test_a_state_that_a_jump_holds_from_both_sides_is_refused_soon():
    text = "model m; x = 1; x' = piecewise(-1, x > 0.5, 1); A = 0; A' = piecewise(1, x > 0.7, 0); end"
    with pytest.raises(qsp.SimulationError, match=r"stopped at time 0\.5"):
        last(text, np.arange(0, 10, 0.1))


def test_a_pole_is_not_taken_for_a_jump():
    text = "model m; x = 1; x' = x^2; A = 0; A' = piecewise(1, x > 2, 0) + piecewise(1, x < 0.5, 0); end"
    with pytest.raises(qsp.SimulationError, match="stopped at time"):
        last(text, np.arange(0, 2, 0.1))


@pytest.mark.parametrize("law", ["-1/x", "-2/x", "-1/x^3", "-x^(-1)", "1/(-x)", "-1/(2*x*(1 + x))"])
@pytest.mark.parametrize("start", [1, -1])
def test_a_run_does_not_go_on_beyond_a_pole(law, start):
    """It went on from 0 at 0.5 with -1.86e9, or from another side of the pole, without a word."""
    if start < 0:
        law = f"-({law.replace('x', '(-x)')})"
    with pytest.raises(qsp.SimulationError, match=r"differs in 'x'|stopped at time"):
        last(f"model m; x = {start}; x' = {law}; end", np.arange(0, 2.1, 0.1), name="x")


@pytest.mark.parametrize("law", ["1/x", "1/x^2 - y", "1/x - y", "y/x", "1/(x - 0.5)", "1/(x - 0.49)^2", "z"])
@pytest.mark.parametrize("times", [[0, 2], np.linspace(0, 2, 20), np.linspace(0, 2, 21)], ids=["two", "20", "21"])
def test_what_has_its_pole_where_another_is_zero_ends_there(law, times):
    """A tighter run had to agree in what is divided by alone: 1.6, 5.8 or 1e70 were said beyond the pole."""
    with pytest.raises(qsp.SimulationError, match=r"differs in 'y'|stopped at time"):
        last(f"model m; x = 1; x' = -1; z := 1/(x - 0.3); y = 1; y' = {law}; end", times, name="y")


@pytest.mark.parametrize(
    ("law", "end"), [("-y/x", -1), ("-y/(x - 0.5)", -3), ("sin(x - 0.5)/(x - 0.5)", 2.81779094968)]
)
@pytest.mark.parametrize("times", [[0, 2], np.linspace(0, 2, 20), np.linspace(0, 2, 21)], ids=["two", "20", "21"])
def test_what_is_divided_by_may_change_its_sign_where_nothing_comes_of_it(law, end, times):
    assert last(f"model m; x = 1; x' = -1; y = 1; y' = {law}; end", times, name="y") == pytest.approx([end], rel=1e-8)


def test_a_stranger_s_model_is_taken_across_as_well():
    """In a process that may open no file, so that nothing may be loaded on first use."""
    text = """model m; x = 0; x' = 1; A = 0; A' = piecewise(1, x > 5.1 && x < 7.3, 0); y = 1; y' = -1/(y + y*y)
      C = 0; C' = piecewise(1, time^2 > 9 && sin(time) < 0, 0); q = 1; q' = 1/q; end"""
    model = replace(qsp.read_antimony(text), untrusted=True)
    found = qsp.simulate(qsp.Experiment(model, times=[0, 1, 1.5, 8], observables=["A"]), on_failure="record")
    assert "opened" not in str(found["message"].values)
    text = text.replace("y = 1; y' = -1/(y + y*y)", "")
    model = replace(qsp.read_antimony(text), untrusted=True)
    assert last(model, [0, 8]) == pytest.approx([2.2], rel=1e-8)


def test_a_prediction_looks_for_windows_as_a_simulation_does():
    """It ran with whatever steps an earlier run of the same model had left."""
    text = "model m; D = 0; D' = -D; x = 0; x' = 1; A = 0; A' = piecewise(1, x > 100.3 && x < 102.3, 0); end"
    rows = [{"ID": 1, "TIME": 0, "AMT": 100, "EVID": 1}, {"ID": 1, "TIME": 720, "DV": 1}]
    found = qsp.predict(qsp.read_antimony(text), qsp.Records(pd.DataFrame(rows)), compartments="D", observables="A")
    assert found["IPRED"].iloc[-1] == pytest.approx(2.0, rel=1e-8)


def test_the_integrator_writes_nothing_by_itself(monkeypatch, capfd):
    """Output is turned away for one caller at a time: what another thread runs when that one ends came through."""
    text = "model m; k = 0.1; A = 0; A' = piecewise(1, time > 5 && time < 5.000001, 0) - k*A; end"
    arm = qsp.Experiment(qsp.read_antimony(text), times=[0, 1, 1.5, 100])
    monkeypatch.setattr(execution, "quiet", contextlib.nullcontext)
    result = execution.run_arm(arm, read_subjects(None, (arm,), drawn=None), tolerances=qsp.Tolerances())
    assert not result.status.any()
    assert capfd.readouterr() == ("", "")
    assert not [name for name in os.environ if name.startswith("SUNLOGGER")]
