"""Kinase cascades with feedback from the end product: linear tiers, steep feedback, conserved pools."""

from __future__ import annotations

import numpy as np
from scipy.linalg import expm
from scipy.optimize import brentq

import sbmlqsp as qsp
from validation.cases import Bench, case, holds, same
from validation.reference import integrate

TIERS = ("R_star", "A_star", "B_star", "C_star")
NOTHING = dict.fromkeys(TIERS, 0.0)
HYPERBOLIC = {
    "typical": {},
    "strong feedback, inhibitor": {"KF": 1e-3, "I": 40.0, "KI": 0.3},
    "weak feedback": {"KF": 1e6, "kA": 9.0, "I": 2.0},
    "uneven tiers": {"kR": 30.0, "dR": 7.0, "dA": 0.02, "kB": 1e-3, "dC": 5.0, "KF": 0.4, "I": 6.0},
}


def chain_gain(p) -> float:
    """Return the output without feedback: what every tier makes of the one above, times the receptor."""
    return p.kR / p.dR * (p.kA / p.dA) * (p.kB / p.dB) * (p.kC / p.dC) / (1.0 + p.I / p.KI)


def hyperbolic_rest(p) -> list[float]:
    """Return the steady state of the four: C solves C^2/KF + C - G = 0, the others follow upwards."""
    roots = np.roots([1.0 / p.KF, 1.0, -chain_gain(p)])
    c = float(roots[roots > 0][0])
    c -= (c * (1.0 + c / p.KF) - chain_gain(p)) / (1.0 + 2.0 * c / p.KF)  # the roots of a polynomial lose digits
    b = c * p.dC * (1.0 + p.I / p.KI) / p.kC
    a = b * p.dB / p.kB
    return [a * p.dA / p.kA, a, b, c]


def lags(p, feedback):
    """Return the rates of change of the four, given how the output throttles the activation of the receptor."""
    return lambda _, y: [
        feedback(y[3]) - p.dR * y[0],
        p.kA * y[0] - p.dA * y[1],
        p.kB * y[1] - p.dB * y[2],
        p.kC / (1.0 + p.I / p.KI) * y[2] - p.dC * y[3],
    ]


def span(p) -> float:
    """Return a time in which the slowest tier settles."""
    return 12.0 / min(p.dR, p.dA, p.dB, p.dC)


@case("kinase_cascade_hyperbolic", rows=("S0-31", "S0-32", "M-01"), sets=HYPERBOLIC)
def steady_state_without_drug(b: Bench):
    """Without drug it starts and stays at the quadratic's root; with drug it settles at the new one; gains multiply."""
    free = Bench(b.model, {**b.changes, "I": 0.0})
    got = free.run(np.linspace(0.0, span(b.p), 4), *TIERS)
    for name, value in zip(TIERS, hyperbolic_rest(free.p), strict=True):
        yield same(f"{name} without drug", got[name], value)
    rest = b.at_rest(NOTHING)
    expected = hyperbolic_rest(b.p)
    yield same("simulated to rest", [rest[name] for name in TIERS], expected)
    yield same("as formulas", [rest[x] for x in ("R_ss", "A_ss", "B_ss", "C_ss")], expected)
    half = b.p.KF / 2.0
    if chain_gain(b.p) > 1e-3 * b.p.KF:  # else the difference below is rounding
        yield same("the closed form", rest["C_ss"], half * (np.sqrt(1.0 + 4.0 * chain_gain(b.p) / b.p.KF) - 1.0))
    steps = [rest["A_star"] / rest["R_star"], rest["B_star"] / rest["A_star"], rest["C_star"] / rest["B_star"]]
    yield same("amplification, tier by tier", [rest[x] for x in ("gain_A", "gain_B", "gain_C")], steps)
    yield same("open loop", [rest["C_open"], rest["G"] / (1.0 + b.p.I / b.p.KI)], chain_gain(b.p))


@case("kinase_cascade_hyperbolic", rows="S0-32", sets=HYPERBOLIC)
def inhibitor_raises_what_is_above(b: Bench):
    """An inhibitor of what B* does raises R*, A* and B*, and lowers C*, by less than in the open loop."""
    rest = [b.at_rest({"I": dose}) for dose in (0.0, b.p.KI, 30.0 * b.p.KI)]
    for name in TIERS[:3]:
        yield holds(f"{name} rises", np.diff([r[name] for r in rest]) > 0.0)
    out = np.array([r["C_star"] for r in rest])
    yield holds("C* falls", np.diff(out) < 0.0)
    yield holds("by less than in the open loop", out[1:] / out[0] > 1.0 / np.array([2.0, 31.0]))


