"""Engine facts B1 to B16: what libRoadRunner makes of models and runs, measured without this package."""

from __future__ import annotations

import math

import numpy as np
import pytest
from children import ENGINES, child
from facts import ant_error, ant_flat, document, pin, rr

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

DECAY = "model m() k = 1; species S; S = 1; J: S -> ; k*S; end"
L3V1 = 'xmlns="http://www.sbml.org/sbml/level3/version1/core" level="3" version="1"'
MATHML = 'xmlns="http://www.w3.org/1998/Math/MathML"'
COMPARTMENT = '<listOfCompartments><compartment id="c" size="1" constant="true"/></listOfCompartments>'
SPECIES = (
    '<listOfSpecies><species id="S" compartment="c" initialAmount="{}" hasOnlySubstanceUnits="false" '
    'boundaryCondition="false" constant="false"/></listOfSpecies>'
)
PARAMETER = '<listOfParameters><parameter id="k" value="{}" constant="false"/></listOfParameters>'


def sbml(inside: str, root: str = "") -> str:
    return f'<?xml version="1.0" encoding="UTF-8"?><sbml {L3V1}{root}><model id="m">{inside}</model></sbml>'


def rule(variable: str, formula: str) -> str:
    return f'<assignmentRule variable="{variable}"><math {MATHML}>{formula}</math></assignmentRule>'


def with_law(law: str, reactant: str = "S") -> str:
    return sbml(
        COMPARTMENT
        + SPECIES.format(1)
        + '<listOfReactions><reaction id="r" reversible="false" fast="false"><listOfReactants>'
        + f'<speciesReference species="{reactant}" stoichiometry="1" constant="true"/></listOfReactants>'
        + f"<kineticLaw><math {MATHML}>{law}</math></kineticLaw></reaction></listOfReactions>"
    )


def crashes(code: str, *, reaches: str = "") -> bool:
    seen = child(code, after=ENGINES)
    return seen.crashed and seen.out == reaches


def last(runner, *arguments) -> float:
    return float(runner.simulate(*arguments)[-1, 1])


def pulse(start: float, length: float) -> str:
    """A rate that delivers 1 in all."""
    window = f"(time >= {start!r}) && (time < {start + length!r})"
    return f"model m() C = 0; J: -> C; piecewise({1 / length!r}, {window}, 0); end"


def test_B1_second_instance_differs():
    """A second live instance of one SBML loses its root finding. The suite gives equal numbers to equal models."""
    import roadrunner

    daily = "piecewise(100, (time >= 24) && (time < 25), 100, (time >= 48) && (time < 49), 0)"
    text = ant_flat(f"model m() C = 0; J: -> C; {daily}; end")
    first, second = rr(text), rr(text)
    pin(first.model.getNumPiecewiseTriggers() > 0, "B1: the first instance finds the roots of piecewise")
    pin(second.model.getNumPiecewiseTriggers() == 0, "B1: the second live instance does not")
    pin(abs(last(first, 0, 720, 31) - 200) < 1, "B1: the first instance delivered 200")
    pin(last(second, 0, 720, 31) == 0, "B1: the second instance delivered nothing, without a word")
    options = roadrunner.LoadSBMLOptions()
    options.recompile = True
    third = roadrunner.RoadRunner(text, options)
    pin(third.model.getNumPiecewiseTriggers() > 0, "B1: loading with `recompile` keeps the root finding")


@pytest.mark.parametrize(("start", "length"), [(360.3, 5 / 60), (241.3, 24.0)])
def test_B2_short_or_late_infusions_are_skipped(start: float, length: float):
    """CVODE skips a piecewise infusion; events and split runs are right. The suite cuts runs at discontinuities."""
    runner = rr(pulse(start, length))
    pin(runner.model.getNumPiecewiseTriggers() > 0, "B2: this instance has its root finding")
    pin(last(runner, 0, 720, 2) == 0, "B2: the infusion was skipped entirely")
    runner.resetToOrigin()
    runner.simulate(0, start, 2)
    runner.simulate(start, start + length, 2)
    pin(abs(last(runner, start + length, 720, 2) - 1) < 1e-4, "B2: a run split at the breakpoints delivered all")
    events = f"at (time >= {start!r}): R = {1 / length!r}; at (time >= {start + length!r}): R = 0;"
    by_events = rr(f"model m() C = 0; R = 0; J: -> C; R; {events} end")
    pin(abs(last(by_events, 0, 720, 2) - 1) < 1e-6, "B2: events delivered all")


