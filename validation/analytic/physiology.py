"""How a body's state moves what a drug meets: closed forms of binding, enzymes, pH, efflux and blood cells."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

import sbmlqsp as qsp
from validation.cases import Bench, case, holds, model_of, same
from validation.reference import integrate

Array = NDArray[np.float64]
HALVES = np.array([0.0, 0.5, 1.0, 2.0, 4.0, 8.0])


def relax(start: ArrayLike, end: ArrayLike, k: float, t: ArrayLike) -> Array:
    """Return what goes from one level to another by first order."""
    return np.asarray(end + (np.asarray(start) - end) * np.exp(-k * np.asarray(t, dtype=float)))


def fall(imax: float, x: ArrayLike, half: float) -> Array:
    """Return what an inhibitor leaves: 1 - imax x / (half + x), arranged so that imax = 1 loses no digits."""
    x = np.asarray(x, dtype=float)
    return ((1.0 - imax) * x + half) / (half + x)


@cache
def composed(name: str, part: str, links: tuple[tuple[str, str], ...]) -> qsp.Model:
    """Return a library model that an episode or a stepwise covariate feeds, composed once."""
    first = links[0][1].partition(".")[0]
    driver = {"il6": "acute_phase_il6", "step": "stepwise_covariate"}[first]
    connect = {f"{part}.{to}": source for to, source in links}
    return qsp.compose("joined", {first: model_of(driver), part: model_of(name)}, connect=connect)


def joined(b: Bench, part: str, **links: str) -> Bench:
    """Return the model fed by an interleukin-6 episode, or by the outputs of a stepwise covariate named."""
    fed = links or {"IL6": "il6.IL6", "IL6_0": "il6.IL6_0"}
    kept = {f"{part}.{k}": v for k, v in b.changes.items() if k not in fed}
    return Bench(composed(b.model.id, part, tuple(fed.items())), kept)


def il6_rate(p: Any, il6: float, s: float) -> tuple[float, float]:
    """Return the rates of interleukin-6 and of its stimulus."""
    return p.il6_kin * (1 + p.il6_Smax * s / (p.il6_SC50 + s)) - p.il6_kout * il6, -p.il6_kS * s


def through_an_episode(b: Bench, part: str, out: str, rate: Callable[[float, float], float], start: float) -> Any:
    """Compare a state fed by an episode that begins at 24 h with a hand-written system of equations."""
    whole = joined(b, part)
    p, t = whole.p, np.linspace(0.0, 400.0, 41)
    got = whole.run(t, f"{part}.{out}", "il6.IL6", regimen="8 dimensionless into il6.S at 24 h")

    def rates(_: float, y: Array) -> tuple[float, ...]:
        return (*il6_rate(p, y[0], y[1]), rate(y[2], y[0]))

    jump = (24.0, lambda y: y + np.array([0.0, 8.0, 0.0]))
    exact = integrate(rates, [p.il6_kin / p.il6_kout, 0.0, start], t, jumps=[jump])
    return got[f"{part}.{out}"], exact[:, 2], got["il6.IL6"], exact[:, 0], t


def turnover_in_an_episode(b: Bench, out: str) -> tuple[Array, Array, Array]:
    """Compare turnover with inhibited synthesis, fed by an episode, with the hand-written equations."""
    p, il6 = b.p, joined(b, "m").p
    start = p.ksyn / p.kdeg * float(fall(p.Imax, il6.il6_kin / il6.il6_kout, p.IC50))

    def rate(x: float, i: float) -> float:
        return p.ksyn * (1 - p.Imax * i / (p.IC50 + i)) - p.kdeg * x

    got, exact, _, _, t = through_an_episode(b, "m", out, rate, start)
    return got, exact, t


# -------------------------------------------------------------------------------------------------------- albumin
BINDING = {
    "typical": {},
    "tight": {"fu0": 0.002, "A": 8.0, "Kp0": 40.0},
    "hardly bound": {"fu0": 0.95, "A": 70.0, "A0": 35.0, "GFR": 1.0},
    "more albumin": {"fu0": 0.3, "A": 50.0, "A0": 28.0, "Kp0": 0.2},
}


@case("albumin_binding", rows="S1-19", sets=BINDING)
def unbound_fraction_follows_albumin(b: Bench):
    """Bound over unbound is proportional to albumin; Kp and filtration follow the unbound fraction."""
    p, got = b.p, b.start()
    ratio = (1 - p.fu0) / p.fu0 * (p.A / p.A0)
    yield same("fu", got["fu"], 1 / (1 + ratio))
    yield same("bound over unbound", (1 - got["fu"]) / got["fu"], ratio)
    yield same("Kp / Kp0", got["Kp"] / p.Kp0, got["fu"] / p.fu0)
    yield same("CL_GF", got["CL_GF"], p.GFR / (1 + ratio))
    less = b.start({"A": 0.5 * p.A})
    yield holds("less albumin, more of all three", *(less[k] > got[k] for k in ("fu", "Kp", "CL_GF")))


@case("albumin_binding", rows="S1-19", sets=BINDING)
def limits_of_binding(b: Bench):
    """fu0 at the reference level; all is unbound without albumin; 1/fu is linear in albumin."""
    p = b.p
    yield same("fu at A0", b.start({"A": p.A0})["fu"], p.fu0)
    yield same("Kp at A0", b.start({"A": p.A0})["Kp"], p.Kp0)
    bare = b.start({"A": 0.0})
    yield same("fu without albumin", bare["fu"], 1.0)
    yield same("filtration without albumin", bare["CL_GF"], p.GFR)
    one, three = (1 / b.start({"A": n * p.A0})["fu"] for n in (1.0, 3.0))
    yield same("slope of 1/fu", (three - one) / 2, 1 / p.fu0 - 1)


ALBUMIN = {
    "typical": {"IL6": 150.0},
    "total suppression": {"IL6": 1e5, "Imax": 1.0, "Emax": 20.0, "kdeg": 0.05},
    "from a raised start": {"IL6": 4.0, "IL6_0": 30.0, "ksyn": 0.2},
    "no hastened loss": {"IL6": 80.0, "Emax": 0.0, "kdeg": 1e-4},
}


def albumin_levels(p: Any, il6: float) -> tuple[float, float]:
    """Return the steady state and the rate constant of relaxation at a constant interleukin-6."""
    k = p.kdeg * (1 + p.Emax * il6 / (p.EC50 + il6))
    return float(p.ksyn * fall(p.Imax, il6, p.IC50)) / k, k


@case("albumin_turnover", rows="S1-19", sets=ALBUMIN)
def albumin_relaxes_with_its_loss(b: Bench):
    """Under constant interleukin-6 albumin goes to a new level at the rate of its present loss."""
    p = b.p
    (before, _), (after, k) = albumin_levels(p, p.IL6_0), albumin_levels(p, p.IL6)
    t = HALVES / k
    got = b.run(t, "A", "A0", "A_rel")
    yield same("A", got["A"], relax(before, after, k, t), at=t)
    yield same("A0", got["A0"], before)
    yield same("A_rel", got["A_rel"], relax(1.0, after / before, k, t), at=t)


@case("albumin_turnover", rows="S1-19", sets=ALBUMIN)
def albumin_starts_at_rest(b: Bench):
    """With interleukin-6 as before the episode albumin stays where it is, whatever the parameters."""
    p = b.p
    calm = {"IL6": p.IL6_0}
    rest = albumin_levels(p, p.IL6_0)[0]
    yield same("A over time", b.run([0.0, 10.0, 1000.0], "A", changes=calm)["A"], rest)
    yield same("A at rest", b.at_rest(calm)["A"], rest)
    yield same("A at rest in the episode", b.at_rest()["A"], albumin_levels(p, p.IL6)[0])


@case("albumin_turnover", rows=("S1-19", "S1-24"))
def albumin_under_an_episode(b: Bench):
    """Fed by an episode, albumin follows the hand-written equations, falls and comes back."""
    p = b.p

    def rate(a: float, i: float) -> float:
        return p.ksyn * (1 - p.Imax * i / (p.IC50 + i)) - p.kdeg * (1 + p.Emax * i / (p.EC50 + i)) * a

    start = albumin_levels(p, joined(b, "m").p.il6_kin / joined(b, "m").p.il6_kout)[0]
    got, exact, il6, il6_exact, t = through_an_episode(b, "m", "A", rate, start)
    yield same("A", got, exact, at=t)
    yield same("IL6", il6, il6_exact, at=t)
    yield holds("falls and comes back", got.min() < 0.95 * got[0], got[-1] > got.min())


# ---------------------------------------------------------------------------------------------------- interleukin-6
EPISODES = {
    "typical": {},
    "short and steep": {"kS": 2.0, "kout": 8.0, "Smax": 5000.0, "kin": 0.1},
    "weak and long": {"kS": 1e-3, "SC50": 50.0, "Smax": 3.0, "kout": 0.02},
}


@case("acute_phase_il6", rows="S1-20", sets=EPISODES)
def il6_under_a_lasting_stimulus(b: Bench):
    """A stimulus that does not fade raises interleukin-6 to a plateau with its own rate constant."""
    p, t = b.p, HALVES / b.p.kout
    got = b.run(t, "IL6", "IL6_rel", changes={"kS": 0.0, "S": 4.0})
    top = 1 + p.Smax * 4.0 / (p.SC50 + 4.0)
    yield same("IL6", got["IL6"], p.kin / p.kout * relax(1.0, top, p.kout, t), at=t)
    yield same("IL6_rel", got["IL6_rel"], relax(1.0, top, p.kout, t), at=t)


@case("acute_phase_il6", rows="S1-20", sets=EPISODES)
def il6_when_both_fade_alike(b: Bench):
    """Where stimulus and interleukin-6 fade at one rate k, the pulse is a logarithm times exp(-k t)."""
    p, s0 = b.p, 3.0
    k, c = p.kout, p.SC50
    t = np.linspace(0.0, 6.0, 25) / k
    got = b.run(t, "IL6", changes={"kS": k}, regimen=f"{s0} dimensionless into S")["IL6"]
    pulse = np.exp(-k * t) * np.log((c * np.exp(k * t) + s0) / (c + s0))
    yield same("IL6", got, p.kin / k * (1 + p.Smax * s0 / c * pulse), at=t)


@case("acute_phase_il6", rows="S1-20", sets=EPISODES)
def il6_pulse(b: Bench):
    """The pulse of a fading stimulus, begun at a later time and repeated, by an independent solver."""
    p = b.p
    t = np.linspace(0.0, 8.0, 33) / min(p.kS, p.kout)
    first, second = float(t[3]), float(t[12])
    text = f"2 dimensionless into S at {first} h; 5 dimensionless into S at {second} h"
    got = b.run(t, "IL6", "S", regimen=text)

    def rates(_: float, y: Array) -> tuple[float, float]:
        return p.kin * (1 + p.Smax * y[1] / (p.SC50 + y[1])) - p.kout * y[0], -p.kS * y[1]

    jumps = [(first, lambda y: (y[0], y[1] + 2.0)), (second, lambda y: (y[0], y[1] + 5.0))]
    exact = integrate(rates, [p.kin / p.kout, 0.0], t, jumps=jumps)
    yield same("IL6", got["IL6"], exact[:, 0], at=t)
    fading = [np.where(t >= s, np.exp(-p.kS * np.maximum(t - s, 0.0)), 0.0) for s in (first, second)]
    yield same("S", got["S"], 2.0 * fading[0] + 5.0 * fading[1], at=t)


@case("acute_phase_il6", rows="S1-20", sets=EPISODES)
def il6_stays_at_its_baseline(b: Bench):
    """Without a stimulus interleukin-6 stays at kin/kout; interleukin-6 that is given fades with kout."""
    p, t = b.p, HALVES / b.p.kout
    rest = p.kin / p.kout
    yield same("IL6", b.run(t, "IL6")["IL6"], rest)
    given = b.run(t, "IL6", regimen="100 pg/mL into IL6")["IL6"]
    yield same("given", given, relax(rest + 100.0, rest, p.kout, t), at=t)


# ---------------------------------------------------------------------------------------------------------- enzyme
ENZYME = {
    "typical": {"IL6": 100.0},
    "complete": {"IL6": 1e7, "Imax": 1.0, "kdeg": 0.3, "ksyn": 7.0},
    "slow and weak": {"IL6": 2.0, "Imax": 0.2, "kdeg": 1e-3, "ksyn": 4e-4, "IC50": 300.0},
    "raised before": {"IL6": 0.0, "IL6_0": 60.0, "fu": 0.9, "BP": 0.6, "CLint0": 5000.0},
}


@case("cyp_turnover", rows="S1-20", sets=ENZYME)
def enzyme_follows_il6(b: Bench):
    """Under constant interleukin-6 the enzyme goes to ksyn/kdeg times what is left of synthesis, with kdeg."""
    p, t = b.p, HALVES / b.p.kdeg
    e0, low = (p.ksyn / p.kdeg * float(fall(p.Imax, i, p.IC50)) for i in (p.IL6_0, p.IL6))
    got = b.run(t, "E", "E0", "E_rel", "CLint")
    exact = relax(e0, low, p.kdeg, t)
    yield same("E", got["E"], exact, at=t)
    yield same("E0", got["E0"], e0)
    yield same("E_rel", got["E_rel"], exact / e0, at=t)
    yield same("CLint", got["CLint"], p.CLint0 * exact / e0, at=t)
    yield same("E at rest", b.at_rest()["E"], low)


@case("cyp_turnover", rows="S1-20", sets=ENZYME)
def enzyme_recovers_with_its_half_life(b: Bench):
    """Once interleukin-6 is back, what is missing of enzyme and CLint halves every ln 2/kdeg."""
    p = b.p
    t = np.arange(6.0) * np.log(2.0) / p.kdeg
    calm = {"IL6": p.IL6_0}
    e0 = b.start(calm)["E0"]
    got = b.run(t, "E", "CLint", changes={**calm, "E": 0.25 * e0})
    yield same("missing enzyme", got["E"], e0 * (1 - 0.75 * 0.5 ** np.arange(6.0)), at=t)
    yield same("CLint", got["CLint"], p.CLint0 * (1 - 0.75 * 0.5 ** np.arange(6.0)), at=t)


@case("cyp_turnover", rows="S1-20", sets=ENZYME)
def enzyme_starts_at_rest(b: Bench):
    """With interleukin-6 as before, the enzyme stays, and CLint is CLint0, whatever the rate constants."""
    calm = {"IL6": b.p.IL6_0}
    got = b.run(HALVES / b.p.kdeg, "CLint", "E_rel", changes=calm)
    yield same("CLint", got["CLint"], b.p.CLint0)
    yield same("E_rel", got["E_rel"], 1.0)


@case("cyp_turnover", rows=("S1-20", "S1-23", "S2-18"), sets=ENZYME)
def hepatic_clearance_is_well_stirred(b: Bench):
    """The harmonic form of the well-stirred liver while the enzyme falls; limits of flow and of capacity."""
    p, t = b.p, HALVES / b.p.kdeg
    got = b.run(t, "CLint", "CL_h", "E_h", "F_h")
    exact = 1 / (1 / (p.Q * p.BP) + 1 / (p.fu * got["CLint"]))
    yield same("CL_h", got["CL_h"], exact, at=t)
    yield same("E_h", got["E_h"], exact / (p.Q * p.BP), at=t)
    yield same("F_h", got["F_h"], p.Q * p.BP / (p.Q * p.BP + p.fu * got["CLint"]), at=t)
    flow = b.start({"IL6": p.IL6_0, "CLint0": 1e12})
    yield same("limited by flow", flow["CL_h"], p.Q * p.BP)
    capacity = b.start({"IL6": p.IL6_0, "CLint0": 1e-9})
    yield same("limited by capacity", capacity["CL_h"], p.fu * 1e-9)


@case("cyp_turnover", rows=("S1-20", "S1-24"), sets={k: ENZYME[k] for k in ("typical", "complete", "slow and weak")})
def enzyme_through_an_episode(b: Bench):
    """Fed by an episode, the enzyme follows the hand-written equations and clearance falls and recovers."""
    got, exact, t = turnover_in_an_episode(b, "E")
    yield same("E", got, exact, at=t)
    yield holds("falls and comes back", got.min() < got[0], got[-1] > got.min())


# ---------------------------------------------------------------------------------------------------- pH of a tissue
KINDS = {
    "base": {"PS": 3.0},
    "strong base": {"pKa": 11.3, "pH_t": 6.2, "PS": 1e4, "Kp0": 30.0, "V_t": 2.0},
    "acid": {"z": -1.0, "pKa": 4.4, "pH_t": 6.6, "Kp0": 0.15, "PS": 900.0, "fu": 0.02},
    "weak acid, alkalosis": {"z": -1.0, "pKa": 7.9, "pH_t": 7.4, "Kp0": 5.0},
    "neutral": {"z": 0.0, "pH_t": 5.0, "fu": 0.4, "V": 3.0, "V_t": 60.0},
}


def ionised(p: Any, ph: ArrayLike) -> Array:
    """Return ionised over neutral by Henderson and Hasselbalch."""
    away = {1.0: p.pKa - np.asarray(ph), -1.0: np.asarray(ph) - p.pKa, 0.0: None}[p.z]
    return np.zeros_like(np.asarray(ph, dtype=float)) if away is None else 10.0**away


@case("tissue_ph_partition", rows="S1-21", sets=KINDS)
def partition_follows_ph(b: Bench):
    """Kp is Kp0 times total over neutral at the tissue's pH, relative to the reference pH."""
    p, got = b.p, b.start()
    yield same("Kp", got["Kp"], p.Kp0 * (1 + ionised(p, p.pH_t)) / (1 + ionised(p, p.pH_0)))
    yield same("neutral in tissue", got["fn_t"], 1 / (1 + ionised(p, p.pH_t)))
    yield same("neutral in plasma", got["fn_p"], 1 / (1 + ionised(p, p.pH_p)))
    yield same("Kp at pH_0", b.start({"pH_t": p.pH_0})["Kp"], p.Kp0)
    plain = b.start({"Kp0": 1.0, "pH_0": p.pH_p})
    yield same("plain pH partition", plain["Kp"], plain["fn_p"] / plain["fn_t"])


