"""Signs that a run may be numerically wrong although the integrator was content."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sbmlqsp.engine.network import Network
from sbmlqsp.model import dotted

__all__ = ["POLE", "confirmed", "doubtful", "not_finite", "ranging", "suspicious"]

POLE = "which is divided by"
WIDE, SUDDEN = 1e4, 20.0
"""By what factor something that is divided by may differ in a run, and grow from one output to the next, before a
second opinion is asked for."""


DEPTH = 1e4
"""How many times what its error may be a state must be for its value to count."""
NEGATIVE, REGROWN = -1e-8, 100.0
"""From which part of its scale a state counts as negative, and how many times its nadir it must be to have regrown."""


def doubtful(states: Any, scales: Any, least: Any) -> Any:
    """Return the positions of runs of which `suspicious` has something to say, all looked at together.

    Parameters
    ----------
    states : ndarray of shape (runs, times, states)
    scales, least : ndarray of shape (runs, states)
    """
    lowest, floor = states.min(axis=1), DEPTH * least
    odd = (lowest < NEGATIVE * scales).any(axis=1)
    rows, columns = np.nonzero((lowest < floor) & (lowest != 0))
    curves = states[rows, :, columns]
    high = curves.max(axis=1, initial=-np.inf) > floor[rows, columns]
    rows, columns, curves = rows[high], columns[high], curves[high]
    at = curves.argmin(axis=1) if curves.size else np.zeros(0, dtype=int)
    later = np.arange(states.shape[1]) >= at[:, None]
    after = np.where(later, curves, -np.inf).max(axis=1, initial=-np.inf)
    bound = REGROWN * np.maximum(np.abs(lowest[rows, columns]), floor[rows, columns])
    odd[rows[(at > 0) & (after > bound)]] = True
    return np.flatnonzero(odd)


def suspicious(states: Any, scales: Any, least: Any, names: Sequence[str]) -> str:
    """Say what is doubtful about the states of one run, in words; ``""`` where nothing is.

    Two patterns are known to be wrong without any message from the integrator: a negative amount, and a nadir so deep
    that it lies below the absolute tolerance, followed by regrowth (which then starts from noise).

    Parameters
    ----------
    states : ndarray of shape (times, states)
        Amounts.
    scales : ndarray of shape (states,)
        Each state's own scale.
    least : ndarray of shape (states,)
        What each state's error may be where it is zero.
    names : sequence of str
    """
    lowest = states.min(axis=0)
    if not np.isfinite(lowest).all():
        return ""
    negative = lowest < NEGATIVE * scales
    if negative.any():
        k = int(np.argmin(np.where(negative, lowest / scales, 0.0)))
        return f"'{names[k]}' goes negative (lowest {lowest[k]:.3g})"
    floor = DEPTH * least
    deep = (lowest < floor) & (states.max(axis=0) > floor)
    at = states.argmin(axis=0)
    for k in np.flatnonzero(deep & (at > 0)).tolist():
        after = states[at[k] :, k].max()
        if lowest[k] != 0 and after > REGROWN * max(abs(lowest[k]), floor[k]):
            return f"'{names[k]}' falls to {lowest[k]:.3g} and regrows to {after:.3g}"
    return ""


def ranging(divisors: Any, names: Sequence[str]) -> str:
    """Say which of what is divided by was near zero as well as far from it; ``""`` where none was.

    Parameters
    ----------
    divisors : ndarray of shape (times, divisors)
    names : sequence of str
    """
    # A step that ends beyond a pole may have been thrown anywhere.
    sizes = np.abs(divisors)
    thrown = (sizes[1:] > SUDDEN * sizes[:-1]).any(axis=0) | (sizes.max(axis=0) > WIDE * sizes.min(axis=0))
    for k in np.flatnonzero(thrown).tolist():
        return f"'{names[k]}', {POLE}, ranges from {divisors[:, k].min():.3g} to {divisors[:, k].max():.3g}"
    return ""


def confirmed(doubt: str, first: Any, second: Any, scales: Any, names: Sequence[str]) -> tuple[bool, str]:
    """Compare a doubtful run with a tighter one: whether they agree, and in words.

    Parameters
    ----------
    doubt : str
        What ``suspicious`` said.
    first, second : ndarray of shape (times, states)
        The states of the run and of the tighter one.
    scales : ndarray of shape (states,)
    names : sequence of str
    """
    # A sign change makes relative errors meaningless there; after a deep nadir they are all that counts.
    # Beyond a pole all is different; where there is none, cycles may be out of step by more than tolerances.
    share = 1e-3 if POLE in doubt else 1e-7 if "negative" in doubt else 0.0
    largest = share * np.abs(second).max(axis=0)
    gap = np.abs(first - second) - 1e-5 * np.maximum(np.abs(first), np.abs(second)) - 1e-12 * scales - largest
    if (gap > 0).any() or not np.isfinite(second).all():
        state = dotted(names[int(np.argmax(np.nanmax(gap, axis=0)))])
        return False, f"{doubt}, and a run with tighter tolerances differs in '{state}'"
    return True, f"{doubt}; a run with tighter tolerances agrees"


def not_finite(out: Any, columns: Sequence[str], network: Network) -> str:
    """Say what has no finite value and from when; ``""`` where the model itself says so of a constant.

    Parameters
    ----------
    out : ndarray of shape (times, columns)
    columns : sequence of str
        Engine selections.
    network : Network
    """
    for k, column in enumerate(columns):
        bad, name = ~np.isfinite(out[:, k]), column.strip("[]")
        if not bad.any() or name in network.not_finite:
            continue
        computed = name in network.assignment_rules or name in network.initial_assignments
        missing = name in network.static and not computed and network.symbols[name].missing
        why = "the model gives it no value" if missing else "a formula divides by zero there"
        return f"a value is not finite from output {int(np.argmax(bad)) + 1} on: '{dotted(name)}'; {why}"
    return ""
