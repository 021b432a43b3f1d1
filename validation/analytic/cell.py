"""Kill of cells above a threshold, by itself and at the end of the chain from a dose."""

from __future__ import annotations

import numpy as np

import sbmlqsp as qsp
from validation.cases import Bench, case, holds, same
from validation.reference import integrate

SETS = {
    "typical": {},
    "shallow": {"threshold": 3.0, "steepness": 0.7, "kkill": 5.0},
    "steep": {"threshold": 4000.0, "steepness": 40.0, "kgrow": 2.0},
}
DAYS = np.array([0.0, 0.02, 0.2, 1.0, 3.0, 7.0, 14.0, 21.0, 21.05, 24.0, 30.0, 42.0])


@case("threshold_kill", rows=("S0-01", "S0-40"), sets=SETS)
def share_is_log_logistic(b: Bench):
    """Half of the cells at the threshold; the log-odds of the share are linear in the logarithm of the signal."""
    p = b.p
    for ratio in (0.2, 0.9, 1.0, 1.1, 5.0):
        share = b.start({"signal": ratio * p.threshold})["fraction_killed"]
        yield same(f"share at {ratio:g} thresholds", share, 1.0 / (1.0 + ratio**-p.steepness))
    yield same("no signal", b.start({"signal": 0.0})["fraction_killed"], 0.0)


@case("threshold_kill", rows="S0-40")
def becomes_all_or_none(b: Bench):
    """As the cells become alike, the share is a step at the threshold; the dose ratio of 80 to 20 % narrows to one."""
    for steepness in (2.0, 20.0, 200.0):
        found = [
            float(
                qsp.level_for(
                    b.model, "signal", observable="fraction_killed", target=share, changes={"steepness": steepness}
                )
            )
            for share in (0.2, 0.8)
        ]
        yield same(f"ratio, steepness {steepness:g}", found[1] / found[0], 16.0 ** (1.0 / steepness))
    for signal, share in ((0.9, 0.0), (1.1, 1.0)):
        got = b.start({"steepness": 2000.0, "signal": signal * b.p.threshold})["fraction_killed"]
        yield holds(f"a step: {signal:g} thresholds", abs(got - share) < 1e-12)


@case("threshold_kill", rows="S0-01", sets=SETS)
def cells_follow_the_share(b: Bench):
    """Cells grow or fall exponentially under a constant signal."""
    p, t = b.p, np.linspace(0.0, 10.0, 11)
    for ratio in (0.0, 0.8, 3.0):
        share = 0.0 if ratio == 0.0 else 1.0 / (1.0 + ratio**-p.steepness)
        got = b.run(t, "cells", changes={"signal": ratio * p.threshold})["cells"]
        yield same(f"cells at {ratio:g} thresholds", got, np.exp((p.kgrow - p.kkill * share) * t), at=t)


CHAIN_SETS = {
    "typical": {},
    "fast target, sharp cells": {"target.kdeg": 5.0, "target.ksyn": 60.0, "tumour.steepness": 25.0},
    "tight binding, weak signal": {
        "target.kon": 90.0,
        "target.koff": 1e-4,
        "death.Smax": 0.3,
        "tumour.threshold": 110.0,
    },
}


def chain(p):
    """The chain as one system: central, peripheral (nmol), R, RC, signal (nmol/L), cells."""

    def rates(_, y):
        central, peripheral, free, bound, signal, cells = y
        c, c2 = central / p.pk_V1, peripheral / p.pk_V2
        net = p.target_kon * c * free - p.target_koff * bound
        odds = (signal / p.tumour_threshold) ** p.tumour_steepness
        return [
            -p.pk_CL * c - p.pk_Q * (c - c2) - net * p.pk_V1,
            p.pk_Q * (c - c2),
            p.target_ksyn - p.target_kdeg * free - net,
            net - p.target_kint * bound,
            p.death_kin * (1.0 + p.death_Smax * bound / (p.death_SC50 + bound)) - p.death_kout * signal,
            (p.tumour_kgrow - p.tumour_kkill * odds / (1.0 + odds)) * cells,
        ]

    return rates, [0.0, 0.0, p.target_ksyn / p.target_kdeg, 0.0, p.death_kin / p.death_kout, 1.0]


@case("integrated_chain", rows=("S0-01", "M-02", "S2-10"), sets=CHAIN_SETS)
def is_the_chain_by_hand(b: Bench):
    """Composed from modules and dosed twice, it is the hand-written system of equations."""
    names = ("amount(pk.central)", "amount(pk.peripheral)", "target.R", "target.RC", "death.response", "tumour.cells")
    for dose in (40.0, 2000.0):
        rates, start = chain(b.p)

        def bolus(y, dose=dose):
            return y + np.array([dose, 0.0, 0.0, 0.0, 0.0, 0.0])

        jumps = [(0.0, bolus), (21.0, bolus)]
        expected = integrate(rates, start, DAYS, jumps=jumps, method="LSODA", atol=1e-13)
        got = b.run(DAYS, *names, regimen=f"{dose} nmol into pk.central every 21 day x 2")
        for k, name in enumerate(names):
            yield same(f"{name}, {dose:g} nmol", got[name], expected[:, k], at=DAYS)


@case("integrated_chain", rows=("S0-01", "S1-37", "M-02"))
def each_link_does_what_it_does_alone(b: Bench):
    """Parts keep their own parameters, and changing what comes later changes nothing before it."""
    regimen, watched = "400 nmol into pk.central", ("pk.central", "target.RC", "death.response")
    before = b.run(DAYS, *watched, regimen=regimen)
    later = b.run(DAYS, *watched, regimen=regimen, changes={"tumour.threshold": 7.0, "tumour.kkill": 3.0})
    for name in watched:
        yield same(f"{name} does not see the cells", later[name], before[name], at=DAYS)
    whole = qsp.compose("whole", {"chain": b.model})
    experiment = qsp.Experiment(
        whole, times=DAYS, observables=["chain.death.response"], regimen="400 nmol into chain.pk.central"
    )
    inside = qsp.simulate(experiment, progress=False)["chain.death.response"].to_numpy().ravel()
    yield same("the chain inside another model", inside, before["death.response"], tolerance=1e-9)
