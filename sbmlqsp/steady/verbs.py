"""The verb ``steady_state``, for one set of changes or for many side by side."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from sbmlqsp.engine.initial import initial_state
from sbmlqsp.engine.libsbml_watched import Watched, watched
from sbmlqsp.engine.network import Network
from sbmlqsp.engine.rates import RightHandSide
from sbmlqsp.engine.roadrunner import quiet
from sbmlqsp.engine.tolerances import Tolerances
from sbmlqsp.errors import ExperimentError, ModelError, SimulationError, UnsupportedError
from sbmlqsp.execution import run_arm
from sbmlqsp.experiment import Experiment
from sbmlqsp.expressions import to_infix
from sbmlqsp.model import Model, dotted
from sbmlqsp.observation import Observable
from sbmlqsp.steady.search import POINTS, Asking, Search, Simulation, Track, timed
from sbmlqsp.steady.state import SteadyState
from sbmlqsp.subjects import Subjects

__all__ = ["refuse_time", "steady_state", "steady_states"]

FIRST_LOOK, LOOKS, CLOSE_LOOKS = 1e-12, 360, 8000
"""At which part of a course events are looked at first, how often until its end, and how often where one is near."""


def steady_state(
    model: Model,
    *,
    changes: Mapping[str, float | str] | None = None,
    tolerances: Tolerances | None = None,
    horizon: float | None = None,
) -> SteadyState:
    """Find the steady state that a model reaches from its initial state.

    Parameters
    ----------
    model : Model
    changes : mapping of str to float or str, optional
        New values by symbol path, as in ``Experiment``.
    tolerances : Tolerances, optional
        Error control of the simulations.
    horizon : float, optional
        The longest time to simulate, in the model's unit; by default from the model's own time scales.

    Returns
    -------
    SteadyState
        Verified twice: the rates, computed apart from the engine, vanish, and a simulation from the state stays there.

    Raises
    ------
    UnsupportedError
        A rate depends on time, so that there is no steady state.
    SimulationError
        The model oscillates, grows without bound, fires an event on the way, or has not settled by the horizon.

    Examples
    --------
    >>> import sbmlqsp as qsp
    >>> model = qsp.read_antimony("model m; species R; J: -> R; ksyn - kdeg*R; ksyn = 2; kdeg = 0.5; end")
    >>> round(float(steady_state(model).values["R"]), 9)
    4.0
    """
    if horizon is not None and not (np.isfinite(horizon) and horizon > 0):
        raise ExperimentError("the horizon is not a positive time", value=horizon)
    [found] = _find(model, [dict(changes or {})], tolerances or Tolerances(), horizon, model.network)
    if isinstance(found, SteadyState):
        return found
    raise found


def steady_states(
    model: Model,
    changes: Iterable[Mapping[str, float | str]],
    *,
    tolerances: Tolerances | None = None,
    integrals: bool = True,
) -> list[SteadyState | SimulationError | ModelError]:
    """Find the steady states under several changes, each as ``steady_state`` does, with their simulations run together.

    Parameters
    ----------
    model : Model
    changes : iterable of mappings
        All of the same symbols.
    tolerances : Tolerances, optional
        Error control of the simulations.

    Returns
    -------
    list of SteadyState or error
        In the order of the changes; an error says why there is none.

    Raises
    ------
    UnsupportedError
        A rate depends on time, so that there is no steady state.

    Examples
    --------
    >>> import sbmlqsp as qsp
    >>> model = qsp.read_antimony("model m; species R; J: -> R; ksyn - kdeg*R; ksyn = 2; kdeg = 0.5; end")
    >>> found = steady_states(model, [{"ksyn": 1.0}, {"ksyn": 4.0}])
    >>> [round(float(f.values["R"]), 9) for f in found]
    [2.0, 8.0]
    """
    network = model.network if integrals else model.network.without_integrals
    return _find(model, [dict(c) for c in changes], tolerances or Tolerances(), None, network)


def _find(
    model: Model,
    changes: Sequence[dict[str, float | str]],
    tolerances: Tolerances,
    horizon: float | None,
    network: Network,
) -> list[SteadyState | SimulationError | ModelError]:
    """Let the searches go on side by side: those that wait for simulations of about one length get them together."""
    refuse_time(model.network)
    # Its events only tell whether they would have fired: what they do might hide it.
    sbml, watches = watched(model.sbml, model.network) if model.network.events else (model.sbml, ())
    run = model.rewritten(sbml) if watches else model
    found: list[SteadyState | SimulationError | ModelError | None] = [None] * len(changes)
    waiting: dict[int, tuple[Asking[SteadyState], Simulation]] = {}

    def go_on(i: int, asking: Asking[SteadyState], answer: Track | SimulationError | None) -> None:
        try:
            asked = asking.throw(answer) if isinstance(answer, SimulationError) else asking.send(answer)
            # Of about one length they are run together, and none depends on which others there are.
            waiting[i] = asking, replace(asked, time=_rounded(asked.time)) if horizon is None else asked
        except StopIteration as end:
            found[i] = end.value
        except (SimulationError, ModelError) as err:
            found[i] = err

    overrides = [Experiment(model, times=[0.0], changes=c, observables=()).overrides for c in changes]
    for i, (own, base) in enumerate(zip(overrides, _bases(model.network, overrides), strict=True)):
        go_on(i, Search(model, network, own, base).find(horizon), None)
    while waiting:
        for group in _alike({i: simulation for i, (_, simulation) in waiting.items()}):
            asked = [waiting.pop(i) for i in group]
            answers = _simulated(run, network, watches, [simulation for _, simulation in asked], tolerances=tolerances)
            for i, (asking, _), answer in zip(group, asked, answers, strict=True):
                go_on(i, asking, answer)
    return [f for f in found if f is not None]


def _bases(network: Network, overrides: Sequence[Mapping[str, float]]) -> list[dict[str, Any]]:
    """Return every symbol's value at time 0 under several overrides of the same symbols."""
    if len(overrides) == 1:
        return [initial_state(network, overrides[0])]
    env = initial_state(network, {k: np.array([o[k] for o in overrides]) for k in overrides[0]})
    lists = {k: v.tolist() for k, v in env.items() if np.ndim(v)}
    return [{**env, **{k: v[i] for k, v in lists.items()}} for i in range(len(overrides))]


