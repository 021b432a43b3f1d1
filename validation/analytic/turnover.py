"""Turnover of targets and markers: closed forms of linear synthesis and loss."""

from __future__ import annotations

import numpy as np
from scipy.optimize import brentq

import sbmlqsp as qsp
from validation.cases import Bench, case, holds, model_of, same
from validation.reference import integrate

SETS = {"typical": {}, "fast": {"ksyn": 900.0, "kdeg": 40.0}, "slow": {"ksyn": 1e-4, "kdeg": 1e-4}}
INHIBITED = {
    "complete": {"I": 1.0},
    "partial": {"I": 0.37, "ksyn": 900.0, "kdeg": 40.0},
    "slight": {"I": 0.004, "ksyn": 1e-4, "kdeg": 1e-4},
    "absent": {"I": 0.0},
}
ENHANCED = {
    "doubled": {"alpha": 1.0},
    "strong": {"alpha": 350.0, "ksyn": 900.0, "kdeg": 40.0},
    "slight": {"alpha": 0.003, "ksyn": 1e-4, "kdeg": 1e-4},
}
DRIVEN = {"typical": {}, "complete": {"Imax": 1.0, "IC50": 0.02, "kdeg": 9.0}, "weak": {"Imax": 0.2, "IC50": 4e3}}
PUSHED = {"typical": {}, "strong": {"Emax": 90.0, "EC50": 0.02, "kdeg": 9.0}, "weak": {"Emax": 0.2, "EC50": 4e3}}


@case("target_turnover", rows="S0-09", sets=SETS)
def relaxes_with_its_degradation(b: Bench):
    """From any start, R goes to ksyn/kdeg as exp(-kdeg t): half-time ln 2/kdeg, whatever ksyn."""
    t = np.append(np.linspace(0.0, 6.0, 25), np.log(2.0)) / b.p.kdeg
    t.sort()
    rest = b.p.ksyn / b.p.kdeg
    for start in (0.0, 0.3 * rest, 7.0 * rest):
        got = b.run(t, "R", changes={"R": start})["R"]
        yield same(f"R(t) from {start:.3g}", got, rest + (start - rest) * np.exp(-b.p.kdeg * t), at=t)


@case("target_turnover", rows=("S0-09", "S1-05"), sets=SETS)
def stays_at_its_baseline(b: Bench):
    """R starts at ksyn/kdeg, also when a rate constant is changed, and stays there."""
    got = b.run(np.linspace(0.0, 10.0 / b.p.kdeg, 5), "R")["R"]
    yield same("R", got, b.p.ksyn / b.p.kdeg)
    yield same("R at rest", b.at_rest()["R"], b.p.ksyn / b.p.kdeg)


# ------------------------------------------------------------------------------------------------ synthesis inhibited
@case("turnover_synthesis_inhibition", rows="S0-10", sets=INHIBITED)
def falls_to_its_floor(b: Bench):
    """From Bss, B falls to (1 - I) Bss as exp(-kdeg t); with I = 1 to nothing."""
    t = np.linspace(0.0, 8.0, 33) / b.p.kdeg
    basal = b.p.ksyn / b.p.kdeg
    gone = b.p.I * -np.expm1(-b.p.kdeg * t)
    got = b.run(t, "B", "B_ss", "B_drug", "reduction_limit", "reduction")
    yield same("B(t)", got["B"], basal * ((1.0 - b.p.I) + b.p.I * np.exp(-b.p.kdeg * t)), at=t)
    yield same("basal level", got["B_ss"], basal)
    yield same("floor", got["B_drug"], (1.0 - b.p.I) * basal)
    yield same("largest reduction", got["reduction_limit"], b.p.I)
    # One minus a ratio near one: the reduction is as exact as the ratio.
    yield same("1 - reduction", 1.0 - got["reduction"], 1.0 - gone)


@case("turnover_synthesis_inhibition", rows="S0-10", sets={k: INHIBITED[k] for k in ("complete", "partial", "slight")})
def takes_the_time_of_its_degradation(b: Bench):
    """A reduction X < I takes -ln(1 - X/I)/kdeg, with I = 1 -ln(1 - X)/kdeg: any X below one, whatever ksyn."""
    shares = np.array([0.02, 0.5, 0.9, 0.999])
    reductions = shares * b.p.I
    t = -np.log1p(-shares) / b.p.kdeg
    for factor in (1.0, 50.0):
        got = b.run(t, "B / B_ss", changes={"ksyn": factor * b.p.ksyn})["B / B_ss"]
        yield same(f"1 - X at its time, ksyn x {factor:g}", got, 1.0 - reductions, at=t)
    arm = b.experiment([0.0, 1.0 / b.p.kdeg], "B")
    found = [float(qsp.time_to(arm, "B", reduction=x)) for x in reductions]
    yield same("the time, found", found, t)
    if b.p.I < 1.0:
        beyond = 0.5 * (1.0 + b.p.I)
        yield holds("more than I is impossible", not qsp.time_to(arm, "B", reduction=beyond).possible)


