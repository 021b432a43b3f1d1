"""Populations: individuals around what their covariates predict, and the clearance of each in a running model.

Statistics are compared with theory within 5.4 standard errors, which a right sampler exceeds once in 15 million checks.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pandas as pd

import sbmlqsp as qsp
from validation.cases import Bench, Comparison, case, holds, same

SIGMAS = 5.4
SIZE = 20_000
SETS = {"typical": {}, "slow": {"CL": 0.04, "V": 5.0}, "fast": {"CL": 60.0, "V": 210.0}}


def people(cl: float, *, kind: str = "log-normal", omega: float = 0.35) -> qsp.Population:
    """Return adults whose clearance follows weight, genotype and chance."""
    how = qsp.Variability(kind, sd=omega) if kind == "log-normal" else qsp.Variability(kind, sd=omega * cl)
    return qsp.Population(
        {"CL": "CL_pop*(WT/70)^0.75*(1 - 0.6*CYP_poor)*exp(-0.01*(AGE - 50))"},
        covariates={
            "WT": qsp.Covariate("log-normal", median=72, cv=0.22, low=35, high=160, unit="kg"),
            "AGE": qsp.Covariate("normal", mean=50, sd=12, low=18, high=90),
            "CYP": qsp.Covariate("categories", levels={"poor": 0.1, "normal": 0.9}),
        },
        typical={"CL_pop": cl},
        variability={"CL": how},
    )


def predicted(drawn: pd.DataFrame, cl: float) -> pd.Series:
    """Return the clearance that weight, genotype and age predict, written out once more."""
    poor = (drawn["CYP"] == "poor").astype(float)
    return cl * (drawn["WT"] / 70) ** 0.75 * (1 - 0.6 * poor) * np.exp(-0.01 * (drawn["AGE"] - 50))


def near(label: str, found: float, expected: float, error: float) -> Comparison:
    """Return whether a statistic is within its sampling error of theory."""
    return holds(f"{label}: {found:.4g} for {expected:.4g}", abs(found - expected) <= SIGMAS * error)


@case("one_compartment", rows=("S1-07", "S2-21", "S2-22"), sets=SETS)
def individuals_are_log_normal_around_their_prediction(b: Bench) -> Iterator[Comparison]:
    """θ = θpop·g(x)·exp(η): median, mean and CV of θ/(θpop·g) are 1, exp(ω²/2) and sqrt(exp(ω²) - 1), all positive."""
    w = 0.35
    drawn = qsp.sample(people(b.p.CL, omega=w), SIZE, seed=11)
    ratio = (drawn["CL"] / predicted(drawn, b.p.CL)).to_numpy()
    cv = math.sqrt(math.expm1(w**2))
    mean = math.exp(w**2 / 2)
    yield same("exp(eta)", ratio, np.exp(drawn["ETA(CL)"]))
    yield near("median", float(np.median(ratio)), 1.0, w * math.sqrt(math.pi / 2 / SIZE))
    yield near("mean", float(ratio.mean()), mean, mean * cv / math.sqrt(SIZE))
    yield near("log-variance", float(np.log(ratio).var()), w**2, w**2 * math.sqrt(2 / SIZE))
    yield holds("positive", ratio > 0)
    again = qsp.sample(people(b.p.CL, omega=w), 50, seed=11)
    yield holds("reproducible", again.equals(drawn.head(50)))


@case("one_compartment", rows="S2-22", sets=SETS)
def additive_variability_would_make_some_clearances_negative(b: Bench) -> Iterator[Comparison]:
    """With θ + η a share Φ(-1/ω) of a population without covariates is negative; with θ·exp(η) nobody is."""
    w = 0.6
    for kind, share in (("normal", 0.5 * math.erfc(1 / (w * math.sqrt(2)))), ("log-normal", 0.0)):
        sd = w * b.p.CL if kind == "normal" else w
        plain = qsp.Population({"CL": b.p.CL}, variability={"CL": qsp.Variability(kind, sd=sd)})
        negative = float((qsp.sample(plain, SIZE, seed=5)["CL"] < 0).mean())
        yield near(f"share below zero, {kind}", negative, share, math.sqrt(share * (1 - share) / SIZE))


@case("one_compartment", rows=("S1-08", "S2-21"), sets=SETS)
def variability_is_attributed_to_its_sources(b: Bench) -> Iterator[Comparison]:
    """A regression of log clearance on the covariates returns their coefficients, and ω² is what it leaves."""
    w = 0.35
    drawn = qsp.sample(people(b.p.CL, omega=w), SIZE, seed=12)
    poor = (drawn["CYP"] == "poor").to_numpy(dtype=float)
    x = np.column_stack([np.ones(SIZE), np.log(drawn["WT"] / 70), poor, drawn["AGE"] - 50])
    beta, rest, *_ = np.linalg.lstsq(x, np.log(drawn["CL"]).to_numpy(), rcond=None)
    errors = w * np.sqrt(np.diag(np.linalg.inv(x.T @ x)))
    names, truth = ("CL_pop", "weight", "genotype", "age"), (math.log(b.p.CL), 0.75, math.log(0.4), -0.01)
    for name, found, expected, error in zip(names, beta, truth, errors, strict=True):
        yield near(f"coefficient of {name}", float(found), expected, float(error))
    yield near("unexplained log-variance", float(rest[0] / SIZE), w**2, w**2 * math.sqrt(2 / SIZE))
    means = np.log(drawn["CL"] / predicted(drawn, b.p.CL)).groupby(drawn["CYP"]).mean()
    for genotype, count in drawn["CYP"].value_counts().items():
        yield near(f"geometric mean, {genotype}", float(means[genotype]), 0.0, w / math.sqrt(count))
    explained = np.log(predicted(drawn, 1.0))
    parts = explained.var() + drawn["ETA(CL)"].var() + 2 * np.cov(explained, drawn["ETA(CL)"])[0, 1]
    yield same("total log-variance", np.log(drawn["CL"]).var(), parts)


@case("one_compartment", rows=("M-04", "S1-42"), sets=SETS)
def every_subject_runs_with_their_own_clearance_and_no_one_elses(b: Bench) -> Iterator[Comparison]:
    """Each curve is that of the subject's own parameters; subject 7 is the same in a run of 3, of 30, or alone."""
    t = np.linspace(0.0, 3.0 * b.p.V / b.p.CL, 7)
    arm = qsp.Experiment(b.model, times=t, observables=["C"], regimen="100 mg into central", changes={"V": b.p.V})
    population = people(b.p.CL)
    ds = qsp.simulate(arm, population=population, size=30, seed=3)
    own = qsp.sample(population, 30, seed=3)["CL"].to_numpy()
    exact = 100 / b.p.V * np.exp(-np.outer(own / b.p.V, t))
    yield same("curves", ds["C"].to_numpy()[0, :, 0], exact)
    few = qsp.simulate(arm, population=population, size=8, seed=3)
    yield holds("the same among fewer", few["C"].to_numpy()[0, 6, 0] == ds["C"].to_numpy()[0, 6, 0])
    alone = qsp.simulate(arm, subjects=qsp.sample(population, 1, seed=3, first=7)[["CL"]])
    yield holds("the same alone", alone["C"].to_numpy()[0, 0, 0] == ds["C"].to_numpy()[0, 6, 0])


