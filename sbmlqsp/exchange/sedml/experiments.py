"""Tasks of a SED-ML document as experiments of this package."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from sbmlqsp.exchange.sedml.document import Content, DataGenerator, Report, SteadyState
from sbmlqsp.exchange.sedml.mathml import AGGREGATES
from sbmlqsp.exchange.sedml.models import Models
from sbmlqsp.exchange.sedml.outputs import key_of
from sbmlqsp.exchange.sedml.tasks import TIME_KEY, Request, Runner, task_of, times_of
from sbmlqsp.experiment import Experiment
from sbmlqsp.expressions import Expr, num, substitute, sym, to_infix
from sbmlqsp.observation import Observable

__all__ = ["experiments_of"]


def experiments_of(content: Content, models: Models) -> tuple[Experiment, ...]:
    """Return one experiment for every run over time that a data generator reads.

    Raises
    ------
    UnsupportedError
        A task goes on from the state that another left: no experiment begins so.
    """
    named = dict.fromkeys(v.task for g in content.generators.values() for v in g.calculation.variables)
    found = _joined([pair for task in named for pair in _of_task(content, models, task)])
    names = [name for name, _ in found]
    return tuple(replace(e, id=name) if names.count(name) == 1 else e for name, e in found)


def _joined(found: Iterable[tuple[str, Experiment]]) -> list[tuple[str, Experiment]]:
    """Return one experiment for runs that differ in nothing but their times, as several time courses of one do."""
    out: list[tuple[str, Experiment]] = []
    for name, e in found:
        for i, (other, first) in enumerate(out):
            same = (first.model.digest, first.changes, first.observables) == (e.model.digest, e.changes, e.observables)
            if name == other and same:
                out[i] = name, replace(first, times=sorted({*first.times, *e.times}))
                break
        else:
            out.append((name, e))
    return out


def _of_task(content: Content, models: Models, task: str) -> Iterator[tuple[str, Experiment]]:
    where = f"the task '{task}'"
    requests = _different(Runner(content, models).plan(task, where=where))
    for number, request in enumerate(requests, 1):
        if isinstance(request.simulation, SteadyState):
            continue
        times, shift = times_of(request.simulation, request.loaded)
        observables = tuple(_observables(content, models, task, request, shift))
        some = "" if len(requests) == 1 else f"_{number}"
        if observables:
            title = task_of(content, task, where=where).name or task
            yield f"{title}{some}", Experiment(request.loaded.model, times=times, observables=observables,
                                               changes=dict(request.settings), id=f"{task}{some}")  # fmt: skip


def _different(requests: Iterable[Request]) -> list[Request]:
    """Return runs without those that repeat an earlier one, as the cells of a stochastic task do."""
    found = {(r.task.id, tuple(sorted(r.settings.items()))): r for r in reversed(list(requests))}
    return list(reversed(found.values()))


def _observables(content: Content, models: Models, task: str, request: Request, shift: float) -> Iterator[Observable]:
    """Yield what is read of one run alone, under the labels that reports give it."""
    labels = _labels(content)
    seen: set[str] = set()
    for generator in content.generators.values():
        variables = generator.calculation.variables
        if not variables or any(v.task != task for v in variables) or _reduces(generator):
            continue
        read = {v.id: key_of(content, models, v) for v in variables}
        if any(model != request.task.model for model, _ in read.values()):
            continue
        names = {name: _tree(key, shift) for name, (_, key) in read.items()}
        names |= {name: num(value) for name, value in generator.calculation.parameters.items()}
        expr = substitute(generator.calculation.expr, names)
        if expr == Expr("time"):
            continue
        label = labels.get(generator.id, generator.id)
        name = generator.id if label in seen else label
        seen.add(name)
        yield Observable(name, to_infix(expr), meaning=generator.name)


def _labels(content: Content) -> dict[str, str]:
    reports = [o for o in content.outputs.values() if isinstance(o, Report)]
    return {s.data: s.label for r in reversed(reports) for s in reversed(r.sets)}


def _reduces(generator: DataGenerator) -> bool:
    calculation = generator.calculation
    return calculation.expr.has(*AGGREGATES.values()) or any(v.term for v in calculation.variables)


def _tree(key: str, shift: float) -> Expr:
    if key == TIME_KEY:
        return Expr("add", (Expr("time"), num(shift))) if shift else Expr("time")
    meaning, _, name = key.partition("(")
    return Expr(meaning, (sym(name.rstrip(")")),)) if name else sym(key)
