"""Counted molecules of single cells: means by differential equations, noise by moments, states in closed form."""

from __future__ import annotations

import numpy as np
from scipy.integrate import solve_ivp
from scipy.linalg import solve_continuous_lyapunov
from scipy.optimize import brentq
from scipy.special import gammaincc
from scipy.stats import nbinom

import sbmlqsp as qsp
from validation.cases import Bench, case, holds, model_of, same
from validation.reference import integrate

BIRTHS = {"typical": {}, "fast": {"k": 4000.0, "g": 60.0}, "slow": {"k": 0.03, "g": 2e-3}}
GENES = {
    "typical": {},
    "hardly ever off": {"kon": 90.0, "koff": 0.4, "km": 3.0, "gm": 12.0, "copies": 2.0},
    "slow switch": {"kon": 0.02, "koff": 0.07, "km": 700.0, "gm": 0.4},
}
PROTEINS = {
    "typical": {},
    "long-lived transcripts": {"gm": 0.3, "kp": 2.0, "g": 0.9},
    "rare large bursts": {"km": 0.02, "gm": 200.0, "kp": 9e4, "g": 0.04},
}
SIGNALS = {
    "typical": {},
    "steep and quick": {"h": 6.0, "K": 0.02, "g": 9.0, "gm": 400.0},
    "shallow and slow": {"h": 0.5, "K": 900.0, "g": 0.03, "kp": 7.0, "kmax": 80.0},
}


def rest(drift, inflow, *channels) -> tuple[np.ndarray, np.ndarray]:
    """Return means and covariances at rest of a linear jump process.

    ``drift`` and ``inflow`` are of the means, d<x>/dt = A <x> + c; a channel is its change of state and its propensity
    as coefficients on the states and a constant.
    """
    mean = np.linalg.solve(np.asarray(drift), -np.asarray(inflow, dtype=float))
    noise = sum(np.outer(v, v) * (np.dot(coefficients, mean) + constant) for v, coefficients, constant in channels)
    return mean, solve_continuous_lyapunov(np.asarray(drift, dtype=float), -noise)


# ----------------------------------------------------------------------------------------------------- birth and death
@case("birth_death", rows="S0-34", sets=BIRTHS)
def mean_relaxes_to_rest(b: Bench):
    """From none the mean rises as (k/g)(1 - exp(-g t)); k/g is its rest, and a steady state."""
    p, t = b.p, np.linspace(0.0, 5.0 / b.p.g, 21)
    got = b.run(t, "n", "mean")
    yield same("n", got["n"], -p.k / p.g * np.expm1(-p.g * t), at=t)
    yield same("mean", got["mean"], p.k / p.g)
    yield same("n at rest", b.at_rest()["n"], p.k / p.g)


@case("birth_death", rows="S0-34", sets=BIRTHS)
def share_of_start_is_lost(b: Bench):
    """What was there is lost with exp(-g t), which is also how long counts remember: their autocorrelation."""
    p, t = b.p, np.linspace(0.0, 3.0 / b.p.g, 11)
    high, low = (b.run(t, "n", changes={"amount(n)": n})["n"] for n in (70.0, 30.0))
    yield same("two starts part by", high - low, 40.0 * np.exp(-p.g * t), at=t)


# ------------------------------------------------------------------------------------------------------ genes in bursts
@case("telegraph_gene", rows="S0-35", sets=GENES)
def gene_and_transcripts_relax(b: Bench):
    """The share of copies that are on relaxes with kon + koff, transcripts with gm behind it; both from none."""
    p = b.p
    both = p.kon + p.koff
    t = np.linspace(0.0, 5.0 / min(both, p.gm), 25)
    got = b.run(t, "on", "off", "m", "mean", "burst")
    share = p.kon / both
    yield same("on", got["on"], -p.copies * share * np.expm1(-both * t), at=t)
    yield same("copies", got["on"] + got["off"], p.copies, at=t)
    lag = (np.exp(-both * t) - np.exp(-p.gm * t)) / (p.gm - both)
    m = p.copies * share * p.km * (-np.expm1(-p.gm * t) / p.gm - lag)
    yield same("m", got["m"], m, at=t, floor=1e-6 * m.max())
    yield same("mean", got["mean"], p.copies * share * p.km / p.gm)
    yield same("burst", got["burst"], p.km / p.koff)


