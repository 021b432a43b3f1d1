"""A patient's run as instructions, with what moves its doses and switches in time does to the sensitivities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sbmlqsp.engine.ode_program import Instructions, Segment, Timeline

__all__ = ["AFTER", "BEFORE", "STARTED", "STOPPED", "Moving"]

BEFORE, AFTER, STARTED, STOPPED = range(100, 104)
"""Note the rates before what happens at once; let the sensitivities jump by their change, for the instant of stretch a
that moves; let that of state a jump by the infusion of delivery b that starts, or stops. With events: let the instant
of stretch a begin, which moves as doses or switches do where b is not zero, and let it end."""


@dataclass
class Moving(Instructions):
    """Instructions whose instants may move with parameters."""

    _number: int = 0
    _running: dict[str, tuple[int, ...]] = field(default_factory=dict)
    _waiting: bool = False

    def add(self, timeline: Timeline) -> int:
        """Append a timeline; return its number."""
        self._number, self._running = 0, {}
        return super().add(timeline)

    def _finish(self, timeline: Timeline, before: Sequence[int]) -> None:
        if self.eventful:
            self._do(BEFORE, self._number, int(bool(timeline.final_boluses or timeline.final_switches)))
        super()._finish(timeline, before)
        if self.eventful:
            self._do(AFTER, self._number)

    def _enter(self, segment: Segment, before: Sequence[int]) -> None:
        at_once = bool(segment.boluses or segment.switches)
        if self.eventful:
            self._do(BEFORE, self._number, int(at_once))
        for target, running in segment.rates.items():
            place, earlier = self.places.states[target], self._running.get(target, ())
            for code, some in ((STARTED, set(running) - set(earlier)), (STOPPED, set(earlier) - set(running))):
                for k in sorted(some):
                    self._do(code, place, k)
            self._running[target] = running
        self._waiting = at_once and not self.eventful
        super()._enter(segment, before)
        if at_once or self.eventful:
            self._do(AFTER, self._number)
        self._number += 1

    def _give(self, boluses: Mapping[str, tuple[int, ...]]) -> None:
        if self._waiting:  # infusions are set by now, so that their own jumps are not counted twice
            self._do(BEFORE)
            self._waiting = False
        super()._give(boluses)
