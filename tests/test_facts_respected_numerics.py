"""Engine facts B13 to B34, C and E: numbers, failures and refusals through the public face."""

from __future__ import annotations

import math
import re
import tracemalloc
import warnings
from pathlib import Path

import numpy as np
import pytest
from children import child
from facts import document
from scipy.integrate import solve_ivp

import sbmlqsp as qsp

SBML = 'xmlns="http://www.sbml.org/sbml/level3/version1/core" level="3" version="1"'
MATHML = 'xmlns="http://www.w3.org/1998/Math/MathML"'
DECAY = "model m; S = 1; k = 1; J: S -> ; k*S; end"


def run(model: str | qsp.Model, times, of: str = "S", **options) -> np.ndarray:
    model = qsp.read_antimony(model) if isinstance(model, str) else model
    more = {k: options.pop(k) for k in ("subjects", "tolerances") if k in options}
    ds = qsp.simulate(qsp.Experiment(model, times=times, observables=[of], **options), **more)
    return ds[of].to_numpy()[0, :, 0].squeeze()


def recorded(text: str, times, of: str) -> tuple[int, str, np.ndarray]:
    experiment = qsp.Experiment(qsp.read_antimony(text), times=times, observables=[of])
    ds = qsp.simulate(experiment, on_failure="record")
    return int(ds["status"].item()), str(ds["message"].item()), ds[of].to_numpy().ravel()


# --------------------------------------------------------------------------------------------------------- numbers
TMDD = """model tmdd; compartment V = 3; species L in V, R in V, P in V; L = {L}; R = {R}; P = 0;
  kon = {kon}; koff = 0.5; kint = 0.04; kdeg = 0.008; ksyn = {ksyn}; kel = 0.02;
  J1: L + R -> P; V*(kon*L*R - koff*P); J2: P -> ; V*kint*P; J3: R -> ; V*kdeg*R; J4: -> R; V*ksyn;
  J5: L -> ; V*kel*L; end"""


def test_B13_tmdd_in_mol_per_litre_is_exact():
    """The engine's defaults are off by more than 1e-3 where amounts are small and some start at zero."""
    t = np.linspace(0, 1000, 51)

    def rates(_, y):
        drug, target, both = y
        net = 0.33 * drug * target - 0.5 * both
        return [-net - 0.02 * drug, 0.0088 - net - 0.008 * target, net - 0.04 * both]

    exact = solve_ivp(rates, (0, 1000), [100, 1.1, 0], "Radau", t, rtol=1e-11, atol=1e-17).y
    model = qsp.read_antimony(TMDD.format(L=1e-7, R=1.1e-9, kon=3.3e8, ksyn=8.8e-12))
    ds = qsp.simulate(qsp.Experiment(model, times=t, observables=["L", "R", "P"]))
    for name, truth in zip("LRP", exact, strict=True):
        np.testing.assert_allclose(ds[name].to_numpy().ravel() * 1e9, truth, rtol=1e-6, atol=1e-13, err_msg=name)


@pytest.mark.parametrize("depth", [40.0, 80.0])
def test_B13_a_deep_nadir_regrows_from_where_it_was(depth: float):
    """Under the defaults the nadir of exp(-40) is negative, and regrows to hundreds below zero."""
    by_event = f"model m; S = 1; k = 1; J: S -> ; k*S; at (time >= {depth}): k = -1; end"
    by_rule = f"model m; S = 1; J: S -> ; piecewise(1, time < {depth}, -1)*S; end"
    for text in (by_event, by_rule):
        found = run(text, [0, depth, 2 * depth])
        np.testing.assert_allclose(found, [1, math.exp(-depth), 1], rtol=1e-6 * depth**2 / 40)


@pytest.mark.parametrize(("law", "time"), [("S*S", 1), ("1/(time - 1)", 1), ("sqrt(1 - time)", 1), ("ln(S - 2)", 0)])
def test_B14_failures_say_when_and_why(law: str, time: float):
    """Other integrators than CVODE return finite garbage for these."""
    experiment = qsp.Experiment(qsp.read_antimony(f"model m; S = 1; J: -> S; {law}; end"), times=[0, 0.5, 2])
    with pytest.raises(qsp.SimulationError, match=r"a rate.* is not finite|used up its steps") as caught:
        qsp.simulate(experiment, tolerances=qsp.Tolerances(maximum_steps=20_000))
    [reached] = re.findall(r"stopped at time (\S+):", str(caught.value))
    assert float(reached) == pytest.approx(time, abs=1e-5)


