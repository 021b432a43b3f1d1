"""Tolerance by an induced phosphatase: time course, steady state, and what becomes of the EC50 by which definition."""

from __future__ import annotations

import numpy as np
from scipy.optimize import brentq

import sbmlqsp as qsp
from validation.cases import Bench, case, holds, same
from validation.reference import integrate

OFF = {"sigma_sat": 0.0, "sigma_prop": 0.0, "sigma_occ": 0.0, "sigma_out": 0.0}
KINDS = {
    "saturable": {"D": 8.0},
    "proportional": {**OFF, "sigma_prop": 0.7, "D": 30.0},
    "by occupancy": {**OFF, "sigma_occ": 12.0, "D": 4.0, "kdeg": 0.002, "ksyn": 0.004},
    "by output": {**OFF, "sigma_out": 3.0, "D": 200.0},
    "all at once, fast": {"sigma_prop": 0.01, "sigma_occ": 2.0, "sigma_out": 0.4, "D": 15.0, "kdeg": 3.0, "ksyn": 0.7},
    "slow and weak": {"sigma_sat": 0.3, "D": 0.05, "kdeg": 1e-4, "ksyn": 1e-5, "kp": 40.0},
}


def induced(p, response: float) -> float:
    """Return how much the phosphatase is induced at a level of the response."""
    occupied = p.D / (p.KD + p.D)
    return p.sigma_sat * p.D / (p.K_ind + p.D) + p.sigma_prop * p.D + p.sigma_occ * occupied + p.sigma_out * response


def naive(p) -> float:
    """Return the response while the phosphatase is at its level without drug."""
    return p.kin * p.D / (p.KD + p.D) / (p.kp * p.ksyn / p.kdeg)


def tolerant(p) -> float:
    """Return the response where the phosphatase has settled: the root of E (1 + induction(E)) = naive E."""
    top = naive(p)
    return float(brentq(lambda e: e * (1.0 + induced(p, e)) - top, 0.0, top, xtol=1e-15 * top, rtol=1e-14))


def settling(p) -> float:
    """Return a time in which response and phosphatase settle."""
    return 20.0 / min(p.kdeg, p.kp * p.ksyn / p.kdeg)


@case("induced_phosphatase_tolerance", rows=("S0-30", "M-01"), sets=KINDS)
def tolerance_overshoots(b: Bench):
    """Under constant drug the response peaks above its steady state and declines; later with a slower phosphatase."""
    p = b.p

    def rates(_, y):
        made = p.ksyn * (1.0 + induced(p, y[0]))
        return [p.kin * p.D / (p.KD + p.D) - p.kp * y[1] * y[0], made - p.kdeg * y[1]]

    t = np.concatenate([[0.0], np.geomspace(1e-4, 1.0, 40)]) * settling(p)
    exact = integrate(rates, [0.0, p.ksyn / p.kdeg], t)
    got = b.run(t, "E", "P")
    yield same("E(t)", got["E"], exact[:, 0], at=t)
    yield same("P(t)", got["P"], exact[:, 1], at=t)
    peak = qsp.extremum(b.experiment([0.0, settling(p)], "E"), "E")
    rest = tolerant(p)
    if p.kdeg > p.kp * p.ksyn / p.kdeg:
        yield same("a phosphatase faster than the response: no overshoot", float(peak), rest)
        return
    yield holds("the peak is above the steady state", float(peak) > rest * (1.0 + 1e-9))
    yield holds("and below the naive response", float(peak) < naive(p))
    slow = qsp.extremum(b.experiment([0.0, 4.0 * settling(p)], "E", changes=slower(p)), "E")
    yield holds("a slower phosphatase: a later, higher peak", slow.at > peak.at, float(slow) > float(peak))


def slower(p) -> dict[str, float]:
    """Return the constants of the same phosphatase with a quarter of its turnover."""
    return {"ksyn": p.ksyn / 4.0, "kdeg": p.kdeg / 4.0}


