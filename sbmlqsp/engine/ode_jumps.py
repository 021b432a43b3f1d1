"""Whether a choice between formulas jumps where its condition changes, or only bends."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from sbmlqsp.engine.jumps import JumpSystem
from sbmlqsp.expressions import Expr, evaluate, substitute

__all__ = ["COMPARISONS", "ROUNDED", "continuous"]

COMPARISONS = frozenset({"lt", "le", "gt", "ge"})
ROUNDED = frozenset({"floor", "ceil", "quotient", "rem"})
TRIES = 12


def continuous(system: JumpSystem, expr: Expr, moving: list[Expr]) -> bool:
    """Return whether a choice between two formulas has one value where its condition changes."""
    if len(expr.args) != 3 or moving[0].op not in COMPARISONS or len(moving[0].args) != 2:
        return False
    high, low = expr.args[0], expr.args[2]
    for this, other in (moving[0].args, moving[0].args[::-1]):
        if this.op == "sym" and str(this.value) not in other.symbols() and not expr.has("amount", "concentration"):
            at = {str(this.value): other}
            return _equal(system, substitute(high, at), substitute(low, at))
    return False


def _equal(system: JumpSystem, a: Expr, b: Expr) -> bool:
    """Return whether two formulas over independent symbols have one value up to rounding, at places drawn for it."""
    rng = np.random.default_rng(20)
    inside = sorted(a.symbols() | b.symbols())
    if any(n in system.rules for n in inside):
        return str(a) == str(b)
    env = {n: rng.lognormal(0.0, 1.0, TRIES) for n in inside}
    for n in inside:
        env[n][TRIES // 2 :] *= rng.choice([-1.0, 1.0], TRIES - TRIES // 2)
    time = rng.lognormal(0.0, 2.0, TRIES)
    first, second = (np.asarray(evaluate(e, env, time=time), dtype=float) for e in (a, b))
    with np.errstate(all="ignore"):
        near = np.abs(first - second) <= 1e-10 * (_terms(a, env, time) + _terms(b, env, time))
    return bool(np.all(near | (np.isnan(first) & np.isnan(second))))


def _terms(expr: Expr, env: Mapping[str, Any], time: Any) -> Any:
    """Return how large a formula is without what cancels in its sums and differences."""
    if expr.op in {"add", "sub", "neg"}:
        return sum(_terms(e, env, time) for e in expr.args)
    if expr.op == "mul":
        return math.prod(_terms(e, env, time) for e in expr.args)
    if expr.op == "div":
        return _terms(expr.args[0], env, time) / np.abs(evaluate(expr.args[1], env, time=time))
    return np.abs(np.asarray(evaluate(expr, env, time=time), dtype=float))
