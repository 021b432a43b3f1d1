from __future__ import annotations

import math
import pickle
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sbmlqsp.dosing import (
    Dose,
    Regimen,
    bolus,
    calendar,
    expand,
    in_words,
    infusion,
    loading_then_maintenance,
)
from sbmlqsp.errors import DosingError, UnitError

# ------------------------------------------------------------------------------------------------------ strategies
# Neither the load of the machine nor chance decides whether a test passes.
steady = settings(deadline=None, derandomize=True)
positive = st.floats(1e-6, 1e6)
whole = st.integers(1, 400).map(float)
amounts = st.one_of(st.just(0.0), positive, whole, st.sampled_from(["4.02*WT", "dose_0 + 2", "min(5*WT, 400)"]))
time_units = st.sampled_from([None, "s", "min", "h", "day", "week"])


@st.composite
def doses(draw: st.DrawFn, unit: str | None = "any", *, formulas: bool = True) -> Dose:
    numbers = st.one_of(positive, whole)
    times = st.one_of(numbers, st.just("TLAG*2")) if formulas else numbers
    interval = draw(st.one_of(st.none(), numbers))
    how = draw(st.sampled_from(["bolus", "rate", "rate in its unit", "duration"]))
    amount_unit = draw(st.sampled_from([None, "mg", "ug"]))
    return Dose(
        draw(amounts if formulas else numbers),
        draw(st.sampled_from(["depot", "pk.central", "at", "a.b.c_1"])),
        amount_unit,
        time=draw(st.one_of(st.just(0.0), numbers)),
        time_unit=draw(time_units) if unit == "any" else unit,
        rate=draw(numbers) if how.startswith("rate") else None,
        rate_unit="mg/min" if how == "rate in its unit" else None,
        duration=draw(times) if how == "duration" else None,
        interval=interval,
        count=draw(st.integers(1, 9)) if interval else 1,
        lag=draw(st.one_of(st.just(0.0), times)),
        bioavailability=draw(st.one_of(st.just(1.0), positive, st.just("F1"))),
        steady_state=draw(st.integers(0, 2)) if interval else 0,
        molar_mass=draw(st.sampled_from([None, "150 kDa", "148000.5 g/mol"])),
    )


def regimens(unit: str | None = "any", *, formulas: bool = True) -> st.SearchStrategy[Regimen]:
    return st.lists(doses(unit, formulas=formulas), max_size=4).map(Regimen)


def times(regimen: Regimen | Dose, unit: str | None = "h") -> list[float]:
    return [row.time for row in expand(regimen, time_unit=unit)]


