"""The verb ``vpc`` and what it gives: percentiles of measured values beside those of replicates."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from sbmlqsp.errors import DataError
from sbmlqsp.records import Records
from sbmlqsp.records.values import native
from sbmlqsp.vpc.bins import bin_edges, binned
from sbmlqsp.vpc.correction import corrected_values
from sbmlqsp.vpc.inputs import Compared, compared
from sbmlqsp.vpc.percentiles import interval, percentiles_of

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["VPC", "vpc"]

FEWEST_REPLICATES = 20


@dataclass(frozen=True, eq=False)
class VPC:
    """A visual predictive check.

    Parameters
    ----------
    percentiles : DataFrame
        For every stratum, bin and percentile: the strata's columns, bin (from 1), left, right, time (the median of its
        observations), n (observations), percentile, observed, and over the replicates median, low and high of the same
        percentile; outside (whether the observed one lies outside of low to high); caution where fewer than one
        observation is to be expected beyond the percentile, so that it rests on the most extreme. ``-inf`` is below the
        limit of quantification, ``inf`` above it.
    censored : DataFrame
        For every stratum and bin with such a limit: side ("below" or "above"), n, limit (NaN where it differs), and the
        share of observations beyond it, observed and over the replicates: median, low, high, outside.
    points : DataFrame
        The observations as they are compared: the strata, bin, ID, TIME (what the bins are of), DV (corrected where
        asked for) and side ("", or "below" and "above", where DV is the limit).
    time : str
        What the bins are of, ``"TIME"`` or ``"TAD"``, or another column.
    strata : tuple of str
    levels : tuple of float
        The percentiles.
    confidence : float
        Of the intervals.
    corrected : bool or "log"
    replicates, failed : int
        How many replicates, and how many of their subjects failed and are left out.
    units : mapping of str to str
        Of TIME and DV, where the data state them.
    """

    percentiles: pd.DataFrame
    censored: pd.DataFrame
    points: pd.DataFrame
    time: str
    strata: tuple[str, ...]
    levels: tuple[float, ...]
    confidence: float
    corrected: bool | str
    replicates: int
    failed: int = 0
    units: Mapping[str, str] = field(default_factory=dict)

    @property
    def outside(self) -> float:
        """The share of observed percentiles outside of their intervals."""
        return float(self.percentiles["outside"].mean())

    def in_words(self) -> str:
        """Return how many percentiles lie outside, and what is to be expected of the true model."""
        count, total = int(self.percentiles["outside"].sum()), len(self.percentiles)
        return (
            f"{count} of {total} observed percentiles lie outside their {100 * self.confidence:g} % intervals; of the "
            f"true model about {(1 - self.confidence) * total:.1f} would, often several beside each other, since those "
            "of one subject's samples go together."
        )

    def __repr__(self) -> str:
        bins = len(self.percentiles) // len(self.levels)
        strata = f", strata {', '.join(self.strata)}" if self.strata else ""
        found = f"{self.percentiles['outside'].sum()} of {len(self.percentiles)} percentiles outside"
        return f"VPC of {len(self.points)} observations in {bins} bins{strata}, {self.replicates} replicates: {found}"


def vpc(
    observed: Records | pd.DataFrame,
    simulated: pd.DataFrame,
    *,
    bins: str | int | Sequence[float] = "auto",
    time: str = "TIME",
    strata: str | Sequence[str] | None = None,
    percentiles: Sequence[float] = (5, 50, 95),
    confidence: float = 0.95,
    corrected: bool | str = False,
    lloq: float | Mapping[Any, float] | None = None,
    uloq: float | Mapping[Any, float] | None = None,
) -> VPC:
    """Compare percentiles of measured values with those of replicates of the same data set.

    Parameters
    ----------
    observed : Records or DataFrame
        The data; a table has ID, TIME and DV, and where they matter DVID, MDV, CENS, LLOQ and TAD.
    simulated : DataFrame
        From ``simulate_records``, or from elsewhere with REP, ID, TIME, DV (and PRED, to correct): in every replicate
        the rows observed, in their order.
    bins : "auto", int or sequence of float
        Where observations are looked at together; "auto" finds where they cluster, in each stratum by itself. The rule
        is that of ``bin_edges``.
    time : str
        ``"TIME"``, ``"TAD"`` (time after the last dose) or another column of numbers.
    strata : str or sequence of str, optional
        Columns of the data that divide it, such as a covariate in words; DVID always does.
    percentiles : sequence of float
        Rising, between 0 and 100.
    confidence : float
        Of the intervals: 0.95 is from the 2.5th to the 97.5th percentile of the replicates.
    corrected : bool or "log"
        Correct values for what the typical prediction says of dose, time and covariates within a bin: the value times
        the median prediction of the bin over its own. ``"log"`` where DV is a logarithm: the difference is added.
    lloq, uloq : float or mapping by DVID, optional
        Limits of quantification in the unit of DV, instead of those that the data state in CENS and LLOQ. What lies
        beyond takes part in percentiles as ``-inf`` or ``inf``, in the data and in the replicates alike.

    Returns
    -------
    VPC

    Raises
    ------
    DataError
        There is no observation; a bin has fewer than 5; there are fewer than 20 replicates, or fewer than leave one
        beyond each end of the intervals; their rows are not those observed; more than 5 % of their subjects failed; a
        limit of quantification is not known; a prediction is 0 or negative, so that it corrects nothing.

    See Also
    --------
    simulate_records : Makes the replicates.

    Notes
    -----
    An observed percentile is computed as those of the replicates are, so that whatever a percentile of few values is
    worth, it is compared with its like. Few subjects make wide intervals: of twelve, a population with twice the
    variability between subjects may look right, which then says little. Observations that are left out of the data
    because they lay below a limit (MDV 1) are left out of the replicates too, which then show too many low values:
    keep them, with CENS 1.

    References
    ----------
    Bergstrand M, Hooker AC, Wallin JE, Karlsson MO (2011) Prediction-corrected visual predictive checks for diagnosing
    nonlinear mixed-effects models. https://doi.org/10.1208/s12248-011-9255-z

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> rng = np.random.default_rng(1)
    >>> rows = pd.DataFrame({"ID": np.tile(range(30), 2), "TIME": np.repeat([1.0, 2.0], 30)})
    >>> data = rows.assign(DV=rng.normal(10, 2, 60))
    >>> drawn = pd.concat([rows.assign(REP=r, DV=rng.normal(10, 2, 60)) for r in range(50)])
    >>> vpc(data, drawn)
    VPC of 60 observations in 2 bins, 50 replicates: 0 of 6 percentiles outside
    """
    levels = _levels(percentiles, confidence, corrected)
    fewest = max(FEWEST_REPLICATES, math.ceil(2 / (1 - confidence) - 1e-9))
    found = compared(observed, simulated, time=time, strata=strata, fewest=fewest, lloq=lloq, uloq=uloq)
    parts = [_Part.of(found, label, rows, bins) for label, rows in _divided(found)]
    if corrected:
        parts = [p.corrected(found, log=corrected == "log") for p in parts]
    return VPC(
        _joined([p.percentiles(levels, confidence) for p in parts]),
        _joined([p.beyond(found, confidence) for p in parts]),
        _joined([p.points(found) for p in parts]),
        time=time, strata=found.strata, levels=levels, confidence=confidence, corrected=corrected,
        replicates=len(found.simulated), failed=found.failed, units=dict(found.units),
    )  # fmt: skip


def _levels(percentiles: Sequence[float], confidence: float, corrected: Any) -> tuple[float, ...]:
    levels = tuple(percentiles) if isinstance(percentiles, Sequence | np.ndarray) else ()
    good = levels and all(isinstance(p, int | float | np.number) and 0 < p < 100 for p in levels)
    if not good or list(levels) != sorted(set(levels)):
        raise DataError("the percentiles are not usable", value=percentiles, expected="rising numbers, as (5, 50, 95)")
    if not isinstance(confidence, float) or not 0 < confidence < 1:
        raise DataError("the confidence is no share", value=confidence, expected="as 0.95")
    if not isinstance(corrected, bool) and corrected != "log":
        raise DataError("no such correction", value=corrected, expected="True, False or 'log'")
    return tuple(float(p) for p in levels)


def _divided(found: Compared) -> list[tuple[dict[str, Any], NDArray[np.int64]]]:
    """Return the label of each stratum, and its rows."""
    if not found.strata:
        return [({}, np.arange(len(found.table)))]
    groups = found.table.groupby(list(found.strata), sort=False).indices
    labels = [(key if isinstance(key, tuple) else (key,), rows) for key, rows in groups.items()]
    labels.sort(key=lambda item: [(isinstance(native(v), str), native(v)) for v in item[0]])
    return [(dict(zip(found.strata, key, strict=True)), np.asarray(rows)) for key, rows in labels]


@dataclass(frozen=True)
class _Part:
    """One stratum: its rows, their bins, and the values that are compared."""

    label: Mapping[str, Any]
    rows: NDArray[np.int64]
    edges: NDArray[np.float64]
    bin: NDArray[np.int64]
    times: NDArray[np.float64]
    observed: NDArray[np.float64]
    simulated: NDArray[np.float64]
    factor: NDArray[np.float64]
    shift: NDArray[np.float64]

    @classmethod
    def of(cls, found: Compared, label: Mapping[str, Any], rows: NDArray[np.int64], bins: Any) -> _Part:
        times = found.time[rows]
        where = ", ".join(f"{k} {native(v)}" for k, v in label.items())
        edges = bin_edges(times, bins, subjects=found.table["ID"].iloc[rows].nunique(), where=where)
        one, none = np.ones(len(rows)), np.zeros(len(rows))
        return cls(label, rows, edges, binned(times, edges), times, found.observed[rows], found.simulated[:, rows], one,
                   none)  # fmt: skip

    def corrected(self, found: Compared, *, log: bool) -> _Part:
        """Return the part with values corrected for their predictions."""
        factor, shift = corrected_values(found, self.rows, self.bin, log=log)
        return replace(self, observed=factor * self.observed + shift, simulated=factor * self.simulated + shift,
                       factor=factor, shift=shift)  # fmt: skip

    def _bins(self) -> list[tuple[dict[str, Any], NDArray[np.bool_]]]:
        """Return what each bin that holds something is called, and what it holds."""
        out = []
        for b in np.unique(self.bin).tolist():
            inside = self.bin == b
            out.append(({
                **self.label, "bin": b + 1, "left": float(self.edges[b]), "right": float(self.edges[b + 1]),
                "time": float(np.median(self.times[inside])), "n": int(inside.sum()),
            }, inside))  # fmt: skip
        return out

    def percentiles(self, levels: tuple[float, ...], confidence: float) -> list[dict[str, Any]]:
        """Return a row per bin and percentile."""
        rows = []
        for name, inside in self._bins():
            seen = percentiles_of(self.observed[inside], levels)
            drawn = interval(percentiles_of(self.simulated[:, inside], levels).T, confidence)
            for k, p in enumerate(levels):
                few = name["n"] * min(p, 100 - p) < 100
                caution = "fewer than one observation is expected beyond it" if few else ""
                rows.append({**name, "percentile": p, **_against(seen[k], drawn[:, k]), "caution": caution})
        return rows

    def beyond(self, found: Compared, confidence: float) -> list[dict[str, Any]]:
        """Return a row per bin and side that has limits of quantification."""
        rows = []
        for side, limits, infinite in (("below", found.lower, -np.inf), ("above", found.upper, np.inf)):
            for name, inside in self._bins():
                here = np.unique(limits[self.rows][inside])  # several NaN are one
                if np.isnan(here).all():
                    continue
                limit = float(here[0]) if len(here) == 1 else math.nan
                known = ~np.isnan(self.simulated[:, inside])
                drawn = (self.simulated[:, inside] == infinite).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
                seen = float((self.observed[inside] == infinite).mean())
                rows.append({**name, "side": side, "limit": limit, **_against(seen, interval(drawn, confidence))})
        return rows

    def points(self, found: Compared) -> list[dict[str, Any]]:
        """Return a row per observation."""
        low, high = np.isneginf(self.observed), np.isposinf(self.observed)
        at = np.where(low, found.lower[self.rows], found.upper[self.rows])
        shown = np.where(low | high, self.factor * at + self.shift, self.observed)
        side = np.where(low, "below", np.where(high, "above", ""))
        who = found.table["ID"].iloc[self.rows].tolist()
        columns = (self.bin + 1, self.times, shown, side)
        return [
            {**self.label, "bin": b, "ID": i, "TIME": t, "DV": v, "side": s}
            for i, b, t, v, s in zip(who, *(c.tolist() for c in columns), strict=True)
        ]


def _against(seen: float, drawn: NDArray[np.float64]) -> dict[str, Any]:
    """Return what was observed beside what the replicates show."""
    median, low, high = (float(v) for v in drawn)
    # Shares and percentiles of equal values differ by rounding.
    margin = 1e-12 * max((abs(v) for v in (seen, low, high) if math.isfinite(v)), default=0.0)
    outside = bool(seen < low - margin or seen > high + margin)
    return {"observed": float(seen), "median": median, "low": low, "high": high, "outside": outside}


def _joined(parts: list[list[dict[str, Any]]]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame([row for part in parts for row in part])
