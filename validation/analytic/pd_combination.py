"""Two drugs: independent action, additivity and competition, and scores of an observed effect."""

from __future__ import annotations

import numpy as np
from scipy.optimize import brentq

import sbmlqsp as qsp
from validation.cases import Bench, case, holds, same

PAIRS = ((0.0, 0.0), (1.0, 0.0), (0.0, 2.0), (0.3, 0.3), (1.0, 4.0), (50.0, 0.2))


def hill(c: float, emax: float, ec50: float, steepness: float) -> float:
    """Return the effect of one drug alone."""
    return emax / (1.0 + (ec50 / c) ** steepness) if c else 0.0


BLISS_SETS = {
    "typical": {},
    "partial and steep": {"EmaxA": 0.6, "hillA": 4.0, "EC50A": 1e-3, "EmaxB": 0.9, "hillB": 0.5, "EC50B": 7e3},
    "one weak": {"EmaxA": 0.05, "EC50A": 300.0, "EmaxB": 1.0},
}


@case("bliss_combination", rows="S3-14", sets=BLISS_SETS)
def multiplies_what_is_left(b: Bench):
    """What the drugs leave multiplies: 1 - E = (1 - EA)(1 - EB); with one drug E is its own effect."""
    p = b.p
    for x, y in PAIRS:
        seen = b.start({"CA": x * p.EC50A, "CB": y * p.EC50B})
        one, two = hill(x * p.EC50A, p.EmaxA, p.EC50A, p.hillA), hill(y * p.EC50B, p.EmaxB, p.EC50B, p.hillB)
        yield same(f"EA at {x:g}", seen["EA"], one)
        yield same(f"EB at {y:g}", seen["EB"], two)
        yield same(f"E at {x:g}, {y:g}", seen["E"], 1.0 - (1.0 - one) * (1.0 - two), floor=1e-9)


@case("bliss_combination", rows="S3-14")
def scores_an_observed_effect(b: Bench):
    """The synergy score is observed less predicted: above zero synergy, zero independence, below zero antagonism."""
    at = {"CA": b.p.EC50A, "CB": 3.0 * b.p.EC50B}
    for observed, score in ((0.95, 0.075), (0.875, 0.0), (0.6, -0.275)):
        seen = b.start({**at, "observed": observed})
        yield same(f"score of {observed:g}", seen["synergy"], score, floor=1e-3)


@case("bliss_combination", rows="S3-14")
def interacts_where_both_act(b: Bench):
    """psi adds psi EA EB (1 - EA)(1 - EB): nothing without one drug or at a complete effect, and E stays a fraction."""
    p = b.p
    for psi in (-1.0, 1.0):
        seen = b.start({"CA": p.EC50A, "CB": 3.0 * p.EC50B, "psi": psi})
        yield same(f"E with psi {psi:g}", seen["E"], 0.875 + psi * 0.5 * 0.75 * 0.5 * 0.25)
        yield same("independence is unmoved", seen["E_independent"], 0.875)
        alone = b.start({"CA": p.EC50A, "psi": psi})
        yield same("one drug alone", alone["E"], 0.5)
        yield holds("a fraction", 0.0 <= seen["E"] <= 1.0)


LOEWE_SETS = {
    "typical": {},
    "steep": {"hill": 5.0, "EC50A": 1e-4, "EC50B": 3e3, "Emax": 80.0},
    "flat": {"hill": 0.4, "EC50A": 30.0, "EC50B": 2.0, "Emax": 0.7},
}


@case("loewe_combination", rows="S3-14", sets=LOEWE_SETS)
def adds_concentrations_as_dilutions(b: Bench):
    """E solves CA/DA(E) + CB/DB(E) = 1, found here by a root search; alone each drug has its own effect."""
    p = b.p
    for x, y in PAIRS[1:]:
        ca, cb = x * p.EC50A, y * p.EC50B
        seen = b.start({"CA": ca, "CB": cb, "observed": 0.4 * p.Emax})

        def sum_of_shares(logit: float, ca: float = ca, cb: float = cb) -> float:
            stretch = np.exp(logit / p.hill)
            return np.log((ca / p.EC50A + cb / p.EC50B) / stretch)

        odds = np.exp(brentq(sum_of_shares, -60.0, 60.0, xtol=1e-13))
        yield same(f"E at {x:g}, {y:g}", seen["E"], p.Emax * odds / (1.0 + odds))
        if not x * y:
            alone = hill(ca, p.Emax, p.EC50A, p.hill) + hill(cb, p.Emax, p.EC50B, p.hill)
            yield same("one drug alone", seen["E"], alone)
        shares = [c / (e * (0.4 / 0.6) ** (1.0 / p.hill)) for c, e in ((ca, p.EC50A), (cb, p.EC50B))]
        yield same("combination index", seen["combination_index"], sum(shares))
    yield same("no drug", b.start()["E"], 0.0)


