"""Random streams: equal labels, equal numbers; anything else, other numbers; wherever they are drawn."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sbmlqsp.errors import QSPError
from sbmlqsp.streams import check_seed, seed32, stream

labels = st.none() | st.integers(-(2**70), 2**70) | st.text(max_size=8)
keys = st.tuples(st.integers(0, 2**63 - 1), st.text(min_size=1, max_size=8), labels, labels, labels)


def bits(key):
    seed, purpose, subject, occasion, replicate = key
    rng = stream(seed, purpose, subject=subject, occasion=occasion, replicate=replicate)
    return tuple(rng.bit_generator.random_raw(3).tolist())


@given(keys, keys)
def test_equal_keys_and_only_those_give_equal_numbers(a, b):
    assert bits(a) == bits(a)
    assert (bits(a) == bits(b)) == (a == b)


def test_the_numbers_are_pinned_for_ever():
    rng = stream(2024, "iiv", subject=7, occasion="a", replicate=None)
    assert rng.bit_generator.random_raw(2).tolist() == [335292074827038861, 16376870962650454508]
    assert seed32(2024, "ssa", replicate=3) == 2037639132


def test_another_process_draws_the_same():
    code = (
        "from sbmlqsp.streams import *; print(stream(5, 'x', subject='é').bit_generator.random_raw(), seed32(5, 'x'))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(bits((5, "x", "é", None, None))[0]), str(seed32(5, "x"))]


def test_numpy_integers_are_integers_and_texts_are_not():
    assert bits((1, "p", np.int64(3), None, None)) == bits((1, "p", 3, None, None))
    assert bits((np.uint8(1), "p", 3, None, None)) == bits((1, "p", 3, None, None))
    assert bits((1, "p", "3", None, None)) != bits((1, "p", 3, None, None))
    assert bits((1, "p", "None", None, None)) != bits((1, "p", None, None, None))


def test_labels_do_not_run_into_each_other():
    assert bits((1, "p", "a,b", None, None)) != bits((1, "p", "a", "b", None))
    assert bits((1, "p", 'a", "b', None, None)) != bits((1, "p", "a", "b", None))
    assert bits((1, "p", 1, None, None)) != bits((1, "p", None, 1, None)) != bits((1, "p", None, None, 1))
    assert bits((11, "p", None, None, None)) != bits((1, "1p", None, None, None))


def test_drawing_from_one_stream_leaves_the_others():
    expected = stream(1, "p", subject=2).normal(size=4)
    stream(1, "p", subject=1).normal(size=1000)
    np.testing.assert_array_equal(stream(1, "p", subject=2).normal(size=4), expected)


def test_first_numbers_across_subjects_are_uniform_and_uncorrelated():
    # Fixed seed, so deterministic; the bounds are those of a test at about 1e-5.
    draws = np.array([stream(0, "iiv", subject=i).random(2) for i in range(2000)])
    assert abs(draws.mean() - 0.5) < 4.5 * np.sqrt(1 / 12 / draws.size)
    assert abs(np.corrcoef(draws[:-1, 0], draws[1:, 0])[0, 1]) < 4.5 / np.sqrt(2000)
    assert abs(np.corrcoef(draws.T)[0, 1]) < 4.5 / np.sqrt(2000)


def test_seeds_for_engines_fit_and_differ():
    seeds = [seed32(0, "ssa", replicate=i) for i in range(3000)]
    assert all(type(s) is int and 1 <= s <= 2**32 - 2 for s in seeds)
    assert len(set(seeds)) >= 2999  # 3000 seeds share one with probability 1e-3
    assert max(seeds) > 2**31  # the upper half is used


@pytest.mark.parametrize("seed", [-1, 2**63, True, np.True_, 1.0, "1", None])
@pytest.mark.parametrize("draw", [stream, seed32])
def test_bad_seeds_are_refused(seed, draw):
    with pytest.raises(QSPError, match=r"seed is not usable.*2\*\*63"):
        draw(seed, "p")


@pytest.mark.parametrize("name", ["subject", "occasion", "replicate"])
@pytest.mark.parametrize("label", [1.0, True, (1,), b"1", np.float64(2)])
def test_bad_labels_are_refused(name, label):
    with pytest.raises(QSPError, match=name):
        stream(1, "p", **{name: label})


@pytest.mark.parametrize("purpose", ["", None, 3])
def test_a_purpose_is_a_text(purpose):
    with pytest.raises(QSPError, match="no purpose"):
        stream(1, purpose)


def test_check_seed_gives_a_plain_integer():
    assert type(check_seed(np.int64(2**62))) is int
    assert check_seed(0) == 0
    assert check_seed(2**63 - 1) == 2**63 - 1
