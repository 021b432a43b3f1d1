"""Time courses: arms over each other, populations as bands, subjects side by side, data on top."""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING, Any

import numpy as np

from sbmlqsp.errors import DataError
from sbmlqsp.plot.observed import read_observed
from sbmlqsp.plot.panels import (
    DEEPEST,
    FEW,
    FEWEST,
    PANELS,
    Look,
    Panel,
    Series,
    curves_of,
    deal_panels,
    fated,
    shown_values,
)
from sbmlqsp.plot.style import (
    GREY,
    INK,
    SMALL,
    TEXT,
    clock_ticks,
    dress,
    frame,
    grid_for,
    label,
    log_ticks,
    plain,
    sentence,
)
from sbmlqsp.provenance import SINGLE_CELLS
from sbmlqsp.results import as_results, dose_calendar, failed, observable_names

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    import xarray as xr
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

BAND = 0.2
"""How opaque one band is; bands inside each other add up."""


def time_course(
    ds: xr.Dataset,
    observables: str | Sequence[str] | None = None,
    *,
    observed: pd.DataFrame | None = None,
    log: bool = False,
    bands: tuple[float, float] | Sequence[tuple[float, float]] = (5, 95),
    individuals: bool | int | str = "auto",
    panels: str = "observable",
    dose_ticks: bool = True,
    title: str | None = None,
    time_unit: str | None = None,
) -> Figure:
    """Draw results over time.

    Parameters
    ----------
    ds : xarray.Dataset
        Results. Failed runs are left out and counted in the caption.
    observables : str or sequence of str, optional
        Which; all where not given.
    observed : pandas.DataFrame, optional
        Data to draw as points: TIME in the time unit of the results, the values in a column of the observable's name
        (or DV, where there is one observable), and where they matter ID and EXPERIMENT. Rows with MDV or EVID other
        than 0 are no observations.
    log : bool, optional
        A logarithmic axis of values, over six decades at most; values that it cannot show are named in the caption.
    bands : (float, float) or sequence of (float, float), optional
        The percentiles a band lies between; of several, each lies inside the one before, as in ((5, 95), (25, 75)).
    individuals : bool, int or "auto", optional
        Draw each run as its own line (True), or the median and bands (False); "auto" draws up to five one by one. A
        number draws so many runs as thin lines below the median and bands: the first, the last, and evenly between.
    panels : {"observable", "experiment", "subject"}, optional
        What has a panel of its own; what shares a panel is told apart by colour. Subjects may be 24 at most.
    dose_ticks : bool, optional
        Mark the doses along the bottom: a tick for a bolus, a bar for an infusion.
    title : str, optional
        Above the figure.
    time_unit : str, optional
        Of the axis; that of the results where not given.

    Returns
    -------
    matplotlib.figure.Figure
        Free of pyplot, so that nothing needs to be closed.

    Raises
    ------
    DataError
        A name there is not, percentiles out of order, observables of different units in one panel, too many subjects,
        or data without the columns it takes.

    Examples
    --------
    >>> from sbmlqsp.results import make_dataset
    >>> t = np.arange(25.0)
    >>> ds = make_dataset({"C": 10 * np.exp(-0.1 * t)[None, None, None]}, experiments=["A"], subjects=[1],
    ...                   replicates=[0], time=t, time_unit="h", units={"C": "mg/L"})
    >>> time_course(ds).axes[0].get_ylabel()
    'C (mg/L)'
    """
    ds = as_results(ds)
    names = observable_names(ds, observables)
    look = Look(log, _checked_bands(bands), *_checked_individuals(individuals))
    if panels not in PANELS:
        raise DataError(f"panels cannot be by '{panels}'", expected=" or ".join(map(repr, PANELS)))
    unit = time_unit or str(ds["time"].attrs.get("units", ""))
    factor = _time_factor(str(ds["time"].attrs.get("units", "")), unit)
    data = None if observed is None else read_observed(observed, names, list(ds["experiment"].to_numpy()), factor)
    drawn = deal_panels(ds, names, panels, factor, data)
    times = np.concatenate([t for p in drawn for s in p.series for t in (s.time, s.observed.time)])
    span = (float(times.min()), float(times.max()))
    doses = _doses(ds, factor, span) if dose_ticks else []
    rows, columns = grid_for(len(drawn))
    caption = " ".join(filter(None, [*_counted(ds, drawn, look), *_remarks(drawn, look, doses)]))
    options: dict[str, Any] = {"title": title, "caption": caption, "handles": _handles(drawn, look)}
    shared = (label("Time", unit), drawn[0].ylabel) if panels != "observable" else None
    fig, axes = frame(_size(rows, columns), (rows, columns), shared=shared, **options)
    _fill(fig, axes.ravel(), drawn, look, doses)
    _finish(axes, drawn, unit, span)
    return fig


