"""Subjects that change on the way: occasions of a population, covariates over time."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import sbmlqsp as qsp
from sbmlqsp.populations.sampling import individuals, kappa_name
from tests.decay import DECAY

TIMES = [0, 1, 2, 3, 5, 8]
STARTS = [0.0, 2.0, 5.0]
RATES = [0.1, 0.2, 0.05]


@pytest.fixture(scope="module")
def arm():
    return qsp.Experiment(qsp.read_antimony(DECAY), times=TIMES, regimen="5 into S every 2 x 3")


@pytest.fixture(scope="module")
def changing():
    return qsp.Population(
        {"k": "0.1*(1 + food_fed)"},
        covariates={"food": qsp.Covariate("categories", levels={"fed": 0.5, "fasted": 0.5}, each="occasion")},
        variability={"k": qsp.Variability("log-normal", cv=0.3)},
        occasion_variability={"k": qsp.Variability("log-normal", cv=0.4)},
    )


def decayed(times, starts, rates, doses, *, first=10.0, before=False):
    """The closed form: each amount decays with the integral of the rate from when it came."""
    ends = [*starts[1:], np.inf]
    out = []
    for x in times:
        total = 0.0
        for amount, at in [(first, 0.0), *doses]:
            if at < x or (at == x and not (before and (amount, at) in doses)):
                lost = sum(k * max(0.0, min(x, e) - max(at, b)) for k, b, e in zip(rates, starts, ends, strict=True))
                total += amount * np.exp(-lost)
        out.append(total)
    return np.array(out)


def rows(rates=RATES, starts=STARTS):
    return pd.DataFrame({"subject": 1, "time": starts, "k": rates})


@pytest.mark.parametrize("side", ["after", "before"])
def test_a_rate_that_changes_over_time_gives_the_closed_form(arm, side):
    people = pd.concat([rows(), pd.DataFrame({"subject": [2], "time": [0.0], "k": [0.3]})])
    ds = qsp.simulate(replace(arm, at_dose=side), subjects=people)
    doses = [(5.0, 0.0), (5.0, 2.0), (5.0, 4.0)]
    for i, (starts, rates) in enumerate([(STARTS, RATES), ([0.0], [0.3])]):
        expected = decayed(TIMES, starts, rates, doses, before=side == "before")
        np.testing.assert_allclose(ds["S"].to_numpy()[0, i, 0], expected, rtol=1e-7)


def test_a_change_between_doses_and_outputs_is_not_stepped_over(arm):
    starts, rates = [0.0, 2.7, 2.9, 6.1], [0.0, 9.0, 0.0, 0.3]
    ds = qsp.simulate(replace(arm, regimen=qsp.Regimen(())), subjects=rows(rates, starts))
    np.testing.assert_allclose(ds["S"].to_numpy()[0, 0, 0], decayed(TIMES, starts, rates, []), rtol=1e-7)


def test_doses_read_a_covariate_as_it_is_when_they_are_given(arm):
    people = rows().assign(WT=[10.0, 20.0, 40.0])
    ds = qsp.simulate(replace(arm, regimen="[0.1*WT] into S every 2 x 4"), subjects=people)
    expected = decayed(TIMES, STARTS, RATES, [(1.0, 0.0), (2.0, 2.0), (2.0, 4.0), (4.0, 6.0)])
    np.testing.assert_allclose(ds["S"].to_numpy()[0, 0, 0], expected, rtol=1e-7)
    assert ds["WT"].to_numpy().tolist() == [[10.0, 20.0, 40.0]]


def test_an_infusion_runs_on_over_a_change(arm):
    ds = qsp.simulate(replace(arm, regimen="6 into S over 6"), subjects=rows())
    k1, k2 = RATES[:2]
    at2 = 10 * np.exp(-2 * k1) + (1 - np.exp(-2 * k1)) / k1
    at5 = at2 * np.exp(-3 * k2) + (1 - np.exp(-3 * k2)) / k2
    np.testing.assert_allclose(ds["S"].to_numpy()[0, 0, 0, [2, 4]], [at2, at5], rtol=1e-7)


def test_a_steady_state_is_that_of_the_first_stretch(arm):
    ds = qsp.simulate(replace(arm, regimen="5 into S every 2 x 4 ss"), subjects=rows())
    peak = 5 / (1 - np.exp(-2 * RATES[0]))
    expected = decayed(TIMES, STARTS, RATES, [(5.0, 2.0), (5.0, 4.0), (5.0, 6.0)], first=peak)
    np.testing.assert_allclose(ds["S"].to_numpy()[0, 0, 0], expected, rtol=1e-7)


def test_each_occasion_is_run_with_what_was_drawn_for_it(arm, changing):
    one = replace(arm, occasions=[0, 2, 5], id="one")
    two = replace(arm, occasions=[0, 3], id="two", regimen=qsp.Regimen(()))
    ds = qsp.simulate([one, two], population=changing, size=4, seed=5)
    drawn = qsp.sample(changing, 4, seed=5, occasions=3)
    doses = [(5.0, 0.0), (5.0, 2.0), (5.0, 4.0)]
    for i in range(4):
        own = drawn.loc[i + 1, "k"].tolist()
        np.testing.assert_allclose(ds["S"].to_numpy()[0, i, 0], decayed(TIMES, STARTS, own, doses), rtol=1e-7)
        np.testing.assert_allclose(ds["S"].to_numpy()[1, i, 0], decayed(TIMES, [0, 3], own[:2], []), rtol=1e-7)
    np.testing.assert_array_equal(ds["k"].to_numpy(), drawn["k"].to_numpy().reshape(4, 3))
    np.testing.assert_array_equal(ds["occasion_start"].to_numpy(), [[0, 2, 5], [0, 3, np.inf]])


def test_nothing_depends_on_processes_parts_or_company(arm, changing, tmp_path):
    arm = replace(arm, occasions="doses")
    here = qsp.simulate(arm, population=changing, size=9, seed=2)
    store = qsp.simulate(arm, population=changing, size=9, seed=2, workers=2, chunk=2, store=tmp_path / "s")
    assert store.read().drop_attrs().identical(here.drop_attrs())
    np.testing.assert_array_equal(store.rerun(arm, 7)["S"], here["S"].sel(subject=[7]))
    longer = qsp.sample(changing, 30, seed=2, occasions=5)
    alone = qsp.simulate(arm, subjects=longer.loc[[4]])
    np.testing.assert_array_equal(alone["S"], here["S"].sel(subject=[4]))


def test_times_of_subjects_come_back_from_a_store(arm, tmp_path):
    people = pd.concat([rows(), pd.DataFrame({"subject": [2], "time": [0.0], "k": [0.3]})])
    store = qsp.simulate(arm, subjects=people, store=tmp_path / "s", chunk=1)
    assert store.read().drop_attrs().identical(qsp.simulate(arm, subjects=people).drop_attrs())
    np.testing.assert_array_equal(store.rerun(arm, 1)["S"], store.read(subjects=[1])["S"])


def test_results_over_occasions_go_to_a_file_and_to_a_table(arm, changing, tmp_path):
    ds = qsp.simulate(replace(arm, occasions=[0, 4]), population=changing, size=3, seed=1)
    assert qsp.read_results(qsp.write_results(ds, tmp_path / "r.parquet")).identical(ds)
    frame = qsp.to_frame(ds)
    assert frame["OCCASION"].tolist() == [1, 1, 1, 1, 2, 2] * 3
    assert frame.query("ID == 2 and TIME == 5")["k"].item() == ds["k"].to_numpy()[1, 1]
    one = qsp.to_frame(ds.sel(subject=2))
    assert one["k"].tolist() == frame.query("ID == 2")["k"].tolist()
    assert "k@2" in pd.read_parquet(tmp_path / "r.parquet").columns


def test_effects_of_occasions_are_new_at_each_and_add_to_the_subjects_own(changing):
    drawn = qsp.sample(changing, 3000, seed=9, occasions=2)
    kappa = drawn[kappa_name("k")].to_numpy().reshape(-1, 2)
    expected = np.log1p(0.4**2)
    assert abs(kappa.var(axis=0) - expected).max() < 4 * expected * np.sqrt(2 / 3000)
    assert abs(np.corrcoef(kappa.T)[0, 1]) < 4 / np.sqrt(3000)
    typical = 0.1 * (1 + (drawn["food"] == "fed"))
    np.testing.assert_allclose(drawn["k"], typical * np.exp(drawn["ETA(k)"] + drawn["KAPPA(k)"]), rtol=1e-12)
    fed = (drawn["food"] == "fed").to_numpy().reshape(-1, 2)
    assert abs((fed[:, 0] == fed[:, 1]).mean() - 0.5) < 4 * 0.5 / np.sqrt(3000)


@pytest.mark.parametrize(
    ("subjects", "occasions", "kind", "values"),
    [("normal", "normal", "normal", 0.1 + 0.3 + 0.2), ("logit-normal", "logit-normal", "logit-normal", None)],
)
def test_effects_add_on_the_scale_of_the_parameter(subjects, occasions, kind, values):
    how = qsp.Variability(kind, sd=1.0)
    logit = np.log(0.1 / 0.9) + 0.5
    expected = 1 / (1 + np.exp(-logit)) if values is None else values
    assert how.individual(0.1, 0.3, 0.2) == pytest.approx(expected, rel=1e-14)
    other = {"k": qsp.Variability("log-normal" if occasions == "normal" else "normal", sd=1.0)}
    with pytest.raises(qsp.DataError, match="another scale"):
        qsp.Population({"k": 0.1}, variability={"k": how}, occasion_variability=other)


def test_people_who_change_over_time_stay_whole(arm):
    table = pd.DataFrame({"ID": ["a", "a", "b"], "TIME": [0, 3, 0], "WT": [10.0, 20.0, 50.0]})
    population = qsp.Population({"k": "WT/100"}, people=table)
    drawn = qsp.sample(population, 40, seed=3)
    courses = {tuple(part["WT"]) for _, part in drawn.groupby("subject")}
    assert courses == {(10.0, 20.0), (50.0,)}
    ds = qsp.simulate(replace(arm, regimen=qsp.Regimen(())), population=population, size=6, seed=3)
    for i in range(6):
        own = drawn.loc[i + 1, "k"]
        np.testing.assert_allclose(ds["S"].to_numpy()[0, i, 0], decayed(TIMES, own.index.tolist(), own.tolist(), []),
                                   rtol=1e-7)  # fmt: skip
    with pytest.raises(qsp.DataError, match="begin at 0 and rise"):
        qsp.Population({"k": "WT/100"}, people=table.assign(TIME=[3, 0, 0]))
    with pytest.raises(qsp.DataError, match="says whose"):
        qsp.Population({"k": "WT/100"}, people=table.drop(columns="ID"))


def test_subjects_whose_covariates_are_known_are_drawn_by_replicate(changing):
    known = pd.DataFrame(
        {"food": ["fed", "fasted", "fed"]},
        index=pd.MultiIndex.from_tuples([("ann", 1), ("ann", 2), ("bob", 1)], names=["ID", "OCC"]),
    )
    both = [individuals(changing, known, seed=1, replicate=r) for r in (1, 2)]
    assert (both[0]["k"] != both[1]["k"]).all()
    alone = individuals(changing, known.loc[["bob"]], seed=1, replicate=2)
    assert alone.loc[("bob", 1), "k"] == both[1].loc[("bob", 1), "k"]
    assert individuals(changing, known, typical=True)["k"].tolist() == [0.2, 0.1, 0.2]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (pd.DataFrame({"meal": ["fed"]}, index=[1]), "no covariate 'food'"),
        (pd.DataFrame({"food": ["hungry"]}, index=[1]), "Expected: fed, fasted"),
        (pd.DataFrame({"food": ["fed"]}, index=[1]), "varies between occasions"),
    ],
)
def test_covariates_that_do_not_serve_are_refused(changing, given, message):
    with pytest.raises(qsp.DataError, match=message):
        individuals(changing, given)


@pytest.mark.parametrize(
    ("people", "message"),
    [
        (rows(starts=[1.0, 2.0, 5.0]), "do not begin at 0 and rise"),
        (rows(starts=[0.0, 5.0, 2.0]), "do not begin at 0 and rise"),
        (rows().rename(columns={"time": "occasion"}).assign(occasion=[1, 2, 4]), "Expected: 1, 2, 3"),
        (rows().drop(columns="time"), "a column 'time' or 'occasion'"),
        (rows().rename(columns={"k": "S"}), "the model moves it by itself"),
    ],
)
def test_rows_that_cannot_be_run_are_refused(arm, people, message):
    with pytest.raises(qsp.QSPError, match=message):
        qsp.simulate(arm, subjects=people)


def test_occasions_are_asked_for_and_must_suffice(arm, changing):
    with pytest.raises(qsp.QSPError, match=r"Experiment\(…, occasions=…\)"):
        qsp.simulate(arm, population=changing, size=2)
    people = rows().rename(columns={"time": "occasion"}).assign(occasion=[1, 2, 3])
    with pytest.raises(qsp.QSPError, match="does not say when these begin"):
        qsp.simulate(arm, subjects=people)
    with pytest.raises(qsp.QSPError, match="has 4 occasions, and a subject has fewer"):
        qsp.simulate(replace(arm, occasions=[0, 1, 2, 3]), subjects=people)
    with pytest.raises(qsp.ExperimentError, match="does not begin with the run"):
        replace(arm, occasions=[1, 2])
    assert replace(arm, occasions="doses").occasions == (0.0, 2.0, 4.0)
    assert "Occasions: 3, from 0, 2, 4" in replace(arm, occasions="doses").describe()


def test_a_model_with_events_of_its_own_is_refused(arm):
    model = qsp.read_antimony(DECAY.replace("end", "at time > 3: S = 4; end"))
    with pytest.raises(qsp.UnsupportedError, match="parameters that change on the way"):
        qsp.simulate(qsp.Experiment(model, times=TIMES), subjects=rows())
