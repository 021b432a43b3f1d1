"""Numbered problems answered by runnable systems: infusion, turnover, recovery from inhibitors, PET."""

from __future__ import annotations

import numpy as np
from scipy.integrate import quad
from scipy.optimize import brentq

import sbmlqsp as qsp
from validation.cases import Bench, case, holds, same

# -------------------------------------------------------------------------------------------------- infusion and effect
INFUSED = {
    "typical": {},
    "barely reached": {"pk.V": 900.0, "pk.CL": 0.6, "effect.EC50": 0.02, "E0": 3.0, "effect.Emax": -2.5},
    "fast and saturated": {"pk.V": 3.1, "pk.CL": 80.0, "effect.EC50": 7e-3, "effect.Emax": 44.0, "E0": 0.4},
}
RATES = (0.3, 12.0, 700.0)


def concentration(p, rate: float, t: float) -> float:
    """Return R0/(V ke) (1 - exp(-ke t)) with ke = CL/V."""
    ke = p.pk_CL / p.pk_V
    return float(rate / (p.pk_V * ke) * -np.expm1(-ke * t))


def effect(p, c: float) -> float:
    """Return the effect of a concentration."""
    return p.E0 + p.effect_Emax * c / (p.effect_EC50 + c)


@case("infusion_effect", rows=("S0-05", "S0-08", "S0-06"), sets=INFUSED)
def effect_at_five_hours(b: Bench):
    """5 h after the start of an infusion, E is the Emax model of R0/CL (1 - exp(-5 CL/V)), however it is infused."""
    for rate in RATES:
        c = concentration(b.p, rate, 5.0)
        for label, how in (
            ("for 5 h", {"regimen": f"{rate} mg/h into pk.central for 5 h"}),
            ("for 30 h", {"regimen": f"{rate} mg/h into pk.central for 30 h"}),
            ("without end", {"changes": {"R0": rate}}),
        ):
            got = b.run([0.0, 5.0], "pk.C", "effect.E", **how)
            yield same(f"C(5 h), {rate:g} mg/h {label}", got["pk.C"][-1], c)
            yield same(f"E(5 h), {rate:g} mg/h {label}", got["effect.E"], [b.p.E0, effect(b.p, c)])


@case("infusion_effect", rows=("S0-05", "S0-08"), sets=INFUSED)
def effect_at_steady_state(b: Bench):
    """At steady state the concentration is R0/CL; the infusion comes to it, and comes down from it as exp(-ke t)."""
    ke = b.p.pk_CL / b.p.pk_V
    for rate in RATES:
        level = rate / b.p.pk_CL
        rest = b.at_rest({"R0": rate})
        yield same(f"C and E at rest, {rate:g} mg/h", [rest["pk.C"], rest["effect.E"]], [level, effect(b.p, level)])
        end = 40.0 / ke
        given = f"{rate} mg/h into pk.central for {end!r} h"
        got = b.run([0.0, end, end + 2.0 / ke], "effect.E", regimen=given)["effect.E"]
        after = effect(b.p, level * np.exp(-2.0))
        yield same(f"E after a long infusion, {rate:g} mg/h", got, [b.p.E0, effect(b.p, level), after])


