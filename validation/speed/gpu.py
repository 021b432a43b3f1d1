"""Populations on a GPU: the same numbers as on processors, and the seconds; skips where there is none.

    python -m validation.speed.gpu [size ...]

Patients of ``mab_tmdd`` at 170 times with three observables (10,000 and 100,000 where no sizes are given), 10,000 of a
whole-body PBPK model, and some of a model that has every function a formula may have. Printed: seconds of the first
run, which compiles, of the second, of the device alone in that one, and of processors on all threads. 1 where a run
fails, where a number differs from that of processors by more than a millionth, where the parts in which patients are
run change a bit, or where a patient of whom one value was changed by three millionths is not found.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import numpy as np
import pandas as pd

import sbmlqsp as qsp
from sbmlqsp.batch import KERNEL, run_batch
from sbmlqsp.catalogue import models_root
from sbmlqsp.engine import ode_gpu
from sbmlqsp.engines import ALIKE, difference
from sbmlqsp.errors import UnsupportedError
from sbmlqsp.subjects import read_subjects
from validation.speed.problems import PROBLEMS

NAMES = ("pk.central", "target.R", "target.RC")
WHOLE_BODY, EVERY = 10_000, 100
FORMULAS = (
    "exp(-x)", "ln(x)", "log10(x)", "sqrt(x)", "abs(x - 2)", "floor(x)", "ceil(-x)", "sin(x)", "cos(x)", "tan(x)",
    "arcsin(x/9)", "arccos(x/9)", "arctan(x)", "sinh(x)", "cosh(x)", "tanh(x)", "arcsinh(x)", "arccosh(x + 2)",
    "arctanh(x/9)", "sec(x)", "csc(x)", "cot(x)", "sech(x)", "csch(x)", "coth(x)", "arcsec(x + 2)", "arccsc(x + 2)",
    "arccot(x)", "arcsech(x/9)", "arccsch(x)", "arccoth(x + 2)", "rem(-x, 3)", "quotient(-x, 2)", "factorial(k)",
    "max(x, 1, k)", "min(x, k)", "piecewise(1, x > 2 && k < 3 || !(x > 1), x, xor(x > 1, k > 1), 3)", "x^2.5", "x^k",
    "root(3, x)", "log(3, x)",
)  # fmt: skip
"""Every function that a formula may have, of an x that hardly moves, from 0.3 to 5.3, and a k of about 2."""


def antibody(size: int) -> tuple[Any, Any]:
    """Return so many patients of ``mab_tmdd``."""
    arm = qsp.Experiment(qsp.load("mab_tmdd"), times=np.linspace(0, 84, 170), observables=list(NAMES),
                         regimen="1000 nmol into pk.central every 21 d x 4")  # fmt: skip
    population = qsp.read_population(models_root() / "systems/mab_tmdd/population.toml")
    return arm, read_subjects(qsp.sample(population, size, seed=3), (arm,), drawn=population)


def problem(name: str, size: int) -> tuple[Any, Any]:
    """Return so many patients of one of the problems."""
    p = next(p for p in PROBLEMS if p.name == name)
    rng = np.random.default_rng(1)
    arm = qsp.Experiment(qsp.read_antimony(p.text), times=p.times, regimen=p.regimen)
    typical = {v: arm.model.network.symbols[v].value for v in p.vary}
    table = pd.DataFrame({k: v * np.exp(0.3 * rng.standard_normal(size)) for k, v in typical.items()})
    return arm, read_subjects(table, (arm,), drawn=None)


def formulas(size: int) -> tuple[Any, Any]:
    """Return patients of a model that has every function, in rates and in what is put out."""
    rules = "; ".join(f"f{i} := {text}" for i, text in enumerate(FORMULAS))
    total = " + ".join(f"f{i}" for i in range(len(FORMULAS)))
    model = qsp.read_antimony(f"model m; x = 1; y = 0; k = 2; x' = -1e-6*x; {rules}; y' = 1e-3*({total}) - y; end")
    names = ["y", *(f"f{i}" for i in range(len(FORMULAS)))]
    arm = qsp.Experiment(model, times=[0.0, 0.5, 2.0], observables=names)
    return arm, read_subjects(
        pd.DataFrame({"x": np.linspace(0.31, 5.33, size), "k": np.linspace(1.5, 3.5, size)}), (arm,), drawn=None
    )


class Watched:
    """A kernel that notes how long the device was busy with it."""

    def __init__(self, kernel: Any) -> None:
        self._kernel = kernel
        self.spent = 0.0

    def __getitem__(self, shape: Any) -> Any:
        from numba import cuda

        def launch(*arguments: Any) -> None:
            cuda.synchronize()
            begun = time.perf_counter()
            self._kernel[shape](*arguments)
            cuda.synchronize()
            self.spent += time.perf_counter() - begun

        return launch


def timed(arm: Any, people: Any, **how: Any) -> tuple[Any, float]:
    """Return results and seconds."""
    begun = time.perf_counter()
    found = run_batch(arm, people, tolerances=KERNEL, **how)
    return found, time.perf_counter() - begun


def on_device(arm: Any, people: Any) -> tuple[Any, float, float]:
    """Return results, seconds, and those of the device alone."""
    plain, watched = ode_gpu.kernel_for, []

    def watch(batch: Any) -> Watched:
        watched.append(Watched(plain(batch)))
        return watched[-1]

    ode_gpu.kernel_for = watch
    try:
        found, seconds = timed(arm, people, gpu=True)
    finally:
        ode_gpu.kernel_for = plain
    return found, seconds, sum(w.spent for w in watched)


def compared(name: str, arm: Any, people: Any) -> tuple[bool, Any]:
    """Print one line; return whether the numbers are those of processors, and the results."""
    _, first = timed(arm, people, gpu=True)
    there, second, device = on_device(arm, people)
    timed(arm, people.some(np.arange(1)))  # compiled, as in a session
    here, processors = timed(arm, people)
    largest = difference(arm, here, there).largest
    same = largest <= ALIKE and not here.status.any() and not there.status.any()
    seconds = f"{first:.2f} | {second:.2f} | {device:.3f} | {processors:.2f}"
    print(f"| {name} | {len(people):,} | {seconds} | {largest:.1e} |", flush=True)
    return same, there


def simulated(size: int) -> None:
    """Print how long all takes that a user sees, from drawing subjects on."""
    arm, _ = antibody(1)
    population = qsp.read_population(models_root() / "systems/mab_tmdd/population.toml")
    begun = time.perf_counter()
    qsp.simulate(arm, population=population, size=size, seed=3, engine="gpu", progress=False)
    print(f"simulate(…, size={size}, engine='gpu'), drawing included: {time.perf_counter() - begun:.1f} s", flush=True)


def parts_change_nothing(arm: Any, people: Any, whole: Any) -> bool:
    """Return whether results are the same bits where patients are run in other parts."""
    size = ode_gpu.MOST_BYTES
    ode_gpu.MOST_BYTES = size // 97
    try:
        parts, _ = timed(arm, people, gpu=True)
    finally:
        ode_gpu.MOST_BYTES = size
    return all(np.array_equal(parts.columns[c], v, equal_nan=True) for c, v in whole.columns.items())


def change_is_found(arm: Any, people: Any) -> bool:
    """Return whether the comparison finds the patient of whom one value is changed by three millionths."""
    few = people.some(np.arange(3))
    here, _ = timed(arm, few)
    name = min(few.numbers)
    few.numbers[name] = np.asarray(few.numbers[name]) * np.array([1.0, 1.0 + 3e-6, 1.0])
    there, _ = timed(arm, few, gpu=True)
    return bool(np.argmax(difference(arm, here, there).by_subject) == 1 and difference(arm, here, there).largest > 1e-7)


def main() -> int:
    """Compare and print."""
    try:
        ode_gpu.refuse_without_gpu()
    except UnsupportedError as why:
        print(f"SKIPPED, nothing was measured: {why}")
        return 0
    print(ode_gpu.gpu_in_words())
    print("| model | patients | first run, s | second, s | device alone, s | processors, s | largest difference |")
    print("|---|---|---|---|---|---|---|")
    sizes = sorted(int(a) for a in sys.argv[1:]) or [10_000, 100_000]
    arm, people = antibody(sizes[0])
    same, there = compared("mab_tmdd", arm, people)
    fine = [same, parts_change_nothing(arm, people, there), change_is_found(arm, people)]
    fine.append(compared("whole-body PBPK", *problem("whole-body PBPK", WHOLE_BODY))[0])
    fine.append(compared("every function", *formulas(EVERY))[0])
    fine += [compared("mab_tmdd", *antibody(size))[0] for size in sizes[1:]]
    simulated(min(sizes[-1], 100_000))
    print("all as on processors" if all(fine) else f"NOT AS IT SHOULD BE: {fine}")
    return int(not all(fine))


if __name__ == "__main__":
    raise SystemExit(main())
