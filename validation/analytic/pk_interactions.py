"""Drug interactions: reversible and mechanism-based inhibition, induction, their net effect, and their time course."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from types import SimpleNamespace

import numpy as np
from numpy.typing import NDArray

import sbmlqsp as qsp
from validation.analytic.pk_tools import area, joined, levels, times_to
from validation.cases import Bench, case, holds, model_of, same
from validation.reference import integrate

Array = NDArray[np.float64]

REVERSIBLE = {"typical": {}, "all by one route": {"fm": 1.0, "Ki": 1e-3}, "weak": {"fm": 0.15, "Ki": 40.0, "CL0": 60.0}}
MBI = {
    "typical": {},
    "fast turnover": {"kdeg": 1.5, "kinact": 20.0, "KI": 0.01, "E0": 3.0},
    "slow turnover": {"kdeg": 5e-4, "kinact": 0.02, "KI": 30.0},
}
INDUCED = {
    "typical": {},
    "fast turnover": {"kdeg": 2.0, "Emax": 30.0, "EC50": 0.004, "d": 0.4, "E0": 3.0},
    "slow turnover": {"kdeg": 1e-3, "Emax": 0.7, "EC50": 20.0, "d": 2.0},
}
NET = {
    "typical": {},
    "strong inactivation": {"fm": 0.98, "Fg": 0.14, "kinact": 12.0, "KI": 0.2, "Emax": 0.0, "Ki": 3.0},
    "strong induction": {"fm": 0.93, "Fg": 0.6, "kinact": 0.0, "Emax": 25.0, "EC50": 0.05, "d": 0.6, "Ki": 1e4},
    "reversible only": {"fm": 0.5, "Fg": 0.9, "kinact": 0.0, "Emax": 0.0, "Ki": 0.02},
}
LEVELS = (0.0, 1e-3, 0.3, 2.0, 75.0)


def remaining(i: float, *, fm: float, ki: float) -> float:
    """Return the share of a clearance that remains under reversible inhibition."""
    return (1.0 - fm) + fm * ki / (ki + i)


def factors(i: float, kdeg: float, p: SimpleNamespace) -> tuple[float, float, float]:
    """Return what inactivation, induction and reversible inhibition each multiply an enzyme's activity by."""
    lost = p.kinact * i / (p.KI + i)
    return kdeg / (kdeg + lost), 1.0 + p.d * p.Emax * i / (p.EC50 + i), p.Ki / (p.Ki + i)


@case("clearance_inhibition", rows=("S1-39", "S2-27"), sets=REVERSIBLE)
def inhibits_a_fraction_of_the_clearance(b: Bench):
    """CL = CL0 (fm/(1 + I/Ki) + 1 - fm): CL0 without inhibitor, CL0 (1 - fm/2) at Ki, CL0 (1 - fm) at most."""
    p = b.p
    for i in LEVELS:
        got = b.start({"I": i})
        share = remaining(i, fm=p.fm, ki=p.Ki)
        yield same(f"at I = {i}", [got["CL"], got["CL_ratio"], got["AUCR"]], [p.CL0 * share, share, 1.0 / share])
    yield same("half inhibited at Ki", b.start({"I": p.Ki})["CL"], p.CL0 * (1.0 - p.fm / 2.0))
    if p.fm < 1.0:
        yield same("at most", b.start({"I": 1e12 * p.Ki})["AUCR"], 1.0 / (1.0 - p.fm))
    yield same("fm = 0", b.start({"I": 5.0, "fm": 0.0})["CL"], p.CL0)


@case("clearance_inhibition", rows=("S1-39", "S2-03"), sets=REVERSIBLE)
def raises_the_exposure_of_an_oral_victim(b: Bench):
    """At constant I the AUC of an oral victim rises by exactly AUCR = 1/(fm/(1 + I/Ki) + 1 - fm)."""
    p = b.p
    areas = {}
    for i in (0.0, 2.0 * p.Ki):
        whole = joined("victim", effect_fm=p.fm, effect_Ki=p.Ki, effect_CL0=p.CL0, effect_I=i)
        share = remaining(i, fm=p.fm, ki=p.Ki)
        edges = levels(times_to(p.CL0 * share / 34.0))
        areas[i] = area(whole, "pk.C", edges, regimen="10 mg into absorption.depot")
        yield same(f"AUC at I = {i}", areas[i], 10.0 / (p.CL0 * share))
    yield same("ratio of AUC", areas[2.0 * p.Ki] / areas[0.0], b.start({"I": 2.0 * p.Ki})["AUCR"])


