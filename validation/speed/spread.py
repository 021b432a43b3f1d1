"""A population of ``mab_tmdd`` on one process and on two, and into a store: speed-up and memory.

    python -m validation.speed.spread [subjects] [stored subjects]

The speed-up is the ratio of times in one run on one machine, processes started included. Memory is the largest resident
set of any process, while a population goes into a store.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from pathlib import Path

import sbmlqsp as qsp
from sbmlqsp.library import models_root

TIMES = "0:84 day by 0.5"
REGIMEN = "300 mg into pk.central over 1 h every 21 day x 4 molar mass 146 kDa"
OUTPUTS = ["pk.central", "target.R", "target.RC"]


def arm() -> qsp.Experiment:
    """Return the experiment."""
    return qsp.Experiment(qsp.load("mab_tmdd"), times=TIMES, regimen=REGIMEN, observables=OUTPUTS)


def speed_up(size: int) -> float:
    """Print the times of one and of two processes and return their ratio."""
    population = qsp.read_population(models_root() / "systems/mab_tmdd/population.toml")
    experiment = arm()
    qsp.simulate(experiment, population=population, size=2, seed=1)  # compiled, as in a session
    spent, results = {}, {}
    for name, workers in (("one process", None), ("two processes", 2)):
        begun = time.perf_counter()
        results[name] = qsp.simulate(
            experiment, population=population, size=size, seed=1, workers=workers, engine="roadrunner"
        )
        spent[name] = time.perf_counter() - begun
        print(f"{name}: {spent[name]:.1f} s, {size / spent[name]:.0f} subjects/s")
    same = results["one process"].identical(results["two processes"])
    ratio = spent["one process"] / spent["two processes"]
    print(f"speed-up {ratio:.2f} (required 1.75 on two idle cores); the same bits: {same}")
    return ratio


def stored(size: int) -> None:
    """Print time and memory of a population that goes into a store, and of its summary."""
    population = qsp.read_population(models_root() / "systems/mab_tmdd/population.toml")
    with tempfile.TemporaryDirectory() as folder:
        begun = time.perf_counter()
        store = qsp.simulate(
            arm(), population=population, size=size, seed=1, workers=2, chunk=500, store=Path(folder) / "store",
            on_failure="record", engine="roadrunner",
        )  # fmt: skip
        print(f"{size} subjects into a store: {time.perf_counter() - begun:.0f} s, {store.ledger.attrs}")
        peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        print(f"largest process until then: {peak / 1024:.0f} MiB (required 1024)")
        begun = time.perf_counter()
        rows = len(store.summarise())
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"summary of {rows} rows: {time.perf_counter() - begun:.0f} s, {peak:.0f} MiB")


if __name__ == "__main__":
    numbers = [int(a) for a in sys.argv[1:]]
    speed_up(numbers[0] if numbers else 2000)
    if len(numbers) > 1:
        stored(numbers[1])
