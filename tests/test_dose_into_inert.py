"""Doses into what nothing else in the model changes: what reads it is no constant of the run."""

from __future__ import annotations

import numpy as np

import sbmlqsp as qsp


def test_a_condition_on_time_and_a_dosed_species_follows_the_dose():
    """With the dose, C is made from 10 on; with the value before the dose it would be made from 0 on."""
    model = qsp.read_antimony("model m; species D, C; D = 0; C = 0; k := piecewise(1, time > D, 0); make: => C; k; end")
    arm = qsp.Experiment(model, times=[0, 5, 10, 11, 12], regimen="10 into D", observables=["C"])
    np.testing.assert_allclose(qsp.simulate(arm)["C"].to_numpy().ravel(), [0, 0, 0, 1, 2], atol=1e-6)
    assert abs(qsp.time_to(arm, "C", level=1.5).value - 11.5) < 1e-6


def test_without_the_dose_the_instant_is_exact():
    model = qsp.read_antimony("model m; species D, C; D = 3; C = 0; k := piecewise(1, time > D, 0); make: => C; k; end")
    arm = qsp.Experiment(model, times=[0, 3, 4], observables=["C"])
    np.testing.assert_allclose(qsp.simulate(arm)["C"].to_numpy().ravel(), [0, 0, 1], atol=1e-9)
