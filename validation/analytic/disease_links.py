"""Trajectories of a disease or a calendar that drive the clearance of a drug."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

import sbmlqsp as qsp
from validation.analytic import pk
from validation.analytic.absorption_and_blood import area
from validation.analytic.physiology import joined, relax
from validation.cases import Bench, case, holds, model_of, same
from validation.reference import integrate

Array = NDArray[np.float64]
DRIVEN = {
    "typical": {},
    "fast": {"theta": 300.0, "eta": 1.2, "E": 2.0},
    "slow": {"theta": 0.01, "eta": -2.5, "E": 1e-3},
    "blocked": {"E": 0.0, "eta": 0.5},
}


@case("driven_clearance", rows=("S1-25", "S2-01"), sets=DRIVEN)
def constant_trajectory_is_linear_disposition(b: Bench):
    """At a constant E this is one compartment with CL = theta E exp(eta)."""
    p = b.p
    cl = p.theta * p.E * np.exp(p.eta)
    t = np.linspace(0.0, 5.0, 11) * (p.V / cl if cl else 1.0)
    got = b.run(t, "C", "CL", regimen="60 mg into central")
    body = pk.one_compartment(volume=p.V, clearance=cl)
    yield same("C", got["C"], pk.bolus(body, t, dose=60.0), at=t)
    yield same("CL", got["CL"], cl)


@case("driven_clearance", rows="S1-25", sets={k: DRIVEN[k] for k in ("typical", "fast", "slow")})
def clearance_driven_by_a_recovering_enzyme(b: Bench):
    """With an enzyme that relaxes, the exponent is theta exp(eta)/V times the exact integral of E."""
    p = b.p
    parts = {"cyp": model_of("cyp_turnover"), "pk": b.model}
    model = qsp.compose("driven", parts, connect={"pk.E": "cyp.E_rel"})
    changes = {f"pk.{k}": v for k, v in b.changes.items() if k != "E"}
    for start, il6 in ((0.1, 0.0), (1.0, 500.0), (3.0, 20.0)):
        whole = Bench(model, {**changes, "cyp.E": start, "cyp.IL6": il6})
        q = whole.p
        end = 1 - q.cyp_Imax * il6 / (q.cyp_IC50 + il6)
        rate = p.theta * np.exp(p.eta) / p.V
        t = np.linspace(0.0, min(3.0 / rate, 400.0), 13)
        integral = end * t + (start - end) * -np.expm1(-q.cyp_kdeg * t) / q.cyp_kdeg
        got = whole.run(t, "pk.C", "cyp.E_rel", regimen="60 mg into pk.central")
        yield same(f"C from E = {start:g}", got["pk.C"], 60.0 / p.V * np.exp(-rate * integral), at=t)
        yield same(f"E from {start:g}", got["cyp.E_rel"], relax(start, end, q.cyp_kdeg, t), at=t)


@case("driven_clearance", rows="S1-25", sets={k: DRIVEN[k] for k in ("typical", "fast", "slow")})
def clearance_driven_by_steps(b: Bench):
    """With a covariate carried forward or interpolated, the exponent is the area under its steps or lines."""
    p = b.p
    rate = p.theta * np.exp(p.eta) / p.V
    unit = min(1.0 / rate, 1000.0)
    knots, values = np.array([0.0, 0.4, 1.1, 1.9]) * unit, np.array([1.0, 0.25, 2.0, 0.6])
    steps = {f"step.x{i}": v for i, v in enumerate(values)} | {f"step.t{i}": knots[i] for i in (1, 2, 3)}
    t = np.array([0.0, 0.2, 0.4, 0.7, 1.1, 1.5, 1.9, 2.5]) * unit
    for out in ("x", "x_line"):
        whole = joined(Bench(b.model, {k: v for k, v in b.changes.items() if k != "E"}), "m", E=f"step.{out}")
        got = whole.run(t, "m.C", changes=steps, regimen="60 mg into m.central")["m.C"]
        yield same(out, got, 60.0 / p.V * np.exp(-rate * area_under(out, knots, values, t)), at=t)


def area_under(kind: str, knots: np.ndarray, values: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Return the area under steps or lines from 0 to each time."""
    widths = np.diff(knots)
    heights = values[:-1] if kind == "x" else (values[:-1] + values[1:]) / 2
    sums = np.append(0.0, np.cumsum(widths * heights))
    at = np.searchsorted(knots, t, side="right") - 1
    since = t - knots[at]
    slope = np.append(np.diff(values) / widths, 0.0) if kind == "x_line" else np.zeros_like(values)
    return sums[at] + values[at] * since + slope[at] * since**2 / 2


STEPS = {
    "typical": {},
    "late and long": {"t1": 333.3, "t2": 5000.0, "t3": 5000.5, "x0": -2.0, "x2": 1e6},
    "early": {"t1": 1e-3, "t2": 0.5, "t3": 0.6, "x1": 1e-9},
}


def times_around(b: Bench) -> np.ndarray:
    """Return times between, at and after the measurements."""
    knots = np.array([0.0, b.p.t1, b.p.t2, b.p.t3])
    return np.unique(np.concatenate([knots, (knots[1:] + knots[:-1]) / 2, [1.5 * b.p.t3]]))


