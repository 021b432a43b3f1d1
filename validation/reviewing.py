"""Blind reviews: library models written anew from their cards, in plain SciPy, by someone who has not seen the file.

A re-implementation is a function of the model's constants and of the initial values that the file gives as plain
numbers. It returns the differential equations, the start and the outputs, all by the model's ids:

    @review("target_turnover")
    def target_turnover(p, start):
        return Rewritten(
            states=("R",),
            start=[p.ksyn / p.kdeg],
            rates=lambda t, y: [p.ksyn - p.kdeg * y[0]],
            end=50.0,
        )

`compare` runs both on the model's own values and on drawn ones, with something in every state that starts from a plain
number, species or not, and compares every state and output. What starts from a formula, such as a target at its steady
state, is also started half as high again, or a balance of rates that nothing disturbs would not be seen. A card may say
``status = "reviewed"`` only if its model is here and agrees.
"""

from __future__ import annotations

import importlib
import math
import pkgutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import solve_ivp

import sbmlqsp as qsp
from sbmlqsp.catalogue import card
from sbmlqsp.model import flat_id
from validation.cases import model_of

__all__ = ["TOLERANCE", "Rewritten", "all_reviews", "compare", "review"]

Array = NDArray[np.float64]
TOLERANCE = 1e-6
SETS = 4
ATTEMPTS = 5000
DISTURBANCE = 1.5
FOLDER = Path(__file__).with_name("review")


@dataclass(frozen=True)
class Rewritten:
    """A model by hand.

    Parameters
    ----------
    states : tuple of str
        What each state is: a species in its SBML meaning (``"R"``, a concentration unless only an amount), or an
        amount (``"amount(R)"``).
    start : sequence of float
        The states at time 0.
    rates : callable
        d(states)/dt as a function of time and states.
    outputs : callable, optional
        Every further output by id, as a function of time and states.
    end : float
        How long to run, in the model's unit of time; several of its time scales.
    """

    states: tuple[str, ...] = ()
    start: Sequence[float] = ()
    rates: Callable[[float, Array], Sequence[float]] | None = None
    outputs: Callable[[float, Array], Mapping[str, float]] = field(default=lambda _t, _y: {})
    end: float = 10.0


Writer = Callable[[Any, Any], Rewritten]
REVIEWS: dict[str, Writer] = {}
VALID: dict[str, Callable[[Any], bool]] = {}
RANGES: dict[str, Mapping[str, tuple[float, float]]] = {}


def review(
    model: str,
    *,
    valid: Callable[[Any], bool] = lambda _: True,
    ranges: Mapping[str, tuple[float, float]] | None = None,
) -> Callable[[Writer], Writer]:
    """Register the re-implementation of a library model.

    Parameters
    ----------
    model : str
        The id in the library.
    valid : callable
        Whether the card allows these constants: drawn ones for which it is false are drawn again.
    ranges : mapping of str to two numbers
        Where to draw an input or a start that the file leaves at zero, which says nothing of its size.
    """

    def register(writer: Writer) -> Writer:
        if model in REVIEWS and REVIEWS[model].__code__.co_filename != writer.__code__.co_filename:
            raise ValueError(f"{model} is written twice")
        REVIEWS[model], VALID[model], RANGES[model] = writer, valid, ranges or {}
        return writer

    return register


@cache
def all_reviews() -> dict[str, Writer]:
    """Import every file of reviews and return the re-implementations by model."""
    for found in pkgutil.iter_modules([str(FOLDER)]):
        if found.name != "__main__":
            importlib.import_module(f"validation.review.{found.name}")
    return dict(sorted(REVIEWS.items()))


def compare(name: str, *, sets: int = SETS) -> dict[str, float]:
    """Return the largest relative error of every state and output over the model's own values and drawn ones.

    For every state that the model starts from a formula there is one further set, drawn as the others, in which it
    starts elsewhere.
    """
    model = model_of(name)
    worst: dict[str, float] = {}
    for written, changes in _pairs(model, name, sets):
        for what, error in _errors(model, written, changes).items():
            worst[what] = max(worst.get(what, 0.0), error)
    return worst


def _pairs(model: qsp.Model, name: str, sets: int) -> Iterator[tuple[Rewritten, dict[str, float]]]:
    """Yield re-implementations and the changes that make the model the same."""

    def drawn(number: int) -> tuple[Rewritten, dict[str, float]]:
        values, start = _draw(model, name, number)
        return all_reviews()[name](_space(values), _space(start)), {**values, **start}

    plain = [drawn(number) for number in range(sets)]
    yield from plain
    for number, state in enumerate(_from_formulas(model, plain[0][0]), start=sets):
        written, changes = drawn(number)
        yield _disturbed(model, written, changes, state)


