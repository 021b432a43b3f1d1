"""The engine's own stochastic integrator, for comparison: the same distribution, or a refusal."""

from dataclasses import replace

import numpy as np
import pytest

import sbmlqsp as qsp

BIRTH = "model m(k, X); substanceOnly species X; X = 3; k = 10; A: => X; k; B: X => ; X; end"


@pytest.fixture(scope="module")
def arm():
    return qsp.Experiment(qsp.read_antimony(BIRTH), times=[0, 1, 5], observables=["X"])


def test_both_kernels_give_the_same_distribution(arm):
    options = {"method": "ssa", "replicates": 1500, "subjects": {"k": [10.0, 20.0]}}
    for engine in (None, "roadrunner"):
        x = qsp.simulate(arm, engine=engine, seed=2, **options)["X"].to_numpy()[0]
        for i, k in enumerate((10.0, 20.0)):
            mean = k + (3 - k) * np.exp([0.0, -1.0, -5.0])
            assert np.abs(x[i].mean(axis=0) - mean).max() < 4.5 * np.sqrt(k / 1500)
            assert abs(x[i, :, 2].var() / mean[2] - 1) < 4.5 * np.sqrt(2 / 1500)
    again = qsp.simulate(arm, engine="roadrunner", seed=2, **options)["X"].to_numpy()[0]
    np.testing.assert_array_equal(again, x)


@pytest.mark.parametrize(
    ("model", "more", "what"),
    [
        (BIRTH, {"regimen": "5 into X"}, "doses"),
        (BIRTH, {"fates": {"full": "X > 9"}}, "fates"),
        (BIRTH.replace("end", "at time > 1: X = 0; end"), {}, "events"),
        (BIRTH.replace("A: => X; k", "A: => X; k*time"), {}, "change with time"),
        ("model m; substanceOnly species X, Y; X = 5; Y = 5; A: X -> Y; X - Y; end", {}, "reversible"),
    ],
)
def test_what_it_gets_wrong_is_refused(arm, model, more, what):
    other = replace(arm, model=qsp.read_antimony(model), **more)
    with pytest.raises(qsp.UnsupportedError, match=f"cannot run .*{what}"):
        qsp.simulate(other, method="ssa", engine="roadrunner")


def test_an_engine_is_chosen_for_cells_alone(arm):
    for options in ({"engine": "copasi"}, {"engine": "copasi", "method": "ssa"}, {"engine": "both", "method": "ssa"}):
        with pytest.raises(qsp.UnsupportedError, match="No such engine"):
            qsp.simulate(arm, **options)
