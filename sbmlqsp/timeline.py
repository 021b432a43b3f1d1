"""One subject's run as a list of smooth segments between doses and discontinuities.

No solver step can jump over a dose, because every dose, infusion end and known discontinuity is the end of a segment.
"""

from __future__ import annotations

import bisect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from sbmlqsp.engine.instants import SNAP, nearest

__all__ = ["Delivery", "Segment", "Timeline", "build_timeline"]


@dataclass(frozen=True, slots=True)
class Delivery:
    """When one administration reaches its target, and for how long: a bolus has no duration."""

    target: str
    start: float
    duration: float = 0.0


Given = Mapping[str, tuple[int, ...]]  # per target, the positions of deliveries in the list


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch without discontinuity.

    ``times`` begins and ends at cuts; row ``rows[k]`` of the segment is row ``output[k]`` of the result. ``boluses``
    (given now), ``rates`` (infusions that run, where that changed) and ``switches`` are applied before it starts;
    an output at its start shows ``instant`` instead, the switches at that very time, where they differ.
    """

    times: list[float]
    rows: list[int]
    output: list[int]
    boluses: Given = field(default_factory=dict)
    rates: Given = field(default_factory=dict)
    switches: Mapping[str, float] = field(default_factory=dict)
    instant: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Timeline:
    """All segments of a run.

    ``before`` holds the output rows that show the undosed initial state, and ``final`` those that show the state after
    ``final_boluses`` and ``final_switches``.
    """

    segments: tuple[Segment, ...]
    before: tuple[int, ...] = ()
    final_boluses: Given = field(default_factory=dict)
    final_switches: Mapping[str, float] = field(default_factory=dict)
    final: tuple[int, ...] = ()


def build_timeline(
    times: Sequence[float],
    deliveries: Sequence[Delivery],
    schedule: Sequence[tuple[float, Mapping[str, float]]],
    *,
    at_dose: str = "after",
    instants: Sequence[tuple[float, Mapping[str, float]]] = (),
) -> Timeline:
    """Cut a run at every dose, infusion end and discontinuity.

    Parameters
    ----------
    times : sequence of float
        Output times, increasing, from 0 on, in the model's unit.
    deliveries : sequence of Delivery
        What reaches which target when; simultaneous ones add.
    schedule : sequence of (float, mapping)
        Times at which switches change, and their values from then on; the first is at time 0.
    at_dose : {"after", "before"}
        Which side of a dose an output at the dose time shows.
    instants : sequence of (float, mapping)
        Switches at the very times at which they change, where they differ from those from then on.
    """
    grid = np.asarray(times, dtype=float)
    end = float(grid[-1])
    given = list(deliveries)
    late = end + SNAP * max(1.0, end)
    begun = [d.start for d in given if d.start <= end]
    cuts = _snap([0.0, end, *begun, *_stops(given, end), *(t for t, _ in schedule if t <= late)])
    at = nearest(cuts, grid)
    starts = [_index(cuts, d.start) if d.start <= late else len(cuts) for d in given]
    stops = [_index(cuts, d.start + d.duration) if d.start + d.duration <= late else len(cuts) for d in given]
    boluses = _at_once(given, starts, stops, len(cuts))
    rates = _running(given, starts, stops, len(cuts))
    flips, exact = ({_index(cuts, t): v for t, v in table if t <= late} for table in (schedule, instants))
    doses = set(starts)
    segments = []
    for i in range(len(cuts) - 1):
        rows, out, points = _rows(grid, at, cuts, i, doses=doses, at_dose=at_dose)
        changed = rates[i] if i == 0 or rates[i] != rates[i - 1] else {}
        segments.append(Segment(points, rows, out, boluses[i], changed, flips.get(i, {}), exact.get(i, {})))
    last = len(cuts) - 1
    first = _hits(at, 0) if at_dose == "before" and 0 in doses else ()
    shown = () if at_dose == "before" and last in doses else _hits(at, last)
    return Timeline(tuple(segments), first, boluses[last], exact.get(last, flips.get(last, {})), shown)


def _hits(at: np.ndarray, cut: int) -> tuple[int, ...]:
    return tuple(np.flatnonzero(at == cut).tolist())


def _stops(given: Sequence[Delivery], end: float) -> list[float]:
    return [d.start + d.duration for d in given if d.duration and d.start + d.duration <= end]


def _snap(values: Sequence[float]) -> list[float]:
    """Return the cuts: of times within rounding the last, at which every event of the model is due."""
    out: list[float] = []
    first = 0.0
    for v in sorted(float(v) for v in values):
        if not out or v - first > SNAP * max(1.0, abs(v)):
            out.append(v)
            first = v
        elif len(out) > 1:  # the run begins at 0
            out[-1] = v
    return out


def _index(cuts: Sequence[float], t: float) -> int:
    i = bisect.bisect_left(cuts, t)
    return i if i == 0 or (i < len(cuts) and cuts[i] - t < t - cuts[i - 1]) else i - 1


def _at_once(given: Sequence[Delivery], starts: Sequence[int], stops: Sequence[int], n: int) -> list[Given]:
    """Return what is given at each cut; an infusion too short for two cuts is given at once, so that none is lost."""
    out: list[dict[str, tuple[int, ...]]] = [{} for _ in range(n)]
    for k, d in enumerate(given):
        if starts[k] < n and (not d.duration or stops[k] <= starts[k]):
            here = out[starts[k]]
            here[d.target] = (*here.get(d.target, ()), k)
    return list(out)


def _running(given: Sequence[Delivery], starts: Sequence[int], stops: Sequence[int], n: int) -> list[Given]:
    """Return the infusions that run from each cut on, an empty tuple for a target that is not infused just now."""
    idle: dict[str, tuple[int, ...]] = {d.target: () for d in given if d.duration}
    out = [dict(idle) for _ in range(n)]
    for k, d in enumerate(given):
        for i in range(starts[k], min(stops[k], n)) if d.duration else ():
            out[i][d.target] = (*out[i][d.target], k)
    return list(out)


def _rows(
    grid: np.ndarray, at: np.ndarray, cuts: Sequence[float], i: int, *, doses: set[int], at_dose: str
) -> tuple[list[int], list[int], list[float]]:
    """Return which rows of segment i go to which output rows, and the segment's times."""
    inside = np.flatnonzero((at == -1) & (grid > cuts[i]) & (grid < cuts[i + 1]))
    points = [cuts[i], *grid[inside].tolist(), cuts[i + 1]]
    rows = list(range(1, len(inside) + 1))
    out = inside.tolist()
    for j in np.flatnonzero(at == i).tolist():
        if at_dose == "after" or i not in doses:
            rows.append(0)
            out.append(j)
    for j in np.flatnonzero(at == i + 1).tolist():
        if at_dose == "before" and i + 1 in doses:
            rows.append(len(points) - 1)
            out.append(j)
    return rows, out, points
