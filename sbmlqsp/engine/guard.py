"""Work on what strangers wrote, done by a process that may crash, hang or fill its memory without harm to this one.

One such process is kept and used again, since it takes half a second to start and some milliseconds to use. It is ended
after ten minutes without work and with this process.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib
import json
import logging
import os
import queue
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from typing import IO, Any

from sbmlqsp import errors
from sbmlqsp.engine.guard_child import HEAD, MOST, pack
from sbmlqsp.errors import ModelError, QSPError
from sbmlqsp.starting import command, environment

__all__ = ["guarded", "guarding", "preparing", "unguarded"]

SECONDS = 120.0
"""What one task may take, where ``SBMLQSP_GUARD_SECONDS`` says nothing else."""
MEMORY = 4.0
"""Gigabytes of memory that one task may take, where ``SBMLQSP_GUARD_MEMORY`` says nothing else."""
STARTING = 120.0
"""Seconds that the process may take to start."""
GRACE = 5.0
"""Seconds beyond the limit in which the process must have said that a task ran out of time."""
MEANWHILE = ("libsbml", "sbmlqsp.engine.libsbml_extract")
"""What this process needs as well, to look at what was read, and imports while the other one starts."""
LOG = logging.getLogger("sbmlqsp.guard")
TRUST = (
    "if it is a file of your own, read it with untrusted=False (on the command line --trust), or raise "
    "SBMLQSP_GUARD_SECONDS or SBMLQSP_GUARD_MEMORY"
)

_preparing: list[Callable[[], None]] = []
_off: ContextVar[bool] = ContextVar("unguarded", default=False)


@contextlib.contextmanager
def unguarded() -> Iterator[None]:
    """Do without the guard for a while, for files of one's own that are large.

    Examples
    --------
    >>> with unguarded():
    ...     guarding()
    False
    """
    token = _off.set(True)
    try:
        yield
    finally:
        _off.reset(token)


def guarding() -> bool:
    """Whether files of strangers are read by the guard."""
    return not _off.get()


def guarded(
    function: Callable[..., Any],
    arguments: Mapping[str, Any],
    *,
    where: str,
    doing: str = "reading",
    seconds: float | None = None,
    memory: float | None = None,
) -> Any:
    """Call a function in the guarded process, and return what it returns.

    Parameters
    ----------
    function : callable
        Of a module, by its name.
    arguments : mapping
        By name; they and what is returned are what JSON can hold.
    where : str
        What it works on, for messages.
    doing : str
        What it does, for messages.
    seconds, memory : float, optional
        Seconds and gigabytes that it may take.

    Returns
    -------
    object
        As JSON has it: lists for tuples.

    Raises
    ------
    QSPError
        The one that the function raised.
    ModelError
        The process crashed, ran out of time or memory, or failed inside; it could not be started.

    Examples
    --------
    >>> from sbmlqsp.model import dotted
    >>> guarded(dotted, {"flat": "pk__central"}, where="an example")
    'pk.central'
    """
    limits = {
        "seconds": seconds or _setting("SBMLQSP_GUARD_SECONDS", SECONDS),
        "memory": int((memory or _setting("SBMLQSP_GUARD_MEMORY", MEMORY)) * 2**30),
    }
    task = {"function": _name(function), "arguments": dict(arguments), "folder": _folder(), **limits}
    answer = _answered(task)
    LOG.debug("%s of %s: %s", doing, where, answer.get("facts"), extra=dict(answer.get("facts") or {}))
    for kind, text in answer.get("told", ()):
        warnings.warn(text, _warning(str(kind)), stacklevel=4)
    if "result" in answer:
        return answer["result"]
    raise _error(answer, limits, where=where, doing=doing)


def preparing(function: Callable[[], None]) -> Callable[[], None]:
    """Have the guarded process call a function when it starts, so that what tasks import is there, sealed or not."""
    _preparing.append(function)
    return function


def _name(function: Callable[..., Any]) -> str:
    return f"{function.__module__}:{function.__qualname__}"


def _setting(name: str, usual: float) -> float:
    given = os.environ.get(name)
    try:
        value = float(given) if given else usual
    except ValueError:
        value = -1.0
    if not value > 0:
        raise ModelError(f"the variable {name} is not a positive number", value=given, remedy="correct or unset it")
    return value


def _folder() -> str:
    try:
        return os.getcwd()  # noqa: PTH109 # as text, and without following links
    except OSError:
        return os.path.abspath(os.sep)  # noqa: PTH100


# ------------------------------------------------------------------------------------------------------ answers, errors
def _warning(kind: str) -> type[Warning]:
    """Return a class of warnings of this package by its name, or the one for users."""
    module, _, name = kind.partition(":")
    found = None
    if module.partition(".")[0] == "sbmlqsp" and module in sys.modules:
        found = getattr(importlib.import_module(module), name, None)
    return found if isinstance(found, type) and issubclass(found, UserWarning) else UserWarning


class _Shown:
    """What a value was shown as."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


