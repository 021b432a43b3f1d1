"""Subjects and measured data of a study, from the tables its file names."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from sbmlqsp.errors import DataError
from sbmlqsp.tables import column, numbers, read_table, row_place

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pandas as pd

    from sbmlqsp.studies.spec import Data, People

__all__ = ["read_data", "read_people", "subjects_of"]


def read_people(people: People, path: Path) -> pd.DataFrame:
    """Return one row per subject: the columns that the study maps, under their new names.

    Raises
    ------
    DataError
        A column is absent, a value is missing or no number, or a value changes within a subject.
    """
    table = read_table(path)
    return subjects_of(
        table, id=people.id, columns=people.columns, carry=people.carry, varying=people.varying == "first"
    )


def subjects_of(
    table: pd.DataFrame,
    *,
    id: str,  # noqa: A002
    columns: Mapping[str, str],
    carry: tuple[str, ...] = (),
    varying: bool = False,
) -> pd.DataFrame:
    """Take constants per subject from a table with one or more rows per subject.

    Parameters
    ----------
    table : DataFrame
        From `read_table`.
    id : str
        The column that names the subjects.
    columns : mapping of str to str
        The column of each quantity; the value is that of a subject's first row.
    carry : tuple of str
        Further columns, of any kind, to carry along.
    varying : bool
        Whether the value of later rows may differ; missing values in later rows always may.

    Returns
    -------
    DataFrame
        Indexed by subject.

    Raises
    ------
    DataError
        As for `read_people`.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"ID": [1, 1, 2], "Wt": [70, 70, 80]})
    >>> subjects_of(table, id="ID", columns={"WT": "Wt"}).WT.tolist()
    [70.0, 80.0]
    """
    import pandas as pd

    ids = _ids(table, id)
    first = {v: i for i, v in reversed(list(enumerate(ids)))}
    order = sorted(first.values())
    out: dict[str, Any] = {}
    for name, source in columns.items():
        values = numbers(table, source)
        for i in order:
            if math.isnan(values[i]):
                raise DataError(
                    f"the column '{source}' has no value for subject {ids[i]}", where=row_place(table, i),
                    remedy="fill it in, or leave the subject out",
                )  # fmt: skip
        if not varying:
            _refuse_varying(table, ids, first, values, source)
        out[name] = values[order]
    for name in carry:
        out[name] = column(table, name).iloc[order].to_numpy()
    return pd.DataFrame(out, index=pd.Index([ids[i] for i in order], name="subject"))


def _ids(table: pd.DataFrame, name: str) -> list[Any]:
    ids = column(table, name).tolist()
    for i, value in enumerate(ids):
        if value is None or (isinstance(value, float) and math.isnan(value)):
            raise DataError(f"the column '{name}' names no subject", where=row_place(table, i))
    return ids


def _refuse_varying(table: pd.DataFrame, ids: list[Any], first: dict[Any, int], values: Any, source: str) -> None:
    for i, name in enumerate(ids):
        start = values[first[name]]
        if not math.isnan(values[i]) and values[i] != start:
            raise DataError(
                f"the column '{source}' changes within subject {name}, from {start:g} to {values[i]:g}",
                where=row_place(table, i), remedy="write varying = \"first\" in [subjects] to take the first row",
            )  # fmt: skip


def read_data(data: Data, path: Path, *, time_unit: str | None, units: Mapping[str, str]) -> pd.DataFrame:
    """Return measured data as the table that figures take.

    Parameters
    ----------
    data : Data
        Which columns hold what.
    path : Path
    time_unit : str or None
        The unit of time of the results.
    units : mapping of str to str
        The unit of each observable in the results.

    Returns
    -------
    DataFrame
        Columns ID, TIME, EXPERIMENT where the data name arms, and one per observable (NaN where missing).

    Raises
    ------
    DataError, UnitError
        A column is absent, a value is no number, or a unit cannot be converted.
    """
    import pandas as pd

    from sbmlqsp.units import convert

    table = read_table(path)
    time = numbers(table, data.time, missing=False)
    if data.time_unit:
        if not time_unit:
            raise DataError("the data have a unit of time, the model has none", where=str(path))
        time = convert(time, data.time_unit, time_unit)
    out: dict[str, Any] = {"ID": _ids(table, data.id), "TIME": time}
    if data.arm:
        out["EXPERIMENT"] = column(table, data.arm).astype(str).to_numpy()
    for observable, source in data.observations.items():
        values = numbers(table, source)
        if observable in data.units and units.get(observable):
            values = convert(values, data.units[observable], units[observable])
        out[observable] = values
    return pd.DataFrame(out)
