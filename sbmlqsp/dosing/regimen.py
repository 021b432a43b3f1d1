"""Regimens: doses on one clock, and the algebra and the text that make them."""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from sbmlqsp.dosing import schedule
from sbmlqsp.dosing.dose import Dose
from sbmlqsp.dosing.language import dose_text, parse_doses
from sbmlqsp.dosing.quantities import checked_value, product
from sbmlqsp.dosing.tables import calendar, first_rows, in_words
from sbmlqsp.errors import DosingError, QSPError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Regimen", "as_regimen", "bolus", "infusion", "loading_then_maintenance"]


@dataclass(frozen=True, repr=False)
class Regimen:
    """An ordered set of doses that share a clock; doses given at the same time add.

    Parameters
    ----------
    doses : tuple of Dose
        May be empty: an arm without drug.
    label : str
        A name for tables and figures; two regimens with the same doses are equal whatever their labels.

    Raises
    ------
    DosingError
        Something in it is not a Dose.

    Examples
    --------
    >>> course = Regimen.parse("200 mg into depot then after 12 h 100 mg into depot every 12 h x 6")
    >>> print(course.repeat(2, every="14 day"))  # doctest: +NORMALIZE_WHITESPACE
    200 mg into depot every 14 day x 2; 100 mg into depot at 12 h every 12 h x 6;
    100 mg into depot at 348 h every 12 h x 6
    """

    doses: tuple[Dose, ...] = ()
    label: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        given: object = self.doses  # not yet trusted to be what its annotation says
        doses = tuple(given) if isinstance(given, Iterable) and not isinstance(given, str) else (given,)
        for dose in doses:
            if not isinstance(dose, Dose):
                remedy = "write Regimen.parse(text)" if isinstance(dose, str) else None
                raise DosingError(
                    "a regimen holds doses only",
                    value=dose,
                    where=f"regimen {self.label}".rstrip(),
                    expected="Dose(amount, target, unit)",
                    remedy=remedy,
                )
        object.__setattr__(self, "doses", doses)

    @classmethod
    def parse(cls, text: str, *, label: str = "") -> Regimen:
        """Read a regimen written as text, such as ``"100 mg into pk.depot every 24 h x 7"``.

        Parameters
        ----------
        text : str
            ``AMOUNT [UNIT] into TARGET`` and then, in any order, ``at TIME``, ``every TIME x COUNT`` (or ``q24h``,
            ``q2w``, ``qd``, ``bid``, ``tid`` with a count), ``over TIME`` or ``at RATE``, ``lag TIME``, ``F NUMBER``,
            ``molar mass QUANTITY``, ``ss``. ``RATE into TARGET for TIME`` gives rate × time over that time. Formulas
            stand in brackets. ``+`` joins doses on one clock, ``then`` and ``then after TIME`` put them in sequence,
            ``;`` or a new line starts again at time zero. ``no doses`` is the empty regimen.
        label : str

        Returns
        -------
        Regimen

        Raises
        ------
        DosingError, UnitError
            The message points at the word that is not understood.

        Examples
        --------
        >>> Regimen.parse("[4.02*WT] mg into central over 30 min q3w x 4").doses[0].time_unit
        'week'
        """
        return cls(parse_doses(text), label)

    def __str__(self) -> str:
        return "; ".join(map(dose_text, self.doses)) or "no doses"

    def __len__(self) -> int:
        return len(self.doses)

    def __iter__(self) -> Iterator[Dose]:
        return iter(self.doses)

    def __add__(self, other: Regimen | Dose) -> Regimen:
        if not isinstance(other, Regimen | Dose):
            return NotImplemented
        return replace(self, doses=self.doses + Regimen(_doses(other)).doses)

    def __radd__(self, other: Dose) -> Regimen:
        return replace(self, doses=(other, *self.doses)) if isinstance(other, Dose) else NotImplemented

    def then(self, other: Regimen | Dose, gap: float | str | None = None) -> Regimen:
        """Return this regimen followed by another.

        Parameters
        ----------
        other : Regimen or Dose
        gap : float or str, optional
            Time from the last dose of this regimen to time zero of the other: a number in the time unit of this
            regimen, or a text such as ``"12 h"``. By default the other begins when the last interval is over.

        Returns
        -------
        Regimen

        Raises
        ------
        DosingError
            No gap is given and the last dose has no interval.

        Examples
        --------
        >>> print(Regimen.parse("200 mg into depot every 12 h x 2").then(Regimen.parse("50 mg into depot qd x 3")))
        200 mg into depot every 12 h x 2; 50 mg into depot at 1 day every 1 day x 3
        """
        return replace(self, doses=schedule.follow(self.doses, _doses(other), gap))

    def repeat(self, n: int, *, every: float | str) -> Regimen:
        """Return this regimen `n` times over, a course starting every so often.

        Parameters
        ----------
        n : int
            Number of courses, this one included.
        every : float or str
            Time between their starts: a number in the regimen's time unit, or a text such as ``"21 day"``.

        Returns
        -------
        Regimen
            A single dose becomes a repeated one; doses that repeat already are copied.

        Examples
        --------
        >>> print(Regimen.parse("100 mg into depot").repeat(4, every="21 day"))
        100 mg into depot every 21 day x 4
        """
        return replace(self, doses=schedule.repeat(self.doses, n, every))

    def shift(self, dt: float | str) -> Regimen:
        """Return this regimen begun later: by a number in its time unit, or by a text such as ``"12 h"``.

        Examples
        --------
        >>> print(Regimen.parse("100 mg into depot at 12 h").shift("1 day"))
        100 mg into depot at 36 h
        """
        return replace(self, doses=schedule.shift(self.doses, dt))

    def scale(self, factor: float | str) -> Regimen:
        """Return this regimen with every amount multiplied by a number or a formula.

        Infusion rates are multiplied too, so that an infusion lasts as long as before. A factor of zero gives a
        placebo of the same calendar.

        Examples
        --------
        >>> print(Regimen.parse("100 mg into depot").scale("WT/70"))
        [100*(WT/70)] mg into depot
        """
        by = checked_value(factor, name="factor", where="scale")
        doses = [
            replace(
                dose,
                amount=product(dose.amount, by),
                rate=dose.rate if dose.rate is None or by == 0 else product(dose.rate, by),
            )
            for dose in self.doses
        ]
        return replace(self, doses=tuple(doses))

    def calendar(self, *, time_unit: str | None = None) -> pd.DataFrame:
        """Return `calendar` of this regimen."""
        return calendar(self, time_unit=time_unit)

    def in_words(self) -> str:
        """Return `in_words` of this regimen."""
        return in_words(self)

    def _title(self) -> str:
        return f"Regimen {self.label!r}" if self.label else "Regimen"

    def __repr__(self) -> str:
        head = f"{self._title()}: {self}"
        try:
            table, more = first_rows(self)
        except QSPError:  # times with and without unit: still a regimen, but no single clock to list it on
            return head
        body = f"\n{table.to_string(index=False)}" if len(table) else ""
        return f"{head}{body}" + (f"\n… and {more} more" if more else "")

    def _repr_html_(self) -> str:
        head = f"<p><b>{html.escape(self._title())}</b>: {html.escape(in_words(self))}</p>"
        try:
            table, more = first_rows(self)
        except QSPError:
            return head
        body = table.to_html(index=False) if len(table) else ""
        return f"{head}{body}" + (f"<p>… and {more} more</p>" if more else "")


