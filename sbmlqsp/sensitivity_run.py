"""Values and derivatives of what is observed, as arrays, for every subject of an arm."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sbmlqsp.arm_start import ArmStart
from sbmlqsp.batch import KERNEL
from sbmlqsp.clock import Clock
from sbmlqsp.compiled import state_scales
from sbmlqsp.engine.initial import static_symbols
from sbmlqsp.engine.instants import Instants
from sbmlqsp.engine.jumps import INFLOW
from sbmlqsp.engine.ode_sensitivity_batch import SensitiveBatch, Slopes
from sbmlqsp.engine.ode_sensitivity_refusals import refuse_jumps, refuse_triggers
from sbmlqsp.engine.tangents import Tangents, initial_tangents
from sbmlqsp.engine.tolerances import Tolerances
from sbmlqsp.errors import ExperimentError, ModelError, QSPError, UnsupportedError, did_you_mean
from sbmlqsp.experiment import Experiment, observable_unit, resolve_setting, symbol_of
from sbmlqsp.expressions import Expr, substitute, sym
from sbmlqsp.model import Model, dotted, flat_id
from sbmlqsp.runner import FAILED, IMPOSSIBLE, NOT_FINITE, OK
from sbmlqsp.sensitivity_doses import DoseSlopes, Instant, dose_slopes, moves_of, moving_instants, switch_instants
from sbmlqsp.sensitivity_rest import rested_tangents
from sbmlqsp.sensitivity_steady import Cycle, refuse_series, seen_states, steadied
from sbmlqsp.steady.approach import SideBySide, state_columns
from sbmlqsp.steady.starting import People
from sbmlqsp.subjects import Subjects, dose_symbols, individual_of
from sbmlqsp.units import convert

__all__ = ["Derivatives", "Differentiated", "parameter_keys"]

_CACHE: OrderedDict[Any, SensitiveBatch] = OrderedDict()
_CACHE_SIZE = 16


@dataclass(frozen=True)
class Derivatives:
    """What subjects gave.

    Parameters
    ----------
    levels : ndarray of shape (subjects, times, observables)
        In the units of the observables; NaN where a run failed.
    slopes : ndarray of shape (subjects, times, observables, parameters)
        Their derivatives, per unit of the parameter in the model.
    status : ndarray of int
    messages : list of str
    """

    levels: Any
    slopes: Any
    status: Any
    messages: list[str]


def parameter_keys(experiment: Experiment, subjects: Subjects, parameters: Sequence[str]) -> dict[str, str]:
    """Return by parameter the flat key of the symbol that it sets, or the column that doses read.

    Raises
    ------
    ExperimentError
        A parameter is neither, cannot be set, or is named twice.
    """
    network, out = experiment.model.network, dict[str, str]()
    for name in parameters:
        known = flat_id(symbol_of(name)) in network.symbols
        if not known and (name not in subjects.numbers or name not in dose_symbols(experiment)):
            names = [*map(dotted, network.symbols), *subjects.numbers]
            raise ExperimentError(
                f"'{name}' is neither a symbol of the model '{experiment.model.id}' nor a column that its doses read",
                remedy=did_you_mean(name, names),
            )
        key = resolve_setting(experiment.model, name) if known else name
        if key in out.values():
            raise ExperimentError("a parameter is named twice", value=name)
        out[name] = key
    if not out:
        raise ExperimentError("no parameters are named", expected="at least one, such as ['CL', 'V']")
    return out


class Differentiated:
    """An arm made ready for its sensitivities.

    Parameters
    ----------
    experiment : Experiment
    subjects : Subjects
    parameters : sequence of str
        Symbols of the model, in the meaning of ``Experiment.changes``, or columns that doses read.

    Raises
    ------
    UnsupportedError
        Something that has no derivative, or that the kernel does not run: which.
    """

    def __init__(self, experiment: Experiment, subjects: Subjects, parameters: Sequence[str]) -> None:
        _refuse(experiment, subjects)
        self._experiment, self._subjects, self._size = experiment, subjects, len(subjects)
        self._network, self._steady = experiment.model.network, any(d.steady_state for d in experiment.regimen)
        self.keys = parameter_keys(experiment, subjects, parameters)
        start = ArmStart.of(experiment, subjects, None)
        dosed = _dosed(start.deliveries)
        seen = (*start.outputs, *(state_columns(self._network) if experiment.at_rest else ()))
        self._batch = _batch_for(experiment.model, dosed, self._observed(), tuple(dict.fromkeys(seen)))
        if experiment.at_rest:
            start = ArmStart.of(experiment, subjects, SideBySide(self._batch, KERNEL, None))
        self._start, self._env, self._deliveries = start, start.env, start.deliveries
        self._known = self._differentiated_start()
        self._doses = dose_slopes(experiment, self._deliveries, self._known)
        self._moving = self._moving_constants(dosed)
        self._starts, self._constants = self._batch.starts(self._env, self._size)
        self._of_states = self._stacked([f"amount({s})" if f"amount({s})" in self._env else s
                                         for s in self._batch.states])  # fmt: skip
        self._first = self._starts, self._constants, self._of_states
        amount = self._deliveries.amount
        self._scales = state_scales(self._batch.states, self._env, self._deliveries.targets, amount, self._size)
        read = sorted(self._batch.switches.reads & static_symbols(self._network))
        self._timing = {n: np.broadcast_to(self._env[n], (self._size,)) for n in read}
        self._clock = Clock(experiment, self._batch.switches, self._local, self._deliveries)

    def _differentiated_start(self) -> Tangents:
        symbols = self._network.symbols
        fixed = {**self._experiment.overrides, **individual_of(self._experiment, self._subjects)}
        places = {key: i for i, key in enumerate(self.keys.values())}
        seeds = {key: i for key, i in places.items() if symbol_of(key) in symbols}
        count = len(places)
        if self._experiment.at_rest:
            people = People(self._experiment.model, fixed, self._env, self._size)
            start = rested_tangents(people, self._start.refused, seeds=seeds, count=count)
        else:
            start = initial_tangents(self._network, self._env, fixed=fixed, seeds=seeds, rows=self._size, count=count)
        known = Tangents({**self._subjects.numbers, **self._env}, self._size, count)
        known.by_name = start.by_name
        for key in places.keys() - seeds:
            known.put(key, np.eye(count)[places[key]])
        for name, slopes in known.by_name.items():
            if not np.isfinite(slopes).all() and np.isfinite(known.column(name)).all():
                raise ModelError(
                    f"the value of '{dotted(name)}' at the start has no finite derivative by "
                    f"'{list(self.keys)[int(np.argmin(np.isfinite(slopes).all(axis=0)))]}'",
                    where=f"'{self._experiment.model.id}'", remedy="change the values a little",
                )  # fmt: skip
        return known

    def _observed(self) -> list[Expr]:
        own = [substitute(o.expr, {n: sym(flat_id(n)) for n in o.expr.symbols()}) for o in self._experiment.observables]
        return [*own, *seen_states(self._network)] if self._steady else own

    def _moving_constants(self, dosed: Mapping[str, bool]) -> tuple[str, ...]:
        given = any(n in self._known or flat_id(n) in self._known for n in dose_symbols(self._experiment))
        fed = {INFLOW + target for target in dosed} | set(dosed) if given else set()
        fed |= self._batch.assigned
        return tuple(c for c in self._batch.equations.constants if c in self._known or c in fed)

    def _local(self, row: int) -> dict[str, float]:
        return {n: float(v[row]) for n, v in self._timing.items()}

    # --------------------------------------------------------------------------------------------------------- running
    def run(self, *, tolerances: Tolerances = KERNEL, threads: int | None = None) -> Derivatives:
        """Run every subject; what fails is run again with tighter tolerances.

        Raises
        ------
        UnsupportedError
            What is put out at an instant that moves has no derivative.
        """
        shape = (self._size, len(self._experiment.times), len(self._experiment.observables))
        out = Derivatives(np.full(shape, np.nan), np.full((*shape, len(self.keys)), np.nan),
                          np.zeros(self._size, dtype=np.int8), [""] * self._size)  # fmt: skip
        for row, why in self._start.refused.items():
            out.status[row], out.messages[row] = IMPOSSIBLE, str(why)
        good = np.flatnonzero(out.status == OK)
        if good.size and self._steady:
            for row, why in self._settle(good, tolerances, threads).items():
                out.status[row], out.messages[row] = FAILED, str(why)
            good = np.flatnonzero(out.status == OK)
        if good.size:
            self._fill(out, good, tolerances, threads)
        return out

    def _settle(self, rows: Any, tolerances: Tolerances, threads: int | None) -> Mapping[int, QSPError]:
        """Start in the steady state of the first doses; return who has none, and why."""
        cycle = Cycle(self._experiment, self._start, self._batch, *self._first, self._stacked(self._moving),
                      self._moving, self._doses, self._scales, self._sizes())  # fmt: skip
        found = steadied(cycle, rows, tolerances, threads)
        self._starts, self._of_states = found.states, found.of_states
        return found.refused

    def _fill(self, out: Derivatives, rows: Any, tolerances: Tolerances, threads: int | None) -> None:
        found = self._integrate(rows, tolerances, threads)
        again = np.flatnonzero(found.status)
        if again.size:
            second = self._integrate(rows[again], tolerances.tighter(), threads)
            for j, k in enumerate(again.tolist()):
                found.out[k] = second.out[j]
                if second.status[j]:
                    out.status[rows[k]], out.messages[rows[k]] = FAILED, second.message(j)
        factors = self._factors()
        out.levels[rows], out.slopes[rows] = found.out[..., 0] * factors, found.out[..., 1:] * factors[:, None]
        for k in np.flatnonzero(~np.isfinite(found.out).all(axis=(1, 2, 3))).tolist():
            if out.status[rows[k]] == OK:
                out.status[rows[k]] = NOT_FINITE
                out.messages[rows[k]] = self._where_not_finite(found.out[k])

    def _where_not_finite(self, out: Any) -> str:
        time, column, d = (int(v[0]) for v in np.nonzero(~np.isfinite(out)))
        name = self._experiment.observables[column].id
        of = f"the derivative of '{name}' by '{list(self.keys)[d - 1]}'" if d else f"'{name}'"
        return f"{of} is not finite at time {self._experiment.times[time]:.6g}"

    def _factors(self) -> Any:
        """Return what turns each observable into its unit."""
        out = []
        for o in self._experiment.observables:
            own = observable_unit(self._experiment.model, o)
            out.append(convert(1.0, own, o.unit, molar_mass=o.molar_mass) if o.unit is not None and own else 1.0)
        return np.array(out, dtype=float)

    def _integrate(self, rows: Any, tolerances: Tolerances, threads: int | None) -> Any:
        instructions, which, moves = self._batch.instructions(), np.empty(len(rows), dtype=np.int64), []
        numbers: dict[int, tuple[int, Any]] = {}
        for k, row in enumerate(rows.tolist()):
            timeline = self._clock(row)
            if id(timeline) not in numbers:  # kept, so that its number stays its own
                numbers[id(timeline)] = instructions.add(timeline), timeline
            which[k] = numbers[id(timeline)][0]
            moves.append(self._moves(timeline, row))
        d = self._deliveries
        found = self._batch.differentiate(
            self._starts[rows], self._constants[rows], slopes=self._slopes(rows, moves), moving=self._moving,
            instructions=instructions, which=which, amounts=d.amount[rows], lengths=d.duration[rows],
            scales=self._scales[rows], times=len(self._experiment.times), relative=tolerances.relative,
            absolute=tolerances.absolute, most=tolerances.maximum_steps, threads=threads,
        )  # fmt: skip
        return replace(found, out=found.out[:, :, : len(self._experiment.observables)])  # the rest are states

    def _moves(self, timeline: Any, row: int) -> Any:
        times = self._experiment.times
        moving = moving_instants(self._deliveries, self._doses, row)
        switched = switch_instants(
            self._batch.switches, self._local(row), self._known, row, times[-1], among=bool(moving)
        )
        instants = [*switched, *moving]
        shown = Instants(times)
        for instant in instants:
            if instant.jumps and instant.moves.any() and shown.near(instant.time):
                self._refuse_shown(instant)
        return moves_of(timeline, switched, self._deliveries, self._doses, row, len(self.keys))

    def _refuse_shown(self, instant: Instant) -> None:
        by = [n for n, moved in zip(self.keys, instant.moves, strict=True) if moved]
        raise UnsupportedError(
            f"{instant.what} falls on an output time and moves with '{by[0]}', so what is put out there has no "
            "derivative", value=instant.time, where=f"'{self._experiment.id}'",
            remedy="leave that time out, or ask a little before or after it",
        )  # fmt: skip

    def _slopes(self, rows: Any, moves: Sequence[Any]) -> Slopes:
        count, deepest = len(self.keys), max(len(m) for m in moves)
        table = np.zeros((len(rows), deepest, count))
        for k, own in enumerate(moves):
            table[k, : len(own)] = own
        doses = DoseSlopes(*(a[rows] for a in (self._doses.amounts, self._doses.lengths, self._doses.begins)))
        return Slopes(self._of_states[rows], self._stacked(self._moving)[rows], doses.amounts, doses.lengths,
                      doses.begins, table, self._sizes()[rows])  # fmt: skip

    def _sizes(self) -> Any:
        """Return the parameters themselves, of shape (subjects, directions)."""
        values = [np.broadcast_to(self._known.values[key], (self._size,)) for key in self.keys.values()]
        return np.stack(values, axis=1).astype(float)

    def _stacked(self, names: Sequence[str]) -> Any:
        """Return the derivatives of some names, of shape (subjects, directions, names)."""
        out = np.zeros((self._size, len(self.keys), len(names)))
        for i, name in enumerate(names):
            slopes = self._known.get(name)
            if slopes is not None:
                out[:, :, i] = slopes
        return out


def _batch_for(
    model: Model, dosed: Mapping[str, bool], observed: Sequence[Expr], outputs: Sequence[str]
) -> SensitiveBatch:
    """Return a model made ready for the kernel, once per process."""
    key = (model.digest, tuple(sorted(dosed.items())), tuple(observed), tuple(outputs))
    if key not in _CACHE:
        made = SensitiveBatch(model.network, dosed=dosed, observed=observed, outputs=outputs)
        refuse_jumps(made.equations.system)
        refuse_triggers(made.equations.system)
        _CACHE[key] = made
        while len(_CACHE) > _CACHE_SIZE:
            _CACHE.popitem(last=False)
    _CACHE.move_to_end(key)
    return _CACHE[key]


def _refuse(experiment: Experiment, subjects: Subjects) -> None:
    refuse_series(experiment)
    if subjects.rows is not None:
        raise UnsupportedError(
            "sensitivities do not go through subjects that change on the way yet",
            where=f"'{experiment.id}'",
            remedy="take differences of simulations",
        )


def _dosed(deliveries: Any) -> dict[str, bool]:
    out: dict[str, bool] = {}
    for k, target in enumerate(deliveries.targets):
        out[target] = out.get(target, False) or bool((deliveries.duration[:, k] > 0).any())
    return out
