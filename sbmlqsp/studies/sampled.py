"""``[population] figure = true``: the people of the study, before anything happens to them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

from sbmlqsp.studies.analyses import Analysis, need_population, short_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from matplotlib.figure import Figure

    from sbmlqsp.studies.keys import Keys
    from sbmlqsp.studies.running import Outcome

__all__ = ["Sampled"]


@dataclass(frozen=True)
class Sampled(Analysis):
    """The sample that the study draws from its population."""

    SECTION: ClassVar[str] = "population"
    HEADING: ClassVar[str] = "Population"
    METHODS: ClassVar[tuple[str, ...]] = ("ode", "ssa")

    @classmethod
    def read(cls, keys: Keys, **common: Any) -> Self:  # noqa: ARG003
        """Return the analysis; it has no keys of its own."""
        return cls(**common)

    def table(self, outcome: Outcome) -> pd.DataFrame:
        """Return what ``describe`` says of the sample."""
        population = need_population(self, outcome)
        table: pd.DataFrame = population.describe(size=outcome.people["size"], seed=outcome.study.seed)
        return table.reset_index()

    def figure(self, table: pd.DataFrame, outcome: Outcome) -> Figure:  # noqa: ARG002
        """Draw the sample."""
        from sbmlqsp.plot.population import population

        symbols = outcome.model.symbols["unit"]
        who = need_population(self, outcome)
        units = {k: str(symbols[k] or "") for k in who.parameters if k in symbols.index}
        return population(who, size=outcome.people["size"], seed=outcome.study.seed, units=units)

    def page(self, table: pd.DataFrame, outcome: Outcome) -> tuple[int, Sequence[str], Sequence[Sequence[str]]]:  # noqa: ARG002
        """Return what each covariate and parameter is, with its percentiles in the sample."""
        columns = {"name": "", "how": "Drawn as", "p5": "5th percentile", "p50": "Median", "p95": "95th percentile"}
        return short_table(table.reindex(columns=list(columns)), columns, labels=2)
