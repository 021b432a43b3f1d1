"""One arm whose regimen starts from a steady state: its doses as records, run by their rules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from sbmlqsp.compiled import Compiled
from sbmlqsp.course import Course, DoseValues, Entry, plan_course
from sbmlqsp.course_runner import CourseJob, CourseRunner
from sbmlqsp.deliveries import Deliveries
from sbmlqsp.dosing.quantities import convert_time
from sbmlqsp.engine.roadrunner import Tolerances
from sbmlqsp.errors import DosingError
from sbmlqsp.experiment import Experiment
from sbmlqsp.runner import FAILED

__all__ = ["SteadyArm", "dose_entries"]

# An observation "before" a dose comes earlier by less than the integrator can tell.
BEFORE = 1e-14


class SteadyArm:
    """The runs of an arm with steady-state doses, by subject.

    As in NONMEM, SS = 1 replaces every amount and cancels what earlier dose lines still have to give, and SS = 2 adds.

    Parameters
    ----------
    experiment : Experiment
    compiled : Compiled
    deliveries : Deliveries
        What reaches which target, for every subject.
    """

    def __init__(self, experiment: Experiment, compiled: Compiled, deliveries: Deliveries) -> None:
        self._experiment, self._deliveries = experiment, deliveries
        self._runner = CourseRunner(compiled)

    def subject(self, i: int, out: Any, *, scales: Mapping[str, float], tolerances: Tolerances) -> tuple[int, str]:
        """Run one subject into ``out``; return status and message."""
        end = self._experiment.times[-1]
        switches = self._runner.switches(np.array([i]), 0.0, end)
        try:
            course: Course = plan_course(self._entries(i), lambda *_: DoseValues(), switches=switches)
            return self._runner.subject(CourseJob(course, [i], scales), out, tolerances)
        except DosingError as err:
            return FAILED, str(err)

    def _entries(self, i: int) -> list[Entry]:
        before = self._experiment.at_dose == "before"
        doses = list(dose_entries(self._experiment, self._deliveries, i))
        steady = {e.time for e in doses if e.steady}  # there, "before" is the steady state before its dose
        seen = [
            Entry(t - BEFORE * max(1.0, t) if before and t > 0 and t not in steady else t, 0, output=k)
            for k, t in enumerate(self._experiment.times)
        ]
        if before:
            held = [replace(e, lag=max(e.lag or 0.0, BEFORE * max(1.0, e.time))) if e.steady else e for e in doses]
            return [Entry(0.0, 2), *sorted([*seen, *held], key=lambda e: (e.time, not e.steady))]
        return [Entry(0.0, 2), *sorted([*doses, *seen], key=lambda e: e.time)]


def dose_entries(experiment: Experiment, deliveries: Deliveries, i: int) -> Iterator[Entry]:
    """Yield the doses of one subject as records, one per dose line, in the model's units."""
    doses: Sequence[Any] = experiment.regimen.doses
    d = deliveries
    steps = {a.dose_index: a.time for a in d.given if a.number == 2}
    for k, a in enumerate(d.given):
        if a.number > 1:
            continue
        dose, length, amount = doses[a.dose_index], float(d.duration[i, k]), float(d.amount[i, k])
        step = steps[a.dose_index] - a.time if a.dose_index in steps else _step(experiment, dose)
        yield Entry(
            a.time,
            1,
            d.targets[k],
            amount,
            rate=amount / length if length else 0.0,
            interval=step,
            additional=dose.count - 1,
            steady=dose.steady_state,
            where=f"dose {a.dose_index + 1} into {a.target}",
            lag=float(d.start[i, k]) - a.time,
        )


def _step(experiment: Experiment, dose: Any) -> float:
    """Return a dose's interval in the model's time unit."""
    unit = experiment.model.time_unit
    return float(convert_time(dose.interval or 0.0, dose.time_unit or unit, unit))
