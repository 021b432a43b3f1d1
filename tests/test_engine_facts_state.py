"""Engine facts B17 to B34: loading, state, resets and conversions, measured without this package."""

from __future__ import annotations

import pickle
import struct
import time
from pathlib import Path

import numpy as np
import pytest
from children import ENGINES, child
from facts import ant_comp, ant_flat, document, flattened, gillespie, pin, rr

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

DECAY = "model m() k = 1; species S; S = 1; J: S -> ; k*S; end"
DEATH = "model m() S = 100; J: S -> ; S; end"
L3V1 = 'xmlns="http://www.sbml.org/sbml/level3/version1/core" level="3" version="1"'
MATHML = 'xmlns="http://www.w3.org/1998/Math/MathML"'


def chain(n: int) -> str:
    return (
        "model b() " + "; ".join(f"S{i} = 1; J{i}: S{i} -> S{i + 1}; k{i}*S{i}; k{i} = 1" for i in range(n)) + "; end"
    )


def sbml(inside: str) -> str:
    return f'<?xml version="1.0" encoding="UTF-8"?><sbml {L3V1}><model id="m">{inside}</model></sbml>'


def column(runner, *arguments) -> np.ndarray:
    return np.array(runner.simulate(*arguments)[:, 1])


@pytest.fixture
def backend():
    """Change the JIT backend, and put it back afterwards."""
    from roadrunner import Config

    before = Config.getValue(Config.LLVM_BACKEND)
    yield lambda kind: Config.setValue(Config.LLVM_BACKEND, kind)
    Config.setValue(Config.LLVM_BACKEND, before)


def test_B17_saved_state_reloads_without_compiling():
    """A saved state reloads in a fraction of the time to compile. The suite ships states to its workers.

    Absolute times are benchmarks, not tests; the ratio of some 30 is asserted as 2.
    """
    import roadrunner

    text = ant_flat(chain(80))
    began = time.perf_counter()
    runner = rr(text)
    compiled = time.perf_counter() - began
    state = runner.saveStateS()
    began = time.perf_counter()
    copy = roadrunner.RoadRunner()
    copy.loadStateS(state)
    reloaded = time.perf_counter() - began
    pin(reloaded < compiled / 2, "B17: reloading a state is faster than compiling")
    pin(np.array_equal(column(runner, 0, 5, 6), column(copy, 0, 5, 6)), "B17: the reloaded model gives the same curve")


def test_B18_full_jacobian_is_superlinear():
    """`getFullJacobian` grows far faster than the model. The suite has a Jacobian of its own.

    Absolute times are benchmarks; four times the species cost some 25 times the time, asserted as 6.
    """

    def cost(n: int) -> float:
        runner, times = rr(chain(n)), []
        for _ in range(3):
            began = time.perf_counter()
            runner.getFullJacobian()
            times.append(time.perf_counter() - began)
        return min(times)

    pin(cost(24) > 6 * cost(6), "B18: the Jacobian of 24 species costs more than 6 times that of 6")


def test_B19_set_seed_wipes_the_model():
    """`setSeed` wipes parameters and selections. The suite seeds the integrator, per run."""
    runner = rr(DECAY)
    runner["k"] = 5
    runner.timeCourseSelections = ["time", "S"]
    runner.setSeed(3)
    pin(runner["k"] == 1, "B19: setSeed reset a parameter")
    pin(list(runner.timeCourseSelections) == ["time", "[S]"], "B19: setSeed reset the selections")


def test_B19_seeds_are_taken_modulo_two_to_the_32():
    """Seeds count modulo 2^32, numpy integers raise. The suite gives explicit plain 32-bit seeds."""
    seen = column(gillespie(DEATH, 7), 0, 1, 11)
    pin(np.array_equal(seen, column(gillespie(DEATH, 7 + 2**32), 0, 1, 11)), "B19: 7 and 7 + 2^32 are one seed")
    pin(not np.array_equal(seen, column(gillespie(DEATH, 8), 0, 1, 11)), "B19: 7 and 8 are two seeds")
    with pytest.raises((RuntimeError, TypeError)):
        gillespie(DEATH, np.int64(7))


def test_B19_minus_one_means_the_clock():
    """The seed -1 means the clock. The suite refuses negative seeds."""
    runs = {tuple(column(gillespie(DEATH, -1), 0, 1, 21)) for _ in range(4)}
    pin(len(runs) > 1, "B19: runs with the seed -1 differ from each other")


