"""Run a job in tellurium."""

from __future__ import annotations

import warnings
from typing import Any

from common import serve, species_of


def run(job: dict[str, Any]) -> dict[str, Any]:
    with warnings.catch_warnings():  # of optional parts that are not there
        warnings.simplefilter("ignore")
        import tellurium

    r = tellurium.loadSBMLModel(job["sbml"])
    r.integrator.relative_tolerance, r.integrator.absolute_tolerance = 1e-10, job["absolute"]
    species = species_of(job)
    others = [n for n in job["watched"] if n not in species and "(" not in n]
    r.timeCourseSelections = ["time", *(f"[{s}]" for s in species), *others]
    found = r.simulate(0.0, job["end"], job["points"] + 1)
    columns = [[float(x) for x in found[:, i]] for i in range(1, 1 + len(species) + len(others))]
    return {
        "version": tellurium.__version__,
        "concentrations": dict(zip(species, columns, strict=False)),
        "values": dict(zip(others, columns[len(species) :], strict=True)),
    }


serve(run)