@case("telegraph_gene", rows="S0-35", sets=GENES)
def fano_from_moment_equations(b: Bench):
    """Mean and Fano factor at rest are those of the linear equations for the means and covariances of on and m."""
    p = b.p
    drift = [[-(p.kon + p.koff), 0.0], [p.km, -p.gm]]
    channels = [([1, 0], [-p.kon, 0.0], p.kon * p.copies), ([-1, 0], [p.koff, 0.0], 0.0)]
    channels += [([0, 1], [p.km, 0.0], 0.0), ([0, -1], [0.0, p.gm], 0.0)]
    mean, covariance = rest(drift, [p.kon * p.copies, 0.0], *channels)
    got = b.start()
    yield same("mean", got["mean"], mean[1])
    yield same("fano", got["fano"], covariance[1, 1] / mean[1])
    yield holds("noisier than one by one", got["fano"] > 1.0)


def two_stage(km: float, gm: float, kp: float, g: float) -> tuple[float, float]:
    """Return the mean and the Fano factor of a protein at rest, from its moment equations."""
    channels = [([1, 0], [0.0, 0.0], km), ([-1, 0], [gm, 0.0], 0.0), ([0, 1], [kp, 0.0], 0.0), ([0, -1], [0.0, g], 0.0)]
    mean, covariance = rest([[-gm, 0.0], [kp, -g]], [km, 0.0], *channels)
    return float(mean[1]), float(covariance[1, 1] / mean[1])


def rising(t, km: float, gm: float, kp: float, g: float) -> np.ndarray:
    """Return the mean protein from none: km kp/(gm g) (1 - (gm exp(-g t) - g exp(-gm t))/(gm - g))."""
    return km * kp / (gm * g) * (1.0 - (gm * np.exp(-g * t) - g * np.exp(-gm * t)) / (gm - g))


@case("bursty_protein", rows=("S0-35", "S0-36"), sets=PROTEINS)
def protein_relaxes(b: Bench):
    """From none: km kp/(gm g) (1 - (gm exp(-g t) - g exp(-gm t))/(gm - g))."""
    p, t = b.p, np.linspace(0.0, 6.0 / min(b.p.g, b.p.gm), 25)
    expected = rising(t, p.km, p.gm, p.kp, p.g)
    yield same("p", b.run(t, "p")["p"], expected, at=t, floor=1e-6 * expected.max())


@case("bursty_protein", rows=("S0-35", "S0-36"), sets=PROTEINS)
def noise_from_moment_equations(b: Bench):
    """Mean and Fano factor at rest from the moment equations; shape and scale are those of the negative binomial."""
    p, got = b.p, b.start()
    mean, fano = two_stage(p.km, p.gm, p.kp, p.g)
    yield same("mean, fano", [got["mean"], got["fano"]], [mean, fano])
    law = nbinom(got["a"], 1.0 / (1.0 + got["b"]))
    yield same("mean of the negative binomial", law.mean(), mean)
    short = two_stage(p.km, 1e7 * p.g, 1e7 * p.g * got["b"], p.g)[1]
    yield same("its Fano factor, as transcripts get short-lived", law.var() / law.mean(), short)


# ----------------------------------------------------------------------------------------------------------- apoptosis
def bursts(p, drug: float) -> float:
    """Return k0 + kmax D^h/(K^h + D^h)."""
    return p.k0 + (p.kmax / (1.0 + (p.K / drug) ** p.h) if drug else 0.0)


@case("apoptosis_signal", rows=("S0-35", "S0-38"), sets=SIGNALS)
def signal_follows_the_drug(b: Bench):
    """The mean signal under a constant drug rises as that of a protein whose bursts the drug makes more frequent."""
    p, t = b.p, np.linspace(0.0, 6.0 / b.p.g, 25)
    for drug in (0.0, 0.4 * b.p.K, b.p.K, 30.0 * b.p.K):
        k = bursts(p, drug)
        got = b.run(t, "k", "s", "level", changes={"D": drug})
        expected = rising(t, k, p.gm, p.kp, p.g)
        yield same(f"k, D = {drug:g}", got["k"], k)
        yield same(f"s, D = {drug:g}", got["s"], expected, at=t, floor=1e-6 * expected.max())
        yield same(f"level, D = {drug:g}", got["level"], got["s"], tolerance=0.0)


