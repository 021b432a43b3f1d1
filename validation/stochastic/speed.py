"""How fast single cells are, as ratios to other simulators on the same model and grid, one thread each.

    python -m validation.stochastic.speed [cells] [repeats] [cells of the store]

Three models: bursty expression of one gene (six reactions, 201 rows), a sparse network of 100 reactions, and a stiff
enzyme cascade. All simulators take turns in one run, so that a busy machine slows them alike, and each must agree with
ours in the mean of one species; those that are not installed are left out with a reason. libRoadRunner's ``gillespie``
runs in a bare loop, GillesPy2 (``pip install gillespy2``; needs a C++ compiler) with its compiled solver, whose own
compilation is not counted, and COPASI (``pip install python-copasi``) with its direct method. Then: what compiling
costs cold and from disk, two threads against one, and a large run into a store with its peak of memory.

Ours are ten times as many cells in one call, an ensemble of the usual size: a call costs about ten milliseconds of its
own, whatever it runs, which is printed apart. Every call that is timed follows the same call untimed, so that none pays
for memory that the machine hands out anew (on virtual machines a third of the time of ours, which keep all outputs).

On a busy machine nothing is told: the load is printed first.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import sbmlqsp as qsp

ROOT = Path(__file__).parents[2]
Job = Callable[[int], np.ndarray]


@dataclass(frozen=True)
class Task:
    """A model in Antimony, the end and the number of rows, and the species whose mean must agree."""

    name: str
    text: str
    end: float
    rows: int
    species: str

    @property
    def sbml(self) -> str:
        """The model as SBML."""
        return self.model().sbml

    def model(self) -> qsp.Model:
        """Return the model."""
        return qsp.read_antimony(f"model m; unit substance = item; unit extent = item; {self.text}; end")


def sparse_network(size: int = 50) -> str:
    """Return a ring of conversions with a source or a sink at every place: two reactions for each species."""
    lines = ["substanceOnly species " + ", ".join(f"S{i}" for i in range(size))]
    for i in range(size):
        lines += [f"S{i} = 20", f"turn{i}: S{i} => S{(i + 1) % size}; {0.5 + i / size}*S{i}"]
        lines.append(f"make{i}: => S{i}; 5" if i % 2 else f"lose{i}: S{i} => ; 0.25*S{i}")
    return "; ".join(lines)


TASKS = (
    Task("bursty expression", "substanceOnly species off_, on_, rna, P; off_ = 1; on_ = 0; rna = 0; P = 0; "
         "up: off_ => on_; 0.05*off_; down: on_ => off_; 1*on_; make: => rna; 20*on_; lose: rna => ; 1*rna; "
         "build: => P; 5*rna; clear: P => ; 0.05*P", 200.0, 201, "P"),
    Task("100 reactions", sparse_network(), 10.0, 101, "S7"),
    Task("stiff enzyme cascade", "substanceOnly species E, S, ES, P, F, PF; E = 20; S = 500; ES = 0; P = 0; F = 10; "
         "PF = 0; bind: E + S => ES; 1*E*S; free: ES => E + S; 100*ES; turn: ES => E + P; 1*ES; catch: F + P => PF; "
         "1*F*P; loose: PF => F + P; 100*PF; back: PF => F + S; 1.5*PF", 5.0, 51, "P"),
)  # fmt: skip


# ------------------------------------------------------------------------------------------------------- the simulators
def ours(task: Task, *, workers: int = 1) -> Job:
    """Return a job: so many cells, and what they give of the species at the end."""
    arm = qsp.Experiment(task.model(), times=np.linspace(0, task.end, task.rows), observables=_every(task))

    def job(n: int) -> np.ndarray:
        ds = qsp.simulate(arm, method="ssa", replicates=n, seed=1, workers=workers, progress=False)
        return ds[f"amount({task.species})"].to_numpy()[0, 0, :, -1]

    return job


def _every(task: Task) -> list[str]:
    return [f"amount({s.id})" for s in task.model().network.species]


def road_runner(task: Task) -> Job:
    """Return a bare loop over libRoadRunner's direct method."""
    import roadrunner

    runner = roadrunner.RoadRunner(task.sbml)
    runner.setIntegrator("gillespie")
    runner.integrator.setValue("variable_step_size", False)
    runner.integrator.setValue("seed", 1)
    runner.timeCourseSelections = ["time", *(s.id for s in task.model().network.species)]
    column = runner.timeCourseSelections.index(task.species)

    def job(n: int) -> np.ndarray:
        out = np.empty(n)
        for i in range(n):
            runner.reset()
            out[i] = runner.simulate(0, task.end, task.rows)[-1, column]
        return out

    return job


def gillespy2(task: Task) -> Job:
    """Return runs of GillesPy2's compiled solver."""
    import gillespy2

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "m.xml"
        path.write_text(task.sbml, encoding="utf-8")
        model, errors = gillespy2.import_SBML(str(path))
    if model is None:
        raise ImportError(f"GillesPy2 cannot read the model: {errors}")
    model.timespan(gillespy2.TimeSpan.linspace(t=task.end, num_points=task.rows))
    solver = gillespy2.SSACSolver(model=model)

    def job(n: int) -> np.ndarray:
        found = model.run(solver=solver, number_of_trajectories=n, seed=1)
        found = found if n > 1 else [found]
        return np.array([r[task.species][-1] for r in found])

    return job


