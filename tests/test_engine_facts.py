"""Engine facts A: what Antimony and libSBML make of composed models, measured without this package."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from children import ENGINES, child
from facts import ant_comp, ant_error, ant_flat, document, flattened, pin, rr

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

ONE = "model one() species A; A = 1; J: A -> ; A; end\n"
TWO = "model two(x) species C; C = 7; J: C -> ; x*C; x = 1; end\n"


def parameter(sbml: str, name: str) -> float:
    found = document(sbml).getModel().getParameter(name)
    return float(found.getValue()) if found is not None else float("nan")


def species_ids(sbml: str) -> list[str]:
    return [s.getId() for s in document(sbml).getModel().getListOfSpecies()]


def test_A1_colliding_instance_names():
    """Instances a (b_c) and a_b (c) both flatten to a_b_c with success; RR then dies. The suite joins with `__`."""
    text = "model one() b_c = 1; end\nmodel two() c = 2; end\nmodel main() a: one(); a_b: two(); end"
    sbml = ant_flat(text)
    pin(sbml.count('id="a_b_c"') == 2, "A1: Antimony reported success with a duplicate id in its SBML")
    found = document(sbml)
    pin(found.checkConsistency() > 0, "A1: libSBML's identifier check found the duplicate")
    seen = child(f"""
        try:
            rr({sbml!r})
        except Exception:
            say("refused")
        else:
            say("loaded")
    """, after=ENGINES)  # fmt: skip
    pin(seen.crashed or seen.out == "refused", "A1: RR crashed on, or refused, the duplicate id")


def test_A2_equal_units_clash_until_synchronised():
    """`A.k is B.k` fails although both units are equal, until `A.u is B.u`. The suite synchronises units first."""
    part = "model {}() unit u = 1/second; k = 1; k has u; end\n"
    parts = part.format("one") + part.format("two")
    error = ant_error(parts + "model main() A: one(); B: two(); A.k is B.k; end")
    pin("units of the first" in error, "A2: equal units of two modules were refused as incompatible")
    sbml = ant_flat(parts + "model main() A: one(); B: two(); A.u is B.u; A.k is B.k; end")
    pin(parameter(sbml, "B_k") == 1, "A2: synchronising the units first made the join work")


def test_A3_joined_values_the_right_hand_one_wins():
    """Joined values differ: the right one wins silently, a unit only relabels. The suite refuses such a join."""
    parts = "model one() unit u = 1/second; k = 1 u; end\nmodel two() k = 2; end\n"
    model = document(ant_flat(parts + "model main() A: one(); B: two(); A.k is B.k; end")).getModel()
    pin(model.getNumParameters() == 1, "A3: one parameter survived the join")
    pin(model.getParameter(0).getValue() == 2, "A3: the right-hand value won")
    pin(model.getParameter(0).getUnits() == "A_u", "A3: the left-hand unit relabelled the right-hand value")


def test_A4_time_units_are_not_compared():
    """Modules in hours and in minutes compose without a warning. The suite compares the units of all parts."""
    import antimony

    part = "model {}() unit time_unit = {} second; species S; S = 1; J: S -> ; k*S; k = 1; end\n"
    parts = part.format("one", 3600) + part.format("two", 60)
    sbml = ant_flat(parts + "model main() A: one(); B: two(); end")
    pin(not antimony.getWarnings(), "A4: Antimony gave no warning")
    result = rr(sbml).simulate(0, 1, 2)
    pin(abs(result[-1, 1] - result[-1, 2]) < 1e-12, "A4: a rate of 1 per hour and 1 per minute decayed alike")


def test_A5_argument_with_a_unit_is_ignored():
    """A formal argument that carries a unit is ignored, the module's default used. The suite verifies every join."""
    plain = "model one(k) k = 1; end\nmodel main() kk = 5; a: one(kk); end"
    pin("a_k" not in ant_flat(plain), "A5: without units the argument is one symbol with the module's")
    with_unit = (
        "model one(k) unit u = 1/second; S = 1; J: S -> ; k*S; k = 1; k has u; end\n"
        "model main() unit u = 1/second; kk = 5; kk has u; a: one(kk); end"
    )
    sbml = ant_flat(with_unit)
    pin(parameter(sbml, "a_k") == 1, "A5: the module kept its own default")
    pin(parameter(sbml, "kk") == 5, "A5: the argument was left unconnected")


