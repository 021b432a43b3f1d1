"""Linear dispositions and absorptions of the library against their closed forms."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import expm
from scipy.stats import gamma

import sbmlqsp as qsp
from validation.analytic import pk
from validation.analytic.pk_tools import area, joined, levels, times_to
from validation.cases import Bench, case, model_of, same

Array = NDArray[np.float64]

ONE = {"typical": {}, "large and slow": {"V": 4000.0, "CL": 0.3}, "small and fast": {"V": 0.7, "CL": 55.0}}
RATES = {"typical": {}, "slow": {"V": 900.0, "k10": 2e-4}, "fast": {"V": 0.3, "k10": 31.0}}
TWO = {
    "typical": {},
    "barely distributed": {"V1": 12.0, "V2": 0.4, "CL": 9.0, "Q": 0.05},
    "deep and slow": {"V1": 2.0, "V2": 300.0, "CL": 0.6, "Q": 40.0},
}
THREE = {
    "typical": {},
    "fast": {"V1": 1.3, "V2": 8.0, "V3": 2.5, "CL": 20.0, "Q2": 70.0, "Q3": 3.0},
    "slow": {"V1": 60.0, "V2": 15.0, "V3": 700.0, "CL": 0.4, "Q2": 5.0, "Q3": 0.9},
}
KA = {"typical": {}, "flip-flop": {"ka": 0.011}, "instant": {"ka": 300.0}, "equal to k": {"ka": 2.7 / 34.0}}


def body(b: Bench) -> pk.Disposition:
    """Return the one-compartment disposition of a bench, alone or as the part pk."""
    p = vars(b.p)
    return pk.one_compartment(volume=p.get("V", p.get("pk_V")), clearance=p.get("CL", p.get("pk_CL")))


def times(rate: float) -> Array:
    """Return times from 0 over eight lives."""
    return np.concatenate([[0.0], np.geomspace(1e-3, 8.0, 30)]) / rate


@case("one_compartment", rows=("S2-01", "S2-02"), sets=ONE)
def bolus_decays_with_clearance_over_volume(b: Bench):
    """C = D/V exp(-CL/V t), whether the bolus is a dose or the initial amount; it halves in ln 2 V/CL."""
    k = b.p.CL / b.p.V
    t, half = times(k), np.log(2.0) * b.p.V / b.p.CL
    exact = pk.bolus(body(b), t, dose=73.0)
    yield same("C after a dose", b.run(t, "C", regimen="73 mg into central")["C"], exact, at=t)
    yield same("C from an initial amount", b.run(t, "C", changes={"amount(central)": 73.0})["C"], exact, at=t)
    arm = b.experiment([0.0, 9.0 * half], "C", regimen="73 mg into central")
    yield same("time to half", qsp.time_to(arm, "C", fraction=0.5).value, half)
    got = b.run(half * np.arange(5), "amount(central)", regimen="73 mg into central")["amount(central)"]
    yield same("halved each half-life", got, 73.0 * 0.5 ** np.arange(5))
    ds = qsp.simulate(b.experiment(np.linspace(0, 5 * half, 51), "C", regimen="73 mg into central"), progress=False)
    yield same("half-life as exposure reports it", qsp.exposure(ds)["half_life"].iloc[0], half)


@case("one_compartment", rows="S2-03", sets=ONE)
def exposure_is_dose_over_clearance(b: Bench):
    """AUC = D/CL for any dose, and curves scale exactly with the dose."""
    k = b.p.CL / b.p.V
    t = times(k)
    one = b.run(t, "C", regimen="1 mg into central")["C"]
    for dose in (0.02, 73.0, 5e4):
        many = b.run(t, "C", regimen=f"{dose} mg into central")["C"]
        yield same(f"C of {dose} mg", many, dose * one, at=t)
        got = area(b, "C", levels(times_to(k)), regimen=f"{dose} mg into central")
        yield same(f"AUC of {dose} mg", got, dose / b.p.CL)
        arm = b.experiment([0.0, times_to(k)], "C", regimen=f"{dose} mg into central")
        yield same("AUC as a state of the model", qsp.integral(arm, "C").value, dose / b.p.CL)
    ds = qsp.simulate(b.experiment(np.linspace(0.0, 12.0 / k, 200), "C", regimen="73 mg into central"), progress=False)
    yield same("AUC as exposure reports it", qsp.exposure(ds)["auc_inf"].iloc[0], 73.0 / b.p.CL)


@case("one_compartment", rows=("S2-03", "M-07"), sets=ONE)
def doses_superpose(b: Bench):
    """Repeated boluses are the sum of single ones; with a loading dose the plateau is there from the start."""
    k = b.p.CL / b.p.V
    tau = 0.6 / k
    t = np.linspace(0.0, 9.7 * tau, 80)
    exact = pk.repeat(lambda s: pk.bolus(body(b), s, dose=40.0), t, interval=tau, count=8)
    yield same("C, eight doses", b.run(t, "C", regimen=f"40 mg into central every {tau} h x 8")["C"], exact, at=t)
    first, second = "30 mg into central", f"12 mg into central over {tau} h at {0.4 * tau} h"
    both = b.run(t, "C", regimen=f"{first}; {second}")["C"]
    alone = b.run(t, "C", regimen=first)["C"] + b.run(t, "C", regimen=second)["C"]
    yield same("C of two different doses", both, alone, at=t)
    loading = 40.0 * pk.accumulation(k, tau)
    follow = f"{loading} mg into central; 40 mg into central every {tau} h x 12 at {tau} h"
    got = b.run(np.arange(1, 10) * tau, "C", regimen=follow)["C"]
    yield same("peaks after a loading dose", got, loading / b.p.V)


@case("one_compartment", rows=("S0-06", "M-07"), sets=ONE)
def infusion_rises_and_falls(b: Bench):
    """An infusion of the regimen: C = R0/CL (1 - exp(-k t)) during, exponential decline after."""
    k = b.p.CL / b.p.V
    t = np.unique(np.concatenate([times(k), [1.5 / k]]))
    got = b.run(t, "C", regimen=f"9 mg/h into central for {1.5 / k} h")["C"]
    yield same("C", got[1:], pk.infusion(body(b), t[1:], rate=9.0, duration=1.5 / k), at=t[1:])


@case("one_compartment_rates", rows=("S2-01", "S2-02"), sets=RATES)
def is_the_same_model_by_rate_constant(b: Bench):
    """(k10, V) with CL = k10 V gives the curve of (CL, V); the half-life is ln 2/k10 = ln 2 V/CL."""
    k, v = b.p.k10, b.p.V
    t = times(k)
    got = b.run(t, "C", "CL", "t_half", regimen="73 mg into central")
    yield same("C", got["C"], 73.0 / v * np.exp(-k * t), at=t)
    yield same("CL", got["CL"], k * v)
    yield same("t_half", got["t_half"], np.log(2.0) / k)
    other = Bench(model_of("one_compartment"), {"V": v, "CL": k * v})
    yield same("C of one_compartment", other.run(t, "C", regimen="73 mg into central")["C"], got["C"], at=t)
    yield same("AUC", area(b, "C", levels(times_to(k)), regimen="73 mg into central"), 73.0 / (k * v))


@case("constant_infusion", rows="S0-06", sets={"typical": {}, "fast": {"R0": 800.0}, "trickle": {"R0": 1e-5}})
def infusion_reaches_its_plateau(b: Bench):
    """From 0: C = R0/(V ke)(1 - exp(-ke t)), to R0/(V ke); from any start, the sum with the decay of what is there."""
    for v, cl in ((34.0, 2.7), (2.0, 60.0), (900.0, 0.4)):
        ke = cl / v
        plateau = b.p.R0 / (v * ke)
        whole = joined("infused", pk_V=v, pk_CL=cl, pump_R0=b.p.R0)
        t = times(ke)
        rise = plateau * -np.expm1(-ke * t)
        yield same(f"C, ke {ke:.3g}", whole.run(t, "pk.C")["pk.C"], rise, at=t)
        yield same("plateau", whole.at_rest()["pk.C"], plateau)
        dosed = whole.run(t, "pk.C", regimen="5 mg into pk.central")["pk.C"]
        yield same("C with a bolus", dosed, rise + 5.0 / v * np.exp(-ke * t), at=t)
        dose = f"{plateau * v} mg into pk.central"
        yield same("flat after the loading dose R0/ke", whole.run(t, "pk.C", regimen=dose)["pk.C"], plateau, at=t)
    t = np.linspace(0.0, 10.0, 5)
    yield same("collected alone", b.run(t, "amount(central)")["amount(central)"], b.p.R0 * t, at=t)
    yield same("turned off", b.run(t, "central", changes={"R0": 0.0})["central"], np.zeros(5))


def two(b: Bench) -> pk.Disposition:
    """Return the disposition of a bench of two compartments."""
    return pk.two_compartment(
        central_volume=b.p.V1, clearance=b.p.CL, peripheral_volume=b.p.V2, exchange=b.p.Q
    )  # fmt: skip


def check_two(b: Bench, unit: str, hour: float):
    """Compare bolus, infusion, exposure and mean residence of two compartments; ``hour`` in the model's time unit."""
    exact = two(b)
    slow = min(exact.rates)
    t = np.unique(np.concatenate([times(slow), times(max(exact.rates))]))
    amount = f"50 {unit} into central"
    got = b.run(t, "C", "peripheral", regimen=amount)
    yield same("C", got["C"], pk.bolus(exact, t, dose=50.0), at=t)
    k21 = b.p.Q / b.p.V2
    # The peripheral concentration is the central one passed on with k21.
    other = 50.0 * k21 * sum(w * pk.passage(k21, k, t) for w, k in exact.terms())
    yield same("peripheral", got["peripheral"], other, at=t)
    long = 1.5 / slow
    infused = b.run(t[1:], "C", regimen=f"50 {unit} into central over {long / hour} h")["C"]
    yield same("C of an infusion", infused, pk.infusion(exact, t[1:], rate=50.0 / long, duration=long), at=t[1:])
    edges = np.unique(np.concatenate([levels(times_to(slow), first=1e-7, count=90), levels(8.0 / max(exact.rates))]))
    auc = area(b, "C", edges, regimen=amount)
    yield same("AUC", auc, 50.0 / b.p.CL)
    mean = area(b, "C", edges, regimen=amount, moment=1) / auc
    yield same("CL times mean residence is V1 + V2", b.p.CL * mean, b.p.V1 + b.p.V2)
    alone = t[b.p.CL / b.p.V1 * t < 15.0]
    got = b.run(alone, "C", regimen=amount, changes={"Q": 0.0})["C"]
    yield same("Q = 0 is one compartment", got, 50.0 / b.p.V1 * np.exp(-b.p.CL / b.p.V1 * alone), at=alone)


