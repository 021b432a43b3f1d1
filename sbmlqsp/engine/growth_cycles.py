"""Which of the states that feed each other grow out of themselves, once they are nearly nothing.

What is nearly nothing is made at rates in proportion to it. So a set of states is looked at in which the rest is
there: what makes something of two of them together stands still, and what is left is linear. Where two bind, three
kinds of sets are looked at: without the one, without the other, and with both, in which they do not bind.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

__all__ = ["MANY", "Column", "grown", "spread", "together"]

MANY = 60
"""From how many states on those that feed each other are taken to grow where the plain measure rises."""
LOOKS = 400
"""At how many sets of states that feed each other to look; where these do not do, the plain measure decides."""
SIZES = 6
"""At how many sizes of rates that are free to look."""
SLACK = 1e-6
"""What part of the largest slope is nothing."""


@dataclass(eq=False)
class Column:
    """What a state makes by one rate.

    Parameters
    ----------
    by : int
        The state.
    makes : dict
        By state how much, for each sample; of itself it may be less than nothing.
    needs : frozenset of int
        The states without which it makes nothing.
    free : bool
        Whether its size is that of a rate of its own, so that the shares alone count.
    """

    by: int
    makes: dict[int, Any]
    needs: frozenset[int]
    free: bool

    def rises(self, among: Collection[int]) -> bool:
        """Return whether there is more of some states by it."""
        own = [v for i, v in self.makes.items() if i in among]
        return bool(own) and bool((np.sum(own, axis=0) > SLACK * np.abs(own).max(axis=0)).any())

    def counts(self, among: frozenset[int]) -> bool:
        """Return whether it is about some states: what it only takes away, to where the rest is, is left out."""
        return self.by in among and not among.isdisjoint(self.gains if self.free else self.makes.keys())

    @cached_property
    def gains(self) -> frozenset[int]:
        """The states of which it makes something."""
        return frozenset(i for i, v in self.makes.items() if (v > 0).any())

    def parted(self) -> Column:
        """Return it with what goes to several counted as one: a complex falls apart into two that were two before."""
        own = self.makes.get(self.by)
        gains = {i: v for i, v in self.makes.items() if i != self.by}
        if own is None or not gains or not (own < 0).any():
            return self
        return Column(self.by, {i: v / len(gains) for i, v in gains.items()} | {self.by: own}, self.needs, self.free)


def together(graph: Any) -> list[list[int]]:
    """Return the sets of states that lead to each other by a table of (to, from), also those of one."""
    reached = graph | np.eye(len(graph), dtype=bool)
    for _ in range(max(len(graph) - 1, 1).bit_length()):
        reached = (reached.astype(np.float32) @ reached.astype(np.float32)) > 0
    both = reached & reached.T
    return [np.flatnonzero(both[k]).tolist() for k in sorted(set(both.argmax(axis=1).tolist()))] if len(graph) else []


def grown(columns: Sequence[Column], states: Sequence[int]) -> set[int]:
    """Return those of some states that grow, by what each of them makes of the others."""
    gains = [c for c in columns if c.rises(states)]
    if not gains:
        return set()
    if len(states) <= MANY:
        search = _Search(columns)
        found = set[int]().union(*(search.by(c, frozenset(states)) for c in gains))
        if search.left >= 0:
            return found
    parted = [c.parted() for c in columns]
    if not any(c.rises(states) for c in parted):
        return set()
    return set(states) if len(states) > MANY or _rising(parted, frozenset(states)) else set()


class _Search:
    """Looks for sets that grow among the states that some columns are about."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self.columns = columns
        self.left = LOOKS
        self.known: dict[tuple[frozenset[int], frozenset[int]], bool] = {}

    def by(self, gain: Column, states: frozenset[int]) -> set[int]:
        """Return what grows by one of the rates of which there is more of the states."""
        found = set[int]()
        stack = [(states, frozenset[Column](), frozenset((gain.by,)))]  # the set, what stands still, what must be there
        while stack and self.left >= 0:
            among, still, kept = stack.pop()
            self.left -= 1
            moving = [c for c in self.columns if c not in still]
            among = _cycle(moving, among, gain.by)
            moving = [c for c in moving if c.counts(among)]
            if gain in still or not kept <= among or not gain.rises(among) or not self._rising(moving, among):
                continue
            held = _nearest_held(moving, among, gain)
            if held is None:
                found |= among
                continue
            missing = min(held.needs & among)
            stack.append((among, still | {held}, kept | {missing, held.by}))
            stack.append((among - {held.by}, still, kept | {missing}))
            stack.append((among - {missing}, still, kept))
        return found

    def _rising(self, columns: Sequence[Column], among: frozenset[int]) -> bool:
        key = (among, frozenset(map(id, columns)))
        if key not in self.known:
            self.known[key] = _rising(columns, among)
        return self.known[key]


