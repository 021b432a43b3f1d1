"""Results to Parquet and back, bit for bit."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sbmlqsp.errors import DataError
from sbmlqsp.files import read_regular, written
from sbmlqsp.results.dataset import DIMS, spread
from sbmlqsp.results.occasions import flattened, restored

if TYPE_CHECKING:
    import os

    import pyarrow as pa
    import xarray as xr
    from numpy.typing import NDArray

_FORMAT = 1
_KEY = b"sbmlqsp.results"
_TYPE = re.compile(r"\|O|\|b1|\|[iu]1|[<>][iu][248]|[<>]f[248]|[<>]U\d{1,6}")
_MOST_TEXT = 2**31
_ODD = (ValueError, TypeError, LookupError, AttributeError, OverflowError, NotImplementedError)
"""What is raised where parts of a layout do not fit each other, such as a coordinate along another dimension."""


def write_results(ds: xr.Dataset, path: str | os.PathLike[str]) -> Path:
    """Write results to one Parquet file, whole or not at all, without loss.

    The file is a long table that any Parquet reader understands: one row per run and time, one column per observable,
    covariate and label. Units and provenance are in its schema metadata ("sbmlqsp.units", "sbmlqsp.provenance").

    Parameters
    ----------
    ds : xarray.Dataset
        Results.
    path : path
        Ends in ".parquet"; an earlier file of that name is replaced at once.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    DataError
        The name does not end in .parquet, is a folder or in none, or the Dataset holds what a table cannot.

    Examples
    --------
    >>> import tempfile
    >>> from sbmlqsp.results import make_dataset
    >>> ds = make_dataset({"C": [[[[4.0]]]]}, experiments=["A"], subjects=[1], replicates=[0], time=[0], time_unit="h")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     read_results(write_results(ds, folder + "/run.parquet")).identical(ds)
    True
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    target = Path(path)
    if target.suffix != ".parquet" or target.is_dir() or not target.parent.is_dir():
        raise DataError(
            "results cannot be written here",
            value=str(path),
            expected="a file name that ends in .parquet, in a folder that exists",
        )
    table = _to_table(flattened(ds))
    text = [f.name for f in table.schema if pa.types.is_dictionary(f.type)]
    # A dictionary would merge zeros and NaNs that differ in their bits, so that numbers are written plain.
    split = [f.name for f in table.schema if pa.types.is_floating(f.type)]
    with written(target) as partial:
        pq.write_table(
            table,
            partial,
            compression="zstd",
            use_dictionary=text,
            use_byte_stream_split=split,
            write_page_checksum=True,
        )
    return target


def _to_table(ds: xr.Dataset) -> pa.Table:
    import pyarrow as pa

    if "time" not in ds.sizes or not set(map(str, ds.sizes)) <= set(DIMS) or 0 in ds.sizes.values():
        raise DataError(
            "this is not a Dataset of results", value=dict(ds.sizes), expected=f"dimensions {DIMS}, not empty"
        )
    sizes = {d: ds.sizes[d] for d in DIMS if d in ds.sizes}
    columns, layout = {}, {}
    for name, var in ds.variables.items():
        columns[str(name)] = _column(str(name), var, sizes)
        layout[str(name)] = {
            "dims": list(var.dims),
            "dtype": var.dtype.str,
            "coord": name in ds.coords,
            "attrs": var.attrs,
            "nan": var.dtype.kind == "O" and any(_missing(v) and v is not None for v in var.values.flat),
        }
    try:
        text = json.dumps({"format": _FORMAT, "sizes": sizes, "variables": layout, "attrs": ds.attrs})
    except TypeError as err:
        raise DataError(f"an attribute cannot be written: {err}", expected="text, numbers, lists and dicts") from None
    units = {n: v["attrs"]["units"] for n, v in layout.items() if "units" in v["attrs"]}
    about = {_KEY: text, b"sbmlqsp.units": json.dumps(units), b"sbmlqsp.provenance": ds.attrs.get("provenance", "{}")}
    return pa.table(columns).replace_schema_metadata(about)


def _column(name: str, var: xr.Variable, sizes: dict[str, int]) -> pa.Array:
    """Return a variable repeated along the dimensions it lacks, text as numbers into a list of its words."""
    import pyarrow as pa
    import xarray as xr

    values = np.asarray(var.values)
    words: dict[str, int] = {}
    text = values.dtype.kind in "OU"
    if text:
        flat = [None if _missing(v) else v for v in values.ravel().tolist()]
        if bad := [v for v in flat if v is not None and type(v) is not str]:
            raise DataError(f"'{name}' holds what is neither text nor numbers", value=bad[0])
        codes = [-1 if v is None else words.setdefault(v, len(words)) for v in flat]
        values = np.array(codes, np.int32).reshape(values.shape)
    elif values.dtype.kind not in "iufb":
        raise DataError(f"'{name}' holds what is neither text nor numbers", value=str(values.dtype))
    rows = spread(xr.Variable(var.dims, values), sizes).ravel()
    if not text:
        return pa.array(rows)
    return pa.DictionaryArray.from_arrays(pa.array(rows, mask=rows < 0), pa.array(list(words), pa.string()))