@case("two_compartment", rows=("S2-03", "M-07"), sets=TWO)
def declines_in_two_phases(b: Bench):
    """Two exponentials for bolus and infusion, AUC = D/CL, CL MRT = V1 + V2; equal concentrations at equilibrium."""
    yield from check_two(b, "nmol", hour=1.0 / 24.0)


@case("two_compartment_small_molecule", rows=("S2-03", "M-07"), sets=TWO)
def declines_in_two_phases_by_hours(b: Bench):
    """Two exponentials for bolus and infusion, AUC = D/CL, CL MRT = V1 + V2; equal concentrations at equilibrium."""
    yield from check_two(b, "mg", hour=1.0)
    t = np.linspace(0.0, 20.0, 9)
    got = b.run(t, "C2", "peripheral", regimen="50 mg into central")
    yield same("C2 is the peripheral concentration", got["C2"], got["peripheral"])


@case("two_compartment_small_molecule", rows=("S2-03", "M-07"), sets=TWO)
def oral_doses_follow_three_exponentials(b: Bench):
    """With first-order absorption: single dose with lag and F, and a course that accumulates."""
    whole = joined("oral2", **{f"pk_{k}": v for k, v in b.changes.items()}, absorption_ka=0.9)
    exact = two(b)
    slow = min(exact.rates)
    t = np.unique(np.concatenate([times(slow), times(max(exact.rates))]))
    got = whole.run(t, "pk.C", regimen="100 mg into absorption.depot lag 0.7 h F 0.6")["pk.C"]
    curve = pk.oral(exact, t, dose=100.0, ka=0.9, bioavailability=0.6, lag=0.7)
    yield same("C", got, curve, at=t)
    tau = 0.5 / slow
    course = whole.run(t, "pk.C", regimen=f"100 mg into absorption.depot every {tau} h x 20")["pk.C"]
    many = pk.repeat(lambda s: pk.oral(exact, s, dose=100.0, ka=0.9), t, interval=tau, count=20)
    yield same("C of a course", course, many, at=t)


