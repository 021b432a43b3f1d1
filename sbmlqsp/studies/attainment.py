"""``[[attainment]]``: how many subjects reach a target, over MICs or goals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from sbmlqsp.errors import QSPError, StudyError
from sbmlqsp.studies.analyses import OfExposure, chosen_arms, labelled

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from matplotlib.figure import Figure

    from sbmlqsp.analysis.target import Target
    from sbmlqsp.studies.keys import Keys
    from sbmlqsp.studies.running import Outcome

__all__ = ["Attainment"]


@dataclass(frozen=True)
class Attainment(OfExposure):
    """Target attainment; ``distribution`` holds pairs of a MIC and how often it is found."""

    SECTION: ClassVar[str] = "attainment"
    HEADING: ClassVar[str] = "Target attainment"

    target: Target | None = None
    mic: tuple[float, ...] = ()
    distribution: tuple[tuple[float, float], ...] = ()
    enough: float = 0.9
    max_unsure: float = 0.05

    @classmethod
    def read(cls, keys: Keys, **common: Any) -> Self:
        """Return the analysis that the keys state."""
        return cls(
            **common, observable=keys.need("observable", str, example='"C"'), target=_target(keys),
            mic=tuple(keys.take("mic", list, [])), distribution=_distribution(keys),
            enough=keys.take("enough", float, 0.9), max_unsure=keys.take("max_unsure", float, 0.05),
            **cls.span(keys),
        )  # fmt: skip

    def table(self, outcome: Outcome) -> pd.DataFrame:
        """Return attainment by arm and MIC or goal, with breakpoint and fraction of response beside it."""
        from sbmlqsp.analysis.attainment import attainment, fraction_of_response, pta_breakpoint

        assert self.target is not None
        table = attainment(
            chosen_arms(outcome.results, self.arms), self.target, observable=self.observable,
            mic=list(self.mic) or None, max_unsure=self.max_unsure, **self.window(outcome.study),
        )  # fmt: skip
        if self.mic:
            found = pta_breakpoint(table, at_least=self.enough)
            table = table.merge(found[["experiment", "breakpoint", "breakpoint_sure"]], on="experiment")
        if self.distribution:
            table = table.merge(fraction_of_response(table, dict(self.distribution)), on="experiment")
        return table

    def figure(self, table: pd.DataFrame, outcome: Outcome) -> Figure:
        """Draw attainment over MICs or goals."""
        from sbmlqsp.plot.attainment import attainment

        bars = dict(self.distribution) or None
        return attainment(labelled(table, outcome), enough=self.enough, distribution=bars, title=self.title or None)

    def page(self, table: pd.DataFrame, outcome: Outcome) -> tuple[int, Sequence[str], Sequence[Sequence[str]]]:
        """Return a row per MIC or goal and a column per arm."""
        from sbmlqsp.reporting.model import number, shown_unit

        over, unit = ("mic", "conc_unit") if self.mic else ("goal", "goal_unit")
        name = "MIC" if self.mic else "Goal"
        shown = shown_unit(str(table[unit].iloc[0]))
        arms = labelled(table, outcome).groupby("experiment", sort=False)
        heads = [f"{name} ({shown})" if shown else name, *(str(arm) for arm, _ in arms)]
        cells = {arm: {row[over]: _cell(row) for row in part.to_dict("records")} for arm, part in arms}
        levels = np.unique(table[over].to_numpy(float)).tolist()
        return 1, heads, [[number(v), *(by.get(v, "–") for by in cells.values())] for v in levels]

    def note(self, table: pd.DataFrame, outcome: Outcome) -> str:
        """Return breakpoints, fractions of response, and what the table's numbers are."""
        firsts = labelled(table, outcome).groupby("experiment", sort=False).first()
        unit = str(table["conc_unit"].iloc[0])
        said = [f"The table holds the percentage of subjects with {table['index'].iloc[0]}, with its 95 % interval."]
        if self.mic:
            found = "; ".join(f"{arm}: {_level(row['breakpoint'], unit)}" for arm, row in firsts.iterrows())
            said.append(f"Highest MIC with at least {self.enough:.0%}: {found}.")
        if self.distribution:
            shares = {a: [f"{row[c]:.1%}" for c in ("cfr", "cfr_low", "cfr_high")] for a, row in firsts.iterrows()}
            found = "; ".join(f"{arm}: {share} ({low}–{high})" for arm, (share, low, high) in shares.items())
            said.append(f"Weighted by how often each MIC is found: {found}.")
        if lost := int(table["n_lost"].max()):
            said.append(f"Up to {lost} runs of an arm failed; they count as failures.")
        return " ".join(said)


def _level(value: float, unit: str) -> str:
    return f"{value:g} {unit}" if np.isfinite(value) else "none of these"


def _cell(row: dict[Any, Any]) -> str:
    return f"{100 * row['pta']:.1f} ({100 * row['pta_low']:.1f}–{100 * row['pta_high']:.1f})"


def _target(keys: Keys) -> Target:
    from sbmlqsp.analysis.target import Target

    goals = {}
    for name in ("at_least", "at_most"):
        given = keys.take(name, (float, str, list))
        goals[name] = tuple(given) if isinstance(given, list) else given
    measure = keys.need("measure", str, example='"time_above"')
    unbound = keys.take("unbound", float, 1.0)
    try:
        return Target(measure, **goals, unbound=unbound)
    except QSPError as err:
        raise err.changed(StudyError, where=keys.where) from None


def _distribution(keys: Keys) -> tuple[tuple[float, float], ...]:
    out = []
    for level, weight in keys.table("distribution").rest().items():
        try:
            out.append((float(level), float(weight)))
        except (TypeError, ValueError):
            raise StudyError("a share of MICs is not usable", value=(level, weight), where=keys.where,
                             expected='numbers, as {"0.5" = 30, "1" = 10}') from None  # fmt: skip
    return tuple(out)