@case("tissue_ph_partition", rows="S1-21", sets=KINDS)
def partition_follows_the_ph_of_plasma(b: Bench):
    """At any constant pH of plasma Kp is as Kp0 has it; away from pH_p0, Kp goes with neutral over total in plasma."""
    p, tissue = b.p, lambda kp0: kp0 * (1 + ionised(b.p, b.p.pH_t)) / (1 + ionised(b.p, b.p.pH_0))
    for ph in (6.8, 7.1, 7.7):
        constant = b.start({"pH_p": ph})
        yield same(f"constant at {ph}", [constant["Kp"], constant["pH_p0"]], [tissue(p.Kp0), ph])
        away = b.start({"pH_p": ph, "pH_p0": 7.4})["Kp"]
        yield same(f"from 7.4 to {ph}", away, tissue(p.Kp0) * (1 + ionised(p, 7.4)) / (1 + ionised(p, ph)))
    both = b.start({"pH_t": p.pH_0 - 0.3, "pH_p": p.pH_p - 0.3, "pH_p0": p.pH_p, "pKa": p.pKa + 9.0 * p.z})
    yield same("all ionised, both fall alike: no change", both["Kp"], p.Kp0)
    steps = {"step.x0": 7.4, "step.x1": 7.1, "step.x2": 7.1, "step.x3": 7.1, "step.t1": 10.0}
    got = joined(b, "m", pH_p="step.x").run([0.0, 9.0, 11.0], "m.Kp", "m.pH_p0", changes=steps)
    yield same("stays at the pH of the start", got["m.pH_p0"], 7.4)
    fallen = (1 + ionised(p, 7.4)) / (1 + ionised(p, 7.1))
    yield same("follows a course", got["m.Kp"], tissue(p.Kp0) * np.array([1.0, 1.0, fallen]))


