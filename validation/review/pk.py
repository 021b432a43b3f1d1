"""Disposition, absorption, effect compartments and drug interactions, written anew from their cards."""

from __future__ import annotations

import math

from validation.reviewing import Rewritten, review


@review("one_compartment")
def one_compartment(p, start):
    """From the card's equations (Gibaldi and Perrier 1982): linear clearance from one volume."""
    return Rewritten(
        states=("central",),
        start=[start.central],
        rates=lambda _t, y: [-p.CL * y[0] / p.V],
        outputs=lambda _t, y: {"C": y[0], "V": p.V, "amount(central)": y[0] * p.V},
        end=50.0,
    )


@review("one_compartment_rates")
def one_compartment_rates(p, start):
    """From the card's equations (Gibaldi and Perrier 1982): rate constant and volume."""
    return Rewritten(
        states=("central",),
        start=[start.central],
        rates=lambda _t, y: [-p.k10 * y[0]],
        outputs=lambda _t, y: {
            "C": y[0],
            "CL": p.k10 * p.V,
            "t_half": math.log(2.0) / p.k10,
            "amount(central)": y[0] * p.V,
        },
        end=50.0,
    )


@review("one_compartment_mm")
def one_compartment_mm(p, start):
    """From the card's equations (Wagner 1973): an amount per time that saturates in the concentration."""

    def rate(c):
        return p.Vmax * c / (p.Km + c)

    return Rewritten(
        states=("central",),
        start=[start.central],
        rates=lambda _t, y: [-rate(y[0]) / p.V],
        outputs=lambda _t, y: {"C": y[0], "V": p.V, "CL_app": p.Vmax / (p.Km + y[0]), "rate": rate(y[0])},
        end=50.0,
    )


@review("parallel_elimination")
def parallel_elimination(p, start):
    """From the card's equations (Wagner 1973 for the saturable route): two routes out of one volume."""

    def clearance(c):
        return p.CL + p.Vmax / (p.Km + c)

    return Rewritten(
        states=("central",),
        start=[start.central],
        rates=lambda _t, y: [-clearance(y[0]) * y[0] / p.V],
        outputs=lambda _t, y: {"C": y[0], "V": p.V, "CL_app": clearance(y[0])},
        end=50.0,
    )


@review("michaelis_menten_elimination")
def michaelis_menten_elimination(p, start):
    """From the card's equations (Wagner 1973): the module alone, which empties central by the saturable route."""

    def rate(c):
        return p.Vmax * c / (p.Km + c)

    return Rewritten(
        states=("central",),
        start=[start.central],
        rates=lambda _t, y: [-rate(y[0]) / p.V],
        outputs=lambda _t, y: {"CL_mm": p.Vmax / (p.Km + y[0]), "rate": rate(y[0])},
        end=50.0,
    )


def _two_compartments(p, start, end, with_c2):
    """Two volumes, linear clearance from the first and passive exchange, in concentrations."""

    def rates(_t, y):
        c, c2 = y
        return [(-(p.CL + p.Q) * c + p.Q * c2) / p.V1, p.Q * (c - c2) / p.V2]

    def outputs(_t, y):
        out = {"C": y[0], "V1": p.V1, "V2": p.V2, "amount(central)": y[0] * p.V1, "amount(peripheral)": y[1] * p.V2}
        return out | ({"C2": y[1]} if with_c2 else {})

    return Rewritten(("central", "peripheral"), [start.central, start.peripheral], rates, outputs, end)


@review("two_compartment")
def two_compartment(p, start):
    """From the card's equations (Gibaldi and Perrier 1982), in days; C2 is no port there."""
    return _two_compartments(p, start, end=100.0, with_c2=False)


@review("two_compartment_small_molecule")
def two_compartment_small_molecule(p, start):
    """From the card's equations (Gibaldi and Perrier 1982), in hours."""
    return _two_compartments(p, start, end=60.0, with_c2=True)