def test_B14_not_a_number_is_never_silent():
    """NaN in an assignment rule, or as the end time, passes silently in the engine."""
    text = "model m; S = 1; J: -> S; 0; x := sqrt(1 - time); end"
    status, message, values = recorded(text, [0, 0.5, 2], "x")
    assert (status, np.isnan(values).all()) == (2, True)
    assert "not finite from output 3" in message
    status, message, values = recorded(DECAY, [0, 1, 2], "ln(S - 0.5)")
    assert (status, np.isnan(values).tolist()) == (0, [False, True, True])
    assert message == "the observable 'ln(S - 0.5)' is not a number at output 2"
    for times in ([0, math.nan], [0, math.inf], "0:nan by 1"):
        with pytest.raises(qsp.ExperimentError):
            qsp.Experiment(qsp.read_antimony(text), times=times)


BALL = "model b; h = 1; v = 0; h' = v; v' = -9.81; at (h <= 0): v = -{}*v; end"
SLIDING = "model s; h = 0.5; r = -1; h' = r; at (h > 0): r = -1; at (h < 0): r = 1; end"


@pytest.mark.parametrize("text", [BALL.format(0.8), BALL.format(0.2), SLIDING])
def test_B15_events_without_end_are_reported(text: str):
    """In the engine the ball falls through the floor and the sliding state drifts away, both without a word."""
    status, message, values = recorded(text, [0, 2, 4, 6, 10], "h")
    assert (status, np.isnan(values).all()) == (3, True)
    assert "fires again and again up to time" in message
    with pytest.raises(qsp.SimulationError, match=r"could not be confirmed.*faster than can be followed"):
        run(text, [0, 10], "h")


def test_B15_events_with_an_end_are_not():
    """A ball stopped in time, a trigger with a distance, and cascades at one instant are all well defined."""
    t = np.array([0.0, 1.0, 2.0, 3.0])
    assert run(BALL.format(0.8), t, "h")[1:].tolist() == pytest.approx([0.4680044, 0.2607417, 0.0687075], abs=1e-6)
    status, message, values = recorded(SLIDING.replace("> 0", "> 0.01").replace("< 0)", "< -0.01)"), [0, 9], "h")
    assert (status, message) == (0, "")
    assert abs(values[1]) <= 0.010001
    cascade = "model c; x = 0; y = 0; z = 1; z' = 0; at (time >= 1 && x <= y && x < 9): x = x + 1; "
    cascade += "at (time >= 1 && y < x): y = y + z; end"
    assert run(cascade, [0, 2], "x + y").tolist() == [0.0, 18.0]
    endless = "model c; x = 0; y = 0; at (time >= 1 && x <= y): x = x + 1; at (time >= 1 && y < x): y = y + 1; end"
    assert recorded(endless, [0, 2], "x")[0] == 1


def test_B15_nothing_is_left_of_a_cascade_without_end():
    """The engine gave 2499 where it was run once more after it, by looser tolerances or for the next subject."""
    text = (
        "model m; x = 0; y = 0; x' = 1e-3; y' = 1.1e-3; g = 1; n = 0; at (time >= 1 && x <= y): x = x + 1, n = n + 1; "
    )
    model = qsp.read_antimony(text + "at (time >= 1 && y < x && n < most): y = y + 1; most = 5; end")
    arm = qsp.Experiment(model, times=[0, 2], observables=["x"])
    both = qsp.simulate(arm, engine="roadrunner", subjects={"most": [1e9, 5]}, workers=1, on_failure="record")
    alone = qsp.simulate(arm, engine="roadrunner", subjects={"most": [5]}, workers=1)
    assert both["status"].to_numpy().ravel().tolist() == [1, 0]
    assert "cascaded" in str(both["message"].to_numpy().ravel()[0])
    assert both["x"].to_numpy().ravel()[-1] == alone["x"].to_numpy().ravel()[-1] == pytest.approx(5.002, rel=1e-9)


@pytest.mark.parametrize("text", [DECAY, "model m; S = 1; J: -> S; S*S; end", BALL.format(0.8).replace("h", "S")])
def test_B16_the_engine_is_not_heard(text: str, capfd: pytest.CaptureFixture[str]):
    """It writes to the descriptors of stdout and stderr, past everything Python can redirect."""
    qsp.simulate(qsp.Experiment(qsp.read_antimony(text), times=[0, 6]), on_failure="record", progress=False)
    assert tuple(capfd.readouterr()) == ("", "")