def _checked_bands(bands: Any) -> tuple[tuple[float, float], ...]:
    pairs = [tuple(b) if np.ndim(b) else b for b in bands]
    pairs = [tuple(pairs)] if pairs and not isinstance(pairs[0], tuple) else pairs
    for pair in pairs:
        if len(pair) != 2 or not 0 <= pair[0] < pair[1] <= 100:
            raise DataError("a band does not lie between two percentiles", value=bands, expected="as in (5, 95)")
    for outer, inner in itertools.pairwise(pairs):
        if not (outer[0] < inner[0] and inner[1] < outer[1]):
            expected = "each inside the one before, as in ((5, 95), (25, 75))"
            raise DataError("the bands do not lie inside each other", value=bands, expected=expected)
    if not pairs or not pairs[-1][0] < 50 < pairs[-1][1]:
        raise DataError("a band does not hold the median", value=bands, expected="as in (5, 95)")
    return tuple((float(low), float(high)) for low, high in pairs)


def _checked_individuals(individuals: bool | int | str) -> tuple[bool | None, int]:
    """Return whether each run is drawn as its own line, and how many are below a median and bands."""
    if isinstance(individuals, bool):
        return individuals, 0
    if isinstance(individuals, int | np.integer) and individuals >= 1:
        return False, int(individuals)
    if individuals != "auto":
        raise DataError("runs cannot be drawn in this way", value=individuals,
                        expected="True, False or 'auto', or how many")  # fmt: skip
    return None, 0


def _time_factor(own: str, asked_for: str) -> float:
    if own == asked_for:
        return 1.0
    from sbmlqsp.units import convert

    return float(convert(1.0, own, asked_for))


def _doses(ds: xr.Dataset, factor: float, span: tuple[float, float]) -> list[dict[str, Any]]:
    """Return the doses within the time shown, in its unit."""
    scaled = [d | {k: float(d.get(k) or 0.0) * factor for k in ("time", "duration")} for d in dose_calendar(ds)]
    return [d for d in scaled if span[0] <= d["time"] <= span[1]]


def _size(rows: int, columns: int) -> tuple[float, float]:
    width, height = {1: (6.6, 3.7), 2: (4.5, 3.2), 3: (3.6, 2.8), 4: (2.6, 2.05)}.get(columns, (2.0, 1.7))
    return width * columns, height * rows


def _handles(panels: list[Panel], look: Look) -> list[Artist]:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    series = [s for p in panels for s in p.series]
    looks = {s.label: s for s in series}
    points = any(len(s.observed.time) for s in series)
    handles: list[Artist] = []
    if len(looks) > 1:
        thick: dict[str, Any] = {"linewidth": 1.8}
        handles += [Line2D([], [], color=s.colour, linestyle=s.dash, label=plain(n), **thick) for n, s in looks.items()]
    elif any(look.banded(len(s.runs)) for s in series):
        handles.append(Line2D([], [], color=series[0].colour, linewidth=1.8, label="Median"))
        for i, band in enumerate(look.bands):
            shade = 1 - (1 - BAND) ** (i + 1)
            handles.append(
                Patch(color=series[0].colour, alpha=shade, linewidth=0, label=f"{_between(band)} percentile")
            )
    elif points:
        handles.append(Line2D([], [], color=series[0].colour, linewidth=1.8, label="Model"))
    if points:
        style: dict[str, Any] = {"marker": "o", "markersize": 4.5, "markerfacecolor": "white", "markeredgecolor": INK}
        handles.append(Line2D([], [], linestyle="none", label="Observed", **style))
    return handles


def _percentiles(look: Look) -> str:
    return f"{sentence([_between(b) for b in look.bands])} percentile"


def _between(band: tuple[float, float]) -> str:
    return f"{_ordinal(band[0])}–{_ordinal(band[1])}"


