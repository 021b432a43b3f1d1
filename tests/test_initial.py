"""Every symbol at time 0, for one subject or many."""

from __future__ import annotations

import numpy as np
import pytest

import sbmlqsp as qsp
from sbmlqsp.engine.initial import dependency_order, initial_state, static_symbols

CHAIN = (
    "model m; WT = 70; compartment V = 2*WT; k = c*3; c = b + 1; b = WT/10; species S in V; S = k/V; "
    "substanceOnly species T in V; T = 4*b; y := S*V + k; J: S -> T; k*S; end"
)


def state(text, overrides=None):
    return initial_state(qsp.read_antimony(text).network, overrides)


def test_definitions_are_followed_in_their_own_order():
    env = state(CHAIN)
    assert (env["b"], env["c"], env["k"], env["V"]) == (7.0, 8.0, 24.0, 140.0)
    assert env["y"] == pytest.approx(48.0)
    assert env["J"] == pytest.approx(24 * 24 / 140)


def test_an_override_reaches_everything_computed_from_it():
    env = state(CHAIN, {"WT": np.array([70.0, 100.0])})
    np.testing.assert_allclose(env["k"], [24.0, 33.0])
    np.testing.assert_allclose(env["amount(S)"], [24.0, 33.0])
    np.testing.assert_allclose(env["concentration(T)"], [28 / 140, 40 / 200])


def test_an_override_stops_what_would_have_defined_it():
    env = state(CHAIN, {"c": 1.0, "WT": 100.0})
    assert (env["k"], env["b"], env["V"]) == (3.0, 10.0, 200.0)


@pytest.mark.parametrize(
    ("key", "amount", "concentration"),
    [("S", 140 * 5, 5), ("amount(S)", 5, 5 / 140), ("concentration(S)", 700, 5)],
)
def test_a_species_is_set_in_the_meaning_asked_for(key, amount, concentration):
    env = state(CHAIN, {key: 5.0})
    assert env["amount(S)"] == pytest.approx(amount)
    assert env["S"] == env["concentration(S)"] == pytest.approx(concentration)


def test_a_species_with_substance_units_is_its_amount():
    env = state(CHAIN, {"T": 7.0})
    assert (env["T"], env["amount(T)"], env["concentration(T)"]) == (7.0, 7.0, 7 / 140)


def test_missing_values():
    env = state("model m; species S; compartment c; S in c; J: S ->; k*S; end")
    assert env["c"] == 1.0
    assert env["S"] == 0.0
    assert np.isnan(env["k"])


def test_a_circle_is_refused_by_name():
    with pytest.raises(qsp.ModelError, match=r"a → b → a|b → a → b"):
        dependency_order({"a": ["b"], "b": ["a"], "c": []})


def test_order_of_a_long_chain_needs_no_recursion():
    chain = {f"x{i}": [f"x{i + 1}"] for i in range(5000)}
    assert dependency_order(chain)[0] == "x4999"


def test_what_never_changes():
    text = (
        "model m; compartment V = 2; compartment W = 1; W' = 1; species S in V, $B in W, $C in V; S = 1; B = 1; C = 1; "
        "k = 1; r := 2*k; q := S + k; z := r + time; p = 3; at (time > 5): p = 4; J: S ->; k*S; end"
    )
    static = static_symbols(qsp.read_antimony(text).network)
    assert {"V", "k", "r", "C"} <= static
    assert not static & {"W", "S", "B", "q", "z", "p", "J"}


def test_what_is_computed_again_by_a_program_has_the_same_bits():
    network, weights = qsp.read_antimony(CHAIN).network, np.array([70.0, 100.0])
    first, second, third = (initial_state(network, {"WT": weights}) for _ in range(3))
    assert first.keys() == second.keys() == third.keys()
    for name, value in first.items():
        np.testing.assert_array_equal(value, second[name])
        np.testing.assert_array_equal(value, third[name])
    np.testing.assert_array_equal(initial_state(network, {"WT": 2 * weights})["b"], 2 * weights / 10)


def test_rates_are_left_out_where_no_symbol_needs_them():
    text = "model m; S = 2; k = 3; y := J + 1; J: S -> ; k*K; K: S -> ; 2*S; L: S -> ; S; end"
    network = qsp.read_antimony(text).network
    whole, part = initial_state(network), initial_state(network, rates=False)
    assert whole.keys() - part.keys() == {"L"}
    assert part == {name: whole[name] for name in part}
