"""The receptor with eight states in time, and the allosteric ternary complex."""

from __future__ import annotations

import numpy as np
from scipy.linalg import expm

from validation.analytic.receptor import STATES, fraction, weights
from validation.cases import Bench, case, holds, same

NAMES = {
    (star, agonist, modulator): "A" * agonist + "N" * modulator + "R" + "_star" * star
    for star, agonist, modulator in STATES
}
NETWORKS = {
    "agonist and modulator": {"A": 2.0, "N": 30.0},
    "nothing bound": {"L": 3.0},
    "hardly any modulator": {"A": 0.7, "N": 1e-3, "L": 400.0, "k_act": 0.3},
    "slow binding, fast conformations": {
        "A": 5.0,
        "N": 4.0,
        "kon_A": 0.02,
        "kon_A_star": 0.5,
        "kon_N": 1e-3,
        "k_act": 800.0,
    },
    "positive modulator": {"A": 0.3, "N": 2.0, "KN": 300.0, "KN_star": 0.5, "L": 5e3, "kon_N_star": 12.0},
    "inverse agonist": {"A": 50.0, "N": 1.0, "KA": 2.0, "KA_star": 900.0, "L": 0.02, "Rtot": 1e-4},
}


def generator(p) -> np.ndarray:
    """Return the matrix of rate constants, column to row: binding, release, and conformations in detailed balance."""
    place = {s: i for i, s in enumerate(STATES)}
    out = np.zeros((8, 8))
    for star, agonist, modulator in STATES:
        here = place[star, agonist, modulator]
        end = "_star" if star else ""
        if not agonist:
            there, on = place[star, 1, modulator], getattr(p, f"kon_A{end}")
            out[there, here], out[here, there] = on * p.A, on * getattr(p, f"KA{end}")
        if not modulator:
            there, on = place[star, agonist, 1], getattr(p, f"kon_N{end}")
            out[there, here], out[here, there] = on * p.N, on * getattr(p, f"KN{end}")
        if not star:
            there = place[True, agonist, modulator]
            back = p.L * (p.KA_star / p.KA) ** agonist * (p.KN_star / p.KN) ** modulator
            out[there, here], out[here, there] = p.k_act, p.k_act * back
    return out - np.diag(out.sum(axis=0))


def resting(p) -> np.ndarray:
    """Return the concentrations before any ligand."""
    start = np.zeros(8)
    start[STATES.index((False, 0, 0))] = p.Rtot * p.L / (1.0 + p.L)
    start[STATES.index((True, 0, 0))] = p.Rtot / (1.0 + p.L)
    return start


@case("allosteric_eight_state", rows=("S0-24", "M-01"), sets=NETWORKS)
def ends_at_the_polynomials(b: Bench):
    """The network comes to rest at the equilibrium weights, also from a start far away."""
    p, found = b.p, weights(b.p.A, b.p.N, b.p)
    total = sum(found.values())
    for label, changes in (("", {}), (", from all bound", {"R": 0.0, "R_star": 0.0, "ANR": p.Rtot})):
        rest = b.at_rest(changes)
        yield same("f" + label, rest["f_active"], fraction(found, 0))
        yield same("A bound" + label, rest["occupancy_A"], fraction(found, 1))
        yield same("N bound" + label, rest["occupancy_N"], fraction(found, 2))
        got = [rest[NAMES[s]] for s in STATES]
        yield same("states" + label, got, [p.Rtot * found[s] / total for s in STATES])
    yield same("the formula for it", b.start()["f_equilibrium"], fraction(found, 0))