@case("tissue_ph_partition", rows="S1-21", sets=KINDS)
def direction_by_kind_of_drug(b: Bench):
    """Acidosis raises Kp of a base, lowers that of an acid and leaves a neutral drug alone."""
    before, acid = (b.start({"pH_t": b.p.pH_0 - d})["Kp"] for d in (0.0, 0.7))
    if b.p.z == 0.0:
        yield same("a neutral drug", acid, before)
    else:
        yield holds("the sign of the change", np.sign(acid - before) == b.p.z)
    most = 10.0 ** (0.7 * b.p.z)
    yield holds("no more than tenfold per pH", min(1.0, most) - 1e-12 <= acid / before <= max(1.0, most) + 1e-12)


@case("tissue_ph_partition", rows="S1-21", sets=KINDS)
def neutral_form_equilibrates(b: Bench):
    """Exchange of the neutral form between closed volumes: one exponential to tissue/plasma = Kp."""
    p = b.p
    kp = p.Kp0 * float((1 + ionised(p, p.pH_t)) / (1 + ionised(p, p.pH_0)))
    flow = p.PS * p.fu / (1 + float(ionised(p, p.pH_p)))
    there, back = flow / p.V, flow / (kp * p.V_t)
    t = HALVES * 3.0 / (there + back)
    got = b.run(t, "amount(tissue)", "central", "tissue", regimen="50 mg into central")
    exact = 50.0 * there / (there + back) * -np.expm1(-(there + back) * t)
    yield same("amount in the tissue", got["amount(tissue)"], exact, at=t)
    yield same("ratio in the end", got["tissue"][-1] / got["central"][-1], kp)