def as_regimen(given: object) -> Regimen:
    """Return a regimen given as such, as one dose, as several, or as text.

    Raises
    ------
    DosingError, UnitError
        It is none of these, or the text is not understood.
    """
    if isinstance(given, str):
        return Regimen.parse(given)
    return given if isinstance(given, Regimen) else Regimen(given)  # type: ignore[arg-type]  # checked at birth


def _doses(other: Regimen | Dose) -> tuple[Dose, ...]:
    return (other,) if isinstance(other, Dose) else other.doses


def bolus(
    amount: float | str,
    target: str,
    unit: str | None = None,
    *,
    time: float = 0.0,
    interval: float | None = None,
    count: int = 1,
    time_unit: str | None = None,
    lag: float | str = 0.0,
    bioavailability: float | str = 1.0,
    molar_mass: str | None = None,
) -> Regimen:
    """Return a regimen of one bolus line; parameters as in `Dose`.

    Examples
    --------
    >>> print(bolus(100, "depot", "mg", interval=24, count=7, time_unit="h") + bolus(5, "central", "mg"))
    100 mg into depot every 24 h x 7; 5 mg into central
    """
    dose = Dose(amount, target, unit, time=time, interval=interval, count=count, time_unit=time_unit, lag=lag)
    return Regimen((replace(dose, bioavailability=bioavailability, molar_mass=molar_mass),))


def infusion(
    amount: float | str,
    target: str,
    unit: str | None = None,
    *,
    duration: float | str | None = None,
    rate: float | str | None = None,
    rate_unit: str | None = None,
    time: float = 0.0,
    interval: float | None = None,
    count: int = 1,
    time_unit: str | None = None,
    molar_mass: str | None = None,
) -> Regimen:
    """Return a regimen of one infusion line, with either a duration or a rate; parameters as in `Dose`.

    Raises
    ------
    DosingError
        Neither duration nor rate is given, or both are.

    Examples
    --------
    >>> print(infusion(300, "central", "mg", duration=0.5, time_unit="h"))
    300 mg into central over 0.5 h
    """
    if duration is None and rate is None:
        raise DosingError(
            "an infusion without duration or rate", where=f"the infusion into {target}", remedy="give one"
        )
    dose = Dose(amount, target, unit, duration=duration, rate=rate, rate_unit=rate_unit, time_unit=time_unit)
    return Regimen((replace(dose, time=time, interval=interval, count=count, molar_mass=molar_mass),))


def loading_then_maintenance(loading: Dose, maintenance: Dose) -> Regimen:
    """Return a loading dose and, one maintenance interval after it, the maintenance doses.

    Raises
    ------
    DosingError
        The maintenance dose has no interval.

    Examples
    --------
    >>> maintenance = Dose(100, "depot", "mg", interval=24, count=6, time_unit="h")
    >>> print(loading_then_maintenance(Dose(200, "depot", "mg"), maintenance))
    200 mg into depot; 100 mg into depot at 24 h every 24 h x 6
    """
    if maintenance.interval is None:
        raise DosingError("the maintenance dose has no interval", value=maintenance, remedy="give interval= and count=")
    first = Regimen((loading,))
    if loading.interval is not None:
        return first.then(maintenance)
    unit = maintenance.time_unit
    gap = maintenance.interval if unit is None else f"{maintenance.interval!r} {unit}"
    return first.then(maintenance, gap)
