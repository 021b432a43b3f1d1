"""First dose in humans, gene editing, messenger RNA and siRNA, written from their cards."""

from __future__ import annotations

import math

from validation.reviewing import Rewritten, review


@review("first_in_human")
def first_in_human(p, _start):
    """From the card's equations (FDA guidance 2005; Muller et al. 2009 for MABEL)."""
    hed = p.NOAEL * p.Km_animal / p.Km_human
    mrsd = hed / p.SF
    candidates = [mrsd, p.MABEL, p.PAD]
    smallest = min(candidates)
    out = {
        "HED": hed,
        "HED_allometric": p.NOAEL * (p.W_animal / p.W_human) ** (1.0 - p.b),
        "MRSD": mrsd,
        "dose_mg_kg": smallest,
        "dose": smallest * p.W_human,
        "dose_NOAEL": mrsd * p.W_human,
        "limited_by": 1.0 + candidates.index(smallest),
    }
    return Rewritten(outputs=lambda _t, _y: out, end=1.0)


@review("gene_editing")
def gene_editing(p, start):
    """From the card's equations (Gillmore et al. 2021 for the durable reduction alone)."""
    baseline = p.ksyn / p.kdeg

    def rates(_t, y):
        editor, edited, protein = y
        return [
            -p.kel * editor,
            p.kedit * editor * (p.x_max - edited) - p.kcell * edited,
            p.ksyn * (1.0 - p.f_ko * edited) - p.kdeg * protein,
        ]

    def outputs(_t, y):
        return {
            "site": p.site,
            "P_rel": y[2] / baseline,
            "reduction": 1.0 - y[2] / baseline,
            "x_final": p.x_max - (p.x_max - y[1]) * math.exp(-p.kedit * y[0] / p.kel),
        }

    begin = [start.editor, start.x, baseline]
    return Rewritten(states=("editor", "x", "P"), start=begin, rates=rates, outputs=outputs, end=4.0)


@review("mrna_protein_pulse")
def mrna_protein_pulse(p, start):
    """From the card's equations (Leonhardt et al. 2014 for translation and decay)."""

    def rates(_t, y):
        lnp, mrna, protein = y
        return [
            -(p.kesc + p.klost) * lnp,
            p.kesc * lnp - p.kdeg_m * mrna,
            p.ktl * mrna - p.kdeg_p * protein,
        ]

    out = {
        "site": p.site,
        "f_esc": p.kesc / (p.kesc + p.klost),
        "AUC_per_mrna": p.ktl / (p.kdeg_m * p.kdeg_p),
        "tmax_P": math.log(p.kdeg_m / p.kdeg_p) / (p.kdeg_m - p.kdeg_p),
    }
    return Rewritten(
        states=("lnp", "m", "P"),
        start=[start.lnp, start.m, start.P],
        rates=rates,
        outputs=lambda _t, _y: out,
        end=10.0,
    )


@review("sirna_knockdown")
def sirna_knockdown(p, start):
    """From the card's equations (simplified from Bartlett and Davis 2006)."""
    mrna_0 = p.ksyn_m / p.kdeg_m
    protein_0 = p.ksyn_p * mrna_0 / p.kdeg_p

    def rates(_t, y):
        free, risc, mrna, protein = y
        loading = p.kload * (p.RISC_total - risc) * free
        return [
            -loading - p.kloss * free,
            loading - p.krisc * risc,
            p.ksyn_m - p.kdeg_m * mrna - p.kcl * risc * mrna,
            p.ksyn_p * mrna - p.kdeg_p * protein,
        ]

    def outputs(_t, y):
        relative = y[3] / protein_0
        return {"site": p.site, "m_rel": y[2] / mrna_0, "P_rel": relative, "knockdown": 1.0 - relative}

    return Rewritten(
        states=("sirna", "RISC", "m", "P"),
        start=[start.sirna, start.RISC, mrna_0, protein_0],
        rates=rates,
        outputs=outputs,
        end=20.0,
    )