def test_A6_species_of_different_compartments_join():
    """Species of compartments of 2 and 5 join, and one volume stops mattering. The suite refuses the join."""
    part = "model {}() compartment V = {}; species S in V; S = 1; J: S -> ; k*S; k = 1; end\n"
    parts = part.format("one", 2) + part.format("two", 5)
    sbml = ant_flat(parts + "model main() A: one(); B: two(); A.S is B.S; end")
    model = document(sbml).getModel()
    pin(species_ids(sbml) == ["B_S"], "A6: the two species became one")
    pin(model.getSpecies("B_S").getCompartment() == "B_V", "A6: it lives in the right-hand compartment")
    runner = rr(sbml)
    before = runner.simulate(0, 1, 2)[-1, 1]
    runner = rr(sbml.replace('id="A_V" spatialDimensions="3" size="2"', 'id="A_V" spatialDimensions="3" size="99"'))
    pin(runner.model["A_V"] == 99, "A6: the other volume was changed")
    pin(runner.simulate(0, 1, 2)[-1, 1] == before, "A6: the other compartment's volume did not matter")


def test_A7_parameter_override_is_lost_in_comp():
    """`tgt.kon = 2` is right in the flat export and lost in comp. The suite proves flat = flattened comp."""
    text = "model one() kon = 1; S = 1; J: S -> ; kon*S; end\nmodel main() tgt: one(); tgt.kon = 2; end"
    pin(parameter(ant_flat(text), "tgt_kon") == 2, "A7: the flat export has the override")
    code, sbml = flattened(ant_comp(text))
    pin(code == 0, "A7: libSBML flattened the comp export")
    pin(parameter(sbml, "tgt__kon") == 1, "A7: the comp export lost the override")


def test_A8_join_between_submodels_is_lost_in_comp():
    """`p.A is d.C` is lost in comp and d.C's own value wins in flat. The suite proves flat = flattened comp."""
    text = ONE + TWO + "model main() p: one(); d: two(); p.A is d.C; end"
    flat = document(ant_flat(text)).getModel()
    pin(flat.getNumSpecies() == 1, "A8: the flat export joined the species")
    pin(flat.getSpecies(0).getInitialConcentration() == 7, "A8: the initial value of d.C won")
    code, sbml = flattened(ant_comp(text))
    pin(code == 0, "A8: libSBML flattened the comp export")
    pin(species_ids(sbml) == ["p__A", "d__C"], "A8: the comp export lost the join")
    owned = ONE + TWO + "model main() species T; T = 3; p: one(); d: two(); p.A is T; d.C is T; end"
    pin(species_ids(flattened(ant_comp(owned))[1]) == ["T"], "A8: a top-level owner keeps the join")


def test_A9_species_driving_an_input():
    """`x := p.A` into an input fails in the flattener; `d.x := p.A` loses the rule. The suite proves or refuses."""
    driven = ONE + TWO + "model main() p: one(); d: two(x); x := p.A; end"
    error = ant_error(driven)
    pin("flatten" in error, "A9: the flattener refused a rule on a submodel's species")
    inner = ONE + TWO + "model main() p: one(); d: two(); d.x := p.A; end"
    pin(document(ant_flat(inner)).getModel().getNumRules() == 1, "A9: the flat export has the rule")
    code, sbml = flattened(ant_comp(inner))
    pin(code == 0, "A9: libSBML flattened the comp export")
    pin(document(sbml).getModel().getNumRules() == 0, "A9: the comp export lost the rule")
    owned = ONE + TWO + "model main() species T; T = 1; p: one(); p.A is T; d: two(x); x := T; end"
    pin(document(flattened(ant_comp(owned))[1]).getModel().getNumRules() == 1, "A9: a top-level owner keeps the rule")