def _error(answer: Mapping[str, Any], limits: Mapping[str, Any], *, where: str, doing: str) -> QSPError:
    if refused := answer.get("refused"):
        kind = getattr(errors, str(refused["kind"]), ModelError)
        kind = kind if isinstance(kind, type) and issubclass(kind, QSPError) else ModelError
        value = None if refused["shown"] is None else _Shown(str(refused["shown"]))
        return kind(str(refused["what"]), value=value, **{k: refused[k] for k in ("where", "expected", "remedy")})
    if broke := answer.get("broke"):
        error = ModelError(f"{doing} it failed inside: {broke}", where=where, remedy="report the file as a bug")
        error.add_note(str(answer.get("trace", "")))
        return error
    ended = answer.get("ended")
    if ended == "time":
        limit = f"{limits['seconds']:g} s"
        return ModelError(f"{doing} it was ended at the limit of {limit}", where=where, remedy=TRUST)
    if ended == "opening":
        remedy = "the file reaches for others, or a part of this package was not ready; read it with untrusted=False"
        error = ModelError(f"{doing} it something else was to be opened, which is not done", where=where, remedy=remedy)
        error.add_note(str(answer.get("trace", "")))
        return error
    most = f"the limit of {limits['memory'] / 2**30:g} GB"
    if ended == "memory":
        return ModelError(f"{doing} it needs more memory than {most}", where=where, remedy=TRUST)
    name = _signal(ended)
    cause = f", perhaps for want of memory beyond {most}" if name in {"SIGABRT", "SIGKILL"} else ""
    return ModelError(
        f"{doing} it crashed a process made for that ({name}){cause}", where=where,
        remedy="the file is damaged or made to do so; obtain it again, or simplify the model",
    )  # fmt: skip


def _signal(ended: object) -> str:
    try:
        return signal.Signals(int(str(ended))).name
    except ValueError:
        return str(ended)


# ---------------------------------------------------------------------------------------------------------- the process
class _Gone(Exception):  # noqa: N818
    """The process has ended before it began with the task."""