def _ordinal(p: float) -> str:
    teen = 10 <= p % 100 <= 20 or p != int(p)
    return f"{p:g}" + ("th" if teen else {1: "st", 2: "nd", 3: "rd"}.get(int(p) % 10, "th"))


def _counted(ds: xr.Dataset, panels: list[Panel], look: Look) -> list[str]:
    """Say what lines and bands rest on, and what is left out."""
    noun = "cell" if "fate" in ds or _stochastic(ds) else "subject" if ds.sizes["replicate"] == 1 else "run"
    arms = {s.experiment: len(s.runs) for p in panels for s in p.series}
    counts = sorted(set(arms.values()))
    most = max(arms.values(), default=0)
    who = f"{most:,} {noun}s" + " per arm" * (len(arms) > 1)
    if len(counts) > 1:
        who = sentence([f"{n:,} ({a})" for a, n in arms.items()]) + f" {noun}s"
    if noun == "cell" and ds.sizes["subject"] > 1:
        # A panel shows all subjects or one.
        who += f" of {ds.sizes['subject']:,} subjects" if most > ds.sizes["replicate"] else " and subject"
    said = []
    if look.banded(most):
        who += f" that are alive then, while {FEWEST} or more are" * bool(fated(ds).any())
        single = f"; thin lines: {min(look.single, most):,} of them" if look.single else ""
        said.append(f"Lines: median; bands: {_percentiles(look)}, of {who}{single}.")
    elif most > 1:
        said.append(f"One line per {noun}: {who}.")
    lost = {str(a): int(n) for a, n in zip(ds["experiment"].to_numpy(), failed(ds).sum(axis=(1, 2)), strict=True) if n}
    if total := sum(lost.values()):
        where = f" ({', '.join(f'{a}: {n:,}' for a, n in lost.items())})" if len(arms) > 1 else ""
        said.append(f"{total:,} run{'s' * (total > 1)} failed and {'are' if total > 1 else 'is'} left out{where}.")
    return said


def _stochastic(ds: xr.Dataset) -> bool:
    """Say whether the runs are single cells."""
    inputs = json.loads(ds.attrs.get("provenance", "{}")).get("inputs", {})
    return isinstance(inputs, dict) and inputs.get("name") in SINGLE_CELLS


def _remarks(panels: list[Panel], look: Look, doses: list[dict[str, Any]]) -> list[str]:
    bars = " (bars: infusions)" if any(d["duration"] for d in doses) else ""
    said = [f"Marks along the bottom: doses{bars}."] * bool(doses)
    if not look.log:
        return said
    values = np.concatenate([v.ravel() for p in panels for s in p.series for v in (s.runs, s.observed.value)])
    if (values <= 0).any():
        said.append("A log axis has no place for values of zero or below; they are left out.")
    if any((v > 0).any() and v[v > 0].min() < v.max() * DEEPEST for v in [shown_values(p, look) for p in panels]):
        said.append("The axis ends six decades below its highest value.")
    return said


def _fill(fig: Figure, axes: NDArray[Any], panels: list[Panel], look: Look, doses: list[dict[str, Any]]) -> None:
    values = [shown_values(p, look) for p in panels]
    if len(panels) > 1 and panels[0].title:  # panels side by side are to be compared
        values = [np.concatenate(values)] * len(panels)
    for ax, panel, shown in zip(axes, panels, values, strict=False):
        small = len(panels) > 3
        dress(ax, size=SMALL if small else 9.0)
        for s in panel.series:
            _draw(ax, s, look, small=small)
        rows = _dose_rows(panel, doses)
        _limit(ax, shown, look, rows=len(rows))
        _mark(ax, rows)
        if panel.title:
            ax.set_title(plain(panel.title), fontsize=9, loc="left", pad=3, color=INK)
    for ax in axes[len(panels) :]:
        fig.delaxes(ax)


