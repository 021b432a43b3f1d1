"""The whole body: a matrix exponential from the physiology, mass balance, emergent clearance, special populations."""

from __future__ import annotations

from functools import cache
from types import SimpleNamespace

import numpy as np
from numpy.typing import NDArray

import sbmlqsp as qsp
from validation.analytic import pk
from validation.analytic.pbpk import linear
from validation.cases import Bench, case, holds, model_of, same

Array = NDArray[np.float64]

ORGANS = ("lung", "gut", "liver", "kidney", "muscle", "adipose", "rest")
PLACES = ("art", "ven", *ORGANS, "depot")
AMOUNTS = (
    "amount(art.arterial)",
    "amount(ven.venous)",
    *(f"amount({o}.tissue)" for o in ORGANS),
    "oral.depot",
)
SETS = {
    "typical": {},
    "high extraction": {
        "CLint_ref": 9000.0,
        "fu": 0.7,
        "BP": 0.8,
        "WT": 20.0,
        "Kp_adipose": 40.0,
        "CL_sec_ref": 30.0,
        "ka": 0.3,
    },
    "restrictive": {
        "fu": 0.004,
        "CLint_ref": 50.0,
        "BP": 0.6,
        "Kp_muscle": 0.1,
        "Kp_adipose": 0.05,
        "Kp_rest": 0.2,
        "WT": 110.0,
    },
    "many routes": {
        "CLint_gut": 30.0,
        "CLint_lung": 20.0,
        "CLint_muscle": 4.0,
        "CLint_rest": 1.0,
        "F_reab": 0.6,
        "fu": 0.5,
    },
}


def anatomy(p) -> SimpleNamespace:
    """Volumes, flows and clearances of the subject, from the reference subject."""
    size, flow = (p.WT / p.WT_ref) ** p.volume_exponent, (p.WT / p.WT_ref) ** p.flow_exponent
    v = {x: getattr(p, f"V_{x}_ref") * size for x in ("art", "ven", *ORGANS)}
    co = p.Q_co_ref * flow
    q = {x: getattr(p, f"q_{x}") * co for x in ("ha", "gut", "kidney", "muscle", "adipose")}
    q["rest"] = co - sum(q.values())
    q["lung"], q["liver"] = co, q["ha"] + q["gut"]
    filtered = p.fu * p.f_kidney * p.GFR_ref * flow * (1.0 - p.F_reab) / p.BP
    tissue = {x: getattr(p, f"CLint_{x}") for x in ("lung", "gut", "muscle", "adipose", "rest")}
    tissue["liver"] = p.fu * p.f_liver * p.CLint_ref * size / p.Kp_liver
    tissue["kidney"] = p.fu * p.f_kidney * p.CL_sec_ref * flow * (1.0 - p.F_reab) / p.Kp_kidney
    kp = {x: getattr(p, f"Kp_{x}") / p.BP for x in ORGANS}
    return SimpleNamespace(v=v, q=q, co=co, filtered=filtered, clint=tissue, kp=kp, bp=p.BP, ka=p.ka)


def rates(a: SimpleNamespace) -> Array:
    """Rates of change of the amounts at PLACES: the circulation, term by term."""
    m = np.zeros((len(PLACES), len(PLACES)))
    at = {name: i for i, name in enumerate(PLACES)}

    def move(source: str, target: str | None, k: float) -> None:
        m[at[source], at[source]] -= k
        if target:
            m[at[target], at[source]] += k

    move("ven", "lung", a.co / a.v["ven"])
    drains = {"lung": "art", "gut": "liver"}
    for x in ORGANS:
        supply = a.q["ha"] if x == "liver" else a.q[x]
        if x == "kidney":
            move("art", None, a.filtered / a.v["art"])
            supply -= a.filtered
        if x != "lung":
            move("art", x, supply / a.v["art"])
        move(x, drains.get(x, "ven"), a.q[x] / a.kp[x] / a.v[x])
        move(x, None, a.clint[x] / a.v[x])
    move("depot", "gut", a.ka)
    return m


