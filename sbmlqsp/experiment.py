"""The ``Experiment`` noun: a model, what is changed and given, when it is looked at and what is looked at."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from sbmlqsp.dose_units import amount_factor, rate_factor
from sbmlqsp.dosing import Dose, Regimen, as_regimen, calendar, expand, in_words
from sbmlqsp.errors import ExperimentError, did_you_mean
from sbmlqsp.expressions import Expr, parse_formula, substitute
from sbmlqsp.model import Model, dotted, flat_id
from sbmlqsp.observation import Observable
from sbmlqsp.times import parse_times
from sbmlqsp.units import convert, parse_quantity

__all__ = ["STARTS", "Experiment", "observable_unit", "resolve_setting", "symbol_of"]

STARTS = ("initial values", "steady state")
"""Where subjects may be at time 0."""

# Names that formulas read as constants, unless the model has a symbol of that name.
CONSTANT_NAMES = frozenset(
    "time avogadro true True false False pi Pi PI exponentiale inf infinity INF nan NaN notanumber".split()
)


@dataclass(frozen=True, repr=False)
class Experiment:
    """A model with parameter changes, a regimen, output times and observables.

    Parameters
    ----------
    model : Model
    times : str or array of float
        Output times in the model's time unit, or text with a unit such as ``"0:84 day by 0.5"``.
    observables : sequence of str or Observable, optional
        A text is a symbol or a formula and its own id. All species where left out.
    regimen : Regimen, Dose or str, optional
        What is given; a text is parsed by ``Regimen.parse``.
    changes : mapping of str to float or str, optional
        New values by symbol path; a text carries a unit, such as ``"5 mL/min"``.
    id : str
        The name of this arm.
    at_dose : {"after", "before"}
        Which side of a dose an observation at the dose time shows.
    occasions : str or array of float, optional
        When the occasions begin between which subjects may vary, the first at 0: as ``times``, or ``"doses"`` for one
        at each dose.
    fates : mapping of str to str, optional
        Conditions that end a single cell, such as ``{"apoptosis": "signal > 100"}``, by name; for stochastic runs.
    start : {"initial values", "steady state"}
        Where subjects are at time 0. At steady state each has been, before anything is given, where the undosed model
        comes to rest under its own parameters; initial values only say which of several steady states, and the totals
        that reactions conserve. What is computed once at the start, such as a baseline, is computed there; what has a
        rate rule and nothing reads, such as an area under a curve, counts from its initial value. A subject without a
        steady state to which small disturbances die out fails by itself.

    Raises
    ------
    ExperimentError
        A name the model lacks (the nearest are named), clashing units, times out of order.

    Examples
    --------
    >>> import sbmlqsp as qsp
    >>> model = qsp.read_antimony("model m; S = 10; J: S -> ; k*S; k = 0.1; end")
    >>> qsp.Experiment(model, times=[0, 1, 2], changes={"k": 0.2}).id
    'experiment'

    A baseline that follows the parameters, found for each subject before time 0:

    >>> turnover = qsp.read_antimony("model m; species R; J: -> R; ksyn - kdeg*R/(1 + R); ksyn = 2; kdeg = 5; end")
    >>> arm = qsp.Experiment(turnover, times=[0, 10], observables=["R"], start="steady state")
    >>> ds = qsp.simulate(arm, subjects={"subject": [1, 2], "ksyn": [2.0, 4.0]})
    >>> ds["R"].squeeze().round(9).values.tolist()
    [[0.666666667, 0.666666667], [4.0, 4.0]]
    """

    model: Model
    times: Any
    observables: tuple[Observable, ...] = ()
    regimen: Regimen = field(default_factory=lambda: Regimen(()))
    changes: Mapping[str, float | str] = field(default_factory=dict)
    id: str = "experiment"
    at_dose: str = "after"
    occasions: Any = ()
    fates: Mapping[str, Any] = field(default_factory=dict)
    start: str = "initial values"

    def __post_init__(self) -> None:
        if not isinstance(self.model, Model):
            raise ExperimentError("an experiment needs a Model", value=type(self.model).__name__)
        if self.at_dose not in {"after", "before"}:
            raise ExperimentError("no such side of a dose", value=self.at_dose, expected="'after' or 'before'")
        if self.start not in STARTS:
            raise ExperimentError("no such start", value=self.start, expected=" or ".join(map(repr, STARTS)))
        set_ = object.__setattr__
        set_(self, "regimen", _as_regimen(self.regimen))
        set_(self, "observables", _as_observables(self.observables, self.model))
        set_(self, "changes", dict(self.changes))
        set_(self, "times", tuple(parse_times(self.times, self.model.time_unit).tolist()))
        set_(self, "occasions", _as_occasions(self.occasions, self.regimen, self.model.time_unit))
        set_(self, "fates", {str(k): parse_formula(str(v)) for k, v in dict(self.fates).items()})
        _ = self.overrides
        self._check_names()

    @property
    def at_rest(self) -> bool:
        """Whether subjects start at steady state."""
        return self.start == "steady state"

    @cached_property
    def overrides(self) -> dict[str, float]:
        """The changes by flat id (or ``"amount(id)"``), as numbers in the model's units."""
        out = {resolve_setting(self.model, k): _as_number(self.model, k, v) for k, v in self.changes.items()}
        names = [symbol_of(k) for k in out]
        for name in names:
            if names.count(name) > 1:
                raise ExperimentError(f"'{dotted(name)}' is changed twice, in two meanings", value=list(self.changes))
        return out

    def _check_names(self) -> None:
        network = self.model.network
        known = set(network.symbols) | set(network.reactions)
        for o in self.observables:
            for name in o.expr.symbols():
                if flat_id(name) not in known:
                    raise ExperimentError(
                        f"the observable '{o.id}' reads '{name}', which the model '{self.model.id}' lacks",
                        remedy=did_you_mean(name, map(dotted, known)),
                    )
            observable_unit(self.model, o)
        for fate, condition in self.fates.items():
            for name in condition.symbols():
                if flat_id(name) not in known:
                    raise ExperimentError(
                        f"the fate '{fate}' reads '{name}', which the model '{self.model.id}' lacks",
                        remedy=did_you_mean(name, map(dotted, known)),
                    )
        for i, dose in enumerate(self.regimen, start=1):
            if flat_id(dose.target) not in network.symbols:
                raise ExperimentError(
                    f"a dose goes into '{dose.target}', which the model '{self.model.id}' lacks",
                    remedy=did_you_mean(dose.target, (dotted(s.id) for s in network.species)),
                )
            first = expand(replace(dose, count=1), time_unit=self.model.time_unit)[0]
            amount_factor(first, self.model, f"dose {i} into {dose.target}")
            rate_factor(first, self.model, f"dose {i} into {dose.target}")

    def describe(self) -> str:
        """Return equations, dose calendar, outputs and warnings as text, without running anything."""
        from sbmlqsp.describe import describe_experiment

        return describe_experiment(self)

    def __repr__(self) -> str:
        outputs = ", ".join(o.id for o in self.observables[:6]) + (" …" if len(self.observables) > 6 else "")
        unit = f" {self.model.time_unit}" if self.model.time_unit else ""
        rest = ", from steady state" if self.at_rest else ""
        return (
            f"<experiment '{self.id}' on '{self.model.id}': {len(self.times)} times from {self.times[0]:g} to "
            f"{self.times[-1]:g}{unit}{rest}; {in_words(self.regimen) if len(self.regimen) else 'no doses'}; {outputs}>"
        )

    def _repr_html_(self) -> str:
        from html import escape

        parts = [f"<p>{escape(repr(self)[1:-1])}</p>"]
        if self.changes:
            rows = "".join(f"<tr><td>{escape(k)}</td><td>{escape(str(v))}</td></tr>" for k, v in self.changes.items())
            parts.append(f"<table><tr><th>changed</th><th>to</th></tr>{rows}</table>")
        if len(self.regimen):
            parts.append(calendar(self.regimen, time_unit=self.model.time_unit).to_html(max_rows=20, index=False))
        return "".join(parts)