@case("infusion_effect", rows=("S0-05", "S0-08", "S0-07"), sets=INFUSED, slow=True)
def rate_for_an_effect(b: Bench):
    """The rate for a wanted effect is the inverse of the closed form; E0 + Emax is never reached."""
    p = b.p
    for share in (0.2, 0.97):
        target = p.E0 + share * p.effect_Emax
        needed = p.effect_EC50 * share / (1.0 - share)
        rest = qsp.level_for(b.model, "R0", observable="effect.E", target=target, changes=b.changes)
        yield same(f"R0 for {share:g} Emax at steady state", float(rest), needed * p.pk_CL)
        early = qsp.level_for(b.model, "R0", observable="effect.E", target=target, at="5 h", changes=b.changes)
        yield same(f"R0 for {share:g} Emax at 5 h", float(early), needed / concentration(p, 1.0, 5.0))
        arm = b.experiment([0.0, 5.0], "effect.E", regimen="2 mg/h into pk.central for 9 h")
        factor = qsp.dose_for(arm, "effect.E", target=target, statistic="last", between=(1e-9, 1e9))
        yield same(f"factor on 2 mg/h for {share:g} Emax at 5 h", float(factor), needed / concentration(p, 2.0, 5.0))
    for beyond in (1.0, 1.2):
        asked = {"observable": "effect.E", "target": p.E0 + beyond * p.effect_Emax, "changes": b.changes}
        yield holds(f"{beyond:g} Emax is impossible", not qsp.level_for(b.model, "R0", **asked).possible)


# ------------------------------------------------------------------------------------------- synthesis or degradation
OPPOSED = {
    "typical": {},
    "alpha hardly above one": {"alpha": 1.05, "ksyn": 900.0, "kdeg": 40.0},
    "large alpha": {"alpha": 24.0, "ksyn": 1e-3, "kdeg": 2e-3},
}
AB = ("synthesis.B", "degradation.B")


def durations(x: float, alpha: float, kdeg: float) -> tuple[float, float]:
    """Return t_A and t_B of a reduction x."""
    enhanced = -np.log1p(-x * (1.0 + alpha) / alpha) / ((1.0 + alpha) * kdeg)
    return float(-np.log1p(-x) / kdeg), float(enhanced)


def meeting(alpha: float) -> float:
    """Return kdeg t > 0 at which both reductions are equal, (1 + alpha) exp(-x) = 1 + alpha exp(-(1 + alpha) x).

    With X = 1 - exp(-x) that is (1 - X)^(1 + alpha) = 1 - X (1 + alpha)/alpha.
    """
    gap = lambda x: np.log1p(alpha) - x - np.log1p(alpha * np.exp(-(1.0 + alpha) * x))  # noqa: E731
    return float(brentq(gap, 0.5 * np.log(alpha) / (1.0 + alpha), np.log1p(alpha) + 1e-9, xtol=1e-16, rtol=1e-15))


@case("synthesis_or_degradation", rows=("S0-05", "S0-12", "S0-10", "S0-11"), sets=OPPOSED)
def ratio_of_durations(b: Bench):
    """t_A = -ln(1-X)/kdeg, t_B = -ln(1-X(1+alpha)/alpha)/((1+alpha)kdeg), their ratio; X >= alpha/(1+alpha) never."""
    alpha, kdeg = b.p.alpha, b.p.kdeg
    limit = alpha / (1.0 + alpha)
    arm = b.experiment([0.0, 1.0 / kdeg], *AB)
    for share in (0.01, 0.5, 0.99):
        x = share * limit
        found = [float(qsp.time_to(arm, name, reduction=x)) for name in AB]
        exact = durations(x, alpha, kdeg)
        yield same(f"t_A and t_B, X = {x:.4g}", found, exact)
        yield same(f"t_A/t_B, X = {x:.4g}", found[0] / found[1], exact[0] / exact[1])
    for x in (limit, 0.5 * (1.0 + limit)):
        yield holds(f"drug B never takes X = {x:.4g} away", not qsp.time_to(arm, AB[1], reduction=x).possible)
        yield same(f"drug A does, X = {x:.4g}", float(qsp.time_to(arm, AB[0], reduction=x)), -np.log1p(-x) / kdeg)
    yield holds("drug A never takes everything", not qsp.time_to(arm, AB[0], reduction=1.0).possible)
    yield same("limit", b.at_rest()["degradation.reduction_limit"], limit)


