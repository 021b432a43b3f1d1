"""SED-ML made elsewhere: what it means is run."""

from __future__ import annotations

import numpy as np
import pytest

import sbmlqsp as qsp
from sbmlqsp.exchange.sedml.xpath import parse_path
from tests.sedml import (
    COURSE,
    MODEL,
    NS,
    PHRASED,
    TASK,
    TIMES,
    K,
    S,
    document,
    exact,
    generator,
    math,
    of_changes,
    of_repeats,
    repeated,
    report,
    run,
    set_value,
)


@pytest.fixture(scope="module")
def decay():
    return qsp.read_antimony("model m; compartment V; V = 2; species S in V; S = 10; J: S -> ; k*S*V; k = 0.1; end")


# ------------------------------------------------------------------------------------------------------------ courses
@pytest.mark.parametrize(
    ("version", "space", "steps"),
    [(1, "http://sed-ml.org/", "numberOfPoints"), (2, "http://sed-ml.org/sed-ml/level1/version2", "numberOfPoints"),
     (3, "http://sed-ml.org/sed-ml/level1/version3", "numberOfPoints"), (4, NS, "numberOfSteps")],
)  # fmt: skip
def test_every_version_of_level_1_is_read(decay, version, space, steps):
    text = document(version=version).replace(NS, space).replace("numberOfSteps", steps)
    found = report(text, decay)
    np.testing.assert_allclose(found["S"], exact(), rtol=1e-8)
    np.testing.assert_allclose(found["time"], TIMES)


def test_outputs_may_begin_late_and_at_another_time(decay):
    late = COURSE.replace('initialTime="0" outputStartTime="0"', 'initialTime="4" outputStartTime="6"')
    found = report(document(simulations=late), decay)
    np.testing.assert_allclose(found["time"], np.linspace(6, 10, 6))
    np.testing.assert_allclose(found["S"], exact(times=np.linspace(2, 6, 6)), rtol=1e-8)


def test_another_initial_time_is_refused_where_the_model_knows_time(decay):
    clock = qsp.read_antimony("model m; species S; S = 10; J: S -> ; k*S*time; k = 0.1; end")
    late = COURSE.replace('initialTime="0" outputStartTime="0"', 'initialTime="4" outputStartTime="6"')
    with pytest.raises(qsp.UnsupportedError, match=r"time in a kinetic law .*<uniformTimeCourse course>"):
        report(document(simulations=late), clock)
    assert report(document(), clock).sizes["time"] == 6


def test_generators_compute_with_variables_parameters_and_all_values(decay):
    largest = "<apply><csymbol definitionURL='http://sed-ml.org/#max'/><ci>v_S</ci></apply>"
    ratio = f"<apply><divide/><ci>v_S</ci>{largest}</apply>"
    half = "<apply><times/><ci>h</ci><apply><root/><apply><power/><ci>v_time</ci><cn>2</cn></apply></apply></apply>"
    generators = generator("S", formula=ratio) + generator("time", "KISAO:0000832", formula=half).replace(
        "<math", '<listOfParameters><parameter id="h" value="0.5"/></listOfParameters><math'
    )
    found = report(document(generators=generators), decay)
    np.testing.assert_allclose(found["S"], exact(start=1.0), rtol=1e-8)
    np.testing.assert_allclose(found["time"], TIMES / 2)


def test_a_species_is_what_it_is_in_formulas_unless_a_term_says_otherwise(decay):
    amount = generator("time", more=' symbol="KISAO:0000836"')
    found = report(document(generators=generator("S") + amount), decay)
    np.testing.assert_allclose(found["time"], 2 * found["S"])


def test_a_plot_gives_its_curves(decay):
    plot = (
        '<plot2D id="p"><listOfCurves><curve id="c" logX="false" logY="true" xDataReference="time" yDataReference="S"/>'
    )
    document_ = qsp.read_sedml(document(outputs=plot + "</listOfCurves></plot2D>"), models={"m": decay})
    found = qsp.run_sedml(document_)["p"]
    np.testing.assert_allclose(found["c_y"], exact(), rtol=1e-8)
    assert document_.content.outputs["p"].log_y
    assert not document_.content.outputs["p"].log_x


def test_one_step_is_one_output(decay):
    step = '<oneStep id="course" step="2.5"><algorithm kisaoID="KISAO:0000019"/></oneStep>'
    found = report(document(simulations=step), decay)
    assert found["time"].to_numpy().tolist() == [2.5]
    np.testing.assert_allclose(found["S"], exact(times=np.array([2.5])), rtol=1e-8)


