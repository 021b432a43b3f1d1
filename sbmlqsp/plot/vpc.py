"""The visual predictive check: measured values and their percentiles over what replicates of the data show."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from sbmlqsp.plot.style import (
    GREY,
    INK,
    SMALL,
    TEXT,
    clock_ticks,
    colour,
    dress,
    frame,
    label,
    log_ticks,
    plain,
    sentence,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

DEEPEST = 1e-4
"""A log axis ends so far below its top, if values do not end before."""
BAND = 0.28
MARK = "#E69F00"
_TIMES = {"TIME": "Time", "TAD": "Time after dose"}
_SIZES = {1: (6.6, 3.9), 2: (4.6, 3.3), 3: (3.7, 2.9)}


Check = Any
"""A ``VPC``, whose class stands in a later layer."""


def vpc(
    result: Check,
    *,
    log: bool = False,
    title: str | None = None,
    ylabel: str | Mapping[Any, str] | None = None,
) -> Figure:
    """Draw a visual predictive check.

    Parameters
    ----------
    result : VPC
        What ``vpc`` returned.
    log : bool, optional
        A logarithmic axis of values.
    title : str, optional
    ylabel : str or mapping by DVID, optional
        What is measured, without its unit.

    Returns
    -------
    matplotlib.figure.Figure
        A panel per stratum: points are observations, lines their percentiles, bands the intervals of the same
        percentiles over the replicates, ticks along the top the edges of bins. Observed percentiles that lie outside
        have a mark. Below each panel, where there are limits of quantification, the share of observations beyond them.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from sbmlqsp.vpc import vpc as check
    >>> rng = np.random.default_rng(1)
    >>> rows = pd.DataFrame({"ID": np.tile(range(30), 2), "TIME": np.repeat([1.0, 2.0], 30)})
    >>> drawn = pd.concat([rows.assign(REP=r, DV=rng.normal(10, 2, 60)) for r in range(50)])
    >>> vpc(check(rows.assign(DV=rng.normal(10, 2, 60)), drawn)).axes[0].get_xlabel()
    'Time'
    """
    strata = _strata(result)
    sides = list(dict.fromkeys(result.censored["side"])) if len(result.censored) else []
    columns = min(len(strata), 3)
    blocks = -(-len(strata) // columns)
    each = 1 + len(sides)
    width, height = _SIZES[columns]
    size = (columns * width, blocks * (height + 1.25 * len(sides)))
    fig, axes = frame(size, (blocks * each, columns), title=title, caption=_caption(result, log),
                      handles=_handles(result))  # fmt: skip
    axes[0, 0].get_gridspec().set_height_ratios([height, *[1.25] * len(sides)] * blocks)
    ends = _shared_ends(result, strata, log)
    for k, stratum in enumerate(strata):
        top, column = k // columns * each, k % columns
        ax = axes[top, column]
        _values(ax, result, stratum, ends[k], log=log)
        ax.set_ylabel(_ylabel(result, stratum, ylabel), fontsize=TEXT)
        for i, side in enumerate(sides, 1):
            _shares(axes[top + i, column], _of(result.censored, stratum), side)
        for a in axes[top : top + each, column]:
            _times(a, result, stratum, last=a is axes[top + each - 1, column], most=8 if columns < 3 else 5)
        if stratum:
            ax.set_title(plain(_name(stratum)), fontsize=9, loc="left", pad=4, color=INK)
    for k in range(len(strata), blocks * columns):
        for a in axes[k // columns * each : k // columns * each + each, k % columns]:
            fig.delaxes(a)
    return fig


# -------------------------------------------------------------------------------------------------------------- strata
def _strata(result: Check) -> list[dict[str, Any]]:
    rows = result.percentiles[list(result.strata)].drop_duplicates()
    return [{str(k): v for k, v in row.items()} for row in rows.to_dict("records")] if result.strata else [{}]


def _of(table: pd.DataFrame, stratum: Mapping[str, Any]) -> pd.DataFrame:
    for name, value in stratum.items():
        table = table[table[name] == value]
    return table


def _name(stratum: Mapping[str, Any]) -> str:
    return ", ".join(f"{n} {v:g}" if isinstance(v, float) else f"{n} {v}" for n, v in stratum.items())


def _ylabel(result: Check, stratum: Mapping[str, Any], given: Any) -> str:
    dvid = stratum.get("DVID", 1)
    what = given.get(dvid) if isinstance(given, Mapping) else given
    text = (what or "Measured value") + (", prediction-corrected" if result.corrected else "")
    return label(text, result.units.get(f"DV:{dvid}", result.units.get("DV", "")), width=34)


# ---------------------------------------------------------------------------------------------------------------- axes
def _shared_ends(result: Check, strata: list[dict[str, Any]], log: bool) -> list[tuple[float, float]]:
    """Return the ends of the axis of values by stratum, the same for strata that observe the same."""
    ends = [_ends(_of(result.percentiles, s), _of(result.points, s), log) for s in strata]
    out = []
    for stratum in strata:
        same = [e for e, s in zip(ends, strata, strict=True) if s.get("DVID") == stratum.get("DVID")]
        out.append((min(low for low, _ in same), max(high for _, high in same)))
    return out


def _ends(table: pd.DataFrame, points: pd.DataFrame, log: bool) -> tuple[float, float]:
    values = np.concatenate([table[["observed", "low", "median", "high"]].to_numpy(float).ravel(), points["DV"]])
    values = values[np.isfinite(values) & ((values > 0) | (not log))]
    if not len(values):
        return (0.1, 1.0)
    low, high = float(values.min()), float(values.max())
    if log:
        low = max(low, high * DEEPEST)
        pad = max(high / low, 2.0) ** 0.06
        return low / pad, high * pad
    pad = 0.06 * (high - min(low, 0.0) or abs(high) or 1.0)
    return (0.0 if low >= 0 else low - pad), high + pad


def _values(ax: Axes, result: Check, stratum: Mapping[str, Any], ends: tuple[float, float], *, log: bool) -> None:
    dress(ax)
    if log:
        ax.set_yscale("log")
        log_ticks(ax.yaxis, *ends)
    ax.set_ylim(*ends)
    table, points = _of(result.percentiles, stratum), _of(result.points, stratum)
    for side, marker in (("", "o"), ("below", "v"), ("above", "^")):
        some = points[points["side"] == side]
        look: dict[str, Any] = {"markersize": 3.2, "alpha": 0.55, "markeredgewidth": 0.7, "markeredgecolor": GREY}
        face = GREY if side == "" else "white"
        ax.plot(some["TIME"], some["DV"], marker, linestyle="none", markerfacecolor=face, zorder=2.5, **look)
    for level in result.levels:
        part = table[table["percentile"] == level].sort_values("bin")
        _band(ax, part, ends, colour(1 if level == 50 else 0))
        _line(ax, part, ends, dashed=level != 50)
    edges = np.unique(table[["left", "right"]].to_numpy(float))
    ax.plot(edges, [0.985] * len(edges), "|", color=GREY, markersize=7, markeredgewidth=1.0, zorder=3,
            transform=ax.get_xaxis_transform())  # fmt: skip
    limits = _of(result.censored, stratum)["limit"].dropna().unique() if len(result.censored) else ()
    for limit in limits if not result.corrected else ():
        ax.axhline(limit, color=GREY, linewidth=0.8, linestyle=(0, (1, 2)), zorder=2)


def _band(ax: Axes, part: pd.DataFrame, ends: tuple[float, float], shade: str) -> None:
    x, low, high = _wide(part)
    style: dict[str, Any] = {"color": shade, "alpha": BAND, "linewidth": 0, "zorder": 2}
    ax.fill_between(x, np.clip(low, *ends), np.clip(high, *ends), **style)


def _wide(part: pd.DataFrame) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Return where a band runs; that of one bin alone is as wide as the bin."""
    x, low, high = (part[c].to_numpy(float) for c in ("time", "low", "high"))
    if len(x) == 1:
        left, right = float(part["left"].iloc[0]), float(part["right"].iloc[0])
        half = max(right - left, 0.1 * abs(left), 0.1) / 2
        return np.array([x[0] - half, x[0] + half]), low.repeat(2), high.repeat(2)
    return x, low, high


