"""Runs of one model from any state, over a period in which nothing is changed from outside."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from sbmlqsp.compiled import Compiled, machine_for, state_scales
from sbmlqsp.engine.cuts import STEPS, Switches, find_conditions, find_switches
from sbmlqsp.engine.initial import initial_state
from sbmlqsp.engine.libsbml_periods import Restartable, restartable
from sbmlqsp.engine.tolerances import Tolerances
from sbmlqsp.errors import SimulationError, UnsupportedError
from sbmlqsp.expressions import evaluate
from sbmlqsp.model import Model, dotted
from sbmlqsp.readout import selections
from sbmlqsp.runner import STATUS, Job, Runner
from sbmlqsp.subjects import without_volume
from sbmlqsp.timeline import build_timeline

__all__ = ["Course", "PeriodRunner", "State"]

TOGETHER = 1e-9
"""An event so shortly before a change, as a share of the time or the period, counts as one of the same instant."""


@dataclass(frozen=True, slots=True)
class State:
    """All that a run needs to begin: the time, every value that no rule sets, and which triggers were true before.

    Species are under ``amount(…)``, in amounts.
    """

    time: float
    values: Mapping[str, float]
    held: tuple[bool, ...] = ()


@dataclass(frozen=True, slots=True)
class Course:
    """What a run showed: values of symbols in formulas at its times, and the state and those values at its end."""

    times: Any
    columns: Mapping[str, Any]
    end: State
    closing: Mapping[str, float]


class PeriodRunner:
    """Runs one model.

    Parameters
    ----------
    model : Model
    read : iterable of str
        The symbols and reactions whose values courses show.
    tolerances : Tolerances, optional
    """

    def __init__(self, model: Model, read: Iterable[str], *, tolerances: Tolerances | None = None) -> None:
        self.model, self.network = model, model.network
        self._tolerances = tolerances or Tolerances()
        self._built: Restartable = restartable(model.sbml, model.network)
        self._model = Model(model.id, self._built.sbml, source=model.source)
        triggers = {n for e in self.network.events for n in e.trigger.symbols()}
        self.states = tuple(sorted(self.network.dynamic - self.network.assignment_rules.keys()))
        self._shown = tuple(dict.fromkeys([*read, *sorted(triggers)]))
        self._columns = self._selected()

    def _selected(self) -> tuple[str, ...]:
        moving = [n for n in self.states if self.network.symbols[n].kind != "stoichiometry"]
        return tuple(dict.fromkeys([*moving, *selections(self.model, self._shown, ())]))

    @cached_property
    def settable(self) -> tuple[str, ...]:
        """The keys of a state's values."""
        ruled, kinds = self.network.assignment_rules, {"parameter", "compartment", "species", "stoichiometry"}
        mine = [s for s in self.network.symbols.values() if s.kind in kinds and s.id not in ruled]
        return tuple(f"amount({s.id})" if s.kind == "species" else s.id for s in mine)

    # ---------------------------------------------------------------------------------------------------------- states
    def start(self, overrides: Mapping[str, float], *, time: float) -> State:
        """Return the state at the start, with values that replace the model's own and reach what it computes."""
        begun = State(time, overrides, tuple(e.initial_value for e in self.network.events))
        env = self._env(begun)
        return replace(begun, values={k: float(env[k]) for k in self.settable})

    def changed(self, state: State, changes: Mapping[str, float], *, time: float) -> State:
        """Return a state with new values, in the meaning of formulas, at once.

        A concentration stays what it is where the volume around it changes.
        """
        values = dict(state.values)
        for s in self.network.species:
            key, size = f"amount({s.id})", s.compartment
            if key in values and not s.amount_only and size in changes:
                values[key] = values[key] / values[size] * changes[size] if values[key] else 0.0
        values |= {n: v for n, v in changes.items() if self.network.symbols[n].kind != "species"}
        new = replace(state, time=time, values=values)
        amounts = {f"amount({n})": v * self._size(new, n) for n, v in changes.items() if n not in values}
        return replace(new, values={**values, **amounts})

    def _size(self, state: State, species: str) -> float:
        """Return the volume that makes an amount of a species' value in formulas: 1 where this is an amount."""
        symbol = self.network.symbols[species]
        if symbol.amount_only:
            return 1.0
        known = state.values.get(symbol.compartment)
        return float(self._env(state)[symbol.compartment]) if known is None else known

    def _env(self, state: State) -> dict[str, Any]:
        """Return every value that belongs to a state."""
        return initial_state(self._model.network, dict(state.values) | self._memory(state))

    def _memory(self, state: State, *, quiet: bool = False) -> dict[str, float]:
        out = {self._built.origin: state.time} if self._built.origin else {}
        out |= {n: float(v) for n, v in zip(self._built.held, state.held, strict=True)} if self._built.held else {}
        return out | ({self._built.quiet: float(quiet)} if self._built.quiet else {})

    # ---------------------------------------------------------------------------------------------------------- running
    def run(self, state: State, times: Sequence[float], *, until: float | None = None) -> Course:
        """Run from a state and show some times, of which the first may be its own.

        Parameters
        ----------
        state : State
        times : sequence of float
            Increasing; earlier than ``until``.
        until : float, optional
            When the period ends: the course's end is what is there then, before anything that happens at this time.
            Without it the end is the beginning.
        """
        if until is None:
            block = self._block(state, times) if len(times) else np.empty((0, len(self._columns)))
            return Course(np.array(times, dtype=float), self._values(block), state, {})
        self._refuse_restart()
        apart = self._apart(state.time, until)
        early, late = [t for t in times if t < until - apart], [t for t in times if t >= until - apart]
        block = self._block(state, [*early, until - apart])
        before = self._state(state, block[-1], until - apart)
        if apart or late:
            block = np.concatenate([block[:-1], self._block(before, [*late, until], quiet=True)])
        # Triggers are remembered from just before, so that an event of the same instant comes after the changes.
        end = replace(self._state(state, block[-1], until), held=before.held)
        return Course(np.array([*early, *late]), self._values(block[:-1]), end, self._closing(block))

    def read(self, state: State) -> Course:
        """Show a state, without the events that it might set off."""
        block = self._block(state, [state.time], quiet=True)
        return Course(np.array([state.time]), self._values(block), state, self._closing(block))

    def _closing(self, block: Any) -> dict[str, float]:
        return {n: float(v[-1]) for n, v in self._values(block).items()}

    def _refuse_restart(self) -> None:
        """Refuse to go on from a state where more than the state matters."""
        waiting = [e.id for e in self.network.events if e.delay is not None]
        moving = [s.id for s in self.network.of_kind("stoichiometry") if s.id in self.network.dynamic]
        for names, what in ((waiting, "the event '{}' has a delay"), (moving, "the stoichiometry '{}' changes")):
            if names:
                raise UnsupportedError(
                    f"{what.format(dotted(names[0]))}, so that a run of '{self.model.id}' cannot be interrupted",
                    remedy="use experiments of one period without a steady state, or change the model",
                )

    def _apart(self, begin: float, until: float) -> float:
        if not self.network.events:
            return 0.0
        length = until - begin
        return min(TOGETHER * max(abs(until), length), length / 10)

    def _block(self, state: State, times: Sequence[float], *, quiet: bool = False) -> Any:
        """Return the engine's columns at some times."""
        env = self._env(state) | self._memory(state, quiet=quiet)
        self._refuse_values(env, state.time)
        machine, prepared = machine_for(self._model, (), self._columns)
        compiled = Compiled(self._model, machine, prepared, self._columns, self._watched, self._watched, env, 1)
        grid = np.unique([0.0, *(t - state.time for t in times)])
        end = float(grid[-1])
        timeline = build_timeline(grid.tolist(), [], prepared.switches.schedule(compiled.timing(0), end))
        sizes = state_scales(machine.states, env, [], np.zeros((1, 0)), 1)[0]
        job = Job(compiled.starts(0), timeline, [], [], dict(zip(machine.states, sizes, strict=True)))
        block = np.full((len(grid), len(self._columns)), np.nan)
        status, message = Runner(compiled).subject(job, block, self._tolerances)
        if status:
            raise SimulationError(
                f"{STATUS[status]}; {message}" if message else STATUS[status],
                where=f"the run of '{self.model.id}' from time {state.time:g}",
                remedy="check the parameters and conditions there",
            )
        return block[np.searchsorted(grid, [t - state.time for t in times])]

    @cached_property
    def _watched(self) -> tuple[str, ...]:
        return tuple(s.id for s in self.network.species if not s.boundary and s.id in self.states)

    def _refuse_values(self, env: Mapping[str, Any], time: float) -> None:
        for reason in without_volume(self.network, env, 1).values():
            raise SimulationError(reason.what, value=reason.value, where=f"'{self.model.id}' at time {time:g}")
        for key in self.settable:
            if np.isinf(env[key]) or (np.isnan(env[key]) and self._is_read(key)):
                name = dotted(key.removeprefix("amount(").rstrip(")"))
                raise SimulationError(
                    f"'{name}' has no finite value", value=float(env[key]), where=f"'{self.model.id}' at time {time:g}",
                    remedy="give it a value in the model, the parameter table or a condition",
                )  # fmt: skip

    def _is_read(self, key: str) -> bool:
        name = key.removeprefix("amount(").rstrip(")")
        return name in self._shown or any(name in expr.symbols() for _, _, expr in self.network.formulas())

    # -------------------------------------------------------------------------------------------------------- triggers
    def last_time(self, state: State) -> float:
        """Return the last time after a state that some trigger names, or the state's own.

        Raises
        ------
        UnsupportedError
            A trigger depends on time for ever.
        """
        if self._endless:
            raise UnsupportedError(
                f"an event depends on time for ever ({self._endless}), so there is no steady state",
                where=f"'{self.model.id}'",
                remedy="simulate to a time instead of a steady state",
            )
        env = initial_state(self._model.network, dict(state.values) | self._memory(state))
        return state.time + max([0.0, *self._switches.times(env, 1e300)])

    @cached_property
    def _switches(self) -> Switches:
        network = self._model.network
        return Switches(triggers=self._conditions[1], delays=find_switches(network).delays)

    @cached_property
    def _conditions(self) -> Any:
        return find_conditions(self._model.network)

    @property
    def _endless(self) -> str:
        _, switches, left = self._conditions
        return next(iter([*left, *(str(s.expr) for s in switches if s.curved or s.expr.op in STEPS)]), "")

    # ---------------------------------------------------------------------------------------------------------- reading
    def _state(self, begun: State, row: Any, time: float) -> State:
        """Return the state that a row of columns shows."""
        at = {c: k for k, c in enumerate(self._columns)}
        values = dict(begun.values)
        for name in self.states:
            if name in at:
                key = f"amount({name})" if self.network.symbols[name].kind == "species" else name
                values[key] = float(row[at[name]])
        shown = self._values(row[None, :])
        held = tuple(bool(evaluate(e.trigger, shown, time=time)) for e in self.network.events)
        return State(time, values, held)

    def _values(self, block: Any) -> dict[str, Any]:
        at = {c: k for k, c in enumerate(self._columns)}
        return {n: block[:, at[selections(self.model, [n], ())[0]]] for n in self._shown}
