"""The verb ``time_to``: when does an observable get there, or why never."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sbmlqsp.analysis.answer import Answer, said
from sbmlqsp.analysis.course import Course, Curve, finite, model_time, value_of
from sbmlqsp.analysis.numeric import crossing, peaks, turns
from sbmlqsp.analysis.rest import rest_of
from sbmlqsp.engine.tolerances import Tolerances
from sbmlqsp.errors import ExperimentError
from sbmlqsp.experiment import Experiment
from sbmlqsp.observation import Observable

__all__ = ["time_to"]

SAME = 1e-9  # values closer than this, relative to their size, are one
SIGNS = {"up": 1.0, "down": -1.0}
NOISE = 1e-13  # turns smaller than this, relative to all that was seen, are rounding errors
MOST = 64  # turns of a piece that are looked at
DOUBLINGS = 60


def time_to(
    experiment: Experiment,
    observable: str | Observable,
    *,
    level: float | str | None = None,
    fraction: float | None = None,
    reduction: float | None = None,
    after: float | str | None = None,
    direction: str | None = None,
    tolerances: Tolerances | None = None,
) -> Answer:
    """Return the first time at which an observable reaches a level.

    Parameters
    ----------
    experiment : Experiment
        Its output times only say from when to when to search, and how densely at least.
    observable : str or Observable
        A symbol or a formula.
    level : float or str, optional
        In the observable's unit, or a text with a unit (``"5 ng/mL"``). Give exactly one of level, fraction, reduction.
    fraction : float, optional
        The level as a part of the value at the first output time: 0.5 is half of it.
    reduction : float, optional
        The level as a reduction of the value at the first output time: 0.8 leaves 20 % of it.
    after : float or str, optional
        Look from this time on, in the model's unit or as a text (``"5 h"``).
    direction : {"up", "down"}, optional
        Only where the observable rises, or falls, through the level.
    tolerances : Tolerances, optional
        Error control; by default a relative 1e-13.

    Returns
    -------
    Answer
        The time, in the model's unit, to about a relative 1e-9: as exactly as the observable, whose 1e-11 weigh more
        where it crosses at a flat angle. Where the level is passed at a jump (a dose, an event), the time of the
        jump. Where it is met already at the beginning, the beginning; ``definition`` says so.
        A ``level`` counts from both sides: where the observable begins above it, the answer is the first time at which
        it falls to it, and not the beginning. With a ``direction`` one that begins beyond the level must come back
        first. ``definition`` says on which side the observable begins.
        Without a crossing by the last output time, and with no dose to come, the run goes on until it crosses or
        has settled. Impossible with the value where it settles or, where that is not decided, the nearest approach.

    Raises
    ------
    ExperimentError
        No or several levels, a share of a start that is zero, a time after the end.
    SimulationError
        A run failed.

    Notes
    -----
    Steps are halved until neighbours predict the middle of each to 0.1 %, so that a peak between two output times is
    seen. One that is narrower than a sixteenth of the time between two doses (or other known discontinuities), and
    than half of a step between output times, may be missed. A level that is met to a relative 1e-9 at a peak counts as
    reached; one that is only approached without end does not. Times within 1e-10 of a dose (relatively, where they are
    above 1) count as the dose's.

    Examples
    --------
    >>> import sbmlqsp as qsp
    >>> model = qsp.read_antimony("model m; species S; S = 10; J: S -> ; k*S; k = 0.1; end")
    >>> half = qsp.time_to(qsp.Experiment(model, times=[0, 50]), "S", fraction=0.5)
    >>> round(float(half), 9), round(math.log(2) / 0.1, 9)
    (6.931471806, 6.931471806)
    """
    course = Course(experiment, observable, tolerances)
    goal = _goal(course, level, fraction, reduction, direction)
    start = course.start if after is None else max(course.start, model_time(after, course.model, "after"))
    if start > course.end:
        raise ExperimentError(
            "after is later than the last output time", value=after, expected=f"at most {course.end:g}"
        )
    return _Search(course, goal, start).answer()


@dataclass(frozen=True)
class _Goal:
    """A level, in which direction it counts, and how to speak of it."""

    level: float
    sign: float
    direction: float
    words: str
    first: float


def _goal(course: Course, level: Any, fraction: Any, reduction: Any, direction: str | None) -> _Goal:
    given = {k: v for k, v in (("level", level), ("fraction", fraction), ("reduction", reduction)) if v is not None}
    if len(given) != 1:
        raise ExperimentError(
            "one level is needed", value=given or None, expected="exactly one of level=, fraction= and reduction="
        )
    if direction is not None and direction not in SIGNS:
        raise ExperimentError("no such direction", value=direction, expected="'up', 'down', or none for both")
    name, unit = course.o.id, course.unit
    way = SIGNS.get(direction or "", 0.0)
    passes = {1.0: "rises to", -1.0: "falls to", 0.0: "is"}[way]
    first = course.at(course.start)
    if level is not None:
        value = value_of(level, course.o, unit, "level")
        return _Goal(value, 0.0, way, f"{name} {passes} {said(value, unit)}", first)
    share = _share(fraction, reduction)
    if first == 0 or not math.isfinite(first):
        raise ExperimentError(
            f"'{name}' is {first:g} at the first output time, so a share of it says nothing",
            where=f"'{course.arm.id}'",
            remedy="give level=, or begin the output times where it is not zero",
        )
    value = share * first
    part = f"{_percent(share)} of" if fraction is not None else f"{_percent(1 - share)} less than"
    words = f"{name} {passes} {part} its value at time {course.start:g}, {said(value, unit)}"
    return _Goal(value, math.copysign(1.0, value - first), way, words, first)


def _share(fraction: Any, reduction: Any) -> float:
    if fraction is not None:
        share = finite(fraction, "fraction")
        if share < 0:
            raise ExperimentError("the fraction is negative", value=fraction, remedy="give level=")
        return share
    reduced = finite(reduction, "reduction")
    if not 0 <= reduced <= 1:
        raise ExperimentError(
            "the reduction is not between 0 and 1", value=reduction, remedy="give fraction=, such as 1.5 for half more"
        )
    return 1.0 - reduced


def _percent(share: float) -> str:
    return f"{100 * share:.6g} %"


@dataclass(frozen=True)
class _Found:
    time: float
    note: str = ""


class _Search:
    """The search for one level along one course."""

    def __init__(self, course: Course, goal: _Goal, start: float) -> None:
        self.course, self.goal, self.start = course, goal, start
        self.value, self.nearest = math.nan, (math.inf, math.nan, math.nan)
        self.touches: set[float] = set()

    def answer(self) -> Answer:
        course, goal = self.course, self.goal
        curve = course.curve(self.start, course.end)
        value = self.value = float(curve.v[0])
        if not goal.direction and (self._same(value) or (goal.sign and (value - goal.level) * goal.sign > 0)):
            note = "is there already" if self._same(value) else f"is beyond it already ({said(value, course.unit)})"
            return self._answer(_Found(self.start, f"it {note} at time {self.start:g}, where the search begins"))
        found = self._first(curve)
        if found is not None:
            return self._unless_only_approached(found, curve)
        return self._later(float(curve.v[-1]))

    def _same(self, value: float, within: float = 1e-12) -> bool:
        return abs(value - self.goal.level) <= within * max(abs(value), abs(self.goal.level))

    def _answer(self, found: _Found) -> Answer:
        text = self._text() + (f"; {found.note}" if found.note else "")
        return Answer(found.time, self.course.time_unit, text, at=found.time, at_unit=self.course.time_unit)

    def _text(self) -> str:
        return f"the first time{self._from()} at which {self.goal.words}{self._side()}"

    def _side(self) -> str:
        """Say on which side of a level the course begins; of a share of its first value that is no question."""
        level, way = self.goal.level, self.goal.direction
        if self.goal.sign or math.isnan(self.value) or (self._same(self.value) and not way):
            return ""
        begins = f"it begins with {said(self.value, self.course.unit)} at time {self.start:g}"
        if self._same(self.value) or (self.value - level) * way > 0:
            there = "there" if self._same(self.value) else "beyond it"
            return f"; {begins}, {there} already, and counts once it comes back"
        return f"; {begins}, {'above' if self.value > level else 'below'} that"

    def _from(self) -> str:
        return f" from {self.start:g} on" if self.start > self.course.start else ""

    def _impossible(self, reason: str) -> Answer:
        unit = self.course.time_unit
        return Answer.impossible(self._text(), reason, unit=unit, at=self.nearest[1], at_unit=unit)

    # --------------------------------------------------------------------------------------------------- searching
    def _first(self, curve: Curve) -> _Found | None:
        """Return the first crossing of a curve, peaks between its points included."""
        earlier: tuple[float, float] | None = None
        for piece in curve.pieces:
            t, v = self._with_peaks(*piece)
            if earlier is not None and self._passes(earlier[1], float(v[0])):
                return _Found(float(t[0]), f"it jumps there from {earlier[1]:.6g} to {float(v[0]):.6g}")
            k = next((k for k in range(len(t) - 1) if self._passes(float(v[k]), float(v[k + 1]))), None)
            if k is not None:
                return self._inside((float(t[k]), float(v[k])), (float(t[k + 1]), float(v[k + 1])))
            earlier = float(t[-1]), float(v[-1])
        return None

    def _passes(self, a: float, b: float) -> bool:
        level, way = self.goal.level, self.goal.direction
        up, down = a < level <= b, a > level >= b
        return (up and way >= 0) or (down and way <= 0)

    def _inside(self, a: tuple[float, float], b: tuple[float, float]) -> _Found:
        if b[0] in self.touches:
            return _Found(b[0])
        time, jumps = crossing(self.course.values, a, b, self.goal.level)
        return _Found(time, "it jumps there" if jumps else "")

    def _with_peaks(self, t: Any, v: Any) -> tuple[Any, Any]:
        """Return a piece with the summits between its points that come to the level, or nearer than its points do."""
        level, added = self.goal.level, {}
        for sign in (1.0, -1.0):
            for time, value in peaks(self.course.values, self._windows(t, v, sign), sign):
                if time not in t:
                    added[time] = value
                near = abs(value - level) <= SAME * (abs(level) or self.course.size)
                if near and sign * (level - value) > 0:
                    added[time] = level
                    self.touches.add(time)
        keep = ~np.isin(t, list(added))
        times, values = np.array([*t[keep], *added]), np.array([*v[keep], *added.values()])
        order = np.argsort(times, kind="stable")
        best = int(np.argmin(np.abs(values - level)))
        self._note(float(times[best]), float(values[best]))
        return times[order], values[order]

    def _windows(self, t: Any, v: Any, sign: float) -> list[Any]:
        """Return the turns of a piece, with their neighbours, that may come to the level or nearer than all points."""
        gap = sign * (self.goal.level - v)
        noise = NOISE * max(abs(self.goal.level), self.course.size)
        nearest = max(float(gap.min()), 0.0)
        found = []
        for k in turns(v, sign).tolist():
            near = slice(max(k - 1, 0), k + 2)
            spread, size = float(np.ptp(v[near])), float(np.abs(v[near]).max())
            reach = 0.5 * spread + 5e-3 * size
            if spread > noise and 0 < gap[k] <= reach + (nearest if spread > 1e-6 * gap[k] else 0.0):
                found.append((float(gap[k]), near))
        found = sorted(found, key=lambda f: f[0])[:MOST]
        return [(t[near], v[near]) for _, near in sorted(found, key=lambda f: f[1].start)]

    def _note(self, time: float, value: float) -> None:
        gap = abs(value - self.goal.level)
        if gap < self.nearest[0]:
            self.nearest = gap, time, value

    def _unless_only_approached(self, found: _Found, curve: Curve, note: str = "") -> Answer:
        """Return the crossing, or that there is none where the curve only fades into the level."""
        level, time = self.goal.level, found.time
        close = SAME * (abs(level) or abs(self.goal.first))
        way = time - self.start
        points = time + way * np.array([0.01, 0.03, 0.1])
        later = [*curve.v[curve.t > time].tolist(), *self.course.values(points).tolist()] if way > 0 else [math.inf]
        just_before = max(time - 1e-3 * way, self.course.origin)
        before = float(self.course.values([just_before])[0]) if way > 0 else math.inf
        if all(abs(x - level) <= close for x in (*later, before)):
            self.nearest = (0.0, time, level)
            settles = f"{self.course.o.id} settles at {said(level, self.course.unit)}"
            return self._impossible(f"{settles}, the level itself, which it never quite reaches")
        return self._answer(replace(found, note="; ".join(filter(None, (found.note, note)))))

    # ---------------------------------------------------------------------------------------------- after the end
    def _later(self, value: float) -> Answer:
        course, end = self.course, self.course.end
        if course.over > end:
            return self._impossible(f"{self._not_by(end)}, and doses go on until {course.over:g}")
        rest = rest_of(course, end)
        if rest.reason:
            return self._impossible(f"{self._not_by(end)}; where it goes from there is not decided: {rest.reason}")
        self.course = course.continued(rest.state, end)
        low, span = end, max(end - self.start, 1e-3 * end) or rest.time or 1.0
        for _ in range(DOUBLINGS):
            curve = self.course.curve(low, low + span)
            found = self._first(curve)
            if found is not None:
                return self._unless_only_approached(found, curve, f"later than the last output time, {end:g}")
            half = curve.v[curve.t >= low + span / 2]
            size = max(abs(rest.value), abs(value - rest.value), abs(self.goal.first - rest.value))
            if not self._must_pass(value, rest.value) and (np.abs(half - rest.value) <= SAME * size).all():
                return self._impossible(self._settles(rest.value))
            low, span = low + span, 2 * span
        return self._impossible(self._not_by(low))

    def _must_pass(self, value: float, rest: float) -> bool:
        """Say whether a course from one value to another passes the level on its way, however far that is."""
        return self._passes(value, rest) and not self._same(rest, SAME)

    def _not_by(self, time: float) -> str:
        _, at, value = self.nearest
        name, unit = self.course.o.id, self.course.unit
        when = f"{time:.6g} {self.course.time_unit}".rstrip()
        return f"{name} is not there by {when}; it comes nearest with {said(value, unit)} at {at:.6g}"

    def _settles(self, value: float) -> str:
        goal, unit, name = self.goal, self.course.unit, self.course.o.id
        share = f", {_percent(value / goal.first)} of its first value" if goal.sign else ""
        if self._same(value, SAME):
            return f"{name} settles at {said(value, unit)}{share}, the level itself, which it never quite reaches"
        gap, at, nearest = self.nearest
        closer = f"; it comes nearest with {said(nearest, unit)} at {at:.6g}"
        more = closer if gap < (1 - 1e-6) * abs(value - goal.level) else ""
        return f"{name} settles at {said(value, unit)}{share}; {said(goal.level, unit)} is needed{more}"
