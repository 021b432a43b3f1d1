"""A patient's run as instructions for the compiled loops: doses, switches, outputs, and stretches between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from sbmlqsp.engine.jumps import INFLOW

__all__ = ["BOLUS", "BOLUS_FIXED", "IDLE", "INFUSE", "RUN", "SET", "SETTLE", "SHOW", "Instructions", "Places"]

BOLUS, BOLUS_FIXED, IDLE, INFUSE, SET, SHOW, RUN, SETTLE = range(8)
"""Add delivery b to state a, or to constant a; stop the infusions of constant a; add the rate of delivery b to it; set
it; put out row a; integrate to a time with the outputs a to b; execute the events that are due."""


class Segment(Protocol):
    """A stretch without discontinuity, as ``timeline`` has it."""

    times: list[float]
    rows: list[int]
    output: list[int]
    boluses: Mapping[str, tuple[int, ...]]
    rates: Mapping[str, tuple[int, ...]]
    switches: Mapping[str, float]
    instant: Mapping[str, float]


class Timeline(Protocol):
    """A run as ``timeline`` has it."""

    @property
    def segments(self) -> Sequence[Any]:
        """The stretches."""

    @property
    def before(self) -> tuple[int, ...]:
        """Outputs of the undosed state."""

    @property
    def final_boluses(self) -> Mapping[str, tuple[int, ...]]:
        """Doses at the end."""

    @property
    def final_switches(self) -> Mapping[str, float]:
        """Switches at the end."""

    @property
    def final(self) -> tuple[int, ...]:
        """Outputs after them."""


@dataclass(frozen=True)
class Places:
    """Where each state and each constant is."""

    states: Mapping[str, int]
    constants: Mapping[str, int]


@dataclass
class Instructions:
    """The instructions of several timelines, one after the other.

    In a model with events those of an instant happen before its doses, and what doses trigger after them.
    """

    places: Places
    eventful: bool = False
    of: list[int] = field(default_factory=lambda: [0])
    code: list[tuple[int, int, int]] = field(default_factory=list)
    value: list[float] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)

    def add(self, timeline: Timeline) -> int:
        """Append a timeline; return its number."""
        before = timeline.before if self.eventful else ()
        self._show(() if self.eventful else timeline.before)
        for segment in timeline.segments:
            self._enter(segment, before)
            self._run(segment)
            before = ()
        self._finish(timeline, before)
        self.of.append(len(self.code))
        return len(self.of) - 2

    def _finish(self, timeline: Timeline, before: Sequence[int]) -> None:
        """Do what happens at the end of the run."""
        self._happen(timeline.final_switches if self.eventful else {})
        self._show(before)
        self._give(timeline.final_boluses)
        self._set({} if self.eventful else timeline.final_switches)
        self._happen({})
        self._show(timeline.final)

    @property
    def end(self) -> float:
        """The last time that is integrated to, in the model's unit of time."""
        return max((v for (code, _, _), v in zip(self.code, self.value, strict=True) if code == RUN), default=0.0)

    def arrays(self) -> tuple[Any, ...]:
        """Return everything as arrays."""
        code = np.array(self.code, dtype=np.int64).reshape(-1, 3)
        rows = np.array(self.rows, dtype=np.int64)
        return np.array(self.of, dtype=np.int64), code, np.array(self.value), np.array(self.times), rows

    def _do(self, code: int, a: int = 0, b: int = 0, value: float = 0.0) -> None:
        self.code.append((code, a, b))
        self.value.append(value)

    def _enter(self, segment: Segment, before: Sequence[int]) -> None:
        for target, running in segment.rates.items():
            place = self.places.constants[INFLOW + target]
            self._do(IDLE, place)
            for k in running:
                self._do(INFUSE, place, k)
        self._happen((segment.instant or segment.switches) if self.eventful else {})
        self._show(before)
        self._give(segment.boluses)
        self._happen({})
        first = [o for o, row in zip(segment.output, segment.rows, strict=True) if row == 0]
        if self.eventful:
            self._show(first)
            self._happen(segment.switches if segment.instant else {})
            return
        self._set(segment.instant if segment.instant and first else {})
        self._set({} if segment.instant and first else segment.switches)
        self._show(first)
        self._set(segment.switches if segment.instant and first else {})

    def _happen(self, switches: Mapping[str, float]) -> None:
        """Set switches and let events happen, where there are any."""
        self._set(switches)
        if self.eventful:
            self._do(SETTLE)

    def _run(self, segment: Segment) -> None:
        begin, last = len(self.times), len(segment.times) - 1
        pairs = list(zip(segment.rows, segment.output, strict=True))
        for row, output in pairs:
            if 0 < row < last:
                self.times.append(segment.times[row])
                self.rows.append(output)
        self._do(RUN, begin, len(self.times), segment.times[-1])
        self._show([output for row, output in pairs if row == last])

    def _give(self, boluses: Mapping[str, tuple[int, ...]]) -> None:
        for target, which in boluses.items():
            moves = target in self.places.states
            place = (self.places.states if moves else self.places.constants)[target]
            for k in which:
                self._do(BOLUS if moves else BOLUS_FIXED, place, k)

    def _set(self, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            if name in self.places.constants:
                self._do(SET, self.places.constants[name], 0, value)

    def _show(self, rows: Sequence[int]) -> None:
        for row in rows:
            self._do(SHOW, row)
