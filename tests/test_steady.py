"""Steady states against closed forms, and refusals of what has none."""

from __future__ import annotations

import numpy as np
import pytest

import sbmlqsp as qsp
from sbmlqsp.engine.rates import RightHandSide
from sbmlqsp.errors import SimulationError
from sbmlqsp.steady import SteadyState, steady_state, steady_states

TURNOVER = (
    "model m; compartment V = 3; species R in V; R = 0; a: -> R; ksyn*V; b: R ->; kdeg*R*V; ksyn = 2; kdeg = 0.5; end"
)
BINDING = (
    "model m; substanceOnly species A, B, C; A = 1; B = 2; C = 0; J: A + B -> C; "
    "kon*A*B - koff*C; kon = 1; koff = 0.3; end"
)


def find(text, **options):
    return steady_state(qsp.read_antimony(text), **options)


def test_turnover():
    found = find(TURNOVER)
    assert found.values["R"] == pytest.approx(4.0, rel=1e-12)
    assert found.stable is True
    assert found.residual < 1e-9
    assert found.method == "Newton after simulation"


@pytest.mark.parametrize("start", [0.0, 1e-6, 4.0, 1e6])
def test_where_it_starts_does_not_matter(start):
    assert find(TURNOVER, changes={"R": start}).values["R"] == pytest.approx(4.0, rel=1e-10)


def test_changes_count():
    assert find(TURNOVER, changes={"kdeg": 0.25, "V": 9}).values["R"] == pytest.approx(8.0, rel=1e-10)


@pytest.mark.parametrize("scale", [1e-15, 1.0, 1e12])
def test_the_size_of_the_numbers_does_not_matter(scale):
    assert find(TURNOVER, changes={"ksyn": 2 * scale}).values["R"] == pytest.approx(4 * scale, rel=1e-10)


def test_reversible_binding_keeps_what_is_conserved():
    found = find(BINDING).values
    a, b, c = found["A"], found["B"], found["C"]
    total, gap = 3.3, np.sqrt(3.3**2 - 8)
    assert c == pytest.approx((total - gap) / 2, rel=1e-10)
    assert (a + c, b + c) == pytest.approx((1.0, 2.0), rel=1e-12)


@pytest.mark.parametrize("drug", [1e-9, 1e-3, 1.0, 143.77, 1e6])
def test_states_that_nothing_feeds_stay_exactly_zero(drug):
    """Two drugs and one receptor with two shapes; the second drug is absent, so half of the states never are."""
    pairs = [("R", "S"), ("AR", "AS"), ("NR", "NS"), ("ANR", "ANS")]
    turns = "".join(f"t{a}: {a} -> {b}; 5*{a} - 100*{b}; " for a, b in pairs)
    binds = [("R", "AR", "A"), ("S", "AS", "A"), ("R", "NR", "N"), ("S", "NS", "N")]
    binds += [("AR", "ANR", "N"), ("AS", "ANS", "N"), ("NR", "ANR", "A"), ("NS", "ANS", "A")]
    joins = "".join(f"b{i}: {a} -> {b}; {x}*{a} - {7 + i}*{b}; " for i, (a, b, x) in enumerate(binds))
    text = f"model m; substanceOnly species R, S, AR, AS, NR, NS, ANR, ANS; R = 10; {turns} {joins} A = 1; N = 0; end"
    v = find(text, changes={"A": drug}).values
    assert [v[n] for n in ("NR", "NS", "ANR", "ANS")] == [0.0] * 4
    assert v["R"] + v["S"] + v["AR"] + v["AS"] == pytest.approx(10.0, rel=1e-10)


@pytest.mark.parametrize("drug", [1e5, 1e7, 1e9])
def test_fast_binding_does_not_hide_a_slow_loss(drug):
    """The complex is lost a billion times slower than it is made; what is made is lost by one way or the other."""
    text = (
        "model m; species L, C; L = 0.1; C = 0; s: -> L; 1; e: L ->; 10*L; b: L -> C; 86.4*A*L - 8.64*C; "
        "d: C ->; 0.05*C; A = 1; end"
    )
    v = find(text, changes={"A": drug}).values
    assert 10 * v["L"] + 0.05 * v["C"] == pytest.approx(1.0, rel=1e-9)
    assert v["C"] / v["L"] == pytest.approx(86.4 * drug / 8.69, rel=1e-9)


def test_reversible_binding_from_the_other_end():
    start = find(BINDING, changes={"A": 0, "B": 1, "C": 1}).values
    assert start["C"] == pytest.approx(find(BINDING).values["C"], rel=1e-9)


def test_target_mediated_disposition_at_rest_is_the_target_alone():
    model = qsp.load("tmdd_full")
    found = steady_state(model, changes={"central": 50.0, "R": 3.0})
    assert found.values["R"] == pytest.approx(2.64 / 0.2136, rel=1e-9)
    assert found.values["central"] == 0.0
    assert found.values["RC"] == 0.0
    assert found.values.attrs["units"]["R"]