@case("three_compartment", rows=("S2-03", "M-07"), sets=THREE)
def declines_in_three_phases(b: Bench):
    """Three exponentials for bolus and infusion; AUC = D/CL, CL MRT = V1 + V2 + V3; two compartments as a limit."""
    p = b.p
    exact = pk.three_compartment(
        central_volume=p.V1, clearance=p.CL, volumes=(p.V2, p.V3), exchanges=(p.Q2, p.Q3)
    )  # fmt: skip
    slow, fast = min(exact.rates), max(exact.rates)
    t = np.unique(np.concatenate([times(slow), times(fast)]))
    got = b.run(t, "C", "C2", "C3", regimen="50 mg into central")
    yield same("C", got["C"], pk.bolus(exact, t, dose=50.0), at=t)
    for name, k in (("C2", p.Q2 / p.V2), ("C3", p.Q3 / p.V3)):
        passed = 50.0 * k * sum(w * pk.passage(k, rate, t) for w, rate in exact.terms())
        yield same(name, got[name], passed, at=t)
    infused = b.run(t[1:], "C", regimen=f"50 mg into central over {0.3 / slow} h")["C"]
    rate = 50.0 * slow / 0.3
    yield same("C of an infusion", infused, pk.infusion(exact, t[1:], rate=rate, duration=0.3 / slow), at=t[1:])
    edges = np.unique(np.concatenate([levels(times_to(slow), first=1e-7, count=90), levels(8.0 / fast)]))
    auc = area(b, "C", edges, regimen="50 mg into central")
    yield same("AUC", auc, 50.0 / p.CL)
    mean = area(b, "C", edges, regimen="50 mg into central", moment=1) / auc
    yield same("CL times mean residence", p.CL * mean, p.V1 + p.V2 + p.V3)
    pair = pk.two_compartment(central_volume=p.V1, clearance=p.CL, peripheral_volume=p.V2, exchange=p.Q2)
    early = t[min(pair.rates) * t < 15.0]
    got = b.run(early, "C", regimen="50 mg into central", changes={"Q3": 0.0})["C"]
    yield same("Q3 = 0 is two compartments", got, pk.bolus(pair, early, dose=50.0), at=early)


