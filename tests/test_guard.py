"""Whatever happens to the process that reads a stranger's file, this one lives, in time, and is told."""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import sbmlqsp as qsp
from sbmlqsp.engine import guard
from sbmlqsp.engine.guard import guarded, guarding, unguarded
from tests.decay import DECAY
from tests.hostile import crashers
from tests.hostile.texts import GOOD, GOOD_ANTIMONY, decay, sbml

linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux gives each task a process of its own")

ENDS = {
    crashers.segfault: "crashed a process made for that (SIGSEGV)",
    crashers.abort: "(SIGABRT), perhaps for want of memory",
    crashers.kill: "(SIGKILL)",
    crashers.leave: "(exit status 7)",
    crashers.hang: "ended at the limit of 0.3 s",
    crashers.hang_in_c: "ended at the limit of 0.3 s",
    crashers.work_for_ever: "ended at the limit of 0.3 s",
    crashers.fill_memory: "more memory than the limit of 0.2 GB",
    crashers.fail: "failed inside: KeyError: 'a bug'",
    crashers.no_json: "failed inside: TypeError",
    crashers.deep: "failed inside: RecursionError",
    crashers.half: "crashed",
    crashers.forged: "an answer that is none",
}


def told(function, **arguments) -> str:
    seconds = 0.3 if "limit of 0.3 s" in ENDS.get(function, "") else 30.0
    with pytest.raises(qsp.ModelError) as caught:
        guarded(function, arguments, where="a file", seconds=seconds, memory=0.2)
    assert "in a file" in str(caught.value)
    assert caught.value.remedy
    return str(caught.value)


@linux
@pytest.mark.parametrize("function", list(ENDS), ids=lambda f: f.__name__)
def test_every_end_is_told_in_words(function):
    assert ENDS[function] in told(function)
    assert guarded(crashers.say_much, {}, where="the next file") == "said"


@linux
def test_sealed_nothing_is_opened(tmp_path):
    (tmp_path / "there").write_text("secret")
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.1)
        port = server.getsockname()[1]
        there, new = {"path": str(tmp_path / "there")}, {"path": str(tmp_path / "new")}
        for function, arguments in (
            (crashers.read, there),
            (crashers.write_nothing, new),
            (crashers.call, {"port": port}),
            (crashers.call_numbered, {"port": port}),
        ):
            assert "secret" not in told(function, **arguments)
        with pytest.raises(TimeoutError):
            server.accept()
    assert [p.name for p in tmp_path.iterdir()] == ["there"]


@linux
def test_a_copy_that_does_not_end_is_ended():
    assert guarded(crashers.stays, {}, where="a file", seconds=0.3) == 42


def test_errors_and_warnings_come_back_as_they_were():
    with pytest.raises(qsp.ModelError) as caught:
        guarded(crashers.refuse, {"value": [1, "a"]}, where="elsewhere")
    assert str(caught.value) == "It is wrong (got [1, 'a']), in the file. Expected: another. Remedy: mend it."
    with pytest.warns(UserWarning, match="of ") as seen:
        assert guarded(crashers.warn, {}, where="a file") == "warned"
    assert [(w.category.__name__, str(w.message)) for w in seen] == [
        ("CompositionWarning", "of this package"), ("UserWarning", "of users"),
    ]  # fmt: skip


def test_large_answers_come_whole():
    assert len(guarded(crashers.much, {}, where="a file")) == 50_000_000


def test_settings_are_checked(monkeypatch):
    for value in ("soon", "-1", "nan"):
        monkeypatch.setenv("SBMLQSP_GUARD_SECONDS", value)
        with pytest.raises(qsp.ModelError, match="SBMLQSP_GUARD_SECONDS is not a positive number"):
            guarded(crashers.modules, {}, where="a file")
    monkeypatch.setenv("SBMLQSP_GUARD_SECONDS", "0.2")
    with pytest.raises(qsp.ModelError, match=r"limit of 0.2 s.*--trust"):
        guarded(crashers.hang, {}, where="a file")


