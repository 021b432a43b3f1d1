"""Cytokine release with tolerance, and the blockade of the cytokine's receptor.

Time is in days, concentration in nmol/L.
"""

from __future__ import annotations

import numpy as np
from scipy.integrate import quad

import sbmlqsp as qsp
from validation.analytic import pk
from validation.analytic.immune_drugs import besides, with_antibody
from validation.cases import Bench, case, holds, same

RELEASE = {
    "typical": {"C": 2.0},
    "steep": {"C": 0.4, "EC50": 1.0, "hill": 3.0, "Emax": 2000.0, "kout": 30.0},
    "slow": {"C": 50.0, "kin": 1e-5, "kout": 0.2, "ktol": 1.5, "Ktol": 0.5},
}
BLOCKADE = {
    "typical": {"L": 0.02, "C": 10.0},
    "storm": {"L": 5.0, "C": 300.0},
    "tight": {"L": 1e-6, "KL": 1e-4, "KC": 1e-3, "C": 1e-5},
    "none": {"C": 0.0},
}


def drive_of(b: Bench) -> float:
    x = (b.p.C / b.p.EC50) ** b.p.hill
    return b.p.Emax * x / (1.0 + x)


@case("cytokine_release", rows="S4-11", sets=RELEASE)
def rests_without_drug(b: Bench):
    """Without drug the cytokine stays at kin/kout and no tolerance develops."""
    got = b.run(np.linspace(0.0, 30.0, 4), "cytokine", "C_cytokine", "fold", "tolerance", changes={"C": 0.0})
    yield same("cytokine", [got["cytokine"], got["C_cytokine"]], b.p.kin / b.p.kout)
    yield same("fold", got["fold"], 1.0)
    yield same("tolerance", got["tolerance"], 0.0)


@case("cytokine_release", rows="S4-11", sets=RELEASE)
def peaks_and_settles_under_constant_drug(b: Bench):
    """tolerance = drive (1 - exp(-ktol t)); the cytokine is the convolution of its production, and settles lower."""
    drive, t = drive_of(b), np.array([0.0, 0.05, 0.3, 1.0, 4.0, 12.0])
    got = b.run(t, "cytokine", "tolerance", "drive")
    yield same("drive", got["drive"], drive)
    yield same("tolerance", got["tolerance"], -drive * np.expm1(-b.p.ktol * t), at=t)

    def made(s: float) -> float:
        return drive / (1.0 - drive * np.expm1(-b.p.ktol * s) / b.p.Ktol)

    def fold(at: float) -> float:
        gone = lambda s: b.p.kout * np.exp(-b.p.kout * (at - s)) * made(s)  # noqa: E731
        marks = [max(0.0, at - n / b.p.kout) for n in (1.0, 5.0, 20.0)]
        return 1.0 + quad(gone, 0.0, at, points=marks, epsabs=0.0, epsrel=1e-11, limit=400)[0]

    exact = np.array([1.0] + [fold(float(one)) for one in t[1:]])
    yield same("cytokine", got["cytokine"], b.p.kin / b.p.kout * exact, at=t)
    rest = qsp.steady_state(b.model, changes=b.changes)
    settled = b.p.kin / b.p.kout * (1.0 + drive / (1.0 + drive / b.p.Ktol))
    yield same("at rest", [rest.values["cytokine"], rest.values["tolerance"]], [settled, drive])
    peak = qsp.extremum(b.experiment(np.linspace(0.0, 12.0, 121), "cytokine"), "cytokine")
    yield holds(
        "peak above the rest where loss is faster than tolerance",
        float(peak) > settled or b.p.ktol > b.p.kout,
        rest.stable,
    )


@case("cytokine_release", rows="S4-11", sets=RELEASE)
def relaxes_without_tolerance(b: Bench):
    """Without tolerance the cytokine goes to kin/kout (1 + drive) as exp(-kout t)."""
    t, low = np.linspace(0.0, 5.0, 11) / b.p.kout, b.p.kin / b.p.kout
    got = b.run(t, "cytokine", changes={"ktol": 0.0})["cytokine"]
    yield same("cytokine", got, low * (1.0 - drive_of(b) * np.expm1(-b.p.kout * t)), at=t)


@case(
    "cytokine_release",
    rows="S4-11",
    sets={"typical": {}, "steep": {"hill": 2.0, "ktol": 0.2}, "strong": {"Emax": 3000.0, "Ktol": 3.0}},
)
def peaks_lower_under_step_up_dosing(b: Bench):
    """Small first doses build tolerance: the highest cytokine of the course is lower than that of full doses."""
    whole, peaks = with_antibody(b), {}
    courses = {
        "flat": "30 nmol into pk.central every 7 day x 3",
        "step-up": "1 nmol into pk.central; 5 nmol into pk.central at 3 day; 30 nmol into pk.central at 7 day q7d x 3",
    }
    for name, regimen in courses.items():
        for label, ktol in (("", {}), (" without tolerance", {"it.ktol": 0.0})):
            run = whole.experiment(np.linspace(0.0, 28.0, 113), regimen=regimen, changes=ktol)
            peaks[name + label] = float(qsp.extremum(run, "it.fold"))
    yield holds("lower", peaks["step-up"] < 0.8 * peaks["flat"])
    without = peaks["step-up without tolerance"] / peaks["flat without tolerance"]
    yield holds("by tolerance", without > 0.99)


