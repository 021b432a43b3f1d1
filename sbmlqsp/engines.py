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
from sbmlqsp.engine_difference import ALIKE, Difference, allowed, difference
from sbmlqsp.errors import SimulationError, UnsupportedError
from sbmlqsp.execution import ArmResult, run_arm
from sbmlqsp.experiment import Experiment
from sbmlqsp.outcome import Deterministic, Outcome, read_outcome
from sbmlqsp.runner import FAILED, OK, UNCONFIRMED
from sbmlqsp.subjects import Subjects

__all__ = ["ALIKE", "ENGINES", "Both", "Difference", "choose_engine", "difference"]

ENGINES = ("auto", "roadrunner", "kernel", "both", "gpu")
ENOUGH = 500
"""From so many subjects on the kernel is worth its compilation."""


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
    if asked == "roadrunner" or hurried:
        return primary
    if len(people) < ENOUGH:
        return replace(primary, instead=kernel.tolerances)
    return _settled_by_a_look(arms, people, primary, kernel)


def _settled_by_a_look(
    arms: Sequence[Experiment], people: Subjects, primary: Deterministic, kernel: Deterministic
) -> Deterministic:
    """Return the kernel where it runs the arms and a few subjects have the same results as on libRoadRunner.

    Whom only the kernel integrates tells nothing of whether it is right. Where all are such, libRoadRunner runs
    everyone, and the kernel whom it cannot.
    """
    try:
        for arm in arms:
            prepare_batch(arm, people)
    except UnsupportedError as why:
        return replace(primary, choice={"asked": "auto", "kernel": str(why)})
    few, looked = _few(people, "auto")
    pairs = [_on_both(arm, few, Tolerances(), KERNEL) for arm in arms]
    told = ~np.any([(first.status == FAILED) & (second.status == OK) for first, second in pairs], axis=0)
    if not told.any():
        nothing = "libRoadRunner failed for those on whom the two were to be compared"
        return replace(primary, choice={"asked": "auto", "kernel": nothing}, instead=kernel.tolerances)
    looked["subjects"] = [s for s, k in zip(looked["subjects"], told, strict=True) if k]
    apart = [difference(arm, *pair).by_subject for arm, pair in zip(arms, pairs, strict=True)]
    largest = [float(np.max(shares[told])) for shares in apart]
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
        return allowed(self.tolerances, self.kernel)

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
