"""Problems of version 1 from their tables, in the notions of version 2."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from sbmlqsp.errors import DataError, UnsupportedError, did_you_mean, located
from sbmlqsp.exchange.petab.conditions_first import Conditions
from sbmlqsp.exchange.petab.entry import Entry, FileSet
from sbmlqsp.exchange.petab.nouns import SCALES, PetabObservable, PetabParameter
from sbmlqsp.exchange.petab.priors import PetabPrior
from sbmlqsp.exchange.petab.problem import PetabProblem
from sbmlqsp.exchange.petab.reading_second import measurement_table, numbers, sheets
from sbmlqsp.exchange.petab.sheets import Row, refuse_foreign, unique
from sbmlqsp.expressions import Expr
from sbmlqsp.model import Model

__all__ = ["first_version"]

T = TypeVar("T")
LN10 = math.log(10.0)
_MEASURED = ("observableId", "simulationConditionId", "time", "measurement")
_SAID = ("preequilibrationConditionId", "observableParameters", "noiseParameters")
_OBSERVABLE = ("observableId", "observableFormula", "noiseFormula")
_MORE = ("observableName", "noiseDistribution", "observableTransformation")
_PARAMETER = ("parameterId", "parameterScale", "lowerBound", "upperBound", "estimate")
_OPTIONS = ("parameterName", "nominalValue", "objectivePriorType", "objectivePriorParameters")
_OWN = {"uniform": "uniform", "normal": "normal", "laplace": "laplace", "logNormal": "log-normal"}
_OWN |= {"logLaplace": "log-laplace"}
_PRIORS = (*_OWN, "parameterScaleUniform", "parameterScaleNormal", "parameterScaleLaplace")


def first_version(entry: Entry, models: Mapping[str, Model]) -> PetabProblem:
    """Return the problem that the files of version 1 describe."""
    listed = sheets(entry, entry.parameters, _PARAMETER, _OPTIONS)
    refuse_foreign(listed, ("priorDistribution", "priorParameters"), 1)
    parameters = _parameters(listed)
    parts = [_Part(entry, files, models, parameters) for files in entry.sets]
    fixed = _joined((p.conditions.borrowed for p in parts), "the parameter of the models")
    rows = [r for p in parts for r in p.rows]
    columns = list(dict.fromkeys(c for r in rows for c in r.cells))
    table = measurement_table(rows, columns)
    table["experimentId"] = [e for p in parts for e in p.experiment_of]
    if len(parts) > 1:
        table["modelId"] = [p.model_id for p in parts for _ in p.rows]
    return PetabProblem(
        models=models,
        observables=_joined((p.observables for p in parts), "the observable"),
        measurements=table,
        parameters={**parameters, **fixed},
        conditions=_joined((p.conditions.by_id for p in parts), "the condition"),
        experiments=_joined((p.conditions.experiments for p in parts), "the experiment"),
        version=1,
        columns=tuple(columns),
        places=tuple(r.where for r in rows),
        ignored=tuple(entry.extensions),
    )


def _joined(parts: Iterable[Mapping[str, T]], what: str) -> dict[str, T]:
    out: dict[str, T] = {}
    for part in parts:
        for name, value in part.items():
            if name in out and out[name] != value:
                raise UnsupportedError(
                    f"{what} '{name}' is defined in two problems, and differently", value=name,
                    remedy="give it another id in one of them",
                )  # fmt: skip
            out[name] = value
    return out


class _Part:
    """One problem of the file: one model with its tables."""

    def __init__(
        self, entry: Entry, files: FileSet, models: Mapping[str, Model], parameters: Mapping[str, PetabParameter]
    ) -> None:
        tables = files.tables
        self.model_id = next(iter(files.models))
        self.rows = sheets(entry, tables["measurement_files"], _MEASURED, _SAID)
        seen = sheets(entry, tables["observable_files"], _OBSERVABLE, _MORE)
        refuse_foreign(seen, ("observablePlaceholders", "noisePlaceholders"), 1)
        refuse_foreign(self.rows, ("experimentId", "modelId"), 1)
        self.observables = _observables(seen)
        read = {n for o in self.observables.values() for n in o.formula.symbols() | o.noise.symbols()}
        conditions = sheets(entry, tables["condition_files"], ("conditionId",), ("conditionName",))
        self.conditions = Conditions(conditions, models[self.model_id], parameters, read)
        self.experiment_of = [self._experiment(row) for row in self.rows]

    def _experiment(self, row: Row) -> str:
        for column in ("preequilibrationConditionId", "simulationConditionId"):
            name = row.id(column, empty=column.startswith("pre"))
            if name and name not in self.conditions.by_id:
                raise DataError(
                    "there is no such condition", value=name, where=row.where,
                    remedy=did_you_mean(name, self.conditions.by_id),
                )  # fmt: skip
        return self.conditions.experiment(
            row.text("preequilibrationConditionId"), row.text("simulationConditionId"), row.where
        )


# --------------------------------------------------------------------------------------------------------- observables
def _observables(rows: Sequence[Row]) -> dict[str, PetabObservable]:
    unique(rows, lambda r: r.text("observableId"), "the observable")
    out = {}
    for row in rows:
        name, formula, noise = row.id("observableId"), row.formula("observableFormula"), row.formula("noiseFormula")
        out[name] = PetabObservable(
            name, formula, noise,
            row.chosen("noiseDistribution", ("normal", "laplace"), default="normal"),
            row.chosen("observableTransformation", SCALES, default="lin"),
            _placeholders("observable", name, (formula, noise), row.where),
            _placeholders("noise", name, (noise,), row.where),
            name=row.text("observableName"), others=row.rest((*_OBSERVABLE, *_MORE)), where=row.where,
        )  # fmt: skip
    return out


def _placeholders(kind: str, observable: str, formulas: Iterable[Expr], where: str) -> tuple[str, ...]:
    """Return the names that stand for what measurements say, which number them without gaps."""
    pattern = re.compile(rf"{kind}Parameter(\d+)_{observable}")
    found = sorted({int(m[1]) for f in formulas for n in f.symbols() if (m := pattern.fullmatch(n))})
    if found != list(range(1, len(found) + 1)):
        raise DataError(f"the numbers of {kind}Parameters have a gap", value=found, where=where, expected="1, 2, …")
    return tuple(f"{kind}Parameter{n}_{observable}" for n in found)


# ---------------------------------------------------------------------------------------------------------- parameters
def _parameters(rows: Sequence[Row]) -> dict[str, PetabParameter]:
    unique(rows, lambda r: r.text("parameterId"), "the parameter")
    found = {row.id("parameterId"): _parameter(row) for row in rows}
    if any(p.prior is not None for p in found.values() if p.estimate):
        # Where some have a prior, the others are uniform on their own scale.
        found = {n: replace(p, prior=_default(p)) if p.estimate and p.prior is None else p for n, p in found.items()}
    return found


def _parameter(row: Row) -> PetabParameter:
    estimate = row.needed("estimate")
    if estimate not in {"0", "1", "0.0", "1.0"}:
        raise DataError("'estimate' is unknown", value=estimate, where=row.where, expected="0 or 1")
    scale = row.chosen("parameterScale", SCALES, default="lin")
    made = PetabParameter(
        row.id("parameterId"), row.some_number("nominalValue"), lower=row.some_number("lowerBound"),
        upper=row.some_number("upperBound"), estimate=float(estimate) == 1.0, scale=scale,
        name=row.text("parameterName"), others=row.rest((*_PARAMETER, *_OPTIONS)), where=row.where,
    )  # fmt: skip
    if scale != "lin" and made.estimate and not made.bounds[0] > 0:
        raise DataError(
            "the lower bound is not positive on a logarithmic scale", value=made.lower, where=row.where,
            remedy="raise the bound, or choose the scale lin",
        )  # fmt: skip
    kind = row.chosen("objectivePriorType", ("", *_PRIORS), default="")
    if not kind:
        if row.text("objectivePriorParameters"):
            raise DataError("a prior has parameters but no type", where=row.where, remedy="give objectivePriorType")
        return made
    given: tuple[Any, ...] = numbers(row, "objectivePriorParameters")
    with located(row.where):
        return replace(made, prior=_prior(kind, given, made))


def _prior(kind: str, given: tuple[float, ...], p: PetabParameter) -> PetabPrior | None:
    """Return a prior in the notions of version 2; those on a parameter's scale are of its logarithm there."""
    if kind == "parameterScaleUniform" and not given:
        return _default(p)
    if kind in _OWN:
        return PetabPrior(_OWN[kind], given or p.bounds if kind == "uniform" else given)
    name = kind.removeprefix("parameterScale").lower()
    if p.scale == "lin":
        return PetabPrior(name, given)
    factor = LN10 if p.scale == "log10" else 1.0
    if name == "uniform":
        return PetabPrior("log-uniform", tuple(math.exp(factor * g) for g in given))
    return PetabPrior(f"log-{name}", tuple(factor * g for g in given))


def _default(p: PetabParameter) -> PetabPrior:
    with located(p.where or f"parameter '{p.id}'"):
        return PetabPrior("uniform" if p.scale == "lin" else "log-uniform", p.bounds)
