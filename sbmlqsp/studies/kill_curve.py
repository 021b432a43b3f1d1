"""``[[kill_curve]]``: the share of cells that are killed, by dose."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from sbmlqsp.errors import StudyError
from sbmlqsp.observation import Observable
from sbmlqsp.studies.analyses import chosen_arms, known_name, labelled
from sbmlqsp.studies.cells import cells_again, fates_of
from sbmlqsp.studies.closed_form import LIFETIMES, ClosedForm, read_closed_form
from sbmlqsp.studies.of_cells import OfCells, percent, read_confidence

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    from matplotlib.figure import Figure

    from sbmlqsp.studies.keys import Keys
    from sbmlqsp.studies.running import Outcome
    from sbmlqsp.studies.spec import Study

__all__ = ["KillCurve"]

STEPS = 48
"""Into so many steps the time before a moment is cut, at least, to see whether the drug is at rest."""


@dataclass(frozen=True)
class KillCurve(OfCells):
    """Killed cells by dose.

    Parameters
    ----------
    fate : str
        What counts as killed; the only fate of the arms where not given.
    at : float or str, optional
        By when; by the end where None.
    doses : tuple of pairs
        The dose of each arm, in ``unit``; the sum of its doses (into ``target``) where there is none.
    moment : bool
        Whether the same cells are run again without fates, to see how many meet the condition at that moment.
    closed_form : ClosedForm, optional
        Drawn over the share at the moment.
    """

    SECTION: ClassVar[str] = "kill_curve"
    HEADING: ClassVar[str] = "Killed cells by dose"

    fate: str = ""
    at: float | str | None = None
    doses: tuple[tuple[str, float], ...] = ()
    unit: str = ""
    dose: str = "Dose"
    target: str = ""
    moment: bool = False
    closed_form: ClosedForm | None = None

    @classmethod
    def read(cls, keys: Keys, **common: Any) -> Self:
        """Return the analysis that the keys state."""
        doses, form = _doses(keys), read_closed_form(keys.table("closed_form"))
        out = cls(
            **common, fate=keys.take("fate", str, ""), at=keys.take("at", (float, str)), doses=doses,
            unit=keys.take("unit", str, ""), dose=keys.take("dose", str, "Dose"), target=keys.take("target", str, ""),
            moment=keys.take("moment", bool, form is not None), closed_form=form, arms=keys.texts("arms"),
            confidence=read_confidence(keys),
        )  # fmt: skip
        if form is not None and not out.moment:
            raise StudyError("the closed form is of cells at a moment, which are not asked for", where=keys.where,
                             remedy="leave moment = false out")  # fmt: skip
        for key, there in (("unit", out.unit and not doses), ("target", out.target and doses)):
            if there:
                raise StudyError(f"'{key}' says nothing here", where=keys.where,
                                 remedy="write doses = {low = 1, high = 10} as well" if key == "unit" else
                                 "leave target or doses out")  # fmt: skip
        return out

    def check(self, study: Study) -> None:
        """Refuse arms and fates there are not, several fates without a choice, and arms without a dose."""
        super().check(study)
        self.check_fates(study, (self.fate,) if self.fate else ())
        where = f"[[kill_curve]] '{self.id}'"
        ids = [a.id for a in study.arms if not self.arms or a.id in self.arms]
        for name, _ in self.doses:
            known_name(self, name, ids, "arm")
        for name in ids:
            if self.doses and name not in dict(self.doses):
                raise StudyError(f"the arm '{name}' has no dose", where=where,
                                 remedy=f"write {name} = 1 into doses, or leave the arm out, arms = [...]")  # fmt: skip
        if len(ids) < 2:
            raise StudyError("one arm is no curve", value=ids, where=where, remedy="give several, of different doses")
        names = list(dict.fromkeys(f for a in study.arms if a.id in ids for f in fates_of(study, a)))
        if not self.fate and len(names) > 1:
            raise StudyError("there are several fates", value=names, where=where, remedy=f'write fate = "{names[0]}"')

    def table(self, outcome: Outcome) -> pd.DataFrame:
        """Return the share killed by dose, and where asked for that at the moment and in closed form."""
        import pandas as pd

        from sbmlqsp.ensembles import dose_kill_curve

        ds = chosen_arms(outcome.results, self.arms)
        table = dose_kill_curve(
            ds, dict(self.doses) or None, fate=self.fate or None, unit=self.unit, target=self.target or None,
            at=self.at, confidence=self.confidence,
        )  # fmt: skip
        if not self.moment:
            return table
        until = {str(r["experiment"]): (str(r["fate"]), float(r["by"])) for r in table.to_dict("records")}
        found = pd.DataFrame([self._moment(outcome, arm, *row) for arm, row in until.items()])
        return table.merge(found, on="experiment", validate="one_to_one")

    def _moment(self, outcome: Outcome, arm: str, fate: str, at: float) -> dict[str, Any]:
        """Return how many cells of an arm meet the condition of the fate at a moment, run without fates."""
        from sbmlqsp.ensembles.shares import share_of
        from sbmlqsp.results import failed, good_values

        [own] = [e for e in outcome.experiments if e.id == arm]
        start = own.times[0]
        grid = np.unique(np.concatenate([np.linspace(start, at, STEPS + 1), [at]]))
        condition = Observable("_met", formula=f"piecewise(1, {self._condition(outcome, arm, fate)}, 0)")
        seen = [condition, *(self.closed_form.observables if self.closed_form else ())]
        ds = cells_again(outcome, seen, arms=[arm], times={arm: grid.tolist()})
        met = good_values(ds, "_met")[0][:, :, -1]
        there = np.isfinite(met)
        found = share_of((met == 1).sum(axis=1), there.sum(axis=1), failed=int(failed(ds).sum()),
                         confidence=self.confidence)  # fmt: skip
        row = {"experiment": arm, "n_moment": int(there.sum()), "n_moment_failed": int(failed(ds).sum()),
               "moment": found.share, "moment_low": found.low, "moment_high": found.high}  # fmt: skip
        return row | (self.closed_form.of(ds, 0, len(grid) - 1) if self.closed_form else {})

    def _condition(self, outcome: Outcome, arm: str, fate: str) -> str:
        [own] = [a for a in outcome.study.arms if a.id == arm]
        return fates_of(outcome.study, own)[fate]

    def figure(self, table: pd.DataFrame, outcome: Outcome) -> Figure:  # noqa: ARG002
        """Draw points with intervals by dose, and the closed form over those of the moment."""
        from sbmlqsp.plot.ensembles import dose_kill

        by = _clock(table)
        tables: Any = table
        if self.moment:
            now = table.assign(killed=table["moment"], low=table["moment_low"], high=table["moment_high"],
                               n=table["n_moment"], n_failed=table["n_moment_failed"])  # fmt: skip
            tables = {f"Killed by {by}": table, f"Condition met at {by}": now}
        theory = None
        if self.closed_form is not None:
            theory = table[["dose", "closed_form", "closed_form_holds"]].set_axis(["dose", "share", "holds"], axis=1)
        share = "Cells" if self.moment else f"Cells killed by {by}"
        return dose_kill(tables, theory=theory, dose=self.dose, share=share, title=self.title or None)

    def page(self, table: pd.DataFrame, outcome: Outcome) -> tuple[int, Sequence[str], Sequence[Sequence[str]]]:
        """Return a row per arm with its shares in per cent."""
        from sbmlqsp.reporting.model import number, shown_unit

        unit, by = shown_unit(str(table["dose_unit"].iloc[0])), _clock(table)
        heads = ["Arm", f"{self.dose} ({unit})" if unit else self.dose, "Cells", f"Killed by {by} (%)"]
        heads += [f"Condition met at {by} (%)"] * self.moment
        heads += ["Closed form (%)", "Its conditions"] if self.closed_form else []
        rows = []
        for row in labelled(table, outcome).to_dict("records"):
            cells = [str(row["experiment"]), number(float(row["dose"])), f"{int(row['n']):,}",
                     percent(row["killed"], row["low"], row["high"])]  # fmt: skip
            if self.moment:
                cells.append(percent(row["moment"], row["moment_low"], row["moment_high"]))
            if self.closed_form:
                cells += [percent(row["closed_form"]), "hold" if row["closed_form_holds"] else "do not hold"]
            rows.append(cells)
        return 1, heads, rows

    def note(self, table: pd.DataFrame, outcome: Outcome) -> str:
        """Return what is killed, what the moment is, and where the closed form holds."""
        first, by = table.iloc[0], _clock(table)
        condition = self._condition(outcome, str(first["experiment"]), str(first["fate"]))
        said = [f"Killed: cells that have met the condition of '{first['fate']}', {condition}, at some time so far."]
        if self.moment:
            fates = {name for a in outcome.study.arms for name in fates_of(outcome.study, a)}
            never = "; these are never more" * (len(fates) == 1)  # another fate may end cells before this one does
            said.append(f"Condition met at {by}: the same cells, had they gone on, at that moment{never}.")
            if lost := int(table["n_moment_failed"].sum()):
                said.append(f"{lost:,} of them failed on the way: met in one limit, not met in the other.")
        if self.closed_form is not None:
            said.append(_of_form(self.closed_form, labelled(table, outcome)))
        return " ".join(said)


def _of_form(form: ClosedForm, table: pd.DataFrame) -> str:
    """Say what the closed form is and where its conditions hold."""
    said = f"Closed form of the latter: {form.text}, mean over the cells. It takes a signal at rest"
    said += f" ({LIFETIMES:g} lifetimes of {form.lifetime} with the drug at rest)"
    said += (" and " + " and ".join(form.holds) if form.holds else "") + "."
    bad = table[~table["closed_form_holds"]]
    if not len(bad):
        return f"{said} These conditions hold in all arms."
    arms: dict[str, list[str]] = {}
    for row in bad.to_dict("records"):
        arms.setdefault(str(row["why_not"]), []).append(str(row["experiment"]))
    where = "; ".join(f"{', '.join(names)}: {why}" for why, names in arms.items())
    if len(bad) == len(table):
        return f"{said} These conditions hold in no arm, so that it is no yardstick here. {where}."
    return f"{said} Crosses: arms in which these conditions do not hold. {where}."


def _clock(table: pd.DataFrame) -> str:
    return f"{table['by'].iloc[0]:g} {table['time_unit'].iloc[0]}".rstrip()


def _doses(keys: Keys) -> tuple[tuple[str, float], ...]:
    given: Mapping[str, Any] = keys.table("doses").rest()
    for name, value in given.items():
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not (number and math.isfinite(value) and value >= 0):
            raise StudyError(f"the dose of '{name}' is no number of zero or more", value=value, where=keys.where,
                             remedy='write doses = {low = 1, high = 10} and unit = "mg"')  # fmt: skip
    return tuple((str(k), float(v)) for k, v in given.items())
