"""Pieces of code in processes of their own: each new from nothing, or one of many that branch off where imports end.

A process that imports the package takes most of a second to start, and a branch (a fork) of one that has done so
some milliseconds; it has the same limits, may crash, and is ended with all that it started just as well.
"""

from __future__ import annotations

import atexit
import json
import os
import resource
import select
import signal
import subprocess
import sys
import tempfile
import textwrap
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

HERE = str(Path(__file__).parent)
PATHS = os.pathsep.join([HERE, str(Path(HERE).parent)])


@dataclass(frozen=True)
class Child:
    """How a piece of code ended in a process of its own."""

    code: int
    out: str
    err: str
    hung: bool = False

    @property
    def crashed(self) -> bool:
        """Ended by a signal: segmentation fault, abort, or the kernel."""
        return self.code < 0 and not self.hung


ENGINES = "antimony, libsbml, numpy, roadrunner"
SUITE = f"sbmlqsp, {ENGINES}"
PRELUDE = """
import os, signal, sys
from facts import *
def say(*words): print("::", *words, flush=True)
"""


def child(code: str, *, timeout: float = 20.0, memory_mb: int = 0, cwd: object = None, after: str = "") -> Child:
    """Run code, with the helpers of ``facts`` and `say`, in a process of its own; only what it says is kept.

    ``after`` names modules that may have been imported already, so that the process need not be new: it branches off
    from one that has done nothing else. What depends on how modules load, on what differs from process to process, or
    on less memory than the modules take, needs a new one.
    """
    how = {"timeout": timeout, "memory": memory_mb * 2**20, "cwd": str(cwd or Path.cwd())}
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder, "out"), Path(folder, "err")
        run = nursery(after).run if after and hasattr(os, "fork") else _new
        ended = run(textwrap.dedent(code), out, err, **how)
        if ended is None:
            return Child(-9, "", "", hung=True)
        said = [line[3:] for line in out.read_text(errors="replace").splitlines() if line.startswith(":: ")]
        return Child(ended, "\n".join(said), err.read_text(errors="replace")[-2000:])


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": PATHS, "PYTHONWARNINGS": "ignore"}


def _new(code: str, out: Path, err: Path, *, timeout: float, memory: int, cwd: str) -> int | None:
    """Return the exit status of a new process, None where it was out of time."""
    command = [sys.executable, "-c", f"from children import limit\nlimit({memory})\n{PRELUDE}{code}"]
    with out.open("w") as told, err.open("w") as chatter:
        process = subprocess.Popen(
            command, stdout=told, stderr=chatter, env=_environment(), cwd=cwd, start_new_session=True
        )
    try:
        return process.wait(timeout)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)  # the child and whatever it started
        process.wait()
        return None


def limit(memory: int) -> None:
    """Let this process leave no core, and use so many bytes at most (0 for any)."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if memory:
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))


# ----------------------------------------------------------------------------------------------------------- branches
@cache
def nursery(modules: str) -> Nursery:
    """Return the process that has imported modules, started once."""
    return Nursery(modules)


class Nursery:
    """A process that imports modules and then branches, once for each piece of code."""

    def __init__(self, modules: str) -> None:
        code = f"{PRELUDE}import {modules}\nfrom children import branch\nexec(branch())"
        command = [sys.executable, "-c", code]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=_environment(), bufsize=0
        )
        atexit.register(self._close)

    def _close(self) -> None:
        self._process.kill()
        self._process.communicate()

    def run(self, code: str, out: Path, err: Path, *, timeout: float, memory: int, cwd: str) -> int | None:
        """Return the exit status of a branch, None where it was out of time."""
        task = {"code": code, "out": str(out), "err": str(err), "memory": memory, "cwd": cwd, "env": _environment()}
        self._process.stdin.write(json.dumps(task).encode() + b"\n")
        branch = self._heard()
        if select.select([self._process.stdout], [], [], timeout)[0]:
            return self._heard()
        os.killpg(branch, signal.SIGKILL)
        self._heard()
        return None

    def _heard(self) -> int:
        line = self._process.stdout.readline()
        assert line, "the process that others branch off from has ended"
        return int(line)


def branch() -> str:
    """Branch for every task that comes, and say which process it is and how it ended; in a branch return its code."""
    for line in sys.stdin:
        task = json.loads(line)
        begun, begin = os.pipe()
        process = os.fork()
        if not process:
            _begin(task)
            os.close(begin)
            return task["code"]
        os.close(begin)
        os.read(begun, 1)  # ends once the branch leads a session of its own, to be ended with all that it started
        os.close(begun)
        os.write(1, b"%d\n" % process)
        os.write(1, b"%d\n" % os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]))
    raise SystemExit


def _begin(task: dict[str, Any]) -> None:
    os.setsid()
    os.chdir(task["cwd"])
    os.environ.clear()
    os.environ.update(task["env"])
    for target, path in enumerate((os.devnull, task["out"], task["err"])):
        os.dup2(os.open(path, os.O_RDWR | os.O_CREAT), target)
    limit(task["memory"])
