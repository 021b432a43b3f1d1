"""A sample of a population, before anything runs: covariates in pairs, parameters against what is typical."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from sbmlqsp.errors import DataError
from sbmlqsp.plot.style import GREY, INK, SMALL, colour, dress, frame, label, plain
from sbmlqsp.populations import sample
from sbmlqsp.populations.sampling import individuals

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from sbmlqsp.populations import Population

MOST_COVARIATES = 6
MOST_PARAMETERS = 12
FEW_VALUES = 6
"""Points at so few values are spread a little, so that they are seen."""
BINS = 24


def population(
    who: Population,
    *,
    size: int = 1000,
    seed: int = 0,
    units: Mapping[str, str] | None = None,
    title: str | None = None,
) -> Figure:
    """Draw a sample of a population: its covariates in pairs, and its parameters.

    Parameters
    ----------
    who : Population
    size : int, optional
        How many subjects are drawn; those that ``simulate`` draws with the same seed.
    seed : int, optional
    units : mapping of str to str, optional
        Of the parameters, for their axes.
    title : str, optional

    Returns
    -------
    matplotlib.figure.Figure
        First the covariates: each one's distribution on the diagonal, pairs below it, and correlations (Spearman's, of
        numbers) above it. Then each parameter that differs between subjects: the individual against the typical value
        for the subject's covariates where that differs, else its distribution with a line at the typical value.

    Raises
    ------
    DataError
        More covariates or parameters than can be drawn, or people who change over time.

    Examples
    --------
    >>> import sbmlqsp as qsp
    >>> who = qsp.Population({"CL": "4*(WT/70)^0.75", "V": 30},
    ...                      covariates={"WT": qsp.Covariate("normal", mean=70, sd=10, unit="kg")},
    ...                      variability={"V": qsp.Variability("log-normal", cv=0.2)})
    >>> [ax.get_xlabel() for ax in population(who, size=50).axes]
    ['WT (kg)', 'Typical CL', 'V']
    """
    if who.courses is not None:
        raise DataError("the people of the population change over time, and a sample of them is no single table",
                        where=f"the population '{who.id}'")  # fmt: skip
    table = sample(who, size, seed=seed, occasions=1 if who.changes else None)
    table = table.reset_index(drop=True)
    covariates = [n for n in (*who.known, *who.derived) if n in table]
    typical = individuals(who, table[covariates], seed=seed, typical=True) if covariates else _constants(who, table)
    parameters = [k for k in who.parameters if np.ptp(table[k].to_numpy(float)) > 0]
    for names, most, what in ((covariates, MOST_COVARIATES, "covariates"), (parameters, MOST_PARAMETERS, "parameters")):
        if len(names) > most:
            raise DataError(f"so many {what} cannot be drawn", value=len(names), expected=f"{most} at most")
    fig, pairs, singles = _grid(len(covariates), len(parameters), title, _caption(size, covariates, parameters))
    _pairs(pairs, table, covariates, who)
    for ax, name in zip(singles, parameters, strict=True):
        text = label(name, (units or {}).get(name, ""), width=26)
        _parameter(ax, text, table[name].to_numpy(float), typical[name].to_numpy(float))
    return fig


def _constants(who: Population, table: pd.DataFrame) -> pd.DataFrame:
    return individuals(who, table[[]], typical=True)


def _grid(n: int, m: int, title: str | None, caption: str) -> tuple[Figure, list[list[Axes]], list[Axes]]:
    """Return a figure, the axes of the pairs row by row, and those of the parameters below or beside them."""
    if n <= 1:
        fig, axes = _framed(n + m, title, caption)
        return fig, [[axes[0]]] if n else [], axes[n:]
    columns = max(n, min(m, 4))
    rows = n + math.ceil(m / columns)
    fig, grid = frame((1.85 * columns + 0.4, 1.6 * n + 2.1 * (rows - n)), (rows, columns), title=title, caption=caption)
    for i, row in enumerate(grid):
        for j, ax in enumerate(row):
            if (i < n and j >= n) or (i >= n and (i - n) * columns + j >= m):
                fig.delaxes(ax)
    return fig, [list(row[:n]) for row in grid[:n]], list(grid[n:].ravel()[:m])


def _framed(count: int, title: str | None, caption: str) -> tuple[Figure, list[Axes]]:
    columns = max(1, min(count, 4))
    rows = max(1, math.ceil(count / columns))
    fig, grid = frame((max(2.5 * columns, 5.0), 2.3 * rows), (rows, columns), title=title, caption=caption)
    axes = list(grid.ravel())
    for ax in axes[count:]:
        fig.delaxes(ax)
    return fig, axes[:count]


def _caption(size: int, covariates: list[str], parameters: list[str]) -> str:
    said = [f"{size:,} subjects."]
    said += ["Numbers above the diagonal: Spearman's correlation."] if len(covariates) > 1 else []
    said += ["Dashed: typical values."] if parameters else []
    return " ".join(said)


def _unit(who: Population, name: str) -> str:
    from sbmlqsp.populations.body import QUANTITIES

    if name in who.covariates:
        return who.covariates[name].unit
    if name in who.derived:
        return str(getattr(QUANTITIES.get(name), "unit", "")) if not who.derived[name] else ""
    return str(getattr(who.people, "units", {}).get(name, ""))


def _pairs(axes: list[list[Axes]], table: pd.DataFrame, names: list[str], who: Population) -> None:
    n = len(names)
    for i, row in enumerate(axes):
        for j, ax in enumerate(row):
            one, other = table[names[j]], table[names[i]]
            dress(ax, size=SMALL)
            ax.grid(visible=False)
            if i == j:
                _distribution(ax, one)
            elif i > j:
                _pair(ax, one, other)
            else:
                _correlation(ax, one, other)
            if i == n - 1:
                ax.set_xlabel(label(names[j], _unit(who, names[j]), width=20), fontsize=SMALL + 1)
            if j == 0 and i:
                ax.set_ylabel(label(names[i], _unit(who, names[i]), width=20), fontsize=SMALL + 1)
            _spare(ax, last=i == n - 1, first=j == 0 and i > 0, upper=i < j)


def _spare(ax: Axes, *, last: bool, first: bool, upper: bool) -> None:
    """Keep the tick labels of the outer panels alone."""
    if upper:
        ax.set_axis_off()
        return
    ax.tick_params(labelbottom=last, labelleft=first)


def _is_words(column: pd.Series[Any]) -> bool:
    return column.dtype.kind not in "iuf"


def _codes(column: pd.Series[Any]) -> tuple[Any, list[str]]:
    levels = sorted(set(column.astype(str)))
    place = {level: k for k, level in enumerate(levels)}
    return np.array([place[str(v)] for v in column]), levels


def _distribution(ax: Axes, column: pd.Series[Any]) -> None:
    """Draw a histogram, or bars for categories with their shares."""
    shade: dict[str, Any] = {"color": colour(0), "alpha": 0.45, "linewidth": 0}
    ax.spines["left"].set_visible(False)
    ax.set_yticks([])
    if not _is_words(column) and column.nunique() > FEW_VALUES:
        ax.hist(column.to_numpy(float), bins=BINS, **shade)
        return
    codes, levels = _codes(column if _is_words(column) else column.map(lambda v: f"{v:g}"))
    counts = np.bincount(codes, minlength=len(levels))
    ax.bar(range(len(levels)), counts, width=0.7, **shade)
    for k, count in enumerate(counts):
        ax.text(k, count, f"{count / len(column):.0%}", ha="center", va="bottom", fontsize=SMALL, color=INK)
    ax.set_ylim(0, counts.max() * 1.25)
    ax.set_xlim(-0.6, len(levels) - 0.4)
    ax.set_xticks(range(len(levels)), [plain(v) for v in levels])


def _pair(ax: Axes, one: pd.Series[Any], other: pd.Series[Any]) -> None:
    """Draw two covariates against each other; categories are spread a little, so that their points are seen."""
    values = []
    for k, column in enumerate((one, other)):
        if _is_words(column):
            codes, levels = _codes(column)
            values.append(codes + ((np.arange(len(codes)) * 0.6180339887) % 1 - 0.5) * 0.5)
            (ax.set_yticks if k else ax.set_xticks)(range(len(levels)), [plain(v) for v in levels])
        else:
            values.append(column.to_numpy(float))
    alpha, size = (0.5, 6.0) if len(one) <= 300 else (0.25, 3.0)
    ax.scatter(values[0], values[1], s=size, color=colour(0), alpha=alpha, linewidths=0, rasterized=True)


def _correlation(ax: Axes, one: pd.Series[Any], other: pd.Series[Any]) -> None:
    if _is_words(one) or _is_words(other) or one.nunique() < 2 or other.nunique() < 2:
        return
    rank = float(np.corrcoef(one.rank(), other.rank())[0, 1])
    text = f"{rank:.2f}".replace("-", "−")
    ax.text(0.5, 0.5, text, transform=ax.transAxes, ha="center", va="center", fontsize=11, color=INK)


def _parameter(ax: Axes, text: str, own: Any, typical: Any) -> None:
    dress(ax, size=SMALL)
    ax.grid(visible=False)
    guide: dict[str, Any] = {"color": GREY, "linewidth": 1.0, "linestyle": (0, (4, 3))}
    if np.ptp(typical) <= 1e-12 * np.abs(typical).max():
        ax.hist(own, bins=BINS, color=colour(1), alpha=0.45, linewidth=0)
        ax.axvline(float(typical[0]), **(guide | {"color": INK}))
        ax.spines["left"].set_visible(False)
        ax.set_yticks([])
        ax.set_xlabel(text, fontsize=SMALL + 1)
        return
    alpha, size = (0.5, 6.0) if len(own) <= 300 else (0.25, 3.0)
    few = len(np.unique(typical)) <= FEW_VALUES
    aside = (((np.arange(len(own)) * 0.6180339887) % 1 - 0.5) * 0.12 if few else 0.0) * np.ptp(typical)
    ax.scatter(typical + aside, own, s=size, color=colour(1), alpha=alpha, linewidths=0, rasterized=True)
    ends = [float(typical.min()), float(typical.max())]
    ax.plot(ends, ends, **guide)
    ax.set_xlabel(f"Typical {text}", fontsize=SMALL + 1)
    ax.set_ylabel(f"Individual\n{text}", fontsize=SMALL + 1)
