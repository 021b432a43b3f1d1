"""Experiments as the pairs of conditions that version 1 has, and its table of conditions."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from sbmlqsp.errors import UnsupportedError
from sbmlqsp.exchange.petab.nouns import BEFORE, Period
from sbmlqsp.exchange.petab.plain import tsv
from sbmlqsp.exchange.petab.scope import Scope
from sbmlqsp.expressions import Expr, evaluate

__all__ = ["Pairs"]

_REMEDY = "write version 2"


class Pairs:
    """The conditions before (for a steady state) and of each experiment of one model.

    Parameters
    ----------
    scope : Scope

    Raises
    ------
    UnsupportedError
        An experiment has more than one period after the steady state, or does not begin at time 0.
    """

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._cells: dict[str, dict[str, Any]] = {}
        self._pairs = {name: self._pair(name) for name in scope.experiments}

    def of(self, experiment: str) -> tuple[str, str]:
        """Return the ids of the conditions before (``""``: none) and of an experiment."""
        return self._pairs[experiment]

    def table(self) -> str:
        """Return the table of conditions."""
        targets = list(dict.fromkeys(t for cells in self._cells.values() for t in cells))
        return tsv(["conditionId", *targets], ({"conditionId": c, **cells} for c, cells in self._cells.items()))

    def _pair(self, name: str) -> tuple[str, str]:
        if not name:
            return "", self._entered("model_as_it_is", {})
        periods, where = self._scope.problem.experiments[name], f"experiment '{name}'"
        *before, last = periods
        if len(before) > 1 or (before and before[0].time != BEFORE):
            raise UnsupportedError(
                "version 1 of PEtab has one period and a steady state before it", value=[p.time for p in periods],
                where=where, remedy=_REMEDY,
            )  # fmt: skip
        if last.time != 0.0:
            raise UnsupportedError("version 1 of PEtab begins at time 0", value=last.time, where=where, remedy=_REMEDY)
        second = self._changes(last)
        if not before:
            return "", self._entered(self._id(last, name), second)
        first = self._changes(before[0])
        kept = {t: v for t, v in first.items() if t not in second and not self._has_state(t)}
        own = self._id(last, name) + ("_kept" if kept else "")
        return self._entered(self._id(before[0], f"{name}_before"), first), self._entered(own, {**second, **kept})

    def _id(self, period: Period, otherwise: str) -> str:
        return period.conditions[0] if len(period.conditions) == 1 else f"{otherwise}_condition"

    def _entered(self, name: str, cells: Mapping[str, Any]) -> str:
        """Return the id under which these cells are in the table."""
        known = next((n for n, c in self._cells.items() if c == cells and n.startswith(name)), None)
        if known is None:
            taken = {*self._cells, *self._scope.problem.parameters}
            while name in taken:
                name += "_"
            known = name
            self._cells[known] = dict(cells)
        return known

    def _has_state(self, target: str) -> bool:
        """Say whether an empty cell keeps what a steady state has brought, instead of the model's own value."""
        network = self._scope.model.network
        symbol = network.symbols.get(target)
        return symbol is not None and (symbol.kind != "parameter" or target in network.rate_rules)

    def _changes(self, period: Period) -> dict[str, Any]:
        problem = self._scope.problem
        return {
            t: self._cell(e, f"condition '{c}', '{t}'")
            for c in period.conditions
            for t, e in problem.conditions[c].changes.items()
        }

    def _cell(self, expr: Expr, where: str) -> Any:
        if expr.op == "sym" and str(expr.value) in self._scope.problem.parameters:
            return str(expr.value)
        if not expr.symbols() and not expr.has("time"):
            value = float(evaluate(expr, {}))
            if math.isfinite(value):
                return value
        raise UnsupportedError(
            "version 1 of PEtab has no formulas in conditions", value=str(expr), where=where,
            remedy="write version 2, or give a number or a parameter",
        )  # fmt: skip
