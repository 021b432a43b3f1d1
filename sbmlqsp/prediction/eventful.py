"""Predictions of models with events of their own, whose doses must be events too so that triggers see them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sbmlqsp.compiled import Compiled
from sbmlqsp.course import INSTANT, Course
from sbmlqsp.engine.linearity import reads_time
from sbmlqsp.engine.tolerances import Tolerances
from sbmlqsp.errors import UnsupportedError
from sbmlqsp.model import Model
from sbmlqsp.runner import Job, Runner
from sbmlqsp.timeline import Delivery, build_timeline

__all__ = ["EventfulRunner"]

_WORDS = {
    "begin": "resets (EVID 3 and 4)",
    "row": "parameters that change from record to record",
    "steady": "steady-state doses (SS)",
    "empty": "compartments turned off",
}


class EventfulRunner:
    """Runs courses of doses alone on a model with events, by the route of ``simulate``.

    Parameters
    ----------
    compiled : Compiled
        With one row per set of parameters.
    """

    def __init__(self, compiled: Compiled) -> None:
        self._compiled, self._model = compiled, compiled.model
        self._sides = {side: Runner(compiled, at_dose=side) for side in ("after", "before")}

    def switches(self, *_: Any) -> Sequence[Any]:
        """Return nothing: jumps in time are found when the subject is run."""
        return ()

    def subject(self, job: Any, out: Any, tolerances: Tolerances) -> tuple[int, str]:
        """Run one subject's course into ``out``; return status and message."""
        row = job.rows[job.course.row]
        times, outputs, sides, boluses, rates = _taken_apart(job.course, self._model)
        origin = self._origin(job.course)
        given = [Delivery(t, at - origin) for at, t, _ in boluses]
        amounts = [amount for _, _, amount in boluses]
        infused = _infusions(rates, end=max(times, default=origin))
        given += [Delivery(t, at - origin, length) for at, t, length, _ in infused]
        amounts += [amount for *_, amount in infused]
        lengths = [d.duration for d in given]
        grid = np.unique([0.0, *(t - origin for t in times)])
        end = float(grid[-1])
        schedule = self._compiled.prepared.switches.schedule(self._compiled.timing(row), end)
        status, message = 0, ""
        for side, runner in self._sides.items():
            mine = [k for k, s in enumerate(sides) if s == side]
            if not mine or status:
                continue
            timeline = build_timeline(grid.tolist(), given, schedule, at_dose=side)
            block = np.full((len(grid), out.shape[1]), np.nan)
            status, message = runner.subject(
                Job(self._compiled.starts(row), timeline, amounts, lengths, job.scales), block, tolerances
            )
            for k in mine:
                out[outputs[k]] = block[int(np.argmin(np.abs(grid - (times[k] - origin))))]
        return status, message

    def _origin(self, course: Course) -> float:
        """Return the time of the first record, at which the model starts."""
        first = course.stretches[0].times[0] if course.stretches else 0.0
        if first and reads_time(self._model.network):
            raise UnsupportedError(
                f"the model '{self._model.id}' has events and reads time, so its records must begin at time 0",
                value=first,
                remedy="shift the times of the data, or add a record at time 0 (EVID 2)",
            )
        return first


def _taken_apart(course: Course, model: Model) -> tuple[list[float], list[int], list[str], list[Any], list[Any]]:
    """Return observation times, outputs and sides of doses; boluses and rates as (time, target, amount or rate)."""
    times, outputs, sides = list[float](), list[int](), list[str]()
    boluses, rates = list[Any](), list[Any]()
    for stretch in course.stretches:
        for action in stretch.actions:
            kind = action[0]
            if kind in _WORDS:
                raise UnsupportedError(
                    f"{_WORDS[kind]} cannot be run on the model '{model.id}', which has events of its own"
                )
            (boluses if kind == "add" else rates).append((stretch.times[0], *action[1:]))
        for r, output in zip(stretch.rows, stretch.output, strict=True):
            times.append(stretch.times[r])
            outputs.append(output)
            sides.append("")
    acts = [t for t, *_ in boluses]  # the state does not jump where an infusion begins or ends
    done = _done_before(course)
    for k, (time, output) in enumerate(zip(times, outputs, strict=True)):
        here = sum(_same(t, time) for t in acts)
        if 0 < done[output] < here:
            raise UnsupportedError(
                f"an observation stands between two doses of one time on the model '{model.id}', which has events",
                value=time,
            )
        sides[k] = "before" if here and not done[output] else "after"
    return times, outputs, sides, boluses, rates


def _done_before(course: Course) -> dict[int, int]:
    """Return for every output how many boluses of its own instant came before it."""
    done, count, now = dict[int, int](), 0, None
    for stretch in course.stretches:
        for k, time in enumerate(stretch.times):
            if now is None or not _same(time, now):
                count, now = 0, time
            count += sum(a[0] == "add" for a in stretch.actions) if k == 0 else 0
            done |= {o: count for r, o in zip(stretch.rows, stretch.output, strict=True) if r == k}
    return done


def _same(a: float, b: float) -> bool:
    return abs(a - b) <= INSTANT * max(1.0, abs(a))


def _infusions(rates: Sequence[tuple[float, str, float]], *, end: float) -> list[tuple[float, str, float, float]]:
    """Return constant pieces of what is infused: start, target, length, amount."""
    out = []
    for target in dict.fromkeys(t for _, t, _ in rates):
        mine = [(at, rate) for at, t, rate in rates if t == target]
        stops = [at for at, _ in mine[1:]] + [max(end, mine[-1][0]) * (1 + 1e-6) + 1.0]
        pieces = [(at, stop - at, rate) for (at, rate), stop in zip(mine, stops, strict=True)]
        out += [(at, target, length, rate * length) for at, length, rate in pieces if rate and length > 0]
    return out
