"""Sensitivities against differences of simulations at a relative tolerance of 1e-13.

``python -m validation.analytic.sensitivities`` prints by model and parameter the largest relative error, what further
parameters cost, and negative controls: tables in which one part of the method is left out, which must be seen to fail.
The differences are central ones over three steps, extrapolated twice (Richardson), whose own rounding is about 1e-10 of
value over parameter: errors are relative to the derivative, or to a thousandth of value over parameter.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import median
from typing import Any
from unittest.mock import patch

import numpy as np

import sbmlqsp as qsp
from sbmlqsp import sensitivity_run
from sbmlqsp.batch import run_batch
from sbmlqsp.engine.initial import initial_state
from sbmlqsp.engine.tangents import Tangents
from sbmlqsp.experiment import resolve_setting, symbol_of
from sbmlqsp.readout import read_out
from sbmlqsp.sensitivity_doses import DoseSlopes
from sbmlqsp.steady import slopes
from sbmlqsp.steady.starting import People
from sbmlqsp.subjects import read_subjects

__all__ = ["main"]

TIGHT = qsp.Tolerances(relative=1e-13, absolute=1e-19)
REQUIRED = 1e-6
BELOW = 1e-3
"""Errors are relative to the derivative, or to this part of the largest value over parameter."""

INFUSED = """model infused
  compartment V; V = 20; species central in V; substanceOnly species central
  CL = 3; Vmax = 5; Km = 1.5; tlag = 0.4; F = 0.8; A = 100; R = 30; D = 2.5
  J1: central -> ; CL*central/V; J2: central -> ; Vmax*central/V/(Km + central/V)
end"""
WINDOW = """model window
  kin = 5; kout = 0.3; Emax = 0.8; EC50 = 2; g = 1.7; k = 0.25; tau = 3; w = 2.2; P = 6.1; C0 = 10
  R = kin/kout; R' = kin*(1 - Emax*C^g/(EC50^g + C^g)) - kout*R
  C = C0; C' = 2*k*piecewise(1, time - P*floor(time/P) < w, 0) + piecewise(3, time >= tau, 0) - k*C^1.2
end"""
FROM_ZERO = """model zero
  compartment V; V = 20; species depot in V, central in V; substanceOnly species depot, central
  ka = 0.7; CL = 3; kin = 5; kout = 0.3; Emax = 0.8; EC50 = 0.4; g = 1.3; h = 1; A = 100
  J1: depot -> central; ka*depot; J2: central -> ; CL*central/V; C := central/V
  R = kin/kout; R' = kin*(1 - Emax*C^g/(EC50^g + C^g)) - kout*R
  Q = kin/kout; Q' = kin - kout*Q*(1 + (C/EC50)^h)
end"""
ODD = """model odd
  compartment V; V = 2; compartment W; W := 2*V; species S in V, Q in W, $B in V; S = 3; amt = 4; Q = amt/W
  given = 1.5; k = 0.3; z = 1; z' = -k*z + given*B; z0 = 1.2; B = 0.2*z0; vm = 0.4; km = 2
  J: 2 S -> 3 Q; k*S*V; J2: Q -> ; k*Q*W + vm*Q/(km + Q)
end"""
GROWING = """model growing
  compartment V; V = 2; V' = g*V; g = 0.1; species S in V; S = 3; k = 0.2; J: S -> ; k*S^2*V
end"""
LOOP = """model loop
  compartment V; V = 3; species L in V, M in V, P in V, drug in V; substanceOnly species drug; L = 1; M = 0.5; P = 0.2
  kin = 2; kout = 0.4; g = 3; K = 1.5; kp = 0.8; kq = 0.3; ke = 0.7; EC50 = 4; A = 9; tlag = 0.4
  J1: -> L; kin*V/(1 + (P/K)^g); J2: L -> ; kout*L*V*(1 + drug/(EC50 + drug)); J3: -> M; kp*L*V; J4: M -> ; kq*M*V
  J5: -> P; kp*M*V/(1 + L); J6: P -> ; kq*P*V; J7: drug -> ; ke*drug; base = L; change := L/base
