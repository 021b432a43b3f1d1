"""Liver, kidney, gut, brain and the minimal model of an antibody, written from their cards."""

from __future__ import annotations

import math

from validation.reviewing import Rewritten, review


def _stirred(p, flow):
    """Return the extraction and the clearances of a well-stirred liver."""
    extraction = p.fu * p.CLint / (flow * p.BP + p.fu * p.CLint)
    return {
        "V": p.V,
        "E": extraction,
        "F_h": 1.0 - extraction,
        "CL_h": flow * extraction,
        "CL_h_plasma": p.BP * flow * extraction,
    }


@review("liver_well_stirred")
def liver_well_stirred(p, start):
    """From the card's equations (Pang and Rowland 1977)."""
    constants = _stirred(p, p.Q)
    constants["t_half"] = math.log(2.0) * p.V * p.Kp / (p.Q * p.BP + p.fu * p.CLint)

    def outputs(_t, y):
        return {
            **constants,
            "C": y[0],
            "Cven": y[0] * p.BP / p.Kp,
            "elimination_rate": p.fu * p.CLint * y[0] / p.Kp,
            "amount(tissue)": y[0] * p.V,
        }

    return Rewritten(
        states=("tissue",),
        start=[start.tissue],
        rates=lambda _t, y: [(p.Q * p.Cart - p.Q * y[0] * p.BP / p.Kp - p.fu * p.CLint * y[0] / p.Kp) / p.V],
        outputs=outputs,
        end=0.3,
    )


@review("circulation_liver")
def circulation_liver(p, start):
    """From the card's equations (Pang and Rowland 1977), with no portal organ joined."""
    flow = p.Q_ha + p.Q_pv
    constants = _stirred(p, flow)
    constants["Q"] = flow
    constants["Kp_ss"] = p.Kp / p.BP * (1.0 - constants["E"])

    def rates(_t, y):
        tissue, arterial, _venous = y
        given = flow * tissue * p.BP / p.Kp
        return [
            (p.Q_ha * arterial - given - p.fu * p.CLint * tissue / p.Kp) / p.V,
            -p.Q_ha * arterial / p.V_art,
            given / p.V_ven,
        ]

    def outputs(_t, y):
        return {
            **constants,
            "C": y[0],
            "Cven": y[0] * p.BP / p.Kp,
            "elimination_rate": p.fu * p.CLint * y[0] / p.Kp,
        }

    return Rewritten(
        states=("tissue", "arterial", "venous"),
        start=[start.tissue, start.arterial, start.venous],
        rates=rates,
        outputs=outputs,
        end=0.2,
    )


@review("liver_parallel_tube")
def liver_parallel_tube(p, _start):
    """From the card's equations (Pang and Rowland 1977)."""
    number = p.fu * p.CLint / (p.Q * p.BP)
    extraction = 1.0 - math.exp(-number)
    out = {
        "RN": number,
        "F_h": math.exp(-number),
        "E": extraction,
        "CL_h": p.Q * extraction,
        "CL_h_plasma": p.BP * p.Q * extraction,
    }
    return Rewritten(outputs=lambda _t, _y: out, end=1.0)


@review("liver_dispersion")
def liver_dispersion(p, _start):
    """From the card's equations (Roberts and Rowland 1986)."""
    number = p.fu * p.CLint / (p.Q * p.BP)
    a = math.sqrt(1.0 + 4.0 * number * p.DN)
    grows, falls = math.exp((a - 1.0) / (2.0 * p.DN)), math.exp(-(a + 1.0) / (2.0 * p.DN))
    escaped = 4.0 * a / ((1.0 + a) ** 2 * grows - (1.0 - a) ** 2 * falls)
    out = {
        "RN": number,
        "a": a,
        "F_h": escaped,
        "F_h_mixed": 1.0 / grows,
        "E": 1.0 - escaped,
        "CL_h": p.Q * (1.0 - escaped),
        "CL_h_plasma": p.BP * p.Q * (1.0 - escaped),
        "E_mixed": 1.0 - 1.0 / grows,
    }
    return Rewritten(outputs=lambda _t, _y: out, end=1.0)


@review("liver_qsp_metabolism")
def liver_qsp_metabolism(p, start):
    """From the card's equations (Rowland, Benet and Graham 1973), with no liver module joined."""
    clearance = p.k_met * p.K_hep * p.V_hep
    constants = {
        "CL_QSP": clearance,
        "lambda_v": p.V_liver / (p.V_hep + p.V_stellate),
        "V_excess": p.V_hep + p.V_stellate - p.V_liver,
        "k_met_tissue": p.CLint_known / (p.K_hep * p.V_hep),
        "k_met_organ": p.BP / p.Kp * p.CL_h_known * p.Q / (p.Q - p.CL_h_known) / (p.K_hep * p.V_hep),
        "CL_h": p.Q * clearance * p.Kp / (p.Q * p.BP + clearance * p.Kp),
    }

    def rates(_t, y):
        metabolite, stellate, tissue = y
        made, passing = clearance * tissue, p.PS_st * (metabolite - stellate)
        return [(made - p.CL_m * metabolite - passing) / p.V_hep, passing / p.V_stellate, -made / p.V_liver]

    return Rewritten(
        states=("metabolite", "met_stellate", "tissue"),
        start=[start.metabolite, start.met_stellate, start.tissue],
        rates=rates,
        outputs=lambda _t, y: {**constants, "C_hep": p.K_hep * y[2], "metabolism_rate": clearance * y[2]},
        end=1.0,
    )


