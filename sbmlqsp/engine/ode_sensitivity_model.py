"""What the compiled loops of sensitivities are given: a model's compiled functions and their signatures."""

from __future__ import annotations

from typing import Any, NamedTuple

import numba as nb

from sbmlqsp.engine.ode_model import FLOATS

__all__ = ["BENDS", "TURN", "Sensitive", "SensitiveEvents", "SensitiveOnly", "TurnOnly"]

BENDS = nb.void(FLOATS, FLOATS, nb.float64, FLOATS, nb.float64, FLOATS)
"""x, p, t, v, tau, out: what the derivatives of the rates change by along v in the states and tau in time."""
TURN = nb.void(nb.int64, nb.int64, FLOATS, FLOATS, nb.float64, FLOATS, FLOATS, nb.float64, FLOATS, FLOATS)
"""what (see ``ode_sensitivity_events``), event, x, p, t, v, q, tau, value, out: the derivatives of what events read,
along v in the states, q in the constants and tau in time."""


class SensitiveOnly(NamedTuple):
    """A model's compiled functions that only sensitivities need."""

    partials: Any
    bends: Any
    glance: Any


class Sensitive(NamedTuple):
    """A model's compiled functions."""

    rates: Any
    slopes: Any
    factor: Any
    solve: Any
    partials: Any
    bends: Any
    glance: Any


class TurnOnly(NamedTuple):
    """The compiled function that only sensitivities through events need."""

    turn: Any


class SensitiveEvents(NamedTuple):
    """The compiled functions of a model with events."""

    rates: Any
    slopes: Any
    look: Any
    act: Any
    factor: Any
    solve: Any
    partials: Any
    bends: Any
    glance: Any
    turn: Any
