"""Which states grow out of themselves, as cells, viruses and tumours do: after a nadir these regrow from what is left.

What an integrator leaves of such a state where it is nearly nothing decides all that follows, so its error must be a
share of itself however small it is, while that of a drug that is gone may be a share of the dose. Found from the signs
of the rates at some points: a state feeds another where a rate that it raises makes the other; those that feed each
other grow, unless some measure of them all (their molecules, say) never rises by what is there of any of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from sbmlqsp.engine.initial import initial_state
from sbmlqsp.engine.network import Network
from sbmlqsp.engine.rates import RightHandSide
from sbmlqsp.errors import UnsupportedError
from sbmlqsp.expressions import evaluate

__all__ = ["DEEP", "growing", "shares"]

DEEP = 1e-120
"""What the error of a state that grows out of itself may be where it is zero, as a share of its scale; its square and
that of one over it are still numbers, which libRoadRunner asks for."""
PARAMETERS, POINTS = 6, 2
"""At how many values of the parameters, and of the states at each, rates are looked at: without rate rules, which sum
up gain and loss, at the first two, the model's own and such of which none is zero."""
MOST = 1000
"""In how many states at most growth is looked for: what is kept meanwhile grows with their square."""
MANY = 60
"""From how many states on those that feed each other are taken to grow where the plain measure rises."""
NUDGE = 1e-4
"""By what part of itself a state is changed to see what it raises."""


def shares(states: Sequence[str], absolute: float, *, usual: float, deep: frozenset[str]) -> Any:
    """Return by state what its error may be where it is zero, as a share of its scale.

    Parameters
    ----------
    states : sequence of str
    absolute : float
        The share that was asked for; one larger than ``usual`` is taken at its word.
    usual : float
    deep : frozenset of str
        What grows out of itself.
    """
    return np.array([min(absolute, DEEP) if s in deep and absolute <= usual else absolute for s in states])


def growing(network: Network) -> frozenset[str]:
    """Return the states that grow out of themselves, or out of each other, at some values of the parameters.

    Examples
    --------
    >>> import sbmlqsp as qsp
    >>> tumour = qsp.read_antimony("model m; T = 1; C = 1; T' = g*T - k*C*T; C' = -e*C; g = 1; k = 1; e = 1; end")
    >>> sorted(growing(tumour.network))
    ['T']
    """
    if len(network.dynamic) > MOST:
        return frozenset()
    try:
        with np.errstate(all="ignore"):
            sides = _sides(network)
            slopes = np.concatenate([_slopes(side, k) for k, side in enumerate(sides)])
    except UnsupportedError:
        return frozenset()
    names = sides[0].names
    reached = (slopes > 0).any(axis=0) | np.eye(len(names), dtype=bool)
    for _ in range(max(len(names) - 1, 1).bit_length()):
        reached = (reached.astype(np.float32) @ reached.astype(np.float32)) > 0
    together, found = reached & reached.T, set[str]()
    for k in sorted(set(together.argmax(axis=1).tolist())) if names else []:
        own = np.flatnonzero(together[k])
        if any(_grow(s) for s in slopes[:, own[:, None], own]):
            found.update(names[i] for i in own)
    return frozenset(found)


def _spread(count: int, seed: int) -> Any:
    """Return numbers all over 0 to 1, the same each time."""
    return np.modf((1.0 + np.arange(count)) * math.sqrt(2.0) + (1.0 + seed) * math.sqrt(3.0))[0]


def _sides(network: Network) -> list[RightHandSide]:
    """Return the equations at several values of the parameters."""
    computed = {*network.assignment_rules, *network.initial_assignments}
    plain = {p.id: p.value for p in network.parameters if p.id in network.static - computed}
    sides = []
    for k in range(PARAMETERS if network.rate_rules else 2):
        factors = 10.0 ** (2.0 * _spread(len(plain), k) - 1.0)
        given = {n: v * f if v else k % 2 for (n, v), f in zip(plain.items(), factors.tolist(), strict=True) if k}
        sides.append(RightHandSide(network, initial_state(network, given)))
    return sides


