"""Units: names, arithmetic, SBML, conversion, and refusals that say what to do."""

from __future__ import annotations

import math
import pickle
import subprocess
import sys
from functools import lru_cache

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sbmlqsp.errors import UnitError
from sbmlqsp.units import Unit, convert, parse_quantity, parse_unit, unit_from_sbml, unit_to_sbml

WORDS = """
s min h hr day d wk week month yr g mg ug mcg µg ng kg Da kDa mol mmol umol nmol pmol fmol M mM uM nM pM L l
mL dL uL m cm um item cells molecules copies % percent Hz kat J kcal N Pa mmHg K V mV rad dimensionless ppm Bq
"""
KINDS = """
ampere avogadro becquerel candela coulomb dimensionless farad gram gray henry hertz item joule katal kelvin
kilogram litre lumen lux metre mole newton ohm pascal radian second siemens sievert steradian tesla volt watt
weber
"""
exponents = st.sampled_from([-3.0, -2.0, -1.0, -0.5, 1 / 3, 0.5, 1.0, 1.5, 2.0, 3.0])
units = st.lists(st.tuples(st.sampled_from(WORDS.split()), exponents), min_size=1, max_size=4).map(
    lambda terms: math.prod((parse_unit(w) ** e for w, e in terms), start=parse_unit("1"))
)


@pytest.mark.parametrize(
    ("text", "factor", "dims"),
    [
        ("mg/L", 1e-3, {"kilogram": 1, "metre": -3}),
        ("nM", 1e-6, {"mole": 1, "metre": -3}),
        ("1/h", 1 / 3600, {"second": -1}),
        ("wk", 604800, {"second": 1}),
        ("month", 2629800, {"second": 1}),
        ("yr", 31557600, {"second": 1}),
        ("hr", 3600, {"second": 1}),
        ("d", 86400, {"second": 1}),
        ("µg", 1e-9, {"kilogram": 1}),
        ("mcg", 1e-9, {"kilogram": 1}),
        ("dL", 1e-4, {"metre": 3}),
        ("%", 0.01, {}),
        ("rad", 1, {}),
        ("dimensionless", 1, {}),
        ("1", 1, {}),
        ("cells/uL", 1e9, {"item": 1, "metre": -3}),
        ("molecules/cell", 1, {}),
        ("copies", 1, {"item": 1}),
        ("gigacell", 1e9, {"item": 1}),
        ("kilocells/uL", 1e12, {"item": 1, "metre": -3}),
        ("micromolecules", 1e-6, {"item": 1}),
        ("IU/mL", 1e6, {"IU": 1, "metre": -3}),
        ("mIU", 1e-3, {"IU": 1}),
        ("kDa", 1.66053906892e-24, {"kilogram": 1}),
        ("m^0.5", 1, {"metre": 0.5}),
        ("kat", 1, {"mole": 1, "second": -1}),
        ("mmHg", 133.322387415, {"kilogram": 1, "metre": -1, "second": -2}),
    ],
)
def test_meaning_of_names(text, factor, dims):
    unit = parse_unit(text)
    assert unit.factor == pytest.approx(factor, rel=1e-14)
    assert dict(unit.dims) == dims


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("nmol·L⁻¹", "nmol/L"),
        ("µmol × L⁻¹", "umol/L"),
        ("m²", "m^2"),
        ("cm3", "mL"),
        ("h-1", "1/h"),
        ("/h", "1/h"),
        ("per hour", "1/h"),
        ("mg per kg per day", "mg/(kg*day)"),
        ("mg/kg/day", "mg/(kg*day)"),
        ("L.kg-1.h-1", "L/h/kg"),
        ("mL/min/1.73m^2", "mL/(min*1.73*m^2)"),
        ("mL/min/1.73 m2", "mL/(min*1.73*m^2)"),
        ("mg h / L", "mg*h/L"),
        ("(mg/L)**2", "mg^2/L^2"),
        ("m^(1/3)*m^(2/3)", "m"),
        ("1e6*cells", "1e6 cells"),
        ("litre", "l"),
        ("gigacells/L", "cells/nL"),
    ],
)
def test_spellings_mean_the_same(text, same):
    assert parse_unit(text).equivalent(parse_unit(same))