def test_B19_unpickled_copies_are_identical():
    """Unseeded copies from one pickle draw the same numbers. The suite seeds every run explicitly."""
    runner = rr(DEATH)
    runner.setIntegrator("gillespie")
    state = pickle.dumps(runner)
    first, second = pickle.loads(state), pickle.loads(state)
    pin(np.array_equal(column(first, 0, 1, 11), column(second, 0, 1, 11)), "B19: unpickled copies are twins")


def test_B20_a_saved_state_has_no_checksum():
    """A changed byte in a saved state passes silently. The suite keeps a digest with its own caches."""
    import roadrunner

    text = "model m() k = 0.7123; species S; S = 1; J: S -> ; k*S; end"
    state = rr(text).saveStateS("b")
    value = struct.pack("<d", 0.7123)
    pin(value in state, "B20: the state holds the parameter in plain binary")
    copy = roadrunner.RoadRunner()
    copy.loadStateS(state.replace(value, struct.pack("<d", 0.9)))
    pin(copy["k"] == 0.9, "B20: the changed state was accepted")


def test_B21_splitting_a_run_changes_little():
    """A run split in fifty gives the curve of one run. The suite splits at doses; costs are benchmarks elsewhere."""
    tight = {"relative_tolerance": 1e-10, "absolute_tolerance": 1e-14}
    whole = column(rr(DECAY, **tight), 0, 5, 2)[-1]
    runner = rr(DECAY, **tight)
    for i in range(50):
        part = column(runner, i / 10, (i + 1) / 10, 2)[-1]
    pin(abs(part / whole - 1) < 1e-7, "B21: splitting a run changed nothing beyond the tolerance")
    pin(rr(DECAY).simulate(0, 5, 1001).shape == (1001, 2), "B21: every requested row is computed and kept")


def test_B22_antimony_leaks_unless_cleared():
    """Antimony keeps each load until cleared and freed. The suite clears before and after each use."""
    seen = child(f"""
        import antimony
        for clear in (True, False):
            for i in range(25):
                if i == 5:
                    before = allocated()
                antimony.loadAntimonyString({chain(30)!r})
                antimony.getSBMLString("b")
                if clear:
                    antimony.clearPreviousLoads()
                    antimony.freeAll()
            say((allocated() - before) / 20 > 50)
    """)
    without_mallinfo(seen)
    pin(seen.out == "False\nTrue", "B22: memory grew by more than 50 kB per load without clearing, not with it")


def without_mallinfo(seen):
    if "mallinfo2" in seen.err:
        pytest.skip("C's library here does not tell what is allocated (glibc 2.33 and later do)")


def test_B22_antimony_crashes_with_threads():
    """Four threads in Antimony crash the process. The suite holds a lock around it."""
    seen = child(f"""
        import antimony, threading
        def work():
            for _ in range(300):
                antimony.loadAntimonyString({chain(30)!r})
                antimony.getSBMLString("b")
        threads = [threading.Thread(target=work) for _ in range(4)]
        [t.start() for t in threads]
        [t.join() for t in threads]
    """, after=ENGINES)  # fmt: skip
    pin(seen.crashed or seen.hung or seen.code, "B22: Antimony crashed with four threads")


def test_B22_LLJIT_leaks_per_load():
    """With LLJIT each load keeps memory. The suite compiles once per model and process."""
    seen = child("""
        from roadrunner import Config
        part = "; ".join(f"S{i} = 1; J{i}: S{i} -> S{i + 1}; k{i}*S{i}; k{i} = 1" for i in range(20))
        texts = [ant_flat(f"model b() q = {j}; {part}; end") for j in range(30)]
        for backend in (Config.LLJIT, Config.MCJIT):
            Config.setValue(Config.LLVM_BACKEND, backend)
            for i, text in enumerate(texts):
                if i == 10:
                    before = allocated()
                rr(text)
            say((allocated() - before) / 20 > 15)
    """)
    without_mallinfo(seen)
    pin(seen.out == "True\nFalse", "B22: memory grew by more than 15 kB per load with LLJIT, not with MCJIT")


def test_B23_amounts_and_concentrations():
    """`r["S"]` is an amount, default selections concentrations, `r["V"] =` keeps amounts. The suite has one meaning."""
    runner = rr("model m() compartment V = 2; species S in V; S = 3; J: S -> ; 0*S; end")
    pin(runner["S"] == 6, 'B23: r["S"] is the amount')
    pin(list(runner.timeCourseSelections) == ["time", "[S]"], "B23: default selections are concentrations")
    runner["V"] = 4
    pin(runner["S"] == 6, "B23: setting the volume kept the amount")
    pin(runner["[S]"] == 1.5, "B23: setting the volume changed the concentration")


