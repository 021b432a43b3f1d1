"""The parts of a PEtab problem."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from sbmlqsp.errors import DataError
from sbmlqsp.exchange.petab.priors import PetabPrior
from sbmlqsp.exchange.petab.sheets import identifier
from sbmlqsp.expressions import Expr
from sbmlqsp.model import flat_id

__all__ = ["BEFORE", "SCALES", "Condition", "Period", "PetabObservable", "PetabParameter"]

BEFORE = -math.inf
"""The time of a period that is simulated until a steady state is reached."""

SCALES = ("lin", "log", "log10")


@dataclass(frozen=True)
class PetabParameter:
    """A parameter of a PEtab problem.

    Parameters
    ----------
    id : str
        A path such as ``pk.CL`` becomes the id that PEtab has for it, ``pk__CL``.
    value : float, optional
        The nominal value, in the model's unit whatever the scale.
    lower, upper : float, optional
        Bounds, which an estimated parameter must have.
    estimate : bool
        Whether it is estimated; one that is not needs a value.
    prior : PetabPrior, optional
        Cut off at the bounds.
    scale : {"lin", "log", "log10"}
        The scale on which others should estimate it; no number of this package depends on it.
    name : str
    others : mapping of str to str
        Further columns.
    where : str
        File and line, for messages.

    Raises
    ------
    DataError
        A bound or the value is missing or impossible.

    Examples
    --------
    >>> PetabParameter("k", 0.5, lower=0.01, upper=10).estimate
    True
    """

    id: str
    value: float | None = None
    lower: float | None = None
    upper: float | None = None
    estimate: bool = True
    prior: PetabPrior | None = None
    scale: str = "lin"
    name: str = ""
    others: Mapping[str, str] = field(default_factory=dict)
    where: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "id", flat_id(self.id))
        identifier(self.id, "parameterId", self._at)
        if self.value is not None and not math.isfinite(self.value):
            raise DataError("the nominal value is not finite", value=self.value, where=self._at)
        if not self.estimate and self.value is None:
            raise DataError(
                "a parameter that is not estimated has no value", where=self._at, remedy="give a nominal value"
            )
        if self.estimate and (self.lower is None or self.upper is None):
            raise DataError("an estimated parameter lacks a bound", where=self._at, remedy="give both bounds")
        low, high = self.bounds
        if math.isnan(low) or math.isnan(high) or low > high:
            raise DataError("the bounds leave nothing", value=(low, high), where=self._at, expected="lower below upper")
        if self.scale not in SCALES:
            raise DataError(
                "no such scale of a parameter", value=self.scale, where=self._at, expected=", ".join(SCALES)
            )

    @property
    def _at(self) -> str:
        return f"{self.where}, '{self.id}'" if self.where else f"parameter '{self.id}'"

    @property
    def bounds(self) -> tuple[float, float]:
        """Lower and upper bound, infinite where there is none."""
        return (
            -math.inf if self.lower is None else self.lower,
            math.inf if self.upper is None else self.upper,
        )


@dataclass(frozen=True)
class PetabObservable:
    """What is measured, and how measurements scatter about it.

    ``scale`` is the one on which noise is ``distribution``: normal or Laplace. Placeholders stand for what each
    measurement says.
    """

    id: str
    formula: Expr
    noise: Expr
    distribution: str = "normal"
    scale: str = "lin"
    placeholders: tuple[str, ...] = ()
    noise_placeholders: tuple[str, ...] = ()
    name: str = ""
    others: Mapping[str, str] = field(default_factory=dict)
    where: str = field(default="", compare=False)


@dataclass(frozen=True)
class Condition:
    """What changes: a formula by target."""

    id: str
    changes: Mapping[str, Expr] = field(default_factory=dict)
    where: Mapping[str, str] = field(default_factory=dict, compare=False)


@dataclass(frozen=True)
class Period:
    """Conditions that are applied at a time and hold from then on."""

    time: float
    conditions: tuple[str, ...] = ()
    where: str = field(default="", compare=False)
