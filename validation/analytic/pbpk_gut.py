"""Absorption from the gut: dissolution, solubility, permeability, transit and efflux."""

from __future__ import annotations

from functools import cache

import numpy as np

import sbmlqsp as qsp
from validation.analytic import pk
from validation.analytic.pbpk import joined, linear, pooled
from validation.cases import Bench, case, holds, model_of, same
from validation.reference import integrate

SETS = {
    "typical": {},
    "impermeable": {"Peff": 0.004, "radius": 1.2, "kt": 0.5, "kdiss": 30.0, "F_g": 0.3},
    "permeable": {"Peff": 40.0, "kt": 0.1, "kdiss": 0.05, "F_g": 0.9, "V_lumen": 0.05},
}
POOLS = ("solid", "amount(dissolved)", "amount(central)", "gut_loss", "excreted")
SOLUBLE = {"S": 1e15}


def ends(*rates: float) -> float:
    """Return a time by which all first-order processes are over to one part in 1e13."""
    return 30.0 / min(rates)


# ------------------------------------------------------------------------------------------------------- a mixed lumen
@case("gut_absorption", rows="S1-03A", sets=SETS)
def a_solution_is_limited_by_permeability(b: Bench):
    """A dissolved dose leaves with ka + kt, ka = 2 Peff / R; ka / (ka + kt) of it is absorbed, F_g of that intact."""
    p = b.p
    ka = 2.0 * p.Peff / p.radius
    t = np.linspace(0.0, 5.0, 11) / (ka + p.kt)
    got = b.run(t, *POOLS, "absorption_rate", regimen="60 mg into dissolved")
    left = 60.0 * np.exp(-(ka + p.kt) * t)
    gone = 60.0 * t * pk.gain((ka + p.kt) * t)
    yield same("lumen", got["amount(dissolved)"], left, at=t)
    yield same("rate", got["absorption_rate"], ka * left, at=t)
    yield same("absorbed", got["amount(central)"], p.F_g * ka * gone, at=t)
    yield same("lost in the wall", got["gut_loss"], (1.0 - p.F_g) * ka * gone, at=t)
    yield same("excreted", got["excreted"], p.kt * gone, at=t)
    late = b.run([0.0, ends(ka + p.kt)], "excreted", regimen="60 mg into dissolved")["excreted"][1]
    yield same("F_abs", [b.start()["F_abs"], 1.0 - late / 60.0], [ka / (ka + p.kt)] * 2)
    closed = b.run([0.0, 3.32], "amount(dissolved)", regimen="60 mg into dissolved", changes={"kt": 0.0})
    plug = b.start({"kt": 1.0 / 3.32})["F_abs_plug"]
    yield same(
        "without mixing, 1 - exp(-2 An)",
        [1.0 - closed["amount(dissolved)"][1] / 60.0, plug],
        [-np.expm1(-ka * 3.32)] * 2,
    )


@case("gut_absorption", rows="S1-03A", sets=SETS)
def a_solid_is_limited_by_dissolution(b: Bench):
    """Far below its solubility a solid is absorbed to kdiss / (kdiss + kt) ka / (ka + kt), by two steps in a row."""
    p = b.p
    ka = 2.0 * p.Peff / p.radius
    one, two = p.kdiss + p.kt, ka + p.kt
    t = np.linspace(0.0, 4.0, 11) / min(one, two)
    got = b.run(t, *POOLS, regimen="60 mg into solid", changes=SOLUBLE)
    early = t <= 15.0 / one
    yield same("solid", got["solid"][early], 60.0 * np.exp(-one * t[early]), at=t[early])
    yield same("dissolved", got["amount(dissolved)"], 60.0 * p.kdiss * pk.passage(one, two, t), at=t)
    late = b.run([0.0, ends(one, two)], *POOLS, regimen="60 mg into solid", changes=SOLUBLE)
    whole = p.kdiss / one * ka / two
    yield same("F_abs_solid", [b.start()["F_abs_solid"], 1.0 - late["excreted"][1] / 60.0], [whole] * 2)
    yield same("intact", late["amount(central)"][1] / 60.0, p.F_g * whole)
    out = b.start({"S": 3.0, "dose": 200.0})
    numbers = [p.Peff / p.kt / p.radius, p.kdiss / p.kt, 200.0 / 3.0 / p.V_lumen]
    yield same("An, Dn, Do", [out["An"], out["Dn"], out["Do"]], numbers)


