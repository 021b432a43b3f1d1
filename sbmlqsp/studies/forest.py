"""``[[forest]]``: what each covariate of the population alone does to exposure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

from sbmlqsp.errors import StudyError
from sbmlqsp.studies.analyses import OfExposure, labelled, need_population

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from sbmlqsp.studies.keys import Keys
    from sbmlqsp.studies.running import Outcome
    from sbmlqsp.studies.spec import Study

__all__ = ["Forest"]


@dataclass(frozen=True)
class Forest(OfExposure):
    """Covariate effects."""

    SECTION: ClassVar[str] = "forest"
    HEADING: ClassVar[str] = "Covariate effects"

    measure: str = "auc_inf"
    percentiles: tuple[float, float] = (5, 95)
    reference: tuple[tuple[str, Any], ...] = ()
    values: tuple[tuple[str, tuple[Any, ...]], ...] = ()
    band: tuple[float, float] | None = (0.8, 1.25)
    draws: int | None = None
    size: int = 100

    @classmethod
    def read(cls, keys: Keys, **common: Any) -> Self:
        """Return the analysis that the keys state."""
        values = keys.table("values").rest()
        return cls(
            **common, observable=keys.take("observable", str, ""), measure=keys.take("measure", str, "auc_inf"),
            percentiles=_pair(keys, "percentiles", [5, 95]) or (5, 95),
            reference=tuple(keys.table("reference").rest().items()),
            values=tuple((k, tuple(v) if isinstance(v, list) else (v,)) for k, v in values.items()),
            band=_pair(keys, "band", [0.8, 1.25]), draws=keys.take("draws", int), size=keys.take("size", int, 100),
            **cls.span(keys),
        )  # fmt: skip

    def check(self, study: Study) -> None:
        """Refuse an observable or arm there is not, and a study without a population."""
        super().check(study)
        if study.population is None:
            raise StudyError("covariate effects need a population", where=f"[[forest]] '{self.id}'",
                             remedy='write [population] with file = "population.toml" and size = 1000')  # fmt: skip

    def table(self, outcome: Outcome) -> pd.DataFrame:
        """Run the subjects that the effects compare."""
        from sbmlqsp.analysis.covariate_effects import covariate_effects

        study, population = outcome.study, need_population(self, outcome)
        arms = [e for e in outcome.experiments if not self.arms or e.id in self.arms]
        return covariate_effects(
            None if self.measure in population.parameters else arms, population, measure=self.measure,
            observable=self.observable or None, percentiles=self.percentiles, **self.window(study),
            reference=dict(self.reference), values={k: list(v) for k, v in self.values}, draws=self.draws,
            size=self.size, seed=study.seed, workers=outcome.workers, tolerances=study.tolerances,
        )  # fmt: skip

    def figure(self, table: pd.DataFrame, outcome: Outcome) -> Figure:
        """Draw the forest plot."""
        from sbmlqsp.plot.forest import forest

        return forest(labelled(table, outcome), band=self.band, title=self.title or None)


def _pair(keys: Keys, name: str, default: list[float]) -> tuple[float, float] | None:
    given = keys.take(name, (list, bool), default)
    if given is False:
        return None
    if not isinstance(given, list) or len(given) != 2 or not all(isinstance(v, int | float) for v in given):
        raise StudyError(f"'{name}' is no pair of numbers", value=given, where=keys.where, expected=str(default))
    return float(given[0]), float(given[1])
