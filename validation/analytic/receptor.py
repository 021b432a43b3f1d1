"""Two-state receptors: every state has a weight; what is active or bound is a sum of weights over all of them."""

from __future__ import annotations

import numpy as np

import sbmlqsp as qsp
from validation.cases import Bench, case, holds, same

RESTING = {
    "typical": {},
    "never active": {"L": 1e6, "k_act": 1e-3},
    "always active": {"L": 1e-4, "k_act": 900.0, "Rtot": 1e-3},
}


@case("two_state_receptor", rows=("S0-22", "M-01"), sets=RESTING)
def constitutive_activity(b: Bench):
    """Without a ligand 1/(1+L) of the receptor is active, and stays so; L is [R]/[R*]."""
    got = b.run(np.linspace(0.0, 5.0 / b.p.k_act, 5), "f_active", "R", "R_star")
    yield same("f_active", got["f_active"], 1.0 / (1.0 + b.p.L))
    yield same("[R]/[R*]", got["R"] / got["R_star"], b.p.L)
    rest = b.at_rest({"R": 0.3, "R_star": 2.0})
    yield same("at rest, from elsewhere", [rest["f_active"], rest["R_star"]], np.array([1.0, 2.3]) / (1.0 + b.p.L))
    yield same("basal", rest["basal"], 1.0 / (1.0 + b.p.L))


@case("two_state_receptor", rows="S0-22", sets=RESTING)
def relaxes_to_it(b: Bench):
    """From all inactive and from all active, f goes to 1/(1+L) as exp(-k (1+L) t)."""
    rate, end = b.p.k_act * (1.0 + b.p.L), 1.0 / (1.0 + b.p.L)
    t = np.linspace(0.0, 6.0 / rate, 25)
    for start in (0.0, 1.0):
        f = end + (start - end) * np.exp(-rate * t)
        got = b.run(t, "R", "R_star", "f_active", changes={"R": (1.0 - start) * 4.0, "R_star": start * 4.0})
        yield same(f"f from {start}", got["f_active"], f, at=t)
        yield same(f"R from {start}", got["R"], 4.0 * (1.0 - f), at=t)
    yield same("rate constant", b.start()["k_relax"], rate)


# ------------------------------------------------------------------------------------------------------- one ligand
def active_part(states: list[tuple[bool, float]]) -> float:
    """Return the weight of the active states over that of all."""
    return sum(w for active, w in states if active) / sum(w for _, w in states)


def with_agonist(A: float, p) -> float:
    """Return the active fraction from the weights of R, AR, R*, AR*."""
    return active_part([(False, p.L), (False, p.L * A / p.KA), (True, 1.0), (True, A / p.KA_star)])


LIGANDS = {
    "agonist": {},
    "inverse agonist": {"KA": 0.7, "KA_star": 950.0, "L": 0.4},
    "neutral": {"KA": 3.3, "KA_star": 3.3, "L": 2.5},
    "active receptor only": {"KA": 1e14, "KA_star": 6e-3, "L": 3e4},
    "hardly any preference": {"KA": 5.0, "KA_star": 4.9, "L": 1e-3},
}
DOSES = (0.0, 1e-5, 0.013, 0.4, 1.0, 7.0, 55.0, 2e3, 1e7)


@case("two_state_agonist", rows=("S0-23", "M-01"), sets=LIGANDS)
def active_fraction(b: Bench):
    """f, basal, its limit at much ligand and the occupancy follow from the weights of the four states."""
    p = b.p
    got = [b.start({"A": A}) for A in DOSES]
    yield same("f", [g["f_active"] for g in got], [with_agonist(A, p) for A in DOSES], at=DOSES)
    bound = [(A / p.KA_star + p.L * A / p.KA) / (1.0 + p.L + A / p.KA_star + p.L * A / p.KA) for A in DOSES]
    yield same("occupancy", [g["occupancy"] for g in got], bound, at=DOSES)
    yield same("basal", got[0]["basal"], 1.0 / (1.0 + p.L))
    yield same("without ligand", got[0]["f_active"], 1.0 / (1.0 + p.L))
    limit = active_part([(False, p.L / p.KA), (True, 1.0 / p.KA_star)])
    yield same("fmax", got[0]["fmax"], limit)
    yield same("f at very much", b.start({"A": 1e11 * max(1.0, p.KA_star, p.L * p.KA_star)})["f_active"], limit)
    odds = [g["f_active"] / (1.0 - g["f_active"]) * p.L for g in got[:-1]]
    yield same("a is the factor on the odds", [g["a"] for g in got[:-1]], odds)


