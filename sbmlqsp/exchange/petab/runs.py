"""All simulations that a problem's measurements ask for."""

from __future__ import annotations

import base64
import math
import pickle
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from sbmlqsp.compiled import LOCK
from sbmlqsp.engine.guard import guarded, guarding, unguarded
from sbmlqsp.engine.roadrunner import quiet
from sbmlqsp.errors import DataError, QSPError, SimulationError
from sbmlqsp.exchange.petab.nouns import BEFORE, Period, PetabObservable
from sbmlqsp.exchange.petab.periods import Course, PeriodRunner, State
from sbmlqsp.exchange.petab.resting import Resting
from sbmlqsp.exchange.petab.scope import Scope
from sbmlqsp.exchange.petab.sheets import as_number
from sbmlqsp.expressions import Expr, evaluate
from sbmlqsp.units.names import known_atoms, remember

if TYPE_CHECKING:
    from sbmlqsp.exchange.petab.problem import PetabProblem

__all__ = ["Runs", "Simulated", "rehearsed"]

AS_IS = (Period(0.0),)
"""The experiment of measurements that name none: the model as it is, from time 0."""


@dataclass(frozen=True, slots=True)
class Simulated:
    """The value of the observable and the scale of its noise, for every measurement."""

    simulated: Any
    noise: Any


@dataclass(frozen=True, slots=True)
class _Batch:
    """Measurements of one observable with the same values of its placeholders, and its formulas in the model's ids."""

    observable: PetabObservable
    formula: Expr
    noise: Expr
    given: Mapping[str, str]
    rows: Any
    times: Any


class Runs:
    """Runs a problem for one set of parameters after another.

    Parameters
    ----------
    problem : PetabProblem
    """

    def __init__(self, problem: PetabProblem) -> None:
        self._problem = problem
        self._rehearsed = False

    @cached_property
    def _models(self) -> tuple[_ModelRuns, ...]:
        scopes = (Scope(self._problem, name) for name in self._problem.models)
        return tuple(_ModelRuns(scope) for scope in scopes if scope.rows)

    def __call__(self, values: Mapping[str, float]) -> Simulated:
        """Simulate every measurement under the values of all parameters."""
        self._rehearse(values)
        size = len(self._problem.measurements)
        out = Simulated(np.full(size, math.nan), np.full(size, math.nan))
        with LOCK, quiet():
            for runs in self._models:
                runs.into(out, values)
        self._refuse_unusable(out.simulated)
        return out

    def _rehearse(self, values: Mapping[str, float]) -> None:
        """Where a stranger wrote a model, run all of it once where a crash does no harm and a clock runs."""
        problem = self._problem
        if self._rehearsed or not guarding() or not any(m.untrusted for m in problem.models.values()):
            return
        packed = pickle.dumps((replace(problem, population=None), dict(values), known_atoms()))
        sent = {"packed": base64.b64encode(packed).decode("ascii")}
        guarded(rehearsed, sent, where=f"the PEtab problem of {', '.join(problem.models)}", doing="running")
        self._rehearsed = True

    def _refuse_unusable(self, simulated: Any) -> None:
        bad = np.flatnonzero(~np.isfinite(simulated))
        if len(bad):
            row = int(bad[0])
            name = self._problem.measurements["observableId"].iloc[row]
            raise SimulationError(
                f"the observable '{name}' has no finite value", value=float(simulated[row]),
                where=self._problem.places[row] or None,
            )  # fmt: skip


def rehearsed(*, packed: str) -> None:
    """Run what this package has packed in the process that asks."""
    problem, values, atoms = pickle.loads(base64.b64decode(packed))  # noqa: S301 # from the parent
    remember(atoms)
    with unguarded():
        Runs(problem)(values)


class _ModelRuns:
    """The experiments that are run on one model."""

    def __init__(self, scope: Scope) -> None:
        self.scope, self.problem = scope, scope.problem
        self._batches = {name: self._batched(rows) for name, rows in scope.experiments.items()}

    @cached_property
    def runner(self) -> PeriodRunner:
        """What runs the model."""
        return PeriodRunner(self.scope.model, self.scope.read())

    @cached_property
    def resting(self) -> Resting:
        """What finds its steady states."""
        return Resting(self.runner)

    def _batched(self, rows: Sequence[int]) -> list[_Batch]:
        table = self.problem.measurements
        empty = [""] * len(table)
        names = ("observableId", "observableParameters", "noiseParameters")
        columns = [table[c].tolist() if c in table else empty for c in names]
        times = table["time"].to_numpy(dtype=float)
        groups: dict[tuple[str, ...], list[int]] = {}
        for k in rows:
            groups.setdefault(tuple(c[k] for c in columns), []).append(k)
        return [self._batch(key, np.array(mine), times[mine]) for key, mine in groups.items()]

    def _batch(self, key: Sequence[str], rows: Any, times: Any) -> _Batch:
        observable, overrides, noise = key
        o = self.problem.observables[observable]
        given = dict(zip(o.placeholders, _split(overrides), strict=True))
        given |= dict(zip(o.noise_placeholders, _split(noise), strict=True))
        return _Batch(o, self.scope.resolve(o.formula), self.scope.resolve(o.noise), given, rows, times)

    def into(self, out: Simulated, values: Mapping[str, float]) -> None:
        """Run every experiment of this model."""
        rested: dict[Any, State] = {}
        for name, batches in self._batches.items():
            periods = self.problem.experiments[name] if name else AS_IS
            try:
                _ExperimentRun(self, periods, batches, values, rested).into(out)
            except QSPError as err:
                where = f"experiment '{name}'" if name else "the model as it is"
                raise err.changed(where=f"{where}, {err.where}" if err.where else where) from None


