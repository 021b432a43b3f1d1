"""The MAPK cascade with all complexes: mass action in time, and its steady state from the balances alone."""

from __future__ import annotations

import numpy as np
from scipy.optimize import brentq

from validation.cases import Bench, case, holds, same
from validation.reference import integrate

# enzyme, substrate, product of each of the ten steps
STEPS = (
    ("E1", "KKK", "KKK_P"),
    ("E2", "KKK_P", "KKK"),
    ("KKK_P", "KK", "KK_P"),
    ("KKPase", "KK_P", "KK"),
    ("KKK_P", "KK_P", "KK_PP"),
    ("KKPase", "KK_PP", "KK_P"),
    ("KK_PP", "K", "K_P"),
    ("KPase", "K_P", "K"),
    ("KK_PP", "K_P", "K_PP"),
    ("KPase", "K_PP", "K_P"),
)
PROTEINS = {"E1": 0.03, "E2": 0.3, "KKPase": 0.3, "KPase": 120.0, "KKK": 3.0, "KK": 1200.0, "K": 1200.0}
FREE = ("E1", "E2", "KKPase", "KPase", "KKK", "KKK_P", "KK", "KK_P", "KK_PP", "K", "K_P", "K_PP")
NAMES = (*FREE, *(f"{enzyme}_{substrate}" for enzyme, substrate, _ in STEPS))
SETS = {
    "as published": {},
    "weak stimulus": {"E1_total": 3e-4, "KPase_total": 60.0},
    "other constants": {"a3": 0.2, "k5": 900.0, "d7": 3.0, "a10": 30.0, "k1": 20.0, "E1_total": 0.5, "KK_total": 200.0},
    "more phosphatase": {"KKPase_total": 30.0, "E2_total": 3.0, "E1_total": 5.0, "K_total": 4000.0},
}


def mass_action(p):
    """Return the rates of change of the 22 forms from the table of steps."""
    place = {name: i for i, name in enumerate(NAMES)}

    def rates(_, y):
        out = np.zeros(len(NAMES))
        for i, (enzyme, substrate, product) in enumerate(STEPS, 1):
            e, s, m, c = place[enzyme], place[substrate], place[product], place[f"{enzyme}_{substrate}"]
            on, off, turn = (getattr(p, f"{x}{i}") * z for x, z in (("a", y[e] * y[s]), ("d", y[c]), ("k", y[c])))
            out[e] += off + turn - on
            out[s] += off - on
            out[c] += on - off - turn
            out[m] += turn
        return out

    return rates


def start(p) -> np.ndarray:
    """Return the concentrations before the stimulus acts."""
    return np.array([getattr(p, f"{name}_total", 0.0) for name in NAMES])


@case("mapk_huang_ferrell", rows="M-01", sets=SETS)
def huang_ferrell_follows_mass_action(b: Bench):
    """All forms follow mass action, with the published constants: 1000 per micromol/L and min, 150 per min."""
    t = np.concatenate([[0.0], np.geomspace(0.01, 200.0, 25)])
    exact = integrate(mass_action(b.p), start(b.p), t, rtol=1e-10, atol=1e-16)
    got = b.run(t, *NAMES)
    for i, name in enumerate(NAMES):
        yield same(name, got[name], exact[:, i], floor=1e-9 * exact[:, i].max(), at=t)
    if not b.changes:
        for x, value in (("a", 1.0), ("d", 150.0), ("k", 150.0)):
            yield same(f"constants {x}", [getattr(b.p, f"{x}{i}") for i in range(1, 11)], value)
        yield same("totals", [getattr(b.p, f"{x}_total") for x in PROTEINS], list(PROTEINS.values()))


@case("mapk_huang_ferrell", rows="M-01", sets=SETS)
def huang_ferrell_conserves_proteins(b: Bench):
    """Every protein, free and in complexes, adds up to its total at all times."""
    got = b.run(np.linspace(0.0, 100.0, 6), *NAMES)
    for protein in PROTEINS:
        forms = [n for n in FREE if n == protein or n.removesuffix("P").removesuffix("P").removesuffix("_") == protein]
        total = sum(got[n] for n in forms)
        for enzyme, substrate, _ in STEPS:
            total = total + ((enzyme in forms) + (substrate in forms)) * got[f"{enzyme}_{substrate}"]
        yield same(protein, total, getattr(b.p, f"{protein}_total"))