@review("kidney")
def kidney(p, start):
    """From the card's equations (Jones and Rowland-Yeo 2013; Rowland, Benet and Graham 1973)."""
    filtered = p.fu * p.GFR * (1.0 - p.F_reab)
    secretion = p.fu * p.CL_sec * (1.0 - p.F_reab)
    secreted = secretion / (p.Q * p.BP + secretion)
    part = filtered / (p.Q * p.BP)
    extraction = part + (1.0 - part) * secreted
    constants = {
        "V": p.V,
        "CL_f": filtered,
        "E_s": secreted,
        "E": extraction,
        "CL_r": p.BP * p.Q * extraction,
        "CL_r_blood": p.Q * extraction,
        "Kp_ss": p.Kp / p.BP * (1.0 - extraction),
    }

    def rates(_t, y):
        tissue, arterial, _venous = y
        given = p.Q * tissue * p.BP / p.Kp
        return [
            ((p.Q - filtered / p.BP) * arterial - given - secretion * tissue / p.Kp) / p.V,
            -p.Q * arterial / p.V_art,
            given / p.V_ven,
        ]

    def outputs(_t, y):
        return {
            **constants,
            "C": y[0],
            "Cven": y[0] * p.BP / p.Kp,
            "excretion_rate": filtered / p.BP * y[1] + secretion * y[0] / p.Kp,
        }

    return Rewritten(
        states=("tissue", "arterial", "venous"),
        start=[start.tissue, start.arterial, start.venous],
        rates=rates,
        outputs=outputs,
        end=0.05,
    )


@review("glomerular_filtration")
def glomerular_filtration(p, start):
    """From the card's equations (Rowland, Benet and Graham 1973)."""
    clearance = p.fu * p.GFR
    return Rewritten(
        states=("blood",),
        start=[start.blood],
        rates=lambda _t, y: [-clearance / p.BP * y[0] / p.V_blood],
        outputs=lambda _t, y: {"CL_r": clearance, "excretion_rate": clearance / p.BP * y[0]},
        end=20.0,
    )


@review("ivive")
def ivive(p, _start):
    """From the card's equations (Barter et al. 2007; Obach 1999)."""
    out = {
        "CLint_hepatocytes": p.CLint_cells / p.fu_cells * p.HPGL * p.W_liver * p.scale,
        "CLint_microsomes": p.CLint_mic / p.fu_mic * p.MPPGL * p.W_liver * p.scale,
    }
    return Rewritten(outputs=lambda _t, _y: out, end=1.0)


@review("brain_barrier")
def brain_barrier(p, start):
    """From the card's equations (Hammarlund-Udenaes et al. 2008)."""
    entering, efflux = p.PS + p.CL_uptake, p.CL_efflux / (1.0 + p.I / p.Ki)
    leaving = p.PS + efflux + p.CL_bulk
    kp_uu, kp_uu_0 = entering / leaving, entering / (p.PS + p.CL_efflux + p.CL_bulk)
    k_eq = leaving / (p.V_br * p.Vu)
    target = p.Kd * p.RO_target / (1.0 - p.RO_target) / (p.fu * kp_uu)
    constants = {
        "V_br": p.V_br,
        "CL_efflux_net": efflux,
        "Kp_uu": kp_uu,
        "Kp_uu_0": kp_uu_0,
        "efflux_effect": kp_uu / kp_uu_0,
        "Kp": p.fu * p.Vu * kp_uu,
        "k_eq": k_eq,
        "t_half": math.log(2.0) / k_eq,
        "t_eq": -math.log(1.0 - p.f_eq) / k_eq,
        "Cp_target": target,
        "R_target": p.CL * target,
    }

    def outputs(_t, y):
        free = y[0] / p.Vu
        return {**constants, "C_brain": y[0], "Cu": free, "RO": free / (p.Kd + free)}

    return Rewritten(
        states=("brain",),
        start=[start.brain],
        rates=lambda _t, y: [(entering * p.fu * p.Cp - leaving * y[0] / p.Vu) / p.V_br],
        outputs=outputs,
        end=2.0,
    )


@review("minimal_pbpk_antibody")
def minimal_pbpk_antibody(p, start):
    """From the card's equations (Cao, Balthasar and Jusko 2013)."""
    flow_t, flow_l = p.share_tight * p.L_total, (1.0 - p.share_tight) * p.L_total
    v_tight = (1.0 - p.share_leaky_volume) * p.ISF * p.K_p
    v_leaky = p.share_leaky_volume * p.ISF * p.K_p

    def rates(_t, y):
        plasma, tight, leaky, lymph = y
        into_t, into_l = flow_t * (1.0 - p.sigma_tight) * plasma, flow_l * (1.0 - p.sigma_leaky) * plasma
        from_t, from_l = flow_t * (1.0 - p.sigma_lymph) * tight, flow_l * (1.0 - p.sigma_lymph) * leaky
        back = p.L_total * lymph
        return [
            (back - p.CL * plasma - into_t - into_l) / p.V_plasma,
            (into_t - from_t) / v_tight,
            (into_l - from_l) / v_leaky,
            (from_t + from_l - back) / p.V_lymph,
        ]

    def outputs(_t, y):
        return {
            "V_plasma": p.V_plasma,
            "V_tight": v_tight,
            "V_leaky": v_leaky,
            "V_lymph": p.V_lymph,
            "C": y[0],
            "C_tight": y[1],
            "C_leaky": y[2],
        }

    return Rewritten(
        states=("plasma", "tight", "leaky", "lymph"),
        start=[start.plasma, start.tight, start.leaky, start.lymph],
        rates=rates,
        outputs=outputs,
        end=60.0,
    )
