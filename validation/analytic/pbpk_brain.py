"""The blood-brain barrier, and tissues that hold a saturable target."""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy.optimize import brentq

import sbmlqsp as qsp
from validation.analytic import pk
from validation.analytic.pbpk import joined
from validation.cases import Bench, case, holds, model_of, same
from validation.reference import integrate

SETS = {
    "typical": {},
    "tight": {"PS": 0.02, "CL_efflux": 60.0, "CL_bulk": 0.4, "Vu": 300.0, "fu": 0.01, "Kd": 3e-5},
    "open": {"PS": 90.0, "CL_efflux": 0.0, "CL_bulk": 0.0, "Vu": 0.7, "fu": 0.9, "V_br": 0.4},
    "pumped in": {"CL_uptake": 40.0, "CL_efflux": 3.0, "I": 2.0, "Ki": 0.1},
}


def barrier(p, inhibitor: float | None = None) -> tuple[float, float]:
    """Return the clearance into the brain and that out of it, of unbound drug."""
    level = p.I if inhibitor is None else inhibitor
    return p.PS + p.CL_uptake, p.PS + p.CL_bulk + p.CL_efflux * p.Ki / (p.Ki + level)


# ------------------------------------------------------------------------------------------------------------- barrier
@case("brain_barrier", rows="S0-02", sets=SETS)
def fills_to_kp_uu(b: Bench):
    """At a constant plasma level unbound drug goes to Kp,uu fu Cp, Kp,uu = PS / (PS + CL_efflux + CL_bulk)."""
    p = b.p
    into, out = barrier(p)
    k = out / p.V_br / p.Vu
    t = np.linspace(0.0, 6.0, 16) / k
    got = b.run(t, "Cu", "C_brain", "RO", changes={"Cp": 0.7})
    cu = into * p.fu * 0.7 / p.V_br / p.Vu * t * pk.gain(k * t)
    yield same("unbound", got["Cu"], cu, at=t)
    yield same("total", got["C_brain"], cu * p.Vu, at=t)
    yield same("occupancy", got["RO"], cu / (p.Kd + cu), at=t)
    rest = b.at_rest({"Cp": 0.7})
    yield same("Kp_uu", [rest["Kp_uu"], rest["Cu"] / 0.7 / p.fu], [into / out] * 2)
    yield same("Kp", [rest["Kp"], rest["C_brain"] / 0.7], [p.fu * p.Vu * into / out] * 2)
    yield same("no efflux, no bulk flow", b.start({"CL_efflux": 0.0, "CL_bulk": 0.0, "CL_uptake": 0.0})["Kp_uu"], 1.0)
    shut = b.run([0.0, 9.0], "Kp_uu", "Cu", changes={"Cp": 1.0, "PS": 0.0, "CL_uptake": 0.0, "CL_bulk": 0.2})
    yield same("no passage", [shut["Kp_uu"][0], shut["Cu"][1]], [0.0, 0.0])


@case("brain_barrier", rows="S0-02", sets=SETS)
def reaches_equilibrium_in_time(b: Bench):
    """The fraction f is reached after -ln(1 - f) V_br Vu / (PS + efflux + bulk), whatever fu and influx."""
    p = b.p
    k = barrier(p)[1] / p.V_br / p.Vu
    for f in (0.5, 0.9, 0.999):
        at = b.start({"f_eq": f})["t_eq"]
        yield same(f"t_eq {f}", at, -np.log1p(-f) / k)
        filling = b.experiment([0.0, 20.0 / k], "Cu", changes={"Cp": 1.0})
        level = f * p.fu * barrier(p)[0] / barrier(p)[1]
        yield same(f"first reached {f}", float(qsp.time_to(filling, "Cu", level=level)), -np.log1p(-f) / k)
        yield same(f"reached {f}", b.run([0.0, at], "Cu", changes={"Cp": 1.0})["Cu"][1], level)
    yield same("half-life", b.start()["t_half"], np.log(2.0) / k)
    leaving = b.run([0.0, np.log(2.0) / k], "Cu", changes={"brain": 4.0})["Cu"]
    yield same("leaves with the same half-life", leaving[1] / leaving[0], 0.5)
    slow = b.start({"Vu": 10.0 * p.Vu})
    yield same(
        "binding slows, extent stays", [slow["t_half"], slow["Kp_uu"]], [10.0 * np.log(2.0) / k, np.divide(*barrier(p))]
    )


