"""Gaussian elimination of one pattern of zeros, planned once: which entries arise, and in which order to take them.

The pivots are those of the diagonal, in an order that makes few new entries (Markowitz 1957,
https://doi.org/10.1287/mnsc.3.3.255), as in KPP (Damian et al. 2002, https://doi.org/10.1016/S0098-1354(02)00128-X):
for the matrices of implicit steps, whose diagonal outweighs the rest once the step is short enough.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["HALF", "Elimination", "plan_elimination"]

HALF = 2**32
"""Two places are one number: the first times this, and the second."""


@dataclass(frozen=True)
class Elimination:
    """How to eliminate, as numbers for compiled loops.

    Parameters
    ----------
    size : int
        How many entries there are, those that arise included.
    entry : ndarray of int
        Where each entry of the matrix is kept, in the order given.
    diagonal : ndarray of int
        Where the entries of the diagonal are kept, by row.
    pivot : ndarray of int
        The rows in the order of elimination.
    below, beside : ndarray of int, shape (entries, 2)
        The entries below and beside each pivot: row or column, and place.
    below_of, beside_of : ndarray of int
        Where those of each pivot begin.
    target : ndarray of int
        What each product of an entry below and one beside is taken from, in that order.
    sums : ndarray of int
        By entry what is taken from it, in an order in which all that is needed is there: its place, how many products,
        and of each both places, joined by ``HALF``. By pivot its diagonal, the entries beside it, those below.
    left, right : ndarray of int
        By pivot the entries of its row that are below others, and, from the last pivot on, those beside it: how many,
        and of each row and place, joined.
    """

    size: int
    entry: Any
    diagonal: Any
    pivot: Any
    below: Any
    below_of: Any
    beside: Any
    beside_of: Any
    target: Any
    sums: Any
    left: Any
    right: Any

    @property
    def packed(self) -> Any:
        """Everything as one array: rows, entries and size, then where each part begins, then the parts."""
        parts = [self.entry, self.diagonal, self.pivot, self.below, self.below_of, self.beside, self.beside_of,
                 self.target, self.sums, self.left, self.right]  # fmt: skip
        head = 3 + len(parts)
        begins = np.cumsum([head, *(p.size for p in parts[:-1])])
        counts = [len(self.pivot), len(self.entry), self.size]
        return np.concatenate([counts, begins, *(p.ravel() for p in parts)]).astype(np.int64)

    def factor_lines(self) -> list[str]:
        """Return the elimination of d*I - J, written out, from ``out`` into ``w``."""
        n, lines = len(self.pivot), []
        given = {int(place): f"-out[{2 * n + e}]" for e, place in enumerate(self.entry)}
        diagonal = set(self.diagonal.tolist())
        for place in range(self.size):
            value = given.get(place, "0.0")
            lines.append(f"w{place} = {f'd + ({value})' if place in diagonal else value}")
        c = 0
        for k, row in enumerate(self.pivot.tolist()):
            at = int(self.diagonal[row])
            lines.append(f"w{at} = 1.0 / w{at}")
            for r in range(int(self.below_of[k]), int(self.below_of[k + 1])):
                place = int(self.below[r, 1])
                lines.append(f"w{place} = w{place} * w{at}")
                for s in range(int(self.beside_of[k]), int(self.beside_of[k + 1])):
                    to = int(self.target[c])
                    lines.append(f"w{to} = w{to} - w{place} * w{int(self.beside[s, 1])}")
                    c += 1
        lines += [f"w[{place}] = w{place}" for place in range(self.size)]
        total = " + ".join(f"abs(w{place})" for place in sorted(diagonal)) or "0.0"
        return [*lines, f"return {total} < math.inf"]

    def solve_lines(self) -> list[str]:
        """Return the solution for ``b`` in place, written out."""
        lines = [f"b{i} = b[{i}]" for i in range(len(self.pivot))]
        for k, row in enumerate(self.pivot.tolist()):
            for r in range(int(self.below_of[k]), int(self.below_of[k + 1])):
                i, place = self.below[r].tolist()
                lines.append(f"b{i} = b{i} - w[{place}] * b{row}")
        for k in range(len(self.pivot) - 1, -1, -1):
            i = int(self.pivot[k])
            for s in range(int(self.beside_of[k]), int(self.beside_of[k + 1])):
                j, place = self.beside[s].tolist()
                lines.append(f"b{i} = b{i} - w[{place}] * b{j}")
            lines.append(f"b{i} = b{i} * w[{int(self.diagonal[i])}]")
        return [*lines, *(f"b[{i}] = b{i}" for i in range(len(self.pivot)))]


def plan_elimination(n: int, pattern: Iterable[tuple[int, int]]) -> Elimination:
    """Return how to eliminate matrices of n rows with entries at these places and on the diagonal.

    Examples
    --------
    >>> plan = plan_elimination(3, [(0, 1), (1, 0), (2, 1)])
    >>> plan.size, plan.pivot.tolist()
    (6, [2, 0, 1])
    """
    given = list(pattern)
    rows, columns = [{i} for i in range(n)], [{i} for i in range(n)]
    for i, j in given:
        rows[i].add(j)
        columns[j].add(i)
    pivot, steps, left = [], [], set(range(n))
    while left:
        k = min(left, key=lambda i: ((len(rows[i] & left) - 1) * (len(columns[i] & left) - 1), i))
        left.remove(k)
        below, beside = sorted(columns[k] & left), sorted(rows[k] & left)
        for i in below:
            rows[i].update(beside)
        for j in beside:
            columns[j].update(below)
        pivot.append(k)
        steps.append((below, beside))
    places = [(i, i) for i in range(n)] + [(i, j) for i in range(n) for j in sorted(rows[i]) if i != j]
    at = {where: place for place, where in enumerate(places)}
    return _as_numbers(given, at, pivot, steps)


def _as_numbers(
    given: list[tuple[int, int]],
    at: dict[tuple[int, int], int],
    pivot: list[int],
    steps: list[tuple[list[int], list[int]]],
) -> Elimination:
    below = [(i, at[i, k]) for k, (rows, _) in zip(pivot, steps, strict=True) for i in rows]
    beside = [(j, at[k, j]) for k, (_, columns) in zip(pivot, steps, strict=True) for j in columns]
    target = [at[i, j] for rows, columns in steps for i in rows for j in columns]
    return Elimination(
        len(at),
        np.array([at[where] for where in given], dtype=np.int64),
        np.arange(len(pivot), dtype=np.int64),
        np.array(pivot, dtype=np.int64),
        np.array(below, dtype=np.int64).reshape(-1, 2),
        np.cumsum([0, *(len(rows) for rows, _ in steps)], dtype=np.int64),
        np.array(beside, dtype=np.int64).reshape(-1, 2),
        np.cumsum([0, *(len(columns) for _, columns in steps)], dtype=np.int64),
        np.array(target, dtype=np.int64),
        _sums(at, pivot, steps),
        *_sides(at, pivot, steps),
    )


def _sums(at: dict[tuple[int, int], int], pivot: list[int], steps: list[tuple[list[int], list[int]]]) -> Any:
    """Return ``Elimination.sums``."""
    taken: dict[int, list[int]] = {place: [] for place in at.values()}
    for k, (rows, columns) in zip(pivot, steps, strict=True):
        for i in rows:
            for j in columns:
                taken[at[i, j]].append(at[i, k] * HALF + at[k, j])
    out: list[int] = []
    for k, (rows, columns) in zip(pivot, steps, strict=True):
        for place in (at[k, k], *(at[k, j] for j in columns), *(at[i, k] for i in rows)):
            out += [place, len(taken[place]), *taken[place]]
    return np.array(out, dtype=np.int64)


def _sides(at: dict[tuple[int, int], int], pivot: list[int], steps: list[tuple[list[int], list[int]]]) -> list[Any]:
    """Return ``Elimination.left`` and ``Elimination.right``."""
    left: dict[int, list[int]] = {k: [] for k in pivot}
    right: dict[int, list[int]] = {}
    for k, (rows, columns) in zip(pivot, steps, strict=True):
        right[k] = [j * HALF + at[k, j] for j in columns]
        for i in rows:
            left[i].append(k * HALF + at[i, k])
    orders = (left, pivot), (right, pivot[::-1])
    return [np.array([n for k in order for n in (len(own[k]), *own[k])], dtype=np.int64) for own, order in orders]
