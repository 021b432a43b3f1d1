"""Exact derivatives of the rates of change at many states at once, by states and along directions of parameters."""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from sbmlqsp.engine.initial import dependency_order
from sbmlqsp.engine.network import Network
from sbmlqsp.engine.rates import RightHandSide
from sbmlqsp.engine.tangents import Tangents
from sbmlqsp.expressions import Expr, num, sym

__all__ = ["rate_slopes"]


def rate_slopes(
    side: RightHandSide,
    y: Any,
    along: Mapping[str, Any] | None = None,
    *,
    count: int = 0,
    held: frozenset[str] = frozenset(),
) -> Any:
    """Return the derivatives of dy/dt by the states, and along directions in which constants change.

    Parameters
    ----------
    side : RightHandSide
    y : ndarray of shape (states, rows)
    along : mapping of str to ndarray of shape (rows, count), optional
        What names change by along each direction; those of states and of what rules compute are not read.
    count : int
        How many directions there are.
    held : frozenset of str
        States that are taken for constants; derivatives by them are 0.

    Returns
    -------
    ndarray of shape (rows, states, states + count)
        By the states first.

    Raises
    ------
    UnsupportedError
        A function has no derivative.

    Examples
    --------
    >>> import numpy as np
    >>> import sbmlqsp as qsp
    >>> model = qsp.read_antimony("model m; S = 2; J: S -> ; k*S^2; k = 3; end")
    >>> rate_slopes(RightHandSide(model.network), np.array([[2.0]]), {"k": np.ones((1, 1))}, count=1).tolist()
    [[[-12.0, -4.0]]]
    """
    network, (n, rows) = side.network, y.shape
    with np.errstate(all="ignore"):
        moving = frozenset(k for k, v in (along or {}).items() if np.any(v))
        kept = _kept(network, moving | {f"- {name}" for name in held})
        known = Tangents(side.values(y), rows, n + count, kept)
        _put_constants(known, side, along or {}, n)
        for i, name in enumerate(side.names):
            if name in held:
                continue
            unit = np.eye(n + count)[i]
            known.put(f"amount({name})" if name in side.reacting else name, unit)
            if name in side.reacting and network.symbols[name].amount_only:
                known.put(name, unit)
        for name, formula in _formulas(network):
            known.put(name, _concentration(known, network, name) if formula is None else known.of(formula))
        out = np.zeros((rows, n, n + count))
        for i, name in enumerate(side.names):
            if name not in kept:  # the same objects each time, by which what is known of them is found
                kept[name] = [*_terms(network, name)] if name in side.reacting else [network.rate_rules[name]]
            for term in kept[name]:
                slopes = known.of(term)
                out[:, i] += 0.0 if slopes is None else slopes
    return out


_KEPT: dict[frozenset[str], dict[int | str, Any]] = {}
_OF: list[weakref.ref[Network]] = []


def _kept(network: Network, moving: frozenset[str]) -> dict[int | str, Any]:
    """Return what is known of the formulas of the last network, by what of it changes along directions."""
    if not (_OF and _OF[0]() is network):
        _KEPT.clear()
        _OF[:] = [weakref.ref(network)]
    return _KEPT.setdefault(moving, {})


def _put_constants(known: Tangents, side: RightHandSide, along: Mapping[str, Any], n: int) -> None:
    own = {*side.names, *(f"{meaning}({s})" for s in side.names for meaning in ("amount", "concentration"))}
    for name, slopes in along.items():
        if name not in own and np.any(slopes):
            known.put(name, np.concatenate([np.zeros((known.rows, n)), slopes], axis=1))


def _formulas(network: Network) -> Iterator[tuple[str, Expr | None]]:
    """Yield what has to be computed, each after what it needs; without a formula it is a concentration."""
    found: dict[str, Expr | None] = dict(network.assignment_rules)
    found |= {r.id: r.law for r in network.reactions.values() if r.law is not None}
    needs = {name: e.symbols() for name, e in found.items() if e is not None}
    for s in network.species:
        if s.id not in found and s.id not in network.rate_rules and not s.amount_only:
            found[s.id], needs[s.id] = None, frozenset({s.compartment})
    return ((name, found[name]) for name in dependency_order(needs))


def _concentration(known: Tangents, network: Network, name: str) -> Any:
    home = network.symbols[name].compartment
    size, slopes, moved = known.column(home), known.get(f"amount({name})"), known.get(home)
    out = None if slopes is None else slopes / size
    if moved is not None:
        less = known.column(name) * moved / size
        out = -less if out is None else out - less
    return out


def _terms(network: Network, name: str) -> Iterator[Expr]:
    """Yield what each reaction makes or takes of a species, as an amount per time."""
    factor = network.symbols[name].conversion_factor
    for reaction in network.reactions.values():
        for sign, side in ((-1.0, reaction.reactants), (1.0, reaction.products)):
            for p in side:
                if p.species == name and reaction.law is not None:
                    share = (num(sign * p.stoichiometry),) if p.formula is None else (num(sign), p.formula)
                    yield Expr("mul", (*share, *((sym(factor),) if factor else ()), sym(reaction.id)))
