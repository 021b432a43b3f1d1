"""Events on the batch kernel: closed forms, libRoadRunner's answers, and what is refused."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

import sbmlqsp as qsp
from sbmlqsp.batch import KERNEL, refuse_unbatched, run_batch
from sbmlqsp.execution import run_arm
from sbmlqsp.subjects import read_subjects

MANY = """
model many
  y = 1; v = 0; g = 9.81; e = 0.8; y' = v; v' = -g
  bounce: at (y < 0 && v < 0): v = -e*v

  x = 0; x' = 1; top = 1.5; resets = 0
  full: at (x >= top): x = 0, resets = resets + 1

  compartment C = 2; species S in C, T in C; S = 3; T = 1; k = 0.1
  J: S -> ; k*S*C
  dose: at (time >= 2): S = S + 10/C
  grow: at (time >= 4): C = 5

  early = 0; late = 0; kept = 0; lost = 0; turn = 1
  asked: at 0.25 after (time >= 1): early = x
  seen: at 0.25 after (time >= 1), fromTrigger=false: late = x
  firm: at (top - 0.5) after (x > 1): kept = kept + 1
  given_up: at (top - 0.5) after (x > 1), persistent=false: lost = lost + 1
  doubled: at (time >= 3), priority=1, fromTrigger=false: turn = turn*2
  raised: at (time >= 3), priority=2: turn = turn + 3
end
"""
TIMES = [0.0, 0.3, 1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 3.9, 4.0, 5.0]
DOSED = """
model dosed
  compartment V = 4; species A in V; A = 2
  J: A -> ; 0.3*A*V
  n = 0
  halve: at (time >= 2): A = A/2
  high: at (A > 3): n = n + 1
  repeated: at (time - last >= 1.5): last = time, m = m + A
  last = 0; m = 0
  first: at (time >= 0), t0=false: A = 3*A
  slope := rateOf(A)
end
"""
RACE = """
model race
  x = 0; x' = 1; on = 0; n = 0
  up: at (on < 0.5 && x > 1): on = 1, n = n + 1
  down: at (on > 0.5): on = 0
end
"""


def arm_of(text, times, observables, **more):
    return qsp.Experiment(qsp.read_antimony(text), times=times, observables=observables, **more)


def kernel(arm, subjects=None, tolerances=KERNEL):
    table = None if subjects is None else pd.DataFrame(subjects)
    return run_batch(arm, read_subjects(table, [arm], drawn=None), tolerances=tolerances, threads=1)


def engine(arm, subjects=None):
    table = None if subjects is None else pd.DataFrame(subjects)
    return run_arm(arm, read_subjects(table, [arm], drawn=None), tolerances=qsp.Tolerances(1e-10))


@pytest.fixture(scope="module")
def many():
    names = ["y", "v", "x", "resets", "S", "T", "C", "early", "late", "kept", "lost", "turn"]
    arm = arm_of(MANY, TIMES, names)
    subjects = {"top": [1.5, 2.3], "e": [0.9, 0.95]}
    return arm, subjects, kernel(arm, subjects)


def value(run, name, row, time):
    return run.columns[name][row, TIMES.index(time)]


def height(t, e, g=9.81):
    """Return height and speed of a ball dropped from 1."""
    speed = math.sqrt(2 * g)
    begin = speed / g
    if t < begin:
        return 1 - g * t * t / 2, -g * t
    speed *= e
    while t >= begin + 2 * speed / g:
        begin += 2 * speed / g
        speed *= e
    s = t - begin
    return speed * s - g * s * s / 2, speed - g * s


def test_a_bouncing_ball_is_where_its_closed_form_says(many):
    _, subjects, run = many
    assert set(run.status) == {0}, run.messages
    for row, e in enumerate(subjects["e"]):
        wanted = np.array([height(t, e) for t in TIMES])
        found = np.stack([run.columns["y"][row], run.columns["v"][row]], axis=1)
        np.testing.assert_allclose(found[:9], wanted[:9], rtol=1e-8, atol=1e-8)
        assert np.abs(found - np.array([height(t, e + 0.01) for t in TIMES])).max() > 1e-3  # which can fail


def test_subjects_meet_their_events_at_different_times(many):
    _, subjects, run = many
    for row, top in enumerate(subjects["top"]):
        np.testing.assert_allclose(run.columns["resets"][row], [math.floor(t / top) for t in TIMES])
        np.testing.assert_allclose(run.columns["x"][row], [t - top * math.floor(t / top) for t in TIMES], atol=1e-11)


def test_an_output_at_the_time_of_an_event_shows_what_it_did(many):
    run = many[2]
    assert value(run, "x", 0, 1.5) == 0.0
    assert value(run, "resets", 0, 1.5) == 1
    assert value(run, "[S]", 0, 2.0) == pytest.approx(3 * math.exp(-0.2) + 5, rel=1e-9)


def test_a_new_size_keeps_amounts(many):
    run = many[2]
    before = 3 * math.exp(-0.4) + 5 * math.exp(-0.2)
    assert value(run, "C", 0, 3.9) == 2
    assert value(run, "[S]", 0, 4.0) == pytest.approx(before * 2 / 5, rel=1e-9)
    assert value(run, "[S]", 0, 5.0) == pytest.approx(before * 2 / 5 * math.exp(-0.1), rel=1e-9)
    assert value(run, "[T]", 0, 4.0) == pytest.approx(2 / 5, rel=1e-12)


def test_what_waits_takes_the_values_of_its_own_time(many):
    run = many[2]
    assert value(run, "early", 0, 1.0) == 0.0
    assert value(run, "early", 0, 1.25) == pytest.approx(1.0, rel=1e-10)
    assert value(run, "late", 0, 1.25) == pytest.approx(1.25, rel=1e-10)


def test_what_is_not_persistent_is_given_up(many):
    run = many[2]
    np.testing.assert_array_equal(run.columns["lost"][:, -1], [0, 0])
    assert value(run, "kept", 0, 1.5) == 0
    assert value(run, "kept", 0, 2.0) == 1
    assert value(run, "kept", 1, 3.0) == 1


def test_the_highest_priority_comes_first(many):
    assert value(many[2], "turn", 0, 2.5) == 1
    assert value(many[2], "turn", 0, 3.0) == 8


def test_all_of_it_is_as_in_libroadrunner(many):
    arm, subjects, run = many
    other = engine(arm, subjects)
    for name in run.columns:
        np.testing.assert_allclose(run.columns[name], other.columns[name], rtol=1e-6, atol=1e-7, err_msg=name)


@pytest.mark.parametrize("at_dose", ["after", "before"])
def test_doses_come_after_the_events_of_their_instant_and_trigger_others(at_dose):
    times = [0.0, 1.0, 1.5, 2.0, 3.0, 4.5, 5.0]
    arm = arm_of(
        DOSED,
        times,
        ["A", "n", "m", "slope"],
        at_dose=at_dose,
        regimen="8 into A; 12 into A at 2; 6 into A at 4 over 1",
    )
    ours, theirs = kernel(arm), engine(arm)
    assert list(ours.status) == [0]
    for name in ours.columns:
        np.testing.assert_allclose(ours.columns[name], theirs.columns[name], rtol=1e-7, atol=1e-9, err_msg=name)
    if at_dose == "after":
        by_hand = (3 * 2 + 2) * math.exp(-0.6) / 2 + 3
        assert ours.columns["[A]"][0, 3] == pytest.approx(by_hand, rel=1e-9)


def test_events_without_end_are_a_failure_by_name():
    endless = kernel(arm_of(RACE, [0, 0.5, 2], ["n"]))
    assert list(endless.status) == [1]
    assert "events follow each other without end" in endless.messages[0]
    assert "stopped at time 1" in endless.messages[0]
    assert np.isnan(endless.columns["n"]).all()


def test_a_ball_that_bounces_ever_faster_does_not_fall_through_the_floor():
    stopped = kernel(arm_of(MANY, [0, 1, 5], ["y"]), {"e": [0.9, 0.5]})
    assert "an event happens again and again" in stopped.messages[1]
    assert "'bounce'" in stopped.messages[1]


REFUSED = {
    "x = 0; x' = 1; e: at (x == 1): x = 0": "equals a value",
    "x = 0; x' = 1; e: at (delay(x, 1) > 1): x = 0": "delay",
    "compartment C; C := 1 + time; species $S in C; S = 1; S' = 0.5": "compartment whose size",
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_not_followed_is_refused_by_name(text):
    model = qsp.read_antimony(f"model m; {text}; end")
    arm = qsp.Experiment(model, times=[0, 2], observables=list(model.network.rate_rules))
    refuse_unbatched(arm)
    with pytest.raises(qsp.UnsupportedError, match=REFUSED[text]):
        kernel(arm)


PASSED = """
model passed
  x = 0; x' = 2 - 2*time
  peak = 0; window = 0; last = 0; strict = 0; upon = 0; since = 0
  over: at (x > 0.9998): peak = peak + 1
  within: at (x > 0.5 && x < 0.50001): window = window + 1
  fast: at (sin(1000*time) > 0.5): waves = waves + 1
  waves = 0
  later: at (time - last > 1): last = time, strict = strict + 1
  there: at (time - since >= 0.75): since = time, upon = upon + 1
