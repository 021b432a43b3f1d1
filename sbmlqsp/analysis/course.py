"""One observable along one run, at any times: exact at doses on both sides, and sampled until its shape is known."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

from sbmlqsp.analysis.numeric import Piece, finite_part, resolved, size_of
from sbmlqsp.arm_start import ArmStart
from sbmlqsp.deliveries import resolve_deliveries
from sbmlqsp.dosing import Regimen
from sbmlqsp.engine.cuts import find_switches
from sbmlqsp.engine.initial import initial_state, static_symbols
from sbmlqsp.engine.roadrunner import quiet
from sbmlqsp.engine.tolerances import Tolerances
from sbmlqsp.errors import ExperimentError, SimulationError
from sbmlqsp.execution import STATUS, ArmResult, run_arm
from sbmlqsp.experiment import STARTS, Experiment, observable_unit
from sbmlqsp.model import Model
from sbmlqsp.observation import Observable
from sbmlqsp.outcome import observed
from sbmlqsp.steady.starting import searched
from sbmlqsp.subjects import Subjects
from sbmlqsp.units import convert, parse_quantity

__all__ = ["Course", "Curve", "finite", "model_time", "one_observable", "run_one", "value_of"]

TIGHT = Tolerances(relative=1e-13, maximum_steps=20_000)
"""What answers are computed with; errors then add up to some 1e-11 of a state (measured).

A state that comes to rest at zero as the difference of others has no relative exactness; the integrator would take
steps without end, so that it soon gives up and the absolute tolerance is loosened.
"""
PATIENT = Tolerances(relative=1e-11)
"""What is tried where that fails; for a whole table, in which some values are out of reach, less patiently."""
STEP = 1e-9  # times closer than this, relatively (absolutely below 1), are one


def one_observable(experiment: Experiment, observable: str | Observable) -> tuple[Experiment, Observable, str]:
    """Return the experiment that looks at one thing only, that thing, and its unit."""
    if not isinstance(experiment, Experiment):
        raise ExperimentError("an Experiment is needed", value=type(experiment).__name__)
    if not isinstance(observable, str | Observable):
        raise ExperimentError(
            "this is no observable", value=observable, expected="a symbol, a formula or an Observable"
        )
    chosen = next((o for o in experiment.observables if o.id == observable), observable)
    arm = replace(experiment, observables=(chosen,))  # type: ignore[arg-type]
    o = arm.observables[0]
    return arm, o, o.unit or observable_unit(arm.model, o)


def run_one(experiment: Experiment, tolerances: Tolerances | None, subjects: Subjects | None = None) -> ArmResult:
    """Run; a failure is raised for a single subject, and left in the result for a table of them."""
    people = subjects or Subjects((1,), None, {})
    with quiet():
        result = run_arm(experiment, people, tolerances=tolerances or TIGHT)
        if tolerances is None and result.status.any():
            steps = PATIENT.maximum_steps if subjects is None else 4 * TIGHT.maximum_steps
            result = run_arm(experiment, people, tolerances=replace(PATIENT, maximum_steps=steps))
    if subjects is None and result.status[0]:
        raise SimulationError(
            f"'{experiment.id}' failed: {STATUS[int(result.status[0])]}; {result.messages[0]}",
            remedy="simulate it and look at its course, or loosen tolerances=",
        )
    return result


def model_time(value: float | str, model: Model, what: str) -> float:
    """Return a time in the model's unit; a text has a unit of its own."""
    if isinstance(value, str):
        number, unit = parse_quantity(value)
        if model.time_unit is None:
            raise ExperimentError(f"{what} has a unit but the model declares no unit of time", value=value)
        value = convert(number, unit, model.time_unit)
    return finite(value, what)


def value_of(value: float | str, o: Observable, unit: str, what: str) -> float:
    """Return a value of an observable as a number in its unit."""
    if isinstance(value, str):
        number, given = parse_quantity(value)
        if not unit:
            raise ExperimentError(
                f"'{o.id}' has no declared unit, so '{value}' cannot be converted",
                remedy="give a plain number, or declare the unit in the model",
            )
        value = convert(number, given, unit, molar_mass=o.molar_mass)
    return finite(value, what)


def finite(value: Any, what: str) -> float:
    """Return a finite number, or refuse."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise ExperimentError(f"{what} is not a number", value=value) from None
    if not math.isfinite(number):
        raise ExperimentError(f"{what} is not finite", value=value)
    return number


@dataclass(frozen=True)
class Curve:
    """Smooth pieces of (times, values); where one ends the next begins, at the same time."""

    pieces: tuple[Piece, ...]

    @property
    def t(self) -> Any:
        """All times, those between pieces twice."""
        return np.concatenate([t for t, _ in self.pieces])

    @property
    def v(self) -> Any:
        """All values."""
        return np.concatenate([v for _, v in self.pieces])


def _start(arm: Experiment) -> Mapping[str, Any]:
    """Return every symbol's value at the start of an arm."""
    if not arm.at_rest:
        return initial_state(arm.model.network, arm.overrides)
    start = ArmStart.of(arm, Subjects((1,), None, {}), searched)
    for error in start.refused.values():
        raise error
    return start.env


