"""Numbered problems answered by runnable systems: receptors, antibodies against ligands, tolerance, cascades."""

from __future__ import annotations

import numpy as np

import sbmlqsp as qsp
from validation.cases import Bench, case, holds, same
from validation.reference import integrate


def without(b: Bench, *names: str, **more: float) -> dict[str, float]:
    """Return the changes of the set, less the ones that a verb varies itself."""
    return {k: v for k, v in b.changes.items() if k not in names} | more


# ------------------------------------------------------------------------------------------------ modulated receptor
MODULATED = {
    "typical": {"modulator.D0": 900.0},
    "hardly active, strong agonist": {
        "A": 4e4, "receptor.L": 1e5, "receptor.KA": 2e3, "receptor.KA_star": 0.3, "receptor.KN": 0.02,
        "receptor.KN_star": 4e4, "modulator.D0": 3e5, "modulator.kel": 6.0,
    },
    "inverse agonist, positive modulator": {
        "A": 8.0, "receptor.L": 0.3, "receptor.KA": 2.0, "receptor.KA_star": 60.0, "receptor.KN": 500.0,
        "receptor.KN_star": 1.5, "modulator.D0": 70.0, "modulator.kel": 1e-3,
    },
}  # fmt: skip


def active(p, a: float, n: float) -> float:
    """Return the active fraction from the weights of the eight states."""
    on = sum(x * y for x in (1.0, a / p.receptor_KA_star) for y in (1.0, n / p.receptor_KN_star))
    off = p.receptor_L * sum(x * y for x in (1.0, a / p.receptor_KA) for y in (1.0, n / p.receptor_KN))
    return on / (on + off)


def restoring(p) -> float:
    """Return (a - 1)/(1/KN - a/KN*)."""
    a = (1.0 + p.A / p.receptor_KA_star) / (1.0 + p.A / p.receptor_KA)
    return (a - 1.0) / (1.0 / p.receptor_KN - a / p.receptor_KN_star)


@case("basal_activity_restored", rows=("S0-05", "S0-25"), sets=MODULATED)
def concentration_that_restores(b: Bench):
    """N = (a-1)/(1/KN - a/KN*), a = (1+A/KA*)/(1+A/KA), found by search and given, independent of L."""
    p = b.p
    exact = restoring(p)
    yield same("given", b.start()["receptor.N_restore"], exact)
    basal = 1.0 / (1.0 + p.receptor_L)
    yield same("it restores", active(p, p.A, exact), basal, tolerance=1e-11)
    for factor in (1.0, 0.01):
        given = without(b, "modulator.D0", **{"receptor.L": factor * p.receptor_L})
        found = qsp.level_for(b.model, "modulator.D0", observable="excess", target=0.0, at=0.0, changes=given)
        yield same(f"searched at time 0, {factor:g} L", float(found), exact)
    given = without(b, "modulator.D0", **{"modulator.kel": 0.0})
    asked = {"observable": "receptor.f_active", "target": basal, "changes": given}
    yield same("searched with the modulator held", float(qsp.level_for(b.model, "modulator.D0", **asked)), exact)


@case("basal_activity_restored", rows=("S0-05", "S0-25", "S0-24"), sets=MODULATED)
def crosses_basal_activity(b: Bench):
    """The activity follows the modulator, and is at basal when that has fallen to N: at ln(D0/N)/kel."""
    p = b.p
    t = np.linspace(0.0, 10.0, 21) / p.modulator_kel
    got = b.run(t, "receptor.f_active")["receptor.f_active"]
    exact = [active(p, p.A, p.modulator_D0 * np.exp(-p.modulator_kel * x)) for x in t]
    yield same("activity(t)", got, exact, at=t)
    arm = b.experiment([0.0, 3.0 / p.modulator_kel], "excess")
    yield same("back at basal", float(qsp.time_to(arm, "excess", level=0.0)),
               np.log(p.modulator_D0 / restoring(p)) / p.modulator_kel)  # fmt: skip
    too_little = b.experiment([0.0, 3.0 / p.modulator_kel], "excess", changes={"modulator.D0": 0.9 * restoring(p)})
    yield holds("never, with less than N", not qsp.time_to(too_little, "excess", level=0.0).possible)


