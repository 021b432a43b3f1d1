"""Interleukin-6 and what it does to enzymes, transporters, albumin, red cells and pH, written from the cards."""

from __future__ import annotations

import math

from validation.reviewing import Rewritten, review


def _hyperbola(conc, largest, half):
    """Return the saturable effect of a concentration."""
    return largest * conc / (half + conc)


def _inhibited(p, conc):
    """Return what is left of a production at a concentration of interleukin-6."""
    return 1.0 - _hyperbola(conc, p.Imax, p.IC50)


def _suppressed(p, state, before, end, outputs=lambda _level, _before: {}):
    """A level whose synthesis interleukin-6 suppresses, at its steady state at IL6_0 before the episode."""
    level_0 = p.ksyn / p.kdeg * _inhibited(p, p.IL6_0)
    return Rewritten(
        states=(state,),
        start=[level_0],
        rates=lambda _t, y: [p.ksyn * _inhibited(p, p.IL6) - p.kdeg * y[0]],
        outputs=lambda _t, y: {before: level_0, **outputs(y[0], level_0)},
        end=end,
    )


def _well_stirred(fu, clint, flow, bp):
    """Return the extraction ratio and the clearance from plasma of a well-stirred liver."""
    extraction = fu * clint / (flow * bp + fu * clint)
    return extraction, bp * flow * extraction


@review("acute_phase_il6")
def acute_phase_il6(p, start):
    """From the card's equations (Dayneka, Garg and Jusko 1993, model III, driven by a stimulus that fades)."""
    il6_0 = p.kin / p.kout

    def rates(_t, y):
        stimulus, il6 = y
        return [-p.kS * stimulus, p.kin * (1.0 + _hyperbola(stimulus, p.Smax, p.SC50)) - p.kout * il6]

    return Rewritten(
        states=("S", "IL6"),
        start=[start.S, il6_0],
        rates=rates,
        outputs=lambda _t, y: {"IL6_0": il6_0, "IL6_rel": y[1] / il6_0},
        end=150.0,
    )


@review("albumin_turnover")
def albumin_turnover(p, _start):
    """From the card's equations (Levitt and Levitt 2016 for turnover; Dayneka, Garg and Jusko 1993)."""

    def production(il6):
        return p.ksyn * _inhibited(p, il6)

    def loss(il6):
        return p.kdeg * (1.0 + _hyperbola(il6, p.Emax, p.EC50))

    albumin_0 = production(p.IL6_0) / loss(p.IL6_0)
    return Rewritten(
        states=("A",),
        start=[albumin_0],
        rates=lambda _t, y: [production(p.IL6) - loss(p.IL6) * y[0]],
        outputs=lambda _t, y: {"A0": albumin_0, "A_rel": y[0] / albumin_0},
        end=3000.0,
    )


@review("cyp_turnover")
def cyp_turnover(p, _start):
    """From the card's equations (Machavaram et al. 2013; Pang and Rowland 1977 for the liver)."""

    def outputs(level, level_0):
        clint = p.CLint0 * level / level_0
        extraction, clearance = _well_stirred(p.fu, clint, p.Q, p.BP)
        return {
            "E_rel": level / level_0,
            "CLint": clint,
            "E_h": extraction,
            "CL_h": clearance,
            "F_h": 1.0 - extraction,
        }

    return _suppressed(p, "E", "E0", 250.0, outputs)


@review("pgp_expression")
def pgp_expression(p, _start):
    """From the card's equations (Dayneka, Garg and Jusko 1993, model I)."""

    def outputs(level, level_0):
        return {"E_rel": level / level_0, "kef_E": p.kef * level / level_0}

    return _suppressed(p, "E", "E0", 200.0, outputs)


@review("red_cell_turnover")
def red_cell_turnover(p, _start):
    """From the card's equations (Dayneka, Garg and Jusko 1993, model I)."""
    return _suppressed(p, "Hct", "Hct0", 12000.0)


@review("tissue_acidosis")
def tissue_acidosis(p, _start):
    """From the card's equations (an empirical delayed response to interleukin-6)."""

    def level(il6):
        return p.pH_n - _hyperbola(il6, p.dpH, p.EC50)

    before = level(p.IL6_0)
    return Rewritten(
        states=("pH",),
        start=[before],
        rates=lambda _t, y: [p.kpH * (level(p.IL6) - y[0])],
        outputs=lambda _t, _y: {"pH_0": before},
        end=50.0,
    )


@review("albumin_binding")
def albumin_binding(p, _start):
    """From the card's equations (McNamara and Alcorn 2002)."""
    fu = 1.0 / (1.0 + (1.0 / p.fu0 - 1.0) * p.A / p.A0)
    return Rewritten(outputs=lambda _t, _y: {"fu": fu, "Kp": p.Kp0 * fu / p.fu0, "CL_GF": fu * p.GFR}, end=1.0)


@review("changing_volume")
def changing_volume(p, start):
    """From the card's equations (Oie and Tozer 1979 without the extravascular protein)."""
    volume = p.V_p + p.V_tw * p.fu / p.fu_t
    clearance = p.CL + p.fu * p.GFR
    return Rewritten(
        states=("drug",),
        start=[start.drug],
        rates=lambda _t, y: [-clearance * y[0] / volume],
        outputs=lambda _t, y: {"C": y[0] / volume, "V": volume, "Cu": p.fu * y[0] / volume, "CL_total": clearance},
        end=30.0,
    )


@review("driven_clearance")
def driven_clearance(p, start):
    """From the card's equations (Lavielle 2014 for the random effect)."""
    clearance = p.theta * p.E * math.exp(p.eta)
    return Rewritten(
        states=("central",),
        start=[start.central],
        rates=lambda _t, y: [-clearance * y[0] / p.V],
        outputs=lambda _t, y: {"C": y[0], "V": p.V, "CL": clearance, "amount(central)": y[0] * p.V},
        end=30.0,
    )


@review("haematocrit")
def haematocrit(p, _start):
    """From the card's equations (Hinderling 1997; Pang and Rowland 1977 for the liver)."""
    ratio = p.fu * p.Kbcu
    bp = 1.0 + p.Hct * (ratio - 1.0)
    unbound = p.fu / bp
    extraction = unbound * p.CLint / (p.Q + unbound * p.CLint)
    out = {
        "Ke": ratio,
        "BP": bp,
        "CL_blood": p.CL / bp,
        "fu_b": unbound,
        "E_h": extraction,
        "CL_h_blood": p.Q * extraction,
        "CL_h": bp * p.Q * extraction,
        "F_h": 1.0 - extraction,
    }
    return Rewritten(outputs=lambda _t, _y: out, end=1.0)
