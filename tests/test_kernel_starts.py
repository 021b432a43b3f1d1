"""Starts at steady state on the batch kernel, against libRoadRunner's and closed forms."""

import numpy as np
import pytest

import sbmlqsp as qsp
from tests.resting import OBSERVED, RESTING, at_rest

SIZE = 300


@pytest.fixture(scope="module")
def arm():
    model = qsp.read_antimony(RESTING)
    return qsp.Experiment(model, times=[0, 1, 4], observables=OBSERVED, regimen="3 into drug at 1", id="arm",
                          start="steady state")  # fmt: skip


@pytest.fixture(scope="module")
def people():
    rng = np.random.default_rng(3)
    table = {"ksyn": (0.1, 9), "kdeg": (0.01, 5), "kf": (0.001, 5), "kb": (0.01, 5), "A": (0, 9), "blood": (0.5, 9)}
    return {k: rng.uniform(*span, SIZE) for k, span in table.items()} | {"X": rng.choice([0.1, 0.7, 1.3], SIZE)}


def test_the_engines_start_alike_and_in_closed_form(arm, people):
    kernel = qsp.simulate(arm, subjects=people, engine="kernel")
    primary = qsp.simulate(arm, subjects={k: v[:40] for k, v in people.items()}, engine="roadrunner")
    rows = [{k: v[i] for k, v in people.items()} for i in range(SIZE)]
    wanted = np.array([at_rest(ksyn=r["ksyn"], kdeg=r["kdeg"], kf=r["kf"], kb=r["kb"], a0=r["A"], x0=r["X"])
                       for r in rows])  # fmt: skip
    for c, name in enumerate(OBSERVED):
        first, other = kernel[name].squeeze().to_numpy(), primary[name].squeeze().to_numpy()
        if c < 4:
            assert first[:, 0] == pytest.approx(wanted[:, c], rel=1e-9, abs=1e-12)
        assert first[:40, 0] == pytest.approx(other[:, 0], rel=1e-9, abs=1e-12)
        assert first[:40] == pytest.approx(other, rel=1e-6, abs=1e-7)


def test_one_without_a_steady_state_fails_alone_and_alike(arm, people):
    some = {k: v[:3].copy() for k, v in people.items()}
    some["X"][:] = [0.1, 0.5, 0.7]  # the second rests on the edge between two branches
    found = [qsp.simulate(arm, subjects=some, engine=e, on_failure="record") for e in ("kernel", "roadrunner")]
    for ds in found:
        assert ds["status"].squeeze().to_numpy().tolist() == [0, 7, 0]
        assert "disturbances grow" in ds["message"].squeeze().to_numpy()[1]


@pytest.mark.parametrize("engine", ["kernel", "roadrunner"])
def test_a_subject_has_the_same_numbers_alone(arm, people, engine):
    some = {"subject": list(range(30))} | {k: v[:30] for k, v in people.items()}
    one = {"subject": [17]} | {k: v[17:18] for k, v in people.items()}
    whole, alone = (qsp.simulate(arm, subjects=table, engine=engine) for table in (some, one))
    for name in OBSERVED:
        assert np.array_equal(whole[name].sel(subject=17).to_numpy().ravel(), alone[name].to_numpy().ravel()), name


def test_both_engines_are_compared_at_rest(arm, people):
    ds = qsp.simulate(arm, subjects={k: v[:2] for k, v in people.items()}, engine="both")
    assert float(ds["engine_difference"].max()) < 1e-6


def test_an_area_under_a_curve_counts_from_its_initial_value():
    model = qsp.read_antimony("model m; species R = 1; a: -> R; 2 - 0.5*R; auc' = R; auc = 5; end")
    arm = qsp.Experiment(model, times=[0, 3], observables=["R", "auc"], start="steady state")
    for engine in ("roadrunner", "kernel"):
        ds = qsp.simulate(arm, engine=engine)
        assert ds["auc"].to_numpy().ravel() == pytest.approx([5.0, 17.0], rel=1e-7)
    assert qsp.sensitivities(arm, ["auc"])["auc"].to_numpy().ravel() == pytest.approx([1.0, 1.0])


@pytest.mark.parametrize("engine", ["kernel", "roadrunner"])
def test_no_branch_is_chosen_by_rounding_errors(engine):
    symmetric = qsp.load("toggle_switch")  # both genes begin alike, so that the course ends between the two states
    arm = qsp.Experiment(symmetric, times=[0, 1], start="steady state")
    with pytest.raises(qsp.errors.SimulationError, match="disturbances grow"):
        qsp.simulate(arm, engine=engine)
    decided = qsp.Experiment(symmetric, times=[0, 1], start="steady state", changes={"u": 1.0})
    ds = qsp.simulate(decided, engine=engine)
    assert ds["u"].values.ravel() == pytest.approx([95.82575695] * 2)
