"""libRoadRunner's own Gillespie integrator, for comparison: it misses timed events and nets reversible laws."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sbmlqsp.engine.roadrunner import bare, quiet
from sbmlqsp.errors import SimulationError

__all__ = ["gillespie"]


def gillespie(
    sbml: str,
    *,
    columns: Sequence[str],
    times: Sequence[float],
    values: Sequence[Mapping[str, float]],
    rows: Any,
    seeds: Sequence[int],
) -> Any:
    """Run cells on the engine's stochastic integrator.

    Parameters
    ----------
    sbml : str
    columns : sequence of str
        Engine selections.
    times : sequence of float
        From 0 on.
    values : sequence of mapping
        Engine symbols to set at the start, by row.
    rows : ndarray of int
        The row of each cell.
    seeds : sequence of int
        One for each cell.

    Returns
    -------
    ndarray, shape (cells, times, columns)

    Raises
    ------
    SimulationError
        The engine refuses the model.
    """
    out = np.full((len(rows), len(times), len(columns)), np.nan)
    grid = [0.0, *times] if times[0] > 0 else list(times)
    with quiet():
        engine = bare(sbml)
        engine.setIntegrator("gillespie")
        engine.integrator.setValue("variable_step_size", False)
        engine.integrator.setValue("nonnegative", True)
        engine.timeCourseSelections = ["time", *columns]
        for c, row in enumerate(np.asarray(rows).tolist()):
            engine.resetAll()
            for name, value in values[row].items():
                engine.setValue(name, value)
            engine.integrator.setValue("seed", int(seeds[c]))
            try:
                found = np.array(engine.simulate(times=grid)) if len(grid) > 1 else np.array(engine.simulate(0, 0, 2))
            except RuntimeError as err:
                raise SimulationError(f"the engine's stochastic integrator failed: {err}") from None
            out[c] = found[-len(times) :, 1:]
    return out
