"""Slow flows that fast ones hide: what goes to and fro so fast that the sum of all rates is its rounding errors.

Where a reaction and its reverse are 1e16 times as fast as what feeds their pool, the rate of each of the pool's states
says nothing of that. What the fast reactions conserve does, since they are not part of its rate at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

import numpy as np

from sbmlqsp.engine.rates import RightHandSide
from sbmlqsp.expressions import Expr, evaluate

__all__ = ["HIDDEN", "hidden"]

HIDDEN = "what fills and empties '{}' is too slow beside the fastest reactions there to be told from rounding errors"

ROUNDING = 4e-16
NOISE = 1e-14
"""What part of flows their rounding errors may be in sums of many."""
BALANCED = 1e-7
"""What part of what flows into and out of a pool may be left over."""
NONE = 1e-12
NUDGE = 1e-6
"""By what part of itself a state is changed to see how large the terms of a rate are."""
SAME = 1e-8
"""By what part of their size flows may differ, beyond a factor, that are one: differences from nudges are no better."""
MOST = 200
"""Into how many terms a formula is split at most."""
LEVELLED = 30
"""How many times rows and columns are made as large as each other."""


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
    found, gross, table = _flows(side, y)
    factors, groups = _proportional(found)
    tried: set[bytes] = set()
    for fast in _fast(gross, table, np.abs(y)):
        if fast.tobytes() in tried:
            continue
        tried.add(fast.tobytes())
        pools = _pools(table[:, fast] * factors[fast], groups[fast])
        slow, sizes = table[:, ~fast], np.abs(pools)
        shares = pools @ slow
        parts = np.where(np.abs(shares) > NONE * (sizes @ np.abs(slow)), shares, 0.0) * found[0, ~fast]
        noise = NOISE * (sizes @ (np.abs(table[:, fast]) @ gross[fast]))
        left, through = np.abs(parts.sum(axis=1)), np.abs(parts).sum(axis=1)
        for k in np.flatnonzero((BALANCED * through < left) & (left < noise)).tolist():
            return side.names[int(np.flatnonzero(pools[k])[0])]
    return ""


def _fast(gross: Any, table: Any, sizes: Any) -> Iterator[Any]:
    """Yield which flows are so fast that their rounding errors hide others, by their sizes and by what they turn over.

    Where states differ in units only the second can be compared, and only the first with a pool that is large.
    """
    turnover = gross * (np.abs(table) / np.where(sizes > 0, sizes, np.inf)[:, None]).max(axis=0, initial=0.0)
    for speed in (gross, turnover):
        for slowest in np.sort(speed)[::-1].tolist():
            fast = speed * ROUNDING > BALANCED * slowest
            if fast.any():
                yield fast


def _flows(side: RightHandSide, y: Any) -> tuple[Any, Any, Any]:
    """Return the values of flows at a state and with each state nudged, their sizes, and how each changes each state.

    A flow is a term of the rate of a reaction or of rate rules; its size is that of its own terms together.
    """
    nudged = np.concatenate([y[:, None], y[:, None] + NUDGE * np.diag(y)], axis=1)
    env, known = side.values(nudged), dict[bytes, tuple[Any, Any]]()
    for formula, change in _motion(side, env):
        for sign, term in _Terms(side.network.assignment_rules).of(formula):
            value = np.broadcast_to(np.asarray(evaluate(term, env, time=0.0), dtype=float), nudged.shape[1:])
            own, changes = known.setdefault(np.abs(value).tobytes(), (value, np.zeros(len(y))))
            changes += (sign if np.array_equal(own, value) else -sign) * change
    found = np.array([v for v, _ in known.values()]).reshape(-1, nudged.shape[1]).T
    table = np.array([c for _, c in known.values()]).reshape(-1, len(y)).T
    with np.errstate(all="ignore"):
        gross = np.maximum(np.abs(found[1:] - found[:1]).sum(axis=0) / NUDGE, np.abs(found[0]))
    real = np.isfinite(gross) & (gross > 0) & table.any(axis=0)
    return found[:, real], gross[real], table[:, real]


def _motion(side: RightHandSide, env: dict[str, Any]) -> Iterator[tuple[Expr, Any]]:
    """Yield the laws of reactions and the right-hand sides of rate rules, and by how much each changes each state."""
    row = {n: i for i, n in enumerate(side.names)}
    for reaction in side.network.reactions.values():
        change = np.zeros(len(row))
        for sign, participants in ((-1.0, reaction.reactants), (1.0, reaction.products)):
            for p in (p for p in participants if p.species in side.reacting):
                change[row[p.species]] += sign * float(np.max(side.share(p, env)))
        if reaction.law is not None:
            yield reaction.law, change
    for name in side.ruled:
        yield side.network.rate_rules[name], np.eye(len(row))[row[name]]


class _Terms:
    """The terms of formulas, those of what assignment rules compute included."""

    def __init__(self, rules: Mapping[str, Expr]) -> None:
        self._rules, self._known = rules, dict[str, list[tuple[float, Expr]]]()

    def of(self, expr: Expr) -> list[tuple[float, Expr]]:
        """Return the terms of a formula with their signs; the formula alone where they are too many."""
        found = list(islice(self._each(expr), MOST + 1))
        return found if len(found) <= MOST else [(1.0, expr)]

    def _each(self, expr: Expr) -> Iterator[tuple[float, Expr]]:
        if expr.op in {"add", "sub", "neg"}:
            for k, part in enumerate(expr.args):
                turned = expr.op == "neg" or (expr.op == "sub" and k > 0)
                yield from ((-sign if turned else sign, term) for sign, term in self._each(part))
        elif expr.op in {"mul", "div"}:
            yield from self._product(expr)
        elif expr.op == "sym" and expr.value in self._rules:
            name = str(expr.value)
            if name not in self._known:
                self._known[name] = self.of(self._rules[name])
            yield from self._known[name]
        else:
            yield 1.0, expr

    def _product(self, expr: Expr) -> Iterator[tuple[float, Expr]]:
        for k, part in enumerate(expr.args[:1] if expr.op == "div" else expr.args):
            terms = self.of(part)
            if len(terms) > 1:
                for sign, term in terms:
                    yield sign, Expr(expr.op, (*expr.args[:k], term, *expr.args[k + 1 :]))
                return
        yield 1.0, expr


def _proportional(found: Any) -> tuple[Any, Any]:
    """Return by what to divide flows to see which are proportional, and a number by flow that those share."""
    sizes = np.abs(found)
    first = (sizes > sizes.max(axis=0, initial=0.0) / 3.17).argmax(axis=0)  # of nearly equal ones any may be largest
    factors = found[first, np.arange(found.shape[1])]
    shapes, groups, last = found / factors, np.zeros(found.shape[1], dtype=int), -1
    for j in np.argsort(np.random.default_rng(1).standard_normal(len(found)) @ shapes).tolist():
        new = last < 0 or np.abs(shapes[:, j] - shapes[:, last]).max() > SAME
        last = j if new else last
        groups[j] = last
    return factors, groups


def _pools(table: Any, groups: Any) -> Any:
    """Return what fast flows conserve: where several are proportional also with all of those as one."""
    found = _conserved(_joined(table, groups))
    if len(set(groups.tolist())) == len(groups):
        return found
    _, which = np.unique(groups, return_inverse=True)
    whole = np.zeros((len(table), which.max() + 1))
    np.add.at(whole.T, which, table.T)
    terms = np.zeros_like(whole)
    np.add.at(terms.T, which, np.abs(table).T)
    return np.concatenate([found, _conserved(np.where(np.abs(whole) > NONE * terms, whole, 0.0))])


def _joined(table: Any, groups: Any) -> Any:
    """Return by how much flows change states, as one where they are proportional and each changes others.

    So are the rates of two concentrations at which a substance goes from one volume into another.
    """
    alone = np.bincount(groups)[groups] == 1
    out = [*table[:, alone].T]
    for group in np.unique(groups[~alone]).tolist():
        whole: list[Any] = []
        for change in table[:, groups == group].T:
            k = next((k for k, c in enumerate(whole) if not (c * change).any()), len(whole))
            whole[k:] = [whole[k] + change, *whole[k + 1 :]] if k < len(whole) else [change]
        out.extend(whole)
    return np.array(out).T


def _conserved(table: Any) -> Any:
    """Return rows, with few numbers other than zero, whose products with all columns are zero."""
    n = len(table)
    by_row, by_column = _levels(table)
    rows = np.concatenate([table * by_row[:, None] * by_column, np.eye(n)], axis=1)
    done = 0
    for column in range(table.shape[1]):
        pivot = done + int(np.abs(rows[done:, column]).argmax()) if done < n else n
        if pivot == n or abs(rows[pivot, column]) <= NONE:
            continue
        rows[[done, pivot]] = rows[[pivot, done]]
        others = done + 1 + np.flatnonzero(rows[done + 1 :, column])
        rows[others] -= rows[others, column][:, None] / rows[done, column] * rows[done]
        done += 1
    found = rows[done:, table.shape[1] :]
    return np.where(np.abs(found) > NONE, found, 0.0) * by_row


def _levels(table: Any) -> tuple[Any, Any]:
    """Return by what to multiply rows and columns so that numbers other than zero are near 1, whatever the units."""
    i, j = np.nonzero(table)
    logs, (n, m) = np.log(np.abs(table[i, j])), table.shape
    by_row, by_column = np.zeros(n), np.zeros(m)
    in_row, in_column = np.maximum(np.bincount(i, minlength=n), 1), np.maximum(np.bincount(j, minlength=m), 1)
    for _ in range(LEVELLED):
        by_column = -np.bincount(j, logs + by_row[i], minlength=m) / in_column
        by_row = -np.bincount(i, logs + by_column[j], minlength=n) / in_row
    return np.exp(by_row), np.exp(by_column)