@case("basal_activity_restored", rows=("S0-05", "S0-25"), sets={
      "typical": {"receptor.KN_star": 40.0}, "no preference": {"receptor.KN_star": 10.0, "receptor.L": 1e4},
      "prefers the active receptor": {"receptor.KN_star": 0.1, "A": 900.0, "receptor.L": 0.05}})  # fmt: skip
def cannot_be_restored(b: Bench):
    """With KN*/KN <= a no modulator concentration does it: both verbs say so, and the model gives -1."""
    p = b.p
    a = (1.0 + p.A / p.receptor_KA_star) / (1.0 + p.A / p.receptor_KA)
    basal = 1.0 / (1.0 + p.receptor_L)
    for n in (1.0, 1e3, 1e9):
        yield holds(f"above basal at {n:g}", b.start({"modulator.D0": n})["receptor.f_active"] > basal)
    asked = {"observable": "excess", "target": 0.0, "at": 0.0}
    found = qsp.level_for(b.model, "modulator.D0", changes=without(b, "modulator.D0"), **asked)
    yield holds("impossible, says level_for", not found.possible)
    arm = b.experiment([0.0, 50.0], "excess", changes={"modulator.D0": 1e5})
    yield holds("impossible, says time_to", not qsp.time_to(arm, "excess", level=0.0).possible)
    got = b.start()
    yield same("given as -1, not restorable", [got["receptor.N_restore"], got["receptor.restorable"]], [-1.0, 0.0])
    edge = {"receptor.KN_star": a * p.receptor_KN}
    never = qsp.level_for(b.model, "modulator.D0", changes=without(b, "modulator.D0", **edge), **asked)
    yield holds("impossible at KN*/KN = a", not never.possible)


@case("basal_activity_restored", rows=("S0-05", "S0-25"), sets={"typical": {}, "weak agonist": {"A": 0.01},
      "much agonist": {"A": 5e4, "receptor.L": 1e4}})  # fmt: skip
def exclusive_binding(b: Bench):
    """Agonist on active, modulator on inactive receptor only: N = KN A/KA*."""
    given = without(b, "modulator.D0", **{"receptor.KA": 1e16, "receptor.KN_star": 1e16})
    found = qsp.level_for(b.model, "modulator.D0", observable="excess", target=0.0, at=0.0, changes=given)
    yield same("N", float(found), b.p.receptor_KN * b.p.A / b.p.receptor_KA_star)


# --------------------------------------------------------------------------------------------- antibody and ligand
BOUND = {
    "typical": {},
    "fast": {"A": 0.5, "kon": 3e3, "koff": 700.0, "kel": 90.0, "kcplx": 4.0, "ksyn": 60.0, "kel_A": 0.3},
    "slow": {"A": 900.0, "kon": 0.5, "koff": 0.01, "kel": 0.7, "kcplx": 0.01, "ksyn": 0.05, "kel_A": 0.02},
}


def rest_under(p, a: float) -> tuple[float, float]:
    """Return free ligand and complex at rest under free antibody a."""
    free = p.ksyn / (p.kel + p.kon * a * p.kcplx / (p.koff + p.kcplx))
    return free, p.kon * a * free / (p.koff + p.kcplx)


