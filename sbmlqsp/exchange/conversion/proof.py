"""The numeric proof that a rewritten model is the same model: both are run, and every quantity is compared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from sbmlqsp.engine.network import Network, Symbol
from sbmlqsp.errors import ModelError, QSPError
from sbmlqsp.experiment import Experiment
from sbmlqsp.model import Model, dotted
from sbmlqsp.simulate import simulate

__all__ = ["TOLERANCE", "Proof", "prove", "read_at_start"]

TOLERANCE = 1e-6
POINTS = 101
END = {"s": 600.0, "min": 240.0, "h": 48.0, "d": 28.0, "day": 28.0, "week": 8.0}
ROUNDING = 1e-13
STATE = "state "


@dataclass(frozen=True)
class Proof:
    """How two models compare.

    Parameters
    ----------
    largest : float
        The largest difference found, relative to the largest value of the quantity.
    where : str
        The quantity that it is of.
    quantities, times : int
        How many were compared, at how many times.
    end : float
        The last time, in the model's unit of time.
    runs : tuple of str
        Which runs: ``"as it is"``, and ``"disturbed"`` with other values at the start.
    """

    largest: float
    where: str
    quantities: int
    times: int
    end: float
    runs: tuple[str, ...]

    def __str__(self) -> str:
        where = f" ({self.where})" if self.largest else ""
        what = f"{self.quantities} quantities at {self.times} times up to {self.end:g}, {' and '.join(self.runs)}"
        return f"{what}: largest relative difference {self.largest:.1e}{where}"


def prove(before: Model, after: Model, *, times: Any = None, fixed: frozenset[str] = frozenset()) -> Proof:
    """Run both models and compare all that both have.

    Parameters
    ----------
    before, after : Model
    times : array of float or str, optional
        When they are compared; by the model's unit of time where not given.
    fixed : frozenset of str
        Species whose values at the start were computed from others or moved, and so cannot be disturbed.

    Raises
    ------
    ModelError
        They differ by more than a relative 1e-6, or one of them cannot be run.
    """
    grid = _grid(before) if times is None else times
    names = compared(before.network, after.network)
    disturbed = _disturbed(before.network, after.network, fixed)
    kinds = [_kind(before.network, n) for n in names]
    times, left = _curves(before, names, grid, {}, "given")
    worst, runs = _largest(names, kinds, left, _curves(after, names, grid, {}, "rewritten")[1]), ["as it is"]
    other = _runnable(before, names, grid, disturbed) if disturbed else None
    if other is not None:
        right = _curves(after, names, grid, disturbed, "rewritten")[1]
        worst, runs = max(worst, _largest(names, kinds, other, right)), [*runs, "disturbed"]
    proof = Proof(*worst, len(names), len(times), float(times[-1]), tuple(runs))
    if not worst[0] <= TOLERANCE:
        raise ModelError(
            f"the rewritten model is another model: {dotted(worst[1])} differs by {worst[0]:.1e} of its largest value",
            where=f"'{before.id}'", expected=f"at most {TOLERANCE:g}",
            remedy="report this with the model; or leave out the rewrite at fault with without=[…]",
        )  # fmt: skip
    return proof


def compared(before: Network, after: Network) -> list[str]:
    """Return the quantities that both networks have, as observables."""
    names = []
    for s in before.symbols.values():
        other = after.symbols.get(s.id)
        if other is None or s.kind == "stoichiometry":
            continue
        if s.kind != "species":
            names.append(s.id)
        elif other.kind == "species":
            names += [f"amount({s.id})", f"concentration({s.id})"]
        elif _same_meaning(s, other):
            names.append(s.id)
    return names


def _same_meaning(before: Symbol, after: Symbol) -> bool:
    return after.kind == "parameter" or before.amount_only == after.amount_only


def _grid(model: Model) -> np.ndarray:
    from sbmlqsp.engine.libsbml_rewrite_events import event_times

    usual = END.get(model.time_unit or "", 10.0)
    last = max(event_times(model.network), default=0.0)
    end = usual if last < 0.8 * usual else 1.4 * last
    return np.linspace(0.0, 1.00073 * end, POINTS)  # no output at a round time, where events are


def _disturbed(before: Network, after: Network, fixed: frozenset[str]) -> dict[str, float]:
    """Return other amounts at the start for the species that move, so that nothing is at rest."""
    read = read_at_start(before)
    computed = before.initial_assignments.keys() | before.assignment_rules.keys()
    out = {}
    for k, s in enumerate(before.species):
        other = after.symbols.get(s.id)
        free = s.id not in read | computed | fixed and other is not None and other.kind == "species"
        if free and not s.constant and s.id in before.stoichiometry and s.id not in after.initial_assignments:
            given = 0.0 if np.isnan(s.value) else s.value
            out[f"amount({s.id})"] = (1.3 * given if s.value_is_amount else 0.0) or 1.0 + 0.1 * (k % 7)
    return out


def read_at_start(network: Network) -> set[str]:
    """Return what initial assignments read, through rules too."""
    formulas = {**network.assignment_rules, **network.initial_assignments}
    waiting = [name for formula in network.initial_assignments.values() for name in formula.symbols()]
    seen: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting += formulas[name].symbols() if name in formulas else []
    return seen


def _curves(model: Model, names: list[str], grid: Any, changes: dict[str, float], which: str) -> tuple[Any, Any]:
    experiment = Experiment(model, times=grid, observables=names, changes=changes)  # type: ignore[arg-type]
    try:
        found = simulate(experiment, progress=False)
    except QSPError as error:
        raise error.changed(
            ModelError, what=f"the {which} model cannot be run, so its rewriting cannot be proven: {error.what}"
        ) from None
    return found["time"].to_numpy(), [found[o.id].to_numpy().ravel() for o in experiment.observables]


def _runnable(model: Model, names: list[str], grid: Any, changes: dict[str, float]) -> list[Any] | None:
    """Return the curves from other values at the start, or None where the given model cannot be run from these."""
    try:
        return list(_curves(model, names, grid, changes, "given")[1])
    except ModelError:
        return None


def _kind(network: Network, name: str) -> str:
    """Return what a quantity is measured in, so that rounding is judged by quantities of the same unit."""
    meaning, _, inner = name.partition("(")
    symbol = network.symbols[inner.rstrip(")") or name]
    unit = symbol.substance_unit if symbol.kind == "species" else symbol.unit
    state = "" if symbol.id in network.assignment_rules or symbol.id not in network.dynamic else STATE
    return f"{state}{meaning if inner else symbol.kind} in {unit.label if unit is not None else 'undeclared'}"


def _largest(names: list[str], kinds: list[str], left: list[Any], right: list[Any]) -> tuple[float, str]:
    """Return the largest difference relative to a quantity's largest value.

    What is rounding beside quantities of its kind is none, except in a state that is not zero.
    """
    sizes = [float(np.nanmax(np.abs(a), initial=0.0)) for a in left]
    largest = {k: max(s for s, kind in zip(sizes, kinds, strict=True) if kind == k) for k in set(kinds)}
    worst = (0.0, "")
    for name, kind, size, a, b in zip(names, kinds, sizes, left, right, strict=True):
        difference = float(np.nanmax(np.abs(a - b), initial=0.0))
        if (np.isnan(a) != np.isnan(b)).any():
            worst = max(worst, (float("inf"), name))
        elif difference > (0.0 if size and kind.startswith(STATE) else ROUNDING * largest[kind]):
            worst = max(worst, (difference / size if size else float("inf"), name))
    return worst