def _as_regimen(value: Any) -> Regimen:
    if value is None:
        return Regimen(())
    if not isinstance(value, Iterable | Dose):
        raise ExperimentError(
            "this is no regimen", value=value, expected="a Regimen, a Dose, or text for Regimen.parse"
        )
    return as_regimen(value)


def _as_occasions(value: Any, regimen: Regimen, unit: str | None) -> tuple[float, ...]:
    if value is None or (not isinstance(value, str) and len(value) == 0):
        return ()
    if isinstance(value, str) and value.strip() == "doses":
        begins: list[float] = sorted({0.0, *(a.time for a in expand(regimen, time_unit=unit))})
        return tuple(begins)
    begins = parse_times(value, unit).tolist()
    if begins[0] != 0:
        raise ExperimentError("the first occasion does not begin with the run", value=begins[0], expected="0")
    return tuple(begins)


def _as_observables(value: str | Observable | Iterable[str | Observable], model: Model) -> tuple[Observable, ...]:
    items = [value] if isinstance(value, str | Observable) else list(value or ())
    if not items:
        items = [dotted(s.id) for s in model.network.species] or [dotted(s) for s in sorted(model.network.rate_rules)]
    own = CONSTANT_NAMES & model.network.symbols.keys()
    out = tuple(o if isinstance(o, Observable) else Observable(o) for o in items)
    out = tuple(replace(o, own_names=own) for o in out) if own else out
    seen: set[str] = set()
    for o in out:
        if o.id in seen:
            raise ExperimentError("two observables have one id", value=o.id)
        seen.add(o.id)
    return out


