"""The same bits, whatever a simulation is spread over, however often it is interrupted, and for each subject alone.

    python -m validation.population.identity [subjects] [subjects of the large run]

Every variable, status and coordinate is compared byte by byte: for workers none, 1, 2 and 3; pieces of 1, 7 and 1000; a
ProcessPoolExecutor; a Dask cluster of two processes; a store interrupted twice at random moments and resumed; and rows
of a large run against the same subjects run again alone.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager, suppress
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

import sbmlqsp as qsp
from validation.population.running import SEED, bits, child, differing, experiment, population, told, until

LONG = 2000
"""Subjects of a run that is interrupted: some seconds, so that it is not over first."""

INTO_STORE = """
import sys, sbmlqsp as qsp
from validation.population import running
try:
    qsp.simulate(running.experiment(), population=running.population(), size=int(sys.argv[1]), seed=running.SEED,
                 store=sys.argv[2], resume=True, workers=2, chunk=5, on_failure="record", engine="roadrunner")
except KeyboardInterrupt:
    sys.exit(130)
"""


def simulated(size: int, **options: Any) -> Any:
    return qsp.simulate(
        experiment(),
        population=population(),
        size=size,
        seed=SEED,
        on_failure="record",
        progress=False,
        engine="roadrunner",
        **options,
    )


@contextmanager
def dask() -> Any:
    """Give the executor of a local Dask cluster of two processes."""
    from distributed import Client, LocalCluster

    with (
        LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        yield client.get_executor()


def spread(size: int, whole: Any) -> bool:
    """Compare numbers of processes, sizes of pieces, and executors."""
    good = True
    for chunk in (1, 7, 1000):
        with tempfile.TemporaryDirectory() as folder:  # without processes only a store is written in pieces
            store = simulated(size, chunk=chunk, store=Path(folder) / "store")
            good &= told(f"no workers, a store in pieces of {chunk}", differing(whole, store.read()))
        for workers in (1, 2, 3):
            ds = simulated(size, workers=workers, chunk=chunk, time_limit=600)  # without a limit one runs here
            good &= told(f"workers {workers}, pieces of {chunk}", differing(whole, ds))
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        good &= executed("a ProcessPoolExecutor", pool, size, whole)
    try:
        import distributed  # noqa: F401
    except ImportError:
        print("skipped  a Dask cluster: distributed is not installed (pip install distributed)")
        return good
    with dask() as executor:
        good &= executed("a Dask cluster of two processes", executor, size, whole)
    return good


def executed(name: str, executor: Executor, size: int, whole: Any) -> bool:
    good = True
    for chunk in (7, 1000):
        good &= told(f"{name}, pieces of {chunk}", differing(whole, simulated(size, executor=executor, chunk=chunk)))
    return good


def interrupted(size: int, folder: Path) -> bool:
    """Interrupt a run into a store twice at random moments, each before its end, resume it, and compare."""
    rng, notes, parts, name = np.random.default_rng(SEED), [], folder / "parts", "interrupted twice and resumed"
    for _ in range(2):
        process = child(INTO_STORE, size, folder)
        enough = count(parts) + int(rng.integers(1, size // 25))
        until(lambda a=process, n=enough: count(parts) >= n or a.poll() is not None, 120)
        with suppress(ProcessLookupError):  # done already
            os.killpg(process.pid, signal.SIGINT)  # to all, as Ctrl-C does
        process.communicate()
        lacking = len(qsp.open_store(folder).missing)
        notes.append(f"{count(parts)} parts after exit {process.returncode}")
        if process.returncode != 130 or not lacking:
            return told(name, "it was over before it was interrupted", note="; ".join(notes))
    process = child(INTO_STORE, size, folder)
    _, errors = process.communicate()
    if process.returncode:
        return told(name, errors[-500:])
    return told(name, differing(simulated(size), qsp.open_store(folder).read()), note="; ".join(notes))


def count(parts: Path) -> int:
    return len(list(parts.glob("part-*.parquet"))) if parts.is_dir() else 0


def alone(size: int, folder: Path, *, rows: int = 5) -> bool:
    """Compare rows of a large run with the same subjects run again alone, in two ways."""
    store = simulated(size, store=folder, workers=2)
    rng, good = np.random.default_rng(SEED), True
    chosen = sorted({1, size, *(int(i) for i in rng.integers(1, size + 1, rows - 2))})
    whole = store.read(subjects=chosen)
    for subject in chosen:
        row = whole.sel(subject=[subject])
        how = {"on_failure": "record", "engine": "roadrunner"}
        own = qsp.sample(population(), 1, seed=SEED, first=subject)[["WT", *population().parameters]]
        ways = {"rerun": store.rerun(experiment(), subject),
                "its own row": qsp.simulate(experiment(), subjects=own, **how)}  # fmt: skip
        for name, again in ways.items():
            found, expected = bits(again), bits(row)
            problem = [n for n in found if n not in expected or found[n] != expected[n]]
            good &= told(f"subject {subject} of {size} alone, by {name}", problem, note=f"{len(found)} variables")
    return good


def main(size: int = 300, large: int = 10_000) -> bool:
    """Print the verdicts; return whether all hold."""
    whole = simulated(size)
    changed = whole.copy(deep=True)
    changed["target.R"].to_numpy()[0, -1, 0, -1] = np.nextafter(changed["target.R"].to_numpy()[0, -1, 0, -1], 0)
    good = told("negative control: one last bit is noticed", differing(whole, changed) != ["target.R"])
    good &= spread(size, whole)
    with tempfile.TemporaryDirectory() as folder:
        good &= interrupted(max(size, LONG), Path(folder) / "interrupted")
        good &= alone(large, Path(folder) / "large")
    return good


if __name__ == "__main__":
    sys.exit(0 if main(*map(int, sys.argv[1:])) else 1)
