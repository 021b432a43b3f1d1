"""Sensitivities through doses at steady state, against closed forms and differences, and what is refused."""

import numpy as np
import pytest

import sbmlqsp as qsp
from sbmlqsp.batch import run_batch
from sbmlqsp.subjects import read_subjects

TEXT = """model oral
  compartment V; V = 20; substanceOnly species depot in V, central in V, out in V; species R in V; R = 3
  ka = 1.1; CL = 3; A = 100; tlag = 1.5; D = 2; kin = 2; kout = 0.5
  J1: depot -> central; ka*depot; J2: central -> out; CL*central/V; J3: -> R; kin*V; J4: R -> ; kout*R*V
end"""
SATURABLE = """model saturable
  compartment V = 20; substanceOnly species C in V; C = 0; species R in V = 4; Vm = 10; Km = 2; A = 70; D = 2
  J: C => ; Vm*(C/V)/(Km + C/V); kin = 2; J1: -> R; kin*V*(1 - 0.5*C/V/(1 + C/V)); J2: R -> ; 0.5*R*V
end"""
TIMES = np.array([0.0, 0.3, 1.0, 2.0, 5.0, 11.0, 14.0])
II = 12.0


@pytest.fixture(scope="module")
def model():
    return qsp.read_antimony(TEXT)


def arm_of(model, *doses, times=TIMES, observables=("depot", "central", "R"), **how):
    return qsp.Experiment(model, times=times, observables=observables, regimen=list(doses), **how)


def by_complex_step(closed, values):
    """Return values and derivatives of a closed form, of shape (times, observables, parameters)."""
    out = []
    for name, value in values.items():
        moved = {**values, name: value + 1e-30j}
        out.append(closed(**moved).imag / 1e-30)
    return np.stack(out, axis=-1)


def test_an_oral_dose_with_a_lag_moves_as_its_closed_form(model):
    values = {"ka": 1.1, "CL": 3.0, "V": 20.0, "A": 100.0, "tlag": 1.5, "kin": 2.0, "kout": 0.5}

    def closed(ka, CL, V, A, tlag, kin, kout):
        k, since = CL / V, TIMES - tlag
        since = np.where(since.real < 0, since + II, np.where(since.real >= II, since - II, since))
        e, f = (np.exp(-x * since) / (1 - np.exp(-x * II)) for x in (ka, k))
        rest = kin / kout + (3 - kin / kout) * np.exp(-kout * TIMES) * 0
        return np.stack([A * e, A * ka / (ka - k) * (f - e), rest], axis=-1)

    arm = arm_of(model, qsp.Dose("A", "depot", interval=II, count=3, lag="tlag", steady_state=1))
    ds = qsp.sensitivities(arm, list(values))
    expected = by_complex_step(closed, values)
    level = closed(**values)
    for c, name in enumerate(("depot", "central", "R")):
        assert ds[f"{name} (value)"].to_numpy()[0] == pytest.approx(level[:, c], rel=1e-8), name
        scale = 1e-3 * np.abs(level[:, c]).max() / np.array(list(values.values()))
        error = np.abs(ds[name].to_numpy()[0] - expected[:, c]) / np.maximum(np.abs(expected[:, c]), scale)
        assert error.max() < 1e-6, (name, error.max(axis=0))


def test_an_area_and_what_was_eliminated_count_from_the_record(model):
    arm = arm_of(model, qsp.Dose("A", "central", interval=II, steady_state=1), times=[0, 4], observables=["out"])
    ds = qsp.sensitivities(arm, ["CL", "A"])
    assert ds["out"].sel(time=0).to_numpy().ravel().tolist() == [0, 0]
    k = 3 / 20
    share = (1 - np.exp(-4 * k)) / (1 - np.exp(-II * k))
    assert ds["out"].sel(time=4, parameter="A").item() == pytest.approx(share, rel=1e-8)


@pytest.mark.parametrize("start", ["initial values", "steady state"])
def test_a_saturable_model_moves_as_differences_do(start):
    model = qsp.read_antimony(SATURABLE)
    dose = qsp.Dose("A", "C", interval=II, count=2, steady_state=1, duration="D")
    arm = arm_of(model, dose, times=[1.0, 5.0, 13.0], observables=["C", "R"], start=start)
    values = {"Vm": 10.0, "Km": 2.0, "V": 20.0, "A": 70.0, "D": 2.0, "kin": 2.0}
    ds = qsp.sensitivities(arm, list(values))
    table = {k: [v * (1 + s * 2e-4 * (k == m)) for m in values for s in (1, -1)] for k, v in values.items()}
    run = run_batch(arm, read_subjects(table, (arm,)), tolerances=qsp.Tolerances(relative=1e-12, absolute=1e-18))
    for name, column in (("C", "C"), ("R", "[R]")):
        out = np.asarray(run.columns[column])
        for d, value in enumerate(values.values()):
            wanted = (out[2 * d] - out[2 * d + 1]) / (4e-4 * value)
            assert ds[name].to_numpy()[0, :, d] == pytest.approx(wanted, rel=1e-5, abs=1e-5 * abs(out[0]).max() / value)


def test_each_subject_has_its_own_and_who_has_none_is_named(model):
    arm = arm_of(model, qsp.Dose("A", "depot", interval=II, steady_state=1), times=[3.0])
    both = qsp.sensitivities(arm, ["CL"], subjects={"subject": [1, 2], "V": [20.0, 35.0], "A": [100.0, 50.0]})
    alone = qsp.sensitivities(arm, ["CL"], subjects={"subject": [2], "V": [35.0], "A": [50.0]})
    assert np.array_equal(both["central"].sel(subject=2).to_numpy(), alone["central"].sel(subject=2).to_numpy())
    late = arm_of(model, qsp.Dose("A", "depot", interval=II, lag="tlag", steady_state=1), times=[3.0])
    with pytest.raises(qsp.SimulationError, match="lag as long as its interval"):
        qsp.sensitivities(late, ["CL"], subjects={"subject": [1], "tlag": [12.5]})
    much = arm_of(qsp.read_antimony(SATURABLE), qsp.Dose("A", "C", interval=II, steady_state=1), observables=["C"])
    with pytest.raises(qsp.SimulationError, match="no steady state"):
        qsp.sensitivities(much, ["Vm"], subjects={"subject": [1], "A": [200.0]})


@pytest.mark.parametrize(
    ("doses", "words"),
    [
        ([qsp.Dose("A", "depot", interval=II, steady_state=2)], "SS = 2"),
        ([qsp.Dose("A", "depot", interval=II, steady_state=1, time=5.0)], "on the way"),
        ([qsp.Dose(5, "depot"), qsp.Dose("A", "depot", interval=II, steady_state=1)], "other doses than the first"),
        ([qsp.Dose("A", "central", interval=II, steady_state=1, duration=13.0)], "still runs"),
    ],
)
def test_other_steady_states_are_refused_by_name(model, doses, words):
    with pytest.raises(qsp.UnsupportedError, match=words):
        qsp.sensitivities(arm_of(model, *doses), ["CL"])
