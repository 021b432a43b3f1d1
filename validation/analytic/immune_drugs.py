"""Drugs of the immune system: checkpoint occupancy, T-cell engagers, cytokine release and its blockade.

Time is in days, concentration in nmol/L.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from scipy.integrate import quad
from scipy.optimize import brentq

import sbmlqsp as qsp
from validation.analytic import pk
from validation.cases import Bench, case, holds, same
from validation.reference import integrate

BODY = {"V1": 3.2, "V2": 2.4, "CL": 0.22, "Q": 0.8}
DISPOSITION = pk.two_compartment(central_volume=3.2, clearance=0.22, peripheral_volume=2.4, exchange=0.8)


def besides(b: Bench, driver: str) -> dict[str, float]:
    """Return the changes of the set but for the constant that is searched for."""
    return {k: v for k, v in b.changes.items() if k != driver}


def with_antibody(b: Bench, **more: float) -> Bench:
    """Return the module joined to a two-compartment antibody, as ``pk`` and ``it``; its input is C or C_free."""
    port = "it.C_free" if "C_free" in b.model.symbols.index else "it.C"
    model = qsp.compose("whole", {"pk": qsp.load("two_compartment"), "it": b.model}, connect={port: "pk.C"})
    own = {f"it.{k}": v for k, v in b.changes.items() if k not in {"C", "C_free"}}
    return Bench(model, {**{f"pk.{k}": v for k, v in BODY.items()}, **own, **more})


# ------------------------------------------------------------------------------------------------------- checkpoint
CHECKPOINT = {
    "typical": {"C": 0.3},
    "tumour": {"C": 40.0, "B": 0.15, "Kd": 2.0},
    "tight": {"C": 1e-3, "Kd": 1e-5},
    "none": {"C": 0.0},
}


@case("checkpoint_occupancy", rows="S4-04", sets=CHECKPOINT)
def occupies_by_mass_action(b: Bench):
    """RO = B C/(Kd + B C), half at Kd/B, nine tenths at 9 Kd/B; kill and net growth are linear in it."""
    got = b.start()
    ro = b.p.B * b.p.C / (b.p.Kd + b.p.B * b.p.C)
    yield same("RO", got["RO"], ro)
    yield same("kill", got["kill"], b.p.k0 + b.p.kkill * ro)
    yield same("net growth", got["net_growth"], b.p.kg - b.p.k0 - b.p.kkill * ro)
    for share in (0.5, 0.9):
        at = qsp.level_for(b.model, "C", observable="RO", target=share, at=0.0, changes=besides(b, "C"))
        yield same(f"C at {share:g}", float(at), share / (1.0 - share) * b.p.Kd / b.p.B)
    yield holds("one is never reached", not qsp.level_for(b.model, "C", observable="RO", target=1.0, at=0.0).possible)


@case(
    "checkpoint_occupancy",
    rows=("S4-04", "S4-01"),
    sets={
        "typical": {},
        "weak": {"kg": 0.05},
        "spontaneous": {"k0": 0.03},
        "tumour": {"B": 0.2, "Kd": 4.0, "kkill": 0.4},
    },
)
def controls_the_tumour_above_a_threshold(b: Bench):
    """The tumour shrinks above RO_control = (kg - k0)/kkill; above one nothing controls it, below zero nothing need."""
    threshold = (b.p.kg - b.p.k0) / b.p.kkill
    got = b.start()
    yield same("RO_control", got["RO_control"], threshold)
    found = qsp.level_for(b.model, "C", observable="net_growth", target=0.0, at=0.0, changes=besides(b, "C"))
    if 0.0 < threshold < 1.0:
        exact = b.p.Kd / b.p.B * threshold / (1.0 - threshold)
        yield same("C_control", [got["C_control"], float(found)], exact)
        above = b.start({"C": 1.001 * exact})
        yield holds("shrinks above it", above["RO"] > threshold, above["net_growth"] < 0.0)
    else:
        yield holds("no concentration", not found.possible, got["C_control"] < 0.0)


@case("checkpoint_occupancy", rows="S4-04", sets={"typical": {}, "weak": {"Kd": 30.0}, "tumour": {"B": 0.1, "Kd": 5.0}})
def reaches_the_closed_trough_of_every_interval(b: Bench):
    """The steady trough of RO for q2w, q3w and q4w is that of the superposed antibody; a longer interval is lower."""
    whole, troughs = with_antibody(b), []
    for weeks in (2, 3, 4):
        tau = 7.0 * weeks
        c = float(pk.steady_bolus(DISPOSITION, np.array(np.nextafter(tau, 0.0)), dose=900.0, interval=tau))
        exact = b.p.B * c / (b.p.Kd + b.p.B * c)
        count = int(np.ceil(25.0 / (DISPOSITION.rates[1] * tau)))
        times = [0.0, count * tau]
        got = whole.run(
            times, "it.RO", "pk.C", regimen=f"900 nmol into pk.central q{weeks}w x {count + 1}", at_dose="before"
        )
        yield same(f"trough of C, q{weeks}w", got["pk.C"][1], c)
        yield same(f"trough of RO, q{weeks}w", got["it.RO"][1], exact)
        troughs.append(exact)
    yield holds("falls with the interval", np.diff(troughs) < 0.0)


@case(
    "checkpoint_occupancy",
    rows="S4-04",
    sets={"typical": {"Kd": 60.0}, "tumour": {"B": 0.1, "Kd": 5.0}, "low": {"Kd": 100.0, "kg": 0.008}},
)
def controls_or_not_by_interval(b: Bench):
    """The dose whose trough meets RO_control, found by dose_for, is that of the closed form, interval by interval."""
    whole, threshold = with_antibody(b), (b.p.kg - b.p.k0) / b.p.kkill
    needed = b.p.Kd / b.p.B * threshold / (1.0 - threshold)
    for weeks in (2, 4):
        tau = 7.0 * weeks
        unit = float(pk.steady_bolus(DISPOSITION, np.array(np.nextafter(tau, 0.0)), dose=1.0, interval=tau))
        count = int(np.ceil(17.0 / (DISPOSITION.rates[1] * tau)))
        course = f"100 nmol into pk.central q{weeks}w x {count}"
        run = whole.experiment([0.0, (count - 1) * tau, count * tau], regimen=course)
        found = qsp.dose_for(run, "it.RO", target=threshold, statistic="last", between=(1e-2, 1e2))
        yield same(f"dose, q{weeks}w", float(found) * 100.0, needed / unit)


@case(
    "checkpoint_occupancy",
    rows="S4-04",
    sets={"typical": {"Kd": 20.0}, "tumour": {"B": 0.1, "Kd": 5.0, "kkill": 0.05}, "spontaneous": {"k0": 0.02}},
)
def drives_a_tumour_under_dosing(b: Bench):
    """ln(tumour) = ln(tumour(0)) + (kg - k0) t - kkill (area under RO), with RO from the superposed antibody."""
    parts = {"pk": qsp.load("two_compartment"), "ro": b.model, "tumour": qsp.load("tumour_exponential")}
    model = qsp.compose(
        "treated",
        parts,
        connect={"ro.C": "pk.C", "tumour.kill": "ro.kill"},
        convert={"tumour": ["day", "own units"], "tumour.kill": 1.0 / 24.0},
    )
    values = {**{f"pk.{k}": v for k, v in BODY.items()}, **{f"ro.{k}": v for k, v in b.changes.items()}}
    whole = Bench(model, {**values, "tumour.kg": b.p.kg / 24.0})
    t = np.linspace(0.0, 84.0, 13)
    got = whole.run(t, "tumour.tumour", regimen="500 nmol into pk.central every 21 day x 4")["tumour.tumour"]

    def ro(s: float) -> float:
        c = float(pk.repeat(lambda x: pk.bolus(DISPOSITION, x, dose=500.0), np.array(s), interval=21.0, count=4))
        return b.p.B * c / (b.p.Kd + b.p.B * c)

    pieces = [quad(ro, left, right, epsabs=1e-13, epsrel=1e-11)[0] for left, right in pairwise(t)]
    covered = np.concatenate([[0.0], np.cumsum(pieces)])
    yield same("tumour", got, 100.0 * np.exp((b.p.kg - b.p.k0) * t - b.p.kkill * covered), at=t)


# ---------------------------------------------------------------------------------------------------------- trimers
TRIMER = {
    "typical": {"C_free": 3.0},
    "cooperative": {"C_free": 0.2, "alpha": 200.0, "KB": 8.0},
    "repelling": {"C_free": 900.0, "alpha": 0.01, "A_tot": 40.0, "B_tot": 90.0},
    "crowded": {"C_free": 1.0, "A_tot": 500.0, "B_tot": 20.0, "KA": 0.01, "KB": 0.3},
    "few": {"C_free": 20.0, "A_tot": 1e-7, "B_tot": 1e-4},
}


def trimer_at(b: Bench, c: float, **more: float) -> float:
    """Return the trimer at free drug ``c`` from the balances of antigen and CD3, by a search for free antigen."""
    p = {**vars(b.p), **more}
    link = p["alpha"] * c / (p["KA"] * p["KB"])

    def other(a: float) -> float:
        return p["B_tot"] / (1.0 + c / p["KB"] + link * a)

    excess = lambda a: a * (1.0 + c / p["KA"] + link * other(a)) - p["A_tot"]  # noqa: E731
    a = brentq(excess, 0.0, p["A_tot"], xtol=1e-300, rtol=1e-15)
    return link * a * other(a)


@case("t_cell_engager_trimer", rows="S4-05", sets=TRIMER)
def satisfies_the_equilibria(b: Bench):
    """Dimers and trimer obey their equilibria, all antigen and CD3 are accounted for."""
    for c in (b.p.C_free, 1e-3, 1e4):
        got = b.start({"C_free": c})
        yield same(f"trimer at {c:g}", got["trimer"], trimer_at(b, c))
        a, free, t = got["A_free"], got["B_free"], got["trimer"]
        yield same("antigen", a + got["AC"] + t, b.p.A_tot)
        yield same("CD3", free + got["CB"] + t, b.p.B_tot)
        yield same("dimers", [got["AC"], got["CB"]], [a * c / b.p.KA, free * c / b.p.KB])
        yield same("law of mass action", b.p.alpha * a * free * c / (b.p.KA * b.p.KB), t)


@case("t_cell_engager_trimer", rows="S4-05", sets=TRIMER)
def has_its_maximum_at_the_mean_affinity(b: Bench):
    """The trimer is largest at C_free = sqrt(KA KB), whatever the cooperativity, and declines on both sides."""
    at = np.sqrt(b.p.KA * b.p.KB)
    for alpha in (b.p.alpha, 1e-3, 1e3):
        got = b.start({"C_free": at, "alpha": alpha})
        largest = trimer_at(b, at, alpha=alpha)
        yield same("C_max", got["C_max"], at)
        yield same("trimer_max", [got["trimer_max"], got["trimer"]], largest)
        yield same("fraction", got["trimer_fraction"], 1.0)
        sides = [b.start({"C_free": f * at, "alpha": alpha})["trimer"] for f in (0.2, 0.8, 1.25, 5.0)]
        yield holds("lower on both sides", sides[0] < sides[1] < largest, largest > sides[2] > sides[3])


@case("t_cell_engager_trimer", rows="S4-05", sets=TRIMER)
def is_symmetric_in_log_dose(b: Bench):
    """The trimer is the same at sqrt(KA KB) x and sqrt(KA KB)/x."""
    at = np.sqrt(b.p.KA * b.p.KB)
    for x in (1.5, 40.0, 1e4):
        low, high = (b.start({"C_free": c})["trimer"] for c in (at / x, at * x))
        yield same(f"x = {x:g}", low, high)


@case("t_cell_engager_trimer", rows="S4-05", sets=TRIMER)
def vanishes_at_both_ends(b: Bench):
    """No drug, no trimer; in excess of drug the trimer falls as 1/C: alpha A_tot B_tot/C."""
    yield same("none", b.start({"C_free": 0.0})["trimer"], 0.0)
    scale = max(b.p.KA, b.p.KB, b.p.alpha * max(b.p.A_tot, b.p.B_tot), 1.0)
    for c in (1e8 * scale, 1e9 * scale):
        yield same("hook", b.start({"C_free": c})["trimer"], b.p.alpha * b.p.A_tot * b.p.B_tot / c)
    yield same("no link", b.run([0.0, 1.0], "trimer", changes={"alpha": 0.0})["trimer"], 0.0)


@case("t_cell_engager_trimer", rows=("S4-08", "S4-05"), sets=TRIMER)
def has_a_minimal_effect_level(b: Bench):
    """The smaller root of a quadratic gives EC20 of the trimer; the MABEL bolus EC20 V1 starts at that level."""
    top = trimer_at(b, np.sqrt(b.p.KA * b.p.KB))
    t = 0.2 * top
    phi = t / ((b.p.A_tot - t) * (b.p.B_tot - t))
    half = 0.5 * (b.p.alpha / phi - b.p.KA - b.p.KB)
    high = half + np.sqrt(half**2 - b.p.KA * b.p.KB)
    low = b.p.KA * b.p.KB / high
    found = qsp.ec50(b.model, "C_free", observable="trimer", fraction=0.2, at=0.0, changes=besides(b, "C_free"))
    yield same("EC20", float(found), low)
    again = qsp.level_for(
        b.model, "C_free", observable="trimer_fraction", target=0.2, at=0.0, changes=besides(b, "C_free")
    )
    yield same("level of the fraction", float(again), low)
    yield same("both sides", [b.start({"C_free": c})["trimer_fraction"] for c in (low, high)], 0.2)
    dose = low * BODY["V1"]
    first = with_antibody(b).run([0.0, 1.0], "it.trimer_fraction", regimen=f"{dose} nmol into pk.central")
    yield same("at the MABEL dose", first["it.trimer_fraction"][0], 0.2)


# -------------------------------------------------------------------------------------------------------- depletion
DEPLETION = {
    "typical": {},
    "cooperative": {"alpha": 50.0, "A_tot": 8.0},
    "crowded": {"A_tot": 300.0, "B_tot": 120.0, "alpha": 0.2},
    "slow": {"konA": 0.5, "koffA": 0.05, "konB": 0.1, "koffB": 0.3},
    "tight": {"konA": 4000.0, "koffA": 2.0, "konB": 900.0, "koffB": 9.0},
}


def equilibrium(b: Bench, total: float) -> tuple[float, float]:
    """Return free drug and trimer at a total drug, by a search for the free drug."""
    ka, kb = b.p.koffA / b.p.konA, b.p.koffB / b.p.konB

    def trimer(c: float) -> float:
        return trimer_at(b, c, KA=ka, KB=kb)

    def excess(c: float) -> float:
        t = trimer(c)
        return c + (b.p.A_tot - t) * c / (ka + c) + (b.p.B_tot - t) * c / (kb + c) + t - total

    c = brentq(excess, 0.0, total, xtol=1e-300, rtol=1e-14)
    return c, trimer(c)


@case("t_cell_engager_depletion", rows="S4-05", sets=DEPLETION)
def comes_to_the_equilibrium_of_the_totals(b: Bench):
    """At rest free drug and trimer are those of the equilibrium of all totals, below, at and above the hook."""
    middle = 0.5 * (b.p.A_tot + b.p.B_tot) + np.sqrt(b.p.koffA / b.p.konA * b.p.koffB / b.p.konB)
    trimers = []
    for total in (0.02 * middle, middle, 300.0 * middle):
        c, t = equilibrium(b, total)
        rest = b.at_rest({"central": total})
        yield same(f"free drug of {total:.3g}", rest["central"], c)
        yield same(f"trimer of {total:.3g}", rest["trimer"], t)
        trimers.append(t)
    yield holds("bell", trimers[0] < trimers[1] > trimers[2])
    yield same("constants", [rest["KA"], rest["KB"]], [b.p.koffA / b.p.konA, b.p.koffB / b.p.konB])


@case("t_cell_engager_depletion", rows="S4-05", sets=DEPLETION)
def conserves_drug_antigen_and_cd3(b: Bench):
    """Every molecule stays: free, in a dimer or in the trimer."""
    t = np.array([0.0, 1e-4, 1e-3, 0.01, 0.1, 1.0, 10.0, 100.0])
    got = b.run(t, "central", "A", "B", "AC", "CB", "ACB", "C_total", changes={"central": 4.0})
    yield same("drug", got["C_total"], 4.0, at=t)
    yield same("antigen", got["A"] + got["AC"] + got["ACB"], b.p.A_tot, at=t)
    yield same("CD3", got["B"] + got["CB"] + got["ACB"], b.p.B_tot, at=t)


@case("t_cell_engager_depletion", rows="S4-05", sets=DEPLETION)
def peaks_at_a_known_total_drug(b: Bench):
    """The trimer at rest is largest at a free drug of sqrt(KA KB), whatever alpha; that fixes the total drug there."""
    root = np.sqrt([b.p.koffA / b.p.konA, b.p.koffB / b.p.konB])
    at = root.prod() + (b.p.A_tot * root[1] + b.p.B_tot * root[0]) / root.sum()
    for alpha in (b.p.alpha, 1.0, 30.0):
        lower, middle, upper = (b.at_rest({"central": f * at, "alpha": alpha}) for f in (0.97, 1.0, 1.03))
        yield same("C_total_max", middle["C_total_max"], at)
        yield same("free drug there", middle["central"], root.prod())
        largest = trimer_at(b, root.prod(), KA=root[0] ** 2, KB=root[1] ** 2, alpha=alpha)
        yield same("trimer there", [middle["trimer"], middle["trimer_max"]], largest)
        yield holds("lower on both sides", lower["trimer"] < largest, upper["trimer"] < largest)


@case("t_cell_engager_depletion", rows="S4-05", sets={k: DEPLETION[k] for k in ("typical", "slow", "tight")})
def is_the_free_drug_form_when_receptors_are_few(b: Bench):
    """With receptors far below the drug nothing is depleted, and the trimer is that at the free drug."""
    ka, kb = b.p.koffA / b.p.konA, b.p.koffB / b.p.konB
    few = {"A_tot": 1e-9 * ka, "B_tot": 3e-9 * ka}
    for c in (0.3 * ka, 5.0 * kb):
        rest = b.at_rest({"central": c, **few})
        exact = trimer_at(b, c, KA=ka, KB=kb, **few)
        yield same("trimer", rest["trimer"], exact)
        free = qsp.Experiment(
            qsp.load("t_cell_engager_trimer"),
            times=[0.0, 1.0],
            observables=["trimer"],
            changes={**few, "C_free": c, "KA": ka, "KB": kb, "alpha": b.p.alpha},
        )
        yield same("both modules", qsp.simulate(free, progress=False)["trimer"].to_numpy().ravel()[0], rest["trimer"])


@case("t_cell_engager_depletion", rows="S4-05", sets=DEPLETION)
def binds_while_the_drug_is_eliminated(b: Bench):
    """Joined to an antibody, against the equations solved by SciPy: the trimer outlasts or precedes the hook."""
    parts = {"pk": qsp.load("two_compartment"), "it": b.model}
    model = qsp.compose("whole", parts, connect={"it.central": "pk.central", "it.V1": "pk.V1"})
    whole = Bench(model, {**{f"pk.{k}": v for k, v in BODY.items()}, **{f"it.{k}": v for k, v in b.changes.items()}})
    p = b.p

    def rates(_t: float, y: np.ndarray) -> list[float]:
        c, far, a, free, ac, cb, acb = y
        ra, rb = p.konA * c * a - p.koffA * ac, p.konB * c * free - p.koffB * cb
        sb, sa = p.alpha * p.konB * ac * free - p.koffB * acb, p.alpha * p.konA * cb * a - p.koffA * acb
        moved = BODY["Q"] * (c - far)
        out = (BODY["CL"] * c + moved) / BODY["V1"]
        return [-out - ra - rb, moved / BODY["V2"], -ra - sa, -rb - sb, ra - sb, rb - sa, sa + sb]

    t = np.array([0.0, 0.001, 0.01, 0.1, 1.0, 5.0, 14.0, 28.0])
    start = [200.0 / BODY["V1"], 0.0, p.A_tot, p.B_tot, 0.0, 0.0, 0.0]
    exact = integrate(rates, start, t)
    got = whole.run(t, "pk.C", "it.A", "it.B", "it.trimer", regimen="200 nmol into pk.central")
    for name, i in (("pk.C", 0), ("it.A", 2), ("it.B", 3)):
        yield same(name, got[name], exact[:, i], at=t)
    yield same("trimer", got["it.trimer"][1:], exact[1:, 6], at=t[1:])