@case("tissue_ph_partition", rows=("S1-19", "S1-21"), sets=KINDS)
def amount_is_conserved(b: Bench):
    """When pH changes at 10 h the drug moves between the volumes; its amount does not change."""
    whole = joined(b, "m", pH_t="step.x")
    p = b.p
    steps = {"step.x0": p.pH_0, "step.x1": p.pH_t, "step.x2": p.pH_t, "step.x3": p.pH_t, "step.t1": 10.0}
    t = np.array([0.0, 5.0, 10.0, 11.0, 14.0, 60.0])
    got = whole.run(t, "amount(m.tissue)", "amount(m.central)", changes=steps, regimen="50 mg into m.central")
    yield same("amount", got["amount(m.tissue)"] + got["amount(m.central)"], 50.0, at=t)
    flow = p.PS * p.fu / (1 + float(ionised(p, p.pH_p)))
    kp = [p.Kp0, p.Kp0 * float((1 + ionised(p, p.pH_t)) / (1 + ionised(p, p.pH_0)))]
    k = [flow / p.V + flow / (x * p.V_t) for x in kp]
    ends = [50.0 * flow / p.V / x for x in k]
    middle = relax(0.0, ends[0], k[0], 10.0)
    exact = np.where(t < 10.0, relax(0.0, ends[0], k[0], t), relax(middle, ends[1], k[1], np.maximum(t - 10.0, 0.0)))
    yield same("tissue", got["amount(m.tissue)"], exact, at=t)


