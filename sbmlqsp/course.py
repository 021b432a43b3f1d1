"""One subject's records as a course of smooth stretches, by NONMEM's rules of dosing.

The rules are those of PREDPP (NONMEM Users Guide, part VI): a record's parameters govern the way that ends at it, a
dose without a record of its own enters before the record that it falls on, bioavailability and modelled duration are
read when a dose enters, a lag when it is recorded.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sbmlqsp.errors import DosingError

__all__ = ["INSTANT", "Action", "Course", "DoseValues", "Entry", "Series", "Stretch", "plan_course"]

# Two times closer than this share are one instant for the integrator, whose own time is no finer.
INSTANT = 1e-13

Action = tuple[Any, ...]
"""What happens at an instant.

``("begin", row)``: everything as at the start; ``("row", row)``: other parameters; ``("add", target, amount)``;
``("rate", target, total)``: what is infused from now on; ``("empty", target)``; ``("switch", values)``;
``("steady", Series)``.
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """One record as the planner reads it: times in the data's unit, amounts in the model's."""

    time: float
    evid: int
    target: str = ""
    amount: float = 0.0
    rate: float = 0.0
    interval: float = 0.0
    additional: int = 0
    steady: int = 0
    row: int = 0
    output: int = -1
    where: str = ""
    lag: float | None = None  # where the record has its own
    later: tuple[Entry, ...] = ()  # further doses of the same line, where each has an amount of its own


@dataclass(frozen=True, slots=True)
class DoseValues:
    """What a record's parameters say of doses into one target: F, ALAG, R and D."""

    fraction: float = 1.0
    lag: float = 0.0
    rate: float = math.nan
    duration: float = math.nan


