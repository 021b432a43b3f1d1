"""Each check is proven on a miniature model broken on purpose, and all are silent on a clean one."""

from __future__ import annotations

import re
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sbmlqsp.baselines import signed_terms
from sbmlqsp.checks import CHECKS, check, summary
from sbmlqsp.compose import compose
from sbmlqsp.engine.libsbml import canonical
from sbmlqsp.engine.libsbml_given import read_given, write_given
from sbmlqsp.engine.libsbml_volumes import read_volumes, write_volumes
from sbmlqsp.engine.network import Network, Participant, Reaction, Symbol
from sbmlqsp.errors import UnsupportedError
from sbmlqsp.expressions import evaluate, parse_formula
from sbmlqsp.issues import COLUMNS, SEVERITIES
from sbmlqsp.model import Model, expose
from sbmlqsp.reading import read_antimony
from sbmlqsp.structure import conserved_sums, find_cycle, unreachable, volume_issues

UNITS = """
  unit substance = 1e-9 mole; unit time_unit = 3600 second; unit volume = litre; unit extent = 1e-9 mole;
  unit per_h = 1/(3600 second); unit nM = 1e-9 mole/litre; unit nM_per_h = 1e-9 mole/(litre*3600 second);
"""
CLEAN = f"""model clean
{UNITS}
  compartment V = 3;
  species R in V;
  ksyn = 5 nM_per_h; kdeg = 0.5 per_h; K = 2 nM; n = 2 dimensionless;
  R = ksyn/kdeg;
  P: => R; V*ksyn;
  D: R => ; V*kdeg*R;
  effect := R^n/(K^n + R^n); effect has dimensionless;
end"""


def codes(model: Model, severity: str | None = None) -> set[str]:
    issues = check(model)
    return set(issues.code if severity is None else issues.code[issues.severity == severity])


def sbml_of(text: str) -> str:
    return read_antimony(text).sbml


def edited(text: str, *changes: tuple[str, str]) -> Model:
    """Return a model whose SBML was edited behind the back of the readers, which would refuse it."""
    sbml = sbml_of(text)
    for old, new in changes:
        assert old in sbml, old
        sbml = sbml.replace(old, new)
    return Model("m", sbml)


def test_a_clean_model_has_no_issues_but_the_columns():
    issues = check(read_antimony(CLEAN))
    assert list(issues.columns) == list(COLUMNS) == ["severity", "code", "where", "message", "remedy"]
    assert issues.empty, issues.to_string()
    assert summary(issues) == "no issues"


