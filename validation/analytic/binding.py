"""Binding to a constant amount of target: mass action, kinetics, depletion, two arms and ternary complexes."""

from __future__ import annotations

import numpy as np

import sbmlqsp as qsp
from validation.cases import Bench, case, holds, model_of, same
from validation.reference import integrate

EQUILIBRIUM = {"typical": {}, "tight": {"Kd": 1e-4, "Ttot": 300.0}, "loose": {"Kd": 7e4, "Ttot": 1e-3}}
KINETICS = {
    "typical": {"D": 3.0},
    "fast": {"D": 40.0, "kon": 250.0, "koff": 1200.0, "Ttot": 80.0, "occupancy_0": 0.9},
    "slow": {"D": 0.02, "kon": 0.04, "koff": 2e-4, "Ttot": 1e-3, "occupancy_0": 0.25},
}
DEPLETED = {
    "typical": {"Dtot": 4.0},
    "titration": {"Dtot": 9.0, "Ttot": 11.0, "kon": 40.0, "koff": 0.002},
    "excess of drug": {"Dtot": 5e3, "Ttot": 0.3, "kon": 0.02, "koff": 9.0},
    "excess of target": {"Dtot": 0.01, "Ttot": 60.0, "kon": 3.0, "koff": 0.5},
}


def with_drug(b: Bench, **drug: float) -> Bench:
    """Return the bench of the model driven by an exponentially decaying drug."""
    parts = {"drug": model_of("decaying_drug"), "target": b.model}
    model = qsp.compose("driven", parts, connect={"target.D": "drug.D"})
    changes = {f"target.{k}": v for k, v in b.changes.items() if k != "D"}
    return Bench(model, changes | {f"drug.{k}": v for k, v in drug.items()})


# ------------------------------------------------------------------------------------------------------------ the drug
@case(
    "decaying_drug",
    rows="S0-13",
    sets={"typical": {}, "fast": {"D0": 5e3, "kel": 60.0}, "slow": {"D0": 1e-3, "kel": 1e-4}, "held": {"kel": 0.0}},
)
def falls_exponentially(b: Bench):
    """D = D0 exp(-kel t), and doses add to it."""
    t = np.linspace(0.0, 10.0, 21) / (b.p.kel or 1.0)
    got = b.run(t, "D", "drug")
    yield same("D(t)", got["D"], b.p.D0 * np.exp(-b.p.kel * t), at=t)
    yield same("the species", got["drug"], got["D"])
    dosed = b.run(t, "D", regimen="4 nmol into drug", changes={"site": 2.0})["D"]
    yield same("D(t) after a dose into 2 L", dosed, (b.p.D0 + 2.0) * np.exp(-b.p.kel * t), at=t)


# --------------------------------------------------------------------------------------------------- rapid equilibrium
@case("rapid_equilibrium_binding", rows=("S2-13", "S0-13"), sets=EQUILIBRIUM)
def obeys_mass_action(b: Bench):
    """Occupancy D/(Kd + D): none without drug, half at Kd, all in the limit; the rest is free."""
    for d in b.p.Kd * np.array([0.0, 1e-4, 0.3, 1.0, 9.0, 1e6]):
        got = b.start({"D": d})
        yield same(f"occupancy at {d:.3g}", got["occupancy"], d / (b.p.Kd + d))
        yield same(f"free fraction at {d:.3g}", got["free_fraction"], 1.0 / (1.0 + d / b.p.Kd))
        yield same(f"complex at {d:.3g}", got["C"], b.p.Ttot * d / (b.p.Kd + d))
        yield same(f"free target at {d:.3g}", got["T"], b.p.Ttot / (1.0 + d / b.p.Kd))
    yield same("occupancy at Kd", b.start({"D": b.p.Kd})["occupancy"], 0.5)


