"""When doses fall: moving them on the clock, following one another, and one row per single administration."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sbmlqsp.dosing.dose import Dose
from sbmlqsp.dosing.quantities import checked_time_unit, convert_time, number_text, product, shift_of
from sbmlqsp.errors import DosingError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["MOST", "Administration", "common_time_unit", "expand", "follow", "repeat", "shift"]

MOST = 1_000_000
"""Most single administrations a regimen may expand to."""


@dataclass(frozen=True, slots=True)
class Administration:
    """One dose given once, in the time unit of the model.

    Parameters
    ----------
    time, lag : float, float or str
        When it is given, and how much later it arrives, in the time unit `expand` was asked for.
    amount, unit, target, molar_mass
        As in `Dose`.
    rate, rate_unit
        As in `Dose`; where `rate_unit` is None the rate is in `unit` per the time unit `expand` was asked for.
    duration : float or str, optional
        Infusion time, in the time unit `expand` was asked for.
    bioavailability : float or str
        Scales the duration where a rate is given, the rate where a duration is given, and otherwise the amount.
    dose_index : int
        Position of its dose in the regimen, from 0.
    number : int
        Which of that dose's administrations it is, from 1.
    """

    time: float
    amount: float | str
    unit: str | None
    target: str
    rate: float | str | None
    rate_unit: str | None
    duration: float | str | None
    lag: float | str
    bioavailability: float | str
    molar_mass: str | None
    dose_index: int
    number: int


def expand(regimen: Dose | Iterable[Dose], *, time_unit: str | None) -> tuple[Administration, ...]:
    """Return every single administration, ordered by time and then as written.

    Parameters
    ----------
    regimen : Regimen, Dose or iterable of Dose
    time_unit : str or None
        The model's time unit, to which all times are converted; None where the model declares none.

    Returns
    -------
    tuple of Administration
        The i-th falls at ``time + i*interval``, multiplied rather than accumulated, so that doses of two lines that
        coincide on paper coincide here.

    Raises
    ------
    DosingError
        A dose names a time unit and the model does not, or there are more than a million administrations.

    Examples
    --------
    >>> [a.time for a in expand(Dose(100, "depot", "mg", interval=12, count=3, time_unit="h"), time_unit="day")]
    [0.0, 0.5, 1.0]
    """
    doses = (regimen,) if isinstance(regimen, Dose) else tuple(regimen)
    unit = None if time_unit is None else checked_time_unit(time_unit)
    if (total := sum(dose.count for dose in doses)) > MOST:
        raise DosingError("the regimen has too many administrations", value=total, expected=f"at most {MOST:,}")
    rows = [row for index, dose in enumerate(doses) for row in _administrations(dose, index, unit)]
    return tuple(sorted(rows, key=lambda row: (row.time, row.dose_index)))


def _administrations(dose: Dose, index: int, unit: str | None) -> list[Administration]:
    source = unit if dose.time_unit is None or _timeless(dose) else dose.time_unit
    if unit is None and source is not None:
        raise DosingError(
            f"the regimen has times in {source}, but the time unit it should run in is not stated",
            where=f"the dose into {dose.target}",
            remedy="declare the time unit in the model, or leave the unit of time out of the regimen",
        )
    rate = dose.rate
    if rate is not None and dose.rate_unit is None and source != unit:
        # A rate in unit per hour becomes unit per day: divided by the conversion that takes hours to days.
        per = convert_time(1.0, unit, source)
        rate = product(rate, per)
    fixed = (dose.amount, dose.unit, dose.target, rate, dose.rate_unit)
    duration = None if dose.duration is None else convert_time(dose.duration, source, unit)
    lag, step = convert_time(dose.lag, source, unit), dose.interval or 0.0
    end = (duration, lag, dose.bioavailability, dose.molar_mass, index)
    return [
        Administration(float(convert_time(dose.time + i * step, source, unit)), *fixed, *end, i + 1)
        for i in range(dose.count)
    ]


def _timeless(dose: Dose) -> bool:
    """Whether a dose is one bolus at time zero, or the like, so that any time unit suits it."""
    bare_rate = dose.rate is not None and dose.rate_unit is None
    return dose.time == 0 and dose.lag == 0 and dose.interval is None and dose.duration is None and not bare_rate


def common_time_unit(doses: Iterable[Dose]) -> str | None:
    """Return the first time unit named in the doses; None where one of them is timed in the model's own unit."""
    doses = tuple(doses)
    if any(dose.time_unit is None and not _timeless(dose) for dose in doses):
        return None
    return next((dose.time_unit for dose in doses if dose.time_unit is not None), None)