class _Child:
    """One process, and what it says."""

    def __init__(self) -> None:
        own_group: dict[str, Any] = {"start_new_session": True}
        if sys.platform == "win32":
            own_group = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
        single = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
        words = command("sbmlqsp.engine.guard_child", *map(_name, _preparing))
        pipes: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        try:
            self.process = subprocess.Popen(words, env=environment() | single, bufsize=0, **pipes, **own_group)  # noqa: S603
        except OSError as err:
            raise _unstarted(str(err)) from None
        self.owner = os.getpid()
        self._said: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        try:
            while (message := _read(self._pipe("stdout"))) is not None:
                self._said.put(message)
        except (OSError, ValueError, RecursionError, MemoryError):
            pass  # whatever cannot be read, no more will come
        self._said.put(None)

    def _pipe(self, name: str) -> IO[bytes]:
        pipe = getattr(self.process, name)
        if pipe is None:
            raise OSError("the pipe is closed")
        return pipe  # type: ignore[no-any-return]

    def wait_until_ready(self) -> None:
        """Wait until it has imported everything."""
        message = self.hear(STARTING)
        if message is None or "ready" not in message:
            self.process.kill()
            said = self._pipe("stderr").read(100_000).decode(errors="replace").strip().rpartition("\n")[2]
            raise _unstarted(said or "it took too long")

    def hear(self, seconds: float) -> dict[str, Any] | None:
        """Return what it says next; None where it has ended, or says nothing in time."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            try:
                # In short pieces, as an interruption is not noticed in a wait on every system.
                return self._said.get(timeout=min(left, 0.2))
            except queue.Empty:
                continue
        return None

    def ask(self, task: Mapping[str, Any]) -> dict[str, Any]:
        """Have a task done.

        Raises
        ------
        _Gone
            It had ended already.
        """
        data = memoryview(pack(task))
        try:
            while data:
                data = data[self._pipe("stdin").write(data[: 1 << 20]) :]
        except OSError:
            raise _Gone from None
        begun = self.hear(task["seconds"] + GRACE)
        if begun is None or "begun" not in begun:
            raise _Gone
        answer = self.hear(task["seconds"] + GRACE)
        if answer is not None:
            return answer
        code = self.process.poll()
        self.end()
        return {"ended": "time" if code is None else -code if code < 0 else f"exit status {code}"}

    def end(self) -> None:
        """End it, and leave nothing of it."""
        if os.getpid() == self.owner:
            self.process.kill()
            self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            with contextlib.suppress(OSError):
                if pipe is not None:
                    pipe.close()


def _read(pipe: IO[bytes]) -> dict[str, Any] | None:
    head = _exactly(pipe, HEAD.size)
    size = HEAD.unpack(head)[0] if head else 0
    body = _exactly(pipe, size) if 0 < size <= MOST else None
    return dict(json.loads(body)) if body else None


def _exactly(pipe: IO[bytes], size: int) -> bytes | None:
    parts: list[bytes] = []
    while size:
        part = pipe.read(min(size, 1 << 20))
        if not part:
            return None
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _unstarted(why: str) -> ModelError:
    return ModelError(
        f"the process that reads files of strangers does not start: {why}", value=sys.executable,
        remedy=TRUST,
    )  # fmt: skip


_idle: list[_Child] = []
_lock = threading.Lock()


def _answered(task: Mapping[str, Any]) -> dict[str, Any]:
    """Have a task done by the process that is there, or by a new one."""
    for _ in range(3):
        child = _taken()
        try:
            answer = child.ask(task)
        except _Gone:
            child.end()
            continue
        except BaseException:
            child.end()  # such as an interruption: what it does now is of no use
            raise
        _given_back(child)
        return answer
    raise _unstarted("it ends before it begins with anything")


def _taken() -> _Child:
    with _lock:
        child = _idle.pop() if _idle else None
    if child is not None and child.process.poll() is None:
        return child
    if child is not None:
        child.end()
    child = _Child()
    try:
        for name in MEANWHILE:
            importlib.import_module(name)
        child.wait_until_ready()
    except BaseException:
        child.end()
        raise
    return child


def _given_back(child: _Child) -> None:
    with _lock:
        if not _idle and child.process.poll() is None:
            _idle.append(child)
            return
    child.end()


def _end_all() -> None:
    while _idle:
        _idle.pop().end()


def _forget() -> None:
    """Leave the process to the parent, of which this process is a copy."""
    global _lock  # noqa: PLW0603
    _lock = threading.Lock()
    _others.extend(_idle)
    _idle.clear()
    for child in _others:
        child.end()


_others: list[_Child] = []
atexit.register(_end_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