def _line(ax: Axes, part: pd.DataFrame, ends: tuple[float, float], *, dashed: bool) -> None:
    x, seen = part["time"].to_numpy(float), part["observed"].to_numpy(float)
    marked = np.clip(seen, *ends)  # what lies beyond a limit has its mark at the end of the axis
    seen = np.where(np.isfinite(seen), seen, np.nan)
    style = (0, (4, 2)) if dashed else "-"
    lone = {"marker": "_", "markersize": 9} if len(x) == 1 else {}
    ax.plot(x, seen, color=INK, linewidth=1.3, linestyle=style, zorder=3, **lone)  # type: ignore[arg-type]
    out = part["outside"].to_numpy(bool)
    ax.plot(x[out], marked[out], "D", markersize=5, markerfacecolor=MARK, markeredgecolor=INK, markeredgewidth=0.8,
            zorder=4)  # fmt: skip


def _shares(ax: Axes, table: pd.DataFrame, side: str) -> None:
    dress(ax, size=SMALL)
    part = table[table["side"] == side].sort_values("bin")
    scaled = part.assign(**{c: 100 * part[c] for c in ("observed", "low", "high")})
    top = max(10.0, 1.1 * float(scaled[["observed", "high"]].to_numpy(float).max(initial=0.0)))
    ax.set_ylim(-0.04 * top, min(top, 104.0))
    if len(part):
        _band(ax, scaled, (0.0, 100.0), colour(2))
        _line(ax, scaled, (0.0, 100.0), dashed=False)
    ax.set_ylabel("Below\nLLOQ (%)" if side == "below" else "Above\nULOQ (%)", fontsize=SMALL)


