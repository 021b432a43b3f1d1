"""Output times as SED-ML says them: runs of equally spaced times, each one uniform time course."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sbmlqsp.errors import UnsupportedError

__all__ = ["MOST_PARTS", "Grid", "grids_of"]

SAME = 1e-12
"""By what part of the last time computed and asked times may differ: rounding alone."""
MOST_PARTS = 25
"""So many time courses may stand for the times of one experiment."""


@dataclass(frozen=True, slots=True)
class Grid:
    """``steps + 1`` equally spaced times."""

    start: float
    end: float
    steps: int

    def times(self) -> list[float]:
        """Return the times as tools compute them."""
        step = (self.end - self.start) / self.steps
        return [self.start + k * step for k in range(self.steps)] + [self.end]


def grids_of(times: Sequence[float], *, where: str) -> list[Grid]:
    """Return the fewest runs of equally spaced times, from the left; one time left over goes with the one before it.

    Raises
    ------
    UnsupportedError
        There is one time only, or more than 25 runs would be needed.

    Examples
    --------
    >>> grids_of([0, 1, 2, 4, 6, 24], where="here")
    [Grid(start=0, end=2, steps=2), Grid(start=4, end=6, steps=1), Grid(start=6, end=24, steps=1)]
    """
    if len(times) < 2:
        raise UnsupportedError("SED-ML has no course of a single time", value=list(times), where=where,
                               remedy="ask for one more time, such as 0")  # fmt: skip
    out, i = list[Grid](), 0
    while i < len(times):
        if i == len(times) - 1:
            i -= 1
        j = i + 1
        while j + 1 < len(times) and _uniform(times[i : j + 2]):
            j += 1
        out.append(Grid(times[i], times[j], j - i))
        i = j + 1
    if len(out) > MOST_PARTS:
        raise UnsupportedError(
            f"the times are so uneven that SED-ML needs {len(out)} time courses for them", where=where,
            expected=f"at most {MOST_PARTS} stretches of equally spaced times",
            remedy='ask for times on a grid that holds them, such as "0:84 day by 0.5"',
        )  # fmt: skip
    return out


def _uniform(times: Sequence[float]) -> bool:
    grid = np.linspace(times[0], times[-1], len(times))
    return bool((np.abs(grid - times) <= SAME * abs(times[-1])).all())
