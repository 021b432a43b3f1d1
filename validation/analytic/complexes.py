"""Complexes of more than two: antibodies with two arms, and bifunctional molecules between two proteins."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.optimize import brentq

from validation.cases import Bench, case, holds, same
from validation.reference import integrate

ARMS = {
    "typical": {"A": 3.0},
    "strong pairing": {"A": 0.02, "kx": 9e3, "koff": 0.4, "Rtot": 80.0},
    "weak pairing": {"A": 500.0, "kx": 0.01, "kon": 7.0, "koff": 90.0, "Rtot": 0.03},
}
SLOW = 1e6  # pairs come and go this much more slowly than single arms, at most
THREE = {
    "typical": {"Xtot": 6.0},
    "tight": {"Xtot": 30.0, "Atot": 40.0, "Btot": 9.0, "koff_A": 0.01, "koff_B": 0.3, "kon_B": 5.0},
    "loose": {"Xtot": 900.0, "Atot": 0.02, "Btot": 0.5, "koff_A": 90.0, "koff_B": 700.0},
}
HOOKED = {"typical": {}, "scarce": {"Atot": 0.01, "Btot": 0.01}, "cooperative": {"alpha": 30.0}}
PAIRED = {
    "positive": {"Xtot": 6.0, "alpha": 40.0},
    "negative": {"Xtot": 30.0, "alpha": 0.05, "Atot": 9.0, "koff_A": 0.3},
    "strong": {"Xtot": 0.3, "alpha": 2e3, "Atot": 0.4, "Btot": 0.2, "koff_B": 90.0},
}


# ----------------------------------------------------------------------------------------------------------- two arms
def _pairs(p, a: float) -> tuple[float, float, float]:
    """Return free receptor, receptor on one arm, and pairs, at equilibrium with free antibody a."""
    kd, kx = p.koff / p.kon, p.kx / p.koff
    line, square = 1.0 + 2.0 * a / kd, 2.0 * a * kx / kd
    r = 2.0 * p.Rtot / (line + np.sqrt(line**2 + 4.0 * square * p.Rtot))
    return r, 2.0 * r * a / kd, r**2 * a * kx / kd


@case("bivalent_binding", rows="S2-13", sets=ARMS)
def equilibrium_of_two_arms(b: Bench):
    """AR = 2 R A/Kd and AR2 = R^2 A Kx/Kd, with R from the quadratic that the total gives."""
    p = b.p
    for factor in (0.0, 1e-2, 1.0, 100.0):
        rest = b.at_rest({"A": factor * p.A}, horizon=SLOW / p.koff)
        r, one, two = _pairs(p, factor * p.A)
        yield same(f"R, AR, AR2 at {factor:g} A", [rest["R"], rest["AR"], rest["AR2"]], [r, one, two])
        yield same(f"bound receptors at {factor:g} A", rest["occupancy"], (one + 2.0 * two) / p.Rtot)
        yield same(f"paired receptors at {factor:g} A", rest["crosslinked"], 2.0 * two / p.Rtot)
        yield same(f"bound antibody at {factor:g} A", rest["antibody_bound"], one + two)


@case("bivalent_binding", rows="S2-13", sets=ARMS)
def course_of_two_arms(b: Bench):
    """R, AR and AR2 are what direct integration gives, and no receptor is lost."""
    p = b.p

    def rates(_, y):
        first = 2.0 * p.kon * p.A * y[0] - p.koff * y[1]
        second = p.kx * y[1] * y[0] - 2.0 * p.koff * y[2]
        return [-first - second, first - second, second]

    t = np.linspace(0.0, 8.0, 33) / (p.koff + 2.0 * p.kon * p.A)
    exact = integrate(rates, [p.Rtot, 0.0, 0.0], t, method="LSODA")
    got = b.run(t, "R", "AR", "AR2", "R + AR + 2 * AR2")
    for i, name in enumerate(("R", "AR", "AR2")):
        yield same(f"{name}(t)", got[name], exact[:, i], at=t)
    yield same("receptors", got["R + AR + 2 * AR2"], p.Rtot)


@case("bivalent_binding", rows="S2-13", sets=ARMS)
def bell_of_crosslinking(b: Bench):
    """Pairs are most at A = Kd/2 and vanish on both sides, while occupancy rises."""
    p = b.p
    half = 0.5 * p.koff / p.kon
    far = 50.0 * (1.0 + p.Rtot * p.kx / p.koff)
    doses = [f * half for f in (1.0 / far, 0.95, 1.0, 1.05, far)]
    late = [b.run([0.0, 1e3 * SLOW / p.koff], "AR2", "occupancy", changes={"A": a}) for a in doses]
    pairs, occupancy = (np.array([run[k][-1] for run in late]) for k in ("AR2", "occupancy"))
    yield same("pairs", pairs, [_pairs(p, a)[2] for a in doses])
    yield holds("the top", pairs[2] > max(pairs[1], pairs[3]))
    yield holds("both sides", max(pairs[0], pairs[4]) < 0.2 * pairs[2])
    yield holds("occupancy rises", np.diff(occupancy) > 0.0)


@case("bivalent_binding", rows="S2-13", sets=ARMS)
def one_arm_without_crosslinking(b: Bench):
    """With kx = 0, occupancy is that of one site with twice the antibody; with it, half is bound at a lower A."""
    p = b.p
    kd = p.koff / p.kon
    for a in (0.1 * kd, 5.0 * kd):
        got = b.run([0.0, 40.0 / p.koff], "occupancy", changes={"kx": 0.0, "A": a})["occupancy"][-1]
        yield same(f"occupancy at {a:g}", got, 2.0 * a / (kd + 2.0 * a))
    half = brentq(lambda a: _pairs(p, a)[0] / p.Rtot - 0.5, 1e-9 * kd, kd, xtol=1e-300, rtol=1e-14)
    late = b.run([0.0, 1e3 * SLOW / p.koff], "occupancy", changes={"A": half})["occupancy"][-1]
    yield same("half is bound at the antibody that the quadratic gives", late, 0.5)
    yield holds("less than by one arm", half < 0.5 * kd)


# ------------------------------------------------------------------------------------------------------------ ternary
def _bound(total: float, other: float, constant: float) -> float:
    """Return the complex of two that bind one to one, by the quadratic."""
    both = total + other
    root = np.sqrt((total - other) ** 2 + constant * (2.0 * both + constant))
    return float(2.0 * total * other / (both + constant + root))


def _ternary(p, alpha: float, x_total: float) -> dict[str, float]:
    """Return all species at equilibrium: two nested root searches over the free concentrations."""
    ka, kb = p.koff_A / p.kon_A, p.koff_B / p.kon_B

    def partners(x: float) -> tuple[float, float]:
        # A (1 + X/KA + alpha B X/(KA KB)) = Atot, with B from its own balance.
        def b_of(a: float) -> float:
            return p.Btot / (1.0 + x / kb + alpha * a * x / (ka * kb))

        def missing(a: float) -> float:
            return a * (1.0 + x / ka + alpha * b_of(a) * x / (ka * kb)) - p.Atot

        a = _root(missing, p.Atot)
        return a, b_of(a)

    def left(x: float) -> float:
        a, b = partners(x)
        return x * (1.0 + a / ka + b / kb + alpha * a * b / (ka * kb)) - x_total

    x = _root(left, x_total)
    a, b = partners(x)
    return {"A": a, "B": b, "X": x, "AX": a * x / ka, "XB": b * x / kb, "AXB": alpha * a * b * x / (ka * kb)}


def _root(f: Callable[[float], float], top: float) -> float:
    return float(brentq(f, 0.0, top, xtol=1e-18 * top, rtol=1e-14))


@case("ternary_complex", rows="S2-13", sets=THREE)
def independent_sites_at_equilibrium(b: Bench):
    """With alpha = 1 the ternary complex is bound A times bound B over X, each bound by its own quadratic."""
    p = b.p
    for factor in (0.02, 1.0, 50.0):
        x = factor * p.Xtot
        on_a, on_b = _bound(x, p.Atot, p.koff_A / p.kon_A), _bound(x, p.Btot, p.koff_B / p.kon_B)
        rest = b.at_rest({"Xtot": x})
        yield same(f"AXB at {x:g}", rest["AXB"], on_a * on_b / x)
        yield same(f"AX and XB at {x:g}", [rest["AX"], rest["XB"]], [on_a * (1.0 - on_b / x), on_b * (1.0 - on_a / x)])
        yield same(f"free A and B at {x:g}", [rest["A"], rest["B"]], [p.Atot - on_a, p.Btot - on_b])
        shares = [on_a * on_b / x / p.Atot, on_a * on_b / x / p.Btot]
        yield same(f"shares at {x:g}", [rest["ternary_share_A"], rest["ternary_share_B"]], shares)


@case("ternary_complex", rows="S2-13", sets=PAIRED)
def cooperative_equilibrium(b: Bench):
    """With any alpha AXB = alpha A B X/(KA KB), AX = A X/KA, XB = B X/KB, and the totals balance."""
    p = b.p
    for factor in (0.05, 1.0, 30.0):
        x = factor * p.Xtot
        rest, exact = b.at_rest({"Xtot": x}), _ternary(p, p.alpha, x)
        yield same(f"all at {x:g}", [rest[k] for k in exact], list(exact.values()))
    plain = b.at_rest({"alpha": 1.0})["AXB"]
    more = b.at_rest()["AXB"] > plain
    yield holds("cooperativity above one makes more of it", more == (p.alpha > 1.0))


@case("ternary_complex", rows="S2-13", sets={**THREE, **PAIRED})
def keeps_all_three(b: Bench):
    """Nothing is lost of A, B or X; a dose of X counts as X from the start."""
    p = b.p
    t = np.geomspace(1e-3, 1e3, 13)
    got = b.run(t, "A_total", "B_total", "X_total")
    for name, total in (("A_total", p.Atot), ("B_total", p.Btot), ("X_total", p.Xtot)):
        yield same(name, got[name], total)
    dosed = b.run(t, "AXB", changes={"Xtot": 0.0, "site": 2.0}, regimen=f"{2.0 * p.Xtot!r} nmol into X")["AXB"]
    yield same("dosed", dosed, b.run(t, "AXB")["AXB"], at=t)


@case("ternary_complex", rows="S2-13", sets={**THREE, **PAIRED})
def course_of_three(b: Bench):
    """All six species are what direct integration gives."""
    p = b.p
    alpha = p.alpha

    def rates(_, y):
        a, bb, x, ax, xb, axb = y
        v1, v2 = p.kon_A * a * x - p.koff_A * ax, p.kon_B * bb * x - p.koff_B * xb
        v3, v4 = p.kon_B * ax * bb - p.koff_B / alpha * axb, p.kon_A * xb * a - p.koff_A / alpha * axb
        return [-v1 - v4, -v2 - v3, -v1 - v2, v1 - v3, v2 - v4, v3 + v4]

    t = np.concatenate([[0.0], np.geomspace(1e-3, 30.0, 22)])
    exact = integrate(rates, [p.Atot, p.Btot, p.Xtot, 0.0, 0.0, 0.0], t, method="LSODA")
    names = ("A", "B", "X", "AX", "XB", "AXB")
    got = b.run(t, *names)
    for i, name in enumerate(names):
        yield same(f"{name}(t)", got[name], exact[:, i], at=t)


@case("ternary_complex", rows="S2-13", sets=HOOKED)
def hook(b: Bench):
    """The complex rises and falls with X; where both proteins are scarce it is largest at X = sqrt(KA KB)."""
    p = b.p
    top = np.sqrt(p.koff_A / p.kon_A * p.koff_B / p.kon_B)
    values = [b.at_rest({"Xtot": f * top})["AXB"] for f in (1e-3, 1.0, 1e3)]
    yield holds("a hook", values[1] > 5.0 * values[0], values[1] > 5.0 * values[2])
    scarce = {"Atot": 1e-5 * top, "Btot": 1e-5 * top, "alpha": 1.0}
    share = [b.at_rest({**scarce, "Xtot": f * top})["ternary_share_A"] for f in (0.9, 1.0, 1.1)]
    yield holds("its top where proteins are scarce", share[1] > max(share[0], share[2]))
