"""Conditions of version 1, a table with a column per target, as experiments."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence

from sbmlqsp.errors import DataError, UnsupportedError
from sbmlqsp.exchange.petab.nouns import BEFORE, Condition, Period, PetabParameter
from sbmlqsp.exchange.petab.sheets import Row, as_number, identifier, unique
from sbmlqsp.expressions import Expr, num, sym
from sbmlqsp.model import Model

__all__ = ["Conditions"]


class Conditions:
    """The conditions of one model, and the experiments that pairs of them make.

    An empty cell keeps what the model has or, for what has a state, what a steady state before has brought; for a
    parameter it means the model's own value, also after a steady state.

    Parameters
    ----------
    rows : sequence of Row
    model : Model
    parameters : mapping
        The parameter table.
    read : collection of str
        Names that observables read.
    """

    def __init__(
        self, rows: Sequence[Row], model: Model, parameters: Mapping[str, PetabParameter], read: Collection[str]
    ) -> None:
        unique(rows, lambda r: r.text("conditionId"), "the condition")
        self._model, self._parameters, self._read = model, parameters, read
        self._targets = list(
            dict.fromkeys(c for r in rows for c in r.cells if c not in {"conditionId", "conditionName"})
        )
        self.borrowed: dict[str, PetabParameter] = {}
        self.by_id = {row.id("conditionId"): self._condition(row) for row in rows}
        self.experiments: dict[str, tuple[Period, ...]] = {}
        self._named: dict[tuple[str, str], str] = {}

    def _condition(self, row: Row) -> Condition:
        changes = {t: self._value(row, t) for t in self._targets if row.text(t)}
        return Condition(row.text("conditionId"), changes, dict.fromkeys(changes, row.where))

    def _value(self, row: Row, target: str) -> Expr:
        identifier(target, "the name of a column", row.where)
        text, where = row.text(target), f"{row.where}, {target}"
        number = as_number(text)
        if number is not None:
            if not math.isfinite(number):
                raise DataError("the value is not finite", value=text, where=where)
            return num(number)
        name = identifier(text, "the value", where)
        if name not in self._parameters:
            self._borrow(name, where)
        return sym(name)

    def _borrow(self, name: str, where: str) -> None:
        """Take a parameter of the model, by which a condition is given, into the parameter table."""
        symbol = self._model.network.symbols.get(name)
        if symbol is None or symbol.kind != "parameter":
            raise DataError(
                "the value is neither a number nor a parameter", value=name, where=where,
                remedy="list it in the parameter table",
            )  # fmt: skip
        if name in self._targets or not self._constant(name):
            raise UnsupportedError(
                f"the value is '{name}' of the model, which is no constant there", where=where,
                remedy="list it in the parameter table, or give a number",
            )  # fmt: skip
        self.borrowed[name] = PetabParameter(name, symbol.value, estimate=False, where=where)

    def _constant(self, name: str) -> bool:
        network = self._model.network
        computed = {*network.dynamic, *network.assignment_rules, *network.initial_assignments}
        return name not in computed and math.isfinite(network.symbols[name].value)

    # --------------------------------------------------------------------------------------------------- experiments
    def experiment(self, before: str, after: str, where: str) -> str:
        """Return the id of the experiment of two conditions, of which the first may be none."""
        key = before, after
        if key not in self._named:
            name = self._free(f"experiment_{before}_{after}" if before else f"experiment_{after}")
            self._named[key] = name
            periods = (Period(BEFORE, (before,), where),) if before else ()
            last = self._returning(before, after) if before else after
            self.experiments[name] = (*periods, Period(0.0, (last,), where))
        return self._named[key]

    def _free(self, name: str) -> str:
        taken = {*self.by_id, *self.experiments, *self._parameters, *self._model.network.symbols}
        while name in taken:
            name += "_"
        return name

    def _returning(self, before: str, after: str) -> str:
        """Return the second condition, with the model's own values of parameters that the first alone sets."""
        first, second = self.by_id[before], self.by_id[after]
        own = dict(self._own(first, second))
        if not own:
            return after
        name = self._free(f"{after}_after_{before}")
        where = {**second.where, **dict.fromkeys(own, next(iter(second.where.values()), first.where[next(iter(own))]))}
        self.by_id[name] = Condition(name, {**second.changes, **own}, where)
        return name

    def _own(self, first: Condition, second: Condition) -> Iterator[tuple[str, Expr]]:
        network = self._model.network
        for target in first.changes.keys() - second.changes.keys():
            symbol = network.symbols.get(target)
            if symbol is not None and (symbol.kind != "parameter" or target in network.rate_rules):
                continue  # what has a state keeps it
            if symbol is None or not self._constant(target):
                raise UnsupportedError(
                    f"'{target}' is set before the steady state and empty after it, and the model has no number for it",
                    where=f"{first.where[target]}, condition '{second.id}'",
                    remedy="give its value after the steady state too",
                )  # fmt: skip
            yield target, num(symbol.value)
