"""What the judge of hostile files must find: acts that do on purpose what no reader may do."""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from sbmlqsp.errors import ModelError
from tests.hostile import Grounds, Hostile

__all__ = ["DEEDS", "controls"]


def _called(path: Path) -> str:
    with socket.create_connection(("127.0.0.1", int(path.read_text())), timeout=5):
        return "called"


def _failed(_: Path) -> str:
    raise KeyError("a bug")


def _mumbled(_: Path) -> str:
    raise ModelError("it is wrong")


def _spoke(_: Path) -> str:
    raise ModelError("it is wrong", value=(_secret(_)).read_text())


def _secret(path: Path) -> Path:
    return path.parents[2] / "secret" / "secret.txt"


def _hung(_: Path) -> str:
    time.sleep(1_000)
    return "awake"


DEEDS: dict[str, tuple[str, Callable[[Path], str]]] = {
    "opens a secret": ("secret.txt was opened", lambda p: f"{len(_secret(p).read_bytes())} bytes"),
    "says a secret": ("holds the secret", _spoke),
    "leaves a file": ("'work/left' was left", lambda _: f"{Path('left').touch()}"),
    "calls": ("called the server", _called),
    "fails": ("broke", _failed),
    "says not where": ("neither where", _mumbled),
    "hangs": ("hung", _hung),
    "ends": ("died", lambda _: f"{os.abort()}"),
}
"""What is done by its name, and what the judge must say of it."""
SAID_BY_LINUX = ("opens a secret",)


def controls() -> Iterator[Hostile]:
    """Yield the files that say what to do."""
    for name in DEEDS:
        if sys.platform == "linux" or name not in SAID_BY_LINUX:
            yield Hostile("controls", name, name, ".txt", _port, seconds=1.0 if name == "hangs" else None)


def _port(grounds: Grounds) -> str:
    return str(grounds.port)
