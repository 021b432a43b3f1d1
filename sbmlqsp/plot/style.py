"""What all figures share: colours, labels, ticks, the frame around the panels, and files."""

from __future__ import annotations

import math
import re
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sbmlqsp.errors import DataError
from sbmlqsp.files import written

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

# Okabe and Ito's colours without the yellow, which is too faint for lines: told apart by colour-blind readers.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
DASHES: tuple[Any, ...] = ("-", (0, (5, 2)), (0, (1.2, 1.5)), (0, (6, 2, 1.2, 2)))
INK, GREY, PALE = "#222222", "#666666", "#E6E6E6"
TEXT, SMALL = 10.0, 8.0
FORMATS = ("png", "svg", "pdf")
# Steps between ticks that clocks and calendars suggest.
_STEPS = {
    "s": (1, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600),
    "min": (1, 5, 10, 15, 30, 60, 120, 180, 240, 360, 720, 1440),
    "h": (1, 2, 3, 4, 6, 12, 24, 48, 72, 96, 168, 336, 672, 1344),
    "day": (1, 2, 7, 14, 28, 56, 84, 112, 168, 364, 728),
    "week": (1, 2, 4, 8, 13, 26, 52, 104),
}
_SPELT = {
    "hr": "h",
    "hour": "h",
    "hours": "h",
    "d": "day",
    "days": "day",
    "wk": "week",
    "weeks": "week",
    "second": "s",
    "minute": "min",
}
_RAISED = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")


def colour(i: int) -> str:
    """Return the colour of the i-th arm."""
    return COLOURS[i % len(COLOURS)]


