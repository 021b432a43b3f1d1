"""Kinase cascades and tolerance by an induced phosphatase, written from their cards."""

from __future__ import annotations

import math

from validation.reviewing import Rewritten, review

TIERS = ("R_star", "A_star", "B_star", "C_star")


def _gains(p):
    """Return the amplification of the tiers and of the open loop."""
    inhibited = 1.0 + p.I / p.KI
    whole = p.kR * p.kA * p.kB * p.kC / (p.dR * p.dA * p.dB * p.dC)
    return {
        "G": whole,
        "C_open": whole / inhibited,
        "gain_A": p.kA / p.dA,
        "gain_B": p.kB / p.dB,
        "gain_C": p.kC / (p.dC * inhibited),
        "cytosol": p.cytosol,
    }


def _tiers(p, receptor):
    """Return the equations of a cascade of first-order tiers with a given activation of the receptor."""

    def rates(_t, y):
        r, a, b, c = y
        return [
            receptor(c) - p.dR * r,
            p.kA * r - p.dA * a,
            p.kB * a - p.dB * b,
            p.kC / (1.0 + p.I / p.KI) * b - p.dC * c,
        ]

    return rates


def _rest(p, receptor, output):
    """Return the rest of every tier from that of the output, with the receptor's activation there."""
    r = receptor(output) / p.dR
    a = p.kA / p.dA * r
    return [r, a, p.kB / p.dB * a, output]


@review("kinase_cascade_hyperbolic")
def kinase_cascade_hyperbolic(p, _start):
    """From the card's equations (Heinrich, Neel and Rapoport 2002, with feedback by the end product)."""
    gains = _gains(p)

    def receptor(c):
        return p.kR / (1.0 + c / p.KF)

    def settled(x):
        return p.KF / 2.0 * (math.sqrt(1.0 + 4.0 * x / p.KF) - 1.0)

    rest = _rest(p, receptor, settled(gains["C_open"]))
    loop = rest[3] / (p.KF + rest[3])
    out = {
        **gains,
        **dict(zip(("R_ss", "A_ss", "B_ss", "C_ss"), rest, strict=True)),
        "loop_gain": loop,
        "sensitivity": 1.0 / (1.0 + loop),
    }
    y0 = _rest(p, receptor, settled(gains["G"]))
    return Rewritten(TIERS, y0, _tiers(p, receptor), lambda _t, _y: out, end=60.0)


@review("kinase_cascade_linear")
def kinase_cascade_linear(p, _start):
    """From the card's equations (Heinrich, Neel and Rapoport 2002, with linear feedback)."""
    gains = _gains(p)

    def receptor(c):
        return p.kR - p.kF * c

    loop = gains["C_open"] * p.kF / p.kR
    rest = p.kR / (p.dR * (1.0 + loop))
    out = {
        **gains,
        "C_ss": gains["C_open"] / (1.0 + loop),
        "R_ss": rest,
        "A_ss": gains["gain_A"] * rest,
        "B_ss": gains["gain_A"] * gains["gain_B"] * rest,
        "loop_gain": loop,
        "sensitivity": 1.0 / (1.0 + loop),
    }
    y0 = _rest(p, receptor, gains["G"] / (1.0 + gains["G"] * p.kF / p.kR))
    return Rewritten(TIERS, y0, _tiers(p, receptor), lambda _t, y: {**out, "drive": receptor(y[3])}, end=60.0)


@review("kinase_cascade_hill")
def kinase_cascade_hill(p, start):
    """From the card's equations (Tyson and Othmer 1978, four first-order steps)."""
    gains = _gains(p)

    def outputs(_t, y):
        loop = p.n * y[3] ** p.n / (p.KF**p.n + y[3] ** p.n)
        return {**gains, "loop_gain": loop, "sensitivity": 1.0 / (1.0 + loop)}

    rates = _tiers(p, lambda c: p.kR / (1.0 + (c / p.KF) ** p.n))
    return Rewritten(TIERS, [getattr(start, tier) for tier in TIERS], rates, outputs, end=40.0)