@case("two_state_agonist", rows="S0-23", sets=LIGANDS)
def agonist_neutral_inverse(b: Bench):
    """A ligand that prefers the active receptor raises the activity, one that prefers the inactive lowers it."""
    prefers = np.sign(b.p.KA - b.p.KA_star)
    got = [b.start({"A": A}) for A in (0.0, 0.2, 3.0, 40.0, 900.0)]
    f = np.array([g["f_active"] for g in got])
    if prefers == 0.0:
        yield same("a neutral ligand changes nothing", f, 1.0 / (1.0 + b.p.L))
    else:
        yield holds("one direction only", prefers * np.diff(f) > 0.0)
    yield holds("span and efficacy say so", np.sign(np.round(got[0]["span"], 12)) == prefers)
    yield same("efficacy", got[0]["efficacy"], b.p.KA / b.p.KA_star)


@case("two_state_agonist", rows="S0-23", sets={k: v for k, v in LIGANDS.items() if k != "neutral"})
def ec50_is_halfway(b: Bench):
    """Half of the change from basal to the ligand's own limit is at (1+L)/(1/KA* + L/KA)."""
    p = b.p
    ec50 = (1.0 + p.L) / (1.0 / p.KA_star + p.L / p.KA)
    yield same("EC50", b.start()["EC50"], ec50)
    doses = np.array([0.03, 0.5, 1.0, 4.0, 300.0]) * ec50
    f = np.array([b.start({"A": A})["f_active"] for A in doses])
    basal, limit = 1.0 / (1.0 + p.L), 1.0 / (1.0 + p.L * p.KA_star / p.KA)
    yield same("f is a hyperbola in A", f, basal + (limit - basal) * doses / (ec50 + doses))
    if p.KA_star < p.KA:
        found = qsp.ec50(b.model, "A", observable="f_active", changes=dict(b.changes))
        yield same("found by the search", float(found), ec50)


# ------------------------------------------------------------------------------------------------- agonist, modulator
STATES = [(star, agonist, modulator) for star in (False, True) for agonist in (0, 1) for modulator in (0, 1)]


def weights(A: float, N: float, p) -> dict[tuple[bool, int, int], float]:
    """Return the weights of the eight states: each bound ligand multiplies by its concentration over its constant."""
    found = {}
    for star, agonist, modulator in STATES:
        x, y = (A / p.KA_star, N / p.KN_star) if star else (A / p.KA, N / p.KN)
        found[star, agonist, modulator] = (1.0 if star else p.L) * x**agonist * y**modulator
    return found


def fraction(found: dict[tuple[bool, int, int], float], which: int) -> float:
    """Return the share of the states that are active (0), hold the agonist (1), hold the modulator (2)."""
    return sum(w for state, w in found.items() if state[which]) / sum(found.values())


MODULATORS = {
    "negative": {},
    "weak preference": {"KN": 8.0, "KN_star": 20.0, "KA": 1.5, "KA_star": 1.0, "L": 0.3},
    "positive": {"KN": 400.0, "KN_star": 0.02, "L": 1e5, "KA": 1e3},
    "inverse agonist with a positive modulator": {"KA": 0.1, "KA_star": 30.0, "KN": 90.0, "KN_star": 5.0, "L": 0.01},
    "strict preferences": {"KA": 1e13, "KN_star": 1e13, "KN": 0.6, "KA_star": 0.09},
}
PAIRS = [(A, N) for A in (0.0, 0.04, 2.5, 800.0) for N in (0.0, 0.3, 17.0, 1e5)]


@case("two_state_modulator", rows=("S0-24", "M-01"), sets=MODULATORS)
def binding_polynomials(b: Bench):
    """The active fraction is the share of the active states among all eight."""
    got = [b.start({"A": A, "N": N}) for A, N in PAIRS]
    found = [weights(A, N, b.p) for A, N in PAIRS]
    yield same("f", [g["f_active"] for g in got], [fraction(w, 0) for w in found])
    yield same("agonist alone", [g["f_agonist"] for g in got], [fraction(weights(A, 0.0, b.p), 0) for A, _ in PAIRS])
    yield same(
        "modulator alone", [g["f_modulator"] for g in got], [fraction(weights(0.0, N, b.p), 0) for _, N in PAIRS]
    )
    yield same("basal", got[0]["basal"], 1.0 / (1.0 + b.p.L))
    odds = [fraction(w, 0) / (1.0 - fraction(w, 0)) * b.p.L for w in found]
    yield same("a n is the factor on the odds", [g["a"] * g["n"] for g in got], odds)


