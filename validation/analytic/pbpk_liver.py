"""Livers: well stirred, tube and dispersion, intrinsic clearance from in vitro, metabolism in hepatocytes."""

from __future__ import annotations

import warnings
from functools import cache

import numpy as np
from scipy.integrate import solve_bvp

import sbmlqsp as qsp
from validation.analytic import pk
from validation.analytic.pbpk import joined, linear, pooled
from validation.cases import Bench, case, holds, model_of, same

SETS = {
    "typical": {},
    "flow limited": {"CLint": 2e6, "fu": 0.6, "Q": 90.0, "V": 1.1, "Kp": 8.0},
    "capacity limited": {"CLint": 0.4, "fu": 0.02, "BP": 0.55, "V": 4.0},
    "middle": {"Q": 37.0, "CLint": 70.0, "fu": 0.85, "BP": 1.6, "Kp": 0.4},
}
STATIC = {name: {k: v for k, v in s.items() if k not in {"V", "Kp"}} for name, s in SETS.items()}


def number(p) -> float:
    """Efficiency number: unbound intrinsic clearance over the flow of plasma equivalents."""
    return p.fu * p.CLint / (p.Q * p.BP)


# --------------------------------------------------------------------------------------------------------- well stirred
@case("liver_well_stirred", rows=("S2-18", "S1-03A"), sets=SETS)
def clearance_emerges_at_rest(b: Bench):
    """At rest the liver removes Q Cart fu CLint / (Q BP + fu CLint): CL_h = Q fu CLint / (Q + fu CLint) for BP = 1."""
    p, rest = b.p, b.at_rest({"Cart": 0.3})
    cl = p.Q * p.fu * p.CLint / (p.Q * p.BP + p.fu * p.CLint)
    yield same("by what is eliminated", rest["elimination_rate"] / 0.3, cl)
    yield same("by what leaves", p.Q * rest["Cven"] / 0.3, p.Q * p.Q * p.BP / (p.Q * p.BP + p.fu * p.CLint))
    yield same("CL_h of blood", rest["CL_h"], cl)
    yield same("CL_h of plasma", rest["CL_h_plasma"], cl * p.BP)
    yield same("F_h and E", [rest["F_h"], rest["E"]], [1.0 / (1.0 + number(p)), number(p) / (1.0 + number(p))])
    plain = b.at_rest({"Cart": 0.3, "BP": 1.0})
    yield same("BP = 1", plain["CL_h"], p.Q * p.fu * p.CLint / (p.Q + p.fu * p.CLint))
    yield same("speed, not extraction", b.at_rest({"Cart": 0.3, "V": 90.0, "Kp": 0.01})["elimination_rate"], 0.3 * cl)


@case("liver_well_stirred", rows="S2-18", sets=SETS)
def is_limited_by_flow_or_by_capacity(b: Bench):
    """CL_h goes to Q as fu CLint grows and to fu CLint / BP as it falls, each with an error of first order."""
    p = b.p
    for x in (1e3, 1e5):
        got = b.at_rest({"Cart": 1.0, "CLint": x * p.Q * p.BP / p.fu})
        yield same(f"flow, {x:g}", got["elimination_rate"], p.Q / (1.0 + 1.0 / x))
        got = b.at_rest({"Cart": 1.0, "CLint": p.Q * p.BP / p.fu / x})
        yield same(f"capacity, {x:g}", got["elimination_rate"], p.Q / x / (1.0 + 1.0 / x))
    none = b.at_rest({"Cart": 1.0, "CLint": 0.0})
    yield same("no metabolism", [none["CL_h"], none["E"], none["F_h"]], [0.0, 0.0, 1.0])
    bound = b.at_rest({"Cart": 1.0, "fu": 0.0})
    yield same("all bound", [bound["CL_h"], bound["Cven"]], [0.0, 1.0])


