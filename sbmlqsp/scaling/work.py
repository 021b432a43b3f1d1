"""What is sent to another process: the arms once, and people in pieces."""

from __future__ import annotations

import hashlib
import math
import pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np

from sbmlqsp.engine.roadrunner import Tolerances, quiet
from sbmlqsp.experiment import Experiment
from sbmlqsp.outcome import Outcome, outcome_of
from sbmlqsp.subjects import Subjects

__all__ = ["Piece", "Work", "perform", "pieces_of"]


@dataclass(frozen=True)
class Work:
    """Arms and how to run them, pickled once and unpickled once per process."""

    packed: bytes
    key: str
    arms: int

    @classmethod
    def of(cls, arms: Sequence[Experiment], tolerances: Tolerances, *, stop: bool) -> Work:
        """Pack arms."""
        packed = pickle.dumps((tuple(arms), tolerances, stop), protocol=pickle.HIGHEST_PROTOCOL)
        return cls(packed, hashlib.sha256(packed).hexdigest(), len(arms))

    @property
    def content(self) -> tuple[tuple[Experiment, ...], Tolerances, bool]:
        """The arms, the tolerances, and whether to stop at a failure."""
        content: tuple[tuple[Experiment, ...], Tolerances, bool] = _unpacked(self.key, self)
        return content


@lru_cache(maxsize=2)
def _unpacked(_key: str, work: Work) -> Any:
    return pickle.loads(work.packed)  # noqa: S301  # made by this package in the parent process


@dataclass(frozen=True)
class Piece:
    """Some people, by their positions among all."""

    number: int
    positions: Any
    people: Subjects = field(repr=False)


def pieces_of(people: Subjects, size: int) -> list[Piece]:
    """Cut people into pieces of a size."""
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
