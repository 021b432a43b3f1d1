"""Direct effects and receptor theory: closed forms of Emax, Hill and operational models, alone and behind kinetics."""

from __future__ import annotations

import numpy as np
import pandas as pd

import sbmlqsp as qsp
from validation.analytic import pk
from validation.cases import Bench, case, holds, model_of, same

EMAX_SETS = {
    "typical": {},
    "potent inhibitor": {"E0": 90.0, "Emax": -75.0, "EC50": 1e-4},
    "weak": {"E0": 2.0, "Emax": 1e-3, "EC50": 4e3},
}
RELATIVE = np.array([0.0, 1e-6, 0.1, 1.0, 3.0, 19.0, 1e7])


def behind(disposition: str, effect: str, changes: dict[str, float] | None = None) -> Bench:
    """Return a small molecule's disposition that drives an effect module."""
    parts = {"pk": model_of(disposition), "pd": model_of(effect)}
    return Bench(qsp.compose("joined", parts, connect={"pd.Cp": "pk.C"}), changes or {})


def effects(b: Bench, concentrations: np.ndarray, **more: float) -> np.ndarray:
    """Return the effect at each concentration."""
    return np.array([b.run([0.0, 1.0], "E", changes={"Cp": c, **more})["E"][-1] for c in concentrations])


# ------------------------------------------------------------------------------------------------------------- emax
@case("emax", rows="S0-07", sets=EMAX_SETS)
def is_a_hyperbola_of_the_concentration(b: Bench):
    """E rises from E0 to E0 + Emax; half of the change at EC50, 95 % at 19 EC50."""
    got = effects(b, RELATIVE * b.p.EC50)
    yield same("E", got, b.p.E0 + b.p.Emax * RELATIVE / (1.0 + RELATIVE), at=RELATIVE)
    yield same("E without drug", got[0], b.p.E0)
    yield same("E at EC50", got[3], b.p.E0 + 0.5 * b.p.Emax)
    yield same("E at saturation", got[-1], b.p.E0 + b.p.Emax)


@case("emax", rows="S0-07", sets=EMAX_SETS)
def gives_the_concentration_for_an_effect(b: Bench):
    """The concentration for the fraction f of Emax is EC50 f/(1 - f); none exists for Emax itself or beyond."""
    for f in (0.01, 0.5, 0.95):
        answer = qsp.level_for(b.model, "Cp", observable="E", target=b.p.E0 + f * b.p.Emax, at=0.0, changes=b.changes)
        yield same(f"Cp for {f:g} Emax", answer.value, b.p.EC50 * f / (1.0 - f))
    beyond = qsp.level_for(b.model, "Cp", observable="E", target=b.p.E0 + 1.2 * b.p.Emax, at=0.0, changes=b.changes)
    yield holds("more than Emax is impossible", not beyond.possible)


INFUSION_SETS = {
    "typical": {"rate": 20.0, "pk.V": 34.0, "pk.CL": 2.7, "pd.EC50": 5.0, "pd.Emax": 1.0},
    "fast": {"rate": 3.0, "pk.V": 0.8, "pk.CL": 11.0, "pd.EC50": 0.02, "pd.Emax": 40.0, "pd.E0": 5.0},
    "slow": {"rate": 900.0, "pk.V": 500.0, "pk.CL": 0.05, "pd.EC50": 60.0, "pd.Emax": 1.0},
}


@case("emax", rows=("S0-06", "S0-08"), sets=INFUSION_SETS)
def follows_an_infusion(b: Bench):
    """An infusion drives the effect: E(5 h) and the steady state are the Emax model of C(t) and of rate/CL."""
    given = dict(b.changes)
    rate = given.pop("rate")
    joined = behind("one_compartment", "emax", given)
    p, t = joined.p, np.linspace(0.0, 5.0, 11)
    got = joined.run(t, "pd.E", regimen=f"{rate * 400.0!r} mg into pk.central over 400 h")
    body = pk.one_compartment(volume=p.pk_V, clearance=p.pk_CL)
    c = pk.infusion(body, t, rate=rate, duration=400.0)
    yield same("E(t)", got["pd.E"], p.pd_E0 + p.pd_Emax * c / (p.pd_EC50 + c), at=t)
    long = 60.0 * p.pk_V / p.pk_CL
    late = joined.run([0.0, long], "pd.E", regimen=f"{rate * 2.0 * long!r} mg into pk.central over {2.0 * long!r} h")
    level = rate / p.pk_CL
    yield same("E at steady state", late["pd.E"][-1], p.pd_E0 + p.pd_Emax * level / (p.pd_EC50 + level))


