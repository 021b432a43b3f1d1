"""Which of the states that feed each other grow out of themselves, once they are nearly nothing.

What is nearly nothing is made at rates in proportion to it. So a set of states is looked at in which the rest is
there: what makes something of two of them together stands still, and what is left is linear. Where two bind, three
kinds of sets are looked at: without the one, without the other, and with both, in which they do not bind. A set
grows if some sizes of its rates make more of all in it, which is autocatalysis as Blokhuis, Lacoste and Nghe define it
(2020, doi 10.1073/pnas.2013527117), in a set that is autonomous once all else is taken as given. Not looked at are sets
that a whole outside of them releases anew, as a complex does that is in equilibrium with its parts.
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
LOOKS = 100
"""At how many sets of states that feed each other to look; where these do not do, the plain measure decides."""
OPEN = 4
"""After how many rates for which that was not enough to look no further."""
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
        if not self.free or own is None or not gains or not (own < 0).any():
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
    columns = _summed(columns)
    gains = [c for c in columns if c.rises(states)]
    if not gains:
        return set()
    found, unsure = set[int](), 0 if len(states) <= MANY else OPEN
    for gain in gains:
        if unsure < OPEN:
            more, left = _found_by(gain, columns, frozenset(states), LOOKS)
            found |= more
            unsure += not left
    if not unsure:
        return found
    parted = _summed([c.parted() for c in columns], all_of_them=True)
    if not any(c.rises(states) for c in parted):
        return found
    return set(states) if len(states) > MANY or _rising(parted, frozenset(states)) else found


def _summed(columns: Sequence[Column], *, all_of_them: bool = False) -> list[Column]:
    """Return the columns with those by the same state in one where gain and loss are in different rates.

    By rate rules there is one rate for each state that is changed, so that only the sum tells whether there is more.
    """
    found, rest = dict[tuple[int, frozenset[int]], Column](), []
    for c in columns:
        if c.free and not all_of_them:
            rest.append(c)
            continue
        key = c.by, frozenset() if all_of_them else c.needs
        total = found.setdefault(key, Column(c.by, {}, key[1], free=c.free))
        for i, made in c.makes.items():
            total.makes[i] = total.makes.get(i, 0.0) + made
    return [*rest, *found.values()]


def _found_by(gain: Column, columns: Sequence[Column], states: frozenset[int], looks: int) -> tuple[set[int], int]:
    """Return what grows by one of the rates of which there is more of the states, and how many looks are left."""
    found = set[int]()
    needed = frozenset(i for i in gain.makes.keys() & states if not gain.rises(states - {i}))
    releases = _releases(columns)
    stack = [(states, needed | {gain.by})]  # the most and the least of a set
    while stack and looks:
        looks -= 1
        most, least = stack.pop()
        most = _unreleased(most, states, releases)
        moving = [c for c in columns if c.by in most and c.needs.isdisjoint(least)]
        most = _cycle(moving, most, gain.by)
        moving = [c for c in moving if c.counts(most)]
        if gain not in moving or not least <= most or not gain.rises(most):
            continue
        held = _nearest_held(moving, most, gain)
        if held is not None:
            missing = min(held.needs & most)
            stack.append((most, least | {missing, held.by}))
            stack.append((most - {held.by}, least | {missing}))
            stack.append((most - {missing}, least))
        elif most <= found or _rising(moving, most):
            found |= most
    return found, looks if not stack else 0


def _releases(columns: Sequence[Column]) -> list[tuple[int, frozenset[int]]]:
    """Return what falls apart into what binds to it again: its parts are there as long as it is."""
    binding = {(c.by, i) for c in columns if c.free and c.needs for i in c.gains - {c.by}}
    apart = [(c.by, c.gains - {c.by}) for c in columns if c.free and not c.needs and len(c.gains - {c.by}) > 1]
    return [(whole, parts) for whole, parts in apart if all((part, whole) in binding for part in parts)]


def _unreleased(
    among: frozenset[int], states: frozenset[int], releases: Sequence[tuple[int, frozenset[int]]]
) -> frozenset[int]:
    """Return those of a set that no whole outside of it makes anew."""
    while True:
        left = among.difference(*(parts for whole, parts in releases if whole in states - among))
        if left == among:
            return among
        among = left


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
    free, lossy, parts = all(c.free for c in columns), False, []
    for c in columns:
        made = np.array([c.makes[i] for i in c.makes if i in place])
        if free:
            made = made / np.maximum(np.abs(made).max(axis=0), np.finfo(float).tiny)
            lossy |= bool((made.sum(axis=0) < -SLACK).any())
        parts.append(([place[i] for i in c.makes if i in place], place[c.by], made.T))
    for k in range(SIZES if lossy else 1):  # without what loses of itself on the way the sizes do not matter
        slopes = np.zeros((len(parts[0][2]), len(place), len(place)))
        sizes = 10.0 ** (4.0 * spread(len(parts), k) - 2.0) if lossy else np.ones(len(parts))
        for (rows, by, made), size in zip(parts, sizes.tolist(), strict=True):
            slopes[:, rows, by] += size * made
        if _grows(slopes):
            return True
    return False


def _grows(slopes: Any) -> bool:
    """Return whether what feeds each other by some slopes grows, for any of several tables of (made, raising)."""
    slack = SLACK * np.abs(slopes).max(axis=(1, 2))
    slopes, slack = (v[(slopes.sum(axis=1) > slack[:, None]).any(axis=1)] for v in (slopes, slack))
    # Though the plain sum rises another measure may fall: a sum of concentrations, each times its compartment's size.
    return bool((np.linalg.eigvals(slopes).real.max(axis=1) > slack).any()) if len(slopes) else False


def spread(count: int, seed: int) -> Any:
    """Return numbers all over 0 to 1, the same each time."""
    return np.modf((1.0 + np.arange(count)) * math.sqrt(2.0) + (1.0 + seed) * math.sqrt(3.0))[0]
