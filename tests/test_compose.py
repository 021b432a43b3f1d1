"""Composition: what joins, what is refused, and that both forms are one model."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sbmlqsp.checks import check
from sbmlqsp.compose import CompositionWarning, Link, Share, compose
from sbmlqsp.engine import libsbml
from sbmlqsp.engine.libsbml_extract import extract
from sbmlqsp.equivalence import differences, prove_equal, same_formula
from sbmlqsp.errors import CompositionError
from sbmlqsp.expressions import parse_formula
from sbmlqsp.model import Model, expose
from sbmlqsp.processes import duplicated_processes
from sbmlqsp.reading import read_antimony, read_sbml

UNITS = """
  unit substance = 1e-9 mole; unit extent = 1e-9 mole; unit volume = 1 litre; unit time_unit = 3600 second;
  unit nM = 1e-9 mole/litre; unit per_h = 1/(3600 second); unit lph = litre/(3600 second);
"""

PK = f"""model pk
  // @output C
  // @output V
  // @output Cp
  {UNITS}
  compartment V = 5 litre; species C in V; C = 20 nM;
  CL = 2 lph; elim: C -> ; CL*C; Cp := C; Cp has nM;
end"""

TMDD = f"""model tmdd
  // @input C
  // @input V
  // @output RC
  {UNITS}
  unit per_nM_h = litre/(1e-9 mole * 3600 second);
  compartment V = 5 litre; species C in V, R in V, RC in V; C = 1 nM; R = 4 nM; RC = 0 nM;
  kon = 0.3 per_nM_h; koff = 0.1 per_h; kint = 0.2 per_h;
  bind: C + R -> RC; (kon*C*R - koff*RC)*V;  int: RC -> ; kint*RC*V;
end"""

PD = f"""model pd
  // @input Cp
  // @output E
  {UNITS}
  Cp = 1 nM; EC50 = 8 nM; E := Cp/(EC50 + Cp); E has dimensionless;
