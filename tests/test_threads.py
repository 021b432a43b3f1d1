"""Patients spread over threads."""

from __future__ import annotations

import threading
import time

import pytest

from sbmlqsp.engine.threads import in_order, portions, spread, workers_for


@pytest.mark.parametrize(("n", "workers", "most"), [(0, 1, 64), (1, 4, 64), (1000, 1, 200), (10_000, 2, 2048)])
def test_portions_are_everybody_once_and_none_is_too_large(n, workers, most):
    pieces = portions(n, workers, most)
    assert [k for piece in pieces for k in piece] == list(range(n))
    assert all(0 < len(piece) <= most for piece in pieces)


def test_the_last_portions_are_small_so_that_threads_end_together():
    sizes = [len(piece) for piece in portions(10_000, 4, 2048)]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] == 1250
    assert max(sizes[-4:]) <= 250


def test_few_patients_are_not_worth_many_threads():
    assert (workers_for(64, 8), workers_for(65, 8), workers_for(10_000, 8)) == (1, 2, 8)


def test_what_is_slow_comes_in_its_place_while_others_are_at_work():
    together = threading.Barrier(2, timeout=10)

    def run(k):
        if k < 2:
            together.wait()  # which two threads must reach at once
        time.sleep(0.02 * (k == 0))
        return k

    assert list(in_order(run, range(6), workers=2)) == list(range(6))


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_is_told_and_what_waits_is_not_begun(workers):
    begun = []

    def run(k):
        begun.append(k)
        if k == 1:
            raise ValueError("of the second")
        return k

    with pytest.raises(ValueError, match="of the second"):
        list(in_order(run, range(100), workers))
    assert len(begun) < 10


def test_spreading_runs_everybody_once():
    done = []
    spread(lambda first, last: done.extend(range(first, last)), 1000, 3)
    assert sorted(done) == list(range(1000))
