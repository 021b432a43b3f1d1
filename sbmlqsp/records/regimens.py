"""Data sets made of regimens: designs to simulate, and doses for measured data that have none."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from sbmlqsp.dosing import Dose, Regimen, as_regimen
from sbmlqsp.dosing.quantities import checked_time_unit
from sbmlqsp.dosing.schedule import common_time_unit
from sbmlqsp.errors import DataError
from sbmlqsp.records.dataset import Records
from sbmlqsp.records.doses_of import dose_records, left_to_predict, one_unit
from sbmlqsp.records.legality import starts
from sbmlqsp.records.values import changes_table, is_missing, native

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["from_regimen", "with_doses"]

AT_DOSE = ("after", "before")
_NOTHING = {"AMT": 0.0, "RATE": 0.0, "II": 0.0, "ADDL": 0, "SS": 0, "EVID": 0, "CMT": 0, "DV": None, "DVID": 1}


def from_regimen(
    regimen: Regimen | Dose | str,
    *,
    subjects: pd.DataFrame | int | None = None,
    times: Iterable[float] = (),
    time_unit: str | None = None,
    dvid: Any = 1,
    at_dose: str = "after",
    units: Mapping[str, str] | None = None,
    carry: str = "next",
    leave_out: Collection[str] = (),
) -> Records:
    """Return a design: a regimen for every subject, and observations without values at some times."""
    doses = as_regimen(regimen)
    _check_choice(at_dose)
    clock = checked_time_unit(time_unit) if time_unit else common_time_unit(doses)
    unit = one_unit(doses, (units or {}).get("AMT"))
    people, covariates = _people(subjects)
    seen = _seen(times)
    dvids = [dvid] if isinstance(dvid, str) or not isinstance(dvid, Iterable) else list(dvid)
    left = left_to_predict(doses, leave_out, clock)
    observed = [{**_NOTHING, "TIME": t, "DVID": d} for t in seen for d in dvids]
    rows = []
    for person in people:
        given = _given(
            doses, {c: person[c] for c in covariates}, unit, clock, seen if at_dose == "before" else (), left
        )
        first, second = (given, observed) if at_dose == "after" else (observed, given)
        both = sorted([*first, *second], key=lambda r: r["TIME"])  # stable: who comes first at one time stays first
        rows += [{**person, **_NOTHING, **r} for r in both]
    if not rows:
        raise DataError("the design has no records", value=str(doses), remedy="give doses, or times= of observations")
    table = _frame(rows, covariates)
    stated = {**({"TIME": clock} if clock else {}), **({"AMT": unit} if unit else {}), **(units or {})}
    return Records(table, covariates, stated, carry, changes_table(_said(doses, left)), "the regimen")


def with_doses(
    records: Records,
    regimen: Regimen | Dose | str,
    *,
    at_dose: str = "before",
    leave_out: Collection[str] = (),
) -> Records:
    """Return the data with a regimen given to every subject."""
    doses = as_regimen(regimen)
    _check_choice(at_dose)
    _check_free(records)
    clock = records.units.get("TIME")
    clock = checked_time_unit(clock) if clock else None
    unit = one_unit(doses, records.units.get("AMT"))
    left = left_to_predict(doses, leave_out, clock)
    table, rows, places, said = records.table, [], [], []
    ids, times, seen = table["ID"].tolist(), table["TIME"].to_numpy(), (table["EVID"] == 0).to_numpy()
    values = {c: table[c].tolist() for c in records.covariates}
    first = [*starts(ids), len(table)]
    for begin, end in pairwise(first):
        at = _at(times[begin:end], values, int(begin), records.carry)
        apart = times[begin:end][seen[begin:end]].tolist() if at_dose == "before" else ()
        for row in _given(doses, at, unit, clock, apart, left):
            rows.append({"LINE": 0, "ID": ids[begin], **_NOTHING, "MDV": 1, **at(row["TIME"]), **row})
            place = np.searchsorted(times[begin:end], row["TIME"], side="right" if at_dose == "before" else "left")
            places.append(float(begin + place) - 0.5)
            why = f"a dose of the regimen at {native(row['TIME'])}"
            said.append((0, ids[begin], "AMT", row["AMT"], "added", why))
    table = _joined(table, rows, places)
    units = {**records.units, **({"AMT": unit} if unit else {})}
    changes = changes_table([*said, *_said(doses, left)], records.changes)
    return replace(records, table=table, units=units, changes=changes)


def _check_choice(at_dose: str) -> None:
    if at_dose not in AT_DOSE:
        raise DataError("at_dose is unknown", value=at_dose, expected="'after' or 'before'")


def _check_free(records: Records) -> None:
    taken = records.table[records.table["EVID"].isin([1, 3, 4])]
    if len(taken):
        row = taken.iloc[0]
        raise DataError(
            "the data have doses or resets of their own",
            value=f"EVID {row['EVID']}",
            where=f"line {row['LINE']}, subject {row['ID']}",
            remedy="leave them out when reading, for example with ignore='AMT > 0'",
        )


def _given(
    doses: Regimen,
    scope: Any,
    unit: str | None,
    clock: str | None,
    apart: Collection[float],
    left: list[tuple[str, object]],
) -> list[dict[str, Any]]:
    fractions = any(key.startswith("F(") for key, _ in left)
    at = scope if callable(scope) else lambda _: scope
    return dose_records(doses, at, unit=unit, time_unit=clock, apart=apart, modelled_duration=fractions)


def _said(doses: Regimen, left: list[tuple[str, object]]) -> list[tuple[Any, ...]]:
    """List what is left to predict, and what became of durations."""
    rows: list[tuple[Any, ...]] = [
        (0, None, key, native(v), "left to predict", "no column holds it") for key, v in left
    ]
    fractions = any(key.startswith("F(") for key, _ in left)
    for dose in doses:
        if dose.duration is None:
            continue
        if fractions:
            why = f"RATE is -2: give predict parameters={{'D({dose.target})': …}}, so that F scales the rate"
            rows.append((0, None, f"D({dose.target})", dose.duration, "left to predict", why))
        else:
            why = "a duration is written as RATE = AMT / duration"
            rows.append((0, None, "RATE", dose.duration, "reinterpreted", why))
    return rows


# ------------------------------------------------------------------------------------------------------------ subjects
def _people(subjects: Any) -> tuple[list[dict[str, Any]], tuple[str, ...]]:
    """Return one mapping per subject, with its ID and covariates."""
    if subjects is None or isinstance(subjects, int):
        count = 1 if subjects is None else subjects
        if isinstance(subjects, bool) or count < 1:
            raise DataError("the number of subjects is not positive", value=subjects)
        return [{"ID": i} for i in range(1, count + 1)], ()
    if not hasattr(subjects, "columns"):
        expected = "a DataFrame with ID and covariates, or how many"
        raise DataError("the subjects are no table", value=type(subjects).__name__, expected=expected)
    table = subjects if "ID" in subjects.columns else subjects.rename_axis("ID").reset_index()
    ids = [native(i) for i in table["ID"].tolist()]
    for i in ids:
        if ids.count(i) > 1 or is_missing(i):
            fault = "has no ID" if is_missing(i) else "stands twice in the table of subjects"
            raise DataError(f"a subject {fault}", value=i, where="subjects, column ID", remedy="one row per subject")
    return table.to_dict("records"), tuple(str(c) for c in table.columns if c != "ID")


def _seen(times: Iterable[float]) -> list[float]:
    try:
        found = [float(t) for t in times]
    except (TypeError, ValueError):
        raise DataError(
            "the times are no numbers", value=times, expected="times of observations, such as [0, 1, 24]"
        ) from None
    if not np.all(np.isfinite(found)):
        raise DataError("a time is not finite", value=found, where="times")
    return sorted(found)


def _frame(rows: list[dict[str, Any]], covariates: tuple[str, ...]) -> pd.DataFrame:
    import pandas as pd

    table = pd.DataFrame(rows)
    return table[["ID", "TIME", *_NOTHING, *covariates]]


def _at(times: Any, values: Mapping[str, list[Any]], begin: int, carry: str) -> Callable[[float], dict[str, Any]]:
    """Return the covariates that govern a time of a subject's records, which begin at a place of the table."""

    def at(time: float) -> dict[str, Any]:
        after, before = np.searchsorted(times, time, side="left"), np.searchsorted(times, time, side="right") - 1
        row = min(int(after), len(times) - 1) if carry == "next" else max(int(before), 0)
        return {c: v[begin + row] for c, v in values.items()}

    return at


def _joined(table: pd.DataFrame, rows: list[dict[str, Any]], places: list[Any]) -> pd.DataFrame:
    """Return the table with dose records put in at places between its own."""
    import pandas as pd

    if not rows:
        return table
    doses = pd.DataFrame(rows).reindex(columns=table.columns).assign(CENS=0)
    kinds = {c: "object" if table[c].dtype.kind == "O" else None for c in table.columns}
    both = {c: pd.Series([*doses[c].tolist(), *table[c].tolist()], dtype=kinds[c]) for c in table.columns}
    order = np.concatenate([np.array(places, dtype=float), np.arange(len(table))])
    return pd.DataFrame(both).iloc[np.argsort(order, kind="stable")]
