"""``predict`` on the quinidine data (136 patients), against the bare engine calls that the same predictions need.

    python -m validation.speed.predictions [repeats]

Both run in one process, in turn, and the *ratio* is the figure. The bare calls are what libRoadRunner must be told for
these predictions and no more: reset, set state and parameters, simulate each stretch between two discontinuities; every
number of theirs, steady states included, is known in advance. ``predict`` evaluates formulas over covariates, plans or
recalls the courses, solves the steady states, checks the results and reads the observable, with new parameters
each time.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import sbmlqsp as qsp
from sbmlqsp.engine.roadrunner import quiet
from validation.literature import data_sets

MODEL = """model oral
  unit hour = 3600 second; unit mg = 1e-3 gram; unit per_hour = 1 / (3600 second)
  unit litre_per_hour = litre / (3600 second)
  unit time_unit = 3600 second; unit substance = 1e-3 gram; unit extent = 1e-3 gram; unit volume = litre
  compartment V = 230
  substanceOnly species depot in V = 0, central in V = 0
  absorption: depot => central; ka*depot
  elimination: central => ; CL/V*central
  ka = 0.7; CL = 12; ka has per_hour; CL has litre_per_hour; V has volume
end"""
PARAMETERS = {"CL": "CLS*(Weight/70)^0.75*(1 + 0.3*(0.8 - glyco))", "V": "VS*Weight/70", "VS": 230.0}
WORK = {
    "RoadRunner__simulate": "integration",
    "read_settings": "parameters over covariates",
    "initial_state": "initial states",
    "after": "steady states",
    "_doubt": "checks of the results",
    "read_out": "observable",
}


class Recorder:
    """Stands in for the engine's model and engine and writes down what they are told."""

    def __init__(self, target: Any, calls: list[tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]]) -> None:
        self._target, self._calls = target, calls

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._target, name)
        if not callable(found):
            return found

        def told(*args: Any, **kwargs: Any) -> Any:
            self._calls.append((found, args, kwargs))
            return found(*args, **kwargs)

        return told


def bare_calls(predictor: qsp.Predictor, parameters: dict[str, Any]) -> Callable[[], None]:
    """Return a function that repeats the engine calls of one prediction, without those that only read back."""
    predictor(parameters)
    compiled, _, _ = predictor._runner(predictor._settings(parameters))
    machine = compiled.machine
    calls: list[Any] = []
    engine, model = machine._engine, machine._model
    machine._engine, machine._model = Recorder(engine, calls), Recorder(model, calls)
    try:
        predictor(parameters)
    finally:
        machine._engine, machine._model = engine, model
    needed = [c for c in calls if not c[0].__name__.startswith("get")]

    def run() -> None:
        for call, args, kwargs in needed:
            call(*args, **kwargs)

    return run


def main(repeats: int = 15) -> float:
    """Print the figures and return the ratio."""
    folder = data_sets.folder()
    if folder is None:
        print(f"the data are not here: name their folder in {data_sets.VARIABLE}")
        return float("nan")
    data = data_sets.quinidine(folder).filled()
    begun = time.perf_counter()
    ready = qsp.Predictor(qsp.read_antimony(MODEL), data, compartments="depot", observables="central/V")
    ready(PARAMETERS | {"CLS": 12.0})
    first = time.perf_counter() - begun
    bare = bare_calls(ready, PARAMETERS | {"CLS": 12.0})
    times: dict[str, list[float]] = {"predict": [], "bare": []}
    for k in range(repeats):
        for name, call in (("predict", lambda k=k: ready(PARAMETERS | {"CLS": 12.0 + 0.01 * k})), ("bare", bare)):
            with quiet():
                begun = time.perf_counter()
                call()
            times[name].append(time.perf_counter() - begun)
    ratios = [a / b for a, b in zip(times["predict"], times["bare"], strict=True)]
    ratio = statistics.median(ratios)
    print(f"{len(data.subjects)} patients, {len(data.doses)} doses, {len(data.observations)} observations")
    print(f"prepared and predicted once: {first:.2f} s")
    print(f"predict {statistics.median(times['predict']):.3f} s, bare calls {statistics.median(times['bare']):.3f} s")
    print(
        f"ratio {ratio:.3f} (quartiles {np.quantile(ratios, 0.25):.3f} to {np.quantile(ratios, 0.75):.3f}), required 2"
    )
    print(breakdown(ready))
    return ratio


def breakdown(ready: qsp.Predictor) -> str:
    """Return the shares of one prediction by kind of work."""
    import cProfile
    import pstats

    profile = cProfile.Profile()
    profile.runcall(ready, PARAMETERS | {"CLS": 11.0})
    stats: Any = pstats.Stats(profile)
    total = stats.total_tt
    spent = dict.fromkeys(WORK.values(), 0.0)
    for (_, _, function), (_, _, _, cumulative, _) in stats.stats.items():
        for name, words in WORK.items():
            if function == name or function.endswith(f".{name}>"):
                spent[words] += cumulative
    spent["the rest: planning, setting states and parameters"] = total - sum(spent.values())
    return "\n".join(f"  {v / total:6.1%} {k}" for k, v in sorted(spent.items(), key=lambda i: -i[1]))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
