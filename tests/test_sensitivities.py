"""Sensitivities against closed forms, whose own derivatives come from complex steps, and what is refused."""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
import pytest

import sbmlqsp as qsp
from sbmlqsp.sensitivity_run import Differentiated
from sbmlqsp.subjects import read_subjects

pytest.importorskip("numba")

TEXT = """model whole
  compartment V; V = 20
  species depot in V, central in V, given in V; substanceOnly species depot, central, given
  ka = 1.1; CL = 3; tlag = 0.4; F = 0.8; A = 100; D = 2.5; ke = 0.3
  J1: depot -> central; ka*depot
  J2: central -> ; CL*central/V
  J3: given -> ; ke*given
  kin = 5; kout = 0.3; R = kin/kout; R' = kin - kout*R
  r = 0.7; K = 4; x = 0.5; x' = r*x*(1 - x/K)
  tau = 3; a = 2; y = 1; y' = piecewise(a, time >= tau, 0) - ke*y
  level := R*kout/kin
end"""
TIMES = np.array([0.0, 0.3, 0.41, 1.0, 2.0, 2.91, 3.3, 5.0, 9.0])
REGIMEN = [
    qsp.Dose("A*WT/70", "depot", lag="tlag", bioavailability="F"),
    qsp.Dose("A", "given", duration="D", lag="tlag"),
]
OBSERVED = ["central/V", "given", "R", "x", "y", "level"]
VALUES = {"ka": 1.1, "CL": 3.0, "V": 20.0, "tlag": 0.4, "F": 0.8, "A": 100.0, "D": 2.5, "ke": 0.3, "kin": 5.0,
          "kout": 0.3, "r": 0.7, "K": 4.0, "x": 0.5, "tau": 3.0, "a": 2.0, "y": 1.0, "WT": 84.0}  # fmt: skip


def closed(p: dict[str, complex]) -> np.ndarray:
    """Return the solution, of shape (times, observables)."""
    kel, since = p["CL"] / p["V"], TIMES - p["tlag"]
    started = since.real >= 0
    absorbed = p["F"] * p["A"] * p["WT"] / 70 * p["ka"] / (p["ka"] - kel)
    oral = np.where(started, absorbed * (np.exp(-kel * since) - np.exp(-p["ka"] * since)), 0) / p["V"]
    rate = p["A"] / p["D"] / p["ke"]
    on = np.where(started, rate * (1 - np.exp(-p["ke"] * since)), 0)
    on -= np.where((since - p["D"]).real >= 0, rate * (1 - np.exp(-p["ke"] * (since - p["D"]))), 0)
    grown = p["K"] / (1 + (p["K"] / p["x"] - 1) * np.exp(-p["r"] * TIMES))
    late = TIMES - p["tau"]
    stepped = np.where(late.real >= 0, p["a"] / p["ke"] * (1 - np.exp(-p["ke"] * late)), 0)
    rest = p["kin"] / p["kout"] + 0 * TIMES
    return np.stack([oral, on, rest, grown, p["y"] * np.exp(-p["ke"] * TIMES) + stepped, 1 + 0 * rest], axis=-1)


@pytest.fixture(scope="module")
def model() -> qsp.Model:
    return qsp.read_antimony(TEXT)


@pytest.fixture(scope="module")
def found(model):
    arm = qsp.Experiment(model, times=TIMES, observables=OBSERVED, regimen=REGIMEN)
    return qsp.sensitivities(arm, list(VALUES), subjects={"WT": [84.0, 70.0]}, threads=1)


@pytest.mark.parametrize("name", VALUES)
def test_derivatives_are_those_of_the_closed_form(found, name):
    step = 1e-30
    expected = closed({k: v + (1j * step if k == name else 0) for k, v in VALUES.items()}).imag / step
    got = np.stack([found[o].sel(parameter=name).values[0] for o in OBSERVED], axis=-1)
    assert np.abs(expected).max() > 1e-3
    np.testing.assert_allclose(got, expected, rtol=1e-7, atol=1e-9 * np.abs(expected).max())


def test_values_come_with_them(found):
    got = np.stack([found[f"{o} (value)"].values[0] for o in OBSERVED], axis=-1)
    np.testing.assert_allclose(got, closed(VALUES).real, rtol=1e-8, atol=1e-9)


def test_the_value_at_the_start_moves_alone_where_it_is_set(model):
    arm = qsp.Experiment(model, times=[0, 2], observables=["R"])
    ds = qsp.sensitivities(arm, ["R", "kin", "kout"], threads=1)
    np.testing.assert_allclose(ds["R"].values[0, :, 0], np.exp([0.0, -0.6]), rtol=1e-8)
    np.testing.assert_allclose(ds["R"].values[0, :, 1], 1 / 0.3, rtol=1e-8)  # the baseline follows kin
    set_there = qsp.Experiment(model, times=[0, 2], observables=["R"], changes={"R": 1.0})
    held = qsp.sensitivities(set_there, ["R", "kin", "kout"], threads=1)["R"].values[0, :, 1]
    np.testing.assert_allclose(
        held, -np.expm1([0.0, -0.6]) / 0.3, rtol=1e-8, atol=1e-12
    )  # and does not where it is set


