"""Regimens to data sets and back."""

from __future__ import annotations

import math

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sbmlqsp import DataError, Dose, DosingError, Records, Regimen, read_nonmem
from sbmlqsp.dosing import expand

PEOPLE = pd.DataFrame({"ID": [3, 1], "WT": [50.0, 80.0], "SEX": ["F", "M"]})
COLUMNS = ["ID", "TIME", "AMT", "RATE", "II", "ADDL", "SS", "EVID", "CMT"]


def rows(data: Records, *columns: str) -> list[list]:
    return data.table[list(columns or COLUMNS)].to_numpy().tolist()


# --------------------------------------------------------------------------------------------------- from a regimen
def test_a_regimen_becomes_records():
    data = Records.from_regimen("100 mg into pk.depot every 24 h x 7", times=[0, 12, 200])
    assert rows(data) == [
        [1, 0, 100, 0, 24, 6, 0, 1, "pk.depot"],
        [1, 0, 0, 0, 0, 0, 0, 0, 0],
        [1, 12, 0, 0, 0, 0, 0, 0, 0],
        [1, 200, 0, 0, 0, 0, 0, 0, 0],
    ]
    assert data.units == {"TIME": "h", "AMT": "mg"}
    assert data.table["DV"].isna().all()
    assert data.summary().administrations == 7


def test_formulas_are_evaluated_for_every_subject():
    data = Records.from_regimen("[2*WT] mg into central over 30 min every 12 h x 2", subjects=PEOPLE, times=[1])
    given = data.doses
    assert data.subjects == (3, 1)
    assert given["AMT"].tolist() == [100, 160]
    assert given["RATE"].tolist() == [200, 320]
    assert given["II"].tolist() == [12, 12]
    assert data.covariates == ("WT", "SEX")
    assert data.units["TIME"] == "h"
    assert data.changes["what"].tolist() == ["reinterpreted"]
    minutes = Records.from_regimen("[2*WT] mg into central over 0.5 h", subjects=PEOPLE, time_unit="minutes")
    assert minutes.doses["RATE"].tolist() == pytest.approx([100 / 30, 160 / 30])
    named = Records.from_regimen("5 mg into c", subjects=PEOPLE.set_index("ID"))
    assert named.subjects == (3, 1)
    assert Records.from_regimen("5 mg into c", subjects=3).subjects == (1, 2, 3)


def test_rates_are_converted():
    data = Records.from_regimen(Dose(1, "c", "g", rate=50, rate_unit="mg/min", time_unit="h"), time_unit="h")
    assert rows(data, "AMT", "RATE") == [[1, 3]]
    bare = Records.from_regimen(Dose(48, "c", "mg", rate=2, time_unit="h"), time_unit="day")
    assert rows(bare, "AMT", "RATE") == [[48, 48]]
    two = Records.from_regimen("1 g into c; 500 mg into c at 1 h", time_unit="h")
    assert two.table["AMT"].tolist() == [1, 0.5]
    assert two.units["AMT"] == "g"


def test_observations_at_a_dose_stand_where_asked():
    text = "10 mg into c at 1 h every 1 h x 3"
    after = Records.from_regimen(text, times=[0, 1, 2, 3])
    assert after.table["EVID"].tolist() == [0, 1, 0, 0, 0]
    before = Records.from_regimen(text, times=[0, 1, 2, 3], at_dose="before")
    assert before.table["EVID"].tolist() == [0, 0, 1, 0, 1, 0, 1]
    assert before.table["ADDL"].sum() == 0
    steady = Records.from_regimen(
        Regimen((Dose(10, "c", "mg", interval=1, count=3, steady_state=1, time_unit="h"),)), times=[2], at_dose="before"
    )
    assert rows(steady.select(1), "TIME", "II", "SS", "EVID") == [
        [0, 1, 1, 1],
        [1, 0, 0, 1],
        [2, 0, 0, 0],
        [2, 0, 0, 1],
    ]