def test_B23_attributes_are_concentrations():
    """With dynamic properties `r.S` is a concentration, without them an amount. The suite uses item access only."""
    text = "model m() compartment V = 2; species S in V; S = 3; J: S -> ; 0*S; end"
    seen = child(f"""
        import roadrunner
        say(roadrunner.RoadRunner(ant_flat({text!r})).S)
        say(rr({text!r}).S)
    """, after=ENGINES)  # fmt: skip
    pin(seen.out == "3.0\n6.0", "B23: the meaning of r.S depends on a global setting")


def test_B24_reset_is_partial():
    """`reset()` keeps what events changed, recomputes only species' assignments. The suite resets everything itself."""
    runner = rr(
        "model m() compartment c = 1; k = 1; $B = 1; q = 2; S = q; j = 2*q; J: S -> ; k*S;"
        "at (time >= 1): k = 5, c = 2, B = 9; end"
    )
    runner.simulate(0, 2, 3)
    runner["q"] = 3
    runner.reset()
    kept = (runner["k"], runner["c"], runner["B"])
    pin(kept == (5, 2, 9), "B24: reset kept a parameter, a compartment and a boundary species changed by an event")
    pin(runner["S"] == 3, "B24: reset recomputed the species' initial assignment")
    pin(runner["j"] == 4, "B24: reset did not recompute the parameter's initial assignment")


@pytest.mark.parametrize("how", ["reset", "resetAll", "resetToOrigin"])
def test_B24_pending_events_survive_a_reset(how: str):
    """A delayed event still pending fires in the next run, whatever the reset. The suite never lets one leak."""
    text = ant_flat("model m() S = 1; p = 1; J: S -> ; 0*S; at 5 after (time >= 1 && p > 0): S = 7; end")
    control = rr(text)
    control["p"] = 0
    pin(column(control, 0, 10, 2)[-1] == 1, "B24: with p = 0 the event never fires")
    runner = rr(text)
    state = runner.saveStateS()
    runner.simulate(0, 2, 3)
    getattr(runner, how)()
    runner["p"] = 0
    pin(column(runner, 0, 10, 2)[-1] == 7, f"B24: the pending event of the last run fired in this one after {how}")
    runner.loadStateS(state)
    runner.simulate(0, 2, 3)
    runner.loadStateS(state)
    runner["p"] = 0
    pin(column(runner, 0, 10, 2)[-1] == 1, "B24: loading a saved state drops the pending event")


def test_B24_simulate_continues():
    """A second `simulate` continues the state, also at another start time. The suite always starts afresh."""
    runner = rr(DECAY)
    end = column(runner, 0, 1, 2)[-1]
    pin(column(runner, 0, 1, 2)[0] == end, "B24: a second simulate(0, 1) began where the first ended")
    state = runner["[S]"]
    pin(column(runner, 5, 10, 2)[0] == state, "B24: simulate(5, 10) took the current state as that of t = 5")


def test_B25_init_rewinds():
    """Setting `init(S)` rewinds to t = 0 and resets parameters; `resetToOrigin` keeps it. The suite avoids it."""
    runner = rr(DECAY)
    runner.simulate(0, 5, 2)
    runner["k"] = 5
    runner["init(S)"] = 3
    pin(runner.model.getTime() == 0, "B25: setting init(S) rewound the clock")
    pin(runner["k"] == 1, "B25: setting init(S) reset a parameter")
    runner.resetToOrigin()
    pin(runner["init(S)"] == 3, "B25: resetToOrigin did not restore init(S)")


def test_B26_narrow_windows_are_missed():
    """Pulses and triggers narrower than a step are missed. The suite cuts runs there, and warns otherwise."""
    pulses = " + ".join(f"piecewise(1000, time >= {t + 0.3001} && time < {t + 0.3011}, 0)" for t in range(5))
    runner = rr(f"model m() C = 0; J: -> C; {pulses}; end")
    pin(column(runner, 0, 10, 1001)[-1] == 0, "B26: 0 of 5 pulses delivered, even with 1,001 rows")
    runner = rr("model m() C = 0; S = 1; J: S -> ; 0*S; at (time >= 3.33331 && time < 3.33341): C = 1; end")
    runner.simulate(0, 10, 11)
    pin(runner["C"] == 0, "B26: an event with a window of 1e-4 never fired")


