"""Narrow pulses of rates that only bend, and what is rounded: how much they add up to, against closed forms."""

import numpy as np
import pandas as pd
import pytest

import sbmlqsp as qsp
from sbmlqsp.engine.ode import Batch
from sbmlqsp.engine.ode_gpu import refuse_without_gpu

ENGINES = ["kernel", "roadrunner"]
OUTPUTS = {"many": np.linspace(0.0, 48.0, 97), "two": np.array([0.0, 48.0])}
PULSES = {
    "a tent": ("max(0, 1 - abs(x - c)/w)", 1.0, 1.0),
    "of min": ("max(0, min(x - c, c + w - x))", 2.0, 0.25),
    "a plateau": ("max(0, min(1, 2 - abs(x - c)/w))", 1.0, 3.0),
    "of time": ("max(0, 1 - abs(time - c)/w)", 1.0, 1.0),
    "a product": ("u*v; u := max(0, x - c); v := max(0, c + w - x)", 3.0, 1 / 6),
    "a flat product": ("u^2*v^2; u := max(0, x - c); v := max(0, c + w - x)", 5.0, 1 / 30),
    "a quotient": ("max(0, x - c)/(1e-30 + 1/max(1e-30, c + w - x))", 3.0, 1 / 6),
    "of choices": ("u*v; u := piecewise(x - c, x > c, 0); v := piecewise(c + w - x, x < c + w, 0)", 3.0, 1 / 6),
    "of ramps": ("max(0, x - c) - 2*max(0, x - c - w/2) + max(0, x - c - w)", 2.0, 0.25),
    "of rules": ("max(r, 0); r := 1 - q; q := abs(p)/w; p := x - c", 1.0, 1.0),
    "a ramp that ends": ("piecewise(max(0, x - c), x < c + w, 0)", 2.0, 0.5),
    "a window of a distance": ("piecewise(1, abs(x - c) < w, 0)", 1.0, 2.0),
}  # fmt: skip
"""A pulse at c of width w, and its integral: a factor, times w to a power that stands before."""


def last(text, engine, times=OUTPUTS["two"], **how):
    arm = qsp.Experiment(qsp.read_antimony(f"model m; {text}; end"), times=times, observables=["y"])
    return qsp.simulate(arm, engine=engine, workers=1, **how)["y"].to_numpy()[0, :, 0, -1]


def batch(text):
    return Batch(qsp.read_antimony(f"model m; {text}; end").network, dosed={}, outputs=["y"])


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("times", OUTPUTS.values(), ids=OUTPUTS.keys())
@pytest.mark.parametrize("name", PULSES)
def test_narrow_pulses_that_only_bend_add_up(name, times, engine):
    """Both engines stepped over them and agreed on nothing: a tent of a fifty-thousandth of the run."""
    pulse, power, factor = PULSES[name]
    rng = np.random.default_rng(7)
    c, w = rng.uniform(1.0, 46.0, 6), 48.0 * 10 ** rng.uniform(np.log10(2e-5), -2.5, 6)
    text = f"x = 0; x' = 1; c = 1; w = 1; y = 0; y' = ({pulse.replace(';', f')/w^{power};', 1)}"
    text = text if ";" in pulse else f"{text})/w^{power}"
    found = last(text, engine, times, subjects=pd.DataFrame({"c": c, "w": w}))
    assert found == pytest.approx([factor] * 6, rel=1e-5)