@case("synthesis_or_degradation", rows=("S0-05", "S0-12"), sets=OPPOSED)
def crossover(b: Bench):
    """Both take equally long for one X, which the lead's return to zero shows; B leads before and A after."""
    when = meeting(b.p.alpha) / b.p.kdeg
    meet = float(-np.expm1(-b.p.kdeg * when))
    arm = b.experiment([0.0, 20.0 * when], "lead")
    found = qsp.time_to(arm, "lead", level=0.0, after=1e-3 * when, direction="down")
    yield same("time of the crossover", float(found), when)
    got = b.run([0.0, float(found)], "synthesis.reduction", "degradation.reduction")
    yield same("X of the crossover", [v[-1] for v in got.values()], [meet, meet])
    early = b.run(np.linspace(0.02, 0.98, 15) * when, "lead")["lead"]
    late = b.run(np.linspace(1.02, 8.0, 15) * when, "lead")["lead"]
    yield holds("B leads before, A after", early > 0.0, late < 0.0)


@case("synthesis_or_degradation", rows=("S0-05", "S0-12"), sets={"typical": {"alpha": 1.0}, "weak": {"alpha": 0.04},
      "fast": {"alpha": 0.6, "kdeg": 50.0}})  # fmt: skip
def synthesis_always_faster(b: Bench):
    """For alpha <= 1 drug A is ahead for every X, and there is no crossover."""
    kdeg, limit = b.p.kdeg, b.p.alpha / (1.0 + b.p.alpha)
    lead = b.run(np.geomspace(1e-2, 30.0, 40) / kdeg, "lead")["lead"]
    yield holds("A leads", lead < 0.0)
    arm = b.experiment([0.0, 5.0 / kdeg], "lead", *AB)
    never = qsp.time_to(arm, "lead", level=0.0, after=1e-2 / kdeg)
    yield holds("no crossover", not never.possible)
    for share in (0.05, 0.9):
        a, other = (float(qsp.time_to(arm, name, reduction=share * limit)) for name in AB)
        exact = durations(share * limit, b.p.alpha, kdeg)
        yield same(f"t_A/t_B at {share:g} of the limit", a / other, exact[0] / exact[1])
        yield holds("below one", a < other)


@case("synthesis_or_degradation", rows=("S0-05", "S0-12", "S0-10"), sets={k: {**v, "I": i} for (k, v), i in
      zip(OPPOSED.items(), (0.5, 0.97, 0.2), strict=True)})  # fmt: skip
def partial_inhibition(b: Bench):
    """Synthesis inhibited by I < 1 takes -ln(1 - X/I)/kdeg, and never comes to X >= I."""
    arm = b.experiment([0.0, 1.0 / b.p.kdeg], *AB)
    for share in (0.1, 0.95):
        found = qsp.time_to(arm, AB[0], reduction=share * b.p.I)
        yield same(f"t_A, {share:g} I", float(found), -np.log1p(-share) / b.p.kdeg)
    for x in (b.p.I, 0.5 * (1.0 + b.p.I)):
        yield holds(f"X = {x:.3g} is impossible", not qsp.time_to(arm, AB[0], reduction=x).possible)


# ------------------------------------------------------------------------------------------ reversible or irreversible
INHIBITED = {
    "typical": {},
    "drug lasts": {"D0": 2e5, "Kd": 0.03, "kel": 2e-3, "kdeg": 30.0, "T0": 900.0},
    "drug goes, target stays": {"D0": 1.2, "Kd": 1.0, "kel": 20.0, "kdeg": 1e-4, "T0": 1e-4},
}


