"""Blood and kidney of a physiologically based model."""

from __future__ import annotations

from functools import cache

import numpy as np

import sbmlqsp as qsp
from validation.analytic import pk
from validation.analytic.pbpk import joined, linear, pooled
from validation.cases import Bench, case, holds, same

BLOOD = {"typical": {}, "bound to cells": {"BP": 22.0}, "plasma only": {"BP": 0.4}}


@case("arterial_blood", rows="S1-03", sets=BLOOD)
@case("venous_blood", rows="S1-03", sets=BLOOD)
def holds_what_it_is_given(b: Bench):
    """Blood keeps doses and input at a constant rate; plasma is blood over BP."""
    p, name = b.p, next(s.id for s in b.model.network.species)
    volume = p.V_art if name == "arterial" else p.V_ven
    t = np.linspace(0.0, 5.0, 6)
    change, rate = ({"R_in": 3.0}, 3.0) if name == "venous" else ({}, 0.0)
    got = b.run(t, f"amount({name})", "C_blood", "C_plasma", regimen=f"8 mg into {name}", changes=change)
    yield same("amount", got[f"amount({name})"], 8.0 + rate * t, at=t)
    yield same("blood", got["C_blood"], (8.0 + rate * t) / volume, at=t)
    yield same("plasma", got["C_plasma"], (8.0 + rate * t) / volume / p.BP, at=t)


POOL = {
    "typical": {},
    "anaemia, in cells": {"Hct": 0.18, "Ke": 9.0},
    "plasma only": {"Ke": 0.0, "Hct": 0.55, "V_blood": 3.1},
}


@case("blood_pool", rows=("S1-12", "S1-03"), sets=POOL)
def confines_a_drug_to_plasma(b: Bench):
    """With Ke = 0 all drug is in V_blood (1 - Hct): the volume of distribution is that of plasma."""
    p = b.p
    got = b.run([0.0, 1.0], "C_plasma", "V_distribution", "V_plasma", regimen="5 mg into blood", changes={"Ke": 0.0})
    plasma = p.V_blood * (1.0 - p.Hct)
    yield same("plasma", got["C_plasma"], 5.0 / plasma)
    yield same("volumes", [got["V_distribution"][0], got["V_plasma"][0]], [plasma, plasma])


@case("blood_pool", rows="S1-03", sets=POOL)
def reads_plasma_from_blood(b: Bench):
    """Amount is shared between plasma and cells at the ratio Ke: BP = 1 + Hct (Ke - 1)."""
    p, t = b.p, np.linspace(0.0, 4.0, 5)
    got = b.run(t, "C_plasma", "C_blood", regimen="5 mg into blood", changes={"R_in": 2.0})
    amount = 5.0 + 2.0 * t
    plasma, cells = p.V_blood * (1.0 - p.Hct), p.V_blood * p.Hct
    yield same("plasma", got["C_plasma"], amount / (plasma + p.Ke * cells), at=t)
    yield same("blood", got["C_blood"], amount / p.V_blood, at=t)
    yield same("BP", b.start()["BP"], (plasma + p.Ke * cells) / p.V_blood)


@cache
def _restricted() -> qsp.Model:
    connect = {"gf.blood": "pool.blood", "gf.V_blood": "pool.V_blood", "gf.BP": "pool.BP"}
    return joined("restricted", {"pool": "blood_pool", "gf": "glomerular_filtration"}, connect)


FILTER = {"typical": {}, "unbound": {"fu": 1.0, "GFR": 9.0}, "bound": {"fu": 1e-3, "GFR": 0.5}}


@case("glomerular_filtration", rows="S1-12", sets=FILTER)
def a_plasma_confined_drug_is_one_compartment(b: Bench):
    """Filtered only, confined to plasma, no organs: one compartment with V = V_plasma and CL = fu GFR."""
    p = b.p
    body = Bench(_restricted(), {f"gf.{k}": v for k, v in b.changes.items()})
    for hct, ke in ((0.45, 0.0), (0.2, 0.0), (0.45, 1.5)):
        v = 5.6 * (1.0 + hct * (ke - 1.0))
        t = np.linspace(0.0, 5.0, 11) * v / (p.fu * p.GFR)
        change = {"pool.Hct": hct, "pool.Ke": ke}
        got = body.run(t, "pool.C_plasma", "gf.excretion_rate", regimen="20 mg into pool.blood", changes=change)
        exact = pk.bolus(pk.one_compartment(volume=v, clearance=p.fu * p.GFR), t, dose=20.0)
        yield same(f"plasma, Hct {hct}, Ke {ke}", got["pool.C_plasma"], exact, at=t)
        yield same("excretion", got["gf.excretion_rate"], p.fu * p.GFR * exact, at=t)
        rest = body.at_rest({**change, "pool.R_in": 4.0})
        yield same("clearance", 4.0 / rest["pool.C_plasma"], p.fu * p.GFR)
        yield same("volume at steady state", rest["pool.blood"] * 5.6 / rest["pool.C_plasma"], v)
        yield same("CL_r", rest["gf.CL_r"], p.fu * p.GFR)
    bare = b.run([0.0, 2.0], "amount(blood)", regimen="20 mg into blood", changes={"fu": 0.0})["amount(blood)"]
    yield same("nothing is filtered where all is bound", bare, 20.0)


