"""Files of doses and observations, as strangers write them."""

from __future__ import annotations

import math

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sbmlqsp import Records, read_nonmem, write_nonmem
from sbmlqsp.errors import DataError
from sbmlqsp.records.clock import day_number, hours
from sbmlqsp.records.formulas import column_formula
from sbmlqsp.records.selection import left_out
from sbmlqsp.records.values import number

PLAIN = "ID,TIME,AMT,DV,WT\n1,0,100,.,70\n1,2,.,4.1,70\n2,0,50,.,NA\n2,3,,1.5,60\n"


def rows(data: Records, *columns: str) -> list[list]:
    return data.table[list(columns)].to_numpy().tolist()


# ------------------------------------------------------------------------------------------------------------- sources
@pytest.mark.parametrize("sep", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_text_and_file_of_any_form(tmp_path, sep, end):
    text = PLAIN.replace(",", sep).replace("\n", end)
    path = tmp_path / "trial.csv"
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    reference = read_nonmem(PLAIN)
    assert read_nonmem(path) == reference
    assert read_nonmem(str(path)) == reference
    assert read_nonmem(text) == reference
    assert read_nonmem("\ufeff" + text) == reference
    assert reference.table["LINE"].tolist() == [2, 3, 4, 5]
    assert reference.covariates == ("WT",)


def test_frames_are_read_too():
    frame = pd.DataFrame({"id": [1, 1], "Time": [0, 1], "amt": [5.0, None], "dv": [None, 2.0], "sex": ["F", "F"]})
    before = frame.copy()
    data = read_nonmem(frame)
    assert rows(data, "LINE", "EVID", "sex") == [[1, 1, "F"], [2, 0, "F"]]
    assert frame.equals(before)
    assert read_nonmem(data.table, covariates=["sex"]) == data


def test_files_without_a_header(tmp_path):
    names = ["ID", "TIME", "AMT", "DV", "WT"]
    body = PLAIN.partition("\n")[2]
    assert read_nonmem(body, names=names) == read_nonmem(PLAIN)
    assert read_nonmem(PLAIN, names=names, ignore="@") == read_nonmem(PLAIN)
    path = tmp_path / "bare.csv"
    path.write_text(body)
    data = read_nonmem(path, names=names)
    assert data.table["LINE"].tolist() == [1, 2, 3, 4]


def test_comments_keep_line_numbers_and_are_listed():
    data = read_nonmem("# made by hand\nID,TIME,DV\n1,0,1\n# 1,1,2\n\n1,2,3\n")
    assert data.table["LINE"].tolist() == [3, 6]
    assert data.changes[["LINE", "value", "what"]].to_numpy().tolist() == [[4, "# 1,1,2", "ignored"]]


def test_the_word_none_is_a_category_among_words_and_missing_among_numbers():
    text = "ID,TIME,DV,ethanol,score\n1,0,none,None,3\n1,1,2,current,none\n1,2,3,NA,4\n"
    data = read_nonmem(text)
    assert data.table["ethanol"].tolist() == ["None", "current", None]
    assert math.isnan(data.table["score"][1])
    assert math.isnan(data.table["DV"][0])


# ------------------------------------------------------------------------------------------------------------- columns
def test_columns_are_renamed_dropped_and_chosen():
    text = "subject,hour,dose,conc,weight_kg,note\n1,0,5,.,70,a\n1,1,.,2,70,b\n"
    names = {"ID": "subject", "TIME": "hour", "AMT": "dose", "DV": "conc", "WT": "weight_kg"}
    data = read_nonmem(text, columns=names, drop=["note"], units={"WT": "kg"})
    assert data.covariates == ("WT",)
    assert data.changes[["column", "what"]].to_numpy().tolist() == [["note", "dropped"]]
    assert read_nonmem(text, columns=names, covariates=[]).covariates == ()
    assert read_nonmem(text, columns=names, covariates=["wt"]).covariates == ("WT",)


def test_a_column_without_values_is_dropped_and_listed():
    data = read_nonmem("ID,TIME,DV,X\n1,0,1,.\n1,1,2,.\n")
    assert data.covariates == ()
    assert data.changes["column"].tolist() == ["X"]


# ---------------------------------------------------------------------------------------------------- ignore and accept
LONG = "ID,TIME,DV,AGE,SEX\nC,0,1,50,M\n1,0,1,50,M\n1,1,.,50,M\n2,0,3,70,F\n3,0,4,65,F\n"


@pytest.mark.parametrize(
    ("options", "left"),
    [
        ({"ignore": "@"}, [1, 1, 2, 3]),
        ({"ignore": "C"}, [1, 1, 2, 3]),
        ({"ignore": ["@", "AGE.GT.60"]}, [1, 1]),
        ({"ignore": ["@", "AGE.gt.66", "SEX == 'M'"]}, [3]),
        ({"ignore": ["@", "(AGE.GT.66,SEX.EQ.M)"]}, [3]),
        ({"ignore": ["@", "DV == ."]}, [1, 2, 3]),
        ({"ignore": ["@", "DV.NE.."]}, [1]),
        ({"ignore": ["@", "AGE > 60 && AGE < 66"]}, [1, 1, 2]),
        ({"ignore": "@", "accept": "AGE >= 65"}, [2, 3]),
        ({"ignore": "@", "accept": ["AGE.EQ.70", "ID.EQN.1"]}, [1, 1, 2]),
        ({"ignore": "@", "accept": 'SEX = "F"'}, [2, 3]),
    ],
)
def test_ignore_and_accept(options, left):
    data = read_nonmem(LONG, **options)
    assert data.table["ID"].tolist() == left
    gone = data.changes[data.changes["what"] == "ignored"]
    assert len(gone) == 5 - len(left)
    assert 2 in set(gone["LINE"])


def test_selection_reads_new_names_too_and_misspelt_ones_are_refused():
    assert len(read_nonmem(PLAIN.replace("WT", "kg"), columns={"WT": "kg"}, ignore="WT > 65")) == 2
    assert len(read_nonmem(PLAIN.replace("TIME", "time"), ignore="TIME > 1 && ID == 1")) == 3
    with pytest.raises(DataError, match="did you mean 'AGE'"):
        read_nonmem(LONG, ignore="AGEE > 5")
    with pytest.raises(DataError, match="reads 'HT'"):
        read_nonmem(LONG, ignore=["@", "AGE > HT-5"])
    with pytest.raises(DataError, match="reads 'M'"):
        read_nonmem(LONG.replace("C,0,1,50,M\n", ""), ignore="AGE == M")
    with pytest.raises(DataError, match="no record"):
        read_nonmem(LONG, accept="AGE > 100")
    with pytest.raises(DataError, match="words"):
        left_out(pd.DataFrame({"SEX": ["M", "F"]}), "SEX + 1 > 2", None)


# --------------------------------------------------------------------------------------------------------------- clock
@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("13:30", 13.5),
        ("0:00", 0),
        ("1:30 PM", 13.5),
        ("12:00 am", 0),
        ("12:30pm", 12.5),
        ("07:45:36", 7.76),
        (8.25, 8.25),
    ],
)
def test_hours(text, value):
    assert hours(text) == pytest.approx(value, abs=1e-12)


