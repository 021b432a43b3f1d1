"""Fates of cells, written from their cards."""

from __future__ import annotations

import math

from scipy.special import gammaincc

from validation.reviewing import Rewritten, review


@review("threshold_kill")
def threshold_kill(p, start):
    """From the card's equations (log-logistic thresholds; Spencer et al. 2009 for why cells differ)."""
    ratio = (p.signal / p.threshold) ** p.steepness
    share = ratio / (1.0 + ratio)
    net = p.kgrow - p.kkill * share
    out = {"fraction_killed": share, "net_growth": net}
    return Rewritten(("cells",), [start.cells], lambda _t, y: [net * y[0]], lambda _t, _y: out, end=20.0)


def _hill(p, drug):
    return p.k0 + p.kmax * drug**p.h / (p.K**p.h + drug**p.h)


@review("signal_fixed_burst")
def signal_fixed_burst(p, _start):
    """From the card's equations (Friedman et al. 2006; mean and variance of bursty production)."""
    k = _hill(p, p.D)
    return Rewritten(
        states=("mean", "variance"),
        start=[k / p.g, p.burst * k / p.g],
        rates=lambda _t, y: [k - p.g * y[0], 2.0 * p.burst * k - 2.0 * p.g * y[1]],
        outputs=lambda _t, y: {"k": k, "b": y[1] / y[0], "a": y[0] ** 2 / y[1], "CV": math.sqrt(y[1]) / y[0]},
        end=10.0 / p.g,
    )


@review("signal_fixed_cv")
def signal_fixed_cv(p, _start):
    """From the card's equations (Gamma distribution of fixed coefficient of variation)."""
    k = _hill(p, p.D)
    return Rewritten(
        states=("mean",),
        start=[k / p.g],
        rates=lambda _t, y: [k - p.g * y[0]],
        outputs=lambda _t, y: {"k": k, "a": p.CV**-2, "b": y[0] * p.CV**2, "variance": (p.CV * y[0]) ** 2},
        end=10.0 / p.g,
    )


@review("gamma_threshold_kill")
def gamma_threshold_kill(p, _start):
    """From the card's equations, the incomplete gamma function by SciPy."""
    x = p.S_T / p.b
    out = {"F": gammaincc(p.a, x), "x": x, "mean": p.a * p.b, "CV": p.a**-0.5}
    return Rewritten(outputs=lambda _t, _y: out)


@review("fractional_killing")
def fractional_killing(p, _start):
    """From the card's equations, the incomplete gamma function by SciPy."""
    k = _hill(p, p.D)

    def outputs(_t, y):
        mean, variance, scaled = y
        shape, scale, spread = mean**2 / variance, variance / mean, scaled * p.CV**2
        return {
            "bursty.a": shape,
            "bursty.b": scale,
            "burstkill.F": gammaincc(shape, p.S_T / scale),
            "scaled.b": spread,
            "scaledkill.x": p.S_T / spread,
            "scaledkill.F": gammaincc(p.CV**-2, p.S_T / spread),
        }

    return Rewritten(
        states=("bursty.mean", "bursty.variance", "scaled.mean"),
        start=[k / p.g, p.burst * k / p.g, k / p.g],
        rates=lambda _t, y: [k - p.g * y[0], 2.0 * p.burst * k - 2.0 * p.g * y[1], k - p.g * y[2]],
        outputs=outputs,
        end=10.0 / p.g,
    )
