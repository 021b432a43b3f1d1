"""People spread over processes or an executor, and put together again in their own order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sbmlqsp.engine.roadrunner import Tolerances
from sbmlqsp.errors import SimulationError
from sbmlqsp.experiment import Experiment
from sbmlqsp.outcome import Outcome
from sbmlqsp.runner import CRASHED, LATE
from sbmlqsp.scaling.local import Died, LocalWorkers
from sbmlqsp.scaling.work import Piece, Work, perform, pieces_of, some_of
from sbmlqsp.subjects import Subjects

__all__ = ["CHUNK", "spread"]

CHUNK = 100
"""How many subjects are one piece of work, where it is not said."""
DEATHS = 2  # how often a process may die at the same subject before that subject is named
PER_WORKER = 2  # pieces in flight per worker of an executor, which bounds memory


def spread(
    arms: Sequence[Experiment],
    people: Subjects,
    *,
    tolerances: Tolerances,
    stop: bool,
    workers: int | None = None,
    executor: Executor | None = None,
    chunk: int | None = None,
    limit: float | None = None,
    tick: Callable[[int, int], None] = lambda *_: None,
) -> list[Outcome]:
    """Run all arms for all people.

    Parameters
    ----------
    arms : sequence of Experiment
    people : Subjects
    tolerances : Tolerances
    stop : bool
        Whether the first failure ends all; what was done until then is returned.
    workers : int, optional
        Local processes; one that dies, even by ``kill -9``, costs what it was doing at most, which is done again.
    executor : concurrent.futures.Executor, optional
        Instead of local processes, for example that of a Dask or MPI cluster.
    chunk : int, optional
        Subjects per piece of work; no number depends on it.
    limit : float, optional
        Seconds per subject and arm; local processes only.
    tick : callable
        Told how many runs are done and how many failed.

    Returns
    -------
    list of Outcome
        One per arm, in the order of the people.

    Raises
    ------
    SimulationError
        The executor broke.
    """
    work = Work.of(arms, tolerances, stop=stop)
    # A few pieces per process at least, so that none idles at the end.
    fair = max(1, -(-len(people) // (3 * (workers or 1))))
    pieces = pieces_of(people, chunk or min(CHUNK, fair))
    whole = _Whole(arms, people, tick)
    if executor is not None:
        for piece, outcomes in _through(executor, work, pieces):
            whole.put(piece, outcomes)
            if stop and whole.failed:
                break
        return whole.outcomes()
    local = LocalWorkers(work, workers or 1, limit=limit)
    for piece, result in local.run(pieces):
        if isinstance(result, Died):
            rest = whole.mourn(piece, result)
            if rest is not None:
                local.again(rest)
        else:
            whole.put(piece, result)
        if stop and whole.failed:
            break
    return whole.outcomes()


def _through(executor: Executor, work: Work, pieces: Sequence[Piece]) -> Iterator[tuple[Piece, list[Outcome]]]:
    waiting, flying = list(pieces)[::-1], dict[Future[Any], Piece]()
    room = PER_WORKER * int(getattr(executor, "_max_workers", 8))
    try:
        while waiting or flying:
            while waiting and len(flying) < room:
                piece = waiting.pop()
                flying[executor.submit(perform, work, piece)] = piece
            done, _ = wait(flying, return_when=FIRST_COMPLETED)
            for future in done:
                yield flying.pop(future), future.result()
    except BrokenExecutor as err:
        raise SimulationError(
            f"the executor broke after {len(pieces) - len(waiting) - len(flying)} of {len(pieces)} pieces: {err}",
            remedy="run with workers=, whose processes may die",
        ) from None
    finally:
        for future in flying:
            future.cancel()


@dataclass
class _Whole:
    """All results so far, by position."""

    arms: Sequence[Experiment]
    people: Subjects
    tick: Callable[[int, int], None]
    failed: int = 0
    _columns: list[dict[str, Any]] = field(init=False)
    _status: list[Any] = field(init=False)
    _messages: list[list[str]] = field(init=False)
    _doses: list[Any] = field(init=False)
    _deaths: dict[int, int] = field(default_factory=dict)
    _done: int = 0

    def __post_init__(self) -> None:
        size = len(self.people)
        self._columns = [{o.id: np.full((size, len(a.times)), np.nan) for o in a.observables} for a in self.arms]
        self._status = [np.zeros(size, dtype=np.int8) for _ in self.arms]
        self._messages = [[""] * size for _ in self.arms]
        self._doses = [() for _ in self.arms]

    def put(self, piece: Piece, outcomes: Sequence[Outcome]) -> None:
        """Keep the results of a piece."""
        for k, outcome in enumerate(outcomes):
            for name, values in outcome.columns.items():
                self._columns[k][name][piece.positions] = values
            self._status[k][piece.positions] = outcome.status
            for position, message in zip(piece.positions.tolist(), outcome.messages, strict=True):
                self._messages[k][position] = message
            if len(piece.positions) and piece.positions[0] == 0:
                self._doses[k] = outcome.doses
            self.failed += int((outcome.status > 0).sum())
        self._count(len(piece.positions))

    def mourn(self, piece: Piece, died: Died) -> Piece | None:
        """Return what to do again of a piece whose process died; name the subject where it died there before."""
        place = min(died.position, len(piece.positions) - 1)
        position = int(piece.positions[place])
        self._deaths[position] = self._deaths.get(position, 0) + 1
        if not died.late and self._deaths[position] < DEATHS:
            return piece
        why = "it took longer than the time allowed" if died.late else f"its process died (exit status {died.code})"
        for k in range(len(self.arms)):
            self._status[k][position] = LATE if died.late else CRASHED
            self._messages[k][position] = why
        self.failed += len(self.arms)
        self._count(1)
        left = np.delete(piece.positions, place)
        return Piece(piece.number, left, some_of(self.people, left)) if len(left) else None

    def _count(self, more: int) -> None:
        self._done += more * len(self.arms)
        self.tick(self._done, self.failed)

    def outcomes(self) -> list[Outcome]:
        """Return one outcome per arm."""
        parts = zip(self._columns, self._status, self._messages, self._doses, strict=True)
        return [Outcome(*part) for part in parts]
