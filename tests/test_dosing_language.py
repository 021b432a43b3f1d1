from __future__ import annotations

from dataclasses import replace

import pytest

from sbmlqsp.dosing import Dose, Regimen
from sbmlqsp.errors import DosingError, UnitError


@pytest.mark.parametrize(
    ("text", "dose"),
    [
        (
            "100 mg into pk.depot every 24 h x 7",
            Dose(100, "pk.depot", "mg", interval=24, count=7, time_unit="h"),
        ),
        (
            "300 mg into central over 30 min every 21 day x 4",
            Dose(300, "central", "mg", duration=30 / 1440, interval=21, count=4, time_unit="day"),
        ),
        ("5 mg/h into central for 10 h", Dose(50, "central", "mg", duration=10, time_unit="h")),
        ("5 mg/min into central for 2 h", Dose(600, "central", "mg", duration=2, time_unit="h")),
        ("[2*WT] mg/h into c for 3 h", Dose("2*WT*3", "c", "mg", duration=3, time_unit="h")),
        ("500 mg into central at 5 mg/min", Dose(500, "central", "mg", rate=5, rate_unit="mg/min")),
        (
            "500 mg into central at 5 mg/min at 12 h",
            Dose(500, "central", "mg", rate=5, rate_unit="mg/min", time=12, time_unit="h"),
        ),
        ("500 into central at rate [CL*2]", Dose(500, "central", rate="CL*2")),
        ("100 mg into depot at 12 h", Dose(100, "depot", "mg", time=12, time_unit="h")),
        ("100 mg into depot starting at 12 hours", Dose(100, "depot", "mg", time=12, time_unit="h")),
        ("[4.02*WT] mg into depot", Dose("4.02*WT", "depot", "mg")),
        ("100 into depot every 24 x 7", Dose(100, "depot", interval=24, count=7)),
        ("100mg into depot q24h x7", Dose(100, "depot", "mg", interval=24, count=7, time_unit="h")),
        ("100 mg INTO depot Q2W × 7 doses", Dose(100, "depot", "mg", interval=2, count=7, time_unit="week")),
        ("100 mg into depot qd ×7", Dose(100, "depot", "mg", interval=1, count=7, time_unit="day")),
        ("100 mg into depot every week x 7", Dose(100, "depot", "mg", interval=1, count=7, time_unit="week")),
        ("100 mg into depot bid times 7", Dose(100, "depot", "mg", interval=12, count=7, time_unit="h")),
        ("100 mg into depot tid x 7", Dose(100, "depot", "mg", interval=8, count=7, time_unit="h")),
        ("1e3 ug to depot, lag 30 min, F 80%", Dose(1e3, "depot", "ug", lag=30, bioavailability=0.8, time_unit="min")),
        ("1 mg into d with lag [T1] min q1h x 2", Dose(1, "d", "mg", lag="T1/60", interval=1, count=2, time_unit="h")),
        ("1 mg into d bioavailability [F1]", Dose(1, "d", "mg", bioavailability="F1")),
        ("1 mg into d molar mass 150kDa", Dose(1, "d", "mg", molar_mass="150 kDa")),
        ("1 mg into d qd ss", Dose(1, "d", "mg", interval=1, time_unit="day", steady_state=1)),
        ("1 mg into d steady state 2 qd", Dose(1, "d", "mg", interval=1, time_unit="day", steady_state=2)),
        ("1 mg into d at 0 every 1 day x 2", Dose(1, "d", "mg", interval=1, count=2, time_unit="day")),
        ("1 mg into d at 0 h", Dose(1, "d", "mg", time_unit="h")),
        ("1 mg into into", Dose(1, "into", "mg")),
    ],
)
def test_the_language(text: str, dose: Dose) -> None:
    assert Regimen.parse(text) == Regimen((dose,))


