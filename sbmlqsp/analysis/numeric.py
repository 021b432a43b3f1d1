"""Curves known only at points that cost a run: sampled until their shape is known, then zoomed into."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Function", "Piece", "crossing", "finite_part", "peaks", "resolved", "size_of", "turns"]

Function = Callable[[Any], Any]
Piece = tuple[Any, Any]

ROUGH = 1e-3  # how well, relatively, neighbours must predict the middle of a step
ROUNDS = 12
MOST = 40_000  # points
INSIDE = 17  # points of one zoom
NARROWEST = 4e-9  # steps narrower than this, relatively (absolutely below 1), are not zoomed into


def resolved(f: Function, pieces: Sequence[Piece], *, rounds: int = ROUNDS, least: float = 0.0) -> list[Piece]:
    """Return smooth pieces with points added until neighbours predict the middle of every step.

    Parameters
    ----------
    f : callable
        Values at points inside of pieces, given in one increasing array.
    pieces : sequence of (points, values)
        Where each is smooth by its nature, ends included.
    least : float
        What is smaller than this needs no relative exactness of its own.
    """
    out = list(pieces)
    active = [np.ones(max(len(t) - 1, 0), dtype=bool) for t, _ in out]
    for _ in range(rounds):
        wide = [np.diff(t) > 0.25 * NARROWEST * np.maximum(1.0, np.abs(t[1:])) for t, _ in out]
        places = [np.flatnonzero(a & w) for a, w in zip(active, wide, strict=True)]
        middles = [0.5 * (t[i] + t[i + 1]) for i, (t, _) in zip(places, out, strict=True)]
        count = sum(map(len, middles))
        if not count or count + sum(len(t) for t, _ in out) > MOST:
            break
        values = np.split(f(np.concatenate(middles)), np.cumsum([len(m) for m in middles])[:-1])
        for k, (i, m, v) in enumerate(zip(places, middles, values, strict=True)):
            out[k], active[k] = _inserted(out[k], i, m, v, least)
    return out


def _inserted(piece: Piece, i: Any, middle: Any, value: Any, least: float) -> tuple[Piece, Any]:
    """Return a piece with the middles of steps ``i`` added, and which of its new steps are not known well enough."""
    t, v = piece
    guess, local = _predicted(t, v, i, middle)
    with np.errstate(invalid="ignore"):
        bad = np.abs(guess - value) > ROUGH * np.maximum(np.maximum(local, np.abs(value)), least)
    active = np.zeros(len(t) - 1, dtype=bool)
    active[i] = bad
    # A step that was halved gives two, both as doubtful as it was.
    return (np.insert(t, i + 1, middle), np.insert(v, i + 1, value)), np.insert(active, i, bad)


def _predicted(t: Any, v: Any, i: Any, x: Any) -> tuple[Any, Any]:
    """Return the values at x of the cubics through the four points around steps i, and the largest of those points."""
    n = min(4, len(t))
    at = np.clip(i - 1, 0, len(t) - n)[:, None] + np.arange(n)
    points, values = t[at], v[at]
    out = np.zeros(len(i))
    with np.errstate(invalid="ignore"):
        for k in range(n):
            others = [j for j in range(n) if j != k]
            top = np.prod(x[:, None] - points[:, others], axis=1)
            out += values[:, k] * top / np.prod(points[:, [k]] - points[:, others], axis=1)
    return out, np.abs(values).max(axis=1)


def size_of(v: Any) -> float:
    """Return the largest absolute value among those that are finite, 0 where there are none."""
    return float(np.abs(v[np.isfinite(v)]).max(initial=0.0))


def finite_part(piece: Piece) -> Piece:
    """Return a piece without the points that have no value."""
    t, v = piece
    good = np.isfinite(v)
    return t[good], v[good]


def turns(v: Any, sign: float) -> Any:
    """Return the positions of local maxima of ``sign * v`` in one piece, ends included."""
    s = sign * v
    left = np.concatenate([[True], s[1:] >= s[:-1]])
    right = np.concatenate([s[:-1] >= s[1:], [True]])
    return np.flatnonzero(left & right)


def peaks(f: Function, windows: Sequence[Piece], sign: float) -> list[tuple[float, float]]:
    """Return place and value of the maximum of ``sign * f`` in each of some windows, all zoomed into at once.

    Each window is two or three increasing points with their values, the best in the middle or, at the end of a piece,
    at one end.
    """
    open_ = [_Window(np.asarray(t, dtype=float), np.asarray(v, dtype=float), sign) for t, v in windows]
    for _ in range(ROUNDS):
        asked = [w.points() for w in open_]
        flat = np.unique(np.concatenate([*asked, np.empty(0)]))
        if not len(flat):
            break
        known = dict(zip(flat.tolist(), np.asarray(f(flat), dtype=float).tolist(), strict=True))
        for w, points in zip(open_, asked, strict=True):
            if len(points):
                w.learn(points, np.array([known[p] for p in points.tolist()]))
    return [w.top for w in open_]


@dataclass
class _Window:
    """One place where a maximum is looked for, and the best so far."""

    t: Any
    v: Any
    sign: float
    done: bool = False
    found: tuple[float, float] | None = None

    def _best(self) -> int:
        return int(np.argmax(np.where(np.isfinite(self.v), self.sign * self.v, -np.inf)))

    @property
    def top(self) -> tuple[float, float]:
        k = self._best()
        return self.found or (float(self.t[k]), float(self.v[k]))

    def points(self) -> Any:
        """Return where to look next."""
        width = self.t[-1] - self.t[0]
        flat = float(np.ptp(self.v)) <= 1e-13 * size_of(self.v)
        if self.done or flat or width <= NARROWEST * max(1.0, abs(self.t[-1])):
            return np.empty(0)
        points = np.linspace(self.t[0], self.t[-1], INSIDE + 2)[1:-1]
        apart = np.abs(points[:, None] - self.t[None, :]).min(axis=1)
        return points[apart > 1e-3 * width / INSIDE]

    def learn(self, points: Any, values: Any) -> None:
        """Narrow the window around the best point, or finish where the curve is a polynomial."""
        t, v = np.concatenate([self.t, points]), np.concatenate([self.v, values])
        order = np.argsort(t, kind="stable")
        self.t, self.v = finite_part((t[order], v[order]))
        self.found = self._vertex()
        self.done = self.found is not None
        k = self._best()
        near = slice(max(k - 1, 0), k + 2)
        self.t, self.v = self.t[near], self.v[near]

    def _vertex(self) -> tuple[float, float] | None:
        k, n = self._best(), len(self.t)
        if n < INSIDE:
            return None
        series, missed = _fit(self.t, self.v)
        if not missed <= 1e-11 * float(np.abs(self.v).max()):
            return None
        roots = _inside(series.deriv(), self.t[max(k - 1, 0)], self.t[min(k + 1, n - 1)])
        if not len(roots):
            return (float(self.t[k]), float(self.v[k])) if k in {0, n - 1} else None
        tops = series(roots)
        j = int(np.argmax(self.sign * tops))
        if self.sign * tops[j] < self.sign * self.v[k]:
            return float(self.t[k]), float(self.v[k])
        return float(roots[j]), float(tops[j])


def _fit(points: Any, values: Any) -> tuple[Any, float]:
    """Return a polynomial through points of a smooth curve, and how far it misses the worst of them."""
    with np.errstate(all="ignore"):
        series = np.polynomial.Chebyshev.fit(points, values, 9, domain=[points[0], points[-1]])
    return series, float(np.abs(series(points) - values).max())


def _inside(series: Any, low: float, high: float) -> Any:
    """Return the real roots of a polynomial in an interval."""
    roots = series.roots()
    real = roots[np.abs(np.imag(roots)) <= 1e-9 * (high - low)].real
    return np.sort(real[(real >= low) & (real <= high)])


def crossing(f: Function, a: tuple[float, float], b: tuple[float, float], level: float) -> tuple[float, bool]:
    """Return where f first meets a level between two points on different sides of it, and whether it jumps there.

    Parameters
    ----------
    a, b : (point, value)
        The level lies between the values; a's value is not the level.
    """
    (low, v_low), (high, v_high) = a, b
    jumps = False
    while high - low > 1e-12 * max(abs(high), 1e-300):
        points = np.linspace(low, high, INSIDE + 2)
        values = np.concatenate([[v_low], np.asarray(f(points[1:-1]), dtype=float), [v_high]])
        k = int(np.argmax(np.sign(values[1:] - level) != np.sign(v_low - level)))
        found = _root(points, values, k, level)
        if found is not None:
            return found, False
        jumps = abs(values[k + 1] - values[k]) > 0.5 * abs(v_high - v_low)
        low, v_low, high, v_high = points[k], values[k], points[k + 1], values[k + 1]
    if jumps and abs(v_high - v_low) > 1e-9 * max(abs(v_low), abs(v_high)):
        return float(high), True
    return float(low + (high - low) * (level - v_low) / (v_high - v_low)), False


def _root(points: Any, values: Any, k: int, level: float) -> float | None:
    """Return the root in step k of a polynomial through the points, where that is as exact as time itself is."""
    if not np.isfinite(values).all():
        return None
    series, missed = _fit(points, values)
    step, change = points[k + 1] - points[k], abs(values[k + 1] - values[k])
    if not (missed <= 1e-3 * change and missed * step <= 1e-12 * change * max(abs(points[k + 1]), 1e-300)):
        return None
    roots = _inside(series - level, points[k] - 1e-9 * step, points[k + 1] + 1e-9 * step)
    return float(np.clip(roots[0], points[k], points[k + 1])) if len(roots) else None