@case(
    "tissue_acidosis",
    rows="S1-24",
    sets={
        "typical": {"IL6": 300.0},
        "fast": {"IL6": 1e6, "kpH": 30.0},
        "slow": {"IL6": 5.0, "IL6_0": 2.0, "kpH": 1e-3},
    },
)
def ph_follows_il6(b: Bench):
    """The pH goes with kpH to the level that interleukin-6 sets, from that before the episode."""
    p, t = b.p, HALVES / b.p.kpH
    before, after = (p.pH_n - p.dpH * i / (p.EC50 + i) for i in (p.IL6_0, p.IL6))
    got = b.run(t, "pH", "pH_0")
    yield same("pH", got["pH"], relax(before, after, p.kpH, t), at=t)
    yield same("pH_0", got["pH_0"], before)


@case("tissue_acidosis", rows="S1-24")
def ph_returns(b: Bench):
    """Fed by an episode, the pH follows the hand-written equations, falls and comes back."""
    p, il6 = b.p, joined(b, "m").p
    base = il6.il6_kin / il6.il6_kout

    def rate(ph: float, i: float) -> float:
        return p.kpH * (p.pH_n - p.dpH * i / (p.EC50 + i) - ph)

    got, exact, *_, t = through_an_episode(b, "m", "pH", rate, p.pH_n - p.dpH * base / (p.EC50 + base))
    yield same("pH", got, exact, at=t)
    yield holds("falls and comes back", got.min() < got[0] - 0.1, abs(got[-1] - got[0]) < 0.01)
