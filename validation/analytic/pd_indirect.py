"""Indirect responses and transit delays: exact courses at constant exposure, numeric references after doses."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.special import gammainc

import sbmlqsp as qsp
from validation.analytic import pk
from validation.cases import Bench, case, holds, model_of, same
from validation.reference import integrate

INHIBITED = {
    "typical": {},
    "fast and complete": {"kout": 40.0, "kin": 1e4, "Imax": 1.0, "IC50": 0.02},
    "slow and weak": {"kout": 1e-3, "kin": 0.02, "Imax": 0.05, "IC50": 900.0},
}
STIMULATED = {
    "typical": {},
    "fast and strong": {"kout": 25.0, "kin": 1e4, "Smax": 60.0, "SC50": 0.02},
    "slow and weak": {"kout": 1e-3, "kin": 0.02, "Smax": 0.1, "SC50": 900.0},
}
# What the drug does to production and to loss: the sign of the change, of one or the other.
SIGNS = {
    "indirect_response": (-1.0, 0.0),
    "indirect_response_inhibited_loss": (0.0, -1.0),
    "indirect_response_stimulated_production": (1.0, 0.0),
    "indirect_response_stimulated_loss": (0.0, 1.0),
}
Drug = Callable[[float], float]


def drug_of(p) -> tuple[Drug, float]:
    """Return the fraction of inhibition or stimulation as a function of the concentration, and its half-point."""
    if hasattr(p, "Imax"):
        return (lambda c: p.Imax * c / (p.IC50 + c)), p.IC50
    return (lambda c: p.Smax * c / (p.SC50 + c)), p.SC50


def rates_of(model: str, p, c: float) -> tuple[float, float]:
    """Return production rate and loss rate constant at a concentration."""
    on_production, on_loss = SIGNS[model]
    effect = drug_of(p)[0](c)
    return p.kin * (1.0 + on_production * effect), p.kout * (1.0 + on_loss * effect)


def _constant_exposure(b: Bench, model: str):
    half = drug_of(b.p)[1]
    base = b.p.kin / b.p.kout
    for r in (0.0, 0.5, 1.0, 30.0):
        made, lost = rates_of(model, b.p, r * half)
        t = np.linspace(0.0, 6.0, 13) / lost
        got = b.run(t, "response", changes={"Cp": r * half})["response"]
        yield same(
            f"response at {r:g} times the half-point", got, made / lost + (base - made / lost) * np.exp(-lost * t), at=t
        )
        yield same(f"its rest at {r:g} times", b.at_rest({"Cp": r * half})["response"], made / lost)


def _joined(model: str, changes: dict[str, float]) -> Bench:
    parts = {"pk": model_of("two_compartment"), "pd": model_of(model)}
    joined = qsp.compose("joined", parts, connect={"pd.Cp": "pk.C"})
    return Bench(joined, {f"pd.{k}": v for k, v in changes.items()})


def _kinetics(p):
    return pk.two_compartment(central_volume=p.pk_V1, clearance=p.pk_CL, peripheral_volume=p.pk_V2, exchange=p.pk_Q)


def _after_bolus(b: Bench, model: str):
    joined, half = _joined(model, b.changes), drug_of(b.p)[1]
    body, base = _kinetics(joined.p), b.p.kin / b.p.kout
    for multiple in (0.3, 20.0):
        dose = multiple * half * joined.p.pk_V1
        t = np.linspace(0.0, 60.0, 25)

        def rates(time: float, y, dose: float = dose):
            made, lost = rates_of(model, b.p, float(pk.bolus(body, time, dose=dose)))
            return [made - lost * y[0]]

        exact = integrate(rates, [base], t, atol=1e-13 * base)[:, 0]
        got = joined.run(t, "pd.response", regimen=f"{dose!r} nmol into pk.central")["pd.response"]
        yield same(f"response after {multiple:g} half-points", got, exact, at=t)
    late = joined.run([0.0, 3e5], "pd.response", regimen=f"{dose!r} nmol into pk.central")["pd.response"][-1]
    yield same("response long after", late, base)


@case("indirect_response", rows=("S2-11", "S2-12"), sets=INHIBITED)
def approaches_its_level_exponentially(b: Bench):
    """At constant exposure R goes from kin/kout to kin (1 - I)/kout at the rate kout, exactly."""
    yield from _constant_exposure(b, "indirect_response")


@case("indirect_response", rows=("S2-11", "S2-12"), sets=INHIBITED)
def answers_a_bolus_late_and_returns(b: Bench):
    """After a bolus R follows the numeric reference and comes back to its baseline."""
    yield from _after_bolus(b, "indirect_response")


def _registered(model: str, sets: dict) -> None:
    def approaches_its_level_exponentially(b: Bench):
        """At constant exposure R goes to its new rest at the loss rate of that exposure, exactly."""
        yield from _constant_exposure(b, model)

    def answers_a_bolus_late_and_returns(b: Bench):
        """After a bolus R follows the numeric reference and comes back to its baseline."""
        yield from _after_bolus(b, model)

    for body in (approaches_its_level_exponentially, answers_a_bolus_late_and_returns):
        case(model, rows="S2-12", sets=sets)(body)


_registered("indirect_response_inhibited_loss", INHIBITED)
_registered("indirect_response_stimulated_production", STIMULATED)
_registered("indirect_response_stimulated_loss", STIMULATED)


@case("indirect_response", rows="S2-12")
def four_models_move_as_named(b: Bench):
    """I and IV fall, II and III rise, all return; with equal effect I and III, and only they, are mirror images."""
    regimen, t = "300 nmol into pk.central", np.linspace(0.0, 40.0, 81)
    turned = {}
    for model in SIGNS:
        strength = "pd.Imax" if "inhibited" in model or model == "indirect_response" else "pd.Smax"
        joined = _joined(model, {strength.removeprefix("pd."): 0.5})
        turned[model] = joined.run(t, "pd.response", regimen=regimen)["pd.response"] - 100.0
    one, two, three, four = turned.values()
    yield holds("I and IV fall", one[1:] < 0, four[1:] < 0)
    yield holds("II and III rise", two[1:] > 0, three[1:] > 0)
    yield same("I mirrors III", one, -three, floor=1e-3)
    yield holds("II does not mirror IV", np.abs(two + four).max() > 1.0)
    del b


@case("indirect_response", rows=("S2-11", "S2-12"), sets={"typical": {}, "fast": {"kout": 3.0}, "slow": {"kout": 0.02}})
def peaks_later_with_dose(b: Bench):
    """The nadir after a bolus is later than the peak concentration, and later and deeper the higher the dose."""
    joined = _joined("indirect_response", b.changes)
    body, base, times, depths = _kinetics(joined.p), b.p.kin / b.p.kout, [], []
    for dose in (30.0, 300.0, 3000.0):
        run = joined.experiment(np.linspace(0.0, 400.0, 401), "pd.response", regimen=f"{dose} nmol into pk.central")
        found = qsp.extremum(run, "pd.response", kind="min")

        def rates(time: float, y, dose: float = dose):
            made, lost = rates_of("indirect_response", b.p, float(pk.bolus(body, time, dose=dose)))
            return [made - lost * y[0]]

        near = np.array([found.at])
        exact = integrate(rates, [base], near, atol=1e-13 * base)[0, 0]
        made, lost = rates_of("indirect_response", b.p, float(pk.bolus(body, near, dose=dose)[0]))
        yield same(f"the nadir after {dose:g} nmol", found.value, exact)
        yield same(f"production and loss are equal there, {dose:g} nmol", made, lost * exact)
        times, depths = [*times, found.at], [*depths, found.value]
    yield holds("later and deeper with dose", np.array(times) > 0, np.diff(times) > 0, np.diff(depths) < 0)


@case("indirect_response_inhibited_loss", rows="S2-12")
def grows_steadily_when_nothing_is_lost(b: Bench):
    """With loss inhibited all but wholly there is no rest within reach: R grows at the rate kin."""
    t = np.linspace(0.0, 100.0, 6)
    got = b.run(t, "response", changes={"Imax": 1.0, "Cp": 1e13 * b.p.IC50})["response"]
    yield same("R(t)", got, b.p.kin / b.p.kout + b.p.kin * t, at=t)


# -------------------------------------------------------------------------------------------------- chains of delays
@case("indirect_response", rows="S1-06", sets={"typical": {}, "fast": {"kout": 5.0}, "slow": {"kout": 0.01}})
def follows_the_receptor_complex_with_a_delay(b: Bench):
    """A receptor complex drives a biomarker: the chain equals its equations; the biomarker turns later."""
    parts = {
        "pk": model_of("two_compartment"),
        "target": model_of("tmdd_full"),
        "marker": model_of("indirect_response"),
    }
    links = {"target.central": "pk.central", "target.V1": "pk.V1", "marker.Cp": "target.C_complex"}
    joined = Bench(qsp.compose("chain", parts, connect=links), {f"marker.{k}": v for k, v in b.changes.items()})
    p, t, dose = joined.p, np.linspace(0.0, 90.0, 31), 500.0

    def rates(_, y):
        drug, there, r, rc, marker = y
        bound = p.target_kon * drug * r - p.target_koff * rc
        return [
            (-p.pk_CL * drug + p.pk_Q * (there - drug)) / p.pk_V1 - bound,
            p.pk_Q * (drug - there) / p.pk_V2,
            p.target_ksyn - p.target_kdeg * r - bound,
            bound - p.target_kint * rc,
            p.marker_kin * (1.0 - p.marker_Imax * rc / (p.marker_IC50 + rc)) - p.marker_kout * marker,
        ]

    start = [dose / p.pk_V1, 0.0, p.target_ksyn / p.target_kdeg, 0.0, p.marker_kin / p.marker_kout]
    exact = integrate(rates, start, t)
    regimen = f"{dose} nmol into pk.central"
    got = joined.run(t, "target.RC", "marker.response", regimen=regimen)
    yield same("complex", got["target.RC"], exact[:, 3], floor=1e-6, at=t)
    yield same("biomarker", got["marker.response"], exact[:, 4], at=t)
    run = joined.experiment(np.linspace(0.0, 900.0, 901), "marker.response", "target.RC", regimen=regimen)
    complex_, marker = (qsp.extremum(run, o, kind=k).at for o, k in (("target.RC", "max"), ("marker.response", "min")))
    yield holds("the biomarker turns after the complex", marker > complex_)


TRANSIT_SETS = {"typical": {}, "fast": {"tau": 1e-3, "drive": 7.0}, "slow": {"tau": 900.0, "drive": -2.0}}


@case("transit_compartments", rows="S1-06", sets=TRANSIT_SETS)
def is_a_gamma_distribution_of_delays(b: Bench):
    """After a step of the signal, Mi is the cumulative gamma distribution of shape i, mean delay i tau."""
    t = np.linspace(0.0, 15.0, 31) * b.p.tau
    for baseline, drive in ((0.0, 3.0), (2.0, b.p.drive)):
        got = b.run(t, "M1", "M2", "M3", "M4", changes={"baseline": baseline, "drive": drive})
        for i in range(1, 5):
            exact = baseline + (drive - baseline) * gammainc(i, t / b.p.tau)
            yield same(f"M{i} from {baseline:g} to {drive:g}", got[f"M{i}"], exact, floor=1e-3, at=t)
    yield same("M4 at rest", b.at_rest({"drive": 3.0})["M4"], 3.0)


@case("transit_compartments", rows="S1-06")
def chains_join_to_longer_ones(b: Bench):
    """Two chains in series with a shared tau are a gamma distribution of shape eight."""
    parts = {"first": b.model, "second": b.model}
    whole = qsp.compose("long", parts, connect={"second.drive": "first.M4"}, share={"tau": ["first.tau", "second.tau"]})
    t = np.linspace(0.0, 40.0, 21)
    got = Bench(whole, {"first.drive": 1.0}).run(t, "second.M4")["second.M4"]
    yield same("the end of the chain", got, gammainc(8, t / b.p.tau), floor=1e-4, at=t)


@case("transit_compartments", rows="S1-06")
def passes_an_effect_on_late(b: Bench):
    """Behind an Emax effect of a bolus every stage peaks later and lower, as in the numeric reference."""
    parts = {"pk": model_of("one_compartment"), "pd": model_of("emax"), "chain": b.model}
    links = {"pd.Cp": "pk.C", "chain.drive": "pd.E"}
    joined = Bench(qsp.compose("delayed", parts, connect=links))
    p, t = joined.p, np.linspace(0.0, 96.0, 33)
    body = pk.one_compartment(volume=p.pk_V, clearance=p.pk_CL)

    def rates(time: float, y):
        c = float(pk.bolus(body, time, dose=400.0))
        given = p.pd_Emax * c / (p.pd_EC50 + c)
        return (np.array([given, *y[:-1]]) - y) / p.chain_tau

    stages = [f"chain.M{i}" for i in range(1, 5)]
    got = joined.run(t, *stages, regimen="400 mg into pk.central")
    exact = integrate(rates, np.zeros(4), t)
    for i, name in enumerate(stages):
        yield same(name, got[name], exact[:, i], floor=1e-6, at=t)
    run = joined.experiment(t, *stages, regimen="400 mg into pk.central")
    tops = [qsp.extremum(run, name, kind="max") for name in stages]
    yield holds("later and lower", np.diff([x.at for x in tops]) > 0, np.diff([x.value for x in tops]) < 0)
