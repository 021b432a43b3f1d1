"""Networks read as jump processes: what is counted, how laws become channels, and what is refused by name."""

from __future__ import annotations

import pytest

import sbmlqsp as qsp
from sbmlqsp.engine.jumps import INFLOW, jump_system
from sbmlqsp.engine.signs import AmbiguousSignError, signed_parts
from sbmlqsp.errors import QSPError, UnsupportedError
from sbmlqsp.expressions import evaluate, parse_formula
from tests.cells import sbml_system


def system(text, **how):
    return jump_system(qsp.read_antimony(f"model m; {text}; end").network, **how)


def channels(text, **how):
    return {c.id: (str(c.law), {s: str(d) for s, d in c.change.items()}) for c in system(text, **how).channels}


# ------------------------------------------------------------------------------------------------------------ channels
def test_a_reversible_law_is_two_channels():
    found = channels("species A, B; J: A -> B; kf*A - kr*B; kf = 1; kr = 2")
    assert found == {"J": ("kf*A", {"A": "-1", "B": "1"}), "J backward": ("kr*B", {"A": "1", "B": "-1"})}


def test_an_irreversible_law_is_one_channel():
    assert channels("species A, B; J: A => B; kf*A - kr*B; kf = 1; kr = 2").keys() == {"J"}


@pytest.mark.parametrize(("law", "forward", "backward"), [
    ("k*(A - B/K)/(1 + A + B)", "k*A/(1 + A + B)", "k*(B/K)/(1 + A + B)"),
    ("k*A - (B - A*B)", "k*A + A*B", "B"),
    ("-(B - A)", "A", "B"),
    ("-1*B + A", "A", "1*B"),
    ("k*(k*(A - B))", "k*(k*A)", "k*(k*B)"),
    ("piecewise(A - B, time < 1, 2*A)", "piecewise(A, time < 1, 2*A)", "piecewise(B, time < 1, 0)"),
])  # fmt: skip
def test_where_a_minus_splits(law, forward, backward):
    expr = parse_formula(law)
    plus, minus = signed_parts(expr, reactants=["A"])
    env = {"A": 7.0, "B": 3.0, "k": 1.7, "K": 0.9}
    for time in (0.5, 2.0):
        value = {e: float(evaluate(e, env, time=time)) for e in (expr, plus, minus)}
        assert value[plus] == pytest.approx(float(evaluate(parse_formula(forward), env, time=time)))
        assert value[minus] == pytest.approx(float(evaluate(parse_formula(backward), env, time=time)))
        assert value[plus] - value[minus] == pytest.approx(value[expr])


@pytest.mark.parametrize("law", ["k*A*(A - 1)/2", "k*A", "k*(A - 1)*(A - 2)", "exp(-k*time)*A", "A^(B - k)",
                                 "(A - B)^2", "-A", "A/(K - B)"])  # fmt: skip
def test_where_a_minus_does_not_split(law):
    """Pairs of molecules, exponents, divisors, and a law that only takes away."""
    expr = parse_formula(law)
    assert signed_parts(expr, reactants=["A"]) == (expr, None)


def test_a_net_rate_behind_names_is_split_as_well():
    """A rule that is a difference would otherwise run as one channel with too little noise."""
    found = channels("species A, B; J: A -> B; 2*v; v := w; w := kf*A - kr*B; kf = 1; kr = 2")
    assert {k: law for k, (law, _) in found.items()} == {"J": "2*(kf*A)", "J backward": "2*(kr*B)"}
    assert channels("species A, B; J: A -> B; kf*A - B; kf = 1").keys() == {"J", "J backward"}


@pytest.mark.parametrize("law", ["k*A*(T - B)", "k*(T - B)", "A*(k*(T - B))", "k*free*A", "(A - B)*(T - B)",
                                 "A*(T - B)/T"])  # fmt: skip
def test_a_minus_that_may_be_no_reverse_rate_is_refused(law):
    """What is free of a total, ``T - B``, is no reverse reaction: split, it would run the wrong noise."""
    text = f"species A, B; J: A -> B; {law}; T = 9; k = 1; free := T - B"
    with pytest.raises(UnsupportedError, match=r"'J' is reversible.*=>"):
        system(text)
    assert channels(text.replace("->", "=>")).keys() == {"J"}


def test_no_reverse_of_a_source_that_fills_up():
    with pytest.raises(UnsupportedError, match="'J' is reversible"):
        system("species G; J: -> G; k*(1 - G); k = 1")
    assert channels("species X; J: X -> ; k*(X - X0); k = 1; X0 = 3").keys() == {"J", "J backward"}
    assert channels("species X; J: -> X; k - d*X; k = 1; d = 3").keys() == {"J", "J backward"}


def test_doubt_is_only_raised_where_reactants_are_known():
    law = parse_formula("k*(T - B)")
    assert signed_parts(law)[1] is not None
    with pytest.raises(AmbiguousSignError, match="T"):
        signed_parts(law, reactants=["A"])


def test_stoichiometries_add_up():
    found = channels("species A, B, $E; J: 2 A + E + B => 3 B + A; A; K: 2 B => 2 B; B")
    assert found == {"J": ("A", {"A": "-1", "B": "2"})}


