"""Single cells from a study file: keys, fates, survival, kill curves and their closed form, distributions, the lock."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.special import gammaincc

import sbmlqsp as qsp
from sbmlqsp.catalogue import models_root
from sbmlqsp.studies.cells import SingleCells, cells_again
from sbmlqsp.studies.running import draw, figures_of, run
from sbmlqsp.study import read_study, run_study

# A signal made in bursts, which a drug that stays makes more frequent.
MODEL = """model bursts
  species D in v, m in v, s in v
  compartment v = 1
  D = 0; m = 0; s = 0
  k0 = 1; kmax = 3; K = 2; gm = 40; kp = 400; g = 1; threshold = 25
  k := k0 + kmax*D/(K + D)
  a := k/g; b := kp/gm
  elimination: D => ; 0*D
  transcription: => m; k
  loss: m => ; gm*m
  translation: => s; kp*m
  end_: s => ; g*s
end
"""
PATIENTS = """[parameters]
kmax = 3
threshold = 25
[variability.kmax]
kind = "log-normal"
cv = 0.3
[cell_variability.threshold]
kind = "log-normal"
cv = 0.1
"""
CLOSED_FORM = """[kill_curve.closed_form]
shape = "a"
scale = "b"
threshold = "threshold"
lifetime = "1/g"
holds = ["gm >= 20*g", "b >= 5"]
"""
STUDY = """[study]
id = "bursts"
[model]
file = "bursts.ant"
[simulation]
method = "ssa"
replicates = 30
continuous = ["D"]
max_jumps = 1000000
times = "0:8 by 0.5"
seed = 5
[population]
file = "patients.toml"
size = 3
[fates]
death = "s >= threshold"
[[observables]]
id = "signal"
formula = "s"
[[arms]]
id = "none"
title = "No drug"
[[arms]]
id = "low"
regimen = "1 into D"
[[arms]]
id = "high"
regimen = "10 into D"
[[survival]]
at = [2, 7.75]
[[kill_curve]]
id = "late"
CLOSED_FORM
[[kill_curve]]
id = "early"
at = 2
doses = {none = 0, low = 1, high = 10}
unit = "mg"
CLOSED_FORM
[[distribution]]
observable = "signal"
at = 8
arm = "high"
subject = 2
replicates = 60
fates = false
laws = ["negative binomial", "gamma"]
[output]
formats = ["svg"]
""".replace("CLOSED_FORM\n", CLOSED_FORM)


def written(folder, text=STUDY):
    (folder / "bursts.ant").write_text(MODEL, encoding="utf-8")
    (folder / "patients.toml").write_text(PATIENTS, encoding="utf-8")
    (folder / "study.toml").write_text(text, encoding="utf-8")
    return folder / "study.toml"


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """One finished run, to be read only."""
    folder = tmp_path_factory.mktemp("cells")
    return run_study(written(folder), output=folder / "out")


@pytest.fixture(scope="module")
def results(done):
    return qsp.read_results(done / "data.parquet")


# ------------------------------------------------------------------------------------------------------------- reading
def test_keys_of_single_cells_are_read(tmp_path):
    text = STUDY.partition("[[survival]]")[0].replace('id = "low"', 'id = "low"\nfates = {spent = "m > 30"}')
    study = read_study(written(tmp_path, text))
    assert study.cells == SingleCells(30, ("D",), 1_000_000)
    assert study.method == "ssa"
    assert [dict(a.fates) for a in study.arms] == [{}, {"spent": "m > 30"}, {}]
    from sbmlqsp.studies.running import experiments_of, model_of

    fates = [list(e.fates) for e in experiments_of(study, model_of(study))]
    assert fates == [["death"], ["death", "spent"], ["death"]]


WITHOUT = STUDY.partition("[[survival]]")[0].replace('[fates]\ndeath = "s >= threshold"\n', "")
WITHOUT = WITHOUT.replace('method = "ssa"\nreplicates = 30\ncontinuous = ["D"]\nmax_jumps = 1000000\n', "")
BAD_CONDITION = ('death = "s >= threshold"', "death = 5", ["condition of the fate 'death'", "[fates]"])


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('method = "ssa"', 'method = "gillespie"', ["No such method", "'ssa'", "[simulation]"]),
        ('method = "ssa"', "", ["'replicates' is for single cells", 'method = "ssa"']),
        ("replicates = 30", "replicates = 0", ["'replicates' is not usable", "1 or more"]),
        ("replicates = 30", "replicate = 30", ["'replicate'", "did you mean 'replicates'"]),
        ("max_jumps = 1000000", 'max_jumps = "many"', ["'max_jumps'", "a whole number"]),
        ("seed = 5", "seed = 5\nrelative_tolerance = 1e-9", ["'relative_tolerance' is for differential equations"]),
        ("seed = 5", "seed = 5\noccasions = [0, 4]", ["cannot have occasions", "[simulation]"]),
        BAD_CONDITION,
        ('death = "s >= threshold"', 'death = "s >="', ["the fate 'death'"]),
        ('death = "s >= threshold"', 'alive = "s > 5"', ["cannot have this name", "rename"]),
        ('"10 into D"', '"10 into D every 1 ss"', ["steady state of doses", "the arm 'high'", "one by one"]),
        ("[output]", '[exposure]\nobservables = ["signal"]\n[output]', ["exposure needs whole courses", "[exposure]"]),
        ("[output]", '[[attainment]]\nobservable = "signal"\nmeasure = "cmax"\nat_least = 1\n[output]',
         ["[[attainment]] is about whole courses", "'attainment_1'"]),
        ("at = [2, 7.75]", 'at = 2\nfate = "deth"', ["can have the fate 'deth'", "did you mean 'death'?"]) ,
        ("at = [2, 7.75]", 'arms = ["lo"]', ["no arm 'lo'", "[[survival]] 'survival_1'"]),
        ("at = [2, 7.75]", 'by = "subject"', ["several arms", 'arms = ["none"]']),
        ("at = [2, 7.75]", 'by = "sex"', ["arm or subject"]),
        ("at = [2, 7.75]", "confidence = 95", ["confidence is not usable"]),
        ("high = 10}", "hihg = 10}", ["no arm 'hihg'", "did you mean 'high'"]),
        ("low = 1, high = 10}", "low = 1}", ["the arm 'high' has no dose"]),
        ("high = 10}", "high = -1}", ["dose of 'high'", "[[kill_curve]] 2", "doses = {low"]),
        ('id = "late"', 'id = "late"\nunit = "mg"', ["'unit' says nothing here"]),
        ('id = "late"', 'id = "late"\narms = ["low"]', ["one arm is no curve"]),
        ('id = "late"', 'id = "late"\nmoment = false', ["cells at a moment"]),
        ('shape = "a"\n', "", ["'shape' is missing", "[closed_form]"]),
        ('laws = ["negative binomial", "gamma"]', 'laws = ["normal"]', ["no law 'normal'", "gamma"]),
        ('arm = "high"\n', "", ["which arm", 'arm = "none"']),
        ("subject = 2\n", "", ["no one subject", "subject = 1"]),
        ('observable = "signal"\nat = 8', 'observable = "sig"\nat = 8', ["no observable 'sig'"]),
        ("[output]", '[[figures]]\nkind = "cells"\nlog = true\n[output]', ["no key 'log'", "[[figures]] 1"]),
        ("[output]", "[[figures]]\nindividuals = true\n[output]", ["a line for every cell", "individuals = 30"]),
        ("[output]", '[[figures]]\nkind = "cell"\n[output]', ["No such kind of figure", "cells"]),
    ],
)  # fmt: skip
def test_what_single_cells_cannot_be_asked_is_refused_where_it_is(tmp_path, old, new, words):
    assert old in STUDY
    with pytest.raises(qsp.QSPError) as caught:
        read_study(written(tmp_path, STUDY.replace(old, new, 1)))
    for word in words:
        assert word.lower() in str(caught.value).lower()


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ('[fates]\ndeath = "s > 5"', ["Fates end single cells", "[fates]", 'method = "ssa"']),
        ("[[survival]]", ["[[survival]] is about single cells", 'method = "ssa"']),
        ('[[figures]]\nkind = "cells"', ["no single cells to draw", "figure_1"]),
    ],
)
def test_what_only_single_cells_can_is_refused_without_them(tmp_path, section, words):
    with pytest.raises(qsp.StudyError) as caught:
        read_study(written(tmp_path, WITHOUT + section + "\n"))
    for word in words:
        assert word in str(caught.value)


def test_differential_equations_say_that_they_know_no_cells(tmp_path):
    outcome = run(read_study(written(tmp_path, WITHOUT)))
    [note] = outcome.notes
    assert note.startswith("differential equations know no cells: what varies between them (threshold)")


def test_an_arm_without_fates_has_no_survival(tmp_path):
    text = STUDY.replace('[fates]\ndeath = "s >= threshold"\n', "")
    with pytest.raises(qsp.StudyError, match=r"'none' has no fates.*survival_1.*\[fates\]"):
        read_study(written(tmp_path, text))


# ------------------------------------------------------------------------------------------------------------- results
def test_the_runs_are_those_of_simulate(done, results):
    study = read_study(done.parent / "study.toml")
    model = qsp.read_antimony(MODEL)
    arm = qsp.Experiment(model, times="0:8 by 0.5", observables=[qsp.Observable("signal", formula="s")], id="high",
                         regimen="10 into D", fates={"death": "s >= threshold"})  # fmt: skip
    population = qsp.read_population(done.parent / "patients.toml")
    ds = qsp.simulate(arm, population=population, size=3, method="ssa", seed=study.seed, **{
        k: v for k, v in study.cells.arguments.items() if k != "method"})  # fmt: skip
    own = results.sel(experiment=["high"])
    assert np.array_equal(own["signal"], ds["signal"], equal_nan=True)
    assert own["fate"].to_numpy().tolist() == ds["fate"].to_numpy().tolist()


def test_survival_is_the_share_that_has_not_ended(done, results):
    table = pd.read_csv(done / "figures" / "survival_1.csv")
    assert sorted(set(table["time"])) == sorted({*np.arange(0, 8.1, 0.5).tolist(), 7.75})
    ended = results["fate_time"].fillna(np.inf)
    for row in table.to_dict("records"):
        alive = float((ended.sel(experiment=row["experiment"]) > row["time"]).mean())
        assert row["alive"] == pytest.approx(alive)
        assert row["low"] <= row["alive"] <= row["high"]
    assert set(table["n"]) == {90}


def test_a_kill_curve_has_the_same_cells_at_the_moment_and_in_closed_form(done, results):
    late, early = (pd.read_csv(done / "figures" / f"{n}.csv") for n in ("late", "early"))
    killed = (results["fate"] == "death").mean(("subject", "replicate"))
    assert late["dose"].tolist() == early["dose"].tolist() == [0.0, 1.0, 10.0]
    assert set(early["dose_unit"]) == {"mg"}
    for row in late.to_dict("records"):
        assert row["killed"] == pytest.approx(float(killed.sel(experiment=row["experiment"])))
    for table in (late, early):
        assert (table["moment"] <= table["killed"]).all()
        assert table["killed"].is_monotonic_increasing
    kmax = results["kmax"].to_numpy()
    for row in late.to_dict("records"):
        # Cells differ in their threshold by a tenth, which the mean over patients does not know.
        rough = gammaincc(1 + kmax * row["dose"] / (2 + row["dose"]), 25 / 10).mean()
        assert row["closed_form"] == pytest.approx(rough, abs=0.03)
        assert row["moment_low"] - 0.02 <= row["closed_form"] <= row["moment_high"] + 0.02
    assert late["closed_form_holds"].all()
    assert not early["closed_form_holds"].any()
    assert early["why_not"].str.contains("2.0 of its lifetimes, of 5").all()


def test_the_page_says_what_is_shown_and_where_the_closed_form_holds(done):
    page = (done / "report.html").read_text(encoding="utf-8")
    for words in (
        "<h2>Survival of cells</h2>", "<h2>Killed cells by dose</h2>", "<h2>Distribution over cells</h2>",
        "<b>Cells per subject</b>30", "These conditions hold in all arms", "hold in no arm, so that it is no yardstick",
        "Q(a, threshold / b), mean over the cells", "death, <code>s &gt;= threshold</code>", "Cells per subject 30",
        "Between the cells of one subject <code>threshold</code> varies", "Alive at 7.75 (%)",
    ):  # fmt: skip
        assert words in page, words
    assert pd.read_csv(done / "subjects.csv")["failed cells high"].tolist() == [0, 0, 0]


def test_conditions_that_fail_are_named(tmp_path):
    text = STUDY.replace("b >= 5", "b >= 50").partition('[[kill_curve]]\nid = "early"')[0]
    outcome = run(read_study(written(tmp_path, text.replace("replicates = 30", "replicates = 2"))))
    assert set(outcome.tables[1]["why_not"]) == {"b >= 50 is not so"}
    note = outcome.study.analyses[1].note(outcome.tables[1], outcome)
    assert "no arm" in note
    assert "No drug, low, high: b >= 50 is not so" in note


def test_cells_that_fail_without_their_fate_are_told(tmp_path):
    text = STUDY.partition("[kill_curve.closed_form]")[0] + "moment = true\n"
    text = text.replace("max_jumps = 1000000", 'max_jumps = 900\non_failure = "record"')
    outcome = run(read_study(written(tmp_path, text)))
    assert not outcome.tables[1]["n_failed"].any()
    lost = int(outcome.tables[1]["n_moment_failed"].sum())
    assert lost > 0
    assert f"{lost} of them failed on the way" in outcome.study.analyses[1].note(outcome.tables[1], outcome)


# -------------------------------------------------------------------------------------------------------- distribution
def test_a_distribution_has_moments_noise_and_laws_of_the_cells_asked_for(done):
    table = pd.read_csv(done / "figures" / "distribution_1.csv").set_index("statistic")["value"]
    assert table["n"] == 60
    assert table["n_ended"] == 0
    assert table["mean"] / 10 == pytest.approx(table["fano"] * table["mean"] / table["variance"] * table["mean"] / 10)
    assert table["negative binomial: size"] * table["negative binomial: burst"] == pytest.approx(table["mean"])
    assert table["gamma: shape"] * table["gamma: scale"] == pytest.approx(table["mean"])
    assert 5 < table["fano"] < 25  # 1 + kp/(gm + g) = 10.8


def test_cells_run_again_do_what_they_did_until_their_fate(tmp_path):
    text = STUDY.partition("[[survival]]")[0].replace("replicates = 30", "replicates = 5")
    outcome = run(read_study(written(tmp_path, text)))
    own = outcome.results.sel(experiment=["high"])
    arm = outcome.experiments[2]
    again = cells_again(outcome, arm.observables, arms=["high"], times={"high": arm.times})
    there = np.isfinite(own["signal"].to_numpy())
    assert not there.all()
    assert np.array_equal(own["signal"].to_numpy()[there], again["signal"].to_numpy()[there])
    assert np.isfinite(again["signal"].to_numpy()).all()
    more = cells_again(outcome, arm.observables, arms=["high"], times={"high": arm.times}, subject=2, replicates=7)
    assert more.sizes["replicate"] == 7
    assert np.array_equal(more["signal"].to_numpy()[0, 0, :5], again["signal"].to_numpy()[0, 1])


DISTRIBUTION = STUDY.partition("[[survival]]")[0].replace("replicates = 30", "replicates = 20")


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ('laws = ["gamma"]', "several subjects do not follow one law.*subject = 1"),
        ("subject = 9", "no such subject"),
        ("at = 2.1", "no such time"),
        ("at = 0", "all cells have one value.*later time"),
    ],
)
def test_a_distribution_that_cannot_be_is_refused_by_name(tmp_path, keys, words):
    at = "" if keys.startswith("at") else "at = 2\n"
    text = f'{DISTRIBUTION}[[distribution]]\nobservable = "signal"\narm = "none"\n{at}{keys}\n'
    with pytest.raises(qsp.QSPError, match=rf"(?i){words}"):
        run(read_study(written(tmp_path, text)))


def test_a_law_that_does_not_fit_costs_no_results_and_is_told(tmp_path):
    keys = 'observable = "signal"\narm = "none"\nat = 0.5\nsubject = 1\nreplicates = 30\nlaws = ["gamma"]\n'
    outcome = run(read_study(written(tmp_path, f"{DISTRIBUTION}[[distribution]]\n{keys}")))
    [analysis], [table] = outcome.study.analyses, outcome.tables
    assert "Gamma is not fitted: a Gamma distribution has no values of zero" in analysis.note(table, outcome)


# ------------------------------------------------------------------------------------------------------------- figures
def test_time_courses_are_bands_over_the_living_and_cells_are_few_lines(tmp_path):
    cells = '[[figures]]\nid = "some"\nkind = "cells"\nindividuals = 7\nthreshold = 25\n'
    outcome = run(read_study(written(tmp_path, DISTRIBUTION)))
    [spec] = figures_of(outcome)
    figure = draw(spec, outcome)
    assert len(figure.axes[0].lines) < 10
    said = " ".join(t.get_text() for t in figure.texts)
    assert "60 cells per arm of 3 subjects that are alive then, while 10 or more" in said.replace("\n", " ")
    panels = draw(replace(spec, panels="subject"), outcome)
    assert "20 cells per arm and subject" in " ".join(t.get_text() for t in panels.texts).replace("\n", " ")
    written(tmp_path, DISTRIBUTION + cells)
    figure = draw(read_study(tmp_path / "study.toml").figures[0], outcome)
    assert [a.get_title(loc="left") for a in figure.axes] == ["No drug", "low", "high"]
    assert len(figure.axes[0].lines) == 7 + 3  # the mean, the crosses and the threshold


# ---------------------------------------------------------------------------------------------------------------- lock
def test_a_lock_repeats_cells_to_the_bit(done, tmp_path):
    lock = json.loads((done / "lock.json").read_text())
    assert lock["method"] == {"method": "ssa", "replicates": 30, "continuous": ["D"], "max_jumps": 1_000_000}
    assert lock["fates"]["low"] == {"death": "s >= threshold"}
    assert {"signal", "fate", "fate_time"} <= set(lock["values"])
    assert {"figures/late.csv", "figures/survival_1.csv", "figures/distribution_1.csv"} <= set(lock["results"])
    again = run_study(done / "lock.json", output=tmp_path / "again", workers=2)
    assert json.loads((again / "lock.json").read_text())["repeats"]["identical"] is True
    for name in ("data.parquet", "report.html", "figures/early.svg", "figures/time_courses.svg"):
        assert (again / name).read_bytes() == (done / name).read_bytes()


# --------------------------------------------------------------------------------------------------- the library's own
def test_the_study_of_fractional_killing_runs(tmp_path):
    system = models_root() / "systems" / "fractional_killing_cells"
    study = read_study(system / "study.toml")
    assert [a.SECTION for a in study.analyses] == ["survival"] * 2 + ["kill_curve"] * 2 + ["distribution"]
    text = (system / "study.toml").read_text(encoding="utf-8").replace("size = 10", "size = 2")
    text = text.replace("replicates = 12", "replicates = 3").replace("replicates = 300", "replicates = 20")
    text = text.replace('"fractional_killing_cells.ant"', f'"{system.as_posix()}/fractional_killing_cells.ant"')
    (tmp_path / "patients.toml").write_text((system / "patients.toml").read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "study.toml").write_text(text, encoding="utf-8")
    outcome = run(read_study(tmp_path / "study.toml", root=models_root()))
    late, early = outcome.tables[2:4]
    assert late["closed_form_holds"].all()
    assert not early["closed_form_holds"].any()
    assert late["closed_form"].is_monotonic_increasing
    assert (late["moment"] <= late["killed"]).all()
