"""Helpers that put the third-party engines to the test, without this package in between."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

import pytest

HERE = str(Path(__file__).parent)
ALIVE: list[object] = []


def pin(condition: object, fact: str) -> None:
    """Fail, naming the fact, when an engine no longer behaves as it was measured to."""
    assert condition, f"engine changed its mind: {fact}"


def need(package: str) -> None:
    """Skip the test where a package is not installed."""
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not installed, so today's behaviour cannot be measured")


def ant_flat(text: str) -> str:
    """Antimony's own flat SBML of its main module."""
    import antimony

    _load(text)
    return str(antimony.getSBMLString(antimony.getMainModuleName()))


def ant_comp(text: str) -> str:
    """Antimony's hierarchical SBML of its main module."""
    import antimony

    _load(text)
    return str(antimony.getCompSBMLString(antimony.getMainModuleName()))


def ant_error(text: str) -> str:
    """Antimony's message for a text it refuses, or an empty string."""
    try:
        _load(text)
    except ValueError as error:
        return str(error)
    return ""


def _load(text: str) -> None:
    import antimony

    antimony.clearPreviousLoads()
    if antimony.loadAntimonyString(textwrap.dedent(text)) < 0:
        raise ValueError(antimony.getLastError())


def flattened(comp: str) -> tuple[int, str]:
    """libSBML's own flattening: its return code and the text."""
    import libsbml

    document = libsbml.readSBMLFromString(comp)
    properties = libsbml.ConversionProperties()
    properties.addOption("flatten comp", True)
    properties.addOption("leavePorts", False)
    code = document.convert(properties)
    return int(code), str(libsbml.writeSBMLToString(document))


def document(sbml: str):
    """A libSBML document, to look into; kept alive, because its parts crash Python once it is gone."""
    import libsbml

    ALIVE.append(libsbml.readSBMLFromString(sbml))
    return ALIVE[-1]


def without_properties(*, disabled: bool = True) -> None:
    """Keep RR from replacing methods of its class by a model's symbols of the same name."""
    from roadrunner import Config

    Config.setValue(Config.ROADRUNNER_DISABLE_PYTHON_DYNAMIC_PROPERTIES, disabled)


def rr(text: str, **options: object):
    """A RoadRunner of Antimony or SBML text; options are integrator settings."""
    import roadrunner

    without_properties()
    sbml = text if text.lstrip().startswith("<") else ant_flat(text)
    runner = roadrunner.RoadRunner(sbml)
    for name, value in options.items():
        runner.getIntegrator().setValue(name, value)
    return runner


def gillespie(text: str, seed: int = 1):
    """A RoadRunner with the stochastic integrator and plain seeded settings."""
    runner = rr(text)
    runner.setIntegrator("gillespie")
    runner.getIntegrator().setValue("seed", seed)
    runner.getIntegrator().setValue("variable_step_size", False)
    runner.getIntegrator().setValue("nonnegative", True)
    return runner


@dataclass(frozen=True)
class Child:
    """How a piece of code ended in a process of its own."""

    code: int
    out: str
    err: str
    hung: bool = False

    @property
    def crashed(self) -> bool:
        """Ended by a signal: segmentation fault, abort, or the kernel."""
        return self.code < 0 and not self.hung


PRELUDE = """
import os, resource, signal, sys
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
if {memory}:
    resource.setrlimit(resource.RLIMIT_AS, ({memory}, {memory}))
from facts import *
def say(*words): print("::", *words, flush=True)
"""


def child(code: str, *, timeout: float = 20.0, memory_mb: int = 0, cwd: object = None) -> Child:
    """Run code, with these helpers and `say`, in a process of its own; only what it says is kept."""
    prelude = PRELUDE.format(memory=memory_mb * 2**20)
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([HERE, str(Path(HERE).parent)]), "PYTHONWARNINGS": "ignore"}
    command = [sys.executable, "-c", prelude + textwrap.dedent(code)]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        env=env,
        cwd=cwd,
        start_new_session=True,
    )
    with process:
        try:
            out, err = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)  # the child and whatever it started
            process.communicate()
            return Child(-9, "", "", hung=True)
    said = "\n".join(line[3:] for line in out.splitlines() if line.startswith(":: "))
    return Child(process.returncode, said, err[-2000:])
