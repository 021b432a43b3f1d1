"""SED-ML text to nouns, Level 1 Version 1 to 4. What is not read is refused, by element and id."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from sbmlqsp.errors import DataError, UnsupportedError
from sbmlqsp.exchange.sedml.document import (
    Algorithm,
    Calculation,
    Change,
    Content,
    Curve,
    DataGenerator,
    DataSet,
    FunctionalRange,
    OneStep,
    Plot,
    Range,
    RepeatedTask,
    Report,
    SedModel,
    Setting,
    SetValue,
    Simulation,
    SteadyState,
    SubTask,
    Task,
    UniformTimeCourse,
    ValueRange,
    Variable,
)
from sbmlqsp.exchange.sedml.mathml import read_math
from sbmlqsp.exchange.sedml.nodes import Node, parse_xml
from sbmlqsp.times import MAX_TIMES

__all__ = ["parse_sedml"]

VERSIONS = (1, 2, 3, 4)
MAX_VALUES = 1_000_000
_STEPS = ("numberOfSteps", "numberOfPoints")
_LISTS = "listOfModels listOfSimulations listOfTasks listOfDataGenerators listOfOutputs"
_NEWER = "listOfDataDescriptions listOfStyles listOfAlgorithmParameters"
_CALCULATION = "listOfVariables listOfParameters math"
_XML_CHANGES = ("addXML", "changeXML", "removeXML")


def parse_sedml(source: str | bytes, *, where: str) -> Content:
    """Return what a document says.

    Raises
    ------
    DataError
        It is malformed, hostile, of another level or version, or an id is missing or used twice.
    UnsupportedError
        An element or attribute that is not read.
    """
    root = parse_xml(source, where=where, root="sedML")
    level, version = int(root.number("level")), int(root.number("version"))
    if level != 1 or version not in VERSIONS:
        raise UnsupportedError("this version of SED-ML is not read", value=f"Level {level} Version {version}",
                               where=where, expected="Level 1 Version 1 to 4")  # fmt: skip
    root.only("level version", f"{_LISTS} {_NEWER}")
    notes: list[str] = []
    if root.child("listOfStyles") is not None:
        notes.append("the styles of plots are not kept")
    if root.child("listOfDataDescriptions") is not None:
        notes.append("the data descriptions are not read; only what refers to them needs them")
    shared = root.child("listOfAlgorithmParameters")
    outputs = _by_id(o for n in root.items("listOfOutputs", _OUTPUTS) for o in [_output(n, notes)] if o is not None)
    return Content(
        level, version, _by_id(_model(n) for n in root.items("listOfModels", "model")),
        _by_id(_simulation(n) for n in root.items("listOfSimulations", _SIMULATIONS)),
        _by_id(_task(n) for n in root.items("listOfTasks", "task repeatedTask")),
        _by_id(_generator(n) for n in root.items("listOfDataGenerators", "dataGenerator")),
        outputs, _settings(shared), tuple(dict.fromkeys(notes)),
    )  # fmt: skip


def _by_id(items: Iterable[Any]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for item in items:
        if item.id in out:
            raise DataError("an id is used twice", value=item.id, where=getattr(item, "where", None))
        out[item.id] = item
    return out


# ------------------------------------------------------------------------------------------------------------- models
def _model(n: Node) -> SedModel:
    n.only("language source", "listOfChanges")
    allowed = f"changeAttribute computeChange {' '.join(_XML_CHANGES)}"
    changes = tuple(_change(c) for c in n.items("listOfChanges", allowed))
    return SedModel(n.text("id"), n.optional("name"), n.text("source"), n.optional("language"), changes, n.where)


def _change(n: Node) -> Change:
    if n.tag in _XML_CHANGES:
        raise UnsupportedError(f"the change <{n.tag}> of a model's XML is not made", value=n.optional("target"),
                               where=n.where, remedy="make the change in the model file")  # fmt: skip
    if n.tag == "changeAttribute":
        n.only("target newValue")
        return Change(n.text("target"), n.text("newValue"), "", n.where)
    n.only("target symbol", _CALCULATION)
    return Change(n.text("target"), _calculation(n), n.optional("symbol"), n.where)


def _calculation(n: Node, ranges: str = "", results: bool = False) -> Calculation:
    """Return the formula of an element, over results or not; ``ranges`` is a range that it may read directly."""
    variables = [_variable(v, results) for v in n.items("listOfVariables", "variable")]
    if ranges:
        variables.append(Variable(ranges, f"#{ranges}", "", "", "", n.where))
    parameters = [(p.text("id"), p.only("value").number("value")) for p in n.items("listOfParameters", "parameter")]
    names = [*(v.id for v in variables), *(name for name, _ in parameters)]
    if len(names) > len(set(names)):
        raise DataError("a name stands for two variables or parameters of a formula", where=n.where,
                        value=sorted({x for x in names if names.count(x) > 1}))  # fmt: skip
    expr = read_math(n.math(), where=n.where)
    for name in sorted(expr.symbols() - set(names)):
        raise DataError(f"the formula reads '{name}', which is no variable or parameter of it", where=n.where,
                        expected=", ".join(sorted(names)) or None)  # fmt: skip
    return Calculation(expr, tuple(v for v in variables if v.id in expr.symbols()), dict(parameters), n.where)


def _variable(n: Node, results: bool) -> Variable:
    n.only(f"target symbol taskReference modelReference {'dimensionTerm' if results else ''}",
           "listOfAppliedDimensions" if results else "")  # fmt: skip
    target, symbol = n.optional("target"), n.optional("symbol")
    if not target and not symbol:
        raise DataError("a variable has neither a target nor a symbol", where=n.where)
    along = n.items("listOfAppliedDimensions", "appliedDimension")
    over = tuple(d.only("target").text("target").removeprefix("#") for d in along)
    if over and not n.optional("dimensionTerm"):
        raise DataError("a variable names dimensions, and no term of what its values are brought to", where=n.where,
                        expected="the attribute 'dimensionTerm'")  # fmt: skip
    return Variable(n.text("id"), target, symbol, n.optional("taskReference"), n.optional("modelReference"), n.where,
                    n.optional("dimensionTerm"), over)  # fmt: skip


# -------------------------------------------------------------------------------------------------------- simulations
_SIMULATIONS = "uniformTimeCourse oneStep steadyState"


def _simulation(n: Node) -> Simulation:
    own = {"oneStep": "step", "steadyState": ""}.get(n.tag)
    if own is None:
        return _course(n)
    n.only(own, "algorithm")
    if n.tag == "steadyState":
        return SteadyState(n.text("id"), _algorithm(n), n.where)
    step = n.number("step")
    if not step > 0:
        raise DataError("the step is not positive", value=step, where=n.where)
    return OneStep(n.text("id"), _algorithm(n), step, n.where)


def _course(n: Node) -> UniformTimeCourse:
    n.only(f"initialTime outputStartTime outputEndTime {' '.join(_STEPS)}", "algorithm")
    initial, start, end = (n.number(a) for a in ("initialTime", "outputStartTime", "outputEndTime"))
    steps = n.whole(_STEPS)
    if not initial <= start <= end or (steps == 0) != (start == end):
        raise DataError("the times are out of order", value=(initial, start, end, steps), where=n.where,
                        expected="initialTime ≤ outputStartTime < outputEndTime, with at least one step")  # fmt: skip
    if steps >= MAX_TIMES:
        raise DataError("there are too many times", value=steps, where=n.where, expected=f"less than {MAX_TIMES:,}")
    return UniformTimeCourse(n.text("id"), _algorithm(n), initial, start, end, steps, n.where)


def _algorithm(n: Node) -> Algorithm:
    found = n.child("algorithm")
    if found is None:
        raise DataError("the algorithm is missing", where=n.where)
    found.only("kisaoID", "listOfAlgorithmParameters")
    settings = _settings(found.child("listOfAlgorithmParameters"))
    return Algorithm(found.text("kisaoID"), settings, found.optional("name"))


def _settings(n: Node | None) -> tuple[Setting, ...]:
    """Return settings; one of another setting, as hybrid methods have, is refused by ``only``."""
    children = [] if n is None else list(n.only(children="algorithmParameter"))
    for c in children:
        c.only("kisaoID value")
    return tuple(Setting(c.text("kisaoID"), c.text("value"), c.optional("name")) for c in children)


# -------------------------------------------------------------------------------------------------------------- tasks
def _task(n: Node) -> Task | RepeatedTask:
    if n.tag == "task":
        n.only("modelReference simulationReference")
        return Task(n.text("id"), n.optional("name"), n.text("modelReference"), n.text("simulationReference"), n.where)
    n.only("range resetModel concatenate", "listOfRanges listOfChanges listOfSubTasks")
    ranges = _by_id(_range(r) for r in n.items("listOfRanges", "uniformRange vectorRange functionalRange"))
    reset = n.truth("resetModel")
    if reset is None:
        raise DataError("the attribute 'resetModel' is missing", where=n.where)
    subtasks = tuple(_subtask(s) for s in n.items("listOfSubTasks", "subTask"))
    if not subtasks:
        raise DataError("a repeated task has no subtasks", where=n.where)
    return RepeatedTask(n.text("id"), n.optional("name"), n.text("range"), reset, n.truth("concatenate"), ranges,
                        _set_values(n), subtasks, n.where)  # fmt: skip


def _range(n: Node) -> Range:
    if n.tag == "functionalRange":
        n.only("range", _CALCULATION)
        return FunctionalRange(n.text("id"), _calculation(n, n.optional("range")), n.where)
    if n.tag == "vectorRange":
        n.only(children="value")
        return ValueRange(n.text("id"), tuple(n.finite(v.element.text or "", "a value") for v in n), n.where)
    n.only(f"start end type {' '.join(_STEPS)}")
    start, end, steps = n.number("start"), n.number("end"), n.whole(_STEPS)
    kind = n.text("type", "linear").lower()
    if steps > MAX_VALUES:
        raise DataError("a range has too many values", value=steps, where=n.where, expected=f"at most {MAX_VALUES:,}")
    if kind == "linear":
        values = np.linspace(start, end, steps + 1)
    elif kind == "log" and start > 0 and end > 0:
        values = np.logspace(math.log10(start), math.log10(end), steps + 1)
        values[[0, -1]] = start, end
    else:
        raise DataError("a range cannot be spaced so", value=f"{kind} from {start:g} to {end:g}", where=n.where,
                        expected="linear, or log between positive numbers")  # fmt: skip
    return ValueRange(n.text("id"), tuple(values.tolist()), n.where)


def _set_values(n: Node) -> tuple[SetValue, ...]:
    found = tuple(_set_value(c) for c in n.items("listOfChanges", "setValue"))
    targets = [(c.model, c.target) for c in found]
    for c in found:
        if targets.count((c.model, c.target)) > 1:
            raise DataError("two values are set of one element", value=c.target, where=c.where, expected="one")
    return found


def _set_value(n: Node) -> SetValue:
    n.only("target symbol range modelReference", _CALCULATION)
    calculation = _calculation(n, n.optional("range"))
    return SetValue(n.text("modelReference"), n.text("target"), n.optional("symbol"), calculation, n.where)


def _subtask(n: Node) -> SubTask:
    n.only("task order", "listOfChanges")
    order = n.number("order") if n.optional("order") else None
    return SubTask(n.text("task"), order, _set_values(n), n.where)


# ------------------------------------------------------------------------------------------------------------ outputs
_OUTPUTS = "report plot2D plot3D figure"
_LOOKS = "legend height width"


def _generator(n: Node) -> DataGenerator:
    n.only(children=_CALCULATION)
    return DataGenerator(n.text("id"), n.optional("name"), _calculation(n, results=True))


def _output(n: Node, notes: list[str]) -> Report | Plot | None:
    reader: dict[str, Callable[[Node, list[str]], Report | Plot | None]] = {
        "report": _report, "plot2D": _plot, "plot3D": _surfaces, "figure": _figure,
    }  # fmt: skip
    return reader[n.tag](n, notes)


def _report(n: Node, _: list[str]) -> Report:
    n.only(children="listOfDataSets")
    sets = []
    for d in n.items("listOfDataSets", "dataSet"):
        d.only("label dataReference")
        label = d.text("label", d.optional("name") or d.text("dataReference"))
        sets.append(DataSet(d.optional("id") or label, label, d.text("dataReference")))
    return Report(n.text("id"), n.optional("name"), _distinct(sets, n), n.where)


def _distinct(sets: list[DataSet], n: Node) -> tuple[DataSet, ...]:
    """Return data sets by their labels, or by their ids where two have one label."""
    labels = [s.label for s in sets]
    named = [DataSet(s.label if labels.count(s.label) == 1 else s.id, s.label, s.data) for s in sets]
    ids = [s.id for s in named]
    for name in ids:
        if ids.count(name) > 1:
            raise DataError("two data sets of a report have one name", value=name, where=n.where)
    return tuple(named)


def _plot(n: Node, notes: list[str]) -> Plot:
    n.only(_LOOKS, "listOfCurves xAxis yAxis rightYAxis")
    curves, logs = [], {"logX": set[bool](), "logY": set[bool]()}
    for k, c in enumerate(n.items("listOfCurves", "curve"), 1):
        c.only("logX logY xDataReference yDataReference order style type yAxis")
        if c.optional("type") not in {"", "points"} or c.optional("yAxis") == "right":
            notes.append(f"{c.where} is drawn as a line over the left axis")
        x, y = c.text("xDataReference"), c.text("yDataReference")
        curves.append(Curve(c.optional("id") or f"curve_{k}", c.optional("name"), x, y))
        for name, given in logs.items():
            given.add(bool(c.truth(name, default=False)))
    axes = {"logX": n.child("xAxis"), "logY": n.child("yAxis")}
    log = {k: _log(axes[k], given) for k, given in logs.items()}
    return Plot(n.text("id"), n.optional("name"), tuple(curves), log["logX"], log["logY"], n.where)


def _log(axis: Node | None, given: set[bool]) -> bool:
    if axis is not None:
        return axis.only("type min max grid style reverse").optional("type") == "log10"
    return given == {True}


def _surfaces(n: Node, notes: list[str]) -> Report:
    n.only(_LOOKS, "listOfSurfaces xAxis yAxis zAxis")
    notes.append(f"{n.where} is given as numbers and not drawn")
    sets = []
    for k, s in enumerate(n.items("listOfSurfaces", "surface"), 1):
        s.only("logX logY logZ xDataReference yDataReference zDataReference order style type")
        name = s.optional("id") or f"surface_{k}"
        sets += [DataSet(f"{name}_{a}", f"{name} {a}", s.text(f"{a}DataReference")) for a in "xyz"]
    return Report(n.text("id"), n.optional("name"), _distinct(sets, n), n.where)


def _figure(n: Node, notes: list[str]) -> None:
    notes.append(f"{n.where} is an arrangement of plots, which is not kept")
