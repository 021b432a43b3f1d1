"""Subjects per second: against a bare engine loop, and with two processes against one, as ratios in one run.

    python -m validation.population.throughput [subjects] [repeats]

An antibody and its target, 170 times, three observables. The bare loop (see validation/speed/population.py) knows
everything in advance and only tells libRoadRunner what it must be told. All take turns, so that a busy machine slows
them alike; the start of processes is included. Needs two cores that nobody else uses.
"""

from __future__ import annotations

import statistics
import sys
import time

import numpy as np

import sbmlqsp as qsp
from sbmlqsp.library import models_root
from validation.population.running import SEED, told
from validation.speed.population import REGIMEN, TIMES, BareLoop

OUTPUTS = ["pk.central", "target.R", "target.RC"]
MOST_OVER_BARE = 1.2
LEAST_OF_TWO = 1.75


def main(size: int = 10_000, repeats: int = 3) -> bool:
    """Print the ratios; return whether both are as required."""
    arm = qsp.Experiment(qsp.load("mab_tmdd"), times=TIMES, regimen=REGIMEN, observables=OUTPUTS)
    population = qsp.read_population(models_root() / "systems/mab_tmdd/population.toml")
    table = qsp.sample(population, size, seed=SEED)[["WT", *population.parameters]]

    def ours(workers: int):
        return qsp.simulate(arm, subjects=table, workers=workers, progress=False, engine="roadrunner")

    qsp.simulate(arm, subjects=table.head(2), progress=False)  # compiled, as in a session
    bare = BareLoop(arm, table)
    jobs = {"bare": bare.run, "one": lambda: ours(1), "two": lambda: ours(2)}
    spent: dict[str, list[float]] = {k: [] for k in jobs}
    for _ in range(repeats):
        results = {}
        for name, job in jobs.items():
            begun = time.perf_counter()
            results[name] = job()
            spent[name].append(time.perf_counter() - begun)
    for name, seconds in spent.items():
        print(f"{name}: {statistics.median(seconds):.2f} s, {size / statistics.median(seconds):.0f} subjects/s")
    over = statistics.median(a / b for a, b in zip(spent["one"], spent["bare"], strict=True))
    two = statistics.median(a / b for a, b in zip(spent["one"], spent["two"], strict=True))
    good = told(f"one worker takes {over:.3f} times as long as the bare loop (at most {MOST_OVER_BARE})",
                "" if over <= MOST_OVER_BARE else "too slow")  # fmt: skip
    good &= told(f"two workers are {two:.2f} times as fast as one (at least {LEAST_OF_TWO})",
                 "" if two >= LEAST_OF_TWO else "too slow")  # fmt: skip
    # The loop gives all subjects the scales of the first, so that they agree within the tolerance of both.
    gaps = [
        float(np.abs(results["one"][n].to_numpy()[0, :, 0] - results["bare"][:, :, k]).max())
        / float(np.abs(results["bare"][:, :, k]).max())
        for k, n in enumerate(OUTPUTS)
    ]
    good &= told("the numbers of the bare loop", "" if max(gaps) < 1e-7 else gaps, note=f"largest gap {max(gaps):.1e}")
    return good & told(
        "the same bits from one and two", "" if results["one"].identical(results["two"]) else "they differ"
    )


if __name__ == "__main__":
    sys.exit(0 if main(*map(int, sys.argv[1:])) else 1)
