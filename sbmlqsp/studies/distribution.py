"""``[[distribution]]``: how an observable is distributed over cells at one time, and which law it follows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from sbmlqsp.ensembles.cells import times_of
from sbmlqsp.errors import DataError, StudyError, did_you_mean
from sbmlqsp.studies.analyses import known_name, short_table
from sbmlqsp.studies.cells import cells_again
from sbmlqsp.studies.of_cells import OfCells, arm_titles, read_confidence

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    import xarray as xr
    from matplotlib.figure import Figure

    from sbmlqsp.ensembles import Fit
    from sbmlqsp.studies.keys import Keys
    from sbmlqsp.studies.running import Outcome
    from sbmlqsp.studies.spec import Study

__all__ = ["Distribution"]

FITS = "fits"
UNFITTED = "unfitted"
VALUES = "values"


@dataclass(frozen=True)
class Distribution(OfCells):
    """Cells of one arm at one time: histogram, moments, Fano factor, and laws fitted to them.

    Parameters
    ----------
    subject : int or str, optional
        Of one subject; of all where None, which no law describes.
    laws : tuple of str
        As for ``fit_distribution``.
    ended : bool
        Whether cells may have ended; else the same cells are run again without fates.
    replicates : int, optional
        So many cells of the one subject, instead of those of the study, are run for it.
    """

    SECTION: ClassVar[str] = "distribution"
    HEADING: ClassVar[str] = "Distribution over cells"

    observable: str = ""
    at: float | str = 0.0
    subject: int | str | None = None
    laws: tuple[str, ...] = ()
    ended: bool = True
    replicates: int | None = None

    @classmethod
    def read(cls, keys: Keys, **common: Any) -> Self:
        """Return the analysis that the keys state."""
        from sbmlqsp.ensembles.fitting import LAWS

        laws = keys.texts("laws")
        for law in laws:
            if law not in LAWS:
                raise StudyError(f"there is no law '{law}'", where=keys.where, remedy=did_you_mean(law, LAWS))
        return cls(
            **common, observable=keys.need("observable", str, example='"signal"'),
            at=keys.need("at", (float, str), example='"24 h"'), subject=keys.take("subject", (int, str)), laws=laws,
            arms=(arm,) if (arm := keys.take("arm", str)) else (), ended=keys.take("fates", bool, True),
            replicates=keys.take("replicates", int), confidence=read_confidence(keys),
        )  # fmt: skip

    def check(self, study: Study) -> None:
        """Refuse an observable or arm there is not, and several arms."""
        super().check(study)
        known_name(self, self.observable, [o.id for o in study.observables], "observable")
        if len(self.arms or study.arms) > 1:
            raise StudyError("it is not said which arm the cells are of", where=f"[[distribution]] '{self.id}'",
                             remedy=f'write arm = "{study.arms[0].id}"')  # fmt: skip
        if self.replicates is not None and (self.replicates < 1 or self.subject is None):
            raise StudyError("so many cells are of no one subject", value=self.replicates,
                             where=f"[[distribution]] '{self.id}'", expected="1 or more",
                             remedy="write subject = 1 as well")  # fmt: skip

    def table(self, outcome: Outcome) -> pd.DataFrame:
        """Return moments and parameters, a row each; values and fits are in its ``attrs``."""
        import pandas as pd

        from sbmlqsp.ensembles import fano, moments

        ds = self._cells(outcome)
        how: dict[str, Any] = {"at": float(ds["time"][times_of(ds, self.at)[0]]), "confidence": self.confidence}
        [found] = moments(ds, self.observable, **how).to_dict("records")
        if not found["n"]:
            raise DataError("no cell has a value at this time", value=self.at,
                            remedy="take an earlier time, or write fates = false to let them go on")  # fmt: skip
        if not found["variance"] > 0:
            raise DataError("all cells have one value at this time, so that there is no distribution",
                            value=found["mean"], remedy="take a later time, or more cells")  # fmt: skip
        rows = [_row(k, found[k]) for k in ("n", "n_failed", "n_ended")]
        for name, unit in (("mean", "unit"), ("variance", "variance_unit")):
            rows.append(_row(name, found[name], found[f"{name}_low"], found[f"{name}_high"], found[unit]))
        rows.append(_row("cv", found["cv"]))
        if _counted(found["unit"]):
            [noise] = fano(ds, self.observable, **how).to_dict("records")
            rows.append(_row("fano", noise["fano"], noise["low"], noise["high"]))
        values = ds[self.observable].sel(time=how["at"])
        fits, unfitted = self._fits(values, outcome)
        rows += [row for fit in fits for row in _of_fit(fit)]
        table = pd.DataFrame(rows)
        table.insert(0, "experiment", found["experiment"])
        table.insert(1, "time", how["at"])
        table.attrs = {VALUES: values.to_numpy().ravel(), FITS: fits, UNFITTED: unfitted}
        return table

    def _cells(self, outcome: Outcome) -> xr.Dataset:
        """Return the cells of one arm, and of one subject where one is named, run anew where the study has them not."""
        ds = outcome.results
        arm = self.arms[0] if self.arms else str(ds["experiment"].to_numpy()[0])
        known = ds["subject"].to_numpy().tolist()
        if self.subject is None and self.laws and len(known) > 1 and ds.sizes["replicate"] > 1:
            raise DataError("the cells of several subjects do not follow one law", value=len(known),
                            remedy=f"name a subject, as in subject = {known[0]!r}, or leave laws out")  # fmt: skip
        if self.subject is not None and self.subject not in known:
            raise DataError("the study has no such subject", value=self.subject,
                            remedy=did_you_mean(str(self.subject), map(str, known)))  # fmt: skip
        if self.ended and self.replicates is None:
            ds = ds.sel(experiment=[arm])
            return ds if self.subject is None else ds.sel(subject=[self.subject])
        [own] = [e for e in outcome.experiments if e.id == arm]
        seen = [o for o in own.observables if o.id == self.observable]
        at = float(ds["time"][times_of(ds, self.at)[0]])
        times = [t for t in own.times if t <= at]
        return cells_again(outcome, seen, arms=[arm], times={arm: times}, fates=self.ended, subject=self.subject,
                           replicates=self.replicates)  # fmt: skip

    def _fits(self, values: xr.DataArray, outcome: Outcome) -> tuple[list[Fit], dict[str, str]]:
        """Return the laws that could be fitted, and why others could not."""
        from sbmlqsp.ensembles import fit_distribution

        fits, unfitted = [], {}
        unit = str(values.attrs.get("units", ""))
        for law in self.laws:
            try:
                fits.append(fit_distribution(values.to_numpy().ravel(), law, unit=unit, seed=outcome.study.seed))
            except DataError as err:  # known only after the run, whose other results are worth keeping
                unfitted[law] = err.what
        return fits, unfitted

    def figure(self, table: pd.DataFrame, outcome: Outcome) -> Figure:
        """Draw the histogram with the fitted laws."""
        from sbmlqsp.plot.ensembles import distribution

        attrs = outcome.results[self.observable].attrs
        return distribution(
            table.attrs[VALUES], fits=table.attrs[FITS], name=str(attrs.get("long_name") or self.observable),
            unit=str(attrs.get("units", "")), title=self.title or None,
        )  # fmt: skip

    def page(self, table: pd.DataFrame, outcome: Outcome) -> tuple[int, Sequence[str], Sequence[Sequence[str]]]:  # noqa: ARG002
        """Return everything with its interval."""
        from sbmlqsp.reporting.model import shown_unit

        shown = table.assign(
            statistic=[_WORDS.get(s, s[:1].upper() + s[1:]) for s in table["statistic"]],
            unit=[shown_unit(u) if u else "" for u in table["unit"]],
        )
        level = f"{100 * self.confidence:g} % interval"
        columns = {"statistic": "", "unit": "Unit", "value": "Value", "low": f"{level} from", "high": "to"}
        return short_table(shown, columns, labels=2)

    def note(self, table: pd.DataFrame, outcome: Outcome) -> str:
        """Return whose cells these are, which were left out, and which law could not be fitted."""
        arm, time = str(table["experiment"].iloc[0]), table["time"].iloc[0]
        unit = str(outcome.results["time"].attrs.get("units", ""))
        people = outcome.results.sizes["subject"]
        whose = f" of subject {self.subject}" if self.subject is not None else f" of {people:,} subjects" * (people > 1)
        said = [f"Cells{whose} at {time:g} {unit}".rstrip() + f", {arm_titles(outcome)[arm]}."]
        if not self.ended:
            said.append("No fate ends them: they were run again without.")
        elif ended := int(table["value"][table["statistic"] == "n_ended"].iloc[0]):
            said.append(f"Only the living: {ended:,} cell{'s' * (ended > 1)} had come to an end before.")
        said += [f"{law.capitalize()} is not fitted: {why}." for law, why in table.attrs[UNFITTED].items()]
        return " ".join(said)


_WORDS = {
    "n": "Cells with a value", "n_failed": "Failed runs", "n_ended": "Ended by a fate before",
    "cv": "Coefficient of variation", "fano": "Fano factor (variance / mean)",
}  # fmt: skip


def _row(name: str, value: float, low: float = np.nan, high: float = np.nan, unit: str = "") -> dict[str, Any]:
    return {"statistic": name, "value": float(value), "low": low, "high": high, "unit": unit}


def _of_fit(fit: Fit) -> list[dict[str, Any]]:
    """Return parameters, test and criterion of a fitted law."""
    rows = [_row(f"{fit.law}: {k}", v, unit=fit.unit if k == "scale" else "") for k, v in fit.parameters.items()]
    test = {"KS": "Kolmogorov–Smirnov", "chi2": "chi-squared"}[fit.test]
    return [*rows, _row(f"{fit.law}: {test} p", fit.p_value), _row(f"{fit.law}: AIC", fit.aic)]


def _counted(unit: str) -> bool:
    from sbmlqsp.units import parse_unit

    return not unit or parse_unit(unit).dims in {(), (("item", 1.0),)}