end"""


@pytest.fixture(scope="module")
def pk() -> Model:
    return read_antimony(PK)


@pytest.fixture(scope="module")
def tmdd() -> Model:
    return read_antimony(TMDD)


@pytest.fixture(scope="module")
def pd() -> Model:
    return read_antimony(PD)


def small(text: str, **ports: str) -> Model:
    return expose(read_antimony(text), ports)


def run(sbml: str, end: float = 10.0) -> dict[str, np.ndarray]:
    """Simulate flat SBML with the engine itself; columns by id."""
    import roadrunner

    r = roadrunner.RoadRunner(sbml)
    r.integrator.relative_tolerance, r.integrator.absolute_tolerance = 1e-11, 1e-14
    ids = [*r.model.getFloatingSpeciesIds(), *r.model.getBoundarySpeciesIds(), *r.model.getGlobalParameterIds()]
    ids = [i for i in ids if not i.startswith("_")]
    found = np.array(r.simulate(0, end, 21, ["time", *ids]))
    return dict(zip(["time", *ids], found.T, strict=True))


def same_curves(a: str, b: str, names: dict[str, str] | None = None, end: float = 10.0) -> None:
    left, right = run(a, end), run(b, end)
    assert len(left) == len(right) or names is not None
    for name in names or left:
        other = (names or {}).get(name, name)
        np.testing.assert_allclose(left[name], right[other], rtol=1e-8, atol=1e-12, err_msg=name)


def flattened_by_libsbml(model: Model) -> str:
    assert model.sbml_comp is not None
    return libsbml.flatten(model.sbml_comp)  # libSBML's own ids, without ours


# ---------------------------------------------------------------------------------------------------- what joins
def test_species_join_equals_the_monolith(pk: Model, tmdd: Model) -> None:
    model = compose("sys", {"pk": pk, "tm": tmdd}, connect={"tm.C": "pk.C", "tm.V": "pk.V"})
    monolith = read_antimony(
        f"""model mono {UNITS} unit per_nM_h = litre/(1e-9 mole * 3600 second);
        compartment V = 5 litre; species C in V, R in V, RC in V; C = 20 nM; R = 4 nM; RC = 0 nM;
        CL = 2 lph; kon = 0.3 per_nM_h; koff = 0.1 per_h; kint = 0.2 per_h;
        elim: C -> ; CL*C; bind: C + R -> RC; (kon*C*R - koff*RC)*V;  int: RC -> ; kint*RC*V; end"""
    )
    same_curves(model.sbml, monolith.sbml, {"pk__C": "C", "tm__R": "R", "tm__RC": "RC"})
    assert "tm__C" not in model.network.symbols
    assert "tm__V" not in model.network.symbols


def test_both_forms_simulate_alike(pk: Model, tmdd: Model, pd: Model) -> None:
    model = compose("sys", {"pk": pk, "tm": tmdd, "pd": pd}, connect={"tm.C": "pk.C", "tm.V": "pk.V", "pd.Cp": "pk.Cp"})
    names = {"pk__C": "C_of_pk", "tm__RC": "tm__RC", "tm__R": "tm__R", "pd__E": "pd__E", "pk__Cp": "Cp_of_pk"}
    same_curves(model.sbml, flattened_by_libsbml(model), names)


def test_an_input_becomes_the_output_and_keeps_its_id(pk: Model, pd: Model) -> None:
    model = compose("sys", {"pk": pk, "pd": pd}, connect={"pd.Cp": "pk.Cp"})
    assert "pd__Cp" not in model.network.symbols
    assert model.network.assignment_rules["pd__E"].symbols() == {"pk__Cp", "pd__EC50"}
    assert [(p.id, p.direction) for p in model.ports] == [
        ("pk.C", "output"), ("pk.V", "output"), ("pk.Cp", "output"), ("pd.E", "output")
    ]  # fmt: skip


def test_a_species_feeds_a_parameter(pk: Model, pd: Model) -> None:
    model = compose("sys", {"pk": pk, "pd": pd}, connect={"pd.Cp": "pk.C"})
    curves = run(model.sbml)
    np.testing.assert_allclose(curves["pd__E"][0], 20 / 28, rtol=1e-12)
    assert prove_equal(model.network, extract(model.sbml)) is None


def test_a_parameter_feeds_a_boundary_species() -> None:
    a = small("model a; x := 2 + time; end", x="output")
    b = small("model b; species $S; S = 1; P = 0; J: $S -> P; k*S; k = 1; end", S="input")
    curves = run(compose("sys", {"a": a, "b": b}, connect={"b.S": "a.x"}).sbml, 2.0)
    np.testing.assert_allclose(curves["b__P"][-1], 2 * 2 + 2.0, rtol=1e-9)


def test_equal_names_never_join(pk: Model, tmdd: Model) -> None:
    model = compose("sys", {"pk": pk, "tm": tmdd})
    assert {"pk__C", "tm__C", "pk__V", "tm__V"} <= set(model.network.symbols)


def test_parts_that_only_compute_keep_their_unit_of_time(pd: Model) -> None:
    assert compose("sys", {"a": pd, "b": pd}).time_unit == "h"
    other = read_antimony("model o; unit time_unit = 60 second; x := 2; end")
    assert compose("sys", {"a": pd, "b": other}).time_unit is None


def test_one_model_twice_has_one_definition(pd: Model) -> None:
    model = compose("sys", {"a": pd, "b": pd}, set={"a.EC50": 3.0, "b.EC50": 3.0})
    assert model.sbml_comp is not None
    assert model.sbml_comp.count("<comp:modelDefinition") == 1
    assert model.symbol("b.EC50").value == 3.0


def test_a_compartment_feeds_a_parameter(pk: Model) -> None:
    eff = small("model eff; V = 1; V has litre; y := 2*V; y has litre; end", V="input")
    model = compose("sys", {"pk": pk, "eff": eff}, connect={"eff.V": Link("pk.V", wins="source")})
    assert run(model.sbml)["eff__y"][0] == 10.0
    assert run(flattened_by_libsbml(model))["eff__y"][0] == 10.0


def test_conversion_factors_follow_their_species() -> None:
    text = """<sbml xmlns="http://www.sbml.org/sbml/level3/version2/core" level="3" version="2">
      <model id="m" conversionFactor="cf"><listOfCompartments>
        <compartment id="V" size="2" spatialDimensions="3" constant="true"/></listOfCompartments><listOfSpecies>
        <species id="S" compartment="V" initialAmount="8" hasOnlySubstanceUnits="true" boundaryCondition="false"
          constant="false"/></listOfSpecies><listOfParameters><parameter id="cf" value="3" constant="true"/>
      </listOfParameters><listOfReactions><reaction id="J" reversible="false"><listOfReactants>
        <speciesReference species="S" stoichiometry="1" constant="true"/></listOfReactants><kineticLaw>
        <math xmlns="http://www.w3.org/1998/Math/MathML"><cn>0.5</cn></math></kineticLaw></reaction>
      </listOfReactions></model></sbml>"""
    a = expose(read_sbml(text), S="output", V="output")
    b = expose(read_sbml(text), S="input", V="input")
    with pytest.raises(CompositionError, match=r"conversion factors"):
        compose("sys", {"a": a, "b": b}, connect={"b.S": "a.S", "b.V": "a.V"})
    model = compose("sys", {"a": a, "b": b}, connect={"b.S": "a.S", "b.V": "a.V"}, share={"cf": ["a.cf", "b.cf"]})
    assert model.symbol("a.S").conversion_factor == "cf"
    np.testing.assert_allclose(run(model.sbml, 2.0)["a__S"][-1], 8 - 2 * 0.5 * 3 * 2, rtol=1e-9)
    same_curves(model.sbml, flattened_by_libsbml(model), {"a__S": "S_of_a"}, end=2.0)


def test_functions_that_call_functions_and_clash_in_name() -> None:
    a = small("function f(x) 2*x; end; function g(x) f(x) + 1; end; model a; y := g(3); end", y="output")
    b = small("function f(x) 5*x; end; model b; u = 0; z := f(u); end", u="input")
    model = compose("sys", {"a": a, "b": b}, connect={"b.u": "a.y"})
    assert run(model.sbml)["b__z"][0] == 35.0


def test_events_of_parts_without_ids_stay_apart() -> None:
    a = small("model a; x = 1; at (time > 2): x = 5; end", x="output")
    b = small("model b; u = 0; y = 0; at (time > 3): y = u; end", u="input")
    model = compose("sys", {"a": a, "b": b}, connect={"b.u": "a.x"})
    assert {e.id.split("__")[0] for e in model.network.events} == {"a", "b"}
    assert run(model.sbml)["b__y"][-1] == 5.0
    own = small("model b; u = 0; y := u; at (time > 3): u = 2; end", u="input")
    with pytest.raises(CompositionError, match=r"set by an event of its own part"):
        compose("sys", {"a": a, "b": own}, connect={"b.u": "a.x"})


def test_a_formula_feeds_an_input(pk: Model, pd: Model) -> None:
    model = compose("sys", {"pk": pk, "pd": pd}, connect={"pd.Cp": "0.5*pk.C"})
    assert str(model.network.assignment_rules["pd__Cp"]) == "0.5*pk__C"
    np.testing.assert_allclose(run(model.sbml)["pd__E"][0], 10 / 18, rtol=1e-12)


def test_a_composed_model_is_a_part(pk: Model, pd: Model) -> None:
    inner = compose("inner", {"pk": pk, "pd": pd}, connect={"pd.Cp": "pk.Cp"})
    other = small("model eff; E = 0; y := 2*E; end", E="input")
    with pytest.raises(CompositionError, match=r"declares no unit"):
        compose("outer", {"sys": inner, "eff": other}, connect={"eff.E": "sys.pd.E"})
    other_timed = small("model eff; E = 0; E has dimensionless; y' = E; y = 0; end", E="input")
    with pytest.raises(CompositionError, match=r"unit of time"):
        compose("outer", {"sys": inner, "eff": other_timed}, connect={"eff.E": "sys.pd.E"})
    model = compose("outer", {"sys": inner, "eff": other}, connect={"eff.E": Link("sys.pd.E", wins="source")})
    assert str(model.network.assignment_rules["eff__y"]) == "2*sys__pd__E"
    assert model.symbol("sys.pk.C").value == 20.0


def test_shared_constants_have_one_value(pd: Model) -> None:
    model = compose("sys", {"a": pd, "b": pd}, share={"EC50": ["a.EC50", "b.EC50"]})
    assert model.symbol("EC50").value == 8.0
    assert model.symbol("EC50").unit.label == "nmol/L"
    assert model.network.assignment_rules["b__E"].symbols() == {"EC50", "b__Cp"}
    changed = compose("sys", {"a": pd, "b": pd}, share={"EC50": Share(["a.EC50", "b.EC50"], value="0.002 uM")})
    assert changed.symbol("EC50").value == pytest.approx(2.0)


def test_shared_compartments(tmdd: Model) -> None:
    model = compose("sys", {"a": tmdd, "b": tmdd}, share={"plasma": ["a.V", "b.V"]})
    assert {s.compartment for s in model.network.species} == {"plasma"}
    same_curves(model.sbml, flattened_by_libsbml(model))


def test_metadata_survives() -> None:
    a = small(
        'model a; species S; S = 3; S is "drug"; S identity "http://identifiers.org/chebi/CHEBI:17234"; end', S="output"
    )
    b = small("model b; x = 1; y := x; end", x="input")
    model = compose("sys", {"a": a, "b": b}, connect={"b.x": "a.S"})
    assert model.symbol("a.S").name == "drug"
    assert model.sbml.count("CHEBI:17234") == 1
    assert 'rdf:about="#meta_a__S"' in model.sbml


def test_initial_assignments_move_with_the_output_and_vanish_with_the_input() -> None:
    a = small("model a; k = 2; x = 3*k; end", x="output")
    b = small("model b; x = 7*z; z = 2; y := x; end", x="input")
    model = compose("sys", {"a": a, "b": b}, connect={"b.x": "a.x"})
    assert {k: str(v) for k, v in model.network.initial_assignments.items()} == {"a__x": "3*a__k"}


def test_units_are_kept_once_under_readable_ids(pk: Model, tmdd: Model) -> None:
    model = compose("sys", {"pk": pk, "tm": tmdd}, connect={"tm.C": "pk.C", "tm.V": "pk.V"})
    assert model.sbml.count('<unitDefinition id="nM"') == 1
    assert model.sbml.count("<unitDefinition") == len(set(model.sbml.split('unitDefinition id="')[1:]))
    assert model.time_unit == "h"
    assert model.network.substance_unit.label == "nmol"
    errors = libsbml.problems(libsbml.parse(model.sbml), units=True)
    assert errors == []


# ---------------------------------------------------------------------------------------------------- set, delete
def test_set_values_hold_in_both_forms(pk: Model) -> None:
    model = compose("sys", {"pk": pk}, set={"pk.CL": "50 mL/min", "pk.C": "40 nM", "pk.V": 4.0})
    assert model.symbol("pk.CL").value == pytest.approx(3.0)
    again = extract(flattened_by_libsbml(model))
    assert (again.symbols["pk__CL"].value, again.symbols["pk__V"].value) == (pytest.approx(3.0), 4.0)
    amount = compose("sys", {"pk": pk}, set={"pk.C": "0.1 umol"}).symbol("pk.C")
    assert (amount.value, amount.value_is_amount) == (pytest.approx(100.0), True)


def test_delete_removes_a_process_from_both_forms(pk: Model, tmdd: Model) -> None:
    model = compose(
        "sys", {"pk": pk, "tm": tmdd}, connect={"tm.C": "pk.C", "tm.V": "pk.V"}, delete=["pk.elim", "tm.int"]
    )
    assert set(model.network.reactions) == {"tm__bind"}
    assert model.sbml_comp is not None
    assert model.sbml_comp.count("<comp:deletion ") == 2
    curves = run(model.sbml, 100.0)
    np.testing.assert_allclose(curves["pk__C"] + curves["tm__RC"], 100.0, rtol=1e-9)


def test_a_deleted_rule_frees_an_input() -> None:
    a = small("model a; x := 2; end", x="output")
    b = small("model b; x := 5*time; y := x; end", x="input")
    with pytest.raises(CompositionError, match=r"set by an assignment rule.*delete=\['b.x'\]"):
        compose("sys", {"a": a, "b": b}, connect={"b.x": "a.x"})
    model = compose("sys", {"a": a, "b": b}, connect={"b.x": "a.x"}, delete=["b.x"])
    assert str(model.network.assignment_rules["b__y"]) == "a__x"


@pytest.mark.parametrize(
    ("delete", "message"),
    [
        ("pk.elm", "nothing called 'pk.elm' to delete.*did you mean 'elim'"),
        ("pk.CL", "cannot be deleted: the kinetic law of elim"),
        ("pk.V", "cannot be deleted: .*the species C"),
        ("xx.elim", "no part 'xx'.*known: pk"),
        ("elim", "does not name a symbol of a part"),
    ],
)
def test_refused_deletions(pk: Model, delete: str, message: str) -> None:
    with pytest.raises(CompositionError, match=message.replace("the kinetic law of elim", ".*elim")):
        compose("sys", {"pk": pk}, delete=[delete])


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"pk.CLL": 2.0}, "no symbol 'CLL'.*did you mean 'CL'"),
        ({"pk.Cp": 2.0}, r"computed by an assignment rule.*delete=\['pk.Cp'\]"),
        ({"pk.CL": "3 mg"}, "cannot be set in 'mg'"),
    ],
)
def test_refused_values(pk: Model, values: dict[str, float], message: str) -> None:
    with pytest.raises(CompositionError, match=message):
        compose("sys", {"pk": pk}, set=values)


def test_setting_a_fed_input_is_refused(pk: Model, pd: Model) -> None:
    with pytest.raises(CompositionError, match=r"fed by 'pk.Cp'"):
        compose("sys", {"pk": pk, "pd": pd}, connect={"pd.Cp": "pk.Cp"}, set={"pd.Cp": 3.0})


# ---------------------------------------------------------------------------------------------------- refusals
@pytest.mark.parametrize(
    ("connect", "message"),
    [
        ({"pd.Cpp": "pk.Cp"}, "'Cpp' does not exist in the part 'pd'.*did you mean 'Cp'"),
        ({"pd.EC50": "pk.Cp"}, r"'EC50' is not a port of the part 'pd'.*expose\(model, EC50="),
        ({"pd.Cp": "pk.CL"}, "'CL' is not a port of the part 'pk'"),
        ({"pd.Cp": "px.Cp"}, "no part 'px'.*known: pd, pk, tm"),
        ({"pk.Cp": "pd.E"}, "'pk.Cp' is an output and cannot be fed"),
        ({"tm.C": "pd.Cp"}, "is an input as well"),
        ({"tm.C": "tm.RC"}, "fed by its own part"),
        ([("pd.Cp", "pk.Cp"), ("pd.Cp", "pk.C")], "Two outputs feed the input 'pd.Cp'"),
        ({"tm.V": "pk.Cp"}, "is a compartment and the output 'pk.Cp' is a parameter"),
        ({"tm.C": "pk.Cp"}, "'tm.C' is changed by reactions of its own part"),
        ({"pd.Cp": "pd.Cp + pk.Cp"}, "fed by its own part"),
        ({"pd.Cp": "pk.Cp +"}, "cannot be fed"),
        ({"pd.Cp": "pk.Cp + pk.V"}, "mixes units"),
        ({"pd.Cp": "pk.Cp*pk.V"}, "is in nmol/L and 'pk.Cp.*pk.V' is in"),
        ({"tm.C": "pk.C"}, r"different compartments.*connect=\{'tm.V': 'pk.V'\}"),
    ],
)
def test_refused_connections(pk: Model, tmdd: Model, pd: Model, connect: object, message: str) -> None:
    with pytest.raises(CompositionError, match=message):
        compose("sys", {"pk": pk, "tm": tmdd, "pd": pd}, connect=connect)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["a_b", "A", "1a", "", "a.b", "é"])
def test_refused_instance_names(pd: Model, name: str) -> None:
    with pytest.raises(CompositionError, match=r"name of a part"):
        compose("sys", {name: pd})


def test_a_species_and_its_amount_do_not_join() -> None:
    a = small("model a; compartment V = 2; species S in V; S = 3; end", S="output", V="output")
    b = small("model b; compartment V = 2; substanceOnly species S in V; S = 3; y := S; end", S="input", V="input")
    with pytest.raises(CompositionError, match=r"differ in meaning"):
        compose("sys", {"a": a, "b": b}, connect={"b.S": "a.S", "b.V": "a.V"})


def test_a_boundary_species_does_not_join_a_floating_one_it_would_change() -> None:
    a = small("model a; compartment V = 2; species S in V; S = 3; end", S="output", V="output")
    b = small("model b; compartment V = 2; species $S in V; S = 1; J: $S -> P; S; P = 0; end", S="input", V="input")
    with pytest.raises(CompositionError, match=r"boundary or floating"):
        compose("sys", {"a": a, "b": b}, connect={"b.S": "a.S", "b.V": "a.V"})
    model = compose("sys", {"a": a, "b": b}, connect={"b.S": Link("a.S", wins="source"), "b.V": "a.V"})
    assert model.network.stoichiometry["a__S"] == {"b__J": -1.0}


def test_plain_values_that_differ_need_a_winner() -> None:
    a = small("model a; k = 2; end", k="output")
    b = small("model b; k = 3; y := k; end", k="input")
    with pytest.raises(CompositionError, match=r"'b.k' is 3 and 'a.k' is 2.*wins='source'"):
        compose("sys", {"a": a, "b": b}, connect={"b.k": "a.k"})
    for wins, value in (("source", 2.0), ("target", 3.0)):
        model = compose("sys", {"a": a, "b": b}, connect={"b.k": Link("a.k", wins=wins)})
        assert model.symbol("a.k").value == value
        assert extract(flattened_by_libsbml(model)).symbols["k_of_a"].value == value


def test_shared_values_that_differ_need_a_winner(pd: Model) -> None:
    parts = {"a": pd, "b": pd}
    with pytest.raises(CompositionError, match=r"'b.EC50' is 9 and 'a.EC50' is 8.*Share\("):
        compose("sys", parts, share={"EC50": ["a.EC50", "b.EC50"]}, set={"b.EC50": 9.0})
    model = compose("sys", parts, share={"EC50": Share(["a.EC50", "b.EC50"], wins="b.EC50")}, set={"b.EC50": 9.0})
    assert model.symbol("EC50").value == 9.0


@pytest.mark.parametrize(
    ("share", "message"),
    [
        ({"E": ["a.E", "b.E"]}, "set by an assignment rule"),
        ({"a": ["a.EC50", "b.EC50"]}, "cannot have this id"),
        ({"x__y": ["a.EC50", "b.EC50"]}, "cannot have this id"),
        ({"x": "a.EC50"}, "shares nothing"),
        ({"x": ["a.EC50", "b.EC5"]}, "no symbol 'EC5'"),
        ({"x": ["a.EC50", "a.EC50"], "y": ["a.EC50"]}, "shared twice"),
        ({"x": Share(["a.EC50", "b.EC50"], wins="a.E")}, "winner of 'x' is not one of its members"),
        ({"x": Share(["a.EC50", "b.EC50"], value="3 mg")}, "cannot be set to '3 mg'"),
    ],
)
def test_refused_shares(pd: Model, share: dict[str, object], message: str) -> None:
    with pytest.raises(CompositionError, match=message):
        compose("sys", {"a": pd, "b": pd}, share=share)  # type: ignore[arg-type]


def test_circles_are_named() -> None:
    a = small("model a; x = 1; y := 2*x; end", x="input", y="output")
    with pytest.raises(CompositionError, match=r"circle: .*a.y.*b.y"):
        compose("sys", {"a": a, "b": a}, connect={"a.x": "b.y", "b.x": "a.y"})


def test_an_unknown_winner_is_refused() -> None:
    with pytest.raises(CompositionError, match=r"'source' or 'target'"):
        Link("a.x", wins="left")


# ---------------------------------------------------------------------------------------------------- units
def test_a_unit_on_one_side_only_needs_a_winner(pk: Model) -> None:
    bare = small("model pd; Cp = 20; y := Cp; end", Cp="input")
    with pytest.raises(CompositionError, match=r"'pd.Cp' declares no unit and 'pk.Cp' is in nmol/L"):
        compose("sys", {"pk": pk, "pd": bare}, connect={"pd.Cp": "pk.Cp"})
    model = compose("sys", {"pk": pk, "pd": bare}, connect={"pd.Cp": Link("pk.Cp", wins="source")})
    assert model.symbol("pk.Cp").unit.label == "nmol/L"


def test_another_scale_needs_a_conversion(pk: Model) -> None:
    micro = small("model pd; unit uM = 1e-6 mole/litre; Cp = 1 uM; y := Cp; y has uM; end", Cp="input")
    with pytest.raises(
        CompositionError, match=r"'pd.Cp' is in umol/L and 'pk.Cp' is in nmol/L.*convert=\{'pd.Cp': 'umol/L'\}"
    ):
        compose("sys", {"pk": pk, "pd": micro}, connect={"pd.Cp": "pk.Cp"})
    for how in ("uM", 1e-3):
        model = compose("sys", {"pk": pk, "pd": micro}, connect={"pd.Cp": "pk.Cp"}, convert={"pd.Cp": how})
        np.testing.assert_allclose(run(model.sbml)["pd__y"][0], 0.02, rtol=1e-12)
    with pytest.raises(CompositionError, match=r"factor 0.01 does not convert"):
        compose("sys", {"pk": pk, "pd": micro}, connect={"pd.Cp": Link("pk.Cp", convert=0.01)})
    with pytest.raises(CompositionError, match=r"another unit than the input's"):
        compose("sys", {"pk": pk, "pd": micro}, connect={"pd.Cp": Link("pk.Cp", convert="mM")})


def test_mass_and_amount_need_a_molar_mass(pk: Model) -> None:
    mass = small("model pd; unit mgL = 1e-3 gram/litre; Cp = 1 mgL; y := Cp; y has mgL; end", Cp="input")
    with pytest.raises(CompositionError, match=r"molar mass"):
        compose("sys", {"pk": pk, "pd": mass}, connect={"pd.Cp": "pk.Cp"})
    model = compose("sys", {"pk": pk, "pd": mass}, connect={"pd.Cp": "pk.Cp"}, convert={"pd.Cp": "150 kDa"})
    np.testing.assert_allclose(run(model.sbml)["pd__y"][0], 20e-9 * 150e3 * 1e3, rtol=1e-9)
    assert model.symbol("pd.Cp.factor").value == pytest.approx(0.15)
    same_curves(model.sbml, flattened_by_libsbml(model), {"pd__y": "pd__y"})


def test_converting_a_species_that_both_sides_change_is_refused(pk: Model, tmdd: Model) -> None:
    with pytest.raises(CompositionError, match=r"changed by reactions of its own part, so it cannot be converted"):
        compose("sys", {"pk": pk, "tm": tmdd}, connect={"tm.C": "pk.C", "tm.V": "pk.V"}, convert={"tm.C": "150 kDa"})


def test_conversions_must_name_a_connected_input(pk: Model, pd: Model) -> None:
    with pytest.raises(CompositionError, match=r"not a connected input"):
        compose("sys", {"pk": pk, "pd": pd}, convert={"pd.Cp": "uM"})


MINUTES = """model fast
  // @input Cp
  unit substance = 1e-9 mole; unit extent = 1e-9 mole; unit volume = 1 litre; unit time_unit = 60 second;
  unit nM = 1e-9 mole/litre; unit per_min = 1/(60 second);
  Cp = 1 nM; ke = 0.05 per_min; compartment B = 1 litre; species X in B; X = 1 nM; z = 1; z' = ke*z - 0.01*time/60;
  J: -> X; ke*(Cp - X)*B; r := J; w := time; q = 0; e1: at 15 after (time >= 30): q = q + 1; E: at (X > 2): z = z + X;
