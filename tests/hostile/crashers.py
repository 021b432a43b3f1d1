"""Functions that do to their process what hostile files do to engines, each by its shortest way."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import sys
import time
from pathlib import Path

from sbmlqsp.engine.guard_child import seal
from sbmlqsp.errors import ModelError


def segfault() -> None:
    ctypes.string_at(0)


def abort() -> None:
    os.abort()


def leave() -> None:
    os._exit(7)


def kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def hang() -> None:
    while True:
        time.sleep(1)


def hang_in_c() -> None:
    """Without giving Python a turn."""
    ctypes.PyDLL(None).pause()


def work_for_ever() -> None:
    while True:
        pass


def fill_memory() -> None:
    found = []
    while True:
        found.append(bytearray(100_000_000))


def recurse() -> None:
    """Deeper than the stack, where Python does not count."""
    ctypes.CDLL(None).qsort((ctypes.c_int * 2)(), 2, 4, ctypes.CFUNCTYPE(ctypes.c_int)(_again))


def _again() -> int:
    recurse()
    return 0


def fail() -> None:
    raise KeyError("a bug")


def refuse(value: object = None) -> None:
    raise ModelError("it is wrong", value=value, where="the file", expected="another", remedy="mend it")


def refuse_a_number() -> None:
    raise ModelError("it is wrong", value=10**5_000)


def say_much() -> str:
    print("x" * 100_000)
    print("x" * 100_000, file=sys.stderr)
    os.write(1, b"x" * 100_000)
    return "said"


def no_json() -> object:
    return {1j}


def much() -> str:
    return "x" * 50_000_000


def deep() -> object:
    found: list[object] = []
    for _ in range(100_000):
        found = [found]
    return found


def half() -> None:
    """Half an answer, and then the end."""
    os.write(3, b"\xff\0\0\0\0\0\0\0{")
    os._exit(0)


def forged() -> None:
    """An answer that is none, of the right size."""
    os.write(3, (5).to_bytes(8, "little") + b"hello")
    os._exit(0)


def stays() -> None:
    """An answer, from a process that does not end."""
    os.write(3, (14).to_bytes(8, "little") + b'{"result": 42}')
    os.close(3)
    hang()


def write(path: str) -> None:
    Path(path).write_text("evil")


def write_nothing(path: str) -> None:
    """An empty file, sealed."""
    seal()
    Path(path).touch()


def read(path: str) -> str:
    seal()
    return Path(path).read_text()


def call(port: int) -> str:
    seal()
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        return connection.recv(1000).decode()


def call_numbered(port: int) -> None:
    """By the C library, as an engine would."""
    seal()
    if ctypes.CDLL(None).socket(2, 1, 0) < 0:
        raise OSError("no socket")
    call(port)


def modules() -> list[str]:
    return sorted(sys.modules)


def process() -> tuple[int, int, str]:
    return os.getpid(), os.getppid(), str(Path.cwd())


def imported_by_reading(texts: list[str]) -> list[str]:
    """What reading texts imports that was not there when the process started."""
    from sbmlqsp.reading import read_antimony, read_sbml

    before = set(sys.modules)
    for text in texts:
        try:
            (read_sbml if text.lstrip().startswith("<") else read_antimony)(text + "\n")
        except ModelError:
            continue
    return sorted(set(sys.modules) - before)


def warn() -> str:
    import warnings

    from sbmlqsp.processes import CompositionWarning

    warnings.warn("of this package", CompositionWarning, stacklevel=1)
    warnings.warn("of users", UserWarning, stacklevel=1)
    warnings.warn("of programmers", DeprecationWarning, stacklevel=1)
    return "warned"


def segfault_on(*, packed: str) -> None:
    assert packed
    segfault()