@case("induced_phosphatase_tolerance", rows=("S0-29", "S0-30"), sets=KINDS)
def tolerant_steady_state(b: Bench):
    """It settles where E (1 + induction) is the naive response, simulated and as formula, from any start."""
    p, rest = b.p, tolerant(b.p)
    for label, start in (("naive start", {}), ("other start", {"E": 3.0 * rest, "P": 0.1 * p.ksyn / p.kdeg})):
        got = b.at_rest(start)
        yield same(f"E, {label}", got["E"], rest)
        yield same(f"P, {label}", got["P"], p.ksyn / p.kdeg * (1.0 + induced(p, rest)))
    yield same("formula", [got["E_ss"], got["P_ss"] / got["P"]], [rest, 1.0])
    yield same("naive", [got["E_naive"], got["remaining"]], [naive(p), rest / naive(p)])
    yield same("naive maximum", [got["Emax_naive"], got["EC50_naive"]], [naive(p) * (p.KD + p.D) / p.D, p.KD])


def own_ec50(b: Bench, observable: str = "E_ss", **more: float) -> float:
    """Return the EC50 of the curve's own maximum; with "E", by simulation to the steady state at every dose."""
    return float(qsp.ec50(b.model, "D", observable=observable, changes={**OFF, **more}))


def naive_ec50(b: Bench, observable: str = "E_ss", **more: float) -> qsp.Answer:
    """Return the concentration of half the naive maximum."""
    changes = {**OFF, **more}
    none = {**changes, **OFF}
    return qsp.ec50(
        b.model, "D", observable=observable, definition="reference maximum", changes=changes, reference=none
    )


@case("induced_phosphatase_tolerance", rows="S0-29")
def ec50_of_own_maximum(b: Bench):
    """Of its own maximum the tolerant EC50 never rises: KD/(1+sigma) by occupancy, towards KD/3 by output."""
    p = b.p
    top = p.kin / (p.kp * p.ksyn / p.kdeg)
    yield same("naive", own_ec50(b), p.KD)
    yield same("by occupancy, simulated", own_ec50(b, "E", sigma_occ=3.0), p.KD / 4.0)
    for sigma in (0.2, 6.0):
        yield same(f"by occupancy, {sigma}", own_ec50(b, sigma_occ=sigma), p.KD / (1.0 + sigma))
        m = 2.0 / (1.0 + np.sqrt(1.0 + 4.0 * sigma * top))
        yield same(f"by output, {sigma}", own_ec50(b, sigma_out=sigma), p.KD * (1.0 + m) / (3.0 - m))
    strong = own_ec50(b, sigma_out=1e8)
    yield holds("by output, the limit KD/3", abs(strong / (p.KD / 3.0) - 1.0) < 1e-3, strong > p.KD / 3.0)
    s, K = 4.0, 2.0  # the half of the limit 1/(1+s): a quadratic in D
    half = max(np.roots([1.0 + s, (1.0 + 2.0 * s) * K - (1.0 + s) * p.KD, -p.KD * K]).real)
    yield same("saturable", own_ec50(b, sigma_sat=s, K_ind=K), half)
    yield holds("not to the right", half < p.KD)


@case("induced_phosphatase_tolerance", rows="S0-29")
def ec50_of_naive_maximum(b: Bench):
    """Of the naive maximum the EC50 is to the right of KD, and beyond some strength of induction there is none."""
    p = b.p
    top = p.kin / (p.kp * p.ksyn / p.kdeg)
    yield same("naive", float(naive_ec50(b)), p.KD)
    yield same("by output, simulated", float(naive_ec50(b, "E", sigma_out=1.0 / top)), p.KD * 3.0)
    yield holds("none, simulated", not naive_ec50(b, "E", sigma_occ=2.0).possible)
    for sigma in (0.3, 0.9):
        yield same(f"by occupancy, {sigma}", float(naive_ec50(b, sigma_occ=sigma)), p.KD / (1.0 - sigma))
        s = 2.0 * sigma
        got = float(naive_ec50(b, sigma_out=s / top))
        yield same(f"by output, {s}", got, p.KD * (2.0 + s) / (2.0 - s))
        K = 2.0
        half = max(np.roots([1.0 - sigma, K - (1.0 + sigma) * p.KD, -p.KD * K]).real)
        yield same(f"saturable, {sigma}", float(naive_ec50(b, sigma_sat=sigma, K_ind=K)), half)
    for label, more in {
        "by occupancy": {"sigma_occ": 1.2},
        "by output": {"sigma_out": 2.5 / top},
        "saturable": {"sigma_sat": 4.0},
        "proportional": {"sigma_prop": 1.0 / p.KD},
    }.items():
        answer = naive_ec50(b, **more)
        yield holds(f"none: {label}", not answer.possible, bool(answer.reason))


