"""Runs that meet trouble: nothing is lost, nobody is blamed for another's fault, no damage passes for a result."""

import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import sbmlqsp as qsp
from sbmlqsp import store as storing
from sbmlqsp.outcome import Deterministic
from sbmlqsp.scaling import folder as folders
from sbmlqsp.scaling import local, spreading, summing
from sbmlqsp.scaling.folder import LOCK, SUMS, locked
from sbmlqsp.scaling.sinks import Whole
from sbmlqsp.scaling.work import Work, pieces_of
from sbmlqsp.subjects import read_subjects
from tests.decay import DECAY

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def stored(arms, population, folder, **options):
    return qsp.simulate(arms, population=population, size=12, seed=6, store=folder, chunk=4, **options)


@pytest.fixture(scope="module")
def here(arms, population):
    return qsp.simulate(arms, population=population, size=12, seed=6)


# ----------------------------------------------------------------------------------------------------------- processes
def test_processes_killed_before_they_begin_are_no_subjects_doing(arms, population, here, monkeypatch):
    started = []
    plain = local._Worker.__init__

    def watched(self, *given):
        plain(self, *given)
        started.append(self)
        if len(started) <= 3:
            self.process.kill()

    monkeypatch.setattr(local._Worker, "__init__", watched)
    blamed = []
    monkeypatch.setattr(Whole, "mourn", lambda _, piece, died: blamed.append(died) or piece)
    ds = qsp.simulate(arms, population=population, size=12, seed=6, workers=1, time_limit=60, on_failure="record")
    assert len(started) == 4
    assert blamed == []
    assert (ds["status"] == 0).all()
    assert here.identical(ds)


def test_processes_that_cannot_begin_are_an_error_and_not_an_endless_loop(arms, population, monkeypatch):
    monkeypatch.setattr("sys.executable", "/bin/false")
    with pytest.raises(qsp.SimulationError, match=r"5 processes in a row ended before they could begin.*workers=None"):
        qsp.simulate(arms, population=population, size=12, seed=6, workers=2, on_failure="record")


@pytest.mark.parametrize(("position", "warm", "arms", "seconds"), [(0, False, 2, 60), (0, True, 2, 0), (1, False, 2, 0),
                                                                   (0, True, 9, 60)])  # fmt: skip
def test_only_what_has_to_be_compiled_may_take_longer(position, warm, arms, seconds):
    worker = type("W", (), {"position": position, "warm": warm})
    workers = local.LocalWorkers(type("Work", (), {"arms": arms}), 1, limit=1.0)
    assert workers._allowance(worker) == seconds


def test_whoever_is_killed_while_compiling_again_and_again_is_named_late(arms, population):
    people = read_subjects(pd.DataFrame({"k": [0.1, 0.2]}), tuple(arms))
    (piece,) = pieces_of(people, 2)
    sink = Whole(arms, people, lambda *_: None)
    left = [sink.mourn(piece, local.Died(0, late=False, code=-9, compiling=True)) for _ in range(5)]
    assert left[:4] == [piece] * 4
    assert left[4].positions.tolist() == [1]


def test_an_error_that_cannot_be_sent_is_sent_in_words():
    from sbmlqsp.scaling.worker import _sendable

    odd = ValueError("odd", threading.Lock())
    assert isinstance(_sendable(odd), qsp.SimulationError)
    assert "ValueError" in str(_sendable(odd))
    plain = qsp.DataError("what", value=3)
    assert _sendable(plain) is plain


class Elsewhere(Executor):
    """Does at once what is asked, or fails as told."""

    def __init__(self, error=None):
        self.error, self.count = error, 0

    def submit(self, function, /, *given):
        self.count += 1
        future = Future()
        future.set_exception(self.error) if self.error else future.set_result(function(*given))
        return future


def test_a_cluster_that_does_not_say_how_large_it_is_gets_enough_to_do(arms, population):
    people = read_subjects(qsp.sample(population, 300, seed=1), tuple(arms), drawn=population)
    work, cluster = Work.of(arms, Deterministic(qsp.Tolerances()), stop=False), Elsewhere()
    next(spreading._through(cluster, work, pieces_of(people, 1)))
    assert cluster.count == 128