@case("first_order_absorption", rows=("S2-03", "M-07"), sets=KA)
def oral_dose_rises_and_falls(b: Bench):
    """The Bateman function, also for ka = k and flip-flop, with lag and F; AUC = F D/CL; peak at ln(ka/k)/(ka-k)."""
    whole = joined("oral", absorption_ka=b.p.ka)
    k = 2.7 / 34.0
    slow = min(k, b.p.ka)
    exact = pk.one_compartment(volume=34.0, clearance=2.7)
    t = np.unique(np.concatenate([times(slow), times(max(k, b.p.ka))]))
    got = whole.run(t, "pk.C", regimen="100 mg into absorption.depot lag 0.7 h F 0.6")["pk.C"]
    yield same("C", got, pk.oral(exact, t, dose=100.0, ka=b.p.ka, bioavailability=0.6, lag=0.7), at=t)
    edges = np.unique(np.concatenate([levels(times_to(slow), first=1e-6), levels(8.0 / max(k, b.p.ka))]))
    auc = area(whole, "pk.C", edges, regimen="100 mg into absorption.depot F 0.6")
    yield same("AUC", auc, 60.0 / 2.7)
    top = np.log(b.p.ka / k) / (b.p.ka - k) if abs(b.p.ka / k - 1.0) > 1e-9 else 1.0 / k
    arm = whole.experiment([0.0, 3.0 * top], "pk.C", regimen="100 mg into absorption.depot")
    peak = qsp.extremum(arm, "pk.C")
    yield same("peak", [peak.at, peak.value], [top, float(pk.oral(exact, top, dose=100.0, ka=b.p.ka))])