@case("reversible_or_irreversible", rows=("S0-05", "S0-15", "S0-13", "S0-14"), sets=INHIBITED)
def half_recovery_from_either(b: Bench):
    """ln(D0/Kd)/kel, ln 2/kdeg and their ratio, read off the runs and given by the model."""
    p = b.p
    exact = [float(np.log(p.D0 / p.Kd) / p.kel), float(np.log(2.0) / p.kdeg)]
    arm = b.experiment([0.0, 1.5 * max(exact)], "reversible.T", "irreversible.T")
    found = [float(qsp.time_to(arm, f"{x}.T", level=0.5 * p.T0)) for x in ("reversible", "irreversible")]
    yield same("both times, read off", found, exact)
    yield same("ratio, read off", found[0] / found[1], p.kdeg * np.log(p.D0 / p.Kd) / (p.kel * np.log(2.0)))
    got = b.start()
    yield same("given by the model", [got["t_rev"], got["t_irrev"]], exact)
    yield same("ratio, given", got["ratio"], exact[0] / exact[1])
    t = np.linspace(0.0, 3.0, 13) * min(exact)
    run = b.run(t, "reversible.free_fraction", "irreversible.activity")
    yield same("free fraction", run["reversible.free_fraction"], 1.0 / (1.0 + p.D0 / p.Kd * np.exp(-p.kel * t)), at=t)
    yield same("activity", run["irreversible.activity"], -np.expm1(-p.kdeg * t), at=t)


@case("reversible_or_irreversible", rows=("S0-05", "S0-15"), sets=INHIBITED)
def break_even(b: Bench):
    """Both take equally long at kel = kdeg ln(D0/Kd)/ln 2; a slower drug is the longer one, a faster the shorter."""
    p = b.p
    even = float(p.kdeg * np.log(p.D0 / p.Kd) / np.log(2.0))
    once = float(qsp.time_to(b.experiment([0.0, 1.0 / p.kdeg], "irreversible.activity"), "irreversible.activity",
                             level=0.5))  # fmt: skip
    given = {k: v for k, v in b.changes.items() if k != "kel"}
    asked = {"observable": "reversible.free_fraction", "target": 0.5, "at": once, "changes": given}
    yield same("kel, found", float(qsp.level_for(b.model, "kel", **asked)), even)
    yield same("kel, given", b.start()["kel_even"], even)
    yield same("kel, given at another kel", b.start({"kel": 7.0 * even})["kel_even"], even)
    for factor in (0.2, 1.0, 6.0):
        arm = b.experiment([0.0, 1.2 * once / factor], "reversible.T", changes={"kel": factor * even})
        found = float(qsp.time_to(arm, "reversible.T", level=0.5 * p.T0))
        yield same(f"ratio at {factor:g} of it", found / once, 1.0 / factor)


@case("reversible_or_irreversible", rows=("S0-05", "S0-15", "S0-13"), sets=INHIBITED)
def free_from_the_start(b: Bench):
    """With D0 <= Kd half of the target is free at once: t_rev = 0 and no break-even."""
    for share in (0.0, 0.02, 0.999, 1.0):
        changes = {"D0": share * b.p.Kd}
        got = b.start(changes)
        yield same(
            f"t_rev, ratio, break-even, D0 = {share:g} Kd", [got[k] for k in ("t_rev", "ratio", "kel_even")], 0.0
        )
        arm = b.experiment([0.0, 3.0 / b.p.kel], "reversible.free_fraction", changes=changes)
        lowest = qsp.extremum(arm, "reversible.free_fraction", kind="min")
        yield same(f"least free, D0 = {share:g} Kd", float(lowest), 1.0 / (1.0 + share))


@case("reversible_or_irreversible", rows=("S0-05", "S0-14"), sets=INHIBITED)
def residual_drug_delays(b: Bench):
    """Irreversible drug that is left delays the recovery, which an integral over its inactivation gives."""
    p = b.p
    fast, slow, left = 3.0 * p.kdeg, 0.5 * p.kdeg, 2.0 * p.irreversible_KI
    before = np.log(2.0) / p.kdeg
    for kel in (fast, slow):
        changes = {"kel_residual": kel, "D0_residual": left, "irreversible.kinact": 5.0 * p.kdeg}

        def gone(t, kel=kel):  # total exposure to inactivation: kinact/kel ln((KI + D0)/(KI + D(t)))
            return 5.0 * p.kdeg / kel * np.log(3.0 / (1.0 + 2.0 * np.exp(-kel * t)))

        def activity(t):
            inner = lambda s: np.exp(-p.kdeg * (t - s) - gone(t) + gone(s))  # noqa: E731
            return p.kdeg * quad(inner, 0.0, t, epsabs=0.0, epsrel=1e-11, limit=200)[0]

        exact = brentq(lambda t: activity(t) - 0.5, before, 40.0 * before, xtol=1e-13 * before, rtol=1e-13)
        arm = b.experiment([0.0, 1.1 * exact], "irreversible.activity", changes=changes)
        found = float(qsp.time_to(arm, "irreversible.activity", level=0.5))
        yield same(f"half back, kel {kel:.3g}", found, exact)
        yield holds("later than without drug", found > before * (1.0 + 1e-6))
        before = found


