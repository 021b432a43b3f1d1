"""Tumours of several kinds of cell: damaged cells after Simeoni, sensitive and resistant clones."""

from __future__ import annotations

import numpy as np
from scipy.linalg import expm
from scipy.optimize import brentq
from scipy.special import lambertw

import sbmlqsp as qsp
from validation.analytic import pk
from validation.analytic.oncology import CL, V, treated
from validation.cases import Bench, case, holds, same
from validation.reference import integrate

SIMEONI = {
    "typical": {},
    "fast": {"lambda0": 0.2, "lambda1": 4.0, "k1": 1.5, "k2": 3.0},
    "slow": {"lambda0": 1e-4, "lambda1": 900.0, "k1": 1e-3, "k2": 1e-4, "psi": 5.0},
}
CLONES = {
    "typical": {"C": 1.0},
    "partial": {"C": 3.0, "kkillR": 0.001, "mu": 1e-4},
    "fast": {"C": 20.0, "kgS": 0.3, "kgR": 0.2, "kkillS": 0.1, "kkillR": 0.0, "mu": 0.01, "kill": 0.05},
    "untreated": {"C": 0.0, "kgR": 0.001, "mu": 1e-3},
}


# ---------------------------------------------------------------------------------------------------------- Simeoni
@case("tumour_simeoni", rows="S2-28", sets=SIMEONI)
def grows_exponentially_then_linearly(b: Bench):
    """Well below lambda1/lambda0 growth is exponential with lambda0, well above it linear with lambda1."""
    switch = b.p.lambda1 / b.p.lambda0
    t = np.linspace(0.0, 2.0, 9) / b.p.lambda0
    small = 1e-4 * switch
    got = b.run(t, "w", "w_switch", changes={"x1": small})
    yield same("exponential", got["w"], small * np.exp(b.p.lambda0 * t), at=t)
    yield same("w_switch", got["w_switch"], switch)
    large = 20.0 * switch
    got = b.run(t, "w", changes={"x1": large})["w"]
    yield same("linear", got, large + b.p.lambda1 * t, at=t)


@case("tumour_simeoni", rows="S2-28", sets={**SIMEONI, "sharp": {"psi": 20.0, "lambda0": 0.05}})
def grows_as_a_lambert_function_when_the_change_is_soft(b: Bench):
    """With psi = 1 and no drug, z + ln(z) rises by lambda0 t for z = lambda0 w / lambda1."""
    t = np.linspace(0.0, 8.0, 17) / b.p.lambda0
    switch = b.p.lambda1 / b.p.lambda0
    z = 0.2
    got = b.run(t, "w", changes={"x1": z * switch, "psi": 1.0})["w"]
    yield same("w", got, switch * lambertw(z * np.exp(z + b.p.lambda0 * t)).real, at=t)


@case("tumour_simeoni", rows="S2-28", sets=SIMEONI)
def loses_cells_through_the_transits(b: Bench):
    """A small tumour under a constant drug is a linear chain; without growth every cell dies 3/k1 after its damage."""
    small, c = 1e-4 * b.p.lambda1 / b.p.lambda0, 1.7 * b.p.lambda0 / b.p.k2
    t = np.linspace(0.0, 5.0, 11) / max(b.p.lambda0, b.p.k1)
    k1, hit = b.p.k1, b.p.k2 * c
    chain = np.diag([b.p.lambda0 - hit, -k1, -k1, -k1]) + np.diag([hit, k1, k1], -1)
    exact = np.array([expm(chain * one) @ [small, 0.0, 0.0, 0.0] for one in t])
    got = b.run(t, "x1", "x2", "x3", "x4", "w", changes={"C": c, "x1": small})
    yield same("x1", got["x1"], exact[:, 0], at=t)
    yield same("w", got["w"], exact.sum(axis=1), at=t)
    for name, one in zip(("x2", "x3", "x4"), exact.T[1:], strict=True):
        yield same(name, got[name][1:], one[1:], at=t[1:])
    age = np.linspace(0.0, 8.0, 17) / k1
    dying = b.run(age, "w", changes={"x1": 0.0, "x2": 5.0})["w"]
    yield same("Erlang survival", dying, 5.0 * np.exp(-k1 * age) * (1 + k1 * age + (k1 * age) ** 2 / 2), at=age)


