"""What SBML says of instants, values that are not finite, stoichiometries, names and packages: done so, or refused."""

from __future__ import annotations

import math

import numpy as np
import pytest

import sbmlqsp as qsp

MATH = 'xmlns="http://www.w3.org/1998/Math/MathML"'
CORE = "http://www.sbml.org/sbml/level3/version2/core"


def sbml(body, attributes="", more=""):
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><sbml xmlns="{CORE}" level="3" version="2" {more}>'
        f'<model id="m" {attributes}>{body}</model></sbml>'
    )


def parameters(*pairs):
    rows = "".join(f'<parameter id="{n}" {f"""value="{v}" """ if v else ""}constant="true"/>' for n, v in pairs)
    return f"<listOfParameters>{rows}</listOfParameters>"


def curve(model, formula, times, **more):
    arm = qsp.Experiment(model, times=times, observables=[qsp.Observable("y", formula)], **more)
    return qsp.simulate(arm, progress=False)["y"].to_numpy()[0, :, 0]


INSTANTS = {
    "time <= 2": [1, 1, 0],
    "time < 2": [1, 0, 0],
    "time > 2": [0, 0, 1],
    "time >= 2": [0, 1, 1],
    "ceil(time)": [1, 2, 3],
    "floor(time)": [0, 2, 2],
}


def test_an_output_at_a_jump_shows_the_value_of_that_very_time():
    formulas = [f if "(" in f else f"piecewise(1, {f}, 0)" for f in INSTANTS]
    rules = "; ".join(f"r{i} := {f}" for i, f in enumerate(formulas))
    model = qsp.read_antimony(f"model m; x = 0; x' = 1; {rules}; end")
    for grid in ([0.5, 2, 2.5], [0.5, 2]):  # in the middle of a run, and at its end
        arm = qsp.Experiment(model, times=grid, observables=[f"r{i}" for i in range(len(formulas))])
        ds = qsp.simulate(arm, progress=False)
        for i, (formula, wanted) in enumerate(INSTANTS.items()):
            assert list(ds[f"r{i}"].to_numpy()[0, 0, 0]) == wanted[: len(grid)], formula


def test_constants_that_the_file_writes_as_not_finite_are_put_out_and_missing_ones_are_not():
    model = qsp.read_sbml(sbml(parameters(("a", "INF"), ("b", "-INF"), ("c", "NaN"), ("d", ""))))
    values = [float(curve(model, name, [0, 1])[0, 1]) for name in "abc"]
    assert values[:2] == [math.inf, -math.inf]
    assert math.isnan(values[2])
    with pytest.raises(qsp.SimulationError, match="'d'; the model gives it no value"):
        curve(model, "d", [0, 1])


def test_a_stoichiometry_that_is_computed_differs_between_subjects():
    model = qsp.read_antimony("model m; var n; p = 2; n := 3*p; S = 0; J: -> n S; k; k = 1; end")
    arm = qsp.Experiment(model, times=[0, 2], observables=["S"])
    found = qsp.simulate(arm, subjects={"p": [1.0, 2.0]}, progress=False)["S"].to_numpy()[0, :, 0, -1]
    np.testing.assert_allclose(found, [6.0, 12.0], rtol=1e-9)


def test_two_stoichiometries_of_one_species_that_are_computed_add():
    # The engine itself does not converge here (suite case 1435).
    model = qsp.read_antimony("model m; var n, o; n := 2; o := 1; S = 1; J: n S + o S -> ; k; k = -1; end")
    np.testing.assert_allclose(curve(model, "S", [0, 1, 2])[0], [1, 4, 7], rtol=1e-9)


def test_a_symbol_called_time_is_not_time():
    model = qsp.read_sbml(
        sbml(
            '<listOfParameters><parameter id="time" value="3" constant="false"/></listOfParameters><listOfRules>'
            f'<rateRule variable="time"><math {MATH}><cn>2</cn></math></rateRule></listOfRules>'
        )
    )
    np.testing.assert_allclose(curve(model, "time", [0, 1, 2])[0], [3, 5, 7], rtol=1e-9)


def test_an_undefined_default_unit_that_nothing_takes_up_is_dropped_and_no_other():
    model = qsp.read_sbml(sbml(parameters(("k", "1")), 'areaUnits="area" extentUnits="ext"'))
    assert "area" not in model.sbml
    with pytest.raises(qsp.ModelError, match="invalid"):
        qsp.read_sbml(sbml(parameters(("k", "1")), 'timeUnits="nonsense"'))


FBC = "http://www.sbml.org/sbml/level3/version1/fbc/version2"


def test_fluxes_of_an_optimum_are_refused_by_name():
    text = sbml(
        '<listOfReactions><reaction id="J" reversible="false"/></listOfReactions><fbc:listOfObjectives '
        'fbc:activeObjective="best"><fbc:objective fbc:id="best" fbc:type="maximize"><fbc:listOfFluxObjectives>'
        '<fbc:fluxObjective fbc:reaction="J" fbc:coefficient="1"/></fbc:listOfFluxObjectives></fbc:objective>'
        "</fbc:listOfObjectives>",
        'fbc:strict="false"',
        f'xmlns:fbc="{FBC}" fbc:required="false"',
    )
    with pytest.raises(qsp.UnsupportedError, match=r"flux balance \(package fbc, objective 'best'\).*'J' has no rate"):
        qsp.read_sbml(text)


def test_a_package_that_changes_the_meaning_is_refused_with_its_first_element():
    qual = "http://www.sbml.org/sbml/level3/version1/qual/version1"
    box = '<listOfCompartments><compartment id="c" constant="true"/></listOfCompartments>'
    species = (
        '<qual:listOfQualitativeSpecies><qual:qualitativeSpecies qual:id="q" qual:compartment="c" '
        'qual:constant="true"/></qual:listOfQualitativeSpecies>'
    )
    with pytest.raises(qsp.UnsupportedError, match=r"'qual' \(its qualitativeSpecies 'q'\)"):
        qsp.read_sbml(sbml(box + species, more=f'xmlns:qual="{qual}" qual:required="true"'))
