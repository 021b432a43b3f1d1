"""Cases: what a model of the library must do, and the right answer, written from the mathematics.

A case is a function that takes a `Bench` (one model of the library under one set of parameters, run through the public
face) and yields comparisons. It names the rows of the claims table it proves. ``tests/test_library_cases.py`` runs
every case on two of its sets; ``python -m validation`` runs all and reports row by row.

    @case("target_turnover", rows="S0-09", sets={"typical": {}, "fast": {"kdeg": 40.0}, "slow": {"kdeg": 1e-4}})
    def relaxes_with_its_degradation(b):
        '''From any start, R relaxes to ksyn/kdeg with the half-time ln 2/kdeg.'''
        t = np.linspace(0.0, 5.0 / b.p.kdeg, 21)
        got = b.run(t, "R", changes={"R": 0.0})
        yield same("R(t)", got["R"], b.p.ksyn / b.p.kdeg * -np.expm1(-b.p.kdeg * t), at=t)
"""

from __future__ import annotations

import importlib
import pkgutil
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

import sbmlqsp as qsp
from sbmlqsp.catalogue import ProvisionalModelWarning
from sbmlqsp.library import models_root
from sbmlqsp.model import dotted

__all__ = ["Bench", "Case", "Comparison", "all_cases", "case", "holds", "same"]

Array = NDArray[np.float64]
TOLERANCE = 1e-6
PACKAGES = ("validation.analytic",)


@dataclass(frozen=True)
class Comparison:
    """What was got and what is right.

    Parameters
    ----------
    label : str
        What is compared.
    got, expected : array
        Values of any equal shape.
    tolerance : float
        The largest relative error allowed.
    floor : float
        Errors are relative to ``max(|expected|, floor)``; give one, in the quantity's unit, only where the exact
        curve passes through zero.
    at : array, optional
        Where along a curve, for figures.
    """

    label: str
    got: Array
    expected: Array
    tolerance: float = TOLERANCE
    floor: float = 0.0
    at: Array | None = None

    @property
    def error(self) -> float:
        """The largest relative error; infinite where a value is missing or an exact zero is missed."""
        if self.got.shape != self.expected.shape or np.isnan(self.got).any() or np.isnan(self.expected).any():
            return float("inf")
        if self.got.size == 0:
            return float("inf")
        infinite = np.isinf(self.expected)
        if (self.got[infinite] != self.expected[infinite]).any() or np.isinf(self.got[~infinite]).any():
            return float("inf")
        got, expected = self.got[~infinite], self.expected[~infinite]
        scale = np.maximum(np.abs(expected), self.floor)
        missed = np.abs(got - expected)
        # Where the answer is exactly zero, what is left may be rounding against the whole curve, no more.
        rounding = 1e-12 * np.abs(expected).max(initial=0.0)
        zero = scale == 0.0
        if (missed[zero] > rounding).any():
            return float("inf")
        return float((missed[~zero] / scale[~zero]).max(initial=0.0))

    @property
    def ok(self) -> bool:
        """Whether the error is within the tolerance."""
        return self.error <= self.tolerance


def same(
    label: str,
    got: ArrayLike,
    expected: ArrayLike,
    *,
    tolerance: float = TOLERANCE,
    floor: float = 0.0,
    at: ArrayLike | None = None,
) -> Comparison:
    """Return the comparison of numbers or curves; see `Comparison`."""
    got, expected = np.asarray(got, dtype=float), np.asarray(expected, dtype=float)
    if expected.ndim == 0 and got.ndim:
        expected = np.full(got.shape, float(expected))
    return Comparison(label, got, expected, tolerance, floor, None if at is None else np.asarray(at, dtype=float))


def holds(label: str, *truths: Any) -> Comparison:
    """Return the comparison of claims that must all be true: "the peak is later", "it is refused"."""
    found = np.array([1.0 if np.all(t) else 0.0 for t in truths])
    return Comparison(label, found, np.ones(found.shape), 0.0)