@case("stepwise_covariate", rows="S1-25", sets=STEPS)
def last_value_is_carried_forward(b: Bench):
    """Each value holds from its own time to the next."""
    p, t = b.p, times_around(b)
    at = np.searchsorted([p.t1, p.t2, p.t3], t, side="right")
    yield same("x", b.run(t, "x")["x"], np.array([p.x0, p.x1, p.x2, p.x3])[at], at=t)


@case("stepwise_covariate", rows="S1-25", sets=STEPS)
def lines_between_values(b: Bench):
    """Straight between the values, constant after the last."""
    p, t = b.p, times_around(b)
    got = b.run(t, "x_line")["x_line"]
    yield same("x_line", got, np.interp(t, [0.0, p.t1, p.t2, p.t3], [p.x0, p.x1, p.x2, p.x3]), at=t)
    yield holds("ends at the last value", got[-1] == p.x3)


# ------------------------------------------------------------------------------ all links at once, on one oral drug
INFLAMED = {
    "typical": {},
    "an acid, long episode": {
        "tissue.z": -1.0,
        "tissue.pKa": 4.5,
        "tissue.PS": 4000.0,
        "il6.kS": 5e-3,
        "fu0": 0.01,
        "CLint0": 4e4,
        "GFR": 12.0,
    },
    "fast turnover": {
        "cyp.kdeg": 0.4,
        "cyp.ksyn": 0.8,
        "pgp.kdeg": 0.3,
        "il6.kin": 9.0,
        "kef": 9.0,
        "blood.Kbcu": 90.0,
        "fu0": 0.4,
        "V": 3.0,
    },
}
NAMES = (
    "il6.S", "il6.IL6", "albumin.A", "cyp.E", "pgp.E", "acid.pH", "cells.Hct",
    "gut.lumen", "gut.enterocyte", "gut.faeces", "gut.first_pass", "amount(pk.central)", "amount(tissue.tissue)",
)  # fmt: skip


def left(ksyn: float, imax: float, ic50: float, il6: float) -> float:
    """Return the synthesis that is left."""
    return ksyn * (1 - imax * il6 / (ic50 + il6))


def syntheses(p: Any, il6: float) -> tuple[float, float, float, float]:
    """Return the syntheses of albumin, enzyme, P-glycoprotein and red cells."""
    return (
        left(p.albumin_ksyn, p.albumin_Imax, p.albumin_IC50, il6),
        left(p.cyp_ksyn, p.cyp_Imax, p.cyp_IC50, il6),
        left(p.pgp_ksyn, p.pgp_Imax, p.pgp_IC50, il6),
        left(p.cells_ksyn, p.cells_Imax, p.cells_IC50, il6),
    )


def loss(p: Any, il6: float) -> float:
    """Return the rate constant at which albumin is lost."""
    return p.albumin_kdeg * (1 + p.albumin_Emax * il6 / (p.albumin_EC50 + il6))


def body_at_rest(p: Any) -> Array:
    """Return interleukin-6 and what depends on it before an episode."""
    i = p.il6_kin / p.il6_kout
    albumin, cyp, pgp, cells = syntheses(p, i)
    ph = p.acid_pH_n - p.acid_dpH * i / (p.acid_EC50 + i)
    return np.array([0.0, i, albumin / loss(p, i), cyp / p.cyp_kdeg, pgp / p.pgp_kdeg, ph, cells / p.cells_kdeg])


def body_rates(p: Any, y: list[float]) -> list[float]:
    """Return the rates of the body's seven states."""
    s, i, albumin, cyp, pgp, ph, hct = y
    made = syntheses(p, i)
    return [
        -p.il6_kS * s,
        p.il6_kin * (1 + p.il6_Smax * s / (p.il6_SC50 + s)) - p.il6_kout * i,
        made[0] - loss(p, i) * albumin,
        made[1] - p.cyp_kdeg * cyp,
        made[2] - p.pgp_kdeg * pgp,
        p.acid_kpH * (p.acid_pH_n - p.acid_dpH * i / (p.acid_EC50 + i) - ph),
        made[3] - p.cells_kdeg * hct,
    ]


def met(p: Any, y: list[float], rest: list[float]) -> tuple[float, ...]:
    """Return clearance, hepatic availability, efflux, flow of the neutral form, and Kp, of one state of the body."""
    fu = 1 / (1 + (1 / p.fu0 - 1) * y[2] / rest[2])
    flow = p.Q * (1 + y[6] * (fu * p.blood_Kbcu - 1))
    cells = fu * p.CLint0 * y[3] / rest[3]
    sign = p.tissue_z
    ions = [10 ** (sign * (p.tissue_pKa - ph)) for ph in (y[5], rest[5], p.tissue_pH_p)]
    kp = p.Kp0 * fu / p.fu0 * (1 + ions[0]) / (1 + ions[1])
    hepatic = flow * cells / (flow + cells)
    return hepatic + fu * p.GFR, flow / (flow + cells), p.kef * y[4] / rest[4], p.tissue_PS * fu / (1 + ions[2]), kp


