"""Whether algebraic rules, which were solved in formulas before a run, hold in what the run gave."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from sbmlqsp.engine.algebraic import terms
from sbmlqsp.expressions import Expr, to_infix
from sbmlqsp.model import Model, dotted
from sbmlqsp.readout import evaluate_columns, selections

__all__ = ["broken_rules", "rule_columns"]

ALLOWED = 1e-7
"""Of the size of a rule's terms."""


def rule_columns(model: Model) -> list[str]:
    """Return the engine selections that the algebraic rules of a model read."""
    return selections(model, sorted(frozenset().union(*(r.symbols() for r in _rules(model)))), [])


def broken_rules(model: Model, columns: Mapping[str, Any], *, time: Any) -> dict[int, str]:
    """Say for which subjects an algebraic rule does not hold, which one and when.

    Parameters
    ----------
    model : Model
    columns : mapping of str to ndarray
        Of shape (subjects, times), by engine selection.
    time : ndarray
    """
    found: dict[int, str] = {}
    for rule in _rules(model):
        residual = np.abs(np.asarray(evaluate_columns(rule, model, columns, time=time), dtype=float))
        size = np.asarray(evaluate_columns(terms(rule), model, columns, time=time), dtype=float)
        for i, k in np.argwhere(np.atleast_2d(residual > ALLOWED * size)).tolist():
            words = f"the algebraic rule {dotted(to_infix(rule))} = 0 does not hold at output {k + 1}"
            found.setdefault(int(i), words)
    return found


def _rules(model: Model) -> list[Expr]:
    """Return the rules that can be computed from values; those that read rates of change cannot."""
    return [rule for rule in model.network.algebraic_rules if not rule.has("rateOf", "delay")]
