"""Two-state receptors and allosteric modulators, written from their cards."""

from __future__ import annotations

from validation.reviewing import Rewritten, review

EIGHT = ("R", "R_star", "AR", "AR_star", "NR", "NR_star", "ANR", "ANR_star")


@review("two_state_receptor")
def two_state_receptor(p, _start):
    """From the card's equations (Leff 1995, without ligand)."""
    basal = 1.0 / (1.0 + p.L)

    def rates(_t, y):
        activated = p.k_act * (y[0] - p.L * y[1])
        return [-activated, activated]

    def outputs(_t, y):
        return {"f_active": y[1] / (y[0] + y[1]), "basal": basal, "k_relax": p.k_act * (1.0 + p.L), "site": p.site}

    return Rewritten(("R", "R_star"), [p.Rtot * p.L * basal, p.Rtot * basal], rates, outputs, end=1.0)


@review("two_state_agonist")
def two_state_agonist(p, _start):
    """From the card's equations (Leff 1995)."""
    active, inactive = 1.0 + p.A / p.KA_star, 1.0 + p.A / p.KA
    basal, largest = 1.0 / (1.0 + p.L), 1.0 / (1.0 + p.L * p.KA_star / p.KA)
    whole = active + p.L * inactive
    out = {
        "f_active": active / whole,
        "basal": basal,
        "fmax": largest,
        "EC50": (1.0 + p.L) / (1.0 / p.KA_star + p.L / p.KA),
        "a": active / inactive,
        "efficacy": p.KA / p.KA_star,
        "span": largest - basal,
        "occupancy": (p.A / p.KA_star + p.L * p.A / p.KA) / whole,
    }
    return Rewritten(outputs=lambda _t, _y: out, end=1.0)


def _restored(gained, margin, concentration):
    """Return whether and at which concentration basal activity comes back."""
    if gained == 0.0:
        return 1.0, 0.0
    return (1.0, concentration) if margin > 0.0 else (0.0, -1.0)


@review("two_state_exclusive")
def two_state_exclusive(p, _start):
    """From the card's equations (Leff 1995, two ligands of one site)."""
    a_on, a_off, n_on, n_off = p.A / p.KA_star, p.A / p.KA, p.N / p.KN_star, p.N / p.KN
    active, inactive = 1.0 + a_on + n_on, 1.0 + a_off + n_off
    whole = active + p.L * inactive
    margin = (a_on - a_off) * (p.KN_star / p.KN - 1.0)
    restorable, needed = _restored(a_on - a_off, margin, (a_on - a_off) / (1.0 / p.KN - 1.0 / p.KN_star))
    out = {
        "f_active": active / whole,
        "basal": 1.0 / (1.0 + p.L),
        "f_agonist": (1.0 + a_on) / (1.0 + a_on + p.L * (1.0 + a_off)),
        "restore_margin": margin,
        "restorable": restorable,
        "N_restore": needed,
        "occupancy_A": (a_on + p.L * a_off) / whole,
        "occupancy_N": (n_on + p.L * n_off) / whole,
        "EC50": ((1.0 + n_on) + p.L * (1.0 + n_off)) / (1.0 / p.KA_star + p.L / p.KA),
    }
    return Rewritten(outputs=lambda _t, _y: out, end=1.0)


@review("two_state_modulator")
def two_state_modulator(p, _start):
    """From the card's equations (Hall 2000, no cooperativity within a conformation)."""
    a_on, a_off, n_on, n_off = p.A / p.KA_star, p.A / p.KA, p.N / p.KN_star, p.N / p.KN
    whole = (1.0 + a_on) * (1.0 + n_on) + p.L * (1.0 + a_off) * (1.0 + n_off)
    a, n = (1.0 + a_on) / (1.0 + a_off), (1.0 + n_on) / (1.0 + n_off)
    margin = (a - 1.0) * (p.KN_star / p.KN - a)
    restorable, needed = _restored(a - 1.0, margin, (a - 1.0) / (1.0 / p.KN - a / p.KN_star))
    ra, rn = p.KA_star / p.KA, p.KN_star / p.KN
    out = {
        "f_active": (1.0 + a_on) * (1.0 + n_on) / whole,
        "basal": 1.0 / (1.0 + p.L),
        "f_agonist": a / (a + p.L),
        "f_modulator": n / (n + p.L),
        "a": a,
        "n": n,
        "restore_margin": margin,
        "restorable": restorable,
        "N_restore": needed,
        "occupancy_A": (a_on * (1.0 + n_on) + p.L * a_off * (1.0 + n_off)) / whole,
        "occupancy_N": (n_on * (1.0 + a_on) + p.L * n_off * (1.0 + a_off)) / whole,
        "alpha": (1.0 + p.L) * (1.0 + p.L * ra * rn) / ((1.0 + p.L * ra) * (1.0 + p.L * rn)),
        "EC50": ((1.0 + n_on) + p.L * (1.0 + n_off)) / ((1.0 + n_on) / p.KA_star + p.L * (1.0 + n_off) / p.KA),
    }
    return Rewritten(outputs=lambda _t, _y: out, end=1.0)


