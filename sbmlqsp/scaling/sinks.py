"""Where results go that come back in any order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from sbmlqsp.experiment import Experiment
from sbmlqsp.outcome import Outcome
from sbmlqsp.runner import CRASHED, LATE
from sbmlqsp.scaling.local import Died
from sbmlqsp.scaling.work import Piece
from sbmlqsp.subjects import Subjects

__all__ = ["Sink", "Whole", "empty_outcome"]

DEATHS = 2  # how often processes may die at the same subject before that subject is named
COLD_DEATHS = 5  # the same where they may have died of compiling, or of whatever kills processes at that time


def empty_outcome(arm: Experiment, size: int) -> Outcome:
    """Return an outcome of no values yet."""
    columns = {o.id: np.full((size, len(arm.times)), np.nan) for o in arm.observables}
    extras = {"fate": np.full(size, -1), "fate_time": np.full(size, np.nan)} if arm.fates else {}
    return Outcome(columns, np.zeros(size, dtype=np.int8), [""] * size, (), extras)


class Sink:
    """Takes results, and decides what becomes of subjects at whom processes die.

    Parameters
    ----------
    arms : sequence of Experiment
    people : Subjects
    tick : callable
        Told how many runs are done and how many failed.
    """

    def __init__(self, arms: Sequence[Experiment], people: Subjects, tick: Callable[[int, int], None]) -> None:
        self.arms, self.people, self._tick = arms, people, tick
        self.failed = self._done = 0
        self._deaths: dict[int, int] = {}

    def put(self, piece: Piece, outcomes: Sequence[Outcome]) -> None:
        """Keep the results of a piece."""
        self.keep(piece, outcomes)
        self._count(len(piece.positions) * len(piece.replicates), sum(int((o.status > 0).sum()) for o in outcomes))

    def keep(self, piece: Piece, outcomes: Sequence[Outcome]) -> None:
        """Keep the results of a piece, of whose subjects some may have been named before."""
        raise NotImplementedError

    def name(self, piece: Piece, position: int, status: int, message: str) -> None:
        """Keep that a subject has no result."""
        raise NotImplementedError

    def mourn(self, piece: Piece, died: Died) -> Piece | None:
        """Return what to do again of a piece whose process died; name the subject where it died there before."""
        place = min(died.position, len(piece.positions) - 1)
        position = int(piece.positions[place])
        self._deaths[position] = self._deaths.get(position, 0) + 1
        if not died.late and self._deaths[position] < (COLD_DEATHS if died.compiling else DEATHS):
            return piece
        why = "it took longer than the time allowed" if died.late else f"its process died (exit status {died.code})"
        self.name(piece, position, LATE if died.late else CRASHED, why)
        self._count(len(piece.replicates), len(self.arms) * len(piece.replicates))
        left = np.delete(piece.positions, place)
        return Piece(piece.number, left, self.people.some(left), piece.replicates) if len(left) else None

    def _count(self, more: int, failed: int) -> None:
        self.failed += failed
        self._done += more * len(self.arms)
        self._tick(self._done, self.failed)


class Whole(Sink):
    """All results, put together in memory in the order of the people."""

    def __init__(
        self,
        arms: Sequence[Experiment],
        people: Subjects,
        tick: Callable[[int, int], None],
        *,
        replicates: int = 1,
    ) -> None:
        super().__init__(arms, people, tick)
        self._replicates = replicates
        self._all = [empty_outcome(arm, len(people) * replicates) for arm in arms]
        self._doses: list[Any] = [() for _ in arms]

    def keep(self, piece: Piece, outcomes: Sequence[Outcome]) -> None:
        """Put the results where they belong."""
        rows = piece.rows(piece.positions, self._replicates)
        for k, (whole, part) in enumerate(zip(self._all, outcomes, strict=True)):
            whole.take(part, rows)
            if len(piece.positions) and piece.positions[0] == 0:
                self._doses[k] = part.doses

    def name(self, piece: Piece, position: int, status: int, message: str) -> None:
        """Note that a subject has no result."""
        for whole in self._all:
            whole.lose(piece.rows([position], self._replicates), status, message)

    def outcomes(self) -> list[Outcome]:
        """Return one outcome per arm."""
        pairs = zip(self._all, self._doses, strict=True)
        return [replace(o, doses=doses) for o, doses in pairs]
