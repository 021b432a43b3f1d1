"""Sensitivities through events against closed forms, whose own derivatives come from complex steps, and differences."""

from __future__ import annotations

import numpy as np
import pytest

import sbmlqsp as qsp
from sbmlqsp.batch import run_batch
from sbmlqsp.subjects import read_subjects

pytest.importorskip("numba")

CLOSED = """model closed
  y = h; h = 1; v = 0; g = 9.81; e = 0.9; y' = v; v' = -g; bounces = 0
  bounce: at (y < 0 && v < 0): v = -e*v, bounces = bounces + 1

  compartment V = 20; species C in V; C = D0/V; D0 = 100; D1 = 60; k = 0.9; low = 1.3; given = 0
  J: C -> ; k*C*V
  again: at (C < low): C = C + D1/V, given = given + D1

  x = 3; x' = -kx*x; kx = 0.4; a = 2.2; lag = 0.3; u = 0; w = 0
  asked: at lag after (x < a): u = u + x*kx
  seen: at lag after (x < a), fromTrigger=false: w = w + x^2

  T = 1.1; rate = 0; z = 0; z' = rate
  on: at (time >= T): rate = 2*x
  off: at (time >= T + lag): rate = 0
end
"""
TIMES = np.array([0.0, 0.3, 0.5, 1.2, 1.5, 2.6, 3.3])
OBSERVED = ["y", "v", "C", "given", "u", "w", "z", "rate*u"]
VALUES = {"h": 1.0, "g": 9.81, "e": 0.9, "V": 20.0, "D0": 100.0, "D1": 60.0, "k": 0.9, "low": 1.3, "x": 3.0,
          "kx": 0.4, "a": 2.2, "lag": 0.3, "T": 1.1}  # fmt: skip


def ball(t, p):
    """Return height and speed of a ball dropped from h."""
    speed = np.sqrt(2 * p["g"] * p["h"])
    begin = speed / p["g"]
    if t < begin.real:
        return p["h"] - p["g"] * t * t / 2, -p["g"] * t
    speed = speed * p["e"]
    while t >= (begin + 2 * speed / p["g"]).real:
        begin, speed = begin + 2 * speed / p["g"], speed * p["e"]
    s = t - begin
    return speed * s - p["g"] * s * s / 2, speed - p["g"] * s


def redosed(t, p):
    """Return the concentration, and what was given."""
    level, begin, given = p["D0"] / p["V"], 0.0, 0.0
    while True:
        crossed = begin + np.log(level / p["low"]) / p["k"]
        if crossed.real > t:
            return level * np.exp(-p["k"] * (t - begin)), given
        level, begin, given = p["low"] + p["D1"] / p["V"], crossed, given + p["D1"]


def closed(p):
    """Return the solution, of shape (times, observables)."""
    out = []
    for t in TIMES:
        crossed = np.log(p["x"] / p["a"]) / p["kx"]
        later = crossed + p["lag"]
        u = p["a"] * p["kx"] if t >= later.real else 0.0
        w = (p["a"] * np.exp(-p["kx"] * p["lag"])) ** 2 if t >= later.real else 0.0
        rate = 2 * p["x"] * np.exp(-p["kx"] * p["T"])
        on = t >= p["T"].real
        z = 0.0 if not on else rate * (t - p["T"]) if t < (p["T"] + p["lag"]).real else rate * p["lag"]
        now = rate if on and t < (p["T"] + p["lag"]).real else 0.0
        out.append([*ball(t, p), *redosed(t, p), u, w, z, now * u])
    return np.array(out)


@pytest.fixture(scope="module")
def found():
    arm = qsp.Experiment(qsp.read_antimony(CLOSED), times=TIMES, observables=OBSERVED)
    return qsp.sensitivities(arm, list(VALUES), threads=1)


@pytest.mark.parametrize("name", VALUES)
def test_derivatives_are_those_of_the_closed_form(found, name):
    step = 1e-30
    expected = closed({k: v + (1j * step if k == name else 0j) for k, v in VALUES.items()}).imag / step
    got = np.stack([found[o].sel(parameter=name).values[0] for o in OBSERVED], axis=-1)
    assert np.abs(expected).max() > 1e-2
    np.testing.assert_allclose(got, expected, rtol=1e-7, atol=1e-8 * np.abs(expected).max())


def test_values_come_with_them(found):
    got = np.stack([found[f"{o} (value)"].values[0] for o in OBSERVED], axis=-1)
    np.testing.assert_allclose(got, closed({k: v + 0j for k, v in VALUES.items()}).real, rtol=1e-8, atol=1e-9)
    assert got[-1, OBSERVED.index("given")] == 120  # which happened twice


