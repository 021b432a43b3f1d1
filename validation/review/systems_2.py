"""Systems of chemotherapy and of an inflammatory episode, written from their cards and those of their parts."""

from __future__ import annotations

from validation.review.systems import hyperbola, prefixed
from validation.reviewing import Rewritten, review

CELLS = ("cells.Prol", "cells.T1", "cells.T2", "cells.T3", "cells.Circ")
DRUG = ("pk.central", "pk.peripheral")


def _docetaxel(p):
    """Return d(central, peripheral)/dt, in concentrations, of two compartments."""

    def rates(conc, peripheral):
        across = p.Q * (conc - peripheral)
        return [(-p.CL * conc - across) / p.V1, across / p.V2]

    return rates


def _drug_outputs(p, y):
    return {"pk.C": y[0], "pk.C2": y[1], "amount(pk.central)": y[0] * p.V1, "amount(pk.peripheral)": y[1] * p.V2}


def _some_cells_stay(p):
    """Say whether another drug alone leaves cells: where they die out, the feedback on them has no size."""
    return p.cells_E_added < 1.0


def _neutrophils(p):
    """Return d(Prol, T1, T2, T3, Circ)/dt and the outputs of the cells (Friberg et al. 2002)."""
    ktr = 4.0 / p.cells_MTT

    def outputs(conc, circ):
        return {
            "cells.Edrug": p.slope * conc + p.Emax * hyperbola(conc, p.EC50) + p.cells_E_added,
            "cells.feedback": (p.cells_Circ0 / circ) ** p.cells_gam,
            "cells.ktr": ktr,
        }

    def rates(conc, cells):
        prol, t1, t2, t3, circ = cells
        seen = outputs(conc, circ)
        made = prol * (1.0 - seen["cells.Edrug"]) * seen["cells.feedback"]
        return [ktr * (made - prol), ktr * (prol - t1), ktr * (t1 - t2), ktr * (t2 - t3), ktr * (t3 - circ)]

    return rates, outputs


@review("neutropenia_chemotherapy", valid=_some_cells_stay)
def neutropenia_chemotherapy(p, start):
    """From the card's equations (Friberg et al. 2002, under two compartments)."""
    drug, (cells, seen) = _docetaxel(p), _neutrophils(p)
    return Rewritten(
        states=(*DRUG, *CELLS),
        start=[start.pk_central, start.pk_peripheral, *[p.cells_Circ0] * 5],
        rates=lambda _t, y: [*drug(y[0], y[1]), *cells(y[0], y[2:7])],
        outputs=lambda _t, y: {**_drug_outputs(p, y), **seen(y[0], y[6])},
        end=250.0,
    )


def _tumour(p):
    """Return d(x1, x2, x3, x4)/dt under a concentration (Simeoni et al. 2004)."""

    def rates(conc, x):
        w = sum(x)
        grown = p.lambda0 * x[0] / (1.0 + (p.lambda0 * w / p.lambda1) ** p.tumour_psi) ** (1.0 / p.tumour_psi)
        hit = p.k2 * conc * x[0]
        return [grown - hit, hit - p.k1 * x[1], p.k1 * (x[1] - x[2]), p.k1 * (x[2] - x[3])]

    return rates


@review("cytotoxic_balance", valid=_some_cells_stay)
def cytotoxic_balance(p, start):
    """From the card's equations (Simeoni et al. 2004; Friberg et al. 2002, under two compartments)."""
    drug, (cells, seen), tumour = _docetaxel(p), _neutrophils(p), _tumour(p)

    def outputs(_t, y):
        of_tumour = {"w": sum(y[7:11]), "C_stasis": p.lambda0 / p.k2, "w_switch": p.lambda1 / p.lambda0}
        return {**_drug_outputs(p, y), **seen(y[0], y[6]), **prefixed("tumour", of_tumour)}

    weights = [start.tumour_x1, start.tumour_x2, start.tumour_x3, start.tumour_x4]
    return Rewritten(
        states=(*DRUG, *CELLS, "tumour.x1", "tumour.x2", "tumour.x3", "tumour.x4"),
        start=[start.pk_central, start.pk_peripheral, *[p.cells_Circ0] * 5, *weights],
        rates=lambda _t, y: [*drug(y[0], y[1]), *cells(y[0], y[2:7]), *tumour(y[0], y[7:11])],
        outputs=outputs,
        end=250.0,
    )


def _suppressed(p, part):
    """Return how far interleukin-6 leaves the synthesis of one of the parts with that law."""
    largest, half = getattr(p, f"{part}_Imax"), getattr(p, f"{part}_IC50")
    return lambda il6: 1.0 - largest * hyperbola(il6, half)


def _inflammation(p):
    """Return the steady states at IL6_0 and d(S, IL6, A, cyp.E, pgp.E, Hct, pH)/dt."""
    made = {part: _suppressed(p, part) for part in ("albumin", "cyp", "pgp", "cells")}
    rest = p.il6_kin / p.il6_kout

    def albumin_loss(il6):
        return p.albumin_kdeg * (1.0 + p.albumin_Emax * hyperbola(il6, p.albumin_EC50))

    def level_of_ph(il6):
        return p.acid_pH_n - p.acid_dpH * hyperbola(il6, p.acid_EC50)

    before = {
        "il6.IL6_0": rest,
        "albumin.A0": p.albumin_ksyn * made["albumin"](rest) / albumin_loss(rest),
        "cyp.E0": p.cyp_ksyn / p.cyp_kdeg * made["cyp"](rest),
        "pgp.E0": p.pgp_ksyn / p.pgp_kdeg * made["pgp"](rest),
        "cells.Hct0": p.cells_ksyn / p.cells_kdeg * made["cells"](rest),
        "acid.pH_0": level_of_ph(rest),
    }

    def rates(y):
        stimulus, il6, albumin, cyp, pgp, hct, ph = y
        raised = 1.0 + p.il6_Smax * hyperbola(stimulus, p.il6_SC50)
        return [
            -p.il6_kS * stimulus,
            p.il6_kin * raised - p.il6_kout * il6,
            p.albumin_ksyn * made["albumin"](il6) - albumin_loss(il6) * albumin,
            p.cyp_ksyn * made["cyp"](il6) - p.cyp_kdeg * cyp,
            p.pgp_ksyn * made["pgp"](il6) - p.pgp_kdeg * pgp,
            p.cells_ksyn * made["cells"](il6) - p.cells_kdeg * hct,
            p.acid_kpH * (level_of_ph(il6) - ph),
        ]

    return before, rates


