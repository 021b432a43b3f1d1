"""The Dataset itself: built, and read by name."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from sbmlqsp.errors import DataError, did_you_mean
from sbmlqsp.results.occasions import BEGIN, OCCASION

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import pandas as pd
    import xarray as xr
    from numpy.typing import ArrayLike, NDArray

DIMS = ("experiment", "subject", "replicate", "time")
_RUN = DIMS[:3]
_NAMELESS = {"experiment": "", "subject": 0, "replicate": 0}
_RESERVED = {*DIMS, "status", "message"}


def make_dataset(
    values: Mapping[str, ArrayLike],
    *,
    experiments: Sequence[str],
    subjects: Sequence[str] | Sequence[int],
    replicates: Sequence[int],
    time: ArrayLike,
    time_unit: str,
    units: Mapping[str, str] | None = None,
    meanings: Mapping[str, str] | None = None,
    status: ArrayLike | None = None,
    messages: ArrayLike | None = None,
    subject_table: pd.DataFrame | None = None,
    varying: Mapping[str, ArrayLike] | None = None,
    occasion_start: tuple[str, ArrayLike] | None = None,
    provenance: str = "{}",
    doses: Iterable[Mapping[str, Any]] = (),
) -> xr.Dataset:
    """Build the Dataset that every simulation returns.

    Parameters
    ----------
    values : mapping of str to array
        For every observable an array of shape (experiments, subjects, replicates, times).
    experiments, subjects, replicates : sequence
        The labels; subjects are all text or all whole numbers.
    time : array
        Times, never falling, in ``time_unit``.
    time_unit : str
        Such as "h".
    units, meanings : mapping of str to str, optional
        Unit of each observable, and what it is in words.
    status : array of int, optional
        Of shape (experiments, subjects, replicates); 0 is a run that went well. All 0 where not given.
    messages : array of str, optional
        What went wrong, of the same shape.
    subject_table : DataFrame, optional
        One row per subject in the order of ``subjects``; its columns become coordinates on ``subject``.
    varying : mapping of str to array, optional
        What varies within a subject, each of shape (subjects, occasions).
    occasion_start : (str, array), optional
        From when the occasions hold: of shape (experiments, occasions) after "experiment", or (subjects, occasions)
        after "subject".
    provenance : str
        JSON that says how the result came about.
    doses : iterable of mapping
        The dose calendar: experiment, time, amount, unit, target and duration of each dose, in ``time_unit``.

    Returns
    -------
    xarray.Dataset

    Raises
    ------
    DataError
        A shape does not fit, a label is missing, or a name is used twice.

    Examples
    --------
    >>> ds = make_dataset({"C": [[[[4.0, 2.0, 1.0]]]]}, experiments=["A"], subjects=[1], replicates=[0],
    ...                   time=[0, 1, 2], time_unit="h", units={"C": "mg/L"})
    >>> dict(ds.sizes)
    {'experiment': 1, 'subject': 1, 'replicate': 1, 'time': 3}
    >>> ds["C"].attrs["units"]
    'mg/L'
    """
    import xarray as xr

    axes = [_labels(n, v) for n, v in zip(_RUN, (experiments, subjects, replicates), strict=True)]
    grid = np.asarray(time, dtype=float)
    if grid.ndim != 1 or not len(grid) or not np.isfinite(grid).all() or (np.diff(grid) < 0).any():
        raise DataError("the times of a result are not a list of finite numbers that never falls", value=time)
    shape = (*(len(a) for a in axes), len(grid))
    units, meanings = units or {}, meanings or {}
    data: dict[str, Any] = {}
    for name, array in values.items():
        if name in _RESERVED:
            raise DataError(f"the observable '{name}' has a reserved name", remedy="give it another id")
        attrs = {"units": units.get(name, "")} | ({"long_name": meanings[name]} if meanings.get(name) else {})
        data[name] = (DIMS, _shaped(name, np.asarray(array, dtype=float), shape), attrs)
    good = np.zeros(shape[:3], np.int8) if status is None else np.asarray(status, np.int8)
    text = np.full(shape[:3], "", object) if messages is None else np.asarray(messages, object)
    data["status"] = (_RUN, _shaped("status", good, shape[:3]))
    data["message"] = (_RUN, _shaped("message", text, shape[:3]))
    coords: dict[str, Any] = dict(zip(_RUN, ((n, a) for n, a in zip(_RUN, axes, strict=True)), strict=True))
    coords["time"] = ("time", grid, {"units": time_unit})
    coords.update(_subject_coords(subject_table, axes[1], set(values)))
    coords.update(_occasion_coords(varying or {}, occasion_start, set(values)))
    attrs = {"provenance": provenance, "doses": json.dumps([dict(d) for d in doses], default=float)}
    return xr.Dataset(data, coords=coords, attrs=attrs)


def _labels(name: str, labels: Sequence[Any]) -> NDArray[Any]:
    array = np.asarray(labels)
    if array.ndim != 1 or not len(array) or len({type(v) is str or isinstance(v, np.str_) for v in labels}) > 1:
        raise DataError(f"the labels of '{name}' are not a list of one kind", value=labels, expected="text or numbers")
    if len(set(array.tolist())) < len(array):
        raise DataError(f"a label of '{name}' is used twice", value=labels, remedy="give each its own name")
    return array


def _shaped(name: str, array: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    if array.shape != shape:
        raise DataError(f"the values of '{name}' have the wrong shape", value=array.shape, expected=str(shape))
    return array


def _subject_coords(table: pd.DataFrame | None, subjects: NDArray[Any], taken: set[str]) -> dict[str, Any]:
    """Return the columns of the subject table as coordinates, in plain NumPy types."""
    if table is None:
        return {}
    if len(table) != len(subjects):
        raise DataError(
            "the subject table does not have one row per subject", value=len(table), expected=f"{len(subjects)} rows"
        )
    coords = {}
    for column in map(str, table.columns):
        values = _plain(table[column])
        if column in {"ID", "subject"} and np.array_equal(values.astype(str), subjects.astype(str)):
            continue  # the ids are the dimension itself
        if column in _RESERVED | taken:
            raise DataError(
                f"the subject table has a column '{column}', which is also an observable or a dimension",
                remedy="rename the column or the observable",
            )
        coords[column] = ("subject", values)
    return coords


def _occasion_coords(
    varying: Mapping[str, ArrayLike], begin: tuple[str, ArrayLike] | None, taken: set[str]
) -> dict[str, Any]:
    import pandas as pd

    if begin is None:
        return {}
    dims, starts = (begin[0], OCCASION), np.asarray(begin[1], dtype=float)
    out: dict[str, Any] = {OCCASION: (OCCASION, np.arange(1, starts.shape[1] + 1)), BEGIN: (dims, starts)}
    for name, values in varying.items():
        if name in _RESERVED | taken | {OCCASION, BEGIN}:
            raise DataError(f"what varies within subjects has a reserved name, '{name}'", remedy="rename the column")
        array = np.asarray(values)
        out[name] = (("subject", OCCASION), _plain(pd.Series(array.ravel())).reshape(array.shape))
    return out


def _plain(column: pd.Series[Any]) -> NDArray[Any]:
    from pandas.api.types import is_bool_dtype, is_numeric_dtype

    if is_numeric_dtype(column.dtype) and not (is_bool_dtype(column.dtype) and not column.isna().any()):
        nullable = column.isna().any()
        return np.asarray(column.to_numpy(dtype=float, na_value=np.nan) if nullable else column.to_numpy())
    if is_bool_dtype(column.dtype):
        return column.to_numpy(dtype=bool)
    return np.array([None if missing else str(v) for v, missing in zip(column, column.isna(), strict=True)], object)


def as_results(ds: xr.Dataset) -> xr.Dataset:
    """Return the Dataset with all four dimensions in order, so that ``ds.sel(experiment="A")`` serves as well.

    Raises
    ------
    DataError
        It is not a Dataset of results, or its time was selected away.

    Examples
    --------
    >>> ds = make_dataset({"C": [[[[1.0]]]]}, experiments=["A"], subjects=[1], replicates=[0], time=[0], time_unit="h")
    >>> as_results(ds.isel(experiment=0))["C"].dims
    ('experiment', 'subject', 'replicate', 'time')
    """
    kind = type(ds).__name__
    if kind != "Dataset":
        remedy = "give the Dataset whole, not one variable of it" if kind == "DataArray" else None
        raise DataError("a Dataset of results was expected", value=kind, remedy=remedy)
    if "time" not in ds.sizes:
        raise DataError("the Dataset has no dimension 'time'", remedy="keep it by a list, as in ds.isel(time=[-1])")
    if strange := set(map(str, ds.sizes)) - {*DIMS, OCCASION}:
        raise DataError("the Dataset has other dimensions than those of results", value=sorted(strange))
    absent = [d for d in _RUN if d not in ds.sizes]
    # What describes the subject loses its dimension with it.
    single = [n for n, c in ds.coords.items() if not set(c.dims) - {OCCASION} and n not in (*DIMS, OCCASION)]
    single = single if "subject" in absent else []
    about = {n: (("subject", *ds[n].dims), ds[n].to_numpy()[None], ds[n].attrs) for n in single}
    ds = ds.drop_vars(single).assign_coords({d: _NAMELESS[d] for d in absent if d not in ds.coords})
    return ds.expand_dims(absent).assign_coords(about).transpose(*DIMS, ...)


def spread(variable: xr.Variable, sizes: Mapping[str, int]) -> NDArray[Any]:
    """Return a variable's values repeated along the dimensions of ``sizes`` that it lacks, in their order."""
    own = variable.transpose(*(d for d in sizes if d in variable.dims))
    shape = [n if d in own.dims else 1 for d, n in sizes.items()]
    return np.broadcast_to(np.asarray(own.values).reshape(shape), tuple(sizes.values()))


