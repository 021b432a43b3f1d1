"""Binding to a target, reversible, irreversible, bivalent and ternary, written anew from the cards."""

from __future__ import annotations

import math

from validation.reviewing import Rewritten, review


@review("rapid_equilibrium_binding")
def rapid_equilibrium_binding(p, _start):
    """From the card's equations (law of mass action, Hulme and Trevethick 2010)."""
    bound = p.D / (p.Kd + p.D)
    out = {"occupancy": bound, "free_fraction": p.Kd / (p.Kd + p.D)}
    out |= {"C": p.Ttot * bound, "T": p.Ttot * out["free_fraction"]}
    return Rewritten(outputs=lambda _t, _y: out, end=1.0)


@review("decaying_drug")
def decaying_drug(p, _start):
    """From the card's equation (Gibaldi and Perrier 1982): first-order loss."""
    return Rewritten(
        states=("drug",),
        start=[p.D0],
        rates=lambda _t, y: [-p.kel * y[0]],
        outputs=lambda _t, y: {"D": y[0], "site": p.site, "amount(drug)": y[0] * p.site},
        end=50.0,
    )


@review("reversible_binding")
def reversible_binding(p, _start):
    """From the card's equations (Motulsky and Mahan 1984, Copeland et al. 2006): drug in excess."""

    def rates(_t, y):
        net = p.kon * p.D * y[0] - p.koff * y[1]
        return [-net, net]

    def outputs(_t, y):
        return {
            "occupancy": y[1] / (y[0] + y[1]),
            "free_fraction": y[0] / (y[0] + y[1]),
            "occupancy_eq": p.D / (p.koff / p.kon + p.D),
            "Kd": p.koff / p.kon,
            "kobs": p.kon * p.D + p.koff,
            "tau": 1.0 / p.koff,
            "site": p.site,
        }

    start = [(1.0 - p.occupancy_0) * p.Ttot, p.occupancy_0 * p.Ttot]
    return Rewritten(states=("T", "C"), start=start, rates=rates, outputs=outputs, end=20.0)


@review("reversible_binding_depletion")
def reversible_binding_depletion(p, start):
    """From the card's equations (Morrison 1969): drug and target use each other up."""
    kd = p.koff / p.kon

    def rates(_t, y):
        net = p.kon * y[0] * y[1] - p.koff * y[2]
        return [-net, -net, net]

    def outputs(_t, y):
        drug, target = y[0] + y[2], y[1] + y[2]
        b = drug + target + kd
        below = b + math.sqrt((drug - target) ** 2 + kd * (2.0 * (drug + target) + kd))
        return {
            "occupancy": y[2] / target,
            "occupancy_eq": 2.0 * drug / below,
            "C_eq": 2.0 * drug * target / below,
            "occupancy_excess": drug / (kd + drug),
            "D_total": drug,
            "T_total": target,
            "Kd": kd,
            "site": p.site,
        }

    return Rewritten(states=("D", "T", "C"), start=[p.Dtot, p.Ttot, start.C], rates=rates, outputs=outputs, end=20.0)


@review("irreversible_binding")
def irreversible_binding(p, _start):
    """From the card's equations (Kitz and Wilson 1962 for the inactivation)."""
    kobs, full = p.kinact * p.D / (p.KI + p.D), p.ksyn / p.kdeg

    def rates(_t, y):
        return [p.ksyn - (p.kdeg + kobs) * y[0], kobs * y[0] - p.kint * y[1]]

    def outputs(_t, y):
        return {
            "T0": full,
            "activity": y[0] / full,
            "occupancy": y[1] / (y[0] + y[1]),
            "kobs": kobs,
            "site": p.site,
        }

    start = [(1.0 - p.inactivated_0) * full, p.inactivated_0 * full]
    return Rewritten(states=("T", "C"), start=start, rates=rates, outputs=outputs, end=150.0)


