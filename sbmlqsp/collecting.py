"""What the runs of arms give, put together as one labelled Dataset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from sbmlqsp import provenance
from sbmlqsp.experiment import Experiment, observable_unit
from sbmlqsp.model import flat_id
from sbmlqsp.observation import Observable
from sbmlqsp.outcome import Outcome, integrated_instead
from sbmlqsp.subjects import Subjects

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

__all__ = ["dataset_of", "inputs_of"]


def dataset_of(
    arms: Sequence[Experiment],
    people: Subjects,
    results: Sequence[Outcome],
    *,
    seed: int,
    method: Mapping[str, Any],
    replicates: range = range(1, 2),
) -> xr.Dataset:
    """Return the Dataset of some people: the outcome of each arm, labelled."""
    from sbmlqsp.results import make_dataset

    kept, varying = people.described()
    grid = np.unique(np.concatenate([np.asarray(a.times) for a in arms]))
    observables = {o.id: o for a in arms for o in a.observables}
    units = {o: _unit(a, o) for a in reversed(arms) for o in a.observables}
    runs = (len(people), len(replicates))
    values = _apart({name: _together(name, arms, results, grid=grid, runs=runs) for name in observables})
    status = np.stack([r.status.reshape(runs) for r in results])
    messages = np.array([r.messages for r in results], dtype=object).reshape(len(arms), *runs)
    instead = integrated_instead(m for r in results for m in r.messages)
    how = {**method, "integrated_instead": instead} if instead else method
    record = provenance.record(
        models={a.model.id: a.model.digest for a in arms},
        inputs={"experiments": [inputs_of(a) for a in arms], "subjects": provenance.digest(people.table), **how},
        seed=seed,
    )  # fmt: skip
    ds = make_dataset(
        values,
        experiments=[a.id for a in arms],
        subjects=list(people.ids),
        replicates=list(replicates),
        time=grid,
        time_unit=arms[0].model.time_unit or "",
        units={o.id: u for o, u in units.items()},
        meanings={o.id: o.meaning or _meaning(a, o) for a in reversed(arms) for o in a.observables},
        status=status,
        messages=messages,
        subject_table=_as_given(kept, observables),
        varying=varying,
        occasion_start=_starts(arms, people),
        provenance=provenance.to_json(record),
        doses=[d for r in results for d in r.doses],
    )
    return _with_differences(_with_fates(ds, arms, results, runs), results, runs)


def _together(
    name: str, arms: Sequence[Experiment], results: Sequence[Outcome], *, grid: Any, runs: tuple[int, int]
) -> Any:
    """Return an observable of all arms, NaN where an arm did not ask for it."""
    asked = [name in {o.id for o in arm.observables} for arm in arms]
    if all(asked) and all(len(arm.times) == len(grid) for arm in arms):
        if len(results) == 1:  # as it is, where it may be: it may be large
            return np.require(results[0].columns[name], requirements=["C", "W"]).reshape(1, *runs, len(grid))
        return np.stack([r.columns[name].reshape(*runs, len(grid)) for r in results])
    values = np.full((len(arms), *runs, len(grid)), np.nan)
    for e, (arm, result) in enumerate(zip(arms, results, strict=True)):
        if asked[e]:
            at = np.searchsorted(grid, np.asarray(arm.times))
            values[e][:, :, at] = result.columns[name].reshape(*runs, len(at))
    return values


def _apart(values: dict[str, Any]) -> dict[str, Any]:
    """Return values of which no two are the same place in memory, so that each may be changed alone."""
    places: set[int] = set()
    for name, array in values.items():
        place = array.__array_interface__["data"][0]
        values[name] = array.copy() if place in places else array
        places.add(place)
    return values


def _with_fates(
    ds: xr.Dataset, arms: Sequence[Experiment], results: Sequence[Outcome], runs: tuple[int, int]
) -> xr.Dataset:
    """Add what ended each cell, and when."""
    if not any("fate" in r.extras for r in results):
        return ds
    fate, time = np.full((len(arms), *runs), "", dtype=object), np.full((len(arms), *runs), np.nan)
    for e, (arm, result) in enumerate(zip(arms, results, strict=True)):
        if "fate" in result.extras:
            names = np.array([*arm.fates, ""], dtype=object)  # the last is that of -1
            fate[e], time[e] = names[result.extras["fate"]].reshape(runs), result.extras["fate_time"].reshape(runs)
    dims = ("experiment", "subject", "replicate")
    whole: xr.Dataset = ds.assign(fate=(dims, fate), fate_time=(dims, time, {"units": arms[0].model.time_unit or ""}))
    return whole


def _with_differences(ds: xr.Dataset, results: Sequence[Outcome], runs: tuple[int, int]) -> xr.Dataset:
    """Add how far apart two engines are in each run."""
    name = "engine_difference"
    if not any(name in r.extras for r in results):
        return ds
    found = np.stack([r.extras.get(name, np.full(runs, np.nan)).reshape(runs) for r in results])
    about = {"units": "", "long_name": "largest difference between libRoadRunner and the batch kernel, relative"}
    whole: xr.Dataset = ds.assign({name: (("experiment", "subject", "replicate"), found, about)})
    return whole


def _as_given(table: pd.DataFrame | None, observables: Mapping[str, Observable]) -> pd.DataFrame | None:
    """Return the table; a column named like an observable (an initial value of what is observed) is marked as given."""
    if table is None:
        return None
    return table.rename(columns={c: f"{c} (given)" for c in table.columns if c in observables})


def _starts(arms: Sequence[Experiment], people: Subjects) -> tuple[str, Any] | None:
    """Return from when the rows of subjects hold, by experiment or by subject; infinity where there is none."""
    rows = people.rows
    if rows is None:
        return None
    if rows.level == "time":
        return "subject", np.where(rows.there, rows.padded(rows.marks), np.inf)
    begins = np.full((len(arms), rows.width), np.inf)
    for k, arm in enumerate(arms):
        own = arm.occasions[: rows.width]
        begins[k, : len(own)] = own
    return "experiment", begins


def _unit(arm: Experiment, o: Observable) -> str:
    return o.unit or observable_unit(arm.model, o)


def _meaning(arm: Experiment, o: Observable) -> str:
    symbol = arm.model.network.symbols.get(flat_id(o.formula))
    return symbol.name if symbol is not None else ""


def inputs_of(arm: Experiment) -> dict[str, Any]:
    """Return what an arm consists of, for provenance."""
    return {
        "id": arm.id,
        "model": arm.model.id,
        "changes": {k: v if isinstance(v, str) else float(v) for k, v in arm.changes.items()},
        "regimen": str(arm.regimen) if len(arm.regimen) else "",
        "times": provenance.digest(list(arm.times)),
        "observables": [{"id": o.id, "formula": o.formula, "unit": o.unit} for o in arm.observables],
        "at_dose": arm.at_dose,
        "occasions": list(arm.occasions),
        "fates": {k: str(v) for k, v in arm.fates.items()},
        **({"start": arm.start} if arm.at_rest else {}),
    }
