"""Direct effects, indirect responses, feedback, tolerance, transduction and neutropenia, written from their cards."""

from __future__ import annotations

from validation.reviewing import Rewritten, review


def _hyperbola(conc, largest, half):
    """Return the saturable effect of a concentration."""
    return largest * conc / (half + conc)


@review("emax")
def emax(p, _start):
    """From the card's equation (Holford and Sheiner 1981)."""
    return Rewritten(outputs=lambda _t, _y: {"E": p.E0 + _hyperbola(p.Cp, p.Emax, p.EC50)}, end=1.0)


@review("sigmoid_emax")
def sigmoid_emax(p, _start):
    """From the card's equation (Goutelle et al. 2008)."""
    power = p.Cp**p.hill
    return Rewritten(outputs=lambda _t, _y: {"E": p.E0 + p.Emax * power / (p.EC50**p.hill + power)}, end=1.0)


@review("operational_model")
def operational_model(p, _start):
    """From the card's equations (Black and Leff 1983)."""
    tau = p.eps * p.q * p.RT / p.KE
    occupancy = p.Cp / (p.KA + p.Cp)
    stimulus, largest = (tau * occupancy) ** p.n, tau**p.n
    out = {
        "tau": tau,
        "occupancy": occupancy,
        "E": p.Em * stimulus / (1.0 + stimulus),
        "Emax": p.Em * largest / (1.0 + largest),
        "EC50": p.KA / ((2.0 + largest) ** (1.0 / p.n) - 1.0),
        "occupancy_needed": (p.fraction / (1.0 + (1.0 - p.fraction) * largest)) ** (1.0 / p.n),
    }
    return Rewritten(outputs=lambda _t, _y: out, end=1.0)


def _turnover(p, production, loss):
    """A response that turns over, with factors on its production and on its loss."""
    return Rewritten(
        states=("response",),
        start=[p.kin / p.kout],
        rates=lambda _t, y: [p.kin * production - p.kout * loss * y[0]],
        outputs=lambda _t, y: {"site": p.site, "amount(response)": y[0] * p.site},
        end=30.0,
    )


@review("indirect_response")
def indirect_response(p, _start):
    """From the card's equations (Dayneka, Garg and Jusko 1993, model I)."""
    return _turnover(p, 1.0 - _hyperbola(p.Cp, p.Imax, p.IC50), 1.0)


@review("indirect_response_inhibited_loss")
def indirect_response_inhibited_loss(p, _start):
    """From the card's equations (Dayneka, Garg and Jusko 1993, model II)."""
    return _turnover(p, 1.0, 1.0 - _hyperbola(p.Cp, p.Imax, p.IC50))


@review("indirect_response_stimulated_production")
def indirect_response_stimulated_production(p, _start):
    """From the card's equations (Dayneka, Garg and Jusko 1993, model III)."""
    return _turnover(p, 1.0 + _hyperbola(p.Cp, p.Smax, p.SC50), 1.0)


@review("indirect_response_stimulated_loss")
def indirect_response_stimulated_loss(p, _start):
    """From the card's equations (Dayneka, Garg and Jusko 1993, model IV)."""
    return _turnover(p, 1.0, 1.0 + _hyperbola(p.Cp, p.Smax, p.SC50))


@review("homeostatic_feedback")
def homeostatic_feedback(p, _start):
    """From the card's equations (Friberg et al. 2002 for the power, Dayneka et al. 1993 for the turnover)."""
    rest = p.kin / p.kout
    inhibition = _hyperbola(p.Cp, p.Imax, p.IC50)

    def rates(_t, y):
        return [p.kin * (rest / y[0]) ** p.gam * (1.0 - inhibition) - p.kout * y[0]]

    def outputs(_t, y):
        fold = y[0] / rest
        return {"site": p.site, "fold": fold, "inhibition": inhibition, "feedback": fold**-p.gam}

    return Rewritten(("response",), [rest], rates, outputs, end=30.0)


@review("tolerance_feedback")
def tolerance_feedback(p, _start):
    """From the card's equations (Gabrielsson and Peletier 2008: moderator; Friberg et al. 2002: power)."""
    rest = p.kin / p.kout
    inhibition = _hyperbola(p.Cp, p.Imax, p.IC50)

    def rates(_t, y):
        response, moderator = y
        made = p.kin * (rest / moderator) ** p.gam * (1.0 - inhibition)
        return [made - p.kout * response, p.ktol * (response - moderator)]

    def outputs(_t, y):
        feedback = (rest / y[1]) ** p.gam
        return {"site": p.site, "fold": y[0] / rest, "inhibition": inhibition, "feedback": feedback}

    return Rewritten(("response", "moderator"), [rest, rest], rates, outputs, end=120.0)


@review("tolerance_precursor")
def tolerance_precursor(p, _start):
    """From the card's equations (Sharma, Ebling and Jusko 1998)."""
    stimulation = _hyperbola(p.Cp, p.Smax, p.SC50)

    def rates(_t, y):
        response, precursor = y
        used = p.kp * (1.0 + stimulation) * precursor
        return [used - p.kout * response, p.kin - p.ks * precursor - used]

    full = p.kin / (p.ks + p.kp)
    return Rewritten(
        states=("response", "precursor"),
        start=[p.kp * full / p.kout, full],
        rates=rates,
        outputs=lambda _t, _y: {"site": p.site, "stimulation": stimulation},
        end=60.0,
    )


@review("tolerance_antagonist")
def tolerance_antagonist(p, start):
    """From the card's equations (Porchet, Benowitz and Sheiner 1988, with competitive antagonism)."""

    def outputs(_t, y):
        half = p.EC50 * (1.0 + y[0] / p.M50)
        return {"EC50_now": half, "E": p.E0 + _hyperbola(p.Cp, p.Emax, half)}

    return Rewritten(("M",), [start.M], lambda _t, y: [p.ktol * (p.Cp - y[0])], outputs, end=15.0)


@review("transit_compartments")
def transit_compartments(p, _start):
    """From the card's equations (Sun and Jusko 1998, power coefficient one)."""

    def rates(_t, y):
        before = [p.drive, *y[:3]]
        return [(b - m) / p.tau for b, m in zip(before, y, strict=True)]

    return Rewritten(("M1", "M2", "M3", "M4"), [p.baseline] * 4, rates, end=30.0)


@review("neutropenia")
def neutropenia(p, _start):
    """From the card's equations (Friberg et al. 2002)."""
    ktr = 4.0 / p.MTT
    drug = p.slope * p.Cp + _hyperbola(p.Cp, p.Emax, p.EC50) + p.E_added

    def rates(_t, y):
        prol, t1, t2, t3, circ = y
        grow = ktr * prol * ((1.0 - drug) * (p.Circ0 / circ) ** p.gam - 1.0)
        return [grow, ktr * (prol - t1), ktr * (t1 - t2), ktr * (t2 - t3), ktr * (t3 - circ)]

    def outputs(_t, y):
        return {"Edrug": drug, "feedback": (p.Circ0 / y[4]) ** p.gam, "ktr": ktr}

    return Rewritten(("Prol", "T1", "T2", "T3", "Circ"), [p.Circ0] * 5, rates, outputs, end=200.0)