def _rounded(time: float) -> float:
    """Return the next power of two."""
    return float(2.0 ** np.ceil(np.log2(time))) if time > 0 else time


def _alike(waiting: Mapping[int, Simulation]) -> list[list[int]]:
    """Return which simulations can be run together: those of the same symbols and of one length."""
    groups: list[list[int]] = []
    for i in sorted(waiting, key=lambda i: (sorted(waiting[i].changes), waiting[i].time)):
        first, own = waiting[groups[-1][0]] if groups else None, waiting[i]
        alike = first is not None and own.time == first.time and own.closely == first.closely
        if alike and first is not None and own.changes.keys() == first.changes.keys():
            groups[-1].append(i)
        else:
            groups.append([i])
    return groups


def _simulated(
    model: Model,
    network: Network,
    watches: Sequence[Watched],
    asked: Sequence[Simulation],
    *,
    tolerances: Tolerances,
) -> list[Track | SimulationError]:
    """Run on the compiled engine."""
    side = RightHandSide(network)
    times, seen = _times(asked[0], bool(watches))
    formulas = [f"amount({dotted(n)})" for n in side.reacting] + [dotted(n) for n in side.ruled]
    noted = [n for w in watches for n in (w.fired, w.came, w.left, w.back)]
    columns = {k: [a.changes[k] for a in asked] for k in asked[0].changes}
    shared = {k: v[0] for k, v in columns.items() if all(x == v[0] for x in v)}
    own = {k: np.array(v, dtype=float) for k, v in columns.items() if k not in shared}
    experiment = Experiment(
        model, times=times, changes=shared, observables=tuple(map(Observable, [*formulas, *noted])), id="steady"
    )
    with quiet():
        result = run_arm(experiment, Subjects(tuple(range(len(asked))), None, own), tolerances=tolerances)
    names = list(side.reacting) + [_column(model.network, n) for n in side.ruled]
    tracks: list[Track | SimulationError] = []
    for i, message in enumerate(result.messages):
        failed = SimulationError(
            f"the approach to a steady state failed: {message}",
            where=f"'{model.id}'",
            remedy="check whether the model grows without bound, and its parameters",
        )
        states = np.array([result.columns[c][i] for c in names])
        events = {w.event: _noted(w, {n: float(result.columns[n][i][-1]) for n in noted}, times[-1]) for w in watches}
        tracks.append(failed if result.status[i] else Track(times[seen], states[:, seen], events))
    return tracks


def _times(asked: Simulation, eventful: bool) -> tuple[Any, Any]:
    """Return output times, at each of which the engine looks at events as well, and which of them a track has."""
    times = np.linspace(0.0, asked.time, POINTS + 1)
    more = [asked.time * np.geomspace(FIRST_LOOK, 1.0, LOOKS)] if eventful else []
    for came, left in asked.closely:
        more += [
            np.linspace(came, left, CLOSE_LOOKS),
            came + (left - came) * np.geomspace(FIRST_LOOK, 1.0, CLOSE_LOOKS),
        ]
    every = np.unique(np.minimum(np.concatenate([times, *more]), asked.time))
    return every, np.searchsorted(every, times)


def _noted(w: Watched, notes: Mapping[str, float], end: float) -> tuple[float, float, float]:
    left, came = notes[w.left], notes[w.came]
    return notes[w.fired], came, left if left >= max(came, notes[w.back]) else end


def _column(network: Network, name: str) -> str:
    s = network.symbols[name]
    return f"[{name}]" if s.kind == "species" and not s.amount_only else name


def refuse_time(network: Network) -> None:
    """Refuse a model whose rates depend on time.

    Raises
    ------
    UnsupportedError
        There is no steady state; which rate.
    """
    moving = timed(network)
    for role, name, expr in network.formulas():
        if role.startswith("initial"):
            continue
        fed = expr.has("time") or bool(expr.symbols() & moving)
        if fed and (role in {"rate rule", "kinetic law", "stoichiometry"} or role.startswith("event")):
            raise UnsupportedError(
                f"the {role} of '{dotted(name)}' depends on time ({to_infix(expr)}), so there is no steady state",
                remedy="fix the input that varies, or simulate over a whole cycle",
            )
