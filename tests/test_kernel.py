"""The batch kernel of differential equations: closed forms, libRoadRunner's results, order, failures, the choice."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import sbmlqsp as qsp
from sbmlqsp import batch, engines, outcome
from sbmlqsp.batch import KERNEL, run_batch
from sbmlqsp.errors import SimulationError, UnsupportedError
from sbmlqsp.execution import run_arm
from sbmlqsp.subjects import read_subjects

ORAL = """model oral
  compartment V = 20; species depot in V, central in V; substanceOnly depot
  depot = 0; central = 0; ka = 1.2; CL = 3; tlag = 0.7; F = 0.6
  absorb: depot -> central; ka*depot
  clear: central -> ; CL*central
end"""


@pytest.fixture(scope="module")
def oral():
    return qsp.read_antimony(ORAL)


def by_hand(t, doses, *, ka, CL, V, F, tlag):
    k, out = CL / V, np.zeros_like(t)
    for at, amount in doses:
        s = np.maximum(t - at - tlag, 0.0)
        out += F * amount * ka / (V * (ka - k)) * (np.exp(-k * s) - np.exp(-ka * s))
    return out


def arm_of(oral, *, at_dose="after", times=None):
    dose = qsp.Dose(100.0, "depot", interval=12.0, count=3, lag="tlag", bioavailability="F")
    infusion = qsp.Dose(40.0, "central", time=30.0, duration=2.5)
    times = np.linspace(0, 48, 97) if times is None else times
    regimen = qsp.Regimen((dose, infusion))
    return qsp.Experiment(oral, times=times, regimen=regimen, observables=["central", "depot"], at_dose=at_dose)


def people_of(n, seed=0):
    rng = np.random.default_rng(seed)
    typical = {"ka": 1.2, "CL": 3.0, "tlag": 0.7, "F": 0.6}
    return pd.DataFrame({k: v * np.exp(0.3 * rng.standard_normal(n)) for k, v in typical.items()})


def infused(t, *, CL, V):
    k, rate = CL / V, 40.0 / 2.5
    on, off = np.clip(t - 30.0, 0, 2.5), np.maximum(t - 32.5, 0)
    return rate / CL * (1 - np.exp(-k * on)) * np.exp(-k * off)


def test_patients_follow_the_closed_form_with_lag_and_bioavailability_of_their_own(oral):
    people = people_of(12)
    ds = qsp.simulate(arm_of(oral), subjects=people, engine="kernel")
    t = ds["time"].to_numpy()
    for i, row in people.iterrows():
        exact = by_hand(t, [(0.0, 100.0), (12.0, 100.0), (24.0, 100.0)], V=20.0, **row) + infused(t, CL=row.CL, V=20.0)
        assert ds["central"].to_numpy()[0, i, 0] == pytest.approx(exact, rel=2e-7, abs=1e-9)
    record = json.loads(ds.attrs["provenance"])["inputs"]
    assert record["engine"] == "kernel"
    assert record["tolerances"]["relative"] == KERNEL.relative


@pytest.mark.parametrize("at_dose", ["after", "before"])
def test_outputs_at_doses_show_the_same_side_as_on_libroadrunner(oral, at_dose):
    arm = arm_of(oral, at_dose=at_dose, times=[0.0, 0.7, 12.0, 12.7, 24.7, 30.0, 32.5, 40.0])
    people = read_subjects(pd.DataFrame({"tlag": [0.7, 0.0]}), (arm,), drawn=None)
    first = run_arm(arm, people, tolerances=qsp.Tolerances())
    second = run_batch(arm, people, tolerances=KERNEL)
    assert engines.difference(arm, first, second).largest < 1e-7


def test_threads_and_pieces_change_no_bit(oral, tmp_path):
    arm, people = arm_of(oral), people_of(300)
    one = qsp.simulate(arm, subjects=people, engine="kernel", workers=1)
    two = qsp.simulate(arm, subjects=people, engine="kernel", workers=3)
    parts = qsp.simulate(arm, subjects=people, engine="kernel", store=tmp_path / "s", chunk=37)
    for name in ("central", "depot"):
        assert np.array_equal(one[name], two[name])
        assert np.array_equal(one[name], parts.read()[name])
    alone = parts.rerun(arm, one["subject"].to_numpy()[141])
    assert np.array_equal(alone["central"][0, 0], one["central"][0, 141])


TANGLED = """model tangled
  compartment V = 2, W = 1; species A in V, B in V, C in W, D in W; substanceOnly species N in V
  A = 3; B = 0.1; C := A*B/(1 + A) + 0.1*time; D = 1; N = 5; V' = 0.02*V; W = 3
  k1 = 0.4; k2 = 1.1; n = 2.5; p = 1; p' = -0.3*p + 0.05*sin(time)
  q := piecewise(p, time < 3, 2*p)
  r1: A -> 2 B; k1*A*V/(1 + (B/0.7)^n); r2: B -> ; k2*B*V*q; r3: N -> ; 0.2*N; r4: -> A; exp(-C)*V
  D' = 0.3 - 0.1*D*C
