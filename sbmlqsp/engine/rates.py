"""The rates of change of a network, computed from its formulas alone: a second opinion on the engine's.

Nothing here is shared with libRoadRunner or libSBML. A state is an amount for a species that reactions change, and
the value in formulas for what a rate rule changes.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from sbmlqsp.engine.algebraic import refuse_unsolved
from sbmlqsp.engine.initial import dependency_order, initial_state
from sbmlqsp.engine.network import Network, Participant, Symbol
from sbmlqsp.engine.straight_line import as_function
from sbmlqsp.errors import UnsupportedError
from sbmlqsp.expressions import evaluate

__all__ = ["RightHandSide", "rates"]

Formula = Callable[[dict[str, Any], Any], Any]
Step = tuple[str, Formula]


def rates(network: Network, state: Mapping[str, Any], *, time: float = 0.0) -> dict[str, Any]:
    """Return the rate of change of every state.

    Parameters
    ----------
    network : Network
    state : mapping of str to float or ndarray
        Amounts of species that reactions change and values of what rate rules change; the rest is as at time 0.
    time : float
        In the model's unit.

    Returns
    -------
    dict of str to float or ndarray
        Amount per time, or value per time for rate rules.

    Raises
    ------
    UnsupportedError
        An algebraic rule, ``delay`` or ``rateOf`` enters.

    Examples
    --------
    >>> import sbmlqsp as qsp
    >>> model = qsp.read_antimony("model m; species S; S = 10; J: S -> ; k*S; k = 0.1; end")
    >>> float(rates(model.network, {"S": 10.0})["S"])
    -1.0
    """
    side = RightHandSide(network)
    start = side.start()
    rows = [np.asarray(state.get(n, start[i]), dtype=float) for i, n in enumerate(side.names)]
    y = np.array(np.broadcast_arrays(*rows)) if rows else np.empty(0)
    return dict(zip(side.names, side(y, time), strict=True))


class RightHandSide:
    """The function dy/dt = f(y, t) of a network; y has one row per state and any number of further axes.

    Parameters
    ----------
    network : Network
    base : mapping, optional
        The value of every symbol at time 0, from ``initial_state``, so that changed parameters count.
    """

    def __init__(self, network: Network, base: Mapping[str, Any] | None = None) -> None:
        _refuse(network)
        self.network = network
        self.base = dict(initial_state(network) if base is None else base)
        self.reacting = tuple(n for n in network.stoichiometry if not network.symbols[n].constant)
        self.ruled = tuple(network.rate_rules)
        self.names = self.reacting + self.ruled
        self._steps, self._motion = _plan(network)
        self._conserved: Any = None

    def start(self) -> Any:
        """Return the state at time 0."""
        amounts = [self.base[f"amount({n})"] for n in self.reacting]
        return np.array([float(v) for v in (*amounts, *(self.base[n] for n in self.ruled))])

    def values(self, y: Any, time: Any = 0.0) -> dict[str, Any]:
        """Return the value in formulas of every symbol, and the rate of every reaction, at a state."""
        env = dict(self.base)
        for i, name in enumerate(self.reacting):
            env[f"amount({name})"] = y[i]
            if self.network.symbols[name].amount_only:
                env[name] = y[i]
        for i, name in enumerate(self.ruled, start=len(self.reacting)):
            env[name] = y[i]
        with np.errstate(all="ignore"):
            for name, step in self._steps:
                env[name] = step(env, time)
        return env

    def __call__(self, y: Any, time: Any = 0.0) -> Any:
        """Return dy/dt in the shape of y; NaN or infinite, as in IEEE 754, where a rate has no value."""
        # A ratio of two states that are both zero is 0/0; who asks sees the NaN.
        with np.errstate(all="ignore"):
            return self._rates(np.asarray(y, dtype=float), time)

    def _rates(self, y: Any, time: Any) -> Any:
        env = self.values(y, time)
        out = np.zeros_like(y)
        row = {n: i for i, n in enumerate(self.reacting)}
        for reaction in self.network.reactions.values():
            if reaction.law is None:
                continue
            for sign, side in ((-1.0, reaction.reactants), (1.0, reaction.products)):
                for p in side:
                    if p.species in row:
                        out[row[p.species]] += sign * self.share(p, env, time) * env[reaction.id]
        for i, name in enumerate(self.ruled, start=len(self.reacting)):
            out[i] = self._motion[name](env, time)
        return out

    def share(self, p: Participant, env: Mapping[str, Any], time: Any = 0.0) -> Any:
        """Return by how much a reaction changes one that takes part in it, for what ``values`` returned."""
        factor = self.network.symbols[p.species].conversion_factor
        amount = p.stoichiometry if p.formula is None else evaluate(p.formula, env, time=time)
        return amount * env[factor] if factor else amount

    def jacobian(self, y: Any, scale: Any) -> Any:
        """Return df/dy at one state by central differences with steps of a millionth of each state's scale."""
        return self.linearised(y, scale)[1]

    def linearised(self, y: Any, scale: Any) -> tuple[Any, Any]:
        """Return f and df/dy at one state, as ``jacobian`` does; NaN where a rate has no value or no slope there.

        Where a rate has a value on one side of the state alone, its slope is the one to that side.
        """
        y, h = np.asarray(y, dtype=float), 1e-6 * np.asarray(scale, dtype=float)
        n = len(y)
        points = np.concatenate([y[:, None], y[:, None] + np.diag(h), y[:, None] - np.diag(h)], axis=1)
        with np.errstate(all="ignore"):
            f = self(points)
            up, down = f[:, 1 : n + 1], f[:, n + 1 :]
            slopes = (up - down) / (2 * h)
            odd = np.isfinite(up) != np.isfinite(down)
            return f[:, 0], np.where(odd, self._one_sided(y, h, f), slopes) if odd.any() else slopes

    def _one_sided(self, y: Any, h: Any, f: Any) -> Any:
        """Return slopes to the side on which rates have values, as powers of what is zero do; NaN for infinite ones."""
        n, here = len(y), f[:, :1]
        step = h * np.where(np.isfinite(f[:, 1 : n + 1]).all(axis=0), 1.0, -1.0)
        far, near = ((self(y[:, None] + np.diag(s)) - here) / s for s in (step, step / 16))
        return np.where(np.abs(near) > 2 * np.abs(far), np.nan, far)

    def conserved(self) -> Any:
        """Return rows whose product with the state never changes: the moieties that reactions conserve."""
        if self._conserved is None:
            self._conserved = self._moieties()
        return self._conserved

    def _moieties(self) -> Any:
        n, laws = len(self.names), [r.id for r in self.network.reactions.values()]
        table = self.network.stoichiometry
        matrix = np.zeros((len(self.reacting), max(len(laws), 1)))
        for i, name in enumerate(self.reacting):
            factor = self.network.symbols[name].conversion_factor
            cf = float(self.base[factor]) if factor else 1.0
            for reaction, change in table[name].items():
                matrix[i, laws.index(reaction)] = cf * change
        if not np.isfinite(matrix).all():
            return np.empty((0, n))
        u, s, _ = np.linalg.svd(matrix) if len(matrix) else (np.empty((0, 0)), np.empty(0), None)
        rank = int((s > 1e-10 * max(s.max(initial=0.0), 1e-300)).sum())
        rows = np.zeros((len(self.reacting) - rank, n))
        rows[:, : len(self.reacting)] = u[:, rank:].T
        return rows