# ------------------------------------------------------------------------------------------------------ residence times
WASHED = {
    "typical": {},
    "slow beyond degradation": {"koff_fast": 90.0, "koff_slow": 1e-5, "kdeg": 0.4, "ksyn": 6.0, "bound": 0.999},
    "hardly different": {"koff_fast": 0.5, "koff_slow": 0.4, "kdeg": 1e-3, "ksyn": 1e-6, "bound": 0.01, "Kd": 700.0},
}


def _deficit(b: Bench, which: str, changes=None) -> float:
    end = 45.0 / (vars(b.p)[f"koff_{which}"] + b.p.kdeg)
    return float(qsp.integral(b.experiment([0.0, end], f"{which}.T", changes=changes), f"{which}.deficit"))


@case("residence_times", rows=("S0-05", "S0-18"), sets=WASHED)
def integrated_deficits(b: Bench):
    """J = C0/(koff + kdeg) with C0 = bound ksyn/kdeg, by the integral and by the model's own sum."""
    p = b.p
    for which, koff in (("fast", p.koff_fast), ("slow", p.koff_slow)):
        exact = p.bound * p.ksyn / p.kdeg / (koff + p.kdeg)
        yield same(f"J, {which}", _deficit(b, which), exact)
        t = np.array([0.3, 1.0, 5.0, 45.0]) / (koff + p.kdeg)
        own = b.run(t, f"J_{which}")[f"J_{which}"]
        yield same(f"J(t), {which}", own, exact * -np.expm1(-(koff + p.kdeg) * t), at=t)
        yield same(f"Kd, {which}", b.start()[f"{which}.Kd"], p.Kd)


@case("residence_times", rows=("S0-05", "S0-18"), sets=WASHED)
def ratio_of_deficits(b: Bench):
    """From the same complex the deficits are exactly in the ratio (koff_fast + kdeg)/(koff_slow + kdeg)."""
    p = b.p
    found = _deficit(b, "slow") / _deficit(b, "fast")
    yield same("J_slow/J_fast", found, (p.koff_fast + p.kdeg) / (p.koff_slow + p.kdeg))
    yield holds("less than the ratio of the residence times", found < p.koff_fast / p.koff_slow)
    start = b.start()
    yield same("the same complex at the start", start["slow.C"], start["fast.C"], tolerance=1e-12)


@case("residence_times", rows=("S0-05", "S0-18"), sets=WASHED)
def same_concentration_breaks_the_ratio(b: Bench):
    """With the same D before, C0 = T0 D/(D + Kd(1 + kdeg/koff)): the ratio is that of the C0 times the plain one."""
    p = b.p
    for level in (0.2 * p.Kd, 50.0 * p.Kd):
        changes = {"D_before_fast": level, "D_before_slow": level}
        target = p.ksyn / p.kdeg
        c0 = {k: target * level / (level + p.Kd * (1.0 + p.kdeg / vars(p)[f"koff_{k}"])) for k in ("fast", "slow")}
        start = b.start(changes)
        for which in c0:
            yield same(f"C0, {which}", start[f"{which}.C"], c0[which])
        plain = (p.koff_fast + p.kdeg) / (p.koff_slow + p.kdeg)
        found = _deficit(b, "slow", changes) / _deficit(b, "fast", changes)
        yield same(f"J_slow/J_fast at D = {level:g}", found, plain * c0["slow"] / c0["fast"])
        yield holds("not the plain ratio", found < plain * (1.0 - 1e-6))


