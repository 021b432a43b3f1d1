"""The files of a problem of version 2."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from sbmlqsp.exchange.petab.grammar import to_petab
from sbmlqsp.exchange.petab.nouns import PetabObservable, PetabParameter
from sbmlqsp.exchange.petab.plain import model_files, shown, tsv, yaml_text
from sbmlqsp.exchange.petab.population import EXTENSION, population_files
from sbmlqsp.expressions import Expr, num

if TYPE_CHECKING:
    from sbmlqsp.exchange.petab.problem import PetabProblem

__all__ = ["parameter_columns", "second_files"]

_OF_FIRST = {"preequilibrationConditionId", "simulationConditionId"}


def second_files(problem: PetabProblem) -> dict[str, str]:
    """Return the texts of the files by their names."""
    models = model_files(problem)
    out = {file: problem.models[name].sbml for name, file in models.items()}
    tables = {
        "parameters": _parameters(problem),
        "observables": _observables(problem),
        "measurements": _measurements(problem),
        "conditions": _conditions(problem),
        "experiments": _experiments(problem),
    }
    out |= {f"{name}.tsv": text for name, text in tables.items() if text}
    entry: dict[str, Any] = {"format_version": "2.0.0"} | ({"id": problem.id} if problem.id else {})
    entry["parameter_files"] = ["parameters.tsv"]
    entry["model_files"] = {name: {"location": file, "language": "sbml"} for name, file in models.items()}
    for name in ("measurement", "observable", "condition", "experiment"):
        if f"{name}s.tsv" in out:
            entry[f"{name}_files"] = [f"{name}s.tsv"]
    if problem.population is not None:
        files, about = population_files(problem.population)
        out |= files
        entry["extensions"] = {EXTENSION: about}
    return out | {"problem.yaml": yaml_text(entry)}


def _parameters(problem: PetabProblem) -> str:
    return tsv(parameter_columns(problem), (dict(_parameter(p)) for p in problem.parameters.values()))


def parameter_columns(problem: PetabProblem) -> list[str]:
    """Return the columns of the parameter table that have something to say."""
    found = list(problem.parameters.values())
    columns = ["parameterId", *(["parameterName"] if any(p.name for p in found) else [])]
    columns += ["lowerBound", "upperBound", "nominalValue", "estimate"]
    if any(p.prior is not None for p in found):
        columns += ["priorDistribution", "priorParameters"]
    if any(p.scale != "lin" for p in found):
        columns.append("parameterScale")
    return list(dict.fromkeys([*columns, *(c for p in found for c in p.others)]))


def _parameter(p: PetabParameter) -> Iterator[tuple[str, Any]]:
    yield from p.others.items()
    yield from (("parameterId", p.id), ("parameterName", p.name), ("estimate", str(p.estimate).lower()))
    yield from (("lowerBound", p.lower), ("upperBound", p.upper), ("nominalValue", p.value))
    yield "parameterScale", p.scale
    if p.prior is not None:
        yield "priorDistribution", p.prior.kind
        yield "priorParameters", ";".join(shown(float(v)) for v in p.prior.parameters)


def _observables(problem: PetabProblem) -> str:
    found = list(problem.observables.values())
    columns = ["observableId", *(["observableName"] if any(o.name for o in found) else [])]
    columns += ["observableFormula", "noiseFormula", "noiseDistribution"]
    columns += ["observablePlaceholders"] if any(o.placeholders for o in found) else []
    columns += ["noisePlaceholders"] if any(o.noise_placeholders for o in found) else []
    columns = list(dict.fromkeys([*columns, *(c for o in found for c in o.others)]))
    return tsv(columns, map(_observable, found))


def _observable(o: PetabObservable) -> dict[str, Any]:
    noise = o.noise
    if o.scale == "log10":  # the same density, by the natural logarithm
        noise = Expr("mul", (Expr("ln", (num(10.0),)), noise))
    distribution = o.distribution if o.scale == "lin" else f"log-{o.distribution}"
    return {
        **o.others, "observableId": o.id, "observableName": o.name, "observableFormula": to_petab(o.formula),
        "noiseFormula": to_petab(noise), "noiseDistribution": distribution,
        "observablePlaceholders": ";".join(o.placeholders), "noisePlaceholders": ";".join(o.noise_placeholders),
    }  # fmt: skip


def _measurements(problem: PetabProblem) -> str:
    table = problem.measurements
    columns = ["observableId", "experimentId", "time", "measurement"]
    said = [c for c in ("observableParameters", "noiseParameters") if c in table and any(table[c])]
    columns += [*said, *(["modelId"] if len(problem.models) > 1 else [])]
    known = {*columns, "observableParameters", "noiseParameters", "modelId", *_OF_FIRST}
    columns += [c for c in map(str, table.columns) if c not in known]
    return tsv(columns, table[columns].to_dict("records"))


def _conditions(problem: PetabProblem) -> str:
    rows = [
        {"conditionId": c.id, "targetId": t, "targetValue": to_petab(e)}
        for c in problem.conditions.values()
        for t, e in c.changes.items()
    ]
    return tsv(["conditionId", "targetId", "targetValue"], rows) if rows else ""


def _experiments(problem: PetabProblem) -> str:
    rows = []
    for name, periods in problem.experiments.items():
        for p in periods:
            some = [c for c in p.conditions if problem.conditions[c].changes] or [""]
            time = "-inf" if math.isinf(p.time) else p.time
            rows += [{"experimentId": name, "time": time, "conditionId": c} for c in some]
    return tsv(["experimentId", "time", "conditionId"], rows) if rows else ""
