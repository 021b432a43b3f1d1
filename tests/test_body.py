"""Quantities of the body: worked values from calculators and by hand, and what no formula was made for."""

import math

import numpy as np
import pytest

from sbmlqsp.errors import DataError
from sbmlqsp.populations.body import (
    QUANTITIES,
    absolute_gfr,
    body_mass_index,
    body_surface_area,
    creatinine_clearance,
    egfr,
    fat_free_mass,
    ideal_body_weight,
    lean_body_mass,
)
from sbmlqsp.populations.demographics import Demographics
from sbmlqsp.units import parse_unit

PEOPLE = {
    "AGE": np.array([30.0, 70.0, 10.0]),
    "SEX": np.array(["F", "M", "F"], dtype=object),
    "HT": np.array([165.0, 178.0, 138.0]),
    "WT": np.array([60.0, 90.0, 33.0]),
    "SCR": np.array([0.7, 1.4, 0.5]),
}


# ------------------------------------------------------------------------------------------------- worked values
@pytest.mark.parametrize(
    ("creatinine", "age", "sex", "expected"),
    [
        # The calculator of the National Kidney Foundation, https://www.kidney.org/professionals/gfr_calculator
        (1.2, 55, "M", 71),
        (1.0, 50, "M", 92),
        (0.4, 18, "F", 147),
        (0.5, 25, "M", 145),
        (0.7, 40, "F", 112),
        (0.9, 40, "M", 111),
        (1.5, 60, "F", 40),
        (2.0, 65, "M", 36),
        (5.0, 75, "F", 9),
        (8.0, 80, "M", 6),
    ],
)
def test_filtration_rate_of_adults_as_calculated_elsewhere(creatinine, age, sex, expected):
    assert egfr(creatinine, age=age, sex=sex).item() == pytest.approx(expected, abs=0.5)


def test_filtration_rate_of_children():
    assert egfr(0.5, age=8, sex="F", height=120).item() == pytest.approx(0.413 * 120 / 0.5)
    assert egfr(0.5, age=17.99, sex="M", height=120).item() == pytest.approx(99.12)
    assert egfr(0.5, age=18, sex="M", height=120).item() > 120


def test_clearance_of_adults():
    assert creatinine_clearance(80, 1.0, age=40, sex="male").item() == pytest.approx(111.11, abs=0.01)
    assert creatinine_clearance(72, 1.0, age=60, sex=["M", "F"]).tolist() == pytest.approx([80.0, 68.0])
    assert creatinine_clearance(80, 0.2, age=40, sex="M").item() == pytest.approx(555.6, abs=0.1)


def test_body_surface_areas():
    assert body_surface_area(80, 180).item() == pytest.approx(2.0)
    assert body_surface_area(70, 170, method="du bois").item() == pytest.approx(1.81, abs=0.005)
    by_hand = 0.024265 * math.exp(0.5378 * math.log(3.5) + 0.3964 * math.log(50))
    assert body_surface_area(3.5, 50, method="haycock").item() == pytest.approx(by_hand)
    three = [body_surface_area(70, 170, method=m).item() for m in ("mosteller", "du bois", "haycock")]
    assert max(three) - min(three) < 0.04


@pytest.mark.parametrize(
    ("weight", "bmi", "sex", "expected"), [(80, 20, "M", 67), (80, 30, "M", 56), (80, 30, "F", 46)]
)
def test_fat_free_mass_of_adults_as_calculated_elsewhere(weight, bmi, sex, expected):
    # Values of the R package clinPK, to the kilogram.
    height = 100 * math.sqrt(weight / bmi)
    for formula in (fat_free_mass, lean_body_mass):
        assert formula(weight, height, age=40, sex=sex).item() == pytest.approx(expected, abs=0.5)


def test_fat_free_mass_of_children():
    # The first value of the R package clinPK; then maturation alone, which is half way at its age.
    assert fat_free_mass(60, 140, age=12, sex="F").item() == pytest.approx(36, abs=0.5)
    for sex, half, value in (("M", 13.4, 0.94), ("F", 7.1, 1.055)):
        adult = fat_free_mass(40, 150, age=18, sex=sex).item()
        assert fat_free_mass(40, 150, age=half, sex=sex).item() / adult == pytest.approx(value)
        grown = fat_free_mass(40, 150, age=17.999, sex=sex).item() / adult
        assert grown == pytest.approx(1, abs=0.03)


def test_lean_body_mass_of_children():
    # Worked example for 13 years, 40 kg, 153 cm: 33.84 kg.
    assert lean_body_mass(40, 153, age=13, sex="M").item() == pytest.approx(33.84, abs=0.005)


def test_ideal_body_weight():
    assert ideal_body_weight(152.4, sex=["M", "F"]).tolist() == pytest.approx([50.0, 45.5])
    assert ideal_body_weight(180, sex="male").item() == pytest.approx(74.99, abs=0.01)
    assert ideal_body_weight(149.86, sex="F", extend=True).item() == pytest.approx(45.5 - 2.3)


def test_index_and_absolute_rate():
    assert body_mass_index(70, 175).item() == pytest.approx(22.857, abs=1e-3)
    assert absolute_gfr(90, 1.73).item() == pytest.approx(90)
    assert absolute_gfr(90, 2.0).item() == pytest.approx(104.046, abs=1e-3)