def test_several_observables_and_placebo():
    data = Records.from_regimen("no doses", times=[0, 1], dvid=[1, "effect"])
    assert rows(data, "TIME", "DVID") == [[0, 1], [0, "effect"], [1, 1], [1, "effect"]]
    placebo = Records.from_regimen(Dose(0, "c", "mg", interval=24, count=3, duration=1, time_unit="h"))
    assert rows(placebo, "AMT", "RATE", "ADDL", "EVID") == [[0, 0, 2, 1]]
    steady = Records.from_regimen(Dose(0, "c", "mg", interval=24, steady_state=1, time_unit="h"))
    assert rows(steady, "SS", "II") == [[0, 0]]


def test_what_has_no_column_is_refused_by_name_or_left_to_predict():
    text = "10 mg into depot lag 30 min F 0.8"
    with pytest.raises(DataError, match=r"lag of a dose.*depot.*ALAG\(depot\)") as caught:
        Records.from_regimen(text)
    assert caught.value.value == 30
    with pytest.raises(DataError, match=r"bioavailability.*0\.8.*F\(depot\)"):
        Records.from_regimen(text, leave_out=["lag"])
    data = Records.from_regimen(text, leave_out=["lag", "bioavailability"], time_unit="h")
    said = dict(zip(data.changes["column"], data.changes["value"], strict=True))
    assert said == {"ALAG(depot)": 0.5, "F(depot)": 0.8}
    infusion = Records.from_regimen("10 mg into c over 2 h F 0.5", leave_out="bioavailability")
    assert infusion.doses["RATE"].tolist() == [-2]
    assert infusion.changes["column"].tolist() == ["F(c)", "D(c)"]
    with pytest.raises(DataError, match="molar mass"):
        Records.from_regimen("10 mg into c molar mass 150 kDa")
    assert Records.from_regimen("10 mg into c molar mass 150 kDa", leave_out="molar_mass").changes[
        "value"
    ].tolist() == ["150 kDa"]
    with pytest.raises(DataError, match="differ in lag"):
        Records.from_regimen("1 mg into c lag 1 h; 1 mg into c at 5 h lag 2 h", leave_out="lag")


REFUSED = [
    ("formula without subjects", "[WT] mg into c", {}, r"reads 'WT'.*subjects="),
    ("formula of no covariate", "[WTT] mg into c", {"subjects": PEOPLE}, r"reads 'WTT'.*did you mean 'WT'"),
    ("formula of words", "[SEX*2] mg into c", {"subjects": PEOPLE}, r"'SEX' is in words.*'F'"),
    ("formula negative", "[WT - 60] mg into c", {"subjects": PEOPLE}, r"got -10.*WT = 50"),
    ("duration zero", "5 mg into c over [WT - 50] h", {"subjects": PEOPLE}, r"no positive number.*WT = 50"),
    ("missing covariate", "[WT] mg into c", {"subjects": PEOPLE.assign(WT=[None, 1.0])}, r"'WT' is missing.*filled"),
    ("subject twice", "5 mg into c", {"subjects": PEOPLE.assign(ID=[1, 1])}, r"stands twice.*got 1"),
    ("subject without ID", "5 mg into c", {"subjects": PEOPLE.assign(ID=[1, None])}, "has no ID"),
    ("no subjects", "5 mg into c", {"subjects": 0}, "not positive"),
    ("subjects in words", "5 mg into c", {"subjects": "all"}, "no table"),
    ("times in words", "5 mg into c", {"times": "0:24 h"}, "no numbers"),
    ("times infinite", "5 mg into c", {"times": [1, math.inf]}, "not finite"),
    ("at a dose", "5 mg into c", {"at_dose": "during"}, "at_dose is unknown"),
    ("nothing", "no doses", {}, "no records"),
    ("one unit lacking", "5 mg into c; 5 into c at 1 h", {}, r"no unit, and another is in mg"),
    ("mass and moles", "5 mg into c; 5 nmol into c at 1 h", {}, "nmol"),
    ("leave out what is kept", "5 mg into c", {"leave_out": ["rate"]}, r"cannot be left out \(got 'rate'\)"),
    ("rate of what", Dose(5, "c", rate=2, rate_unit="mg/h"), {}, "not both stated"),
]  # fmt: skip


