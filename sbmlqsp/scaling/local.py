"""Local processes that may die: each piece is done all the same, or its culprit is named."""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

from sbmlqsp.outcome import Outcome
from sbmlqsp.scaling.work import Piece, Work
from sbmlqsp.scaling.worker import receive, send

__all__ = ["Died", "LocalWorkers"]

WARMING = 60.0
"""Seconds more for the first subject of an arm, in which the model is compiled."""


class Died:
    """A piece whose process ended: at which of its subjects, and whether for being out of time."""

    def __init__(self, position: int, *, late: bool, code: int | None) -> None:
        self.position, self.late, self.code = position, late, code


class _Worker:
    """One process, what it does now, and since when."""

    def __init__(self, work: Work, messages: queue.Queue[Any]) -> None:
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
        command = [sys.executable, "-c", "from sbmlqsp.scaling.worker import main; main()"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)  # noqa: S603
        self.piece: Piece | None = None
        self.position, self.since, self.late = 0, time.monotonic(), False
        threading.Thread(target=self._listen, args=(messages,), daemon=True).start()
        self._tell(work)

    def _listen(self, messages: queue.Queue[Any]) -> None:
        try:
            while True:
                messages.put((self, *receive(self.process.stdout)))  # type: ignore[arg-type]
        except (EOFError, OSError, ValueError):
            messages.put((self, "gone", None))

    def _tell(self, message: Any) -> None:
        try:
            send(self.process.stdin, message)  # type: ignore[arg-type]
        except (BrokenPipeError, OSError):
            return  # the listener reports it

    def give(self, piece: Piece) -> None:
        """Hand over a piece."""
        self.piece, self.position, self.since = piece, 0, time.monotonic()
        self._tell(piece)

    def kill(self) -> None:
        """End the process at once."""
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except OSError:
                    continue


class LocalWorkers:
    """Runs pieces on local processes.

    Parameters
    ----------
    work : Work
    count : int
        How many processes.
    limit : float, optional
        Seconds that one subject may take in one arm; its process is ended beyond that.
    """

    def __init__(self, work: Work, count: int, *, limit: float | None = None) -> None:
        self._work, self._count, self._limit = work, count, limit
        self._messages: queue.Queue[Any] = queue.Queue()
        self._workers: list[_Worker] = []

    def run(self, pieces: Sequence[Piece]) -> Iterator[tuple[Piece, list[Outcome] | Died]]:
        """Yield every piece with its outcome, in the order of completion.

        Whoever asks may send pieces that died back by ``again``.
        """
        self._waiting = list(pieces)[::-1]
        try:
            self._workers = [self._started() for _ in range(min(self._count, len(pieces)))]
            while self._waiting or any(w.piece is not None for w in self._workers):
                yield from self._next()
        finally:
            for worker in self._workers:
                worker.kill()

    def again(self, piece: Piece) -> None:
        """Let a piece be done next."""
        self._waiting.append(piece)

    def _started(self) -> _Worker:
        worker = _Worker(self._work, self._messages)
        self._feed(worker)
        return worker

    def _feed(self, worker: _Worker) -> None:
        if self._waiting:
            worker.give(self._waiting.pop())

    def _next(self) -> Iterator[tuple[Piece, list[Outcome] | Died]]:
        try:
            worker, kind, content = self._messages.get(timeout=0.1)
        except queue.Empty:
            self._watch()
            self._wake()
            return
        if worker not in self._workers:
            return
        if kind == "at":
            worker.position, worker.since = content, time.monotonic()
            self._watch()
            return
        piece, worker.piece = worker.piece, None
        if kind == "error":
            raise content
        if kind == "gone":
            self._workers.remove(worker)
            worker.kill()
            code = worker.process.returncode
            if piece is not None:
                yield piece, Died(worker.position, late=worker.late, code=code)
            if self._waiting:
                self._workers.append(self._started())
            return
        if piece is not None:
            yield piece, content
        self._feed(worker)

    def _wake(self) -> None:
        """Give idle processes what came back."""
        for worker in self._workers:
            if worker.piece is None:
                self._feed(worker)

    def _watch(self) -> None:
        """End processes whose subject is out of time."""
        if self._limit is None:
            return
        for worker in self._workers:
            started = worker.process.poll() is None and worker.piece is not None
            if started and time.monotonic() - worker.since > self._limit + (0 if worker.position else WARMING):
                worker.late = True
                worker.process.kill()
