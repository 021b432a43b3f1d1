"""Every model of the library: valid with units, complete card, and the behaviour its card states."""

from __future__ import annotations

import importlib.util
import re
import sys
import tomllib
from pathlib import Path

import antimony
import libsbml
import numpy as np
import pytest
import roadrunner
from scipy.integrate import solve_ivp

from sbmlqsp.antimony_module import DIRECTIVE
from sbmlqsp.catalogue import card, load

ROOT = Path(__file__).resolve().parents[1]
MODULES = sorted((ROOT / "models" / "modules").glob("*/*.ant"))
SYSTEMS = sorted((ROOT / "models" / "systems").glob("*/*.ant"))
RESERVED = {"time", "simulate", "avogadro", "inf", "infinity", "nan", "notanumber", "pi", "exponentiale", "reset"}


def _closed_forms():
    path = ROOT / "validation" / "analytic" / "pk.py"
    spec = importlib.util.spec_from_file_location("analytic_pk_for_library", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


pk = _closed_forms()


def sbml_of(path):
    """Translate a module by Antimony itself, without the package."""
    antimony.clearPreviousLoads()
    assert antimony.loadAntimonyString(path.read_text()) >= 0, antimony.getLastError()
    text = antimony.getSBMLString(antimony.getMainModuleName())
    antimony.clearPreviousLoads()
    antimony.freeAll()
    return text


def complaints(text):
    document = libsbml.readSBMLFromString(text)
    for category in (libsbml.LIBSBML_CAT_UNITS_CONSISTENCY, libsbml.LIBSBML_CAT_MODELING_PRACTICE):
        document.setConsistencyChecks(category, True)
    document.checkConsistency()
    return [document.getError(i).getMessage() for i in range(document.getNumErrors())]


def module(name):
    return next(p for p in MODULES if p.stem == name)


def runner(text, **values):
    """A fresh engine whose file holds the values: initial assignments then see them."""
    document = libsbml.readSBMLFromString(text)
    for name, value in values.items():
        element = document.getModel().getElementBySId(name)
        assert element is not None, name
        if isinstance(element, libsbml.Compartment):
            element.setSize(value)
        elif isinstance(element, libsbml.Species):
            element.setInitialAmount(value)
        else:
            element.setValue(value)
    r = roadrunner.RoadRunner(libsbml.writeSBMLToString(document))
    r.integrator.relative_tolerance = 1e-10
    r.integrator.absolute_tolerance = 1e-14
    return r


def curve(r, times, *names):
    r.timeCourseSelections = list(names)
    return np.asarray(r.simulate(times=list(times)))[:, 0 if len(names) == 1 else slice(None)]


@pytest.fixture(params=MODULES, ids=lambda p: p.stem)
def path(request):
    return request.param


def test_the_library_has_its_models():
    assert {p.stem for p in MODULES} >= {"one_compartment", "two_compartment", "tmdd_full", "emax", "target_turnover"}
    assert {p.stem for p in SYSTEMS} >= {"theophylline", "mab_tmdd"}


def test_a_module_is_valid_with_units_and_without_a_warning(path):
    assert complaints(sbml_of(path)) == []


def test_a_wrong_unit_would_be_noticed():
    text = sbml_of(module("one_compartment"))
    assert complaints(text.replace('id="CL" name="clearance" value="2.7" units="litre_per_hour"', 'id="CL" units="mg"'))


def test_a_module_declares_the_units_of_the_whole_model(path):
    model = libsbml.readSBMLFromString(sbml_of(path)).getModel()
    assert all(
        [model.isSetTimeUnits(), model.isSetSubstanceUnits(), model.isSetExtentUnits(), model.isSetVolumeUnits()]
    )


def test_a_module_runs_in_the_bare_engine(path):
    result = np.asarray(roadrunner.RoadRunner(sbml_of(path)).simulate(0, 10, 5))
    assert np.isfinite(result).all()


def test_every_symbol_says_what_it_means_and_has_a_proper_id(path):
    model = libsbml.readSBMLFromString(sbml_of(path)).getModel()
    named = [*model.getListOfSpecies(), *model.getListOfParameters(), *model.getListOfCompartments()]
    for element in [*named, *model.getListOfReactions()]:
        assert element.getName(), element.getId()
        assert re.fullmatch(r"[A-Za-z][A-Za-z0-9]*(_[A-Za-z0-9]+)*", element.getId())
        assert element.getId().lower() not in RESERVED
    assert model.getId() == path.stem
    assert re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", path.stem)


def test_every_argument_is_a_port_with_a_direction(path):
    text = path.read_text()
    arguments = re.search(r"model\s+\w+\(([^)]*)\)", text)[1].replace(",", " ").split()
    directed = [name for _, names in DIRECTIVE.findall(text) for name in re.split(r"\s*,\s*", names)]
    assert sorted(arguments) == sorted(directed)


@pytest.mark.parametrize("model", MODULES + SYSTEMS, ids=lambda p: p.stem)
def test_a_card_sources_every_number_and_nothing_else(model):
    facts = card(model.stem)
    given = set(re.findall(r"^ *(?:compartment +)?(\w+) = [-+.\d]", model.read_text(), re.MULTILINE))
    initial_states = set(re.findall(r"species +(\w+) +in", model.read_text()))
    assert set(facts["parameters"]) == given - initial_states
    assert all(p["source"] for p in facts["parameters"].values())
    assert all(facts[key] for key in ("title", "purpose", "equations", "assumptions", "not_for", "references"))
    assert all(r["cited_for"] and r["citation"] for r in facts["references"])
    assert all(re.fullmatch(r"10\.\d{4,9}/\S+", r["doi"]) for r in facts["references"] if "doi" in r)


def test_one_compartment_is_its_closed_form():
    t = np.linspace(0.0, 48.0, 13)
    r = runner(sbml_of(module("one_compartment")), central=100.0)
    expected = pk.bolus(pk.one_compartment(volume=34.0, clearance=2.7), t, dose=100.0)
    np.testing.assert_allclose(curve(r, t, "C"), expected, rtol=1e-7)


def test_two_compartment_is_its_closed_form():
    t = np.linspace(0.0, 84.0, 13)
    r = runner(sbml_of(module("two_compartment")), central=500.0)
    form = pk.two_compartment(central_volume=3.61, clearance=0.2, peripheral_volume=2.75, exchange=0.747)
    np.testing.assert_allclose(curve(r, t, "C"), pk.bolus(form, t, dose=500.0), rtol=1e-7)


def test_absorption_moves_the_whole_dose():
    r = runner(sbml_of(module("first_order_absorption")), depot=10.0)
    got = curve(r, [0.0, 1.0, 40.0], "depot", "central")
    np.testing.assert_allclose(got[:, 0], 10.0 * np.exp(-1.5 * np.array([0.0, 1.0, 40.0])), rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(got.sum(axis=1), 10.0, rtol=1e-9)


@pytest.mark.parametrize(
    ("name", "state", "change", "baseline"),
    [
        ("target_turnover", "R", {"ksyn": 5.0, "kdeg": 0.5}, 10.0),
        ("tmdd_full", "R", {"ksyn": 5.0, "kdeg": 0.5}, 10.0),
        ("indirect_response", "response", {"kin": 8.0, "kout": 0.4}, 20.0),
    ],
)
def test_a_changed_rate_constant_moves_the_baseline_and_it_stays(name, state, change, baseline):
    r = runner(sbml_of(module(name)), **change)
    np.testing.assert_allclose(curve(r, [0.0, 1.0, 50.0], f"[{state}]"), baseline, rtol=1e-9)


def test_turnover_recovers_with_the_half_life_of_its_degradation():
    r = runner(sbml_of(module("target_turnover")))
    r["R"] = 0.0
    got = curve(r, [0.0, np.log(2.0) / 0.2136], "[R]")
    assert got[-1] == pytest.approx(0.5 * 2.64 / 0.2136, rel=1e-7)


def test_binding_keeps_drug_and_target_in_balance():
    r = runner(sbml_of(module("tmdd_full")), central=100.0, ksyn=0.0, kdeg=0.0, kint=0.0)
    r["R"] = 50.0
    got = curve(r, [0.0, 0.01, 0.1, 10.0, 300.0], "central", "R", "RC")
    np.testing.assert_allclose(got[:, 0] + got[:, 2], 100.0, rtol=1e-8)
    np.testing.assert_allclose(got[:, 1] + got[:, 2], 50.0, rtol=1e-8)
    c, free, bound = got[-1] / 3.61
    assert c * free / bound == pytest.approx(0.024 / 2.184, rel=1e-5)


def test_inhibited_response_settles_where_production_meets_loss():
    r = runner(sbml_of(module("indirect_response")), Cp=10.0)
    assert curve(r, [0.0, 200.0], "[response]")[-1] == pytest.approx(100.0 * (1.0 - 0.9 / 2.0), rel=1e-8)


@pytest.mark.parametrize(("cp", "effect"), [(0.0, 0.0), (5.0, 0.5), (15.0, 0.75)])
def test_emax_is_half_at_ec50(cp, effect):
    assert curve(runner(sbml_of(module("emax")), Cp=cp), [0.0, 1.0], "E")[-1] == pytest.approx(effect, rel=1e-12)


@pytest.mark.parametrize("name", [p.stem for p in MODULES + SYSTEMS])
def test_the_package_reads_it_valid_with_units(name):
    model = load(name)
    assert model.id == name
    assert complaints(model.sbml) == []


def test_theophylline_is_its_closed_form_at_any_weight():
    t = np.linspace(0.0, 25.0, 26)
    r = runner(load("theophylline").sbml, absorption__depot=320.0, WT=80.0)
    form = pk.one_compartment(volume=0.4848 * 80.0, clearance=0.03884 * 80.0)
    np.testing.assert_allclose(curve(r, t, "pk__C"), pk.oral(form, t, dose=320.0, ka=1.4907), rtol=1e-6, atol=1e-12)


def test_theophylline_is_the_estimate_from_the_data():
    path = ROOT / "validation" / "estimation" / "theophylline.py"
    spec = importlib.util.spec_from_file_location("estimate_theophylline", path)
    script = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(ROOT / "validation" / "analytic"))
    try:
        spec.loader.exec_module(script)
    finally:
        sys.path.remove(str(ROOT / "validation" / "analytic"))
    found, model = script.estimate(), load("theophylline")
    for name in script.NAMES:
        assert float(model.symbol(name).value) == pytest.approx(found[name], rel=1e-3)
    stated = card("theophylline")["estimation"]
    assert found["rss"] == pytest.approx(stated["residual_sum_of_squares"], abs=1e-3)
    assert found["samples"] == 132


def _antibody(wt):
    """The equations of the card, in scipy's terms: central, peripheral (nmol), R, RC, response (nmol/L)."""
    volume, flow = (wt / 70.0) ** 0.957, (wt / 70.0) ** 0.865
    v1, v2, cl, q = 3.61 * volume, 2.75 * volume, 0.2 * flow, 0.747 * flow

    def slopes(_, y):
        c, c2, free, bound = y[0] / v1, y[1] / v2, y[2], y[3]
        net = 2.184 * c * free - 0.024 * bound
        production = 30.0 * (1.0 - 0.9 * bound / (10.0 + bound))
        exchange = q * (c - c2)
        return [
            -cl * c - exchange - v1 * net,
            exchange,
            2.64 - 0.2136 * free - net,
            net - 0.072 * bound,
            production - 0.3 * y[4],
        ]

    return slopes


@pytest.mark.parametrize(("dose", "wt"), [(140.0, 70.0), (5000.0, 55.0)])
def test_the_antibody_is_the_equations_of_its_card(dose, wt):
    t = np.array([0.0, 0.01, 0.1, 1.0, 5.0, 14.0, 28.0, 84.0])
    start = [dose, 0.0, 2.64 / 0.2136, 0.0, 100.0]
    expected = solve_ivp(_antibody(wt), (0.0, 84.0), start, method="LSODA", t_eval=t, rtol=1e-11, atol=1e-12).y.T
    r = runner(load("mab_tmdd").sbml, pk__central=dose, WT=wt)
    got = curve(r, t, "pk__central", "pk__peripheral", "[target__R]", "[target__RC]", "[marker__response]")
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-7)


def test_the_cards_are_toml_without_values():
    for path in (ROOT / "models").rglob("*.toml"):
        facts = tomllib.loads(path.read_text())
        for name, parameter in facts.get("parameters", {}).items():
            assert "value" not in parameter, (path, name)
            assert "unit" not in parameter, (path, name)
