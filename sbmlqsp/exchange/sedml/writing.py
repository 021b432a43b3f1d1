"""Experiments to SED-ML: Level 1 Version 4, with the models as SBML files beside it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

from sbmlqsp.engine.tolerances import Tolerances
from sbmlqsp.errors import ExperimentError
from sbmlqsp.exchange.saving import save
from sbmlqsp.exchange.sedml.grids import Grid
from sbmlqsp.exchange.sedml.kisao import NAMES
from sbmlqsp.exchange.sedml.mathml import math_lines
from sbmlqsp.exchange.sedml.preparing import Column
from sbmlqsp.exchange.sedml.variants import Group, groups_of
from sbmlqsp.experiment import Experiment
from sbmlqsp.expressions import Expr, substitute, sym
from sbmlqsp.simulate import EPSILON, arms_of, check_method

__all__ = ["Written", "sedml_of", "write_sedml"]

SBML = "http://www.sbml.org/sbml/level3/version2/core"
NAMESPACE = "http://sed-ml.org/sed-ml/level1/version4"
_LISTS = {"parameter": "listOfParameters", "species": "listOfSpecies", "compartment": "listOfCompartments"}
_LATE_DOSES = (
    "Tools built on libRoadRunner look at events only after a reaction has fired: doses reach single cells late there."
)


@dataclass(frozen=True, slots=True)
class Written:
    """The text of a document and of the model files that it names; ``runs`` says what each run of it is."""

    text: str
    models: Mapping[str, str]
    runs: tuple[tuple[str, str], ...]
    notes: tuple[str, ...] = ()


def write_sedml(
    experiments: Experiment | Iterable[Experiment],
    path: str | os.PathLike[str],
    *,
    subjects: Any = None,
    method: str = "ode",
    replicates: int = 1,
    seed: int = 0,
    tolerances: Tolerances | None = None,
) -> Path:
    """Write experiments as SED-ML Level 1 Version 4, with SBML files beside it.

    Changes and doses are written into the model file of each experiment, so that every tool gives the same curves. Arms
    and subjects that differ in nothing but parameters, of which neither initial values nor doses are computed, are one
    repeated task. Formulas of observables beyond sums, products and quotients become rules of the model file, since
    tools differ in the functions they know. Times that are not equally spaced become several time courses.

    Parameters
    ----------
    experiments : Experiment or iterable of Experiment
    path : str or Path
        The SED-ML file, such as ``study.sedml``. The models are written beside it, as ``study_model.xml`` or by arm.
    subjects : DataFrame, optional
        As for ``simulate``, one row per subject.
    method : {"ode", "ssa", "tau-leaping"}
        CVODE (KISAO:0000019), the direct method (KISAO:0000029) or tau-leaping (KISAO:0000039).
    replicates, seed : int
        Of single cells.
    tolerances : Tolerances, optional
        Error control of CVODE. The absolute one is written times the smallest amount in the model.

    Returns
    -------
    Path

    Raises
    ------
    UnsupportedError
        What SED-ML cannot say: fates, observations before a dose of the same time, a single time, times that need more
        than 25 time courses, subjects that change on the way, or more than 200 model files.
    DosingError, ExperimentError
        As in ``with_doses`` and ``simulate``.

    References
    ----------
    Smith LP et al. (2021) SED-ML Level 1 Version 4. J Integr Bioinform 18(3), 20210021.
    https://doi.org/10.1515/jib-2021-0021

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import sbmlqsp as qsp
    >>> model = qsp.read_antimony("model m; species S; S = 0; J: S -> ; k*S; k = 0.1; end")
    >>> arm = qsp.Experiment(model, times="0:24 by 1", regimen="100 into S every 12 x 2")
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> write_sedml(arm, folder / "arm.sedml").name, sorted(p.name for p in folder.iterdir())
    ('arm.sedml', ['arm.sedml', 'arm_model.xml'])
    """
    target = Path(path)
    written = sedml_of(
        experiments, prefix=f"{target.stem}_", subjects=subjects, method=method, replicates=replicates, seed=seed,
        tolerances=tolerances,
    )  # fmt: skip
    for name, text in written.models.items():
        save(text, target.parent / name)
    return save(written.text, target)


def sedml_of(
    experiments: Experiment | Iterable[Experiment],
    *,
    prefix: str = "",
    subjects: Any = None,
    method: str = "ode",
    replicates: int = 1,
    seed: int = 0,
    tolerances: Tolerances | None = None,
) -> Written:
    """Return what `write_sedml` writes."""
    arms = arms_of(experiments)
    check_method(method, replicates, (), None, False)
    if isinstance(seed, bool) or not 0 <= int(seed) < 2**31:
        raise ExperimentError("the seed is not usable", value=seed, expected="a whole number below 2**31")
    groups = groups_of(arms, subjects, replicates)
    return _Writer(groups, prefix, method, int(seed), tolerances or Tolerances()).written()


class _Writer:
    """Collects the lists of a document."""

    def __init__(self, groups: Sequence[Group], prefix: str, method: str, seed: int, tolerances: Tolerances) -> None:
        self._groups, self._prefix, self._method, self._seed = groups, prefix, method, seed
        self._tolerances = tolerances
        self._ids: set[str] = set()
        self._files: dict[str, str] = {}
        self._lists: dict[str, list[str]] = {
            n: [] for n in ("Models", "Simulations", "Tasks", "DataGenerators", "Outputs")
        }
        self._curves: dict[tuple[str, str], list[tuple[str, str, str]]] = {}
        self._runs: list[tuple[str, str]] = []
        self._names: dict[str, str] = {}

    def written(self) -> Written:
        for group in self._groups:
            self._group(group)
        self._plots()
        seed = ["  <listOfAlgorithmParameters>", *(f"    {s}" for s in [_setting(488, str(self._seed))]),
                "  </listOfAlgorithmParameters>"] if self._many() and self._method != "ode" else []  # fmt: skip
        lines = ['<?xml version="1.0" encoding="UTF-8"?>',
                 f'<sedML xmlns="{NAMESPACE}" xmlns:sbml="{SBML}" level="1" version="4">']  # fmt: skip
        for name, items in self._lists.items():
            lines += [f"  <listOf{name}>", *(f"    {line}" for line in items), f"  </listOf{name}>"]
        models = {file: text for text, file in self._files.items()}
        return Written("\n".join([*lines, *seed, "</sedML>"]) + "\n", models, tuple(self._runs), self._notes())

    def _notes(self) -> tuple[str, ...]:
        if self._method != "ode" and any(g.prepared.model.network.events for g in self._groups):
            return (_LATE_DOSES,)
        return ()

    def _many(self) -> bool:
        return any(g.labels for g in self._groups)

    def _id(self, text: str) -> str:
        stem = re.sub(r"\W+", "_", text, flags=re.ASCII).strip("_") or "x"
        out, n = stem if not stem[0].isdigit() else f"x{stem}", 2
        while out in self._ids:
            out, n = f"{stem}_{n}", n + 1
        self._ids.add(out)
        return out

    # ------------------------------------------------------------------------------------------------------------ runs
    def _group(self, group: Group) -> None:
        parts = group.prepared.grids
        alone = len(self._groups) == 1
        for k, grid in enumerate(parts, 1):
            name = ("" if alone else f"_{_short(group.id)}") + (f"_{k}" if len(parts) > 1 else "")
            model = self._model(group, name)
            simulation = self._simulation(group, grid, name)
            run = self._id(f"{'run' if group.labels else 'task'}{name}")
            self._add("Tasks", _open("task", id=run, name=group.id, modelReference=model,
                                     simulationReference=simulation, end=True))  # fmt: skip
            task = self._repeated(group, model, run, name) if group.labels else run
            self._outputs(group, task, model, name)
            self._runs += [(f"{task}{f' {i}' if group.labels else ''}", label)
                           for i, label in enumerate(group.labels or (group.id,), 1)]  # fmt: skip

    def _model(self, group: Group, name: str) -> str:
        """Return the id of the model for a course: one for all that have the same file, unless each needs its own."""
        text = group.prepared.sbml
        late = group.prepared.begins_late
        if text in self._names and not late:
            return self._names[text]
        if text not in self._files:
            own = "model" if len(self._groups) == 1 else self._free_file(_short(group.id))
            self._files[text] = f"{self._prefix}{own}.xml"
        alone = len(self._groups) == 1
        self._names[text] = self._id(f"model{name}" if late or not alone else "model")
        self._add("Models", _open("model", id=self._names[text], name=group.prepared.model.id,
                                  source=self._files[text], end=True,
                                  language="urn:sedml:language:sbml.level-3.version-2"))  # fmt: skip
        return self._names[text]

    def _free_file(self, name: str) -> str:
        taken, out, n = set(self._files.values()), name, 2
        while f"{self._prefix}{out}.xml" in taken:
            out, n = f"{name}_{n}", n + 1
        return out

    def _simulation(self, group: Group, grid: Grid, name: str) -> str:
        own = self._id(f"course{name}")
        number = {"ode": 19, "ssa": 29, "tau-leaping": 39}[self._method]
        settings = list(self._settings(group))
        self._add(
            "Simulations",
            _open("uniformTimeCourse", id=own, initialTime="0", outputStartTime=_number(grid.start),
                  outputEndTime=_number(grid.end), numberOfSteps=str(grid.steps)),
            "  " + _open("algorithm", name=NAMES[number], kisaoID=_kisao(number), end=not settings),
            *(["    <listOfAlgorithmParameters>", *(f"      {s}" for s in settings),
               "    </listOfAlgorithmParameters>", "  </algorithm>"] if settings else []),
            "</uniformTimeCourse>",
        )  # fmt: skip
        return own

    def _settings(self, group: Group) -> Iterator[str]:
        if self._method == "ode":
            yield _setting(209, _number(self._tolerances.relative))
            yield _setting(211, _number(self._tolerances.absolute * group.prepared.least_scale()))
            yield _setting(415, str(self._tolerances.maximum_steps))
            return
        if self._method == "tau-leaping":
            yield _setting(228, _number(EPSILON))
        if not self._many():
            yield _setting(488, str(self._seed))

    def _repeated(self, group: Group, model: str, run: str, name: str) -> str:
        own, ranges = self._id(f"task{name}"), {}
        lines, changes = list[str](), list[str]()
        for key, values in group.settings.items():
            ranges[key] = self._id(f"values_of_{key or 'cell'}{name}")
            if not key:
                steps = len(values) - 1
                lines.append(f'    <uniformRange id={quoteattr(ranges[key])} start="1" end="{steps + 1}" '
                             f'numberOfSteps="{steps}" type="linear"/>')  # fmt: skip
                continue
            lines += [f"    <vectorRange id={quoteattr(ranges[key])}>",
                      *(f"      <value> {_number(v)} </value>" for v in values), "    </vectorRange>"]  # fmt: skip
            target = _target("parameter", key)
            changes += ["    " + _open("setValue", modelReference=model, target=target, range=ranges[key]),
                            *(f"      {line}" for line in math_lines(sym(ranges[key]))), "    </setValue>"]  # fmt: skip
        listed = ["  <listOfChanges>", *changes, "  </listOfChanges>"] if changes else []
        self._add(
            "Tasks",
            _open("repeatedTask", id=own, name=group.id, range=next(iter(ranges.values())), resetModel="true",
                  concatenate="false"),
            "  <listOfRanges>", *lines, "  </listOfRanges>", *listed,
            "  <listOfSubTasks>", f'    <subTask order="1" task={quoteattr(run)}/>', "  </listOfSubTasks>",
            "</repeatedTask>",
        )  # fmt: skip
        return own

    # --------------------------------------------------------------------------------------------------------- outputs
    def _outputs(self, group: Group, task: str, model: str, name: str) -> None:
        unit = group.prepared.time_unit
        time = self._generator(Column("time", Expr("time"), unit), group, (task, model), name)
        sets = [(time, "time")]
        for column in group.prepared.columns:
            data = self._generator(column, group, (task, model), name)
            sets.append((data, column.name))
            self._curves.setdefault((column.name, _label(column)), []).append((time, data, group.id))
        report = self._id(f"report{name}")
        self._add("Outputs", _open("report", id=report, name=group.id), "  <listOfDataSets>",
                  *(f"    {_open('dataSet', id=self._id(f'{d}_column'), label=label, dataReference=d, end=True)}"
                    for d, label in sets),
                  "  </listOfDataSets>", "</report>")  # fmt: skip

    def _generator(self, column: Column, group: Group, of: tuple[str, str], name: str) -> str:
        own, (task, model) = self._id(f"{column.name}{name}"), of
        variables, names = list[str](), dict[str, Expr]()
        for symbol in sorted(column.formula.symbols()):
            names[symbol] = sym(self._id(f"{symbol}_in_{own}"))
            kind = "reaction" if symbol in group.prepared.model.network.reactions else \
                group.prepared.model.network.symbols[symbol].kind  # fmt: skip
            variables.append(_open("variable", id=str(names[symbol].value), taskReference=task, modelReference=model,
                                   target=_target(kind, symbol), end=True))  # fmt: skip
        expr = substitute(column.formula, names)
        if expr.has("time"):
            clock = self._id(f"time_in_{own}")
            expr = _with_time(expr, sym(clock))
            variables.append(_open("variable", id=clock, taskReference=task, modelReference=model,
                                   symbol="urn:sedml:symbol:time", end=True))  # fmt: skip
        listed = ["  <listOfVariables>", *(f"    {v}" for v in variables), "  </listOfVariables>"] if variables else []
        self._add("DataGenerators", _open("dataGenerator", id=own, name=_label(column)), *listed,
                  *(f"  {line}" for line in math_lines(expr)), "</dataGenerator>")  # fmt: skip
        return own

    def _plots(self) -> None:
        for (name, label), curves in self._curves.items():
            unit = self._groups[0].prepared.time_unit
            self._add(
                "Outputs", _open("plot2D", id=self._id(f"plot_{name}"), name=name),
                "  " + _open("xAxis", type="linear", name=f"time ({unit})" if unit else "time", end=True),
                "  " + _open("yAxis", type="linear", name=label, end=True), "  <listOfCurves>",
                *(f"    {self._curve(*c)}" for c in curves),
                "  </listOfCurves>", "</plot2D>",
            )  # fmt: skip

    def _curve(self, x: str, y: str, arm: str) -> str:
        own = self._id(f"{y}_over_time")
        return _open("curve", id=own, name=arm, xDataReference=x, yDataReference=y, end=True)

    def _add(self, name: str, *lines: str) -> None:
        self._lists[name] += lines


def _with_time(expr: Expr, clock: Expr) -> Expr:
    if expr.op == "time":
        return clock
    return Expr(expr.op, tuple(_with_time(a, clock) for a in expr.args), expr.value, expr.unit)


def _target(kind: str, name: str) -> str:
    tag, listed = ("reaction", "listOfReactions") if kind == "reaction" else (kind, _LISTS[kind])
    return f"/sbml:sbml/sbml:model/sbml:{listed}/sbml:{tag}[@id='{name}']"


def _label(column: Column) -> str:
    what = column.meaning or column.name
    return f"{what} ({column.unit})" if column.unit and column.unit != "dimensionless" else what


def _short(text: str) -> str:
    return re.sub(r"\W+", "_", text, flags=re.ASCII).strip("_")[:40] or "arm"


def _kisao(number: int) -> str:
    return f"KISAO:{number:07d}"


def _setting(number: int, value: str) -> str:
    return _open("algorithmParameter", name=NAMES[number], kisaoID=_kisao(number), value=value, end=True)


def _number(value: float) -> str:
    number = float(value)
    return str(int(number)) if number.is_integer() and abs(number) < 1e15 else repr(number)


def _open(tag: str, *, end: bool = False, **attributes: str) -> str:
    """Return a start tag, or an empty element."""
    text = "".join(f" {k}={quoteattr(v)}" for k, v in attributes.items() if v)
    return f"<{tag}{text}{'/' if end else ''}>"
