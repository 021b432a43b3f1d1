"""The commands of the command line, each a few calls of public functions and what is printed of them."""

from __future__ import annotations

import json
import re
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sbmlqsp.cli.terminal import table, width_of
from sbmlqsp.errors import DataError, ExperimentError, ModelError, UnsupportedError, did_you_mean, printable

if TYPE_CHECKING:
    import argparse

    import pandas as pd
    import xarray as xr

    from sbmlqsp.exchange.sedml import SedDocument
    from sbmlqsp.experiment import Experiment
    from sbmlqsp.model import Model
    from sbmlqsp.observation import Observable

__all__ = ["catalogue", "check", "compose", "convert", "data", "open_model", "run", "show", "simulate"]

FIGURES = (".png", ".svg", ".pdf")
SBML = (".xml", ".sbml")
ARCHIVES = (".omex", ".sedx", ".sedml")
OUTPUTS = (".csv", ".parquet", *FIGURES, ".html")
MOST_TIMES = 15


def _print(text: str) -> None:
    sys.stdout.write(printable(text) + "\n")


def open_model(text: str) -> Model:
    """Return the model of a path or of an id of the library.

    Raises
    ------
    ModelError
        There is neither.

    Examples
    --------
    >>> open_model("emax").id
    'emax'
    """
    from sbmlqsp.catalogue import load, model_ids
    from sbmlqsp.studies.running import read_model

    path = Path(text)
    looks_like_a_file = not re.fullmatch(r"[A-Za-z0-9_]+", text) or path.exists()
    known = model_ids()
    if text in known and not path.is_file():
        return load(text)
    if looks_like_a_file:
        _refuse_text(text)
        return read_model(text)
    raise ModelError(
        f"'{text}' is neither a file nor a model of the library", remedy=f"give a path, or {did_you_mean(text, known)}"
    )


def _refuse_text(text: str) -> None:
    if ";" in text or "\n" in text or text.lstrip().startswith("<"):
        raise ModelError("a path was expected, not the text of a model", value=text[:60], remedy="write it to a file")


# ---------------------------------------------------------------------------------------------------------------- run
def run(arguments: argparse.Namespace) -> int:
    """Run a study, or repeat one from its lock; 1 where the repetition differs. Or run an archive or SED-ML."""
    if Path(arguments.study).suffix.lower() in ARCHIVES:
        return _run_archive(arguments)
    from sbmlqsp.study import run_study

    folder = run_study(arguments.study, output=arguments.output, workers=arguments.workers, root=arguments.root)
    lock = json.loads((folder / "lock.json").read_text(encoding="utf-8"))
    repeats = lock.get("repeats")
    if repeats is not None:
        found = repeats["differences"]
        _print("identical to the locked run" if repeats["identical"] else "differs from the locked run:")
        for line in found:
            _print(f"  {line}")
    _print(str(folder / "report.html"))
    return 0 if repeats is None or repeats["identical"] else 1


def _run_archive(arguments: argparse.Namespace) -> int:
    from sbmlqsp.exchange.saving import new_folder
    from sbmlqsp.exchange.sedml import run_sedml
    from sbmlqsp.exchange.sedml.saving import write_outputs

    path = Path(arguments.study)
    folder = new_folder(arguments.output or Path("results") / path.stem)
    documents = _documents(path, arguments.root)
    for location, document in documents.items():
        for note in document.notes:
            _print(f"note: {note}")
        place = folder / Path(location).stem if len(documents) > 1 else folder
        for written in write_outputs(run_sedml(document), document.content, place):
            _print(str(written))
    return 0


def _documents(path: Path, root: str | None) -> dict[str, SedDocument]:
    from sbmlqsp.exchange.omex import read_combine
    from sbmlqsp.exchange.sedml import read_sedml

    if path.suffix.lower() == ".sedml":
        return {path.name: read_sedml(path, root=root)}
    documents = read_combine(path).documents
    if not documents:
        raise DataError("the archive has no SED-ML document to run", value=str(path))
    return documents