@case("mechanism_based_inhibition", rows="S1-39", sets=MBI)
def enzyme_falls_and_returns(b: Bench):
    """At constant I: E goes to E0 kdeg/(kdeg + kobs) as exp(-(kdeg + kobs) t); then it returns as exp(-kdeg t)."""
    p = b.p
    for i in LEVELS:
        kobs = p.kinact * i / (p.KI + i)
        approach = p.kdeg + kobs
        rest = p.E0 * p.kdeg / approach
        t = np.linspace(0.0, 12.0, 25) / approach
        got = b.run(t, "E", "E_ratio", "kobs", "k_approach", changes={"I": i})
        exact = rest + (p.E0 - rest) * np.exp(-approach * t)
        yield same(f"E at I = {i}", got["E"], exact, at=t)
        yield same("relative", got["E_ratio"], exact / p.E0)
        yield same("kobs", got["kobs"], kobs)
        yield same("approach", got["k_approach"], approach)
        yield same("at rest", b.at_rest({"I": i})["E"], rest)
    t = np.linspace(0.0, 6.0, 13) / p.kdeg
    back = b.run(t, "E", changes={"E": 0.07 * p.E0})["E"]
    yield same("recovery", back, p.E0 * (1.0 - 0.93 * np.exp(-p.kdeg * t)), at=t)
    yield same("half of the loss is back in ln 2/kdeg", back[0] + (p.E0 - back[0]) / 2.0,
               b.run([0.0, np.log(2.0) / p.kdeg], "E", changes={"E": 0.07 * p.E0})["E"][1])  # fmt: skip


def driven(b: Bench, port: str, rates: Callable[[SimpleNamespace, float, float], float]):
    """Compare an enzyme under a perpetrator that is given as a bolus and infused with the trusted solution."""
    whole = qsp.compose("whole", {"drug": model_of("one_compartment"), "enzyme": b.model}, connect={port: "drug.C"})
    bench = Bench(whole, {f"enzyme.{k}": v for k, v in b.changes.items()})
    k, end = 2.7 / 34.0, 20.0
    t = np.union1d(np.linspace(0.0, 100.0, 26), [end])

    def drug(time: float) -> float:
        infused = 6.0 / 2.7 * -np.expm1(-k * min(time, end)) * np.exp(-k * max(time - end, 0.0))
        return float(80.0 / 34.0 * np.exp(-k * time) + infused)

    found = integrate(lambda s, y: [rates(b.p, drug(s), y[0])], [b.p.E0], t, cuts=[end])[:, 0]
    regimen = f"80 mg into drug.central; 6 mg/h into drug.central for {end} h"
    return same("E", bench.run(t, "enzyme.E", regimen=regimen)["enzyme.E"], found, at=t)


@case("mechanism_based_inhibition", rows=("S1-39", "S2-27"), sets=MBI)
def enzyme_follows_a_dosed_inhibitor(b: Bench):
    """With an inhibitor that comes and goes, the trusted solution."""
    yield driven(b, "enzyme.I", lambda p, c, e: p.kdeg * (p.E0 - e) - p.kinact * c * e / (p.KI + c))


@case("enzyme_induction", rows="S1-39", sets=INDUCED)
def enzyme_rises_with_its_turnover(b: Bench):
    """E goes to E0 (1 + d Emax Ind/(EC50 + Ind)) as exp(-kdeg t), whatever the inducer; it returns in the same way."""
    p = b.p
    t = np.linspace(0.0, 10.0, 21) / p.kdeg
    for i in LEVELS:
        fold = 1.0 + p.d * p.Emax * i / (p.EC50 + i)
        got = b.run(t, "E", "E_ratio", "synthesis_fold", changes={"Ind": i})
        exact = p.E0 * (fold - (fold - 1.0) * np.exp(-p.kdeg * t))
        yield same(f"E at {i}", got["E"], exact, at=t)
        yield same("relative", got["E_ratio"], exact / p.E0)
        yield same("synthesis", got["synthesis_fold"], fold)
        yield same("at rest", b.at_rest({"Ind": i})["E"], p.E0 * fold)
    back = b.run(t, "E", changes={"E": 4.0 * p.E0})["E"]
    yield same("return", back, p.E0 * (1.0 + 3.0 * np.exp(-p.kdeg * t)), at=t)
    yield driven(b, "enzyme.Ind", lambda p, c, e: p.kdeg * (p.E0 * (1.0 + p.d * p.Emax * c / (p.EC50 + c)) - e))


