"""The verb ``simulate``: experiments in, one labelled Dataset out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sbmlqsp import provenance
from sbmlqsp.engine.roadrunner import Tolerances, quiet
from sbmlqsp.errors import ExperimentError, SimulationError, UnsupportedError
from sbmlqsp.experiment import Experiment, observable_unit
from sbmlqsp.model import flat_id
from sbmlqsp.observation import Observable
from sbmlqsp.outcome import Outcome, outcome_of
from sbmlqsp.populations import Population, sample
from sbmlqsp.progress import Progress
from sbmlqsp.runner import STATUS
from sbmlqsp.scaling import spread
from sbmlqsp.subjects import Subjects, read_subjects

if TYPE_CHECKING:
    from concurrent.futures import Executor

    import pandas as pd
    import xarray as xr

__all__ = ["simulate"]


def simulate(
    experiments: Experiment | Iterable[Experiment],
    *,
    population: Population | None = None,
    size: int | None = None,
    subjects: pd.DataFrame | Mapping[str, Any] | None = None,
    replicates: int = 1,
    method: str = "ode",
    seed: int = 0,
    workers: int | None = None,
    executor: Executor | None = None,
    chunk: int | None = None,
    time_limit: float | None = None,
    on_failure: str = "raise",
    store: str | Path | None = None,
    resume: bool = False,
    progress: bool | None = None,
    tolerances: Tolerances | None = None,
) -> xr.Dataset:
    """Simulate one experiment or several arms, for one subject or many.

    Parameters
    ----------
    experiments : Experiment or iterable of Experiment
        Arms; their ids must differ.
    subjects : DataFrame, optional
        One row per subject; columns are parameters, covariates or initial values by symbol path (or
        ``"amount(S)"``), in the model's units. Each reaches everything computed from it, initial assignments included.
        Other text or numeric columns are carried along as coordinates. A column that is also an observable comes
        back as ``"… (given)"``.
    population : Population, optional
        Subjects are drawn from it instead: ``size`` of them, each from random streams of its own, so that subject 7 is
        the same in any run with this seed. Their covariates, parameters and random effects come back as coordinates.
    size : int, optional
        How many subjects to draw.
    seed : int
        The one seed of the analysis.
    method : {"ode"}
        Deterministic.
    on_failure : {"raise", "record"}
        Raise at the first failed run, or keep its row as NaN with a status and a message.
    progress : bool, optional
        Show progress; by default only on a terminal and after one second.
    tolerances : Tolerances, optional
        Error control; see ``Tolerances``.
    workers : int, optional
        Local processes to spread the subjects over. The numbers are the same bit for bit, whatever their number. A
        process that dies costs what it was doing, which is done again; where it dies twice at one subject, that
        subject is named.
    executor : concurrent.futures.Executor, optional
        Instead of local processes, such as ``Client.get_executor()`` of a Dask cluster.
    chunk : int, optional
        Subjects per piece of work that a process gets.
    time_limit : float, optional
        Seconds that one subject may take in one arm, with ``workers``; beyond that its run is a failed one.
    replicates, store, resume
        Reserved; any use is refused rather than ignored.

    Returns
    -------
    xarray.Dataset
        Dimensions ``(experiment, subject, replicate, time)``; one variable per observable with its unit; ``status`` and
        ``message``; provenance in ``attrs``. Arms with different times share the union, NaN where an arm did not ask.

    Raises
    ------
    SimulationError
        A run failed: which subject, the time reached, the cause and the remedy.
    UnsupportedError
        A feature that is not there.

    Examples
    --------
    >>> import sbmlqsp as qsp
    >>> model = qsp.read_antimony("model m; species S; S = 10; J: S -> ; k*S; k = 0.1; end")
    >>> ds = qsp.simulate(qsp.Experiment(model, times=[0, 10]))
    >>> round(float(ds["S"][0, 0, 0, -1]), 4)
    3.6788
    """
    _refuse_reserved(replicates, method, store, resume)
    _check_spreading(workers, executor, chunk, time_limit)
    if on_failure not in {"raise", "record"}:
        raise ExperimentError("no such way to handle failures", value=on_failure, expected="'raise' or 'record'")
    arms = _arms(experiments)
    drawn = _drawn(population, size, seed, subjects)
    people = read_subjects(subjects if drawn is None else drawn, arms, drawn=population)
    control = tolerances or Tolerances()
    stop = on_failure == "raise"
    with quiet() as terminal, Progress(len(arms) * len(people), show=progress, stream=terminal) as bar:
        if executor is None and (workers is None or (workers == 1 and time_limit is None)):
            results = _here(arms, people, control, stop=stop, bar=bar)
        else:
            results = spread(
                arms, people, tolerances=control, stop=stop, workers=workers, executor=executor, chunk=chunk,
                limit=time_limit, tick=bar.tick,
            )  # fmt: skip
        if stop:
            for arm, result in zip(arms, results, strict=True):
                raise_first(arm, people, result)
    return _dataset(arms, people, results, seed=seed, tolerances=control)


def _here(
    arms: Sequence[Experiment], people: Subjects, control: Tolerances, *, stop: bool, bar: Progress
) -> list[Outcome]:
    """Run everything in this process."""
    results = []
    for arm in arms:
        bar.next(arm.id)
        result = outcome_of(arm, people, tolerances=control, tick=bar.tick, stop_at_failure=stop)
        if stop:
            raise_first(arm, people, result)
        results.append(result)
    return results


def _drawn(population: Population | None, size: int | None, seed: int, subjects: Any) -> pd.DataFrame | None:
    if (population is None) != (size is None):
        given, lacking = ("size", "population") if population is None else ("population", "size")
        raise ExperimentError(f"simulate(…, {given}=…) needs {lacking}= as well")
    if population is None or size is None:
        return None
    if subjects is not None:
        raise ExperimentError("population and subjects are both given", remedy="keep one of them")
    return sample(population, size, seed=seed)


def _check_spreading(workers: Any, executor: Any, chunk: Any, time_limit: Any) -> None:
    if workers is not None and executor is not None:
        raise ExperimentError("workers and an executor are both given", remedy="keep one of them")
    for name, value in (("workers", workers), ("chunk", chunk)):
        whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
        if value is not None and not (whole and value >= 1):
            raise ExperimentError(f"{name} is not usable", value=value, expected="a positive whole number")
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


def _refuse_reserved(replicates: int, method: str, store: Any, resume: bool) -> None:
    asked = {"replicates": replicates != 1, "store": store is not None, "resume": resume}
    for name, used in asked.items():
        if used:
            raise UnsupportedError(
                f"simulate(…, {name}=…) is not available yet", remedy="give subjects= a table, and leave this out"
            )
    if method != "ode":
        raise UnsupportedError("no such method", value=method, expected="'ode'")


def _arms(experiments: Experiment | Iterable[Experiment]) -> tuple[Experiment, ...]:
    arms = (experiments,) if isinstance(experiments, Experiment) else tuple(experiments)
    if not arms:
        raise ExperimentError("there is no experiment to simulate")
    for arm in arms:
        if not isinstance(arm, Experiment):
            raise ExperimentError("simulate takes experiments", value=type(arm).__name__)
    ids = [a.id for a in arms]
    if len(set(ids)) != len(ids):
        raise ExperimentError(
            "two experiments have one id", value=next(i for i in ids if ids.count(i) > 1), remedy="name each arm"
        )
    if len({a.model.time_unit for a in arms}) > 1:
        raise ExperimentError("the arms' models count time in different units", value=[a.model.time_unit for a in arms])
    return arms


def raise_first(arm: Experiment, people: Subjects, result: Outcome) -> None:
    """Raise the error of the first subject that failed, if any did."""
    if not result.status.any():
        return
    i = int(np.argmax(result.status > 0))
    raise SimulationError(
        f"subject {people.ids[i]} of '{arm.id}' failed: {STATUS[int(result.status[i])]}; {result.messages[i]}",
        remedy="check that subject's parameters, or keep the others with on_failure='record'",
    )


# ------------------------------------------------------------------------------------------------------- collecting
def _dataset(
    arms: Sequence[Experiment], people: Subjects, results: Sequence[Outcome], *, seed: int, tolerances: Tolerances
) -> xr.Dataset:
    from sbmlqsp.results import make_dataset

    grid = np.unique(np.concatenate([np.asarray(a.times) for a in arms]))
    observables = {o.id: o for a in arms for o in a.observables}
    units = {o: _unit(a, o) for a in reversed(arms) for o in a.observables}
    shape = (len(arms), len(people), 1, len(grid))
    values = {name: np.full(shape, np.nan) for name in observables}
    for e, (arm, result) in enumerate(zip(arms, results, strict=True)):
        at = np.searchsorted(grid, np.asarray(arm.times))
        for o in arm.observables:
            values[o.id][e, :, 0, at] = np.moveaxis(result.columns[o.id], 1, 0)
    status = np.stack([r.status for r in results])[:, :, None]
    messages = np.array([r.messages for r in results], dtype=object)[:, :, None]
    record = provenance.record(
        models={a.model.id: a.model.digest for a in arms},
        inputs={"experiments": [_inputs(a) for a in arms], "subjects": provenance.digest(people.table), "tolerances":
                {"relative": tolerances.relative, "absolute": tolerances.absolute}},
        seed=seed,
    )  # fmt: skip
    return make_dataset(
        values,
        experiments=[a.id for a in arms],
        subjects=list(people.ids),
        replicates=[1],
        time=grid,
        time_unit=arms[0].model.time_unit or "",
        units={o.id: u for o, u in units.items()},
        meanings={o.id: o.meaning or _meaning(a, o) for a in reversed(arms) for o in a.observables},
        status=status,
        messages=messages,
        subject_table=_as_given(people, observables),
        provenance=provenance.to_json(record),
        doses=[d for r in results for d in r.doses],
    )


def _as_given(people: Subjects, observables: Mapping[str, Observable]) -> pd.DataFrame | None:
    """Return the table; a column named like an observable (an initial value of what is observed) is marked as given."""
    if people.table is None:
        return None
    return people.table.rename(columns={c: f"{c} (given)" for c in people.table.columns if c in observables})


def _unit(arm: Experiment, o: Observable) -> str:
    return o.unit or observable_unit(arm.model, o)


def _meaning(arm: Experiment, o: Observable) -> str:
    symbol = arm.model.network.symbols.get(flat_id(o.formula))
    return symbol.name if symbol is not None else ""


def _inputs(arm: Experiment) -> dict[str, Any]:
    return {
        "id": arm.id,
        "model": arm.model.id,
        "changes": {k: v if isinstance(v, str) else float(v) for k, v in arm.changes.items()},
        "regimen": str(arm.regimen) if len(arm.regimen) else "",
        "times": provenance.digest(list(arm.times)),
        "observables": [{"id": o.id, "formula": o.formula, "unit": o.unit} for o in arm.observables],
        "at_dose": arm.at_dose,
    }
