"""Antibodies against soluble ligands, and receptors that turn over in a tissue."""

from __future__ import annotations

import numpy as np
from scipy.linalg import expm

import sbmlqsp as qsp
from validation.cases import Bench, case, holds, model_of, same
from validation.reference import integrate

LIGAND = {
    "typical": {"A": 20.0},
    "fast": {"A": 0.5, "kon": 3e3, "koff": 700.0, "kel": 90.0, "kcplx": 4.0, "ksyn": 60.0},
    "slow": {"A": 900.0, "kon": 0.02, "koff": 1e-3, "kel": 0.7, "kcplx": 0.01, "ksyn": 1e-3},
    "complex lost faster": {"A": 3.0, "kon": 5.0, "koff": 0.4, "kel": 0.2, "kcplx": 6.0},
}
DOSED = {
    "typical": {},
    "fast": {"kon": 900.0, "koff": 70.0, "kel": 30.0, "kcplx": 1.0, "ksyn": 60.0, "kel_A": 0.3},
    "slow": {"kon": 0.5, "koff": 0.01, "kel": 0.7, "kcplx": 0.01, "ksyn": 0.05, "kel_A": 0.02},
}
RECEPTOR = {
    "typical": {},
    "fast": {"ksyn": 9.0, "kdeg": 3.0, "kon": 80.0, "koff": 300.0, "kint": 20.0},
    "slow": {"ksyn": 1e-4, "kdeg": 1e-3, "kon": 0.02, "koff": 1e-3, "kint": 1e-3},
}


# --------------------------------------------------------------------------------------------------- constant antibody
@case("antibody_ligand_constant", rows="S0-27", sets=LIGAND)
def total_rises_while_free_falls(b: Bench):
    """L = ksyn/(kel + kon A kcplx/(koff + kcplx)), C = kon A L/(koff + kcplx); total ratio and free fold follow."""
    p = b.p
    before = p.ksyn / p.kel
    for factor in (1e-4, 1.0, 1e4):
        a = factor * p.A
        free = p.ksyn / (p.kel + p.kon * a * p.kcplx / (p.koff + p.kcplx))
        bound = p.kon * a * free / (p.koff + p.kcplx)
        rest = b.at_rest({"A": a})
        yield same(f"free and bound, A {a:g}", [rest["L"], rest["C"]], [free, bound])
        yield same(f"total ratio, A {a:g}", rest["total_ratio"], (free + bound) / before)
        yield same(f"free fold, A {a:g}", rest["free_fold"], free / before)
        rises = rest["total_ratio"] > 1.0
        yield holds("total rises only where the complex outlives the ligand", rises == (p.kcplx < p.kel))
    none = b.at_rest({"A": 0.0})
    yield same("without antibody", [none["L"], none["C"], none["total_ratio"]], [before, 0.0, 1.0])


@case("antibody_ligand_constant", rows="S0-27", sets=LIGAND)
def limit_of_much_antibody(b: Bench):
    """Far above Kss and Kss kel/kcplx the total ratio comes to kel/kcplx; it is half-way at Kss kel/kcplx."""
    p = b.p
    kss, limit = (p.koff + p.kcplx) / p.kon, p.kel / p.kcplx
    got = b.start()
    yield same("the limit", got["total_ratio_max"], limit)
    yield same("Kss", got["Kss"], kss)
    much = b.at_rest({"A": 1e8 * kss * max(1.0, limit)}, horizon=1e3 / p.kcplx)
    yield same("far above both", much["total_ratio"], limit)
    own = {k: v for k, v in b.changes.items() if k != "A"}
    search = {"observable": "total_ratio", "changes": own, "at": "steady state"}
    middle = kss * limit
    half = qsp.level_for(b.model, "A", target=0.5 * (1.0 + limit), between=(0.1 * middle, 10.0 * middle), **search)
    yield same("antibody for half of the rise", float(half), middle)
    beyond = 2.0 * limit if limit > 1.0 else 0.5 * limit
    never = qsp.level_for(b.model, "A", target=beyond, between=(middle, 1e3 * max(kss, middle)), **search)
    yield holds("beyond the limit is impossible", not never.possible)


@case("antibody_ligand_constant", rows="S0-27", sets=LIGAND)
def approach_under_constant_antibody(b: Bench):
    """L and C approach their rest as the linear system of two does (matrix exponential)."""
    p = b.p
    matrix = np.array([[-p.kel - p.kon * p.A, p.koff], [p.kon * p.A, -p.koff - p.kcplx]])
    rest = np.linalg.solve(matrix, [-p.ksyn, 0.0])
    slowest = np.abs(np.linalg.eigvals(matrix)).min()
    t = np.linspace(0.0, 6.0, 25) / slowest
    start = np.array([p.ksyn / p.kel, 0.0])
    exact = np.array([rest + expm(matrix * x) @ (start - rest) for x in t])
    got = b.run(t, "L", "C", "L_total")
    yield same("L(t)", got["L"], exact[:, 0], at=t)
    yield same("C(t)", got["C"], exact[:, 1], at=t)
    yield same("total(t)", got["L_total"], exact.sum(axis=1), at=t)


