"""Disease progression and neutropenia: natural history, washout, nadir and recovery."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
from scipy.special import gammaincc

import sbmlqsp as qsp
from validation.analytic import pk
from validation.cases import Bench, case, holds, model_of, same
from validation.reference import integrate

DISEASE_SETS = {
    "typical": {},
    "fast": {"alpha": 3.0, "S0": 5.0, "Emax": 1.4, "EC50": 0.01},
    "falling score": {"alpha": -2e-4, "S0": 60.0, "EC50": 900.0},
}


def treated(model: qsp.Model, changes: dict[str, float]) -> Bench:
    """Return a one-compartment drug that drives a model, with the model's own parameters changed."""
    joined = qsp.compose("treated", {"pk": model_of("one_compartment"), "pd": model}, connect={"pd.Cp": "pk.C"})
    return Bench(joined, {f"pd.{k}": v for k, v in changes.items()})


def _course(joined: Bench, *, level: float, days: float):
    """Return times, an infusion that reaches a level and stops, and the closed-form concentration."""
    p = joined.p
    rate, stop = level * p.pk_CL, 24.0 * days
    t = np.unique(np.append(np.linspace(0.0, 4.0 * stop, 33), stop))
    c = pk.infusion(pk.one_compartment(volume=p.pk_V, clearance=p.pk_CL), t, rate=rate, duration=stop)
    return t, f"{rate * stop!r} mg into pk.central over {stop!r} h", c, (rate, stop)


def _effect_integral(p, rate: float, stop: float, t: np.ndarray) -> np.ndarray:
    """Return the integral of Emax C/(EC50 + C) during and after an infusion, in closed form.

    With k = CL/V and s = rate/CL, dC/dt = k (s - C) while it runs, so 1/(EC50 + C) is (1 + d(ln(EC50 + C))/dt / k) over
    (s + EC50), and the integral is (s t - EC50 ln(1 + C/EC50) / k) / (s + EC50). Afterwards dC/dt = -k C, and it is
    ln((EC50 + C at the end) / (EC50 + C)) / k.
    """
    k, s, half = p.pk_CL / p.pk_V, rate / p.pk_CL, p.pd_EC50
    during = np.minimum(t, stop)
    c = -s * np.expm1(-k * during)
    first = (s * during - half * np.log1p(c / half) / k) / (half + s)
    top, tail = -s * np.expm1(-k * stop), np.maximum(t - stop, 0.0)
    then = np.where(t > stop, np.log((half + top) / (half + top * np.exp(-k * tail))) / k, 0.0)
    return p.pd_Emax * (first + then)


@case("disease_progression_symptomatic", rows="S3-03", sets=DISEASE_SETS)
def returns_to_natural_history_after_washout(b: Bench):
    """S is the natural line less the present effect: an offset under drug, nothing after washout."""
    joined = treated(b.model, b.changes)
    p = joined.p
    t, regimen, c, _ = _course(joined, level=3.0 * p.pd_EC50, days=100.0)
    got = joined.run(t, "pd.S", "pd.natural", "pd.benefit", regimen=regimen)
    line, effect = p.pd_S0 + p.pd_alpha * t, p.pd_Emax * c / (p.pd_EC50 + c)
    yield same("natural", got["pd.natural"], line, floor=abs(p.pd_S0), at=t)
    yield same("S", got["pd.S"], line - effect, floor=abs(p.pd_S0), at=t)
    yield same("the offset during treatment", got["pd.benefit"][t == 2400.0], 0.75 * p.pd_Emax)
    yield same("nothing is left after washout", got["pd.benefit"][-1], 0.0, floor=1.0)