@dataclass(frozen=True, slots=True)
class Series:
    """An endless series of one dose, up to now.

    ``phase`` is the time since the last of them arrived; a whole interval means that the next one arrives now and is
    not yet in. With ``interval`` 0 it is an endless infusion at ``rate``. ``adds`` says that the amounts come on top of
    those present instead of replacing them.
    """

    target: str
    amount: float
    length: float
    interval: float
    phase: float
    adds: bool
    rate: float = 0.0
    where: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Actions, then a smooth run over ``times`` (of one time only: no run), whose ``rows`` go to ``output``."""

    actions: tuple[Action, ...]
    times: list[float]
    rows: list[int]
    output: list[int]


@dataclass(frozen=True, slots=True)
class Course:
    """All stretches of one subject; ``row`` are the parameters it starts with."""

    stretches: tuple[Stretch, ...]
    row: int


@dataclass(slots=True)
class _Running:
    """An infusion that runs; with a modelled rate its end moves when the rate does."""

    target: str
    rate: float
    end: float
    modelled: bool = False


def plan_course(
    entries: Sequence[Entry],
    values: Callable[[int, str], DoseValues],
    *,
    carry: str = "next",
    switches: Sequence[tuple[float, Mapping[str, float]]] = (),
    scale: float = 1.0,
) -> Course:
    """Plan one subject's run.

    Parameters
    ----------
    entries : sequence of Entry
        In file order.
    values : callable
        F, ALAG, R and D of a parameter row and a target, in the data's unit of time.
    carry : {"next", "last"}
        Whether the parameters of a record govern the way that ends at it (NONMEM) or the way that begins at it.
    switches : sequence of (float, mapping)
        Discontinuities in time of the model itself, in the data's unit.
    scale : float
        The model's time units per time unit of the data.

    Raises
    ------
    DosingError
        A dose cannot be given so: which record, and why.
    """
    planner = _Planner(entries[0], values, switches, scale)
    for entry in entries:
        planner.to(entry, carry)
        planner.take(entry)
    return Course(planner.pen.done(), entries[0].row)


class _Pen:
    """Writes stretches: actions at one instant, then a run up to the next instant at which something happens."""

    def __init__(self, time: float, scale: float) -> None:
        self._scale = scale
        self._stretches: list[Stretch] = []
        self._actions: list[Action] = []
        self._times, self._rows, self._output = [time * scale], list[int](), list[int]()

    def act(self, *action: Any) -> None:
        if len(self._times) > 1 or self._rows:
            self._flush(self._times[-1])
        self._actions.append(action)

    def run_to(self, time: float) -> None:
        time *= self._scale
        last = self._times[-1]
        if time < last - INSTANT * max(1.0, abs(last)):
            self._flush(time)
        elif time > last + INSTANT * max(1.0, abs(last)):
            self._times.append(time)

    def jump(self, time: float) -> None:
        self._flush(time * self._scale)

    def show(self, output: int) -> None:
        self._rows.append(len(self._times) - 1)
        self._output.append(output)

    def _flush(self, time: float) -> None:
        self._stretches.append(Stretch(tuple(self._actions), self._times, self._rows, self._output))
        self._actions, self._times, self._rows, self._output = [], [time], [], []

    def done(self) -> tuple[Stretch, ...]:
        """Return the stretches up to the last that is looked at."""
        self._flush(self._times[-1])
        last = max((k for k, s in enumerate(self._stretches) if s.output), default=-1)
        return tuple(self._stretches[: last + 1])


class _Planner:
    """Walks through the records of one subject and keeps what is still to come."""

    def __init__(
        self,
        first: Entry,
        values: Callable[[int, str], DoseValues],
        switches: Sequence[tuple[float, Mapping[str, float]]],
        scale: float,
    ) -> None:
        self.pen, self._scale = _Pen(first.time, scale), scale
        self._now, self._row, self._values = first.time, first.row, values
        self._coming: list[tuple[float, int, Entry]] = []
        self._number = 0
        self._running: list[_Running] = []
        self._all_switches = list(switches)
        self._switches: list[tuple[float, Mapping[str, float]]] = []
        self._turn(first.time)

    def _turn(self, time: float) -> None:
        """Set all switches as they are at a time."""
        self._switches = [s for s in self._all_switches if s[0] > time]
        now = {k: x for t, values in self._all_switches if t <= time for k, x in values.items()}
        if now:
            self.pen.act("switch", now)

    # ------------------------------------------------------------------------------------------------------ between
    def to(self, entry: Entry, carry: str) -> None:
        """Go on to a record, giving on the way what has no record of its own."""
        if entry.evid in {3, 4}:  # nothing of what was before it shows after it
            self._now = entry.time
            self.pen.jump(entry.time)
            return
        if carry == "next":
            self._govern(entry.row)
        self._advance(entry.time)
        self._now = entry.time
        self.pen.run_to(entry.time)
        self._govern(entry.row)

    def _govern(self, row: int) -> None:
        if row == self._row:
            return
        self._row = row
        self.pen.act("row", row)
        changed = set()
        for r in self._running:
            if r.modelled:
                left = (r.end - self._now) * r.rate
                r.rate = self._positive(row, r.target, "rate", "")
                r.end = self._now + left / r.rate
                changed.add(r.target)
        for target in sorted(changed):
            self._pump(target)

    def _advance(self, until: float) -> None:
        while True:
            arrival = self._coming[0][0] if self._coming else math.inf
            stop = min((r.end for r in self._running), default=math.inf)
            switch = self._switches[0][0] if self._switches else math.inf
            time = min(arrival, stop, switch)
            if time > until:
                return
            self._now = max(time, self._now)
            self.pen.run_to(self._now)
            if stop <= time:
                self._stop(time)
            elif switch <= time:
                self.pen.act("switch", self._switches.pop(0)[1])
            else:
                self._enter(heapq.heappop(self._coming)[2])

    def _stop(self, time: float) -> None:
        over = [r for r in self._running if r.end <= time]
        self._running = [r for r in self._running if r.end > time]
        for target in dict.fromkeys(r.target for r in over):
            self._pump(target)

    def _pump(self, target: str) -> None:
        total = math.fsum(r.rate for r in self._running if r.target == target)
        self.pen.act("rate", target, total / self._scale)

    # ---------------------------------------------------------------------------------------------------- at a record
    def take(self, entry: Entry) -> None:
        """Do what a record says."""
        if entry.evid in {3, 4}:
            self._cancel()
            self.pen.act("begin", entry.row)
            self._row = entry.row
            self._turn(entry.time)
        if entry.evid in {1, 4}:
            self._dose(entry)
        elif entry.evid == 2 and entry.target:
            self._turn_off(entry.target)
        if entry.output >= 0:
            self.pen.show(entry.output)

    def _cancel(self, target: str | None = None) -> None:
        gone = {r.target for r in self._running if target in {None, r.target}}
        self._coming = [c for c in self._coming if target not in {None, c[2].target}]
        heapq.heapify(self._coming)
        self._running = [r for r in self._running if target not in {None, r.target}]
        for name in sorted(gone):
            self._pump(name)

    def _turn_off(self, target: str) -> None:
        self._cancel(target)
        self.pen.act("empty", target)

    def _dose(self, entry: Entry) -> None:
        lag = self._values(entry.row, entry.target).lag if entry.lag is None else entry.lag
        if not (math.isfinite(lag) and lag >= 0):
            raise DosingError("the lag is negative or not finite", value=lag, where=entry.where)
        single = replace(entry, additional=0, steady=0, later=())
        if entry.steady:
            self._steady(entry, lag)
        if not (entry.steady and entry.interval == 0):  # an endless infusion ends at its record
            self._put(single, entry.time + lag if lag else -math.inf)
        for k in range(1, entry.additional + 1):
            self._put(single, entry.time + lag + k * entry.interval)
        for further in entry.later:
            self._put(further, further.time + (further.lag or 0.0))

    def _put(self, entry: Entry, time: float) -> None:
        if time == -math.inf:
            self._enter(entry)
            return
        self._number += 1
        heapq.heappush(self._coming, (time, self._number, entry))

    def _enter(self, entry: Entry) -> None:
        rate, length = self._flow(entry)
        if length == 0:
            self.pen.act("add", entry.target, rate)
        elif rate > 0:
            self._running.append(_Running(entry.target, rate, self._now + length, entry.rate == -1))
            self._pump(entry.target)

    def _flow(self, entry: Entry) -> tuple[float, float]:
        """Return rate and length of an infusion by the parameters that govern now; of a bolus its amount, and 0."""
        fraction = self._values(self._row, entry.target).fraction
        if not (math.isfinite(fraction) and fraction >= 0):
            raise DosingError("the bioavailability is negative or not finite", value=fraction, where=entry.where)
        amount = entry.amount * fraction
        if entry.rate == 0 or amount == 0:
            return amount, 0.0
        if entry.rate == -2:
            length = self._positive(self._row, entry.target, "duration", entry.where)
            return amount / length, length
        rate = entry.rate if entry.rate > 0 else self._positive(self._row, entry.target, "rate", entry.where)
        return rate, amount / rate

    def _positive(self, row: int, target: str, name: str, where: str) -> float:
        value: float = getattr(self._values(row, target), name)
        if math.isfinite(value) and value > 0:
            return value
        letter = {"rate": "R", "duration": "D"}[name]
        if math.isnan(value):
            remedy = f"give parameters={{'{letter}({target})': …}}"
            raise DosingError(
                f"the record asks for a modelled {name}, which no parameter gives", where=where, remedy=remedy
            )
        raise DosingError(f"the modelled {name} {letter}({target}) is not positive", value=value, where=where)

    # -------------------------------------------------------------------------------------------------- steady states
    def _steady(self, entry: Entry, lag: float) -> None:
        adds = entry.steady == 2
        if not adds:
            self._cancel()
        if entry.interval == 0:
            rate = entry.rate if entry.rate >= 0 else self._positive(entry.row, entry.target, "rate", entry.where)
            endless = Series(entry.target, 0.0, 0.0, 0.0, 0.0, adds, rate / self._scale, entry.where)
            self.pen.act("steady", endless)
            return
        if lag >= entry.interval:
            raise DosingError(
                "a steady-state dose with a lag as long as its interval is not defined",
                value=f"lag {lag:g}, interval {entry.interval:g}",
                where=entry.where,
                remedy="shorten the lag by whole intervals and move the record by as much",
            )
        rate, length = self._flow(entry)
        amount, scale = rate * (length or 1.0), self._scale
        interval, phase = entry.interval * scale, (entry.interval - lag) * scale
        series = Series(entry.target, amount, length * scale, interval, phase, adds, where=entry.where)
        self.pen.act("steady", series)
        self._go_on(entry, rate, length, lag)

    def _go_on(self, entry: Entry, rate: float, length: float, lag: float) -> None:
        """Let the implied infusions that are not over at the record run on."""
        k, began = 1, entry.time + lag - entry.interval
        while length and began + length > entry.time:
            self._running.append(_Running(entry.target, rate, began + length, entry.rate == -1))
            k += 1
            began = entry.time + lag - k * entry.interval
        if k > 1:
            self._pump(entry.target)
