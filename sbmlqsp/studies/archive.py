"""The verb ``write_combine``: experiments or a whole study, with data, population and figures, in one archive."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sbmlqsp.engine.tolerances import Tolerances
from sbmlqsp.errors import DataError, ExperimentError, UnsupportedError
from sbmlqsp.exchange.omex.manifest import MANIFEST
from sbmlqsp.exchange.omex.metadata import METADATA, metadata_of
from sbmlqsp.exchange.omex.packing import Package, pack, read_files
from sbmlqsp.exchange.omex.zipping import safe_name
from sbmlqsp.exchange.sedml.writing import sedml_of
from sbmlqsp.experiment import Experiment
from sbmlqsp.populations import Population
from sbmlqsp.populations.files import named_files
from sbmlqsp.populations.writing import population_files
from sbmlqsp.simulate import drawn_subjects
from sbmlqsp.studies.lock import is_results_folder, model_sources
from sbmlqsp.studies.people import read_people
from sbmlqsp.studies.running import experiments_of, model_of
from sbmlqsp.studies.spec import Study

__all__ = ["write_combine"]


@dataclass(frozen=True)
class _Plan:
    """What is written: experiments and how they are run, and what a study adds to what the caller says."""

    experiments: tuple[Experiment, ...]
    method: Mapping[str, Any]
    title: str = ""
    description: str = ""
    files: Mapping[str, tuple[bytes, str]] = field(default_factory=dict)


def write_combine(
    experiments: Experiment | Iterable[Experiment] | Study | str | Path,
    path: str | os.PathLike[str],
    *,
    subjects: Any = None,
    population: Population | None = None,
    size: int | None = None,
    method: str = "ode",
    replicates: int = 1,
    seed: int = 0,
    tolerances: Tolerances | None = None,
    data: Iterable[str | os.PathLike[str]] = (),
    figures: Iterable[str | os.PathLike[str]] = (),
    results: str | os.PathLike[str] | None = None,
    title: str = "",
    description: str = "",
    creators: Iterable[Mapping[str, str] | str] = (),
    created: object = None,
) -> Path:
    """Write a COMBINE archive (OMEX): models, experiments as SED-ML, data, population, figures and metadata.

    Parameters
    ----------
    experiments : Experiment, iterable of Experiment, Study, str or Path
        What is run; a study, or its file, brings its arms, subjects, population, data, title and description.
    path : str or Path
        The archive, such as ``study.omex``. The same content gives the same bytes.
    subjects : DataFrame, optional
        As in ``write_sedml``.
    population : Population, optional
        Its definition goes into the archive as TOML.
    size : int, optional
        Subjects drawn from the population, with ``seed``, whom the SED-ML runs. Without it the SED-ML runs the model's
        own values.
    method, replicates, seed, tolerances : optional
        As in ``write_sedml``; a study states them itself.
    data, figures : iterable of paths, optional
        Files for the folders of these names.
    results : path, optional
        A folder of results that ``run_study`` wrote: its figures, tables, report and lock go into the archive.
    title, description : str, optional
    creators : iterable of mappings or str, optional
        Keys given, family, email, organization and orcid; or names such as ``"Ada King"``.
    created : date, datetime or str, optional
        Such as ``"2026-03-31"``; no date where left out, so that the bytes do not depend on the day.

    Returns
    -------
    Path

    Raises
    ------
    UnsupportedError
        As for ``write_sedml``, or a study of single cells with continuous species.
    DataError
        A file is missing, two have one name, or a creator or the date cannot be read.

    References
    ----------
    Bergmann FT et al. (2014) COMBINE archive and OMEX format. BMC Bioinformatics 15, 369.
    https://doi.org/10.1186/s12859-014-0369-z

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import sbmlqsp as qsp
    >>> model = qsp.read_antimony("model m; species S; S = 0; J: S -> ; k*S; k = 0.1; end")
    >>> arm = qsp.Experiment(model, times="0:24 by 1", regimen="100 into S every 12 x 2")
    >>> path = write_combine(arm, pathlib.Path(tempfile.mkdtemp(), "arm.omex"), creators=["Ada King"])
    >>> qsp.read_combine(path).metadata.creators
    ({'given': 'Ada', 'family': 'King'},)
    """
    stated = {"method": method, "replicates": replicates, "seed": seed, "tolerances": tolerances, "subjects": subjects}
    plan = _plan(experiments, stated)
    people = drawn_subjects(population, size, seed, subjects, plan.experiments) if size is not None else None
    how = dict(plan.method) | ({"subjects": people} if people is not None else {})
    package = Package()
    document = sedml_of(plan.experiments, prefix="experiments_", **how)
    package.add_document(document)
    package.add_models(plan.experiments)
    for name, (content, about) in _files(plan, population, data, figures, results).items():
        if name in {MANIFEST, METADATA}:
            raise DataError("a file of the study has the name of a part of the archive", value=name)
        package.add(name, content, about)
    metadata = metadata_of(title=title or plan.title, description=description or plan.description, creators=creators,
                           created=created)  # fmt: skip
    return pack(package, path, metadata=metadata, document=document)


def _plan(given: Any, stated: Mapping[str, Any]) -> _Plan:
    if isinstance(given, str | Path):
        from sbmlqsp.study import read_study

        given = read_study(given)
    if not isinstance(given, Study):
        arms = (given,) if isinstance(given, Experiment) else tuple(given)
        return _Plan(arms, dict(stated))
    defaults = {"method": "ode", "replicates": 1, "seed": 0, "tolerances": None, "subjects": None}
    for name, value in stated.items():
        if value is not defaults[name] and value != defaults[name]:
            raise ExperimentError(f"a study states its {name} itself", value=value, remedy="change the study file")
    return _of_study(given)


def _of_study(study: Study) -> _Plan:
    arms = experiments_of(study, model_of(study))
    how: dict[str, Any] = {"seed": study.seed, "tolerances": study.tolerances}
    if study.cells is not None:
        if study.cells.continuous:
            raise UnsupportedError("SED-ML has no species that are continuous among those that are counted",
                                   value=list(study.cells.continuous), where=str(study.source))  # fmt: skip
        how = {"seed": study.seed, "method": "ssa", "replicates": study.cells.replicates}
    if study.people is not None:
        how["subjects"] = read_people(study.people, study.folder / study.people.file)
    titles = {a.id: a.title for a in study.arms if a.title}
    named = "; ".join(f"{k}: {v}" for k, v in titles.items())
    about = f"{study.description}\n\nArms: {named}." if named else study.description
    return _Plan(arms, how, study.title or study.id, about.strip(), dict(_study_files(study)))


def _study_files(study: Study) -> Iterator[tuple[str, tuple[bytes, str]]]:
    """Yield the study's file and all that it reads, laid out so that it can be run where it is unpacked."""
    sources = [study.folder / n for n in study.files if not (study.model_is_file and n == study.model)]
    if study.population is not None:
        crowd = study.folder / study.population.file
        sources += [crowd.parent / n for n in named_files(crowd)]
    if study.model_is_file:
        sources += [source for _, source in model_sources(study)]
    home = study.folder.resolve()
    root = Path(os.path.commonpath([home, *(s.resolve().parent for s in sources)]))
    where = f"the files of the study '{study.id}'"
    text = (study.text.encode(), "the study file; run it with sbmlqsp")
    yield safe_name(f"study/{(home / 'study.toml').relative_to(root).as_posix()}", where=where), text
    for source in sources:
        place = safe_name(f"study/{source.resolve().relative_to(root).as_posix()}", where=where)
        yield place, (source.read_bytes(), "read by the study")