@pytest.mark.parametrize("text", ["13:60", "noon", "13:00 pm", "", None])
def test_hours_that_are_none(text):
    assert math.isnan(hours(text))


@pytest.mark.parametrize(
    ("kind", "text"),
    [("DATE", "03/01/2020"), ("DATE", "3-1-20"), ("DAT1", "1/3/2020"), ("DAT2", "2020/03/01"), ("DAT2", "20-3-1"),
     ("DAT3", "2020/01/03"), ("DATE", "2020-03-01"), ("DAT1", "2020-03-01"), ("DATE", pd.Timestamp("2020-03-01"))],
)  # fmt: skip
def test_dates_in_every_order(kind, text):
    assert day_number(text, kind) == ("date", 737485.0)


def test_dates_without_year_and_bare_days():
    assert day_number("3-1")[1] - day_number("2/28")[1] == 1
    assert day_number("1/3", "DAT1") == day_number("3/1")
    assert day_number(12) == ("day", 12.0)
    assert day_number("12/31/50")[1] > day_number("12/31/51")[1]
    assert math.isnan(day_number("13/45/2020")[1])
    assert math.isnan(day_number("May 5")[1])


def test_time_is_relative_to_the_subjects_first_record():
    text = (
        "ID,DATE,TIME,AMT,DV\n1,12/31/1999,22:00,10,.\n1,1/1/2000,1:30,.,3\n1,1/2/2000,10.5,.,2\n"
        "2,2/28/2000,8:00,10,.\n2,3/1/2000,8:00,.,1\n"
    )
    data = read_nonmem(text)
    assert data.table["TIME"].tolist() == [0, 3.5, 36.5, 0, 48]
    assert data.units == {"TIME": "h"}
    assert data.covariates == ()
    iso = "ID,TIME,DV\n1,1999-12-31 22:00,1\n1,2000-01-01T01:30,3\n"
    assert read_nonmem(iso).table["TIME"].tolist() == [0, 3.5]
    frame = pd.DataFrame({"ID": [1, 1], "TIME": pd.to_datetime(["2020-02-28 23:00", "2020-02-29 01:30"])})
    assert read_nonmem(frame).table["TIME"].tolist() == [0, 2.5]
    turned = read_nonmem("ID,DATE,TIME,DV\n1,1/2/2020,8:00,1\n1,1/1/2020,8:00,3\n", sort="TIME")
    assert turned.table["TIME"].tolist() == [0, 24]
    assert read_nonmem("ID,TIME,DV\n1,8:00,1\n1,9:15,3\n").table["TIME"].tolist() == [0, 1.25]
    assert read_nonmem("ID,DATE,TIME,DV\n1,1,20,1\n1,2,4,3\n").table["TIME"].tolist() == [0, 8]