@case("liver_well_stirred", rows=("S2-18", "S1-02"), sets=SETS)
def approaches_its_steady_state(b: Bench):
    """C rises as 1 - exp(-k t), k = (Q BP + fu CLint) / (V Kp), as in an organ with CLint_t = fu CLint / Kp."""
    p = b.p
    k = (p.Q * p.BP + p.fu * p.CLint) / (p.V * p.Kp)
    t = np.linspace(0.0, 6.0, 19) / k
    got = b.run(t, "C", "Cven", changes={"Cart": 1.0})
    exact = p.Q / p.V * t * pk.gain(k * t)
    yield same("C", got["C"], exact, at=t)
    yield same("half-life", b.start()["t_half"], np.log(2.0) / k)
    organ = Bench(model_of("perfusion_organ"), {n: getattr(p, n) for n in ("Q", "V", "Kp", "BP")})
    yield same("the organ", organ.run(t, "C", changes={"Cart": 1.0, "CLint": p.fu * p.CLint / p.Kp})["C"], exact, at=t)


# ------------------------------------------------------------------------------------------------- with a gradient
@case("liver_parallel_tube", rows="S2-18", sets=STATIC)
def extracts_as_plug_flow(b: Bench):
    """E = 1 - exp(-fu CLint / (Q BP)), CL_h = Q E."""
    p, got = b.p, b.start()
    e = -np.expm1(-number(p))
    yield same("E", got["E"], e)
    yield same("F_h", got["F_h"], np.exp(-number(p)))
    yield same("CL_h", [got["CL_h"], got["CL_h_plasma"]], [p.Q * e, p.Q * e * p.BP])
    yield same("no metabolism", b.start({"CLint": 0.0})["E"], 0.0)


@case("liver_parallel_tube", rows="S2-18", sets=STATIC)
def lies_above_the_well_stirred_liver(b: Bench):
    """A tube always extracts more than a tank; both agree where extraction is small."""
    p = b.p
    tank = Bench(model_of("liver_well_stirred"), b.changes)
    yield holds("more", b.start()["E"] > tank.start()["E"] or b.start()["E"] == 1.0)
    small = {"CLint": 1e-7 * p.Q * p.BP / p.fu}
    yield same("small extraction", b.start(small)["CL_h"], tank.start(small)["CL_h"])


def availability(rn: float, dn: float, *, closed: bool) -> float:
    """Solve dn f'' - f' - rn f = 0 on (0, 1) with f - dn f' = 1 at the entrance; return f at the end.

    Closed vessel: f' = 0 at the end. Mixed conditions: f = 1 at the entrance, f bounded beyond the end.
    """
    if not closed:
        root = np.roots([dn, -1.0, -rn]).real.min()
        return float(np.exp(root))

    def slopes(_, y):
        return np.vstack([y[1], (y[1] + rn * y[0]) / dn])

    def ends(left, right):
        return np.array([left[0] - dn * left[1] - 1.0, right[1]])

    z = np.linspace(0.0, 1.0, 401)
    guess = np.vstack([np.exp(-rn * z), -rn * np.exp(-rn * z)])
    found = solve_bvp(slopes, ends, z, guess, tol=1e-10, max_nodes=200_000)
    assert found.success
    return float(found.y[0, -1])


DISPERSION = {
    "typical": {"CLint": 1800.0},
    "little mixing": {"DN": 0.05, "CLint": 700.0, "BP": 1.3},
    "much mixing": {"DN": 12.0, "fu": 0.9, "CLint": 500.0},
}


@case("liver_dispersion", rows="S2-18", sets=DISPERSION)
def solves_the_axial_dispersion_equation(b: Bench):
    """F_h is what leaves a closed vessel with axial dispersion, F_h_mixed that with mixed boundary conditions."""
    p, got = b.p, b.start()
    f = availability(number(p), p.DN, closed=True)
    yield same("F_h", got["F_h"], f)
    yield same("E", got["E"], 1.0 - f)
    yield same("CL_h", [got["CL_h"], got["CL_h_plasma"]], [p.Q * (1.0 - f), p.Q * p.BP * (1.0 - f)])
    mixed = availability(number(p), p.DN, closed=False)
    yield same("mixed", [got["F_h_mixed"], got["E_mixed"]], [mixed, 1.0 - mixed])
    none = b.start({"CLint": 0.0})
    yield same("no metabolism", [none["F_h"], none["F_h_mixed"], none["E"]], [1.0, 1.0, 0.0])


