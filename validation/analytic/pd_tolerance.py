"""Feedback and tolerance: exact courses at constant exposure where there are any, numeric references elsewhere."""

from __future__ import annotations

import numpy as np

import sbmlqsp as qsp
from validation.analytic import pk
from validation.cases import Bench, case, holds, model_of, same
from validation.reference import integrate

FEEDBACK_SETS = {
    "typical": {},
    "strong and fast": {"gam": 6.0, "kout": 30.0, "kin": 2000.0, "Imax": 1.0, "IC50": 0.05},
    "none and slow": {"gam": 0.0, "kout": 2e-3, "kin": 0.01, "Imax": 0.4},
}


def inhibition(p, c: float) -> float:
    """Return the fraction of production that the drug takes away."""
    return p.Imax * c / (p.IC50 + c)


# ---------------------------------------------------------------------------------------------- feedback without delay
@case("homeostatic_feedback", rows="S3-03", sets=FEEDBACK_SETS)
def dampens_the_effect_of_a_drug(b: Bench):
    """The fold change goes to (1 - I)^(1/(1 + gam)); fold^(1 + gam) gets there exponentially, exactly."""
    p = b.p
    power = 1.0 + p.gam
    t = np.linspace(0.0, 5.0, 11) / (power * p.kout)
    for r in (0.0, 0.3, 5.0, 200.0):
        left = 1.0 - inhibition(p, r * p.IC50)
        got = b.run(t, "fold", "response", changes={"Cp": r * p.IC50})
        fold = (left + (1.0 - left) * np.exp(-power * p.kout * t)) ** (1.0 / power)
        yield same(f"fold(t) at {r:g} IC50", got["fold"], fold, at=t)
        yield same(f"response(t) at {r:g} IC50", got["response"], p.kin / p.kout * fold)
        rest = b.at_rest({"Cp": r * p.IC50})
        yield same(f"fold at rest, {r:g} IC50", rest["fold"], left ** (1.0 / power))
        yield same(f"feedback at rest, {r:g} IC50", rest["feedback"], left ** (-p.gam / power))
    start = 2.5 * p.kin / p.kout
    back = b.run(t, "response", changes={"response": start})["response"]
    above = (1.0 + (2.5**power - 1.0) * np.exp(-power * p.kout * t)) ** (1.0 / power)
    yield same("return from above", back, p.kin / p.kout * above, at=t)


@case("homeostatic_feedback", rows="S3-03")
def needs_more_drug_for_the_same_effect(b: Bench):
    """The fall to the fraction f needs the inhibition 1 - f^(1 + gam): more with feedback, impossible beyond Imax."""
    p = b.p
    # 40 time constants after the start at least: at rest to 4e-18, and cheaper than a search for each steady state.
    late = 40.0 / p.kout
    for gam in (0.0, 1.0, 3.0):
        needed = 1.0 - 0.7 ** (1.0 + gam)
        answer = qsp.level_for(b.model, "Cp", observable="fold", target=0.7, changes={"gam": gam}, at=late)
        yield same(f"Cp for 70 %, gam {gam:g}", answer.value, p.IC50 * needed / (p.Imax - needed))
    deepest = (1.0 - p.Imax) ** 0.25
    never = qsp.level_for(b.model, "Cp", observable="fold", target=0.9 * deepest, changes={"gam": 3.0}, at=late)
    yield holds("below the deepest fall is impossible", not never.possible)


# --------------------------------------------------------------------------------------------------- delayed feedback
DELAYED_SETS = {
    "typical": {},
    "slow adaptation": {"ktol": 1e-3, "gam": 4.0, "kout": 5.0, "Imax": 1.0},
    "waves": {"ktol": 0.3, "gam": 8.0, "kout": 0.4, "kin": 7.0, "Imax": 0.5},
}


def _moderated(p, left: float):
    base = p.kin / p.kout
    return lambda _, y: [p.kin * (base / y[1]) ** p.gam * left - p.kout * y[0], p.ktol * (y[0] - y[1])]


