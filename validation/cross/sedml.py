"""SED-ML and COMBINE archives against tellurium: it runs ours, we run its own, and the curves are the same.

    python -m validation.cross.sedml [WORD ...]

Experiments of every kind, the studies of two systems and every model of the library are written as archives, which
``tellurium.executeCombineArchive`` runs in a process of its own: every data generator must agree with ``simulate`` to a
relative 1e-5 of its largest value. libSEDML must find nothing wrong with the documents, and libCOMBINE read the
archives. Archives that tellurium makes of Antimony and phraSED-ML are run by both. COPASI runs what is a single course.
Single cells have the moments that theory says.
An archive with one number changed by 0.1 % must be found out. Words select scenarios by name.

Needs ``pip install "sbmlqsp[tellurium]"``; ``python-copasi`` besides for COPASI. What is absent is named; where nothing
can be run, the exit code is 2.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import tempfile
import warnings
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import sbmlqsp as qsp
from sbmlqsp.catalogue import ProvisionalModelWarning, models_root
from sbmlqsp.exchange.omex.zipping import zip_bytes
from sbmlqsp.exchange.sedml.outputs import Generators
from validation.cross.engines import copasi, prepared
from validation.cross.sedml_scenarios import (
    CLOSED_FORM,
    ELSEWHERE,
    LAID_OUT,
    REPLICATES,
    cells,
    cells_scores,
    inline_archive,
    relative_error,
    scenarios,
)
from validation.library import items

TOLERANCE = 1e-5
STANDARD_ERRORS = 5.0  # one of thirty moments exceeds it in one of 60,000 runs
PACKAGES = ("tellurium", "libsedml", "libcombine")
STUDIES = ("systems/mab_tmdd/study.toml", "systems/theophylline/study.toml")

TELLURIUM = """
import contextlib, io, json, sys, warnings
warnings.simplefilter("ignore")
import matplotlib
matplotlib.use("Agg")
import libcombine, libsedml, numpy, tellurium, zipfile

def wrong(path):
    archive = libcombine.CombineArchive()
    read = archive.initializeFromArchive(path)
    master = archive.getMasterFile()
    out = [] if read and master is not None else ["libCOMBINE finds no master file"]
    with zipfile.ZipFile(path) as file:
        names = [n for n in file.namelist() if n.endswith(".sedml")]
        texts = [file.read(n).decode() for n in names]
    for text in texts:
        log = libsedml.readSedMLFromString(text).getErrorLog()
        out += [log.getError(i).getMessage()[:200] for i in range(log.getNumErrors())]
    return out

job = json.load(open(sys.argv[1]))
done = {}
for name, path in job["archives"].items():
    if name in job["inline"]:
        tellurium.exportInlineOmex(job["inline"][name], path)
    complaints = [] if name in job["inline"] else wrong(path)
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        try:
            found = tellurium.executeCombineArchive(path, createOutputs=False)
            data = {k: numpy.asarray(v).tolist() for d in found.values() for k, v in d["dataGenerators"].items()}
        except Exception as err:
            data = {}
            complaints.append(f"{type(err).__name__}: {err}"[:300])
    done[name] = {"complaints": complaints, "data": data}