def start(dose: float, place: str) -> Array:
    """Return amounts with a dose in one place."""
    return dose * np.array([float(x == place) for x in PLACES])


def slowest(m: Array) -> float:
    """Rate constant of the terminal phase."""
    return float(-np.linalg.eigvals(m).real.max())


def at_start(b: Bench, *names: str, **changes: float) -> dict[str, float]:
    """Return some values at time 0; all of a body's would take long."""
    return {k: float(v[0]) for k, v in b.run([0.0, 1.0], *names, changes=changes).items()}


def area(b: Bench, name: str, regimen: str, end: float) -> float:
    """Area under a simulated curve from the dose on."""
    return float(qsp.integral(b.experiment([0.0, end], name, regimen=regimen), name))


# ------------------------------------------------------------------------------------------------------------- dynamics
@case("pbpk_body", rows="S1-03", sets=SETS)
def is_a_matrix_exponential(b: Bench):
    """All amounts after an intravenous and an oral dose are the matrix exponential of the circulation."""
    a = anatomy(b.p)
    m = rates(a)
    t = np.append(0.0, np.geomspace(0.01, 5.0 / slowest(m), 14))
    for place, target in (("ven", "ven.venous"), ("depot", "oral.depot")):
        got = b.run(t, *AMOUNTS, "C", "C_art", regimen=f"100 mg into {target}")
        exact = linear(m, start(100.0, place), t)
        for i, name in enumerate(AMOUNTS):
            late = exact[:, i] > 1e-10
            yield (
                same(f"{place}: {name}", got[name][late], exact[late, i]) if late.any() else same(name, got[name], 0.0)
            )
        yield same(f"{place}: venous plasma", got["C"], exact[:, 1] / a.v["ven"] / a.bp, at=t)
        yield same(f"{place}: arterial plasma", got["C_art"], exact[:, 0] / a.v["art"] / a.bp, at=t)


@case("pbpk_body", rows="S1-03", sets=SETS)
def recovers_the_dose(b: Bench):
    """At all times what was given is in the body, waiting to be absorbed, or eliminated."""
    m = rates(anatomy(b.p))
    t = np.append(0.0, np.geomspace(1e-3, 20.0 / slowest(m), 25))
    regimen = "100 mg into ven.venous; 40 mg into oral.depot; 6 mg into rest.tissue"
    got = b.run(t, "body", "oral.depot", "eliminated", *AMOUNTS[:-1], regimen=regimen)
    yield same("dose", got["body"] + got["oral.depot"] + got["eliminated"], 146.0, tolerance=1e-9)
    yield same("body is its parts", got["body"] + got["oral.depot"], sum(got[n] for n in AMOUNTS), tolerance=1e-12)
    yield holds("only eliminated in the end", got["eliminated"][0] == 0.0, np.diff(got["eliminated"]) >= -1e-9)
    none = {"fu": 0.0, **{f"CLint_{x}": 0.0 for x in ("lung", "gut", "muscle", "adipose", "rest")}}
    kept = b.run(t, "body", "eliminated", regimen="100 mg into ven.venous", changes=none)
    yield same("without elimination", kept["body"], 100.0, tolerance=1e-9)
    yield same("nothing eliminated", kept["eliminated"], 0.0)