# severity, code, where, text: what the text after "model m;" does wrong
BROKEN = [
    ("error", "undefined-unit", "foo", "x = 3 foo; y := x"),
    ("error", "missing-value", "k", "S = 1; J: S => ; k*S"),
    ("error", "not-finite", "J", "S = 1; J: S => ; Vmax*S/Km; Vmax = 1; Km = 0"),
    ("error", "not-finite", "y", "y := ln(x); x = 0"),
    ("error", "volume-not-positive", "V", "compartment V = 0; species S in V; S = 1; J: S => ; k; k = 1"),
    ("error", "unsupported", "y", "S = 1; J: S => ; k*S; k = 1; y := delay(S, 2)"),
    ("warning", "missing-value", "V", "compartment V; species S in V; S = 1; J: S => ; k*S; k = 1"),
    ("warning", "missing-value", "S", "species S; J: => S; k; k = 1"),
    ("warning", "missing-law", "J", "S = 1; J: S => ;"),
    ("warning", "negative-amount", "S", "S = -1; J: S => ; k*S; k = 1"),
    ("warning", "narrow-window", "u", "S = 1; J: S => ; u*S; u := piecewise(1, time >= 240 && time < 240.01, 0)"),
    ("warning", "narrow-window", "E", "S = 1; E: at (time > 100 && 100.001 > time): S = 2"),
    ("warning", "event-at-start", "E", "S = 1; J: S => ; k*S; k = 1; E: at (time >= 0): S = 2"),
    ("warning", "reserved-name", "lambda", "S = 1; J: S => ; lambda*S; lambda = 1"),
    ("warning", "reserved-name", "PI", "S = 1; J: S => ; PI*S; PI = 1"),
    ("warning", "stale-baseline", "R", "R = 10; P: => R; ksyn; D: R => ; kdeg*R; ksyn = 5; kdeg = 0.5"),
    ("warning", "stale-baseline", "x", "x = 10; x' = kin - kout*x; kin = 5; kout = 0.5"),
    ("warning", "frozen-value", "k", "S = 1; J: S => ; k*S; a := 2*S; k = a/3"),
    ("warning", "duplicated-process", "S", "S = 1; a__J: S => ; a__k*S; b__J: S => ; b__k*S; a__k = 1; b__k = 2"),
    ("warning", "unused", "X", "species X; X = 2; S = 1; J: S => ; k*S; k = 1"),
    ("warning", "undeclared-unit", "k", "k = 1; S = 1; J: S => ; k*S; x = 3 litre; y := x"),
    ("info", "undeclared-unit", "m", "S = 1; J: S => ; k*S; k = 1"),
    ("info", "frozen-value", "k", "S = 1; J: S => ; k*S; k = S/3"),
    ("info", "unused", "k2", "S = 1; J: S => ; k*S; k = 1; k2 = 2"),
    ("info", "conserved", "R, C", "L = 1; R = 1; C = 0; J: L + R => C; k*L*R; E: L => ; k*L; k = 1"),
    ("info", "never-present", "depot", "depot = 0; c = 0; J: depot => c; k*depot; E: c => ; k*c; k = 1"),
    ("info", "never-present", "a, b", "a = 0; b = 0; J: a => b; k*a; I: b => a; k*b; E: a => ; k*a; k = 1"),
    ("info", "time-switch", "u", "S = 1; J: S => ; u*S; u := piecewise(1, time < 10, 0)"),
    ("info", "net-rate", "J", "A = 1; B = 2; J: A -> B; k*A - k2*B; k = 1; k2 = 3"),
    ("info", "reserved-name", "simulate", "S = 1; J: S => ; simulate*S; simulate = 1"),
    ("info", "buffered", "S", "species $S; S = 1; P = 0; J: S => P; k*S; D: P => ; k*P; k = 1"),
    ("info", "event-at-start", "E", "S = 1; J: S => ; k*S; k = 1; E: at (S < 2): S = 3"),
    ("info", "unchecked-units", "m", "k = 1; S = 1; J: S => ; k*S; x = 3 litre; y := x"),
]


@pytest.mark.parametrize(("severity", "code", "where", "text"), BROKEN, ids=[f"{b[1]}-{b[2]}" for b in BROKEN])
def test_every_check_catches_its_broken_miniature(severity, code, where, text):
    issues = check(read_antimony(f"model m; {text}; end"))
    found = issues[(issues.code == code) & (issues["where"] == where)]
    assert list(found.severity) == [severity], issues.to_string()
    assert found.message.str.len().min() > 10
    assert found.remedy.str.len().min() > 3


# The nearest sound model of each kind: (the code that must not appear, the text)
SOUND = [
    ("circular", "a := b + 1; b := 2*c; c = 3"),
    ("missing-value", "S = 1; J: S => ; k*S; k := 2*q; q = 1"),
    ("not-finite", "x = 0; y := piecewise(0, x == 0, 1/x)"),
    ("narrow-window", "S = 1; J: S => ; u*S; u := piecewise(1, time >= 24 && time < 25, 0)"),
    ("event-at-start", "S = 1; E: at (time >= 0), t0=false: S = 2"),
    ("event-at-start", "S = 1; E: at (time >= 5): S = 2"),
    ("stale-baseline", "R = 11; P: => R; ksyn; D: R => ; kdeg*R; ksyn = 5; kdeg = 0.5"),
    ("stale-baseline", "R = 10; P: => R; ksyn; D: R => ; kdeg*R; ksyn = kdeg*R; kdeg = 0.5"),
    ("stale-baseline", "R = ksyn/kdeg; P: => R; ksyn; D: R => ; kdeg*R; ksyn = 5; kdeg = 0.5"),
    ("stale-baseline", "A = 1; B = 1; J: A => B; k*A; I: B => A; k*B; k = 1"),
    ("frozen-value", "S = k; J: S => ; k*S; k = a/3; a = 2"),
    ("conserved", "S = 1; J: S => ; k*S; k = 1"),
    ("never-present", "S = 0; J: => S; k; D: S => ; k*S; k = 1"),
    ("never-present", "S = 0; D: S => ; k*S; k = 1; E: at (time > 1): S = 5"),
    ("time-switch", "S = 1; J: S => ; k*S*exp(-time); k = 1"),
    ("net-rate", "A = 1; B = 2; J: A -> B; k*A; k = 1"),
    ("reserved-name", "S = 1; J: S => ; kappa*S; kappa = 1"),
    ("duplicated-process", "S = 1; J1: S => ; k1*S; J2: S => ; k2*S; k1 = 1; k2 = 2"),
    ("not-finite", "x = inf; y := 2*x"),
    ("buffered", "species $S; S = 1; P = 0; J: S => S + P; k*S; D: P => ; k*P; k = 1"),
    ("unused", "S = 1; J: S => ; k*S; k = 1; y := 2*S"),
    ("undefined-unit", "x = 3 litre; y := x"),
]


