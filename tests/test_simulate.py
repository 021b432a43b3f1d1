"""Runs against closed forms, and every measured way in which the engine is silently wrong."""

from __future__ import annotations

import importlib.util
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import sbmlqsp as qsp
from sbmlqsp.dosing import infusion
from sbmlqsp.subjects import SubjectsWarning

RTOL = 1e-6
CL, V, KA, Q, V2 = 2.0, 20.0, 0.9, 1.5, 35.0
ONE = f"""
model one
  unit mg = 1e-3 gram
  unit time_unit = 3600 second
  unit substance = 1e-3 gram
  unit extent = 1e-3 gram
  unit volume = litre
  compartment V = {V}
  compartment gut = 1
  substanceOnly species depot in gut
  species central in V
  depot = 0
  central = 0
  CL = {CL}
  ka = {KA}
  A: depot -> central; ka*depot
  E: central -> ; CL*central
end
"""
TWO = ONE.replace("E: central", f"V2 = {V2}\n compartment V2\n species side in V2\n side = 0\n Q = {Q}\n "
                  "D: central -> side; Q*central\n R: side -> central; Q*side\n E: central")  # fmt: skip
FLAG = "\n var hits\n hits = 0\n at (central > 3): hits = hits + 1\nend\n"


def _closed_forms():
    path = Path(__file__).resolve().parents[1] / "validation" / "analytic" / "pk.py"
    spec = importlib.util.spec_from_file_location("analytic_pk_for_simulate", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


pk = _closed_forms()
DISPOSITIONS = {
    "one": (ONE, pk.one_compartment(volume=V, clearance=CL)),
    "two": (TWO, pk.two_compartment(central_volume=V, clearance=CL, peripheral_volume=V2, exchange=Q)),
    "one, with events": (ONE.rsplit("end", 1)[0] + FLAG, pk.one_compartment(volume=V, clearance=CL)),
}
GRID = np.union1d(np.linspace(0, 168, 169), [1e-6, 24.5, 25.999999, 144.0001])


@pytest.fixture(scope="module", params=DISPOSITIONS)
def body(request):
    text, disposition = DISPOSITIONS[request.param]
    return qsp.read_antimony(text), disposition


def run(model, regimen=None, times=GRID, of="central", **options):
    keys = {k: options.pop(k) for k in ("changes", "at_dose") if k in options}
    ds = qsp.simulate(qsp.Experiment(model, times=times, regimen=regimen, observables=[of], **keys), **options)
    return ds[of].to_numpy()[0, :, 0, :].squeeze()


def close(ours, truth, rtol=RTOL):
    truth = np.asarray(truth)
    assert np.abs(truth).max() > 0
    np.testing.assert_allclose(ours, truth, rtol=rtol, atol=1e-13 * np.abs(truth).max())


# ---------------------------------------------------------------------------------------------------- closed forms
def test_bolus(body):
    model, d = body
    close(run(model, "100 mg into central"), pk.bolus(d, GRID, dose=100))


def test_bolus_course_at_every_time_dose_times_included(body):
    model, d = body
    truth = pk.repeat(lambda s: pk.bolus(d, s, dose=100), GRID, interval=24, count=7)
    close(run(model, "100 mg into central every 24 h x 7"), truth)


def test_infusion_during_and_after(body):
    model, d = body
    truth = pk.repeat(lambda s: pk.infusion(d, s, rate=40, duration=2.5), GRID - 3, interval=24, count=3)
    close(run(model, "100 mg into central at 3 h over 2.5 h every 24 h x 3"), truth)


def test_overlapping_infusions_add(body):
    model, d = body
    truth = pk.repeat(lambda s: pk.infusion(d, s, rate=10, duration=10), GRID, interval=6, count=5)
    close(run(model, "100 mg into central over 10 h every 6 h x 5"), truth)


def test_oral_with_lag_and_bioavailability(body):
    model, d = body
    dose = qsp.Dose(100, "depot", "mg", time_unit="h", interval=24.0, count=7, lag=0.75, bioavailability=0.4)
    truth = pk.repeat(
        lambda s: pk.oral(d, s, dose=100, ka=KA, bioavailability=0.4, lag=0.75), GRID, interval=24, count=7
    )
    close(run(model, dose), truth)


def test_accumulation_to_steady_state(body):
    model, d = body
    times = 24.0 * 150 + np.linspace(0, 24, 49)[:-1]
    truth = pk.steady_bolus(d, times, dose=100, interval=24)
    close(run(model, "100 mg into central every 24 h x 151", times=times), truth)


def test_five_minutes_in_a_month(body):
    model, d = body
    times = [0.0, 241.2, 241.3, 241.35, 241.3 + 5 / 60, 242.0, 720.0]
    regimen = infusion(100, "central", "mg", time=241.3, duration=5 / 60, time_unit="h")
    truth = pk.infusion(d, np.array(times) - 241.3, rate=1200, duration=5 / 60)
    ours = run(model, regimen, times=times)
    assert ours[2] == 0.0
    close(ours, truth)


def test_simultaneous_doses_add(body):
    model, d = body
    regimen = "60 mg into central at 12 h; 40 mg into central at 12 h; 0 mg into central at 12 h"
    close(run(model, regimen), pk.bolus(d, GRID - 12, dose=100))


@pytest.mark.parametrize("scale", [1e-12, 1e9])
def test_a_species_of_any_size_is_as_exact(body, scale):
    model, d = body
    regimen = qsp.Dose(100 * scale, "depot", "mg", time_unit="h")
    close(run(model, regimen, times=GRID[:60]), scale * pk.oral(d, GRID[:60], dose=100, ka=KA))


def test_small_beside_large():
    text = (
        "model m; substanceOnly species big, small, out; big = 1e6; small = 1e-12; out = 0; "
        "a: big ->; 0.1*big; b: small -> out; 0.3*small; c: out ->; 0.05*out; end"
    )
    model, t = qsp.read_antimony(text), np.linspace(0, 40, 41)
    close(run(model, times=t, of="small"), 1e-12 * np.exp(-0.3 * t))
    close(run(model, times=t, of="out"), 1e-12 * 0.3 * pk.passage(0.3, 0.05, t))


def test_the_first_output_time_need_not_be_zero(body):
    model, d = body
    close(run(model, "100 mg into central at 5 h", times=[30.0, 31.0]), pk.bolus(d, [25.0, 26.0], dose=100))


# --------------------------------------------------------------------------------------------- which side of a dose
@pytest.mark.parametrize("text", [ONE, DISPOSITIONS["one, with events"][0]], ids=["plain", "with events"])
def test_before_and_after_a_dose(text):
    model, k = qsp.read_antimony(text), CL / V
    regimen, times = "100 mg into central every 12 h x 3", [0.0, 6.0, 12.0, 24.0]
    steps = np.exp(-k * 12.0)
    before = 5 * np.array([0.0, np.exp(-6 * k), steps, steps + steps**2])
    given = np.array([5.0, 0, 5, 5])
    np.testing.assert_allclose(run(model, regimen, times=times), before + given, rtol=1e-7)
    np.testing.assert_allclose(run(model, regimen, times=times, at_dose="before"), before, rtol=1e-7, atol=1e-12)


@pytest.mark.parametrize("text", [ONE, DISPOSITIONS["one, with events"][0]], ids=["plain", "with events"])
@pytest.mark.parametrize(("side", "value"), [("after", 5.0), ("before", 0.0)])
def test_a_run_of_no_length(text, side, value):
    model = qsp.read_antimony(text)
    assert run(model, "100 mg into central", times=[0.0], at_dose=side) == value


# ------------------------------------------------------------------------------------------------------- covariates
COVARIATE = """
model cov
  WT = 70
  CL = 5*(WT/70)^0.75
  compartment V = 20*WT/70
  species S in V, T in V
  start = 10*WT
  S = start/V
  T = 2*S
  k := CL/V
  E: S -> ; CL*S
end
"""


@pytest.mark.parametrize("weight", [40.0, 70.0, 120.0])
def test_a_weight_reaches_parameters_volumes_and_amounts(weight):
    model, t = qsp.read_antimony(COVARIATE), np.array([0.0, 1.0, 5.0])
    ds = qsp.simulate(
        qsp.Experiment(model, times=t, observables=["S", "amount(S)", "T", "CL + 0", "V + 0", "k"]),
        subjects={"WT": [70.0, weight, 70.0]},
    )
    clearance, volume = 5 * (weight / 70) ** 0.75, 20 * weight / 70
    amount = 10 * weight * np.exp(-clearance / volume * t)
    close(ds["amount(S)"].to_numpy()[0, 1, 0], amount)
    close(ds["S"].to_numpy()[0, 1, 0], amount / volume)
    close(ds["T"].to_numpy()[0, 1, 0], np.full(3, 20 * weight / volume))
    close(ds["CL + 0"].to_numpy()[0, 1, 0], np.full(3, clearance))
    close(ds["k"].to_numpy()[0, 1, 0], np.full(3, clearance / volume))
    np.testing.assert_array_equal(ds["S"].to_numpy()[0, 0, 0], ds["S"].to_numpy()[0, 2, 0])


def test_changes_reach_as_far_as_columns():
    model, t = qsp.read_antimony(COVARIATE), [0.0, 3.0]
    column = run(model, times=t, of="S", subjects={"WT": [95.0]})
    np.testing.assert_array_equal(column, run(model, times=t, of="S", changes={"WT": 95.0}))


def test_a_quantity_set_by_itself_wins_over_its_initial_assignment():
    model = qsp.read_antimony(COVARIATE)
    ours = run(model, times=[0.0, 1.0], of="amount(S)", subjects={"WT": [100.0], "CL": [1.0], "amount(T)": [0.0]})
    close(ours, 1000 * np.exp(-np.array([0, 1]) / (20 * 100 / 70)))


def test_a_dose_by_weight_and_a_lag_by_subject():
    model, d = qsp.read_antimony(ONE), pk.one_compartment(volume=V, clearance=CL)
    dose = qsp.Dose("2*WT", "central", "mg", time_unit="h", lag="LAG")
    table = pd.DataFrame({"WT": [50.0, 80.0], "LAG": [0.0, 1.5]}, index=["a", "b"])
    ours = run(model, dose, subjects=table)
    close(ours[0], pk.bolus(d, GRID, dose=100))
    close(ours[1], pk.bolus(d, GRID - 1.5, dose=160))


# --------------------------------------------------------------------------------- independence of order and company
WITH_EVENTS = (
    "model m; substanceOnly species D, $B, C; D = 0; B = 3; C = 0; X = 1; X' = -g*X; k = 0.2; g = 0.1; var n; n = 0; "
    "var f; f = 1; a: D -> C; k*D*f; e: C ->; 0.1*C + 0*B; at (D > 9): n = n + 1; "
    "at 2 after (C > 3): f = 0.5, B = B + 1; end"
)


@pytest.mark.parametrize("text", [WITH_EVENTS, WITH_EVENTS.split("at (D")[0] + "end", COVARIATE])
def test_results_do_not_depend_on_order_company_or_repetition(text):
    model, rng = qsp.read_antimony(text), np.random.default_rng(7)
    cov = text is COVARIATE
    column = "WT" if cov else "k"
    values = rng.uniform(30, 150, 6) if cov else rng.uniform(0.05, 0.6, 6)
    outputs = ["S", "k"] if cov else ["D", "C", "n", "f", "amount(B)", "X"]
    if not cov and "at (D" not in text:
        outputs = ["D", "C", "X"]
    regimen = None if cov else "10 into D; 6 into D at 5; 4 into B at 6; 2 into D at 7 over 3; 1 into X at 8"
    experiment = qsp.Experiment(model, times=[0.0, 0.5, 3.0, 7.0, 10.0], observables=outputs, regimen=regimen)

    def batch(order):
        table = pd.DataFrame({column: values[order]}, index=[int(i) for i in order])
        ds = qsp.simulate(experiment, subjects=table)
        return {i: np.array([ds[o].sel(subject=int(i)).to_numpy() for o in outputs]) for i in order}

    together = batch(np.arange(6))
    for order in (np.arange(6)[::-1], rng.permutation(6), *([i] for i in range(6)), np.arange(6)):
        for i, result in batch(np.asarray(order)).items():
            np.testing.assert_array_equal(result, together[i], err_msg=f"subject {i} in order {order}")


def test_a_second_model_instance_gives_the_same_numbers():
    text = "model m; A = 0; rate = 3000; A' = piecewise(rate, time - 24*floor(time/24) < 1, 0); end"
    for _ in range(3):
        model = qsp.read_antimony(text)
        assert run(model, times=[0.0, 24.0, 240.0], of="A") == pytest.approx([0.0, 3000.0, 30_000.0], rel=1e-9)


# ------------------------------------------------------------------------------------------------- events and doses
def counts(text, regimen, times, of="n", **options):
    return run(qsp.read_antimony(text), regimen, times=times, of=of, **options).tolist()


DECAY = "model m; substanceOnly species D; D = 0; k = 0.1; J: D ->; k*D; var n; n = 0; "


def test_a_dose_that_crosses_a_threshold_fires_its_event_each_time():
    text = DECAY + "at (D > 9): n = n + 1; end"
    regimen = "10 into D; 10 into D at 5; 2 into D at 6"
    assert counts(text, regimen, [0.0, 1.0, 5.0, 5.5, 6.0, 9.0]) == [1, 1, 2, 2, 2, 2]


def test_an_event_at_the_start_sees_this_subjects_values():
    text = "model m; x = 0; g = 1; y = 2; y' = -g*y; at (time >= 0), t0 = false: x = 5*g + y; end"
    ours = counts(text, None, [0.0, 1.0], of="x", subjects={"g": [1.0, 2.0], "y": [2.0, 7.0]})
    assert ours == [[7.0, 7.0], [17.0, 17.0]]


def test_delayed_events_come_on_time_for_every_subject():
    text = DECAY + "at 2 after (D > 9): n = n + 1; end"
    regimen, times = "10 into D; 10 into D at 5", [0.0, 1.99, 2.0, 5.0, 6.99, 7.0, 10.0]
    expected = [0, 0, 1, 1, 1, 2, 2]
    assert counts(text, regimen, times, subjects={"k": [0.1, 0.2, 0.1, 0.2]}) == [expected] * 4
    assert counts(text, regimen, [0.0, 1.0], subjects={"k": [0.1, 0.2, 0.1]}) == [[0, 0]] * 3
    assert counts(text, regimen, times, subjects={"k": [0.1, 0.2]}) == [expected] * 2


@pytest.mark.parametrize("ranked", ["", ", priority = -7", ", priority = 7", ", fromTrigger = false"])
def test_a_dose_is_not_lost_to_an_event_of_the_model_at_the_same_time(ranked):
    text = DECAY + f"at (time >= 5){ranked}: D = 2*D; end"
    ours = counts(text, "10 into D; 3 into D at 5", [0.0, 5.0], of="D")
    assert ours[1] == pytest.approx(20 * np.exp(-0.5) + 3, rel=1e-7)


@pytest.mark.parametrize("opens", [1.0, 241.3, 999.0])
def test_a_narrow_window_is_never_stepped_over(opens):
    pulse = "model m; A = 0; t1 = 1; w = 1e-4; A' = piecewise(1/w, time >= t1 && time < t1 + w, 0); end"
    trigger = "model m; n = 0; t1 = 1; A = 0; A' = 1; at (time >= t1 && time < t1 + 1e-4): n = n + 1; end"
    times = [0.0, 1000.0]
    assert counts(pulse, None, times, of="A", changes={"t1": opens})[1] == pytest.approx(1.0, rel=1e-8)
    assert counts(trigger, None, times, changes={"t1": opens}) == [0, 1]


def test_windows_that_differ_between_subjects():
    text = "model m; A = 0; t1 = 1; A' = piecewise(2, time >= t1 && time < t1 + 3, 0); end"
    ours = counts(text, None, [0.0, 10.0], of="A", subjects={"t1": [1.0, 8.0, 20.0]})
    assert [row[1] for row in ours] == pytest.approx([6.0, 4.0, 0.0], rel=1e-9, abs=1e-12)


def test_doses_into_boundary_species_and_rate_rules():
    text = (
        "model m; compartment V = 4; species $D in V, S in V; D = 0; S = 0; X = 1; X' = -0.1*X; "
        "J: $D -> S; 0.1*D*V; {} end"
    )
    for extra in ("", "var n; n = 0; at (time > 100): n = 1;"):
        model = qsp.read_antimony(text.format(extra))
        regimen = "8 into D at 2; 3 into X at 5; 6 into D at 4 over 2"
        names = ["amount(D)", "amount(S)", "X"]
        ds = qsp.simulate(qsp.Experiment(model, times=[2.0, 4.0, 8.0], regimen=regimen, observables=names))
        assert ds["amount(D)"].to_numpy().ravel() == pytest.approx([8, 8, 14], rel=1e-8)
        assert ds["amount(S)"].to_numpy().ravel() == pytest.approx([0, 1.6, 1.6 + 2.2 + 2.8], rel=1e-7)
        assert ds["X"].to_numpy().ravel() == pytest.approx(
            [np.exp(-0.2), np.exp(-0.4), np.exp(-0.8) + 3 * np.exp(-0.3)], rel=1e-6
        )


def test_a_boundary_species_that_is_infused_starts_at_each_subjects_value():
    text = "model m; substanceOnly species $D; D = 0; x = 0; x' = D; var n; n = 0; at (time > 100): n = 1; end"
    ours = run(
        qsp.read_antimony(text), "4 into D over 2", times=[0.0, 2.0], of="D + 0", subjects={"D": [0.0, 1.0, 5.0]}
    )
    np.testing.assert_allclose(ours, [[0, 4], [1, 5], [5, 9]], rtol=1e-8, atol=1e-9)


def test_an_infusion_too_short_for_the_clock_is_still_given():
    text = "model m; substanceOnly species D; D = 0; J: D ->; 0*D; end"
    dose = qsp.Dose(7, "D", time=500.0, duration=1e-9)
    assert counts(text, dose, [0.0, 500.0, 501.0], of="D")[2] == pytest.approx(7.0, rel=1e-9)


def test_conversion_factors_do_not_apply_to_doses():
    text = "model m; substanceOnly species S; S = 0; f = 3; J: -> S; 1; end"
    model = qsp.read_antimony(text)
    scaled = qsp.read_sbml(model.sbml.replace('id="S"', 'id="S" conversionFactor="f"'))
    assert counts(text, "5 into S", [0.0, 2.0], of="S")[1] == pytest.approx(7.0)
    ours = run(scaled, "5 into S; 4 into S over 1", times=[0.0, 2.0], of="S")
    assert ours.tolist() == pytest.approx([5.0, 15.0], rel=1e-8)


# --------------------------------------------------------------------------------------------------------- numerics
def test_a_deep_nadir_regrows_from_the_right_depth():
    """4e-18 of the start, then regrowth: wrong by thousands under common tolerances, without a warning."""
    text = "model m; substanceOnly species T; T = 1e9; J: T ->; piecewise(0.8, time < 50, -0.5)*T; end"
    ours = counts(text, None, [0.0, 50.0, 100.0], of="T")
    assert ours == pytest.approx([1e9, 1e9 * np.exp(-40), 1e9 * np.exp(-15)], rel=1e-4)


def test_a_species_that_truly_changes_sign_is_not_called_a_failure():
    text = "model m; substanceOnly species x, y; x = 1; y = 0; a: -> x; y; b: -> y; -x; end"
    ds = qsp.simulate(qsp.Experiment(qsp.read_antimony(text), times=[0, np.pi / 2, np.pi], observables=["x", "y"]))
    assert ds["x"].to_numpy().ravel() == pytest.approx([1, 0, -1], abs=1e-7)
    assert "negative" in str(ds["message"].to_numpy().ravel()[0])


def test_an_oscillation_through_zero_under_rate_rules():
    text = "model m; x = 1; y = 0; x' = y; y' = -x; end"
    t = np.linspace(0, 20, 81)
    assert run(qsp.read_antimony(text), times=t, of="x") == pytest.approx(np.cos(t), abs=1e-6)


# --------------------------------------------------------------------------------------------------------- failures
BLOWUP = "model m; substanceOnly species S; S = 1; k = 0.1; J: -> S; k*S^2; end"


def test_a_run_that_blows_up_is_named():
    experiment = qsp.Experiment(qsp.read_antimony(BLOWUP), times=[0.0, 0.5, 2.0])
    table = pd.DataFrame({"k": [0.1, 1.0, 0.2]}, index=["ann", "bob", "cat"])
    with pytest.raises(qsp.SimulationError, match=r"Subject bob .*stopped at time 1.*on_failure='record'"):
        qsp.simulate(experiment, subjects=table)
    ds = qsp.simulate(experiment, subjects=table, on_failure="record")
    assert ds["status"].to_numpy().ravel().tolist() == [0, 1, 0]
    assert np.isnan(ds["S"].sel(subject="bob")).all()
    assert ds["S"].sel(subject="cat").to_numpy().ravel()[-1] == pytest.approx(1 / (1 - 0.4), rel=1e-6)
    assert "stopped at time 1" in str(ds["message"].sel(subject="bob").to_numpy().ravel()[0])


def test_a_result_that_is_not_a_number_is_a_failure():
    text = "model m; substanceOnly species S; S = 1; k = 1; J: S ->; S; q := ln(k - 0.5)*S; end"
    experiment = qsp.Experiment(qsp.read_antimony(text), times=[0.0, 1.0], observables=["q"])
    ds = qsp.simulate(experiment, subjects={"k": [0.6, 0.4, 0.7]}, on_failure="record")
    assert ds["status"].to_numpy().ravel().tolist() == [0, 2, 0]
    with pytest.raises(qsp.SimulationError, match="Subject 1 "):
        qsp.simulate(experiment, subjects={"k": [0.6, 0.4, 0.7]})


def test_a_failure_leaves_nothing_behind():
    experiment = qsp.Experiment(qsp.read_antimony(BLOWUP), times=[0.0, 0.5, 2.0])
    alone = qsp.simulate(experiment, subjects={"k": [0.2]})["S"].to_numpy()
    after = qsp.simulate(experiment, subjects={"k": [1.0, 0.2]}, on_failure="record")["S"].to_numpy()
    np.testing.assert_array_equal(after[0, 1], alone[0, 0])


# ---------------------------------------------------------------------------------------------------------- shape
def test_arms_with_different_times_share_the_union():
    model = qsp.read_antimony(ONE)
    arms = [
        qsp.Experiment(model, times=[0, 2], observables=["central"], regimen="10 mg into central", id="low"),
        qsp.Experiment(model, times=[0, 1], observables=["central", "depot"], regimen="20 mg into central", id="high"),
    ]
    ds = qsp.simulate(arms)
    assert ds["central"].dims == ("experiment", "subject", "replicate", "time")
    assert ds["time"].to_numpy().tolist() == [0.0, 1.0, 2.0]
    assert np.isnan(ds["central"].sel(experiment="low").to_numpy()).ravel().tolist() == [False, True, False]
    assert np.isnan(ds["depot"].sel(experiment="low").to_numpy()).all()
    assert float(ds["central"].sel(experiment="high")[0, 0, 0]) == pytest.approx(1.0)


def test_units_of_observables():
    model = qsp.load("one_compartment")
    observables = [qsp.Observable("ng", "central", unit="ng/mL"), "central"]
    ds = qsp.simulate(qsp.Experiment(model, times=[0], regimen="34 mg into central", observables=observables))
    assert (float(ds["ng"].squeeze()), ds["ng"].attrs["units"]) == (pytest.approx(1000.0), "ng/mL")
    assert (float(ds["central"].squeeze()), ds["central"].attrs["units"]) == (pytest.approx(1.0), "mg/L")


def test_reaction_rates_and_formulas_can_be_observed():
    model = qsp.read_antimony(ONE)
    ds = qsp.simulate(
        qsp.Experiment(model, times=[0, 1], regimen="100 mg into central", observables=["E", "2*central", "2*time"])
    )
    assert float(ds["E"].to_numpy().ravel()[0]) == pytest.approx(10.0)
    assert float(ds["2*central"].to_numpy().ravel()[1]) == pytest.approx(10 * np.exp(-0.1), rel=1e-7)
    assert ds["2*time"].to_numpy().ravel().tolist() == [0.0, 2.0]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"on_failure": "ignore"}, "'raise' or 'record'"),
        ({"method": "sde"}, "method"),
        ({"replicates": 3}, "Replicates"),
        ({"workers": 0}, "(?i)workers"),
        ({"population": 1}, "population"),
        ({"resume": True}, "resume"),
    ],
)
def test_what_is_not_there_is_refused(options, words):
    with pytest.raises(qsp.QSPError, match=words):
        qsp.simulate(qsp.Experiment(qsp.read_antimony(ONE), times=[0]), **options)


