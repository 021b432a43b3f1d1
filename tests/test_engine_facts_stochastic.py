"""Engine facts C: libRoadRunner's stochastic integrator, measured without this package.

Every run has a fixed seed, so that nothing here is left to chance.
"""

from __future__ import annotations

import numpy as np
import pytest
from children import child
from facts import ant_flat, gillespie, pin

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

DEATH = "model m() S = 100; J: S -> ; S; end"


def column(runner, *arguments) -> np.ndarray:
    return np.array(runner.simulate(*arguments)[:, 1])


def runs(text: str, count: int, *arguments) -> np.ndarray:
    sbml = ant_flat(text)
    return np.array([column(gillespie(sbml, seed), *arguments) for seed in range(1, count + 1)])


def test_C1_dose_into_an_empty_system():
    """Triggers are tested only after a reaction: a dose into nothing never comes. The suite has exact event times."""
    seen = runs("model m() S = 0; J: S -> ; S; at (time >= 1): S = 100; end", 5, 0, 10, 11)
    pin(np.all(seen == 0), "C1: the dose never came")


def test_C1_doses_come_late():
    """With slow reactions a dose due at t = 10 comes at about 30. The suite has exact event times."""
    text = "model m() S = 0; Q = 1; J: S -> ; 0*S; J2: -> Q; 0.05; at (time >= 10): S = 100; end"
    seen = runs(text, 20, 0, 200, 201)
    pin(np.all(seen.max(axis=1) == 100), "C1: fresh instances were dosed in the end")
    pin(np.argmax(seen > 50, axis=1).mean() > 20, "C1: on average the dose came more than 10 late")


def test_C1_reused_instances_are_not_dosed():
    """A reused instance often misses its dose altogether. The suite gives each run a whole new state."""
    text = "model m() S = 0; Q = 1; J: S -> ; 0*S; J2: -> Q; 0.05; at (time >= 10): S = 100; end"
    runner, dosed = gillespie(text, 1), 0
    for _ in range(30):
        runner.reset()
        dosed += int(column(runner, 0, 200, 201).max() == 100)
    pin(dosed < 20, f"C1: many of 30 reused runs were never dosed (dosed: {dosed})")


def test_C2_reversible_laws_run_on_the_net_rate():
    """A reversible law has no noise where its variance is 25. The suite splits forward and backward."""
    net = gillespie("model m() A = 50; B = 50; J: A -> B; A - B; end")
    pin(np.var(column(net, 0, 100, 1001)) == 0, "C2: the net law never fired")
    split = gillespie("model m() A = 50; B = 50; J: A -> B; A; J2: B -> A; B; end")
    pin(15 < np.var(column(split, 0, 100, 1001)[100:]) < 35, "C2: the split laws have a variance near 25")


def test_C3_rate_rules_are_refused():
    """Rate rules are refused. The suite integrates them between reactions, or says what to write instead."""
    with pytest.raises(RuntimeError, match="rate rules"):
        gillespie("model m() x = 1; x' = 1; S = 1; J: S -> ; S; end").simulate(0, 10, 3)


def test_C3_time_dependent_propensities_are_frozen():
    """A propensity of time is held constant between outputs. The suite handles it exactly, or refuses."""
    text = "model m() S = 0; J: -> S; 100*sin(3.141592653589793*time)^2; end"
    pin(np.all(runs(text, 5, 0, 2, 2)[:, -1] == 0), "C3: with two outputs nothing of 100 arrived")
    pin(np.all(runs(text, 5, 0, 2, 101)[:, -1] > 50), "C3: with 101 outputs about 100 arrived")


def test_C4_infinite_propensity_hangs():
    """An infinite propensity hangs. The suite has limits of its own."""
    seen = child("gillespie('model m() S = 1; J: -> S; 1/(S - 1); end').simulate(0, 1, 3)", timeout=2)
    pin(seen.hung, "C4: an infinite propensity hung")


def test_C4_nan_propensity_freezes():
    """A NaN propensity freezes all reactions silently. The suite checks propensities."""
    runner = gillespie("model m() S = 1; T = 50; J: -> S; sqrt(-S); J2: T -> ; T; end")
    runner.timeCourseSelections = ["time", "T"]
    pin(column(runner, 0, 10, 3)[-1] == 50, "C4: the NaN of one law stopped the other")


