"""SED-ML that leaves something open, or asks for what is not run: refused by element and id."""

from __future__ import annotations

import numpy as np
import pytest

import sbmlqsp as qsp
from tests.sedml import (
    COURSE,
    MODEL,
    TASK,
    K,
    S,
    changed,
    document,
    exact,
    generator,
    math,
    of_changes,
    of_repeats,
    repeated,
    report,
    set_value,
)


@pytest.fixture(scope="module")
def decay():
    return qsp.read_antimony("model m; compartment V; V = 2; species S in V; S = 10; J: S -> ; k*S*V; k = 0.1; end")


TIME = generator("time", "urn:sedml:symbol:time")
VOLUME = "/sbml:sbml/sbml:model/sbml:listOfCompartments/sbml:compartment[@id='V']"
READS_K = f'<listOfVariables><variable id="k" target="{K}" modelReference="m"/></listOfVariables>{math("<ci>k</ci>")}'


def of_s(text=None, **parts):
    return document(generators=(text or generator("S", **parts)) + TIME)


def over_repeats(tasks):
    return document(tasks=TASK + tasks, generators=generator("S", task="rep") + TIME)


def over(task):
    along = f'<listOfAppliedDimensions><appliedDimension target="{task}"/></listOfAppliedDimensions></variable>'
    return generator("S", more=' dimensionTerm="KISAO:0000825"').replace("/></listOfV", f">{along}</listOfV")


def with_setting(kisao):
    given = f'<listOfAlgorithmParameters><algorithmParameter kisaoID="{kisao}" value="1"/></listOfAlgorithmParameters>'
    return document(simulations=COURSE.replace('"KISAO:0000019"/>', f'"KISAO:0000019">{given}</algorithm>'))


def two_ranges():
    short = '<vectorRange id="b"><value>1</value></vectorRange>'
    return repeated(ranges=f'<vectorRange id="ks"><value>1</value><value>2</value></vectorRange>{short}')


def of_other_shape():
    other = f'<variable id="w" taskReference="rep" target="{S}"/></listOfVariables>'
    mixed = generator("S").replace("</listOfVariables>", other)
    total = mixed.replace("<ci>v_S</ci>", "<apply><plus/><ci>v_S</ci><ci>w</ci></apply>")
    return document(tasks=TASK + repeated(), generators=TIME + total)