def _draw(ax: Axes, s: Series, look: Look, *, small: bool) -> None:
    curves = [look.shown(c) for c in curves_of(s, look)]
    base: dict[str, Any] = {"color": s.colour, "linestyle": s.dash}
    if len(s.time) < 3:
        base |= {"marker": "s", "markersize": 4}
    if look.banded(len(s.runs)):
        n = len(look.bands)
        for low, high in zip(curves[:n], reversed(curves[n + 1 : 2 * n + 1]), strict=True):
            ax.fill_between(s.time, low, high, color=s.colour, alpha=BAND, linewidth=0, zorder=2)
        if single := curves[2 * n + 1 :]:
            ax.plot(s.time, np.array(single).T, color=s.colour, linewidth=0.5, alpha=0.3, zorder=2.5)
        ax.plot(s.time, curves[n], linewidth=1.8, zorder=3, **base)
    elif curves:
        width, alpha = (
            (1.7, 1.0)
            if len(curves) == 1
            else (1.1, 0.8)
            if len(curves) <= FEW
            else (0.8, 0.6)
            if len(curves) <= 30
            else (0.5, 0.3)
        )
        ax.plot(s.time, np.array(curves).T, linewidth=width, alpha=alpha, zorder=3, **base)
    if len(s.observed.time):
        edge = s.colour if s.observed.by_arm else INK
        style: dict[str, Any] = {"markerfacecolor": "white", "markeredgecolor": edge, "markeredgewidth": 0.9}
        shown = look.shown(s.observed.value)
        ax.plot(s.observed.time, shown, "o", markersize=3.6 if small else 4.5, zorder=4, **style)


def _limit(ax: Axes, shown: NDArray[np.float64], look: Look, *, rows: int) -> None:
    """Set the axis of values, with room for rows of dose marks at its bottom."""
    room = 0.05 * rows
    if not len(shown):
        ax.text(0.5, 0.5, "nothing to show", transform=ax.transAxes, ha="center", va="center", color=GREY)
        return
    low, high = float(shown.min()), float(shown.max())
    if look.log:
        low = max(low, high * DEEPEST)
        decades = max(np.log10(high / low), 0.3)
        ax.set_yscale("log")
        ends = (low * 10 ** (-decades * (0.04 + room)), high * 10 ** (0.05 * decades))
        ax.set_ylim(*ends)
        log_ticks(ax.yaxis, *ends)
        return
    height = (high - min(low, 0.0) if low >= 0 else high - low) or abs(high) or 1.0
    ax.set_ylim((0.0 if low >= 0 else low - 0.05 * height) - room * height, high + 0.06 * height)


def _dose_rows(panel: Panel, doses: list[dict[str, Any]]) -> list[tuple[str, list[dict[str, Any]]]]:
    """Return a row of dose marks per arm, or one in grey where arms are dosed alike or are too many to tell apart."""
    arms = {s.experiment: s.colour for s in panel.series}
    rows = {a: [d for d in doses if d["experiment"] == a] for a in arms}
    schedules = {tuple((d["time"], d["duration"]) for d in r) for r in rows.values() if r}
    if len(schedules) > 1 and len(arms) <= 4:
        return [(arms[a], r) for a, r in rows.items() if r]
    return [(GREY, [d for r in rows.values() for d in r])] if schedules else []


def _mark(ax: Axes, rows: list[tuple[str, list[dict[str, Any]]]]) -> None:
    across = ax.get_xaxis_transform()
    for i, (shade, doses) in enumerate(reversed(rows)):  # the first arm on top, as in the legend
        height = 0.025 + 0.045 * i
        for start, end in sorted({(d["time"], d["time"] + d["duration"]) for d in doses}):
            ax.plot([start, end], [height] * 2, color=shade, linewidth=2.5, solid_capstyle="butt", transform=across)
        times = sorted({d["time"] for d in doses})
        ax.plot(times, [height] * len(times), "|", color=shade, markersize=6, markeredgewidth=1.3, transform=across)


def _finish(axes: NDArray[Any], panels: list[Panel], unit: str, span: tuple[float, float]) -> None:
    """Label the axes, once where panels share them."""
    margin = 0.02 * (span[1] - span[0]) or 0.5
    for i, (ax, panel) in enumerate(zip(axes.ravel(), panels, strict=False)):
        ax.set_xlim(span[0] - margin, span[1] + margin)
        clock_ticks(ax.xaxis, unit, span[1] - span[0], most=8 if axes.shape[1] < 3 else 5)
        if not panel.title:
            ax.set_ylabel(panel.ylabel, fontsize=TEXT)
            ax.set_xlabel(label("Time", unit), fontsize=TEXT)
        elif i + axes.shape[1] >= len(panels):  # nothing below it
            ax.tick_params(labelbottom=True)
