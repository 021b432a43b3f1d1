"""Growth, kill and resistance of tumours, written from their cards."""

from __future__ import annotations

import math

from validation.reviewing import Rewritten, review


@review("tumour_exponential")
def tumour_exponential(p, start):
    """From the card's equations (Benzekry et al. 2014, exponential growth; log-kill)."""
    net = p.kg - p.kkill * p.C - p.kill
    out = {"net_growth": net, "C_stasis": (p.kg - p.kill) / p.kkill, "doubling_time": math.log(2.0) / p.kg}
    return Rewritten(
        ("tumour",),
        [start.tumour],
        lambda _t, y: [net * y[0]],
        lambda _t, _y: out,
        end=5.0 / (p.kg + p.kkill * p.C + p.kill),
    )


@review("tumour_logistic")
def tumour_logistic(p, start):
    """From the card's equations (Benzekry et al. 2014, logistic growth; log-kill)."""
    kill = p.kkill * p.C + p.kill

    def outputs(_t, y):
        growth = p.kg * (1.0 - y[0] / p.K)
        return {
            "net_growth": growth - kill,
            "C_stasis": (growth - p.kill) / p.kkill,
            "C_eradication": (p.kg - p.kill) / p.kkill,
            "tumour_rest": p.K * (1.0 - kill / p.kg),
        }

    def rates(_t, y):
        return [p.kg * y[0] * (1.0 - y[0] / p.K) - kill * y[0]]

    return Rewritten(("tumour",), [start.tumour], rates, outputs, end=4.0 / (p.kg + kill))


@review("tumour_gompertz")
def tumour_gompertz(p, start):
    """From the card's equations (Benzekry et al. 2014, Gompertz growth; log-kill)."""
    kill = p.kkill * p.C + p.kill

    def outputs(_t, y):
        growth = p.kg * math.log(p.K / y[0])
        return {
            "net_growth": growth - kill,
            "C_stasis": (growth - p.kill) / p.kkill,
            "tumour_rest": p.K * math.exp(-kill / p.kg),
        }

    def rates(_t, y):
        return [p.kg * y[0] * math.log(p.K / y[0]) - kill * y[0]]

    return Rewritten(("tumour",), [start.tumour], rates, outputs, end=4.0 / (p.kg + kill))


@review("tumour_simeoni")
def tumour_simeoni(p, start):
    """From the card's equations (Simeoni et al. 2004)."""

    def rates(_t, y):
        x1, x2, x3, x4 = y
        slowed = (1.0 + (p.lambda0 * (x1 + x2 + x3 + x4) / p.lambda1) ** p.psi) ** (1.0 / p.psi)
        hit = p.k2 * p.C * x1
        return [p.lambda0 * x1 / slowed - hit, hit - p.k1 * x2, p.k1 * (x2 - x3), p.k1 * (x3 - x4)]

    def outputs(_t, y):
        return {"w": y.sum(), "C_stasis": p.lambda0 / p.k2, "w_switch": p.lambda1 / p.lambda0}

    y0 = [start.x1, start.x2, start.x3, start.x4]
    end = 15.0 / (p.lambda0 + p.k1 + p.k2 * p.C)
    return Rewritten(("x1", "x2", "x3", "x4"), y0, rates, outputs, end)


@review("tumour_resistance")
def tumour_resistance(p, start):
    """From the card's equations (exponential clones as of Bozic et al. 2013, without chance; log-kill)."""

    def rates(_t, y):
        s, r = y
        turned = p.mu * s - p.nu * r
        return [
            (p.kgS - p.kkillS * p.C - p.kill) * s - turned,
            (p.kgR - p.kkillR * p.C - p.kill) * r + turned,
        ]

    def outputs(_t, y):
        s, r = y
        held = ((p.kgS - p.kill) * s + (p.kgR - p.kill) * r) / (p.kkillS * s + p.kkillR * r)
        return {"tumour": s + r, "resistant_fraction": r / (s + r), "C_stasis": held}

    end = 5.0 / (p.kgS + p.kkillS * p.C + p.kill + p.mu + p.nu)
    return Rewritten(("S", "R"), [start.S, start.R], rates, outputs, end)
