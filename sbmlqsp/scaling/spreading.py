"""People spread over processes or an executor."""

from __future__ import annotations

import uuid
from collections.abc import Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, CancelledError, Executor, Future, wait
from contextlib import closing
from typing import Any

from sbmlqsp.errors import SimulationError
from sbmlqsp.experiment import Experiment
from sbmlqsp.outcome import Method, Outcome
from sbmlqsp.scaling.local import Died, LocalWorkers
from sbmlqsp.scaling.sinks import Sink
from sbmlqsp.scaling.work import Piece, Work, perform

__all__ = ["CELLS", "CHUNK", "TOGETHER", "cells_size", "piece_size", "spread", "workers_of"]

CHUNK = 100
"""How many subjects are one piece of work, where it is not said."""
TOGETHER = {"kernel": 1_000, "gpu": 16_384}
"""How many are one part of a store where they are integrated side by side, by engine, if it is not said."""
CELLS = 5_000
"""How many single cells are one piece of work, or one part of a store, at most where it is not said."""
FEW = 100  # cells that are not cut further
PER_WORKER = 2  # pieces in flight per worker of an executor, which bounds memory
ELSEWHERE = 64  # how many workers an executor is taken to have that does not say, as those of clusters


def workers_of(executor: Executor | None) -> int | None:
    """Return how many workers an executor has, as far as it says."""
    return None if executor is None else int(getattr(executor, "_max_workers", ELSEWHERE))


def cells_size(cells: int, workers: int | None) -> int:
    """Return how many single cells a piece has: a few pieces per worker, but none too small to be worth its way."""
    return min(CELLS, max(FEW, -(-cells // (3 * (workers or 1)))))


def piece_size(people: int, workers: int | None) -> int:
    """Return how many subjects a piece has: a few pieces per process at least, so that none idles at the end."""
    return min(CHUNK, max(1, -(-people // (3 * (workers or 1)))))


def spread(
    arms: Sequence[Experiment],
    pieces: Sequence[Piece],
    sink: Sink,
    *,
    method: Method,
    stop: bool,
    most: int,
    workers: int | None = None,
    executor: Executor | None = None,
    limit: float | None = None,
) -> None:
    """Run all arms for all pieces and hand what comes out to the sink.

    Parameters
    ----------
    arms : sequence of Experiment
    pieces : sequence of Piece
    sink : Sink
    method : Method
    stop : bool
        Whether the first failure ends all, also in the middle of a piece.
    most : int
        How many failures may be; one more ends all after its piece.
    workers : int, optional
        Local processes; one that dies, even by ``kill -9``, costs what it was doing at most, which is done again.
        Without workers and executor all runs in this process.
    executor : concurrent.futures.Executor, optional
        Instead of local processes, for example that of a Dask or MPI cluster.
    limit : float, optional
        Seconds per subject and arm; local processes only.

    Raises
    ------
    SimulationError
        The executor broke.
    """
    work = Work.of(arms, method, stop=stop)
    if executor is not None:
        results: Generator[tuple[Piece, Any]] = _through(executor, work, pieces)
    elif workers is None:
        results = ((piece, perform(work, piece)) for piece in pieces)
    else:
        local = LocalWorkers(work, workers, limit=limit)
        results = local.run(pieces)
    with closing(results):  # at once, also where a failure ends all: its traceback would keep processes alive
        for piece, result in results:
            if isinstance(result, Died):
                rest = sink.mourn(piece, result)
                if rest is not None:
                    local.again(rest)
            else:
                sink.put(piece, result)
            if sink.failed > most:
                break


def _through(executor: Executor, work: Work, pieces: Sequence[Piece]) -> Generator[tuple[Piece, list[Outcome]]]:
    waiting, flying, count = list(pieces)[::-1], dict[Future[Any], Piece](), 0
    call = uuid.uuid4().hex
    room = PER_WORKER * (workers_of(executor) or 1)
    try:
        while waiting or flying:
            while waiting and len(flying) < room:
                piece = waiting.pop()
                flying[executor.submit(_performed, work, piece, call)] = piece
            done, _ = wait(flying, return_when=FIRST_COMPLETED)
            for future in done:
                result = future.result()
                count += 1
                yield flying.pop(future), result
    except Exception as err:
        if not _broken(err):
            raise
        raise SimulationError(
            f"the executor broke after {count} of {len(pieces)} pieces: {err}",
            remedy="give store= and go on with resume=True on a new executor, or run with workers=",
        ) from None
    finally:
        for future in flying:
            future.cancel()


def _performed(work: Work, piece: Piece, call: str) -> list[Outcome]:
    """Run a piece of one call: a cluster that knows tasks by their content must not take it for a cancelled one."""
    del call
    return perform(work, piece)


def _broken(err: Exception) -> bool:
    """Whether an error is the executor's own: Dask has kinds of its own for processes that die and lost connections."""
    return isinstance(err, BrokenExecutor | CancelledError) or type(err).__module__.startswith("distributed")
