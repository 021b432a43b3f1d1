"""What both versions write: tables as text, names as the models have them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sbmlqsp.exchange.petab.scope import Scope
from sbmlqsp.expressions import Expr, substitute, sym

if TYPE_CHECKING:
    from sbmlqsp.exchange.petab.problem import PetabProblem

__all__ = ["model_files", "shown", "tsv", "without_aliases", "yaml_text"]


def shown(value: Any) -> str:
    """Return a cell: empty for None, the shortest exact text of a number."""
    if value is None:
        return ""
    return repr(float(value)) if isinstance(value, float) else str(value)


def tsv(columns: Sequence[str], rows: Iterable[Mapping[Any, Any]]) -> str:
    """Return a table as text."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter="\t", lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([shown(row.get(c)) for c in columns] for row in rows)
    return out.getvalue()


def yaml_text(content: Any) -> str:
    """Return the text of a YAML file."""
    import yaml

    return str(yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=120))


def model_files(problem: PetabProblem) -> dict[str, str]:
    """Return the name of each model's file, by the model's id in the problem."""
    if len(problem.models) == 1:
        return {next(iter(problem.models)): "model.xml"}
    return {name: f"{name}.xml" for name in problem.models}


def without_aliases(problem: PetabProblem) -> PetabProblem:
    """Return the problem with every name as its models have it, and without a mapping."""
    if not problem.mapping:
        return problem
    scopes = [Scope(problem, name) for name in problem.models]
    names = {n: next(f for s in scopes if (f := s.flat(n))) for n in problem.mapping}

    def own(expr: Expr) -> Expr:
        return substitute(expr, {n: sym(flat) for n, flat in names.items()})

    conditions = {
        c.id: replace(c, changes={names.get(t, t): own(e) for t, e in c.changes.items()}, where={})
        for c in problem.conditions.values()
    }
    observables = {o.id: replace(o, formula=own(o.formula), noise=own(o.noise)) for o in problem.observables.values()}
    parameters = [replace(p, id=names.get(p.id, p.id)) for p in problem.parameters.values()]
    table = problem.measurements.copy()
    for column in {"observableParameters", "noiseParameters"} & set(table.columns):
        table[column] = [
            ";".join(names.get(p.strip(), p.strip()) for p in t.split(";")) if t else "" for t in table[column]
        ]
    return replace(
        problem, conditions=conditions, observables=observables, parameters={p.id: p for p in parameters},
        measurements=table, mapping={},
    )  # fmt: skip
