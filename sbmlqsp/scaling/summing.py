"""Summaries of more runs than a few copies of would fit into memory."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

__all__ = ["filled", "summary_of", "with_values"]

DIMS = ("experiment", "subject", "replicate", "time")
ASKED = "(asked for)"  # no formula, so that no observable has this name
AT_WORK = 2_000_000
"""Values of which a summary is made at a time; it copies them several times."""


def with_values(part: xr.Dataset) -> Any:
    """Return at which times any run has a value, of shape (experiments, times)."""
    fine = part["status"].to_numpy()[..., None] == 0
    over_time = [v.transpose(*DIMS).to_numpy() for v in part.data_vars.values() if "time" in v.dims]
    return np.any([(np.isfinite(v) & fine).any(axis=(1, 2)) for v in over_time], axis=0)


def filled(whole: xr.Dataset, name: str, parts: Iterable[xr.Dataset]) -> xr.Dataset:
    """Return what is known of all runs with one observable of the parts, which is in memory once."""
    places = [{v: k for k, v in enumerate(whole[d].to_numpy().tolist())} for d in ("subject", "replicate")]
    values, about = np.full(tuple(whole.sizes[d] for d in DIMS), np.nan), {}
    for part in parts:
        rows = [[p[v] for v in part[d].to_numpy().tolist()] for p, d in zip(places, DIMS[1:3], strict=True)]
        values[:, np.array(rows[0])[:, None], np.array(rows[1])] = part[name].transpose(*DIMS).to_numpy()
        about = part[name].attrs
    return whole.assign({name: (DIMS, values, about)})


def summary_of(whole: xr.Dataset, wanted: Any, **options: Any) -> pd.DataFrame:
    """Return ``summarise`` of one observable, made of some times after others; ``wanted`` are those asked for."""
    import pandas as pd

    from sbmlqsp.results import summarise

    width, tables = max(2, AT_WORK // (whole.sizes["experiment"] * whole.sizes["subject"])), []
    for k in range(0, whole.sizes["time"], width):
        own = wanted[:, k : k + width]
        arms = np.flatnonzero(own.any(axis=1))
        if not len(arms):
            continue
        block = whole.isel(time=slice(k, k + width), experiment=arms)
        # What other observables have values for was asked of this one as well.
        shape = tuple(block.sizes[d] for d in DIMS)
        marks = np.broadcast_to(np.where(own[arms], 0.0, np.nan)[:, None, None], shape)
        rows = summarise(block.assign({ASKED: (DIMS, marks)}), **options)
        tables.append(rows[rows["observable"] != ASKED])
    rows = pd.concat(tables, ignore_index=True)
    labels = list(rows.columns[: rows.columns.get_loc("observable")])
    group = rows.groupby(labels, sort=False, dropna=False).ngroup().to_numpy()
    order = {a: e for e, a in enumerate(whole["experiment"].to_numpy())}
    return rows.iloc[np.lexsort((group, rows["experiment"].map(order).to_numpy()))]  # which keeps the order of times