@case("gut_absorption", rows="S1-03A", sets=SETS)
def a_saturated_lumen_absorbs_at_its_largest_rate(b: Bench):
    """With solid in excess that dissolves at once, absorption is S V_lumen ka; over T_si that is the MAD."""
    p = b.p
    ka = 2.0 * p.Peff / p.radius
    out = b.start({"S": 2.0})
    largest = 2.0 * p.V_lumen * ka
    yield same("J_max and MAD", [out["J_max"], out["MAD"]], [largest, largest / p.kt])
    lag = []
    for fast in (1e1, 1e2):
        # The lumen is short of saturation by ka V S / (kdiss solid): small where much solid dissolves fast.
        change = {"S": 2.0, "kdiss": fast * (ka + p.kt), "kt": 0.0}
        t = np.array([0.0, 20.0, 21.0]) / (ka + p.kt)
        solid = 1e3 * 2.0 * p.V_lumen
        got = b.run(t, "amount(central)", "gut_loss", regimen=f"{solid:.17g} mg into solid", changes=change)
        taken = np.diff(got["amount(central)"] + got["gut_loss"])[1] / (t[2] - t[1])
        lag.append(1.0 - taken / largest)
    yield holds("nearly the largest rate, ever nearer", 0.0 < lag[1] < 1.1e-5, lag[0] < 1.1e-4)


@case("gut_absorption", rows="S1-03A", sets=SETS)
def solubility_limits_a_large_dose(b: Bench):
    """All limits at once, against a trusted solver: the larger the dose over the solubility, the less is absorbed."""
    p = b.p
    ka, s = 2.0 * p.Peff / p.radius, 8.0

    def rates(_, y):
        solid, dissolved = y[0], y[1]
        net = p.kdiss * solid * (1.0 - dissolved / p.V_lumen / s)
        return [-net - p.kt * solid, net - (ka + p.kt) * dissolved, ka * dissolved, p.kt * (solid + dissolved)]

    fractions = []
    for dose in (0.1, 10.0, 1000.0):
        t = np.append(0.0, np.geomspace(0.05, 12.0, 9) / p.kt)
        got = b.run(t, *POOLS, regimen=f"{dose} mg into solid", changes={"S": s})
        exact = integrate(rates, [dose, 0.0, 0.0, 0.0], t, rtol=1e-12, atol=1e-18 * dose)
        early = exact[:, 0] > 1e-9 * dose
        yield same(f"solid, {dose:g} mg", got["solid"][early], exact[early, 0], at=t[early])
        yield same(f"absorbed, {dose:g} mg", got["amount(central)"] + got["gut_loss"], exact[:, 2], at=t)
        yield same(f"excreted, {dose:g} mg", got["excreted"], exact[:, 3], at=t)
        fractions.append(exact[-1, 2] / dose)
    yield holds("falls with the dose", np.diff(fractions) < 0.0)


@case("gut_absorption", rows="S1-03A", sets=SETS)
@case(
    "gut_transit_absorption",
    rows="S1-03A",
    sets={"typical": {}, "low": {"Peff": 0.01}, "high": {"Peff": 30.0, "T_si": 1.1}},
)
@case("gut_efflux", rows="S1-22", sets={"typical": {}, "strong": {"E_Pgp": 90.0}, "none": {"E_Pgp": 0.0, "kt": 0.01}})
def nothing_is_lost(b: Bench):
    """What was given is in the lumen, in the wall, absorbed, lost in the wall or excreted."""
    t = np.array([0.0, 0.1, 1.0, 5.0, 40.0])
    names = [f"amount({s.id})" for s in b.model.network.species]
    first = {"gut_absorption": "solid", "gut_transit_absorption": "M1", "gut_efflux": "lumen"}[b.model.id]
    got = b.run(t, *names, regimen=f"25 mg into {first}")
    yield same("all pools", sum(got.values()), 25.0, tolerance=1e-9)
    yield holds("none below zero", [min(v) > -1e-12 for v in got.values()])


