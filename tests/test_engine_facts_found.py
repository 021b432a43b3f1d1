"""Engine facts found while building the suite, pinned like the others."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from children import ENGINES, child
from facts import ant_flat, need, pin, rr

DELAYED = "model m() S = 1; p = 1; J: S -> ; 0*S; at 5 after (time >= 1 && p > 0): S = 7; end"


def test_F1_absolute_tolerances_follow_the_state_vector():
    """A vector of tolerances is read rate rules first, as in the state vector, although species are listed first.

    The suite orders it by ``getStateVectorId``.
    """
    text = "model m() A = 1; J: A -> ; k*A; k = 1; z = 1; z' = -3*z; end"
    errors = {}
    for loose in (0, 1):
        runner = rr(text)
        runner.integrator.setValue("relative_tolerance", 1e-11)
        runner.integrator.setValue("absolute_tolerance", [1e-5 if i == loose else 1e-18 for i in (0, 1)])
        runner.timeCourseSelections = ["z"]
        got = np.asarray(runner.simulate(times=[0, 1, 2, 3])).ravel()
        errors[loose] = np.abs(got / np.exp(-3 * np.arange(4.0)) - 1).max()
    runner = rr(text)
    states = [runner.model.getStateVectorId(i) for i in (0, 1)]
    pin(states == ["z", "A"], "F1: the state vector begins with the rate rule")
    pin(errors[0] > 10 * errors[1], "F1: the first tolerance is that of the rate rule")


def test_F2_a_loaded_state_keeps_a_pending_event_when_the_run_was_split():
    """`loadStateS` into the same instance does not drop a pending event; a new instance does.

    The suite starts models with delayed events from a new instance.
    """
    import roadrunner

    runner = rr(DELAYED)
    state = runner.saveStateS()
    runner.simulate(times=[0, 1])
    runner.simulate(times=[1, 2])
    runner.loadStateS(state)
    runner.timeCourseSelections = ["[S]"]
    runner.model.setValue("p", 0.0)
    runner.simulate(times=[0, 1])
    pin(np.asarray(runner.simulate(times=[1, 10])).ravel()[-1] == 7, "F2: the pending event came back with the state")
    fresh = roadrunner.RoadRunner()
    fresh.loadStateS(state)
    fresh.timeCourseSelections = ["[S]"]
    fresh.model.setValue("p", 0.0)
    fresh.simulate(times=[0, 1])
    pin(np.asarray(fresh.simulate(times=[1, 10])).ravel()[-1] == 1, "F2: a new instance has no pending event")


def test_F3_reset_keeps_the_start_time_of_the_last_run():
    """After a second segment, `reset()` still takes that segment's start for the time at which events fire.

    The suite sets the start time of integrator and model back to 0 itself.
    """
    text = ant_flat("model m() S = 1; J: S -> ; 0*S; at 2 after (time >= 0), t0=false: S = 7; end")

    def second_run(*, rewind: bool) -> float:
        runner = rr(text)
        runner.simulate(times=[0, 1])
        runner.simulate(times=[1, 5])
        if rewind:
            runner.integrator.setIntegrationStartTime(0.0)
            runner.model.setIntegrationStartTime(0.0)
        runner.reset()
        runner.timeCourseSelections = ["[S]"]
        return float(np.asarray(runner.simulate(times=[0, 2.5])).ravel()[-1])

    pin(second_run(rewind=True) == 7, "F3: with its start time set back the event comes at t = 2")
    pin(second_run(rewind=False) == 1, "F3: after a later segment the event does not come at t = 2")


def test_F7_what_holds_between_the_ends_of_steps_is_not_seen():
    """A window of a state is passed, and an event at the tip of a peak missed, however smooth the states are.

    The suite adds events that change nothing where each comparison changes and where one near its threshold turns.
    """
    absorbed = "D = 100; D' = -0.7*D; C = 0; C' = 0.7*D - 0.2*C"
    model = f"model m() {absorbed}; A = 0; A' = piecewise(1, {{}}, 0); n = 0; q = 0; {{}} end"
    stop = "at (C > 30): q = 1; at (C < 30.003): q = 1;"

    def end(window, more=""):
        runner = rr(ant_flat(model.format(window, more)))
        runner.integrator.setValue("relative_tolerance", 1e-9)
        runner.integrator.setValue("absolute_tolerance", 1e-12)
        runner.timeCourseSelections = ["A", "n"]
        return np.asarray(runner.simulate(times=[0, 48])).tolist()[-1]

    window = "C > 30 && C < 30.003"
    pin(end(window)[0] == 0, "F7: a window of six ten-thousandths is passed")
    pin(abs(end(window, stop)[0] - 0.00060236) < 1e-7, "F7: it is met where events stop the integrator at its edges")
    tip = "at (C > 60.58606): n = 1;"  # 6e-8 of it below the peak
    pin(end("C < 0", tip)[1] == 0, "F7: an event at the tip of a peak does not happen")
    turned = "at (abs(C - 60.58606) < 0.05*C && 0.7*D - 0.2*C > 0): q = 2;"
    pin(end("C < 0", tip + turned)[1] == 1, "F7: it does where an event stops the integrator at the peak")


def test_F4_tellurium_changes_what_libsbml_returns():
    """Once tellurium is imported, MathML nodes are of its own bindings and `getType` gives no number.

    The suite asks libSBML's own function.
    """
    need("tellurium")
    code = (
        "import warnings; warnings.simplefilter('ignore')\nimport libsbml, tellurium\n"
        "tree = libsbml.parseL3Formula('a*b + 1'); node = tree.getChild(0)\n"
        "say([type(node).__module__, type(node.getType()).__name__, libsbml.ASTNode.getType(node)])"
    )
    module, kind, number = eval(child(code, timeout=60).out)
    pin(module == "libsedml", "F4: the node is of libSEDML's bindings")
    pin(kind == "SwigPyObject", "F4: its getType gives no number")
    pin(number == 42, "F4: libSBML's own getType reads it")


def test_F5_a_unit_check_of_a_power_ends_the_process():
    """libSBML's unit check recurses without end on a power whose exponent a rate rule and an initial assignment set.

    The suite checks units itself, and flattens without libSBML's validation, which would check them.
    """
    code = """
    import libsbml
    text = ant_flat('''model m()
      unit time_unit = 3600 second; unit substance = 1e-3 gram; unit extent = 1e-3 gram; unit volume = litre
      unit per_hour = 1/(3600 second)
      k = 1; k has per_hour; z = 1; z has dimensionless; p = 8; p has dimensionless
      x = p - 1 dimensionless; x has dimensionless; x' = k*(p - x)
      y := (10 dimensionless)^(z*(p - x)); y has dimensionless
    end''')
    document = libsbml.readSBMLFromString(text)
    document.setConsistencyChecks(libsbml.LIBSBML_CAT_UNITS_CONSISTENCY, {units})
    document.checkConsistency()
    say("alive")
    """
    pin(child(code.format(units=True), after=ENGINES).code < 0, "F5: the unit check of such a power ends the process")
    pin(child(code.format(units=False), after=ENGINES).out == "alive", "F5: without the unit check it is read")


FAR_APART = """
    from roadrunner import LoadSBMLOptions, RoadRunner
    text = ant_flat("model m; " + "; ".join(f"S{i} = {i + 1}; J{i}: S{i} -> ; 0.1*S{i}" for i in range(12)) + "; end")
    options = LoadSBMLOptions()
    options.setLLVMBackend(LoadSBMLOptions.BACKEND)
    scatter()
    say(round(RoadRunner(text, options).simulate(0, 1, 2)[-1, 1], 4))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="it depends on where Linux maps memory")
def test_F6_LLJIT_kills_the_process_where_code_and_tables_lie_far_apart():
    """LLJIT's code jumps by tables of 32-bit differences; MCJIT's tables are of whole addresses.

    In a process of many threads some 2 GiB lie between holes, and one model in thousands ended it. The suite closes
    small holes while a model is compiled.
    """
    pin(child(FAR_APART.replace("BACKEND", "LLJIT"), after=ENGINES).crashed, "F6: LLJIT's code jumped astray")
    pin(child(FAR_APART.replace("BACKEND", "MCJIT"), after=ENGINES).out == "0.9048", "F6: MCJIT's did not")
