"""Systems of the library against hand-written equations of the whole, and what their cards say they show."""

from __future__ import annotations

import numpy as np
import pandas as pd

import sbmlqsp as qsp
from validation.analytic import pk
from validation.cases import Bench, case, holds, same
from validation.reference import integrate

DAYS = np.array([0.0, 0.01, 0.1, 0.5, 1.0, 3.0, 7.0, 14.0, 21.0, 28.0, 42.0, 56.0])
TISSUE_SETS = {
    "typical": {},
    "high clearance, little target": {"eta_CL": 0.9, "eta_ksyn": -1.5},
    "tight binding, much target": {"eta_ksyn": 1.2, "target.kon": 40.0, "target.koff": 0.001, "pbpk.K_p": 0.4},
}


def tissue_antibody(p, *, embedded: bool = True):
    """The whole of antibody_tissue_target: plasma, tight, leaky, lymph, R, RC, response (all nmol/L)."""
    flow = np.array([p.pbpk_share_tight, 1 - p.pbpk_share_tight]) * p.pbpk_L_total
    into = flow * (1 - np.array([p.pbpk_sigma_tight, p.pbpk_sigma_leaky]))
    out = flow * (1 - p.pbpk_sigma_lymph)
    v_leaky = p.pbpk_ISF * p.pbpk_K_p * p.pbpk_share_leaky_volume
    v_tight = p.pbpk_ISF * p.pbpk_K_p - v_leaky
    cl, ksyn = p.CL_typical * np.exp(p.eta_CL), p.ksyn_typical * np.exp(p.eta_ksyn)

    def rates(_, y):
        plasma, tight, leaky, lymph, free, bound, response = y
        net = p.target_kon * leaky * free - p.target_koff * bound
        inhibition = p.marker_Imax * bound / (p.marker_IC50 + bound)
        return [
            (p.pbpk_L_total * lymph - (cl + into.sum()) * plasma) / p.pbpk_V_plasma,
            (into[0] * plasma - out[0] * tight) / v_tight,
            (into[1] * plasma - out[1] * leaky) / v_leaky - (net if embedded else 0.0),
            (out[0] * tight + out[1] * leaky - p.pbpk_L_total * lymph) / p.pbpk_V_lymph,
            ksyn - p.target_kdeg * free - net,
            net - p.target_kint * bound,
            p.marker_kin * (1 - inhibition) - p.marker_kout * response,
        ]

    return rates, [0.0, 0.0, 0.0, 0.0, ksyn / p.target_kdeg, 0.0, p.marker_kin / p.marker_kout]


def _reference(p, dose: float, times: np.ndarray, **how) -> np.ndarray:
    rates, start = tissue_antibody(p, **how)
    start[0] = dose / p.pbpk_V_plasma
    return integrate(rates, start, times, method="LSODA", atol=1e-13)


@case("antibody_tissue_target", rows=("S1-09", "S1-13", "S3-17", "M-02"), sets=TISSUE_SETS)
def is_the_monolith(b: Bench):
    """Composed from modules, it is the hand-written system of equations."""
    names = ("pbpk.plasma", "pbpk.tight", "pbpk.leaky", "pbpk.lymph", "target.R", "target.RC", "marker.response")
    for dose in (30.0, 5000.0):
        got = b.run(DAYS, *names, regimen=f"{dose} nmol into pbpk.plasma")
        expected = _reference(b.p, dose, DAYS)
        for k, name in enumerate(names):
            yield same(f"{name}, {dose:g} nmol", got[name], expected[:, k], at=DAYS)


@case("antibody_tissue_target", rows="S1-13")
def clears_faster_at_low_doses(b: Bench):
    """Clearance (dose / AUC) falls with the dose to that of the linear model, which overpredicts at low doses."""
    doses, end = (3.0, 30.0, 300.0, 3000.0, 3e7), 4000.0
    found = []
    for dose in doses:
        experiment = b.experiment([0.0, end], "pbpk.plasma", regimen=f"{dose} nmol into pbpk.plasma")
        found.append(dose / float(qsp.integral(experiment, "pbpk.plasma")))
    linear = b.p.CL_typical
    yield holds("falls with the dose", np.diff(found) < 0)
    # What the target takes is a share of about 2000 nmol over the dose.
    yield same("the linear limit", found[-1], linear, tolerance=2e-4)
    yield holds("the linear model overpredicts exposure at the lowest dose by half or more", found[0] > 1.5 * linear)
    without = b.run(DAYS, "pbpk.plasma", regimen="30 nmol into pbpk.plasma", changes={"target.kon": 0.0})
    yield same("un-embedded", without["pbpk.plasma"], _reference(b.p, 30.0, DAYS, embedded=False)[:, 0], at=DAYS)


