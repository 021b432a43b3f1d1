"""Tables of people whose covariates change over time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from sbmlqsp.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["courses_of"]


def courses_of(people: pd.DataFrame, *, time: str, where: str) -> list[Any]:
    """Return the rows of each person, in the order of the table.

    Raises
    ------
    DataError
        Nobody is named, or a person's times do not begin at 0 and rise.
    """
    name = next((str(c) for c in people.columns if str(c).upper() in {"ID", "SUBJECT"}), None)
    if name is None:
        raise DataError("the table has times, and no column that says whose they are", where=where, expected="ID")
    times = people[time].to_numpy(dtype=float)
    ids = people[name].tolist()
    rows: dict[Any, list[int]] = {}
    for i, who in enumerate(ids):
        rows.setdefault(who, []).append(i)
    for who, own in rows.items():
        steps = times[own]
        if steps[0] != 0 or not (np.diff(steps) > 0).all():
            raise DataError(
                "a person's times do not begin at 0 and rise", value=steps.tolist()[:6],
                where=f"{where}, {name} {who}", remedy="sort the rows, and give the values at time 0",
            )  # fmt: skip
    return [np.array(own) for own in rows.values()]
