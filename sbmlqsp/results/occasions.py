"""What varies within a subject: coordinates over occasions, and the same as plain columns in a file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from sbmlqsp.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    import xarray as xr
    from numpy.typing import NDArray

__all__ = ["BEGIN", "OCCASION", "flattened", "in_force", "place", "restored", "table_of", "varying_names"]

OCCASION = "occasion"
BEGIN = "occasion_start"
"""The coordinate that says from when each occasion holds, by experiment or by subject; infinity where it has none."""


def varying_names(ds: xr.Dataset) -> list[str]:
    """Return the names of what varies within a subject."""
    return [str(n) for n, c in ds.coords.items() if set(c.dims) == {"subject", OCCASION} and n != BEGIN]


def table_of(ds: xr.Dataset, names: Sequence[str]) -> pd.DataFrame:
    """Return what describes the subjects as the table that ``simulate`` takes, with a row per subject or occasion."""
    import pandas as pd

    subjects = ds["subject"].to_numpy()
    plain = [n for n in names if ds[n].dims == ("subject",)]
    if OCCASION not in ds.sizes:
        return pd.DataFrame({n: ds[n].to_numpy() for n in plain}, index=pd.Index(subjects, name="subject"))
    timed = "subject" in ds[BEGIN].dims
    begin = ds[BEGIN].transpose("subject", OCCASION).to_numpy() if timed else None
    there = np.ones((len(subjects), ds.sizes[OCCASION]), dtype=bool) if begin is None else np.isfinite(begin)
    who, k = np.nonzero(there)
    marks = k + 1 if begin is None else begin[who, k]
    index = pd.MultiIndex.from_arrays([subjects[who], marks], names=["subject", "time" if timed else OCCASION])
    columns = {n: ds[n].to_numpy()[who] for n in plain}
    columns |= {n: ds[n].transpose("subject", OCCASION).to_numpy()[who, k] for n in names if n not in plain}
    return pd.DataFrame(columns, index=index)


def place(ds: xr.Dataset, dims: Sequence[str]) -> NDArray[np.int_]:
    """Return the position of the occasion that holds at each time of each run."""
    from sbmlqsp.results.dataset import spread

    sizes = {d: ds.sizes[d] for d in dims}
    begin = spread(ds[BEGIN].variable, {**sizes, OCCASION: ds.sizes[OCCASION]})
    time = spread(ds["time"].variable, sizes)
    return np.asarray(np.maximum((begin <= time[..., None]).sum(axis=-1) - 1, 0), dtype=int)


def in_force(ds: xr.Dataset, name: str, dims: Sequence[str]) -> NDArray[Any]:
    """Return what varies within a subject, at each time of each run.

    Returns
    -------
    ndarray
        Of the shape of ``dims``, in their order.
    """
    from sbmlqsp.results.dataset import spread

    sizes = {**{d: ds.sizes[d] for d in dims}, OCCASION: ds.sizes[OCCASION]}
    values = spread(ds[name].variable, sizes)
    return np.asarray(np.take_along_axis(values, place(ds, dims)[..., None], axis=-1)[..., 0])


def flattened(ds: xr.Dataset) -> xr.Dataset:
    """Return the Dataset with one coordinate per occasion, ``"pk.CL@2"``, instead of a dimension of occasions.

    Raises
    ------
    DataError
        A name has an ``@`` of its own.
    """
    if OCCASION not in ds.sizes:
        return ds
    names = [str(n) for n, c in ds.coords.items() if OCCASION in c.dims and n != OCCASION]
    if bad := [n for n in map(str, ds.variables) if "@" in n]:
        raise DataError("a name has an '@', which marks occasions in a file", value=bad[0], remedy="rename it")
    marks = ds[OCCASION].to_numpy().tolist() if OCCASION in ds.coords else list(range(1, ds.sizes[OCCASION] + 1))
    out = {}
    for name in names:
        for k, mark in enumerate(marks):
            out[f"{name}@{mark}"] = ds[name].isel({OCCASION: k}).drop_vars(OCCASION, errors="ignore").variable
    flat = ds.drop_vars([*names, *([OCCASION] if OCCASION in ds.coords else [])]).assign_coords(out)
    dims = {n: list(map(str, ds[n].dims)) for n in names}
    return flat.assign_attrs(occasions=json.dumps({"names": dims, "marks": marks}))


def restored(ds: xr.Dataset) -> xr.Dataset:
    """Return the Dataset that `flattened` was given."""
    if "occasions" not in ds.attrs:
        return ds
    about: Mapping[str, Any] = json.loads(ds.attrs["occasions"])
    coords: dict[str, Any] = {OCCASION: (OCCASION, np.array(about["marks"]))}
    for name, dims in about["names"].items():
        parts = [ds[f"{name}@{mark}"].variable for mark in about["marks"]]
        own = [d for d in dims if d != OCCASION]
        stacked = np.stack([p.transpose(*own).to_numpy() for p in parts], axis=dims.index(OCCASION))
        coords[name] = (tuple(dims), stacked, parts[0].attrs)
    gone = [f"{n}@{m}" for n in about["names"] for m in about["marks"]]
    attrs = {k: v for k, v in ds.attrs.items() if k != "occasions"}
    return ds.drop_vars(gone).assign_coords(coords).drop_attrs(deep=False).assign_attrs(attrs)
