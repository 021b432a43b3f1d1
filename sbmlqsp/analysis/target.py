"""The noun ``Target``: what an exposure is to reach, or to stay below."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any

from sbmlqsp.errors import DataError, did_you_mean

__all__ = ["TIME_ABOVE", "Target"]

TIME_ABOVE = "time_above"
MEASURES = {
    TIME_ABOVE: "T", "auc_tau": "AUC", "auc_inf": "AUC", "auc_last": "AUC", "cmax": "Cmax", "cavg": "Cavg",
    "ctrough": "Ctrough",
}  # fmt: skip


@dataclass(frozen=True)
class Target:
    """What a measure of exposure is to reach, or to stay below.

    Parameters
    ----------
    measure : str
        ``"time_above"``, the share of a dosing interval that the observable is above a MIC (T>MIC), or a column of the
        exposure table: ``"auc_tau"``, ``"auc_inf"``, ``"auc_last"``, ``"cmax"``, ``"cavg"`` or ``"ctrough"``.
    at_least, at_most : float, str or sequence of these
        One of the two. With MICs the index is measure / MIC, and a number is in the unit of that; an area over a MIC is
        a time, so its goal is a text with a unit, ``"125 h"``, unless the results are in hours. Without MICs the goal
        is in the unit of the measure, or a text with a unit. A share of an interval lies between 0 and 1.
    unbound : float, optional
        The fraction of the observable that acts; the measure of the free drug is set against the goal.

    Raises
    ------
    DataError
        A measure there is not, no goal or two, a fraction that is none.

    References
    ----------
    Mouton JW et al. J Antimicrob Chemother 2005;55:601-607. An AUC over MIC is that over 24 h at steady state unless
    said otherwise, which an ``interval`` of 24 h gives. doi:10.1093/jac/dki079

    Examples
    --------
    >>> Target("auc_tau", at_least="125 h", unbound=0.7).name(mic=True)
    'fAUC/MIC'
    """

    measure: str
    _: KW_ONLY
    at_least: Any = None
    at_most: Any = None
    unbound: float = 1.0

    def __post_init__(self) -> None:
        if self.measure not in MEASURES:
            raise DataError(f"there is no measure '{self.measure}'", remedy=did_you_mean(self.measure, MEASURES))
        if (self.at_least is None) == (self.at_most is None):
            raise DataError("the target has no goal, or two", expected="one of at_least= and at_most=")
        if isinstance(self.unbound, bool | str) or not 0 < self.unbound <= 1:
            raise DataError("the unbound fraction is no fraction", value=self.unbound, expected="above 0, at most 1")
        for goal in self.goals:
            self._check_goal(goal)

    @property
    def rises(self) -> bool:
        """Whether more is better."""
        return self.at_least is not None

    @property
    def goals(self) -> tuple[Any, ...]:
        """The goals, as they were given."""
        given = self.at_least if self.rises else self.at_most
        return tuple(given) if isinstance(given, Sequence) and not isinstance(given, str) else (given,)

    def name(self, *, mic: bool) -> str:
        """Return the index as it is called in print."""
        free = "f" if self.unbound != 1 else ""
        if self.measure == TIME_ABOVE:
            return f"{free}T>MIC"
        return f"{free}{MEASURES[self.measure]}" + ("/MIC" if mic else "")

    def _check_goal(self, goal: Any) -> None:
        if isinstance(goal, str) and self.measure != TIME_ABOVE:
            return
        if isinstance(goal, bool | str) or not (math.isfinite(goal) and goal > 0):
            raise DataError("a goal is not usable", value=goal, expected="a positive number, or a text with a unit")
        if self.measure == TIME_ABOVE and goal > 1:
            raise DataError("a share of the dosing interval lies beyond 1", value=goal, expected="as 0.4 for 40 %")
