"""What NONMEM allows in a data set; the numbers R3, R8 … are those of validation/nonmem/RULES.md."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from sbmlqsp.errors import DataError
from sbmlqsp.records.values import native, place, refuse

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["check_legal", "starts"]


def starts(ids: Any) -> Any:
    """Return the positions where a new subject begins."""
    ids = np.asarray(ids, dtype=object)
    return np.flatnonzero(np.r_[True, ids[1:] != ids[:-1]]) if len(ids) else np.array([], dtype=int)


def check_legal(table: pd.DataFrame, *, source: str = "") -> list[tuple[Any, ...]]:
    """Refuse what NONMEM refuses, or what it would read as something else than is written.

    Returns
    -------
    list
        Changes: intervals that mean nothing are set to 0.

    Raises
    ------
    DataError
        The message names line, subject, column, value, what is expected and the remedy.
    """
    no = partial(refuse, table, source=source)
    _check_blocks(table, source)
    _check_values(table, no)
    _check_repeats(table, no)
    _check_events(table, no)
    _check_doses(table, no)
    _check_steady(table, no)
    _check_time(table, no)
    _check_observations(table, no)
    return _idle_intervals(table)


def _check_blocks(table: pd.DataFrame, source: str) -> None:
    ids, first = table["ID"].tolist(), starts(table["ID"])
    seen: dict[Any, int] = {}
    for row in first:
        if ids[row] in seen:
            raise DataError(
                f"subject {ids[row]} comes back after other subjects, and NONMEM would take it for a new one",
                value=native(ids[row]),
                where=place(table, int(row), "ID", source=source),
                expected=f"all records of a subject together (it began on line {table['LINE'].iloc[seen[ids[row]]]})",
                remedy="read with sort='ID' to bring them together, with sort='TIME' to order them by time as well, or "
                "give the second one another ID",
            )
        seen[ids[row]] = int(row)


def _check_values(table: pd.DataFrame, no: Any) -> None:
    t = table
    no(
        ~t["EVID"].isin([0, 1, 2, 3, 4]),
        "EVID",
        "EVID is unknown",
        expected="0 observation, 1 dose, 2 other, 3 reset, 4 reset and dose",
        remedy="correct the cell",
    )
    no(t["AMT"] < 0, "AMT", "AMT is negative", expected="0 or more", remedy="correct the amount")
    no(
        (t["RATE"] < 0) & ~t["RATE"].isin([-1, -2]),
        "RATE",
        "RATE is negative",
        expected="0 bolus, a positive rate, -1 modelled rate, -2 modelled duration",
        remedy="correct the rate",
    )


def _check_repeats(table: pd.DataFrame, no: Any) -> None:
    t = table
    no(t["II"] < 0, "II", "II is negative", expected="the time between doses", remedy="correct the interval")
    no(
        t["ADDL"] < 0,
        "ADDL",
        "ADDL is negative",
        expected="how many more doses follow",
        remedy="write 0, or use SS = 1",
    )
    no(
        ~t["SS"].isin([0, 1, 2, 3]),
        "SS",
        "SS is unknown",
        expected="0, 1 or 3 (steady state) or 2 (added to what is there)",
        remedy="correct the cell",
    )
    no(
        ~t["CENS"].isin([-1, 0, 1]),
        "CENS",
        "CENS is unknown",
        expected="0 measured, 1 below the limit, -1 above it",
        remedy="correct the cell",
    )
    negative = np.array([not isinstance(c, str) and c < 0 for c in t["CMT"]], dtype=bool)
    no(
        negative & (t["EVID"] != 2),
        "CMT",
        "CMT is negative",
        expected="negative only with EVID 2, which turns a compartment off",
        remedy="correct the compartment, or write EVID 2",
    )


def _check_events(table: pd.DataFrame, no: Any) -> None:
    giving = table["EVID"].isin([1, 4])
    for column in ("AMT", "RATE", "SS", "II", "ADDL"):
        bad = ~giving & (table[column] != 0)
        kinds = {0: "an observation (EVID 0)", 2: "a record with EVID 2", 3: "a reset (EVID 3)"}
        kind = kinds.get(int(table["EVID"][bad].iloc[0]), "") if bad.any() else ""
        no(
            bad,
            column,
            f"{column} stands on {kind}, which gives no dose",
            expected=f"{column} 0",
            remedy="write EVID 1 (or 4) for a dose, or leave the EVID column out to have it found",
        )
    bad = (table["EVID"] != 0) & (table["MDV"] == 0)
    no(
        bad,
        "MDV",
        "MDV is 0 on a record that is no observation (EVID is not 0)",
        expected="MDV 1",
        remedy="write MDV 1, or split the record into an observation and a dose",
    )


def _check_doses(table: pd.DataFrame, no: Any) -> None:
    t, giving = table, table["EVID"].isin([1, 4])
    nothing = giving & (t["AMT"] == 0) & (t["RATE"] != 0) & (t["SS"] == 0)
    no(
        nothing,
        "RATE",
        "an infusion has no amount (AMT is 0)",
        expected="AMT above 0",
        remedy="write the amount; an infusion without end is written AMT = rate * duration",
    )
    no(
        (t["ADDL"] > 0) & (t["II"] == 0),
        "ADDL",
        "ADDL has no interval (II is 0)",
        expected="II above 0",
        remedy="write the time between doses as II",
    )
    constant = (t["SS"] > 0) & (t["AMT"] == 0) & (t["ADDL"] > 0)
    no(
        constant,
        "ADDL",
        "ADDL stands on a constant infusion at steady state, which has no doses to repeat",
        expected="ADDL 0",
        remedy="write 0, and the doses that follow as records of their own",
    )


def _check_steady(table: pd.DataFrame, no: Any) -> None:
    steady = table["SS"] > 0
    no(
        steady & (table["AMT"] > 0) & (table["II"] == 0),
        "SS",
        "a steady state has no interval (II is 0)",
        expected="II above 0, the time between the doses that led to it",
        remedy="write it as II, or SS 0",
    )
    no(
        steady & (table["AMT"] == 0) & (table["RATE"] == -2),
        "RATE",
        "a modelled duration has no amount (AMT is 0)",
        expected="AMT above 0",
        remedy="write the amount, or RATE -1 for a constant infusion",
    )
    no(
        steady & (table["AMT"] == 0) & (table["II"] > 0),
        "II",
        "a steady state with an interval has no amount (AMT is 0)",
        expected="AMT above 0; II 0 for a constant infusion",
        remedy="write the amount, or II 0",
    )


def _check_time(table: pd.DataFrame, no: Any) -> None:
    time = table["TIME"].to_numpy()
    back = np.r_[False, time[1:] < time[:-1]] & ~table["EVID"].isin([3, 4]).to_numpy()
    back[starts(table["ID"])] = False
    if not back.any():
        return
    before = native(time[int(np.argmax(back)) - 1])
    no(
        back,
        "TIME",
        f"TIME goes back: the record before is at {before}",
        expected=f"{before} or later, but on a reset (EVID 3, 4)",
        remedy="correct it, or read with sort='TIME' if the lines are out of order",
    )


def _check_observations(table: pd.DataFrame, no: Any) -> None:
    missing = table["DV"].isna()
    no(
        (table["EVID"] == 0) & (table["MDV"] == 0) & missing,
        "DV",
        "DV is missing where MDV says that it is there",
        expected="a value (NONMEM would read 0)",
        remedy="write MDV 1, or leave the MDV column out",
    )
    censored = table["CENS"] != 0
    no(
        censored & (table["EVID"] != 0),
        "CENS",
        "CENS stands on a record that is no observation",
        expected="CENS 0",
        remedy="correct CENS or EVID",
    )
    no(
        censored & missing & (table["EVID"] == 0),
        "CENS",
        "a censored record has no limit: DV is missing",
        expected="the limit as DV, or as LLOQ where CENS is 1",
        remedy="write the limit as DV, or CENS 0",
    )


def _idle_intervals(table: pd.DataFrame) -> list[tuple[Any, ...]]:
    idle = (table["II"] > 0) & (table["ADDL"] == 0) & (table["SS"] == 0)
    why = "II without ADDL or SS repeats nothing"
    rows = [
        (int(line), native(subject), "II", float(interval), "ignored", why)
        for line, subject, interval in table.loc[idle, ["LINE", "ID", "II"]].itertuples(index=False)
    ]
    table.loc[idle, "II"] = 0.0
    return rows
