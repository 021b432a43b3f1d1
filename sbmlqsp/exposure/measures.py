"""The verb ``exposure``: areas under curves, peaks, troughs and half-lives, by non-compartmental rules."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from sbmlqsp.errors import DataError
from sbmlqsp.exposure.areas import Profiles, cautions, pack, tolerance
from sbmlqsp.results import DIMS, as_results, dose_calendar, failed, good_values, observable_names
from sbmlqsp.units import in_unit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    import xarray as xr
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["exposure"]

# Of fits that are as good as the best to this much of adjusted R², the one with most points is taken.
_AS_GOOD = 1e-4


def exposure(
    ds: xr.Dataset,
    observables: str | Sequence[str] | None = None,
    *,
    interval: float | str | None = None,
    after: float | str | None = None,
    blq: float | Mapping[str, float] | None = None,
    target: str | None = None,
    lambda_z_points: int = 3,
) -> pd.DataFrame:
    """Compute the exposure of every run to every observable, without a model of it.

    Parameters
    ----------
    ds : xarray.Dataset
        Results. Every run has its row; those that failed have NaN and say why.
    observables : str or sequence of str, optional
        Which; all where not given.
    interval : float or str, optional
        The dosing interval, in the time unit of the results or with a unit ("24 h"). Where not given, the gap between
        the last two doses.
    after : float or str, optional
        Leave out what was before this time, as the time of the dose in question.
    blq : float or mapping of str to float, optional
        Limit of quantification, in the observable's unit, for all or by observable. Values below it count as zero
        before the first that is not, and as missing after it. Give one where a curve fades into solver noise.
    target : str, optional
        Take only doses into this target as doses, where several drugs are given.
    lambda_z_points : int, optional
        The least number of points of the terminal slope, at least 3.

    Returns
    -------
    pandas.DataFrame
        One row per experiment, subject, replicate and observable:

        - cmax, tmax: the highest value and the first time it is seen, on the clock of the results.
        - auc_last, tlast: area to the last value above zero (at or above ``blq``), linear-up log-down as in `auc`.
        - auc_inf, auc_extrapolated: with last value / terminal slope added, and the part of the whole this is.
        - half_life, r2, n_points, reason: log 2 / terminal slope; adjusted R² and number of points of the log-linear
          fit; where there is none, why. The fit takes the last three or more values above zero, after the last dose
          and after the peak that follows it; that with the best adjusted R², and of those within 0.0001 of the best,
          that with most points.
        - tau, auc_tau, cavg, ctrough: the dosing interval, the area over the last that was observed whole, that area
          over tau, and the value at its end.
        - accumulation: auc_tau over that of the first interval.
        - caution: where the times lie too far apart to trust cmax or the areas, in words, else empty. Either the area
          to the last value changes by more than 1 % when every second time between doses is left out (its own error
          is then about a third of that), or a parabola through the highest value and its neighbours rises more than
          1 % above it, or there are too few times to tell. Ask for more output times, or use ``extremum`` and
          ``integral``, which do not depend on them.
        - conc_unit, time_unit, auc_unit.

    Raises
    ------
    DataError
        An observable there is not, an interval or limit that is not positive, fewer than three points.

    Notes
    -----
    At the time of a dose an observation is post-dose. Where a bolus makes the curve jump, a straight line to that value
    would count area that is not there; the value just before the dose is therefore taken from the two observations
    before it, on an exponential, never above the post-dose value. That value is also the trough. Results that hold
    both values, by a time given twice, are used as they are.

    Examples
    --------
    >>> from sbmlqsp.results import make_dataset
    >>> t = np.arange(25.0)
    >>> ds = make_dataset({"C": 10 * np.exp(-0.1 * t)[None, None, None]}, experiments=["A"], subjects=[1],
    ...                   replicates=[0], time=t, time_unit="h", units={"C": "mg/L"})
    >>> row = exposure(ds).iloc[0]
    >>> print(f"{row['auc_inf']:.4f} {row['auc_unit']}, half-life {row['half_life']:.4f} h")
    100.0000 mg*h/L, half-life 6.9315 h
    """
    import pandas as pd

    ds = as_results(ds)
    if lambda_z_points < 3:
        raise DataError("a terminal slope needs three points or more", value=lambda_z_points)
    unit = str(ds["time"].attrs.get("units", ""))
    tau, start = (None if v is None else in_unit(v, unit) for v in (interval, after))
    if tau is not None and not tau > 0:
        raise DataError("the dosing interval is not positive", value=interval)
    frames = []
    for e, experiment in enumerate(ds["experiment"].to_numpy()):
        doses = [d for d in dose_calendar(ds.isel(experiment=[e])) if target in {None, d.get("target")}]
        for name in observable_names(ds, observables):
            limit = _limit(blq, name)
            curves = good_values(ds, name)[e].reshape(-1, ds.sizes["time"])
            options: dict[str, Any] = {"tau": tau, "after": start, "blq": limit, "points": lambda_z_points}
            numbers = _measure(ds["time"].to_numpy(), curves, doses, **options)
            labels = {"experiment": experiment} | _run_labels(ds) | {"observable": name}
            frames.append(
                pd.DataFrame(labels | _explain(numbers, ds, e) | _units(ds[name].attrs.get("units", ""), unit))
            )
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


def _limit(blq: float | Mapping[str, float] | None, name: str) -> float | None:
    limit = blq if blq is None or isinstance(blq, int | float) else blq.get(name)
    if limit is not None and not limit > 0:
        raise DataError(f"the limit of quantification of '{name}' is not positive", value=limit)
    return limit


def _run_labels(ds: xr.Dataset) -> dict[str, NDArray[Any]]:
    subject, replicate = (ds[d].to_numpy() for d in DIMS[1:3])
    return {"subject": np.repeat(subject, len(replicate)), "replicate": np.tile(replicate, len(subject))}


def _units(conc: str, time: str) -> dict[str, str]:
    from sbmlqsp.units import parse_unit

    area = (parse_unit(conc or "dimensionless") * parse_unit(time or "dimensionless")).label
    return {"conc_unit": conc, "time_unit": time, "auc_unit": area}


def _explain(numbers: dict[str, Any], ds: xr.Dataset, e: int) -> dict[str, Any]:
    """Say of failed runs that they failed, and how."""
    lost = failed(ds)[e].ravel()
    if lost.any():
        messages = ds["message"].to_numpy()[e].ravel() if "message" in ds else np.full(len(lost), "")
        said = [f"the run failed: {m}" if m else "the run failed" for m in messages]
        numbers["reason"] = np.where(lost, np.array(said, object), numbers["reason"])
    return numbers


def _measure(
    time: Floats,
    curves: Floats,
    doses: list[dict[str, Any]],
    *,
    tau: float | None,
    after: float | None,
    blq: float | None,
    points: int,
) -> dict[str, Any]:
    """Return all measures of the curves of one experiment."""
    window = (np.isfinite(curves).any(axis=0) if curves.size else np.ones(len(time), bool)) & _from(time, after)
    time, curves = time[window], curves[:, window]
    times = np.array([float(d["time"]) for d in doses])
    ends = times + np.array([float(d.get("duration") or 0.0) for d in doses])
    seen = _from(times, after)
    if tau is None and len(gaps := np.diff(_merged(times))):
        tau = float(gaps[-1])
    time, curves = with_values_before_doses(time, curves, times[seen & (ends == times)])
    curves = _censored(curves, blq)
    profiles = pack(time, curves)
    numbers = _peak(profiles) | {"caution": cautions(time, curves, np.concatenate([times, ends]))}
    last_dose = ends[seen & (ends <= profiles.end)].max(initial=-math.inf)
    numbers |= _terminal(profiles, float(last_dose), points)
    numbers |= _whole(profiles, numbers["half_life"]) | _last_interval(profiles, _merged(times[seen]), tau)
    return {k: numbers[k] for k in _COLUMNS}


_COLUMNS = (
    *("cmax", "tmax", "auc_last", "tlast", "auc_inf", "auc_extrapolated", "half_life", "r2", "n_points"),
    *("tau", "auc_tau", "cavg", "ctrough", "accumulation", "reason", "caution"),
)


def _from(time: Floats, start: float | None) -> NDArray[np.bool_]:
    return np.ones(len(time), bool) if start is None else time >= start - tolerance(time)


def _merged(times: Floats) -> Floats:
    ordered = np.unique(times)
    return ordered[np.diff(ordered, prepend=-math.inf) > tolerance(ordered)]


def with_values_before_doses(time: Floats, curves: Floats, doses: Floats) -> tuple[Floats, Floats]:
    """Add the values just before bolus doses, at the times of the doses."""
    at = np.unique([i for d in doses for i in np.flatnonzero(np.abs(time - d) <= tolerance(time))]).astype(int)
    # Both observations before it must lie after the previous dose, at times of their own.
    at = np.array([i for i in at if i >= 2 and i - 1 not in at and (np.diff(time[i - 2 : i + 1]) > 0).all()], int)
    if not len(at):
        return time, curves
    first, second, after = (curves[:, at - k] for k in (2, 1, 0))
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        power = (time[at] - time[at - 1]) / (time[at - 1] - time[at - 2])
        before = np.where((first > 0) & (second > 0), second * (second / first) ** power, second)
    before = np.where(after > second, np.fmin(before, after), np.nan)
    return np.insert(time, at, time[at]), np.insert(curves, at, before, axis=1)


def _censored(curves: Floats, blq: float | None) -> Floats:
    if blq is None:
        return curves
    low = curves < blq
    started = np.logical_or.accumulate(curves >= blq, axis=1)
    return np.where(low, np.where(started, np.nan, 0.0), curves)


def _peak(p: Profiles) -> dict[str, Any]:
    inside = np.isfinite(p.t)
    top = np.where(inside, p.c, -math.inf).argmax(axis=1)
    return {"cmax": p.pick(p.c, top), "tmax": p.pick(p.t, top)}


def _terminal(p: Profiles, last_dose: float, points: int) -> dict[str, Any]:
    """Fit the terminal slope of every row, by sums from the end of it."""
    late = np.isfinite(p.t) & (p.t >= last_dose - tolerance(np.array([p.end])))
    top = np.where(late, p.c, -math.inf).argmax(axis=1)
    use = late & (p.c > 0) & (np.arange(p.c.shape[1]) > top[:, None])
    last = use.shape[1] - 1 - use[:, ::-1].argmax(axis=1)
    origin = np.where(use.any(axis=1), p.pick(p.c, last), 1.0)[:, None]
    x = np.where(use, p.t - p.pick(p.t, last)[:, None], 0.0)
    y = np.where(use, np.log(np.where(use, p.c, origin) / origin), 0.0)
    n, slope, adjusted = _fits_from_the_end(use, x, y)
    fit = np.where(use & (n >= points) & (slope < 0) & np.isfinite(adjusted), adjusted, -math.inf)
    best = (fit >= fit.max(axis=1, keepdims=True) - _AS_GOOD).argmax(axis=1)
    found = np.isfinite(fit.max(axis=1))
    rate, quality = (np.where(found, np.take_along_axis(v, best[:, None], 1)[:, 0], np.nan) for v in (-slope, adjusted))
    count = np.where(found, np.take_along_axis(n, best[:, None], 1)[:, 0], 0)
    reasons = [
        (p.n == 0, "no values"),
        (~(p.c > 0).any(axis=1), "no value above zero"),
        (n[:, 0] < points, f"fewer than {points} values above zero after the last peak"),
        (~found, "the curve does not fall at its end"),
    ]
    reason = np.select([r[0] for r in reasons], [r[1] for r in reasons], "").astype(object)
    return {"half_life": math.log(2) / rate, "r2": quality, "n_points": count, "reason": reason}


def _fits_from_the_end(use: NDArray[np.bool_], x: Floats, y: Floats) -> tuple[NDArray[np.int64], Floats, Floats]:
    """Return number of points, slope and adjusted R² of the straight line through each point and those after it."""
    n, sx, sy, sxx, sxy, syy = (v[:, ::-1].cumsum(axis=1)[:, ::-1] for v in (use, x, y, x * x, x * y, y * y))
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = (n * sxy - sx * sy) / (n * sxx - sx**2)
        r2 = np.minimum(slope * (n * sxy - sx * sy) / (n * syy - sy**2), 1.0)
        adjusted = 1 - (1 - r2) * (n - 1) / (n - 2)
    return n, slope, adjusted


def _whole(p: Profiles, half_life: Floats) -> dict[str, Any]:
    above = p.c > 0
    last = np.where(above.any(axis=1), above.shape[1] - 1 - above[:, ::-1].argmax(axis=1), -1)
    nothing = (p.n > 0) & (np.where(np.isfinite(p.t), p.c, -math.inf).max(axis=1) == 0)
    auc_last = np.where(nothing, 0.0, p.pick(p.area, last))
    tail = p.pick(p.c, last) * half_life / math.log(2)
    return {
        "auc_last": auc_last,
        "tlast": p.pick(p.t, last),
        "auc_inf": auc_last + tail,
        "auc_extrapolated": tail / (auc_last + tail),
    }


def _last_interval(p: Profiles, doses: Floats, tau: float | None) -> dict[str, Any]:
    """Measure the last dosing interval that was observed whole, and set it against the first."""
    start = float(p.t[:, 0].min(initial=math.inf))
    if tau is None or not math.isfinite(start):
        nothing = np.full(len(p.n), np.nan)
        return dict.fromkeys(("tau", "auc_tau", "cavg", "ctrough", "accumulation"), nothing)
    close = tolerance(np.array([p.end]))
    if not len(doses):
        count = max(1, math.floor((p.end - start + close) / tau))
        doses = np.asarray(start + tau * np.arange(count), dtype=np.float64)
    whole = doses[doses + tau <= p.end + close]
    first, last = (whole[0], whole[-1]) if len(whole) else (doses[0], doses[0])
    area, trough = _between(p, last, last + tau)
    # Where a second dose falls into the first interval, the first is not comparable.
    comparable = last > first and (np.diff(doses)[0] >= tau - close)
    before = _between(p, first, first + tau)[0] if comparable else np.full(len(p.n), np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(before > 0, area / before, np.nan)
    return {
        "tau": np.full(len(p.n), tau),
        "auc_tau": area,
        "cavg": area / tau,
        "ctrough": trough,
        "accumulation": ratio,
    }


def _between(p: Profiles, start: float, end: float) -> tuple[Floats, Floats]:
    area, trough = p.until(end)
    return area - p.until(start)[0], trough
