"""The table of subjects: ids, columns that set the model, and everything that is wrong with tables."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest

import sbmlqsp as qsp
from sbmlqsp.subjects import SubjectsWarning, read_subjects

MODEL = qsp.read_antimony("model m; compartment V = 2; species S in V; S = 1; k = 0.1; y := 2*k; J: S ->; k*S*V; end")
DOSED = qsp.Dose("2*WT", "S", lag="LAG")


def experiment(**options):
    return qsp.Experiment(MODEL, times=[0.0, 1.0], **options)


def read(table, **options):
    return read_subjects(table, (experiment(**options),))


def test_no_table_is_one_subject():
    people = read(None)
    assert (len(people), people.ids) == (1, (1,))
    assert people.overrides(experiment()) == {}


@pytest.mark.parametrize("name", ["ID", "id", "subject", "Subject"])
def test_ids_come_from_a_column(name):
    assert read({name: ["a", "b"], "k": [1, 2]}).ids == ("a", "b")


def test_ids_come_from_the_index_as_plain_numbers():
    ids = read(pd.DataFrame({"k": [1.0, 2.0]}, index=np.array([7, 9]))).ids
    assert ids == (7, 9)
    assert all(type(i) is int for i in ids)


def test_columns_set_symbols_in_the_meaning_they_name():
    people = read({"k": [1, 2], "amount(S)": [3, 4]})
    assert {k: v.tolist() for k, v in people.overrides(experiment()).items()} == {"k": [1, 2], "amount(S)": [3, 4]}


def test_columns_that_doses_read_are_numbers_without_setting_anything():
    people = read({"WT": [60.0, 80.0], "LAG": [0, 1]}, regimen=DOSED)
    assert set(people.numbers) == {"WT", "LAG"}
    assert people.overrides(experiment()) == {}


def test_what_is_only_carried_along_is_said_once_if_it_is_a_number():
    with pytest.warns(SubjectsWarning, match="HEIGHT of the subjects set nothing"):
        people = read({"HEIGHT": [1.0, 2.0], "SEX": ["f", "m"]})
    assert people.numbers == {}
    assert list(people.table.columns) == ["HEIGHT", "SEX"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read({"SEX": ["f", "m"]})


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"ID": ["a", "a"], "k": [1, 2]}, "twice.*'a'"),
        (pd.DataFrame({"k": []}), "empty"),
        (pd.DataFrame(), "empty"),
        ({"ID": ["a", "b"], "k": [1.0, np.nan]}, "'k' has a missing.*subject b"),
        ({"k": [1.0, np.inf]}, "missing or infinite"),
        ({"k": ["one", "two"]}, "'k' is not numeric"),
        ({"K": [1.0, 2.0]}, "did you mean 'k'"),
        ({"amount(s)": [1.0]}, "did you mean 'S'"),
        ({"S": [1.0], "amount(S)": [2.0]}, "Two columns set 'S'"),
    ],
)
def test_bad_tables_are_refused(table, words):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SubjectsWarning)
        with pytest.raises(qsp.DataError, match=words):
            read(table)


def test_what_a_rule_computes_cannot_be_a_column():
    with pytest.raises(qsp.ExperimentError, match="'y' is computed by a rule"):
        qsp.simulate(experiment(), subjects={"y": [1.0, 2.0]})


def test_a_columns_amount_of_something_that_is_no_species_is_refused():
    with pytest.raises(qsp.ExperimentError, match="takes a species"):
        qsp.simulate(experiment(), subjects={"amount(k)": [1.0]})


def test_a_dose_that_reads_an_unknown_column_is_refused_by_name():
    with pytest.raises(qsp.DosingError, match=r"'LAG'.*neither in the model nor a column"):
        qsp.simulate(experiment(regimen=DOSED), subjects={"WT": [60.0]})


def test_a_dose_that_comes_out_negative_names_the_subject():
    people = {"WT": [60.0, 60.0], "LAG": [0.0, -1.0]}
    with pytest.raises(qsp.SimulationError, match=r"ubject 1 of .*no run; The lag is negative or not finite \(got -1"):
        qsp.simulate(experiment(regimen=DOSED), subjects=people)
    kept = qsp.simulate(experiment(regimen=DOSED), subjects=people, on_failure="record")
    assert kept["status"].to_numpy().ravel().tolist() == [0, 7]


def test_a_compartment_without_a_size_fails_its_subject_alone():
    model = qsp.read_antimony("model m; compartment V = 1; species S in V; S = 10; J: S => ; V*k*S; k = 0.1; end")
    people = {"V": [10.0, -10.0, 0.0]}
    ds = qsp.simulate(qsp.Experiment(model, times=[0, 1]), subjects=people, on_failure="record")
    assert ds["status"].to_numpy().ravel().tolist() == [0, 7, 7]
    assert "size of 'V' is not positive (got -10" in str(ds["message"].to_numpy()[0, 1, 0])


def test_symbols_of_composed_models_are_columns_by_path():
    model = qsp.load("theophylline")
    arm = qsp.Experiment(model, times=[0.0, 5.0], regimen="320 mg into absorption.depot", observables=["pk.central"])
    ds = qsp.simulate(arm, subjects={"absorption.depot": [0.0, 320.0], "WT": [70.0, 70.0]})
    first, second = ds["pk.central"].to_numpy()[0, :, 0, 1]
    assert second == pytest.approx(2 * first, rel=1e-7)
