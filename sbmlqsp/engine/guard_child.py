"""The process that reads what strangers wrote: started bare, told by its pipe what to do, and held to limits.

On Linux it does nothing itself but makes a copy of itself for each task, which takes milliseconds: every task begins in
a clean process with its own limits of time and memory, and none can spoil the next. Elsewhere it does the tasks itself.
Messages are JSON, never pickles: whoever reads the answer cannot be made to run anything.
"""

from __future__ import annotations

import contextlib
import errno
import importlib
import json
import os
import select
import signal
import struct
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from sbmlqsp.errors import QSPError

__all__ = ["FORKS", "HEAD", "main", "pack", "seal"]

HEAD = struct.Struct("<Q")
FORKS = sys.platform == "linux"
"""Whether each task has a process of its own; the libraries of macOS do not survive a fork, and Windows has none."""
IDLE = 600.0
"""After so many seconds with nothing to do it ends."""
MOST = 1_000_000_000
"""Bytes of an answer."""
LAST_WORDS = 2.0
"""Seconds in which a process that has said all must have ended."""
_sealable = False


def seal() -> None:
    """Open nothing from here on: no file, no socket. In a process that is not the guard's this does nothing."""
    global _sealable  # noqa: PLW0603
    if _sealable:
        import resource

        _sealable = False  # once is enough
        lowest = os.open(os.devnull, os.O_RDONLY)  # the lowest number that is free
        os.close(lowest)
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, lowest if FORKS else most))


def pack(message: Mapping[str, Any]) -> bytes:
    """Return a message with its size before it."""
    return _framed(json.dumps(message).encode("ascii"))


def _framed(data: bytes) -> bytes:
    return HEAD.pack(len(data)) + data


def main(*preparing: str) -> None:
    """Call the functions named, which import what tasks need, and do what is asked until nobody can ask any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what an interruption means
    incoming, outgoing = os.dup(0), os.dup(1)
    nowhere = os.open(os.devnull, os.O_RDWR)
    from sbmlqsp.engine.roadrunner import mute

    mute()
    for name in preparing:
        _function(name)()
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    os.close(nowhere)
    _write(outgoing, pack({"ready": True}))
    while (task := _received(incoming)) is not None:
        _write(outgoing, pack({"begun": True}))
        with contextlib.suppress(Exception):
            _function(task["function"])  # imported once, for this task and those that come; the task says what is wrong
        _write(outgoing, _in_a_copy(task, incoming) if FORKS else _here(task))


def _function(name: str) -> Callable[..., Any]:
    module, _, own = name.partition(":")
    found: Callable[..., Any] = getattr(importlib.import_module(module), own)
    return found


# ----------------------------------------------------------------------------------------------------- pipes and tasks
def _received(incoming: int) -> dict[str, Any] | None:
    if FORKS and not select.select([incoming], [], [], IDLE)[0]:
        return None
    head = _read(incoming, HEAD.size)
    if head is None:
        return None
    data = _read(incoming, HEAD.unpack(head)[0])
    return None if data is None else dict(json.loads(data))


def _read(descriptor: int, size: int) -> bytes | None:
    parts: list[bytes] = []
    while size:
        part = os.read(descriptor, min(size, 1 << 20))
        if not part:
            return None
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _write(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view[: 1 << 20]) :]


def _done(task: Mapping[str, Any]) -> bytes:
    """Do a task; whatever happens becomes an answer."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            os.chdir(task["folder"])
            return pack({"result": _function(task["function"])(**task["arguments"]), "told": _told(told)})
        except QSPError as error:
            return pack({"refused": _as_data(error), "told": _told(told)})
        except MemoryError:
            return pack({"ended": "memory"})
        except BaseException as error:  # noqa: BLE001 # the parent says it
            if isinstance(error, OSError) and error.errno == errno.EMFILE:
                return pack({"ended": "opening", "trace": traceback.format_exc()[-4000:]})
            return pack({"broke": f"{type(error).__name__}: {error}"[:500], "trace": traceback.format_exc()[-4000:]})


def _told(caught: list[warnings.WarningMessage]) -> list[tuple[str, str]]:
    """Return warnings meant for users, as the names of their classes with their texts."""
    kinds = [(type(w.message), str(w.message)) for w in caught if issubclass(w.category, UserWarning)]
    return [(f"{kind.__module__}:{kind.__qualname__}", text) for kind, text in kinds]


