"""Run one experiment for all subjects on one compiled model."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sbmlqsp.deliveries import Deliveries, resolve_deliveries
from sbmlqsp.engine.cuts import Switches, find_switches
from sbmlqsp.engine.initial import initial_state, static_symbols
from sbmlqsp.engine.libsbml_engine import Prepared, prepare
from sbmlqsp.engine.roadrunner import Machine, Tolerances
from sbmlqsp.errors import ExperimentError, UnsupportedError
from sbmlqsp.experiment import Experiment, symbol_of
from sbmlqsp.model import Model, dotted
from sbmlqsp.readout import wanted
from sbmlqsp.runner import OK, STATUS, Job, Runner, Starts, state_scales
from sbmlqsp.steady_arm import SteadyArm
from sbmlqsp.subjects import Subjects
from sbmlqsp.timeline import Delivery, Timeline, build_timeline

__all__ = ["LOCK", "OK", "STATUS", "ArmResult", "machine_for", "refuse_varying_stoichiometry", "run_arm"]

_CACHE: OrderedDict[Any, tuple[Machine, Prepared]] = OrderedDict()
_CACHE_SIZE = 8
LOCK = threading.RLock()


@dataclass(frozen=True)
class ArmResult:
    """Columns of shape (subjects, times) by engine selection, with status, message and time reached per subject."""

    columns: Mapping[str, Any]
    env: Mapping[str, Any]
    status: Any
    messages: list[str]
    deliveries: Deliveries


def machine_for(model: Model, targets: Sequence[str], columns: Sequence[str]) -> tuple[Machine, Prepared]:
    """Return a compiled model, compiled once per process for the same model, targets and outputs."""
    key = (model.digest, tuple(targets), tuple(columns))
    if key in _CACHE:
        _CACHE.move_to_end(key)
        return _CACHE[key]
    network = model.network
    values = initial_state(network)
    prepared = prepare(model.sbml, network, targets=targets, switches=find_switches(network), values=values)
    _CACHE[key] = Machine(prepared, network, columns), prepared
    while len(_CACHE) > _CACHE_SIZE:
        _CACHE.popitem(last=False)
    return _CACHE[key]


def run_arm(
    experiment: Experiment,
    subjects: Subjects,
    *,
    tolerances: Tolerances,
    tick: Callable[[int, int], None] = lambda *_: None,
    stop_at_failure: bool = False,
) -> ArmResult:
    """Run every subject of one arm; a failure fills the subject's rows with NaN, a status and a message."""
    model, size = experiment.model, len(subjects)
    network = model.network
    individual = subjects.overrides(experiment)
    for name in sorted({symbol_of(k) for k in individual} & {symbol_of(k) for k in experiment.overrides}):
        raise ExperimentError(
            f"'{dotted(name)}' is both changed by the experiment '{experiment.id}' and a column of the subjects",
            remedy="keep one of the two",
        )
    env: dict[str, Any] = initial_state(network, {**experiment.overrides, **individual})
    scope = {**subjects.numbers, **env}
    deliveries = resolve_deliveries(experiment, scope, size)
    outputs = wanted(model, experiment.observables)
    with LOCK:
        # States are always output as well: negatives and deep nadirs show only there.
        states = [s.id for s in network.species if not s.boundary and s.id in network.dynamic]
        columns = list(dict.fromkeys([*outputs, *states]))
        machine, prepared = machine_for(model, list(dict.fromkeys(deliveries.targets)), columns)
        refuse_varying_stoichiometry(env, model)
        # A trigger such as "S > a && S < b" is a window in state that a long step would cross unseen.
        windows = any(e.trigger.has("and") for e in network.events)
        machine.maximum_step(experiment.times[-1] / 1000 if windows else 0.0)
        how = SteadyArm if any(d.steady_state for d in experiment.regimen) else _Arm
        arm = how(
            experiment, machine, prepared, deliveries=deliveries, env=env, size=size, columns=columns, states=states
        )
        block = np.full((size, len(experiment.times), len(columns)), np.nan)
        status, messages = np.zeros(size, dtype=np.int8), [""] * size
        scales = state_scales(machine, env, deliveries.targets, deliveries.amount, size)
        for i in range(size):
            sizes = dict(zip(machine.states, scales[i], strict=True))
            status[i], messages[i] = arm.subject(i, block[i], scales=sizes, tolerances=tolerances)
            tick(i + 1, int((status > 0).sum()))
            if stop_at_failure and status[i]:
                break
    index = {c: k for k, c in enumerate(columns)}
    return ArmResult({c: block[:, :, index[c]] for c in columns}, env, status, messages, deliveries)


def refuse_varying_stoichiometry(env: Mapping[str, Any], model: Model) -> None:
    """Refuse a named stoichiometry with another value than the model's, which the engine would not use."""
    for s in model.network.of_kind("stoichiometry"):
        value = np.asarray(env[s.id])
        if value.ndim or float(value) != float(initial_state(model.network)[s.id]):
            raise UnsupportedError(f"the stoichiometry '{dotted(s.id)}' cannot be changed at run time")


class _Arm:
    """The runs of an arm, by subject."""

    def __init__(
        self,
        experiment: Experiment,
        machine: Machine,
        prepared: Prepared,
        *,
        deliveries: Deliveries,
        env: Mapping[str, Any],
        size: int,
        columns: Sequence[str],
        states: Sequence[str],
    ) -> None:
        self._deliveries = deliveries
        self._starts = Starts(machine, prepared, env, size)
        self._clock = _Clock(experiment, prepared.switches, deliveries, env, size)
        self._runner = Runner(machine, prepared, columns=columns, states=states, at_dose=experiment.at_dose)

    def subject(self, i: int, out: Any, *, scales: Mapping[str, float], tolerances: Tolerances) -> tuple[int, str]:
        """Run one subject into ``out``; return status and message."""
        given = self._deliveries.amount[i].tolist(), self._deliveries.duration[i].tolist()
        return self._runner.subject(Job(self._starts(i), self._clock(i), *given, scales), out, tolerances)


class _Clock:
    """The timeline of each subject; subjects with the same instants share one."""

    def __init__(
        self, experiment: Experiment, switches: Switches, deliveries: Deliveries, env: Mapping[str, Any], size: int
    ) -> None:
        self._experiment, self._switches, self._deliveries = experiment, switches, deliveries
        static = static_symbols(experiment.model.network)
        read = {n for s in (*switches.switches, *switches.triggers) for n in s.expr.symbols()}
        self._static = {n: env[n] for n in sorted(read & static)}
        self._known: dict[bytes, Timeline] = {}
        self._size = size

    def __call__(self, i: int) -> Timeline:
        local = {n: float(np.broadcast_to(v, (self._size,))[i]) for n, v in self._static.items()}
        d = self._deliveries
        key = d.start[i].tobytes() + d.duration[i].tobytes() + repr(local).encode()
        if key not in self._known:
            if len(self._known) > 1000:
                self._known.clear()
            given = [
                Delivery(t, float(s), float(w)) for t, s, w in zip(d.targets, d.start[i], d.duration[i], strict=True)
            ]
            times = self._experiment.times
            self._known[key] = build_timeline(
                times, given, self._switches.schedule(local, times[-1]), at_dose=self._experiment.at_dose
            )
        return self._known[key]
