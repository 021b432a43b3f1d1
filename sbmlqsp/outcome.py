"""What the runs of one arm give: values of its observables, status and message of each subject."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Protocol

import numpy as np

from sbmlqsp.batch import prepare_batch, run_batch
from sbmlqsp.deliveries import Deliveries
from sbmlqsp.engine.tolerances import Tolerances
from sbmlqsp.engine_difference import allowed, difference
from sbmlqsp.errors import UnsupportedError
from sbmlqsp.execution import ArmResult, run_arm
from sbmlqsp.experiment import Experiment
from sbmlqsp.observation import Observable
from sbmlqsp.readout import read_out
from sbmlqsp.runner import FAILED, OK, UNCONFIRMED
from sbmlqsp.subjects import Subjects

__all__ = [
    "Deterministic", "Method", "Outcome", "dose_rows", "integrated_instead", "observed", "outcome_of", "read_outcome",
]  # fmt: skip

Tick = Callable[[int, int], None]
_BY = {"kernel": "integrated by the batch kernel, as libRoadRunner failed: ",
       "roadrunner": "integrated by libRoadRunner, as the kernel failed: "}  # fmt: skip
"""How the message of whom another engine integrated begins, by that engine."""


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

    Where there are tolerances ``instead``, whom the kernel cannot integrate libRoadRunner does with them, and whom
    libRoadRunner cannot integrate the kernel does.
    """

    tolerances: Tolerances
    replicates: int = 1
    engine: str = "roadrunner"
    threads: int | None = None
    choice: Mapping[str, Any] = field(default_factory=dict)
    instead: Tolerances | None = None

    @property
    def alone(self) -> bool:
        """Whether it is libRoadRunner, by name, whom no other engine helps."""
        return self.engine == "roadrunner" and self.instead is None and not self.choice

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
        if self.instead is None:
            return self._run(arm, people, tick, most)
        if self.engine == "roadrunner":
            return self._helped(arm, people, tick, most, self.instead)
        found = self._run(arm, people, tick, math.inf)
        rows = np.flatnonzero(np.isin(found.status, (FAILED, UNCONFIRMED)))
        if rows.size:
            part = outcome_of(arm, people.some(rows), tolerances=self.instead, most=most)
            found.take(_with_notes(part, [found.messages[k] for k in rows.tolist()], "roadrunner"), rows)
        return found

    def _run(self, arm: Experiment, people: Subjects, tick: Tick, most: float) -> Outcome:
        if self.engine == "roadrunner":
            return outcome_of(arm, people, tolerances=self.tolerances, tick=tick, most=most)
        result = run_batch(
            arm,
            people,
            tolerances=self.tolerances,
            tick=tick,
            most=most,
            threads=self.threads,
            gpu=self.engine == "gpu",
        )
        return read_outcome(arm, result)

    def _helped(self, arm: Experiment, people: Subjects, tick: Tick, most: float, kernel: Tolerances) -> Outcome:
        """Run an arm on libRoadRunner, and on the kernel whom that could not integrate.

        More failures than may be end the first runs early, so that a model which no engine integrates is not tried for
        everyone. Where the kernel has brought them down again, all others follow.
        """
        found = self._run(arm, people, tick, most)
        failed = np.flatnonzero(found.status)
        _help(found, arm, people, kernel)
        if len(failed) > most >= int((found.status > 0).sum()):
            done = int(failed[-1]) + 1
            rest = np.arange(done, len(people))
            part = self._run(arm, people.some(rest), lambda k, lost: tick(done + k, lost), math.inf)
            _help(part, arm, people.some(rest), kernel)
            found.take(part, rest)
        return found


def _help(found: Outcome, arm: Experiment, people: Subjects, tolerances: Tolerances) -> None:
    """Run on the kernel whom libRoadRunner's integrator gave up; what the kernel gives must be what it gives tighter.

    Only that: what could not be confirmed, or is impossible, is no fault of the integrator.
    """
    rows = np.flatnonzero(found.status == FAILED)
    if not rows.size:
        return
    some = people.some(rows)
    try:
        prepare_batch(arm, some)
    except UnsupportedError:
        return
    result = run_batch(arm, some, tolerances=tolerances, threads=1)
    _confirm(result, arm, some, tolerances)
    part = _with_notes(read_outcome(arm, result), [found.messages[k] for k in rows.tolist()], "kernel")
    for k, row in enumerate(rows.tolist()):
        if part.status[k] != OK:
            also = "" if part.messages[k] in found.messages[row] else part.messages[k]
            part.status[k] = FAILED
            part.messages[k] = "; the batch kernel failed as well: ".join(filter(None, (found.messages[row], also)))
    found.take(part, rows)


def _confirm(result: ArmResult, arm: Experiment, people: Subjects, tolerances: Tolerances) -> None:
    """Note whose results on the kernel are others with tighter tolerances."""
    good = np.flatnonzero(result.status == OK)
    if not good.size:
        return
    again = run_batch(arm, people.some(good), tolerances=tolerances.tighter(), threads=1)
    found = replace(result, columns={name: values[good] for name, values in result.columns.items()})
    apart = difference(arm, found, again).by_subject
    for k in good[apart > allowed(tolerances)].tolist():
        result.status[k], result.messages[k] = UNCONFIRMED, "a run with tighter tolerances differs"


def _with_notes(part: Outcome, failures: Sequence[str], engine: str) -> Outcome:
    """Say of whom an engine could integrate that it did, and how the other had failed."""
    for k, why in enumerate(failures):
        if part.status[k] == OK:
            part.messages[k] = "; ".join(filter(None, (_BY[engine] + why, part.messages[k])))
    return part


def integrated_instead(messages: Iterable[str]) -> dict[str, Any]:
    """Return which engine integrated how many runs that the chosen one could not, by their messages; empty if none."""
    runs = list(messages)
    counts = {engine: sum(m.startswith(words) for m in runs) for engine, words in _BY.items()}
    return next(({"engine": engine, "runs": n} for engine, n in counts.items() if n), {})


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
