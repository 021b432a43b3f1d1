"""What the runs of one arm give: values of its observables, status and message of each subject."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

import numpy as np

from sbmlqsp.batch import run_batch
from sbmlqsp.deliveries import Deliveries
from sbmlqsp.engine.tolerances import Tolerances
from sbmlqsp.execution import ArmResult, run_arm
from sbmlqsp.experiment import Experiment
from sbmlqsp.observation import Observable
from sbmlqsp.readout import read_out
from sbmlqsp.runner import FAILED, OK, UNCONFIRMED
from sbmlqsp.subjects import Subjects

__all__ = ["Deterministic", "Method", "Outcome", "dose_rows", "observed", "outcome_of", "read_outcome"]


@dataclass(frozen=True)
class Outcome:
    """One arm for some subjects: one run each, or one per replicate, those of a subject together.

    Parameters
    ----------
    columns : mapping of str to ndarray
        By observable, of shape (runs, times); NaN where a run failed.
    status : ndarray of int
    messages : list of str
    doses : tuple of mapping
        The doses as the first subject gets them.
    extras : dict of str to ndarray
        What else there is to say of each run.
    """

    columns: Mapping[str, Any]
    status: Any
    messages: list[str]
    doses: tuple[Mapping[str, Any], ...] = ()
    extras: dict[str, Any] = field(default_factory=dict)

    def take(self, part: Outcome, rows: Any) -> None:
        """Put a part's runs into rows of this one."""
        for name, values in part.columns.items():
            self.columns[name][rows] = values
        for name, values in part.extras.items():
            self.extras.setdefault(name, np.full(len(self.status), np.nan))[rows] = values
        self.status[rows] = part.status
        for row, message in zip(rows.tolist(), part.messages, strict=True):
            self.messages[row] = message

    def lose(self, rows: Any, status: int, message: str) -> None:
        """Note that some runs have no result."""
        self.status[rows] = status
        for row in rows.tolist():
            self.messages[row] = message


class Method(Protocol):
    """A way to run an arm for some subjects: deterministic, or stochastic."""

    @property
    def replicates(self) -> int:
        """How many runs each subject has."""

    def describe(self) -> dict[str, Any]:
        """Return what the numbers depend on, for provenance."""

    @property
    def remarks(self) -> Mapping[str, Any]:
        """What else provenance is to say, on which no number depends."""

    def outcome(
        self, arm: Experiment, people: Subjects, *, replicates: range, tick: Callable[[int, int], None], most: float
    ) -> Outcome:
        """Run an arm; the runs of one subject come together. More than ``most`` failures end it early."""


@dataclass(frozen=True)
class Deterministic:
    """Differential equations, on libRoadRunner, on the batch kernel, whose patients ``threads`` share, or on a GPU.

    Whom the kernel cannot integrate libRoadRunner does, where it has tolerances for that: ``instead``.
    """

    tolerances: Tolerances
    replicates: int = 1
    engine: str = "roadrunner"
    threads: int | None = None
    choice: Mapping[str, Any] = field(default_factory=dict)
    instead: Tolerances | None = None

    @property
    def remarks(self) -> Mapping[str, Any]:
        """How the engine was chosen, where it was not asked for by name."""
        return {"engine_choice": dict(self.choice)} if self.choice else {}

    def describe(self) -> dict[str, Any]:
        """Return what the numbers depend on, for provenance."""
        engine = {} if self.engine == "roadrunner" else {"engine": self.engine}
        return {"tolerances": asdict(self.tolerances), **engine}

    def outcome(
        self, arm: Experiment, people: Subjects, *, replicates: range, tick: Callable[[int, int], None], most: float
    ) -> Outcome:
        """Run an arm, once per subject."""
        del replicates
        if self.engine == "roadrunner":
            return outcome_of(arm, people, tolerances=self.tolerances, tick=tick, most=most)
        result = run_batch(
            arm,
            people,
            tolerances=self.tolerances,
            tick=tick,
            most=most if self.instead is None else math.inf,
            threads=self.threads,
            gpu=self.engine == "gpu",
        )
        found = read_outcome(arm, result)
        if self.instead is not None:
            _run_again(found, arm, people, self.instead, most)
        return found


def _run_again(found: Outcome, arm: Experiment, people: Subjects, tolerances: Tolerances, most: float) -> None:
    """Run on libRoadRunner whom the kernel could not integrate."""
    rows = np.flatnonzero(np.isin(found.status, (FAILED, UNCONFIRMED)))
    if not rows.size:
        return
    part = outcome_of(arm, people.some(rows), tolerances=tolerances, most=most)
    for k, row in enumerate(rows.tolist()):
        if part.status[k] == OK:
            note = f"integrated by libRoadRunner, as the kernel failed: {found.messages[row]}"
            part.messages[k] = f"{note}; {part.messages[k]}" if part.messages[k] else note
    found.take(part, rows)


def outcome_of(
    arm: Experiment,
    people: Subjects,
    *,
    tolerances: Tolerances,
    tick: Callable[[int, int], None] = lambda *_: None,
    most: float = math.inf,
) -> Outcome:
    """Run an arm on libRoadRunner and read its observables."""
    return read_outcome(arm, run_arm(arm, people, tolerances=tolerances, tick=tick, most=most))


def read_outcome(arm: Experiment, result: ArmResult) -> Outcome:
    """Return the observables of an arm that was run."""
    values = {}
    for o in arm.observables:
        data = observed(o, arm, result)
        _note_undefined(o, data, result)
        values[o.id] = np.where(result.status[:, None] > 0, np.nan, data)
    return Outcome(values, result.status, result.messages, tuple(dose_rows(arm, result.deliveries)))


def observed(o: Observable, arm: Experiment, result: ArmResult) -> Any:
    """Return an observable of shape (subjects, times), in its unit."""
    shape = (len(result.status), len(arm.times))
    return read_out(o, arm.model, columns=result.columns, time=np.asarray(arm.times)[None, :], shape=shape)


def _note_undefined(o: Observable, data: Any, result: ArmResult) -> None:
    """Say where an observable's own formula gives no number although the run is fine, as a ratio of zeros does."""
    undefined = np.isnan(data).any(axis=1) & (result.status == 0)
    for i in np.flatnonzero(undefined).tolist():
        note = f"the observable '{o.id}' is not a number at output {int(np.argmax(np.isnan(data[i]))) + 1}"
        result.messages[i] = "; ".join(filter(None, (result.messages[i], note)))


def dose_rows(arm: Experiment, d: Deliveries) -> Iterable[dict[str, Any]]:
    """Describe the doses as the first subject gets them, for ticks on figures and dosing intervals."""
    for k, target in enumerate(d.targets):
        symbol = arm.model.network.symbols[target]
        unit = symbol.substance_unit if symbol.kind == "species" else symbol.unit
        yield {
            "experiment": arm.id,
            "time": float(d.start[0, k]),
            "amount": float(d.amount[0, k]),
            "unit": unit.label if unit is not None else "",
            "target": target.replace("__", "."),
            "duration": float(d.duration[0, k]),
        }