# ------------------------------------------------------------------------------------------------------------ Dose
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"amount": -1}, r"amount is negative \(got -1.0\), in the dose of -1 mg into depot"),
        ({"amount": math.nan}, "amount is not finite"),
        ({"amount": math.inf}, "amount is not finite"),
        ({"amount": True}, "amount is not a number"),
        ({"amount": None}, "amount is not a number"),
        ({"amount": "100 mg"}, "give the number 100 and unit='mg'"),
        ({"amount": "4*"}, "amount is not a formula"),
        ({"amount": "2 - 5"}, "amount is negative"),
        ({"amount": ""}, "amount is not a formula"),
        ({"target": ""}, "target of the dose is not a name"),
        ({"target": "pk..central"}, "target of the dose is not a name"),
        ({"target": "the depot"}, "target of the dose is not a name"),
        ({"time": -1}, "time is negative"),
        ({"time": "12 h"}, "time is not a number"),
        ({"duration": 0}, "duration is zero.*leave duration out for a bolus"),
        ({"rate": 0}, "rate is zero.*leave rate out for a bolus"),
        ({"duration": -1}, "duration is negative"),
        ({"rate": -2}, "rate is negative"),
        ({"rate": 5, "duration": 2}, "rate and duration are both given"),
        ({"rate_unit": "mg/h"}, "rate_unit is given without a rate"),
        ({"interval": 0}, "interval is zero"),
        ({"interval": -24, "count": 2}, "interval is negative"),
        ({"count": 3}, "3 doses without an interval"),
        ({"count": 0}, "count is less than one"),
        ({"count": 2.5, "interval": 24}, "count is not a whole number"),
        ({"count": "7", "interval": 24}, "count is not a whole number"),
        ({"lag": -0.5}, "lag is negative"),
        ({"lag": "2 h"}, "time_unit='h'"),
        ({"bioavailability": -0.1}, "bioavailability is negative"),
        ({"steady_state": 3, "interval": 24}, "steady_state is unknown"),
        ({"steady_state": 1}, "a steady state without an interval"),
        ({"interval": 1e308, "count": 100}, "time of the last dose is not finite"),
    ],
)
def test_a_dose_refuses_what_cannot_be_given(arguments: dict, message: str) -> None:
    with pytest.raises(DosingError, match=f"(?i){message}"):
        Dose(**{"amount": 100, "target": "depot", "unit": "mg", **arguments})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"unit": "mgg"}, "mgg"),
        ({"unit": ""}, "unit is empty"),
        ({"unit": "mg/h"}, "unit of the amount is a rate.*amount in mg"),
        ({"unit": "mg/kg"}, r"depends on the size of the body.*WT"),
        ({"time_unit": "mg"}, "not a unit of time"),
        ({"time_unit": "fortnite"}, "fortnite"),
        ({"rate": 5, "rate_unit": "mg"}, "the rate in mg does not give an amount in mg"),
        ({"rate": 5, "rate_unit": "nmol/h"}, "molar_mass="),
        ({"molar_mass": "heavy"}, "heavy"),
        ({"molar_mass": "150 h"}, "molar mass"),
        ({"molar_mass": "-150 kDa"}, "molar mass must be positive"),
    ],
)
def test_a_dose_refuses_units_that_do_not_fit(arguments: dict, message: str) -> None:
    with pytest.raises(UnitError, match=f"(?i){message}") as caught:
        Dose(**{"amount": 100, "target": "depot", "unit": "mg", **arguments})
    assert caught.value.where == f"the dose of 100 {arguments.get('unit', 'mg')}".rstrip() + " into depot"


def test_a_dose_keeps_its_values_in_one_spelling() -> None:
    dose = Dose(np.int64(100), " depot ", "mg / L", time_unit="hours", interval=24, count=np.int64(7), lag="2*3")
    assert dose == Dose(100.0, "depot", "mg/L", time_unit="h", interval=24.0, count=7, lag=6.0)
    assert type(dose.count) is int
    assert Dose(1, "x", molar_mass="150kDa").molar_mass == "150 kDa"
    assert not math.copysign(1, Dose(-0.0, "x").amount) < 0
    assert Dose("4.02 *  WT", "x").amount == "4.02 * WT"


def test_what_is_unusual_but_right_is_accepted() -> None:
    assert Dose(0, "x").amount == 0  # placebo
    assert Dose(1, "x", bioavailability=1.3).bioavailability == 1.3  # relative bioavailability
    assert Dose(1, "x", "mg", rate=5, rate_unit="nmol/h", molar_mass="150 kDa").rate_unit == "nmol/h"
    assert Dose(1, "x", interval=24).count == 1


def test_a_dose_shows_only_what_was_said() -> None:
    assert repr(Dose(100, "depot", "mg")) == "Dose(100, 'depot', 'mg')"
    assert repr(Dose("WT", "depot", lag=0.5)) == "Dose('WT', 'depot', lag=0.5)"


@steady
@given(doses())
def test_a_dose_evaluates_from_its_repr_and_survives_pickling(dose: Dose) -> None:
    assert eval(repr(dose)) == dose
    assert pickle.loads(pickle.dumps(dose)) == dose


@settings(steady, max_examples=300)
@given(regimens())
def test_a_regimen_reads_back_from_its_text(regimen: Regimen) -> None:
    assert Regimen.parse(str(regimen)) == regimen


# --------------------------------------------------------------------------------------------------------- algebra
@steady
@given(regimens(), regimens(), regimens())
def test_addition_is_associative_and_keeps_every_dose(a: Regimen, b: Regimen, c: Regimen) -> None:
    assert (a + b) + c == a + (b + c)
    assert len(a + b) == len(a) + len(b)
    assert a + Regimen() == a


def test_a_dose_adds_on_either_side() -> None:
    x, y = Dose(1, "x"), Dose(2, "y")
    assert x + Regimen((y,)) == Regimen((x, y))
    assert Regimen((x,)) + y == Regimen((x, y))
    with pytest.raises(TypeError):
        Regimen((x,)) + 3  # type: ignore[operator]


