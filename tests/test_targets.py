"""What each tool makes of a model: every row of the tables is found in a model that has it, and has a source."""

from __future__ import annotations

import pytest

import sbmlqsp as qsp
from sbmlqsp.errors import ModelError, UnsupportedError
from sbmlqsp.targets import EFFECTS, FEATURES, REWRITES, features_of, target, target_names
from sbmlqsp.targets.table import TABLES, _row

ONE = "compartment c = 1; species S in c; S = 10; "
DECAY = ONE + "k = 0.3; J: S => ; c*k*S;"
TWO = "compartment c = 1; species S in c, P in c; S = 10; P = 0; "
# A small model with each feature, and where it is.
MODELS = {
    "species-in-volume": ("compartment c = 2; species S in c; S = 10; J: S => ; c*0.3*S;", "S"),
    "concentration-species": (DECAY, "S"),
    "amount-species": ("compartment c = 2; substanceOnly species S in c; S = 10; J: S => ; 0.3*S;", "S"),
    "mixed-species": (DECAY + "substanceOnly species P in c; P = 1; J2: => P; 0.1;", "P"),
    "boundary-species": (DECAY + "species $B in c; B = 3; J2: $B => S; c*0.1*B;", "B"),
    "compartment-varying": ("compartment c; c := 1 + time/10; species S in c; S = 10; J: S => ; c*0.3*S;", "c"),
    "reversible-law": (TWO + "J: S -> P; c*(0.3*S - 0.1*P);", "J"),
    "stoichiometry-not-whole": (TWO + "J: S => 0.5 P; c*0.3*S;", "J"),
    "stoichiometry-computed": (TWO + "q = 3; n = q/2; J: S => n P; c*0.3*S;", "J"),
    "stoichiometry-varying": (TWO + "n := 1 + S/10; J: S => n P; c*0.3*S;", "J"),
    "stoichiometry-in-formula": (TWO + "n = 2; J: S => n P; c*0.3*n*S;", "J"),
    "reaction-in-formula": (DECAY + "species P in c; P = 0; J2: => P; 0.5*J;", "J2"),
    "function-definition": ("", "mm"),
    "initial-assignment": (ONE + "q = 2; k = q*0.15; J: S => ; c*k*S;", "k"),
    "assignment-rule": (ONE + "r := 0.3/(1 + S); J: S => ; c*r*S;", "r"),
    "assignment-rules-out-of-order": (ONE + "J: S => ; c*r*S; r := q/2; q := 0.3/(1 + S);", "r"),
    "assignment-rule-on-species": (DECAY + "species $T in c; T := 2*S; J2: => S; c*0.01*T;", "T"),
    "assignment-rule-on-compartment": ("compartment c; c := 1 + time/10; species S in c; S = 10; J: S => ; c*S;", "c"),
    "rate-rule-on-parameter": (DECAY.replace("k = 0.3;", "k = 0.3; k' = -0.1*k;"), "k"),
    "rate-rule-on-species": (ONE + "S' = -0.3*S;", "S"),
    "rate-rule-on-compartment": ("compartment c = 1; species S in c; S = 10; c' = 0.2*c; J: S => ; c*0.3*S;", "c"),
    "rule-on-floating-species": (ONE + "S' = -0.3*S;", "S"),
    "event": (DECAY + "E: at (time >= 3): S = S + 5;", "E"),
    "event-at-start": (DECAY + "E: at (time >= 0), t0=false: S = S + 5;", "E"),
    "event-delay": (DECAY + "E: at 2 after (time >= 3): S = S + 5;", "E"),
    "event-priority": (DECAY + "E: at (time >= 3), priority=1: S = S + 5;", "E"),
    "event-priority-computed": (DECAY + "E: at (time >= 3), priority=k: S = S + 5;", "E"),
    "event-not-persistent": (DECAY + "E: at (time >= 3), persistent=false: S = S + 5;", "E"),
    "event-values-later": (DECAY + "E: at 2 after (time >= 3), fromTrigger=false: S = S + 5;", "E"),
    "event-window": (DECAY + "E: at (time >= 3 && time < 4): S = S + 5;", "E"),
    "event-on-state": (DECAY + "E: at (S < 3): S = S + 5;", "E"),
    "event-sets-species": (DECAY + "E: at (time >= 3): S = S + 5;", "E"),
    "event-sets-compartment": ("compartment c = 1; species S in c; S = 10; E: at (time >= 3): c = 2;", "E"),
    "event-mixed-conditions": (DECAY + "E: at ((time >= 3 || k > 1) && S > 2): S = S + 5;", "E"),
    "piecewise": (DECAY.replace("c*k*S", "piecewise(c*k*S, S > 4, c*k*2)"), "J"),
    "piecewise-of-time": (DECAY + "J2: => S; piecewise(4, time >= 3 && time < 4, 0);", "J2"),
    "product-in-power": (DECAY.replace("c*k*S", "c*k*S*exp(-k*S)"), None),
    "number-beside-time": (DECAY + "E: at (time >= 3): S = S + 5;", "E"),
    "number-with-unit": (DECAY.replace("c*k*S", "c*k*S*(2 dimensionless)"), "J"),
    "initial-assignment-of-rate-rule": (ONE + "q = 2; k = q/7; k' = -k; J: S => ; c*k*S;", "k"),
    "time": (DECAY.replace("c*k*S", "c*k*S/(1 + time)"), "J"),
    "avogadro": (DECAY.replace("c*k*S", "c*k*S*avogadro/6e23"), "J"),
    "rate-of": (DECAY + "species P in c; P = 0; J2: => P; -c*rateOf(S);", "J2"),
    "l3v2-functions": (DECAY.replace("c*k*S", "c*k*min(S, 4)"), "J"),
    "min-max": (DECAY.replace("c*k*S", "c*k*max(S, 4)"), "J"),
    "rem-quotient": (DECAY.replace("c*k*S", "c*k*S*rem(7, 4)"), "J"),
    "implies": (DECAY.replace("c*k*S", "piecewise(c*k*S, implies(S > 4, k > 0.1), c*k*2)"), "J"),
    "xor": (DECAY.replace("c*k*S", "piecewise(c*k*S, xor(S > 4, k > 0.1), c*k*2)"), "J"),
    "floor-ceil": (DECAY.replace("c*k*S", "c*k*floor(S)"), "J"),
    "abs": (DECAY.replace("c*k*S", "c*abs(-k*S)"), "J"),
    "root": (DECAY.replace("c*k*S", "c*k*sqrt(S)"), "J"),
    "factorial": (DECAY.replace("c*k*S", "c*k*S/factorial(3)"), "J"),
    "logarithm-to-a-base": (DECAY.replace("c*k*S", "c*k*log10(1 + S)"), "J"),
    "hyperbolic": (DECAY.replace("c*k*S", "c*k*tanh(S)"), "J"),
    "inverse-hyperbolic": (DECAY.replace("c*k*S", "c*k*arcsinh(S)"), "J"),
    "reciprocal-functions": (DECAY.replace("c*k*S", "c*k*S*sec(0.3)"), "J"),
    "no-law": (TWO + "J: S -> P;", "J"),
    "level-3-version-2": (DECAY, "probe"),
}
MATH = '<math xmlns="http://www.w3.org/1998/Math/MathML"><apply>{}</apply></math>'
POSITIVE = f"<constraint>{MATH.format('<gt/><ci>S</ci><cn>0</cn>')}</constraint>"
EQUAL = f"<algebraicRule>{MATH.format('<minus/><ci>q</ci><ci>S</ci>')}</algebraicRule>"
LATE = '<csymbol encoding="text" definitionURL="http://www.sbml.org/sbml/symbols/delay"> delay </csymbol>'
REACTIONS = "<listOfReactions>"
EDITS = {
    "constraint": (REACTIONS, f"<listOfConstraints>{POSITIVE}</listOfConstraints>{REACTIONS}", "constraint 1"),
    "conversion-factor": ('compartment="c" initial', 'compartment="c" conversionFactor="k" initial', "S"),
    "initial-amount": ('initialConcentration="10"', 'initialAmount="20"', "S"),
    "compartment-not-3d": ('spatialDimensions="3"', 'spatialDimensions="2"', "c"),
    "algebraic-rule": (REACTIONS, f"<listOfRules>{EQUAL}</listOfRules>{REACTIONS}", "algebraic rule 1"),
    "delay-function": ("<ci> k </ci>", f"<apply>{LATE}<ci> S </ci><cn> 1 </cn></apply>", "J"),
}