@case("cytokine_release", rows="S4-11", sets={"typical": {}, "fast": {"ktol": 1.0}, "slow": {"ktol": 0.05}})
def loses_tolerance_in_a_long_pause(b: Bench):
    """Tolerance decays as exp(-ktol t) without drug, so that a dose after a long pause peaks as the first did."""
    t = np.linspace(0.0, 5.0, 11) / b.p.ktol
    got = b.run(t, "tolerance", changes={"C": 0.0, "tolerance": 40.0})["tolerance"]
    yield same("tolerance", got, 40.0 * np.exp(-b.p.ktol * t), at=t)
    whole, pause = with_antibody(b, **{"pk.CL": 9.0, "pk.Q": 30.0}), 40.0 / b.p.ktol
    run = whole.experiment(np.linspace(0.0, pause + 7.0, 300), regimen=f"30 nmol into pk.central every {pause} day x 2")
    first, second = qsp.extremum(run, "it.fold", before=7.0), qsp.extremum(run, "it.fold", after=pause)
    yield same("peaks", float(second), float(first))


@case("il6_receptor_blockade", rows="S4-11", sets=BLOCKADE)
def competes_for_the_receptor(b: Bench):
    """signalling = (L/KL)/(1 + L/KL + C/KC), and every receptor is free, signalling or blocked."""
    got = b.start()
    cytokine, drug = b.p.L / b.p.KL, b.p.C / b.p.KC
    yield same("signalling", got["signalling"], cytokine / (1.0 + cytokine + drug))
    yield same("blocked", got["blocked"], drug / (1.0 + cytokine + drug))
    alone = b.start({"C": 0.0})
    yield same("relative", got["relative_signalling"], got["signalling"] / alone["signalling"])
    raised = b.start({"L": b.p.L * (1.0 + drug)})
    yield same("dose ratio 1 + C/KC", raised["signalling"], alone["signalling"])
    yield holds("never more", got["signalling"] <= alone["signalling"])


@case("il6_receptor_blockade", rows="S4-11", sets=BLOCKADE)
def halves_signalling_at_IC50(b: Bench):
    """IC50 = KC (1 + L/KL), which rises with the cytokine."""
    exact = b.p.KC * (1.0 + b.p.L / b.p.KL)
    yield same("IC50", b.start()["IC50"], exact)
    yield same("half", b.start({"C": exact})["relative_signalling"], 0.5)
    found = qsp.level_for(b.model, "C", observable="relative_signalling", target=0.5, at=0.0, changes=besides(b, "C"))
    yield same("found", float(found), exact)
    yield holds("rises", b.start({"L": 10.0 * b.p.L})["IC50"] > exact)


@case(
    "il6_receptor_blockade", rows="S4-11", sets={"typical": {}, "tight": {"KC": 0.1}, "weak": {"KC": 60.0, "KL": 0.005}}
)
def shields_a_cytokine_storm(b: Bench):
    """Cytokine release, antagonist and receptor in one model: given with the drug, the antagonist lowers signalling."""
    parts = {
        "pk": qsp.load("two_compartment"), "crs": qsp.load("cytokine_release"),
        "anti": qsp.load("two_compartment"), "il6r": b.model,
    }  # fmt: skip
    joined = {"crs.C": "pk.C", "il6r.L": "crs.C_cytokine", "il6r.C": "anti.C"}
    whole = Bench(qsp.compose("storm", parts, connect=joined), {f"il6r.{k}": v for k, v in b.changes.items()})
    t, drug = np.linspace(0.0, 7.0, 29), "30 nmol into pk.central"
    names = ("crs.cytokine", "il6r.signalling")
    bare = whole.run(t, *names, regimen=drug)
    saved = whole.run(t, *names, regimen=f"{drug}; 4000 nmol into anti.central")
    body = pk.two_compartment(central_volume=3.61, clearance=0.2, peripheral_volume=2.75, exchange=0.747)
    load = bare["crs.cytokine"] / b.p.KL
    exact = load / (1.0 + load + pk.bolus(body, t, dose=4000.0) / b.p.KC)
    yield same("cytokine is not changed", saved["crs.cytokine"], bare["crs.cytokine"], at=t)
    yield same("signalling", saved["il6r.signalling"], exact, at=t)
    yield holds("lower", saved["il6r.signalling"] < bare["il6r.signalling"])
