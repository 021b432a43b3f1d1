"""Prediction correction: what is left of values when what the typical prediction says of them is taken out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sbmlqsp.errors import DataError
from sbmlqsp.records.values import place
from sbmlqsp.vpc.inputs import Compared

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["corrected_values"]

_NOTHING = 1e-9
"""A prediction of this share of the others in its bin is 0 but for the solver."""


def corrected_values(
    found: Compared, rows: NDArray[np.int64], bins: NDArray[np.int64], *, log: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return what values are multiplied by, and what is added: (PREDbin/PRED, 0), or on the log scale (1, difference).

    PREDbin is the median prediction of a bin. A bin whose predictions are all the same, such as that before the first
    dose, stays as it is.

    Raises
    ------
    DataError
        There are no predictions, or one is 0 or negative, so that no ratio to it exists.

    References
    ----------
    Bergstrand M, Hooker AC, Wallin JE, Karlsson MO (2011) Prediction-corrected visual predictive checks for diagnosing
    nonlinear mixed-effects models. https://doi.org/10.1208/s12248-011-9255-z
    """
    if found.pred is None:
        raise DataError("the replicates have no predictions to correct by", expected="a column PRED")
    pred = found.pred[rows]
    if not np.isfinite(pred).all():
        raise DataError("a prediction is missing", where=place(found.table, int(rows[np.argmin(np.isfinite(pred))])))
    middle = np.empty(len(pred))
    for b in np.unique(bins):
        middle[bins == b] = np.median(pred[bins == b])
    if log:
        return np.ones(len(pred)), middle - pred
    same = pred == middle
    bad = ~same & ~((pred > _NOTHING * middle) & (middle > 0))
    if bad.any():
        i = int(np.argmax(bad))
        raise DataError(
            "a prediction is 0 or negative beside others of its bin, so it corrects nothing", value=float(pred[i]),
            where=f"{place(found.table, int(rows[i]))}, time {found.time[rows[i]]:g}",
            remedy="give it a bin of its own, bins=, leave such observations out, or corrected='log' for logarithms",
        )  # fmt: skip
    return np.where(same, 1.0, middle / np.where(same, 1.0, pred)), np.zeros(len(pred))