@case("disease_progression_modifying", rows="S3-03", sets=DISEASE_SETS)
def stays_parallel_to_natural_history_after_washout(b: Bench):
    """The slope is alpha (1 - effect); what is saved, alpha times the integral of the effect, stays after washout."""
    joined = treated(b.model, b.changes)
    p = joined.p
    t, regimen, _, (rate, stop) = _course(joined, level=3.0 * p.pd_EC50, days=100.0)
    got = joined.run(t, "pd.S", "pd.natural", "pd.benefit", regimen=regimen)
    saved = p.pd_alpha * _effect_integral(p, rate, stop, t)
    yield same("benefit", got["pd.benefit"], saved, floor=1e-3 * abs(saved[-1]), at=t)
    yield same("S", got["pd.S"], p.pd_S0 + p.pd_alpha * t - saved, floor=abs(p.pd_S0), at=t)
    slope = (got["pd.S"][-1] - got["pd.S"][-2]) / (t[-1] - t[-2])
    yield same("the slope after washout", slope, p.pd_alpha)


@case("disease_progression_symptomatic", rows="S3-03")
def washout_tells_relief_from_modification(b: Bench):
    """Two drugs with the same status at the end of treatment: washout takes one benefit away and leaves the other."""
    relief = treated(b.model, {})
    modifying = treated(model_of("disease_progression_modifying"), {})
    t, regimen, _, (rate, stop) = _course(relief, level=50.0, days=200.0)
    saved = modifying.p.pd_alpha * float(_effect_integral(modifying.p, rate, stop, np.array([stop]))[0])
    matched = saved * (50.0 + relief.p.pd_EC50) / 50.0
    one = relief.run(t, "pd.S", "pd.benefit", regimen=regimen, changes={"pd.Emax": matched})
    two = modifying.run(t, "pd.S", "pd.benefit", regimen=regimen)
    end = t == stop
    yield same("equal at the end of treatment", one["pd.S"][end], two["pd.S"][end])
    yield same("relief is gone", one["pd.benefit"][-1], 0.0, floor=1.0)
    yield holds("modification stays", two["pd.benefit"][-1] >= saved)


# ---------------------------------------------------------------------------------------------------------- neutropenia
CELLS = ("Prol", "T1", "T2", "T3", "Circ")
NEUTROPENIA_SETS = {
    "typical": {},
    "fast": {"MTT": 20.0, "gam": 0.4, "Circ0": 8.0, "EC50": 0.05},
    "slow": {"MTT": 300.0, "gam": 0.05, "Circ0": 1.3, "Emax": 1.5, "EC50": 2e3},
}


@case("neutropenia", rows=("S0-03", "S3-15"), sets=NEUTROPENIA_SETS)
def rests_at_its_baseline(b: Bench):
    """Without drug every stage stays at Circ0: what proliferates, matures and leaves is equal."""
    t = np.linspace(0.0, 20.0 * b.p.MTT, 6)
    got = b.run(t, *CELLS, "feedback", "ktr")
    for name in CELLS:
        yield same(name, got[name], b.p.Circ0)
    yield same("feedback", got["feedback"], 1.0)
    yield same("ktr", got["ktr"], 4.0 / b.p.MTT)


@case("neutropenia", rows=("S0-03", "S3-15"), sets=NEUTROPENIA_SETS)
def rests_lower_under_constant_drug(b: Bench):
    """A constant effect E < 1 ends at Circ0 (1 - E)^(1/gam) in every stage; linear and saturable drugs alike."""
    p = b.p
    share = 1.0 - 0.6**p.gam
    for label, drug in (
        ("linear", {"Emax": 0.0, "slope": 14.5, "Cp": share / 14.5}),
        ("saturable", {"Cp": p.EC50 * share / (p.Emax - share)}),
    ):
        rest = b.at_rest(drug)
        for name in CELLS:
            yield same(f"{name}, {label}", rest[name], 0.6 * p.Circ0)
        yield same(f"feedback, {label}", rest["feedback"], 1.0 / (1.0 - share))
    above = b.run(np.linspace(0.0, 2.0 * p.MTT, 5), "Circ", changes=dict.fromkeys(CELLS, 2.0 * p.Circ0))["Circ"]
    yield holds("feedback brings a high count down", above[-1] < 2.0 * p.Circ0)