# ----------------------------------------------------------------------------------------------- costs, seeds, state
def test_B17_B22_a_model_is_compiled_once():
    """Compiling takes longest, and each load leaks memory: one engine serves all runs of a model."""
    from sbmlqsp import compiled

    model = qsp.read_antimony("model once; S = 1; k = 1; J: S -> ; k*S; end")
    run(model, [0, 1])
    before = [id(v[0]) for v in compiled._CACHE.values()]
    for k in (2.0, 3.0):
        run(qsp.read_antimony("model once; S = 1; k = 1; J: S -> ; k*S; end"), [0, 2], changes={"k": k})
    assert [id(v[0]) for v in compiled._CACHE.values()] == before


def test_B18_steady_states_need_no_jacobian_of_the_engine():
    """`getFullJacobian` takes a minute for a hundred species."""
    chain = "; ".join(f"S{i} = 0; J{i}: S{i} -> S{i + 1}; {i + 1}*S{i}" for i in range(40))
    model = qsp.read_antimony(f"model m; {chain}; S40 = 0; a: -> S0; 2; b: S40 -> ; S40; end")
    found = qsp.steady_state(model)
    assert found.values["S39"] == pytest.approx(2 / 40, rel=1e-8)


def test_B19_seeds_change_nothing_in_deterministic_runs():
    """Setting a seed in the engine wipes parameters and selections; twins of one pickle draw the same numbers."""
    experiment = qsp.Experiment(qsp.read_antimony(DECAY), times=[0, 1], changes={"k": 2.0})
    plain = qsp.simulate(experiment)["S"].to_numpy()
    with pytest.raises(qsp.QSPError, match="seed is not usable"):
        qsp.simulate(experiment, seed=-1)  # the clock, to the engine
    for seed in (7, 2**32 + 7):
        np.testing.assert_array_equal(qsp.simulate(experiment, seed=seed)["S"].to_numpy(), plain)


def test_B20_saved_states_are_no_models(tmp_path: Path):
    """A saved state holds native code and no checksum."""
    from facts import rr

    engine = rr("model m; S = 1; J: S -> ; S; end")
    path = tmp_path / "state.rr"
    path.write_bytes(engine.saveStateS("b"))
    for read in (qsp.read_sbml, qsp.read_antimony):
        with pytest.raises(qsp.ModelError):
            read(path)
    with pytest.raises(qsp.ModelError, match=r"neither|cannot be read from a"):
        qsp.read_sbml(path.read_bytes())


def test_B21_only_what_is_asked_is_output_and_splitting_costs_no_accuracy():
    """Each row costs the engine time; a run is split at doses instead."""
    many = qsp.Regimen.parse("; ".join(f"0 into S at {i / 10}" for i in range(1, 50)))
    ds = qsp.simulate(qsp.Experiment(qsp.read_antimony(DECAY), times=[0, 5], regimen=many))
    assert ds.sizes["time"] == 2
    assert float(ds["S"][0, 0, 0, 1]) == pytest.approx(math.exp(-5), rel=1e-6)


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="no /proc on this system")
@pytest.mark.parametrize("more", ["", "n = 0; at 1 after (S < 0.9): n = n + 1;"])
def test_B22_memory_does_not_grow_with_runs(more: str):
    """The engine leaks per load, some reset by loading anew."""
    experiment = qsp.Experiment(qsp.read_antimony(DECAY.replace("end", f"{more} end")), times=[0, 1])
    for _ in range(20):
        qsp.simulate(experiment)
    before = resident()
    tracemalloc.start()
    qsp.simulate(experiment)
    kept = tracemalloc.get_traced_memory()[0]
    for _ in range(100):
        qsp.simulate(experiment)
    grown = tracemalloc.get_traced_memory()[0] - kept
    tracemalloc.stop()
    for _ in range(80):
        qsp.simulate(experiment)
    assert grown < 200_000, f"Python objects: {grown:,} bytes in 100 runs"
    assert resident() - before < 30_000_000, f"{resident() - before:,} bytes in 181 runs"


