"""Study files: read strictly, run into a folder of results, repeated to the bit from the lock."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pandas as pd
import pytest

import sbmlqsp as qsp
from sbmlqsp.catalogue import models_root
from sbmlqsp.errors import DataError, ExperimentError, SimulationError, StudyError
from sbmlqsp.files import sha256_of
from sbmlqsp.study import read_study, run_study
from tests.wrong_inputs import DECAY

STUDY = """[study]
id = "decay"
title = "A decay"
[model]
file = "decay.ant"
[simulation]
times = [0, 1, 2, 6]
[[observables]]
id = "A"
unit = "ug/L"
[[arms]]
id = "one"
regimen = "[DOSE] mg into A"
[[arms]]
id = "two"
title = "Twice as fast"
regimen = "[DOSE] mg into A"
[arms.changes]
V = "5 L"
[subjects]
file = "people.csv"
id = "ID"
columns = {k = "KE", DOSE = "AMT"}
carry = ["SEX"]
[data]
file = "people.csv"
id = "ID"
time = "TIME"
time_unit = "min"
observations = {A = "CONC"}
units = {A = "mg/L"}
[[figures]]
id = "curves"
observables = ["A"]
[exposure]
observables = ["A"]
[output]
formats = ["svg"]
"""
PEOPLE = "ID,TIME,AMT,CONC,KE,SEX\n1,0,10,.,0.1,M\n1,60,.,0.9,.,M\n2,0,20,.,0.2,F\n2,120,.,1.3,0.2,F\n"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "decay.ant").write_text(DECAY)
    (tmp_path / "people.csv").write_text(PEOPLE)
    (tmp_path / "study.toml").write_text(STUDY)
    return tmp_path


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """One finished run, to be read only."""
    base = tmp_path_factory.mktemp("study")
    (base / "decay.ant").write_text(DECAY)
    (base / "people.csv").write_text(PEOPLE)
    (base / "study.toml").write_text(STUDY)
    return run_study(base / "study.toml", output=base / "out")


# ------------------------------------------------------------------------------------------------------------ reading
def test_a_study_is_read_as_written(folder):
    study = read_study(folder / "study.toml")
    assert (study.id, study.title, study.times) == ("decay", "A decay", (0, 1, 2, 6))
    assert [a.id for a in study.arms] == ["one", "two"]
    assert study.arms[1].changes == {"V": "5 L"}
    assert study.files == ("decay.ant", "people.csv")


def test_dotted_names_need_no_quotation_marks(folder):
    text = STUDY.replace("[[observables]]", "[changes]\npk.CL = 2\npk.deep.x = 3\n[[observables]]", 1)
    (folder / "study.toml").write_text(text)
    assert read_study(folder / "study.toml").changes == {"pk.CL": 2, "pk.deep.x": 3}


def test_the_documented_file_is_read():
    from pathlib import Path

    import sbmlqsp.study as module
    from sbmlqsp.studies.keys import parse_toml
    from sbmlqsp.studies.spec import study_of

    text = module.__doc__.split("::\n", 1)[1].rsplit("A key that", 1)[0]
    text = "\n".join(line.strip() for line in text.splitlines())
    study = study_of(parse_toml(text, where="doc", what="doc"), text=text, source=Path("doc"), folder=Path())
    assert study.people.columns == {"WT": "weight_kg", "DOSE": "dose_mg_per_kg"}


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("title =", "titel =", ["'titel'", "did you mean 'title'", "[study]"]),
        ("[exposure]", "[expo]", ["'expo'", "exposure"]),
        ('unit = "ug/L"', 'units = "ug/L"', ["'units'", "'unit'", "[[observables]] 1"]),
        ('id = "decay"', 'id = "a/b"', ["a/b", "folder"]),
        ('file = "decay.ant"', "", ["which model"]),
        ('file = "decay.ant"', 'file = "decay.ant"\nid = "emax"', ["says it twice"]),
        ('id = "two"', 'id = "one"', ["Two arms", "one"]),
        ('observations = {A = "CONC"}', "observations = {}", ["nothing about any observable"]),
        ('observations = {A = "CONC"}', 'observations = {B = "CONC"}', ["no observable 'B'", "[data]"]),
        ('formats = ["svg"]', 'formats = ["gif"]', ["gif", "svg"]),
        ("times = [0, 1, 2, 6]", "times = [0, 1]\nat_dose = 'during'", ["during", "before"]),
        ("times = [0, 1, 2, 6]", "times = [0, 1]\nrelative_tolerance = 2.0", ["tolerances"]),
        ('carry = ["SEX"]', "carry = [1]", ["no text", "[subjects]"]),
        ('id = "curves"', 'id = "curves"\npanels = "sex"', ["No such panels", "subject"]),
        ('id = "curves"', 'id = "curves"\nlog = "yes"', ["'log'", "true or false"]),
        ('id = "curves"', 'id = "curves"\narms = ["three"]', ["no arm 'three'"]),
        ('V = "5 L"', "V = true", ["'V'", "no number"]),
        ('"[DOSE] mg into A"\n[[', '"[DOSE] mg A"\n[[', ["'into'", "the arm 'one'"]),
    ],
)
def test_wrong_keys_and_values_are_refused_where_they_are(folder, old, new, words):
    assert old in STUDY
    (folder / "study.toml").write_text(STUDY.replace(old, new, 1))
    with pytest.raises(qsp.QSPError) as caught:
        read_study(folder / "study.toml")
    for word in words:
        assert word in str(caught.value)


def test_names_of_the_model_are_refused_with_their_arm(folder):
    (folder / "study.toml").write_text(STUDY.replace('V = "5 L"', "VV = 5"))
    with pytest.raises(ExperimentError, match=r"'VV'.*the arm 'two'.*did you mean 'V'"):
        run_study(folder / "study.toml", output=folder / "out")
    assert not (folder / "out").exists()


# ------------------------------------------------------------------------------------------------------------ running
def test_the_results_folder_holds_everything(done):
    names = {p.relative_to(done).as_posix() for p in done.rglob("*") if p.is_file()}
    assert names == {
        "data.parquet", "summary.csv", "exposure.csv", "subjects.csv", "figures/curves.svg", "report.html", "model.xml",
        "lock.json", "inputs/study.toml", "inputs/model.xml", "inputs/people.csv", "inputs/sources/decay.ant",
    }  # fmt: skip
    assert not [p for p in done.parent.iterdir() if p.name.startswith(".")]


def test_values_are_those_of_simulate_and_of_the_closed_form(done):
    ds = qsp.read_results(done / "data.parquet")
    assert ds["A"].attrs["units"] == "ug/L"
    t = ds["time"].to_numpy()
    for arm, volume in (("one", 10.0), ("two", 5.0)):
        for subject, dose, k in ((1, 10.0, 0.1), (2, 20.0, 0.2)):
            got = ds["A"].sel(experiment=arm, subject=subject)[0].to_numpy()
            assert got == pytest.approx(1000 * dose / volume * np.exp(-k * t), rel=1e-6)
    assert ds["SEX"].to_numpy().tolist() == ["M", "F"]


def test_tables_agree_with_the_results(done):
    ds = qsp.read_results(done / "data.parquet")
    summary = pd.read_csv(done / "summary.csv")
    pd.testing.assert_frame_equal(summary, qsp.summarise(ds), check_dtype=False)
    people = pd.read_csv(done / "subjects.csv")
    assert people["subject"].tolist() == [1, 2]
    assert people["DOSE"].tolist() == [10.0, 20.0]
    assert people[["status one", "status two"]].to_numpy().sum() == 0
    assert pd.read_csv(done / "exposure.csv")["cmax"].max() == pytest.approx(4000.0)


def test_the_model_in_the_folder_is_the_model(done):
    assert qsp.read_sbml(done / "model.xml").network.id == "decay"
    lock = json.loads((done / "lock.json").read_text())
    assert (
        sha256_of(done / "inputs" / "model.xml")
        == lock["model"]["digest"]
        == qsp.read_antimony(done / "inputs/sources/decay.ant").digest
    )


def test_a_lock_repeats_the_run_to_the_bit(done, tmp_path):
    again = run_study(done / "lock.json", output=tmp_path / "again")
    lock = json.loads((again / "lock.json").read_text())
    assert lock["repeats"]["identical"] is True
    for name in ("data.parquet", "summary.csv", "exposure.csv", "report.html", "figures/curves.svg"):
        assert (again / name).read_bytes() == (done / name).read_bytes()


def test_a_repetition_needs_nothing_but_its_folder_and_can_be_repeated(done, tmp_path):
    moved = tmp_path / "elsewhere"
    shutil.copytree(done, moved)
    again = run_study(moved / "lock.json")
    assert again == tmp_path / "elsewhere-repeat"
    shutil.rmtree(moved)
    third = run_study(again / "lock.json")
    assert json.loads((third / "lock.json").read_text())["repeats"]["identical"] is True


def test_a_difference_is_found_and_named(done, tmp_path):
    moved = tmp_path / "moved"
    shutil.copytree(done, moved)
    lock = json.loads((moved / "lock.json").read_text())
    lock["study"] = lock["study"].replace("times = [0, 1, 2, 6]", "times = [0, 1, 2, 7]")
    lock["versions"]["numpy"] = "1.0"
    (moved / "lock.json").write_text(json.dumps(lock))
    again = run_study(moved / "lock.json")
    repeats = json.loads((again / "lock.json").read_text())["repeats"]
    assert repeats["identical"] is False
    assert "the values of A differ" in repeats["differences"]
    assert any(d.startswith("numpy was 1.0, is ") for d in repeats["differences"])


@pytest.mark.parametrize("name", ["people.csv", "model.xml"])
def test_a_changed_or_lost_input_is_refused(done, tmp_path, name):
    moved = tmp_path / "moved"
    shutil.copytree(done, moved)
    with (moved / "inputs" / name).open("a") as file:
        file.write(" ")
    with pytest.raises(StudyError, match=f"changed since.*{name}"):
        run_study(moved / "lock.json")
    (moved / "inputs" / name).unlink()
    with pytest.raises(StudyError, match="missing"):
        run_study(moved / "lock.json")


@pytest.mark.parametrize("content", ["", "{", "[]", '{"format": "sbmlqsp lock 1"}', '{"format": "sbmlqsp lock 9"}'])
def test_what_is_no_lock_is_refused(tmp_path, content):
    (tmp_path / "lock.json").write_text(content)
    with pytest.raises(StudyError, match=r"lock|empty"):
        run_study(tmp_path / "lock.json")


# ------------------------------------------------------------------------------------------------------------- folders
def test_a_second_run_replaces_the_first_and_keeps_what_is_not_its_own(folder):
    out = run_study(folder / "study.toml", output=folder / "out")
    (out / "thoughts.txt").write_text("mine")
    (out / "figures" / "drawn.svg").write_text("mine too")
    (folder / "study.toml").write_text(STUDY.replace('id = "curves"', 'id = "lines"'))
    run_study(folder / "study.toml", output=folder / "out")
    assert (out / "thoughts.txt").read_text() == "mine"
    assert sorted(p.name for p in (out / "figures").iterdir()) == ["drawn.svg", "lines.svg"]
    assert sorted(p.name for p in folder.iterdir()) == ["decay.ant", "out", "people.csv", "study.toml"]


def test_a_folder_of_other_things_is_refused_before_anything_runs(folder, monkeypatch):
    (folder / "out").mkdir()
    (folder / "out" / "thesis.tex").write_text("years of work")
    monkeypatch.setattr("sbmlqsp.study.run", lambda *_, **__: pytest.fail("it ran"))
    with pytest.raises(StudyError, match="not the results of a study"):
        run_study(folder / "study.toml", output=folder / "out")
    assert (folder / "out" / "thesis.tex").read_text() == "years of work"


def test_an_empty_folder_is_used(folder):
    (folder / "out").mkdir()
    assert (run_study(folder / "study.toml", output=folder / "out") / "report.html").is_file()


def test_a_run_that_fails_leaves_the_earlier_results_alone(folder):
    out = run_study(folder / "study.toml", output=folder / "out")
    before = sha256_of(out / "lock.json")
    (folder / "people.csv").write_text(PEOPLE.replace("0.1", "-1e300"))
    with pytest.raises(SimulationError, match="Subject 1"):
        run_study(folder / "study.toml", output=folder / "out")
    assert sha256_of(out / "lock.json") == before
    assert not [p for p in folder.iterdir() if p.name.startswith(".")]


def test_failed_runs_can_be_kept_and_are_told(folder):
    (folder / "people.csv").write_text(PEOPLE.replace("0.1", "-1e300"))
    (folder / "study.toml").write_text(
        STUDY.replace("times = [0, 1, 2, 6]", 'times = [0, 1, 2, 6]\non_failure = "record"')
    )
    out = run_study(folder / "study.toml", output=folder / "out")
    assert pd.read_csv(out / "subjects.csv")["status one"].tolist()[1] == 0
    assert pd.read_csv(out / "subjects.csv")["status one"].tolist()[0] != 0
    assert "2 of the runs failed" in (out / "report.html").read_text()


def test_the_default_folder_is_named_after_the_study(folder, monkeypatch):
    monkeypatch.chdir(folder)
    assert run_study("study.toml").as_posix() == "results/decay"


# -------------------------------------------------------------------------------------------------------------- people
def test_a_value_that_changes_within_a_subject_needs_a_word(folder):
    (folder / "people.csv").write_text(PEOPLE.replace("1.3,0.2", "1.3,0.3"))
    with pytest.raises(DataError, match=r"'KE' changes within subject 2, from 0.2 to 0.3.*line 5"):
        run_study(folder / "study.toml", output=folder / "out")
    (folder / "study.toml").write_text(STUDY.replace('carry = ["SEX"]', 'carry = ["SEX"]\nvarying = "first"'))
    out = run_study(folder / "study.toml", output=folder / "out")
    assert pd.read_csv(out / "subjects.csv")["k"].tolist() == [0.1, 0.2]


def test_the_first_row_of_a_subject_must_have_its_values(folder):
    (folder / "people.csv").write_text(PEOPLE.replace("2,0,20", "2,0,."))
    with pytest.raises(DataError, match=r"'AMT' has no value for subject 2.*line 4"):
        run_study(folder / "study.toml", output=folder / "out")


def test_data_are_converted_and_laid_over_the_figures(folder):
    from sbmlqsp.studies.running import draw, figures_of, run

    outcome = run(read_study(folder / "study.toml"))
    assert outcome.observed["TIME"].tolist() == [0.0, 1.0, 0.0, 2.0]
    assert outcome.observed["A"].dropna().tolist() == pytest.approx([900.0, 1300.0])
    figure = draw(figures_of(outcome)[0], outcome)
    points = [line for line in figure.axes[0].get_lines() if line.get_marker() == "o"]
    assert sum(len(line.get_xdata()) for line in points) >= 2
    assert {"one", "Twice as fast"} <= {t.get_text() for t in figure.legends[0].get_texts()}


# ---------------------------------------------------------------------------------------------------- the library's own
@pytest.fixture(scope="module")
def theophylline(tmp_path_factory):
    study = models_root() / "systems" / "theophylline" / "study.toml"
    return run_study(study, output=tmp_path_factory.mktemp("library") / "out")


def test_theophylline_fits_its_data_as_the_card_says(theophylline):
    from sbmlqsp.catalogue import card

    ds = qsp.read_results(theophylline / "data.parquet")
    data = pd.read_csv(models_root() / "systems/theophylline/theophylline.csv")
    squares = 0.0
    for subject, part in data.groupby("subject"):
        curve = ds["Cp"].sel(subject=subject)[0, 0].to_numpy()
        squares += float(((np.interp(part["time_h"], ds["time"], curve) - part["conc_mg_per_L"]) ** 2).sum())
    assert squares == pytest.approx(card("theophylline")["estimation"]["residual_sum_of_squares"], rel=0.01)


def test_parts_and_sources_of_a_composed_model_are_kept(theophylline):
    assert (theophylline / "model_comp.xml").is_file()
    names = {p.name for p in (theophylline / "inputs" / "sources").iterdir()}
    assert names == {"theophylline.ant", "one_compartment.ant", "first_order_absorption.ant"}
    assert "estimated from the data" in (theophylline / "report.html").read_text()


def test_the_antibody_study_runs(tmp_path):
    out = run_study(models_root() / "systems" / "mab_tmdd" / "study.toml", output=tmp_path / "out")
    ds = qsp.read_results(out / "data.parquet")
    assert int(ds["status"].sum()) == 0
    assert ds["C"].attrs["units"] == "mg/L"
    page = (out / "report.html").read_text()
    assert "Davda 2014, Table 3" in page  # from its own card
    assert "Peletier and Gabrielsson 2012" in page  # from the card of a part


POPULATION = """[parameters]
k = 0.2
[variability.k]
kind = "log-normal"
cv = 0.3
"""
CROWD = """[study]
id = "crowd"
[model]
file = "decay.ant"
[simulation]
times = [0, 1, 6]
seed = 3
[population]
file = "population.toml"
size = 12
[[observables]]
id = "A"
[[arms]]
id = "one"
regimen = "10 mg into A"
"""


@pytest.fixture
def crowd(tmp_path):
    (tmp_path / "decay.ant").write_text(DECAY, encoding="utf-8")
    (tmp_path / "population.toml").write_text(POPULATION, encoding="utf-8")
    (tmp_path / "crowd.toml").write_text(CROWD, encoding="utf-8")
    return tmp_path / "crowd.toml"


def test_a_study_draws_its_population_with_its_seed_and_repeats_it(crowd):
    folder = run_study(crowd, output=crowd.parent / "out")
    people = pd.read_csv(folder / "subjects.csv")
    drawn = qsp.sample(qsp.read_population(crowd.parent / "population.toml"), 12, seed=3)
    assert people["k"].to_numpy() == pytest.approx(drawn["k"].to_numpy(), rel=1e-12)
    ds = qsp.read_results(folder / "data.parquet")
    assert ds.sizes["subject"] == 12
    again = run_study(folder / "lock.json", output=crowd.parent / "again", workers=2)
    assert json.loads((again / "lock.json").read_text())["repeats"]["identical"] is True


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("size = 12", "size = 0", "without subjects"),
        ("size = 12", "", "size"),
        ("size = 12", "size = 12\nsizes = 3", "no key 'sizes'"),
        ("[population]", '[subjects]\nfile = "p.csv"\n[population]', "both given"),
        ("population.toml", "nowhere.toml", "nowhere.toml"),
    ],
)
def test_a_wrong_population_of_a_study_is_refused(crowd, old, new, words):
    crowd.write_text(CROWD.replace(old, new), encoding="utf-8")
    with pytest.raises(qsp.QSPError, match=f"(?i){words}"):
        run_study(crowd, output=crowd.parent / "out")


def test_a_study_runs_occasions_and_people_of_a_table_and_locks_both(crowd):
    folder = crowd.parent
    (folder / "people.csv").write_text("WT,SEX\n60,F\n80,M\n", encoding="utf-8")
    text = 'people = "people.csv"\n' + POPULATION.replace("k = 0.2", 'k = "0.2*WT/70*(1 - 0.1*SEX_F)"')
    population = folder / "population.toml"
    population.write_text(text, encoding="utf-8")
    out = run_study(crowd, output=folder / "out")
    assert set(pd.read_csv(out / "subjects.csv")["SEX"]) == {"F", "M"}
    (folder / "people.csv").unlink()
    again = run_study(out / "lock.json", output=folder / "again")
    assert json.loads((again / "lock.json").read_text())["repeats"]["identical"] is True
    (out / "inputs" / "people.csv").write_text("WT,SEX\n60,F\n", encoding="utf-8")
    with pytest.raises(qsp.StudyError, match="changed since"):
        run_study(out / "lock.json", output=folder / "third")
    population.write_text(text.replace("people.csv", "sub/people.csv"), encoding="utf-8")
    (folder / "sub").mkdir()
    (folder / "sub" / "people.csv").write_text("WT,SEX\n60,F\n80,M\n", encoding="utf-8")
    with pytest.raises(qsp.StudyError, match="do not lie beside it"):
        run_study(crowd, output=folder / "fourth")
    population.write_text(POPULATION.replace("[variability", "[occasion_variability"), encoding="utf-8")
    crowd.write_text(CROWD.replace("seed = 3", "seed = 3\noccasions = [0, 2]\nmax_failed = 0.1")
                     .replace("[population]", 'on_failure = "record"\n[population]'), encoding="utf-8")  # fmt: skip
    table = pd.read_csv(run_study(crowd, output=folder / "fifth") / "subjects.csv")
    assert table[["subject", "occasion"]].to_numpy()[:3].tolist() == [[1, 1], [1, 2], [2, 1]]
    assert table["k"].nunique() == 24


# ------------------------------------------------------------------------------------------------------------ analyses
ANALYSES = """
[[exposure_by]]
id = "by_weight"
observable = "A"
measure = "cmax"
covariate = "WT"
groups = 2
[[forest]]
observable = "A"
measure = "cmax"
size = 4
[[attainment]]
id = "peak"
observable = "A"
measure = "cmax"
at_least = [0.5, 1.0, 2.0]
[output]
formats = ["svg"]
"""


@pytest.fixture
def analysed(crowd):
    population = POPULATION.replace("k = 0.2", 'k = "0.2*(WT/70)^0.75"')
    population += '[covariates.WT]\nkind = "normal"\nmean = 70\nsd = 10\nunit = "kg"\n'
    (crowd.parent / "population.toml").write_text(population, encoding="utf-8")
    text = CROWD.replace("times = [0, 1, 6]", "times = [0, 0.25, 0.5, 0.75, 1, 2, 4, 6]")
    text = text.replace("size = 12", "size = 12\nfigure = true") + ANALYSES
    crowd.write_text(text, encoding="utf-8")
    return crowd


def test_analyses_give_a_table_a_figure_and_a_part_of_the_page_and_repeat(analysed):
    out = run_study(analysed, output=analysed.parent / "out")
    names = {"population", "by_weight", "forest_1", "peak"}
    assert {p.stem for p in (out / "figures").glob("*.csv")} == names
    assert names < {p.stem for p in (out / "figures").glob("*.svg")}
    groups = pd.read_csv(out / "figures" / "by_weight.csv")
    people = pd.read_csv(out / "subjects.csv")
    assert groups["n"].tolist() == [6, 6]
    assert groups["high"].max() == pytest.approx(people["WT"].max())
    effects = pd.read_csv(out / "figures" / "forest_1.csv")
    assert effects["covariate"].tolist() == ["WT", "WT"]
    assert effects["n_subjects"].tolist() == [4, 4]
    assert not (out / "exposure.csv").exists()  # the study asked for none, and its analyses need none
    ds = qsp.read_results(out / "data.parquet")
    highest = ds["A"].max("time").to_numpy().ravel()
    attained = pd.read_csv(out / "figures" / "peak.csv")
    assert attained["n_attained"].tolist() == [int((highest >= g).sum()) for g in (0.5, 1.0, 2.0)]
    page = (out / "report.html").read_text(encoding="utf-8")
    for heading in ("Population", "Exposure by covariate", "Covariate effects", "Target attainment"):
        assert f"<h2>{heading}</h2>" in page
    assert "normal, mean 70, sd 10 kg" in page
    lock = json.loads((out / "lock.json").read_text())
    assert {f"figures/{n}.csv" for n in names} < set(lock["results"])
    again = run_study(out / "lock.json", output=analysed.parent / "again", workers=2)
    assert json.loads((again / "lock.json").read_text())["repeats"]["identical"] is True
    for name in (*names, "time_courses"):
        svg = f"figures/{name}.svg"
        assert (out / svg).read_bytes() == (again / svg).read_bytes()


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('covariate = "WT"', 'covariat = "WT"', ["'covariat'", "'covariate'", "[[exposure_by]] 1"]),
        ('covariate = "WT"', 'covariate = "WTT"', ["did you mean 'WT'", "'by_weight'"]),
        ('id = "peak"', 'id = "by_weight"', ["one id", "by_weight"]),
        ('id = "peak"', 'id = "a/b"', ["cannot name a file"]),
        ("at_least = [0.5, 1.0, 2.0]", "at_least = 0.5\nat_most = 1", ["no goal, or two", "[[attainment]] 1"]),
        ("at_least = [0.5, 1.0, 2.0]", "at_least = 1\nmic = [1, 2]\ndistribution = {x = 1}", ["share of MICs"]),
        ('observable = "A"\nmeasure = "cmax"\nsize', 'observable = "B"\nmeasure = "cmax"\nsize', ["no observable 'B'"]),
        ("size = 4", "size = 4\nband = [1]", ["'band' is no pair"]),
        ("groups = 2", 'groups = 2\nkind = "bar"', ["No such kind", "violin"]),
        ("groups = 2", 'groups = 2\narms = ["three"]', ["no arm 'three'"]),
        ("figure = true", 'figure = "yes"', ["'figure'", "true or false"]),
        ("[population]", "[populations]", ["'populations'"]),
    ],
)
def test_wrong_analyses_are_refused_where_they_are(analysed, old, new, words):
    text = analysed.read_text(encoding="utf-8")
    assert old in text
    analysed.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(qsp.QSPError) as caught:
        run_study(analysed, output=analysed.parent / "out")
    for word in words:
        assert word in str(caught.value)


def test_covariate_effects_need_a_population(folder):
    text = STUDY + '[[forest]]\nobservable = "A"\n'
    (folder / "study.toml").write_text(text)
    with pytest.raises(StudyError, match="need a population"):
        read_study(folder / "study.toml")


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ("percentiles = [5, 95]", "around the median"),
        ("percentiles = [25, 50, 50]", "around the median"),
        ("individuals = 0", "how many"),
    ],
)
def test_wrong_bands_of_a_figure_are_refused(folder, keys, words):
    (folder / "study.toml").write_text(STUDY.replace('id = "curves"', f'id = "curves"\n{keys}'))
    with pytest.raises(StudyError, match=words):
        read_study(folder / "study.toml")


def test_bands_and_individuals_of_a_figure_are_read(folder):
    keys = "percentiles = [10, 25, 50, 75, 90]\nindividuals = 7"
    (folder / "study.toml").write_text(STUDY.replace('id = "curves"', f'id = "curves"\n{keys}'))
    (figure,) = read_study(folder / "study.toml").figures
    assert (figure.bands, figure.individuals) == (((10, 90), (25, 75)), 7)
