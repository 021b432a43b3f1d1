"""Recovery of a target that turns over: irreversible inhibitors, and residence time after washout."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

import sbmlqsp as qsp
from validation.analytic.binding import with_drug
from validation.analytic.pk import passage
from validation.cases import Bench, Comparison, case, holds, model_of, same
from validation.reference import integrate

INACTIVATED = {
    "typical": {},
    "fast": {"ksyn": 900.0, "kdeg": 40.0, "kint": 7.0, "kinact": 500.0, "KI": 0.3},
    "slow": {"ksyn": 1e-4, "kdeg": 1e-4, "kint": 0.3, "kinact": 0.02, "KI": 8e3},
}
WASHOUT = {
    "typical": {},
    "long stay": {"koff": 1e-3, "kon": 2.0, "D_before": 0.07, "ksyn": 5.0},
    "short stay": {"koff": 90.0, "kon": 0.3, "D_before": 4e3, "ksyn": 1e-3, "kdeg": 0.4, "kint": 0.4},
    "fast internalisation": {"koff": 0.2, "kint": 0.9, "D_before": 2.0},
}


# ------------------------------------------------------------------------------------------------------ irreversible
@case("irreversible_binding", rows="S0-14", sets=INACTIVATED)
def recovers_by_synthesis(b: Bench):
    """After complete inactivation T = T0 (1 - exp(-kdeg t)): half at ln 2/kdeg, whatever the drug was."""
    t = np.append(np.linspace(0.0, 8.0, 33), np.log(2.0)) / b.p.kdeg
    t.sort()
    target = b.p.ksyn / b.p.kdeg
    for kinact in (b.p.kinact, 90.0 * b.p.kinact):
        got = b.run(t, "T", "activity", changes={"inactivated_0": 1.0, "kinact": kinact})
        yield same("T(t)", got["T"], target * -np.expm1(-b.p.kdeg * t), at=t)
        yield same("activity", got["activity"], -np.expm1(-b.p.kdeg * t), at=t)
        yield same("half at ln 2/kdeg", got["activity"][t == np.log(2.0) / b.p.kdeg], [0.5])
    gone = np.linspace(0.0, 3.0, 7) / b.p.kint
    left = b.run(gone, "C", changes={"inactivated_0": 0.6})["C"]
    yield same("C(t)", left, 0.6 * target * np.exp(-b.p.kint * gone), at=gone)
    yield same("without drug T stays", b.run(t, "T")["T"], target)


@case("irreversible_binding", rows="S0-14", sets=INACTIVATED)
def constant_drug(b: Bench):
    """At constant D, activity goes to kdeg/(kdeg + kobs), kobs = kinact D/(KI + D); the inactivated target follows."""
    p = b.p
    for d in (0.01 * p.KI, p.KI, 1e4 * p.KI):
        kobs = p.kinact * d / (p.KI + d)
        loss = p.kdeg + kobs
        level, start = p.ksyn / loss, p.ksyn / p.kdeg
        t = np.linspace(0.0, 6.0, 13) / min(loss, p.kint)
        target = level + (start - level) * np.exp(-loss * t)
        # Inactivated target: made at kobs T, lost at kint.
        settling = level * -np.expm1(-p.kint * t) / p.kint
        inactive = kobs * (settling + (start - level) * passage(loss, p.kint, t))
        got = b.run(t, "T", "C", "kobs", changes={"D": d})
        yield same(f"T(t), D {d:g}", got["T"], target, at=t)
        yield same(f"C(t), D {d:g}", got["C"], inactive, at=t)
        yield same(f"kobs, D {d:g}", got["kobs"], kobs)
        rest = b.at_rest({"D": d})
        yield same(f"activity at rest, D {d:g}", rest["activity"], p.kdeg / loss)
        bound = kobs * level / p.kint
        yield same(f"occupancy at rest, D {d:g}", rest["occupancy"], bound / (bound + level))


@case("irreversible_binding", rows="S0-14", sets=INACTIVATED)
def remaining_drug_in_numbers(b: Bench):
    """Under D0 exp(-kel t), active and inactivated target are what direct integration gives."""
    p = b.p
    for ratio, speed in ((5.0, 0.7), (200.0, 4.0)):
        d0, kel = ratio * p.KI, speed * p.kdeg
        t = np.linspace(0.0, 9.0, 37) / p.kdeg

        def rates(s, y, d0=d0, kel=kel):
            d = d0 * np.exp(-kel * s)
            hit = p.kinact * d / (p.KI + d) * y[0]
            return [p.ksyn - p.kdeg * y[0] - hit, hit - p.kint * y[1]]

        got = with_drug(b, D0=d0, kel=kel).run(t, "target.T", "target.C")
        exact = integrate(rates, [p.ksyn / p.kdeg, 0.0], t, atol=1e-20)
        yield same(f"T(t), D0 = {ratio:g} KI", got["target.T"], exact[:, 0], at=t)
        seen = exact[:, 1] > 1e-7 * exact[:, 1].max()
        yield same(f"C(t), D0 = {ratio:g} KI", got["target.C"][seen], exact[seen, 1], at=t[seen])


def _half_back(b: Bench, observable: str, near: float, **changes: float) -> float:
    """Return when a fraction is back at one half."""
    arm = b.experiment([0.0, 4.0 * near], observable, changes=changes)
    return float(qsp.time_to(arm, observable, level=0.5, direction="up"))


@case("irreversible_binding", rows="S0-14", sets=INACTIVATED)
def residual_drug_delays_recovery(b: Bench):
    """From complete inactivation, half is back at ln 2/kdeg without drug, and the later the more slowly drug leaves."""
    ideal = np.log(2.0) / b.p.kdeg
    yield same("no drug left", _half_back(b, "activity", ideal, inactivated_0=1.0), ideal)
    gone = Bench(b.model, {**b.changes, "inactivated_0": 1.0})
    before = ideal
    for speed in (20.0, 2.0, 0.5):
        left = with_drug(gone, D0=3.0 * b.p.KI, kel=speed * b.p.kdeg)
        back = _half_back(left, "target.activity", ideal)
        yield holds(f"later with kel = {speed:g} kdeg", back > before * (1.0 + 1e-9))
        before = back


@case("irreversible_binding", rows="S0-15", sets={"typical": {}, "fast": {"kdeg": 40.0}, "slow": {"kdeg": 1e-4}})
def reversible_against_irreversible(b: Bench):
    """t_rev/t_irrev = kdeg ln(D0/Kd)/(kel ln 2), both read off runs; equal at kel = kdeg ln(D0/Kd)/ln 2."""
    kd, rapid = 2.5, Bench(model_of("rapid_equilibrium_binding"), {"Kd": 2.5})
    for ratio in (3.0, 400.0):
        even = b.p.kdeg * np.log(ratio) / np.log(2.0)  # the kel at which both take equally long
        once = _half_back(b, "activity", np.log(2.0) / b.p.kdeg, inactivated_0=1.0)
        for kel in (0.3 * even, even, 5.0 * even):
            whole = with_drug(rapid, D0=ratio * kd, kel=kel)
            again = _half_back(whole, "target.free_fraction", np.log(ratio) / kel)
            exact = even / kel
            yield same(f"t_rev/t_irrev, D0 = {ratio:g} Kd, kel {kel:.3g}", again / once, exact)


# ---------------------------------------------------------------------------------------------------- residence time
def _before(p, d: float) -> tuple[float, float]:
    """Return target and complex at the steady state under a constant drug, by Cramer's rule."""
    on, off = p.kon * d, p.koff + p.kint
    whole = (p.kdeg + on) * off - p.koff * on
    return p.ksyn * off / whole, p.ksyn * on / whole


