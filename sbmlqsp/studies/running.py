"""From a study to its results: model, arms, subjects, data, simulation, tables and figures."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sbmlqsp.errors import ModelError, located
from sbmlqsp.experiment import Experiment
from sbmlqsp.files import refuse_missing
from sbmlqsp.studies.analyses import tables_of
from sbmlqsp.studies.cells import fates_of
from sbmlqsp.studies.figures import PANELS, FigureSpec
from sbmlqsp.studies.people import read_data, read_people
from sbmlqsp.studies.spec import Study

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr
    from matplotlib.figure import Figure

    from sbmlqsp.model import Model

MOST_CELLS = 20
"""So many cells are drawn of each arm where it is not said."""

__all__ = ["Outcome", "draw", "experiments_of", "figures_of", "model_of", "read_model", "run"]


@dataclass(frozen=True)
class Outcome:
    """Everything a run of a study gives; ``people`` is what ``simulate`` was told, ``tables`` those of the analyses."""

    study: Study
    model: Model
    experiments: tuple[Experiment, ...]
    observed: pd.DataFrame | None
    results: xr.Dataset
    summary: pd.DataFrame
    exposure: pd.DataFrame | None
    people: Mapping[str, Any]
    workers: int | None = None
    tables: tuple[pd.DataFrame, ...] = ()
    notes: tuple[str, ...] = field(default=())


def read_model(path: str | Path) -> Model:
    """Read a model file by its suffix: ``.xml`` and ``.sbml`` are SBML, anything else is Antimony."""
    from sbmlqsp.reading import read_antimony, read_sbml

    place = Path(path)
    refuse_missing(place, what="a model", error=ModelError)
    name = place.name.lower().removesuffix(".gz").removesuffix(".bz2")
    return read_sbml(place) if name.endswith((".xml", ".sbml")) else read_antimony(place)


def model_of(study: Study) -> Model:
    """Return the model a study names."""
    from sbmlqsp.catalogue import load

    return read_model(study.path(study.model)) if study.model_is_file else load(study.model)


def experiments_of(study: Study, model: Model) -> tuple[Experiment, ...]:
    """Return one experiment per arm.

    Raises
    ------
    QSPError
        The error of the experiment, with the arm it was found in.
    """
    return tuple(_experiment(study, model, i) for i in range(len(study.arms)))


def _experiment(study: Study, model: Model, i: int) -> Experiment:
    arm = study.arms[i]
    with located(f"the arm '{arm.id}' of {study.source}"):
        return Experiment(
            model, times=arm.times or study.times, observables=study.observables, regimen=arm.regimen,  # type: ignore[arg-type]
            changes={**study.changes, **arm.changes}, id=arm.id, at_dose=study.at_dose, start=study.start,
            occasions=study.occasions, fates=fates_of(study, arm),
        )  # fmt: skip


def run(
    study: Study, *, model: Model | None = None, progress: bool | None = None, workers: int | None = None
) -> Outcome:
    """Run a study and compute its tables; nothing is written.

    Parameters
    ----------
    study : Study
    model : Model, optional
        Instead of the one the study names, as when a locked run is repeated.
    progress, workers : optional
        As for ``simulate``.
    """
    from sbmlqsp.results import summarise
    from sbmlqsp.simulate import simulate

    notes: list[str] = []
    with _noting(notes):
        model = model or model_of(study)
        experiments = experiments_of(study, model)
        people = _subjects(study)
        units = {o.id: _unit(experiments[0], i) for i, o in enumerate(experiments[0].observables)}
        place = study.path(study.data.file) if study.data else Path()
        observed = read_data(study.data, place, time_unit=model.time_unit, units=units) if study.data else None
        how = study.cells.arguments if study.cells else {"tolerances": study.tolerances, "engine": study.engine}
        results = simulate(
            experiments, seed=study.seed, on_failure=study.on_failure, max_failed=study.max_failed, progress=progress,
            workers=workers, **how, **people,
        )  # fmt: skip
        summary, measured = summarise(results), _exposure(study, results)
        outcome = Outcome(study, model, experiments, observed, results, summary, measured, people, workers)
        tables = tables_of(outcome)
    return replace(outcome, tables=tables, notes=tuple(notes))


def _subjects(study: Study) -> dict[str, Any]:
    """Return what tells ``simulate`` of the subjects."""
    from sbmlqsp.populations import read_population

    if study.population is not None:
        population = read_population(study.path(study.population.file))
        if population.cell_variability and study.cells is None:
            names = ", ".join(population.cell_variability)
            warnings.warn(f"differential equations know no cells: what varies between them ({names}) is as in their "
                          "subject", stacklevel=2)  # fmt: skip
        return {"population": population, "size": study.population.size}
    return {"subjects": read_people(study.people, study.path(study.people.file)) if study.people else None}


def _unit(experiment: Experiment, i: int) -> str:
    from sbmlqsp.experiment import observable_unit

    observable = experiment.observables[i]
    return observable.unit or observable_unit(experiment.model, observable)


@contextmanager
def _noting(notes: list[str]) -> Iterator[None]:
    """Keep warnings as notes of the report instead of printing them."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    notes += dict.fromkeys(str(w.message) for w in caught if issubclass(w.category, UserWarning))


