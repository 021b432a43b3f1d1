"""Runs single subjects on one compiled machine, segment by segment, and settles doubts about what came out."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from sbmlqsp.compiled import Compiled
from sbmlqsp.engine.balances import EVEN, SHARE
from sbmlqsp.engine.divisors import differences
from sbmlqsp.engine.libsbml_engine import NEVER
from sbmlqsp.engine.roadrunner import EngineFailure, Start
from sbmlqsp.engine.tolerances import Tolerances
from sbmlqsp.model import dotted
from sbmlqsp.suspicion import POLE, confirmed, not_finite, ranging, suspicious
from sbmlqsp.timeline import Segment, Timeline

__all__ = ["CRASHED", "FAILED", "IMPOSSIBLE", "LATE", "OK", "STATUS", "STOPPED", "UNCONFIRMED", "Job", "Runner"]

STATUS = {
    0: "fine",
    1: "the integrator failed",
    2: "a value is not finite",
    3: "a result could not be confirmed",
    4: "it ran out of time",
    5: "its process died",
    6: "the cell could not be followed to the end",
    7: "its values allow no run",
}
OK, FAILED, NOT_FINITE, UNCONFIRMED, LATE, CRASHED, STOPPED, IMPOSSIBLE = range(8)

# What is tried in turn when the integrator fails, as shares of each state's scale.
LOOSER = (1e-24, 1e-16, 1e-12)
PATIENCE = 50_000  # steps of a further attempt: where the first used up ten times as many, most will as well

# How often an event may fire at once again (an event that repeats without end does so a dozen times, then is missed).
RUSHES = 3

# As a share of the time: more than the engine's rounding of event times, less than any dynamics.
JUST_BEFORE = 2e-13

# How much later outputs are asked for, relatively, where one met an event: less than what counts as one instant.
SHIFT = 1e-12


class Scaled(Protocol):
    """A run of one subject that knows the scale of each state, and its last time."""

    @property
    def scales(self) -> Mapping[str, float]:
        """Each state's own scale."""

    @property
    def end(self) -> float:
        """The last time."""


@dataclass(frozen=True, slots=True)
class Job:
    """One subject's run: state at time 0, timeline, amount and duration of each delivery, scale of each state."""

    start: Start
    timeline: Timeline
    amounts: list[float]
    lengths: list[float]
    scales: Mapping[str, float]

    @property
    def end(self) -> float:
        """The last time."""
        return self.timeline.segments[-1].times[-1] if self.timeline.segments else 0.0


def _ladder(tolerances: Tolerances, end: float) -> Iterator[tuple[Tolerances, float, str]]:
    """Yield what to try when the integrator has failed: tolerances, longest step (0: as before), and words for both.

    A start from exactly zero cannot be held to a share of nothing, so the absolute tolerance is loosened first. Another
    integrator is not among them: the engine's explicit ones return finite garbage where this one fails.
    """
    tolerances = replace(tolerances, maximum_steps=min(tolerances.maximum_steps, PATIENCE))
    for absolute in LOOSER:
        if absolute > tolerances.absolute:
            words = f"an absolute tolerance of {absolute:g} of each state's scale"
            yield replace(tolerances, absolute=absolute), 0.0, words
    tight = tolerances.tighter()
    yield replace(tight, absolute=tolerances.absolute), 0.0, f"a relative tolerance of {tight.relative:g}"
    if end > 0:
        yield replace(tight, absolute=LOOSER[1]), end / 1000, "steps of at most a thousandth of the run"