@case("kinase_cascade_hyperbolic", rows=("S0-31", "S0-32"), sets=HYPERBOLIC)
def follows_its_equations(b: Bench):
    """From nothing active the four follow their differential equations."""
    p = b.p
    t = np.linspace(0.0, span(p) / 4.0, 25)
    exact = integrate(lags(p, lambda c: p.kR / (1.0 + c / p.KF)), np.zeros(4), t)
    got = b.run(t, *TIERS, changes=NOTHING)
    for i, name in enumerate(TIERS):
        yield same(name, got[name], exact[:, i], at=t)


@case("kinase_cascade_hyperbolic", rows=("S0-31", "S0-32"))
def open_loop_limit(b: Bench):
    """With a very large KF the output is the product of the gains, and an inhibitor divides it by 1 + I/KI."""
    for dose in (0.0, 20.0):
        open_loop = Bench(b.model, {"KF": 1e15, "I": dose})
        yield same(f"C at I = {dose}", open_loop.at_rest()["C_star"], chain_gain(open_loop.p))
        yield same(f"R at I = {dose}", open_loop.at_rest()["R_star"], b.p.kR / b.p.dR)


@case("kinase_cascade_hyperbolic", rows="S0-33", sets=HYPERBOLIC)
def feedback_makes_robust(b: Bench):
    """A relative change of G changes C* by (KF+C*)/(KF+2C*) of it: from one to one half as the loop tightens."""
    p = b.p
    c = hyperbolic_rest(p)[3]
    yield same("sensitivity", b.start()["sensitivity"], (p.KF + c) / (p.KF + 2.0 * c))
    yield same("loop gain", b.start()["loop_gain"], c / (p.KF + c))
    for name in ("kR", "kB"):

        def slope(h: float, name: str = name) -> float:
            up, down = (b.at_rest({name: getattr(p, name) * np.exp(s)})["C_star"] for s in (h, -h))
            return float(np.log(up / down) / (2.0 * h))

        measured = (4.0 * slope(0.01) - slope(0.02)) / 3.0
        yield same(f"measured with {name}", measured, (p.KF + c) / (p.KF + 2.0 * c))


# --------------------------------------------------------------------------------------------------- linear feedback
LINEAR = {
    "typical": {},
    "inhibitor": {"I": 12.0, "KI": 0.5, "kF": 0.004},
    "no feedback": {"kF": 0.0, "kC": 3.0},
    "uneven tiers": {"kR": 30.0, "dR": 9.0, "dA": 0.03, "kB": 0.01, "kF": 1e-3, "I": 1.0},
}


@case("kinase_cascade_linear", rows=("S0-31", "S0-32", "S0-33", "M-01"), sets=LINEAR)
def linear_steady_state(b: Bench):
    """C* = G'/(1 + G' kF/kR), whether measured by simulation or as formula, with the tiers above in proportion."""
    p = b.p
    gain = chain_gain(p)
    out = gain / (1.0 + gain * p.kF / p.kR)
    before = out * p.dC * (1.0 + p.I / p.KI) / p.kC
    expected = [before * p.dB / p.kB * p.dA / p.kA, before * p.dB / p.kB, before, out]
    rest = b.at_rest()
    yield same("simulated", [rest[name] for name in TIERS], expected)
    yield same("as formulas", [rest[x] for x in ("R_ss", "A_ss", "B_ss", "C_ss")], expected)
    yield same(
        "loop gain and sensitivity",
        [rest["loop_gain"], 1.0 / rest["sensitivity"] - 1.0],
        gain * p.kF / p.kR,
    )
    yield same("drive", rest["drive"], p.kR - p.kF * out)
    free = Bench(b.model, {**b.changes, "I": 0.0})
    got = free.run(np.linspace(0.0, span(p), 4), "C_star", "C_ss")
    yield same("at rest before the drug", got["C_star"], got["C_ss"])


@case("kinase_cascade_linear", rows="S0-32", sets=LINEAR)
def linear_response_to_inhibitor(b: Bench):
    """With feedback the inhibitor raises R*, A*, B* and lowers C* by less than the open loop; without, only C*."""
    none, some = (b.at_rest({"I": dose * b.p.KI}) for dose in (0.0, 4.0))
    if b.p.kF == 0.0:
        yield same("R*, A*, B* do not move", [some[x] for x in TIERS[:3]], [none[x] for x in TIERS[:3]])
        yield same("C* falls fivefold", none["C_star"] / some["C_star"], 5.0)
    else:
        yield holds("R*, A*, B* rise", [some[x] > none[x] for x in TIERS[:3]])
        yield holds("C* falls by less than fivefold", 1.0 < none["C_star"] / some["C_star"] < 5.0)


