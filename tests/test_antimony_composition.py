"""Antimony text that composes: right, or refused with a reason; one test per measured engine fact A1 to A11."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from sbmlqsp.antimony_composition import compose_text, is_composition
from sbmlqsp.engine import antimony, libsbml
from sbmlqsp.engine.libsbml_extract import extract
from sbmlqsp.errors import CompositionError, ModelError, QSPError
from sbmlqsp.reading import read_antimony

if TYPE_CHECKING:
    from sbmlqsp.model import Model

MODELS = Path(__file__).resolve().parents[1] / "models"

PK = """model pkm(C, V, CL)
  // @input CL
  // @output C, V
  compartment V = 2; species C in V; C = 10; CL = 0.5; elim: C -> ; CL*C;
end
"""
PD = """model pdm(Cp, E)
  // @input Cp
  // @output E
  Cp = 1; EC50 = 3; E := Cp/(EC50 + Cp);
end
"""


def compose(text: str) -> Model:
    return compose_text(text, where="the test", folder=None)


def run(sbml: str, end: float = 5.0) -> dict[str, np.ndarray]:
    import roadrunner

    r = roadrunner.RoadRunner(sbml)
    r.integrator.relative_tolerance, r.integrator.absolute_tolerance = 1e-11, 1e-14
    ids = [*r.model.getFloatingSpeciesIds(), *r.model.getGlobalParameterIds()]
    found = np.array(r.simulate(0, end, 11, ["time", *ids]))
    return dict(zip(["time", *ids], found.T, strict=True))


def agrees_with_antimony(text: str, names: dict[str, str]) -> None:
    """Compare with Antimony's own flat translation, where that is right."""
    ours, theirs = run(compose(text).sbml), run(antimony.to_sbml(text))
    for mine, other in names.items():
        np.testing.assert_allclose(ours[mine], theirs[other], rtol=1e-8, atol=1e-12, err_msg=mine)


# ------------------------------------------------------------------------------------------------------- what works
def test_what_is_a_composition() -> None:
    assert is_composition('import "x.ant"\nmodel m() end')
    assert is_composition(f"{PK} model s(); a: pkm(); end")
    assert not is_composition(PK)
    assert not is_composition('model m(); // import "x.ant"\n k = 1; x is "a: m()"; end')
    assert read_antimony(f"{PK} model s(); a: pkm(); end").symbol("a.C").value == 10.0


def test_instances_connections_values_and_deletions() -> None:
    model = compose(f"{PK}{PD} model s(); pk: pkm(); pd: pdm(); pd.Cp is pk.C; pk.CL = 0.25; pd.EC50 = 5; end")
    assert str(model.network.assignment_rules["pd__E"]) == "pk__C/(pd__EC50 + pk__C)"
    assert (model.symbol("pk.CL").value, model.symbol("pd.EC50").value) == (0.25, 5.0)
    without = compose(f"{PK}{PD} model s(); pk: pkm(); pd: pdm(); pd.Cp is pk.C; delete pk.elim; end")
    assert not without.network.reactions


def test_it_agrees_with_antimony_where_antimony_is_right() -> None:
    text = f"""{PK}{PD} model s()
      pk: pkm(); pd: pdm(); pd.Cp is pk.C
      compartment V; pk.V is V; V = 4
      species D in V; D = 3; in_: D -> pk.C; 0.7*D*V
      total := pk.C + D
      at (time > 2): D = D + pk.C/2
      z = 1; z' = pk.C - z
    end"""
    agrees_with_antimony(text, {"pk__C": "pk_C", "D": "D", "total": "total", "z": "z", "pd__E": "pd_E"})
    model = compose(text)
    assert model.symbol("V").value == 4.0
    assert {s.compartment for s in model.network.species} == {"V"}


