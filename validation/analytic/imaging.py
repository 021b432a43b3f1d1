"""Imaging: tracer in tissue at equilibrium, and occupancy from scans."""

from __future__ import annotations

import numpy as np

import sbmlqsp as qsp
from validation.analytic.pk import bolus, one_compartment
from validation.cases import Bench, case, holds, model_of, same

SETS = {
    "typical": {},
    "dense": {"Rtot": 900.0, "Kd": 0.02, "R_NSB": 0.3, "fp": 0.9, "Cp": 1e-5, "Ki": 40.0},
    "sticky": {"Rtot": 0.5, "Kd": 60.0, "R_NSB": 80.0, "fp": 0.003, "Cp": 9.0, "Ki": 0.01},
    "loaded": {"Rtot": 20.0, "Kd": 1.0, "R_NSB": 2.0, "fp": 1.0, "Cp": 30.0},
}


@case("pet_tracer", rows=("S0-20", "S0-21"), sets=SETS)
def sum_of_free_specific_and_nonspecific(b: Bench):
    """C_total = C_free + Rtot C_free/(Kd + C_free) + R_NSB C_free with C_free = fp Cp, and V_T = C_total/Cp."""
    p = b.p
    for factor in (1e-3, 1.0, 1e3):
        cp = factor * p.Cp
        free = p.fp * cp
        specific, other = p.Rtot * free / (p.Kd + free), p.R_NSB * free
        got = b.start({"Cp": cp})
        parts = [got["C_free"], got["C_specific"], got["C_nonspecific"]]
        yield same(f"parts at {cp:g}", parts, [free, specific, other])
        yield same(f"total at {cp:g}", got["C_total"], free + specific + other)
        yield same(f"V_T at {cp:g}", got["V_T"], (free + specific + other) / cp)
        yield same(f"total per free at {cp:g}", got["total_per_free"], (free + specific + other) / free)
        yield same(f"baseline is the scan without drug at {cp:g}", got["V_T_baseline"], got["V_T"])
        yield same(f"BP_ND at {cp:g}", got["BP_ND"], specific / (free + other))


@case("pet_tracer", rows="S0-21", sets=SETS)
def limits_of_the_signal(b: Bench):
    """Tracer doses: 1 + Rtot/Kd + R_NSB per free; much tracer: 1 + R_NSB; no tracer: no signal and a finite V_T."""
    p = b.p
    low, high = b.start({"Cp": 1e-9 * p.Kd}), b.start({"Cp": 1e12 * (p.Kd + p.Rtot) / p.fp})
    yield same("low dose", low["total_per_free"], 1.0 + p.Rtot / p.Kd + p.R_NSB)
    yield same("much tracer", high["total_per_free"], 1.0 + p.R_NSB)
    yield same("non-displaceable", low["V_ND"], p.fp * (1.0 + p.R_NSB))
    none = b.start({"Cp": 0.0})
    yield same("no tracer", [none["C_total"], none["V_T"]], [0.0, p.fp * (1.0 + p.Rtot / p.Kd + p.R_NSB)])
    full = b.start({"D": 1e12 * p.Ki * (1.0 + p.fp * p.Cp / p.Kd) * max(1.0, p.Rtot / p.Kd)})
    yield same("fully blocked", full["V_T"], p.fp * (1.0 + p.R_NSB))
    yield same("fully occupied", [full["occupancy"], full["occupancy_scans"]], [1.0, 1.0])


@case("pet_tracer", rows="S0-21", sets=SETS)
def occupancy_from_two_scans(b: Bench):
    """(V_T baseline - V_T blocked)/(V_T baseline - V_ND) = D/(D + Ki (1 + C_free/Kd)): D/(D + Ki) at tracer dose."""
    p = b.p
    for ratio in (0.05, 1.0, 60.0):
        for cp in (p.Cp, 1e-9 * p.Kd):
            d, free = ratio * p.Ki, p.fp * cp
            blocked, before = b.start({"D": d, "Cp": cp}), b.start({"Cp": cp})
            apparent = p.Ki * (1.0 + free / p.Kd)
            scans = (before["V_T"] - blocked["V_T"]) / (before["V_T"] - before["V_ND"])
            exact = d / (d + apparent)
            # Differences of near numbers: exact against the signal that is blocked.
            size = (before["V_T"] - before["V_ND"]) / before["V_T"]
            if size > 1e-6:
                yield same(f"two scans, D = {ratio:g} Ki, Cp {cp:g}", scans, exact)
                yield same(f"in one model, D = {ratio:g} Ki, Cp {cp:g}", blocked["occupancy_scans"], exact)
            yield same(f"of the drug, D = {ratio:g} Ki, Cp {cp:g}", blocked["occupancy"], exact)
            specific = p.Rtot * free / (p.Kd * (1.0 + d / p.Ki) + free)
            yield same(f"blocked specific, D = {ratio:g} Ki, Cp {cp:g}", blocked["C_specific"], specific)
        low = b.start({"D": ratio * p.Ki, "Cp": 1e-9 * p.Kd})
        yield same(f"tracer dose, D = {ratio:g} Ki", low["occupancy"], ratio / (1.0 + ratio))


@case("pet_tracer", rows="S0-21", sets={"typical": {}, "dense": SETS["dense"], "loaded": SETS["loaded"]})
def lassen_plot(b: Bench):
    """Over regions with different Rtot, V_T falls on a line through V_ND whose slope is the occupancy."""
    p = b.p
    d = 2.5 * p.Ki
    before, drop = [], []
    for factor in (0.1, 0.4, 1.0, 3.0):
        got = b.start({"Rtot": factor * p.Rtot, "D": d})
        before.append(got["V_T_baseline"])
        drop.append(got["V_T_baseline"] - got["V_T"])
    slope, offset = np.polyfit(before, drop, 1)
    yield same("slope", slope, d / (d + p.Ki * (1.0 + p.fp * p.Cp / p.Kd)))
    yield same("where the line meets the axis", -offset / slope, p.fp * (1.0 + p.R_NSB))
    half = float(qsp.level_for(b.model, "D", observable="occupancy_scans", target=0.8, at=0.0, changes=b.changes))
    yield same("drug for 80 %", half, 4.0 * p.Ki * (1.0 + p.fp * p.Cp / p.Kd))
    never = qsp.level_for(b.model, "D", observable="occupancy_scans", target=1.2, at=0.0, changes=b.changes)
    yield holds("more than all is impossible", not never.possible)


@case("pet_tracer", rows="S0-21", sets={"typical": {}, "dense": SETS["dense"], "sticky": SETS["sticky"]})
def driven_by_plasma(b: Bench):
    """Fed by a disposition, tissue follows plasma at every moment."""
    parts = {"plasma": model_of("decaying_drug"), "tissue": b.model}
    model = qsp.compose("scan", parts, connect={"tissue.Cp": "plasma.D"})
    whole = Bench(model, {f"tissue.{k}": v for k, v in b.changes.items() if k != "Cp"} | {"plasma.D0": 0.0})
    p, t = b.p, np.linspace(0.0, 20.0, 21)
    got = whole.run(t, "tissue.C_total", regimen="5 nmol into plasma.drug")["tissue.C_total"]
    free = p.fp * bolus(one_compartment(volume=1.0, clearance=0.1), t, dose=5.0)
    yield same("C_total(t)", got, free * (1.0 + p.R_NSB + p.Rtot / (p.Kd + free)), at=t)
