"""What an observable is as a function of one constant of the model, at steady state or at a time."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from sbmlqsp.analysis.course import model_time, one_observable, run_one
from sbmlqsp.analysis.rest import at_rest, observe
from sbmlqsp.dosing import Dose, Regimen
from sbmlqsp.engine.initial import initial_state, static_symbols
from sbmlqsp.engine.tolerances import Tolerances
from sbmlqsp.errors import ExperimentError, QSPError, SimulationError, UnsupportedError
from sbmlqsp.execution import STATUS
from sbmlqsp.experiment import Experiment, resolve_setting, symbol_of
from sbmlqsp.model import Model, dotted, flat_id
from sbmlqsp.observation import Observable
from sbmlqsp.outcome import observed
from sbmlqsp.steady import SteadyState, steady_states
from sbmlqsp.subjects import Subjects

__all__ = ["Response"]

AT_REST = "steady state"


class Response:
    """An observable as a function of one constant, computed once per value.

    Parameters
    ----------
    model : Model
    driver : str
        The constant, by dotted path.
    observable : str or Observable
    at : float or str
        ``"steady state"``, or a time, in the model's unit or as a text.
    changes, regimen
        As in ``Experiment``.
    """

    def __init__(
        self,
        model: Model,
        driver: str,
        observable: str | Observable,
        *,
        at: float | str = AT_REST,
        changes: Mapping[str, float | str] | None = None,
        regimen: Regimen | Dose | str | None = None,
        tolerances: Tolerances | None = None,
    ) -> None:
        if not isinstance(model, Model):
            raise ExperimentError("a Model is needed", value=type(model).__name__)
        self.model, self.driver, self.tolerances = model, driver, tolerances
        self.rest = at == AT_REST
        self.time = 0.0 if self.rest else _time(at, model)
        whole = Experiment(model, times=[self.time], regimen=regimen, changes=changes or {}, id="response")  # type: ignore[arg-type]
        self.key = self._key(whole)
        self.arm, self.o, self.unit = one_observable(whole, observable)
        if self.rest and len(self.arm.regimen):
            raise ExperimentError(
                "a steady state has no regimen", value=str(self.arm.regimen), remedy="give at= a time, or no regimen"
            )
        self.static = self.rest and self._is_static()
        self._known: dict[float, float] = {}
        self.reasons: dict[float, str] = {}

    @property
    def driver_unit(self) -> str:
        """The unit of the driver, "" where undeclared."""
        symbol = self.model.network.symbols[symbol_of(self.key)]
        unit = symbol.substance_unit if self.key.startswith("amount(") else symbol.unit
        return unit.label if unit is not None else ""

    @property
    def costly(self) -> bool:
        """Whether every value takes simulations of its own."""
        return self.rest and not self.static

    @property
    def when(self) -> str:
        """When the observable is looked at, in words."""
        return "at steady state" if self.rest else f"at time {self.time:g}"

    def _key(self, whole: Experiment) -> str:
        if not isinstance(self.driver, str):
            raise ExperimentError("the driver is the path of a constant", value=self.driver)
        key, network = resolve_setting(self.model, self.driver), self.model.network
        name = symbol_of(key)
        if name in network.dynamic:
            raise ExperimentError(
                f"the driver '{self.driver}' is no constant: reactions, rate rules or events change it",
                remedy="give a constant that it depends on; for doses into it see dose_for",
            )
        if name in {symbol_of(k) for k in whole.overrides}:
            raise ExperimentError(
                f"the driver '{self.driver}' is also among the changes", remedy="leave it out of changes"
            )
        return key

    def _is_static(self) -> bool:
        network = self.model.network
        if network.unsolved:
            return False
        if self.o.expr.has("time"):
            raise UnsupportedError(
                f"'{self.o.id}' reads time itself, so it has no steady state", remedy="give at= a time"
            )
        read = {flat_id(n) for n in self.o.expr.symbols()}
        read |= {
            network.symbols[n].compartment for n in read if n in network.symbols and network.symbols[n].compartment
        }
        return read <= static_symbols(network)

    def one(self, x: float) -> float:
        """Return the value at one driver value."""
        return float(self(np.array([x]))[0])

    def __call__(self, x: Any) -> Any:
        """Return the values at driver values; NaN where there is none, with the reason in ``reasons``."""
        asked = np.asarray(x, dtype=float).tolist()
        new = [v for v in dict.fromkeys(asked) if v not in self._known]
        if new:
            compute = self._statics if self.static else self._rests if self.rest else self._timed
            self._known.update(zip(new, compute(new), strict=True))
        return np.array([self._known[v] for v in asked])

    def _statics(self, x: list[float]) -> list[float]:
        env = initial_state(self.model.network, {**self.arm.overrides, self.key: np.array(x)})
        with np.errstate(all="ignore"):
            values = observe(self.model, self.o, env)
        return [float(v) for v in np.broadcast_to(np.asarray(values, dtype=float), (len(x),))]

    def _rests(self, x: list[float]) -> list[float]:
        every = [{**self.arm.changes, self.driver: v} for v in x]
        found = steady_states(self.model, every, tolerances=self.tolerances)
        return [self._rest(v, f) for v, f in zip(x, found, strict=True)]

    def _rest(self, x: float, found: SteadyState | QSPError) -> float:
        if isinstance(found, QSPError):
            self.reasons[x] = found.what
            return math.nan
        value = at_rest(self.model, self.o, found)
        if math.isnan(value):
            self.reasons[x] = f"'{self.o.id}' has no value at the steady state; it may depend on time"
        return value

    def _timed(self, x: list[float]) -> list[float]:
        people = Subjects(tuple(range(len(x))), None, {self.driver: np.array(x)})
        result = run_one(replace(self.arm, times=[self.time]), self.tolerances, people)
        for i in np.flatnonzero(result.status).tolist():
            self.reasons[x[i]] = f"{STATUS[int(result.status[i])]}; {result.messages[i]}"
        values = np.where(result.status > 0, np.nan, observed(self.o, self.arm, result)[:, 0])
        return [float(v) for v in values]

    def scale(self) -> tuple[float, float]:
        """Return the smallest and the largest value of the model's constants that share the driver's unit."""
        network = self.model.network
        start = initial_state(network, self.arm.overrides)
        own = network.symbols[symbol_of(self.key)]
        static = static_symbols(network)
        alike = [s.id for s in network.symbols.values() if s.id in static and _same_unit(s.unit, own.unit)]
        sizes = [abs(float(start[n])) for n in (own.id, *alike)]
        sizes = [v for v in sizes if v > 0 and math.isfinite(v)]
        return (min(sizes), max(sizes)) if sizes else (1.0, 1.0)

    def failure(self, x: float | None = None) -> SimulationError:
        """Return why there is no value, at one driver value or at the first of those tried, as an error."""
        x = next(iter(self.reasons), math.nan) if x is None else x
        why = self.reasons.get(x, f"'{self.o.id}' is not a number")
        return SimulationError(f"with {dotted(self.driver)} = {x:g}, {why}", where=f"'{self.model.id}'")


def _time(at: float | str, model: Model) -> float:
    if isinstance(at, str) and not any(c.isdigit() for c in at):
        raise ExperimentError("no such time", value=at, expected=f"{AT_REST!r}, a number, or a text such as '5 h'")
    return model_time(at, model, "at")


def _same_unit(a: Any, b: Any) -> bool:
    return a is not None and b is not None and bool(a.equivalent(b))
