"""The verb ``simulate``: experiments in, one labelled Dataset out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sbmlqsp import provenance
from sbmlqsp.engine.roadrunner import Tolerances, quiet
from sbmlqsp.errors import ExperimentError, SimulationError, UnsupportedError
from sbmlqsp.execution import STATUS, ArmResult, run_arm
from sbmlqsp.experiment import Experiment, observable_unit
from sbmlqsp.model import flat_id
from sbmlqsp.observation import Observable
from sbmlqsp.populations import Population, sample
from sbmlqsp.progress import Progress
from sbmlqsp.readout import read_out
from sbmlqsp.subjects import Subjects, read_subjects

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

__all__ = ["observed", "simulate"]


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
    executor: Any = None,
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
    replicates, workers, executor, store, resume
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
    _refuse_reserved(replicates, method, workers, executor, store, resume)
    if on_failure not in {"raise", "record"}:
        raise ExperimentError("no such way to handle failures", value=on_failure, expected="'raise' or 'record'")
    arms = _arms(experiments)
    drawn = _drawn(population, size, seed, subjects)
    people = read_subjects(subjects if drawn is None else drawn, arms, drawn=population)
    control = tolerances or Tolerances()
    results = []
    with quiet() as terminal, Progress(len(arms) * len(people), show=progress, stream=terminal) as bar:
        for arm in arms:
            bar.next(arm.id)
            result = run_arm(arm, people, tolerances=control, tick=bar.tick, stop_at_failure=on_failure == "raise")
            if on_failure == "raise":
                _raise_first(arm, people, result)
            results.append(result)
    return _dataset(arms, people, results, seed=seed, tolerances=control)


def _drawn(population: Population | None, size: int | None, seed: int, subjects: Any) -> pd.DataFrame | None:
    if (population is None) != (size is None):
        given, lacking = ("size", "population") if population is None else ("population", "size")
        raise ExperimentError(f"simulate(…, {given}=…) needs {lacking}= as well")
    if population is None or size is None:
        return None
    if subjects is not None:
        raise ExperimentError("population and subjects are both given", remedy="keep one of them")
    return sample(population, size, seed=seed)


def _refuse_reserved(replicates: int, method: str, workers: Any, executor: Any, store: Any, resume: bool) -> None:
    asked = {
        "replicates": replicates != 1,
        "workers": workers not in {None, 1}, "executor": executor is not None, "store": store is not None,
        "resume": resume,
    }  # fmt: skip
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


def _raise_first(arm: Experiment, people: Subjects, result: ArmResult) -> None:
    if not result.status.any():
        return
    i = int(np.argmax(result.status > 0))
    raise SimulationError(
        f"subject {people.ids[i]} of '{arm.id}' failed: {STATUS[int(result.status[i])]}; {result.messages[i]}",
        remedy="check that subject's parameters, or keep the others with on_failure='record'",
    )


# ------------------------------------------------------------------------------------------------------- collecting
def _dataset(
    arms: Sequence[Experiment], people: Subjects, results: Sequence[ArmResult], *, seed: int, tolerances: Tolerances
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
            data = observed(o, arm, result)
            _note_undefined(o, data, result)
            kept = np.where(result.status[:, None] > 0, np.nan, data)
            values[o.id][e, :, 0, at] = np.moveaxis(kept, 1, 0)
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
        doses=[d for a, r in zip(arms, results, strict=True) for d in _dose_rows(a, r)],
    )


def _as_given(people: Subjects, observables: Mapping[str, Observable]) -> pd.DataFrame | None:
    """Return the table; a column named like an observable (an initial value of what is observed) is marked as given."""
    if people.table is None:
        return None
    return people.table.rename(columns={c: f"{c} (given)" for c in people.table.columns if c in observables})


def _note_undefined(o: Observable, data: Any, result: ArmResult) -> None:
    """Say where an observable's own formula gives no number although the run is fine, as a ratio of zeros does."""
    undefined = np.isnan(data).any(axis=1) & (result.status == 0)
    for i in np.flatnonzero(undefined).tolist():
        note = f"the observable '{o.id}' is not a number at output {int(np.argmax(np.isnan(data[i]))) + 1}"
        result.messages[i] = "; ".join(filter(None, (result.messages[i], note)))


def observed(o: Observable, arm: Experiment, result: ArmResult) -> Any:
    """Return an observable of shape (subjects, times), in its unit."""
    shape = (len(result.status), len(arm.times))
    return read_out(o, arm.model, columns=result.columns, time=np.asarray(arm.times)[None, :], shape=shape)


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


def _dose_rows(arm: Experiment, result: ArmResult) -> list[dict[str, Any]]:
    """Describe the doses as the first subject gets them, for ticks on figures and dosing intervals."""
    d = result.deliveries
    rows = []
    for k, target in enumerate(d.targets):
        symbol = arm.model.network.symbols[target]
        unit = symbol.substance_unit if symbol.kind == "species" else symbol.unit
        rows.append(
            {
                "experiment": arm.id,
                "time": float(d.start[0, k]),
                "amount": float(d.amount[0, k]),
                "unit": unit.label if unit is not None else "",
                "target": target.replace("__", "."),
                "duration": float(d.duration[0, k]),
            }
        )
    return rows
