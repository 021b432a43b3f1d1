"""Systems that compare drugs on a target, on a receptor or in a cascade, written from their cards."""

from __future__ import annotations

import math

from validation.review.systems import hyperbola, prefixed
from validation.reviewing import Rewritten, review


def _ligand(p, ligand, complexed):
    """Return the outputs that both antibody modules share."""
    before = p.ksyn / p.kel
    return {
        "L_total": ligand + complexed,
        "L_pre": before,
        "total_ratio": (ligand + complexed) / before,
        "free_fold": ligand / before,
        "Kss": (p.koff + p.kcplx) / p.kon,
    }


@review("antibody_and_ligand")
def antibody_and_ligand(p, start):
    """From the card's equations (Davda and Hansel 2010; Mager and Jusko 2001)."""
    before = p.ksyn / p.kel

    def turnover(antibody, ligand, complexed):
        net = p.kon * antibody * ligand - p.koff * complexed
        return net, [p.ksyn - p.kel * ligand - net, net - p.kcplx * complexed]

    def rates(_t, y):
        net, dosed = turnover(y[0], y[1], y[2])
        return [-p.kel_A * y[0] - net, *dosed, *turnover(p.A, y[3], y[4])[1]]

    def outputs(_t, y):
        dosed = {**_ligand(p, y[1], y[2]), "A_total": y[0] + y[2], "V": p.dosed_V}
        held = {**_ligand(p, y[3], y[4]), "total_ratio_max": p.kel / p.kcplx, "site": p.held_site}
        return {**prefixed("dosed", dosed), **prefixed("held", held), "amount(dosed.A)": y[0] * p.dosed_V}

    return Rewritten(
        states=("dosed.A", "dosed.L", "dosed.C", "held.L", "held.C"),
        start=[start.dosed_A, before, start.dosed_C, before, start.held_C],
        rates=rates,
        outputs=outputs,
        end=60.0,
    )


class TwoStates:
    """A two-state receptor with an agonist and a modulator (card of two_state_modulator)."""

    def __init__(self, p):
        self.rest, self.conc = p.receptor_L, p.A
        self.ka, self.ka_star = p.receptor_KA, p.receptor_KA_star
        self.kn, self.kn_star = p.receptor_KN, p.receptor_KN_star
        self.agonist, self.agonist_rest = 1.0 + p.A / self.ka_star, 1.0 + p.A / self.ka
        self.a = self.agonist / self.agonist_rest

    def active(self, factor):
        """Return the active share where ligands multiply the ratio of active to inactive receptor."""
        return factor / (factor + self.rest)

    def fixed(self):
        """Return the outputs that do not depend on the modulator."""
        a, ratio_a, ratio_n = self.a, self.ka_star / self.ka, self.kn_star / self.kn
        margin = (a - 1.0) * (ratio_n - a)
        restorable = margin > 0.0 or a == 1.0
        rest = self.rest
        return {
            "basal": self.active(1.0),
            "f_agonist": self.active(a),
            "a": a,
            "restore_margin": margin,
            "restorable": float(restorable),
            "N_restore": (a - 1.0) / (1.0 / self.kn - a / self.kn_star) if restorable else -1.0,
            "alpha": (1.0 + rest)
            * (1.0 + rest * ratio_a * ratio_n)
            / ((1.0 + rest * ratio_a) * (1.0 + rest * ratio_n)),
        }

    def under(self, modulator):
        """Return the outputs that follow the modulator."""
        on, on_rest = modulator / self.kn_star, modulator / self.kn
        n = (1.0 + on) / (1.0 + on_rest)
        whole = self.agonist * (1.0 + on) + self.rest * self.agonist_rest * (1.0 + on_rest)
        with_a = self.conc / self.ka_star * (1.0 + on) + self.rest * self.conc / self.ka * (1.0 + on_rest)
        halfway = (1.0 + on) / self.ka_star + self.rest * (1.0 + on_rest) / self.ka
        return {
            "f_active": self.active(self.a * n),
            "f_modulator": self.active(n),
            "n": n,
            "occupancy_A": with_a / whole,
            "occupancy_N": (on * self.agonist + self.rest * on_rest * self.agonist_rest) / whole,
            "EC50": ((1.0 + on) + self.rest * (1.0 + on_rest)) / halfway,
        }


@review("basal_activity_restored")
def basal_activity_restored(p, _start):
    """From the card's equations and those of its receptor (Hall 2000; Leff 1995)."""
    receptor = TwoStates(p)
    fixed = receptor.fixed()

    def outputs(_t, y):
        seen = {**fixed, **receptor.under(y[0])}
        excess = seen["f_active"] - seen["basal"]
        return {
            "modulator.D": y[0],
            "modulator.site": p.modulator_site,
            "excess": excess,
            **prefixed("receptor", seen),
        }

    return Rewritten(
        states=("modulator.drug",),
        start=[p.modulator_D0],
        rates=lambda _t, y: [-p.modulator_kel * y[0]],
        outputs=outputs,
        end=30.0,
    )