def test_B2_a_maximum_step_is_no_cure():
    """A maximum step of 1 h still skips a 5-minute infusion. The suite cuts runs at discontinuities instead."""
    runner = rr(pulse(360.3, 5 / 60), maximum_time_step=1.0)
    pin(last(runner, 0, 720, 2) == 0, "B2: a maximum step did not help")


def test_B3_initial_assignments_go_stale():
    """Setting BW leaves initial assignments stale, even after reset; rules update. The suite recomputes them."""
    runner = rr("model m() BW = 70; CL = 3*BW; K := 2*BW; species S; S = 1; J: S -> ; CL*K*S; end")
    runner["BW"] = 140
    pin(runner["K"] == 280, "B3: the assignment rule followed")
    pin(runner["CL"] == 210, "B3: the initial assignment did not follow")
    runner.reset()
    pin(runner["BW"] == 140, "B3: reset kept the covariate")
    pin(runner["CL"] == 210, "B3: the initial assignment did not follow after reset")


def test_B4_init_cannot_be_undone():
    """`init(BW)` reaches everything but no reset restores it, and `init(S)` resets k. The suite never uses it."""
    runner = rr("model m() BW = 70; CL = 3*BW; species S; S = 1; J: S -> ; CL*S; end")
    runner["init(BW)"] = 140
    pin(runner["CL"] == 420, "B4: init() reached the initial assignment")
    for how in ("reset", "resetAll", "resetToOrigin"):
        getattr(runner, how)()
        pin(runner["BW"] == 140, f"B4: {how} did not restore a value set by init()")
    runner = rr(DECAY)
    runner["k"] = 5
    runner["init(S)"] = 3
    pin(runner["k"] == 1, "B4: setting init(S) reset a changed parameter")


def test_B5_reset_keeps_parameters():
    """`reset()` keeps parameter changes, `resetToOrigin()` restores them. The suite sets every varied id per run."""
    runner = rr(DECAY)
    runner["k"] = 5
    runner.reset()
    pin(runner["k"] == 5, "B5: reset kept the changed parameter")
    runner.resetToOrigin()
    pin(runner["k"] == 1, "B5: resetToOrigin restored it")


def test_B6_attribute_setting_is_a_silent_no_op():
    """After unpickling any RR, `r.k = 0.6` does nothing and typos pass. The suite uses item access only."""
    seen = child(f"""
        import pickle
        import roadrunner
        text = ant_flat({DECAY!r})
        first = roadrunner.RoadRunner(text)
        first.k = 0.6
        say(first["k"])
        pickle.loads(pickle.dumps(first))
        fresh = first
        first.k = 0.7
        first.typo = 1
        say(first["k"])
        first["k"] = 0.9
        say(first["k"])
        try:
            first["typo"] = 1
        except RuntimeError:
            say("refused")
    """, after=ENGINES)  # fmt: skip
    pin(seen.out.split("\n") == ["0.6", "0.6", "0.9", "refused"], "B6: attribute setting became a silent no-op")


def test_B7_a_parameter_named_like_a_method():
    """A parameter `simulate` breaks RR's method for every instance. The suite disables dynamic properties."""
    text = "model m() simulate = 1; species S; S = 1; J: S -> ; simulate*S; end"
    seen = child(f"""
        import roadrunner
        other = roadrunner.RoadRunner(ant_flat({DECAY!r}))
        runner = roadrunner.RoadRunner(ant_flat({text!r}))
        for each in (runner, other):
            try:
                each.simulate(0, 1, 2)
            except Exception:
                say("broken")
    """, after=ENGINES)  # fmt: skip
    pin(seen.out == "broken\nbroken", "B7: both instances lost their method")
    pin(abs(last(rr(text), 0, 1, 2) - math.exp(-1)) < 1e-5, "B7: without dynamic properties the model runs")


def test_B7_the_environment_variable_does_nothing():
    """ROADRUNNER_DISABLE_PYTHON_DYNAMIC_PROPERTIES=True is ignored. The suite sets roadrunner.Config instead."""
    seen = child("""
        os.environ["ROADRUNNER_DISABLE_PYTHON_DYNAMIC_PROPERTIES"] = "True"
        from roadrunner import Config
        say(Config.getValue(Config.ROADRUNNER_DISABLE_PYTHON_DYNAMIC_PROPERTIES))
    """)
    pin(seen.out == "False", "B7: the environment variable was not read")


