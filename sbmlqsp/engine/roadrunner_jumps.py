"""Across jumps of rates that error control cannot pass: where a state that is zero as yet begins to change.

Nothing is small beside zero, so a step that ends beyond the jump is made shorter without end. The engine is taken
across in one step, so short that what it may be off by there is less than any tolerance.
"""

from __future__ import annotations

from collections.abc import Sequence
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
"""What share of its size a state may change by within such a distance; more is no jump of a rate, but a pole."""
NOTHING = 1e-3
"""What share of such a change may have been there before in a state that only begins to change: rounding errors."""
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
        before = machine.state()
        try:
            return np.concatenate([*found, machine.integrate(left, most=PATIENCE)[bool(found) :]])
        except EngineFailure as failure:
            machine.put(before)
            again = again + 1 if found and failure.time * (1 - NEARBY[0]) < left[0] else 0
            passed = _passed(machine, left, failure.time) if again < AGAIN else None
        if passed is None:
            machine.put(before)
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
            begun = machine.state()
            jump = _stopped(machine, start, about * (1 + share))
            machine.put(begun)
        distance = HOP * abs(jump)
        if not start < jump - 3 * distance:
            return None
        rows.append(_upto(machine, start, times, jump - 3 * distance)[bool(rows) :])
        last = _hopped(machine, jump, distance, np.maximum(peak, np.abs(begun)))
    except EngineFailure:
        return None
    late = jump + distance
    met = sum(jump - 3 * distance <= t <= late for t in times)
    return np.concatenate([*rows, *[last[None, :]] * met]), [late, *(t for t in times if t > late)]


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


def _hopped(machine: Machine, jump: float, distance: float, peak: Any) -> Any:
    """Go from before a jump to beyond it; return the columns just before.

    Raises
    ------
    EngineFailure
        States change too much there.
    """
    far = machine.state()
    last = machine.integrate([jump - 3 * distance, jump - distance], most=PATIENCE)[-1]
    close = machine.state()
    machine.hop(jump - distance, jump + distance)
    before, after = np.abs(close - far), np.abs(machine.state() - close)
    peak = np.maximum(peak, np.abs(far))
    slow, begins = np.maximum(before, after) <= SMALL * peak, peak <= NOTHING * after
    if not (np.isfinite(after).all() and (slow | begins).all()):
        raise EngineFailure(jump, "a rate has no bound")
    return last
