"""Probability of target attainment over MICs or goals."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from sbmlqsp.errors import DataError
from sbmlqsp.plot.style import GREY, INK, SMALL, TEXT, colour, dash, dress, frame, label, log_ticks, plain, sentence

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_TICKS = 14


def attainment(
    table: pd.DataFrame,
    *,
    enough: float | None = 0.9,
    distribution: Mapping[float, float] | None = None,
    title: str | None = None,
) -> Figure:
    """Draw the share of subjects that meet a target, by arm.

    Parameters
    ----------
    table : DataFrame
        What ``attainment`` returned: over MICs, or over goals where it has none.
    enough : float, optional
        A share to mark by a dashed line; None for none.
    distribution : mapping of float to float, optional
        How often each MIC is found, drawn as bars behind.
    title : str, optional

    Returns
    -------
    matplotlib.figure.Figure
        A point per MIC or goal, on a logarithmic axis, with its confidence interval as a band.

    Raises
    ------
    DataError
        The table has one point only, or several observables.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"experiment": "A", "observable": "C", "index": "fT>MIC ≥ 40 %", "mic": [1.0, 2.0],
    ...                       "goal": 0.4, "goal_unit": "dimensionless", "conc_unit": "mg/L", "n": 50, "n_lost": 0,
    ...                       "pta": [1.0, 0.5], "pta_low": [0.9, 0.4], "pta_high": [1.0, 0.6], "confidence": 0.95})
    >>> attainment(table).axes[0].get_xlabel()
    'MIC (mg/L)'
    """
    over = "mic" if np.isfinite(table["mic"].to_numpy(float)).all() else "goal"
    if len(set(table["observable"])) > 1 or (over == "mic" and len(set(table["goal"])) > 1):
        raise DataError("the table has several observables or goals", remedy="draw one at a time")
    if len(set(table[over])) < 2:
        raise DataError("one point is no curve", value=table[over].iloc[0], remedy="give several MICs or goals")
    arms = list(dict.fromkeys(table["experiment"]))
    fig, axes = frame((6.6, 3.7), (1, 1), title=title, caption=_caption(table, distribution),
                      handles=_handles(arms, distribution))  # fmt: skip
    ax = axes[0, 0]
    dress(ax)
    _axis(ax, np.unique(table[over].to_numpy(float)))
    for i, arm in enumerate(arms):
        part = table[table["experiment"] == arm].sort_values(over)
        x = part[over].to_numpy(float)
        ax.fill_between(x, 100 * part["pta_low"], 100 * part["pta_high"], color=colour(i), alpha=0.2, linewidth=0)
        ax.plot(x, 100 * part["pta"], "o", color=colour(i), linestyle=dash(i), linewidth=1.8, markersize=4.2)
    if distribution:
        _bars(ax, distribution)
    if enough is not None:
        ax.axhline(100 * enough, color=INK, linewidth=0.9, linestyle=(0, (4, 3)), zorder=1.5)
    ax.set_ylim(-2, 103)
    ax.set_yticks(sorted({0, 25, 50, 75, 100} | ({90} if enough == 0.9 else set())))
    ax.set_ylabel(label(f"Subjects with {table['index'].iloc[0]} (%)", "", width=40), fontsize=TEXT)
    ax.set_xlabel(_xlabel(table, over), fontsize=TEXT)
    return fig


def _xlabel(table: pd.DataFrame, over: str) -> str:
    if over == "mic":
        return label("MIC", str(table["conc_unit"].iloc[0]))
    return label("Goal", str(table["goal_unit"].iloc[0]))


def _caption(table: pd.DataFrame, distribution: Mapping[float, float] | None) -> str:
    counts = {str(a): (int(p["n"].iloc[0]), int(p["n_lost"].max())) for a, p in table.groupby("experiment", sort=False)}
    same = len({n for n, _ in counts.values()}) == 1
    who = f"{next(iter(counts.values()))[0]:,} subjects" + " per arm" * (len(counts) > 1)
    if not same:
        who = sentence([f"{n:,} ({a})" for a, (n, _) in counts.items()]) + " subjects"
    percent = f"{100 * table['confidence'].iloc[0]:g} %"
    said = [f"Bands: {percent} interval (Clopper–Pearson), of {who}."]
    if lost := {a: k for a, (_, k) in counts.items() if k}:
        where = f" ({', '.join(f'{a}: {k:,}' for a, k in lost.items())})" if len(counts) > 1 else ""
        said.append(f"{sum(lost.values()):,} failed runs count as failures, and in the bands as either{where}.")
    return " ".join([*said, "Bars: how often each MIC is found."] if distribution else said)


def _handles(arms: list[Any], distribution: Mapping[float, float] | None) -> list[Artist]:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    look: dict[str, Any] = {"marker": "o", "markersize": 4.2, "linewidth": 1.8}
    handles: list[Artist] = []
    if len(arms) > 1:
        handles += [
            Line2D([], [], color=colour(i), linestyle=dash(i), label=plain(a), **look) for i, a in enumerate(arms)
        ]
    if distribution:
        handles.append(Patch(color=GREY, alpha=0.3, linewidth=0, label="Share of isolates"))
    return handles


def _axis(ax: Axes, points: Any) -> None:
    """Put a logarithmic axis with a tick at each point where they are few."""
    from matplotlib.ticker import FixedLocator, NullFormatter, NullLocator

    if points.min() <= 0:
        return
    pad = (points.max() / points.min()) ** 0.04
    ends = float(points.min() / pad), float(points.max() * pad)
    ax.set_xscale("log")
    ax.set_xlim(*ends)
    apart = np.diff(np.log(points)).min() / math.log(ends[1] / ends[0])
    if len(points) > MOST_TICKS or apart < 0.05:
        log_ticks(ax.xaxis, *ends)
        return
    ax.xaxis.set_major_locator(FixedLocator(points.tolist()))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.xaxis.set_major_formatter(lambda v, _: f"{v:.4g}")
    ax.tick_params(axis="x", labelsize=SMALL if len(points) > 9 else 9.0)


def _bars(ax: Axes, distribution: Mapping[float, float]) -> None:
    total = math.fsum(distribution.values())
    for level, weight in distribution.items():
        left, right = float(level) / 2**0.3, float(level) * 2**0.3
        ax.fill_between([left, right], 0, 100 * weight / total, color=GREY, alpha=0.3, linewidth=0, zorder=1)
