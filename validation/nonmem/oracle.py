"""NONMEM's dosing semantics, naive and slow by intent: the independent judge of a dosing engine.

One subject, a linear model, records in NONMEM's columns; out come the amounts right after each record. The matrix
exponential does the kinetics, a linear solve the steady state. Every decision names its rule in RULES.md. Nothing of
the package is used.

Models (compartments are numbered from 1):

- ``oral1``: 1 depot, 2 central; KA CL V
- ``iv2``: 1 central, 2 peripheral; CL V Q V2 (V central, V2 peripheral)
- ``oral2``: 1 depot, 2 central, 3 peripheral; KA CL V Q V2
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.linalg import expm

Vector = NDArray[np.float64]
Record = dict[str, float]

BASIC = {"oral1": ("KA", "CL", "V"), "iv2": ("CL", "V", "Q", "V2"), "oral2": ("KA", "CL", "V", "Q", "V2")}
SIZE = {"oral1": 2, "iv2": 2, "oral2": 3}
DEPOT = {"oral1": 1, "iv2": 0, "oral2": 1}  # the compartment that may be turned off, 0 for none (R10)
ITEMS = ("AMT", "RATE", "II", "ADDL", "SS", "CMT", "MDV")


@dataclass
class Entry:
    """A dose on its way that has no record at the time it enters: lagged or additional."""

    time: float
    amount: float  # AMT, before F
    rate: float  # the RATE item
    cmt: int


@dataclass
class Infusion:
    """What runs: at a fixed rate for `left` time, or at the record's R until the amount `left` is in (R7)."""

    cmt: int
    rate: float | None  # None: the R of the record that ends the interval
    left: float


@dataclass
class State:
    """What the system is between two records."""

    amounts: Vector
    now: float
    waiting: list[Entry] = field(default_factory=list)
    running: list[Infusion] = field(default_factory=list)


def amounts(records: pd.DataFrame, model: str) -> Vector:
    """Return the amounts right after each record was processed, one row per record, one column per compartment."""
    rows = [_complete(row, model) for row in records.to_dict("records")]
    state = State(np.zeros(SIZE[model]), rows[0]["TIME"] if rows else 0.0)
    after = []
    for row in rows:  # R1: file order
        _process(state, row, model)
        after.append(state.amounts.copy())
    return np.array(after).reshape(len(rows), SIZE[model])


def _process(state: State, row: Record, model: str) -> None:
    """Take one record in: advance to it, then do what it says."""
    if row["EVID"] in {3, 4}:  # R3, R18, R19
        state.amounts, state.now = np.zeros(SIZE[model]), row["TIME"]
        _cancel(state)
    elif row["TIME"] < state.now:
        msg = f"TIME goes back to {row['TIME']} after {state.now}"  # R3
        raise ValueError(msg)
    else:
        _advance(state, row, model)
    if row["EVID"] == 2 and row["CMT"] < 0:
        _turn_off(state, int(-row["CMT"]), model)
    if row["EVID"] in {1, 4}:
        _dose(state, row, model)


def _cancel(state: State) -> None:
    """Forget every dose of earlier records that runs or waits (R18, R21)."""
    state.waiting, state.running = [], []


def _turn_off(state: State, cmt: int, model: str) -> None:
    """Turn a compartment off: empty it, drop every earlier dose into it (R10)."""
    if cmt != DEPOT[model]:
        msg = f"compartment {cmt} of {model} cannot be turned off"
        raise ValueError(msg)
    state.amounts[cmt - 1] = 0.0
    state.waiting = [entry for entry in state.waiting if entry.cmt != cmt]
    state.running = [infusion for infusion in state.running if infusion.cmt != cmt]


# --- between records -------------------------------------------------------------------------------------------------


def _advance(state: State, row: Record, model: str) -> None:
    """Go to the record; every parameter on the way is the record's (R4), F and D of what enters too (R6)."""
    while True:
        stop = min([row["TIME"], *(entry.time for entry in state.waiting)])
        _flow(state, stop, row, model)
        due = [entry for entry in state.waiting if entry.time <= state.now]  # R2: also at the record's own time
        state.waiting = [entry for entry in state.waiting if entry.time > state.now]
        for entry in due:
            _enter(state, row, entry)
        if not due:
            return


