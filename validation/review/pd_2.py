"""Combinations of two drugs and progression of disease, written anew from their cards."""

from __future__ import annotations

import math

from validation.reviewing import Rewritten, review


def _hill(conc, largest, half, steep):
    """Return the effect of one drug alone."""
    return largest * conc**steep / (half**steep + conc**steep)


def _alone(effect, largest, half, steep):
    """Return the concentration of one drug alone for an effect above none: without end where it never gives it."""
    if effect >= largest:
        return math.inf
    return half * (effect / (largest - effect)) ** (1.0 / steep)


@review("bliss_combination")
def bliss_combination(p, _start):
    """From the card's equations (Bliss 1939, with the library's interaction term)."""
    a, b = _hill(p.CA, p.EmaxA, p.EC50A, p.hillA), _hill(p.CB, p.EmaxB, p.EC50B, p.hillB)
    independent = 1.0 - (1.0 - a) * (1.0 - b)
    both = independent + p.psi * a * b * (1.0 - a) * (1.0 - b)
    out = {"E": both, "EA": a, "EB": b, "E_independent": independent, "synergy": p.observed - independent}
    return Rewritten(outputs=lambda _t, _y: out, end=1.0)


@review("loewe_combination")
def loewe_combination(p, _start):
    """From the card's equations (Greco et al. 1995; Chou and Talalay 1984 for the combination index)."""
    both = _hill(p.CA / p.EC50A + p.CB / p.EC50B, p.Emax, 1.0, p.hill)
    index = p.CA / _alone(p.observed, p.Emax, p.EC50A, p.hill) + p.CB / _alone(p.observed, p.Emax, p.EC50B, p.hill)
    out = {"E": both, "synergy": p.observed - both, "combination_index": index}
    out["reachable"] = float(p.observed < p.Emax)
    out |= {"EA": _hill(p.CA, p.Emax, p.EC50A, p.hill), "EB": _hill(p.CB, p.Emax, p.EC50B, p.hill)}
    return Rewritten(outputs=lambda _t, _y: out, end=1.0)


@review("loewe_isobole")
def loewe_isobole(p, _start):
    """From the card's equations (Greco et al. 1995; Chou and Talalay 1984 for the combination index)."""
    da, db = _alone(p.E, p.EmaxA, p.EC50A, p.hillA), _alone(p.E, p.EmaxB, p.EC50B, p.hillB)
    both = max(p.E / p.EmaxA, p.E / p.EmaxB) < 1.0
    out = {name: d if math.isfinite(d) else -1.0 for name, d in (("DA", da), ("DB", db))}
    out |= {"combination_index": p.CA / da + p.CB / db, "reachable": float(both)}
    out["CB_needed"] = db * (1.0 - p.CA / da) if both else -1.0
    return Rewritten(outputs=lambda _t, _y: out, end=1.0)


@review("competitive_two_drugs")
def competitive_two_drugs(p, _start):
    """From the card's equations (Arunlakshana and Schild 1959 for the dose ratio)."""
    a, b = p.CA / p.KA, p.CB / p.KB
    on_a, on_b = a / (1.0 + a + b), b / (1.0 + a + b)
    effect = p.E0 + p.EmaxA * on_a + p.EmaxB * on_b
    out = {"E": effect, "occupancy_A": on_a, "occupancy_B": on_b, "dose_ratio": 1.0 + b}
    return Rewritten(outputs=lambda _t, _y: out, end=1.0)


@review("disease_progression_symptomatic")
def disease_progression_symptomatic(p, _start):
    """From the card's equations (Chan and Holford 2001): an offset."""
    effect = p.Emax * p.Cp / (p.EC50 + p.Cp)
    return Rewritten(
        states=("natural",),
        start=[p.S0],
        rates=lambda _t, _y: [p.alpha],
        outputs=lambda _t, y: {"S": y[0] - effect, "effect": effect, "benefit": effect},
        end=8766.0,
    )


@review("disease_progression_modifying")
def disease_progression_modifying(p, _start):
    """From the card's equations (Chan and Holford 2001): a change of slope."""
    effect = p.Emax * p.Cp / (p.EC50 + p.Cp)
    return Rewritten(
        states=("natural", "S"),
        start=[p.S0, p.S0],
        rates=lambda _t, _y: [p.alpha, p.alpha * (1.0 - effect)],
        outputs=lambda _t, y: {"effect": effect, "benefit": y[0] - y[1]},
        end=8766.0,
    )
