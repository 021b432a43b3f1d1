"""Output times as numbers and as words."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sbmlqsp.errors import ExperimentError, QSPError
from sbmlqsp.times import parse_times


@pytest.mark.parametrize(
    ("text", "unit", "expected"),
    [
        ("0:1 day by 0.5", "h", [0, 12, 24]),
        ("0:3 by 1", None, [0, 1, 2, 3]),
        ("0:3 by 1", "h", [0, 1, 2, 3]),
        ("0:2 h by 30 min", "h", [0, 0.5, 1, 1.5, 2]),
        ("0:1 h by 0.4", "h", [0, 0.4, 0.8, 1]),
        ("0:24 h by 12, 24:96 h by 24", "h", [0, 12, 24, 48, 72, 96]),
        ("2:2 h by 1", "h", [2]),
        ("1e0:1e1 step 4.5", None, [1, 5.5, 10]),
    ],
)
def test_words(text, unit, expected):
    assert parse_times(text, unit) == pytest.approx(expected, rel=1e-12)


@given(st.integers(1, 400), st.sampled_from([0.1, 0.25, 1 / 3, 0.7, 1.0]))
def test_ranges_include_their_end_once(n, step):
    grid = parse_times(f"0:{n * step!r} by {step!r}", None)
    assert len(grid) == n + 1
    assert np.diff(grid).min() > 0.5 * step
    assert grid[-1] == pytest.approx(n * step)


def test_arrays_pass_as_they_are():
    assert parse_times(np.array([0.0, 0.1, 7.0]), "h").tolist() == [0.0, 0.1, 7.0]
    assert parse_times((t for t in (0, 2)), None).tolist() == [0.0, 2.0]
    assert parse_times(np.array(3.0), None).tolist() == [3.0]


@pytest.mark.parametrize(
    ("times", "unit", "words"),
    [
        ([], "h", "no output times"),
        ([0.0, 2.0, 1.0], "h", "out of order"),
        ([0.0, 0.0], "h", "out of order"),
        ([-1.0, 0.0], "h", "negative"),
        ([0.0, np.nan], "h", "not finite"),
        ([0.0, np.inf], "h", "not finite"),
        (["a"], "h", "not numbers"),
        ([[0.0, 1.0]], "h", "no output times"),
        ("every day", "h", "cannot be read"),
        ("0:5 day by 0", "h", "not positive"),
        ("5:0 day by 1", "h", "empty"),
        ("0:1e12 h by 1", "h", "too long"),
        ("0:5 day by 1", None, "declares no unit"),
        ("0:5 mg by 1", "h", "mg"),
        ("", "h", "cannot be read"),
    ],
)
def test_bad_times_are_refused(times, unit, words):
    with pytest.raises(QSPError, match=words):
        parse_times(times, unit)


def test_something_else_is_refused():
    with pytest.raises(ExperimentError, match="not numbers"):
        parse_times(5, "h")