def _flow(state: State, stop: float, row: Record, model: str) -> None:
    """Let the system run to `stop`, with the infusions that run, cut at their ends."""
    while state.now < stop:
        rates = [_rate(infusion, row) for infusion in state.running]
        spans = [
            infusion.left / rate if infusion.rate is None else infusion.left
            for infusion, rate in zip(state.running, rates, strict=True)
        ]
        step = min([stop - state.now, *spans])
        inflow = np.zeros(SIZE[model])
        for infusion, rate in zip(state.running, rates, strict=True):
            inflow[infusion.cmt - 1] += rate
            infusion.left -= step * (rate if infusion.rate is None else 1.0)
        state.amounts = flow(state.amounts, inflow, step, row, model)
        ended = [span <= step for span in spans]
        state.running = [inf for inf, over in zip(state.running, ended, strict=True) if not over]
        state.now = stop if step >= stop - state.now else state.now + step


def _rate(infusion: Infusion, row: Record) -> float:
    return _parameter(row, "R", infusion.cmt) if infusion.rate is None else infusion.rate


def matrix(row: Record, model: str) -> Vector:
    """Return the matrix K of dA/dt = K A + inflow."""
    if model == "oral1":
        return np.array([[-row["KA"], 0.0], [row["KA"], -row["CL"] / row["V"]]])
    out, there, back = row["CL"] / row["V"], row["Q"] / row["V"], row["Q"] / row["V2"]
    disposition = np.array([[-out - there, back], [there, -back]])
    if model == "iv2":
        return disposition
    whole = np.zeros((3, 3))
    whole[1:, 1:] = disposition
    whole[0, 0], whole[1, 0] = -row["KA"], row["KA"]
    return whole


def flow(start: Vector, inflow: Vector, span: float, row: Record, model: str) -> Vector:
    """Return the amounts `span` later under a constant inflow: the exponential of the augmented matrix."""
    size = SIZE[model]
    augmented = np.zeros((size + 1, size + 1))
    augmented[:size, :size] = matrix(row, model)
    augmented[:size, size] = inflow
    moved: Vector = (expm(augmented * span) @ np.append(start, 1.0))[:size]
    return moved


# --- doses -----------------------------------------------------------------------------------------------------------


def _dose(state: State, row: Record, model: str) -> None:
    """Give the dose of a dose record and line up what follows from it."""
    cmt, lag = int(row["CMT"]), _parameter(row, "ALAG", int(row["CMT"]))  # R5, R9
    if row["SS"]:
        _steady(state, row, model, lag)
    entry = Entry(row["TIME"] + lag, row["AMT"], row["RATE"], cmt)
    if row["AMT"] > 0 and lag > 0:
        state.waiting.append(entry)
    elif row["AMT"] > 0 and not row["SS"]:
        _enter(state, row, entry)
    for count in range(1, int(row["ADDL"]) + 1):  # R16, R27
        state.waiting.append(Entry(row["TIME"] + count * row["II"] + lag, row["AMT"], row["RATE"], cmt))


def _enter(state: State, row: Record, entry: Entry) -> None:
    """Let a dose in; F, D are those of `row` (R6)."""
    amount, duration = _available(row, entry.amount, entry.rate, entry.cmt)
    if entry.rate == 0:  # R11
        state.amounts[entry.cmt - 1] += amount
    elif entry.rate == -1:  # R14
        state.running.append(Infusion(entry.cmt, None, amount))
    else:
        state.running.append(Infusion(entry.cmt, amount / duration, duration))


def _available(row: Record, amount: float, rate: float, cmt: int) -> tuple[float, float]:
    """Return F·AMT and how long it takes to go in: 0 for a bolus (R11-R14)."""
    available = _parameter(row, "F", cmt) * amount
    if rate == 0:
        return available, 0.0
    if rate == -2:
        return available, _parameter(row, "D", cmt)
    return available, available / (_parameter(row, "R", cmt) if rate == -1 else rate)


# --- steady state ----------------------------------------------------------------------------------------------------


