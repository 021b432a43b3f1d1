"""The verb ``extremum``: the highest or the lowest value of an observable along a run, and when."""

from __future__ import annotations

from typing import Any

import numpy as np

from sbmlqsp.analysis.answer import Answer
from sbmlqsp.analysis.course import Course, Curve, model_time
from sbmlqsp.analysis.numeric import peaks, turns
from sbmlqsp.engine.tolerances import Tolerances
from sbmlqsp.errors import ExperimentError
from sbmlqsp.experiment import Experiment
from sbmlqsp.observation import Observable

__all__ = ["extremum", "window"]

KINDS = {"max": 1.0, "min": -1.0}
MOST = 400  # turns that are looked at
TIES = 1e-10  # extremes closer than this, relatively, are one, and the first of them counts


def extremum(
    experiment: Experiment,
    observable: str | Observable,
    *,
    kind: str = "max",
    after: float | str | None = None,
    before: float | str | None = None,
    tolerances: Tolerances | None = None,
) -> Answer:
    """Return the highest or the lowest value of an observable along a run, and when it is there.

    Parameters
    ----------
    experiment : Experiment
        Its output times only say from when to when to search, and how densely at least.
    observable : str or Observable
        A symbol or a formula.
    kind : {"max", "min"}
    after, before : float or str, optional
        Look only from the one time to the other, in the model's unit or as texts (``"5 h"``).
    tolerances : Tolerances, optional
        Error control; by default a relative 1e-13.

    Returns
    -------
    Answer
        The value, in the observable's unit, to a relative 1e-9 or better; ``at`` is its time. Of equal extremes (to a
        relative 1e-10) the first. At a dose both sides count: the value just before it and the one just after.

    Raises
    ------
    ExperimentError
        No such kind, or a window that is empty.
    SimulationError
        A run failed.

    Examples
    --------
    >>> import math
    >>> import sbmlqsp as qsp
    >>> model = qsp.read_antimony("model m; species D, C; D = 1; D -> C; 2*D; C -> ; C; end")
    >>> peak = qsp.extremum(qsp.Experiment(model, times=[0, 10]), "C")
    >>> round(float(peak), 9), round(peak.at, 9), round(math.log(2), 9)
    (0.5, 0.693147181, 0.693147181)
    """
    if kind not in KINDS:
        raise ExperimentError("no such extremum", value=kind, expected="'max' or 'min'")
    course = Course(experiment, observable, tolerances)
    start, end = window(course, after, before)
    curve = course.curve(start, end)
    value, time = highest(course, curve, KINDS[kind])
    name = "highest" if kind == "max" else "lowest"
    text = f"the {name} value of {course.o.id} from time {start:g} to {end:g}"
    return Answer(value, course.unit, text + _shape(curve, time, start, end), at=time, at_unit=course.time_unit)


def window(course: Course, after: float | str | None, before: float | str | None) -> tuple[float, float]:
    """Return from when to when to look, inside of the run."""
    start = course.start if after is None else max(course.start, model_time(after, course.model, "after"))
    end = course.end if before is None else min(course.end, model_time(before, course.model, "before"))
    if start > end:
        raise ExperimentError(
            "there is no time between after and before",
            value=(after, before),
            expected=f"times between {course.start:g} and {course.end:g}",
        )
    return start, end


def highest(course: Course, curve: Curve, sign: float) -> tuple[float, float]:
    """Return value and time of the maximum of ``sign`` times a course."""
    best = float((sign * curve.v).max())
    rivals: list[tuple[float, Any, Any]] = []
    for t, v in curve.pieces:
        for k in turns(v, sign).tolist():
            near = slice(max(k - 1, 0), k + 2)
            spread, size = float(np.ptp(v[near])), float(np.abs(v[near]).max())
            if best - sign * v[k] <= 0.5 * spread + 5e-3 * size:
                rivals.append((sign * float(v[k]), t[near], v[near]))
    # Where a curve has faded into rounding errors there are turns without number; the best of them will do.
    rivals = sorted(sorted(rivals, key=lambda r: -r[0])[:MOST], key=lambda r: float(r[1][0]))
    found = peaks(course.values, [(t, v) for _, t, v in rivals], sign)
    best = max(sign * value for _, value in found)
    return next((value, time) for time, value in found if best - sign * value <= TIES * abs(best))


def _shape(curve: Curve, time: float, start: float, end: float) -> str:
    v = curve.v
    if float(np.ptp(v)) == 0.0:
        return "; it is constant"
    steps, noise = np.diff(v), 1e-12 * float(np.abs(v).max())
    rises, falls = (steps >= -noise).all(), (steps <= noise).all()
    if time not in {start, end} or not (rises or falls):
        return ""
    side = "end" if time == end else "beginning"
    return f"; it {'rises' if rises else 'falls'} all the way, so this is the value at the {side}"
