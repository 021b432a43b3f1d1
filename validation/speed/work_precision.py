"""Work and precision of the batch kernel: time per patient against true error, on one thread, in one run.

    python -m validation.speed.work_precision [patients of the smallest] [repeats] [figure.svg]

Six problems: target-mediated disposition (four states), a minimal PBPK model with a target, whole-body PBPK, the MAPK
cascade of Huang and Ferrell, and networks of 100 and 300 states. Against libRoadRunner as this package runs it; LSODA
from C++ on the same compiled rates (``pip install numbalsoda``); and AMICI where ``SBMLQSP_TOOL_AMICI`` names the
interpreter that has it, whose compiled runs alone are timed. What is not there is left out with a reason. Everyone
integrates the same patients with the same doses and output times, at tolerances of its own; the error is the largest
over states and times, relative to the value or to a thousandth of its curve's largest, against libRoadRunner at 1e-12,
which the kernel at 1e-12 must confirm. Times at equal error are interpolated along each curve. Rounds take turns, so
that a busy machine slows all alike; each time is the median of its rounds.

Goals: 8 times libRoadRunner and 3 times LSODA at errors from 1e-3 to 1e-6, and never slower than libRoadRunner at 1e-8.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

import sbmlqsp as qsp
from sbmlqsp.batch import run_batch
from sbmlqsp.execution import run_arm
from sbmlqsp.subjects import Subjects, read_subjects
from validation.speed.problems import PROBLEMS, Problem

ERRORS = (1e-3, 1e-4, 1e-5, 1e-6, 1e-8)
GOALS = {"libRoadRunner": (8.0, 1.0), "LSODA": (3.0, 0.0), "AMICI": (0.0, 0.0)}
"""How many times faster the kernel is to be: at errors down to 1e-6, and at 1e-8."""
TOLERANCES = {
    "kernel": (1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10),
    "libRoadRunner": (1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-11),
    "LSODA": (1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-11),
    "AMICI": (1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-11),
}


@dataclass
class Task:
    """A problem for some patients, and its solution."""

    problem: Problem
    arm: qsp.Experiment
    people: Subjects
    states: tuple[str, ...]
    exact: Any = None
    times: dict[tuple[str, float], list[float]] = field(default_factory=dict)
    errors: dict[tuple[str, float], float] = field(default_factory=dict)

    @classmethod
    def of(cls, problem: Problem, patients: int) -> Task:
        """Return the task: every varied parameter is log-normal with 30 %."""
        model = qsp.read_antimony(problem.text)
        states = tuple(s.id for s in model.network.species if s.id in model.network.dynamic)
        arm = qsp.Experiment(model, times=problem.times, regimen=qsp.Regimen.parse(problem.regimen),
                             observables=[f"amount({s})" for s in states])  # fmt: skip
        rng = np.random.default_rng(1)
        table = {n: model.network.symbols[n].value * np.exp(0.3 * rng.standard_normal(patients)) for n in problem.vary}
        return cls(problem, arm, read_subjects(pd.DataFrame(table), (arm,), drawn=None), states)

    def error(self, found: Any) -> float:
        """Return the largest error."""
        peak = np.abs(self.exact).max(axis=1, keepdims=True)
        return float((np.abs(found - self.exact) / np.maximum(np.abs(self.exact), 1e-3 * peak)).max())


Run = Callable[[float], Any]
"""Runs at a tolerance: returns states, or the seconds that it measured itself and states."""


def kernel(task: Task) -> Run:
    """Return runs of the kernel."""

    def run(relative: float) -> Any:
        how = qsp.Tolerances(relative, min(1e-3 * relative, 1e-6))
        return stacked(task, run_batch(task.arm, task.people, tolerances=how, threads=1))

    return run


def road_runner(task: Task) -> Run:
    """Return runs of libRoadRunner."""

    def run(relative: float) -> Any:
        return stacked(task, run_arm(task.arm, task.people, tolerances=qsp.Tolerances(relative, 1e-3 * relative)))

    return run


def stacked(task: Task, result: Any) -> Any:
    """Return amounts of shape (patients, times, states)."""
    return np.stack([result.columns[s] for s in task.states], axis=-1)


OTHERS: dict[str, Callable[[Task], Run]] = {"libRoadRunner": road_runner}


def with_lsoda() -> str:
    """Add LSODA, or return why it is left out."""
    try:
        from validation.speed.lsoda import lsoda
    except (ImportError, OSError) as why:
        return f"LSODA is left out: {why}"
    OTHERS["LSODA"] = lsoda
    return ""


def with_amici() -> str:
    """Add AMICI, or return why it is left out."""
    if "SBMLQSP_TOOL_AMICI" not in os.environ:
        return "AMICI is left out: SBMLQSP_TOOL_AMICI names no interpreter that has it"
    from validation.speed.with_amici import amici

    OTHERS["AMICI"] = amici
    return ""


# ------------------------------------------------------------------------------------------------------------ measuring
def measure(task: Task, repeats: int) -> None:
    """Run everything in turns."""
    reference = run_arm(task.arm, task.people, tolerances=qsp.Tolerances(1e-12, 1e-40))
    task.exact = stacked(task, reference)
    second = stacked(task, run_batch(task.arm, task.people, tolerances=qsp.Tolerances(1e-12, 1e-18), threads=1))
    print(f"{task.problem.name}: {len(task.states)} states; both engines at 1e-12 differ by {task.error(second):.1e}")
    runs = {"kernel": kernel(task)} | {name: build(task) for name, build in OTHERS.items()}
    for run in runs.values():
        run(1e-4)  # compiled, and memory touched
    for _ in range(repeats):
        for name, run in runs.items():
            for relative in TOLERANCES[name]:
                begun = time.perf_counter()
                found = run(relative)
                seconds = time.perf_counter() - begun
                if isinstance(found, tuple):
                    seconds, found = found
                task.times.setdefault((name, relative), []).append(seconds / len(task.people))
                task.errors[name, relative] = task.error(found)


def curve(task: Task, name: str) -> tuple[Any, Any]:
    """Return errors, decreasing, and times in milliseconds per patient; only what is both slower and better counts."""
    points = [(task.errors[name, r], 1e3 * statistics.median(task.times[name, r])) for r in TOLERANCES[name]]
    points = [p for p in points if np.isfinite(p[0]) and p[0] > 0]
    best = [p for p in points if not any(q[0] <= p[0] and q[1] < p[1] for q in points)]
    best.sort(reverse=True)
    errors, times = np.array(best).T
    return errors, times


def at_error(task: Task, name: str, error: float) -> float:
    """Return the time to reach an error, interpolated; NaN where the method was not that exact."""
    errors, times = curve(task, name)
    if error < errors[-1]:
        return float("nan")
    x = np.log(errors[::-1])
    return float(np.exp(np.interp(np.log(error), x, np.log(times[::-1]))))


def report(task: Task) -> list[str]:
    """Print the table of a task; return which goals are missed."""
    missed = []
    for name in ("kernel", *OTHERS):
        errors, times = curve(task, name)
        steps = ", ".join(f"{e:.0e}: {t:.3g}" for e, t in zip(errors, times, strict=True))
        print(f"  {name}: error: ms a patient: {steps}")
    for name in OTHERS:
        goal, at_last = GOALS[name]
        cells = []
        for error in ERRORS:
            ratio = at_error(task, name, error) / at_error(task, "kernel", error)
            asked = at_last if error < 1e-7 else goal
            cells.append(f"{error:.0e}: {ratio:.1f}")
            if asked and not ratio >= asked:
                missed.append(f"{task.problem.name}, {name}, error {error:.0e}: {ratio:.1f} times, not {asked:g}")
        print(f"  {name} takes this many times the kernel's time at equal error: {', '.join(cells)}", flush=True)
    return missed


def draw(tasks: list[Task], path: str) -> None:
    """Draw time against error."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 6.5), layout="constrained")
    for axes, task in zip(figure.subplots(2, 3).ravel(), tasks, strict=False):
        for name, mark in zip(("kernel", *OTHERS), "os^d", strict=False):
            errors, times = curve(task, name)
            axes.loglog(errors, times, marker=mark, label=name)
        axes.set(title=task.problem.name, xlabel="largest relative error", ylabel="ms per patient")
        axes.invert_xaxis()
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))
    figure.savefig(path)


def main() -> int:
    """Measure, print, draw; 1 where a goal is missed."""
    patients, repeats = (int(a) for a in (*sys.argv[1:3], *("600", "3")[len(sys.argv[1:3]) :]))
    print(with_lsoda() or "LSODA: numbalsoda")
    print(with_amici() or "AMICI: in its own environment")
    tasks = [Task.of(p, 16 * max(1, patients * 10 // max(10, p.size) // 16)) for p in PROBLEMS]
    missed = []
    for task in tasks:
        measure(task, repeats)
        missed += report(task)
    if len(sys.argv) > 3:
        draw(tasks, sys.argv[3])
    print("\n".join(["missed:", *missed]) if missed else "all goals are met")
    return int(bool(missed))


if __name__ == "__main__":
    raise SystemExit(main())