def test_factors_of_plain_units_are_the_short_decimals():
    assert parse_unit("mg/L").factor == 1e-3
    assert parse_unit("M").factor == 1000.0
    assert parse_unit("nmol/mL").factor_to(parse_unit("uM")) == 1.0
    assert parse_unit("ng/mL").factor_to(parse_unit("mg/L")) == 1e-3


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("nmoll", "did you mean 'nmol'"),
        ("hourz", "'hour'"),
        ("degC", "offset"),
        ("°C", "offset"),
        ("mdegC/min", "offset"),
        ("dB", "logarithmic"),
        ("dBm", "logarithmic"),
        ("U", "write IU"),
        ("mU/L", "write IU"),
        ("MG", "write mg"),
        ("ML", "write mL"),
        ("pH", "logarithm"),
        ("bit", "SBML cannot express"),
        ("mg/kg day", "ambiguous"),
        ("mL/min/1.73*m^2", "ambiguous"),
        ("", "empty"),
        ("  ", "empty"),
        ("mg/", "name is missing"),
        ("mg//L", "name is missing"),
        ("(mg", "not closed"),
        ("mg)", "not opened"),
        ("^2", "without a base"),
        ("m^(1/0)", "divided by zero"),
        ("0*g", "no factor"),
        ("mg$", "at '$'"),
        ("km^9999", "finite"),
        ("(" * 150 + "g" + ")" * 150, "not readable"),
        ("q" * 5000, "not known"),
    ],
)
def test_refusals_say_what_is_wrong(text, says):
    with pytest.raises(UnitError) as caught:
        parse_unit(text)
    assert says in str(caught.value)
    assert len(str(caught.value)) < 500


def test_a_unit_must_be_text():
    with pytest.raises(UnitError, match="empty"):
        parse_unit(None)


@given(units)
@example(parse_unit("1/(nmol*h)"))
@example(parse_unit("mL/min/1.73m^2"))
def test_labels_read_back_as_the_same_unit(unit):
    assert parse_unit(unit.label).equivalent(unit)


@given(units)
@example(parse_unit("kDa/nM"))
@example(Unit(2.5e-7, (("metre", 3.0), ("item", -1.0))))
def test_sbml_parts_read_back_as_the_same_unit(unit):
    parts = unit_to_sbml(unit)
    back = unit_from_sbml(parts)
    assert back.dims == unit.dims
    assert back.factor == pytest.approx(unit.factor, rel=1e-12)
    assert all(isinstance(scale, int) and kind in KINDS.split() for kind, _, scale, _ in parts)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(KINDS.split()),
            exponents,
            st.integers(-12, 12),
            st.sampled_from([1.0, 2.5, 60.0, 3600.0, 86400.0]),
        ),
        max_size=3,
    )
)
def test_units_of_foreign_models_have_readable_labels(parts):
    unit = unit_from_sbml(parts)
    assert parse_unit(unit.label).equivalent(unit)


@lru_cache(maxsize=1)
def _registry():
    import pint

    return pint.UnitRegistry()


@pytest.mark.parametrize("kind", [k for k in KINDS.split() if k != "avogadro"])
def test_sbml_kinds_agree_with_pint(kind):
    registry = _registry()
    si = {"metre": "m", "kilogram": "kg", "second": "s", "mole": "mol", "ampere": "A", "kelvin": "K", "candela": "cd"}
    unit = unit_from_sbml([(kind, 1.0, 0, 1.0)])
    if kind == "item":
        assert unit.dims == (("item", 1.0),)
        return
    text = "*".join([repr(unit.factor), *(f"{si[k]}**{int(e)}" for k, e in unit.dims)])
    difference = registry(kind).to_root_units() / registry(text).to_root_units()
    left = {str(k) for k in dict(difference.unit_items())}
    assert left <= {"radian", "count"}
    assert difference.magnitude == pytest.approx(1.0, rel=1e-12)


@given(units, units, units)
def test_arithmetic_is_that_of_a_group(a, b, c):
    assert ((a * b) * c).equivalent(a * (b * c))
    assert (a * b).equivalent(b * a)
    assert (a * b / b).equivalent(a)
    assert (a / a).is_dimensionless
    assert (a**2).equivalent(a * a)


