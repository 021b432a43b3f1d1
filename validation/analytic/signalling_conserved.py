"""Kinase cascades of conserved proteins: saturable tiers, and the MAPK cascade that oscillates."""

from __future__ import annotations

import numpy as np
from scipy.optimize import brentq

import sbmlqsp as qsp
from validation.cases import Bench, case, holds, same
from validation.reference import integrate

POOLS = ("R", "A", "B", "C")
LINEAR = {f"{constant}{x}": 1e13 for constant in ("Km", "J") for x in "ABC"}
CONSERVED = {
    "typical": {},
    "inhibitor": {"I": 25.0},
    "steep feedback": {"KF": 3.0, "n": 3.0, "dR": 2.0},
    "zero-order tiers": {
        "KmA": 1.0,
        "JA": 1.0,
        "KmB": 2.0,
        "JB": 0.5,
        "KmC": 4.0,
        "JC": 3.0,
        "dA": 4.0,
        "dB": 20.0,
        "dC": 30.0,
    },
    "mass action": {**LINEAR, "I": 2.0},
    "no feedback": {"KF": 1e12, "kC": 0.4, "dB": 3.0, "Ctot": 5e4},
}


def active(total: float, on: float, off: float, Km: float, J: float) -> float:
    """Return the active part X of a pool: on S/(1 + S/Km) = off X/(1 + X/J) with S = total - X."""

    def excess(x: float) -> float:
        s = total - x
        return on * s * (1.0 + x / J) - off * x * (1.0 + s / Km)

    return float(brentq(excess, 0.0, total, xtol=1e-14 * total, rtol=1e-14))


def tiers(p, c: float) -> list[float]:
    """Return the active parts of the four pools, given the output that the feedback sees."""
    up = p.kR / (1.0 + (c / p.KF) ** p.n)
    r = p.Rtot * up / (up + p.dR)
    a = active(p.Atot, p.kA * r, p.dA, p.KmA, p.JA)
    b = active(p.Btot, p.kB * a, p.dB, p.KmB, p.JB)
    return [r, a, b, active(p.Ctot, p.kC / (1.0 + p.I / p.KI) * b, p.dC, p.KmC, p.JC)]


def conserved_rest(p) -> list[float]:
    """Return the steady state: the output that produces itself."""
    c = brentq(lambda c: tiers(p, c)[3] - c, 0.0, p.Ctot, xtol=1e-14 * p.Ctot, rtol=1e-14)
    return tiers(p, c)


@case("kinase_cascade_conserved", rows=("S0-31", "S0-32", "M-01"), sets=CONSERVED)
def saturable_steady_state(b: Bench):
    """Every pool rests where its two saturable rates balance, in one loop with the feedback."""
    rest, expected = b.at_rest(), np.array(conserved_rest(b.p))
    totals = np.array([getattr(b.p, f"{x}tot") for x in POOLS])
    yield same("active", [rest[f"{x}_star"] for x in POOLS], expected)
    yield same("inactive", [rest[x] for x in POOLS], totals - expected)
    yield same("fractions", [rest[f"fraction_{x}"] for x in POOLS], expected / totals)


@case("kinase_cascade_conserved", rows=("S0-31", "S0-32"), sets=CONSERVED)
def saturable_course(b: Bench):
    """From nothing active the pools follow their differential equations."""
    p = b.p
    last = p.kC / (1.0 + p.I / p.KI)

    def rates(_, y):
        r, a, k, c = y
        sa, sb, sc = p.Atot - a, p.Btot - k, p.Ctot - c
        return [
            p.kR / (1.0 + (c / p.KF) ** p.n) * (p.Rtot - r) - p.dR * r,
            p.kA * r * sa / (1.0 + sa / p.KmA) - p.dA * a / (1.0 + a / p.JA),
            p.kB * a * sb / (1.0 + sb / p.KmB) - p.dB * k / (1.0 + k / p.JB),
            last * k * sc / (1.0 + sc / p.KmC) - p.dC * c / (1.0 + c / p.JC),
        ]

    t = np.linspace(0.0, 40.0, 21)
    exact = integrate(rates, np.zeros(4), t)
    got = b.run(t, *(f"{x}_star" for x in POOLS))
    for i, x in enumerate(POOLS):
        yield same(f"{x}*", got[f"{x}_star"], exact[:, i], at=t)


