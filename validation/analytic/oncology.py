"""Growth and kill of tumours: closed forms of growth laws, with and without a drug, and under regimens.

Time is in hours, weight in mg, concentration in mg/L. Every drug here has one compartment, so that after boluses its
concentration is a sum of exponentials and its area a sum of `pk.gain`.
"""

from __future__ import annotations

import numpy as np

import sbmlqsp as qsp
from validation.analytic import pk
from validation.cases import Bench, case, holds, same

V, CL = 20.0, 3.0
LAWS = {
    "typical": {"C": 0.1},
    "killed": {"C": 4.0, "kkill": 0.05, "kill": 0.001},
    "fast": {"kg": 0.2, "C": 0.0, "kkill": 3.0},
    "slow": {"kg": 1e-5, "C": 0.3, "kkill": 1e-6, "kill": 2e-6},
}
COURSES = {"weekly": (12.0, 168.0, 4), "daily": (12.0 / 7.0, 24.0, 28), "once": (48.0, 672.0, 1)}


def treated(b: Bench, **changes: float) -> Bench:
    """Return the tumour joined to a drug of one compartment."""
    parts = {"pk": qsp.load("one_compartment"), "tumour": b.model}
    model = qsp.compose("treated", parts, connect={"tumour.C": "pk.C"})
    mine = {f"tumour.{k}": v for k, v in b.changes.items() if k != "C"}
    return Bench(model, {"pk.V": V, "pk.CL": CL, **mine, **changes})


def area(t: np.ndarray, dose: float, interval: float, count: int) -> np.ndarray:
    """Return the area under the concentration from 0 to ``t`` after repeated boluses."""
    k = CL / V
    since = [np.maximum(t - n * interval, 0.0) for n in range(count)]
    return dose / V * sum(s * pk.gain(k * s) for s in since)


def net(b: Bench) -> float:
    """Return growth minus kill of the smallest tumours, where growth is exponential."""
    return b.p.kg - b.p.kkill * b.p.C - b.p.kill


def span(b: Bench, scale: float = 3.0) -> np.ndarray:
    return np.linspace(0.0, scale / max(b.p.kg, b.p.kkill * b.p.C), 13)


# ------------------------------------------------------------------------------------------------------ exponential
@case("tumour_exponential", rows=("S2-28", "S4-01"), sets=LAWS)
def grows_and_is_killed(b: Bench):
    """tumour = tumour(0) exp((kg - kkill C - kill) t): it grows if growth exceeds kill and shrinks if kill does."""
    t = span(b)
    for start in (1e-3, 250.0):
        got = b.run(t, "tumour", "net_growth", "doubling_time", changes={"tumour": start})
        yield same(f"tumour from {start:g}", got["tumour"], start * np.exp(net(b) * t), at=t)
    yield same("net growth", got["net_growth"], net(b))
    yield same("doubling time", got["doubling_time"], np.log(2.0) / b.p.kg)
    untreated = {"C": 0.0, "kill": 0.0}
    twice = b.run([0.0, np.log(2.0) / b.p.kg], "tumour", changes=untreated)["tumour"]
    yield same("after one doubling time", twice[1] / twice[0], 2.0)
    yield holds("kill against growth", (got["tumour"][-1] > 250.0) == (b.p.kg > b.p.kkill * b.p.C + b.p.kill))


@case("tumour_exponential", rows=("S2-28", "S4-01"), sets=LAWS)
def is_held_at_the_stasis_concentration(b: Bench):
    """At C_stasis = (kg - kill)/kkill the weight stays; a hundredth above it shrinks, a hundredth below it grows."""
    stasis = b.start()["C_stasis"]
    yield same("C_stasis", stasis, (b.p.kg - b.p.kill) / b.p.kkill)
    t = span(b)
    held, over, under = (b.run(t, "tumour", changes={"C": f * stasis})["tumour"] for f in (1.0, 1.01, 0.99))
    yield same("held", held, 100.0)
    yield same("above", over, 100.0 * np.exp(-0.01 * (b.p.kg - b.p.kill) * t))
    yield holds("directions", np.diff(over) < 0.0, np.diff(under) > 0.0)


