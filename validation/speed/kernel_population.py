"""Populations on the batch kernel: 10,000 patients on one thread and on two, 100,000 into a store, the same bits.

    python -m validation.speed.kernel_population [size] [size of the store]

Patients of ``mab_tmdd`` at 170 times with three observables. Printed: seconds on one and on two threads (medians of
rounds in which they take turns, as other work on the machine slows one or the other), the ratio to
libRoadRunner in the same run (a tenth of the patients), whether threads and parts leave every bit as it is, and the
peak of memory of the process with the large store. 1 where bits differ or memory is not bounded.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

import sbmlqsp as qsp
from sbmlqsp.catalogue import models_root

NAMES = ("pk.central", "target.R", "target.RC")
MOST_MB = 1_000
ROUNDS = 5


def run(size: int, **how: Any) -> tuple[Any, float]:
    """Return the results of so many patients, and the seconds they took."""
    arm = qsp.Experiment(qsp.load("mab_tmdd"), times=np.linspace(0, 84, 170), observables=list(NAMES),
                         regimen="1000 nmol into pk.central every 21 d x 4")  # fmt: skip
    population = qsp.read_population(models_root() / "systems/mab_tmdd/population.toml")
    begun = time.perf_counter()
    found = qsp.simulate(arm, population=population, size=size, seed=3, progress=False, **how)
    return found, time.perf_counter() - begun


def bits(ds: Any) -> list[bytes]:
    """Return the values as they are in memory."""
    return [ds[name].to_numpy().tobytes() for name in NAMES]


def into_store(size: int) -> int:
    """Run a store in this process; return its peak of memory in megabytes."""
    with tempfile.TemporaryDirectory() as folder:
        _, seconds = run(size, engine="kernel", store=f"{folder}/store")
    peak = _peak() // 1024
    print(f"{size:,} patients into a store: {seconds:.1f} s, peak of memory {peak} MB")
    return peak


def _peak() -> int:
    """Return the peak of memory of this process in kilobytes, without that of the process that started it."""
    status = Path("/proc/self/status")
    if status.exists():
        return int(status.read_text().split("VmHWM:")[1].split()[0])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def main() -> int:
    """Measure and print."""
    size, large = (int(a) for a in (*sys.argv[1:3], *("10000", "100000")[len(sys.argv[1:3]) :]))
    if sys.argv[3:] == ["store"]:
        return int(into_store(large) > MOST_MB)
    run(100, engine="kernel")  # compiled, as in a session
    run(16, engine="roadrunner")
    one, two = (run(size, engine="kernel", workers=k)[0] for k in (1, 2))
    rounds = [[run(size, engine="kernel", workers=k)[1] for k in (1, 2)] for _ in range(ROUNDS)]
    alone, together = (statistics.median(r[k] for r in rounds) for k in range(2))
    _, reference = run(size // 10, engine="roadrunner")
    gain = alone / together
    single = sorted(r[0] / r[1] for r in rounds)
    apart = f"in rounds {single[0]:.2f} to {single[-1]:.2f}"
    print(f"{size:,} patients: {alone:.2f} s on one thread, {together:.2f} on two ({gain:.2f} times as fast, {apart})")
    print(f"libRoadRunner would take {reference * 10:.0f} s: {reference * 10 / alone:.1f} times as long as one thread")
    with tempfile.TemporaryDirectory() as folder:
        parts, _ = run(size // 10, engine="kernel", store=f"{folder}/store", chunk=137)
        few, _ = run(size // 10, engine="kernel", workers=1)
        same = bits(one) == bits(two) and bits(parts.read()) == bits(few)
    print("threads and parts leave every bit as it is" if same else "BITS DIFFER")
    again = [sys.executable, "-m", "validation.speed.kernel_population", str(size), str(large), "store"]
    bounded = subprocess.run(again, check=False).returncode == 0
    return int(not (same and bounded))


if __name__ == "__main__":
    raise SystemExit(main())
