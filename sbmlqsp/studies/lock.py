"""The lock of a results folder: what is needed to repeat the run, and whether a repetition agrees."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sbmlqsp.composition.antimony_imports import import_path
from sbmlqsp.composition.antimony_text import imports
from sbmlqsp.errors import StudyError
from sbmlqsp.files import read_plain, sha256_of
from sbmlqsp.studies.cells import fates_of
from sbmlqsp.studies.keys import parse_toml
from sbmlqsp.studies.spec import Study, study_of

if TYPE_CHECKING:
    from sbmlqsp.model import Model
    from sbmlqsp.studies.running import Outcome

__all__ = [
    "FORMAT",
    "LOCK",
    "Lock",
    "copy_inputs",
    "differences",
    "is_results_folder",
    "lock_of",
    "model_path",
    "read_lock",
]

LOCK = "lock.json"
FORMAT = "sbmlqsp lock 1"
INPUTS = "inputs"


@dataclass(frozen=True)
class Lock:
    """A lock that was read, its inputs proven to be those of the locked run."""

    study: Study
    model: Model
    content: Mapping[str, Any]
    path: Path


def is_results_folder(folder: Path) -> bool:
    """Say whether a folder holds the results of a study, so that it may be replaced."""
    try:
        content = json.loads((folder / LOCK).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(content, dict) and content.get("format") == FORMAT


# ------------------------------------------------------------------------------------------------------------ writing
def copy_inputs(outcome: Outcome, folder: Path, *, lock: Lock | None = None) -> dict[str, dict[str, str]]:
    """Copy everything that went in to ``inputs``; return copy and digest of each file by the name the study uses."""
    study, inputs = outcome.study, folder / INPUTS
    if lock is not None:
        shutil.copytree(lock.path.parent / INPUTS, inputs, ignore=_no_files)
        return {k: dict(v) for k, v in lock.content["files"].items()}
    inputs.mkdir()
    (inputs / "study.toml").write_text(study.text, encoding="utf-8")
    (inputs / "model.xml").write_text(outcome.model.sbml, encoding="utf-8")
    if outcome.model.sbml_comp:
        (inputs / "model_comp.xml").write_text(outcome.model.sbml_comp, encoding="utf-8")
    files: dict[str, dict[str, str]] = {}
    for name in study.files:
        if not (study.model_is_file and name == study.model):
            files[name] = _copied(study.path(name), inputs)
    if study.population is not None:
        for path in _companions(study.path(study.population.file)):
            files[f"population {path.name}"] = _copied(path, inputs)
            if files[f"population {path.name}"]["copy"] != path.name:
                raise StudyError("two inputs of the study have one name", value=path.name, remedy="rename one of them")
    for name, path in model_sources(study):
        files.setdefault(name, _copied(path, inputs / "sources"))
    return files


def _no_files(folder: str, names: list[str]) -> list[str]:
    """Return what is not copied: links, which may lead anywhere, and pipes."""
    paths = [Path(folder, name) for name in names]
    return [p.name for p in paths if p.is_symlink() or not (p.is_file() or p.is_dir())]


def _companions(population: Path) -> list[Path]:
    """Return the files that a population names, which must lie beside it so that a copy finds them as well."""
    from sbmlqsp.populations.files import named_files

    for name in named_files(population):
        if Path(name).name != name:
            raise StudyError(
                "the people of a study's population do not lie beside it", value=name, where=str(population),
                remedy="put the table into the folder of the population",
            )  # fmt: skip
    return [population.parent / name for name in named_files(population)]


def _copied(source: Path, folder: Path) -> dict[str, str]:
    folder.mkdir(exist_ok=True)
    data = source.read_bytes()
    target, n = folder / source.name, 1
    while target.exists() and target.read_bytes() != data:
        n += 1
        target = folder / f"{source.stem}_{n}{source.suffix}"
    target.write_bytes(data)
    return {"copy": target.relative_to(folder.parent if folder.name == "sources" else folder).as_posix(),
            "sha256": sha256_of(target)}  # fmt: skip


def model_path(study: Study) -> Path:
    """Return the file of the study's model."""
    from sbmlqsp.catalogue import catalogue

    return study.path(study.model) if study.model_is_file else Path(str(catalogue().loc[study.model, "path"]))


def model_sources(study: Study) -> Iterator[tuple[str, Path]]:
    """Yield the file of a model and the files it imports, as (name, path)."""
    start = model_path(study)
    waiting, seen = [start], set()
    while waiting:
        path = waiting.pop()
        if path.resolve() in seen or not path.is_file():
            continue
        seen.add(path.resolve())
        yield study.model if path == start else f"import {path.name}", path
        if path.suffix == ".ant":
            text = path.read_text(encoding="utf-8", errors="replace")
            waiting += [import_path(name, path.parent, str(path)) for name in imports(text)]


def lock_of(outcome: Outcome, files: Mapping[str, Mapping[str, str]], folder: Path) -> dict[str, Any]:
    """Return the content of the lock: the study, its inputs, versions, settings and digests of the results."""
    from sbmlqsp.provenance import digest, versions

    study, model, ds = outcome.study, outcome.model, outcome.results
    places = [*folder.iterdir(), *(folder / "figures").iterdir()]
    made = sorted(p.relative_to(folder).as_posix() for p in places if p.suffix in {".parquet", ".csv"})
    return {
        "format": FORMAT,
        "study": study.text,
        "model": {
            "id": model.id, "digest": model.digest, "composed": model.sbml_comp is not None,
            "ports": dict(model.directions),
        },
        "files": {k: dict(v) for k, v in sorted(files.items())},
        "seed": study.seed,
        **_method(study),
        "versions": versions(),
        "results": {name: sha256_of(folder / name) for name in made},
        "values": {
            str(n): digest(v.to_numpy())
            for n, v in ds.data_vars.items() if "time" in v.dims or n in {"fate", "fate_time"}
        },
    }  # fmt: skip


