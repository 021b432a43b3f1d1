"""Engine facts B1 to B16: runs through the public face are right, or refused, where the engine alone is wrong."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest
from children import SUITE, child
from hypothesis import given, settings
from hypothesis import strategies as st

import sbmlqsp as qsp
from sbmlqsp import compiled

SBML = 'xmlns="http://www.sbml.org/sbml/level3/version1/core" level="3" version="1"'
MATHML = 'xmlns="http://www.w3.org/1998/Math/MathML"'
COMPARTMENT = '<listOfCompartments><compartment id="c" {}spatialDimensions="3" constant="true"/></listOfCompartments>'
SPECIES = (
    '<listOfSpecies><species id="S" compartment="c" initialAmount="{}" hasOnlySubstanceUnits="false" '
    'boundaryCondition="false" constant="false"/></listOfSpecies>'
)


def sbml(inside: str, root: str = "") -> str:
    return f'<?xml version="1.0" encoding="UTF-8"?><sbml {SBML}{root}><model id="m">{inside}</model></sbml>'


def rules(*formulas: str) -> str:
    each = "".join(f'<assignmentRule variable="k"><math {MATHML}>{f}</math></assignmentRule>' for f in formulas)
    return sbml(
        f'<listOfParameters><parameter id="k" constant="false"/></listOfParameters><listOfRules>{each}</listOfRules>'
    )


def with_law(law: str, reactant: str = "S") -> str:
    return sbml(
        COMPARTMENT.format('size="1" ') + SPECIES.format(1) + '<listOfReactions><reaction id="r" reversible="false" '
        f'fast="false"><listOfReactants><speciesReference species="{reactant}" stoichiometry="1" constant="true"/>'
        f"</listOfReactants><kineticLaw><math {MATHML}>{law}</math></kineticLaw></reaction></listOfReactions>"
    )  # fmt: skip


def run(model: str | qsp.Model, times, of: str = "S", **options) -> np.ndarray:
    model = qsp.read_antimony(model) if isinstance(model, str) else model
    more = {k: options.pop(k) for k in ("subjects", "tolerances") if k in options}
    ds = qsp.simulate(qsp.Experiment(model, times=times, observables=[of], **options), **more)
    return ds[of].to_numpy()[0, :, 0].squeeze()


def test_B1_equal_models_give_equal_numbers():
    """A second live instance loses its root finding in the engine: a mass of 3000 becomes 100."""
    text = "model m; C = 0; k = 1; J: -> C; 100*piecewise(1, time - 24*floor(time/24) < 1, 0); end"
    first, second, seen = qsp.read_antimony(text), qsp.read_antimony(text), []
    for outputs in (["C"], ["C", "k + 0"], ["C"], ["C", "k + 0"]):  # two live engines of one model, by turns
        for model in (first, second):
            ds = qsp.simulate(qsp.Experiment(model, times=[0.0, 360.0, 720.0], observables=outputs))
            seen.append(ds["C"].to_numpy().ravel().tolist())
    assert seen[0] == pytest.approx([0.0, 1500.0, 3000.0], rel=1e-9)
    assert all(s == seen[0] for s in seen), "equal, bit for bit"


@pytest.mark.parametrize(("start", "length"), [(360.3, 5 / 60), (241.3, 24.0), (719.9, 1 / 60)])
def test_B2_no_infusion_is_stepped_over(start: float, length: float):
    """With two output points in 720 h the engine delivers 0 %."""
    window = f"piecewise(1/w, (time >= t1) && (time < t1 + w), 0); t1 = {start!r}; w = {length!r}; end"
    assert run(f"model m; C = 0; J: -> C; {window}", [0, 720], "C")[1] == pytest.approx(1, abs=3e-6)
    assert run(f"model m; C = 0; C' = {window}", [0, 720], "C")[1] == pytest.approx(1, abs=3e-6)
    dose = qsp.Dose(1.0, "C", time=start, duration=length)
    for event in ("", "n = 0; at (C > 0.5): n = 1;"):
        assert run(f"model m; C = 0; J: C -> ; 0*C; {event} end", [0, 720], "C", regimen=dose)[1] == pytest.approx(1)


WEIGHT = "model m; WT = 70; CL = 3*WT; V = 0.5*WT; S = 2*V; k := CL/V; J: S -> ; CL/V*S; end"


def test_B3_a_covariate_reaches_initial_assignments():
    """Setting a weight leaves initial assignments stale in the engine, even after a reset."""
    weights, model = [50.0, 70.0, 90.0], qsp.read_antimony(WEIGHT)
    for name, value in (("S", lambda w: w), ("CL + 0", lambda w: 3 * w), ("V + 0", lambda w: w / 2)):
        got = run(model, [0.0], name, subjects={"WT": weights})
        assert got.tolist() == [value(w) for w in weights]
        assert [float(run(model, [0.0], name, changes={"WT": w})) for w in weights] == got.tolist()


def test_B4_nothing_set_for_one_run_stays():
    """`init()` cannot be undone in the engine, and setting init(S) resets k."""
    model = qsp.read_antimony(WEIGHT)
    plain = run(model, [0, 1]).tolist()
    heavy = run(model, [0, 1], changes={"WT": 140.0})
    both = run(model, [0, 1], changes={"S": 3.0, "CL": 35.0})
    assert heavy == pytest.approx([140.0, 140 * math.exp(-6)], rel=1e-7)
    assert both == pytest.approx([3.0, 3 * math.exp(-1)], rel=1e-7)
    assert run(model, [0, 1]).tolist() == plain


EVERYTHING = qsp.read_antimony(
    "model everything; compartment c = 2, d; d = 1; substanceOnly species A in c, $B in c, P in c; species X in d; "
    "A = a0; a0 = 4*q; q = 1; B = 3; P = 0; X = 2; k = 0.3; j = 2*q; y = 1; y' = -0.1*y*j; var n; n = 0; "
    "J1: A -> P; k*A; J2: $B -> P; 0.01*B*k; J3: X -> ; 0.2*X*d; at (P > 1): n = n + 1, k = 0.6; "
    "at (time >= 2): B = B + 5, d = 3; at 3 after (time >= 4 && q < 2): A = A + n + 1; end"
)
OUTPUTS = ["A", "amount(B)", "P", "X", "y", "n", "k", "j", "d"]
RUNS = {
    "plain": {"times": [0.0, 1.0, 5.0, 9.0]},
    "cut short": {"times": [0.0, 4.5]},  # ends while the delayed event is pending
    "late": {"times": [6.0, 9.0]},
    "no delayed": {"times": [0.0, 5.0, 9.0], "changes": {"q": 2.5}},
    "changed": {"times": [0.0, 5.0], "changes": {"k": 0.05, "d": 7.0, "y": 4.0, "amount(X)": 1.0}},
    "dosed": {"times": [0.0, 3.0, 9.0], "regimen": "5 into A; 2 into B at 1 over 2; 1 into y at 3; 6 into X at 8"},
}


def outcome(name: str) -> bytes:
    ds = qsp.simulate(qsp.Experiment(EVERYTHING, observables=OUTPUTS, **RUNS[name]))
    return b"".join(ds[o].to_numpy().tobytes() for o in OUTPUTS)


@pytest.fixture(scope="module")
def alone() -> dict[str, bytes]:
    found = {}
    for name in RUNS:
        compiled._CACHE.clear()  # a fresh engine, as in a fresh process
        found[name] = outcome(name)
    assert len(set(found.values())) == len(RUNS)
    return found


@settings(max_examples=12, deadline=None, derandomize=True, database=None)
@given(order=st.lists(st.sampled_from(sorted(RUNS)), min_size=4, max_size=9))
def test_B5_B24_B25_no_run_depends_on_earlier_ones(order: list[str], alone: dict[str, bytes]):
    """Resets of the engine keep what events changed, drop or keep pending events, and rewind the rest."""
    for name in order:
        assert outcome(name) == alone[name], f"'{name}' differs after {order}"


TIES = "".join(f"at (time >= 1)TIED: x = 10*x + {i}; " for i in range(1, 5))
LEFTOVERS = {
    "a stoichiometry changed by an event": "var n; n = 1; S = 0; J: -> n S; 1; at (time >= 1): n = n + 1; x := S;",
    "a stoichiometry with a rate rule": "var n; n = 1; n' = 0.5; S = 0; J: -> n S; 1; x := S;",
    "ties without priorities": f"x = 0; y = 1; y' = 0; {TIES.replace('TIED', '')}",
    "ties of one priority": f"x = 0; y = 1; y' = 0; {TIES.replace('TIED', ', priority = 1, fromTrigger = false')}",
}


@pytest.mark.parametrize("name", list(LEFTOVERS))
def test_B24_repeated_runs_are_equal_bit_for_bit(name: str):
    """No reset restores a stoichiometry, and the engine draws the order of simultaneous events by the clock."""
    model = qsp.read_antimony(f"model m; p = 1; z := p; {LEFTOVERS[name]} end")
    assert len({run(model, [0, 0.5, 2, 3], "x").tobytes() for _ in range(8)}) == 1
    together = run(model, [0, 0.5, 2, 3], "x", subjects={"p": [1.0, 1.0, 1.0]})
    assert len({row.tobytes() for row in together}) == 1


def test_B6_settings_work_and_typos_do_not():
    """After unpickling any engine object, setting an attribute does nothing and typos pass."""
    from facts import rr

    engine = rr("model e; k = 1; S = 1; J: S -> ; k*S; end")
    pickle.loads(pickle.dumps(engine))
    text = "model m; k = 1; S = 1; J: S -> ; k*S; end"
    assert run(text, [0, 1], changes={"k": 2.0})[1] == pytest.approx(math.exp(-2), rel=1e-7)
    with pytest.raises(qsp.ExperimentError, match=r"no symbol 'kk' to set.*did you mean 'k'"):
        run(text, [0, 1], changes={"kk": 2.0})


def test_B7_names_like_methods():
    """A parameter called `simulate` breaks that method on every engine instance of the process."""
    names = ["simulate", "reset", "resetAll", "model_", "integrator", "timeCourseSelections", "getValue", "plot"]
    values = "; ".join(f"{n} = {i + 1}" for i, n in enumerate(names))
    plain = qsp.read_antimony(f"model m; S = 1; {values}; J: S -> ; simulate*reset/model_*S; end")
    model = qsp.read_sbml(plain.sbml.replace("model_", "model"))
    other = qsp.read_antimony("model o; S = 1; J: S -> ; S; end")
    for _ in range(2):
        assert run(model, [0, 1], changes={"model": 1.0})[1] == pytest.approx(math.exp(-2), rel=1e-7)
        assert run(other, [0, 1])[1] == pytest.approx(math.exp(-1), rel=1e-7)
        assert run(model, [0.0], "integrator + plot + model") == 17.0
    text = qsp.read_antimony("model m; NaN_ = 2; inf_ = 3; end").sbml
    numbers = qsp.read_sbml(text.replace("NaN_", "NaN").replace("inf_", "inf"))
    assert run(numbers, [0.0], "NaN*inf") == 6.0


ZZ = "http://www.sbml.org/sbml/level3/version1/zz/version1"
INVALID = {
    "a bad id": sbml('<listOfParameters><parameter id="1 bad" value="1" constant="true"/></listOfParameters>'),
    "two rules for one": rules("<cn>1</cn>", "<cn>2</cn>"),
    "a rule for nobody": rules("<cn>1</cn>").replace('id="k"', 'id="j"'),
    "a missing reactant": with_law("<cn>1</cn>", reactant="ghost"),
    "a missing symbol": with_law("<ci>ghost</ci>"),
    "an unknown required package": sbml(COMPARTMENT.format('size="1" '), root=f' xmlns:zz="{ZZ}" zz:required="true"'),
    "1e400 as an amount": sbml(COMPARTMENT.format('size="1" ') + SPECIES.format("1e400")),
    "1e400 in a formula": rules("<cn>1e400</cn>"),
    "two of one id": sbml(COMPARTMENT.format('size="1" ') + SPECIES.format(1).replace('id="S"', 'id="c"')),
}


@pytest.mark.parametrize("name", list(INVALID))
def test_B8_invalid_sbml_is_refused(name: str):
    """The engine simulates it silently."""
    with pytest.raises(qsp.ModelError, match=r"the SBML text"):
        qsp.read_sbml(INVALID[name])


def test_B8_a_missing_volume_is_pointed_out():
    """The engine takes it as 1 without a word."""
    found = qsp.check(qsp.read_sbml(sbml(COMPARTMENT.format("") + SPECIES.format(1))))
    assert "the compartment c has no size" in " ".join(found["message"])


def test_B9_units_are_checked_although_others_are_undeclared():
    """libSBML sees a clash only where all units of the model are declared, the engine never."""
    text = (
        "model m; unit u = 1/second; unit s = second; k = 1; k has u; t = 1; t has s; x := k + t; x has s; "
        "species S; S = 1; J: S -> ; k*S; end"
    )
    found = qsp.check(qsp.read_antimony(text))
    assert "x" in set(found[found["severity"] == "error"]["where"]), found.to_string()
    model = qsp.read_antimony(text)
    for unit in ("mol", "1/s"):
        with pytest.raises(qsp.QSPError, match=r"unit"):
            qsp.Experiment(model, times=[0], observables=[qsp.Observable("t", unit=unit)])
    assert run(model, [0.0], "60*k") == 60.0


CIRCLE = sbml(
    '<listOfParameters><parameter id="a" constant="true"/><parameter id="b" constant="true"/></listOfParameters>'
    f'<listOfInitialAssignments><initialAssignment symbol="a"><math {MATHML}><ci>b</ci></math></initialAssignment>'
    f'<initialAssignment symbol="b"><math {MATHML}><ci>a</ci></math></initialAssignment></listOfInitialAssignments>'
)
CRASHES = {
    "no model": (f"<sbml {SBML}/>", "holds no model"),
    "deep": (with_law("<apply><sin/>" * 6000 + "<ci>S</ci>" + "</apply>" * 6000), "nested more than 200 deep"),
    "wide": (with_law("<apply><plus/>" + "<ci>S</ci>" * 6000 + "</apply>"), "more than 2,000 operands"),
    "circle": (CIRCLE, "circular dependencies"),
    "self": (with_law("<ci>r</ci>"), "circular dependencies"),
    "factorial": (with_law("<apply><factorial/><cn>1e9</cn></apply>"), "stopped at time 0"),
    "factorial rule": (rules("<apply><factorial/><cn>1e9</cn></apply>"), "not finite"),
}


@pytest.mark.parametrize("name", list(CRASHES))
def test_B10_what_crashes_the_engine_is_refused(name: str, tmp_path):
    """Each of these kills the process that gives it to the engine."""
    path, (text, message) = tmp_path / "hostile.xml", CRASHES[name]
    path.write_text(text)
    seen = child(f"""
        import sbmlqsp as qsp
        try:
            model = qsp.read_sbml({str(path)!r})
            shown = "S" if "S" in model.network.symbols else "k"
            qsp.simulate(qsp.Experiment(model, times=[0, 1], observables=[shown]))
        except qsp.QSPError as error:
            say(error)
    """, after=SUITE)  # fmt: skip
    assert message in seen.out, seen


def test_B10_formulas_that_only_just_pass_run():
    """What the limits let through neither crashes the engine nor Python's own stack."""
    wide = rules("<apply><plus/>" + "<cn>1</cn>" * 1999 + "</apply>")
    assert run(qsp.read_sbml(wide), [0, 1], "k").tolist() == [1999.0, 1999.0]
    deep = rules("<apply><abs/>" * 190 + "<cn>-2</cn>" + "</apply>" * 190)
    assert run(qsp.read_sbml(deep), [0, 1], "k").tolist() == [2.0, 2.0]
    assert run("model m; k := factorial(5) + factorial(170)/factorial(169); end", [0.0], "k") == pytest.approx(290.0)
    still = "model m; $S -> ; k; k = 1; S = 1; x := 2*S; end"  # no state at all
    assert run(still, [0, 1], "x").tolist() == [2.0, 2.0]
    assert qsp.steady_state(qsp.read_antimony(still)).values["S"] == 1.0