def _times(ax: Axes, result: Check, stratum: Mapping[str, Any], *, last: bool, most: int) -> None:
    """Set the axis of time."""
    table = _of(result.percentiles, stratum)
    low, high = float(table["left"].min()), float(table["right"].max())
    margin = 0.02 * (high - low) or 0.5
    ax.set_xlim(low - margin, high + margin)
    unit = result.units.get("TIME", "") if result.time in _TIMES else result.units.get(result.time, "")
    clock_ticks(ax.xaxis, unit, high - low or 1.0, most=most)
    ax.tick_params(labelbottom=last)
    if last:
        ax.set_xlabel(label(_TIMES.get(result.time, result.time), unit), fontsize=TEXT)


# --------------------------------------------------------------------------------------------------------------- words
def _handles(result: Check) -> list[Artist]:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    outer = [p for p in result.levels if p != 50]
    percent = f"{100 * result.confidence:g} %"
    dot: dict[str, Any] = {"marker": "o", "linestyle": "none", "markersize": 3.2, "alpha": 0.55}
    handles: list[Artist] = [Line2D([], [], color=GREY, label="Observed", **dot)]
    if 50 in result.levels:
        handles.append(Line2D([], [], color=INK, linewidth=1.3, label="Observed median"))
        handles.append(Patch(color=colour(1), alpha=BAND, linewidth=0, label=f"Its {percent} interval, simulated"))
    if outer:
        names = sentence([f"{p:g}" for p in outer])
        dashed: dict[str, Any] = {"linewidth": 1.3, "linestyle": (0, (4, 2))}
        handles.append(Line2D([], [], color=INK, label=f"Observed percentiles {names}", **dashed))
        handles.append(Patch(color=colour(0), alpha=BAND, linewidth=0, label=f"Their {percent} intervals, simulated"))
    if result.percentiles["outside"].any():
        look: dict[str, Any] = {"markerfacecolor": MARK, "markeredgecolor": INK, "markersize": 5}
        handles.append(Line2D([], [], marker="D", linestyle="none", label="Outside", **look))
    return handles


def _caption(result: Check, log: bool) -> str:
    table = result.percentiles
    said = [f"{len(result.points):,} observations, {result.replicates:,} replicates."]
    said.append(f"{int(table['outside'].sum())} of {len(table)} observed percentiles lie outside their intervals.")
    said.append("Ticks along the top: edges of bins.")
    if result.corrected:
        what = "differences from" if result.corrected == "log" else "ratios to"
        said.append(f"Values are corrected by {what} the typical prediction.")
    if len(result.censored):
        said.append("Triangles: beyond the limit of quantification (dotted, where there is one); where a line of "
                    "percentiles is interrupted, the percentile lies beyond it.")  # fmt: skip
    few = table["caution"].astype(str) != ""
    if few.any():
        levels = sentence([f"{p:g}" for p in sorted(set(table.loc[few, "percentile"]))])
        said.append(f"Percentiles {levels} rest on the most extreme observation in {_bins(table[few])} bins.")
    if result.failed:
        said.append(f"{result.failed:,} simulated subjects failed and are left out.")
    if log and (result.points["DV"] <= 0).any():
        said.append("A log axis has no place for values of zero or below; they are left out.")
    return " ".join(said)


def _bins(table: pd.DataFrame) -> int:
    return int(table.groupby("percentile").size().max())