_PLANNED: tuple[weakref.ref[Network], tuple[list[Step], dict[str, Formula]]] | None = None


def _plan(network: Network) -> tuple[list[Step], dict[str, Formula]]:
    """Return how to compute every symbol that may move, each after what it needs, and what rules say of rates.

    Kept for the last network.
    """
    global _PLANNED  # noqa: PLW0603
    kept = _PLANNED
    if kept is not None and kept[0]() is network:
        return kept[1]
    needs: dict[str, frozenset[str]] = {}
    how: dict[str, Formula] = {}
    for name, rule in network.assignment_rules.items():
        needs[name], how[name] = rule.symbols(), as_function(rule)
    for name, reaction in network.reactions.items():
        if reaction.law is not None:
            needs[name], how[name] = reaction.law.symbols(), as_function(reaction.law)
    for s in network.species:
        if s.id not in how and s.id not in network.rate_rules and not s.amount_only:
            needs[s.id], how[s.id] = frozenset({s.compartment}), _concentration(s)
    steps = [(n, how[n]) for n in dependency_order(needs)]
    plan = steps, {name: as_function(rule) for name, rule in network.rate_rules.items()}
    _PLANNED = weakref.ref(network), plan
    return plan


def _concentration(s: Symbol) -> Formula:
    return lambda env, _: np.divide(env[f"amount({s.id})"], env[s.compartment])


def _refuse(network: Network) -> None:
    refuse_unsolved(network)
    for role, name, expr in network.formulas():
        if role in {"assignment rule", "rate rule", "kinetic law", "stoichiometry"} and expr.has("delay", "rateOf"):
            raise UnsupportedError(
                f"the {role} of '{name}' uses delay() or rateOf(), which has no value at one instant"
            )