@case("brain_barrier", rows="S0-02", sets=SETS)
def inhibited_efflux_raises_kp_uu(b: Bench):
    """Efflux divided by 1 + I / Ki raises Kp,uu up to PS / (PS + CL_bulk), and makes equilibration slower."""
    p = b.p
    levels = np.array([0.0, 0.5, 1.0, 10.0, 1e9]) * p.Ki
    got = [b.at_rest({"Cp": 1.0, "I": level}) for level in levels]
    right = [np.divide(*barrier(p, level)) for level in levels]
    yield same("exposure", [g["Cu"] / p.fu for g in got], right)
    yield same("Kp_uu", [g["Kp_uu"] for g in got], right)
    yield same("effect", [g["efflux_effect"] for g in got], np.array(right) / right[0])
    yield same("all inhibited", right[-1], (p.PS + p.CL_uptake) / (p.PS + p.CL_bulk))
    yield holds("never faster", np.diff([g["t_half"] for g in got]) >= 0.0)


@cache
def _patient() -> qsp.Model:
    return joined("patient", {"pk": "one_compartment", "brain": "brain_barrier"}, {"brain.Cp": "pk.C"})


@case("brain_barrier", rows="S0-02", sets=SETS)
def infusion_reaches_the_target_occupancy(b: Bench):
    """The infusion R = CL Kd RO / (1 - RO) / (fu Kp,uu) settles at the wanted occupancy; a bolus is exact."""
    p, (into, out) = b.p, barrier(b.p)
    for ro in (0.05, 0.7, 0.99):
        needed = p.Kd * ro / (1.0 - ro) / p.fu * out / into
        start = b.start({"RO_target": ro, "CL": 2.7})
        yield same(f"plasma level for {ro}", start["Cp_target"], needed)
        yield same(f"rate for {ro}", start["R_target"], 2.7 * needed)
        yield same(f"occupancy {ro}", b.at_rest({"Cp": needed})["RO"], ro)
    half = p.Kd / p.fu * out / into
    near = {"observable": "RO", "changes": b.changes, "between": (half, half * 4.0)}
    yield same("found", float(qsp.level_for(b.model, "Cp", target=0.7, **near)), half * 0.7 / 0.3)
    rest = {"observable": "fu * Kp_uu * Cp / (Kd + fu * Kp_uu * Cp)", "changes": b.changes}
    yield same("by its formula, anywhere", float(qsp.level_for(b.model, "Cp", target=0.7, **rest)), half * 0.7 / 0.3)
    never = qsp.level_for(b.model, "Cp", target=1.1, **rest)
    yield holds("more than all is impossible", not never.possible)
    body = Bench(_patient(), {f"brain.{k}": v for k, v in b.changes.items()})
    k, kel = out / p.V_br / p.Vu, 2.7 / 34.0
    t = np.append(0.0, np.linspace(0.3, 4.0, 9) / min(k, kel))
    got = body.run(t, "brain.Cu", "brain.RO", regimen="50 mg into pk.central")
    cu = into * p.fu * 50.0 / 34.0 / p.V_br / p.Vu * pk.passage(k, kel, t)
    yield same("after a bolus", got["brain.Cu"], cu, at=t)
    yield same("occupancy after a bolus", got["brain.RO"], cu / (p.Kd + cu), at=t)
    arm = body.experiment([0.0, 9.0 / min(k, kel)], "brain.Cu", regimen="50 mg into pk.central")
    wanted = p.Kd * 0.4 / 0.6
    factor = float(qsp.dose_for(arm, "brain.Cu", target=wanted, statistic="max", between=(1e-6, 1e6)))
    tmax = np.log(k / kel) / (k - kel)
    peak = into * p.fu * 50.0 / 34.0 / p.V_br / p.Vu * float(pk.passage(k, kel, tmax))
    yield same("bolus for a peak occupancy", factor, wanted / peak)
    end = 40.0 / min(k, kel)
    rate = b.start({"CL": 2.7})["R_target"]
    infused = body.run([0.0, end], "brain.RO", regimen=f"{rate * end:.17g} mg into pk.central over {end:.17g} h")
    yield same("infused to the target", infused["brain.RO"][1], p.RO_target)