@case("tumour_exponential", rows="S2-28", sets=LAWS)
def follows_the_area_under_any_regimen(b: Bench):
    """ln(tumour) = ln(tumour(0)) + kg t - kkill (area under C): how it is spread does not matter."""
    whole = treated(b)
    t = np.linspace(0.0, 1000.0 if b.p.kg < 0.1 else 100.0, 41)
    for name, (dose, interval, count) in COURSES.items():
        scale = 1.0 if b.p.kkill < 1.0 else 0.02
        regimen = f"{dose * scale} mg into pk.central every {interval} h x {count}"
        got = whole.run(t, "tumour.tumour", regimen=regimen)["tumour.tumour"]
        exact = (b.p.kg - b.p.kill) * t - b.p.kkill * area(t, dose * scale, interval, count)
        yield same(name, got, 100.0 * np.exp(exact), at=t)


@case("tumour_exponential", rows="S2-28", sets=LAWS)
def is_held_by_the_dose_rate_of_stasis(b: Bench):
    """A dose of C_stasis CL tau per interval tau brings every steady interval back to where it began."""
    tau = 24.0
    dose = (b.p.kg - b.p.kill) / b.p.kkill * CL * tau
    start = {"pk.central": dose / V * (pk.accumulation(CL / V, tau) - 1.0)}
    got = treated(b, **start).run(
        [0.0, tau, 2 * tau], "tumour.tumour", regimen=f"{dose} mg into pk.central every {tau} h x 3"
    )
    yield same("weight at the starts of intervals", got["tumour.tumour"], 100.0)


# --------------------------------------------------------------------------------------------------------- logistic
def logistic(start: float, rate: float, crowding: float, t: np.ndarray) -> np.ndarray:
    """Solve dT/dt = rate T - crowding T^2 for any sign of ``rate``."""
    return start * np.exp(rate * t) / (1.0 + crowding * start * t * np.exp(rate * t) * pk.gain(rate * t))


@case("tumour_logistic", rows=("S2-28", "S4-01"), sets=LAWS)
def grows_towards_its_capacity(b: Bench):
    """The logistic curve of the net rate r = kg - kkill C - kill, from below and above the capacity, also at r = 0."""
    t = span(b, 6.0)
    for start in (0.01, 0.3 * b.p.K, 2.5 * b.p.K):
        got = b.run(t, "tumour", "C_eradication", changes={"tumour": start})
        yield same(f"tumour from {start:g}", got["tumour"], logistic(start, net(b), b.p.kg / b.p.K, t), at=t)
    yield same("C_eradication", got["C_eradication"], (b.p.kg - b.p.kill) / b.p.kkill)
    critical = b.run(t, "tumour", changes={"tumour": b.p.K, "C": (b.p.kg - b.p.kill) / b.p.kkill})["tumour"]
    yield same("just eradicated", critical, b.p.K / (1.0 + b.p.kg * t), at=t)


@case(
    "tumour_logistic",
    rows=("S2-28", "S4-01"),
    sets={"typical": {}, "small": {"K": 3.0, "kg": 0.3}, "immune": {"kill": 0.004}},
)
def rests_where_growth_meets_kill(b: Bench):
    """The tumour rests at K (1 - kill/growth), and vanishes once kill exceeds growth."""
    for share in (0.0, 0.4, 0.9):
        c = share * (b.p.kg - b.p.kill) / b.p.kkill
        rest = b.p.K * (1.0 - (b.p.kkill * c + b.p.kill) / b.p.kg)
        found = qsp.steady_state(b.model, changes={**b.changes, "C": c})
        yield same(f"rest at {share:g} of eradication", found.values["tumour"], rest)
        yield same("tumour_rest", found.values["tumour_rest"], rest)
        yield holds("stable", found.stable)
    c = 1.5 * b.p.kg / b.p.kkill
    gone = b.run([0.0, 40.0 / (0.5 * b.p.kg)], "tumour", changes={"C": c})["tumour"]
    yield holds("eradicated", gone[-1] < 1e-12 * gone[0])


