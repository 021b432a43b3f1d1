"""The ``Answer`` noun: a number with its unit and its exact meaning, or the reason why there is none."""

from __future__ import annotations

import math
from dataclasses import dataclass

from sbmlqsp.errors import ImpossibleError

__all__ = ["Answer", "said"]


@dataclass(frozen=True, repr=False)
class Answer:
    """A number with its unit and its exact meaning, or the reason why there is none.

    ``float(answer)`` is the number; where the question has no answer it raises, so that nothing computes with a NaN
    that nobody noticed. ``bool(answer)`` says whether there is one.

    Parameters
    ----------
    value : float
        In ``unit``; NaN where impossible.
    unit : str
        ``""`` where the model declares too little.
    definition : str
        What exactly was computed, in one sentence.
    possible : bool
    reason : str
        Why there is no answer, with the values that show it.
    at : float
        Where on the axis of the question (a time, or a value of the driver) the answer was found or, where impossible,
        was nearest; NaN where that says nothing.
    at_unit : str
        The unit of ``at``.

    Examples
    --------
    >>> from sbmlqsp.analysis.answer import Answer
    >>> found = Answer(9.93, "h", "the first time at which R falls to 2")
    >>> print(found, bool(found), 2 * float(found))
    9.93 h True 19.86
    >>> never = Answer.impossible("the first time at which R falls to 2", "R settles at 6.18 nmol/L", unit="h")
    >>> print(never)
    impossible: R settles at 6.18 nmol/L
    """

    value: float
    unit: str = ""
    definition: str = ""
    possible: bool = True
    reason: str = ""
    at: float = math.nan
    at_unit: str = ""

    @classmethod
    def impossible(
        cls, definition: str, reason: str, *, unit: str = "", at: float = math.nan, at_unit: str = ""
    ) -> Answer:
        """Return the answer that there is none, and why."""
        return cls(math.nan, unit, definition, False, reason, at, at_unit)

    def __float__(self) -> float:
        if not self.possible:
            raise ImpossibleError(
                f"there is no {self.definition.removeprefix('the ')}: {self.reason}",
                remedy="ask bool(answer) before, or read answer.reason",
            )
        return self.value

    def __format__(self, spec: str) -> str:
        return format(float(self), spec) if spec else str(self)

    def __bool__(self) -> bool:
        return self.possible

    def __str__(self) -> str:
        return said(self.value, self.unit, digits=10) if self.possible else f"impossible: {self.reason}"

    def __repr__(self) -> str:
        if self.possible:
            return f"<answer {self}: {self.definition}>"
        return f"<no answer to {self.definition}: {self.reason}>"

    def _repr_html_(self) -> str:
        from html import escape

        return f"<p><b>{escape(str(self))}</b><br>{escape(self.definition)}</p>"


def said(value: float, unit: str, *, digits: int = 6) -> str:
    """Return a number with its unit, short enough for a sentence."""
    return f"{value:.{digits}g} {unit.removeprefix('dimensionless')}".rstrip()