def test_A10_comp_from_a_string_is_not_flattened(tmp_path: Path):
    """RR given comp text has no species, given the file it has them. The suite hands over flat text only."""
    comp = ant_comp(ONE + TWO + "model main() p: one(); d: two(); end")
    runner = rr(comp)
    pin(runner.model.getNumFloatingSpecies() == 0, "A10: comp from a string gave no species")
    pin(runner.model.getNumReactions() == 0, "A10: comp from a string gave no reactions, and no error")
    path = tmp_path / "comp.xml"
    path.write_text(comp)
    import roadrunner

    runner = roadrunner.RoadRunner(str(path))
    pin(runner.model.getNumFloatingSpecies() == 2, "A10: comp from a file was flattened")
    undriven = ONE + "model main() species T; T = 1; p: one(); p.A is T; end"
    runner = rr(ant_comp(undriven))
    pin(runner.simulate(0, 1, 2)[-1, 1] == 1, "A10: a species driven by a submodel stood still, without a word")


COMP = "http://www.sbml.org/sbml/level3/version1/comp/version1"
CORE = "http://www.sbml.org/sbml/level3/version1/core"
HEAD = f'<?xml version="1.0" encoding="UTF-8"?><sbml xmlns="{CORE}" level="3" version="1"'
OUTER = (
    f'{HEAD} xmlns:comp="{COMP}" comp:required="true"><model id="m"><comp:listOfSubmodels>'
    '<comp:submodel comp:id="a" comp:modelRef="e"/></comp:listOfSubmodels></model>'
    '<comp:listOfExternalModelDefinitions><comp:externalModelDefinition comp:id="e" comp:source="{}"/>'
    "</comp:listOfExternalModelDefinitions></sbml>"
)
INNER = (
    f'{HEAD}><model id="i"><listOfParameters><parameter id="k" value="42" constant="true"/></listOfParameters>'
    "</model></sbml>"
)


def test_A11_external_definitions_read_any_path(tmp_path: Path):
    """A comp ExternalModelDefinition reads any file named. The suite refuses references to other files."""
    (tmp_path / "inner.xml").write_text(INNER)
    (tmp_path / "sub").mkdir()
    outer = tmp_path / "sub" / "outer.xml"
    outer.write_text(OUTER.format("../inner.xml"))
    import roadrunner

    runner = roadrunner.RoadRunner(str(outer))
    pin(runner.model["a__k"] == 42, "A11: RR read a file outside the folder of the model")


def test_A11_imports_read_any_path(tmp_path: Path):
    """Antimony's `import` reads any path, by name from inside the text. The suite resolves imports itself."""
    secret = tmp_path / "secret.ant"
    secret.write_text("model inner() k = 42; end\n")
    pin("42" in ant_flat(f'import "{secret}"\nmodel main() a: inner(); end'), "A11: an absolute import was read")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes on this system")
def test_A11_import_of_a_pipe_hangs(tmp_path: Path):
    """Antimony's `import` of a named pipe hangs. The suite opens regular files only."""
    os.mkfifo(tmp_path / "pipe.ant")
    seen = child("ant_error('import \"pipe.ant\"\\nmodel main() a: inner(); end')", timeout=2, cwd=tmp_path)
    pin(seen.hung, "A11: the import of a named pipe waited for ever")


def test_A11_doubling_instances():
    """Instances double with each line of text, at the full cost. The suite caps the number of instances."""
    text = "model m0() k = 1; end\n" + "".join(f"model m{i}() a: m{i - 1}(); b: m{i - 1}(); end\n" for i in range(1, 8))
    pin(document(ant_flat(text)).getModel().getNumParameters() == 2**7, "A11: seven lines made 128 parameters")