@case("loewe_combination", rows="S3-14", sets=LOEWE_SETS)
def knows_a_sham_combination(b: Bench):
    """A drug combined with itself adds to itself, where Bliss independence would call a steep curve synergy."""
    ec50 = b.p.EC50A
    both = b.start({"EC50B": ec50, "CA": 0.4 * ec50, "CB": 0.9 * ec50})
    alone = b.start({"EC50B": ec50, "CA": 1.3 * ec50})
    yield same("the drug with itself", both["E"], alone["E"])
    if b.p.hill > 1.0 and b.p.Emax == 1.0:
        yield holds("Bliss differs", both["EA"] + both["EB"] - both["EA"] * both["EB"] < both["E"])


@case("loewe_combination", rows="S3-14", sets=LOEWE_SETS)
def scores_an_observed_effect_by_dose(b: Bench):
    """An additive effect has the index one and the score zero; more effect has an index below one."""
    at = {"CA": 0.7 * b.p.EC50A, "CB": 0.5 * b.p.EC50B}
    additive = b.start(at)["E"]
    for factor in (0.9, 1.0, 1.05):
        seen = b.start({**at, "observed": factor * additive})
        yield same(f"score at {factor:g}", seen["synergy"], (factor - 1.0) * additive, floor=1e-3 * additive)
        index = seen["combination_index"]
        if factor == 1.0:
            yield same("index of an additive effect", index, 1.0)
        else:
            yield holds(f"index at {factor:g}", (index > 1.0) == (factor < 1.0))


@case("loewe_combination", rows="S3-14", sets=LOEWE_SETS)
def marks_an_effect_that_no_drug_alone_gives(b: Bench):
    """The index falls to zero as the observed effect nears Emax and stays there; the other outputs keep theirs."""
    at = {"CA": 0.7 * b.p.EC50A, "CB": 0.5 * b.p.EC50B}
    usual = b.start(at)
    near = b.start({**at, "observed": b.p.Emax * (1.0 - 1e-12)})
    yield holds("the index is small near Emax", near["reachable"] == 1.0, 0.0 < near["combination_index"] < 0.02)
    for observed, index in ((b.p.Emax, 0.0), (1.7 * b.p.Emax, 0.0), (0.0, -1.0), (-0.1 * b.p.Emax, -1.0)):
        seen = b.start({**at, "observed": observed})
        yield same(f"marks at {observed:g}", [seen["reachable"], seen["combination_index"]], [0.0, index])
        yield same("effects", [seen[k] for k in ("E", "EA", "EB")], [usual[k] for k in ("E", "EA", "EB")])
        yield same("score", seen["synergy"], observed - usual["E"])


ISOBOLE_SETS = {
    "typical": {},
    "different": {"EmaxA": 1.0, "hillA": 3.0, "EC50A": 0.02, "EmaxB": 0.6, "hillB": 0.7, "EC50B": 50.0, "E": 0.3},
    "steep against flat": {"hillA": 8.0, "hillB": 0.4, "EmaxA": 90.0, "EmaxB": 40.0, "E": 11.0},
}


@case("loewe_isobole", rows="S3-14", sets=ISOBOLE_SETS)
def solves_the_general_equation(b: Bench):
    """The E at which the index is one is the additive effect of any two curves, as a root search finds it."""
    p = b.p
    weaker = min(p.EmaxA, p.EmaxB)
    curves = {k: v for k, v in b.changes.items() if k != "E"}
    for x, y in ((0.2, 0.1), (0.05, 0.8), (0.5, 0.3)):
        ca, cb = x * p.EC50A, y * p.EC50B

        def excess(e: float, ca: float = ca, cb: float = cb) -> float:
            one = ca / p.EC50A * (p.EmaxA / e - 1.0) ** (1.0 / p.hillA)
            return one + cb / p.EC50B * (p.EmaxB / e - 1.0) ** (1.0 / p.hillB) - 1.0

        exact = brentq(excess, 1e-12 * weaker, weaker * (1.0 - 1e-15), xtol=1e-16, rtol=1e-14)
        found = qsp.level_for(
            b.model, "E", observable="combination_index", target=1.0, at=0.0,
            changes={**curves, "CA": ca, "CB": cb}, between=(1e-9 * weaker, weaker * (1.0 - 1e-9)),
        )  # fmt: skip
        yield same(f"E at {x:g}, {y:g}", found.value, exact)
        yield same("its index", b.start({"CA": ca, "CB": cb, "E": exact})["combination_index"], 1.0)


