"""Residual error: its size against theory, whose it is, and what it leaves alone."""

import math

import numpy as np
import pandas as pd
import pytest

import sbmlqsp as qsp

SIZE = 4000
SIGMAS = 5.4  # a right generator lies beyond once in 15 million checks


@pytest.fixture(scope="module")
def ds():
    model = qsp.read_antimony("model m(k, S); species S; S = 10; J: S -> ; k*S; k = 0.1; end")
    arms = [
        qsp.Experiment(model, times=[0, 5], id=name, regimen=f"{dose} into S") for name, dose in (("a", 1), ("b", 9))
    ]
    return qsp.simulate(arms, subjects=pd.DataFrame({"k": np.full(SIZE, 0.1)}))


@pytest.mark.parametrize(
    ("error", "sd"),
    [
        (qsp.ErrorModel(additive=0.5), lambda f: 0.5 + 0 * f),
        (qsp.ErrorModel(proportional=0.2), lambda f: 0.2 * f),
        (qsp.ErrorModel(additive=0.5, proportional=0.2), lambda f: np.hypot(0.5, 0.2 * f)),
    ],
)
def test_errors_have_their_size(ds, error, sd):
    plain, noisy = (d["S"].to_numpy()[:, :, 0] for d in (ds, qsp.add_residual(ds, {"S": error}, seed=1)))
    gap = noisy - plain
    expected = sd(plain[:, 0])
    assert (np.abs(gap.mean(axis=1)) <= SIGMAS * expected / math.sqrt(SIZE)).all()
    assert (np.abs(gap.var(axis=1) / expected**2 - 1) <= SIGMAS * math.sqrt(2 / SIZE)).all()


def test_log_normal_errors_keep_the_sign_and_the_median(ds):
    noisy = qsp.add_residual(ds, {"S": qsp.ErrorModel(additive=0.3, scale="log-normal")}, seed=2)
    logs = np.log(noisy["S"].to_numpy() / ds["S"].to_numpy())[:, :, 0]
    assert (np.abs(logs.mean(axis=1)) <= SIGMAS * 0.3 / math.sqrt(SIZE)).all()
    assert (np.abs(logs.var(axis=1) / 0.09 - 1) <= SIGMAS * math.sqrt(2 / SIZE)).all()


def test_an_error_belongs_to_its_subject_and_is_shared_by_arms(ds):
    error = {"S": qsp.ErrorModel(additive=1.0)}
    noisy = qsp.add_residual(ds, error, seed=3)
    gap = (noisy["S"] - ds["S"]).to_numpy()
    assert gap[0] == pytest.approx(gap[1], abs=1e-12)
    some = qsp.add_residual(ds.isel(subject=[7, 100]), error, seed=3)
    assert (some["S"].to_numpy() == noisy["S"].isel(subject=[7, 100]).to_numpy()).all()
    assert len(np.unique(gap[0, :, 0, 0])) == SIZE
    assert not (qsp.add_residual(ds, error, seed=4)["S"] == noisy["S"]).any()


def test_what_is_not_named_and_what_failed_stay(ds):
    broken = ds.copy(deep=True)
    broken["S"][0, 0, 0, 1] = np.nan
    noisy = qsp.add_residual(broken, {"S": qsp.ErrorModel(additive=1.0)})
    assert np.isnan(noisy["S"].to_numpy()[0, 0, 0, 1])
    assert qsp.add_residual(ds, {}).identical(ds)
    assert "ErrorModel" in noisy["S"].attrs["residual"]
    assert broken["S"].attrs == ds["S"].attrs


@pytest.mark.parametrize(("errors", "words"), [({"C": qsp.ErrorModel(additive=1)}, "no such"), ({"S": 0.3}, "is none")])
def test_nonsense_is_refused(ds, errors, words):
    with pytest.raises(qsp.DataError, match=f"(?i){words}"):
        qsp.add_residual(ds, errors)


def test_errors_of_two_observables_are_correlated_where_asked():
    model = qsp.read_antimony("model m(k, S, T); species S, T; S = 10; T = 5; J: S => ; k*S; k = 0.1; end")
    ds = qsp.simulate(qsp.Experiment(model, times=[0, 1]), subjects=pd.DataFrame({"k": np.full(SIZE, 0.1)}))
    errors = {"S": qsp.ErrorModel(additive=1.0), "T": qsp.ErrorModel(additive=2.0)}
    both = qsp.add_residual(ds, errors, correlations={("S", "T"): -0.6}, seed=5)
    e = {n: (both[n] - ds[n]).to_numpy()[0, :, 0] for n in ("S", "T")}
    spread = SIGMAS * (1 - 0.6**2) / math.sqrt(SIZE)
    for at in (0, 1):
        assert abs(np.corrcoef(e["S"][:, at], e["T"][:, at])[0, 1] + 0.6) < spread
        assert abs(e["T"][:, at].std() - 2.0) < SIGMAS * 2.0 / math.sqrt(2 * SIZE)
    assert abs(np.corrcoef(e["S"][:, 0], e["T"][:, 1])[0, 1]) < SIGMAS / math.sqrt(SIZE)
    alone = qsp.add_residual(ds, errors, seed=5)
    assert abs(np.corrcoef(*((alone[n] - ds[n]).to_numpy()[0, :, 0, 0] for n in ("S", "T")))[0, 1]) < spread / 0.64
    same = qsp.add_residual(ds, dict.fromkeys(("S", "T"), errors["S"]), correlations={"S, T": 1.0}, seed=5)
    np.testing.assert_allclose(*((same[n] - ds[n]).to_numpy() for n in ("S", "T")), atol=1e-5)
    for wrong, message in [({("S", "X"): 0.5}, "names 'X'"), ({("S", "T"): 1.5}, "not usable")]:
        with pytest.raises(qsp.DataError, match=message):
            qsp.add_residual(ds, errors, correlations=wrong)
