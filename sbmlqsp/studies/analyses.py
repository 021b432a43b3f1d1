"""What a study computes from its results: every kind of analysis is a section of the file, and all are treated alike.

A kind is a frozen dataclass below `Analysis`. Its keys are read strictly, its names are checked before anything runs,
and it gives a table, a figure and what the page says. The table lies beside the figure, as ``figures/<id>.csv``, and
is part of the lock. To add a kind, write its class and name it in ``KINDS`` of ``sbmlqsp.studies.kinds``.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

from sbmlqsp.errors import DataError, StudyError, did_you_mean, located

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import pandas as pd
    import xarray as xr
    from matplotlib.figure import Figure

    from sbmlqsp.report import Finding
    from sbmlqsp.studies.keys import Keys
    from sbmlqsp.studies.running import Outcome
    from sbmlqsp.studies.spec import Study

__all__ = [
    "Analysis",
    "OfArms",
    "OfExposure",
    "chosen_arms",
    "figures_of_analyses",
    "findings_of",
    "known_name",
    "labelled",
    "measured",
    "need_population",
    "saved_svg",
    "short_table",
    "tables_of",
]


@dataclass(frozen=True)
class Analysis(ABC):
    """One analysis of a study.

    Parameters
    ----------
    id : str
        Names the table and the figure.
    title, caption : str
        Over the figure, and under it on the page.
    """

    id: str
    title: str = ""
    caption: str = ""

    SECTION: ClassVar[str]
    """The name of the section in the file."""
    HEADING: ClassVar[str]
    """What the page calls such analyses."""
    METHODS: ClassVar[tuple[str, ...]] = ("ode",)
    """By which methods of simulation a study may run that asks for it."""

    @classmethod
    @abstractmethod
    def read(cls, keys: Keys, **common: Any) -> Self:
        """Return the analysis that the keys of one section state; ``common`` holds id, title and caption."""

    @abstractmethod
    def table(self, outcome: Outcome) -> pd.DataFrame:
        """Compute its table; whatever runs, runs here, with the seed of the study."""

    @abstractmethod
    def figure(self, table: pd.DataFrame, outcome: Outcome) -> Figure:
        """Draw the table."""

    def page(self, table: pd.DataFrame, outcome: Outcome) -> tuple[int, Sequence[str], Sequence[Sequence[str]]]:  # noqa: ARG002
        """Return the table as the page shows it: how many columns are labels, the heads and the rows."""
        return 0, (), ()

    def note(self, table: pd.DataFrame, outcome: Outcome) -> str:  # noqa: ARG002
        """Return what the page says below the figure, after the caption."""
        return ""

    def check(self, study: Study) -> None:  # noqa: B027 (most kinds have names to check, not all)
        """Refuse names that the study does not have, before anything runs."""

    def files(self) -> tuple[str, ...]:
        """Return the files that it names, relative to the study."""
        return ()

    def moved(self, names: Mapping[str, str]) -> Self:  # noqa: ARG002
        """Return the analysis with its files under other names, as beside a lock."""
        return self


@dataclass(frozen=True)
class OfArms(Analysis):
    """An analysis of some arms, of all where none is named."""

    arms: tuple[str, ...] = ()

    def check(self, study: Study) -> None:
        """Refuse an arm there is not."""
        for arm in self.arms:
            known_name(self, arm, [a.id for a in study.arms], "arm")


@dataclass(frozen=True)
class OfExposure(OfArms):
    """An analysis of the exposure to an observable, over a dosing interval: its own, or the study's."""

    observable: str = ""
    interval: str = ""
    after: str = ""

    @staticmethod
    def span(keys: Keys) -> dict[str, Any]:
        """Return interval, beginning and arms as the keys state them."""
        return {"interval": keys.take("interval", str, ""), "after": keys.take("after", str, ""),
                "arms": keys.texts("arms")}  # fmt: skip

    def check(self, study: Study) -> None:
        """Refuse an observable or arm there is not."""
        known_name(self, self.observable, [o.id for o in study.observables], "observable")
        super().check(study)

    def window(self, study: Study) -> dict[str, Any]:
        """Return interval and beginning as ``exposure`` takes them."""
        spec = study.exposure
        return {"interval": self.interval or spec.interval or None, "after": self.after or spec.after or None}