class _ExperimentRun:
    """One experiment on one model, under one set of parameters."""

    def __init__(
        self,
        runs: _ModelRuns,
        periods: Sequence[Period],
        batches: Sequence[_Batch],
        values: Mapping[str, float],
        rested: dict[Any, State],
    ) -> None:
        self._scope, self._runner, self._resting = runs.scope, runs.runner, runs.resting
        self._periods, self._batches, self._values, self._rested = periods, batches, values, rested
        self._outputs: dict[str, float] = {}

    def into(self, out: Simulated) -> None:
        """Run the periods, one after another."""
        state, coming = self._begun()
        ends = [*(p.time for p in coming), math.inf]
        for k, end in enumerate(ends):
            times = sorted({t for b in self._batches for t in b.times.tolist() if state.time <= t < end})
            course = self._runner.run(state, times, until=end if k < len(coming) else None)
            self._enter(out, course, begin=state.time, end=end)
            if k < len(coming):
                state = self._changed(course.end, course.closing, coming[k])
        if any(np.isinf(b.times).any() for b in self._batches):
            self._enter(out, self._runner.read(self._resting.from_(state)), begin=math.inf, end=math.nan)

    def _begun(self) -> tuple[State, Sequence[Period]]:
        """Return the state at the first time that is shown, and the periods that come after."""
        first, *later = self._periods
        time = 0.0 if first.time == BEFORE else first.time
        changes = self._evaluated(first, {}, time=time)
        named = {self._scope.flat(n): v for n, v in self._values.items()}
        overrides = {n: v for n, v in named.items() if n is not None} | changes
        if first.time != BEFORE:
            return self._runner.start(overrides, time=time), later
        key = tuple(sorted(overrides.items()))
        if key not in self._rested:
            self._rested[key] = self._resting.from_(self._runner.start(overrides, time=time))
        state, (after, *later) = self._rested[key], later
        return self._changed(state, self._runner.read(state).closing, after), later

    def _changed(self, state: State, shown: Mapping[str, float], period: Period) -> State:
        return self._runner.changed(state, self._evaluated(period, shown, time=period.time), time=period.time)

    def _evaluated(self, period: Period, shown: Mapping[str, float], *, time: float) -> dict[str, float]:
        """Return what a period changes in the model; what it changes in observables alone is noted."""
        env = {**self._values, **self._outputs, **shown}
        changes, outputs = dict[str, float](), dict[str, float]()
        for name in period.conditions:
            condition = self._scope.problem.conditions[name]
            for target, formula in condition.changes.items():
                value = float(evaluate(self._scope.resolve(formula), env, time=time))
                if not math.isfinite(value):
                    raise SimulationError(
                        f"the new value of '{target}' is not finite", value=value, where=condition.where.get(target)
                    )
                flat = self._scope.flat(target)
                (outputs if flat is None else changes)[flat or target] = value
        self._outputs |= outputs
        return changes

    def _enter(self, out: Simulated, course: Course, *, begin: float, end: float) -> None:
        """Read the observables of the measurements from a time on and before another."""
        for batch in self._batches:
            mine = np.isinf(batch.times) if math.isinf(begin) else (batch.times >= begin) & (batch.times < end)
            if not mine.any():
                continue
            times = batch.times[mine]
            at = np.zeros(len(times), dtype=int) if math.isinf(begin) else np.searchsorted(course.times, times)
            env: dict[str, Any] = {**self._values, **self._outputs, **{n: v[at] for n, v in course.columns.items()}}
            for name, text in batch.given.items():
                number = as_number(text)
                env[name] = self._values[text] if number is None else number
            try:
                seen = np.broadcast_to(np.asarray(evaluate(batch.formula, env, time=times), dtype=float), times.shape)
                noise = evaluate(batch.noise, {**env, batch.observable.id: seen}, time=times)
            except KeyError as err:  # only what conditions set can be missing
                raise DataError(
                    f"the observable '{batch.observable.id}' reads '{err.args[0]}', which no condition has set",
                    where=self._scope.problem.places[int(batch.rows[mine][0])],
                    remedy="set it by a condition of the first period",
                ) from None
            out.simulated[batch.rows[mine]], out.noise[batch.rows[mine]] = seen, noise


def _split(text: str) -> tuple[str, ...]:
    return tuple(p.strip() for p in text.split(";")) if text else ()