# -------------------------------------------------------------------------------------------------------------- derive
def test_derived_columns_read_old_and_new_names_one_after_another():
    text = "subject,h,per_kg,kg,DV\n1,0,2,50,.\n1,1,2,50,3\n"
    data = read_nonmem(
        text,
        columns={"ID": "subject", "TIME": "h"},
        derive={"amt": "piecewise(per_kg*kg, h == 0 && TIME < 1, 0)", "LBM": "0.8*kg", "half": "LBM/2"},
    )
    assert data.table["AMT"].tolist() == [100, 0]
    assert data.table["half"].tolist() == [20, 20]
    assert data.covariates == ("per_kg", "kg", "LBM", "half")


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("x > 1", [math.nan, 1, 0]),
        ("piecewise(5, x > 1, 7)", [math.nan, 5, 7]),
        ("piecewise(5, missing(x), 7)", [5, 7, 7]),
        ("piecewise(5, missing(x), 6, x > 1, 7)", [5, 6, 7]),
        ("x > 1 && y > 100", [0, 0, 0]),
        ("x > 1 || y > 0", [1, 1, 1]),
        ("!(x > 1)", [math.nan, 0, 1]),
        ("x != x", [math.nan, 0, 0]),
        ("x + y", [math.nan, 4, 4]),
        ("piecewise(1, y > 1)", [1, 1, 1]),
        ("max(x, 0)", [math.nan, 2, 1]),
    ],
)
def test_what_is_missing_stays_missing(text, values):
    columns = {"x": pd.Series([math.nan, 2.0, 1.0]), "y": pd.Series([2.0, 2.0, 3.0])}
    found = column_formula(text, columns, size=3, where="test")
    assert found.tolist() == pytest.approx(values, nan_ok=True)


