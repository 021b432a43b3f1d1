"""Single cells of one arm: every subject's replicates as a jump process, exactly or by leaps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from sbmlqsp.deliveries import Deliveries, resolve_deliveries
from sbmlqsp.dosing import Administration
from sbmlqsp.engine.initial import initial_state
from sbmlqsp.engine.jumps import INFLOW, JumpSystem, jump_system
from sbmlqsp.engine.ssa import CellResults, Cells, Stop
from sbmlqsp.engine.ssa_status import MOST_JUMPS
from sbmlqsp.engine.tau import LeapingCells
from sbmlqsp.engine.trace import Tracer
from sbmlqsp.engine.whole import uneven, uneven_start
from sbmlqsp.errors import DataError, ExperimentError, QSPError, UnsupportedError
from sbmlqsp.experiment import Experiment
from sbmlqsp.expressions import Expr, parse_formula, substitute, sym
from sbmlqsp.model import dotted, flat_id
from sbmlqsp.outcome import Outcome, dose_rows
from sbmlqsp.populations import Population, Variability
from sbmlqsp.populations.drawing import cell_scores
from sbmlqsp.readout import read_out, wanted
from sbmlqsp.runner import IMPOSSIBLE, STOPPED
from sbmlqsp.streams import key64, seed32
from sbmlqsp.subjects import Subjects, individual_of, without_volume

__all__ = ["Prepared", "Runs", "Stochastic"]


@dataclass(frozen=True)
class Stochastic:
    """How single cells are run.

    Parameters
    ----------
    seed : int
    replicates : int
        Cells per subject.
    continuous : tuple of str
        Species that are not counted, by path.
    most_jumps : int
        More than so many jumps of a cell are a failure.
    threads : int, optional
    population : Population, optional
        Its ``cell_variability`` is drawn for every cell.
    engine : {"kernel", "roadrunner"}
        The second is libRoadRunner's own integrator, for comparison.
    epsilon : float, optional
        Run by tau-leaping: by what part a propensity may change in a leap.
    """

    seed: int = 0
    replicates: int = 1
    continuous: tuple[str, ...] = ()
    most_jumps: int = MOST_JUMPS
    threads: int | None = None
    population: Population | None = None
    engine: str = "kernel"
    epsilon: float | None = None

    def describe(self) -> dict[str, Any]:
        """Return what the numbers depend on, for provenance."""
        how = {
            "name": "ssa", "engine": self.engine, "replicates": self.replicates, "continuous": list(self.continuous),
            "most_jumps": self.most_jumps, "between_cells": self._between_cells,
        }  # fmt: skip
        return how if self.epsilon is None else how | {"name": "tau-leaping", "epsilon": self.epsilon}

    @property
    def remarks(self) -> Mapping[str, Any]:
        """Nothing."""
        return {}

    def cells(self, system: JumpSystem, outputs: tuple[str, ...], fates: tuple[Expr, ...]) -> Cells:
        """Return a system made ready to be run so."""
        if self.epsilon is None:
            return Cells(system, outputs, fates)
        return LeapingCells(system, outputs, fates, self.epsilon)

    @property
    def _between_cells(self) -> dict[str, Any]:
        if self.population is None:
            return {}
        p = self.population
        return {k: repr(v) for k, v in p.cell_variability.items()} | {str(k): v for k, v in p.cell_omega.items()}

    def outcome(
        self, arm: Experiment, people: Subjects, *, replicates: range, tick: Callable[[int, int], None], most: float
    ) -> Outcome:
        """Run an arm; one run per subject and replicate, those of a subject together."""
        del most  # cells are quick to fail
        runs = Runs(self, arm, people, replicates)
        result = runs.results() if self.engine == "kernel" else runs.compared()
        tick(len(result.status), int((result.status > 0).sum()))
        columns = {c: result.out[:, :, k] for k, c in enumerate(runs.cells.outputs)}
        shape, time = result.out.shape[:2], np.asarray(arm.times)[None, :]
        values = {o.id: read_out(o, arm.model, columns=columns, time=time, shape=shape) for o in arm.observables}
        extras = {}
        if arm.fates:
            extras = {"fate": result.fate, "fate_time": np.where(result.fate >= 0, result.time, np.nan)}
        status = np.where(result.status > 0, STOPPED, 0).astype(np.int8)
        outcome = Outcome(values, status, result.messages, tuple(dose_rows(arm, runs.deliveries)), extras)
        for row, why in runs.refused.items():
            outcome.lose(np.flatnonzero(runs.rows == row), IMPOSSIBLE, str(why))
        return outcome


@dataclass(frozen=True)
class Prepared:
    """What cells start from: sets of ``starts``, ``constants`` and ``stops``, and by cell which, and its stream.

    ``run`` says which cells there are at all; ``rows`` and ``streams`` are those of these.
    """

    starts: Any
    constants: Any
    stops: list[list[Stop]]
    run: Any
    rows: Any
    streams: Any


class Runs:
    """The cells of one arm, made ready: ``rows`` says which set of parameters each has, ``refused`` which cannot be."""

    def __init__(self, how: Stochastic, arm: Experiment, people: Subjects, replicates: range) -> None:
        if people.rows is not None:
            raise UnsupportedError("subjects that change on the way cannot be run stochastically yet",
                                   remedy="give each subject one row of parameters")  # fmt: skip
        if arm.at_rest:
            raise UnsupportedError("a cell has no steady state to start at", value=arm.start, where=f"'{arm.id}'",
                                   remedy="start at initial values, and look after long enough")  # fmt: skip
        self._how, self._arm, self._people, self._replicates = how, arm, people, replicates
        network = arm.model.network
        individual = individual_of(arm, people)
        self._rows = len(people)
        self._strange: dict[int, QSPError] = {}  # by row, a value that no cell can vary about
        varied = self._by_cell(individual)
        if varied:
            self._rows = len(people) * len(replicates)
            individual = {k: np.repeat(v, len(replicates)) for k, v in individual.items()} | varied
        numbers = {k: np.repeat(v, self._rows // len(people)) for k, v in people.numbers.items()}
        self._env = initial_state(network, {**arm.overrides, **individual})
        self.deliveries = resolve_deliveries(arm, {**numbers, **self._env}, self._rows)
        count = len(people) * len(replicates)
        self.rows = np.arange(count) * self._rows // count
        if any(d.steady_state for d in arm.regimen):
            raise UnsupportedError("a stochastic run cannot start from the steady state of doses",
                                   remedy="give the doses one by one, and look after enough of them")  # fmt: skip
        infused: dict[str, bool] = {}
        for k, target in enumerate(self.deliveries.targets):
            infused[target] = infused.get(target, False) or bool((self.deliveries.duration[:, k] > 0).any())
        system = jump_system(network, continuous=[flat_id(n) for n in how.continuous], dosed=infused)
        fates = tuple(_flat(e) for e in arm.fates.values())
        self.cells = how.cells(system, tuple(wanted(arm.model, arm.observables)), fates)
        self.refused: dict[int, QSPError] = {
            **_uneven_doses(system, self.deliveries, {**numbers, **self._env}),
            **_uneven_starts(system, self._env, self._rows),
            **self.deliveries.refused,
            **without_volume(network, self._env, self._rows),
            **self._strange,
        }

    def _by_cell(self, individual: Mapping[str, Any]) -> dict[str, Any]:
        """Return what is drawn anew for every cell, one value per run."""
        population = self._how.population
        if population is None or not population.cell_variability:
            return {}
        z = cell_scores(self._people.ids, self._replicates, self._how.seed, population.cell_correlation)
        out = {}
        for i, (key, how) in enumerate(population.cell_variability.items()):
            flat = flat_id(key)
            if flat not in individual:
                raise ExperimentError(f"'{key}' varies between cells, and is no parameter of the subjects")
            eta = z[:, i].reshape(len(self._people), -1) * how.omega
            means = np.asarray(individual[flat], dtype=float)
            out[flat] = np.concatenate([self._of_cells(how, s, means[s], e) for s, e in enumerate(eta)])
        return out

    def _of_cells(self, how: Variability, subject: int, mean: float, eta: Any) -> Any:
        """Return the values of a subject's cells, NaN where its own value cannot be."""
        try:
            return how.individual(np.full(len(eta), mean), eta)
        except DataError as error:
            self._strange |= dict.fromkeys(range(subject * len(eta), (subject + 1) * len(eta)), error)
            return np.full(len(eta), np.nan)

    def prepared(self) -> Prepared:
        """Return what the cells start from."""
        people, r = self._people, np.array(self._replicates)
        count, good = len(self.rows), [i for i in range(self._rows) if i not in self.refused]
        env = {k: np.asarray(v)[good] if np.ndim(v) else v for k, v in self._env.items()}
        starts, constants, own = self.cells.starts(env, len(good), self._arm.times[-1])
        stops = [_merged([*own[k], *self._doses(i)]) for k, i in enumerate(good)]
        streams = np.zeros((count, 3), dtype=np.uint64)
        streams[:, 0] = np.tile(r, len(people))
        keys = [key64(self._how.seed, "ssa", subject=who) for who in people.ids]
        streams[:, 1:] = np.repeat(np.array(keys, dtype=np.uint64), len(r), axis=0)
        run = np.isin(self.rows, good)
        return Prepared(starts, constants, stops, run, np.searchsorted(good, self.rows[run]), streams[run])

    def results(self) -> CellResults:
        """Run all cells."""
        how, arm, ready = self._how, self._arm, self.prepared()
        found = self.cells.run(
            ready.starts, ready.constants, rows=ready.rows, streams=ready.streams, grid=arm.times, stops=ready.stops,
            at_dose=arm.at_dose, most=how.most_jumps, threads=how.threads,
        )  # fmt: skip
        return found if ready.run.all() else found.among(ready.run)

    def traced(self, most_rows: int) -> tuple[Tracer, Prepared]:
        """Return what runs the cells one after the other and notes their changes, and what each starts from."""
        ready = self.prepared()
        tracer = Tracer(
            self.cells, ready.starts, ready.constants, grid=np.ascontiguousarray(self._arm.times, dtype=float),
            stops=ready.stops, most=self._how.most_jumps, most_rows=most_rows,
        )  # fmt: skip
        return tracer, ready

    def compared(self) -> CellResults:
        """Run all cells on libRoadRunner's stochastic integrator, without what it would get silently wrong."""
        from sbmlqsp.compiled import try_first
        from sbmlqsp.engine.roadrunner_cells import gillespie

        how, arm, network = self._how, self._arm, self._arm.model.network
        system = self.cells.system
        given = {
            "doses": len(arm.regimen), "events": network.events, "fates": arm.fates, "rate rules": network.rate_rules,
            "continuous species": how.continuous,
            "reversible reactions": [c for c in system.channels if c.id.endswith(" backward")],
            "propensities that change with time": [c for c in system.channels if system.moves(c.law)],
        }  # fmt: skip
        for what, there in given.items():
            if there:
                raise UnsupportedError(f"libRoadRunner's stochastic integrator cannot run {what} rightly",
                                       remedy="leave engine= out")  # fmt: skip
        for row, why in self.refused.items():
            raise why.changed(where=f"subject {self._people.ids[row * len(self._people) // self._rows]}")
        count, rows = len(self.rows), self.rows
        names = [*(s.id for s in network.parameters), *(s.id for s in network.compartments)]
        settable = [n for n in names if n not in network.assignment_rules and n in network.static]
        amounts = [s.id for s in network.species if not s.constant and s.id not in network.assignment_rules]
        values = [
            {n: float(np.broadcast_to(self._env[key], (self._rows,))[r])
             for n, key in [*((n, n) for n in settable), *((n, f"amount({n})") for n in amounts)]}
            for r in range(self._rows)
        ]  # fmt: skip
        seeds = [
            seed32(how.seed, "ssa", subject=who, replicate=r) for who in self._people.ids for r in self._replicates
        ]
        try_first(arm.model, arm.model.sbml)
        out = gillespie(
            arm.model.sbml, columns=self.cells.outputs, times=arm.times, values=values, rows=rows, seeds=seeds
        )
        none = np.full(count, -1)
        return CellResults(out, np.zeros(count, dtype=np.int8), [""] * count, none, none, none)

    def _doses(self, i: int) -> list[Stop]:
        """Return what one row is given, and when."""
        d: Deliveries = self.deliveries
        out = []
        for k, target in enumerate(d.targets):
            start, amount, length = float(d.start[i, k]), float(d.amount[i, k]), float(d.duration[i, k])
            if length > 0:
                rate = INFLOW + target
                out.append(Stop(start, ((rate, True, amount / length),), dosed=True))
                out.append(Stop(start + length, ((rate, True, -amount / length),)))
            else:
                molecules = self.cells.system.counted.get(target)
                given = amount if molecules is None else float(round(amount * molecules))
                out.append(Stop(start, ((target, True, given),), dosed=True))
        return out


