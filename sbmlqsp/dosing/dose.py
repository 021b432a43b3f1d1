"""One dose line: an amount, where it goes, when, how fast and how often."""

from __future__ import annotations

import re
from dataclasses import KW_ONLY, dataclass, fields
from functools import partial
from numbers import Integral
from typing import TYPE_CHECKING, TypeVar

from sbmlqsp.dosing.quantities import (
    checked_molar_mass,
    checked_time_unit,
    checked_unit,
    checked_value,
    number_text,
    rate_parts,
)
from sbmlqsp.errors import DosingError, UnitError
from sbmlqsp.units import parse_unit

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Dose"]

_TARGET = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", re.ASCII)
_PER_BODY = re.compile(r"(.+)/(kg|m\^?2|m\*\*2)", re.ASCII)
_T = TypeVar("_T")


@dataclass(frozen=True, repr=False)
class Dose:
    """An amount put into a target, once or at a regular interval.

    A dose knows nothing of models: names and formulas are resolved when an experiment is built or run.

    Parameters
    ----------
    amount : float or str
        What is given, in `unit`; not negative (zero is a placebo). A text is a formula over model symbols and
        columns of the subject table, such as ``"4.02*WT"``.
    target : str
        The symbol that receives it, ``"depot"`` or, in a composed model, ``"pk.depot"``.
    unit : str, optional
        Unit of `amount`; None is the target's own unit.
    time : float
        Time of the first dose, in `time_unit`.
    time_unit : str, optional
        Unit of `time`, `duration`, `interval` and `lag`; None is the model's time unit.
    rate : float or str, optional
        Infusion rate, in `rate_unit`. With a rate, bioavailability scales the duration of the infusion.
    rate_unit : str, optional
        Unit of `rate`; None is `unit` per `time_unit`.
    duration : float or str, optional
        Infusion time, in `time_unit`. With a duration, bioavailability scales the rate of the infusion. A dose with
        neither rate nor duration is a bolus.
    interval : float, optional
        Time from one dose to the next, in `time_unit` (NONMEM: II).
    count : int
        Number of doses, the first included (NONMEM: ADDL + 1).
    lag : float or str
        Delay between giving a dose and its arrival, in `time_unit`.
    bioavailability : float or str
        Fraction of the amount that arrives; may exceed 1, as a relative bioavailability does.
    steady_state : int
        0, or 1 (the system starts at the steady state of this dose), or 2 (that steady state is added).
    molar_mass : str, optional
        Turns a mass into an amount of substance and back, such as ``"150 kDa"`` or ``"148000 g/mol"``.

    Raises
    ------
    DosingError
        A value is negative, not finite or contradicts another.
    UnitError
        A unit is unknown, or not of the needed kind.

    Examples
    --------
    >>> Dose(100, "pk.depot", "mg", interval=24, count=7, time_unit="hours")
    Dose(100, 'pk.depot', 'mg', time_unit='h', interval=24, count=7)
    """

    amount: float | str
    target: str
    unit: str | None = None
    _: KW_ONLY
    time: float = 0.0
    time_unit: str | None = None
    rate: float | str | None = None
    rate_unit: str | None = None
    duration: float | str | None = None
    interval: float | None = None
    count: int = 1
    lag: float | str = 0.0
    bioavailability: float | str = 1.0
    steady_state: int = 0
    molar_mass: str | None = None

    def __post_init__(self) -> None:
        where = f"the dose of {self.amount} {self.unit or ''}".rstrip() + f" into {self.target or 'nothing'}"
        put = partial(object.__setattr__, self)
        put("target", _checked_target(self.target, where))
        put("unit", _at(where, checked_unit, self.unit))
        put("rate_unit", _at(where, checked_unit, self.rate_unit))
        put("time_unit", _at(where, checked_time_unit, self.time_unit))
        put("molar_mass", _at(where, checked_molar_mass, self.molar_mass))
        for name in ("amount", "lag", "bioavailability"):
            put(name, checked_value(getattr(self, name), name=name, where=where))
        put("time", checked_value(self.time, name="time", where=where, formula=False))
        put("count", _checked_whole(self.count, "count", where))
        put("steady_state", _checked_whole(self.steady_state, "steady_state", where))
        _check_infusion(self, where)
        for name, formula in (("rate", True), ("duration", True), ("interval", False)):
            value = getattr(self, name)
            if value is not None:
                put(name, checked_value(value, name=name, where=where, formula=formula, positive=True))
        _check_units(self, where)
        _check_repetition(self, where)

    @property
    def is_bolus(self) -> bool:
        """Whether the whole amount is given at once."""
        return self.rate is None and self.duration is None

    @property
    def last_time(self) -> float:
        """Time of the last dose, in `time_unit`."""
        return self.time + (self.count - 1) * (self.interval or 0.0)

    def __repr__(self) -> str:
        positional = [_short(self.amount), repr(self.target), *([repr(self.unit)] if self.unit is not None else [])]
        named = [
            f"{f.name}={_short(getattr(self, f.name))}" for f in fields(self)[3:] if getattr(self, f.name) != f.default
        ]
        return f"Dose({', '.join(positional + named)})"


