"""Closed forms of linear pharmacokinetics, written from the mathematics and independent of the package.

Every linear disposition here is a sum of decaying exponentials with non-negative weights. Each formula is arranged as
a sum of non-negative terms, so that nothing cancels when rate constants coincide or when an elapsed time is short. The
two building blocks are

    gain(x)       = (1 - exp(-x)) / x                                and
    passage(a, b) = (exp(-b t) - exp(-a t)) / (a - b)
                  = t exp(-min(a, b) t) gain(|a - b| t).

Arguments carry no units: any consistent set will do (dose in mg, volume in L, clearance in L/h and time in h give
concentrations in mg/L). Times may be any array; a concentration before its dose is zero and at its dose is the value
just after it.

References
----------
Gibaldi M, Perrier D (1982). Pharmacokinetics, 2nd ed., Marcel Dekker: compartment models and superposition.
Higham NJ (2002). Accuracy and Stability of Numerical Algorithms, 2nd ed., SIAM, doi:10.1137/1.9780898718027: why the
formulas are rearranged.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from collections.abc import Callable

Array = NDArray[np.float64]

__all__ = [
    "Disposition",
    "accumulation",
    "bolus",
    "gain",
    "infusion",
    "one_compartment",
    "oral",
    "passage",
    "repeat",
    "steady_bolus",
    "steady_infusion",
    "steady_oral",
    "three_compartment",
    "two_compartment",
]


@dataclass(frozen=True)
class Disposition:
    """Concentration after a unit bolus: ``sum(weights * exp(-rates * t))``.

    ``weights`` are per volume, ``rates`` per time.
    """

    weights: tuple[float, ...]
    rates: tuple[float, ...]

    def terms(self) -> zip[tuple[float, float]]:
        """Return (weight, rate) pairs."""
        return zip(self.weights, self.rates, strict=True)


def one_compartment(*, volume: float, clearance: float) -> Disposition:
    """Return the disposition of one compartment: rate ``clearance / volume``."""
    return Disposition((1.0 / volume,), (clearance / volume,))


def two_compartment(
    *, central_volume: float, clearance: float, peripheral_volume: float, exchange: float
) -> Disposition:
    """Return the disposition of the central of two compartments; ``exchange`` is the clearance between them.

    With k10 = CL/V1, k12 = Q/V1, k21 = Q/V2 and u = k10 + k12 - k21, the rates are the roots of
    x**2 - (k10 + k12 + k21) x + k10 k21, and (alpha - k21) (k21 - beta) = k12 k21.
    """
    k10, k12, k21 = clearance / central_volume, exchange / central_volume, exchange / peripheral_volume
    u = k10 + k12 - k21
    root = float(np.hypot(u, 2.0 * np.sqrt(k12 * k21)))
    alpha = 0.5 * (k10 + k12 + k21 + root)
    beta = k10 * k21 / alpha
    larger = 0.5 * (abs(u) + root)
    smaller = k12 * k21 / larger
    fast, slow = (larger, smaller) if u >= 0.0 else (smaller, larger)
    return Disposition((fast / root / central_volume, slow / root / central_volume), (alpha, beta))


def three_compartment(
    *, central_volume: float, clearance: float, volumes: tuple[float, float], exchanges: tuple[float, float]
) -> Disposition:
    """Return the disposition of the central of three compartments, the other two exchanging with it alone.

    With amounts scaled by the square roots of the volumes the rate matrix is symmetric: its eigenvalues are the rates,
    and the squared first components of its eigenvectors are the weights, none of them negative.
    """
    v = np.array([central_volume, *volumes])
    q = np.array(exchanges)
    rates = np.diag([clearance + q.sum(), *q])
    rates[0, 1:] = rates[1:, 0] = -q
    scale = np.sqrt(v)
    values, vectors = np.linalg.eigh(rates / np.outer(scale, scale))
    return Disposition(tuple(vectors[0] ** 2 / central_volume), tuple(values))


def gain(x: ArrayLike) -> Array:
    """Return ``(1 - exp(-x)) / x``, which is 1 at zero."""
    x = np.asarray(x, dtype=float)
    safe = np.where(x == 0.0, 1.0, x)
    return np.where(x == 0.0, 1.0, -np.expm1(-safe) / safe)


def passage(a: float, b: float, t: ArrayLike) -> Array:
    """Return ``(exp(-b t) - exp(-a t)) / (a - b)``: what has left a first pool (a) and is still in a second (b)."""
    t = np.asarray(t, dtype=float)
    return t * np.exp(-min(a, b) * t) * gain(abs(a - b) * t)


def bolus(disposition: Disposition, t: ArrayLike, *, dose: float) -> Array:
    """Return the concentration after a bolus at time 0."""
    t = np.asarray(t, dtype=float)
    since = np.maximum(t, 0.0)
    curve = sum((w * np.exp(-k * since) for w, k in disposition.terms()), np.zeros_like(t))
    return np.where(t < 0.0, 0.0, dose * curve)


def infusion(disposition: Disposition, t: ArrayLike, *, rate: float, duration: float) -> Array:
    """Return the concentration during and after an infusion that starts at time 0."""
    t = np.asarray(t, dtype=float)
    during, after = np.clip(t, 0.0, duration), np.maximum(t - duration, 0.0)
    parts = (w * during * gain(k * during) * np.exp(-k * after) for w, k in disposition.terms())
    return rate * sum(parts, np.zeros_like(t))


def oral(
    disposition: Disposition, t: ArrayLike, *, dose: float, ka: float, bioavailability: float = 1.0, lag: float = 0.0
) -> Array:
    """Return the concentration after first-order absorption of a dose given at time 0."""
    t = np.asarray(t, dtype=float)
    since = np.maximum(t - lag, 0.0)
    return bioavailability * dose * ka * sum((w * passage(ka, k, since) for w, k in disposition.terms()), 0.0 * t)


def repeat(curve: Callable[[Array], Array], t: ArrayLike, *, interval: float, count: int) -> Array:
    """Return the superposition of ``count`` equal courses, one every ``interval``.

    ``curve`` gives the concentration at the times since its own dose, for instance
    ``lambda since: bolus(disposition, since, dose=100.0)``.
    """
    t = np.asarray(t, dtype=float)
    return sum((curve(t - n * interval) for n in range(count)), np.zeros_like(t))


def accumulation(rate: float, interval: float) -> float:
    """Return ``1 / (1 - exp(-rate * interval))``: the sum over all earlier doses."""
    return float(-1.0 / np.expm1(-rate * interval))


def steady_bolus(disposition: Disposition, t: ArrayLike, *, dose: float, interval: float) -> Array:
    """Return the concentration at time ``t`` since a bolus of an endless course (periodic in ``interval``)."""
    phase = np.mod(np.asarray(t, dtype=float), interval)
    parts = (w * np.exp(-k * phase) * accumulation(k, interval) for w, k in disposition.terms())
    return dose * sum(parts, np.zeros_like(phase))


def steady_infusion(disposition: Disposition, t: ArrayLike, *, rate: float, duration: float, interval: float) -> Array:
    """Return the concentration since the start of an infusion of an endless course.

    An infusion longer than the interval overlaps the next ones: each full interval adds the plateau rate / clearance.
    """
    phase = np.mod(np.asarray(t, dtype=float), interval)
    whole, rest = divmod(duration, interval)
    during, after = np.minimum(phase, rest), np.maximum(phase - rest, 0.0)
    total = np.zeros_like(phase)
    for w, k in disposition.terms():
        this = during * gain(k * during) * np.exp(-k * after)
        earlier = rest * gain(k * rest) * np.exp(-k * (phase + interval - rest)) * accumulation(k, interval)
        total += w * (this + earlier) + (whole * w / k if whole else 0.0)
    return rate * total


def steady_oral(
    disposition: Disposition,
    t: ArrayLike,
    *,
    dose: float,
    ka: float,
    interval: float,
    bioavailability: float = 1.0,
    lag: float = 0.0,
) -> Array:
    """Return the concentration since a dose of an endless course with first-order absorption.

    With m the smaller and M the larger of ka and k, d = M - m and s the time since absorption last began, the sum over
    all doses of ``passage`` is
    exp(-m s) [s gain(d s) + exp(-m T - d s) (T - s) gain(d (T - s))] / ((1 - exp(-m T)) (1 - exp(-M T))).
    """
    phase = np.mod(np.asarray(t, dtype=float) - lag, interval)
    parts = (w * _periodic_passage(ka, k, phase, interval) for w, k in disposition.terms())
    return bioavailability * dose * ka * sum(parts, np.zeros_like(phase))


def _periodic_passage(a: float, b: float, s: Array, interval: float) -> Array:
    """Return the sum over n >= 0 of ``passage(a, b, s + n * interval)`` for 0 <= s < interval."""
    low, high = min(a, b), max(a, b)
    d, left = high - low, interval - s
    bracket = s * gain(d * s) + np.exp(-low * interval - d * s) * left * gain(d * left)
    return np.exp(-low * s) * bracket * accumulation(low, interval) * accumulation(high, interval)