# ----------------------------------------------------------------------------------------------------- dosed antibody
def _quadratic(p, infusion: float) -> list[float]:
    """Return free antibody, free ligand and complex at rest under an infusion (concentration per time)."""
    kss = (p.koff + p.kcplx) / p.kon
    # (r - k C)(s - k C) = kel_A kel Kss C, with r and s what is infused and made; the smaller root.
    sides = infusion + p.ksyn + p.kel_A * p.kel * kss / p.kcplx
    bound = 2.0 * infusion * p.ksyn / (sides + np.sqrt(sides**2 - 4.0 * infusion * p.ksyn)) / p.kcplx
    return [(infusion - p.kcplx * bound) / p.kel_A, (p.ksyn - p.kcplx * bound) / p.kel, bound]


@case("antibody_ligand", rows="S0-28", sets=DOSED)
def infusion_comes_to_the_quadratic(b: Bench):
    """Under infusion A, L and C rest at (R0/V - kcplx C)(ksyn - kcplx C) = kel_A kel Kss C."""
    p = b.p
    for share in (0.05, 0.9, 20.0):
        infusion = share * p.ksyn
        end = 60.0 / min(p.kel_A, p.kcplx, p.kel)
        given = f"{infusion * p.V!r} nmol/day into A for {2.0 * end!r} day"
        got = b.run([0.0, end], "A", "L", "C", "total_ratio", "free_fold", regimen=given)
        exact = _quadratic(p, infusion)
        yield same(f"A, L, C at {share:g} ksyn", [got[k][-1] for k in "ALC"], exact)
        yield same(f"total ratio at {share:g} ksyn", got["total_ratio"][-1], (exact[1] + exact[2]) * p.kel / p.ksyn)
        yield same(f"free fold at {share:g} ksyn", got["free_fold"][-1], exact[1] * p.kel / p.ksyn)


def _course(p):
    def rates(_, y):
        net = p.kon * y[0] * y[1] - p.koff * y[2]
        return [-p.kel_A * y[0] - net, p.ksyn - p.kel * y[1] - net, net - p.kcplx * y[2]]

    return rates


@case("antibody_ligand", rows="S0-28", sets=DOSED)
def bolus_in_numbers(b: Bench):
    """After a bolus A, L and C are what direct integration gives."""
    p = b.p
    t = np.concatenate([[0.0, 1e-3, 0.02], np.geomspace(0.1, 60.0, 25)])
    for ratio in (0.3, 40.0, 3e3):
        first = ratio * p.ksyn / p.kel
        got = b.run(t, "A", "L", "C", "A_total", "L_total", regimen=f"{first * p.V!r} nmol into A")
        exact = integrate(_course(p), [first, p.ksyn / p.kel, 0.0], t, method="LSODA")
        for i, name in enumerate("ALC"):
            seen = exact[:, i] > 1e-7 * exact[:, i].max()
            yield same(f"{name}(t), {ratio:g} times the ligand", got[name][seen], exact[seen, i], at=t[seen])
        yield same(f"total ligand, {ratio:g} times", got["L_total"], exact[:, 1] + exact[:, 2], at=t)
        seen = exact[:, 0] + exact[:, 2] > 1e-7 * first
        yield same(f"total antibody, {ratio:g} times", got["A_total"][seen], (exact[:, 0] + exact[:, 2])[seen])


@case("antibody_ligand", rows="S0-28", sets=DOSED)
def nothing_is_lost_but_eliminated(b: Bench):
    """Antibody given = left + eliminated free + eliminated as complex; ligand likewise."""
    p, end, dose = b.p, 25.0, 300.0
    arm = b.experiment([0.0, end], "A", "L", "C", regimen=f"{dose} nmol into A")
    last = {k: v[-1] for k, v in b.run([0.0, end], "A", "L", "C", regimen=arm.regimen).items()}
    over = {k: float(qsp.integral(arm, k)) for k in "ALC"}
    yield same("antibody", p.V * (last["A"] + last["C"] + p.kel_A * over["A"] + p.kcplx * over["C"]), dose)
    ligand = last["L"] + last["C"] + p.kel * over["L"] + p.kcplx * over["C"]
    yield same("ligand", ligand, p.ksyn / p.kel + p.ksyn * end)