@case("first_order_absorption", rows="M-07", sets=KA)
def passes_everything_on(b: Bench):
    """Alone: the depot empties as exp(-ka t), and what left it is in central."""
    t = times(b.p.ka)
    got = b.run(t, "depot", "amount(central)", regimen="100 mg into depot")
    yield same("depot", got["depot"], 100.0 * np.exp(-b.p.ka * t), at=t)
    yield same("central", got["amount(central)"], -100.0 * np.expm1(-b.p.ka * t), at=t)
    yield same("nothing lost", got["depot"] + got["amount(central)"], 100.0)


SKIN = {
    "typical": {},
    "fast and complete": {"ka": 40.0, "F": 1.0},
    "slow and hardly at all": {"ka": 3e-3, "F": 0.04},
}


@case("subcutaneous_absorption", rows="M-07", sets=SKIN)
def empties_and_passes_a_fraction_on(b: Bench):
    """The depot empties as exp(-ka t); of what left it the fraction F is in central."""
    t = times(b.p.ka)
    got = b.run(t, "depot", "amount(central)", "central", regimen="500 nmol into depot")
    left = np.exp(-b.p.ka * t)
    yield same("depot", got["depot"], 500.0 * left, at=t)
    yield same("central", got["amount(central)"], -500.0 * b.p.F * np.expm1(-b.p.ka * t), at=t)
    yield same("concentration", got["central"] * b.p.V, got["amount(central)"], at=t)


@case("subcutaneous_absorption", rows=("S2-03", "M-07"), sets=SKIN)
def antibody_after_a_subcutaneous_dose(b: Bench):
    """With two compartments: the closed form of one dose and of three; AUC = F D/CL, whatever ka."""
    whole = joined("injected", absorption_ka=b.p.ka, absorption_F=b.p.F)
    p = whole.p
    exact = pk.two_compartment(central_volume=p.pk_V1, clearance=p.pk_CL, peripheral_volume=p.pk_V2, exchange=p.pk_Q)
    slow = min(p.pk_CL / (p.pk_V1 + p.pk_V2), b.p.ka)
    t = np.unique(np.concatenate([times(slow), times(5.0 * slow + b.p.ka)]))
    given = {"dose": 500.0, "ka": b.p.ka, "bioavailability": b.p.F}
    got = whole.run(t, "pk.C", regimen="500 nmol into absorption.depot")["pk.C"]
    yield same("C", got, pk.oral(exact, t, **given), at=t)
    got = whole.run(t, "pk.C", regimen="500 nmol into absorption.depot every 14 day x 3")["pk.C"]
    three = sum(np.where(t >= s, pk.oral(exact, np.maximum(t - s, 0.0), **given), 0.0) for s in (0.0, 14.0, 28.0))
    yield same("C, three doses", got, three, at=t)
    arm = whole.experiment([0.0, times_to(slow)], "pk.C", regimen="500 nmol into absorption.depot")
    yield same("AUC", float(qsp.integral(arm, "pk.C")), b.p.F * 500.0 / p.pk_CL)


ZERO = {
    "typical": {},
    "long": {"Dose": 900.0, "Tk0": 72.0, "Tlag": 9.0},
    "short": {"Dose": 0.4, "Tk0": 0.01, "Tlag": 0.0},
}