class Runner:
    """Runs single subjects on one machine."""

    def __init__(self, compiled: Compiled, *, at_dose: str = "after") -> None:
        prepared = compiled.prepared
        self.compiled, self.machine, self.prepared, self.at_dose = compiled, compiled.machine, prepared, at_dose
        self._state_columns = [compiled.columns.index(s) for s in compiled.states]
        self._states, self._moving = list(compiled.states), list(compiled.moving)
        self._moving_columns = [compiled.columns.index(s) for s in compiled.moving]
        symbols = compiled.model.network.symbols
        self._divisors = [k for k, s in enumerate(self._states) if symbols[s].kind != "species"]
        own = differences(compiled.model.network).items()
        self._differences = {dotted(str(f)): compiled.columns.index(n) for n, f in own if n in compiled.columns}
        self._balances = [
            (b.condition, compiled.columns.index(b.gap), compiled.columns.index(b.size))
            for b in prepared.balances if b.gap in compiled.columns
        ]  # fmt: skip
        self._shift = 0.0
        self._idle = {i.rate: 0.0 for i in prepared.inlets.values()}
        if prepared.eventful:
            self._idle |= {i.due: 1e300 for i in prepared.inlets.values()}
            self._idle |= {w.last: NEVER for w in prepared.watches} | {w.rush: 0.0 for w in prepared.watches}

    def subject(self, job: Scaled, out: Any, tolerances: Tolerances) -> tuple[int, str]:
        """Run one subject into ``out``; return status and message."""
        self.compiled.watch_windows(job.end)
        try:
            used, note = self._run_somehow(job, out, tolerances)
            rushing, count = self._rushing()
            if count >= RUSHES:
                return UNCONFIRMED, f"{rushing}, faster than can be followed; let its trigger need a distance"
            doubt = rushing or self._crossed(out) or self._doubt(out, job.scales, used) or self._helped(note)
            doubt = doubt or self._even(out, used)
            if doubt:
                again = np.full_like(out, np.nan)
                self._run_somehow(job, again, used.tighter())
                first, second = out[:, self._moving_columns].copy(), again[:, self._moving_columns]
                out[:] = again
                agree, words = confirmed(doubt, first, second, self._sizes(job.scales, self._moving), self._moving)
                return OK if agree else UNCONFIRMED, words
        except EngineFailure as failure:
            return FAILED, f"stopped at time {failure.time:.6g}: {failure.reason}"
        if not np.isfinite(out).all():
            found = not_finite(out, self.compiled.columns, self.compiled.model.network)
            return (NOT_FINITE, found) if found else (OK, note)
        return OK, note

    def _run_somehow(self, job: Scaled, out: Any, tolerances: Tolerances) -> tuple[Tolerances, str]:
        """Run; where the integrator fails, try in turn what may help, and say what did or that nothing did."""
        try:
            self._run(job, out, tolerances)
        except EngineFailure as first:
            if first.final:  # whatever the tolerances are
                raise
            if "CV_TOO_CLOSE" in first.reason:
                with contextlib.suppress(EngineFailure), self._shifted():
                    out[:] = np.nan
                    self._run(job, out, tolerances)
                    return tolerances, f"outputs a rounding error later, since one met an event at {first.time:.6g}"
            tried = []
            for how, step, words in _ladder(tolerances, job.end):
                with contextlib.suppress(EngineFailure), self._steps_of(step):
                    out[:] = np.nan
                    self._run(job, out, how)
                    return how, f"integrated with {words}, after the integrator had stopped at {first.time:.6g}"
                tried.append(words)
            out[:] = np.nan
            raise EngineFailure(first.time, f"{first.reason}; tried in vain: {', '.join(tried)}") from None
        return tolerances, ""

    @contextlib.contextmanager
    def _shifted(self) -> Iterator[None]:
        """Ask for outputs a rounding error later, away from events."""
        self._shift = SHIFT
        try:
            yield
        finally:
            self._shift = 0.0

    @contextlib.contextmanager
    def _steps_of(self, longest: float) -> Iterator[None]:
        """Cap the integrator's steps for a while."""
        before = self.machine.longest_step
        self.machine.maximum_step(longest or before)
        try:
            yield
        finally:
            self.machine.maximum_step(before)

    def _rushing(self) -> tuple[str, float]:
        """Say which event fired at once again, and how often: beyond some times the engine misses it silently."""
        watches = self.prepared.watches
        counts = self.machine.parameter_values([w.rush for w in watches]) if watches else [0.0]
        count = max(counts)
        if not count > 0:
            return "", 0.0
        watch = watches[counts.index(count)]
        [time] = self.machine.parameter_values([watch.last])
        return f"the event '{dotted(watch.event)}' fires again and again up to time {time:.6g}", count

    def _crossed(self, out: Any) -> str:
        """Doubt a run in which a difference changed its sign that is divided by."""
        for name, column in self._differences.items():
            sides = np.sign(out[:, column])
            if (sides[1:] * sides[:-1] < 0).any():
                return f"'{name}', {POLE}, changed its sign"
        return ""

    def _even(self, out: Any, tolerances: Tolerances) -> str:
        """Doubt a run in which rates ask which is larger of two that have come to be equal, or nothing."""
        for condition, gap, size in self._balances:
            apart, large = np.abs(out[:, gap]), np.abs(out[:, size])
            few = np.maximum(tolerances.relative * large, tolerances.absolute * large.max())
            near = (apart <= SHARE * few) & (large > 0)
            came = np.logical_or.accumulate(apart > 0)
            if (near[:-1] & near[1:] & came[1:]).any():
                return f"'{dotted(condition)}' {EVEN}"
        return ""

    def _doubt(self, out: Any, scales: Mapping[str, float], tolerances: Tolerances) -> str:
        if not self._state_columns:
            return ""
        names, states = [dotted(s) for s in self._states], out[:, self._state_columns]
        # What is divided by may be negative, but cannot become so.
        states[:, self._divisors] *= np.where(states[0, self._divisors] < 0, -1.0, 1.0)
        sizes = self._sizes(scales, self._states)
        found = suspicious(states, sizes, self.machine.shares(self._states, tolerances) * sizes, names)
        return found or ranging(states[:, self._divisors], [names[k] for k in self._divisors])

    def _helped(self, note: str) -> str:
        """Doubt a run that the integrator had stopped in at first: looser tolerances take it beyond a pole."""
        return f"'{dotted(self._states[self._divisors[0]])}', {POLE}, was {note}" if note and self._divisors else ""

    def _sizes(self, scales: Mapping[str, float], names: Sequence[str]) -> Any:
        return np.array([scales.get(s, 1.0) for s in names])

    def _run(self, job: Any, out: Any, tolerances: Tolerances) -> None:
        machine, timeline, amounts, eventful = self.machine, job.timeline, job.amounts, self.prepared.eventful
        machine.renew()
        machine.tolerances(tolerances, job.scales)
        self._begin(job, out)
        following = [s.boluses for s in timeline.segments[1:]] + [timeline.final_boluses]
        for k, segment in enumerate(timeline.segments):
            self._enter(segment, job, following[k])
            first = self._first(segment)
            rows = machine.run(self._times(segment))
            out[segment.output] = rows[segment.rows]
            if first is not None:
                out[[o for o, row in zip(segment.output, segment.rows, strict=True) if row == 0]] = first
        if timeline.final:
            if not eventful:
                self._give(timeline.final_boluses, amounts)
                machine.set_parameters(timeline.final_switches)
            out[list(timeline.final)] = machine.values()

    def _begin(self, job: Job, out: Any) -> None:
        """Set the state at time 0; in models with events the doses given then are events that fire now."""
        machine, timeline = self.machine, job.timeline
        if timeline.before or not self.prepared.eventful:
            machine.set_parameters(self._idle)
            machine.begin(job.start)
        if timeline.before:
            out[list(timeline.before)] = machine.values()
        if self.prepared.eventful:
            now = timeline.segments[0].boluses if timeline.segments else timeline.final_boluses
            machine.set_parameters(self._idle | self._due(now, 0.0, job.amounts))
            machine.begin(job.start)

    def _times(self, segment: Segment) -> list[float]:
        """Return when to output: an event at the end of a segment shows there, so the state before is asked earlier."""
        times = [t * (1 + self._shift) for t in segment.times] if self._shift else segment.times
        if not (self.prepared.eventful and self.at_dose == "before"):
            return times
        end = times[-1]
        return [*times[:-1], end - JUST_BEFORE * end, end]

    def _enter(self, segment: Segment, job: Job, later: Mapping[str, Any]) -> None:
        inlets, amounts, lengths = self.prepared.inlets, job.amounts, job.lengths
        values = {inlets[t].rate: sum(amounts[k] / lengths[k] for k in running) for t, running in segment.rates.items()}
        if self.prepared.eventful:
            values |= self._due(later, segment.times[-1], amounts)
        else:
            values |= segment.switches
            self._give(segment.boluses, amounts)
        self.machine.set_parameters(values)

    def _first(self, segment: Segment) -> Any:
        """Return what to put out at the start of a segment where its switches differ at that very time."""
        if self.prepared.eventful or not segment.instant or 0 not in segment.rows:
            return None
        self.machine.set_parameters(segment.instant)
        values = self.machine.values()
        self.machine.set_parameters(segment.switches)
        return values

    def _give(self, boluses: Mapping[str, tuple[int, ...]], amounts: list[float]) -> None:
        for target, which in boluses.items():
            self.machine.add(target, self.prepared.inlets[target].kind, sum(amounts[k] for k in which))

    def _due(self, boluses: Mapping[str, tuple[int, ...]], time: float, amounts: list[float]) -> dict[str, float]:
        """Arm the dose events of models with events for the end of the coming segment."""
        values = {}
        for target, inlet in self.prepared.inlets.items():
            which = boluses.get(target, ())
            values[inlet.due] = time if which else 1e300
            if which:
                values[inlet.amount] = sum(amounts[k] for k in which)
        return values
