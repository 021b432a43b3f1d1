"""Blood, perfusion-limited and permeability-limited organs of whole-body models, written from their cards."""

from __future__ import annotations

import math

from validation.reviewing import Rewritten, review


@review("arterial_blood")
def arterial_blood(p, start):
    """From the card's equations (Jones and Rowland-Yeo 2013), with no organ joined."""
    return Rewritten(
        states=("arterial",),
        start=[start.arterial],
        rates=lambda _t, _y: [0.0],
        outputs=lambda _t, y: {
            "V_art": p.V_art,
            "C_blood": y[0],
            "C_plasma": y[0] / p.BP,
            "amount(arterial)": y[0] * p.V_art,
        },
        end=5.0,
    )


@review("venous_blood")
def venous_blood(p, start):
    """From the card's equations (Jones and Rowland-Yeo 2013), with no organ joined."""
    return Rewritten(
        states=("venous",),
        start=[start.venous],
        rates=lambda _t, _y: [p.R_in / p.V_ven],
        outputs=lambda _t, y: {
            "V_ven": p.V_ven,
            "C_blood": y[0],
            "C_plasma": y[0] / p.BP,
            "amount(venous)": y[0] * p.V_ven,
        },
        end=5.0,
    )


@review("blood_pool")
def blood_pool(p, start):
    """From the card's equations (Jones and Rowland-Yeo 2013), with no organ joined."""
    bp = 1.0 + p.Hct * (p.Ke - 1.0)
    return Rewritten(
        states=("blood",),
        start=[start.blood],
        rates=lambda _t, _y: [p.R_in / p.V_blood],
        outputs=lambda _t, y: {
            "V_blood": p.V_blood,
            "BP": bp,
            "C_blood": y[0],
            "C_plasma": y[0] / bp,
            "V_plasma": p.V_blood * (1.0 - p.Hct),
            "V_distribution": p.V_blood * bp,
            "amount(blood)": y[0] * p.V_blood,
        },
        end=5.0,
    )


@review("arterial_input")
def arterial_input(p, _start):
    """From the card's equation (Jones and Rowland-Yeo 2013)."""
    return Rewritten(states=("Cart",), start=[p.Cart0], rates=lambda _t, y: [-p.k_art * y[0]], end=30.0)


def _organ_constants(p):
    """Return what the card of a perfusion-limited organ computes from its constants."""
    eliminated = p.CLint * p.Kp
    extraction = eliminated / (p.Q * p.BP + eliminated)
    return {
        "V": p.V,
        "E": extraction,
        "CL_organ": p.Q * extraction,
        "Kp_ss": p.Kp / p.BP * (1.0 - extraction),
        "CLint_plasma": eliminated,
        "t_half": math.log(2.0) * p.V * p.Kp / (p.Q * p.BP),
        "t_half_total": math.log(2.0) * p.V / (p.Q * p.BP / p.Kp + p.CLint),
    }


@review("perfusion_organ")
def perfusion_organ(p, start):
    """From the card's equations (Jones and Rowland-Yeo 2013; Rowland, Benet and Graham 1973)."""
    constants = _organ_constants(p)

    def outputs(_t, y):
        leaving = y[0] * p.BP / p.Kp
        return {
            **constants,
            "C": y[0],
            "Cven": leaving,
            "elimination_rate": p.CLint * y[0],
            "uptake_rate": p.Q * (p.Cart - leaving),
            "amount(tissue)": y[0] * p.V,
        }

    return Rewritten(
        states=("tissue",),
        start=[start.tissue],
        rates=lambda _t, y: [(p.Q * (p.Cart - y[0] * p.BP / p.Kp) - p.CLint * y[0]) / p.V],
        outputs=outputs,
        end=0.3,
    )


def _between(p, names, volumes, start, leaving, end):
    """A perfusion-limited organ that takes from one pool and gives to another."""
    constants = _organ_constants(p)

    def rates(_t, y):
        tissue, source, _sink = y
        given = p.Q * tissue * p.BP / p.Kp
        return [
            (p.Q * source - given - p.CLint * tissue) / p.V,
            -p.Q * source / volumes[0],
            given / volumes[1],
        ]

    def outputs(_t, y):
        return {**constants, "C": y[0], leaving: y[0] * p.BP / p.Kp, "elimination_rate": p.CLint * y[0]}

    return Rewritten(states=("tissue", *names), start=start, rates=rates, outputs=outputs, end=end)


@review("circulation_organ")
def circulation_organ(p, start):
    """From the card's equations (Jones and Rowland-Yeo 2013; Rowland, Benet and Graham 1973)."""
    begin = [start.tissue, start.arterial, start.venous]
    return _between(p, ("arterial", "venous"), (p.V_art, p.V_ven), begin, "Cven", 0.3)