NORMAL = "<csymbol definitionURL='http://sed-ml.org/functions/#normal'/>"
INNER = repeated(set_value(), name="inner")
REFUSED = {
    "attribute": (document(tasks=TASK.replace("/>", ' speed="3"/>')), "attribute 'speed' is not read .*<task task>"),
    "element": (document(simulations="<analysis id='a'/>"), "<analysis> is not read"),
    "algorithm": (document().replace("0000019", "0000437"), "not known here .*KISAO:0000437.*TimeCourse course>"),
    "steady algorithm": (document().replace("0000019", "0000407"), "no simulation over time"),
    "setting": (with_setting("KISAO:0000525"), "setting of the algorithm is not known .*KISAO:0000525"),
    "no term": (document().replace("KISAO:0000019", "CVODE"), "no KiSAO term .*'CVODE'"),
    "language": (document(models=MODEL.replace("sbml", "cellml")), "in a language that is not read .*cellml"),
    "version": (document(version=5), "version of SED-ML is not read"),
    "task missing": (of_s(task="nope"), "no task 'nope'"),
    "model missing": (document(tasks=TASK.replace('"m"', '"x"')), "no model 'x'"),
    "simulation missing": (document(tasks=TASK.replace('"course"', '"x"')), "no simulation 'x'"),
    "generator missing": (document(generators=generator("S")), "no data generator 'time'"),
    "symbol": (document(generators=generator("S") + generator("time", "urn:sedml:symbol:mass")), "symbol of a"),
    "element missing": (of_s(target=S.replace("S'", "T'")), "no element"),
    "attribute of a variable": (of_s(target=f"{K}/@value"), "a variable is an attribute"),
    "path": (of_s(target=S.replace("[", "[1][")), "of a kind that is not read"),
    "external data": (of_s(generator("S").replace(f'target="{S}"', 'target="#data1"')), "external data are not read"),
    "distribution": (
        of_s(formula=f"<apply>{NORMAL}<ci>v_S</ci><cn>1</cn></apply>"), "calls a function that is not read .*#normal"
    ),
    "unknown name": (of_s(formula="<ci>x</ci>"), "the formula reads 'x'"),
    "operands": (of_s(formula="<apply><divide/><ci>v_S</ci></apply>"), "operator 'divide' has 1 operands"),
    "shapes": (of_other_shape(), "different shapes"),
    "times": (document(simulations=COURSE.replace('Time="10"', 'Time="-1"')), "out of order"),
    "no number": (document(simulations=COURSE.replace('"10"', '"soon"')), "not a finite number"),
    "two ids": (document(tasks=TASK + TASK), "id is used twice"),
    "two variables": (
        of_s(generator("S").replace("</listOfVariables>", f'<variable id="v_S" target="{K}"/></listOfVariables>')),
        r"a name stands for two variables .*\['v_S'\]",
    ),
    "two values": (over_repeats(repeated(2 * set_value())), "two values are set of one element"),
    "spread": (of_s(more=' dimensionTerm="KISAO:0000826"'), "term of a dimension is not known .*0000826"),
    "dimension": (of_s(over("nope")), "results of the variable have no dimension of 'nope'"),
    "dimension alone": (of_s(over("task").replace("dimensionTerm", "name")), "names dimensions, and no term"),
    "shaded area": (
        document(outputs='<plot2D id="p"><listOfCurves><shadedArea id="s"/></listOfCurves></plot2D>'),
        "<shadedArea> is not read here",
    ),
    "circle": (over_repeats(repeated(sub='<subTask order="1" task="rep"/>')), "in a circle"),
    "short range": (over_repeats(two_ranges()), "has 1 values and the repetition 2"),
    "range missing": (over_repeats(repeated().replace('range="ks"', 'range="q"')), "no range 'q'"),
    "lost changes": (
        over_repeats(INNER + repeated(set_value(S), sub='<subTask order="1" task="inner"/>')),
        "'rep' changes the model 'm', which 'inner' within it resets",
    ),
    "order": (over_repeats(repeated(sub=2 * '<subTask task="task"/>')), "order of subtasks is left open"),
    "volume": (over_repeats(repeated(set_value(VOLUME))), "it holds 'S': tools differ"),
    "doctype": ('<!DOCTYPE x [<!ENTITY a "b">]>' + document(), "document type"),
    "depth": (document(more="<annotation>" + "<a>" * 400 + "</a>" * 400 + "</annotation>"), "nested more than"),
    "broken": (document()[:-20], "breaks off"),
    "other": ("<sbml/>", "not a <sedML> document"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_read_is_refused_by_name(decay, name):
    text, message = REFUSED[name]
    with pytest.raises(qsp.QSPError, match=f"(?i){message}"):
        report(text, decay)


REFUSED_CHANGES = {
    "no attribute": (f'<changeAttribute target="{K}" newValue="1"/>', "names an element, not the attribute"),
    "no element": (f'<changeAttribute target="{K.replace("@id=", "@name=")}/@value" newValue="1"/>', "no element"),
    "new XML": ('<addXML target="/sbml:sbml/sbml:model"><newXML/></addXML>', "<addXML> of a model's XML is not made"),
    "less XML": (f'<removeXML target="{K}"/>', "<removeXML> of a model's XML is not made"),
    "order": (
        f'<computeChange target="{S}">{READS_K}</computeChange><changeAttribute target="{K}/@value" newValue="0.3"/>',
        "tools differ in which value",
    ),
    "volume": (f'<computeChange target="{VOLUME}">{math("<cn>3</cn>")}</computeChange>', "it holds 'S': tools differ"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED_CHANGES)
def test_changes_that_are_not_made_or_not_clear_are_refused(decay, name):
    inside, message = REFUSED_CHANGES[name]
    with pytest.raises(qsp.QSPError, match=message):
        of_changes(inside, decay)


def test_a_change_that_a_formula_sets_aside_is_refused_and_one_of_the_state_is_made():
    model = qsp.read_antimony("model m; species S; S = 10; J: S -> ; k*S; k = 0.05*2; end")
    with pytest.raises(qsp.UnsupportedError, match="does nothing: an <initialAssignment>"):
        of_changes(f'<changeAttribute target="{K}/@value" newValue="0.3"/>', model)
    computed = f'<computeChange target="{K}">{math("<cn>0.3</cn>")}</computeChange>'
    np.testing.assert_allclose(of_changes(computed, model)["S"], exact(0.3), rtol=1e-8)


def test_a_value_that_starts_are_computed_from_is_not_set_in_a_repetition():
    model = qsp.read_antimony("model m; species S; S = 100*k; J: S -> ; k*S; k = 0.1; end")
    with pytest.raises(qsp.UnsupportedError, match="the start of 'S' is computed from it: tools differ"):
        of_repeats(model, repeated(set_value()))


def test_a_model_with_events_does_not_go_on_from_the_state_that_another_run_left():
    model = qsp.read_antimony("model m; species S; S = 10; J: S -> ; k*S; k = 0.1; at (S < 1): S = 5; end")
    with pytest.raises(qsp.UnsupportedError, match="in a model with events"):
        of_repeats(model, repeated(set_value(), reset="false"))


def test_models_do_not_refer_to_each_other_in_a_circle():
    circle = changed("").replace('source="m.xml"', 'source="#m"')
    with pytest.raises(qsp.DataError, match=r"in a circle .*m → base → m"):
        qsp.run_sedml(qsp.read_sedml(document(models=circle)))


@pytest.mark.parametrize(
    "source", ["https://www.ebi.ac.uk/x.xml", "urn:miriam:biomodels.db:BIOMD0000000012", "HTTP://x/y"]
)
def test_models_are_never_fetched(source):
    text = document(models=MODEL.replace("m.xml", source))
    with pytest.raises(qsp.UnsupportedError, match=r"(?i)a model is not fetched .*<model m>"):
        qsp.run_sedml(qsp.read_sedml(text))
