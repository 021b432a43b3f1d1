"""A line of progress on a terminal, silent elsewhere and for anything under a second."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import IO, Self

__all__ = ["Progress"]


class Progress:
    """Counts finished runs; shows rate, remaining time and failures.

    Parameters
    ----------
    total : int
        Runs in all.
    show : bool, optional
        Force on or off; by default on where stderr is a terminal.
    stream : text stream, optional
        Where to write.
    """

    def __init__(self, total: int, *, show: bool | None = None, stream: IO[str] | None = None) -> None:
        self._total = total
        self._stream = stream or sys.stderr
        self._show = self._stream.isatty() if show is None else show
        self._start = self._last = time.monotonic()
        self._before = self._done = self._failed_before = self._failed = 0
        self._label = ""
        self._written = False

    def __enter__(self) -> Self:
        return self

    def next(self, label: str) -> None:
        """Begin the next group of runs."""
        self._before += self._done
        self._failed_before += self._failed
        self._done = self._failed = 0
        self._label = label

    def tick(self, done: int, failed: int) -> None:
        """Report runs finished and failed within the group."""
        self._done, self._failed = done, failed
        if not self._show:
            return
        now = time.monotonic()
        if now - self._start < 1 or now - self._last < 0.2:
            return
        self._last = now
        count = self._before + done
        rate = count / (now - self._start)
        left = (self._total - count) / rate if rate else 0.0
        failures = self._failed_before + failed
        bad = f", {failures} failed" if failures else ""
        self._stream.write(f"\r{self._label}: {count}/{self._total} runs, {rate:.0f}/s, {left:.0f} s left{bad}   ")
        self._stream.flush()
        self._written = True

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._written:
            self._stream.write("\r" + " " * 79 + "\r")
            self._stream.flush()