@dataclass(frozen=True)
class Bench:
    """One model of the library under one set of parameters, run through the public face.

    Parameters
    ----------
    model : Model
    changes : mapping
        The set: new values by symbol path.
    """

    model: qsp.Model
    changes: Mapping[str, float] = field(default_factory=dict)

    @cached_property
    def p(self) -> SimpleNamespace:
        """Every constant that the model's file gives a number, the set applied; dots become underscores."""
        n = self.model.network
        defined = set(n.assignment_rules) | set(n.initial_assignments) | set(n.rate_rules)
        own = {s.id: s.value for s in (*n.parameters, *n.compartments) if s.id not in defined}
        new = {k.replace(".", "__"): v for k, v in self.changes.items()}
        return SimpleNamespace(**{k.replace("__", "_"): float(new.get(k, v)) for k, v in own.items()})

    def experiment(
        self,
        times: ArrayLike | str,
        *observables: str,
        regimen: Any = None,
        changes: Mapping[str, float | str] | None = None,
        **more: Any,
    ) -> qsp.Experiment:
        """Return the experiment; ``changes`` come on top of the set."""
        given = {} if regimen is None else {"regimen": regimen}
        merged = {**self.changes, **(changes or {})}
        return qsp.Experiment(self.model, times=times, observables=list(observables), changes=merged, **given, **more)

    def run(
        self,
        times: ArrayLike | str,
        *observables: str,
        regimen: Any = None,
        changes: Mapping[str, float | str] | None = None,
        **more: Any,
    ) -> dict[str, Array]:
        """Simulate; return one array over the times for every observable."""
        experiment = self.experiment(times, *observables, regimen=regimen, changes=changes, **more)
        ds = qsp.simulate(experiment, progress=False)
        return {o.id: np.asarray(ds[o.id].to_numpy(), dtype=float).ravel() for o in experiment.observables}

    def at_rest(self, changes: Mapping[str, float | str] | None = None, *, horizon: float | None = None) -> Any:
        """Return the values of all symbols at the steady state, by path."""
        return qsp.steady_state(self.model, changes={**self.changes, **(changes or {})}, horizon=horizon).values

    def start(self, changes: Mapping[str, float | str] | None = None) -> Any:
        """Return the values of all symbols at time 0, by path; for modules that only evaluate formulas."""
        names = [dotted(name) for name in self.model.network.symbols]
        found = self.run([0.0, 1.0], *names, changes=changes)
        return {name: float(values[0]) for name, values in found.items()}


Body = Callable[[Bench], Iterable[Comparison]]


@dataclass(frozen=True)
class Case:
    """A claim about a model with its proof."""

    id: str
    model: str
    rows: tuple[str, ...]
    sets: Mapping[str, Mapping[str, float]]
    body: Body
    claim: str
    slow: bool = False

    @property
    def tested(self) -> tuple[str, ...]:
        """The sets that the tests run: the first and the last, typical and extreme; of a system the first alone."""
        names = tuple(self.sets)
        system = (models_root() / "systems" / self.model).is_dir()
        return names[:1] if self.slow or system else tuple(dict.fromkeys((names[0], names[-1])))

    def run(self, name: str) -> Iterator[Comparison]:
        """Run the case under one of its sets."""
        yield from self.body(Bench(model_of(self.model), self.sets[name]))


@cache
def model_of(name: str) -> qsp.Model:
    """Return a model of the library, read once; that it may be provisional is what validation is about."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ProvisionalModelWarning)
        return qsp.load(name)


CASES: dict[str, Case] = {}


def case(
    model: str,
    *,
    rows: str | Iterable[str],
    sets: Mapping[str, Mapping[str, float]] | None = None,
    slow: bool = False,
) -> Callable[[Body], Body]:
    """Register a case of a library model.

    Parameters
    ----------
    model : str
        The id of the model in the library.
    rows : str or iterable of str
        The rows of the claims table that this case proves, wholly or in part.
    sets : mapping
        Parameter sets by name; the model's own values alone where left out.
    slow : bool
        Whether the tests run its first set alone.
    """

    def register(body: Body) -> Body:
        family = body.__module__.rpartition(".")[2]
        name = f"{family}/{model}/{body.__name__}"
        claim = " ".join((body.__doc__ or body.__name__.replace("_", " ")).split())
        if name in CASES and CASES[name].body.__code__.co_filename != body.__code__.co_filename:
            raise ValueError(f"two cases are called {name}")
        numbered = (rows,) if isinstance(rows, str) else tuple(rows)
        CASES[name] = Case(name, model, numbered, dict(sets or {"typical": {}}), body, claim, slow)
        return body

    return register


@cache
def all_cases() -> dict[str, Case]:
    """Import every module of cases and return what they registered, by id."""
    for package in PACKAGES:
        root = importlib.import_module(package)
        for found in pkgutil.iter_modules(root.__path__):
            importlib.import_module(f"{package}.{found.name}")
    return dict(sorted(CASES.items()))
