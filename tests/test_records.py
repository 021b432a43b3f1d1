"""Data sets from birth: defaults, NONMEM's rules, missing covariates, selection, summary."""

from __future__ import annotations

import math
import pickle
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import sbmlqsp as qsp
from sbmlqsp import Records, read_nonmem
from sbmlqsp.errors import DataError, UnitError
from sbmlqsp.records.completing import CANONICAL
from validation.nonmem import regimens


def table(*rows: dict, **constant) -> pd.DataFrame:
    return pd.DataFrame([{"ID": 1, "TIME": float(i), **constant, **row} for i, row in enumerate(rows)])


# ------------------------------------------------------------------------------------------------------------ defaults
def test_missing_columns_get_nonmems_defaults():
    data = Records(pd.DataFrame({"ID": [1, 1], "TIME": [0, 1.5]}))
    assert tuple(data.table.columns) == CANONICAL
    second = data.table.iloc[1]
    zero = ["AMT", "RATE", "II", "ADDL", "SS", "EVID", "CMT", "CENS"]
    assert [second[c] for c in zero] == [0] * 8
    assert second["DVID"] == 1
    assert math.isnan(second["DV"])
    assert math.isnan(second["LLOQ"])
    assert second["MDV"] == 1
    assert data.table["LINE"].tolist() == [1, 2]
    assert len(data) == 2


@pytest.mark.parametrize(
    ("row", "evid"),
    [
        ({"AMT": 5}, 1),
        ({"RATE": 2, "AMT": 4}, 1),
        ({"RATE": 3, "SS": 1}, 1),
        ({"AMT": 5, "II": 12, "ADDL": 2}, 1),
        ({"AMT": 5, "II": 12, "SS": 1}, 1),
        ({}, 0),
        ({"MDV": 1}, 2),
        ({"MDV": 0, "DV": 3}, 0),
    ],
)
def test_evid_is_found_where_it_is_absent(row, evid):
    assert Records(table(row)).table["EVID"].tolist() == [evid]


def test_texts_become_numbers_in_columns_of_numbers_and_dots_are_missing():
    frame = pd.DataFrame(
        {"ID": ["1", "2"], "TIME": ["0", "1e1"], "AMT": [".", "5"], "CMT": ["2", "depot"], "DVID": [1.0, "resp"],
         "DV": ["3.5", "NA"], "WT": ["70", "."], "SEX": ["F", None]}
    )  # fmt: skip
    data = Records(frame.assign(ID=[1, 2], WT=[70.0, "."]), ("WT", "SEX"))
    assert data.subjects == (1, 2)
    assert data.table["TIME"].tolist() == [0.0, 10.0]
    assert data.table["CMT"].tolist() == [2, "depot"]
    assert data.table["DVID"].tolist() == [1, "resp"]
    assert data.table["WT"].dtype == float
    assert data.table["SEX"].tolist() == ["F", None]


def test_ids_and_categories_stay_words_whoever_is_selected():
    data = Records(pd.DataFrame({"ID": ["1", "A2"], "TIME": [0, 0], "ARM": ["2", "high"]}), "ARM")
    assert data.subjects == ("1", "A2")
    one = data.select("1")
    assert one.subjects == ("1",)
    assert one.table["ARM"].tolist() == ["2"]
    assert read_nonmem(data.table, covariates=["ARM"]) == data
    assert read_nonmem(pd.DataFrame({"ID": ["1", "2"], "TIME": ["0", "0"], "WT": ["70", "."]})).subjects == (1, 2)


def test_pandas_own_missing_values_are_missing():
    frame = pd.DataFrame({"ID": [1, 1], "TIME": [0, 1], "AMT": pd.array([5, None], dtype="Int64")})
    frame["DV"] = pd.array([pd.NA, 2.5], dtype="Float64")
    frame["SEX"] = pd.Categorical(["F", None])
    data = Records(frame, "SEX")
    assert data.table["EVID"].tolist() == [1, 0]
    assert data.table["SEX"].tolist() == ["F", None]