@case("residence_time", rows="S0-17", sets=WASHOUT)
def complex_disappears_with_koff_and_kdeg(b: Bench):
    """After washout C = C0 exp(-(koff + kint) t); with kint = kdeg T = T0 - C(t); the start is the rest under drug."""
    p = b.p
    loss, full = p.koff + p.kint, p.ksyn / p.kdeg
    free, bound = _before(p, p.D_before)
    t = np.linspace(0.0, 6.0, 25) / loss
    got = b.run(t, "C", "T", "kloss", "tau", "T0", "C0")
    # The deficit starts at T0 - T(0), heals with kdeg and with the target that dissociation gives back.
    deficit = (full - free) * np.exp(-p.kdeg * t) - p.koff * bound * passage(loss, p.kdeg, t)
    yield same("C0", got["C0"], bound)
    yield same("C(t)", got["C"], bound * np.exp(-loss * t), at=t)
    yield same("T(t)", got["T"], full - deficit, at=t)
    yield same("rate constant of loss", got["kloss"], loss)
    yield same("tau", got["tau"], 1.0 / p.koff)
    given = b.run(t, "C", "T", changes={"C0": 0.4 * full, "kint": p.kdeg})
    curve = 0.4 * full * np.exp(-(p.koff + p.kdeg) * t)
    yield same("C(t) from a given C0", given["C"], curve, at=t)
    yield same("T(t) = T0 - C(t)", given["T"], full - curve, at=t)
    held = b.run(t, "C", "T", changes={"D": p.D_before})
    yield same("with the drug kept, C stays", held["C"], bound)
    yield same("with the drug kept, T stays", held["T"], free)


def _deficit(b: Bench, changes: dict[str, float]) -> float:
    """Return J, the integral of T0 - T after washout, from runs."""
    p = Bench(b.model, {**b.changes, **changes}).p
    slowest = min(p.koff + p.kint, p.kdeg)
    return float(qsp.integral(b.experiment([0.0, 60.0 / slowest], "deficit", changes=changes), "deficit"))