@case("loewe_isobole", rows="S3-14", sets=ISOBOLE_SETS)
def draws_the_isobole(b: Bench):
    """The isobole is the straight line between the two single concentrations; beyond A alone no B is needed."""
    p = b.p
    alone = [p.EC50A / (p.EmaxA / p.E - 1.0) ** (1.0 / p.hillA), p.EC50B / (p.EmaxB / p.E - 1.0) ** (1.0 / p.hillB)]
    for share in (0.0, 0.25, 0.9, 1.5):
        seen = b.start({"CA": share * alone[0]})
        yield same("DA and DB", [seen["DA"], seen["DB"]], alone)
        yield same(f"B needed with {share:g} of A", seen["CB_needed"], (1.0 - share) * alone[1])
        yield same("the index of A", seen["combination_index"], share)
    yield holds("no B is needed beyond A alone", seen["CB_needed"] < 0.0)


@case("loewe_isobole", rows="S3-14", sets=ISOBOLE_SETS)
def marks_what_no_drug_alone_gives(b: Bench):
    """Beyond its maximum a drug has no concentration (-1) and adds nothing to the index, without a jump."""
    p = b.p
    curves = {"EmaxA": 2.0, "EmaxB": 1.0, "CA": 0.3 * p.EC50A, "CB": 0.3 * p.EC50B}
    for e in (1.0, 1.3):
        seen = b.start({**curves, "E": e})
        alone = p.EC50A * (e / (2.0 - e)) ** (1.0 / p.hillA)
        yield same(f"A at {e:g}", [seen["DA"], seen["combination_index"]], [alone, 0.3 * p.EC50A / alone])
        yield same("marks", [seen["DB"], seen["CB_needed"], seen["reachable"]], [-1.0, -1.0, 0.0])
    other = b.start({**curves, "EmaxA": 1.0, "EmaxB": 2.0, "E": 1.3})
    alone = p.EC50B * (1.3 / 0.7) ** (1.0 / p.hillB)
    seen = [other[k] for k in ("DA", "DB", "combination_index")]
    yield same("B above A", seen, [-1.0, alone, 0.3 * p.EC50B / alone])
    below, above = (b.start({**curves, "E": e})["combination_index"] for e in (1.0 - 2.0**-43, 1.0))
    share = 0.3 * (2.0**-43 / (1.0 - 2.0**-43)) ** (1.0 / p.hillB)
    yield same("no jump at the smaller maximum", below, above + share)
    for e, index in ((2.0, 0.0), (-0.1, -1.0)):
        seen = b.start({**curves, "E": e})
        yield same(f"neither at {e:g}", [seen[k] for k in ("DA", "DB", "CB_needed", "combination_index", "reachable")],
                   [-1.0, -1.0, -1.0, index, 0.0])  # fmt: skip


COMPETITION_SETS = {
    "typical": {},
    "strong antagonist": {"KB": 1e-4, "KA": 900.0, "EmaxA": 50.0, "E0": 3.0},
    "weak antagonist": {"KB": 1e4, "KA": 0.01},
}


@case("competitive_two_drugs", rows="S3-14", sets=COMPETITION_SETS)
def shifts_the_curve_of_an_agonist(b: Bench):
    """An antagonist shifts the agonist's curve by 1 + CB/KB without lowering its maximum (Schild)."""
    p = b.p
    for y in (0.0, 1.0, 99.0):
        for x in (0.0, 0.3, 1.0, 20.0, 1e9):
            seen = b.start({"CA": x * p.KA * (1.0 + y), "CB": y * p.KB})
            yield same(f"E at {x:g} shifted by {1 + y:g}", seen["E"], p.E0 + p.EmaxA * x / (1.0 + x))
        yield same("dose ratio", seen["dose_ratio"], 1.0 + y)
        half = qsp.level_for(
            b.model, "CA", observable="E", target=p.E0 + 0.5 * p.EmaxA, at=0.0, changes={**b.changes, "CB": y * p.KB}
        )
        yield same("EC50", half.value, p.KA * (1.0 + y))


@case("competitive_two_drugs", rows="S3-14")
def lets_a_partial_agonist_do_both(b: Bench):
    """A partial agonist raises a low effect and lowers a high one; occupancies share the receptors."""
    p, part = b.p, {"EmaxB": 0.4, "CB": 8.0 * b.p.KB}
    for x in (0.0, 0.5, 3.0, 40.0):
        with_b, without = b.start({**part, "CA": x * p.KA}), b.start({"CA": x * p.KA})
        one, two = x / (9.0 + x), 8.0 / (9.0 + x)
        yield same(f"occupancies at {x:g}", [with_b["occupancy_A"], with_b["occupancy_B"]], [one, two])
        yield same(f"E at {x:g}", with_b["E"], p.EmaxA * one + 0.4 * two)
        yield holds(f"direction at {x:g}", (with_b["E"] > without["E"]) == (p.EmaxA * x / (1.0 + x) < 0.4))
