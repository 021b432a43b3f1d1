"""Exposure by arm: every run as a point, over a box."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from sbmlqsp.errors import DataError, did_you_mean
from sbmlqsp.plot.style import GREY, INK, SMALL, TEXT, colour, dress, frame, label, log_ticks, plain, sentence

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

# Name and the column that holds the unit ("" where there is none).
MEASURES = {
    "auc_last": ("AUC to last value", "auc_unit"),
    "auc_inf": ("AUC to infinity", "auc_unit"),
    "auc_extrapolated": ("Extrapolated part of AUC", ""),
    "auc_tau": ("AUC over a dosing interval", "auc_unit"),
    "cmax": ("Highest value", "conc_unit"),
    "cavg": ("Average value", "conc_unit"),
    "ctrough": ("Trough value", "conc_unit"),
    "tmax": ("Time of highest value", "time_unit"),
    "tlast": ("Time of last value", "time_unit"),
    "half_life": ("Half-life", "time_unit"),
    "accumulation": ("Accumulation ratio", ""),
}


def exposure_figure(
    table: pd.DataFrame,
    measures: str | Sequence[str] = ("auc_inf", "cmax", "half_life"),
    *,
    observables: str | Sequence[str] | None = None,
    log: bool = False,
    title: str | None = None,
) -> Figure:
    """Draw exposure by arm.

    Parameters
    ----------
    table : pandas.DataFrame
        What ``exposure`` returns.
    measures : str or sequence of str, optional
        Columns of it, one panel each.
    observables : str or sequence of str, optional
        Which, a row of panels each; all where not given.
    log : bool, optional
        Logarithmic axes.
    title : str, optional
        Above the figure.

    Returns
    -------
    matplotlib.figure.Figure
        Points are runs; a box spans the quartiles with the median across it, whiskers the 5th to 95th percentile.
        Runs without the measure are counted in the caption.

    Raises
    ------
    DataError
        A measure or observable there is not.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"experiment": ["A", "A"], "observable": ["C", "C"], "cmax": [1.0, 2.0],
    ...                       "conc_unit": ["mg/L", "mg/L"]})
    >>> exposure_figure(table, "cmax").axes[0].get_ylabel()
    'Highest value (mg/L)'
    """
    columns = [measures] if isinstance(measures, str) else list(measures)
    known = list(dict.fromkeys(table["observable"]))
    rows = known if observables is None else [observables] if isinstance(observables, str) else list(observables)
    for name, among in [(c, [m for m in MEASURES if m in table]) for c in columns] + [(r, known) for r in rows]:
        if name not in among:
            raise DataError(f"the exposure table has no '{name}'", remedy=did_you_mean(name, among))
    arms = list(dict.fromkeys(table["experiment"]))
    parts = {(r, c): table[table["observable"] == r] for r in rows for c in columns}
    size = (max(5.2, (1.7 + 0.62 * len(arms)) * len(columns)), 3.1 * len(rows))
    fig, axes = frame(size, (len(rows), len(columns)), title=title, caption=_caption(parts, arms, log))
    for ax, ((row, column), part) in zip(axes.ravel(), parts.items(), strict=True):
        dress(ax)
        _panel(ax, [part.loc[part["experiment"] == a, column].to_numpy(float) for a in arms], log=log)
        name, unit = MEASURES[column]
        of = f"{name} of {row}" if len(rows) > 1 else name
        ax.set_ylabel(label(of, str(part[unit].iloc[0]) if unit else "", width=30), fontsize=TEXT)
        _name_arms(ax, arms)
    return fig


def _caption(parts: dict[tuple[str, str], pd.DataFrame], arms: list[str], log: bool) -> str:
    said = ["Points: runs; box: quartiles and median; whiskers: 5th–95th percentile."]
    missing: dict[str, list[str]] = {}
    for (row, column), part in parts.items():
        values = part[column].to_numpy(float)
        out = ~np.isfinite(values) | (log & (values <= 0))
        counts = [f"{n:,} of {len(w):,} in {a}" for a in arms if (n := (w := out[part["experiment"] == a]).sum())]
        of = f" of {row}" if len({r for r, _ in parts}) > 1 else ""
        if counts:
            missing.setdefault(sentence(counts), []).append(MEASURES[column][0] + of)
    said += [f"{sentence(what)} not shown for {where}." for where, what in missing.items()]
    return " ".join(said)


def _panel(ax: Axes, groups: list[NDArray[np.float64]], *, log: bool) -> None:
    shown = [g[np.isfinite(g) & ((g > 0) | (not log))] for g in groups]
    for i, values in enumerate(shown):
        if not len(values):
            continue
        # Steps of the golden ratio spread points evenly without chance.
        aside = ((np.arange(len(values)) * 0.6180339887) % 1 - 0.5) * 0.42
        alpha, size = (0.65, 13.0) if len(values) <= 60 else (0.3, 7.0)
        ax.scatter(i + aside, values, s=size, color=colour(i), alpha=alpha, linewidths=0, zorder=2)
        if len(values) > 3:
            _box(ax, i, values)
    everything = np.concatenate(shown)
    if not len(everything):
        ax.text(0.5, 0.5, "nothing to show", transform=ax.transAxes, ha="center", va="center", color=GREY)
    elif log:
        low, high = everything.min(), everything.max()
        pad = (high / low) ** 0.06 * 1.05
        ax.set_yscale("log")
        ax.set_ylim(low / pad, high * pad)
        log_ticks(ax.yaxis, low / pad, high * pad)
    elif everything.min() >= 0:
        ax.set_ylim(0, everything.max() * 1.06 or 1.0)


def _box(ax: Axes, at: int, values: NDArray[np.float64]) -> None:
    from matplotlib.patches import Rectangle

    low, q1, middle, q3, high = np.percentile(values, [5, 25, 50, 75, 95])
    thin: dict[str, Any] = {"color": INK, "linewidth": 1.0, "zorder": 3}
    ax.add_patch(Rectangle((at - 0.28, q1), 0.56, q3 - q1, facecolor="none", edgecolor=INK, linewidth=1.0, zorder=3))
    ax.plot([at, at], [q3, high], **thin)
    ax.plot([at, at], [low, q1], **thin)
    ax.plot([at - 0.28, at + 0.28], [middle] * 2, **(thin | {"linewidth": 2.0}))


def _name_arms(ax: Axes, arms: list[str]) -> None:
    longest = max((len(str(a)) for a in arms), default=0)
    tilt: dict[str, Any] = {"rotation": 30, "ha": "right", "rotation_mode": "anchor"} if longest > 9 else {}
    ax.set_xticks(range(len(arms)), [plain(a) for a in arms], fontsize=SMALL + 1, **tilt)
    ax.set_xlim(-0.6, len(arms) - 0.4)
    ax.tick_params(axis="x", length=0)
