"""The verb ``simulate``: experiments in, one labelled Dataset out."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sbmlqsp import provenance
from sbmlqsp.cells import Stochastic
from sbmlqsp.collecting import dataset_of, inputs_of
from sbmlqsp.engine.roadrunner import quiet
from sbmlqsp.engine.ssa_status import MOST_JUMPS
from sbmlqsp.engine.tolerances import Tolerances
from sbmlqsp.engines import choose_engine
from sbmlqsp.errors import ExperimentError, SimulationError, UnsupportedError
from sbmlqsp.experiment import Experiment
from sbmlqsp.outcome import Deterministic, Method, Outcome
from sbmlqsp.populations import Population, sample
from sbmlqsp.progress import Progress
from sbmlqsp.runner import FAILED, STATUS
from sbmlqsp.scaling import Piece, Whole, piece_size, pieces_of, spread
from sbmlqsp.scaling.spreading import CELLS, CHUNK, TOGETHER, cells_size, workers_of
from sbmlqsp.store import Filed, Store, locked, prepare
from sbmlqsp.subjects import Subjects, read_subjects

if TYPE_CHECKING:
    from concurrent.futures import Executor

    import pandas as pd
    import xarray as xr

__all__ = ["simulate"]

EPSILON = 0.03
"""By what part propensities may change in a leap, where it is not said."""


def simulate(
    experiments: Experiment | Iterable[Experiment],
    *,
    population: Population | None = None,
    size: int | None = None,
    subjects: pd.DataFrame | Mapping[str, Any] | None = None,
    replicates: int = 1,
    method: str = "ode",
    continuous: Sequence[str] = (),
    max_jumps: int = MOST_JUMPS,
    epsilon: float | None = None,
    engine: str | None = None,
    seed: int = 0,
    workers: int | None = None,
    executor: Executor | None = None,
    chunk: int | None = None,
    time_limit: float | None = None,
    on_failure: str = "raise",
    max_failed: float | None = None,
    store: str | Path | None = None,
    resume: bool = False,
    progress: bool | None = None,
    tolerances: Tolerances | None = None,
) -> Any:
    """Simulate one experiment or several arms, for one subject or many.

    Parameters
    ----------
    experiments : Experiment or iterable of Experiment
        Arms; their ids must differ.
    subjects : DataFrame, optional
        One row per subject; columns are parameters, covariates or initial values by symbol path (or ``"amount(S)"``),
        in the model's units. Each reaches everything computed from it, initial assignments included. Other text or
        numeric columns are carried along as coordinates. A column that is also an observable comes back as
        ``"… (given)"``. With a second level of the index, or a column, ``time`` or ``occasion``, a subject has several
        rows, each of which holds from that time or from the beginning of that occasion on.
    population : Population, optional
        Subjects are drawn from it instead: ``size`` of them, each from random streams of its own, so that subject 7 is
        the same in any run with this seed. Their covariates, parameters and random effects come back as coordinates.
    size : int, optional
        How many subjects to draw.
    seed : int
        The one seed of the analysis.
    method : {"ode", "ssa", "tau-leaping"}
        Differential equations, or single cells as a jump process, whose laws are propensities and whose amounts are
        whole numbers of molecules: exactly, jump by jump, or by adaptive explicit tau-leaping [1]_, which makes many
        jumps at once where molecules are many. What cannot be leapt over is refused: events, fates, continuous species
        and propensities that change with time other than in steps.
    replicates : int
        Cells per subject, with ``method="ssa"`` or ``"tau-leaping"``.
    continuous : sequence of str
        With ``method="ssa"``, species that are not counted but follow their rates, such as a drug in plasma. Where some
        species have units of items, those in moles or mass are continuous without being named.
    max_jumps : int
        With ``method="ssa"``, a cell that makes more jumps is a failed run; by leaps, one that takes more leaps and
        single jumps together.
    epsilon : float, optional
        With ``method="tau-leaping"``, by what part a propensity may change in a leap, in its mean and its standard
        deviation; 0.03 where not given. No more than that part of a count that laws read is turned over either, so that
        variances of counts at balance come out larger by a part of at most about epsilon. What a reaction could exhaust
        in fewer than 10 jumps is left to single ones. The errors of results shrink in proportion to epsilon but are not
        bound by it alone: run a few cells at a third of it to see them.
    engine : {"auto", "roadrunner", "kernel", "both", "gpu"}, optional
        What integrates. ``"auto"``, which is meant where none is given, is libRoadRunner, and for 500 subjects or more
        the compiled batch kernel, where it runs the model and the results of three subjects are the same on both; the
        provenance says what was chosen and why. Whom the one cannot integrate the other does, as the subject's message
        says, the kernel only where a tighter run of it agrees; an engine asked for by name is alone. ``"both"`` answers
        whether numbers can be trusted: the results are libRoadRunner's, ``engine_difference`` says for each run how far
        the kernel is from them at most, and where that is more than tolerances allow the run fails with both curves.
        ``"gpu"`` runs the kernel's equations on an NVIDIA GPU, thousands of subjects at once, after three of them gave
        the same there as on processors; it needs ``pip install sbmlqsp[gpu]``, is never chosen unasked, and refuses
        models with events. With ``method="ssa"``, ``"roadrunner"`` is libRoadRunner's own stochastic integrator, for
        comparison; what it would get silently wrong is refused.
    on_failure : {"raise", "record"}
        Raise at the first failed run, or keep its row as NaN with a status and a message.
    max_failed : float, optional
        The share of all runs, from 0 to 1, that may fail where failures are recorded; beyond it the simulation ends
        with an error, and a store keeps what is done.
    progress : bool, optional
        Show progress; by default only on a terminal and after one second.
    tolerances : Tolerances, optional
        Error control; see ``Tolerances``. The kernel's own are 1e-8 and 1e-15 of each state's scale.
    workers : int, optional
        Local processes (of single cells, and on the kernel: threads) to spread the subjects over. The numbers are the
        same bit for bit, whatever their number. A process that dies costs what it was doing, which is done again; where
        it dies twice at one subject, that subject is named.
    executor : concurrent.futures.Executor, optional
        Instead of local processes, such as ``Client.get_executor()`` of a Dask cluster. Each of its workers runs single
        cells on one thread.
    chunk : int, optional
        Subjects, or single cells, per piece of work that a process gets.
    time_limit : float, optional
        Seconds that one subject may take in one arm, with ``workers`` and ``method="ode"``; beyond that its run is a
        failed one.
    store : path, optional
        A new folder, into which the results go piece by piece in bounded memory; a `Store` of it is returned instead of
        a Dataset.
    resume : bool
        Go on with a store of the same simulation: only what it lacks is run.

    Returns
    -------
    xarray.Dataset, or Store where ``store`` is given
        Dimensions ``(experiment, subject, replicate, time)``; one variable per observable with its unit; ``status`` and
        ``message``; provenance in ``attrs``. Arms with different times share the union, NaN where an arm did not ask.

    Raises
    ------
    SimulationError
        A run failed: which subject, the time reached, the cause and the remedy.
    UnsupportedError
        A feature that is not there.

    References
    ----------
    .. [1] Cao Y, Gillespie DT, Petzold LR (2006). Efficient step size selection for the tau-leaping simulation method.
       J Chem Phys 124, 044109. https://doi.org/10.1063/1.2159468

    Examples
    --------
    >>> import sbmlqsp as qsp
    >>> model = qsp.read_antimony("model m; species S; S = 10; J: S -> ; k*S; k = 0.1; end")
    >>> ds = qsp.simulate(qsp.Experiment(model, times=[0, 10]))
    >>> round(float(ds["S"][0, 0, 0, -1]), 4)
    3.6788
    """
    check_method(method, replicates, continuous, store, resume)
    leap = _checked_epsilon(epsilon, method)
    if method != "ode" and engine is not None and (engine != "roadrunner" or method != "ssa"):
        raise UnsupportedError("no such engine", value=engine, expected="engine='roadrunner' with method='ssa'")
    _check_spreading(workers, executor, chunk, time_limit, method)
    _check_failures(on_failure, max_failed)
    arms = arms_of(experiments)
    drawn = drawn_subjects(population, size, seed, subjects, arms)
    people = read_subjects(subjects if drawn is None else drawn, arms, drawn=population)
    # On an executor its workers are the spreading: threads of each besides would crowd a machine that is shared.
    threads = workers if executor is None else 1
    how: Method
    if method == "ode":
        how = choose_engine(
            engine, arms, people, tolerances=tolerances, threads=threads, hurried=time_limit is not None
        )
        workers = None if how.engine in {"kernel", "gpu"} else workers
    else:
        how = Stochastic(seed, replicates, tuple(continuous), max_jumps, threads, population, engine or "kernel", leap)
        workers = None
    _refuse_fates(arms, method)
    runs = len(arms) * len(people) * replicates
    most = 0 if on_failure == "raise" else runs if max_failed is None else int(max_failed * runs)
    run = _Run(arms, people, how, seed, stop=on_failure == "raise", most=most, workers=workers, executor=executor,
               chunk=chunk, limit=time_limit)  # fmt: skip
    with quiet() as terminal, Progress(runs, show=progress, stream=terminal) as bar:
        return run.in_memory(bar) if store is None else run.to_store(store, bar, resume=resume)


@dataclass(frozen=True)
class _Run:
    """One call of simulate: what to run, and on what."""

    arms: tuple[Experiment, ...]
    people: Subjects
    method: Method
    seed: int
    stop: bool
    most: int
    workers: int | None
    executor: Executor | None
    chunk: int | None
    limit: float | None

    @property
    def _how(self) -> dict[str, Any]:
        workers = None if self.workers == 1 and self.limit is None else self.workers
        how = {"workers": workers, "executor": self.executor, "limit": self.limit}
        return how | {"method": self.method, "stop": self.stop, "most": self.most}

    def _pieces(self) -> list[Piece]:
        each = self.method.replicates
        workers = self.workers or workers_of(self.executor)
        size = piece_size(len(self.people), workers) if each == 1 else cells_size(len(self.people) * each, workers)
        return pieces_of(self.people, self.chunk or size, replicates=each)

    def in_memory(self, bar: Progress) -> xr.Dataset:
        """Run everything and return it."""
        if self._how["workers"] is None and self.executor is None:
            results = self._here(bar)
        else:
            whole = Whole(self.arms, self.people, bar.tick, replicates=self.method.replicates)
            spread(self.arms, self._pieces(), whole, **self._how)
            results = whole.outcomes()
        self._judge(results)
        return self._dataset(results, self.people, range(1, self.method.replicates + 1))

    def _here(self, bar: Progress) -> list[Outcome]:
        """Run everything in this process."""
        results: list[Outcome] = []
        for arm in self.arms:
            bar.next(arm.id)
            before = sum(int((r.status > 0).sum()) for r in results)
            cells = range(1, self.method.replicates + 1)
            most = self.most - before
            results.append(self.method.outcome(arm, self.people, replicates=cells, tick=bar.tick, most=most))
            self._judge(results)
        return results

    def _judge(self, results: Sequence[Outcome]) -> None:
        """Raise where more runs failed than may."""
        lost = sum(int((r.status > 0).sum()) for r in results)
        if lost <= self.most:
            return
        for arm, result in zip(self.arms, results, strict=False):
            named = isinstance(self.method, Deterministic) and self.method.alone and self.limit is None
            also = "let the batch kernel try with engine='kernel', " if named else ""
            raise_first(arm, self.people, result, among=None if self.stop else (lost, self._runs), also=also)

    @property
    def _runs(self) -> int:
        return len(self.arms) * len(self.people) * self.method.replicates

    def to_store(self, path: str | Path, bar: Progress, *, resume: bool) -> Store:
        """Run what the store lacks and return it."""
        each = self.method.replicates
        engine = self.method.engine if isinstance(self.method, Deterministic) else ""
        size = self.chunk or TOGETHER.get(engine, CHUNK if each == 1 else CELLS)
        pieces = pieces_of(self.people, size, replicates=each)
        asked = [{**inputs_of(a), "digest": a.model.digest} for a in self.arms]
        control = [self.seed, json.dumps(self.method.describe())]
        inputs = provenance.digest([asked, provenance.digest(self.people.table), control])
        observables = list(dict.fromkeys(o.id for a in self.arms for o in a.observables))
        plan = {"inputs": inputs, "subjects": len(self.people), "pieces": len(pieces), "piece_size": size,
                "arms": [a.id for a in self.arms], "observables": observables}  # fmt: skip
        with locked(path):
            kept = prepare(path, plan, resume=resume)
            missing = set(kept.missing)
            sink = _Raising if self.stop else Filed
            filed = sink(kept, self.arms, self.people, bar.tick, build=self._dataset)
            filed.failed = 0 if self.most >= self._runs else len(kept.failed)
            spread(self.arms, [p for p in pieces if p.number in missing], filed, **self._how)
        if filed.failed > self.most:
            raise SimulationError(
                _too_many(filed.failed, self._runs), where=str(path),
                remedy="see open_store(…).failed for whom and why, or raise max_failed and resume",
            )  # fmt: skip
        return kept

    def _dataset(self, results: Sequence[Outcome], people: Subjects, replicates: range) -> xr.Dataset:
        return dataset_of(
            self.arms,
            people,
            results,
            seed=self.seed,
            method={**self.method.describe(), **self.method.remarks},
            replicates=replicates,
        )


class _Raising(Filed):
    """Raises at the first failure instead of filing it."""

    def keep(self, piece: Piece, outcomes: Sequence[Outcome]) -> None:
        """Write the part, or raise where a run of it failed."""
        for arm, result in zip(self.arms, outcomes, strict=True):
            raise_first(arm, self.people.some(piece.positions), result)
        super().keep(piece, outcomes)

    def name(self, piece: Piece, position: int, status: int, message: str) -> None:  # noqa: ARG002
        """Raise for the subject."""
        raise SimulationError(f"subject {self.people.ids[position]} failed: {STATUS[status]}; {message}")


def drawn_subjects(
    population: Population | None, size: int | None, seed: int, subjects: Any, arms: Sequence[Experiment]
) -> pd.DataFrame | None:
    if (population is None) != (size is None):
        given, lacking = ("size", "population") if population is None else ("population", "size")
        raise ExperimentError(f"to draw subjects, {given}= needs {lacking}= as well")
    if population is None or size is None:
        return None
    if subjects is not None:
        raise ExperimentError("population and subjects are both given", remedy="keep one of them")
    occasions = max(len(a.occasions) for a in arms) or None
    return sample(population, size, seed=seed, occasions=occasions if population.changes else None)


def _check_spreading(workers: Any, executor: Any, chunk: Any, time_limit: Any, method: str) -> None:
    if workers is not None and executor is not None:
        raise ExperimentError("workers and an executor are both given", remedy="keep one of them")
    for name, value in (("workers", workers), ("chunk", chunk)):
        whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
        if value is not None and not (whole and value >= 1):
            raise ExperimentError(f"{name} is not usable", value=value, expected="a positive whole number")
    if time_limit is not None and method != "ode":
        raise ExperimentError("a time limit is for differential equations", value=time_limit, remedy="give max_jumps=")
    if time_limit is not None and (workers is None or not time_limit > 0):
        raise ExperimentError(
            "a time limit needs processes that can be ended",
            value=time_limit,
            expected="seconds",
            remedy="give workers=",
        )
    if executor is not None and not hasattr(executor, "submit"):
        raise ExperimentError(
            "this is no executor", value=type(executor).__name__, expected="concurrent.futures.Executor"
        )


def _check_failures(on_failure: str, max_failed: Any) -> None:
    if on_failure not in {"raise", "record"}:
        raise ExperimentError("no such way to handle failures", value=on_failure, expected="'raise' or 'record'")
    if max_failed is None:
        return
    if isinstance(max_failed, bool | str) or not 0 <= max_failed <= 1:
        raise ExperimentError("the share of runs that may fail is not usable", value=max_failed, expected="0 to 1")
    if on_failure == "raise":
        raise ExperimentError(
            "max_failed needs failures to be recorded", value=max_failed, remedy="give on_failure='record'"
        )


def check_method(method: str, replicates: Any, continuous: Any, store: Any, resume: bool) -> None:
    if method not in {"ode", *provenance.SINGLE_CELLS}:
        raise UnsupportedError("no such method", value=method, expected="'ode', 'ssa' or 'tau-leaping'")
    if isinstance(replicates, bool) or not isinstance(replicates, int | np.integer) or replicates < 1:
        raise ExperimentError("replicates is not usable", value=replicates, expected="a positive whole number")
    if method == "ode" and (replicates != 1 or continuous):
        raise ExperimentError("replicates and continuous= are for single cells", remedy="give method='ssa'")
    if isinstance(continuous, str):
        raise ExperimentError("continuous is a text", value=continuous, expected=f"['{continuous}']")
    if resume and store is None:
        raise ExperimentError("there is nothing to resume without a store", remedy="give store= the folder")


def _checked_epsilon(epsilon: Any, method: str) -> float | None:
    """Return by what part propensities may change in a leap, None where there are no leaps."""
    if method != "tau-leaping":
        if epsilon is not None:
            raise ExperimentError("epsilon is for leaps", value=epsilon, remedy="give method='tau-leaping'")
        return None
    if epsilon is None:
        return EPSILON
    if isinstance(epsilon, bool | str) or not 0 < epsilon < 1:
        raise ExperimentError("epsilon is not usable", value=epsilon, expected="a part between 0 and 1, such as 0.03")
    return float(epsilon)


def _refuse_fates(arms: Sequence[Experiment], method: str) -> None:
    for arm in arms:
        if arm.fates and method == "ode":
            raise ExperimentError(
                f"the experiment '{arm.id}' has fates, which end single cells", value=list(arm.fates),
                remedy="give method='ssa', or ask time_to(…) when a level is reached",
            )  # fmt: skip


def arms_of(experiments: Experiment | Iterable[Experiment]) -> tuple[Experiment, ...]:
    arms = (experiments,) if isinstance(experiments, Experiment) else tuple(experiments)
    if not arms:
        raise ExperimentError("there is no experiment to simulate")
    for arm in arms:
        if not isinstance(arm, Experiment):
            raise ExperimentError("this is no experiment", value=type(arm).__name__)
    ids = [a.id for a in arms]
    if len(set(ids)) != len(ids):
        raise ExperimentError(
            "two experiments have one id", value=next(i for i in ids if ids.count(i) > 1), remedy="name each arm"
        )
    if len({a.model.time_unit for a in arms}) > 1:
        raise ExperimentError("the arms' models count time in different units", value=[a.model.time_unit for a in arms])
    return arms


def raise_first(
    arm: Experiment, people: Subjects, result: Outcome, *, among: tuple[int, int] | None = None, also: str = ""
) -> None:
    """Raise the error of the first subject that failed, if any did; ``among`` how many of how many runs.

    ``also`` is what else may help where the integrator failed.
    """
    if not result.status.any():
        return
    i = int(np.argmax(result.status > 0))
    each = len(result.status) // len(people)
    cell = "" if each == 1 else f", cell {i % each + 1},"
    why = f"{STATUS[int(result.status[i])]}; {result.messages[i]}"
    first = f"subject {people.ids[i // each]}{cell} of '{arm.id}' failed: {why}"
    if among is None:
        more = also if result.status[i] == FAILED else ""
        remedy = f"check that subject's parameters, {more}or keep the others with on_failure='record'"
        raise SimulationError(first, remedy=remedy)
    remedy = "check what the failed subjects have in common, or raise max_failed"
    raise SimulationError(f"{_too_many(*among)}; the first: {first}", remedy=remedy)


def _too_many(failed: int, runs: int) -> str:
    return f"{failed} of {runs} runs failed, more than max_failed allows"