def shift(doses: Iterable[Dose], by: float | str) -> tuple[Dose, ...]:
    """Return the doses moved by a time: a number in their time unit, or a text such as "12 h"."""
    doses = tuple(doses)
    unit = _one_time_unit(doses) if not isinstance(by, str) else None
    value, unit = shift_of(by, unit)
    return tuple(_moved(dose, value, unit) for dose in doses)


def _moved(dose: Dose, by: float, unit: str | None) -> Dose:
    if _timeless(dose) and dose.time_unit is None:
        return replace(dose, time=by, time_unit=unit)
    return replace(dose, time=dose.time + float(convert_time(by, unit, dose.time_unit)))


def _one_time_unit(doses: tuple[Dose, ...]) -> str | None:
    units = list(dict.fromkeys(dose.time_unit for dose in doses if dose.time_unit or not _timeless(dose)))
    if len(units) > 1:
        named = [unit or "the model's time unit" for unit in units]
        remedy = "write the time with its unit, as a text such as '12 h'"
        raise DosingError(f"a bare number could mean {' or '.join(named)}", remedy=remedy)
    return units[0] if units else None


def follow(first: tuple[Dose, ...], second: tuple[Dose, ...], gap: float | str | None) -> tuple[Dose, ...]:
    """Return both, the second moved to begin when the first is over, or `gap` after the last dose of the first."""
    if not first:
        return second if gap is None else shift(second, gap)
    end, unit = _over(first) if gap is None else _after(first, gap)
    return first + tuple(_moved(dose, end, unit) for dose in second)


def _after(doses: tuple[Dose, ...], gap: float | str) -> tuple[float, str | None]:
    value, unit = shift_of(gap, None if isinstance(gap, str) else _one_time_unit(doses))
    if not value >= 0:
        raise DosingError("the gap is negative", value=gap, expected="the time from the last dose to the next one")
    last = _latest(doses, [dose.last_time for dose in doses])
    if last.last_time == 0:
        return value, unit
    return last.last_time + float(convert_time(value, unit, last.time_unit)), last.time_unit


def _over(doses: tuple[Dose, ...]) -> tuple[float, str | None]:
    """Return when the last interval is over; the dose that decides keeps its own time unit, against rounding."""
    cycles = [dose for dose in doses if dose.interval is not None]
    last = _latest(doses, [dose.last_time for dose in doses])
    if cycles:
        longest = _latest(cycles, [_cycle_end(dose) for dose in cycles])
        end, unit = _cycle_end(longest), longest.time_unit
        if last.interval is not None or float(convert_time(last.last_time, last.time_unit, unit)) < end:
            return end, unit
    raise DosingError(
        "'then' cannot tell when the doses before it are over, as the last of them has no interval",
        where=f"the dose into {last.target} at {number_text(last.last_time)} {last.time_unit or ''}".rstrip(),
        remedy="say how long after it the next begins: then(…, gap='24 h'), or 'then after 24 h'",
    )


def _cycle_end(dose: Dose) -> float:
    return dose.time + dose.count * (dose.interval or 0.0)


def _latest(doses: Iterable[Dose], times: list[float]) -> Dose:
    """Return the dose with the latest of the times, each in its dose's time unit; at a tie one with an interval."""
    doses = tuple(doses)
    unit = next((dose.time_unit for dose in doses if not _timeless(dose)), None)
    same = [float(convert_time(t, dose.time_unit, unit)) for dose, t in zip(doses, times, strict=True)]
    return max(zip(same, doses, strict=True), key=lambda pair: (pair[0], pair[1].interval is not None))[1]


def repeat(doses: tuple[Dose, ...], n: int, every: float | str) -> tuple[Dose, ...]:
    """Return the doses n times over, one course starting `every` after the other."""
    value, unit = shift_of(every, None if isinstance(every, str) else _one_time_unit(doses))
    if isinstance(n, bool) or not isinstance(n, int) or n < 1:
        raise DosingError("the number of repeats is not a positive whole number", value=n)
    if not value > 0:
        raise DosingError("the time between repeats is not positive", value=every, expected="a time such as '21 day'")
    if n * len(doses) > MOST:
        raise DosingError("the regimen has too many doses", value=n * len(doses), expected=f"at most {MOST:,}")
    first = tuple(_folded(d, n, value, unit) if d.interval is None else d for d in doses)
    again = tuple(d for d in doses if d.interval is not None)
    return first + tuple(_moved(d, course * value, unit) for course in range(1, n) for d in again)


def _folded(dose: Dose, n: int, every: float, unit: str | None) -> Dose:
    """A dose without an interval needs no copies: `every` is its interval."""
    if _timeless(dose) and dose.time_unit is None:
        return replace(dose, interval=every, count=n, time_unit=unit)
    return replace(dose, interval=float(convert_time(every, unit, dose.time_unit)), count=n)
