"""A study file: model, arms, subjects, data and figures in TOML, run into a folder of results.

The file, with every key it may have::

    [study]
    id = "theophylline"                 # names the folder of results
    title = "Oral theophylline"         # optional, as description = "…"

    [model]
    file = "theophylline.ant"           # relative to the study file; .xml and .sbml are read as SBML
    # id = "two_compartment"            # or a model of the library

    [simulation]
    times = "0:25 h by 0.1"             # or a list of numbers in the model's unit of time
    # at_dose = "after", on_failure = "raise" or "record", seed = 0,
    # start = "steady state"              # of the undosed model, in place of "initial values"
    # relative_tolerance = 1e-9, absolute_tolerance = 1e-40, maximum_steps = 500000
    # engine = "auto"                   # or "roadrunner", "kernel", "gpu", "both" (which tells how far apart they are)
    # method = "ssa"                    # single cells instead of differential equations; then also
    # replicates = 100                  # cells per subject
    # continuous = ["pk.drug"]          # species that are not counted, and max_jumps = 50000000 of a cell

    # [fates]                           # conditions that end a cell, with method = "ssa"
    # apoptosis = "signal > 100"

    [changes]                           # new values for every arm, in the model's unit or with one
    CL_kg = "40 mL/h/kg"

    [[observables]]                     # all species where there are none
    id = "Cp"
    formula = "pk.central"              # the id itself where left out
    unit = "mg/L"                       # the model's own where left out
    meaning = "Plasma theophylline"     # for axes and tables
    # molar_mass = "180.16 g/mol"       # between mass and amount of substance

    [[arms]]
    id = "oral"
    title = "Single oral dose"
    regimen = "[DOSE*WT] mg into absorption.depot"  # formulas read symbols and columns of the subjects
    # times = …, and tables changes and fates, for this arm only

    [subjects]                          # one typical subject where left out
    file = "theophylline.csv"           # one or more rows per subject: the first row counts
    id = "subject"
    columns = {WT = "weight_kg", DOSE = "dose_mg_per_kg"}
    # carry = ["SEX"]                   # columns carried along; varying = "first" allows later rows to differ

    # [population]                      # instead of subjects: drawn from a population, with the study's seed
    # file = "population.toml"          # under [simulation]: occasions = "0:84 day by 28", where it varies between
    # size = 1000                       # occasions; on_failure = "record" and max_failed = 0.05
    # figure = true                     # show the sample

    [data]                              # measured data, laid over the figures
    file = "theophylline.csv"
    id = "subject"
    time = "time_h"                     # in the model's unit of time, or in time_unit = "min"
    observations = {Cp = "conc_mg_per_L"}
    # units = {Cp = "ug/L"}, arm = "the column that names the arm"

    [[figures]]
    id = "each"
    observables = ["Cp"]
    panels = "subject"                  # or "observable", "arm"
    title = "Each subject"
    # percentiles = [5, 25, 50, 75, 95], individuals = 30 (thin lines below the bands; or true, false)
    # caption = "…", log = true, arms = ["oral"], data = false, time_unit = "day"
    # kind = "cells", threshold = 100: lines of individuals = 20 single cells of each arm with the mean of all

    [exposure]                          # no exposure table where left out
    observables = ["Cp"]
    # interval = "24 h", after = "144 h"

    [[exposure_by]]                     # boxes of an exposure measure by groups of a covariate or parameter
    observable = "Cp"
    covariate = "WT"
    measure = "auc_inf"                 # a column of the exposure table
    # id, title, caption, arms, groups = 4 or limits as [60, 80], kind = "violin", log = true; interval and after as in
    # [exposure] where left out

    # [[forest]]                        # needs [population]: what each covariate alone does to a measure
    # observable = "Cp"
    # measure = "auc_tau"               # or a parameter of the population, such as "CL"
    # percentiles = [5, 95], band = [0.8, 1.25] or false, draws = 200 of the uncertainty, size = 100 subjects at each
    # value, reference = {WT = 70}, values = {WT = [50, 90]}; id, title, caption, arms, interval, after

    [[attainment]]                      # how many subjects reach a target
    observable = "Cp"
    measure = "time_above"              # share of the interval above each MIC; or "auc_tau", "cmax", "ctrough", …
    at_least = 0.5                      # or at_most; a list of goals where there is no mic; texts with units, "125 h"
    mic = [0.5, 1, 2, 4]                # the measure is divided by each
    interval = "24 h"
    # unbound = 0.3, distribution = {"0.5" = 10, "1" = 30}, enough = 0.9, max_unsure = 0.05; id, title, caption, arms,
    # after

    # [[vpc]]                           # needs [population]: measured data beside replicates of them
    # file = "theophylline.csv"         # read as by read_nonmem: columns, derive, units, ignore, cens
    # columns = {ID = "subject", TIME = "time_h", DV = "conc_mg_per_L", WT = "weight_kg"}
    # derive = {AMT = "piecewise(dose_mg_per_kg*WT, TIME == 0, 0)"}
    # units = {TIME = "h", AMT = "mg", DV = "mg/L", WT = "kg"}
    # compartments = "absorption.depot" # or by CMT, {1 = "absorption.depot"}
    # errors = {Cp = {additive = 0.3, proportional = 0.1}}  # the residual error, by observable
    # observables = "Cp" or by DVID {1 = "Cp"}, occasion = "OCC", replicates = 200, uncertainty = true, bins = "auto" or
    # how many or their edges, time = "TAD", strata = ["SEX"], percentiles = [5, 50, 95], confidence = 0.95, corrected =
    # true or "log", lloq = 0.1 or by DVID {1 = 0.1}, uloq, log = true; id, title, caption

    # [[survival]]                      # these need method = "ssa": the share of cells alive over time, with [fates]
    # at = ["12 h", "24 h"]             # what the page lists
    # fate = "apoptosis", by = "subject" of one arm, confidence = 0.95; id, title, caption, arms

    # [[kill_curve]]                    # the share that a fate has ended, by dose
    # fate = "apoptosis"                # where there are several
    # at = "24 h"                       # by when; the end where left out
    # doses = {low = 1, high = 10}      # by arm, in unit = "nmol/h"; sums of their doses (into target) where left out
    # dose = "Rate of infusion", moment = true (how many of the same cells meet its condition just then); confidence,
    # id, title, caption, arms
    # [kill_curve.closed_form]          # over that share Q(shape, threshold / scale), by formulas of the model, for a
    # shape = "death.a"                 # signal at rest, made in bursts; where that is not so, figure and page tell
    # scale = "death.b"
    # threshold = "threshold"
    # lifetime = "1/death.g"            # of the signal, to tell whether it is at rest
    # holds = ["death.gm >= 20*death.g", "death.kp >= 10*death.gm"]

    # [[distribution]]                  # an observable over the cells of one arm at a time: moments, Fano factor, laws
    # observable = "signal"
    # at = "24 h"
    # arm = "high"
    # subject = 1                       # of one subject, as laws need; of all where left out
    # laws = ["gamma", "negative binomial"]  # or "poisson"
    # replicates = 400 cells of that subject, fates = false (had no fate ended them); confidence, id, title, caption

    [output]
    formats = ["svg", "png"]            # of the figures; also "pdf"

A key that is not listed here is an error.
"""

