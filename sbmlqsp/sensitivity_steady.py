"""Starts in the steady state of an endless series of doses, and what they change by when parameters do.

The state x just before a dose is the fixed point of what one interval makes of it, x = F(x, p). Its derivative solves
(1 - F_x) x' = F_p, where both derivatives of F come from one run of the sensitivities over an interval, along the
states and along the parameters. What reactions conserve is that of the start.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from sbmlqsp.arm_start import ArmStart
from sbmlqsp.batch_courses import Steady
from sbmlqsp.course import Course, Series
from sbmlqsp.course_arm import step_of
from sbmlqsp.engine.linearity import totals_without, unread_states
from sbmlqsp.engine.network import Network
from sbmlqsp.engine.ode import BatchResult
from sbmlqsp.engine.ode_sensitivity_batch import SensitiveBatch, Slopes
from sbmlqsp.engine.rates import RightHandSide
from sbmlqsp.engine.tolerances import Tolerances
from sbmlqsp.errors import DosingError, QSPError, SimulationError, UnsupportedError
from sbmlqsp.experiment import Experiment
from sbmlqsp.expressions import Expr, sym
from sbmlqsp.model import dotted
from sbmlqsp.sensitivity_doses import DoseSlopes
from sbmlqsp.steady.rest import at_rows, conserved_of
from sbmlqsp.timeline import Delivery, build_timeline

__all__ = ["Cycle", "Steadied", "refuse_series", "seen_states", "steadied"]

THIN = 1e-12


@dataclass(frozen=True)
class Cycle:
    """An arm whose regimen begins in steady state, as the sensitivities see it.

    Parameters
    ----------
    experiment : Experiment
    start : ArmStart
    batch : SensitiveBatch
        The last of what it observes are `seen_states`.
    states, constants : ndarray of shape (subjects, …)
        At the start.
    of_states, of_constants : ndarray of shape (subjects, directions, …)
        Their derivatives; constants are those of ``moving``.
    moving : tuple of str
    doses : DoseSlopes
    scales : ndarray of shape (subjects, states)
    sizes : ndarray of shape (subjects, directions)
    """

    experiment: Experiment
    start: ArmStart
    batch: SensitiveBatch
    states: Any
    constants: Any
    of_states: Any
    of_constants: Any
    moving: tuple[str, ...]
    doses: DoseSlopes
    scales: Any
    sizes: Any


@dataclass(frozen=True)
class Steadied:
    """States at the record and their derivatives, as ``Cycle`` has them at the start; and whose are none, and why."""

    states: Any
    of_states: Any
    refused: Mapping[int, QSPError]


def refuse_series(experiment: Experiment) -> None:
    """Refuse a steady state of doses that sensitivities do not go through.

    Raises
    ------
    UnsupportedError
        It is not that of the first doses, at time 0, or adds to what is there.
    """
    steady = [k for k, d in enumerate(experiment.regimen) if d.steady_state]
    if not steady:
        return
    first = experiment.regimen.doses[0]
    why = "of other doses than the first" if steady != [0] else ""
    why = why or ("that adds to what is there (SS = 2)" if first.steady_state == 2 else "")
    why = why or ("that begins on the way" if first.time != 0 else "")
    if why:
        raise UnsupportedError(
            f"sensitivities do not go through a steady state of doses {why} yet", where=f"'{experiment.id}'",
            remedy="give those doses one by one, enough of them to come to it",
        )  # fmt: skip


def seen_states(network: Network) -> list[Expr]:
    """Return the states as formulas, which the batch has to observe.

    Raises
    ------
    UnsupportedError
        A rate rule sets a concentration.
    """
    side, out = RightHandSide(network), list[Expr]()
    for name in side.names:
        symbol = network.symbols[name]
        if name in side.ruled and symbol.kind == "species" and not symbol.amount_only:
            raise UnsupportedError(
                f"sensitivities do not go through steady states of doses beside the rate rule of '{dotted(name)}', a "
                "concentration", remedy="declare it as an amount, or give it a reaction",
            )  # fmt: skip
        out.append(Expr("amount", (sym(name),)) if symbol.kind == "species" else sym(name))
    return out


def steadied(cycle: Cycle, rows: Any, tolerances: Tolerances, threads: int | None) -> Steadied:
    """Return the states with which some subjects begin, in the steady state of their first doses.

    Raises
    ------
    UnsupportedError
        An infusion still runs at the record, or the model reads time.
    SimulationError
        The steady state depends on the way to it.
    """
    run, states, refused = _Interval(cycle, rows, tolerances), cycle.states.copy(), dict[int, QSPError]()
    before = states[rows]
    for k, row in enumerate(rows.tolist()):
        try:
            before[k], states[row] = run.before_and_at(k)
        except DosingError as why:
            refused[row] = why
    slopes, found = run.interval(before, tolerances, threads)
    of_states = cycle.of_states.copy()
    for k, row in enumerate(rows.tolist()):
        if found.status[k]:
            refused.setdefault(row, SimulationError(f"one interval of its steady state failed: {found.message(k)}"))
        elif row not in refused:
            of_states[row] = run.at_record(k, states[row], slopes[k])
    return Steadied(states, of_states, refused)


class _Interval:
    """One interval of the series of the first doses, for some subjects.

    Arrays of states are in the order of ``side.names``, where they are not the batch's own.
    """

    def __init__(self, cycle: Cycle, rows: Any, tolerances: Tolerances) -> None:
        c = self._cycle = cycle
        self._rows, network, d = rows, c.experiment.model.network, c.start.deliveries
        self.length = step_of(c.experiment, c.experiment.regimen.doses[0])
        k = self._k = next(k for k, a in enumerate(d.given) if a.dose_index == 0)
        self._target, self._where = d.targets[k], f"dose 1 into {d.given[k].target}"
        self._amount, self._duration, self._lag = (v[rows, k] for v in (d.amount, d.duration, d.start))
        self._side = RightHandSide(network, at_rows(c.start.env, rows))
        self._names = self._side.names
        self._order = np.array([c.batch.states.index(s) for s in self._names], dtype=int)
        self._read = np.array([s not in unread_states(network) for s in self._names], dtype=bool)
        self._kept = conserved_of(self._side, len(rows))
        self._steady = Steady(c.experiment.model, d.targets, c.start.env, len(c.states), tolerances=tolerances)

    def before_and_at(self, k: int) -> Any:
        """Return a subject's states just before a dose of the series, and at the record."""
        lag, duration = float(self._lag[k]), float(self._duration[k])
        if lag >= self.length:
            raise DosingError(
                "a steady-state dose with a lag as long as its interval is not defined", value=lag, where=self._where
            )
        if duration > self.length - lag:
            raise UnsupportedError(
                "sensitivities do not go through a steady state in which an infusion still runs at the record yet",
                value=duration, where=self._where, remedy="give the doses one by one, enough of them to come to it",
            )  # fmt: skip
        return [self._state(k, phase) for phase in (self.length, self.length - lag)]

    def _state(self, k: int, phase: float) -> Any:
        c, row = self._cycle, int(self._rows[k])
        series = Series(self._target, float(self._amount[k]), float(self._duration[k]), self.length, phase, False,
                        where=self._where)  # fmt: skip
        scales = dict(zip(c.batch.states, c.scales[row].tolist(), strict=True))
        found = self._steady(series, Course((), 0), [row], 0, scales)
        return [found.get(s, x) for s, x in zip(c.batch.states, c.states[row].tolist(), strict=True)]

    def interval(self, before: Any, tolerances: Tolerances, threads: int | None) -> tuple[Any, BatchResult]:
        """Return the derivatives of states at the record's phase and after the interval, and how the runs went.

        Of shape (subjects, 2, states, states + directions): along each state before the dose, and each direction.
        """
        c, rows = self._cycle, self._rows
        instructions, which = c.batch.instructions(), np.empty(len(rows), dtype=np.int64)
        known: dict[tuple[float, float], int] = {}
        for k, key in enumerate(zip(self._lag.tolist(), self._duration.tolist(), strict=True)):
            if key not in known:
                given = [Delivery(self._target, 0.0, key[1])]
                times = sorted({self.length - key[0], self.length})
                known[key] = instructions.add(build_timeline(times, given, [(0.0, {})]))
            which[k] = known[key]
        found = c.batch.differentiate(
            before, c.constants[rows], slopes=self._along(before), moving=c.moving, instructions=instructions,
            which=which, amounts=self._amount[:, None], lengths=self._duration[:, None], scales=c.scales[rows],
            times=2, relative=tolerances.relative, absolute=tolerances.absolute, most=tolerances.maximum_steps,
            threads=threads,
        )  # fmt: skip
        out = found.out[:, :, -len(self._names) :, 1:]
        alone = self._lag == 0  # then one time is both
        out[alone, 1] = out[alone, 0]
        return out, found

    def _along(self, before: Any) -> Slopes:
        c, rows, n, people = self._cycle, self._rows, len(self._names), len(before)
        every = n + c.sizes.shape[1]
        starts, constants = np.zeros((people, every, before.shape[1])), np.zeros((people, every, len(c.moving)))
        starts[:, np.arange(n), self._order] = 1.0
        constants[:, n:] = c.of_constants[rows]
        amounts, lengths, nothing = (np.zeros((people, 1, every)) for _ in range(3))
        amounts[:, 0, n:], lengths[:, 0, n:] = c.doses.amounts[rows, self._k], c.doses.lengths[rows, self._k]
        own = np.maximum(np.abs(before), c.scales[rows])[:, self._order]
        sizes = np.concatenate([own, c.sizes[rows]], axis=1)
        return Slopes(starts, constants, amounts, lengths, nothing, np.zeros((people, 4, every)), sizes)

    def at_record(self, k: int, states: Any, slopes: Any) -> Any:
        """Return the derivatives of a subject's states at the record, of shape (directions, states of the batch)."""
        c, row, n, read = self._cycle, int(self._rows[k]), len(self._names), self._read
        first = c.of_states[row][:, self._order].T
        at, after = (s[read][:, np.concatenate([read, np.ones(s.shape[1] - n, dtype=bool)])] for s in slopes)
        m, kept, size = int(read.sum()), totals_without(self._kept[k], ~read)[:, read], c.scales[row][self._order][read]
        matrix = np.concatenate([(np.eye(m) - after[:, :m]) / size[:, None], kept]) * size
        right = np.concatenate([after[:, m:] / size[:, None], kept @ first[read]])
        singular = np.linalg.svd(matrix, compute_uv=False)
        if m and singular.min() <= THIN * singular.max():
            raise SimulationError(
                "the steady state of doses depends on the way to it, so that it has no derivative by parameters",
                where=self._where, remedy="give the doses one by one, enough of them to come to it",
            )  # fmt: skip
        before = np.linalg.pinv(matrix, rcond=THIN) @ right * size[:, None]
        moved = self._rates(k, states)[read, None] * c.doses.begins[row, self._k]  # a longer lag looks earlier
        out = c.of_states[row].copy()
        out[:, self._order[read]] = (at[:, :m] @ before + at[:, m:] - moved).T
        return out

    def _rates(self, k: int, states: Any) -> Any:
        """Return the rates of change of a subject's states at the record."""
        side = RightHandSide(self._side.network, at_rows(self._side.base, np.array([k])))
        return side(states[self._order][:, None])[:, 0]
