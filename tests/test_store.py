"""Results on disk: whole parts or none, resumed without a difference, and refused where they do not fit."""

import json
import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

import sbmlqsp as qsp
from sbmlqsp import store as storing
from sbmlqsp.outcome import Deterministic
from tests.decay import DECAY


@pytest.fixture(scope="module")
def here(arms, population):
    return qsp.simulate(arms, population=population, size=53, seed=6)


def stored(arms, population, folder, **options):
    return qsp.simulate(arms, population=population, size=53, seed=6, store=folder, chunk=10, **options)


def test_a_store_holds_what_memory_would(arms, population, here, tmp_path):
    store = stored(arms, population, tmp_path / "s")
    whole = store.read()
    for name in here.variables:
        assert here[name].equals(whole[name]), name
    expected = qsp.summarise(here).query("n > 0").reset_index(drop=True)
    pd.testing.assert_frame_equal(store.summarise(), expected, check_exact=True)
    assert store.ledger.attrs == {"runs": 106, "failed": 0}
    some = qsp.open_store(tmp_path / "s").read(subjects=[7, 31], observables=["S"])
    assert some["S"].equals(here["S"].sel(subject=[7, 31]))
    assert "complete" in repr(store)
    assert not (tmp_path / "s" / "running.lock").exists()


def test_one_subject_can_be_run_again_alone(arms, population, here, tmp_path):
    again = stored(arms, population, tmp_path / "s").rerun(arms, 31)
    assert np.array_equal(again["S"].to_numpy()[:, 0], here["S"].sel(subject=31).to_numpy(), equal_nan=True)
    with pytest.raises(qsp.DataError, match="none of these"):
        qsp.open_store(tmp_path / "s").rerun(arms, 99)
    with pytest.raises(qsp.DataError, match="not the experiments"):
        qsp.open_store(tmp_path / "s").rerun(arms[0], 31)


