"""Observed data, read from the table that modellers keep it in."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from sbmlqsp.errors import DataError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Observed:
    """Points: what was seen, when, in whom and, where ``by_arm``, in which arm."""

    time: NDArray[np.float64]
    value: NDArray[np.float64]
    observable: NDArray[Any]
    arm: NDArray[Any]
    subject: NDArray[Any]
    by_arm: bool

    @classmethod
    def none(cls) -> Observed:
        """Return no points."""
        no = np.empty(0)
        return cls(no, no, no, no, no, by_arm=False)

    def of(self, observable: str, arm: str, subject: object = None) -> Observed:
        """Return the points of an observable, in an arm where arms are told, in a subject where one is named."""
        keep = (self.observable == observable) & (not self.by_arm or self.arm == str(arm))
        if subject is not None:
            keep &= self.subject == str(subject)
        names = ("time", "value", "observable", "arm", "subject")
        return replace(self, **{n: getattr(self, n)[keep] for n in names})


def read_observed(table: pd.DataFrame, names: list[str], arms: Sequence[str], factor: float) -> Observed:
    """Return the observations of a table, times multiplied by ``factor``."""
    by_name = {str(c).upper(): c for c in table.columns}
    values = {n: n for n in names if n in table.columns}
    if not values and len(names) == 1 and "DV" in by_name:
        values = {names[0]: by_name["DV"]}
    if "TIME" not in by_name or not values:
        wanted = f"TIME, and a column named after an observable ({', '.join(names)}) or, for one observable, DV"
        raise DataError("the observed data lack a column", value=[str(c) for c in table.columns], expected=wanted)
    for flag in ("MDV", "EVID"):
        if flag in by_name:
            table = table[table[by_name[flag]] == 0]
    by_arm = "EXPERIMENT" in by_name and len(arms) > 1
    arm = _text(table, by_name.get("EXPERIMENT"))
    if by_arm and (strange := sorted(set(arm) - set(map(str, arms)))):
        raise DataError(
            f"the observed data have an experiment '{strange[0]}'", remedy=did_you_mean(strange[0], map(str, arms))
        )
    who = _text(table, by_name.get("ID", by_name.get("SUBJECT")))
    parts = []
    for name, column in values.items():
        time, value = (np.asarray(table[c], dtype=float) for c in (by_name["TIME"], column))
        there = np.isfinite(time) & np.isfinite(value)
        parts.append((time[there] * factor, value[there], np.full(there.sum(), name, object), arm[there], who[there]))
    time, value, observable, arm, who = (np.concatenate(p) for p in zip(*parts, strict=True))
    return Observed(time, value, observable, arm, who, by_arm=by_arm)


def _text(table: pd.DataFrame, column: Any) -> NDArray[Any]:
    return np.full(len(table), "", object) if column is None else np.array([_name(v) for v in table[column]], object)


def _name(value: Any) -> str:
    # A column of ids with gaps is read as floats: 1.0 is subject 1.
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
