"""Checks with a p-value each, judged together: the chance that a right program fails any of them is stated."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cache

import numpy as np
from scipy import stats

FALSE_ALARMS = 2e-4
"""The chance that a group of checks fails although everything is right (Bonferroni): five groups, one in a thousand."""


@dataclass
class Checks:
    """Collects p-values under labels."""

    found: dict[str, float] = field(default_factory=dict)

    def z(self, label: str, value: float, expected: float, error: float) -> None:
        """Add a statistic that is normal around what is expected."""
        self.p(label, 2 * float(stats.norm.sf(abs(value - expected) / error)))

    def p(self, label: str, value: float) -> None:
        """Add a p-value."""
        if label in self.found:
            raise ValueError(label)
        self.found[label] = value if math.isfinite(value) else 0.0

    @property
    def limit(self) -> float:
        return FALSE_ALARMS / max(len(self.found), 1)

    def fails(self) -> dict[str, float]:
        """Return what is less likely than its share of the false alarms."""
        return {k: p for k, p in self.found.items() if p < self.limit}

    def told(self, name: str) -> bool:
        """Print the figures; return whether all is well."""
        bad = self.fails()
        least = min(self.found, key=lambda k: self.found[k])
        print(f"{name}: {len(self.found)} checks, {len(bad)} fail; least p {self.found[least]:.2g} ({least})")
        for label, p in bad.items():
            print(f"  FAILS {label}: p = {p:.2g}, limit {self.limit:.2g}")
        return not bad

    def moments(self, name: str, x: np.ndarray, raw: list[float]) -> None:
        """Compare mean and variance with theory, given E[x**k] for k = 1 to 4 around any centre near the mean."""
        mean, variance, fourth = central(raw)
        self.z(f"mean of {name}", float(x.mean()), mean, math.sqrt(variance / len(x)))
        error = math.sqrt((fourth - variance**2) / len(x))
        self.z(f"variance of {name}", float(((x - mean) ** 2).mean()), variance, error)

    def correlation(self, name: str, x: np.ndarray, y: np.ndarray, rho: float) -> None:
        """Compare a correlation of normal scores with theory, on Fisher's scale."""
        r = float(np.corrcoef(x, y)[0, 1])
        self.z(f"correlation of {name}", math.atanh(r), math.atanh(rho), 1 / math.sqrt(len(x) - 3))

    def distribution(self, name: str, u: np.ndarray) -> None:
        """Compare probabilities, uniform in theory, by Kolmogorov and Smirnov."""
        self.p(f"distribution of {name}", float(stats.kstest(u, "uniform").pvalue))


def central(raw: list[float]) -> tuple[float, float, float]:
    """Return the mean, and the second and fourth moment around it."""
    m1, m2, m3, m4 = raw
    return m1, m2 - m1**2, m4 - 4 * m1 * m3 + 6 * m1**2 * m2 - 3 * m1**4


def raw_moments(transform, low: float = -math.inf, high: float = math.inf) -> list[float]:
    """Return E[g(z)**k], k = 1 to 4, of a standard normal z between two bounds, by Gauss and Legendre."""
    a, b = max(low, -9.0), min(high, 9.0)
    nodes, weights = _rule()
    z = (a + b) / 2 + (b - a) / 2 * nodes
    density = stats.norm.pdf(z) * weights * (b - a) / 2
    density /= stats.norm.cdf(high) - stats.norm.cdf(low)
    g = transform(z)
    return [float((density * g**k).sum()) for k in range(1, 5)]


@cache
def _rule() -> tuple[np.ndarray, np.ndarray]:
    return np.polynomial.legendre.leggauss(300)


def components(x: np.ndarray) -> tuple[float, float]:
    """Return the mean squares between and within subjects of values of shape (subjects, occasions)."""
    n, k = x.shape
    own = x.mean(axis=1)
    between = k * float(((own - x.mean()) ** 2).sum()) / (n - 1)
    within = float(((x - own[:, None]) ** 2).sum()) / (n * (k - 1))
    return between, within


def add_components(checks: Checks, name: str, x: np.ndarray, *, subjects: float, occasions: float) -> str:
    """Compare variance components with theory (one-way analysis of variance); return them with 95 % intervals.

    The checks are exact, of both mean squares; the interval between subjects holds that between occasions fixed.
    """
    n, k = x.shape
    between, within = components(x)
    df_b, df_w = n - 1, n * (k - 1)
    expected_b = occasions + k * subjects
    for label, found, expected, df in (("between subjects", between, expected_b, df_b),
                                       ("between occasions", within, occasions, df_w)):  # fmt: skip
        ratio = df * found / expected
        tail = min(stats.chi2.cdf(ratio, df), stats.chi2.sf(ratio, df))
        checks.p(f"variance {label} of {name}", min(1.0, 2 * float(tail)))
    inner = [df_w * within / stats.chi2.ppf(q, df_w) for q in (0.975, 0.025)]
    outer = [(df_b * between / stats.chi2.ppf(q, df_b) - within) / k for q in (0.975, 0.025)]
    return (
        f"{name}: ω²(subjects) {(between - within) / k:.5f} [{outer[0]:.5f}, {outer[1]:.5f}] for {subjects:.5f}; "
        f"ω²(occasions) {within:.5f} [{inner[0]:.5f}, {inner[1]:.5f}] for {occasions:.5f}"
    )
