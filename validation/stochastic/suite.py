"""The discrete stochastic cases of the SBML Test Suite, by the suite's own criteria.

``python -m validation.stochastic.suite FOLDER [RUNS]`` runs every case of the folder through the public face. With n
runs, mean m and standard deviation s for the expected mu and sigma, ``Z = sqrt(n) (m - mu) / sigma`` and
``Y = sqrt(n/2) (s^2/sigma^2 - 1)`` must lie in the ranges of the settings at every output time. By these, -3 to 3
and -5 to 5, a right simulator fails at a time by chance about once in 370; neighbouring times go together. The seed is
fixed.

Cases with the ``distrib`` package must be refused by name. A control, whose rates are 3 % too high, must fail.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import sbmlqsp as qsp

RUNS = 10_000
CONTROL = "00001"


@dataclass(frozen=True)
class Case:
    """A case: its model, its settings, and what is expected."""

    id: str
    path: Path
    settings: dict[str, str]
    expected: pd.DataFrame
    distrib: bool

    @classmethod
    def of(cls, folder: Path) -> Case:
        """Read a case from its folder."""
        name = folder.name
        lines = (folder / f"{name}-settings.txt").read_text(encoding="utf-8").splitlines()
        settings = dict(line.split(":", 1) for line in lines if ":" in line)
        tags = (folder / f"{name}-tags.txt").read_text(encoding="utf-8")
        expected = pd.read_csv(folder / f"{name}-results.csv", skipinitialspace=True)
        path = next(folder.glob(f"{name}-sbml-*.xml"))
        return cls(name, path, {k: v.strip() for k, v in settings.items()}, expected, "distrib" in tags)

    def range_of(self, key: str) -> tuple[float, float]:
        """Return the range in which a statistic must lie."""
        low, high = self.settings[key].strip("()").split(",")
        return float(low), float(high)


def outside(case: Case, runs: int, *, faster: float = 1.0) -> tuple[int, float, float]:
    """Run a case; return how many statistics lie outside their range, and the largest Z and Y."""
    model = qsp.read_sbml(case.path)
    names = [v.strip() for v in case.settings["variables"].split(",")]
    amounts = [v.strip() for v in case.settings["amount"].split(",")]
    shown = [f"amount({n})" if n in amounts and model.network.symbols[n].kind == "species" else n for n in names]
    start, length, steps = (float(case.settings[k]) for k in ("start", "duration", "steps"))
    changes = {} if faster == 1.0 else {s.id: s.value * faster for s in model.network.parameters[:1]}
    arm = qsp.Experiment(
        model, times=start + np.linspace(0, length, int(steps) + 1), observables=shown, changes=changes
    )
    ds = qsp.simulate(arm, method="ssa", replicates=runs, seed=7, progress=False)
    bad, z_most, y_most = 0, 0.0, 0.0
    for name, observable in zip(names, shown, strict=True):
        z, y = _statistics(ds[observable].to_numpy()[0, 0], case.expected, name)
        for values, key in ((z, "meanRange"), (y, "sdRange")):
            low, high = case.range_of(key)
            bad += int(((values < low) | (values > high)).sum())
        z_most, y_most = max(z_most, np.abs(z).max()), max(y_most, np.abs(y).max())
    return bad, float(z_most), float(y_most)


def _statistics(x: Any, expected: pd.DataFrame, name: str) -> tuple[Any, Any]:
    """Return Z and Y at every time; where nothing varies, any difference is infinite."""
    n, mean, sd = len(x), expected[f"{name}-mean"].to_numpy(), expected[f"{name}-sd"].to_numpy()
    gap, spread = x.mean(axis=0) - mean, x.var(axis=0, ddof=1)
    still = sd == 0
    size = np.where(still, 1.0, sd)
    z = np.where(still, np.where(np.abs(gap) > 1e-9, np.inf, 0.0), np.sqrt(n) * gap / size)
    y = np.where(still, np.where(spread > 1e-9, np.inf, 0.0), np.sqrt(n / 2) * (spread / size**2 - 1))
    return z, y


def refused(case: Case) -> str:
    """Return the refusal of a case with the distrib package, empty where it is not refused by name."""
    try:
        qsp.simulate(qsp.Experiment(qsp.read_sbml(case.path), times=[0, 1]), method="ssa", progress=False)
    except qsp.QSPError as err:
        return str(err) if "distrib" in str(err) else ""
    return ""


def main(folder: str, runs: int = RUNS) -> bool:
    """Run every case; return whether all passed or were refused by name, and the control failed."""
    passed, named, wrong = 0, 0, []
    for case in sorted((Case.of(p) for p in Path(folder).iterdir() if p.is_dir()), key=lambda c: c.id):
        begun = time.perf_counter()
        if case.distrib:
            named += bool(refused(case))
            wrong += [] if refused(case) else [case.id]
            continue
        bad, z, y = outside(case, runs)
        passed += not bad
        wrong += [case.id] if bad else []
        took = time.perf_counter() - begun
        print(
            f"{case.id}: {'passed' if not bad else f'{bad} outside'}, |Z| {z:.2f}, |Y| {y:.2f}, {took:.1f} s",
            flush=True,
        )
    control = Case.of(Path(folder) / CONTROL)
    caught = outside(control, runs, faster=1.03)[0]
    print(f"control with a rate 3 % too high: {caught} outside ({'fails, as it must' if caught else 'PASSES'})")
    print(f"{passed} passed, {named} refused by name (distrib), wrong: {', '.join(wrong) or 'none'}")
    return not wrong and bool(caught)


if __name__ == "__main__":
    if len(sys.argv) < 2 or not Path(sys.argv[1]).is_dir():
        sys.exit("give the folder of the suite's stochastic cases")
    sys.exit(0 if main(sys.argv[1], *(int(a) for a in sys.argv[2:3])) else 1)