@case("pbpk_body", rows=("S1-03", "S2-18"), sets=SETS)
def area_is_dose_over_emergent_clearance(b: Bench):
    """The area under arterial plasma is dose / CL after a bolus and F dose / CL after an oral dose."""
    a = anatomy(b.p)
    out = at_start(b, "CL", "F", "CL_h", "CL_r")
    m = rates(a)
    end = 45.0 / slowest(m)
    by_matrix = np.linalg.solve(-m, start(100.0, "ven"))[0] / a.v["art"] / a.bp
    yield same("CL", out["CL"], 100.0 / by_matrix)
    yield same("area", area(b, "C_art", "100 mg into ven.venous", end), by_matrix)
    oral = np.linalg.solve(-m, start(100.0, "depot"))[0] / a.v["art"] / a.bp
    yield same("F", out["F"], oral / by_matrix)
    yield same("area, oral", area(b, "C_art", "100 mg into oral.depot", end), oral)
    e = {x: a.clint[x] * a.kp[x] / (a.q[x] + a.clint[x] * a.kp[x]) for x in ORGANS}
    into = a.q["ha"] + a.q["gut"] * (1.0 - e["gut"])
    yield same("CL_h", out["CL_h"], a.bp * into * e["liver"])
    kidney = a.filtered + (a.q["kidney"] - a.filtered) * e["kidney"]
    yield same("CL_r", out["CL_r"], a.bp * kidney)
    if b.p.CLint_gut == 0.0:
        x = b.p.fu * b.p.f_liver * b.p.CLint_ref * (b.p.WT / b.p.WT_ref)
        yield same("well stirred", out["CL_h"], a.bp * a.q["liver"] * x / (a.q["liver"] * a.bp + x))


@case("pbpk_body", rows="S1-03", sets=SETS)
def steady_ratios_and_volume(b: Bench):
    """An infusion settles at R / CL in arterial plasma; every tissue at Kp (1 - E) / BP of blood; their sum is Vss."""
    a = anatomy(b.p)
    out = at_start(b, "CL", "Vss")
    m = rates(a)
    end = 40.0 / slowest(m)
    names = [*(f"{x}.C" for x in ORGANS), "C_art", "C", "body"]
    got = {k: v[1] for k, v in b.run([0.0, end], *names, changes={"R_in": 5.0}).items()}
    rest = np.linalg.solve(-m, start(5.0, "ven"))
    art = rest[0] / a.v["art"]
    yield same("plasma", [got["C_art"], 5.0 / out["CL"]], [art / a.bp] * 2)
    e = {x: a.clint[x] * a.kp[x] / (a.q[x] + a.clint[x] * a.kp[x]) for x in ORGANS}
    for x in ("gut", "muscle", "adipose", "rest"):
        yield same(f"{x}: Kp (1 - E)", got[f"{x}.C"] / art, a.kp[x] * (1.0 - e[x]))
    yield same("lung, to venous blood", got["lung.C"] / got["C"] / a.bp, a.kp["lung"] * (1.0 - e["lung"]))
    entering = (a.q["ha"] + a.q["gut"] * (1.0 - e["gut"])) / a.q["liver"]
    yield same("liver", got["liver.C"] / art, a.kp["liver"] * (1.0 - e["liver"]) * entering)
    yield same(
        "kidney", got["kidney.C"] / art, a.kp["kidney"] * (1.0 - a.filtered / a.q["kidney"]) * (1.0 - e["kidney"])
    )
    yield same("Vss", [got["body"] / got["C_art"], out["Vss"]], [rest[:-1].sum() / art * a.bp] * 2)
    infused = b.run([0.0, end], "C_art", regimen=f"{5.0 * end:.17g} mg into ven.venous over {end:.17g} h")["C_art"][1]
    yield same("by regimen", infused, art / a.bp)


# -------------------------------------------------------------------------------------------------- special populations
PEOPLE = {
    "hepatic impairment": {"f_liver": 0.25, "fu": 0.14},
    "renal impairment": {"f_kidney": 0.2},
    "child of 15 kg": {"WT": 15.0, "f_liver": 0.8, "f_kidney": 0.9},
    "inhibitor at 3 Ki": {"f_liver": 0.25},
    "portal shunt": {"q_gut": 0.06, "f_liver": 0.5},
    "anaemia": {"BP": 0.85},
}


@cache
def _with_area() -> qsp.Model:
    return qsp.accumulate(model_of("pbpk_body"), area="C_art")


def exposure(changes: dict[str, float], target: str) -> dict[str, float]:
    """Return the area under arterial plasma after 100 mg until all is gone, with CL and F, in one run."""
    one = Bench(_with_area(), changes)
    got = one.run([0.0, 45.0 / slowest(rates(anatomy(one.p)))], "area", "CL", "F", regimen=f"100 mg into {target}")
    return {name: values[1] for name, values in got.items()}