def copasi(task: Task) -> Job:
    """Return a bare loop over COPASI's direct method."""
    import COPASI

    source = COPASI.CRootContainer.addDatamodel()
    if not source.importSBMLFromString(task.sbml):
        raise ImportError("COPASI cannot read the model")
    run = source.getTask("Time-Course")
    run.setMethodType(COPASI.CTaskEnum.Method_directMethod)
    problem = run.getProblem()
    problem.setDuration(task.end)
    problem.setStepNumber(task.rows - 1)
    problem.setTimeSeriesRequested(True)
    method = run.getMethod()
    method.getParameter("Use Random Seed").setBoolValue(True)
    series = run.getTimeSeries

    def job(n: int) -> np.ndarray:
        out = np.empty(n)
        for i in range(n):
            method.getParameter("Random Seed").setUIntValue(i + 1)
            if not run.process(True):
                raise RuntimeError(f"COPASI could not run the model: {COPASI.CCopasiMessage.getAllMessageText()}")
            found = series()
            k = next(k for k in range(found.getNumVariables()) if found.getTitle(k) == task.species)
            out[i] = found.getData(found.getRecordedSteps() - 1, k)
        return out

    return job


MORE = 10
OTHERS = {"libRoadRunner": road_runner, "GillesPy2": gillespy2, "COPASI": copasi}


# ------------------------------------------------------------------------------------------------------------ measuring
def compare(task: Task, cells: int, repeats: int) -> list[str]:
    """Print the times for a cell and their ratios; return which means disagree."""
    jobs, wrong = {"ours": ours(task)}, []
    for name, build in OTHERS.items():
        try:
            jobs[name] = build(task)
            jobs[name](2)  # compiled, as in a session
        except Exception as error:  # noqa: BLE001  # another's tool may lack anything
            jobs.pop(name, None)
            print(f"{task.name}: {name} is left out: {type(error).__name__}: {str(error)[:200]}")
    jobs["ours"](2)
    means: dict[str, tuple[float, float]] = {}
    spent: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(repeats):
        for name, job in jobs.items():
            count = cells * (MORE if name == "ours" else 1)
            job(count)  # or this turn would pay for memory that the turns between gave back to the system
            begun = time.perf_counter()
            last = job(count)
            spent[name].append((time.perf_counter() - begun) / count)
            means[name] = float(last.mean()), float(last.std() / np.sqrt(len(last)))
    begun = time.perf_counter()
    jobs["ours"](1)
    print(f"{task.name}: a call for one cell takes {1e3 * (time.perf_counter() - begun):.1f} ms")
    for name, seconds in spent.items():
        ratio = statistics.median(a / b for a, b in zip(seconds, spent["ours"], strict=True))
        mean, error = means[name]
        print(f"{task.name}: {name} {1e3 * statistics.median(seconds):.3f} ms a cell, {ratio:.2f} times ours; "
              f"mean {mean:.4g} ± {error:.2g}", flush=True)  # fmt: skip
        away = abs(mean - means["ours"][0]) / max(np.hypot(error, means["ours"][1]), 1e-12)
        if away > 5:
            wrong.append(f"{task.name}: {name} has another mean than ours, {away:.1f} standard errors away")
    return wrong


def child(code: str, folder: Path) -> str:
    """Return what Python prints, with caches of its own in a folder."""
    env = os.environ | {"SBMLQSP_CACHE": str(folder / "models"), "NUMBA_CACHE_DIR": str(folder / "numba")}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, check=True, capture_output=True, text=True)
    return done.stdout.strip()


FIRST = """
import time
from validation.stochastic.speed import TASKS, ours
job = ours(TASKS[0])
begun = time.perf_counter()
job(1)
print(f"{time.perf_counter() - begun:.2f} s")
"""
STORE = """
import tempfile, time
from pathlib import Path
import numpy as np
import sbmlqsp as qsp
from validation.stochastic.speed import TASKS, ours, peak
task = TASKS[0]
ours(task)(10)
before = peak()
arm = qsp.Experiment(task.model(), times=np.linspace(0, 50, 100), observables=["amount(P)"])
with tempfile.TemporaryDirectory() as folder:
    begun = time.perf_counter()
    qsp.simulate(arm, method="ssa", replicates={n}, seed=1, workers=2, store=Path(folder) / "s", progress=False)
    spent = time.perf_counter() - begun
after = peak()
print(f"{n:,} cells x 100 times into a store: {{spent:.1f}} s, {{after - before:.0f}} MB above the start, "
      f"{{after:.0f}} MB in all")
"""


def peak() -> float:
    """Return the largest memory that this process has held, in MB (as Linux counts it)."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(float(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


def threads(task: Task, cells: int, repeats: int) -> None:
    """Print how much sooner two threads are done than one."""
    one, two, gains = ours(task, workers=1), ours(task, workers=2), []
    for _ in range(repeats):
        seconds = []
        for job in (one, two):
            begun = time.perf_counter()
            job(cells)
            seconds.append(time.perf_counter() - begun)
        gains.append(seconds[0] / seconds[1])
    print(f"{task.name}: two threads are {statistics.median(gains):.2f} times as fast as one")


def main(cells: int = 1000, repeats: int = 3, stored: int = 100_000) -> bool:
    """Print the ratios; return whether the means agree."""
    print(f"load of the machine: {os.getloadavg()[0]:.2f} on {os.cpu_count()} processors")
    wrong = [w for task in TASKS for w in compare(task, cells, repeats)]
    threads(TASKS[0], 20 * cells, repeats)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        print(f"first cell, everything compiled anew: {child(FIRST, folder)}; from disk: {child(FIRST, folder)}")
        print(child(STORE.format(n=stored), folder))
    print("\n".join(wrong) or "all means agree")
    return not wrong


if __name__ == "__main__":
    sys.exit(0 if main(*map(int, sys.argv[1:4])) else 1)
