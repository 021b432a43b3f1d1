"""Single cells of the library against plain Python from the cards, at few runs: right ones pass, wrong ones do not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from validation.population.checks import Checks
from validation.stochastic import blind, naive

FEW = {"telegraph_gene": 300, "apoptosis_threshold": 300, "birth_death": 400}


@pytest.mark.parametrize("model", FEW)
def test_cells_are_what_their_card_says_and_wrong_ones_are_found_out(model):
    c = replace(next(c for c in blind.COMPARISONS if c.model == model), late=0.0)
    x = blind.simulated(c, runs=2000, seed=1)
    y = naive.cells(c.by_hand(), c.times, runs=FEW[model], seed=1)
    checks = Checks()
    blind.two_samples(x, y, c.times, checks)
    assert not checks.fails()
    assert blind.controlled(c, x, runs=FEW[model], seed=2)


def test_exact_laws_find_out_cells_that_vary_too_much():
    right, wrong = Checks(), Checks()
    c = blind.BIRTH
    c.exact(c.values(), naive.cells(c.by_hand(), c.times, runs=300, seed=1), right)
    c.exact(c.values(), naive.cells(c.by_hand().spoilt(), c.times, runs=300, seed=1), wrong)
    assert not right.fails()
    assert any("variance" in label for label in wrong.fails())


def test_a_propensity_that_falls_is_thinned():
    # The expected count of jumps at the rate 100 exp(-t) is 100 (1 - exp(-t)).
    fall = naive.Cell({"n": 0}, [naive.Jump({"n": 1}, lambda _x, t: 100.0 * float(np.exp(-t)))], falling=True)
    n = naive.cells(fall, [0.5, 2.0], runs=200, seed=1)["n"]
    expected = 100.0 * (1.0 - np.exp([-0.5, -2.0]))
    assert (np.abs(n.mean(axis=0) - expected) < 4.0 * np.sqrt(expected / 200)).all()


def test_plasma_follows_its_closed_form_beside_counted_cells():
    assert blind.plasma() < 1e-6


def test_the_command_fails_where_a_model_differs(monkeypatch, capsys):
    c = replace(blind.DEATH, exact=None)
    monkeypatch.setattr(blind, "COMPARISONS", (c,))
    assert blind.check((c,), runs=1000, naive_runs=300) == []
    monkeypatch.setattr(naive, "apoptosis_threshold", lambda p, right=naive.apoptosis_threshold: right(p).spoilt())
    assert "differs from its card" in "\n".join(blind.check((c,), runs=1000, naive_runs=300))
    assert "FAILS" in capsys.readouterr().out
