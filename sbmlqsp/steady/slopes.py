"""What a steady state changes by when parameters do, by the implicit function theorem.

At rest f(x, p) = 0, so that f_x x' + f_p = 0 along a direction; where reactions conserve totals, f_x does not decide x'
alone, and the totals of x' are those of the start's derivative. A state that rests from the very start, with all that
its rate reads, is what it was there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from sbmlqsp.engine.network import Network
from sbmlqsp.engine.rate_slopes import rate_slopes
from sbmlqsp.engine.rates import RightHandSide
from sbmlqsp.engine.tangents import Tangents
from sbmlqsp.errors import UnsupportedError
from sbmlqsp.model import dotted
from sbmlqsp.steady.rest import conserved_of
from sbmlqsp.steady.starting import People

__all__ = ["rest_slopes", "unbalanced"]

THIN = 1e-12
"""What part of the largest singular value of its equations counts as none: they leave a direction open."""
SAME = 1e-9


def rest_slopes(people: People, states: Any, begun: Tangents) -> tuple[Any, Any]:
    """Return the derivatives of steady states, and where there are none.

    Parameters
    ----------
    people : People
        With the values at the start from which they come to rest.
    states : ndarray of shape (states, rows)
        Where they rest.
    begun : Tangents
        The derivatives of all names at that start.

    Returns
    -------
    slopes : ndarray of shape (states, rows, directions)
    open : ndarray of bool, of shape (rows, directions)
        Where the steady state depends on the way to it, not on parameters and conserved totals alone.

    Raises
    ------
    UnsupportedError
        A conversion factor between substance and extent is among the parameters.
    """
    side, count = people.side, begun.count
    _refuse_factors(people, begun)
    first = _start_slopes(people, begun)
    if not len(states):
        return first, np.zeros((people.size, count), dtype=bool)
    slopes = rate_slopes(side, states, begun.by_name, count=count)
    still, kept = _still(people, first, begun), conserved_of(side, people.size)
    out, loose = first.copy(), np.zeros((people.size, count), dtype=bool)
    for pattern in np.unique(still.reshape(-1, len(states)), axis=0):
        here = (still == pattern).all(axis=2)
        rows, moving = np.flatnonzero(here.any(axis=1)), np.flatnonzero(~pattern)
        if moving.size:
            found, thin = _solved(moving, slopes[rows], kept[rows], first[:, rows], np.abs(states[:, rows]))
            for k, row in enumerate(rows.tolist()):
                out[np.ix_(moving, np.array([row]), here[row])] = found[:, k : k + 1, here[row]]
                loose[row, here[row]] = thin[k]
    return out, loose


def _refuse_factors(people: People, begun: Tangents) -> None:
    for name in people.side.reacting:
        factor = people.model.network.symbols[name].conversion_factor
        if factor and factor in begun:
            raise UnsupportedError(
                f"the conversion factor '{dotted(factor)}' changes what reactions conserve, which sensitivities of a "
                "steady state do not go through", where=f"'{people.model.id}'", remedy="leave it out of the parameters",
            )  # fmt: skip


def _start_slopes(people: People, begun: Tangents) -> Any:
    out = np.zeros((len(people.keys), people.size, begun.count))
    for i, key in enumerate(people.keys):
        slopes = begun.get(key)
        if slopes is not None:
            out[i] = slopes
    return out


def _still(people: People, first: Any, begun: Tangents) -> Any:
    """Say by row and direction which states rest from the start, with all that they read, and do so along it."""
    side, n = people.side, len(people.keys)
    slopes = rate_slopes(side, people.start, begun.by_name, count=begun.count)
    with np.errstate(all="ignore"):
        drift = np.einsum("rij,jrd->rdi", slopes[:, :, :n], first) + np.moveaxis(slopes[:, :, n:], 1, 2)
    still = (side(people.start).T == 0)[:, None, :] & (drift == 0)
    reads = _reads(people.model.network, side).T.astype(float)
    for _ in range(n):
        less = still & ~((~still).astype(float) @ reads > 0)
        if (less == still).all():
            break
        still = less
    return still


def _reads(network: Network, side: RightHandSide) -> Any:
    """Return which states (columns) the rate of each (rows) reads."""
    formulas = {**network.assignment_rules, **{r.id: r.law for r in network.reactions.values() if r.law is not None}}
    out = np.zeros((len(side.names), len(side.names)), dtype=bool)
    for i, name in enumerate(side.names):
        waiting, seen = set[str](), set[str]()
        if name in network.rate_rules:
            waiting |= network.rate_rules[name].symbols()
        for r in network.reactions.values():
            for p in (*r.reactants, *r.products):
                if p.species == name:
                    waiting |= {r.id} | (set() if p.formula is None else set(p.formula.symbols()))
        while waiting:
            one = waiting.pop()
            seen.add(one)
            more = set(formulas[one].symbols()) if one in formulas else set()
            symbol = network.symbols.get(one)
            if symbol is not None and symbol.kind == "species":
                more.add(symbol.compartment)
            waiting |= more - seen
        out[i] = [n in seen for n in side.names]
    return out


def _solved(moving: Any, slopes: Any, kept: Any, first: Any, sizes: Any) -> tuple[Any, Any]:
    """Return the derivatives of the states that move, of shape (moving, rows, directions), and which rows have none."""
    n = slopes.shape[1]
    others = np.setdiff1d(np.arange(n), moving)
    scale = np.where(sizes > 0, sizes, 1.0)[moving].T
    matrix = np.concatenate([slopes[:, moving][:, :, moving], kept[:, :, moving]], axis=1) * scale[:, None, :]
    forced = slopes[:, moving, n:] + np.einsum("rij,jrd->rid", slopes[:, moving][:, :, others], first[others])
    right = np.concatenate([-forced, np.einsum("rkj,jrd->rkd", kept[:, :, moving], first[moving])], axis=1)
    weight = np.abs(matrix).max(axis=2, initial=0.0)[:, :, None]
    weight = np.where(weight > 0, weight, 1.0)
    matrix, right = matrix / weight, right / weight
    singular = np.linalg.svd(matrix, compute_uv=False)
    found = np.linalg.pinv(matrix, rcond=THIN) @ right * scale[:, :, None]
    return np.moveaxis(found, 0, 1), singular.min(axis=1) <= THIN * singular.max(axis=1)


def unbalanced(people: People, states: Any, of_states: Any, before: Tangents, after: Mapping[str, Any]) -> str:
    """Say which constant that is computed at the start moves the steady state that it is computed from, else ""."""
    network, count = people.model.network, before.count
    zero = np.zeros((people.size, count))
    names = [n for n in network.initial_assignments if n in network.static]
    other = [n for n in names if not np.allclose(before.by_name.get(n, zero), after.get(n, zero), rtol=SAME, atol=0.0)]
    if not other:
        return ""
    n = len(states)
    forced = [rate_slopes(people.side, states, slopes, count=count) for slopes in (before.by_name, after)]
    parts = (np.abs(forced[0][:, :, :n, None]) * np.abs(np.moveaxis(of_states, 0, 1))[:, None]).sum(axis=2)
    one, two = (f[:, :, n:] for f in forced)
    return other[0] if (np.abs(one - two) > SAME * (parts + np.abs(one) + np.abs(two))).any() else ""
