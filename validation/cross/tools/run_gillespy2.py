"""Run a job in GillesPy2 as differential equations; with events or rules by its hybrid solver, all continuous."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from common import grid, serve


def run(job: dict[str, Any]) -> dict[str, Any]:
    import gillespy2
    import numpy as np

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.xml"
        path.write_text(job["sbml"], encoding="utf-8")
        model, errors = gillespy2.import_SBML(str(path))
    if model is None:
        raise RuntimeError(str(errors))
    model.timespan(np.array(grid(job)))
    hybrid = model.listOfEvents or model.listOfRateRules or model.listOfAssignmentRules
    options = {"rtol": 1e-9, "atol": max(job["absolute"], 1e-15)}
    if hybrid:
        found = model.run(solver=gillespy2.TauHybridSolver, integrator_options=options)
    else:
        found = model.run(solver=gillespy2.ODESolver, integrator_options=options)
    symbols = {n: [float(x) for x in c] for n, c in found[0].data.items() if n != "time"}
    return {"version": gillespy2.__version__, "symbols": symbols, "said": str(errors)[:300] if errors else ""}


serve(run)
