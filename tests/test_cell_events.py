"""Events of single cells against the SBML specification (level 3 version 2, section 4.11): one model, many cases.

Two ids of the model, ``a`` and ``b``, are free for each case; nothing jumps where nothing is counted, so that every
time is known.
"""

from __future__ import annotations

import numpy as np
import pytest

import sbmlqsp as qsp
from sbmlqsp.engine.ssa import Stop
from tests.cells import ready, run

ORDERS = """species X; X = 3; J: X => ; 0*X; u = 0; v = 0; w = 0; z = 0; p1 = 0; p2 = 0
  first: at time > 1, priority=p1, fromTrigger=false: u = u + 1, w = 10*w + 1
  second: at time > 1, priority=p2, fromTrigger=false: v = v + 1, w = 10*w + 2"""
DELAYS = """species X; X = 3; J: X => ; 0*X; s = 0; r = 0; i = 0; c = 0; kept = 0; late = 0; value = 0
  up: at time > 1: s = 1, value = 5
  change: at time > 2: value = 7
  down: at time > back: s = 0
  back = 2.5
  keeps: at 2 after s > 0.5: r = r + 1
  drops: at 2 after s > 0.5, persistent=false: i = i + 1
  early: at 3 after s > 0.5, fromTrigger=true: kept = value
  fresh: at 3 after s > 0.5, fromTrigger=false: late = value
  begin: at time >= 0, t0=false: c = c + 1
  never: at time >= 0, t0=true: c = c + 10"""
STATES = """species X, Y, Z; substanceOnly species S; compartment V = 4; S in V; Y in V; X = 0; Y = 0; Z = 0; n = 0
  S = 8; k = 1; half = 0; grow: => X; k; level' = 1; level = 0; t1 = -1; t2 = -1
  reset: at X >= 5: X = 0, n = n + 1
  crosses: at level > 1.25: t1 = time, Y = 3
  falls: at level^2 > 2*2 && X >= 0: t2 = time, S = S - 6
  pairs: at n > 2.5: Z = half"""


def orders(**env):
    return run(ready(ORDERS, "u", "v", "w"), [0, 2], count=400, env=env).out[:, -1]


def delays(grid, **env):
    return run(ready(DELAYS, "r", "i", "kept", "late", "c"), grid, env=env).out[0]


def test_the_higher_priority_comes_first():
    assert (orders(p1=2.0, p2=1.0) == [1, 1, 12]).all()
    assert (orders(p1=1.0, p2=2.0) == [1, 1, 21]).all()


def test_equal_priorities_are_drawn_by_lot():
    """Half of 400 within 5 standard errors; every cell has both events, in either order."""
    found = orders(p1=1.0, p2=1.0)
    assert (found[:, :2] == 1).all()
    first = (found[:, 2] == 12).sum()
    assert first + (found[:, 2] == 21).sum() == 400
    assert abs(first - 200) < 5 * 10


def test_a_delay_counts_from_the_trigger():
    rows = delays([0, 2.999, 3, 5])
    assert rows[:, 0].tolist() == [0, 0, 1, 1]


def test_what_is_not_persistent_is_withdrawn_where_its_trigger_turns_false():
    assert delays([0, 5], back=2.5)[-1, 1] == 0
    assert delays([0, 5], back=3.5)[-1, 1] == 1
    assert delays([0, 5], back=2.5)[-1, 0] == 1  # the persistent one comes all the same


def test_values_are_those_of_the_trigger_or_of_the_execution():
    """Five is written by the very event that triggers; seven a time unit later; both are due at 4."""
    rows = delays([0, 3.999, 4])
    assert rows[:, 2].tolist() == [0, 0, 5]
    assert rows[:, 3].tolist() == [0, 0, 7]


def test_the_initial_value_decides_about_the_start():
    assert delays([0, 1])[:, 4].tolist() == [1, 1]


def states(grid, **how):
    return run(ready(STATES, "X", "n", "t1", "[Y]", "t2", "S", "Z", "Y"), grid, **how)


