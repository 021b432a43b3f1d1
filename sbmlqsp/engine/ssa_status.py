"""How a cell's run may end, for the compiled loops and for messages; needs no compiler."""

from __future__ import annotations

__all__ = [
    "BAD_DELAY", "BAD_LAW", "BELOW_ZERO", "BLOCK", "CELL_STATUS", "CROWDED", "ENDLESS", "FINE", "FRACTION", "LANES",
    "MOST_JUMPS", "ROWS", "STUCK", "TOO_LARGE", "TOO_MANY", "UNEVEN",
]  # fmt: skip

FINE, BAD_LAW, BELOW_ZERO, TOO_MANY, ENDLESS, CROWDED, STUCK, FRACTION, BAD_DELAY, UNEVEN = range(10)
TOO_LARGE = 10

CELL_STATUS = {
    BAD_LAW: "a propensity is negative, infinite or not a number",
    BELOW_ZERO: "a count would fall below zero",
    TOO_MANY: "more jumps than allowed",
    ENDLESS: "events follow each other without end",
    CROWDED: "too many events wait at once",
    STUCK: "what moves continuously cannot be followed",
    FRACTION: "an event assigns what is no whole number of molecules",
    BAD_DELAY: "the delay of an event is negative or not a number",
    UNEVEN: "a reaction changes a count by no whole number",
    TOO_LARGE: "a count passes 2^53, beyond which it is no whole number",
}

MOST_JUMPS = 50_000_000
"""So many jumps a cell may make where it is not said."""
BLOCK = 8
"""Propensities are summed in blocks of so many, of which only those that changed are summed anew."""

LANES = 16
"""How many cells run side by side."""
ROWS = (
    "counter", "replicate", "key_0", "key_1", "wait", "which", "time", "limit", "stop", "reach", "target", "chosen",
    "asks", "fault", "jumps", "most",
)  # fmt: skip
"""What is kept of each of them, before its states, constants and sums of propensities: its random stream, as bits;
what was drawn; now, when it must ask, its next stop, when it jumps, what is left to choose by, the channel or its
block (below zero: it does not jump); whether it asks (2: it cannot go on), whether a count fell below zero or there
were too many jumps, jumps so far, and how many there may be."""
