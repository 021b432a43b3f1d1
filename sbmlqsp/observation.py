"""What is observed: a formula over model symbols, its unit and its error model."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from sbmlqsp.errors import ObservableError
from sbmlqsp.expressions import Expr, parse_formula
from sbmlqsp.units import parse_unit

__all__ = ["ErrorModel", "Observable"]

SCALES = ("normal", "log-normal")


@dataclass(frozen=True)
class ErrorModel:
    """Residual error of an observation.

    Parameters
    ----------
    additive : float
        Standard deviation that does not depend on the prediction, in the observable's unit (on the log scale,
        dimensionless).
    proportional : float
        Standard deviation per unit of prediction, dimensionless.
    scale : {"normal", "log-normal"}
        On which scale the error is normal.

    Raises
    ------
    ObservableError
        A standard deviation is negative or not finite, or both are zero.

    Examples
    --------
    >>> ErrorModel(additive=0.1, proportional=0.2).scale
    'normal'
    """

    additive: float = 0.0
    proportional: float = 0.0
    scale: str = "normal"

    def __post_init__(self) -> None:
        for name in ("additive", "proportional"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise ObservableError(f"the {name} error is not a standard deviation", value=value, expected="≥ 0")
        if self.additive == self.proportional == 0:
            raise ObservableError("the error model has no error", remedy="leave the error model out")
        if self.scale not in SCALES:
            raise ObservableError("no such error scale", value=self.scale, expected=" or ".join(SCALES))
        if self.scale == "log-normal" and self.proportional:
            raise ObservableError("a log-normal error is additive on the log scale; proportional must be 0")

    def measured(self, values: Any, noise: Any) -> Any:
        """Return what a measurement of values shows, for standard normal numbers."""
        if self.scale == "log-normal":
            return values * np.exp(self.additive * noise)
        return values + np.hypot(self.additive, self.proportional * values) * noise


@dataclass(frozen=True)
class Observable:
    """One thing to look at.

    Parameters
    ----------
    id : str
        The name of the variable in results.
    formula : str, optional
        Over model symbols, ``amount(S)``, ``concentration(S)`` and ``time``; the id itself where left out.
    unit : str, optional
        The unit to report in; the model's own where left out.
    error : ErrorModel, optional
        Residual error.
    molar_mass : str, optional
        For reporting an amount of substance as a mass or the other way round, such as ``"146 kDa"``.
    meaning : str, optional
        For axis labels.
    own_names : frozenset of str, optional
        Names that are the model's symbols although they read as constants, such as ``time``; set by ``Experiment``.

    Raises
    ------
    ObservableError, UnitError
        The formula or the unit cannot be read.

    Examples
    --------
    >>> Observable("C", "amount(central)/V1", unit="nmol/L").formula
    'amount(central)/V1'
    """

    id: str
    formula: str = ""
    unit: str | None = None
    error: ErrorModel | None = None
    molar_mass: str | None = None
    meaning: str = ""
    own_names: frozenset[str] = field(default=frozenset(), repr=False, compare=False)

    def __post_init__(self) -> None:
        if not isinstance(self.id, str) or not self.id.strip():
            raise ObservableError("an observable has no id", value=self.id)
        if not self.formula:
            object.__setattr__(self, "formula", self.id)
        _ = self.expr
        if self.unit is not None:
            parse_unit(self.unit)

    @cached_property
    def expr(self) -> Expr:
        """The formula as a tree."""
        expr = parse_formula(self.formula, symbols=self.own_names)
        for node in expr.walk():
            if node.op in {"amount", "concentration"} and node.args[0].op != "sym":
                raise ObservableError(f"{node.op}() takes one species", value=self.formula)
            if node.op in {"delay", "rateOf"}:
                raise ObservableError(f"{node.op}() cannot be observed", value=self.formula)
        return expr
