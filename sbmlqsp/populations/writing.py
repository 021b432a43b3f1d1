"""Populations to TOML, only where the file reads back as the same population."""

from __future__ import annotations

import dataclasses
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sbmlqsp.errors import DataError, QSPError
from sbmlqsp.files import written
from sbmlqsp.populations.correlation import pair_of
from sbmlqsp.populations.demographics import Demographics
from sbmlqsp.populations.files import read_population
from sbmlqsp.populations.population import Population

__all__ = ["population_files", "write_population"]

_PLAIN = ("parameters", "typical")
_NOUNS = ("covariates", "variability", "occasion_variability", "cell_variability")
_PAIRS = ("omega", "occasion_omega", "cell_omega", "correlations")


def write_population(population: Population, path: str | os.PathLike[str]) -> Path:
    r"""Write a population as TOML; a table of its people goes beside it, as ``NAME_people.csv``.

    Parameters
    ----------
    population : Population
    path : str or Path

    Returns
    -------
    Path

    Raises
    ------
    DataError
        The file would not read back as the same population, as where levels of a covariate are numbers. Or the folder
        is missing.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import sbmlqsp as qsp
    >>> population = qsp.Population({"CL": 4.0}, variability={"CL": qsp.Variability("log-normal", cv=0.3)})
    >>> print(write_population(population, pathlib.Path(tempfile.mkdtemp(), "people.toml")).read_text())
    id = "population"
    <BLANKLINE>
    [parameters]
    "CL" = 4.0
    <BLANKLINE>
    [variability."CL"]
    kind = "log-normal"
    cv = 0.3
    <BLANKLINE>
    """
    target = Path(path)
    if not target.parent.is_dir():
        raise DataError(f"there is no folder '{target.parent}'", value=str(target), remedy="make the folder first")
    for name, text in population_files(population, name=target.name).items():
        with written(target.parent / name) as partial:
            partial.write_text(text, encoding="utf-8", newline="\n")
    return target


def population_files(population: Population, *, name: str) -> dict[str, str]:
    """Return the text of a population's file, and of the table of people that it names, by file name."""
    table = f"{Path(name).stem}_people.csv"
    out = {name: "\n".join(_lines(population, table)) + "\n"}
    if population.tabled:
        out[table] = population.people.to_csv(index=False, lineterminator="\n")  # type: ignore[union-attr]
    _refuse_other(population, out, name)
    return out


def _lines(population: Population, table: str) -> Iterator[str]:
    yield f"id = {_value(population.id)}"
    if population.tabled:
        yield f"people = {_value(table)}"
    if population.derived and not any(population.derived.values()):
        yield f"derived = {_value(list(population.derived))}"
    elif population.derived:
        yield from _section("derived", population.derived)
    if isinstance(population.people, Demographics):
        yield from _section("demographics", _fields(population.people))
    for part in _PLAIN:
        yield from _section(part, getattr(population, part))
    for part in _NOUNS:
        for key, noun in getattr(population, part).items():
            yield from _section(f"{part}.{_value(key)}", _fields(noun))
    for part in _PAIRS:
        pairs = {", ".join(pair_of(k, part)): float(v) for k, v in dict(getattr(population, part)).items()}
        yield from _section(part, pairs)
    yield from _section("uncertainty", _covariances(population))


def _section(name: str, content: Mapping[str, Any]) -> Iterator[str]:
    if content:
        yield ""
        yield f"[{name}]"
        plain = name.partition(".")[0] in {*_NOUNS, "demographics"}
        yield from (f"{k if plain else _value(k)} = {_value(v)}" for k, v in content.items())


def _fields(noun: Any) -> dict[str, Any]:
    """Return the fields of a noun that are not what they are where nothing is said."""
    out = {}
    for f in dataclasses.fields(noun):
        value = getattr(noun, f.name)
        default = f.default_factory() if f.default_factory is not dataclasses.MISSING else f.default
        if f.name != "_" and value is not None and value != default:
            out[f.name] = value
    if isinstance(noun, Demographics) and noun.age_weights:
        out.pop("age", None)  # what the brackets span
        out["age_weights"] = {f"{low:g}-{high:g}": share for (low, high), share in noun.age_weights.items()}
    return out


def _covariances(population: Population) -> dict[str, float]:
    full, names = population.uncertainty_matrix, list(population.typical)
    if full is None:
        return {}
    return {f"{a}, {b}": float(full[i, j]) for i, a in enumerate(names) for j, b in enumerate(names)
            if i <= j and full[i, j] != 0}  # fmt: skip


def _value(value: Any) -> str:
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, int | np.integer):
        return str(int(value))
    if isinstance(value, float | np.floating):
        return repr(float(value))
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_value(str(k))} = {_value(v)}" for k, v in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_value, value)) + "]"
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")


# ---------------------------------------------------------------------------------------------------------- comparing
def _refuse_other(population: Population, files: Mapping[str, str], name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for file, text in files.items():
            Path(folder, file).write_text(text, encoding="utf-8", newline="\n")
        try:
            back = read_population(Path(folder, name))
            lost = [f.name for f in dataclasses.fields(population) if not _same(population, back, f.name)]
        except QSPError as err:
            raise DataError(f"the population cannot be written: {err.what}", where=f"the population '{population.id}'",
                            value=err.value) from None  # fmt: skip
    if lost:
        raise DataError("a file cannot say this of the population", value=lost,
                        where=f"the population '{population.id}'")  # fmt: skip


def _same(a: Population, b: Population, name: str) -> bool:
    mine, yours = getattr(a, name), getattr(b, name)
    if name == "uncertainty":
        left, right = a.uncertainty_matrix, b.uncertainty_matrix
        return (left is None) == (right is None) and (left is None or np.array_equal(left, right))
    if name == "people" and a.tabled:
        columns = list(map(str, mine.columns)) == list(map(str, yours.columns)) and len(mine) == len(yours)
        return columns and all(_equal(mine[c].to_numpy(), yours[c].to_numpy()) for c in mine.columns)
    if name in _PAIRS:
        return {frozenset(pair_of(k, name)): v for k, v in dict(mine).items()} == {
            frozenset(pair_of(k, name)): v for k, v in dict(yours).items()
        }
    return bool(mine == yours)


def _equal(mine: Any, yours: Any) -> bool:
    if mine.dtype.kind in "fiub" and yours.dtype.kind in "fiub":
        return bool(np.array_equal(mine.astype(float), yours.astype(float), equal_nan=True))
    return [str(v) for v in mine] == [str(v) for v in yours]