@case("allosteric_eight_state", rows="S0-24", sets=NETWORKS)
def follows_the_network(b: Bench):
    """The time course is the exponential of the matrix of rate constants."""
    p = b.p
    matrix, start = generator(p), resting(p)
    t = np.concatenate([[0.0], np.geomspace(1e-3, 20.0, 24)])
    exact = np.stack([expm(matrix * one) @ start for one in t])
    got = b.run(t, *NAMES.values(), "f_active")
    for i, s in enumerate(STATES):
        scale = p.Rtot if s[1:] == (0, 0) else exact[:, i].max()
        yield same(NAMES[s], got[NAMES[s]], exact[:, i], floor=1e-6 * scale, at=t)
    active = exact[:, [i for i, s in enumerate(STATES) if s[0]]].sum(axis=1) / p.Rtot
    yield same("f", got["f_active"], active, at=t)


@case("allosteric_eight_state", rows="S0-24", sets=NETWORKS)
def conserves_receptor(b: Bench):
    """The eight states add up to the receptor that was there, at all times."""
    got = b.run(np.linspace(0.0, 10.0, 11), *NAMES.values(), "total")
    yield same("total", got["total"], b.p.Rtot)
    yield same("sum", sum(got[name] for name in NAMES.values()), b.p.Rtot)


@case("allosteric_eight_state", rows="S0-24", sets=NETWORKS)
def in_detailed_balance(b: Bench):
    """At rest every one of the twelve steps runs as fast forwards as backwards."""
    b = Bench(b.model, {"A": 1.0, "N": 1.0, **b.changes})
    rest = b.at_rest()
    here = {NAMES[s]: rest[NAMES[s]] for s in STATES}
    pairs = []
    for star, agonist, modulator in STATES:
        state = NAMES[star, agonist, modulator]
        if not agonist:
            pairs.append((f"binding_A_{state}", f"release_A_{NAMES[star, 1, modulator]}"))
        if not modulator:
            pairs.append((f"binding_N_{state}", f"release_N_{NAMES[star, agonist, 1]}"))
        if not star:
            pairs.append((f"activation_{state}", f"inactivation_{state}"))
    got = b.run([0.0, 1.0], *(name for pair in pairs for name in pair), changes=here)
    yield holds("twelve steps", len(pairs) == 12)
    for forward, back in pairs:
        yield holds(f"{forward} runs", got[forward] > 0.0)
        yield same(f"{forward} and {back}", got[forward], got[back])


@case("allosteric_eight_state", rows=("S0-22", "S0-24"), sets={"four states": {"N": 0.0, "A": 0.7, "L": 400.0}})
def four_states_without_modulator(b: Bench):
    """Without the modulator it is the two-state receptor with one ligand: four states, in time and at the end."""
    p = b.p
    t = np.linspace(0.0, 3.0, 13)
    got = b.run(t, *NAMES.values(), "f_active")
    kept = [i for i, s in enumerate(STATES) if not s[2]]
    matrix = generator(p)[np.ix_(kept, kept)]
    exact = np.stack([expm(matrix * one) @ resting(p)[kept] for one in t])
    for column, i in enumerate(kept):
        yield same(NAMES[STATES[i]], got[NAMES[STATES[i]]], exact[:, column], at=t)
    for s in STATES:
        if s[2]:
            yield same(f"no {NAMES[s]}", got[NAMES[s]], 0.0)
    ligand = (1.0 + p.A / p.KA_star) / (1.0 + p.A / p.KA)
    yield same("where f ends", b.run([0.0, 500.0], "f_active")["f_active"][1], ligand / (ligand + p.L))


@case("allosteric_eight_state", rows=("S0-22", "S0-24"))
def fast_binding_limit(b: Bench):
    """With fast binding only the conformations take time: one exponential between the equilibrium mixtures."""
    fast = {"kon_A": 4e7, "kon_A_star": 4e7, "kon_N": 4e7, "kon_N_star": 4e7, "k_act": 0.02, "A": 2.0, "N": 30.0}
    b = Bench(b.model, fast)
    p, found = b.p, weights(2.0, 30.0, b.p)
    up = p.k_act
    end = fraction(found, 0)
    rate = up / end  # f settles where up (1-f) = down f, so up + down = up / f
    t = np.linspace(0.5, 4.0 / rate, 12)
    start = 1.0 / (1.0 + p.L)
    got = b.run(np.append(0.0, t), "f_active")["f_active"][1:]
    yield same("f", got, end + (start - end) * np.exp(-rate * t), at=t)