def test_an_executor_that_breaks_is_told_from_a_run_that_fails(arms, population):
    kinds = {"KilledWorker": "distributed.scheduler", "CommClosedError": "distributed.comm.core"}
    for error in (*(type(n, (Exception,), {"__module__": m})("gone") for n, m in kinds.items()), BrokenExecutor("gone"),
                  CancelledError("gone")):  # fmt: skip
        with pytest.raises(qsp.SimulationError, match=r"executor broke after 0 of 3 pieces: gone.*workers="):
            qsp.simulate(arms, population=population, size=3, executor=Elsewhere(error))
    with pytest.raises(ZeroDivisionError):
        qsp.simulate(arms, population=population, size=3, executor=Elsewhere(ZeroDivisionError()))


def children(pid):
    return [int(c) for t in Path(f"/proc/{pid}/task").iterdir() for c in (t / "children").read_text().split()]


def gone(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def until(condition, seconds):
    end = time.monotonic() + seconds
    while not (found := condition()) and time.monotonic() < end:
        time.sleep(0.02)
    return found


@linux
def test_a_failure_that_is_kept_keeps_no_process(arms, tmp_path):
    """A traceback holds what it passed through, and the processes ended only with it: at worst as Python itself did."""
    before = set(children(os.getpid()))
    with pytest.raises(qsp.SimulationError) as kept:
        qsp.simulate(arms, subjects=pd.DataFrame({"k": [-1.7e308]}), workers=1, time_limit=600, store=tmp_path / "s")
    assert kept.tb
    left = set(children(os.getpid())) - before
    assert not [c for c in left if b"sbmlqsp.scaling.worker" in Path(f"/proc/{c}/cmdline").read_bytes()]


@linux
def test_an_interruption_while_a_process_is_told_its_work_ends_it(arms, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(local._Worker, "tell", interrupted)
    before = set(children(os.getpid()))
    with pytest.raises(KeyboardInterrupt):
        qsp.simulate(arms, subjects=pd.DataFrame({"k": [0.1]}), workers=1, time_limit=600)
    left = set(children(os.getpid())) - before
    assert not [c for c in left if b"sbmlqsp.scaling.worker" in Path(f"/proc/{c}/cmdline").read_bytes()]


# A subject of endless work, so that the process is inside the engine, where no signal handler of Python runs.
ENDLESS = """
import signal, sys, sbmlqsp as qsp, pandas as pd
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's job in the background ignores interruptions
model = qsp.read_antimony("model m; x' = w*y; y' = -w*x; x = 1; y = 0; w = 1; end")
arm = qsp.Experiment(model, times=range(0, 1000001, 5), observables=["x"])
try:
    qsp.simulate(arm, subjects=pd.DataFrame({"w": [100]}), workers=1, time_limit=600, store=sys.argv[1])
except KeyboardInterrupt:
    sys.exit(130)
"""


@linux
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT], ids=["killed", "interrupted"])
def test_no_process_outlives_a_parent_that_is_killed_or_interrupted(tmp_path, how):
    parent = subprocess.Popen([sys.executable, "-c", ENDLESS, str(tmp_path / "s")], stderr=subprocess.PIPE)
    try:
        assert until(lambda: children(parent.pid), 20)
        workers = children(parent.pid)
        busy = f"/proc/{workers[-1]}/stat"  # has begun once it has used the processor as long as a start takes
        until(lambda: sum(map(int, Path(busy).read_text().rpartition(")")[2].split()[11:13])) > 55, 10)
        parent.send_signal(how)
        begun = time.monotonic()
        assert until(lambda: all(map(gone, workers)), 5)
        assert parent.wait(5) == (-9 if how == signal.SIGKILL else 130)
        assert time.monotonic() - begun < 2
        assert parent.stderr.read() == b""
        assert (tmp_path / "s" / LOCK).exists() == (how == signal.SIGKILL)
    finally:
        parent.kill()
        parent.stderr.close()