@case("turnover_synthesis_inhibition", rows="S0-10", sets=DRIVEN)
def follows_the_concentration(b: Bench):
    """A constant Cp inhibits Imax Cp/(IC50 + Cp) of synthesis; a set I on top acts on what is left."""
    t = np.linspace(0.0, 6.0, 13) / b.p.kdeg
    for cp in (0.01 * b.p.IC50, b.p.IC50, 1e5 * b.p.IC50):
        for fraction in (0.0, 0.5):
            left = (1.0 - fraction) * (1.0 - b.p.Imax * cp / (b.p.IC50 + cp))
            exact = b.p.ksyn / b.p.kdeg * (left + (1.0 - left) * np.exp(-b.p.kdeg * t))
            got = b.run(t, "B", changes={"Cp": cp, "I": fraction})["B"]
            yield same(f"B(t), Cp {cp:g}, I {fraction}", got, exact, at=t)


@case("turnover_synthesis_inhibition", rows="S0-10", sets={"typical": {}, "fast": SETS["fast"], "slow": SETS["slow"]})
def returns_when_the_drug_is_gone(b: Bench):
    """From nothing, without drug, B returns as 1 - exp(-kdeg t)."""
    t = np.linspace(0.0, 8.0, 17) / b.p.kdeg
    got = b.run(t, "B", changes={"B": 0.0})["B"]
    yield same("B(t)", got, b.p.ksyn / b.p.kdeg * -np.expm1(-b.p.kdeg * t), at=t)


# ----------------------------------------------------------------------------------------------- degradation enhanced
def _time_to(reduction: float, alpha: float, kdeg: float) -> float:
    """Return when enhanced degradation has taken this share away."""
    return float(-np.log1p(-reduction * (1.0 + alpha) / alpha) / ((1.0 + alpha) * kdeg))


@case("turnover_degradation_enhancement", rows="S0-11", sets=ENHANCED)
def approaches_its_new_level(b: Bench):
    """From Bss, B falls to Bss/(1 + alpha) as exp(-(1 + alpha) kdeg t)."""
    a, basal = b.p.alpha, b.p.ksyn / b.p.kdeg
    t = np.linspace(0.0, 8.0, 33) / ((1.0 + a) * b.p.kdeg)
    got = b.run(t, "B", "B_drug", "reduction_limit")
    yield same("B(t)", got["B"], basal * (1.0 + a * np.exp(-(1.0 + a) * b.p.kdeg * t)) / (1.0 + a), at=t)
    yield same("new level", got["B_drug"], basal / (1.0 + a))
    yield same("largest reduction", got["reduction_limit"], a / (1.0 + a))
    yield same("B at rest", b.at_rest()["B"], basal / (1.0 + a))


@case("turnover_degradation_enhancement", rows="S0-11", sets=ENHANCED)
def takes_its_time_or_never_gets_there(b: Bench):
    """X below alpha/(1 + alpha) takes -ln(1 - X(1+alpha)/alpha)/((1+alpha)kdeg); a larger reduction never comes."""
    a = b.p.alpha
    limit = a / (1.0 + a)
    reductions = limit * np.array([0.02, 0.5, 0.9, 0.999])
    t = np.array([_time_to(x, a, b.p.kdeg) for x in reductions])
    yield same("1 - X at its time", b.run(t, "B / B_ss")["B / B_ss"], 1.0 - reductions, at=t)
    arm = b.experiment([0.0, 1.0 / b.p.kdeg], "B")
    yield same("the time, found", [float(qsp.time_to(arm, "B", reduction=x)) for x in reductions], t)
    for x in (limit, 0.5 * (1.0 + limit), 1.0):
        yield holds(f"X = {x:.4g} is impossible", not qsp.time_to(arm, "B", reduction=x).possible)
    left = b.run(np.geomspace(1e-3, 1e3, 60) / b.p.kdeg, "B / B_ss")["B / B_ss"]
    yield holds("no reduction exceeds alpha/(1 + alpha)", left >= (1.0 - limit) * (1.0 - 1e-9))


@case("turnover_degradation_enhancement", rows="S0-11", sets=PUSHED)
def follows_its_concentration(b: Bench):
    """A constant Cp adds Emax Cp/(EC50 + Cp) to alpha."""
    for cp in (0.01 * b.p.EC50, b.p.EC50, 1e5 * b.p.EC50):
        for alpha in (0.0, 2.5):
            speed = 1.0 + alpha + b.p.Emax * cp / (b.p.EC50 + cp)
            t = np.linspace(0.0, 6.0, 13) / (speed * b.p.kdeg)
            fall = np.exp(-speed * b.p.kdeg * t)
            got = b.run(t, "B", changes={"Cp": cp, "alpha": alpha})["B"]
            exact = b.p.ksyn / b.p.kdeg * (fall + (1.0 - fall) / speed)
            yield same(f"B(t), Cp {cp:g}, alpha {alpha}", got, exact, at=t)


