"""Equations and descriptions: what is said must be what is computed."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sbmlqsp as qsp
from sbmlqsp.describe import describe_model
from sbmlqsp.diagram import diagram
from sbmlqsp.engine.initial import initial_state
from sbmlqsp.equations import equations, infix, mathml, reaction_text
from sbmlqsp.expressions import Expr, evaluate, parse_formula

TEXT = """model m
  compartment V = 2; compartment W := 1 + time
  species A in V, B in V, C in W
  substanceOnly species D
  A = 3; B = 1; C = 2; D = 5; x = 1; y = 4; k = 0.3
  y' = k - y
  z := A/(1 + B)
  bind: 2 A + B -> C; k*A*B*V
  back: C -> 2 A + B; k*C
  lose: D => ; D - k
  same: A + D => A; -(k + D)
  B = k*2
  at (time > 3): A = A + 1
end"""


@pytest.fixture(scope="module")
def model():
    return qsp.read_antimony(TEXT)


def by_symbol(model):
    return {(e.kind, e.symbol): e for e in equations(model.network)}


def test_equations_are_written_in_the_meaning_of_sbml(model):
    found = by_symbol(model)
    assert found["differential", "A"].text() == "V*d(A)/dt = -2*k*A*B*V + 2*k*C"
    assert found["differential", "C"].text() == "d(W*C)/dt = k*A*B*V - k*C"
    assert found["differential", "D"].text() == "d(D)/dt = -(D - k) + (k + D)"
    assert found["differential", "y"].text() == "d(y)/dt = k - y"
    assert found["rule", "z"].text() == "z = A/(1 + B)"
    assert found["initial", "B"].text() == "B(0) = k*2"
    assert found["event", "A"].text() == "A = A + 1"
    assert found["event", "A"].meaning == "when time > 3"


def test_every_right_side_has_the_value_of_stoichiometry_times_law(model):
    network = model.network
    env = {k: float(v) for k, v in initial_state(network).items()}
    for (kind, name), e in by_symbol(model).items():
        if kind != "differential" or name in network.rate_rules:
            continue
        said = float(evaluate(parse_formula(e.right()), env))
        rates = {i: float(evaluate(r.law, env)) for i, r in network.reactions.items()}
        assert said == pytest.approx(sum(n * rates[i] for i, n in network.stoichiometry[name].items()))


def test_reactions_are_written_with_their_counts(model):
    assert reaction_text(model.network.reactions["bind"]) == "2 A + B ⇌ C"
    assert reaction_text(model.network.reactions["lose"]) == "D → ∅"


leaves = st.sampled_from([Expr("sym", value="a__b"), Expr("sym", value="k_on"), Expr("sym", value="x"), Expr("time")])
leaves |= st.floats(-50, 50).map(lambda v: Expr("num", value=round(v, 3) + 0.0))


def nodes(inner):
    two = st.sampled_from(["add", "sub", "mul", "div", "pow"])
    return (
        st.builds(lambda op, a, b: Expr(op, (a, b)), two, inner, inner)
        | st.builds(lambda op, a: Expr(op, (a,)), st.sampled_from(["neg", "exp", "sqrt", "ln"]), inner)
        | st.builds(lambda a, b, c: Expr("piecewise", (a, Expr("lt", (b, c)), c)), inner, inner, inner)
    )


@settings(max_examples=150, deadline=None)
@given(st.recursive(leaves, nodes, max_leaves=8))
def test_any_formula_is_well_formed_mathml_and_readable_infix(expr):
    page = ET.fromstring(f"<math>{mathml(expr)}</math>".replace("&nbsp;", " "))
    for tag, n in (("mfrac", 2), ("msup", 2), ("msub", 2)):
        assert all(len(e) == n for e in page.iter(tag))
    env = {"a.b": 1.3, "k_on": 0.7, "x": 2.1, "a__b": 1.3}
    first, again = (float(evaluate(e, env, time=1.5)) for e in (expr, parse_formula(infix(expr))))
    assert np.isclose(first, again, rtol=1e-9, equal_nan=True)


def test_mathml_sets_brackets_where_a_product_holds_a_sum():
    text = "".join(ET.fromstring(f"<math>{mathml(parse_formula('a*(b - c) - (d - e)'))}</math>").itertext())
    assert text == "a·(b−c)−(d−e)"


def test_describe_says_what_will_happen_and_runs_nothing(model, monkeypatch):
    monkeypatch.setattr("sbmlqsp.compiled.machine_for", lambda *_, **__: pytest.fail("it ran"))
    experiment = qsp.Experiment(
        qsp.load("two_compartment"), times="0:28 day by 1", regimen="100 nmol into central over 1 h every 7 day x 3",
        changes={"CL": "0.3 L/day"}, observables=["C", qsp.Observable("total", "amount(central) + amount(peripheral)")],
    )  # fmt: skip
    text = experiment.describe()
    for words in (
        "V1*d(central)/dt = -CL*central - Q*central + Q*peripheral",
        "= 0.3 L/day", "changed from 0.2",
        "14 day  100 nmol  into central  infusion over 1 h",
        "total  [nmol]", "29 times from 0 to 28 day",
        "at doses: 0, 7, 14", "at the end of every infusion", "Checks:",
    ):  # fmt: skip
        assert words in text


def test_describe_shows_cuts_and_warnings_of_the_model():
    model = qsp.read_antimony("model m; A = 1; J: A => ; k*A*piecewise(1, time < 5, 0)/K; k = 1; K = 0; end")
    text = qsp.Experiment(model, times=[0, 10]).describe()
    assert "where formulas switch in time: 5" in text
    assert "error:" in text
    assert "Doses: none" in text


def test_a_model_alone_is_described_with_its_reactions():
    text = describe_model(qsp.load("tmdd_full"))
    assert "association" in text
    assert "central + R → RC" in text


def test_the_diagram_is_well_formed_and_shows_every_species_and_reaction():
    for name in ("two_compartment", "tmdd_full", "mab_tmdd", "theophylline"):
        network = qsp.load(name).network
        picture = ET.fromstring(diagram(network, doses=list(network.stoichiometry)[:1]))
        words = " ".join(t for e in picture.iter("{http://www.w3.org/2000/svg}text") for t in e.itertext())
        for symbol in (*network.stoichiometry, *network.reactions):
            assert symbol.replace("__", ".") in words
        assert "dose" in words


def test_boxes_of_the_diagram_do_not_overlap():
    picture = ET.fromstring(diagram(qsp.load("mab_tmdd").network))
    boxes = [
        [float(r.get(k)) for k in ("x", "y", "width", "height")]
        for r in picture.iter("{http://www.w3.org/2000/svg}rect")
    ]
    assert len(boxes) == 5
    for i, (x, y, w, h) in enumerate(boxes):
        for a, b, c, d in boxes[:i]:
            assert x + w < a or a + c < x or y + h < b or b + d < y


def test_what_is_too_large_or_has_no_reactions_has_no_diagram():
    assert diagram(qsp.read_antimony("model m; x = 1; end").network) == ""
    many = "; ".join(f"S{i} = 1; J{i}: S{i} -> ; S{i}" for i in range(30))
    assert diagram(qsp.read_antimony(f"model m; {many}; end").network) == ""


def test_what_the_checks_found_is_told_in_full():
    """The summary counts notes, so the notes are there too."""
    model = qsp.load("emax")
    issues = qsp.check(model)
    text = describe_model(model)
    assert "Checks: 1 note" in text
    assert issues["severity"].tolist() == ["info"]
    for column in ("where", "message", "remedy"):
        assert issues[column][0] in text
