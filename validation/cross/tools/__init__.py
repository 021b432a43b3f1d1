"""Other tools, each in its own process and, where a path is given, its own environment.

The interpreter of a tool is the value of ``SBMLQSP_TOOL_<NAME>``, such as ``SBMLQSP_TOOL_AMICI=/opt/amici/bin/python``,
or this one where it is not set. A tool that cannot be imported there is a named reason, not a failure.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path

import libsbml
import numpy as np

import sbmlqsp as qsp

__all__ = ["TOOLS", "Job", "Verdict", "judged", "truth_of"]

HERE = Path(__file__).parent
TOOLS = {"copasi": "COPASI", "tellurium": "tellurium", "myokit": "myokit", "gillespy2": "gillespy2", "amici": "amici"}
TOLERANCE = 1e-5
SECONDS = 900

MEANINGS = {True: "amounts", False: "concentrations"}

Truth = Mapping[str, np.ndarray]
Exact = Callable[[np.ndarray], dict[str, np.ndarray]]


@dataclass(frozen=True)
class Job:
    """A document, how long to run it in how many steps, and which symbols matter."""

    sbml: str
    end: float
    points: int
    watched: tuple[str, ...]
    absolute: float = 1e-18


@dataclass(frozen=True)
class Verdict:
    """How a tool's curves compare, or why there are none."""

    error: float = np.nan
    where: str = ""
    said: str = ""
    version: str = ""
    missing: bool = False

    @property
    def wrong(self) -> bool:
        """Whether there are curves, and they are not the right ones."""
        return not self.refused and not self.error <= TOLERANCE

    @property
    def refused(self) -> bool:
        """Whether there are no curves."""
        return self.where == "refused" or self.missing

    @property
    def cell(self) -> str:
        """The verdict in a word or a number."""
        if self.missing:
            return "absent"
        return "refused" if self.refused else f"{self.error:.0e}{' WRONG' if self.wrong else ''}"


def interpreter(tool: str) -> str:
    """Return the interpreter that has a tool."""
    return os.environ.get(f"SBMLQSP_TOOL_{tool.upper()}", sys.executable)


@cache
def absent(tool: str) -> str:
    """Return why a tool cannot be imported, or nothing."""
    found = subprocess.run(
        [interpreter(tool), "-c", f"import {TOOLS[tool]}"], capture_output=True, text=True, check=False, env=_plain()
    )
    return found.stderr.strip().rpartition("\n")[2] if found.returncode else ""


def _plain() -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if k not in {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"}}


def answer(tool: str, job: Job) -> dict[str, object]:
    """Return what a tool answers to a job: its curves, or what it said."""
    command = [interpreter(tool), str(HERE / f"run_{tool}.py")]
    try:
        done = subprocess.run(
            command,
            input=json.dumps(asdict(job)),
            capture_output=True,
            text=True,
            check=False,
            env=_plain(),
            timeout=SECONDS,
        )
    except subprocess.TimeoutExpired:
        return {"refused": f"no answer within {SECONDS} s"}
    if not done.stdout:
        last = done.stderr.strip().rpartition("\n")[2][:300]
        return {"refused": f"the process ended with code {done.returncode}: {last}"}
    return dict(json.loads(done.stdout))


def truth_of(sbml: str, end: float, points: int, *, exact: Exact | None = None) -> Truth:
    """Return the right values of every symbol, in its meaning in formulas, and of every concentration and amount."""
    times = np.linspace(0.0, end, points + 1)
    if exact is not None:
        return exact(times)
    model = qsp.read_sbml(sbml)
    network = model.network
    names = [*network.symbols, *(f"{m}({s.id})" for s in network.species for m in ("amount", "concentration"))]
    experiment = qsp.Experiment(
        model, times=times, observables=[n for n in names if not network_stoichiometry(network, n)]
    )
    found = qsp.simulate(experiment, progress=False, tolerances=qsp.Tolerances(relative=1e-10))
    return {o.id: found[o.id].to_numpy().ravel() for o in experiment.observables}


def network_stoichiometry(network: object, name: str) -> bool:
    """Say whether a name is that of a stoichiometry, which tools do not put out."""
    symbols = network.symbols  # type: ignore[attr-defined]
    return name in symbols and symbols[name].kind == "stoichiometry"


def judged(tool: str, job: Job, truth: Truth) -> Verdict:
    """Run a job in a tool and compare every curve that it gives with the right one, relative to its largest value."""
    if absent(tool):
        return Verdict(said=absent(tool), missing=True)
    written = set(re.findall(r'\bid="(\w+)"', job.sbml))
    got = answer(tool, replace(job, watched=tuple(n for n in job.watched if n in written)))
    said = "; ".join(filter(None, [str(got.get("said", "")), *map(str, got.get("warnings", []))]))  # type: ignore[call-overload]
    if "refused" in got:
        return Verdict(where="refused", said=str(got["refused"]))
    document = libsbml.readSBMLFromString(job.sbml)  # kept, since its parts die with it
    species = {s.getId(): s.getHasOnlySubstanceUnits() for s in document.getModel().getListOfSpecies()}
    worst, seen = (0.0, ""), set()
    for kind in ("concentrations", "amounts", "symbols", "values"):
        for name, curve in dict(got.get(kind, {})).items():  # type: ignore[call-overload]
            meaning = kind if kind != "symbols" else MEANINGS.get(species.get(name), "")
            full = f"{meaning.removesuffix('s')}({name})"
            key = full if full in truth else name
            if key not in truth or (kind == "values" and name in species):
                continue
            seen.add(name)
            worst = max(worst, (error_of(np.asarray(curve, dtype=float), truth[key]), name))
    missing = [s for s in species if s not in seen and s in truth and np.ptp(truth[s]) > 0]
    if missing:
        worst = (np.inf, f"{missing[0]} is missing")
    return Verdict(*worst, said=said, version=str(got.get("version", "")))


def error_of(curve: np.ndarray, truth: np.ndarray) -> float:
    """Return the largest difference relative to the largest value."""
    scale = np.abs(truth).max()
    difference = np.abs(curve - truth).max()
    error = float(difference / scale) if scale else float(difference)
    return error if np.isfinite(error) else np.inf
