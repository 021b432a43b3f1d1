"""Local processes that may die: each piece is done all the same, or its culprit is named."""

from __future__ import annotations

import contextlib
import os
import queue
import subprocess
import threading
import time
from collections.abc import Generator, Iterator, Sequence
from typing import Any

from sbmlqsp.errors import SimulationError
from sbmlqsp.outcome import Outcome
from sbmlqsp.scaling.work import Piece, Work
from sbmlqsp.scaling.worker import receive, send
from sbmlqsp.starting import command, environment

__all__ = ["Died", "LocalWorkers"]

WARMING = 60.0
"""Seconds more for the first subject of an arm in a new process, in which the model is compiled."""
REMEMBERED = 8
"""How many arms a process keeps compiled at least."""
STILLBORN = 5
"""How many processes in a row may end before they can do anything."""
LEAVE = 5.0
"""Seconds in which whoever listens to a process hears that it has ended."""


class Died:
    """A piece whose process ended.

    Parameters
    ----------
    position : int
        At which of its subjects.
    late : bool
        Whether for being out of time.
    code : int, optional
        The exit status.
    compiling : bool
        Whether it may have been compiling still, so that it need not be the subject's doing.
    """

    def __init__(self, position: int, *, late: bool, code: int | None, compiling: bool = False) -> None:
        self.position, self.late, self.code, self.compiling = position, late, code, compiling


class _Worker:
    """One process, what it does now, and since when.

    It is ``ready`` once it has read the work, ``begun`` with a piece once it has named a subject of it, and ``warm``
    once a piece is done, the model being compiled then.
    """

    def __init__(self, messages: queue.Queue[Any]) -> None:
        words = command("sbmlqsp.scaling.worker", str(os.getpid()))
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment())  # noqa: S603
        self.piece: Piece | None = None
        self.position, self.since, self.late = 0, time.monotonic(), False
        self.ready = self.begun = self.warm = False
        self._listener = threading.Thread(target=self._listen, args=(messages,), daemon=True)
        self._listener.start()

    def _listen(self, messages: queue.Queue[Any]) -> None:
        try:
            while True:
                messages.put((self, *receive(self.process.stdout)))  # type: ignore[arg-type]
        except Exception:  # noqa: BLE001  # whatever cannot be read, no more will come
            messages.put((self, "gone", None))

    def tell(self, message: Any) -> None:
        """Send something, which waits until the process reads it."""
        try:
            send(self.process.stdin, message)  # type: ignore[arg-type]
        except (BrokenPipeError, OSError):
            return  # the listener reports it

    def give(self, piece: Piece) -> None:
        """Hand over a piece."""
        self.piece, self.position, self.since, self.begun = piece, 0, time.monotonic(), False
        self.tell(piece)

    def kill(self) -> None:
        """End the process at once."""
        self.process.kill()
        self.process.wait()
        self._listener.join(LEAVE)
        # While it reads, closing would wait for it, or end this process where Python is on its way out.
        pipes = [self.process.stdin] if self._listener.is_alive() else [self.process.stdin, self.process.stdout]
        for pipe in filter(None, pipes):
            with contextlib.suppress(OSError):
                pipe.close()


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
        self._stillborn = 0

    def run(self, pieces: Sequence[Piece]) -> Generator[tuple[Piece, list[Outcome] | Died]]:
        """Yield every piece with its outcome, in the order of completion.

        Whoever asks may send pieces that died back by ``again``.

        Raises
        ------
        SimulationError
            Processes end before they can do anything.
        """
        self._waiting = list(pieces)[::-1]
        try:
            for _ in range(min(self._count, len(pieces))):
                self._start()
            while self._waiting or any(w.piece is not None for w in self._workers):
                yield from self._next()
        finally:
            for worker in self._workers:
                worker.kill()

    def again(self, piece: Piece) -> None:
        """Let a piece be done next."""
        self._waiting.append(piece)

    def _start(self) -> None:
        worker = _Worker(self._messages)
        self._workers.append(worker)  # before it is told anything: who is interrupted meanwhile must know of it
        worker.tell(self._work)
        self._feed(worker)

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
        if kind == "ready":
            worker.ready, self._stillborn = True, 0
        elif kind == "at":
            worker.position, worker.since, worker.begun = content, time.monotonic(), True
            self._watch()
        elif kind == "error":
            raise content
        else:
            piece, worker.piece = worker.piece, None
            result = self._buried(worker, piece) if kind == "gone" else content
            if piece is not None and result is not None:
                yield piece, result
            self._follow(worker)

    def _buried(self, worker: _Worker, piece: Piece | None) -> Died | None:
        """Take leave of a process that ended; where it had not begun its piece, that is no subject's doing."""
        self._workers.remove(worker)
        worker.kill()
        code = worker.process.returncode
        self._stillborn += not worker.ready
        if self._stillborn >= STILLBORN:
            raise SimulationError(
                f"{STILLBORN} processes in a row ended before they could begin", value=f"exit status {code}",
                remedy="run a few subjects with workers=None, which shows what is wrong, or make memory free",
            )  # fmt: skip
        if piece is not None and not worker.begun:
            self._waiting.append(piece)
            return None
        compiling = not worker.warm and worker.position == 0
        return Died(worker.position, late=worker.late, code=code, compiling=compiling)

    def _follow(self, worker: _Worker) -> None:
        """Give a process its next piece, or the piece to a new process where it is gone."""
        if worker in self._workers:
            worker.warm = True
            self._feed(worker)
        elif self._waiting:
            self._start()

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
            if started and time.monotonic() - worker.since > self._limit + self._allowance(worker):
                worker.late = True
                worker.process.kill()

    def _allowance(self, worker: _Worker) -> float:
        """Return the seconds that a process may take beyond the limit, which it compiles in."""
        known = worker.warm and self._work.arms <= REMEMBERED
        return 0.0 if worker.position or known else WARMING
