"""Models in older levels of SBML: the same model, or a refusal that names what is lost; annotations are kept."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import sbmlqsp as qsp
from sbmlqsp.engine.libsbml_levels import downlevelled
from sbmlqsp.exchange import levels
from tests.test_exchange import BOX, MATH, parameters, reaction, sbml, species

OLDER = [(3, 1), (2, 5), (2, 4)]
UNITS = "unit time_unit = 3600 second; unit substance = 1e-9 mole; unit extent = 1e-9 mole; unit volume = litre"
FULL = f"""model full
  {UNITS}; unit per_h = 1/(3600 second)
  compartment V = 2; V has volume
  species S in V, P in V; S = 3; P = 0
  S identity "urn:miriam:chebi:CHEBI%3A17234"; S.sboTerm = SBO:0000247
  k = 0.25; k has per_h; k notes "A rate."
  J: S -> P; k*S*V
  model notes "Two pools."
end"""


def curve(model, *observables, times=(0, 0.5, 1, 2, 5)):
    arm = qsp.Experiment(model, times=list(times), observables=list(observables))
    ds = qsp.simulate(arm, progress=False)
    return np.array([ds[o].to_numpy()[0, 0, 0] for o in observables])


def written(model, level, version, **more):
    text = qsp.write_sbml(model, level=level, version=version, allow_loss=True, **more)
    assert f'level="{level}" version="{version}"' in text.replace("\n", " ")
    return text, qsp.read_sbml(text)


@pytest.mark.parametrize(("level", "version"), OLDER)
def test_a_model_with_units_reads_back_whole(level, version):
    model = qsp.expose(qsp.read_antimony(FULL), k="input", S="output")
    text = qsp.write_sbml(model, level=level, version=version)
    assert text == qsp.write_sbml(model, level=level, version=version)
    back = qsp.read_sbml(text)
    assert dict(back.directions) == dict(model.directions)
    pd.testing.assert_frame_equal(back.annotations, model.annotations)
    np.testing.assert_array_equal(curve(back, "S", "P"), curve(model, "S", "P"))
    assert "Rewritten" not in text
    assert "Not kept" not in text


def test_units_that_are_not_declared_are_those_of_level_2_only_if_that_is_said():
    model = qsp.read_antimony("model m; species S; S = 1; J: S -> ; k*S; k = 1; end")
    with pytest.raises(qsp.ModelError, match=r"undeclared units.*assumes: L, mol.*allow_loss=True"):
        qsp.write_sbml(model, level=2, version=4)
    text, back = written(model, 2, 4)
    assert text.splitlines()[1] == "<!-- Not kept: undeclared units -->"
    assert back.time_unit == "s"
    assert "Not kept" not in qsp.write_sbml(model, level=3, version=1)


SAID = {
    "least and most": "model m; x := max(1, time, time^2) - min(time, 2) + rem(7*time, 3) + quotient(-5*time, 2); end",
    "truth as a number": "model m; x := (time > 1) + 2*(time > 0.5 && time < 3); end",
    "rates of change": "model m; compartment V = 2; species S in V; S = 3; J: S -> ; 0.3*S*V; x := rateOf(S); end",
    "functions": "function f(a, b); max(a, b)*2; end; function g(a); a^2; end; model m; x := f(time, 1) + g(time); end",
    "Avogadro": "model m; x := avogadro/1e23*time; end",
    "a stoichiometry that moves": "model m; var n; n = 1; n' = 0.5; S = 0; J: -> n S; 1; x := S + n; end",
    "a stoichiometry that is set": "model m; var n; n = 2; S = 0; J: -> n S; 1; at time >= 1: n = 3; x := S; end",
}


@pytest.mark.parametrize("name", SAID)
@pytest.mark.parametrize(("level", "version"), [(3, 1), (2, 4)])
def test_what_an_older_level_cannot_say_is_rewritten(name, level, version):
    model = qsp.read_antimony(SAID[name])
    text, back = written(model, level, version)
    if level == 2 or name not in {"Avogadro", "a stoichiometry that moves", "a stoichiometry that is set"}:
        assert f"Rewritten for Level {level} Version {version}" in text
    np.testing.assert_allclose(curve(back, "x"), curve(model, "x"), rtol=1e-9)


def test_conversion_factors_stand_in_the_stoichiometries_of_level_2():
    law = f"<kineticLaw><math {MATH}><ci>k</ci></math></kineticLaw>"
    body = (
        species("S", "E", extra='conversionFactor="f"')
        + parameters("k", "f")
        + '<listOfReactions><reaction id="J" reversible="false"><listOfReactants><speciesReference species="S" '
        + f'stoichiometry="2" constant="true"/></listOfReactants>{law}</reaction></listOfReactions>'
    )
    model = qsp.read_sbml(sbml(body))
    text, back = written(model, 2, 4)
    assert "the conversion factor of 'S' stands in its stoichiometries" in text
    both = [
        qsp.simulate(qsp.Experiment(m, times=[0, 1], observables=["S"], changes={"f": 3.0}), progress=False)["S"]
        for m in (model, back)
    ]
    np.testing.assert_allclose(both[1].to_numpy(), both[0].to_numpy(), rtol=1e-9)
    assert both[0].to_numpy()[0, 0, 0, 1] < 0.2


def test_doses_are_said_in_level_2_with_that_at_the_start_as_an_initial_assignment():
    model = qsp.read_antimony(FULL.replace("S = 3", "S = 1.5"))
    dosed = qsp.with_doses(model, "4 nmol into S every 2 h x 3")
    text = qsp.write_sbml(dosed, level=2, version=4)
    assert "'dose_event_1', which happens at the start, is in the initial assignments" in text
    back = qsp.read_sbml(text)
    assert [e.id for e in back.network.events] == ["dose_event_2", "dose_event_3"]
    np.testing.assert_allclose(curve(back, "S", "P"), curve(dosed, "S", "P"), rtol=1e-9)
    assert curve(back, "S")[0, 0] == 3.5


REFUSED = {
    "priorities of rivals": (
        "x = 1; at time > 1, priority = 2: x = 2; at time > y, priority = 1: x = 3*x; y = 1; y' = 0.1",
        "'_E0' has a priority.*may meet '_E1'",
    ),
    "an event given up": (
        "x = 0; x' = 1; y = 0; at 1 after x > 1 && x < 1.5, persistent = false: y = 1",
        "'_E0' is given up",
    ),
    "an event at the start that others see": (
        "x = 0; y = 0; at time >= 0, t0 = false: x = 5; at x > 2: y = 1",
        "'_E0' happens at the start.*the trigger of '_E1' reads what it changes",
    ),
    "a start that another value is computed from": (
        "x = 1; w := 2*x; y = w; x' = 0; at time >= 0, t0 = false: x = 5",
        "'_E0' happens at the start.*initial value of 'y' is computed from 'w'",
    ),
    "a state at the start": ("x = 3; x' = 0; at x > 2, t0 = false: x = 1", "'_E0' happens at the start.*time has come"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_events_that_level_2_cannot_say_are_refused_by_name(name):
    body, words = REFUSED[name]
    with pytest.raises(qsp.UnsupportedError, match=words):
        qsp.write_sbml(qsp.read_antimony(f"model m; {body}; end"), level=2, version=4, allow_loss=True)
    assert 'version="1"' in qsp.write_sbml(qsp.read_antimony(f"model m; {body}; end"), level=3, version=1)


HARMLESS = {
    "a priority that meets nobody": (
        "x = 1; y = 2; x' = 0; at time > 1, priority = 2: x = 5; at time > 2, priority = 1: x = y"
    ),
    "priorities of events that do not touch": (
        "x = 1; y = 2; at time > 1, priority = 2: x = 5; at time > 1, priority = 1: y = 3"
    ),
    "an event that happens at once": "x = 0; x' = 1; y = 0; at x > 1, persistent = false: y = 1",
    "a start that another value is computed from": "y = 3; x = 2*y; z = x/2; at time >= 0, t0 = false: x = x + z",
    "a set time": "x = 1; at time > 1, t0 = false, persistent = false: x = 2",
}


@pytest.mark.parametrize("name", HARMLESS)
def test_what_matters_to_no_event_is_taken_from_it(name):
    model = qsp.read_antimony(f"model m; {HARMLESS[name]}; end")
    _, back = written(model, 2, 4)
    np.testing.assert_allclose(curve(back, "x"), curve(model, "x"), rtol=1e-9)


def test_other_things_that_level_2_cannot_say_are_refused_by_name():
    half = (
        '<listOfUnitDefinitions><unitDefinition id="u"><listOfUnits><unit kind="metre" exponent="0.5" scale="0" '
        'multiplier="2"/></listOfUnits></unitDefinition></listOfUnitDefinitions>'
    )
    for text, words in {
        sbml(half + parameters("a")): "the unit 'u' has the exponent 0.5",
        sbml(BOX.replace('"3"', '"2.5"')): "'c' has 2.5 dimensions",
        sbml(BOX.replace('"3"', '"0"')): "'c' has no dimensions and yet a size",
        reaction()
        .replace("<listOfReactants>", "")
        .replace("</listOfReactants>", "")
        .replace(
            '<speciesReference species="S" stoichiometry="1" constant="true"/>', ""
        ): "'J' has neither reactants nor products",
    }.items():
        with pytest.raises(qsp.UnsupportedError, match=f"(?i){words}"):
            qsp.write_sbml(qsp.read_sbml(text), level=2, version=4, allow_loss=True)


def test_levels_that_are_not_written_and_forms_that_they_lack_are_refused():
    model = qsp.read_antimony(FULL)
    with pytest.raises(qsp.UnsupportedError, match=r"Level 1 Version 2.*Level 3 Version 2, .*Level 2 Version 4"):
        qsp.write_sbml(model, level=1)
    whole = qsp.compose("two", {"a": model, "b": model})
    with pytest.raises(qsp.UnsupportedError, match="Level 2 has no hierarchical form"):
        qsp.write_sbml(whole, form="comp", level=2, version=4)


def test_the_hierarchy_is_written_in_both_versions_of_level_3():
    model = qsp.read_antimony(FULL)
    whole = qsp.compose("two", {"a": model, "b": model})
    for version in (2, 1):
        back = qsp.read_sbml(qsp.write_sbml(whole, form="comp", version=version))
        np.testing.assert_array_equal(curve(back, "a.S", "b.P"), curve(whole, "a.S", "b.P"))
        assert sorted(map(tuple, back.annotations.values)) == sorted(map(tuple, whole.annotations.values))


WRONG = {
    "a formula": ("<divide/>", "<times/>"),
    "a value": ('initialConcentration="3"', 'initialConcentration="4"'),
    "a unit": ('kind="mole"', 'kind="gram"'),
}


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize("where", ["lowered_sbml", "converted"])
def test_a_wrong_conversion_or_rewriting_is_caught(monkeypatch, name, where):
    model = qsp.read_antimony(FULL.replace("J: S", "x := rateOf(S)*max(time, 1)/3; J: S"))
    function = getattr(levels, where)

    def changed(*args):
        found = function(*args)
        text = found if isinstance(found, str) else found[0]
        edited = text.replace(*WRONG[name], 1)
        assert edited != text
        return edited if isinstance(found, str) else (edited, found[1])

    monkeypatch.setattr(levels, where, changed)
    with pytest.raises(qsp.ModelError, match=r"is not the same|cannot say this model"):
        qsp.write_sbml(model, level=2, version=4, allow_loss=True)


def test_the_engine_function_gives_the_text_alone():
    model = qsp.read_antimony(FULL)
    assert downlevelled(model.sbml, 3, 2) == model.sbml
    assert downlevelled(model.sbml, 2, 4) == qsp.write_sbml(model, level=2, version=4)


# -------------------------------------------------------------------------------------------------------- annotations
RDF = (
    '<annotation><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" '
    'xmlns:bqbiol="http://biomodels.net/biology-qualifiers/"><rdf:Description rdf:about="#{0}"><bqbiol:{1}><rdf:Bag>'
    '<rdf:li rdf:resource="{2}"/></rdf:Bag></bqbiol:{1}></rdf:Description></rdf:RDF></annotation>'
)
NOTES = '<notes><p xmlns="http://www.w3.org/1999/xhtml">One &lt; two.<br/>Three</p></notes>'
ANNOTATED = (
    reaction()
    .replace(
        '<parameter id="k" value="0.123456789012345" constant="true"/>',
        f'<parameter metaid="mk" id="k" value="0.1" constant="true" sboTerm="SBO:0000009">{NOTES}'
        f"{RDF.format('mk', 'isDescribedBy', 'http://identifiers.org/pubmed/12345')}</parameter>",
    )
    .replace("<kineticLaw>", '<kineticLaw metaid="law" sboTerm="SBO:0000049">')
    .replace('<speciesReference species="S"', '<speciesReference sboTerm="SBO:0000015" species="S"')
)


def test_annotations_are_a_table_of_statements():
    table = qsp.read_sbml(ANNOTATED).annotations
    assert [tuple(row) for row in table.itertuples(index=False)] == [
        ("k", "parameter", "bqbiol:isDescribedBy", "https://identifiers.org/pubmed/12345", "SBO:0000009",
         "One < two.\nThree"),
        ("J", "kineticLaw", "", "", "SBO:0000049", ""),
        ("J: S", "speciesReference", "", "", "SBO:0000015", ""),
    ]  # fmt: skip


def test_annotations_outlive_forms_levels_and_composition():
    model = qsp.read_sbml(ANNOTATED)
    for text in (qsp.write_sbml(model), *(written(model, *older)[0] for older in OLDER)):
        pd.testing.assert_frame_equal(qsp.read_sbml(text).annotations, model.annotations)
    whole = qsp.compose("two", {"a": model, "b": model}).annotations
    one = whole[whole.element.str.startswith("b.")]
    assert list(one.element) == ["b.k", "b.J", "b.J: b.S"]
    assert list(one.resource) == list(model.annotations.resource)
    dosed = qsp.with_doses(model, "1 into S")
    pd.testing.assert_frame_equal(dosed.annotations, model.annotations)


def test_a_local_parameter_keeps_what_is_said_of_it():
    about = RDF.format("ml", "is", "urn:miriam:sbo:SBO%3A0000009")
    local = f'<localParameter metaid="ml" id="q" value="2" sboTerm="SBO:0000009">{NOTES}{about}</localParameter>'
    law = f"<listOfLocalParameters>{local}</listOfLocalParameters></kineticLaw>"
    model = qsp.read_sbml(reaction(law="<ci>q</ci>").replace("</kineticLaw>", law))
    [row] = model.annotations.itertuples(index=False)
    assert tuple(row)[:5] == ("J.q", "parameter", "bqbiol:is", "https://identifiers.org/sbo/SBO:0000009", "SBO:0000009")


def test_antimony_keeps_what_it_can_say_and_names_the_rest():
    model = qsp.read_antimony(FULL)
    pd.testing.assert_frame_equal(qsp.read_antimony(qsp.write_antimony(model)).annotations, model.annotations)
    with pytest.raises(qsp.ModelError, match=r"'sbo' of the speciesReference 'J: S'.*allow_loss"):
        qsp.write_antimony(qsp.read_sbml(ANNOTATED))
    text = qsp.write_antimony(qsp.read_sbml(ANNOTATED), allow_loss=True)
    assert "// not kept: 'sbo' of the speciesReference 'J: S'" in text
    kept = qsp.read_antimony(text).annotations
    assert list(kept[kept.element == "k"].resource) == ["https://identifiers.org/pubmed/12345"]
