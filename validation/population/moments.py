"""What populations draw, against theory that shares no code with them.

    python -m validation.population.moments [subjects] [simulated subjects]

Moments, shares, correlations and whole distributions of every kind of covariate and of variability; independence
between subjects, purposes, replicates, occasions and seeds; and variability between occasions as it comes back from
sampled parameters and from simulated curves. A right program raises a false alarm with one seed in a thousand; the seed
is fixed. Wrong theories (a CV 3 % too high, a correlation off by 0.02, bounds ignored, one occasion's effect for all)
must fail.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy import stats

import sbmlqsp as qsp
from sbmlqsp.populations.sampling import eta_name, individuals, kappa_name
from validation.population.checks import Checks, add_components, raw_moments

SEED = 20_261
COVARIATES = {
    "WT": qsp.Covariate("log-normal", median=70, cv=0.22, low=45, high=110, unit="kg"),
    "BMI": qsp.Covariate("log-normal", median=25, cv=0.15),
    "AGE": qsp.Covariate("normal", mean=50, sd=15, low=18, high=75),
    "ALB": qsp.Covariate("normal", mean=40, sd=4),
    "TIME_OF_DAY": qsp.Covariate("uniform", low=6, high=10),
    "SEX": qsp.Covariate("categories", levels={"F": 0.45, "M": 0.55}),
    "CYP": qsp.Covariate("categories", levels={0: 0.07, 1: 0.38, 2: 0.55}),
}
CORRELATIONS = {("WT", "AGE"): 0.3, ("WT", "BMI"): 0.8, ("AGE", "ALB"): -0.4, ("WT", "SEX"): 0.5}
VARIABILITY = {
    "CL": qsp.Variability("log-normal", cv=0.35),
    "V": qsp.Variability("log-normal", sd=0.2),
    "F1": qsp.Variability("logit-normal", variance=0.36, low=0.1, high=0.95),
    "E0": qsp.Variability("normal", sd=2.5),
    "KA": qsp.Variability("box-cox", sd=0.3, shape=0.8),
}
TYPICAL = {"CL": 4.0, "V": 30.0, "F1": 0.7, "E0": 1.0, "KA": 1.2}
OMEGA = {("CL", "V"): 0.6, ("CL", "F1"): -0.3, ("V", "KA"): 0.25, ("E0", "KA"): -0.5}
EFFECTS = list(VARIABILITY)
OMEGAS = {"CL": math.sqrt(math.log(1 + 0.35**2)), "V": 0.2, "F1": 0.6, "E0": 2.5, "KA": 0.3}


def population() -> qsp.Population:
    """Return one of every kind."""
    formulas = {k: v if k != "CL" else "4*(WT/70)^0.75*(1 - 0.2*SEX_F)" for k, v in TYPICAL.items()}
    return qsp.Population(
        formulas, covariates=COVARIATES, correlations=CORRELATIONS, variability=VARIABILITY, omega=OMEGA
    )


# ------------------------------------------------------------------------------------------------------------- theory
def standard(name: str) -> tuple[Callable, Callable, float, float]:
    """Return a covariate as a function of a normal score, its inverse, and the bounds of the score."""
    c = COVARIATES[name]
    if c.kind == "normal":
        to, back = (lambda z: c.mean + c.sd * z), (lambda x: (x - c.mean) / c.sd)
    else:
        w = math.sqrt(math.log(1 + c.cv**2))
        to, back = (lambda z: c.median * np.exp(w * z)), (lambda x: np.log(x / c.median) / w)
    low, high = (-math.inf if c.low is None else back(c.low)), (math.inf if c.high is None else back(c.high))
    return to, back, low, high


def probability(name: str, x: np.ndarray) -> np.ndarray:
    """Return the distribution function of a covariate at its values."""
    _, back, low, high = standard(name)
    below, above = stats.norm.cdf(low), stats.norm.cdf(high)
    return (stats.norm.cdf(back(x)) - below) / (above - below)


def individual(name: str, typical: float, eta: np.ndarray) -> np.ndarray:
    """Return individual values, written out once more."""
    if name == "E0":
        return typical + eta
    if name == "F1":
        share = (typical - 0.1) / 0.85
        return 0.1 + 0.85 / (1 + (1 - share) / share * np.exp(-eta))
    return typical * np.exp((np.exp(0.8 * eta) - 1) / 0.8 if name == "KA" else eta)


# -------------------------------------------------------------------------------------------------------------- groups
def covariates(drawn: pd.DataFrame, *, bounded: bool = True, shift: float = 0.0) -> Checks:
    """Check the covariates; without bounds, or with correlations moved, it must fail."""
    checks, n = Checks(), len(drawn)
    scores = {}
    for name in ("WT", "BMI", "AGE", "ALB"):
        x = drawn[name].to_numpy()
        to, _, low, high = standard(name)
        low, high = (low, high) if bounded else (-math.inf, math.inf)
        checks.moments(name, x, raw_moments(to, low, high))
        if COVARIATES[name].kind == "log-normal":
            checks.moments(f"log {name}", np.log(x), raw_moments(lambda z, to=to: np.log(to(z)), low, high))
        u = probability(name, x)
        checks.distribution(name, u)
        scores[name] = stats.norm.ppf(u)
    for a, b in (("WT", "AGE"), ("WT", "BMI"), ("AGE", "ALB"), ("BMI", "ALB"), ("BMI", "AGE")):
        checks.correlation(f"{a}, {b}", scores[a], scores[b], CORRELATIONS.get((a, b), 0.0) + shift)
    time = drawn["TIME_OF_DAY"].to_numpy()
    checks.distribution("TIME_OF_DAY", (time - 6) / 4)
    checks.moments("TIME_OF_DAY", time, [(10**k - 6**k) / (k * 4) for k in range(2, 6)])
    for name in ("SEX", "CYP"):
        for level, share in COVARIATES[name].levels.items():
            found = float((drawn[name] == level).mean())
            checks.z(f"share of {name} {level}", found, share, math.sqrt(share * (1 - share) / n))
    joint = float(stats.multivariate_normal.cdf([stats.norm.ppf(0.45), 0.0], cov=[[1, 0.5], [0.5, 1]]))
    found = float(((drawn["SEX"] == "F") & (scores["WT"] < 0)).mean())
    checks.z("light women", found, joint, math.sqrt(joint * (1 - joint) / n))
    return checks


def effects(drawn: pd.DataFrame, *, larger: float = 1.0, shift: float = 0.0) -> Checks:
    """Check random effects and parameters; with a larger CV, or correlations moved, it must fail."""
    checks = Checks()
    omegas = OMEGAS | {"CL": math.sqrt(math.log(1 + (0.35 * larger) ** 2))}
    etas = drawn[[eta_name(k) for k in EFFECTS]].to_numpy()
    for i, name in enumerate(EFFECTS):
        eta, w = etas[:, i], omegas[name]
        checks.moments(f"effect on {name}", eta, raw_moments(lambda z, w=w: w * z))
        checks.distribution(f"effect on {name}", stats.norm.cdf(eta / w))
        for j in range(i):
            rho = OMEGA.get((EFFECTS[j], name), 0.0) + shift
            checks.correlation(f"effects on {EFFECTS[j]}, {name}", etas[:, j], eta, rho)
        if name != "CL":
            x, theory = drawn[name].to_numpy(), lambda z, w=w, name=name: individual(name, TYPICAL[name], w * z)
            checks.moments(name, x, raw_moments(theory))
            if name != "E0":
                checks.moments(f"log {name}", np.log(x), raw_moments(lambda z, theory=theory: np.log(theory(z))))
    women = (drawn["SEX"] == "F").to_numpy()
    ratio = drawn["CL"].to_numpy() / (4 * (drawn["WT"].to_numpy() / 70) ** 0.75 * np.where(women, 0.8, 1.0))
    checks.moments("CL over its prediction", ratio, raw_moments(lambda z: np.exp(omegas["CL"] * z)))
    checks.distribution("CL over its prediction", stats.norm.cdf(np.log(ratio) / omegas["CL"]))
    return checks


def independence(size: int, *, leak: float = 0.0) -> Checks:
    """Check that nothing is correlated that should not be; a leak from one subject to the next must fail."""
    checks, p = Checks(), population()
    first, second = (qsp.sample(p, size, seed=s) for s in (SEED, SEED + 1))
    names = [eta_name(k) for k in EFFECTS]
    for name in (*names, "WT", "TIME_OF_DAY"):
        x = stats.norm.ppf((stats.rankdata(first[name]) - 0.5) / size)
        x[1:] += leak * x[:-1]
        for lag in (1, 2, 511, 512, 513):
            checks.correlation(f"{name} at lag {lag}", x[lag:], x[:-lag], 0.0)
        checks.correlation(f"{name} of two seeds", x, second[name].to_numpy(), 0.0)
    for name in names:
        for other in ("WT", "TIME_OF_DAY", "ALB"):
            checks.correlation(f"{name} with {other}", first[name].to_numpy(), first[other].to_numpy(), 0.0)
    few = first.head(size // 10)
    known = few[list(COVARIATES)]
    drawn = [np.log(individuals(p, known, seed=SEED, replicate=r)["V"].to_numpy()) for r in (1, 2)]
    checks.correlation("V of two replicates", *drawn, 0.0)
    checks.correlation("V of a replicate with the sample's", drawn[0], np.log(few["V"].to_numpy()), 0.0)
    changing = changes(CL=0.2)
    table = qsp.sample(changing, size // 4, seed=SEED, occasions=3)
    kappa = table[kappa_name("CL")].to_numpy().reshape(-1, 3)
    eta = table[eta_name("CL")].to_numpy().reshape(-1, 3)[:, 0]
    for k in range(3):
        checks.correlation(f"occasion {k + 1} with the subject", kappa[:, k], eta, 0.0)
        checks.correlation(f"occasion {k + 1} with the next", kappa[:, k], kappa[:, (k + 1) % 3], 0.0)
        checks.correlation(f"occasion {k + 1} between subjects", kappa[1:, k], kappa[:-1, k], 0.0)
    return checks


# ----------------------------------------------------------------------------------------------------------- occasions
def changes(**cvs: float) -> qsp.Population:
    """Return subjects whose clearance differs, also between occasions."""
    return qsp.Population(
        {"CL": 4.0, "V": 30.0},
        variability={"CL": qsp.Variability("log-normal", cv=0.3), "V": qsp.Variability("log-normal", sd=0.1)},
        omega={("CL", "V"): 0.4},
        occasion_variability={k: qsp.Variability("log-normal", cv=cv) for k, cv in cvs.items()},
    )


def once(table: pd.DataFrame, occasions: int) -> pd.DataFrame:
    """Return the table of a wrong sampler, which draws one effect per subject for all its occasions."""
    kappa = table[kappa_name("CL")].to_numpy().reshape(-1, occasions)
    wrong = np.repeat(kappa[:, 0], occasions)
    return table.assign(CL=table["CL"] * np.exp(wrong - kappa.ravel()), **{kappa_name("CL"): wrong})


def sampled_occasions(size: int, *, wrong: bool = False, cv: float = 0.2) -> tuple[Checks, str]:
    """Check the components of variance of sampled clearances."""
    checks, k = Checks(), 4
    table = qsp.sample(changes(CL=0.2), size, seed=SEED, occasions=k)
    table = once(table, k) if wrong else table
    found = np.log(table["CL"].to_numpy().reshape(size, k))
    text = add_components(checks, "log CL, sampled", found, subjects=math.log(1.09), occasions=math.log(1 + cv**2))
    kappa = table[kappa_name("CL")].to_numpy().reshape(size, k)
    w = math.sqrt(math.log(1 + cv**2))
    for i in range(k):
        checks.distribution(f"effect of occasion {i + 1}", stats.norm.cdf(kappa[:, i] / w))
    own = table["V"].to_numpy().reshape(size, k)
    checks.p("V keeps still between occasions", float((own == own[:, :1]).all()))
    return checks, text


def simulated_occasions(size: int, *, wrong: bool = False, cv: float = 0.2) -> tuple[Checks, str]:
    """Check the components of variance of the rates at which simulated curves fall in each occasion."""
    checks, k = Checks(), 4
    starts = 24.0 * np.arange(k)
    model = qsp.read_antimony(
        "model m; compartment V = 30; substanceOnly species A in V; A = 0; J: A => ; CL/V*A; CL = 4; end"
    )
    arm = qsp.Experiment(
        model, times=np.sort(np.r_[starts + 6, starts + 12]), regimen=f"100 into A every 24 x {k}", observables=["A"],
        occasions=starts,
    )  # fmt: skip
    how = changes(CL=0.2)
    if wrong:
        table = once(qsp.sample(how, size, seed=SEED + 5, occasions=k), k)[["CL", "V"]]
        ds = qsp.simulate(arm, subjects=table)
    else:
        ds = qsp.simulate(arm, population=how, size=size, seed=SEED + 5)
    amounts = ds["A"].to_numpy()[0, :, 0].reshape(size, k, 2)
    rates = np.log(amounts[:, :, 0] / amounts[:, :, 1]) / 6
    w = math.sqrt(math.log(1.09))
    subjects = w**2 + 0.1**2 - 2 * 0.4 * w * 0.1  # of log CL - log V
    text = add_components(checks, "log CL/V, simulated", np.log(rates), subjects=subjects,
                          occasions=math.log(1 + cv**2))  # fmt: skip
    return checks, text


# ---------------------------------------------------------------------------------------------------------------- run
def controls(drawn: pd.DataFrame, size: int, simulated: int) -> dict[str, Checks]:
    """Return checks against wrong theories or of wrong samplers, each of which must fail."""
    return {
        "a CV 3 % too high": effects(drawn, larger=1.03),
        "correlations of effects off by 0.02": effects(drawn, shift=0.02),
        "correlations of covariates off by 0.02": covariates(drawn, shift=0.02),
        "bounds ignored": covariates(drawn, bounded=False),
        "5 % of a subject's numbers in the next": independence(size, leak=0.05),
        "a CV between occasions 3 % too high": sampled_occasions(size // 2, cv=0.206)[0],
        "one occasion's effect for all, sampled": sampled_occasions(size // 2, wrong=True)[0],
        "one occasion's effect for all, simulated": simulated_occasions(simulated, wrong=True)[0],
    }


def main(size: int = 100_000, simulated: int = 4000) -> bool:
    """Print the figures; return whether all is as it should be."""
    drawn = qsp.sample(population(), size, seed=SEED)
    good = covariates(drawn).told(f"covariates of {size} subjects")
    good &= effects(drawn).told("random effects and parameters")
    good &= independence(size).told("independence")
    for checks, text in (sampled_occasions(size // 2), simulated_occasions(simulated)):
        print(text)
        good &= checks.told("components of variance")
    for name, checks in controls(drawn, size, simulated).items():
        shown = len(checks.fails())
        print(f"negative control, {name}: {shown} of {len(checks.found)} checks fail" + ("" if shown else ": MISSED"))
        good &= bool(shown)
    return good


if __name__ == "__main__":
    sys.exit(0 if main(*map(int, sys.argv[1:])) else 1)
