"""When a formula of time alone changes its sign: every time of a run, found by interval arithmetic.

Where the interval of values over a stretch of time excludes zero, nothing happens there; other stretches are split
until they are too short to matter. Moore RE, Kearfott RB, Cloud MJ (2009), Introduction to Interval Analysis.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import reduce
from itertools import pairwise
from typing import Any

import numpy as np

from sbmlqsp.errors import UnsupportedError
from sbmlqsp.expressions import Expr, evaluate

__all__ = ["can_follow", "sign_changes"]

FIRST = 256
"""Into how many stretches a run is split at first."""
PARTS = 4
"""Into how many parts each of those is split that may hold a change."""
SHORTEST = 1e-10
"""As a share of the run: a condition that holds for less is passed over."""
MOST = 100_000
"""How many stretches may be left; where there are more, the formula changes its sign too often, or is zero for long."""
ROUNDING = 1e-15
"""What an operation may be off by, relatively."""

PARTLY = frozenset({"ln", "log", "log10", "sqrt", "pow", "root"})
"""What has no value where its argument is below zero."""

Range = tuple[Any, Any]


def can_follow(expr: Expr) -> bool:
    """Return whether all operators of a formula are known here."""
    leaves = {"num", "sym", "time", "avogadro", "amount", "concentration"}
    if not expr.has("time"):
        return not expr.has("delay", "rateOf")
    return expr.op in leaves or (expr.op in _RANGES and all(map(can_follow, expr.args)))


def sign_changes(gap: Expr, env: Mapping[str, Any], end: float) -> list[float]:
    """Return the times after 0 and up to an end at which a formula of time leaves the side of zero it was on.

    Raises
    ------
    UnsupportedError
        There are too many.

    Examples
    --------
    >>> from sbmlqsp.expressions import parse_formula
    >>> sign_changes(parse_formula("time^2 - c"), {"c": 9.0}, 10.0)
    [3.0]
    """
    if not 0 < end < math.inf:
        return []
    points = _suspects(gap, env, end)
    sides = _side(gap, env, points)
    known = np.flatnonzero(sides)
    turns = [(i, j) for i, j in pairwise(known) if sides[i] != sides[j]]
    return [_first(gap, env, float(points[i]), float(points[j])) for i, j in turns]


def _side(gap: Expr, env: Mapping[str, Any], time: Any) -> Any:
    """Return the signs of a formula at some times, and 2 where it has no value."""
    values = np.broadcast_to(np.asarray(evaluate(gap, env, time=time), dtype=float), np.shape(time))
    return np.where(np.isnan(values), 2.0, np.sign(values))


def _suspects(gap: Expr, env: Mapping[str, Any], end: float) -> Any:
    """Return the ends of all stretches in which the sign may change, increasing, with both ends of the run."""
    edges = np.linspace(0.0, end, FIRST + 1)
    low, high = edges[:-1], edges[1:]
    while True:
        least, most = _range(gap, env, (low, high))
        open_ = (least <= 0) & (most >= 0) & np.ones(len(low), dtype=bool)
        low, high = low[open_], high[open_]
        if not len(low) or (high - low).max() <= SHORTEST * end:
            # What numpy has for this opens files on its first use, which the guarded process does not.
            return np.array(sorted({0.0, *low.tolist(), *high.tolist(), end}))
        if len(low) * PARTS > MOST:
            raise UnsupportedError(
                "a condition on time changes too often to be followed, or is at its threshold for long",
                value=str(gap), remedy="shorten the run, or write the condition in another way",
            )  # fmt: skip
        split = low[:, None] + (high - low)[:, None] * np.arange(PARTS + 1) / PARTS
        split[:, -1] = high
        low, high = split[:, :-1].ravel(), split[:, 1:].ravel()


def _first(gap: Expr, env: Mapping[str, Any], low: float, high: float) -> float:
    """Return the first number after the change of sign between two times, to the last bit."""
    before = _side(gap, env, low)
    while low < (middle := 0.5 * (low + high)) < high:
        if _side(gap, env, middle) == before:
            low = middle
        else:
            high = middle
    return high


# -------------------------------------------------------------------------------------------------------------- ranges
def _range(expr: Expr, env: Mapping[str, Any], time: Range) -> Range:
    """Return the least and the largest that a formula may be over stretches of time."""
    if expr.op == "time":
        return time
    if not expr.has("time"):
        value = float(evaluate(expr, env))
        return value, value
    ranges = [_range(a, env, time) for a in expr.args]
    with np.errstate(all="ignore"):
        low, high = _RANGES[expr.op](*ranges)
    # Beyond all values of a root or a logarithm there is none; else what is not known here, as 0*inf, may be anything.
    none = reduce(np.logical_or, [np.isnan(r[0]) for r in ranges], expr.op in PARTLY and np.isnan(high))
    wrong = np.isnan(low) | np.isnan(high)
    low, high = np.where(wrong, -np.inf, low), np.where(wrong, np.inf, high)
    low, high = low - ROUNDING * np.abs(low), high + ROUNDING * np.abs(high)
    return np.where(none, np.nan, low), np.where(none, np.nan, high)


def _hull(*values: Any) -> Range:
    """Return the least and the largest of several values; NaN where one is."""
    return reduce(np.minimum, values), reduce(np.maximum, values)


def _sum(*terms: Range) -> Range:
    return sum(t[0] for t in terms), sum(t[1] for t in terms)


def _product(*factors: Range) -> Range:
    return reduce(lambda a, b: _hull(a[0] * b[0], a[0] * b[1], a[1] * b[0], a[1] * b[1]), factors)


def _quotient(a: Range, b: Range) -> Range:
    holds = (np.asarray(b[0]) <= 0) & (np.asarray(b[1]) >= 0)
    low, high = _hull(
        a[0] / np.asarray(b[0]), a[0] / np.asarray(b[1]), a[1] / np.asarray(b[0]), a[1] / np.asarray(b[1])
    )
    return np.where(holds, -np.inf, low), np.where(holds, np.inf, high)


def _power(base: Range, exponent: Range) -> Range:
    p = exponent[0]
    if np.ndim(p) == 0 and exponent[1] == p and float(p).is_integer():
        low, high = _hull(np.power(base[0], p), np.power(base[1], p))
        across = (np.asarray(base[0]) <= 0) & (np.asarray(base[1]) >= 0)
        if p < 0:
            return np.where(across, -np.inf, low), np.where(across, np.inf, high)
        return (np.where(across, 0.0, low), high) if p % 2 == 0 and p else (low, high)
    # A negative number has no broken power.
    return _rising(np.exp)(_product(exponent, _logarithm(base)))


def _rising(function: Callable[[Any], Any]) -> Callable[[Range], Range]:
    return lambda a: (function(a[0]), function(a[1]))


def _logarithm(a: Range) -> Range:
    return np.log(np.maximum(a[0], 0.0)), np.log(a[1])


def _even(a: Range) -> Range:
    low, high = _hull(np.abs(a[0]), np.abs(a[1]))
    return np.where((np.asarray(a[0]) <= 0) & (np.asarray(a[1]) >= 0), 0.0, low), high


def _wave(function: Callable[[Any], Any], top: float) -> Callable[[Range], Range]:
    """Return the ranges of a sine, or of a cosine, whose largest value is at a phase ``top``."""

    def of(a: Range) -> Range:
        low, high = _hull(function(a[0]), function(a[1]))
        for phase, extreme in ((top, 1.0), (top + math.pi, -1.0)):
            # One that is within rounding of an end counts as within.
            next_ = phase + 2 * math.pi * np.ceil((np.asarray(a[0]) - phase) / (2 * math.pi) - 1e-9)
            met = next_ <= np.asarray(a[1]) + 1e-9 * np.maximum(1.0, np.abs(a[1]))
            low = np.where(met & (extreme < 0), -1.0, low)
            high = np.where(met & (extreme > 0), 1.0, high)
        return low, high

    return of


_RANGES: dict[str, Callable[..., Range]] = {
    "add": _sum,
    "sub": lambda a, b: (a[0] - b[1], a[1] - b[0]),
    "neg": lambda a: (-a[1], -a[0]),
    "mul": _product,
    "div": _quotient,
    "pow": _power,
    "root": lambda n, a: _power(a, _quotient((1.0, 1.0), n)),
    "log": lambda base, a: _quotient(_logarithm(a), _logarithm(base)),
    "abs": _even,
    "cosh": lambda a: _rising(np.cosh)(_even(a)),
    "sin": _wave(np.sin, math.pi / 2),
    "cos": _wave(np.cos, 0.0),
    "ln": _logarithm,
    **{n: _rising(getattr(np, n)) for n in ("exp", "log10", "sqrt", "sinh", "tanh")},
    **{n: _rising(getattr(np, n.replace("a", "arc", 1))) for n in ("atan", "asinh")},
}
