"""How far apart the results of two runs of an arm are, on two engines or on one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from sbmlqsp.engine.tolerances import Tolerances
from sbmlqsp.execution import ArmResult
from sbmlqsp.experiment import Experiment
from sbmlqsp.model import dotted

__all__ = ["ALIKE", "Difference", "allowed", "difference"]

ALIKE = 1e-6
"""By what part of a value the engines may differ at their usual tolerances."""


def allowed(*tolerances: Tolerances) -> float:
    """Return by what part of a value runs may differ at some tolerances."""
    return max(ALIKE, 1e3 * max(t.relative for t in tolerances))


@dataclass(frozen=True)
class Difference:
    """How far apart the results of two engines are.

    Parameters
    ----------
    by_subject : ndarray
        The largest difference of each subject, as a share of the value; infinite where one has a value and the other
        none.
    words : mapping of int to str
        By subject, where that is.
    """

    by_subject: Any
    words: Callable[[int], str]

    @property
    def largest(self) -> float:
        """The largest of all."""
        return float(np.max(self.by_subject, initial=0.0))


def difference(arm: Experiment, first: ArmResult, second: ArmResult) -> Difference:
    """Compare what libRoadRunner (first) and the kernel gave.

    Values are compared relative to the larger of the two, or to a millionth of the curve's largest where they are less
    than that.
    """
    names = [c for c in second.columns if c in first.columns]
    a = np.stack([np.asarray(first.columns[c], dtype=float) for c in names], axis=-1)
    b = np.stack([np.asarray(second.columns[c], dtype=float) for c in names], axis=-1)
    with np.errstate(all="ignore"):
        size = np.maximum(np.abs(a), np.abs(b))
        finite = np.where(np.isfinite(size), size, 0.0)
        peak = finite.max(axis=1, keepdims=True)
        noise = 1e-12 * peak.max(axis=0, keepdims=True) + 1e-15 * finite.max(initial=0.0)
        share = np.abs(a - b) / np.maximum(size, 1e-6 * peak + noise)
    share = np.where((a == b) | (np.isnan(a) & np.isnan(b)), 0.0, np.where(np.isnan(share), np.inf, share))
    flat = share.reshape(len(share), -1)
    worst = flat.argmax(axis=1) if flat.size else np.zeros(len(share), dtype=int)

    def words(k: int) -> str:
        row, column = divmod(int(worst[k]), len(names))
        return _two_curves(arm, names[column], row, a[k, :, column], b[k, :, column])

    return Difference(flat.max(axis=1, initial=0.0), words)


def _two_curves(arm: Experiment, column: str, row: int, first: Any, second: Any) -> str:
    near = range(max(row - 2, 0), min(row + 3, len(first)))
    lines = [f"{arm.times[k]:.6g}: {first[k]:.9g}, {second[k]:.9g}" for k in near]
    name = dotted(column.strip("[]"))
    return f"the engines disagree in '{name}' (time: libRoadRunner, kernel): {'; '.join(lines)}"
