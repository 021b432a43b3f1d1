"""Height and weight by sex and age, as published: how they are distributed, and how they go together."""

from __future__ import annotations

import csv
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["OLDEST", "box_cox", "reference", "score_of"]

OLDEST = 90.0
"""Years up to which the oldest bracket, "80 and older", is taken to speak."""
DATA = Path(__file__).with_name("data")
POWER = {"height": 1.0, "weight": -0.5}
"""Box–Cox powers of adults: heights are normal; for weights -0.5 fits the percentiles of both sexes best."""
TENTH = 1.2815515655446004
"""The normal score of the 90th percentile."""


def reference(age: Any, female: Any) -> Any:
    """Return what the tables say of people.

    Up to 18 years these are the CDC growth charts of 2000, from 19 years the NHANES survey of 2021 to 2023 by brackets
    of ten years, each in the middle of its bracket, with linear interpolation between the ages of a table and from one
    table to the other.

    Parameters
    ----------
    age : (n,) array
        In years, 0 to 90.
    female : (n,) array of bool

    Returns
    -------
    (n, 7) array
        L, M and S of height (cm; recumbent length below 2 years), L, M and S of weight (kg), and the correlation of
        their normal scores.

    References
    ----------
    Kuczmarski RJ, Ogden CL, Guo SS et al. (2002) 2000 CDC growth charts for the United States: methods and development.
    https://www.cdc.gov/nchs/data/series/sr_11/sr11_246.pdf

    Fryar CD, Gu Q, Afful J, Carroll MD, Ogden CL (2025) Anthropometric reference data for children and adults: United
    States, August 2021–August 2023. https://doi.org/10.15620/cdc/174595

    Examples
    --------
    >>> reference(np.array([10.0]), np.array([True])).round(2).tolist()
    [[0.28, 138.0, 0.05, -0.85, 32.89, 0.2, 0.73]]
    """
    age, female = np.asarray(age, dtype=float), np.asarray(female, dtype=bool)
    return np.where(female[:, None], _interpolated("F", age), _interpolated("M", age))


def box_cox(power: Any, median: Any, spread: Any, score: Any) -> Any:
    """Return the values at normal scores, by L, M and S.

    References
    ----------
    Cole TJ, Green PJ (1992) Smoothing reference centile curves: the LMS method and penalized likelihood.
    https://doi.org/10.1002/sim.4780111005

    Examples
    --------
    >>> float(box_cox(1.0, 170.0, 0.04, 2.0).round(6))
    183.6
    """
    step = np.asarray(spread * score, dtype=float)
    flat = np.abs(power) < 1e-6  # its limit at a power of zero is log-normal
    return median * np.exp(np.where(flat, step, np.log1p(power * step) / np.where(flat, 1.0, power)))


def score_of(power: Any, median: Any, spread: Any, value: float) -> Any:
    """Return the normal scores of a value, by L, M and S.

    Examples
    --------
    >>> float(score_of(np.array(1.0), 170.0, 0.04, 183.6).round(6))
    2.0
    """
    log = np.log(max(value, 1e-9) / median)  # a bound of zero has a score, too
    flat = np.abs(power) < 1e-6
    return np.where(flat, log, np.expm1(power * log) / np.where(flat, 1.0, power)) / spread


def _interpolated(sex: str, age: Any) -> Any:
    years, values = _knots(sex)
    # Of the two rows at 24 months, lying and standing, an age of 2 years takes the second.
    place = np.clip(np.searchsorted(years, age, side="right") - 1, 0, len(years) - 2)
    share = np.clip((age - years[place]) / (years[place + 1] - years[place]), 0.0, 1.0)[:, None]
    return values[place] + share * (values[place + 1] - values[place])


@lru_cache
def _knots(sex: str) -> tuple[Any, Any]:
    """Return the ages in years at which the tables speak, and what they say there."""
    young = [(float(r["months"]) / 12, _child(r)) for r in _rows("cdc_2000.csv") if r["sex"] == sex]
    rows = [r for r in _rows("nhanes_2021_2023.csv") if r["sex"] == sex]
    by_age = {a: {r["quantity"]: r for r in rows if r["from"] == a} for a in dict.fromkeys(r["from"] for r in rows)}
    together = _adult_correlation([b for a, b in by_age.items() if int(a) >= 20])
    old = [(_middle(b["weight"]), [*_fitted(b["height"]), *_fitted(b["weight"]), together]) for b in by_age.values()]
    years, values = zip(*young, *old, strict=True)
    return np.array(years), np.array(values)


def _rows(name: str) -> list[dict[str, str]]:
    lines = (DATA / name).read_text(encoding="utf-8").splitlines()
    return list(csv.DictReader(line for line in lines if not line.startswith("#")))


def _child(row: dict[str, str]) -> list[float]:
    """Return L, M and S of height and weight, and the correlation that the spread of the build implies."""
    height, weight, build = ([float(row[f"{q}_{c}"]) for c in "lms"] for q in ("height", "weight", "build"))
    sds = _log_sd(*height), _log_sd(*weight), _log_sd(*build)
    if row["height_is"] == "length":
        # Weight for length is what varies in weight once the length is known.
        return [*height, *weight, float(np.sqrt(1 - (sds[2] / sds[1]) ** 2))]
    return [*height, *weight, _correlation(*sds)]


def _log_sd(power: float, median: float, spread: float) -> float:
    ends = box_cox(np.array(power), median, spread, np.array([-TENTH, TENTH]))
    return float(np.log(ends[1] / ends[0]) / (2 * TENTH))


def _correlation(height: float, weight: float, bmi: float) -> float:
    """Return the correlation of ln height and ln weight, from ln bmi = ln weight - 2 ln height and three SDs."""
    return (weight**2 + 4 * height**2 - bmi**2) / (4 * weight * height)


def _middle(row: dict[str, str]) -> float:
    """Return the middle of a bracket; the last, open one is taken to be ten years wide."""
    return (float(row["from"]) + float(row["to"] or OLDEST - 1) + 1) / 2


def _fitted(row: dict[str, str]) -> tuple[float, float, float]:
    """Return L, M and S by least squares on the published percentiles, in which the transformed values are linear."""
    from scipy.special import ndtri

    shown = [c for c in row if c[0] == "p" and row[c]]
    power = POWER[row["quantity"]]
    z, y = ndtri([int(c[1:]) / 100 for c in shown]), np.array([float(row[c]) for c in shown]) ** power
    slope = float(((z - z.mean()) * (y - y.mean())).sum() / ((z - z.mean()) ** 2).sum())
    level = float(y.mean() - slope * z.mean())
    return power, level ** (1 / power), slope / (power * level)


def _adult_correlation(brackets: list[dict[str, dict[str, str]]]) -> float:
    """Return one correlation for the adults of a sex; the brackets, of 150 to 800 people, scatter by chance."""
    out, people = [], []
    for b in brackets:
        sds = [np.log(float(b[q]["p90"]) / float(b[q]["p10"])) / (2 * TENTH) for q in ("height", "weight", "bmi")]
        out.append(_correlation(*sds))
        people.append(float(b["bmi"]["n"]))
    return float(np.average(out, weights=people))
