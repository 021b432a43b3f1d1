"""A model compiled for its doses and outputs, and whom it is run for."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from sbmlqsp.engine.cuts import LOOKS, find_switches
from sbmlqsp.engine.divisors import divisors
from sbmlqsp.engine.guard import guarded, guarding
from sbmlqsp.engine.initial import initial_state, static_symbols
from sbmlqsp.engine.libsbml_engine import Prepared, prepare
from sbmlqsp.engine.network import Network
from sbmlqsp.engine.roadrunner import Machine, Start, try_out
from sbmlqsp.errors import ObservableError, UnsupportedError
from sbmlqsp.expressions import Expr, evaluate
from sbmlqsp.model import Model, dotted

__all__ = [
    "LOCK", "Compiled", "Starts", "compile_for", "machine_for", "note_survival", "prepared_for", "state_scales",
    "survived", "take_over", "try_first",
]  # fmt: skip

_CACHE: OrderedDict[Any, tuple[Machine, Prepared]] = OrderedDict()
_CACHE_SIZE = 8
_PREPARED: OrderedDict[Any, Prepared] = OrderedDict()
_SURVIVED: set[tuple[str, tuple[str, ...]]] = set()
LOCK = threading.RLock()


@dataclass(frozen=True)
class Compiled:
    """A compiled model with the values it is run under, one row per subject or per set of parameters.

    Parameters
    ----------
    model : Model
    machine, prepared
        The engine, and what its document was given.
    columns, states, moving : tuple of str
        Engine selections that are put out, those of them that are amounts or divided by, and these with all others that
        rate rules change.
    env : mapping
        Every symbol at the start, numbers or one value per row.
    size : int
        How many rows there are.
    """

    model: Model
    machine: Machine
    prepared: Prepared
    columns: tuple[str, ...]
    states: tuple[str, ...]
    moving: tuple[str, ...]
    env: Mapping[str, Any]
    size: int

    @cached_property
    def starts(self) -> Starts:
        """The whole state at the start, by row."""
        return Starts(self.machine, self.prepared, self.env, self.size)

    @cached_property
    def _timing(self) -> dict[str, Any]:
        switches = self.prepared.switches
        read = switches.reads
        names = sorted(read & static_symbols(self.model.network))
        return {n: np.broadcast_to(self.env[n], (self.size,)) for n in names}

    def timing(self, row: int) -> dict[str, float]:
        """Return what times the jumps of the model's own formulas, in a row."""
        return {n: float(v[row]) for n, v in self._timing.items()}

    def watch_windows(self, end: float) -> None:
        """Keep steps short where a condition such as "S > a && S < b" is a window that a long step would cross unseen.

        The engine asks for conditions where a step ends and where there is an output, and not in between.
        """
        self.machine.maximum_step(end / LOOKS if self.machine.windows else 0.0)


def compile_for(
    model: Model, *, targets: Iterable[str], outputs: Iterable[str], env: Mapping[str, Any], size: int
) -> Compiled:
    """Compile a model for doses into targets and for outputs; to be called under ``LOCK``.

    States are always output as well: negatives, deep nadirs and poles that were passed show only there.
    """
    network = model.network
    states = tuple(s.id for s in network.species if not s.boundary and s.id in network.dynamic) + divisors(network)
    moving = tuple(dict.fromkeys([*states, *network.rate_rules]))
    targets = list(dict.fromkeys(targets))
    _refuse_varying_stoichiometry(env, model)
    _refuse_waiting_from_the_start(env, model)
    columns = tuple(dict.fromkeys([*outputs, *moving, *prepared_for(model, targets).passive]))
    machine, prepared = machine_for(model, targets, columns)
    return Compiled(model, machine, prepared, columns, states, moving, env, size)


def machine_for(model: Model, targets: Sequence[str], columns: Sequence[str]) -> tuple[Machine, Prepared]:
    """Return a compiled model, compiled once per process for the same model, targets and outputs."""
    key = (model.digest, tuple(targets), tuple(columns))
    if key in _CACHE:
        _CACHE.move_to_end(key)
        return _CACHE[key]
    prepared = prepared_for(model, targets)
    _keep(_CACHE, key, (Machine(prepared, model.network, columns), prepared))
    return _CACHE[key]


def prepared_for(model: Model, targets: Sequence[str]) -> Prepared:
    """Return the engine's document of a model for doses into targets, made once per process.

    What a stranger wrote is first compiled where a crash does no harm.
    """
    key = (model.digest, tuple(targets))
    if key not in _PREPARED:
        network = model.network.dosed_into(targets)
        _refuse_rates_in_ruled_volumes(network)
        values = initial_state(network)
        made = prepare(model.sbml, network, targets=targets, switches=find_switches(network), values=values)
        if not survived(model, targets):
            try_first(model, made.sbml)
        _keep(_PREPARED, key, made)
    return _PREPARED[key]


def _refuse_rates_in_ruled_volumes(network: Network) -> None:
    """Refuse a rate rule of a concentration where a rule sets the size, which the engine integrates as an amount."""
    for name in network.rate_rules:
        s = network.symbols[name]
        if (
            s.kind == "species"
            and not s.amount_only
            and s.compartment in network.assignment_rules.keys() - network.static
        ):
            raise UnsupportedError(
                f"the species '{dotted(name)}' has a rate rule in a compartment whose size a rule changes",
                where=f"'{network.id}'", remedy="give the species a reaction, or the compartment a rate rule",
            )  # fmt: skip


