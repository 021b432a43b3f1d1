"""What a course changes when, in numbers, for those who write it down for other tools."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sbmlqsp.compiled import LOCK
from sbmlqsp.course import INSTANT, Action, Series, Stretch
from sbmlqsp.course_runner import CourseRunner, movable
from sbmlqsp.engine.network import Network
from sbmlqsp.engine.roadrunner import quiet
from sbmlqsp.engine.tolerances import Tolerances
from sbmlqsp.errors import UnsupportedError
from sbmlqsp.prediction.predictor import PlannedCourse

__all__ = ["Moment", "Part", "Shift", "merged", "moments", "parts", "same_number", "same_time"]

_WORDS = {
    "begin": "a reset (EVID 3 or 4)",
    "row": "parameters that change from record to record",
    "steady": "a steady-state dose (SS)",
    "empty": "a compartment turned off",
}


@dataclass(frozen=True, slots=True)
class Shift:
    """A new number of a state, or what is added to it."""

    number: float
    adds: bool = False

    def then(self, later: Shift) -> Shift:
        """Return what this and a later shift come to."""
        return Shift(self.number + later.number, self.adds) if later.adds else later


@dataclass(slots=True)
class Moment:
    """Changes that nothing is observed between, and what is observed after them.

    ``states`` are amounts of species and values of what has a rate rule; ``rates`` are infusions by target, in amount
    per time; ``values`` are parameters, compartments and held species in the meaning of formulas; ``seen`` are times
    and outputs of observations up to the next moment.
    """

    time: float
    states: dict[str, Shift] = field(default_factory=dict)
    rates: dict[str, float] = field(default_factory=dict)
    values: dict[str, float] = field(default_factory=dict)
    seen: list[tuple[float, int]] = field(default_factory=list)

    def changes(self) -> bool:
        """Say whether anything changes."""
        return bool(self.states or self.rates or self.values)


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of a course in which time does not go back, from the row of parameters that it begins with."""

    stretches: tuple[Stretch, ...]
    row: int

    @property
    def begins(self) -> float:
        """When it begins."""
        return self.stretches[0].times[0] if self.stretches else 0.0


def same_time(a: float, b: float) -> bool:
    """Say whether two times are one instant."""
    return abs(a - b) <= INSTANT * max(1.0, abs(b))


def same_number(a: float, b: float) -> bool:
    """Say whether two values are equal, or both missing."""
    return a == b or (math.isnan(a) and math.isnan(b))


def parts(stretches: Sequence[Stretch], row: int) -> list[Part]:
    """Split a course where a reset sets time back, which loses nothing: a reset ends all that was before it."""
    out, mine, last = list[Part](), list[Stretch](), -float("inf")
    for stretch in stretches:
        if stretch.times[0] < last and not same_time(stretch.times[0], last):
            out.append(Part(tuple(mine), row))
            # What is stopped before the reset of this instant had stopped with the last part.
            at = next(k for k, a in enumerate(stretch.actions) if a[0] == "begin")
            row, mine = stretch.actions[at][1], [replace(stretch, actions=stretch.actions[at + 1 :])]
        else:
            mine.append(stretch)
        last = stretch.times[-1]
    return [*out, Part(tuple(mine), row)]


def moments(planned: PlannedCourse, network: Network, part: Part) -> Iterator[Moment]:
    """Yield what a part of a course changes when; the first moment is its beginning, even if it changes nothing."""
    walker = _Walker(planned, network, part.row)
    now = Moment(part.begins)
    for stretch in part.stretches:
        begun, time = walker.begun(), stretch.times[0]
        if stretch.actions and (now.seen or not same_time(time, now.time)):
            yield now
            now = Moment(time)
        for action in stretch.actions:
            walker.act(action, now)
        walker.compare(begun, now)
        now.seen += [(stretch.times[r], o) for r, o in zip(stretch.rows, stretch.output, strict=True)]
    yield now


def merged(all_of_them: Iterator[Moment]) -> list[Moment]:
    """Return one moment per instant."""
    out: list[Moment] = []
    for moment in all_of_them:
        if not out or not same_time(moment.time, out[-1].time):
            out.append(moment)
            continue
        last = out[-1]
        for name, shift in moment.states.items():
            last.states[name] = last.states[name].then(shift) if name in last.states else shift
        last.rates |= moment.rates
        last.values |= moment.values
        last.seen += moment.seen
    return out


class _Walker:
    """Knows what holds now."""

    def __init__(self, planned: PlannedCourse, network: Network, row: int) -> None:
        self._job, self._runner, self._env = planned.job, planned.runner, planned.env
        self._network, self._row = network, row
        self._rates: dict[str, float] = {}
        self._states: tuple[str, ...] = ()
        dosed = {a[1] for s in planned.job.course.stretches for a in s.actions if a[0] in {"add", "rate", "empty"}}
        self._static = sorted(movable(network) - dosed)
        if isinstance(self._runner, CourseRunner):
            machine = self._runner.machine
            self._order = (*machine.floating, *machine.rated)
            self._states = tuple(n for n in self._order if n not in set(self._static))

    def begun(self) -> tuple[int, dict[str, float]]:
        """Return the row of parameters and the infusions that hold now."""
        return self._row, dict(self._rates)

    def compare(self, begun: tuple[int, Mapping[str, float]], moment: Moment) -> None:
        """Enter the parameters and infusions that are no longer what they were."""
        row, rates = begun
        for name in self._static if row != self._row else ():
            keys = (name, f"amount({name})") if self._network.symbols[name].kind == "species" else (name,)
            if any(not same_number(self._value(k, row), self._value(k, self._row)) for k in keys):
                moment.values[name] = self._value(name, self._row)
        for target, rate in self._rates.items():
            if rate != rates.get(target, 0.0) or target in moment.rates:
                moment.rates[target] = rate

    def _value(self, key: str, row: int) -> float:
        value = self._env[key]
        at = self._job.rows[row]
        return float(value[at] if getattr(value, "ndim", 0) else value)

    def _initial(self, name: str) -> float:
        key = f"amount({name})"
        return self._value(key if key in self._env else name, self._row)

    def act(self, action: Action, moment: Moment) -> None:
        """Do one action."""
        kind = action[0]
        if self._network.events and kind in _WORDS:
            raise UnsupportedError(
                f"{_WORDS[kind]} cannot be written into the model '{self._network.id}', which has events of its own"
            )
        if kind == "begin":
            self._row = action[1]
            self._rates = dict.fromkeys(self._rates, 0.0)
            moment.states = {n: Shift(self._initial(n)) for n in self._states}
        elif kind == "row":
            self._row = action[1]
        elif kind == "rate":
            self._rates[action[1]] = action[2]
        elif kind == "steady":
            self._steady(action[1], moment)
        else:
            self._shift(moment, action[1], Shift(action[2], adds=True) if kind == "add" else Shift(0.0))

    def _shift(self, moment: Moment, name: str, shift: Shift) -> None:
        moment.states[name] = moment.states[name].then(shift) if name in moment.states else shift

    def _steady(self, series: Series, moment: Moment) -> None:
        assert isinstance(self._runner, CourseRunner)  # a model with events was refused
        with LOCK, quiet():
            found: Any = self._runner.steady(self._job, self._row, series, Tolerances())
        for name, number in zip(self._order, found, strict=True):
            if name in self._states and not (series.adds and number == 0.0):
                self._shift(moment, name, Shift(float(number), adds=series.adds))
