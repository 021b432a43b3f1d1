"""Poisson numbers from a cell's random stream.

Exact up to rounding: by inversion below a mean of 10, above it by the transformed rejection PTRS of Hörmann (1993,
https://doi.org/10.1016/0167-6687(93)90997-4). The logarithm of a probability is written by its distance from the mean,
as Loader does (2000, "Fast and accurate computation of binomial probabilities"), so that it keeps its digits where both
mean and number are large.
"""

from __future__ import annotations

import math

from sbmlqsp.engine.ssa_arithmetic import uniforms
from sbmlqsp.engine.ssa_model import fast

__all__ = ["poisson"]

SMALL = 10.0
"""The mean from which rejection is sooner done; PTRS needs at least 10."""


@fast
def poisson(mean, rng):
    """Return a Poisson number of a mean that is not negative, and go on in the stream."""
    return _inverted(mean, rng) if mean < SMALL else _rejected(mean, rng)


@fast
def _inverted(mean, rng):
    u = uniforms(rng)[0]
    p, k = math.exp(-mean), 0.0
    while u > p:
        u -= p
        k += 1.0
        p *= mean / k
        if p < 1e-18 and k > mean:  # what is left is less than the rounding of the uniform number
            break
    return k


@fast
def _rejected(mean, rng):
    b = 0.931 + 2.53 * math.sqrt(mean)
    a = -0.059 + 0.02483 * b
    inverse = 1.1239 + 1.1328 / (b - 3.4)
    inside = 0.9277 - 3.6224 / (b - 2.0)
    while True:
        v, u = uniforms(rng)
        u -= 0.5
        s = 0.5 - abs(u)
        if s <= 0.0:
            continue
        k = math.floor((2.0 * a / s + b) * u + mean + 0.43)
        if s >= 0.07 and v <= inside:
            return float(k)
        if k < 0.0 or (s < 0.013 and v > s):
            continue
        if math.log(v * inverse / (a / (s * s) + b)) <= _log_probability(float(k), mean):
            return float(k)


@fast
def _log_probability(k, mean):
    if k < 10.0:
        return k * math.log(mean) - mean - math.lgamma(k + 1.0)
    d = (k - mean) / mean
    r = 1.0 / (k * k)
    stirling = (1.0 / 12.0 - (1.0 / 360.0 - r / 1260.0) * r) / k
    return -mean * ((1.0 + d) * math.log1p(d) - d) - 0.5 * math.log(2.0 * math.pi * k) - stirling