@case("neutropenia", rows="S0-03", sets=NEUTROPENIA_SETS)
def empties_through_maturation_when_proliferation_stops(b: Bench):
    """With E = 1 the stages empty one after the other: Circ is Circ0 times a survival function of gamma shape 5."""
    stop = b.p.EC50 / (b.p.Emax - 1.0)
    k = 4.0 / b.p.MTT
    t = np.linspace(0.0, 4.0 * b.p.MTT, 17)
    got = b.run(t, *CELLS, changes={"Cp": stop})
    for i, name in enumerate(CELLS, start=1):
        yield same(name, got[name], b.p.Circ0 * gammaincc(i, k * t), floor=1e-6 * b.p.Circ0, at=t)


def _cells(p, concentration):
    k, base = 4.0 / p.pd_MTT, p.pd_Circ0

    def rates(t: float, y):
        c = concentration(t)
        effect = p.pd_slope * c + p.pd_Emax * c / (p.pd_EC50 + c)
        made = k * y[0] * (1.0 - effect) * (base / y[4]) ** p.pd_gam
        return [made - k * y[0], *(k * (y[i] - y[i + 1]) for i in range(4))]

    return rates


CHEMO_SETS = {
    "linear": {"slope": 0.1, "Emax": 0.0},
    "saturable": {"Emax": 20.0, "EC50": 300.0, "MTT": 127.0, "gam": 0.23},
    "fast marrow": {"slope": 0.5, "Emax": 0.0, "MTT": 40.0, "gam": 0.1, "Circ0": 2.0},
}


@case("neutropenia", rows=("S0-03", "S3-15"), sets=CHEMO_SETS)
def has_a_nadir_and_recovers_with_overshoot(b: Bench):
    """After an infusion the count follows the numeric reference: nadir, its time, return to 90 % and overshoot."""
    joined = treated(b.model, b.changes)
    p, dose = joined.p, 400.0
    body = pk.one_compartment(volume=p.pk_V, clearance=p.pk_CL)
    rates = _cells(p, lambda t: float(pk.infusion(body, t, rate=dose / 3.0, duration=3.0)))
    start, t = np.full(5, p.pd_Circ0), np.linspace(0.0, 12.0 * p.pd_MTT, 49)
    regimen = f"{dose} mg into pk.central over 3 h"
    got = joined.run(t, *(f"pd.{n}" for n in CELLS), regimen=regimen)
    exact = integrate(rates, start, t, cuts=[3.0])
    for i, name in enumerate(CELLS):
        yield same(name, got[f"pd.{name}"], exact[:, i], at=t)
    run = joined.experiment(t, "pd.Circ", regimen=regimen)
    low = qsp.extremum(run, "pd.Circ", kind="min")
    there = integrate(rates, start, np.array([low.at]), cuts=[3.0])[0]
    yield same("nadir", low.value, there[4])
    yield same("inflow and outflow are equal at the nadir", there[3], there[4])
    back = qsp.time_to(run, "pd.Circ", level=0.9 * p.pd_Circ0, after=low.at)
    yield same(
        "count at the time of recovery",
        integrate(rates, start, np.array([back.value]), cuts=[3.0])[0, 4],
        0.9 * p.pd_Circ0,
    )
    yield holds(
        "nadir, recovery, overshoot", low.value < 0.9 * p.pd_Circ0, low.at < back.value, exact[:, 4].max() > p.pd_Circ0
    )


@case("neutropenia", rows=("S0-03", "S3-15"))
def falls_deeper_with_dose(b: Bench):
    """A higher dose gives a lower nadir, which comes after the maturation time and not with the drug."""
    joined = treated(b.model, {"slope": 0.1, "Emax": 0.0})
    nadirs = []
    for dose in (30.0, 100.0, 300.0, 1000.0):
        run = joined.experiment(np.linspace(0.0, 600.0, 61), "pd.Circ", regimen=f"{dose} mg into pk.central")
        nadirs.append(qsp.extremum(run, "pd.Circ", kind="min"))
    yield holds("deeper with dose", np.diff([n.value for n in nadirs]) < 0)
    yield holds("days after the drug", np.array([n.at for n in nadirs]) > b.p.MTT)