def _method(study: Study) -> dict[str, Any]:
    """Return by what the runs were made, so far as numbers depend on it."""
    if study.cells is not None:
        fates = {a.id: fates_of(study, a) for a in study.arms}
        return {"method": study.cells.arguments, "fates": {k: v for k, v in fates.items() if v}}
    control = study.tolerances
    engine = {} if study.engine == "auto" else {"engine": study.engine}
    return {"tolerances": {"relative": control.relative, "absolute": control.absolute,
                           "maximum_steps": control.maximum_steps}, **engine}  # fmt: skip


# ------------------------------------------------------------------------------------------------------------ reading
def read_lock(path: Path) -> Lock:
    """Read a lock and prove that its inputs are there and unchanged.

    Raises
    ------
    StudyError
        It is no lock, or an input is missing or was changed since.
    """
    content = _content(path)
    inputs = path.parent / INPUTS
    top = parse_toml(content["study"], where=str(path), what="the study in the lock", error=StudyError)
    study = study_of(top, text=content["study"], source=path, folder=inputs)
    study = _relocated(study, content["files"], inputs)
    return Lock(study, _locked_model(content["model"], inputs), content, path)


def _content(path: Path) -> dict[str, Any]:
    text = read_plain(path, what="the lock of a results folder", error=StudyError)
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as err:
        raise StudyError(f"the lock cannot be read: {err}", where=str(path), expected="JSON") from None
    parts = {"study": str, "model": dict, "files": dict, "versions": dict, "results": dict, "values": dict,
             "card": dict, "sources": dict}  # fmt: skip
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise StudyError("this is not the lock of a results folder", value=str(path), expected=f"format '{FORMAT}'")
    for key, kind in parts.items():
        if not isinstance(content.get(key), kind):
            raise StudyError(f"the lock lacks '{key}'", where=str(path), remedy="run the study again")
    if not _is_model(content["model"]) or not all(map(_is_file, content["files"].values())):
        raise StudyError("the lock is damaged", where=f"{path}, model or files", remedy="run the study again")
    return content


def _is_model(about: Mapping[str, Any]) -> bool:
    ports = about.get("ports", {})
    words = [about.get("id"), about.get("digest"), *(ports.values() if isinstance(ports, dict) else [None])]
    return all(isinstance(word, str) for word in words)


def _is_file(entry: object) -> bool:
    return isinstance(entry, dict) and all(isinstance(v, str) for v in entry.values())


def _relocated(study: Study, files: Mapping[str, Mapping[str, str]], inputs: Path) -> Study:
    """Point the study at the copies beside the lock, after their digests are proven."""
    moved = {}
    for name in study.files:
        if study.model_is_file and name == study.model:
            continue
        entry = files.get(name) or {}
        copy = inputs / Path(str(entry.get("copy", "?"))).name
        _prove(copy, str(entry.get("sha256", "")))
        moved[name] = copy.name
    for name, entry in files.items():
        if name.startswith("population "):
            _prove(inputs / Path(str(entry.get("copy", "?"))).name, str(entry.get("sha256", "")))
    people = replace(study.people, file=moved[study.people.file]) if study.people else None
    crowd = replace(study.population, file=moved[study.population.file]) if study.population else None
    data = replace(study.data, file=moved[study.data.file]) if study.data else None
    analyses = tuple(a.moved(moved) for a in study.analyses)
    return replace(study, people=people, population=crowd, data=data, analyses=analyses)


def _prove(path: Path, expected: str) -> None:
    if not path.is_file():
        raise StudyError("an input of the locked run is missing", value=str(path), remedy="restore the folder 'inputs'")
    if sha256_of(path) != expected:
        raise StudyError(
            "an input was changed since the run was locked", value=str(path),
            remedy="restore the file, or run the study file itself",
        )  # fmt: skip


def _locked_model(about: Mapping[str, Any], inputs: Path) -> Model:
    from sbmlqsp.engine.prescan import prescan
    from sbmlqsp.model import Model
    from sbmlqsp.reading import read_sbml

    path = inputs / "model.xml"
    _prove(path, str(about.get("digest", "")))
    found = read_sbml(path)  # refuses what is not valid; the text itself stays as it was
    text = _text(path)
    comp = inputs / "model_comp.xml"
    hierarchical = prescan(_text(comp), where=str(comp)) if about.get("composed") and comp.is_file() else None
    return Model(
        str(about["id"]), text, sbml_comp=hierarchical, directions=dict(about.get("ports", {})), source=str(path),
        untrusted=found.untrusted,
    )  # fmt: skip


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise StudyError("the model in the lock is not UTF-8 text", value=str(path), remedy="run the study") from None


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Say what differs between two locks of one study; nothing where the results are identical to the bit."""
    if old["results"] == new["results"] and old["values"] == new["values"]:
        return []
    out = [f"the values of {name} differ" for name in old["values"] if old["values"][name] != new["values"].get(name)]
    if not out:
        out.append("every value is the same; only what the files say about the run differs")
    out += [f"{name} differs" for name, mark in old["results"].items() if new["results"].get(name) != mark]
    out += [
        f"{name} was {version}, is {new['versions'].get(name, 'absent')}"
        for name, version in old["versions"].items() if new["versions"].get(name, "absent") != version
    ]  # fmt: skip
    return out
