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
from sbmlqsp.engine.libsbml_engine import Prepared
from sbmlqsp.engine.roadrunner import Tolerances, quiet
from sbmlqsp.experiment import Experiment
from sbmlqsp.model import flat_id
from sbmlqsp.outcome import Outcome, outcome_of
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
    def of(cls, arms: Sequence[Experiment], tolerances: Tolerances, *, stop: bool) -> Work:
        """Pack arms, with what a process would otherwise work out again: documents for the engine, names of units."""
        documents = [_document(arm) for arm in arms]
        content = (tuple(arms), tolerances, stop), documents, known_atoms()
        packed = pickle.dumps(content, protocol=pickle.HIGHEST_PROTOCOL)
        return cls(packed, hashlib.sha256(packed).hexdigest(), len(arms))

    @property
    def content(self) -> tuple[tuple[Experiment, ...], Tolerances, bool]:
        """The arms, the tolerances, and whether to stop at a failure."""
        content: tuple[tuple[Experiment, ...], Tolerances, bool] = _unpacked(self.key, self)
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
    """Some people, by their positions among all."""

    number: int
    positions: Any
    people: Subjects = field(repr=False)


def pieces_of(people: Subjects, size: int) -> list[Piece]:
    """Cut people into pieces of a size; their table stays behind, since runs read the numbers alone."""
    people = replace(people, table=None)
    starts = range(0, len(people), size)
    every = [np.arange(a, min(a + size, len(people))) for a in starts]
    return [Piece(k, positions, people.some(positions)) for k, positions in enumerate(every)]


def perform(work: Work, piece: Piece, note: Callable[[int], None] = lambda _: None) -> list[Outcome]:
    """Run a piece; ``note`` is told the position within the piece of the subject that runs now."""
    arms, tolerances, stop = work.content
    out = []
    with quiet():
        for arm in arms:
            note(0)

            def tick(done: int, _: int) -> None:
                note(done)

            out.append(outcome_of(arm, piece.people, tolerances=tolerances, tick=tick, most=0 if stop else math.inf))
    return out