@case("interaction_net_effect", rows="S1-39", sets=NET)
def net_effect_of_three_mechanisms_in_two_organs(b: Bench):
    """AUCR = 1/(Ag Bg Cg (1 - Fg) + Fg) · 1/(Ah Bh Ch fm + 1 - fm), for every pair of concentrations."""
    p = b.p
    for gut, liver in product((0.0, 0.4, 60.0), (0.0, 0.05, 3.0)):
        got = b.start({"I_g": gut, "I_h": liver})
        g, h = factors(gut, p.kdeg_g, p), factors(liver, p.kdeg_h, p)
        in_gut = 1.0 / (np.prod(g) * (1.0 - p.Fg) + p.Fg)
        in_liver = 1.0 / (np.prod(h) * p.fm + 1.0 - p.fm)
        yield same(f"gut {gut}, liver {liver}", [got[f"{x}_g"] for x in "ABC"] + [got[f"{x}_h"] for x in "ABC"], g + h)
        yield same("AUCR", [got["AUCR_gut"], got["AUCR_liver"], got["AUCR"]], [in_gut, in_liver, in_gut * in_liver])
    yield same("no perpetrator", b.start()["AUCR"], 1.0)
    most = b.start({"I_g": 1e12, "I_h": 1e12, "Emax": 0.0})["AUCR"]
    yield same("complete inhibition", most, 1.0 / (p.Fg * (1.0 - p.fm)))
    only = b.start({"I_g": 5.0, "I_h": 0.5, "Fg": 1.0})
    yield same("no first pass in the gut", only["AUCR"], only["AUCR_liver"])


@case("dynamic_interaction", rows="S1-39", sets={k: {n: v for n, v in s.items() if n != "Fg"} for k, s in NET.items()})
def settles_at_the_static_net_effect(b: Bench):
    """At a steady perpetrator the enzyme settles at A B, and the victim's AUC ratio is the static net effect."""
    p = b.p
    static = Bench(model_of("interaction_net_effect"), {**b.changes, "kdeg_h": p.kdeg})
    for i in (0.0, 0.05, 3.0):
        a, induced, c = factors(i, p.kdeg, p)
        rest = b.at_rest({"I": i, "Ind": i})
        ratio = p.fm * a * induced * c + 1.0 - p.fm
        yield same(f"E at {i}", rest["E"], a * induced)
        yield same("CL", [rest["CL"], rest["CL_ratio"]], [p.CL0 * ratio, ratio])
        yield same("static net effect", 1.0 / rest["CL_ratio"], static.start({"I_h": i})["AUCR_liver"])
        whole = joined("enzyme", **{f"effect_{k}": v for k, v in b.changes.items()}, effect_I=i, effect_Ind=i)
        # A victim given when the enzyme has settled.
        settled = {"effect.E": float(rest["E"])}
        end = times_to(p.CL0 * ratio / 34.0)
        auc = area(whole, "pk.C", levels(end), regimen="10 mg into pk.central", changes=settled)
        yield same("AUC of the victim", auc, 10.0 / (p.CL0 * ratio))


@case("dynamic_interaction", rows=("S1-39", "S2-27"), sets={**MBI, "induced": {"Emax": 20.0, "E0": 2.0, "fm": 0.4}})
def changes_a_clearance_over_time(b: Bench):
    """From the first exposure the enzyme moves as exp(-(kdeg + kobs) t); I and Ind may be different drugs."""
    p = b.p
    for i, inducer in ((0.0, 2.0), (2.0, 0.0), (0.7, 0.09)):
        approach = p.kdeg + p.kinact * i / (p.KI + i)
        made = 1.0 + p.d * p.Emax * inducer / (p.EC50 + inducer)
        rest = p.kdeg * made / approach
        t = np.linspace(0.0, 8.0, 17) / approach
        level = rest + (1.0 - rest) * np.exp(-approach * t)
        got = b.run(t, "E", "E_ratio", "CL", changes={"I": i, "Ind": inducer})
        yield same(f"E at {i}, {inducer}", got["E_ratio"], level, at=t)
        yield same("level", got["E"], p.E0 * level, at=t)
        yield same("CL", got["CL"], p.CL0 * (1.0 - p.fm + p.fm * level * p.Ki / (p.Ki + i)), at=t)
    off = b.run([0.0, 5.0], "CL", changes={"I": 2.0, "kinact": 0.0, "Emax": 0.0})["CL"]
    yield same("reversible only", off, p.CL0 * remaining(2.0, fm=p.fm, ki=p.Ki))