@review("portal_organ")
def portal_organ(p, start):
    """From the card's equations (Jones and Rowland-Yeo 2013; Rowland, Benet and Graham 1973)."""
    begin = [start.tissue, start.arterial, start.portal]
    return _between(p, ("arterial", "portal"), (p.V_art, p.V_liver), begin, "Cven", 0.1)


@review("lung")
def lung(p, start):
    """From the card's equations (Jones and Rowland-Yeo 2013; Rowland, Benet and Graham 1973)."""
    begin = [start.tissue, start.venous, start.arterial]
    return _between(p, ("venous", "arterial"), (p.V_ven, p.V_art), begin, "Cart", 0.01)


def _membrane_constants(p):
    """Return what the card of a permeability-limited organ computes from its constants."""
    passed = p.PS * p.CLint * p.Kp / (p.PS * p.BP + p.CLint * p.Kp)
    extraction = passed / (p.Q + passed)
    volume = p.Vv + p.Ve
    return {
        "Vv": p.Vv,
        "Ve": p.Ve,
        "CL_p": passed,
        "E": extraction,
        "CL_organ": p.Q * extraction,
        "Kp_ss": (1.0 - extraction) * (p.Vv + p.Ve * p.PS / (p.PS * p.BP / p.Kp + p.CLint)) / volume,
        "Kp_total": (p.Vv * p.BP + p.Ve * p.Kp) / volume,
    }


def _membrane_rates(p, entering, vascular, tissue):
    """Return the changes of both spaces of a permeability-limited organ."""
    passing = p.PS * (vascular - tissue * p.BP / p.Kp)
    return [(p.Q * (entering - vascular) - passing) / p.Vv, (passing - p.CLint * tissue) / p.Ve]


def _membrane_outputs(p, constants, vascular, tissue):
    """Return the outputs of a permeability-limited organ."""
    return {
        **constants,
        "Cven": vascular,
        "Ce": tissue,
        "C": (vascular * p.Vv + tissue * p.Ve) / (p.Vv + p.Ve),
        "elimination_rate": p.CLint * tissue,
    }


@review("permeability_organ")
def permeability_organ(p, start):
    """From the card's equations (Jones and Rowland-Yeo 2013)."""
    constants = _membrane_constants(p)
    return Rewritten(
        states=("vascular", "tissue"),
        start=[start.vascular, start.tissue],
        rates=lambda _t, y: _membrane_rates(p, p.Cart, y[0], y[1]),
        outputs=lambda _t, y: _membrane_outputs(p, constants, y[0], y[1]),
        end=10.0,
    )


@review("circulation_permeability_organ")
def circulation_permeability_organ(p, start):
    """From the card's equations (Jones and Rowland-Yeo 2013)."""
    constants = _membrane_constants(p)

    def rates(_t, y):
        vascular, tissue, arterial, _venous = y
        return [
            *_membrane_rates(p, arterial, vascular, tissue),
            -p.Q * arterial / p.V_art,
            p.Q * vascular / p.V_ven,
        ]

    return Rewritten(
        states=("vascular", "tissue", "arterial", "venous"),
        start=[start.vascular, start.tissue, start.arterial, start.venous],
        rates=rates,
        outputs=lambda _t, y: _membrane_outputs(p, constants, y[0], y[1]),
        end=0.3,
    )


@review("binding_organ")
def binding_organ(p, start):
    """From the card's equations (Rodgers and Rowland 2006; Jones and Rowland-Yeo 2013)."""

    def unbound(total):
        b = p.Kns * p.Kd + p.Bmax - total
        return b, 2.0 * total * p.Kd / (b + math.sqrt(b * b + 4.0 * p.Kns * p.Kd * total))

    def outputs(_t, y):
        b, free = unbound(y[0])
        return {
            "V": p.V,
            "C": y[0],
            "b": b,
            "Cu": free,
            "Cven": p.BP * free / p.fu,
            "RO": free / (p.Kd + free),
            "Kp": p.fu * (p.Kns + p.Bmax / (p.Kd + free)),
        }

    return Rewritten(
        states=("tissue",),
        start=[start.tissue],
        rates=lambda _t, y: [p.Q * (p.Cart - p.BP * unbound(y[0])[1] / p.fu) / p.V],
        outputs=outputs,
        end=5.0,
    )


@review("tissue_binding_partition")
def tissue_binding_partition(p, _start):
    """From the card's equations (Rodgers and Rowland 2006)."""
    free = p.fu * p.Cp
    out = {
        "Cu": free,
        "RO": free / (p.Kd + free),
        "C": p.Kns * free + p.Bmax * free / (p.Kd + free),
        "Kp": p.fu * (p.Kns + p.Bmax / (p.Kd + free)),
        "Kp_0": p.fu * (p.Kns + p.Bmax / p.Kd),
        "Kp_inf": p.fu * p.Kns,
    }
    return Rewritten(outputs=lambda _t, _y: out, end=1.0)
