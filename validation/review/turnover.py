"""Turnover of a target or biomarker, written anew from the cards."""

from __future__ import annotations

from validation.reviewing import Rewritten, review


@review("target_turnover")
def target_turnover(p, _start):
    """From the card's equations (Mager and Jusko 2001 for the turnover of the target)."""
    return Rewritten(
        states=("R",),
        start=[p.ksyn / p.kdeg],
        rates=lambda _t, y: [p.ksyn - p.kdeg * y[0]],
        outputs=lambda _t, y: {"site": p.site, "amount(R)": y[0] * p.site},
        end=40.0,
    )


def _levels(p, level, drug_level):
    """Return what both turnover models tell about a level."""
    basal = p.ksyn / p.kdeg
    return {
        "B_ss": basal,
        "B_drug": drug_level,
        "reduction": 1.0 - level / basal,
        "reduction_limit": 1.0 - drug_level / basal,
        "site": p.site,
        "amount(B)": level * p.site,
    }


@review("turnover_synthesis_inhibition")
def turnover_synthesis_inhibition(p, _start):
    """From the card's equations (Dayneka et al. 1993, model I): two independent inhibitions of synthesis."""
    basal = p.ksyn / p.kdeg
    left = (1.0 - p.I) * (1.0 - p.Imax * p.Cp / (p.IC50 + p.Cp))
    return Rewritten(
        states=("B",),
        start=[basal],
        rates=lambda _t, y: [p.ksyn * left - p.kdeg * y[0]],
        outputs=lambda _t, y: _levels(p, y[0], basal * left),
        end=30.0,
    )


@review("turnover_degradation_enhancement")
def turnover_degradation_enhancement(p, _start):
    """From the card's equations (Dayneka et al. 1993, model IV): the increases of degradation add."""
    basal = p.ksyn / p.kdeg
    factor = 1.0 + p.alpha + p.Emax * p.Cp / (p.EC50 + p.Cp)
    return Rewritten(
        states=("B",),
        start=[basal],
        rates=lambda _t, y: [p.ksyn - p.kdeg * factor * y[0]],
        outputs=lambda _t, y: _levels(p, y[0], basal / factor),
        end=30.0,
    )
