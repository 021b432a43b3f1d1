"""Covariates, genotype, first pass, pH partition and conversion of units, written from their cards."""

from __future__ import annotations

import math

from validation.reviewing import Rewritten, review


@review("cockcroft_gault")
def cockcroft_gault(p, _start):
    """From the card's equations (Cockcroft and Gault 1976)."""
    sex = 1.0 - p.female * (1.0 - p.f_sex)
    creatinine = (p.age_zero - p.age) * p.WT / (p.k_CG * p.Scr) * sex
    clearance = p.CL_std * (1.0 - p.fe + p.fe * creatinine / p.CLcr_std)
    out = {
        "CLcr": creatinine,
        "GFR": p.k_unit * creatinine,
        "CL": clearance,
        "dose": p.AUC_target * clearance,
        "dose_factor": clearance / p.CL_std,
    }
    return Rewritten(outputs=lambda _t, _y: out, end=1.0)


@review("maturation")
def maturation(p, _start):
    """From the card's equations (Rhodin et al. 2009; Anderson and Holford 2008)."""
    mature = p.PMA**p.Hill / (p.TM50**p.Hill + p.PMA**p.Hill)
    size = (p.WT / p.WT_std) ** p.exponent
    clearance, volume = p.CL_std * size * mature, p.V_std * p.WT / p.WT_std
    out = {
        "MF": mature,
        "size": size,
        "CL": clearance,
        "V": volume,
        "t_half": math.log(2.0) * volume / clearance,
        "dose": p.AUC_target * clearance,
        "dose_factor": clearance / p.CL_std,
    }
    return Rewritten(outputs=lambda _t, _y: out, end=1.0)


@review("metabolic_clearance_genotype")
def metabolic_clearance_genotype(p, _start):
    """From the card's equations (Rowland and Matin 1973; Gaedigk et al. 2008)."""
    inhibited = p.h / (1.0 + p.I / p.Ki)
    by_enzyme = p.CL0 * p.fm * p.AS / p.AS_ref * inhibited
    clearance = by_enzyme + p.CL0 * (1.0 - p.fm) * p.r
    out = {
        "CL": clearance,
        "AS_apparent": p.AS * inhibited,
        "AUC_ratio": p.CL0 / clearance,
        "dose_factor": clearance / p.CL0,
        "dose": p.AUC_target * clearance,
        "fm_actual": by_enzyme / clearance,
    }
    return Rewritten(outputs=lambda _t, _y: out, end=1.0)


@review("oral_first_pass")
def oral_first_pass(p, start):
    """From the card's equations (Pang 2003; Pang and Rowland 1977)."""
    efflux = p.kef * p.E_Pgp
    absorbed = p.ka * p.kb / ((p.ka + p.kt) * p.kb + p.kt * efflux)

    def rates(_t, y):
        lumen, cell = y[0], y[1]
        return [
            -(p.ka + p.kt) * lumen + efflux * cell,
            p.ka * lumen - (p.kb + efflux) * cell,
            p.kt * lumen,
            p.kb * (1.0 - p.F_h) * cell,
            p.kb * p.F_h * cell / p.V,
        ]

    return Rewritten(
        states=("lumen", "enterocyte", "faeces", "first_pass", "central"),
        start=[start.lumen, start.enterocyte, start.faeces, start.first_pass, start.central],
        rates=rates,
        outputs=lambda _t, _y: {"F_abs": absorbed, "F": absorbed * p.F_h},
        end=30.0,
    )


@review("stepwise_covariate")
def stepwise_covariate(p, _start):
    """From the card's equations (the last value carried forward, and lines between the values)."""
    values, ends = (p.x0, p.x1, p.x2, p.x3), (p.t1, p.t2, p.t3)

    def outputs(t, _y):
        for k, until in enumerate(ends):
            if t < until:
                begin = ends[k - 1] if k else 0.0
                slope = (values[k + 1] - values[k]) / (until - begin)
                return {"x": values[k], "x_line": values[k] + slope * (t - begin)}
        return {"x": p.x3, "x_line": p.x3}

    return Rewritten(outputs=outputs, end=240.0)


@review("tissue_ph_partition")
def tissue_ph_partition(p, start):
    """From the card's equations (Rodgers, Leahy and Rowland 2005 for pH partition)."""

    def one_over_neutral(ph):
        return 1.0 + p.z**2 * 10.0 ** (p.z * (p.pKa - ph))

    neutral, plasma_before = 1.0 / one_over_neutral(p.pH_p), p.pH_p
    partition = p.Kp0 * one_over_neutral(p.pH_t) / one_over_neutral(p.pH_0) * neutral * one_over_neutral(plasma_before)

    def rates(_t, y):
        into = p.PS * p.fu * neutral * (y[0] - y[1] / partition)
        return [-into / p.V, into / p.V_t]

    def outputs(_t, y):
        return {"Kp": partition, "C_t": y[1], "fn_t": 1.0 / one_over_neutral(p.pH_t), "fn_p": neutral}

    return Rewritten(
        states=("central", "tissue"), start=[start.central, start.tissue], rates=rates, outputs=outputs, end=5.0
    )


@review("unit_conversion")
def unit_conversion(p, _start):
    """From the card's equations (conversion by the molar mass and the Avogadro constant)."""
    out = {
        "C_molar_of_mass": p.C_mass / p.MW,
        "C_mass_of_molar": p.C_molar * p.MW,
        "C_cell": p.n_copies / (p.N_A * p.V_cell),
        "C_tissue": p.n_copies * p.cells / p.N_A,
        "n_of_molar": p.C_molar * p.N_A * p.V_cell,
        "n_of_tissue": p.C_molar * p.N_A / p.cells,
    }
    return Rewritten(outputs=lambda _t, _y: out, end=1.0)