def all_rates(p: Any, state: Array, rest: list[float]) -> list[float]:
    """Return the rates of body and drug, all drug states as amounts."""
    y = state.tolist()
    clearance, escapes, efflux, flow, kp = met(p, y, rest)
    lumen, wall, _, _, central, tissue = y[7:]
    there, back = flow * central / p.V, flow * tissue / (kp * p.tissue_V_t)
    return [
        *body_rates(p, y[:7]),
        -(p.gut_ka + p.gut_kt) * lumen + efflux * wall,
        p.gut_ka * lumen - (p.gut_kb + efflux) * wall,
        p.gut_kt * lumen,
        p.gut_kb * (1 - escapes) * wall,
        p.gut_kb * escapes * wall - clearance * central / p.V - there + back,
        there - back,
    ]


@case("inflammation_oral", rows=("S1-24", "M-02"), sets=INFLAMED)
def disposition_through_an_episode(b: Bench):
    """The composed model equals a hand-written system of thirteen equations, before, in and after the episode."""
    p, rest = b.p, body_at_rest(b.p)
    t = np.linspace(0.0, 408.0, 52)
    regimen = "100 mg into gut.lumen every 24 h x 17; 6 dimensionless into il6.S at 100 h"
    got = b.run(t, *NAMES, regimen=regimen)

    def given(index: int, amount: float) -> Any:
        return lambda y: y + amount * np.eye(13)[index]

    jumps = [*((24.0 * n, given(7, 100.0)) for n in range(17)), (100.0, given(0, 6.0))]
    start, before = np.append(rest, np.zeros(6)), rest.tolist()
    exact = integrate(lambda _, y: all_rates(p, y, before), start, t, jumps=jumps, method="DOP853")
    for i, name in enumerate(NAMES):
        yield same(name, got[name], exact[:, i], at=t)


@case("inflammation_oral", rows=("S1-22", "S1-24"), sets=INFLAMED)
def health_is_linear_oral_disposition(b: Bench):
    """Without an episode nothing moves: the area under the curve is F_abs F_h dose over clearance."""
    p, rest = b.p, body_at_rest(b.p).tolist()
    clearance, escapes, efflux, flow, kp = met(p, rest, rest)
    into, on = p.gut_ka / (p.gut_ka + p.gut_kt), p.gut_kb / (p.gut_kb + efflux)
    slow = min(clearance / (p.V + kp * p.tissue_V_t), flow / (kp * p.tissue_V_t), p.gut_kt) * 0.3
    edges = np.append(0.0, np.geomspace(0.01, 40.0 / slow, 60))
    found = area(b, "pk.C", edges, regimen="100 mg into gut.lumen")
    yield same("AUC", found, into * on / (1 - into * (1 - on)) * escapes * 100.0 / clearance)
    got = b.run([0.0, 500.0], "CL", "tissue.Kp", "gut.F")
    yield same("CL", got["CL"], clearance)
    yield same("Kp", got["tissue.Kp"], p.Kp0)


@case("inflammation_oral", rows="S1-24")
def each_link_acts_in_its_direction(b: Bench):
    """In the episode: fu, Kp of a base and F rise, enzyme, efflux, pH, haematocrit and clearance fall; all return."""
    falls = ("cyp.E_rel", "pgp.E_rel", "albumin.A_rel", "acid.pH", "cells.Hct", "CL")
    rises = ("binding.fu", "tissue.Kp", "gut.F", "binding.CL_GF")
    got = b.run([0.0, 60.0, 60000.0], *falls, *rises, regimen="6 dimensionless into il6.S")
    yield holds("falls", *(got[n][1] < got[n][0] for n in falls))
    yield holds("rises", *(got[n][1] > got[n][0] for n in rises))
    for name in (*falls, *rises):
        yield same(f"{name} returns", got[name][2], got[name][0])
    at = [0.0, 96.0, 24.0 * 60]
    doses = [f"100 mg into gut.lumen at {s} h; 6 dimensionless into il6.S at 48 h" for s in at]
    areas = [
        area(b, "pk.C", s + np.append(0.0, np.geomspace(0.05, 300.0, 40)), regimen=d)
        for s, d in zip(at, doses, strict=True)
    ]
    yield holds("exposure is larger in the episode, and returns", areas[1] > 1.3 * areas[0], areas[2] < 1.1 * areas[0])


@case("inflammation_oral", rows=("S1-19", "S1-24"), sets=INFLAMED)
def drug_is_conserved_through_an_episode(b: Bench):
    """Without elimination all of the dose is found at any time, however fu, Kp and efflux move."""
    t = np.linspace(0.0, 400.0, 21)
    regimen = "100 mg into gut.lumen; 6 dimensionless into il6.S at 30 h"
    got = b.run(t, *NAMES[7:], regimen=regimen, changes={"CLint0": 0.0, "GFR": 0.0})
    yield same("all drug", sum(got[n] for n in NAMES[7:]), 100.0, at=t)
    yield same("no first pass", got["gut.first_pass"], 0.0)