@pytest.mark.parametrize(
    ("unit", "label"),
    [
        (parse_unit("nmol/L") * parse_unit("L"), "nmol"),
        (parse_unit("mg") / parse_unit("h"), "mg/h"),
        (parse_unit("1") / (parse_unit("nmol") * parse_unit("hour")), "1/(nmol*h)"),
        (parse_unit("mg") / parse_unit("mg"), "dimensionless"),
        (parse_unit("litres/day"), "L/day"),
        (parse_unit("cells/uL"), "cells/uL"),
        (parse_unit("m^(1/3)"), "m^(1/3)"),
        (Unit(1e-9, (("mole", 1.0),)), "nmol"),
        (Unit(3600.0, (("second", 1.0),)), "h"),
        (Unit(1.0), "dimensionless"),
        (unit_from_sbml([("second", 1, 0, 3600.0)]), "h"),
        (unit_from_sbml([("kilogram", 1, -6, 1.0)]), "mg"),
        (unit_from_sbml([("second", -1, 0, 86400.0)]), "1/day"),
        (unit_from_sbml([("liter", 1, -3, 1.0)]), "mL"),
        (unit_from_sbml([]), "dimensionless"),
    ],
)
def test_labels_are_natural(unit, label):
    assert unit.label == label == str(unit)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("mg/L", [("gram", 1.0, -3, 1.0), ("litre", -1.0, 0, 1.0)]),
        ("nmol", [("mole", 1.0, -9, 1.0)]),
        ("h", [("second", 1.0, 0, 3600.0)]),
        ("1/h", [("second", -1.0, 0, 3600.0)]),
        ("nM", [("mole", 1.0, -9, 1.0), ("litre", -1.0, 0, 1.0)]),
        ("cells", [("item", 1.0, 0, 1.0)]),
        ("dimensionless", [("dimensionless", 1.0, 0, 1.0)]),
        ("%", [("dimensionless", 1.0, -2, 1.0)]),
        ("mol^0.5", [("mole", 0.5, 0, 1.0)]),
        ("Da", [("kilogram", 1.0, 0, 1.66053906892e-27)]),
    ],
)
def test_sbml_parts_are_natural(text, parts):
    assert unit_to_sbml(parse_unit(text)) == parts


@pytest.mark.parametrize(
    ("part", "says"),
    [
        (("litter", 1, 0, 1.0), "did you mean 'litre'"),
        (("Celsius", 1, 0, 1.0), "not a base unit"),
        (("gram", 1, 0, math.nan), "incomplete"),
        (("gram", math.nan, 0, 1.0), "incomplete"),
        (("gram", 1, 2147483647, 1.0), "incomplete"),
        (("gram", 1, 0, 0.0), "incomplete"),
        (("gram", 1, 280, 1e100), "incomplete"),
    ],
)
def test_broken_sbml_units_are_refused(part, says):
    with pytest.raises(UnitError, match=says):
        unit_from_sbml([part])


def test_international_units_stay_apart():
    with pytest.raises(UnitError, match="specific activity"):
        unit_to_sbml(parse_unit("IU/mL"))
    with pytest.raises(UnitError, match="specific activity"):
        convert(1, "IU", "mg", molar_mass="150 kDa")
    assert convert(1, "kIU", "mIU") == 1e6


def test_equality_ignores_the_label_and_survives_pickling():
    a, b = parse_unit("mol/m^3"), parse_unit("mM")
    assert a == b
    assert hash(a) == hash(b)
    assert a.label != b.label
    assert pickle.loads(pickle.dumps(a)) == a
    assert not a.equivalent(parse_unit("uM"))
    assert not a.equivalent(parse_unit("g"))


@pytest.mark.parametrize("factor", [0.0, -1.0, math.nan, math.inf])
def test_a_unit_has_a_positive_finite_factor(factor):
    with pytest.raises(UnitError, match="positive"):
        Unit(factor)


def test_a_unit_refuses_unknown_kinds_and_powers():
    with pytest.raises(UnitError, match="did you mean 'metre'"):
        Unit(1.0, (("meter", 1.0),))
    with pytest.raises(UnitError, match="not finite"):
        parse_unit("g") ** math.nan
    with pytest.raises(TypeError):
        parse_unit("g") * 2


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [
        ("100 mg", 100.0, "mg"),
        ("1e-3 mol/L", 1e-3, "mol/L"),
        ("5 min", 5.0, "min"),
        ("150 kDa", 150.0, "kDa"),
        ("24h", 24.0, "h"),
        (" .5 % ", 0.5, "%"),
        ("-2 mg", -2.0, "mg"),
        ("0.5/h", 0.5, "1/h"),
        ("1e3mg/kg/day", 1000.0, "mg/kg/day"),
    ],
)
def test_quantities(text, value, unit):
    assert parse_quantity(text) == (value, unit)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("nan mg", "not finite"),
        ("inf mg", "not finite"),
        ("1e999 mg", "not finite"),
        ("100", "no unit"),
        ("mg", "not readable"),
        ("", "not readable"),
        ("1,000 mg", "not readable"),
        ("1 e3 mg", "power of ten"),
        ("5 mgg", "did you mean 'mg'"),
        (5, "not readable"),
    ],
)
def test_broken_quantities(text, says):
    with pytest.raises(UnitError, match=says):
        parse_quantity(text)