@cache
def _oral() -> qsp.Model:
    connect = pooled("liver") | {
        "gut.arterial": "pool.blood",
        "gut.V_art": qsp.Link("pool.V_blood", wins="source"),
        "gut.portal": "liver.tissue",
        "gut.V_liver": "liver.V",
        "gut.BP": "pool.BP",
        "oral.central": "gut.tissue",
        "oral.V": qsp.Link("gut.V", wins="source"),
        "liver.CLint": "vitro.CLint_microsomes",
    }
    ids = {"pool": "blood_pool", "gut": "portal_organ", "liver": "circulation_liver", "oral": "gut_absorption"}
    models = {name: model_of(i) for name, i in {**ids, "vitro": "ivive"}.items()}
    return qsp.compose("oral_route", models, connect=connect)


@case("gut_absorption", rows="S1-03A", sets=SETS)
def bioavailability_is_absorption_gut_and_liver(b: Bench):
    """From data in vitro: the area after an oral solution is F_abs F_g F_h dose / CL_h, F_h = Q / (Q + fu CLint)."""
    p = b.p
    body = Bench(_oral(), {f"oral.{k}": v for k, v in b.changes.items()} | {"vitro.CLint_mic": 35.0, "liver.fu": 0.2})
    clint = 35.0 * 32.0 * 1800.0 * 6e-5
    q, ka = 25.35 + 74.1, 2.0 * p.Peff / p.radius
    f_h = q / (q + 0.2 * clint)
    arm = body.experiment([0.0, 400.0 / min(p.kt, 1.0)], "pool.C_blood", regimen="70 mg into oral.dissolved")
    area = float(qsp.integral(arm, "pool.C_blood"))
    yield same("area", area, 70.0 * ka / (ka + p.kt) * p.F_g * f_h / (q * (1.0 - f_h)))


# ------------------------------------------------------------------------------------------------------ seven segments
SEGMENTS = {
    "typical": {},
    "impermeable": {"Peff": 0.002, "T_si": 5.0, "F_g": 0.4},
    "permeable": {"Peff": 30.0, "radius": 1.0, "T_si": 1.2},
}


@case("gut_transit_absorption", rows="S1-03A", sets=SEGMENTS)
def absorbs_along_seven_segments(b: Bench):
    """Seven tanks in series: amounts by matrix exponential, fraction absorbed 1 - (1 + ka T_si / 7)^-7."""
    p = b.p
    ka, kt = 2.0 * p.Peff / p.radius, 7.0 / p.T_si
    a = np.zeros((10, 10))
    for i in range(7):
        a[i, i] = -ka - kt
        a[i + 1 if i < 6 else 9, i] = kt
        a[7, i], a[8, i] = p.F_g * ka, (1.0 - p.F_g) * ka
    names = [*(f"M{i}" for i in range(1, 8)), "amount(central)", "gut_loss", "excreted"]
    t = np.append(0.0, np.linspace(0.2, 4.0, 12) * p.T_si * kt / (ka + kt))
    got = b.run(t, *names, "absorption_rate", regimen="40 mg into M1")
    exact = linear(a, [40.0, *([0.0] * 9)], t)
    for i, name in enumerate(names):
        yield same(name, got[name], exact[:, i], at=t)
    yield same("rate", got["absorption_rate"], ka * exact[:, :7].sum(axis=1), at=t)
    late = b.run([0.0, 60.0 * p.T_si], "excreted", "amount(central)", regimen="40 mg into M1")
    fraction = 1.0 - (1.0 + ka * p.T_si / 7.0) ** -7
    yield same("F_abs", [b.start()["F_abs"], 1.0 - late["excreted"][1] / 40.0], [fraction, fraction])
    yield same("intact", late["amount(central)"][1] / 40.0, p.F_g * fraction)


