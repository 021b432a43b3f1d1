"""Every regimen of NONMEM's rules as SBML events, in bare libRoadRunner and in COPASI: the curves of ``predict``.

    python -m validation.cross.regimens [WORD ...]

Each regimen of ``validation.nonmem.regimens`` (those whose name holds a word, where words are given) is written into
its model with ``with_records``. The file alone goes to both engines, which know nothing of this package. All amounts
must agree with ``Predictor`` to a relative 1e-5 at every time of a record; where several records share an instant, and
dose or observe there, the last of them counts, since a file has one value per instant: that after its events. Amounts
below 1e-9 of a regimen's largest are compared with that. A regimen in which time goes back is as many files as parts.
COPASI is skipped where python-copasi (the extra ``cross``) is not installed.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

import numpy as np

import sbmlqsp as qsp
from sbmlqsp.engine.roadrunner import bare, quiet
from sbmlqsp.exchange.record_events import with_records
from validation.cross.engines import copasi_run
from validation.nonmem.agreement import COMPARTMENTS, FLOOR, data_set, model
from validation.nonmem.building import Case
from validation.nonmem.regimens import REGIMENS

TOLERANCE = 1e-5

Engine = Callable[[str, Sequence[float], Sequence[str]], Any]


def by_roadrunner(sbml: str, times: Sequence[float], names: Sequence[str]) -> Any:
    """Return amounts at times, of shape (times, names)."""
    instance = bare(sbml)
    instance.integrator.setValue("relative_tolerance", 1e-10)
    instance.integrator.setValue("absolute_tolerance", 1e-16)
    instance.timeCourseSelections = list(names)
    whole = [0.0, *(t for t in times if t > 0.0)]
    with quiet():
        found = np.asarray(instance.simulate(times=whole if len(whole) > 1 else [0.0, 1.0]))
    return found[[whole.index(t) for t in times]]


def by_copasi(sbml: str, times: Sequence[float], names: Sequence[str]) -> Any:
    """Return amounts at times, of shape (times, names): those after the events of a time."""

    def ask(problem: Any) -> None:
        problem.setUseValues(True)
        problem.setValues(" ".join(repr(float(t)) for t in sorted({0.0, *times, times[-1] + 1.0})))
        problem.setOutputEvent(True)

    return copasi_run(sbml, ask, lambda series, store: _of_copasi(series, store, times, names), absolute=1e-16)


def _of_copasi(series: Any, store: Any, times: Sequence[float], names: Sequence[str]) -> Any:
    ids = [series.getSBMLId(i, store) for i in range(series.getNumVariables())]
    rows = range(series.getRecordedSteps())
    table = np.array([[series.getConcentrationData(k, i) for i in range(len(ids))] for k in rows])
    # COPASI reports what never changes no more, and a time with an event twice: the last row is that after it.
    sizes = {c.getSBMLId(): c for c in store.getModel().getCompartments()}
    out = np.zeros((len(times), len(names)))
    for j, name in enumerate(names):
        if name not in ids:
            continue
        species = next(s for s in store.getModel().getMetabolites() if s.getSBMLId() == name)
        home = species.getCompartment().getSBMLId()
        size = table[:, ids.index(home)] if home in ids else np.full(len(table), sizes[home].getInitialValue())
        for i, t in enumerate(times):
            near = np.flatnonzero(np.abs(table[:, 0] - t) <= 1e-12 * max(1.0, t))
            out[i, j] = (table[:, ids.index(name)] * size)[near[-1]]
    return out


ENGINES: Mapping[str, Engine] = {"libRoadRunner": by_roadrunner, "COPASI": by_copasi}


def expected(case: Case) -> tuple[Any, list[list[int]]]:
    """Return the amounts at every record by ``Predictor``, and the records of each part."""
    data, parameters = data_set([case])
    names = COMPARTMENTS[case.model]
    columns = [
        qsp.Predictor(model(case.model), data, compartments=names, observables=f"amount({s})", records="all")(
            parameters
        )
        for s in names.values()
    ]
    times, all_parts = data.table["TIME"].tolist(), [[0]]
    for k in range(1, len(times)):
        if times[k] < times[k - 1]:
            all_parts.append([])
        all_parts[-1].append(k)
    return np.stack(columns, axis=1), all_parts


def files(case: Case) -> Iterator[tuple[str, list[float], Any]]:
    """Yield the SBML of each part of a regimen, the times to look at and the amounts expected there."""
    data, parameters = data_set([case])
    amounts, all_parts = expected(case)
    times = data.table["TIME"].tolist()
    for number, rows in enumerate(all_parts):
        written = with_records(
            model(case.model),
            data,
            subject=1,
            parameters=parameters,
            compartments=COMPARTMENTS[case.model],
            part=number if len(all_parts) > 1 else None,
        )
        last = [list(group)[-1] for _, group in groupby(rows, key=lambda k: times[k])]
        yield qsp.write_sbml(written), [times[k] for k in last], amounts[last]


def error(case: Case, engine: Engine) -> float:
    """Return the largest relative difference of a regimen in an engine."""
    names = list(COMPARTMENTS[case.model].values())
    worst = 0.0
    for sbml, times, exact in files(case):
        found = engine(sbml, times, names)
        size = np.maximum(np.abs(exact), FLOOR * np.abs(exact).max(initial=0.0))
        worst = max(worst, float((np.abs(found - exact) / np.where(size > 0, size, 1.0)).max()))
    return worst


def installed() -> dict[str, Engine]:
    """Return the engines there are."""
    import importlib.util

    copasi = importlib.util.find_spec("COPASI") is not None
    return {k: e for k, e in ENGINES.items() if copasi or k != "COPASI"}


def main(words: list[str]) -> int:
    """Print the table; the exit status says whether a regimen differs."""
    cases = [c for c in REGIMENS if not words or any(w in c.name for w in words)]
    bad = 0
    for name, engine in installed().items():
        start, found, refused = time.perf_counter(), dict[str, float](), dict[str, str]()
        for case in cases:
            try:
                found[case.name] = error(case, engine)
            except (qsp.UnsupportedError, qsp.DosingError) as reason:
                refused[case.name] = str(reason)
        wrong = {k: e for k, e in found.items() if not e <= TOLERANCE}
        worst = max(found, key=lambda k: found[k], default="")
        seconds = time.perf_counter() - start
        print(
            f"{name:14} {len(found):4} regimens, largest relative difference {found.get(worst, 0.0):.1e} ({worst}), "
            f"{len(wrong)} differ, {len(refused)} skipped, {seconds:.0f} s"
        )
        for case_name, e in wrong.items():
            print(f"  differs: {case_name}: {e:.1e}")
        for case_name, reason_text in refused.items():
            print(f"  skipped: {case_name}: {reason_text}")
        bad += len(wrong)
    if "COPASI" not in installed():
        print("COPASI          skipped: python-copasi is not installed")
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
