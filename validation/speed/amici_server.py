"""AMICI as a server: compiles one model and runs patients at the tolerances that it is asked for.

A script for AMICI's own environment. Lines of JSON come in and go out: first the document, times, states and the values
of parameters by patient, which is answered by AMICI's version; then pairs of tolerances, which are answered by the
seconds that AMICI's compiled runs took, and by the file with the states.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time

import amici
import numpy as np
from amici.importers.sbml import SbmlImporter
from amici.sim import sundials


def main() -> None:
    """Serve."""
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    job = json.loads(sys.stdin.readline())
    with tempfile.TemporaryDirectory() as folder:
        SbmlImporter(job["sbml"], from_file=False).sbml2amici(
            "job", output_dir=f"{folder}/job", generate_sensitivity_code=False, compute_conservation_laws=False
        )
        model = amici.import_model_module("job", f"{folder}/job").get_model()
        model.set_timepoints(np.array(job["times"]))
        print(json.dumps({"version": amici.__version__}), file=answer, flush=True)
        for line in sys.stdin:
            seconds, found = run(model, job, **json.loads(line))
            np.save(f"{folder}/found.npy", found)
            print(json.dumps({"seconds": seconds, "found": f"{folder}/found.npy"}), file=answer, flush=True)


def run(model, job, *, relative, absolute):
    """Run every patient; return the seconds in compiled code, and states of shape (patients, times, states)."""
    solver = model.create_solver()
    solver.set_relative_tolerance(relative)
    solver.set_absolute_tolerance(absolute)
    solver.set_max_steps(1_000_000)
    order = [model.get_state_ids().index(known(s, model.get_state_ids())) for s in job["states"]]
    ids = {name: known(name, model.get_free_parameter_ids()) for name in job["parameters"]}
    count = len(next(iter(job["parameters"].values())))
    found, seconds = np.empty((count, len(job["times"]), len(order))), 0.0
    for k in range(count):
        for name, values in job["parameters"].items():
            model.set_free_parameter_by_id(ids[name], values[k])
        begun = time.perf_counter()
        result = sundials.amici_swig_py.run_simulation(solver.get(), None, model.get())
        seconds += time.perf_counter() - begun
        if result.status != 0:
            raise RuntimeError(f"the simulation ended with status {result.status}")
        found[k] = np.array(result.x).reshape(len(job["times"]), -1)[:, order]
    return seconds, found


def known(name, ids):
    """Return the id of a symbol, which has another one where AMICI needs the name itself."""
    return name if name in ids else f"amici_{name}"


main()