# ---------------------------------------------------------------------------------------------------------- the process
def alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def gone(*processes: int, seconds: float = 10.0) -> bool:
    end = time.monotonic() + seconds
    while any(map(alive, processes)) and time.monotonic() < end:
        time.sleep(0.02)
    return not any(map(alive, processes))


@linux
def test_each_task_has_a_process_of_its_own_of_one_that_is_kept():
    copies, kept = set(), set()
    for _ in range(3):
        copy, parent, folder = guarded(crashers.process, {}, where="a file")
        assert folder == str(Path.cwd())
        copies.add(copy)
        kept.add(parent)
    assert (len(copies), len(kept)) == (3, 1)
    assert gone(*copies)


@linux
def test_one_that_was_killed_is_replaced():
    _, parent, _ = guarded(crashers.process, {}, where="a file")
    os.kill(parent, signal.SIGKILL)
    _, other, _ = guarded(crashers.process, {}, where="a file")
    assert other != parent
    assert gone(parent)


@linux
def test_an_interruption_ends_it():
    _, parent, _ = guarded(crashers.process, {}, where="a file")

    def interrupt(*_):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.3)
    try:
        with pytest.raises(KeyboardInterrupt):
            guarded(crashers.hang_in_c, {}, where="a file", seconds=60)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert gone(parent)
    assert guarded(crashers.say_much, {}, where="a file") == "said"