end"""
BOUND = """model bound
  compartment V; V = 2; species R in V, T in V, RT in V, D in V, DD in V; R = 5; T = 3; RT = 0.1; D = 4; DD = 0.5
  kon = 1.1; koff = 0.6; k2 = 0.7; k3 = 0.9; ksyn = 1.5; kdeg = 0.2; S = 0.3; A = 6; V2 = 1.3
  species S in V; J1: R + T -> RT; (kon*R*T - koff*RT)*V; J2: 2 D -> DD; (k2*D^2 - k3*DD)*V
  J3: -> S; ksyn*RT*V; J4: S -> ; kdeg*S*V*DD
end"""


@dataclass(frozen=True)
class Row:
    """A model with its regimen, whose derivatives by some parameters are asked for."""

    name: str
    model: qsp.Model
    parameters: tuple[str, ...]
    times: Sequence[float]
    observables: tuple[str, ...]
    regimen: Any = None
    subjects: Mapping[str, float] = field(default_factory=dict)
    changes: Mapping[str, float] = field(default_factory=dict)
    start: str = "initial values"

    def experiment(self, changes: Mapping[str, float] | None = None) -> qsp.Experiment:
        """Return the experiment, with more changes."""
        return qsp.Experiment(self.model, times=self.times, observables=self.observables, regimen=self.regimen,
                              changes={**self.changes, **(changes or {})}, start=self.start)  # fmt: skip


def rows() -> Iterator[Row]:
    """Return what is compared."""
    dose, times = qsp.Dose, (0.0, 0.3, 0.7, 1.0, 2.0, 3.3, 5.1, 9.0, 14.0, 20.0)
    tmdd = ("V1_typical", "V2_typical", "CL_typical", "Q_typical", "WT", "flow_exponent", "target.ksyn", "target.kdeg",
            "target.kon", "target.koff", "target.kint", "marker.kin", "marker.kout", "marker.Imax", "marker.IC50",
            "target.R", "pk.central", "V1", "CL")  # fmt: skip
    yield Row("mab_tmdd, boluses per weight", qsp.load("mab_tmdd"), tmdd, tuple(np.arange(0.5, 60, 7.0)),
              ("pk.C", "target.R", "target.occupancy", "marker.response"),
              [dose("3*WT", "pk.central", "nmol", interval=14, count=3)])  # fmt: skip
    yield Row("mab_tmdd, infusions of a changing length", qsp.load("mab_tmdd"), ("CL_typical", "target.kon", "WT"),
              (0.2, 1.5, 7.3, 20.0, 40.0), ("pk.C", "target.occupancy", "marker.response"),
              [dose(300, "pk.central", "nmol", duration="WT/80", interval=21, count=2)])  # fmt: skip
    yield Row("theophylline, lag and bioavailability", qsp.load("theophylline"),
              ("WT", "V_kg", "CL_kg", "ka", "lag", "F"), times, ("pk.C", "absorption.depot"),
              [dose("4*WT", "absorption.depot", "mg", lag="lag", bioavailability="F", interval=8, count=2)],
              {"lag": 0.45, "F": 0.8})  # fmt: skip
    infused = qsp.read_antimony(INFUSED)
    yield Row("infusion by duration", infused, ("CL", "V", "Vmax", "Km", "D", "tlag", "F", "A"), times, ("central",),
              [dose("A", "central", duration="D", lag="tlag", bioavailability="F", interval=8, count=2)])  # fmt: skip
    yield Row("infusion by rate", infused, ("CL", "V", "Vmax", "Km", "R", "tlag", "F", "A"), times, ("central",),
              [dose("A", "central", rate="R", lag="tlag", bioavailability="F")])  # fmt: skip
    yield Row("overlapping doses", infused, ("CL", "D", "tlag", "F", "V", "central"), times, ("central",),
              [dose(10, "central", duration="D", lag="tlag"), dose("5*F", "central", time=1.5, duration="2*D"),
               dose("3*V", "central", time=2.1, lag="tlag^2")])  # fmt: skip
    yield Row("windows in time, turnover at its baseline", qsp.read_antimony(WINDOW),
              ("kin", "kout", "Emax", "EC50", "g", "k", "tau", "w", "P", "C0", "R"), times, ("R", "C", "R*kout/kin"),
              )  # fmt: skip
    yield Row("Hill functions from zero", qsp.read_antimony(FROM_ZERO),
              ("ka", "CL", "V", "kin", "kout", "Emax", "EC50", "g", "A"), times, ("C", "R", "Q"),
              [dose("A", "depot", interval=9, count=2)])  # fmt: skip
    yield Row("growing volume", qsp.read_antimony(GROWING), ("g", "k", "V", "S", "amount(S)"), times[:8],
              ("S", "amount(S)", "V"))  # fmt: skip
    yield Row("doses into sizes, parameters and a boundary", qsp.read_antimony(ODD),
              ("V", "k", "vm", "km", "amt", "z", "z0", "B", "S", "given"), (0.0, 0.5, 1.3, 2.0, 3.0, 8.0),
              ("S", "amount(Q)", "z", "B", "given", "Q/S + time*k"),
              [dose("2*k", "given", time=1, lag="0.1*V"), dose("2*k", "z", time=1.4, lag="0.1*V"),
               dose("1 + k", "z", time=1.7, rate="2*k"), dose("2*k", "B", time=2.0, lag="0.3*V"),
               dose("S", "S", time=2.0), dose("k", "S", time=8.0)])  # fmt: skip
    absorbed = qsp.load("zero_order_absorption")
    yield Row("zero_order_absorption", absorbed, ("Tlag", "Tk0", "Dose"), times,
              tuple(s.id for s in absorbed.network.species), changes={"Tlag": 0.6})  # fmt: skip
    turnover = qsp.load("indirect_response")
    yield Row("baseline", turnover, ("kin", "kout"), times, ("response",), changes={"Cp": 7.0})
    yield Row("indirect_response", turnover, ("Cp", "kin", "kout", "Imax", "IC50", "response"), times, ("response",),
              changes={"Cp": 7.0})  # fmt: skip
    yield from rows_at_rest()
    yield from rows_in_series()


def rows_in_series() -> Iterator[Row]:
    """Return those that start in the steady state of their doses."""
    dose, times = qsp.Dose, (0.3, 2.2, 7.0, 11.0, 13.0, 20.0, 30.0)
    infused = qsp.read_antimony(INFUSED)
    yield Row("steady state of oral doses with a lag", qsp.load("theophylline"),
              ("WT", "V_kg", "CL_kg", "ka", "lag", "F"), times, ("pk.C", "absorption.depot"),
              [dose("4*WT", "absorption.depot", "mg", lag="lag", bioavailability="F", interval=8, count=2,
                    steady_state=1)], {"lag": 0.45, "F": 0.8})  # fmt: skip
    yield Row("steady state of infusions", infused, ("CL", "V", "Vmax", "Km", "D", "tlag", "F", "A"), times,
              ("central",), [dose("A", "central", duration="D", lag="tlag", bioavailability="F", interval=12, count=2,
                                  steady_state=1)])  # fmt: skip
    yield Row("steady state of mab_tmdd", qsp.load("mab_tmdd"),
              ("CL_typical", "WT", "target.ksyn", "target.kdeg", "target.kon", "marker.kin", "marker.Imax"),
              (0.5, 3.0, 9.0, 13.5, 20.0), ("pk.C", "target.R", "marker.response"),
              [dose("3*WT", "pk.central", "nmol", interval=14, count=2, steady_state=1)])  # fmt: skip


def rows_at_rest() -> Iterator[Row]:
    """Return those that start at steady state."""
    dose, times, rest = qsp.Dose, (0.0, 0.7, 1.6, 3.0, 6.0, 14.0), "steady state"
    loop, bound = qsp.read_antimony(LOOP), qsp.read_antimony(BOUND)
    names = ("kin", "kout", "g", "K", "kp", "kq", "V", "L")
    yield Row("steady state of a feedback", loop, names, times, ("L", "M", "P", "change"), start=rest)
    yield Row("steady state, then doses", loop, (*names, "ke", "EC50", "A", "tlag"), times, ("L", "M", "P", "change"),
              [dose("A*L", "drug", lag="tlag", interval=5, count=2)], start=rest)  # fmt: skip
    totals = ("kon", "koff", "k2", "k3", "ksyn", "kdeg", "V", "R", "T", "RT", "D", "amount(DD)", "S")
    yield Row("steady state with conserved totals", bound, totals, times, ("R", "RT", "D", "DD", "S"), start=rest)
    yield Row("conserved totals, then doses", bound, (*totals, "A"), times, ("R", "T", "RT", "D", "DD", "S"),
              [dose("A*V", "R", time=1), dose("A", "D", time=2, duration=1)], start=rest)  # fmt: skip
    yield Row("mab_tmdd from steady state", qsp.load("mab_tmdd"),
              ("CL_typical", "WT", "target.ksyn", "target.kdeg", "target.kon", "marker.kin", "marker.kout", "target.R"),
              tuple(np.arange(0.5, 60, 7.0)), ("pk.C", "target.R", "target.occupancy", "marker.response"),
              [dose("3*WT", "pk.central", "nmol", interval=14, count=3)], changes={"target.R": 3.0}, start=rest,
              )  # fmt: skip


# --------------------------------------------------------------------------------------------------------- differences
def values(row: Row, changes: Mapping[str, float]) -> Any:
    """Return what a simulation gives, of shape (times, observables)."""
    columns = {k: [changes.get(k, v)] for k, v in row.subjects.items()}
    arm = row.experiment({k: v for k, v in changes.items() if k not in columns})
    people = read_subjects(columns or None, (arm,))
    found = run_batch(arm, people, tolerances=TIGHT, threads=1)
    if found.status.any():
        raise RuntimeError(found.messages[0])
    grid, shape = np.array(arm.times), (1, len(arm.times))
    return np.stack([read_out(o, arm.model, columns=found.columns, time=grid, shape=shape)[0]
                     for o in arm.observables], axis=-1)  # fmt: skip


def difference(row: Row, name: str, value: float) -> Any:
    """Return the derivative by differences."""
    steps = [1e-3 * abs(value or 1.0) / k for k in (1, 2, 4)]
    a, b, c = ((values(row, {name: value + h}) - values(row, {name: value - h})) / (2 * h) for h in steps)
    return (16 * (4 * c - b) / 3 - (4 * b - a) / 3) / 15


def value_of(row: Row, name: str) -> float:
    """Return the value of a parameter."""
    if name in row.subjects:
        return row.subjects[name]
    arm = row.experiment()
    return float(initial_state(row.model.network, arm.overrides)[resolve_setting(row.model, name)])


def differences(row: Row) -> dict[str, Any]:
    """Return the derivatives by all parameters."""
    return {p: difference(row, p, value_of(row, p)) for p in row.parameters}


def errors(row: Row, known: Mapping[str, Any]) -> dict[str, float]:
    """Return by parameter the largest error."""
    arm, out = row.experiment(), {}
    ds = qsp.sensitivities(arm, row.parameters, subjects={k: [v] for k, v in row.subjects.items()} or None, threads=1)
    own = np.stack([ds[f"{o.id} (value)"].values[0] for o in arm.observables], axis=-1)
    for name, expected in known.items():
        got = np.stack([ds[o.id].sel(parameter=name).values[0] for o in arm.observables], axis=-1)
        scale = np.maximum(np.abs(expected), BELOW * np.abs(own).max(axis=0) / abs(value_of(row, name) or 1.0))
        out[name] = float((np.abs(got - expected) / np.where(scale > 0, scale, 1.0)).max())
    return out


# ------------------------------------------------------------------------------------------------------------ controls
def without_moving(*args: Any) -> DoseSlopes:
    """Return derivatives of doses as if their times stood still."""
    found = sensitivity_run_dose_slopes(*args)
    return replace(found, begins=np.zeros_like(found.begins))


def without_baselines(*args: Any, **kwargs: Any) -> Tangents:
    """Return derivatives of the start as if nothing but the parameters themselves had any."""
    found = sensitivity_run_initial_tangents(*args, **kwargs)
    kept = {name for key in kwargs["seeds"] for name in (key, f"amount({key})", f"concentration({key})")}
    found.by_name = {k: v for k, v in found.by_name.items() if k in kept}
    return found


def without_rest(people: People, _: Any, *, seeds: Mapping[str, int], count: int) -> Tangents:
    """Return derivatives of the start as if a steady state did not move with anything."""
    still = {k: np.zeros((people.size, count)) for k in people.keys}
    own = {k: i for k, i in seeds.items() if symbol_of(k) not in people.side.names}
    return sensitivity_run_initial_tangents(people.model.network, people.env, fixed=[*people.overrides, *people.keys],
                                            seeds=own, rows=people.size, count=count, known=still)  # fmt: skip


def without_totals(*args: Any, **kwargs: Any) -> Tangents:
    """Return derivatives of a steady state as if what it starts from did not move the totals."""
    with patch.object(slopes, "_start_slopes", lambda people, begun: np.zeros((len(people.keys), people.size,
                                                                               begun.count))):  # fmt: skip
        return sensitivity_run_rested_tangents(*args, **kwargs)


def without_carrying(*args: Any) -> Any:
    """Return a steady state of doses whose derivatives are those of its start."""
    cycle = args[0]
    return replace(sensitivity_run_steadied(*args), of_states=cycle.of_states)


sensitivity_run_steadied = sensitivity_run.steadied
sensitivity_run_rested_tangents = sensitivity_run.rested_tangents
sensitivity_run_dose_slopes = sensitivity_run.dose_slopes
sensitivity_run_initial_tangents = sensitivity_run.initial_tangents
CONTROLS: tuple[tuple[str, str, str, Callable[..., Any]], ...] = (
    ("doses stand still", "theophylline, lag and bioavailability", "dose_slopes", without_moving),
    ("infusions stand still", "infusion by duration", "dose_slopes", without_moving),
    ("baselines stand still", "baseline", "initial_tangents", without_baselines),
    ("steady states stand still", "steady state of a feedback", "rested_tangents", without_rest),
    ("totals stand still", "steady state with conserved totals", "rested_tangents", without_totals),
    ("earlier doses stand still", "steady state of infusions", "steadied", without_carrying),
    ("windows stand still", "windows in time, turnover at its baseline", "switch_instants", lambda *_, **__: []),
)


def cost() -> list[tuple[int, float]]:
    """Return the seconds of 64 subjects of mab_tmdd by number of parameters, as the median of five runs."""
    whole = next(iter(rows()))
    names = [*whole.parameters, "WT_typical"]
    arm, out = whole.experiment(), []
    people = read_subjects({"target.koff": np.linspace(0.02, 0.03, 64)}, (arm,))
    names = ["volume_exponent" if n == "target.koff" else n for n in names]
    for count in (1, 5, 10, 20):
        ready = sensitivity_run.Differentiated(arm, people, names[:count])
        ready.run(threads=1)
        spent = []
        for _ in range(5):
            begin = time.perf_counter()
            ready.run(threads=1)
            spent.append(time.perf_counter() - begin)
        out.append((count, median(spent)))
    return out


def main() -> int:
    """Print the table; return how many rows or controls fail."""
    failed, known = 0, {}
    for row in rows():
        known[row.name] = row, differences(row)
        for name, error in errors(*known[row.name]).items():
            failed += not error <= REQUIRED
            print(f"{'ok  ' if error <= REQUIRED else 'FAIL'} {row.name:45s} {name:20s} {error:.1e}", flush=True)
    for what, name, part, instead in CONTROLS:
        with patch.object(sensitivity_run, part, instead):
            worst = max(errors(*known[name]).values())
        failed += not worst > REQUIRED
        print(f"{'ok  ' if worst > REQUIRED else 'FAIL'} control: {what:36s} {worst:.1e} is seen to be wrong")
    for count, seconds in cost():
        print(f"     {count:2d} parameters, 64 subjects: {seconds:.3f} s")
    print(f"{failed} of the table fail")
    return failed


if __name__ == "__main__":
    sys.exit(min(main(), 1))