json.dump(done, open(sys.argv[2], "w"))
"""


def by_tellurium(archives: Mapping[str, Path], inline: Mapping[str, str] = {}) -> dict[str, Any]:
    """Return what tellurium computes for every data generator, and what is wrong, by archive."""
    with tempfile.TemporaryDirectory() as folder:
        job, done = Path(folder, "job.json"), Path(folder, "done.json")
        job.write_text(json.dumps({"archives": {k: str(p) for k, p in archives.items()}, "inline": dict(inline)}))
        command = [sys.executable, "-c", TELLURIUM, str(job), str(done)]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        if run.returncode:
            raise RuntimeError(f"tellurium ended with {run.returncode}: {run.stderr[-500:]}")
        return dict(json.loads(done.read_text()))


def by_us(path: Path, names: Sequence[str]) -> dict[str, Any]:
    """Return the data generators of an archive, with time along rows as tellurium has them."""
    out = {}
    for document in qsp.read_combine(path).documents.values():
        own = [n for n in names if n in document.content.generators]
        for name, (_, values) in Generators(document.content, document.resolved).values(own).items():
            rows = np.asarray(values, dtype=float)
            out[name] = rows.reshape(-1, rows.shape[-1] if rows.ndim else 1).T
    return out


def by_simulation(path: Path, arms: Sequence[qsp.Experiment], how: Mapping[str, Any]) -> dict[str, Any]:
    """Return the data generators of our archive from ``simulate``, which takes another way than the file does."""
    document = qsp.read_combine(path).documents["experiments.sedml"]
    ds = qsp.simulate(arms, subjects=how.get("subjects"))
    out: dict[str, Any] = {}
    reports = [o for o in document.content.outputs.values() if hasattr(o, "sets")]
    for report in reports:
        rows = _rows(ds, report, document)
        for s in report.sets:
            if s.label in rows:
                out[s.data] = rows[s.label]
    return out


def _rows(ds: Any, report: Any, document: Any) -> dict[str, Any]:
    """Return the runs of a report from a Dataset, by observable, with time along rows."""
    clock = report.sets[0].data
    times = np.unique(Generators(document.content, document.resolved).values([clock])[clock][1])
    places = [int(np.abs(ds["time"].to_numpy() - t).argmin()) for t in times]
    arms, subjects = list(ds["experiment"].to_numpy()), list(ds["subject"].to_numpy())
    wanted = [(a, s) for a in arms for s in subjects if _is_of(report.name, str(a), str(s), arms, subjects)]
    return {
        s.label: np.stack([ds[s.label].sel(experiment=a, subject=u)[0].to_numpy()[places] for a, u in wanted], axis=1)
        for s in report.sets
        if s.label in ds.data_vars
    }


def _is_of(name: str, arm: str, subject: str, arms: Sequence[Any], subjects: Sequence[Any]) -> bool:
    if len(subjects) > 1 and "subject" in name:
        return name == f"{arm}, subject {subject}"
    return name == arm or name == " ".join(map(str, arms))


# ----------------------------------------------------------------------------------------------------------- archives
def library_arms(words: Sequence[str]) -> Iterator[qsp.Experiment]:
    """Yield the models of the library, off their rest."""
    for item in items():
        if not _chosen(f"library {item.id}", words):
            continue
        sbml, end = prepared(item)
        model = qsp.read_sbml(sbml)
        names = [s.id for s in model.network.species if not s.boundary]
        looked_at = [*names, *sorted(set(model.network.assignment_rules) - set(names))]
        looked_at = looked_at or [model.network.parameters[0].id]
        yield qsp.Experiment(model, times=np.linspace(0, end, 41), observables=looked_at, id=item.id)


def written(words: Sequence[str], folder: Path) -> Iterator[tuple[str, Path, Callable[[], dict[str, Any]]]]:
    """Yield the name, the archive and what ``simulate`` says of it."""
    for name, arms, how in scenarios():
        if _chosen(name, words):
            path = qsp.write_combine(arms, folder / f"{name}.omex", **how)
            yield name, path, lambda p=path, a=arms, h=how: by_simulation(p, a, h)  # type: ignore[misc]
    for study in STUDIES:
        if _chosen(f"study {study}", words):
            path = qsp.write_combine(models_root() / study, folder / f"{Path(study).parent.name}.omex")
            yield f"study {study}", path, lambda p=path: by_us(p, _generators(p))  # type: ignore[misc]
    for arm in library_arms(words):
        path = qsp.write_combine(arm, folder / f"library {arm.id}.omex")
        yield f"library {arm.id}", path, lambda p=path, a=arm: by_simulation(p, [a], {})  # type: ignore[misc]


def _generators(path: Path) -> list[str]:
    return [g for d in qsp.read_combine(path).documents.values() for g in d.content.generators]


def _chosen(name: str, words: Sequence[str]) -> bool:
    return not words or any(w in name for w in words)


def spoilt(path: Path) -> Path:
    """Return the archive with one rate of its model changed by 0.1 %."""
    with zipfile.ZipFile(path) as file:
        content = {n: file.read(n) for n in file.namelist()}
    for name in content:
        if name.startswith("experiments_"):
            content[name] = content[name].replace(b'id="ka" value="0.8"', b'id="ka" value="0.8008"')
    target = path.with_name("spoilt.omex")
    target.write_bytes(zip_bytes(content, first=["manifest.xml"]))
    return target


# ---------------------------------------------------------------------------------------------------------- comparing
def compared(name: str, expected: Mapping[str, Any], found: Mapping[str, Any]) -> tuple[bool, str]:
    """Return whether an archive agrees, and a line that says so."""
    errors = {k: relative_error(expected[k], found["data"].get(k, [])) for k in expected}
    worst = max(errors, key=lambda k: errors[k], default="")
    good = bool(errors) and not found["complaints"] and errors[worst] <= TOLERANCE
    why = found["complaints"][0] if found["complaints"] else f"{worst}" if errors and errors[worst] > TOLERANCE else ""
    return good, f"{name[:46]:46} {len(errors):4} data generators  {errors.get(worst, np.inf):.1e}  {why}"


def ours(words: Sequence[str], folder: Path) -> int:
    """Let tellurium run our archives."""
    made = list(written(words, folder))
    found = by_tellurium({name: path for name, path, _ in made})
    bad = 0
    for name, _, expected in made:
        good, line = compared(name, expected(), found[name])
        bad += not good
        print(("" if good else "DIFFERS ") + line)
    return bad


def control(folder: Path) -> int:
    """Show that a rate changed by 0.1 % is found out."""
    _, arms, how = next(scenarios())
    path = qsp.write_combine(arms, folder / "control.omex", **how)
    found = by_tellurium({"control": spoilt(path)})["control"]
    good, line = compared("control: a rate off by 0.1 % must differ", by_simulation(path, arms, how), found)
    print(("NOT FOUND OUT " if good else "found out: ") + line)
    return int(good)


def by_cells(folder: Path) -> int:
    """Let tellurium and us run an archive of single cells, against exact moments."""
    path = qsp.write_combine(cells(), folder / "cells.omex", method="ssa", replicates=REPLICATES, seed=3)
    bad = 0
    for who, found in (("tellurium", by_tellurium({"cells": path})["cells"]["data"]), ("us", by_us(path, ["M", "P"]))):
        for moment, score in cells_scores(found).items():
            good = score <= STANDARD_ERRORS
            bad += not good
            print(f"{'' if good else 'DIFFERS '}cells in {who}: {moment} off by {score:.1f} standard errors")
    return bad


def theirs(words: Sequence[str], folder: Path) -> int:
    """Run archives that tellurium makes."""
    names = [n for n in ELSEWHERE if _chosen(f"elsewhere {n}", words)]
    paths = {n: folder / f"elsewhere {n}.omex" for n in names}
    found = by_tellurium(paths, {n: inline_archive(n) for n in names}) if names else {}
    bad = 0
    for name in names:
        mine = by_us(paths[name], list(found[name]["data"]))
        if name in CLOSED_FORM:
            found[name]["data"] = dict.fromkeys(mine, CLOSED_FORM[name])
        mine = {k: LAID_OUT.get(name, np.asarray)(v) for k, v in mine.items()}
        good, line = compared(f"elsewhere: {name}", mine, found[name])
        bad += not good
        print(("" if good else "DIFFERS ") + line)
    return bad


def by_copasi(words: Sequence[str], folder: Path) -> int:
    """Let COPASI run what is a single course of a single model."""
    library, bad = copasi(), 0
    for name, arms, how in scenarios():
        path = folder / f"copasi {name}.sedml"
        if not _chosen(f"copasi {name}", words) or how or len(arms) > 1:
            continue
        qsp.write_sedml(arms, path)
        text = path.read_text()
        if text.count("<uniformTimeCourse") > 1 or 'outputStartTime="0"' not in text:
            continue
        values = _copasi_course(library, path)
        ds = qsp.simulate(arms)
        errors = {
            n: relative_error(ds[n].to_numpy().ravel()[1:], values[n][1:]) for n in ("central", "side") if n in ds
        }
        worst = max(errors, key=lambda k: errors[k])
        good = errors[worst] <= TOLERANCE
        bad += not good
        print(
            ("" if good else "DIFFERS ")
            + f"{'COPASI: ' + name:46} {len(errors):4} curves           {errors[worst]:.1e}"
        )
    return bad


def _copasi_course(library: Any, path: Path) -> dict[str, Any]:
    store = library.CRootContainer.addDatamodel()
    try:
        if not store.importSEDML(str(path)):
            raise RuntimeError(library.CCopasiMessage.getAllMessageText())
        task = store.getTask("Time-Course")
        task.getMethod().getParameter("Relative Tolerance").setDblValue(1e-9)
        if not task.process(True):
            raise RuntimeError(task.getProcessError())
        series = task.getTimeSeries()
        rows = range(series.getRecordedSteps())
        return {series.getTitle(i): np.array([series.getConcentrationData(k, i) for k in rows])
                for i in range(series.getNumVariables())}  # fmt: skip
    finally:
        library.CRootContainer.removeDatamodel(store)


def main(words: list[str]) -> int:
    warnings.simplefilter("ignore", ProvisionalModelWarning)
    absent = [p for p in PACKAGES if importlib.util.find_spec(p) is None]
    no_copasi = importlib.util.find_spec("COPASI") is None
    for name in [*absent, *(["COPASI"] if no_copasi else [])]:
        print(f"absent: {name}")
    bad = 0
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        if not absent:
            bad += ours(words, folder) + theirs(words, folder) + control(folder)
            bad += by_cells(folder) if _chosen("cells", words) else 0
        if not no_copasi:
            bad += by_copasi(words, folder)
    print(
        f"{bad} differ" if bad else "all agree" if not absent else "tellurium is absent: nothing was compared with it"
    )
    return 2 if absent and no_copasi else int(bad > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