@pytest.mark.parametrize(("code", "text"), SOUND)
def test_checks_are_silent_on_the_nearest_sound_model(code, text):
    model = read_antimony(f"model m; {text}; end")
    assert code not in codes(model)


def test_invalid_sbml_is_an_error_with_its_line():
    model = edited("model m; S = 1; J: S => ; k*S; k = 1; end", ('value="1"', 'value="1" units="nope"'))
    issues = check(model)
    found = issues[issues.code.str.startswith("sbml-")]
    assert list(found.severity) == ["error"]
    assert re.fullmatch(r"line \d+", found["where"].iloc[0])
    assert issues.severity.iloc[0] == "error", "errors come first"


def test_a_circle_of_definitions_is_an_error_that_names_the_way_round():
    rules = edited("model m; a := b + 1; b := c; c := 2*q; q = 1; end", ("<ci> q </ci>", "<ci> a </ci>"))
    issues = check(rules)
    assert "a → b → c → a" in issues[issues.code == "circular"].message.iloc[0]
    mixed = edited("model m; a = b + 1; b := 2*q; q = 1; end", ("<ci> q </ci>", "<ci> a </ci>"))
    assert "circular" in codes(mixed, "error")


def test_a_law_that_reads_its_own_rate_is_an_error():
    model = edited("model m; S = 1; J: S => ; k*S; k = 1; end", ("<ci> k </ci>", "<ci> J </ci>"))
    assert "self-reference" in codes(model, "error")
    assert "circular" not in codes(model)


def test_fast_reactions_and_algebraic_rules_are_refused():
    text = "model m; S = 1; J: S => ; k*S; k = 1; r := 2^r0 - S; r0 = 0; var r0; end"
    fast = edited(
        text,
        ("level3/version2", "level3/version1"),
        ('version="2"', 'version="1"'),
        ('reversible="false"', 'reversible="false" fast="true"'),
    )
    assert "unsupported" in codes(fast, "error")
    with pytest.raises(UnsupportedError, match="fast reactions: J"):
        canonical(fast.sbml)
    algebraic = edited(
        text, ('<assignmentRule variable="r"', "<algebraicRule"), ("</assignmentRule", "</algebraicRule")
    )
    assert "unsupported" in codes(algebraic, "error")
    assert "unsupported" not in codes(read_antimony(text))


def test_unfed_inputs_of_a_module_are_one_note():
    module = expose(
        read_antimony("model m; S = 1; J: S => ; k*q*S; k = 2; q = 0; end"), k="input", q="input", S="output"
    )
    (row,) = (i for i in check(module).itertuples() if i.code == "unfed-input")
    assert (row.severity, row.where) == ("info", "k, q")
    assert "k = 2" in row.message


def test_unfed_inputs_of_a_composed_model_are_judged_by_what_they_leave_undriven():
    sbml = sbml_of('model m; S = 1; J: S => ; a__k*S; a__k = 2; a__k is "signal of the other part"; end')
    severities = []
    for value in ('value="2"', 'value="0"', ""):
        text = sbml.replace('value="2"', value)
        issues = check(Model("m", text, sbml_comp=text, directions={"a__k": "input"}))
        severities += list(issues[issues.code == "unfed-input"].severity)
    assert severities == ["info", "warning", "error"]


