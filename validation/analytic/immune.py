"""Immune cells and tumours: rest states of effector cells and tumour, CAR-T cells, vaccination.

Time is in days, cells in gigacell (1e9 cells).
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import expm
from scipy.optimize import brentq

import sbmlqsp as qsp
from validation.analytic import pk
from validation.cases import Bench, case, holds, same
from validation.reference import integrate

KUZNETSOV = {
    "typical": {},
    "responsive": {"s": 2e-5, "n": 150.0},
    "exhausting": {"m": 3.0, "p": 0.3},
    "strong": {"s": 1.2e-4},
    "large": {"b": 0.02, "g": 2.0, "m": 0.003, "n": 1.1, "s": 1.3e-3},
}


# ------------------------------------------------------------------------------------------ effector cells and tumour
def rest_states(b: Bench) -> list[tuple[float, float, bool]]:
    """Return (T, E, stable) of every rest state: the one without tumour and the roots of a cubic."""
    x = np.polynomial.Polynomial([0.0, 1.0])
    level = b.p.a / b.p.n * (1.0 - b.p.b * x)
    cubic = b.p.s * (b.p.g + x) + level * (b.p.p * x - (b.p.m * x + b.p.d) * (b.p.g + x))
    found = [(0.0, b.p.s / b.p.d)]
    for root in cubic.roots():
        t, e = float(root.real), float(level(root.real))
        if abs(root.imag) < 1e-9 * abs(root.real) and t > 0.0 and e > 0.0:
            found.append((t, e))
    return [(t, e, bool((np.linalg.eigvals(jacobian(b, t, e)).real < 0.0).all())) for t, e in sorted(found)]


def jacobian(b: Bench, t: float, e: float) -> np.ndarray:
    gain = b.p.g / (b.p.g + t) ** 2
    return np.array(
        [
            [b.p.p * t / (b.p.g + t) - b.p.m * t - b.p.d, e * (b.p.p * gain - b.p.m)],
            [-b.p.n * t, b.p.a * (1.0 - 2.0 * b.p.b * t) - b.p.n * e],
        ]
    )


def kuznetsov(b: Bench, start: tuple[float, float], t: np.ndarray) -> np.ndarray:
    def rates(_t: float, y: np.ndarray) -> list[float]:
        e, x = y
        return [
            b.p.s + b.p.p * e * x / (b.p.g + x) - b.p.m * e * x - b.p.d * e,
            b.p.a * x * (1.0 - b.p.b * x) - b.p.n * e * x,
        ]

    return integrate(rates, start, t)


@case("effector_tumour", rows="S4-03", sets=KUZNETSOV)
def rests_where_the_rates_vanish(b: Bench):
    """The rest states are the one without tumour and the roots of a cubic; the Jacobian decides their stability."""
    for t, e, stable in rest_states(b):
        found = qsp.steady_state(b.model, changes={**b.changes, "T": t, "E": e})
        yield same(f"T and E at {t:.3g}", [found.values["T"], found.values["E"]], [t, e])
        yield holds(f"stability at {t:.3g}", found.stable is stable)
        if stable:
            near = qsp.steady_state(b.model, changes={**b.changes, "T": t * 1.01, "E": e * 0.99})
            yield same(f"T and E from nearby {t:.3g}", [near.values["T"], near.values["E"]], [t, e])


@case("effector_tumour", rows="S4-03", sets={k: KUZNETSOV[k] for k in ("typical", "exhausting", "large")})
def goes_dormant_or_escapes_by_its_initial_size(b: Bench):
    """With two stable states the initial size decides: a small tumour goes dormant, a large one escapes."""
    states = [s for s in rest_states(b) if s[0] > 0.0]
    yield holds("two stable states with a saddle between", [s[2] for s in states] == [True, False, True])
    (dormant, *_), (saddle, effectors, _), (escaped, *_) = states
    for start, end in (
        (0.1 * dormant, dormant),
        (0.9 * saddle, dormant),
        (1.1 * saddle, escaped),
        (0.95 / b.p.b, escaped),
    ):
        found = qsp.steady_state(b.model, changes={**b.changes, "T": start, "E": effectors})
        yield same(f"from {start:.3g}", found.values["T"], end)
        yield holds("stable", found.stable)


@case("effector_tumour", rows=("S4-03", "S4-01"), sets={k: KUZNETSOV[k] for k in ("typical", "responsive", "strong")})
def clears_a_small_tumour_only_if_kill_exceeds_growth(b: Bench):
    """With resting effector cells a small tumour changes as exp((a - n s/d) t): cleared where n s > a d."""
    ratio = b.p.n * b.p.s / (b.p.a * b.p.d)
    t, start = np.linspace(0.0, 20.0, 6), 1e-13
    got = b.run(t, "T", "kill_over_growth", "E_rest", "net_growth", changes={"T": start})
    yield same("T", got["T"], start * np.exp(b.p.a * (1.0 - ratio) * t), at=t)
    yield same("kill over growth", got["kill_over_growth"], ratio)
    yield same("resting effector cells", got["E_rest"], b.p.s / b.p.d)
    yield same("net growth at first", got["net_growth"][0], b.p.a * (1.0 - ratio))
    yield holds("threshold", (got["T"][-1] < start) == (ratio > 1.0))
    clear = qsp.steady_state(b.model, changes={**b.changes, "T": 0.0})
    yield holds("stable without tumour", clear.stable is (ratio > 1.0))


@case("effector_tumour", rows="S4-03", sets=KUZNETSOV)
def follows_its_equations(b: Bench):
    """Trajectories from several sizes, against the equations of the publication solved by SciPy."""
    t = np.linspace(0.0, 60.0, 13)
    for size in (1e-3, 0.2, 0.7):
        start = (b.p.s / b.p.d, size / b.p.b)
        got, exact = b.run(t, "E", "T", changes={"T": start[1]}), kuznetsov(b, start, t)
        yield same(f"E from {size:g}", got["E"], exact[:, 0], at=t)
        yield same(f"T from {size:g}", got["T"], exact[:, 1], at=t)


@case("effector_tumour", rows="S4-03", sets=KUZNETSOV)
def grows_alone_as_a_logistic_curve(b: Bench):
    """Without killing the tumour is logistic; without tumour the effector cells relax to s/d with d."""
    t, start = np.linspace(0.0, 50.0, 11), 1e-3 / b.p.b
    got = b.run(t, "T", changes={"n": 0.0, "T": start})["T"]
    yield same("T", got, start * np.exp(b.p.a * t) / (1.0 + b.p.b * start * np.expm1(b.p.a * t)), at=t)
    rest = b.p.s / b.p.d
    got = b.run(t, "E", changes={"T": 0.0, "E": 9.0 * rest})["E"]
    yield same("E", got, rest * (1.0 + 8.0 * np.exp(-b.p.d * t)), at=t)


# ----------------------------------------------------------------------------------------------------------- vaccine
VACCINE = {
    "typical": {},
    "slow": {"rho": 0.3, "kprime": 0.02, "kA": 0.05, "KA": 0.1},
    "fast": {"rho": 2.0, "kE": 1.0, "kEM": 0.3, "kA": 0.8, "krecall": 8.0},
}


def vaccine(b: Bench, t: np.ndarray, pulses: list[tuple[float, float]]) -> np.ndarray:
    """Return antigen, naive, effector and memory cells, solved by SciPy."""

    def rates(_t: float, y: np.ndarray) -> list[float]:
        ag, n, e, m = y
        u = ag / (b.p.KA + ag)
        primed, recalled = b.p.kprime * u * n, b.p.krecall * u * m
        return [
            -b.p.kA * ag,
            b.p.kN * (b.p.N0 - n) - primed,
            primed + recalled + b.p.rho * u * e - (b.p.kE + b.p.kEM) * e,
            b.p.kEM * e - recalled - b.p.kM * m,
        ]

    jumps = [(when, lambda y, x=amount: y + np.array([x, 0.0, 0.0, 0.0])) for when, amount in pulses]
    return integrate(rates, [0.0, b.p.N0, 0.0, 0.0], t, jumps=jumps, atol=1e-30, method="DOP853")


@case("vaccine_prime_boost", rows="S4-07", sets=VACCINE)
def rests_without_antigen(b: Bench):
    """Without antigen nothing happens: naive cells at N0, no effector and no memory cells."""
    got = b.run(np.linspace(0.0, 200.0, 5), "antigen", "N", "E", "M", "specific")
    yield same("N", got["N"], b.p.N0)
    yield same("all", got["specific"], b.p.N0)
    yield holds("nothing else", got["antigen"] == 0.0, got["E"] == 0.0, got["M"] == 0.0)
    yield holds("stable", qsp.steady_state(b.model, changes=b.changes).stable)


@case("vaccine_prime_boost", rows="S4-07", sets=VACCINE)
def contracts_into_memory(b: Bench):
    """After the antigen, effector cells decay with kE + kEM and memory is what they leave."""
    out, start = b.p.kE + b.p.kEM, 0.03
    t = np.linspace(0.0, 10.0, 21) / out
    got = b.run(t, "E", "M", changes={"E": start, "M": 0.001})
    memory = 0.001 * np.exp(-b.p.kM * t) + b.p.kEM * start * pk.passage(out, b.p.kM, t)
    yield same("E", got["E"], start * np.exp(-out * t), at=t)
    yield same("M", got["M"], memory, at=t)


@case("vaccine_prime_boost", rows="S4-07", sets=VACCINE)
def answers_a_constant_stimulus_in_closed_form(b: Bench):
    """With an antigen that lasts, N, E and M are a linear system."""
    for share in (0.1, 0.75):
        u = share
        a = np.zeros((4, 4))  # N, E, M and a constant one
        a[0, 0], a[0, 3] = -b.p.kN - b.p.kprime * u, b.p.kN * b.p.N0
        a[1, :3] = b.p.kprime * u, b.p.rho * u - b.p.kE - b.p.kEM, b.p.krecall * u
        a[2, 1:3] = b.p.kEM, -b.p.krecall * u - b.p.kM
        t = np.linspace(0.0, 8.0, 9)
        exact = np.array([expm(a * one) @ [b.p.N0, 0.0, 0.0, 1.0] for one in t])
        changes = {"kA": 0.0, "antigen": share / (1.0 - share) * b.p.KA}
        got = b.run(t, "N", "E", "M", "stimulus", changes=changes)
        yield same("stimulus", got["stimulus"], share)
        for i, name in enumerate(("N", "E", "M")):
            yield same(f"{name} at {share:g}", got[name][1:], exact[1:, i], at=t[1:])


@case("vaccine_prime_boost", rows="S4-07", sets=VACCINE)
def follows_its_equations_of_vaccination(b: Bench):
    """Prime and boost of unequal size, against the equations solved by SciPy."""
    t = np.linspace(0.0, 90.0, 46)
    exact = vaccine(b, t, [(0.0, 0.01), (40.0, 0.03)])
    got = b.run(t, "antigen", "N", "E", "M", regimen="0.01 into antigen; 0.03 into antigen at 40 day")
    for i, name in enumerate(("antigen", "N", "E", "M")):
        yield same(name, got[name][1:], exact[1:, i], at=t[1:])


@case("vaccine_prime_boost", rows="S4-07", sets=VACCINE)
def boosts_more_than_it_primes(b: Bench):
    """The same dose again gives a higher peak of effector cells and leaves more memory; without recall it does not."""
    regimen = "0.01 into antigen every 60 day x 2"
    run = b.experiment(np.linspace(0.0, 120.0, 241), "E", "M", regimen=regimen)
    prime = qsp.extremum(run, "E", before=60.0)
    boost = qsp.extremum(run, "E", after=60.0)
    exact = vaccine(b, np.array([prime.at, boost.at]), [(0.0, 0.01), (60.0, 0.01)])
    yield same("peaks", [float(prime), float(boost)], exact[:, 2])
    yield holds("higher", float(boost) > float(prime))
    memory = b.run([59.999, 119.999], "M", regimen=regimen)["M"]
    yield holds("more memory", memory[1] > memory[0])


@case("vaccine_prime_boost", rows="S4-07", sets=VACCINE)
def needs_memory_for_the_boost(b: Bench):
    """Without conversion to memory a second dose, long after the first, repeats the first and is no boost."""
    late = 2000.0
    run = {"regimen": f"0.01 into antigen every {late} day x 2", "changes": {"kEM": 0.0, "kN": 0.02}}
    t = np.linspace(1.0, 40.0, 14)
    got = b.run(np.concatenate([t, t + late]), "E", **run)["E"]
    yield same("second as first", got[len(t) :], got[: len(t)])


# ------------------------------------------------------------------------------------------------------------ CAR-T
KINETICS = {
    "typical": {},
    "fast": {"rho": 2.0, "Tmax": 3.0, "alpha": 1.5, "beta": 0.2, "FB": 0.3},
    "no memory": {"FB": 0.0, "alpha": 0.05},
    "one slope": {"alpha": 0.04, "beta": 0.04, "FB": 0.5, "C0": 1e-9},
}


def cells_of(b: Bench, t: np.ndarray) -> np.ndarray:
    peak, late = b.p.C0 * np.exp(b.p.rho * b.p.Tmax), np.maximum(t - b.p.Tmax, 0.0)
    down = peak * ((1.0 - b.p.FB) * np.exp(-b.p.alpha * late) + b.p.FB * np.exp(-b.p.beta * late))
    return np.where(t < b.p.Tmax, b.p.C0 * np.exp(b.p.rho * np.minimum(t, b.p.Tmax)), down)


def area_of(b: Bench, t: np.ndarray) -> np.ndarray:
    early, late = np.minimum(t, b.p.Tmax), np.maximum(t - b.p.Tmax, 0.0)
    up = b.p.C0 * np.expm1(b.p.rho * early) / b.p.rho
    down = (1.0 - b.p.FB) * late * pk.gain(b.p.alpha * late) + b.p.FB * late * pk.gain(b.p.beta * late)
    return up + b.p.C0 * np.exp(b.p.rho * b.p.Tmax) * down


@case("car_t_kinetics", rows="S4-06", sets=KINETICS)
def expands_contracts_and_persists(b: Bench):
    """Exponential growth to Tmax, then two exponentials of which the slow one starts with the share FB."""
    t = np.unique(np.concatenate([np.linspace(0.0, 40.0, 21), [b.p.Tmax, b.p.Tmax * 1.001, 100.0]]))
    got = b.run(t, "cells", "memory", "AUC")
    yield same("cells", got["cells"], cells_of(b, t), at=t)
    yield same("AUC", got["AUC"][1:], area_of(b, t)[1:], at=t[1:])


@case("car_t_kinetics", rows="S4-06", sets=KINETICS)
def has_its_peak_and_area_in_closed_form(b: Bench):
    """The peak is C0 exp(rho Tmax) at Tmax; AUC0-28 in closed form, from the state AUC and as an integral."""
    run = b.experiment(np.linspace(0.0, 28.0, 57), "cells")
    peak = qsp.extremum(run, "cells")
    yield same("Cmax", float(peak), b.p.C0 * np.exp(b.p.rho * b.p.Tmax))
    yield same("Tmax", peak.at, b.p.Tmax)
    first = b.start()
    yield same("outputs", [first["Cmax"], first["foldx"]], [float(peak), np.exp(b.p.rho * b.p.Tmax)])
    area = float(area_of(b, np.array(28.0)))
    yield same("AUC0-28", b.run([0.0, 28.0], "AUC")["AUC"][1], area)
    yield same("AUC0-28 as integral", float(qsp.integral(run, "cells")), area)


@case("car_t_kinetics", rows="S4-06", sets=KINETICS)
def doubles_with_its_starting_level(b: Bench):
    """Twice the starting level is twice the whole curve; cells that are dosed into an empty body do the same."""
    t = np.array([0.0, 1.0, b.p.Tmax, 15.0, 28.0, 200.0])
    one, two = (b.run(t, "cells", changes={"C0": f * b.p.C0})["cells"] for f in (1.0, 2.0))
    yield same("doubled", two, 2.0 * one, at=t)
    dosed = b.run(t, "cells", changes={"C0": 0.0}, regimen=f"{b.p.C0 * b.p.blood} into effector")["cells"]
    yield same("dosed", dosed, one, at=t)


ANTIGEN = {
    "typical": {},
    "no growth": {"kg": 0.0, "kkill": 0.05},
    "slow": {"kexp": 0.8, "KT": 30.0, "kg": 0.005},
    "excess": {"KT": 0.1, "kEM": 0.1, "kkill": 0.002},
}


def potential(b: Bench, e: float, t: np.ndarray) -> np.ndarray:
    """Return what stays constant along a trajectory of effector cells and tumour."""
    growing = b.p.kg * np.log(e)
    return b.p.kkill * e - growing + b.p.kexp * np.log(b.p.KT + t) - (b.p.kE + b.p.kEM) * np.log(t)


def peak_of(b: Bench, e0: float, t0: float) -> float:
    """Return the first peak of the effector cells, from the constant alone."""
    out = b.p.kE + b.p.kEM
    low = b.p.KT * out / (b.p.kexp - out)
    level = potential(b, e0, t0) - potential(b, 1.0, low) + b.p.kkill
    upper = 10.0 * (level + 50.0) / b.p.kkill
    return brentq(lambda e: b.p.kkill * e - b.p.kg * np.log(e) - level, b.p.kg / b.p.kkill + 1e-9, upper, xtol=1e-12)


@case("car_t_antigen", rows="S4-06", sets=ANTIGEN)
def keeps_its_first_integral(b: Bench):
    """kkill E - kg ln E + kexp ln(KT + T) - (kE + kEM) ln T is the same at all times."""
    t = np.linspace(0.0, 40.0, 21)
    got = b.run(t, "E", "T", "cells", "M")
    constant = potential(b, got["E"], got["T"])
    yield same("constant", constant - constant[0] + 1.0, 1.0, at=t)
    yield same("cells", got["cells"], got["E"] + got["M"], at=t)


@case("car_t_antigen", rows="S4-06", sets=ANTIGEN)
def peaks_where_antigen_runs_low(b: Bench):
    """The effector cells peak when the tumour has fallen to KT (kE + kEM)/(kexp - kE - kEM)."""
    low = b.p.KT * (b.p.kE + b.p.kEM) / (b.p.kexp - b.p.kE - b.p.kEM)
    peak = qsp.extremum(b.experiment(np.linspace(0.0, 40.0, 81), "E"), "E")
    yield same("peak", float(peak), peak_of(b, 0.1, 100.0))
    got = b.run([0.0, peak.at], "T", "T_peak")
    yield same("tumour at the peak", got["T"][1], low)
    yield same("T_peak", got["T_peak"], low)


@case("car_t_antigen", rows="S4-06", sets=ANTIGEN)
def hardly_depends_on_the_dose(b: Bench):
    """A thirtyfold dose moves the peak little, as the first integral says, and brings it forward."""
    peaks, when = [], []
    for dose in (0.03, 0.9):
        run = b.experiment(np.linspace(0.0, 60.0, 121), "E", changes={"E": 0.0}, regimen=f"{dose} into E")
        peak = qsp.extremum(run, "E")
        yield same(f"peak after {dose:g}", float(peak), peak_of(b, dose, 100.0))
        peaks.append(float(peak))
        when.append(peak.at)
    yield holds("less than doubled", peaks[1] < 2.0 * peaks[0])
    yield holds("earlier", when[1] < when[0])
    more = qsp.extremum(b.experiment(np.linspace(0.0, 60.0, 121), "E", changes={"T": 1000.0}), "E")
    yield holds("a larger tumour raises it", float(more) > peak_of(b, 0.1, 100.0))


@case("car_t_antigen", rows="S4-06", sets=ANTIGEN)
def follows_its_equations_of_car_t(b: Bench):
    """All states over expansion and contraction, against the equations solved by SciPy."""
    t = np.linspace(0.0, 28.0, 29)

    def rates(_t: float, y: np.ndarray) -> list[float]:
        e, m, x, _ = y
        up = b.p.kexp * e * x / (b.p.KT + x)
        return [up - (b.p.kE + b.p.kEM) * e, b.p.kEM * e - b.p.kM * m, b.p.kg * x - b.p.kkill * e * x, e + m]

    exact = integrate(rates, [0.1, 0.0, 100.0, 0.0], t, atol=1e-40)
    got = b.run(t, "E", "M", "T", "AUC")
    for i, name in enumerate(("E", "M", "T", "AUC")):
        yield same(name, got[name][1:], exact[1:, i], at=t[1:])


@case("car_t_antigen", rows="S4-06", sets=ANTIGEN)
def leaves_memory(b: Bench):
    """Without a tumour the effector cells decay with kE + kEM and memory is what they leave."""
    t, out = np.linspace(0.0, 100.0, 21), b.p.kE + b.p.kEM
    got = b.run(t, "E", "M", changes={"T": 0.0})
    yield same("E", got["E"], 0.1 * np.exp(-out * t), at=t)
    yield same("M", got["M"], b.p.kEM * 0.1 * pk.passage(out, b.p.kM, t), at=t)
