"""The verb ``trajectories``: every change of single cells, one row each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from sbmlqsp.cells import Runs, Stochastic
from sbmlqsp.engine.roadrunner import quiet
from sbmlqsp.engine.ssa_status import MOST_JUMPS
from sbmlqsp.engine.trace import KNOWN
from sbmlqsp.errors import DataError, ExperimentError, SimulationError
from sbmlqsp.experiment import Experiment, observable_unit
from sbmlqsp.model import dotted
from sbmlqsp.populations import Population
from sbmlqsp.readout import read_out
from sbmlqsp.runner import IMPOSSIBLE, STATUS, STOPPED
from sbmlqsp.simulate import arms_of, check_method, drawn_subjects
from sbmlqsp.subjects import Subjects, read_subjects

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["trajectories"]

COLUMNS = ("experiment", "subject", "replicate", "time", "event")


def trajectories(
    experiments: Experiment | Iterable[Experiment],
    *,
    population: Population | None = None,
    size: int | None = None,
    subjects: pd.DataFrame | Mapping[str, Any] | None = None,
    replicates: int = 1,
    continuous: Sequence[str] = (),
    max_jumps: int = MOST_JUMPS,
    max_rows: int = 1_000_000,
    seed: int = 0,
) -> pd.DataFrame:
    """Run single cells exactly, jump by jump, and return every change of each.

    The cells are those of ``simulate(…, method="ssa")`` with the same experiments, subjects and seed. A value holds
    from its row until the next, so that the last row up to an output time has the numbers of ``simulate`` there (before
    a dose at that time, where the experiment says ``at_dose="before"``). Counts are the same bit for bit.

    Parameters
    ----------
    experiments : Experiment or iterable of Experiment
        Arms; their ids must differ. Cells run from 0 to the last of the times.
    population, size, subjects, replicates, continuous, max_jumps, seed
        As in `simulate`.
    max_rows : int
        More rows than these, of all cells together, are refused.

    Returns
    -------
    pandas.DataFrame
        One row per change: ``experiment``, ``subject``, ``replicate``, ``time``, ``event``, and each observable just
        after it. ``event`` is the id of the reaction (``"J backward"`` where a reversible one went back) or of the
        model's event, or one of ``"start"``; ``"dose"``; ``"switch"``, for another change at a known time, such as the
        end of an infusion or a step of a formula in time; and, last, ``"end"`` or the name of the fate that ended the
        cell. Of several rows at one time the last is what holds from then on. Between rows, what is continuous or
        depends on time goes on moving, and its values are those at the rows. ``attrs["units"]`` holds the units by
        column. Arms that did not ask for an observable have NaN.

    Raises
    ------
    SimulationError
        A cell cannot be followed to the end, or there are more rows than ``max_rows``: nothing is cut off unsaid.
    DataError
        An observable has the name of another column, or a fate, a reaction or an event that of a word of ``event``.
    UnsupportedError
        A feature that is not there.

    Examples
    --------
    >>> import sbmlqsp as qsp
    >>> model = qsp.read_antimony("model m; species S; S = 2; J: S -> ; k*S; k = 1; end")
    >>> rows = qsp.trajectories(qsp.Experiment(model, times=[0, 100]))
    >>> rows["event"].tolist(), rows["S"].tolist()
    (['start', 'J', 'J', 'end'], [2.0, 1.0, 0.0, 0.0])
    """
    import pandas as pd

    check_method("ssa", replicates, continuous, None, resume=False)
    whole = isinstance(max_rows, int | np.integer) and not isinstance(max_rows, bool)
    if not (whole and max_rows >= 1):
        raise ExperimentError("max_rows is not usable", value=max_rows, expected="a positive whole number")
    arms = arms_of(experiments)
    for o in (o for a in arms for o in a.observables):
        if o.id in COLUMNS:
            raise DataError(f"'{o.id}' is a column of its own in the table", remedy="rename the observable")
    drawn = drawn_subjects(population, size, seed, subjects, arms)
    people = read_subjects(subjects if drawn is None else drawn, arms, drawn=population)
    how = Stochastic(seed, replicates, tuple(continuous), max_jumps, population=population)
    tables: list[pd.DataFrame] = []
    with quiet():
        for arm in arms:
            tables.append(_rows(arm, people, how, max_rows, max_rows - sum(map(len, tables))))
    frame = pd.concat(tables, ignore_index=True)
    units = {o.id: o.unit or observable_unit(a.model, o) for a in reversed(arms) for o in a.observables}
    frame.attrs["units"] = {"time": arms[0].model.time_unit or ""} | {k: u for k, u in units.items() if u}
    return frame


def _rows(arm: Experiment, people: Subjects, how: Stochastic, allowed: int, left: int) -> pd.DataFrame:
    """Return the rows of one arm, of which so many are left of those that are allowed."""
    import pandas as pd

    cells = range(1, how.replicates + 1)
    runs = Runs(how, arm, people, cells)
    tracer, ready = runs.traced(left)
    counts, streams, own = [], iter(ready.streams), iter(ready.rows)
    for i, there in enumerate(ready.run):
        if not there:
            _fail(arm, people, i, how, f"{STATUS[IMPOSSIBLE]}; {runs.refused[int(runs.rows[i])]}")
        before = tracer.rows
        why = tracer.trace(next(own), next(streams))
        if tracer.full:
            _fail(arm, people, i, how, why, value=allowed, remedy="raise max_rows, or run fewer cells or shorter ones")
        if why:
            _fail(arm, people, i, how, f"{STATUS[STOPPED]}; {why}")
        counts.append(tracer.rows - before)
    time, what, values = tracer.found
    columns = {
        "experiment": np.full(len(time), arm.id, dtype=object),
        "subject": np.repeat(np.repeat(people.ids, len(cells)), counts),
        "replicate": np.repeat(np.tile(cells, len(people)), counts),
        "time": time,
        "event": _names(arm, runs)[what],
    }
    out = {c: values[:, k] for k, c in enumerate(runs.cells.outputs)}
    for o in arm.observables:
        columns[o.id] = read_out(o, arm.model, columns=out, time=time, shape=time.shape)
    return pd.DataFrame(columns)


def _names(arm: Experiment, runs: Runs) -> Any:
    """Return what rows are of, by the number that the tracer gives it."""
    system = runs.cells.system
    own = [dotted(e.id) for e in system.events] + list(arm.fates) + [dotted(c.id) for c in system.channels]
    for name in own:
        if name in KNOWN:
            raise DataError(f"'{name}' has a meaning of its own in the column 'event'", where=f"experiment '{arm.id}'",
                            remedy="give the fate, the reaction or the event another id")  # fmt: skip
    return np.array([*KNOWN, *own], dtype=object)


def _fail(
    arm: Experiment, people: Subjects, i: int, how: Stochastic, why: str, *, value: Any = None,
    remedy: str = "check that subject's parameters",
) -> NoReturn:  # fmt: skip
    who, cell = people.ids[i // how.replicates], i % how.replicates + 1
    raise SimulationError(f"subject {who}, cell {cell}, of '{arm.id}' failed: {why}", value=value, remedy=remedy)
