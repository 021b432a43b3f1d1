"""How a patient's run on the batch kernel may end; needs no compiler."""

from __future__ import annotations

__all__ = [
    "BAD_DELAY", "CROWDED", "EASY", "ENDLESS", "FINE", "LANES", "LONG", "NOT_FINITE", "ODE_STATUS", "RUSHING", "STIFF",
    "TIED", "TOO_MANY", "TOO_SMALL",
]  # fmt: skip

FINE, NOT_FINITE, TOO_MANY, TOO_SMALL, ENDLESS, CROWDED, BAD_DELAY, RUSHING, TIED, LONG, STIFF, EASY = range(12)
"""The last three: a patient goes on by another method, for its many steps, or as it is too stiff or not at all."""

ODE_STATUS = {
    NOT_FINITE: "a rate is not finite",
    TOO_MANY: "the integrator used up its steps; the model is stiff or grows without bound here",
    TOO_SMALL: "the integrator could not meet its tolerance; a rate is not smooth or not finite here",
    ENDLESS: "events follow each other without end at one instant",
    CROWDED: "too many events wait at once",
    BAD_DELAY: "the delay of an event is negative or not a number",
    RUSHING: "an event happens again and again, faster than can be followed; let its trigger need a distance",
    TIED: "events of the same priority are due at once, whose order SBML leaves to chance and matters here; let their "
    "priorities differ",
}

LANES = 16
"""How many patients are integrated side by side."""
