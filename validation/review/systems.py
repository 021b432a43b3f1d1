"""Systems with an antibody, an oral drug or an interaction, written from their cards and those of their parts."""

from __future__ import annotations

import math

from validation.reviewing import Rewritten, review


def hyperbola(conc, half):
    """Return the share of a saturable effect, as every card writes it."""
    return conc / (half + conc)


def prefixed(part, values):
    """Return the outputs of a part under their names in the system."""
    return {f"{part}.{name}": value for name, value in values.items()}


@review("theophylline")
def theophylline(p, start):
    """From the card's equations (one compartment with first-order absorption; volume and clearance by weight)."""
    v, cl = p.V_kg * p.WT, p.CL_kg * p.WT
    return Rewritten(
        states=("pk.central", "absorption.depot"),
        start=[start.pk_central, start.absorption_depot],
        rates=lambda _t, y: [(p.ka * y[1] - cl * y[0]) / v, -p.ka * y[1]],
        outputs=lambda _t, y: {"V": v, "CL": cl, "pk.C": y[0], "amount(pk.central)": y[0] * v},
        end=30.0,
    )


def _bound(p, conc, free, complexed, ksyn):
    """Return the net binding and d(R, RC)/dt of a target that turns over (Mager and Jusko 2001)."""
    net = p.target_kon * conc * free - p.target_koff * complexed
    return net, [ksyn - p.target_kdeg * free - net, net - p.target_kint * complexed]


def _target(y_free, y_complex):
    return {"target.C_complex": y_complex, "target.occupancy": y_complex / (y_free + y_complex)}


def _antibody(p, v1, v2, cl, q):
    """Return d(central, peripheral, R, RC)/dt, in concentrations, of mab_tmdd and integrated_chain."""

    def rates(y):
        net, target = _bound(p, y[0], y[2], y[3], p.target_ksyn)
        across = q * (y[0] - y[1])
        return [(-cl * y[0] - across) / v1 - net, across / v2, *target]

    return rates


@review("mab_tmdd")
def mab_tmdd(p, start):
    """From the card's equations (Mager and Jusko 2001; Dayneka et al. 1993, model I; scaling of Davda et al. 2014)."""
    volume = (p.WT / p.WT_typical) ** p.volume_exponent
    flow = (p.WT / p.WT_typical) ** p.flow_exponent
    v1, v2, cl, q = p.V1_typical * volume, p.V2_typical * volume, p.CL_typical * flow, p.Q_typical * flow
    antibody = _antibody(p, v1, v2, cl, q)

    def rates(_t, y):
        inhibited = 1.0 - p.marker_Imax * hyperbola(y[3], p.marker_IC50)
        return [*antibody(y), p.marker_kin * inhibited - p.marker_kout * y[4]]

    return Rewritten(
        states=("pk.central", "pk.peripheral", "target.R", "target.RC", "marker.response"),
        start=[
            start.pk_central,
            start.pk_peripheral,
            p.target_ksyn / p.target_kdeg,
            start.target_RC,
            p.marker_kin / p.marker_kout,
        ],
        rates=rates,
        outputs=lambda _t, y: {
            "pk.C": y[0],
            "marker.site": p.marker_site,
            "amount(pk.central)": y[0] * v1,
            "amount(pk.peripheral)": y[1] * v2,
            "V1": v1,
            "V2": v2,
            "CL": cl,
            "Q": q,
            **_target(y[2], y[3]),
        },
        end=40.0,
    )


def killed_share(signal, threshold, steepness):
    """Return the share of cells whose threshold a signal exceeds (card of threshold_kill)."""
    ratio = (signal / threshold) ** steepness
    return ratio / (1.0 + ratio)


@review("integrated_chain")
def integrated_chain(p, start):
    """From the card's equations (Mager and Jusko 2001; Dayneka et al. 1993, model III; threshold kill)."""
    antibody = _antibody(p, p.pk_V1, p.pk_V2, p.pk_CL, p.pk_Q)

    def growth(signal):
        return p.tumour_kgrow - p.tumour_kkill * killed_share(signal, p.tumour_threshold, p.tumour_steepness)

    def rates(_t, y):
        stimulated = 1.0 + p.death_Smax * hyperbola(y[3], p.death_SC50)
        return [*antibody(y), p.death_kin * stimulated - p.death_kout * y[4], growth(y[4]) * y[5]]

    def outputs(_t, y):
        return {
            "pk.C": y[0],
            "pk.V1": p.pk_V1,
            "pk.V2": p.pk_V2,
            "amount(pk.central)": y[0] * p.pk_V1,
            "death.site": p.death_site,
            "tumour.fraction_killed": killed_share(y[4], p.tumour_threshold, p.tumour_steepness),
            "tumour.net_growth": growth(y[4]),
            **_target(y[2], y[3]),
        }

    signal_0, free_0 = p.death_kin / p.death_kout, p.target_ksyn / p.target_kdeg
    return Rewritten(
        states=("pk.central", "pk.peripheral", "target.R", "target.RC", "death.response", "tumour.cells"),
        start=[start.pk_central, start.pk_peripheral, free_0, start.target_RC, signal_0, start.tumour_cells],
        rates=rates,
        outputs=outputs,
        end=30.0,
    )