def test_the_given_table_is_not_changed_nor_kept():
    frame = table({"AMT": 5.0, "II": 12.0})
    before = frame.copy()
    data = Records(frame)
    frame.loc[0, "AMT"] = -1.0
    assert data.table["AMT"].tolist() == [5.0]
    assert before["II"].tolist() == [12.0]
    assert "II" in frame


def test_what_means_nothing_is_set_aside_and_listed():
    data = Records(
        table({"AMT": 5, "II": 12}, {"EVID": 2, "DV": 0}, {"DV": None, "CENS": 1, "LLOQ": 0.1})
        .assign(EVID=[1, 2, 0], MDV=[1, 1, None])
    )  # fmt: skip
    assert data.table["II"].tolist() == [0.0] * 3
    assert math.isnan(data.table["DV"][1])
    assert data.table["DV"][2] == 0.1
    assert data.table["MDV"].tolist() == [1, 1, 0]
    assert data.changes[["LINE", "column", "what"]].to_numpy().tolist() == [
        [3, "DV", "filled"], [2, "DV", "ignored"], [1, "II", "ignored"]
    ]  # fmt: skip
    again = replace(data, source="elsewhere")
    assert len(again.changes) == 3
    assert again == data


# ------------------------------------------------------------------------------------------------------------- refusals
REFUSED = [
    # (name, rows, column, value)
    ("negative amount", [{}, {"AMT": -5}], "AMT", -5),
    ("amount in words", [{}, {"AMT": "five"}], "AMT", "five"),
    ("infinite amount", [{}, {"AMT": math.inf}], "AMT", math.inf),
    ("rate -3", [{}, {"AMT": 5, "RATE": -3}], "RATE", -3),
    ("rate without amount", [{}, {"RATE": 5}], "RATE", 5),
    ("modelled rate without amount", [{}, {"RATE": -1}], "RATE", -1),
    ("modelled duration without amount", [{}, {"RATE": -2}], "RATE", -2),
    ("modelled duration at steady state without amount", [{}, {"RATE": -2, "SS": 1}], "RATE", -2),
    ("interval negative", [{}, {"AMT": 5, "II": -12, "ADDL": 1}], "II", -12),
    ("additional doses without interval", [{}, {"AMT": 5, "ADDL": 3}], "ADDL", 3),
    ("additional doses negative", [{}, {"AMT": 5, "ADDL": -3, "II": 12}], "ADDL", -3),
    ("additional doses not whole", [{}, {"AMT": 5, "ADDL": 1.5, "II": 12}], "ADDL", 1.5),
    ("additional doses of nothing", [{}, {"ADDL": 2, "II": 12}], "II", 12),
    ("interval of nothing", [{}, {"II": 12}], "II", 12),
    ("steady state without interval", [{}, {"AMT": 5, "SS": 1}], "SS", 1),
    ("steady state 2 without interval", [{}, {"AMT": 5, "SS": 2}], "SS", 2),
    ("constant infusion with an interval", [{}, {"RATE": 5, "SS": 1, "II": 12}], "II", 12),
    ("constant infusion repeated", [{}, {"RATE": 5, "SS": 1, "ADDL": 2, "EVID": 1}], "ADDL", 2),
    ("steady state -1", [{}, {"AMT": 5, "SS": -1, "II": 12}], "SS", -1),
    ("steady state 4", [{}, {"AMT": 5, "SS": 4, "II": 12}], "SS", 4),
    ("steady state in words", [{}, {"AMT": 5, "SS": "yes", "II": 12}], "SS", "yes"),
    ("event 5", [{"EVID": 0}, {"EVID": 5}], "EVID", 5),
    ("event not whole", [{"EVID": 0}, {"EVID": 0.5}], "EVID", 0.5),
    ("observation with an amount", [{"EVID": 0}, {"EVID": 0, "AMT": 7}], "AMT", 7),
    ("observation with a rate", [{"EVID": 0}, {"EVID": 0, "RATE": 7}], "RATE", 7),
    ("observation at steady state", [{"EVID": 0}, {"EVID": 0, "SS": 1}], "SS", 1),
    ("observation with an interval", [{"EVID": 0}, {"EVID": 0, "II": 12}], "II", 12),
    ("other event with an amount", [{"EVID": 0}, {"EVID": 2, "AMT": 7}], "AMT", 7),
    ("reset with an amount", [{"EVID": 0}, {"EVID": 3, "AMT": 7}], "AMT", 7),
    ("dose with a value", [{"EVID": 0}, {"EVID": 1, "AMT": 7, "DV": 3.5}], "DV", 3.5),
    ("dose with a value, EVID absent", [{}, {"AMT": 7, "DV": 3.5}], "DV", 3.5),
    ("dose with MDV 0", [{"EVID": 0}, {"EVID": 1, "AMT": 7, "MDV": 0}], "MDV", 0),
    ("MDV 2", [{}, {"MDV": 2}], "MDV", 2),
    ("no value where MDV says so", [{}, {"MDV": 0, "DV": None}], "DV", None),
    ("time back", [{"TIME": 5}, {"TIME": 3.5}], "TIME", 3.5),
    ("time missing", [{}, {"TIME": None}], "TIME", None),
    ("time in words", [{}, {"TIME": "noon"}], "TIME", "noon"),
    ("censored 2", [{}, {"DV": 1, "CENS": 2}], "CENS", 2),
    ("censored without a limit", [{}, {"CENS": 1}], "CENS", 1),
    ("above a limit without it", [{}, {"CENS": -1, "LLOQ": 3}], "CENS", -1),
    ("dose censored", [{"EVID": 0}, {"EVID": 1, "AMT": 3, "CENS": 1}], "CENS", 1),
    ("compartment negative at a dose", [{}, {"AMT": 5, "CMT": -1}], "CMT", -1),
    ("compartment negative at an observation", [{}, {"CMT": -2}], "CMT", -2),
    ("compartment not whole", [{}, {"AMT": 5, "CMT": 1.5}], "CMT", 1.5),
    ("DVID not whole", [{}, {"DVID": 1.5}], "DVID", 1.5),
    ("value in words", [{}, {"DV": "high"}], "DV", "high"),
    ("value infinite", [{}, {"DV": -math.inf}], "DV", -math.inf),
    ("value below a limit", [{}, {"DV": "<0.05"}], "DV", "<0.05"),
    ("limit in words", [{}, {"LLOQ": "low"}], "LLOQ", "low"),
    ("dose without an amount", [{"EVID": 0}, {"EVID": 1, "AMT": None}], "AMT", None),
    ("reset and dose without an amount", [{"EVID": 0}, {"EVID": 4}], "AMT", None),
    ("ID missing", [{}, {"ID": None}], "ID", None),
    ("ID not whole", [{}, {"ID": 1.5}], "ID", 1.5),
    ("covariate infinite", [{"WT": 70.0}, {"WT": math.inf}], "WT", math.inf),
]


