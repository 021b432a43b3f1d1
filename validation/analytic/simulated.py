"""Simulated concentrations against closed forms: the largest relative error at any output time.

    python -m validation.analytic.simulated

Every case has output at its dose times and within its infusions; none may be off by more than 1e-6 relative.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

import sbmlqsp as qsp
from validation.analytic import pk

V, CL, V2, Q, KA = 20.0, 2.0, 35.0, 4.0, 1.3
BODIES = {
    "one compartment": (pk.one_compartment(volume=V, clearance=CL), ""),
    "two compartments": (
        pk.two_compartment(central_volume=V, clearance=CL, peripheral_volume=V2, exchange=Q),
        "species peripheral in V2; there: central => peripheral; Q*central; back: peripheral => central; Q*peripheral;",
    ),
}
TEXT = """
model body
  unit time_unit = 3600 second; unit substance = 1e-3 gram; unit extent = 1e-3 gram; unit volume = litre
  compartment V = {V}; compartment V2 = {V2}; compartment gut = 1
  species central in V; central = 0; substanceOnly species depot in gut; depot = 0
  CL = {CL}; Q = {Q}; ka = {KA}
  absorption: depot => central; ka*depot
  elimination: central => ; CL*central
  {more}
end
"""


@dataclass(frozen=True)
class Case:
    name: str
    regimen: str
    times: np.ndarray
    exact: Callable[[pk.Disposition, np.ndarray], np.ndarray]
    scale: float = 1.0


def grid(end: float, *more: float) -> np.ndarray:
    return np.unique(np.concatenate([np.linspace(0, end, 241), more]))


def shifted(curve: Callable[[np.ndarray], np.ndarray], start: float) -> Callable[[np.ndarray], np.ndarray]:
    return lambda t: np.where(t >= start, curve(np.maximum(t - start, 0.0)), 0.0)


def five_minutes(body: pk.Disposition, t: np.ndarray) -> np.ndarray:
    first = pk.bolus(body, t, dose=1.0)
    late = shifted(lambda s: pk.infusion(body, s, rate=50 * 12.0, duration=1 / 12), 241.3)
    return first + late(t)


CASES = [
    Case("bolus", "100 mg into central", grid(72), lambda b, t: pk.bolus(b, t, dose=100)),
    Case(
        "infusion, during and after",
        "100 mg into central over 2.5 h",
        grid(72, 1.25, 2.5),
        lambda b, t: pk.infusion(b, t, rate=40, duration=2.5),
    ),
    Case(
        "oral, lag 0.7 h, F 0.6",
        "100 mg into depot lag 0.7 h F 0.6",
        grid(72, 0.7),
        lambda b, t: pk.oral(b, t, dose=100, ka=KA, bioavailability=0.6, lag=0.7),
    ),
    Case(
        "multiple boluses",
        "100 mg into central every 12 h x 10",
        grid(168),
        lambda b, t: pk.repeat(lambda s: pk.bolus(b, s, dose=100), t, interval=12, count=10),
    ),
    Case(
        "accumulation to steady state, oral",
        "100 mg into depot every 24 h x 40",
        grid(960),
        lambda b, t: pk.repeat(lambda s: pk.oral(b, s, dose=100, ka=KA), t, interval=24, count=40),
    ),
    Case(
        "overlapping infusions",
        "100 mg into central over 30 h every 12 h x 6",
        grid(168),
        lambda b, t: pk.repeat(lambda s: pk.infusion(b, s, rate=100 / 30, duration=30), t, interval=12, count=6),
    ),
    Case(
        "5-minute infusion at 241.3 h of 30 days",
        "1 mg into central; 50 mg into central over 5 min at 241.3 h",
        grid(720, 241.3, 241.35, 241.3 + 1 / 12),
        five_minutes,
    ),
    Case(
        "species at the scale of 1e-12",
        "1e-10 mg into central every 12 h x 5",
        grid(120),
        lambda b, t: pk.repeat(lambda s: pk.bolus(b, s, dose=1e-10), t, interval=12, count=5),
    ),
]


def error(case: Case, body: pk.Disposition, more: str) -> float:
    model = qsp.read_antimony(TEXT.format(V=V, V2=V2, CL=CL, Q=Q, KA=KA, more=more))
    arm = qsp.Experiment(model, times=case.times, regimen=case.regimen, observables=["central"])
    got = qsp.simulate(arm, progress=False)["central"].to_numpy().ravel()
    exact = case.exact(body, case.times)
    zero = exact == 0
    if not (got[zero] == 0).all():
        return float("inf")
    return float(np.max(np.abs(got[~zero] / exact[~zero] - 1)))


def main() -> int:
    worst = 0.0
    for name, (body, more) in BODIES.items():
        for case in CASES:
            found = error(case, body, more)
            worst = max(worst, found)
            print(f"{name:17} {case.name:42} {len(case.times):4} times   {found:.1e}")
    print(f"largest relative error {worst:.1e}; required ≤ 1e-6")
    return 0 if worst <= 1e-6 else 1


if __name__ == "__main__":
    sys.exit(main())
