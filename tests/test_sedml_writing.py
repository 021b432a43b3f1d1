"""Experiments written as SED-ML: read back they give the same curves, and what SED-ML cannot say is refused."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import numpy as np
import pandas as pd
import pytest

import sbmlqsp as qsp
from sbmlqsp.exchange.sedml.grids import Grid, grids_of

ORAL = """
model oral
  unit mg = 1e-3 gram
  unit time_unit = 3600 second
  unit substance = 1e-3 gram
  unit extent = 1e-3 gram
  unit volume = litre
  compartment V = 20
  V has litre
  compartment gut = 2
  gut has litre
  substanceOnly species depot in gut
  species central in V
  depot = 0
  central = base
  base := 0.001*BW
  ka = 0.8
  BW = 70
  CL = 0.03*BW
  A: depot -> central; ka*depot
  E: central -> ; CL*central
end
"""
LOOKED_AT = [
    "central",
    "depot",
    "amount(central)",
    "A",
    qsp.Observable("ug", "central", unit="ug/L"),
    qsp.Observable("odd", "max(central, sqrt(central^2)) + concentration(depot)"),
]
ARITHMETIC = {"plus", "minus", "times", "divide"}


@pytest.fixture(scope="module")
def oral():
    return qsp.read_antimony(ORAL)


def arm(
    model, times="0:24 h by 1", regimen="100 mg into depot every 8 h x 3; 20 mg into central over 2 h at 5 h", **more
):
    return qsp.Experiment(model, times=times, regimen=regimen, observables=LOOKED_AT, **more)


def same_curves(arms, document):
    """Compare with what is read back, run by run."""
    ours, theirs = qsp.simulate(arms), qsp.simulate(document.experiments)
    assert [e.id for e in document.experiments] == [a.id for a in arms]
    for a in arms:
        for o in a.observables:
            left, right = (ds[o.id].sel(experiment=a.id, time=list(a.times)) for ds in (ours, theirs))
            np.testing.assert_allclose(right, left, rtol=1e-7, atol=1e-9 * float(np.abs(left).max()), err_msg=o.id)


def test_an_arm_with_changes_doses_and_infusions_comes_back(oral, tmp_path):
    arms = [arm(oral, changes={"BW": 100.0, "central": "3 mg/L"}, id="heavy")]
    path = qsp.write_sedml(arms, tmp_path / "arm.sedml")
    document = qsp.read_sedml(path)
    same_curves(arms, document)
    found = qsp.run_sedml(document)
    assert list(found["report"]) == [*(o.id for o in arms[0].observables)]
    np.testing.assert_allclose(found["report"]["time"], arms[0].times)
    np.testing.assert_array_equal(found["plot_central"]["central_over_time_y"], found["report"]["central"])


def test_the_same_experiment_gives_the_same_bytes(oral, tmp_path):
    texts = [qsp.write_sedml(arm(oral), tmp_path / name / "a.sedml").read_bytes() for name in ("x", "y")
             if (tmp_path / name).mkdir() is None]  # fmt: skip
    assert texts[0] == texts[1]
    assert (tmp_path / "x/a_model.xml").read_bytes() == (tmp_path / "y/a_model.xml").read_bytes()


def test_generators_have_arithmetic_alone_and_read_nothing_that_tools_read_differently(oral, tmp_path):
    path = qsp.write_sedml(arm(oral), tmp_path / "arm.sedml")
    names = {str(e.tag).rpartition("}")[2] for e in ET.parse(path).getroot().iter() if "MathML" in str(e.tag)}
    assert names <= {*ARITHMETIC, "math", "apply", "ci", "cn", "sep"}
    targets = re.findall(r'target="([^"]*)"', path.read_text())
    assert targets
    assert not [t for t in targets if "depot" in t and "species" in t]  # an amount, which some read as concentration
    assert {"observed_depot", "observed_odd"} <= set(re.findall(r"id='(\w+)'", " ".join(targets)))


def test_arms_that_differ_in_a_rate_are_one_repeated_task(oral, tmp_path):
    arms = [arm(oral, changes={"ka": k}, id=f"ka {k}") for k in (0.2, 2.0)]
    path = qsp.write_sedml(arms, tmp_path / "arms.sedml")
    assert path.read_text().count("<repeatedTask") == 1
    found = qsp.run_sedml(path)["report"]
    ds = qsp.simulate(arms)
    np.testing.assert_allclose(found["central"], ds["central"][:, 0, 0], rtol=1e-7)


@pytest.mark.parametrize("name", ["BW", "central", "V"])
def test_arms_that_differ_in_what_starts_are_computed_from_have_files_of_their_own(oral, tmp_path, name):
    arms = [arm(oral, changes={name: x}, id=f"{x}") for x in (30.0, 90.0)]
    path = qsp.write_sedml(arms, tmp_path / "arms.sedml")
    assert "repeatedTask" not in path.read_text()
    assert len(list(tmp_path.glob("*.xml"))) == 2
    same_curves(arms, qsp.read_sedml(path))


def test_a_dose_is_not_varied_in_a_repeated_task(tmp_path):
    model = qsp.read_antimony("model m; species S; S = 0; D = 5; J: S -> ; k*S; k = 0.1; end")
    arms = [qsp.Experiment(model, times=[0, 1, 2], regimen="[2*D] into S", changes={"D": d}, id=f"{d}") for d in (1, 2)]
    path = qsp.write_sedml(arms, tmp_path / "a.sedml")
    assert "repeatedTask" not in path.read_text()
    same_curves(arms, qsp.read_sedml(path))


def test_subjects_are_repeated_where_tools_follow_and_have_files_of_their_own_where_not(oral, tmp_path):
    people = pd.DataFrame({"ka": [0.3, 1.5]}, index=["a", "b"])
    found = qsp.run_sedml(qsp.write_sedml(arm(oral), tmp_path / "ka.sedml", subjects=people))["report"]
    ds = qsp.simulate(arm(oral), subjects=people)
    np.testing.assert_allclose(found["central"], ds["central"][0, :, 0], rtol=1e-7)
    heavy = pd.DataFrame({"BW": [50.0, 90.0], "D": [1.0, 2.0]}, index=["a", "b"])
    own = arm(oral, regimen="[D*BW] mg into depot", id="mg/kg")
    path = qsp.write_sedml(own, tmp_path / "bw.sedml", subjects=heavy)
    assert [e.id for e in qsp.read_sedml(path).experiments] == ["mg/kg, subject a", "mg/kg, subject b"]
    ours, theirs = qsp.simulate(own, subjects=heavy), qsp.simulate(qsp.read_sedml(path).experiments)
    np.testing.assert_allclose(theirs["central"][:, 0, 0], ours["central"][0, :, 0], rtol=1e-7)


# --------------------------------------------------------------------------------------------------------------- times
def test_uneven_times_are_several_courses_and_one_experiment_again(oral, tmp_path):
    arms = [arm(oral, times=[0, 0.1, 0.2, 1, 2, 4, 8, 12, 24], id="uneven")]
    path = qsp.write_sedml(arms, tmp_path / "a.sedml")
    text = path.read_text()
    assert text.count("<uniformTimeCourse") == 4
    # A course that begins late has its model to itself: tools would have doses twice in the next run of the same one.
    assert text.count("<model ") == 4
    assert len(list(tmp_path.glob("*.xml"))) == 1
    document = qsp.read_sedml(path)
    assert document.experiments[0].times == arms[0].times
    same_curves(arms, document)


@pytest.mark.parametrize(
    ("times", "expected"),
    [([0, 1, 2], [Grid(0, 2, 2)]), ([0, 1, 2, 9], [Grid(0, 2, 2), Grid(2, 9, 1)]),
     ([3, 4, 10, 20, 30], [Grid(3, 4, 1), Grid(10, 30, 2)]), ([0.1 * k for k in range(300)], [Grid(0.0, 29.9, 299)])],
)  # fmt: skip
def test_times_are_split_into_equally_spaced_ones(times, expected):
    found = grids_of(times, where="here")
    assert [(g.start, g.steps) for g in found] == [(g.start, g.steps) for g in expected]
    assert {round(t, 9) for g in found for t in g.times()} == {round(t, 9) for t in times}


def test_no_dose_is_later_than_the_output_that_shows_it(tmp_path):
    model = qsp.read_antimony("model m; species S; S = 0; J: S -> ; k*S; k = 0.1; end")
    every = qsp.Experiment(model, times="0:8 by 0.1", regimen="1 into S every 0.1 x 70")
    path = qsp.write_sedml(every, tmp_path / "a.sedml")
    events = qsp.read_sbml(tmp_path / "a_model.xml").network.events
    happens = np.array([float(e.trigger.args[1].value) for e in events])
    shown = np.array([0.0 + k * (8 / 80) for k in range(81)])
    near = np.array([shown[np.abs(shown - t).argmin()] for t in happens])
    assert len(events) == 70
    assert (happens <= near).all()
    assert np.abs(happens - near).max() < 1e-12
    assert path.is_file()


# ----------------------------------------------------------------------------------------------------------- refusals
REFUSED = {
    "fates": ({"fates": {"end": "central > 3"}}, "cannot say what ends a cell"),
    "before a dose": ({"at_dose": "before"}, "shows what is after it"),
    "one time": ({"times": [3.0]}, "no course of a single time"),
    "uneven": ({"times": [k**2.5 for k in range(60)]}, "so uneven that SED-ML needs"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_sedml_cannot_say_is_refused(oral, tmp_path, name):
    asked, message = REFUSED[name]
    with pytest.raises(qsp.UnsupportedError, match=message):
        qsp.write_sedml(arm(oral, **asked), tmp_path / "a.sedml")
    assert not list(tmp_path.iterdir())


def test_observations_before_doses_at_other_times_are_written(oral, tmp_path):
    path = qsp.write_sedml(arm(oral, times=[1, 2, 3], at_dose="before"), tmp_path / "a.sedml")
    assert qsp.run_sedml(path)["report"].sizes["time"] == 3


def test_too_many_subjects_with_files_of_their_own_are_refused(oral, tmp_path):
    crowd = pd.DataFrame({"BW": np.linspace(50, 100, 201)})
    with pytest.raises(qsp.UnsupportedError, match="201 subjects need a model file each"):
        qsp.write_sedml(arm(oral), tmp_path / "a.sedml", subjects=crowd)


def test_tolerances_are_terms(oral, tmp_path):
    path = qsp.write_sedml(arm(oral), tmp_path / "a.sedml", tolerances=qsp.Tolerances(1e-7, 1e-30, 1234))
    text = path.read_text()
    assert 'kisaoID="KISAO:0000019"' in text
    for number, value in ((209, "1e-07"), (415, "1234")):
        assert f'kisaoID="KISAO:{number:07d}" value="{value}"' in text
    absolute = float(re.findall(r'kisaoID="KISAO:0000211" value="([^"]*)"', text)[0])
    assert absolute == pytest.approx(1e-30 * 1.4, rel=1e-12, abs=0)  # 0.07 mg/L in 20 L are the least that is there