def test_B27_discontinuous_rates():
    """Default tolerances are too loose for rates that jump; 1e-9 and 1e-14 suffice. The suite cuts and tightens."""
    text = ant_flat("model m() S = 1; T = 0; p = 4; J: S -> T; factorial(ceil(p*S))/25; end")
    t = np.linspace(0, 2, 51)
    jumps = np.array([0, 0.25 * 25 / 24, 0.25 * 25 / 24 + 0.25 * 25 / 6, 1e9])
    exact = np.interp(t, jumps, [1, 0.75, 0.5, 0.5 - 2 / 25 * (1e9 - jumps[2])])

    def worst(**options: float) -> float:
        return float(np.max(np.abs(column(rr(text, **options), 0, 2, 51) - exact) / (1e-4 + 1e-4 * exact)))

    pin(worst() > 1000, "B27: under the defaults S went on falling below zero")
    pin(worst(relative_tolerance=1e-9, absolute_tolerance=1e-14) < 1, "B27: 1e-9 and 1e-14 met it")


def test_B28_events_at_the_start():
    """`at (time >= 0)` never fires unless its initial value is false. The suite writes doses at t = 0 so."""
    text = "model m() C = 0; S = 1; J: S -> ; 0*S; at (time >= 0){}: C = 5; end"
    never, fires = rr(text.format("")), rr(text.format(", t0=false"))
    never.simulate(0, 10, 11)
    fires.simulate(0, 10, 11)
    pin(never["C"] == 0, "B28: the event at the start never fired")
    pin(fires["C"] == 5, "B28: with a false initial value it fired")


def test_B29_steady_state(capfd: pytest.CaptureFixture[str]):
    """Failures leave NaN, growth returns 0, time is frozen at 0. The suite verifies every steady state."""
    growth = rr("model m() S = 1; J: -> S; S; end")
    growth.steadyState()
    pin(growth["S"] == 0, "B29: exponential growth got the steady state 0")
    forced = rr("model m() S = 1; J: -> S; 1 + time - S; end")
    forced.steadyState()
    pin(forced["S"] == 1, "B29: a rate that grows with time was frozen at t = 0")
    filling = rr("model m() S = 1; J: -> S; 1; end")
    with pytest.raises(RuntimeError):
        filling.steadyState()
    pin(np.isnan(filling["S"]), "B29: a failure left NaN in the species")
    with pytest.raises(RuntimeError, match="events"):
        rr("model m() S = 1; J: S -> ; S; at (time > 3): S = 2; end").steadyState()
    capfd.readouterr()


def test_B30_sensitivities():
    """Zero for one species, wrong for subsets of parameters, refused with rules. The suite uses its own."""
    alone = rr("model m() k = 1; species S; S = 10; J: S -> ; k*S; end").timeSeriesSensitivities(0, 2, 3)[1]
    pin(np.all(np.asarray(alone) == 0), "B30: all zeros for a one-species model")
    text = "model m() k = 1; q = 2; species S, T; S = 10; T = 0; J: S -> T; k*S; J2: T -> ; q*T; end"
    every = np.asarray(rr(text).timeSeriesSensitivities(0, 2, 3)[1])
    subset = np.asarray(rr(text).timeSeriesSensitivities(0, 2, 3, params=["q"])[1])
    pin(abs(every[1, 1, 0]) < 1e-9, "B30: S does not depend on q when all parameters are asked for")
    pin(every[1, 1, 1] < -0.9, "B30: T depends on q when all parameters are asked for")
    pin(np.all(subset == 0), "B30: all zeros when only q is asked for")
    with pytest.raises(RuntimeError):
        rr(text.replace(" end", " x := S + T; end")).timeSeriesSensitivities(0, 2, 3)


def test_B31_what_pickling_keeps():
    """Pickling keeps state and settings but not the time; results lose names. The suite converts at the adapter."""
    import roadrunner

    runner = rr(DECAY, relative_tolerance=1e-9)
    result = runner.simulate(0, 5, 3)
    copy = pickle.loads(pickle.dumps(runner))
    pin(copy["S"] == runner["S"], "B31: the state survived pickling")
    pin(copy.getIntegrator().getValue("relative_tolerance") == 1e-9, "B31: the settings survived pickling")
    pin((runner.model.getTime(), copy.model.getTime()) == (5, 0), "B31: the time became 0")
    pin(list(result.colnames) == ["time", "[S]"], "B31: a result has column names")
    pin(not list(result[1:].colnames), "B31: slicing lost them")
    pin(not list((result * 2).colnames), "B31: arithmetic lost them")
    with pytest.raises(TypeError):
        roadrunner.RoadRunner(Path("model.xml"))