@case("antibody_and_ligand", rows=("S0-05", "S0-27"), sets=BOUND)
def total_and_free_under_held_antibody(b: Bench):
    """Total over before is (1 + A/Kss) L/L_pre, free is L/L_pre; the total rises towards kel/kcplx."""
    p = b.p
    before, kss = p.ksyn / p.kel, (p.koff + p.kcplx) / p.kon
    for factor in (1e-4, 1.0, 1e3):
        free, bound = rest_under(p, factor * p.A)
        rest = b.at_rest({"A": factor * p.A})
        got = [rest[f"held.{k}"] for k in ("L", "C", "total_ratio", "free_fold")]
        yield same(f"L, C, ratios at {factor:g} A", got, [free, bound, (free + bound) / before, free / before])
        yield holds("total up, free down", rest["held.total_ratio"] > 1.0 > rest["held.free_fold"])
    half = b.at_rest({"A": kss * p.kel / p.kcplx})
    yield same("free fold at Kss kel/kcplx", half["held.free_fold"], 0.5)
    yield same("limit", half["held.total_ratio_max"], p.kel / p.kcplx)
    faster = b.at_rest({"kcplx": 3.0 * p.kel})
    yield holds("the total falls where the complex goes faster", faster["held.total_ratio"] < 1.0)
    t = np.array([0.1, 1.0, 4.0, 60.0]) / (p.kel + p.koff)
    got = b.run(t, "held.L", "held.C")

    def rates(_, y):
        net = p.kon * p.A * y[0] - p.koff * y[1]
        return [p.ksyn - p.kel * y[0] - net, net - p.kcplx * y[1]]

    exact = integrate(rates, [before, 0.0], t)
    yield same("L(t), C(t)", [got["held.L"], got["held.C"]], exact.T)


@case("antibody_and_ligand", rows=("S0-05", "S0-27"), sets=BOUND, slow=True)
def antibody_for_a_ratio(b: Bench):
    """The free antibody for a total ratio r is Kss (r - 1)/(1 - r kcplx/kel); r >= kel/kcplx is impossible."""
    p, given = b.p, without(b, "A")
    kss, limit = (p.koff + p.kcplx) / p.kon, p.kel / p.kcplx
    for share in (0.1, 0.9):
        r = 1.0 + share * (limit - 1.0)
        exact = [kss * (r - 1.0) / (1.0 - r / limit), kss * limit * share / (1.0 - share)]
        targets = {"held.total_ratio": r, "held.free_fold": 1.0 - share}
        for (name, target), a in zip(targets.items(), exact, strict=True):
            near = (0.1 * a, 10.0 * a)
            found = qsp.level_for(b.model, "A", observable=name, target=target, changes=given, between=near)
            yield same(f"A for {name} {target:.4g}", float(found), a)
    never = qsp.level_for(b.model, "A", observable="held.total_ratio", target=limit, changes=given)
    yield holds("a total ratio of kel/kcplx is impossible", not never.possible)


@case("antibody_and_ligand", rows=("S0-05", "S0-28", "S0-27"), sets=BOUND)
def infusion_equals_held(b: Bench):
    """Under infusion A, L, C solve the quadratic; holding that free antibody gives the same free ligand and complex."""
    p = b.p
    volume, kss = p.dosed_V, (p.koff + p.kcplx) / p.kon
    for share in (0.05, 0.9, 20.0):
        rate = share * p.ksyn
        sides = rate + p.ksyn + p.kel_A * p.kel * kss / p.kcplx
        bound = 2.0 * rate * p.ksyn / (sides + np.sqrt(sides**2 - 4.0 * rate * p.ksyn)) / p.kcplx
        exact = [(rate - p.kcplx * bound) / p.kel_A, (p.ksyn - p.kcplx * bound) / p.kel, bound]
        end = 60.0 / min(p.kel_A, p.kcplx, p.kel)
        given = f"{rate * volume!r} nmol/day into dosed.A for {2.0 * end!r} day"
        got = b.run([0.0, end], "dosed.A", "dosed.L", "dosed.C", "dosed.total_ratio", regimen=given)
        last = [v[-1] for v in got.values()]
        yield same(f"A, L, C at {share:g} ksyn", last[:3], exact)
        yield same(f"total ratio at {share:g} ksyn", last[3], (exact[1] + exact[2]) * p.kel / p.ksyn)
        rest = b.at_rest({"A": last[0]})
        yield same(f"held at that antibody, {share:g} ksyn", [rest["held.L"], rest["held.C"]], last[1:3])


def dosed(p):
    """The rates of free antibody, free ligand and complex."""

    def rates(_, y):
        net = p.kon * y[0] * y[1] - p.koff * y[2]
        return [-p.kel_A * y[0] - net, p.ksyn - p.kel * y[1] - net, net - p.kcplx * y[2]]

    return rates