def test_the_top_level_may_set_an_input_by_a_rule() -> None:
    text = f"{PK}{PD} model s(); pk: pkm(); pd: pdm(); pd.Cp := 2*pk.C + 1; pk.CL = 0.1*f; f = 3; end"
    agrees_with_antimony(text, {"pd__E": "pd_E", "pk__C": "pk_C", "pd__Cp": "pd_Cp"})
    model = compose(text)
    assert str(model.network.initial_assignments["pk__CL"]) == "0.1*f"
    assert model.symbol("pd.Cp").constant is False
    constant = compose(f"{PK} model s(); pk: pkm(); pk.CL := 3; end")
    assert str(constant.network.assignment_rules["pk__CL"]) == "3"


def test_a_value_with_a_unit_is_converted() -> None:
    a = "model am(k); unit per_h = 1/(3600 second); k = 2 per_h; x := k; x has per_h; end "
    text = f"{a} model s(); unit per_min = 1/(60 second); unit m = 1 metre; a: am(); a.k = 0.5 %s; end"
    model = compose(text % "per_min")
    assert model.symbol("a.k").value == pytest.approx(30.0)
    assert model.symbol("a.k").unit.label == "1/h"
    with pytest.raises(CompositionError, match=r"cannot be set in 'm'"):
        compose(text % "m")
    with pytest.raises(QSPError, match=r"not a plain number|SBML is invalid"):
        compose(f"{PK} model s(); unit m = 1 metre; pk: pkm(); pk.C = 3 m; end")


def test_a_rule_feeds_from_right_to_left_only() -> None:
    with pytest.raises(CompositionError, match=r"'pd.E' is an output and cannot be fed"):
        compose(f"{PK}{PD} model s(); pk: pkm(); pd: pdm(); pd.E := pk.CL; end")


def test_setting_what_the_top_level_owns_is_refused() -> None:
    with pytest.raises(CompositionError, match=r"'pk.V' is fed by 'V', so setting it has no effect"):
        compose(f"{PK} model s(); pk: pkm(); compartment V = 3; pk.V is V; pk.V = 4; end")


def test_compartments_of_the_top_level_must_hold_its_species() -> None:
    text = f"{PK} model s(); pk: pkm(); compartment W = 2; species C in W; C = 1; pk.C is C; %s end"
    with pytest.raises(CompositionError, match=r"different compartments.*'pk.V is W'"):
        compose(text % "")
    model = compose(text % "pk.V is W;")
    assert (model.symbol("C").value, model.symbol("C").compartment) == (1.0, "W")


def test_arguments_are_connections() -> None:
    model = compose(f"{PK}{PD} model s(k, Conc); k = 0.9; pk: pkm(Conc, W, k); pd: pdm(Conc); end")
    assert {"k", "Conc", "W"} <= set(model.network.symbols)
    assert str(model.network.assignment_rules["pd__E"]) == "Conc/(pd__EC50 + Conc)"
    assert model.symbol("k").value == 0.9
    assert model.symbol("Conc").compartment == "W"
    assert [(p.id, p.direction) for p in model.ports][:2] == [("k", "input"), ("Conc", "output")]


def test_constants_of_two_parts_can_be_one() -> None:
    a = "model am(k); k = 2; x = 1; x' = -k*x; end "
    model = compose(f"{a} model s(); p: am(); q: am(); p.k is q.k; q.k = 3; end")
    assert model.symbol("q.k").value == 3.0
    assert str(model.network.rate_rules["p__x"]) == "-q__k*p__x"


def test_nested_compositions_and_functions() -> None:
    text = f"""function hill(x, k) x/(k + x); end
      {PK} model effm(Cp, E); Cp = 1; E := hill(Cp, 3); end
      model inner(C); pk: pkm(); pk.C is C; end
      model outer(); sys: inner(); e: effm(); e.Cp is sys.C; end"""
    model = compose(text)
    assert str(model.network.assignment_rules["e__E"]) == "sys__C/(3 + sys__C)"
    assert model.symbol("sys.pk.CL").value == 0.5
    assert model.sbml_comp is not None


def test_the_starred_model_is_the_main_one() -> None:
    assert compose(f"{PK} model *s(); a: pkm(); end model t(); b: pkm(); c: pkm(); end").id == "s"


