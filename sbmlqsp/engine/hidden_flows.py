"""Slow flows that fast ones hide: what goes to and fro so fast that the sum of all rates is its rounding errors.

Where a reaction and its reverse are 1e16 times as fast as what feeds their pool, the rate of each of the pool's states
says nothing of that. What the fast reactions conserve does, since they are not part of its rate at all.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from sbmlqsp.engine.rates import RightHandSide
from sbmlqsp.expressions import Expr, evaluate

__all__ = ["HIDDEN", "hidden"]

HIDDEN = "what fills and empties '{}' is too slow beside the fastest reactions there to be told from rounding errors"

ROUNDING = 4e-16
BALANCED = 1e-7
"""What part of what flows into and out of a pool may be left over."""
NONE = 1e-9
NUDGE = 1e-6
"""By what part of itself a state is changed to see how large the terms of a rate are."""


def hidden(side: RightHandSide, y: Any) -> str:
    """Return a state whose pool fills or empties by flows that rounding errors of faster ones hide; ``""`` for none.

    Parameters
    ----------
    side : RightHandSide
        Of one row of parameters.
    y : ndarray of shape (states,)

    Examples
    --------
    >>> import numpy as np
    >>> import sbmlqsp as qsp
    >>> text = "model m; species A = 1, B = 1; A -> B; f*(A - B); B ->; s*B; -> A; 6*s; f = 1e12; s = 1e-6; end"
    >>> side = RightHandSide(qsp.read_antimony(text).network)
    >>> hidden(side, np.ones(2)), hidden(side, np.full(2, 6.0))
    ('A', '')
    """
    flows, gross, table = _flows(side, y)
    tried: set[int] = set()
    for slowest in np.sort(gross)[::-1].tolist():
        fast = gross * ROUNDING > BALANCED * slowest
        if not fast.any() or int(fast.sum()) in tried:
            continue
        tried.add(int(fast.sum()))
        for pool in _conserved(table[:, fast]):
            parts = (pool @ table[:, ~fast]) * flows[~fast]
            noise = ROUNDING * float((np.abs(pool) @ np.abs(table[:, fast]) * gross[fast]).sum())
            left, through = abs(float(parts.sum())), float(np.abs(parts).sum())
            if BALANCED * through < left < noise:
                return side.names[int(np.flatnonzero(pool)[0])]
    return ""


def _flows(side: RightHandSide, y: Any) -> tuple[Any, Any, Any]:
    """Return the values of flows, the sizes of their terms together, and by how much each changes each state.

    A flow is the rate of a reaction, or a term of rate rules: what is one number at all places is one flow.
    """
    nudged = np.concatenate([y[:, None], y[:, None] + NUDGE * np.diag(y)], axis=1)
    env, values, changes = side.values(nudged), list[Any](), list[Any]()
    for value, change in (*_reactions(side, env), *_terms(side, env)):
        values.append(np.broadcast_to(np.asarray(value, dtype=float), nudged.shape[1:]))
        changes.append(change)
    found, table = np.array(values).reshape(-1, nudged.shape[1]), np.array(changes).reshape(-1, len(y)).T
    with np.errstate(all="ignore"):
        gross = np.maximum(np.abs(found[:, 1:] - found[:, :1]).sum(axis=1) / NUDGE, np.abs(found[:, 0]))
    known = np.isfinite(gross) & (gross > 0) & table.any(axis=0)
    return found[known, 0], gross[known], table[:, known]


def _reactions(side: RightHandSide, env: dict[str, Any]) -> Iterator[tuple[Any, Any]]:
    row = {n: i for i, n in enumerate(side.reacting)}
    for reaction in (r for r in side.network.reactions.values() if r.law is not None):
        change = np.zeros(len(side.names))
        for sign, participants in ((-1.0, reaction.reactants), (1.0, reaction.products)):
            for p in (p for p in participants if p.species in row):
                change[row[p.species]] += sign * float(np.max(side.share(p, env)))
        yield env[reaction.id], change


def _terms(side: RightHandSide, env: dict[str, Any]) -> Iterator[tuple[Any, Any]]:
    known: dict[bytes, tuple[Any, Any]] = {}
    for i, name in enumerate(side.ruled, start=len(side.reacting)):
        for sign, term in _split(side.network.rate_rules[name], 1.0):
            value = np.asarray(evaluate(term, env, time=0.0), dtype=float)
            own, change = known.setdefault(np.abs(value).tobytes(), (value, np.zeros(len(side.names))))
            change[i] += sign if np.array_equal(own, value) else -sign
    yield from known.values()


def _split(expr: Expr, sign: float) -> Iterator[tuple[float, Expr]]:
    """Yield the terms of a sum."""
    if expr.op in {"add", "sub", "neg"}:
        for k, term in enumerate(expr.args):
            yield from _split(term, -sign if expr.op == "neg" or (expr.op == "sub" and k) else sign)
    else:
        yield sign, expr


def _conserved(table: Any) -> Any:
    """Return rows, with few numbers other than zero, whose products with all columns are zero."""
    n = len(table)
    rows = np.concatenate([table, np.eye(n)], axis=1)
    done = 0
    for column in range(table.shape[1]):
        pivot = done + int(np.abs(rows[done:, column]).argmax()) if done < n else n
        if pivot == n or abs(rows[pivot, column]) <= NONE:
            continue
        rows[[done, pivot]] = rows[[pivot, done]]
        rows[done + 1 :] -= rows[done + 1 :, [column]] / rows[done, column] * rows[done]
        done += 1
    found = rows[done:, table.shape[1] :]
    return np.where(np.abs(found) > NONE, found, 0.0)
