"""The search for one steady state: how long to simulate, Newton's method, and the two verifications."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar

import numpy as np

from sbmlqsp.engine.hidden_flows import HIDDEN, hidden
from sbmlqsp.engine.network import Event, Network
from sbmlqsp.engine.rate_slopes import rate_slopes
from sbmlqsp.engine.rates import RightHandSide
from sbmlqsp.errors import SimulationError, UnsupportedError
from sbmlqsp.expressions import evaluate, to_infix
from sbmlqsp.model import Model, dotted
from sbmlqsp.steady.rest import alike, arrived, eigenvalues, polished, slopes_felt
from sbmlqsp.steady.state import SteadyState, changes_at

__all__ = ["POINTS", "Asking", "Search", "Simulation", "Track", "timed"]

T = TypeVar("T")

SETTLED = 1e-7  # relative distance from the steady state that counts as there
POLISH = 0.05  # how far, relatively, Newton may move from where the simulation came to
POINTS = 240
HORIZONS = 6
ROUGH = 1e-5
"""Below what part of the largest singular value differences tell no slope from none."""


@dataclass(frozen=True)
class Simulation:
    """A course that a search needs: changes by symbol, how long, and between which times to look more closely."""

    changes: Mapping[str, float | str]
    time: float
    closely: tuple[tuple[float, float], ...] = ()


Asking: TypeAlias = "Generator[Simulation, Track | None, T]"


@dataclass
class Track:
    """A simulated course: states in rows; by event when it would have fired, and from when to when it was near to it.

    What did not happen has a time before 0.
    """

    times: Any
    states: Any
    events: Mapping[str, tuple[float, float, float]] = field(default_factory=dict)

    @property
    def end(self) -> Any:
        """The last state."""
        return self.states[:, -1]

    @property
    def peak(self) -> Any:
        """The largest absolute value of each state."""
        return np.abs(self.states).max(axis=1)


class Search:
    """The search for one steady state, as generators that ask for the simulations they need.

    The network is that of the model, or the same without what need not come to rest.
    """

    def __init__(self, model: Model, network: Network, changes: Mapping[str, float], base: Mapping[str, Any]) -> None:
        self.model, self.network, self.changes = model, network, changes
        self.side = RightHandSide(self.network, base)
        self.names = self.side.names
        self.start = self.side.start()
        self._doubt = ""

    def find(self, horizon: float | None) -> Asking[SteadyState]:
        """Return the steady state that the model reaches from its start, or refuse."""
        if not self.names:
            return self._result(
                self.start, "simulation", residual=0.0, time=0.0, stable=None, message="the model has no states"
            )
        scale = self._time_scale()
        longest = horizon if horizon is not None else scale * 10.0**HORIZONS
        time = min(longest, 20.0 * scale)
        waves = 0
        track: Track | None = None
        while True:
            track = yield from self._course(time, track)
            y, moved, residual = self._polish(track)
            y, moved, residual = self._among_many(y, track, moved, residual)
            if residual < SETTLED and moved < POLISH and arrived(y, track.end, track.peak):
                self._refuse_events_at(y, track)
                self._refuse_hidden(y)
                return (yield from self._verified(y, track, moved, residual))
            waves = waves + 1 if _oscillates(track) else 0
            if time >= longest and not waves and horizon is None:
                # Where binding is very fast, the slowest time scale shows only once it has come to its equilibrium.
                longest = max(longest, self._longest(track, time))
            if waves >= 2 or time >= longest:
                raise self._failure(track, bool(waves), asked=horizon is not None)
            time = min(longest, 10.0 * time)

    # -------------------------------------------------------------------------------------------------- simulating
    def _course(self, time: float, before: Track | None) -> Asking[Track]:
        try:
            return (yield from self._simulated(self.changes, time))
        except SimulationError as err:
            growing = before is not None and self._growing(before)
            if before is None or not growing or "event" in err.what:
                raise
            raise SimulationError(f"the model grows without bound: {growing}; {err.what}", where=err.where) from None

    def _growing(self, track: Track) -> str:
        half, last = np.abs(track.states[:, POINTS // 2]), np.abs(track.end)
        return ", ".join(dotted(self.names[i]) for i in np.flatnonzero(last > 1.5 * half)[:6])

    def _simulated(self, changes: Mapping[str, float | str], time: float) -> Asking[Track]:
        """Ask for a course; refuse if an event fires on it."""
        track = yield Simulation(changes, time)
        assert track is not None
        self._refuse_events(track)
        near = tuple((came, left) for _, came, left in track.events.values() if came >= 0)
        if near:
            again = yield Simulation(changes, time, near)
            assert again is not None
            self._refuse_events(again)
        return track

    def _refuse_events(self, track: Track) -> None:
        for event in self.network.events:
            on, at = self._holds(event, track.states), track.events[event.id][0]
            before = np.concatenate([[event.initial_value], on[:-1]])
            if at < 0 and (on & ~before).any():
                at = float(track.times[int(np.argmax(on & ~before))])
            if at >= 0:
                raise self._fires(event, f"by time {at:g}")

    def _refuse_events_at(self, y: Any, track: Track) -> None:
        """Refuse if an event fires on what is left of the way."""
        for event in self.network.events:
            before, after = self._holds(event, np.stack([track.end, y], axis=1))
            if after and not before:
                raise self._fires(event, "as it comes to rest")

    def _refuse_hidden(self, y: Any) -> None:
        """Refuse where the rates vanish only because rounding errors hide what still flows."""
        name = hidden(self.side, y)
        if name:
            raise SimulationError(
                HIDDEN.format(dotted(name)), where=f"'{self.model.id}'",
                remedy="let the fast reactions be less fast, or write their equilibrium as an assignment rule",
            )  # fmt: skip

    def _holds(self, event: Event, states: Any) -> Any:
        """Return whether the trigger of an event holds, by state."""
        on = np.asarray(evaluate(event.trigger, self.side.values(states)), dtype=bool)
        return np.broadcast_to(on, states.shape[1:])

    def _fires(self, event: Event, when: str) -> SimulationError:
        return SimulationError(
            f"the event '{event.id}' fires on the way, {when}: {to_infix(event.trigger)}",
            where=f"'{self.model.id}'",
            remedy="change the model so that the event stays off, or simulate instead",
        )

    def _longest(self, track: Track, time: float) -> float:
        """Return how long to simulate at most, from the linearised model where a simulation came to."""
        return min(50.0 * self._time_scale(track.end, least=1e-14), 1e8 * time)

    def _time_scale(self, y: Any = None, least: float = 1e-9) -> float:
        """Return a guess of the slowest time scale, from the linearised model at a state, by default the start."""
        y = self.start if y is None else y
        scale = np.where(y != 0, np.abs(y), self._least(np.abs(y)))
        rates = np.abs(np.linalg.eigvals(_finite(self._slopes(y, scale) * scale / scale[:, None])))
        real = rates[rates > least * max(rates.max(initial=0.0), 1e-300)]
        return float(1.0 / real.min()) if len(real) else 1.0

    def _slopes(self, y: Any, scale: Any) -> Any:
        """Return df/dy at a state: exactly, since differences hide what is slow, where functions have derivatives."""
        try:
            exact = self._felt(y, rate_slopes(self.side, y[:, None])[0])
        except UnsupportedError:
            return self._felt(y, self.side.jacobian(y, scale))
        return exact if np.isfinite(exact).all() else self._felt(y, self.side.jacobian(y, scale))

    def _felt(self, y: Any, matrix: Any) -> Any:
        try:
            return slopes_felt(self.side, y[:, None], matrix[None])[0]
        except UnsupportedError:  # a function without a derivative
            return matrix

    @staticmethod
    def _least(sizes: Any) -> float:
        positive = sizes[sizes > 0]
        return float(positive.min()) if len(positive) else 1.0

    # -------------------------------------------------------------------------------------------------- polishing
    def _scale(self, y: Any, peak: Any) -> Any:
        scale = np.maximum(np.abs(y), 1e-9 * peak)
        return np.where(scale > 0, scale, self._least(scale))

    def _polish(self, track: Track) -> tuple[Any, float, float]:
        """Return the state after damped Newton steps, how far that is from the simulation's end, and what is left."""
        y = track.end.copy()
        scale = self._scale(y, track.peak)
        step, size = self._newton(y, scale)
        for _ in range(25):
            if size < 1e-14 or not np.isfinite(size):
                break
            damping = min(1.0, 0.5 / size)
            trial = y + damping * step
            further, left = self._newton(trial, scale)
            if not left < size:
                break
            y, step, size = trial, further, left
        moved = float(np.abs((y - track.end) / scale).max())
        # What is left of what has died out, or of an amount its rounding errors, is nothing; so is what never was.
        gone = (np.abs(y) < 1e-20 * track.peak) | (track.peak == 0)
        reacting = np.arange(len(y)) < len(self.side.reacting)
        return np.where(gone | (reacting & (y < 0) & (y > -1e-9 * scale)), 0.0, y), moved, size

    def _among_many(self, y: Any, track: Track, moved: float, residual: float) -> tuple[Any, float, float]:
        """Return what polishing does, and where rests lie next to each other the one that the course goes to.

        While that cannot be said what is left is infinite.
        """
        if not (residual < SETTLED and moved < POLISH) or self._alone(y, track):
            return y, moved, residual
        middle, end = track.states[:, POINTS // 2, None], track.end[:, None]
        how = {"start": self.start[:, None], "kept": self.side.conserved()[None], "peak": track.peak[:, None]}
        try:
            rest = polished(self.side, end, **how)
        except UnsupportedError:  # a function without a derivative
            return y, moved, residual
        if not np.isfinite(rest.left[0]):
            return y, moved, residual
        sure = bool(alike(self.side, rest, middle, end, **how)[0])
        self._doubt = "" if sure else "; which of many steady states next to each other it comes to, the way decides"
        return rest.states[:, 0], float(rest.moved[0]), float(rest.left[0]) if sure else np.inf

    def _alone(self, y: Any, track: Track) -> bool:
        """Say whether no other rest can lie next to one, as far as differences tell, which cost least."""
        scale = self._scale(y, track.peak)
        matrix = self._felt(y, self.side.jacobian(y, scale)) * scale
        weight = np.abs(matrix).max(axis=1, initial=0.0, keepdims=True)
        if not (np.isfinite(matrix).all() and (weight > 0).all()):
            return False
        sizes = np.linalg.svd(matrix / weight, compute_uv=False)
        return int((sizes <= ROUGH * sizes.max(initial=0.0)).sum()) <= len(self.side.conserved())

    def _newton(self, y: Any, scale: Any) -> tuple[Any, float]:
        """Return the Newton step that keeps conserved moieties, and its relative size.

        The size is infinite where no step makes the rates vanish.
        """
        f, matrix = self.side.linearised(y, scale)
        matrix = self._felt(y, matrix) * scale
        if not (np.isfinite(f).all() and np.isfinite(matrix).all()):
            return np.zeros_like(y), np.inf
        keep = self.side.conserved() * scale
        rows = np.concatenate([matrix, keep])
        target = np.concatenate([-f, self.side.conserved() @ (self.start - y)])
        weight = np.abs(rows).max(axis=1)
        weight = np.where(weight > 0, weight, 1.0)
        step, *_ = np.linalg.lstsq(rows / weight[:, None], target / weight, rcond=1e-12)
        missed = np.abs(rows @ step - target) / weight
        size = float(np.abs(step).max())
        # A rate that no step can bring to zero is growth or loss without end.
        return step * scale, size if (missed <= 0.5 * SETTLED).all() else np.inf

    # -------------------------------------------------------------------------------------------------- verifying
    def _verified(self, y: Any, track: Track, moved: float, residual: float) -> Asking[SteadyState]:
        stable, slowest = self._stability(y, self._scale(y, track.peak))
        span = float(min(10.0 * slowest, max(track.times[-1], slowest)))
        again = yield from self._simulated(changes_at(self.side, y), span)
        drift = np.abs(again.states - y[:, None]).max(axis=1) / self._scale(y, track.peak)
        if drift.max() > 1e-5 and stable is not False:
            name = dotted(self.names[int(drift.argmax())])
            raise SimulationError(
                f"a simulation from the supposed steady state moves away from it: '{name}' by {drift.max():.1e}",
                where=f"'{self.model.id}'",
                remedy="simulate longer with horizon=, or with tighter tolerances",
            )
        notes = {False: "small disturbances grow: the model rests here only because it starts here", True: "", None: ""}
        method = "Newton after simulation" if moved > 0 else "simulation"
        return self._result(
            y, method, residual=residual, time=float(track.times[-1]), stable=stable, message=notes[stable]
        )

    def _stability(self, y: Any, scale: Any) -> tuple[bool | None, float]:
        found, noises = eigenvalues(self._slopes(y, scale) * scale / scale[:, None])
        order = np.argsort(np.abs(found))[len(self.side.conserved()) :]
        found, noises = found[order], noises[order]
        largest = float(np.abs(found).max(initial=0.0))
        noise = 1e-8 * largest
        if not len(found) or largest == 0.0:
            return None, self._time_scale()
        slow = np.abs(found)[np.abs(found) > noise]
        slowest = float(1.0 / slow.min())
        if (found.real > np.minimum(noise, noises)).any():
            return False, slowest
        return (True if (found.real < -noise).all() else None), slowest

    # -------------------------------------------------------------------------------------------------- reporting
    def _failure(self, track: Track, waves: bool, *, asked: bool) -> SimulationError:
        growing = self._growing(track)
        where = f"'{self.model.id}' by time {track.times[-1]:g}"
        if waves:
            return SimulationError(
                "the model oscillates, so it has no steady state that it reaches",
                where=where,
                remedy="simulate over whole cycles instead",
            )
        if growing and not asked:
            return SimulationError(
                f"the model grows without bound: {growing}", where=where, remedy="give what grows a loss, or simulate"
            )
        return SimulationError(
            "the model has not come to rest" + (f"; still growing: {growing}" if growing else self._doubt),
            where=where,
            remedy="simulate longer with horizon=, or look at the course",
        )

    def _result(
        self, y: Any, method: str, *, residual: float, time: float, stable: bool | None, message: str
    ) -> SteadyState:
        import pandas as pd

        env = self.side.values(y)
        shown = [s for s in self.network.symbols.values() if s.kind != "stoichiometry"]
        moving = timed(self.network)
        data = {dotted(s.id): np.nan if s.id in moving else float(env[s.id]) for s in shown}
        values = pd.Series(data, name="steady state", dtype=float)
        values.attrs["units"] = {dotted(s.id): s.unit.label if s.unit is not None else "" for s in shown}
        return SteadyState(values, method, residual, time, stable, message)


def _oscillates(track: Track) -> bool:
    """Say whether some state swings in the last half of a course without dying out."""
    half = track.states[:, POINTS // 2 :]
    middle = half.shape[1] // 2
    size = np.maximum(np.abs(half).max(axis=1), 1e-300)
    spans = [np.ptp(part, axis=1) / size for part in (half[:, :middle], half[:, middle:])]
    turns = (np.diff(np.sign(np.diff(half, axis=1)), axis=1) != 0).sum(axis=1)
    return bool(((spans[1] > 1e-3) & (spans[1] > 0.5 * spans[0]) & (turns >= 4)).any())


def _finite(matrix: Any) -> Any:
    return matrix if np.isfinite(matrix).all() else np.zeros_like(matrix)


def timed(network: Network) -> set[str]:
    """Return the variables that are, directly or through others, functions of time."""
    timed = {k for k, v in network.assignment_rules.items() if v.has("time")}
    while True:
        more = {k for k, v in network.assignment_rules.items() if v.symbols() & timed} - timed
        if not more:
            return timed
        timed |= more