def test_a_state_event_comes_with_the_jump_that_triggers_it():
    """The count never shows five, and each reset has taken five births."""
    found = states([*np.linspace(0, 20, 101)], count=50)
    assert (found.out[:, :, 0] < 5).all()
    assert (found.out[:, -1, 0] + 5 * found.out[:, -1, 1] == found.jumps).all()
    assert found.out[:, -1, 1].max() > 2


def test_what_moves_triggers_at_its_time():
    """A continuous level crosses 1.25 and 2 between jumps; amounts are written in the species' own meaning."""
    found = states([0, 3], count=20).out[:, -1]
    assert found[:, 2] == pytest.approx(1.25, abs=1e-9)
    assert found[:, 4] == pytest.approx(2.0, abs=1e-9)
    assert (found[:, 3] == 3).all()
    assert (found[:, 7] == 12).all()  # 3 per volume in 4
    assert (found[:, 5] == 2).all()


def test_a_dose_triggers_at_once():
    found = states([0, 0.5, 1], env={"k": 0.0}, stops=[Stop(0.5, (("X", True, 5.0),), dosed=True)]).out[0]
    assert found[:, 0].tolist() == [0, 0, 0]
    assert found[:, 1].tolist() == [0, 1, 1]


@pytest.mark.parametrize("half", [0.5, -1.0, np.nan, np.inf])
def test_an_event_that_assigns_no_whole_number_fails(half):
    found = states([0, 1000], env={"half": half})
    assert found.status[0] == 7
    assert found.messages[0].startswith("an event assigns what is no whole number of molecules ('Z') at time")


FAULTS = """species X; X = 3; J: X => ; 0*X; q = 0.2; d = 1; o = 0; level' = on; level = 0; on = 0
  ping: at q > 0.5: q = 0
  pong: at q < 0.5 && time > 1: q = 1
  many: at 1000 after sin(level) > 0: o = o + 1
  odd: at d after time > 0.5: o = o"""


@pytest.mark.parametrize(("env", "status", "words"), [
    ({}, 4, "events follow each other without end at time 1, after 0 jumps"),
    ({"on": 600.0}, 5, "too many events wait at once ('many') at time"),
    ({"d": -1.0}, 8, "the delay of an event is negative or not a number ('odd') at time 0.5, after 0 jumps"),
    ({"d": np.nan}, 8, "the delay of an event is negative or not a number ('odd') at time 0.5, after 0 jumps"),
])  # fmt: skip
def test_events_that_cannot_go_on_say_what_and_when(env, status, words):
    found = run(ready(FAULTS, "o"), [0, 3], env=env)
    assert found.status[0] == status
    assert found.messages[0].startswith(words)


def test_fates_and_events_of_one_instant():
    """A cell lives through the event that its fate would have read before it."""
    model = qsp.read_antimony(f"model m; {ORDERS}; end")
    arm = qsp.Experiment(model, times=[0, 2], fates={"one": "u > 0.5", "none": "time > 1 && v < 0.5"})
    ds = qsp.simulate(arm, method="ssa", replicates=3)
    assert set(ds["fate"].values.ravel()) == {"one"}
    assert ds["fate_time"].values.ravel() == pytest.approx(1.0)


def test_an_event_that_sets_a_concentration_and_the_size_means_the_old_size():
    model = qsp.read_antimony(
        "model m; compartment C = 0.5; species S in C; S = 4; J: S => ; 1e-9*S*C;"
        "e: at (time >= 1): C = 0.25, S = 8; end"
    )
    arm = qsp.Experiment(model, times=[0, 2], observables=["amount(S)"])
    exact = qsp.simulate(arm)["amount(S)"].to_numpy()[0, 0, 0, 1]
    cells = qsp.simulate(arm, method="ssa", replicates=3, seed=1)["amount(S)"].to_numpy()[0, 0, :, 1]
    assert exact == pytest.approx(4.0, rel=1e-8)
    assert cells.tolist() == [4.0] * 3