@case("turnover_degradation_enhancement", rows="S0-12", sets={k: {"alpha": v} for k, v in
      {"barely faster at first": 1.05, "faster at first": 4.0, "much faster at first": 7.0}.items()})  # fmt: skip
def against_synthesis_inhibition(b: Bench):
    """Above alpha = 1, enhanced degradation is faster up to the X with (1-X)^(1+alpha) = 1-X(1+alpha)/alpha."""
    a, kdeg = b.p.alpha, b.p.kdeg
    limit = a / (1.0 + a)
    other = Bench(model_of("turnover_synthesis_inhibition"), {"I": 1.0})
    meet = brentq(lambda x: (1.0 + a) * np.log1p(-x) - np.log1p(-x / limit), 1e-4 * limit, limit * (1.0 - 1e-13))
    t = -np.log1p(-meet) / kdeg
    yield same("left at the crossing, synthesis inhibited", other.run([t], "B / B_ss")["B / B_ss"], 1.0 - meet)
    yield same("left at the crossing, degradation enhanced", b.run([t], "B / B_ss")["B / B_ss"], 1.0 - meet)
    parts = {"a": other.model, "b": b.model}
    both = Bench(qsp.compose("both", parts), {"a.I": 1.0, "b.alpha": a})
    apart = qsp.time_to(
        both.experiment([0.0, 20.0 * t], "a.B"), "a.B - b.B", level=0.0, after=1e-3 * t, direction="down"
    )
    yield same("the crossing, found", float(apart), t)
    early, late = np.linspace(0.02, 0.98, 20) * t, np.linspace(1.02, 20.0, 20) * t
    for label, times, sign in (("before", early, 1.0), ("after", late, -1.0)):
        ahead = b.run(times, "reduction")["reduction"] - other.run(times, "reduction")["reduction"]
        yield holds(f"who leads {label} the crossing", sign * ahead > 0.0)
    yield from _ratio_of_durations(b, other, limit)
    for weak in (0.2, 1.0):
        times = np.geomspace(1e-2, 10.0, 30) / kdeg
        mine = b.run(times, "reduction", changes={"alpha": weak})["reduction"]
        yield holds(f"alpha {weak} never leads", other.run(times, "reduction")["reduction"] > mine)


def _ratio_of_durations(b: Bench, other: Bench, limit: float):
    for share in (0.3, 0.8):
        x = share * limit
        t_a, t_b = -np.log1p(-x) / b.p.kdeg, _time_to(x, b.p.alpha, b.p.kdeg)
        found = [float(qsp.time_to(m.experiment([0.0, 2.0 * t_b], "B"), "B", reduction=x)) for m in (other, b)]
        yield same(f"t_A and t_B for X = {x:.3g}", found, [t_a, t_b])
        yield same(f"t_A/t_B for X = {x:.3g}", found[0] / found[1], t_a / t_b)
    beyond = 0.5 * (1.0 + limit)
    yield holds("B never comes to more", not qsp.time_to(b.experiment([0.0, 1.0], "B"), "B", reduction=beyond).possible)
    a_alone = qsp.time_to(other.experiment([0.0, 1.0], "B"), "B", reduction=beyond)
    yield same("A does", float(a_alone), -np.log1p(-beyond) / b.p.kdeg)


@case("turnover_degradation_enhancement", rows=("S0-10", "S0-11"), sets={"typical": {}})
def under_a_changing_concentration(b: Bench):
    """Fed by an antibody's disposition, both mechanisms follow the concentration as a direct integration does."""
    parts = {"pk": model_of("two_compartment"), "a": model_of("turnover_synthesis_inhibition"), "b": b.model}
    whole = Bench(qsp.compose("both", parts, connect={"a.Cp": "pk.C", "b.Cp": "pk.C"}))
    t = np.linspace(0.0, 40.0, 41)
    got = whole.run(t, "pk.C", "a.B", "b.B", regimen="500 nmol into pk.central")
    p = whole.p

    def rates(_, y):
        c = y[0] / p.pk_V1
        exchange = p.pk_Q * (c - y[1] / p.pk_V2)
        inhibited = p.a_ksyn * (1.0 - p.a_Imax * c / (p.a_IC50 + c)) - p.a_kdeg * y[2]
        enhanced = p.b_ksyn - p.b_kdeg * (1.0 + p.b_Emax * c / (p.b_EC50 + c)) * y[3]
        return [-p.pk_CL * c - exchange, exchange, inhibited, enhanced]

    exact = integrate(rates, [500.0, 0.0, p.a_ksyn / p.a_kdeg, p.b_ksyn / p.b_kdeg], t)
    yield same("C", got["pk.C"], exact[:, 0] / p.pk_V1, at=t)
    yield same("B, synthesis inhibited", got["a.B"], exact[:, 2], at=t)
    yield same("B, degradation enhanced", got["b.B"], exact[:, 3], at=t)