@case("antibody_tissue_target", rows=("S1-09", "S1-01"), sets={"typical": {}, "more target": {"ksyn_typical": 12.0}})
def individuals_and_their_mean(b: Bench):
    """The marker's nadir region for given etas is each reference; mean and SD over the population by quadrature."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(5)
    omega = {"eta_CL": 0.3, "eta_ksyn": 0.5}
    grid = [(u * omega["eta_CL"], v * omega["eta_ksyn"]) for u in nodes for v in nodes]
    weight = np.array([p * q for p in weights for q in weights]) / (2 * np.pi)
    people = pd.DataFrame(grid, columns=list(omega))
    experiment = b.experiment(DAYS, "marker.response", regimen="1000 nmol into pbpk.plasma")
    ds = qsp.simulate(experiment, subjects=people, progress=False)
    got = ds["marker.response"].to_numpy()[0, :, 0, :]
    expected = []
    for eta_cl, eta_ksyn in grid:
        values = vars(b.p) | {"eta_CL": eta_cl, "eta_ksyn": eta_ksyn}
        expected.append(_reference(type(b.p)(**values), 1000.0, DAYS)[:, 6])
    expected = np.array(expected)
    yield same("25 individuals", got, expected)
    mean = weight @ expected
    yield same("population mean", weight @ got, mean, at=DAYS)
    late = DAYS >= 1.0  # before, individuals have hardly parted
    spread = np.sqrt(weight @ (expected - mean) ** 2)[late]
    yield same("population SD", np.sqrt(weight @ (got - weight @ got) ** 2)[late], spread, at=DAYS[late])


# ---------------------------------------------------------------------------------------------- oral drug and antibody
@case(
    "theophylline",
    rows=("S2-01", "M-07"),
    sets={"typical": {}, "small": {"WT": 3.0, "ka": 0.05}, "large": {"WT": 160.0, "ka": 9.0}},
)
def is_the_oral_closed_form(b: Bench):
    """One oral dose at any weight."""
    t, p = np.linspace(0.0, 25.0, 26), b.p
    form = pk.one_compartment(volume=p.V_kg * p.WT, clearance=p.CL_kg * p.WT)
    got = b.run(t, "pk.C", regimen="320 mg into absorption.depot")["pk.C"]
    yield same("pk.C", got, pk.oral(form, t, dose=320.0, ka=p.ka), at=t)


ANTIBODY_SETS = {
    "typical": {},
    "child": {"WT": 12.0},
    "fast binding": {"target.kon": 200.0, "target.koff": 2.0, "target.kint": 3.0},
}


def antibody(p):
    """The whole of mab_tmdd: central and peripheral (nmol), R, RC, response (nmol/L)."""
    volume, flow = (p.WT / p.WT_typical) ** p.volume_exponent, (p.WT / p.WT_typical) ** p.flow_exponent
    v1, v2, cl, q = p.V1_typical * volume, p.V2_typical * volume, p.CL_typical * flow, p.Q_typical * flow

    def rates(_, y):
        c, c2, free, bound = y[0] / v1, y[1] / v2, y[2], y[3]
        net = p.target_kon * c * free - p.target_koff * bound
        return [
            -cl * c - q * (c - c2) - v1 * net,
            q * (c - c2),
            p.target_ksyn - p.target_kdeg * free - net,
            net - p.target_kint * bound,
            p.marker_kin * (1 - p.marker_Imax * bound / (p.marker_IC50 + bound)) - p.marker_kout * y[4],
        ]

    return rates, [0.0, 0.0, p.target_ksyn / p.target_kdeg, 0.0, p.marker_kin / p.marker_kout]


@case("mab_tmdd", rows=("S0-01", "S2-10", "S2-19", "M-02"), sets=ANTIBODY_SETS)
def is_the_equations_of_its_card(b: Bench):
    """Composed from modules, it is the hand-written system of equations, at two doses."""
    names = ("amount(pk.central)", "amount(pk.peripheral)", "target.R", "target.RC", "marker.response")
    for dose in (140.0, 5000.0):
        rates, start = antibody(b.p)
        start[0] = dose
        expected = integrate(rates, start, DAYS, method="LSODA", atol=1e-13)
        got = b.run(DAYS, *names, regimen=f"{dose} nmol into pk.central")
        for k, name in enumerate(names):
            yield same(f"{name}, {dose:g} nmol", got[name], expected[:, k], at=DAYS)