@pytest.mark.parametrize(("rows", "column", "value"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED])
def test_refusals_name_line_subject_column_and_value(rows, column, value):
    frame = (
        table({}, *rows).assign(LINE=[7, 8, 9])
        if not any("EVID" in r for r in rows)
        else table({"EVID": 0}, *rows).assign(LINE=[7, 8, 9])
    )
    frame.loc[0, "TIME"] = 0.0
    covariates = ("WT",) if "WT" in frame else ()
    with pytest.raises(DataError) as caught:
        Records(frame, covariates, source="trial.csv")
    err = caught.value
    assert err.where.startswith("trial.csv, line 9")
    assert err.where.endswith(f"column {column}")
    if column != "ID":
        assert "subject 1" in err.where
    if value is not None:
        assert type(value)(err.value) == value
        assert repr(value) in str(err)
    assert err.expected or err.remedy
    assert err.remedy, "no remedy"


def test_there_are_many_refusals():
    assert len(REFUSED) >= 40


def test_several_like_it_are_counted():
    with pytest.raises(DataError, match="line 1, subject 1, column AMT, and 2 more like it"):
        Records(table({"AMT": -1}, {"AMT": -2}, {"AMT": -3}))


def test_a_subject_that_comes_back_is_refused():
    frame = pd.DataFrame({"ID": [1, 2, 1], "TIME": [0, 0, 5]})
    with pytest.raises(DataError, match=r"line 3, column ID.*began on line 1.*sort='ID'") as caught:
        Records(frame)
    assert caught.value.value == 1