DOSED = """model dosed
  compartment V = 5; species A in V; substanceOnly species A; ka = 0.6; high = 8; J: A -> ; ka*A
  q = 0.4; late = 0.3; F = 0.9; f = 0.1; m = 0; m' = f*A; grown = 0.3
  over: at (A/V > high), priority = 2: f = f*q, A = A*0.9
  under: at grown*f after (A/V < 2): f = 0.1 + 0.01*A, V = V + grown
  both: at (A/V > high && m > 1), priority = 1: m = m - A/V
  held: at (time > 3 || A/V < 1.2), fromTrigger=false: m = m + piecewise(A, A > 4, 0)
end
"""
SIZES = {"V": 5.0, "ka": 0.6, "high": 8.0, "q": 0.4, "f": 0.1, "grown": 0.3, "late": 0.3, "F": 0.9}
DOSES = [qsp.Dose("50*F", "A", lag="late", interval=4, count=2),
         qsp.Dose("120", "A", time=6, lag="late", duration="2*F")]  # fmt: skip


def differences(arm_with, name, value, names):
    """Return central differences over two steps, extrapolated."""
    out = []
    for step in (1e-4 * value, 5e-5 * value):
        ends = []
        for to in (value + step, value - step):
            arm = arm_with({name: to})
            run = run_batch(arm, read_subjects(None, (arm,)), tolerances=qsp.Tolerances(1e-13, 1e-19), threads=1)
            assert list(run.status) == [0]
            ends.append(np.stack([run.columns[n][0] for n in names], axis=-1))
        out.append((ends[0] - ends[1]) / (2 * step))
    return (4 * out[1] - out[0]) / 3


def test_doses_trigger_events_that_move_with_them():
    names = ["A", "m", "f", "V"]
    model = qsp.read_antimony(DOSED)

    def arm_with(changes):
        return qsp.Experiment(model, times=[0, 1, 2.2, 3.5, 7, 13], observables=names, regimen=DOSES, changes=changes)

    ds = qsp.sensitivities(arm_with({}), list(SIZES), threads=1)
    for name, value in SIZES.items():
        expected = differences(arm_with, name, value, names)
        got = np.stack([ds[n].sel(parameter=name).values[0] for n in names], axis=-1)
        size = np.maximum(np.abs(expected), 1e-3 * np.abs(ds["m (value)"].values).max() / value)
        assert np.abs(expected).max() > 1e-2
        assert (np.abs(got - expected) / size).max() < 1e-6, name


def test_subjects_meet_their_events_at_their_own_times():
    arm = qsp.Experiment(qsp.read_antimony(DOSED), times=[0, 2, 13], observables=["A", "m", "f", "V"], regimen=DOSES)
    people = {"ka": np.linspace(0.5, 0.7, 40)}
    together = qsp.sensitivities(arm, list(SIZES), subjects=people, threads=2)
    alone = qsp.sensitivities(arm, list(SIZES), subjects={"ka": [people["ka"][7]]}, threads=1)
    assert np.array_equal(together["m"].values[7], alone["m"].values[0])
    assert np.ptp(together["m"].values[:, 2, 2]) > 1e-3


# ------------------------------------------------------------------------------------------------------------ refusals
def failure(text: str, parameters: list[str], times=(0, 2), **more) -> str:
    arm = qsp.Experiment(qsp.read_antimony(f"model m; {text}; end"), times=times, **more)
    with pytest.raises(qsp.QSPError) as caught:
        qsp.sensitivities(arm, parameters, threads=1)
    return str(caught.value)