def test_two_arms_with_one_id_are_refused():
    arm = qsp.Experiment(qsp.read_antimony(ONE), times=[0])
    with pytest.raises(qsp.ExperimentError, match="one id"):
        qsp.simulate([arm, arm])
    with pytest.raises(qsp.ExperimentError, match="no experiment"):
        qsp.simulate([])


def test_a_name_that_is_changed_twice_is_refused():
    experiment = qsp.Experiment(qsp.read_antimony(ONE), times=[0, 1], changes={"CL": 1.0})
    with pytest.raises(qsp.ExperimentError, match="'CL' is both"):
        qsp.simulate(experiment, subjects={"CL": [1.0, 2.0]})
    full = qsp.Experiment(qsp.read_antimony(ONE), times=[0, 1], changes={"central": 1.0})
    with pytest.raises(qsp.ExperimentError, match="'central' is both"):
        qsp.simulate(full, subjects={"amount(central)": [1.0, 2.0]})


@pytest.mark.parametrize("event", ["", "n = 0; at (time > 100): n = 1;"])
def test_a_switch_shows_the_same_at_the_end_as_in_the_middle(event):
    model = qsp.read_antimony(f"model m; A = 0; A' = u; u := piecewise(2, time < 5, 7); {event} end")
    assert run(model, times=[0.0, 5.0], of="u").tolist() == [2, 7]
    assert run(model, times=[0.0, 5.0, 9.0], of="u").tolist() == [2, 7, 7]


