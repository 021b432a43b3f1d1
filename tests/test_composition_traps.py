"""Ways in which a composition could give a wrong number without a word: each is right, or refused with a remedy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sbmlqsp.compose import Link, Share, compose
from sbmlqsp.engine import libsbml
from sbmlqsp.errors import CompositionError
from sbmlqsp.model import Model, expose
from sbmlqsp.reading import read_antimony, read_sbml

H = """unit substance = 1e-9 mole; unit extent = 1e-9 mole; unit volume = litre; unit time_unit = 3600 second;
  unit nM = 1e-9 mole/litre; unit per_h = 1/(3600 second);"""
SOURCE = "model a; compartment V = 2; species S in V; S = 3; J: S -> ; 0.5*S*V; end"
INTEGRAL = 3 / 0.5 * (1 - np.exp(-0.5 * 5))  # of the concentration of S over five units of time


def small(text: str, **ports: str) -> Model:
    return expose(read_antimony(text), ports)


def run(model: Model, end: float = 5.0) -> dict[str, np.ndarray]:
    """Amounts and values in the bare engine, of both forms, which must agree."""
    import roadrunner

    assert model.sbml_comp is not None
    flat, again = (roadrunner.RoadRunner(t) for t in (model.sbml, read_sbml(model.sbml_comp).sbml))
    columns = []
    for r in (flat, again):
        r.integrator.relative_tolerance, r.integrator.absolute_tolerance = 1e-11, 1e-14
        ids = [*r.model.getFloatingSpeciesIds(), *r.model.getBoundarySpeciesIds(), *r.model.getGlobalParameterIds()]
        columns.append(dict(zip(ids, np.array(r.simulate(0, end, 51, ["time", *ids])).T[1:], strict=True)))
    for name in columns[0]:
        np.testing.assert_allclose(columns[0][name], columns[1][name], rtol=1e-9, err_msg=name)
    return columns[0]


# -------------------------------------------------------------------------------------- a species that feeds a rate
READER = "model b; Cp = 0; X = 0; K: -> X; 2*Cp; end"


def test_a_species_feeds_a_parameter_that_a_rate_reads() -> None:
    parts = {"a": small(SOURCE, S="output"), "b": small(READER, Cp="input")}
    model = compose("s", parts, connect={"b.Cp": "a.S"})
    np.testing.assert_allclose(run(model)["b__X"][-1], 2 * INTEGRAL, rtol=1e-8)
    assert str(model.network.assignment_rules["b__Cp"]) == "a__S"
    assert not [p for p in libsbml.problems(libsbml.parse(model.sbml)) if p[0] == "error"]


def test_a_parameter_that_a_rate_reads_takes_the_unit_that_wins() -> None:
    source = small(f"model a; {H} compartment V = 2 litre; species S in V; S = 2 nM; end", S="output")
    bare = small(READER.replace("model b;", f"model b; {H}"), Cp="input")
    model = compose("s", {"a": source, "b": bare}, connect={"b.Cp": Link("a.S", wins="source")})
    assert model.symbol("b.Cp").unit.label == "nmol/L"


IN_TEXT = (
    SOURCE.replace("model a;", "model am(S, V)\n// @output S, V\n")
    + "\n"
    + READER.replace("model b;", "model bm(Cp, X)\n// @input Cp\n")
)


@pytest.mark.parametrize(
    ("glue", "symbol", "value"),
    [
        ("b.Cp is a.S;", "b__X", 2 * INTEGRAL),
        ("b.Cp is a.S; D = 0; L: -> D; 3*b.Cp;", "D", 3 * INTEGRAL),
        ("a.S is Sx; D = 0; L: -> D; 3*Sx;", "D", 3 * INTEGRAL),
        ("compartment W = 2; species Q in W; Q = 3; b.Cp is Q; L: Q -> ; 0.5*Q*W;", "b__X", 2 * INTEGRAL),
        ("species D in a.V; D = 1; L: a.S -> D; 0*a.S;", "D", 2.0),
    ],
)
def test_top_levels_read_species_in_rates(glue: str, symbol: str, value: float) -> None:
    model = read_antimony(f"{IN_TEXT} model s(); a: am(); b: bm(); {glue} end")
    np.testing.assert_allclose(run(model)[symbol][-1], value, rtol=1e-8)


# ------------------------------------------------------------------------------------------------------------- values
TURNOVER = "model p; R = ks/kd; ks = 2; kd = 1; J: -> R; ks; K: R -> ; kd*R; end"


@pytest.mark.parametrize("text", [TURNOVER, "model p; R = 2*k; k = 1; R' = -R; end"])
def test_a_value_does_not_vanish_behind_an_initial_assignment(text: str) -> None:
    with pytest.raises(CompositionError, match=r"'p.R' is computed by an initial assignment"):
        compose("s", {"p": small(text)}, set={"p.R": 7})


def test_the_remedy_for_a_computed_value_works() -> None:
    model = compose("s", {"p": small(TURNOVER)}, set={"p.R": 7}, delete=["p.R"])
    assert run(model)["p__R"][0] == 7.0
    ruled = small("model p; A = 5; Cp := A/2; y := 3*Cp; end")
    assert run(compose("s", {"p": ruled}, set={"p.Cp": 2}, delete=["p.Cp"]))["p__y"][0] == 6.0


@pytest.mark.parametrize("text", ["model p; A = 5; x := A/2; y := 3*x; end", "model p; k = 2; x = 3*k; y := x; end"])
def test_a_deleted_formula_leaves_no_missing_value(text: str) -> None:
    with pytest.raises(CompositionError, match=r"'p.x' has no value once its formula is deleted.*set="):
        compose("s", {"p": small(text)}, delete=["p.x"])


CONSTANT = "model p; k = 2; y := k; end"


def test_a_value_that_share_or_connect_overrules_is_refused() -> None:
    p = small(CONSTANT)
    with pytest.raises(CompositionError, match=r"'p.k' was set to 3, but share or connect makes 'k' 7"):
        compose("s", {"p": p, "q": p}, share={"k": Share(["p.k", "q.k"], value=7)}, set={"p.k": 3})
    a, b = small("model a; k = 2; end", k="output"), small("model b; k = 3; y := k; end", k="input")
    with pytest.raises(CompositionError, match=r"'a.k' was set to 5"):
        compose("s", {"a": a, "b": b}, connect={"b.k": Link("a.k", wins="target")}, set={"a.k": 5})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), True, None, [1], "5", "abc"])
def test_what_is_not_a_value_is_refused(value: object) -> None:
    with pytest.raises(CompositionError, match=r"set\['p.k'\].*Expected: a finite number"):
        compose("s", {"p": small(CONSTANT)}, set={"p.k": value})  # type: ignore[dict-item]


def test_values_of_other_things() -> None:
    with pytest.raises(CompositionError, match=r"'p.V' is not positive"):
        compose("s", {"p": small("model p; compartment V = 2; end")}, set={"p.V": 0})
    with pytest.raises(CompositionError, match=r"'p.J' is a reaction"):
        compose("s", {"p": small(TURNOVER)}, set={"p.J": 1})
    steps = small("model p; n = 2; S = 0; P = 10; J: P -> n S; 0.5*P; end")
    np.testing.assert_allclose(run(compose("s", {"p": steps}, set={"p.n": 3}))["p__S"][-1], 30 * (1 - np.exp(-2.5)))


@pytest.mark.parametrize("name", ["pi", "TRUE", "avogadro", "time", "s"])
def test_shared_names_that_mean_something_else(name: str) -> None:
    with pytest.raises(CompositionError, match=r"cannot have this id|both called"):
        compose("s", {"p": small(CONSTANT)}, share={name: ["p.k"]})


# -------------------------------------------------------------------------------------------------------------- units
MG = H.replace("1e-9 mole", "1e-3 gram").replace("nM", "mgl")
IN_MG = f"model am(C)\n// @output C\n {MG} compartment V = 2 litre; species C in V; C = 3 mgl; end\n"
IN_NM = "model bm(u)\n// @input u\n unit nM = 1e-9 mole/litre; u = 1 nM; z := 2*u; z has nM; end\n"


@pytest.mark.parametrize(
    "glue",
    [
        "b.u := 2*a.C",
        "b.u = 2*a.C",
        "b.u' = a.C",
        "at (time > 2): b.u = a.C",
        "unit uM = 1e-6 mole/litre; k = 3 uM; b.u := k",
    ],
)
def test_a_top_level_cannot_set_an_input_in_another_unit(glue: str) -> None:
    with pytest.raises(CompositionError, match=r"of b\.u gives .* where .* is due"):
        read_antimony(f"{IN_MG}{IN_NM} model s(); a: am(); b: bm(); {glue}; end")


def test_a_top_level_converts_with_a_constant_that_has_a_unit() -> None:
    glue = "unit molar = 1e-3 gram/1e-9 mole; M = 0.15 molar; b.u := a.C/M"
    model = read_antimony(f"{IN_MG}{IN_NM} model s(); a: am(); b: bm(); {glue}; end")
    np.testing.assert_allclose(run(model)["b__u"][0], 20.0)


def test_units_of_equal_id_and_different_meaning() -> None:
    a = f"model a; {H} unit c = 1e-9 mole/litre; unit t = 3600 second; x := 3 c + 2 c*(time/1 t); x has c; end"
    b = """model b; unit time_unit = 86400 second; unit c = 1e-6 mole/litre; unit t = 86400 second; u = 0 c;
      y := u + 1 c*(time/2 t); y has c; end"""
    parts = {"a": small(a, x="output"), "b": small(b, u="input")}
    model = compose("s", parts, connect={"b.u": "a.x"}, convert={"a": "day", "b.u": "uM"})
    np.testing.assert_allclose(run(model, 1.0)["b__y"][-1], (3 + 2 * 24) * 1e-3 + 0.5)


def test_another_unit_of_extent_is_named() -> None:
    body = "compartment V = 2 litre; species S in V; S = 3 nM; k = 1 per_h; J: S -> ; k*S*V; end"
    a = small(f"model a; {H} {body}", S="output", V="output")
    b = small(f"model b; {H.replace('extent = 1e-9', 'extent = 1e-6')} {body}", S="input", V="input")
    with pytest.raises(CompositionError, match=r"differ in their unit of extent: umol and nmol"):
        compose("s", {"a": a, "b": b}, connect={"b.S": "a.S", "b.V": "a.V"}, convert={"b": "own units"})


# ---------------------------------------------------------------------------------------------- connections, deletions
def test_an_input_is_not_passed_on_and_a_number_is_set() -> None:
    owner, user = small(SOURCE, S="output", V="output"), small(SOURCE, S="input", V="input")
    connect = {"b.S": "a.S", "b.V": "a.V", "c.S": "b.S", "c.V": "a.V"}
    with pytest.raises(CompositionError, match=r"'b.S' is an input as well.*feed both from a.S"):
        compose("s", {"a": owner, "b": user, "c": user}, connect=connect)
    with pytest.raises(CompositionError, match=r"fed by a number.*set=\{'b.Cp': 3\}"):
        compose("s", {"b": small(READER, Cp="input")}, connect={"b.Cp": "3"})


def test_a_whole_module_may_be_deleted_in_any_order() -> None:
    parts = {"a": small(SOURCE), "p": small(CONSTANT)}
    for order in (["a.V", "a.S", "a.J"], ["a.J", "a__J", "a.S", "a.V"]):
        assert set(compose("s", parts, delete=order).network.symbols) == {"p__k", "p__y"}
    with pytest.raises(CompositionError, match=r"'a.V' cannot be deleted: the species S"):
        compose("s", parts, delete=["a.V", "a.J"])


def test_rescaled_volumes_hold_what_they_say() -> None:
    organ = small("model organ; compartment V = 1; end")
    cell = small("model cell; compartment V = 2; species S in V, T in V; S = 5*f; f = 1; T = 3; end")
    parts, volumes = {"o": organ, "c": cell}, {"o.V": ["c.V"]}
    with pytest.raises(CompositionError, match=r"initial amount of 'c.S' cannot be held"):
        compose("s", parts, volumes=volumes, rescale="amounts")
    model = compose("s", parts, volumes=volumes, rescale="concentrations")
    assert (run(model)["c__S"][0], run(model)["c__T"][0]) == (5.0, 3.0)


# ---------------------------------------------------------------------------------------------------- Antimony texts
@pytest.mark.parametrize(
    ("glue", "message"),
    [
        ("b.Cp is q; q is r; r = 4;", r"two names of the top level are made one \(got 'q is r'\)"),
        ("b.Cp = 1; b.Cp = 2;", r"'b.Cp' is set twice"),
        ("b = 3;", r"instance and a quantity are both called 'b'"),
        ('a.S is "drug";', r"got 'a.S is \"drug\"'"),
        ("a.S := 3;", r"set by reactions of its own part.*by their own ids"),
    ],
)
def test_texts_that_would_lose_something(glue: str, message: str) -> None:
    with pytest.raises(CompositionError, match=f"(?i){message}"):
        read_antimony(f"{IN_TEXT} model s(); a: am(); b: bm(); {glue} end")


def test_a_top_level_does_not_silently_replace_a_computed_start() -> None:
    part = TURNOVER.replace("model p;", "model pm(R, V)\n// @output R, V\ncompartment V = 1; species R in V;")
    text = f"{part} model s(); p: pm(); compartment V = 1; p.V is V; species R in V; R = 7; p.R is R; %s end"
    with pytest.raises(CompositionError, match=r"'p.R' is set by an initial assignment.*delete p.R"):
        read_antimony(text % "")
    assert run(read_antimony(text % "delete p.R;"))["R"][0] == 7.0
    with pytest.raises(CompositionError, match=r"'p.R' is set by an initial assignment.*delete p.R"):
        read_antimony(f"{part} model s(); p: pm(); p.R = 7*f; f = 2; end")


def test_one_function_in_two_files(tmp_path: Path) -> None:
    hill = "function hill(x, k)\n  x/(k + x)%s\nend\n"
    (tmp_path / "a.ant").write_text(hill % "" + "model am(y)\n// @output y\n y := hill(3, 2); end")
    (tmp_path / "b.ant").write_text(hill % "; " + "model bm(u, z)\n// @input u\n u = 1; z := hill(u, 2); end")
    (tmp_path / "c.ant").write_text(hill % "/2" + "model bm(u, z)\n// @input u\n u = 1; z := hill(u, 2); end")
    text = 'import "a.ant"\nimport "%s.ant"\nmodel s(); a: am(); b: bm(); b.u is a.y; end'
    (tmp_path / "s.ant").write_text(text % "b")
    np.testing.assert_allclose(run(read_antimony(tmp_path / "s.ant"))["b__z"][0], 0.6 / 2.6)
    (tmp_path / "t.ant").write_text(text % "c")
    with pytest.raises(CompositionError, match=r"Two functions are called 'hill'"):
        read_antimony(tmp_path / "t.ant")


def test_a_value_set_on_the_source_reaches_the_parts_that_agreed_with_it() -> None:
    owner, user = small(SOURCE, S="output", V="output"), small(SOURCE, S="input", V="input")
    connect = {"b.S": "a.S", "b.V": "a.V"}
    parts = {"a": owner, "b": user}
    model = compose("s", parts, connect=connect, set={"a.V": 5}, delete=["b.J"])
    assert run(model)["a__S"][0] == 15.0
    other = small(SOURCE.replace("V = 2", "V = 3"), S="input", V="input")
    with pytest.raises(CompositionError, match=r"'b.V' is 3 and 'a.V' is 5.*in Antimony"):
        compose("s", {"a": owner, "b": other}, connect=connect, set={"a.V": 5}, delete=["b.J"])


def test_the_order_of_connections_does_not_matter() -> None:
    from itertools import permutations

    owner, user = small(SOURCE, S="output", V="output"), small(SOURCE, S="output", V="input")
    reader = small(SOURCE, S="input", V="input")
    pairs = [("b.V", "a.V"), ("c.S", "b.S"), ("c.V", "a.V")]
    for order in permutations(pairs):
        model = compose("s", {"a": owner, "b": user, "c": reader}, connect=order, delete=["c.J"])
        assert {s.compartment for s in model.network.species} == {"a__V"}
        np.testing.assert_allclose(run(model)["b__S"][-1], 6 * np.exp(-2.5), rtol=1e-8)


def test_constants_of_three_parts_can_be_one_in_text() -> None:
    part = "model pm(V)\n// @input V\n// @output S\n compartment V = 2; species S in V; S = 3; J: S -> ; 0.5*S*V; end\n"
    for glue in ("a.V is b.V; c.V is a.V", "c.V is a.V; b.V is c.V", "a.V is b.V; b.V is c.V; c.V is a.V"):
        model = read_antimony(f"{part} model s(); a: pm(); b: pm(); c: pm(); {glue}; a.V = 4; end")
        assert len({s.compartment for s in model.network.species}) == 1
        assert run(model)["c__S"][0] == 12.0


def test_two_drugs_on_one_target_equal_the_equations_by_hand() -> None:
    from scipy.integrate import solve_ivp

    from sbmlqsp.catalogue import load

    pk, target = load("two_compartment"), load("tmdd_full")
    parts = {"p": pk, "q": expose(pk, V1="input"), "t": target, "u": expose(target, R="input")}
    connect = {"t.central": "p.central", "u.central": "q.central", "u.R": "t.R"}
    connect |= {f"{part}.V1": "p.V1" for part in ("q", "t", "u")}
    start = {"p.central": "100 nM", "q.central": "30 nmol"}
    model = compose("two", parts, connect=connect, delete=["u.synthesis", "u.degradation"], set=start)

    def rates(_: float, y: np.ndarray) -> list[float]:
        c1, p1, c2, p2, r, b1, b2 = y
        v, w = 3.61, 2.75
        x1, x2 = 0.747 * (c1 / v - p1 / w), 0.747 * (c2 / v - p2 / w)
        g, h = 2.184 * c1 * r / v - 0.024 * b1, 2.184 * c2 * r / v - 0.024 * b2
        made = 2.64 * v - 0.2136 * r - g - h
        return [-0.2 * c1 / v - x1 - g, x1, -0.2 * c2 / v - x2 - h, x2, made, g - 0.072 * b1, h - 0.072 * b2]

    y0 = [361, 0, 30, 0, 2.64 / 0.2136 * 3.61, 0, 0]
    y = solve_ivp(rates, (0, 14), y0, "LSODA", rtol=1e-10, atol=1e-12).y[:, -1]
    ours = run(model, 14.0)
    found = [ours[n][-1] for n in ("p__central", "q__central", "t__R", "t__RC", "u__RC")]
    np.testing.assert_allclose(found, y[[0, 2, 4, 5, 6]], rtol=1e-6)
