"""What a result was made of: digests of what went in, and versions of what made it.

A record holds no date by default: the same inputs, seed and versions then give the same bytes, so that two results can
be compared as files. Pass ``created`` where a date is wanted.
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.metadata
import json
import math
import platform
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from datetime import date, time
from enum import Enum
from functools import lru_cache
from numbers import Integral, Real
from pathlib import PurePath
from typing import Any

import numpy as np

from sbmlqsp.errors import DataError
from sbmlqsp.streams import check_seed

__all__ = ["SINGLE_CELLS", "digest", "record", "to_json", "versions"]

SINGLE_CELLS = {"ssa": "exact jump process", "tau-leaping": "leaps over many jumps"}
"""The methods by which single cells are run, as the ``name`` among a record's inputs, and what they are."""

_PACKAGES = (
    "numpy", "pandas", "xarray", "pint", "scipy", "antimony", "libroadrunner", "python-libsbml", "numba", "pyarrow",
)  # fmt: skip
_LONG = 2000  # characters or entries, above which a record keeps a digest instead of the value


def digest(obj: object) -> str:
    """Return the SHA-256 of a value, the same in every process and on every platform.

    Parameters
    ----------
    obj : object
        A text or bytes (hashed as they are, so that ``sha256sum`` of the file agrees); numbers, None, lists, mappings,
        sets, dates, paths, dataclasses, numpy arrays, pandas tables, and nests of these. Arrays of numbers count
        with their type. The order of keys in a
        mapping does not matter, that of columns and rows in a table does. All NaN are one; 1 and 1.0 differ.

    Returns
    -------
    str
        64 hexadecimal digits.

    Raises
    ------
    DataError
        A value has no canonical form, such as a function.

    Examples
    --------
    >>> from sbmlqsp.provenance import digest
    >>> digest({"a": 1, "b": [2.5]}) == digest({"b": [2.5], "a": 1})
    True
    """
    if isinstance(obj, str | bytes):
        data = obj.encode("utf-8", "surrogatepass") if isinstance(obj, str) else obj
    else:
        data = b"sbmlqsp value 1\0" + json.dumps(_canonical(obj)).encode()
    return hashlib.sha256(data).hexdigest()


def versions() -> dict[str, str]:
    """Return the versions of this package, of Python, of the platform and of the engines.

    Returns
    -------
    dict of str to str
        "absent" for a package that is not installed. Nothing is imported to find out.

    Examples
    --------
    >>> from sbmlqsp.provenance import versions
    >>> sorted(versions())[-3:]
    ['sbmlqsp', 'scipy', 'xarray']
    """
    return dict(_versions())


def record(
    *, models: Mapping[str, str], inputs: Mapping[str, object], seed: int, created: str | None = None
) -> dict[str, Any]:
    """Return the provenance of one result.

    Parameters
    ----------
    models : mapping of str to str
        Digest of each model by its id; any other text, such as the SBML itself, is digested.
    inputs : mapping of str to object
        Whatever else decides the result. Short plain values are kept as they are; tables, arrays, objects and long
        values are kept as their type, shape and digest.
    seed : int
        The seed of the run.
    created : str, optional
        A date; none by default, so that equal runs give equal bytes.

    Returns
    -------
    dict
        Plain JSON values only; numbers that are not finite are the texts "NaN", "Infinity" and "-Infinity".

    Raises
    ------
    DataError
        An input has no canonical form.
    QSPError
        The seed is not usable.

    Examples
    --------
    >>> from sbmlqsp.provenance import record
    >>> record(models={}, inputs={"method": "ode"}, seed=1)["inputs"]
    {'method': 'ode'}
    """
    made: dict[str, Any] = {
        "schema": 1,
        "seed": check_seed(seed),
        "versions": versions(),
        "models": {str(k): v if re.fullmatch("[0-9a-f]{64}", v) else digest(v) for k, v in sorted(models.items())},
        "inputs": {str(k): _kept(v) for k, v in sorted(inputs.items())},
    }
    return made if created is None else {**made, "created": created}


def to_json(record: Mapping[str, Any]) -> str:
    """Return a record as one line of strict JSON, with keys in order.

    Examples
    --------
    >>> from sbmlqsp.provenance import to_json
    >>> to_json({"b": float("nan"), "a": 1})
    '{"a": 1, "b": "NaN"}'
    """
    return json.dumps(_kept(record, long=sys.maxsize), sort_keys=True, allow_nan=False, ensure_ascii=False)


@lru_cache(maxsize=1)
def _versions() -> tuple[tuple[str, str], ...]:
    from sbmlqsp import __version__

    found = {"sbmlqsp": __version__, "python": platform.python_version(), "platform": platform.platform()}
    for name in _PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "absent"
    return tuple(found.items())


def _float_text(x: float) -> float | str:
    """Return a finite number as it is; JSON has no others, so they become texts."""
    if math.isfinite(x):
        return x
    return "NaN" if math.isnan(x) else "Infinity" if x > 0 else "-Infinity"


