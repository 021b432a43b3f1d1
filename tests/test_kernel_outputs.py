"""What the kernel puts out inside its steps: as exact as their ends, and no pulse between them goes unseen."""

import numpy as np
import pandas as pd
import pytest

import sbmlqsp as qsp

EVENTS = {
    "none": "",
    "of time": "; far = 0; at (time > 15.5): far = 1",
    "of states": "; far = 0; seen = 0; seen' = 1e-3; at (seen > 0.1): far = 1",
}
"""What takes a model to each of the kernel's loops, and changes nothing."""
TIMES = np.array([0, 0.1, 1, 2, 3, 5, 7.3, 10, 11, 13, 15, 17, 20])


def kernel(text, times, name, *, relative=1e-8, **how):
    arm = qsp.Experiment(qsp.read_antimony(text), times=times, observables=[name])
    tolerances = qsp.Tolerances(relative, 1e-6 * relative)
    return qsp.simulate(arm, engine="kernel", tolerances=tolerances, on_failure="record", **how)


FAST = [1e2, 1e4, 1e6, 1e10]
"""How fast what follows something slow does so."""


@pytest.mark.parametrize("relative", [1e-3, 1e-5, 1e-8, 4e-10, 1e-12])
@pytest.mark.parametrize("events", EVENTS)
def test_what_follows_something_slow_at_once_is_right_between_the_ends_of_steps(events, relative):
    """Prothero and Robinson's problem: at the end of a step the error vanishes, inside it was as large as the curve."""
    text = f"model m; a = 0; fast = 1; a' = -fast*(a - sin(time)) + cos(time){EVENTS[events]}; end"
    found = kernel(text, TIMES, "a", relative=relative, subjects={"fast": FAST})
    assert not found["status"].any()
    assert np.abs(found["a"].to_numpy()[0, :, 0] - np.sin(TIMES)).max() < 40 * relative


def test_fast_binding_to_a_ligand_that_comes_and_goes_is_in_equilibrium():
    """Who was started in equilibrium took the whole run as one step."""
    text = """model m; species R, C; kon = 1; L := 1 + 0.9*sin(2*pi*time/24); R = 0.5; C = 0.5
      bind: R -> C; kon*L*R; free: C -> R; kon*C; end"""
    times, kon = np.arange(0, 97.0, 4), np.array([1e4, 1e6, 1e8])
    found = kernel(text, times, "C", subjects=pd.DataFrame({"kon": kon}))
    ligand = 1 + 0.9 * np.sin(2 * np.pi * times / 24)
    assert not found["status"].any()
    off = np.abs(found["C"].to_numpy()[0, :, 0] / (ligand / (1 + ligand)) - 1).max(axis=-1)
    assert (off < 1 / kon + 1e-6).all(), off  # the lag behind equilibrium


@pytest.mark.parametrize("states", [1, 12])
@pytest.mark.parametrize("events", EVENTS)
def test_a_pulse_that_outputs_see_is_not_stepped_over(events, states):
    more = "".join(f"; S{i} = 10; S{i}' = S{i - 1} - S{i}" for i in range(1, states)).replace("S0", "R")
    text = f"model m; R = 10; at0 = 400; R' = 10*(1 + 3*exp(-((time - at0)/3)^2)) - R{more}{EVENTS[events]}; end"
    found = kernel(text, np.arange(721.0), "R", subjects=pd.DataFrame({"at0": [400.0, 111.0, 640.0]}))
    assert not found["status"].any()
    assert found["R"].to_numpy()[0, :, 0].max(axis=-1) == pytest.approx([37.55] * 3, abs=0.01)


@pytest.mark.parametrize("relative", [1e-4, 1e-8, 1e-10])
@pytest.mark.parametrize("events", EVENTS)
def test_derivatives_are_right_between_the_ends_of_steps(events, relative):
    """``a`` is ``amp*sin(time)``, whatever its rate of return; so the derivative by ``amp`` is, and that by it is 0."""
    text = f"""model m; fast = 1; amp = 2; a = 0; b = 0
      a' = -fast*(a - amp*sin(time)) + amp*cos(time); b' = -fast*(b - amp^2*sin(time)){EVENTS[events]}; end"""
    arm = qsp.Experiment(qsp.read_antimony(text), times=TIMES, observables=["a", "b"])
    tolerances = qsp.Tolerances(relative, 1e-6 * relative)
    found = qsp.sensitivities(arm, ["amp", "fast"], subjects={"fast": FAST}, tolerances=tolerances)
    by, fast = found["a"].to_numpy().reshape(len(FAST), TIMES.size, 2), np.array(FAST)[:, None]
    assert np.abs(by[:, :, 0] - np.sin(TIMES)).max() < 100 * relative
    assert np.abs(by[:, :, 1] * fast).max() < 100 * relative
    lag = (fast * np.sin(TIMES) - np.cos(TIMES) + np.exp(-fast * TIMES)) * fast / (1 + fast * fast)
    assert np.abs(found["b"].to_numpy().reshape(by.shape)[:, :, 0] - 4 * lag).max() < 400 * relative


def test_a_trigger_sees_what_a_pulse_does():
    """The pulse lies inside what would be one step; the trigger reads the dense output of steps."""
    text = """model m; R = 10; at0 = 400; R' = 10*(1 + 3*exp(-((time - at0)/3)^2)) - R; hits = 0
      at (R > 30): hits = hits + 1; end"""
    found = kernel(text, np.arange(721.0), "hits", subjects=pd.DataFrame({"at0": [400.0, 111.0, 640.0]}))
    assert not found["status"].any()
    assert found["hits"].to_numpy()[0, :, 0, -1] == pytest.approx([1, 1, 1])
