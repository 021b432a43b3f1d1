"""How a patient's run on the batch kernel may end; needs no compiler."""

from __future__ import annotations

__all__ = [
    "APART", "BAD_DELAY", "CROWDED", "EASY", "ENDLESS", "FINE", "GRAZING", "HASTY", "LANES", "LONG", "NOT_FINITE",
    "ODE_STATUS", "POISED", "RUSHING", "SHOWN", "STIFF", "TIED", "TOO_MANY", "TOO_SMALL", "UNSEEN",
]  # fmt: skip

FINE, NOT_FINITE, TOO_MANY, TOO_SMALL, ENDLESS, CROWDED, BAD_DELAY, RUSHING, TIED = range(9)
APART, POISED, GRAZING, SHOWN, UNSEEN = range(9, 14)
LONG, STIFF, EASY = range(14, 17)
"""A patient goes on by another method, for its many steps, or as it is too stiff or not at all."""
HASTY = 17

ODE_STATUS = {
    NOT_FINITE: "a rate, or its slope by a state, is not finite",
    TOO_MANY: "the integrator used up its steps; the model is stiff or grows without bound here",
    TOO_SMALL: "the integrator could not meet its tolerance; a rate is not smooth or not finite here",
    ENDLESS: "events follow each other without end at one instant",
    CROWDED: "too many events wait at once",
    BAD_DELAY: "the delay of an event is negative or not a number",
    RUSHING: "an event happens again and again, faster than can be followed; let its trigger need a distance",
    TIED: "events of the same priority are due at once, whose order SBML leaves to chance and matters here; let their "
    "priorities differ",
    APART: "an event, or a rate that jumps, falls on one instant with a dose, another event or the start, and they "
    "move apart with a parameter, so that what comes after has no derivative; shift one of them a little",
    POISED: "a condition of an event or of a rate is just at its threshold and moves with a parameter, so that what "
    "comes after has no derivative; change the values a little",
    GRAZING: "a condition hardly crosses its threshold, so that how the time of that moves is not known; tighten the "
    "tolerances, or let it cross more steeply",
    SHOWN: "an output falls on the time of an event, or of a rate's jump, that moves with a parameter, so that what is "
    "put out there has no derivative; leave that time out, or ask a little before or after it",
    HASTY: "a rate jumps to and fro at a threshold, faster than can be followed; let its condition keep a distance, "
    "with one threshold to begin and one to end, or let it change smoothly",
    UNSEEN: "a trigger changed although none of its comparisons crossed, so that how its time moves is not known",
}

LANES = 16
"""How many patients are integrated side by side."""
