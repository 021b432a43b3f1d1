"""The specification of a study: what its file says, checked key by key, before any model is read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sbmlqsp.dosing import Regimen
from sbmlqsp.engine.tolerances import Tolerances
from sbmlqsp.engines import ENGINES
from sbmlqsp.errors import QSPError, StudyError
from sbmlqsp.experiment import STARTS
from sbmlqsp.files import inside
from sbmlqsp.library import own_library
from sbmlqsp.observation import Observable
from sbmlqsp.studies.analyses import Analysis
from sbmlqsp.studies.cells import SingleCells, check_cells, read_fates, read_method
from sbmlqsp.studies.figures import FigureSpec, read_figures
from sbmlqsp.studies.keys import ID, Keys
from sbmlqsp.studies.kinds import read_analyses

__all__ = ["Arm", "Data", "ExposureSpec", "FigureSpec", "People", "Study", "study_of"]

FORMATS = ("svg", "png", "pdf")
MOST_ARMS = 1_000


@dataclass(frozen=True)
class Arm:
    """One arm: a regimen, and what else differs from the study's own settings."""

    id: str
    title: str = ""
    regimen: str = "no doses"
    changes: Mapping[str, float | str] = field(default_factory=dict)
    times: str | tuple[float, ...] | None = None
    fates: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class People:
    """Where the subjects come from: a file, the column of ids, and the columns that become quantities."""

    file: str
    id: str
    columns: Mapping[str, str]
    carry: tuple[str, ...] = ()
    varying: str = "refuse"


@dataclass(frozen=True)
class Crowd:
    """A population to draw subjects from: its file, how many, and whether a sample of it is shown."""

    file: str
    size: int
    figure: bool = False


@dataclass(frozen=True)
class Data:
    """Measured data to lay over the figures: ``observations`` maps observables to columns."""

    file: str
    id: str
    time: str
    observations: Mapping[str, str]
    time_unit: str = ""
    units: Mapping[str, str] = field(default_factory=dict)
    arm: str = ""


@dataclass(frozen=True)
class ExposureSpec:
    """For which observables exposure is computed, and over which interval."""

    observables: tuple[str, ...] = ()
    interval: str = ""
    after: str = ""


@dataclass(frozen=True)
class Study:
    """A study as its file states it.

    Parameters
    ----------
    id, title, description : str
        What it is called; the id names the folder of results.
    model : str
        A path relative to the file, or an id of the library, as ``model_is_file`` says.
    times : str or tuple of float
        As for ``Experiment``.
    observables, arms, figures : tuple
        At least one arm; all species where no observable is named.
    people, population, data, exposure : optional
        Subjects of a table, or drawn from a population; measured data, exposure.
    analyses : tuple of Analysis
        What is computed from the results.
    cells, fates : optional
        How single cells are run instead of differential equations, and what ends them in every arm.
    text, folder : str, Path
        The file itself and where relative paths start.
    root : Path, optional
        The folder that all files of the study must lie in; ``folder`` or the model library it lies in if not given.
    """

    id: str
    title: str
    description: str
    model: str
    model_is_file: bool
    times: str | tuple[float, ...]
    arms: tuple[Arm, ...]
    observables: tuple[Observable, ...] = ()
    changes: Mapping[str, float | str] = field(default_factory=dict)
    people: People | None = None
    population: Crowd | None = None
    data: Data | None = None
    figures: tuple[FigureSpec, ...] = ()
    exposure: ExposureSpec = field(default_factory=ExposureSpec)
    analyses: tuple[Analysis, ...] = ()
    cells: SingleCells | None = None
    fates: Mapping[str, str] = field(default_factory=dict)
    formats: tuple[str, ...] = ("svg", "png")
    tolerances: Tolerances = field(default_factory=Tolerances)
    engine: str = "auto"
    seed: int = 0
    at_dose: str = "after"
    start: str = "initial values"
    occasions: str | tuple[float, ...] = ()
    on_failure: str = "raise"
    max_failed: float | None = None
    text: str = field(default="", repr=False)
    folder: Path = field(default=Path(), compare=False)
    source: Path = field(default=Path("study.toml"), compare=False)
    root: Path | None = field(default=None, compare=False)

    @property
    def method(self) -> str:
        """What runs: "ode" for differential equations, "ssa" for single cells."""
        return "ode" if self.cells is None else "ssa"

    def path(self, name: str) -> Path:
        """Return the path of a file that the study names.

        Raises
        ------
        StudyError
            It lies elsewhere.
        """
        roots = [own_library(self.folder), self.root]
        return inside(self.folder, name, roots=roots, what="a file of the study", error=StudyError)

    @property
    def files(self) -> tuple[str, ...]:
        """The files the study names, as it names them."""
        named = [self.model] if self.model_is_file else []
        named += [part.file for part in (self.people, self.population, self.data) if part is not None]
        named += [name for analysis in self.analyses for name in analysis.files()]
        return tuple(dict.fromkeys(named))