LIBSBML_SEV_ERROR = 2
INVALID = {
    "a bad id": sbml('<listOfParameters><parameter id="1 bad-id" value="1" constant="true"/></listOfParameters>'),
    "two rules for one variable": sbml(
        PARAMETER.format(1) + f"<listOfRules>{rule('k', '<cn>1</cn>')}{rule('k', '<cn>2</cn>')}</listOfRules>"
    ),
    "a rule for nobody": sbml(COMPARTMENT + f"<listOfRules>{rule('nobody', '<cn>1</cn>')}</listOfRules>"),
    "a reactant that is missing": with_law("<cn>1</cn>", reactant="ghost"),
}


@pytest.mark.parametrize("name", list(INVALID))
def test_B8_invalid_sbml_runs(name: str, capfd: pytest.CaptureFixture[str]):
    """RR simulates SBML that libSBML calls invalid. The suite refuses on any libSBML error first."""
    found = document(INVALID[name])
    found.checkConsistency()
    pin(found.getNumErrors(LIBSBML_SEV_ERROR) > 0, f"B8: libSBML calls {name} an error")
    rr(INVALID[name]).simulate(0, 1, 2)
    capfd.readouterr()


def test_B8_unknown_required_package_runs():
    """RR runs a model that requires an unknown package. The suite refuses it."""
    package = "http://www.sbml.org/sbml/level3/version1/zz/version1"
    text = sbml(COMPARTMENT, root=f' xmlns:zz="{package}" zz:required="true"')
    pin(document(text).getNumErrors(LIBSBML_SEV_ERROR) == 1, "B8: libSBML calls the unknown package an error")
    pin(rr(text)["c"] == 1, "B8: RR loads the model all the same")


def test_B8_values_are_replaced():
    """1e400 becomes 0 or the largest number, a missing volume 1. The suite refuses values that are not numbers."""
    pin(rr(sbml(COMPARTMENT + SPECIES.format("1e400")))["S"] == 0, "B8: an initial amount of 1e400 became 0")
    rules = f"<listOfRules>{rule('k', '<cn>1e400</cn>')}</listOfRules>"
    pin(rr(sbml(PARAMETER.format(1) + rules))["k"] == np.finfo(float).max, "B8: 1e400 in a formula became finite")
    bare = sbml('<listOfCompartments><compartment id="c" spatialDimensions="3" constant="true"/></listOfCompartments>')
    pin(rr(bare)["c"] == 1, "B8: a missing volume became 1")


def test_B9_units_are_not_checked():
    """Unit clashes load; libSBML sees them only if all is declared. The suite has a unit check of its own."""
    text = (
        "model m() unit ps = 1/second^2; compartment c = 1; species S in c; S = 1; "
        "J: S -> ; k*S; k = 1; k has ps; {} end"
    )
    units = "unit time_unit = second; unit extent = mole; unit substance = mole; unit volume = litre; c has volume;"
    inconsistent = 10541

    def codes(sbml_text: str) -> set[int]:
        found = document(sbml_text)
        found.checkConsistency()
        return {found.getError(i).getErrorId() for i in range(found.getNumErrors())}

    half, full = ant_flat(text.format("")), ant_flat(text.format(units))
    pin(inconsistent not in codes(half), "B9: without model units libSBML does not report the clash")
    pin(inconsistent in codes(full), "B9: with all units declared it does")
    pin(last(rr(full), 0, 1, 2) > 0, "B9: RR runs it without a word")


CRASHES = {
    "sbml without a model": '<sbml xmlns="http://www.sbml.org/sbml/level3/version2/core" level="3" version="2"/>',
    "deep MathML": with_law("<apply><sin/>" * 6000 + "<ci>S</ci>" + "</apply>" * 6000),
    "wide MathML": with_law("<apply><plus/>" + "<ci>S</ci>" * 6000 + "</apply>"),
    "circular initial assignments": sbml(
        '<listOfParameters><parameter id="a" constant="true"/><parameter id="b" constant="true"/></listOfParameters>'
        f'<listOfInitialAssignments><initialAssignment symbol="a"><math {MATHML}><ci>b</ci></math></initialAssignment>'
        f'<initialAssignment symbol="b"><math {MATHML}><ci>a</ci></math></initialAssignment></listOfInitialAssignments>'
    ),
    "a law that names its own reaction": with_law("<ci>r</ci>"),
}


@pytest.mark.parametrize("name", list(CRASHES))
def test_B10_loading_crashes(name: str, tmp_path):
    """These documents crash the process on loading. The suite checks before loading, or loads in a child."""
    path = tmp_path / "hostile.xml"
    path.write_text(CRASHES[name])
    pin(crashes(f"rr(open({str(path)!r}).read())"), f"B10: loading {name} crashed")


