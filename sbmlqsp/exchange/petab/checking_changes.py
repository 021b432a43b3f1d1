"""Whether what conditions change can be changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sbmlqsp.errors import DataError, UnsupportedError, did_you_mean
from sbmlqsp.exchange.petab.nouns import Condition, Period
from sbmlqsp.exchange.petab.scope import Scope

if TYPE_CHECKING:
    from sbmlqsp.exchange.petab.problem import PetabProblem

__all__ = ["check_changes"]


def check_changes(scope: Scope) -> None:
    """Refuse conditions that change what cannot be changed, or read what has no value then.

    Raises
    ------
    DataError, UnsupportedError
        Which condition, where and why.
    """
    for condition in scope.conditions:
        for target in condition.changes:
            _check_target(scope, condition, target)
    for name in scope.experiments:
        if name:
            _check_experiment(scope, scope.problem.experiments[name])


def _check_target(scope: Scope, condition: Condition, target: str) -> None:
    where, problem, network = _at(condition, target), scope.problem, scope.model.network
    flat = scope.flat(target)
    if target in problem.parameters or (flat is not None and flat in problem.parameters):
        raise DataError(
            f"'{target}' is changed by a condition and is in the parameter table too", where=where,
            remedy="remove it from one of them",
        )  # fmt: skip
    if flat is None:
        if not any(target in o.formula.symbols() | o.noise.symbols() for o in scope.observables):
            raise DataError(
                f"the condition changes '{target}', which the model '{scope.model.id}' lacks", where=where,
                remedy=did_you_mean(target, network.symbols),
            )  # fmt: skip
        return
    if flat in network.reactions or network.symbols[flat].kind == "stoichiometry":
        raise UnsupportedError(f"'{target}' is a reaction or stoichiometry, which no condition can change", where=where)
    if flat in network.assignment_rules:
        raise DataError(
            f"'{target}' is computed by a rule ({network.assignment_rules[flat]}), so no condition can change it",
            where=where, remedy="change what the rule reads",
        )  # fmt: skip


def _at(condition: Condition, target: str) -> str:
    return condition.where.get(target) or f"condition '{condition.id}'"


def _check_experiment(scope: Scope, periods: tuple[Period, ...]) -> None:
    problem, given = scope.problem, set[str]()
    for number, period in enumerate(periods):
        conditions = [problem.conditions[c] for c in period.conditions]
        for condition in conditions:
            for target, formula in condition.changes.items():
                for name in sorted(formula.symbols() - problem.parameters.keys() - given):
                    _check_read(scope, name, _at(condition, target), first=number == 0)
        given |= {t for c in conditions for t in c.changes if scope.flat(t) is None}


def _check_read(scope: Scope, name: str, where: str, *, first: bool) -> None:
    problem: PetabProblem = scope.problem
    if scope.flat(name) is None:
        raise DataError(
            f"the new value reads '{name}', which neither the model nor the parameter table has", where=where,
            remedy=did_you_mean(name, {*problem.parameters, *scope.model.network.symbols}),
        )  # fmt: skip
    if first:
        raise DataError(
            f"the new value reads '{name}' of the model before the model has begun", where=where,
            expected="parameters of the parameter table", remedy=f"list '{name}' there, or apply the condition later",
        )  # fmt: skip
