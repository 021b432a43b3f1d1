"""A regimen to be read: as a calendar, and in words."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sbmlqsp.dosing.dose import Dose
from sbmlqsp.dosing.quantities import number_text, time_text
from sbmlqsp.dosing.schedule import Administration, common_time_unit, expand

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd

__all__ = ["calendar", "first_rows", "in_words"]

_MANY = {"day": "days", "week": "weeks", "month": "months"}


def calendar(regimen: Dose | Iterable[Dose], *, time_unit: str | None = None) -> pd.DataFrame:
    """Return one row per single administration, in order of time.

    Parameters
    ----------
    regimen : Regimen, Dose or iterable of Dose
    time_unit : str, optional
        Unit to show times in; by default the first that the regimen names.

    Returns
    -------
    pandas.DataFrame
        Columns ``time`` and ``lag`` (in ``time_unit``), ``time_unit``, ``amount`` (in ``unit``), ``unit``, ``target``,
        ``how`` ("bolus" or "infusion over 30 min"), ``bioavailability``, ``dose`` (the line of the regimen, from 1)
        and ``number`` (which of its administrations, from 1).

    Raises
    ------
    DosingError
        Times with and without a unit are mixed, and `time_unit` is not given.

    Examples
    --------
    >>> table = calendar(Dose(300, "central", "mg", duration=30, interval=1440, count=2, time_unit="min"))
    >>> table[["time", "how"]].values.tolist()
    [[0.0, 'infusion over 30 min'], [1440.0, 'infusion over 30 min']]
    """
    import pandas as pd

    doses = (regimen,) if isinstance(regimen, Dose) else tuple(regimen)
    unit = time_unit or common_time_unit(doses)
    rows = [_row(row, doses[row.dose_index], unit) for row in expand(doses, time_unit=unit)]
    columns = ["time", "time_unit", "amount", "unit", "target", "how", "lag", "bioavailability", "dose", "number"]
    return pd.DataFrame(rows, columns=columns)


def _row(row: Administration, dose: Dose, unit: str | None) -> tuple[object, ...]:
    what = (row.time, unit, row.amount, row.unit, row.target)
    return *what, _how(dose), row.lag, row.bioavailability, row.dose_index + 1, row.number


def _how(dose: Dose) -> str:
    if dose.duration is not None:
        return f"infusion over {_time(dose.duration, dose.time_unit)}"
    if dose.rate is None:
        return "bolus"
    unit = dose.rate_unit or f"{dose.unit or 'its unit'}/{dose.time_unit or 'time unit'}"
    return f"infusion at {_amount(dose.rate)} {unit}"


def first_rows(regimen: Iterable[Dose], *, most: int = 20) -> tuple[pd.DataFrame, int]:
    """Return the first rows of the calendar, found without expanding the rest, and how many more there are."""
    doses = tuple(regimen)
    table = calendar(replace(dose, count=min(dose.count, most)) for dose in doses).head(most)
    return table, sum(dose.count for dose in doses) - len(table)


def in_words(regimen: Dose | Iterable[Dose]) -> str:
    """Return sentences that say what is given.

    Parameters
    ----------
    regimen : Regimen, Dose or iterable of Dose

    Returns
    -------
    str
        One sentence per dose line.

    Examples
    --------
    >>> in_words(Dose(100, "pk.depot", "mg", interval=24, count=7, time_unit="h"))
    '7 doses of 100 mg as a bolus into pk.depot, every 24 h, the first at 0 h.'
    """
    doses = (regimen,) if isinstance(regimen, Dose) else tuple(regimen)
    return " ".join(map(_sentence, doses)) or "No doses."


def _sentence(dose: Dose) -> str:
    several = dose.count > 1
    amount = _amount(dose.amount) + (f" {dose.unit}" if dose.unit else f" (in the unit of {dose.target})")
    article = "an" if not dose.is_bolus else "a"
    text = (
        f"{f'{dose.count} doses' if several else 'One dose'} of {amount} as {article} {_how(dose)} into {dose.target}"
    )
    start = _time(dose.time, dose.time_unit) if dose.time_unit else f"time {number_text(dose.time)}"
    if several and dose.interval is not None:
        text += f", every {_time(dose.interval, dose.time_unit)}, the first at {start}"
    else:
        text += f" at {start}"
        text += f", with an interval of {_time(dose.interval, dose.time_unit)}" if dose.interval is not None else ""
    return text + "".join(f", {extra}" for extra in _extras(dose)) + "."


def _extras(dose: Dose) -> list[str]:
    extras = []
    if dose.lag != 0:
        extras.append(f"lag {_time(dose.lag, dose.time_unit)}")
    if dose.bioavailability != 1:
        extras.append(f"bioavailability {_amount(dose.bioavailability)}")
    if dose.molar_mass:
        extras.append(f"molar mass {dose.molar_mass}")
    if dose.steady_state:
        extras.append(["from steady state", "added to its steady state"][dose.steady_state - 1])
    return extras


def _amount(value: float | str) -> str:
    return f"[{value}]" if isinstance(value, str) else number_text(value)


def _time(value: float | str, unit: str | None) -> str:
    text = time_text(value, unit)
    if unit is None:
        return f"{text} time unit{'s' * (text != '1')}"
    number, _, shown = text.rpartition(" ")
    return f"{number} {_MANY.get(shown, shown) if number != '1' else shown}"
