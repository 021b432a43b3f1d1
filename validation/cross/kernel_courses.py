"""Random courses on both engines: doses at steady state, subjects that change on the way, and starts at rest.

    python -m validation.cross.kernel_courses [COUNT]

Each course draws a model (linear and saturable, with a baseline), one to three dose lines (boluses and infusions, with
lags, bioavailabilities, and steady states that replace or add, at the start or on the way), and three subjects, half
of the time with one to four rows of parameters each. The batch kernel must agree with libRoadRunner to 1e-6 of a value,
on who fails as well. As a control, a kernel in which what changes does so one row late, and one in which a steady state
is that of doses a thousandth larger, must be found out.
"""

from __future__ import annotations

import sys
from typing import Any
from unittest.mock import patch

import numpy as np
import pandas as pd

import sbmlqsp as qsp
from sbmlqsp import batch, batch_courses
from sbmlqsp.batch import run_batch
from sbmlqsp.engine.roadrunner import quiet
from sbmlqsp.engines import difference
from sbmlqsp.execution import run_arm
from sbmlqsp.subjects import read_subjects

TIGHT, TIGHT_KERNEL = qsp.Tolerances(1e-11, 1e-40), qsp.Tolerances(1e-10, 1e-18)
ALLOWED = 1e-6
LINEAR = """model linear
  compartment V = 20; substanceOnly species depot in V, central in V, deep in V, gone in V; species R in V; R = 3
  V2 := 2*V; ka = 0.9; CL = 3; Q = 1.5; WT = 70; kin = 2; kout = 0.5; J1: depot -> central; ka*depot
  J2: central -> gone; CL*(WT/70)^0.75*central/V; J3: central -> deep; Q*central/V; J4: deep -> central; Q*deep/V2
  J5: -> R; kin*V; J6: R -> ; kout*R*V
end"""
SATURABLE = """model saturable
  compartment V = 20; substanceOnly species depot in V, central in V; species R in V; R = 3; WT = 70
  ka = 0.9; CL = 2; Vm = 4; Km = 1.5; kin = 2; kout = 0.5; J1: depot -> central; ka*depot
  J2: central -> ; (CL*WT/70 + Vm/(Km + central/V))*central/V
  J5: -> R; kin*V*(1 - 0.7*central/V/(2 + central/V)); J6: R -> ; kout*R*V
end"""


def drawn(rng: np.random.Generator, models: list[qsp.Model]) -> tuple[qsp.Experiment, pd.DataFrame]:
    """Return an arm and its subjects."""
    model = models[int(rng.integers(2))]
    lines = [_dose(rng, k, linear=model is models[0]) for k in range(int(rng.integers(1, 4)))]
    arm = qsp.Experiment(
        model, times=np.unique([0.0, *rng.uniform(0, 60, 12).round(2)]), observables=["depot", "central", "R"],
        regimen=qsp.Regimen(tuple(lines)), at_dose=str(rng.choice(["after", "before"])),
        start=str(rng.choice(["initial values", "steady state"])),
    )  # fmt: skip
    return arm, _people(rng)


def _dose(rng: np.random.Generator, k: int, *, linear: bool) -> qsp.Dose:
    interval = float(rng.choice([6.0, 8.0, 12.0, 24.0]))
    steady = int(rng.choice([0, 1, 1, 2] if linear else [0, 0, 1]))
    how: dict[str, Any] = {"interval": interval, "count": int(rng.integers(1, 5)), "steady_state": steady}
    how["time"] = 0.0 if k == 0 and rng.random() < 0.7 else round(float(rng.uniform(0, 30)), 1)
    if rng.random() < 0.4:
        how["lag"] = round(float(rng.uniform(0.1, 3)), 2)
    if rng.random() < 0.3:
        how["bioavailability"] = 0.6
    if rng.random() < 0.4:
        how["duration"] = round(float(rng.uniform(0.5, 1.6 * interval)), 1)
    amount = "WT/2" if rng.random() < 0.3 else round(float(rng.uniform(10, 60)))
    return qsp.Dose(amount, str(rng.choice(["depot", "central"])), **how)


def _people(rng: np.random.Generator) -> pd.DataFrame:
    rows: list[dict[str, float]] = []
    several = rng.random() < 0.5
    for who in range(3):
        for k in range(int(rng.integers(1, 5)) if several else 1):
            begins = 0.0 if k == 0 else rows[-1]["time"] + round(float(rng.uniform(2, 20)), 1)
            sizes = {"WT": rng.uniform(40, 120), "V": rng.uniform(10, 30), "kin": rng.uniform(1, 4)}
            rows.append({"subject": who, "time": begins} | {n: float(v) for n, v in sizes.items()})
    table = pd.DataFrame(rows)
    return table if several else table.drop(columns="time")


def compare(arm: qsp.Experiment, table: pd.DataFrame) -> tuple[float, bool, Any]:
    """Return the largest difference, whether the same subjects fail, and what libRoadRunner gave."""
    people = read_subjects(table, (arm,))
    first = run_arm(arm, people, tolerances=TIGHT)
    second = run_batch(arm, people, tolerances=TIGHT_KERNEL)
    return difference(arm, first, second).largest, bool(((first.status > 0) == (second.status > 0)).all()), first


def controls(arm: qsp.Experiment, table: pd.DataFrame, first: Any) -> dict[str, float]:
    """Return how far kernels are off that are wrong, where the course has what they get wrong."""
    people, out = read_subjects(table, (arm,)), {}
    change, steady = batch_courses._Writer.change, batch.Steady.__call__
    late = lambda self, row: change(self, max(row - 1, 0))  # noqa: E731
    more = lambda *a: {k: 1.001 * v for k, v in steady(*a).items()}  # noqa: E731
    for what, where, name, wrong in (("changes", batch_courses._Writer, "change", late),
                                     ("steady states", batch.Steady, "__call__", more)):  # fmt: skip
        with patch.object(where, name, wrong):
            out[what] = difference(arm, first, run_batch(arm, people, tolerances=TIGHT_KERNEL)).largest
    return out


def main() -> int:
    """Compare, print; 1 where a difference is larger than allowed or a control is not found out."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    models, rng = [qsp.read_antimony(LINEAR), qsp.read_antimony(SATURABLE)], np.random.default_rng(20)
    bad, failed, worst, found = 0, 0, 0.0, {"changes": 0, "steady states": 0}
    for k in range(count):
        arm, table = drawn(rng, models)
        with quiet():
            apart, alike, first = compare(arm, table)
            wrong = controls(arm, table, first)
        failed += int((first.status > 0).sum())
        worst = max(worst, apart)
        found = {what: n + (wrong[what] > ALLOWED) for what, n in found.items()}
        if apart > ALLOWED or not alike:
            bad += 1
            print(f"{k}: {apart:.1e}, {'' if alike else 'others fail; '}{arm.start}, {arm.at_dose}: {arm.regimen}")
            print(table.to_string(), *first.messages, sep="\n", flush=True)
    print(
        f"{count} courses, {bad} differ; the largest difference is {worst:.1e}; {failed} subjects fail on both engines"
    )
    print(f"controls are found out in so many of them: {found}")
    return int(bad > 0 or min(found.values()) == 0)


if __name__ == "__main__":
    raise SystemExit(main())
