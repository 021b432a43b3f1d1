"""Figures of many cells: survival, kill by dose, distributions with the laws behind them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from sbmlqsp.errors import DataError
from sbmlqsp.plot.style import (
    INK,
    TEXT,
    clock_ticks,
    colour,
    dash,
    dress,
    frame,
    label,
    log_ticks,
    plain,
    sentence,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pandas as pd
    import xarray as xr
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]
    Curve = Callable[[Floats], ArrayLike]

__all__ = ["distribution", "dose_kill", "survival"]

BARS = 40
"""About so many bars of a histogram, at most."""
MOST_BANDS = 6
"""The bands of more lines than this hide each other."""
ROOM = 0.08
"""This share of an axis holds the number of one dose."""
ASIDE = 0.012
"""By this share of an axis points of one dose are apart."""


# ------------------------------------------------------------------------------------------------------------ survival
def survival(table: pd.DataFrame, *, title: str | None = None) -> Figure:
    """Draw the share of cells that are alive over time, by arm.

    Parameters
    ----------
    table : DataFrame
        What ``survival`` returned: of whole experiments, or of the subjects of one.
    title : str, optional

    Returns
    -------
    matplotlib.figure.Figure
        A line per arm, or subject, with its confidence interval as a band, of six lines or fewer. Values hold at the
        times of the table; the lines between them join them.

    Raises
    ------
    DataError
        No rows, one time only, or subjects of several experiments.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"experiment": "A", "time": [0.0, 9.0], "time_unit": "h", "n": 50, "n_failed": 0,
    ...                       "alive": [1.0, 0.5], "low": [0.9, 0.4], "high": [1.0, 0.6], "confidence": 0.95})
    >>> survival(table).axes[0].get_xlabel()
    'Time (h)'
    """
    parts = _parts(table, "time")
    unit = str(table["time_unit"].iloc[0])
    banded = len(parts) <= MOST_BANDS
    caption = _share_caption(parts, banded=banded)
    fig, axes = frame((6.6, 3.7), (1, 1), title=title, caption=caption, handles=_lines(list(parts)))
    ax = axes[0, 0]
    dress(ax)
    for i, part in enumerate(parts.values()):
        x = part["time"].to_numpy(float)
        if banded:
            ax.fill_between(x, 100 * part["low"], 100 * part["high"], color=colour(i), alpha=0.2, linewidth=0)
        ax.plot(x, 100 * part["alive"], color=colour(i), linestyle=dash(i), linewidth=1.8)
    _percent(ax, "Cells alive (%)")
    times = table["time"].to_numpy(float)
    ax.set_xlim(float(times.min()), float(times.max()))
    clock_ticks(ax.xaxis, unit, float(np.ptp(times)))
    ax.set_xlabel(label("Time", unit), fontsize=TEXT)
    return fig


def _parts(table: pd.DataFrame, over: str) -> dict[str, pd.DataFrame]:
    """Return the rows of each line, by its name."""
    if not len(table):
        raise DataError("the table has no rows")
    line = "subject" if "subject" in table else "experiment"
    if line == "subject" and len(set(table["experiment"])) > 1:
        raise DataError("the table has subjects of several experiments", remedy="draw those of one at a time")
    if len(set(table[over])) < 2:
        raise DataError(f"one {over} is no curve", value=table[over].iloc[0], remedy="give several")
    parts = {k: p.sort_values(over) for k, p in table.groupby(line, sort=False)}
    named = line == "subject" and not any(isinstance(k, str) for k in parts)
    return {("Subject " if named else "") + str(k): p for k, p in parts.items()}


def _percent(ax: Axes, heading: str) -> None:
    ax.set_ylim(-2, 103)
    ax.set_yticks([0, 25, 50, 75, 100])
    ax.set_ylabel(heading, fontsize=TEXT)


def _share_caption(parts: Mapping[str, pd.DataFrame], *, line: str = "arm", banded: bool = True) -> str:
    counts = {a: (int(p["n"].max()), int(p["n_failed"].max())) for a, p in parts.items()}
    first = next(iter(parts.values()))
    same = len({n for n, _ in counts.values()}) == 1
    each = f" per {'subject' if 'subject' in first else line}" if len(counts) > 1 or line == "dose" else ""
    who = f"{next(iter(counts.values()))[0]:,} cells{each}"
    if not same:
        who = sentence([f"{n:,} ({a})" for a, (n, _) in counts.items()]) + " cells"
    people = int(first["n_subjects"].iloc[0]) if "n_subjects" in first else 1
    who += f" of {people:,} subjects, by the differences between these" if people > 1 else ""
    said = [f"Bands: {100 * first['confidence'].iloc[0]:g} % interval, of {who}." if banded else f"{who}."]
    if lost := {a: k for a, (_, k) in counts.items() if k and banded}:
        where = f" ({', '.join(f'{a}: {k:,}' for a, k in lost.items())})" if len(counts) > 1 else ""
        said.append(f"{sum(lost.values()):,} failed runs are dead in one limit and alive in the other{where}.")
    return " ".join(said)


def _lines(names: Sequence[str], **look: Any) -> list[Artist]:
    from matplotlib.lines import Line2D

    if len(names) < 2:
        return []
    style: dict[str, Any] = {"linewidth": 1.8} | look
    return [Line2D([], [], color=colour(i), linestyle=dash(i), label=plain(a), **style) for i, a in enumerate(names)]


# -------------------------------------------------------------------------------------------------------- kill by dose
def dose_kill(
    table: pd.DataFrame | Mapping[str, pd.DataFrame],
    *,
    curves: Mapping[str, Curve] | None = None,
    theory: pd.DataFrame | None = None,
    dose: str = "Dose",
    share: str = "Cells killed",
    title: str | None = None,
) -> Figure:
    """Draw the share of cells killed by dose.

    Parameters
    ----------
    table : DataFrame or mapping of str to DataFrame
        What ``dose_kill_curve`` returned; several, by name.
    curves : mapping of str to callable, optional
        Shares from theory as functions of an array of doses: those with the name of a table in its colour, others in
        black.
    theory : DataFrame, optional
        Shares from theory at doses where no function of the dose gives them: dose, share, and holds, whether what the
        theory takes for granted does; where it does not, the share is a cross.
    dose : str, optional
        What the dose is, for its axis, which is logarithmic; a dose of zero stands apart at its left.
    share : str, optional
        What the share is, for its axis.
    title : str, optional

    Returns
    -------
    matplotlib.figure.Figure
        A point per dose with its confidence interval.

    Raises
    ------
    DataError
        Tables by subject, of several units, or with one dose.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"dose": [1.0, 9.0], "dose_unit": "mg", "experiment": ["a", "b"], "n": 50, "n_failed": 0,
    ...                       "killed": [0.1, 0.5], "low": [0.0, 0.4], "high": [0.2, 0.6], "confidence": 0.95})
    >>> dose_kill(table).axes[0].get_xlabel()
    'Dose (mg)'
    """
    tables = _named(table)
    units = {str(u) for t in tables.values() for u in t["dose_unit"]}
    if len(units) > 1 or any("subject" in t for t in tables.values()):
        raise DataError(
            "the tables differ in unit, or are by subject", value=sorted(units), remedy="draw one at a time"
        )
    x = np.unique(np.concatenate([t["dose"].to_numpy(float) for t in tables.values()]))
    if len(x) < 2:
        raise DataError("one dose is no curve", value=x.tolist(), remedy="give several")
    curves = dict(curves or {})
    apart = _log_doses(x)
    bands = _share_caption(tables, line="dose").replace("Bands", "Bars")
    said = f"Points: simulated; lines: closed form. {bands}" if curves else bands
    if theory is not None:
        marks = ["dashes: closed form"] * bool(theory["holds"].any())
        marks += ["crosses: closed form where its conditions are not met"] * (not theory["holds"].all())
        said = f"Points: simulated; {'; '.join(marks)}. {bands}"
    said += " A dose of zero stands apart at the left." if x[0] == 0 else ""
    handles = [*_dose_lines(tables, curves), *_theory_lines(theory)]
    fig, axes = frame((6.6, 3.7), (1, 1), title=title, caption=said, handles=handles)
    ax = axes[0, 0]
    dress(ax)
    _theory(ax, x, apart, tables, curves)
    if theory is not None:
        _theory_at(ax, theory, apart)
    for i, part in enumerate(tables.values()):
        at, percent = np.where(part["dose"] > 0, part["dose"], apart), 100 * part["killed"].to_numpy(float)
        if not curves:  # side by side, so that bars do not hide each other; beside a curve a point stays at its dose
            at = at * (x[-1] / min(apart, x[x > 0][0])) ** (ASIDE * (i - (len(tables) - 1) / 2))
        reach = np.abs(100 * part[["low", "high"]].to_numpy(float).T - percent)
        ax.errorbar(at, percent, yerr=reach, fmt="o", color=colour(i), markersize=4.2, elinewidth=1.2, zorder=3)
    _percent(ax, f"{plain(share)} (%)")
    _dose_axis(ax, x, apart)
    ax.set_xlabel(label(dose, units.pop()), fontsize=TEXT)
    return fig


def _named(table: pd.DataFrame | Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    import pandas as pd

    return {"Simulated": table} if isinstance(table, pd.DataFrame) else dict(table)


def _dose_lines(tables: Mapping[str, Any], curves: Mapping[str, Any]) -> list[Artist]:
    from matplotlib.lines import Line2D

    names = list(tables)
    if not curves and len(names) < 2:
        return []
    handles: list[Artist] = [
        Line2D([], [], color=colour(i), marker="o", markersize=4.2, linewidth=1.5,
               linestyle="-" if name in curves else "none", label=plain(name))
        for i, name in enumerate(names)
    ]  # fmt: skip
    return [*handles, *(Line2D([], [], color=INK, linewidth=1.5, label=plain(n)) for n in curves if n not in tables)]


def _log_doses(x: Floats) -> float:
    """Return where a dose of zero stands on a logarithmic axis."""
    some = x[x > 0]
    step = (some[-1] / some[0]) ** (1 / max(len(some) - 1, 1)) if len(some) > 1 else 10.0
    return float(some[0] / max(step, 2.0))


def _theory(ax: Axes, x: Floats, apart: float, tables: Mapping[str, Any], curves: Mapping[str, Curve]) -> None:
    fine = np.geomspace(x[x > 0][0], x[-1], 200)
    for name, curve in curves.items():
        shade = colour(list(tables).index(name)) if name in tables else INK
        ax.plot(fine, 100 * np.asarray(curve(fine), dtype=float), color=shade, linewidth=1.5, zorder=2)
        if x[0] == 0:
            level = 100 * float(np.asarray(curve(np.zeros(1)), dtype=float)[0])
            ax.plot([apart / 1.12, apart * 1.12], [level, level], color=shade, linewidth=1.5, zorder=2)


_HOLDS: dict[str, Any] = {"marker": "_", "markersize": 15, "markeredgewidth": 1.7, "color": INK}
_FAILS: dict[str, Any] = {"marker": "x", "markersize": 6, "markeredgewidth": 1.2, "color": INK}


def _theory_at(ax: Axes, theory: pd.DataFrame, apart: float) -> None:
    """Draw shares from theory at single doses, joined where neighbours hold, but for a dose of zero."""
    rows = theory.sort_values("dose")
    at = np.where(rows["dose"] > 0, rows["dose"], apart)
    percent, holds = 100 * rows["share"].to_numpy(float), rows["holds"].to_numpy(bool)
    joined = np.where(holds & (rows["dose"].to_numpy(float) > 0), percent, np.nan)
    ax.plot(at, joined, color=INK, linewidth=0.8, alpha=0.6, zorder=2)
    for there, look in ((holds, _HOLDS), (~holds, _FAILS)):
        ax.plot(at[there], percent[there], linestyle="none", zorder=4, **look)


def _theory_lines(theory: pd.DataFrame | None) -> list[Artist]:
    from matplotlib.lines import Line2D

    if theory is None:
        return []
    holds = theory["holds"].to_numpy(bool)
    named = (("Closed form", _HOLDS, holds.any()), ("Closed form, its conditions not met", _FAILS, not holds.all()))
    return [Line2D([], [], linestyle="none", label=n, **{**look, "markersize": 9}) for n, look, any_ in named if any_]


def _dose_axis(ax: Axes, x: Floats, apart: float) -> None:
    some = x[x > 0]
    pad = 1.15
    ends = float((apart if x[0] == 0 else some[0]) / pad), float(some[-1] * pad)
    ax.set_xscale("log")
    ax.set_xlim(*ends)
    log_ticks(ax.xaxis, float(some[0] / pad), ends[1])
    shown = [t for t in ax.xaxis.get_major_locator().tick_values(*ends) if some[0] / pad <= t <= ends[1]]
    words = ax.xaxis.get_major_formatter().format_ticks(shown)
    minor = [t for t in ax.xaxis.get_minor_locator().tick_values(*ends) if some[0] <= t <= ends[1]]
    if np.diff(np.log(some)).min(initial=np.inf) > ROOM * np.log(ends[1] / ends[0]):
        shown, words = some.tolist(), [f"{d:g}" for d in some]
    zero = [(apart, "0")] if x[0] == 0 else []
    ax.set_xticks([*(t for t, _ in zero), *shown], [*(w for _, w in zero), *words])
    ax.set_xticks(minor, minor=True)
    ax.set_xlim(*ends)  # ticks beyond the doses would widen it


# -------------------------------------------------------------------------------------------------------- distribution
def distribution(
    values: ArrayLike | xr.DataArray,
    *,
    fits: Sequence[Any] = (),
    curves: Mapping[str, Curve] | None = None,
    name: str | None = None,
    unit: str | None = None,
    counts: bool | None = None,
    title: str | None = None,
) -> Figure:
    """Draw the distribution of cells as a histogram, with fitted laws and closed forms over it.

    Parameters
    ----------
    values : array or xarray.DataArray
        One value per cell. Missing values are counted in the caption.
    fits : sequence of Fit, optional
        What ``fit_distribution`` returned.
    curves : mapping of str to callable, optional
        Densities, of counts probabilities, as functions of an array of values, by name.
    name, unit : str, optional
        Of the values, for the axis; those of the DataArray where not given.
    counts : bool, optional
        Whether values are whole numbers, whose bars span whole numbers; told from the values where not given.
    title : str, optional

    Returns
    -------
    matplotlib.figure.Figure
        Bars and lines are densities: shares per unit of the value.

    Raises
    ------
    DataError
        No values, or all of them equal.

    Examples
    --------
    >>> figure = distribution([3, 4, 4, 5, 6, 2, 4], name="Transcripts", unit="item")
    >>> figure.axes[0].get_xlabel()
    'Transcripts (item)'
    """
    every = np.asarray(values, dtype=float).ravel()
    x = every[np.isfinite(every)]
    if not len(x) or not np.ptp(x):
        raise DataError("there is no distribution to draw", value=f"{len(np.unique(x))} different values")
    attrs = dict(getattr(values, "attrs", {}))
    heading = name if name is not None else str(attrs.get("long_name") or getattr(values, "name", "") or "Value")
    own = str(attrs.get("units", "")) if unit is None else unit
    whole = bool((x == np.round(x)).all()) if counts is None else counts
    edges = _edges(x, whole=whole)
    lines = {_fit_name(f): f.density for f in fits} | dict(curves or {})
    fig, axes = frame((6.6, 3.7), (1, 1), title=title, caption=_fit_caption(x, len(every), fits),
                      handles=_lines_over_bars(list(lines)))  # fmt: skip
    ax = axes[0, 0]
    dress(ax)
    found = np.histogram(x, edges)[0] / len(x) / np.diff(edges)
    ax.bar(
        edges[:-1], found, np.diff(edges), align="edge", color=colour(0), alpha=0.3, edgecolor="white", linewidth=0.4
    )
    for i, curve in enumerate(lines.values(), start=1):
        _draw_law(ax, curve, edges, i, whole=whole)
    ax.set_ylim(0, 1.12 * max(found.max(), *(v for line in ax.lines for v in line.get_ydata() if np.isfinite(v)), 0.0))
    ax.set_xlim(edges[0], edges[-1])
    ax.set_xlabel(label(heading[:1].upper() + heading[1:], own), fontsize=TEXT)
    ax.set_ylabel(_per(own or "unit"), fontsize=TEXT)
    return fig


def _per(unit: str) -> str:
    return "Share of cells" if unit == "dimensionless" else f"Share of cells per {plain(unit)}"


def _edges(x: Floats, *, whole: bool) -> Floats:
    """Return the edges of bars: of counts at halves, so that a bar holds whole numbers."""
    quartiles = np.percentile(x, [25, 75])
    width = 2 * float(np.diff(quartiles)[0]) / len(x) ** (1 / 3) or float(np.ptp(x)) / 10
    width = max(width, float(np.ptp(x)) / BARS)
    if whole:
        width = 1.0 if np.ptp(x) < BARS else max(1.0, float(np.round(width)))
        start = np.floor(x.min() / width) * width - 0.5
    else:
        start = 0.0 if 0 <= x.min() < 2 * width else float(x.min())
    return np.asarray(start + width * np.arange(np.ceil((x.max() - start) / width + 1e-9) + 1), dtype=np.float64)


def _draw_law(ax: Axes, curve: Curve, edges: Floats, i: int, *, whole: bool) -> None:
    if whole and np.diff(edges)[0] == 1.0 and len(edges) <= BARS + 2:
        at = np.arange(edges[0] + 0.5, edges[-1])
        look: dict[str, Any] = {"marker": "o", "markersize": 3.6}
    elif whole:
        at, look = np.unique(np.round(np.linspace(max(edges[0] + 0.5, 0.0), edges[-1], 400))), {}
    else:
        at, look = np.linspace(edges[0], edges[-1], 402)[1:-1], {}
    ax.plot(at, np.asarray(curve(at), dtype=float), color=colour(i), linestyle=_law_dash(i), linewidth=1.8, **look)


def _law_dash(i: int) -> Any:
    # Laws often lie on each other: the dashes of the later let the earlier be seen.
    return "-" if i == 1 else (0, (4, 2.5)) if i == 2 else (0, (1.2, 1.8))


def _fit_name(fit: Any) -> str:
    return {"gamma": "Gamma", "poisson": "Poisson", "negative binomial": "Negative binomial"}[fit.law] + ", fitted"


def _lines_over_bars(names: Sequence[str]) -> list[Artist]:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    if not names:
        return []
    handles: list[Artist] = [Patch(color=colour(0), alpha=0.3, linewidth=0, label="Simulated")]
    looks = [(colour(i), _law_dash(i), n) for i, n in enumerate(names, start=1)]
    return [*handles, *(Line2D([], [], color=c, linestyle=d, linewidth=1.8, label=plain(n)) for c, d, n in looks)]


def _fit_caption(x: Floats, every: int, fits: Sequence[Any]) -> str:
    said = [f"{len(x):,} cells."]
    if lost := every - len(x):
        said.append(f"{lost:,} without a value (failed, or ended by a fate) left out.")
    for f in fits:
        values = ", ".join(
            f"{k} {v:.4g}{' ' + f.unit if k == 'scale' and f.unit else ''}" for k, v in f.parameters.items()
        )
        name = {"KS": "Kolmogorov–Smirnov", "chi2": "chi-squared"}[f.test]
        told = f"{name} p = {f.p_value:.2g}" if np.isfinite(f.p_value) else f"too few cells for a {name} test"
        said.append(f"{_fit_name(f)}: {values}; {told}.")
    return " ".join(said)