@case("tumour_simeoni", rows=("S2-28", "S4-01"), sets=SIMEONI)
def stops_at_the_stasis_concentration(b: Bench):
    """At C_stasis = lambda0/k2 the growing cells of a small tumour stay; above it they fall at every size."""
    c = b.start()["C_stasis"]
    yield same("C_stasis", c, b.p.lambda0 / b.p.k2)
    t = np.linspace(0.0, 3.0, 7) / b.p.lambda0
    small = 1e-4 * b.p.lambda1 / b.p.lambda0
    yield same("held", b.run(t, "x1", changes={"C": c, "x1": small})["x1"], small)
    for size in (small, 5.0 * b.p.lambda1 / b.p.lambda0):
        yield holds("falls", np.diff(b.run(t, "x1", changes={"C": 1.05 * c, "x1": size})["x1"]) < 0.0)


@case("tumour_simeoni", rows=("S2-28", "S3-15"), sets={**SIMEONI, "soft": {"psi": 2.0, "lambda1": 3.0}})
def follows_a_course_of_doses(b: Bench):
    """Repeated boluses, against the equations of the publication solved by SciPy: shrinkage, then regrowth."""
    whole, unit = treated(b), 1.0 / b.p.lambda0
    dose, interval = 3.0 * CL * b.p.lambda0 / b.p.k2 * unit, round(0.5 * unit, 3)
    t = np.linspace(0.0, 5.0, 26) * unit

    def rates(_t: float, y: np.ndarray) -> list[float]:
        a, x1, x2, x3, x4 = y
        growth = b.p.lambda0 * x1 / (1 + (b.p.lambda0 * (x1 + x2 + x3 + x4) / b.p.lambda1) ** b.p.psi) ** (1 / b.p.psi)
        hit, k1 = b.p.k2 * a / V * x1, b.p.k1
        return [-CL / V * a, growth - hit, hit - k1 * x2, k1 * (x2 - x3), k1 * (x3 - x4)]

    jumps = [(n * interval, lambda y: y + np.array([dose, 0, 0, 0, 0])) for n in range(3)]
    exact = integrate(rates, [0.0, 55.0, 0.0, 0.0, 0.0], t, jumps=jumps)
    got = whole.run(t, "tumour.x1", "tumour.w", regimen=f"{dose} mg into pk.central every {interval} h x 3")
    yield same("x1", got["tumour.x1"], exact[:, 1], at=t)
    yield same("w", got["tumour.w"], exact[:, 1:].sum(axis=1), at=t)


# ----------------------------------------------------------------------------------------------------------- clones
def rates_of(b: Bench) -> tuple[float, float]:
    """Return the net growth of the sensitive (before mutation) and of the resistant clone."""
    return (
        b.p.kgS - b.p.kkillS * b.p.C - b.p.kill,
        b.p.kgR - b.p.kkillR * b.p.C - b.p.kill,
    )


@case("tumour_resistance", rows=("S2-28", "S4-01"), sets=CLONES)
def two_clones_in_closed_form(b: Bench):
    """S = S(0) exp(a t), R = R(0) exp(c t) + mu S(0) (exp(a t) - exp(c t))/(a - c), with a = net growth - mu."""
    a, c = rates_of(b)
    a -= b.p.mu
    t = np.linspace(0.0, 4.0, 17) / max(abs(a), abs(c))
    for s0, r0 in ((100.0, 0.01), (3.0, 0.0)):
        got = b.run(t, "S", "R", "tumour", "resistant_fraction", changes={"S": s0, "R": r0})
        s = s0 * np.exp(a * t)
        r = r0 * np.exp(c * t) + b.p.mu * s0 * pk.passage(-c, -a, t) if a < c else None
        if r is None:
            r = r0 * np.exp(c * t) + b.p.mu * s0 * pk.passage(-a, -c, t)
        yield same("S", got["S"], s, at=t)
        yield same("R", got["R"], r, at=t)
        yield same("resistant_fraction", got["resistant_fraction"], r / (s + r), at=t)


@case(
    "tumour_resistance",
    rows="S2-28",
    sets={
        "switch": {"mu": 0.01, "nu": 0.03, "C": 1.0},
        "stuck": {"mu": 0.5, "nu": 1e-5, "C": 0.0},
        "fast": {"mu": 2.0, "nu": 3.0, "C": 10.0},
    },
)
def switching_clones_in_closed_form(b: Bench):
    """With a way back the two clones are a linear system: exp(A t), and a share that settles on its eigenvector."""
    a, c = rates_of(b)
    system = np.array([[a - b.p.mu, b.p.nu], [b.p.mu, c - b.p.nu]])
    t = np.linspace(0.0, 60.0, 13)
    exact = np.array([expm(system * one) @ [100.0, 0.01] for one in t])
    got = b.run(t, "S", "R", "tumour")
    yield same("S", got["S"], exact[:, 0], at=t)
    yield same("R", got["R"], exact[:, 1], at=t)
    yield same("tumour", got["tumour"], exact.sum(axis=1), at=t)