# ------------------------------------------------------------------------------------------------- by the names of data
def test_quantities_by_name():
    expected = {
        "BMI": body_mass_index(PEOPLE["WT"], PEOPLE["HT"]),
        "BSA": body_surface_area(PEOPLE["WT"], PEOPLE["HT"]),
        "FFM": fat_free_mass(PEOPLE["WT"], PEOPLE["HT"], age=PEOPLE["AGE"], sex=PEOPLE["SEX"]),
        "LBM": lean_body_mass(PEOPLE["WT"], PEOPLE["HT"], age=PEOPLE["AGE"], sex=PEOPLE["SEX"]),
        "EGFR": egfr(PEOPLE["SCR"], age=PEOPLE["AGE"], sex=PEOPLE["SEX"], height=PEOPLE["HT"]),
    }
    for name, values in expected.items():
        assert QUANTITIES[name].compute(PEOPLE).tolist() == values.tolist()
    adults = {n: v[:2] for n, v in PEOPLE.items()}
    assert QUANTITIES["CRCL"].compute(adults).tolist() == pytest.approx([0.85 * 110 * 60 / 50.4, 70 * 90 / 100.8])
    assert QUANTITIES["IBW"].compute(adults).tolist() == pytest.approx(
        [45.5 + 2.3 * (165 / 2.54 - 60), 73.18], abs=0.01
    )
    surface = np.sqrt(PEOPLE["WT"] * PEOPLE["HT"] / 3600)
    assert QUANTITIES["GFR"].compute(PEOPLE).tolist() == pytest.approx(expected["EGFR"] * surface / 1.73)


def test_quantities_say_what_they_are():
    assert set(QUANTITIES) == {"BMI", "BSA", "LBM", "FFM", "IBW", "CRCL", "EGFR", "GFR"}
    for name, q in QUANTITIES.items():
        assert q.name == name
        assert set(q.needs) | set(q.optional) <= set(PEOPLE)
        assert q.reference
        parse_unit(q.unit)
    indexed, absolute = (parse_unit(QUANTITIES[n].unit) for n in ("EGFR", "GFR"))
    assert indexed.factor / absolute.factor == pytest.approx(1 / 1.73)
    assert not indexed.same_dimension(absolute)


def test_every_need_is_needed():
    adults = {n: v[:2] for n, v in PEOPLE.items()}
    for q in QUANTITIES.values():
        for name in q.needs:
            fewer = {n: v for n, v in adults.items() if n != name}
            with pytest.raises(DataError, match=f"{q.name} needs the column '{name}'"):
                q.compute(fewer)
    without = {n: v for n, v in PEOPLE.items() if n != "HT"}
    with pytest.raises(DataError, match="child needs the height"):
        QUANTITIES["EGFR"].compute(without)
    assert len(QUANTITIES["EGFR"].compute({n: v[:2] for n, v in without.items()})) == 2


def test_words_of_sex():
    spelled = fat_free_mass(70, 170, age=40, sex=np.array(["F", "f", "female", "Female", "M", "male"], dtype=object))
    assert len(set(spelled[:4].tolist())) == len(set(spelled[4:].tolist())) == 1
    assert spelled[0] < spelled[4]


def test_drawn_people_have_all_quantities_of_their_age():
    drawn = Demographics(age=(18, 80)).draw(np.random.default_rng(8).standard_normal((500, 4)))
    for name in ("BMI", "BSA", "LBM", "FFM"):
        values = QUANTITIES[name].compute(drawn)
        assert np.isfinite(values).all()
        assert (values > 0).all()
    assert (QUANTITIES["FFM"].compute(drawn) < drawn["WT"]).all()


# ------------------------------------------------------------------------------------------------- refused
@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: body_mass_index(-70, 170), "weight is not one that a person has"),
        (lambda: body_mass_index(0, 170), "weight"),
        (lambda: body_mass_index(70, 1.75), "height"),
        (lambda: body_mass_index([70, np.nan], 175), "weight"),
        (lambda: body_mass_index("70", 175), "not a number"),
        (lambda: body_mass_index(70, np.inf), "height"),
        (lambda: body_surface_area(70, 170, method="boyd"), "No such formula"),
        (lambda: fat_free_mass(10, 80, age=2.9, sex="F"), "no formula for the age"),
        (lambda: fat_free_mass(70, 170, age=-1, sex="F"), "age"),
        (lambda: fat_free_mass(70, 170, age=30, sex="other"), "sex"),
        (lambda: fat_free_mass(70, 170, age=30, sex=1), "sex"),
        (lambda: lean_body_mass(60, 170, age=16, sex="M"), "no formula of lean body mass"),
        (lambda: lean_body_mass(8, 70, age=0.5, sex="M"), "no formula for the age"),
        (lambda: ideal_body_weight(150, sex="F"), "begins at a height of 5 feet"),
        (lambda: creatinine_clearance(40, 0.5, age=12, sex="F"), "no formula for the age"),
        (lambda: creatinine_clearance(70, 80, age=40, sex="M"), "creatinine"),
        (lambda: creatinine_clearance(70, 0, age=40, sex="M"), "creatinine"),
        (lambda: creatinine_clearance(70, 1, age=150, sex="M"), "age"),
        (lambda: egfr(0.3, age=0.5, sex="F", height=65), "no formula for the age"),
        (lambda: egfr(0.5, age=8, sex="F"), "child needs the height"),
        (lambda: egfr(-1, age=40, sex="F"), "creatinine"),
        (lambda: absolute_gfr(90, 0), "body surface area is not usable"),
        (lambda: absolute_gfr(-90, 2), "filtration rate is not usable"),
    ],
)
def test_refused(call, match):
    with pytest.raises(DataError, match=match):
        call()