def test_B10_circular_antimony_is_refused():
    """Antimony itself refuses a circle of initial assignments; only SBML brings it to RR."""
    pin("Loop detected" in ant_error("model m() a = b; b = a; end"), "B10: Antimony refused the circle")


def test_B10_running_crashes():
    """factorial(1e9), a Jacobian without species, and an orphaned proxy crash. The suite never asks for them."""
    factorial = with_law("<apply><factorial/><cn>1e9</cn></apply>")
    code = f'runner = rr({factorial!r}); say("loaded"); runner.simulate(0, 1, 2)'
    pin(crashes(code, reaches="loaded"), "B10: factorial(1e9) crashed at run time")
    code = 'runner = rr("model m() $S -> ; k; k = 1; S = 1; end"); say("loaded"); runner.getFullJacobian()'
    pin(crashes(code, reaches="loaded"), "B10: the Jacobian of a model without floating species crashed")
    code = f'g = rr({DECAY!r}).getIntegrator(); say("got"); say(g.getValue("relative_tolerance"))'
    pin(crashes(code, reaches="got"), "B10: a proxy that outlived its RoadRunner crashed")


SLOW = "model m() k = 1e-3; S = 1; J: S -> ; k*S*(1 + sin(50*time)); end"


def test_B11_simulate_holds_the_interpreter():
    """`simulate` holds the GIL, so other threads stand still. The suite runs long jobs in child processes."""
    seen = child(f"""
        import threading, time
        runner, ticks, done = rr({SLOW!r}), [], []
        def tick():
            while not done:
                ticks.append(time.perf_counter())
                time.sleep(0.001)
        thread = threading.Thread(target=tick)
        thread.start()
        time.sleep(0.05)
        began = time.perf_counter()
        runner.simulate(0, 20000, 300)
        ended = time.perf_counter()
        done.append(1)
        thread.join()
        inside = [t for t in ticks if began + 0.01 < t < ended - 0.01]
        say(ended - began > 0.05, len(inside) <= 1)
    """, after=ENGINES)  # fmt: skip
    pin(seen.out == "True True", "B11: no other thread ran during simulate")


@pytest.mark.skipif(not hasattr(__import__("signal"), "setitimer"), reason="no timer signals on this system")
def test_B11_simulate_cannot_be_interrupted():
    """A signal during `simulate` acts only after it returns. The suite puts a clock on child processes."""
    seen = child(f"""
        import time
        runner, hits = rr({SLOW!r}), []
        signal.signal(signal.SIGALRM, lambda *_: hits.append(time.perf_counter()))
        signal.setitimer(signal.ITIMER_REAL, 0.02)
        began = time.perf_counter()
        runner.simulate(0, 20000, 300)
        elapsed = time.perf_counter() - began
        time.sleep(0.01)
        say(elapsed > 0.05, hits[0] - began > 0.9 * elapsed)
    """, after=ENGINES)  # fmt: skip
    pin(seen.out == "True True", "B11: the signal was handled only after simulate had returned")


def test_B12_events_at_an_output_time():
    """An event at t = 2 sampled at t = 2 shows the value after it. The suite says so and offers "before"."""
    runner = rr("model m() S = 1; J: S -> ; 0*S; at (time >= 2): S = 5; end")
    pin(list(runner.simulate(0, 4, 5)[:, 1]) == [1, 1, 5, 5, 5], "B12: the sample is the value after the event")


def test_B13_default_tolerances():
    """The defaults are 1e-6 and 1e-12, and a deep nadir regrows to nonsense. The suite scales its tolerances."""
    runner = rr("model m() S = 1; k = 1; J: S -> ; k*S; at (time >= 40): k = -1; end")
    integrator = runner.getIntegrator()
    pin(integrator.getValue("relative_tolerance") == 1e-6, "B13: the default relative tolerance is 1e-6")
    pin(integrator.getValue("absolute_tolerance") == 1e-12, "B13: the default absolute tolerance is 1e-12")
    result = runner.simulate(0, 80, 81)
    pin(result[40, 1] < 0, "B13: the nadir of exp(-40) came out negative")
    pin(result[80, 1] < -100, "B13: the regrowth to 1 came out hugely negative, without a warning")


