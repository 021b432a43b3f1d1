"""Analyses of single cells: of which arms, by which fate, and how a share stands on the page."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from sbmlqsp.errors import StudyError, did_you_mean
from sbmlqsp.studies.analyses import OfArms
from sbmlqsp.studies.cells import FATES, fates_of

if TYPE_CHECKING:
    from sbmlqsp.studies.keys import Keys
    from sbmlqsp.studies.running import Outcome
    from sbmlqsp.studies.spec import Study

__all__ = ["OfCells", "arm_titles", "percent", "read_confidence"]


@dataclass(frozen=True)
class OfCells(OfArms):
    """An analysis of the cells of some arms."""

    METHODS: ClassVar[tuple[str, ...]] = ("ssa",)

    confidence: float = 0.95

    def check_fates(self, study: Study, fates: tuple[str, ...]) -> None:
        """Refuse arms without fates, and fates that an arm does not have."""
        where = f"[[{self.SECTION}]] '{self.id}'"
        for arm in study.arms:
            if self.arms and arm.id not in self.arms:
                continue
            known = fates_of(study, arm)
            if not known:
                raise StudyError(f"the arm '{arm.id}' has no fates, so that nothing ends its cells", where=where,
                                 remedy=f"write {FATES}, or leave the arm out, arms = [...]")  # fmt: skip
            for name in fates:
                if name not in known:
                    raise StudyError(f"no cell of the arm '{arm.id}' can have the fate '{name}'", where=where,
                                     remedy=did_you_mean(name, known))  # fmt: skip


def read_confidence(keys: Keys) -> float:
    """Return the confidence of intervals."""
    value = float(keys.take("confidence", float, 0.95))
    if not 0 < value < 1:
        raise StudyError("the confidence is not usable", value=value, where=keys.where, expected="such as 0.95")
    return value


def percent(share: float, low: float = math.nan, high: float = math.nan) -> str:
    """Return a share in per cent, with its interval where there is one.

    Examples
    --------
    >>> percent(0.25, 0.2, 0.312), percent(0.5), percent(math.nan)
    ('25.0 (20.0–31.2)', '50.0', '–')
    """
    if math.isnan(share):
        return "–"
    return f"{100 * share:.1f}" + ("" if math.isnan(low) else f" ({100 * low:.1f}–{100 * high:.1f})")


def arm_titles(outcome: Outcome) -> dict[str, Any]:
    """Return the title of each arm."""
    from sbmlqsp.studies.running import titles

    return dict(titles(outcome.study))
