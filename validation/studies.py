"""The validation studies that are scripts of their own, beside the cases of the library's models."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

__all__ = ["STUDIES", "Study", "StudyResult"]

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class StudyResult:
    """How a script ended: ``"passed"``, ``"failed"`` or ``"absent"``, in how many seconds, and its last lines."""

    outcome: str
    seconds: float
    text: str


@dataclass(frozen=True)
class Study:
    """A script that prints figures and ends with 0 when every one of them is met.

    Parameters
    ----------
    id : str
    module : str
        Run as ``python -m``.
    rows : tuple of str
        The claims it proves, wholly or in part.
    about : str
    folder : str
        The environment variable that names the data it needs and that the project does not ship.
    package : str
        A Python package it needs beyond the project's own.
    """

    id: str
    module: str
    rows: tuple[str, ...]
    about: str
    folder: str = ""
    package: str = ""

    def missing(self) -> str:
        """Say why it cannot run, or nothing."""
        place = ROOT / Path(*self.module.split("."))
        if not (place.with_suffix(".py").is_file() or (place / "__main__.py").is_file()):
            return "the script is not there"
        if self.folder and not os.environ.get(self.folder):
            return f"needs the folder named by the environment variable {self.folder}"
        if self.package:
            import importlib.util

            if importlib.util.find_spec(self.package) is None:
                return f"needs the package {self.package}"
        return ""

    def run(self) -> StudyResult:
        """Run it in a process of its own."""
        reason = self.missing()
        if reason:
            return StudyResult("absent", 0.0, reason)
        extra = [os.environ[self.folder]] if self.folder else []
        start = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", self.module, *extra], capture_output=True, text=True, cwd=ROOT, check=False
        )
        text = (done.stdout if done.returncode == 0 else done.stdout + done.stderr).rstrip()
        return StudyResult("passed" if done.returncode == 0 else "failed", time.perf_counter() - start, text)


STUDIES = (
    Study("library", "validation.library", ("M-01",), "every model against every check of the library"),
    Study("simulated", "validation.analytic.simulated", ("M-03", "M-07"), "dosed curves against closed forms"),
    Study("composition", "validation.cross.composition", ("M-02",), "flat against hierarchical SBML, and by hand"),
    Study("review", "validation.review", ("M-01",), "library models against blind re-implementations"),
    Study("engines", "validation.cross.engines", ("M-01", "M-03"), "library models in bare libRoadRunner and COPASI",
          package="COPASI"),
    Study("sedml", "validation.cross.sedml", ("M-06", "M-07"),
          "archives with SED-ML in tellurium and COPASI, and tellurium's in ours", package="tellurium"),
    Study("nonmem", "validation.nonmem.agreement", ("M-03",), "predict on every regimen against NONMEM's rules"),
    Study("regimens", "validation.cross.regimens", ("M-03",), "every regimen as SBML in bare libRoadRunner and COPASI",
          package="COPASI"),
    Study("literature", "validation.literature.simulated", (), "published parameters against five measured data sets"),
    Study("theophylline", "validation.estimation.theophylline", (), "pooled estimates of theophylline"),
    Study("semantic", "validation.cross.semantic_suite", ("M-06",), "semantic cases of the SBML Test Suite",
          folder="SBML_SEMANTIC_SUITE"),
    Study("petab", "validation.exchange.petab", (), "cases of the PEtab test suite", folder="PETAB_SUITE"),
    Study("petab-doses", "validation.exchange.petab_doses", (), "regimens as PEtab experiments, against predictions"),
    Study("population-vpc", "validation.population.vpc", (), "checks of data that fit, and of data that do not"),
    Study("theophylline-population", "validation.estimation.theophylline_population", (),
          "the estimates of the theophylline population"),
    Study("stochastic", "validation.stochastic.suite", (), "stochastic cases of the SBML Test Suite",
          folder="SBML_STOCHASTIC_SUITE"),
    Study("cells", "validation.stochastic.blind", (), "single cells against plain Python written from the cards"),
    Study("killing", "validation.stochastic.killing", ("S0-36", "S0-39"),
          "single cells against the incomplete gamma function"),
    Study("laws", "validation.stochastic.laws", ("S0-34", "S0-35", "S0-36"),
          "memory, bursts and thresholds of single cells against exact laws"),
    Study("passage", "validation.stochastic.passage", ("S0-39",), "cells above a threshold now, and ever so far"),
    Study("mixture", "validation.stochastic.mixture", ("M-09",), "cells that differ and are noisy besides"),
    Study("moments", "validation.population.moments", (), "what populations draw against theory"),
    Study("identity", "validation.population.identity", (), "the same bits however a population is spread"),
    Study("faults", "validation.population.faults", (), "processes, disks and patients that fail"),
    Study("speed", "validation.speed.population", (), "1,000 subjects against a bare engine loop"),
)  # fmt: skip
