"""Where a run settles after its last dose."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from sbmlqsp.analysis.course import Course, run_one
from sbmlqsp.engine.rates import RightHandSide
from sbmlqsp.errors import ModelError, SimulationError, UnsupportedError
from sbmlqsp.experiment import observable_unit
from sbmlqsp.expressions import evaluate
from sbmlqsp.model import Model, dotted, flat_id
from sbmlqsp.observation import Observable
from sbmlqsp.steady import SteadyState, changes_at, steady_state
from sbmlqsp.units import convert

__all__ = ["Rest", "at_rest", "observe", "rest_of"]


@dataclass(frozen=True)
class Rest:
    """The value an observable settles at, how long was simulated to see it, and from which state; or why not."""

    value: float = math.nan
    time: float = 0.0
    state: Mapping[str, float | str] = field(default_factory=dict)
    reason: str = ""


def rest_of(course: Course, time: float) -> Rest:
    """Return where the observable settles when the run goes on from a time at which all doses are over."""
    network = course.model.network
    if course.o.expr.has("time"):
        return Rest(reason="the formula reads time itself")
    if any(e.delay is not None for e in network.events):
        return Rest(reason="the model has events with delays")
    try:
        state = _state_at(course, time)
        found = steady_state(course.model, changes=state, tolerances=course.tolerances)
    except (SimulationError, UnsupportedError, ModelError) as err:
        return Rest(reason=err.what.partition("; ")[0])
    value = at_rest(course.model, course.o, found)
    if not math.isfinite(value):
        return Rest(reason=f"'{course.o.id}' has no value at the steady state")
    return Rest(value, found.time, state)


def _state_at(course: Course, time: float) -> dict[str, float | str]:
    """Return changes that start a run in the state at a time."""
    network = course.model.network
    base = run_one(replace(course.arm, times=[time]), course.tolerances).env
    side = RightHandSide(network, base)
    moved = sorted(network.changed_by_events - set(side.names) - set(network.assignment_rules))
    paths = [f"amount({dotted(n)})" for n in side.reacting] + [dotted(n) for n in (*side.ruled, *moved)]
    if not paths:
        return dict(course.arm.changes)
    arm = replace(course.arm, times=[time], observables=tuple(map(Observable, paths)), at_dose="after")
    columns = run_one(arm, course.tolerances).columns
    state = []
    for name in (*side.names, *moved):
        symbol = network.symbols[name]
        own = symbol.kind == "species" and not symbol.amount_only and name not in side.reacting
        state.append(float(columns[f"[{name}]" if own else name][0, 0]))
    changes = changes_at(side, np.array(state[: len(side.names)]))
    later = dict(zip(map(dotted, moved), state[len(side.names) :], strict=True))
    return {k: v for k, v in changes.items() if k not in {f"amount({n})" for n in later}} | later


def at_rest(model: Model, o: Observable, found: SteadyState) -> float:
    """Return an observable at a steady state."""
    values = {flat_id(str(k)): float(v) for k, v in found.values.items()}
    for s in model.network.species:
        size, value = values[s.compartment], values[s.id]
        values[f"amount({s.id})"] = value if s.amount_only else value * size
        values[f"concentration({s.id})"] = value / size if s.amount_only and size else value
    return float(observe(model, o, values))


def observe(model: Model, o: Observable, values: Mapping[str, Any]) -> Any:
    """Return an observable from the values of all symbols by flat id, in its unit."""
    env = {n: values[flat_id(n)] for n in o.expr.symbols() if flat_id(n) in values}
    for node in o.expr.walk():
        if node.op in {"amount", "concentration"}:
            name = str(node.args[0].value)
            env[f"{node.op}({name})"] = values[f"{node.op}({flat_id(name)})"]
    out = evaluate(o.expr, env)
    own = observable_unit(model, o)
    return convert(out, own, o.unit, molar_mass=o.molar_mass) if o.unit is not None and own else out
