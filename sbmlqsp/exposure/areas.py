"""Curves as they were observed: their areas by the trapezoidal rule, and whether their times lie too far apart."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sbmlqsp.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

__all__ = ["METHODS", "Profiles", "areas", "auc", "cautions", "pack", "tolerance"]

METHODS = ("linear-up log-down", "linear")
COARSE = 0.01  # an area that changes by more when every second time is left out, or a peak that may be higher by more


def auc(time: ArrayLike, conc: ArrayLike, method: str = "linear-up log-down") -> Floats:
    """Return the area under curves, from the first time to the last.

    Parameters
    ----------
    time : array of shape (times,)
        Never falling. A time given twice is a discontinuity and has no area of its own.
    conc : array of shape (..., times)
        One or more curves.
    method : {"linear-up log-down", "linear"}
        The trapezoidal rule; the first takes a step as exponential where the curve falls and both its ends are above
        zero, and as straight where it rises, stays, or touches zero.

    Returns
    -------
    array of shape (...)
        In the unit of ``conc`` times that of ``time``; a number for one curve.

    Raises
    ------
    DataError
        Times that fall, shapes that do not fit, a missing value, or an unknown method.

    References
    ----------
    Gabrielsson J, Weiner D. Methods Mol Biol 2012;929:377-389. doi:10.1007/978-1-62703-050-2_16

    Examples
    --------
    >>> round(float(auc([0, 1, 2], [4.0, 2.0, 1.0])), 6) == round(3 / math.log(2), 6)
    True
    >>> float(auc([0, 1, 2], [4.0, 2.0, 1.0], "linear"))
    4.5
    """
    t, c = np.asarray(time, dtype=float), np.asarray(conc, dtype=float)
    if method not in METHODS:
        raise DataError(f"'{method}' is no way to compute an area", expected=" or ".join(map(repr, METHODS)))
    if t.ndim != 1 or not c.ndim or c.shape[-1] != len(t):
        raise DataError("times and values do not fit each other", value=(t.shape, c.shape), expected="one value a time")
    if not (np.isfinite(t).all() and np.isfinite(c).all()):
        raise DataError("a time or a value is missing", remedy="leave such points out")
    if (np.diff(t) < 0).any():
        raise DataError("the times fall", remedy="sort times and values together")
    return np.asarray(areas(t, c, log=method != "linear").sum(axis=-1))[()]


def areas(t: Floats, c: Floats, *, log: bool = True) -> Floats:
    """Return the area of each step."""
    step, before, after = np.diff(t, axis=-1), c[..., :-1], c[..., 1:]
    area = step * (before + after) / 2
    curved = log & (after < before) & (after > 0)
    high, low = before[curved], after[curved]
    # For a slight fall, log(high / low) would lose the digits that log1p keeps.
    slight = (high - low) < low
    with np.errstate(over="ignore"):
        rate = np.where(slight, np.log1p((high - low) / low), np.log(high) - np.log(low))
    area[curved] = np.broadcast_to(step, area.shape)[curved] * (high - low) / rate
    return np.asarray(area)


def tolerance(time: Floats) -> float:
    """Return how far two times may lie apart and be the same, the sums of intervals being inexact."""
    return 1e-9 * float(np.abs(time).max(initial=0.0))


@dataclass(frozen=True, slots=True)
class Profiles:
    """Curves with their missing values closed up: row i has n[i] points at its left; area is the running one."""

    t: Floats
    c: Floats
    n: NDArray[np.int64]
    area: Floats
    end: float

    def pick(self, values: Floats, index: NDArray[np.int64]) -> Floats:
        """Return one value of each row, NaN where the index is outside it."""
        inside = (index >= 0) & (index < self.n)
        taken = np.take_along_axis(values, np.where(inside, index, 0)[:, None], axis=1)[:, 0]
        return np.where(inside, taken, np.nan)

    def until(self, time: float) -> tuple[Floats, Floats]:
        """Return area to, and value just before, a time; NaN outside of what was observed."""
        close = tolerance(np.array([time, self.end]))
        k = (self.t < time - close).sum(axis=1)
        met = np.abs(self.pick(self.t, k) - time) <= close
        t0, c0, a0 = (self.pick(v, k - 1) for v in (self.t, self.c, self.area))
        t1, c1, a1 = (self.pick(v, k) for v in (self.t, self.c, self.area))
        with np.errstate(divide="ignore", invalid="ignore"):
            part = (time - t0) / (t1 - t0)
            falls = (c1 < c0) & (c1 > 0)
            value = np.where(falls, c0 * (c1 / np.where(falls, c0, 1.0)) ** part, c0 + (c1 - c0) * part)
        rest = areas(np.stack([t0, np.full_like(t0, time)], -1), np.stack([c0, value], -1))[:, 0]
        return np.where(met, a1, a0 + rest), np.where(met, c1, value)


def pack(time: Floats, curves: Floats) -> Profiles:
    """Return curves on one grid as profiles."""
    if not len(time):
        time, curves = np.zeros(1), np.full((len(curves), 1), np.nan)
    missing = np.isnan(curves)
    order = np.argsort(missing, axis=1, kind="stable")
    n = (~missing).sum(axis=1)
    outside = np.arange(len(time)) >= n[:, None]
    t = np.where(outside, math.inf, time[order])
    c = np.where(outside, 0.0, np.take_along_axis(curves, order, axis=1))
    area = np.zeros_like(c)
    steps = areas(np.where(outside, 0.0, t), c)
    np.cumsum(np.where(outside[:, 1:], 0.0, steps), axis=1, out=area[:, 1:])
    return Profiles(t, c, n, area, float(time[-1]))


def cautions(time: Floats, curves: Floats, marks: Floats) -> NDArray[np.object_]:
    """Say of each curve where its times lie too far apart to trust its area or its peak.

    Parameters
    ----------
    time : array of shape (times,)
    curves : array of shape (curves, times)
    marks : array
        Times at which a curve may turn or jump: they are never left out.
    """
    fixed = np.zeros(len(time), bool)
    fixed[:1] = fixed[-1:] = True
    twice = np.diff(time) == 0
    fixed[1:] |= twice
    fixed[:-1] |= twice
    fixed |= (np.abs(time[:, None] - marks) <= tolerance(time)).any(axis=1)
    place = np.arange(len(time))
    keep = fixed | ((place - np.maximum.accumulate(np.where(fixed, place, 0))) % 2 == 0)
    every, second = pack(time, curves), pack(time[keep], curves[:, keep])
    change, rise = _change(every, second), _rise(every, marks)
    something = np.where(np.isfinite(every.t), np.abs(every.c), 0.0).max(axis=1) > 0
    out = []
    for judged, some, area, peak in zip(~keep.all() & (every.n > 2), something, change, rise, strict=True):
        said = [] if judged else ["too few times to judge the areas"]
        said += [f"coarse times: areas change by {100 * area:.2g} % without every second"] if area > COARSE else []
        said += [f"coarse times: cmax may be {100 * peak:.2g} % higher between two"] if peak > COARSE else []
        out.append("; ".join(said) if some else "")
    return np.array(out, dtype=object)


def _change(every: Profiles, second: Profiles) -> Floats:
    """Return by how much, relatively, each area to the last value above zero changes with fewer points."""
    above = second.c > 0
    last = np.where(above.any(axis=1), above.shape[1] - 1 - above[:, ::-1].argmax(axis=1), -1)
    end = second.pick(second.t, last)
    same = (every.t <= end[:, None]).sum(axis=1) - 1
    whole, rough = every.pick(every.area, same), second.pick(second.area, last)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.nan_to_num(np.abs(rough - whole) / np.abs(whole), nan=0.0)


def _rise(p: Profiles, marks: Floats) -> Floats:
    """Return by how much, relatively, the parabola through the highest point and its neighbours rises above it."""
    top = np.where(np.isfinite(p.t), p.c, -math.inf).argmax(axis=1)
    (t0, c0), (t1, c1), (t2, c2) = ((p.pick(p.t, top + k), p.pick(p.c, top + k)) for k in (-1, 0, 1))
    turns = (np.abs(t1[:, None] - marks) <= tolerance(np.array([p.end]))).any(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        rise, fall = (c1 - c0) / (t1 - t0), (c2 - c1) / (t2 - t1)
        slope = (rise * (t2 - t1) + fall * (t1 - t0)) / (t2 - t0)
        higher = slope**2 * (t2 - t0) / (4 * (rise - fall)) / c1
    return np.where(turns | ~np.isfinite(higher), 0.0, higher)
