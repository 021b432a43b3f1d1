"""Which states grow out of themselves, as cells, viruses and tumours do: after a nadir these regrow from what is left.

What an integrator leaves of such a state where it is nearly nothing decides all that follows, so its error must be a
share of itself however small it is, while that of a drug that is gone may be a share of the dose. Found from the signs
of the rates, and of what events change, at some points: a state feeds another where a rate that it raises makes the
other; those that feed each other grow, unless some measure of them all (their molecules, say) never rises by what is
there of any of them.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import numpy as np

from sbmlqsp.engine.growth_cycles import MANY, Column, grown, spread, together
from sbmlqsp.engine.initial import initial_state, rate_of
from sbmlqsp.engine.network import Network, Participant, Reaction
from sbmlqsp.engine.rates import RightHandSide
from sbmlqsp.errors import UnsupportedError
from sbmlqsp.expressions import RELATIONS, Expr, evaluate, num

__all__ = ["DEEP", "growing", "shares"]

DEEP = 1e-120
"""What the error of a state that grows out of itself may be where it is zero, as a share of its scale; its square and
that of one over it are still numbers, which libRoadRunner asks for."""
PARAMETERS, POINTS = 6, 3
"""At how many values of the parameters, and of the states at each, rates are looked at: without rate rules, which sum
up gain and loss, and numbers of molecules that may change, at the first two, the model's own and such of which none is
zero."""
REGIMES = 8
"""How many ways that conditions may turn out are looked at besides how they do."""
MOST = 1000
"""In how many states at most growth is looked for: what is kept meanwhile grows with their square."""
NUDGE = 1e-3
"""By what part of itself a state is changed to see what it raises."""
GIVEN = frozenset({"parameter", "stoichiometry", "species"})
LOGIC = frozenset({"and", "or", "xor", "not", "implies", *RELATIONS})


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
            names = sides[0].names
            every = range(len(names))
            feeds, *rest = _first_look((_Look(side, k, every) for k, side in enumerate(sides)), len(names))
            sets = [own for own in together(feeds) if _doubtful(own, *rest)]
            found = {own[i] for own in sets for i in grown(_columns(sides, own), range(len(own)))}
    except UnsupportedError:
        return frozenset()
    return frozenset(names[i] for i in found) & (network.stoichiometry.keys() | network.rate_rules.keys())


# -------------------------------------------------------------------------------------------------- where to look
def _sides(network: Network) -> list[RightHandSide]:
    """Return the equations at several values of the parameters, and as conditions in them may turn out."""
    computed = {*network.assignment_rules, *network.initial_assignments}
    plain = {s.id: s.value for s in network.symbols.values() if s.id in network.static - computed and s.kind in GIVEN}
    many = bool(network.rate_rules) or any(p.formula or p.id for r in network.reactions.values() for p in r.products)
    bases = [initial_state(network, _given(plain, k)) for k in range(PARAMETERS if many else 2)]
    forms = [_with_what_events_change(_mapped(network, lambda f: _written_out(f, network)))]
    forms += [_mapped(forms[0], partial(_settled, way=way)) for way in _regimes(forms[0])]
    return [RightHandSide(form, base) for form in forms for base in (bases if form is forms[0] else bases[:2])]


def _given(plain: dict[str, float], seed: int) -> dict[str, float]:
    """Return other values of what a subject may be given; what is zero or has no value is something now and then."""
    if not seed:
        return {}
    factors = dict(zip(plain, (10.0 ** (2.0 * spread(len(plain), seed) - 1.0)).tolist(), strict=True))
    return {n: f * (plain[n] if plain[n] and math.isfinite(plain[n]) else seed % 2) for n, f in factors.items()}


def _with_what_events_change(network: Network) -> Network:
    """Return the network with all that events and doses change among its states: what is noted may be given back."""
    states = network.stoichiometry.keys() | network.rate_rules.keys() | network.assignment_rules.keys()
    others = sorted((network.changed_by_events | network.dosed) - states)
    return replace(network, rate_rules={**network.rate_rules, **dict.fromkeys(others, num(0.0))}) if others else network


def _regimes(network: Network) -> list[dict[Expr, int]]:
    """Return which piece of each condition to look at: what does not grow now may do so at other times.

    Of few conditions each may turn out as it likes, of more all at once take the first of their pieces, the second, …
    """
    roles = {"assignment rule", "rate rule", "kinetic law", "event assignment"}
    nodes = [node for role, _, formula in network.formulas() if role in roles for node in formula.walk()]
    pieces = {n: len(n.args[::2]) if n.op == "piecewise" else 2 for n in nodes if n.op in {*LOGIC, "piecewise"}}
    inner = {c for n in pieces for a in (n.args[1::2] if n.op == "piecewise" else n.args) for c in a.walk()}
    pieces = {n: count for n, count in pieces.items() if n not in inner}
    if 1 < math.prod(pieces.values()) <= REGIMES:
        return [dict(zip(pieces, way, strict=True)) for way in itertools.product(*map(range, pieces.values()))]
    most = min(max(pieces.values(), default=0), REGIMES)
    return [{n: min(k, count - 1) for n, count in pieces.items()} for k in range(most)]


def _mapped(network: Network, new: Callable[[Expr], Expr]) -> Network:
    """Return the network with all but its start and its triggers replaced by other formulas."""

    def all_of(formulas: Mapping[str, Expr]) -> dict[str, Expr]:
        return {n: new(f) for n, f in formulas.items()}

    laws = {n: r if r.law is None else replace(r, law=new(r.law)) for n, r in network.reactions.items()}
    events = tuple(replace(e, assignments=all_of(e.assignments)) for e in network.events)
    rules, rates = all_of(network.assignment_rules), all_of(network.rate_rules)
    return replace(network, assignment_rules=rules, rate_rules=rates, reactions=laws, events=events)


def _written_out(formula: Expr, network: Network) -> Expr:
    """Return a formula with each rate that it asks for in its place."""
    if not formula.has("rateOf"):
        return formula
    if formula.op == "rateOf":
        return _written_out(rate_of(network, str(formula.args[0].value)), network)
    return replace(formula, args=tuple(_written_out(a, network) for a in formula.args))


def _settled(formula: Expr, way: dict[Expr, int]) -> Expr:
    """Return a formula with one of its pieces in the place of each choice, and of each condition true or false."""
    if formula.op == "piecewise":
        return _settled(formula.args[::2][way.get(formula, 0)], way)
    if formula.op in LOGIC:
        return num(float(way.get(formula, 0) == 0))
    return replace(formula, args=tuple(_settled(a, way) for a in formula.args)) if formula.args else formula


class _Look:
    """A subject's equations at some points and times, as they are and with some states a little changed, each alone.

    Parameters
    ----------
    side : RightHandSide
    seed : int
    which : sequence of int
        The states to change.
    """

    def __init__(self, side: RightHandSide, seed: int, which: Sequence[int]) -> None:
        self.side, self.which = side, list(which)
        self.place = {i: k for k, i in enumerate(self.which)}
        self.usual = (np.arange(POINTS) == POINTS - 1) & (seed == 0)  # elsewhere a share may be more than the whole
        y = _points(side, seed)
        self.times = (10.0 ** (4.0 * spread(POINTS, seed) - 1.0) * (np.arange(POINTS) + seed > 0))[:, None]
        self.step = (NUDGE * y[self.which]).T
        self._y = np.repeat(y[:, :, None], len(self.which) + 1, axis=2)
        self._y[self.which, :, np.arange(1, len(self.which) + 1)] += self.step.T

    @cached_property
    def env(self) -> dict[str, Any]:
        """The value of every symbol, of shape (points, as they are and one state changed each)."""
        return self.side.values(self._y, self.times)

    def without(self, state: int) -> dict[str, Any]:
        """Return the same where there is nothing of a state."""
        y = self._y.copy()
        y[state] = 0.0
        return self.side.values(y, self.times)

    def lacking(self, state: int) -> dict[str, Any]:
        """Return the same where formulas that name a state itself see nothing of it."""
        name = self.side.names[state]
        return self.env | dict.fromkeys((name, f"amount({name})"), 0.0)

    def rise(self, values: Any) -> Any:
        """Return by how much each state raises some values, of shape (points, raising)."""
        values = np.broadcast_to(np.asarray(values, dtype=float), (POINTS, len(self.which) + 1))
        rise = (values[:, 1:] - values[:, :1]) / self.step
        # What rounding makes of a difference is no gain; no loss is left out, lest gains of the same be more than it.
        slack = np.where(rise > 0, 1e-9, 1e-13) * np.abs(values[:, :1]) / self.step
        return np.where(np.isfinite(rise) & (np.abs(rise) > slack), rise, 0.0)


def _points(side: RightHandSide, seed: int) -> Any:
    """Return states to look at, of shape (states, points); at the last there is nearly nothing of any."""
    size = np.abs(side.start())
    size = np.where(np.isfinite(size) & (size > 0), size, size[np.isfinite(size) & (size > 0)].min(initial=1.0))
    low = np.where(np.arange(POINTS) < POINTS - 1, 4.0, 24.0)
    return size[:, None] * 10.0 ** (6.0 * spread(len(size) * POINTS, seed).reshape(-1, POINTS) - low)


# ------------------------------------------------------------------------------------------------- what makes what
@dataclass(frozen=True, slots=True)
class _Channel:
    """What changes some states together: ``raised`` tells how much each state raises each change, for some values."""

    changed: tuple[int, ...]
    raised: Callable[[dict[str, Any]], dict[int, Any]]
    free: bool = True


def _channels(look: _Look) -> Iterator[_Channel]:
    network, place = look.side.network, {n: i for i, n in enumerate(look.side.names)}
    for reaction in network.reactions.values():
        if reaction.law is not None:
            changes = _changes(reaction, look, place)
            yield _Channel(tuple(changes), partial(_by_law, reaction.law, changes, look))
    for name in look.side.ruled:
        yield _Channel((place[name],), partial(_by_law, network.rate_rules[name], {place[name]: 1.0}, look), free=False)
    for event in network.events:
        formulas = {place[n]: f for n, f in event.assignments.items() if n in place}
        if formulas:
            yield _Channel(tuple(formulas), partial(_by_event, formulas, look))


def _changes(reaction: Reaction, look: _Look, place: dict[str, int]) -> dict[int, float]:
    """Return by state what a reaction changes of it."""
    changes: dict[int, float] = {}
    for sign, participants in ((-1.0, reaction.reactants), (1.0, reaction.products)):
        for p in participants:
            if p.species in place:
                share = look.side.share(p, look.env, look.times) if p.formula or not p.id else _named(p, look)
                changes[place[p.species]] = changes.get(place[p.species], 0.0) + sign * float(np.max(share))
    return {i: c for i, c in changes.items() if c}


def _named(p: Participant, look: _Look) -> Any:
    """Return by how much a reaction changes one that takes part in it where that number may be changed by its name."""
    factor = look.side.network.symbols[p.species].conversion_factor
    number = look.env.get(p.id, p.stoichiometry)
    return number * look.env[factor] if factor else number


def _by_law(law: Expr, changes: dict[int, float], look: _Look, env: dict[str, Any]) -> dict[int, Any]:
    """Return what a rate makes; a reactant gains by it not where it is held up but where it runs backwards."""
    value = evaluate(law, env, time=look.times)
    rise = look.rise(value)
    raised = {i: c * rise for i, c in changes.items()}
    for i, made in raised.items():
        k = look.place.get(i)
        if changes[i] < 0 and k is not None and (rise[:, k] < 0).any():
            below = np.broadcast_to(value, (POINTS, len(look.which) + 1))[:, 0] < 0
            made[:, k] = np.where(below & look.usual, made[:, k], np.minimum(made[:, k], 0.0))
    return raised


def _by_event(formulas: dict[int, Expr], look: _Look, env: dict[str, Any]) -> dict[int, Any]:
    """Return what an event makes of states, less what is there, as amounts where reactions change these."""
    found = {}
    for i, formula in formulas.items():
        name = look.side.names[i]
        symbol = look.side.network.symbols[name]
        size = env[symbol.compartment] if name in look.side.reacting and not symbol.amount_only else 1.0
        found[i] = look.rise((evaluate(formula, env, time=look.times) - env[name]) * size)
    return found


def _first_look(looks: Iterator[_Look], n: int) -> tuple[Any, Any, Any]:
    """Return what feeds what, as (made, raising), which make more than they lose by one reaction, and slopes by rules.

    What is made of another state counts where there is none of it yet: a loss that is held up makes nothing of nothing.
    """
    feeds, more, ruled = np.zeros((n, n), dtype=bool), np.zeros(n, dtype=bool), []
    for look in looks:
        by_rules = np.zeros((POINTS, n, n))
        for channel in _channels(look):
            raised, total = channel.raised(look.env), np.zeros((POINTS, n))
            for i, rise in raised.items():
                alone = channel.raised(look.lacking(i))[i] if rise[:, i].any() else rise
                gain = np.where(alone > 0, np.maximum(rise, 0.0), 0.0)
                gain[:, i] = rise[:, i]
                total += gain
                feeds[i] |= (gain > 0).any(axis=0)
                if not channel.free:
                    by_rules[:, i] += gain
            if channel.free:
                more |= (total > 1e-9 * sum(map(np.abs, raised.values()), 0.0)).any(axis=0)
        if look.side.ruled:
            ruled.append(by_rules)
    return feeds, more, np.concatenate(ruled) if ruled else np.zeros((1, n, n))


def _doubtful(own: Sequence[int], more: Any, ruled: Any) -> bool:
    """Return whether there may ever be more of some states by one of them."""
    slopes = ruled[:, np.array(own)[:, None], own]
    return bool(more[own].any() or (slopes.sum(axis=1) > 1e-9 * np.abs(slopes).max(axis=1)).any())


def _columns(sides: Sequence[RightHandSide], own: Sequence[int]) -> list[Column]:
    """Return what each of some states makes of them, by their places among these.

    What is lost is not set against what another rate makes, since a subject's own parameters may turn the balance.
    """
    place = {i: k for k, i in enumerate(own)}
    found: dict[tuple[int, int], Column] = {}
    for k, side in enumerate(sides):
        look = _Look(side, k, own)
        channels = {c: ch for c, ch in enumerate(_channels(look)) if not place.keys().isdisjoint(ch.changed)}
        raised = {c: _among(place, ch.raised(look.env)) for c, ch in channels.items()}
        for c, channel in channels.items():
            raising = np.any([r != 0 for r in raised[c].values()], axis=(0, 1))
            helping = frozenset(np.flatnonzero(raising).tolist())
            for j in helping:
                makes = _made(raised[c], j, channel.free)
                if makes:
                    needs = frozenset[int]() if _steady(raised[c], j) else helping - {j}
                    column = found.setdefault((c, j), Column(j, {}, needs, channel.free))
                    column.needs &= needs
                    for i, made in makes.items():
                        column.makes.setdefault(i, np.zeros((len(sides), POINTS)))[k] = made
        if len(own) <= MANY:
            _let_go(found, look, channels, raised)
    for column in found.values():
        column.makes = {i: made.ravel() for i, made in column.makes.items()}
    return list(found.values())


def _steady(raised: dict[int, Any], j: int) -> bool:
    """Return whether a state makes the same wherever the others are, so that it needs none of them."""
    return all(np.ptp(r[:, j]) <= 1e-6 * np.abs(r[:, j]).max() for r in raised.values())


def _among(place: dict[int, int], raised: dict[int, Any]) -> dict[int, Any]:
    return {place[i]: rise for i, rise in raised.items() if i in place}


def _made(raised: dict[int, Any], j: int, free: bool) -> dict[int, Any]:
    """Return what one state makes by raising some changes: of itself it may be less than nothing."""
    makes = {i: np.maximum(r[:, j], 0.0) if i != j else r[:, j] for i, r in raised.items()}
    if free and j in makes:  # what is only lost is left out
        makes[j] = np.where(np.any([m > 0 for m in makes.values()], axis=0), makes[j], 0.0)
    return {i: m for i, m in makes.items() if m.any()}


def _let_go(
    found: dict[tuple[int, int], Column], look: _Look, channels: dict[int, _Channel], raised: dict[int, Any]
) -> None:
    """Leave of what each column needs that without which a state makes something still."""
    for k, state in enumerate(look.which):
        needing = [(c, j) for (c, j), column in found.items() if k in column.needs]
        if not needing:
            continue
        env = look.without(state)
        for c in sorted({c for c, _ in needing}):
            left = _among(look.place, channels[c].raised(env))
            same = [r * left[i] > 0 if not channels[c].free else (r > 0) & (left[i] > 0) for i, r in raised[c].items()]
            still = np.any(same, axis=(0, 1))
            for _, j in (key for key in needing if key[0] == c):
                if still[j]:
                    found[c, j].needs -= {k}
