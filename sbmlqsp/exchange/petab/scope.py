"""What names mean for one model of a problem."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING

from sbmlqsp.exchange.petab.nouns import Condition, PetabObservable
from sbmlqsp.expressions import Expr, substitute, sym
from sbmlqsp.model import Model

if TYPE_CHECKING:
    from sbmlqsp.exchange.petab.problem import PetabProblem

__all__ = ["Scope"]


class Scope:
    """One model of a problem, and the measurements, experiments and observables that are used with it.

    Parameters
    ----------
    problem : PetabProblem
    name : str
        The model's id in the problem.
    """

    def __init__(self, problem: PetabProblem, name: str) -> None:
        self.problem, self.name = problem, name
        self.model: Model = problem.models[name]
        self._known = {*self.model.network.symbols, *self.model.network.reactions}

    @cached_property
    def rows(self) -> list[int]:
        """The positions of the measurements."""
        table = self.problem.measurements
        if "modelId" not in table or len(self.problem.models) == 1:
            return list(range(len(table)))
        return [k for k, m in enumerate(table["modelId"].tolist()) if m == self.name]

    @cached_property
    def experiments(self) -> dict[str, list[int]]:
        """The positions of the measurements of each experiment."""
        out: dict[str, list[int]] = {}
        names = self.problem.measurements["experimentId"].tolist()
        for k in self.rows:
            out.setdefault(names[k], []).append(k)
        return out

    @cached_property
    def observables(self) -> tuple[PetabObservable, ...]:
        """What is measured."""
        names = self.problem.measurements["observableId"].tolist()
        return tuple(self.problem.observables[n] for n in dict.fromkeys(names[k] for k in self.rows))

    @cached_property
    def conditions(self) -> tuple[Condition, ...]:
        """What is applied."""
        periods = (p for e in self.experiments if e for p in self.problem.experiments[e])
        return tuple(self.problem.conditions[c] for c in dict.fromkeys(c for p in periods for c in p.conditions))

    def flat(self, name: str) -> str | None:
        """Return the id that a name has in the model, or None where it is not the model's."""
        if name in self.problem.mapping:
            entity = self.problem.mapping[name]
            # A local parameter "reaction.k" is "reaction__k" in the canonical form.
            return next((n for n in (entity, entity.replace(".", "__")) if n in self._known), None)
        return name if name in self._known else None

    def resolve(self, expr: Expr) -> Expr:
        """Return a formula with the model's own ids."""
        other = {n: flat for n in expr.symbols() if (flat := self.flat(n)) is not None and flat != n}
        return substitute(expr, {n: sym(flat) for n, flat in other.items()}) if other else expr

    @cached_property
    def outputs(self) -> frozenset[str]:
        """Names that conditions set although the model has no such entity: parameters of observables alone."""
        targets = {t for c in self.problem.conditions.values() for t in c.changes}
        return frozenset(t for t in targets if self.flat(t) is None)

    def read(self) -> Iterable[str]:
        """Return the model's entities that formulas read."""
        return dict.fromkeys(n for e in self._formulas() for n in sorted(self.resolve(e).symbols()) if n in self._known)

    def _formulas(self) -> Iterator[Expr]:
        for o in self.observables:
            yield from (o.formula, o.noise)
        for c in self.conditions:
            yield from c.changes.values()