# ----------------------------------------------------------------------------------------------------------- simulate
def simulate(arguments: argparse.Namespace) -> int:
    """Simulate a model, and print or write the result."""
    import sbmlqsp as qsp

    target = Path(arguments.output) if arguments.output else None
    if target is not None:
        _check_output(target)
    experiment = qsp.Experiment(
        open_model(arguments.model), times=_times(arguments.times), observables=_observables(arguments.observe),
        regimen=arguments.dose, changes=dict(map(_setting, arguments.set)), id=Path(arguments.model).stem,
    )  # fmt: skip
    subjects = _subjects(arguments.subjects, experiment) if arguments.subjects else None
    results = qsp.simulate(experiment, subjects=subjects)
    if target is None:
        _print(_small_table(results))
    else:
        _write(results, experiment, target)
        _print(str(target))
    return 0


def _check_output(target: Path, suffixes: tuple[str, ...] = OUTPUTS) -> None:
    if target.suffix.lower() not in suffixes:
        raise DataError("results cannot be written to such a file", value=str(target), expected=", ".join(suffixes))
    if not target.parent.is_dir():
        raise DataError("there is no such folder", value=str(target.parent), remedy="make it first")
    if target.is_dir():
        raise DataError("the output is a folder", value=str(target), remedy="name a file in it")


def _times(text: str) -> Any:
    numbers = re.split(r"[,\s]+", text.strip())
    if all(re.fullmatch(r"[-+]?[\d.]+([eE][-+]?\d+)?", n) for n in numbers):
        return [_number(n, "a time") for n in numbers]
    return text