def _liver_and_blood(p, before, y):
    """Return what binding, blood cells and enzyme make of the clearance."""
    _, _, albumin, cyp, _, hct, _ = y
    fu = 1.0 / (1.0 + (1.0 / p.fu0 - 1.0) * albumin / before["albumin.A0"])
    bp = 1.0 + hct * (fu * p.blood_Kbcu - 1.0)
    clint = p.CLint0 * cyp / before["cyp.E0"]
    extraction = fu * clint / (p.Q * bp + fu * clint)
    cl_h, filtered = p.Q * bp * extraction, fu * p.GFR
    return {
        "binding.fu": fu,
        "binding.Kp": p.Kp0 * fu / p.fu0,
        "binding.CL_GF": filtered,
        "cyp.E_rel": cyp / before["cyp.E0"],
        "cyp.CLint": clint,
        "cyp.E_h": extraction,
        "cyp.CL_h": cl_h,
        "cyp.F_h": 1.0 - extraction,
        "blood.BP": bp,
        "blood.Ke": fu * p.blood_Kbcu,
        "CL": cl_h + filtered,
        "blood.CL_blood": (cl_h + filtered) / bp,
        "blood.fu_b": fu / bp,
        "blood.E_h": extraction,
        "blood.CL_h_blood": p.Q * extraction,
        "blood.CL_h": cl_h,
        "blood.F_h": 1.0 - extraction,
    }


def _gut_and_tissue(p, before, y, seen):
    """Return what efflux and ion trapping do to absorption and distribution."""
    pgp, ph = y[4] / before["pgp.E0"], y[6]
    z, pka = p.tissue_z, p.tissue_pKa

    def charged(at):
        return 1.0 + z * z * 10.0 ** (z * (pka - at))

    absorbed = p.gut_ka * p.gut_kb / ((p.gut_ka + p.gut_kt) * p.gut_kb + p.gut_kt * p.kef * pgp)
    return {
        "il6.IL6_rel": y[1] / before["il6.IL6_0"],
        "albumin.A_rel": y[2] / before["albumin.A0"],
        "pgp.E_rel": pgp,
        "pgp.kef_E": p.kef * pgp,
        "gut.F_abs": absorbed,
        "gut.F": absorbed * seen["cyp.F_h"],
        "tissue.Kp": seen["binding.Kp"] * charged(ph) / charged(before["acid.pH_0"]),
        "tissue.fn_t": 1.0 / charged(ph),
        "tissue.fn_p": 1.0 / charged(p.tissue_pH_p),
    }


def _drug_rates(p, y, seen):
    """Return d(lumen, enterocyte, faeces, first_pass, central, tissue)/dt."""
    lumen, cell, _, _, central, tissue = y
    back, on = seen["pgp.kef_E"] * cell, p.gut_kb * cell
    crossing = p.tissue_PS * seen["binding.fu"] * seen["tissue.fn_p"]
    across = crossing * (central - tissue / seen["tissue.Kp"])
    cleared = (seen["cyp.CL_h"] + seen["binding.CL_GF"]) * central
    return [
        back - (p.gut_ka + p.gut_kt) * lumen,
        p.gut_ka * lumen - on - back,
        p.gut_kt * lumen,
        on * (1.0 - seen["cyp.F_h"]),
        (on * seen["cyp.F_h"] - cleared - across) / p.V,
        across / p.tissue_V_t,
    ]


def _inhibitions(p):
    return p.albumin_Imax, p.cyp_Imax, p.pgp_Imax, p.cells_Imax


@review("inflammation_oral", valid=lambda p: max(_inhibitions(p)) < 1.0)
def inflammation_oral(p, start):
    """From the card's equations and those of its parts (acute phase, binding, liver, efflux, ion trapping)."""
    before, episode = _inflammation(p)

    def read(y):
        seen = _liver_and_blood(p, before, y[:7])
        return {**seen, **_gut_and_tissue(p, before, y[:7], seen)}

    def rates(_t, y):
        return [*episode(y[:7]), *_drug_rates(p, y[7:], read(y))]

    levels = ("il6.S", "il6.IL6", "albumin.A", "cyp.E", "pgp.E", "cells.Hct", "acid.pH")
    drug = ("gut.lumen", "gut.enterocyte", "gut.faeces", "gut.first_pass", "pk.central", "tissue.tissue")
    dosed = [start.gut_lumen, start.gut_enterocyte, start.gut_faeces, start.gut_first_pass]
    return Rewritten(
        states=(*levels, *drug),
        start=[start.il6_S, *before.values(), *dosed, start.pk_central, start.tissue_tissue],
        rates=rates,
        outputs=lambda _t, y: {**before, **read(y), "tissue.C_t": y[12], "pk.C": y[11]},
        end=12.0,
    )