@case("residence_time", rows="S0-18", sets=WASHOUT)
def deficit_adds_up(b: Bench):
    """J = C0/(koff + kdeg) where kint = kdeg; in general C0 (kint/kdeg - koff/(koff + kint))/kdeg."""
    p = b.p
    for kint in (p.kdeg, p.kint):
        for start in (0.5, 0.02):
            first = start * p.ksyn / max(kint, p.kdeg)
            exact = first / p.kdeg * (kint / p.kdeg - p.koff / (p.koff + kint))
            if kint == p.kdeg:
                exact = first / (p.koff + p.kdeg)
            yield same(f"J from C0 {first:.3g}, kint {kint}", _deficit(b, {"C0": first, "kint": kint}), exact)


@case("residence_time", rows="S0-18", sets=WASHOUT)
def ratio_of_deficits(b: Bench):
    """From one C0, and kint = kdeg, J_B/J_A = (kfast + kdeg)/(kslow + kdeg), whatever kon and C0."""
    for first, fast, slow in ((0.5, 20.0, 0.05), (0.01, 1.3, 1.0)):
        same_start = {"C0": first * b.p.ksyn / b.p.kdeg, "kint": b.p.kdeg}
        a, c = fast * b.p.koff, slow * b.p.koff
        ratio = _deficit(b, same_start | {"koff": c, "kon": 7.0}) / _deficit(b, same_start | {"koff": a})
        yield same(f"J_B/J_A, koff {a:g} and {c:g}", ratio, (a + b.p.kdeg) / (c + b.p.kdeg))


@case("residence_time", rows="S0-18", sets={k: WASHOUT[k] for k in ("typical", "long stay", "short stay")})
def pre_incubation_breaks_the_ratio(b: Bench):
    """Brought to rest under D with one Kd, C0 = T0 D/(D + Kd (1 + kdeg/koff)) differs, and J_B/J_A with it."""
    p = b.p
    kd, full, drug = p.koff / p.kon, p.ksyn / p.kdeg, p.koff / p.kon
    rates = (20.0 * p.kdeg, 0.2 * p.kdeg)
    firsts, deficits = [], []
    for koff in rates:
        drugs = {"koff": koff, "kon": koff / kd, "D_before": drug, "kint": p.kdeg}
        firsts.append(full * drug / (drug + kd * (1.0 + p.kdeg / koff)))
        yield same(f"C0 with koff {koff:g}", b.run([0.0], "C", changes=drugs)["C"], firsts[-1])
        under = b.at_rest({**drugs, "D": drug, "C0": 0.0})["C"]
        yield same(f"C at rest under the drug, koff {koff:g}", under, firsts[-1])
        deficits.append(_deficit(b, drugs))
    simple = (rates[0] + p.kdeg) / (rates[1] + p.kdeg)
    yield same("J_B/J_A", deficits[1] / deficits[0], firsts[1] / firsts[0] * simple)
    yield holds("the simple ratio is off by the ratio of the C0", deficits[1] / deficits[0] < 0.5 * simple)


@case("residence_time", rows=("S0-17", "S0-19"), sets=WASHOUT)
def constant_drug_in_numbers(b: Bench):
    """With the drug only partly washed out, or decaying, T and C are what direct integration gives."""
    yield from _kept(b)
    p = b.p
    d0, kel = 3.0 * p.koff / p.kon, 0.5 * p.koff
    t = np.linspace(0.0, 6.0, 25) / min(kel, p.kdeg)
    got = with_drug(b, D0=d0, kel=kel).run(t, "target.T", "target.C")
    exact = integrate(lambda s, y: _rates(p, d0 * np.exp(-kel * s), y), _before(p, p.D_before), t)
    yield same("T(t), decaying drug", got["target.T"], exact[:, 0], at=t)
    seen = exact[:, 1] > 1e-8 * exact[:, 1].max()
    yield same("C(t), decaying drug", got["target.C"][seen], exact[seen, 1], at=t[seen])


def _rates(p, d: float, y: np.ndarray) -> list[float]:
    net = p.kon * d * y[0] - p.koff * y[1]
    return [p.ksyn - p.kdeg * y[0] - net, net - p.kint * y[1]]


def _kept(b: Bench) -> Iterator[Comparison]:
    p = b.p
    d = 0.3 * p.koff / p.kon
    t = np.linspace(0.0, 6.0, 25) / p.kdeg
    got = b.run(t, "T", "C", changes={"D": d})
    exact = integrate(lambda _, y: _rates(p, d, y), _before(p, p.D_before), t)
    yield same("T(t), drug kept", got["T"], exact[:, 0], at=t)
    yield same("C(t), drug kept", got["C"], exact[:, 1], at=t)
    free, bound = _before(p, d)
    rest = b.at_rest({"D": d})
    yield same("at rest", [rest["T"], rest["C"]], [free, bound])