def observable_unit(model: Model, observable: Observable) -> str:
    """Return the unit an observable is computed in, ``""`` where the model does not declare enough.

    Raises
    ------
    ExperimentError
        The formula mixes units, or its unit cannot be converted to the one asked for.
    """
    from sbmlqsp.unit_checks import infer, scope_of

    scope = scope_of(model.network, units=model.formula_units)
    names = {n: Expr("sym", value=flat_id(n)) for n in observable.expr.symbols()}
    found = infer(substitute(observable.expr, names), scope)
    for severity, message, remedy in scope.clashes:
        if severity == "error":
            raise ExperimentError(f"the observable '{observable.id}' mixes units: {message}", remedy=remedy)
    own = found.unit.label if found.kind in {"known", "number"} else ""
    if own and observable.unit is not None:
        convert(1.0, own, observable.unit, molar_mass=observable.molar_mass)
    return own


def symbol_of(key: str) -> str:
    """Return the symbol that a key sets: ``"S"`` for ``"S"``, ``"amount(S)"`` and ``"concentration(S)"``."""
    return key.partition("(")[2].rstrip(")").strip() if key.startswith(("amount(", "concentration(")) else key


def resolve_setting(model: Model, path: str) -> str:
    """Return the flat key of a symbol that may be set, or refuse it with the reason."""
    meaning, name = "", path
    for word in ("amount", "concentration"):
        if path.startswith(f"{word}(") and path.endswith(")"):
            meaning, name = word, path[len(word) + 1 : -1]
    flat = flat_id(name.strip())
    network = model.network
    if flat not in network.symbols:
        raise ExperimentError(
            f"the model '{model.id}' has no symbol '{name}' to set",
            remedy=did_you_mean(name, map(dotted, network.symbols)),
        )
    if flat in network.assignment_rules:
        raise ExperimentError(
            f"'{name}' is computed by a rule ({network.assignment_rules[flat]}), so it cannot be set",
            remedy="set what the rule reads, or compose with the rule deleted",
        )
    if meaning and network.symbols[flat].kind != "species":
        raise ExperimentError(f"{meaning}() takes a species", value=path)
    return f"{meaning}({flat})" if meaning else flat


def _as_number(model: Model, path: str, value: float | str) -> float:
    where = f"change of '{path}'"
    if isinstance(value, str):
        number, unit = parse_quantity(value)
        key = resolve_setting(model, path)
        target = model.network.symbols[key.split("(")[-1].rstrip(")")]
        own = target.substance_unit if key.startswith("amount(") else target.unit
        if own is None:
            raise ExperimentError(
                f"'{path}' has no declared unit, so '{value}' cannot be converted",
                remedy="give a plain number, or declare the unit in the model",
            )
        value = float(convert(number, unit, own.label))
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise ExperimentError("a new value is not a number", value=value, where=where) from None
    if not math.isfinite(number):
        raise ExperimentError("a new value is not finite", value=value, where=where)
    return number