@review("kinase_cascade_conserved")
def kinase_cascade_conserved(p, start):
    """From the card's equations (Goldbeter and Koshland 1981; Heinrich, Neel and Rapoport 2002)."""

    def rates(_t, y):
        r, rs, a, acts, b, bs, c, cs = y
        v = [
            p.kR / (1.0 + (cs / p.KF) ** p.n) * r - p.dR * rs,
            p.kA * rs * a / (1.0 + a / p.KmA) - p.dA * acts / (1.0 + acts / p.JA),
            p.kB * acts * b / (1.0 + b / p.KmB) - p.dB * bs / (1.0 + bs / p.JB),
            p.kC / (1.0 + p.I / p.KI) * bs * c / (1.0 + c / p.KmC) - p.dC * cs / (1.0 + cs / p.JC),
        ]
        return [x for one in v for x in (-one, one)]

    def outputs(_t, y):
        shares = {f"fraction_{k}": y[2 * i + 1] / (y[2 * i] + y[2 * i + 1]) for i, k in enumerate("RABC")}
        return {**shares, "cytosol": p.cytosol}

    y0 = [p.Rtot, start.R_star, p.Atot, start.A_star, p.Btot, start.B_star, p.Ctot, start.C_star]
    return Rewritten(("R", "R_star", "A", "A_star", "B", "B_star", "C", "C_star"), y0, rates, outputs, end=40.0)


def _induction(p):
    """Return the occupancy and the induction of the phosphatase that the drug itself drives."""
    rho = p.D / (p.KD + p.D)
    return rho, p.sigma_sat * p.D / (p.K_ind + p.D) + p.sigma_prop * p.D + p.sigma_occ * rho


@review("induced_phosphatase_tolerance")
def induced_phosphatase_tolerance(p, start):
    """From the card's equations (adaptation as of Ferrell 2016)."""
    rho, by_drug = _induction(p)
    p0 = p.ksyn / p.kdeg
    largest = p.kin / (p.kp * p0)
    naive = largest * rho
    e_ss = 2.0 * naive / (1.0 + by_drug + math.sqrt((1.0 + by_drug) ** 2 + 4.0 * p.sigma_out * naive))
    p_ss = p0 * (1.0 + by_drug + p.sigma_out * e_ss)
    out = {
        "rho": rho,
        "P0": p0,
        "E_naive": naive,
        "E_ss": e_ss,
        "P_ss": p_ss,
        "remaining": p0 / p_ss,
        "Emax_naive": largest,
        "EC50_naive": p.KD,
        "cytosol": p.cytosol,
    }

    def rates(_t, y):
        e, phosphatase = y
        made = p.ksyn * (1.0 + by_drug + p.sigma_out * e)
        return [p.kin * rho - p.kp * phosphatase * e, made - p.kdeg * phosphatase]

    def outputs(_t, y):
        return {**out, "induction": by_drug + p.sigma_out * y[0]}

    return Rewritten(("E", "P"), [start.E, p0], rates, outputs, end=500.0)


@review("induced_phosphatase_pool")
def induced_phosphatase_pool(p, start):
    """From the card's equations (Goldbeter and Koshland 1981 for the pool, Ferrell 2016 for adaptation)."""
    rho, by_drug = _induction(p)
    p0, drive = p.ksyn / p.kdeg, p.kact * p.KD * rho
    back = p.kp * p0
    b_ss = drive + back * (1.0 + by_drug)
    ss = 2.0 * drive * p.Xtot / (b_ss + math.sqrt(b_ss**2 + 4.0 * back * p.sigma_out * drive * p.Xtot))
    out = {
        "rho": rho,
        "drive": drive,
        "P0": p0,
        "X_P_naive": p.Xtot * drive / (drive + back),
        "X_P_ss": ss,
        "P_ss": p0 * (1.0 + by_drug + p.sigma_out * ss),
        "Emax_naive": p.Xtot * p.kact * p.KD / (p.kact * p.KD + back),
        "EC50_naive": 1.0 / (1.0 / p.KD + p.kact / back),
        "cytosol": p.cytosol,
    }

    def rates(_t, y):
        x, xp, phosphatase = y
        net = drive * x - p.kp * phosphatase * xp
        made = p.ksyn * (1.0 + by_drug + p.sigma_out * xp)
        return [-net, net, made - p.kdeg * phosphatase]

    def outputs(_t, y):
        return {**out, "f_P": y[1] / (y[0] + y[1]), "induction": by_drug + p.sigma_out * y[1]}

    return Rewritten(("X", "X_P", "P"), [p.Xtot, start.X_P, p0], rates, outputs, end=500.0)
