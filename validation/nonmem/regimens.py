"""Every regimen, what each touches, and all of them as one data set."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from validation.nonmem.building import Case, case, dose, other, seen
from validation.nonmem.regimens_doses import DOSES
from validation.nonmem.regimens_resets import RESETS
from validation.nonmem.regimens_steady import STEADY
from validation.nonmem.regimens_varying import VARYING

REGIMENS: tuple[Case, ...] = (*DOSES, *STEADY, *RESETS, *VARYING)

_U1, _U2, _U3 = ("U1: a lag of the interval or more at steady state", "U2: F or D that differ", "U3: R that changes")
UNCERTAIN: tuple[Case, ...] = (
    case("uncertain/SS bolus, lag above II", "iv2", dose(0, 90, ii=8, ss=1), to=27, ALAG1=10.5, why=_U1),
    case("uncertain/SS bolus, lag equal to II", "oral1", dose(0, 90, ii=8, ss=1, addl=1), to=27, ALAG1=8, why=_U1),
    case("uncertain/SS infusion, lag above II", "iv2", dose(0, 90, rate=20, ii=8, ss=1), to=27, ALAG1=9.5, why=_U1),
    case("uncertain/SS long infusion, lag above II", "iv2", dose(0, 90, rate=8, ii=8, ss=1), to=33, ALAG1=9.5, why=_U1),
    case(
        "uncertain/F of the lagged last dose of SS",
        "oral1",
        dose(0, 90, ii=12, ss=1, F1=0.9),
        seen(1, F1=0.5),
        seen(6, F1=0.7),
        to=26,
        before=False,
        ALAG1=2.5,
        why=_U2,
    ),
    case(
        "uncertain/D of the lagged last dose of SS",
        "oral1",
        dose(0, 90, rate=-2, ii=12, ss=1, D1=5),
        seen(1, D1=2),
        to=26,
        before=False,
        ALAG1=2.5,
        why=_U2,
    ),
    case(
        "uncertain/R after a long SS infusion",
        "iv2",
        dose(0, 90, rate=-1, ii=6, ss=1, R1=10),
        other(2, R1=20),
        to=22,
        before=False,
        why=_U3,
    ),
    case(
        "uncertain/R within the lag of an SS infusion",
        "iv2",
        dose(0, 90, rate=-1, ii=12, ss=1, R1=10),
        other(1, R1=20),
        to=28,
        before=False,
        ALAG1=6,
        why=_U3,
    ),
    case("uncertain/SS of nothing", "oral1", dose(0, 80), dose(4, 0, ss=1), to=12, why="U4: endogenous production"),
    case("uncertain/II alone", "oral1", dose(0, 80, ii=6), to=19, why="U5: II without ADDL or SS"),
    case(
        "uncertain/lagged dose, depot off and on",
        "oral1",
        dose(0, 80),
        other(1, cmt=-1),
        dose(2, 40, ALAG1=0),
        to=14,
        ALAG1=5.5,
        why="U6: a lagged dose and a depot that was off",
    ),
)


def _doses(one: Case) -> list[dict[str, float]]:
    return [{**one.parameters, **record} for record in one.records if record["EVID"] in {1, 4}]


def _any(test: Callable[[dict[str, float]], bool]) -> Callable[[Case], bool]:
    return lambda one: any(test(record) for record in _doses(one))


def _own(letter: str, default: float) -> Callable[[dict[str, float]], bool]:
    return lambda record: record.get(f"{letter}{int(record.get('CMT', 1)) or 1}", default) != default


def _varies(*names: str) -> Callable[[Case], bool]:
    return lambda one: any(
        len({record.get(name, one.parameters.get(name)) for record in one.records}) > 1 for name in names
    )


def _duration(record: dict[str, float]) -> float:
    cmt, rate = int(record.get("CMT", 1)) or 1, record.get("RATE", 0)
    if rate == 0 or record["AMT"] == 0:
        return 0.0
    if rate == -2:
        return record[f"D{cmt}"]
    return record["AMT"] * record.get(f"F{cmt}", 1.0) / (record[f"R{cmt}"] if rate == -1 else rate)


FEATURES: dict[str, Callable[[Case], bool]] = {
    "bolus": _any(lambda r: r.get("RATE", 0) == 0 and r["AMT"] > 0),
    "infusion by rate": _any(lambda r: r.get("RATE", 0) > 0),
    "modelled rate": _any(lambda r: r.get("RATE", 0) == -1),
    "modelled duration": _any(lambda r: r.get("RATE", 0) == -2),
    "F": _any(_own("F", 1.0)),
    "lag": _any(_own("ALAG", 0.0)),
    "additional doses": _any(lambda r: r.get("ADDL", 0) > 0),
    "SS 1": _any(lambda r: r.get("SS") == 1),
    "SS 2": _any(lambda r: r.get("SS") == 2),
    "SS infusion shorter than II": _any(lambda r: bool(r.get("SS")) and 0 < _duration(r) < r["II"]),
    "SS infusion longer than II": _any(lambda r: bool(r.get("SS")) and _duration(r) > r.get("II", 0) > 0),
    "SS and lag": _any(lambda r: bool(r.get("SS")) and _own("ALAG", 0.0)(r)),
    "SS, lag and infusion": _any(lambda r: bool(r.get("SS")) and _own("ALAG", 0.0)(r) and _duration(r) > 0),
    "SS and additional doses": _any(lambda r: bool(r.get("SS")) and r.get("ADDL", 0) > 0),
    "SS and F": _any(lambda r: bool(r.get("SS")) and _own("F", 1.0)(r)),
    "constant infusion": _any(lambda r: bool(r.get("SS")) and r["AMT"] == 0),
    "EVID 2": lambda one: any(record["EVID"] == 2 for record in one.records),
    "EVID 3": lambda one: any(record["EVID"] == 3 for record in one.records),
    "EVID 4": lambda one: any(record["EVID"] == 4 for record in one.records),
    "time goes back": lambda one: any(
        b["TIME"] < a["TIME"] for a, b in zip(one.records, one.records[1:], strict=False)
    ),
    "compartment off": lambda one: any(r["EVID"] == 2 and r.get("CMT", 0) < 0 for r in one.records),
    "kinetics vary": _varies("KA", "CL", "V", "Q", "V2"),
    "F varies": _varies("F1", "F2"),
    "lag varies": _varies("ALAG1", "ALAG2"),
    "R or D varies": _varies("R1", "R2", "D1", "D2"),
    "several compartments dosed": lambda one: len({record.get("CMT", 1) for record in _doses(one)}) > 1,
    "oral1": lambda one: one.model == "oral1",
    "iv2": lambda one: one.model == "iv2",
    "oral2": lambda one: one.model == "oral2",
}


def table(cases: tuple[Case, ...] = REGIMENS) -> pd.DataFrame:
    """Return the cases as one data set, an ID each; absent items and lags are 0, F is 1, what a model lacks NaN."""
    frames = [one.frame().assign(ID=number, MODEL=one.model) for number, one in enumerate(cases, start=1)]
    whole = pd.concat(frames, ignore_index=True)
    items = ["TIME", "EVID", "AMT", "RATE", "II", "ADDL", "SS", "CMT"]
    whole[items] = whole[items].fillna(0.0)
    lags = [name for name in whole if name.startswith("ALAG")]
    shares = [name for name in whole if name in {"F1", "F2", "F3"}]
    whole[lags], whole[shares] = whole[lags].fillna(0.0), whole[shares].fillna(1.0)
    parameters = sorted(set(whole) - {"ID", "MODEL", *items})
    return whole[["ID", "MODEL", *items, *parameters]]