@case("antibody_and_ligand", rows=("S0-05", "S0-28"), sets=BOUND)
def after_a_dose(b: Bench):
    """After a dose the free ligand has a nadir and the total a later peak; both and the course match integration."""
    p = b.p
    first = 300.0 * p.ksyn / p.kel
    t = np.concatenate([[0.0, 1e-3, 0.02], np.geomspace(0.1, 60.0, 25)])
    given = f"{first * p.dosed_V!r} nmol into dosed.A"
    got = b.run(t, "dosed.A", "dosed.L", "dosed.C", "dosed.total_ratio", regimen=given)
    exact = integrate(dosed(p), [first, p.ksyn / p.kel, 0.0], t, method="LSODA")
    for i, k in enumerate("ALC"):
        seen = exact[:, i] > 1e-7 * exact[:, i].max()
        yield same(f"{k}(t)", got[f"dosed.{k}"][seen], exact[seen, i], at=t[seen])
    yield same("total ratio(t)", got["dosed.total_ratio"], (exact[:, 1] + exact[:, 2]) * p.kel / p.ksyn, at=t)
    arm = b.experiment([0.0, 100.0], "dosed.L", regimen=given)
    nadir, peak = qsp.extremum(arm, "dosed.free_fold", kind="min"), qsp.extremum(arm, "dosed.total_ratio")
    for found, weights, side in ((nadir, (1.0, 0.0), 1.0), (peak, (1.0, 1.0), -1.0)):
        around = found.at * np.array([0.0, 0.97, 1.0, 1.03])
        fine = integrate(dosed(p), [first, p.ksyn / p.kel, 0.0], around, method="LSODA")[:, 1:] @ np.array(weights)
        yield same("nadir" if side > 0 else "peak", float(found), fine[2] * p.kel / p.ksyn)
        yield holds("it is one", side * fine[[1, 3]] > side * fine[2])
    yield holds("total rises while free falls", float(nadir) < 1.0 < float(peak), nadir.at < peak.at)
    yield holds("below the limit", float(peak) < p.kel / p.kcplx)


@case("antibody_and_ligand", rows=("S0-05", "S0-28"), sets=BOUND)
def mass_balance(b: Bench):
    """Antibody given and ligand made are what is left and what was eliminated."""
    p, end, dose = b.p, 25.0, 300.0
    arm = b.experiment([0.0, end], "dosed.A", "dosed.L", "dosed.C", regimen=f"{dose} nmol into dosed.A")
    last = {k[-1]: v[-1] for k, v in b.run([0.0, end], *[o.id for o in arm.observables], regimen=arm.regimen).items()}
    over = {k: float(qsp.integral(arm, f"dosed.{k}")) for k in "ALC"}
    given = p.dosed_V * (last["A"] + last["C"] + p.kel_A * over["A"] + p.kcplx * over["C"])
    yield same("antibody", given, dose)
    made = last["L"] + last["C"] + p.kel * over["L"] + p.kcplx * over["C"]
    yield same("ligand", made, p.ksyn / p.kel + p.ksyn * end)


# --------------------------------------------------------------------------------------------------------- tolerance
TOLERANT = {
    "typical": {},
    "weak, slow": {"sigma_sat": 0.6, "K_ind": 0.3, "kdeg": 1e-4, "ksyn": 5e-4, "KD": 7.0},
    "late induction": {"sigma_sat": 3.0, "K_ind": 900.0, "KD": 0.05, "kin": 80.0, "kdeg": 0.2, "ksyn": 0.2},
}


def saturable(p, d: float) -> float:
    """Return the steady response relative to the naive maximum, induction saturable."""
    if np.isinf(d):
        return 1.0 / (1.0 + p.sigma_sat)
    return d / (p.KD + d) / (1.0 + p.sigma_sat * d / (p.K_ind + d))


def smallest(p, level: float) -> float | None:
    """Return the smallest D > 0 with D (K + D) = level ((KD + D)(K + D) + s D (KD + D)), or None."""
    s, k, kd = p.sigma_sat, p.K_ind, p.KD
    roots = np.roots([1.0 - level * (1.0 + s), k - level * (k + (1.0 + s) * kd), -level * kd * k])
    real = [r.real for r in roots if abs(r.imag) < 1e-9 * abs(r) and r.real > 0.0]
    return min(real) if real else None