@case("residence_times", rows=("S0-05", "S0-17"), sets=WASHED)
def complex_after_washout(b: Bench):
    """C falls as exp(-(koff + kdeg) t), T + C = ksyn/kdeg, half of the deficit is gone at ln 2/(koff + kdeg)."""
    p = b.p
    for which, koff in (("fast", p.koff_fast), ("slow", p.koff_slow)):
        loss, target = koff + p.kdeg, p.ksyn / p.kdeg
        t = np.linspace(0.0, 8.0, 17) / loss
        got = b.run(t, f"{which}.C", f"{which}.T", f"{which}.deficit")
        gone = p.bound * target * np.exp(-loss * t)
        yield same(f"C, {which}", got[f"{which}.C"], gone, at=t)
        yield same(f"T, {which}", got[f"{which}.T"], target - gone, at=t)
        arm = b.experiment([0.0, 3.0 / loss], f"{which}.deficit")
        found = qsp.time_to(arm, f"{which}.deficit", fraction=0.5)
        yield same(f"half of the deficit, {which}", float(found), np.log(2.0) / loss)


# ------------------------------------------------------------------------------------------------------- PET occupancy
SCANNED = {
    "typical": {},
    "high tracer dose": {"pet.Cp": 400.0, "pet.fp": 0.6, "pet.Kd": 3.0, "drug.D0": 9e3, "drug.kel": 5.0},
    "few receptors": {"pet.Rtot": 1e-3, "pet.Kd": 0.02, "pet.R_NSB": 40.0, "drug.D0": 3.0, "pet.Ki": 0.04},
}


def tissue(p, d: float) -> tuple[float, float, float]:
    """Return free, specific and non-specific tracer: mass action for two ligands at one site."""
    free = p.pet_fp * p.pet_Cp
    weights = np.array([1.0, free / p.pet_Kd, d / p.pet_Ki])  # empty, with tracer, with drug
    return free, float(p.pet_Rtot * weights[1] / weights.sum()), p.pet_R_NSB * free


def held(p, d: float) -> float:
    """Return the share of the receptors that the drug holds, of all that are not held by tracer without it."""
    return 1.0 - tissue(p, d)[1] / tissue(p, 0.0)[1]


@case("pet_occupancy", rows=("S0-05", "S0-20"), sets=SCANNED)
def total_from_three_parts(b: Bench):
    """C_total = C_free + Rtot C_free/(Kd + C_free) + R_NSB C_free without drug, and V_T = C_total/Cp at any time."""
    p = b.p
    free = p.pet_fp * p.pet_Cp
    none = b.start({"drug.D0": 0.0})
    exact = free + p.pet_Rtot * free / (p.pet_Kd + free) + p.pet_R_NSB * free
    yield same("C_total, V_T without drug", [none["pet.C_total"], none["pet.V_T"]], [exact, exact / p.pet_Cp])
    t = np.linspace(0.0, 12.0, 13) / p.drug_kel
    got = b.run(t, "pet.C_total", "pet.V_T", "pet.C_specific")
    parts = np.array([tissue(p, p.drug_D0 * np.exp(-p.drug_kel * x)) for x in t])
    yield same("C_specific(t)", got["pet.C_specific"], parts[:, 1], at=t)
    yield same("C_total(t)", got["pet.C_total"], parts.sum(axis=1), at=t)
    yield same("V_T(t)", got["pet.V_T"], parts.sum(axis=1) / p.pet_Cp, at=t)
    low = b.start({"drug.D0": 0.0, "pet.Cp": 1e-9 * p.pet_Kd / p.pet_fp})
    exact = 1.0 + p.pet_Rtot / p.pet_Kd + p.pet_R_NSB
    yield same("total per free, tracer dose", low["pet.total_per_free"], exact)


