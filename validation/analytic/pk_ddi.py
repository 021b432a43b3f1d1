"""A dosed perpetrator drives the clearance of a victim over time: the system ddi_dynamic."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
from numpy.typing import NDArray

from validation.analytic import pk
from validation.analytic.pk_tools import area
from validation.cases import Bench, case, holds, same
from validation.reference import integrate

Array = NDArray[np.float64]

SETS = {
    "reversible": {},
    "inactivation": {"kinact": 6.0, "Ki": 5.0, "fm": 0.97},
    "induction": {"Emax": 12.0, "Ki": 50.0, "enzyme.kdeg": 0.05},
    "all three": {"kinact": 0.5, "Emax": 4.0, "enzyme.E0": 2.0, "fu": 0.6, "CL_inhibitor": 40.0, "V_victim": 9.0},
}
REVERSIBLE = {
    "typical": {},
    "potent": {"Ki": 1e-4, "fm": 0.6, "CL_inhibitor": 2.0},
    "weak": {"Ki": 3.0, "fm": 0.99, "V_inhibitor": 15.0, "CL0": 4.0},
}
BOTH = "10 mg into tablet.depot at 3 h; 200 mg into capsule.depot every 12 h x 3"
LATE = np.union1d(np.geomspace(1e-3, 400.0, 150), np.linspace(0.0, 60.0, 61))


def slopes(p: SimpleNamespace, y: Array) -> list[float]:
    """Return the rates of change of tablet, victim, capsule, inhibitor and enzyme, written from the mathematics."""
    tablet, victim, capsule, inhibitor, enzyme = y
    i = p.fu * inhibitor / p.V_inhibitor
    share = 1.0 - p.fm + p.fm * enzyme / p.enzyme_E0 * p.Ki / (p.Ki + i)
    made = p.enzyme_kdeg * p.enzyme_E0 * (1.0 + p.enzyme_d * p.Emax * i / (p.enzyme_EC50 + i))
    return [
        -p.ka_victim * tablet,
        p.ka_victim * tablet - p.CL0 * share * victim / p.V_victim,
        -p.ka_inhibitor * capsule,
        p.ka_inhibitor * capsule - p.CL_inhibitor * inhibitor / p.V_inhibitor,
        made - (p.enzyme_kdeg + p.kinact * i / (p.enzyme_KI + i)) * enzyme,
    ]


def gives(index: int, amount: float):
    """Return a dose of ``amount`` into one of the five states."""
    return lambda y: y + amount * np.eye(5)[index]


@case("ddi_dynamic", rows="S2-27", sets=SETS)
def victim_and_perpetrator_over_time(b: Bench):
    """All states follow the trusted solution, with the victim given during the course of the perpetrator."""
    p = b.p
    t = np.linspace(0.5, 48.0, 40)
    doses = [(3.0, gives(0, 10.0)), *((12.0 * n, gives(2, 200.0)) for n in range(3))]
    found = integrate(lambda _, y: slopes(p, y), [0, 0, 0, 0, p.enzyme_E0], t, jumps=doses, method="DOP853", atol=1e-22)
    got = b.run(t, "victim.C", "inhibitor.C", "enzyme.E", "I", "CL", regimen=BOTH)
    given = t >= 3.0
    yield same("victim", got["victim.C"][given], found[given, 1] / p.V_victim, at=t[given])
    c = found[:, 3] / p.V_inhibitor
    yield same("perpetrator", got["inhibitor.C"], c, at=t)
    yield same("unbound", got["I"], p.fu * c, at=t)
    yield same("enzyme", got["enzyme.E"], found[:, 4], at=t)
    share = 1.0 - p.fm + p.fm * found[:, 4] / p.enzyme_E0 * p.Ki / (p.Ki + p.fu * c)
    yield same("clearance", got["CL"], p.CL0 * share, at=t)


def exposure(b: Bench, regimen: str) -> float:
    """Return the AUC of the victim."""
    return area(b, "victim.C", LATE, regimen=regimen)


@case("ddi_dynamic", rows=("S2-27", "S2-03"), sets=REVERSIBLE)
def ratio_lies_between_one_and_the_static_bound(b: Bench):
    """1 < AUC ratio < 1/(fm/(1 + Imax/Ki) + 1 - fm); without perpetrator AUC = D/CL0, and after it the ratio is 1."""
    p = b.p
    alone = exposure(b, "10 mg into tablet.depot")
    yield same("AUC alone", alone, 10.0 / p.CL0)
    with_it = "10 mg into tablet.depot; 200 mg into capsule.depot"
    ratio = exposure(b, with_it) / alone
    dense = np.linspace(0.0, 60.0, 3001)
    top = b.run(dense, "I", regimen=with_it)["I"].max()
    bound = 1.0 / (1.0 - p.fm + p.fm * p.Ki / (p.Ki + top))
    yield holds("between 1 and the static bound", 1.0 < ratio < bound)
    doubled = exposure(b, "10 mg into tablet.depot; 400 mg into capsule.depot") / alone
    yield holds("more perpetrator, more interaction", doubled > ratio)
    # The victim is given when e-40 of the perpetrator is left.
    gone = 40.0 * p.V_inhibitor / p.CL_inhibitor
    after = b.run(gone + np.linspace(0.5, 20.0, 9), "victim.C",
                  regimen=f"200 mg into capsule.depot; 10 mg into tablet.depot at {gone} h")["victim.C"]  # fmt: skip
    one = pk.one_compartment(volume=p.V_victim, clearance=p.CL0)
    yield same("after it is gone", after, pk.oral(one, np.linspace(0.5, 20.0, 9), dose=10.0, ka=p.ka_victim))


@case("ddi_dynamic", rows=("S2-27", "S1-39"), sets=REVERSIBLE)
def constant_perpetrator_reaches_the_static_bound(b: Bench):
    """Infused at its steady state, the perpetrator gives exactly the static ratio; fm = 0 gives none."""
    p = b.p
    level = 0.9
    load, rate = level * p.V_inhibitor, level * p.CL_inhibitor
    steady = f"{load} mg into inhibitor.central; {rate} mg/h into inhibitor.central for 500 h"
    i = p.fu * level
    static = 1.0 / (1.0 - p.fm + p.fm * p.Ki / (p.Ki + i))
    edges = np.union1d(np.geomspace(1e-3, 499.0, 150), [0.0])
    t = np.linspace(0.0, 40.0, 21)
    slow = p.CL0 / static / p.V_victim
    got = b.run(t, "victim.C", regimen=f"{steady}; 10 mg into victim.central")["victim.C"]
    yield same("victim", got, 10.0 / p.V_victim * np.exp(-slow * t), at=t)
    if slow * 499.0 > 35.0:
        with_it = area(b, "victim.C", edges, regimen=f"{steady}; 10 mg into tablet.depot")
        yield same("ratio of AUC", with_it / (10.0 / p.CL0), static)
    none = area(b, "victim.C", edges, regimen=f"{steady}; 10 mg into tablet.depot", changes={"fm": 0.0})
    yield same("fm = 0", none, 10.0 / p.CL0)


@case("ddi_dynamic", rows=("S2-27", "S1-39"))
def inactivation_outlasts_the_inhibitor(b: Bench):
    """Two days after the last dose a reversible inhibitor no longer acts, an inactivator still does, as E says."""
    given = "200 mg into capsule.depot every 12 h x 6"
    late = 60.0 + 60.0
    irreversible = {"kinact": 6.0, "Ki": 1e6}
    left = b.run([late, late + 24.0], "I", "enzyme.E", "CL", regimen=given, changes=irreversible)
    p = b.p
    yield holds("the perpetrator is gone", left["I"] < 1e-3 * p.enzyme_KI)
    yield holds("the enzyme is not back", left["enzyme.E"][0] < 0.8 * p.enzyme_E0)
    yield holds("the clearance is still low", left["CL"][0] < 0.85 * p.CL0)
    # With the perpetrator all but gone the deficit heals with the turnover of the enzyme.
    far = b.run([400.0, 424.0], "enzyme.E", regimen=given, changes=irreversible)["enzyme.E"]
    yield same("deficit", (p.enzyme_E0 - far[1]) / (p.enzyme_E0 - far[0]), np.exp(-24.0 * p.enzyme_kdeg))
    reversible = b.run([late, late + 24.0], "CL", regimen=given)["CL"]
    yield holds("reversible inhibition is over", np.abs(reversible / p.CL0 - 1.0) < 0.02)