@case("tolerance_feedback", rows="S3-03", sets=DELAYED_SETS)
def adapts_after_an_early_extreme(b: Bench):
    """At constant drug the response falls furthest early, then recovers to the fold (1 - I)^(1/(1 + gam))."""
    p = b.p
    base, concentration = p.kin / p.kout, 4.0 * p.IC50
    left = 1.0 - inhibition(p, concentration)
    t = np.linspace(0.0, 8.0 / min(p.ktol, p.kout), 41)
    exact = integrate(_moderated(p, left), [base, base], t)
    got = b.run(t, "response", "moderator", changes={"Cp": concentration})
    yield same("response", got["response"], exact[:, 0], at=t)
    yield same("moderator", got["moderator"], exact[:, 1], at=t)
    rest = left ** (1.0 / (1.0 + p.gam))
    yield same("fold at rest", b.at_rest({"Cp": concentration})["fold"], rest)
    run = b.experiment(t, "fold", changes={"Cp": concentration})
    early = qsp.extremum(run, "fold", kind="min")
    yield holds("it overshoots", early.value < 0.98 * rest, early.value > left)
    if p.ktol < 1e-3 * p.kout:
        yield holds("the early level has next to no feedback yet", abs(early.value / left - 1.0) < 0.02)


@case("tolerance_feedback", rows="S3-03", sets=DELAYED_SETS)
def rebounds_after_the_drug(b: Bench):
    """From the adapted state without drug the response rises above its baseline and comes back, as in the reference."""
    p = b.p
    base = p.kin / p.kout
    adapted = base * (1.0 - inhibition(p, 4.0 * p.IC50)) ** (1.0 / (1.0 + p.gam))
    t = np.linspace(0.0, 8.0 / min(p.ktol, p.kout), 41)
    exact = integrate(_moderated(p, 1.0), [adapted, adapted], t)
    changes = {"response": adapted, "moderator": adapted}
    got = b.run(t, "response", changes=changes)["response"]
    yield same("response after the drug", got, exact[:, 0], at=t)
    yield holds("it rebounds", got.max() > 1.02 * base)
    yield same("it comes back", b.at_rest(changes)["response"], base)


# ----------------------------------------------------------------------------------------------- a precursor runs low
PRECURSOR_SETS = {
    "typical": {},
    "complete": {"ks": 0.0, "kp": 0.01, "kout": 20.0, "Smax": 50.0, "SC50": 0.1},
    "equal rates": {"ks": 0.25, "kp": 0.05, "kout": 0.3, "Smax": 0.2, "kin": 1e-3},
}


def _emptied(p, s: float, t, start: tuple[float, float]):
    """Return precursor and response at constant stimulation from any start: two pools in series."""
    use, total = p.kp * (1.0 + s), p.ks + p.kp * (1.0 + s)
    rest = p.kin / total
    precursor = rest + (start[0] - rest) * np.exp(-total * t)
    made = use * rest * t * pk.gain(p.kout * t) + use * (start[0] - rest) * pk.passage(total, p.kout, t)
    return precursor, start[1] * np.exp(-p.kout * t) + made


def _calm(p) -> tuple[float, float]:
    level = p.kin / (p.ks + p.kp)
    return level, p.kp * level / p.kout


@case("tolerance_precursor", rows="S3-03", sets=PRECURSOR_SETS)
def peaks_and_falls_as_the_precursor_goes(b: Bench):
    """Both pools follow two exponentials at constant drug; with ks = 0 the response ends where it began."""
    p = b.p
    for r in (0.0, 1.0, 100.0):
        s = p.Smax * r / (1.0 + r)
        t = np.linspace(0.0, 10.0 / min(p.ks + p.kp, p.kout), 41)
        got = b.run(t, "precursor", "response", changes={"Cp": r * p.SC50})
        precursor, response = _emptied(p, s, t, _calm(p))
        yield same(f"precursor at {r:g} SC50", got["precursor"], precursor, at=t)
        yield same(f"response at {r:g} SC50", got["response"], response, at=t)
        use = p.kp * (1.0 + s)
        rest = b.at_rest({"Cp": r * p.SC50})
        yield same(f"response at rest, {r:g} SC50", rest["response"], p.kin * use / (p.ks + use) / p.kout)
        yield same("what enters leaves", p.kin, p.ks * rest["precursor"] + p.kout * rest["response"])
        if r and p.ks < p.kp:
            yield holds("tolerance: the peak is above the rest", got["response"].max() > 1.0001 * rest["response"])
    if p.ks == 0.0:
        yield same("complete tolerance", rest["response"], _calm(p)[1])


@case("tolerance_precursor", rows="S3-03", sets=PRECURSOR_SETS)
def rebounds_below_its_baseline(b: Bench):
    """After long exposure the response without drug dips below its baseline while the precursor refills."""
    p = b.p
    tired = b.at_rest({"Cp": 50.0 * p.SC50})
    start = (float(tired["precursor"]), float(tired["response"]))
    t = np.linspace(0.0, 10.0 / min(p.ks + p.kp, p.kout), 41)
    got = b.run(t, "response", changes={"precursor": start[0], "response": start[1]})["response"]
    yield same("response after the drug", got, _emptied(p, 0.0, t, start)[1], at=t)
    if p.ks < p.kp:
        yield holds("it dips below its baseline", got.min() < 0.999 * _calm(p)[1])