def study_of(content: Mapping[str, Any], *, text: str, source: Path, folder: Path, root: Path | None = None) -> Study:
    """Return the study that the content of a file states.

    Raises
    ------
    StudyError
        A key is unknown, missing or of the wrong kind; the message says where and what was probably meant.
    """
    top = Keys(content, str(source))
    about = top.table("study")
    name = about.need("id", str, example='"my_study"')
    if not ID.fullmatch(name):
        raise StudyError("the id of the study cannot name a folder", value=name, expected="letters, digits, _ - .")
    title, description = about.take("title", str, name), about.take("description", str, "")
    about.done()
    model, is_file = _model(top.table("model"))
    run = _simulation(top)
    observables, crowd = _observables(top), _population(top)
    study = Study(
        id=name, title=title, description=description, model=model, model_is_file=is_file, **run,
        observables=observables, changes=_settings(top.table("changes")), fates=read_fates(top.table("fates")),
        arms=_arms(top), people=_people(top),
        population=crowd, data=_data(top), figures=read_figures(top), exposure=_exposure(top),
        analyses=read_analyses(top, sampled=crowd is not None and crowd.figure),
        formats=_formats(top), text=text, folder=folder, source=source, root=root,
    )  # fmt: skip
    top.done()
    if study.people is not None and study.population is not None:
        raise StudyError("subjects and a population are both given", where=str(source), remedy="keep one of them")
    _check_references(study)
    for named in study.files:
        study.path(named)
    return study


def _model(keys: Keys) -> tuple[str, bool]:
    file, library = keys.take("file", str), keys.take("id", str)
    keys.done()
    if (file is None) == (library is None):
        raise StudyError(
            "the study does not say which model, or says it twice", where=keys.where,
            expected='file = "model.ant" for a file, or id = "two_compartment" for a model of the library',
        )  # fmt: skip
    return (file or library), file is not None


def _simulation(top: Keys) -> dict[str, Any]:
    keys = top.table("simulation")
    cells = read_method(keys)
    out = {
        "cells": cells,
        "times": _times(keys.need("times", (str, list), example='"0:24 h by 0.5"')),
        "at_dose": keys.take("at_dose", str, "after"),
        "start": keys.take("start", str, STARTS[0]),
        "occasions": _times(keys.take("occasions", (str, list), [])),
        "max_failed": keys.take("max_failed", float),
        "on_failure": keys.take("on_failure", str, "raise"),
        "seed": keys.take("seed", int, 0),
        "tolerances": _tolerances(keys, cells),
        "engine": keys.take("engine", str, "auto"),
    }
    keys.done()
    engines = ENGINES if cells is None else ("auto",)
    starts = STARTS if cells is None else STARTS[:1]
    choices = {"at_dose": ("after", "before"), "on_failure": ("raise", "record"), "engine": engines, "start": starts}
    for key, allowed in choices.items():
        if out[key] not in allowed:
            raise StudyError(f"no such {key}", value=out[key], where=keys.where, expected=" or ".join(allowed))
    return out


def _tolerances(keys: Keys, cells: SingleCells | None) -> Tolerances:
    names = {"relative_tolerance": "relative", "absolute_tolerance": "absolute", "maximum_steps": "maximum_steps"}
    given = {k: keys.take(k, int if k == "maximum_steps" else float) for k in names}
    given = {k: v for k, v in given.items() if v is not None}
    if given and cells is not None:
        raise StudyError(f"'{next(iter(given))}' is for differential equations, and single cells are exact",
                         where=keys.where, remedy="leave it out")  # fmt: skip
    try:
        control = Tolerances(**{names[k]: v for k, v in given.items()})
    except QSPError as why:
        raise why.changed(StudyError, where=keys.where, expected="tolerances such as 1e-9") from None
    if control.relative >= 0.1:
        raise StudyError("the tolerances are not usable", value=control, where=keys.where, expected="such as 1e-9")
    return control


def _times(value: str | list[Any]) -> str | tuple[float, ...]:
    return value if isinstance(value, str) else tuple(value)


def _settings(keys: Keys) -> dict[str, float | str]:
    values = keys.rest()
    flat: dict[str, float | str] = {}
    for path, value in _flattened(values):
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise StudyError(
                f"the new value of '{path}' is no number", value=value, where=keys.where, expected='0.5, or "5 mL/min"'
            )
        flat[path] = value
    return flat


