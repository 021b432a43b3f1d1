"""The files of a problem of version 1."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from sbmlqsp.errors import UnsupportedError
from sbmlqsp.exchange.petab.grammar import to_petab
from sbmlqsp.exchange.petab.nouns import PetabObservable, PetabParameter
from sbmlqsp.exchange.petab.pairs import Pairs
from sbmlqsp.exchange.petab.plain import model_files, shown, tsv, yaml_text
from sbmlqsp.exchange.petab.scope import Scope
from sbmlqsp.expressions import Expr, substitute, sym

if TYPE_CHECKING:
    from sbmlqsp.exchange.petab.problem import PetabProblem

__all__ = ["first_files"]

_OLD = {"normal": "normal", "laplace": "laplace", "log-normal": "logNormal", "log-laplace": "logLaplace"}
_OLD |= {"uniform": "uniform"}
_DROPPED = {"observableParameters", "noiseParameters", "modelId", "experimentId"}
_DROPPED |= {"simulationConditionId", "preequilibrationConditionId"}


def first_files(problem: PetabProblem) -> dict[str, str]:
    """Return the texts of the files by their names.

    Raises
    ------
    UnsupportedError
        Version 1 cannot say it.
    """
    if problem.population is not None:
        raise UnsupportedError(
            "version 1 of PEtab has no place for a population", remedy="write version 2, or leave it out"
        )
    out = {"parameters.tsv": _parameters(problem)}
    parts = []
    for name, file in model_files(problem).items():
        scope = Scope(problem, name)
        if scope.rows:
            suffix = "" if len(problem.models) == 1 else f"_{name}"
            out |= {file: problem.models[name].sbml, **_tables(scope, suffix)}
            kinds = {f"{k}_files": [f"{k}s{suffix}.tsv"] for k in ("measurement", "observable", "condition")}
            parts.append({"sbml_files": [file], **kinds})
    entry = {"format_version": 1, "parameter_file": "parameters.tsv", "problems": parts}
    return out | {"problem.yaml": yaml_text(entry)}


def _tables(scope: Scope, suffix: str) -> dict[str, str]:
    pairs = Pairs(scope)
    texts = {
        "measurements": _measurements(scope, pairs),
        "observables": _observables(scope),
        "conditions": pairs.table(),
    }
    return {f"{name}{suffix}.tsv": text for name, text in texts.items()}


# ---------------------------------------------------------------------------------------------------------- parameters
def _parameters(problem: PetabProblem) -> str:
    found = list(problem.parameters.values())
    columns = ["parameterId", *(["parameterName"] if any(p.name for p in found) else []), "parameterScale"]
    columns += ["lowerBound", "upperBound", "nominalValue", "estimate"]
    if any(p.prior is not None for p in found):
        columns += ["objectivePriorType", "objectivePriorParameters"]
    columns = list(dict.fromkeys([*columns, *(c for p in found for c in p.others)]))
    some = any(p.prior is not None for p in found if p.estimate)
    return tsv(columns, (dict(_parameter(p, some=some)) for p in found))


def _parameter(p: PetabParameter, *, some: bool) -> Iterator[tuple[str, Any]]:
    yield from p.others.items()
    yield from (("parameterId", p.id), ("parameterName", p.name), ("estimate", int(p.estimate)))
    yield from (("lowerBound", p.lower), ("upperBound", p.upper), ("nominalValue", p.value))
    kind, parameters, scale = _prior(p)
    if not kind and some and p.estimate:
        kind = "uniform"  # the default of version 1 is uniform on the scale of the parameter
    yield from (("parameterScale", scale), ("objectivePriorType", kind))
    yield "objectivePriorParameters", ";".join(shown(float(v)) for v in parameters)


def _prior(p: PetabParameter) -> tuple[str, tuple[float, ...], str]:
    """Return type, parameters and the parameter's scale; a log-uniform prior is uniform on a logarithmic scale."""
    if p.prior is None:
        return "", (), p.scale
    if p.prior.kind in _OLD:
        return _OLD[p.prior.kind], p.prior.parameters, p.scale
    if p.prior.kind == "log-uniform" and (p.lower or 0.0) > 0:
        scale = p.scale if p.scale != "lin" else "log"
        transform = math.log10 if scale == "log10" else math.log
        return "parameterScaleUniform", tuple(transform(v) for v in p.prior.parameters), scale
    raise UnsupportedError(
        f"version 1 of PEtab has no {p.prior.kind} prior", where=p.where or f"parameter '{p.id}'",
        remedy="write version 2, or choose another prior",
    )  # fmt: skip


# ------------------------------------------------------------------------------------------- observables, measurements
def _observables(scope: Scope) -> str:
    found = scope.observables
    columns = ["observableId", *(["observableName"] if any(o.name for o in found) else []), "observableFormula"]
    columns += ["observableTransformation", "noiseFormula", "noiseDistribution"]
    return tsv(list(dict.fromkeys([*columns, *(c for o in found for c in o.others)])), map(_observable, found))


def _observable(o: PetabObservable) -> dict[str, Any]:
    names = dict(_numbered(o))

    def own(expr: Expr) -> str:
        return to_petab(substitute(expr, {n: sym(new) for n, new in names.items()}))

    return {
        **o.others, "observableId": o.id, "observableName": o.name, "observableFormula": own(o.formula),
        "observableTransformation": o.scale, "noiseDistribution": o.distribution,
        "noiseFormula": own(substitute(o.noise, {o.id: o.formula})),  # version 1 reads no observable
    }  # fmt: skip


def _numbered(o: PetabObservable) -> Iterator[tuple[str, str]]:
    """Yield the names that version 1 gives to placeholders, all of which the formulas must read there."""
    for kind, names in (("observable", o.placeholders), ("noise", o.noise_placeholders)):
        for n, name in enumerate(names, 1):
            if name not in o.formula.symbols() | o.noise.symbols():
                raise UnsupportedError(
                    f"no formula reads the placeholder '{name}', which version 1 of PEtab cannot declare",
                    where=o.where or f"observable '{o.id}'", remedy="remove it with its values",
                )  # fmt: skip
            yield name, f"{kind}Parameter{n}_{o.id}"


def _measurements(scope: Scope, pairs: Pairs) -> str:
    table = scope.problem.measurements
    said = [c for c in ("observableParameters", "noiseParameters") if c in table and any(table[c])]
    others = [c for c in map(str, table.columns) if c not in {*_DROPPED, "observableId", "time", "measurement"}]
    before = ["preequilibrationConditionId"] if any(pairs.of(e)[0] for e in scope.experiments) else []
    columns = ["observableId", *before, "simulationConditionId", "time", "measurement", *said, *others]
    records: list[Any] = table.to_dict("records")
    rows = []
    for k in scope.rows:
        first, second = pairs.of(records[k]["experimentId"])
        rows.append({**records[k], "preequilibrationConditionId": first, "simulationConditionId": second})
    return tsv(columns, rows)
