"""CAR-T cells, effector cells and vaccination, written from their cards."""

from __future__ import annotations

import math

from validation.reviewing import Rewritten, review


@review("car_t_kinetics")
def car_t_kinetics(p, start):
    """From the card's equations, solved in closed form (Stein et al. 2019)."""
    peak = p.C0 * math.exp(p.rho * p.Tmax)

    def old_memory(t):
        """Return what is left at t of the memory cells that were there at the start, and the area under them."""
        return start.memory * math.exp(-p.beta * t), -start.memory * math.expm1(-p.beta * t) / p.beta

    def outputs(t, _y):
        out = {"Cmax": peak, "foldx": math.exp(p.rho * p.Tmax)}
        left, under = old_memory(t)
        if t < p.Tmax:
            level = p.C0 * math.exp(p.rho * t)
            area = start.AUC + (level - p.C0) / p.rho + under
            return {**out, "effector": level, "memory": left, "cells": level + left, "AUC": area}
        fast, slow = math.exp(-p.alpha * (t - p.Tmax)), math.exp(-p.beta * (t - p.Tmax))
        memory = p.FB * peak * (slow - fast) + left
        late = peak * ((1.0 - p.FB) * (1.0 - fast) / p.alpha + p.FB * (1.0 - slow) / p.beta)
        return {
            **out,
            "effector": peak * fast,
            "memory": memory,
            "cells": peak * fast + memory,
            "AUC": start.AUC + (peak - p.C0) / p.rho + late + under,
        }

    return Rewritten(outputs=outputs, end=90.0)


@review("car_t_antigen")
def car_t_antigen(p, start):
    """From the card's equations (a smaller model than that of Hardiansyah and Ng 2019)."""
    lost = p.kE + p.kEM

    def rates(_t, y):
        e, m, t, _auc = y
        return [
            p.kexp * e * t / (p.KT + t) - lost * e,
            p.kEM * e - p.kM * m,
            p.kg * t - p.kkill * e * t,
            e + m,
        ]

    def outputs(_t, y):
        return {"cells": y[0] + y[1], "T_peak": p.KT * lost / (p.kexp - lost)}

    return Rewritten(("E", "M", "T", "AUC"), [start.E, start.M, start.T, start.AUC], rates, outputs, end=40.0)


@review("effector_tumour")
def effector_tumour(p, start):
    """From the card's equations (Kuznetsov et al. 1994)."""

    def rates(_t, y):
        e, t = y
        return [
            p.s + p.p * e * t / (p.g + t) - p.m * e * t - p.d * e,
            p.a * t * (1.0 - p.b * t) - p.n * e * t,
        ]

    def outputs(_t, y):
        return {
            "E_rest": p.s / p.d,
            "kill_over_growth": p.n * p.s / (p.a * p.d),
            "net_growth": p.a * (1.0 - p.b * y[1]) - p.n * y[0],
        }

    return Rewritten(("E", "T"), [p.s / p.d, start.T], rates, outputs, end=10.0 / p.a)


@review("vaccine_prime_boost")
def vaccine_prime_boost(p, start):
    """From the card's equations (after Le, Miller and Ganusov 2015)."""

    def rates(_t, y):
        antigen, n, e, m = y
        stimulus = antigen / (p.KA + antigen)
        primed, recalled = p.kprime * stimulus * n, p.krecall * stimulus * m
        return [
            -p.kA * antigen,
            p.kN * (p.N0 - n) - primed,
            primed + recalled + p.rho * stimulus * e - (p.kE + p.kEM) * e,
            p.kEM * e - recalled - p.kM * m,
        ]

    def outputs(_t, y):
        return {"stimulus": y[0] / (p.KA + y[0]), "specific": y[1] + y[2] + y[3]}

    y0 = [start.antigen, p.N0, start.E, start.M]
    return Rewritten(("antigen", "N", "E", "M"), y0, rates, outputs, end=60.0)