@pytest.mark.parametrize("name", ["theophylline", "mab_tmdd"])
def test_library_systems_compose(name: str) -> None:
    model = read_antimony(MODELS / "systems" / name / f"{name}.ant")
    assert model.sbml_comp is not None
    assert not [p for p in libsbml.problems(libsbml.parse(model.sbml), units=True) if p[0] == "error"]


# ------------------------------------------------------------------------------------------------ facts A1 to A11
def test_a1_instance_names_cannot_make_two_symbols_one() -> None:
    a, b = "model am(); b_c = 1; end ", "model bm(); c = 2; end "
    with pytest.raises(CompositionError, match=r"name of an instance"):
        compose(f"{a}{b} model s(); a: am(); a_b: bm(); end")
    with pytest.raises(CompositionError, match=r"looks like the flat id"):
        compose(f"{a} model s(); a: am(); a__b_c = 3; end")


def test_a2_joined_units_of_equal_value_agree() -> None:
    unit = "unit mine = 1e-9 mole/litre"
    a = f"model am(k); {unit}; k = 2 mine; x := 2*k; x has mine; end "
    b = "model bm(k); unit nM = 1e-9 mole/litre; k = 2 nM; y := 3*k; y has nM; end "
    model = compose(f"{a}{b} model s(); a: am(); b: bm(); a.k is b.k; end")
    assert model.symbol("b.k").unit.equivalent(extract(model.sbml).symbols["a__x"].unit)
    assert "a__k" not in model.network.symbols


def test_a3_joined_values_and_units_that_differ_are_refused() -> None:
    a, b = "model am(k); k = 2; x := k; end ", "model bm(k); k = 3; y := k; end "
    with pytest.raises(CompositionError, match=r"is 2.*is 3|is 3.*is 2"):
        compose(f"{a}{b} model s(); a: am(); b: bm(); a.k is b.k; end")
    c = "model cm(k); unit h = 3600 second; k = 2 h; y := k; y has h; end "
    with pytest.raises(CompositionError, match=r"declares no unit"):
        compose(f"{a}{c} model s(); a: am(); c: cm(); a.k is c.k; end")


def test_a4_units_of_time_must_agree() -> None:
    a = "model am(); unit time_unit = 3600 second; x = 1; x' = -x; end "
    b = "model bm(); unit time_unit = 60 second; x = 1; x' = -x; end "
    with pytest.raises(CompositionError, match=r"unit of time: h in 'a' and min in 'b'"):
        compose(f"{a}{b} model s(); a: am(); b: bm(); end")
    with pytest.raises(CompositionError, match=r"unit of time: day in 's' and h in 'a'"):
        compose(f"{a} model s(); unit time_unit = 86400 second; a: am(); end")


def test_a5_an_argument_with_a_unit_is_used() -> None:
    a = "model am(k); unit h = 3600 second; k = 2 h; x := 2*k; x has h; end "
    model = compose(f"{a} model s(); unit h = 3600 second; t = 5 h; a: am(t); end")
    assert model.symbol("t").value == 5.0
    assert str(model.network.assignment_rules["a__x"]) == "2*t"


def test_a6_species_of_different_compartments_do_not_join() -> None:
    b = "model bm(C, W) %s\n compartment W = 2; species C in W; C = 0; R = 1; J: C -> ; C*R/(C + 1); end "
    text = f"{PK}{b} model s(); pk: pkm(); b: bm(); b.C is pk.C; %s end"
    with pytest.raises(CompositionError, match=r"'b.C' is an output and cannot be fed.*'// @input C' in its model"):
        compose(text % ("", ""))
    ports = "\n// @input C, W"
    with pytest.raises(CompositionError, match=r"different compartments.*'b.W is pk.V'"):
        compose(text % (ports, ""))
    with pytest.raises(CompositionError, match=r"'b.W' is 7 and 'pk.V' is 2"):
        compose(text.replace("W = 2", "W = 7") % (ports, "b.W is pk.V;"))
    model = compose(text % (ports, "b.W is pk.V;"))
    assert model.symbol("pk.C").compartment == "pk__V"
    assert set(model.network.stoichiometry["pk__C"]) == {"pk__elim", "b__J"}