SCALED = {
    "typical": {},
    "mouse": {"W_animal": 0.02, "CL_animal": 0.04, "V_animal": 0.03, "D_animal": 0.05, "W_human": 83.0},
    "other exponents": {"b_CL": 0.62, "b_V": 1.08, "W_animal": 11.0, "CL_animal": 7.0, "V_animal": 9.0},
    "child from adult": {"W_animal": 70.0, "W_human": 12.0, "CL_animal": 5.0, "V_animal": 40.0, "D_animal": 300.0},
}


@case("allometric_scaling", rows="S1-38", sets=SCALED)
def scales_to_a_human(b: Bench):
    """CL goes with W^b_CL, V with W^b_V, the half-life with W^(b_V - b_CL); HED keeps AUC = D/CL equal."""
    p = b.p
    got, r = b.start(), p.W_human / p.W_animal
    cl, v = p.CL_animal * r**p.b_CL, p.V_animal * r**p.b_V
    yield same("CL, V", [got["CL_human"], got["V_human"]], [cl, v])
    yield same("half-life", got["t_half_human"], np.log(2.0) * p.V_animal / p.CL_animal * r ** (p.b_V - p.b_CL))
    per_kg = p.D_animal / p.W_animal * r ** (p.b_CL - 1.0)
    yield same("HED", [got["HED"], got["D_human"]], [per_kg, per_kg * p.W_human])
    yield same("no scaling to itself", b.start({"W_human": p.W_animal})["CL_human"], p.CL_animal)
    areas = []
    for volume, clearance, dose in ((p.V_animal, p.CL_animal, p.D_animal), (v, cl, got["D_human"])):
        body = Bench(model_of("one_compartment"), {"V": volume, "CL": clearance})
        areas.append(area(body, "C", levels(times_to(clearance / volume)), regimen=f"{dose} mg into central"))
    yield same("AUC in the human", areas[1], areas[0])
    yield same("AUC in the animal", areas[0], p.D_animal / p.CL_animal)


@case("allometric_scaling", rows="S1-38", sets=SCALED)
def exponent_is_found_from_several_species(b: Bench):
    """The slope of log CL against log W over species is b_CL, that of log V is b_V."""
    weights = np.array([0.02, 0.25, 3.5, 11.0, 70.0])
    found = [b.start({"W_human": w}) for w in weights]
    for name, exponent in (("CL_human", b.p.b_CL), ("V_human", b.p.b_V)):
        slope = np.polyfit(np.log(weights), np.log([f[name] for f in found]), 1)[0]
        yield same(f"slope of {name}", slope, exponent)


@case("allometric_scaling", rows="S1-38")
def feeds_a_disposition(b: Bench):
    """Joined to one_compartment, it sets its clearance and volume: one model for animal and human."""
    body = qsp.expose(model_of("one_compartment"), V="input")
    whole = qsp.compose(
        "scaled", {"pk": body, "size": b.model}, connect={"pk.CL": "size.CL_human", "pk.V": "size.V_human"}
    )
    for weight in (0.25, 4.0, 70.0):
        bench = Bench(whole, {"size.W_human": weight})
        r = weight / b.p.W_animal
        v, cl = b.p.V_animal * r, b.p.CL_animal * r**0.75
        t = np.linspace(0.0, 4.0, 9) * v / cl
        got = bench.run(t, "pk.C", regimen="3 mg into pk.central")["pk.C"]
        yield same(f"C at {weight} kg", got, 3.0 / v * np.exp(-cl / v * t), at=t)
    yield holds("the default is that of an adult", b.p.W_human == 70.0)