@review("three_compartment")
def three_compartment(p, start):
    """From the card's equations (Gibaldi and Perrier 1982): a mammillary model of three volumes."""

    def rates(_t, y):
        c, c2, c3 = y
        central = -(p.CL + p.Q2 + p.Q3) * c + p.Q2 * c2 + p.Q3 * c3
        return [central / p.V1, p.Q2 * (c - c2) / p.V2, p.Q3 * (c - c3) / p.V3]

    return Rewritten(
        states=("central", "shallow", "deep"),
        start=[start.central, start.shallow, start.deep],
        rates=rates,
        outputs=lambda _t, y: {"C": y[0], "C2": y[1], "C3": y[2], "V1": p.V1, "V2": p.V2, "V3": p.V3},
        end=100.0,
    )


@review("constant_infusion")
def constant_infusion(p, start):
    """From the card's equations (Gibaldi and Perrier 1982): the module alone collects the drug."""
    return Rewritten(
        states=("central",),
        start=[start.central],
        rates=lambda _t, _y: [p.R0 / p.V],
        outputs=lambda _t, y: {"amount(central)": y[0] * p.V},
        end=24.0,
    )


@review("first_order_absorption")
def first_order_absorption(p, start):
    """From the card's equations (Gibaldi and Perrier 1982): an amount in the depot, a concentration in central."""
    return Rewritten(
        states=("depot", "central"),
        start=[start.depot, start.central],
        rates=lambda _t, y: [-p.ka * y[0], p.ka * y[0] / p.V],
        outputs=lambda _t, y: {"amount(depot)": y[0]},
        end=10.0,
    )


@review("transit_absorption")
def transit_absorption(p, start):
    """From the card's equations (Savic et al. 2007, four transit compartments): amounts up to the gut."""
    chain = ("depot", "transit1", "transit2", "transit3", "transit4", "gut")
    ktr = 5.0 / p.MTT

    def rates(_t, y):
        depot, t1, t2, t3, t4, gut, _c = y
        steps = [-ktr * depot, ktr * (depot - t1), ktr * (t1 - t2), ktr * (t2 - t3), ktr * (t3 - t4)]
        return [*steps, ktr * t4 - p.ka * gut, p.ka * gut / p.V]

    return Rewritten(
        states=(*chain, "central"),
        start=[getattr(start, name) for name in (*chain, "central")],
        rates=rates,
        outputs=lambda _t, y: {"ktr": ktr, "arrival_rate": ktr * y[4]},
        end=12.0,
    )


@review("zero_order_absorption")
def zero_order_absorption(p, start):
    """From the card's equations (Gibaldi and Perrier 1982): integrated by hand, so that no solver sees the steps."""

    def outputs(t, _y):
        inside = p.Tlag <= t < p.Tlag + p.Tk0
        absorbed = p.Dose * min(max(t - p.Tlag, 0.0), p.Tk0) / p.Tk0
        return {
            "input_rate": p.Dose / p.Tk0 if inside else 0.0,
            "depot": p.Dose - absorbed,
            "central": start.central + absorbed / p.V,
        }

    return Rewritten(outputs=outputs, end=10.0)


@review("effect_compartment")
def effect_compartment(p, start):
    """From the card's equations (Sheiner et al. 1979): first-order delay of a concentration."""
    return Rewritten(("Ce",), [start.Ce], lambda _t, y: [p.ke0 * (p.Cp - y[0])], end=12.0)


@review("two_effect_compartments")
def two_effect_compartments(p, start):
    """From the card's equations (Sheiner et al. 1979, twice): two first-order delays in series."""

    def rates(_t, y):
        return [p.ke1 * (p.Cp - y[0]), p.ke2 * (y[0] - y[1])]

    return Rewritten(("Ce1", "Ce"), [start.Ce1, start.Ce], rates, end=12.0)