@case("phosphatase_tolerance", rows=("S0-05", "S0-29"), sets=TOLERANT, slow=True)
def ec50_under_both_definitions(b: Bench):
    """EC50 before is KD; with tolerance, of its own maximum and of the naive one, by the quadratics, or impossible."""
    p = b.p
    slope = (1.0 + p.sigma_sat) * p.KD - p.sigma_sat * p.K_ind  # below zero: the curve has a peak
    c = p.KD * p.K_ind
    peak = np.inf if slope >= 0 else (c + np.sqrt(c * c - slope * p.K_ind * c)) / -slope
    top = saturable(p, peak)
    ask = {"changes": without(b, "D")}
    naive = qsp.ec50(b.model, "D", observable="naive.E", **ask)
    yield same("before tolerance", float(naive), p.KD)
    own = qsp.ec50(b.model, "D", observable="tolerant.E", definition="own maximum", **ask)
    yield same("of its own maximum", float(own), smallest(p, 0.5 * top))
    yield holds("which is below the naive one", float(own) < p.KD)
    reference = {**ask["changes"], "sigma_sat": 0.0}
    other = qsp.ec50(b.model, "D", observable="tolerant.E", definition="reference maximum", reference=reference, **ask)
    exact = smallest(p, 0.5)
    yield holds("of the naive maximum it exists or not", other.possible == (exact is not None))
    if exact is not None:
        yield same("of the naive maximum", float(other), exact)
        yield holds("which is above the naive one", float(other) > p.KD)


@case("phosphatase_tolerance", rows=("S0-05", "S0-29"), sets={
      "typical": {"sigma_sat": 0.0, "sigma_out": 0.1}, "weak": {"sigma_sat": 0.0, "sigma_out": 1e-3, "KD": 300.0},
      "strong": {"sigma_sat": 0.0, "sigma_out": 1e5, "KD": 0.02}})  # fmt: skip
def ec50_driven_by_the_output(b: Bench):
    """Output-driven: of its own maximum the EC50 falls from KD towards KD/3; of the naive one it rises, s < 2."""
    p = b.p
    s = p.sigma_out * p.kin * p.kdeg / (p.kp * p.ksyn)
    top = 2.0 / (1.0 + np.sqrt(1.0 + 4.0 * s))  # E (1 + s E) = rho, relative to the naive maximum
    occupancy = 0.5 * top * (1.0 + 0.5 * s * top)
    ask = {"changes": without(b, "D"), "observable": "tolerant.E"}
    own = qsp.ec50(b.model, "D", definition="own maximum", **ask)
    yield same("of its own maximum", float(own), p.KD * occupancy / (1.0 - occupancy))
    yield holds("between KD/3 and KD", p.KD / 3.0 < float(own) < p.KD)
    reference = {**ask["changes"], "sigma_out": 0.0}
    other = qsp.ec50(b.model, "D", definition="reference maximum", reference=reference, **ask)
    needed = 0.5 * (1.0 + 0.5 * s)  # occupancy at which the response is half of the naive maximum
    yield holds("of the naive maximum only for s < 2", other.possible == (needed < 1.0))
    if needed < 1.0:
        yield same("of the naive maximum", float(other), p.KD * needed / (1.0 - needed))