def _points(side: RightHandSide, seed: int) -> Any:
    """Return states to look at, of shape (states, points)."""
    size = np.abs(side.start())
    size = np.where(np.isfinite(size) & (size > 0), size, size[np.isfinite(size) & (size > 0)].min(initial=1.0))
    return size[:, None] * 10.0 ** (6.0 * _spread(len(size) * POINTS, seed).reshape(-1, POINTS) - 4.0)


def _slopes(side: RightHandSide, seed: int) -> Any:
    """Return by how much each state raises what is made of each, of shape (points, made, raising).

    What is made of another state counts where there is none of it yet: a loss that is held up makes nothing of nothing.
    """
    n = len(side.names)
    y = _points(side, seed)
    step = (NUDGE * y).T
    nudged = np.repeat(y[:, :, None], n + 1, axis=2)  # (states, points, as they are and one state changed each)
    nudged[np.arange(n), :, np.arange(1, n + 1)] += step.T
    env = side.values(nudged)
    made = np.zeros((POINTS, n, n))
    for formula, changes in _channels(side, env):
        rises = {i: _rise(formula(_without(env, side.names[i])), step) for i in changes}
        rise = _rise(formula(env), step)
        for j in np.flatnonzero((rise != 0).any(axis=0)).tolist():
            _add(made, j, rise[:, j], {i: r[:, j] for i, r in rises.items() if i != j}, changes)
    return made


def _rise(values: Any, step: Any) -> Any:
    """Return by how much each state raises a rate, of shape (points, raising)."""
    values = np.broadcast_to(np.asarray(values, dtype=float), (len(step), step.shape[1] + 1))
    rise = (values[:, 1:] - values[:, :1]) / step
    slack = 1e-9 * np.abs(values[:, :1]) / step  # what rounding makes of a difference
    return np.where(np.isfinite(rise) & (np.abs(rise) > slack), rise, 0.0)


def _without(env: dict[str, Any], name: str) -> dict[str, Any]:
    return env | dict.fromkeys((name, f"amount({name})"), 0.0)


def _channels(side: RightHandSide, env: dict[str, Any]) -> Iterator[tuple[Callable[[Any], Any], dict[int, float]]]:
    """Yield what computes a rate, and by state what it changes."""
    network, place = side.network, {n: i for i, n in enumerate(side.names)}
    for reaction in network.reactions.values():
        if reaction.law is None:
            continue
        changes = dict.fromkeys((p.species for p in (*reaction.reactants, *reaction.products)), 0.0)
        for sign, participants in ((-1.0, reaction.reactants), (1.0, reaction.products)):
            for p in participants:
                changes[p.species] += sign * float(np.max(side.share(p, env)))
        yield partial(evaluate, reaction.law, time=0.0), {place[s]: c for s, c in changes.items() if s in place and c}
    for name in side.ruled:
        yield partial(evaluate, network.rate_rules[name], time=0.0), {place[name]: 1.0}


def _add(made: Any, j: int, own: Any, rises: dict[int, Any], changes: dict[int, float]) -> None:
    """Add what a state makes of others by one rate, and what of itself.

    What is taken from it and goes to several others counts as one: a complex falls apart into two that were two before.
    What is lost is not set against what another rate makes, since a subject's own parameters may turn the balance.
    """
    gains = {i: np.maximum(changes[i] * rise, 0.0) for i, rise in rises.items()}
    gains = {i: gain for i, gain in gains.items() if gain.any()}
    change = changes.get(j, 0.0)
    if gains and (change * own < 0).any():
        for i, gain in gains.items():
            made[:, i, j] += gain / len(gains)
            made[:, j, j] += np.minimum(change * rises[i], 0.0) / len(gains)
        return
    if change > 0:
        made[:, j, j] += change * own
    for i, gain in gains.items():
        made[:, i, j] += gain


def _grow(slopes: Any) -> bool:
    """Return whether states that feed each other grow, for slopes of shape (states, states)."""
    slack = 1e-6 * np.abs(slopes).max(initial=0.0)
    if (slopes.sum(axis=0) <= slack).all():
        return False
    # Else another measure may fall: a sum of concentrations, each times its compartment's size.
    return len(slopes) > MANY or len(slopes) == 1 or float(np.linalg.eigvals(slopes).real.max()) > slack