# -------------------------------------------------------------------------------------------------------------- efflux
EFFLUX = {
    "typical": {},
    "strong": {"kef": 80.0, "E_Pgp": 4.0, "kt": 0.9, "F_h": 0.3},
    "weak": {"kef": 0.01, "ka": 0.05, "kb": 9.0},
    "no transporter": {"E_Pgp": 0.0, "kb": 0.2},
}


def fraction(p, e: float) -> float:
    """Fraction absorbed by way of the net passage across the wall."""
    net = p.ka * p.kb / (p.kb + p.kef * e)
    return net / (net + p.kt)


@case("gut_efflux", rows="S1-22", sets=EFFLUX)
def lumen_and_wall_are_a_matrix_exponential(b: Bench):
    """Lumen and wall exchange by first-order steps; F_abs = ka kb / ((ka + kt) kb + kt kef E) in the end."""
    p = b.p
    out = p.kef * p.E_Pgp
    a = [[-p.ka - p.kt, out, 0, 0], [p.ka, -p.kb - out, 0, 0], [0, p.kb, 0, 0], [p.kt, 0, 0, 0]]
    names = ["lumen", "enterocyte", "amount(central)", "excreted"]
    slowest = -np.linalg.eigvals(np.array(a)[:2, :2]).real.max()
    t = np.append(0.0, np.geomspace(0.01, 6.0, 14) / slowest)
    got, exact = b.run(t, *names, regimen="15 mg into lumen"), linear(a, [15.0, 0.0, 0.0, 0.0], t)
    for i, name in enumerate(names):
        yield same(name, got[name], exact[:, i], at=t)
    late = b.run([0.0, 40.0 / slowest], "amount(central)", regimen="15 mg into lumen")["amount(central)"][1]
    f = p.ka * p.kb / ((p.ka + p.kt) * p.kb + p.kt * p.kef * p.E_Pgp)
    yield same("F_abs", [b.start()["F_abs"], late / 15.0], [f, f])


@case("gut_efflux", rows="S1-22", sets=EFFLUX)
def absorbs_less_with_more_transporter(b: Bench):
    """F_abs falls with expression from ka / (ka + kt) to zero; effective permeability falls with it."""
    p = b.p
    levels = (0.0, 0.5, 1.0, 3.0, 1e6)
    got = [b.start({"E_Pgp": e}) for e in levels]
    yield same("F_abs", [g["F_abs"] for g in got], [fraction(p, e) for e in levels])
    yield same("no transporter", got[0]["F_abs"], p.ka / (p.ka + p.kt))
    wall = [p.ka / (1.0 + p.kef * e / p.kb) for e in levels]
    yield same("ka_eff", [g["ka_eff"] for g in got], wall)
    yield same("Peff", [g["Peff"] for g in got], [w * p.radius / 2.0 for w in wall])
    yield holds("falls", np.diff([g["F_abs"] for g in got]) < 0.0, np.diff([g["Peff"] for g in got]) < 0.0)


@cache
def _first_pass() -> qsp.Model:
    connect = {"gut.F_h": "liver.F_h", "gut.central": "pk.central", "gut.V": "pk.V"}
    return joined("firstpass", {"gut": "gut_efflux", "liver": "liver_well_stirred", "pk": "one_compartment"}, connect)


@case("gut_efflux", rows="S1-22", sets=EFFLUX)
def takes_the_liver_into_account(b: Bench):
    """F = F_abs F_h, with the availability of a liver that is joined."""
    body = Bench(_first_pass(), {f"gut.{k}": v for k, v in b.changes.items() if k != "F_h"})
    yield same("alone", b.start()["F"], fraction(b.p, b.p.E_Pgp) * b.p.F_h)
    for clint in (0.0, 400.0, 1e5):
        got = body.start({"liver.CLint": clint, "liver.fu": 0.25})
        yield same(f"CLint {clint:g}", got["gut.F"], fraction(b.p, b.p.E_Pgp) / (1.0 + 0.25 * clint / 99.45))