def _flattened(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    # TOML reads pk.CL = 1 as a table pk with the key CL, which is what a dotted path means here.
    out: list[tuple[str, Any]] = []
    for key, value in values.items():
        path = f"{prefix}{key}"
        out += _flattened(value, f"{path}.") if isinstance(value, Mapping) else [(path, value)]
    return out


def _observables(top: Keys) -> tuple[Observable, ...]:
    out = []
    for keys in top.tables("observables"):
        name = keys.need("id", str, example='"Cp"')
        fields = {k: keys.take(k, str) for k in ("unit", "molar_mass")}
        fields |= {k: keys.take(k, str, "") for k in ("formula", "meaning")}
        keys.done()
        out.append(_placed(keys.where, Observable, name, **fields))
    _refuse_twice([o.id for o in out], "observables", top.where)
    return tuple(out)


def _arms(top: Keys) -> tuple[Arm, ...]:
    out = []
    for keys in top.tables("arms"):
        name = keys.need("id", str, example='"low"')
        regimen = keys.take("regimen", str, "no doses")
        times = keys.take("times", (str, list))
        arm = Arm(name, keys.take("title", str, ""), regimen, _settings(keys.table("changes")),
                  None if times is None else _times(times), read_fates(keys.table("fates")))  # fmt: skip
        keys.done()
        _placed(f"the arm '{name}' of {top.where}", Regimen.parse, regimen)
        out.append(arm)
        if len(out) > MOST_ARMS:
            raise StudyError(f"there are more than {MOST_ARMS:,} arms", where=top.where, remedy="make several studies")
    _refuse_twice([a.id for a in out], "arms", top.where)
    return tuple(out) or (Arm("arm"),)


def _placed(where: str, make: Any, *args: Any, **fields: Any) -> Any:
    try:
        return make(*args, **fields)
    except QSPError as err:
        raise err.changed(where=f"{err.where}, in {where}" if err.where else where) from None


def _people(top: Keys) -> People | None:
    keys = top.table("subjects")
    file = keys.take("file", str)
    if file is None:
        keys.done(["file", "id", "columns", "carry", "varying"])
        return None
    columns = keys.table("columns").rest()
    people = People(
        file, keys.take("id", str, "ID"), {str(k): str(v) for k, v in _flattened(columns)}, keys.texts("carry"),
        keys.take("varying", str, "refuse"),
    )  # fmt: skip
    keys.done()
    if people.varying not in {"refuse", "first"}:
        raise StudyError("no such choice", value=people.varying, where=keys.where, expected="'refuse' or 'first'")
    return people


def _population(top: Keys) -> Crowd | None:
    keys = top.table("population")
    file = keys.take("file", str)
    if file is None:
        keys.done(["file", "size", "figure"])
        return None
    size = keys.need("size", int, example="1000")
    figure = keys.take("figure", bool, False)
    keys.done()
    if size < 1:
        raise StudyError("a population without subjects", value=size, where=keys.where, expected="a positive number")
    return Crowd(file, size, figure)


def _data(top: Keys) -> Data | None:
    keys = top.table("data")
    file = keys.take("file", str)
    if file is None:
        keys.done(["file", "id", "time", "observations", "time_unit", "units", "arm"])
        return None
    data = Data(
        file, keys.take("id", str, "ID"), keys.take("time", str, "TIME"),
        {k: str(v) for k, v in _flattened(keys.table("observations").rest())}, keys.take("time_unit", str, ""),
        {k: str(v) for k, v in _flattened(keys.table("units").rest())}, keys.take("arm", str, ""),
    )  # fmt: skip
    keys.done()
    if not data.observations:
        raise StudyError(
            "the data say nothing about any observable", where=keys.where, remedy='write observations = {Cp = "conc"}'
        )
    return data


def _exposure(top: Keys) -> ExposureSpec:
    keys = top.table("exposure")
    spec = ExposureSpec(keys.texts("observables"), keys.take("interval", str, ""), keys.take("after", str, ""))
    keys.done()
    return spec


def _formats(top: Keys) -> tuple[str, ...]:
    keys = top.table("output")
    formats = keys.texts("formats") or ("svg", "png")
    keys.done()
    for one in formats:
        if one not in FORMATS:
            raise StudyError("no such format of figures", value=one, where=keys.where, expected=" or ".join(FORMATS))
    return formats


def _refuse_twice(names: list[str], what: str, where: str) -> None:
    counts = Counter(names)
    for name in names:
        if counts[name] > 1:
            raise StudyError(f"two {what} have one id", value=name, where=where, remedy="rename one of them")


def _check_references(study: Study) -> None:
    """Refuse a figure, an exposure or data of an observable or arm that the study does not have."""
    from sbmlqsp.errors import did_you_mean

    _refuse_twice([f.id for f in study.figures] + [a.id for a in study.analyses], "figures", str(study.source))
    check_cells(study)
    for analysis in study.analyses:
        analysis.check(study)
    observables, arms = [o.id for o in study.observables], [a.id for a in study.arms]
    named = [(f"the figure '{f.id}'", f.observables) for f in study.figures]
    named += [("[exposure]", study.exposure.observables)]
    named += [("[data]", tuple(study.data.observations))] if study.data else []
    for where, names in named:
        for name in names:
            if observables and name not in observables:
                remedy = did_you_mean(name, observables)
                raise StudyError(f"the study has no observable '{name}'", where=where, remedy=remedy)
    for figure in study.figures:
        for name in figure.arms:
            if name not in arms:
                remedy = did_you_mean(name, arms)
                raise StudyError(f"the study has no arm '{name}'", where=f"the figure '{figure.id}'", remedy=remedy)
