"""Unit inference: what is consistent stays silent, what is not is named with both units."""

from __future__ import annotations

import pytest

from sbmlqsp.checks import check
from sbmlqsp.expressions import parse_formula
from sbmlqsp.reading import read_antimony
from sbmlqsp.unit_checks import Scope, infer
from sbmlqsp.units import parse_unit

HEAD = """
  unit substance = 1e-9 mole; unit time_unit = 3600 second; unit volume = litre; unit extent = 1e-9 mole;
  unit per_h = 1/(3600 second); unit per_min = 1/(60 second); unit nM = 1e-9 mole/litre; unit mg = 1e-3 gram;
  compartment V = 3; species S in V; S = 10;
  k = 0.1 per_h; kmin = 0.1 per_min; K = 2 nM; n = 2 dimensionless; t1 = 5 time_unit;
"""
DECLARED = {
    "A": "mg",
    "C": "mg/L",
    "V": "L",
    "k": "1/h",
    "CL": "L/h",
    "n": "dimensionless",
    "T": "h",
    "g": "g",
    "p": "%",
}


def scope() -> Scope:
    units = {name: parse_unit(unit) for name, unit in DECLARED.items()}
    return Scope({**units, "u": None}, parse_unit("h"), values={"n": 2.0, "h": 0.5})


def issues_of(text: str):
    issues = check(read_antimony(f"model m; {HEAD} {text}; end"))
    return issues[issues.code.isin(["units", "bare-number", "undeclared-unit", "unchecked-units"])]


@pytest.mark.parametrize(
    ("formula", "unit"),
    [
        ("2*k*A", "mg/h"),
        ("CL*C", "mg/h"),
        ("A/V + C", "mg/L"),
        ("C^n", "mg^2/L^2"),
        ("C^2/C", "mg/L"),
        ("sqrt(C*C)", "mg/L"),
        ("root(3, C^3)", "mg/L"),
        ("exp(-k*time)*A", "mg"),
        ("ln(A/A)", "dimensionless"),
        ("piecewise(A, time < T, 0)", "mg"),
        ("max(A, 0)", "mg"),
        ("-abs(A)", "mg"),
        ("rateOf(A)", "mg/h"),
        ("delay(A, T)", "mg"),
        ("quotient(time, T)", "dimensionless"),
        ("rem(time, T)", "h"),
        ("A > 0 && time < T", "dimensionless"),
        ("C^n/(C^n + C^n)", "dimensionless"),
        ("(A/A)^k2", "dimensionless"),
    ],
)
def test_units_are_inferred(formula, unit):
    s = Scope({**scope().units, "k2": parse_unit("dimensionless")}, parse_unit("h"), values={"n": 2.0})
    found = infer(parse_formula(formula), s)
    assert s.clashes == []
    assert found.kind == "known"
    assert found.unit.equivalent(parse_unit(unit)), found.unit.label


@pytest.mark.parametrize(
    ("formula", "words"),
    [
        ("A + C", ["adds", "mg", "mg/L", "dimensions differ"]),
        ("A - g", ["subtracts", "factor of 1000"]),
        ("min(A, C)", ["smaller"]),
        ("piecewise(A, time > T, C)", ["chooses between"]),
        ("A > C", ["compares"]),
        ("time < k", ["compares", "1/h"]),
        ("exp(A)", ["exp", "mg", "pure number"]),
        ("ln(p)", ["ln", "factor of 0.01"]),
        ("sin(time)", ["sin", "h"]),
        ("A^C", ["raises"]),
        ("A^(n*time/T)", ["not a constant"]),
        ("delay(A, C)", ["delays"]),
    ],
)
def test_inconsistencies_are_named_in_words(formula, words):
    s = scope()
    infer(parse_formula(formula), s)
    assert len(s.clashes) == 1, s.clashes
    severity, message, remedy = s.clashes[0]
    assert severity == "error"
    assert remedy
    for word in words:
        assert word in message


def test_one_mistake_gives_one_message_however_deep_it_lies():
    s = scope()
    infer(parse_formula("exp((A + C)*k + time)/(A + C*V)"), s)
    assert len(s.clashes) == 1


def test_zero_and_infinity_fit_every_unit_and_other_numbers_only_scale():
    s = scope()
    for text in ("A + 0", "A > 0", "max(0, C)", "min(A, inf)", "0*A + C"):
        infer(parse_formula(text), s)
    assert s.clashes == []
    infer(parse_formula("time > 5"), s)
    assert [c[0] for c in s.clashes] == ["warning"]
    assert "read as h" in s.clashes[0][1]


def test_a_symbol_without_unit_silences_its_formula_but_not_the_rest_of_it():
    s = scope()
    assert infer(parse_formula("u + A"), s).kind == "unknown"
    assert s.clashes == []
    assert list(s.undeclared) == ["u"]
    infer(parse_formula("u*(A + C)"), s)
    assert len(s.clashes) == 1


