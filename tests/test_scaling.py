"""Runs spread over processes: the same numbers bit for bit, whoever dies."""

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest

import sbmlqsp as qsp
from sbmlqsp.outcome import Deterministic
from sbmlqsp.scaling import local, sinks
from sbmlqsp.scaling.local import Died, LocalWorkers
from sbmlqsp.scaling.work import Piece, Work, perform, pieces_of
from sbmlqsp.subjects import read_subjects

ENDLESS = "model m; species S; S = 1; x' = w*y; y' = -w*x; x = 1; y = 0; w = 1; J: S => ; S; end"


@pytest.fixture(scope="module")
def here(arms, population):
    return qsp.simulate(arms, population=population, size=23, seed=6)


@pytest.mark.parametrize("options", [{"workers": 2, "chunk": 7}, {"workers": 2}], ids=str)
def test_processes_give_the_same_bits(arms, population, here, options):
    assert here.identical(qsp.simulate(arms, population=population, size=23, seed=6, **options))


@pytest.mark.parametrize("chunk", [1, 7, 1000])
def test_an_executor_gives_the_same_bits(arms, population, here, chunk):
    with ThreadPoolExecutor(2) as pool:
        assert here.identical(qsp.simulate(arms, population=population, size=23, seed=6, executor=pool, chunk=chunk))


def test_a_killed_process_costs_nothing(arms, population, here, monkeypatch):
    started = []
    plain = local._Worker.__init__

    def watched(self, *given):
        plain(self, *given)
        started.append(self)
        if len(started) == 1:
            os.kill(self.process.pid, signal.SIGKILL)

    monkeypatch.setattr(local._Worker, "__init__", watched)
    ds = qsp.simulate(arms, population=population, size=23, seed=6, workers=2, chunk=4)
    assert len(started) >= 3
    assert here.identical(ds)


def test_a_failure_is_raised_or_recorded_as_in_one_process():
    model = qsp.read_antimony("model m; species S; S = 1; J: => S; a*S^2; a = 0; end")
    arm = qsp.Experiment(model, times=[0, 2])
    people = pd.DataFrame({"a": [0.1, 0.2, 5.0, 0.3]})
    alone = qsp.simulate(arm, subjects=people, on_failure="record")
    assert alone.identical(qsp.simulate(arm, subjects=people, on_failure="record", workers=2, chunk=2))
    with pytest.raises(qsp.SimulationError, match="Subject 2 of 'experiment' failed"):
        qsp.simulate(arm, subjects=people, workers=2, chunk=2)


def test_a_patient_that_never_ends_is_named_and_the_others_are_done(monkeypatch):
    monkeypatch.setattr(local, "WARMING", 4.0)
    model = qsp.read_antimony(ENDLESS)
    arm = qsp.Experiment(model, times=np.linspace(0, 1, 201), observables=["S"])
    people = pd.DataFrame({"w": [1.0, 1e6, 2.0]})
    begun = time.monotonic()
    ds = qsp.simulate(arm, subjects=people, workers=1, time_limit=1.0, on_failure="record")
    assert time.monotonic() - begun < 40
    assert ds["status"].to_numpy().ravel().tolist() == [0, 4, 0]
    assert "longer than the time allowed" in str(ds["message"].to_numpy().ravel()[1])
    assert ds["S"].to_numpy()[0, [0, 2], 0, -1] == pytest.approx(np.exp(-1.0), rel=1e-8)


def test_a_subject_at_which_processes_die_twice_is_named(arms):
    people = read_subjects(pd.DataFrame({"k": [0.1, 0.2, 0.3]}), tuple(arms))
    whole = sinks.Whole(arms, people, lambda *_: None)
    (piece,) = pieces_of(people, 10)
    assert whole.mourn(piece, Died(1, late=False, code=-11)) is piece
    rest = whole.mourn(piece, Died(1, late=False, code=-11))
    assert rest.positions.tolist() == [0, 2]
    whole.put(rest, perform(Work.of(arms, Deterministic(qsp.Tolerances()), stop=False), rest))
    first, second = whole.outcomes()
    assert first.status.tolist() == second.status.tolist() == [0, 5, 0]
    assert "died (exit status -11)" in first.messages[1]
    assert np.isnan(first.columns["S"][1]).all()
    assert first.columns["S"][2, 0] == 10


