"""Organs of a physiologically based model: linear responses to arterial blood, alone and in a circulation."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import expm

import sbmlqsp as qsp
from validation.analytic import pk
from validation.cases import Bench, case, holds, model_of, same

Array = NDArray[np.float64]

SETS = {
    "typical": {},
    "slow": {"Q": 0.02, "V": 40.0, "Kp": 300.0, "CLint": 0.003},
    "fast": {"Q": 400.0, "V": 0.01, "Kp": 0.05, "BP": 0.6, "CLint": 5000.0},
    "no elimination": {"CLint": 0.0, "BP": 1.7},
}


def linear(matrix: ArrayLike, start: ArrayLike, times: ArrayLike, *, source: ArrayLike | None = None) -> Array:
    """Return x(t) of dx/dt = matrix x + source, one row per time."""
    a, x = np.asarray(matrix, dtype=float), np.asarray(start, dtype=float)
    n = len(x)
    whole = np.zeros((n + 1, n + 1))
    whole[:n, :n] = a
    whole[:n, n] = 0.0 if source is None else source
    return np.array([(expm(whole * t) @ np.append(x, 1.0))[:n] for t in np.asarray(times, dtype=float)])


def joined(name: str, parts: dict[str, str], connect: dict[str, str | qsp.Link]) -> qsp.Model:
    """Compose library modules by name."""
    return qsp.compose(name, {k: model_of(v) for k, v in parts.items()}, connect=connect)


def pooled(*organs: str) -> dict[str, qsp.Link | str]:
    """Connect organs of the circulation, both sides, to the one pool called ``pool``."""
    found: dict[str, qsp.Link | str] = {}
    for organ in organs:
        for side, volume in (("arterial", "V_art"), ("venous", "V_ven")):
            found[f"{organ}.{side}"] = "pool.blood"
            found[f"{organ}.{volume}"] = qsp.Link("pool.V_blood", wins="source")
        found[f"{organ}.BP"] = "pool.BP"
    return found


def rate(p) -> float:
    """Rate constant by which a perfusion-limited organ approaches its steady state."""
    return (p.Q * p.BP / p.Kp + p.CLint) / p.V


# ------------------------------------------------------------------------------------ driven by a concentration
@case(
    "arterial_input", rows="S1-02", sets={"typical": {}, "still": {"k_art": 0.0}, "fast": {"Cart0": 7.0, "k_art": 90.0}}
)
def decays_as_told(b: Bench):
    """The arterial concentration starts at Cart0 and falls as exp(-k_art t)."""
    t = np.linspace(0.0, 3.0 / (b.p.k_art or 1.0), 9)
    yield same("Cart", b.run(t, "Cart")["Cart"], b.p.Cart0 * np.exp(-b.p.k_art * t), at=t)


@case("perfusion_organ", rows=("S1-02", "S2-16"), sets=SETS)
def rises_to_a_constant_arterial_input(b: Bench):
    """C(t) = Q Cart / (V k) (1 - exp(-k t)) with k = (Q BP / Kp + CLint) / V; venous blood is C BP / Kp."""
    p, k = b.p, rate(b.p)
    t = np.linspace(0.0, 6.0, 25) / k
    got = b.run(t, "C", "Cven", "tissue", changes={"Cart": 2.5})
    exact = p.Q * 2.5 / p.V * t * pk.gain(k * t)
    yield same("C", got["C"], exact, at=t)
    yield same("Cven", got["Cven"], exact * p.BP / p.Kp, at=t)
    yield same("no drug, no tissue", b.run(t, "C")["C"], 0.0)


@cache
def _decaying() -> qsp.Model:
    return joined("decay", {"art": "arterial_input", "organ": "perfusion_organ"}, {"organ.Cart": "art.Cart"})


@case("perfusion_organ", rows=("S1-02", "S2-16"), sets=SETS)
def follows_a_decaying_arterial_input(b: Bench):
    """For Cart = C0 exp(-ke t), C is Q C0 / V (exp(-ke t) - exp(-k t)) / (k - ke), also where ke = k."""
    p, k = b.p, rate(b.p)
    organ = Bench(_decaying(), {f"organ.{name}": value for name, value in b.changes.items()})
    for ke in (0.2 * k, k, 5.0 * k):
        t = np.linspace(0.0, 6.0 / k, 25)
        got = organ.run(t, "organ.C", "organ.Cven", changes={"art.Cart0": 3.0, "art.k_art": ke})
        exact = 3.0 * p.Q / p.V * pk.passage(k, ke, t)
        yield same(f"C, ke = {ke / k:g} k", got["organ.C"], exact, at=t)
        yield same(f"Cven, ke = {ke / k:g} k", got["organ.Cven"], exact * p.BP / p.Kp, at=t)


@case("perfusion_organ", rows=("S1-02", "S2-16"), sets=SETS)
def extracts_at_rest_what_its_card_says(b: Bench):
    """At rest the organ removes E = CLint Kp / (Q BP + CLint Kp) of what arrives, and stands at Kp (1 - E) / BP."""
    p, rest = b.p, b.at_rest({"Cart": 0.8})
    e = p.CLint * p.Kp / (p.Q * p.BP + p.CLint * p.Kp)
    left = p.Q * p.BP / (p.Q * p.BP + p.CLint * p.Kp)
    yield same("E by balance", rest["elimination_rate"] / (p.Q * 0.8), e)
    yield same("what leaves", rest["Cven"] / 0.8, left)
    yield same("E", rest["E"], e)
    yield same("clearance", rest["CL_organ"], rest["elimination_rate"] / 0.8)
    yield same("ratio to arterial blood", [rest["C"] / 0.8, rest["Kp_ss"]], [p.Kp / p.BP * left] * 2)
    yield same("uptake is elimination", rest["uptake_rate"], rest["elimination_rate"], floor=1e-9 * p.Q)
    yield same("plasma's intrinsic clearance", rest["CLint_plasma"], p.CLint * p.Kp)


@case("perfusion_organ", rows="S2-16", sets=SETS)
def washes_out_with_its_half_life(b: Bench):
    """Without elimination half of the drug has left, or half of the plateau is reached, after ln 2 V Kp / (Q BP)."""
    p = b.p
    half = np.log(2.0) * p.V * p.Kp / (p.Q * p.BP)
    start = b.start()
    yield same("t_half", start["t_half"], half)
    yield same("t_half with elimination", start["t_half_total"], np.log(2.0) / rate(p))
    t = np.array([0.0, 1.0, 2.0, 7.0]) * half
    out = b.run(t, "C", changes={"tissue": 4.0, "CLint": 0.0})["C"]
    yield same("washout", out, 4.0 * 0.5 ** (t / half), at=t)
    into = b.run(t, "C", changes={"Cart": 1.0, "CLint": 0.0})["C"]
    yield same("uptake", into, p.Kp / p.BP * (1.0 - 0.5 ** (t / half)), at=t)
    both = b.run([0.0, np.log(2.0) / rate(p)], "C", changes={"tissue": 4.0})["C"]
    yield same("half is gone by flow and elimination", both[1], 2.0)


@case("perfusion_organ", rows=("S1-02", "S2-16"), sets=SETS)
def keeps_mass_between_uptake_and_elimination(b: Bench):
    """What is taken up and not eliminated is what the tissue gains: Q Cart exp(-k t)."""
    p, k = b.p, rate(b.p)
    t = np.linspace(0.0, 4.0, 9) / k
    got = b.run(t, "uptake_rate", "elimination_rate", changes={"Cart": 2.0})
    gain = got["uptake_rate"] - got["elimination_rate"]
    yield same("gain", gain, p.Q * 2.0 * np.exp(-k * t), at=t)
    arm = b.experiment(t, "tissue", changes={"Cart": 2.0})
    stored = b.run(t, "amount(tissue)", changes={"Cart": 2.0})["amount(tissue)"][-1]
    taken, lost = (float(qsp.integral(arm, name)) for name in ("uptake_rate", "elimination_rate"))
    yield same("uptake is stored or lost", stored + lost, taken)


@case("perfusion_organ", rows="S1-02", sets=SETS)
def needs_the_tissue_to_blood_ratio(b: Bench):
    """A tissue to plasma ratio with BP is the same as a tissue to blood ratio Kp / BP with BP = 1."""
    t = np.linspace(0.0, 3.0, 7) / rate(b.p)
    one = b.run(t, "C", "Cven", changes={"Cart": 1.0})
    other = b.run(t, "C", "Cven", changes={"Cart": 1.0, "Kp": b.p.Kp / b.p.BP, "BP": 1.0})
    for name in one:
        yield same(name, one[name], other[name], at=t)


# ---------------------------------------------------------------------------------------- limited by permeability
LEAKY = {
    "typical": {"CLint": 3.0},
    "slow": {"PS": 0.004, "Q": 30.0, "Kp": 40.0, "BP": 0.7, "CLint": 0.05},
    "tight flow": {"PS": 800.0, "Q": 1.5, "Vv": 0.02, "Ve": 3.0, "CLint": 0.0},
}


def spaces(p) -> Array:
    """Rates of the amounts in the blood and in the tissue of an organ."""
    into, out = p.PS / p.Vv, p.PS * p.BP / p.Kp / p.Ve
    return np.array([[-p.Q / p.Vv - into, out], [into, -out - p.CLint / p.Ve]])


@case("permeability_organ", rows="S1-02", sets=LEAKY)
def two_spaces_answer_a_constant_input(b: Bench):
    """Blood and tissue of the organ are a linear system; at rest E = CL_p / (Q + CL_p)."""
    p = b.p
    slowest = -np.linalg.eigvals(spaces(p)).real.max()
    t = np.linspace(0.0, 5.0, 16) / slowest
    exact = linear(spaces(p), [0.0, 0.0], t, source=[p.Q * 2.0, 0.0])
    got = b.run(t, "amount(vascular)", "amount(tissue)", "C", changes={"Cart": 2.0})
    yield same("blood", got["amount(vascular)"], exact[:, 0], at=t)
    yield same("tissue", got["amount(tissue)"], exact[:, 1], at=t)
    yield same("C", got["C"], exact.sum(axis=1) / (p.Vv + p.Ve), at=t)
    rest, plateau = b.at_rest({"Cart": 2.0}), np.linalg.solve(-spaces(p), [p.Q * 2.0, 0.0])
    left = plateau[0] / p.Vv / 2.0
    passed = p.PS * p.CLint / (p.PS * p.BP / p.Kp + p.CLint)
    yield same("what leaves", rest["Cven"] / 2.0, left)
    yield same("E", [rest["E"], rest["elimination_rate"] / (2.0 * p.Q)], [passed / (p.Q + passed)] * 2)
    yield same("ratio", [rest["C"] / 2.0, rest["Kp_ss"]], [plateau.sum() / (p.Vv + p.Ve) / 2.0] * 2)
    yield same("clearance", rest["CL_organ"], p.Q * rest["E"])


@case("permeability_organ", rows="S1-02", sets=LEAKY)
def a_fast_membrane_is_a_perfusion_organ(b: Bench):
    """As PS grows the organ becomes a perfusion-limited one, off by a part in proportion to 1 / PS."""
    p = b.p
    v, kp = p.Vv + p.Ve, (p.Vv * p.BP + p.Ve * p.Kp) / (p.Vv + p.Ve)
    yield same("Kp_total", b.start()["Kp_total"], kp)
    k = p.Q * p.BP / (v * kp)
    t = np.linspace(0.5, 4.0, 8) / k
    off = []
    for ps in (1e2 * p.Q, 1e3 * p.Q, 1e4 * p.Q):
        got = b.run(np.append(0.0, t), "C", changes={"Cart": 1.0, "PS": ps, "CLint": 0.0})["C"][1:]
        off.append(np.abs(got / (kp / p.BP * -np.expm1(-k * t)) - 1.0).max())
    yield holds("each ten times nearer", off[0] < 2e-2, 8.0 < off[0] / off[1] < 12.0, 8.0 < off[1] / off[2] < 12.0)


@case("permeability_organ", rows="S1-02", sets=LEAKY)
def a_slow_membrane_limits_uptake(b: Bench):
    """A closed membrane keeps drug in the blood of the organ, whatever the elimination behind it."""
    rest = b.at_rest({"Cart": 1.0, "PS": 0.0, "CLint": 50.0})
    yield same("blood passes through", rest["Cven"], 1.0)
    yield same("nothing in the tissue", [rest["Ce"], rest["E"]], [0.0, 0.0])
    ps = 1e-4 * b.p.Q
    got = b.at_rest({"Cart": 1.0, "PS": ps, "CLint": 50.0})
    lost = ps * 50.0 / (ps * b.p.BP / b.p.Kp + 50.0)
    yield same("clearance goes to PS", got["CL_organ"], b.p.Q * lost / (b.p.Q + lost))


# --------------------------------------------------------------------------------------------------- in a circulation
CLOSED = {
    "typical": {"CLint": 3.0},
    "slow": {"Q": 0.3, "V": 40.0, "Kp": 60.0, "BP": 1.4, "CLint": 0.01},
    "fast": {"Q": 300.0, "V": 0.05, "Kp": 0.2, "CLint": 40.0, "V_art": 0.4},
}
ALONE = {name: {k: v for k, v in s.items() if k != "V_art"} for name, s in CLOSED.items()}


def through(p, source: float) -> Array:
    """Rates of the amounts in the blood that enters, in the tissue and in the blood that it gives to."""
    enter, leave, lost = p.Q / source, p.Q * p.BP / p.Kp / p.V, p.CLint / p.V
    return np.array([[-enter, 0.0, 0.0], [enter, -leave - lost, 0.0], [0.0, leave, 0.0]])


def _passes(b: Bench, before: str, source: float, after: str):
    p = b.p
    a = through(p, source)
    t = np.append(np.linspace(0.0, 5.0, 11) / -a[0, 0], np.linspace(0.5, 3.0, 11) / -a[1, 1])
    t.sort()
    names = [f"amount({n})" for n in (before, "tissue", after)]
    start = [20.0, 7.0, 4.0]
    got = b.run(t, *names, "elimination_rate", changes=dict(zip(names, start, strict=True)))
    exact = linear(a, start, t)
    early = t <= 10.0 / -a[0, 0]
    yield same(names[0], got[names[0]][early], exact[early, 0], at=t[early])
    for i in (1, 2):
        yield same(names[i], got[names[i]], exact[:, i], at=t)
    yield same("elimination", got["elimination_rate"], p.CLint / p.V * exact[:, 1], at=t)
    kept = b.run(t, *names, changes={**dict(zip(names, start, strict=True)), "CLint": 0.0})
    yield same("nothing is lost", sum(kept.values()), 31.0, tolerance=1e-9)
    e, out = p.CLint * p.Kp / (p.Q * p.BP + p.CLint * p.Kp), b.start()
    yield same("E", [out["E"], out["CL_organ"]], [e, p.Q * e])
    yield same("Kp_ss", out["Kp_ss"], p.Kp / p.BP * (1.0 - e))


@case("circulation_organ", rows=("S1-03", "S1-02"), sets=CLOSED)
def moves_amounts_between_blood_and_tissue(b: Bench):
    """What leaves arterial blood enters the tissue, what leaves the tissue enters venous blood, and nothing else."""
    yield from _passes(b, "arterial", b.p.V_art, "venous")


@case("portal_organ", rows="S1-03", sets=CLOSED)
def drains_to_the_liver(b: Bench):
    """What leaves the tissue enters the liver, and nothing else."""
    yield from _passes(b, "arterial", b.p.V_art, "portal")


@cache
def _circuit() -> qsp.Model:
    connect = {}
    for organ in ("lung", "organ"):
        connect |= {f"{organ}.arterial": "art.arterial", f"{organ}.V_art": "art.V_art"}
        connect |= {f"{organ}.venous": "ven.venous", f"{organ}.V_ven": "ven.V_ven"}
    parts = {"art": "arterial_blood", "ven": "venous_blood", "lung": "lung", "organ": "circulation_organ"}
    return joined("circuit", parts, connect)


@case("lung", rows="S1-03", sets=ALONE)
def closes_the_circuit_without_loss(b: Bench):
    """Venous blood, lung, arterial blood and an organ are a ring: a matrix exponential that keeps the amount."""
    p = b.p
    yield from _passes(b, "venous", p.V_ven, "arterial")
    other = {"organ.Q": p.Q, "organ.V": 12.0, "organ.Kp": 4.0, "organ.BP": p.BP, "organ.CLint": 0.0}
    ring = Bench(_circuit(), {**{f"lung.{k}": v for k, v in b.changes.items()}, **other})
    a = np.zeros((4, 4))
    leave = [p.Q / p.V_ven, p.Q * p.BP / p.Kp / p.V, p.Q / p.V_art, p.Q * p.BP / 4.0 / 12.0]
    for i, k in enumerate(leave):
        a[i, i] -= k
        a[(i + 1) % 4, i] += k
    a[1, 1] -= p.CLint / p.V
    t = np.append(0.0, np.geomspace(1e-3, 1e2, 20))
    names = ["amount(ven.venous)", "amount(lung.tissue)", "amount(art.arterial)", "amount(organ.tissue)"]
    got = ring.run(t, *names, regimen="50 mg into ven.venous")
    exact = linear(a, [50.0, 0.0, 0.0, 0.0], t)
    for i, name in enumerate(names):
        yield same(name, got[name], exact[:, i], at=t)
    kept = ring.run(t, *names, regimen="50 mg into ven.venous", changes={"lung.CLint": 0.0})
    yield same("nothing is lost", sum(kept.values()), 50.0, tolerance=1e-9)


@cache
def _two_organs() -> qsp.Model:
    parts = {
        "pool": "blood_pool",
        "one": "circulation_organ",
        "two": "circulation_organ",
        "gf": "glomerular_filtration",
    }
    return joined(
        "pbpk",
        parts,
        pooled("one", "two") | {"gf.blood": "pool.blood", "gf.BP": "pool.BP", "gf.V_blood": "pool.V_blood"},
    )


@case("circulation_organ", rows=("S1-11", "S1-03"), sets=CLOSED)
def two_organs_on_one_pool_are_a_matrix_exponential(b: Bench):
    """Two organs on a pool of blood with filtration; where both share V Kp / Q, exactly two compartments.

    Then V1 = BP V_blood, V2 = sum of V Kp, Q = BP times the sum of flows, CL = fu GFR; all of plasma.
    """
    p, cl, bp = b.p, 0.7 * 7.2, 1.0 + 0.45 * (0.4 - 1.0)
    first = {f"one.{k}": v for k, v in b.changes.items() if k in {"Q", "V", "Kp"}}
    body = Bench(_two_organs(), {**first, "one.CLint": 0.0, "pool.Ke": 0.4, "gf.fu": 0.7})
    transit, v2, kp2 = p.V * p.Kp / p.Q, 3.0 * p.V, 0.5 * p.Kp
    t = np.append(0.0, np.geomspace(0.01, 5.0, 14)) * transit / bp
    names = ("pool.C_plasma", "amount(one.tissue)", "amount(two.tissue)")
    for factor in (1.0, 5.0):
        q2 = v2 * kp2 / transit * factor
        change = {"two.Q": q2, "two.V": v2, "two.Kp": kp2, "two.CLint": 0.0}
        got = body.run(t, *names, regimen="30 mg into pool.blood", changes=change)
        k1, k2 = p.Q * bp / p.Kp / p.V, q2 * bp / kp2 / v2
        a = [[-(p.Q + q2 + cl / bp) / 5.6, k1, k2], [p.Q / 5.6, -k1, 0.0], [q2 / 5.6, 0.0, -k2]]
        exact = linear(a, [30.0, 0.0, 0.0], t) / [5.6 * bp, 1.0, 1.0]
        for i, name in enumerate(names):
            yield same(name, got[name], exact[:, i], at=t)
        v = {"central_volume": bp * 5.6, "peripheral_volume": p.V * p.Kp + v2 * kp2}
        two = pk.bolus(pk.two_compartment(clearance=cl, exchange=bp * (p.Q + q2), **v), t, dose=30.0)
        if factor == 1.0:
            yield same("two compartments", got["pool.C_plasma"], two, at=t)
        else:
            off = np.abs(got["pool.C_plasma"] / two - 1.0).max()
            yield holds("a third exponential shows", off > 1e-3 * min(1.0, p.V * p.Kp / 5.6))


@cache
def _cleared() -> qsp.Model:
    return joined("cleared", {"pool": "blood_pool", "organ": "circulation_organ"}, pooled("organ"))


@case("circulation_organ", rows=("S1-03", "S1-02"), sets=CLOSED)
def clears_a_pool_with_its_emergent_clearance(b: Bench):
    """An infusion into blood settles at R / CL with CL = Q E, and the tissue at Kp (1 - E) / BP of it."""
    p = b.p
    body = Bench(_cleared(), {f"organ.{k}": v for k, v in b.changes.items() if k not in {"BP", "V_art"}})
    bp = p.BP
    rest = body.at_rest({"pool.R_in": 6.0, "pool.Ke": 1.0 + (bp - 1.0) / 0.45})
    e = p.CLint * p.Kp / (p.Q * bp + p.CLint * p.Kp)
    yield same("blood", rest["pool.C_blood"], 6.0 / (p.Q * e))
    yield same("clearance", rest["organ.CL_organ"], p.Q * e)
    yield same("tissue ratio", rest["organ.C"] / rest["pool.C_blood"], p.Kp / bp * (1.0 - e))


@case("circulation_permeability_organ", rows="S1-03", sets=LEAKY)
def two_spaces_and_blood_are_a_matrix_exponential(b: Bench):
    """Amounts move from arterial blood through the organ's two spaces to venous blood; none is lost."""
    p = b.p
    a = np.zeros((4, 4))
    a[1:3, 1:3] = spaces(p)
    a[0, 0], a[1, 0], a[3, 1] = -p.Q / p.V_art, p.Q / p.V_art, p.Q / p.Vv
    names = [f"amount({n})" for n in ("arterial", "vascular", "tissue", "venous")]
    t = np.append(0.0, np.geomspace(0.01, 3.0, 12) / -np.linalg.eigvals(spaces(p)).real.max())
    got = b.run(t, *names, regimen="10 mg into arterial")
    exact = linear(a, [10.0, 0.0, 0.0, 0.0], t)
    early = t <= 10.0 / -a[0, 0]
    yield same(names[0], got[names[0]][early], exact[early, 0], at=t[early])
    for i in (1, 2, 3):
        yield same(names[i], got[names[i]], exact[:, i], at=t)
    kept = b.run(t, *names, regimen="10 mg into arterial", changes={"CLint": 0.0})
    yield same("nothing is lost", sum(kept.values()), 10.0, tolerance=1e-9)
    passed = p.PS * p.CLint / (p.PS * p.BP / p.Kp + p.CLint)
    yield same("E", b.start()["E"], passed / (p.Q + passed))