@case("phosphatase_tolerance", rows=("S0-05", "S0-30"), sets=TOLERANT)
def overshoots_and_declines(b: Bench):
    """Under constant drug the response peaks and declines to its steady state; course and peak match integration."""
    p = b.p
    for d in (0.4 * p.KD, 30.0 * p.KD):
        rho, induced = d / (p.KD + d), p.sigma_sat * d / (p.K_ind + d)

        def rates(_, y, rho=rho, induced=induced):
            return [p.kin * rho - p.kp * y[1] * y[0], p.ksyn * (1.0 + induced) - p.kdeg * y[1]]

        start = [0.0, p.ksyn / p.kdeg]
        t = np.append(np.geomspace(1e-2, 10.0, 12) / (p.kp * start[1]), np.geomspace(0.1, 30.0, 12) / p.kdeg)
        t = np.unique(t)
        got = b.run(t, "tolerant.E", "tolerant.P", changes={"D": d})
        exact = integrate(rates, start, t)
        yield same(f"E(t), D {d:g}", got["tolerant.E"], exact[:, 0], at=t)
        yield same(f"P(t), D {d:g}", got["tolerant.P"], exact[:, 1], at=t)
        level = p.kin * rho / (p.kp * start[1]) / (1.0 + induced)
        yield same(f"E at rest, D {d:g}", b.at_rest({"D": d})["tolerant.E"], level)
        arm = b.experiment(np.append(0.0, t), "tolerant.E", changes={"D": d})
        peak = qsp.extremum(arm, "tolerant.E")
        around = integrate(rates, start, peak.at * np.array([0.0, 0.95, 1.0, 1.05]))[:, 0]
        yield same(f"peak, D {d:g}", float(peak), around[2])
        yield holds("it is one, above the steady state", around[2] > around[[1, 3]], float(peak) > level)
        back = qsp.time_to(arm, "tolerant.E", level=0.5 * (float(peak) + level), after=peak.at, direction="down")
        yield holds("it declines after it", float(back) > peak.at)


@case("phosphatase_tolerance", rows=("S0-05", "S0-29", "S0-30"), sets=TOLERANT)
def nothing_is_lost_without_induction(b: Bench):
    """The naive signal rises to Emax D/(KD + D) as 1 - exp(-kp P0 t); with all strengths at zero so does the other."""
    p = b.p
    loss = p.kp * p.ksyn / p.kdeg
    t = np.linspace(0.0, 8.0, 9) / loss
    exact = p.kin / loss * 0.75 * -np.expm1(-loss * t)
    got = b.run(t, "naive.E", "tolerant.E", "lost", changes={"D": 3.0 * p.KD, "sigma_sat": 0.0})
    yield same("naive", got["naive.E"], exact, at=t)
    yield same("without induction", got["tolerant.E"], exact, at=t)
    rest = b.at_rest({"D": 3.0 * p.KD})
    kept = 1.0 / (1.0 + p.sigma_sat * 3.0 * p.KD / (p.K_ind + 3.0 * p.KD))
    yield same("lost, with induction", rest["lost"], p.kin / loss * 0.75 * (1.0 - kept))


# ----------------------------------------------------------------------------------------------------------- cascade
CASCADES = {
    "typical": {},
    "hardly any feedback": {"KF": 1e7, "kR": 0.02, "dC": 3.0, "KI": 90.0},
    "strong feedback": {"KF": 1e-4, "kA": 40.0, "kB": 9.0, "dR": 5.0, "KI": 0.02},
}


def tiers(p, inhibited: float, kf: float) -> np.ndarray:
    """Return R*, A*, B*, C* at rest; ``inhibited`` is 1 + I/KI."""
    gain = p.kR * p.kA * p.kB * p.kC / (p.dR * p.dA * p.dB * p.dC * inhibited)
    c = 2.0 * gain / (1.0 + np.sqrt(1.0 + 4.0 * gain / kf))
    r = p.kR / p.dR / (1.0 + c / kf)
    return np.array([r, r * p.kA / p.dA, r * p.kA * p.kB / (p.dA * p.dB), c])


STARS = ("R_star", "A_star", "B_star", "C_star")


@case("cascade_inhibitor", rows=("S0-05", "S0-32", "S0-31"), sets=CASCADES)
def steady_states_under_inhibitor(b: Bench):
    """C* = (KF/2)(-1 + sqrt(1 + 4G/(KF(1+I/KI)))) falls less than without feedback; R*, A*, B* rise alike."""
    p = b.p
    before = tiers(p, 1.0, p.KF)
    start = b.start()
    yield same("before", [start[f"closed.{k}"] for k in STARS], before)
    for factor in (0.1, 1.0, 200.0):
        inhibited = 1.0 + factor
        exact, chain = tiers(p, inhibited, p.KF), tiers(p, inhibited, np.inf)
        rest = b.at_rest({"I": factor * p.KI})
        got = np.array([rest[f"closed.{k}"] for k in STARS])
        yield same(f"with feedback, I = {factor:g} KI", got, exact)
        yield same(f"without, I = {factor:g} KI", [rest[f"open.{k}"] for k in STARS], chain)
        ratios = [rest[k] for k in ("R_rel_closed", "A_rel_closed", "B_rel_closed", "C_rel_closed")]
        yield same(f"relative to before, I = {factor:g} KI", ratios, exact / before)
        yield same(f"C relative, without, I = {factor:g} KI", rest["C_rel_open"], 1.0 / inhibited)
        yield holds("output down, less than without feedback", rest["C_rel_open"] < rest["C_rel_closed"] < 1.0)
        yield holds("above up", np.array(ratios[:3]) > 1.0)