@case("antibody_ligand", rows="S0-28", sets=DOSED)
def nadir_and_peak(b: Bench):
    """A bolus has a nadir of free ligand and a later peak of total ligand; both are found, and match a fine course."""
    p = b.p
    first = 200.0 * p.ksyn / p.kel
    arm = b.experiment([0.0, 100.0], "L", regimen=f"{first * p.V!r} nmol into A")
    nadir, peak = qsp.extremum(arm, "L", kind="min"), qsp.extremum(arm, "L_total", kind="max")
    for found, weights, label in ((nadir, (1.0, 0.0), "nadir of free ligand"), (peak, (1.0, 1.0), "peak of total")):
        around = found.at * np.array([0.0, 0.97, 1.0, 1.03])
        exact = integrate(_course(p), [first, p.ksyn / p.kel, 0.0], around, method="LSODA")[:, 1:] @ np.array(weights)
        yield same(f"{label}", float(found), exact[2])
        side = 1.0 if label.startswith("nadir") else -1.0
        yield holds(f"{label} is one", side * exact[1] > side * exact[2], side * exact[3] > side * exact[2])
    yield holds("total rises while free falls", float(nadir) < p.ksyn / p.kel < float(peak), nadir.at < peak.at)
    back = b.run([0.0, 400.0 / min(p.kel_A, p.kcplx)], "L", "L_total", regimen=arm.regimen)
    yield same("back at the level before", [back["L"][-1], back["L_total"][-1]], [p.ksyn / p.kel] * 2)


# -------------------------------------------------------------------------------------------------- receptor in tissue
def _two(p, c: float) -> np.ndarray:
    return np.array([[-p.kdeg - p.kon * c, p.koff], [p.kon * c, -p.koff - p.kint]])


@case("receptor_tissue_turnover", rows="S1-05", sets=RECEPTOR)
def rest_under_constant_drug(b: Bench):
    """R = ksyn/(kdeg + kint C/Kss), RC = R C/Kss with Kss = (koff + kint)/kon; without drug ksyn/kdeg."""
    p = b.p
    kss = (p.koff + p.kint) / p.kon
    for ratio in (0.0, 1e-3, 1.0, 1e4):
        r = p.ksyn / (p.kdeg + p.kint * ratio)
        rest = b.at_rest({"C_tissue": ratio * kss})
        yield same(f"R and RC at {ratio:g} Kss", [rest["R"], rest["RC"]], [r, ratio * r])
        yield same(f"occupancy at {ratio:g} Kss", rest["occupancy"], ratio / (1.0 + ratio))
        equal = b.at_rest({"C_tissue": ratio * (p.koff + p.kdeg) / p.kon, "kint": p.kdeg})
        yield same(f"total stays where kint = kdeg, {ratio:g} Kss", equal["R_total"], p.ksyn / p.kdeg)


@case("receptor_tissue_turnover", rows="S1-05", sets=RECEPTOR)
def course_under_constant_drug(b: Bench):
    """R and RC approach their rest as the linear system of two does (matrix exponential)."""
    p = b.p
    for ratio in (0.1, 30.0):
        c = ratio * (p.koff + p.kint) / p.kon
        matrix = _two(p, c)
        rest = np.linalg.solve(matrix, [-p.ksyn, 0.0])
        t = np.linspace(0.0, 6.0, 25) / np.abs(np.linalg.eigvals(matrix)).min()
        start = np.array([p.ksyn / p.kdeg, 0.0])
        exact = np.array([rest + expm(matrix * x) @ (start - rest) for x in t])
        got = b.run(t, "R", "RC", "C_complex", changes={"C_tissue": c})
        yield same(f"R(t) at {ratio:g} Kss", got["R"], exact[:, 0], at=t)
        yield same(f"RC(t) at {ratio:g} Kss", got["RC"], exact[:, 1], at=t)
        yield same(f"complex for joining at {ratio:g} Kss", got["C_complex"], exact[:, 1], at=t)


def _in_tissue(b: Bench, **drug: float) -> Bench:
    parts = {"drug": model_of("decaying_drug"), "target": b.model}
    model = qsp.compose("tissue", parts, connect={"target.C_tissue": "drug.D"})
    return Bench(model, {f"target.{k}": v for k, v in b.changes.items()} | {f"drug.{k}": v for k, v in drug.items()})


