"""P-glycoprotein and oral bioavailability, blood cells and clearance in blood, volumes that change."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import expm

import sbmlqsp as qsp
from validation.analytic.physiology import HALVES, fall, joined, relax, turnover_in_an_episode
from validation.cases import Bench, case, holds, model_of, same

Array = NDArray[np.float64]


def area(b: Bench, name: str, edges: ArrayLike, **run: Any) -> float:
    """Return the area under a curve by Gauss and Legendre's rule on each piece between the edges."""
    x, w = np.polynomial.legendre.leggauss(16)
    edges = np.asarray(edges, dtype=float)
    half, middle = np.diff(edges) / 2, (edges[1:] + edges[:-1]) / 2
    t = (middle[:, None] + half[:, None] * x).ravel()
    values = b.run(t, name, **run)[name].reshape(len(half), -1)
    return float((half * (values @ w)).sum())


PGP = {
    "typical": {"IL6": 80.0},
    "induced": {"IL6": 500.0, "Imax": -2.0, "kdeg": 0.2, "ksyn": 0.5},
    "slow": {"IL6": 3.0, "IL6_0": 9.0, "kdeg": 1e-3, "kef": 40.0},
}


@case("pgp_expression", rows="S1-22", sets=PGP)
def pgp_follows_il6(b: Bench):
    """The level goes with kdeg to what is left of synthesis, or to more where Imax is negative; efflux follows."""
    p, t = b.p, HALVES / b.p.kdeg
    before, after = (p.ksyn / p.kdeg * (1 - p.Imax * i / (p.IC50 + i)) for i in (p.IL6_0, p.IL6))
    got = b.run(t, "E", "E_rel", "kef_E", "E0")
    exact = relax(before, after, p.kdeg, t)
    yield same("E", got["E"], exact, at=t)
    yield same("E0", got["E0"], before)
    yield same("E_rel", got["E_rel"], exact / before, at=t)
    yield same("kef_E", got["kef_E"], p.kef * exact / before, at=t)
    yield same("at rest", b.at_rest()["E"], after)


@case("pgp_expression", rows=("S1-22", "S1-24"))
def pgp_through_an_episode(b: Bench):
    """Fed by an episode, P-glycoprotein follows the hand-written equations, falls and comes back."""
    got, exact, t = turnover_in_an_episode(b, "E")
    yield same("E", got, exact, at=t)
    yield holds("falls and comes back", got.min() < 0.7 * got[0], got[-1] > got.min())


@case("pgp_expression", rows=("S1-22", "S1-24"), sets=PGP)
def efflux_in_the_gut_follows_expression(b: Bench):
    """Joined to the gut, absorption at a steady expression is the chance summed over all returns to the lumen."""
    parts = {"pgp": b.model, "gut": model_of("gut_efflux")}
    model = qsp.compose("gutwall", parts, connect={"gut.E_Pgp": "pgp.E_rel"})
    whole = Bench(model, {**{f"pgp.{k}": v for k, v in b.changes.items()}, "gut.kef": b.p.kef})
    q, p = whole.p, b.p
    before, after = (p.ksyn / p.kdeg * (1 - p.Imax * i / (p.IC50 + i)) for i in (p.IL6_0, p.IL6))
    t = HALVES / p.kdeg
    into, on = q.gut_ka / (q.gut_ka + q.gut_kt), q.gut_kb / (q.gut_kb + p.kef * relax(1.0, after / before, p.kdeg, t))
    yield same("F_abs", whole.run(t, "gut.F_abs")["gut.F_abs"], into * on / (1 - into * (1 - on)), at=t)


GUT = {
    "typical": {},
    "pumped out": {"kef": 60.0, "E_Pgp": 3.0, "kt": 0.5, "F_h": 0.3},
    "no efflux": {"kef": 0.0, "ka": 4.0, "F_h": 0.9},
    "slow blood": {"kb": 0.05, "ka": 0.2, "kt": 0.02, "E_Pgp": 0.1, "F_h": 0.05},
}


def absorbed(p: Any, e: float) -> float:
    """Return the fraction absorbed: the chance to go on to blood, summed over all returns to the lumen."""
    into, on = p.ka / (p.ka + p.kt), p.kb / (p.kb + p.kef * e)
    return into * on / (1 - into * (1 - on))


@case("oral_first_pass", rows="S1-22", sets=GUT)
def bioavailability_falls_with_efflux(b: Bench):
    """F_abs is the sum over all passes through the enterocyte; it falls with E_Pgp; F = F_abs F_h."""
    p, got = b.p, b.start()
    yield same("F_abs", got["F_abs"], absorbed(p, p.E_Pgp))
    yield same("F", got["F"], absorbed(p, p.E_Pgp) * p.F_h)
    yield same("without efflux", b.start({"E_Pgp": 0.0})["F_abs"], p.ka / (p.ka + p.kt))
    levels = [b.start({"E_Pgp": e, "kef": 2.0})["F_abs"] for e in (0.0, 0.2, 1.0, 5.0, 100.0)]
    yield holds("falls with P-glycoprotein", np.diff(levels) < 0)