def test_B11_runs_end_by_themselves():
    """`simulate` of the engine cannot be interrupted, so steps are limited; a clock needs processes of its own."""
    slow = "model m; S = 1; x = 0; J: S -> ; S*sin(1e4*time)^2; end"
    with pytest.raises(qsp.SimulationError, match="used up its steps"):
        run(slow, [0, 1e4], tolerances=qsp.Tolerances(maximum_steps=500))
    with pytest.raises(qsp.ExperimentError, match="processes that can be ended"):
        qsp.simulate(qsp.Experiment(qsp.read_antimony(slow), times=[0, 1]), time_limit=1.0)


def test_B12_samples_at_an_event_or_dose():
    """A sample at the time of an event shows the value after it; at doses "before" can be asked for."""
    event = "model m; S = 1; J: S -> ; 0*S; at (time >= 2): S = 5; end"
    assert run(event, [0, 1, 2, 3, 4]).tolist() == [1, 1, 5, 5, 5]
    dosed = "model m; S = 1; J: S -> ; 0*S; {} end"
    for more in ("", "n = 0; at (time > 99): n = 1;"):
        for side, shown in (("after", [4, 4, 7]), ("before", [1, 4, 4])):
            regimen = "3 into S every 2 x 2"
            assert run(dosed.format(more), [0, 1, 2], regimen=regimen, at_dose=side).tolist() == shown


def test_a_rate_rule_of_a_concentration_where_a_rule_sets_the_size_is_refused():
    model = qsp.read_antimony("model m; compartment C; C := 1 + time; species $S in C; S = 1; S' = 0.5; end")
    for engine in ("roadrunner", "kernel"):
        with pytest.raises(qsp.errors.UnsupportedError, match=r"'S' has a rate rule in a compartment whose size"):
            qsp.simulate(qsp.Experiment(model, times=[0, 1], observables=["S"]), engine=engine)