@case("kinase_cascade_conserved", rows="S0-31")
def mass_action_limit(b: Bench):
    """With very large Michaelis constants and no feedback each active fraction is k u/(k u + d), u the tier above."""
    one = Bench(b.model, {**LINEAR, "KF": 1e15})
    p, rest = one.p, one.at_rest()
    above = p.Rtot * p.kR / (p.kR + p.dR)
    for x in "ABC":
        on, off = getattr(p, f"k{x}") * above, getattr(p, f"d{x}")
        above = getattr(p, f"{x}tot") * on / (on + off)
        yield same(f"{x}*", rest[f"{x}_star"], above)


@case("kinase_cascade_conserved", rows="S0-31", sets=CONSERVED)
def conserves_kinases(b: Bench):
    """Active and inactive add up to the total of every pool, at all times."""
    names = [name for x in POOLS for name in (x, f"{x}_star")]
    got = b.run(np.linspace(0.0, 60.0, 7), *names)
    for x in POOLS:
        yield same(x, got[x] + got[f"{x}_star"], getattr(b.p, f"{x}tot"))


@case("kinase_cascade_conserved", rows="S0-32", sets={k: v for k, v in CONSERVED.items() if k != "no feedback"})
def inhibitor_in_conserved_pools(b: Bench):
    """The inhibitor of what B* does lowers C* and, through the feedback, raises R*, A* and B*."""
    rest = [b.at_rest({"I": dose}) for dose in (0.0, 5.0, 300.0)]
    yield holds("C* falls", np.diff([r["C_star"] for r in rest]) < 0.0)
    for x in "RAB":
        yield holds(f"{x}* rises", np.diff([r[f"{x}_star"] for r in rest]) > 0.0)


# ------------------------------------------------------------------------------------------- MAPK cascade, feedback
FORMS = ("MKKK_P", "MKK_P", "MKK_PP", "MAPK_P", "MAPK_PP")
MAPK = {
    "as published": {},
    "strong stimulus": {"V1": 900.0, "MAPK_total": 500.0},
    "steep feedback": {"n": 2.0, "KI": 18.0},
    "weak feedback": {"KI": 2e3, "start": 1.0},
    "weak stimulus": {"V1": 12.0, "start": 0.0},
}


def published(p):
    """Return the rates of change of the five phosphorylated forms, per second, in the publication's constants."""
    minute = 60.0

    def rates(_, y):
        kkkp, kkp, kkpp, kp, kpp = y
        kkk, kk, k = p.MKKK_total - kkkp, p.MKK_total - kkp - kkpp, p.MAPK_total - kp - kpp
        on = p.V1 / minute * kkk / ((1.0 + (kpp / p.KI) ** p.n) * (p.K1 + kkk))
        up1, up2 = (k_ / minute * kkkp * s / (K + s) for k_, K, s in ((p.k3, p.K3, kk), (p.k4, p.K4, kkp)))
        down2, down1 = (V / minute * s / (K + s) for V, K, s in ((p.V5, p.K5, kkpp), (p.V6, p.K6, kkp)))
        up3, up4 = (k_ / minute * kkpp * s / (K + s) for k_, K, s in ((p.k7, p.K7, k), (p.k8, p.K8, kp)))
        down4, down3 = (V / minute * s / (K + s) for V, K, s in ((p.V9, p.K9, kpp), (p.V10, p.K10, kp)))
        return [
            on - p.V2 / minute * kkkp / (p.K2 + kkkp),
            up1 - up2 + down2 - down1,
            up2 - down2,
            up3 - up4 + down4 - down3,
            up4 - down4,
        ]

    return rates


