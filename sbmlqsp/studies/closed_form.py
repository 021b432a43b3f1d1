"""The share of cells beyond a threshold in closed form, and whether what it takes for granted holds in the cells.

A signal at rest that is made in large bursts, of transcripts that live shortly, is Gamma distributed over cells
(Friedman, Cai and Xie 2006, https://doi.org/10.1103/PhysRevLett.97.168302): the share beyond a threshold is Q(shape,
threshold / scale), the regularised upper incomplete gamma function.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sbmlqsp.errors import DataError, StudyError, located
from sbmlqsp.observation import Observable
from sbmlqsp.results import good_values

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import NDArray

    from sbmlqsp.studies.keys import Keys

    Floats = NDArray[np.float64]

__all__ = ["ClosedForm", "read_closed_form"]

LIFETIMES = 5.0
"""For so many lifetimes of the signal before the moment the drug must have been at rest."""
MOVED = 0.02
"""By at most this the closed form may have moved in that time."""


@dataclass(frozen=True)
class ClosedForm:
    """The formulas that the closed form reads from the model, and its conditions beyond rest."""

    shape: str
    scale: str
    threshold: str
    lifetime: str
    holds: tuple[str, ...] = ()

    @property
    def observables(self) -> tuple[Observable, ...]:
        """What cells are asked for."""
        formulas = {"_shape": self.shape, "_scale": self.scale, "_threshold": self.threshold,
                    "_lifetime": self.lifetime}  # fmt: skip
        formulas |= {f"_holds{i}": f"piecewise(1, {c}, 0)" for i, c in enumerate(self.holds)}
        return tuple(Observable(k, formula=f) for k, f in formulas.items())

    @property
    def text(self) -> str:
        """How it is written."""
        return f"Q({self.shape}, {self.threshold} / {self.scale})"

    def of(self, ds: xr.Dataset, e: int, until: int) -> dict[str, Any]:
        """Return the share in one arm at a time of the grid, whether the conditions hold, and why not."""
        shares = self._shares(ds, e)[:, : until + 1]
        time = ds["time"].to_numpy()[: until + 1]
        lifetime = float(np.nanmax(_runs(ds, "_lifetime", e)[:, until])) * self._clock(ds)
        why = []
        if lifetime > 0 and (past := (time[-1] - time[0]) / lifetime) < LIFETIMES * (1 - 1e-9):
            why.append(f"the signal has had {past:.1f} of its lifetimes, of {LIFETIMES:g}, to come to rest")
        window = time >= time[-1] - LIFETIMES * lifetime * (1 + 1e-9)
        moved = np.nanmean(np.abs(shares - shares[:, -1:]), axis=0)[window]
        if (most := float(moved.max())) > MOVED and not why:
            points = f"{100 * most:.0f} percentage points"
            why.append(f"the drug has moved it by {points} within {LIFETIMES:g} lifetimes of the signal")
        for i, condition in enumerate(self.holds):
            if not (_runs(ds, f"_holds{i}", e)[:, until] == 1).all():
                why.append(f"{condition} is not so")
        return {"closed_form": float(shares[:, -1].mean()), "closed_form_holds": not why, "why_not": "; ".join(why)}

    def _shares(self, ds: xr.Dataset, e: int) -> Floats:
        """Return the closed form of every cell over time: each has a threshold, and each subject a drug, of its own."""
        from scipy.special import gammaincc

        shape, scale, threshold = (_runs(ds, f"_{n}", e) for n in ("shape", "scale", "threshold"))
        for formula, values in ((self.shape, shape), (self.scale, scale)):
            if not np.nanmin(values) > 0:
                raise DataError("the closed form needs a shape and a scale above zero",
                                value=f"{formula} = {np.nanmin(values):g}")  # fmt: skip
        factor = _factor(ds, "_threshold", "_scale")
        return np.asarray(gammaincc(shape, np.maximum(threshold * factor, 0.0) / scale), dtype=np.float64)

    def _clock(self, ds: xr.Dataset) -> float:
        return _factor(ds, "_lifetime", "time")


def _runs(ds: xr.Dataset, name: str, e: int) -> Floats:
    """Return the values of the cells of an arm that ran, of shape (cells, times)."""
    values = good_values(ds, name)[e].reshape(-1, ds.sizes["time"])
    kept = values[np.isfinite(values).any(axis=1)]
    if not len(kept):
        raise DataError(
            "no cell has run, so that there is nothing to compare", where=str(ds["experiment"].to_numpy()[e])
        )
    return np.asarray(kept, dtype=np.float64)


def _factor(ds: xr.Dataset, name: str, other: str) -> float:
    from sbmlqsp.units import convert

    own, wanted = (str(ds[n].attrs.get("units", "")) for n in (name, other))
    return float(convert(1.0, own, wanted)) if own and wanted else 1.0


def read_closed_form(keys: Keys) -> ClosedForm | None:
    """Return the closed form that a table of keys states, None where it is empty.

    Raises
    ------
    StudyError, ObservableError
        A formula is missing or cannot be read.
    """
    given = {k: keys.take(k, str) for k in ("shape", "scale", "threshold", "lifetime")}
    holds = keys.texts("holds")
    keys.done()
    if not holds and all(v is None for v in given.values()):
        return None
    examples = {"shape": "death.a", "scale": "death.b", "threshold": "threshold", "lifetime": "1/death.g"}
    for key, value in given.items():
        if not value:
            raise StudyError(f"'{key}' is missing", where=keys.where, remedy=f'write {key} = "{examples[key]}"')
    form = ClosedForm(**{k: str(v) for k, v in given.items()}, holds=holds)
    with located(keys.where):
        _ = form.observables
    return form