# ---------------------------------------------------------------------------------------- partition with a target
TARGET = {
    "typical": {},
    "strong": {"Kd": 1e-4, "Bmax": 9.0, "Kns": 0.3, "fu": 0.9},
    "weak": {"Kd": 8.0, "Bmax": 0.2, "Kns": 40.0, "fu": 0.02},
}


@case("tissue_binding_partition", rows="S1-14", sets=TARGET)
def one_kd_sets_occupancy_and_partition(b: Bench):
    """RO = Cu / (Kd + Cu) and Kp = fu (Kns + Bmax / (Kd + Cu)) come from one Kd; Kp is C over Cp."""
    p = b.p
    for x in (0.1, 1.0, 30.0):
        for kd in (p.Kd, 7.0 * p.Kd):
            cp = x * p.Kd / p.fu
            got, cu = b.start({"Cp": cp, "Kd": kd}), x * p.Kd
            yield same("RO", got["RO"], cu / (kd + cu))
            yield same("C", got["C"], p.Kns * cu + p.Bmax * cu / (kd + cu))
            yield same("Kp", [got["Kp"], got["C"] / cp], [p.fu * (p.Kns + p.Bmax / (kd + cu))] * 2)
            # The bound part of Kp Cp over Bmax is the occupancy: both tell the same Kd.
            yield same("consistent", (got["Kp"] / p.fu - p.Kns) * cu / p.Bmax, got["RO"])


@case("tissue_binding_partition", rows="S1-14", sets=TARGET)
def kp_falls_as_the_target_saturates(b: Bench):
    """Kp falls from fu (Kns + Bmax / Kd) without drug to fu Kns; it is half way where half the target is occupied."""
    p = b.p
    low, high = p.fu * p.Kns, p.fu * (p.Kns + p.Bmax / p.Kd)
    levels = np.array([0.0, 0.1, 1.0, 10.0, 1e12]) * p.Kd / p.fu
    got = [b.start({"Cp": c}) for c in levels]
    yield same("ends", [got[0]["Kp"], got[0]["Kp_0"], got[-1]["Kp_inf"]], [high, high, low])
    yield same("saturated", got[-1]["Kp"], low)
    yield same("half way", [got[2]["Kp"], got[2]["RO"]], [0.5 * (low + high), 0.5])
    yield holds("falls while occupancy rises", np.diff([g["Kp"] for g in got]) < 0, np.diff([g["RO"] for g in got]) > 0)


@cache
def _shared() -> qsp.Model:
    parts = {"ro": model_of("tissue_binding_partition"), "organ": model_of("binding_organ")}
    share = {"Kd": ["ro.Kd", "organ.Kd"], "fu": ["ro.fu", "organ.fu"]}
    return qsp.compose("shared", parts, share=share)


@case("tissue_binding_partition", rows="S1-14", sets=TARGET)
def a_shared_kd_moves_both(b: Bench):
    """Shared by the occupancy of one part and the tissue of another, one new Kd changes both, each as it should."""
    p = b.p
    body = Bench(_shared(), {"Kd": p.Kd, "fu": p.fu, "organ.Bmax": p.Bmax, "organ.Kns": p.Kns})
    for kd in (p.Kd, 0.2 * p.Kd, 50.0 * p.Kd):
        cp = 2.0 * p.Kd / p.fu
        rest = body.at_rest({"Kd": kd, "ro.Cp": cp, "organ.Cart": cp})
        ro = 2.0 * p.Kd / (kd + 2.0 * p.Kd)
        yield same("RO", [rest["ro.RO"], rest["organ.RO"]], [ro, ro])
        yield same("Kp", rest["organ.C"] / cp, p.fu * (p.Kns + p.Bmax / (kd + 2.0 * p.Kd)))