_PLAIN: tuple[tuple[Any, Callable[[Any], Any]], ...] = (
    (type(None), lambda _: None),
    (bool | np.bool_, bool),
    (str, str),
    (Integral, int),
    (Real, lambda x: _float_text(float(x))),
    (PurePath, lambda path: path.as_posix()),
    (date | time, lambda day: day.isoformat()),
)


def _scalar(obj: object) -> Any:
    """Return a plain number, truth value, text or None; NotImplemented for anything else."""
    if isinstance(obj, Enum):
        return _scalar(obj.value)
    return next((plain(obj) for kind, plain in _PLAIN if isinstance(obj, kind)), NotImplemented)


def _kept(obj: object, *, long: int = _LONG) -> Any:
    """Return what a record keeps of a value: itself where it is short and plain, otherwise a description."""
    plain = _scalar(obj)
    if plain is not NotImplemented and not (isinstance(plain, str) and len(plain) > long):
        return plain
    if isinstance(obj, Mapping) and len(obj) <= long:
        return {str(k): _kept(v, long=long) for k, v in obj.items()}
    if isinstance(obj, list | tuple) and len(obj) <= long:
        return [_kept(v, long=long) for v in obj]
    shape = getattr(obj, "shape", None)
    size = {"shape": [int(n) for n in shape]} if isinstance(shape, tuple) else {}
    return {"type": type(obj).__name__, **size, "sha256": digest(obj)}


def _canonical(obj: Any) -> Any:
    """Return a JSON value that says everything about a value; kinds that JSON lacks are tagged lists."""
    plain = _scalar(obj)
    if plain is not NotImplemented:  # the text "NaN" and the number NaN must not meet
        return ["text", plain] if isinstance(obj, str) else plain
    for form in (_collection, _table, _fields):
        if (found := form(obj)) is not None:
            return found
    remedy = "give numbers, texts, lists, mappings, arrays, tables or dataclasses"
    raise DataError(f"a value of type '{type(obj).__name__}' has no canonical form", value=obj, remedy=remedy)


def _collection(obj: Any) -> Any:
    if isinstance(obj, bytes | bytearray):
        return ["bytes", bytes(obj).hex()]
    if isinstance(obj, list | tuple):
        return ["list", [_canonical(v) for v in obj]]
    if isinstance(obj, Mapping):
        return ["mapping", _sorted([_canonical(k), _canonical(v)] for k, v in obj.items())]
    if isinstance(obj, AbstractSet):
        return ["set", _sorted(_canonical(v) for v in obj)]
    return _array(obj) if isinstance(obj, np.ndarray) else None


def _fields(obj: Any) -> Any:
    if not dataclasses.is_dataclass(obj) or isinstance(obj, type):
        return None
    # Fields that play no part in equality (labels, caches) play none here.
    fields = [[f.name, _canonical(getattr(obj, f.name))] for f in dataclasses.fields(obj) if f.compare]
    return ["object", type(obj).__name__, fields]


def _sorted(values: Iterable[Any]) -> list[Any]:
    return sorted(values, key=json.dumps)


def _array(array: np.ndarray[Any, Any]) -> Any:
    kind = array.dtype.kind
    if kind not in "biufcMm":
        return ["array", list(array.shape), [_canonical(v) for v in array.ravel().tolist()]]
    if kind in "fc":
        array = np.where(np.isnan(array), np.array(np.nan, dtype=array.dtype), array)  # NaN have many bit patterns
    little = np.ascontiguousarray(array.astype(array.dtype.newbyteorder("<")))
    return ["array", list(array.shape), little.dtype.str, hashlib.sha256(little.tobytes()).hexdigest()]


def _table(obj: object) -> Any:
    """Return the canonical form of a pandas object, or None for anything else."""
    if "pandas" not in sys.modules:  # then there can be no table
        return None
    import pandas as pd

    if obj is pd.NA or obj is pd.NaT:
        return ["missing"]
    if isinstance(obj, pd.DataFrame):
        columns = [_column(obj.iloc[:, i]) for i in range(obj.shape[1])]
        return ["table", _column(obj.columns), _column(obj.index), columns]
    if isinstance(obj, pd.Series):
        return ["series", _canonical(obj.name), _column(obj.index), _column(obj)]
    return ["index", _column(obj)] if isinstance(obj, pd.Index) else None


def _column(values: Any) -> Any:
    """Return one column: numbers by their bytes, anything else value by value, missing ones alike."""
    import pandas as pd

    if isinstance(values.dtype, np.dtype) and values.dtype.kind in "biufc":
        return _array(values.to_numpy())
    if isinstance(values, pd.MultiIndex):
        return [_column(values.get_level_values(k)) for k in range(values.nlevels)]
    missing = pd.isna(values)
    return [["missing"] if gone else _canonical(v) for v, gone in zip(values.tolist(), missing, strict=True)]
