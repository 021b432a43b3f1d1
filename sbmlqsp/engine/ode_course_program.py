"""Courses of records as instructions for the compiled loops: what each patient is given and what changes, step by step.

They differ from patient to patient, in what is set and when, so that each has instructions of its own.
"""

from __future__ import annotations

from collections.abc import Sequence

from sbmlqsp.engine.ode_program import BOLUS, BOLUS_FIXED, RUN, SET, Instructions

__all__ = ["Coursed"]


class Coursed(Instructions):
    """The instructions of several courses, one after the other."""

    def put(self, name: str, value: float) -> None:
        """Set a constant."""
        self._do(SET, self.places.constants[name], 0, value)

    def give(self, name: str, delivery: int) -> None:
        """Add a delivery to a state or a constant."""
        moves = name in self.places.states
        place = (self.places.states if moves else self.places.constants)[name]
        self._do(BOLUS if moves else BOLUS_FIXED, place, delivery)

    def run(self, times: Sequence[float], rows: Sequence[int], output: Sequence[int]) -> None:
        """Integrate from the first time to the last; row ``rows[k]`` of them is output ``output[k]``."""
        pairs, last, begin = list(zip(rows, output, strict=True)), len(times) - 1, len(self.times)
        self._show([o for row, o in pairs if row == 0])
        if last == 0:
            return
        inside = [(times[row], o) for row, o in pairs if 0 < row < last]
        self.times += [t for t, _ in inside]
        self.rows += [o for _, o in inside]
        self._do(RUN, begin, len(self.times), times[-1])
        self._show([o for row, o in pairs if row == last])

    def end_course(self) -> None:
        """End a course."""
        self.of.append(len(self.code))