@case("two_state_modulator", rows="S0-24", sets=MODULATORS)
def directions_and_limits(b: Bench):
    """A modulator that prefers the inactive receptor lowers f at any agonist; EC50 is halfway at any modulator."""
    p = b.p
    down = p.KN_star > p.KN
    for A in (0.0, 3.0):
        f = np.array([b.start({"A": A, "N": N})["f_active"] for N in (0.0, 2.0, 60.0, 4e3)])
        yield holds(f"direction at A = {A}", (np.diff(f) < 0.0) if down else (np.diff(f) > 0.0))
    for N in (0.0, 12.0, 3e4):
        ec50 = b.start({"N": N})["EC50"]
        low = fraction(weights(0.0, N, p), 0)
        x, y = 1.0 + N / p.KN_star, 1.0 + N / p.KN
        high = x / p.KA_star / (x / p.KA_star + p.L * y / p.KA)
        yield same(f"halfway at N = {N}", b.start({"N": N, "A": ec50})["f_active"], (low + high) / 2.0)


@case("two_state_modulator", rows="S0-25", sets={k: MODULATORS[k] for k in MODULATORS if k != "weak preference"})
def restores_basal_activity(b: Bench):
    """The modulator undoes the agonist exactly where (1+A/KA*)(1+N/KN*) = (1+A/KA)(1+N/KN), whatever L is."""
    p = b.p
    for A in (0.02, 0.5, 6.0):
        ratio = (1.0 + A / p.KA_star) / (1.0 + A / p.KA)
        possible = (p.KN_star / p.KN > ratio) if ratio > 1.0 else (p.KN_star / p.KN < ratio)
        yield same(f"restorable at A = {A}", b.start({"A": A})["restorable"], float(possible))
        if not possible:
            continue
        got = b.start({"A": A})["N_restore"]
        yield same(f"N at A = {A}", got, (ratio - 1.0) / (1.0 / p.KN - ratio / p.KN_star))
        for L in (p.L, 0.02, 500.0):
            f = b.start({"A": A, "N": got, "L": L})["f_active"]
            yield same(f"f there, L = {L}", f, 1.0 / (1.0 + L))
        if min(p.KA, p.KN_star) > 1e12:
            yield same(f"strict preferences at A = {A}", got, p.KN * A / p.KA_star)
    yield same("nothing to undo", [b.start()[k] for k in ("N_restore", "restorable")], [0.0, 1.0])


@case(
    "two_state_modulator",
    rows="S0-25",
    sets={
        "too strong an agonist": {"A": 40.0},
        "no preference": {"KN": 10.0, "KN_star": 10.0, "A": 1.0},
        "a positive modulator": {"KN": 50.0, "KN_star": 2.0, "A": 0.1},
        "an inverse agonist": {"KA": 0.1, "KA_star": 50.0, "A": 2.0},
        "just too strong": {"KN": 10.0, "KN_star": 19.9, "KA": 1e13, "KA_star": 1.0, "A": 1.0},
    },
)
def cannot_restore(b: Bench):
    """Where the agonist's factor is not below KN*/KN, no amount of modulator restores the basal activity."""
    if b.changes.get("A") == 40.0:  # a = 29.3: below 200, and above it with a modulator of less preference
        yield same("restorable while KN*/KN is larger", b.start()["restorable"], 1.0)
        b = Bench(b.model, {**b.changes, "KN_star": 290.0})
    got = b.start()
    yield same("restorable", got["restorable"], 0.0)
    yield holds("its concentration is marked as none", got["N_restore"] == -1.0, got["restore_margin"] <= 0.0)
    f = np.array([b.start({"N": N})["f_active"] for N in (0.0, *np.geomspace(1e-6, 1e12, 30))])
    side = np.sign(f - 1.0 / (1.0 + b.p.L))
    yield holds("f stays on its side of basal", side == side[0], side != 0.0)