@case("rapid_equilibrium_binding", rows=("S0-13", "S0-15"), sets=EQUILIBRIUM)
def recovers_with_the_drug(b: Bench):
    """Driven by D0 exp(-kel t), half of the target is free again at ln(D0/Kd)/kel; from the start where D0 <= Kd."""
    for ratio, kel in ((300.0, 0.04), (1.7, 9.0)):
        whole = with_drug(b, D0=ratio * b.p.Kd, kel=kel)
        half = np.log(ratio) / kel
        t = np.array([0.0, 0.5 * half, half, 4.0 * half])
        got = whole.run(t, "target.free_fraction")["target.free_fraction"]
        yield same(f"free fraction, D0 = {ratio:g} Kd", got, 1.0 / (1.0 + ratio * np.exp(-kel * t)), at=t)
        yield same("the time to half of it, found", _half_free(whole, half), half)
    for ratio in (1.0, 0.2):
        whole = with_drug(b, D0=ratio * b.p.Kd)
        start = whole.run([0.0], "target.free_fraction")["target.free_fraction"][0]
        yield holds(f"half is free from the start at D0 = {ratio:g} Kd", start >= 0.5 - 1e-12)


# ---------------------------------------------------------------------------------------------------- kinetics, excess
@case("reversible_binding", rows=("S0-16", "S2-13"), sets=KINETICS)
def approaches_equilibrium_with_kobs(b: Bench):
    """At constant D, occupancy goes to D/(Kd + D) as exp(-kobs t) with kobs = kon D + koff; T + C stays."""
    rate, equal = b.p.kon * b.p.D + b.p.koff, b.p.D / (b.p.koff / b.p.kon + b.p.D)
    t = np.append(np.linspace(0.0, 12.0, 25), np.log(2.0)) / rate
    t.sort()
    exact = equal + (b.p.occupancy_0 - equal) * np.exp(-rate * t)
    got = b.run(t, "occupancy", "T", "C", "free_fraction", "T + C", "kobs", "occupancy_eq", "Kd", "tau")
    yield same("occupancy(t)", got["occupancy"], exact, at=t)
    yield same("T(t)", got["T"], b.p.Ttot * (1.0 - exact), at=t)
    yield same("free fraction(t)", got["free_fraction"], 1.0 - exact, at=t)
    yield same("T + C", got["T + C"], b.p.Ttot)
    yield same("kobs", got["kobs"], rate)
    yield same("Kd", got["Kd"], b.p.koff / b.p.kon)
    yield same("tau", got["tau"], 1.0 / b.p.koff)
    yield same("equilibrium", got["occupancy_eq"], equal)
    yield same("occupancy at rest", b.at_rest()["occupancy"], equal)


@case("reversible_binding", rows="S0-16", sets=KINETICS)
def same_kd_different_kinetics(b: Bench):
    """Both rate constants times q: the same equilibrium, reached q times as fast, along the same curve."""
    t = np.linspace(0.0, 6.0, 13) / (b.p.kon * b.p.D + b.p.koff)
    mine = b.run(t, "occupancy")["occupancy"]
    for q in (0.01, 25.0):
        scaled = {"kon": q * b.p.kon, "koff": q * b.p.koff}
        yield same(f"occupancy(t/q), q = {q:g}", b.run(t / q, "occupancy", changes=scaled)["occupancy"], mine, at=t)
        yield same(f"at rest, q = {q:g}", b.at_rest(scaled)["occupancy"], b.at_rest()["occupancy"])


@case("reversible_binding", rows=("S0-16", "S0-17"), sets=KINETICS)
def washes_out_with_koff(b: Bench):
    """Without drug the complex goes as exp(-koff t): a mean stay of 1/koff."""
    t = np.linspace(0.0, 5.0, 11) / b.p.koff
    got = b.run(t, "C", changes={"D": 0.0, "occupancy_0": 0.6})["C"]
    yield same("C(t)", got, 0.6 * b.p.Ttot * np.exp(-b.p.koff * t), at=t)


def _driven(b: Bench, d0: float, kel: float, t: np.ndarray) -> np.ndarray:
    """Return the occupancy under a decaying drug by direct integration."""
    p = b.p
    rates = lambda s, y: [p.kon * d0 * np.exp(-kel * s) * (1.0 - y[0]) - p.koff * y[0]]  # noqa: E731
    return integrate(rates, [p.occupancy_0], t)[:, 0]