def test_subjects_do_not_depend_on_each_other(model, found):
    arm = qsp.Experiment(model, times=TIMES, observables=OBSERVED, regimen=REGIMEN)
    alone = qsp.sensitivities(arm, list(VALUES), subjects={"WT": [70.0]}, threads=1)
    for o in OBSERVED:
        assert np.array_equal(alone[o].values[0], found[o].values[1])


def test_threads_and_a_planned_elimination_change_nothing(model, monkeypatch):
    arm = qsp.Experiment(model, times=TIMES, observables=["central", "R"], regimen=REGIMEN)
    people = {"WT": np.linspace(50, 90, 40)}
    one, two = (qsp.sensitivities(arm, ["CL", "tlag"], subjects=people, threads=k) for k in (1, 2))
    assert np.array_equal(one["central"], two["central"])
    monkeypatch.setattr("sbmlqsp.engine.ode_codegen.WRITTEN_OUT", 0)
    monkeypatch.setattr("sbmlqsp.sensitivity_run._CACHE", OrderedDict())
    planned = qsp.sensitivities(arm, ["CL", "tlag"], subjects=people, threads=1)
    np.testing.assert_allclose(planned["central"], one["central"], rtol=1e-9, atol=1e-9)


def test_units_and_labels():
    model = qsp.load("indirect_response")
    ds = qsp.sensitivities(qsp.Experiment(model, times=[0, 1], observables=["response"]), ["kout", "kin"], threads=1)
    assert ds["response"].dims == ("subject", "time", "parameter")
    assert len(ds["response"].attrs["units"]) == 2
    assert "day" in ds["response"].attrs["units"][0]
    assert ds["time"].attrs["units"] == "day"
    np.testing.assert_allclose(ds["response"].sel(parameter="kin").values, 1 / 0.3, rtol=1e-8)


def test_powers_start_from_zero_where_they_bend_without_bound():
    text = "model m; C = 0; C' = a; a = 2; y = 0; y' = C^g; g = 1.5; z = 0; z' = C^h; h = 1; end"
    arm = qsp.Experiment(qsp.read_antimony(text), times=[0, 1, 4], observables=["y", "z"])
    ds, t = qsp.sensitivities(arm, ["a"], threads=1), np.array([0.0, 1.0, 4.0])
    np.testing.assert_allclose(ds["y"].values[0, :, 0], 0.6 * 2**0.5 * t**2.5, rtol=1e-6)
    np.testing.assert_allclose(ds["z"].values[0, :, 0], t**2 / 2, rtol=1e-7)


# ------------------------------------------------------------------------------------------------------------ refusals
def refused(model: qsp.Model, parameters: list[str], *, error=qsp.UnsupportedError, **more) -> str:
    arm = qsp.Experiment(model, **({"times": [0, 1, 2]} | more))
    with pytest.raises(error) as caught:
        Differentiated(arm, read_subjects(None, (arm,)), parameters).run(threads=1)
    return str(caught.value)


def test_an_output_at_a_moving_dose_is_refused(model):
    text = refused(model, ["tlag"], regimen=REGIMEN[1:], times=[0, 0.4, 1])
    assert "'tlag'" in text
    assert "0.4" in text
    assert "end of the infusion" in refused(model, ["D"], regimen=REGIMEN[1:], times=[0, 2.9])
    assert "tau" in refused(model, ["tau"], times=[0, 3.0])


def test_what_moves_apart_is_refused(model):
    both = [qsp.Dose("A", "depot", lag="tlag"), qsp.Dose("A", "central", time=0.4)]
    assert "move apart" in refused(model, ["tlag"], regimen=both)


def test_names_that_are_no_parameters_are_refused(model):
    assert "'CL'" in refused(model, ["Cl"], error=qsp.ExperimentError)
    assert "rule" in refused(model, ["level"], error=qsp.ExperimentError)
    assert "twice" in refused(model, ["CL", "CL"], error=qsp.ExperimentError)
    assert "No parameters" in refused(model, [], error=qsp.ExperimentError)


def test_doses_at_steady_state_are_refused(model):
    steady = qsp.Dose("A", "depot", interval=12, steady_state=1)
    assert "steady state" in refused(model, ["A"], regimen=[steady])


def test_kinks_where_a_state_crosses_a_threshold_are_no_jumps():
    kink = qsp.read_antimony("model m; S = 10; k = 1; S' = -k - k*piecewise(S - 5, S > 5, 0); end")
    ds = qsp.sensitivities(qsp.Experiment(kink, times=[0, 1, 4]), ["k"], threads=1)
    t = np.array([0.0, 1.0, 4.0])
    bend = np.log(6.0)  # S = 4 + 6 exp(-k t) reaches 5
    expected = np.where(t < bend, -6 * t * np.exp(-t), -t)
    np.testing.assert_allclose(ds["S"].values[0, :, 0], expected, rtol=1e-6, atol=1e-9)


def test_a_condition_at_its_threshold_at_the_start_is_refused():
    model = qsp.read_antimony("model m; tau = 0; y = 1; y' = piecewise(1, time >= tau, 0) - y; end")
    assert "time 0" in refused(model, ["tau"])


def test_a_start_without_finite_derivative_is_refused():
    model = qsp.read_antimony("model m; a = 0; y = sqrt(a); y' = -y; end")
    assert "finite" in refused(model, ["a"], error=qsp.ModelError)
