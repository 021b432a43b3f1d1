"""The verb ``dose_for``: by how much must a regimen be scaled to meet a target."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from sbmlqsp.analysis.answer import Answer, said
from sbmlqsp.analysis.course import Course, finite, one_observable, run_one, value_of
from sbmlqsp.analysis.extremes import extremum, window
from sbmlqsp.analysis.integrals import with_integral
from sbmlqsp.engine.tolerances import Tolerances
from sbmlqsp.errors import ExperimentError, SimulationError
from sbmlqsp.experiment import Experiment
from sbmlqsp.observation import Observable
from sbmlqsp.outcome import observed
from sbmlqsp.subjects import Subjects

__all__ = ["dose_for"]

STATISTICS = {"max": "the highest value", "min": "the lowest value", "last": "the value", "average": "the average"}
SIGNS = {"max": 1.0, "min": -1.0}
FACTOR = "qsp_factor"
PER_DECADE = 2
ROUGH = Tolerances(relative=1e-6)
CLOSE = 0.02  # how close, relatively, to the target a rough value must be made exact


def dose_for(
    experiment: Experiment,
    observable: str | Observable,
    *,
    target: float | str,
    statistic: str = "max",
    after: float | str | None = None,
    between: tuple[float, float] = (1e-6, 1e6),
    tolerances: Tolerances | None = None,
) -> Answer:
    """Return the smallest factor on every dose at which a statistic of an observable meets a target.

    Parameters
    ----------
    experiment : Experiment
        With a regimen; infusions keep their durations.
    observable : str or Observable
        A symbol or a formula.
    target : float or str
        In the observable's unit, or a text with a unit.
    statistic : {"max", "min", "last", "average"}
        Of the observable, from ``after`` to the last output time: its highest or lowest value, that at the end, or its
        integral over the length of that time.
    after : float or str, optional
        From when on the statistic is taken, in the model's unit or as a text.
    between : (float, float)
        The factors to look between.
    tolerances : Tolerances, optional
        Error control; by default a relative 1e-13.

    Returns
    -------
    Answer
        The factor, to a relative 1e-9 or better; ``definition`` states the first dose that it makes. Impossible with
        the range that the statistic covers.

    Raises
    ------
    ExperimentError
        No regimen, an unknown statistic, a target that is no number.
    SimulationError
        A run failed.

    Notes
    -----
    The range is scanned at two factors a decade; a statistic that passes the target and comes back between two of
    them is missed.

    Examples
    --------
    >>> import sbmlqsp as qsp
    >>> model = qsp.read_antimony("model m; species S; S = 0; J: S -> ; k*S; k = 0.1; end")
    >>> arm = qsp.Experiment(model, times=[0, 24], regimen="100 into S")
    >>> answer = qsp.dose_for(arm, "S", target=250)
    >>> print(answer, "-", answer.definition.partition("; ")[2])
    2.5 - the first dose is 250
    """
    arm, o, unit = one_observable(experiment, observable)
    if not len(arm.regimen):
        raise ExperimentError("the experiment has no regimen to scale", where=f"'{arm.id}'", remedy="give regimen=")
    if statistic not in STATISTICS:
        raise ExperimentError("no such statistic", value=statistic, expected=" or ".join(map(repr, STATISTICS)))
    low, high = (finite(b, "a bound of between") for b in between)
    if not 0 < low < high:
        raise ExperimentError("the range of factors is empty", value=between, expected="0 < low < high")
    goal = value_of(target, o, unit, "target")
    return _Dosing(arm, o, unit, statistic, after, tolerances).find(goal, low, high)


class _Dosing:
    """A statistic of an observable as a function of the factor on every dose."""

    def __init__(
        self, arm: Experiment, o: Observable, unit: str, statistic: str, after: Any, tolerances: Tolerances | None
    ) -> None:
        self.arm, self.o, self.unit, self.statistic = arm, o, unit, statistic
        self.tolerances = tolerances
        self.course = Course(arm, o, tolerances)
        self.start, self.end = window(self.course, after, None)
        if statistic == "average" and self.start == self.end:
            raise ExperimentError("an average needs a time to be taken over", value=(self.start, self.end))
        self._known: dict[float, float] = {}

    @property
    def words(self) -> str:
        """What is computed."""
        when = f"at time {self.end:g}" if self.statistic == "last" else f"from time {self.start:g} to {self.end:g}"
        return f"{STATISTICS[self.statistic]} of {self.o.id} {when}"

    # ------------------------------------------------------------------------------------------------- the statistic
    def exact(self, factor: float) -> float:
        """Return the statistic at one factor."""
        if factor not in self._known:
            if self.statistic in SIGNS:
                arm = replace(self.arm, regimen=self.arm.regimen.scale(factor))
                self._known[factor] = float(
                    extremum(arm, self.o, kind=self.statistic, after=self.start, tolerances=self.tolerances)
                )
            else:
                self._known[factor] = float(self.several(np.array([factor]), self.tolerances)[0])
        return self._known[factor]

    def several(self, factors: Any, tolerances: Tolerances | None) -> Any:
        """Return the statistic at several factors in one go; extremes only as well as the points of a run show them."""
        if self.statistic == "average":
            longer, name, own = with_integral(self.arm, self.o)
            area = self._runs(longer, Observable(name), [self.start, self.end], factors, tolerances)
            return own * (area[:, 1] - area[:, 0]) / (self.end - self.start)
        if self.statistic == "last":
            return self._runs(self.arm, self.o, [self.end], factors, tolerances)[:, -1]
        doses = self.course.doses
        just_before = (doses * (1 - 1e-6))[(doses > self.start) & (doses <= self.end)]
        times = np.union1d(self.course.curve(self.start, self.end).t, just_before)
        rows = self._runs(self.arm, self.o, times, factors, tolerances)
        sign, there = SIGNS[self.statistic], np.isfinite(rows)
        most = sign * np.where(there, sign * rows, -math.inf).max(axis=1)
        return np.where(there.any(axis=1), most, math.nan)

    def _runs(self, arm: Experiment, o: Observable, times: Any, factors: Any, tolerances: Tolerances | None) -> Any:
        regimen = arm.regimen.scale(FACTOR)
        people = Subjects(tuple(range(len(factors))), None, {FACTOR: factors})
        arm = replace(arm, regimen=regimen, times=times, observables=(o,))
        result = run_one(arm, tolerances, people)
        if result.status.all():
            raise SimulationError(f"no factor could be simulated: {result.messages[0]}", where=f"'{arm.id}'")
        return np.where(result.status[:, None] > 0, np.nan, observed(arm.observables[0], arm, result))

    # ---------------------------------------------------------------------------------------------------- the search
    def find(self, goal: float, low: float, high: float) -> Answer:
        """Return the smallest factor in a range."""
        text = f"the smallest factor on every dose at which {self.words} is {said(goal, self.unit)}"
        decades = math.log10(high / low)
        grid = np.geomspace(low, high, max(5, round(PER_DECADE * decades) + 1))
        values, failed = self._scanned(grid)
        if not np.isfinite(values).any():
            raise SimulationError(f"no factor could be simulated: {failed}", where=f"'{self.arm.id}'")
        grid, values = grid[np.isfinite(values)], values[np.isfinite(values)]
        for k in np.flatnonzero(np.abs(values - goal) <= CLOSE * np.maximum(abs(goal), np.abs(values))).tolist():
            values[k] = self.exact(float(grid[k]))
        changes = np.flatnonzero((values[:-1] < goal) != (values[1:] < goal))
        if values[0] == goal:
            return self._answer(float(grid[0]), text)
        if len(changes):
            k = int(changes[0])
            return self._answer(self._root(float(grid[k]), float(grid[k + 1]), goal), text)
        before, at, best = self._nearest(grid, values, goal)
        if (best < goal) != (values[0] < goal):
            return self._answer(self._root(before, at, goal), text)
        side = "at most" if best < goal else "no less than"
        reason = f"{self.words} is {side} {said(best, self.unit)}, at the factor {at:.6g}, for factors from {low:g} to "
        reason += f"{high:g}; {said(goal, self.unit)} is needed"
        missing = f"; some factors could not be simulated: {failed}" if failed else ""
        return Answer.impossible(text, reason + missing, at=at)

    def _scanned(self, grid: Any) -> tuple[Any, str]:
        """Return the statistic at many factors, roughly but where that fails, and why there is none at some."""
        values, failed = self._rough(grid), ""
        for k in np.flatnonzero(~np.isfinite(values)).tolist():
            try:
                values[k] = self.exact(float(grid[k]))
            except SimulationError as error:
                failed = failed or error.what
        return values, failed

    def _rough(self, factors: Any) -> Any:
        try:
            return self.several(factors, ROUGH)
        except SimulationError:
            return np.full(len(factors), math.nan)

    def _nearest(self, grid: Any, values: Any, goal: float) -> tuple[float, float, float]:
        """Return where the statistic comes nearest to a value, between the points of a scan as well.

        The factor before, from which it turns there, comes first.
        """
        from scipy.optimize import minimize_scalar

        k = int(np.argmin(np.abs(values - goal)))
        if k in {0, len(grid) - 1}:
            return float(grid[0]), float(grid[k]), float(values[k])
        sign = 1.0 if goal > values[k] else -1.0
        found = minimize_scalar(
            lambda u: -sign * self.exact(math.exp(u)), method="bounded", options={"xatol": 1e-7},
            bounds=(math.log(grid[k - 1]), math.log(grid[k + 1])),
        )  # fmt: skip
        return float(grid[k - 1]), math.exp(float(found.x)), -sign * float(found.fun)

    def _root(self, low: float, high: float, goal: float) -> float:
        """Return the factor between two, by secants that start from rough values, or by bisection where these fail."""
        from scipy.optimize import brentq

        # What is proportional to the dose is a straight line on logarithmic scales.
        u = np.linspace(math.log(low), math.log(high), 9)
        rough = self._rough(np.exp(u))
        if not np.isfinite(rough).all():
            ends = (math.log(low), math.log(high))
            return math.exp(float(brentq(lambda x: self.exact(math.exp(x)) - goal, *ends, xtol=1e-13, rtol=1e-14)))
        straight = goal > 0 and bool((rough > 0).all())

        def gap(x: float) -> float:
            value = self.exact(math.exp(x))
            return math.log(value / goal) if straight and value > 0 else value - goal

        gaps = np.log(rough / goal) if straight else rough - goal
        k = int(np.argmax(np.sign(gaps[1:]) != np.sign(gaps[0])))
        slope = (gaps[k + 1] - gaps[k]) / (u[k + 1] - u[k])
        x, before = float(u[k] - gaps[k] / slope) if slope else math.nan, None
        for _ in range(6):
            if not u[0] <= x <= u[-1]:
                break
            now = gap(x)
            if abs(now) <= 1e-12 * (1.0 if straight else abs(goal)):
                return math.exp(x)
            if before is not None:
                slope = (now - before[1]) / (x - before[0])
            before = (x, now)
            x = x - now / slope if slope else math.nan
        return math.exp(float(brentq(gap, u[0], u[-1], xtol=1e-13, rtol=1e-14)))

    def _answer(self, factor: float, text: str) -> Answer:
        dose = min(self.arm.regimen.scale(factor), key=lambda d: d.time)
        amount = f"{dose.amount:.6g}" if isinstance(dose.amount, float | int) else f"[{dose.amount}]"
        return Answer(factor, "", f"{text}; the first dose is {amount} {dose.unit or ''}".rstrip(), at=factor)