@case("oral_first_pass", rows=("S1-22", "S2-18"), sets=GUT)
def exposure_is_bioavailability_times_dose(b: Bench):
    """Joined to a disposition, the area under the curve is F times dose over clearance."""
    p = b.p
    parts = {"gut": b.model, "pk": model_of("one_compartment")}
    whole = Bench(
        qsp.compose("oral", parts, connect={"gut.central": "pk.central", "gut.V": "pk.V"}),
        {f"gut.{k}": v for k, v in b.changes.items()},
    )
    slow = min(p.kt * 0.2, p.kb * 0.2, whole.p.pk_CL / whole.p.pk_V)
    edges = np.append(0.0, np.geomspace(0.01, 60.0 / slow, 70))
    found = area(whole, "pk.central", edges, regimen="100 mg into gut.lumen")
    yield same("AUC", found, absorbed(p, p.E_Pgp) * p.F_h * 100.0 / whole.p.pk_CL)


@case("oral_first_pass", rows="S1-22", sets=GUT)
def gut_amounts_over_time(b: Bench):
    """Lumen and enterocyte against the exponential of their two-by-two matrix."""
    p = b.p
    m = np.array([[-(p.ka + p.kt), p.kef * p.E_Pgp], [p.ka, -(p.kb + p.kef * p.E_Pgp)]])
    t = np.linspace(0.0, 6.0, 13)
    got = b.run(t, "lumen", "enterocyte", regimen="100 mg into lumen")
    exact = np.array([expm(m * u) @ [100.0, 0.0] for u in t])
    yield same("lumen", got["lumen"], exact[:, 0], at=t)
    yield same("enterocyte", got["enterocyte"], exact[:, 1], at=t)


@case("oral_first_pass", rows="S1-22", sets=GUT)
def oral_drug_is_all_accounted_for(b: Bench):
    """At any time the amounts add up to the dose; in the end F of it is in the body, the rest lost in two ways."""
    names = ("lumen", "enterocyte", "faeces", "first_pass", "amount(central)")
    p, t = b.p, np.array([0.0, 0.3, 2.0, 10.0, 5000.0])
    got = b.run(t, *names, regimen="100 mg into lumen")
    yield same("sum", sum(got[n] for n in names), 100.0, at=t)
    f = absorbed(p, p.E_Pgp)
    yield same("in the body", got["amount(central)"][-1], 100.0 * f * p.F_h)
    yield same("first pass", got["first_pass"][-1], 100.0 * f * (1 - p.F_h))
    yield same("unabsorbed", got["faeces"][-1], 100.0 * (1 - f))


# ------------------------------------------------------------------------------------------------------ blood cells
BLOOD = {
    "typical": {},
    "out of the cells": {"Kbcu": 0.0, "Hct": 0.6, "fu": 0.02, "CLint": 9000.0},
    "into the cells": {"Kbcu": 400.0, "fu": 0.5, "Hct": 0.2, "Q": 40.0},
    "no difference": {"Kbcu": 4.0, "fu": 0.25, "Hct": 0.3},
}


@case("haematocrit", rows="S1-23", sets=BLOOD)
def blood_to_plasma_ratio(b: Bench):
    """Blood is a mixture of cells and plasma, each at its own concentration."""
    p, got = b.p, b.start()
    cells = p.fu * p.Kbcu
    yield same("Ke", got["Ke"], cells)
    yield same("BP", got["BP"], p.Hct * cells + (1 - p.Hct))
    yield same("no cells", b.start({"Hct": 0.0})["BP"], 1.0)
    if cells:
        yield same("cells only", b.start({"Hct": 1.0})["BP"], cells)
    anaemic = b.start({"Hct": 0.5 * p.Hct})["BP"]
    yield same("halfway to plasma", anaemic - 1, 0.5 * (got["BP"] - 1), floor=1e-9)


@case("haematocrit", rows=("S1-23", "S2-18"), sets=BLOOD)
def clearance_in_blood_and_plasma(b: Bench):
    """The same elimination in blood and plasma; extraction uses blood flow and cannot exceed one."""
    p, got = b.p, b.start()
    ratio = p.Hct * p.fu * p.Kbcu + 1 - p.Hct
    yield same("CL_blood", got["CL_blood"], p.CL / ratio)
    harmonic = 1 / (1 / p.Q + ratio / (p.fu * p.CLint))
    yield same("CL_h_blood", got["CL_h_blood"], harmonic)
    yield same("E_h", got["E_h"], harmonic / p.Q)
    yield same("F_h", got["F_h"], p.Q * ratio / (p.Q * ratio + p.fu * p.CLint))
    yield same("CL_h from plasma", got["CL_h"], harmonic * ratio)
    flow = b.start({"CLint": 1e15})
    yield same("limited by blood flow, in plasma", flow["CL_h"], p.Q * ratio)
    low = b.start({"CLint": 1e-9})
    yield same("limited by capacity, no cells in it", low["CL_h"], p.fu * 1e-9)