def test_a_steady_state_is_a_number():
    model = qsp.read_antimony("model m; species S; S = 10; k = 0.1; J: -> S; 2 - k*S; end")
    steady = '<steadyState id="course"><algorithm kisaoID="KISAO:0000407"/></steadyState>'
    sets = '<report id="r"><listOfDataSets><dataSet id="d" label="S" dataReference="S"/></listOfDataSets></report>'
    text = document(simulations=steady, generators=generator("S"), outputs=sets)
    assert float(report(text, model)["S"]) == pytest.approx(20.0)
    scan = repeated(set_value(), reset="false")
    text = document(simulations=steady, tasks=TASK + scan, generators=generator("S", task="rep"), outputs=sets)
    np.testing.assert_allclose(report(text, model)["S"], [20, 10], rtol=1e-8)


# -------------------------------------------------------------------------------------------------------- repetitions
def test_ranges_of_values_uniform_logarithmic_and_computed(decay):
    ranges = (
        '<uniformRange id="ks" start="0.1" end="10" numberOfSteps="2" type="log"/><functionalRange id="f" range="ks">'
        f'<listOfVariables><variable id="w" modelReference="m" target="{K}"/></listOfVariables>'
        f"{math('<apply><times/><ci>w</ci><ci>ks</ci></apply>')}</functionalRange>"
    )
    found = of_repeats(decay, repeated(set_value(range_="f"), ranges))
    for row, k in zip(found["S"].to_numpy(), (0.01, 0.1, 1.0), strict=True):
        np.testing.assert_allclose(row, exact(k), rtol=1e-7)


def test_without_a_reset_a_task_goes_on_where_another_ended(decay):
    found = of_repeats(decay, repeated(set_value(), reset="false"))
    np.testing.assert_allclose(found["S"][0], exact(0.1), rtol=1e-8)
    np.testing.assert_allclose(found["S"][1], exact(0.2, start=10 * np.exp(-1)), rtol=1e-8)


def test_steps_go_on_in_time_and_are_joined_where_the_document_says_so(decay):
    step = '<oneStep id="course" step="2"><algorithm kisaoID="KISAO:0000019"/></oneStep>'
    found = of_repeats(decay, repeated(reset="false", more=' concatenate="true"'), simulations=step)
    np.testing.assert_allclose(found["time"], [2, 4])
    np.testing.assert_allclose(found["S"], exact(times=np.array([2.0, 4.0])), rtol=1e-8)


def test_subtasks_run_in_their_order_with_changes_of_their_own(decay):
    subs = (
        f'<subTask order="2" task="task"><listOfChanges>{set_value()}</listOfChanges></subTask>'
        '<subTask order="1" task="task"/>'
    )
    found = of_repeats(decay, repeated(sub=subs))
    assert found["S"].dims == ("rep", "rep_subtask", "time")
    np.testing.assert_allclose(found["S"][1, 1], exact(0.2, start=10 * np.exp(-1)), rtol=1e-8)


def test_repetitions_within_repetitions(decay):
    inner = repeated(set_value(), reset="false", name="inner")
    outer = repeated(ranges='<vectorRange id="ks"><value>1</value><value>2</value></vectorRange>',
                     sub='<subTask order="1" task="inner"/>')  # fmt: skip
    found = of_repeats(decay, inner + outer)
    assert found["S"].dims == ("rep", "inner", "time")
    np.testing.assert_allclose(found["S"][0], found["S"][1])


def test_what_phrasedml_writes_is_run(decay):
    found = run(PHRASED, decay)
    np.testing.assert_allclose(found["report_0"]["t2.S/t1.S"], 4.1 * np.exp(-0.3 * TIMES) / exact(), rtol=1e-8)
    for row, k, start in zip(found["report_1"]["r1.S"].to_numpy(), (0.1, 0.2, 0.4), (1, 2, 3), strict=True):
        np.testing.assert_allclose(row, exact(k, start), rtol=1e-8)


def test_tasks_are_experiments(decay):
    arms = qsp.read_sedml(PHRASED, models={"m": decay}).experiments
    assert [a.id for a in arms] == ["r1_1", "r1_2", "r1_3"]
    ds = qsp.simulate(arms)
    np.testing.assert_allclose(ds["r1.S"][2, 0, 0], exact(0.4, 3.0), rtol=1e-8)


# ------------------------------------------------------------------------------------------------------------- models
@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [(f"{K}/@value", "0.2", exact(0.2)), (f"{S}/@initialConcentration", "4", exact(start=4.0)),
     ("//sbml:parameter[@id='k']/@value", "0.2", exact(0.2)),
     ('/sbml/model/descendant::*[@id="k"]/@value', "0.2", exact(0.2))],
)  # fmt: skip
def test_attributes_are_changed_in_the_file(decay, path, value, expected):
    path = path.replace('"', "&quot;")
    found = of_changes(f'<changeAttribute target="{path}" newValue="{value}"/>', decay)
    np.testing.assert_allclose(found["S"], expected, rtol=1e-8)


