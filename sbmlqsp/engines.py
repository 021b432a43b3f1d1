"""Which engine integrates the differential equations: libRoadRunner, the batch kernel, both, or a GPU."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from sbmlqsp.batch import KERNEL, prepare_batch, run_batch
from sbmlqsp.engine.ode_gpu import gpu_in_words
from sbmlqsp.engine.tolerances import Tolerances
from sbmlqsp.errors import SimulationError, UnsupportedError
from sbmlqsp.execution import ArmResult, run_arm
from sbmlqsp.experiment import Experiment
from sbmlqsp.model import dotted
from sbmlqsp.outcome import Deterministic, Outcome, read_outcome
from sbmlqsp.runner import OK, UNCONFIRMED
from sbmlqsp.subjects import Subjects

__all__ = ["ENGINES", "Both", "Difference", "choose_engine", "difference"]

ENGINES = ("auto", "roadrunner", "kernel", "both", "gpu")
ENOUGH = 500
"""From so many subjects on the kernel is worth its compilation."""
ALIKE = 1e-6
"""By what part of a value the engines may differ at their usual tolerances."""


def choose_engine(
    asked: str | None,
    arms: Sequence[Experiment],
    people: Subjects,
    *,
    tolerances: Tolerances | None,
    threads: int | None,
    hurried: bool,
) -> Deterministic | Both:
    """Return how to integrate.

    Parameters
    ----------
    asked : {"auto", "roadrunner", "kernel", "both", "gpu"}, optional
    arms : sequence of Experiment
    people : Subjects
    tolerances : Tolerances, optional
    threads : int, optional
        How many threads the kernel may take.
    hurried : bool
        Whether a subject that takes too long is to be stopped, which only libRoadRunner's processes can be.

    Raises
    ------
    UnsupportedError
        The kernel or a GPU is asked for and does not run this: why.
    SimulationError
        A GPU's results are not those of processors.
    """
    own = None if tolerances == Tolerances() else tolerances
    primary = Deterministic(tolerances or Tolerances())
    kernel = Deterministic(own or KERNEL, engine="kernel", threads=threads)
    if asked not in {None, *ENGINES}:
        raise UnsupportedError("no such engine", value=asked, expected=", ".join(map(repr, ENGINES)))
    if asked in {"kernel", "both", "gpu"}:
        if hurried:
            raise UnsupportedError("a time limit is for libRoadRunner", value=asked, remedy="give engine='roadrunner'")
        if asked == "gpu" and threads is not None:
            raise UnsupportedError("workers and executors are for processors", value="engine='gpu'",
                                   remedy="leave them out: the GPU takes all subjects")  # fmt: skip
        for arm in arms:
            prepare_batch(arm, people, gpu=asked == "gpu")
        if asked == "gpu":
            return _proven(arms, people, replace(kernel, engine="gpu"))
        return kernel if asked == "kernel" else Both(primary.tolerances, kernel.tolerances)
    if asked == "roadrunner" or hurried or len(people) < ENOUGH:
        return primary
    return _settled_by_a_look(arms, people, primary, kernel)


def _settled_by_a_look(
    arms: Sequence[Experiment], people: Subjects, primary: Deterministic, kernel: Deterministic
) -> Deterministic:
    """Return the kernel where it runs the arms and a few subjects have the same results as on libRoadRunner."""
    try:
        for arm in arms:
            prepare_batch(arm, people)
    except UnsupportedError as why:
        return replace(primary, choice={"asked": "auto", "kernel": str(why)})
    few, looked = _few(people, "auto")
    largest = [difference(arm, *_on_both(arm, few, Tolerances(), KERNEL)).largest for arm in arms]
    looked["largest_difference"] = max(largest)
    if max(largest) <= ALIKE:
        return replace(kernel, choice=looked, instead=primary.tolerances)
    worst = arms[int(np.argmax(largest))]
    warnings.warn(
        f"the batch kernel and libRoadRunner differ by {max(largest):.2g} of a value in '{worst.id}', so that "
        "libRoadRunner runs all; engine='both' shows where",
        stacklevel=4,
    )
    return replace(primary, choice=looked)


def _few(people: Subjects, asked: str) -> tuple[Subjects, dict[str, Any]]:
    """Return the first, a middle and the last subject, and what to note of them."""
    positions = np.unique([0, len(people) // 2, len(people) - 1])
    return people.some(positions), {"asked": asked, "subjects": [str(people.ids[k]) for k in positions]}


def _proven(arms: Sequence[Experiment], people: Subjects, gpu: Deterministic) -> Deterministic:
    """Return the GPU where a few subjects have the results there that they have on processors.

    A compiler, a driver or a device may be at fault, of which nobody would know.
    """
    few, looked = _few(people, "gpu")
    looked |= {**gpu_in_words(), "largest_difference": 0.0}
    for arm in arms:
        there = run_batch(arm, few, tolerances=gpu.tolerances, gpu=True)
        apart = difference(arm, run_batch(arm, few, tolerances=gpu.tolerances, threads=1), there)
        looked["largest_difference"] = max(looked["largest_difference"], apart.largest)
        if not apart.largest <= max(ALIKE, 1e2 * gpu.tolerances.relative):
            worst = int(np.argmax(apart.by_subject))
            raise SimulationError(
                "the GPU's results are not those of processors", value=f"{apart.largest:.2g} of a value",
                where=f"subject {few.ids[worst]} of '{arm.id}'", remedy="give engine='kernel', and report this",
            )  # fmt: skip
    return replace(gpu, choice=looked)


def _on_both(
    arm: Experiment, people: Subjects, primary: Tolerances, kernel: Tolerances, **how: Any
) -> tuple[ArmResult, ArmResult]:
    first = run_arm(arm, people, tolerances=primary, **how)
    return first, run_batch(arm, people, tolerances=kernel, threads=1)


@dataclass(frozen=True)
class Difference:
    """How far apart the results of two engines are.

    Parameters
    ----------
    by_subject : ndarray
        The largest difference of each subject, as a share of the value; infinite where one has a value and the other
        none.
    words : mapping of int to str
        By subject, where that is.
    """

    by_subject: Any
    words: Callable[[int], str]

    @property
    def largest(self) -> float:
        """The largest of all."""
        return float(np.max(self.by_subject, initial=0.0))


def difference(arm: Experiment, first: ArmResult, second: ArmResult) -> Difference:
    """Compare what libRoadRunner (first) and the kernel gave.

    Values are compared relative to the larger of the two, or to a millionth of the curve's largest where they are less
    than that.
    """
    names = [c for c in second.columns if c in first.columns]
    a = np.stack([np.asarray(first.columns[c], dtype=float) for c in names], axis=-1)
    b = np.stack([np.asarray(second.columns[c], dtype=float) for c in names], axis=-1)
    with np.errstate(all="ignore"):
        size = np.maximum(np.abs(a), np.abs(b))
        finite = np.where(np.isfinite(size), size, 0.0)
        peak = finite.max(axis=1, keepdims=True)
        noise = 1e-12 * peak.max(axis=0, keepdims=True) + 1e-15 * finite.max(initial=0.0)
        share = np.abs(a - b) / np.maximum(size, 1e-6 * peak + noise)
    share = np.where((a == b) | (np.isnan(a) & np.isnan(b)), 0.0, np.where(np.isnan(share), np.inf, share))
    flat = share.reshape(len(share), -1)
    worst = flat.argmax(axis=1) if flat.size else np.zeros(len(share), dtype=int)

    def words(k: int) -> str:
        row, column = divmod(int(worst[k]), len(names))
        return _two_curves(arm, names[column], row, a[k, :, column], b[k, :, column])

    return Difference(flat.max(axis=1, initial=0.0), words)


def _two_curves(arm: Experiment, column: str, row: int, first: Any, second: Any) -> str:
    near = range(max(row - 2, 0), min(row + 3, len(first)))
    lines = [f"{arm.times[k]:.6g}: {first[k]:.9g}, {second[k]:.9g}" for k in near]
    name = dotted(column.strip("[]"))
    return f"the engines disagree in '{name}' (time: libRoadRunner, kernel): {'; '.join(lines)}"


@dataclass(frozen=True)
class Both:
    """Differential equations on both engines: results are libRoadRunner's, and each run says how far apart they are.

    Where they differ by more than tolerances allow, or only one of them fails, the run could not be confirmed.
    """

    tolerances: Tolerances
    kernel: Tolerances
    replicates: int = 1
    engine: str = "both"

    @property
    def allowed(self) -> float:
        """By what part of a value they may differ."""
        return max(ALIKE, 1e3 * max(self.tolerances.relative, self.kernel.relative))

    def describe(self) -> dict[str, Any]:
        """Return what the numbers depend on, for provenance."""
        return {"tolerances": asdict(self.tolerances), "engine": "both", "kernel_tolerances": asdict(self.kernel)}

    @property
    def remarks(self) -> Mapping[str, Any]:
        """Nothing."""
        return {}

    def outcome(
        self, arm: Experiment, people: Subjects, *, replicates: range, tick: Callable[[int, int], None], most: float
    ) -> Outcome:
        """Run an arm on both engines."""
        del replicates
        first, second = _on_both(arm, people, self.tolerances, self.kernel, tick=tick, most=most)
        apart = difference(arm, first, second)
        only_one = (first.status > 0) != (second.status > 0)
        for k in np.flatnonzero((apart.by_subject > self.allowed) | only_one).tolist():
            if first.status[k] == OK:
                why = f"the kernel failed: {second.messages[k]}" if second.status[k] else apart.words(k)
                first.status[k], first.messages[k] = UNCONFIRMED, why
        outcome = read_outcome(arm, first)
        return replace(outcome, extras={"engine_difference": np.where(only_one, np.inf, apart.by_subject)})