def model(body, before=""):
    return qsp.read_antimony(f"{before}\nmodel probe\n{body}\nend")


@pytest.mark.parametrize("feature", MODELS)
def test_a_feature_is_found_where_it_is(feature):
    body, where = MODELS[feature]
    before = ""
    if feature == "function-definition":
        body, before = DECAY.replace("c*k*S", "c*mm(k, S)"), "function mm(v, s) v*s/(4 + s) end"
    found = features_of(model(body, before))
    assert feature in found, found
    assert where is None or found[feature] == (where,)


@pytest.mark.parametrize("feature", EDITS)
def test_a_feature_that_antimony_lacks_is_found_where_it_is(feature):
    old, new, where = EDITS[feature]
    body = DECAY.replace("c = 1", "c = 2") + ("var q; q = 1;" if feature == "algebraic-rule" else "")
    text = model(body).sbml
    assert old in text
    assert features_of(qsp.read_sbml(text.replace(old, new)))[feature] == (where,)


def test_a_plain_model_has_no_feature_that_any_tool_gets_wrong():
    plain = qsp.read_antimony("model m; compartment c = 1; species S in c; S = 1; J: S => ; c*0.3*S; end")
    for name in target_names():
        issues = qsp.check(plain, target=name)
        wrong = issues[issues.code.str.startswith(name) & (issues.severity == "error")]
        assert list(wrong.code) == (["simbiology:level-3-version-2"] if name == "simbiology" else []), name


