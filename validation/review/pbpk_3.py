"""Oral absorption in whole-body models, written from the cards."""

from __future__ import annotations

import math

from validation.reviewing import Rewritten, review


@review("gut_absorption")
def gut_absorption(p, start):
    """From the card's equations (Amidon et al. 1995; Yu and Amidon 1999)."""
    ka, transit = 2.0 * p.Peff / p.radius, 1.0 / p.kt
    number = p.Peff * transit / p.radius
    largest = p.S * p.V_lumen * ka
    constants = {
        "V_lumen": p.V_lumen,
        "ka": ka,
        "F_abs": ka / (ka + p.kt),
        "F_abs_solid": p.kdiss / (p.kdiss + p.kt) * ka / (ka + p.kt),
        "T_si": transit,
        "An": number,
        "Dn": p.kdiss * transit,
        "Do": p.dose / (p.V_lumen * p.S),
        "F_abs_plug": 1.0 - math.exp(-2.0 * number),
        "J_max": largest,
        "MAD": largest * transit,
    }

    def rates(_t, y):
        solid, conc = y[0], y[1]
        dissolving, amount = p.kdiss * solid * (1.0 - conc / p.S), conc * p.V_lumen
        return [
            -dissolving - p.kt * solid,
            (dissolving - (ka + p.kt) * amount) / p.V_lumen,
            p.F_g * ka * amount / p.V,
            (1.0 - p.F_g) * ka * amount,
            p.kt * (solid + amount),
        ]

    def outputs(_t, y):
        return {**constants, "C_lumen": y[1], "absorption_rate": ka * y[1] * p.V_lumen}

    return Rewritten(
        states=("solid", "dissolved", "central", "gut_loss", "excreted"),
        start=[start.solid, start.dissolved, start.central, start.gut_loss, start.excreted],
        rates=rates,
        outputs=outputs,
        end=4.0,
    )


@review("gut_efflux")
def gut_efflux(p, start):
    """From the card's equations (Yu and Amidon 1999 for uptake and transit)."""
    efflux = p.kef * p.E_Pgp
    absorbed = p.ka * p.kb / ((p.ka + p.kt) * p.kb + p.kt * efflux)
    net = p.ka * p.kb / (p.kb + efflux)
    constants = {
        "gut": p.gut,
        "F_abs": absorbed,
        "F": absorbed * p.F_h,
        "ka_eff": net,
        "Peff": net * p.radius / 2.0,
    }

    def rates(_t, y):
        lumen, cell = y[0], y[1]
        return [
            -(p.ka + p.kt) * lumen + efflux * cell,
            p.ka * lumen - (p.kb + efflux) * cell,
            p.kb * cell / p.V,
            p.kt * lumen,
        ]

    return Rewritten(
        states=("lumen", "enterocyte", "central", "excreted"),
        start=[start.lumen, start.enterocyte, start.central, start.excreted],
        rates=rates,
        outputs=lambda _t, y: {**constants, "absorption_rate": p.kb * y[1]},
        end=6.0,
    )


@review("gut_transit_absorption")
def gut_transit_absorption(p, start):
    """From the card's equations (Yu and Amidon 1999)."""
    kt, ka = 7.0 / p.T_si, 2.0 * p.Peff / p.radius
    names = tuple(f"M{k}" for k in range(1, 8))
    constants = {"lumen": p.lumen, "ka": ka, "kt": kt, "F_abs": 1.0 - (1.0 + ka / kt) ** -7}

    def rates(_t, y):
        segments = list(y[:7])
        arriving = [0.0, *segments[:-1]]
        taken = ka * sum(segments)
        return [
            *(kt * before - (ka + kt) * here for before, here in zip(arriving, segments, strict=True)),
            p.F_g * taken / p.V,
            (1.0 - p.F_g) * taken,
            kt * segments[-1],
        ]

    return Rewritten(
        states=(*names, "central", "gut_loss", "excreted"),
        start=[*(getattr(start, n) for n in names), start.central, start.gut_loss, start.excreted],
        rates=rates,
        outputs=lambda _t, y: {**constants, "absorption_rate": ka * float(sum(y[:7]))},
        end=4.0,
    )