@case("reversible_binding", rows=("S0-13", "S0-19"), sets=KINETICS)
def follows_a_decaying_drug(b: Bench):
    """Driven by D0 exp(-kel t), occupancy is what direct integration gives."""
    for ratio, speed in ((20.0, 0.1), (0.5, 3.0)):
        d0, kel = ratio * b.p.koff / b.p.kon, speed * b.p.koff
        t = np.linspace(0.0, 8.0, 33) / min(kel, b.p.koff)
        got = with_drug(b, D0=d0, kel=kel).run(t, "target.occupancy")["target.occupancy"]
        yield same(f"occupancy, D0 = {ratio:g} Kd", got, _driven(b, d0, kel, t), at=t)


def _half_free(whole: Bench, near: float) -> float:
    """Return when half of the target is free again."""
    arm = whole.experiment([0.0, 4.0 * near], "target.free_fraction")
    return float(qsp.time_to(arm, "target.free_fraction", level=0.5, direction="up"))


@case(
    "reversible_binding",
    rows=("S0-13", "S0-15"),
    sets={"typical": {}, "tight": {"kon": 2.0, "koff": 0.004}, "loose": {"kon": 0.05, "koff": 40.0}},
)
def recovers_like_rapid_equilibrium_when_fast(b: Bench):
    """With fast binding, half is free again at ln(D0/Kd)/kel; slower binding is later, by 1/(2 koff) to first order."""
    ratio, kel = 50.0, 0.2
    ideal = np.log(ratio) / kel
    late = []
    for speed in (1e3, 1e4):
        koff = speed * kel
        changes = {"koff": koff, "kon": koff * b.p.kon / b.p.koff, "occupancy_0": ratio / (1.0 + ratio)}
        fast = Bench(b.model, changes)
        late.append(_half_free(with_drug(fast, D0=ratio * b.p.koff / b.p.kon, kel=kel), ideal) - ideal)
        yield holds(f"recovery is later at koff = {speed:g} kel", 0.0 < late[-1] < 1.0 / koff)
        # To first order in kel/koff the target lags by 1/kobs, and kobs = 2 koff where half is free.
        yield holds(f"the lag at koff = {speed:g} kel", abs(2.0 * koff * late[-1] - 1.0) < 10.0 / speed + 1e-3)
    yield holds("ten times as fast, a tenth as late", 8.0 < late[0] / late[1] < 12.0)


@case(
    "reversible_binding",
    rows="S0-19",
    sets={"typical": {}, "tight": {"kon": 2.0, "koff": 0.04}, "loose": {"kon": 0.05, "koff": 2.0}},
)
def slow_release_outlasts_the_drug(b: Bench):
    """Of two drugs with one Kd and one concentration curve, the slower has the lower peak, later, and stays longer."""
    kd, kel = b.p.koff / b.p.kon, 1.0
    t = np.linspace(0.0, 12.0, 241)
    curves = []
    for koff in (3.0, 0.1):
        changes = {"koff": koff, "kon": koff / kd}
        curves.append(with_drug(Bench(b.model, changes), D0=10.0 * kd, kel=kel).run(t, "target.occupancy"))
        exact = _driven(Bench(b.model, changes), 10.0 * kd, kel, t)
        yield same(f"occupancy(t), koff {koff}", curves[-1]["target.occupancy"], exact, at=t)
    quick, slow = (c["target.occupancy"] for c in curves)
    yield holds("lower and later peak", slow.max() < quick.max(), slow.argmax() > quick.argmax())
    yield holds("less at first, more at last", slow[1] < quick[1], slow[t > 8.0] > quick[t > 8.0])


# ----------------------------------------------------------------------------------------------------------- depletion
def _roots(b: Bench) -> tuple[float, float]:
    """Return the smaller and larger root of C^2 - (D + T + Kd) C + D T = 0."""
    half = 0.5 * (b.p.Dtot + b.p.Ttot + b.p.koff / b.p.kon)
    larger = half + np.sqrt(half**2 - b.p.Dtot * b.p.Ttot)
    return b.p.Dtot * b.p.Ttot / larger, larger


@case("reversible_binding_depletion", rows="S2-13", sets=DEPLETED)
def runs_its_logistic_course(b: Bench):
    """C = C1 (1 - E)/(1 - C1/C2 E) with E = exp(-kon (C2 - C1) t), C1 and C2 the roots of the quadratic."""
    small, large = _roots(b)
    t = np.linspace(0.0, 12.0, 25) / (b.p.kon * (large - small))
    e = np.exp(-b.p.kon * (large - small) * t)
    exact = small * -np.expm1(-b.p.kon * (large - small) * t) / (1.0 - small / large * e)
    got = b.run(t, "C", "D", "T")
    yield same("C(t)", got["C"], exact, at=t)
    yield same("D(t)", got["D"], b.p.Dtot - exact, at=t)
    yield same("T(t)", got["T"], b.p.Ttot - exact, at=t)


