"""Trajectories of single cells with their mean, and where fates end them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sbmlqsp.errors import DataError
from sbmlqsp.plot.panels import FEWEST, fated, some_of
from sbmlqsp.plot.style import GREY, INK, TEXT, clock_ticks, colour, dress, frame, grid_for, label, plain
from sbmlqsp.results import as_results, failed, good_values, observable_names

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["cells"]


def cells(
    ds: xr.Dataset,
    name: str | None = None,
    *,
    count: int = 30,
    threshold: float | None = None,
    title: str | None = None,
) -> Figure:
    """Draw cells over time, each as a line, with their mean.

    Parameters
    ----------
    ds : xarray.Dataset
        Results of single cells.
    name : str, optional
        The observable; needed where there are several.
    count : int, optional
        So many cells are drawn of each arm: the first, the last, and evenly between. The mean is of all.
    threshold : float, optional
        A level to mark.
    title : str, optional

    Returns
    -------
    matplotlib.figure.Figure
        A panel per arm, with one axis of values for all. A cross marks the last value of a cell that a fate ended.

    Raises
    ------
    DataError
        No such observable, or several and none is named; a count below one.

    Examples
    --------
    >>> from sbmlqsp.results import make_dataset
    >>> ds = make_dataset({"n": [[[[0.0, 2.0], [0.0, 5.0]]]]}, experiments=["A"], subjects=[1], replicates=[1, 2],
    ...                   time=[0, 1], time_unit="h", units={"n": "item"})
    >>> cells(ds).axes[0].get_ylabel()
    'n (item)'
    """
    ds = as_results(ds)
    known = observable_names(ds, name)
    if len(known) > 1:
        raise DataError("there are several observables", value=known, remedy="name one")
    if count < 1:
        raise DataError("no cells are to be drawn", value=count, expected="a whole number above zero")
    values, time = good_values(ds, known[0]), ds["time"].to_numpy()
    arms = [str(a) for a in ds["experiment"].to_numpy()]
    rows, columns = grid_for(len(arms))
    size = {1: (6.6, 3.7), 2: (4.5, 3.2)}.get(columns, (3.4, 2.7))
    unit = str(ds["time"].attrs.get("units", ""))
    name = str(ds[known[0]].attrs.get("long_name") or known[0])
    heading = label(name[:1].upper() + name[1:] if " " in name else name, str(ds[known[0]].attrs.get("units", "")),
                    width=int(9 * size[1]))  # fmt: skip
    fig, axes = frame((size[0] * columns, size[1] * rows), (rows, columns), title=title,
                      caption=_cells_caption(ds, values, count), handles=_cell_lines(ds, threshold))  # fmt: skip
    for i, (ax, arm) in enumerate(zip(axes.ravel(), arms, strict=False)):
        dress(ax)
        _cells_of_arm(ax, time, values[i].reshape(-1, len(time)), fated(ds)[i].ravel(), i, count)
        if threshold is not None:
            ax.axhline(threshold, color=INK, linewidth=0.9, linestyle=(0, (4, 3)), zorder=2.5)
        if len(arms) > 1:
            ax.set_title(plain(arm), fontsize=9, loc="left", pad=4, color=INK)
        _finish(ax, values, threshold, time, unit)
        ax.set_ylabel(heading if i % columns == 0 else "", fontsize=TEXT)
        ax.set_xlabel(label("Time", unit) if i + columns >= len(arms) else "", fontsize=TEXT)
    for ax in axes.ravel()[len(arms) :]:
        fig.delaxes(ax)
    return fig


def _cells_of_arm(ax: Axes, time: Floats, runs: Floats, over: NDArray[np.bool_], i: int, count: int) -> None:
    kept = np.isfinite(runs).any(axis=1)
    runs, over = runs[kept], over[kept]
    if not len(runs):
        ax.text(0.5, 0.5, "nothing to show", transform=ax.transAxes, ha="center", va="center", color=GREY)
        return
    shown, ended = some_of(runs, count), some_of(over[:, None].astype(float), count)[:, 0] > 0
    thin = 0.8 if len(shown) <= 30 else 0.5
    ax.plot(time, shown.T, color=colour(i), linewidth=thin, alpha=0.35, zorder=2)
    last = np.array([np.flatnonzero(np.isfinite(r))[-1] for r in shown[ended]], dtype=int)
    ax.plot(time[last], shown[ended, last], "x", color=INK, markersize=4.0, markeredgewidth=0.9, zorder=4)
    alive = np.isfinite(runs).sum(axis=0) >= min(FEWEST, len(runs))
    ax.plot(time[alive], np.nanmean(runs[:, alive], axis=0), color=colour(i), linewidth=2.2, zorder=3)


def _finish(ax: Axes, values: Floats, threshold: float | None, time: Floats, unit: str) -> None:
    some = np.append(values[np.isfinite(values)], [] if threshold is None else threshold)
    if len(some):
        low, high = float(some.min()), float(some.max())
        ax.set_ylim(0.0 if low >= 0 else low, high + 0.05 * (high - min(low, 0.0) or 1.0))
    if len(time) > 1:
        ax.set_xlim(float(time[0]), float(time[-1]))
        clock_ticks(ax.xaxis, unit, float(np.ptp(time)), most=6)


def _cell_lines(ds: xr.Dataset, threshold: float | None) -> list[Artist]:
    from matplotlib.lines import Line2D

    handles: list[Artist] = [
        Line2D([], [], color=GREY, linewidth=0.8, alpha=0.6, label="Single cells"),
        Line2D([], [], color=GREY, linewidth=2.2, label="Mean"),
    ]
    if fated(ds).any():
        handles.append(
            Line2D([], [], color=INK, marker="x", markersize=4.0, linestyle="none", label="Last value before a fate")
        )
    if threshold is not None:
        handles.append(Line2D([], [], color=INK, linewidth=0.9, linestyle=(0, (4, 3)), label="Threshold"))
    return handles


def _cells_caption(ds: xr.Dataset, values: Floats, count: int) -> str:
    runs = np.isfinite(values).any(axis=-1).sum(axis=(1, 2))
    most = int(runs.max(initial=0))
    arms = " per arm" if len(runs) > 1 else ""
    living = f" that are alive then, while {FEWEST} or more are" if fated(ds).any() and most > FEWEST else ""
    said = [f"Thin lines: {min(count, most):,} of {most:,} cells{arms}; thick line: mean of all{living}."]
    if lost := int(failed(ds).sum()):
        said.append(f"{lost:,} run{'s' * (lost > 1)} failed and {'are' if lost > 1 else 'is'} left out.")
    return " ".join(said)