def test_C4_limits_and_negative_counts():
    """`maximum_num_steps` raises a wrong-index error, counts go negative by default. The suite has own limits."""
    runner = gillespie("model m() S = 1; J: -> S; 1000; end")
    runner.getIntegrator().setValue("maximum_num_steps", 10)
    with pytest.raises(RuntimeError, match="wrong index"):
        runner.simulate(0, 1, 3)
    runner = gillespie("model m() S = 3; J: S -> ; 5; end")
    pin(column(runner, 0, 10, 3)[-1] == 0, "C4: with `nonnegative` a count stops at 0")
    runner = gillespie("model m() S = 3; J: S -> ; 5; end")
    runner.getIntegrator().resetSettings()
    pin(runner.getIntegrator().getValue("nonnegative") is False, "C4: `nonnegative` is off by default")
    runner.getIntegrator().setValue("variable_step_size", False)
    runner.getIntegrator().setValue("seed", 1)
    pin(column(runner, 0, 10, 3)[-1] < 0, "C4: a count went negative")


def test_C5_output_grid_changes_the_trajectory():
    """One seed, another output grid, another trajectory; `reset` continues the stream. The suite keys its streams."""
    coarse = column(gillespie(DEATH, 5), 0, 2, 3)
    fine = column(gillespie(DEATH, 5), 0, 2, 21)[::10]
    pin(not np.array_equal(coarse, fine), "C5: the output grid changed the trajectory of a seed")
    runner = gillespie(DEATH, 5)
    first = column(runner, 0, 2, 21)
    runner.reset()
    pin(not np.array_equal(first, column(runner, 0, 2, 21)), "C5: reset continued the stream")
    runner.reset()
    runner.getIntegrator().setValue("seed", 5)
    pin(np.array_equal(first, column(runner, 0, 2, 21)), "C5: seeding again repeated the trajectory")


def test_C6_delayed_events_come_late():
    """A delayed event due at t = 3 comes whenever a reaction next fires. The suite is exact, or refuses."""
    seen = runs("model m() S = 0; J: -> S; 1; at 1 after (time >= 2): S = 1000; end", 10, 0, 10, 101)
    times = np.argmax(seen >= 1000, axis=1) / 10
    pin(np.all(seen[:, -1] >= 1000), "C6: every run was dosed in the end")
    pin(times.mean() > 3.5, f"C6: on average the event due at 3 came at {times.mean():.2f}")


def test_C6_narrow_rate_pulses_are_missed():
    """A rate pulse that delivers 20 on average delivers nothing. The suite is exact, or refuses."""
    text = (
        "model m() S = 0; T = 1; J: -> S; piecewise(2000, time >= 5.03 && time < 5.04, 0);"
        "J2: T -> ; 0*T; J3: -> T; 1; end"
    )
    pin(runs(text, 10, 0, 10, 11)[:, -1].mean() < 5, "C6: most of the pulse was missed")


def test_C6_delayed_events_are_announced(capfd: pytest.CaptureFixture[str]):
    """RR says on stderr, not to Python, that timed events are imprecise. The suite never relies on them."""
    runs("model m() S = 9; J: S -> ; S; at (time >= 1): S = 9; end", 1, 0, 2, 3)
    pin("not be precise" in capfd.readouterr().err, "C6: the warning went to stderr")


def test_C7_timed_events_of_the_discrete_stochastic_tests():
    """An immigration-death process set to 50 at t = 25 is not 50 at t = 25. The suite passes all 39 of DSMTS.

    The pattern is that of cases 28, 29 and 32. COPASI and GillesPy2 are not measured here.
    """
    text = "model m() S = 0; J: -> S; 1; J2: S -> ; 0.1*S; at (time >= 25): S = 50; end"
    seen = runs(text, 40, 0, 26, 27)
    pin(np.mean(seen[:, 25] == 50) < 0.2, "C7: most runs are not at 50 when the event is due")
    exact = 50 * np.exp(-0.1) + 10 * (1 - np.exp(-0.1))
    error = (seen[:, 26].mean() - exact) / (seen[:, 26].std() / np.sqrt(len(seen)))
    pin(error < -2, f"C7: one time unit later the mean is below the exact one (z = {error:.1f})")