@pytest.mark.parametrize(
    ("value", "source", "target", "expected"),
    [
        (100, "mg", "g", 0.1),
        (90, "min", "h", 1.5),
        (1, "week", "h", 168.0),
        (1, "mg/L", "ng/mL", 1000.0),
        (48, "L/day", "L/h", 2.0),
        (3, "mg/L", "g/L", 0.003),
        (50, "%", "dimensionless", 0.5),
    ],
)
def test_conversion(value, source, target, expected):
    assert convert(value, source, target) == expected


@pytest.mark.parametrize(
    ("source", "target", "molar_mass", "expected"),
    [
        ("mg", "nmol", "150 kDa", 1e3 / 150),
        ("nmol", "mg", "150 kDa", 0.150),
        ("mg", "nmol", "150000 g/mol", 1e3 / 150),
        ("mg/L", "nmol/L", "150kg/mol", 1e3 / 150),
        ("ug/mL", "nM", "150 kDa", 1e3 / 150),
        ("mg/h", "umol/min", "0.3 kDa", 1e3 / 300 / 60),
        ("L/(mg*h)", "L/(nmol*h)", "150 kDa", 0.150),
        ("mg^2", "nmol^2", "100 kDa", 100.0),
        ("mg", "g", "150 kDa", 1e-3),
    ],
)
def test_mass_and_amount(source, target, molar_mass, expected):
    assert convert(1, source, target, molar_mass=molar_mass) == pytest.approx(expected, rel=1e-12)


def test_doses_per_body_mass_convert_by_molar_mass():
    assert convert(3.0, "mg/kg", "nmol/kg", molar_mass="150 kDa") == pytest.approx(20.0, rel=1e-12)


@given(st.floats(-1e9, 1e9), st.sampled_from(["mg", "nmol", "pmol", "kg"]), st.sampled_from(["ug", "umol", "g"]))
def test_conversion_there_and_back(value, source, target):
    there = convert(value, source, target, molar_mass="23.7 kDa")
    assert convert(there, target, source, molar_mass="23.7 kDa") == pytest.approx(value, rel=1e-12, abs=1e-300)


def test_conversion_of_arrays():
    values = np.array([1.0, math.nan, 3.0])
    np.testing.assert_array_equal(convert(values, "g", "mg"), [1000.0, math.nan, 3000.0])
    np.testing.assert_array_equal(convert([1, 2], "h", "min"), [60.0, 120.0])
    assert values[0] == 1.0


@pytest.mark.parametrize(
    ("source", "target", "molar_mass", "says"),
    [
        ("mg", "nmol", None, "give molar_mass"),
        ("mg/L", "nM", None, "'mg/L' cannot be converted to 'nM'"),
        ("nmol", "molecules", None, "avogadro"),
        ("mg", "cells", "150 kDa", "avogadro"),
        ("mg", "h", "150 kDa", "same dimension"),
        ("mg", "nmol", "150 mg", "not a positive mass per amount"),
        ("mg", "nmol", "0 kDa", "not a positive"),
        ("mg", "nmol", "-5 g/mol", "not a positive"),
        ("mg", "nmol", "150", "no unit"),
        ("mgg", "g", None, "did you mean"),
    ],
)
def test_conversions_that_are_refused(source, target, molar_mass, says):
    with pytest.raises(UnitError, match=says):
        convert(1.0, source, target, molar_mass=molar_mass)


def test_a_text_is_not_converted():
    with pytest.raises(UnitError, match="parse_quantity"):
        convert("5", "mg", "g")


def test_pint_is_not_imported_before_it_is_needed():
    code = (
        "import sys; from sbmlqsp.units import unit_from_sbml as f; f([('gram', 1, -3, 1.0)]); "
        "sys.exit('pint' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
