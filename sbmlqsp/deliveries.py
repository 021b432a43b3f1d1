"""From a regimen to what reaches which target, when and how much, for every subject."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from sbmlqsp.dose_units import amount_factor, rate_factor
from sbmlqsp.dosing import Administration, expand
from sbmlqsp.errors import DosingError, QSPError, did_you_mean
from sbmlqsp.experiment import Experiment
from sbmlqsp.expressions import evaluate, parse_formula
from sbmlqsp.model import dotted, flat_id

__all__ = ["Deliveries", "resolve_deliveries"]


@dataclass(frozen=True)
class Deliveries:
    """Targets and, per subject and administration, start, amount and duration.

    Arrays have shape (subjects, administrations), in the model's units of time and substance; a duration of 0 is a
    bolus. ``given`` are the administrations as written. ``refused`` says by subject why it cannot be dosed so.
    """

    given: tuple[Administration, ...]
    targets: tuple[str, ...]
    start: Any
    amount: Any
    duration: Any
    refused: Mapping[int, QSPError] = field(default_factory=dict)

    def certain(self) -> Deliveries:
        """Return the deliveries where nobody is refused; raise for the first who is.

        Raises
        ------
        DosingError
        """
        for error in self.refused.values():
            raise error
        return self

    def chosen(self, rows: Any) -> Deliveries:
        """Return the deliveries of subjects, of shape (subjects, administrations), each from the row named for it."""
        places = np.arange(len(self.given))
        start, amount, duration = (v[rows, places] for v in (self.start, self.amount, self.duration))
        refused = {i: self.refused[r] for i, row in enumerate(rows.tolist()) for r in row if r in self.refused}
        return replace(self, start=start, amount=amount, duration=duration, refused=refused)


def resolve_deliveries(experiment: Experiment, env: Mapping[str, Any], size: int) -> Deliveries:
    """Resolve lag, bioavailability, formulas and units of every administration.

    With a rate, bioavailability scales the duration; with a duration it scales the rate (as NONMEM does).

    A subject for whom a formula gives a value that is negative or not finite is refused alone.

    Raises
    ------
    DosingError
        A formula cannot be resolved, or gives such a value for everybody alike.
    UnitError
        The dose's unit cannot be converted to its target's.
    """
    given = expand(experiment.regimen, time_unit=experiment.model.time_unit)
    refused: dict[int, QSPError] = {}
    rows = [_resolve(a, experiment, env, size, refused) for a in given]
    shape = (size, len(rows))
    start, amount, duration = (np.empty(shape) for _ in range(3))
    for i, row in enumerate(rows):
        start[:, i], amount[:, i], duration[:, i] = row
    return Deliveries(given, tuple(flat_id(a.target) for a in given), start, amount, duration, refused)


def _resolve(
    a: Administration, experiment: Experiment, env: Mapping[str, Any], size: int, refused: dict[int, QSPError]
) -> tuple[Any, Any, Any]:
    where = f"dose {a.dose_index + 1} into {a.target}"
    number = _Reader(env, size, where, refused)
    amount = number(a.amount, "amount")
    lag = number(a.lag, "lag")
    fraction = number(a.bioavailability, "bioavailability")
    factor = amount_factor(a, experiment.model, where)
    duration = np.zeros(size)
    if a.duration is not None:
        duration = number(a.duration, "duration")
    elif a.rate is not None:
        rate = number(a.rate, "rate") * rate_factor(a, experiment.model, where)
        number.refuse(rate <= 0, rate, "the infusion rate is not positive", alike=not isinstance(a.rate, str))
        duration = amount * fraction / np.where(rate > 0, rate, 1.0)
    return a.time + lag, amount * fraction * factor, duration


class _Reader:
    """Turns a number or a formula into one value per subject; notes for whom that is none."""

    def __init__(self, env: Mapping[str, Any], size: int, where: str, refused: dict[int, QSPError]) -> None:
        self.env, self.size, self.where, self._refused = env, size, where, refused

    def __call__(self, value: float | str, what: str) -> Any:
        if isinstance(value, str):
            expr = parse_formula(value)
            scope = {n: self.env.get(n, self.env.get(flat_id(n))) for n in expr.symbols()}
            missing = sorted(n for n, v in scope.items() if v is None)
            if missing:
                raise DosingError(
                    f"the {what} reads '{missing[0]}', which is neither in the model nor a column of the subjects",
                    value=value,
                    where=self.where,
                    remedy=did_you_mean(missing[0], (dotted(k) for k in self.env if "(" not in k)),
                )
            value = evaluate(expr, scope)
        alike = np.ndim(value) == 0
        out = np.broadcast_to(np.asarray(value, dtype=float), (self.size,)).copy()
        bad = ~np.isfinite(out) | (out < 0)
        self.refuse(bad, out, f"the {what} is negative or not finite", alike=alike)
        out[bad] = 0.0
        return out

    def refuse(self, bad: Any, values: Any, why: str, *, alike: bool) -> None:
        """Note whom a value refuses, or raise where it is the same for everybody."""
        for i in np.flatnonzero(bad).tolist():
            error = DosingError(why, value=float(values[i]), where=self.where)
            if alike:
                raise error
            self._refused.setdefault(i, error)