@case("zero_order_absorption", rows="M-07", sets=ZERO)
def absorbs_at_a_constant_rate(b: Bench):
    """Like an infusion of Dose/Tk0 for Tk0 after Tlag; the depot empties in a straight line and nothing is lost."""
    p = b.p
    end = p.Tlag + p.Tk0
    t = np.unique(np.concatenate([np.linspace(0.0, 3.0 * end, 31), [p.Tlag, end], end + times(2.7 / 34.0)]))
    part = np.clip((t - p.Tlag) / p.Tk0, 0.0, 1.0)
    alone = b.run(t, "depot", "amount(central)", "input_rate")
    yield same("depot", alone["depot"], p.Dose * (1.0 - part), at=t)
    yield same("nothing lost", alone["depot"] + alone["amount(central)"], p.Dose)
    during = (t >= p.Tlag) & (t < end)
    yield same("input_rate", alone["input_rate"], np.where(during, p.Dose / p.Tk0, 0.0))
    whole = joined("released", **{f"absorption_{k}": v for k, v in b.changes.items()})
    exact = pk.one_compartment(volume=34.0, clearance=2.7)
    curve = np.where(t < p.Tlag, 0.0, pk.infusion(exact, t - p.Tlag, rate=p.Dose / p.Tk0, duration=p.Tk0))
    yield same("C", whole.run(t, "pk.C")["pk.C"], curve, at=t)
    other = Bench(model_of("one_compartment"))
    dose = f"{p.Dose} mg into central over {p.Tk0} h lag {p.Tlag} h"
    yield same("C by the regimen", other.run(t, "C", regimen=dose)["C"], curve, at=t)


TRANSIT = {"typical": {}, "slow": {"MTT": 20.0, "ka": 0.07}, "fast": {"MTT": 0.05, "ka": 40.0}}


@case("transit_absorption", rows="M-07", sets=TRANSIT)
def arrives_with_a_gamma_delay(b: Bench):
    """The rate of arrival is the gamma density of five steps; its mean is MTT, its variance MTT²/5; nothing is lost."""
    t = np.geomspace(0.02, 8.0, 40) * b.p.MTT
    got = b.run(t, "arrival_rate", "ktr", regimen="80 mg into depot")
    yield same("ktr", got["ktr"], 5.0 / b.p.MTT)
    yield same("arrival", got["arrival_rate"], 80.0 * gamma.pdf(t, 5, scale=b.p.MTT / 5.0), at=t)
    edges = levels(20.0 * b.p.MTT)
    total, mean, square = (area(b, "arrival_rate", edges, regimen="80 mg into depot", moment=m) for m in range(3))
    yield same("all arrives", total, 80.0)
    yield same("mean", mean / total, b.p.MTT)
    yield same("variance", square / total - (mean / total) ** 2, b.p.MTT**2 / 5.0, tolerance=1e-6)
    parts = ["depot", "transit1", "transit2", "transit3", "transit4", "gut", "amount(central)"]
    found = b.run(t, *parts, regimen="80 mg into depot")
    yield same("nothing lost", sum(found.values()), 80.0)


@case("transit_absorption", rows="M-07", sets=TRANSIT)
def delayed_dose_rises_late(b: Bench):
    """With one compartment: the curve is the matrix exponential of the chain; AUC = D/CL."""
    whole = joined("delayed", **{f"absorption_{k}": v for k, v in b.changes.items()})
    ktr, ka, k = 5.0 / b.p.MTT, b.p.ka, 2.7 / 34.0
    outs = np.array([ktr] * 5 + [ka, k])
    chain = np.diag(-outs) + np.diag(outs[:-1], -1)
    t = np.geomspace(0.2 * b.p.MTT, 8.0 / min(k, ka), 25)
    exact = np.array([80.0 * expm(chain * s)[6, 0] / 34.0 for s in t])
    yield same("C", whole.run(t, "pk.C", regimen="80 mg into absorption.depot")["pk.C"], exact, at=t)
    edges = np.unique(np.concatenate([levels(times_to(min(k, ka))), levels(20.0 * b.p.MTT)]))
    yield same("AUC", area(whole, "pk.C", edges, regimen="80 mg into absorption.depot"), 80.0 / 2.7)