def test_features_of_units_and_submodels_are_found():
    text = """model m; unit per_h = 1/(3600 second); unit many = mole/(litre*second*kilogram);
    k = 0.1 per_h; q = 3 many; r = 2; S = 10; J: S => ; k*q*r*S; end"""
    found = features_of(qsp.read_antimony(text))
    assert found["unit-inverse-scaled"] == ("k",)
    assert found["unit-of-many-parts"] == ("q",)
    assert found["units-undeclared"] == ("r",)
    assert features_of(qsp.load("ddi_dynamic"))["submodels"] == ("ddi_dynamic",)


# --------------------------------------------------------------------------------------------------------- the tables
def test_every_feature_has_a_model_above():
    elsewhere = {"unit-inverse-scaled", "unit-of-many-parts", "units-undeclared", "submodels"}
    never = {"local-parameter"}  # what is read has none any more
    assert set(FEATURES) == {*MODELS, *EDITS, *elsewhere, *never}


@pytest.mark.parametrize("name", target_names())
def test_every_row_has_a_source_and_is_told_once(name):
    tool = target(name)
    assert tool.rows
    assert tool.version
    features = [r.feature for r in tool.rows]
    assert len(set(features)) == len(features)
    for row in tool.rows:
        assert "http" in row.source or "measured" in row.source, row
        assert row.says
        assert not row.says.endswith(".")
        assert row.remedy or row.rewrite, row
        assert row.severity == EFFECTS[row.effect]
    assert all(word.strip() for word in tool.avoid)


def test_the_tools_of_the_documentation_have_tables():
    assert {"simbiology", "mobi", "copasi", "amici", "myokit", "gillespy2", "petab", "tellurium"} <= set(target_names())


@pytest.mark.parametrize("field", ["feature", "effect", "rewrite"])
def test_a_table_with_a_misspelt_word_is_refused(field):
    entry = {"feature": "event", "effect": "drops", "says": "x", "source": "x", "remedy": "x", "rewrite": REWRITES[0]}
    assert _row("tool", entry, {}).feature == "event"
    with pytest.raises(ModelError, match=f"unknown {field}"):
        _row("tool", {**entry, field: "evnt"}, {})


def test_tables_are_of_the_targets_alone():
    assert {p.suffix for p in TABLES.iterdir()} == {".toml"}


# ------------------------------------------------------------------------------------------------------------ checking
def test_check_lists_what_the_tool_does_with_its_source():
    issues = qsp.check(model(DECAY + "E: at 2 after (time >= 3): S = S + 5;"), target="simbiology")
    [row] = issues[issues.code == "simbiology:event-delay"].to_dict("records")
    assert row["severity"] == "error"
    assert row["where"] == "E"
    assert "mathworks.com" in row["message"]
    assert "convert(model, for_target='simbiology')" in row["remedy"]
    assert "simbiology" not in "".join(qsp.check(model(DECAY)).code)


def test_an_unknown_target_is_refused_with_those_there_are():
    with pytest.raises(UnsupportedError, match=r"did you mean 'copasi'.*simbiology"):
        qsp.check(model(DECAY), target="copas")