def test_B22_reading_antimony_keeps_nothing_and_stands_threads():
    """Antimony keeps every load, and crashes with four threads."""
    seen = child("""
        import threading
        import sbmlqsp as qsp
        parts = [f"S{i} = 1; J{i}: S{i} -> S{i + 1}; k{i}*S{i}; k{i} = 1" for i in range(20)]
        text = "model b; " + "; ".join(parts) + "; end"
        def work(n):
            for _ in range(n):
                qsp.read_antimony(text)
        work(5)
        threads = [threading.Thread(target=work, args=(8,)) for _ in range(4)]
        [t.start() for t in threads]
        [t.join() for t in threads]
        def resident():
            return int(open("/proc/self/statm").read().split()[1]) * 4096
        before = resident()
        work(20)
        say(resident() - before < 8_000_000)
    """, timeout=40)  # fmt: skip
    assert seen.out == "True", seen


def test_B23_one_meaning_of_a_symbol():
    """`r["S"]` is an amount in the engine, `r.S` a concentration, and setting a volume keeps amounts."""
    text = "model m; compartment V = 2; species S in V; S = 3; substanceOnly species A in V; A = 4; J: S -> ; 0*S; end"
    names = ["S", "amount(S)", "concentration(S)", "A", "amount(A)", "concentration(A)", "S*V"]

    def shown(**changes: float) -> list[float]:
        experiment = qsp.Experiment(qsp.read_antimony(text), times=[0], observables=names, changes=changes)
        ds = qsp.simulate(experiment)
        return [float(ds[n].item()) for n in names]

    assert shown() == [3, 6, 3, 4, 4, 2, 6]
    assert shown(V=4.0) == [3, 12, 3, 4, 4, 1, 12]  # what the file states is a concentration of S, an amount of A
    assert shown(S=5.0) == [5, 10, 5, 4, 4, 2, 10]
    assert shown(**{"amount(S)": 5.0, "concentration(A)": 1.5}) == [2.5, 5, 2.5, 3, 3, 1.5, 5]


@pytest.mark.parametrize("rows", [2, 1001])
def test_B26_narrow_windows_are_met(rows: int):
    """The engine delivers 0 of 5 pulses even with 1,001 rows, and never fires a trigger with a window of 1e-4."""
    pulses = " + ".join(f"piecewise(1000, time >= {t + 0.3001} && time < {t + 0.3011}, 0)" for t in range(5))
    times = np.linspace(0, 10, rows)
    assert run(f"model m; C = 0; J: -> C; {pulses}; end", times, "C")[-1] == pytest.approx(5, rel=1e-9)
    window = "model m; n = 0; S = 1; J: S -> ; S; at (time >= 3.33331 && time < 3.33341): n = n + 1; end"
    assert run(window, times, "n")[-1] == 1
    found = qsp.check(qsp.read_antimony(window))
    assert "narrow-window" in set(found["code"])


def test_B27_rates_that_jump():
    """Under the engine's defaults S goes on falling below zero."""
    text = "model m; S = 1; T = 0; p = 4; J: S -> T; factorial(ceil(p*S))/25; end"
    t = np.linspace(0, 2, 51)
    jumps = np.array([0, 0.25 * 25 / 24, 0.25 * 25 / 24 + 0.25 * 25 / 6, 1e9])
    exact = np.interp(t, jumps, [1, 0.75, 0.5, 0.5 - 2 / 25 * (1e9 - jumps[2])])
    np.testing.assert_allclose(run(text, t), exact, rtol=1e-4, atol=1e-4)


def test_B28_doses_and_events_at_the_start():
    """`at (time >= 0)` never fires unless its trigger is false before the start."""
    for more in ("", "n = 0; at (time > 99): n = 1;"):
        assert run(DECAY.replace("end", f"{more} end"), [0, 1], regimen="3 into S")[0] == 4.0
    never = "model m; C = 0; S = 1; J: S -> ; 0*S; at (time >= 0){}: C = 5; end"
    assert run(never.format(""), [0, 1], "C").tolist() == [0, 0]
    assert run(never.format(", t0 = false"), [0, 1], "C").tolist() == [5, 5]
    assert "event-at-start" in set(qsp.check(qsp.read_antimony(never.format("")))["code"])
    dosed = qsp.with_doses(qsp.read_antimony(DECAY), "3 into S")
    assert run(dosed, [0, 1])[0] == 4.0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("model m; S = 1; J: -> S; S; end", "grow"),
        ("model m; S = 1; J: -> S; 1; end", "grow|settle|steady"),
        ("model m; S = 1; J: -> S; 1 + time - S; end", "depends on time|reads time"),
        ("model m; S = 1; x = 1; J: S -> ; S; x' = -x; y = 0; y' = x - 1e-9*y; at (S < 0.5): S = 2; end", "event"),
        ("model m; x = 1; y = 0; x' = y; y' = -x; end", "oscillat|settle"),
    ],
)
def test_B29_what_is_no_steady_state_is_refused(text: str, words: str):
    """The engine answers 0 for growth, freezes time at 0, and leaves NaN behind."""
    with pytest.raises(qsp.QSPError, match=words):
        qsp.steady_state(qsp.read_antimony(text))
    assert run(DECAY, [0, 1])[1] == pytest.approx(math.exp(-1), rel=1e-7)


