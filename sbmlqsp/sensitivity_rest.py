"""What every value at a start at steady state changes by when parameters do."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Any

import numpy as np

from sbmlqsp.engine.initial import initial_state
from sbmlqsp.engine.tangents import Tangents, initial_tangents
from sbmlqsp.errors import SimulationError
from sbmlqsp.experiment import symbol_of
from sbmlqsp.model import Model, dotted
from sbmlqsp.steady.rest import at_rows
from sbmlqsp.steady.slopes import rest_slopes, unbalanced
from sbmlqsp.steady.starting import People

__all__ = ["rested_tangents"]


def rested_tangents(people: People, refused: Container[int], *, seeds: Mapping[str, int], count: int) -> Tangents:
    """Return the derivatives of all names at a start at steady state.

    Parameters
    ----------
    people : People
        With the values at rest.
    refused : container of int
        The rows that have no steady state.
    seeds : mapping of str to int
        As `initial_tangents` takes them. Along an initial value of a state only the totals move that are conserved.
    count : int
        How many directions there are.

    Raises
    ------
    SimulationError
        The steady state has no derivative by the parameters alone.
    """
    model, size, fixed = people.model, people.size, people.overrides
    before = People(model, fixed, initial_state(model.network, fixed), size)
    begun = initial_tangents(model.network, before.env, fixed=fixed, seeds=seeds, rows=size, count=count)
    rows = np.array([r for r in range(size) if r not in refused], dtype=int)
    some, first = before.some(rows), _at(begun, before, rows)
    states, of_states = people.start[:, rows], np.zeros((len(people.keys), size, count))
    if rows.size:
        of_states[:, rows], loose = rest_slopes(some, states, first)
        if loose.any():
            _refuse_way(model, [k for k, i in seeds.items() if loose[:, i].any()])
    own = set(people.side.names)
    after = initial_tangents(
        model.network, people.env, fixed=[*(k for k in fixed if symbol_of(k) not in own), *people.keys],
        seeds={k: i for k, i in seeds.items() if symbol_of(k) not in own}, rows=size, count=count,
        known=dict(zip(people.keys, of_states, strict=True)),
    )  # fmt: skip
    name = unbalanced(some, states, of_states[:, rows], first, {k: v[rows] for k, v in after.by_name.items()})
    if name:
        raise SimulationError(
            f"'{dotted(name)}' is computed from where the model starts, and moves where it rests",
            where=f"'{model.id}'", remedy="compute it from parameters",
        )  # fmt: skip
    return after


def _refuse_way(model: Model, keys: list[str]) -> None:
    raise SimulationError(
        f"the steady state depends on the way to it, so that it has no derivative by '{dotted(keys[0])}'",
        where=f"'{model.id}'", remedy="leave out what only collects what others lose, or start at initial values",
    )  # fmt: skip


def _at(begun: Tangents, people: People, rows: Any) -> Tangents:
    out = Tangents(at_rows(people.env, rows), len(rows), begun.count)
    out.by_name = {k: v[rows] for k, v in begun.by_name.items()}
    return out
