"""Whatever is wrong ends with one paragraph and an exit code, never with a traceback."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from sbmlqsp.cli import main
from tests.wrong_inputs import CASES, DECAY, Wrong, attempt, decay, fifo, file

LONGEST = 600


@pytest.fixture(autouse=True)
def _no_case_may_hang():
    def stop(*_):
        pytest.fail("the command did not return within 20 s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(20)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def assert_one_paragraph(message: str) -> None:
    assert message.endswith("\n")
    assert message.strip()
    assert "\n" not in message.strip()
    assert len(message) < LONGEST
    assert "Traceback" not in message
    assert "internal error" not in message


@pytest.mark.parametrize("case", CASES, ids=[c.name for c in CASES])
def test_a_wrong_input_is_refused_in_one_paragraph(case: Wrong):
    code, message, printed = attempt(case)
    assert code == case.code
    assert_one_paragraph(message)
    assert case.says in message
    assert printed == ""


def test_there_are_enough_cases_with_names_of_their_own():
    names = [c.name for c in CASES]
    assert len(set(names)) == len(names) >= 40


def test_the_assertion_can_fail():
    with pytest.raises(AssertionError):
        assert_one_paragraph("Traceback (most recent call last):\n  File\n")
    with pytest.raises(AssertionError):
        assert_one_paragraph("x" * LONGEST + "\n")


def python_m(*words: str, **options) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "sbmlqsp", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, **options)


def test_the_process_itself_ends_with_the_code_and_the_paragraph(tmp_path):
    for words, code in ((["check", str(tmp_path / "no.ant")], 1), (["check"], 2), (["check", fifo(tmp_path)], 1)):
        done = python_m(*words)
        assert done.returncode == code
        assert_one_paragraph(done.stderr)
        assert done.stdout == ""


def test_engine_chatter_stays_off_the_terminal(tmp_path):
    done = python_m(
        "simulate", decay(tmp_path), "--times", "0:1000 h by 10", "--set", "k=-1e9", "--dose", "1 mg into A"
    )
    assert done.returncode == 1
    assert_one_paragraph(done.stderr)
    assert "failed" in done.stderr


def test_an_unexpected_error_is_one_paragraph_and_debug_shows_where(tmp_path, monkeypatch, capsys):
    def broken(*_, **__):
        raise RuntimeError("a\nbug")

    monkeypatch.setattr("sbmlqsp.check", broken)
    assert main(["check", decay(tmp_path)]) == 1
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    assert "internal error: RuntimeError: a bug. Rerun with --debug" in message
    with pytest.raises(RuntimeError, match="bug"):
        main(["--debug", "check", decay(tmp_path)])
    with pytest.raises(RuntimeError, match="bug"):
        main(["check", decay(tmp_path), "--debug"])


def test_an_interrupt_is_short(tmp_path, monkeypatch, capsys):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("sbmlqsp.check", interrupted)
    assert main(["check", decay(tmp_path)]) == 130
    assert "interrupted" in capsys.readouterr().err


def test_long_messages_are_cut(tmp_path, capsys):
    name = "x" * 3000
    assert main(["simulate", file(tmp_path, "m.ant", DECAY), "--times", "0 1", "--observe", name]) == 1
    assert_one_paragraph(capsys.readouterr().err)


def test_a_closed_pipe_is_quiet():
    command = f"{sys.executable} -m sbmlqsp show mab_tmdd | head -c 10"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stderr == ""
    assert done.returncode == 0