@pytest.mark.parametrize("options", [{}, {"workers": 2}], ids=["here", "workers"])
def test_what_is_missing_or_truncated_is_done_again(arms, population, here, tmp_path, options):
    store = stored(arms, population, tmp_path / "s")
    parts = sorted((tmp_path / "s" / "parts").iterdir())
    kept = parts[0].stat().st_mtime_ns
    os.truncate(parts[2], parts[2].stat().st_size // 2)
    parts[4].unlink()
    assert store.missing == [2, 4]
    with pytest.raises(qsp.DataError, match=r"lacks 2 of 6 parts.*resume"):
        store.read()
    again = stored(arms, population, tmp_path / "s", resume=True, **options)
    assert parts[0].stat().st_mtime_ns == kept
    assert all(here[name].equals(again.read()[name]) for name in here.variables)


def test_a_killed_parent_leaves_a_store_to_resume(arms, population, here, tmp_path):
    script = f"""
import os, sbmlqsp as qsp
from sbmlqsp import store
model = qsp.read_antimony({DECAY!r})
arms = [qsp.Experiment(model, times=[0, 1, 5], regimen="3 into S at 1", id="one"),
        qsp.Experiment(model, times=[0, 2], observables=["S", "2*S"], id="two")]
population = qsp.Population({{"k": 0.1}}, variability={{"k": qsp.Variability("log-normal", cv=0.3)}})
plain, count = store.Filed.keep, []
def keep(self, *given):
    count.append(1)
    if len(count) == 3:
        os.kill(os.getpid(), 9)
    plain(self, *given)
store.Filed.keep = keep
qsp.simulate(arms, population=population, size=53, seed=6, store={str(tmp_path / "s")!r}, chunk=10)
"""
    done = subprocess.run([sys.executable, "-c", script], check=False, capture_output=True, text=True)
    assert done.returncode == -9, done.stderr
    assert (tmp_path / "s" / "running.lock").exists()
    store = stored(arms, population, tmp_path / "s", resume=True)
    assert all(here[name].equals(store.read()[name]) for name in here.variables)
    assert store.read()["subject"].to_numpy().tolist() == list(range(1, 54))


def test_failures_are_filed_or_raised(tmp_path):
    model = qsp.read_antimony("model m; species S; S = 1; J: => S; a*S^2; a = 0; end")
    arm = qsp.Experiment(model, times=[0, 2])
    people = pd.DataFrame({"a": [0.1, 0.2, 5.0, 0.3]})
    store = qsp.simulate(arm, subjects=people, store=tmp_path / "s", chunk=2, on_failure="record")
    assert store.ledger[["subject", "status", "reason"]].to_numpy().tolist() == [[2, 1, "the integrator failed"]]
    assert store.summarise()["n"].tolist() == [3, 3]
    with pytest.raises(qsp.SimulationError, match="Subject 2 of"):
        qsp.simulate(arm, subjects=people, store=tmp_path / "t", chunk=2)
    assert qsp.open_store(tmp_path / "t").missing == [1]


def test_a_subject_at_whom_processes_die_is_filed_with_its_part(arms, population, tmp_path):
    from sbmlqsp.scaling.local import Died
    from sbmlqsp.scaling.work import Work, perform, pieces_of
    from sbmlqsp.subjects import read_subjects

    table = qsp.sample(population, 3, seed=1)[["k"]]
    people = read_subjects(table, tuple(arms))
    store = storing.prepare(tmp_path / "s", {"pieces": 2, "arms": ["one", "two"], "observables": ["S"]}, resume=False)
    (first, second) = pieces_of(people, 2)
    run = qsp.simulate.__globals__["_Run"](
        tuple(arms), people, Deterministic(qsp.Tolerances()), 1, False, 6, None, None, None, None
    )
    filed = storing.Filed(store, arms, people, lambda *_: None, build=run._dataset)
    rest = filed.mourn(first, Died(0, late=True, code=-9))
    filed.put(rest, perform(Work.of(arms, Deterministic(qsp.Tolerances()), stop=False), rest))
    assert filed.mourn(second, Died(0, late=True, code=-9)) is None
    ds = store.read()
    assert ds["status"].to_numpy()[0, :, 0].tolist() == [4, 0, 4]
    assert np.isfinite(ds["S"].to_numpy()[0, 1, 0, 0])
    assert store.ledger["subject"].tolist() == [1, 1, 3, 3]


def test_a_full_disk_keeps_what_is_written(arms, population, here, tmp_path, monkeypatch):
    from sbmlqsp import results

    plain, count = results.write_results, []

    def full(*given):
        count.append(1)
        if len(count) == 3:
            raise OSError(28, "No space left on device")
        return plain(*given)

    monkeypatch.setattr(results, "write_results", full)
    with pytest.raises(qsp.DataError, match=r"No space left.*part-000002.*make room"):
        stored(arms, population, tmp_path / "s")
    store = stored(arms, population, tmp_path / "s", resume=True)
    assert all(here[name].equals(store.read()[name]) for name in here.variables)


def test_two_runs_do_not_share_a_store(arms, population, tmp_path):
    with storing.locked(tmp_path / "s"), pytest.raises(qsp.DataError, match="Another run writes"):
        stored(arms, population, tmp_path / "s")


def test_the_lock_of_another_machine_stands_and_that_of_a_dead_process_does_not(arms, population, tmp_path):
    folder = tmp_path / "s"
    folder.mkdir()
    lock = folder / "running.lock"
    lock.write_text(json.dumps({"pid": 1, "host": "elsewhere"}), encoding="utf-8")
    with pytest.raises(qsp.DataError, match="elsewhere"):
        stored(arms, population, folder)
    import socket

    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    lock.write_text(json.dumps({"pid": gone.pid, "host": socket.gethostname()}), encoding="utf-8")
    assert stored(arms, population, folder).missing == []


def test_what_does_not_fit_is_refused(arms, population, tmp_path):
    stored(arms, population, tmp_path / "s")
    with pytest.raises(qsp.DataError, match="holds results already"):
        stored(arms, population, tmp_path / "s")
    with pytest.raises(qsp.DataError, match=r"another simulation.*inputs differs"):
        qsp.simulate(arms, population=population, size=53, seed=7, store=tmp_path / "s", chunk=10, resume=True)
    with pytest.raises(qsp.DataError, match="another simulation"):
        qsp.simulate(arms, population=population, size=53, seed=6, store=tmp_path / "s", chunk=9, resume=True)
    with pytest.raises(qsp.ExperimentError, match="nothing to resume"):
        qsp.simulate(arms, population=population, size=5, resume=True)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(qsp.DataError, match="no empty folder"):
        stored(arms, population, tmp_path / "other")
    with pytest.raises(qsp.DataError, match="no store"):
        qsp.open_store(tmp_path / "other")
    plan = tmp_path / "s" / "plan.json"
    for text, words in (("{", "cannot be read"), ('{"format": 99}', "later version")):
        plan.write_text(text, encoding="utf-8")
        with pytest.raises(qsp.DataError, match=words):
            qsp.open_store(tmp_path / "s")
