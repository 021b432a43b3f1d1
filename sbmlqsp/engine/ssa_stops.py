"""Outputs of a cell and its changes at known times, for the compiled loops."""

from __future__ import annotations

import math

import numpy as np

from sbmlqsp.engine.ssa_arithmetic import tiny
from sbmlqsp.engine.ssa_model import OUTPUTS, fast

__all__ = ["make_changes", "next_stop", "show"]


@fast
def show(model, state, grid, out, g, until):
    """Put out everything before a time; return the next place of the grid."""
    while g < grid.shape[0] and grid[g] < until:
        model.look(OUTPUTS, state.x, state.p, grid[g], out[g])
        g += 1
    return g


@fast
def make_changes(model, state, t, s, high, g, stops, grid, out):
    """Make the changes of all stops that are reached; return the next stop and the next place of the grid."""
    x = state.x
    if stops.dosed[s] and stops.before:
        g = show(model, state, grid, out, g, np.nextafter(t, math.inf))
    while s < high and stops.times[s] <= t:
        for j in range(stops.of_stop[s], stops.of_stop[s + 1]):
            if stops.adds[j]:
                x[stops.states[j]] += stops.values[j]
            else:
                x[stops.states[j]] = stops.values[j]
        s += 1
    return s, g


@tiny
def next_stop(s, high, times, end):
    """Return the time of the next stop, or the end."""
    return times[s] if s < high and times[s] < end else end
