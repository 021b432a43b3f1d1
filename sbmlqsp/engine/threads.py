"""Patients spread over threads: results do not depend on how many there are."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

__all__ = ["in_order", "portions", "spread", "workers_for"]

SPAN = 64
"""How many patients a thread takes at a time at least."""
SHARES = 10
"""Into how many parts of each thread's share it is divided at most: where few are left, lanes stand idle."""
AHEAD = 2
"""How many pieces for each thread may be done or under way before they are taken up."""
T = TypeVar("T")


def workers_for(n: int, threads: int | None) -> int:
    """Return how many threads so many patients are worth, of all processors where not given."""
    return max(1, min(threads or os.cpu_count() or 1, -(-n // SPAN)))


def portions(n: int, workers: int, most: int) -> list[range]:
    """Return who is run at a time: ever fewer, so that all threads end together.

    Examples
    --------
    >>> [len(piece) for piece in portions(1000, workers=2, most=200)]
    [200, 200, 150, 112, 84, 64, 64, 64, 62]
    """
    out, first, least = [], 0, max(SPAN, n // (SHARES * workers))
    while first < n:
        rest = n - first
        size = min(rest, most, rest if workers == 1 else max(least, rest // (2 * workers)))
        out.append(range(first, first + size))
        first += size
    return out


def spread(run: Callable[[int, int], None], n: int, threads: int | None, *, most: int = SPAN) -> None:
    """Run patients from a first to a last on threads, all processors where not given: at most so many at a time."""
    workers = workers_for(n, threads)
    for _ in in_order(lambda piece: run(piece.start, piece.stop), portions(n, workers, most), workers):
        pass


def in_order(run: Callable[[Any], T], pieces: Iterable[Any], workers: int) -> Iterator[T]:
    """Yield what each piece gives, in their order, while threads are at work on those after it.

    Examples
    --------
    >>> list(in_order(lambda x: x * x, [1, 2, 3], workers=2))
    [1, 4, 9]
    """
    if workers <= 1:
        yield from map(run, pieces)
        return
    under_way: deque[Future[T]] = deque()
    pool = ThreadPoolExecutor(workers)
    try:
        for piece in pieces:
            under_way.append(pool.submit(run, piece))
            if len(under_way) >= AHEAD * workers:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
