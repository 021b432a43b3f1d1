"""The time of each record after the dose before it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["time_after_dose"]


def time_after_dose(table: pd.DataFrame) -> Any:
    r"""Return the time after the last dose of every record of a data set.

    Parameters
    ----------
    table : DataFrame
        That of ``Records``, in its order: a record that stands before a dose of its own time does not see it, while
        additional doses (ADDL) come before the records of their time, as in NONMEM. Lags do not count.

    Returns
    -------
    ndarray
        In the unit of TIME. Before the first dose it counts down to that dose, so it is 0 or less; NaN where a subject
        is never dosed.

    Examples
    --------
    >>> import sbmlqsp as qsp
    >>> data = qsp.read_nonmem("ID,TIME,AMT,II,ADDL,DV\n1,0,.,.,.,1\n1,1,9,12,1,.\n1,12,.,.,.,1\n1,15,.,.,.,1\n")
    >>> time_after_dose(data.table).tolist()
    [-1.0, 0.0, 11.0, 2.0]
    """
    out = np.full(len(table), np.nan)
    columns = [table[c].tolist() for c in ("ID", "TIME", "EVID", "II", "ADDL", "SS")]
    doses: list[tuple[float, float, int]] = []
    waiting: list[int] = []
    before: object = object()
    for i, (who, time, evid, interval, more, steady) in enumerate(zip(*columns, strict=True)):
        if who != before:
            doses, waiting, before = [], [], who
        if evid in {3, 4} or (evid == 1 and steady == 1):
            doses = []  # what was still to come is cancelled
        if evid in {1, 4}:
            doses.append((time, interval, more))
            out[waiting] = [columns[1][k] - time for k in waiting]
            waiting = []
        if doses:
            out[i] = time - max(_latest(dose, time) for dose in doses)
        else:
            waiting.append(i)
    return out


def _latest(dose: tuple[float, float, int], time: float) -> float:
    """Return when a dose, or the last of its additional doses so far, was given."""
    first, interval, more = dose
    if not more or interval <= 0 or time <= first:
        return first
    return first + min(more, math.floor((time - first) / interval + 1e-9)) * interval