@case(
    "tumour_resistance",
    rows="S2-28",
    sets={"typical": {"C": 1.0}, "fast": {"C": 9.0, "kgR": 0.05}, "partial": {"C": 1.0, "kkillR": 0.003}},
)
def shrinks_then_regrows(b: Bench):
    """Without mutation the total is least at ln(-a S(0)/(c R(0)))/(c - a), then regrows at the resistant rate."""
    a, c = rates_of(b)
    s0, r0 = 100.0, 0.01
    nadir = np.log(-a * s0 / (c * r0)) / (c - a)
    least = s0 * np.exp(a * nadir) + r0 * np.exp(c * nadir)
    back = brentq(lambda t: s0 * np.exp(a * t) + r0 * np.exp(c * t) - s0 - r0, nadir, 40.0 / c, xtol=1e-10)
    t = np.array([0.0, 0.99 * nadir, nadir, 1.01 * nadir, back])
    got = b.run(t, "tumour", changes={"mu": 0.0, "S": s0, "R": r0})["tumour"]
    yield same("nadir", got[2], least)
    yield holds("least there", got[1] > got[2], got[3] > got[2])
    yield same("back at the start", got[4], got[0])
    if hasattr(qsp, "extremum"):
        course = b.experiment(np.linspace(0.0, back, 400), "tumour", changes={"mu": 0.0, "S": s0, "R": r0})
        found = qsp.extremum(course, "tumour", kind="min")
        yield same("found nadir", found.value, least)


@case("tumour_resistance", rows="S2-28", sets=CLONES)
def needs_more_drug_as_resistance_grows(b: Bench):
    """C_stasis is where the growth of both clones meets their kill; it rises with the resistant share."""
    needed = []
    for s, r in ((100.0, 0.0), (50.0, 50.0), (1.0, 99.0)):
        c = b.start({"S": s, "R": r})["C_stasis"]
        growth = (b.p.kgS - b.p.kill) * s + (b.p.kgR - b.p.kill) * r
        yield same("C_stasis", c, growth / (b.p.kkillS * s + b.p.kkillR * r))
        needed.append(c)
        held = b.run([0.0, 1.0], "S", "R", changes={"S": s, "R": r, "C": c})
        a, k = b.p.kgS - b.p.kkillS * c - b.p.kill, b.p.kgR - b.p.kkillR * c - b.p.kill
        yield same("growth is loss", a * s, -k * r, floor=1e-9 * b.p.kgS * s)
        system = np.array([[a - b.p.mu, b.p.nu], [b.p.mu, k - b.p.nu]])
        yield same("an hour later", [held["S"][1], held["R"][1]], expm(system) @ [s, r])
    yield holds("rises", np.diff(needed) > 0.0)


@case(
    "tumour_resistance",
    rows="S2-28",
    sets={"typical": {}, "mutating": {"mu": 1e-4, "kkillR": 0.002}, "fast": {"kgS": 0.05, "kgR": 0.04}},
)
def regrows_under_a_regimen(b: Bench):
    """Weekly doses, against the equations solved by SciPy: the total falls, the resistant clone brings it back."""
    dose, interval, count = 40.0, 168.0, 6
    t = np.linspace(0.0, 1500.0 if b.p.kgS < 0.02 else 400.0, 31)

    def rates(_t: float, y: np.ndarray) -> list[float]:
        c = y[0] / V
        s = (b.p.kgS - b.p.kkillS * c - b.p.kill - b.p.mu) * y[1] + b.p.nu * y[2]
        r = (b.p.kgR - b.p.kkillR * c - b.p.kill - b.p.nu) * y[2] + b.p.mu * y[1]
        return [-CL / V * y[0], s, r]

    jumps = [(n * interval, lambda y: y + np.array([dose, 0.0, 0.0])) for n in range(count)]
    exact = integrate(rates, [0.0, 100.0, 0.01], t, jumps=jumps)
    regimen = f"{dose} mg into pk.central every {interval} h x {count}"
    got = treated(b).run(t, "tumour.S", "tumour.R", regimen=regimen)
    yield same("S", got["tumour.S"], exact[:, 1], at=t)
    yield same("R", got["tumour.R"], exact[:, 2], at=t)