NEVER_CALLED = ("timeSeriesSensitivities", "getFullJacobian", ".steadyState(", ".setSeed(", ".gillespie(", ".plot(")


def test_B30_what_the_engine_gets_wrong_is_never_called():
    """Its sensitivities are zero, mislabelled or refused; its Jacobian, steady states and seeds have rows above."""
    for path in Path(qsp.__file__).parent.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert not [w for w in NEVER_CALLED[: 6 if path.parent.name == "engine" else 2] if w in text], path


def test_B32_results_do_not_depend_on_the_compiler():
    """The engine has two; the suite takes the one that compiles faster, and either gives the same numbers."""
    seen = child("""
        import sbmlqsp as qsp
        from sbmlqsp.engine import roadrunner as engine
        text = "model m{}; S = 1; T = 0; J: S -> T; 0.3*S^1.5; K: T -> ; T/(1 + T); end"
        assert engine.BACKEND == "LLJIT"
        for i, engine.BACKEND in enumerate(("MCJIT", "LLJIT")):
            ds = qsp.simulate(qsp.Experiment(qsp.read_antimony(text.format(i)), times=[0, 1, 20], observables=["T"]))
            say(*ds["T"].to_numpy().ravel())
    """)
    first, second = (np.array(line.split(), dtype=float) for line in seen.out.splitlines())
    np.testing.assert_allclose(second, first, rtol=1e-12)
    assert first[1] > 0.1


def test_B31_paths_and_labels(tmp_path: Path):
    """The engine takes no `pathlib.Path`, and its arrays lose their names on slicing."""
    path = tmp_path / "model.xml"
    path.write_text(qsp.read_antimony(DECAY).sbml)
    ds = qsp.simulate(qsp.Experiment(qsp.read_sbml(path), times=[0, 1], observables=["S"]))
    assert (ds[["S"]].isel(time=[1]) * 2)["S"].dims == ("experiment", "subject", "replicate", "time")


HEAD = f'<?xml version="1.0" encoding="UTF-8"?><sbml {SBML}><model id="m">'


def test_B33_conversions_are_compared():
    """Antimony drops and renames without a word, and reads 1e400 as the value 1 with a unit called e400."""
    names = ("time", "avogadro", "INF")
    each = "".join(f'<parameter id="{n}" value="1" constant="true"/>' for n in names)
    with pytest.raises(qsp.ModelError, match=r"Antimony cannot say this model.*time"):
        qsp.write_antimony(qsp.read_sbml(f"{HEAD}<listOfParameters>{each}</listOfParameters></model></sbml>"))
    model = qsp.read_antimony(
        "model m(k); compartment V = 2; species S in V; S = 1/3; k = 0.1; J: 1.23456789 S -> ; k*S; end"
    )
    back = qsp.read_antimony(qsp.write_antimony(model))
    assert document(back.sbml).getModel().getReaction(0).getReactant(0).getStoichiometry() == 1.23456789
    np.testing.assert_array_equal(run(back, [0, 5]), run(model, [0, 5]))
    found = qsp.check(qsp.read_antimony("model m; k = 1e400; S = 1; J: S -> ; k*S; end"))
    assert "e400" in " ".join(found["message"]), found.to_string()
    for read in (qsp.read_antimony, qsp.read_sbml):
        with pytest.raises(qsp.ModelError, match="cannot be read from a NoneType"):
            read(None)