from __future__ import annotations

import json
import shutil
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sbmlqsp.errors import StudyError
from sbmlqsp.studies.analyses import figures_of_analyses
from sbmlqsp.studies.keys import read_toml
from sbmlqsp.studies.lock import LOCK, copy_inputs, differences, is_results_folder, lock_of, read_lock
from sbmlqsp.studies.running import Outcome, draw, figures_of, run
from sbmlqsp.studies.spec import Study, study_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from sbmlqsp.studies.lock import Lock

__all__ = ["Study", "read_study", "run_study"]


def read_study(path: str | Path, *, root: str | Path | None = None) -> Study:
    """Read a study file.

    Parameters
    ----------
    path : str or Path
        A TOML file; its keys are listed at the top of this module.
    root : str or Path, optional
        A folder that the files it names may lie in, besides its own and the model library it lies in. Names that lead
        elsewhere are refused, since what they name would be shown and copied into the results.

    Returns
    -------
    Study

    Raises
    ------
    StudyError
        The file cannot be read, or a key is unknown, missing or of the wrong kind.
    DosingError, ObservableError, UnitError
        A regimen, formula or unit in it is malformed.

    Examples
    --------
    >>> import sbmlqsp.study as study
    >>> from sbmlqsp.catalogue import models_root
    >>> study.read_study(models_root() / "systems/theophylline/study.toml").id
    'theophylline'
    """
    source = Path(path)
    if source.is_dir() and (source / "study.toml").is_file():
        raise StudyError("this is a folder, not a file", value=str(path), remedy=f"give {source / 'study.toml'}")
    content, text = read_toml(source, what="a study file")
    return study_of(content, text=text, source=source, folder=source.parent, root=None if root is None else Path(root))