DRIVEN = {
    "emax": ("E", {"EC50": 0.3, "Emax": 9.0}),
    "sigmoid_emax": ("E", {"EC50": 0.3, "hill": 5.0}),
    "tolerance_antagonist": ("E", {"ktol": 7.0, "M50": 0.1}),
    "disease_progression_symptomatic": ("S", {"Emax": 20.0, "alpha": 1.0}),
    "disease_progression_modifying": ("S", {"Emax": 0.2, "alpha": 1.0}),
    "neutropenia": ("Circ", {"Emax": 20.0, "MTT": 30.0}),
}


@case("emax", rows="S2-10")
def same_kinetics_drive_every_effect(_: Bench):
    """One disposition module drives every effect module; no parameter of an effect and no error model moves it."""
    t = np.linspace(0.0, 48.0, 13)
    names = {effect: effect.replace("_", "") for effect in DRIVEN}
    parts = {"pk": model_of("two_compartment_small_molecule"), **{n: model_of(e) for e, n in names.items()}}
    joined = Bench(qsp.compose("driven", parts, connect={f"{n}.Cp": "pk.C" for n in names.values()}))
    p, outputs = joined.p, {effect: f"{names[effect]}.{output}" for effect, (output, _) in DRIVEN.items()}
    body = pk.two_compartment(central_volume=p.pk_V1, clearance=p.pk_CL, peripheral_volume=p.pk_V2, exchange=p.pk_Q)
    exact, regimen = pk.bolus(body, t, dose=300.0), "300 mg into pk.central"
    first = joined.run(t, "pk.C", *outputs.values(), regimen=regimen)
    yield same("C with every effect", first["pk.C"], exact, at=t)
    for effect, (_, other) in DRIVEN.items():
        output, changes = outputs[effect], {f"{names[effect]}.{k}": v for k, v in other.items()}
        second = joined.run(t, "pk.C", *outputs.values(), changes=changes, regimen=regimen)
        yield same(f"C with other parameters of {effect}", second["pk.C"], exact, at=t)
        moved = [o for o in outputs.values() if not np.allclose(first[o], second[o], rtol=1e-6)]
        yield holds(f"{effect} differs, and it alone", moved == [output])
    yield from _observation_leaves_states(t)


def _observation_leaves_states(t: np.ndarray):
    joined = behind("one_compartment", "emax")
    exact = qsp.Observable("E", "pd.E")
    noisy = qsp.Observable("E", "pd.E", error=qsp.ErrorModel(additive=0.2))
    found = []
    for seen in (exact, noisy):
        experiment = qsp.Experiment(joined.model, times=t, regimen="300 mg into pk.central", observables=["pk.C", seen])
        found.append(qsp.simulate(experiment, progress=False)["pk.C"].to_numpy())
    yield holds("an error model does not move a state", found[0] == found[1])


# -------------------------------------------------------------------------------------------------------- titration
def _trough(joined: Bench, doses: list[float], interval: float) -> float:
    """Return the effect just before the dose that would come next."""
    regimen = "; ".join(f"{d!r} mg into pk.central at {n * interval!r} h" for n, d in enumerate(doses))
    end = len(doses) * interval
    return float(joined.run([0.0, end], "pd.E", regimen=regimen)["pd.E"][-1])


def titrate(joined: Bench, ladder: list[float], *, target: float, interval: float, wait: int) -> tuple[int, float]:
    """Raise the dose one step whenever the effect is below the target after ``wait`` doses; return step and effect."""
    given: list[float] = []
    for dose in ladder:
        given += [dose] * wait
        if _trough(joined, given, interval) >= target:
            break
    return ladder.index(given[-1]), _trough(joined, given + [given[-1]] * 120, interval)


TITRATION_SETS = {
    "typical": {"pk.CL": 0.34, "target": 0.55},
    "slow": {"pk.CL": 0.17, "target": 0.7},
    "fast": {"pk.CL": 1.7, "target": 0.3},
}


@case("emax", rows="S3-13", sets=TITRATION_SETS)
def titration_waits_for_steady_state(b: Bench):
    """Waiting five half-lives per step ends at the first dose whose steady trough is enough; hurrying overshoots."""
    given, interval = dict(b.changes), 24.0
    target = given.pop("target")
    joined = behind("one_compartment", "emax", given)
    p, ladder = joined.p, [25.0 * 1.5**n for n in range(10)]
    body = pk.one_compartment(volume=p.pk_V, clearance=p.pk_CL)
    troughs = [
        float(pk.steady_bolus(body, np.array([np.nextafter(interval, 0.0)]), dose=d, interval=interval)[0])
        for d in ladder
    ]
    steady = [p.pd_E0 + p.pd_Emax * c / (p.pd_EC50 + c) for c in troughs]
    predicted = next(n for n, e in enumerate(steady) if e >= target)
    half_life = np.log(2.0) * p.pk_V / p.pk_CL
    patient, effect = titrate(
        joined, ladder, target=target, interval=interval, wait=int(np.ceil(8 * half_life / interval))
    )
    yield same("the step where a patient titration ends", patient, predicted)
    yield same("its steady effect", effect, steady[predicted])
    hasty, over = titrate(joined, ladder, target=target, interval=interval, wait=1)
    if half_life > interval:
        yield holds("a hasty titration overshoots", hasty > predicted, over > steady[predicted] * 1.05)


