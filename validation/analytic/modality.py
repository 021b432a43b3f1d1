"""Drugs that are genes or messages: siRNA, gene editors and messenger RNA; and the first dose in humans."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from validation.analytic import pk
from validation.cases import Bench, case, holds, same
from validation.reference import integrate

Array = NDArray[np.float64]

SIRNA = {
    "typical": {},
    "strong and short": {"krisc": 0.8, "kcl": 2000.0, "kload": 5.0, "kdeg_p": 3.0, "kloss": 4.0},
    "weak and lasting": {"krisc": 1e-3, "kcl": 0.5, "kdeg_m": 12.0, "RISC_total": 0.2, "kdeg_p": 0.02},
}


@case("sirna_knockdown", rows="S3-19", sets=SIRNA)
def protein_under_constant_risc(b: Bench):
    """With loaded RISC that lasts, messenger RNA falls with kdeg_m + kcl RISC, the protein follows it with kdeg_p."""
    p, loaded = b.p, 0.6 * b.p.RISC_total
    k = p.kdeg_m + p.kcl * loaded
    floor = p.kdeg_m / k
    t = np.linspace(0.0, 6.0 / min(p.kdeg_p, k), 25)
    lasting = {"RISC": loaded, "krisc": 0.0}
    got = b.run(t, "m_rel", "P_rel", "knockdown", changes=lasting)
    yield same("mRNA", got["m_rel"], floor + (1 - floor) * np.exp(-k * t), at=t)
    protein = floor + (1 - floor) * (np.exp(-p.kdeg_p * t) + p.kdeg_p * pk.passage(p.kdeg_p, k, t))
    yield same("protein", got["P_rel"], protein, at=t)
    yield same("what the knock-down leaves", 1 - got["knockdown"], protein, at=t)


@case("sirna_knockdown", rows="S3-19", sets=SIRNA)
def knockdown_lasts_as_long_as_risc(b: Bench):
    """With fast messenger and protein, half is back when kcl RISC = kdeg_m: at ln(kcl RISC(0)/kdeg_m)/krisc."""
    loaded = b.p.RISC_total
    fast = {"RISC": loaded, "kdeg_m": 1e6, "kcl": 2e7 / loaded, "ksyn_m": 1e6, "kdeg_p": 1e7, "krisc": b.p.krisc}
    half = np.log(20.0) / b.p.krisc
    t = half * np.array([0.5, 1.0, 1.5, 2.0])
    got = b.run(np.append(0.0, t), "RISC", "P_rel", changes=fast)
    yield same("RISC", got["RISC"][1:], loaded * np.exp(-b.p.krisc * t), at=t)
    yield same("protein", got["P_rel"][1:], 1 / (1 + 20.0 * np.exp(-b.p.krisc * t)), at=t)
    longer = b.run(np.append(0.0, t), "P_rel", changes={**fast, "krisc": 0.5 * b.p.krisc})["P_rel"]
    yield same("twice as long", longer[4], got["P_rel"][2])


@case("sirna_knockdown", rows="S3-19", sets=SIRNA)
def loading_is_limited_by_risc(b: Bench):
    """Doses into the cytosol against an independent solver; RISC never exceeds its total; more dose adds duration."""
    p, t = b.p, np.linspace(0.0, 24.0, 25)
    base = p.ksyn_m / p.kdeg_m

    def rates(_: float, y: Array) -> tuple[float, ...]:
        load = p.kload * (p.RISC_total - y[1]) * y[0]
        cleaved = (p.kdeg_m + p.kcl * y[1]) * y[2]
        return -load - p.kloss * y[0], load - p.krisc * y[1], p.ksyn_m - cleaved, p.ksyn_p * y[2] - p.kdeg_p * y[3]

    start = [0.0, 0.0, base, p.ksyn_p * base / p.kdeg_p]
    for dose in (0.1, 500.0):
        got = b.run(t, "RISC", "m", "P", regimen=f"{dose} nmol into sirna; {dose} nmol into sirna at 12 day")
        jumps = [(s, lambda y, d=dose: (y[0] + d, *y[1:])) for s in (0.0, 12.0)]
        exact = integrate(rates, start, t, jumps=jumps)
        yield same(f"mRNA after {dose:g} nmol", got["m"], exact[:, 2], at=t)
        yield same(f"protein after {dose:g} nmol", got["P"], exact[:, 3], at=t)
        yield same(f"RISC after {dose:g} nmol", got["RISC"], exact[:, 1], at=t)
        yield holds("RISC within its total", got["RISC"] <= p.RISC_total * (1 + 1e-9))


@case("sirna_knockdown", rows="S3-19", sets=SIRNA)
def baseline_without_sirna(b: Bench):
    """Without siRNA messenger and protein stay at their baselines, also where rate constants change."""
    p = b.p
    got = b.run([0.0, 5.0, 200.0], "m", "P")
    yield same("m", got["m"], p.ksyn_m / p.kdeg_m)
    yield same("P", got["P"], p.ksyn_p * p.ksyn_m / (p.kdeg_p * p.kdeg_m))


EDITING = {
    "typical": {},
    "nearly all": {"kedit": 40.0, "x_max": 1.0, "f_ko": 1.0, "kel": 0.2},
    "few": {"kedit": 1e-3, "x_max": 0.3, "kel": 12.0, "kdeg": 0.01, "ksyn": 5.0},
}


def edited(p, t: Array, dose: float) -> Array:
    """Return the fraction edited: those that can be, less the chance to escape the editor so far."""
    return p.x_max * -np.expm1(-p.kedit * dose * -np.expm1(-p.kel * t) / p.kel)


@case("gene_editing", rows="S3-19", sets=EDITING)
def edited_fraction_follows_exposure(b: Bench):
    """The chance to stay unedited is exp(-kedit times the editor's area): doses multiply chances."""
    p, t = b.p, np.linspace(0.0, 8.0 / b.p.kel, 17)
    got = b.run(t, "x", "x_final", "editor", regimen="3 nmol into editor")
    yield same("editor", got["editor"], 3.0 * np.exp(-p.kel * t), at=t)
    yield same("x", got["x"], edited(p, t, 3.0), at=t)
    yield same("x in the end, known at once", got["x_final"], p.x_max * -np.expm1(-3.0 * p.kedit / p.kel), at=t)
    far = 60.0 / p.kel
    twice = b.run([0.0, 2 * far], "x", regimen=f"3 nmol into editor; 3 nmol into editor at {far} day")["x"][-1]
    yield same("two doses", 1 - twice / p.x_max, np.exp(-6.0 * p.kedit / p.kel), floor=1e-6)


@case("gene_editing", rows="S3-19", sets=EDITING)
def reduction_is_permanent(b: Bench):
    """Long after the editor the protein stays at 1 - f_ko x; from a known fraction it falls with kdeg."""
    p = b.p
    t = np.array([0.0, 1.0, 3.0, 40.0]) / p.kdeg
    got = b.run(t, "P", "P_rel", "reduction", changes={"x": 0.5 * p.x_max})
    level = 1 - 0.5 * p.f_ko * p.x_max
    yield same("P", got["P"], p.ksyn / p.kdeg * (level + (1 - level) * np.exp(-p.kdeg * t)), at=t)
    yield same("reduction in the end", got["reduction"][-1], 0.5 * p.f_ko * p.x_max)
    late = 60.0 / min(p.kdeg, p.kel)
    after = b.run([0.0, late, 10 * late, 100 * late], "reduction", regimen="3 nmol into editor")["reduction"][1:]
    yield same("no return", after, p.f_ko * edited(p, np.array(np.inf), 3.0))


@case("gene_editing", rows="S3-19", sets=EDITING)
def replacement_undoes_the_edit(b: Bench):
    """Where unedited cells replace edited ones the edit fades with kcell and the protein returns."""
    p, k = b.p, 0.02 * b.p.kdeg
    t = np.array([0.0, 0.5, 1.0, 3.0]) / k
    got = b.run(t, "x", "P_rel", changes={"x": 0.8 * p.x_max, "kcell": k})
    yield same("x", got["x"], 0.8 * p.x_max * np.exp(-k * t), at=t)
    lag = np.exp(-k * t) * p.kdeg / (p.kdeg - k)
    lost = 0.8 * p.x_max * p.f_ko * (lag - np.exp(-p.kdeg * t) * p.kdeg / (p.kdeg - k))
    yield same("protein", got["P_rel"], 1 - lost, at=t)


MRNA = {
    "typical": {},
    "one rate": {"kdeg_m": 0.7, "kdeg_p": 0.7000001, "klost": 0.3},
    "stable protein": {"kdeg_m": 20.0, "kdeg_p": 0.01, "ktl": 1e5, "kesc": 3.0},
    "stable message": {"kdeg_m": 0.02, "kdeg_p": 40.0, "ktl": 2.0, "klost": 0.0},
}


@case("mrna_protein_pulse", rows="S3-19", sets=MRNA)
def protein_is_a_bateman_pulse(b: Bench):
    """Message in the cytosol decays; the protein is the Bateman function of both rates."""
    p = b.p
    t = np.linspace(0.0, 5.0, 26) / min(p.kdeg_m, p.kdeg_p)
    early = np.linspace(0.0, 9.0, 10) / p.kdeg_m
    message = b.run(early, "m", regimen="2 nmol into m")["m"]
    yield same("m", message, 2.0 * np.exp(-p.kdeg_m * early), at=early)
    yield same("P", b.run(t, "P", regimen="2 nmol into m")["P"], 2.0 * p.ktl * pk.passage(p.kdeg_m, p.kdeg_p, t), at=t)


@case("mrna_protein_pulse", rows="S3-19", sets={k: MRNA[k] for k in ("typical", "stable protein", "stable message")})
def particles_add_one_exponential(b: Bench):
    """From particles, a fraction f_esc arrives with the rate at which particles vanish: three exponentials."""
    p = b.p
    gone = p.kesc + p.klost
    t = np.linspace(0.0, 4.0, 21) / min(p.kdeg_m, p.kdeg_p, gone)
    early = np.linspace(0.0, 9.0, 10) / min(gone, p.kdeg_m)
    message = b.run(early, "m", regimen="2 nmol into lnp")["m"]
    yield same("m", message, 2.0 * p.kesc * pk.passage(gone, p.kdeg_m, early), at=early)
    got = b.run(t, "P", "f_esc", regimen="2 nmol into lnp")
    yield same("f_esc", got["f_esc"], p.kesc / gone)
    rates = (gone, p.kdeg_m, p.kdeg_p)
    others = [np.prod([s - r for s in rates if s != r]) for r in rates]
    exact = 2.0 * p.kesc * p.ktl * sum(np.exp(-r * t) / o for r, o in zip(rates, others, strict=True))
    yield same("P", got["P"], exact, floor=1e-9 * exact.max(), at=t)


@case("mrna_protein_pulse", rows="S3-19", sets={k: MRNA[k] for k in ("typical", "stable protein", "stable message")})
def area_and_peak_of_the_pulse(b: Bench):
    """The peak is at ln(kdeg_m/kdeg_p)/(kdeg_m - kdeg_p); the area is ktl/(kdeg_m kdeg_p) per message."""
    p, given = b.p, b.start()
    peak = np.log(p.kdeg_m / p.kdeg_p) / (p.kdeg_m - p.kdeg_p)
    yield same("tmax_P", given["tmax_P"], peak)
    yield same("AUC_per_mrna", given["AUC_per_mrna"], p.ktl / (p.kdeg_m * p.kdeg_p))
    x, w = np.polynomial.legendre.leggauss(24)
    edges = np.append(0.0, np.geomspace(0.02 * peak, 40.0 / min(p.kdeg_m, p.kdeg_p), 60))
    half, middle = np.diff(edges) / 2, (edges[1:] + edges[:-1]) / 2
    t = (middle[:, None] + half[:, None] * x).ravel()
    curve = b.run(t, "P", regimen="2 nmol into m")["P"].reshape(len(half), -1)
    yield same("area of the curve", (half * (curve @ w)).sum(), 2.0 * p.ktl / (p.kdeg_m * p.kdeg_p))
    near = b.run(peak * np.array([0.0, 0.999, 1.0, 1.001]), "P", regimen="2 nmol into m")["P"]
    yield holds("highest there", near[2] > near[1], near[2] > near[3])


FIRST = {
    "rat": {},
    "monkey, potent": {"NOAEL": 100.0, "Km_animal": 12.0, "MABEL": 0.003, "W_animal": 3.0, "W_human": 75.0},
    "dog, weak": {"NOAEL": 2.5, "Km_animal": 20.0, "SF": 50.0, "PAD": 0.01, "b": 0.75, "W_animal": 10.0},
    "mouse, toxic": {"NOAEL": 0.4, "Km_animal": 3.0, "W_animal": 0.02},
}


@case("first_in_human", rows="S4-08", sets=FIRST)
def human_equivalent_dose(b: Bench):
    """Equal dose per body surface, or per weight to the power b; the safety factor divides it."""
    p, got = b.p, b.start()
    yield same("HED", got["HED"] * p.Km_human, p.NOAEL * p.Km_animal)
    yield same("MRSD", got["MRSD"], p.NOAEL * p.Km_animal / p.Km_human / p.SF)
    yield same("HED_allometric", got["HED_allometric"] * p.W_human / p.W_human**p.b, p.NOAEL * p.W_animal ** (1 - p.b))
    yield same("in mg", got["dose_NOAEL"], p.NOAEL * p.Km_animal / p.Km_human / p.SF * p.W_human)
    yield same("by weight", b.start({"Km_animal": p.Km_human})["HED"], p.NOAEL)


@case("first_in_human", rows="S4-08", sets=FIRST)
def the_smallest_dose_is_chosen(b: Bench):
    """The starting dose is the smallest of the three, and says which it is."""
    p = b.p
    mrsd = p.NOAEL * p.Km_animal / p.Km_human / p.SF
    for mabel, pad in ((p.MABEL, p.PAD), (0.5 * mrsd, 0.7 * mrsd), (3.0 * mrsd, 2.0 * mrsd), (2.0 * mrsd, 0.1 * mrsd)):
        three = [mrsd, mabel, pad]
        got = b.start({"MABEL": mabel, "PAD": pad})
        yield same("dose per kg", got["dose_mg_kg"], min(three))
        yield same("dose", got["dose"], min(three) * p.W_human)
        yield same("limited by", got["limited_by"], 1.0 + int(np.argmin(three)))