STEEPNESS = {
    "damped": {"gam": 0.5},
    "at the limit": {},
    "cycling": {"gam": 0.7},
    "fast cycling": {"gam": 2.0, "MTT": 9.0},
}


@case("neutropenia", rows=("S0-03", "S3-15"), sets=STEEPNESS)
def cycles_when_the_feedback_is_too_steep(b: Bench):
    """Small waves about a steady state fade below gam = w (1 + w^2)^2, w = tan(pi/8), stay at it, and grow above it.

    With s in units of ktr, waves exp(s t) of the linearised equations obey s (1 + s)^4 = -gam, whatever the drug.
    """
    w = np.tan(np.pi / 8.0)
    critical = w * (1.0 + w * w) ** 2
    gam = b.changes.get("gam", critical)
    s = max(np.roots([1.0, 4.0, 6.0, 4.0, 1.0, gam]), key=lambda z: (z.real, z.imag))
    if gam == critical:
        yield same("waves that neither grow nor fade", [s.real + 1.0, abs(s.imag)], [1.0, w])
    drug = {"gam": gam, "Cp": 0.2 * b.p.EC50 / (b.p.Emax - 0.2)}
    rest = b.p.Circ0 * 0.8 ** (1.0 / gam)
    t = np.linspace(0.0, 2.0 * np.pi / abs(s.imag), 13)
    small = 1e-4
    start = {name: rest * (1.0 + small * ((1.0 + s) ** n).real) for name, n in zip(CELLS, (4, 3, 2, 1, 0), strict=True)}
    wave = small * np.exp(s * t).real
    got = b.run(t * b.p.MTT / 4.0, "Circ", changes={**drug, **start})["Circ"]
    yield same("a small wave", got / rest, 1.0 + wave, at=t)
    late = np.linspace(50.0, 60.0, 401) * b.p.MTT
    far = b.run(np.append(0.0, late), "Circ", changes={**drug, "Circ": 0.5 * rest})["Circ"][1:] / rest
    halves = [np.ptp(half) for half in np.split(far[:400], 2)]
    if gam < critical:
        yield holds("waves fade", halves[1] < halves[0] < 0.05)
    if gam > critical:
        yield holds("waves go on at one height", halves[0] > 0.3, abs(halves[1] / halves[0] - 1.0) < 0.01)


CYCLE = 504.0
TWO_DRUGS = {
    "typical": {},
    "fast marrow": {"MTT": 20.0, "gam": 0.4, "Circ0": 8.0, "EC50": 0.05},
    "slow marrow": {"MTT": 300.0, "gam": 0.1, "Circ0": 1.3, "Emax": 1.5, "EC50": 2e3},
}


@case("neutropenia", rows=("S0-03", "S3-15", "S3-14"), sets=TWO_DRUGS)
def takes_the_effects_of_two_drugs(b: Bench):
    """Effects of two drugs add, or are combined by a model of their own; a drug split in two parts acts as one."""
    p, share = b.p, 0.1
    conc = p.EC50 * share / (p.Emax - share)
    t = np.linspace(0.0, 8.0 * p.MTT, 25)
    whole = b.run(t, "Circ", "Edrug", changes={"Cp": p.EC50 * 2.0 * share / (p.Emax - 2.0 * share)})
    halves = b.run(t, "Circ", "Edrug", changes={"Cp": conc, "E_added": share})
    yield same("Edrug", halves["Edrug"], 2.0 * share)
    yield same("Circ, half of the effect added", halves["Circ"], whole["Circ"], at=t)
    parts = {"cells": b.model, "other": model_of("emax"), "both": model_of("bliss_combination")}
    drug = {"Cp": 3.0, "EC50": 27.0, "Emax": 1.0}
    own = {f"cells.{k}": v for k, v in b.changes.items()}
    added = qsp.compose("added", {k: parts[k] for k in ("cells", "other")}, connect={"cells.E_added": "other.E"})
    rest = Bench(added, own).at_rest({"cells.Cp": conc, **{f"other.{k}": v for k, v in drug.items()}})
    yield same("two drugs add", rest["cells.Circ"], p.Circ0 * (1.0 - share - 0.1) ** (1.0 / p.gam))
    bliss = qsp.compose("bliss", {k: parts[k] for k in ("cells", "both")}, connect={"cells.E_added": "both.E"})
    rest = Bench(bliss, own).at_rest({"both.CA": 5.0 / 9.0, "both.CB": 5.0})
    yield same("two drugs by Bliss", rest["cells.Circ"], p.Circ0 * (0.9 * 0.8) ** (1.0 / p.gam))