@case("liver_dispersion", rows="S2-18", sets=DISPERSION)
def goes_from_parallel_tube_to_well_stirred(b: Bench):
    """DN to zero is the tube, DN to infinity the tank; between them extraction falls."""
    rn = number(b.p)
    yield same("tube", b.start({"DN": 1e-9})["F_h"], np.exp(-rn))
    yield same("tube, mixed", b.start({"DN": 1e-9})["F_h_mixed"], np.exp(-rn))
    yield same("tank", b.start({"DN": 1e7})["F_h"], 1.0 / (1.0 + rn))
    curve = [b.start({"DN": d})["E"] for d in (0.01, 0.1, 0.17, 1.0, 10.0)]
    yield holds("falls", np.diff(curve) < 0.0, curve[0] < -np.expm1(-rn), curve[-1] > rn / (1.0 + rn))


# ----------------------------------------------------------------------------------------------- in a circulation
CLOSED = {
    "typical": {},
    "portal only": {"Q_ha": 0.0, "Q_pv": 40.0, "CLint": 9000.0, "fu": 0.3, "BP": 0.6},
    "weak": {"CLint": 0.5, "fu": 0.9, "V": 3.0, "Kp": 20.0, "BP": 2.0},
}


@cache
def _portal() -> qsp.Model:
    connect = pooled("liver") | {
        "gut.arterial": "pool.blood",
        "gut.V_art": qsp.Link("pool.V_blood", wins="source"),
        "gut.portal": "liver.tissue",
        "gut.V_liver": "liver.V",
        "gut.BP": "pool.BP",
    }
    parts = {"pool": "blood_pool", "gut": "portal_organ", "liver": "circulation_liver"}
    models = {name: model_of(part) for name, part in parts.items()}
    return qsp.compose("portal", models, connect=connect, share={"Q_portal": ["liver.Q_pv", "gut.Q"]})


def _portal_bench(b: Bench) -> Bench:
    own = {f"liver.{k}": v for k, v in b.changes.items() if k not in {"BP", "Q_pv"}}
    return Bench(_portal(), {**own, "Q_portal": b.p.Q_pv, "pool.Ke": 1.0 + (b.p.BP - 1.0) / 0.45})


@case("circulation_liver", rows=("S1-03", "S2-18"), sets=CLOSED)
def clears_a_pool_as_the_well_stirred_formula(b: Bench):
    """Fed by artery and gut, the liver clears blood with Q fu CLint / (Q BP + fu CLint), Q being both flows."""
    p = b.p
    q, body = p.Q_ha + p.Q_pv, _portal_bench(b)
    cl = q * p.fu * p.CLint / (q * p.BP + p.fu * p.CLint)
    rest = body.at_rest({"pool.R_in": 3.0})
    yield same("blood", rest["pool.C_blood"], 3.0 / cl)
    yield same("CL_h", [rest["liver.CL_h"], rest["liver.CL_h_plasma"]], [cl, cl * p.BP])
    yield same("E and F_h", [rest["liver.E"], rest["liver.F_h"]], [cl / q, p.BP * q / (p.BP * q + p.fu * p.CLint)])
    yield same("ratio", rest["liver.C"] / rest["pool.C_blood"], rest["liver.Kp_ss"])
    g, k = p.Q_pv * p.BP / 1.5 / 1.46, q * p.BP / p.Kp / p.V
    a = np.array([[-q / 5.6, 0.0, k], [p.Q_pv / 5.6, -g, 0.0], [p.Q_ha / 5.6, g, -k - p.fu * p.CLint / p.Kp / p.V]])
    t = np.append(0.0, np.geomspace(0.001, 4.0, 15) * 5.6 / q)
    names = ["amount(pool.blood)", "amount(gut.tissue)", "amount(liver.tissue)"]
    got, exact = body.run(t, *names, regimen="80 mg into pool.blood"), linear(a, [80.0, 0.0, 0.0], t)
    for i, name in enumerate(names):
        yield same(name, got[name], exact[:, i], at=t)


