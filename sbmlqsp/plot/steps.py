"""Every change of single cells as lines of steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from sbmlqsp.errors import DataError
from sbmlqsp.plot.style import GREY, INK, TEXT, clock_ticks, colour, dress, frame, grid_for, label, plain

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["steps"]

OWN = ("experiment", "subject", "replicate", "time", "event")


def steps(rows: pd.DataFrame, name: str | None = None, *, count: int = 5, title: str | None = None) -> Figure:
    """Draw single cells as steps from change to change.

    Parameters
    ----------
    rows : pandas.DataFrame
        What `trajectories` returns.
    name : str, optional
        The observable; needed where there are several.
    count : int, optional
        So many cells are drawn of each arm, the first ones, each in a colour of its own.
    title : str, optional

    Returns
    -------
    matplotlib.figure.Figure
        A panel per arm, with one axis of values for all. Grey lines mark doses, a cross where a fate ended a cell.

    Raises
    ------
    DataError
        These are no trajectories; no such observable, or several and none is named; a count below one.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = pd.DataFrame({"experiment": "A", "subject": 1, "replicate": 1, "time": [0.0, 0.4, 1.0],
    ...                      "event": ["start", "birth", "end"], "n": [0.0, 1.0, 1.0]})
    >>> steps(rows).axes[0].get_ylabel()
    'n'
    """
    name = _observable(rows, name)
    if count < 1:
        raise DataError("no cells are to be drawn", value=count, expected="a whole number above zero")
    units = rows.attrs.get("units", {})
    arms = [(str(arm), part.dropna(subset=[name])) for arm, part in rows.groupby("experiment", sort=False)]
    grid = grid_for(len(arms))
    size = {1: (6.6, 3.7), 2: (4.5, 3.2)}.get(grid[1], (3.4, 2.7))
    fig, axes = frame((size[0] * grid[1], size[1] * grid[0]), grid, title=title, caption=_caption(rows, count),
                      handles=_marks(rows))  # fmt: skip
    low, high = min(0.0, rows[name].min()), rows[name].max()
    for i, (ax, (arm, part)) in enumerate(zip(axes.ravel(), arms, strict=False)):
        dress(ax)
        _cells(ax, part, name, count)
        if len(arms) > 1:
            ax.set_title(plain(arm), fontsize=9, loc="left", pad=4, color=INK)
        ax.set_ylim(low, high + 0.05 * (high - low or 1.0))
        ax.set_xlim(0.0, rows["time"].max() or 1.0)
        clock_ticks(ax.xaxis, units.get("time", ""), float(rows["time"].max()), most=6)
        ax.set_ylabel(label(name, units.get(name, "")) if i % grid[1] == 0 else "", fontsize=TEXT)
        ax.set_xlabel(label("Time", units.get("time", "")) if i + grid[1] >= len(arms) else "", fontsize=TEXT)
    for ax in axes.ravel()[len(arms) :]:
        fig.delaxes(ax)
    return fig


def _observable(rows: Any, name: str | None) -> str:
    missing = [c for c in OWN if c not in getattr(rows, "columns", ())]
    if missing or not len(rows):
        raise DataError("these are no trajectories", value=missing or "no rows", expected="what trajectories() returns")
    known = [str(c) for c in rows.columns if c not in OWN]
    if name is None and len(known) != 1:
        raise DataError("there are several observables", value=known, remedy="name one")
    chosen = known[0] if name is None else name
    if chosen not in known:
        raise DataError("no such observable", value=name, expected=", ".join(known))
    return chosen


def _cells(ax: Axes, part: pd.DataFrame, name: str, count: int) -> None:
    for i, (_, cell) in enumerate(part.groupby(["subject", "replicate"], sort=False)):
        if i == count:
            break
        time, values = cell["time"].to_numpy(), cell[name].to_numpy()
        ax.step(time, values, where="post", color=colour(i), linewidth=1.1, zorder=2)
        if cell["event"].iloc[-1] != "end":
            ax.plot(time[-1:], values[-1:], "x", color=INK, markersize=5.0, markeredgewidth=1.1, zorder=4)
    for when in np.unique(part.loc[part["event"] == "dose", "time"]):
        ax.axvline(when, color=GREY, linewidth=0.7, zorder=1)


def _marks(rows: pd.DataFrame) -> list[Artist]:
    from matplotlib.lines import Line2D

    handles: list[Artist] = []
    if (rows["event"] == "dose").any():
        handles.append(Line2D([], [], color=GREY, linewidth=0.7, label="Dose"))
    if (rows.groupby(["experiment", "subject", "replicate"])["event"].last() != "end").any():
        handles.append(Line2D([], [], color=INK, marker="x", markersize=5.0, linestyle="none", label="Fate"))
    return handles


def _caption(rows: pd.DataFrame, count: int) -> str:
    cells = rows.groupby("experiment")[["subject", "replicate"]].apply(lambda part: len(part.drop_duplicates()))
    most, arms = int(cells.max()), " per arm" if len(cells) > 1 else ""
    return f"Each line is one of {most:,} cells{arms}, of which {min(count, most):,} are drawn, with its every change."
