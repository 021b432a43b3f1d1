"""What SBML says of instants, values that are not finite, stoichiometries, names and packages: done so, or refused."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import numpy as np
import pytest

import sbmlqsp as qsp
from sbmlqsp.expressions import parse_formula

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


# ----------------------------------------------------------------------------------------------------- algebraic rules
def algebraic(text, *rules):
    """Return a model with algebraic rules, each the difference of two formulas of Antimony."""
    names = "; ".join(f"r{i} := {rule}" for i, rule in enumerate(rules))
    written = qsp.read_antimony(f"model m; {text}; {names}; end").sbml
    for i in range(len(rules)):
        written = written.replace(f'<assignmentRule variable="r{i}">', "<algebraicRule>")
        written = re.sub(f'<parameter id="r{i}" [^>]*/>', "", written)
    parts = written.split("<algebraicRule>")
    parts[1:] = [p.replace("</assignmentRule>", "</algebraicRule>", 1) for p in parts[1:]]
    return qsp.read_sbml("<algebraicRule>".join(parts))


POOL = "S = 3; J: S -> ; k*S; k = 0.5; var x, y, z; x = 0; y = 0; z = 0"
DECAY = 3 * np.exp(-0.5 * np.array([0, 1, 2.5]))
SOLVED = {
    "one symbol": (["x + S - 4"], {"x": 4 - DECAY}),
    "a factor that moves": (["x*(k + 1)*S - 2"], {"x": 2 / (1.5 * DECAY)}),
    "a quotient": (["(x - S)/(2*k) + 1"], {"x": DECAY - 1}),
    "pieces": (["piecewise(2*x, S > 1, x) - S"], {"x": np.where(DECAY > 1, DECAY / 2, DECAY)}),
    "two together": (["x + y - S", "x - y - 1"], {"x": (DECAY + 1) / 2, "y": (DECAY - 1) / 2}),
    "three in a chain": (["x - S", "y - 2*x", "z + y - x"], {"x": DECAY, "y": 2 * DECAY, "z": -DECAY}),
    "a rate": (["x - J"], {"x": 0.5 * DECAY}),
}


@pytest.mark.parametrize("name", SOLVED)
def test_linear_algebraic_rules_are_solved(name):
    rules, wanted = SOLVED[name]
    model = algebraic(POOL, *rules)
    assert len(model.network.algebraic_rules) == len(rules)
    for symbol, values in wanted.items():
        np.testing.assert_allclose(curve(model, symbol, [0, 1, 2.5])[0], values, rtol=1e-7)
    back = qsp.read_sbml(qsp.write_sbml(model))
    assert back.network.algebraic_rules == model.network.algebraic_rules, "the rule itself is kept in what is written"


def test_algebraic_rules_and_delays_are_also_read_from_files_in_the_guarded_process(tmp_path):
    path = tmp_path / "m.xml"
    path.write_text(algebraic(f"{POOL}; y2 := delay(k*time, 1)", "x + S - 4").sbml, encoding="utf-8")
    model = qsp.read_sbml(path)
    assert model.network.determined == {"x"}
    assert str(model.network.assignment_rules["y2"]) == "k*(time - 1)"


def test_what_an_algebraic_rule_sets_through_another_rule_is_found():
    model = algebraic(f"{POOL}; w := 3*x + 1", "w - S")
    np.testing.assert_allclose(curve(model, "x", [0, 1, 2.5])[0], (DECAY - 1) / 3, rtol=1e-7)


def test_an_algebraic_rule_feeds_rates_and_subjects():
    model = algebraic("S = 3; J: S -> ; x*S; k = 1; var x", "x - k/2")
    arm = qsp.Experiment(model, times=[0, 2], observables=["S"])
    found = qsp.simulate(arm, subjects={"k": [1.0, 2.0]}, progress=False)["S"].to_numpy()[0, :, 0, 1]
    np.testing.assert_allclose(found, 3 * np.exp([-1.0, -2.0]), rtol=1e-8)


UNSOLVED = {
    "not linear": (["x^2 - S"], r"not linear in 'x'"),
    "two unknowns": (["x + y - S"], r"could determine any of 'x', 'y'"),
    "one rule twice": (["x + y - S", "2*x + 2*y - 2*S"], r"holds or fails whatever"),
    "through a rate": (["x - J2 - 1"], r"not linear in 'x'"),
    "a circle": (["x - rateOf(S)"], r"circle: .*J2"),
}


@pytest.mark.parametrize("name", UNSOLVED)
def test_other_algebraic_rules_are_refused_with_the_reason(name):
    rules, words = UNSOLVED[name]
    model = algebraic(f"{POOL}; J2: -> S; 0.1*x^2", *rules)
    with pytest.raises(qsp.UnsupportedError, match=f"algebraic rule that is not solved.*{words}"):
        curve(model, "S", [0, 1])
    assert "unsupported" in set(qsp.check(model).code)


def test_a_rule_that_a_run_breaks_is_noticed(monkeypatch):
    model = algebraic(POOL.replace("S = 3", "S = 2"), "x + S - 4")
    good = model.network
    wrong = replace(good, assignment_rules={**good.assignment_rules, "x": parse_formula("4.001 - S")})
    monkeypatch.setitem(model.__dict__, "network", wrong)
    with pytest.raises(qsp.SimulationError, match=r"the algebraic rule x \+ S - 4 = 0 does not hold at output 1"):
        curve(model, "S", [0, 1, 7])


# -------------------------------------------------------------------------------------------------------------- delays
DELAYED = {
    "a function of time": ("x := k*time^2; y := delay(x, d)", lambda t: 0.5 * (t - 2) ** 2),
    "through rules": ("w := time + 1; x := 2*w; y := delay(x, d)*k", lambda t: t - 1),
    "a delay that moves": ("x := time; y := delay(x, time/4)", lambda t: 0.75 * t),
    "a delay within": ("x := time; y := delay(delay(x, d), 1)", lambda t: t - 3),
    "a constant": ("y := delay(k, d)", lambda t: 0.5 + 0 * t),
    "a window": ("x := time; y := piecewise(1, delay(x, d) > 0, 0)", lambda t: np.where(t > 2, 1.0, 0.0)),
}


@pytest.mark.parametrize("name", DELAYED)
def test_values_of_the_past_of_what_depends_on_time_alone_are_computed(name):
    text, wanted = DELAYED[name]
    model = qsp.read_antimony(f"model m; k = 0.5; d = 2; {text}; z = 0; z' = y; end")
    times = np.array([0.5, 1, 2, 3.5, 6])
    np.testing.assert_allclose(curve(model, "y", times)[0], wanted(times), rtol=1e-9, atol=1e-12)
    assert "symbols/delay" in qsp.write_sbml(model)


@pytest.mark.parametrize("text", ["x = 1; x' = 1; y := delay(x, 1)", "x = time; y := delay(x, 1)",
                                  "k = 1; y := delay(k, 1); at time > 3: k = 2"])  # fmt: skip
def test_values_of_the_past_that_a_run_alone_can_tell_are_refused(text):
    model = qsp.read_antimony(f"model m; {text}; end")
    with pytest.raises(qsp.UnsupportedError, match=r"'y' uses delay\(\)"):
        curve(model, "y", [0, 1])


def test_beside_values_of_the_past_nothing_may_change_on_the_way():
    model = qsp.read_antimony("model m; k = 0.5; x := k*time; y := delay(x, 1); S = 0; S' = y; end")
    arm = qsp.Experiment(model, times=[0, 1], observables=["S"], regimen="1 into S every 1 ss")
    with pytest.raises(qsp.QSPError, match=r"uses delay\(\)"):
        qsp.simulate(arm, progress=False)
    model = qsp.read_antimony("model m; var k; k = 0.5; y := delay(k, 1); S = 0; S' = y; end")
    arm = qsp.Experiment(model, times=[0, 1], observables=["S"], regimen="1 into k at 0.5")
    with pytest.raises(qsp.UnsupportedError, match="'k' cannot be dosed"):
        qsp.simulate(arm, progress=False)


@pytest.mark.parametrize("engine", ["roadrunner", "kernel"])
@pytest.mark.parametrize("event", ["V = 4, S = 5", "S = 5, V = 4", "S = S + 2, V = 2*V"])
def test_a_concentration_assigned_together_with_the_size_means_the_old_size(event, engine):
    """All is assigned at once, by what holds before: an amount of 5*2, 2.5 in the new size (suite case 1779)."""
    model = qsp.read_antimony(f"model m; compartment V = 2; species S in V; S = 3; at time >= 1: {event}; end")
    arm = qsp.Experiment(model, times=[0, 1, 2], observables=["S", "amount(S)", "V"])
    found = qsp.simulate(arm, engine=engine, progress=False)
    shown = {name: found[name].to_numpy().ravel().tolist() for name in ("S", "amount(S)", "V")}
    assert shown == {"S": [3, 2.5, 2.5], "amount(S)": [6, 10, 10], "V": [2, 4, 4]}
