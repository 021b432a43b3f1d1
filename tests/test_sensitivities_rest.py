"""Sensitivities through a start at steady state, against closed forms, differences and what has none."""

import numpy as np
import pytest

import sbmlqsp as qsp
from sbmlqsp.batch import run_batch
from sbmlqsp.subjects import read_subjects
from tests.resting import OBSERVED, RESTING

PARAMETERS = ["ksyn", "kdeg", "kf", "kb", "A", "blood", "ke", "R"]


@pytest.fixture(scope="module")
def arm():
    model = qsp.read_antimony(RESTING)
    return qsp.Experiment(model, times=[0, 1.5, 4], observables=OBSERVED, regimen="3 into drug at 1",
                          start="steady state")  # fmt: skip


@pytest.fixture(scope="module")
def found(arm):
    return qsp.sensitivities(arm, PARAMETERS)


def test_baselines_move_as_their_closed_forms(found):
    at = found.sel(time=0).squeeze("subject")
    zero = dict.fromkeys(PARAMETERS, 0.0)
    k = 0.3 + 0.1
    wanted = {
        "R": zero | {"ksyn": 1 / 0.5, "kdeg": -2 / 0.5**2},
        "A": zero | {"A": 0.1 / k, "kf": -3 * 0.1 / k**2, "kb": 3 * 0.3 / k**2},
        "B": zero | {"A": 0.3 / k, "kf": 3 * 0.1 / k**2, "kb": -3 * 0.3 / k**2},
        "X": zero, "drug": zero, "gone": zero, "change": zero,
    }  # fmt: skip
    for name, slopes in wanted.items():
        assert at[name].to_numpy() == pytest.approx(list(slopes.values()), rel=1e-9, abs=1e-12), name


def test_courses_after_a_dose_move_as_differences_do(arm, found):
    tight = qsp.Tolerances(relative=1e-12, absolute=1e-18)
    values = {"ksyn": 2.0, "kdeg": 0.5, "kf": 0.3, "kb": 0.1, "A": 3.0, "blood": 2.0, "ke": 1.0, "R": 1.0}
    steps = {k: 1e-4 * v for k, v in values.items()}
    table = {k: [] for k in values}
    for moved in values:
        for sign in (1, -1):
            for k, v in values.items():
                table[k].append(v + sign * steps[k] * (k == moved))
    run = run_batch(arm, read_subjects(table, (arm,)), tolerances=tight)
    assert not run.status.any()
    for name, column in (("R", "[R]"), ("A", "[A]"), ("drug", "drug"), ("gone", "gone")):
        out = np.asarray(run.columns[column])
        for d, moved in enumerate(values):
            wanted = (out[2 * d] - out[2 * d + 1]) / (2 * steps[moved])
            assert found[name].to_numpy()[0, :, d] == pytest.approx(wanted, rel=1e-6, abs=1e-6), (name, moved)


def test_each_subject_has_its_own(arm, found):
    some = qsp.sensitivities(arm, ["ksyn", "kf"], subjects={"subject": [1, 2], "A": [3.0, 6.0], "kdeg": [0.5, 2.0]})
    assert some["R"].to_numpy()[0] == pytest.approx(found["R"].sel(parameter=["ksyn", "kf"]).to_numpy()[0], rel=1e-9)
    assert some["R"].to_numpy()[1, 0] == pytest.approx([0.5, 0.0], abs=1e-12)
    assert some["A"].to_numpy()[1, 0] == pytest.approx([0.0, -6 * 0.1 / 0.4**2], rel=1e-9)


def sensitivities(text, parameters, **how):
    arm = qsp.Experiment(qsp.read_antimony(text), times=[0], start="steady state", **how)
    return qsp.sensitivities(arm, parameters)


TWO_WAYS = "model m; species S = {}, a = 0, b = 0; J: S -> a; k1*S; I: S -> b; k2*S; k1 = 1; k2 = 3; end"


def test_what_depends_on_the_way_is_refused_and_what_nothing_moves_is_not():
    with pytest.raises(qsp.SimulationError, match="depends on the way"):
        sensitivities(TWO_WAYS.format(2), ["k1"])
    ds = sensitivities(TWO_WAYS.format(0), ["k1"], observables=["a"])
    assert ds["a"].item() == 0
    with pytest.raises(qsp.SimulationError, match="depends on the way"):
        sensitivities(TWO_WAYS.format(0), ["S"])


def test_a_constant_that_only_happens_to_balance_is_refused():
    text = "model m; species R = 1; J: -> R; ksyn - k*R; ksyn = 1; k = R; end"
    with pytest.raises(qsp.SimulationError, match="'k' is computed from where"):
        sensitivities(text, ["ksyn"])


def test_a_balance_that_is_computed_goes_with_its_parameters():
    text = "model m; species R = R0; R0 = 3; J: -> R; ksyn - k*R; k = 0.5; ksyn = k*R; end"
    ds = sensitivities(text, ["R0", "k"], observables=["R", "ksyn"])
    assert ds["R"].to_numpy().ravel() == pytest.approx([1.0, 0.0], abs=1e-9)
    assert ds["ksyn"].to_numpy().ravel() == pytest.approx([0.5, 3.0], rel=1e-9)


def test_who_has_no_steady_state_is_named():
    with pytest.raises(qsp.SimulationError, match="grows without bound"):
        sensitivities("model m; species R = 1; J: -> R; k; k = 1; end", ["k"])