def _files(plan: _Plan, population: Population | None, data: Any, figures: Any, results: Any) -> dict[str, Any]:
    out: dict[str, tuple[bytes, str]] = dict(plan.files)
    if population is not None:
        texts = population_files(population, name="population.toml")
        out |= {f"population/{n}": (t.encode(), f"the population '{population.id}'") for n, t in texts.items()}
    out |= read_files(data, folder="data", about="data")
    out |= read_files(figures, folder="figures", about="a figure")
    if results is not None:
        out |= _results(Path(results), out)
    return out


def _results(folder: Path, taken: Mapping[str, Any]) -> dict[str, tuple[bytes, str]]:
    """Return the figures of a folder of results, and its other files but for the inputs, which the study brings."""
    if not is_results_folder(folder):
        raise DataError("this is no folder of results of a study", value=str(folder),
                        remedy="give what run_study wrote")  # fmt: skip
    out: dict[str, tuple[bytes, str]] = {}
    for path in sorted(folder.rglob("*")):
        place = path.relative_to(folder)
        if not path.is_file() or place.parts[0] == "inputs":
            continue
        name = place.as_posix() if place.parts[0] == "figures" else f"results/{place.as_posix()}"
        if name in taken:
            raise DataError("a figure is given, and one of the results has its name", value=name)
        out[name] = path.read_bytes(), "a figure" if place.parts[0] == "figures" else "results of the study"
    return out