@pytest.mark.parametrize(
    ("text", "error", "place", "hint"),
    [
        ("100 mg into depot evry 24 h x 7", DosingError, "▸evry◂ 24 h x 7", "did you mean 'every'"),
        ("100 mgg into depot", UnitError, "▸mgg◂", "mg"),
        ("100 mg depot", DosingError, "▸depot◂", "AMOUNT"),
        ("mg into depot", DosingError, "▸mg◂", "amount is missing"),
        ("100 mg into", DosingError, "into▸◂", "target after 'into' is missing"),
        ("100 mg into depot every 24 h", DosingError, "every ▸24◂", "x 7"),
        ("100 mg into depot every 24 h x 2.5", DosingError, "x ▸2.5◂", "whole number"),
        ("100 mg into depot every 24 h x2.5", DosingError, "▸x2.5◂", "whole number"),
        ("100 mg into depot every [WT] h x 2", DosingError, "▸[WT]◂", "cannot be a formula"),
        ("100 mg into depot on day 3", DosingError, "▸on◂", "ambiguous"),
        ("100 mg into depot for 7 day", DosingError, "▸for◂", "over 10 h"),
        ("5 mg/h into depot", DosingError, "▸5◂", "for 10 h"),
        ("5 mg/h into depot for 10", DosingError, "▸10◂", "no unit"),
        ("5 mg/h into depot for 10 h over 10 h", DosingError, "▸for◂", "both"),
        ("5 mg/h into depot for 10 mg", DosingError, "▸mg◂", "not a time"),
        ("5 mg into depot and 5 mg into x", DosingError, "▸and◂", "'+' or ';'"),
        ("5 mg into depot, 5 mg into x", DosingError, "▸5◂ mg into x", "'+' or ';'"),
        ("5 mg into depot after 12 h", DosingError, "▸after◂", "'at 12 h'"),
        ("5 mg into depot q24 x 3", DosingError, "▸q24◂", "'q24h'"),
        ("5 mg per kg into depot", DosingError, "▸per◂", "[2*WT] mg"),
        ("5 mg/kg into depot", UnitError, "▸5◂", "5*WT"),
        ("-5 mg into depot", DosingError, "▸-5◂", "negative"),
        ("5 mg into depot lag 1 h lag 2 h", DosingError, "▸lag◂ 2 h", "given twice"),
        ("5 mg into depot lag 3 mg", DosingError, "▸mg◂", "not a time"),
        ("5 mg into depot lag 3mg", DosingError, "▸3mg◂", "not a time"),
        ("5 mg into depot over 5 every 3 h x 2", DosingError, "▸5◂", "has no unit"),
        ("5 mg into depot F 3 mg", DosingError, "▸3◂", "has no unit"),
        ("5 mg into depot molar mass 3", DosingError, "▸3◂", "150 kDa"),
        ("5 mg into depot molar 3", DosingError, "▸3◂", "'mass' is missing"),
        ("5 mg into depot steady every 3 h", DosingError, "▸every◂", "'state' is missing"),
        ("[3*] mg into depot", DosingError, "▸[3*]◂", "not a formula"),
        ("[3 mg into depot", DosingError, "▸[3 mg into depot◂", "not closed"),
        ("5 mg into depot; then", DosingError, "▸then◂", "amount is missing"),
        ("5 mg into depot then 5 mg into depot", DosingError, "▸then◂", "then after 24 h"),
        ("5 mg into depot at 1 then after 2 h 5 mg into depot", DosingError, "▸then◂", "time unit"),
        ("5 mg into depot\n5 mg onto depot", DosingError, "'5 mg ▸onto◂ depot'", "into"),
    ],
)
def test_a_parse_error_points_at_the_word(text: str, error: type[Exception], place: str, hint: str) -> None:
    with pytest.raises(error) as caught:
        Regimen.parse(text)
    assert place in str(caught.value)
    assert hint in str(caught.value)


def test_an_empty_text_is_refused_and_no_doses_is_written_out() -> None:
    with pytest.raises(DosingError, match="write 'no doses'"):
        Regimen.parse("  ")
    assert Regimen.parse("no doses") == Regimen() == Regimen.parse(str(Regimen()))


def test_plus_binds_tighter_than_then_and_then_tighter_than_a_new_line() -> None:
    a, b, c = (Dose(n, "x", interval=10, count=2) for n in (1, 2, 3))
    written = {1: "1 into x every 10 x 2", 2: "2 into x every 10 x 2", 3: "3 into x every 10 x 2"}
    assert Regimen.parse(f"{written[1]} + {written[2]} then {written[3]}") == Regimen((a, b, replace(c, time=20)))
    assert Regimen.parse(f"{written[1]} then {written[2]} + {written[3]}") == Regimen(
        (a, replace(b, time=20), replace(c, time=20))
    )
    assert Regimen.parse(f"{written[1]}; {written[2]} then {written[3]};") == Regimen((a, b, replace(c, time=20)))
    assert Regimen.parse(f"{written[1]}\nthen {written[2]}\n{written[3]}\n") == Regimen((a, replace(b, time=20), c))


@pytest.mark.parametrize(
    ("spelt", "unit"),
    [
        *((word, "s") for word in ("s", "sec", "seconds")),
        *((word, "min") for word in ("min", "mins", "minute", "minutes")),
        *((word, "h") for word in ("h", "hr", "hrs", "hour", "hours")),
        *((word, "day") for word in ("d", "day", "days")),
        *((word, "week") for word in ("w", "wk", "wks", "week", "weeks")),
        *((word, "month") for word in ("mo", "month", "months")),
        *((word, "yr") for word in ("y", "yr", "yrs", "year", "years")),
    ],
)
def test_times_are_spelt_as_people_do(spelt: str, unit: str) -> None:
    dose = Dose(1, "x", interval=2, count=3, time_unit=unit)
    assert Regimen.parse(f"1 into x every 2 {spelt} x 3") == Regimen((dose,))
    assert Regimen.parse(f"1 into x every 2{spelt} x3") == Regimen((dose,))
    assert dose == replace(dose, time_unit=spelt)


@pytest.mark.parametrize("code", ["q36h", "q36hr", "q1.5d", "q1.5day", "q2160min"])
def test_codes_give_the_interval(code: str) -> None:
    from sbmlqsp.dosing import expand

    assert [row.time for row in expand(Regimen.parse(f"1 into x {code} x 2"), time_unit="h")] == [0, 36]