def unfed(model: Model) -> dict[str, str]:
    issues = check(model)
    issues = issues[issues.code == "unfed-input"]
    return {name: row.severity for row in issues.itertuples() for name in row.where.split(", ")}


SIGNALS = f"""model signals
  {UNITS} // @input C
  // @input E0
  // @input kill
  // @input X
  // @output y
  C = 0 nM; E0 = 0 dimensionless; kill = 0 per_h; compartment V = 1; species X in V; X = 0 nM; EC50 = 2 nM;
  y := E0 + C/(EC50 + C); y has dimensionless; J: X => ; kill*X*V;
end"""


def test_only_an_input_that_is_a_signal_is_a_warning_at_zero():
    part = read_antimony(SIGNALS)
    assert set(unfed(part).values()) == {"info"}
    assert unfed(compose("m", {"a": part})) == {"a.C": "warning", "a.X": "warning", "a.E0": "info", "a.kill": "info"}


def test_a_value_given_on_purpose_is_no_issue_in_a_whole_or_in_a_whole_of_wholes():
    inner = compose("m", {"a": read_antimony(SIGNALS)}, set={"a.C": 0, "a.kill": 0.0})
    assert unfed(inner) == {"a.X": "warning", "a.E0": "info"}
    assert unfed(compose("n", {"b": inner})) == {"b.a.X": "warning", "b.a.E0": "info"}
    assert read_given(write_given(inner.sbml, [])) == ()


def test_an_input_that_nothing_reads_is_said_to_be_unread():
    cells = expose(
        read_antimony("model cells; Cp = 0; slope = 1; Edrug := slope*Cp; N = 1; J: N => ; Edrug*N; end"),
        Cp="input", slope="input", Edrug="input",
    )  # fmt: skip
    source = expose(read_antimony("model s; E := 0.5; end"), E="output")
    model = compose("m", {"s": source, "cells": cells}, connect={"cells.Edrug": "s.E"}, delete=["cells.Edrug"])
    issues = check(model)
    found = issues[issues["where"].isin(["cells.Cp", "cells.slope"])]
    assert list(zip(found.severity, found.code, strict=True)) == [("info", "unread-input")] * 2
    assert "nothing reads cells.Cp" in found.message.iloc[0]
    assert not issues.message.str.contains("nothing feeds").any()


def test_parts_that_do_not_reach_the_rest_are_named_with_the_output_that_nothing_reads():
    drug = expose(read_antimony("model drug; A = 1; J: A => ; k*A; k = 1; C := A/2; end"), C="output")
    combo = expose(read_antimony("model combo; CA = 0; CB = 0; E := CA + CB; end"), CA="input", CB="input", E="output")
    cells = expose(read_antimony("model cells; E = 0; N = 1; J: N => ; E*N; end"), E="input", N="output")
    parts = {
        "drugone": drug,
        "drugtwo": drug,
        "combo": combo,
        "cells": cells,
        "blood": cells,
        "skin": cells,
        "gut": cells,
    }
    joined = {"combo.CA": "drugone.C", "combo.CB": "drugtwo.C"}
    apart = {f"{p}.E": "cells.N" for p in ("blood", "skin", "gut")}
    issues = check(compose("m", parts, connect={**joined, **apart}))
    (row,) = issues[issues.code == "unreached-parts"].itertuples()
    assert row.severity == "warning"
    assert row.where == "drugone, drugtwo, combo"
    assert row.message.startswith("nothing reads combo.E: drugone, drugtwo and combo do not reach the rest")
    whole = compose("m", parts, connect={**joined, **apart, "cells.E": "combo.E"})
    assert "unreached-parts" not in codes(whole)


def test_parts_are_joined_by_species_shared_constants_and_places():
    a = expose(
        read_antimony("model a; compartment V = 1; species S in V; S = 1; J: S => ; k*S; k = 1; end"), S="output"
    )
    b = expose(read_antimony("model b; compartment V = 1; species S in V; S = 1; J: => S; k; k = 1; end"), S="input")
    a, b = expose(a, V="output"), expose(b, V="input")
    assert "unreached-parts" in codes(compose("m", {"a": a, "b": b}))
    assert "unreached-parts" not in codes(compose("m", {"a": a, "b": b}, connect={"b.S": "a.S", "b.V": "a.V"}))
    assert "unreached-parts" not in codes(compose("m", {"a": a, "b": b}, share={"k": ["a.k", "b.k"]}))
    assert "unreached-parts" not in codes(compose("m", {"a": a, "b": b}, volumes={"a.V": ["b.V"]}))
    assert "unreached-parts" not in codes(read_antimony("model m; a__x = 1; b__y = 2; end"))