@case("two_state_modulator", rows="S0-25")
def restoring_concentration_is_found(b: Bench):
    """Asked for the concentration that restores basal activity, the search finds it, or says that there is none."""
    for changes in ({"A": 2.5}, {"A": 0.4, "L": 3.0, "KN_star": 60.0}):
        one = Bench(b.model, changes)
        p = one.p
        a = (1.0 + p.A / p.KA_star) / (1.0 + p.A / p.KA)
        answer = qsp.level_for(b.model, "N", observable="f_active", target=1.0 / (1.0 + p.L), changes=changes)
        yield holds("possible", answer.possible)
        yield same(f"N for {changes}", float(answer), (a - 1.0) / (1.0 / p.KN - a / p.KN_star))
        yield same("as the formula", one.start()["N_restore"], float(answer))
    changes = {"A": 30.0, "KN_star": 100.0}
    answer = qsp.level_for(b.model, "N", observable="f_active", target=1.0 / 21.0, changes=changes)
    yield holds("impossible, with a reason", not answer.possible, bool(answer.reason))


@case("two_state_modulator", rows="S0-24", sets=MODULATORS)
def occupancies_are_cooperative(b: Bench):
    """Both occupancies are shares of the eight states; seen from outside they are a ternary complex with alpha."""
    p = b.p
    effective_A = (1.0 + p.L) / (1.0 / p.KA_star + p.L / p.KA)
    effective_N = (1.0 + p.L) / (1.0 / p.KN_star + p.L / p.KN)
    alpha = b.start()["alpha"]
    for A, N in PAIRS:
        got, found = b.start({"A": A, "N": N}), weights(A, N, p)
        yield same(f"A bound at {A}, {N}", got["occupancy_A"], fraction(found, 1))
        yield same(f"N bound at {A}, {N}", got["occupancy_N"], fraction(found, 2))
        x, y = A / effective_A, N / effective_N
        yield same(
            f"ternary complex at {A}, {N}", got["occupancy_A"], x * (1 + alpha * y) / (1 + x + y + alpha * x * y)
        )


# --------------------------------------------------------------------------------------- two ligands for one site
@case("two_state_exclusive", rows="S0-24", sets=MODULATORS)
def competing_polynomials(b: Bench):
    """With one site the two states with both ligands are missing, six remain."""
    for A, N in PAIRS:
        found = {s: w for s, w in weights(A, N, b.p).items() if s[1:] != (1, 1)}
        got = b.start({"A": A, "N": N})
        yield same(f"f at {A}, {N}", got["f_active"], fraction(found, 0))
        yield same(f"A bound at {A}, {N}", got["occupancy_A"], fraction(found, 1))
        yield same(f"N bound at {A}, {N}", got["occupancy_N"], fraction(found, 2))
    yield same("agonist alone", b.start({"A": 2.0, "N": 5.0})["f_agonist"], with_agonist(2.0, b.p))


@case("two_state_exclusive", rows="S0-25", sets=MODULATORS)
def restores_basal_activity_by_competition(b: Bench):
    """Basal activity returns where A/KA* + N/KN* = A/KA + N/KN; one sign decides whether that can be."""
    p = b.p
    for A in (0.02, 6.0, 4e3):
        got = b.start({"A": A})
        slope_A, slope_N = A * (1.0 / p.KA_star - 1.0 / p.KA), 1.0 / p.KN - 1.0 / p.KN_star
        possible = slope_A * slope_N > 0.0
        yield same(f"restorable at A = {A}", got["restorable"], float(possible))
        if not possible:
            yield same(f"none at A = {A}", got["N_restore"], -1.0)
            continue
        yield same(f"N at A = {A}", got["N_restore"], slope_A / slope_N)
        yield same(f"f there, A = {A}", b.start({"A": A, "N": got["N_restore"]})["f_active"], 1.0 / (1.0 + p.L))
        if min(p.KA, p.KN_star) > 1e12:
            yield same(f"strict preferences at A = {A}", got["N_restore"], p.KN * A / p.KA_star)
    yield same("nothing to undo", [b.start()[k] for k in ("N_restore", "restorable")], [0.0, 1.0])


@case("two_state_exclusive", rows="S0-24", sets=MODULATORS)
def competition_is_surmountable(b: Bench):
    """Much agonist gives its own maximum at any concentration of the competitor; half of the way is at EC50."""
    p = b.p
    high = 1.0 / (1.0 + p.L * p.KA_star / p.KA)
    for N in (0.0, 5.0, 2e3):
        ec50 = b.start({"N": N})["EC50"]
        low = fraction({s: w for s, w in weights(0.0, N, p).items() if s[1] == 0}, 0)
        yield same(f"halfway at N = {N}", b.start({"N": N, "A": ec50})["f_active"], (low + high) / 2.0)
        yield same(f"much agonist at N = {N}", b.start({"N": N, "A": 1e9 * ec50})["f_active"], high)