def observable_names(ds: xr.Dataset, names: str | Sequence[str] | None = None) -> list[str]:
    """Return the observables asked for, all where none is named; `DataError` for a name there is not."""
    known = [str(n) for n, v in ds.data_vars.items() if "time" in v.dims]
    if names is None:
        return known
    chosen = [names] if isinstance(names, str) else list(names)
    for name in chosen:
        if name not in known:
            raise DataError(f"the results have no observable '{name}'", remedy=did_you_mean(name, known))
    return chosen


def covariate_names(ds: xr.Dataset) -> list[str]:
    """Return the names of what describes the subjects."""
    return [str(n) for n, c in ds.coords.items() if c.dims == ("subject",) and n != "subject"]


def failed(ds: xr.Dataset) -> NDArray[np.bool_]:
    """Return which runs failed, of shape (experiments, subjects, replicates)."""
    if "status" not in ds:
        return np.zeros([ds.sizes[d] for d in _RUN], dtype=bool)
    return np.asarray(ds["status"].to_numpy() != 0)


def good_values(ds: xr.Dataset, name: str) -> NDArray[np.float64]:
    """Return an observable with NaN in place of failed runs and of values that are not finite."""
    values = np.asarray(ds[name].values, dtype=float)
    return np.where(np.isfinite(values) & ~failed(ds)[..., None], values, np.nan)


def asked(ds: xr.Dataset) -> NDArray[np.bool_]:
    """Return the times each experiment asked for, of shape (experiments, times).

    Experiments with other times share one grid, on which a time that an experiment did not ask for has no value in any
    of its runs. An experiment whose every run failed keeps all times.
    """
    has = [np.isfinite(ds[n].values) & ~failed(ds)[..., None] for n in observable_names(ds)]
    some = np.any(has, axis=(0, 2, 3)) if has else np.zeros((ds.sizes["experiment"], ds.sizes["time"]), bool)
    return np.asarray(some | ~some.any(axis=1, keepdims=True))


def dose_calendar(ds: xr.Dataset) -> list[dict[str, Any]]:
    """Return the doses of the experiments that are in the Dataset, in order of time."""
    names = {str(e) for e in np.atleast_1d(ds["experiment"].values)} if "experiment" in ds.coords else set()
    doses = json.loads(ds.attrs.get("doses", "[]"))
    return sorted((d for d in doses if not names or d["experiment"] in names), key=lambda d: float(d["time"]))