@pytest.mark.parametrize(("regimen", "options", "message"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED])
def test_refusals(regimen, options, message):
    with pytest.raises(ValueError, match=f"(?is){message}"):
        Records.from_regimen(regimen, **options)


# ---------------------------------------------------------------------------------------------- doses for measured data
MEASURED = "ID,TIME,DV,WT\n1,0,0.2,50\n1,2,4,60\n1,5,3,.\n2,1,5,80\n2,5,3,80\n"


def test_measured_data_get_doses():
    data = read_nonmem(MEASURED, units={"TIME": "h", "DV": "mg/L"}).filled()
    new = data.with_doses("[3*WT] mg into depot; [2*WT] mg into depot at 2 h")
    assert rows(new, "ID", "TIME", "EVID", "AMT", "WT", "LINE") == [
        [1, 0, 0, 0, 50, 2],
        [1, 0, 1, 150, 50, 0],
        [1, 2, 0, 0, 60, 3],
        [1, 2, 1, 120, 60, 0],
        [1, 5, 0, 0, 60, 4],
        [2, 0, 1, 240, 80, 0],
        [2, 1, 0, 0, 80, 5],
        [2, 2, 1, 160, 80, 0],
        [2, 5, 0, 0, 80, 6],
    ]
    assert new.units == {"TIME": "h", "DV": "mg/L", "AMT": "mg"}
    assert (new.changes["what"] == "added").sum() == 4
    after = data.with_doses("1 mg into depot", at_dose="after")
    assert after.table["EVID"].tolist()[:2] == [1, 0]
    daily = data.with_doses("1 mg into depot every 1 h x 3")
    assert daily.subject(1)["EVID"].tolist() == [0, 1, 1, 0, 1, 0]
    assert daily.subject(2)["EVID"].tolist() == [1, 0, 1, 1, 0]
    assert data.with_doses("1 mg into depot every 3 h x 9").doses["ADDL"].tolist() == [8, 8]


def test_covariates_of_a_dose_follow_carry():
    last = read_nonmem(MEASURED, carry="last", units={"TIME": "h"}).filled()
    assert last.with_doses("[WT] mg into c at 1 h").doses["AMT"].tolist() == [50, 80]
    following = read_nonmem(MEASURED, units={"TIME": "h"}).filled()
    assert following.with_doses("[WT] mg into c at 1 h").doses["AMT"].tolist() == [60, 80]
    assert following.with_doses("[WT] mg into c at 9 h").doses["AMT"].tolist() == [60, 80]


def test_with_doses_refuses():
    data = read_nonmem(MEASURED)
    with pytest.raises(DataError, match=r"units=\{'TIME': 'h'\}"):
        data.with_doses("5 mg into c at 1 h")
    assert data.with_doses("5 mg into c").doses["AMT"].tolist() == [5, 5]
    with pytest.raises(DataError, match=r"'WT' is missing"):
        data.with_doses(Regimen((Dose("WT", "c", time=4.0),)))
    with pytest.raises(DataError, match=r"doses or resets of their own.*line 2, subject 1"):
        read_nonmem("ID,TIME,AMT\n1,0,5\n").with_doses("5 mg into c")
    with pytest.raises(DataError, match="At_dose"):
        data.with_doses("5 mg into c", at_dose="x")
    with pytest.raises(DosingError):
        data.with_doses("five mg into c")