def test_the_stale_baseline_names_the_formula_with_what_cancels_left_out():
    text = "compartment V = 3; species R in V; R = 10; P: => R; V*ksyn*2; D: R => ; kdeg*R*V; ksyn = 5; kdeg = 1"
    issues = check(read_antimony(f"model m; {text}; end"))
    assert "`R = ksyn*2/kdeg`" in issues[issues.code == "stale-baseline"].remedy.iloc[0]
    shared = "model m; R = 10; P: => R; a + b; D: R => ; kdeg*R; a = 2; b = 3; kdeg = 0.5; end"
    issues = check(read_antimony(shared))
    assert "initial assignment" in issues[issues.code == "stale-baseline"].remedy.iloc[0]


def test_flat_ids_are_shown_as_dotted_paths():
    issues = check(read_antimony("model m; pk__S = 1; pk__J: pk__S => ; pk__k*pk__S; pk__k = 1; pk__x = 3; end"))
    assert "pk.x" in set(issues["where"])
    assert not issues.message.str.contains("__").any()


def test_a_target_that_is_no_tool_is_refused():
    with pytest.raises(UnsupportedError, match="no such target"):
        check(read_antimony(CLEAN), "stochastic")


def test_the_summary_counts_with_singular_and_plural():
    model = read_antimony("model m; S = 1; X = 0; J: S => ; k*S; k = 1; a = 1; b = 2; y := a/X; end")
    issues = check(model)
    n = {s: int((issues.severity == s).sum()) for s in SEVERITIES}
    assert summary(issues).startswith(f"{n['error']} error")
    assert ("errors" in summary(issues)) == (n["error"] > 1)
    assert list(issues.severity) == sorted(issues.severity, key=SEVERITIES.index)


def test_every_check_is_a_documented_function():
    assert len(CHECKS) == len(set(CHECKS)) > 20
    assert all(c.__doc__ for c in CHECKS)


# ------------------------------------------------------------------------------------------------------------- volumes
LIVER = "model m; compartment liver = 1.5, hep = 1.0, stel = 0.4; S in hep; S = 1; T in stel; T = 1; end"


def test_parts_larger_than_their_organ_are_an_error_with_the_factor_that_fits():
    organs = {"liver": ("hep", "stel")}
    sound = Model("m", write_volumes(sbml_of(LIVER), organs))
    assert "sub-volumes" not in codes(sound)
    broken = Model("m", write_volumes(sbml_of(LIVER.replace("1.0", "1.6")), organs))
    issues = check(broken)
    (row,) = issues[issues.code == "sub-volumes"].itertuples()
    assert row.severity == "error"
    assert row.where == "liver"
    assert "0.75" in row.remedy


def test_volumes_in_different_units_are_converted_and_unknown_names_reported():
    text = "model m; unit mL = 1e-3 litre; compartment liver = 1.5, hep = 1400; liver has litre; hep has mL; end"
    network = read_antimony(text).network
    assert volume_issues(network, {"liver": ["hep"]}) == []
    assert [i.code for i in volume_issues(network, {"hep": ["liver"]})] == ["sub-volumes"]
    assert "nope" in volume_issues(network, {"liver": ["nope"]})[0].message


def test_the_volumes_annotation_is_read_back_replaced_and_left_out():
    text = sbml_of(LIVER)
    once = write_volumes(text, {"liver": ("hep",)})
    twice = write_volumes(once, {"liver": ("hep", "stel"), "gut": ("lumen",)})
    assert read_volumes(text) == {}
    assert read_volumes(once) == {"liver": ("hep",)}
    assert read_volumes(twice) == {"liver": ("hep", "stel"), "gut": ("lumen",)}
    assert read_volumes(write_volumes(twice, {})) == {}


