"""One arm as a course of records: regimens from a steady state, and subjects that change on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sbmlqsp.compiled import Compiled
from sbmlqsp.course import Course, DoseValues, Entry, plan_course
from sbmlqsp.course_runner import CourseJob, CourseRunner
from sbmlqsp.deliveries import Deliveries
from sbmlqsp.dosing.quantities import convert_time
from sbmlqsp.engine.tolerances import Tolerances
from sbmlqsp.errors import DosingError
from sbmlqsp.experiment import Experiment
from sbmlqsp.occasions import Stretches
from sbmlqsp.runner import FAILED

__all__ = ["CourseArm", "Plans", "dose_entries", "step_of"]

# An observation "before" a dose comes earlier by less than the integrator can tell.
BEFORE = 1e-14


class Plans:
    """The courses of records of the subjects of an arm.

    As in NONMEM, SS = 1 replaces every amount and cancels what earlier dose lines still have to give, and SS = 2 adds.
    A subject's parameters hold from the beginning of their stretch on; amounts stay as they are there.

    Parameters
    ----------
    experiment : Experiment
    deliveries : Deliveries
        What reaches which target, for every subject.
    stretches : Stretches
    switches : callable
        The jumps in time of the model's own formulas, for rows of parameters between two times.
    """

    def __init__(
        self,
        experiment: Experiment,
        deliveries: Deliveries,
        stretches: Stretches,
        switches: Callable[[Any, float, float], Sequence[tuple[float, Mapping[str, float]]]],
    ) -> None:
        self._experiment, self._deliveries, self._stretches = experiment, deliveries, stretches
        self._switches = switches

    def __call__(self, i: int) -> Course:
        """Return the course of one subject.

        Raises
        ------
        DosingError
            A dose cannot be given so.
        """
        switches = self._switches(self._stretches.rows(i), 0.0, self._experiment.times[-1])
        return plan_course(self._entries(i), lambda *_: DoseValues(), carry="last", switches=switches)

    def _entries(self, i: int) -> list[Entry]:
        before = self._experiment.at_dose == "before"
        begins = self._stretches.begins(i)
        changes = [Entry(t, 2, row=k) for k, t in enumerate(begins)]
        doses = list(dose_entries(self._experiment, self._deliveries, i))
        steady = {e.time for e in doses if e.steady}  # there, "before" is the steady state before its dose
        seen = [
            Entry(t - BEFORE * max(1.0, t) if before and t > 0 and t not in steady else t, 0, output=k)
            for k, t in enumerate(self._experiment.times)
        ]
        rest = sorted([*doses, *seen], key=lambda e: e.time)
        if before:
            held = [replace(e, lag=max(e.lag or 0.0, BEFORE * max(1.0, e.time))) if e.steady else e for e in doses]
            rest = sorted([*seen, *held], key=lambda e: (e.time, not e.steady))
        rows = self._stretches.at(i, [e.time for e in rest])
        placed = [replace(e, row=int(row)) for e, row in zip(rest, rows, strict=True)]
        return sorted([*changes, *placed], key=lambda e: e.time)  # stable: a change comes first at its time


class CourseArm:
    """The runs of an arm, by subject, as courses of records.

    Parameters
    ----------
    experiment : Experiment
    compiled : Compiled
        With one row per stretch of a subject.
    deliveries : Deliveries
    stretches : Stretches
    """

    def __init__(
        self, experiment: Experiment, compiled: Compiled, deliveries: Deliveries, stretches: Stretches
    ) -> None:
        self._stretches, self._runner = stretches, CourseRunner(compiled)
        self._plans = Plans(experiment, deliveries, stretches, self._runner.switches)

    def subject(self, i: int, out: Any, *, scales: Mapping[str, float], tolerances: Tolerances) -> tuple[int, str]:
        """Run one subject into ``out``; return status and message."""
        try:
            job = CourseJob(self._plans(i), self._stretches.rows(i).tolist(), scales)
            return self._runner.subject(job, out, tolerances)
        except DosingError as err:
            return FAILED, str(err)


def dose_entries(experiment: Experiment, deliveries: Deliveries, i: int) -> Iterator[Entry]:
    """Yield the doses of one subject as records, one per dose line, in the model's units.

    The further doses of a line are in its ``later``, each with the amount that it has by then.
    """
    doses: Sequence[Any] = experiment.regimen.doses
    lines: dict[int, list[int]] = {}
    for k, a in enumerate(deliveries.given):
        lines.setdefault(a.dose_index, []).append(k)
    for index, places in lines.items():
        dose = doses[index]
        first, *later = (_entry(deliveries, i, k) for k in places)
        step = later[0].time - first.time if later else step_of(experiment, dose)
        yield replace(first, interval=step, steady=dose.steady_state, later=tuple(later))


def _entry(d: Deliveries, i: int, k: int) -> Entry:
    a, length, amount = d.given[k], float(d.duration[i, k]), float(d.amount[i, k])
    return Entry(
        a.time, 1, d.targets[k], amount, rate=amount / length if length else 0.0,
        where=f"dose {a.dose_index + 1} into {a.target}", lag=float(d.start[i, k]) - a.time,
    )  # fmt: skip


def step_of(experiment: Experiment, dose: Any) -> float:
    """Return a dose's interval in the model's time unit."""
    unit = experiment.model.time_unit
    return float(convert_time(dose.interval or 0.0, dose.time_unit or unit, unit))