@case("circulation_liver", rows=("S1-03", "S2-18"), sets=CLOSED)
def flow_and_capacity_limits_in_a_circulation(b: Bench):
    """The blood is cleared with the flow at most, and with fu CLint / BP where that is small."""
    p, body = b.p, _portal_bench(b)
    q = p.Q_ha + p.Q_pv
    fast = body.at_rest({"pool.R_in": 1.0, "liver.CLint": 1e8 * q * p.BP / p.fu})
    yield same("flow", 1.0 / fast["pool.C_blood"], q)
    slow = body.at_rest({"pool.R_in": 1e-3, "liver.CLint": 1e-4 * q * p.BP / p.fu})
    yield same("capacity", 1e-3 / slow["pool.C_blood"], 1e-4 * q / (1.0 + 1e-4))


# ------------------------------------------------------------------------------------------------ from the laboratory
VITRO = {
    "typical": {},
    "stable": {"CLint_cells": 0.03, "CLint_mic": 0.4, "fu_cells": 0.9, "fu_mic": 0.2, "W_liver": 900.0},
    "unstable": {"CLint_cells": 4000.0, "CLint_mic": 9000.0, "HPGL": 139.0, "MPPGL": 52.0, "W_liver": 2400.0},
}


@case("ivive", rows="S1-03A", sets=VITRO)
def scales_to_the_whole_liver(b: Bench):
    """Microlitres per minute and million cells (or mg) times cells (or mg) per gram times grams of liver, in L/h."""
    p, got = b.p, b.start()
    cells = p.CLint_cells * p.HPGL * p.W_liver / p.fu_cells
    yield same("hepatocytes", got["CLint_hepatocytes"], cells * 60.0 / 1e6)
    yield same("microsomes", got["CLint_microsomes"], p.CLint_mic * p.MPPGL * p.W_liver / p.fu_mic * 60.0 / 1e6)


@cache
def _predicted() -> qsp.Model:
    connect = {"liver.CLint": "vitro.CLint_hepatocytes", "tube.CLint": "vitro.CLint_hepatocytes"}
    parts = {"vitro": "ivive", "liver": "liver_well_stirred", "tube": "liver_parallel_tube"}
    return joined("predicted", parts, connect)


@case("ivive", rows=("S1-03A", "S2-18"), sets=VITRO)
def predicts_hepatic_clearance(b: Bench):
    """Joined to a liver, clearance in vitro gives CL_h and availability."""
    p = b.p
    model = Bench(_predicted(), {f"vitro.{k}": v for k, v in b.changes.items()})
    got = model.at_rest({"liver.Cart": 1.0, "liver.fu": 0.04, "tube.fu": 0.04})
    rn = 0.04 * p.CLint_cells / p.fu_cells * p.HPGL * p.W_liver * 6e-5 / 99.45
    yield same("well stirred", [got["liver.elimination_rate"], got["liver.CL_h"]], [99.45 * rn / (1.0 + rn)] * 2)
    yield same("parallel tube", got["tube.CL_h"], 99.45 * -np.expm1(-rn))


# --------------------------------------------------------------------------------------------- hepatocytes inside it
CELLS = {
    "typical": {},
    "fast": {"k_met": 900.0, "K_hep": 5.0, "V_hep": 0.3, "V_stellate": 0.1, "CL_m": 30.0},
    "slow": {"k_met": 0.002, "K_hep": 0.4, "V_hep": 1.75, "PS_st": 9.0},
}

# Without a portal organ all blood comes by the artery.
ONE_SUPPLY = {"liver.Q_ha": 99.45, "liver.Q_pv": 0.0}


@case("liver_qsp_metabolism", rows="S1-18", sets=CELLS)
def removes_drug_as_an_intrinsic_clearance(b: Bench):
    """CL_QSP = k_met K_hep V_hep acts on the liver concentration: the drug falls with CL_QSP / V_liver."""
    p = b.p
    cl = p.k_met * p.K_hep * p.V_hep
    t = np.linspace(0.0, 4.0, 9) * p.V_liver / cl
    got = b.run(t, "tissue", "C_hep", "metabolism_rate", "CL_QSP", changes={"tissue": 6.0})
    exact = 6.0 * np.exp(-cl / p.V_liver * t)
    yield same("liver", got["tissue"], exact, at=t)
    yield same("hepatocytes", got["C_hep"], p.K_hep * exact, at=t)
    yield same("rate", got["metabolism_rate"], cl * exact, at=t)
    yield same("CL_QSP", got["CL_QSP"], cl)


