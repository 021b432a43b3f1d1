"""The forest plot of covariate effects: ratios to a reference subject, with both intervals in numbers beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from sbmlqsp.errors import DataError
from sbmlqsp.plot.exposures import MEASURES
from sbmlqsp.plot.style import GREY, INK, PALE, SMALL, TEXT, colour, dress, frame, plain, pretty_unit

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TICKS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 0.8, 1.0, 1.25, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0)
MOST_ROWS = 40
_ROW, _LETTER = 0.27, 0.062


def forest(table: pd.DataFrame, *, band: tuple[float, float] | None = (0.8, 1.25), title: str | None = None) -> Figure:
    """Draw covariate effects as a forest plot.

    Parameters
    ----------
    table : DataFrame
        What ``covariate_effects`` returned.
    band : (float, float), optional
        Ratios between which an effect is taken to be of no consequence; None for no band.
    title : str, optional

    Returns
    -------
    matplotlib.figure.Figure
        A panel per arm. Points are ratios for the typical subject; the thick line, where there is one, is the
        uncertainty of the ratio, the thin grey line how much subjects differ. At the right the same in numbers.

    Raises
    ------
    DataError
        A table without rows, or with too many, or a band without 1 in it.

    Examples
    --------
    >>> import sbmlqsp as qsp
    >>> from sbmlqsp.analysis.covariate_effects import covariate_effects
    >>> population = qsp.Population({"CL": "4*(WT/70)^0.75"}, covariates={
    ...     "WT": qsp.Covariate("normal", mean=70, sd=10, unit="kg")})
    >>> fig = forest(covariate_effects(None, population, measure="CL", size=0))
    >>> fig.axes[0].get_yticklabels()[0].get_text()
    'WT 53.6 kg (5th percentile)'
    """
    if band is not None and not 0 < band[0] < 1 < band[1]:
        raise DataError("the band does not lie around 1", value=band, expected="as (0.8, 1.25)")
    arms = list(dict.fromkeys(table["experiment"])) if len(table) else []
    parts = {a: table[table["experiment"] == a] for a in arms}
    most = max((len(p) for p in parts.values()), default=0)
    if not 1 <= most <= MOST_ROWS:
        raise DataError("so many rows are no forest plot", value=most, expected=f"1 to {MOST_ROWS}")
    columns = min(len(arms), 2)
    rows = -(-len(arms) // columns)
    numbers = {a: _numbers(p) for a, p in parts.items()}
    size = (_names_width(table) + columns * (3.1 + _numbers_width(numbers)), rows * (0.95 + _ROW * _height(table)))
    fig, axes = frame(size, (rows, columns), title=title, caption=_caption(table, band), handles=_handles(table))
    ends = _ends(table, band)
    for i, (ax, arm) in enumerate(zip(axes.ravel(), arms, strict=False)):
        places = _places(parts[arm])
        _draw(ax, parts[arm], places, band)
        _write(ax, places, numbers[arm], heads=_heads(parts[arm]))
        _finish(ax, parts[arm], places, ends, named=i % columns == 0, measure=_measure(parts[arm]))
        if len(arms) > 1:
            ax.set_title(plain(arm), fontsize=9, loc="left", pad=16, color=INK)
    for ax in axes.ravel()[len(arms) :]:
        fig.delaxes(ax)
    return fig


def _measure(part: pd.DataFrame) -> str:
    name, unit = str(part["measure"].iloc[0]), pretty_unit(str(part["unit"].iloc[0]))
    text = MEASURES[name][0] if name in MEASURES else name
    value = float(part["reference_value"].iloc[0])
    reference = (f"{value:,.0f}" if 1000 <= value < 1e7 else f"{value:.3g}") + (f" {unit}" if unit else "")
    return f"{text}, ratio to the reference ({reference})"


def _places(part: pd.DataFrame) -> list[float]:
    """Return the height of each row, with a gap before each covariate."""
    out: list[float] = []
    at, before = 0.0, None
    for name in part["covariate"]:
        at += 1.0 if before in {None, name} else 1.5
        out.append(at)
        before = name
    return out


def _height(table: pd.DataFrame) -> float:
    return max(_places(p)[-1] for _, p in table.groupby("experiment", sort=False)) + 1


def _row_names(part: pd.DataFrame) -> list[str]:
    return [
        plain(f"{c} {v}" + (f" ({p})" if p else ""))
        for c, v, p in zip(part["covariate"], part["value"], part["place"], strict=True)
    ]


def _names_width(table: pd.DataFrame) -> float:
    return 0.3 + _LETTER * max(map(len, _row_names(table)))


def _numbers(part: pd.DataFrame) -> list[tuple[str, str]]:
    """Return ratio with its uncertainty, and spread between subjects, in words."""
    out = []
    for row in part.to_dict("records"):
        ratio = f"{row['ratio']:.2f}"
        if np.isfinite(row["uncertainty_low"]):
            # An effect whose coefficient has no stated uncertainty is not known without error, it is taken as given.
            given = np.isclose(row["uncertainty_low"], row["uncertainty_high"], rtol=1e-9)
            ratio += " (fixed)" if given else f" ({row['uncertainty_low']:.2f}–{row['uncertainty_high']:.2f})"
        spread = f"{row['between_low']:.2f}–{row['between_high']:.2f}" if np.isfinite(row["between_low"]) else ""
        out.append((ratio, spread))
    return out


def _heads(part: pd.DataFrame) -> tuple[str, str]:
    known = np.isfinite(part["uncertainty_low"]).any()
    percent = f"{100 * part['width'].iloc[0]:g} %"
    return f"Ratio ({percent} CI)" if known else "Ratio", "Subjects" if np.isfinite(part["between_low"]).any() else ""


def _numbers_width(numbers: dict[str, list[tuple[str, str]]]) -> float:
    return 0.35 + _LETTER * max(max(len(r), 14) + max(len(s), 8) + 2 for n in numbers.values() for r, s in n)


def _ends(table: pd.DataFrame, band: tuple[float, float] | None) -> tuple[float, float]:
    columns = ["ratio", "uncertainty_low", "uncertainty_high", "between_low", "between_high"]
    values = np.concatenate([table[columns].to_numpy(float).ravel(), band or (1.0,), (0.75, 1.33)])
    values = values[np.isfinite(values) & (values > 0)]
    pad = (values.max() / values.min()) ** 0.05
    return float(values.min() / pad), float(values.max() * pad)


def _draw(ax: Axes, part: pd.DataFrame, places: list[float], band: tuple[float, float] | None) -> None:
    if band is not None:
        ax.axvspan(*band, color=PALE, alpha=0.7, linewidth=0, zorder=0)
    ax.axvline(1.0, color=GREY, linewidth=0.9, linestyle=(0, (4, 3)), zorder=1)
    shade = colour(0)
    for y, row in zip(places, part.to_dict("records"), strict=True):
        if np.isfinite(row["between_low"]):
            ax.plot([row["between_low"], row["between_high"]], [y + 0.22] * 2, color=GREY, linewidth=1.0, zorder=2)
        if np.isfinite(row["uncertainty_low"]):
            ends = [row["uncertainty_low"], row["uncertainty_high"]]
            ax.plot(ends, [y] * 2, color=shade, linewidth=2.6, solid_capstyle="butt", zorder=3)
        ax.plot(row["ratio"], y, "o", color=shade, markersize=5.2, zorder=4)


def _write(ax: Axes, places: list[float], numbers: list[tuple[str, str]], *, heads: tuple[str, str]) -> None:
    """Write the numbers at the right margin, in two columns that never mix."""
    across = ax.get_yaxis_transform()
    second = 10 + 72 * _LETTER * max(len(heads[0]), *(len(r) for r, _ in numbers)) + 6
    style: dict[str, Any] = {"xycoords": across, "textcoords": "offset points", "va": "center", "fontsize": SMALL}
    for y, (ratio, spread) in zip([0.1, *places], [heads, *numbers], strict=True):
        weight = "bold" if y == 0.1 else "normal"
        ax.annotate(ratio, (1.0, y), xytext=(10, 0), color=INK, fontweight=weight, annotation_clip=False, **style)
        if spread:
            ax.annotate(spread, (1.0, y), xytext=(second, 0), color=GREY, fontweight=weight, annotation_clip=False,
                        **style)  # fmt: skip


def _finish(
    ax: Axes, part: pd.DataFrame, places: list[float], ends: tuple[float, float], *, named: bool, measure: str
) -> None:
    from matplotlib.ticker import FixedLocator, NullFormatter, NullLocator

    dress(ax, size=SMALL + 0.5)
    ax.grid(visible=False)
    ax.set_xscale("log")
    ax.set_xlim(*ends)
    ax.set_ylim(places[-1] + 0.75, 0.35)
    ax.set_yticks(places, _row_names(part) if named else [""] * len(places))
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ticks = [t for t in TICKS if ends[0] <= t <= ends[1]]
    if ends[1] / ends[0] > 8:
        ticks = [t for t in ticks if t not in {0.8, 1.25}]
    ax.xaxis.set_major_locator(FixedLocator(ticks))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.xaxis.set_major_formatter(lambda v, _: f"{v:g}")
    ax.set_xlabel("\n".join(_wrapped(measure)), fontsize=TEXT - 0.5)


def _wrapped(text: str) -> list[str]:
    import textwrap

    return textwrap.wrap(plain(text), 42)


def _handles(table: pd.DataFrame) -> list[Artist]:
    from matplotlib.lines import Line2D

    shade, percent = colour(0), f"{100 * table['width'].iloc[0]:g} %"
    handles: list[Artist] = [Line2D([], [], color=shade, marker="o", linestyle="none", label="Typical subject")]
    if np.isfinite(table["uncertainty_low"]).any():
        handles.append(Line2D([], [], color=shade, linewidth=2.6, label=f"{percent} uncertainty of the ratio"))
    if np.isfinite(table["between_low"]).any():
        handles.append(Line2D([], [], color=GREY, linewidth=1.0, label=f"{percent} of subjects"))
    return handles


def _caption(table: pd.DataFrame, band: tuple[float, float] | None) -> str:
    references = dict(zip(table["covariate"], table["reference"], strict=True))
    said = [f"Reference: {', '.join(f'{n} {v}' for n, v in references.items())}; one covariate is changed at a time."]
    if band is not None:
        said.append(f"Shaded: {band[0]:g} to {band[1]:g}.")
    first = table.iloc[0]
    if np.isfinite(table["uncertainty_low"]).any():
        said.append(f"Uncertainty: {first['n_draws']:,} draws of the typical values.")
        if np.isclose(table["uncertainty_low"], table["uncertainty_high"], rtol=1e-9).any():
            said.append("Fixed: the population states no uncertainty of what this effect rests on.")
    else:
        said.append("The population states no uncertainty of its typical values, so ratios have no interval.")
    if np.isfinite(table["between_low"]).any():
        said.append(f"Subjects: {first['n_subjects']:,} drawn at each value, over the typical reference subject.")
    if table["n_failed"].max():
        said.append(f"Up to {int(table['n_failed'].max()):,} failed runs of a row are left out of its intervals.")
    if (table["caution"].astype(str) != "").any():
        said.append("Output times are coarse for this measure; see the table.")
    return " ".join(said)
