"""What a patient brings along: renal function, size and age, genotype, comedication and organ impairment."""

from __future__ import annotations

import numpy as np

import sbmlqsp as qsp
from validation.cases import Bench, case, holds, same

RENAL = {
    "typical": {},
    "old and small": {"age": 93.0, "WT": 41.0, "Scr": 2.9, "female": 1.0, "fe": 0.95},
    "young and large": {"age": 19.0, "WT": 140.0, "Scr": 0.6, "fe": 0.05, "CL_std": 300.0},
    "all by the kidney": {"fe": 1.0, "Scr": 8.0, "CLcr_std": 120.0},
}


@case("cockcroft_gault", rows="S3-06", sets=RENAL)
def creatinine_clearance(b: Bench):
    """(140 - age) weight / (72 Scr), 0.85 of it in women; the same in L/h is 0.06 of the number in mL/min."""
    p, got = b.p, b.start()
    man = (140.0 - p.age) * p.WT / (72.0 * p.Scr)
    yield same("CLcr", got["CLcr"], man * (0.85 if p.female else 1.0))
    yield same("GFR", got["GFR"], qsp.units.convert(man * (0.85 if p.female else 1.0), "mL/min", "L/h"))
    sexes = [b.start({"female": f})["CLcr"] for f in (0.0, 1.0)]
    yield same("women over men", sexes[1] / sexes[0], 0.85)
    yield same("twice the creatinine", b.start({"Scr": 2 * p.Scr})["CLcr"], got["CLcr"] / 2)


@case("cockcroft_gault", rows=("S3-01", "S3-06"), sets=RENAL)
def dose_by_renal_function(b: Bench):
    """The renal part of clearance scales with creatinine clearance; the dose keeps exposure."""
    p, got = b.p, b.start()
    renal = p.CL_std * p.fe * got["CLcr"] / p.CLcr_std
    yield same("CL", got["CL"], renal + p.CL_std * (1 - p.fe))
    yield same("exposure of the dose", got["dose"] / got["CL"], p.AUC_target)
    yield same("dose factor", got["dose_factor"] * p.CL_std, got["CL"])
    standard = b.start({"Scr": p.Scr * got["CLcr"] / p.CLcr_std})
    yield same("at the standard", standard["CL"], p.CL_std)
    yield same("without kidney part", b.start({"fe": 0.0})["CL"], p.CL_std)


CHILD = {
    "typical": {},
    "preterm": {"PMA": 26.0, "WT": 0.9, "AUC_target": 200.0},
    "adult": {"PMA": 2000.0, "WT": 70.0},
    "other enzyme": {"PMA": 44.0, "TM50": 73.6, "Hill": 1.0, "exponent": 0.67, "WT": 3.6, "CL_std": 55.0},
}


@case("maturation", rows="S3-06", sets=CHILD)
def maturation_by_age(b: Bench):
    """Half at TM50, rising to one; the odds of maturation are a power of age."""
    p, got = b.p, b.start()
    yield same("odds", got["MF"] / (1 - got["MF"]), (p.PMA / p.TM50) ** p.Hill)
    yield same("half", b.start({"PMA": p.TM50})["MF"], 0.5)
    yield same("in the end", b.start({"PMA": 1e9 * p.TM50})["MF"], 1.0)
    ages = [b.start({"PMA": a})["MF"] for a in (25.0, 40.0, 60.0, 200.0)]
    yield holds("rises with age", np.diff(ages) > 0)


@case("maturation", rows=("S3-01", "S3-06", "S2-21"), sets=CHILD)
def paediatric_clearance_and_dose(b: Bench):
    """Clearance is adult clearance times size times maturation; volume goes with weight; the dose keeps exposure."""
    p, got = b.p, b.start()
    mature = p.CL_std * np.exp(p.exponent * np.log(p.WT / p.WT_std))
    yield same("CL", got["CL"], mature / (1 + (p.TM50 / p.PMA) ** p.Hill))
    yield same("V", got["V"], p.V_std / p.WT_std * p.WT)
    yield same("half-life", got["t_half"] * got["CL"], np.log(2.0) * got["V"])
    yield same("exposure of the dose", got["dose"] / got["CL"], p.AUC_target)
    adult = b.start({"PMA": 1e9 * p.TM50, "WT": p.WT_std})
    yield same("the adult", adult["CL"], p.CL_std)


