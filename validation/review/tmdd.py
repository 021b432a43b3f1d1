"""Target-mediated drug disposition and soluble ligands, written anew from the cards."""

from __future__ import annotations

import math

from validation.reviewing import Rewritten, review


@review("antibody_ligand")
def antibody_ligand(p, start):
    """From the card's equations (Mager and Jusko 2001, Davda and Hansel 2010): one volume."""
    before = p.ksyn / p.kel

    def rates(_t, y):
        a, ligand, c = y
        net = p.kon * a * ligand - p.koff * c
        return [-p.kel_A * a - net, p.ksyn - p.kel * ligand - net, net - p.kcplx * c]

    def outputs(_t, y):
        a, ligand, c = y
        return {
            "A_total": a + c,
            "L_total": ligand + c,
            "L_pre": before,
            "total_ratio": (ligand + c) / before,
            "free_fold": ligand / before,
            "Kss": (p.koff + p.kcplx) / p.kon,
            "V": p.V,
            "amount(A)": a * p.V,
        }

    return Rewritten(states=("A", "L", "C"), start=[start.A, before, start.C], rates=rates, outputs=outputs, end=40.0)


@review("antibody_ligand_constant")
def antibody_ligand_constant(p, start):
    """From the card's equations (Davda and Hansel 2010): the free antibody is held."""
    before = p.ksyn / p.kel

    def rates(_t, y):
        net = p.kon * p.A * y[0] - p.koff * y[1]
        return [p.ksyn - p.kel * y[0] - net, net - p.kcplx * y[1]]

    def outputs(_t, y):
        return {
            "L_total": y[0] + y[1],
            "L_pre": before,
            "total_ratio": (y[0] + y[1]) / before,
            "total_ratio_max": p.kel / p.kcplx,
            "free_fold": y[0] / before,
            "Kss": (p.koff + p.kcplx) / p.kon,
            "site": p.site,
        }

    return Rewritten(states=("L", "C"), start=[before, start.C], rates=rates, outputs=outputs, end=40.0)


def _binding(p, start, koff):
    """Drug, target and complex in the central volume, without any other disposition."""

    def rates(_t, y):
        drug, free, bound = y
        net = p.kon * drug * free - koff * bound
        return [-net, p.ksyn - p.kdeg * free - net, net - p.kint * bound]

    def outputs(_t, y):
        return {"C_complex": y[2], "occupancy": y[2] / (y[1] + y[2]), "amount(central)": y[0] * p.V1}

    return Rewritten(
        states=("central", "R", "RC"),
        start=[start.central, p.ksyn / p.kdeg, start.RC],
        rates=rates,
        outputs=outputs,
        end=30.0,
    )


@review("tmdd_full")
def tmdd_full(p, start):
    """From the card's equations (Mager and Jusko 2001), alone: no elimination but by the target."""
    return _binding(p, start, p.koff)


@review("tmdd_irreversible")
def tmdd_irreversible(p, start):
    """From the card's equations (Mager and Jusko 2001 with koff = 0), alone."""
    return _binding(p, start, 0.0)


@review("tmdd_michaelis_menten")
def tmdd_michaelis_menten(p, start):
    """From the card's equation (Gibiansky et al. 2008), alone."""
    return Rewritten(
        states=("central",),
        start=[start.central],
        rates=lambda _t, y: [-p.Vmax * y[0] / (p.Km + y[0])],
        outputs=lambda _t, y: {
            "C": y[0],
            "CL_target": p.V1 * p.Vmax / (p.Km + y[0]),
            "amount(central)": y[0] * p.V1,
        },
        end=1.0,
    )


def _bound(total, target, k):
    """Return the complex: the smaller root of c^2 - (total + target + k) c + total target = 0."""
    b = total + target + k
    return 2.0 * total * target / (b + math.sqrt((total - target) ** 2 + k * (2.0 * (total + target) + k)))


def _totals(p, start, k):
    """Total drug and total target with the binding in balance at every moment."""

    def rates(_t, y):
        total, outside, target = y
        bound = _bound(total, target, k)
        free = total - bound
        crossing = p.Q * (free - outside)
        return [
            (-p.CL * free - crossing) / p.V1 - p.kint * bound,
            crossing / p.V2,
            p.ksyn - p.kdeg * (target - bound) - p.kint * bound,
        ]

    def outputs(_t, y):
        bound = _bound(y[0], y[2], k)
        # The free drug from C = k RC / R, which does not cancel where the target is in excess.
        free = k * bound / (y[2] - bound) if y[0] < y[2] else y[0] - bound
        return {
            "C": free,
            "R": y[2] * k / (k + free),
            "RC": y[2] * free / (k + free),
            "occupancy": free / (k + free),
            "V1": p.V1,
            "V2": p.V2,
            "amount(central)": y[0] * p.V1,
            "amount(peripheral)": y[1] * p.V2,
        }

    return Rewritten(
        states=("central", "peripheral", "Rtot"),
        start=[start.central, start.peripheral, p.ksyn / p.kdeg],
        rates=rates,
        outputs=outputs,
        end=30.0,
    )


@review("tmdd_quasi_equilibrium")
def tmdd_quasi_equilibrium(p, start):
    """From the card's balances (Mager and Krzyzanski 2005), the free drug as total less complex."""
    return _totals(p, start, p.Kd)


@review("tmdd_quasi_steady_state")
def tmdd_quasi_steady_state(p, start):
    """From the card's balances (Gibiansky et al. 2008), the free drug as total less complex."""
    return _totals(p, start, p.Kss)
