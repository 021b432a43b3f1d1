"""Cascades of mitogen-activated protein kinases, written from their cards."""

from __future__ import annotations

from validation.reviewing import Rewritten, review


@review("mapk_cascade")
def mapk_cascade(p, _start):
    """From the card's equations (Kholodenko 2000)."""

    def rates(_t, y):
        k1, k1p, k2, k2p, k2pp, k3, k3p, k3pp = y
        v1 = p.V1 * k1 / ((1.0 + (k3pp / p.KI) ** p.n) * (p.K1 + k1))
        v2 = p.V2 * k1p / (p.K2 + k1p)
        v3, v4 = p.k3 * k1p * k2 / (p.K3 + k2), p.k4 * k1p * k2p / (p.K4 + k2p)
        v5, v6 = p.V5 * k2pp / (p.K5 + k2pp), p.V6 * k2p / (p.K6 + k2p)
        v7, v8 = p.k7 * k2pp * k3 / (p.K7 + k3), p.k8 * k2pp * k3p / (p.K8 + k3p)
        v9, v10 = p.V9 * k3pp / (p.K9 + k3pp), p.V10 * k3p / (p.K10 + k3p)
        return [v2 - v1, v1 - v2, v6 - v3, v3 + v5 - v4 - v6, v4 - v5, v10 - v7, v7 + v9 - v8 - v10, v8 - v9]

    def outputs(_t, y):
        return {
            "fraction_MKKK": y[1] / y[:2].sum(),
            "fraction_MKK": y[4] / y[2:5].sum(),
            "fraction_MAPK": y[7] / y[5:].sum(),
            "cytosol": p.cytosol,
        }

    s = p.start
    y0 = [p.MKKK_total - s, s, p.MKK_total - 2.0 * s, s, s, p.MAPK_total - 2.0 * s, s, s]
    states = ("MKKK", "MKKK_P", "MKK", "MKK_P", "MKK_PP", "MAPK", "MAPK_P", "MAPK_PP")
    return Rewritten(states, y0, rates, outputs, end=60.0)


# Every step: enzyme, substrate, complex, product, in the order of the publication.
STEPS = (
    ("E1", "KKK", "E1_KKK", "KKK_P"),
    ("E2", "KKK_P", "E2_KKK_P", "KKK"),
    ("KKK_P", "KK", "KKK_P_KK", "KK_P"),
    ("KKPase", "KK_P", "KKPase_KK_P", "KK"),
    ("KKK_P", "KK_P", "KKK_P_KK_P", "KK_PP"),
    ("KKPase", "KK_PP", "KKPase_KK_PP", "KK_P"),
    ("KK_PP", "K", "KK_PP_K", "K_P"),
    ("KPase", "K_P", "KPase_K_P", "K"),
    ("KK_PP", "K_P", "KK_PP_K_P", "K_PP"),
    ("KPase", "K_PP", "KPase_K_PP", "K_P"),
)
FREE = ("KKK", "KKK_P", "KK", "KK_P", "KK_PP", "K", "K_P", "K_PP", "E1", "E2", "KKPase", "KPase")
SPECIES = (*FREE, *(step[2] for step in STEPS))
AT_TOTAL = ("E1", "E2", "KKPase", "KPase", "KKK", "KK", "K")


@review("mapk_huang_ferrell")
def mapk_huang_ferrell(p, start):
    """From the ten steps of Huang and Ferrell (1996) in mass action, which the card's equations amount to."""
    place = {name: k for k, name in enumerate(SPECIES)}
    steps = [
        (getattr(p, f"a{i}"), getattr(p, f"d{i}"), getattr(p, f"k{i}"), *(place[name] for name in step))
        for i, step in enumerate(STEPS, start=1)
    ]

    def rates(_t, y):
        dy = [0.0] * len(y)
        for a, d, k, enzyme, substrate, bound, product in steps:
            binding, turnover = a * y[enzyme] * y[substrate] - d * y[bound], k * y[bound]
            dy[enzyme] += turnover - binding
            dy[substrate] -= binding
            dy[bound] += binding - turnover
            dy[product] += turnover
        return dy

    def outputs(_t, y):
        return {
            "fraction_KKK": y[place["KKK_P"]] / p.KKK_total,
            "fraction_KK": y[place["KK_PP"]] / p.KK_total,
            "fraction_K": y[place["K_PP"]] / p.K_total,
            "cytosol": p.cytosol,
        }

    y0 = [getattr(p, f"{name}_total") if name in AT_TOTAL else getattr(start, name) for name in SPECIES]
    return Rewritten(SPECIES, y0, rates, outputs, end=40.0)