def _number(text: str, what: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ExperimentError(f"{what} is not a number", value=text) from None


def _setting(text: str) -> tuple[str, float | str]:
    name, sign, value = text.partition("=")
    if not sign or not name.strip() or not value.strip():
        raise ExperimentError(
            "a setting cannot be read", value=text, where="--set", expected='such as CL=3 or CL="50 mL/min"'
        )
    try:
        return name.strip(), float(value)
    except ValueError:
        return name.strip(), value.strip()


def _observables(texts: list[str]) -> tuple[Observable, ...]:
    from sbmlqsp.observation import Observable

    out = []
    for text in texts:
        formula, _, unit = text.partition(" in ")
        name, sign, right = formula.partition("=")
        if sign and not right.startswith("=") and name.rstrip()[-1:] not in {"<", ">", "!", ""}:
            out.append(Observable(name.strip(), right.strip(), unit.strip() or None))
        else:
            out.append(Observable(formula.strip(), unit=unit.strip() or None))
    return tuple(out)


def _subjects(path: str, experiment: Experiment) -> pd.DataFrame:
    """Return a table of subjects, its columns that are symbols of the model checked value by value."""
    from sbmlqsp.model import flat_id
    from sbmlqsp.tables import numbers, read_table, row_place

    frame = read_table(path)
    symbols = experiment.model.network.symbols
    for name in frame.columns:
        if flat_id(re.sub(r"^(amount|concentration)\((.*)\)$", r"\2", name)) in symbols:
            frame[name] = numbers(frame, name, missing=False)
    for name in [c for c in frame.columns if c.lower() in {"id", "subject"}][:1]:
        again = frame[name].duplicated()
        if again.any():
            row = int(again.to_numpy().argmax())
            raise DataError(
                f"the subject {frame[name].iloc[row]} appears twice", where=row_place(frame, row),
                remedy="give one row per subject; a study file takes the first row of each",
            )  # fmt: skip
    return frame


def _small_table(results: xr.Dataset) -> str:
    """Return a few of the times: the values of one subject, the median and range of several."""
    import numpy as np

    from sbmlqsp.results import observable_names

    names = observable_names(results)
    time = results["time"].to_numpy()
    shown = np.unique(np.linspace(0, len(time) - 1, min(len(time), MOST_TIMES)).round().astype(int))
    heads = [_head("time", results["time"].attrs), *(_head(n, results[n].attrs) for n in names)]
    values = {n: results[n].to_numpy()[0, :, 0] for n in names}
    rows = [[f"{time[i]:.6g}", *(_cell(values[n][:, i]) for n in names)] for i in shown]
    text = table(heads, rows, width=width_of(sys.stdout), right=range(len(heads)))
    notes = []
    if results.sizes["subject"] > 1:
        notes.append(f"median (smallest–largest) of {results.sizes['subject']} subjects")
    if len(shown) < len(time):
        notes.append(f"{len(shown)} of {len(time)} times; all of them with --output FILE.csv")
    return "\n".join([text, *notes])


def _head(name: str, attributes: Any) -> str:
    unit = attributes.get("units")
    return f"{name} [{unit}]" if unit else name


def _cell(values: Any) -> str:
    import numpy as np

    if len(values) == 1:
        return f"{values[0]:.5g}"
    return f"{np.median(values):.4g} ({values.min():.3g}–{values.max():.3g})"


def _write(results: xr.Dataset, experiment: Experiment, target: Path) -> None:
    from sbmlqsp.results import to_frame, write_results

    suffix = target.suffix.lower()
    try:
        if suffix == ".csv":
            to_frame(results).to_csv(target, index=False, lineterminator="\n")
        elif suffix == ".parquet":
            write_results(results, target)
        elif suffix == ".html":
            from sbmlqsp.report import report

            report(results, experiment, path=target)
        else:
            from sbmlqsp.plot import save, time_course

            save(time_course(results), target.with_suffix(""), [suffix[1:]])
    except OSError as err:
        raise DataError(f"the file cannot be written: {err.strerror or err}", value=str(target)) from None


# --------------------------------------------------------------------------------------------------------------- data
def data(arguments: argparse.Namespace) -> int:
    """Show what a data set holds and what reading it changed, and write it as NONMEM reads it."""
    from sbmlqsp.exchange.nonmem import read_nonmem
    from sbmlqsp.exchange.nonmem_writing import write_nonmem

    path, target = Path(arguments.file), Path(arguments.output) if arguments.output else None
    if not path.is_file():
        raise DataError("there is no such file", value=arguments.file)
    if target is not None:
        _check_output(target, (".csv",))
    records = read_nonmem(
        path, columns=_pairs(arguments.column, "--column"), units=_pairs(arguments.unit, "--unit"),
        derive=_pairs(arguments.derive, "--derive"), ignore=arguments.ignore, cens=arguments.cens,
    )  # fmt: skip
    _print(repr(records.summary()))
    changes = records.changes
    if len(changes):
        shown = changes.head(MOST_TIMES).astype(str)
        _print("\n" + table(list(changes.columns), shown.to_numpy().tolist(), width=width_of(sys.stdout)))
    if len(changes) > MOST_TIMES:
        _print(f"{MOST_TIMES} of {len(changes)} changes; all of them in Python: read_nonmem(…).changes")
    if target is not None:
        write_nonmem(records, target)
        _print(str(target))
    return 0


def _pairs(texts: list[str], where: str) -> dict[str, str]:
    out: dict[str, str] = {}
    for text in texts:
        name, sign, value = (part.strip() for part in text.partition("="))
        if not (sign and name and value):
            raise DataError("a pair cannot be read", value=text, where=where, expected="NAME=… such as DV=conc")
        if name in out:
            raise DataError(f"'{name}' is given twice", value=text, where=where)
        out[name] = value
    return out


# ------------------------------------------------------------------------------------------------------ check and show
def check(arguments: argparse.Namespace) -> int:
    """Print what is found; 1 where something is wrong."""
    import sbmlqsp as qsp
    from sbmlqsp.checks import summary

    model = open_model(arguments.model)
    issues = qsp.check(model, target=arguments.target)
    if len(issues):
        rows = [[str(v) for v in row] for row in issues[["severity", "where", "message", "remedy"]].to_numpy()]
        _print(table(["severity", "where", "finding", "remedy"], rows, width=width_of(sys.stdout) or 120))
    _print(f"{model.id}: {summary(issues)}")
    return int((issues["severity"] == "error").any())


def show(arguments: argparse.Namespace) -> int:
    """Print what a model is: its card if it is one of the library's, reactions, equations, values, ports, findings."""
    from sbmlqsp.catalogue import ProvisionalModelWarning, card
    from sbmlqsp.describe import describe_model
    from sbmlqsp.model_card import card_in_words

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ProvisionalModelWarning)  # the card's first line says it
        model = open_model(arguments.model)
    width = width_of(sys.stdout) or 100
    if re.fullmatch(r"\w+", arguments.model) and not Path(arguments.model).is_file():
        _print(card_in_words(model, card(arguments.model), width=width) + "\n\nAs the engine gets it: ")
        _print(describe_model(model, values=False))
        return 0
    _print(describe_model(model))
    if model.ports:
        rows = [[p.direction, p.id, p.unit, p.meaning] for p in model.ports]
        _print("\nPorts\n" + table(["direction", "port", "unit", "meaning"], rows, width=width))
    return 0