# -------------------------------------------------------------------------------------------------------------- stores
@pytest.mark.parametrize("share", [0.02, 0.5, 0.98, "units"])
def test_one_changed_bit_of_a_part_is_noticed_and_the_part_done_again(arms, population, here, tmp_path, share):
    store = stored(arms, population, tmp_path / "s")
    part = tmp_path / "s" / "parts" / "part-000001.parquet"
    content = bytearray(part.read_bytes())
    # No page checksum covers the footer, and its units are what a reader believes.
    place = content.rfind(b"sbmlqsp.units") + 3 if share == "units" else int(share * len(content))
    content[place] ^= 4
    part.write_bytes(content)
    assert store.damaged == [1]
    for read in (store.read, store.summarise, lambda: store.rerun(arms, 6)):
        with pytest.raises(qsp.DataError, match=r"part-000001|lacks 1 of 3 parts"):
            read()
    again = stored(arms, population, tmp_path / "s", resume=True)
    assert again.damaged == []
    assert all(here[name].equals(again.read()[name]) for name in here.variables)


@pytest.mark.parametrize("options", [{}, {"by": "arm"}, {"over": "replicate"}, {"quantiles": [0.3]}], ids=str)
def test_a_summary_of_some_times_after_others_is_that_of_all(arms, tmp_path, monkeypatch, options):
    people = pd.DataFrame({"k": [0.1, 0.2, -1.7e308, 0.3, 0.5], "arm": list("baabb")})
    how = {"subjects": people, "on_failure": "record"}
    later = [arms[1], arms[0]]  # the first arm has none of the last times
    store = qsp.simulate(later, store=tmp_path / "s", chunk=2, **how)
    expected = qsp.summarise(qsp.simulate(later, **how), **options)
    expected = expected[(expected["n"] > 0) | (expected["n_failed"] > 0)].reset_index(drop=True)
    monkeypatch.setattr(summing, "AT_WORK", 1)
    pd.testing.assert_frame_equal(store.summarise(**options), expected, rtol=1e-13)


def test_sums_are_those_that_sha256sum_reads(arms, population, tmp_path):
    stored(arms, population, tmp_path / "s")
    lines = (tmp_path / "s" / SUMS).read_text().splitlines()
    assert len(lines) == 4
    import hashlib

    for line in lines:
        digest, name = line.split("  ")
        assert hashlib.sha256((tmp_path / "s" / name).read_bytes()).hexdigest() == digest


@pytest.mark.parametrize("cut", [1, 40])
def test_a_note_that_was_cut_short_or_lost_costs_its_part(arms, population, here, tmp_path, cut):
    store = stored(arms, population, tmp_path / "s")
    sums = tmp_path / "s" / SUMS
    os.truncate(sums, sums.stat().st_size - cut)
    (tmp_path / "s" / "parts" / ".part-000002.parquet.abc.part").write_bytes(b"torn")
    assert store.missing == [2]
    again = stored(arms, population, tmp_path / "s", resume=True)
    assert again.missing == []
    assert len(list((tmp_path / "s" / "parts").iterdir())) == 3
    assert all(here[name].equals(again.read()[name]) for name in here.variables)


def test_a_run_again_has_whatever_the_first_had(tmp_path):
    """Covariates that only a dose reads, initial values of what is observed, tolerances: each changes the numbers."""
    model = qsp.read_antimony(DECAY)
    arm = qsp.Experiment(model, times=[0, 1, 5], regimen="[0.1*WT] into S at 1", observables=["S"], id="one")
    people = pd.DataFrame({"S": [5.0, 20.0, 7.0], "WT": [60.0, 70.0, 80.0], "site": ["a", "b", "a"]}, index=list("xyz"))
    control = qsp.Tolerances(relative=1e-4)
    store = qsp.simulate(arm, subjects=people, store=tmp_path / "s", chunk=2, tolerances=control)
    again = store.rerun(arm, "y")
    assert np.array_equal(again["S"].to_numpy()[:, 0], store.read()["S"].sel(subject="y").to_numpy())
    assert again["S"].to_numpy()[0, 0, 0, 0] == 20
    assert json.loads(again.attrs["provenance"])["inputs"]["tolerances"]["relative"] == 1e-4
    other = qsp.Experiment(model, times=[0, 1, 5], regimen="[0.2*WT] into S at 1", observables=["S"], id="one")
    with pytest.raises(qsp.DataError, match="although they bear the same names"):
        store.rerun(other, "y")


