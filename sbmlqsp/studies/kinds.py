"""The kinds of analyses that a study file may ask for, in the order of the page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sbmlqsp.errors import StudyError
from sbmlqsp.studies.analyses import Analysis
from sbmlqsp.studies.attainment import Attainment
from sbmlqsp.studies.distribution import Distribution
from sbmlqsp.studies.exposure_by import ExposureBy
from sbmlqsp.studies.forest import Forest
from sbmlqsp.studies.keys import ID
from sbmlqsp.studies.kill_curve import KillCurve
from sbmlqsp.studies.sampled import Sampled
from sbmlqsp.studies.survival import Survival
from sbmlqsp.studies.vpc import Vpc

if TYPE_CHECKING:
    from sbmlqsp.studies.keys import Keys

__all__ = ["KINDS", "read_analyses"]

KINDS: tuple[type[Analysis], ...] = (ExposureBy, Forest, Attainment, Vpc, Survival, KillCurve, Distribution)


def read_analyses(top: Keys, *, sampled: bool) -> tuple[Analysis, ...]:
    """Return the analyses that a study file asks for, that of its population first where it is to be shown.

    Raises
    ------
    StudyError
        A key is unknown, missing or of the wrong kind.
    """
    out: list[Analysis] = [Sampled("population")] if sampled else []
    for kind in KINDS:
        for i, keys in enumerate(top.tables(kind.SECTION), 1):
            common = {
                "id": keys.take("id", str, f"{kind.SECTION}_{i}"), "title": keys.take("title", str, ""),
                "caption": keys.take("caption", str, ""),
            }  # fmt: skip
            analysis = kind.read(keys, **common)
            keys.done()
            if not ID.fullmatch(analysis.id):
                raise StudyError("the id of an analysis cannot name a file", value=analysis.id, where=keys.where)
            out.append(analysis)
    return tuple(out)