@case("mapk_cascade", rows="M-01", sets=MAPK)
def mapk_follows_the_published_equations(b: Bench):
    """The course equals the publication's equations with its constants per second; the defaults are its numbers."""
    t = np.linspace(0.0, 90.0, 91)
    exact = integrate(published(b.p), np.full(5, b.p.start), 60.0 * t, method="LSODA", rtol=1e-12, atol=1e-12)
    got = b.run(t, *FORMS)
    for i, name in enumerate(FORMS):
        yield same(name, got[name], exact[:, i], at=t)
    if not b.changes:
        per_second = [
            getattr(b.p, name) / 60.0 for name in ("V1", "V2", "k3", "k4", "V5", "V6", "k7", "k8", "V9", "V10")
        ]
        yield same("constants", per_second, [2.5, 0.25, 0.025, 0.025, 0.75, 0.75, 0.025, 0.025, 0.5, 0.5])
        constants = [getattr(b.p, f"K{x}") for x in ("I", *range(1, 11))]
        yield same("Michaelis constants", constants, [9.0, 10.0, 8.0] + [15.0] * 8)


@case("mapk_cascade", rows="M-01", sets={k: MAPK[k] for k in ("as published", "steep feedback")})
def mapk_oscillates(b: Bench):
    """Active MAPK swings without end: every peak as high as the last, a period apart; about 21.7 min as published."""
    experiment = b.experiment(np.linspace(0.0, 400.0, 801), "MAPK_PP")
    rough = b.run(np.linspace(0.0, 400.0, 4001), "MAPK_PP")["MAPK_PP"]
    inner = 1 + np.flatnonzero((rough[1:-1] > rough[:-2]) & (rough[1:-1] >= rough[2:]))
    times = inner[inner > 2000] * 0.1
    period = float(np.diff(times).mean())
    peaks = [qsp.extremum(experiment, "MAPK_PP", after=t - 0.3 * period, before=t + 0.3 * period) for t in times[:3]]
    heights, when = np.array([float(x) for x in peaks]), np.array([x.at for x in peaks])
    yield holds("peaks of one height", np.ptp(heights) < 1e-4 * heights[0])
    yield holds("at equal distances", abs(np.diff(np.diff(when))[0]) < 1e-3 * period)
    yield holds("it swings widely", rough[2000:].max() > 5.0 * rough[2000:].min())
    if not b.changes:
        yield holds("about 20 minutes", 20.0 < period < 23.0)
        yield holds("nearly all of MAPK at the peak", heights > 290.0)


@case("mapk_cascade", rows="M-01", sets={k: MAPK[k] for k in ("weak feedback", "weak stimulus")})
def mapk_without_feedback_settles(b: Bench):
    """With a weak feedback, or a weak stimulus, the cascade comes to rest at a zero of the published rates."""
    rest = b.at_rest()
    state = [rest[name] for name in FORMS]
    flux = 60.0 * np.array(published(b.p)(0.0, state))
    yield holds("rates vanish", np.abs(flux) < 1e-9 * b.p.V2)
    end = integrate(published(b.p), np.full(5, b.p.start), [6e5], method="LSODA", rtol=1e-12, atol=1e-12)[0]
    yield same("where the reference ends", state, end)


@case("mapk_cascade", rows="M-01", sets=MAPK)
def mapk_conserves_kinases(b: Bench):
    """The forms of each kinase add up to its total."""
    names = ("MKKK", "MKK", "MAPK", *FORMS)
    got = b.run(np.linspace(0.0, 120.0, 13), *names, "fraction_MAPK")
    yield same("MKKK", got["MKKK"] + got["MKKK_P"], b.p.MKKK_total)
    yield same("MKK", got["MKK"] + got["MKK_P"] + got["MKK_PP"], b.p.MKK_total)
    yield same("MAPK", got["MAPK"] + got["MAPK_P"] + got["MAPK_PP"], b.p.MAPK_total)
    yield same("fraction", got["fraction_MAPK"] * b.p.MAPK_total, got["MAPK_PP"])