@linux
def test_threads_use_it_side_by_side():
    found: list[object] = []

    def use() -> None:
        found.append(guarded(crashers.process, {}, where="a file")[1])

    threads = [threading.Thread(target=use) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 2
    assert gone(*(set(found) - {child.process.pid for child in guard._idle}))
    assert len(guard._idle) == 1


PROGRAM = """
import os, signal, sys
from sbmlqsp.engine.guard import guarded
from tests.hostile import crashers
_, kept, _ = guarded(crashers.process, {}, where="a file")
how = sys.argv[1]
if how == "fork":
    other = os.fork()
    if other == 0:
        mine = guarded(crashers.process, {}, where="a file")[1]
        print(mine != kept, flush=True)
        os._exit(0)
    os.waitpid(other, 0)
    print(guarded(crashers.process, {}, where="a file")[1] == kept, flush=True)
elif how == "killed":
    print(kept, flush=True)
    guarded(crashers.hang_in_c, {}, where="a file")
print(kept)
"""


def program(how: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", PROGRAM, how]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


@linux
def test_copies_of_the_parent_start_their_own_and_nothing_is_left():
    with program("fork") as process:
        out, err = process.communicate(timeout=60)
    assert err == ""
    *said, kept = out.split()
    assert said == ["True", "True"]
    assert gone(int(kept))


@linux
def test_it_ends_with_a_parent_that_is_killed():
    with program("killed") as process:
        kept = int(process.stdout.readline())
        children = Path(f"/proc/{kept}/task/{kept}/children")
        end = time.monotonic() + 10
        while not (copies := children.read_text().split()) and time.monotonic() < end:
            time.sleep(0.01)
        process.kill()
    assert copies
    assert gone(kept, *map(int, copies))


# ------------------------------------------------------------------------------------------------------------- reading
@pytest.fixture
def file(tmp_path):
    def write(text: str, name: str = "m.ant") -> Path:
        (tmp_path / name).write_text(text)
        return tmp_path / name

    return write


def test_files_are_untrusted_and_text_and_the_library_are_not(file, monkeypatch):
    path = file(DECAY)
    assert qsp.read_antimony(path).untrusted
    assert qsp.read_antimony(DECAY, untrusted=True).untrusted
    monkeypatch.setattr("sbmlqsp.reading.guarded", lambda *_, **__: pytest.fail("the guard was asked"))
    assert not qsp.read_antimony(DECAY).untrusted
    assert not qsp.read_antimony(path, untrusted=False).untrusted
    assert not qsp.read_antimony(qsp.catalogue().loc["emax", "path"]).untrusted
    with unguarded():
        assert not guarding()
        assert not qsp.read_antimony(path).untrusted


def test_what_is_read_is_the_same(file):
    part = "model part(k)\n k = 1\n S = 1; J: S -> ; k*S\nend\n"
    file(part, "part.ant")
    composed = 'import "part.ant"\nmodel whole\n a: part(); b: part()\n a.k is b.k\nend\n'
    for read, path in (
        (qsp.read_antimony, file(GOOD_ANTIMONY, "good.ant")), (qsp.read_antimony, file(composed, "whole.ant")),
        (qsp.read_sbml, file(GOOD, "good.xml")), (qsp.read_sbml, file(qsp.load("emax").sbml, "emax.xml")),
    ):  # fmt: skip
        there, here = read(path), read(path, untrusted=False)
        assert there == here
        assert (there.digest, there.ports, there.sbml_comp, there.source) == (
            here.digest, here.ports, here.sbml_comp, here.source,
        )  # fmt: skip


BAD = {
    "x.ant": "model m\n S = 1\n J: S -> ; k*(\nend\n",
    "y.ant": 'import "missing.ant"\nmodel m\n a: b()\nend\n',
    "x.xml": sbml(decay()).replace('species="S"', 'species="T"'),
    "y.xml": sbml("<nothing/>"),
    "z.xml": sbml(decay())[:-30],
}


@pytest.mark.parametrize("name", list(BAD))
def test_what_is_refused_is_refused_in_the_same_words(name, file):
    path = file(BAD[name], name)
    read = qsp.read_sbml if name.endswith(".xml") else qsp.read_antimony
    said = []
    for untrusted in (True, False):
        with pytest.raises(qsp.QSPError) as caught:
            read(path, untrusted=untrusted)
        said.append((type(caught.value), str(caught.value)))
    assert said[0] == said[1]


@linux
def test_reading_imports_nothing_late():
    """A sealed process could not: it would refuse a good file."""
    names = ("emax", "mab_tmdd", "minimal_pbpk_antibody", "tmdd_full")
    models = [qsp.load(name) for name in names]
    texts = [m.sbml for m in models] + [m.sbml_comp for m in models if m.sbml_comp]
    paths = qsp.catalogue()["path"]
    texts += [Path(paths[n]).read_text() for n, m in zip(names, models, strict=True) if not m.sbml_comp]
    assert len(texts) >= 7
    texts += [GOOD, GOOD_ANTIMONY, *(t for t in BAD.values() if "import" not in t)]
    assert guarded(crashers.imported_by_reading, {"texts": texts}, where="texts") == []


def test_an_untrusted_model_is_run_there_first(file, caplog):
    model = qsp.read_antimony(file(DECAY))
    whole = qsp.compose("two", {"a": model, "b": qsp.read_antimony(DECAY)})
    others = qsp.with_doses(model, "1 into S at 1"), qsp.accumulate(model, area="S"), qsp.expose(model, S="output")
    for made in (model, whole, *others):
        assert made.untrusted
    assert not qsp.compose("two", {"a": qsp.read_antimony(DECAY)}).untrusted
    with caplog.at_level(logging.DEBUG, "sbmlqsp.guard"):
        for times in ([0, 1], [0, 0.5, 1], [0, 2], [0, 1]):
            qsp.simulate(qsp.Experiment(whole, times=times))
    said = [r.message.partition(":")[0] for r in caplog.records]
    assert said == ["running of the model 'two'"] * 3  # for each grid, once


def test_a_model_that_crashes_the_engine_is_refused_before_it_is_run(file, monkeypatch):
    model = qsp.read_antimony(file("model m; S = 1; J: S -> ; 3*S; end"))
    monkeypatch.setattr("sbmlqsp.execution.rehearsed", crashers.segfault_on)
    with pytest.raises(qsp.ModelError, match=r"Running it crashed .*SIGSEGV.*the model 'm'"):
        qsp.simulate(qsp.Experiment(model, times=[0, 1]))