RAMP = "x = 0; x' = a; a = 1; z = 0; z' = 1; "
REFUSED = {
    "flag = 0; e: at (flag): z = 2": "not made of comparisons",
    "e: at (floor(x) >= 1): z = 2": "jumps",
    "f := piecewise(1, x > 1, 0); e: at (f > 0.5): z = 2": "jumps",
    "e: at (x > 1.5): z = floor(3*x)": "rounded",
    "e: at ceil(x) after (x > 1.5): z = 1": "rounded",
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_has_no_derivative_is_refused_by_name(text):
    message = failure(RAMP + text, ["a"])
    assert REFUSED[text] in message
    assert "'e'" in message


CASES = """model cases
  x = 0; x' = a; a = 1; y = 0; y' = b; b = 0.5; w = 0; w' = b*(2 - 2*time); z = 0; z' = 1; n = 0; d = 0; case = 0
  one: at (x > 1 && case < 2): z = 2*z; two: at (y > 1 && case == 1): z = z + 1
  waits: at d after (x > 1 && case == 2): z = 2*z
  last: at (x > 2 - 1e-12 && case == 3): z = 2*z
  counted: at (x > 1 && case == 4): n = 2*b; counts: at (n >= 1 && case == 4): z = 2*z
  chosen: at (x > 1 && case == 5): z = piecewise(1, 2*y > 1, 2)
  flat: at (2*w > 1 - 1e-5 && case == 6): z = 2*z
end"""
FAILED = {1: "move apart", 2: "move apart", 3: "an output falls", 4: "at its threshold", 5: "at its threshold",
          6: "hardly crosses"}  # fmt: skip


@pytest.mark.parametrize("case", [0, *FAILED])
def test_what_has_no_derivative_where_it_happens_fails_by_name(case):
    model, changes = qsp.read_antimony(CASES), {"case": case, "b": 1.0 if case == 1 else 0.5}
    arm = qsp.Experiment(model, times=[0, 2], observables=["z"], changes=changes)
    if case == 0:
        found = qsp.sensitivities(arm, ["a", "b", "d"], threads=1)["z"].values[0, 1]
        np.testing.assert_allclose(found, [-1.0, 0.0, 0.0], atol=1e-9)
        return
    with pytest.raises(qsp.SimulationError, match=FAILED[case]):
        qsp.sensitivities(arm, ["a", "b", "d"], threads=1)


def test_a_trigger_at_its_threshold_at_the_start_fails_by_name():
    assert "at its threshold" in failure(RAMP + "b = 0; one: at (x + b > 0): z = z + 1", ["a", "b"])


def test_an_output_at_an_event_that_does_not_move_has_a_derivative():
    text = (
        "model m; x = 0; x' = 1; a = 2; z = 0; z' = 1; e: at (x >= 1): z = z*a; late: at (time >= 1.5): z = z + a; end"
    )
    arm = qsp.Experiment(qsp.read_antimony(text), times=[0, 1, 1.5, 2], observables=["z"])
    found = qsp.sensitivities(arm, ["a"], threads=1)["z"].values[0, :, 0]
    np.testing.assert_allclose(found, [0, 1, 2, 2], rtol=1e-9)


def test_doses_that_move_onto_an_event_or_an_abrupt_change_are_refused():
    for text in ("e: at (time >= 1): A = 2*A", "y = 0; y' = piecewise(A, time >= 1, 0)"):
        whole = f"species A; A = 1; J: A -> ; 0.1*A; L = 1; {text}"
        dose = [qsp.Dose(5, "A", lag="L")]
        assert "move apart" in failure(whole, ["L"], observables=["A"], regimen=dose)


def test_rates_that_jump_where_a_state_crosses_a_threshold():
    text = "model m; S = 10; k = 0.5; c = 5; low = 0.5; S' = -k*piecewise(S, S > c, low*S); y = 0; y' = (S < c)*S; end"
    arm = qsp.Experiment(qsp.read_antimony(text), times=[0, 1, 3], observables=["S", "y"])
    ds = qsp.sensitivities(arm, ["S", "k", "c", "low"], threads=1)

    def solution(start, k, c, low, t):
        since = t - np.log(start / c) / k
        if since.real < 0:
            return start * np.exp(-k * t), 0.0
        return c * np.exp(-k * low * since), c * -np.expm1(-k * low * since) / (k * low)

    for d in range(4):
        p = [v + (1e-30j if k == d else 0j) for k, v in enumerate([10.0, 0.5, 5.0, 0.5])]
        expected = np.array([solution(*p, t) for t in (0.0, 1.0, 3.0)]).imag / 1e-30
        got = np.stack([ds[o].values[0, :, d] for o in ("S", "y")], axis=-1)
        np.testing.assert_allclose(got, expected, rtol=1e-7, atol=1e-9)


JUMPS = {
    "z' = floor(x)": "jumps",
    "f := piecewise(1, x > 1, 2); z' = f; e: at (x > 1.5): z = f": "jumps",
    "y = 0; y' = a*piecewise(-1, y > 0.5, 1)": "again and again",
    "y = 0; y' = piecewise(1, y > piecewise(0.5, x > 0.2, 3), 2)": "jumps",
}


@pytest.mark.parametrize("text", JUMPS)
def test_rates_that_jump_otherwise_are_refused_by_name(text):
    ramp = "x = 0; x' = a; a = 1; z = 0; "
    assert JUMPS[text] in failure(ramp + text, ["a"], observables=["x"])


def test_an_event_at_time_0_for_a_parameter_is_refused():
    assert "time 0" in failure("z = 1; z' = 1; T = 0; e: at (time >= T): z = 2*z", ["T"])


@pytest.mark.parametrize(("high", "low", "jump"), [("1e3/6.022e23", "0", 1e3 / 6.022e23), ("kk*1e-14", "0", 1e-14),
                                                   ("abs(a)", "a", 4.0), ("kk*C/thr - kk", "0", None)])  # fmt: skip
def test_a_jump_counts_however_small_and_whatever_the_sign_of_what_it_is_made_of(high, low, jump):
    model = qsp.read_antimony(f"""model m; species C; C = 10; J: C -> ; k*C; k = 0.1; thr = 3; kk = 1; a = -2
      R = 0; R' = piecewise({high}, C > thr, {low}); end""")
    slopes = qsp.sensitivities(qsp.Experiment(model, times=[0, 30], observables=["R"]), ["k", "thr"])["R"]
    crossed = np.log(10 / 3) / 0.1
    right = [-jump * crossed / 0.1, -jump / 0.1 / 3] if jump else [-112.93605191, -7.0 / 0.9]
    assert slopes.to_numpy()[0, -1] == pytest.approx(right, rel=1e-6)