def survived(model: Model, targets: Iterable[str]) -> bool:
    """Whether the engine is known to survive a model, dosed into targets."""
    return (model.digest, tuple(targets)) in _SURVIVED


def note_survival(model: Model, targets: Iterable[str]) -> None:
    """Note that it does."""
    _SURVIVED.add((model.digest, tuple(targets)))


def try_first(model: Model, sbml: str) -> None:
    """Where a stranger wrote the model, have the engine compile its document in the guarded process first."""
    if model.untrusted and guarding():
        guarded(try_out, {"sbml": sbml}, where=f"the model '{model.id}'", doing="compiling")


def take_over(model: Model, targets: Sequence[str], prepared: Prepared) -> None:
    """Use what `prepared_for` gave in another process, which spares this one the parser of SBML."""
    _keep(_PREPARED, (model.digest, tuple(targets)), prepared)


def _keep(cache: OrderedDict[Any, Any], key: Any, value: Any) -> None:
    cache[key] = value
    while len(cache) > _CACHE_SIZE:
        cache.popitem(last=False)


def _refuse_varying_stoichiometry(env: Mapping[str, Any], model: Model) -> None:
    """Refuse a named stoichiometry with another value than the model's, which the engine would not use."""
    reactions = model.network.reactions.values()
    sizes = {p.id for r in reactions for p in (*r.reactants, *r.products) if p.id and p.formula is None}
    for s in (s for s in model.network.of_kind("stoichiometry") if s.id in sizes):
        value = np.asarray(env[s.id])
        if value.ndim or float(value) != float(initial_state(model.network)[s.id]):
            raise UnsupportedError(f"the stoichiometry '{dotted(s.id)}' cannot be changed at run time")


def _refuse_waiting_from_the_start(env: Mapping[str, Any], model: Model) -> None:
    """Refuse a delayed event that the very start triggers.

    The engine queues it as it resets, with the model's own values and not the subject's, and several times (measured).
    """
    events = [e for e in model.network.events if e.delay is not None and not e.initial_value]
    for values in (env, initial_state(model.network)) if events else ():
        for event in events:
            if _may_hold(event.trigger, values):
                raise UnsupportedError(
                    "an event waits after a trigger that is true at the start, which libRoadRunner gets wrong",
                    where=f"the event '{dotted(event.id)}' of '{model.id}'", remedy="use engine='kernel'",
                )  # fmt: skip


def _may_hold(trigger: Expr, values: Mapping[str, Any]) -> bool:
    """Return whether a trigger is true at the start, or may be, where that takes more than values."""
    try:
        return bool(np.any(evaluate(trigger, values)))
    except ObservableError:
        return True


class Starts:
    """Every subject's whole state at time 0, as plain lists in the machine's order."""

    def __init__(self, machine: Machine, prepared: Prepared, env: Mapping[str, Any], size: int) -> None:
        self._machine = machine
        self._eventful = prepared.eventful
        self._amounts = _matrix([env[f"amount({n})"] for n in machine.floating], size)
        self._parameters = _matrix([env[n] for n in machine.parameters], size)
        self._volumes = _matrix([env[n] for n in machine.volumes], size)
        self._held = {n: np.broadcast_to(np.asarray(env[f"amount({n})"], dtype=float), (size,)) for n in machine.held}
        self._rated = {
            n: np.broadcast_to(np.asarray(env.get(f"amount({n})", env[n]), dtype=float), (size,)) for n in machine.rated
        }

    def __call__(self, i: int) -> Start:
        """Return the state of one subject."""
        return Start(
            self._amounts[i],
            self._parameters[i],
            self._volumes[i],
            [(n, float(v[i])) for n, v in self._held.items()],
            [(n, float(v[i])) for n, v in self._rated.items()] if self._eventful else [],
        )


def _matrix(rows: list[Any], size: int) -> list[list[float]]:
    out = np.empty((size, len(rows)))
    for k, row in enumerate(rows):
        out[:, k] = row
    result: list[list[float]] = out.tolist()
    return result


def state_scales(states: Sequence[str], env: Mapping[str, Any], targets: Sequence[str], amounts: Any, size: int) -> Any:
    """Return each state's own scale per subject, rounded to powers of 1000 so that equal subjects run equally.

    ``amounts`` has shape (subjects, targets): what is given into each target.
    """
    scales = np.zeros((size, len(states)))
    for k, name in enumerate(states):
        scales[:, k] = np.abs(env.get(f"amount({name})", env.get(name, 0.0)))
        given = [j for j, t in enumerate(targets) if t == name]
        if given:
            scales[:, k] = np.maximum(scales[:, k], amounts[:, given].max(axis=1))
    positive = np.where(scales > 0, scales, np.inf)
    least = positive.min(axis=1, keepdims=True) if len(states) else np.ones((size, 1))
    least = np.where(np.isfinite(least), least, 1e-6)
    filled = np.where(scales > 0, scales, least)
    return 10.0 ** (3 * np.round(np.log10(filled) / 3))
