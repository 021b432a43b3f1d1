"""What the studies of populations run, and how results are compared bit for bit."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import sbmlqsp as qsp
from sbmlqsp.library import models_root

ROOT = Path(__file__).parents[2]
SEED = 11
HEARING = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"


def experiment(*, step: float = 0.5) -> qsp.Experiment:
    """Return an antibody and its target: 84 days, four infusions, three observables."""
    return qsp.Experiment(
        qsp.load("mab_tmdd"),
        times=f"0:84 day by {step}",
        regimen="300 mg into pk.central over 1 h every 21 day x 4 molar mass 146 kDa",
        observables=["pk.central", "target.R", "target.RC"],
    )


def population() -> qsp.Population:
    return qsp.read_population(models_root() / "systems/mab_tmdd/population.toml")


def bits(ds: Any) -> dict[str, tuple[Any, ...]]:
    """Return every variable and coordinate as type, shape and raw bytes; of text, its characters."""
    out = {}
    for name, variable in ds.variables.items():
        values = np.asarray(variable.values)
        raw = repr(values.tolist()) if values.dtype.kind in "OUT" else np.ascontiguousarray(values).tobytes()
        out[str(name)] = (values.dtype.kind, values.shape, raw)
    return out


def differing(a: Any, b: Any) -> list[str]:
    """Return the names of what is not the same bit for bit in two results."""
    first, second = bits(a), bits(b)
    return sorted(n for n in first.keys() | second.keys() if first.get(n) != second.get(n))


def told(name: str, problem: object, *, note: str = "") -> bool:
    """Print a verdict; return whether there is no problem."""
    print(f"{'FAILS' if problem else 'holds'}  {name}{f' ({note})' if note else ''}{f': {problem}' if problem else ''}",
          flush=True)  # fmt: skip
    return not problem


def child(code: str, *arguments: object, **options: Any) -> subprocess.Popen[str]:
    """Start Python on code that may import the validation, as from a terminal.

    It leads a group of its own, and hears Ctrl-C, which what is started in the background does not.
    """
    return subprocess.Popen(
        [sys.executable, "-c", HEARING + code, *map(str, arguments)],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True, **options,
    )  # fmt: skip


def children(pid: int) -> list[int]:
    """Return the processes that a process has started and not yet seen the end of."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += [int(c) for c in task.read_text().split()]
        except OSError:
            continue
    return found


def running(pids: Sequence[int]) -> list[int]:
    """Return those of some processes that still run."""
    alive = []
    for pid in pids:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if state != "Z":
            alive.append(pid)
    return alive


def until(condition: Callable[[], Any], seconds: float) -> Any:
    """Wait for a condition to hold and return it, or what it is in the end."""
    end = time.monotonic() + seconds
    while not (found := condition()) and time.monotonic() < end:
        time.sleep(0.01)
    return found
