"""Target-mediated disposition: the full model, its approximations, and what tells it from saturable elimination."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import numpy as np
from scipy.special import wrightomega

import sbmlqsp as qsp
from validation.cases import Bench, Comparison, case, holds, model_of, same
from validation.reference import integrate

BINDING = {
    "typical": {},
    "fast": {"kon": 400.0, "koff": 900.0, "kdeg": 6.0, "kint": 30.0, "ksyn": 50.0},
    "slow": {"kon": 0.02, "koff": 1e-4, "kdeg": 0.004, "kint": 0.4, "ksyn": 0.03},
}
BOUND = {name: {k: v for k, v in values.items() if k != "koff"} for name, values in BINDING.items()}
PLAIN = {"typical": {}, "fast": {"Vmax": 50.0, "Km": 9.0}, "slow": {"Vmax": 0.03, "Km": 1e-3}}
HELD = {"typical": {}, "fast": {"kon": 400.0, "ksyn": 50.0}, "slow": {"kon": 0.02}}
SIMPLIFIED = {
    "typical": {},
    "strong": {"kdeg": 6.0, "kint": 30.0, "ksyn": 50.0, "CL": 0.9},
    "weak": {"kdeg": 0.004, "kint": 0.4, "ksyn": 0.03, "Q": 0.0},
}


def _each(constant: str, *values: float) -> dict[str, dict[str, float]]:
    """Return the sets of the simplified models, each with its binding constant."""
    return {k: {**v, constant: x} for (k, v), x in zip(SIMPLIFIED.items(), values, strict=True)}


def with_disposition(b: Bench, **pk: float) -> Bench:
    """Return the bench of a module that acts on the drug, joined to the two-compartment disposition."""
    parts = {"pk": model_of("two_compartment"), "target": b.model}
    links = {"target.V1": "pk.V1", "target.central": "pk.central"}
    model = qsp.compose("disposed", parts, connect=links)
    return Bench(model, {f"target.{k}": v for k, v in b.changes.items()} | {f"pk.{k}": v for k, v in pk.items()})


def _values(whole: Bench) -> SimpleNamespace:
    """Return the constants of a joined model without their prefixes."""
    return SimpleNamespace(**{k.partition("_")[2]: v for k, v in vars(whole.p).items()})


def _full(p, infusion: float = 0.0):
    """Return the rates of free drug, peripheral drug, target and complex, all as concentrations."""

    def rates(_, y):
        c, c2, r, rc = y
        net = p.kon * c * r - p.koff * rc
        drug = (infusion - p.CL * c - p.Q * (c - c2)) / p.V1 - net
        return [drug, p.Q * (c - c2) / p.V2, p.ksyn - p.kdeg * r - net, net - p.kint * rc]

    return rates


def _plateau(p, infusion: float) -> float:
    """Return the free drug at which linear and target-mediated clearance balance an infusion."""
    km = p.kdeg * (p.koff + p.kint) / (p.kon * p.kint)
    # R0 = A (CL + V ksyn / (A + Km)), the positive root written without cancellation.
    half = 0.5 * (infusion - p.CL * km - p.V1 * p.ksyn)
    root = np.sqrt(half**2 + p.CL * km * infusion)
    return (half + root) / p.CL if half > 0.0 else km * infusion / (root - half)


# ------------------------------------------------------------------------------------------------------------- full
@case("tmdd_full", rows=("S2-19", "S0-28"), sets=BINDING)
def in_numbers_with_a_disposition(b: Bench):
    """On a two-compartment disposition, drug, target and complex are what direct integration gives, at any dose."""
    whole = with_disposition(b)
    p = _values(whole)
    t = np.concatenate([[0.0, 0.01], np.linspace(0.1, 20.0, 30)])
    for dose in (3.0, 100.0, 4e3):
        got = whole.run(t, "pk.C", "target.R", "target.RC", regimen=f"{dose} nmol into pk.central")
        exact = integrate(_full(p), [dose / p.V1, 0.0, p.ksyn / p.kdeg, 0.0], t, method="LSODA")
        seen = exact[:, 0] > 1e-7 * dose / p.V1
        yield same(f"C(t), {dose:g} nmol", got["pk.C"][seen], exact[seen, 0], at=t[seen])
        yield same(f"R(t), {dose:g} nmol", got["target.R"], exact[:, 2], at=t)
        yield same(f"RC(t), {dose:g} nmol", got["target.RC"], exact[:, 3], at=t)


@case("tmdd_full", rows=("S0-26", "S2-20"), sets=BINDING)
def clearance_falls_with_concentration(b: Bench):
    """Under infusion CL(A) = CL + V1 ksyn/(A + kdeg Kss/kint): falls to the linear one, which is constant alone."""
    whole, alone = with_disposition(b, CL=0.5), Bench(model_of("two_compartment"), {"CL": 0.5})
    p = _values(whole)
    end, seen = 4e3, []
    for share in (1e-3, 0.3, 3.0, 300.0):
        rate = share * p.V1 * p.ksyn
        given = f"{rate!r} nmol/day into {{}} for {end} day"
        got = whole.run([0.0, end], "pk.C", "target.RC", regimen=given.format("pk.central"))
        a = got["pk.C"][-1]
        km = p.kdeg * (p.koff + p.kint) / (p.kon * p.kint)
        yield same(f"A at {rate:.3g} nmol/day", a, _plateau(p, rate))
        yield same(f"CL(A) at {rate:.3g} nmol/day", rate / a, p.CL + p.V1 * p.ksyn / (a + km))
        yield same(f"complex at {rate:.3g} nmol/day", got["target.RC"][-1], p.ksyn / p.kint * a / (a + km))
        linear = alone.run([0.0, end], "C", regimen=given.format("central"))["C"][-1]
        yield same(f"linear clearance at {rate:.3g} nmol/day", rate / linear, p.CL)
        seen.append(rate / a)
    yield holds("it falls, to the linear one", np.diff(seen) < 0.0, abs(seen[-1] / p.CL - 1.0) < 0.01)


@case("tmdd_full", rows="S2-19", sets={"typical": {}})
def signature_of_target_mediated_disposition(b: Bench):
    """A low dose is lost fast; a higher one lasts and saturates longer; target falls and returns."""
    whole = with_disposition(b)
    pool = 12.36 * 3.61
    share_free = "target.R / (target.ksyn / target.kdeg)"
    halves, lasts, saturated, lows = [], [], [], []
    for dose in (0.1 * pool, 3.0 * pool, 100.0 * pool):
        arm = whole.experiment([0.0, 400.0], "target.R", regimen=f"{dose!r} nmol into pk.central")
        halves.append(float(qsp.time_to(arm, "pk.C", fraction=0.5)))
        lasts.append(float(qsp.time_to(arm, "pk.C", fraction=0.01)))
        nadir = qsp.extremum(arm, share_free, kind="min")
        lows.append(float(nadir))
        half = qsp.time_to(arm, share_free, level=0.5, after=nadir.at, direction="up")
        saturated.append(float(half) if half.possible and lows[-1] < 0.5 else 0.0)
        late = whole.run([0.0, 2e3], "target.R", regimen=arm.regimen)["target.R"]
        yield same(f"target is back at its baseline, {dose:.3g} nmol", late[-1], late[0])
    yield holds("the higher the dose, the longer half of it stays", np.diff(halves) > 0.0)
    yield holds("the higher the dose, the longer until a hundredth is left", np.diff(lasts) > 0.0)
    yield holds("target is depleted more, and for longer", np.diff(lows) < 0.0, np.diff(saturated) > 0.0)
    yield holds("half of a low dose is bound within an hour", halves[0] < 1.0 / 24.0)
    yield holds("almost no target is free at the highest dose", lows[-1] < 0.01)


@case("tmdd_full", rows=("S2-19", "S0-28"), sets=BINDING)
def keeps_drug_and_target_in_balance(b: Bench):
    """Alone, nothing is lost that is not degraded or internalised, neither of drug nor of target."""
    p, end, dose = b.p, 7.0, 80.0
    arm = b.experiment([0.0, end], "central", "R", "RC", regimen=f"{dose} nmol into central")
    last = {k: v[-1] for k, v in b.run([0.0, end], "central", "R", "RC", regimen=arm.regimen).items()}
    bound, free = float(qsp.integral(arm, "RC")), float(qsp.integral(arm, "R"))
    yield same("drug", p.V1 * (last["central"] + last["RC"] + p.kint * bound), dose)
    made = last["R"] + last["RC"] + p.kdeg * free + p.kint * bound
    yield same("target", made, p.ksyn / p.kdeg + p.ksyn * end)


# ------------------------------------------------------------------------------------------------- quasi-equilibrium
def _total(p, constant: float):
    """Return the rates of total drug and peripheral drug (concentrations) and total target."""

    def rates(_, y):
        total, c2, r_total = y
        gap = total - r_total - constant
        c = 0.5 * (gap + np.sqrt(gap**2 + 4.0 * constant * total))
        bound = r_total * c / (constant + c)
        drug = (-p.CL * c - p.Q * (c - c2)) / p.V1 - p.kint * bound
        return [drug, p.Q * (c - c2) / p.V2, p.ksyn - p.kdeg * (r_total - bound) - p.kint * bound]

    return rates


def _in_total(b: Bench, constant: float) -> Iterator[Comparison]:
    p, t = b.p, np.concatenate([[0.0, 0.01], np.linspace(0.1, 20.0, 30)])
    for dose in (3.0, 100.0, 4e3):
        got = b.run(t, "central", "Rtot", "C", "R", "RC", "occupancy", regimen=f"{dose} nmol into central")
        exact = integrate(_total(p, constant), [dose / p.V1, 0.0, p.ksyn / p.kdeg], t, method="LSODA")
        yield same(f"total drug, {dose:g} nmol", got["central"], exact[:, 0], at=t)
        yield same(f"total target, {dose:g} nmol", got["Rtot"], exact[:, 2], at=t)
        yield same(f"sum of drug, {dose:g} nmol", got["C"] + got["RC"], exact[:, 0], at=t)
        yield same(f"sum of target, {dose:g} nmol", got["R"] + got["RC"], exact[:, 2], at=t)
        yield same(f"law of mass action, {dose:g} nmol", got["C"] * got["R"], constant * got["RC"], at=t)
        yield same(f"occupancy, {dose:g} nmol", got["occupancy"], got["RC"] / exact[:, 2], at=t)
    rest = b.at_rest()
    yield same("without drug, total target stays", [rest["Rtot"], rest["C"]], [p.ksyn / p.kdeg, 0.0])


@case("tmdd_quasi_equilibrium", rows="S2-19", sets=_each("Kd", 0.011, 3.0, 40.0))
def total_drug_and_target_under_kd(b: Bench):
    """Total drug and target are what direct integration gives; C R = Kd RC at every moment."""
    yield from _in_total(b, b.p.Kd)


@case("tmdd_quasi_steady_state", rows="S2-19", sets=_each("Kss", 0.044, 3.0, 40.0))
def total_drug_and_target_under_kss(b: Bench):
    """Total drug and target are what direct integration gives; C R = Kss RC at every moment."""
    yield from _in_total(b, b.p.Kss)


def _distance(b: Bench, constant: float, kon: float) -> float:
    """Return how far total drug and total target are from the full model with this speed of binding."""
    p, t, dose = b.p, np.linspace(1.0, 15.0, 15), 100.0
    koff = constant * kon if "Kd" in vars(p) else constant * kon - p.kint
    disposition = {k: getattr(p, k) for k in ("V1", "V2", "CL", "Q")}
    target = {"kon": kon, "koff": koff, "ksyn": p.ksyn, "kdeg": p.kdeg, "kint": p.kint}
    full = with_disposition(Bench(model_of("tmdd_full"), target), **disposition)
    names = ("pk.C + target.RC", "target.R + target.RC")
    exact = full.run(t, *names, regimen=f"{dose} nmol into pk.central")
    got = b.run(t, "central", "Rtot", regimen=f"{dose} nmol into central")
    return max(float(np.abs(g / e - 1.0).max()) for g, e in zip(got.values(), exact.values(), strict=True))


@case("tmdd_quasi_equilibrium", rows="S2-19", sets={"typical": {}})
def limit_of_fast_binding(b: Bench):
    """The full model comes to it as binding gets faster at one Kd: ten times as fast, a tenth as far away."""
    near = [_distance(b, b.p.Kd, kon) for kon in (1e3, 1e4, 1e5)]
    yield holds("close", near[-1] < 1e-3)
    yield holds("in proportion to 1/kon", 8.0 < near[0] / near[1] < 12.0, 8.0 < near[1] / near[2] < 12.0)


@case("tmdd_quasi_steady_state", rows="S2-19", sets={"typical": {}})
def limit_of_fast_binding_at_one_kss(b: Bench):
    """The full model comes to it as binding gets faster at one Kss, and at its own speed it beats quasi-equilibrium."""
    near = [_distance(b, b.p.Kss, kon) for kon in (1e3, 1e4, 1e5)]
    yield holds("in proportion to 1/kon", 8.0 < near[0] / near[1] < 12.0, 8.0 < near[1] / near[2] < 12.0)
    kon, koff = 2.184, 0.024
    rival = Bench(model_of("tmdd_quasi_equilibrium"), {"Kd": koff / kon})
    mine = Bench(b.model, {"Kss": (koff + b.p.kint) / kon})
    far, close = _distance(rival, koff / kon, kon), _distance(mine, mine.p.Kss, kon)
    yield holds("closer than quasi-equilibrium", close < 0.5 * far)


@case("tmdd_quasi_steady_state", rows=("S0-26", "S2-20"), sets=BINDING)
def same_steady_state_as_the_full_model(b: Bench):
    """Under infusion it rests where the full model does, for Kss = (koff + kint)/kon."""
    full = Bench(model_of("tmdd_full"), b.changes).p
    constant = (full.koff + full.kint) / full.kon
    changes = {"Kss": constant, "ksyn": full.ksyn, "kdeg": full.kdeg, "kint": full.kint, "CL": 0.5}
    mine = Bench(b.model, changes)
    p = SimpleNamespace(**{**vars(full), **vars(mine.p)})
    for share in (1e-3, 0.3, 3.0, 300.0):
        rate = share * p.V1 * p.ksyn
        got = mine.run([0.0, 4e3], "C", "RC", "R", regimen=f"{rate!r} nmol/day into central for 4000 day")
        a = _plateau(p, rate)
        yield same(f"A at {rate:.3g} nmol/day", got["C"][-1], a)
        r = p.ksyn / (p.kdeg + p.kint * a / constant)
        yield same(f"target at {rate:.3g} nmol/day", [got["R"][-1], got["RC"][-1]], [r, r * a / constant])


# -------------------------------------------------------------------------------------------------- Michaelis-Menten
@case(
    "tmdd_michaelis_menten",
    rows="S2-20",
    sets={"typical": {}, "saturated": {"Km": 1e-3, "Vmax": 40.0, "V1": 20.0}, "linear": {"Km": 5e4, "Vmax": 9e3}},
)
def saturable_loss_alone(b: Bench):
    """Alone, Km ln(C0/C) + C0 - C = Vmax t: constant loss far above Km, exponential far below."""
    p, dose = b.p, 150.0
    first = dose / p.V1
    t = np.linspace(0.0, 1.0, 21) * (first + 8.0 * p.Km) / p.Vmax
    exact = p.Km * np.real(wrightomega(np.log(first / p.Km) + (first - p.Vmax * t) / p.Km))
    got = b.run(t, "C", "CL_target", regimen=f"{dose} nmol into central")
    # Far below Km, C multiplies any error of the saturated phase by C0/Km; the law itself does not.
    yield same("Km ln(C0/C) + C0 - C", p.Km * np.log(first / got["C"]) + first - got["C"], p.Vmax * t, at=t)
    high = exact > 0.3 * first
    yield same("C(t)", got["C"][high], exact[high], at=t[high])
    yield same("clearance", got["CL_target"], p.V1 * p.Vmax / (p.Km + got["C"]), at=t)


@case("tmdd_michaelis_menten", rows="S2-20", sets=PLAIN)
def with_a_disposition_in_numbers(b: Bench):
    """On a two-compartment disposition it is what direct integration gives."""
    whole = with_disposition(b)
    p = _values(whole)
    t = np.linspace(0.0, 15.0, 31)

    def rates(_, y):
        exchange = p.Q * (y[0] - y[1])
        return [-(p.CL * y[0] + exchange) / p.V1 - p.Vmax * y[0] / (p.Km + y[0]), exchange / p.V2]

    for dose in (5.0, 500.0):
        exact = integrate(rates, [dose / p.V1, 0.0], t, method="LSODA")[:, 0]
        seen = exact > 1e-7 * dose / p.V1
        got = whole.run(t, "pk.C", regimen=f"{dose} nmol into pk.central")["pk.C"]
        yield same(f"C(t), {dose:g} nmol", got[seen], exact[seen], at=t[seen])


@case("tmdd_michaelis_menten", rows="S2-20", sets=BINDING)
def same_clearance_but_no_target(b: Bench):
    """With Vmax = ksyn, Km = kdeg Kss/kint it has the clearance of the full model at rest, not its early binding."""
    full = with_disposition(Bench(model_of("tmdd_full"), b.changes), CL=0.5)
    p = _values(full)
    km = p.kdeg * (p.koff + p.kint) / (p.kon * p.kint)
    plain = with_disposition(Bench(b.model, {"Vmax": p.ksyn, "Km": km}), CL=0.5)
    for share in (0.01, 0.3, 30.0):
        given = f"{share * p.V1 * p.ksyn!r} nmol/day into pk.central for 4000 day"
        ends = [m.run([0.0, 4e3], "pk.C", regimen=given)["pk.C"][-1] for m in (full, plain)]
        yield same(f"the same A at {share:g} V1 ksyn", ends[1], ends[0])
        yield same(f"the right A at {share:g} V1 ksyn", ends[1], _plateau(p, share * p.V1 * p.ksyn))
    dose = p.V1 * p.ksyn / p.kdeg
    early = np.array([0.0, 3.0 / (p.kon * p.ksyn / p.kdeg)])
    got = full.run(early, "pk.C", "target.R", regimen=f"{dose!r} nmol into pk.central")
    without = plain.run(early, "pk.C", regimen=f"{dose!r} nmol into pk.central")["pk.C"]
    yield holds("only the full model binds at once", got["pk.C"][-1] < 0.7 * without[-1])
    yield holds("only the full model depletes its target", got["target.R"][-1] < 0.7 * got["target.R"][0])


# ------------------------------------------------------------------------------------------------------ irreversible
@case("tmdd_irreversible", rows=("S2-19", "S0-14"), sets=BOUND)
def full_model_without_release(b: Bench):
    """It is the full model with koff = 0, and what direct integration gives."""
    mine, full = with_disposition(b), with_disposition(Bench(model_of("tmdd_full"), {**b.changes, "koff": 0.0}))
    p = _values(full)
    t = np.concatenate([[0.0, 0.01], np.linspace(0.1, 15.0, 30)])
    for dose in (20.0, 2e3):
        names, given = ("pk.C", "target.R", "target.RC"), f"{dose} nmol into pk.central"
        got, other = mine.run(t, *names, regimen=given), full.run(t, *names, regimen=given)
        exact = integrate(_full(p), [dose / p.V1, 0.0, p.ksyn / p.kdeg, 0.0], t, method="LSODA")
        seen = exact[:, 0] > 1e-7 * dose / p.V1
        for name, column in zip(names, (0, 2, 3), strict=True):
            rows = seen if column == 0 else slice(None)
            yield same(f"{name}, {dose:g} nmol", got[name][rows], exact[rows, column], at=t[rows])
            yield same(f"{name} of the full model, {dose:g} nmol", got[name][rows], other[name][rows], at=t[rows])


@case(
    "tmdd_irreversible", rows="S0-26", sets={"typical": {}, "fast": {"kon": 400.0, "ksyn": 50.0}, "slow": {"kon": 0.02}}
)
def reaches_its_steady_state(b: Bench):
    """Under infusion R = ksyn/(kdeg + kon A), and the clearance is CL + V1 kon R."""
    whole = with_disposition(b, CL=0.5)
    p = _values(whole)
    for share in (0.01, 1.0, 50.0):
        rate = share * p.V1 * p.ksyn
        got = whole.run(
            [0.0, 4e3], "pk.C", "target.R", "target.RC", regimen=f"{rate!r} nmol/day into pk.central for 4000 day"
        )
        km = p.kdeg / p.kon
        half = 0.5 * (rate - p.CL * km - p.V1 * p.ksyn)
        root = np.sqrt(half**2 + p.CL * km * rate)
        a = (half + root) / p.CL if half > 0.0 else km * rate / (root - half)
        r = p.ksyn / (p.kdeg + p.kon * a)
        yield same(f"at rest, {share:g} V1 ksyn", [v[-1] for v in got.values()], [a, r, p.kon * a * r / p.kint])
