"""The iterations of repeated tasks: the values of their ranges, and what is computed from them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from sbmlqsp.errors import DataError, UnsupportedError
from sbmlqsp.exchange.sedml.document import Calculation, Content, FunctionalRange, RepeatedTask, ValueRange
from sbmlqsp.exchange.sedml.mathml import AGGREGATES
from sbmlqsp.exchange.sedml.models import Loaded, Models, meaning_of
from sbmlqsp.expressions import evaluate

__all__ = ["Iterations", "value_of"]

Reader = Callable[[str, str, str, str], float]
"""From a model, a target in it, a symbol and where that is written, to a number."""


def value_of(calculation: Calculation, ranges: Mapping[str, float], read: Reader) -> float:
    """Return the value of a formula over ranges, parameters and values of models.

    Raises
    ------
    DataError
        A variable refers to nothing, or the value is not finite.
    """
    if calculation.expr.has(*AGGREGATES.values()):
        raise UnsupportedError("a formula of a range or a change reduces a variable", where=calculation.where)
    env = dict(calculation.parameters)
    for v in calculation.variables:
        if v.target.startswith("#"):
            name = v.target[1:]
            if name not in ranges:
                raise DataError(f"'{name}' is no range of the repeated task", where=v.where,
                                expected=", ".join(sorted(ranges)) or None)  # fmt: skip
            env[v.id] = ranges[name]
        elif not v.model:
            raise DataError(f"the variable '{v.id}' does not say of which model it is", where=v.where)
        else:
            env[v.id] = read(v.model, v.target, v.symbol, v.where)
    value = float(evaluate(calculation.expr, env))
    if not math.isfinite(value):
        raise DataError("a computed value is not finite", value=value, where=calculation.where)
    return value


class Iterations:
    """Works out the values of all ranges of a repeated task, once."""

    def __init__(self, content: Content, models: Models) -> None:
        self._content, self._models = content, models
        self._done: dict[str, list[dict[str, float]]] = {}

    def of(self, task: RepeatedTask) -> list[dict[str, float]]:
        """Return the value of every range, by iteration.

        Raises
        ------
        DataError
            A range is missing, too short, or refers to itself.
        """
        if task.id not in self._done:
            self._done[task.id] = self._work_out(task)
        return self._done[task.id]

    def _work_out(self, task: RepeatedTask) -> list[dict[str, float]]:
        if task.range not in task.ranges:
            raise DataError(f"there is no range '{task.range}'", where=task.where,
                            expected=", ".join(task.ranges) or None)  # fmt: skip
        plain = {k: r for k, r in task.ranges.items() if isinstance(r, ValueRange)}
        count = self._count(task, plain)
        for r in plain.values():
            if len(r.numbers) < count:
                raise DataError(f"the range has {len(r.numbers)} values and the repetition {count}", where=r.where)
        rows = [{k: r.numbers[i] for k, r in plain.items()} for i in range(count)]
        for name in self._order(task):
            found = task.ranges[name]
            assert isinstance(found, FunctionalRange)
            for row in rows:
                row[name] = value_of(found.calculation, row, self._initial)
        return rows

    def _count(self, task: RepeatedTask, plain: Mapping[str, ValueRange]) -> int:
        """Return how many values the governing range has; a computed one has as many as the range it reads."""
        name, seen = task.range, list[str]()
        while name not in plain:
            if name in seen:
                raise DataError("ranges are computed from each other in a circle", value=seen, where=task.where)
            seen.append(name)
            found = task.ranges[name]
            assert isinstance(found, FunctionalRange)
            read = [v.target[1:] for v in found.calculation.variables if v.target.startswith("#")]
            if len(read) != 1 or read[0] not in task.ranges:
                raise UnsupportedError("the range that governs a repetition is not computed from one other range",
                                       where=found.where, remedy="let the range it reads govern")  # fmt: skip
            name = read[0]
        return len(plain[name].numbers)

    @staticmethod
    def _order(task: RepeatedTask) -> list[str]:
        """Return the computed ranges so that each comes after what it reads."""
        waiting = {k: {v.target[1:] for v in r.calculation.variables if v.target.startswith("#")}
                   for k, r in task.ranges.items() if isinstance(r, FunctionalRange)}  # fmt: skip
        out: list[str] = []
        while waiting:
            ready = [k for k, reads in waiting.items() if not reads & waiting.keys()]
            if not ready:
                raise DataError("ranges are computed from each other in a circle", value=sorted(waiting),
                                where=task.where)  # fmt: skip
            out += ready
            waiting = {k: v for k, v in waiting.items() if k not in ready}
        return out

    def _initial(self, model: str, target: str, symbol: str, where: str) -> float:
        """Return a value of a model as the document gives it, before any change of the repetition."""
        loaded = self._models.get(model, where=where)
        return loaded.start[self.key(loaded, target, symbol, where)]

    @staticmethod
    def key(loaded: Loaded, target: str, symbol: str, where: str) -> str:
        """Return the key of a value in a model."""
        return meaning_of(loaded.model.network, loaded.symbol(target, where), symbol, where=where)