def test_conversion_factors_and_computed_stoichiometries():
    text = "substanceOnly species P, Q; n = 3; cf = 2; J: P => n Q; P"
    found = sbml_system(text, **{'species id="Q"': 'species id="Q" conversionFactor="cf"'})
    [j] = found.channels
    assert {s: float(evaluate(d, {"cf": 2.0, "n": 5.0})) for s, d in j.change.items()} == {"P": -1.0, "Q": 10.0}


# ------------------------------------------------------------------------------------------------------------ counting
def test_items_are_counted_and_moles_beside_them_are_not():
    text = "substanceOnly species C, D; unit substance = item; unit nanomole = 1e-9 mole; D has nanomole"
    both = system(text + "; J: => C; D; K: D => ; D")
    assert dict(both.counted) == {"C": 1.0}
    assert list(both.flows) == ["D"]


def test_moles_alone_are_counted_in_molecules():
    text = "substanceOnly species D; unit substance = 1e-21 mole; K: D => ; 3*D"
    moles = system(text)
    assert moles.counted["D"] == pytest.approx(602.214076)
    [channel] = moles.channels
    assert evaluate(channel.law, {"D": 2.0}) == pytest.approx(6 * 602.214076)


def test_dozens_are_counted_one_by_one():
    assert dict(system("species D; unit substance = 12 item; K: D => ; D").counted) == {"D": 12.0}


def test_continuous_species_flow_and_infusions_flow_into_them():
    found = system("species C, D; J: => C; D; K: D => ; D", continuous=["D"], dosed={"D": True, "C": False})
    assert dict(found.counted) == {"C": 1.0}
    assert found.flows["D"].symbols() == {"K", INFLOW + "D"}
    assert INFLOW + "D" in found.states


def test_species_under_rate_rules_are_not_counted():
    found = system("species C, D; J: => C; D; D' = -D")
    assert "D" not in found.counted
    assert "D" in found.flows


# ------------------------------------------------------------------------------------------------------------ refusals
ALGEBRAIC = """<sbml xmlns="http://www.sbml.org/sbml/level3/version1/core" level="3" version="1"><model id="m">
<listOfParameters><parameter id="y" value="1" constant="false"/></listOfParameters><listOfRules><algebraicRule>
<math xmlns="http://www.w3.org/1998/Math/MathML"><apply><minus/><apply><exp/><ci> y </ci></apply>
<cn> 1 </cn></apply></math></algebraicRule></listOfRules></model></sbml>"""
FAST = """<sbml xmlns="http://www.sbml.org/sbml/level3/version1/core" level="3" version="1"><model id="m">
<listOfCompartments><compartment id="c" size="1" constant="true" spatialDimensions="3"/></listOfCompartments>
<listOfSpecies><species id="S" compartment="c" initialAmount="1" hasOnlySubstanceUnits="true"
 boundaryCondition="false" constant="false"/></listOfSpecies><listOfReactions><reaction id="quick" reversible="false"
 fast="true"><listOfReactants><speciesReference species="S" stoichiometry="1" constant="true"/></listOfReactants>
<kineticLaw><math xmlns="http://www.w3.org/1998/Math/MathML"><ci> S </ci></math></kineticLaw></reaction>
</listOfReactions></model></sbml>"""
DISTRIB = """<sbml xmlns="http://www.sbml.org/sbml/level3/version1/core" level="3" version="1"
 xmlns:distrib="http://www.sbml.org/sbml/level3/version1/distrib/version1" distrib:required="true">
<model id="m"/></sbml>"""


@pytest.mark.parametrize(
    ("text", "named"), [(ALGEBRAIC, "algebraic"), (FAST, "fast reactions: quick"), (DISTRIB, "distrib")]
)
def test_sbml_that_cannot_be_run_is_refused_by_name(tmp_path, text, named):
    path = tmp_path / "m.xml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(QSPError, match=f"(?i){named}"):
        jump_system(qsp.read_sbml(path).network)


@pytest.mark.parametrize(("text", "named"), [
    ("species X; J: X => ; delay(X, 1)", r"'J'.*delay"),
    ("species X; y := rateOf(X); J: X => ; X", r"'y'.*rateOf"),
    ("species X; J: X => ; piecewise(1, time > X, 0)", "time > X"),
    ("species X, Y; J: X => Y; X; K: Y => ; Y", None),
    ("species X; J: X => 2.5 Y; X; species Y", "'J' changes 'Y'.*whole.*2.5"),
    ("species X; unit substance = gram; J: X => ; X", "'X' is in 'g'"),
])  # fmt: skip
def test_what_cannot_be_run_is_refused_by_name(text, named):
    if named is None:
        with pytest.raises(UnsupportedError, match=r"'J' changes 'X', which is counted, and 'Y'"):
            system(text, continuous=["Y"])
        return
    with pytest.raises(QSPError, match=named):
        system(text)


def test_what_callers_ask_for_in_vain():
    with pytest.raises(UnsupportedError, match=r"no species.*'k'"):
        system("species X; J: X => ; k*X; k = 1", continuous=["k"])
    with pytest.raises(UnsupportedError, match=r"'X' is counted.*continuous=\['X'\]"):
        system("species X; J: X => ; X", dosed={"X": True})
    with pytest.raises(UnsupportedError, match=r"'J'.*different units"):
        system(
            "substanceOnly species X, Y; unit one = item; unit dozen = 12 item; X has one; Y has dozen; J: X => Y; X"
        )
