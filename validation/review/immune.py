"""T-cell engagers, cytokines and receptors of the immune system, written from their cards."""

from __future__ import annotations

import math

from validation.reviewing import Rewritten, review


def _trimer(phi, a_tot, b_tot):
    """Return the smaller root of trimer = phi * (a_tot - trimer) * (b_tot - trimer)."""
    b = 1.0 + phi * (a_tot + b_tot)
    root = math.sqrt((1.0 + phi * (a_tot - b_tot)) ** 2 + 4.0 * phi * b_tot)
    return 2.0 * phi * a_tot * b_tot / (b + root)


def _largest_trimer(p, ka, kb):
    """Return the trimer at the optimal free drug."""
    return _trimer(p.alpha / (math.sqrt(ka) + math.sqrt(kb)) ** 2, p.A_tot, p.B_tot)


@review("t_cell_engager_trimer")
def t_cell_engager_trimer(p, _start):
    """From the card's equations (Douglass et al. 2013 for the equilibria)."""
    c = p.C_free
    trimer = _trimer(p.alpha * c / ((p.KA + c) * (p.KB + c)), p.A_tot, p.B_tot)
    largest = _largest_trimer(p, p.KA, p.KB)
    a, b = p.A_tot - trimer, p.B_tot - trimer
    out = {
        "trimer": trimer,
        "trimer_max": largest,
        "trimer_fraction": trimer / largest,
        "C_max": math.sqrt(p.KA * p.KB),
        "AC": a * c / (p.KA + c),
        "CB": b * c / (p.KB + c),
        "A_free": a * p.KA / (p.KA + c),
        "B_free": b * p.KB / (p.KB + c),
    }
    return Rewritten(outputs=lambda _t, _y: out, end=1.0)


@review("t_cell_engager_depletion")
def t_cell_engager_depletion(p, start):
    """From the card's equations (Douglass et al. 2013 for three bodies; mass action)."""
    ka, kb = p.koffA / p.konA, p.koffB / p.konB
    sa, sb = math.sqrt(ka), math.sqrt(kb)
    fixed = {
        "KA": ka,
        "KB": kb,
        "C_total_max": sa * sb + (p.A_tot * sb + p.B_tot * sa) / (sa + sb),
        "trimer_max": _largest_trimer(p, ka, kb),
    }

    def rates(_t, y):
        c, a, b, ac, cb, acb = y
        v1 = p.konA * c * a - p.koffA * ac
        v2 = p.konB * c * b - p.koffB * cb
        v3 = p.alpha * p.konB * ac * b - p.koffB * acb
        v4 = p.alpha * p.konA * cb * a - p.koffA * acb
        return [-v1 - v2, -v1 - v4, -v2 - v3, v1 - v3, v2 - v4, v3 + v4]

    def outputs(_t, y):
        return {"trimer": y[5], "C_total": y[0] + y[3] + y[4] + y[5], "amount(central)": y[0] * p.V1, **fixed}

    y0 = [start.central, p.A_tot, p.B_tot, start.AC, start.CB, start.ACB]
    return Rewritten(("central", "A", "B", "AC", "CB", "ACB"), y0, rates, outputs, end=0.2)


@review("checkpoint_occupancy")
def checkpoint_occupancy(p, _start):
    """From the card's equations (occupancy at equilibrium; Lindauer et al. 2017 for its use)."""
    ro = p.B * p.C / (p.Kd + p.B * p.C)
    needed = (p.kg - p.k0) / p.kkill
    out = {
        "RO": ro,
        "kill": p.k0 + p.kkill * ro,
        "net_growth": p.kg - p.k0 - p.kkill * ro,
        "RO_control": needed,
        "C_control": p.Kd * needed / (p.B * (1.0 - needed)),
    }
    return Rewritten(outputs=lambda _t, _y: out, end=1.0)


@review("il6_receptor_blockade")
def il6_receptor_blockade(p, _start):
    """From the card's equations (Hulme and Trevethick 2010, competition at equilibrium)."""
    ligand, drug = p.L / p.KL, p.C / p.KC
    whole = 1.0 + ligand + drug
    out = {
        "signalling": ligand / whole,
        "blocked": drug / whole,
        "relative_signalling": (1.0 + ligand) / whole,
        "IC50": p.KC * (1.0 + ligand),
    }
    return Rewritten(outputs=lambda _t, _y: out, end=1.0)


@review("cytokine_release")
def cytokine_release(p, start):
    """From the card's equations (a smaller model than that of Hosseini et al. 2020)."""
    drive = p.Emax * p.C**p.hill / (p.EC50**p.hill + p.C**p.hill)
    rest = p.kin / p.kout

    def rates(_t, y):
        cytokine, tolerance = y
        made = p.kin * (1.0 + drive / (1.0 + tolerance / p.Ktol))
        return [made - p.kout * cytokine, p.ktol * (drive - tolerance)]

    def outputs(_t, y):
        return {"C_cytokine": y[0], "fold": y[0] / rest, "drive": drive, "site": p.site}

    return Rewritten(("cytokine", "tolerance"), [rest, start.tolerance], rates, outputs, end=15.0)