@case("apoptosis_signal", rows=("S0-36", "S0-38"), sets=SIGNALS)
def shape_moves_with_the_drug(b: Bench):
    """More drug: more bursts of the same size. Its tail is that of the burst-wise signal in molecules."""
    p = b.p
    for drug in (0.0, b.p.K, 30.0 * b.p.K):
        k, got = bursts(p, drug), b.start({"D": drug})
        mean, fano = two_stage(k, p.gm, p.kp, p.g)
        yield same(f"mean, fano, D = {drug:g}", [got["mean"], got["fano"]], [mean, fano])
        yield same(f"a, b, D = {drug:g}", [got["a"], got["b"]], [k / p.g, p.kp / p.gm])
    if not b.changes:
        for size in (20.0, 200.0, 2000.0):
            exact = nbinom.sf(5 * size - 1, got["a"], 1.0 / (1.0 + size))
            gap = abs(float(gammaincc(got["a"], 5.0 - 0.5 / size)) / exact - 1.0)
            yield holds(f"bursts of {size:g}: Gamma and negative binomial tails are near", gap < 1.0 / size)


@case(
    "apoptosis_threshold",
    rows=("S0-39", "S0-40"),
    sets={"typical": {}, "at once": {"kdie": 300.0, "threshold": 7.0}, "hardly": {"kdie": 1e-3, "threshold": 9e4}},
)
def dies_above_only(b: Bench):
    """Under a constant signal: exp(-kdie t) at the threshold and above, one below."""
    p, t = b.p, np.linspace(0.0, 3.0 / b.p.kdie, 13)
    for ratio, rate in ((0.0, 0.0), (0.99, 0.0), (1.0, p.kdie), (5.0, p.kdie)):
        got = b.run(t, "alive", "dead", "above", "margin", changes={"signal": ratio * p.threshold})
        yield same(f"alive at {ratio:g} thresholds", got["alive"], np.exp(-rate * t), at=t)
        yield same("dead", got["dead"], -np.expm1(-rate * t), at=t, floor=1e-6)
        yield same("above", got["above"], float(rate > 0))
        yield same("margin", got["margin"], (1.0 - ratio) * p.threshold, floor=1e-9 * p.threshold)


def crossing(signal, level: float, end: float) -> float:
    """Return when a rising signal comes to a level."""
    return float(brentq(lambda t: float(signal(t)) - level, 1e-9, end, xtol=1e-13, rtol=1e-14))


@case("apoptosis_threshold", rows=("S0-39", "M-02"))
def time_above_adds_up(b: Bench):
    """Joined to a mean signal that rises over the threshold, the chance to be alive falls from then on."""
    parts = {"death": model_of("apoptosis_signal"), "decision": b.model}
    whole = qsp.compose("whole", parts, connect={"decision.signal": "death.level"})
    p, t = Bench(parts["death"]).p, np.linspace(0.0, 12.0, 25)
    got = Bench(whole).run(t, "decision.alive", changes={"death.D": 40.0})["decision.alive"]
    at = crossing(lambda s: rising(s, bursts(p, 40.0), p.gm, p.kp, p.g), b.p.threshold, 12.0)
    yield same("alive", got, np.exp(-b.p.kdie * np.maximum(t - at, 0.0)), at=t)


# ------------------------------------------------------------------------------------------------------ drug and cells
@case(
    "cytotoxic_plasma",
    rows=("S0-39", "M-07"),
    sets={"typical": {}, "fast": {"CL": 900.0, "V": 3.0}, "slow": {"CL": 0.02, "V": 400.0}},
)
def falls_with_clearance_over_volume(b: Bench):
    """A bolus gives (dose/V) exp(-CL t/V); a second one adds to what is left."""
    p = b.p
    k = p.CL / p.V
    t = np.linspace(0.0, 4.0 / k, 17)
    got = b.run(t, "C", "amount(drug)", regimen=f"700 nmol into drug; 300 nmol into drug at {2.0 / k!r}")
    left = 700.0 * np.exp(-k * t) + np.where(t >= 2.0 / k, 300.0 * np.exp(-k * t + 2.0), 0.0)
    yield same("drug", got["amount(drug)"], left, at=t)
    yield same("C", got["C"], left / p.V, at=t)


@case("cytotoxic_plasma", rows="M-07")
def rests_at_rate_over_clearance(b: Bench):
    """An infusion comes to its rate over CL, as R/CL (1 - exp(-CL t/V))."""
    p, t = b.p, np.linspace(0.0, 40.0, 21)
    got = b.run(t, "C", regimen="4000 nmol into drug over 40 h")["C"]
    yield same("C", got, -100.0 / p.CL * np.expm1(-p.CL / p.V * t), at=t)


