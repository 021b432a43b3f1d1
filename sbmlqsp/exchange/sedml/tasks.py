"""Tasks run: models and simulations of a document through this package's own engines, as trees of arrays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sbmlqsp.errors import DataError, QSPError, SimulationError, UnsupportedError, did_you_mean
from sbmlqsp.exchange.sedml.document import (
    Content,
    OneStep,
    RepeatedTask,
    SetValue,
    Simulation,
    SteadyState,
    SubTask,
    Task,
    UniformTimeCourse,
)
from sbmlqsp.exchange.sedml.kisao import Method, method_of
from sbmlqsp.exchange.sedml.models import Loaded, Models
from sbmlqsp.exchange.sedml.ranges import Iterations, value_of
from sbmlqsp.exchange.sedml.states import State, end_keys
from sbmlqsp.experiment import Experiment
from sbmlqsp.model import dotted
from sbmlqsp.observation import Observable

__all__ = ["TIME_KEY", "Branch", "Leaf", "Request", "Runner", "leaves_of", "method_for", "simulation_of", "times_of"]

TIME_KEY = "@time"
MAX_RUNS = 100_000


@dataclass
class Leaf:
    """One run of a simulation: its values by key, along time or, of a steady state, single numbers."""

    model: str
    arrays: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Branch:
    """The runs of a repeated task: for each iteration those of its subtasks."""

    task: RepeatedTask
    iterations: tuple[tuple[Leaf | Branch, ...], ...]


@dataclass(frozen=True)
class Request:
    """A run to make: in which state, into which leaf."""

    task: Task
    simulation: Simulation
    loaded: Loaded
    settings: Mapping[str, float]
    leaf: Leaf


# ---------------------------------------------------------------------------------------------------------- the plan
def leaves_of(content: Content, name: str, *, where: str, above: tuple[str, ...] = ()) -> Iterator[Task]:
    """Yield the plain tasks that a task comes to, each as often as it is named.

    Raises
    ------
    DataError
        A task is missing, or repeats itself.
    """
    task = task_of(content, name, where=where)
    if isinstance(task, Task):
        yield task
        return
    if name in above:
        raise DataError("tasks repeat each other in a circle", value=" → ".join([*above, name]), where=where)
    for sub in task.subtasks:
        yield from leaves_of(content, sub.task, where=sub.where, above=(*above, name))


def task_of(content: Content, name: str, *, where: str) -> Task | RepeatedTask:
    """Return a task by id."""
    found = content.tasks.get(name)
    if found is None:
        raise DataError(f"there is no task '{name}'", where=where, remedy=did_you_mean(name, content.tasks))
    return found


def simulation_of(content: Content, task: Task) -> Simulation:
    """Return the simulation of a plain task."""
    found = content.simulations.get(task.simulation)
    if found is None:
        raise DataError(f"there is no simulation '{task.simulation}'", where=task.where,
                        remedy=did_you_mean(task.simulation, content.simulations))  # fmt: skip
    return found


def method_for(content: Content, task: Task) -> Method:
    """Return how a plain task is run."""
    simulation = simulation_of(content, task)
    steady = isinstance(simulation, SteadyState)
    return method_of(simulation.algorithm, content.settings, steady=steady, where=simulation.where)


def times_of(simulation: UniformTimeCourse | OneStep, loaded: Loaded) -> tuple[Any, float]:
    """Return the output times of a run that begins at time 0, and what is added to them in results.

    Raises
    ------
    UnsupportedError
        The simulation begins at another time, and the model has time in its formulas or events.
    """
    if isinstance(simulation, OneStep):
        return np.array([simulation.step]), 0.0
    if simulation.initial:
        end_keys(loaded.model.network, where=simulation.where)
    course = simulation.start + (simulation.end - simulation.start) / max(simulation.steps, 1) * np.arange(
        simulation.steps + 1
    )
    course[-1] = simulation.end
    return course - simulation.initial, simulation.initial


class Runner:
    """Runs the tasks of a document."""

    def __init__(self, content: Content, models: Models) -> None:
        self._content, self._models = content, models
        self._iterations = Iterations(content, models)

    def run(self, name: str, wants: Mapping[str, Sequence[str]], *, where: str) -> Leaf | Branch:
        """Run a task; ``wants`` are the keys to put out, by model."""
        self._begin(name, wants, where)
        tree = self._walk(task_of(self._content, name, where=where))
        self._flush()
        return tree

    def plan(self, name: str, *, where: str) -> list[Request]:
        """Return the runs that a task comes to, without making them.

        Raises
        ------
        UnsupportedError
            One goes on from the state that another leaves.
        """
        self._begin(name, {}, where)
        if self._stepwise:
            raise UnsupportedError("runs go on from the state that others left, which no experiment does", where=where,
                                   remedy="run the document itself, with run_sedml")  # fmt: skip
        self._walk(task_of(self._content, name, where=where))
        return self._requests

    def _begin(self, name: str, wants: Mapping[str, Sequence[str]], where: str) -> None:
        tasks = list(leaves_of(self._content, name, where=where))
        self._states = {t.model: State(self._models.get(t.model, where=t.where)) for t in tasks}
        self._wants, self._requests = wants, list[Request]()
        self._stepwise = self._goes_on(name)

    def _goes_on(self, name: str) -> bool:
        """Say whether some run begins where another ended."""
        task = self._content.tasks[name]
        if isinstance(task, Task):
            return False
        models = [{t.model for t in leaves_of(self._content, s.task, where=s.where)} for s in task.subtasks]
        shared = sum(map(len, models)) > len(set[str]().union(*models))
        again = not task.reset and len(self._iterations.of(task)) > 1
        return shared or again or any(self._goes_on(s.task) for s in task.subtasks)

    # --------------------------------------------------------------------------------------------------------- walking
    def _walk(self, task: Task | RepeatedTask) -> Leaf | Branch:
        if isinstance(task, Task):
            return self._leaf(task)
        subtasks = _ordered(task)
        self._refuse_lost_changes(task)
        iterations = []
        inside = {t.model for s in subtasks for t in leaves_of(self._content, s.task, where=s.where)}
        for values in self._iterations.of(task):
            if task.reset:
                for model in inside:
                    self._states[model].reset()
            self._set(task.changes, values)
            row = []
            for sub in subtasks:
                self._set(sub.changes, values)
                row.append(self._walk(task_of(self._content, sub.task, where=sub.where)))
            iterations.append(tuple(row))
        return Branch(task, tuple(iterations))

    def _refuse_lost_changes(self, task: RepeatedTask) -> None:
        """Refuse changes that a repetition within resets again, or does not, by the tool."""
        changed = {c.model for c in (*task.changes, *(c for s in task.subtasks for c in s.changes))}
        for sub in task.subtasks:
            inner = self._content.tasks.get(sub.task)
            if isinstance(inner, RepeatedTask) and inner.reset:
                models = {t.model for t in leaves_of(self._content, inner.id, where=inner.where)}
                if models & changed:
                    raise UnsupportedError(
                        f"'{task.id}' changes the model '{min(models & changed)}', which '{inner.id}' within it resets:"
                        " tools differ in whether the change is kept", where=task.where,
                        remedy=f"set resetModel of '{inner.id}' to false, and of '{task.id}' to true",
                    )  # fmt: skip

    def _set(self, changes: Sequence[SetValue], values: Mapping[str, float]) -> None:
        _refuse_chained(changes)
        read = [(c, value_of(c.calculation, values, self._current)) for c in changes]
        for change, value in read:
            if change.model not in self._states:
                raise DataError(f"no subtask runs the model '{change.model}'", where=change.where)
            self._states[change.model].put(change, value)

    def _current(self, model: str, target: str, symbol: str, where: str) -> float:
        """Return a value of a model as it is now."""
        state = self._states[model] if model in self._states else State(self._models.get(model, where=where))
        return state.env()[self._iterations.key(state.loaded, target, symbol, where)]

    def _leaf(self, task: Task) -> Leaf:
        state, leaf = self._states[task.model], Leaf(task.model)
        simulation = simulation_of(self._content, task)
        self._requests.append(Request(task, simulation, state.loaded, dict(state.settings), leaf))
        if len(self._requests) > MAX_RUNS:
            raise DataError("the task comes to more runs than are made", value=len(self._requests), where=task.where,
                            expected=f"at most {MAX_RUNS:,}")  # fmt: skip
        if self._stepwise:
            self._advance(state, task)
        return leaf

    # --------------------------------------------------------------------------------------------------------- running
    def _advance(self, state: State, task: Task) -> None:
        """Run what was asked, and take over the state that it leaves."""
        if method_for(self._content, task).kind in {"ssa", "tau-leaping"}:
            raise UnsupportedError("a stochastic task goes on from the state that another left", where=task.where,
                                   remedy="set resetModel to true")  # fmt: skip
        keys = end_keys(state.loaded.model.network, where=task.where)
        [request] = self._requests
        self._requests = []
        found = self._results([request], [*self._wanted(task), *keys])[0]
        if isinstance(request.simulation, OneStep):  # goes on in time as well, where a course begins anew
            found[TIME_KEY] = found[TIME_KEY] + state.clock
        request.leaf.arrays.update({k: v for k, v in found.items() if k == TIME_KEY or k in self._wanted(task)})
        state.moves_to({k: float(np.atleast_1d(found[k])[-1]) for k in keys})
        state.clock = float(found[TIME_KEY][-1]) if TIME_KEY in found else state.clock

    def _wanted(self, task: Task) -> list[str]:
        return list(self._wants.get(task.model, ()))

    def _flush(self) -> None:
        """Make all runs that wait, those of one task together."""
        groups: dict[tuple[str, tuple[str, ...]], list[Request]] = {}
        for request in self._requests:
            groups.setdefault((request.task.id, tuple(sorted(request.settings))), []).append(request)
        for requests in groups.values():
            for request, found in zip(requests, self._results(requests, self._wanted(requests[0].task)), strict=True):
                request.leaf.arrays.update(found)
        self._requests = []

    def _results(self, requests: Sequence[Request], keys: Sequence[str]) -> list[dict[str, Any]]:
        first, keys = requests[0], list(dict.fromkeys(keys))
        method = method_for(self._content, first.task)
        try:
            if isinstance(first.simulation, SteadyState):
                return _at_rest(requests, keys, method)
            return _over_time(requests, keys, method)
        except QSPError as err:
            where = first.task.where
            raise err.changed(where=f"{where}, {err.where}" if err.where else where) from None


def _ordered(task: RepeatedTask) -> tuple[SubTask, ...]:
    orders = [s.order for s in task.subtasks]
    if len(orders) > 1 and (None in orders or len(set(orders)) < len(orders)):
        raise UnsupportedError("the order of subtasks is left open", value=orders, where=task.where,
                               remedy="give each subTask an order of its own")  # fmt: skip
    return tuple(sorted(task.subtasks, key=lambda s: s.order or 0.0))


def _refuse_chained(changes: Sequence[SetValue]) -> None:
    """Refuse changes that read what others of the same moment set."""
    targets = {(c.model, c.target) for c in changes}
    for change in changes:
        for v in change.calculation.variables:
            if (v.model or change.model, v.target) in targets:
                raise UnsupportedError(
                    f"'{v.id}' is read by one change and set by another of the same moment: tools differ in the order",
                    where=v.where, remedy="write both in terms of the range",
                )  # fmt: skip


def _at_rest(requests: Sequence[Request], keys: Sequence[str], method: Method) -> list[dict[str, Any]]:
    from sbmlqsp.steady import steady_states

    model, out = requests[0].loaded.model, []
    for request, found in zip(
        requests, steady_states(model, [r.settings for r in requests], tolerances=method.tolerances), strict=True
    ):
        if isinstance(found, QSPError):
            raise found
        state = State(request.loaded, dict(request.settings))
        symbols = model.network.symbols
        plain = {n: float(found.values[dotted(n)]) for n in model.network.dynamic if n in symbols}
        state.moves_to(plain)
        env = state.env()
        out.append({k: float(env[k]) for k in keys})
    return out


def _over_time(requests: Sequence[Request], keys: Sequence[str], method: Method) -> list[dict[str, Any]]:
    import pandas as pd

    from sbmlqsp.simulate import simulate

    first, count = requests[0], len(requests)
    assert isinstance(first.simulation, UniformTimeCourse | OneStep)
    times, shift = times_of(first.simulation, first.loaded)
    names = {key: f"v{i}" for i, key in enumerate(keys)}
    shared = {k: v for k, v in first.settings.items() if all(r.settings[k] == v for r in requests)}
    own = [k for k in first.settings if k not in shared]
    observables = [Observable(n, formula=k) for k, n in names.items()] or [Observable("v0", formula="time")]
    experiment = Experiment(first.loaded.model, times=times, observables=tuple(observables), changes=shared,
                            id=first.task.id)  # fmt: skip
    how: dict[str, Any] = {"tolerances": method.tolerances}
    if method.kind != "ode":
        how = {"method": method.kind, "seed": method.seed or 0, "replicates": 1 if own else count}
        how |= {"epsilon": method.epsilon} if method.epsilon else {}
    people = (
        pd.DataFrame({k: [r.settings[k] for r in requests] for k in own}, index=range(1, count + 1)) if own else None
    )
    results = simulate(experiment, subjects=people, progress=False, **how)
    if int(results["status"].to_numpy().max()) > 0:
        raise SimulationError("a run failed", where=first.task.where)
    rows = {k: results[n].to_numpy().reshape(-1, len(times)) for k, n in names.items()}
    return [{TIME_KEY: times + shift} | {k: v[min(i, len(v) - 1)] for k, v in rows.items()} for i in range(count)]