def _steady(state: State, row: Record, model: str, lag: float) -> None:
    """Put (SS=1, 3) or add (SS=2) the steady state of a dose, and what of its past still runs (R21-R28)."""
    if row["SS"] != 2:
        state.amounts = np.zeros(SIZE[model])
        _cancel(state)
    if row["AMT"] == 0:
        state.amounts = state.amounts + _constant(row, model)  # R28: neither lag nor F
        return
    cmt, period = int(row["CMT"]), row["II"]
    amount, duration = _available(row, row["AMT"], row["RATE"], cmt)
    phase = period - lag if lag > 0 else 0.0  # time since the last implied dose that has entered (R26)
    state.amounts = state.amounts + _periodic(row, model, amount, duration, max(phase, 0.0))
    for back in range(int(duration // period) + 1):  # R25: the implied infusions that outlast the record
        whole = duration - back * period
        if duration > 0 and whole > max(phase, 0.0):
            left = whole - phase  # more than the dose's own where the lag exceeds II: U1, as measured
            rate = amount / duration
            modelled = row["RATE"] == -1
            state.running.append(Infusion(cmt, None if modelled else rate, left * rate if modelled else left))


def _constant(row: Record, model: str) -> Vector:
    """Return the amounts under an endless infusion, which ends at the record (R28)."""
    inflow = np.zeros(SIZE[model])
    cmt = int(row["CMT"])
    inflow[cmt - 1] = _parameter(row, "R", cmt) if row["RATE"] == -1 else row["RATE"]
    level: Vector = np.linalg.solve(matrix(row, model), -inflow)
    return level


def _periodic(row: Record, model: str, amount: float, duration: float, phase: float) -> Vector:
    """Return the amounts `phase` after a dose of an endless series: A = P A + c over one period, solved for A."""
    period = row["II"]
    propagator = expm(matrix(row, model) * period)
    pulse = np.zeros(SIZE[model])
    pulse[int(row["CMT"]) - 1] = amount
    if duration == 0:
        peak: Vector = np.linalg.solve(np.eye(SIZE[model]) - propagator, pulse)
        return flow(peak, np.zeros(SIZE[model]), phase, row, model)
    unit = pulse / duration
    whole, rest = int(duration // period), duration % period  # `whole` overlap all the time, one more for `rest` (R25)

    def after(start: Vector, span: float) -> Vector:
        first = min(span, rest)
        middle = flow(start, (whole + 1) * unit, first, row, model)
        return flow(middle, whole * unit, span - first, row, model)

    trough: Vector = np.linalg.solve(np.eye(SIZE[model]) - propagator, after(np.zeros(SIZE[model]), period))
    return after(trough, phase)


# --- reading records -------------------------------------------------------------------------------------------------


def _parameter(row: Record, letter: str, cmt: int) -> float:
    """Return F, ALAG, R or D of a compartment; F is 1 and ALAG 0 where absent, R and D must be there."""
    value = row.get(f"{letter}{cmt}", np.nan)
    if np.isnan(value):
        value = {"F": 1.0, "ALAG": 0.0}.get(letter, np.nan)
    if np.isnan(value) or value < 0 or (value == 0 and letter in "RD"):
        msg = f"{letter}{cmt} is {value}"
        raise ValueError(msg)
    return value


def _complete(raw: dict[Any, Any], model: str) -> Record:
    """Fill the items a record lacks and refuse what NONMEM refuses."""
    row = {str(key): float(value) for key, value in raw.items() if _number(value)}
    for item in ITEMS:
        row.setdefault(item, 0.0)
    dosing = any(row[item] for item in ("AMT", "RATE", "II", "ADDL", "SS"))
    row.setdefault("EVID", 1.0 if dosing else 2.0 if row["MDV"] else 0.0)  # R8
    if missing := [name for name in ("TIME", *BASIC[model]) if name not in row]:
        msg = f"the record lacks {', '.join(missing)}"
        raise ValueError(msg)
    if row["EVID"] in {1, 4}:
        row["CMT"] = row["CMT"] or 1.0  # R9
        if not 1 <= row["CMT"] <= SIZE[model]:
            msg = f"no compartment {row['CMT']} in {model}"
            raise ValueError(msg)
    _check(row, dosing=dosing)
    return row


def _number(value: object) -> bool:
    return isinstance(value, int | float | np.number) and not np.isnan(float(value))


def _check(row: Record, *, dosing: bool) -> None:
    """Refuse impossible dose items (R8, R15, R16, R28, R29)."""
    gives, steady = row["EVID"] in {1, 4}, row["SS"] > 0
    problems = {
        "EVID must be 0, 1, 2, 3 or 4": row["EVID"] not in {0, 1, 2, 3, 4},
        "dose items on a record that gives no dose": dosing and not gives,
        "AMT must not be negative": row["AMT"] < 0,
        "RATE must be 0, positive, -1 or -2": row["RATE"] < 0 and row["RATE"] not in {-1, -2},
        "a dose needs an amount": gives and not steady and row["AMT"] == 0,
        "a modelled duration needs an amount": gives and row["AMT"] == 0 and row["RATE"] == -2,
        "additional doses need II > 0": row["ADDL"] > 0 and row["II"] <= 0,
        "ADDL must not be negative": row["ADDL"] < 0,
        "SS must be 0, 1, 2 or 3": row["SS"] not in {0, 1, 2, 3},
        "a steady-state dose needs II > 0": steady and row["AMT"] > 0 and row["II"] <= 0,
        "a constant infusion has neither II nor ADDL": steady and row["AMT"] == 0 and row["II"] + row["ADDL"] > 0,
    }
    for problem, there in problems.items():
        if there:
            raise ValueError(problem)