def test_cells_run_again_alone_are_the_same_cells_or_refused(tmp_path):
    model = qsp.read_antimony("model m(k, S); substanceOnly species S; S = 20; J: S => ; k*S; k = 0.1; end")
    arm = qsp.Experiment(model, times=[0, 1, 5], observables=["S"])
    people = pd.DataFrame({"k": [0.1, 0.2, 0.3]}, index=[1, 2, 3])
    store = qsp.simulate(arm, subjects=people, method="ssa", replicates=5, seed=3, store=tmp_path / "s", chunk=4)
    own = store.rerun(arm, 3)["S"].to_numpy()
    assert own.shape == (1, 1, 5, 3)
    assert np.array_equal(own, store.read(subjects=[3])["S"].to_numpy())
    path = tmp_path / "s" / storing.PEOPLE  # as if the cells had parameters of their own
    pd.read_parquet(path).assign(k=0.9).to_parquet(path)
    folders.Sums(tmp_path / "s").add(path)
    with pytest.raises(qsp.DataError, match="do not come back alone"):
        store.rerun(arm, 3)


def test_subjects_of_two_kinds_are_refused_with_a_sentence(tmp_path):
    arm = qsp.Experiment(qsp.read_antimony(DECAY), times=[0, 1])
    people = pd.DataFrame({"k": [0.1, 0.2]}, index=pd.Index([1, "b"], dtype=object))
    with pytest.raises(qsp.DataError, match="table of subjects cannot be kept"):
        qsp.simulate(arm, subjects=people, store=tmp_path / "s")


# --------------------------------------------------------------------------------------------------------------- locks
def test_a_lock_that_could_not_be_written_leaves_none_behind(tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))  # as on a full disk
    try:
        with pytest.raises(qsp.DataError, match="make room"), locked(tmp_path / "s"):
            pass
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not (tmp_path / "s" / LOCK).exists()
    with locked(tmp_path / "s"):
        assert (tmp_path / "s" / LOCK).exists()


@linux
@pytest.mark.parametrize("text", ["", '{"pid": 1', "mine, of an earlier process of this number", "a zombie's"])
def test_the_lock_of_nobody_is_taken_over(tmp_path, text):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)  # has ended, and nobody has asked yet
    try:
        if text.startswith("mine"):
            text = json.dumps(folders._me() | {"started": "an earlier boot 1"})
        elif text.startswith("a zombie"):
            text = json.dumps(folders._me() | {"pid": ended.pid, "started": "this boot 1"})
        (tmp_path / LOCK).write_text(text)
        with locked(tmp_path):
            assert json.loads((tmp_path / LOCK).read_text()) == folders._me()
        assert not (tmp_path / LOCK).exists()
    finally:
        ended.wait()


def test_of_many_that_take_over_one_lock_one_has_it(tmp_path, monkeypatch):
    (tmp_path / LOCK).write_text("")
    plain, inside, most, refused = folders._abandoned, [], [], []
    barrier = threading.Barrier(6)

    def slow(lock):
        found = plain(lock)
        time.sleep(0.03)
        return found

    def take():
        barrier.wait()
        try:
            with locked(tmp_path):
                inside.append(1)
                most.append(len(inside))
                time.sleep(0.3)
                inside.pop()
        except qsp.DataError as err:
            refused.append(str(err))

    monkeypatch.setattr(folders, "_abandoned", slow)
    threads = [threading.Thread(target=take) for _ in range(6)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert most == [1]
    assert len(refused) == 5
    assert all("Another run writes" in r for r in refused)


def test_a_lock_that_another_took_is_left_to_them(tmp_path):
    with locked(tmp_path):
        (tmp_path / LOCK).write_text(json.dumps({"pid": 1, "host": "elsewhere"}))
    assert "elsewhere" in (tmp_path / LOCK).read_text()
