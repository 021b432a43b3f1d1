"""Death signals that differ from cell to cell: Gamma distributed, and the share of cells above a threshold."""

from __future__ import annotations

import numpy as np
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.special import gammaincc
from scipy.stats import nbinom, norm, poisson

import sbmlqsp as qsp
from validation.cases import Bench, case, holds, model_of, same
from validation.reference import integrate

BURSTY = {
    "typical": {},
    "rare large bursts": {"burst": 900.0, "k0": 0.7, "g": 4.0, "h": 0.6, "K": 0.02},
    "many small bursts": {"burst": 0.03, "g": 0.006, "kmax": 2.0, "h": 7.0, "K": 300.0},
}
SPREAD = {
    "typical": {},
    "hardly any spread": {"CV": 0.01, "g": 7.0, "k0": 300.0, "h": 0.6, "K": 0.02},
    "very unlike cells": {"CV": 4.0, "g": 0.006, "kmax": 2.0, "h": 7.0, "K": 300.0},
}
SHARES = (0.0, 0.3, 1.0, 4.0)


def production(p, drug: float) -> float:
    """Return k0 + kmax D^h/(K^h + D^h)."""
    return p.k0 + (p.kmax / (1.0 + (p.K / drug) ** p.h) if drug else 0.0)


def relaxing(t, before: float, after: float, rate: float):
    """Return the course from one level to another."""
    return after + (before - after) * np.exp(-rate * np.asarray(t))


# ------------------------------------------------------------------------------------------------------- the signals
@case("signal_fixed_burst", rows=("S0-36", "S0-37", "S0-38"), sets=BURSTY)
def steady_signal_is_gamma(b: Bench):
    """At a constant drug: shape k/(g burst), scale burst; the mean k/g, the variance burst k/g, CV = 1/sqrt(a)."""
    p = b.p
    for drug in (p.K * s for s in SHARES):
        k = production(p, drug)
        a = k / (p.g * p.burst)
        got = b.run([0.0, 5.0 / p.g], "k", "a", "b", "mean", "variance", "CV", changes={"D": drug})
        for name, value in {"k": k, "a": a, "b": p.burst, "mean": k / p.g, "variance": p.burst * k / p.g}.items():
            yield same(f"{name}, D = {drug:g}", got[name], value)
        yield same(f"CV, D = {drug:g}", got["CV"], a**-0.5)


@case("signal_fixed_burst", rows=("S0-36", "S0-38"), sets=BURSTY)
def moving_mean_and_variance(b: Bench):
    """After a step of drug the mean relaxes with g, the variance with 2 g; shape and scale follow from them."""
    p = b.p
    t = np.linspace(0.0, 6.0 / p.g, 25)
    for before, after in ((0.0, p.K), (3.0 * p.K, 0.0)):
        k0, k1 = production(p, before), production(p, after)
        mean = relaxing(t, k0 / p.g, k1 / p.g, p.g)
        variance = p.burst * relaxing(t, k0 / p.g, k1 / p.g, 2.0 * p.g)
        got = b.run(t, "mean", "variance", "a", "b", changes={"D": after, "D_before": before})
        for name, curve in {
            "mean": mean, "variance": variance, "a": mean**2 / variance, "b": variance / mean
        }.items():  # fmt: skip
            yield same(f"{name}, D from {before:g} to {after:g}", got[name], curve, at=t)


@case("signal_fixed_burst", rows="S0-37")
def no_signal_at_all(b: Bench):
    """Without production there is no signal: shape 0, scale still the burst size."""
    got = b.start({"k0": 0.0, "D": 0.0})
    yield same("mean, variance, a", [got["mean"], got["variance"], got["a"]], [0.0, 0.0, 0.0])
    yield same("b", got["b"], b.p.burst)


@case("signal_fixed_cv", rows=("S0-37", "S0-38"), sets=SPREAD)
def fixed_spread_is_gamma(b: Bench):
    """At a constant drug: shape 1/CV^2 whatever the drug, scale mean CV^2, mean k/g."""
    p = b.p
    for drug in (p.K * s for s in SHARES):
        mean = production(p, drug) / p.g
        got = b.run([0.0, 5.0 / p.g], "a", "b", "mean", "variance", changes={"D": drug})
        expected = {"a": p.CV**-2.0, "b": mean * p.CV**2, "mean": mean, "variance": (p.CV * mean) ** 2}
        for name, value in expected.items():
            yield same(f"{name}, D = {drug:g}", got[name], value)