@case("tumour_logistic", rows="S2-28", sets=LAWS)
def is_held_at_its_size_by_C_stasis(b: Bench):
    """C_stasis = (kg (1 - T/K) - kill)/kkill holds the present size, and falls to zero at the untreated rest."""
    t = span(b)
    for size in (0.2, 0.6):
        start = size * b.p.K * (1.0 - b.p.kill / b.p.kg)
        c = b.start({"tumour": start})["C_stasis"]
        yield same("C_stasis", c, (b.p.kg * (1.0 - start / b.p.K) - b.p.kill) / b.p.kkill)
        yield same("held", b.run(t, "tumour", changes={"tumour": start, "C": c})["tumour"], start)


# --------------------------------------------------------------------------------------------------------- Gompertz
@case("tumour_gompertz", rows=("S2-28", "S4-01"), sets=LAWS)
def grows_as_a_gompertz_curve(b: Bench):
    """ln(T/K) relaxes with kg towards -(kkill C + kill)/kg."""
    t = span(b, 4.0)
    kill = b.p.kkill * b.p.C + b.p.kill
    for start in (1e-3 * b.p.K, 2.0 * b.p.K):
        exact = np.log(start / b.p.K) * np.exp(-b.p.kg * t) + kill / b.p.kg * np.expm1(-b.p.kg * t)
        yield same(
            f"tumour from {start:g}",
            b.run(t, "tumour", changes={"tumour": start})["tumour"],
            b.p.K * np.exp(exact),
            at=t,
        )


@case("tumour_gompertz", rows="S2-28", sets={"typical": {}, "small": {"K": 3.0, "kg": 0.3}, "immune": {"kill": 0.004}})
def rests_smaller_under_more_drug(b: Bench):
    """The tumour rests at K exp(-kill/kg): smaller with more drug, never zero."""
    for c in (0.0, 0.1, 1.0):
        rest = b.p.K * np.exp(-(b.p.kkill * c + b.p.kill) / b.p.kg)
        found = qsp.steady_state(b.model, changes={**b.changes, "C": c})
        yield same(f"rest at {c:g}", [found.values["tumour"], found.values["tumour_rest"]], rest)
        yield holds("stable", found.stable)


@case("tumour_gompertz", rows="S2-28", sets=LAWS)
def needs_more_drug_when_smaller(b: Bench):
    """C_stasis = (kg ln(K/T) - kill)/kkill holds the present size: a smaller tumour needs more drug."""
    t, needed = span(b), []
    for start in (1e-4 * b.p.K, 0.2 * b.p.K):
        c = b.start({"tumour": start})["C_stasis"]
        yield same("C_stasis", c, (b.p.kg * np.log(b.p.K / start) - b.p.kill) / b.p.kkill)
        yield same("held", b.run(t, "tumour", changes={"tumour": start, "C": c})["tumour"], start)
        needed.append(c)
    yield holds("the smaller needs more", needed[0] > needed[1])


@case("tumour_gompertz", rows="S2-28", sets={"typical": {}, "slow": {"kg": 2e-4}, "as the drug": {"kg": CL / V}})
def follows_a_regimen_exactly(b: Bench):
    """Under boluses ln(T/K) is the untreated curve minus kkill times the convolution of C with exp(-kg t)."""
    t = np.linspace(0.0, 900.0, 46)
    for name, (dose, interval, count) in COURSES.items():
        got = treated(b).run(t, "tumour.tumour", regimen=f"{dose} mg into pk.central every {interval} h x {count}")
        once = lambda s, dose=dose: dose / V * pk.passage(b.p.kg, CL / V, np.maximum(s, 0.0))  # noqa: E731
        kill = b.p.kkill * pk.repeat(once, t, interval=interval, count=count)
        exact = b.p.K * np.exp(np.log(100.0 / b.p.K) * np.exp(-b.p.kg * t) - kill)
        yield same(name, got["tumour.tumour"], exact, at=t)
