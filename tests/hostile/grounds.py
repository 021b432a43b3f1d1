"""Where hostile files are read: secrets beside them, a server that counts, and a watch on what is opened or left."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.hostile import SECRET, Grounds, Hostile
from tests.hostile.texts import parameters, sbml

IN_OPEN = 0x20
WHERE = re.compile(r"\w.*(?: \(got |, in | '[^']+')")
"""A value, a place, or the name of what it is about."""
SECRETS = {
    "secret.txt": f"{SECRET}\n",
    "secret.dtd": f"<!ENTITY secret '{SECRET}'>",
    "secret.xml": sbml(parameters("k"), name=SECRET),
    "secret.ant": f"model secret\n  {SECRET} = 1\nend\n",
    "secret.csv": f"ID,K,TIME,S,{SECRET}\n1,0.1,0,1,{SECRET}\n",
    "secret.toml": f'id = "{SECRET}"\n[parameters]\nk = 1\n',
}


class Server:
    """Counts who calls; nobody should."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._calls = self._own = 0
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                self._calls += 1
                with contextlib.suppress(OSError), connection:  # who has hung up already is counted all the same
                    connection.sendall(f"HTTP/1.0 200 OK\r\n\r\n{SECRET}".encode())

    @property
    def calls(self) -> int:
        """How many have called; callers are answered in turn, so that all who called before this are among them."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as connection:
            self._own += 1
            while connection.recv(1024):
                pass
        return self._calls - self._own

    def close(self) -> None:
        self._socket.close()


class Watch:
    """Tells which of some files were opened, by anyone; only Linux says so."""

    def __init__(self, paths: list[Path]) -> None:
        self._file = -1
        if sys.platform != "linux":
            return
        library = ctypes.CDLL(None)
        self._file = library.inotify_init1(os.O_NONBLOCK)
        self._names = {library.inotify_add_watch(self._file, os.fsencode(p), IN_OPEN): p.name for p in paths}

    def opened(self) -> list[str]:
        """Return what was opened since last asked."""
        if self._file < 0 or not select.select([self._file], [], [], 0)[0]:
            return []
        data, found = os.read(self._file, 1 << 16), []
        while data:
            watch, _, _, size = (int.from_bytes(data[i : i + 4], sys.byteorder) for i in (0, 4, 8, 12))
            found.append(self._names.get(watch, "?"))
            data = data[16 + size :]
        return found

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)


@dataclass
class Verdict:
    """What became of one file: "refused", "read", "broke", "died" or "hung", and what else is wrong."""

    file: Hostile
    outcome: str
    said: str = ""
    seconds: float = 0.0
    memory: int = 0
    child: int = 0
    guarded: int = 0
    wrong: list[str] = field(default_factory=list)

    @property
    def late(self) -> bool:
        """Whether it was refused for being out of time or memory."""
        return self.outcome == "refused" and "limit" in self.said.lower()


class Field:
    """Reads hostile files in a process of its own, and finds out what they did.

    Parameters
    ----------
    root : Path
        An empty folder.
    seconds : float
        How long one file may take.
    """

    def __init__(self, root: Path, *, seconds: float = 60.0, environment: dict[str, str] | None = None) -> None:
        self._root, self._seconds = root, seconds
        self._secret = root / "secret"
        for name in ("secret", "files", "home", "tmp", "work"):
            (root / name).mkdir()
        for name, text in SECRETS.items():
            (self._secret / name).write_text(text, encoding="utf-8")
        self.server = Server()
        self._watch = Watch([self._secret / n for n in SECRETS])
        home = {
            "HOME": str(root / "home"),
            "TMPDIR": str(root / "tmp"),
            "SBMLQSP_CACHE": str(root / "home" / "cache"),
            "MPLCONFIGDIR": str(root / "home" / "cache" / "matplotlib"),
        }
        path = os.pathsep.join(p for p in sys.path if p)
        threads = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        self._environment = {**os.environ, **home, **threads, "PYTHONPATH": path, **(environment or {})}
        self._process: subprocess.Popen[str] | None = None
        self._count = 0

    def close(self) -> None:
        self._end()
        self.server.close()
        self._watch.close()

    def judge(self, file: Hostile, *, command: bool = True) -> Verdict:
        """Write one file, have it read, and say what happened."""
        self._count += 1
        grounds = Grounds(self._root / "files" / f"{self._count:04d}", self._secret, self.server.port)
        grounds.folder.mkdir()
        path = file.write(grounds)
        process = self._running()
        self._watch.opened()
        before, calls = self._everything(grounds.folder), self.server.calls
        verdict = self._asked(process, file, str(path), command)
        verdict.wrong += [f"{n} called the server" for n in [self.server.calls - calls] if n]
        verdict.wrong += [f"{name} was opened" for name in sorted({*self._watch.opened()} - {file.opens})]
        verdict.wrong += [f"'{name}' was left" for name in sorted(self._everything(grounds.folder) ^ before)]
        if SECRET in verdict.said:
            verdict.wrong.append("what was said holds the secret")
        if verdict.outcome in {"broke", "died", "hung"}:
            verdict.wrong.append(verdict.outcome)
        if file.right and verdict.outcome != "read":
            verdict.wrong.append("a good file was not read")
        if verdict.outcome == "refused" and not WHERE.search(verdict.said):
            verdict.wrong.append("the message says neither where nor with which value")
        return verdict

    def _everything(self, own: Path) -> set[str]:
        """Return what there is, but for the folder of results of the file itself and for what is kept of models."""
        found = set()
        for folder, folders, files in os.walk(self._root):
            here = Path(folder)
            if here == self._root / "home":
                folders[:] = [f for f in folders if f != "cache"]
            if here == self._root / "files":
                folders[:] = [f for f in folders if f == own.name]
            if here == own:
                folders[:] = [f for f in folders if f not in {"out", "cache"} and not f.endswith(".out")]
            if here.is_relative_to(self._root / "tmp"):
                folders[:] = [f for f in folders if not f.startswith("sbmlqsp-guard")]
            there = {*folders, *files} - {"running.lock"}  # which is taken over, where nobody holds it
            found |= {str((here / name).relative_to(self._root)) for name in there}
        return found

    def _asked(self, process: subprocess.Popen[str], file: Hostile, path: str, command: bool) -> Verdict:
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(json.dumps({"act": file.act, "path": path, "command": command}) + "\n")
            process.stdin.flush()
        seconds = file.seconds or self._seconds
        line = self._line(process, seconds)
        if line is None:
            self._end()
            return Verdict(file, "hung", seconds=seconds)
        if not line:
            code = process.wait()
            self._end()
            return Verdict(file, "died", f"exit status {code}", wrong=[_ending(code)])
        told = json.loads(line)
        wrong = [f"by the command line: {w}" for w in told.pop("command")]
        return Verdict(file, **told, wrong=wrong)

    def _line(self, process: subprocess.Popen[str], seconds: float) -> str | None:
        """Return a line, nothing where the process has ended, and None where it is out of time."""
        found: list[str] = []
        reader = threading.Thread(target=lambda: found.append(process.stdout.readline()), daemon=True)
        reader.start()
        reader.join(seconds)
        return found[0] if found else None

    def _running(self) -> subprocess.Popen[str]:
        if self._process is None:
            command = [sys.executable, "-c", "from tests.hostile.victim import main; main()"]
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                env=self._environment,
                cwd=self._root / "work",
                start_new_session=True,
            )
        return self._process

    def _end(self) -> None:
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                pipe.close()
        self._process = None


def _ending(code: int) -> str:
    return f"ended by {signal.Signals(-code).name}" if code < 0 else f"ended with {code}"


@contextlib.contextmanager
def field_of(root: Path, **how: object) -> Iterator[Field]:
    """Give a field, and end its process."""
    made = Field(root, **how)
    try:
        yield made
    finally:
        made.close()
