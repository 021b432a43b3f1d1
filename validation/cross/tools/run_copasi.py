"""Run a job in COPASI's LSODA."""

from __future__ import annotations

import locale
from typing import Any

from common import serve, species_of


def run(job: dict[str, Any]) -> dict[str, Any]:
    locale.setlocale(locale.LC_ALL, "C")
    import COPASI

    store = COPASI.CRootContainer.addDatamodel()
    if not store.importSBMLFromString(job["sbml"]):
        raise RuntimeError(COPASI.CCopasiMessage.getAllMessageText())
    said = COPASI.CCopasiMessage.getAllMessageText()
    store.getModel().forceCompile()
    task = store.getTask("Time-Course")
    task.setMethodType(COPASI.CTaskEnum.Method_deterministic)
    problem, method = task.getProblem(), task.getMethod()
    problem.setStepNumber(job["points"])
    problem.setDuration(job["end"])
    problem.setTimeSeriesRequested(True)
    method.getParameter("Relative Tolerance").setDblValue(1e-10)
    method.getParameter("Absolute Tolerance").setDblValue(job["absolute"])
    method.getParameter("Max Internal Steps").setIntValue(1_000_000)
    if not task.process(True):
        raise RuntimeError(task.getProcessError() or task.getProcessWarning())
    series = task.getTimeSeries()
    names = [series.getSBMLId(i, store) for i in range(series.getNumVariables())]
    rows = range(series.getRecordedSteps())
    curves = {n: [series.getConcentrationData(k, i) for k in rows] for i, n in enumerate(names) if n}
    species = set(species_of(job))
    return {
        "version": COPASI.__version__,
        "concentrations": {n: c for n, c in curves.items() if n in species},
        "values": {n: c for n, c in curves.items() if n not in species},
        "said": " ".join(line for line in said.splitlines() if "default" not in line and not line.startswith(">"))[
            :300
        ],
    }


serve(run)