def _tissue_shares(p):
    return (
        p.pbpk_share_tight,
        p.pbpk_sigma_tight,
        p.pbpk_sigma_leaky,
        p.pbpk_sigma_lymph,
        p.pbpk_share_leaky_volume,
        p.pbpk_K_p,
        p.marker_Imax,
    )


@review("antibody_tissue_target", valid=lambda p: max(_tissue_shares(p)) < 1.0)
def antibody_tissue_target(p, start):
    """From the card's equations (Cao et al. 2013; Mager and Jusko 2001; Dayneka et al. 1993, model I)."""
    cl, ksyn = p.CL_typical * math.exp(p.eta_CL), p.ksyn_typical * math.exp(p.eta_ksyn)
    open_volume = p.pbpk_ISF * p.pbpk_K_p
    v_tight, v_leaky = (1.0 - p.pbpk_share_leaky_volume) * open_volume, p.pbpk_share_leaky_volume * open_volume
    to_tight, to_leaky = p.pbpk_share_tight * p.pbpk_L_total, (1.0 - p.pbpk_share_tight) * p.pbpk_L_total
    in_tight, in_leaky = to_tight * (1.0 - p.pbpk_sigma_tight), to_leaky * (1.0 - p.pbpk_sigma_leaky)
    out_tight, out_leaky = to_tight * (1.0 - p.pbpk_sigma_lymph), to_leaky * (1.0 - p.pbpk_sigma_lymph)

    def rates(_t, y):
        plasma, tight, leaky, lymph, free, complexed, response = y
        net, target = _bound(p, leaky, free, complexed, ksyn)
        inhibited = 1.0 - p.marker_Imax * hyperbola(complexed, p.marker_IC50)
        return [
            (p.pbpk_L_total * lymph - (cl + in_tight + in_leaky) * plasma) / p.pbpk_V_plasma,
            (in_tight * plasma - out_tight * tight) / v_tight,
            (in_leaky * plasma - out_leaky * leaky) / v_leaky - net,
            (out_tight * tight + out_leaky * leaky - p.pbpk_L_total * lymph) / p.pbpk_V_lymph,
            *target,
            p.marker_kin * inhibited - p.marker_kout * response,
        ]

    volumes = {"V_plasma": p.pbpk_V_plasma, "V_tight": v_tight, "V_leaky": v_leaky, "V_lymph": p.pbpk_V_lymph}

    def outputs(_t, y):
        seen = prefixed("pbpk", {**volumes, "C": y[0], "C_tight": y[1], "C_leaky": y[2]})
        return {**seen, **_target(y[4], y[5]), "marker.site": p.marker_site, "CL": cl, "ksyn": ksyn}

    tissues = ("pbpk.plasma", "pbpk.tight", "pbpk.leaky", "pbpk.lymph")
    dosed = [start.pbpk_plasma, start.pbpk_tight, start.pbpk_leaky, start.pbpk_lymph]
    return Rewritten(
        states=(*tissues, "target.R", "target.RC", "marker.response"),
        start=[*dosed, ksyn / p.target_kdeg, start.target_RC, p.marker_kin / p.marker_kout],
        rates=rates,
        outputs=outputs,
        end=40.0,
    )


@review("ddi_dynamic")
def ddi_dynamic(p, start):
    """From the card's equations (Fahmi et al. 2008; Rowland and Matin 1973)."""

    def at_enzyme(y):
        free, level = p.fu * y[2], y[4] / p.enzyme_E0
        ratio = p.fm * level / (1.0 + free / p.Ki) + (1.0 - p.fm)
        return free, level, ratio

    def rates(_t, y):
        free, _, ratio = at_enzyme(y)
        induced = 1.0 + p.enzyme_d * p.Emax * hyperbola(free, p.enzyme_EC50)
        return [
            (p.ka_victim * y[1] - p.CL0 * ratio * y[0]) / p.V_victim,
            -p.ka_victim * y[1],
            (p.ka_inhibitor * y[3] - p.CL_inhibitor * y[2]) / p.V_inhibitor,
            -p.ka_inhibitor * y[3],
            p.enzyme_kdeg * (p.enzyme_E0 * induced - y[4]) - p.kinact * hyperbola(free, p.enzyme_KI) * y[4],
        ]

    def outputs(_t, y):
        free, level, ratio = at_enzyme(y)
        return {
            "I": free,
            "CL": p.CL0 * ratio,
            "victim.C": y[0],
            "inhibitor.C": y[2],
            "enzyme.CL_ratio": ratio,
            "enzyme.E_ratio": level,
            "amount(victim.central)": y[0] * p.V_victim,
        }

    return Rewritten(
        states=("victim.central", "tablet.depot", "inhibitor.central", "capsule.depot", "enzyme.E"),
        start=[start.victim_central, start.tablet_depot, start.inhibitor_central, start.capsule_depot, p.enzyme_E0],
        rates=rates,
        outputs=outputs,
        end=48.0,
    )
