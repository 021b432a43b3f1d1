"""Models to SBML, Antimony and RoadRunner: the same model, or a refusal that says what would be lost."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import types
from pathlib import Path

import libsbml
import pytest

import sbmlqsp as qsp
from sbmlqsp.equivalence import differences
from sbmlqsp.exchange.antimony import write_antimony
from sbmlqsp.exchange.sbml import write_sbml
from sbmlqsp.exchange.tellurium import from_roadrunner, to_roadrunner, to_tellurium
from sbmlqsp.exchange.wording import plain_words

MODELS = Path(__file__).resolve().parents[1] / "models"
LIBRARY = [*sorted(MODELS.glob("modules/*/*.ant")), *sorted(MODELS.glob("systems/*/*.ant"))]
# Of the modules every sixth: all of them go through both forms in the checks of the library.
SOME = [*sorted(MODELS.glob("modules/*/*.ant"))[::6], *sorted(MODELS.glob("systems/*/*.ant"))]
DECAY = "model decay(k, S); species S; S = 10; J: S -> ; k*S; k = 0.1; end"
MATH = 'xmlns="http://www.w3.org/1998/Math/MathML"'
BOX = '<listOfCompartments><compartment id="c" size="2" spatialDimensions="3" constant="true"/></listOfCompartments>'


def sbml(body, attributes=""):
    return (
        '<?xml version="1.0" encoding="UTF-8"?><sbml xmlns="http://www.sbml.org/sbml/level3/version2/core" level="3" '
        f'version="2"><model id="m" {attributes}>{body}</model></sbml>'
    )


def species(*names, extra=""):
    rows = "".join(
        f'<species id="{n}" compartment="c" initialAmount="1" hasOnlySubstanceUnits="false" '
        f'boundaryCondition="false" constant="false" {extra}/>'
        for n in names
    )
    return f"{BOX}<listOfSpecies>{rows}</listOfSpecies>"


def parameters(*names):
    rows = "".join(f'<parameter id="{n}" value="0.123456789012345" constant="true"/>' for n in names)
    return f"<listOfParameters>{rows}</listOfParameters>"


def reaction(stoichiometry='stoichiometry="1" constant="true"', law="<ci>k</ci>", modifiers=""):
    return sbml(
        species("S", "E")
        + parameters("k")
        + '<listOfReactions><reaction id="J" reversible="false"><listOfReactants>'
        + f'<speciesReference species="S" {stoichiometry}/></listOfReactants>{modifiers}'
        + f"<kineticLaw><math {MATH}>{law}</math></kineticLaw></reaction></listOfReactions>"
    )


def event(attributes='useValuesFromTriggerTime="true"', trigger='initialValue="true" persistent="true"', more=""):
    return sbml(
        species("S")
        + f'<listOfEvents><event id="e1" {attributes}><trigger {trigger}><math {MATH}><apply><gt/><ci>S</ci>'
        + f'<cn>2</cn></apply></math></trigger>{more}<listOfEventAssignments><eventAssignment variable="S">'
        + f"<math {MATH}>"
        + "<cn>1</cn></math></eventAssignment></listOfEventAssignments></event></listOfEvents>"
    )


# ------------------------------------------------------------------------------------------------------------- SBML
@pytest.mark.parametrize("path", SOME, ids=lambda p: p.stem)
def test_flat_sbml_reads_back_as_the_same_model(path):
    model = qsp.read_antimony(path)
    back = qsp.read_sbml(write_sbml(model))
    assert list(differences(model.network, back.network)) == []
    assert dict(back.directions) == dict(model.directions)


def test_the_same_model_gives_the_same_bytes():
    assert write_sbml(qsp.read_antimony(DECAY)) == write_sbml(qsp.read_antimony(DECAY))


@pytest.mark.parametrize("path", [p for p in LIBRARY if "systems" in p.parts], ids=lambda p: p.stem)
def test_a_composed_model_also_has_a_hierarchical_form(path):
    model = qsp.read_antimony(path)
    text = write_sbml(model, form="comp")
    assert "listOfSubmodels" in text
    assert list(differences(model.network, qsp.read_sbml(text).network)) == []
    document = libsbml.readSBMLFromString(text)
    document.checkConsistency()
    errors = [document.getError(i) for i in range(document.getNumErrors())]
    assert [e.getMessage() for e in errors if e.getSeverity() >= libsbml.LIBSBML_SEV_ERROR] == []


def test_a_model_that_is_not_composed_has_none():
    with pytest.raises(qsp.ModelError, match=r"not composed.*form='flat'"):
        write_sbml(qsp.read_antimony(DECAY), form="comp")


def test_an_unknown_form_is_refused():
    with pytest.raises(qsp.ModelError, match="'flat' or 'comp'"):
        write_sbml(qsp.read_antimony(DECAY), form="hierarchical")


@pytest.mark.parametrize("write", [write_sbml, write_antimony])
def test_a_file_is_written_whole_and_holds_the_text(tmp_path, write):
    path = tmp_path / "decay.txt"
    path.write_text("old")
    text = write(qsp.read_antimony(DECAY), path)
    assert path.read_text() == text
    assert [p.name for p in tmp_path.iterdir()] == ["decay.txt"]
    with pytest.raises(qsp.DataError, match="no folder"):
        write(qsp.read_antimony(DECAY), tmp_path / "none" / "decay.txt")
    with pytest.raises(qsp.DataError, match="is a folder"):
        write(qsp.read_antimony(DECAY), tmp_path)


# --------------------------------------------------------------------------------------------------------- Antimony
@pytest.mark.parametrize("path", SOME, ids=lambda p: p.stem)
def test_antimony_reads_back_as_the_same_model(path):
    model = qsp.read_antimony(path)
    back = qsp.read_antimony(write_antimony(model))
    assert list(differences(model.network, back.network)) == []
    assert dict(back.directions) == dict(model.directions)
    assert back.id == model.id


SAME = {
    "double underscores": sbml(species("S__1", "S_1", "sub__x") + parameters("a__b__c")),
    "fifteen digits": sbml(parameters("a")),
    "no value": sbml('<listOfParameters><parameter id="a" constant="true"/></listOfParameters>'),
    "infinite and tiny": sbml(
        '<listOfParameters><parameter id="a" value="INF" constant="false"/><parameter id="b" value="-1.5e-300" '
        'constant="true"/></listOfParameters>'
    ),
    "a conversion factor": sbml(species("S", extra='conversionFactor="f"') + parameters("f")),
    "the model's conversion factor": sbml(species("S") + parameters("f"), 'conversionFactor="f"'),
    "a third of a molecule": reaction('stoichiometry="0.333333333333333" constant="true"'),
    "e-notation": reaction(law='<cn type="e-notation">1.2345<sep/>-7</cn>'),
    "logic": reaction(
        law="<piecewise><piece><ci>k</ci><apply><and/><apply><lt/><ci>k</ci><cn>1</cn></apply><true/></apply></piece>"
        "</piecewise>"
    ),
    "an event": event(more=f"<priority><math {MATH}><cn>3</cn></math></priority>"),
    "an event without id": event().replace('id="e1"', ""),
    "an event from trigger": event('useValuesFromTriggerTime="false"', 'initialValue="false" persistent="false"'),
}


@pytest.mark.parametrize("name", SAME)
def test_what_antimony_can_say_is_said_to_the_last_digit(name):
    model = qsp.read_sbml(SAME[name])
    back = qsp.read_antimony(write_antimony(model))
    assert [s.value for s in model.network.symbols.values() if s.value == s.value] == [
        back.network.symbols[s].value for s, v in model.network.symbols.items() if v.value == v.value
    ]
    stoichiometries = [[p.stoichiometry for p in r.reactants] for r in model.network.reactions.values()]
    assert stoichiometries == [[p.stoichiometry for p in r.reactants] for r in back.network.reactions.values()]
    assert set(model.network.symbols) == set(back.network.symbols)
    assert len(model.network.events) == len(back.network.events)


LOST = {
    "a reserved id": (sbml(parameters("species")), r"'species'.*rename"),
    "another reserved id": (sbml(parameters("after")), "read back"),
    "a surface": (sbml(BOX.replace('"3"', '"2"')), "'dimensions' of the symbol 'c'"),
    "a power of a power": (
        reaction(law="<apply><power/><apply><power/><ci>k</ci><cn>2</cn></apply><cn>3</cn></apply>"),
        r"\(k\^2\)\^3 would become k\^\(2\^3\)",
    ),
    "a root in a unit": (
        sbml(
            '<listOfUnitDefinitions><unitDefinition id="u"><listOfUnits><unit kind="metre" exponent="0.5" scale="0" '
            'multiplier="2"/></listOfUnits></unitDefinition></listOfUnitDefinitions><listOfParameters><parameter '
            'id="a" value="1" units="u" constant="true"/></listOfParameters>'
        ),
        "the unit of the symbol 'a'",
    ),
}


@pytest.mark.parametrize("name", LOST)
@pytest.mark.parametrize("allow", [False, True])
def test_what_antimony_would_change_is_refused_by_name(name, allow):
    text, words = LOST[name]
    with pytest.raises(qsp.ModelError, match=words):
        write_antimony(qsp.read_sbml(text), allow_loss=allow)


def test_what_no_simulation_can_tell_may_be_left_out_and_is_listed():
    modifiers = '<listOfModifiers><modifierSpeciesReference species="E"/></listOfModifiers>'
    model = qsp.read_sbml(reaction(modifiers=modifiers))
    with pytest.raises(qsp.ModelError, match="allow_loss"):
        write_antimony(model)
    text = write_antimony(model, allow_loss=True)
    assert text.startswith("// not kept: the modifiers of the reaction 'J'")
    assert qsp.read_antimony(text).network.reactions["J"].law == model.network.reactions["J"].law


def test_what_means_the_same_in_other_words_is_said_so_and_listed():
    start = f'<initialAssignment symbol="k"><math {MATH}><cn>3</cn></math></initialAssignment>'
    text = reaction('id="st" stoichiometry="2" constant="true"').replace(
        "<listOfReactions>", f"<listOfInitialAssignments>{start}</listOfInitialAssignments><listOfReactions>"
    )
    model = qsp.read_sbml(text)
    written = write_antimony(model)
    assert "// in other words: the initial assignment of 'k'" in written
    back = qsp.read_antimony(written)
    assert back.symbol("k").value == 3.0
    assert list(differences(plain_words(model.network), plain_words(back.network))) == []
    still = qsp.read_sbml(reaction('id="st" stoichiometry="2" constant="false"'))
    with pytest.raises(qsp.ModelError, match=r"'constant' of the symbol 'st'.*changes no simulation"):
        write_antimony(still)


def test_plain_words_tell_apart_what_differs():
    def network(*changes):
        text = sbml(species("S") + parameters("k"))
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        return plain_words(qsp.read_sbml(text).network)

    nothing, amount = 'initialAmount="0"', 'initialAmount="1"'
    assert list(differences(network((amount, nothing)), network((amount, 'initialConcentration="0"')))) == []
    for other in ('initialAmount="2"', 'initialConcentration="1"', nothing):
        assert list(differences(network(), network((amount, other)))), other
    sums = [qsp.read_antimony(f"model m; a = 1; b := {f}; end") for f in ("a + (a + 2)", "a + a + 2", "a - (a - 2)")]
    plain = [plain_words(m.network) for m in sums]
    assert list(differences(plain[0], plain[1])) == []
    assert list(differences(plain[0], plain[2]))


def test_ports_become_arguments_with_directions():
    text = write_antimony(qsp.expose(qsp.read_antimony(DECAY), k="output", S="input"))
    assert text.splitlines()[:3] == ["model *decay(k, S)", "  // @input S", "  // @output k"]


# -------------------------------------------------------------------------------------------------------- RoadRunner
def test_a_roadrunner_instance_comes_and_goes():
    model = qsp.read_antimony(DECAY)
    runner = to_roadrunner(model)
    assert runner["k"] == 0.1
    back = from_roadrunner(runner)
    assert list(differences(model.network, back.network)) == []


def test_changed_parameters_must_be_asked_for_or_dropped_on_purpose():
    runner = to_roadrunner(qsp.read_antimony(DECAY))
    runner["k"] = 0.7
    with pytest.raises(qsp.ModelError, match=r"changed.*k.*current=True"):
        from_roadrunner(runner)
    assert from_roadrunner(runner, current=True).symbol("k").value == 0.7
    assert from_roadrunner(runner, current=False).symbol("k").value == 0.1


def test_after_a_simulation_the_model_as_loaded_is_returned():
    runner = to_roadrunner(qsp.read_antimony(DECAY))
    runner.simulate(0, 5, 3)
    assert from_roadrunner(runner).symbol("S").value == 10


def test_something_else_is_no_instance():
    with pytest.raises(qsp.ModelError, match="no RoadRunner"):
        from_roadrunner("model m; end")


def test_tellurium_is_handed_flat_sbml_only(monkeypatch):
    seen = []
    monkeypatch.setitem(sys.modules, "tellurium", types.SimpleNamespace(loadSBMLModel=seen.append))
    composed = qsp.read_antimony(next(p for p in LIBRARY if "systems" in p.parts))
    to_tellurium(composed)
    assert "listOfSubmodels" not in seen[0]
    assert seen[0] == write_sbml(composed)


def test_without_tellurium_the_remedy_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "tellurium", None)
    with pytest.raises(qsp.UnsupportedError, match=r"pip install 'sbmlqsp\[tellurium\]'"):
        to_tellurium(qsp.read_antimony(DECAY))


def test_with_tellurium_imported_everything_still_reads_and_runs():
    """Tellurium's bindings change what libSBML's return in the whole process, so this runs in one of its own."""
    # Not importorskip: it would import tellurium here, and with it change every later test of this process.
    if importlib.util.find_spec("tellurium") is None:
        pytest.skip("tellurium is not installed")
    code = """
import warnings; warnings.simplefilter("ignore")
import tellurium, sbmlqsp as qsp
model = qsp.load("theophylline")
arm = qsp.Experiment(model, times=[0, 24], regimen="320 mg into absorption.depot", observables=["pk.C"])
own = float(qsp.simulate(arm)["pk.C"][0, 0, 0, -1])
runner = qsp.to_tellurium(qsp.with_doses(model, arm.regimen))
runner.timeCourseSelections = ["time", "pk__C"]
runner.integrator.relative_tolerance = 1e-10
theirs = float(runner.simulate(0, 24, 2)[-1][1])
back = qsp.from_roadrunner(qsp.to_tellurium(model))
print(abs(theirs / own - 1) < 1e-6, back.digest == qsp.read_sbml(model.sbml).digest, len(qsp.check(model)) > 0)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout.split()[-3:] == ["True", "True", "True"], done.stdout + done.stderr