def _from_formulas(model: qsp.Model, written: Rewritten) -> list[str]:
    """Return the states of a re-implementation that the model starts from a formula."""
    formulas = model.network.initial_assignments
    return [s for s in written.states if flat_id(s.removeprefix("amount(").removesuffix(")")) in formulas]


def _disturbed(
    model: qsp.Model, written: Rewritten, changes: Mapping[str, float], state: str
) -> tuple[Rewritten, dict[str, float]]:
    """Return both with one state started elsewhere; the other formulas keep their values, should they follow it."""
    start = [DISTURBANCE * x if s == state else x for s, x in zip(written.states, written.start, strict=True)]
    given = dict(zip(written.states, start, strict=True))
    return replace(written, start=start), {**changes, **{s: given[s] for s in _from_formulas(model, written)}}


def _space(values: Mapping[str, float]) -> SimpleNamespace:
    return SimpleNamespace(**{k.replace("__", "_"): v for k, v in values.items()})


def _draw(model: qsp.Model, name: str, number: int) -> tuple[dict[str, float], dict[str, float]]:
    """Return constants and plain initial values: the model's own first, then drawn around them until valid."""
    for attempt in range(ATTEMPTS):
        constants, start = _drawn_once(model, name, number, attempt)
        if not number or VALID.get(name, lambda _: True)(_space(constants)):
            return constants, start
    raise RuntimeError(f"no valid constants for {name} in {ATTEMPTS} draws")


def _drawn_once(model: qsp.Model, name: str, number: int, attempt: int) -> tuple[dict[str, float], dict[str, float]]:
    rng = np.random.Generator(np.random.Philox(key=[number + SETS * attempt, sum(map(ord, name))]))
    n = model.network
    formulas, moving = set(n.assignment_rules) | set(n.initial_assignments), set(n.rate_rules)
    constants = {s.id: s.value for s in (*n.parameters, *n.compartments) if s.id not in formulas | moving}
    states = [*(s for s in n.species if s.id not in moving), *(s for s in n.symbols.values() if s.id in moving)]
    start = {s.id: s.value for s in states if s.id not in formulas}
    fractions = {flat_id(f) for f in card(name).get("fractions", [])}
    if number:
        for key, value in constants.items():
            if key in fractions:
                constants[key] = float(rng.uniform(0.05, 0.95))
            else:
                constants[key] = float(rng.uniform(0.3, 3.0)) if value == 0.0 else value * 3.0 ** rng.uniform(-1.0, 1.0)
    for key, value in start.items():
        if key in fractions:
            start[key] = float(rng.uniform(0.05, 0.95))
        else:
            start[key] = value * 2.0 ** rng.uniform(-1.0, 1.0) if value else float(rng.uniform(0.5, 5.0))
    for key, (low, high) in RANGES.get(name, {}).items() if number else ():
        (constants if flat_id(key) in constants else start)[flat_id(key)] = float(rng.uniform(low, high))
    return constants, start


def _errors(model: qsp.Model, written: Rewritten, changes: Mapping[str, float]) -> dict[str, float]:
    times = np.linspace(0.0, written.end, 41)
    expected = _by_hand(written, times)
    experiment = qsp.Experiment(model, times=times, observables=list(expected), changes=dict(changes))
    ds = qsp.simulate(experiment, progress=False)
    found = {}
    for what, curve in expected.items():
        got = ds[what].to_numpy().ravel()
        scale = np.maximum(np.abs(curve), 1e-6 * np.abs(curve).max())
        with np.errstate(invalid="ignore", divide="ignore"):
            error = np.where(got == curve, 0.0, np.abs(got - curve) / scale)
        found[what] = float(error.max()) if np.isfinite(error).all() else math.inf
    return found


def _by_hand(written: Rewritten, times: Array) -> dict[str, Array]:
    y = np.zeros((len(times), 0))
    if written.rates is not None:
        y0 = np.asarray(written.start, dtype=float)
        atol = 1e-15 * max(1e-6, float(np.abs(y0).max(initial=0.0)))
        found = solve_ivp(written.rates, (0.0, written.end), y0, method="LSODA", t_eval=times, rtol=1e-12, atol=atol)
        if not found.success:
            raise RuntimeError(found.message)
        y = found.y.T
    rows = [dict(written.outputs(float(t), row)) for t, row in zip(times, y, strict=True)]
    curves = {name: y[:, k] for k, name in enumerate(written.states)}
    return {**curves, **{name: np.array([row[name] for row in rows], dtype=float) for name in rows[0]}}
