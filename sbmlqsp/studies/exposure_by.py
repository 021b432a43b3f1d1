"""``[[exposure_by]]``: an exposure measure by groups of a covariate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

from sbmlqsp.errors import StudyError
from sbmlqsp.studies.analyses import OfExposure, labelled, measured, short_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from matplotlib.figure import Figure

    from sbmlqsp.studies.keys import Keys
    from sbmlqsp.studies.running import Outcome

__all__ = ["ExposureBy"]

KINDS = ("box", "violin")


@dataclass(frozen=True)
class ExposureBy(OfExposure):
    """Exposure by covariate."""

    SECTION: ClassVar[str] = "exposure_by"
    HEADING: ClassVar[str] = "Exposure by covariate"

    measure: str = "auc_inf"
    covariate: str = ""
    groups: int | tuple[float, ...] = 4
    log: bool = False
    kind: str = "box"

    @classmethod
    def read(cls, keys: Keys, **common: Any) -> Self:
        """Return the analysis that the keys state."""
        groups = keys.take("groups", (int, list), 4)
        kind = keys.take("kind", str, "box")
        if kind not in KINDS:
            raise StudyError("no such kind", value=kind, where=keys.where, expected=" or ".join(KINDS))
        return cls(
            **common, observable=keys.need("observable", str, example='"C"'),
            measure=keys.take("measure", str, "auc_inf"), covariate=keys.need("covariate", str, example='"WT"'),
            groups=tuple(groups) if isinstance(groups, list) else groups, log=keys.take("log", bool, False), kind=kind,
            **cls.span(keys),
        )  # fmt: skip

    def table(self, outcome: Outcome) -> pd.DataFrame:
        """Return the summary of every group."""
        from sbmlqsp.exposure.groups import exposure_groups

        return exposure_groups(self._runs(outcome), self.measure, covariate=self.covariate, groups=self._groups)

    def figure(self, table: pd.DataFrame, outcome: Outcome) -> Figure:  # noqa: ARG002
        """Draw a box per group."""
        from sbmlqsp.plot.by_covariate import exposure_by

        return exposure_by(
            labelled(self._runs(outcome), outcome), self.measure, covariate=self.covariate, groups=self._groups,
            unit=covariate_unit(outcome, self.covariate), kind=self.kind, log=self.log, title=self.title or None,
        )  # fmt: skip

    def page(self, table: pd.DataFrame, outcome: Outcome) -> tuple[int, Sequence[str], Sequence[Sequence[str]]]:
        """Return median and percentiles of every group."""
        from sbmlqsp.reporting.model import shown_unit

        unit = shown_unit(str(table["unit"].iloc[0])) if len(table) else ""
        lost = {"n_missing": "Without the measure"} if table["n_missing"].any() else {}
        columns = {"experiment": "Arm", "group": self.covariate, "n": "Runs", **lost}
        columns |= {"p50": f"Median ({unit})" if unit else "Median", "p05": "5th percentile", "p95": "95th percentile"}
        return short_table(labelled(table, outcome), columns, labels=2)

    @property
    def _groups(self) -> Any:
        return list(self.groups) if isinstance(self.groups, tuple) else self.groups

    def _runs(self, outcome: Outcome) -> pd.DataFrame:
        from sbmlqsp.exposure.groups import with_covariates

        table = with_covariates(measured(self, outcome), outcome.results)
        return table[table["experiment"].isin(self.arms)] if self.arms else table


def covariate_unit(outcome: Outcome, name: str) -> str:
    """Return the unit of a covariate where the study's population or model states one."""
    population = outcome.people.get("population")
    if population is None:
        return ""
    return str(population.unit_of(name))