# ------------------------------------------------------------------------------------------------ compose and convert
def compose(arguments: argparse.Namespace) -> int:
    """Compose models, and show or write the result."""
    from sbmlqsp.reading import read_antimony
    from sbmlqsp.studies.compositions import read_composition

    path = Path(arguments.file)
    if path.suffix not in {".ant", ".toml"}:
        raise ModelError("a composition is an .ant or a .toml file", value=arguments.file)
    if arguments.output:
        _check_model_file(arguments.output, comp=arguments.comp)
    model = read_composition(path, root=arguments.root) if path.suffix == ".toml" else read_antimony(path)
    if arguments.output:
        _save(model, arguments)
        return 0
    _print(repr(model)[1:-1])
    rows = [[p.direction, p.id, p.unit, p.meaning] for p in model.ports]
    if rows:
        _print(table(["direction", "port", "unit", "meaning"], rows, width=width_of(sys.stdout) or 100))
    return 0


def convert(arguments: argparse.Namespace) -> int:
    """Read a model and write it in another form, or for one tool; 1 where the tool cannot read all of it."""
    _check_model_file(arguments.output, comp=arguments.comp)
    model = open_model(arguments.source)
    if arguments.target is None:
        _save(model, arguments)
        return 0
    return _convert_for(model, arguments)


def _convert_for(model: Model, arguments: argparse.Namespace) -> int:
    from sbmlqsp.exchange.conversion import convert as converted

    if arguments.comp:
        raise UnsupportedError("a model for a tool is flat", value="--comp", remedy="leave --comp or --for out")
    done = converted(model, for_target=arguments.target)
    _print(done.report())
    _save(done.model, arguments, level=done.level)
    return 0 if done.complete else 1


def _check_model_file(path: str, *, comp: bool) -> None:
    suffix = Path(path).suffix.lower()
    if suffix not in {*SBML, ".ant"}:
        raise ModelError("the suffix names no form of models", value=path, expected=".xml, .sbml or .ant")
    if comp and suffix == ".ant":
        raise UnsupportedError(
            "the hierarchical form is written as SBML only",
            value=path,
            remedy="write to a .xml file, or leave --comp out",
        )


def _save(model: Model, arguments: argparse.Namespace, *, level: tuple[int, int] = (3, 2)) -> None:
    from sbmlqsp.exchange.antimony import write_antimony
    from sbmlqsp.exchange.sbml import write_sbml

    target = Path(arguments.output)
    try:
        if target.suffix.lower() in SBML:
            form, loss = "comp" if arguments.comp else "flat", arguments.allow_loss
            write_sbml(model, target, form=form, level=level[0], version=level[1], allow_loss=loss)
        else:
            write_antimony(model, target, allow_loss=arguments.allow_loss)
    except OSError as err:
        raise ModelError(f"the model cannot be written: {err.strerror or err}", value=str(target)) from None
    _print(str(target))


def catalogue(arguments: argparse.Namespace) -> int:
    """List the models that have all the words, the port and the unit."""
    from sbmlqsp.catalogue import catalogue as listed

    asked = {"family": arguments.family, "port": arguments.port, "unit": arguments.unit}
    found = listed(" ".join(arguments.words), **asked)
    if not len(found):
        given = {"words": " ".join(arguments.words) or None, **asked}
        raise ModelError(
            "no model of the library fits",
            value=", ".join(f"{k} '{v}'" for k, v in given.items() if v),
            remedy="try fewer words, or `sbmlqsp catalogue` for all of them",
        )
    heads = ["id", "family", "title", "status", *(["ports"] if any(asked.values()) else [])]
    rows = found.reset_index()[heads].astype(str).to_numpy().tolist()
    _print(table(heads, rows, width=width_of(sys.stdout)))
    return 0