def test_constant_infusion_into_target_mediated_disposition():
    """With free drug C fixed by input = kint*RC*V: RC = R*kon*C/(koff + kint) and ksyn = kdeg*R + kint*RC."""
    text = (
        "model m; substanceOnly species C, R, RC; C = 0; R = 12; RC = 0; i: -> C; rin; s: -> R; ksyn; d: R ->; kdeg*R; "
        "n: C + R -> RC; kon*C*R; f: RC -> C + R; koff*RC; t: RC ->; kint*RC; e: C ->; kel*C; "
        "rin = 1; ksyn = 2.6; kdeg = 0.2; kon = 2.2; koff = 0.02; kint = 0.07; kel = 0.05; end"
    )
    v = find(text).values
    assert v["kel"] * v["C"] + v["kint"] * v["RC"] == pytest.approx(1.0, rel=1e-10)
    assert v["kdeg"] * v["R"] + v["kint"] * v["RC"] == pytest.approx(2.6, rel=1e-10)
    assert v["RC"] == pytest.approx(v["R"] * 2.2 * v["C"] / 0.09, rel=1e-10)


def test_infusion_with_a_very_slow_periphery():
    text = (
        "model m; substanceOnly species A, B; A = 0; B = 0; i: -> A; 10; e: A ->; 2/5*A; q: A -> B; A; "
        "r: B -> A; 1e-4*B; end"
    )
    v = find(text).values
    assert (v["A"], v["B"]) == pytest.approx((25.0, 250_000.0), rel=1e-9)


def test_what_dies_out_by_a_rate_rule_is_nothing_either():
    assert find("model m; x = 5; x' = -0.3*x; end").values["x"] == 0.0


def test_rate_rules_conversion_factors_and_a_growing_volume():
    text = "model m; x = 5; x' = kin - kout*x; kin = 1; kout = 0.1; y := 2*x; end"
    assert find(text).values["y"] == pytest.approx(20.0, rel=1e-10)
    grows = "model m; compartment V; V = 1; V' = 0.3*(4 - V); species S in V; S = 6; J: -> S; 2 - 0.5*S*V; end"
    v = find(grows).values
    assert v["V"] == pytest.approx(4.0, rel=1e-9)
    assert v["S"] == pytest.approx(1.0, rel=1e-9)


def test_initial_assignments_are_not_evaluated_again_at_the_steady_state():
    text = "model m; species R; R0 = 10; R = R0; ksyn = kdeg*R; kdeg = 0.5; a: -> R; 2*ksyn; b: R ->; kdeg*R; end"
    assert find(text, changes={"R": 3.0}).values["R"] == pytest.approx(6.0, rel=1e-10)


def test_two_steady_states_are_both_found_from_their_own_side():
    text = "model m; species x; x = 0.9; a: -> x; x^2/(0.25 + x^2); b: x ->; 0.8*x; end"
    assert find(text).values["x"] == pytest.approx(1.0, rel=1e-9)
    assert find(text, changes={"x": 0.1}).values["x"] == 0.0


def test_a_rest_that_any_disturbance_ends_is_called_unstable():
    found = find("model m; species R; R = 0; J: -> R; 0.1*R; end")
    assert found.stable is False
    assert "disturbances grow" in found.message


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("model m; species R; R = 1; J: -> R; 0.1*R; end", "grows without bound: R"),
        ("model m; species R, Q; R = 1; J: -> R; 0.1; d: Q ->; Q; end", "grows without bound: R"),
        ("model m; species x, y; x = 1; y = 0.5; a: -> x; x; b: x -> y; x*y; c: y ->; y; end", "oscillates"),
        (
            "model m; species x, y; x = 1; y = 1; a: -> x; 1; b: x -> y; 3*x; c: y -> x; x^2*y; d: x ->; x; end",
            "oscillates",
        ),
        ("model m; species A; A = 0; a: -> A; 1; b: A ->; 0.1*A; at (A > 5): A = 0; end", "event .* fires .* A > 5"),
    ],
)
def test_what_never_rests_is_refused_with_the_reason(text, words):
    with pytest.raises(qsp.SimulationError, match=words):
        find(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "model m; species x; x = 1; u := sin(time); a: -> x; u + 2; b: x ->; x; end",
            "kinetic law of 'a' depends on time",
        ),
        ("model m; x = 1; x' = time - x; end", "rate rule of 'x'"),
        ("model m; x = 1; x' = -x; at (time > 5): x = 1; end", "event trigger"),
    ],
)
def test_time_dependent_rates_are_refused_not_frozen(text, words):
    with pytest.raises(qsp.UnsupportedError, match=words):
        find(text)


def test_an_output_that_only_shows_the_time_is_left_out():
    found = find("model m; species x; x = 1; a: -> x; 1; b: x ->; x; day := time/24; end")
    assert np.isnan(found.values["day"])
    assert found.values["x"] == pytest.approx(1.0)