def _exposure(study: Study, results: xr.Dataset) -> pd.DataFrame | None:
    from sbmlqsp.exposure import exposure

    spec = study.exposure
    if not spec.observables:
        return None
    return exposure(results, list(spec.observables), interval=spec.interval or None, after=spec.after or None)


def figures_of(outcome: Outcome) -> tuple[FigureSpec, ...]:
    """Return the figures of a study, one for all observables where it asks for none."""
    names = tuple(o.id for o in outcome.experiments[0].observables)
    return outcome.study.figures or (FigureSpec("time_courses", names[:9], "Time courses"),)


def draw(spec: FigureSpec, outcome: Outcome) -> Figure:
    """Draw one figure.

    Raises
    ------
    DataError
        The figure cannot be drawn as asked; the message names it.
    """
    from sbmlqsp.plot import cells, time_course

    names_of_arms = titles(outcome.study)
    results = outcome.results.sel(experiment=list(spec.arms)) if spec.arms else outcome.results
    results = _titled(results, names_of_arms)
    names = list(spec.observables) or [o.id for o in outcome.experiments[0].observables]
    with located(f"the figure '{spec.id}'"):
        if spec.kind == "cells":
            count = MOST_CELLS if isinstance(spec.individuals, str) else int(spec.individuals)
            return cells(results, names[0] if spec.observables else None, count=count, threshold=spec.threshold,
                         title=spec.title or None)  # fmt: skip
        return time_course(
            results, names, observed=_observed(outcome, names, names_of_arms) if spec.data else None, log=spec.log,
            individuals=spec.individuals, bands=spec.bands, panels=PANELS[spec.panels], title=spec.title or None,
            time_unit=spec.time_unit or None,
        )  # fmt: skip


def _titled(results: xr.Dataset, names: Mapping[str, str]) -> xr.Dataset:
    """Return results whose arms bear their titles, for legends."""
    arms = [names[str(a)] for a in results["experiment"].to_numpy()]
    doses = [d | {"experiment": names[d["experiment"]]} for d in json.loads(results.attrs["doses"])]
    return results.assign_coords(experiment=arms).assign_attrs(doses=json.dumps(doses))


def _observed(outcome: Outcome, observables: list[str], names: Mapping[str, str]) -> pd.DataFrame | None:
    table = outcome.observed
    if table is None or not set(observables) & set(table.columns):
        return None
    labels = [c for c in ("ID", "TIME", "EXPERIMENT") if c in table.columns]
    table = table[[*labels, *(n for n in observables if n in table.columns)]]
    if "EXPERIMENT" in table.columns:
        table = table.assign(EXPERIMENT=[names.get(str(v), str(v)) for v in table["EXPERIMENT"]])
    return table


def titles(study: Study) -> dict[str, str]:
    """Return the title of each arm, its id where it has none or where two arms have one title."""
    found = {a.id: a.title or a.id for a in study.arms}
    return found if len(set(found.values())) == len(found) else {a.id: a.id for a in study.arms}