def test_an_error_in_a_process_is_raised_here(arms):
    people = read_subjects(pd.DataFrame({"k": [0.1]}), tuple(arms))
    broken = Piece(0, np.array([0]), "nobody")
    with pytest.raises(AttributeError):
        list(LocalWorkers(Work.of(arms, Deterministic(qsp.Tolerances()), stop=False), 1).run([broken]))
    assert people.ids == (0,)


def test_an_interruption_ends_the_processes(arms, population):
    pieces = pieces_of(read_subjects(qsp.sample(population, 40, seed=1)[["k"]], tuple(arms)), 4)
    runs = LocalWorkers(Work.of(arms, Deterministic(qsp.Tolerances()), stop=False), 2)
    course = runs.run(pieces)
    next(course)
    processes = [w.process for w in runs._workers]
    begun = time.monotonic()
    course.close()  # as an interruption does
    assert time.monotonic() - begun < 2
    assert all(p.poll() is not None for p in processes)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"workers": 0}, "workers is not usable"),
        ({"workers": 2.5}, "workers is not usable"),
        ({"chunk": 0, "workers": 2}, "chunk is not usable"),
        ({"time_limit": 3.0}, "processes that can be ended"),
        ({"workers": 2, "time_limit": -1.0}, "processes that can be ended"),
        ({"workers": 2, "executor": ThreadPoolExecutor(1)}, "both given"),
        ({"executor": "pool"}, "no executor"),
    ],
    ids=range(7),
)
def test_nonsense_is_refused(arms, options, words):
    with pytest.raises(qsp.ExperimentError, match=f"(?i){words}"):
        qsp.simulate(arms, **options)


SOMETIMES = "model m(k, S); species S; S = 10; J: S => ; k*S/(k > 0.1); end"


@pytest.fixture(scope="module")
def halting():
    """One in four people makes the rate divide by zero."""
    model = qsp.read_antimony(SOMETIMES)
    people = pd.DataFrame({"k": [0.2, 0.3, 0.4, 0.05] * 5}, index=range(1, 21))
    return [qsp.Experiment(model, times=[0, 1], id=i) for i in ("one", "two")], people


def test_more_failures_than_allowed_end_the_simulation(halting, tmp_path):
    arms, people = halting
    options = {"subjects": people, "on_failure": "record", "chunk": 4}
    ds = qsp.simulate(arms, max_failed=0.25, **options)
    assert int((ds["status"] > 0).sum()) == 10
    for workers in (None, 2):
        with pytest.raises(qsp.SimulationError, match=r"of 40 runs failed, more than max_failed allows; the first: s"):
            qsp.simulate(arms, max_failed=0.2, workers=workers, **options)
    with pytest.raises(qsp.SimulationError, match=r"open_store\(…\)\.failed"):
        qsp.simulate(arms, max_failed=0.2, store=tmp_path / "s", **options)
    so_far = qsp.open_store(tmp_path / "s").failed
    assert so_far["k"].tolist() == [0.05] * len(so_far)
    assert 9 <= len(so_far) <= 10
    store = qsp.simulate(arms, store=tmp_path / "s", resume=True, **options)
    assert store.ledger.attrs == {"runs": 40, "failed": 10}
    assert store.ledger["subject"].tolist() == [4, 4, 8, 8, 12, 12, 16, 16, 20, 20]


def test_a_share_of_failures_is_checked(halting):
    arms, people = halting
    for value, message in [(1.5, "Expected: 0 to 1"), (True, "not usable")]:
        with pytest.raises(qsp.ExperimentError, match=message):
            qsp.simulate(arms, subjects=people, on_failure="record", max_failed=value)
    with pytest.raises(qsp.ExperimentError, match="on_failure='record'"):
        qsp.simulate(arms, subjects=people, max_failed=0.5)


def test_what_was_tried_in_vain_is_said():
    model = qsp.read_antimony("model m; species S; S = 1; J: => S; S^2; end")
    ds = qsp.simulate(qsp.Experiment(model, times=[0, 2]), on_failure="record")
    message = str(ds["message"].item())
    assert "stopped at time" in message
    assert "tried in vain: an absolute tolerance of 1e-24 of each state's scale" in message
    assert "a thousandth of the run" in message
