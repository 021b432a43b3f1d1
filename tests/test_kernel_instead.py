"""Whom libRoadRunner cannot integrate the kernel does, where the choice was free; and what stays a failure."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

import sbmlqsp as qsp
from sbmlqsp import engines, outcome
from sbmlqsp.batch import run_batch
from sbmlqsp.errors import SimulationError, UnsupportedError

# What has decayed acts by a power that is no whole number: the engine tries it below zero, where that is no number.
GONE = "model m; C = 100; k = 1; C' = -k*C; E = 1; E' = 0.5/(1 + C^1.3) - 0.5*E; end"
WORDS = "integrated by the batch kernel, as libRoadRunner failed: stopped at time 9"


def arm_of(text=GONE, times=(0, 1, 1000), **more):
    return qsp.Experiment(qsp.read_antimony(text), times=times, **more)


def inputs_of(ds):
    return json.loads(ds.attrs["provenance"])["inputs"]


def messages_of(ds):
    return ds["message"].to_numpy().ravel().tolist()


@pytest.mark.parametrize("engine", [None, "auto"])
def test_whom_libroadrunner_cannot_integrate_the_kernel_does_where_the_choice_was_free(engine):
    found = qsp.simulate(arm_of(observables=["C", "E"]), engine=engine)
    assert found["C"].to_numpy().ravel() == pytest.approx([100, 100 * np.exp(-1), 0], rel=1e-7, abs=1e-30)
    assert found["E"].to_numpy().ravel()[-1] == pytest.approx(1, rel=1e-9)
    assert messages_of(found)[0].startswith(WORDS)
    assert inputs_of(found)["integrated_instead"] == {"engine": "kernel", "runs": 1}
    alone = qsp.simulate(arm_of(observables=["C", "E"]), engine="kernel")
    assert np.array_equal(found["E"], alone["E"])


def test_libroadrunner_asked_for_by_name_is_not_replaced_but_the_kernel_is_named():
    with pytest.raises(SimulationError, match=r"libRoadRunner|CV_CONV_FAILURE.*engine='kernel'"):
        qsp.simulate(arm_of(), engine="roadrunner")
    ds = qsp.simulate(arm_of(), engine="roadrunner", on_failure="record")
    assert ds["status"].to_numpy().ravel().tolist() == [1]
    assert "kernel" not in messages_of(ds)[0]


@pytest.mark.parametrize("raising", [True, False])
def test_only_the_subjects_that_failed_are_integrated_by_the_kernel(raising):
    people = pd.DataFrame({"k": [1.0, 0.001, 2.0, 0.002]})
    found = qsp.simulate(arm_of(observables=["C"]), subjects=people, on_failure="raise" if raising else "record")
    assert [m.startswith("integrated by the batch kernel") for m in messages_of(found)] == [True, False, True, False]
    assert inputs_of(found)["integrated_instead"] == {"engine": "kernel", "runs": 2}
    only = qsp.simulate(arm_of(observables=["C"]), subjects=people, engine="roadrunner", on_failure="record")
    assert np.array_equal(found["C"].to_numpy()[0, [1, 3]], only["C"].to_numpy()[0, [1, 3]])
    last = qsp.simulate(arm_of(observables=["C"]), subjects=people.iloc[[2]])
    assert np.array_equal(found["C"].to_numpy()[0, 2], last["C"].to_numpy()[0, 0])


def test_processes_of_their_own_and_a_store_do_the_same(tmp_path):
    people = pd.DataFrame({"k": [1.0, 0.001, 2.0]})
    here = qsp.simulate(arm_of(observables=["C"]), subjects=people)
    there = qsp.simulate(arm_of(observables=["C"]), subjects=people, workers=2)
    assert np.array_equal(here["C"], there["C"])
    assert messages_of(here) == messages_of(there)
    store = qsp.simulate(arm_of(observables=["C"]), subjects=people, store=tmp_path / "store")
    assert np.array_equal(here["C"], store.read()["C"])
    again = store.rerun(arm_of(observables=["C"]), 1)
    assert np.array_equal(again["C"].to_numpy()[0, 0], here["C"].to_numpy()[0, 1])
    first = store.rerun(arm_of(observables=["C"]), 0)
    assert np.array_equal(first["C"].to_numpy()[0, 0], here["C"].to_numpy()[0, 0])


ENDS = {
    "a blow-up": ("x' = x^2", 2),
    "a faster blow-up": ("x' = exp(x)", 5),
    "a tangent": ("x' = 1 + x^2", 5),
    "a pole": ("x' = -1/x", 2),
    "a pole in time": ("x' = 1/(time - 1.2345)^2", 5),
    "a pole on the way": ("x' = x/(1.2345 - time) + 1", 5),
    "a root of what becomes negative": ("x' = -x^0.5", 4),
    "a logarithm of what becomes negative": ("y = 0; x' = -1; y' = ln(x) - y", 5),
}


@pytest.mark.parametrize(("law", "end"), ENDS.values(), ids=ENDS)
def test_what_has_no_solution_stays_a_failure_with_the_words_of_libroadrunner(law, end):
    arm = arm_of(f"model m; x = 1; {law}; end", times=(0, end))
    found, only = (qsp.simulate(arm, engine=e, on_failure="record") for e in ("auto", "roadrunner"))
    assert found["status"].to_numpy().tolist() == only["status"].to_numpy().tolist() != [[[0]]]
    assert messages_of(found)[0].startswith(messages_of(only)[0])
    assert np.isnan(found["x"].to_numpy()).all()
    assert "integrated_instead" not in inputs_of(found)
    with pytest.raises(SimulationError):
        qsp.simulate(arm)


def test_that_the_kernel_failed_as_well_is_said():
    ds = qsp.simulate(arm_of("model m; x = 1; x' = x^2; end", times=(0, 2)), on_failure="record")
    assert "; the batch kernel failed as well: the integrator could not meet its tolerance" in messages_of(ds)[0]


def test_what_the_kernel_does_not_run_fails_as_it_did(monkeypatch):
    def refuse(*_, **__):
        raise UnsupportedError("something")

    monkeypatch.setattr(outcome, "prepare_batch", refuse)
    only = qsp.simulate(arm_of(), engine="roadrunner", on_failure="record")
    assert messages_of(qsp.simulate(arm_of(), on_failure="record")) == messages_of(only)


def test_what_the_kernel_does_not_confirm_is_not_taken(monkeypatch):
    """Nothing but a tighter run of its own vouches for the kernel where the other engine gives nothing."""

    def wavering(arm, people, *, tolerances, **how):
        found = run_batch(arm, people, tolerances=tolerances, **how)
        columns = {name: v * (1 + 1e4 * tolerances.relative) for name, v in found.columns.items()}
        return type(found)(columns, found.env, found.status, found.messages, found.deliveries)

    monkeypatch.setattr(outcome, "run_batch", wavering)
    ds = qsp.simulate(arm_of(), on_failure="record")
    assert ds["status"].to_numpy().ravel().tolist() == [1]
    assert "tighter tolerances differs" in messages_of(ds)[0]


def test_a_blow_up_of_many_ends_at_the_first(monkeypatch):
    """One that nothing helps is enough where failures raise; the others need not be tried."""
    tried = []
    plain = outcome.run_arm

    def counting(arm, people, **how):
        result = plain(arm, people, **how)
        tried.append(int((result.status > 0).sum()))
        return result

    monkeypatch.setattr(outcome, "run_arm", counting)
    with pytest.raises(SimulationError, match="Subject 0 of"):
        qsp.simulate(arm_of("model m; x = 1; x' = x^2; end", times=(0, 2)), subjects={"x": np.ones(50)})
    assert tried == [1]


def test_a_population_of_which_libroadrunner_gives_nothing_to_compare_runs_there_with_the_kernels_help(monkeypatch):
    monkeypatch.setattr(engines, "ENOUGH", 4)
    found = qsp.simulate(arm_of(observables=["C"]), subjects={"k": [1.0, 0.001, 1.5, 2.0]})
    record = inputs_of(found)
    assert "engine" not in record
    assert "libRoadRunner failed" in record["engine_choice"]["kernel"]
    assert record["integrated_instead"] == {"engine": "kernel", "runs": 3}


def test_a_population_is_compared_on_those_whom_libroadrunner_integrates(monkeypatch):
    monkeypatch.setattr(engines, "ENOUGH", 4)
    record = inputs_of(qsp.simulate(arm_of(observables=["C"]), subjects={"k": [1.0, 0.001, 0.002, 2.0]}))
    assert record["engine"] == "kernel"
    assert record["engine_choice"]["subjects"] == ["2"]
    assert record["engine_choice"]["largest_difference"] < 1e-6
    assert "integrated_instead" not in record


def test_a_report_says_which_engine_gave_the_numbers(tmp_path):
    arm = arm_of(observables=["C"])
    page = qsp.report(qsp.simulate(arm), arm, path=tmp_path / "report.html").read_text(encoding="utf-8")
    assert "1 run by the batch kernel, as libRoadRunner failed (subject 1)" in page


def test_a_report_says_whom_libroadrunner_integrated_instead(tmp_path, monkeypatch):
    arm = arm_of("model m; x = 1; f = 1; x' = f - x^0.5; end", times=(0, 1, 50))
    monkeypatch.setattr(engines, "ENOUGH", 3)

    def failing(arm, people, **how):
        found = run_batch(arm, people, **how)
        found.status[1], found.messages[1] = 1, "it failed"
        return found

    monkeypatch.setattr(outcome, "run_batch", failing)
    ds = qsp.simulate(arm, subjects={"x": [1.0, 2.0, 3.0]})
    assert inputs_of(ds)["integrated_instead"] == {"engine": "roadrunner", "runs": 1}
    page = qsp.report(ds, arm, path=tmp_path / "report.html").read_text(encoding="utf-8")
    assert "1 run by libRoadRunner, as the batch kernel failed (subject 1)" in page
