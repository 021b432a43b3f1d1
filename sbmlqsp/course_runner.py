"""Runs the courses of subjects on one compiled model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sbmlqsp.compiled import Compiled
from sbmlqsp.course import Action, Course, Series
from sbmlqsp.engine.cuts import Switches
from sbmlqsp.engine.initial import static_symbols
from sbmlqsp.engine.network import Network
from sbmlqsp.engine.tolerances import Tolerances
from sbmlqsp.errors import UnsupportedError
from sbmlqsp.model import dotted
from sbmlqsp.periodic import NoSteadyState, SteadyDoses, failure
from sbmlqsp.runner import Runner

__all__ = ["CourseJob", "CourseRunner", "movable", "shared_switches"]


def movable(network: Network) -> frozenset[str]:
    """Return what a record may change in the middle of a run: that which nothing in the model moves or computes."""
    kinds = {"parameter", "compartment", "species"}
    plain = {n for n, s in network.symbols.items() if s.kind in kinds and not s.local_to}
    return static_symbols(network) & plain - set(network.assignment_rules)


def shared_switches(
    switches: Switches, timing: Callable[[int], Mapping[str, float]], rows: Any, span: tuple[float, float]
) -> Sequence[tuple[float, Mapping[str, float]]]:
    """Return the jumps in time of a model's own formulas, which no change of parameters may move.

    Parameters
    ----------
    switches : Switches
    timing : callable
        What times them, by row of parameters.
    rows : ndarray of int
        The rows of a subject.
    span : tuple of float
        The first and the last time, in the model's unit.

    Raises
    ------
    UnsupportedError
        What times them changes between the rows, or time is negative.
    """
    if not switches.switches:
        return ()
    if span[0] < 0:
        raise UnsupportedError(
            f"the model jumps at set times, counted from 0, and a record is at {span[0]:g}",
            remedy="shift the times of the data so that none is negative",
        )
    local, *others = (timing(int(r)) for r in np.unique(rows))
    for name, value in local.items():
        if any(other[name] != value for other in others):
            raise UnsupportedError(f"'{dotted(name)}' times a jump of the model and changes from record to record")
    return switches.schedule(local, span[1])


@dataclass(frozen=True, slots=True)
class CourseJob:
    """One subject's run: its course, the global number of its first row of parameters, the scale of each state."""

    course: Course
    rows: Sequence[int]
    scales: Mapping[str, float]

    @property
    def end(self) -> float:
        """The last time."""
        return self.course.stretches[-1].times[-1] if self.course.stretches else 0.0


class CourseRunner(Runner):
    """Runs courses.

    Parameters
    ----------
    compiled : Compiled
        With one row per set of parameters.
    """

    def __init__(self, compiled: Compiled) -> None:
        super().__init__(compiled)
        network, machine = compiled.model.network, compiled.machine
        if network.events:
            raise UnsupportedError(
                f"the model '{compiled.model.id}' has events of its own, beside which neither steady-state doses nor "
                "parameters that change on the way can be run yet",
                remedy="state every dose in the regimen, and give each subject one row of parameters",
            )
        if network.from_the_past:
            raise UnsupportedError(
                f"the model '{compiled.model.id}' uses delay(), beside which neither steady-state doses nor parameters "
                "that change on the way can be run",
                remedy="state every dose in the regimen, and give each subject one row of parameters",
            )
        still = movable(network) - self.prepared.inlets.keys()  # what was given stays
        self._movable = sorted(still)
        self._still = [i for i, n in enumerate(machine.floating) if n in still]  # what reactions read, not change
        self._steady: SteadyDoses | None = None
        self._rates: dict[str, float] = {}
        self._row = 0
        self._rows: Sequence[int] = (0,)
        self._how: dict[str, Callable[..., None]] = {
            "begin": self._restart,
            "row": self._change,
            "add": self._add,
            "rate": self._set_rate,
            "empty": self._empty,
            "switch": machine.set_parameters,
            "steady": self._series,
        }

    def switches(self, rows: Any, begin: float, end: float) -> Sequence[tuple[float, Mapping[str, float]]]:
        """Return the jumps in time of the model's own formulas, between two times of the model."""
        return shared_switches(self.prepared.switches, self.compiled.timing, rows, (begin, end))

    def _run(self, job: Any, out: Any, tolerances: Tolerances) -> None:
        machine, rows = self.machine, job.rows
        machine.tolerances(tolerances, job.scales)
        self._rows = rows
        self._restart(job.course.row)
        for stretch in job.course.stretches:
            for action in stretch.actions:
                self._act(action)
            if len(stretch.times) > 1:
                found = machine.run(stretch.times)
                if stretch.output:
                    out[stretch.output] = found[stretch.rows]
            elif stretch.output:
                out[stretch.output] = machine.values()

    def _act(self, action: Action) -> None:
        self._how[action[0]](*action[1:])

    def _restart(self, row: int) -> None:
        self._row = self._rows[row]
        self._rates = {}
        self.machine.set_parameters(self._idle)
        self.machine.begin(self.compiled.starts(self._row))

    def _change(self, row: int) -> None:
        self._row = self._rows[row]
        start = self.compiled.starts(self._row)
        self.machine.change(start, self._movable)
        if self._still:
            state = self.machine.state()
            state[self._still] = [start.amounts[i] for i in self._still]
            self.machine.put(state)

    def _add(self, target: str, amount: float) -> None:
        self.machine.add(target, self.prepared.inlets[target].kind, amount)

    def _set_rate(self, target: str, total: float) -> None:
        rate = self.prepared.inlets[target].rate
        self._rates[rate] = total
        self.machine.set_parameters({rate: total})

    def _empty(self, target: str) -> None:
        machine = self.machine
        state = machine.state()
        state[(*machine.floating, *machine.rated).index(target)] = 0.0
        machine.put(state)

    def _series(self, series: Series) -> None:
        machine = self.machine
        state = self._reached(series, machine.state())
        machine.set_parameters(self._rates)
        machine.put(state)

    def steady(self, job: CourseJob, row: int, series: Series, tolerances: Tolerances) -> Any:
        """Return what a series sets the state to, or adds to it, under a row of a job's parameters.

        Returns
        -------
        ndarray
            In the order of the machine's ``floating`` and ``rated``.
        """
        self.machine.tolerances(tolerances, job.scales)
        self._rows = job.rows
        self._restart(row)
        return self._reached(series, np.zeros(len(self.machine.floating) + len(self.machine.rated)))

    def _reached(self, series: Series, present: Any) -> Any:
        if self._steady is None:
            self._steady = SteadyDoses(self.compiled)
        try:
            return self._steady.after(series, row=self._row, start=self._initial(), present=present)
        except NoSteadyState as reason:
            raise failure(series, reason) from None

    def _initial(self) -> Any:
        machine, env = self.machine, self.compiled.env
        values = [env.get(f"amount({n})", env[n]) for n in (*machine.floating, *machine.rated)]
        return np.array([np.broadcast_to(v, (self.compiled.size,))[self._row] for v in values], dtype=float)