@cache
def _embedded() -> qsp.Model:
    connect = {"qsp.tissue": "liver.tissue", "qsp.V_liver": "liver.V"} | pooled("liver")
    parts = {
        k: model_of(v)
        for k, v in {"pool": "blood_pool", "liver": "circulation_liver", "qsp": "liver_qsp_metabolism"}.items()
    }
    return qsp.compose("embedded", parts, connect=connect, delete=["liver.elimination"])


@case("liver_qsp_metabolism", rows="S1-18", sets=CELLS)
def calibrates_to_a_known_clearance(b: Bench):
    """k_met_tissue gives a known intrinsic clearance; k_met_organ a known hepatic clearance, inverted first."""
    p, got = b.p, b.start({"CL_h_known": 31.0, "Q": 88.0, "Kp": 2.2, "BP": 0.8, "CLint_known": 5.5})
    yield same("intrinsic", got["k_met_tissue"] * p.K_hep * p.V_hep, 5.5)
    intrinsic = 31.0 / (1.0 - 31.0 / 88.0) * 0.8 / 2.2
    yield same("organ", got["k_met_organ"] * p.K_hep * p.V_hep, intrinsic)
    again = b.start({"k_met": got["k_met_organ"], "Q": 88.0, "Kp": 2.2, "BP": 0.8})
    yield same("comes back", again["CL_h"], 31.0)
    direct = b.start({"k_met": 31.0 / (p.K_hep * p.V_hep), "Q": 88.0, "Kp": 2.2, "BP": 0.8})
    yield holds("taken for intrinsic, it misses", abs(direct["CL_h"] / 31.0 - 1.0) > 0.05)
    body = Bench(_embedded(), {**{f"qsp.{k}": v for k, v in b.changes.items()}, **ONE_SUPPLY})
    cal = b.start({"CL_h_known": 31.0})["k_met_organ"]
    rest = body.at_rest({"pool.R_in": 2.0, "qsp.k_met": cal})
    yield same("clears blood", 2.0 / rest["pool.C_blood"], 31.0)
    changes = {k: v for k, v in body.changes.items() if k != "qsp.k_met"} | {"pool.R_in": 2.0}
    solved = qsp.level_for(
        body.model,
        "qsp.k_met",
        observable="pool.R_in / pool.C_blood",
        target=31.0,
        changes=changes,
        between=(cal / 20.0, cal * 20.0),
    )
    yield same("solved for", float(solved), cal)
    own = {k: v for k, v in b.changes.items() if k != "k_met"}
    beyond = qsp.level_for(b.model, "k_met", observable="CL_h", target=100.0, changes=own)
    yield holds("more than the flow is impossible", not beyond.possible)


@case("liver_qsp_metabolism", rows="S1-18", sets=CELLS)
def embedded_is_the_same_as_the_liver_alone(b: Bench):
    """In place of the liver's elimination, calibrated, it gives the same curves; added to it, it is reported."""
    alone = Bench(joined("alone", {"pool": "blood_pool", "liver": "circulation_liver"}, pooled("liver")), ONE_SUPPLY)
    t = np.append(0.0, np.geomspace(0.01, 20.0, 15))
    names = ["pool.C_blood", "liver.C"]
    one = alone.run(t, *names, regimen="40 mg into pool.blood")
    own = {**{f"qsp.{k}": v for k, v in b.changes.items()}, **ONE_SUPPLY}
    cal = b.start({"CLint_known": 0.1 * 60.0 / 3.0})["k_met_tissue"]
    two = Bench(_embedded(), own).run(t, *names, regimen="40 mg into pool.blood", changes={"qsp.k_met": cal})
    for name in names:
        yield same(name, two[name], one[name], at=t)
    connect = {"qsp.tissue": "liver.tissue", "qsp.V_liver": "liver.V"}
    parts = {"liver": model_of("circulation_liver"), "qsp": model_of("liver_qsp_metabolism")}
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        both = qsp.compose("both", parts, connect=connect)
    issues = qsp.check(both)
    yield holds(
        "warned", any(w.category is qsp.CompositionWarning and "liver.elimination" in str(w.message) for w in told)
    )
    yield holds("reported", issues["message"].str.contains("described twice").any())