class Cascade:
    """A cascade of three tiers with hyperbolic feedback (card of kinase_cascade_hyperbolic)."""

    def __init__(self, p, half):
        self.p, self.half = p, half
        self.gains = (p.kA / p.dA, p.kB / p.dB)
        self.left = 1.0 / (1.0 + p.I / p.KI)
        self.g = p.kR / p.dR * self.gains[0] * self.gains[1] * p.kC / p.dC
        self.before = self.steady(self.g)

    def steady(self, open_loop):
        """Return the steady state of all tiers whose open loop would give this output."""
        c = 2.0 * open_loop / (1.0 + math.sqrt(1.0 + 4.0 * open_loop / self.half))
        r = self.p.kR / (self.p.dR * (1.0 + c / self.half))
        return [r, self.gains[0] * r, self.gains[0] * self.gains[1] * r, c]

    def rates(self, y):
        p, (r, a, b, c) = self.p, y
        return [
            p.kR / (1.0 + c / self.half) - p.dR * r,
            p.kA * r - p.dA * a,
            p.kB * a - p.dB * b,
            p.kC * self.left * b - p.dC * c,
        ]

    def outputs(self):
        open_loop = self.g * self.left
        after = self.steady(open_loop)
        loop = after[3] / (self.half + after[3])
        return {
            "G": self.g,
            "C_open": open_loop,
            **dict(zip(("R_ss", "A_ss", "B_ss", "C_ss"), after, strict=True)),
            "gain_A": self.gains[0],
            "gain_B": self.gains[1],
            "gain_C": self.p.kC / self.p.dC * self.left,
            "loop_gain": loop,
            "sensitivity": 1.0 / (1.0 + loop),
        }


@review("cascade_inhibitor")
def cascade_inhibitor(p, _start):
    """From the card's equations and those of its parts (Heinrich et al. 2002; Tyson and Othmer 1978)."""
    closed, unlooped = Cascade(p, p.KF), Cascade(p, p.KF_open)
    constants = {
        **prefixed("closed", {**closed.outputs(), "cytosol": p.closed_cytosol}),
        **prefixed("open", {**unlooped.outputs(), "cytosol": p.open_cytosol}),
    }
    relative = ("R_rel_closed", "A_rel_closed", "B_rel_closed", "C_rel_closed")

    def outputs(_t, y):
        ratios = dict(zip(relative, (now / then for now, then in zip(y[:4], closed.before, strict=True)), strict=True))
        return {**constants, **ratios, "C_rel_open": y[7] / unlooped.before[3]}

    tiers = ("R_star", "A_star", "B_star", "C_star")
    return Rewritten(
        states=(*(f"closed.{x}" for x in tiers), *(f"open.{x}" for x in tiers)),
        start=[*closed.before, *unlooped.before],
        rates=lambda _t, y: [*closed.rates(y[:4]), *unlooped.rates(y[4:])],
        outputs=outputs,
        end=60.0,
    )


@review("infusion_effect")
def infusion_effect(p, start):
    """From the card's equations (Gibaldi and Perrier 1982; Holford and Sheiner 1981)."""
    return Rewritten(
        states=("pk.central",),
        start=[start.pk_central],
        rates=lambda _t, y: [(p.R0 - p.pk_CL * y[0]) / p.pk_V],
        outputs=lambda _t, y: {
            "pk.C": y[0],
            "pk.V": p.pk_V,
            "effect.E": p.E0 + p.effect_Emax * hyperbola(y[0], p.effect_EC50),
            "amount(pk.central)": y[0] * p.pk_V,
        },
        end=48.0,
    )


@review("pet_occupancy")
def pet_occupancy(p, _start):
    """From the card's equations and those of its tracer (Innis et al. 2007; Lassen et al. 1995)."""
    free = p.pet_fp * p.pet_Cp
    v_nd = p.pet_fp * (1.0 + p.pet_R_NSB)

    def volume(drug):
        per_free = 1.0 + p.pet_R_NSB + p.pet_Rtot / (p.pet_Kd * (1.0 + drug / p.pet_Ki) + free)
        return per_free, p.pet_fp * per_free

    baseline = volume(0.0)[1]

    def outputs(_t, y):
        per_free, v_t = volume(y[0])
        specific = p.pet_Rtot * free / (p.pet_Kd * (1.0 + y[0] / p.pet_Ki) + free)
        seen = {
            "C_free": free,
            "C_specific": specific,
            "C_nonspecific": p.pet_R_NSB * free,
            "C_total": free * (1.0 + p.pet_R_NSB) + specific,
            "V_T": v_t,
            "V_T_baseline": baseline,
            "V_ND": v_nd,
            "BP_ND": (v_t - v_nd) / v_nd,
            "total_per_free": per_free,
            "occupancy": y[0] / (p.pet_Ki * (1.0 + free / p.pet_Kd) + y[0]),
            "occupancy_scans": (baseline - v_t) / (baseline - v_nd),
        }
        return {"drug.D": y[0], "drug.site": p.drug_site, **prefixed("pet", seen)}

    return Rewritten(
        states=("drug.drug",),
        start=[p.drug_D0],
        rates=lambda _t, y: [-p.drug_kel * y[0]],
        outputs=outputs,
        end=30.0,
    )


