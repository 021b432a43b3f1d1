"""How many subjects reach a target: probability of target attainment, breakpoints, fraction of response."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from sbmlqsp.analysis.target import TIME_ABOVE, Target
from sbmlqsp.analysis.target_values import Values, values_of
from sbmlqsp.errors import DataError
from sbmlqsp.results.intervals import checked_confidence, clopper_pearson

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr
    from numpy.typing import NDArray

__all__ = ["attainment", "fraction_of_response", "pta_breakpoint"]


def attainment(
    source: xr.Dataset | pd.DataFrame,
    target: Target,
    *,
    observable: str | None = None,
    mic: float | Sequence[float] | None = None,
    interval: float | str | None = None,
    after: float | str | None = None,
    dose_target: str | None = None,
    confidence: float = 0.95,
    max_unsure: float = 0.05,
) -> pd.DataFrame:
    """Compute the probability of target attainment: the share of subjects that meet a target.

    Parameters
    ----------
    source : xarray.Dataset or DataFrame
        Results, or what ``exposure`` returned. A target of time above the MIC needs results.
    target : Target
        What is to be reached, such as ``Target("time_above", at_least=0.4, unbound=0.8)``.
    observable : str, optional
        Where there are several.
    mic : float or sequence of float, optional
        Minimal inhibitory concentrations, or other concentrations to measure against, in the unit of the observable:
        the measure is divided by each. Without them the measure itself is set against the target.
    interval, after : optional
        The dosing interval and where to begin, as for ``exposure``; what counts is the last interval observed whole.
    dose_target : str, optional
        Take only doses into this target as doses, where several drugs are given.
    confidence : float, optional
        Of the interval around each share.
    max_unsure : float, optional
        The share of subjects of whom it may be unknown whether they meet the target, per arm and MIC.

    Returns
    -------
    DataFrame
        One row per experiment and MIC or goal:

        - index: what is asked, in words; mic; goal and goal_unit.
        - n: subjects; n_lost: of them failed runs and runs without the measure; n_close: of them runs that the output
          times leave undecided; n_attained: that meet the target, lost ones never among them.
        - pta: n_attained / n. pta_low, pta_high: the Clopper–Pearson interval, from the subjects that surely meet the
          target to those that may: lost and undecided ones count as failures in the first and as successes in the
          second.
        - error: of the measure, at most, by which it changes with every second output time left out; relative, for
          time above the MIC as a share of the interval.

    Raises
    ------
    DataError
        A target or MIC that makes no sense, replicates of one subject (they are not independent), or more unsure
        subjects than allowed: too many failed runs, or output times too coarse.

    Notes
    -----
    A run is undecided where the target lies nearer to its measure than this moves when every second output time is
    left out. Of an exposure table alone, runs with a ``caution`` that concerns the measure are undecided.

    References
    ----------
    Mouton JW, Dudley MN, Cars O, Derendorf H, Drusano GL. J Antimicrob Chemother 2005;55:601-607 (the indices and the
    probability of target attainment). doi:10.1093/jac/dki079
    Clopper CJ, Pearson ES. Biometrika 1934;26:404-413. doi:10.1093/biomet/26.4.404

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"experiment": "A", "subject": range(1, 5), "replicate": 1, "observable": "C",
    ...                       "conc_unit": "mg/L", "cmax": [4.0, 6.0, 8.0, 9.0], "reason": "", "caution": ""})
    >>> attainment(table, Target("cmax", at_least=4), mic=[1, 2])[["mic", "pta"]].to_numpy().tolist()
    [[1.0, 1.0], [2.0, 0.5]]
    """
    import pandas as pd

    checked_confidence(confidence)
    if not 0 <= max_unsure < 1:
        raise DataError("max_unsure is not a share", value=max_unsure, expected="between 0 and 1")
    levels = None if mic is None else _checked_mic(mic)
    if target.measure == TIME_ABOVE and levels is None:
        raise DataError("time above what", expected="mic=", remedy="give the concentrations, in the observable's unit")
    rows = []
    for values in values_of(
        source, target, observable=observable, mic=levels, interval=interval, after=after, dose_target=dose_target
    ):
        rows += [_row(values, k, target, confidence=confidence) for k in range(len(values.goals))]
    table = pd.DataFrame(rows)
    for row in rows:
        _refuse_unsure(row, max_unsure)
    return table


def _checked_mic(mic: float | Sequence[float]) -> NDArray[np.float64]:
    levels = np.atleast_1d(np.asarray(mic, dtype=float))
    if levels.ndim != 1 or not len(levels) or not (np.isfinite(levels) & (levels > 0)).all():
        raise DataError("a MIC is not a positive number", value=mic)
    if len(np.unique(levels)) != len(levels):
        raise DataError("a MIC is given twice", value=mic)
    return np.sort(levels)


def _row(v: Values, k: int, target: Target, *, confidence: float) -> dict[str, Any]:
    value, error, goal = v.measure[:, k], v.error[:, k], v.goals[k]
    lost = ~np.isfinite(value)
    with np.errstate(invalid="ignore"):
        met = ~lost & (value >= goal if target.rises else value <= goal)
        close = ~lost & ~(np.abs(value - goal) > error)
        close &= error > 0
        relative = np.where(v.relative, error / np.abs(value), error)
    n = len(value)
    low, _ = clopper_pearson(int((met & ~close).sum()), n, confidence)
    _, high = clopper_pearson(int((met | close | lost).sum()), n, confidence)
    largest = float(relative[np.isfinite(relative)].max(initial=0.0))
    return {
        "experiment": v.experiment, "observable": v.observable, "index": v.index, "mic": v.mics[k], "goal": goal,
        "goal_unit": v.goal_unit, "conc_unit": v.conc_unit, "n": n, "n_lost": int(lost.sum()),
        "n_close": int(close.sum()), "n_attained": int(met.sum()), "pta": float(met.mean()), "pta_low": low,
        "pta_high": high, "confidence": confidence, "error": largest if v.has_error else math.nan,
    }  # fmt: skip


def _refuse_unsure(row: Mapping[str, Any], most: float) -> None:
    n, where = row["n"], f"the arm '{row['experiment']}'"
    at = f" at a MIC of {row['mic']:g}" if math.isfinite(row["mic"]) else ""
    if row["n_lost"] > most * n:
        raise DataError(
            f"{row['n_lost']} of {n} runs failed or lack the measure, so the probability of attainment is not known",
            where=where + at, expected=f"at most {most:.0%}",
            remedy="see status, and the reason in exposure(…); a single dose needs interval=; max_unsure= allows more",
        )  # fmt: skip
    if row["n_lost"] + row["n_close"] > most * n:
        raise DataError(
            f"the output times are too coarse to tell whether {row['n_close']} of {n} subjects meet the target",
            where=where + at, expected=f"at most {most:.0%}, failed runs included",
            remedy="ask for more output times in the dosing interval",
        )  # fmt: skip


def pta_breakpoint(table: pd.DataFrame, *, at_least: float = 0.9) -> pd.DataFrame:
    """Return the highest MIC up to which enough subjects meet the target.

    Parameters
    ----------
    table : DataFrame
        What ``attainment`` returned, for several MICs.
    at_least : float, optional
        The share of subjects that is enough.

    Returns
    -------
    DataFrame
        One row per experiment: ``breakpoint``, the highest MIC of the table at which, as at all lower ones, ``pta`` is
        enough; ``breakpoint_sure``, where the lower limit of its interval is; NaN where there is none. ``open`` says
        that it is the highest MIC of the table, so that the true one may be higher.

    Raises
    ------
    DataError
        The table has no MICs, or the share is none.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"experiment": "A", "mic": [1.0, 2.0, 4.0], "pta": [1.0, 0.95, 0.5],
    ...                       "pta_low": [0.99, 0.89, 0.4], "conc_unit": "mg/L"})
    >>> pta_breakpoint(table).loc[0, ["breakpoint", "breakpoint_sure"]].tolist()
    [2.0, 1.0]
    """
    import pandas as pd

    if not 0 < at_least <= 1:
        raise DataError("the share of subjects is none", value=at_least, expected="above 0, at most 1")
    _need_mics(table)
    rows = []
    for arm, part in table.sort_values("mic", kind="stable").groupby("experiment", sort=False):
        mics = part["mic"].to_numpy()
        found, sure = (_last(mics, part[c].to_numpy() >= at_least) for c in ("pta", "pta_low"))
        rows.append({"experiment": arm, "at_least": at_least, "breakpoint": found, "breakpoint_sure": sure,
                     "open": found == mics[-1], "conc_unit": part["conc_unit"].iloc[0]})  # fmt: skip
    return pd.DataFrame(rows)


def _last(mics: NDArray[np.float64], enough: NDArray[np.bool_]) -> float:
    count = int(np.logical_and.accumulate(enough).sum())
    return float(mics[count - 1]) if count else math.nan


def _need_mics(table: pd.DataFrame) -> None:
    if not np.isfinite(table["mic"].to_numpy(float)).all():
        raise DataError("the table has no MICs", remedy="give attainment(…, mic=[0.25, 0.5, 1, 2])")


def fraction_of_response(table: pd.DataFrame, distribution: Mapping[float, float]) -> pd.DataFrame:
    """Return the cumulative fraction of response: attainment weighted by how often each MIC is found.

    Parameters
    ----------
    table : DataFrame
        What ``attainment`` returned.
    distribution : mapping of float to float
        Share or number of isolates by MIC, in the unit of the table; every one must be a MIC of the table.

    Returns
    -------
    DataFrame
        One row per experiment: ``cfr``, and ``cfr_low`` to ``cfr_high``, the same sums of the limits of the table. As
        one subject counts at every MIC, these are wider than needed, never too narrow.

    Raises
    ------
    DataError
        A MIC that the table lacks, or weights that are none.

    References
    ----------
    Mouton JW et al. J Antimicrob Chemother 2005;55:601-607. doi:10.1093/jac/dki079

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"experiment": "A", "mic": [1.0, 2.0], "pta": [1.0, 0.5], "pta_low": [0.9, 0.4],
    ...                       "pta_high": [1.0, 0.6]})
    >>> float(fraction_of_response(table, {1: 30, 2: 10})["cfr"][0])
    0.875
    """
    import pandas as pd

    _need_mics(table)
    weights = {float(m): float(w) for m, w in distribution.items()}
    total = math.fsum(weights.values())
    if not weights or any(not (math.isfinite(w) and w >= 0) for w in weights.values()) or not total > 0:
        raise DataError("the weights of the MICs are not usable", value=dict(distribution), expected="none negative")
    rows = []
    for arm, part in table.groupby("experiment", sort=False):
        place = {float(m): k for k, m in enumerate(part["mic"])}
        if strange := sorted(m for m, w in weights.items() if w and m not in place):
            raise DataError("the table lacks a MIC of the distribution", value=strange[0], where=f"the arm '{arm}'",
                            remedy="give it to attainment(…, mic=…) as well")  # fmt: skip
        sums = {}
        for column in ("pta", "pta_low", "pta_high"):
            shares = part[column].to_numpy(float)
            sums[column] = math.fsum(shares[place[m]] * w for m, w in weights.items() if w) / total
        rows.append({"experiment": arm} | {c.replace("pta", "cfr"): v for c, v in sums.items()})
    return pd.DataFrame(rows)