@review("enzyme_induction")
def enzyme_induction(p, _start):
    """From the card's equations (Fahmi et al. 2008, factor B): turnover with a larger synthesis."""
    fold = 1.0 + p.d * p.Emax * p.Ind / (p.EC50 + p.Ind)
    return Rewritten(
        states=("E",),
        start=[p.E0],
        rates=lambda _t, y: [p.kdeg * (p.E0 * fold - y[0])],
        outputs=lambda _t, y: {"E_ratio": y[0] / p.E0, "synthesis_fold": fold},
        end=240.0,
    )


@review("mechanism_based_inhibition")
def mechanism_based_inhibition(p, _start):
    """From the card's equations (Fahmi et al. 2008, factor A): turnover with inactivation."""
    inactivation = p.kinact * p.I / (p.KI + p.I)
    return Rewritten(
        states=("E",),
        start=[p.E0],
        rates=lambda _t, y: [p.kdeg * (p.E0 - y[0]) - inactivation * y[0]],
        outputs=lambda _t, y: {"E_ratio": y[0] / p.E0, "kobs": inactivation, "k_approach": p.kdeg + inactivation},
        end=240.0,
    )


@review("dynamic_interaction")
def dynamic_interaction(p, _start):
    """From the card's equations (Fahmi et al. 2008, as a turnover model): inhibition, inactivation and induction."""
    synthesis = p.kdeg * p.E0 * (1.0 + p.d * p.Emax * p.Ind / (p.EC50 + p.Ind))
    loss = p.kdeg + p.kinact * p.I / (p.KI + p.I)

    def outputs(_t, y):
        level = y[0] / p.E0
        ratio = p.fm * level / (1.0 + p.I / p.Ki) + (1.0 - p.fm)
        return {"E_ratio": level, "CL_ratio": ratio, "CL": p.CL0 * ratio}

    return Rewritten(("E",), [p.E0], lambda _t, y: [synthesis - loss * y[0]], outputs, end=240.0)


@review("clearance_inhibition")
def clearance_inhibition(p, _start):
    """From the card's equations (Rowland and Matin 1973): one of two routes is inhibited."""
    ratio = p.fm / (1.0 + p.I / p.Ki) + (1.0 - p.fm)
    return Rewritten(outputs=lambda _t, _y: {"CL_ratio": ratio, "CL": p.CL0 * ratio, "AUCR": 1.0 / ratio}, end=1.0)


@review("interaction_net_effect")
def interaction_net_effect(p, _start):
    """From the card's equations (Fahmi et al. 2008): net effect in gut and liver."""

    def factors(conc, kdeg):
        inactivation = kdeg / (kdeg + p.kinact * conc / (p.KI + conc))
        induction = 1.0 + p.d * p.Emax * conc / (p.EC50 + conc)
        return inactivation, induction, 1.0 / (1.0 + conc / p.Ki)

    gut, liver = factors(p.I_g, p.kdeg_g), factors(p.I_h, p.kdeg_h)
    in_gut = 1.0 / (math.prod(gut) * (1.0 - p.Fg) + p.Fg)
    in_liver = 1.0 / (math.prod(liver) * p.fm + (1.0 - p.fm))
    out = {"AUCR": in_gut * in_liver, "AUCR_gut": in_gut, "AUCR_liver": in_liver}
    out |= dict(zip(("A_g", "B_g", "C_g", "A_h", "B_h", "C_h"), (*gut, *liver), strict=True))
    return Rewritten(outputs=lambda _t, _y: out, end=1.0)


@review("allometric_scaling")
def allometric_scaling(p, _start):
    """From the card's equations (Boxenbaum 1982; Anderson and Holford 2008): power laws of body weight."""
    relative = p.W_human / p.W_animal
    cl, v = p.CL_animal * relative**p.b_CL, p.V_animal * relative**p.b_V
    dose = p.D_animal * cl / p.CL_animal
    out = {"CL_human": cl, "V_human": v, "t_half_human": math.log(2.0) * v / cl, "D_human": dose}
    out["HED"] = dose / p.W_human
    return Rewritten(outputs=lambda _t, _y: out, end=1.0)