@case("induced_phosphatase_tolerance", rows="S0-29")
def proportional_induction_has_a_peak(b: Bench):
    """Proportional induction bends the curve: a peak at sqrt(KD/sigma), half of it at the smaller root."""
    p = b.p
    top = p.kin / (p.kp * p.ksyn / p.kdeg)
    for sigma in (0.02, 3.0):
        best = np.sqrt(p.KD / sigma)
        peak = top / (1.0 + np.sqrt(sigma * p.KD)) ** 2
        yield same(f"height, {sigma}", b.at_rest({**OFF, "sigma_prop": sigma, "D": best})["E"], peak)
        beside = [b.at_rest({**OFF, "sigma_prop": sigma, "D": best * f})["E"] for f in (0.9, 1.1)]
        yield holds(f"lower beside it, {sigma}", np.array(beside) < peak)
        # E = top D/((KD + D)(1 + sigma D)) is half the peak at the roots of a quadratic.
        roots = np.roots([sigma, 1.0 + sigma * p.KD - 2.0 * top / peak, p.KD])
        yield same(f"own EC50, {sigma}", own_ec50(b, sigma_prop=sigma), roots.min())
        yield holds(f"left of the naive one, {sigma}", roots.min() < p.KD)


@case("induced_phosphatase_tolerance", rows=("S0-29", "S0-30"))
def no_tolerance_without_induction(b: Bench):
    """Without induction, or without drug, nothing is lost: the response rises to its naive level as one exponential."""
    p = Bench(b.model, {**OFF, "D": 25.0}).p
    rate = p.kp * p.ksyn / p.kdeg
    t = np.linspace(0.0, 10.0 / rate, 11)
    got = b.run(t, "E", "P", "remaining", changes={**OFF, "D": 25.0})
    yield same("E", got["E"], naive(p) * -np.expm1(-rate * t), at=t)
    yield same("P", got["P"], p.ksyn / p.kdeg)
    yield same("remaining", got["remaining"], 1.0)
    quiet = b.run(t, "E", "P", "remaining")
    yield same("without drug", [quiet["E"], quiet["P"]], [np.zeros(11), np.full(11, p.ksyn / p.kdeg)])


# -------------------------------------------------------------------------------------------------- a limited target
POOLS = {
    "saturable": {"D": 30.0},
    "proportional": {**OFF, "sigma_prop": 0.2, "D": 60.0, "KD": 1e12},
    "by occupancy": {**OFF, "sigma_occ": 9.0, "D": 400.0, "KD": 50.0, "kdeg": 0.003},
    "by output": {**OFF, "sigma_out": 0.3, "D": 150.0, "Xtot": 7.0},
    "all at once": {"sigma_prop": 0.01, "sigma_occ": 2.0, "sigma_out": 0.05, "D": 15.0, "kdeg": 2.0, "ksyn": 0.3},
    "weak": {"D": 1e-3, "sigma_sat": 300.0, "K_ind": 1e-4},
}


def pool(p) -> float:
    """Return the phosphorylated target where the phosphatase has settled."""
    on, off = p.kact * p.KD * (p.D / (p.KD + p.D)), p.kp * p.ksyn / p.kdeg
    ends = (0.0, p.Xtot)
    return float(
        brentq(lambda x: on * (p.Xtot - x) - off * (1.0 + induced(p, x)) * x, *ends, xtol=1e-15 * p.Xtot, rtol=1e-14)
    )


@case("induced_phosphatase_pool", rows=("S0-30", "M-01"), sets=POOLS)
def pool_overshoots(b: Bench):
    """The phosphorylated target peaks above its steady state and declines with the phosphatase."""
    p = b.p
    on = p.kact * p.KD * (p.D / (p.KD + p.D))

    def rates(_, y):
        return [on * (p.Xtot - y[0]) - p.kp * y[1] * y[0], p.ksyn * (1.0 + induced(p, y[0])) - p.kdeg * y[1]]

    t = np.concatenate([[0.0], np.geomspace(1e-4, 1.0, 40)]) * settling(p)
    exact = integrate(rates, [0.0, p.ksyn / p.kdeg], t)
    got = b.run(t, "X_P", "P")
    yield same("X_P(t)", got["X_P"], exact[:, 0], at=t)
    yield same("P(t)", got["P"], exact[:, 1], at=t)
    peak = qsp.extremum(b.experiment([0.0, settling(p)], "X_P"), "X_P")
    yield holds("overshoot", float(peak) > pool(p) * (1.0 + 1e-9))


