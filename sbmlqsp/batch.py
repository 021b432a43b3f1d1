"""Run one experiment for all subjects on the compiled batch kernel, on processors or on a GPU."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from sbmlqsp.arm_start import ArmStart, arm_scales
from sbmlqsp.batch_courses import Piece, Steady, pieces_of, written
from sbmlqsp.clock import Clock
from sbmlqsp.course import Series
from sbmlqsp.course_arm import Plans
from sbmlqsp.course_runner import shared_switches
from sbmlqsp.engine.initial import static_symbols
from sbmlqsp.engine.ode import ABSOLUTE, Batch, BatchResult
from sbmlqsp.engine.ode_gpu import refuse_without_gpu, run_on_gpu, together
from sbmlqsp.engine.threads import in_order, portions, workers_for
from sbmlqsp.engine.tolerances import Tolerances
from sbmlqsp.errors import DosingError, UnsupportedError
from sbmlqsp.execution import ArmResult, note_broken_rules
from sbmlqsp.experiment import Experiment
from sbmlqsp.model import Model, dotted
from sbmlqsp.runner import FAILED, IMPOSSIBLE, NOT_FINITE, OK, UNCONFIRMED
from sbmlqsp.steady.approach import SideBySide, state_columns
from sbmlqsp.steady.verbs import refuse_time
from sbmlqsp.subjects import Subjects
from sbmlqsp.suspicion import confirmed, doubtful, not_finite, suspicious
from sbmlqsp.timeline import Timeline

__all__ = ["KERNEL", "batch_for", "prepare_batch", "refuse_unbatched", "run_batch"]

KERNEL = Tolerances(relative=1e-8, absolute=ABSOLUTE)
"""Error control of the kernel where none is given."""
LOOSER = 1e-14
"""The absolute tolerance with which whom nothing else helped is integrated in the end: more than the usual."""
BLOCK = 2048
"""How many subjects are run before what is not asked for of them is let go."""
MOST_STATES = 400
"""More would take minutes to compile."""
_CACHE: OrderedDict[Any, Batch] = OrderedDict()
_CACHE_SIZE = 16


def run_batch(
    experiment: Experiment,
    subjects: Subjects,
    *,
    tolerances: Tolerances,
    tick: Callable[[int, int], None] = lambda *_: None,
    most: float = math.inf,
    threads: int | None = None,
    gpu: bool = False,
) -> ArmResult:
    """Run every subject of one arm on the kernel, as ``run_arm`` does on libRoadRunner; or on a GPU.

    Raises
    ------
    UnsupportedError
        Something that the kernel does not run: which.
    """
    refuse_unbatched(experiment, subjects)
    how = _How(tolerances, threads, gpu)
    start, size = _start(experiment, subjects, how), len(subjects)
    arm = _arm(experiment, start, how)
    found = {c: np.full((size, len(experiment.times)), np.nan) for c in start.outputs}
    status, messages, failed = np.zeros(size, dtype=np.int8), [""] * size, 0
    for row, why in start.refused.items():
        status[row], messages[row] = IMPOSSIBLE, str(why)
    good = np.flatnonzero(status == OK)
    workers = arm.workers(len(good))
    pieces = [good[piece.start : piece.stop] for piece in portions(len(good), workers, arm.block)]
    done = 0
    for rows, block in zip(pieces, in_order(arm.run, pieces, workers), strict=False):
        for c in start.outputs:
            found[c][rows] = block.out[:, :, arm.batch.outputs.index(c)]
        status[rows] = block.status
        for row, message in zip(rows.tolist(), block.messages, strict=True):
            messages[row] = message
        failed, done = int((status > 0).sum()), done + len(rows)
        tick(done, failed)
        if failed > most:
            break
    note_broken_rules(experiment, found, status, messages)
    return ArmResult(found, start.env, status, messages, start.deliveries)


def refuse_unbatched(experiment: Experiment, subjects: Subjects | None = None) -> None:
    """Refuse an arm that the kernel does not run.

    Raises
    ------
    UnsupportedError
        Names what it is.
    """
    network, changing = experiment.model.network, subjects is not None and subjects.rows is not None
    steady = any(d.steady_state for d in experiment.regimen)
    ruled = [network.symbols[n] for n in network.rate_rules if network.symbols[n].kind == "species"]
    sizes = {s.compartment for s in ruled if not s.amount_only}
    for there, what in (
        (changing and network.events, "events in subjects that change on the way"),
        (steady and network.events, "events beside doses at steady state"),
        (changing and sizes & network.static, "rate rules of concentrations in subjects that change on the way"),
        (steady and experiment.model.untrusted, "doses at steady state of a model from a stranger"),
    ):
        if there:
            raise UnsupportedError(
                f"the batch kernel does not run {what}", where=f"'{experiment.id}'", remedy="use libRoadRunner"
            )


def prepare_batch(experiment: Experiment, subjects: Subjects, *, gpu: bool = False) -> None:
    """Make an arm ready for the kernel, or refuse it; where it is to run on a GPU, also what that does not run.

    Raises
    ------
    UnsupportedError
        Something that the kernel does not run: which.
    """
    refuse_unbatched(experiment, subjects)
    few = subjects.some(np.arange(min(len(subjects), 1)))
    if experiment.at_rest:
        refuse_time(experiment.model.network.without_integrals)
    batch = _Arm(experiment, ArmStart.of(experiment, few, None), _How(KERNEL)).batch
    if len(batch.states) > MOST_STATES:
        raise UnsupportedError(
            "the model has too many states for the batch kernel", value=len(batch.states), expected=f"{MOST_STATES}",
            remedy="use libRoadRunner",
        )  # fmt: skip
    if gpu:
        refuse_without_gpu(batch)


def batch_for(model: Model, dosed: Mapping[str, bool], outputs: Sequence[str]) -> Batch:
    """Return a model made ready for the kernel, once per process."""
    key = (model.digest, tuple(sorted(dosed.items())), tuple(outputs))
    if key not in _CACHE:
        _CACHE[key] = Batch(model.network, dosed=dosed, outputs=outputs)
        while len(_CACHE) > _CACHE_SIZE:
            _CACHE.popitem(last=False)
    _CACHE.move_to_end(key)
    return _CACHE[key]


@dataclass(frozen=True)
class _How:
    """With what error control an arm is run, and where."""

    tolerances: Tolerances
    threads: int | None = None
    gpu: bool = False


def _start(experiment: Experiment, subjects: Subjects, how: _How) -> ArmStart:
    """Return what an arm starts from, at rest where it says so."""
    if not experiment.at_rest:
        doses = (v for d in experiment.regimen for v in (d.amount, d.rate, d.duration, d.lag, d.bioavailability))
        return ArmStart.of(experiment, subjects, None, rates=any(isinstance(v, str) for v in doses))
    few = subjects.some(np.arange(min(len(subjects), 1)))
    batch = _Arm(experiment, ArmStart.of(experiment, few, None), how).batch
    return ArmStart.of(experiment, subjects, SideBySide(batch, how.tolerances, how.threads))


def _arm(experiment: Experiment, start: ArmStart, how: _How) -> _Arm:
    changing = start.stretches.size > len(start.stretches.first) - 1
    if changing or any(d.steady_state for d in experiment.regimen):
        return _CourseArm(experiment, start, how)
    return _Arm(experiment, start, how)


@dataclass
class _Block:
    """What some subjects gave."""

    out: Any
    status: Any
    messages: list[str]


class _Arm:
    """An arm made ready for the kernel."""

    by_blocks = True
    """Whether each thread runs blocks of its own, or all share one."""

    def __init__(self, experiment: Experiment, start: ArmStart, how: _How) -> None:
        network, d = experiment.model.network, start.deliveries
        self._experiment, self._tolerances, self._network = experiment, how.tolerances, network
        dosed: dict[str, bool] = {}
        for k, target in enumerate(d.targets):
            dosed[target] = dosed.get(target, False) or bool((d.duration[:, k] > 0).any())
        self._states = tuple(s.id for s in network.species if not s.boundary and s.id in network.dynamic)
        self._compared = tuple(dict.fromkeys([*self._states, *network.rate_rules]))
        seen = [*start.outputs, *self._compared, *(state_columns(network) if experiment.at_rest else ())]
        self.batch = batch_for(experiment.model, dosed, tuple(dict.fromkeys(seen)))
        self._how, threads = how, 1 if self.by_blocks else how.threads
        self._run = partial(run_on_gpu, self.batch) if how.gpu else partial(self.batch.run, threads=threads)
        self.block = together(len(experiment.times), len(self.batch.outputs)) if how.gpu else BLOCK
        self._of_states = [self.batch.outputs.index(s) for s in self._states]
        self._of_compared = [self.batch.outputs.index(s) for s in self._compared]
        self._timed = names = sorted(self.batch.switches.reads & static_symbols(network))
        timing = {n: np.broadcast_to(start.env[n], (start.stretches.size,)) for n in names}
        self._timing: Callable[[int], dict[str, float]] = lambda i: {n: float(v[i]) for n, v in timing.items()}
        self._clock = Clock(experiment, self.batch.switches, self._timing, d)
        self._starts, self._constants = self.batch.starts(start.env, start.stretches.size)
        self._deliveries = d
        self._scales = arm_scales(self.batch.states, start)
        self._of_scales = [self.batch.places.states[s] for s in self._states]
        self._of_their_scales = [self.batch.places.states[s] for s in self._compared]

    def workers(self, n: int) -> int:
        """Return how many threads so many subjects are spread over, block by block."""
        return workers_for(n, self._how.threads) if self.by_blocks and not self._how.gpu else 1

    def run(self, rows: Any) -> _Block:
        """Run some subjects; what is doubtful or failed is run again with tighter tolerances."""
        found = self._integrate(rows, self._tolerances)
        block = _Block(found.out, np.full(len(rows), OK, dtype=np.int8), [""] * len(rows))
        doubts = found.doubts() | self._doubts(found.out, rows, self._tolerances)
        doubts |= dict.fromkeys(np.flatnonzero(found.status).tolist(), "")
        if doubts:
            self._again(rows, found, block, doubts)
        for k in np.flatnonzero(~np.isfinite(block.out).all(axis=(1, 2)) & (block.status == OK)).tolist():
            why = not_finite(block.out[k], self.batch.outputs, self._network)
            if why:
                block.status[k], block.messages[k] = NOT_FINITE, why
        return block

    def _apart(self, rows: Any) -> list[int]:
        """Return the subjects whose instants have to be asked for: one, where all have the same."""
        d = self._deliveries
        alike = not self._timed and all((a[rows] == a[rows[:1]]).all() for a in (d.start, d.duration))
        return [int(r) for r in (rows[:1] if alike else rows)]

    def _integrate(self, rows: Any, tolerances: Tolerances) -> Any:
        timelines: dict[int, tuple[int, Timeline]] = {}
        instructions, which = self.batch.instructions(), np.zeros(len(rows), dtype=np.int64)
        for k, row in enumerate(self._apart(rows)):
            timeline = self._clock(row)
            if id(timeline) not in timelines:  # kept, so that its number stays its own
                timelines[id(timeline)] = instructions.add(timeline), timeline
            which[k] = timelines[id(timeline)][0]
        d = self._deliveries
        return self._run(
            self._starts[rows], self._constants[rows], instructions=instructions, which=which, amounts=d.amount[rows],
            lengths=d.duration[rows], scales=self._scales[rows], times=len(self._experiment.times),
            relative=tolerances.relative, absolute=tolerances.absolute, most=tolerances.maximum_steps,
        )  # fmt: skip

    def _doubts(self, out: Any, rows: Any, tolerances: Tolerances) -> dict[int, str]:
        """Say of which subjects the states look wrong although the integrator was content."""
        if not self._states:
            return {}
        states, sizes = out[:, :, self._of_states], self._scales[rows][:, self._of_scales]
        least = self.batch.shares(tolerances.absolute)[self._of_scales] * sizes
        names = [dotted(s) for s in self._states]
        some = doubtful(states, sizes, least).tolist()
        words = {k: suspicious(states[k], sizes[k], least[k], names) for k in some}
        return {k: doubt for k, doubt in words.items() if doubt}

    def _plainly(self, rows: Any, found: Any, block: _Block, failed: list[int]) -> None:
        """Run whom nothing helped with an absolute tolerance for all states, unless what it is decides what grows.

        What grows out of itself may be nothing but rounding errors of its rate at first: ``(1 + x^4 - 1)/(1 + x^4)``.
        """
        looser, less = (replace(self._tolerances, absolute=a) for a in (LOOSER, LOOSER / 5))
        again = self._integrate(rows[failed], looser)
        doubts = self._doubts(again.out, rows[failed], looser)
        other = self._integrate(rows[failed], less) if doubts else again
        for j, k in enumerate(failed):
            sizes = self._scales[rows[k]][self._of_scales]
            first, second = (f.out[j][:, self._of_states] for f in (again, other))
            fine = not again.status[j] and not other.status[j]
            if fine and (j not in doubts or confirmed(doubts[j], first, second, sizes, self._states)[0]):
                block.out[k], block.status[k] = again.out[j], OK
                words = f"an absolute tolerance of {LOOSER:g} of each state's scale"
                block.messages[k] = f"integrated with {words}, after: {found.message(k)}"

    def _again(self, rows: Any, found: Any, block: _Block, doubts: Mapping[int, str]) -> None:
        some = np.array(sorted(doubts))
        again = self._integrate(rows[some], self._tolerances.tighter())
        for j, k in enumerate(some.tolist()):
            doubt, message = doubts[k], found.message(k)
            if again.status[j]:
                block.out[k] = np.nan
                block.status[k], block.messages[k] = FAILED, message or again.message(j)
                continue
            if message:
                block.messages[k] = f"integrated with tighter tolerances, after: {message}"
            else:
                first, second = found.out[k][:, self._of_compared].copy(), again.out[j][:, self._of_compared]
                sizes = self._scales[rows[k]][self._of_their_scales]
                agree, block.messages[k] = confirmed(doubt, first, second, sizes, self._compared)
                block.status[k] = OK if agree else UNCONFIRMED
            block.out[k] = again.out[j]
        if self.batch.deep and self._tolerances.absolute < LOOSER:
            failed = [k for j, k in enumerate(some.tolist()) if found.status[k] and again.status[j]]
            if failed:
                self._plainly(rows, found, block, failed)


@dataclass(frozen=True)
class _OfPieces(BatchResult):
    """What subjects gave whose runs were made of pieces; ``words`` says of whom there is no run, and why."""

    words: Mapping[int, str] = field(default_factory=dict)

    def message(self, row: int) -> str:
        """Return why a run ended early."""
        return self.words.get(row) or super().message(row)


class _CourseArm(_Arm):
    """An arm of courses of records: subjects that change on the way, or doses at steady state."""

    by_blocks = False

    def __init__(self, experiment: Experiment, start: ArmStart, how: _How) -> None:
        super().__init__(experiment, start, how)
        network, d, self._stretches = self._network, self._deliveries, start.stretches
        switches = self.batch.switches
        self._plans = Plans(experiment, d, start.stretches,
                            lambda rows, *span: shared_switches(switches, self._timing, rows, span))  # fmt: skip
        may = network.static - set(d.targets)
        self._moving = np.array([k for k, c in enumerate(self.batch.equations.constants) if c in may], dtype=int)
        self._steady: Steady | None = None
        if any(dose.steady_state for dose in experiment.regimen):
            self._steady = Steady(
                experiment.model, d.targets, start.env, start.stretches.size, tolerances=how.tolerances
            )

    def _pieces(self, row: int) -> list[Piece]:
        course, rows = self._plans(row), self._stretches.rows(row)
        scales = dict(zip(self.batch.states, self._scales[row].tolist(), strict=True))

        def reached(series: Series, at: int) -> Mapping[str, float]:
            assert self._steady is not None
            return self._steady(series, course, rows.tolist(), at, scales)

        return pieces_of(course, self.batch, self._starts[rows], self._constants[rows], moving=self._moving,
                         reached=reached)  # fmt: skip

    def _integrate(self, rows: Any, tolerances: Tolerances) -> Any:
        pieces, owners, words = list[Piece](), list[int](), dict[int, str]()
        for k, row in enumerate(rows.tolist()):
            try:
                own = self._pieces(row)
            except DosingError as why:
                words[k] = str(why)
            else:
                pieces += own
                owners += [k] * len(own)
        times, n = len(self._experiment.times), len(rows)
        out = np.full((n, times, len(self.batch.outputs)), np.nan)
        status, time, event = np.zeros(n, dtype=np.int8), np.zeros(n), np.full(n, -1)
        status[list(words)] = FAILED
        if pieces:
            found = self._run_pieces(pieces, rows[owners], tolerances)
            for j, (k, piece) in enumerate(zip(owners, pieces, strict=True)):
                out[k, piece.outputs] = found.out[j, piece.outputs]
                if found.status[j] and not status[k]:
                    status[k], time[k] = found.status[j], piece.begin + found.time[j]
                event[k] = min(event[k], found.event[j])
        out[status > 0] = np.nan
        jumps = self.batch.equations.held.jumps
        return _OfPieces(out, status, time, np.zeros(n, dtype=int), event, jumps=jumps, words=words)

    def _run_pieces(self, pieces: list[Piece], rows: Any, tolerances: Tolerances) -> BatchResult:
        instructions, amounts = written(pieces, self.batch)
        return self._run(
            np.stack([p.states for p in pieces]), np.stack([p.constants for p in pieces]), instructions=instructions,
            which=np.arange(len(pieces)), amounts=amounts, lengths=np.ones_like(amounts), scales=self._scales[rows],
            times=len(self._experiment.times), relative=tolerances.relative, absolute=tolerances.absolute,
            most=tolerances.maximum_steps,
        )  # fmt: skip
