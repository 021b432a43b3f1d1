"""What an integrator that stopped says."""

from __future__ import annotations

import re

__all__ = ["ENDLESS", "MANY", "EngineFailure", "plain"]

ENDLESS = "cascaded events"
"""In what libRoadRunner says of events without end at one instant, after which nothing it gives is to be trusted."""
MANY = "what formulas compare or round changes, perhaps by rounding errors alone, more than"
"""In what is said of runs in which it does."""


class EngineFailure(Exception):  # noqa: N818
    """The integrator stopped: where in time, and why in plain words."""

    def __init__(self, time: float, reason: str) -> None:
        super().__init__(reason)
        self.time = time
        self.reason = reason

    @property
    def final(self) -> bool:
        """Whether it fails in every other way as well."""
        return ENDLESS in self.reason or MANY in self.reason


_REASONS = (
    ("CV_TOO_MUCH_WORK", "the integrator used up its steps; the model is stiff or grows without bound here"),
    ("CV_TOO_CLOSE", "an event and an output, or two events, are a rounding error apart"),
    ("CV_CONV_FAILURE", "the integrator could not converge; a rate is not finite or jumps here"),
    ("CV_ERR_FAILURE", "the integrator could not meet its tolerance; a rate is not smooth or not finite here"),
    ("CV_TOO_MUCH_ACC", "more accuracy was asked for than the machine's arithmetic holds"),
    ("CV_FIRST_RHSFUNC_ERR", "the rates cannot be computed at the start"),
    ("CV_RHSFUNC_FAIL", "a rate cannot be computed here (division by zero or a negative power)"),
    (
        "CV_ILL_INPUT",
        "the integrator was given an impossible task (two times too close, or a value that is not finite)",
    ),
)


def plain(message: str) -> str:
    """Return what an engine says in plain words."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", " ".join(message.split()))
    for code, words in _REASONS:
        if code in text:
            return f"{words} ({code})"
    return re.split(r"; In |,? at virtual ", text)[0][:300]