@case("pet_occupancy", rows=("S0-05", "S0-21"), sets=SCANNED)
def occupancy_over_time(b: Bench):
    """Occupancy from a scan before and one at t is the drug's; it falls to h at a known time, or was never so high."""
    p = b.p
    potency = p.pet_Ki * (1.0 + p.pet_fp * p.pet_Cp / p.pet_Kd)
    t = np.linspace(0.0, 8.0, 17) / p.drug_kel
    before = b.run(t, "pet.V_T", changes={"drug.D0": 0.0})["pet.V_T"]
    got = b.run(t, "pet.V_T", "pet.V_ND", "pet.occupancy_scans", "pet.occupancy")
    exact = np.array([held(p, p.drug_D0 * np.exp(-p.drug_kel * x)) for x in t])
    yield same("from the two scans, by hand", (before - got["pet.V_T"]) / (before - got["pet.V_ND"]), exact, at=t)
    yield same("from the two scans", got["pet.occupancy_scans"], exact, at=t)
    yield same("held by the drug", got["pet.occupancy"], exact, at=t)
    arm = b.experiment([0.0, 3.0 / p.drug_kel], "pet.occupancy_scans")
    first = held(p, p.drug_D0)
    for h in (0.9 * first, 0.05 * first):
        found = qsp.time_to(arm, "pet.occupancy_scans", level=h)
        yield same(f"time at {h:.3g}", float(found), np.log(p.drug_D0 * (1.0 - h) / (h * potency)) / p.drug_kel)
    never = qsp.time_to(arm, "pet.occupancy_scans", level=0.5 * (1.0 + first))
    yield holds("never above the first", not never.possible)


@case("pet_occupancy", rows=("S0-05", "S0-21"), sets=SCANNED)
def dose_for_an_occupancy(b: Bench):
    """The dose for an occupancy h after a day is Ki (1 + C_free/Kd) h/(1-h) exp(kel 24 h); h = 1 takes no dose."""
    p = b.p
    given = {k: v for k, v in b.changes.items() if k not in {"drug.D0", "drug.kel"}} | {"drug.kel": 0.2}
    potency = p.pet_Ki * (1.0 + p.pet_fp * p.pet_Cp / p.pet_Kd)
    for h in (0.2, 0.8):
        asked = {"observable": "pet.occupancy_scans", "target": h, "changes": given}
        now = potency * h / (1.0 - h)
        at_day = qsp.level_for(b.model, "drug.D0", at="24 h", **asked)
        yield same(f"D0 for {h:g} after a day", float(at_day), now * np.exp(0.2 * 24.0))
        at_start = qsp.level_for(b.model, "drug.D0", at=0.0, **asked)
        yield same(f"D0 for {h:g} at once", float(at_start), now)
    never = qsp.level_for(b.model, "drug.D0", observable="pet.occupancy_scans", target=1.0, at=0.0, changes=given)
    yield holds("all receptors are never held", not never.possible)


@case("pet_occupancy", rows=("S0-05", "S0-21"), sets=SCANNED)
def repeated_doses(b: Bench):
    """Under repeated doses the occupancy is that of the superposed concentrations."""
    p, t = b.p, np.array([1.0, 6.0, 11.9, 13.0, 23.9, 30.0, 47.0])
    kel, dose = 0.15, 30.0 * p.pet_Ki
    changes = {"drug.D0": 0.0, "drug.kel": kel}
    got = b.run(t, "pet.occupancy_scans", regimen=f"{dose!r} nmol into drug.drug every 12 h x 3", changes=changes)
    d = sum(np.where(t >= k, dose * np.exp(-kel * (t - k)), 0.0) for k in (0.0, 12.0, 24.0))
    yield same("occupancy(t)", got["pet.occupancy_scans"], [held(p, x) for x in d], at=t)