def _as_data(error: QSPError) -> dict[str, Any]:
    shown = None if error.value is None else repr(error.value)[:1000]
    own = {name: getattr(error, name) for name in ("what", "where", "expected", "remedy")}
    return {"kind": type(error).__name__, "shown": shown, **own}


def _here(task: Mapping[str, Any]) -> bytes:
    """Do a task in this process, where there are no copies; the parent ends it when time is up."""
    global _sealable  # noqa: PLW0603
    try:
        import resource
    except ImportError:
        return _done(task)
    before, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    _limit(None, task["memory"])
    _sealable = True
    try:
        return _done(task)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (before, most))


# ------------------------------------------------------------------------------------------------- a process of its own
def _in_a_copy(task: Mapping[str, Any], incoming: int) -> bytes:
    """Do a task in a copy of this process, and return what it answered or how it ended."""
    readable, writable = os.pipe()
    began = time.monotonic()
    process = os.fork()
    if process == 0:
        _copy(task, writable)
    os.close(writable)
    answer, how = _heard(readable, incoming, began + task["seconds"])
    os.close(readable)
    if how:
        os.kill(process, signal.SIGKILL)
    if how == "alone":
        os._exit(0)
    status, used = _buried(process)
    facts = {"seconds": time.monotonic() - began, "cpu": used.ru_utime + used.ru_stime, "memory": used.ru_maxrss * 1024}
    if answer is not None:
        return _with_facts(answer, facts)
    number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
    if how or number == signal.SIGXCPU:
        return pack({"ended": how or "time", "facts": facts})
    return pack({"ended": number or f"exit status {os.waitstatus_to_exitcode(status)}", "facts": facts})


def _copy(task: Mapping[str, Any], writable: int) -> NoReturn:
    """Do the task with nothing open but the pipe for its answer, and end."""
    global _sealable  # noqa: PLW0603 # this process has one task
    try:
        os.dup2(writable, 3)
        os.closerange(4, 1 << 16)
        _limit(task["seconds"], task["memory"])
        _sealable = True
        _write(3, _done(task))
    finally:
        os._exit(0)


def _limit(seconds: float | None, memory: int) -> None:
    """Let this process take so much more memory, so many seconds of a processor, and write no file."""
    import resource

    now = 0
    with contextlib.suppress(OSError, ValueError), open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123
        now = int(file.read().split()[0]) * resource.getpagesize()
    limits = {resource.RLIMIT_AS: now + memory, resource.RLIMIT_FSIZE: 0, resource.RLIMIT_CORE: 0}
    if seconds is not None:
        limits[resource.RLIMIT_CPU] = int(seconds) + 1
    for limit, value in limits.items():
        with contextlib.suppress(OSError, ValueError):
            _, most = resource.getrlimit(limit)
            resource.setrlimit(limit, (value, most if limit == resource.RLIMIT_CPU else value))


def _heard(readable: int, incoming: int, deadline: float) -> tuple[bytes | None, str]:
    """Return the whole answer or None, and why the process must be ended: "time", "memory", or "alone"."""
    parts: list[bytes] = []
    size = 0
    while (left := deadline - time.monotonic()) > 0:
        ready, _, _ = select.select([readable, incoming], [], [], left)
        if incoming in ready:
            return None, "alone"  # the parent is gone, and nobody needs it
        if readable in ready:
            part = os.read(readable, 1 << 20)
            if not part:
                return _whole(b"".join(parts)), ""
            parts.append(part)
            size += len(part)
            if size > MOST:
                return None, "memory"
    return None, "time"


def _whole(data: bytes) -> bytes | None:
    whole = len(data) >= HEAD.size and len(data) == HEAD.size + HEAD.unpack(data[: HEAD.size])[0]
    return data if whole else None


def _with_facts(answer: bytes, facts: Mapping[str, Any]) -> bytes:
    """Add what was measured, without reading what a stranger's file may have written."""
    body = answer[HEAD.size :].rstrip()
    if not body.startswith(b"{") or not body.endswith(b"}"):
        return pack({"ended": "an answer that is none", "facts": facts})
    return _framed(body[:-1] + b', "facts": ' + json.dumps(facts).encode("ascii") + b"}")


def _buried(process: int) -> tuple[int, Any]:
    """Wait for a process that has said all, or end it."""
    deadline = time.monotonic() + LAST_WORDS
    while time.monotonic() < deadline:
        found, status, used = os.wait4(process, os.WNOHANG)
        if found:
            return status, used
        time.sleep(0.0005)
    os.kill(process, signal.SIGKILL)
    _, status, used = os.wait4(process, 0)
    return status, used
