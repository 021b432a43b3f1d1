"""Steady states where the way to them matters: events that fire on it, many rests next to each other, branches."""

import numpy as np
import pytest

import sbmlqsp as qsp
from sbmlqsp.steady import steady_state, steady_states
from sbmlqsp.steady.rest import eigenvalues

PEAK = """model m; var G = 100, P = 1, R = 1, kin = 1; {more}
G' = -50*(G - 1); P' = 50*(G - 1) - 40*(P - 1); R' = 0.001*(kin - R); E: at {trigger}: kin = 2; end"""
HIGHEST = 41.5504
"""The largest P, after two hundredths of a course of twenty thousand."""


def engines(text, *names):
    """Return what names are at a start at steady state, by the verb and on both engines."""
    model = qsp.read_antimony(text)
    arm = qsp.Experiment(model, times=[0], observables=names, start="steady state")
    out = [[float(steady_state(model).values[n]) for n in names]]
    for engine in ("roadrunner", "kernel"):
        ds = qsp.simulate(arm, engine=engine)
        out.append([ds[n].item() for n in names])
    return np.array(out)


# ------------------------------------------------------------------------------------------------------------- events
@pytest.mark.parametrize(
    "trigger",
    ["P > 20", f"P > {HIGHEST * (1 - 1e-6)}", f"P - {HIGHEST * (1 - 1e-6)} > 0", "on > 1", "R < 1.5 && !(P < 41.55)"],
)
def test_an_event_of_the_first_moment_is_not_overlooked(trigger):
    text = PEAK.format(trigger=trigger, more=f"on := P/{HIGHEST * (1 - 1e-6)};")
    with pytest.raises(qsp.SimulationError, match=r"'E' fires on the way, by time 0\.0"):
        engines(text, "R")
    arm = qsp.Experiment(qsp.read_antimony(text), times=[0], observables=["R"], start="steady state")
    for engine in ("roadrunner", "kernel"):
        ds = qsp.simulate(arm, subjects={"subject": [1, 2], "G": [100.0, 30.0]}, engine=engine, on_failure="record")
        assert ds["status"].to_numpy().ravel().tolist() == [7, 0]
        assert ds["R"].to_numpy().ravel()[1] == pytest.approx(1.0, rel=1e-9)


def test_a_peak_just_below_the_threshold_fires_nothing():
    text = PEAK.format(trigger=f"P > {HIGHEST * (1 + 1e-6)}", more="")
    assert engines(text, "R", "kin") == pytest.approx(1.0, rel=1e-9)


@pytest.mark.parametrize("trigger", ["abs(s - 0.5) < 1e-4", "s > 0.4999 && s < 0.5001", "(s - 0.5)^2 < 1e-8"])
def test_an_event_of_a_short_while_in_between_is_not_overlooked(trigger):
    text = f"model m; var s = 0, k = 0; s' = 0.001*(1 - s); E: at {trigger}: k = 1; end"
    with pytest.raises(qsp.SimulationError, match="'E' fires on the way, by time 69"):
        steady_state(qsp.read_antimony(text))


@pytest.mark.parametrize(("threshold", "fires"), [(1.99, True), (1.9999999, True), (2.0000001, False), (2.1, False)])
def test_an_event_just_before_rest_fires(threshold, fires):
    text = f"model m; var R = 1, k = 0; R' = 0.1*(2 - R); E: at R > {threshold}: k = 1; end"
    if fires:
        with pytest.raises(qsp.SimulationError, match="'E' fires"):
            steady_state(qsp.read_antimony(text))
    else:
        assert engines(text, "R", "k") == pytest.approx(np.array([[2.0, 0.0]] * 3), rel=1e-9)


