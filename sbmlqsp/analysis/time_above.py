"""How long a curve stays above a level within its last dosing interval, and how well its output times tell."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sbmlqsp.errors import DataError
from sbmlqsp.exposure.areas import tolerance
from sbmlqsp.exposure.measures import with_values_before_doses
from sbmlqsp.results import asked, dose_calendar, good_values

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["Interval", "every_second", "interval_of", "share_above"]


@dataclass(frozen=True)
class Interval:
    """The curves of one experiment within a dosing interval, with the values before and after each bolus.

    ``time`` has shape (times,) and ``curves`` (runs, times); ``marks`` are the times at which a curve may turn or jump.
    """

    time: Floats
    curves: Floats
    marks: Floats

    @property
    def length(self) -> float:
        """How long the interval is, in the unit of time of the results."""
        return float(self.time[-1] - self.time[0])

    def shares(self, levels: Floats) -> tuple[Floats, Floats]:
        """Return the share of the interval above each level, and by how much it changes with half of the times.

        Returns
        -------
        tuple of arrays of shape (runs, levels)
            NaN for a run with a missing value.
        """
        keep = every_second(self.time, self.marks)
        if keep.all():
            raise DataError("the output times are too few to tell how long a curve is above a level",
                            value=len(self.time), remedy="ask for more times within the dosing interval")  # fmt: skip
        whole = share_above(self.time, self.curves, levels)
        return whole, np.abs(whole - share_above(self.time[keep], self.curves[:, keep], levels))


def share_above(time: Floats, curves: Floats, levels: Floats) -> Floats:
    """Return the share of the time that curves are above levels, of shape (runs, levels).

    A step that crosses a level is taken as exponential where it falls and both its ends are above zero, else as
    straight, as for areas; so a curve of one exponential is measured without error.
    """
    before, after, step = curves[:, :-1], curves[:, 1:], np.diff(time)
    out = np.empty((len(curves), len(levels)))
    with np.errstate(divide="ignore", invalid="ignore"):
        for j, level in enumerate(levels):
            straight = (np.maximum(before, after) - level) / np.abs(after - before)
            curved = (after < before) & (after > 0)
            part = np.where(curved, np.log(before / level) / np.log(before / after), straight)
            high, low = (before > level) & (after > level), (before <= level) & (after <= level)
            part = np.where(high, 1.0, np.where(low, 0.0, part))
            out[:, j] = np.where(np.isfinite(curves).all(axis=1), (part * step).sum(axis=1), np.nan)
    return np.asarray(out / (time[-1] - time[0]))


def every_second(time: Floats, marks: Floats) -> NDArray[np.bool_]:
    """Return which times are left when every second between marks, ends and jumps is taken away."""
    fixed = np.zeros(len(time), bool)
    fixed[[0, -1]] = True
    twice = np.diff(time) == 0
    fixed[1:] |= twice
    fixed[:-1] |= twice
    fixed |= (np.abs(time[:, None] - marks) <= tolerance(time)).any(axis=1)
    place = np.arange(len(time))
    return np.asarray(fixed | ((place - np.maximum.accumulate(np.where(fixed, place, 0))) % 2 == 0))


def marks_of(doses: list[dict[str, Any]]) -> Floats:
    """Return the times at which doses begin and end."""
    begins = np.array([float(d["time"]) for d in doses])
    return np.concatenate([begins, begins + np.array([float(d.get("duration") or 0.0) for d in doses])])


def interval_of(
    ds: xr.Dataset, e: int, observable: str, *, interval: float | None, after: float | None, target: str | None
) -> Interval:
    """Return the curves of an experiment within the last dosing interval that was observed whole.

    Raises
    ------
    DataError
        There is no dosing interval, none was observed whole, or it begins or ends between output times.
    """
    name = str(ds["experiment"].to_numpy()[e])
    _refuse_values_before_doses(ds, name)
    wanted = asked(ds)[e]
    time, curves = ds["time"].to_numpy()[wanted], good_values(ds, observable)[e].reshape(-1, len(wanted))[:, wanted]
    doses = [d for d in dose_calendar(ds.isel(experiment=[e])) if target in {None, d.get("target")}]
    begins = np.unique([float(d["time"]) for d in doses])
    start, end = _ends(time, begins, interval=interval, after=after, arm=name)
    close = tolerance(time)
    # A bolus at the end belongs to the next interval: of the two values there, the first counts.
    boluses = np.array([float(d["time"]) for d in doses if not d.get("duration")])
    time, curves = with_values_before_doses(time, curves, boluses[boluses > start + close])
    first, last = (np.abs(time - start) <= close), (np.abs(time - end) <= close)
    if not (first.any() and last.any()):
        raise DataError(
            "the dosing interval begins or ends between output times", value=(start, end), where=f"the arm '{name}'",
            remedy="ask for output at the times of doses and one interval after the last",
        )  # fmt: skip
    inside = slice(int(np.flatnonzero(first)[-1]), int(np.flatnonzero(last)[0]) + 1)
    return Interval(time[inside], curves[:, inside], marks_of(doses))


def _refuse_values_before_doses(ds: xr.Dataset, arm: str) -> None:
    made = json.loads(ds.attrs.get("provenance") or "{}").get("inputs", {}).get("experiments", [])
    if any(m.get("id") == arm and m.get("at_dose") == "before" for m in made if isinstance(m, dict)):
        raise DataError(
            "the values at dose times are those before the dose, so the beginning of the interval is not known",
            where=f"the arm '{arm}'", remedy="run it with at_dose='after'",
        )  # fmt: skip


def _ends(
    time: Floats, begins: Floats, *, interval: float | None, after: float | None, arm: str
) -> tuple[float, float]:
    where, close = f"the arm '{arm}'", tolerance(time)
    gaps = np.diff(begins)
    if interval is None and not len(gaps):
        raise DataError("there is no dosing interval", where=where, remedy='give it, as interval="24 h"')
    length = float(gaps[-1]) if interval is None else interval
    if not length > 0:
        raise DataError("the dosing interval is not positive", value=interval)
    first = -np.inf if after is None else after - close
    starts = begins if len(begins) else time[:1]
    starts = starts[(starts >= first) & (starts >= time[0] - close) & (starts + length <= time[-1] + close)]
    if not len(starts):
        raise DataError("no dosing interval was observed whole", value=length, where=where,
                        remedy="ask for output until one interval after the last dose")  # fmt: skip
    return float(starts[-1]), float(starts[-1]) + length
