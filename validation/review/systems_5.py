"""Systems that compare two ways to lower a target, or its recovery from two kinds of drug, written from their cards."""

from __future__ import annotations

import math

from validation.review.systems import hyperbola, prefixed
from validation.reviewing import Rewritten, review


def _times_to_recovery(p):
    half = math.log(2.0)
    reversible = math.log(p.D0 / p.Kd) / p.kel if p.Kd < p.D0 else 0.0
    return {
        "t_rev": reversible,
        "t_irrev": half / p.kdeg,
        "ratio": reversible * p.kdeg / half,
        "kel_even": p.kdeg * p.kel * reversible / half,
    }


@review("reversible_or_irreversible")
def reversible_or_irreversible(p, _start):
    """From the card's equations (Copeland et al. 2006; Hulme and Trevethick 2010)."""
    times, ksyn = _times_to_recovery(p), p.kdeg * p.T0

    def kobs(drug):
        return p.irreversible_kinact * hyperbola(drug, p.irreversible_KI)

    def rates(_t, y):
        lost = kobs(y[1]) * y[2]
        return [-p.kel * y[0], -p.kel_residual * y[1], ksyn - p.kdeg * y[2] - lost, lost - p.kdeg * y[3]]

    def outputs(_t, y):
        occupied = hyperbola(y[0], p.Kd)
        reversible = {
            "occupancy": occupied,
            "free_fraction": p.Kd / (p.Kd + y[0]),
            "T": p.T0 * p.Kd / (p.Kd + y[0]),
            "C": p.T0 * occupied,
        }
        irreversible = {
            "T0": p.T0,
            "activity": y[2] / p.T0,
            "occupancy": y[3] / (y[2] + y[3]),
            "kobs": kobs(y[1]),
            "site": p.irreversible_site,
        }
        drugs = {"drug.D": y[0], "drug.site": p.drug_site, "residual.D": y[1], "residual.site": p.residual_site}
        return {**times, **drugs, **prefixed("reversible", reversible), **prefixed("irreversible", irreversible)}

    return Rewritten(
        states=("drug.drug", "residual.drug", "irreversible.T", "irreversible.C"),
        start=[p.D0, p.D0_residual, (1.0 - p.inactivated_0) * p.T0, p.inactivated_0 * p.T0],
        rates=rates,
        outputs=outputs,
        end=80.0,
    )


@review("synthesis_or_degradation", valid=lambda p: p.synthesis_Imax < 1.0)
def synthesis_or_degradation(p, _start):
    """From the card's equations (Dayneka et al. 1993, models I and IV)."""
    before = p.ksyn / p.kdeg
    made = (1.0 - p.I) * (1.0 - p.synthesis_Imax * hyperbola(p.Cp_A, p.synthesis_IC50))
    lost = 1.0 + p.alpha + p.degradation_Emax * hyperbola(p.Cp_B, p.degradation_EC50)

    def part(level, limit, site):
        return {
            "B_ss": before,
            "B_drug": limit,
            "reduction": 1.0 - level / before,
            "reduction_limit": 1.0 - limit / before,
            "site": site,
        }

    def outputs(_t, y):
        return {
            "lead": (y[0] - y[1]) / before,
            **prefixed("synthesis", part(y[0], before * made, p.synthesis_site)),
            **prefixed("degradation", part(y[1], before / lost, p.degradation_site)),
        }

    return Rewritten(
        states=("synthesis.B", "degradation.B"),
        start=[before, before],
        rates=lambda _t, y: [p.ksyn * made - p.kdeg * y[0], p.ksyn - lost * p.kdeg * y[1]],
        outputs=outputs,
        end=15.0,
    )