def swings(c):
    """Return how often 5*sin(t) passes a level in 48 units of time."""
    first, turn = np.arcsin(c / 5), 2 * np.pi
    return sum(1 + (48 - at) // turn for at in (first, np.pi - first))


MOVES = {
    "a decay": ("x = 100; x' = -0.1*x", lambda c: 1 / (0.1 * c)),
    "a wave": ("x = 0; x' = z; z = 5; z' = -x", lambda c: swings(c) / np.sqrt(25 - c**2)),
}
"""What moves, and how long it is at a level in all, by the width of that."""


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", MOVES)
def test_pulses_of_what_decays_or_swings_add_up(name, engine):
    text, at = MOVES[name]
    c = np.random.default_rng(3).uniform(1.0, 4.8, 6)
    found = last(f"{text}; c = 1; y = 0; y' = max(0, 1 - abs(x - c)/0.001)", engine, subjects={"c": c})
    assert found == pytest.approx([0.001 * at(v) for v in c], rel=1e-3)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_pulse_at_the_tip_of_a_peak_adds_up(engine):
    """The difference turns back before it is looked at."""
    text = "x = 0; x' = 0.02*(24.137 - time); w = 1; y = 0"
    top, w = 0.01 * 24.137**2, np.array([1e-4, 1e-5])
    found = last(f"{text}; y' = max(0, 1 - abs({top!r} - x)/w)/sqrt(w)", engine, subjects={"w": w})
    assert found == pytest.approx([2 * 2 / 3 * 10] * 2, rel=1e-2)


FREE = [
    "max(0, x)", "max(x - 3, 0)", "abs(x - z)", "max(0, x - z)", "min(1, max(0, x - 3))", "max(0, 1 - min(1, x/7))",
    "piecewise(x - 3, x > 3, 0)", "max(0, x - 3) - max(0, x - 4)", "2*exp(-max(0, x - 3)^2)", "abs(max(0, x - 3))",
    "max(0, S)*max(0, R)", "u/(1 + u); u := max(0, x - 3)", "max(0, k)*max(0, x - 3)", "max(0, 1 - abs(k))*x",
]  # fmt: skip
WATCHED = [
    "max(0, 1 - abs(x - 3))", "min(x - 3, 4 - x, 1)", "max(0, x - 3)*max(0, 4 - x)", "max(0, x - 3)/max(1, 4 - z)",
    "max(0, x - 3) - 2*max(0, x - 4) + max(0, x - 5)", "u; u := max(0, v); v := 1 - abs(x - 3)",
    "max(0, min(time - 3, 4 - time))", "abs(x - abs(z - 1))", "max(0, z - max(0, x - 3))",
]  # fmt: skip
BASE = "species S = 1, R = 1; S -> R; 0.1*S; x = 0; x' = 1; z = 1; z' = -0.1*z; k = 1; y = 0"


@pytest.mark.parametrize("rate", FREE)
def test_bends_that_hide_nothing_are_not_watched(rate):
    """Ordinary models keep their patients side by side, and libRoadRunner has nothing more to look for."""
    assert not batch(f"{BASE}; y' = {rate}").watched


@pytest.mark.parametrize("rate", WATCHED)
def test_bends_that_may_hide_a_pulse_are_watched(rate):
    made = batch(f"{BASE}; y' = {rate}")
    assert len(made.equations.held.bends) > 1
    assert not made.equations.held.jumps
    with pytest.raises(qsp.UnsupportedError, match="GPU does not run models with rates that bend"):
        refuse_without_gpu(made)


def test_reactions_that_change_one_species_are_one_sum():
    text = "species S = 1; x = 0; x' = 1; y = 0; y' = S; J1: -> S; max(0, x - 24); J2: S ->; 2*max(0, x - 24.0005)"
    assert len(batch(f"{text}; J3: -> S; max(0, x - 24.001)").equations.held.bends) == 3
    for engine in ENGINES:
        found = last(f"{text}; J3: -> S; max(0, x - 24.001); at time > 50: S = 0", engine)
        assert found == pytest.approx([48 + 0.0005**2 * (48 - 24.0005)], rel=1e-9)


BALANCES = ["max(0, min(1, 5*abs(A - B)))", "min(A, B, 7)", "max(0, 1 - abs(A - B)/0.001)"]


@pytest.mark.parametrize("rate", BALANCES)
def test_what_is_in_balance_is_no_bend_to_stop_at(rate, monkeypatch):
    """Two that are equal but for errors change their order at each step: 5600 steps for 240."""
    steps, run = [], Batch.run

    def noted(self, *args, **how):
        out = run(self, *args, **how)
        steps.extend(out.steps)
        return out

    monkeypatch.setattr(Batch, "run", noted)
    text = f"A = 5; B = 1; A' = -0.3*(A - B); B' = 0.6*(A - B); y = 1; y' = {rate}"
    times = np.linspace(0, 1000, 101)
    assert last(text, "kernel", times) == pytest.approx(last(text, "roadrunner", times), rel=1e-7)
    assert max(steps) < 400


STAIRS = {
    "a stair": ("floor(s*x)", lambda s: sum(48 - k / s for k in range(1, int(48 * s) + 1))),
    "a stair upwards": ("ceil(s*x)", lambda s: 48 + sum(48 - k / s for k in range(1, int(48 * s) + 1))),
    "one step of it": ("piecewise(1, floor(s*x) == 37, 0)", lambda s: 1 / s),
    "all but one": ("piecewise(0, floor(s*x) != 37, 1)", lambda s: 1 / s),
    "one of a rule": ("piecewise(1, n < 38 && n >= 37, 0); n := quotient(s*x, 1)", lambda s: 1 / s),
    "every second": ("rem(floor(s*x), 2)", lambda s: sum(min(48.0, (k + 1) / s) - k / s
                                                          for k in range(1, int(48 * s) + 1, 2))),
    "teeth": ("rem(s*x, 1)", lambda s: int(48 * s) / s / 2 + (48 * s - int(48 * s)) ** 2 / s / 2),
}  # fmt: skip


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", STAIRS)
def test_what_is_rounded_is_followed_from_number_to_number(name, engine):
    """LibRoadRunner passed several in a step: 23.8 for 24.0 by every second of them, and 0 by one alone."""
    stair, exact = STAIRS[name]
    s = np.array([1.37, 7.13, 22.335, 103.7])
    for start in ("x = 0; x' = 1", "x := z - 1; z = 1; z' = 1"):
        found = last(f"{start}; s = 1; y = 0.5; y' = {stair}", engine, subjects={"s": s})
        assert found == pytest.approx([0.5 + exact(v) for v in s], rel=2e-6)


@pytest.mark.parametrize("engine", ENGINES)
def test_what_is_rounded_at_the_tip_of_a_peak_is_followed(engine):
    text = "x = 0; x' = z; z = 5; z' = -x; p = 1; y = 0; y' = piecewise(floor(x/p), x > 0, 0)"
    p = 5 * (1 - np.array([1e-3, 1e-5]))
    found = last(text, engine, subjects={"p": p})
    assert found == pytest.approx(8 * 2 * np.arccos(p / 5), rel=1e-2)


@pytest.mark.parametrize("more", ["", "; n = 0; at C < 1: n = 1"], ids=["plain", "beside an event"])
@pytest.mark.parametrize("engine", ENGINES)
def test_what_is_rounded_is_followed_from_dose_to_dose(engine, more):
    """A dose takes it over several numbers at once, in each subject from another."""
    model = qsp.read_antimony(f"model m; species C = 0; C ->; 0.1*C; y = 0.5; y' = floor(C){more}; end")
    arm = qsp.Experiment(model, times=[0, 48], observables=["y"], regimen="7 into C every 6 x 5")
    found = qsp.simulate(arm, engine=engine, subjects={"C": [0.0, 5.3]}, workers=1)["y"].to_numpy()[0, :, 0, -1]
    exact = []
    for level in (0.0, 5.3):
        left, total = level, 0.5
        for long in (6.0, 6.0, 6.0, 6.0, 24.0):
            begun = left + 7
            total += sum(min(long, 10 * np.log(begun / n)) for n in range(1, int(begun) + 1))
            left = begun * np.exp(-0.1 * long)
        exact.append(total)
    assert found == pytest.approx(exact, rel=1e-6)


def test_what_changes_too_often_when_rounded_is_refused_soon():
    with pytest.raises(qsp.SimulationError, match=r"compare or round changes, .* more than 100,000 times"):
        last("x = 0; x' = 1; y = 1; y' = floor(x*1e4)*1e-4", "roadrunner")


def test_a_difference_that_is_divided_by_is_no_obstacle_beside_a_jump():
    """What puts it out could not be set where the run went on from before the jump: a traceback."""
    found = last("x = 0; x' = 1; y = 0; y' = piecewise(1, x > 5, 0)*(1 + 1e-3/(x - 100))", "roadrunner")
    assert found == pytest.approx([43 + 1e-3 * np.log(52 / 95)], rel=1e-9)


@pytest.mark.parametrize("more", ["", "; n = 0; at x > 40: n = 1"], ids=["plain", "beside an event"])
def test_a_narrow_pulse_has_sensitivities(more):
    """They were zero, as was the value, or the run failed."""
    text = f"x = 0; x' = 1; y = 0; c = 24.137; w = 0.001; y' = max(0, 1 - abs(x - c)/w){more}"
    arm = qsp.Experiment(qsp.read_antimony(f"model m; {text}; end"), times=OUTPUTS["many"], observables=["y"])
    found = qsp.sensitivities(arm, ["w", "c"])
    assert found["y (value)"].to_numpy().ravel()[-1] == pytest.approx(0.001, rel=1e-6)
    assert found["y"].to_numpy().ravel()[-2:] == pytest.approx([1.0, 0.0], abs=1e-6)


def test_a_pulse_beside_events_without_end_is_refused_and_does_not_hang():
    ball = "y = 1; v = 0; g = 9.81; e = 0.5; y' = v; v' = -g; bounce: at (y < 0 && v < 0): v = -e*v"
    for engine in ("kernel", "roadrunner"):
        with pytest.raises(qsp.SimulationError, match="again and again"):
            last(f"{ball}; z = 0; z' = max(0, min(y, 1 - y))", engine)


def test_bends_that_rounding_errors_cross_for_ever_are_refused_soon():
    fast = "x = 1; x' = 0.5 - max(0, min(1, 1e9*(x - 0.5)))"
    with pytest.raises(qsp.SimulationError, match=r"used up its steps|more than 100,000 times"):
        last(f"{fast}; y = 0; y' = max(0, 1 - abs(x - 0.5)*1e9)", "roadrunner")


def test_what_triggers_compare_is_not_watched_twice():
    network = qsp.read_antimony("model m; x = 0; x' = 1; n = 0; at (x > 1 && x < 3): n = n + 1; end").network
    batch = Batch(network, dosed={}, outputs=["x"])
    assert not batch.held


def test_a_model_with_the_name_of_a_bend_is_refused():
    with pytest.raises(qsp.QSPError, match=r"a name that is reserved.*qsp_bend_0"):
        last("x = 0; x' = 1; qsp_bend_0 = 3; y = 0; y' = qsp_bend_0*max(0, 1 - abs(x - 24)*1000)", "kernel")
