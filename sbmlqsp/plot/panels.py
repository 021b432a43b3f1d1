"""What is drawn where: results dealt out to panels, and the curves each panel shows."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sbmlqsp.errors import DataError
from sbmlqsp.plot.observed import Observed
from sbmlqsp.plot.style import DASHES, colour, dash, label
from sbmlqsp.results import asked, failed, good_values

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import NDArray

PANELS = ("observable", "experiment", "subject")
MOST_SUBJECTS = 24
# Up to so many runs are drawn one by one, more as median and band.
FEW = 5
# A log axis ends so far below its top: what lies deeper is the solver's noise more often than the model's answer.
DEEPEST = 1e-6
# The percentiles of fewer cells that no fate has ended yet, of more at the start, are not drawn: they follow the last.
FEWEST = 10


@dataclass(frozen=True, slots=True)
class Series:
    """The runs of one arm and one observable that go into one panel."""

    experiment: str
    observable: str
    label: str
    colour: str
    dash: Any
    time: NDArray[np.float64]
    runs: NDArray[np.float64]
    observed: Observed
    fewest: int = 1


@dataclass(frozen=True, slots=True)
class Panel:
    """One pair of axes; its title is empty where its label of values says enough."""

    title: str
    ylabel: str
    series: tuple[Series, ...]


@dataclass(frozen=True, slots=True)
class Look:
    """How curves are drawn: bands from the widest inwards; ``individuals`` is None where the number of runs decides.

    ``single`` is how many runs are drawn one by one below a median and its bands.
    """

    log: bool
    bands: tuple[tuple[float, float], ...]
    individuals: bool | None
    single: int = 0

    @property
    def percentiles(self) -> list[float]:
        """The percentiles that are drawn, rising, the median in the middle."""
        return [*(low for low, _ in self.bands), 50.0, *(high for _, high in reversed(self.bands))]

    def one_by_one(self, n: int) -> bool:
        """Say whether so many runs are drawn as lines of their own."""
        return n == 1 or (n <= FEW if self.individuals is None else self.individuals)

    def banded(self, n: int) -> bool:
        """Say whether so many runs are drawn as a median and a band."""
        return n > 1 and not self.one_by_one(n)

    def shown(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return values with NaN where the axis cannot show them."""
        return np.where(values > 0, values, np.nan) if self.log else values


def fated(ds: xr.Dataset) -> NDArray[np.bool_]:
    """Return which cells a fate ended, of shape (experiments, subjects, replicates)."""
    if "fate_time" not in ds:
        return np.zeros([ds.sizes[d] for d in ("experiment", "subject", "replicate")], dtype=bool)
    return np.asarray(np.isfinite(np.asarray(ds["fate_time"].to_numpy(), dtype=float)) & ~failed(ds))


def deal_panels(ds: xr.Dataset, names: list[str], by: str, factor: float, data: Observed | None) -> list[Panel]:
    """Deal the results out to panels."""
    arms, subjects = list(ds["experiment"].to_numpy()), list(ds["subject"].to_numpy())
    if by == "subject" and len(subjects) > MOST_SUBJECTS:
        remedy = f"choose some, as in ds.isel(subject=slice({MOST_SUBJECTS})), or leave panels= out"
        what = f"{len(subjects)} subjects are too many for panels of their own"
        raise DataError(what, expected=f"{MOST_SUBJECTS} at most", remedy=remedy)
    deal = _Deal(ds, by, factor, data)
    if by == "observable":
        # Two parts may both have a "drug concentration": then the part's name comes first.
        apart = len({n.rpartition(".")[0] for n in names}) > 1
        return [Panel("", _label(ds, [n], part=apart), deal.series([n], arms)) for n in names]
    shared = _label(ds, names)
    if by == "experiment":
        return [Panel(str(a), shared, deal.series(names, [a])) for a in arms]
    titles = [s if isinstance(s, str) else f"Subject {s}" for s in subjects]
    return [Panel(t, shared, deal.series(names, arms, i)) for i, t in enumerate(titles)]