# ----------------------------------------------------------------------------------------------------------- structure
def network_of(matrix: list[list[int]]) -> Network:
    """Return the network whose stoichiometry matrix (species by reaction) this is."""
    species = {f"s{i}": Symbol(f"s{i}", "species", 1.0, compartment="V") for i in range(len(matrix))}
    reactions = {}
    for j in range(len(matrix[0])):
        column = [(f"s{i}", row[j]) for i, row in enumerate(matrix) if row[j]]
        left = tuple(Participant(s, -float(n)) for s, n in column if n < 0)
        right = tuple(Participant(s, float(n)) for s, n in column if n > 0)
        reactions[f"r{j}"] = Reaction(f"r{j}", left, right, (), None, False)
    return Network("m", "", {"V": Symbol("V", "compartment", 1.0), **species}, reactions)


matrices = st.integers(1, 6).flatmap(
    lambda n: st.lists(st.lists(st.integers(-2, 2), min_size=n, max_size=n), min_size=1, max_size=6)
)


@given(matrices)
@settings(max_examples=150, deadline=None)
def test_conserved_sums_span_the_left_null_space(matrix):
    network = network_of(matrix)
    rows = {s: i for i, s in enumerate(s for s in network.symbols if s != "V" and s in network.stoichiometry)}
    sums = conserved_sums(network)
    full = np.array([matrix[int(s[1:])] for s in rows]) if rows else np.zeros((0, len(matrix[0])))
    assert len(sums) == len(rows) - (np.linalg.matrix_rank(full) if rows else 0)
    vectors = np.array([[total.get(s, 0) for s in rows] for total in sums])
    if sums:
        assert not (vectors @ full).any(), "a sum changes"
        assert np.linalg.matrix_rank(vectors) == len(sums), "sums are not independent"
        assert all(np.gcd.reduce(v) == 1 for v in vectors)


def test_conserved_sums_are_written_without_negative_terms_where_they_can_be():
    text = "model m; E=1; S=1; ES=0; P=0; J: E + S -> ES; k; I: ES -> E + P; k; k=1; end"
    assert conserved_sums(read_antimony(text).network) == [{"E": 1, "ES": 1}, {"S": 1, "ES": 1, "P": 1}]


def test_fractional_stoichiometries_are_exact():
    network = network_of([[-1], [1]])
    thirds = Participant("s1", 1 / 3)
    network = Network(
        "m", "", network.symbols, {"r0": Reaction("r0", (Participant("s0", 1.0),), (thirds,), (), None, False)}
    )
    assert conserved_sums(network) == [{"s0": 1, "s1": 3}]
    assert Fraction(1, 3) * 3 == 1


graphs = st.dictionaries(st.sampled_from("abcdef"), st.lists(st.sampled_from("abcdefg"), max_size=4), max_size=6)


@given(graphs)
def test_find_cycle_finds_a_circle_exactly_where_no_order_exists(graph):
    circle = find_cycle(graph)
    if circle is None:
        left = {k: set(v) & graph.keys() for k, v in graph.items()}
        while free := [k for k, needs in left.items() if not needs & left.keys()]:
            for k in free:
                del left[k]
        assert not left, "there is a circle"
    else:
        assert circle[0] == circle[-1]
        assert len(circle) >= 2
        assert all(b in graph[a] for a, b in pairwise(circle))


def test_find_cycle_survives_a_chain_of_20_000():
    chain = {str(i): [str(i + 1)] for i in range(20_000)}
    assert find_cycle(chain) is None
    assert len(find_cycle({**chain, "20000": ["0"]}) or ()) == 20_002


def test_unreachable_follows_reactions_to_a_fixed_point():
    network = network_of([[-1, 0, 0], [1, -1, 0], [0, 1, 0], [0, 0, -1], [0, 0, 1]])
    assert unreachable(network, ["s0"]) == (["s3", "s4"], ["r2"])
    assert unreachable(network, []) == (["s0", "s1", "s2", "s3", "s4"], ["r0", "r1", "r2"])


@given(st.tuples(*[st.floats(-5, 5) for _ in range(3)]))
def test_signed_terms_add_up_to_the_formula(values):
    env = dict(zip("abc", values, strict=True))
    for text in ("a - (b - c)", "-(a + b)*c", "a*(b - c)/2", "a - b*c", "-(a - b)"):
        formula = parse_formula(text)
        total = sum(sign * float(evaluate(term, env)) for sign, term in signed_terms(formula))
        assert total == pytest.approx(float(evaluate(formula, env)), abs=1e-9)