@pytest.mark.parametrize("evid", [3, 4])
def test_only_a_reset_may_set_time_back(evid):
    rows = [{"TIME": 5, "EVID": 0}, {"TIME": 0, "EVID": evid, "AMT": 10 if evid == 4 else 0}, {"TIME": 1, "EVID": 0}]
    assert Records(table(*rows)).table["TIME"].tolist() == [5, 0, 1]


@pytest.mark.parametrize(
    "row",
    [
        {"EVID": 2, "CMT": -1},
        {"RATE": 5, "SS": 1},
        {"RATE": -1, "SS": 1},
        {"AMT": 5, "SS": 3, "II": 12},
        {"AMT": 5, "RATE": -1},
        {"AMT": 5, "RATE": -2, "SS": 2, "II": 8, "ADDL": 3},
        {"AMT": 0, "EVID": 1},
        {"TIME": -4},
        {"CMT": "pk.depot", "AMT": 5},
        {"DV": 2.0, "CENS": -1},
    ],
)
def test_legal_rarities_pass(row):
    assert len(Records(table(row))) == 1


def test_every_case_of_the_oracle_is_legal():
    keep = ("TIME", "AMT", "RATE", "II", "ADDL", "SS", "EVID", "CMT")
    cases = [pd.DataFrame(list(case.records)).assign(ID=case.name) for case in regimens.REGIMENS]
    frame = pd.concat(cases, ignore_index=True)
    data = Records(frame[["ID", *(c for c in keep if c in frame)]])
    assert len(data.subjects) == len(cases) >= 120
    assert len(data) == len(frame)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"covariates": ("WT",)}, "no column 'WT' for the covariate"),
        ({"covariates": ("DV",)}, "name of a column that means something"),
        ({"carry": "nearest"}, "Carry is unknown"),
        ({"units": {"AMTT": "mg"}}, r"unit is given for something.*'AMT'"),
        ({"units": {"TIME": "mg"}}, "not a time"),
        ({"units": {"AMT": "mgg"}}, "units, AMT"),
    ],
)
def test_options_are_checked(change, message):
    frame = table({"DV": 1.0})
    with pytest.raises((DataError, UnitError), match=message):
        Records(frame, **change)


def test_stray_and_lacking_columns_are_refused():
    with pytest.raises(DataError, match=r"'wt' is neither"):
        Records(table({"wt": 70}))
    with pytest.raises(DataError, match=r"no column TIME.*columns="):
        Records(pd.DataFrame({"ID": [1], "time": [0]}))
    with pytest.raises(DataError, match="no records"):
        Records(pd.DataFrame({"ID": [], "TIME": []}))
    with pytest.raises(DataError, match="no table"):
        Records("data.csv")


# ------------------------------------------------------------------------------------------------- covariates, views
PATIENTS = pd.DataFrame(
    {"ID": [1, 1, 1, 1, 2, 2, 3], "TIME": [0, 1, 2, 3, 0, 1, 0], "AMT": [10, 0, 0, 0, 5, 0, 0],
     "DV": [None, 3, 2, None, None, 4, 1], "WT": [None, 70, None, None, 60, 60, None],
     "SEX": [None, "F", None, "F", "M", None, "F"], "CRCL": [90, None, None, 80, 70, 70, 60]}
)  # fmt: skip
COVARIATES = ("WT", "SEX", "CRCL")


