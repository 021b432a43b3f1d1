"""Problems of version 2 from their tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sbmlqsp.errors import DataError, located
from sbmlqsp.exchange.petab.entry import Entry
from sbmlqsp.exchange.petab.nouns import Condition, Period, PetabObservable, PetabParameter
from sbmlqsp.exchange.petab.population import EXTENSION, read_extension
from sbmlqsp.exchange.petab.priors import PRIORS, PetabPrior
from sbmlqsp.exchange.petab.problem import PetabProblem
from sbmlqsp.exchange.petab.sheets import Row, as_number, identifier, read_sheet, refuse_foreign, unique
from sbmlqsp.model import Model

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["measurement_table", "numbers", "problem_of", "second_version", "sheets"]

MEASURED = ("observableId", "experimentId", "time", "measurement")
SAID = ("observableParameters", "noiseParameters", "modelId")
_OBSERVABLE = ("observableId", "observableFormula", "noiseFormula")
_MORE = ("observableName", "noiseDistribution", "observablePlaceholders", "noisePlaceholders")
_PARAMETER = ("parameterId", "lowerBound", "upperBound", "estimate")
_OPTIONS = ("parameterName", "nominalValue", "priorDistribution", "priorParameters", "parameterScale")
TABLES: Mapping[str, tuple[Sequence[str], ...]] = {
    "measurement": (MEASURED, SAID),
    "observable": (_OBSERVABLE, _MORE),
    "parameter": (_PARAMETER, _OPTIONS),
    "condition": (("conditionId", "targetId", "targetValue"),),
    "experiment": (("experimentId", "time", "conditionId"),),
    "mapping": (("petabEntityId", "modelEntityId"), ("name",)),
}
FOREIGN = {
    "measurement": ("simulationConditionId", "preequilibrationConditionId"),
    "observable": ("observableTransformation",),
    "parameter": ("objectivePriorType", "objectivePriorParameters"),
}
NOISES = {"normal": ("normal", "lin"), "laplace": ("laplace", "lin")}
NOISES |= {"log-normal": ("normal", "log"), "log-laplace": ("laplace", "log")}


def second_version(entry: Entry, models: Mapping[str, Model]) -> PetabProblem:
    """Return the problem that the files of version 2 describe."""
    files = {**entry.sets[0].tables, "parameter_files": entry.parameters}
    rows = {kind: sheets(entry, files[f"{kind}_files"], *columns) for kind, columns in TABLES.items()}
    for kind, names in FOREIGN.items():
        refuse_foreign(rows[kind], names, 2)
    population = entry.extensions.get(EXTENSION)
    return problem_of(
        rows,
        models,
        population=read_extension(population, entry) if population is not None else None,
        ignored=tuple(n for n in entry.extensions if n != EXTENSION),
        id=entry.id,
    )


def problem_of(rows: Mapping[str, Sequence[Row]], models: Mapping[str, Model], **others: Any) -> PetabProblem:
    """Return the problem that rows of the tables of version 2 describe, by kind of table."""
    measured = rows["measurement"]
    columns = list(dict.fromkeys(c for r in measured for c in r.cells))
    return PetabProblem(
        models=models,
        observables=_observables(rows["observable"]),
        measurements=measurement_table(measured, columns),
        parameters=_parameters(rows["parameter"]),
        conditions=_conditions(rows["condition"]),
        experiments=_experiments(rows["experiment"]),
        mapping=_mapping(rows.get("mapping", ())),
        columns=tuple(columns),
        places=tuple(r.where for r in measured),
        **others,
    )


def sheets(
    entry: Entry, files: Iterable[Path], needed: Sequence[str], optional: Sequence[str] = (), *, others: bool = True
) -> list[Row]:
    """Return the rows of several files of one kind."""
    return [
        row
        for file in files
        for row in read_sheet(file, shown=entry.shown(file), needed=needed, optional=optional, others=others)
    ]


def measurement_table(rows: Sequence[Row], columns: Sequence[str]) -> pd.DataFrame:
    """Return the measurements as a table; ids are checked, numbers are numbers."""
    import pandas as pd

    if not rows:
        raise DataError("the problem has no measurements", remedy="add rows to the measurement table")
    data: dict[str, list[object]] = {c: [r.text(c) for r in rows] for c in columns}
    for row in rows:
        row.id("observableId")
        row.id("experimentId", empty=True)
        row.id("modelId", empty=True)
        row.listed("observableParameters")
        row.listed("noiseParameters")
    data["time"] = [r.number("time", infinite="+") for r in rows]
    data["measurement"] = [r.number("measurement") for r in rows]
    return pd.DataFrame(data)


def _observables(rows: Sequence[Row]) -> dict[str, PetabObservable]:
    unique(rows, lambda r: r.text("observableId"), "the observable")
    out = {}
    for row in rows:
        distribution, scale = NOISES[row.chosen("noiseDistribution", tuple(NOISES), default="normal")]
        name = row.id("observableId")
        out[name] = PetabObservable(
            name, row.formula("observableFormula"), row.formula("noiseFormula"), distribution, scale,
            placeholders=_placeholders(row, "observablePlaceholders"),
            noise_placeholders=_placeholders(row, "noisePlaceholders"),
            name=row.text("observableName"), others=row.rest((*_OBSERVABLE, *_MORE)), where=row.where,
        )  # fmt: skip
    return out


def _placeholders(row: Row, column: str) -> tuple[str, ...]:
    return tuple(identifier(p, column, row.where) for p in row.listed(column))


def _conditions(rows: Sequence[Row]) -> dict[str, Condition]:
    unique(rows, lambda r: (r.text("conditionId"), r.text("targetId")), "the change of a target by a condition")
    changes: dict[str, dict[str, Row]] = {}
    for row in rows:
        changes.setdefault(row.id("conditionId"), {})[row.id("targetId")] = row
    return {
        name: Condition(
            name, {t: r.formula("targetValue") for t, r in mine.items()}, {t: r.where for t, r in mine.items()}
        )
        for name, mine in changes.items()
    }


def _experiments(rows: Sequence[Row]) -> dict[str, tuple[Period, ...]]:
    unique(rows, lambda r: tuple(r.text(c) for c in ("experimentId", "time", "conditionId")), "the row")
    found: dict[str, dict[float, list[Row]]] = {}
    for row in rows:
        time = row.number("time", infinite="-")
        found.setdefault(row.id("experimentId"), {}).setdefault(time, []).append(row)
    return {e: tuple(_period(t, periods[t]) for t in sorted(periods)) for e, periods in found.items()}


def _period(time: float, rows: Sequence[Row]) -> Period:
    names = [row.id("conditionId", empty=True) for row in rows]
    if len(names) > 1 and "" in names:
        raise DataError(
            "a period applies a condition and none", where=rows[names.index("")].where, remedy="remove the row"
        )
    return Period(time, tuple(n for n in names if n), rows[0].where)


def _mapping(rows: Sequence[Row]) -> dict[str, str]:
    unique(rows, lambda r: r.text("petabEntityId"), "the id")
    return {row.id("petabEntityId"): row.text("modelEntityId") for row in rows if row.text("modelEntityId")}


def _parameters(rows: Sequence[Row]) -> dict[str, PetabParameter]:
    unique(rows, lambda r: r.text("parameterId"), "the parameter")
    return {row.id("parameterId"): _parameter(row) for row in rows}


def _parameter(row: Row) -> PetabParameter:
    estimate = row.needed("estimate").lower()
    if estimate not in {"true", "false"}:
        raise DataError("'estimate' is unknown", value=row.text("estimate"), where=row.where, expected="true or false")
    return PetabParameter(
        row.id("parameterId"),
        row.some_number("nominalValue"),
        lower=row.some_number("lowerBound"),
        upper=row.some_number("upperBound"),
        estimate=estimate == "true",
        prior=_prior_of(row, row.chosen("priorDistribution", ("", *PRIORS), default=""), "priorParameters"),
        scale=row.text("parameterScale") or "lin",
        name=row.text("parameterName"),
        others=row.rest((*_PARAMETER, *_OPTIONS)),
        where=row.where,
    )


def _prior_of(row: Row, kind: str, column: str) -> PetabPrior | None:
    """Return the prior of a row, or None."""
    if not kind:
        return None
    with located(row.where):
        return PetabPrior(kind, numbers(row, column))


def numbers(row: Row, column: str) -> tuple[float, ...]:
    """Return the numbers of a cell that semicolons separate."""
    out = []
    for part in row.listed(column):
        value = as_number(part)
        if value is None:
            raise DataError(f"a value of '{column}' is no number", value=part, where=row.where)
        out.append(value)
    return tuple(out)
