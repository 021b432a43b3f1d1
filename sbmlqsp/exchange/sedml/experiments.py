"""Tasks of a SED-ML document as experiments of this package."""

from __future__ import annotations

from collections.abc import Iterator

from sbmlqsp.exchange.sedml.document import Content, DataGenerator, SteadyState
from sbmlqsp.exchange.sedml.mathml import AGGREGATES
from sbmlqsp.exchange.sedml.models import Models
from sbmlqsp.exchange.sedml.outputs import key_of
from sbmlqsp.exchange.sedml.tasks import TIME_KEY, Request, Runner, times_of
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
    return tuple(e for task in named for e in _of_task(content, models, task))


def _of_task(content: Content, models: Models, task: str) -> Iterator[Experiment]:
    where = f"the task '{task}'"
    requests = Runner(content, models).plan(task, where=where)
    for number, request in enumerate(requests, 1):
        if isinstance(request.simulation, SteadyState):
            continue
        times, shift = times_of(request.simulation, request.loaded)
        observables = tuple(_observables(content, models, task, request, shift))
        name = task if len(requests) == 1 else f"{task}_{number}"
        if observables:
            yield Experiment(request.loaded.model, times=times, observables=observables,
                             changes=dict(request.settings), id=name)  # fmt: skip


def _observables(content: Content, models: Models, task: str, request: Request, shift: float) -> Iterator[Observable]:
    """Yield what is read of one run alone, with the ids of the data generators."""
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
        if expr != Expr("time"):
            yield Observable(generator.id, to_infix(expr), meaning=generator.name)


def _reduces(generator: DataGenerator) -> bool:
    return generator.calculation.expr.has(*AGGREGATES.values())


def _tree(key: str, shift: float) -> Expr:
    if key == TIME_KEY:
        return Expr("add", (Expr("time"), num(shift))) if shift else Expr("time")
    meaning, _, name = key.partition("(")
    return Expr(meaning, (sym(name.rstrip(")")),)) if name else sym(key)