GENES = {
    "normal": {},
    "poor": {"AS": 0.0, "fm": 0.9},
    "ultrarapid, inhibited": {"AS": 3.0, "I": 2.0, "Ki": 0.02, "h": 0.6, "r": 0.3},
    "relative score": {"AS": 0.5, "AS_ref": 1.0, "fm": 0.3, "CL0": 400.0, "r": 1.4, "I": 1e-4},
}


@case("metabolic_clearance_genotype", rows=("S3-05", "S3-07"), sets=GENES)
def clearance_by_genotype_and_inhibitor(b: Bench):
    """Two parallel routes: the enzyme's scales with genotype, function and inhibition, the other with its own."""
    p, got = b.p, b.start()
    enzyme = p.CL0 * p.fm * (p.AS / p.AS_ref) * p.h * p.Ki / (p.Ki + p.I)
    other = p.CL0 * (1 - p.fm) * p.r
    yield same("CL", got["CL"], enzyme + other)
    yield same("exposure ratio", got["AUC_ratio"], p.CL0 / (enzyme + other))
    yield same("dose factor", got["dose_factor"], (enzyme + other) / p.CL0)
    yield same("exposure of the dose", got["dose"] / got["CL"], p.AUC_target)
    yield same("fm_actual", got["fm_actual"], enzyme / (enzyme + other))


@case("metabolic_clearance_genotype", rows="S3-07", sets=GENES)
def phenotype_differs_from_genotype(b: Bench):
    """The phenotype's score is the genotype's, less inhibition and impairment; without these they agree."""
    p, got = b.p, b.start()
    yield same("score", got["AS_apparent"], p.AS * p.h * p.Ki / (p.Ki + p.I))
    plain = b.start({"h": 1.0, "I": 0.0})
    yield same("no mismatch", plain["AS_apparent"], p.AS)
    half = b.start({"h": 1.0, "I": p.Ki})
    yield same("half at Ki", half["AS_apparent"], p.AS / 2)
    like = b.start({"AS": 0.5 * p.AS, "h": 1.0, "I": 0.0})
    yield same("inhibited is like a weaker genotype", half["CL"], like["CL"])


@case("metabolic_clearance_genotype", rows=("S3-05", "S3-07"), sets=GENES)
def limits_of_the_fraction_metabolised(b: Bench):
    """The worst case is 1/(1 - fm); genotype does not matter at fm 0 and is all that matters at fm 1."""
    p = b.p
    worst = b.start({"AS": 0.0, "r": 1.0})
    yield same("poor metaboliser", worst["AUC_ratio"], 1 / (1 - p.fm))
    blocked = b.start({"AS": p.AS_ref, "r": 1.0, "I": 1e14 * p.Ki, "h": 1.0})
    yield same("full inhibition is the same", blocked["AUC_ratio"], 1 / (1 - p.fm))
    yield same("other enzyme", b.start({"fm": 0.0, "r": 1.0})["CL"], p.CL0)
    whole = b.start({"fm": 1.0, "AS": 0.5 * p.AS_ref, "h": 1.0, "I": 0.0})
    yield same("this enzyme alone", whole["AUC_ratio"], 2.0)


@case(
    "metabolic_clearance_genotype",
    rows="S3-05",
    sets={k: GENES[k] for k in ("normal", "poor", "ultrarapid, inhibited")},
)
def genotypes_in_hardy_weinberg_proportions(b: Bench):
    """Two alleles drawn at random: the mean clearance of the mixture is that of the mean score."""
    import pandas as pd

    frequency = {0.0: 0.24, 0.5: 0.11, 1.0: 0.65}
    pairs = [(x + y, fx * fy) for x, fx in frequency.items() for y, fy in frequency.items()]
    people = pd.DataFrame({"AS": [s for s, _ in pairs]})
    free = Bench(b.model, {k: v for k, v in b.changes.items() if k != "AS"})
    ds = qsp.simulate(free.experiment([0.0, 1.0], "CL"), subjects=people, progress=False)
    clearance = ds["CL"].to_numpy().reshape(len(pairs), -1)[:, 0]
    weight = np.array([f for _, f in pairs])
    mean_score = 2 * sum(a * f for a, f in frequency.items())
    yield same("mean clearance", weight @ clearance, b.start({"AS": mean_score})["CL"])
    poor = weight[np.array([s for s, _ in pairs]) == 0.0].sum()
    yield same("share of poor metabolisers", poor, 0.24**2)
    yield same("their clearance", clearance[0], b.start({"AS": 0.0})["CL"])