KILLED = {
    "typical": {},
    "quick cells": {"death.g": 4.0, "threshold": 15.0, "kdie": 20.0, "h": 1.0},
    "slow drug": {"CL": 0.3, "K": 2.0, "kmax": 9.0, "threshold": 60.0},
}


@case("fractional_killing_cells", rows=("S0-01", "S0-39", "M-02"), sets=KILLED)
def is_the_chain_by_hand(b: Bench):
    """Composed and dosed, the means are those of the hand-written equations; the drug falls exponentially."""
    p, t = b.p, np.linspace(0.0, 24.0, 25)
    names = ("pk.C", "death.m", "death.s", "decision.alive")
    got = b.run(t, *names, regimen="4000 nmol into pk.drug")

    def rates(s, y):
        k = bursts(p, 4000.0 / p.V * np.exp(-p.CL / p.V * s))
        return [k - p.death_gm * y[0], p.death_kp * y[0] - p.death_g * y[1]]

    mean = solve_ivp(rates, (0.0, 24.0), [0.0, 0.0], method="LSODA", rtol=1e-11, atol=1e-11, dense_output=True).sol
    fine = np.linspace(0.0, 24.0, 2401)
    sign = np.sign(mean(fine)[1] - p.threshold)
    turns = [
        float(brentq(lambda s: float(mean(s)[1]) - p.threshold, fine[i], fine[i + 1], xtol=1e-12))
        for i in np.flatnonzero(np.diff(sign))
    ]
    above = np.zeros(len(t))
    for start, end in zip(turns[::2], [*turns[1::2], np.inf][: len(turns[::2])], strict=True):
        above += np.clip(t, start, end) - start
    expected = {"pk.C": 4000.0 / p.V * np.exp(-p.CL / p.V * t), "death.m": mean(t)[0], "death.s": mean(t)[1]}
    for name, curve in expected.items():
        yield same(name, got[name], curve, at=t, floor=1e-6 * curve.max())
    yield holds("the mean signal comes to the threshold", len(turns) > 0)
    yield same("decision.alive", got["decision.alive"], np.exp(-p.kdie * above), at=t, floor=1e-5)


@case("fractional_killing_cells", rows="S0-40", slow=True)
def mean_signal_decides_for_all(b: Bench):
    """By the mean signal a dose kills all cells or none: those that lift it to the threshold, for long."""
    t = np.linspace(0.0, 200.0, 11)
    for rate, alive in ((40.0, 1.0), (400.0, 0.0)):
        got = b.run(t, "decision.alive", regimen=f"{200 * rate} nmol into pk.drug over 200 h")["decision.alive"][-1]
        yield holds(f"{rate:g} nmol/h leaves {alive:g}", abs(got - alive) < 1e-12)


# ------------------------------------------------------------------------------------------------------- two states
PAIRS = {
    "typical": {},
    "far apart": {"alpha_u": 9e3, "alpha_v": 9e3, "g": 3.0},
    "near": {"alpha_u": 41.0, "alpha_v": 41.0},
}
OTHER = {"unequal": {"n_u": 1.0, "n_v": 4.0, "alpha_u": 30.0, "K_u": 3.0}, "steep": {"n_u": 6.0, "n_v": 5.0, "g": 0.05}}


@case("toggle_switch", rows="M-05", sets=PAIRS)
def two_states_in_closed_form(b: Bench):
    """With equal halves and n = 2, above alpha/g = 2 K: u v = K^2 and u + v = alpha/g; the lead decides which."""
    p = b.p
    total = p.alpha_u / p.g
    high = 0.5 * (total + np.sqrt(total**2 - 4.0 * p.K_u**2))
    for start, u in ((1.0, high), (-1.0, p.K_u**2 / high)):
        near = {"amount(u)": p.K_u * (1.5 + start), "amount(v)": p.K_v * (1.5 - start)}
        got = b.run([0.0, 3000.0 / p.g], "u", "v", "lead", changes=near)
        yield same(f"u, lead {start:+g}", got["u"][-1], u)
        yield same(f"v, lead {start:+g}", got["v"][-1], p.K_u**2 / u)
        yield same(f"lead {start:+g}", got["lead"][-1], u - p.K_u**2 / u)