ORGAN = {
    "typical": {},
    "strong": {"Kd": 1e-4, "Bmax": 9.0, "Kns": 0.3, "fu": 0.9, "BP": 0.6},
    "weak": {"Kd": 8.0, "Bmax": 0.2, "Kns": 40.0, "fu": 0.02, "Q": 1.0, "V": 0.5},
}


@case("binding_organ", rows="S1-14", sets=ORGAN)
def rests_at_the_saturable_partition(b: Bench):
    """At rest Cven = Cart, Cu = fu Cart / BP, and the tissue holds free, other and target-bound drug."""
    p = b.p
    for x in (0.01, 1.0, 100.0):
        cu = x * p.Kd
        cart = cu * p.BP / p.fu
        rest = b.at_rest({"Cart": cart})
        yield same("Cven", rest["Cven"], cart)
        yield same("Cu", rest["Cu"], cu)
        yield same("C", rest["C"], p.Kns * cu + p.Bmax * cu / (p.Kd + cu))
        yield same("Kp", [rest["Kp"], rest["C"] * p.BP / cart], [p.fu * (p.Kns + p.Bmax / (p.Kd + cu))] * 2)
        yield same("RO", rest["RO"], x / (1.0 + x))


@case("binding_organ", rows="S1-14", sets=ORGAN)
def fills_as_the_nonlinear_equation_says(b: Bench):
    """Uptake at a constant input against a trusted solver that finds Cu by bracketing."""
    p = b.p
    cart = 3.0 * p.Kd * p.BP / p.fu
    top = 3.0 * p.Kd

    def unbound(c):
        return brentq(lambda u: p.Kns * u + p.Bmax * u / (p.Kd + u) - c, 0.0, 2.0 * top, xtol=1e-18, rtol=1e-14)

    def rates(_, y):
        return [p.Q / p.V * (cart - p.BP * unbound(max(y[0], 0.0)) / p.fu)]

    full = p.Kns * top + p.Bmax * 0.75
    t = np.linspace(0.0, 3.0, 10) * full * p.V / p.Q / cart
    got = b.run(t, "C", "Cu", "RO", changes={"Cart": cart})
    exact = integrate(rates, [0.0], t, method="Radau", rtol=1e-12, atol=1e-15 * full)[:, 0]
    cu = np.array([unbound(c) for c in exact])
    yield same("C", got["C"], exact, at=t)
    yield same("Cu", got["Cu"], cu, at=t)
    yield same("RO", got["RO"], cu / (p.Kd + cu), at=t)


@case("binding_organ", rows="S1-14", sets=ORGAN)
def is_linear_when_saturated_or_empty(b: Bench):
    """Far below and far above saturation it is a perfusion-limited organ with Kp_0 or Kp_inf; empty it stays empty."""
    p = b.p

    def off(x: float, kp: float) -> float:
        k = p.Q * p.BP / p.V / kp / p.fu
        t = np.linspace(0.0, 3.0, 7) / k
        cart = x * p.Kd * p.BP / p.fu
        got = b.run(t, "C", changes={"Cart": cart})["C"][1:]
        return float(np.abs(got / (p.fu * kp * cart / p.BP * -np.expm1(-k * t[1:])) - 1.0).max())

    yield holds("empty", off(1e-7, p.Kns + p.Bmax / p.Kd) < 1e-6)
    share = p.Bmax / p.Kd / p.Kns
    far = [off(x * max(share, 1.0), p.Kns) for x in (1e2, 1e3)]
    yield holds("saturated", far[0] < 0.1, 8.0 < far[0] / far[1] < 12.0)
    empty = b.run([0.0, 5.0], "C", "Cu", "RO")
    yield same("no drug", [*empty["C"], *empty["Cu"], *empty["RO"]], 0.0)