SYSTEM_SETS = {
    "typical": {},
    "slow marrow": {"cells.MTT": 140.0, "cells.gam": 0.3, "CL": 15.0},
    "linear": {"slope": 3.0, "Emax": 0.0, "cells.Circ0": 2.5, "V2": 200.0, "Q": 20.0},
}


def _cycles(b: Bench, dose: float, t: np.ndarray) -> np.ndarray:
    """Return the numeric reference of the count under cycles of one-hour infusions."""
    p = b.p
    body = pk.two_compartment(central_volume=p.V1, clearance=p.CL, peripheral_volume=p.V2, exchange=p.Q)
    starts = np.arange(0.0, t[-1], CYCLE)

    def concentration(time: float) -> float:
        return float(sum(pk.infusion(body, time - s, rate=dose, duration=1.0) for s in starts if s <= time))

    own = SimpleNamespace(
        pd_MTT=p.cells_MTT, pd_Circ0=p.cells_Circ0, pd_gam=p.cells_gam, pd_slope=p.slope, pd_Emax=p.Emax, pd_EC50=p.EC50
    )
    corners = [*starts, *(starts + 1.0)]
    return integrate(_cells(own, concentration), np.full(5, p.cells_Circ0), t, cuts=corners, rtol=1e-10)[:, 4]


@case("neutropenia_chemotherapy", rows=("S0-03", "S3-15"), sets=SYSTEM_SETS)
def falls_and_recovers_in_every_cycle(b: Bench):
    """Three cycles follow the numeric reference of the composed equations; each has its nadir and its recovery."""
    t = np.linspace(0.0, 3.0 * CYCLE, 64)
    regimen = "135 mg into pk.central over 1 h every 21 day x 3"
    got = b.run(t, "cells.Circ", regimen=regimen)["cells.Circ"]
    yield same("Circ", got, _cycles(b, 135.0, t), at=t)
    run = b.experiment(t, "cells.Circ", regimen=regimen)
    lows = [qsp.extremum(run, "cells.Circ", kind="min", after=s, before=s + CYCLE) for s in (0.0, CYCLE, 2.0 * CYCLE)]
    for low in lows[:2]:
        yield same("nadir", low.value, _cycles(b, 135.0, np.array([low.at]))[0])
        yield holds("it recovers", got[t > low.at].max() > 1.5 * low.value)


@case("neutropenia_chemotherapy", rows=("S0-03", "S3-15"))
def bounds_the_dose_by_the_nadir(b: Bench):
    """The largest dose whose nadir stays above a limit brings the reference to that limit and not below."""
    t = np.linspace(0.0, CYCLE, 43)
    run = b.experiment(t, "cells.Circ", regimen="100 mg into pk.central over 1 h")
    factor = qsp.dose_for(run, "cells.Circ", target=1.0, statistic="min").value
    low = qsp.extremum(
        b.experiment(t, "cells.Circ", regimen=f"{100.0 * factor!r} mg into pk.central over 1 h"),
        "cells.Circ",
        kind="min",
    )
    yield same("nadir at that dose", _cycles(b, 100.0 * factor, np.array([low.at]))[0], 1.0)
    more = b.run(t, "cells.Circ", regimen=f"{130.0 * factor!r} mg into pk.central over 1 h")["cells.Circ"]
    yield holds("more is below the limit", more.min() < 1.0)
