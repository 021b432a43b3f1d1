"""Run the discrete stochastic model tests of the SBML Test Suite through the public face, by the suite's own criteria.

    python -m validation.stochastic.suite FOLDER [runs]

FOLDER holds one folder per case (``00001/00001-sbml-l3v2.xml``, ``-settings.txt``, ``-results.csv``). The suite is not
part of this project; it is published at https://github.com/sbmlteam/sbml-test-suite.

With n runs, the mean and the variance at each time are compared with the reference by Z = √n (mean - μ)/σ, which must
lie within (-3, 3), and Y = √(n/2) (variance/σ² - 1), within (-5, 5). A right simulator leaves the range of Z at about
one in 370 points by chance. So a case is run again with other random numbers where it leaves a range, and has failed
where it does so three times: at about one case in ten a first run does, and three in a row at any of 28 cases come by
chance in a few validations of a hundred. Where the reference has no spread, neither may the cells.

The control runs the first case with every propensity 3 % too large, and must fail.
"""

from __future__ import annotations

import collections
import csv
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

import sbmlqsp as qsp
from sbmlqsp import cells
from sbmlqsp.expressions import Expr, num
from validation.cross.semantic_suite import names, observable, settings

RUNS = 10_000
SEEDS = (1, 2, 3)
FASTER = 1.03


@dataclass(frozen=True)
class Verdict:
    """What one case gave: passed, refused or failed, with the largest |Z| and |Y| of its last attempt."""

    case: str
    outcome: str
    note: str
    attempts: int = 0


def cases(root: Path) -> list[Path]:
    """Return the folders of all stochastic cases."""
    return sorted(p for p in root.iterdir() if (p / f"{p.name}-settings.txt").exists())


def judge(folder: Path, *, runs: int = RUNS, seeds: tuple[int, ...] = SEEDS) -> Verdict:
    """Judge one case."""
    note = ""
    for attempt, seed in enumerate(seeds, start=1):
        try:
            excess, note = _attempt(folder, runs, seed)
        except qsp.QSPError as error:
            return Verdict(folder.name, "refused", str(error))
        if not excess:
            return Verdict(folder.name, "passed", note, attempt)
    return Verdict(folder.name, "failed", note, len(seeds))


def _attempt(folder: Path, runs: int, seed: int) -> tuple[bool, str]:
    """Return whether a statistic leaves its range, and the largest of each."""
    name = folder.name
    case = settings(folder / f"{name}-settings.txt")
    head, *rows = csv.reader((folder / f"{name}-results.csv").read_text(encoding="utf-8").splitlines())
    table = dict(zip([h.strip() for h in head], np.array([[float(x) for x in r] for r in rows if r]).T, strict=True))
    model = qsp.read_sbml(max(folder.glob(f"{name}-sbml-l*.xml")))
    species = {s.id for s in model.network.species}
    formula = {v: observable(v, case, species) for v in names(case["variables"])}
    times = np.linspace(0, float(case["duration"]), int(case["steps"]) + 1) + float(case["start"])
    arm = qsp.Experiment(model, times=times, observables=list(dict.fromkeys(formula.values())))
    ds = qsp.simulate(arm, method="ssa", replicates=runs, seed=seed, progress=False)
    largest = [statistics(ds[o.id].to_numpy()[0, 0], table[f"{v}-mean"], table[f"{v}-sd"])
               for v, o in formula.items()]  # fmt: skip
    z, y = np.max(largest, axis=0)
    z_most, y_most = (float(case[k].strip("() ").split(",")[1]) for k in ("meanRange", "sdRange"))
    return bool(not (z < z_most and y < y_most)), f"|Z| at most {z:.2f}, |Y| at most {y:.2f}"


def statistics(values: np.ndarray, mean: np.ndarray, sd: np.ndarray) -> tuple[float, float]:
    """Return the largest |Z| and |Y| over time; infinite where something spreads or differs that may not."""
    n = len(values)
    found, variance = values.mean(axis=0), values.var(axis=0, ddof=1)
    still = sd == 0
    scale = np.where(still, 1.0, sd)
    near = np.abs(found - mean) <= 1e-6 * np.maximum(1.0, np.abs(mean))
    z = np.where(still, np.where(near, 0.0, np.inf), np.sqrt(n) * np.abs(found - mean) / scale)
    y = np.where(still, np.where(variance <= 1e-12 * np.maximum(1.0, mean**2), 0.0, np.inf),
                 np.sqrt(n / 2) * np.abs(variance / scale**2 - 1))  # fmt: skip
    return float(z.max()), float(y.max())


@contextmanager
def rates_off(factor: float) -> Iterator[None]:
    """Let every propensity be so many times too large: a kernel that must be found out."""
    right: Callable[..., cells.JumpSystem] = cells.jump_system

    def wrong(*args: object, **options: object) -> cells.JumpSystem:
        system = right(*args, **options)
        faster = [replace(c, law=Expr("mul", (num(factor), c.law))) for c in system.channels]
        return replace(system, channels=tuple(faster))

    cells.jump_system = wrong  # type: ignore[assignment]
    try:
        yield
    finally:
        cells.jump_system = right  # type: ignore[assignment]


def control(folder: Path, *, runs: int = RUNS) -> bool:
    """Return whether rates that are a little off are found out."""
    with rates_off(FASTER):
        return judge(folder, runs=runs).outcome == "failed"


def main(arguments: list[str]) -> int:
    """Print a line for each case; return 1 where one failed or the control did not."""
    if not arguments or not Path(arguments[0]).is_dir():
        print(__doc__)
        return 2
    folders, runs = cases(Path(arguments[0])), int(arguments[1]) if len(arguments) > 1 else RUNS
    count: collections.Counter[str] = collections.Counter()
    for folder in folders:
        verdict = judge(folder, runs=runs)
        count[verdict.outcome] += 1
        again = f", attempt {verdict.attempts}" if verdict.attempts > 1 else ""
        print(f"{verdict.case}  {verdict.outcome:8}{verdict.note}{again}", flush=True)
    found = control(folders[0], runs=runs)
    verdict_of_control = "found out" if found else "NOT FOUND OUT"
    print(f"control: rates {FASTER - 1:.0%} too large are {verdict_of_control} on {folders[0].name}")
    print(", ".join(f"{n} {k}" for k, n in sorted(count.items())), f"of {len(folders)} cases at {runs:,} runs")
    return int(count["failed"] > 0 or count["passed"] == 0 or not found)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