end"""


def test_varying_volumes_rules_rates_and_jumps_are_those_of_libroadrunner():
    model = qsp.read_antimony(TANGLED)
    arm = qsp.Experiment(model, times=np.linspace(0, 10, 21), observables=["A", "B", "C", "D", "N", "p", "q", "V"])
    people = read_subjects(pd.DataFrame({"k1": [0.4, 0.9]}), (arm,), drawn=None)
    first = run_arm(arm, people, tolerances=qsp.Tolerances())
    second = run_batch(arm, people, tolerances=KERNEL)
    assert set(first.status) == set(second.status) == {0}
    assert engines.difference(arm, first, second).largest < 1e-7


def test_errors_fall_with_the_fifth_power_of_the_step():
    model = qsp.read_antimony("model m; x = 1; y = 0; x' = -x*y + sin(time); y' = x^2 - y; end")
    arm = qsp.Experiment(model, times=[0.0, 5.0], observables=["x", "y"])
    people = read_subjects(None, (arm,), drawn=None)

    def at(relative):
        found = run_batch(arm, people, tolerances=qsp.Tolerances(relative, 1e-16))
        return np.array([found.columns["x"][0, 1], found.columns["y"][0, 1]])

    exact = at(1e-13)
    errors = [np.abs(at(r) - exact).max() for r in (1e-5, 1e-7, 1e-9)]
    assert errors[0] < 1e-3
    assert errors[1] < errors[0] / 20
    assert errors[2] < errors[1] / 20
    assert errors[2] < 1e-8


def test_a_subject_that_cannot_be_integrated_fails_alone(oral):
    model = qsp.read_antimony("model m; x = 1; k = 0; x' = k*x^2 - x; end")
    arm = qsp.Experiment(model, times=[0, 1, 5], observables=["x"])
    people = pd.DataFrame({"k": [0.0, 3.0, 0.5]})
    ds = qsp.simulate(arm, subjects=people, engine="kernel", on_failure="record")
    assert ds["status"].to_numpy().ravel().tolist() == [0, 1, 0]
    assert "stopped at time 0.4" in str(ds["message"].to_numpy().ravel()[1])
    assert np.isnan(ds["x"].to_numpy()[0, 1]).all()
    assert np.isfinite(ds["x"].to_numpy()[0, [0, 2]]).all()
    with pytest.raises(SimulationError, match=r"Subject 1 .* failed"):
        qsp.simulate(arm, subjects=people, engine="kernel")


# ------------------------------------------------------------------------------------------------------------- choosing
def test_what_the_kernel_does_not_run_is_refused_by_name_and_runs_on_libroadrunner(oral, monkeypatch):
    arm = qsp.Experiment(oral, times=[0, 1], regimen="100 into depot", observables=["central"])
    monkeypatch.setattr(batch, "MOST_STATES", 1)
    for engine in ("kernel", "both"):
        with pytest.raises(UnsupportedError, match="too many states"):
            qsp.simulate(arm, engine=engine)
    monkeypatch.setattr(engines, "ENOUGH", 2)
    ds = qsp.simulate(arm, subjects=people_of(2))
    record = json.loads(ds.attrs["provenance"])["inputs"]
    assert "engine" not in record
    assert "too many states" in record["engine_choice"]["kernel"]


def test_populations_run_on_the_kernel_after_a_look_at_libroadrunner(oral, monkeypatch):
    monkeypatch.setattr(engines, "ENOUGH", 5)
    ds = qsp.simulate(arm_of(oral), subjects=people_of(5))
    record = json.loads(ds.attrs["provenance"])["inputs"]
    assert record["engine"] == "kernel"
    assert len(record["engine_choice"]["subjects"]) == 3
    assert record["engine_choice"]["largest_difference"] < 1e-6
    few = qsp.simulate(arm_of(oral), subjects=people_of(4))
    assert "engine" not in json.loads(few.attrs["provenance"])["inputs"]


def second_lost(arm, people, **how):
    """A kernel that gives the second subject up."""
    found = run_batch(arm, people, **how)
    found.status[1], found.messages[1] = 1, "it is too hard"
    return found


def test_whom_the_kernel_cannot_integrate_libroadrunner_does_where_the_choice_was_free(oral, monkeypatch):
    arm, people = arm_of(oral), people_of(4)
    monkeypatch.setattr(engines, "ENOUGH", 4)
    monkeypatch.setattr(outcome, "run_batch", second_lost)
    found = qsp.simulate(arm, subjects=people)
    only = qsp.simulate(arm, subjects=people, engine="roadrunner")
    assert json.loads(found.attrs["provenance"])["inputs"]["engine"] == "kernel"
    assert not found["status"].any()
    assert found["central"].to_numpy() == pytest.approx(only["central"].to_numpy(), rel=1e-6)
    assert np.array_equal(found["central"].to_numpy()[0, 1], only["central"].to_numpy()[0, 1])
    messages = found["message"].to_numpy().ravel().tolist()
    assert messages[1] == "integrated by libRoadRunner, as the kernel failed: it is too hard"
    assert [bool(m) for m in messages] == [False, True, False, False]
    alone = qsp.simulate(arm, subjects=people, engine="kernel", on_failure="record")
    assert (alone["status"].to_numpy().ravel() > 0).tolist() == [False, True, False, False]


def test_a_look_at_both_engines_prints_nothing(monkeypatch, capfd):
    """CVODE writes warnings to the terminal itself, where a window is so narrow that its steps hardly move time."""
    model = qsp.read_antimony("model m; k = 0.1; A = 0; A' = piecewise(1, time > 5 && time < 5.000001, 0) - k*A; end")
    arm = qsp.Experiment(model, times=[0, 1, 1.5, 100], observables=["A"])
    monkeypatch.setattr(engines, "ENOUGH", 3)
    ds = qsp.simulate(arm, subjects={"k": [0.1, 0.11, 0.12]})
    assert json.loads(ds.attrs["provenance"])["inputs"]["engine"] == "kernel"
    assert capfd.readouterr() == ("", "")


def wrong(arm, people, **how):
    """A kernel that is wrong from 20 on."""
    found = run_batch(arm, people, **how)
    late = np.asarray(arm.times) > 20
    columns = {name: np.where(late, values * 1.001, values) for name, values in found.columns.items()}
    return type(found)(columns, found.env, found.status, found.messages, found.deliveries)


def test_both_tells_how_far_apart_the_engines_are_and_does_not_pass_over_a_difference(oral, monkeypatch):
    ds = qsp.simulate(arm_of(oral), subjects=people_of(3), engine="both")
    assert 0 < float(ds["engine_difference"].max()) < 1e-6
    only = qsp.simulate(arm_of(oral), subjects=people_of(3), engine="roadrunner")
    assert np.array_equal(ds["central"], only["central"])
    monkeypatch.setattr(engines, "run_batch", wrong)
    with pytest.raises(SimulationError, match=r"disagree in '.*' \(time: libRoadRunner, kernel\): .*; .*; "):
        qsp.simulate(arm_of(oral), subjects=people_of(3), engine="both")
    monkeypatch.setattr(engines, "ENOUGH", 3)
    with pytest.warns(UserWarning, match="differ by 0.001"):
        ds = qsp.simulate(arm_of(oral), subjects=people_of(3))
    assert "engine" not in json.loads(ds.attrs["provenance"])["inputs"]


def test_no_such_engine(oral):
    with pytest.raises(UnsupportedError, match="'auto', 'roadrunner', 'kernel', 'both'"):
        qsp.simulate(arm_of(oral), engine="cvode")
    with pytest.raises(UnsupportedError, match="time limit"):
        qsp.simulate(arm_of(oral), engine="kernel", workers=1, time_limit=5)


@pytest.mark.parametrize("given", [{"relative": v} for v in (0, -1, 1, math.nan, "a", None, True)]
                         + [{"absolute": v} for v in (-1e-9, math.nan, math.inf, "a")]
                         + [{"maximum_steps": v} for v in (0, -5, 2.5, "many")], ids=str)  # fmt: skip
def test_tolerances_that_are_none_are_refused(given):
    with pytest.raises(qsp.ExperimentError, match=r"tolerance is no number|most steps are no whole number"):
        qsp.Tolerances(**given)


@pytest.mark.parametrize(
    "name",
    [
        "qsp_held_0",
        "qsp_bend_0",
        "qsp_inflow_C",
        "qsp_rate_0",
        "qsp_infusion_0",
        "qsp_changes",
        "qsp_gap_0",
        "qsp_crossed_0",
        "qsp_due_0",
    ],
)
@pytest.mark.parametrize("old", ["k", "P", "J", "y", "E"])
def test_names_that_the_engines_add_to_a_model_are_right_or_refused(name, old):
    """The kernel took the model's own for its conditions and infusions; libRoadRunner ended the process."""
    text = (
        "model m; species C = 10, P = 0; k = 0.1; n = 0; J: C -> P; k*C*piecewise(2, C > 5, 1); y := 2*C + P; "
        "E: at C < 3: n = n + 1; end"
    )
    arm = qsp.Experiment(
        qsp.read_antimony(text), times=[0, 4, 12], regimen="10 into C over 2 at 1", observables=["C", "n"]
    )
    right = qsp.simulate(arm, engine="kernel")["C"].to_numpy().ravel()
    renamed = replace(arm, model=qsp.read_antimony(re.sub(rf"\b{old}\b", name, text)))
    for engine in ("kernel", "roadrunner"):
        try:
            found = qsp.simulate(renamed, engine=engine)["C"].to_numpy().ravel()
        except qsp.QSPError as err:
            assert f"a name that is reserved (got '{name}')" in str(err)  # noqa: PT017
        else:
            assert found == pytest.approx(right, rel=1e-7)