def _cycle(columns: Iterable[Column], among: frozenset[int], state: int) -> frozenset[int]:
    """Return those that lead from one state back to it."""
    forth: dict[int, set[int]] = {}
    back: dict[int, set[int]] = {}
    for c in columns:
        if c.by in among:
            forth.setdefault(c.by, set()).update(c.gains & among)
            for i in c.gains & among:
                back.setdefault(i, set()).add(c.by)
    if state not in among:
        return frozenset()
    return frozenset(_order(forth, state)) & frozenset(_order(back, state))


def _order(edges: dict[int, set[int]], start: int) -> list[int]:
    """Return what is reached from a state, nearest first."""
    order = [start]
    for k in order:
        order += sorted(edges.get(k, set()) - set(order))
    return order


def _nearest_held(columns: Sequence[Column], among: frozenset[int], gain: Column) -> Column | None:
    """Return the rate that needs another of the set, and of those the one that the gain depends on first."""
    held = [c for c in columns if c.needs & among]
    if not held or gain in held:
        return gain if held else None
    back: dict[int, set[int]] = {}
    for c in columns:
        for i in c.makes.keys() & among - {c.by}:
            back.setdefault(i, set()).add(c.by)
    place = {k: n for n, k in enumerate(_order(back, gain.by))}
    return min(held, key=lambda c: min((place[i] for i in c.makes if i in among and i != c.by), default=len(place)))


def _rising(columns: Sequence[Column], among: frozenset[int]) -> bool:
    """Return whether states that feed each other grow, whatever the size of the rates that are free is."""
    place = {k: n for n, k in enumerate(sorted(among))}
    columns = [c for c in columns if c.counts(among)]
    if not columns:
        return False
    table = np.zeros((len(columns), len(next(iter(columns[0].makes.values()))), len(place), len(place)))
    for n, c in enumerate(columns):
        for i in c.makes.keys() & place.keys():
            table[n, :, place[i], place[c.by]] = c.makes[i]
    tries = [1.0]
    if all(c.free for c in columns):
        table /= np.maximum(np.abs(table).max(axis=(2, 3), keepdims=True), np.finfo(float).tiny)
        if (table.sum(axis=2) < -SLACK).any():  # else the sizes do not matter
            tries = [10.0 ** (4.0 * spread(len(table), k) - 2.0)[:, None, None, None] for k in range(SIZES)]
    return any(_grows((size * table).sum(axis=0)) for size in tries)


def _grows(slopes: Any) -> bool:
    """Return whether what feeds each other by some slopes grows, for any of several tables of (made, raising)."""
    slack = SLACK * np.abs(slopes).max(axis=(1, 2))
    slopes, slack = (v[(slopes.sum(axis=1) > slack[:, None]).any(axis=1)] for v in (slopes, slack))
    # Though the plain sum rises another measure may fall: a sum of concentrations, each times its compartment's size.
    return bool((np.linalg.eigvals(slopes).real.max(axis=1) > slack).any()) if len(slopes) else False


def spread(count: int, seed: int) -> Any:
    """Return numbers all over 0 to 1, the same each time."""
    return np.modf((1.0 + np.arange(count)) * math.sqrt(2.0) + (1.0 + seed) * math.sqrt(3.0))[0]