@case("liver_qsp_metabolism", rows="S1-17", sets=CELLS, slow=True)
def sub_volumes_are_rescaled_only_when_too_large(b: Bench):
    """V_hep and V_stellate beyond the liver are scaled by lambda = V_liver / sum, and left alone otherwise."""
    inside = {"liver.V": ["qsp.V_hep", "qsp.V_stellate"]}
    connect = {"qsp.tissue": "liver.tissue", "qsp.V_liver": "liver.V"}
    parts = {"liver": model_of("circulation_liver"), "qsp": model_of("liver_qsp_metabolism")}
    fixed = {"connect": connect, "delete": ["liver.elimination"], "volumes": inside}
    start = {**{f"qsp.{k}": v for k, v in b.changes.items()}, "qsp.metabolite": 3.0, "qsp.met_stellate": 0.7}
    seen = [f"qsp.{k}" for k in ("V_hep", "V_stellate", "metabolite", "met_stellate", "CL_QSP", "lambda_v")]

    def at_start(name: str, values: dict[str, float], hold: str) -> dict[str, float]:
        whole = Bench(qsp.compose(name, parts, set=values, rescale=hold, **fixed))
        return {k: v[0] for k, v in whole.run([0.0, 1.0], *seen).items()}

    fits = at_start("fits", start, "concentrations")
    yield same("small enough: unchanged", [fits["qsp.V_hep"], fits["qsp.V_stellate"]], [b.p.V_hep, b.p.V_stellate])
    large = {**start, "qsp.V_hep": 2.1, "qsp.V_stellate": 0.6}
    try:
        qsp.compose("refused", parts, set=large, **fixed)
        refused = ""
    except qsp.CompositionError as error:
        refused = str(error)
    yield holds("refused", "more than" in refused, "rescale" in refused)
    factor = 1.8 / 2.7
    for hold, held in (("concentrations", 1.0), ("amounts", 1.0 / factor)):
        got = at_start("scaled", large, hold)
        sizes = [got["qsp.V_hep"], got["qsp.V_stellate"]]
        yield same(f"{hold}: sizes", sizes, [2.1 * factor, 0.6 * factor])
        yield same(f"{hold}: fills the liver", sum(sizes), 1.8)
        yield same(f"{hold}: levels", [got["qsp.metabolite"], got["qsp.met_stellate"]], [3.0 * held, 0.7 * held])
        yield same(f"{hold}: clearance follows", got["qsp.CL_QSP"], b.p.k_met * b.p.K_hep * 2.1 * factor)
        yield same(f"{hold}: lambda is one now", got["qsp.lambda_v"], 1.0)
    sized = b.start({"V_hep": 2.1, "V_stellate": 0.6})
    yield same("lambda and excess", [sized["lambda_v"], sized["V_excess"]], [factor, 0.9])


@case("liver_qsp_metabolism", rows="S1-18", sets=CELLS)
def metabolite_reaches_stellate_cells(b: Bench):
    """Formation, loss and exchange of the metabolite are linear; what is formed equals the drug that is gone."""
    p = b.p
    k, m, s = p.k_met * p.K_hep * p.V_hep / p.V_liver, p.PS_st / p.V_hep, p.PS_st / p.V_stellate
    a = [[-k, 0.0, 0.0], [k, -m - p.CL_m / p.V_hep, s], [0.0, m, -s]]
    t = np.append(0.0, np.geomspace(0.01, 3.0, 9) / k)
    names = ["amount(tissue)", "amount(metabolite)", "amount(met_stellate)"]
    got, exact = b.run(t, *names, changes={names[0]: 12.0}), linear(a, [12.0, 0.0, 0.0], t)
    for i, name in enumerate(names):
        yield same(name, got[name], exact[:, i], at=t)
    kept = b.run(t, *names, changes={names[0]: 12.0, "CL_m": 0.0})
    yield same("none is lost", sum(kept.values()), 12.0, tolerance=1e-9)
