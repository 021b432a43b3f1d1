"""Output times, as an array or as words: ``"0:84 day by 0.5"``."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import numpy as np

from sbmlqsp.errors import ExperimentError
from sbmlqsp.units import convert

__all__ = ["MAX_TIMES", "parse_times"]

GRAMMAR = "numbers in the model's time unit, or text such as '0:84 day by 0.5' or '0:24 h by 1, 24:96 h by 6'"
_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_RANGE = re.compile(rf"^({_NUMBER})\s*:\s*({_NUMBER})\s*([A-Za-z]*)\s*(?:by|step)\s*({_NUMBER})\s*([A-Za-z]*)$")
MAX_TIMES = 5_000_000


def parse_times(times: str | Iterable[float], time_unit: str | None) -> Any:
    """Return output times in the model's unit.

    Parameters
    ----------
    times : str or iterable of float
        An increasing array, or ranges with a unit.
    time_unit : str or None
        The model's time unit; needed when the text names one.

    Returns
    -------
    ndarray of shape (n,)

    Raises
    ------
    ExperimentError
        Times are missing, negative, not finite, out of order, or in a unit that cannot be converted.

    Examples
    --------
    >>> parse_times("0:1 day by 0.5", "h").tolist()
    [0.0, 12.0, 24.0]
    """
    if isinstance(times, str):
        parts = [_parse_range(p.strip(), time_unit) for p in times.split(",")]
        grid = parts[0]
        for part in parts[1:]:
            grid = np.concatenate([grid, part[np.searchsorted(part, grid[-1], side="right") :]])
        return _checked(grid)
    try:
        grid = np.asarray(times if isinstance(times, np.ndarray) else list(times), dtype=float)
    except (TypeError, ValueError):
        raise ExperimentError("the times are not numbers", value=times, expected=GRAMMAR) from None
    return _checked(np.atleast_1d(grid))


def _parse_range(text: str, time_unit: str | None) -> Any:
    found = _RANGE.match(text)
    if found is None:
        raise ExperimentError("the times cannot be read", value=text, expected=GRAMMAR)
    start, stop, unit, step, step_unit = found.groups()
    width = float(step)
    if step_unit and unit:
        width = float(convert(width, step_unit, unit))
    unit = unit or step_unit
    if not width > 0:
        raise ExperimentError("the step between times is not positive", value=text, expected=GRAMMAR)
    count = (float(stop) - float(start)) / width
    if not 0 <= count < MAX_TIMES:
        raise ExperimentError("the range of times is empty or too long", value=text, expected=GRAMMAR)
    grid = float(start) + width * np.arange(int(np.floor(count + 1e-9)) + 1)
    if grid[-1] < float(stop) - 1e-9 * width:
        grid = np.append(grid, float(stop))
    if not unit:
        return grid
    if time_unit is None:
        raise ExperimentError(
            f"the times are in '{unit}' but the model declares no unit of time",
            value=text,
            remedy="declare 'unit time_unit = 3600 second' in the model, or give plain numbers",
        )
    return np.asarray(convert(grid, unit, time_unit))


def _checked(grid: Any) -> Any:
    if grid.ndim != 1 or grid.size == 0:
        raise ExperimentError("there are no output times", expected=GRAMMAR)
    if not np.isfinite(grid).all():
        raise ExperimentError("an output time is not finite", value=grid[~np.isfinite(grid)][0])
    if grid[0] < 0:
        raise ExperimentError("an output time is negative", value=float(grid[0]), remedy="runs start at time 0")
    gaps = np.diff(grid)
    if (gaps <= 0).any():
        i = int(np.argmax(gaps <= 0))
        raise ExperimentError(
            "the times are out of order", value=(float(grid[i]), float(grid[i + 1])), expected="increasing times"
        )
    return grid
