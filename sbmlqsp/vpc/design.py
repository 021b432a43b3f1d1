"""What a population says of the subjects of a data set: the parameters of every record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sbmlqsp.errors import DataError, UnitError, did_you_mean
from sbmlqsp.populations import Population
from sbmlqsp.populations.sampling import individuals
from sbmlqsp.records import Records
from sbmlqsp.records.values import is_missing, native, place
from sbmlqsp.units import convert

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Design"]


@dataclass(frozen=True)
class Design:
    """The subjects of a data set as members of a population.

    Parameters
    ----------
    population : Population
    covariates : DataFrame
        One row for every set of covariates that a subject has, and every occasion.
    row : ndarray of int
        For each record its row of the covariates.
    fixed : mapping
        Parameters that the population does not have.
    """

    population: Population
    covariates: pd.DataFrame
    row: Any
    fixed: Mapping[str, Any]

    @classmethod
    def of(cls, data: Records, population: Population, occasion: str | None, fixed: Mapping[str, Any]) -> Design:
        """Return the design of a data set.

        Raises
        ------
        DataError, UnitError
            No column tells occasions apart, a unit does not convert, or a parameter is given twice.
        """
        import pandas as pd

        if twice := [k for k in fixed if k in population.parameters]:
            raise DataError(f"'{twice[0]}' is given, and the population has it too", value=twice[0], where="parameters")
        known = {*population.known, *population.derived}
        names = [c for c in data.covariates if c in known]
        marks = _occasions(data, population, occasion)
        table = pd.DataFrame({"subject": data.table["ID"].to_numpy(), "occasion": marks}, dtype=object)
        for name in names:
            table[name] = _covariate(data, population, name)
        first = ~table.duplicated()
        row = table.groupby(list(table.columns), sort=False, dropna=False).ngroup().to_numpy()
        people = table[first]
        alone = not population.changes and people["subject"].is_unique
        index = ["subject"] if alone else ["subject", "occasion"]
        people = people.set_index(index)[names]
        return cls(population, people.infer_objects(), row, dict(fixed))

    def parameters(
        self, *, seed: int, replicate: int = 1, draw: int | None = None, typical: bool = False
    ) -> dict[str, Any]:
        """Return the parameters of every record: an array each, and what is fixed."""
        drawn = individuals(
            self.population, self.covariates, seed=seed, replicate=replicate, draw=draw, typical=typical
        )  # fmt: skip
        return {**self.fixed, **{str(c): drawn[c].to_numpy(dtype=float)[self.row] for c in drawn.columns}}


def _occasions(data: Records, population: Population, occasion: str | None) -> list[int | str]:
    """Return the occasion of every record; 0 where nothing differs between occasions."""
    if not population.occasion_variability:
        if occasion is not None:
            raise DataError(f"the population '{population.id}' does not vary between occasions", value=occasion,
                            where="occasion", remedy="leave it out")  # fmt: skip
        return [0] * len(data.table)
    found = occasion or next((c for c in data.covariates if c.upper() == "OCC"), None)
    if found is None or found not in data.covariates:
        raise DataError(
            f"the population '{population.id}' varies between occasions, and no column of the data tells them apart",
            value=occasion, remedy=f"name it, occasion=; {did_you_mean(occasion or 'OCC', data.covariates)}",
        )  # fmt: skip
    marks = [native(v) for v in data.table[found].tolist()]
    for i, mark in enumerate(marks):
        if is_missing(mark) or not isinstance(mark, int | str):
            raise DataError("a record has no occasion", value=mark, where=place(data.table, i, found),
                            expected="a whole number or a name")  # fmt: skip
    return marks  # type: ignore[return-value]  # the loop leaves whole numbers and texts


def _covariate(data: Records, population: Population, name: str) -> Any:
    """Return a covariate in the unit of the population."""
    values = data.table[name].to_numpy()
    own, given = population.unit_of(name), data.units.get(name)
    if not given or not own or values.dtype.kind not in "fiub":
        return values
    try:
        return convert(values, given, own)
    except UnitError as err:
        raise UnitError(f"the covariate '{name}' is in '{given}' in the data and in '{own}' in the population",
                        remedy="correct one of the two") from err  # fmt: skip