@case("induced_phosphatase_pool", rows=("S0-29", "S0-30"), sets=POOLS)
def pool_steady_state(b: Bench):
    """It settles where phosphorylation and the induced dephosphorylation balance, simulated and as formula."""
    p, rest = b.p, pool(b.p)
    got = b.at_rest()
    yield same("X_P", [got["X_P"], got["X_P_ss"]], rest)
    yield same("P", [got["P"], got["P_ss"]], p.ksyn / p.kdeg * (1.0 + induced(p, rest)))
    on, off = p.kact * p.KD * (p.D / (p.KD + p.D)), p.kp * p.ksyn / p.kdeg
    yield same("naive", [got["X_P_naive"], b.at_rest(OFF)["X_P"]], p.Xtot * on / (on + off))
    most = p.kact * p.KD
    yield same("naive maximum", got["Emax_naive"], p.Xtot * most / (most + off))
    half = got["EC50_naive"]
    yield same("naive EC50", b.at_rest({**OFF, "D": half})["X_P"], got["Emax_naive"] / 2.0)


DEFINITIONS = ("own maximum", "reference maximum")


def pool_ec50(b: Bench, definition: str, changes: dict[str, float], observable: str = "X_P_ss") -> qsp.Answer:
    """Return the EC50 of the tolerant curve, by its own or by the naive maximum."""
    naive_state = {"reference": {**changes, **OFF}} if definition == "reference maximum" else {}
    return qsp.ec50(b.model, "D", observable=observable, definition=definition, changes=changes, **naive_state)


@case("induced_phosphatase_pool", rows="S0-29")
def pool_shifts_to_the_right(b: Bench):
    """Induction that saturates far below the EC50 multiplies it by 1 + sigma and keeps the maximum: a plain shift."""
    direct = {"KD": 1e200}
    p = Bench(b.model, direct).p
    K = p.kp * p.ksyn / p.kdeg / p.kact
    for sigma in (0.5, 20.0):
        changes = {**OFF, **direct, "sigma_sat": sigma, "K_ind": 1e-9}
        got = [float(pool_ec50(b, d, changes)) for d in DEFINITIONS]
        yield same(f"of both maxima, {sigma}", got, K * (1.0 + sigma))
    near = {**OFF, "KD": 400.0, "sigma_sat": 2.0, "K_ind": 1e-9}  # a receptor that saturates adds its constant
    yield same("simulated", float(pool_ec50(b, "own maximum", near, "X_P")), 1.0 / (1.0 / (K * 3.0) + 1.0 / 400.0))
    output = pool_ec50(b, "own maximum", {**OFF, **direct, "sigma_out": 0.06})
    yield same("by output", float(output), K * (1.0 + 0.06 * p.Xtot / 2.0))


@case("induced_phosphatase_pool", rows="S0-29")
def pool_proportional_induction(b: Bench):
    """Proportional induction lowers maximum and own EC50 alike; of the naive maximum the EC50 rises or is none."""
    direct = {"KD": 1e200}
    p = Bench(b.model, direct).p
    K = p.kp * p.ksyn / p.kdeg / p.kact
    for s in (0.4, 0.9, 3.0):
        changes = {**OFF, **direct, "sigma_prop": s / K}
        much = b.at_rest({**changes, "D": 1e8 * K})["X_P"]
        yield same(f"maximum, {s}", much, p.Xtot / (1.0 + s))
        own, answer = (pool_ec50(b, d, changes) for d in DEFINITIONS)
        yield same(f"own maximum, {s}", float(own), K / (1.0 + s))
        if s < 1.0:
            yield same(f"naive maximum, {s}", float(answer), K / (1.0 - s))
        else:
            yield holds(f"none, {s}", not answer.possible)


@case("induced_phosphatase_pool", rows="S0-30", sets=POOLS)
def pool_conserves_target(b: Bench):
    """Both forms add up to the target that was there."""
    got = b.run(np.linspace(0.0, settling(b.p), 9), "X", "X_P", "f_P")
    yield same("sum", got["X"] + got["X_P"], b.p.Xtot)
    yield same("fraction", got["f_P"] * b.p.Xtot, got["X_P"])
