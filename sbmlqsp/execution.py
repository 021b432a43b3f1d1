"""Run one experiment for all subjects on one compiled model."""

from __future__ import annotations

import base64
import math
import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from sbmlqsp.arm_start import ArmStart, arm_scales
from sbmlqsp.clock import Clock
from sbmlqsp.compiled import LOCK, Compiled, compile_for, note_survival
from sbmlqsp.course_arm import CourseArm
from sbmlqsp.deliveries import Deliveries
from sbmlqsp.engine.guard import guarded, guarding, unguarded
from sbmlqsp.engine.guard_child import seal
from sbmlqsp.engine.roadrunner import quiet
from sbmlqsp.engine.tolerances import Tolerances
from sbmlqsp.experiment import Experiment
from sbmlqsp.occasions import Stretches
from sbmlqsp.residuals import broken_rules
from sbmlqsp.runner import IMPOSSIBLE, OK, STATUS, UNCONFIRMED, Job, Runner
from sbmlqsp.subjects import Subjects
from sbmlqsp.units.names import known_atoms, remember

if TYPE_CHECKING:
    from sbmlqsp.steady.starting import Near, People

__all__ = ["OK", "STATUS", "ArmResult", "note_broken_rules", "rehearsed", "run_arm"]

_REHEARSED: set[tuple[object, ...]] = set()


@dataclass(frozen=True)
class ArmResult:
    """Columns of shape (subjects, times) by engine selection, with status, message and time reached per subject."""

    columns: Mapping[str, Any]
    env: Mapping[str, Any]
    status: Any
    messages: list[str]
    deliveries: Deliveries


def run_arm(
    experiment: Experiment,
    subjects: Subjects,
    *,
    tolerances: Tolerances,
    tick: Callable[[int, int], None] = lambda *_: None,
    most: float = math.inf,
) -> ArmResult:
    """Run every subject of one arm; a failure fills the subject's rows with NaN, a status and a message.

    More than ``most`` failures end it early.
    """
    start = ArmStart.of(experiment, subjects, _searched if experiment.at_rest else None)
    _rehearse(experiment, subjects, tolerances=tolerances, targets=tuple(start.deliveries.targets))
    with quiet():  # whoever asks: a look at both engines as well
        return _run(experiment, subjects, start, tolerances=tolerances, tick=tick, most=most)


def _searched(people: People) -> Near:
    """Let each come to rest; for that arms are run."""
    from sbmlqsp.steady.starting import searched

    return searched(people)


def _run(
    experiment: Experiment,
    subjects: Subjects,
    start: ArmStart,
    *,
    tolerances: Tolerances,
    tick: Callable[[int, int], None] = lambda *_: None,
    most: float = math.inf,
) -> ArmResult:
    """Run every subject from its start."""
    model, size = experiment.model, len(subjects)
    env, stretches, deliveries = start.env, start.stretches, start.deliveries
    with LOCK:
        compiled = compile_for(model, targets=deliveries.targets, outputs=start.outputs, env=env, size=stretches.size)
        machine, columns = compiled.machine, compiled.columns
        arm = _arm(experiment, compiled, deliveries, subjects, stretches)
        block = np.full((size, len(experiment.times), len(columns)), np.nan)
        status, messages, failed = np.zeros(size, dtype=np.int8), [""] * size, 0
        scales = arm_scales(machine.states, start)
        for i in range(size):
            sizes = dict(zip(machine.states, scales[i], strict=True))
            if i in start.refused:
                status[i], messages[i] = IMPOSSIBLE, str(start.refused[i])
            else:
                status[i], messages[i] = arm.subject(i, block[i], scales=sizes, tolerances=tolerances)
            failed += bool(status[i])
            tick(i + 1, failed)
            if failed > most:
                break
    index = {c: k for k, c in enumerate(columns)}
    found = {c: block[:, :, index[c]] for c in columns}
    note_broken_rules(experiment, found, status, messages)
    return ArmResult(found, env, status, messages, deliveries)


def note_broken_rules(experiment: Experiment, found: Mapping[str, Any], status: Any, messages: list[str]) -> None:
    """Note for which subjects an algebraic rule does not hold in what the run gave."""
    for i, why in broken_rules(experiment.model, found, time=np.asarray(experiment.times)[None, :]).items():
        if status[i] == OK:
            status[i], messages[i] = UNCONFIRMED, why


def _rehearse(experiment: Experiment, subjects: Subjects, *, tolerances: Tolerances, targets: tuple[str, ...]) -> None:
    """Where a stranger wrote the model, run the first subject where a crash does no harm and a clock runs.

    Once per process for a model, what is dosed, and where the integrator stops and how exact it is: the engine cannot
    be interrupted here, and some models keep it busy for ever, with some outputs and not with others.
    """
    model = experiment.model
    key = (model.digest, targets, hash(experiment.times), tolerances)
    if not model.untrusted or not guarding() or not len(subjects) or key in _REHEARSED:
        return
    first = replace(subjects.some(np.arange(1)), table=None)
    packed = pickle.dumps((experiment, first, tolerances, known_atoms()))
    sent = {"packed": base64.b64encode(packed).decode("ascii")}
    guarded(rehearsed, sent, where=f"the model '{model.id}'", doing="running")
    note_survival(model, targets)
    _REHEARSED.add(key)


def rehearsed(*, packed: str) -> None:
    """Run what this package has packed in the process that asks."""
    experiment, subjects, tolerances, atoms = pickle.loads(base64.b64decode(packed))  # noqa: S301 # from the parent
    remember(atoms)
    seal()
    with unguarded():  # from initial values: what it starts from makes no difference to what it may do
        _run(experiment, subjects, ArmStart.of(experiment, subjects, None), tolerances=tolerances)


def _arm(
    experiment: Experiment, compiled: Compiled, deliveries: Deliveries, subjects: Subjects, stretches: Stretches
) -> CourseArm | _Arm:
    if subjects.rows is not None or any(d.steady_state for d in experiment.regimen):
        return CourseArm(experiment, compiled, deliveries, stretches)
    return _Arm(experiment, compiled, deliveries)


class _Arm:
    """The runs of an arm, by subject."""

    def __init__(self, experiment: Experiment, compiled: Compiled, deliveries: Deliveries) -> None:
        self._deliveries, self._starts = deliveries, compiled.starts
        self._clock = Clock(experiment, compiled.prepared.switches, compiled.timing, deliveries)
        self._runner = Runner(compiled, at_dose=experiment.at_dose)

    def subject(self, i: int, out: Any, *, scales: Mapping[str, float], tolerances: Tolerances) -> tuple[int, str]:
        """Run one subject into ``out``; return status and message."""
        given = self._deliveries.amount[i].tolist(), self._deliveries.duration[i].tolist()
        return self._runner.subject(Job(self._starts(i), self._clock(i), *given, scales), out, tolerances)
