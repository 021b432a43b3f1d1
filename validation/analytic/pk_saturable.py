"""Saturable elimination: the Lambert solution, areas that grow with the square of the dose, and runaway accumulation.

With W the Lambert function, dC/dt = -(Vmax/V) C/(Km + C) from C0 has the solution
C = Km W(C0/Km exp((C0 - Vmax t/V)/Km)); scipy.special.wrightomega gives W(exp(x)) without overflow.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import wrightomega

import sbmlqsp as qsp
from validation.analytic import pk
from validation.analytic.pk_tools import area, joined
from validation.cases import Bench, Comparison, case, holds, same
from validation.reference import integrate

Array = NDArray[np.float64]

MM = {"typical": {}, "potent": {"V": 3.0, "Vmax": 400.0, "Km": 0.05}, "weak": {"V": 200.0, "Vmax": 0.6, "Km": 90.0}}
BOTH = {
    "typical": {},
    "mostly saturable": {"CL": 0.02, "Vmax": 55.0, "Km": 0.4},
    "mostly linear": {"V": 8.0, "CL": 12.0, "Vmax": 3.0, "Km": 60.0},
}


def lambert(t: ArrayLike, *, start: float, volume: float, vmax: float, km: float) -> Array:
    """Return the concentration after a bolus that starts at ``start``."""
    t = np.asarray(t, dtype=float)
    return km * np.real(wrightomega(np.log(start / km) + (start - vmax * t / volume) / km))


def falls_to(level: float, *, start: float, volume: float, vmax: float, km: float) -> float:
    """Return the time at which the concentration has fallen from ``start`` to ``level``."""
    return volume / vmax * (start - level + km * np.log(start / level))


def edges(start: float, end: float, **constants: float) -> Array:
    """Return times at which the concentration passes even steps, on a straight and on a logarithmic scale."""
    steps = np.union1d(np.linspace(start / 60.0, start, 60), np.geomspace(end, start, 60))
    return np.unique([falls_to(c, start=start, **constants) for c in steps])


@case("one_compartment_mm", rows="S2-04", sets=MM)
def bolus_follows_lambert(b: Bench):
    """C = Km W(C0/Km exp((C0 - Vmax t/V)/Km)) for doses far below and far above saturation."""
    p = b.p
    known = {"volume": p.V, "vmax": p.Vmax, "km": p.Km}
    # Below Km a relative error of the start appears 1 + C0/Km times as large.
    for ratio in (1e-3, 1.0, 12.0):
        start = ratio * p.Km
        t = np.linspace(0.0, falls_to(1e-3 * start, start=start, **known), 40)
        got = b.run(t, "C", "CL_app", "rate", regimen=f"{start * p.V} mg into central")
        exact = lambert(t, start=start, **known)
        yield same(f"C from {ratio} Km", got["C"], exact, at=t)
        yield same("clearance", got["CL_app"], p.Vmax / (p.Km + exact), at=t)
        yield same("rate", got["rate"], p.Vmax * exact / (p.Km + exact), at=t)


@case("one_compartment_mm", rows="S2-04", sets=MM)
def clearance_falls_and_rate_saturates(b: Bench):
    """Clearance is Vmax/Km at low, half of it at Km, and falls as 1/C; the rate never exceeds Vmax."""
    p = b.p
    low = b.start({"central": 1e-9 * p.Km})
    yield same("clearance at C << Km", low["CL_app"], p.Vmax / p.Km)
    at_km = b.start({"central": p.Km})
    yield same("clearance at C = Km", at_km["CL_app"], 0.5 * p.Vmax / p.Km)
    yield same("rate at C = Km", at_km["rate"], 0.5 * p.Vmax)
    high = b.start({"central": 1e9 * p.Km})
    yield same("rate at C >> Km", high["rate"], p.Vmax)
    t = np.linspace(0.0, 5.0, 11) * p.V * p.Km / p.Vmax
    got = b.run(t, "C", regimen=f"{1e6 * p.Km * p.V} mg into central")["C"]
    yield same("straight decline at C >> Km", (got[0] - got[1:]) / t[1:], p.Vmax / p.V / (1.0 + 1e-6))
    small = b.run(t, "C", regimen=f"{1e-9 * p.Km * p.V} mg into central")["C"]
    yield same("exponential at C << Km", small, 1e-9 * p.Km * np.exp(-p.Vmax / (p.Km * p.V) * t), at=t)
    yield same("nothing given, nothing there", b.run(t, "C")["C"], np.zeros(11))


@case("one_compartment_mm", rows=("S2-05", "S2-06"), sets=MM)
def area_grows_with_the_square_of_the_dose(b: Bench):
    """AUC = D²/(2 V Vmax) + Km D/Vmax; the leading term alone is short by 1/(1 + D/(2 V Km)) of it."""
    p = b.p
    known = {"volume": p.V, "vmax": p.Vmax, "km": p.Km}
    found = {}
    for ratio in (1e-4, 1.0, 30.0):
        dose = ratio * p.Km * p.V
        at = edges(ratio * p.Km, 1e-10 * ratio * p.Km, **known)
        found[ratio] = area(b, "C", at, regimen=f"{dose} mg into central")
        yield same(f"AUC, C0 = {ratio} Km", found[ratio], dose**2 / (2 * p.V * p.Vmax) + p.Km * dose / p.Vmax)
    high = 30.0 * p.Km * p.V
    lead = high**2 / (2 * p.V * p.Vmax)
    yield same("share of the leading term", lead / found[30.0], 1.0 - 1.0 / (1.0 + high / (2 * p.V * p.Km)))
    # Dose-proportionality learnt at a low dose under-predicts the high one by this factor.
    learnt = found[1e-4] * 30.0 / 1e-4
    factor = (1.0 + high / (2 * p.V * p.Km)) / (1.0 + 1e-4 / 2.0)
    yield same("error of extrapolating from a low dose", found[30.0] / learnt, factor)
    yield holds("the error is large", factor > 10.0)


@case("one_compartment_mm", rows="S2-06", sets=MM)
def accumulates_without_end_above_vmax(b: Bench):
    """Infused below Vmax: Css = Km R0/(Vmax - R0); at or above it no steady state, and C rises by (R0 - Vmax)/V."""
    p = b.p
    for share in (0.05, 0.5, 0.9):
        whole = joined("pumped", **{f"mm_{k}": v for k, v in b.changes.items()}, pump_R0=share * p.Vmax)
        yield same(f"Css at {share} Vmax", whole.at_rest()["mm.C"], p.Km * share / (1.0 - share))
    fast = joined("pumped", **{f"mm_{k}": v for k, v in b.changes.items()}, pump_R0=1.5 * p.Vmax)
    unit = p.Km * p.V / p.Vmax
    t = np.linspace(0.0, 1.0, 21) * 2e4 * unit
    got = fast.run(t, "mm.C")["mm.C"]
    exact = integrate(
        lambda _, y: [p.Km / unit * (1.5 - y[0] / (p.Km + y[0]))], [0.0], t, atol=1e-12 * p.Km
    )[:, 0]  # fmt: skip
    yield same("C above Vmax", got, exact, at=t)
    slope = (got[-1] - got[-2]) / (t[-1] - t[-2])
    yield holds("its slope goes to (R0 - Vmax)/V", abs(slope / (0.5 * p.Vmax / p.V) - 1.0) < 1e-3)
    try:
        fast.at_rest()
    except qsp.SimulationError:
        refused = True
    else:
        refused = False
    yield holds("a steady state above Vmax is refused", refused)


@case("one_compartment_mm", rows="S2-06")
def extrapolates_a_course_of_doses(b: Bench):
    """A course whose dosing rate exceeds Vmax never settles; a linear model from a low dose says that it does."""
    p = b.p
    t = np.arange(1.0, 30.0) * 12.0
    for dose, above in ((0.5 * p.Vmax * 12.0, False), (1.2 * p.Vmax * 12.0, True)):
        got = b.run(t, "C", regimen=f"{dose} mg into central every 12 h x 40", at_dose="before")["C"]
        level, exact = 0.0, []
        for _ in t:
            level = float(lambert(12.0, start=level + dose / p.V, volume=p.V, vmax=p.Vmax, km=p.Km))
            exact.append(level)
        yield same(f"troughs of {dose:.0f} mg", got, exact, at=t)
        rise = np.diff(got)[-1]
        yield holds("it settles" if not above else "it does not settle", rise > 0.1 if above else rise < 0.01)


@case("parallel_elimination", rows="S2-04", sets=BOTH)
def two_routes_in_parallel(b: Bench):
    """The time at which a concentration is reached is a closed form; AUC too; the limits are the two routes alone."""
    p = b.p
    for start in (0.01 * p.Km, 12.0 * p.Km):
        k, v = p.CL / p.V, p.Vmax / p.V
        q = k * p.Km + v

        def when(c: ArrayLike, start: float = start, k: float = k, v: float = v, q: float = q) -> Array:
            c = np.asarray(c, dtype=float)
            return p.Km / q * np.log(start / c) + v / (q * k) * np.log1p(k * (start - c) / (k * c + q))

        levels = np.geomspace(start, 1e-4 * start, 25)
        t = when(levels)
        dose = f"{start * p.V} mg into central"
        got = b.run(t, "C", "CL_app", regimen=dose)
        yield same("C", got["C"], levels, at=t)
        yield same("clearance", got["CL_app"], p.CL + p.Vmax / (p.Km + levels), at=t)
        marks = np.union1d(np.geomspace(1e-12 * start, start, 120), np.linspace(start / 60.0, start, 60))
        auc = area(b, "C", np.unique(np.append(when(marks), 0.0)), regimen=dose)
        # The integral of (Km + C)/(k C + q) from 0 to C0.
        exact = start / k - v / k**2 * np.log1p(k * start / q)
        if start < p.Km:
            # The same by a series where the two terms cancel: C0/k - v/k² ln(1 + x), x = k C0/q.
            x = k * start / q
            exact = start * p.Km / q - v / k**2 * (np.log1p(x) - x)
        yield same("AUC", auc, exact)
    yield from _limits(b)


def _limits(b: Bench) -> Iterator[Comparison]:
    p = b.p
    start = 3.0 * p.Km
    t = np.linspace(0.0, 6.0, 10) * p.V / (p.CL + p.Vmax / p.Km)
    dose = f"{start * p.V} mg into central"
    alone = b.run(t, "C", regimen=dose, changes={"CL": 0.0})["C"]
    yield same("CL = 0", alone, lambert(t, start=start, volume=p.V, vmax=p.Vmax, km=p.Km), at=t)
    linear = b.run(t, "C", regimen=dose, changes={"Vmax": 0.0})["C"]
    yield same("Vmax = 0", linear, start * np.exp(-p.CL / p.V * t), at=t)


@case("michaelis_menten_elimination", rows="S2-04", sets=MM)
def adds_a_saturable_route(b: Bench):
    """Alone it is the Lambert solution; beside one_compartment it is parallel elimination; CL = 0 leaves it alone."""
    p = b.p
    start = 5.0 * p.Km
    t = np.linspace(0.0, 6.0, 25) * p.V * p.Km / p.Vmax
    exact = lambert(t, start=start, volume=p.V, vmax=p.Vmax, km=p.Km)
    got = b.run(t, "central", "CL_mm", "rate", regimen=f"{start * p.V} mg into central")
    yield same("C alone", got["central"], exact, at=t)
    yield same("clearance", got["CL_mm"], p.Vmax / (p.Km + exact), at=t)
    yield same("rate", got["rate"], p.Vmax * exact / (p.Km + exact), at=t)
    values = {"pk_V": p.V, "mm_Vmax": p.Vmax, "mm_Km": p.Km}
    dose = f"{start * p.V} mg into pk.central"
    whole = joined("two_routes", **values, pk_CL=0.0).run(t, "pk.C", regimen=dose)["pk.C"]
    yield same("C with CL = 0", whole, exact, at=t)
    cl = 0.7 * p.Vmax / p.Km
    both = joined("two_routes", **values, pk_CL=cl).run(t, "pk.C", regimen=dose)["pk.C"]
    unit = p.Vmax / (p.Km * p.V)

    def rates(_: float, y: Array) -> list[float]:
        return [-unit * y[0] * (0.7 + 1.0 / (1.0 + y[0]))]

    yield same("C with both", both, p.Km * integrate(rates, [5.0], t)[:, 0], at=t)


@case("michaelis_menten_elimination", rows=("S2-04", "S2-05"), sets=MM)
def saturates_two_compartments(b: Bench):
    """In two compartments without a linear route: the trusted solution; AUC exceeds that of one volume."""
    p = b.p
    v2, q = 1.7 * p.V, 0.3 * p.Vmax / p.Km
    whole = joined("mm2", pk_V1=p.V, pk_V2=v2, pk_Q=q, pk_CL=0.0, mm_Vmax=p.Vmax, mm_Km=p.Km)
    unit = p.Vmax / (p.Km * p.V)
    t = np.linspace(0.0, 12.0, 25) / unit

    def rates(_: float, y: Array) -> list[float]:
        out = 0.3 * (y[0] - y[1])
        return [-unit * (y[0] / (1.0 + y[0]) + out), unit * out / 1.7]

    exact = p.Km * integrate(rates, [6.0, 0.0], t)
    got = whole.run(t, "pk.C", "pk.peripheral", regimen=f"{6.0 * p.Km * p.V} mg into pk.central")
    yield same("C", got["pk.C"], exact[:, 0], at=t)
    yield same("peripheral", got["pk.peripheral"][1:], exact[1:, 1], at=t[1:])
    small = joined("mm2", pk_V1=p.V, pk_V2=v2, pk_Q=q, pk_CL=0.0, mm_Vmax=p.Vmax, mm_Km=p.Km)
    linear = pk.two_compartment(central_volume=p.V, clearance=p.Vmax / p.Km, peripheral_volume=v2, exchange=q)
    low = small.run(t, "pk.C", regimen=f"{1e-9 * p.Km * p.V} mg into pk.central")["pk.C"]
    yield same("linear at low doses", low, pk.bolus(linear, t, dose=1e-9 * p.Km * p.V), at=t)