class Balances:
    """The steady state, one tier after another: each pair of steps turns over equally fast, and totals are kept.

    Given free active MAPKK, the tiers below and above follow, each from one equation in one unknown; the stimulus that
    belongs to it comes last.
    """

    def __init__(self, p) -> None:
        self.p = p
        self.K = [0.0] + [(getattr(p, f"d{i}") + getattr(p, f"k{i}")) / getattr(p, f"a{i}") for i in range(1, 11)]

    def ratio(self, up: int, down: int) -> float:
        """Return free substrate of step `up` per free substrate of `down` times phosphatase over kinase."""
        return getattr(self.p, f"k{down}") * self.K[up] / (getattr(self.p, f"k{up}") * self.K[down])

    @staticmethod
    def phosphatase(total: float, square: float, linear: float) -> float:
        """Return the free phosphatase: the positive root of square x^2 + linear x = total."""
        return 2.0 * total / (linear + np.sqrt(linear**2 + 4.0 * square * total))

    def mapk(self, c: float) -> tuple[float, float]:
        """Return free active MAPK, and the active MAPKK that its substrates hold."""
        p, K = self.p, self.K

        def parts(z: float) -> tuple[float, float, float]:
            once = self.ratio(9, 10) * z / c  # per free phosphatase
            q = self.phosphatase(p.KPase_total, once / K[8], 1.0 + z / K[10])
            return q, once * q, self.ratio(7, 8) * once * q**2 / c

        def excess(z: float) -> float:
            q, kp, k = parts(z)
            return k + kp + z + c * (k / K[7] + kp / K[9]) + q * (kp / K[8] + z / K[10]) - p.K_total

        z = brentq(excess, 0.0, p.K_total, xtol=1e-16, rtol=1e-14)
        _, kp, k = parts(z)
        return z, c * (k / K[7] + kp / K[9])

    def at(self, c: float) -> dict[str, float]:
        """Return the stimulus and the free active kinases that go with free active MAPKK at c."""
        p, K = self.p, self.K
        z, held = self.mapk(c)

        def parts(x: float) -> tuple[float, float, float]:
            once = self.ratio(5, 6) * c / x
            q = self.phosphatase(p.KKPase_total, once / K[4], 1.0 + c / K[6])
            return q, once * q, self.ratio(3, 4) * once * q**2 / x

        def excess(log_x: float) -> float:
            x = np.exp(log_x)
            q, kp, k = parts(x)
            return k + kp + c + x * (k / K[3] + kp / K[5]) + q * (kp / K[4] + c / K[6]) + held - p.KK_total

        x = float(np.exp(brentq(excess, -60.0, 25.0, xtol=1e-15, rtol=1e-15)))
        _, kp, k = parts(x)
        off = p.E2_total * x / (K[2] + x)
        on = p.k2 / p.k1 * off
        rest = p.KKK_total - x - off - on - x * (k / K[3] + kp / K[5])
        stimulus = on * (1.0 + K[1] / rest) if rest > 0.0 else np.inf
        return {"E1_total": stimulus, "KKK_P": x, "KK_PP": c, "K_PP": z}

    def reached(self, name: str, level: float) -> dict[str, float]:
        """Return the state in which a kinase is at a level."""
        top = self.p.KK_total
        c = brentq(lambda u: self.at(np.exp(u))[name] - level, np.log(1e-9 * top), np.log(self.limit()), xtol=1e-14)
        return self.at(float(np.exp(c)))

    def limit(self) -> float:
        """Return free active MAPKK under a stimulus without bounds."""
        low, high = 1e-9 * self.p.KK_total, self.p.KK_total
        for _ in range(200):
            middle = 0.5 * (low + high)
            try:
                fine = np.isfinite(self.at(middle)["E1_total"])
            except ValueError:  # more than there is
                fine = False
            low, high = (middle, high) if fine else (low, middle)
        return low


@case("mapk_huang_ferrell", rows="M-01", sets=SETS)
def huang_ferrell_michaelis_at_rest(b: Bench):
    """The simulation comes to rest where the balances of the ten steps and the totals put it."""
    balances = Balances(b.p)
    for part in (0.003, 0.3, 0.8):
        state = balances.at(part * balances.limit())
        names = ("KKK_P", "KK_PP", "K_PP")
        got = b.run([0.0, 2e4], *names, changes={"E1_total": state["E1_total"]})
        yield same(f"at {part}", [got[name][-1] for name in names], [state[name] for name in names])


@case("mapk_huang_ferrell", rows="M-01")
def huang_ferrell_is_ultrasensitive(b: Bench):
    """The response steepens along the cascade: effective Hill coefficients of about 1, 1.7 and 4.9, as published."""
    balances = Balances(b.p)
    top = balances.at(balances.limit())
    hill = {}
    for name in ("KKK_P", "KK_PP", "K_PP"):
        doses = []
        for part in (0.1, 0.9):
            state = balances.reached(name, part * top[name])
            got = b.run([0.0, 2e4], name, changes={"E1_total": state["E1_total"]})[name][-1]
            yield same(f"{name}: {part:.0%} of its maximum", got, part * top[name])
            doses.append(state["E1_total"])
        hill[name] = np.log(81.0) / np.log(doses[1] / doses[0])
    yield holds("about 1", 0.95 < hill["KKK_P"] < 1.1)
    yield holds("about 1.7", 1.6 < hill["KK_PP"] < 1.8)
    yield holds("about 4.9", 4.8 < hill["K_PP"] < 5.0)