RULE = (
    '<listOfParameters><parameter id="k" constant="false" value="1"/></listOfParameters><listOfRules><algebraicRule>'
    f"<math {MATHML}><apply><minus/><apply><exp/><ci>k</ci></apply><cn>1</cn></apply></math></algebraicRule>"
    "</listOfRules>"
)
FAST = (
    '<listOfCompartments><compartment id="c" size="1" constant="true"/></listOfCompartments><listOfSpecies>'
    '<species id="S" compartment="c" initialAmount="1" hasOnlySubstanceUnits="false" boundaryCondition="false" '
    'constant="false"/></listOfSpecies><listOfReactions><reaction id="r" reversible="false" fast="true">'
    '<listOfReactants><speciesReference species="S" stoichiometry="1" constant="true"/></listOfReactants>'
    f"<kineticLaw><math {MATHML}><ci>S</ci></math></kineticLaw></reaction></listOfReactions>"
)


def test_B34_unsupported_constructs_are_named():
    """Algebraic rules, delay() and fast reactions: refused with the place and the remedy, before anything runs."""
    model = qsp.read_sbml(f"{HEAD}{RULE}</model></sbml>")
    with pytest.raises(qsp.UnsupportedError, match=r"algebraic rule.*write that as an assignment rule"):
        qsp.simulate(qsp.Experiment(model, times=[0, 1], observables=["k"]))
    with pytest.raises(qsp.UnsupportedError, match=r"fast reactions: r.*large rates"):
        qsp.read_sbml(f"{HEAD}{FAST}</model></sbml>")
    for law in ("delay(S, 1)", "S*delay(S, k)"):
        with pytest.raises(qsp.UnsupportedError, match=r"delay\(\).*transit compartments"):
            run(f"model m; S = 1; k = 1; J: S -> ; {law}; end", [0, 1])


# ---------------------------------------------------------------------------------------- methods of other engines
@pytest.mark.parametrize("method", ["gillespie", "rk45", "euler", "ODE"])
def test_C_stochastic_and_unsafe_methods_are_refused(method: str):
    """The engine's stochastic method loses doses, nets reversible reactions, and hangs; its rk45 returns garbage.

    Stochastic runs are ``method="ssa"``, on a kernel of our own.
    """
    with pytest.raises(qsp.UnsupportedError, match=f"(?i)no such method.*{method}"):
        qsp.simulate(qsp.Experiment(qsp.read_antimony(DECAY), times=[0, 1]), method=method)
    with pytest.raises(qsp.ExperimentError, match=r"(?i)replicates.*method='ssa'"):
        qsp.simulate(qsp.Experiment(qsp.read_antimony(DECAY), times=[0, 1]), replicates=3)


def test_E_a_killed_worker_loses_nothing(monkeypatch: pytest.MonkeyPatch):
    """Pools hang or lose their batch when a worker dies: pieces are supervised, done again, and the culprit named."""
    from sbmlqsp.scaling import local

    started: list[local._Worker] = []
    plain = local._Worker.give

    def kills_the_first(self: local._Worker, piece: object) -> None:
        plain(self, piece)  # type: ignore[arg-type]
        started.append(self)
        if len(started) == 1:
            self.process.kill()

    monkeypatch.setattr(local._Worker, "give", kills_the_first)
    arm = qsp.Experiment(qsp.read_antimony(DECAY), times=[0, 1])
    people = {"S": [1.0, 2.0, 3.0, 4.0]}
    here = qsp.simulate(arm, subjects=people)
    assert here.identical(qsp.simulate(arm, subjects=people, workers=2, chunk=1))
    assert len(started) == 5  # four pieces, one of them twice


def test_E_results_are_the_same_in_another_process():
    """CVODE is bit for bit the same, as long as nothing of its settings differs."""
    model, times = qsp.read_antimony(DECAY), [0.0, 0.3, 7.0]
    here = [v.hex() for v in run(model, times).tolist()]
    seen = child(f"""
        import sbmlqsp as qsp
        model = qsp.read_sbml({model.sbml!r})
        ds = qsp.simulate(qsp.Experiment(model, times={times}))
        say(*[v.hex() for v in ds["S"].to_numpy().ravel().tolist()])
    """)
    assert seen.out.split() == here


def test_E_importing_the_suite_needs_no_tellurium():
    """`import tellurium` takes seconds, and fails where `six` is missing."""
    seen = child("import sbmlqsp; say(not {'tellurium', 'roadrunner', 'antimony', 'libsbml'} & set(sys.modules))")
    assert seen.out == "True", seen
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert qsp.to_roadrunner(qsp.read_antimony(DECAY)).model.getNumFloatingSpecies() == 1