def run_study(
    study: Study | str | Path,
    *,
    output: str | Path | None = None,
    root: str | Path | None = None,
    progress: bool | None = None,
    workers: int | None = None,
) -> Path:
    """Run a study and write its results, all or nothing.

    Parameters
    ----------
    study : Study, str or Path
        A study, its file, or the ``lock.json`` of a folder of results, which repeats that run from the inputs kept
        there.
    output : str or Path, optional
        The folder to write; by default ``results/<id>``, and for a lock the folder of the lock with ``-repeat`` added.
        A folder of earlier results is replaced, except for files that were not written by a study.
    root : str or Path, optional
        As for ``read_study``, where a file is given.
    progress : bool, optional
        Show progress; by default on a terminal only.
    workers : int, optional
        Local processes to spread the subjects over; no number depends on it.

    Returns
    -------
    Path
        The folder: ``data.parquet``, ``summary.csv``, ``exposure.csv``, ``subjects.csv``, ``figures``, ``report.html``,
        ``model.xml`` and where composed ``model_comp.xml``, ``inputs`` and ``lock.json``. After a lock, the key
        ``repeats`` of the new ``lock.json`` says whether the results are identical.

    Raises
    ------
    StudyError
        The folder exists and holds something else, or cannot be written.
    QSPError
        Whatever is wrong with the study, its model, its data or its run.

    Examples
    --------
    >>> import tempfile, sbmlqsp.study as study
    >>> from sbmlqsp.catalogue import models_root
    >>> file = models_root() / "systems/theophylline/study.toml"
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     results = study.run_study(file, output=folder + "/out")
    ...     print((results / "report.html").is_file())
    True
    """
    lock = None
    if not isinstance(study, Study):
        path = Path(study)
        lock = read_lock(path) if path.suffix == ".json" else None
        study = lock.study if lock else read_study(path, root=root)
    target = _target(study, lock, output)
    _check_target(target)
    outcome = run(study, model=lock.model if lock else None, progress=progress, workers=workers)
    return _written(outcome, target, lock)


def _target(study: Study, lock: Lock | None, output: str | Path | None) -> Path:
    if output is not None:
        return Path(output)
    if lock is None:
        return Path("results") / study.id
    here = lock.path.resolve().parent
    return here.with_name(f"{here.name}-repeat")


def _check_target(folder: Path) -> None:
    """Refuse, before anything is run, a folder that cannot be written or is not ours to replace."""
    if folder.exists() and not folder.is_dir():
        raise StudyError("the output is a file, not a folder", value=str(folder), remedy="name another folder")
    if folder.is_dir() and any(folder.iterdir()) and not is_results_folder(folder):
        raise StudyError(
            "the output folder holds something that is not the results of a study", value=str(folder),
            remedy="name another folder, or empty this one yourself",
        )  # fmt: skip
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        probe = folder.parent / f".{folder.name}.{uuid.uuid4().hex}.part"
        probe.mkdir()
        probe.rmdir()
    except (FileExistsError, NotADirectoryError):
        raise StudyError("the output cannot be written: a part of its path is a file", value=str(folder)) from None
    except OSError as err:
        raise StudyError(f"the output cannot be written: {err.strerror}", value=str(folder)) from None