# ------------------------------------------------------------------------------------------------ ternary complex
COMPLEXES = {
    "negative": {},
    "positive": {"alpha": 40.0, "beta": 3.0, "n": 1.7, "Em": 80.0},
    "agonist of its own": {"tau_B": 2.0, "alpha": 1.0, "KB": 1e-3, "n": 0.6},
    "silent": {"alpha": 1.0, "beta": 1.0, "tau_A": 1e3},
    "weak and steep": {"alpha": 1e-3, "beta": 0.01, "tau_A": 0.05, "n": 4.0, "KA": 1e4},
}
PAIRS = [(A, B) for A in (0.0, 0.3, 25.0, 1e4) for B in (0.0, 2.0, 50.0, 9e5)]


@case("allosteric_ternary_complex", rows="S0-24", sets=COMPLEXES)
def ternary_complex_binding(b: Bench):
    """Occupancies are the shares of R, AR, BR and ABR; the apparent constant shifts by at most 1/alpha."""
    p = b.p
    for A, B in PAIRS:
        got = b.start({"A": A, "B": B})
        x, y = A / p.KA, B / p.KB
        w = np.array([1.0, x, y, p.alpha * x * y])
        yield same(f"A bound at {A}, {B}", got["occupancy_A"], (w[1] + w[3]) / w.sum())
        yield same(f"B bound at {A}, {B}", got["occupancy_B"], (w[2] + w[3]) / w.sum())
        yield same(f"shift at {B}", got["affinity_ratio"], (1.0 + y) / (1.0 + p.alpha * y))
        at_half = b.start({"A": got["KA_app"], "B": B})["occupancy_A"]
        yield same(f"half occupied at {B}", at_half, 0.5)
    far = b.start({"B": 1e11 * p.KB / p.alpha})
    yield same("largest shift", [far["affinity_ratio"], far["affinity_ratio_max"]], 1.0 / p.alpha)


@case("allosteric_ternary_complex", rows="S0-24", sets=COMPLEXES)
def operational_effect(b: Bench):
    """The effect is the operational model in the form with all terms over KA KB; EC50 is of the own maximum."""
    p = b.p
    for A, B in PAIRS:
        got = b.start({"A": A, "B": B})
        drive = p.tau_A * A * (p.KB + p.alpha * p.beta * B) + p.tau_B * B * p.KA
        rest = A * p.KB + p.KA * p.KB + p.KA * B + p.alpha * A * B
        yield same(f"E at {A}, {B}", got["E"], p.Em * drive**p.n / (drive**p.n + rest**p.n))
        alone = p.tau_A * A
        yield same(f"alone at {A}", got["E_agonist"], p.Em * alone**p.n / (alone**p.n + (A + p.KA) ** p.n))
    if p.tau_B == 0.0:
        for B in (0.0, 7.0, 4e3):
            own = b.start({"B": B})
            much = b.start({"B": B, "A": 1e10 * own["KA_app"]})["E"]
            yield same(f"largest effect at {B}", own["Emax_app"], much)
            yield same(f"half of it at {B}", b.start({"B": B, "A": own["EC50"]})["E"], much / 2.0)


@case("allosteric_ternary_complex", rows="S0-24")
def zero_cooperativity_is_competition(b: Bench):
    """With alpha = 1 the modulator leaves the affinity alone; with a vanishing alpha it competes (Gaddum)."""
    for B in (1.0, 50.0, 2e3):
        yield same(f"neutral at {B}", b.start({"alpha": 1.0, "B": B})["KA_app"], b.p.KA)
        got = b.start({"alpha": 1e-12, "B": B, "A": 30.0})["occupancy_A"]
        yield same(f"competitive at {B}", got, 30.0 / (30.0 + b.p.KA * (1.0 + B / b.p.KB)))
