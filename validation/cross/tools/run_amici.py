"""Run a job in AMICI: the model is compiled, and CVODES runs it."""

from __future__ import annotations

import tempfile
from typing import Any

from common import grid, serve


def run(job: dict[str, Any]) -> dict[str, Any]:
    import amici
    import numpy as np
    from amici.importers.sbml import SbmlImporter

    with tempfile.TemporaryDirectory() as folder:
        importer = SbmlImporter(job["sbml"], from_file=False)
        importer.sbml2amici("job", output_dir=folder, generate_sensitivity_code=False, compute_conservation_laws=False)
        model = amici.import_model_module("job", folder).get_model()
        model.set_timepoints(np.array(grid(job)))
        solver = model.create_solver()
        solver.set_relative_tolerance(1e-10)
        solver.set_absolute_tolerance(job["absolute"])
        solver.set_max_steps(1_000_000)
        found = model.simulate(solver=solver)
        if found.status != 0:
            raise RuntimeError(f"the simulation ended with status {found.status}")
        symbols = {n: np.asarray(found.x)[:, i].tolist() for i, n in enumerate(model.get_state_ids())}
        symbols |= {n: np.asarray(found.w)[:, i].tolist() for i, n in enumerate(model.get_expression_ids())}
    return {"version": amici.__version__, "symbols": symbols}


serve(run)
