"""Signals that spread over cells and the cells they kill, and absorption from under the skin, from their cards."""

from __future__ import annotations

import math

from scipy.special import gammaincc

from validation.reviewing import Rewritten, review


def _production(p):
    """Return k of the three cards: a basal rate and a Hill function of the drug."""
    if p.D == 0.0:
        return p.k0
    return p.k0 + p.kmax / (1.0 + (p.K / p.D) ** p.h)


def _bursts(mean, variance, burst):
    """Return shape, scale and coefficient of variation of the Gamma distribution with these two moments."""
    if mean == 0.0 and variance == 0.0:
        return 0.0, burst, math.inf
    shape = mean**2 / variance
    return shape, variance / mean, shape**-0.5


def _share_above(shape, scale, threshold):
    """Return the share of a Gamma distribution above a threshold."""
    return float(gammaincc(shape, threshold / scale)) if shape > 0.0 and scale > 0.0 else 0.0


@review("signal_fixed_burst")
def signal_fixed_burst(p, _start):
    """From the card's equations (exponential bursts; Friedman, Cai and Xie 2006); D_before = D."""
    k = _production(p)

    def rates(_t, y):
        return [k - p.g * y[0], 2.0 * p.burst * k - 2.0 * p.g * y[1]]

    def outputs(_t, y):
        shape, scale, cv = _bursts(y[0], y[1], p.burst)
        return {"k": k, "a": shape, "b": scale, "CV": cv}

    return Rewritten(("mean", "variance"), [k / p.g, p.burst * k / p.g], rates, outputs, end=8.0 / p.g)


@review("signal_fixed_cv")
def signal_fixed_cv(p, _start):
    """From the card's equations (a lasting factor of each cell; Taniguchi et al. 2010); D_before = D."""
    k = _production(p)

    def outputs(_t, y):
        return {"k": k, "a": p.CV**-2, "b": y[0] * p.CV**2, "variance": (p.CV * y[0]) ** 2}

    return Rewritten(("mean",), [k / p.g], lambda _t, y: [k - p.g * y[0]], outputs, end=8.0 / p.g)


@review("gamma_threshold_kill")
def gamma_threshold_kill(p, _start):
    """From the card's equations (the Gamma distribution of Friedman, Cai and Xie 2006 above a threshold)."""
    out = {"x": p.S_T / p.b, "mean": p.a * p.b, "CV": p.a**-0.5, "F": _share_above(p.a, p.b, p.S_T)}
    return Rewritten(outputs=lambda _t, _y: out)


@review("fractional_killing")
def fractional_killing(p, _start):
    """From the card's equations and those of its parts' cards (Friedman, Cai and Xie 2006); D_before = D."""
    k = _production(p)

    def rates(_t, y):
        bursty, variance, scaled = y
        return [k - p.g * bursty, 2.0 * p.burst * k - 2.0 * p.g * variance, k - p.g * scaled]

    def outputs(_t, y):
        bursts = _bursts(y[0], y[1], p.burst)
        factor = (p.CV**-2, y[2] * p.CV**2, p.CV)
        out = {"bursty.k": k, "scaled.k": k, "bursty.CV": bursts[2], "scaled.variance": (p.CV * y[2]) ** 2}
        for signal, kill, (shape, scale, cv) in (("bursty", "burstkill", bursts), ("scaled", "scaledkill", factor)):
            out |= {f"{signal}.a": shape, f"{signal}.b": scale, f"{kill}.x": p.S_T / scale}
            out |= {f"{kill}.F": _share_above(shape, scale, p.S_T), f"{kill}.mean": shape * scale, f"{kill}.CV": cv}
        return out

    start = [k / p.g, p.burst * k / p.g, k / p.g]
    return Rewritten(("bursty.mean", "bursty.variance", "scaled.mean"), start, rates, outputs, end=8.0 / p.g)


@review("subcutaneous_absorption")
def subcutaneous_absorption(p, start):
    """From the card's equations (first-order absorption with loss at the site; Gibaldi and Perrier 1982)."""

    def rates(_t, y):
        leaving = p.ka * y[0]
        return [-leaving, p.F * leaving]

    def outputs(_t, y):
        return {"central": y[1] / p.V}

    return Rewritten(("depot", "amount(central)"), [start.depot, start.central * p.V], rates, outputs, end=8.0 / p.ka)