end
"""


def test_what_holds_within_a_step_only_is_seen():
    run = kernel(arm_of(PASSED, [0, 0.2, 3], ["peak", "window", "waves"]))
    assert run.columns["peak"][0].tolist() == [0, 0, 1]
    assert run.columns["window"][0].tolist() == [0, 0, 2]
    assert run.columns["waves"][0].tolist() == [0, 32, 478]  # 1000 t = pi/6 + 2 pi n


def test_an_output_just_when_a_trigger_turns_true_is_before_strict_ones_alone():
    run = kernel(arm_of(PASSED, [0, 0.75, 1, 1.5, 2, 2.25], ["strict", "upon"]))
    assert run.columns["strict"][0].tolist() == [0, 0, 0, 1, 1, 2]
    assert run.columns["upon"][0].tolist() == [0, 1, 1, 2, 2, 3]


@pytest.mark.parametrize(("event", "changes", "end"), [
    ("E1: at 1.5 after x > 1, t0 = false, fromTrigger = false: z = z + 1", {}, 1),
    ("E: at x > 1, t0 = false: f = 1; E1: at 1.5 after x > 1, t0 = false: z = x", {"x": 5.0}, 5),
    ("E1: at d after x > 1, t0 = false: z = x", {"d": 2.5}, 2),
    ("E: at x > 1, t0 = false: f = 1; E1: at d after x > 1, t0 = false: z = 7", {"x": 0.5, "g": 0.1}, 0),
])  # fmt: skip
def test_an_event_that_waits_from_the_very_start_is_the_kernels_alone(event, changes, end):
    """libRoadRunner fires it three times, or by the values of the model and not of the subject."""
    model = qsp.read_antimony(f"model m; x = 2; g = 1; x' = g; z = 0; d = 1.5; f = 0; {event}; end")
    arm = qsp.Experiment(model, times=[0, 1, 3], observables=["z"], changes=changes)
    assert qsp.simulate(arm, engine="kernel")["z"].to_numpy().ravel()[-1] == end
    with pytest.raises(qsp.UnsupportedError, match=r"'E1'.*engine='kernel'"):
        qsp.simulate(arm)
