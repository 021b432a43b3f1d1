"""Regimens written as PEtab experiments, read again and simulated, against ``predict``.

    python -m validation.exchange.petab_doses [every]

Each of the regimens in ``validation/nonmem`` (boluses, infusions, steady states, resets, lags, parameters that change)
is written by ``write_petab_experiments``; the problem is read and simulated by PEtab's rules alone. As a control the
same problem is simulated without what its later periods change: it must differ wherever there are such.
"""

from __future__ import annotations

import sys
import tempfile
import warnings
from dataclasses import replace
from typing import Any

import numpy as np

import sbmlqsp as qsp
from validation.nonmem.agreement import COMPARTMENTS, data_set, model
from validation.nonmem.regimens import REGIMENS

LARGEST = 1e-7
"""How far a simulation may be from the prediction, as a share of the largest of its regimen."""


def measured(case: Any) -> tuple[qsp.Records, Any]:
    """Return a regimen as data with a number for every observation, and its parameters."""
    data, parameters = data_set([case])
    table = data.table.copy()
    table["DV"] = np.where(table["EVID"] == 0, np.arange(len(table)) + 1.0, np.nan)
    table["MDV"] = (table["EVID"] != 0).astype(int)
    return qsp.Records(table, data.covariates, data.units, data.carry), parameters


def undosed(problem: qsp.PetabProblem) -> qsp.PetabProblem | None:
    """Return the problem without what its later periods change, or None where there is no such."""
    cut = {e: (p[0], *(replace(q, conditions=()) for q in p[1:])) for e, p in problem.experiments.items()}
    return replace(problem, experiments=cut) if cut != dict(problem.experiments) else None


def gaps(case: Any) -> tuple[float, float | None]:
    """Return how far the problem is from the prediction, and how far without its later changes."""
    data, parameters = measured(case)
    names = COMPARTMENTS[case.model]
    how = {"observables": f"amount({list(names.values())[-1]})", "compartments": names, "parameters": parameters}
    exact = qsp.predict(model(case.model), data, **how)
    wanted = exact[exact["DV"].notna()]["IPRED"].to_numpy(dtype=float)
    with tempfile.TemporaryDirectory() as folder:
        problem = qsp.read_petab(qsp.write_petab_experiments(model(case.model), data, folder=folder, **how))

    def gap(one: qsp.PetabProblem) -> float:
        return float(np.abs(one.simulate()["simulation"].to_numpy() - wanted).max() / (np.abs(wanted).max() or 1.0))

    other = undosed(problem)
    return gap(problem), None if other is None else gap(other)


def main(every: str = "1") -> int:
    warnings.simplefilter("ignore")
    found = {case.name: gaps(case) for case in REGIMENS[:: int(every)]}
    wrong = {name: own for name, (own, _) in found.items() if not own <= LARGEST}
    controls = [other for _, other in found.values() if other is not None]
    seen = sum(other > LARGEST for other in controls)
    for name, own in wrong.items():
        print(f"{name}: {own:.1e}")
    print(f"{len(found)} regimens, largest difference {max(own for own, _ in found.values()):.1e} (limit {LARGEST:g})")
    print(f"control: without what later periods change {seen} of {len(controls)} differ (needed: 9 of 10)")
    return 1 if wrong or seen < 0.9 * len(controls) else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
