"""Whether the parts of a problem fit one another and its models."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, TypeVar

from sbmlqsp.errors import DataError, did_you_mean
from sbmlqsp.exchange.petab.checking_changes import check_changes
from sbmlqsp.exchange.petab.nouns import BEFORE, Period, PetabObservable
from sbmlqsp.exchange.petab.scope import Scope
from sbmlqsp.exchange.petab.sheets import as_number, identifier
from sbmlqsp.model import Model

if TYPE_CHECKING:
    from sbmlqsp.exchange.petab.problem import PetabProblem

__all__ = ["check_problem"]

T = TypeVar("T")


def check_problem(problem: PetabProblem) -> None:
    """Refuse a problem whose parts contradict one another.

    Raises
    ------
    DataError
        With file, line and remedy.
    """
    _check_shape(problem)
    for name, periods in problem.experiments.items():
        _check_periods(problem, name, periods)
    for o in problem.observables.values():
        _check_observable(problem, o)
    _check_mapping(problem)
    _check_measurements(problem)
    scopes = [scope for name in problem.models if (scope := Scope(problem, name)).rows]
    for scope in scopes:
        _check_formulas(scope)
        check_changes(scope)
    _check_parameters(problem, scopes)


def _check_shape(problem: PetabProblem) -> None:
    if not problem.models:
        raise DataError("the problem has no model")
    for name, model in problem.models.items():
        identifier(name, "the id of a model", "the problem")
        if not isinstance(model, Model):
            raise DataError("this is no model", value=type(model).__name__, where=f"model '{name}'", expected="a Model")
    table = problem.measurements
    for column in ("observableId", "experimentId", "time", "measurement"):
        if column not in table:
            raise DataError(f"the measurements have no column '{column}'", value=[str(c) for c in table.columns])
    if not len(table):
        raise DataError("the problem has no measurements")
    put = object.__setattr__
    if not problem.columns:
        put(problem, "columns", tuple(map(str, table.columns)))
    if len(problem.places) != len(table):
        put(problem, "places", tuple(f"measurement {k + 1}" for k in range(len(table))))


# --------------------------------------------------------------------------------------------------------- experiments
def _check_periods(problem: PetabProblem, name: str, periods: Iterable[Period]) -> None:
    all_periods = list(periods)
    where = f"experiment '{name}'"
    if not all_periods:
        raise DataError("the experiment has no period", where=where)
    for before, after in pairwise(all_periods):
        if not before.time < after.time:
            raise DataError("the periods are not in order of time", value=after.time, where=after.where or where)
    for p in all_periods:
        if math.isnan(p.time) or p.time == math.inf:
            raise DataError(
                "a period begins at no time", value=p.time, where=p.where or where, expected="a number or -inf"
            )
        for c in p.conditions:
            if c not in problem.conditions:
                raise DataError(
                    "there is no such condition", value=c, where=p.where or where,
                    remedy=did_you_mean(c, problem.conditions),
                )  # fmt: skip
        targets = [t for c in p.conditions for t in problem.conditions[c].changes]
        for t in targets:
            if targets.count(t) > 1:
                raise DataError(
                    f"two conditions of one time change '{t}'", value=list(p.conditions), where=p.where or where,
                    remedy="apply one of them",
                )  # fmt: skip
    if all_periods[-1].time == BEFORE:
        raise DataError(
            "nothing follows the steady state", where=all_periods[-1].where or where,
            remedy="add a period at the time at which measuring begins",
        )  # fmt: skip


# --------------------------------------------------------------------------------------------------------- observables
def _check_observable(problem: PetabProblem, o: PetabObservable) -> None:
    if any(Scope(problem, m).flat(o.id) is not None for m in problem.models):
        where = o.where or f"observable '{o.id}'"
        raise DataError("an observable has the id of what a model has", value=o.id, where=where, remedy="rename it")
    placed = (*o.placeholders, *o.noise_placeholders)
    for name in placed:
        if placed.count(name) > 1 or name in problem.parameters or name in problem.observables:
            raise DataError(
                "a placeholder stands for something else too", value=name, where=o.where or o.id, remedy="rename it"
            )
    for other in problem.observables:
        if other in o.formula.symbols() or (other != o.id and other in o.noise.symbols()):
            raise DataError(
                f"the formula reads the observable '{other}'", where=o.where or f"observable '{o.id}'",
                expected="its own id at most, in the noise", remedy="write out the other's formula",
            )  # fmt: skip
    for name in o.noise_placeholders:
        if name in o.formula.symbols():
            raise DataError("the observable reads a placeholder of the noise", value=name, where=o.where or o.id)


def _check_mapping(problem: PetabProblem) -> None:
    for name, entity in problem.mapping.items():
        if not any(Scope(problem, m).flat(name) for m in problem.models):
            known = [n for m in problem.models.values() for n in (*m.network.symbols, *m.network.reactions)]
            raise DataError(
                f"'{name}' stands for what no model has", value=entity, where="the mapping",
                remedy=did_you_mean(entity, known),
            )  # fmt: skip


# -------------------------------------------------------------------------------------------------------- measurements
def _check_measurements(problem: PetabProblem) -> None:
    table = problem.measurements
    wanted = ("observableId", "experimentId", "observableParameters", "noiseParameters", "modelId")
    cells = {c: table[c].tolist() if c in table else [""] * len(table) for c in wanted}
    numbers = zip(table["time"].to_numpy(float), table["measurement"].to_numpy(float), strict=True)
    for k, (time, value) in enumerate(numbers):
        row = {c: str(v[k]) for c, v in cells.items()}
        where = problem.places[k]
        o = _known(row["observableId"], problem.observables, "observable", where)
        if row["experimentId"]:
            _known(row["experimentId"], problem.experiments, "experiment", where)
        _check_model(problem, row["modelId"], where)
        _check_time(problem, row["experimentId"], float(time), where)
        if not math.isfinite(value):
            raise DataError(
                "the measurement is no finite number", value=float(value), where=where, remedy="leave it out"
            )
        if o.scale != "lin" and not value > 0:
            raise DataError(
                f"the noise of '{o.id}' is logarithmic and the measurement not positive", value=float(value),
                where=where, remedy="leave it out, or choose another noise",
            )  # fmt: skip
        _check_overrides(problem, row["observableParameters"], o.placeholders, "observableParameters", where)
        _check_overrides(problem, row["noiseParameters"], o.noise_placeholders, "noiseParameters", where)


def _known(name: str, known: Mapping[str, T], what: str, where: str) -> T:
    if name not in known:
        raise DataError(f"there is no such {what}", value=name, where=where, remedy=did_you_mean(name, known))
    return known[name]


def _check_model(problem: PetabProblem, name: str, where: str) -> None:
    if name:
        _known(name, problem.models, "model", where)
    elif len(problem.models) > 1:
        raise DataError(
            "the measurement does not say of which model", where=where, expected=", ".join(problem.models),
            remedy="name it in the column modelId",
        )  # fmt: skip


def _check_time(problem: PetabProblem, experiment: str, time: float, where: str) -> None:
    periods = problem.experiments[experiment] if experiment else (Period(0.0),)
    first = next(p.time for p in periods if p.time != BEFORE)
    if not time >= first:
        raise DataError(
            "the measurement is before the experiment begins", value=time, where=where, expected=f"{first:g} or later"
        )


def _check_overrides(problem: PetabProblem, text: str, placeholders: tuple[str, ...], column: str, where: str) -> None:
    given = [p.strip() for p in text.split(";")] if text else []
    if len(given) != len(placeholders):
        names = ", ".join(placeholders) or "none"
        raise DataError(
            f"{column} has {len(given)} values and the observable {len(placeholders)} placeholders", value=text or None,
            where=where, expected=f"one value for each of: {names}",
        )  # fmt: skip
    for part in given:
        number = as_number(part)
        if number is not None and not math.isfinite(number):
            raise DataError(f"a value of {column} is not finite", value=part, where=where)
        if number is None and part not in problem.parameters:
            raise DataError(
                f"a value of {column} is neither a number nor a parameter", value=part, where=where,
                remedy=did_you_mean(part, problem.parameters),
            )  # fmt: skip


# ------------------------------------------------------------------------------------------------- formulas, parameters
def _check_formulas(scope: Scope) -> None:
    problem = scope.problem
    for o in scope.observables:
        where = o.where or f"observable '{o.id}'"
        for name in (*o.placeholders, *o.noise_placeholders):
            if scope.flat(name) is not None:
                raise DataError("a placeholder has the id of what the model has", value=name, where=where)
        placed = {*o.placeholders, *o.noise_placeholders}
        for name in sorted((o.formula.symbols() | o.noise.symbols() - {o.id}) - placed):
            if scope.flat(name) is None and name not in problem.parameters and name not in scope.outputs:
                _unknown(scope, name, where)


def _unknown(scope: Scope, name: str, where: str) -> None:
    known = {*scope.problem.parameters, *scope.problem.mapping, *scope.model.network.symbols}
    if re.fullmatch(r"(observable|noise)Parameter\d+_\w+", name):
        remedy = "name it as a placeholder of the observable"
    else:
        remedy = f"{did_you_mean(name, known)}; or give it a value in the parameter table"
    raise DataError(
        f"the formula reads '{name}', which neither the model '{scope.model.id}' nor the parameter table has",
        where=where, remedy=remedy,
    )  # fmt: skip


def _check_parameters(problem: PetabProblem, scopes: Iterable[Scope]) -> None:
    scopes = list(scopes)
    table = problem.measurements
    texts = [str(t) for c in ("observableParameters", "noiseParameters") if c in table for t in table[c].tolist() if t]
    read = {part.strip() for text in dict.fromkeys(texts) for part in text.split(";")}
    read |= {n for o in problem.observables.values() for n in o.formula.symbols() | o.noise.symbols()}
    read |= {n for c in problem.conditions.values() for e in c.changes.values() for n in e.symbols()}
    for name, p in problem.parameters.items():
        where = p.where or f"parameter '{name}'"
        if name in problem.observables:
            raise DataError("a parameter has the id of an observable", value=name, where=where, remedy="rename it")
        places = [(s, flat) for s in scopes if (flat := s.flat(name)) is not None]
        if not places and name not in read:
            known = {n for s in scopes for n in s.model.network.symbols} | read
            raise DataError(
                f"nothing reads the parameter '{name}'", where=where,
                remedy=f"{did_you_mean(name, known)}; or remove the row",
            )  # fmt: skip
        for scope, flat in places:
            _check_place(problem, scope, name, flat)


def _check_place(problem: PetabProblem, scope: Scope, name: str, flat: str) -> None:
    network, p = scope.model.network, problem.parameters[name]
    where = p.where or f"parameter '{name}'"
    if flat in network.reactions or network.symbols[flat].kind == "stoichiometry":
        raise DataError(f"'{name}' is no parameter of the model but a reaction or stoichiometry", where=where)
    if flat in network.assignment_rules:
        raise DataError(
            f"'{name}' is computed by a rule ({network.assignment_rules[flat]})", where=where,
            remedy="list what the rule reads",
        )  # fmt: skip
    species = network.symbols[flat].kind == "species"
    if species or (flat in network.dynamic and problem.version != 1):
        raise DataError(
            f"'{name}' is no constant of the model", where=where,
            remedy="list a parameter, and set the start by a condition that reads it",
        )  # fmt: skip
