"""Exposure by covariate: a box per group of subjects, a panel per arm."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from sbmlqsp.errors import DataError
from sbmlqsp.exposure.groups import group_members, unit_of
from sbmlqsp.plot.exposures import MEASURES
from sbmlqsp.plot.style import GREY, INK, SMALL, TEXT, colour, dress, frame, label, log_ticks, plain, pretty_unit

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

KINDS = ("box", "violin")
POINTS = 40
"""Groups of at most so many runs show each as a point."""
FEWEST = 5
"""Groups of fewer runs have no box."""


def exposure_by(
    source: pd.DataFrame | xr.Dataset,
    measure: str = "auc_inf",
    *,
    covariate: str,
    observable: str | None = None,
    groups: int | Sequence[float] = 4,
    unit: str = "",
    interval: float | str | None = None,
    after: float | str | None = None,
    kind: str = "box",
    log: bool = False,
    title: str | None = None,
) -> Figure:
    r"""Draw the distribution of an exposure measure by groups of a covariate.

    Parameters
    ----------
    source : DataFrame or xarray.Dataset
        An exposure table with the covariate as a column (see ``with_covariates``), or results.
    measure : str, optional
        A column of the exposure table.
    covariate : str
        Words, or numbers of at most five values, are categories; other numbers are cut into groups.
    observable : str, optional
        Where there are several.
    groups : int or sequence of float, optional
        So many groups of equally many subjects (4: quartiles), or the limits between groups.
    unit : str, optional
        Of the covariate, for its axis.
    interval, after : optional
        As for ``exposure``, where results are given.
    kind : {"box", "violin"}, optional
    log : bool, optional
        A logarithmic axis.
    title : str, optional

    Returns
    -------
    matplotlib.figure.Figure
        A panel per arm, each with an axis of its own. A box spans the quartiles with the median across it, whiskers the
        5th to 95th percentile; below each group its range and the number of runs in it. Runs without the measure are
        counted in the caption.

    Raises
    ------
    DataError
        No such measure, observable or covariate, or groups that cannot be made.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"experiment": "A", "subject": range(1, 5), "observable": "C", "conc_unit": "mg/L",
    ...                       "cmax": [4.0, 3.0, 2.0, 1.0], "SEX": ["F", "F", "M", "M"]})
    >>> exposure_by(table, "cmax", covariate="SEX").axes[0].get_xticklabels()[0].get_text()
    'F\nn = 2'
    """
    if kind not in KINDS:
        raise DataError(f"groups cannot be drawn as '{kind}'", expected=" or ".join(map(repr, KINDS)))
    table, members = group_members(
        source, measure, covariate=covariate, observable=observable, groups=groups, interval=interval, after=after
    )
    arms = list(dict.fromkeys(table["experiment"]))
    names = members.drop_duplicates("place").sort_values("place")
    values, place = table[measure].to_numpy(float), members["place"].to_numpy()
    parts = {a: [values[(table["experiment"] == a).to_numpy() & (place == p)] for p in names["place"]] for a in arms}
    width = max(3.4, 1.3 + 0.78 * len(names))
    columns = min(len(arms), 3)
    rows = -(-len(arms) // columns)
    fig, axes = frame((max(5.2, width * columns), 3.3 * rows), (rows, columns), title=title,
                      caption=_caption(parts, names, log=log))  # fmt: skip
    heading = label(MEASURES[measure][0], unit_of(table, measure), width=34)
    for i, (ax, arm) in enumerate(zip(axes.ravel(), arms, strict=False)):
        dress(ax)
        _panel(ax, parts[arm], colour(i), kind=kind, log=log)
        _finish(ax, [f"{plain(g)}\nn = {_count(v):,}" for g, v in zip(names["group"], parts[arm], strict=True)])
        if len(arms) > 1:
            ax.set_title(plain(arm), fontsize=9, loc="left", pad=4, color=INK)
        ax.set_xlabel(f"{plain(covariate)} ({pretty_unit(unit)})" if pretty_unit(unit) else plain(covariate),
                      fontsize=TEXT)  # fmt: skip
        if i % columns == 0:
            ax.set_ylabel(heading, fontsize=TEXT)
    for ax in axes.ravel()[len(arms) :]:
        fig.delaxes(ax)
    return fig


def _count(values: NDArray[np.float64]) -> int:
    return int(np.isfinite(values).sum())


def _caption(parts: dict[str, list[NDArray[np.float64]]], names: pd.DataFrame, *, log: bool) -> str:
    cut = names["low"].notna().sum() > 1
    said = ["Boxes: quartiles and median; whiskers: 5th–95th percentile; points: runs beyond."]
    said += ["Groups are named by the range of their subjects."] if cut else []
    lost = {a: sum(len(v) - _count(v) for v in groups) for a, groups in parts.items()}
    if total := sum(lost.values()):
        where = f" ({', '.join(f'{a}: {n:,}' for a, n in lost.items() if n)})" if len(lost) > 1 else ""
        said.append(f"{total:,} run{'s' * (total > 1)} without the measure left out{where}.")
    if log and any((v <= 0).any() for groups in parts.values() for v in groups):
        said.append("A log axis has no place for values of zero or below; they are left out.")
    return " ".join(said)


def _panel(ax: Axes, groups: list[NDArray[np.float64]], shade: str, *, kind: str, log: bool) -> None:
    shown = [g[np.isfinite(g) & ((g > 0) | (not log))] for g in groups]
    for i, values in enumerate(shown):
        if len(values) < FEWEST:
            _points(ax, i, values, shade)
        elif kind == "violin":
            _violin(ax, i, values, shade, log=log)
        else:
            _box(ax, i, values, shade)
    everything = np.concatenate(shown) if shown else np.empty(0)
    if not len(everything):
        ax.text(0.5, 0.5, "nothing to show", transform=ax.transAxes, ha="center", va="center", color=GREY)
    elif log:
        pad = (everything.max() / everything.min()) ** 0.06 * 1.05
        ends = float(everything.min() / pad), float(everything.max() * pad)
        ax.set_yscale("log")
        ax.set_ylim(*ends)
        log_ticks(ax.yaxis, *ends)
    elif everything.min() >= 0:
        ax.set_ylim(0, float(everything.max()) * 1.06 or 1.0)


def _points(ax: Axes, at: int, values: NDArray[np.float64], shade: str) -> None:
    # Steps of the golden ratio spread points evenly without chance.
    aside = ((np.arange(len(values)) * 0.6180339887) % 1 - 0.5) * 0.34
    ax.scatter(at + aside, values, s=9.0, color=shade, alpha=0.5, linewidths=0, zorder=2)


def _box(ax: Axes, at: int, values: NDArray[np.float64], shade: str) -> None:
    from matplotlib.patches import Rectangle

    low, q1, middle, q3, high = np.percentile(values, [5, 25, 50, 75, 95])
    thin: dict[str, Any] = {"color": shade, "linewidth": 1.1, "zorder": 3}
    ax.add_patch(Rectangle((at - 0.3, q1), 0.6, q3 - q1, facecolor=shade, alpha=0.22, linewidth=0, zorder=2))
    ax.add_patch(Rectangle((at - 0.3, q1), 0.6, q3 - q1, facecolor="none", edgecolor=shade, linewidth=1.1, zorder=3))
    for one, other in ((q3, high), (q1, low)):
        ax.plot([at, at], [one, other], **thin)
        ax.plot([at - 0.1, at + 0.1], [other, other], **thin)
    ax.plot([at - 0.3, at + 0.3], [middle] * 2, **(thin | {"linewidth": 2.4, "solid_capstyle": "butt"}))
    _points(ax, at, values if len(values) <= POINTS else values[(values < low) | (values > high)], shade)


def _violin(ax: Axes, at: int, values: NDArray[np.float64], shade: str, *, log: bool) -> None:
    from scipy.stats import gaussian_kde

    scale = np.log(values) if log else values
    if np.ptp(scale) == 0:
        _box(ax, at, values, shade)
        return
    grid = np.linspace(scale.min(), scale.max(), 120)
    density = gaussian_kde(scale)(grid)
    wide = 0.36 * density / density.max()
    along = np.exp(grid) if log else grid
    ax.fill_betweenx(along, at - wide, at + wide, color=shade, alpha=0.22, linewidth=0, zorder=2)
    q1, middle, q3 = np.percentile(values, [25, 50, 75])
    ax.plot([at, at], [q1, q3], color=shade, linewidth=4.0, solid_capstyle="butt", zorder=3)
    ax.plot(at, middle, "o", markersize=4.5, markerfacecolor="white", markeredgecolor=shade, zorder=4)


def _finish(ax: Axes, names: list[str]) -> None:
    ax.set_xticks(range(len(names)), names, fontsize=SMALL)
    ax.set_xlim(-0.6, len(names) - 0.4)
    ax.tick_params(axis="x", length=0)
