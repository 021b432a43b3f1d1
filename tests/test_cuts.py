"""Finding every abrupt change in time, against the formulas evaluated on either side."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sbmlqsp as qsp
from sbmlqsp.engine import cuts
from sbmlqsp.engine.cuts import find_switches
from sbmlqsp.engine.initial import initial_state
from sbmlqsp.expressions import evaluate

LATE = np.arcsin(0.99)


def switches_of(rule, *, extra=""):
    model = qsp.read_antimony(f"model m; {extra} A = 0; B = 1; B' = -B; A' = {rule}; t1 = 2; w = 3; end")
    return find_switches(model.network), initial_state(model.network), model.network


def schedule(rule, end=50.0, **options):
    found, env, _ = switches_of(rule, **options)
    return found, found.schedule(env, end)


@pytest.mark.parametrize(
    ("rule", "times"),
    [
        ("piecewise(1, time < 5, 0)", [5]),
        ("piecewise(1, time >= t1 && time < t1 + w, 0)", [2, 5]),
        ("piecewise(1, 2*time - 6 > 0, 0)", [3]),
        ("piecewise(1, t1*time > w*4, 0)", [6]),
        ("piecewise(1, 10 > time, 2, time <= 20, 3)", [10, 20]),
        ("piecewise(1, !(time < 4), 0)", [4]),
        (
            "piecewise(1, sin(time) > 0.99, 0)",
            [t for k in range(8) for t in (2 * np.pi * k + LATE, 2 * np.pi * k + np.pi - LATE)],
        ),
        ("piecewise(1, time^2 > 4*t1 && time^2 < 144, 0)", [8**0.5, 12]),
        ("piecewise(1, exp(-time/10) <= 0.5, 0)", [10 * np.log(2)]),
        ("piecewise(1, 1/(time - 7) > 3, 0)", [7, 7 + 1 / 3]),
        ("piecewise(1, (time - 7)^2 > 0, 0)", []),
        ("piecewise(1, exp(-(time - 7)^2*1e8) > 0.5, 0)", [7 - np.log(2) ** 0.5 * 1e-4, 7 + np.log(2) ** 0.5 * 1e-4]),
        ("piecewise(1, sqrt(time - 7) < 2, 0)", [7, 11]),
        ("piecewise(1, ln(time - 7) < 0, 0)", [7, 8]),
        ("piecewise(1, (time - 7)^1.5 < 8, 0)", [7, 11]),
        ("piecewise(1, log10(time - 7) < 0 && log(2, 20 - time) > 1, 0)", [7, 8, 18, 20]),
        ("piecewise(1, t1^(time - 7) < 8, 0)", [10]),
        ("piecewise(1, abs(time - 7) < w, 0)", [4, 10]),
        ("piecewise(1, cos(2*pi*(time - w)/24) > 0, 0)", [9, 21, 33, 45]),
        ("floor(time/20)", [20, 40]),
        ("ceil(time/20)", [0, 20, 40]),
        ("quotient(time, 20)", [20, 40]),
        ("rem(time, 20)", [20, 40]),
        ("piecewise(1, time - 24*floor(time/24) < 1, 0)", [1, 24, 25, 48, 49]),
        ("piecewise(1, time - 24*floor(time/24) >= 8 && time - 24*floor(time/24) < 9, 0)", [8, 9, 24, 32, 33, 48]),
        ("B*piecewise(1, time < 5, 0)", [5]),
        ("gt0*2", [7]),
        ("exp(-time)", []),
        ("piecewise(1, time < -5, 0)", []),
        ("piecewise(1, time < 500, 0)", []),
        ("piecewise(1, w > 2, 0)", []),
    ],
)
def test_cuts_fall_where_formulas_jump(rule, times):
    extra = "gt0 := piecewise(1, time > 7, 0);" if "gt0" in rule else ""
    found, plan = schedule(rule, extra=extra)
    inner = [t for t, _ in plan if t > 0]
    assert inner == pytest.approx([t for t in times if t > 0], rel=1e-12)
    assert found.left_to_engine == ()


@pytest.mark.parametrize(
    "rule", ["piecewise(1, B > 0.5 && time < 3, 0)", "piecewise(1, B*time < 3, 0)", "floor(time^2)"]
)
def test_conditions_on_the_state_and_steps_of_curves_are_left_to_the_engine(rule):
    found, plan = schedule(rule)
    assert len(found.left_to_engine) == (0 if "&&" in rule else 1)
    assert [t for t, _ in plan if t > 0] == pytest.approx([3.0] if "&&" in rule else [])


PIECES = st.sampled_from(
    [
        "piecewise(1, time < {a}, 0)",
        "piecewise(2, time >= {a} && time < {a} + {b}, 0.5)",
        "floor(time/{b})",
        "ceil(time/{b} - {a})",
        "rem(time, {b})",
        "piecewise(1, time - {b}*floor(time/{b}) < {b}/3, 0)",
        "piecewise(1, {a} - time/2 > 1, -1)",
        "quotient(time + {a}, {b})",
        "piecewise(1, sin(time/{b}) > 0.3, 0)",
        "piecewise(1, (time - {a})^2 - time <= {b}, 0)",
        "piecewise(1, exp(-time/{a})*cos(time) > 1/{b}, 0)",
    ]
)


@settings(max_examples=60, deadline=None)
@given(st.lists(PIECES, min_size=1, max_size=3), st.integers(1, 40), st.integers(2, 60))
def test_with_its_switches_a_formula_has_the_same_value_between_cuts(pieces, a, b):
    rule = " + ".join(p.format(a=a / 4, b=b / 4) for p in pieces)
    found, env, network = switches_of(rule)
    new = found.rewritten["rate rule", "A"]
    old = network.rate_rules["A"]
    plan = found.schedule(env, 30.0)
    edges = [*(t for t, _ in plan), 30.0]
    for (start, values), stop in zip(plan, edges[1:], strict=True):
        for share in (0.003, 0.5, 0.997) if stop > start + 1e-9 else ():
            t = start + share * (stop - start)
            there = float(evaluate(new, {**env, **values}, time=t))
            assert there == pytest.approx(float(evaluate(old, env, time=t)), rel=1e-9, abs=1e-9)
    assert not new.has("floor", "ceil", "quotient", "rem")


@pytest.mark.parametrize("times", [np.arange(721.0), np.array([0.0, 720.0])], ids=["many", "two"])
@pytest.mark.parametrize("more", ["", "B = 0; at time >= 300: B = 1;"], ids=["alone", "beside an event"])
def test_windows_of_a_curve_in_time_are_as_long_as_they_are_on_both_engines(more, times):
    """Nights of any length, and one window of 2 hours."""
    model = qsp.read_antimony(f"""model m; A = 0; C = 0; c = 0.99; d = 100; {more}
      A' = piecewise(1, sin(2*pi*time/24) > c, 0); C' = piecewise(1, time^2 > d && time^2 < 1.44*d, 0); end""")
    c = np.array([0.99, 0.0, -0.5, 0.9999])
    arm = qsp.Experiment(model, times=times, observables=["A", "C"])
    for engine in ("roadrunner", "kernel"):
        found = qsp.simulate(arm, engine=engine, subjects=pd.DataFrame({"c": c}))
        assert found["A"].to_numpy()[0, :, 0, -1] == pytest.approx(720 * np.arccos(c) / np.pi, rel=1e-7)
        assert found["C"].to_numpy()[0, :, 0, -1] == pytest.approx([2.0] * 4, rel=1e-8)


@pytest.mark.parametrize("times", [np.arange(721.0), np.array([0.0, 720.0])], ids=["many", "two"])
@pytest.mark.parametrize(
    ("trigger", "count"),
    [("sin(time) > 0.99", 115), ("sin(time) >= 0.99 && x > 100", 99), ("sin(x) > 0.5", 115), ("y > 0.5", 115)],
)
def test_an_event_at_a_curve_happens_every_time(trigger, count, times):
    """With outputs every hour a third of them came, with two outputs none."""
    model = qsp.read_antimony(f"model m; x = 0; x' = 1; y := sin(x); n = 0; at {trigger}: n = n + 1; end")
    found = qsp.simulate(qsp.Experiment(model, times=times, observables=["n"]), engine="roadrunner")
    assert found["n"].to_numpy().ravel()[-1] == count


def test_a_threshold_of_a_curve_in_time_has_its_derivative():
    model = qsp.read_antimony("model m; A = 0; d = 100; A' = piecewise(1, time^2 > d, 0); end")
    found = qsp.sensitivities(qsp.Experiment(model, times=[0, 30], observables=["A"]), ["d"])
    assert float(np.ravel(found["A"].to_numpy())[-1]) == pytest.approx(-1 / 20, rel=1e-7)


def test_a_curve_that_turns_too_often_is_refused():
    found, env, _ = switches_of("piecewise(1, sin(1e6*time) > 0, 0)")
    with pytest.raises(qsp.UnsupportedError, match="too often"):
        found.schedule(env, 1.0e3)


def test_each_subject_has_its_own_cuts():
    found, env, _ = switches_of("piecewise(1, time < t1, 0)")
    assert found.times({**env, "t1": 9.0}, 50.0) == pytest.approx([9.0])
    assert found.times({**env, "t1": -1.0}, 50.0) == []


def test_triggers_of_events_are_cuts_but_keep_their_formula():
    model = qsp.read_antimony("model m; A = 0; A' = 1; at (time > 3 && A > 1): A = 0; end")
    found = find_switches(model.network)
    assert found.times(initial_state(model.network), 10.0) == pytest.approx([3.0])
    assert found.rewritten == {}


def test_too_many_changes_are_refused(monkeypatch):
    monkeypatch.setattr(cuts, "MAX_CUTS", 1000)
    found, env, _ = switches_of("floor(time*1e6)")
    with pytest.raises(qsp.UnsupportedError, match="abruptly more than"):
        found.schedule(env, 1.0e3)


def test_a_moving_threshold_is_not_taken_for_a_constant():
    found, _ = schedule("piecewise(1, time < lim, 0)", extra="lim = 3; lim' = 0.1;")
    assert len(found.left_to_engine) == 1


def test_cuts_stay_exact_over_ten_thousand_days():
    found, env, _ = switches_of("piecewise(1, time - 24*floor(time/24) < 1, 0)")
    times = np.array(found.times(env, 24.0 * 10_000))
    days = np.arange(1, 10_001) * 24.0
    np.testing.assert_allclose(times[1::2], days, rtol=1e-13)
    assert len(times) == 20_000


def due_at_every_output(step, form):
    """Return a model that counts events, one due at every output time but the first, and the output times."""
    grid = [step * i for i in range(12)]
    times = {
        "exact": "time >= {t!r}",
        "short": "time >= {t:.13g}",
        "product": "time - {s!r}*{i} >= 0",
        "quotient": "time/{s!r} >= {i}",
        "turned": "{t!r} <= time",
        "floor": "floor(time/{s!r} + 1e-12) >= {i}",
    }
    rules = [times[form].format(t=t, s=step, i=i) for i, t in enumerate(grid)][1:]
    events = "; ".join(f"e{i}: at ({rule}): count = count + 1" for i, rule in enumerate(rules))
    text = f"model m; count = 0; species A; A = 1000; J: A -> ; 0.1*A; {events}; end"
    return qsp.read_antimony(text), grid


@pytest.mark.parametrize("step", [0.1, 0.7, 1 / 3, 1.1, 24.1])
@pytest.mark.parametrize("form", ["exact", "short", "product", "quotient", "turned", "floor"])
def test_an_output_at_the_time_of_an_event_shows_what_it_did(step, form):
    model, grid = due_at_every_output(step, form)
    ds = qsp.simulate(qsp.Experiment(model, times=grid, observables=["count"]))
    assert ds["count"].to_numpy().ravel().tolist() == list(range(12))


@pytest.mark.parametrize("form", ["exact", "quotient"])
def test_an_output_of_a_cell_at_the_time_of_an_event_shows_what_it_did(form):
    model, grid = due_at_every_output(0.7, form)
    ds = qsp.simulate(qsp.Experiment(model, times=grid, observables=["count"]), method="ssa", replicates=3, seed=1)
    assert ds["count"].to_numpy()[0, 0].tolist() == [list(range(12))] * 3


def test_an_event_due_just_after_its_time_does_not_show_at_that_time():
    model = qsp.read_antimony("model m; c = 0; e1: at (time > 0.2): c = 1; e2: at (2*time > 0.6): c = 2; end")
    ds = qsp.simulate(qsp.Experiment(model, times=[0, 0.1, 0.2, 0.25, 0.3, 0.4], observables=["c"]))
    assert ds["c"].to_numpy().ravel().tolist() == [0, 0, 0, 1, 1, 2]


@pytest.mark.parametrize("step", [0.1, 0.7, 1 / 3, 24.1])
@pytest.mark.parametrize("method", ["ode", "ssa"])
def test_an_output_when_an_event_has_waited_shows_what_it_did(step, method):
    event = "e{i}: at wait after (time >= {s!r}*{i}), fromTrigger=false: count = count + 1"
    events = "; ".join(event.format(i=i, s=step) for i in range(1, 8))
    text = f"model m; count = 0; wait = 2*{step!r}; species A; A = 1000; J: A -> ; 0.1*A; {events}; end"
    arm = qsp.Experiment(qsp.read_antimony(text), times=[step * i for i in range(12)], observables=["count"])
    ds = qsp.simulate(arm, method=method, **({"replicates": 1, "seed": 1} if method == "ssa" else {}))
    assert ds["count"].to_numpy().ravel().tolist() == [0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 7, 7]


@pytest.mark.parametrize("step", [0.1, 0.05, 0.7])
@pytest.mark.parametrize("waits", ["2", "1 + count"])
def test_an_output_a_rounding_error_after_an_event_does_not_stop_the_integrator(step, waits):
    event = f"e: at {waits} after (time >= 3.1), fromTrigger=false: count = 1"
    model = qsp.read_antimony(f"model m; count = 0; species A; A = 1; J: A -> ; 0.1*A; {event}; end")
    times = [step * i for i in range(int(10 / step))]
    ds = qsp.simulate(qsp.Experiment(model, times=times, observables=["count", "A"]))
    due = 5.1 if waits == "2" else 4.1
    assert ds["count"].to_numpy().ravel().tolist() == [float(t >= due - 1e-9) for t in times]
    assert ds["A"].to_numpy().ravel() == pytest.approx(np.exp(-0.1 * np.array(times)), rel=1e-7)


def test_a_formula_that_jumps_when_an_event_is_due_keeps_its_value_at_that_time():
    model = qsp.read_antimony(
        "model m; S1 := piecewise(sin(10*time), time <= 2, 1); S2 = 0;"
        "e: at 2 after (S1 < 0), fromTrigger=false: S2 = S2 + 1; end"
    )
    ds = qsp.simulate(qsp.Experiment(model, times=np.linspace(0, 5, 126), observables=["S1"]))
    assert ds["S1"].to_numpy()[0, 0, 0, 50] == pytest.approx(np.sin(20.0), abs=1e-9)


@pytest.mark.parametrize(("trigger", "shown"), [("time >= 1.5", 1.0), ("time > 1.5", 0.0)])
def test_an_event_that_waits_from_just_after_a_time_is_due_just_after_as_well(trigger, shown):
    model = qsp.read_antimony(f"model m; c = 0; x = 0; x' = time; e: at 2 after ({trigger} && time < 2.5): c = 1; end")
    ds = qsp.simulate(qsp.Experiment(model, times=np.linspace(0, 10, 41), observables=["c"]))
    assert ds["c"].to_numpy()[0, 0, 0, [13, 14, 15]].tolist() == [0.0, shown, 1.0]
