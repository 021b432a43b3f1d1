"""Dose records from the doses of a regimen, and the other way round."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sbmlqsp.dosing import Dose, Regimen
from sbmlqsp.dosing.quantities import checked_time_unit, checked_unit, convert_time, number_text
from sbmlqsp.errors import DataError, DosingError, did_you_mean
from sbmlqsp.expressions import evaluate, parse_formula
from sbmlqsp.records.values import native, number, place
from sbmlqsp.units import convert

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["dose_records", "left_to_predict", "one_unit", "regimen_of"]

LEFT = {"lag": ("ALAG({})", 0.0), "bioavailability": ("F({})", 1.0), "molar_mass": ("molar_mass", None)}


def one_unit(regimen: Regimen, stated: str | None) -> str | None:
    """Return the unit of AMT: the one stated, or that of the first dose that has one.

    Raises
    ------
    DataError
        Some doses have a unit and others have none.
    """
    units = [d.unit for d in regimen]
    named = next((u for u in units if u is not None), None)
    if named is not None and None in units:
        bare = regimen.doses[units.index(None)]
        raise DataError(
            f"the dose into {bare.target} has no unit, and another is in {named}",
            value=bare.amount,
            where="the regimen",
            remedy="give every dose a unit",
        )
    if stated is not None and named is None and units:
        return checked_unit(stated)
    return checked_unit(stated) if stated is not None else named


def left_to_predict(regimen: Regimen, leave_out: Collection[str], time_unit: str | None) -> list[tuple[str, object]]:
    """Return what a data set has no column for, as parameters of `predict`, or refuse it by name.

    Raises
    ------
    DataError
        A dose has a lag, a bioavailability or a molar mass, and `leave_out` does not name it.
    """
    leave = (leave_out,) if isinstance(leave_out, str) else tuple(leave_out)
    for name in leave:
        if name not in LEFT:
            raise DataError("this cannot be left out", value=name, where="leave_out", remedy=did_you_mean(name, LEFT))
    found: dict[str, object] = {}
    for dose in regimen:
        for name, (pattern, default) in LEFT.items():
            value = getattr(dose, name)
            if value == default:
                continue
            key = pattern.format(dose.target)
            if name == "lag":
                value = convert_time(value, dose.time_unit or time_unit, time_unit)
            if name not in leave:
                raise DataError(
                    f"a data set has no column for the {name.replace('_', ' ')} of a dose",
                    value=value,
                    where=f"the dose into {dose.target}",
                    remedy=f"name it: leave_out={name!r}, and give predict {_given(key, value)}",
                )
            if found.setdefault(key, value) != value:
                raise DataError(
                    f"two doses into {dose.target} differ in {name.replace('_', ' ')}",
                    value=value,
                    expected=str(found[key]),
                    remedy="a data set has one for all doses into a target, given to predict",
                )
    return list(found.items())


def _given(key: str, value: object) -> str:
    return f"molar_mass={value!r}" if key == "molar_mass" else f"parameters={{{key!r}: {native(value)!r}}}"


# ------------------------------------------------------------------------------------------------- regimen to records
def dose_records(
    regimen: Regimen,
    scope: Callable[[float], Mapping[str, Any]],
    *,
    unit: str | None,
    time_unit: str | None,
    apart: Collection[float] = (),
    modelled_duration: bool = False,
) -> list[dict[str, Any]]:
    """Return the dose records of one subject in order of time.

    Parameters
    ----------
    regimen : Regimen
    scope : callable
        The subject's covariates at a time.
    unit, time_unit : str or None
        Units of AMT and TIME.
    apart : collection of float
        Times of observations to be seen before a dose: additional doses that fall on one become records of their own.
    modelled_duration : bool
        Write an infusion of a given duration with RATE -2, its duration being left to `predict`.
    """
    out = []
    for dose in regimen:
        source = dose.time_unit or time_unit
        start = float(_time(dose.time, source, time_unit))
        step = float(_time(dose.interval or 0.0, source, time_unit))
        covariates = scope(start)
        row: dict[str, Any] = {"TIME": start, "EVID": 1, "CMT": dose.target}
        row |= _amount_and_rate(dose, covariates, unit, time_unit)
        row["SS"] = dose.steady_state if row["AMT"] > 0 else 0  # a placebo has no steady state
        if modelled_duration and dose.duration is not None and row["AMT"] > 0:
            row["RATE"] = -2.0
        repeats = dose.count > 1 or row["SS"] > 0
        later = [start + k * step for k in range(1, dose.count)]
        if set(later) & set(apart):
            out.append({**row, "ADDL": 0, "II": step if row["SS"] else 0.0})
            out += [{**row, "TIME": t, "ADDL": 0, "II": 0.0, "SS": 0} for t in later]
        else:
            out.append({**row, "ADDL": dose.count - 1, "II": step if repeats else 0.0})
    return sorted(out, key=lambda r: r["TIME"])


def _time(value: float | str, source: str | None, to: str | None) -> float | str:
    try:
        return convert_time(value, source, to)
    except DosingError as err:
        named = source or to
        raise DataError(
            f"a time of the regimen is in {named}, and the unit of TIME is not stated",
            value=value,
            where="the regimen",
            remedy=f"give units={{'TIME': {named!r}}}, or time_unit={named!r}",
        ) from err


def _amount_and_rate(
    dose: Dose, covariates: Mapping[str, Any], unit: str | None, time_unit: str | None
) -> dict[str, float]:
    where = f"the dose into {dose.target}"
    source = dose.time_unit or time_unit
    factor = 1.0 if unit is None or dose.unit is None or dose.unit == unit else convert(1.0, dose.unit, unit)
    amount = _evaluated(dose.amount, covariates, f"{where}, amount") * factor
    if dose.is_bolus or amount == 0:
        return {"AMT": amount, "RATE": 0.0}
    if dose.duration is not None:
        duration = _evaluated(_time(dose.duration, source, time_unit), covariates, f"{where}, duration", positive=True)
        return {"AMT": amount, "RATE": amount / duration}
    rate = _evaluated(dose.rate or 0.0, covariates, f"{where}, rate", positive=True)
    if dose.rate_unit is None:
        per = float(_time(1.0, time_unit, source)) if source != time_unit else 1.0
        return {"AMT": amount, "RATE": rate * factor * per}
    if unit is None or time_unit is None:
        raise DataError(
            f"the rate is in {dose.rate_unit}, and the units of AMT and TIME are not both stated",
            value=dose.rate,
            where=where,
            remedy="give the dose a unit and a time unit",
        )
    return {"AMT": amount, "RATE": convert(rate, dose.rate_unit, f"({unit})/{time_unit}")}


def _evaluated(value: float | str, scope: Mapping[str, Any], where: str, *, positive: bool = False) -> float:
    if not isinstance(value, str):
        return float(value)
    tree = parse_formula(value)
    numbers: dict[str, float] = {}
    for name in tree.symbols():
        if name not in scope:
            remedy = did_you_mean(name, scope) if scope else "give subjects= with such a column"
            raise DataError(
                f"the formula reads '{name}', which is no covariate", value=value, where=where, remedy=remedy
            )
        cell = number(scope[name])
        if cell is None or math.isnan(cell):
            fault = "in words" if cell is None else "missing"
            remedy = "formulas read numbers" if cell is None else "fill it in, as filled() does"
            raise DataError(f"the covariate '{name}' is {fault}", value=native(scope[name]), where=where, remedy=remedy)
        numbers[name] = cell
    found = float(evaluate(tree, numbers))
    if not math.isfinite(found) or found < 0 or (positive and found == 0):
        raise DataError(
            f"the formula '{value}' gives no {'positive' if positive else 'usable'} number",
            value=found,
            where=f"{where}, with {', '.join(f'{k} = {number_text(v)}' for k, v in numbers.items())}",
            expected="a positive number" if positive else "a finite number that is not negative",
        )
    return found


# ------------------------------------------------------------------------------------------------- records to regimen
def regimen_of(
    table: pd.DataFrame,
    units: Mapping[str, str],
    compartments: Mapping[Any, str] | None,
    *,
    source: str = "",
) -> Regimen:
    """Return the doses of one subject as a regimen, or refuse the record that a regimen cannot hold."""
    events = table[table["EVID"] != 0].reset_index(drop=True)
    doses: list[Dose] = []
    for i in range(len(events)):
        row = events.iloc[i]
        if row["EVID"] == 2 and (isinstance(row["CMT"], str) or row["CMT"] >= 0):
            continue
        _check_holdable(events, i, bool(doses), source)
        target = _target(events, i, compartments, source)
        rate = float(row["RATE"]) or None
        unit, time_unit = units.get("AMT"), units.get("TIME")
        doses.append(
            Dose(
                float(row["AMT"]),
                target,
                unit,
                time=float(row["TIME"]),
                time_unit=time_unit and checked_time_unit(time_unit),
                rate=rate,
                rate_unit=f"{unit}/{time_unit}" if rate and unit and time_unit and "/" not in unit else None,
                interval=float(row["II"]) or None,
                count=int(row["ADDL"]) + 1,
                steady_state=int(row["SS"]),
            )
        )
    return Regimen(tuple(doses))


def _check_holdable(events: pd.DataFrame, i: int, later: bool, source: str) -> None:
    row = events.iloc[i]
    faults: Sequence[tuple[bool, str, str]] = (
        (row["EVID"] == 2, "CMT", "turning a compartment off"),
        (row["EVID"] in {3, 4}, "EVID", "a reset"),
        (row["RATE"] == -1, "RATE", "a modelled rate"),
        (row["RATE"] == -2, "RATE", "a modelled duration"),
        (row["SS"] > 0 and row["AMT"] == 0, "SS", "a constant infusion at steady state"),
        (row["SS"] == 3, "SS", "SS = 3 (write 1, which is the same steady state)"),
        (row["SS"] == 1 and later, "SS", "a steady state after other doses, which it would wipe out"),
        (row["TIME"] < 0, "TIME", "a negative time"),
    )
    for bad, column, what in faults:
        if bad:
            raise DataError(
                f"a regimen cannot hold {what}",
                value=native(row[column]),
                where=place(events, i, column, source=source),
                remedy="use the data set itself",
            )


def _target(events: pd.DataFrame, i: int, compartments: Mapping[Any, str] | None, source: str) -> str:
    cmt = events["CMT"].iloc[i]
    known = dict(compartments or {})
    if cmt in known:
        return str(known[cmt])
    if isinstance(cmt, str):
        return cmt
    if cmt == 0 and known:
        return str(next(iter(known.values())))
    raise DataError(
        "the compartment of the dose has no name",
        value=native(cmt),
        where=place(events, i, "CMT", source=source),
        remedy=f"name it: compartments={{{cmt or 1}: 'depot'}}",
    )