@case("signal_fixed_cv", rows="S0-38", sets=SPREAD)
def moving_mean_keeps_its_spread(b: Bench):
    """After a step of drug the mean relaxes with g, and the scale with it; the shape stays."""
    p = b.p
    t = np.linspace(0.0, 6.0 / p.g, 25)
    for before, after in ((0.0, p.K), (3.0 * p.K, 0.0)):
        mean = relaxing(t, production(p, before) / p.g, production(p, after) / p.g, p.g)
        got = b.run(t, "mean", "a", "b", changes={"D": after, "D_before": before})
        yield same(f"mean, D from {before:g} to {after:g}", got["mean"], mean, at=t)
        yield same(f"b, D from {before:g} to {after:g}", got["b"], mean * p.CV**2, at=t)
        yield same(f"a, D from {before:g} to {after:g}", got["a"], p.CV**-2.0, at=t)


# ----------------------------------------------------------------------------------------------------- the Gamma law
@case(
    "gamma_threshold_kill",
    rows=("S0-37", "S0-05"),
    sets={"typical": {}, "low scale": {"b": 1e-3, "S_T": 0.02}, "high scale": {"b": 7e4, "S_T": 3.0}},
    slow=True,
)
def share_is_incomplete_gamma(b: Bench):
    """F = Q(a, S_T/b), from a hundredth of a burst per lifetime to ten million, from no cell killed to nearly all."""
    for a in (0.01, 0.2, 0.5, 1.0, 3.7, 11.25, 50.0, 800.0, 3e4, 1e7):
        deviations = np.array([-5.0, -2.0, -0.5, 0.0, 0.5, 2.0, 8.0])
        for x in np.concatenate([a * np.array([1e-3, 0.1, 0.999, 1.001, 3.0]), a + deviations * np.sqrt(a)]):
            right = gammaincc(a, x)
            if x > 0.0 and right > 1e-200:
                yield same(f"Q({a:g}, {x:.6g})", b.start({"a": a, "S_T": x * b.p.b})["F"], right)
    got = b.start({"a": 2.5})
    yield same("mean, CV", [got["mean"], got["CV"]], [2.5 * b.p.b, 2.5**-0.5])


@case("gamma_threshold_kill", rows="S0-37")
def special_cases_of_the_law(b: Bench):
    """One burst: exponential. Whole a: a Poisson sum. a = 1/2: a normal tail. No signal: no cell; no threshold: all."""
    share = lambda a, x: b.start({"a": a, "S_T": x * b.p.b})["F"]  # noqa: E731
    for x in (0.03, 0.9, 1.1, 30.0):
        yield same(f"a = 1, x = {x:g}", share(1.0, x), np.exp(-x))
        yield same(f"a = 1/2, x = {x:g}", share(0.5, x), 2.0 * norm.sf(np.sqrt(2.0 * x)))
        for a in (2, 7, 40):
            yield same(f"a = {a}, x = {x:g}", share(float(a), x), poisson.cdf(a - 1, x))
    yield same("no burst", share(0.0, 2.0), 0.0)
    yield same("no scale", b.start({"b": 0.0})["F"], 0.0)
    yield same("no threshold", share(3.0, 0.0), 1.0)


@case("gamma_threshold_kill", rows="S0-36")
def limit_of_the_negative_binomial(b: Bench):
    """Copy numbers made in geometric bursts are negative binomial; the Gamma law is their limit for large bursts."""
    for a, x in ((0.7, 2.0), (4.0, 6.0), (15.0, 12.0)):
        share = b.start({"a": a, "b": 1.0, "S_T": x})["F"]
        sizes = np.array([6.0, 60.0, 600.0, 6000.0])
        # P(n > x burst), without the step of a half that a count takes.
        exact = [nbinom.sf(x * s, a, 1.0 / (1.0 + s)) + 0.5 * nbinom.pmf(x * s, a, 1.0 / (1.0 + s)) for s in sizes]
        gap = np.abs(np.array(exact) / share - 1.0)
        yield holds(f"a = {a:g}: the gap is small and falls as 1/burst", gap[0] < 0.2, gap * sizes < 1.3 * gap[0] * 6.0)
        yield holds(f"a = {a:g}: at a burst of 6 it is seen", gap[0] > 1e-3)