def test_missing_covariates_are_carried_within_a_subject_only():
    data = Records(PATIENTS, COVARIATES, {"TIME": "h", "WT": "kg"})
    new = data.filled()
    assert new.table["WT"].tolist()[:6] == [70, 70, 70, 70, 60, 60]
    assert math.isnan(new.table["WT"][6])
    assert new.table["CRCL"].tolist() == [90, 80, 80, 80, 70, 70, 60]
    assert new.table["SEX"].tolist() == ["F", "F", "F", "F", "M", "M", "F"]
    assert len(new.changes) == 3 + 2 + 3
    assert set(new.changes["what"]) == {"filled"}
    row = new.changes[(new.changes["column"] == "CRCL")].iloc[0]
    assert (row["LINE"], row["value"], row["why"]) == (2, 80, "carried from line 4")
    assert data.filled(carry="last").table["CRCL"].tolist()[:4] == [90, 90, 90, 80]
    assert replace(data, carry="last").filled("CRCL").table["CRCL"].tolist()[:4] == [90, 90, 90, 80]
    assert data.filled("WT").changes["column"].unique().tolist() == ["WT"]
    with pytest.raises(DataError, match="did you mean 'WT'"):
        data.filled(["wt"])
    with pytest.raises(DataError, match="Carry is unknown"):
        data.filled(carry="both")


def test_summary_counts():
    data = Records(PATIENTS, COVARIATES, {"TIME": "h", "WT": "kg"})
    s = data.summary()
    assert (s.subjects, s.records, s.doses, s.administrations) == (3, 7, 2, 2)
    assert s.samples == {1: 4}
    assert s.missing == {1: 1}
    assert s.times == (0, 3)
    assert s.covariates.loc["WT"].tolist() == ["number", "60 to 70 kg", "constant", 4, 1]
    assert s.covariates.loc["CRCL", "in time"] == "varies"
    assert s.covariates.loc["SEX", "values"] == "F, M"
    shown = repr(data)
    assert "subjects        3" in shown
    assert "0 to 3 h" in shown
    assert "<table>" in data._repr_html_()
    many = Records(table({"AMT": 5, "II": 12, "ADDL": 9}, {"DV": 0.1, "CENS": 1}, {"DV": 9, "DVID": 2}))
    assert many.summary().administrations == 10
    assert many.summary().below == {1: 1, 2: 0}
    assert "1 (DVID 1), 1 (DVID 2)" in repr(many)


def test_views_and_selection():
    data = Records(PATIENTS, COVARIATES)
    assert data.subjects == (1, 2, 3)
    assert data.subject(2)["TIME"].tolist() == [0, 1]
    assert len(data.observations) == 5
    assert len(data.doses) == 2
    some = data.filled().select([3, 1])
    assert some.subjects == (3, 1)
    assert set(some.changes["ID"]) == {1}
    assert data.select(2) == data.select([2])
    assert data.select([1, 2, 3]) == data
    assert data.select([2, 1, 3]) != data
    assert data != PATIENTS.shape
    for ids, message in (([9], "There is no such subject"), ([1, 1], "twice"), ([], "No subject")):
        with pytest.raises(DataError, match=message):
            data.select(ids)
    with pytest.raises(DataError, match="no such subject"):
        data.subject("1")


def test_records_travel_between_processes():
    data = Records(PATIENTS, COVARIATES, {"TIME": "h"})
    assert pickle.loads(pickle.dumps(data)) == data
    with pytest.raises(TypeError):
        hash(data)


ROWS = st.lists(
    st.one_of(
        st.fixed_dictionaries({"AMT": st.floats(0.1, 1e4), "II": st.just(12.0), "ADDL": st.integers(0, 4)}),
        st.fixed_dictionaries({"DV": st.floats(-1e6, 1e6), "CENS": st.sampled_from([0, 1, -1])}),
        st.fixed_dictionaries({"MDV": st.just(1)}),
    ),
    min_size=1, max_size=6,
)  # fmt: skip


@given(st.lists(ROWS, min_size=1, max_size=4), st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_subjects_stand_alone(blocks, random):
    frames = [table(*rows).assign(ID=i + 1, WT=50.0 + i) for i, rows in enumerate(blocks)]
    data = Records(pd.concat(frames, ignore_index=True), "WT")
    assert Records(data.table, data.covariates, changes=data.changes) == data
    order = list(data.subjects)
    random.shuffle(order)
    shuffled = Records(pd.concat([frames[i - 1] for i in order], ignore_index=True), "WT")
    assert shuffled == data.select(order)
    for i in order:
        assert np.array_equal(shuffled.subject(i)["EVID"], data.subject(i)["EVID"])


def test_the_public_face_has_them():
    assert {"Records", "read_nonmem", "write_nonmem"} <= set(qsp.__all__)
