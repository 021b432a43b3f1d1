"""The exact laws that single cells are validated against, by closed forms of their own; right and wrong cells, few."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import nbinom, poisson

from validation.population.checks import Checks
from validation.stochastic import laws, mixture, passage


def remembering(rho: float) -> float:
    """Return the least p-value of normal numbers with a memory, as counts of birth and death at rest."""
    rng, checks = np.random.default_rng(1), Checks()
    x = np.empty((2000, laws.STEPS))
    x[:, 0] = rng.standard_normal(2000)
    for i in range(1, laws.STEPS):
        x[:, i] = rho * x[:, i - 1] + np.sqrt(1 - rho**2) * rng.standard_normal(2000)
    laws.remembering(400 + 20 * x, 400.0, 1.0, checks, "x")
    return min(checks.found.values()) / checks.limit


def test_memory_is_told_from_a_shorter_one():
    assert remembering(np.exp(-1 / 8)) > 1
    assert remembering(np.exp(-1.1 / 8)) < 1


def test_the_two_stage_law_has_the_moments_of_its_formula_and_nears_the_negative_binomial():
    for lives in (0.5, 10.0):
        mean, variance, _ = laws.total(laws.resting(lives)[None], np.ones(1))
        assert mean == pytest.approx(laws.SHAPE * laws.BURST, rel=1e-6)
        assert variance / mean == pytest.approx(1 + laws.BURST / (1 + 1 / lives), rel=1e-5)
    law = laws.resting(1000.0)
    near = nbinom.pmf(np.arange(len(law)), laws.SHAPE, 1 / (1 + laws.BURST))
    assert np.abs(law - near).max() < 1e-4


def test_more_cells_have_ever_been_above_than_are_now():
    """One that never leaves the states above is no different: without loss, both are the Poisson tail."""
    case = passage.THRESHOLDS[0]
    _, ever = case.ever()
    assert (ever[:: passage.BETWEEN][1:] > case.now()[1:]).all()
    pure = replace(case, jumps=(case.jumps[0],), times=(0.0, 1.0))
    assert pure.now()[-1] == pytest.approx(poisson.sf(27, 20.0), abs=1e-10)
    assert pure.ever()[1][-1] == pytest.approx(poisson.sf(27, 20.0), abs=1e-10)


def test_states_without_room_are_told():
    with pytest.raises(ArithmeticError, match="in bursts"):
        replace(passage.THRESHOLDS[1], beside=(2,)).ever()
    with pytest.raises(ArithmeticError, match="out of the states"):
        replace(passage.THRESHOLDS[0], most=20).now()


def test_the_mixture_of_alike_cells_is_their_law():
    k, g, w = mixture.constants()
    assert w.sum() == pytest.approx(1)
    assert w @ k == pytest.approx(20 * np.sqrt(1 + mixture.CV["k"] ** 2))
    logs = np.log(k), np.log(g)
    covariance = w @ (logs[0] * logs[1]) - (w @ logs[0]) * (w @ logs[1])
    assert covariance == pytest.approx(mixture.RHO * np.sqrt(np.prod(np.log1p(np.square(list(mixture.CV.values()))))))
    mean, variance, _ = laws.total(poisson.pmf(np.arange(200), np.array([[20.0], [20.0]])), np.array([0.3, 0.7]))
    assert (mean, variance) == (pytest.approx(20), pytest.approx(20))


def test_cells_follow_their_laws_and_the_other_pairing_is_found_out():
    checks, controls = Checks(), {k: Checks() for k in passage.CONTROLS}
    passage.check(passage.THRESHOLDS[0], checks, controls, count=400)
    assert laws.told("passage", checks, controls)