def test_columns_that_do_nothing_are_carried_along_with_a_warning():
    experiment = qsp.Experiment(qsp.read_antimony(ONE), times=[0, 1], regimen="1 mg into central")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        ds = qsp.simulate(experiment, subjects=pd.DataFrame({"SEX": ["f", "m"], "HEIGHT": [1.6, 1.8]}))
    assert [w.category for w in caught] == [SubjectsWarning]
    assert "HEIGHT" in str(caught[0].message)
    assert ds["SEX"].to_numpy().tolist() == ["f", "m"]


def test_an_event_still_waiting_at_the_end_of_a_run_does_not_fire_in_the_next():
    model = qsp.read_antimony(
        "model m; species S; S = 1; p = 1; at 5 after (time >= 1 && p > 0): S = 7; S => ; 0*S; end"
    )
    quiet_arm = qsp.Experiment(model, times=[0, 10], changes={"p": 0})
    alone = qsp.simulate(quiet_arm)["S"].to_numpy().ravel().tolist()
    qsp.simulate(qsp.Experiment(model, times=[0, 2]))
    assert qsp.simulate(quiet_arm)["S"].to_numpy().ravel().tolist() == alone == [1.0, 1.0]


def test_an_initial_value_may_be_observed_too():
    model = qsp.read_antimony("model m; species S; S = 1; k = 0.1; S => ; k*S; end")
    ds = qsp.simulate(qsp.Experiment(model, times=[0, 1], observables=["S"]), subjects={"S": [2.0, 3.0]})
    assert ds["S"][0, :, 0, 0].to_numpy().tolist() == [2.0, 3.0]
    assert ds["S (given)"].to_numpy().tolist() == [2.0, 3.0]
