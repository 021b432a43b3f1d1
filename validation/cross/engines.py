"""Every model of the library in bare libRoadRunner and in COPASI: the same curves.

    python -m validation.cross.engines [ID ...]

Both engines get the same flat SBML, with something in every species that starts at zero, without this package between
them and the file. Every species (as a concentration) and every quantity set by a rule must agree to a relative 1e-5 of
the curve's largest value. Needs the extra ``cross`` (python-copasi).
"""

from __future__ import annotations

import locale
import sys
from collections.abc import Callable
from typing import Any

import libsbml
import numpy as np
import roadrunner

from validation.library import Item, items

TOLERANCE, POINTS = 1e-5, 60
END = {"second": 600.0, "minute": 240.0, "hour": 48.0, "day": 28.0}

Curves = dict[str, np.ndarray]


def prepared(item: Item) -> tuple[str, float]:
    """Return flat SBML that is not at rest, with no zero input and baselines off by 30 %, and how long to run it."""
    document = libsbml.readSBMLFromString(item.model.sbml)
    model = document.getModel()
    species = {s.getId() for s in model.getListOfSpecies()}
    computed = {model.getRule(i).getVariable() for i in range(model.getNumRules())}
    for a in model.getListOfInitialAssignments():
        computed.add(a.getSymbol())
        if a.getSymbol() in species:
            a.setMath(libsbml.parseL3Formula(f"1.3 * ({libsbml.formulaToL3String(a.getMath())})"))
    for k, s in enumerate(model.getListOfSpecies()):
        empty = 0.0 in {s.getInitialAmount(), s.getInitialConcentration()}
        if empty and s.getId() not in computed:
            s.unsetInitialConcentration()
            s.setInitialAmount(1.0 + 0.37 * k)
    for k, p in enumerate(model.getListOfParameters()):
        if p.getValue() == 0.0 and p.getId() not in computed:
            p.setValue(0.5 + 0.1 * (k % 4))
    return libsbml.writeSBMLToString(document), END.get(_time_unit(item), 10.0)


def _time_unit(item: Item) -> str:
    return {"s": "second", "min": "minute", "h": "hour"}.get(item.model.time_unit or "", item.model.time_unit or "")


def watched(sbml: str) -> tuple[list[str], list[str]]:
    """Return the species, and what rules set."""
    model = libsbml.readSBMLFromString(sbml).getModel()
    ruled = {model.getRule(i).getVariable() for i in range(model.getNumRules())}
    species = [s.getId() for s in model.getListOfSpecies()]
    return species, sorted(ruled - set(species))


def by_roadrunner(sbml: str, end: float) -> Curves:
    species, ruled = watched(sbml)
    r = roadrunner.RoadRunner(sbml)
    r.integrator.relative_tolerance, r.integrator.absolute_tolerance = 1e-10, 1e-22
    r.timeCourseSelections = [*(f"[{s}]" for s in species), *ruled]
    found = np.array(r.simulate(0.0, end, POINTS + 1))
    return dict(zip([*species, *ruled], found.T, strict=True))


def copasi() -> Any:
    """Return COPASI's module; importing it sets the locale of the process to C, which is undone."""
    kept = locale.setlocale(locale.LC_ALL)
    try:
        import COPASI
    finally:
        locale.setlocale(locale.LC_ALL, kept)
    return COPASI


def copasi_run(sbml: str, ask: Callable[[Any], None], read: Callable[[Any, Any], Any], *, absolute: float) -> Any:
    """Run a model in COPASI's LSODA at a relative 1e-10; ``ask`` sets the problem, ``read`` takes series and store."""
    library = copasi()
    store = library.CRootContainer.addDatamodel()
    try:
        if not store.importSBMLFromString(sbml):
            raise RuntimeError(library.CCopasiMessage.getAllMessageText())
        store.getModel().forceCompile()
        task = store.getTask("Time-Course")
        task.setMethodType(library.CTaskEnum.Method_deterministic)
        problem, method = task.getProblem(), task.getMethod()
        ask(problem)
        problem.setTimeSeriesRequested(True)
        method.getParameter("Relative Tolerance").setDblValue(1e-10)
        method.getParameter("Absolute Tolerance").setDblValue(absolute)
        method.getParameter("Max Internal Steps").setIntValue(1_000_000)
        if not task.process(True):
            raise RuntimeError(task.getProcessError() or task.getProcessWarning())
        return read(task.getTimeSeries(), store)
    finally:
        library.CRootContainer.removeDatamodel(store)


def by_copasi(sbml: str, end: float) -> Curves:
    def ask(problem: Any) -> None:
        problem.setStepNumber(POINTS)
        problem.setDuration(end)

    def read(series: Any, store: Any) -> Curves:
        names = [series.getSBMLId(i, store) for i in range(series.getNumVariables())]
        rows = range(series.getRecordedSteps())
        return {n: np.array([series.getConcentrationData(k, i) for k in rows]) for i, n in enumerate(names) if n}

    return copasi_run(sbml, ask, read, absolute=1e-22)


def compared(item: Item) -> tuple[float, str]:
    """Return the largest error and where it is."""
    sbml, end = prepared(item)
    left, right = by_roadrunner(sbml, end), by_copasi(sbml, end)
    worst = (0.0, "")
    for name, curve in left.items():
        if name not in right:
            if np.ptp(curve) == 0.0:
                continue  # COPASI does not report what never changes
            return np.inf, f"{name} is missing in COPASI"
        scale = np.abs(curve).max()
        error = float(np.abs(curve - right[name]).max() / scale) if scale else float(np.abs(right[name]).max())
        worst = max(worst, (error, name)) if np.isfinite(error) else (np.inf, name)
    return worst


def main(wanted: list[str]) -> int:
    bad, largest, count = 0, 0.0, 0
    for item in items():
        if wanted and item.id not in wanted:
            continue
        count += 1
        try:
            error, where = compared(item)
        except RuntimeError as problem:
            error, where = np.inf, " ".join(str(problem).split())[:160]
        bad += not error <= TOLERANCE
        largest = max(largest, error)
        print(f"{item.id:45} {error:.1e} {where if error > TOLERANCE else ''}")
    print(f"{count} models in libRoadRunner and COPASI, {bad} differ, largest error {largest:.1e}")
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