# ------------------------------------------------------------------------------------------- rests next to each other
@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("var Y = 1, D = 1.04, X = 1; Y' = 1e9*(X - Y); D' = -0.01*(D - 1); X' = 0.1*(D - 1)", {"X": 1.4, "Y": 1.4}),
        ("species Y = 1, D = 1.04, X = 1; a: -> Y; 1e9*(X - Y); b: D -> ; 0.01*(D - 1); c: -> X; 0.1*(D - 1)",
         {"X": 1.4, "Y": 1.4}),
        ("var Y = 1, D = 1.04, X = 1; Y' = 1e9*(X - Y); D' = -0.01*(D - 1)*(100*D - 99); X' = 0.1*(D - 1)",
         {"X": 1 + np.log(5) / 10}),
        ("species A = 1, B = 0, C = 0, Y = 1; f: -> Y; 1e9*(1 + B - Y); a: A -> B; 0.03*A; b: A -> C; 0.07*A",
         {"B": 0.3, "C": 0.7, "Y": 1.3}),
        ("var Y = 1, D = 1.0000001, X = 1; Y' = 1e3*(X - Y); D' = -1e-7*(D - 1); X' = D - 1", {"X": 2.0}),
    ],
)  # fmt: skip
def test_of_rests_next_to_each_other_the_one_that_the_model_comes_to(text, wanted):
    found = engines(f"model m; {text}; end", *wanted)
    assert found == pytest.approx(np.array([list(wanted.values())] * 3), rel=5e-8)


def test_which_of_many_rests_it_is_is_not_guessed():
    text = "model m; var Y = 1, D = 1.04, X = 1; Y' = 1e9*(X - Y); D' = -1e-7*(D - 1); X' = 1e-6*(D - 1); end"
    with pytest.raises(qsp.SimulationError, match="not come to rest"):
        engines(text, "X")


def test_a_slow_push_over_a_threshold_is_waited_for():
    """D takes X from 1 over the threshold of 1.02; Y hides from the first look how slow they are."""
    moves = "X' = -(X - 1)*(X - 1.02)*(X - 2) + 0.05*(D - 1); Y' = 1e9*(X - Y)"
    for k in (0.01, 0.001):
        text = f"model m; var D = 1.04, X = 1, Y = 1; D' = -{k}*(D - 1); {moves}; end"
        assert engines(text, "X", "Y") == pytest.approx(2.0, rel=1e-9)


def test_where_disturbances_grow_beside_what_is_fast_is_no_start():
    text = "var X = 1.0200000001, Y = 1; X' = -(X - 1)*(X - 1.02)*(X - 2); Y' = 1e9*(X - Y)"
    arm = qsp.Experiment(qsp.read_antimony(f"model m; {text}; end"), times=[0], observables=["X"], start="steady state")
    for engine in ("roadrunner", "kernel"):
        with pytest.raises(qsp.SimulationError, match="disturbances grow"):
            qsp.simulate(arm, engine=engine)
    assert steady_state(arm.model).stable is False


FAST = "model m; species A = 1, B = 1; f: A -> B; {fast}*A - {fast}*B; s: -> A; {gain}; d: B -> ; {loss}*B; end"


@pytest.mark.parametrize(("fast", "loss"), [(1e8, 1e-4), (1e9, 1e-4), (1e10, 0.01)])
def test_what_is_lost_a_million_million_times_slower_than_it_turns_counts(fast, loss):
    found = engines(FAST.format(fast=fast, gain=5 * loss, loss=loss), "A", "B")
    assert found == pytest.approx(5.0, rel=1e-9)


@pytest.mark.parametrize(("fast", "loss"), [(1e12, 0.01), (1e12, 1e-4), (1e14, 0.01)])
def test_what_is_lost_slower_still_is_not_taken_for_conserved(fast, loss):
    model = qsp.read_antimony(FAST.format(fast=fast, gain=5 * loss, loss=loss))
    with pytest.raises(qsp.SimulationError, match="not come to rest"):
        steady_state(model)
    arm = qsp.Experiment(model, times=[0], observables=["A"], start="steady state")
    for engine in ("roadrunner", "kernel"):
        with pytest.raises(qsp.SimulationError, match="not come to rest"):
            qsp.simulate(arm, engine=engine)


def test_what_dies_out_ever_more_slowly_leaves_what_it_did():
    text = "var D = 1.04, X = 1, Z = 0; D' = -(D - 1)^2; X' = (D - 1)^2*X; Z' = X - Z"
    assert engines(f"model m; {text}; end", "X") == pytest.approx(np.exp(0.04), rel=2e-8)


