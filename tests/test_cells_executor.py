"""Single cells on an executor: the same numbers bit for bit, failures and fates included."""

from __future__ import annotations

import os
import signal
import sys
import threading
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest

import sbmlqsp as qsp
from sbmlqsp.engine.roadrunner import quiet
from sbmlqsp.errors import ExperimentError, UnsupportedError
from sbmlqsp.progress import Progress
from sbmlqsp.scaling import spreading
from tests.dosed_cells import cell_arms, cell_people
from validation.population.running import differing

HOW = {"size": 3, "method": "ssa", "replicates": 20, "seed": 5}
FAILING = {"subjects": {"d": [1.0, -1.0, 0.5]}, "method": "ssa", "replicates": 20, "seed": 5}


@pytest.fixture(scope="module")
def executor():
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        yield pool


@pytest.fixture(scope="module")
def whole():
    return qsp.simulate(cell_arms(), population=cell_people(), **HOW)


class Noted:
    """Runs pieces at once, and notes who they are and on how many threads."""

    def __init__(self, workers=None):
        self.pieces, self.threads = [], []
        if workers:
            self._max_workers = workers

    def submit(self, function, work, piece, *more):
        self.pieces.append(piece)
        self.threads.append(work.content[1].threads)
        future = Future()
        future.set_result(function(work, piece, *more))
        return future


@pytest.mark.parametrize("chunk", [None, 7, 25])
def test_pieces_of_subjects_that_differ_from_cell_to_cell(whole, executor, chunk):
    assert np.isin(["", "dead", "gone"], whole["fate"].values).all()
    assert whole.identical(qsp.simulate(cell_arms(), population=cell_people(), workers=2, **HOW))
    assert whole.identical(qsp.simulate(cell_arms(), population=cell_people(), executor=executor, chunk=chunk, **HOW))


def test_leaps_are_the_same(executor):
    how = HOW | {"method": "tau-leaping", "population": cell_people()}
    assert qsp.simulate(cell_arms()[0], **how).identical(
        qsp.simulate(cell_arms()[0], executor=executor, chunk=7, **how)
    )


def test_a_store_interrupted_goes_on_where_it_was(whole, executor, tmp_path, monkeypatch):
    class Interrupted(KeyboardInterrupt):
        pass

    def stop(self, done, failed):
        if done > 40:
            raise Interrupted

    how = HOW | {"population": cell_people(), "executor": executor, "chunk": 7, "store": tmp_path / "s"}
    with monkeypatch.context() as patch:
        patch.setattr(Progress, "tick", stop)
        with pytest.raises(Interrupted):
            qsp.simulate(cell_arms(), **how)
    assert 0 < len(qsp.open_store(tmp_path / "s").missing) < 9
    assert differing(whole, qsp.simulate(cell_arms(), **how, resume=True).read()) == []


def test_failures_are_recorded_or_raised_as_here(executor, tmp_path):
    arm = cell_arms()[0]
    here = qsp.simulate(arm, on_failure="record", **FAILING)
    assert here["status"].values[0, :, 0].tolist() == [0, 6, 0]
    there = {"executor": executor, "chunk": 7}
    assert here.identical(qsp.simulate(arm, on_failure="record", **FAILING, **there))
    for more in ({}, {"store": tmp_path / "s"}):
        with pytest.raises(qsp.SimulationError, match=r"Subject 1, cell \d+, of 'one' failed"):
            qsp.simulate(arm, **FAILING, **there, **more)
    with pytest.raises(qsp.SimulationError, match="more than max_failed"):
        qsp.simulate(arm, on_failure="record", max_failed=0.05, **FAILING, **there)


def test_what_cannot_be_run_is_refused_as_here(executor):
    half = qsp.Experiment(cell_arms()[0].model, times=[0, 1], changes={"A": 0.5})
    with pytest.raises(UnsupportedError, match="no whole number of molecules"):
        qsp.simulate(half, method="ssa", replicates=20, executor=executor, chunk=7)
    with pytest.raises(ExperimentError, match=r"time limit is for differential.*max_jumps"):
        qsp.simulate(cell_arms()[0], method="ssa", replicates=20, workers=2, time_limit=1.0)


@pytest.mark.skipif(sys.platform == "win32", reason="processes are killed by a signal")
def test_a_worker_that_is_killed_breaks_the_executor_with_a_remedy(whole, tmp_path):
    how = HOW | {"population": cell_people(), "chunk": 7, "store": tmp_path / "s"}
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        pid = pool.submit(os.getpid).result()
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(qsp.SimulationError, match=r"executor broke.*resume=True on a new executor"):
            qsp.simulate(cell_arms(), executor=pool, **how)
    store = qsp.simulate(cell_arms(), executor=Noted(), resume=True, **how)
    assert differing(whole, store.read()) == []


def test_each_worker_runs_cells_on_one_thread_and_none_is_left_idle(whole, monkeypatch):
    monkeypatch.setattr(spreading, "FEW", 5)
    for workers, pieces in ((2, 6), (None, 12)):
        noted = Noted(workers)
        assert whole.identical(qsp.simulate(cell_arms(), population=cell_people(), executor=noted, **HOW))
        assert (len(noted.pieces), set(noted.threads)) == (pieces, {1})


def test_every_call_has_tasks_of_its_own():
    """A cluster knows tasks by their content, and would give those of a call that was given up for cancelled."""
    calls = set()

    class Kept(Noted):
        def submit(self, function, work, piece, *more):
            calls.add(more)
            return super().submit(function, work, piece, *more)

    for _ in range(2):
        qsp.simulate(cell_arms()[0], method="ssa", replicates=20, chunk=7, executor=Kept())
    assert len(calls) == 2


def test_threads_do_not_lose_the_terminal(capfd):
    """A thread that outlives its simulation must not turn the output away for good."""
    with ThreadPoolExecutor(4) as pool:
        for _ in range(5):
            with pytest.raises(qsp.SimulationError):
                qsp.simulate(cell_arms()[0], executor=pool, chunk=3, **FAILING)
    os.write(1, b"still here")
    assert capfd.readouterr().out == "still here"


def test_who_turns_the_output_away_turns_it_back(capfd):
    inside, leave = threading.Event(), threading.Event()

    def other():
        with quiet():
            inside.set()
            leave.wait(10)

    with quiet() as terminal:
        thread = threading.Thread(target=other)
        thread.start()
        inside.wait(10)
        os.write(1, b"lost")
        terminal.write("told")
        terminal.flush()
    os.write(1, b"here")
    leave.set()
    thread.join()
    os.write(1, b" and there")
    assert capfd.readouterr() == ("here and there", "told")