@case("toggle_switch", rows="M-05")
def one_state_below(b: Bench):
    """Below alpha/g = 2 K both starts end at u = v, the root of u (1 + (u/K)^2) = alpha/g."""
    p = b.p
    changes = {"alpha_u": 1.9 * p.K_u * p.g, "alpha_v": 1.9 * p.K_u * p.g}
    u = brentq(lambda x: x * (1.0 + (x / p.K_u) ** 2) - 1.9 * p.K_u, 0.0, 2.0 * p.K_u, xtol=1e-12)
    for start in (0.0, 90.0):
        got = b.run([0.0, 800.0 / p.g], "u", "v", changes={**changes, "amount(u)": start})
        yield same(f"u, v from {start:g}", [got["u"][-1], got["v"][-1]], [u, u])


@case("toggle_switch", rows="M-05", sets=PAIRS | OTHER)
def is_the_pair_by_hand(b: Bench):
    """The course from an unequal start is that of Gardner's two equations."""
    p, t = b.p, np.linspace(0.0, 12.0 / b.p.g, 25)

    def rates(_, y):
        u, v = y
        return [p.alpha_u / (1.0 + (v / p.K_v) ** p.n_v) - p.g * u, p.alpha_v / (1.0 + (u / p.K_u) ** p.n_u) - p.g * v]

    expected = integrate(rates, [30.0, 5.0], t)
    got = b.run(t, "u", "v", changes={"amount(u)": 30.0, "amount(v)": 5.0})
    for k, name in enumerate(("u", "v")):
        yield same(name, got[name], expected[:, k], at=t)


STATES = {
    "typical": {},
    "one state": {"k1": 0.004, "k4": 2.0},
    "wide": {"k3": 900.0, "k4": 12.0, "k1": 0.06, "k2": 9e-5},
}


def cubic(p) -> np.ndarray:
    """Return the coefficients of dx/dt in powers of x, the highest first."""
    return np.array([-p.k2 / 6.0, p.k1 / 2.0 + p.k2 / 2.0, -p.k1 / 2.0 - p.k2 / 3.0 - p.k4, p.k3])


@case("schlogl", rows="M-05", sets=STATES)
def rests_where_the_cubic_is_zero(b: Bench):
    """Starts on either side of the middle root of the cubic end at the outer ones."""
    p = b.p
    roots = np.sort([r.real for r in np.roots(cubic(p)) if abs(r.imag) < 1e-9 and r.real > 0])
    starts = {0.0: roots[0], 2.0 * roots[-1]: roots[-1]}
    if len(roots) == 3:
        starts |= {0.98 * roots[1]: roots[0], 1.02 * roots[1]: roots[2]}
    for start, end in starts.items():
        got = b.run([0.0, 400.0], "x", changes={"amount(x)": start})["x"][-1]
        yield same(f"from {start:.4g}", got, end)


@case("schlogl", rows="M-05", sets=STATES)
def is_the_equation_by_hand(b: Bench):
    """The course is that of the cubic equation."""
    p, t = b.p, np.linspace(0.0, 8.0, 33)
    expected = integrate(lambda _, y: [np.polyval(cubic(p), y[0])], [300.0], t)[:, 0]
    yield same("x", b.run(t, "x", changes={"amount(x)": 300.0})["x"], expected, at=t)


@case("schlogl", rows="M-05", sets=STATES)
def most_likely_counts_are_the_states(b: Bench):
    """The distribution over the cells at rest has its peaks and its trough near the roots of the cubic."""
    p, x = b.p, np.arange(1.0, 4000.0)
    up = p.k1 * (x - 1.0) * (x - 2.0) / 2.0 + p.k3
    down = p.k2 * x * (x - 1.0) * (x - 2.0) / 6.0 + p.k4 * x
    sign = np.sign(np.diff(np.concatenate([[0.0], np.cumsum(np.log(up / down))])))
    turns = np.flatnonzero(np.diff(sign)) + 1.0
    roots = np.sort([r.real for r in np.roots(cubic(p)) if abs(r.imag) < 1e-9 and r.real > 0])
    yield holds("as many as roots", len(turns) == len(roots))
    yield holds("within a twentieth of them", np.abs(turns / roots[: len(turns)] - 1.0) < 0.05)
    names = ("up2", "down3")
    for n in (0.0, 1.0, 2.0, 57.0):
        got = b.start({"amount(x)": n})
        laws = [p.k1 * n * (n - 1.0) / 2.0, p.k2 * n * (n - 1.0) * (n - 2.0) / 6.0]
        yield same(f"propensities at {n:g}", [got[name] for name in names], laws, floor=1e-12)