def _missing(value: object) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def read_results(path: str | os.PathLike[str]) -> xr.Dataset:
    """Read results that `write_results` wrote.

    Parameters
    ----------
    path : path
        The file.

    Returns
    -------
    xarray.Dataset
        Equal, bit for bit, to what was written.

    Raises
    ------
    DataError
        There is no such file, or it is not one of results, truncated or damaged.

    Examples
    --------
    >>> read_results("nowhere.parquet")
    Traceback (most recent call last):
    sbmlqsp.errors.DataError: There is no such file (got 'nowhere.parquet').
    """
    import xarray as xr

    table, layout = _read(Path(path))
    sizes = layout["sizes"]
    data: dict[str, Any] = {}
    coords: dict[str, Any] = {}
    try:
        for name, about in layout["variables"].items():
            part = coords if about["coord"] else data
            part[name] = (tuple(about["dims"]), _values(table.column(name), about, sizes), about["attrs"])
        return restored(xr.Dataset(data, coords=coords, attrs=layout["attrs"]))
    except _ODD as err:
        raise _damaged(path) from err


def _read(path: Path) -> tuple[pa.Table, dict[str, Any]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    if path.is_dir():
        raise DataError("a folder was given where a file of results was expected", value=str(path))
    if not path.exists():
        raise DataError("there is no such file", value=str(path))
    try:
        ours = read_regular(path, 4) == b"PAR1"
    except OSError as err:
        raise DataError(f"the file cannot be read: {err.strerror or err}", value=str(path)) from None
    if not ours:
        raise DataError("this is not a Parquet file", value=str(path), remedy="write it with write_results")
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            table = file.read()
    except (pa.ArrowException, OSError, ValueError) as err:
        raise DataError(
            "the file is truncated or damaged",
            value=str(path),
            where=f"Parquet ({err})",
            remedy="write the results again",
        ) from None
    layout = _layout((table.schema.metadata or {}).get(_KEY, b"{}"), str(path))
    if layout["format"] > _FORMAT or set(layout["variables"]) - set(table.column_names):
        raise DataError(
            "the file was written by a later version, or changed since", value=str(path), remedy="update sbmlqsp"
        )
    if table.num_rows != math.prod(layout["sizes"].values()):
        raise DataError("the file has lost or gained rows since it was written", value=str(path))
    return table, layout


def _layout(text: bytes, where: str) -> dict[str, Any]:
    """Return what the file says of its variables, every part of it of its kind."""
    try:
        layout = json.loads(text)
    except (ValueError, RecursionError):
        layout = None
    if isinstance(layout, dict) and "format" not in layout:
        raise DataError(
            "this Parquet file does not hold results of sbmlqsp", value=where, remedy="read it with pandas.read_parquet"
        )
    if not isinstance(layout, dict) or not _is_whole(layout):
        raise _damaged(where)
    return layout


def _damaged(path: object) -> DataError:
    remedy = "write the results again"
    return DataError("what the file says of its variables is damaged", value=str(path), remedy=remedy)


def _is_whole(layout: dict[str, Any]) -> bool:
    sizes, variables = layout.get("sizes"), layout.get("variables")
    if type(layout["format"]) is not int or not isinstance(sizes, dict) or not isinstance(variables, dict):
        return False
    if not set(sizes) <= set(DIMS) or not all(type(n) is int and n > 0 for n in sizes.values()):
        return False
    return isinstance(layout.get("attrs"), dict) and all(_is_variable(about, sizes) for about in variables.values())


def _is_variable(about: object, sizes: dict[str, int]) -> bool:
    if not isinstance(about, dict) or not isinstance(about.get("attrs"), dict):
        return False
    if type(about.get("coord")) is not bool or type(about.get("nan")) is not bool:
        return False
    dims = about.get("dims")
    if not isinstance(dims, list) or not all(isinstance(d, str) and d in sizes for d in dims):
        return False
    if len(set(dims)) != len(dims):
        return False
    kind = about.get("dtype")
    return isinstance(kind, str) and _TYPE.fullmatch(kind) is not None


def _values(column: pa.ChunkedArray, about: dict[str, Any], sizes: dict[str, int]) -> NDArray[Any]:
    """Return one variable from the rows where the dimensions it lacks are at their start."""
    import pyarrow as pa
    import xarray as xr

    rows = xr.Variable(tuple(sizes), np.arange(math.prod(sizes.values())).reshape(*sizes.values()))
    first = rows.isel({d: 0 for d in sizes if d not in about["dims"]}).transpose(*about["dims"]).values
    taken = column.take(pa.array(first.ravel()))
    kind = np.dtype(about["dtype"])
    if pa.types.is_dictionary(column.type):
        return _words(taken.to_pylist(), kind, math.nan if about["nan"] else None).reshape(first.shape)
    if kind.newbyteorder("=") != np.dtype(column.type.to_pandas_dtype()):  # or numbers would be cut to fit
        raise ValueError(f"the column holds {column.type}, not {kind}")
    return np.asarray(taken.to_numpy(), dtype=kind).reshape(first.shape)


def _words(texts: list[str | None], kind: np.dtype[Any], empty: float | None) -> NDArray[Any]:
    if kind.kind not in "OU" or (kind.kind == "U" and len(texts) * kind.itemsize > _MOST_TEXT):
        raise ValueError(f"text is no {kind}")
    if kind.kind == "U" and any(text is None or len(text) > kind.itemsize // 4 for text in texts):
        raise ValueError("a text would be cut")
    return np.array([empty if text is None else text for text in texts], kind)