@case("kinase_cascade_linear", rows=("S0-31", "S0-32"), sets=LINEAR)
def linear_course(b: Bench):
    """The time course is the exponential of the matrix of the four linear equations."""
    p = b.p
    matrix = np.diag([-p.dR, -p.dA, -p.dB, -p.dC]) + np.diag([p.kA, p.kB, p.kC / (1.0 + p.I / p.KI)], -1)
    matrix[0, 3] = -p.kF
    rest = np.linalg.solve(matrix, [-p.kR, 0.0, 0.0, 0.0])
    t = np.linspace(0.0, span(p) / 3.0, 19)
    exact = np.stack([rest + expm(matrix * one) @ -rest for one in t])
    got = b.run(t, *TIERS, changes=NOTHING)
    for i, name in enumerate(TIERS):
        yield same(name, got[name], exact[:, i], at=t)


# ------------------------------------------------------------------------------------------- steep feedback, four lags
def steep(gain: float, *, n: float, d: float = 0.5, KF: float = 10.0, **more: float) -> dict[str, float]:
    """Return four equal lags d with a given loop gain: from C/KF at rest back to the constants."""
    ratio = (gain / (n - gain)) ** (1.0 / n)
    output = KF * ratio * (1.0 + ratio**n)
    given = {"kA": 1.5 * d, "kB": 2.0 * d, "kC": 0.7 * d, "dR": d, "dA": d, "dB": d, "dC": d}
    return {**given, "kR": output / (1.5 * 2.0 * 0.7) * d, "KF": KF, "n": n, **more}


STEEP = {
    "two, never oscillates": {},
    "flat": {"n": 0.7, "I": 3.0},
    "well below four": steep(2.5, n=6.0),
    "just below four": steep(3.7, n=9.0, d=4.0),
    "above four": steep(5.0, n=8.0),
    "far above four": steep(9.5, n=10.0, d=0.02, KF=300.0, I=5.0, kC=0.028),
}


def steep_rest(p) -> np.ndarray:
    """Return the steady state: C (1 + (C/KF)^n) is the output of the open loop."""
    goal = np.log(chain_gain(p) / p.KF)
    u = brentq(lambda u: u + np.logaddexp(0.0, p.n * u) - goal, -50.0, 50.0, xtol=1e-14, rtol=1e-14)
    c = p.KF * np.exp(u)
    before = c * p.dC * (1.0 + p.I / p.KI) / p.kC
    return np.array([before * p.dB / p.kB * p.dA / p.kA, before * p.dB / p.kB, before, c])


def loop_gain(p) -> float:
    """Return n C^n/(KF^n + C^n) at the steady state."""
    x = (steep_rest(p)[3] / p.KF) ** p.n
    return float(p.n * x / (1.0 + x))


def spread_out(p) -> dict[str, float]:
    """Return the constants that leave the steady state where it is and make it stable: lags far apart."""
    return {"kR": p.kR * 1e6, "dR": p.dR * 1e6, "kA": p.kA * 1e3, "dA": p.dA * 1e3}


@case("kinase_cascade_hill", rows=("S0-31", "S0-33", "M-01"), sets=STEEP)
def steep_steady_state(b: Bench):
    """The steady state solves C (1 + (C/KF)^n) = G, also where the loop gain makes it unstable."""
    p = b.p
    rest = b.at_rest(spread_out(p))
    yield same("R*, A*, B*, C*", [rest[name] for name in TIERS], steep_rest(p))
    yield same("loop gain", [rest["loop_gain"], 1.0 / rest["sensitivity"] - 1.0], loop_gain(p))
    found = qsp.steady_state(b.model, changes={**b.changes, **dict(zip(TIERS, steep_rest(p), strict=True))})
    yield same("started there, it is there", [found.values[name] for name in TIERS], steep_rest(p))
    yield holds("stable only below four", found.stable is (loop_gain(p) < 4.0))