@pytest.mark.parametrize(
    "text",
    [
        "J: S => ; k*S*V",
        "J: S => ; k*V*S^n/K",
        "y := S/(K + S); y has dimensionless",
        "x = 5 nM; x' = -k*x",
        "C0 = S/2; C0 has nM",
        "E: at (time > t1): S = K",
        "E: at t1 after (S > K): S = 2*K",
        "r := 5 nM + S; r has nM",
        "J: S => ; k*S*V; flux := J/V; flux has nM_per_h; unit nM_per_h = 1e-9 mole/(litre*3600 second)",
    ],
)
def test_consistent_models_are_silent(text):
    assert issues_of(text).empty, issues_of(text).to_string()


@pytest.mark.parametrize(
    ("text", "where", "words"),
    [
        ("J: S => ; k*S", "J", ["kinetic law of J", "nmol/(h*L)", "nmol/h", "dimensions differ"]),
        ("J: S => ; kmin*S*V", "J", ["nmol/min", "nmol/h", "factor of 60"]),
        ("y := K*n; y has per_h", "y", ["assignment rule of y", "nmol/L", "1/h"]),
        ("x = 5 nM; x' = -x*n", "x", ["rate rule of x"]),
        ("C0 = S*V; C0 has nM", "C0", ["initial assignment of C0"]),
        ("E: at (time > K): S = K", "E", ["event trigger of E", "compares"]),
        ("E: at (time > t1): S = k", "E", ["event assignment of S"]),
        ("E: at K after (time > t1): S = K", "E", ["event delay of E"]),
        ("substanceOnly species X in V; X has mg; X = 1; J: X => ; k*S*V", "X", ["mg", "nmol"]),
    ],
)
def test_each_role_of_a_formula_is_checked(text, where, words):
    issues = issues_of(text)
    errors = issues[issues.severity == "error"]
    assert list(errors["where"]) == [where], issues.to_string()
    assert list(errors.code) == ["units"]
    for word in words:
        assert word in errors.message.iloc[0]


def test_an_undeclared_symbol_is_reported_once_and_its_formulas_counted():
    issues = issues_of("q = 2; J: S => ; q*S*V; y := q*S; y has nM; z := q + q; z has nM")
    assert list(issues["where"]) == ["q", "m"]
    assert list(issues.severity) == ["warning", "info"]
    assert "q has" in issues.remedy.iloc[0]
    assert "3 formulas were not checked" in issues.message.iloc[1]


def test_a_bare_number_where_a_unit_is_due_is_a_warning():
    issues = issues_of("E: at (time > 5): S = 2")
    assert list(issues.code) == ["bare-number", "bare-number"]
    assert list(issues.severity) == ["warning", "warning"]


@pytest.mark.parametrize("formula", ["0.5*y", "y*2 + 3*y", "sin(10*time)*y*k", "1000*y*kmin"])
def test_a_number_that_may_carry_the_missing_unit_is_a_warning(formula):
    issues = issues_of(f"y' = {formula}; y = 0; y has mg")
    assert list(issues.code) == ["bare-number"]
    assert "unless a number without a unit makes up for it" in issues.message.iloc[0]


@pytest.mark.parametrize("formula", ["y", "-y", "1*y", "y + y", "exp(-time)*y*k"])
def test_without_such_a_number_it_is_an_error(formula):
    assert list(issues_of(f"y' = {formula}; y = 0; y has mg").code) == ["units"]


def test_strict_scopes_read_numbers_as_pure():
    from dataclasses import replace

    assert not infer(parse_formula("0.5*A"), scope()).loose
    assert infer(parse_formula("0.5*A"), replace(scope(), strict=False)).loose


MIXED = """model m
  unit mg = 1e-3 gram; unit nmol = 1e-9 mole; unit time_unit = 3600 second; unit per_h = 1/(3600 second);
  compartment V = 1; V has litre; k = 1; k has per_h; unit mg_L = 1e-3 gram/litre; unit nM = 1e-9 mole/litre
  substanceOnly species A in V, B in V; A = 1 mg; B = 1 nmol; J: A => ; k*A; K: B => ; {law};
end"""


def test_a_model_of_mixed_substances_is_checked_reaction_by_reaction():
    sound = check(read_antimony(MIXED.format(law="k*B")))
    assert not sound.code.str.contains("unit").any(), sound.to_string()
    wrong = check(read_antimony(MIXED.format(law="k*A")))
    assert list(wrong["where"][wrong.code == "units"]) == ["K"]


def test_a_reaction_between_two_units_of_substance_is_an_error():
    issues = check(read_antimony(MIXED.format(law="k*B").replace("J: A => ;", "J: A => B;")))
    (row,) = issues[issues.code == "units"].itertuples()
    assert "J changes A in mg and B in nmol" in row.message
    (note,) = issues[issues.code == "unchecked-units"].itertuples()
    assert note.severity == "info"
    assert "rate laws of J were not checked" in note.message
    assert "extent" not in set(issues["where"])
