"""Which runs look wrong: all looked at together are those that are found one by one."""

import numpy as np
import pytest

from sbmlqsp.suspicion import doubtful, suspicious


@pytest.mark.parametrize("seed", range(200))
def test_all_together_are_those_found_one_by_one(seed):
    rng = np.random.default_rng(seed)
    runs, times, states = rng.integers(1, 6), rng.integers(1, 7), rng.integers(1, 4)
    signs = rng.choice([1, 1, 1, 1, 0, -1], (runs, times, states))
    values = 10.0 ** rng.uniform(-22, 2, (runs, times, states)) * signs
    scales = 10.0 ** rng.integers(-3, 3, (runs, states))
    names = [str(k) for k in range(states)]
    one_by_one = [k for k in range(runs) if suspicious(values[k], scales[k], 1e-15 * scales[k], names)]
    assert doubtful(values, scales, 1e-15 * scales).tolist() == one_by_one


def test_both_patterns_are_found_and_what_dies_out_is_none():
    values = np.array([[1, 1e-20, 1.0], [1, -1e-3, 0.5], [1, 1e-3, 1e-20], [0, 1e-20, 1.0], [1, 0.5, 0.7]])[:, :, None]
    assert doubtful(values, np.ones((5, 1)), np.full((5, 1), 1e-15)).tolist() == [0, 1]
