"""Effect compartments: the delay between concentration and effect, and what the effect can tell about it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

import sbmlqsp as qsp
from validation.analytic import pk
from validation.analytic.pk_tools import effect, effect_of_infusion, joined
from validation.cases import Bench, case, holds, model_of, same
from validation.reference import integrate

Array = NDArray[np.float64]

V, CL = 34.0, 2.7
K = CL / V
KE0 = {"typical": {}, "slow": {"ke0": 0.004}, "fast": {"ke0": 90.0}, "equal to k": {"ke0": K}}
TWO = {"typical": {}, "slow second": {"ke1": 30.0, "ke2": 0.02}, "near": {"ke1": 0.5, "ke2": 0.45}}


def linked(b: Bench, **more: float) -> Bench:
    """Return drug, effect compartment and effect joined, with the ke0 of the bench."""
    return joined("linked", link_ke0=b.p.ke0, **more)


def spread(*rates: float) -> Array:
    """Return times from soon after 0 to ten of the slowest lives, dense where each rate acts."""
    return np.unique(np.concatenate([np.geomspace(0.02, 3.0, 15) / r for r in rates] + [np.arange(1, 11) / min(rates)]))


@case("effect_compartment", rows="S2-07", sets=KE0)
def follows_a_bolus(b: Bench):
    """Ce = D/V ke0 (exp(-k t) - exp(-ke0 t))/(ke0 - k), and D/V k t exp(-k t) where ke0 = k; peak ln(ke0/k)/(ke0-k)."""
    whole, ke0 = linked(b), b.p.ke0
    t = spread(K, ke0)
    got = whole.run(t, "pk.C", "link.Ce", regimen="100 mg into pk.central")
    exact = effect(pk.one_compartment(volume=V, clearance=CL), t, dose=100.0, ke0=ke0)
    if ke0 == K:
        yield same("the formula of the limit", exact, 100.0 / V * K * t * np.exp(-K * t))
    yield same("Ce", got["link.Ce"], exact, at=t)
    early = K * t < 25.0
    alone = 100.0 / V * np.exp(-K * t[early])
    yield same("C is not changed by the link", got["pk.C"][early], alone, at=t[early])
    top = 1.0 / K if ke0 == K else np.log(ke0 / K) / (ke0 - K)
    peak = qsp.extremum(whole.experiment([0.0, 3.0 * top], "link.Ce", regimen="100 mg into pk.central"), "link.Ce")
    # At its peak Ce does not change, so that it equals C.
    yield same("peak", [peak.at, peak.value], [top, 100.0 / V * np.exp(-K * top)])


@case("effect_compartment", rows="S2-07", sets=KE0)
def follows_an_infusion(b: Bench):
    """During and after an infusion, ke0 = k included; at steady state Ce = C."""
    whole, ke0 = linked(b), b.p.ke0
    duration = 2.0 / K
    t = np.union1d(spread(K, ke0), [duration, 1.3 * duration])
    got = whole.run(t, "link.Ce", regimen=f"7 mg/h into pk.central for {duration} h")["link.Ce"]
    exact = effect_of_infusion(t, rate=7.0, duration=duration, volume=V, k=K, ke0=ke0)
    yield same("Ce", got, exact, at=t)
    still = b.at_rest({"Cp": 3.7})
    yield same("Ce at rest", still["Ce"], 3.7)
    t = np.linspace(0.0, 5.0, 11) / ke0
    yield same("rise to a constant Cp", b.run(t, "Ce", changes={"Cp": 3.7})["Ce"], -3.7 * np.expm1(-ke0 * t), at=t)
    yield same("washout", b.run(t, "Ce", changes={"Ce": 3.7})["Ce"], 3.7 * np.exp(-ke0 * t), at=t)


@case("effect_compartment", rows="S2-07")
def follows_other_dispositions(b: Bench):
    """Driven by two compartments, or by an oral dose, Ce is the curve passed on with ke0."""
    two = qsp.compose(
        "two", {"pk": model_of("two_compartment_small_molecule"), "link": b.model}, connect={"link.Cp": "pk.C"}
    )
    p = Bench(two).p
    exact = pk.two_compartment(central_volume=p.pk_V1, clearance=p.pk_CL, peripheral_volume=p.pk_V2, exchange=p.pk_Q)
    t = np.geomspace(0.01, 100.0, 30)
    got = Bench(two).run(t, "link.Ce", regimen="100 mg into pk.central")["link.Ce"]
    yield same("Ce, two compartments", got, effect(exact, t, dose=100.0, ke0=p.link_ke0), at=t)
    oral = linked(b).run(t, "link.Ce", regimen="100 mg into absorption.depot")["link.Ce"]
    ka, ke0 = 1.5, b.p.ke0
    # Passing on with ka, then with ke0: by partial fractions of 1/((ka + s)(ke0 + s)).
    one = pk.one_compartment(volume=V, clearance=CL)
    slow, fast = (effect(one, t, dose=100.0, ke0=rate) / rate for rate in (ke0, ka))
    passed = ka * ke0 / (ka - ke0) * (slow - fast)
    yield same("Ce, oral", oral, passed, at=t)


@case("effect_compartment", rows="S2-08", sets=KE0)
def effect_lags_behind(b: Bench):
    """The effect peaks after the concentration, the loop runs counter-clockwise, and closes when drawn against Ce."""
    whole = linked(b, pd_EC50=0.8, pd_Emax=12.0, pd_E0=1.5)
    dense = np.unique(np.concatenate([np.linspace(0.0, 12.0 / min(K, b.p.ke0), 1500), np.linspace(0.0, 20.0, 4000)]))
    got = whole.run(dense, "pk.C", "link.Ce", "pd.E", regimen="100 mg into absorption.depot")
    c, ce, e = got["pk.C"], got["link.Ce"], got["pd.E"]
    yield same("E against Ce is one curve", e, 1.5 + 12.0 * ce / (0.8 + ce))
    yield holds("the effect peaks later", dense[e.argmax()] > dense[c.argmax()])
    # The area that the curve (C, E) runs around is positive when it runs counter-clockwise.
    loop = 0.5 * float(np.sum(c[:-1] * e[1:] - c[1:] * e[:-1]))
    yield holds("the loop runs counter-clockwise", loop > 0.0)
    top = c.argmax()
    level = np.linspace(0.15, 0.9, 9) * c[top]
    up = np.interp(level, c[: top + 1], e[: top + 1])
    down = np.interp(level, c[top:][::-1], e[top:][::-1])
    yield holds("at equal concentrations the later effect is larger", down > up)


@case("effect_compartment", rows="S2-08")
def loop_closes_as_the_delay_vanishes(_: Bench):
    """The area of the loop falls with 1/ke0 for fast equilibration."""
    t = np.linspace(0.0, 200.0, 20001)
    loops = []
    for ke0 in (20.0, 40.0, 80.0):
        got = joined("linked", link_ke0=ke0).run(t, "pk.C", "link.Ce", regimen="100 mg into absorption.depot")
        c, ce = got["pk.C"], got["link.Ce"]
        loops.append(0.5 * float(np.sum(c[:-1] * ce[1:] - c[1:] * ce[:-1])))
    halves = np.array(loops[1:]) / np.array(loops[:-1])
    yield holds("each doubling of ke0 about halves the loop", np.abs(halves - 0.5) < 0.03)


def observed(ke0: float, t: Array) -> Array:
    """Return simulated effects after a bolus for one ke0."""
    whole = joined("linked", link_ke0=ke0, pd_EC50=0.8, pd_Emax=12.0)
    return whole.run(t, "pd.E", regimen="100 mg into pk.central")["pd.E"]


def slope(f: Callable[[float], Array], x: float) -> Array:
    """Return df/d(ln x) by a central difference of the seventh order."""
    h = 0.04
    weights = {1: 3.0 / 4.0, 2: -3.0 / 20.0, 3: 1.0 / 60.0}
    return sum((w / h * (f(x * np.exp(n * h)) - f(x * np.exp(-n * h))) for n, w in weights.items()), np.zeros(()))


@case("effect_compartment", rows="S2-09", sets={"typical": {}, "slow": {"ke0": 0.03}, "quick": {"ke0": 3.0}})
def ke0_is_found_from_effects(b: Bench):
    """ke0 is recovered from effects alone, with a finite relative standard error, that of the closed form."""
    ke0 = b.p.ke0
    t = np.array([0.1, 0.3, 0.7, 1.5, 3.0, 6.0, 12.0, 24.0, 48.0])
    data = observed(ke0, t)

    def misfit(x: Array) -> Array:
        return observed(float(np.exp(x[0])), t) - data

    found = least_squares(misfit, [np.log(2.5 * ke0)], xtol=1e-14, gtol=1e-14)
    yield same("ke0", np.exp(found.x[0]), ke0)

    def exact(x: float) -> Array:
        ce = effect(pk.one_compartment(volume=V, clearance=CL), t, dose=100.0, ke0=x)
        return 12.0 * ce / (0.8 + ce)

    got, right = slope(lambda x: observed(x, t), ke0), slope(exact, ke0)
    yield same("relative standard error for an error of 0.3", 0.3 / np.sqrt(got @ got), 0.3 / np.sqrt(right @ right))
    yield holds("it is small enough to say that ke0 is identifiable", 0.3 / np.sqrt(got @ got) < 0.5)


@case("two_effect_compartments", rows="S2-09", sets=TWO)
def passes_two_delays(b: Bench):
    """Ce is the concentration passed on twice; exchanging ke1 and ke2 leaves it as it is; at rest Ce = Cp."""
    k1, k2 = b.p.ke1, b.p.ke2
    whole = joined("serial", link_ke1=k1, link_ke2=k2)
    t = spread(K, k1, k2)
    got = whole.run(t, "link.Ce1", "link.Ce", regimen="100 mg into pk.central")
    one = pk.one_compartment(volume=V, clearance=CL)
    first, second = effect(one, t, dose=100.0, ke0=k1), effect(one, t, dose=100.0, ke0=k2)
    yield same("Ce1", got["link.Ce1"], first, at=t)
    # 1/((k1 + s)(k2 + s)) in partial fractions; by integration where that cancels.
    exact = (k1 * second - k2 * first) / (k1 - k2)

    def rates(time: float, y: Array) -> list[float]:
        c = 100.0 / V * np.exp(-K * time)
        return [k1 * (c - y[0]), k2 * (y[0] - y[1])]

    late = t > 0.3 / max(k1, k2)
    yield same("Ce", got["link.Ce"][late], exact[late], at=t[late])
    yield same("Ce from the start", got["link.Ce"], integrate(rates, [0.0, 0.0], t, atol=1e-16)[:, 1], at=t)
    swapped = joined("serial", link_ke1=k2, link_ke2=k1)
    other = swapped.run(t, "link.Ce", regimen="100 mg into pk.central")["link.Ce"]
    yield same("Ce with the delays exchanged", other, got["link.Ce"], at=t)
    rest = b.at_rest({"Cp": 0.9})
    yield same("at rest", [rest["Ce1"], rest["Ce"]], [0.9, 0.9])


@case("two_effect_compartments", rows="S2-09")
def looks_like_one_delay(_: Bench):
    """One effect compartment fits the effects of two delays to within a few percent: ke0 is not a physical rate."""
    t = np.linspace(0.25, 48.0, 60)
    for k1, k2 in ((0.4, 4.0), (6.0, 0.25)):
        whole = joined("serial", link_ke1=k1, link_ke2=k2)
        data = whole.run(t, "link.Ce", regimen="100 mg into pk.central")["link.Ce"]

        def misfit(x: Array, data: Array = data) -> Array:
            one = joined("linked", link_ke0=float(np.exp(x[0])))
            return one.run(t, "link.Ce", regimen="100 mg into pk.central")["link.Ce"] - data

        found = least_squares(misfit, [np.log(min(k1, k2))])
        mean = 1.0 / (1.0 / k1 + 1.0 / k2)
        yield holds(
            f"delays {k1} and {k2} per hour",
            np.sqrt(np.mean(found.fun**2)) < 0.03 * data.max(),
            abs(np.exp(found.x[0]) / mean - 1.0) < 0.1,
        )