def _short(value: object) -> str:
    return number_text(value) if isinstance(value, float) else repr(value)


def _at(where: str, check: Callable[[str], _T], text: str | None) -> _T | None:
    try:
        return None if text is None else check(text)
    except UnitError as err:
        raise err.changed(where=where) from None


def _checked_target(target: object, where: str) -> str:
    if isinstance(target, str) and _TARGET.fullmatch(target.strip()):
        return target.strip()
    expected = "the id of a model symbol, such as 'depot' or 'pk.depot'"
    raise DosingError("the target of the dose is not a name", value=target, where=where, expected=expected)


def _checked_whole(value: object, name: str, where: str) -> int:
    if isinstance(value, Integral | float) and not isinstance(value, bool) and float(value).is_integer():
        return int(value)
    raise DosingError(f"{name} is not a whole number", value=value, where=where)


def _check_infusion(dose: Dose, where: str) -> None:
    if dose.rate is not None and dose.duration is not None:
        raise DosingError(
            "rate and duration are both given, and the amount already fixes one by the other",
            value=(dose.rate, dose.duration),
            where=where,
            remedy="keep one: duration = amount / rate",
        )
    if dose.rate is None and dose.rate_unit is not None:
        raise DosingError("rate_unit is given without a rate", value=dose.rate_unit, where=where, remedy="give rate=")
    for name in ("rate", "duration"):
        value = getattr(dose, name)
        if not isinstance(value, str | bool) and value == 0:
            raise DosingError(f"the {name} is zero", where=where, remedy=f"leave {name} out for a bolus")


def _check_units(dose: Dose, where: str) -> None:
    if dose.unit is not None and rate_parts(dose.unit):
        remedy = f"give the amount in {rate_parts(dose.unit)[0]} and a rate or a duration"  # type: ignore[index]
        raise UnitError("the unit of the amount is a rate", value=dose.unit, where=where, remedy=remedy)
    if dose.unit is not None and (per := _PER_BODY.fullmatch(dose.unit)):
        remedy = (
            f"write it as a formula, such as '{_short(dose.amount)}*WT' in {per[1]}, with WT from the subject table"
        )
        raise UnitError("the amount depends on the size of the body", value=dose.unit, where=where, remedy=remedy)
    if dose.unit is None or dose.rate_unit is None or dose.molar_mass is not None:
        return  # nothing to compare, or the molar mass joins the two when the target is known
    if not (parse_unit(dose.rate_unit) * parse_unit("s")).same_dimension(parse_unit(dose.unit)):
        raise UnitError(
            f"the rate in {dose.rate_unit} does not give an amount in {dose.unit}",
            where=where,
            expected=f"a rate such as '{dose.unit}/h'",
            remedy="change one of the two, or give molar_mass= to go from mass to amount of substance",
        )


def _check_repetition(dose: Dose, where: str) -> None:
    if dose.count < 1:
        raise DosingError("count is less than one", value=dose.count, where=where, expected="1, 2, 3, …")
    if dose.steady_state not in {0, 1, 2}:
        raise DosingError("steady_state is unknown", value=dose.steady_state, where=where, expected="0, 1 or 2")
    if dose.interval is None and (dose.count > 1 or dose.steady_state):
        why = f"{dose.count} doses" if dose.count > 1 else "a steady state"
        raise DosingError(f"{why} without an interval", where=where, remedy="give interval=, the time between doses")
    checked_value(dose.last_time, name="time of the last dose", where=where, formula=False)