def test_a7_an_override_is_in_both_forms() -> None:
    model = compose(f"{PK} model s(); tgt: pkm(); tgt.CL = 2; end")
    assert model.sbml_comp is not None
    assert extract(libsbml.flatten(model.sbml_comp)).symbols["tgt__CL"].value == 2.0
    assert model.symbol("tgt.CL").value == 2.0


def test_a8_a_join_between_submodels_is_in_both_forms() -> None:
    b = "model bm(C, W)\n// @input C, W\n compartment W = 2; species C in W; C = 99; J: C -> ; C/(C + 1); end "
    model = compose(f"{PK}{b} model s(); pk: pkm(); b: bm(); b.C is pk.C; b.W is pk.V; end")
    assert model.sbml_comp is not None
    again = extract(libsbml.flatten(model.sbml_comp))
    assert again.symbols["C_of_pk"].value == model.symbol("pk.C").value == 10.0
    assert len(again.reactions) == 2
    assert all(p.species == "C_of_pk" for r in again.reactions.values() for p in r.reactants)


def test_a9_a_rule_that_feeds_an_input_is_a_connection() -> None:
    model = compose(f"{PK}{PD} model s(); pk: pkm(); pd: pdm(); pd.Cp := pk.C; end")
    assert str(model.network.assignment_rules["pd__E"]) == "pk__C/(pd__EC50 + pk__C)"
    assert model.sbml_comp is not None
    libsbml.flatten(model.sbml_comp)


def test_a10_the_text_to_run_is_flat() -> None:
    model = compose(f"{PK} model s(); pk: pkm(); end")
    assert "comp:" not in model.sbml
    assert run(model.sbml)["pk__C"][0] == 20.0  # an amount: 10 in a volume of 2


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "pk.ant").write_text(PK)
    (tmp_path / "parts" / "pd.ant").write_text(PD)
    return tmp_path


def system(folder: Path, text: str, name: str = "s.ant") -> Path:
    (folder / name).write_text(text)
    return folder / name


def test_imports_of_files_beside_or_below(project: Path) -> None:
    text = 'import "parts/pk.ant"\nimport "parts/pd.ant"\nmodel s(); pk: pkm(); pd: pdm(); pd.Cp is pk.C; end'
    assert read_antimony(system(project, text)).symbol("pk.C").value == 10.0
    diamond = 'import "parts/pk.ant"\nimport "t.ant"\nmodel s(); pk: pkm(); t: tm(); end'
    system(project, 'import "parts/pk.ant"\nmodel tm(); x: pkm(); end', "t.ant")
    assert read_antimony(system(project, diamond)).symbol("t.x.C").value == 10.0


def test_imports_of_the_library_by_text_alone() -> None:
    model = compose('import "modules/pk/one_compartment.ant"\nmodel s(); pk: one_compartment(); end')
    assert model.symbol("pk.CL").unit is not None


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("/etc/passwd.ant", "names no file beside it"),
        ("http://example.org/x.ant", "names no file beside it"),
        ("../secret.ant", "leads outside"),
        ("parts/../../secret.ant", "leads outside"),
        ("parts/pk.xml", "is not an Antimony"),
        ("parts/none.ant", "does not exist"),
        ("parts", "is not an Antimony"),
        ("folder.ant", "is not a regular file"),
        ("link.ant", "leads outside"),
        ("fifo.ant", "is not a regular file"),
    ],
)
def test_a11_imports_from_elsewhere_are_refused(project: Path, name: str, message: str) -> None:
    inner = project / "inner"
    shutil.copytree(project / "parts", inner / "parts")
    (project / "secret.ant").write_text(PK)
    (inner / "folder.ant").mkdir()
    (inner / "link.ant").symlink_to(project / "secret.ant")
    os.mkfifo(inner / "fifo.ant")
    with pytest.raises(CompositionError, match=message):
        read_antimony(system(inner, f'import "{name}"\nmodel s(); pk: pkm(); end'))


