"""Across jumps of rates that error control cannot pass: where a state that is zero as yet begins to change.

Nothing is small beside zero, so a step that ends beyond the jump is made shorter without end. The engine is taken
across in one step, so short that what it may be off by there is less than any tolerance.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from sbmlqsp.engine.failure import EngineFailure

if TYPE_CHECKING:
    from sbmlqsp.engine.roadrunner import Machine

__all__ = ["across"]

HOP = 1e-12
"""How far before and beyond a jump a run stops and goes on, as a share of the time."""
NEARBY = (1e-6, 1e-9)
"""How far before it is looked for again, since when it comes depends on the steps up to there, within tolerance."""
SMALL = 1e-9
"""What share of its size a state may change by within such a distance; one that changes more only begins to."""
EVEN = 0.1
"""How much may be between what a state that begins to change does just after a jump and a little later, relatively."""
PATIENCE = 20_000
"""In how many steps an output should be reached, before it is asked whether a jump is in the way."""
MOST = 10_000
"""How many jumps there may be in a run."""
AGAIN = 8
"""How many of them, each next to the one before, are taken for states that are held at a jump from both sides."""


def across(machine: Machine, times: Sequence[float]) -> Any:
    """Integrate from the first time to the last, across jumps.

    Returns
    -------
    ndarray of shape (len(times), number of columns)

    Raises
    ------
    EngineFailure
        The integrator stopped, and no jump was in its way.
    """
    found: list[Any] = []
    left, again = list(times), 0
    for _ in range(MOST):
        before = machine.snapshot()
        try:
            return np.concatenate([*found, machine.integrate(left, most=PATIENCE)[bool(found) :]])
        except EngineFailure as failure:
            if failure.final:
                raise
            machine.restore(before)
            again = again + 1 if found and failure.time * (1 - NEARBY[0]) < left[0] else 0
            passed = _passed(machine, left, failure.time) if again < AGAIN else None
        if passed is None:
            machine.restore(before)
            return np.concatenate([*found, machine.integrate(left)[bool(found) :]])
        rows, left = passed
        found.append(rows[bool(found) :])
        if len(left) == 1:
            return np.concatenate(found)
    raise EngineFailure(left[0], f"rates jump more than {MOST:,} times")


def _passed(machine: Machine, times: list[float], jump: float) -> tuple[Any, list[float]] | None:
    """Return the rows of the first time and of those until after a jump, and when to go on; None where it is none."""
    peak, start, rows = np.abs(machine.state()), times[0], list[Any]()
    try:
        for share in NEARBY:
            nearby, about = jump * (1 - share), jump
            if nearby > start:
                rows.append(_upto(machine, start, times, nearby)[bool(rows) :])
                start = nearby
            begun, peak = machine.snapshot(), np.maximum(peak, np.abs(machine.state()))
            jump = _stopped(machine, start, about * (1 + share))
            machine.restore(begun)
        distance = HOP * max(abs(jump), times[1] - times[0])
        near = jump - 3 * distance
        if start < near:
            rows.append(_upto(machine, start, times, near)[bool(rows) :])
        elif not rows:
            rows.append(machine.values()[None, :])
        late = _hopped(machine, max(start, near), distance, peak, end=times[-1], early=start < near)
    except EngineFailure:
        return None
    met = sum(start < t and near <= t <= late for t in times)
    return np.concatenate([*rows, *[machine.values()[None, :]] * met]), [late, *(t for t in times if t > late)]


def _upto(machine: Machine, begin: float, times: Sequence[float], end: float) -> Any:
    """Integrate to an end that is no output; return the rows of the beginning and of the times before the end."""
    return machine.integrate([begin, *(t for t in times if begin < t < end), end], most=PATIENCE)[:-1]


def _stopped(machine: Machine, begin: float, end: float) -> float:
    """Return where the integrator stops, or the end where it does not."""
    try:
        machine.integrate([begin, end], most=PATIENCE)
    except EngineFailure as failure:
        return failure.time
    return end


def _hopped(machine: Machine, near: float, distance: float, peak: Any, *, end: float, early: bool) -> float:
    """Go from before a jump to beyond it, or to the end; return when that is.

    With ``early``, it is not at the very beginning.

    Raises
    ------
    EngineFailure
        States change too much there.
    """
    stops = [near + 2 * k * distance for k in range(5)]
    whole = stops[-1] < end
    if not whole:
        stops = [*(t for t in stops[:2] if t < end), end]
    if len(stops) < 2:
        raise EngineFailure(near, "a rate jumps where the run ends")
    states = [machine.state()]
    for begin, until in pairwise(stops):
        if early and begin == near and until < end:
            machine.integrate([begin, until], most=PATIENCE)
        else:
            machine.hop(begin, until)
        states.append(machine.state())
    # What is given at the end changes states as well.
    moves = np.diff(states if whole else states[:2], axis=0)
    slow = (np.abs(moves) <= SMALL * np.maximum(peak, np.abs(states[0]))).all(axis=0)
    after, middle = np.abs(moves[-1]), moves[len(moves) // 2]
    begins = (np.abs(moves[-1] - middle) <= EVEN * after) & (np.abs(moves) <= (1 + EVEN) * after).all(axis=0) & whole
    if not ((early or whole) and np.isfinite(states[-1]).all() and (slow | begins).all()):
        raise EngineFailure(near, "a rate has no bound")
    return stops[-1]