def test_B32_backends_agree(backend):
    """LLJIT and the default MCJIT give the same results; the first loads faster. The suite chooses by measurement."""
    from roadrunner import Config

    pin(Config.getValue(Config.LLVM_BACKEND) == Config.MCJIT, "B32: MCJIT is the default")
    curves = []
    for kind in (Config.MCJIT, Config.LLJIT):
        backend(kind)
        curves.append(column(rr(chain(12).replace("model b", f"model b{kind}")), 0, 5, 6))
    pin(np.allclose(*curves, rtol=1e-12), "B32: both backends give the same curve")


FAST = sbml(
    '<listOfCompartments><compartment id="c" size="1" constant="true"/></listOfCompartments><listOfSpecies>'
    '<species id="S" compartment="c" initialAmount="1" hasOnlySubstanceUnits="false" boundaryCondition="false" '
    'constant="false"/></listOfSpecies><listOfReactions><reaction id="r" reversible="false" fast="true">'
    '<listOfReactants><speciesReference species="S" stoichiometry="1" constant="true"/></listOfReactants>'
    f"<kineticLaw><math {MATHML}><ci>S</ci></math></kineticLaw></reaction></listOfReactions>"
)


def through_antimony(text: str) -> str:
    import antimony

    antimony.clearPreviousLoads()
    antimony.loadSBMLString(text)
    return str(antimony.getSBMLString(antimony.getMainModuleName()))


def test_B33_antimony_drops_fast():
    """Antimony drops the `fast` flag of a reaction. The suite reads SBML with libSBML, not with Antimony."""
    pin(document(FAST).getModel().getReaction(0).getFast(), "B33: the file has the flag")
    pin('fast="true"' not in through_antimony(FAST), "B33: Antimony lost it")


def test_B33_antimony_renames_ids():
    """Antimony renames `time`, `avogadro`, `INF`, a submodel's `sub__x`. The suite compares ids after converting."""
    names = ("time", "avogadro", "INF", "plain")
    each = "".join(f'<parameter id="{n}" value="1" constant="true"/>' for n in names)
    found = document(through_antimony(sbml(f"<listOfParameters>{each}</listOfParameters>"))).getModel()
    seen = [found.getParameter(i).getId() for i in range(found.getNumParameters())]
    pin(seen == ["time_", "avogadro_", "INF_", "plain"], f"B33: reserved names got an underscore (seen {seen})")
    comp = ant_comp("model a() x = 1; end\nmodel m() sub: a(); end")
    pin('id="sub__x"' in flattened(comp)[1], "B33: libSBML flattens the submodel's symbol to sub__x")
    pin('id="sub_x"' in through_antimony(comp), "B33: Antimony flattens it to sub_x")


def test_B33_conversion_factor_rescales_the_law():
    """`A.S1*cf is x` divides inside the law and leaves the stoichiometry. The suite converts explicitly itself."""
    text = ant_flat(
        "model a() species S1; S1 = 1; J: S1 -> ; k*S1; k = 1; end\n"
        "model m() A: a(); species x; cf = 2; A.S1*cf is x; end"
    )
    reaction = document(text).getModel().getReaction("A_J")
    pin(reaction.getReactant(0).getStoichiometry() == 1, "B33: the stoichiometry stayed 1")
    pin("<divide/>" in reaction.getKineticLaw().toSBML(), "B33: the law was divided by the factor")


def test_B33_a_huge_number_becomes_a_unit():
    """Antimony reads `k = 1e400` as the value 1 with a unit called e400. The suite checks units and values."""
    parameter = document(ant_flat("model m() k = 1e400; end")).getModel().getParameter("k")
    pin(parameter.getValue() == 1, "B33: 1e400 became 1")
    pin(parameter.getUnits() == "e400", "B33: the exponent became a unit")


def test_B33_none_aborts():
    """`loadAntimonyString(None)` aborts the process. The suite passes text only."""
    pin(child("antimony.loadAntimonyString(None)", after=ENGINES).crashed, "B33: None aborted the process")


def test_B34_clean_refusals():
    """RR refuses algebraic rules, `delay()` and fast reactions cleanly. The suite explains such refusals.

    The counts of the test suite, and what COPASI does, belong to the validation ring.
    """
    rules = (
        '<listOfParameters><parameter id="k" constant="false" value="1"/></listOfParameters><listOfRules>'
        f"<algebraicRule><math {MATHML}><apply><minus/><ci>k</ci><cn>1</cn></apply></math></algebraicRule>"
        "</listOfRules>"
    )
    for text, word in ((sbml(rules), "algebraic"), (FAST, "fast")):
        with pytest.raises(RuntimeError, match=word):
            rr(text)
    with pytest.raises(RuntimeError, match="delay"):
        rr("model m() S = 1; J: S -> ; delay(S, 1); end")
