"""Every model of the library started at steady state: both engines, and the derivatives of where it rests.

    python -m validation.cross.rests [ID ...]

Where a model comes to rest, the batch kernel and libRoadRunner must start it alike to 1e-9 of each curve's value, and
where it does not, both must say so. The derivatives by up to ten parameters, two sizes and four initial values are
compared with differences of the steady states that libRoadRunner comes to, extrapolated (Richardson); errors are
relative to the derivative, or to a hundredth of value over parameter, and allowed up to 1e-6. As a control, derivatives
by the parameter next in the list must be found out.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

import sbmlqsp as qsp
from sbmlqsp.catalogue import LibraryWarning, ProvisionalModelWarning, model_ids
from sbmlqsp.engine.initial import initial_state
from sbmlqsp.errors import QSPError
from sbmlqsp.sensitivity_rest import rested_tangents
from sbmlqsp.steady.starting import People, searched, settled

ALIKE, ALLOWED, BELOW = 1e-9, 1e-6, 1e-2


def started(model: qsp.Model, engine: str) -> tuple[dict[str, float], str]:
    """Return what is at time 0 with an engine, or why nothing is."""
    arm = qsp.Experiment(model, times=[0, 1], start="steady state")
    try:
        ds = qsp.simulate(arm, engine=engine, on_failure="record")
    except QSPError as why:
        return {}, str(why)
    return {o.id: float(ds[o.id].to_numpy().ravel()[0]) for o in arm.observables}, str(ds["message"].item())


def apart(first: Mapping[str, float], second: Mapping[str, float]) -> float:
    """Return the largest difference, relative."""
    pairs = [(first[k], second[k]) for k in first]
    return max((abs(a - b) / max(abs(a), abs(b)) for a, b in pairs if a != b), default=0.0)


def keys_of(model: qsp.Model) -> list[str]:
    """Return what is differentiated by."""
    network, env = model.network, initial_state(model.network)
    free = [s for s in network.symbols.values() if s.id not in network.assignment_rules]
    still = [s.id for s in free if s.id in network.static and not s.local_to]
    parameters = [s.id for s in network.parameters if s.id in still][:10]
    sizes = [s.id for s in network.compartments if s.id in still][:2]
    species = [s.id for s in network.species if s in free and s.id in network.stoichiometry][:4]
    return [k for k in (*parameters, *sizes, *species) if np.isfinite(env[k]) and env[k] != 0]


def rested(model: qsp.Model, overrides: Mapping[str, Any], size: int) -> Any:
    """Return the steady states under overrides, of shape (states, rows); None where there is none."""
    env = initial_state(model.network, overrides)
    found, refused = settled(People(model, overrides, env, size), np.arange(size), searched)
    return None if refused else People(model, overrides, found, size).start


def difference(model: qsp.Model, key: str) -> Any:
    """Return the derivative of the steady state by differences."""
    value = float(initial_state(model.network)[key])
    h = 1e-3 * abs(value)
    y = rested(model, {key: np.array([value + h, value - h, value + h / 2, value - h / 2])}, 4)
    if y is None:
        return None
    wide, near = (y[:, 0] - y[:, 1]) / (2 * h), (y[:, 2] - y[:, 3]) / h
    return (4 * near - wide) / 3


def slopes(model: qsp.Model) -> dict[str, Any]:
    """Return by parameter the derivative of the steady state; parameters by which there is none are left out."""
    people = People(model, {}, initial_state(model.network), 1)
    env, out = settled(people, np.array([0]), searched)[0], dict[str, Any]()
    for key in keys_of(model):
        try:
            found = rested_tangents(People(model, {}, env, 1), (), seeds={key: 0}, count=1)
        except QSPError:
            continue
        own = [found.get(k) for k in people.keys]
        out[key] = np.array([0.0 if s is None else float(s[0, 0]) for s in own])
    return out


def errors(model: qsp.Model) -> tuple[float, float, int]:
    """Return the largest error of the derivatives, that of the control, and how many there are."""
    known, values, y = slopes(model), initial_state(model.network), rested(model, {}, 1)
    wanted = {k: d for k in known if (d := difference(model, k)) is not None}
    worst, control = 0.0, 0.0
    for n, (key, expected) in enumerate(wanted.items()):
        scale = np.maximum(np.abs(expected), BELOW * np.abs(y[:, 0]) / abs(float(values[key])))
        scale = np.where(scale > 0, scale, 1.0)
        other = known[list(wanted)[n - 1]]
        worst = max(worst, float((np.abs(known[key] - expected) / scale).max(initial=0.0)))
        control = max(control, float((np.abs(other - expected) / scale).max(initial=0.0)))
    return worst, control, len(wanted)


def main() -> int:
    """Compare, print; 1 where engines or derivatives differ, or the control is nowhere found out."""
    warnings.simplefilter("ignore", (LibraryWarning, ProvisionalModelWarning))
    bad, rests, found_out, count = list[str](), 0, 0, 0
    for name in sys.argv[1:] or model_ids():
        model = qsp.load(name)
        (first, why), (second, other) = (started(model, e) for e in ("roadrunner", "kernel"))
        if why or other:
            print(f"{name}: no steady state: {why or other}", flush=True)
            bad += [] if why and other else [name]
            continue
        far = apart(first, second)
        worst, control, number = errors(model)
        rests, found_out, count = rests + 1, found_out + (control > ALLOWED), count + number
        print(f"{name}: engines {far:.1e}, {number} derivatives {worst:.1e} (control {control:.1e})", flush=True)
        bad += [name] if far > ALIKE or worst > ALLOWED else []
    print(f"{rests} models rest, with {count} derivatives; the control is found out in {found_out}")
    print("different: " + ", ".join(bad) if bad else "all agree")
    return int(bool(bad) or not found_out)


if __name__ == "__main__":
    raise SystemExit(main())