@case("two_compartment_small_molecule", rows="S1-42", sets={"typical": {}, "wide": {"CL": 1.0}, "narrow": {"CL": 30.0}})
def correlated_parameters_have_their_natural_moments(b: Bench) -> Iterator[Comparison]:
    """Correlated log-normal clearance and volume have their mean and correlation on the natural scale."""
    sds, rho = {"CL": 0.4, "V1": 0.25}, 0.6
    population = qsp.Population(
        {"CL": b.p.CL, "V1": 12.0},
        variability={k: qsp.Variability("log-normal", sd=w) for k, w in sds.items()},
        omega={("CL", "V1"): rho},
    )
    drawn = qsp.sample(population, SIZE, seed=21)
    for name, w in sds.items():
        mean = float(str(population.parameters[name])) * math.exp(w**2 / 2)
        yield near(f"mean of {name}", drawn[name].mean(), mean, mean * math.sqrt(math.expm1(w**2) / SIZE))
    a, c = sds.values()
    natural = math.expm1(rho * a * c) / math.sqrt(math.expm1(a**2) * math.expm1(c**2))
    found = float(np.corrcoef(drawn["CL"], drawn["V1"])[0, 1])
    yield near("correlation on the natural scale", found, natural, 2 * (1 - natural**2) / math.sqrt(SIZE))
    bounded = qsp.Covariate("log-normal", median=70, cv=0.3, low=50, high=90)
    weights = qsp.sample(qsp.Population({"CL": b.p.CL}, covariates={"WT": bounded}), SIZE, seed=22)["WT"]
    mean, sd = bounded.moments()
    yield near("mean of a truncated covariate", weights.mean(), mean, sd / math.sqrt(SIZE))
    yield near("its variance", weights.var(), sd**2, sd**2 * math.sqrt(2 / SIZE))
    yield holds("its bounds", weights.between(50, 90))