def test_then_begins_when_the_last_interval_is_over() -> None:
    loading = bolus(200, "x", "mg", interval=12, count=2, time_unit="h")
    maintenance = bolus(50, "x", "mg", interval=1, count=3, time_unit="day")
    assert times(loading.then(maintenance)) == [0, 12, 24, 48, 72]
    assert times(loading.then(maintenance, gap="6 h")) == [0, 12, 18, 42, 66]
    assert times(loading.then(maintenance, gap=6)) == [0, 12, 18, 42, 66]
    assert times(bolus(1, "x", time=3, time_unit="h").then(Dose(1, "x"), "30 min")) == [3, 3.5]


def test_then_waits_for_the_longest_cycle() -> None:
    backbone = bolus(1, "x", interval=21, count=2, time_unit="day") + bolus(1, "y", interval=1, count=28)
    backbone = Regimen(tuple(replace(dose, time_unit="day") for dose in backbone))
    assert times(backbone.then(Dose(5, "z")), "day")[-1] == 42
    late = backbone + Dose(1, "y", time=50, time_unit="day")
    with pytest.raises(DosingError, match=r"has no interval.*into y at 50 day"):
        late.then(Dose(5, "z"))


def test_then_needs_a_gap_after_a_single_dose_and_none_after_nothing() -> None:
    with pytest.raises(DosingError, match="no interval"):
        bolus(1, "x").then(Dose(1, "x"))
    with pytest.raises(DosingError, match="gap is negative"):
        bolus(1, "x").then(Dose(1, "x"), -1)
    assert Regimen().then(Dose(1, "x")) == bolus(1, "x")


def test_a_bare_number_is_refused_where_the_unit_is_in_doubt() -> None:
    both = bolus(1, "x", time=1, time_unit="h") + bolus(1, "x", time=1, time_unit="day")
    with pytest.raises(DosingError, match="h or day"):
        both.shift(2)
    assert times(both.shift("2 h")) == [3, 26]
    with pytest.raises(DosingError, match="time unit"):
        (both + Dose(1, "x", time=1)).shift("2 h")


@steady
@given(regimens("h", formulas=False), st.integers(1, 5), st.integers(1, 1000))
def test_repeating_is_adding_shifted_copies(regimen: Regimen, n: int, every: int) -> None:
    copies = [row for i in range(n) for row in expand(regimen.shift(i * every), time_unit="h")]
    a = sorted((row.target, row.amount, row.time) for row in copies)
    b = sorted((row.target, row.amount, row.time) for row in expand(regimen.repeat(n, every=every), time_unit="h"))
    assert [row[:2] for row in a] == [row[:2] for row in b]
    np.testing.assert_allclose([row[2] for row in a], [row[2] for row in b], rtol=1e-12)


def test_a_repeated_single_dose_stays_one_line() -> None:
    assert bolus(1, "x", "mg").repeat(4, every="21 day") == bolus(1, "x", "mg", interval=21, count=4, time_unit="day")


@pytest.mark.parametrize(
    ("n", "every", "message"),
    [(0, 1, "repeats"), (2.5, 1, "repeats"), (True, 1, "repeats"), (2, 0, "not positive"), (2, "soon", "12 h")],
)
def test_repeat_refuses_nonsense(n: object, every: object, message: str) -> None:
    with pytest.raises(DosingError, match=message):
        bolus(1, "x").repeat(n, every=every)  # type: ignore[arg-type]


@steady
@given(regimens("h"), st.integers(0, 100), st.integers(0, 100))
def test_shifts_add(regimen: Regimen, a: int, b: int) -> None:
    left, right = times(regimen.shift(a).shift(b)), times(regimen.shift(a + b))
    np.testing.assert_allclose(left, right, rtol=1e-12)


def test_a_shift_before_time_zero_is_refused() -> None:
    assert times(bolus(1, "x", time=3).shift(-3), None) == [0]
    with pytest.raises(DosingError, match="time is negative"):
        bolus(1, "x", time=3).shift(-4)


def test_scaling_keeps_the_length_of_infusions() -> None:
    both = infusion(100, "x", "mg", rate=5, rate_unit="mg/h") + infusion("4*WT", "x", "mg", duration=2)
    first, second = both.scale(3)
    assert (first.amount, first.rate, second.amount, second.duration) == (300, 15, "4*WT*3", 2)
    assert both.scale("WT/70").doses[0].amount == "100*(WT/70)"
    assert [dose.amount for dose in both.scale(0)] == [0, "4*WT*0"]
    with pytest.raises(DosingError, match="factor is negative"):
        both.scale(-1)