# --------------------------------------------------------------------------------------------------------------- split
def test_a_row_with_both_is_an_observation_and_then_a_dose():
    data = read_nonmem("ID,TIME,AMT,DV,WT\n1,0,5,0.2,70\n1,1,.,3,70\n")
    assert rows(data, "LINE", "EVID", "AMT", "DV", "MDV")[0] == [2, 0, 0, 0.2, 0]
    assert data.table["EVID"].tolist() == [0, 1, 0]
    assert data.table["LINE"].tolist() == [2, 2, 3]
    assert data.changes[["LINE", "ID", "column", "value", "what"]].to_numpy().tolist() == [[2, 1, "DV", 0.2, "split"]]


@pytest.mark.parametrize(
    ("text", "options", "evid"),
    [
        ("ID,TIME,AMT,DV\n1,0,5,0\n", {}, [1]),
        ("ID,TIME,AMT,DV\n1,0,5,0\n", {"split": True}, [0, 1]),
        ("ID,TIME,AMT,DV,MDV\n1,0,5,0,0\n", {}, [0, 1]),
        ("ID,TIME,AMT,DV,MDV\n1,0,5,3,1\n", {}, [1]),
        ("ID,TIME,X,DV\n1,0,5,0\n", {"derive": {"AMT": "X"}}, [0, 1]),
        ("ID,TIME,X,DV\n1,0,5,0\n", {"derive": {"AMT": "X"}, "split": False}, [1]),
        ("ID,TIME,AMT,II,ADDL,DV\n1,0,5,12,3,0.1\n", {}, [0, 1]),
    ],
)
def test_a_zero_beside_a_dose(text, options, evid):
    data = read_nonmem(text, **options)
    assert data.table["EVID"].tolist() == evid
    assert len(data.changes) == 1


# ------------------------------------------------------------------------------------------------------------ censoring
def test_limits_in_the_column_of_values():
    data = read_nonmem("ID,TIME,DV\n1,0,<0.05\n1,1,3\n1,2,>100\n", cens="<")
    assert rows(data, "DV", "CENS", "MDV") == [[0.05, 1, 0], [3, 0, 0], [100, -1, 0]]
    assert data.table["LLOQ"][0] == 0.05
    assert data.changes["value"].tolist() == ["<0.05", ">100"]
    by_flag = read_nonmem("ID,TIME,DV,BLQ\n1,0,.,1\n1,1,3,0\n", cens="BLQ == 1", lloq=0.1)
    assert rows(by_flag, "DV", "CENS", "LLOQ") == [[0.1, 1, 0.1], [3, 0, 0.1]]
    renamed = read_nonmem("ID,TIME,c\n1,0,0.1\n1,1,3\n", columns={"DV": "c"}, cens="c <= 0.1")
    assert renamed.table["CENS"].tolist() == [1, 0]
    by_dvid = read_nonmem("ID,TIME,DV,DVID\n1,0,3,1\n1,1,3,2\n", lloq={1: 0.5})
    assert by_dvid.table["LLOQ"].tolist() == pytest.approx([0.5, math.nan], nan_ok=True)