@case("cascade_inhibitor", rows=("S0-05", "S0-32"), sets=CASCADES, slow=True)
def inhibitor_for_an_output(b: Bench):
    """I for an output C is KI (G/(C(1 + C/KF)) - 1); an output above that before is impossible."""
    p = b.p
    gain = p.kR * p.kA * p.kB * p.kC / (p.dR * p.dA * p.dB * p.dC)
    before, given = tiers(p, 1.0, p.KF)[3], without(b, "I")
    for share in (0.9, 0.05):
        c = share * before
        exact = [p.KI * (gain / (c * (1.0 + c / p.KF)) - 1.0), p.KI * (1.0 / share - 1.0)]
        yield holds("less without feedback", exact[1] < exact[0])
        for (name, target), i in zip({"closed.C_star": c, "C_rel_open": share}.items(), exact, strict=True):
            near = (0.1 * i, 10.0 * i)
            found = qsp.level_for(b.model, "I", observable=name, target=target, changes=given, between=near)
            yield same(f"I for {name} {target:.3g}", float(found), i)
    never = qsp.level_for(b.model, "I", observable="closed.C_star", target=1.01 * before, changes=given)
    yield holds("more output than before is impossible", not never.possible)


@case("cascade_inhibitor", rows=("S0-05", "S0-32"), sets=CASCADES)
def course_under_inhibitor(b: Bench):
    """The course after the inhibitor is added, with and without feedback, is what integration gives."""
    p, t = b.p, np.array([0.0, 0.2, 1.0, 3.0, 7.0, 15.0, 40.0, 90.0])
    for kf, part in ((p.KF, "closed"), (np.inf, "open")):

        def rates(_, y, kf=kf):
            return [
                p.kR / (1.0 + y[3] / kf) - p.dR * y[0],
                p.kA * y[0] - p.dA * y[1],
                p.kB * y[1] - p.dB * y[2],
                p.kC / 6.0 * y[2] - p.dC * y[3],
            ]

        got = b.run(t, *(f"{part}.{k}" for k in STARS), changes={"I": 5.0 * p.KI})
        exact = integrate(rates, tiers(p, 1.0, kf), t)
        for k, name in enumerate(STARS):
            yield same(f"{name}(t), {part}", got[f"{part}.{name}"], exact[:, k], at=t)
    arm = b.experiment([0.0, 90.0], "C_rel_closed", changes={"I": 5.0 * p.KI})
    lowest = qsp.extremum(arm, "C_rel_closed", kind="min")
    rest = b.at_rest({"I": 5.0 * p.KI})["C_rel_closed"]
    yield holds("never below where it ends without feedback", float(lowest) > 1.0 / 6.0 * (1.0 - 1e-9))
    yield holds("at or below where it settles", float(lowest) < rest * (1.0 + 1e-6))


@case("cascade_inhibitor", rows=("S0-05", "S0-31"), sets=CASCADES)
def open_loop(b: Bench):
    """Without feedback C* = G = product of the gains times the receptor; both loops agree when KF is huge."""
    p = b.p
    start = b.start()
    gains = [start[f"open.gain_{k}"] for k in "ABC"]
    yield same("gains", gains, [p.kA / p.dA, p.kB / p.dB, p.kC / p.dC])
    yield same("G", start["open.C_star"], p.kR / p.dR * np.prod(gains))
    wide = b.at_rest({"KF": 1e15, "I": 2.0 * p.KI})
    yield same("both loops", [wide[f"closed.{k}"] for k in STARS], [wide[f"open.{k}"] for k in STARS])