class Course:
    """One observable along one run, at any times.

    ``doses`` are the times at which anything is given, ``over`` is when the last of it has been, ``size`` is the
    largest value seen so far, and ``origin`` is the time at which the run starts.
    """

    def __init__(self, experiment: Experiment, observable: str | Observable, tolerances: Tolerances | None) -> None:
        self.arm, self.o, self.unit = one_observable(experiment, observable)
        self.tolerances, self.size, self.origin = tolerances, 0.0, 0.0
        self.start, self.end = self.arm.times[0], self.arm.times[-1]
        env = _start(self.arm)
        given = resolve_deliveries(self.arm, env, 1).certain()
        network = self.model.network.dosed_into(given.targets)
        start, stop = (np.ravel(x) for x in (given.start, given.start + given.duration))
        self.doses, self._stops = np.unique(start), np.unique(stop)
        self.over = float(stop.max(initial=0.0))
        self._switches = find_switches(network)
        read = self._switches.reads
        self._static = {n: float(env[n]) for n in read & static_symbols(network)}

    @property
    def model(self) -> Model:
        """The model that is run."""
        return self.arm.model

    @property
    def time_unit(self) -> str:
        """The model's unit of time, "" where undeclared."""
        return self.model.time_unit or ""

    def values(self, times: Any, *, side: str = "after") -> Any:
        """Return values at increasing times."""
        times = np.asarray(times, dtype=float)
        if not len(times):
            return np.empty(0)
        arm = replace(self.arm, times=times - self.origin, at_dose=side)
        return observed(self.o, arm, run_one(arm, self.tolerances))[0]

    def continued(self, state: Mapping[str, float | str], time: float) -> Course:
        """Return the course from a time on, at which the model is in a state, with nothing more given."""
        arm = replace(self.arm, times=(0.0,), changes=state, regimen=Regimen(()), start=STARTS[0])
        later = Course(arm, self.o, self.tolerances)
        later.start, later.end, later.origin, later.size = self.start, self.end, time, self.size
        return later

    def at(self, time: float) -> float:
        """Return the value at one time, on the side of a dose that the experiment looks at."""
        return float(self.values([time], side=self.arm.at_dose)[0])

    def curve(self, start: float, end: float) -> Curve:
        """Return the whole course between two times, points without a value left out.

        At a dose at the start, the value before counts too where the experiment looks at that side; at a dose at the
        end, the value after counts too where it looks at that.
        """
        edges = self._edges(start, end)
        seeds = [self._seeds(a, b) for a, b in pairwise(edges)]
        asked = np.union1d(np.concatenate([*seeds, np.empty(0)]), edges)
        after = dict(zip(asked.tolist(), self.values(asked).tolist(), strict=True))
        before = self._before(edges)
        pieces = []
        for (a, b), s in zip(pairwise(edges), seeds, strict=True):
            inside = [after[x] for x in s.tolist()]
            pieces.append((np.array([a, *s, b]), np.array([after[a], *inside, before[b]])))
        self.size = max([self.size, *(size_of(v) for _, v in pieces)])
        pieces = resolved(self.values, pieces, least=1e-11 * self.size)
        if self.arm.at_dose == "before":
            pieces.insert(0, (np.array([start]), np.array([before[start]])))
        elif after[end] != before[end] or not pieces:
            pieces.append((np.array([end]), np.array([after[end]])))
        good = [p for p in map(finite_part, pieces) if len(p[0])]
        if not good:
            raise ExperimentError(
                f"'{self.o.id}' is not a number from time {start:g} to {end:g}",
                where=f"'{self.arm.id}'",
                remedy="look for a division by zero in the formula",
            )
        return Curve(tuple(good))

    def _cuts(self, end: float) -> Any:
        if self.origin:
            return np.empty(0)
        flips = [t for t, _ in self._switches.schedule(self._static, end)]
        return np.unique([*self.doses, *self._stops, *flips])

    def _edges(self, start: float, end: float) -> list[float]:
        cuts = self._cuts(end)
        inside = cuts[(cuts > start * (1 + STEP) + STEP) & (cuts < end * (1 - STEP) - STEP)]
        apart = np.diff(inside, prepend=-math.inf) > STEP * np.maximum(1.0, inside)
        return [start, *inside[apart].tolist(), *([end] if end > start else [])]

    def _seeds(self, a: float, b: float) -> Any:
        """Return first points of a piece: the times asked for, some even ones, and some that crowd at its start."""
        even, early = a + (b - a) * np.arange(1, 8) / 8, a + (b - a) * 0.5 ** np.arange(4, 24)
        points = np.unique(np.concatenate([np.asarray(self.arm.times), even, early]))
        margin = 2 * STEP * max(1.0, b)
        points = points[(points > a + margin) & (points < b - margin)]
        return points[np.diff(points, prepend=-math.inf) > margin]

    def _before(self, edges: list[float]) -> dict[float, float]:
        """Return the values just before edges: exact at doses, by a straight line where the model itself jumps."""
        out = dict(zip(edges, self.values(edges, side="before").tolist(), strict=True))
        flips = set(self._cuts(edges[-1]).tolist()) - set(self.doses.tolist()) - set(self._stops.tolist())
        steps = {e: 4 * STEP * max(1.0, e) for e in edges[1:] if e in flips}
        if steps:
            points = np.unique([e - k * h for e, h in steps.items() for k in (1, 2)])
            near = dict(zip(points.tolist(), self.values(points).tolist(), strict=True))
            out |= {e: 2 * near[e - h] - near[e - 2 * h] for e, h in steps.items()}
        return out
