"""Hostile and broken files by class: some hundred that have crashed, hung, emptied or opened something elsewhere.

Each class is a function that yields files; ``everything()`` has them all. Nothing here needs an engine, so that the
files are the same wherever they are written.
"""

from __future__ import annotations

import importlib
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["MARK", "SECRET", "Grounds", "Hostile", "everything", "hostile", "named", "seeded"]

SECRET = "CANARY7f3a9d"
"""Stands in every file that nothing may read; a message, a model or a result that holds it has read one of them."""
MARK = "MARK51c2e0"
"""Stands in hostile files themselves, where they try to be taken for more than text."""


@dataclass(frozen=True)
class Grounds:
    """Where hostile files are written, and what they reach for.

    ``secret`` is a folder beside with files of every kind that hold the secret word; on ``port`` a server of this
    machine counts who calls.
    """

    folder: Path
    secret: Path
    port: int = 9

    @property
    def web(self) -> str:
        return f"http://127.0.0.1:{self.port}"


Content = str | bytes
Made = Content | Path | None


@dataclass(frozen=True)
class Hostile:
    """One file: what it is of, how it is read, and what writes it.

    ``make`` returns the content, or the path of what it has made itself. ``right`` tells that the file is odd but good,
    and must be read, ``opens`` which of the secrets it is itself, so that it is opened, and ``seconds`` what it may
    take, where that is more than others may.
    """

    family: str
    name: str
    act: str
    suffix: str
    make: Callable[[Grounds], Made]
    right: bool = False
    opens: str = ""
    seconds: float | None = None

    def write(self, grounds: Grounds) -> Path:
        made = self.make(grounds)
        if isinstance(made, Path):
            return made
        path = grounds.folder / f"file{self.suffix}"
        path.write_bytes(made if isinstance(made, bytes) else (made or "").encode("utf-8", "surrogatepass"))
        return path


Files = Iterator[tuple[str, Content | Callable[[Grounds], Made]]]
CLASSES: dict[str, Callable[[], Iterator[Hostile]]] = {}


def hostile(family: str, *, act: str, suffix: str, **more: object) -> Callable[[Callable[[], Files]], object]:
    """Register a function that yields names with contents, or with what makes them."""

    def register(function: Callable[[], Files]) -> Callable[[], Files]:
        def files() -> Iterator[Hostile]:
            for name, content in function():
                made = content if callable(content) else (lambda _, c=content: c)
                yield Hostile(family, name, act, suffix, made, **more)

        assert family not in CLASSES, family
        CLASSES[family] = files
        return function

    return register


def seeded(*words: object) -> random.Random:
    """A generator of its own for each purpose, the same on every machine."""
    return random.Random(repr(words))


MODULES = (
    "xml",
    "sbml",
    "sbml_broken",
    "sbml_composed",
    "paths",
    "antimony",
    "antimony_imports",
    "running",
    "data",
    "studies",
    "stores",
    "exchange",
)


def everything() -> Iterator[Hostile]:
    """Yield every hostile file, one class after another; some hold many megabytes."""
    for files in _classes().values():
        yield from files()


def named(family: str, name: str) -> Hostile:
    """Return one file."""
    return next(file for file in _classes()[family]() if file.name == name)


def _classes() -> dict[str, Callable[[], Iterator[Hostile]]]:
    for module in MODULES:
        importlib.import_module(f"tests.hostile.{module}")
    return CLASSES
