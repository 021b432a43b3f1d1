"""Cutting a run at doses and discontinuities, against a naive replay of the same run."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sbmlqsp.timeline import SNAP, Delivery, build_timeline

CLOCK = st.integers(0, 24).map(lambda n: n / 2)
LENGTH = st.sampled_from([0.0, 0.0, 0.5, 1.0, 3.5])
DOSE = st.builds(Delivery, st.sampled_from(["a", "b"]), CLOCK, LENGTH)
TIMES = st.lists(
    CLOCK | st.floats(0, 12).map(lambda t: t if t > 1e-6 else 0.0), min_size=1, max_size=8, unique=True
).map(sorted)


def replay(timeline, given_, times):
    """Walk the segments with one accumulator per target and exact integration of constant rates."""
    level = {"a": 0.0, "b": 0.0}
    rate = dict.fromkeys(level, 0.0)
    rows = np.full((len(times), 2), np.nan)
    weights = [1.0 + k for k in range(len(given_))]  # a different amount for each delivery

    def show(row):
        rows[row] = [level["a"], level["b"]]

    show(list(timeline.before))
    for segment in timeline.segments:
        for target, which in segment.boluses.items():
            level[target] += sum(weights[k] for k in which)
        for target, which in segment.rates.items():
            rate[target] = sum(weights[k] / given_[k].duration for k in which)
        course = [dict(level)]
        for t0, t1 in zip(segment.times, segment.times[1:], strict=False):
            course.append({k: course[-1][k] + rate[k] * (t1 - t0) for k in level})
        for row, out in zip(segment.rows, segment.output, strict=True):
            rows[out] = [course[row]["a"], course[row]["b"]]
        level = course[-1]
    if timeline.final:
        for target, which in timeline.final_boluses.items():
            level[target] += sum(weights[k] for k in which)
        show(list(timeline.final))
    return rows


def naive(given_, times, at_dose):
    """What has arrived by each time, each delivery by itself."""
    rows = np.zeros((len(times), 2))
    for i, t in enumerate(times):
        for k, d in enumerate(given_):
            share = float(t > d.start or (t == d.start and at_dose == "after"))
            if d.duration:
                share = min(max((t - d.start) / d.duration, 0.0), 1.0)
            rows[i, "ab".index(d.target)] += (1.0 + k) * share
    return rows


@settings(max_examples=300, deadline=None)
@given(TIMES, st.lists(DOSE, max_size=7), st.sampled_from(["after", "before"]))
def test_every_delivery_arrives_when_and_where_it_should(times, given_, at_dose):
    timeline = build_timeline(times, given_, [(0.0, {})], at_dose=at_dose)
    np.testing.assert_allclose(replay(timeline, given_, times), naive(given_, times, at_dose), rtol=1e-12, atol=1e-12)


@settings(max_examples=200, deadline=None)
@given(TIMES, st.lists(DOSE, max_size=7), st.lists(CLOCK, max_size=4))
def test_segments_tile_the_run_and_output_rows_are_filled_once(times, given_, switches):
    schedule = [(0.0, {"s": 0.0}), *((t, {"s": t}) for t in sorted(set(switches) - {0.0}))]
    timeline = build_timeline(times, given_, schedule)
    ends = [(s.times[0], s.times[-1]) for s in timeline.segments]
    assert all(a[1] == b[0] for a, b in itertools.pairwise(ends))
    if times[-1] > 1e-6:
        assert (ends[0][0], ends[-1][1]) == (0.0, pytest.approx(times[-1], rel=1e-12))  # within rounding, one instant
    assert all(np.diff(s.times).min() > 0 for s in timeline.segments)
    filled = [o for s in timeline.segments for o in s.output]
    filled += [*timeline.before, *timeline.final]
    assert sorted(filled) == list(range(len(times)))
    inside = {t for t in (*switches, *(d.start for d in given_)) if 0 < t < times[-1] - 1e-6}
    assert all(any(a == pytest.approx(t, rel=1e-12) for a, _ in ends) for t in inside)


@settings(max_examples=100, deadline=None)
@given(TIMES, st.lists(CLOCK, min_size=1, max_size=4, unique=True))
def test_switches_are_set_where_they_change(times, changes):
    schedule = [(0.0, {"s": -1.0}), *((t, {"s": t}) for t in sorted(changes) if t > 0)]
    timeline = build_timeline(times, [], schedule)
    value = None
    for segment in timeline.segments:
        value = segment.switches.get("s", value)
        middle = (segment.times[0] + segment.times[-1]) / 2
        assert value == [v["s"] for t, v in schedule if t <= middle][-1]


def test_times_within_rounding_are_one_instant():
    given_ = [Delivery("a", 168.0), Delivery("a", 7 * 24 + 3e-14)]
    timeline = build_timeline([0.0, 168.00000000000003, 200.0], given_, [(0.0, {})])
    assert len(timeline.segments) == 2
    assert timeline.segments[1].boluses == {"a": (0, 1)}
    assert 1 in timeline.segments[1].output


def test_output_times_within_rounding_all_show_the_same_state():
    for side in ("after", "before"):
        timeline = build_timeline([0.0, 5.0, 5.0 + 1e-13], [Delivery("a", 5.0)], [(0.0, {})], at_dose=side)
        shown = [o for s in timeline.segments for o in s.output] + [*timeline.before, *timeline.final]
        assert sorted(shown) == [0, 1, 2]


def test_times_that_truly_differ_stay_apart():
    near = 168.0 * (1 + 10 * SNAP)
    timeline = build_timeline([0.0, 200.0], [Delivery("a", 168.0), Delivery("a", near)], [(0.0, {})])
    assert [s.boluses for s in timeline.segments] == [{}, {"a": (0,)}, {"a": (1,)}]


def test_an_infusion_shorter_than_the_clock_resolves_is_given_at_once():
    timeline = build_timeline([0.0, 600.0], [Delivery("a", 500.0, 1e-9)], [(0.0, {})])
    assert timeline.segments[1].boluses == {"a": (0,)}
    assert all(not any(s.rates.values()) for s in timeline.segments)


def test_what_comes_after_the_end_is_left_out():
    timeline = build_timeline(
        [0.0, 10.0], [Delivery("a", 10.5), Delivery("a", 9.0, 5.0)], [(0.0, {}), (11.0, {"s": 1})]
    )
    assert [s.times[0] for s in timeline.segments] == [0.0, 9.0]
    assert timeline.final_boluses == {}
    assert timeline.segments[1].rates == {"a": (1,)}


@pytest.mark.parametrize("n", [2000])
def test_many_doses_are_cut_quickly(n):
    import time

    given_ = [Delivery("a", float(k), 0.5) for k in range(n)]
    start = time.process_time()
    timeline = build_timeline([0.0, float(n)], given_, [(0.0, {})])
    assert len(timeline.segments) == 2 * n
    assert time.process_time() - start < 2.0
