"""From runs to reports and plots: data generators evaluated over the results of tasks."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from sbmlqsp.errors import DataError, UnsupportedError, did_you_mean
from sbmlqsp.exchange.sedml.dimensions import brought_to_one
from sbmlqsp.exchange.sedml.document import Content, DataGenerator, Plot, Report, Variable
from sbmlqsp.exchange.sedml.mathml import AGGREGATES
from sbmlqsp.exchange.sedml.models import TIMES, Models, meaning_of
from sbmlqsp.exchange.sedml.tasks import TIME_KEY, Branch, Leaf, Runner, leaves_of
from sbmlqsp.expressions import Expr, evaluate, num

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["Generators", "evaluate_outputs", "key_of"]

Array = tuple[tuple[str, ...], Any]
"""Names of dimensions, and values."""

_REDUCE: dict[str, Callable[[Any], Any]] = {
    "all_min": np.nanmin, "all_max": np.nanmax, "all_sum": np.nansum, "all_product": np.nanprod,
}  # fmt: skip


def evaluate_outputs(content: Content, models: Models) -> dict[str, xr.Dataset]:
    """Run what the outputs of a document need, and return each as a Dataset."""
    asked = {g for o in content.outputs.values() for g in _data_of(o)}
    generators = Generators(content, models)
    values = generators.values(sorted(asked))
    return {o.id: _dataset(o, {k: values[k] for k in _data_of(o)}) for o in content.outputs.values()}


def _data_of(output: Report | Plot) -> list[str]:
    if isinstance(output, Report):
        return [s.data for s in output.sets]
    return [d for c in output.curves for d in (c.x, c.y)]


def key_of(content: Content, models: Models, variable: Variable) -> tuple[str, str]:
    """Return the model and the key of a variable of a data generator.

    Raises
    ------
    DataError
        The task or the model is missing, or several models could be meant.
    UnsupportedError
        It refers to external data.
    """
    if variable.target.startswith("#"):
        raise UnsupportedError("external data are not read", value=variable.target, where=variable.where,
                               remedy="read the data file apart, and compare it with the reports")  # fmt: skip
    if not variable.task:
        raise DataError("the variable names no task", where=variable.where)
    inside = {t.model: t for t in leaves_of(content, variable.task, where=variable.where)}
    if variable.model and variable.model not in inside:
        raise DataError(f"the task '{variable.task}' does not run the model '{variable.model}'", where=variable.where)
    if not variable.model and len(inside) > 1:
        raise DataError(f"the task '{variable.task}' runs several models, and the variable does not say which",
                        value=sorted(inside), where=variable.where)  # fmt: skip
    model = variable.model or next(iter(inside))
    if not variable.target:
        if variable.symbol not in TIMES:
            raise UnsupportedError("the symbol of a variable is not known here", value=variable.symbol,
                                   where=variable.where, expected=", ".join(sorted(TIMES)))  # fmt: skip
        return model, TIME_KEY
    loaded = models.get(model, where=variable.where)
    symbol = "" if variable.symbol in TIMES else variable.symbol
    if symbol != variable.symbol:
        raise DataError("the variable is both time and an element of the model", where=variable.where)
    return model, meaning_of(loaded.model.network, loaded.symbol(variable.target, variable.where), symbol,
                             where=variable.where)  # fmt: skip


class Generators:
    """Evaluates data generators, running each task that they read once."""

    def __init__(self, content: Content, models: Models) -> None:
        self._content, self._models = content, models

    def values(self, names: Iterable[str]) -> dict[str, Array]:
        """Return the values of data generators."""
        chosen = [self._generator(n) for n in names]
        read = {v: key_of(self._content, self._models, v) for g in chosen for v in g.calculation.variables}
        trees = dict(self._trees(read))
        return {g.id: _evaluated(g, {v.id: self._of(v, trees[v.task], read[v]) for v in g.calculation.variables})
                for g in chosen}  # fmt: skip

    def _of(self, variable: Variable, tree: Leaf | Branch, read: tuple[str, str]) -> Array:
        return brought_to_one(variable, *_gathered(tree, *read), self._content)

    def _generator(self, name: str) -> DataGenerator:
        found = self._content.generators.get(name)
        if found is None:
            raise DataError(f"there is no data generator '{name}'",
                            remedy=did_you_mean(name, self._content.generators))  # fmt: skip
        return found

    def _trees(self, read: Mapping[Variable, tuple[str, str]]) -> Iterator[tuple[str, Leaf | Branch]]:
        wants: dict[str, dict[str, list[str]]] = {}
        places = {v.task: v.where for v in read}
        for variable, (model, key) in read.items():
            keys = wants.setdefault(variable.task, {}).setdefault(model, [])
            if key not in {*keys, TIME_KEY}:
                keys.append(key)
        runner = Runner(self._content, self._models)
        for task, keys_by_model in wants.items():
            yield task, runner.run(task, keys_by_model, where=places[task])


# ---------------------------------------------------------------------------------------------------------- gathering
def _gathered(tree: Leaf | Branch, model: str, key: str) -> Array:
    """Return the values of a key in the runs of a model, a dimension per repetition."""
    if isinstance(tree, Leaf):
        if key not in tree.arrays:
            raise DataError("a steady state has no time", expected="a variable of the model")
        values = np.asarray(tree.arrays[key], dtype=float)
        return (("time",) if values.ndim else (), values)
    rows = [[_gathered(t, model, key) for t in row if model in _models_in(t)] for row in tree.iterations]
    if tree.task.concatenate:
        return _joined(tree, [part for row in rows for part in row])
    stacked = [_stacked(row, f"{tree.task.id}_subtask", tree) if len(row) > 1 else row[0] for row in rows]
    return _stacked(stacked, tree.task.id, tree)


def _models_in(tree: Leaf | Branch) -> set[str]:
    if isinstance(tree, Leaf):
        return {tree.model}
    return {m for t in tree.iterations[0] for m in _models_in(t)}


def _stacked(parts: list[Array], name: str, tree: Branch) -> Array:
    dims, shape = parts[0][0], parts[0][1].shape
    if any(p[0] != dims or p[1].shape != shape for p in parts):
        raise UnsupportedError("the subtasks of a repetition have results of different lengths", where=tree.task.where,
                               remedy="set concatenate to true, or repeat them apart")  # fmt: skip
    return (name, *dims), np.stack([p[1] for p in parts])


def _joined(tree: Branch, parts: list[Array]) -> Array:
    if any(len(dims) > 1 for dims, _ in parts):
        raise UnsupportedError("results of several dimensions are to be concatenated", where=tree.task.where)
    along = "time" if any(dims for dims, _ in parts) else tree.task.id
    return (along,), np.concatenate([np.atleast_1d(values) for _, values in parts])


# --------------------------------------------------------------------------------------------------------- evaluating
def _evaluated(generator: DataGenerator, read: Mapping[str, Array]) -> Array:
    calculation = generator.calculation
    expr = _reduced(calculation.expr, read)
    used = {k: v for k, v in read.items() if k in expr.symbols()}
    large = [a for a in used.values() if a[0]]
    if any(a[1].shape != large[0][1].shape for a in large):
        raise DataError(
            "the variables of a formula have results of different shapes", where=calculation.where,
            value={k: a[1].shape for k, a in used.items()}, expected="one shape",
        )  # fmt: skip
    dims, shape = (large[0][0], large[0][1].shape) if large else ((), ())
    env = {k: a[1] for k, a in used.items()} | dict(calculation.parameters)
    return dims, np.broadcast_to(np.asarray(evaluate(expr, env), dtype=float), shape)


def _reduced(expr: Expr, read: Mapping[str, Array]) -> Expr:
    """Return the formula with the least, the largest, the sum or the product of a variable as numbers."""
    if expr.op in AGGREGATES.values():
        name = str(expr.args[0].value)
        if name not in read:
            raise DataError("a function of all values is of no variable", value=name)
        return num(float(_REDUCE[expr.op](read[name][1])))
    return Expr(expr.op, tuple(_reduced(a, read) for a in expr.args), expr.value, expr.unit)


def _dataset(output: Report | Plot, values: Mapping[str, Array]) -> xr.Dataset:
    import xarray as xr

    names: dict[tuple[str, int], str] = {}
    columns: dict[str, Any] = {}
    for name, label, data in _columns(output):
        dims, array = values[data]
        if name == "time":
            dims, array = _one_course(dims, array)
        own = tuple(_dimension(d, n, names) for d, n in zip(dims, array.shape, strict=True))
        columns[name] = (own, array, {"long_name": label})
    clashing = {d for name, (own, _, _) in columns.items() for d in own if d in columns and own != (d,)}
    clashing |= {d for d in clashing if columns[d][0] != (d,)}
    found = {k: (tuple(f"{d}_step" if d in clashing and columns[d][0] != (d,) else d for d in own), *rest)
             for k, (own, *rest) in columns.items()}  # fmt: skip
    return xr.Dataset(found, attrs={"id": output.id, "title": output.name})


def _one_course(dims: tuple[str, ...], array: Any) -> Array:
    """Return times without the dimensions along which they do not change."""
    while array.ndim > 1 and (array == array[:1]).all():
        dims, array = dims[1:], array[0]
    return dims, array


def _columns(output: Report | Plot) -> Iterator[tuple[str, str, str]]:
    if isinstance(output, Report):
        yield from ((s.id, s.label, s.data) for s in output.sets)
        return
    for curve in output.curves:
        yield f"{curve.id}_x", curve.x, curve.x
        yield f"{curve.id}_y", curve.name or curve.y, curve.y


def _dimension(name: str, size: int, names: dict[tuple[str, int], str]) -> str:
    """Return a dimension's name, with a number where one of that name has another size."""
    if (name, size) not in names:
        others = sum(n == name for n, _ in names)
        names[name, size] = f"{re.sub(r'_[0-9]+$', '', name)}_{others + 1}" if others else name
    return names[name, size]
