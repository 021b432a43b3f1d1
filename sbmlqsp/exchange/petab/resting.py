"""The steady state that a model reaches from a state, with the events on the way."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cached_property

from sbmlqsp.engine.libsbml_doses import without_events
from sbmlqsp.engine.network import Network
from sbmlqsp.errors import SimulationError
from sbmlqsp.exchange.petab.periods import PeriodRunner, State
from sbmlqsp.model import Model, dotted
from sbmlqsp.steady import SteadyState, steady_state

__all__ = ["Resting"]

CLOSE = 1e-5
"""How far, relatively, a simulation may end from the steady state that it should reach."""
ROUNDS = 12
PATIENCE = 3.0
"""How many times as long as the search needed a model with events is watched to see that none fires any more."""


class Resting:
    """Finds steady states of one model.

    Without events, `steady_state` finds and verifies them. An event may fire on the way, so that a model with events is
    first run beyond all times that its triggers name; then until a simulation with events comes to the steady state
    that the model has without them.
    """

    def __init__(self, runner: PeriodRunner) -> None:
        self._runner = runner

    @cached_property
    def _still(self) -> Model:
        model = self._runner.model
        return Model(model.id, without_events(model.sbml), source=model.source) if model.network.events else model

    def from_(self, state: State) -> State:
        """Return the steady state reached from a state.

        Raises
        ------
        SimulationError
            The model oscillates, grows without bound or does not come to rest.
        UnsupportedError
            A rate depends on time, or an event repeats for ever.
        """
        if not self._runner.network.events:
            return replace(self._reached(state, self._search(state)), time=state.time)
        last = self._runner.last_time(state)
        now = state
        if last > now.time:
            now = self._runner.run(now, [], until=last + 1e-3 * max(abs(last), last - now.time)).end
        for _ in range(ROUNDS):
            found = self._search(now)
            span = PATIENCE * max(found.time, 1e-6 * abs(now.time), 1e-9)
            later = self._runner.run(now, [], until=now.time + span).end
            wanted = self._reached(now, found)
            if self._same(wanted, later):
                return replace(wanted, held=later.held, time=later.time)
            now = later
        raise SimulationError(
            f"the model has not come to rest by time {now.time:g}: its events go on",
            where=f"'{self._runner.model.id}'",
            remedy="simulate to a time instead of a steady state",
        )

    def _search(self, state: State) -> SteadyState:
        return steady_state(self._still, changes={self._path(k): v for k, v in state.values.items() if self._set(k, v)})

    def _set(self, key: str, value: float) -> bool:
        return math.isfinite(value) and self._symbol(key) not in self._stoichiometries

    @cached_property
    def _stoichiometries(self) -> frozenset[str]:
        return frozenset(s.id for s in self._runner.network.of_kind("stoichiometry"))

    @staticmethod
    def _symbol(key: str) -> str:
        return key.removeprefix("amount(").rstrip(")")

    @classmethod
    def _path(cls, key: str) -> str:
        name = dotted(cls._symbol(key))
        return f"amount({name})" if key.startswith("amount(") else name

    def _reached(self, state: State, found: SteadyState) -> State:
        network, values = self._runner.network, dict(state.values)
        for name in self._runner.states:
            if network.symbols[name].kind == "species":
                values[f"amount({name})"] = self._amount(name, found, network)
            elif name in values:
                values[name] = float(found.values[dotted(name)])
        return replace(state, values=values)

    @staticmethod
    def _amount(name: str, found: SteadyState, network: Network) -> float:
        symbol, value = network.symbols[name], float(found.values[dotted(name)])
        return value if symbol.amount_only else value * float(found.values[dotted(symbol.compartment)])

    def _same(self, wanted: State, later: State) -> bool:
        """Say whether two states agree, apart from what has died out."""
        a, b = wanted.values, later.values
        keys = [k for k in a if self._symbol(k) in self._runner.states]
        size = max((abs(a[k]) for k in keys), default=0.0)
        return all(abs(a[k] - b[k]) <= CLOSE * max(abs(a[k]), abs(b[k])) + 1e-12 * size for k in keys)