def test_labels_name_a_regimen_and_do_not_change_it() -> None:
    a = Regimen.parse("1 mg into x", label="arm A")
    assert a == Regimen.parse("1 mg into x", label="arm B")
    assert a.shift("1 h").label == "arm A"


@pytest.mark.parametrize("bad", ["1 mg into x", 5, [1], [Dose(1, "x"), "2 mg into x"], None])
def test_a_regimen_holds_doses_only(bad: object) -> None:
    with pytest.raises(DosingError, match="holds doses only"):
        Regimen(bad)  # type: ignore[arg-type]


def test_a_loading_dose_is_followed_one_interval_later() -> None:
    maintenance = Dose(100, "x", "mg", interval=24, count=3, time_unit="h")
    assert times(loading_then_maintenance(Dose(200, "x", "mg"), maintenance)) == [0, 24, 48, 72]
    twice = Dose(200, "x", "mg", interval=12, count=2, time_unit="h")
    assert times(loading_then_maintenance(twice, maintenance)) == [0, 12, 24, 48, 72]
    with pytest.raises(DosingError, match="maintenance dose has no interval"):
        loading_then_maintenance(twice, Dose(100, "x", "mg"))


def test_an_infusion_needs_a_duration_or_a_rate() -> None:
    with pytest.raises(DosingError, match="without duration or rate"):
        infusion(100, "x", "mg")


# ------------------------------------------------------------------------------------------------------- expansion
@steady
@given(regimens("min", formulas=False))
def test_expansion_is_the_plain_double_loop(regimen: Regimen) -> None:
    plain = [
        ((dose.time + i * (dose.interval or 0)) / 60, index, i + 1, dose.amount)
        for index, dose in enumerate(regimen)
        for i in range(dose.count)
    ]
    rows = expand(regimen, time_unit="h")
    assert [(r.time, r.dose_index, r.number, r.amount) for r in rows] == sorted(plain)


def test_times_are_multiplied_not_accumulated() -> None:
    rows = times(Dose(1, "x", interval=0.1, count=1001, time_unit="h"))
    assert rows[1000] == 1000 * 0.1 != sum([0.1] * 1000)


def test_coinciding_doses_of_different_units_coincide() -> None:
    a = times(Dose(1, "x", interval=10, count=1000, time_unit="min"))
    b = times(Dose(1, "x", interval=1 / 6 * 6, count=166, time_unit="h"))
    assert set(b) <= set(a)
    assert times(Dose(1, "x", interval=7, count=4, time_unit="day"), "week") == [0, 1, 2, 3]


def test_simultaneous_doses_come_in_the_order_written() -> None:
    regimen = bolus(1, "b", time=5) + bolus(2, "a", time=5) + bolus(3, "c")
    assert [row.target for row in expand(regimen, time_unit=None)] == ["c", "b", "a"]


def test_every_time_of_an_administration_is_in_the_units_asked_for() -> None:
    dose = Dose(60, "x", "mg", duration=30, lag="ALAG", time=60, time_unit="min", bioavailability=0.5)
    (row,) = expand(dose, time_unit="h")
    assert (row.time, row.duration, row.lag, row.bioavailability, row.unit) == (1.0, 0.5, "ALAG/60", 0.5, "mg")
    (row,) = expand(Dose(60, "x", "mg", rate=2, time_unit="min"), time_unit="h")
    assert (row.rate, row.rate_unit) == (120.0, None)
    (row,) = expand(Dose(60, "x", "mg", rate=2, rate_unit="mg/min", time_unit="min"), time_unit="h")
    assert (row.rate, row.rate_unit) == (2.0, "mg/min")


def test_a_model_without_time_unit_takes_only_regimens_without_one() -> None:
    assert times(bolus(1, "x", interval=2, count=2), None) == [0, 2]
    assert times(bolus(1, "x", interval=2, count=2), "h") == [0, 2]
    assert times(Dose(1, "x", time_unit="h"), None) == [0]
    with pytest.raises(DosingError, match=r"times in h.*declare the time unit in the model"):
        expand(bolus(1, "x", interval=2, count=2, time_unit="h"), time_unit=None)
    with pytest.raises(UnitError, match="not a unit of time"):
        expand(bolus(1, "x"), time_unit="mg")


