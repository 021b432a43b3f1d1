"""Outputs of a SED-ML document as files: a table for each, and a figure for each plot."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sbmlqsp.errors import DataError
from sbmlqsp.exchange.sedml.document import Content, Plot
from sbmlqsp.plot.style import INK, TEXT, colour, dash, dress, frame, label, log_ticks, save

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr
    from matplotlib.figure import Figure

__all__ = ["output_table", "plot_figure", "write_outputs"]

MOST_NAMED = 12
"""So many curves have their names in a legend."""


def output_table(output: xr.Dataset) -> pd.DataFrame:
    """Return an output as a table: a column for each data set, after one for each repetition, numbered from 1."""
    import pandas as pd
    import xarray as xr

    # Dimensions get names of their own, since a data set may have the name of one.
    apart = {str(n): (tuple(f"@{d}" for d in v.dims), v.to_numpy()) for n, v in output.variables.items()}
    plain = xr.Dataset(apart)
    if not plain.sizes:
        return pd.DataFrame({n: [float(v)] for n, (_, v) in apart.items()})
    table = plain.to_dataframe().reset_index()
    repeated = [d for d in map(str, plain.sizes) if not d.startswith("@time")]
    numbers = {d.removeprefix("@"): table[d] + 1 for d in repeated if d.removeprefix("@") not in apart}
    return pd.DataFrame({**numbers, **{n: table[n] for n in sorted(apart, key=lambda n: n != "time")}})


def plot_figure(plot: Plot, output: xr.Dataset, content: Content) -> Figure:
    """Draw a two-dimensional plot, a line for each run of each curve."""
    from matplotlib.lines import Line2D

    lines = [(c.name or _name(content, c.y), colour(i), dash(i)) for i, c in enumerate(plot.curves)]
    named = [Line2D([], [], color=k, linestyle=d, label=n) for n, k, d in lines[:MOST_NAMED]] if len(lines) > 1 else []
    size = (6.2, 3.6)
    figure, axes = frame(size, (1, 1), title=plot.name or plot.id, caption="", handles=named)
    ax = axes[0, 0]
    for curve, (_, shade, line) in zip(plot.curves, lines, strict=True):
        x, y = (np.asarray(output[f"{curve.id}_{a}"].to_numpy(), dtype=float) for a in "xy")
        x, y = np.broadcast_arrays(x, y)
        for one, other in zip(np.atleast_2d(x).reshape(-1, x.shape[-1] if x.ndim else 1),
                              np.atleast_2d(y).reshape(-1, y.shape[-1] if y.ndim else 1), strict=True):  # fmt: skip
            ax.plot(one, other, color=shade, linestyle=line, linewidth=1.6)
    _axes(ax, plot, content)
    return figure


def _axes(ax: Any, plot: Plot, content: Content) -> None:
    dress(ax)
    for log, axis, limits, scale in (
        (plot.log_x, ax.xaxis, ax.get_xlim, ax.set_xscale), (plot.log_y, ax.yaxis, ax.get_ylim, ax.set_yscale)
    ):  # fmt: skip
        if log:
            scale("log")
            low, high = limits()
            if 0 < low < high:
                log_ticks(axis, low, high)
    names = [{_name(content, getattr(c, a)) for c in plot.curves} for a in "xy"]
    for found, put in zip(names, (ax.set_xlabel, ax.set_ylabel), strict=True):
        if len(found) == 1:
            put(label(found.pop(), ""), fontsize=TEXT, color=INK)


def _name(content: Content, generator: str) -> str:
    found = content.generators.get(generator)
    return (found.name if found is not None else "") or generator


def write_outputs(outputs: Mapping[str, xr.Dataset], content: Content, folder: Path) -> list[Path]:
    """Write the outputs of a document: ``ID.csv`` for each, and ``ID.svg`` for each plot.

    Raises
    ------
    DataError
        A file cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, output in outputs.items():
        target = folder / f"{name}.csv"
        try:
            output_table(output).to_csv(target, index=False, lineterminator="\n")
        except OSError as err:
            raise DataError(f"the file cannot be written: {err.strerror or err}", value=str(target)) from None
        written.append(target)
        plot = content.outputs[name]
        if isinstance(plot, Plot):
            written += save(plot_figure(plot, output, content), folder / name, ["svg"])
    return written