def course(b: Bench, t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the output over time from nothing, and its reference."""
    p = b.p
    exact = integrate(lags(p, lambda c: p.kR / (1.0 + (c / p.KF) ** p.n)), np.zeros(4), t, method="DOP853")
    return b.run(t, "C_star", changes=NOTHING)["C_star"], exact[:, 3]


@case("kinase_cascade_hill", rows="S0-33", sets={k: v for k, v in STEEP.items() if "above" not in k})
def stable_below_four(b: Bench):
    """With a loop gain below four the cascade overshoots at most, swings die out, and it comes to rest."""
    t = np.linspace(0.0, 60.0 / b.p.dR, 121)
    got, exact = course(b, t)
    yield same("C*(t)", got, exact, at=t)
    swing = np.abs(got / steep_rest(b.p)[3] - 1.0)
    yield holds("swings die out", swing[100:].max() < 0.5 * swing[40:60].max() or swing[100:].max() < 1e-6)
    yield same("at rest", b.at_rest()["C_star"], steep_rest(b.p)[3])


@case("kinase_cascade_hill", rows="S0-33", sets={k: v for k, v in STEEP.items() if "above" in k})
def oscillates_above_four(b: Bench):
    """With four equal lags and a loop gain above four the cascade ends in a limit cycle, from far and from near."""
    p = b.p
    t = np.linspace(0.0, 160.0 / p.dR, 321)
    got, exact = course(b, t)
    yield same("C*(t)", got, exact, at=t)
    late = got[t > 100.0 / p.dR]
    middle = len(late) // 2
    early_swing, late_swing = np.ptp(late[:middle]), np.ptp(late[middle:])
    yield holds("it swings", late_swing > 0.2 * steep_rest(p)[3])
    yield holds("and does not die out", late_swing > 0.98 * early_swing)
    near = dict(zip(TIERS, 1.001 * steep_rest(p), strict=True))
    found = b.run(np.linspace(0.0, 400.0 / p.dR, 801), "C_star", changes=near)["C_star"]
    swings = [np.ptp(part) for part in np.array_split(found, 8)]
    yield holds(
        "a small swing grows into the same cycle", np.ptp(found[:9]) < 0.1 * swings[-1], swings[-1] > 0.95 * late_swing
    )
    try:
        qsp.steady_state(b.model, changes=dict(b.changes))
    except qsp.SimulationError as error:
        yield holds("no steady state is reached, and it says why", "oscillat" in str(error))
    else:
        yield holds("no steady state is reached", False)


@case("kinase_cascade_hill", rows="S0-33")
def threshold_of_oscillation(b: Bench):
    """A tenth below a loop gain of four small swings shrink as exp(d ((g/4)^(1/4) - 1) t); a tenth above they grow."""
    for gain in (3.6, 4.4):
        one = Bench(b.model, steep(gain, n=8.0))
        root = (gain / 4.0) ** 0.25
        start = steep_rest(one.p)
        rate, turn = one.p.dR * (root - 1.0), one.p.dR * root
        yield same(f"loop gain, {gain}", loop_gain(one.p), gain)
        period = 2.0 * np.pi / turn
        # A swing along the slow pair of eigenvectors stays one: its values a period apart have the growth as ratio.
        matrix = np.diag([-one.p.dR] * 4) + np.diag([one.p.kA, one.p.kB, one.p.kC], -1)
        matrix[0, 3] = -one.p.dR * start[0] * gain / start[3]
        values, vectors = np.linalg.eig(matrix)
        slow = int(np.argmax(values.real + values.imag * 1e-9))
        yield same(f"eigenvalue, {gain}", [values[slow].real, abs(values[slow].imag)], [rate, turn])
        lean = vectors[:, slow] / vectors[3, slow] * start[3]
        ratio = []
        for size in (1e-3, -1e-3):  # the mean over both signs leaves no quadratic part
            near = dict(zip(TIERS, start + size * lean.real, strict=True))
            got = one.run([0.0, 3.0 * period], "C_star", changes=near)["C_star"]
            ratio.append((got[1] - start[3]) / (got[0] - start[3]))
        yield holds(f"three periods later, {gain}", abs(np.mean(ratio) / np.exp(3.0 * rate * period) - 1.0) < 1e-3)


@case("kinase_cascade_hill", rows=("S0-31", "S0-33"))
def one_is_hyperbolic(b: Bench):
    """With n = 1 it rests where the hyperbolic cascade does: a loop gain below one, a sensitivity above one half."""
    for changes in ({"n": 1.0}, {"n": 1.0, "KF": 0.01, "I": 7.0}):
        one = Bench(b.model, changes)
        rest = one.at_rest()
        yield same("C*", rest["C_star"], hyperbolic_rest(one.p)[3])
        c = rest["C_star"]
        yield same("sensitivity", rest["sensitivity"], (one.p.KF + c) / (one.p.KF + 2.0 * c))
