"""Imaging, written anew from the cards."""

from __future__ import annotations

from validation.reviewing import Rewritten, review


@review("pet_tracer")
def pet_tracer(p, _start):
    """From the card's equations (Innis et al. 2007, Cunningham et al. 2010): two ligands at one site."""
    free, apart = p.fp * p.Cp, p.Kd * (1.0 + p.D / p.Ki)
    specific, unspecific = p.Rtot * free / (apart + free), p.R_NSB * free
    per_free = 1.0 + p.R_NSB + p.Rtot / (apart + free)
    vt, vnd = p.fp * per_free, p.fp * (1.0 + p.R_NSB)
    baseline = p.fp * (1.0 + p.R_NSB + p.Rtot / (p.Kd + free))
    # One site: Rtot = R + RL + RD with RL = R free / Kd and RD = R D / Ki.
    blocked = p.D / p.Ki / (1.0 + free / p.Kd + p.D / p.Ki)
    out = {
        "C_free": free,
        "C_specific": specific,
        "C_nonspecific": unspecific,
        "C_total": free + specific + unspecific,
        "total_per_free": per_free,
        "V_T": vt,
        "V_T_baseline": baseline,
        "V_ND": vnd,
        "BP_ND": (vt - vnd) / vnd,
        "occupancy": blocked,
        "occupancy_scans": (baseline - vt) / (baseline - vnd),
    }
    return Rewritten(outputs=lambda _t, _y: out, end=1.0)