# ------------------------------------------------------------------------------------------------------------- refusals
REFUSED = [
    ("no ID", "SUBJ,TIME,DV\n1,0,1\n", {}, "no column ID"),
    ("no TIME", "ID,T,DV\n1,0,1\n", {}, "no column TIME"),
    ("amount in words", "ID,TIME,AMT\n1,0,5\n1,1,x\n", {}, r"AMT is not a number \(got 'x'\), in the text, line 3"),
    ("short row", "ID,TIME,AMT\n1,0,5\n1,1\n", {}, r"2 values and the header 3.*line 3"),
    ("only a header", "ID,TIME,AMT\n", {}, "no rows"),
    ("subject again", "ID,TIME,DV\n1,0,1\n2,0,1\n1,1,1\n", {}, r"subject 1 comes back.*got 1.*line 4, column ID"),
    ("time back", "ID,TIME,DV\n1,5,1\n1,4.5,1\n", {}, r"TIME goes back.*got 4\.5.*line 3, subject 1, column TIME"),
    ("past midnight", "ID,TIME,DV\n1,22:00,1\n1,1:30,1\n", {}, r"past midnight.*got '1:30'.*line 3.*DATE"),
    ("no clock time", "ID,TIME,DV\n1,22:00,1\n1,25h,1\n", {}, r"time cannot be read.*'25h'.*line 3.*column TIME"),
    ("minute 75", "ID,TIME,DV\n1,22:75,1\n1,23:00,1\n", {}, r"got '22:75'.*line 2"),
    ("no date", "ID,DATE,TIME,DV\n1,2/30/2020,1,1\n1,3/1/2020,1,1\n", {}, r"date cannot be read.*'2/30/2020'.*line 2"),
    ("two ways of dates", "ID,DATE,TIME,DV\n1,2/3/2020,1,1\n1,3/1,1,1\n", {}, r"another way.*'3/1'.*line 3"),
    ("date missing", "ID,DATE,TIME,DV\n1,2/3/2020,1,1\n1,.,1,1\n", {}, r"DATE is missing.*line 3"),
    ("two columns of dates", "ID,DATE,DAT1,TIME,DV\n1,1,1,0,1\n", {}, "two columns of dates"),
    ("clock in days", "ID,TIME,DV\n1,1:00,1\n", {"units": {"TIME": "day"}}, "read as hours"),
    ("column named that is none", PLAIN, {"columns": {"AMT": "dse"}}, "no column 'dse'"),
    ("column used twice", PLAIN, {"columns": {"AMT": "WT", "RATE": "WT"}}, "'WT' is named twice"),
    ("two times", "ID,TIME,time,DV\n1,0,0,1\n", {}, r"two columns could be TIME: 'TIME' and 'time'"),
    ("role taken", "ID,TIME,TAD,DV\n1,0,0,1\n", {"columns": {"TIME": "TAD"}}, r"could be TIME.*drop="),
    ("drop of nothing", PLAIN, {"drop": ["XX"]}, "no column 'XX'"),
    ("covariate of nothing", PLAIN, {"covariates": ["HT"]}, "no column 'HT'"),
    ("derive from nothing", PLAIN, {"derive": {"X": "WTT*2"}}, r"reads 'WTT'.*did you mean 'WT'"),
    ("derive from words", LONG, {"derive": {"X": "SEX*2"}, "ignore": "@"}, r"'SEX', which holds words such as 'M'"),
    ("derive with log", PLAIN, {"derive": {"X": "log(WT)"}}, r"ambiguous.*derive, X"),
    ("derive by zero", PLAIN, {"derive": {"X": "WT/TIME"}}, r"not finite.*derive, X, line 2, subject 1"),
    ("derive ID", PLAIN, {"derive": {"ID": "WT"}}, "ID cannot be derived"),
    ("derive without sense", PLAIN, {"derive": {"X": "WT *"}}, r"derive, X|cannot be read"),
    ("value below, unread", "ID,TIME,DV\n1,0,<0.05\n", {}, r"DV is not a number \(got '<0.05'\).*line 2"),
    ("limits, no DV", "ID,TIME\n1,0\n", {"cens": "<"}, "no column DV"),
    ("sort by name", PLAIN, {"sort": "NAME"}, "sort is unknown|Sort is unknown"),
    ("sort with resets", "ID,TIME,EVID\n1,0,0\n1,0,3\n", {"sort": "TIME"}, "resets"),
    ("derived amount negative", PLAIN, {"derive": {"AMT": "-WT"}}, r"AMT is negative \(got -70\).*line 2, subject 1"),
    ("derived ss", PLAIN, {"derive": {"SS": "AMT > 60"}}, r"no interval.*line 2, subject 1, column SS"),
    ("web address", "http://example.org/data.csv", {}, "web address"),
    ("no file", "nowhere.csv", {}, "no such file"),
    ("names for a frame", pd.DataFrame({"ID": [1], "TIME": [0]}), {"names": ["A"]}, "names are given"),
    ("no data set", 7, {}, "no data set"),
    ("unit of no DVID", PLAIN, {"units": {"DV:2": "mg/L"}}, r"DVID that is not there.*'DV:2'"),
    ("unknown unit", PLAIN, {"units": {"AMT": "mgg"}}, "units, AMT"),
]  # fmt: skip


