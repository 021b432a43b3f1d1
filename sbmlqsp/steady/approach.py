"""Many rows of parameters brought near to rest side by side on the batch kernel."""

from __future__ import annotations

from typing import Any

import numpy as np

from sbmlqsp.compiled import state_scales
from sbmlqsp.engine.network import Network
from sbmlqsp.engine.ode import Batch
from sbmlqsp.engine.rate_slopes import rate_slopes
from sbmlqsp.engine.rates import RightHandSide
from sbmlqsp.engine.tolerances import Tolerances
from sbmlqsp.errors import QSPError, SimulationError
from sbmlqsp.model import Model
from sbmlqsp.steady.rest import CLOSE, alike, arrived, conserved_of, polished
from sbmlqsp.steady.starting import Near, People, searched
from sbmlqsp.timeline import build_timeline

__all__ = ["SideBySide", "state_columns"]

FAR = 0.05
"""How far, relatively, Newton's method may move from where a simulation came to."""
STILL, AWAY = 1e-7, 1e-3
"""By what part states move at most that rest between two points, and at least when they leave."""
POINTS = 40
ROUNDS = 4
"""How often those that have not come to rest are run on, ten times as long each time."""


def state_columns(network: Network) -> tuple[str, ...]:
    """Return the engine selections of the states of a model that come to rest, as `RightHandSide` has them."""
    side = RightHandSide(network.without_integrals)

    def column(name: str) -> str:
        s = network.symbols[name]
        return f"[{name}]" if name in side.ruled and s.kind == "species" and not s.amount_only else name

    return tuple(map(column, side.names))


class SideBySide:
    """An approach to rest on the batch kernel; what does not get there so is searched on libRoadRunner.

    Parameters
    ----------
    batch : Batch
        It puts out ``state_columns``.
    tolerances : Tolerances
    threads : int, optional
    """

    def __init__(self, batch: Batch, tolerances: Tolerances, threads: int | None) -> None:
        self._batch, self._tolerances, self._threads = batch, tolerances, threads

    def __call__(self, people: People) -> Near:
        """Return where rows come to."""
        states, peak = people.start.copy(), np.abs(people.start)
        waiting, refused = np.arange(people.size), dict[int, QSPError]()
        if not self._batch.eventful:  # an event on the way is seen in the search
            time = _lengths(people)
            for _ in range(ROUNDS):
                own = people.some(waiting)
                track = self._run(own, states[:, waiting], time[waiting])
                states[:, waiting], highest = track[:, :, -1], np.abs(track).max(axis=2)
                peak[:, waiting] = np.fmax(peak[:, waiting], highest)
                swayed = _swayed(track)
                refused |= {int(k): _chosen_by_rounding(people.model) for k in waiting[swayed]}
                waiting = waiting[~swayed & ~_near(own, track, peak[:, waiting])]
                if not waiting.size:
                    return Near(states, peak, refused)
                time *= 10.0
        rest = searched(people.some(waiting))
        states[:, waiting], peak[:, waiting] = rest.states, rest.peak
        return Near(states, peak, refused | {int(waiting[k]): why for k, why in rest.refused.items()})

    def _run(self, people: People, begun: Any, ends: Any) -> Any:
        """Return the courses of states to an end of each, of shape (states, rows, times); NaN where a run failed."""
        batch, rows, names = self._batch, people.size, state_columns(people.model.network)
        begun = np.where(np.isfinite(begun), begun, people.start)
        starts, _ = batch.starts(people.again(begun), rows)
        _, constants = batch.starts(people.env, rows)  # as they were computed at the very start
        lengths, which = np.unique(ends, return_inverse=True)
        instructions, idle = batch.instructions(), {s.id: 0.0 for s in batch.switches.switches}  # no rate reads them
        for length in lengths:
            instructions.add(build_timeline(np.linspace(0.0, length, POINTS).tolist(), [], [(0.0, idle)]))
        nothing = np.zeros((rows, 1))
        found = batch.run(
            starts, constants, instructions=instructions, which=which, amounts=nothing,
            lengths=nothing, scales=state_scales(batch.states, people.env, (), nothing, rows), times=POINTS,
            relative=self._tolerances.relative, absolute=self._tolerances.absolute,
            most=self._tolerances.maximum_steps, threads=self._threads,
        )  # fmt: skip
        return np.moveaxis(found.out[:, :, [batch.outputs.index(n) for n in names]], 2, 0)


def _swayed(track: Any) -> Any:
    """Say which rows rested on the way, all of their states, and left again: nothing but rounding errors moved them."""
    before, after, end = track[:, :, :-1], track[:, :, 1:], track[:, :, -1:]
    still = (np.abs(after - before) <= STILL * np.maximum(np.abs(after), np.abs(before))).all(axis=0)
    away = (np.abs(before - end) > AWAY * np.maximum(np.abs(before), np.abs(end))).any(axis=0)
    return (still & away).any(axis=1)


def _chosen_by_rounding(model: Model) -> SimulationError:
    return SimulationError(
        "there is no steady state to start at: the course comes so close to one where small disturbances grow that "
        "rounding errors choose where it goes",
        where=f"'{model.id}'",
        remedy="let initial values say to which side, or start at initial values",
    )


def _near(people: People, track: Any, peak: Any) -> Any:
    """Say which rows are where Newton's method counts."""
    middle, end = track[:, :, POINTS // 2], track[:, :, -1]
    good = np.isfinite(end).all(axis=0) & np.isfinite(middle).all(axis=0)
    middle, end = (np.where(good, y, people.start) for y in (middle, end))
    how = {"start": people.start, "kept": conserved_of(people.side, people.size), "peak": peak}
    rest = polished(people.side, end, **how)
    near = good & (rest.left < CLOSE) & (rest.moved < FAR) & arrived(rest.states, end, peak)
    return near & alike(people.side, rest, middle, end, **how)


def _lengths(people: People) -> Any:
    """Return how long each row is run at first: long beside its slowest time scale, linearised at the start.

    Each has its own, whoever else there is, so that its results are the same alone.
    """
    slopes = rate_slopes(people.side, people.start)
    rates = np.abs(np.linalg.eigvals(np.where(np.isfinite(slopes), slopes, 0.0)))
    least = np.where(rates > 1e-9 * rates.max(axis=1, initial=0.0, keepdims=True), rates, np.inf)
    slowest = least.min(axis=1, initial=np.inf)
    return 10.0 ** np.ceil(np.log10(20.0 / np.where(np.isfinite(slowest) & (slowest > 0), slowest, 1.0)))