# ------------------------------------------------------------------------------------------------ a slow antagonist
ANTAGONIST_SETS = {
    "typical": {},
    "fast": {"ktol": 60.0, "EC50": 1e-3, "M50": 5e-3, "Emax": -20.0, "E0": 80.0},
    "slow": {"ktol": 1e-3, "EC50": 300.0, "M50": 1e5},
}


@case("tolerance_antagonist", rows="S3-03", sets=ANTAGONIST_SETS)
def loses_effect_at_a_constant_concentration(b: Bench):
    """At constant Cp the antagonist rises as 1 - exp(-ktol t), and the effect falls to its tolerant level."""
    p, t = b.p, np.linspace(0.0, 6.0, 13) / b.p.ktol
    for c in (0.0, 0.2 * p.EC50, 30.0 * p.EC50):
        got = b.run(t, "M", "E", changes={"Cp": c})
        m = -c * np.expm1(-p.ktol * t)
        yield same(f"M at {c:g}", got["M"], m, at=t)
        yield same(f"E at {c:g}", got["E"], p.E0 + p.Emax * c / (p.EC50 * (1.0 + m / p.M50) + c), at=t)
        rest = p.E0 + p.Emax * c / (p.EC50 + c * (1.0 + p.EC50 / p.M50))
        yield same(f"E at rest, {c:g}", b.at_rest({"Cp": c})["E"], rest)


@case("tolerance_antagonist", rows="S0-29", sets={"typical": {}, "mild": {"M50": 40.0}, "strong": {"M50": 0.1}})
def tells_two_definitions_of_ec50_apart(b: Bench):
    """Tolerant EC50: below the naive one against its own maximum, above it or impossible against the naive maximum."""
    p = b.p
    # 40 time constants after the start: tolerant to 4e-18, and cheaper than a search for each steady state.
    late = 40.0 / p.ktol
    own = qsp.ec50(b.model, "Cp", observable="E", changes=b.changes, definition="own maximum", at=late)
    yield same("EC50, own maximum", own.value, p.EC50 / (1.0 + p.EC50 / p.M50))
    half = 0.5 * p.Emax / (1.0 + p.EC50 / p.M50)
    yield same("effect there, at rest", b.at_rest({"Cp": own.value})["E"], half)
    against_naive = qsp.level_for(b.model, "Cp", observable="E", target=0.5 * p.Emax, changes=b.changes, at=late)
    if p.M50 > p.EC50:
        yield same("EC50, naive maximum", against_naive.value, p.EC50 / (1.0 - p.EC50 / p.M50))
        yield holds("one is lower, one is higher", own.value < p.EC50 < against_naive.value)
    else:
        yield holds("half of the naive maximum is impossible", not against_naive.possible)


@case("tolerance_antagonist", rows="S3-03")
def shows_a_clockwise_loop(b: Bench):
    """After a dose the same concentration does less the second time: effect and antagonist follow their closed form."""
    parts = {"pk": model_of("one_compartment"), "depot": model_of("first_order_absorption"), "pd": b.model}
    links = {"depot.central": "pk.central", "depot.V": "pk.V", "pd.Cp": "pk.C"}
    joined = Bench(qsp.compose("loop", parts, connect=links))
    p, t = joined.p, np.linspace(0.0, 40.0, 81)
    got = joined.run(t, "pk.C", "pd.M", "pd.E", regimen="400 mg into depot.depot")
    body = pk.one_compartment(volume=p.pk_V, clearance=p.pk_CL)
    c = pk.oral(body, t, dose=400.0, ka=p.depot_ka)

    def rates(time: float, y):
        return [p.pd_ktol * (float(pk.oral(body, time, dose=400.0, ka=p.depot_ka)) - y[0])]

    m = integrate(rates, [0.0], t)[:, 0]
    yield same("M", got["pd.M"], m, floor=1e-6, at=t)
    effect = p.pd_E0 + p.pd_Emax * c / (p.pd_EC50 * (1.0 + m / p.pd_M50) + c)
    yield same("E", got["pd.E"], effect, at=t)
    top = int(np.argmax(got["pk.C"]))
    level = 0.6 * got["pk.C"][top]
    up = np.interp(level, got["pk.C"][: top + 1], got["pd.E"][: top + 1])
    down = np.interp(-level, -got["pk.C"][top:], got["pd.E"][top:])
    yield holds("less effect on the way down", down < 0.9 * up)