@pytest.mark.parametrize(("source", "options", "message"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED])
def test_refusals(source, options, message):
    with pytest.raises(ValueError, match=f"(?is){message}"):
        read_nonmem(source, **options)


def test_sorting_on_request():
    text = "ID,TIME,AMT,DV\n1,0,5,.\n2,0,5,.\n1,3,.,1\n2,2,.,4\n1,2,.,3\n"
    with pytest.raises(DataError, match="comes back"):
        read_nonmem(text)
    with pytest.raises(DataError, match="TIME goes back"):
        read_nonmem(text, sort="ID")
    data = read_nonmem(text, sort="TIME")
    assert rows(data, "ID", "TIME") == [[1, 0], [1, 2], [1, 3], [2, 0], [2, 2]]
    assert set(data.changes["what"]) == {"moved"}


# ------------------------------------------------------------------------------------------------------------- writing
WORDS = st.text("abcXYZ_ -><=,;\"'#0.", min_size=1, max_size=8).map(str.strip).filter(
    lambda t: t and number(t) is None
)  # fmt: skip
RECORD = st.fixed_dictionaries(
    {
        "AMT": st.sampled_from([0.0, 1 / 3, 1e-12, 250.0]),
        "DV": st.one_of(st.none(), st.floats(-1e12, 1e12)),
        "CMT": st.sampled_from([0, 1, 2, "depot", "pk.central"]),
        "DVID": st.sampled_from([1, 2, "biomarker"]),
        "WT": st.one_of(st.none(), st.floats(1, 200)),
        "GROUP": st.one_of(st.none(), WORDS),
    }
)


@given(st.lists(st.lists(RECORD, min_size=1, max_size=4), min_size=1, max_size=3))
@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
def test_what_is_written_reads_back(tmp_path, subjects):
    frame = pd.DataFrame(
        [{"ID": f"S{i}", "TIME": 0.1 * j, **r} for i, rows_ in enumerate(subjects) for j, r in enumerate(rows_)]
    )
    frame["EVID"] = (frame["AMT"] > 0).astype(int)
    frame["DV"] = frame["DV"].where(frame["EVID"] == 0)
    data = Records(frame, ("WT", "GROUP"), {"TIME": "h"})
    path = tmp_path / "out.csv"
    assert write_nonmem(data, path) == {}
    back = read_nonmem(path, units={"TIME": "h"}, covariates=["WT", "GROUP"])
    assert back == data, (back.table.to_string(), data.table.to_string())


def test_words_are_coded_on_request(tmp_path):
    data = read_nonmem("ID,TIME,AMT,CMT,DVID,DV,SEX\na,0,5,depot,1,.,F\na,1,.,2,resp,3,F\nb,0,5,gut,1,.,M\n")
    path = tmp_path / "coded.csv"
    coding = write_nonmem(data, path, code=True)
    assert coding == {
        "ID": {"a": 1, "b": 2}, "CMT": {"depot": 3, "gut": 4}, "DVID": {"resp": 2}, "SEX": {"F": 1, "M": 2}
    }  # fmt: skip
    lines = path.read_text().splitlines()
    assert lines[0] == "ID,TIME,AMT,RATE,II,ADDL,SS,EVID,CMT,DV,DVID,MDV,SEX"
    assert lines[1] == "1,0,5,0,0,0,0,1,3,.,1,1,1"
    assert not any(c.isalpha() for line in lines[1:] for c in line)
    assert write_nonmem(data, path, code=["SEX"]) == {"SEX": {"F": 1, "M": 2}}
    with pytest.raises(DataError, match="code"):
        write_nonmem(data, path, code=["AMT"])
    with pytest.raises(DataError, match="no folder"):
        write_nonmem(data, tmp_path / "no" / "x.csv")
    with pytest.raises(DataError, match="Records"):
        write_nonmem(data.table, path)
