"""The subjects that covariate effects compare: a reference, and others that differ from it in one covariate each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from sbmlqsp.errors import DataError, did_you_mean
from sbmlqsp.exposure.groups import FEW_VALUES
from sbmlqsp.populations import Population, sample
from sbmlqsp.populations.derived import bases, completed
from sbmlqsp.subjects import dose_symbols

if TYPE_CHECKING:
    import pandas as pd

    from sbmlqsp.experiment import Experiment

__all__ = ["Level", "levels_of", "people_of", "read_covariates", "reference_of", "without_occasions"]

SAMPLE = 4000
"""How many are drawn for the percentiles of covariates whose distribution is a table."""


@dataclass(frozen=True)
class Level:
    """One value of one covariate, and what it is among the subjects."""

    covariate: str
    value: Any
    place: str
    unit: str = ""

    @property
    def text(self) -> str:
        """The value as it is written."""
        if isinstance(self.value, str):
            return self.value
        return f"{self.value:.3g}" + (f" {self.unit}" if self.unit else "")


def without_occasions(population: Population) -> Population:
    """Return a population whose subjects keep everything: an effect of a covariate is that of a lasting value."""
    lasting = {n: replace(c, each="subject") for n, c in population.covariates.items()}
    return replace(population, occasion_variability={}, occasion_omega={}, covariates=lasting)


def read_covariates(population: Population, experiments: Iterable[Experiment]) -> list[str]:
    """Return the drawn covariates that anything reads: formulas of the population, the model or a regimen."""
    indicators = {f"{n}_{level}": n for n, levels in population.words.items() for level in levels}
    read = {n for e in population.formulas.values() for n in e.symbols()}
    for experiment in experiments:
        read |= set(dose_symbols(experiment)) | set(experiment.model.symbols.index)
    read = {indicators.get(n, n) for n in bases(population.derivations, read)}
    return [n for n in population.known if n in read]


def reference_of(
    population: Population, names: Sequence[str], given: Mapping[str, Any], *, seed: int
) -> dict[str, Any]:
    """Return the reference subject: medians, and the most frequent of categories, where nothing else is given."""
    _refuse_unknown(given, population, "reference")
    drawn = _drawn(population, names, seed)
    return {n: given.get(n, _middle(population, n, drawn)) for n in population.known if n in names or n in given}


def _middle(population: Population, name: str, drawn: pd.DataFrame | None) -> Any:
    own = population.covariates.get(name)
    if own is not None and own.kind == "categories":
        return max(own.levels, key=lambda level: own.levels[level])
    if own is not None:
        return float(own.quantile(0.5))
    assert drawn is not None
    column = drawn[name]
    return float(column.median()) if _is_number(column) else _sorted_levels(column, by_count=True)[0]


def levels_of(
    population: Population,
    names: Sequence[str],
    percentiles: tuple[float, float],
    given: Mapping[str, Sequence[Any]],
    reference: Mapping[str, Any],
    *,
    seed: int,
) -> list[Level]:
    """Return the values to compare: two percentiles of numbers, every category but that of the reference."""
    _refuse_unknown(given, population, "values")
    drawn, out = _drawn(population, names, seed), []
    for name in population.known:
        unit = population.unit_of(name)
        if name in given:
            out += [Level(name, v, "", unit) for v in given[name]]
        elif name in names:
            own = [Level(name, v, place, unit) for v, place in _values(population, name, drawn, percentiles)]
            out += [level for level in own if level.place or level.value != reference[name]]
    if not out:
        raise DataError("no covariate of the population does anything here", value=list(population.known),
                        where=f"the population '{population.id}'")  # fmt: skip
    return out


def _values(
    population: Population, name: str, drawn: pd.DataFrame | None, percentiles: tuple[float, float]
) -> list[tuple[Any, str]]:
    own = population.covariates.get(name)
    places = [f"{p:g}th percentile" for p in percentiles]
    if own is not None and own.kind == "categories":
        return [(level, "") for level in own.levels]
    if own is not None:
        return list(zip(own.quantile(np.array(percentiles) / 100).tolist(), places, strict=True))
    assert drawn is not None
    column = drawn[name]
    if not _is_number(column):
        return [(level, "") for level in _sorted_levels(column)]
    return list(zip(np.percentile(column, percentiles).tolist(), places, strict=True))


def _drawn(population: Population, names: Sequence[str], seed: int) -> pd.DataFrame | None:
    """Return a sample where some covariate has no distribution of its own."""
    if not set(names) - set(population.covariates):
        return None
    if population.courses is not None:
        raise DataError("the people of the population change over time, so no covariate has one value",
                        where=f"the population '{population.id}'", remedy="give one row each")  # fmt: skip
    return sample(population, SAMPLE, seed=seed)


def _is_number(column: pd.Series[Any]) -> bool:
    return column.dtype.kind in "iuf" and column.nunique() > FEW_VALUES


def _sorted_levels(column: pd.Series[Any], *, by_count: bool = False) -> list[Any]:
    counts = column.value_counts()
    levels = sorted(counts.index.tolist())
    return sorted(levels, key=lambda level: -counts[level]) if by_count else levels


def _refuse_unknown(given: Mapping[str, Any], population: Population, what: str) -> None:
    for name in given:
        if name not in population.known:
            raise DataError(f"the population has no covariate '{name}' to draw", where=what,
                            remedy=did_you_mean(name, population.known))  # fmt: skip


def people_of(population: Population, reference: Mapping[str, Any], levels: Sequence[Level]) -> pd.DataFrame:
    """Return the covariates of the reference and of each level, derived ones included, one row each."""
    import pandas as pd

    rows = [dict(reference), *(dict(reference) | {level.covariate: level.value} for level in levels)]
    columns: dict[str, Any] = {}
    for name in reference:
        values = [row[name] for row in rows]
        if name in population.words and (bad := [v for v in values if str(v) not in population.words[name]]):
            raise DataError(f"'{name}' is never that", value=bad[0], expected=", ".join(population.words[name]))
        columns[name] = np.array(values, dtype=object if name in population.words else float)
    return pd.DataFrame(completed(population, columns)[0], index=range(len(rows)))