def test_what_is_computed_at_the_start_follows_a_changed_attribute():
    model = qsp.read_antimony("model m; species S; S = 2*B; B = 5; J: S -> ; k*S; k = 0.1; end")
    base = K.replace("@id='k'", "@id='B'")
    change = f'<changeAttribute target="{base}/@value" newValue="1"/>'
    np.testing.assert_allclose(of_changes(change, model)["S"], exact(start=2.0), rtol=1e-8)


def test_a_file_is_read_with_its_models_beside_it(decay, tmp_path):
    (tmp_path / "m.xml").write_text(qsp.write_sbml(decay))
    (tmp_path / "a.sedml").write_text(document())
    found = qsp.run_sedml(tmp_path / "a.sedml")["r"]
    np.testing.assert_allclose(found["S"], exact(), rtol=1e-8)
    (tmp_path / "b.sedml").write_text(document(models=MODEL.replace("m.xml", str(tmp_path / "m.xml"))))
    with pytest.raises(qsp.DataError, match="absolute"):
        qsp.run_sedml(tmp_path / "b.sedml")
    with pytest.raises(qsp.DataError, match="no model 'n'"):
        qsp.read_sedml(document(), models={"n": decay})


def test_a_model_outside_of_the_folder_is_read_only_where_that_is_said(decay, tmp_path):
    (tmp_path / "m.xml").write_text(qsp.write_sbml(decay))
    (tmp_path / "runs").mkdir()
    path = tmp_path / "runs" / "a.sedml"
    path.write_text(document(models=MODEL.replace("m.xml", "../m.xml")))
    with pytest.raises(qsp.DataError, match="outside of the folder"):
        qsp.run_sedml(path)
    found = qsp.read_sedml(path, root=tmp_path)
    assert found.models["m"].untrusted
    np.testing.assert_allclose(qsp.run_sedml(found)["r"]["S"], exact(), rtol=1e-8)


def test_models_that_are_given_are_trusted_as_they_were(decay):
    assert not qsp.read_sedml(document(), models={"m": decay}).models["m"].untrusted


def test_notes_say_what_is_done_otherwise(decay):
    style = '<listOfStyles><style id="s"/></listOfStyles>'
    found = qsp.read_sedml(document(more=style).replace("0000019", "0000030"), models={"m": decay})
    assert any("Euler forward method is replaced by CVODE" in n for n in found.notes)
    assert "the styles of plots are not kept" in found.notes


def test_paths_keep_their_quotes_and_steps():
    path = parse_path("/sbml:sbml/sbml:model/*[@id='a']//s:q[@id=\"b\"][@x='y']/@value", where="here")
    assert [s.name for s in path.steps] == ["sbml", "model", "*", "q"]
    assert path.steps[-1].deep
    assert path.steps[-1].attributes == (("id", "b"), ("x", "y"))


# --------------------------------------------------------------------------------------------------------- dimensions
@pytest.mark.parametrize(
    ("along", "dims", "reduced"),
    [((), (), lambda x: x.mean()), (("rep",), ("time",), lambda x: x.mean(axis=0)),
     (("task",), ("rep",), lambda x: x.mean(axis=1)), (("rep", "task"), (), lambda x: x.mean())],
)  # fmt: skip
def test_values_are_brought_to_one_along_the_tasks_that_are_named(decay, along, dims, reduced):
    listed = "".join(f'<appliedDimension target="{t}"/>' for t in along)
    inside = f"<listOfAppliedDimensions>{listed}</listOfAppliedDimensions>" if along else ""
    mean = generator("S", task="rep", more=' dimensionTerm="KISAO:0000825"').replace(
        "/></list", f">{inside}</variable></list"
    )
    text = document(tasks=TASK + repeated(set_value()), generators=mean + generator("time", "urn:sedml:symbol:time"))
    found = report(text, decay)["S"]
    assert found.dims == dims
    np.testing.assert_allclose(found, reduced(np.stack([exact(0.1), exact(0.2)])), rtol=1e-8)


def test_curves_relative_to_their_largest_value_are_no_observables(decay):
    largest = f'<variable id="most" taskReference="task" target="{S}" dimensionTerm="KISAO:0000828"/></listOfVariables>'
    relative = generator("S", formula="<apply><divide/><ci>v_S</ci><ci>most</ci></apply>")
    text = document(
        generators=relative.replace("</listOfVariables>", largest) + generator("time", "urn:sedml:symbol:time")
    )
    document_ = qsp.read_sedml(text, models={"m": decay})
    np.testing.assert_allclose(qsp.run_sedml(document_)["r"]["S"], exact() / 10, rtol=1e-8)
    assert document_.experiments == ()