# ---------------------------------------------------------------------------------------------------- sigmoid effect
HILL_SETS = {
    "typical": {},
    "flat": {"hill": 0.3, "EC50": 1e-3, "E0": 4.0},
    "switch": {"hill": 12.0, "EC50": 700.0, "Emax": -30.0, "E0": 60.0},
}


@case("sigmoid_emax", rows="S0-07", sets=HILL_SETS)
def follows_the_hill_equation(b: Bench):
    """E is Hill's function of Cp/EC50; 10 to 90 % of Emax take a factor of 81^(1/hill)."""
    r = np.array([0.0, 0.01, 0.5, 1.0, 2.0, 40.0])
    share = np.array([0.0 if x == 0 else 1.0 / (1.0 + x ** (-b.p.hill)) for x in r])
    yield same("E", effects(b, r * b.p.EC50), b.p.E0 + b.p.Emax * share, at=r)
    found = [
        qsp.level_for(b.model, "Cp", observable="E", target=b.p.E0 + f * b.p.Emax, at=0.0, changes=b.changes).value
        for f in (0.1, 0.9)
    ]
    yield same("the factor from 10 to 90 %", found[1] / found[0], 81.0 ** (1.0 / b.p.hill))


@case("sigmoid_emax", rows="S0-07")
def is_an_emax_model_when_hill_is_one(b: Bench):
    """With hill = 1 it is the hyperbola, at any concentration."""
    got = effects(b, RELATIVE * b.p.EC50, hill=1.0)
    yield same("E", got, b.p.E0 + b.p.Emax * RELATIVE / (1.0 + RELATIVE))


# ------------------------------------------------------------------------------------------------- operational model
OPERATIONAL_SETS = {
    "typical": {},
    "partial": {"KA": 3e4, "eps": 0.02, "RT": 7.0, "KE": 0.9, "Em": 40.0},
    "reserve": {"KA": 0.4, "eps": 3.0, "RT": 500.0, "KE": 0.2},
}


@case("operational_model", rows="S2-14", sets=OPERATIONAL_SETS)
def is_a_hyperbola_of_a_hyperbola(b: Bench):
    """E = Em tau C/(KA + (1 + tau) C): an Emax model with Emax = Em tau/(1 + tau), EC50 = KA/(1 + tau)."""
    p = b.p
    tau = p.eps * p.RT / p.KE
    emax, ec50 = p.Em * tau / (1.0 + tau), p.KA / (1.0 + tau)
    c = RELATIVE * ec50
    yield same("E", effects(b, c), p.Em * tau * c / (p.KA + (1.0 + tau) * c), at=c)
    yield same("E as an Emax model", effects(b, c), emax * c / (ec50 + c), at=c)
    seen = b.start({"Cp": 0.25 * p.KA})
    yield same("tau", seen["tau"], tau)
    yield same("Emax", seen["Emax"], emax)
    yield same("EC50", seen["EC50"], ec50)
    yield same("occupancy", seen["occupancy"], 0.2)


@case("operational_model", rows="S2-15", sets=OPERATIONAL_SETS)
def needs_little_occupancy_when_receptors_are_spare(b: Bench):
    """Half of Emax takes the occupancy 1/(2 + tau), 95 % takes 19/(20 + tau)."""
    tau = b.p.eps * b.p.RT / b.p.KE
    for fraction, needed in ((0.5, 1.0 / (2.0 + tau)), (0.95, 19.0 / (20.0 + tau)), (1.0, 1.0)):
        seen = b.start({"fraction": fraction})
        yield same(f"occupancy for {fraction:g} Emax", seen["occupancy_needed"], needed)
        if fraction < 1.0:
            at = b.start({"fraction": fraction, "Cp": b.p.KA * needed / (1.0 - needed)})
            yield same("the effect there", at["E"], fraction * at["Emax"])


