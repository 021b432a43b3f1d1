"""What is sent to another process: the arms once, and people in pieces."""

from __future__ import annotations

import hashlib
import math
import pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import numpy as np

from sbmlqsp.compiled import LOCK, prepared_for, take_over
from sbmlqsp.dosing import expand
from sbmlqsp.engine.guard import unguarded
from sbmlqsp.engine.libsbml_engine import Prepared
from sbmlqsp.engine.roadrunner import quiet
from sbmlqsp.experiment import Experiment
from sbmlqsp.model import flat_id
from sbmlqsp.outcome import Method, Outcome
from sbmlqsp.subjects import Subjects
from sbmlqsp.units.names import known_atoms, remember

__all__ = ["Piece", "Work", "perform", "pieces_of"]


@dataclass(frozen=True)
class Work:
    """Arms and how to run them, pickled once and unpickled once per process."""

    packed: bytes
    key: str
    arms: int

    @classmethod
    def of(cls, arms: Sequence[Experiment], method: Method, *, stop: bool) -> Work:
        """Pack arms, with what a process would otherwise work out again: documents for the engine, names of units."""
        documents = [_document(arm) for arm in arms]
        content = (tuple(arms), method, stop), documents, known_atoms()
        packed = pickle.dumps(content, protocol=pickle.HIGHEST_PROTOCOL)
        return cls(packed, hashlib.sha256(packed).hexdigest(), len(arms))

    @property
    def content(self) -> tuple[tuple[Experiment, ...], Method, bool]:
        """The arms, how they are run, and whether to stop at a failure."""
        content: tuple[tuple[Experiment, ...], Method, bool] = _unpacked(self.key, self)
        return content


@lru_cache(maxsize=2)
def _unpacked(_key: str, work: Work) -> Any:
    content, documents, atoms = pickle.loads(work.packed)  # noqa: S301  # made by this package in the parent process
    remember(atoms)
    with LOCK:
        for arm, (targets, prepared) in zip(content[0], documents, strict=True):
            take_over(arm.model, targets, prepared)
    return content


def _document(arm: Experiment) -> tuple[list[str], Prepared]:
    given = expand(arm.regimen, time_unit=arm.model.time_unit)
    targets = list(dict.fromkeys(flat_id(a.target) for a in given))
    with LOCK:
        return targets, prepared_for(arm.model, targets)


@dataclass(frozen=True)
class Piece:
    """Some people, by their positions among all, and which of their replicates."""

    number: int
    positions: Any
    people: Subjects = field(repr=False)
    replicates: range = range(1, 2)

    def rows(self, positions: Any, replicates: int = 0) -> Any:
        """Return which runs are those of people at some positions: among all, or among so many replicates of each."""
        count, first = (replicates, self.replicates.start - 1) if replicates else (len(self.replicates), 0)
        return (np.asarray(positions, dtype=int)[:, None] * count + first + np.arange(len(self.replicates))).ravel()


def pieces_of(people: Subjects, size: int, *, replicates: int = 1) -> list[Piece]:
    """Cut people into pieces of so many runs; their table stays behind, since runs read the numbers alone.

    Who has more replicates than that is cut by replicates.
    """
    people = replace(people, table=None)
    each = max(1, size // replicates)
    every = [np.arange(a, min(a + each, len(people))) for a in range(0, len(people), each)]
    cells = [range(a + 1, min(a + size, replicates) + 1) for a in range(0, replicates, max(size, 1))]
    cells = cells if size < replicates else [range(1, replicates + 1)]
    pairs = [(positions, people.some(positions), r) for positions in every for r in cells]
    return [Piece(k, *pair) for k, pair in enumerate(pairs)]


def perform(work: Work, piece: Piece, note: Callable[[int], None] = lambda _: None) -> list[Outcome]:
    """Run a piece; ``note`` is told the position within the piece of the subject that runs now."""
    arms, method, stop = work.content
    out = []
    with quiet(), unguarded():  # this process may be lost, and who lost it is named
        for arm in arms:
            note(0)

            def tick(done: int, _: int) -> None:
                note(done)

            most = 0 if stop else math.inf
            out.append(method.outcome(arm, piece.people, replicates=piece.replicates, tick=tick, most=most))
    return out