def test_B13_molar_tmdd_is_off():
    """TMDD in mol/L is off by far more than rtol under the defaults. The suite scales its tolerances."""
    text = ant_flat("""model tmdd() compartment V = 3; species L in V, R in V, P in V; L = 1e-7; R = 1.1e-9; P = 0;
        kon = 3.3e8; koff = 0.5; kint = 0.04; kdeg = 0.008; ksyn = 8.8e-12; kel = 0.02;
        J1: L + R -> P; V*(kon*L*R - koff*P); J2: P -> ; V*kint*P; J3: R -> ; V*kdeg*R; J4: -> R; V*ksyn;
        J5: L -> ; V*kel*L; end""")
    loose = np.asarray(rr(text).simulate(0, 1000, 51))
    tight = np.asarray(rr(text, relative_tolerance=1e-12, absolute_tolerance=1e-24).simulate(0, 1000, 51))
    error = float(np.max(np.abs(loose[1:, 1:] / tight[1:, 1:] - 1)))
    pin(error > 1e-3, f"B13: the defaults were off by more than 1e-3 (seen {error:.1e})")


@pytest.mark.parametrize(
    ("name", "law"), [("blow-up", "S*S"), ("division by zero", "1/(time - 1)"), ("not a number", "sqrt(1 - time)")]
)
def test_B14_failures_by_integrator(name: str, law: str, capfd: pytest.CaptureFixture[str]):
    """CVODE reports a failure cleanly, euler returns garbage. The suite uses CVODE and checks every output."""
    text = ant_flat(f"model m() S = 1; J: -> S; {law}; end")
    with pytest.raises(RuntimeError):
        rr(text).simulate(0, 2, 21)
    runner = rr(text)
    runner.setIntegrator("euler")
    value = last(runner, 0, 2, 21)
    pin(not abs(value) < 1e6, f"B14: euler returned {value} for {name} and no error")
    capfd.readouterr()


def test_B14_rk45_returns_finite_garbage_or_hangs():
    """rk45 returns a finite wrong number for a blow-up, hangs on stiff models. The suite uses CVODE."""
    runner = rr("model m() S = 1; J: -> S; S*S; end")
    runner.setIntegrator("rk45")
    pin(math.isfinite(last(runner, 0, 2, 21)), "B14: rk45 returned a finite number beyond the blow-up at t = 1")
    stiff = "model m() S = 1; J: S -> ; 1e9*S; end"
    code = f'runner = rr({stiff!r}); runner.setIntegrator("rk45"); runner.simulate(0, 10, 11)'
    seen = child(code, timeout=2, after=ENGINES)
    pin(seen.hung, "B14: rk45 hung on a stiff decay")


def test_B14_silent_nan():
    """NaN in an assignment rule, or a NaN end time, gives NaN and no error. The suite checks every output."""
    runner = rr("model m() S = 1; J: -> S; 0; x := sqrt(1 - time); end")
    runner.timeCourseSelections = ["time", "x"]
    pin(math.isnan(last(runner, 0, 2, 3)), "B14: NaN of an assignment rule passed silently")
    result = np.asarray(rr(DECAY).simulate(0, float("nan"), 3))
    pin(np.isnan(result).any(), "B14: a NaN end time passed silently")


def test_B15_the_ball_falls_through_the_floor():
    """A bouncing ball falls through the floor, sliding events drift. The suite detects Zeno runs and reports."""
    runner = rr("model b() h = 1; v = 0; h' = v; v' = -9.81; at (h <= 0): v = -0.8*v; end")
    pin(min(runner.simulate(0, 6, 601)[:, 1]) < -1, "B15: the ball fell through the floor")
    runner = rr("model s() x = 0.5; r = -1; x' = r; at (x > 0): r = -1; at (x < 0): r = 1; end")
    pin(abs(last(runner, 0, 10, 1001)) > 1, "B15: the sliding mode drifted away")


def test_B15_cascades_stop():
    """Same-time event cascades stop at 10,000 with an error. The suite reports the events that loop."""
    text = "model c() x = 0; y = 0; at (time >= 1 && x <= y): x = x + 1; at (time >= 1 && y < x): y = y + 1; end"
    with pytest.raises(RuntimeError, match="10000"):
        rr(text).simulate(0, 2, 3)


def test_B16_messages_go_to_both_streams(capfd: pytest.CaptureFixture[str]):
    """Engine messages go to the descriptors of stdout and stderr. The suite catches them there."""
    with pytest.raises(RuntimeError):
        rr("model m() S = 1; J: -> S; S*S; end").simulate(0, 2, 3)
    out, err = capfd.readouterr()
    pin("WARNING" in out, "B16: warnings went to stdout")
    pin("CVODE Error" in err, "B16: errors went to stderr")