@case("operational_model", rows="S2-15", sets=OPERATIONAL_SETS)
def loses_potency_then_effect_as_receptors_go(b: Bench):
    """A fraction q of receptors left: EC50 rises and Emax falls; equal effects give KA (Furchgott)."""
    p, tau = b.p, b.p.eps * b.p.RT / b.p.KE
    emax, ec50 = [], []
    for q in (1.0, 0.3, 0.05, 1e-3):
        seen = b.start({"q": q})
        emax, ec50 = [*emax, seen["Emax"]], [*ec50, seen["EC50"]]
        yield same(f"Emax, {q:g} left", seen["Emax"], p.Em * q * tau / (1.0 + q * tau))
        yield same(f"EC50, {q:g} left", seen["EC50"], p.KA / (1.0 + q * tau))
        yield same(
            f"E with q = {q:g} and with RT",
            effects(b, np.array([p.KA]), q=q),
            effects(b, np.array([p.KA]), RT=q * p.RT),
        )
    yield holds("Emax falls and EC50 rises", np.diff(emax) < 0, np.diff(ec50) > 0)
    q, after = 0.2, np.array([0.3, 2.0]) * p.KA
    targets = effects(b, after, q=q)
    before = np.array(
        [qsp.level_for(b.model, "Cp", observable="E", target=e, at=0.0, changes=b.changes).value for e in targets]
    )
    yield same("KA from equal effects", (1.0 - q) / (q / before - 1.0 / after), p.KA)


@case("operational_model", rows="S2-14", sets=OPERATIONAL_SETS)
def tells_full_from_partial_agonists(b: Bench):
    """Intrinsic efficacy alone makes an agonist full (Emax near Em, potent) or partial (low Emax, EC50 near KA)."""
    p = b.p
    unit = p.KE / p.RT
    full, partial, silent = (b.start({"eps": tau * unit, "Cp": 1e9 * p.KA}) for tau in (1e6, 0.01, 0.0))
    yield same("a full agonist", [full["Emax"], full["EC50"]], [p.Em * 1e6 / 1000001.0, p.KA / 1000001.0])
    yield same("a partial agonist", [partial["Emax"], partial["EC50"]], [p.Em * 0.01 / 1.01, p.KA / 1.01])
    yield same("an antagonist", silent["E"], 0.0)


@case(
    "operational_model",
    rows=("S2-14", "S2-15"),
    sets={k: {**v, "n": n} for (k, v), n in zip(OPERATIONAL_SETS.items(), (2.0, 0.6, 4.0), strict=True)},
)
def has_slope_n(b: Bench):
    """With slope n, E = Em tau^n C^n/((KA + C)^n + tau^n C^n); EC50 = KA/((2 + tau^n)^(1/n) - 1) gives half of Emax."""
    p = b.p
    tau = p.eps * p.RT / p.KE
    c = np.array([0.0, 0.01, 1.0, 50.0]) * p.KA
    yield same("E", effects(b, c), p.Em * (tau * c) ** p.n / ((p.KA + c) ** p.n + (tau * c) ** p.n), at=c)
    seen = b.start()
    half = b.start({"Cp": seen["EC50"]})
    yield same("Emax", seen["Emax"], effects(b, np.array([1e12 * p.KA]))[0])
    yield same("E at EC50", half["E"], 0.5 * seen["Emax"])
    yield same("EC50", seen["EC50"], p.KA / ((2.0 + tau**p.n) ** (1.0 / p.n) - 1.0))
    needed = b.start({"fraction": 0.8})["occupancy_needed"]
    there = b.start({"Cp": p.KA * needed / (1.0 - needed)})
    yield same("E at the occupancy for 80 %", there["E"], 0.8 * seen["Emax"])


@case("operational_model", rows="S2-15")
def varies_with_the_receptors_of_a_subject(b: Bench):
    """Log-normal receptor density between subjects gives every subject its own Emax and EC50."""
    p, spread = b.p, np.exp(0.5 * np.array([-2.0, -1.0, 0.0, 1.0, 2.0]))
    people = pd.DataFrame({"RT": p.RT * spread, "Cp": 0.1 * p.KA})
    ds = qsp.simulate(b.experiment([0.0, 1.0], "E", "Emax", "EC50"), subjects=people, progress=False)
    tau = p.eps * p.RT * spread / p.KE
    e, emax, ec50 = (ds[name].isel(experiment=0, replicate=0, time=0).to_numpy() for name in ("E", "Emax", "EC50"))
    yield same("Emax by subject", emax, p.Em * tau / (1.0 + tau))
    yield same("EC50 by subject", ec50, p.KA / (1.0 + tau))
    yield same("E by subject", e, p.Em * tau * 0.1 / (1.0 + 0.1 * (1.0 + tau)))
