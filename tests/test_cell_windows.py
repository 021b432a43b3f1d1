"""Rates of single cells that jump where what moves crosses a threshold: for how long, against closed forms."""

import numpy as np
import pytest
from scipy.optimize import brentq

import sbmlqsp as qsp

TOP = np.log(3.5) / 0.5
MODEL = """model m; species X = 1; X ->; 0*X; D = 100; D' = -0.7*D; C = 0; C' = 0.7*D - 0.2*C
  A = 0; A' = piecewise(1, {window}, 0); n = 0; at {window}: n = n + 1; end"""


def level(t):
    return 140 * (np.exp(-0.2 * t) - np.exp(-0.7 * t))


def above(threshold):
    if threshold > level(TOP):
        return 0.0
    early, late = (brentq(lambda t: level(t) - threshold, *side, xtol=1e-14) for side in ((0, TOP), (TOP, 100)))
    return late - early


@pytest.mark.parametrize("times", [[0, 48], np.linspace(0, 48, 49)], ids=["two", "many"])
@pytest.mark.parametrize(("low", "high", "often"), [
    (15.9, 15.9 * 1.01, 2), (30.0, 30.0 * 1.0001, 2), (60.5, 1e3, 1), (level(TOP) * (1 - 1e-5), 1e3, 1),
    (level(TOP) * (1 + 1e-5), 1e3, 0),
])  # fmt: skip
def test_a_window_of_what_moves_is_met_for_as_long_as_it_holds(low, high, often, times):
    """It was passed by a whole step (0 for 0.0006), or rates jumped within the step that led there (0.48 for 0.51)."""
    model = qsp.read_antimony(MODEL.format(window=f"C > {float(low)!r} && C < {float(high)!r}"))
    arm = qsp.Experiment(model, times=times, observables=["A", "n"])
    found = qsp.simulate(arm, method="ssa", replicates=1, seed=1)
    assert found["A"].to_numpy().ravel()[-1] == pytest.approx(above(low) - above(high), rel=1e-4)
    assert found["n"].to_numpy().ravel()[-1] == often


def test_molecules_made_in_a_window_are_as_many():
    """While a level is in a window for 0.6 thousandths of an hour, at a million an hour."""
    text = """model m; species X = 0; -> X; piecewise(1e6, C > 30 && C < 30.003, 0); D = 100; D' = -0.7*D
      C = 0; C' = 0.7*D - 0.2*C; end"""
    arm = qsp.Experiment(qsp.read_antimony(text), times=[0, 48], observables=["X"])
    made = qsp.simulate(arm, method="ssa", replicates=50, seed=1)["X"].to_numpy()[..., -1]
    expected = 1e6 * (above(30.0) - above(30.003))
    assert made.mean() == pytest.approx(expected, abs=5 * np.sqrt(expected / 50))