def test_of_eigenvalues_whose_vectors_coincide_nothing_is_known():
    """The square of a vector of the inverse overflows, which is no warning."""
    found, noises = eigenvalues(np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, -1.0]]))
    assert found.tolist() == [0.0, 0.0, -1.0]
    assert np.isinf(noises).tolist() == [True, True, False]


EXCHANGE = {
    "reactions": "species x = 1, y = 1; x -> y; f*x; y -> x; f*y; -> x; 6*s; y ->; s*y",
    "one in both directions": "species x = 1, y = 1; x -> y; f*(x - y); -> x; 6*s; y ->; s*y",
    "rate rules": "x = 1; y = 1; x' = f*(y - x) + 6*s; y' = f*(x - y) - s*y",
    "terms": "x = 1; y = 1; x' = 6*s + f*y - f*x; y' = f*x - f*y - s*y",
    "by a rule": "x = 1; y = 1; v := f*(x - y); x' = 6*s - v; y' = v - s*y",
    "between volumes": "x = 1; y = 1; x' = f*(y - x)/3 + 14*s; y' = f*(x - y)/7 - s*y",
    "over volumes": "x = 1; y = 1; x' = (f*(y - x) + 42*s)/3; y' = (f*(x - y) - s*y*7)/7",
    "sums by rules": "x = 1; y = 1; J := f*(y - x) + 42*s; x' = J/3; y' = (f*(x - y) - s*y*7)/7",
    "reactions of one each": "species x = 1, y = 1; -> x; f*(y - x)/3 + 14*s; -> y; f*(x - y)/7 - s*y",
    "a chain over volumes": "x = 1; y = 1; w = 1; x' = (f*(y - x) + 42*s)/3; "
    "y' = (f*(x - y) - f*(y - w) - s*y*7)/7; w' = f*(y - w)/2",
    "other units": "x = 1e12; y = 1; x' = f*(y*1e12 - x) + 6e12*s; y' = f*(x*1e-12 - y) - s*y",
    "small stoichiometry": "species x = 1e12, y = 1; x -> 1e-12 y; f*(x - y*1e12); -> x; 6e12*s; y ->; s*y",
}


@pytest.mark.parametrize("ratio", [1e6, 1e9, 1e11, 1e12, 1e14, 1e16, 1e18, 1e22])
@pytest.mark.parametrize("form", EXCHANGE)
def test_slow_flows_beside_fast_exchange_are_balanced_or_the_rest_is_refused(form, ratio):
    """The rates vanish within rounding wherever the exchange is at its equilibrium, and it said 1 for 6, or 5.9992."""
    s = 1e-4
    model = qsp.read_antimony(f"model m; {EXCHANGE[form]}; f = {s * ratio!r}; s = {s!r}; end")
    [found] = steady_states(model, [{}])
    if isinstance(found, qsp.SimulationError):
        assert ratio > 1e9
        assert any(
            words in str(found) for words in ("too slow beside the fastest", "which of many", "not come to rest")
        )
    else:
        assert float(found.values["y"]) == pytest.approx(6.0, rel=2e-7)
    arm = qsp.Experiment(model, times=[0, 1], observables=["y"], start="steady state")
    for engine in ("kernel", "roadrunner"):
        run = qsp.simulate(arm, engine=engine, on_failure="record")
        failed = bool(run["status"].to_numpy().any())
        assert failed or float(run["y"].to_numpy().ravel()[0]) == pytest.approx(6.0, rel=2e-7)


def test_rounding_errors_of_sums_of_many_terms_hide_more_than_those_of_one():
    """It said 6.23 for 3.65: what was left over came out just above the rounding error of the largest term."""
    x = "x' = -4591696883.12347*x + 20659860253.38729*y + 4.545109785402479e-5 - 1.7850767645342237e-5*x"
    y = "y' = 4591696883.12347*x - 20659860253.38729*y + 1.972584661809326e-5"
    model = qsp.read_antimony(f"model m; x = 0.27686716634832487; y = 7.341982257183384; {x}; {y}; end")
    [found] = steady_states(model, [{}])
    assert isinstance(found, qsp.SimulationError) or float(found.values["x"]) == pytest.approx(3.6512124, rel=1e-6)
