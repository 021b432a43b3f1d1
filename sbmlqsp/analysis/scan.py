"""A response scanned over all sizes of its driver: where it meets a target, how far it goes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from sbmlqsp.analysis.answer import Answer, said
from sbmlqsp.analysis.course import finite
from sbmlqsp.analysis.numeric import Piece, peaks, resolved, size_of, turns
from sbmlqsp.analysis.response import Response
from sbmlqsp.errors import ExperimentError

__all__ = ["Scan"]

DECADES = 9  # how far beyond the model's own values
SAME = 1e-9  # values closer than this, relatively, are one
TIES = 1e-10  # of tops closer than this, relatively, the first counts
FLAT = 1e-12  # a change over a decade that is none
FARTHEST = 60  # decades, where a value costs next to nothing
ROUNDED = 1e-3  # of all that was seen: how large a response counts at least, since it has rounding errors of that size


@dataclass(frozen=True)
class Best:
    """The best value of a response and where it is, with what else to know; or the reason why there is none."""

    value: float = math.nan
    place: float = math.nan
    note: str = ""
    missing: str = ""
    reason: str = ""


class Scan:
    """A response, and the range of its driver: from ``between``, or from zero to far beyond the model's values."""

    def __init__(self, response: Response, between: tuple[float, float] | None) -> None:
        self.response = response
        self.open = between is None
        if between is None:
            least, largest = response.scale()
            self.low, self.high, first = 0.0, largest * 10.0**DECADES, least * 10.0**-DECADES
            self._beyond = largest
        else:
            self.low, self.high = _range(between)
            first = self.low or self.high * 1e-12
        self.x, self.y = self._points(first)
        self._limited: float | None = self._limit() if self.open else None

    def _points(self, first: float) -> tuple[Any, Any]:
        """Return driver values and responses, close enough together that its turns show."""
        response = self.response
        a, b = math.log10(first), math.log10(self.high)
        u = np.linspace(a, b, max(9, round((1 if response.costly else 4) * (b - a)) + 1))
        y = self._at(u)
        if np.isfinite(y).any():
            # A tail that falls for many decades is not worth many simulations.
            least = 0.0 if response.static else 1e-3 * size_of(y)
            [(u, y)] = resolved(self._at, [(u, y)], rounds=5, least=least)
        x = 10.0**u
        if self.low == 0:
            x, y = np.insert(x, 0, 0.0), np.insert(y, 0, response.one(0.0))
        good = np.isfinite(y)
        if good.any():
            return x[good], y[good]
        if response.reasons:
            raise response.failure()
        raise ExperimentError(
            f"'{response.o.id}' is not a number at any {response.driver} from {self.low:g} to {self.high:g}",
            remedy="look for a division by zero in the formula",
        )

    def _at(self, u: Any) -> Any:
        return self.response(10.0 ** np.asarray(u))

    @property
    def start(self) -> float:
        """The response at the low end of the range: without driver, where that is zero."""
        return float(self.y[0])

    # ------------------------------------------------------------------------------------------------------- target
    def first(self, goal: float, text: str, *, jumps: bool = False) -> Answer:
        """Return the smallest driver at which the response is a value or, where ``jumps``, passes it in a jump."""
        unit = self.response.driver_unit
        x, y = self._with_peaks(goal)
        if abs(self.start - goal) <= 1e-13 * max(abs(goal), abs(self.start)):
            return Answer(float(x[0]), unit, text, at=float(x[0]), at_unit=unit)
        side = np.sign(y - goal)
        if self._fades_into(goal):
            side = np.where(np.abs(y - goal) <= SAME * max(abs(goal), self._size()), side[0], side)
        change = np.flatnonzero(side[1:] != side[0])
        if not len(change):
            nearest = float(x[int(np.argmin(np.abs(y - goal)))])
            return Answer.impossible(text, self._reach(goal), unit=unit, at=nearest, at_unit=unit)
        k = int(change[0])
        found, gap = self._root(float(x[k]), float(x[k + 1]), float(y[k + 1]), goal)
        if gap:
            return Answer.impossible(text, gap, unit=unit, at=found, at_unit=unit)
        # What happens within rounding of zero happens there.
        found = 0.0 if x[k] == 0 and found < 1e-12 * x[k + 1] else found
        jump = self._jump(found, (x[k : k + 2], y[k : k + 2]), goal)
        if jump and not jumps:
            return Answer.impossible(text, jump, unit=unit, at=found, at_unit=unit)
        return Answer(found, unit, "; ".join(filter(None, (text, jump))), at=found, at_unit=unit)

    def _root(self, low: float, high: float, at_high: float, goal: float) -> tuple[float, str]:
        """Return where the response is a value, or where it has none on the way there, and that it has none."""
        from scipy.optimize import brentq

        if at_high == goal:
            return high, ""
        last = [low]

        def gap(x: float) -> float:
            last[0] = x
            return self.response.one(x) - goal

        try:
            return float(brentq(gap, low, high, xtol=1e-15 * (low or high), rtol=1e-14, maxiter=200)), ""
        except ValueError:  # not a number there
            x, r = last[0], self.response
            return x, f"{r.o.id} passes {said(goal, r.unit)} where it has no value: {r.failure(x).what}"

    def _jump(self, x: float, bracket: Piece, goal: float) -> str:
        """Say that the response jumps past a value, where it does."""
        (low, high), values = bracket
        missed = abs(self.response.one(x) - goal)
        if not missed > 1e-6 * max(abs(goal), float(np.ptp(values))):
            return ""
        r = self.response
        beside = [x * (1 - 1e-9) if low > 0 else 0.0, min(x * (1 + 1e-9), high) or high]
        a, b = (said(v, r.unit) for v in r(beside))
        return f"{r.o.id} jumps past {said(goal, r.unit)} near {r.driver} = {said(x, r.driver_unit)}, from {a} to {b}"

    def _with_peaks(self, goal: float) -> tuple[Any, Any]:
        """Return the points with the summits added that lie between them and come to the goal."""
        x, y = self.x, self.y
        added: dict[float, float] = {}
        for sign in (1.0, -1.0):
            gap = sign * (goal - y)
            inner = [k for k in turns(y, sign).tolist() if 0 < k < len(x) - 1 and x[k - 1] > 0 and gap[k] > 0]
            for k in inner:
                near = slice(k - 1, k + 2)
                spread, size = float(np.ptp(y[near])), float(np.abs(y[near]).max())
                if spread <= FLAT * size or gap[k] > 0.5 * spread + 5e-3 * size:
                    continue
                at, value = self._summit(k, sign)
                close = abs(value - goal) <= SAME * max(abs(goal), abs(value))
                added[at] = goal if close else value
        points, values = np.array([*x, *added]), np.array([*y, *added.values()])
        order = np.argsort(points, kind="stable")
        return points[order], values[order]

    def _summit(self, k: int, sign: float) -> tuple[float, float]:
        """Return place and value of a turn of the response near one of its points."""
        if not 0 < k < len(self.x) - 1 or self.x[k - 1] == 0:
            return float(self.x[k]), float(self.y[k])
        near = slice(k - 1, k + 2)
        [(u, value)] = peaks(self._at, [(np.log10(self.x[near]), self.y[near])], sign)
        return float(10.0**u), value

    def _fades_into(self, goal: float) -> bool:
        """Say whether a value is the one that the response levels off at."""
        limit = self._limited
        return limit is not None and abs(limit - goal) <= SAME * max(abs(limit), self._size())

    def _size(self) -> float:
        """Return how large the response is beyond the model's own values of the driver.

        Of a response that starts out huge and falls, what is small there is not nothing: least of all where it is
        without end at zero, and so no sum of something large that is there without driver.
        """
        beyond = size_of(self.y[self.x >= self._beyond])
        return max(beyond, ROUNDED * size_of(self.y)) if self.x[0] == 0 else beyond

    def _reach(self, goal: float) -> str:
        """Say how far the response goes towards a value that it does not meet."""
        r, limit = self.response, self._limited
        sign = math.copysign(1.0, goal - self.start)
        k = int(np.argmax(sign * self.y))
        at, best = self._summit(k, sign)
        missing = "; ".join(filter(None, ("", self._missing())))
        if self._fades_into(goal):
            return f"{r.o.id} only approaches {said(goal, r.unit)} as {r.driver} grows without end{missing}"
        place = f"at {r.driver} = {said(at, r.driver_unit)}"
        if limit is not None and sign * limit >= sign * best - SAME * abs(best):
            best, place = limit, f"as {r.driver} grows without end"
        bound = "at most" if sign > 0 else "no less than"
        return f"{r.o.id} reaches {bound} {said(best, r.unit)}, {place}; {said(goal, r.unit)} is needed{missing}"

    def _missing(self) -> str:
        """Say where there is no value, where that is so somewhere."""
        r = self.response
        if not r.reasons:
            return ""
        x, why = next(iter(r.reasons.items()))
        more = f" nor at {len(r.reasons) - 1} others" if len(r.reasons) > 1 else ""
        return f"there is no value at {r.driver} = {x:g}{more}: {why}"

    # ------------------------------------------------------------------------------------------------------ maximum
    def _limit(self) -> float | None:
        """Return where the response levels off as the driver grows without end, or None.

        A tail that shrinks by the same factor with each decade ends where its geometric series does; two such
        estimates, a decade apart, must agree.
        """
        top = math.log10(float(self.x[-1])) if self.x[-1] > 0 else 0.0
        tops = np.arange(top, top + FARTHEST, 3.0) if self.response.static else [top]
        for u in tops:
            y = self._at(u + np.arange(-3.0, 1.0))
            if not np.isfinite(y).all():
                return None
            size = max(self._size(), size_of(y))
            steps = np.diff(y)
            if abs(steps[-1]) <= FLAT * size:
                return float(y[-1])
            ratio = steps[1:] / steps[:-1] if steps[:-1].all() else np.ones(2)
            if (np.abs(ratio) < 0.9).all():
                ends = y[2:] + steps[1:] * ratio / (1.0 - ratio)
                if abs(ends[1] - ends[0]) <= SAME * max(abs(ends[1]), size):
                    return float(ends[1]) if abs(ends[1]) > SAME * size else 0.0
        return None

    def best(self, sign: float) -> Best:
        """Return the maximum of ``sign`` times the response and the smallest driver at which it is."""
        r, limit = self.response, self._limited
        s = sign * self.y
        if self._constant():
            return Best(reason=f"{r.o.id} does not depend on {r.driver}: it is {said(self.start, r.unit)} throughout")
        rivals = []
        for k in turns(self.y, sign).tolist():
            near = slice(max(k - 1, 0), k + 2)
            if s.max() - s[k] <= 0.5 * float(np.ptp(s[near])) + 5e-3 * size_of(s[near]):
                rivals.append((k, *self._summit(k, sign)))
        top = max(sign * value for _, _, value in rivals)
        k, place, value = next(rival for rival in rivals if top - sign * rival[2] <= TIES * abs(top))
        if self.open and limit is not None and k and sign * limit >= top - SAME * max(abs(top), abs(top - s[0])):
            return Best(reason=f"{r.o.id} only approaches {said(limit, r.unit)} as {r.driver} grows without end")
        if self.open and k == len(self.x) - 1:
            there = f"{said(value, r.unit)} at {r.driver} = {said(place, r.driver_unit)}"
            return Best(reason=f"{r.o.id} goes on and on: it is {there} and still moves")
        ends = {0: ", the low end of the range", len(self.x) - 1: ", the high end of the range"}
        return Best(value, place, ends.get(k, ""), self._missing())

    def _constant(self) -> bool:
        return float(np.abs(self.y - self.start).max()) <= 1e-13 * size_of(self.y)

    def most(self) -> tuple[float, str]:
        """Return the value farthest from the response without driver, and how it was found; NaN and why not."""
        r, start, limit = self.response, self.start, self._limited
        k = int(np.argmax(np.abs(self.y - start)))
        if self._constant():
            return math.nan, f"{r.o.id} does not depend on {r.driver}: it is {said(start, r.unit)} throughout"
        sign = math.copysign(1.0, self.y[k] - start)
        at, best = self._summit(k, sign)
        if limit is not None and sign * limit >= sign * best - SAME * abs(best - start):
            return limit, f"{said(limit, r.unit)} as {r.driver} grows without end"
        there = f"{said(best, r.unit)} at {r.driver} = {said(at, r.driver_unit)}"
        if k < len(self.x) - 1 or not self.open:
            return best, there
        return math.nan, f"{r.o.id} does not level off: it is {there} and still moves"


def _range(between: tuple[float, float]) -> tuple[float, float]:
    try:
        low, high = between
    except (TypeError, ValueError):
        raise ExperimentError("between is not a range", value=between, expected="(low, high)") from None
    low, high = finite(low, "a bound of between"), finite(high, "a bound of between")
    if not 0 <= low < high:
        raise ExperimentError("the range is empty or negative", value=between, expected="0 ≤ low < high")
    return low, high
