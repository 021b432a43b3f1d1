"""Starts at steady state: where subjects have come to before time 0, on either engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from sbmlqsp.engine.initial import initial_state
from sbmlqsp.engine.rates import RightHandSide
from sbmlqsp.errors import QSPError, SimulationError
from sbmlqsp.experiment import symbol_of
from sbmlqsp.model import Model, dotted
from sbmlqsp.steady.rest import SURE, at_rows, conserved_of, doubts, left_of, polished
from sbmlqsp.steady.state import SteadyState
from sbmlqsp.steady.verbs import refuse_time, steady_states

__all__ = ["Approach", "Near", "People", "searched", "settled"]

FROZEN = 1e-12
"""By what part a constant may change when it is computed again."""
ENTRIES = 4_000_000
"""How many numbers the slopes of the subjects that are looked at together may have."""


@dataclass(frozen=True)
class People:
    """Rows of parameters of a model: what is set, by flat key, and every symbol's value at the start."""

    model: Model
    overrides: Mapping[str, Any]
    env: Mapping[str, Any]
    size: int

    def some(self, rows: Any) -> People:
        """Return some of the rows."""
        return People(self.model, at_rows(self.overrides, rows), at_rows(self.env, rows), len(rows))

    @cached_property
    def side(self) -> RightHandSide:
        """The rates of change under their parameters, of what is to come to rest."""
        return RightHandSide(self.model.network.without_integrals, self.env)

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """The states, as the values at the start name them."""
        return tuple(f"amount({n})" if n in self.side.reacting else n for n in self.side.names)

    @cached_property
    def start(self) -> Any:
        """The states at the start, of shape (states, rows)."""
        values = [np.broadcast_to(np.asarray(self.env[k], dtype=float), (self.size,)) for k in self.keys]
        return np.array(values).reshape(len(values), self.size)

    def again(self, states: Any) -> dict[str, Any]:
        """Return every symbol's value at the start where the states are other ones."""
        kept = {k: v for k, v in self.overrides.items() if symbol_of(k) not in self.side.names}
        for key, value in zip(self.keys, states, strict=True):
            kept[key] = value if self.size > 1 else float(value[0])
        return initial_state(self.model.network, kept)


@dataclass(frozen=True)
class Near:
    """Where rows came to, and the largest of each state on the way, of shape (states, rows); and by row why nowhere."""

    states: Any
    peak: Any
    refused: Mapping[int, QSPError]


Approach = Callable[[People], Near]


def settled(people: People, rows: Any, approach: Approach) -> tuple[dict[str, Any], dict[int, QSPError]]:
    """Return every symbol's value with some rows at steady state, and by row why there is none.

    Parameters
    ----------
    people : People
    rows : ndarray of int
        The rows that are to be at steady state; others stay as they are.
    approach : callable
        What brings them near: `searched`, or the batch kernel.

    Raises
    ------
    UnsupportedError
        A rate depends on time, so that there is no steady state.
    """
    refuse_time(people.model.network.without_integrals)
    states, refused = people.start.copy(), dict[int, QSPError]()
    block = max(1, ENTRIES // max(1, len(states) ** 2))
    for first in range(0, len(rows) if len(states) else 0, block):
        some = rows[first : first + block]
        found, why = _found(people.some(some), approach)
        states[:, some] = found
        refused |= {int(some[k]): error for k, error in why.items()}
    return people.again(states), refused


def _found(people: People, approach: Approach) -> tuple[Any, dict[int, QSPError]]:
    """Return the steady states, as rows start where there is none, and by row why there is none."""
    near, out = approach(people), people.start.copy()
    good = np.array([r for r in range(people.size) if r not in near.refused], dtype=int)
    if not good.size:
        return out, dict(near.refused)
    own = people.some(good)
    kept = conserved_of(own.side, own.size)
    rest = polished(own.side, near.states[:, good], own.start, kept, near.peak[:, good])
    words = doubts(own.side, rest, own.start)
    words = _feedback(own, rest.states, kept) | words
    fine = [k for k in range(own.size) if k not in words]
    out[:, good[fine]] = rest.states[:, fine]
    return out, {**near.refused, **{int(good[k]): _error(people.model, why) for k, why in words.items()}}


def _error(model: Model, why: str) -> SimulationError:
    return SimulationError(
        f"there is no steady state to start at: {why}", where=f"'{model.id}'",
        remedy="look at the course of the undosed model, or start at initial values",
    )  # fmt: skip


def _feedback(people: People, states: Any, kept: Any) -> dict[int, str]:
    """Say of which rows a constant that is computed from the start moves the steady state that it is computed from."""
    network, words = people.model.network, dict[int, str]()
    again = people.again(states)
    for name in network.initial_assignments:
        if name in network.static:
            old, new = (np.broadcast_to(np.asarray(e[name], dtype=float), (people.size,)) for e in (people.env, again))
            same = (np.abs(new - old) <= FROZEN * np.maximum(np.abs(old), np.abs(new))) | (
                np.isnan(old) & np.isnan(new)
            )
            for k in np.flatnonzero(~same).tolist():
                words.setdefault(
                    k, f"'{dotted(name)}' is computed from where the model starts, and moves where it rests"
                )
    if not words:
        return {}
    left = left_of(RightHandSide(network.without_integrals, again), states, people.start, kept)
    return {k: why for k, why in words.items() if not left[k] < SURE}


# ---------------------------------------------------------------------------------------------------------- approaches
def searched(people: People) -> Near:
    """Let libRoadRunner simulate each row to its steady state, as `steady_state` does."""
    changes: list[dict[str, float | str]] = [
        {k: float(np.broadcast_to(v, (people.size,))[r]) for k, v in people.overrides.items()}
        for r in range(people.size)
    ]
    states, refused = people.start.copy(), dict[int, QSPError]()
    for row, found in enumerate(steady_states(people.model, changes, integrals=False)):
        if isinstance(found, SteadyState):
            states[:, row] = _states(people, found)
        else:
            refused[row] = found
    return Near(states, np.maximum(np.abs(states), np.abs(people.start)), refused)


def _states(people: People, found: SteadyState) -> list[float]:
    symbols, out = people.model.network.symbols, []
    for name in people.side.names:
        symbol, value = symbols[name], float(found.values[dotted(name)])
        amount = name not in people.side.reacting or symbol.amount_only
        out.append(value if amount else value * float(found.values[dotted(symbol.compartment)]))
    return out
