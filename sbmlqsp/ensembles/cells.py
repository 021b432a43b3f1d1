"""The values of cells at one time, subject by subject, with the standard error of what is computed from them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sbmlqsp.ensembles.ends import BY
from sbmlqsp.errors import DataError
from sbmlqsp.results import as_results, failed, good_values
from sbmlqsp.units import in_unit

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import xarray as xr
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["Cells", "cells_of", "half_width", "standard_error", "times_of"]


@dataclass(frozen=True)
class Cells:
    """Cells at one time.

    Parameters
    ----------
    about : dict
        Experiment, perhaps subject, time, and how many cells there are: n with a value, n_failed, n_ended by a fate.
    x : array of shape (cells, observables)
    whose : array of int
        The place of the subject of each cell.
    """

    about: dict[str, Any]
    x: Floats
    whose: NDArray[np.int64]


def times_of(ds: xr.Dataset, at: float | str | Sequence[float] | None) -> list[int]:
    """Return the places of times on the grid, all where none is asked for; `DataError` for one that is not on it."""
    grid = ds["time"].to_numpy()
    if at is None:
        return list(range(len(grid)))
    unit = str(ds["time"].attrs.get("units", ""))
    wanted = [in_unit(at, unit)] if isinstance(at, str | int | float) else [float(t) for t in at]
    places = []
    for time in wanted:
        i = int(np.abs(grid - time).argmin())
        if not abs(grid[i] - time) <= 1e-9 * max(1.0, abs(time)):
            raise DataError("the results have no such time", value=time, expected=f"one of their {len(grid)} times",
                            remedy=f"the nearest is {grid[i]:g}; or ask for it in the experiment's times")  # fmt: skip
        places.append(i)
    return places


def cells_of(
    ds: xr.Dataset, names: Sequence[str], *, by: str, at: float | str | Sequence[float] | None
) -> Iterator[Cells]:
    """Yield the cells of each experiment (and subject) and time that have a value of every observable.

    Times that an experiment did not ask for, or at which no cell is left, are passed over where all times are wanted.
    """
    ds = as_results(ds)
    if by not in BY:
        raise DataError(f"cells cannot be taken together by '{by}'", expected=" or ".join(map(repr, BY)))
    values = np.stack([good_values(ds, name) for name in names], axis=-1)
    lost, time, subjects = failed(ds), ds["time"].to_numpy(), ds["subject"].to_numpy()
    ended = _ended(ds)
    groups = [slice(None)] if by == "experiment" else [slice(i, i + 1) for i in range(len(subjects))]
    for e, label in enumerate(ds["experiment"].to_numpy().tolist()):
        for who in groups:
            name = {"n_subjects": len(subjects)} if by == "experiment" else {"subject": subjects[who].tolist()[0]}
            for t in times_of(ds, at):
                here = values[e, who, :, t]
                there = np.isfinite(here).all(axis=-1)
                if at is None and not there.any():
                    continue
                place, _ = np.nonzero(there)
                count = {"n": len(place), "n_failed": int(lost[e, who].sum()),
                         "n_ended": int((~lost[e, who] & (ended[e, who] <= time[t])).sum())}  # fmt: skip
                yield Cells({"experiment": label} | name | {"time": float(time[t])} | count, here[there], place)


def _ended(ds: xr.Dataset) -> Floats:
    """Return when a fate ended each cell, infinity for never."""
    if "fate_time" not in ds:
        return np.full([ds.sizes[d] for d in ("experiment", "subject", "replicate")], math.inf)
    time = np.asarray(ds["fate_time"].to_numpy(), dtype=float)
    return np.where(np.isfinite(time), time, math.inf)


def standard_error(influence: Floats, whose: NDArray[np.int64]) -> tuple[float, int]:
    """Return the standard error of a statistic by the influence of each cell, and its degrees of freedom.

    Cells of one subject are independent. Of several, the sums over each subject are, so that the error holds what
    subjects differ by.
    """
    n = len(influence)
    subjects = np.bincount(whose, influence)[np.bincount(whose) > 0] if n else np.empty(0)
    terms = influence if len(subjects) == 1 else subjects
    m = len(terms)
    if m < 2:
        return math.nan, 0
    # Influences add up to zero over all cells, so that no mean is to be taken away.
    return math.sqrt(m / (m - 1) * float((terms**2).sum())) / n, m - 1


def half_width(error: float, freedom: int, confidence: float) -> float:
    """Return half of the interval around an estimate, by Student's distribution."""
    from scipy.special import stdtrit

    return float(stdtrit(freedom, (1 + confidence) / 2)) * error if freedom > 0 else math.nan
