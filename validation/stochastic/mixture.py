"""Cells that differ in rate constants and are noisy besides: variance by its two parts, killed shares by the mixture.

    python -m validation.stochastic.mixture [cells]

Each cell of ``birth_death`` has a production and a loss rate constant of its own, log-normal and correlated; each cell
of ``bursty_protein`` a log-normal transcription rate. Given its constants a cell follows an exact law: Poisson, or the
master equation on a box of states, which for the passage of a threshold ends there. Over the cells these laws are
integrated by Gauss and Hermite:

- the mean is that of the conditional means, the variance the mean of the conditional variances and the variance of the
  conditional means;
- the share above a threshold at a moment, and the share that has ever been (killed, by a fate), are the integrals of
  the conditional probabilities.

All p-values share false alarms of 2e-4 (Bonferroni), so that right cells fail in fewer than one validation of 1,000.
Each control must fail by the same measure: cells that are all alike at the mean, cells without noise of their own, the
law at the mean constants in place of the integral, and rate constants that are drawn without their correlation.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping

import numpy as np
from scipy.linalg import expm
from scipy.stats import poisson

import sbmlqsp as qsp
from sbmlqsp.ensembles import killed
from validation.cases import model_of
from validation.population.checks import Checks
from validation.stochastic.laws import above, moments, protein, settled, tails, told, total
from validation.stochastic.master_equation import generator, later

CELLS = 4000
TIME = 3.0
LEVELS = (10, 25, 35)
LEVEL = 32
TYPICAL, CV, RHO = {"k": 20.0, "g": 1.0}, {"k": 0.3, "g": 0.15}, -0.6
PROTEIN, SPREAD = {"km": 2.0, "gm": 4.0, "kp": 20.0, "g": 1.0}, 0.6
TOLD = ("cells all alike", "cells without noise", "the law of the mean cell", "no correlation")


def nodes(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return standard normal nodes and weights."""
    z, w = np.polynomial.hermite_e.hermegauss(count)
    return z, w / w.sum()


def constants(rho: float = RHO, count: int = 24) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return production, loss and weight over the cells of birth and death, by nodes."""
    z, w = nodes(count)
    a, b = (x.ravel() for x in np.meshgrid(z, z))
    sk, sg = (math.sqrt(math.log1p(CV[n] ** 2)) for n in ("k", "g"))
    k = TYPICAL["k"] * np.exp(sk * a)
    return k, TYPICAL["g"] * np.exp(sg * (rho * a + math.sqrt(1 - rho**2) * b)), np.outer(w, w).ravel()


def expected(k: np.ndarray, g: np.ndarray) -> np.ndarray:
    """Return the mean count, from none, by rate constants."""
    return -k / g * np.expm1(-g * TIME)


def passed(k: float, g: float) -> float:
    """Return the chance that a cell has been above the level, by its master equation that ends there."""
    q = generator((LEVEL + 1,), (((1,), lambda n: k + 0.0 * n), ((-1,), lambda n: g * n))).toarray()
    return float(1.0 - expm(q * TIME)[:, 0].sum())


def cells(
    model: str, observable: str, changes: Mapping[str, float], people: qsp.Population, *, count: int, seed: int, **more
):
    """Return cells of one subject, each with constants of its own."""
    arm = qsp.Experiment(model_of(model), times=[0.0, TIME], observables=[observable], changes=dict(changes), **more)
    return qsp.simulate(arm, population=people, size=1, replicates=count, method="ssa", seed=seed, progress=False)


def births(checks: Checks, controls: Mapping[str, Checks], *, count: int) -> None:
    """Compare birth and death with two correlated constants: moments, shares now, and shares killed by a fate."""
    people = unlike(RHO)
    x = cells("birth_death", "n", {}, people, count=count, seed=51)["n"].to_numpy()[0, 0, :, -1]
    k, g, w = constants()
    laws = poisson.pmf(np.arange(400), expected(k, g)[:, None])
    moments(x, laws, w, checks, "birth and death")
    above(x, w @ laws, LEVELS, checks, "birth and death")
    fates = {"killed": f"n > {LEVEL}"}
    share = float(w @ [passed(*pair) for pair in zip(k, g, strict=True)])
    hits = int(killed(cells("birth_death", "n", {}, people, count=count, seed=52, fates=fates))["n_killed"].iloc[0])
    checks.p("birth and death: killed", tails(hits, count, share))
    mean = [float(w @ v) for v in (k, g)]
    controls["the law of the mean cell"].p("killed", tails(hits, count, passed(*mean)))
    print(f"killed above {LEVEL} by {TIME:g}: {hits / count:.4f}, mixture {share:.4f}, mean cell {passed(*mean):.4f}")
    wrong(controls, laws, w, mean, count=count)


def unlike(rho: float) -> qsp.Population:
    """Return birth and death with constants of every cell."""
    spread = {name: qsp.Variability("log-normal", cv=cv) for name, cv in CV.items()}
    omega = {("k", "g"): rho} if rho else {}
    return qsp.Population(TYPICAL, cell_variability=spread, cell_omega=omega)


def wrong(controls: Mapping[str, Checks], laws: np.ndarray, w: np.ndarray, mean: list[float], *, count: int) -> None:
    """Put wrong cells to the same checks."""
    rng = np.random.default_rng(53)

    def judge(name: str, x: np.ndarray) -> None:
        moments(x, laws, w, controls[name], "control")
        above(x, w @ laws, LEVELS, controls[name], "control")

    judge("cells all alike", rng.poisson(expected(*np.array(mean)), count).astype(float))
    k, g, weights = constants()
    judge("cells without noise", np.rint(rng.choice(expected(k, g), count, p=weights)))
    found = cells("birth_death", "n", {}, unlike(0.0), count=count, seed=54)["n"].to_numpy()[0, 0, :, -1]
    judge("no correlation", found)


def proteins(checks: Checks, *, count: int) -> None:
    """Compare the two-stage model with transcription that differs between cells: moments and shares."""
    people = qsp.Population({"km": PROTEIN["km"]}, cell_variability={"km": qsp.Variability("log-normal", cv=SPREAD)})
    changes = {n: v for n, v in PROTEIN.items() if n != "km"}
    x = cells("bursty_protein", "p", changes, people, count=count, seed=55)["p"].to_numpy()[0, 0, :, -1]
    z, w = nodes(12)
    rates = PROTEIN["km"] * np.exp(math.sqrt(math.log1p(SPREAD**2)) * z)
    laws = np.array([conditional(rate) for rate in rates])
    moments(x, laws, w, checks, "protein")
    above(x, w @ laws, (0, 10, 25, 45), checks, "protein")
    mean, variance, _ = total(laws, w)
    print(f"protein: mean {x.mean():.3f} (exact {mean:.3f}), variance {x.var():.2f} (exact {variance:.2f})")


def conditional(rate: float) -> np.ndarray:
    """Return the law of the protein given the transcription rate."""
    most = 420 if rate > 8.0 else 200
    law = settled(later(*protein({**PROTEIN, "km": float(rate)}, 14 if rate < 8.0 else 40, most), (0, 0), [TIME])[0])
    return np.pad(law, (0, 420 - most))


def main(arguments: list[str]) -> int:
    """Return 1 where a law is not met or a control is not found out."""
    count, checks = int(arguments[0]) if arguments else CELLS, Checks()
    controls = {name: Checks() for name in TOLD}
    births(checks, controls, count=count)
    proteins(checks, count=count)
    good = told("cells that differ", checks, controls)
    print("passed" if good else "failed")
    return int(not good)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
