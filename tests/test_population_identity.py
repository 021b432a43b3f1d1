"""The same bits for any way of spreading, for whoever is interrupted, and for each subject alone; and what is drawn."""

import pickle
import subprocess
import sys

import numpy as np
import pytest

import sbmlqsp as qsp
from sbmlqsp.outcome import Deterministic
from validation.population import checks, moments
from validation.population.running import bits, differing


@pytest.fixture(scope="module")
def here(arms, population):
    return qsp.simulate(arms, population=population, size=9, seed=3)


def same(*given):
    """Whether two results are the same bit for bit."""
    return differing(*given) == []


# ------------------------------------------------------------------------------------------------------------- identity
def test_a_last_bit_and_the_sign_of_a_zero_are_differences(here):
    for name, change in (("S", lambda x: np.nextafter(x, 0)), ("status", lambda x: x + 1)):
        other = here.copy(deep=True)
        other[name][0, 3, 0] = change(other[name][0, 3, 0])
        assert differing(here, other) == [name]
    zero = here.assign(S=0 * here["S"])
    assert differing(zero, here.assign(S=-0 * here["S"])) == []
    assert differing(zero, here.assign(S=-0.0 * here["S"])) == ["S"]
    assert differing(here, here.drop_vars("k")) == ["k"]


@pytest.mark.parametrize("chunk", [1, 4, 1000])
def test_pieces_of_any_size_give_the_same_bits(arms, population, here, tmp_path, chunk):
    store = qsp.simulate(arms, population=population, size=9, seed=3, store=tmp_path / "s", chunk=chunk)
    assert same(here, store.read())


def test_every_subject_alone_has_the_bits_of_his_row(arms, population, here, tmp_path):
    store = qsp.simulate(arms, population=population, size=9, seed=3, store=tmp_path / "s", chunk=4)
    for subject in (1, 5, 9):
        row = here.sel(subject=[subject])
        own = qsp.sample(population, 1, seed=3, first=subject)[["k"]]
        for again in (store.rerun(arms, subject), qsp.simulate(arms, subjects=own)):
            assert bits(again).items() <= bits(row).items()


def test_a_subject_who_fails_changes_nobody_else(arms, population, here):
    table = qsp.sample(population, 9, seed=3)[["k"]]
    table.loc[[4, 7], "k"] = -np.finfo(float).max
    ds = qsp.simulate(arms, subjects=table, on_failure="record")
    failed = ds["status"].to_numpy()[:, :, 0] > 0
    assert failed.tolist() == [[s in {4, 7} for s in range(1, 10)]] * 2
    fine = [1, 2, 3, 5, 6, 8, 9]
    assert same(ds.sel(subject=fine), here.sel(subject=fine)[[*ds.data_vars]].drop_vars("ETA(k)"))


def test_every_subject_of_occasions_alone_has_the_bits_of_his_row(arms, tmp_path):
    changing = qsp.Population(
        {"k": 0.1},
        variability={"k": qsp.Variability("log-normal", cv=0.3)},
        occasion_variability={"k": qsp.Variability("log-normal", cv=0.2)},
    )
    arm = qsp.Experiment(arms[0].model, times=[0, 1, 5], regimen="3 into S at 1", occasions=[0.0, 2.0], id="one")
    here = qsp.simulate(arm, population=changing, size=7, seed=3)
    store = qsp.simulate(arm, population=changing, size=7, seed=3, store=tmp_path / "s", chunk=3)
    assert same(here, store.read())
    for subject in (1, 5, 7):
        assert bits(store.rerun(arm, subject))["S"] == bits(here.sel(subject=[subject]))["S"]


# ---------------------------------------------------------------------------------------------------------------- start
WITH_UNITS = """model m(k, S); unit time_unit = 3600 second; unit substance = 1e-3 gram; unit extent = 1e-3 gram
  compartment V = 1; substanceOnly species S in V; S = 10; J: S => ; k*S; k = 0.1; end"""


def test_a_process_starts_without_what_it_does_not_need(population, tmp_path):
    """Half of a second: tables, units' definitions and the parser of SBML would each cost half as much again."""
    from sbmlqsp import starting
    from sbmlqsp.scaling.work import Work, pieces_of
    from sbmlqsp.subjects import read_subjects

    arms = [qsp.Experiment(qsp.read_antimony(WITH_UNITS), times="0:1 h by 0.5", regimen="3 ug into S every 10 min x 2")]
    people = read_subjects(qsp.sample(population, 2, seed=1), tuple(arms), drawn=population)
    sent = (Work.of(arms, Deterministic(qsp.Tolerances()), stop=False), *pieces_of(people, 2))
    (tmp_path / "sent").write_bytes(pickle.dumps(sent))
    run = """
import pickle
from sbmlqsp.scaling.work import perform
with open(sys.argv[1], "rb") as file:
    perform(*pickle.load(file))
print(sorted({"pandas", "xarray", "scipy", "pint", "libsbml", "antimony", "matplotlib", "pyarrow"} & set(sys.modules)))
import sbmlqsp
from sbmlqsp import errors, tables
print("sbmlqsp.plot" in sys.modules)
print(sbmlqsp.Population.__name__, "sbmlqsp.plot" in sys.modules, sbmlqsp.errors is errors)
"""
    code = starting.START.rpartition("importlib.import_module")[0] + run
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "sent")], check=True, capture_output=True, text=True
    )
    assert done.stdout.splitlines() == ["[]", "False", "Population True True"]


# ----------------------------------------------------------------------------------------------------------- statistics
@pytest.fixture(scope="module")
def drawn():
    return qsp.sample(moments.population(), 20_000, seed=moments.SEED)


def test_what_is_drawn_has_the_moments_of_theory(drawn):
    for group in (moments.covariates(drawn), moments.effects(drawn)):
        assert group.fails() == {}
        assert len(group.found) >= 30


def test_wrong_theories_fail(drawn):
    assert set(moments.effects(drawn, larger=1.08).fails()) >= {"variance of effect on CL"}
    assert moments.effects(drawn, shift=0.05).fails()
    assert {"variance of WT", "mean of AGE"} <= set(moments.covariates(drawn, bounded=False).fails())


def test_occasions_have_their_own_variance_and_a_sampler_that_draws_them_once_is_found_out():
    right, text = moments.sampled_occasions(2000)
    assert right.fails() == {}
    assert "for 0.03922" in text
    wrong, _ = moments.sampled_occasions(2000, wrong=True)
    assert "variance between occasions of log CL, sampled" in wrong.fails()


def test_components_of_variance_are_those_of_the_textbook():
    x = np.array([[1.0, 3.0], [5.0, 7.0], [9.0, 5.0]])
    assert checks.components(x) == (pytest.approx(2 * np.var([2, 6, 7], ddof=1)), pytest.approx((2 + 2 + 8) / 3))


def test_moments_by_quadrature_are_the_closed_forms():
    mean, variance, fourth = checks.central(checks.raw_moments(lambda z: 3 + 2 * z))
    assert (mean, variance, fourth) == pytest.approx((3, 4, 48), rel=1e-9)
