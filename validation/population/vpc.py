"""Visual predictive checks of theophylline: how often a right population looks wrong, and whether wrong ones do.

Data sets are drawn from the population of models/systems/theophylline with the design of its subjects four times over,
and each is checked against replicates of the same population: of its percentiles a share of about 5 % should lie
outside of their 95 % intervals. (With R replicates the ends of an interval lie between order statistics, so that it is
``2*((R - 1)*0.025 + 1)/(R + 1)``, 5.9 % of 200.) The standard error is that between data sets. Then the data sets are
checked against populations that are wrong in one thing each, which must show. Of twelve subjects alone twice the
variability does not show (6.6 % outside), nor do errors of three times the size: the intervals are too wide.

``python -m validation.population.vpc`` (a minute and a half) prints the shares and exits 1 where one is not as it
should be. With the right program the first fails once in a thousand times.
"""

from __future__ import annotations

import sys
import warnings
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

import sbmlqsp as qsp
from sbmlqsp.vpc import simulate_records, vpc

FOLDER = Path(__file__).resolve().parents[2] / "models" / "systems" / "theophylline"
DATA_SETS, REPLICATES, COPIES = 40, 200, 4
ERROR = qsp.ErrorModel(additive=0.2662, proportional=0.1321)
SHOWS = 2.5
"""A wrong population must have so many times the share of a right one outside."""


@dataclass(frozen=True)
class Wrong:
    """A population that is wrong in one thing."""

    name: str
    population: qsp.Population
    error: qsp.ErrorModel = ERROR


def design() -> qsp.Records:
    """Return the measured subjects, each several times, without the samples before the dose, which are mostly 0."""
    data = qsp.read_nonmem(
        FOLDER / "theophylline.csv",
        columns={"ID": "subject", "TIME": "time_h", "DV": "conc_mg_per_L", "WT": "weight_kg"},
        derive={"AMT": "piecewise(dose_mg_per_kg*WT, TIME == 0, 0)", "MDV": "TIME == 0"},
        units={"TIME": "h", "AMT": "mg", "DV": "mg/L", "WT": "kg"},
    )
    table = pd.concat([data.table.assign(ID=100 * k + data.table["ID"]) for k in range(COPIES)])
    return replace(data, table=table)


def wrongs(right: qsp.Population) -> list[Wrong]:
    """Return populations that are wrong in clearance, in variability, in absorption, and in the residual error."""
    wide = {k: replace(v, sd=2 * v.omega) for k, v in right.variability.items()}
    typical = dict(right.typical)
    return [
        Wrong("clearance 1.5 times", replace(right, typical=typical | {"CL_kg_pop": 1.5 * typical["CL_kg_pop"]})),
        Wrong("twice the variability", replace(right, variability=wide)),
        Wrong("absorption 3 times", replace(right, typical=typical | {"ka_pop": 3 * typical["ka_pop"]})),
        Wrong("3 times the error", right, qsp.ErrorModel(additive=3 * 0.2662, proportional=3 * 0.1321)),
    ]


def replicates(model: qsp.Model, data: qsp.Records, who: Wrong, *, seed: int, count: int) -> pd.DataFrame:
    """Return replicates of the data."""
    return simulate_records(
        model, data, population=who.population, errors=who.error, compartments="absorption.depot", observables="pk.C",
        replicates=count, seed=seed,
    )  # fmt: skip


def shares(sets: pd.DataFrame, drawn: pd.DataFrame) -> np.ndarray:
    """Return for each data set the share of its percentiles that lie outside."""
    parts = [one.drop(columns=["REP", "PRED"]) for _, one in sets.groupby("REP")]
    return np.array([vpc(part, drawn, percentiles=(10, 50, 90)).outside for part in parts])


def main() -> int:
    """Print the shares; return 1 where one is not as it should be."""
    warnings.simplefilter("ignore", qsp.ProvisionalModelWarning)
    model, data, right = qsp.load("theophylline"), design(), qsp.read_population(FOLDER / "population.toml")
    sets = replicates(model, data, Wrong("", right), seed=1, count=DATA_SETS)
    drawn = replicates(model, data, Wrong("", right), seed=2, count=REPLICATES)
    expected = 2 * ((REPLICATES - 1) * 0.025 + 1) / (REPLICATES + 1)
    found = shares(sets, drawn)
    mean, error = float(found.mean()), float(found.std(ddof=1) / np.sqrt(len(found)))
    good = abs(mean - expected) < 3.3 * error
    print(f"{'right population':24} {mean:6.1%} ± {error:.1%} outside, {expected:.1%} expected: {_word(good)}")
    for wrong in wrongs(right):
        far = shares(sets, replicates(model, data, wrong, seed=2, count=REPLICATES)).mean()
        shows = far > SHOWS * expected
        good &= bool(shows)
        print(f"{wrong.name:24} {far:6.1%} outside: {'shows' if shows else 'DOES NOT SHOW'}")
    return 0 if good else 1


def _word(good: bool) -> str:
    return "as it should be" if good else "NOT as it should be"


if __name__ == "__main__":
    sys.exit(main())