def _label(ds: xr.Dataset, names: list[str], *, part: bool = False) -> str:
    """Return what the axis of values measures; an error where observables of different units share it."""
    units = {n: str(ds[n].attrs.get("units", "")) for n in names}
    if len(set(units.values())) > 1:
        remedy = "name one of them, or use panels='observable'"
        raise DataError("observables of different units cannot share a panel", value=units, remedy=remedy)
    if len(names) > 1:
        return label("Value", units[names[0]])
    meaning = str(ds[names[0]].attrs.get("long_name", ""))
    instance = names[0].rpartition(".")[0] if re.fullmatch(r"\w+(\.\w+)+", names[0]) else ""
    if part and meaning and instance:
        return label(f"{instance}: {meaning}", units[names[0]])
    return label(_as_heading(meaning) or names[0], units[names[0]])


def _as_heading(text: str) -> str:
    """Begin with a capital, but for words such as pH and mRNA."""
    return text if text[1:2].isupper() else text[:1].upper() + text[1:]


@dataclass(frozen=True, slots=True)
class _Deal:
    """What the series of all panels are taken from."""

    ds: xr.Dataset
    by: str
    factor: float
    data: Observed | None

    def series(self, names: list[str], arms: list[str], subject: int | None = None) -> tuple[Series, ...]:
        return tuple(self.one(n, a, a == arms[0], subject, names) for a in arms for n in names)

    def one(self, name: str, arm: str, first: bool, subject: int | None, names: list[str]) -> Series:
        ds = self.ds
        e = list(ds["experiment"].to_numpy()).index(arm)
        times = asked(ds)[e]
        values = good_values(ds, name)[e] if subject is None else good_values(ds, name)[e][[subject]]
        runs = values.reshape(-1, len(times))[:, times]
        who = None if subject is None else ds["subject"].to_numpy()[subject]
        wanted = self.data is not None and (first or self.data.by_arm)
        points = self.data.of(name, arm, who) if self.data is not None and wanted else Observed.none()
        return Series(
            *(str(arm), name, *self.look(str(arm), e, name, names)),
            ds["time"].to_numpy()[times] * self.factor,
            runs[np.isfinite(runs).any(axis=1)],
            points,
            FEWEST if fated(ds).any() else 1,
        )

    def look(self, arm: str, e: int, name: str, names: list[str]) -> tuple[str, str, Any]:
        """Return label, colour and line style."""
        i = names.index(name)
        if self.by == "experiment" or self.ds.sizes["experiment"] == 1:
            return (name if len(names) > 1 else "", colour(i), dash(i))
        if len(names) == 1:
            return (arm, colour(e), dash(e))
        return (f"{arm}, {name}", colour(e), DASHES[i % len(DASHES)])


def shown_values(panel: Panel, look: Look) -> NDArray[np.float64]:
    """Return all values that a panel draws."""
    parts = [v for s in panel.series for v in (*curves_of(s, look), s.observed.value)]
    values = look.shown(np.concatenate([np.ravel(v) for v in parts]) if parts else np.empty(0))
    return values[np.isfinite(values)]


def curves_of(s: Series, look: Look) -> list[NDArray[np.float64]]:
    """Return the single runs, or the percentiles and then the runs that are drawn below them; one row each."""
    if look.banded(len(s.runs)):
        some = np.isfinite(s.runs).sum(axis=0) >= min(s.fewest, len(s.runs))
        bounds = np.full((len(look.percentiles), len(s.time)), np.nan)
        bounds[:, some] = np.nanpercentile(s.runs[:, some], look.percentiles, axis=0)
        return [*bounds, *some_of(s.runs, look.single)]
    return list(s.runs)


def some_of(runs: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """Return so many runs, evenly spaced in their order, so that every call and every arm shows the same."""
    return np.asarray(runs[np.unique(np.linspace(0, len(runs) - 1, min(count, len(runs))).round().astype(int))])
