"""The minimal PBPK of an antibody: a linear system, hence a matrix exponential, with closed forms at rest."""

from __future__ import annotations

import numpy as np
from scipy.linalg import expm

import sbmlqsp as qsp
from validation.cases import Bench, case, same

SETS = {
    "typical": {},
    "closed vessels, slow lymph": {"sigma_tight": 0.9999, "sigma_leaky": 0.99, "L_total": 0.05, "CL": 2.0},
    "open vessels, fast lymph": {
        "sigma_tight": 0.1,
        "sigma_leaky": 0.01,
        "sigma_lymph": 0.9,
        "L_total": 60.0,
        "K_p": 0.3,
    },
}
STATES = ("plasma", "tight", "leaky", "lymph")


def volumes(p) -> np.ndarray:
    """Plasma, tight, leaky, lymph."""
    return np.array(
        [p.V_plasma, p.ISF * p.K_p * (1 - p.share_leaky_volume), p.ISF * p.K_p * p.share_leaky_volume, p.V_lymph]
    )


def matrix(p) -> np.ndarray:
    """d(amounts)/dt = matrix @ amounts, from the flows of fluid between the four spaces."""
    flows = np.array([p.share_tight, 1 - p.share_tight]) * p.L_total
    into, out = flows * (1 - np.array([p.sigma_tight, p.sigma_leaky])), flows * (1 - p.sigma_lymph)
    move = np.zeros((4, 4))  # litres a day from column to row
    for k in (0, 1):
        move[1 + k, 0], move[3, 1 + k] = into[k], out[k]
    move[0, 3] = p.L_total
    return (move - np.diag(move.sum(axis=0) + np.array([p.CL, 0.0, 0.0, 0.0]))) / volumes(p)


@case("minimal_pbpk_antibody", rows=("S1-02", "S1-03"), sets=SETS)
def is_the_matrix_exponential(b: Bench):
    """Every concentration after two boluses into plasma."""
    t = np.linspace(0.0, 56.0, 29)
    first, second = 500.0, 200.0
    got = b.run(t, *STATES, "C_leaky", regimen=f"{first} nmol into plasma; {second} nmol into plasma at 14 day")
    m, give = matrix(b.p), np.array([1.0, 0.0, 0.0, 0.0])
    amounts = np.array([expm(m * s) @ give * first + (expm(m * (s - 14)) @ give * second if s >= 14 else 0) for s in t])
    for k, name in enumerate(STATES):
        yield same(name, got[name], amounts[:, k] / volumes(b.p)[k], at=t)
    yield same("C_leaky", got["C_leaky"], amounts[:, 2] / volumes(b.p)[2])


@case("minimal_pbpk_antibody", rows="S1-03", sets=SETS)
def clears_what_is_given(b: Bench):
    """What is in the body and what the clearance has removed is the dose."""
    t = np.linspace(0.0, 90.0, 10)
    held = b.run(t, *(f"amount({s})" for s in STATES), regimen="700 nmol into plasma")
    body = np.sum([held[f"amount({s})"] for s in STATES], axis=0)
    for until in (10.0, 90.0):
        experiment = b.experiment([0.0, until], "plasma", regimen="700 nmol into plasma")
        removed = float(qsp.integral(experiment, "CL * plasma"))
        yield same(f"dose after {until:g} days", body[list(t).index(until)] + removed, 700.0)


@case("minimal_pbpk_antibody", rows="S1-03", sets=SETS)
def tissue_settles_by_reflection(b: Bench):
    """Under a constant infusion: plasma at rate/CL, tissue at (1 - sigma)/(1 - sigma_lymph) of it."""
    p, rate = b.p, 30.0
    slowest = -1.0 / np.linalg.eigvals(matrix(p)).real.max()
    end = 30.0 * slowest
    got = b.run([0.0, end], *STATES, regimen=f"{rate * end} nmol into plasma over {end} day", at_dose="before")
    yield same("plasma", got["plasma"][-1], rate / p.CL)
    yield same("tight", got["tight"][-1], rate / p.CL * (1 - p.sigma_tight) / (1 - p.sigma_lymph))
    yield same("leaky", got["leaky"][-1], rate / p.CL * (1 - p.sigma_leaky) / (1 - p.sigma_lymph))