@cache
def _cleared() -> qsp.Model:
    return joined("cleared", {"pool": "blood_pool", "kidney": "kidney"}, pooled("kidney"))


KIDNEY = {
    "typical": {},
    "secreted": {"CL_sec": 900.0, "fu": 0.6, "Kp": 7.0},
    "reabsorbed": {"F_reab": 0.97, "fu": 0.9, "CL_sec": 3.0, "Q": 40.0},
    "all filtered": {"fu": 1.0, "GFR": 8.0, "V": 0.2},
}


@case("kidney", rows=("S1-03", "S1-12", "S1-04"), sets=KIDNEY)
def clears_a_pool_with_its_emergent_renal_clearance(b: Bench):
    """Filtration from arterial plasma, then secretion from what enters the tissue; both less what is reabsorbed."""
    for ke in (1.0, 0.2, 3.0):
        yield from _renal(b, ke)


def _renal(b: Bench, ke: float):
    p, bp = b.p, 1.0 + 0.45 * (ke - 1.0)
    body = Bench(_cleared(), {**{f"kidney.{k}": v for k, v in b.changes.items()}, "pool.Ke": ke})
    f = p.fu * p.GFR * (1.0 - p.F_reab) / bp
    s = p.fu * p.CL_sec * (1.0 - p.F_reab)
    blood = f + (p.Q - f) * s / (p.Q * bp + s)
    rest = body.at_rest({"pool.R_in": 1.5})
    yield same("clearance of blood", [1.5 / rest["pool.C_blood"], rest["kidney.CL_r_blood"]], [blood, blood])
    yield same("clearance of plasma", [1.5 / rest["pool.C_plasma"], rest["kidney.CL_r"]], [blood * bp] * 2)
    yield same("excretion", rest["kidney.excretion_rate"], 1.5)
    yield same("E", rest["kidney.E"], blood / p.Q)
    yield same("ratio", rest["kidney.C"] / rest["pool.C_blood"], rest["kidney.Kp_ss"])
    k = p.Q * bp / p.Kp / p.V
    a = [[-p.Q / 5.6, k], [(p.Q - f) / 5.6, -k - s / p.Kp / p.V]]
    t = np.append(0.0, np.geomspace(0.001, 2.0, 12) * 5.6 / blood)
    names = ["amount(pool.blood)", "amount(kidney.tissue)"]
    got, exact = body.run(t, *names, regimen="9 mg into pool.blood"), linear(a, [9.0, 0.0], t)
    for i, name in enumerate(names):
        yield same(name, got[name], exact[:, i], at=t)


@case("kidney", rows=("S1-12", "S1-04"), sets=KIDNEY)
def filters_only_unbound_drug(b: Bench):
    """Without secretion and reabsorption CL_r is fu GFR, whatever flow, tissue and BP: in proportion to GFR."""
    plain = {"CL_sec": 0.0, "F_reab": 0.0}
    for more in ({}, {"Q": 200.0, "V": 3.0, "Kp": 50.0}, {"BP": 1.9}):
        yield same(f"CL_r {more}", b.start({**plain, **more})["CL_r"], b.p.fu * b.p.GFR)
    ill = b.start({**plain, "GFR": 0.21 * b.p.GFR})
    yield same("impaired", ill["CL_r"] / b.start(plain)["CL_r"], 0.21)
    yield same("none", [b.start({"fu": 0.0})["CL_r"], b.start({"F_reab": 1.0})["CL_r"]], [0.0, 0.0])
    more = b.start({**plain, "CL_sec": 5.0})["CL_r"]
    yield holds("secretion adds to it", more > b.p.fu * b.p.GFR)
    t = np.linspace(0.0, 3.0, 5)
    names = ["amount(arterial)", "amount(tissue)", "amount(venous)"]
    kept = b.run(t, *names, regimen="9 mg into arterial", changes={"fu": 0.0})
    yield same("nothing is lost where all is bound", sum(kept.values()), 9.0, tolerance=1e-9)