# -------------------------------------------------------------------------------------------------------- the system
KILLED = {
    "typical": {},
    "noisy and steep": {"burst": 400.0, "CV": 2.0, "h": 6.0, "S_T": 700.0},
    "quiet and shallow": {"burst": 0.4, "CV": 0.06, "h": 0.5, "K": 900.0, "S_T": 60.0, "g": 3.0, "k0": 100.0},
}
BOTH = ("burstkill.F", "scaledkill.F")


def killed(p, drug: float) -> np.ndarray:
    """Return the share of cells killed at a constant drug, under both readings."""
    mean = production(p, drug) / p.g
    return np.array([gammaincc(mean / p.burst, p.S_T / p.burst), gammaincc(p.CV**-2.0, p.S_T / (mean * p.CV**2))])


@case("fractional_killing", rows=("S0-05", "S0-37", "S0-38"), sets=KILLED)
def killed_share_by_both_readings(b: Bench):
    """F(D) = Q(k(D)/(g burst), S_T/burst), or Q(1/CV^2, S_T g/(k(D) CV^2)); the two readings differ."""
    p = b.p
    for drug in (p.K * s for s in (0.0, 0.1, 0.7, 1.0, 3.0, 1e4)):
        got = b.run([0.0, 3.0 / p.g], *BOTH, changes={"D": drug})
        for k, name in enumerate(BOTH):
            yield same(f"{name}, D = {drug:g}", got[name], killed(p, drug)[k])
        rest = b.at_rest({"D": drug, "D_before": 0.0})
        yield same(f"at rest, D = {drug:g}", [rest[n] for n in BOTH], killed(p, drug))


@case("fractional_killing", rows=("S0-05", "S0-38"), sets=KILLED, slow=True)
def half_of_the_kill(b: Bench):
    """The kill is graded and levels off below one; its EC50 and the dose for a share solve the closed form."""
    p = b.p
    plateau = killed(p, 1e30)
    for k, name in enumerate(BOTH):
        none, most = killed(p, 0.0)[k], plateau[k]
        yield holds(f"{name} levels off between none and all", 0.0 < none < most < 1.0)
        for label, target, answer in (
            ("EC50", 0.5 * (none + most), qsp.ec50(b.model, "D", observable=name, at="1 h", changes=b.changes)),
            ("dose of a third", none + (most - none) / 3.0, None),
        ):
            found = answer or qsp.level_for(b.model, "D", observable=name, target=target, at="1 h", changes=b.changes)
            exact = brentq(lambda s, k=k, y=target: killed(p, np.exp(s))[k] / y - 1.0, -30.0, 60.0, xtol=1e-14)
            yield same(f"{label} of {name}", float(found), np.exp(exact))
        if not b.changes:
            found = qsp.level_for(b.model, "D", observable=name, target=0.5 * most)
            exact = brentq(lambda s, k=k, y=0.5 * most: killed(p, np.exp(s))[k] / y - 1.0, -9.0, 9.0, xtol=1e-14)
            yield same(f"half of the largest share of {name}, at steady state", float(found), np.exp(exact))
        asked = {"observable": name, "target": 0.5 * (1.0 + most), "at": "1 h", "changes": b.changes}
        yield holds(f"{name} never comes closer to one", not qsp.level_for(b.model, "D", **asked).possible)


def exact_share(p, before: float, after: float, t: float) -> float:
    """Return P(s > S_T) at t after a step of drug, bursty: (1 - i B w)^-a1 (1 - i B e w)^(a1 - a0) inverted.

    That is the characteristic function of what is left of the signal, shrunk by e = exp(-g t), and of what came since.
    """
    a0, a1 = (production(p, d) / (p.g * p.burst) for d in (before, after))
    e = np.exp(-p.g * t)

    def integrand(w: float) -> float:
        law = (1.0 - 1j * w) ** -a1 * (1.0 - 1j * e * w) ** (a1 - a0)
        return float((np.exp(-1j * w * p.S_T / p.burst) * law).imag / w)

    found, _ = quad(integrand, 0.0, 60.0, limit=2000, epsabs=1e-9)
    return 0.5 + found / np.pi


