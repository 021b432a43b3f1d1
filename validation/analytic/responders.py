"""Shares of a population: who responds, who is within the therapeutic window, what dosing by weight changes.

Shares and moments are compared with theory within 5.4 standard errors, which a right sampler exceeds once in 15 million
checks; each subject's own answer is compared exactly.
"""

from __future__ import annotations

import numpy as np
from scipy.stats import norm

import sbmlqsp as qsp
from validation.cases import Bench, case, holds, model_of, same

SIGMAS, SIZE = 5.4, 400


def share(label: str, found, expected: float):
    """Return whether the share of true values is within its sampling error of the expected one."""
    error = np.sqrt(expected * (1.0 - expected) / len(found))
    mean = float(np.mean(found))
    return holds(f"{label}: {mean:.4g} for {expected:.4g}", abs(mean - expected) <= SIGMAS * error)


@case("effector_tumour", rows="S4-01", sets={"typical": {}, "few respond": {"n": 60.0}, "most respond": {"n": 900.0}})
def responders_are_those_whose_kill_exceeds_growth(b: Bench):
    """With log-normal supply of effector cells the share that clears a small tumour is Phi(ln(n s/(a d))/w)."""
    p, w = b.p, 0.6
    population = qsp.Population({"s": p.s}, variability={"s": qsp.Variability("log-normal", sd=w)})
    arm = b.experiment([0.0, 10.0], "T", changes={"T": 1e-13})
    ds = qsp.simulate(arm, population=population, size=SIZE, seed=4, progress=False)
    own = qsp.sample(population, SIZE, seed=4)["s"].to_numpy()
    ratio = p.n * own / (p.a * p.d)
    got = ds["T"].to_numpy().squeeze()
    yield same("each tumour", got[:, -1], 1e-13 * np.exp(10.0 * p.a * (1.0 - ratio)))
    responds = got[:, -1] < got[:, 0]
    yield holds("who responds", responds == (ratio > 1.0))
    yield share("responders", responds, float(norm.cdf(np.log(p.n * p.s / (p.a * p.d)) / w)))


TREATED = {"typical": {}, "slow": {"CL": 0.05, "V": 3.0}, "fast": {"CL": 40.0, "V": 90.0}}


@case("one_compartment", rows=("S3-02", "S1-27"), sets=TREATED)
def window_under_one_dose_and_dosing_by_weight(b: Bench):
    """Below and above a window are normal probabilities of ln C; dosing by weight leaves only the unexplained SD."""
    w, spread, exponent = 0.25, 0.3, 0.75
    pumped = qsp.compose(
        "pumped",
        {"pk": b.model, "pump": model_of("constant_infusion")},
        connect={"pump.central": "pk.central", "pump.V": "pk.V"},
    )
    weight = qsp.Covariate("log-normal", median=70, cv=np.sqrt(np.expm1(spread**2)), unit="kg")
    low, high, tails = 0.7, 1.5, []
    for label, rate, sd in (
        ("one dose", "RATE", float(np.hypot(exponent * spread, w))),
        ("dosing by weight", f"RATE*(WT/70)^{exponent}", w),
    ):
        population = qsp.Population(
            {"pk.CL": f"CL_pop*(WT/70)^{exponent}", "pump.R0": rate},
            covariates={"WT": weight},
            typical={"CL_pop": b.p.CL, "RATE": b.p.CL},
            variability={"pk.CL": qsp.Variability("log-normal", sd=w)},
        )
        arm = qsp.Experiment(pumped, times=[0.0, 400.0 * b.p.V / b.p.CL], observables=["pk.C"], changes={"pk.V": b.p.V})
        ds = qsp.simulate(arm, population=population, size=SIZE, seed=9, progress=False)
        own = qsp.sample(population, SIZE, seed=9)
        level = ds["pk.C"].to_numpy().squeeze()[:, -1]
        yield same(f"each level, {label}", level, (own["pump.R0"] / own["pk.CL"]).to_numpy())
        yield share(f"below, {label}", level < low, float(norm.cdf(np.log(low) / sd)))
        yield share(f"above, {label}", level > high, float(norm.sf(np.log(high) / sd)))
        spread_found = float(np.std(np.log(level)))
        yield holds(f"SD of ln C, {label}", abs(spread_found / sd - 1.0) < SIGMAS / np.sqrt(2.0 * SIZE))
        error = np.sqrt(np.expm1(sd**2) / SIZE) * np.exp(sd**2 / 2)
        yield holds(f"mean level, {label}", abs(level.mean() - np.exp(sd**2 / 2)) < SIGMAS * error)
        tails.append((np.mean(level < low), np.mean(level > high)))
    yield holds("dosing by weight shrinks both tails", np.array(tails[1]) < np.array(tails[0]))