def _written(outcome: Outcome, target: Path, lock: Lock | None) -> Path:
    """Write everything beside the target, then put it in its place."""
    partial = target.parent / f".{target.name}.{uuid.uuid4().hex}.part"
    try:
        partial.mkdir()
        content = _write(outcome, partial, lock)
        if lock is not None:
            found = differences(lock.content, content)
            content["repeats"] = {"lock": str(lock.path), "identical": not found, "differences": found}
        content["written"] = sorted(p.relative_to(partial).as_posix() for p in partial.rglob("*") if p.is_file())
        content["written"].append(LOCK)
        text = json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False)
        (partial / LOCK).write_text(text + "\n", encoding="utf-8")
        _put(partial, target)
    except OSError as err:
        raise StudyError(f"the results cannot be written: {err.strerror or err}", value=str(target)) from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return target


def _write(outcome: Outcome, folder: Path, lock: Lock | None) -> dict[str, Any]:
    from sbmlqsp.exchange.sbml import write_sbml
    from sbmlqsp.plot import save
    from sbmlqsp.results import write_results
    from sbmlqsp.studies.page import about_model, write_page

    write_results(outcome.results, folder / "data.parquet")
    tables = {"summary": outcome.summary, "exposure": outcome.exposure, "subjects": _people(outcome)}
    for name, table in tables.items():
        if table is not None:
            table.to_csv(folder / f"{name}.csv", index=False, encoding="utf-8", lineterminator="\n")
    write_sbml(outcome.model, folder / "model.xml")
    if outcome.model.sbml_comp:
        write_sbml(outcome.model, folder / "model_comp.xml", form="comp")
    (folder / "figures").mkdir()
    figures = {spec: draw(spec, outcome) for spec in figures_of(outcome)}
    for spec, figure in figures.items():
        save(figure, folder / "figures" / spec.id, outcome.study.formats)
    found = _write_analyses(outcome, folder / "figures")
    files = copy_inputs(outcome, folder, lock=lock)
    content = lock_of(outcome, files, folder)
    card, sources = (lock.content["card"], lock.content["sources"]) if lock else about_model(outcome.study)
    content |= {"card": card, "sources": sources}
    write_page(outcome, figures, folder / "report.html", found=found, lock=content)
    return content


def _write_analyses(outcome: Outcome, folder: Path) -> list[Figure]:
    """Write the table of each analysis and its figure beside it; return the figures."""
    from sbmlqsp.plot import save

    figures = figures_of_analyses(outcome)
    for analysis, table, figure in zip(outcome.study.analyses, outcome.tables, figures, strict=True):
        table.to_csv(folder / f"{analysis.id}.csv", index=False, encoding="utf-8", lineterminator="\n")
        save(figure, folder / analysis.id, outcome.study.formats)
    return figures


def _people(outcome: Outcome) -> Any:
    """Return the table of subjects with their status in each arm."""
    from sbmlqsp.results.dataset import covariate_names
    from sbmlqsp.results.occasions import table_of, varying_names

    ds = outcome.results
    table = table_of(ds, [*covariate_names(ds), *varying_names(ds)]).reset_index()
    place = {who: k for k, who in enumerate(ds["subject"].to_numpy().tolist())}
    rows = [place[who] for who in table["subject"].tolist()]
    several, status = ds.sizes["experiment"] > 1, ds["status"].to_numpy()
    # Of several cells it matters how many failed; of one run how.
    word, shown = ("failed cells", (status > 0).sum(axis=2)) if status.shape[2] > 1 else ("status", status[:, :, 0])
    for e, arm in enumerate(ds["experiment"].to_numpy()):
        table[f"{word} {arm}" if several else word] = shown[e, rows]
    return table


def _put(partial: Path, target: Path) -> None:
    """Put the new folder in place of the old one, keeping files there that no study wrote."""
    if not target.exists():
        partial.rename(target)
        return
    old = target.parent / f".{target.name}.{uuid.uuid4().hex}.old"
    target.rename(old)
    try:
        partial.rename(target)
    except OSError:
        old.rename(target)
        raise
    written = set(_lock_content(old).get("written", ()))
    for path in sorted(p for p in old.rglob("*") if p.is_file()):
        name = path.relative_to(old)
        if name.as_posix() not in written and not (target / name).exists():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            path.rename(target / name)
    shutil.rmtree(old, ignore_errors=True)


def _lock_content(folder: Path) -> dict[str, Any]:
    path = folder / LOCK
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else {}