@case(
    "red_cell_turnover",
    rows="S1-24",
    sets={
        "typical": {"IL6": 90.0},
        "stop": {"IL6": 1e6, "Imax": 1.0, "kdeg": 0.02},
        "raised": {"IL6": 1.0, "IL6_0": 20.0},
    },
)
def haematocrit_follows_il6(b: Bench):
    """Haematocrit goes to a new level with the mean life of red cells, from that before the episode."""
    p, t = b.p, HALVES / b.p.kdeg
    before, after = (p.ksyn / p.kdeg * float(fall(p.Imax, i, p.IC50)) for i in (p.IL6_0, p.IL6))
    got = b.run(t, "Hct", "Hct0")
    yield same("Hct", got["Hct"], relax(before, after, p.kdeg, t), at=t)
    yield same("Hct0", got["Hct0"], before)


@case("red_cell_turnover", rows="S1-24")
def haematocrit_through_an_episode(b: Bench):
    """Fed by an episode, haematocrit follows the hand-written equations."""
    got, exact, t = turnover_in_an_episode(b, "Hct")
    yield same("Hct", got, exact, at=t)


# ----------------------------------------------------------------------------------------------- volume that changes
VOLUMES = {
    "typical": {},
    "wide": {"fu": 0.02, "fu_t": 1e-3, "CL": 60.0, "V_tw": 300.0},
    "plasma only": {"V_tw": 0.0, "GFR": 7.0, "CL": 0.0},
    "both routes": {"GFR": 6.0, "fu": 0.5, "CL": 0.3},
}
RAMP = {
    "step.x0": 0.05,
    "step.x1": 0.4,
    "step.x2": 0.4,
    "step.x3": 0.4,
    "step.t1": 20.0,
    "step.t2": 200.0,
    "step.t3": 900.0,
}


@case("changing_volume", rows="S1-19", sets=VOLUMES)
def amount_survives_a_change_of_volume(b: Bench):
    """When the unbound fraction steps, the concentration steps by the ratio of volumes, the amount not at all."""
    whole, p = joined(b, "m", fu="step.x"), b.p
    t = np.array([0.0, 10.0, 19.999, 20.0, 30.0])
    quiet = {**RAMP, "m.CL": 0.0, "m.GFR": 0.0}
    got = whole.run(t, "m.drug", "m.C", "m.V", changes=quiet, regimen="80 mg into m.drug")
    v = p.V_p + p.V_tw * np.where(t < 20.0, 0.05, 0.4) / p.fu_t
    yield same("amount", got["m.drug"], 80.0, at=t)
    yield same("V", got["m.V"], v, at=t)
    yield same("C", got["m.C"], 80.0 / v, at=t)


@case("changing_volume", rows=("S1-19", "S1-25"), sets={k: VOLUMES[k] for k in ("typical", "wide", "both routes")})
def amount_decays_by_the_integral(b: Bench):
    """While the unbound fraction rises along a line, the exponent is the integral of CL over V: a logarithm."""
    whole, p = joined(b, "m", fu="step.x_line"), b.p
    t = np.linspace(0.0, 20.0, 11)
    got = whole.run(t, "m.drug", "m.C", changes={**RAMP, "m.CL": 0.3 * p.CL}, regimen="80 mg into m.drug")
    a, slope = p.V_tw / p.fu_t, 0.35 / 20.0
    v = p.V_p + a * (0.05 + slope * t)
    # (CL + GFR fu) / V with fu = (V - V_p) / a: one part in 1/V, the other constant.
    logs = np.log(v / v[0]) / (a * slope)
    exponent = (0.3 * p.CL - p.GFR * p.V_p / a) * logs + p.GFR / a * t
    yield same("amount", got["m.drug"], 80.0 * np.exp(-exponent), at=t)
    yield same("C", got["m.C"], 80.0 * np.exp(-exponent) / v, at=t)


@case("changing_volume", rows=("S1-12", "S1-19"), sets=VOLUMES)
def elimination_with_a_fixed_volume(b: Bench):
    """At one unbound fraction this is plain one-compartment disposition, V = V_p and CL = fu GFR at the limit."""
    p = b.p
    v, cl = p.V_p + p.V_tw * p.fu / p.fu_t, p.CL + p.fu * p.GFR
    t = HALVES * v / cl
    got = b.run(t, "C", "Cu", "CL_total", regimen="80 mg into drug")
    yield same("C", got["C"], 80.0 / v * np.exp(-cl / v * t), at=t)
    yield same("Cu", got["Cu"], p.fu * 80.0 / v * np.exp(-cl / v * t), at=t)
    yield same("CL_total", got["CL_total"], cl)