def dash(i: int) -> Any:
    """Return a line style that changes once the colours are used up."""
    return DASHES[i // len(COLOURS) % len(DASHES)]


def plain(text: object) -> str:
    """Return text that Matplotlib does not take for mathematics."""
    return str(text).replace("$", r"\$")


def pretty_unit(unit: str) -> str:
    """Write a unit as print does.

    Examples
    --------
    >>> pretty_unit("ug*h/L"), pretty_unit("m^2"), pretty_unit("dimensionless")
    ('µg·h/L', 'm²', '')
    >>> pretty_unit("1000000000/L")
    '10⁹/L'
    """
    if unit in {"", "dimensionless"}:
        return ""
    unit = re.sub(r"(?<![\w.])1(0{4,})(?![\d.])", lambda m: f"10^{len(m[1])}", unit)
    unit = re.sub(r"\^(-?\d+)(?![\d.])", lambda m: m[1].translate(_RAISED), unit)
    return re.sub(r"(?<![^\W\d])u(?=[gLlmMsA]|mol)", "µ", unit).replace("*", "·")


def label(name: str, unit: str, *, width: int = 44) -> str:
    """Return a quantity and its unit, in lines of at most ``width`` characters."""
    text = f"{name} ({pretty_unit(unit)})" if pretty_unit(unit) else name
    return plain("\n".join(textwrap.wrap(text, width)))


def sentence(items: Sequence[str]) -> str:
    """Join with commas and an "and"."""
    return " and ".join(filter(None, [", ".join(items[:-1]), *items[-1:]]))


def dress(ax: Axes, *, size: float = 9.0) -> None:
    """Take away what carries no information, and set what is left in readable type."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(GREY)
    ax.tick_params(labelsize=size, color=GREY, labelcolor=INK, length=3.5)
    ax.tick_params(which="minor", length=2, color=GREY)
    ax.grid(visible=True, axis="y", color=PALE, linewidth=0.7)
    ax.set_axisbelow(True)


def clock_ticks(axis: Axis, unit: str, span: float, *, most: int = 8) -> None:
    """Put ticks at whole hours, days or weeks where the time unit is known, else at round numbers."""
    from matplotlib.ticker import MaxNLocator, MultipleLocator

    steps = [s for s in _STEPS.get(_SPELT.get(unit, unit), ()) if span / s <= most]
    axis.set_major_locator(
        MultipleLocator(steps[0]) if steps and span / steps[0] >= 2 else MaxNLocator(most, steps=[1, 2, 2.5, 5, 10])
    )


def log_ticks(axis: Axis, low: float, high: float) -> None:
    """Label decades, and between them where there are few, as plain numbers where these are short."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

    decades = math.log10(high / low)
    between = (1.0, 2.0, 5.0) if decades < 2 else (1.0,)
    every = max(1, math.ceil(decades / 7))
    axis.set_major_locator(LogLocator(base=10.0**every, subs=between if every == 1 else (1.0,), numticks=20))
    axis.set_minor_locator(LogLocator(subs=tuple(range(2, 10)), numticks=60) if every == 1 else NullLocator())
    axis.set_minor_formatter(NullFormatter())
    axis.set_major_formatter(FuncFormatter(lambda v, _: _number(v)))


def _number(value: float) -> str:
    if not value > 0:
        return ""
    power = math.floor(math.log10(value) + 1e-9)
    if -3 <= power <= 4:
        return f"{value:.{max(0, -power)}f}"
    front = round(value / 10.0**power)
    return rf"$10^{{{power}}}$" if front == 1 else rf"${front}\times10^{{{power}}}$"


def frame(
    size: tuple[float, float],
    grid: tuple[int, int],
    *,
    title: str | None,
    caption: str,
    handles: Sequence[Artist] = (),
    shared: tuple[str, str] | None = None,
) -> tuple[Figure, NDArray[Any]]:
    """Return a figure with a grid of axes, under a title and a legend, over a caption.

    ``size`` is that of the panels together, in inches; what is around them is added, so that nothing overlaps.
    ``shared`` are the labels of axes that all panels share, written once.
    """
    from matplotlib.figure import Figure

    width = size[0]
    note = textwrap.wrap(caption, int(width * 16.8))
    heading = textwrap.wrap(title or "", int(width * 11))
    columns = max(1, int((width - 0.3) / (0.7 + 0.072 * max((len(str(h.get_label())) for h in handles), default=1))))
    rows = math.ceil(len(handles) / columns)
    below = 0.08 + 0.155 * len(note) + (0.26 if shared else 0.0)
    title_height = 0.06 + 0.22 * len(heading) if heading else 0.0
    above = 0.06 + title_height + (0.06 + 0.22 * rows if handles else 0.0)
    height = size[1] + below + above
    fig = Figure(figsize=(width, height), layout="constrained", facecolor="white")
    fig.get_layout_engine().set(rect=(0, below / height, 1, size[1] / height), w_pad=0.08, h_pad=0.06)  # type: ignore[union-attr,call-arg]
    left = 0.12 / width
    if heading:
        text = plain("\n".join(heading))
        fig.text(left, 1 - 0.08 / height, text, ha="left", va="top", fontsize=TEXT + 1.5, fontweight="bold", color=INK)
    if handles:
        at = (left, 1 - (0.04 + title_height) / height)
        fig.legend(
            handles=list(handles),
            loc="upper left",
            bbox_to_anchor=at,
            ncols=min(columns, len(handles)),
            frameon=False,
            fontsize=TEXT - 0.5,
            borderaxespad=0.1,
            handlelength=1.9,
            columnspacing=1.6,
        )
    fig.text(left, 0.06 / height, plain("\n".join(note)), ha="left", va="bottom", fontsize=SMALL, color=GREY)
    axes = np.atleast_2d(fig.subplots(*grid, sharex=bool(shared), sharey=bool(shared), squeeze=False))
    if shared:
        fig.text(0.5, (below - 0.08) / height, shared[0], ha="center", va="center", fontsize=TEXT)
        fig.supylabel(shared[1], y=(below + size[1] / 2) / height, va="center", fontsize=TEXT)
    return fig, axes


def grid_for(n: int) -> tuple[int, int]:
    """Return rows and columns for so many panels.

    Examples
    --------
    >>> [grid_for(n) for n in (1, 3, 4, 6, 12)]
    [(1, 1), (1, 3), (2, 2), (2, 3), (3, 4)]
    """
    columns = n if n <= 3 else 2 if n == 4 else 3 if n <= 9 else 4 if n <= 16 else 6
    return math.ceil(n / columns), columns


def save(fig: Figure, path_stem: str | os.PathLike[str], formats: Sequence[str] = ("png", "svg")) -> list[Path]:
    """Write a figure to files whose bytes depend on nothing but the figure.

    Parameters
    ----------
    fig : matplotlib.figure.Figure
        The figure.
    path_stem : path
        The files' name without its ending.
    formats : sequence of {"png", "svg", "pdf"}, optional
        One file each; PNG at 200 dots per inch.

    Returns
    -------
    list of pathlib.Path
        The files, in the order of ``formats``.

    Raises
    ------
    DataError
        A format there is not, or no such folder.

    Examples
    --------
    >>> import tempfile
    >>> from matplotlib.figure import Figure
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     [p.name for p in save(Figure(), folder + "/empty")]
    ['empty.png', 'empty.svg']
    """
    import matplotlib as mpl

    stem = Path(path_stem)
    chosen = [formats] if isinstance(formats, str) else list(formats)
    if bad := [f for f in chosen if f not in FORMATS]:
        raise DataError("figures cannot be written in this format", value=bad[0], expected=", ".join(FORMATS))
    if not stem.parent.is_dir():
        raise DataError("there is no such folder", value=str(stem.parent), remedy="make it first")
    silent: dict[str, dict[str, Any]] = {
        "png": {"Software": None},
        "svg": {"Date": None},
        "pdf": {"CreationDate": None, "Producer": None},
    }
    paths = []
    for form in chosen:
        path = stem.with_name(f"{stem.name}.{form}")
        # Ids in an SVG are random but for this setting, which Matplotlib offers nowhere else.
        with written(path) as partial, mpl.rc_context({"svg.hashsalt": "sbmlqsp", "svg.fonttype": "path"}):
            fig.savefig(partial, format=form, dpi=200, metadata=silent[form])
        paths.append(path)
    return paths