@review("allosteric_ternary_complex")
def allosteric_ternary_complex(p, _start):
    """From the card's equations (Leach, Sexton and Christopoulos 2007)."""
    a, b = p.A / p.KA, p.B / p.KB
    whole = 1.0 + a + b + p.alpha * a * b
    shift = (1.0 + b) / (1.0 + p.alpha * b)
    stimulus = (p.tau_A * a * (1.0 + p.alpha * p.beta * b) + p.tau_B * b) / whole
    tau = p.tau_A * (1.0 + p.alpha * p.beta * b) / (1.0 + p.alpha * b)

    def effect(x):
        return p.Em * x**p.n / (1.0 + x**p.n)

    out = {
        "occupancy_A": a * (1.0 + p.alpha * b) / whole,
        "occupancy_B": b * (1.0 + p.alpha * a) / whole,
        "KA_app": p.KA * shift,
        "affinity_ratio": shift,
        "affinity_ratio_max": 1.0 / p.alpha,
        "stimulus": stimulus,
        "E": effect(stimulus),
        "E_agonist": effect(p.tau_A * a / (1.0 + a)),
        "tau_app": tau,
        "Emax_app": effect(tau),
        "EC50": p.KA * shift / ((2.0 + tau**p.n) ** (1.0 / p.n) - 1.0),
    }
    return Rewritten(outputs=lambda _t, _y: out, end=1.0)


def _eight_rates(p):
    """Return the differential equations of the eight states."""

    def rates(_t, y):
        r, rs, ar, ars, nr, nrs, anr, anrs = y
        ka, kn = p.KA_star / p.KA, p.KN_star / p.KN
        a1, a2 = p.kon_A * (p.A * r - p.KA * ar), p.kon_A * (p.A * nr - p.KA * anr)
        b1 = p.kon_A_star * (p.A * rs - p.KA_star * ars)
        b2 = p.kon_A_star * (p.A * nrs - p.KA_star * anrs)
        n1, n2 = p.kon_N * (p.N * r - p.KN * nr), p.kon_N * (p.N * ar - p.KN * anr)
        m1 = p.kon_N_star * (p.N * rs - p.KN_star * nrs)
        m2 = p.kon_N_star * (p.N * ars - p.KN_star * anrs)
        s0, sa = p.k_act * (r - p.L * rs), p.k_act * (ar - p.L * ka * ars)
        sn, san = p.k_act * (nr - p.L * kn * nrs), p.k_act * (anr - p.L * ka * kn * anrs)
        return [
            -a1 - n1 - s0,
            -b1 - m1 + s0,
            a1 - n2 - sa,
            b1 - m2 + sa,
            -a2 + n1 - sn,
            -b2 + m1 + sn,
            a2 + n2 - san,
            b2 + m2 + san,
        ]

    return rates


@review("allosteric_eight_state")
def allosteric_eight_state(p, start):
    """From the card's equations (Hall 2000, mass action in detailed balance)."""
    on = (1.0 + p.A / p.KA_star) * (1.0 + p.N / p.KN_star)
    off = p.L * (1.0 + p.A / p.KA) * (1.0 + p.N / p.KN)
    basal = 1.0 / (1.0 + p.L)

    def outputs(_t, y):
        total = y.sum()
        return {
            "f_active": y[1::2].sum() / total,
            "f_equilibrium": on / (on + off),
            "basal": basal,
            "occupancy_A": (y[2] + y[3] + y[6] + y[7]) / total,
            "occupancy_N": y[4:].sum() / total,
            "total": total,
            "site": p.site,
        }

    y0 = [p.Rtot * p.L * basal, p.Rtot * basal, *(getattr(start, state) for state in EIGHT[2:])]
    return Rewritten(EIGHT, y0, _eight_rates(p), outputs, end=1.0)