@case("reversible_binding_depletion", rows="S2-13", sets=DEPLETED)
def comes_to_the_quadratic(b: Bench):
    """At rest C is Morrison's root, which the model also gives at every moment; dosed drug counts as well."""
    small, _ = _roots(b)
    rest = b.at_rest()
    yield same("C at rest", rest["C"], small)
    yield same("occupancy at rest", rest["occupancy"], small / b.p.Ttot)
    got = b.run([0.0, 0.1, 1.0], "C_eq", "occupancy_eq")
    yield same("C_eq", got["C_eq"], small)
    yield same("occupancy_eq", got["occupancy_eq"], small / b.p.Ttot)
    dosed = {"Dtot": 0.0, "site": 2.5}
    given = b.run([0.0], "C_eq", changes=dosed, regimen=f"{2.5 * b.p.Dtot!r} nmol into D")["C_eq"]
    yield same("C_eq of a dose", given, small)
    none = b.start({"Dtot": 0.0})
    yield same("no drug, nothing bound", [none["C_eq"], none["occupancy_eq"]], [0.0, 0.0])


@case("reversible_binding_depletion", rows="S2-13", sets=DEPLETED)
def keeps_drug_and_target(b: Bench):
    """Nothing is lost: D + C and T + C stay, and at rest D T = Kd C."""
    got = b.run(np.geomspace(1e-3, 1e3, 13), "D_total", "T_total", "Kd")
    yield same("drug", got["D_total"], b.p.Dtot)
    yield same("target", got["T_total"], b.p.Ttot)
    rest = b.at_rest()
    yield same("D T / C", rest["D"] * rest["T"] / rest["C"], b.p.koff / b.p.kon)


@case("reversible_binding_depletion", rows="S2-13", sets={"typical": {"Ttot": 1e-9, "Dtot": 3.0}})
def needs_no_quadratic_in_excess(b: Bench):
    """With very little target D/(Kd + D) holds; with much it claims too much, by far where all drug is bound."""
    few = b.start()
    yield same("little target", few["occupancy_eq"], 3.0 / (1.0 + 3.0))
    yield same("the rule", few["occupancy_excess"], 3.0 / (1.0 + 3.0))
    many = b.start({"Ttot": 100.0})
    yield holds("much target: the rule is wrong", many["occupancy_eq"] < 0.03 < 0.7 < many["occupancy_excess"])


@case("reversible_binding_depletion", rows="S4-08", sets=DEPLETED)
def dose_for_an_occupancy(b: Bench):
    """The dose V (Kd theta/(1 - theta) + theta Ttot) brings occupancy to theta; without the target's share, less."""
    kd, volume = b.p.koff / b.p.kon, 3.1
    for theta in (0.1, 0.5, 0.95):
        free = kd * theta / (1.0 - theta)
        dose = volume * (free + theta * b.p.Ttot)
        late = 60.0 / (b.p.kon * np.sqrt(kd**2 + 4.0 * kd * b.p.Ttot) * 0.5)
        run = {"changes": {"Dtot": 0.0, "site": volume}, "regimen": f"{dose!r} nmol into D"}
        got = b.run([0.0, late], "occupancy_eq", "occupancy", "D", **run)
        yield same(f"predicted, theta {theta}", got["occupancy_eq"], theta)
        yield same(f"reached, theta {theta}", got["occupancy"][-1], theta)
        yield same(f"free drug, theta {theta}", got["D"][-1], free)
        unit = b.experiment([0.0, late], "D", changes=run["changes"], regimen="1 nmol into D")
        yield same(f"dose found, theta {theta}", float(qsp.dose_for(unit, "occupancy_eq", target=theta)), dose)
        less = b.run([0.0], "occupancy_eq", changes=run["changes"], regimen=f"{volume * free!r} nmol into D")
        yield holds("a dose that ignores the target falls short", less["occupancy_eq"] < theta)