def _uneven_starts(system: JumpSystem, env: Mapping[str, Any], rows: int) -> dict[int, QSPError]:
    """Return the rows that start with no whole number of molecules; not what all share, which refuses them all."""
    out: dict[int, QSPError] = {}
    for name, per_unit in system.counted.items():
        if np.ndim(env[f"amount({name})"]):
            molecules = np.broadcast_to(env[f"amount({name})"] * per_unit, (rows,))
            for row in np.flatnonzero(uneven(molecules)).tolist():
                out.setdefault(row, uneven_start(dotted(name), float(molecules[row])))
    return out


def _uneven_doses(system: JumpSystem, given: Deliveries, env: Mapping[str, Any]) -> dict[int, QSPError]:
    """Return the rows that are given no whole number of molecules.

    Raises
    ------
    UnsupportedError
        A dose that is the same for everybody is none.
    """
    out: dict[int, QSPError] = {}
    for k, (a, target) in enumerate(zip(given.given, given.targets, strict=True)):
        if target not in system.counted:
            continue
        molecules = given.amount[:, k] * system.counted[target]
        for row in np.flatnonzero(uneven(molecules)).tolist():
            error = UnsupportedError(
                f"a dose into '{a.target}', which is counted, is no whole number of molecules",
                value=float(molecules[row]), where=f"dose {a.dose_index + 1} into {a.target}",
                remedy=f"round it, or name continuous=['{a.target}']",
            )  # fmt: skip
            if _alike(a, env):
                raise error
            out.setdefault(row, error)
    return out


def _alike(a: Administration, env: Mapping[str, Any]) -> bool:
    """Return whether everybody is given the same, whichever subjects are here."""
    texts = [v for v in (a.amount, a.bioavailability) if isinstance(v, str)]
    read = {n for text in texts for n in parse_formula(text).symbols()}
    return not any(np.ndim(env.get(n, env.get(flat_id(n)))) for n in read)


def _merged(stops: list[Stop]) -> list[Stop]:
    """Return stops in order of time, those of one time as one."""
    out: list[Stop] = []
    for stop in sorted(stops, key=lambda s: s.time):
        if out and stop.time - out[-1].time <= 1e-12 * max(1.0, stop.time):
            last = out.pop()
            out.append(Stop(last.time, last.changes + stop.changes, last.dosed or stop.dosed))
        else:
            out.append(stop)
    return out


def _flat(expr: Expr) -> Expr:
    return substitute(expr, {n: sym(flat_id(n)) for n in expr.symbols()})