end"""


def test_parts_in_other_units_of_time_are_refused_or_rewritten(pk: Model) -> None:
    fast = read_antimony(MINUTES)
    parts, connect = {"pk": pk, "fast": fast}, {"fast.Cp": "pk.Cp"}
    with pytest.raises(CompositionError, match=r"unit of time: h in 'pk' and min in 'fast'.*convert=\{'fast': 'h'\}"):
        compose("sys", parts, connect=connect)
    hours = compose("sys", parts, connect=connect, convert={"fast": "h"})
    minutes = compose("sys", parts, connect=connect, convert={"pk": "min"})
    assert (hours.time_unit, minutes.time_unit) == ("h", "min")
    a, b = run(hours.sbml, 2.0), run(minutes.sbml, 120.0)
    for name in ("pk__C", "fast__X", "fast__q", "fast__z", "fast__r", "fast__w"):
        np.testing.assert_allclose(a[name], b[name], rtol=1e-7, atol=1e-9, err_msg=name)
    assert a["fast__q"][-1] == 1.0
    same_curves(hours.sbml, flattened_by_libsbml(hours), {n: n for n in ("fast__X", "fast__z", "fast__q")}, end=2.0)


@pytest.mark.parametrize("how", ["kg", "fortnightly", ""])
def test_a_part_is_converted_to_a_unit_of_time_only(pk: Model, how: str) -> None:
    with pytest.raises(CompositionError, match=r"does not name a unit of time"):
        compose("sys", {"pk": pk}, convert={"pk": how})


def test_a_part_without_a_unit_of_time_declares_one(pk: Model) -> None:
    bare = read_antimony("model b; x = 1; x' = -x; end")
    with pytest.raises(
        CompositionError, match=r"h in 'pk' and no declared unit in 'b'.*convert=\{'b': 'h'\}, which declares"
    ):
        compose("sys", {"pk": pk, "b": bare})
    model = compose("sys", {"pk": pk, "b": bare}, convert={"b": "h"})
    assert str(model.network.rate_rules["b__x"]) == "-b__x"


def test_parts_in_other_units_of_substance(pk: Model) -> None:
    mass = read_antimony(
        """model tox
        // @input Cp
        unit substance = 1e-3 gram; unit extent = 1e-3 gram; unit volume = 1 litre; unit time_unit = 3600 second;
        unit mgL = 1e-3 gram/litre; unit per_h = 1/(3600 second); Cp = 0 mgL; compartment B = 2 litre;
        species X in B; X = 0 mgL; k = 0.1 per_h; J: -> X; k*(Cp - X)*B; end"""
    )
    parts, connect, convert = {"pk": pk, "tox": mass}, {"tox.Cp": "pk.Cp"}, {"tox.Cp": "150 kDa"}
    for nothing, remedy in (({}, "'tox': 'own units'"), (connect, "'tox.Cp': '<molar mass>'")):
        what = "differ in their unit of substance and extent: nmol in 'pk' and mg in 'tox'"
        with pytest.raises(CompositionError, match=f"{what}.*convert={{{remedy}}}"):
            compose("sys", parts, connect=nothing)
    third = {
        **parts,
        "more": read_antimony(MINUTES.replace("1e-9 mole", "1e-6 mole").replace("60 second", "3600 second")),
    }
    with pytest.raises(CompositionError, match=r"nmol in 'pk' and mg in 'tox' and umol in 'more'"):
        compose("sys", third, connect=connect, convert=convert)
    apart = compose("sys", parts, convert={"tox": "own units"})
    assert apart.symbol("tox.X").unit.equivalent(mass.symbol("X").unit)
    model = compose("sys", parts, connect=connect, convert=convert)
    same_curves(model.sbml, flattened_by_libsbml(model), {"tox__X": "tox__X"})
    assert model.symbol("tox.X").unit.label.replace("1e-3*g", "mg") == "mg/L"
    assert model.symbol("pk.C").unit.equivalent(pk.symbol("C").unit)
    assert model.network.extent_unit is None
    assert run(model.sbml)["tox__X"][-1] > 0.5


# ------------------------------------------------------------------------------- factors, and parts of two families
TUMOUR = """model tumour
  // @input C
  // @input kill
  unit substance = 1e-3 gram; unit extent = 1e-3 gram; unit volume = 1 litre; unit time_unit = 3600 second;
  unit mgL = 1e-3 gram/litre; unit per_h = 1/(3600 second); unit L_per_mg_h = litre/(1e-3 gram * 3600 second)
  compartment B = 2 litre; species N in B; N = 3 mgL; kg = 0.01 per_h; kd = 0.1 L_per_mg_h; C = 0 mgL; kill = 0 per_h;
  grow: -> N; kg*N*B; die: N -> ; (kill + kd*C)*N*B; end"""
BINDING = """model binding
  // @input D
  // @output occupancy
  // @output T
  unit substance = 1e-9 mole; unit extent = 1e-9 mole; unit volume = 1 litre; unit time_unit = 86400 second;
  unit nM = 1e-9 mole/litre; unit per_day = 1/(86400 second);
  compartment V = 3 litre; species T in V; T = 5 nM; D = 0 nM; KD = 2 nM; k = 0.2 per_day;
  make: -> T; k*(5 nM)*V; lose: T -> ; k*T*V; occupancy := D/(KD + D); occupancy has dimensionless; end"""


@pytest.fixture(scope="module")
def tumour() -> Model:
    return read_antimony(TUMOUR)


@pytest.fixture(scope="module")
def binding() -> Model:
    return read_antimony(BINDING)


def troubles(model: Model) -> list[str]:
    """Return the errors, and whatever is said about units."""
    issues = check(model)
    return list(issues.message[(issues.severity == "error") | issues.code.str.contains("unit")])


def test_a_factor_of_one_keeps_the_unit_that_bridges(binding: Model) -> None:
    parts, connect = {"target": binding, "marker": binding}, {"marker.D": "target.occupancy"}
    for one in (1.0, 1, "1 nmol/L", Link("target.occupancy", convert=1)):
        more = {"connect": {"marker.D": one}} if isinstance(one, Link) else {"convert": {"marker.D": one}}
        model = compose("m", parts, **{"connect": connect, **more})
        factor = model.symbol("marker.D.factor")
        assert (factor.value, factor.unit.label) == (1.0, "nmol/L")
        assert troubles(model) == []
    same = compose("m", {"a": binding, "b": binding}, connect={"b.D": "a.T"}, convert={"b.D": 1})
    assert "b__D__factor" not in same.network.symbols


@pytest.mark.parametrize("source", ["pk.C", "0.1*pk.C"])
def test_a_molar_mass_converts_a_formula_as_it_does_a_path(binding: Model, source: str) -> None:
    mass = read_antimony(
        """model pk
        // @output C
        unit substance = 1e-3 gram; unit extent = 1e-3 gram; unit volume = 1 litre; unit time_unit = 86400 second;
        unit mgL = 1e-3 gram/litre; unit Lpd = litre/(86400 second)
        compartment V = 5 litre; species C in V; C = 4 mgL; CL = 1 Lpd; J: C -> ; CL*C; end"""
    )
    parts, connect = {"pk": mass, "target": binding}, {"target.D": source}
    with pytest.raises(
        CompositionError, match=r"mg in 'pk' and nmol in 'target'.*convert={'target.D': '<molar mass>'}"
    ):
        compose("m", parts, connect=connect)
    model = compose("m", parts, connect=connect, convert={"target.D": "400 g/mol"})
    np.testing.assert_allclose(model.symbol("target.D.factor").value, 2500.0, rtol=1e-12)
    np.testing.assert_allclose(run(model.sbml)["target__D"][0], 1e4 if source == "pk.C" else 1e3, rtol=1e-12)
    assert troubles(model) == []


def test_what_parts_differ_in_is_said_at_once_with_the_whole_remedy(tumour: Model, binding: Model, pk: Model) -> None:
    days = compose("days", {"pk": pk}, convert={"pk": "day"})
    parts, connect = {"tumour": tumour, "pk": days, "tce": binding}, {"tce.D": "pk.pk.Cp"}
    what = (
        r"unit of time: day in 'pk', 'tce' and h in 'tumour'; in their unit of substance and extent: "
        r"nmol in 'pk', 'tce' and mg in 'tumour'"
    )
    with pytest.raises(CompositionError, match=what) as refused:
        compose("m", parts, connect=connect)
    assert refused.value.remedy.startswith("convert={'tumour': ['day', 'own units']}, which rewrites 'tumour' in day")
    assert "connection" not in refused.value.remedy
    assert troubles(compose("m", parts, connect=connect, convert={"tumour": ["day", "own units"]})) == []
    for so_far, whole in (
        ({"tumour": "day"}, "{'tumour': ['day', 'own units']}"),
        ({"tumour": "own units"}, "{'tumour': ['own units', 'day']}"),
        ({"tumour": ["min", "own units"]}, "{'tumour': ['own units', 'day']}"),
    ):
        with pytest.raises(CompositionError) as refused:
            compose("m", parts, connect=connect, convert=so_far)
        assert refused.value.remedy.startswith(f"convert={whole}")


def test_the_remedy_names_the_connections_that_have_to_be_converted(tumour: Model, binding: Model) -> None:
    parts, connect = {"tce": binding, "tumour": tumour}, {"tumour.kill": "tce.occupancy", "tumour.C": "tce.T"}
    with pytest.raises(CompositionError) as refused:
        compose("m", parts, connect=connect)
    assert refused.value.remedy.startswith(
        "convert={'tumour.kill': <number in 1/h>, 'tumour.C': '<molar mass>', 'tumour': 'day'} (<…> is for you to fill"
    )
    said = {"tumour.kill": 0.012, "tumour.C": "150 kDa", "tumour": "day"}
    assert troubles(compose("m", parts, connect=connect, convert=said)) == []


def test_no_conversion_is_offered_for_a_species_that_both_parts_change(pk: Model, tumour: Model) -> None:
    cells = expose(tumour, N="input", B="input")
    with pytest.raises(CompositionError, match=r"write both parts in the same units: 'tumour.N' and 'pk.C' become one"):
        compose("m", {"pk": pk, "tumour": cells}, connect={"tumour.N": "pk.C", "tumour.B": "pk.V"})


def test_an_effect_becomes_a_rate_by_a_number_or_a_quantity(tumour: Model, binding: Model) -> None:
    parts, connect = {"tce": binding, "tumour": tumour}, {"tumour.kill": "tce.occupancy"}
    units = ["day", "own units"]
    with pytest.raises(CompositionError, match=r"'tumour.kill' is in 1/h and 'tce.occupancy' is in no unit") as refused:
        compose("m", parts, connect=connect, convert={"tumour": units})
    assert "or convert={'tumour.kill': <number in 1/h>}, which becomes the parameter tumour.kill.factor" in str(
        refused.value
    )
    models = [
        compose("m", parts, connect=connect, convert={"tumour": units, "tumour.kill": how}, set={"tce.D": "2 nM"})
        for how in (0.0125, "0.3 1/day", "0.3/day")
    ]
    for model in models:
        factor = model.symbol("tumour.kill.factor")
        assert (factor.value, factor.unit.label) == (pytest.approx(0.0125, rel=1e-12), "1/h")
        assert troubles(model) == []
        same_curves(model.sbml, models[0].sbml)
    # dN/dt = (0.01 - 0.5*0.0125)/h * N, and a day has 24 hours.
    curve = run(models[1].sbml, 2.0)["tumour__N"]
    np.testing.assert_allclose(curve[-1] / curve[0], np.exp((0.01 - 0.00625) * 48), rtol=1e-8)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("0.3 mg/day", r"'0.3 mg/day' does not lead from dimensionless to 1/h.*such as '0.3 1/h'"),
        ("400 g/mol", r"'400 g/mol' does not lead from dimensionless to 1/h"),
        (float("nan"), "the factor is not usable"),
        (0, "the factor is not usable"),
    ],
)
def test_a_factor_that_does_not_bridge_is_refused(tumour: Model, binding: Model, how: object, message: str) -> None:
    convert = {"tumour": ["day", "own units"], "tumour.kill": how}
    with pytest.raises(CompositionError, match=f"(?i){message}"):
        compose("m", {"tce": binding, "tumour": tumour}, connect={"tumour.kill": "tce.occupancy"}, convert=convert)  # type: ignore[arg-type]


def test_what_is_no_molar_mass_is_answered_with_one(tumour: Model, binding: Model) -> None:
    parts, connect = {"tce": binding, "tumour": tumour}, {"tumour.C": "tce.T"}
    with pytest.raises(CompositionError, match=r"'400 mg/L' does not lead.*a molar mass, such as '400 g/mol'"):
        compose("m", parts, connect=connect, convert={"tumour": "day", "tumour.C": "400 mg/L"})


def test_each_part_of_a_whole_of_mixed_substances_is_checked_in_its_own_units(tumour: Model, binding: Model) -> None:
    parts = {"tce": binding, "tumour": tumour}
    sound = compose("m", parts, convert={"tumour": ["day", "own units"]})
    assert troubles(sound) == []
    assert troubles(compose("outer", {"in": sound}, convert={"in": "own units"})) == []
    assert troubles(read_sbml(sound.sbml_comp)) == []
    wrong = read_antimony(TUMOUR.replace("kg*N*B;", "kg*N;"))
    broken = compose("m", {"tce": binding, "tumour": wrong}, convert={"tumour": ["day", "own units"]})
    (message,) = troubles(broken)
    assert "kinetic law of tumour.grow gives" in message
    assert "mg/day is due" in message


def test_a_compartment_from_another_place_than_its_species_is_named() -> None:
    pk = small(
        "model pk; compartment V1 = 34, V2 = 35; species A in V1, P in V2; A = 1; P = 0; J: A -> P; A*V1; end",
        A="output", P="output", V1="output", V2="output",
    )  # fmt: skip
    gut = small("model gut; compartment V = 34; species A in V; A = 0; J: -> A; 1; end", A="input", V="input")
    parts = {"pk": pk, "gut": gut}
    message = r"'gut.V' is fed by 'pk.V2', but the species 'gut.A' in it is joined to 'pk.A', which is in 'pk.V1'"
    with pytest.raises(CompositionError, match=message + r".*connect=\{'gut.V': 'pk.V1'\}"):
        compose("m", parts, connect={"gut.V": "pk.V2", "gut.A": "pk.A"})
    assert compose("m", parts, connect={"gut.V": "pk.V1", "gut.A": "pk.A"}).symbol("pk.V1").value == 34
    with pytest.raises(CompositionError, match=r"'gut.V' is 34 and 'pk.V2' is 35"):
        compose("m", parts, connect={"gut.V": "pk.V2"})


# ---------------------------------------------------------------------------------------------------- volumes
ORGAN = "model organ; compartment V = 1.5; species S in V; S = 2; species T in V; T := S; end"
CELL = "model cell; compartment V = 1.2; species S in V; S = 10; species A in V; A = 10/V; end"


def test_volumes_inside_an_organ() -> None:
    organ, cell = read_antimony(ORGAN), read_antimony(CELL)
    parts, volumes = {"liver": organ, "hep": cell, "stel": cell}, {"liver.V": ["hep.V", "stel.V"]}
    with pytest.raises(CompositionError, match=r"add up to 2.4.*more than its 1.5.*λ = 0.625"):
        compose("sys", parts, volumes=volumes)
    model = compose("sys", parts, volumes=volumes, rescale="concentrations")
    assert model.symbol("hep.V").value == pytest.approx(0.75)
    assert run(model.sbml)["hep__S"][0] == pytest.approx(10 * 0.75)
    amounts = compose("sys", parts, volumes=volumes, rescale="amounts")
    assert amounts.symbol("stel.S").value == pytest.approx(16.0)
    fits = compose("sys", parts, volumes={"liver.V": ["hep.V"]}, rescale="concentrations")
    assert fits.symbol("hep.V").value == 1.2
    with pytest.raises(CompositionError, match=r"'concentrations' or 'amounts'"):
        compose("sys", parts, volumes=volumes, rescale="mass")
    with pytest.raises(CompositionError, match=r"no symbol 'W'"):
        compose("sys", parts, volumes={"liver.W": ["hep.V"]})


# ---------------------------------------------------------------------------------------------------- duplicates
def test_two_eliminations_of_one_substance_are_reported(pk: Model) -> None:
    kidney = read_antimony(
        f"""model kidney
        // @input C
        // @input V
        {UNITS} compartment V = 1 litre; species C in V; C = 0 nM; CLr = 1 lph; renal: C -> ; CLr*C; end"""
    )
    parts, connect = {"pk": pk, "kid": kidney}, {"kid.C": "pk.C", "kid.V": Link("pk.V", wins="source")}
    with pytest.warns(CompositionWarning, match=r"'pk.C' is eliminated by pk.elim and kid.renal.*delete="):
        model = compose("sys", parts, connect=connect)
    assert [d.reactions for d in duplicated_processes(model.network)] == [("pk__elim", "kid__renal")]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        compose("sys", parts, connect=connect, delete=["pk.elim"])


def test_saturable_elimination_is_another_process() -> None:
    text = "model m; S = 9; a__J: S -> ; a*S; b__J: S -> ; b*S/(1 + S); a = 1; b = 2; c__J: S -> P; S; P = 0; end"
    assert duplicated_processes(read_antimony(text).network) == []


# ---------------------------------------------------------------------------------------------------- the proof
def test_the_proof_can_fail(pk: Model) -> None:
    from dataclasses import replace

    n = pk.network
    wrong = {
        "value": replace(n, symbols={**n.symbols, "CL": replace(n.symbols["CL"], value=2.0000001)}),
        "absent": replace(n, reactions={}),
        "law": replace(
            n, reactions={"elim": replace(n.reactions["elim"], law=parse_formula("CL*C*2"))},
        ),
        "assignment rule": replace(n, assignment_rules={"Cp": parse_formula("C + 0")}),
        "time unit": replace(n, time_unit=None),
    }  # fmt: skip
    assert list(differences(n, n)) == []
    for word, other in wrong.items():
        with pytest.raises(CompositionError, match=word):
            prove_equal(n, other)


@given(st.floats(0.1, 10), st.floats(0.1, 10), st.integers(1, 3))
@settings(max_examples=8, deadline=None)
def test_any_chain_of_parts_is_proven_and_right(k: float, v: float, n: int) -> None:
    source = small(f"model s; x := {k!r} + time; end", x="output")
    link = small(f"model l; u = 0; x := {v!r}*u; end", u="input", x="output")
    parts = {"s": source, **{f"l{i}": link for i in range(n)}}
    connect = {f"l{i}.u": f"l{i - 1}.x" if i else "s.x" for i in range(n)}
    model = compose("chain", parts, connect=connect)
    assert same_formula(model.network.assignment_rules["l0__x"], parse_formula(f"{v!r}*s__x"))
    curves = run(model.sbml, 1.0)
    np.testing.assert_allclose(curves[f"l{n - 1}__x"][-1], (k + 1.0) * v**n, rtol=1e-9)


def test_the_hierarchical_form_is_valid_and_reads_back(pk: Model, tmdd: Model) -> None:
    model = compose("sys", {"pk": pk, "tm": tmdd}, connect={"tm.C": "pk.C", "tm.V": "pk.V"})
    assert model.sbml_comp is not None
    again = read_sbml(model.sbml_comp)
    assert list(differences(model.network, again.network)) == []
    assert again.directions == model.directions
    assert not [p for p in libsbml.problems(libsbml.parse(model.sbml_comp)) if p[0] == "error"]


def test_check_still_knows_the_volumes_of_a_composition():
    liver = read_antimony("model liver(V); compartment V = 1.5; end")
    cells = read_antimony("model cells(V); compartment V = 0.9; end")
    whole = compose("m", {"liver": liver, "hep": cells}, volumes={"liver.V": ["hep.V"]})
    assert "sub-volumes" not in set(check(whole).code)
    larger = replace(whole, sbml=whole.sbml.replace('size="0.9"', 'size="1.9"'))
    row = check(larger).set_index("code").loc["sub-volumes"]
    assert row["severity"] == "error"


def test_a_power_of_what_a_rate_rule_changes_composes() -> None:
    """libSBML's unit check of such a power ends the process, so flattening must not run it."""
    acid = read_antimony("""model acid(pH, p)
      // @input p
      // @output pH
      unit time_unit = 3600 second; unit substance = 1e-3 gram; unit extent = 1e-3 gram; unit volume = litre
      unit per_hour = 1 / (3600 second)
      p = 7; p has dimensionless; k = 1; k has per_hour; pH = p; pH has dimensionless; pH' = k * (p - pH)
    end""")
    tissue = read_antimony("""model tissue(y, pH_t)
      // @input pH_t
      // @output y
      unit time_unit = 3600 second; unit substance = 1e-3 gram; unit extent = 1e-3 gram; unit volume = litre
      pH_t = 7; pH_t has dimensionless; y := (10 dimensionless)^(8 dimensionless - pH_t); y has dimensionless
    end""")
    model = compose("both", {"acid": acid, "tissue": tissue}, connect={"tissue.pH_t": "acid.pH"})
    assert read_sbml(model.sbml_comp).network.assignment_rules.keys() == {"tissue__y"}


def test_a_model_and_its_part_cannot_share_a_name() -> None:
    with pytest.raises(CompositionError, match=r"(?i)the model and a part of it are both called 'x'"):
        compose("x", {"x": read_antimony("model a; k = 1; end")})


def test_a_unit_that_begins_with_one_is_a_unit_to_convert_to() -> None:
    fast = read_antimony("model a(k)\n // @output k\n unit time_unit = 3600 second; unit h = 1/(3600 second)\n"
                         "k := 3 h; k has h; end")  # fmt: skip
    slow = read_antimony("model b(q)\n // @input q\n unit time_unit = 3600 second; unit d = 1/(86400 second)\n"
                         "q = 0; q has d; end")  # fmt: skip
    model = compose("both", {"a": fast, "b": slow}, connect={"b.q": "a.k"}, convert={"b.q": "1/day"})
    assert model.symbols.loc["b.q", "value"] == pytest.approx(72.0)
