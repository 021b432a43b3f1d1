"""Run a job in GillesPy2 as differential equations; with events or rules by its hybrid solver, all continuous.

The compiled solvers are its default; the Python ones follow where those refuse.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

from common import grid, serve


def run(job: dict[str, Any]) -> dict[str, Any]:
    import gillespy2
    import numpy as np

    # It builds with SCons by the real path of the interpreter, which forgets a virtual environment.
    os.environ["PYTHONPATH"] = str(Path(gillespy2.__file__).parents[1])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.xml"
        path.write_text(job["sbml"], encoding="utf-8")
        model, errors = gillespy2.import_SBML(str(path))
    if model is None:
        raise RuntimeError(str(errors))
    model.timespan(np.array(grid(job)))
    found, solver = solved(gillespy2, model, max(job["absolute"], 1e-15))
    symbols = {n: [float(x) for x in c] for n, c in found[0].data.items() if n != "time"}
    return {
        "version": f"{gillespy2.__version__} {solver}",
        "symbols": symbols,
        "said": str(errors)[:300] if errors else "",
    }


def solved(gillespy2: Any, model: Any, absolute: float) -> tuple[Any, str]:
    """Return the results of the first solver that runs the model, and its name."""
    hybrid = model.listOfEvents or model.listOfRateRules or model.listOfAssignmentRules
    options = {"rtol": 1e-9, "atol": absolute}
    ways = ("TauHybridCSolver", "TauHybridSolver") if hybrid else ("ODECSolver", "ODESolver")
    said = []
    for name in ways:
        try:
            return model.run(solver=getattr(gillespy2, name), integrator_options=options), name
        except Exception as error:  # noqa: BLE001 - the other solver may run it
            said.append(f"{name}: {' '.join(str(error).split())[-200:]}")
    raise RuntimeError("; ".join(said))


serve(run)