@case("fractional_killing", rows="S0-38", sets=KILLED)
def share_after_a_step_of_drug(b: Bench):
    """After a step of drug the share follows the Gamma law of the moving mean, with fixed CV or moving variance."""
    p = b.p
    drug, t = 2.0 * p.K, np.linspace(0.0, 8.0 / p.g, 17)
    got = b.run(t, *BOTH, changes={"D": drug, "D_before": 0.0})
    mean = relaxing(t, production(p, 0.0) / p.g, production(p, drug) / p.g, p.g)
    variance = p.burst * relaxing(t, production(p, 0.0) / p.g, production(p, drug) / p.g, 2.0 * p.g)
    yield same(BOTH[0], got[BOTH[0]], gammaincc(mean**2 / variance, p.S_T * mean / variance), at=t)
    yield same(BOTH[1], got[BOTH[1]], gammaincc(p.CV**-2.0, p.S_T / (mean * p.CV**2)), at=t)
    if not b.changes:
        true = np.array([exact_share(p, 0.0, drug, float(s)) for s in t])
        yield holds("the bursty law is near the exact one meanwhile", np.abs(got[BOTH[0]] - true) < 0.015)
        yield holds("and equal at rest", np.abs(got[BOTH[0]] - true)[[0, -1]] < 1e-4)


@case("fractional_killing", rows=("S0-38", "M-02"), sets=KILLED, slow=True)
def follows_a_drug_that_is_eliminated(b: Bench):
    """Joined to a dosed drug the signal rises and falls with it, and so does the share, by the Gamma law."""
    parts = {"pk": model_of("decaying_drug"), "kill": b.model}
    joined = Bench(
        qsp.compose("joined", parts, connect={"kill.D": "pk.D"}), {f"kill.{k}": v for k, v in b.changes.items()}
    )
    p, dose, t = b.p, 5.0 * b.p.K, np.linspace(0.0, 12.0 / b.p.g, 25)
    kel = 0.3 * p.g

    def rates(s, y):
        k = production(p, dose * np.exp(-kel * s))
        return [k - p.g * y[0], 2.0 * p.burst * k - 2.0 * p.g * y[1]]

    rest = production(p, 0.0) / p.g
    mean, variance = integrate(rates, [rest, p.burst * rest], t).T
    given = {"pk.D0": 0.0, "pk.kel": kel}
    got = joined.run(t, *(f"kill.{n}" for n in BOTH), regimen=f"{dose!r} nmol into pk.drug", changes=given)
    yield same(BOTH[0], got[f"kill.{BOTH[0]}"], gammaincc(mean**2 / variance, p.S_T * mean / variance), at=t)
    yield same(BOTH[1], got[f"kill.{BOTH[1]}"], gammaincc(p.CV**-2.0, p.S_T / (mean * p.CV**2)), at=t)


@case("fractional_killing", rows="S0-40", slow=True)
def all_or_none_without_noise(b: Bench):
    """As noise goes to zero F(D) becomes a step where the mean is S_T; the doses for 80 and 20 % part with noise."""
    p = b.p
    drive = (p.S_T * p.g - p.k0) / p.kmax
    step = p.K * (drive / (1.0 - drive)) ** (1.0 / p.h)
    for k, name in enumerate(BOTH):
        ratios = []
        for noise in (1e-4, 1e-2, 0.1, 0.3):
            changes = {"CV": noise, "burst": noise**2 * p.S_T}
            for side, share in ((0.99, 0.0), (1.01, 1.0)):
                if noise < 1e-3:
                    got = b.run([0.0, 1.0], name, changes={**changes, "D": side * step})[name][-1]
                    yield holds(f"{name}: a step, {side:g} of it", abs(got - share) < 1e-12)
            doses = [
                float(qsp.level_for(b.model, "D", observable=name, target=y, at="1 h", changes=changes))
                for y in (0.2, 0.8)
            ]
            here = dict(vars(p), **changes)
            for y, dose in zip((0.2, 0.8), doses, strict=True):
                yield same(f"{name} = {y:g} at its dose, noise {noise:g}", killed(_space(here), dose)[k], y)
            ratios.append(doses[1] / doses[0])
        yield holds(f"{name}: D80/D20 grows with noise from one", np.diff(ratios) > 0.0, ratios[0] < 1.001)
        yield holds(f"{name}: the dose of a half nears the step", abs(np.sqrt(ratios[0]) - 1.0) < 1e-3)


def _space(values):
    from types import SimpleNamespace

    return SimpleNamespace(**values)
