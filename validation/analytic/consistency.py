"""Units across models: what converts, what is refused, and that a converted connection gives the right numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import sbmlqsp as qsp
from sbmlqsp import units
from validation.analytic import pk
from validation.cases import Bench, case, holds, model_of, same

AVOGADRO = 6.02214076e23
SETS = {
    "antibody": {},
    "peptide in a small cell": {"MW": 1.2e-3, "V_cell": 3e-14, "n_copies": 7.0, "cells": 5e11},
    "huge": {"MW": 5.0, "C_mass": 1e4, "C_molar": 1e-6, "n_copies": 3e8, "V_cell": 5e-9, "cells": 1.0},
}


def refused(kind: type[Exception], call: Callable[..., Any], *args: Any, **more: Any) -> bool:
    """Say whether a call is refused with this kind of error."""
    try:
        call(*args, **more)
    except kind:
        return True
    return False


@case("unit_conversion", rows="S1-41", sets=SETS)
def mass_moles_and_copies(b: Bench):
    """Moles are mass over molar mass, copies are moles times the Avogadro constant."""
    p, got = b.p, b.start()
    grams_per_mole = p.MW * 1e-3 / 1e-9
    yield same("mg/L to nmol/L", got["C_molar_of_mass"], p.C_mass * 1e-3 / grams_per_mole * 1e9)
    yield same("nmol/L to mg/L", got["C_mass_of_molar"], p.C_molar * 1e-9 * grams_per_mole * 1e3)
    yield same("copies to nmol/L in the cell", got["C_cell"], p.n_copies / AVOGADRO / p.V_cell * 1e9)
    yield same("copies to nmol/L in the tissue", got["C_tissue"], p.n_copies * p.cells / AVOGADRO * 1e9)
    text = b.start({"MW": f"{grams_per_mole} g/mol", "V_cell": f"{p.V_cell * 1e12} pL"})
    yield same("values given in other units", text["C_cell"], got["C_cell"])
    yield same("molar mass in g/mol", text["C_molar_of_mass"], got["C_molar_of_mass"])


@case("unit_conversion", rows="S1-41", sets=SETS)
def there_and_back(b: Bench):
    """A conversion and its inverse give back what was given."""
    p, got = b.p, b.start()
    back = b.start({"C_mass": got["C_mass_of_molar"], "C_molar": got["C_cell"]})
    yield same("amount", back["C_molar_of_mass"], p.C_molar)
    yield same("copies", back["n_of_molar"], p.n_copies)
    yield same("copies by tissue", b.start({"C_molar": got["C_tissue"]})["n_of_tissue"], p.n_copies)


QUANTITIES = (
    (5.0, "mg/L", "nmol/L", "500 g/mol", 5.0 / 500.0 * 1e6),
    (3.0, "nM", "ug/mL", "150 kDa", 3.0 * 150e3 * 1e-9 * 1e3),
    (70.0, "mg", "umol", "18.015 g/mol", 70.0 / 18.015 * 1e3),
    (2.0, "mL/min", "L/h", None, 0.12),
    (0.4, "1/h", "1/day", None, 9.6),
    (1.0, "1/(nM*s)", "L/(nmol*day)", None, 86400.0),
    (7.0, "week", "min", None, 70560.0),
    (250.0, "uL", "L", None, 2.5e-4),
    (8.0, "nmol*h/L", "mg*min/L", "146 kDa", 8.0 * 146e3 * 1e-9 * 1e3 * 60.0),
)
NOT_ALIKE = (("mg/L", "nmol/L"), ("mg", "L"), ("L/h", "L/h/kg"), ("h", "mg"), ("molecules", "nmol"))


@case("unit_conversion", rows="S1-41")
def quantities_convert_or_are_refused(b: Bench):
    """Mass, moles, volumes, times and rates convert; mass to moles only with a molar mass; the rest is refused."""
    del b
    for value, source, target, mass, expected in QUANTITIES:
        yield same(f"{value:g} {source}", units.convert(value, source, target, molar_mass=mass), expected)
        back = units.convert(expected, target, source, molar_mass=mass)
        yield same(f"{value:g} {source}, back", back, value)
    for source, target in NOT_ALIKE:
        yield holds(f"{source} is not {target}", refused(qsp.UnitError, units.convert, 1.0, source, target))


@case("driven_clearance", rows=("S1-41", "M-07"))
def a_connection_of_unlike_units_is_refused(b: Bench):
    """mg/L do not feed nmol/L without a molar mass, nor hours days; with both the numbers are right."""
    parts = {"pk": b.model, "pd": model_of("indirect_response")}
    link = {"pd.Cp": "pk.C"}
    refusal = (qsp.CompositionError, qsp.compose, "joined", parts)
    yield holds("neither", refused(*refusal, connect=link))
    yield holds("no molar mass", refused(*refusal, connect=link, convert={"pk": "day"}))
    yield holds("no time", refused(*refusal, connect=link, convert={"pd.Cp": "500 g/mol"}))
    yield holds("a volume", refused(*refusal, connect={"pd.Cp": "pk.V"}, convert={"pk": "day", "pd.Cp": "500 g/mol"}))
    whole = Bench(qsp.compose("joined", parts, connect=link, convert={"pk": "day", "pd.Cp": "500 g/mol"}))
    t = np.linspace(0.0, 2.0, 9)
    got = whole.run(t, "pk.C", "pd.Cp", regimen="60 mg into pk.central")
    body = pk.one_compartment(volume=b.p.V, clearance=24.0 * b.p.theta)
    exact = pk.bolus(body, t, dose=60.0)
    yield same("mg/L over days", got["pk.C"], exact, at=t)
    yield same("nmol/L", got["pd.Cp"], exact / 500.0 * 1e6, at=t)


@case("driven_clearance", rows=("S1-41", "M-07"), sets={"typical": {}, "large": {"V": 900.0}, "fast": {"theta": 55.0}})
def doses_and_values_in_other_units(b: Bench):
    """A dose in grams, micrograms or moles with a molar mass is the same dose; other dimensions are refused."""
    t = np.linspace(0.0, 12.0, 7)
    exact = pk.bolus(pk.one_compartment(volume=b.p.V, clearance=b.p.theta), t, dose=60.0)
    for text in ("60 mg", "0.06 g", "60000 ug", "0.12 mmol"):
        mass = " molar mass 500 g/mol" if "mol" in text else ""
        yield same(text, b.run(t, "C", regimen=f"{text} into central{mass}")["C"], exact, at=t)
    slow = b.run(t, "C", regimen="60 mg into central", changes={"theta": f"{b.p.theta * 1000 / 60} mL/min"})["C"]
    yield same("a clearance in mL/min", slow, exact, at=t)
    for regimen in ("0.12 mmol into central", "60 L into central", "60 mg into C"):
        yield holds(f"refused: {regimen}", refused(qsp.QSPError, b.run, t, "C", regimen=regimen))
    yield holds("a clearance in mg is refused", refused(qsp.QSPError, b.run, t, "C", changes={"theta": "3 mg"}))