class Tolerance:
    """A response that an induced phosphatase counters (card of induced_phosphatase_tolerance)."""

    def __init__(self, p, saturable, half, proportional, occupied, output):
        self.p, self.output = p, output
        self.rho = p.D / (p.KD + p.D)
        self.by_drug = saturable * p.D / (half + p.D) + proportional * p.D + occupied * self.rho
        self.p0 = p.ksyn / p.kdeg

    def induction(self, response):
        return self.by_drug + self.output * response

    def rates(self, y):
        p = self.p
        return [
            p.kin * self.rho - p.kp * y[1] * y[0],
            p.ksyn * (1.0 + self.induction(y[0])) - p.kdeg * y[1],
        ]

    def outputs(self, response):
        emax = self.p.kin / (self.p.kp * self.p0)
        naive, driven = emax * self.rho, 1.0 + self.by_drug
        steady = 2.0 * naive / (driven + math.sqrt(driven**2 + 4.0 * self.output * naive))
        level = self.p0 * (driven + self.output * steady)
        return {
            "rho": self.rho,
            "induction": self.induction(response),
            "P0": self.p0,
            "E_naive": naive,
            "E_ss": steady,
            "P_ss": level,
            "remaining": self.p0 / level,
            "Emax_naive": emax,
            "EC50_naive": self.p.KD,
        }


@review("phosphatase_tolerance")
def phosphatase_tolerance(p, start):
    """From the card's equations and those of its part (Ferrell 2016; Porchet et al. 1988)."""
    tolerant = Tolerance(p, p.sigma_sat, p.K_ind, p.sigma_prop, p.sigma_occ, p.sigma_out)
    none, none_per_level = p.no_induction, p.no_induction_per_level
    naive = Tolerance(p, none, p.naive_K_ind, none_per_level, none, none_per_level)

    def outputs(_t, y):
        return {
            "lost": y[2] - y[0],
            **prefixed("tolerant", {**tolerant.outputs(y[0]), "cytosol": p.tolerant_cytosol}),
            **prefixed("naive", {**naive.outputs(y[2]), "cytosol": p.naive_cytosol}),
        }

    return Rewritten(
        states=("tolerant.E", "tolerant.P", "naive.E", "naive.P"),
        start=[start.tolerant_E, tolerant.p0, start.naive_E, naive.p0],
        rates=lambda _t, y: [*tolerant.rates(y[:2]), *naive.rates(y[2:])],
        outputs=outputs,
        end=300.0,
    )


@review("residence_times", valid=lambda p: p.bound < 1.0)
def residence_times(p, start):
    """From the card's equations and those of its part (Copeland et al. 2006)."""
    t0 = p.ksyn / p.kdeg
    drugs = {"fast": (p.koff_fast, p.D_fast, p.fast_site), "slow": (p.koff_slow, p.D_slow, p.slow_site)}

    def needed(koff):
        return p.Kd * (1.0 + p.kdeg / koff) * p.bound / (1.0 - p.bound)

    def part_rates(koff, drug, free, complexed):
        net = koff / p.Kd * drug * free - koff * complexed
        return [p.ksyn - p.kdeg * free - net, net - p.kdeg * complexed]

    def rates(_t, y):
        fast, slow = (part_rates(*drugs[x][:2], *y[k : k + 2]) for x, k in (("fast", 0), ("slow", 2)))
        return [*fast, *slow, t0 - y[0], t0 - y[2]]

    def part_outputs(name, free, complexed):
        koff, _, site = drugs[name]
        seen = {
            "T0": t0,
            "deficit": t0 - free,
            "free_fraction": free / t0,
            "occupancy": complexed / (free + complexed),
            "kloss": koff + p.kdeg,
            "tau": 1.0 / koff,
            "Kd": p.Kd,
            "site": site,
            "C0": p.bound * t0,
        }
        return {**prefixed(name, seen), f"D_before_{name}": needed(koff)}

    bound = p.bound * t0
    return Rewritten(
        states=("fast.T", "fast.C", "slow.T", "slow.C", "J_fast", "J_slow"),
        start=[t0 - bound, bound, t0 - bound, bound, start.J_fast, start.J_slow],
        rates=rates,
        outputs=lambda _t, y: {**part_outputs("fast", y[0], y[1]), **part_outputs("slow", y[2], y[3])},
        end=100.0,
    )