def test_an_event_that_stays_off_does_no_harm():
    text = "model m; species A; A = 0; a: -> A; 1; b: A ->; 0.1*A; at (A > 50): A = 0; end"
    assert find(text).values["A"] == pytest.approx(10.0, rel=1e-10)


def test_too_short_a_horizon_is_said():
    with pytest.raises(qsp.SimulationError, match="horizon="):
        find("model m; species A, B; A = 9; J: A -> B; 1e-6*A; K: B -> A; 1e-6*B; B = 0; end", horizon=5.0)
    with pytest.raises(qsp.ExperimentError, match="positive time"):
        find(TURNOVER, horizon=-1.0)


def test_an_unknown_name_is_refused():
    with pytest.raises(qsp.ExperimentError, match="kdeg"):
        find(TURNOVER, changes={"kdegg": 1.0})


def test_it_shows_itself():
    found = find(TURNOVER)
    assert isinstance(found, SteadyState)
    assert repr(found).startswith("<steady state, stable")
    assert "R = 4" in repr(found)
    assert "<table" in found._repr_html_()


def test_the_rates_agree_with_the_engine_on_a_whole_system():
    import roadrunner

    from sbmlqsp.engine.rates import rates

    model = qsp.load("mab_tmdd")
    runner = roadrunner.RoadRunner(model.sbml)
    names = [n for n in model.network.stoichiometry if not model.network.symbols[n].boundary]
    state = {n: 0.3 + i for i, n in enumerate(names)}
    for n, v in state.items():
        runner[n] = v
    ours = rates(model.network, state)
    assert {n: float(ours[n]) for n in names} == pytest.approx({n: runner.getValue(f"{n}'") for n in names}, rel=1e-10)


@pytest.mark.parametrize(
    "text",
    [
        "species A, B, C; A = 0; B = 0; C = 1; J: A -> B; k*A/(A + B); K: C -> ; k*C*A/B; k = 1",
        "species A; A = 0; J: A -> ; k*A^0.5; k = 1",
        "species A, B; A = 0; B = 1; J: A -> ; k/A; K: B -> 2 B; B*ln(A); k = 1",
        "compartment V = 0; species A in V; A = 0; V' = 1; J: A -> ; k*A; k = 1",
    ],
)
def test_a_rate_without_a_value_where_states_are_zero_is_quietly_no_number(text):
    """0/0 is NaN, in the rates and in their slopes, and no warning of numpy (which is an error in these tests)."""
    side = RightHandSide(qsp.read_antimony(f"model m; {text}; end").network)
    start = side.start()
    for scale in (np.ones_like(start), np.abs(start)):
        rates, slopes = side.linearised(start, scale)
        np.testing.assert_array_equal(side(start), rates)
        np.testing.assert_array_equal(side.jacobian(start, scale), slopes)
        assert not (np.isfinite(rates).all() and np.isfinite(slopes).all())


def test_many_side_by_side_are_what_each_is_alone():
    """Their time scales differ by twelve decades; one of them grows without end."""
    turnover = "feed: -> A; s; drop: A -> ; kout*A; make: -> B; 0.5; shed: B -> ; 0.2*B; loss: C -> ; kel*C"
    model = qsp.read_antimony(BINDING.replace("; end", f"; {turnover}; kel = 0.1; s = 0.3; kout = 1; end"))
    every = [{"kout": 10.0**k, "kon": 2.0} for k in range(-6, 7)] + [{"kout": -1.0, "kon": 2.0}]
    together = steady_states(model, every)
    for changes, found in zip(every[:-1], together, strict=False):
        alone = steady_state(model, changes=changes)
        np.testing.assert_allclose(found.values, alone.values, rtol=1e-9, atol=1e-12)
        assert found.stable is alone.stable
    assert isinstance(together[-1], SimulationError)
    with pytest.raises(SimulationError) as alone:
        steady_state(model, changes=every[-1])
    assert alone.value.what.partition(":")[0] == together[-1].what.partition(":")[0]


def test_rates_are_what_the_formulas_evaluate_to():
    """Sums and products of several terms, truths that are added, powers, functions and pieces, for many states."""
    law = "k*a*b + a - b/(k + a)^2 + exp(-b)*k + piecewise(a, b > 1, 2*b) - a^-1"
    text = f"species a, b, c; a = 2; b = 0.5; k = 3; on := a > b; J: a -> b; {law}; K: b -> c; on + (b < a) + k*on*on"
    network = qsp.read_antimony(f"model m; {text}; end").network
    side, rng = RightHandSide(network), np.random.default_rng(1)
    y = rng.uniform(0.1, 3.0, (3, 7))
    rates = side(y)
    for i, (a, b, _) in enumerate(y.T):
        first = 3 * a * b + a - b / (3 + a) ** 2 + np.exp(-b) * 3 + (a if b > 1 else 2 * b) - 1 / a
        second = (a > b) + float(b < a) + 3 * (a > b)
        np.testing.assert_allclose(rates[:, i], [-first, first - second, second], rtol=1e-13)
