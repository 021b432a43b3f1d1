"""Models rewritten for a tool: what is rewritten, what is left, and the proof, which a wrong rewrite does not pass."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sbmlqsp as qsp
from sbmlqsp.cli import main
from sbmlqsp.engine.libsbml_rewrite import _table, rewritten
from sbmlqsp.engine.plainer import alternatives, negated, parenthesised, plainer
from sbmlqsp.errors import ModelError, UnsupportedError
from sbmlqsp.exchange.conversion import converting
from sbmlqsp.exchange.conversion.proof import _largest, read_at_start
from sbmlqsp.exchange.conversion.report import WORDS
from sbmlqsp.expressions import evaluate, parse_formula
from sbmlqsp.targets import REWRITES, features_of
from sbmlqsp.targets import table as targets

ONE = "compartment c = 1; species S in c; S = 10; k = 0.3;"
TWO = "compartment c = 2; species S in c, P in c; S = 10; P = 0; k = 0.3;"
DECAY = ONE + "J: S => ; c*k*S;"


def model(body, before=""):
    return qsp.read_antimony(f"{before}\nmodel m\n{body}\nend")


def rewrites(done):
    return list(done.changes.rewrite)


def left(done, *severities):
    return [code.partition(":")[2] for code in done.left[done.left.severity.isin(severities or ["error"])].code]


# --------------------------------------------------------------------------------------------- several rewrites at once
def test_reactions_for_gillespy2():
    done = qsp.convert(
        model(
            TWO + "r := k/(1 + S); q' = -0.1*q; q = 1; $B in c; species B; B = 2;"
            "J: S -> 1.5 P; c*(r*S - 0.1*k*P); J2: $B => S; c*q*mm(B, 2)*arcsinh(time); J3: P => ; 0.1*J2;",
            "function mm(v, K) v/(K + v) end",
        ),
        for_target="gillespy2",
    )
    assert set(rewrites(done)) == {
        "expand-functions", "inline-rates", "inline-rules", "plain-formulas", "time-as-species", "amounts",
        "whole-stoichiometries", "rates-as-reactions", "boundary-as-modifiers",
    }  # fmt: skip
    assert done.complete
    assert done.proof.largest < 1e-6
    assert done.proof.runs == ("as it is", "disturbed")
    network = done.model.network
    assert not network.assignment_rules
    assert not network.rate_rules
    assert all(s.amount_only for s in network.species)
    assert all(p.stoichiometry == 1 for r in network.reactions.values() for p in (*r.reactants, *r.products))


def test_formulas_and_conditions_for_mobi():
    done = qsp.convert(
        model(
            ONE + "J: S => ; c*piecewise(k*min(S, 8), S > 4, k*abs(S)/2)*exp(-k*S/9); J2: => S;"
            "piecewise(2, time - 3*floor(time/3) < 1, 0)*sqrt(k); E: at 1 after (time >= 2.5): k = 0.2;"
        ),
        for_target="mobi",
    )
    assert set(rewrites(done)) >= {"plain-formulas", "steps-as-events", "conditions-as-events", "delays-into-triggers"}
    used = {n.op for _, _, formula in done.model.network.formulas() for n in formula.walk()}
    assert not used & {"piecewise", "floor", "min", "abs", "sqrt"}
    assert done.proof.largest < 1e-6
    assert {e.id for e in done.model.network.events} >= {"E", "switch_1__on", "switch_1__off", "count_1__up"}
    assert all(e.delay is None for e in done.model.network.events)


def test_events_for_simbiology():
    done = qsp.convert(
        model(
            DECAY + "E: at (time >= 0), t0=false: S = S + 5; F: at (time >= 3), priority=2: S = S + 1;"
            "G: at 2 after (time >= 4), fromTrigger=false: S = 2*S; H: at (time >= 0): S = 99;"
        ),
        for_target="simbiology",
    )
    assert rewrites(done) == ["delays-into-triggers", "plain-events", "events-at-start"]
    events = {e.id: e for e in done.model.network.events}
    assert set(events) == {"F", "G"}  # E has become the start, and H never happened
    assert done.model.network.symbols["S"].value == 15
    assert events["F"].priority is None
    assert str(events["G"].trigger) == "time >= 4 + 2"
    assert left(done) == ["level-3-version-2"]


def test_doses_written_as_events_are_left_plain_for_simbiology():
    done = qsp.convert(qsp.with_doses(model(DECAY), "5 into S every 3 x 3"), for_target="simbiology")
    assert left(done) == ["level-3-version-2"]
    assert done.complete  # as write_sbml writes the level
    assert set(rewrites(done)) == {"plain-events", "events-at-start"}
    assert done.proof.largest < 1e-6


def test_conversion_factors_are_folded_and_species_of_rules_become_parameters():
    text = model(TWO + "f = 0.5; T := 2*S; species $T in c; J: S => 2 P; c*k*T;").sbml
    text = text.replace('<species id="S"', '<species id="S" conversionFactor="f"')
    given = qsp.read_sbml(text)
    assert "conversion-factor" in features_of(given)
    done = qsp.convert(given, for_target="mobi")
    assert {"fold-factors", "assigned-as-parameters"} <= set(rewrites(done))
    assert done.model.network.symbols["T"].kind == "parameter"
    assert "conversion-factor" not in features_of(done.model)


# ------------------------------------------------------------------------------------------------------- what is left
def test_what_cannot_be_rewritten_is_left_and_named():
    done = qsp.convert(
        model(DECAY + "E: at 2 after (time >= 3): S = S + 5; F: at (time >= 3), priority=2: S = 2*S;"),
        for_target="simbiology",
    )
    assert rewrites(done) == []
    assert done.proof is None
    assert set(left(done)) == {"level-3-version-2", "event-delay", "event-priority"}
    assert not done.complete
    assert "nothing to rewrite" in done.report()


def test_a_reversible_law_that_does_not_say_its_ways_is_left():
    done = qsp.convert(model(TWO + "J: S -> P; c*k*(S - P/4)*(1 - P/99);"), for_target="gillespy2")
    assert "split-reversible" not in rewrites(done)
    assert left(done, "warning") == ["reversible-law"]


def test_a_rewrite_can_be_left_out_and_another_asked_for():
    given = model(ONE + "r := k/2; J: S => ; c*r*min(S, 4);")
    assert rewrites(qsp.convert(given, for_target="copasi", also=["inline-rules"])) == ["inline-rules"]
    assert rewrites(qsp.convert(given, for_target="mobi", without=["plain-formulas"])) == []
    with pytest.raises(UnsupportedError, match=r"no such rewrite.*inline-rules"):
        qsp.convert(given, for_target="copasi", also=["inline-rule"])
    with pytest.raises(UnsupportedError, match="no such target"):
        qsp.convert(given, for_target="matlab")


def test_what_initial_assignments_read_is_found_through_rules():
    given = model(TWO + "r := S + q; q = 2; x = r*k; J: S => P; c*x*k*S;")
    assert read_at_start(given.network) == {"r", "k", "S", "q"}
    assert qsp.convert(given, for_target="mobi").proof.largest < 1e-6  # S cannot be disturbed where x is a number


def test_ports_outlive_a_rewrite():
    given = qsp.read_antimony("model m(S, r); species S; S = 10; r := 0.1*S; J: S => ; r; end")
    done = qsp.convert(given, for_target="gillespy2")
    assert [p.id for p in done.model.ports] == ["S", "r"]  # the rule of a port is not written out
    assert "assignment-rule" in left(done)


# ---------------------------------------------------------------------------------------------------------- the proof
@pytest.mark.parametrize("wrong", ["0.3001", "0.3"])
def test_a_wrong_rewrite_is_refused(monkeypatch, wrong):
    given = model(ONE + "J: S => ; c*k*min(S, 4);")

    def bad(text, *arguments, **options):
        new, done = rewritten(text, *arguments, **options)
        assert not done or 'value="0.3"' in new
        return new.replace('value="0.3"', f'value="{wrong}"'), done

    monkeypatch.setattr(converting, "rewritten", bad)
    if wrong == "0.3":
        assert qsp.convert(given, for_target="mobi").proof.largest < 1e-6
    else:
        with pytest.raises(ModelError, match=r"another model: k differs by 3\.3e-04"):
            qsp.convert(given, for_target="mobi")


def test_a_difference_of_the_smallest_quantity_is_seen(monkeypatch):
    given = model(ONE.replace("S = 10", "S = 1e-15") + "species P in c; P = 1e-3; J: S => ; c*k*min(S, 1);")

    def bad(text, *arguments, **options):
        new, done = rewritten(text, *arguments, **options)
        return new.replace('initialConcentration="1e-15"', 'initialConcentration="1.0001e-15"'), done

    monkeypatch.setattr(converting, "rewritten", bad)
    with pytest.raises(ModelError, match=r"\(S\) differs by 1.0e-04"):
        qsp.convert(given, for_target="mobi")


def test_rounding_is_no_difference_but_something_from_nothing_is():
    big, small = np.array([1.0, 2.0]), np.array([0.0, 0.0])
    kinds = ["amount in mole"] * 2
    assert _largest(["a", "b"], kinds, [big, small], [big, small + 1e-16])[0] == 0
    assert _largest(["a", "b"], kinds, [big, small], [big, small + 1e-9]) == (np.inf, "b")
    assert _largest(["a", "b"], kinds, [big, small + 1e-15], [big, small + 2e-15])[0] == 0
    assert _largest(["a", "b"], ["state x"] * 2, [big, small + 1e-15], [big, small + 2e-15])[0] == pytest.approx(1.0)
    assert _largest(["a", "b"], ["amount in mole", "amount in item"], [big, small], [big, small + 1e-16])[0] == np.inf
    assert _largest(["a"], ["x"], [np.array([1.0, np.nan])], [np.array([1.0, 2.0])])[0] == np.inf


MATHML = "http://www.w3.org/1998/Math/MathML"


def test_a_model_that_cannot_be_run_is_not_said_to_be_proven():
    text = model(ONE + "J: S => ; c*k*S*sqrt(k);").sbml
    square = (
        "<apply><minus/><apply><power/><ci>q</ci><cn>5</cn></apply><apply><plus/><ci>q</ci><cn>2</cn></apply></apply>"
    )
    rules = f'<listOfRules><algebraicRule><math xmlns="{MATHML}">{square}</math></algebraicRule></listOfRules>'
    text = text.replace("<listOfReactions>", f"{rules}<listOfReactions>")
    text = text.replace("</listOfParameters>", '<parameter id="q" constant="false"/></listOfParameters>')
    with pytest.raises(ModelError, match="cannot be run, so its rewriting cannot be proven"):
        qsp.convert(qsp.read_sbml(text), for_target="mobi")


# ----------------------------------------------------------------------------------------------------------- formulas
FORMULAS = (
    "min(a, b, 1)", "max(a, b)", "abs(a)", "rem(a*3, b)", "quotient(a*3, b)", "sqrt(b)", "log10(b)", "log2(b)",
    "tanh(a)", "cosh(a)", "sinh(a)", "asinh(a)", "acosh(1 + b)", "atanh(a/9)", "sec(a)", "cot(b)", "csch(b)",
    "acoth(2 + b)", "piecewise(1, implies(a > 0, b > 1), 2)", "piecewise(1, xor(a > 0, b > 1), 2)",
    "avogadro/6e23*a", "exp(a*b)/(a*b + 9)^2",
)  # fmt: skip
EVERY = frozenset(
    "min max abs rem quotient sqrt root log10 log sinh cosh tanh asinh acosh atanh sec csc cot csch acoth implies xor "
    "avogadro".split()
)


@pytest.mark.parametrize("text", FORMULAS)
@given(a=st.floats(-3, 3), b=st.floats(0.1, 3))
@settings(max_examples=8, deadline=None)
def test_plainer_formulas_have_the_same_value(text, a, b):
    expr = parse_formula(text)
    for without in (EVERY, EVERY - {"abs"} | {"piecewise"}, frozenset({"min", "max", "piecewise", "abs"})):
        new = parenthesised(plainer(expr, without))
        assert evaluate(new, {"a": a, "b": b}) == pytest.approx(
            float(evaluate(expr, {"a": a, "b": b})), rel=1e-9, abs=1e-9
        )
    left_over = {n.op for n in plainer(expr, EVERY).walk()} & EVERY
    assert left_over <= ({"quotient"} if "rem" in text else set())


@given(a=st.floats(-1, 1), b=st.floats(-1, 1), c=st.floats(-1, 1))
@settings(max_examples=60, deadline=None)
def test_conditions_keep_their_meaning(a, b, c):
    env = {"a": a, "b": b, "c": c}
    for text in ("(a > 0 || b > 0) && c > 0", "!(a > 0 && (b < 0 || c >= 0))", "a > 0 && !(b > 0) || c <= 0"):
        expr = parse_formula(text)
        assert bool(evaluate(alternatives(expr), env)) == bool(evaluate(expr, env))
        assert bool(evaluate(negated(expr), env)) != bool(evaluate(expr, env))
        assert not any(n.op == "and" and any(x.op == "or" for x in n.args) for n in alternatives(expr).walk())


# ----------------------------------------------------------------------------------------------------- the command line
def test_the_command_line_converts_and_reports(tmp_path, capsys):
    source = tmp_path / "m.ant"
    source.write_text(f"model m\n{ONE} J: S => ; c*k*min(S, 4);\nend", encoding="utf-8")
    target = tmp_path / "m.xml"
    assert main(["convert", str(source), str(target), "--for", "mobi"]) == 1  # a parameter has no unit
    said = capsys.readouterr().out
    assert "wrote functions with others: kinetic law of J" in said
    assert "largest relative difference" in said
    assert "<min/>" in model(f"{ONE} J: S => ; c*k*min(S, 4);").sbml
    assert "<min/>" not in target.read_text(encoding="utf-8")
    assert main(["convert", str(source), str(target), "--for", "copasi"]) == 0
    assert "nothing to rewrite" in capsys.readouterr().out
    assert main(["check", str(source), "--for", "simbiology"]) == 1
    assert "MathWorks" in capsys.readouterr().out
    assert main(["convert", str(source), str(target), "--for", "copasi", "--comp"]) == 1
    assert "flat" in capsys.readouterr().err


@pytest.fixture
def old_tool(tmp_path, monkeypatch):
    """A tool whose table has no rows, and the level asked for."""

    def known(level):
        (tmp_path / "old.toml").write_text(f'name = "Old"\nversion = "1"\nlevel = {level}\nrow = []\n')
        monkeypatch.setattr(targets, "TABLES", tmp_path)
        targets.target.cache_clear()
        return "old"

    yield known
    targets.target.cache_clear()


@pytest.mark.parametrize("level", [(3, 1), (2, 5), (2, 4)])
def test_a_tool_gets_the_level_that_it_reads(old_tool, level):
    units = "unit substance = mole; unit volume = litre; unit time_unit = second;"
    done = qsp.convert(model(units + ONE.replace("c = 1", "c = 2") + "J: S => ; c*k*max(S, 4);"), old_tool([*level]))
    assert done.level == level
    text = done.write_sbml(allow_loss=True)
    assert 'level="{}" version="{}"'.format(*level) in text.replace("\n", " ")
    assert "Level {} Version {}".format(*level) in done.report()
    assert qsp.read_sbml(text).network.symbols["S"].value == 10


def test_a_level_that_cannot_say_the_model_is_refused_by_name(old_tool, tmp_path):
    events = "E: at (time >= 3), priority=1: S = S + 5; F: at (time >= 3), priority=2: S = 2*S;"
    done = qsp.convert(model(DECAY + events), old_tool([2, 4]))
    with pytest.raises(UnsupportedError, match="priorit"):
        done.write_sbml(tmp_path / "m.xml", allow_loss=True)
    assert not (tmp_path / "m.xml").exists()
    assert 'version="1"' in qsp.convert(model(DECAY + events), old_tool([3, 1])).write_sbml()
    with pytest.raises(UnsupportedError, match="Level 2 Version 1"):
        qsp.convert(model(DECAY), old_tool([2, 1])).write_sbml()


def test_the_command_writes_the_level_that_the_tool_reads(tmp_path, capsys):
    (tmp_path / "m.ant").write_text(f"model m\n{DECAY}\nend\n")
    assert main(["convert", str(tmp_path / "m.ant"), str(tmp_path / "m.xml"), "--for", "simbiology"]) == 0
    assert 'level="3" version="1"' in (tmp_path / "m.xml").read_text()
    assert "Level 3 Version 1" in capsys.readouterr().out


def test_every_rewrite_is_done_in_the_order_of_the_list_and_has_words():
    assert list(_table((), ())) == list(REWRITES)
    assert set(WORDS) == set(REWRITES)


def test_the_report_says_all_of_it():
    done = qsp.convert(model(DECAY.replace("c*k*S", "c*k*min(S, 4)")), for_target="mobi")
    assert "proven to" in repr(done)
    assert np.isfinite(done.proof.largest)
    for part in ("m for mobi", "kinetic law of J", "proof:", "left: MoBi converts values"):
        assert part in done.report()
