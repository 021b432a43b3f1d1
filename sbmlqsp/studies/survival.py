"""``[[survival]]``: the share of cells that are alive over time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

from sbmlqsp.errors import DataError, StudyError
from sbmlqsp.studies.analyses import chosen_arms, labelled
from sbmlqsp.studies.of_cells import OfCells, percent, read_confidence

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from matplotlib.figure import Figure

    from sbmlqsp.studies.keys import Keys
    from sbmlqsp.studies.running import Outcome
    from sbmlqsp.studies.spec import Study

__all__ = ["Survival"]

BY = {"arm": "experiment", "subject": "subject"}
MOST_SUBJECTS = 12
"""More lines than this are told apart by nobody."""


@dataclass(frozen=True)
class Survival(OfCells):
    """Survival of cells, by arm or by the subject of one arm; ``at`` are the times that the page lists."""

    SECTION: ClassVar[str] = "survival"
    HEADING: ClassVar[str] = "Survival of cells"

    fates: tuple[str, ...] = ()
    by: str = "arm"
    at: tuple[float | str, ...] = ()

    @classmethod
    def read(cls, keys: Keys, **common: Any) -> Self:
        """Return the analysis that the keys state."""
        by = keys.take("by", str, "arm")
        if by not in BY:
            raise StudyError("cells cannot be taken together in this way", value=by, where=keys.where,
                             expected=" or ".join(BY))  # fmt: skip
        at = keys.take("at", (str, float, list), [])
        return cls(
            **common, fates=keys.texts("fate"), by=by, at=tuple(at) if isinstance(at, list) else (at,),
            arms=keys.texts("arms"), confidence=read_confidence(keys),
        )  # fmt: skip

    def check(self, study: Study) -> None:
        """Refuse arms and fates there are not, and subjects of several arms in one figure."""
        super().check(study)
        self.check_fates(study, self.fates)
        if self.by == "subject" and len(self.arms or study.arms) > 1:
            where = f"[[survival]] '{self.id}'"
            raise StudyError("the subjects of several arms do not fit into one figure", where=where,
                             remedy=f'name one arm, as in arms = ["{study.arms[0].id}"]')  # fmt: skip

    def table(self, outcome: Outcome) -> pd.DataFrame:
        """Return survival at every output time, and at those that the page lists."""
        import pandas as pd

        from sbmlqsp.ensembles import survival

        ds = chosen_arms(outcome.results, self.arms)
        if self.by == "subject" and ds.sizes["subject"] > MOST_SUBJECTS:
            raise DataError("too many subjects for a line each", value=ds.sizes["subject"],
                            expected=f"{MOST_SUBJECTS} at most", remedy='leave by = "subject" out')  # fmt: skip
        how: dict[str, Any] = {"fate": self.fates or None, "by": BY[self.by], "confidence": self.confidence}
        table = survival(ds, **how)
        if not self.at:
            return table
        listed = survival(ds, at=self._times(outcome), **how)
        line = ["experiment", "subject"] if self.by == "subject" else ["experiment"]
        order = {str(a): i for i, a in enumerate(ds["experiment"].to_numpy())}
        both = pd.concat([table, listed]).drop_duplicates([*line, "time"], keep="first")
        both = both.assign(_arm=[order[str(a)] for a in both["experiment"]])
        return both.sort_values(["_arm", *line[1:], "time"], kind="stable", ignore_index=True).drop(columns="_arm")

    def _times(self, outcome: Outcome) -> list[float]:
        from sbmlqsp.units import in_unit

        unit = str(outcome.results["time"].attrs.get("units", ""))
        return [float(in_unit(t, unit)) for t in self.at]

    def figure(self, table: pd.DataFrame, outcome: Outcome) -> Figure:
        """Draw a line and a band per arm, or per subject."""
        from sbmlqsp.plot.ensembles import survival

        return survival(labelled(table, outcome), title=self.title or None)

    def page(self, table: pd.DataFrame, outcome: Outcome) -> tuple[int, Sequence[str], Sequence[Sequence[str]]]:
        """Return the share alive at the listed times, at the end where none is listed."""
        unit = str(table["time_unit"].iloc[0])
        times = self._times(outcome) or [float(table["time"].max())]
        line = "subject" if self.by == "subject" else "experiment"
        rows = []
        for name, part in labelled(table, outcome).groupby(line, sort=False):
            cells = [part[abs(part["time"] - t) <= 1e-9 * max(1.0, abs(t))] for t in times]
            shares = [percent(*p[["alive", "low", "high"]].iloc[0]) if len(p) else "–" for p in cells]
            rows.append([str(name), f"{int(part['n'].max()):,}", *shares])
        heads = [f"Alive at {t:g} {unit}".rstrip() + " (%)" for t in times]
        return 1, [line.replace("experiment", "arm").capitalize(), "Cells", *heads], rows

    def note(self, table: pd.DataFrame, outcome: Outcome) -> str:
        """Return what counts as death, and what the numbers are."""
        from sbmlqsp.studies.cells import fates_of

        arms = [a for a in outcome.study.arms if not self.arms or a.id in self.arms]
        ends = {k: v for a in arms for k, v in fates_of(outcome.study, a).items() if not self.fates or k in self.fates}
        said = "; ".join(f"{name} ({condition})" for name, condition in ends.items())
        confidence = f"{100 * table['confidence'].iloc[0]:g} %"
        return (
            f"Cells that have not come to their end so far: {said}. The table holds the share in per cent with its "
            f"{confidence} interval."
        )