@case("pbpk_body", rows="S1-04", sets=SETS)
def predicts_special_populations(b: Bench):
    """The exposure ratio of a patient is the inverse ratio of clearances; after oral doses F enters too."""
    healthy, healthy_oral = (exposure(b.changes, r) for r in ("ven.venous", "oral.depot"))
    for name, person in PEOPLE.items():
        changes = {**b.changes, **person}
        a = anatomy(Bench(b.model, changes).p)
        iv, oral = (exposure(changes, r) for r in ("ven.venous", "oral.depot"))
        right = np.linalg.solve(-rates(a), start(100.0, "ven"))[0] / a.v["art"] / a.bp
        yield same(f"{name}: area", iv["area"], right)
        yield same(f"{name}: ratio", iv["area"] / healthy["area"], healthy["CL"] / iv["CL"])
        ratio = oral["F"] / oral["CL"] / (healthy["F"] / healthy["CL"])
        yield same(f"{name}: oral ratio", oral["area"] / healthy_oral["area"], ratio)


@case("pbpk_body", rows=("S1-04", "S1-03"), sets=SETS)
def scales_with_weight(b: Bench):
    """Volumes grow with weight, flows and filtration with its three-quarter power."""
    p, flows = b.p, [f"Q_{x}" for x in ("ha", "gut", "kidney", "muscle", "adipose", "rest")]
    sizes = ["Q_co", *flows, *(f"V_{x}" for x in ("art", *ORGANS)), "GFR", "CLint"]
    ref, big = (at_start(b, *sizes, WT=w) for w in (73.0, 146.0))
    yield same("flows", big["Q_co"] / ref["Q_co"], 2.0**0.75)
    yield same("volumes", [big[f"V_{x}"] / ref[f"V_{x}"] for x in ("art", *ORGANS)], 2.0)
    yield same("GFR and CLint", [big["GFR"] / ref["GFR"], big["CLint"] / ref["CLint"]], [2.0**0.75, 2.0])
    yield same("flows add up", sum(big[x] for x in flows), big["Q_co"])
    filtered = at_start(b, "CL_r", CLint_ref=0.0, CL_sec_ref=0.0, F_reab=0.0)
    yield same("filtration alone", filtered["CL_r"], p.fu * p.GFR_ref * (p.WT / 73.0) ** 0.75)


# -------------------------------------------------------------------------------------------------------------- lumping
@case("pbpk_body", rows="S1-11", sets=SETS)
def lumped_organs_are_approximate(b: Bench):
    """Blood with rapid organs, and slow organs: V1 exceeds blood, and more than two exponentials show."""
    a = anatomy(b.p)
    out = at_start(b, "V1_lumped", "V2_lumped", "Q_lumped", "CL")
    v1 = a.bp * (a.v["art"] + a.v["ven"] + sum(a.v[x] * a.kp[x] for x in ("lung", "gut", "liver", "kidney")))
    v2 = a.bp * sum(a.v[x] * a.kp[x] for x in ("muscle", "adipose", "rest"))
    q = a.bp * (a.q["muscle"] + a.q["adipose"] + a.q["rest"])
    yield same("lumps", [out["V1_lumped"], out["V2_lumped"], out["Q_lumped"]], [v1, v2, q])
    yield holds("V1 is more than blood", v1 > a.bp * (a.v["art"] + a.v["ven"]))
    form = pk.two_compartment(central_volume=v1, clearance=out["CL"], peripheral_volume=v2, exchange=q)
    t = np.append(0.0, np.geomspace(0.02, 10.0, 20))
    got = b.run(t, "C", regimen="100 mg into ven.venous")["C"]
    yield holds("extra exponentials show", np.abs(got / pk.bolus(form, t, dose=100.0) - 1.0).max() > 1e-2)
    area_two = sum(w / k for w, k in form.terms()) * 100.0
    yield same("the area is the same", area(b, "C_art", "100 mg into ven.venous", 45.0 / slowest(rates(a))), area_two)
