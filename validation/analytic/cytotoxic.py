"""A cytotoxic drug in cycles: what it does to a tumour and to the neutrophils, and the largest dose that is borne."""

from __future__ import annotations

import numpy as np
from scipy.optimize import toms748

import sbmlqsp as qsp
from validation.analytic import pk
from validation.cases import Bench, case, holds, same
from validation.reference import integrate

SETS = {
    "typical": {},
    "sensitive marrow": {"EC50": 3.0, "cells.gam": 0.2, "cells.MTT": 110.0, "k2": 0.2},
    "slow drug": {"CL": 9.0, "Q": 20.0, "Emax": 20.0, "k1": 0.1, "lambda0": 0.002},
}
CYCLE, COUNT, LIMIT = 504.0, 3, 1.0


def regimen(dose: float) -> str:
    return f"{dose} mg into pk.central over 1 h every {CYCLE} h x {COUNT}"


def reference(b: Bench, t: np.ndarray, dose: float) -> np.ndarray:
    """Return neutrophils and tumour weight: the equations solved by SciPy, the drug in closed form."""
    p = b.p
    body = pk.two_compartment(central_volume=p.V1, clearance=p.CL, peripheral_volume=p.V2, exchange=p.Q)
    starts = np.arange(COUNT) * CYCLE

    def rates(now: float, y: np.ndarray) -> list[float]:
        c = sum(float(pk.infusion(body, now - s, rate=dose, duration=1.0)) for s in starts if now > s)
        k = 4.0 / p.cells_MTT
        effect = p.slope * c + p.Emax * c / (p.EC50 + c)
        cells = [k * y[0] * ((1.0 - effect) * (p.cells_Circ0 / y[4]) ** p.cells_gam - 1.0)]
        cells += [k * (y[i] - y[i + 1]) for i in range(4)]
        weight = y[5:].sum()
        grown = p.lambda0 * y[5] / (1.0 + (p.lambda0 * weight / p.lambda1) ** p.tumour_psi) ** (1.0 / p.tumour_psi)
        hit = p.k2 * c * y[5]
        return [*cells, grown - hit, hit - p.k1 * y[6], p.k1 * (y[6] - y[7]), p.k1 * (y[7] - y[8])]

    start = [p.cells_Circ0] * 5 + [55.0, 0.0, 0.0, 0.0]
    found = integrate(rates, start, t, cuts=[*starts, *(starts + 1.0)], rtol=1e-10, atol=1e-13, method="DOP853")
    return np.column_stack([found[:, 4], found[:, 5:].sum(axis=1)])


@case("cytotoxic_balance", rows="S3-15", sets=SETS)
def follows_tumour_and_neutrophils_over_cycles(b: Bench):
    """Neutrophils and tumour over the cycles, against all equations solved by SciPy."""
    t = np.linspace(0.0, COUNT * CYCLE, 43)
    got, exact = b.run(t, "cells.Circ", "tumour.w", regimen=regimen(120.0)), reference(b, t, 120.0)
    yield same("neutrophils", got["cells.Circ"], exact[:, 0], at=t)
    yield same("tumour", got["tumour.w"], exact[:, 1], at=t)


@case("cytotoxic_balance", rows="S3-15", sets=SETS, slow=True)
def has_a_largest_dose_above_the_limit(b: Bench):
    """One dose has the limit as its nadir; more drug shrinks the tumour further and breaks the limit."""
    t = np.linspace(0.0, COUNT * CYCLE, 85)

    def excess(log_dose: float) -> float:
        run = b.experiment(t, "cells.Circ", regimen=regimen(float(np.exp(log_dose))))
        return float(np.log(float(qsp.extremum(run, "cells.Circ", kind="min")) / LIMIT))

    found = float(np.exp(toms748(excess, np.log(100.0), np.log(250.0), xtol=1e-6)))  # nearly straight in logarithms
    best = b.experiment(t, "cells.Circ", regimen=regimen(found))
    nadir = qsp.extremum(best, "cells.Circ", kind="min")
    yield same("nadir", float(nadir), LIMIT)
    yield same("neutrophils there", reference(b, np.array([0.0, nadir.at]), found)[1, 0], LIMIT)
    ends = []
    for factor in (0.8, 1.0, 1.25):
        got = b.run(t, "cells.Circ", "tumour.w", regimen=regimen(factor * found))
        ends.append(got["tumour.w"][-1])
        yield holds(f"limit at {factor:g}", (got["cells.Circ"].min() < 0.999 * LIMIT) == (factor > 1.0))
    yield holds("more drug, less tumour", np.diff(ends) < 0.0)