@review("residence_time")
def residence_time(p, _start):
    """From the card's equations (Copeland et al. 2006): washout from the steady state under D_before."""
    full, off = p.ksyn / p.kdeg, p.koff + p.kint
    on = p.kon * p.D_before
    # The steady state before the washout: 0 = on T - off C and 0 = ksyn - kdeg T - kint C.
    free0 = p.ksyn / (p.kdeg + p.kint * on / off)
    bound0 = on * free0 / off

    def rates(_t, y):
        net = p.kon * p.D * y[0] - p.koff * y[1]
        return [p.ksyn - p.kdeg * y[0] - net, net - p.kint * y[1]]

    def outputs(_t, y):
        return {
            "T0": full,
            "C0": bound0,
            "deficit": full - y[0],
            "free_fraction": y[0] / full,
            "occupancy": y[1] / (y[0] + y[1]),
            "kloss": off,
            "tau": 1.0 / p.koff,
            "Kd": p.koff / p.kon,
            "site": p.site,
        }

    return Rewritten(states=("T", "C"), start=[free0, bound0], rates=rates, outputs=outputs, end=60.0)


@review("receptor_tissue_turnover")
def receptor_tissue_turnover(p, start):
    """From the card's equations (Mager and Jusko 2001 for turnover and internalisation)."""

    def rates(_t, y):
        net = p.kon * p.C_tissue * y[0] - p.koff * y[1]
        return [p.ksyn - p.kdeg * y[0] - net, net - p.kint * y[1]]

    def outputs(_t, y):
        return {
            "R_total": y[0] + y[1],
            "R_baseline": p.ksyn / p.kdeg,
            "occupancy": y[1] / (y[0] + y[1]),
            "C_complex": y[1],
            "Kss": (p.koff + p.kint) / p.kon,
            "site": p.site,
        }

    return Rewritten(states=("R", "RC"), start=[p.ksyn / p.kdeg, start.RC], rates=rates, outputs=outputs, end=100.0)


@review("bivalent_binding")
def bivalent_binding(p, start):
    """From the card's equations (Perelson and DeLisi 1980): two equal arms."""

    def rates(_t, y):
        first = 2.0 * p.kon * p.A * y[0] - p.koff * y[1]
        second = p.kx * y[1] * y[0] - 2.0 * p.koff * y[2]
        return [-first - second, first - second, second]

    def outputs(_t, y):
        receptors = y[0] + y[1] + 2.0 * y[2]
        return {
            "occupancy": (y[1] + 2.0 * y[2]) / receptors,
            "crosslinked": 2.0 * y[2] / receptors,
            "antibody_bound": y[1] + y[2],
            "Kd": p.koff / p.kon,
            "Kx": p.kx / p.koff,
            "site": p.site,
        }

    return Rewritten(
        states=("R", "AR", "AR2"), start=[p.Rtot, start.AR, start.AR2], rates=rates, outputs=outputs, end=5.0
    )


@review("ternary_complex")
def ternary_complex(p, start):
    """From the card's equations (Douglass et al. 2013 for the cooperativity at equilibrium)."""

    def rates(_t, y):
        a, b, x, ax, xb, axb = y
        v1 = p.kon_A * a * x - p.koff_A * ax
        v2 = p.kon_B * b * x - p.koff_B * xb
        v3 = p.kon_B * ax * b - p.koff_B / p.alpha * axb
        v4 = p.kon_A * xb * a - p.koff_A / p.alpha * axb
        return [-v1 - v4, -v2 - v3, -v1 - v2, v1 - v3, v2 - v4, v3 + v4]

    def outputs(_t, y):
        a, b, x, ax, xb, axb = y
        return {
            "A_total": a + ax + axb,
            "B_total": b + xb + axb,
            "X_total": x + ax + xb + axb,
            "ternary_share_A": axb / (a + ax + axb),
            "ternary_share_B": axb / (b + xb + axb),
            "K_A": p.koff_A / p.kon_A,
            "K_B": p.koff_B / p.kon_B,
            "site": p.site,
        }

    return Rewritten(
        states=("A", "B", "X", "AX", "XB", "AXB"),
        start=[p.Atot, p.Btot, p.Xtot, start.AX, start.XB, start.AXB],
        rates=rates,
        outputs=outputs,
        end=5.0,
    )
