"""What ended each cell and when, read from results, and until when that is known."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sbmlqsp.errors import DataError, did_you_mean
from sbmlqsp.results import as_results, failed, observable_names

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import xarray as xr
    from numpy.typing import NDArray

__all__ = ["BY", "Ends", "ends_of", "rows_of"]

BY = ("experiment", "subject")


@dataclass(frozen=True)
class Ends:
    """The ends of the cells of one experiment; arrays are of shape (subjects, cells).

    Parameters
    ----------
    experiment : object
        Its label.
    subjects : array
        Their labels.
    known : array of bool
        The cells that did not fail.
    fate : array of object
        The name of what ended a cell, "" for none.
    time : array of float
        When; infinity for a cell that nothing ended.
    last : float
        Until when all of this is known: the end of the run, infinity where no cell is left.
    names : tuple of str
        The fates there could be.
    """

    experiment: Any
    subjects: NDArray[Any]
    known: NDArray[np.bool_]
    fate: NDArray[np.object_]
    time: NDArray[np.float64]
    last: float
    names: tuple[str, ...]

    def ended(self, fates: Sequence[str], by: float) -> NDArray[np.bool_]:
        """Return which cells one of these fates had ended by a time; `DataError` where that is not known."""
        if by > self.last * (1 + 1e-12):
            raise DataError(
                f"the cells of '{self.experiment}' were not followed so long", value=by,
                expected=f"a time of {self.last:g} at most", remedy="simulate longer",
            )  # fmt: skip
        return self.known & np.isin(self.fate, fates) & (self.time <= by)

    def chosen(self, fate: str | Sequence[str] | None) -> tuple[str, ...]:
        """Return the fates asked for, all where none is named."""
        asked = self.names if fate is None else (fate,) if isinstance(fate, str) else tuple(fate)
        for name in asked:
            if name not in self.names:
                raise DataError(f"no cell of '{self.experiment}' can have the fate '{name}'",
                                remedy=did_you_mean(name, self.names))  # fmt: skip
        return asked


def ends_of(ds: xr.Dataset) -> Iterator[Ends]:
    """Yield the ends of the cells of each experiment.

    Raises
    ------
    DataError
        The results, or one experiment of them, have no fates.
    """
    ds = as_results(ds)
    if "fate" not in ds or "fate_time" not in ds:
        raise DataError(
            "the results do not say what ends a cell",
            remedy="simulate with Experiment(..., fates={'apoptosis': 'signal > 100'}) and method='ssa'",
        )
    known, declared = ~failed(ds), _declared(ds)
    fate = np.array([str(f or "") for f in ds["fate"].to_numpy().ravel()], dtype=object).reshape(known.shape)
    time = np.where(fate != "", np.asarray(ds["fate_time"].to_numpy(), dtype=float), math.inf)
    for e, label in enumerate(ds["experiment"].to_numpy().tolist()):
        found = sorted(set(fate[e][known[e]].tolist()) - {""})
        names = declared.get(str(label), tuple(found))
        if not names:
            raise DataError(
                f"the experiment '{label}' has no fates, so nothing could end its cells",
                remedy="give it the fates of the others, or leave it out, ds.sel(experiment=[…])",
            )
        alive = known[e] & (fate[e] == "")
        last = _last_time(ds, e) if alive.any() or not known[e].any() else math.inf
        yield Ends(label, ds["subject"].to_numpy(), known[e], fate[e], time[e], last, names)


def _declared(ds: xr.Dataset) -> dict[str, tuple[str, ...]]:
    """Return the fates that each experiment was given, where the results remember."""
    arms = json.loads(ds.attrs.get("provenance", "{}")).get("inputs", {})
    arms = arms.get("experiments", []) if isinstance(arms, dict) else []
    return {str(a["id"]): tuple(a["fates"]) for a in arms if isinstance(a, dict) and "fates" in a}


def _last_time(ds: xr.Dataset, e: int) -> float:
    """Return the last time at which a cell has values: where one is alive at the end, the end of the run."""
    seen = [np.isfinite(ds[n].isel(experiment=e).to_numpy()).any(axis=(0, 1)) for n in observable_names(ds)]
    times = ds["time"].to_numpy()[np.any(seen, axis=0)] if seen else ds["time"].to_numpy()
    return float(times[-1]) if len(times) else -math.inf


def rows_of(ends: Ends, by: str) -> Iterator[tuple[dict[str, Any], slice]]:
    """Yield what a row is about and its subjects: each by itself, or all together."""
    if by not in BY:
        raise DataError(f"cells cannot be taken together by '{by}'", expected=" or ".join(map(repr, BY)))
    if by == "experiment":
        yield {"experiment": ends.experiment, "n_subjects": len(ends.subjects)}, slice(None)
        return
    for i, who in enumerate(ends.subjects.tolist()):
        yield {"experiment": ends.experiment, "subject": who}, slice(i, i + 1)
