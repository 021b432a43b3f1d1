"""A SED-ML document as nouns: what it says, before anything is looked up or run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sbmlqsp.expressions import Expr

__all__ = [
    "Algorithm", "Calculation", "Change", "Content", "Curve", "DataGenerator", "DataSet", "FunctionalRange", "OneStep",
    "Plot", "Range", "RepeatedTask", "Report", "SedModel", "SetValue", "Setting", "Simulation", "SteadyState",
    "SubTask", "Task", "UniformTimeCourse", "ValueRange", "Variable",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Variable:
    """What a name in a formula stands for: an element of a model, time, or the value of a range.

    ``term`` is the KiSAO term of what its values are brought to, along the tasks ``over`` or along all.
    """

    id: str
    target: str
    symbol: str
    task: str
    model: str
    where: str
    term: str = ""
    over: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Calculation:
    """A formula with its variables and constants."""

    expr: Expr
    variables: tuple[Variable, ...]
    parameters: Mapping[str, float]
    where: str


# ------------------------------------------------------------------------------------------------------------- models
@dataclass(frozen=True, slots=True)
class Change:
    """A new value of an attribute (text), or one that is computed (a calculation)."""

    target: str
    value: str | Calculation
    symbol: str
    where: str


@dataclass(frozen=True, slots=True)
class SedModel:
    """A model: a file or another model, with changes."""

    id: str
    name: str
    source: str
    language: str
    changes: tuple[Change, ...]
    where: str


# -------------------------------------------------------------------------------------------------------- simulations
@dataclass(frozen=True, slots=True)
class Setting:
    """A parameter of an algorithm."""

    kisao: str
    value: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Algorithm:
    """A KiSAO term with its settings."""

    kisao: str
    settings: tuple[Setting, ...] = ()
    name: str = ""


@dataclass(frozen=True, slots=True)
class UniformTimeCourse:
    """Equally spaced outputs from ``start`` to ``end``; ``initial`` is what the time is at the beginning."""

    id: str
    algorithm: Algorithm
    initial: float
    start: float
    end: float
    steps: int
    where: str


@dataclass(frozen=True, slots=True)
class OneStep:
    """One output a step later."""

    id: str
    algorithm: Algorithm
    step: float
    where: str


@dataclass(frozen=True, slots=True)
class SteadyState:
    """The state at rest."""

    id: str
    algorithm: Algorithm
    where: str


Simulation = UniformTimeCourse | OneStep | SteadyState


# -------------------------------------------------------------------------------------------------------------- tasks
@dataclass(frozen=True, slots=True)
class Task:
    """A simulation of a model."""

    id: str
    name: str
    model: str
    simulation: str
    where: str


@dataclass(frozen=True, slots=True)
class ValueRange:
    """Values to go through."""

    id: str
    numbers: tuple[float, ...]
    where: str


@dataclass(frozen=True, slots=True)
class FunctionalRange:
    """Values computed from those of other ranges."""

    id: str
    calculation: Calculation
    where: str


Range = ValueRange | FunctionalRange


@dataclass(frozen=True, slots=True)
class SetValue:
    """A new value in a model, computed for each iteration."""

    model: str
    target: str
    symbol: str
    calculation: Calculation
    where: str


@dataclass(frozen=True, slots=True)
class SubTask:
    """A task that a repetition runs, after changes of its own."""

    task: str
    order: float | None
    changes: tuple[SetValue, ...]
    where: str


@dataclass(frozen=True, slots=True)
class RepeatedTask:
    """Tasks run once for each value of a range; ``concatenate`` is None where the document does not say."""

    id: str
    name: str
    range: str
    reset: bool
    concatenate: bool | None
    ranges: Mapping[str, Range]
    changes: tuple[SetValue, ...]
    subtasks: tuple[SubTask, ...]
    where: str


# ------------------------------------------------------------------------------------------------------------ outputs
@dataclass(frozen=True, slots=True)
class DataGenerator:
    """A formula over results of tasks."""

    id: str
    name: str
    calculation: Calculation


@dataclass(frozen=True, slots=True)
class DataSet:
    """A column of a report."""

    id: str
    label: str
    data: str


@dataclass(frozen=True, slots=True)
class Report:
    """Columns of numbers."""

    id: str
    name: str
    sets: tuple[DataSet, ...]
    where: str


@dataclass(frozen=True, slots=True)
class Curve:
    """Data over data, of a plot."""

    id: str
    name: str
    x: str
    y: str


@dataclass(frozen=True, slots=True)
class Plot:
    """Curves with their axes."""

    id: str
    name: str
    curves: tuple[Curve, ...]
    log_x: bool
    log_y: bool
    where: str


@dataclass(frozen=True)
class Content:
    """Everything that a document says; ``notes`` lists what it says that changes no number and is not kept."""

    level: int
    version: int
    models: Mapping[str, SedModel]
    simulations: Mapping[str, Simulation]
    tasks: Mapping[str, Task | RepeatedTask]
    generators: Mapping[str, DataGenerator]
    outputs: Mapping[str, Report | Plot]
    settings: tuple[Setting, ...] = ()
    notes: tuple[str, ...] = field(default=())