def test_an_expansion_without_end_is_refused() -> None:
    with pytest.raises(DosingError, match=r"too many administrations.*1,000,000"):
        expand(Dose(1, "x", interval=1, count=1_000_001), time_unit=None)
    with pytest.raises(DosingError, match="too many doses"):
        Regimen.parse("1 into x every 1 x 2").repeat(2_000_000, every=3)


# ---------------------------------------------------------------------------------------------------- to be read
def test_the_calendar_has_a_row_per_administration() -> None:
    table = calendar(
        Regimen.parse("300 mg into central over 30 min every 21 day x 2; [WT] mg into depot at 12 h F 0.8")
    )
    assert table["time"].tolist() == [0, 0.5, 21]
    assert table["how"].tolist() == ["infusion over 30 min", "bolus", "infusion over 30 min"]
    assert table["amount"].tolist() == [300, "WT", 300]
    assert table["dose"].tolist() == [1, 2, 1]
    assert table["number"].tolist() == [1, 1, 2]
    assert table["bioavailability"].tolist() == [1, 0.8, 1]
    assert set(table["time_unit"]) == {"day"}
    assert calendar(Dose(1, "x", time=36, time_unit="h"), time_unit="day")["time"].tolist() == [1.5]


def test_times_with_and_without_unit_share_no_calendar_unless_told() -> None:
    mixed = Regimen.parse("1 mg into x at 30 min; 1 mg into x at 5")
    with pytest.raises(DosingError, match="the time unit it should run in is not stated"):
        mixed.calendar()
    assert mixed.calendar(time_unit="h")["time"].tolist() == [0.5, 5]
    assert repr(mixed) == "Regimen: 1 mg into x at 30 min; 1 mg into x at 5"
    assert mixed._repr_html_().count("<p>") == 1


def test_the_calendar_of_nothing_has_its_columns() -> None:
    table = Regimen().calendar()
    assert len(table) == 0
    assert "how" in table


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "100 mg into pk.depot every 24 h x 7",
            "7 doses of 100 mg as a bolus into pk.depot, every 24 h, the first at 0 h.",
        ),
        ("100 mg into depot at 1 day", "One dose of 100 mg as a bolus into depot at 1 day."),
        (
            "300 mg into c over 30 min every 3 week x 2 at 2 week",
            "2 doses of 300 mg as an infusion over 30 min into c, every 3 weeks, the first at 2 weeks.",
        ),
        ("500 mg into c at 5 mg/min", "One dose of 500 mg as an infusion at 5 mg/min into c at time 0."),
        (
            "[WT] into c every 2 x 2 lag 1 F 0.5 molar mass 150 kDa",
            (
                "2 doses of [WT] (in the unit of c) as a bolus into c, every 2 time units, the first at time 0, "
                "lag 1 time unit, bioavailability 0.5, molar mass 150 kDa."
            ),
        ),
        (
            "1 mg into c qd ss",
            "One dose of 1 mg as a bolus into c at 0 days, with an interval of 1 day, from steady state.",
        ),
        ("no doses", "No doses."),
    ],
)
def test_in_words(text: str, words: str) -> None:
    assert in_words(Regimen.parse(text)) == Regimen.parse(text).in_words() == words


def test_a_regimen_is_shown_as_its_first_rows() -> None:
    regimen = Regimen.parse("1 mg into x every 24 h x 1000000; 2 mg into y at 30 h", label="<long>")
    shown = repr(regimen)
    assert shown.splitlines()[0].startswith("Regimen '<long>': 1 mg into x every 24 h x 1000000; 2 mg")
    assert len(shown.splitlines()) == 1 + 1 + 20 + 1
    assert shown.endswith("… and 999981 more")
    assert "2.0" in shown.splitlines()[4]
    page = regimen._repr_html_()
    assert "999981 more" in page
    assert "&lt;long&gt;" in page
    assert "<long>" not in page


@settings(steady, max_examples=50)
@given(regimens())
def test_a_regimen_can_always_be_shown(regimen: Regimen) -> None:
    assert repr(regimen).startswith("Regimen")
    assert regimen._repr_html_()
    assert in_words(regimen).endswith(".")
    assert pickle.loads(pickle.dumps(regimen)) == regimen