def tables_of(outcome: Outcome) -> tuple[pd.DataFrame, ...]:
    """Compute the tables of all analyses of a study.

    Raises
    ------
    QSPError
        An analysis cannot be done; the message names it.
    """
    return tuple(_named(analysis, "table", outcome) for analysis in outcome.study.analyses)


def findings_of(outcome: Outcome, figures: Sequence[Figure], folder: Path) -> dict[str, list[Finding]]:
    """Return what the page in a folder of results shows of the analyses, by heading."""
    from sbmlqsp.report import Finding, Picture

    out: dict[str, list[Finding]] = {}
    for analysis, table, figure in zip(outcome.study.analyses, outcome.tables, figures, strict=True):
        labels, heads, rows = analysis.page(table, outcome)
        caption = " ".join(filter(None, [analysis.caption, analysis.note(table, outcome)]))
        picture = Picture(figure, "", caption, saved_svg(folder, analysis.id))
        out.setdefault(analysis.HEADING, []).append(Finding(picture, labels, tuple(heads), tuple(map(tuple, rows))))
    return out


def saved_svg(folder: Path, name: str) -> Path | None:
    """Return the file of a figure that a folder of results holds as vector graphics, None where it holds none."""
    path = folder / "figures" / f"{name}.svg"
    return path if path.is_file() else None


def figures_of_analyses(outcome: Outcome) -> list[Figure]:
    """Draw the figures of all analyses of a study."""
    pairs = zip(outcome.study.analyses, outcome.tables, strict=True)
    return [_named(analysis, "figure", table, outcome) for analysis, table in pairs]


def _named(analysis: Analysis, method: str, *args: Any) -> Any:
    with located(f"[[{analysis.SECTION}]] '{analysis.id}'"):
        return getattr(analysis, method)(*args)


def known_name(analysis: Analysis, name: str, among: Sequence[str], what: str) -> None:
    """Refuse a name that is not among those of the study; all are allowed where the study names none."""
    if among and name and name not in among:
        where = f"[[{analysis.SECTION}]] '{analysis.id}'"
        raise StudyError(f"the study has no {what} '{name}'", where=where, remedy=did_you_mean(name, among))


def measured(analysis: OfExposure, outcome: Outcome) -> pd.DataFrame:
    """Return the exposure that an analysis asks for, from the study's own table where that was asked for alike."""
    from sbmlqsp.exposure import exposure

    spec, window = outcome.study.exposure, analysis.window(outcome.study)
    if outcome.exposure is not None and window == {"interval": spec.interval or None, "after": spec.after or None}:
        part = outcome.exposure[outcome.exposure["observable"] == analysis.observable]
        if len(part):
            return part.reset_index(drop=True)
    return exposure(outcome.results, analysis.observable, **window)


def labelled(table: pd.DataFrame, outcome: Outcome) -> pd.DataFrame:
    """Return a table whose arms bear their titles, for legends and for the page."""
    from sbmlqsp.studies.running import titles

    names = titles(outcome.study)
    return table.assign(experiment=[names.get(str(a), str(a)) for a in table["experiment"]])


def chosen_arms(results: xr.Dataset, arms: Sequence[str]) -> xr.Dataset:
    """Return the results of some arms, all where none is named."""
    return results.sel(experiment=list(arms)) if arms else results


def need_population(analysis: Analysis, outcome: Outcome) -> Any:
    """Return the population that the subjects were drawn from, or refuse."""
    population = outcome.people.get("population")
    if population is None:
        raise DataError(f"[[{analysis.SECTION}]] needs a population, and the study draws from none",
                        remedy='write [population] with file = "population.toml" and size = 1000')  # fmt: skip
    return population


def short_table(table: pd.DataFrame, columns: dict[str, str], *, labels: int) -> tuple[int, list[str], list[list[str]]]:
    """Return some columns of a table for the page, under the heads that ``columns`` gives them."""
    from sbmlqsp.reporting.model import number

    def cell(value: Any) -> str:
        if isinstance(value, str):
            return value
        return "–" if value is None or math.isnan(value) else number(float(value), 4)

    rows = [[cell(row[c]) for c in columns] for row in table.to_dict("records")]
    return labels, list(columns.values()), rows