@case("receptor_tissue_turnover", rows="S1-05", sets=RECEPTOR)
def course_under_decaying_drug(b: Bench):
    """Under a decaying tissue concentration, R and RC are what integration gives; the drug is not used up."""
    p = b.p
    for ratio, speed in ((30.0, 0.3), (0.2, 5.0)):
        c0, kel = ratio * (p.koff + p.kint) / p.kon, speed * p.kdeg
        t = np.linspace(0.0, 5.0, 26) / p.kdeg
        got = _in_tissue(b, D0=c0, kel=kel).run(t, "target.R", "target.RC", "drug.D")

        def rates(s, y, c0=c0, kel=kel):
            return _two(p, c0 * np.exp(-kel * s)) @ y + np.array([p.ksyn, 0.0])

        exact = integrate(rates, [p.ksyn / p.kdeg, 0.0], t, method="LSODA")
        yield same(f"R(t), C0 = {ratio:g} Kss", got["target.R"], exact[:, 0], at=t)
        seen = exact[:, 1] > 1e-6 * exact[:, 1].max()
        yield same(f"RC(t), C0 = {ratio:g} Kss", got["target.RC"][seen], exact[seen, 1], at=t[seen])
        near = t * kel < 12.0
        yield same("the drug decays as without receptor", got["drug.D"][near], c0 * np.exp(-kel * t[near]))


@case("receptor_tissue_turnover", rows="S1-06", sets={"typical": {}, "strong": {"kon": 8.0}, "slow": {"koff": 0.01}})
def drives_a_delayed_marker(b: Bench):
    """The complex inhibits a marker's production: the marker is what integration gives, and lags behind the complex."""
    parts = {"drug": model_of("decaying_drug"), "target": b.model, "marker": model_of("indirect_response")}
    links = {"target.C_tissue": "drug.D", "marker.Cp": "target.C_complex"}
    model = qsp.compose("chain", parts, connect=links, convert={"marker": "h"})
    changes = {f"target.{k}": v for k, v in b.changes.items()} | {"marker.IC50": 0.1}
    whole = Bench(model, changes)
    p, t = whole.p, np.linspace(0.0, 200.0, 101)
    got = whole.run(t, "target.RC", "marker.response")

    def rates(s, y):
        d = p.drug_D0 * np.exp(-p.drug_kel * s)
        net = p.target_kon * d * y[0] - p.target_koff * y[1]
        free = p.target_ksyn - p.target_kdeg * y[0] - net
        made = p.marker_kin * (1.0 - p.marker_Imax * y[1] / (p.marker_IC50 + y[1]))
        # The marker counts in days, all else in hours.
        return [free, net - p.target_kint * y[1], (made - p.marker_kout * y[2]) / 24.0]

    start = [p.target_ksyn / p.target_kdeg, 0.0, p.marker_kin / p.marker_kout]
    exact = integrate(rates, start, t, method="LSODA")
    seen = exact[:, 1] > 1e-6 * exact[:, 1].max()
    yield same("RC(t)", got["target.RC"][seen], exact[seen, 1], at=t[seen])
    yield same("marker(t)", got["marker.response"], exact[:, 2], at=t)
    arm = whole.experiment([0.0, 200.0], "target.RC")
    top, bottom = qsp.extremum(arm, "target.RC"), qsp.extremum(arm, "marker.response", kind="min")
    yield holds("the marker lags", bottom.at > top.at)


@case("receptor_tissue_turnover", rows="S1-37", sets=RECEPTOR)
def same_alone_and_inside(b: Bench):
    """With one input it does inside a composition what it does alone; a dose upstream changes its input, not itself."""
    p = b.p
    c = 3.0 * (p.koff + p.kint) / p.kon
    t = np.linspace(0.0, 5.0, 16) / p.kdeg
    alone = b.run(t, "R", "RC", changes={"C_tissue": c})
    whole = _in_tissue(b, D0=c, kel=0.0)
    inside = whole.run(t, "target.R", "target.RC")
    yield same("R, held input", inside["target.R"], alone["R"], at=t)
    yield same("RC, held input", inside["target.RC"], alone["RC"], at=t)
    # The input may come from anywhere: a dose that gives the same concentration does the same.
    dosed = _in_tissue(b, D0=0.0, kel=0.4 * p.kdeg)
    started = _in_tissue(b, D0=c, kel=0.4 * p.kdeg)
    by_dose = dosed.run(t, "target.R", "target.RC", regimen=f"{c!r} nmol into drug.drug")
    for name, values in started.run(t, "target.R", "target.RC").items():
        yield same(f"{name}, by dose and by start", by_dose[name], values, at=t)
    laws = {r: str(law.law) for r, law in whole.model.network.reactions.items() if r.startswith("target__")}
    own = {f"target__{r}": str(law.law) for r, law in b.model.network.reactions.items()}
    names = {n for n in b.model.network.symbols if n != "C_tissue"}
    renamed = {r: _prefixed(text, names) for r, text in own.items()}
    yield holds("its equations are its own", laws == renamed)


def _prefixed(text: str, names: set[str]) -> str:
    import re

    moved = re.sub(r"[A-Za-z_]\w*", lambda m: f"target__{m[0]}" if m[0] in names else m[0], text)
    return moved.replace("C_tissue", "drug__D")