def test_a11_circles_and_floods_are_refused(project: Path) -> None:
    system(project, 'import "b.ant"\nmodel am(); k = 1; end', "a.ant")
    system(project, 'import "a.ant"\nmodel bm(); k = 1; end', "b.ant")
    with pytest.raises(CompositionError, match=r"circle: a.ant → b.ant → a.ant"):
        read_antimony(project / "a.ant")
    with pytest.raises(CompositionError, match=r"part of itself: s → t → s"):
        compose("model t(); a: s(); end model s(); b: t(); end")
    doubling = "model m0(); k = 1; end " + " ".join(
        f"model m{i}(); a: m{i - 1}(); b: m{i - 1}(); end" for i in range(1, 40)
    )
    with pytest.raises(CompositionError, match=r"too many instances"):
        compose(doubling)


# ------------------------------------------------------------------------------------------------------- refusals
@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("pk.C has nM", "not carried over exactly"),
        ("const pk.CL", "not carried over exactly"),
        ('pk.C is "drug"', "not carried over exactly"),
        ("pd.Cp*2 is pk.C", "not carried over exactly"),
        ("x2: pkm(), timeconv=60", "conversion factor"),
        ("pk: pdm()", "Two instances are called 'pk'"),
        ("xx: nothere()", "no model 'nothere'.*Known|no model 'nothere'"),
        ("xx: pkm(a, b, c, d)", "gives 4 arguments"),
        ("xx: pkm(2)", "not a symbol"),
        ("pp.Cp is pk.C", "names a part 'pp', which there is not"),
        ("pd.EC50 is pk.C", "'EC50' is not a port"),
        ("pd.Cp is pk.Cq", "'Cq' does not exist"),
        ("pd.E is pk.C", "is an output|cannot be shared"),
        ("pk.CLL = 3", "no symbol 'CLL'"),
        ("delete pk.elm", "nothing called"),
        ("z := pk.zz", "'pk.zz' does not exist"),
        ("z := pk.elim", "is a reaction"),
        ("pd.E := 3*pk.C", "set by an assignment rule of its own part"),
        ("pd.Cp is pk.C; pd.Cp := 3*time", "is fed by 'pk.C' and set by"),
        ("pd.Cp is q; q := 1; pd.Cp is pk.C", "both shared and fed|joined twice"),
        ("pk.C is q; q := 1", "set by the top level|cannot be"),
    ],
)
def test_refused_statements(statement: str, message: str) -> None:
    with pytest.raises(QSPError, match=message):
        compose(f"{PK}{PD} model s(); pk: pkm(); pd: pdm(); {statement}; end")


def test_statements_outside_of_a_model_are_refused() -> None:
    with pytest.raises(CompositionError, match=r"outside of any model.*'model id"):
        compose(f"{PK} pk: pkm();")
    with pytest.raises(CompositionError, match=r"has no 'end'"):
        compose("model s(); pk: pkm();")


def test_two_models_of_one_name_are_refused() -> None:
    with pytest.raises(CompositionError, match=r"two models are called 'pkm'|Two models"):
        compose(f"{PK}{PK} model s(); a: pkm(); end")


def test_syntax_errors_keep_antimonys_message() -> None:
    with pytest.raises(ModelError, match=r"cannot be read.*line"):
        compose(f"{PK} model s(); a: pkm(); x := a.C + ; end")


def test_the_top_level_keeps_its_terms_notes_and_references() -> None:
    model = compose(
        f"""{PK} model s()
          model notes "What it is for."
          model description "https://doi.org/10.1000/x"
          WT = 70
          WT.sboTerm = 2
          WT is "weight"
          a: pkm()
        end"""
    )
    for text in (model.sbml, model.sbml_comp):
        assert 'sboTerm="SBO:0000002"' in text
        assert "What it is for." in text
        assert "https://doi.org/10.1000/x" in text


def test_a_term_inside_a_part_is_the_parts_own_business() -> None:
    with pytest.raises(CompositionError, match=r"no symbol 'C\.sboTerm'"):
        compose(f"{PK} model s(); a: pkm(); a.C.sboTerm = 2; end")