# --------------------------------------------------------------------------------------------------------- and back
def test_records_become_a_regimen():
    text = (
        "ID,TIME,AMT,RATE,II,ADDL,SS,CMT,DV\n1,0,100,.,24,.,1,1,.\n1,1,.,.,.,.,.,.,4\n"
        "1,24,50,25,12,3,.,central,.\n2,0,1,.,.,.,.,0,.\n"
    )
    data = read_nonmem(text, units={"TIME": "h", "AMT": "mg"})
    regimen = data.regimen(1, compartments={1: "depot"})
    assert regimen.doses == (
        Dose(100, "depot", "mg", time_unit="h", interval=24, steady_state=1),
        Dose(50, "central", "mg", time=24, time_unit="h", rate=25, rate_unit="mg/h", interval=12, count=4),
    )
    assert data.regimen(2, compartments={1: "depot"}).doses[0].target == "depot"
    assert read_nonmem("ID,TIME,DV\n1,0,2\n").regimen(1) == Regimen()


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("5,0,0,0,0,4,c", r"a reset.*got 4.*line 3, subject 1, column EVID"),
        ("0,0,0,0,0,3,c", r"a reset.*got 3.*line 3"),
        ("0,0,0,0,0,2,-1", r"turning a compartment off.*got -1.*line 3, subject 1, column CMT"),
        ("5,-1,0,0,0,1,c", r"modelled rate.*got -1.*line 3, subject 1, column RATE"),
        ("5,-2,0,0,0,1,c", r"modelled duration.*got -2.*line 3"),
        ("0,5,0,0,1,1,c", r"constant infusion.*got 1.*line 3, subject 1, column SS"),
        ("5,0,12,0,1,1,c", r"after other doses.*got 1.*line 3"),
        ("5,0,12,0,3,1,c", r"SS = 3.*got 3.*line 3"),
        ("5,0,0,0,0,1,2", r"no name.*got 2.*line 3, subject 1, column CMT.*compartments=\{2: 'depot'\}"),
    ],
)
def test_what_a_regimen_cannot_hold_is_refused(row, message):
    data = read_nonmem(f"ID,TIME,AMT,RATE,II,ADDL,SS,EVID,CMT\n1,0,1,0,0,0,0,1,c\n1,1,{row}\n")
    with pytest.raises(DataError, match=message):
        data.regimen(1)


def test_negative_times_are_refused():
    with pytest.raises(DataError, match=r"negative time.*got -1"):
        read_nonmem("ID,TIME,AMT,CMT\n1,-1,5,c\n").regimen(1)


DOSES = st.builds(
    lambda amount, target, time, how, step, count, steady: Dose(
        amount, target, "mg", time=time, time_unit="h", **how,
        **({"interval": step, "count": count, "steady_state": 0} if count > 1 else {}),
        **({"interval": step, "steady_state": 2} if steady and count == 1 else {}),
    ),
    st.floats(0.01, 1e4),
    st.sampled_from(["depot", "pk.central"]),
    st.floats(0, 500),
    st.sampled_from([{}, {"rate": 2.5}, {"rate": 0.1}]),
    st.floats(0.5, 48),
    st.integers(1, 6),
    st.booleans(),
)  # fmt: skip


def key(administrations):
    return [(a.time, a.amount, a.unit, a.target, a.rate) for a in administrations]


@given(st.lists(DOSES, min_size=1, max_size=4), st.lists(st.floats(0, 500), max_size=4))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_there_and_back(doses, times):
    regimen = Regimen(tuple(sorted(doses, key=lambda d: d.time)))
    data = Records.from_regimen(regimen, times=times, subjects=2)
    for subject in data.subjects:
        back = data.regimen(subject)
        assert key(expand(back, time_unit="h")) == key(expand(regimen, time_unit="h"))
        assert [d.steady_state for d in back] == [d.steady_state for d in regimen]
        assert [d.interval for d in back] == [d.interval for d in regimen]
    again = Records.from_regimen(data.regimen(1), times=times, subjects=2)
    assert again == data


@given(st.lists(DOSES, min_size=1, max_size=3), st.lists(st.floats(0, 500), min_size=1, max_size=5, unique=True))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_before_and_after_give_the_same_doses(doses, times):
    regimen = Regimen(tuple(doses))
    times = [*times, doses[0].time, doses[0].last_time]
    a, b = (Records.from_regimen(regimen, times=times, at_dose=when) for when in ("after", "before"))
    given_a, given_b = (sorted(key(expand(r.regimen(1), time_unit="h")), key=str) for r in (a, b))
    assert given_a == given_b
    seen = b.subject(1)
    for t in times:
        at = seen[seen["TIME"] == t]["EVID"].tolist()
        assert at == sorted(at), "observations come first"
