"""Exposure against closed forms, a plain oracle and the rules as pharmacologists state them."""

from __future__ import annotations

import json
import math
import time as clock

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from sbmlqsp.errors import DataError, UnitError
from sbmlqsp.exposure import auc, exposure
from sbmlqsp.results import make_dataset

DOSE, V, CL = 100.0, 20.0, 2.0
K = CL / V
LOG2 = math.log(2)


def results(time, curves, *, doses=(), duration=0.0, arms=None, unit="mg/L", time_unit="h", **options):
    """Build a Dataset of one observable "C" from curves of shape (times,), (subjects, times) or arms of them."""
    curves = np.asarray(curves, float)
    curves = curves.reshape((1,) * (3 - curves.ndim) + curves.shape)[:, :, None, :]
    arms = arms or [f"arm {i}" for i in range(len(curves))]
    calendar = [
        {"experiment": a, "time": t, "amount": DOSE, "unit": "mg", "target": "S", "duration": duration}
        for a in arms
        for t in doses
    ]
    return make_dataset(
        {"C": curves},
        experiments=arms,
        subjects=list(range(curves.shape[1])),
        replicates=[0],
        time=time,
        time_unit=time_unit,
        units={"C": unit},
        doses=calendar,
        **options,
    )


def bolus(time, doses=(0.0,), *, k=K, jump=DOSE / V, at_dose=True):
    """Superpose bolus doses; at a dose time the value is post-dose, or with at_dose=False pre-dose."""
    time = np.asarray(time, float)
    on = [(time >= d) if at_dose else (time > d) for d in doses]
    return sum(np.where(o, jump * np.exp(-k * (time - d)), 0.0) for o, d in zip(on, doses, strict=True))


def oral(time, ka=1.0, k=K):
    return DOSE / V * ka / (ka - k) * (np.exp(-k * time) - np.exp(-ka * time))


# ------------------------------------------------------------------------------------------------------------ areas


def test_the_area_under_an_exponential_is_exact_on_any_grid():
    time = np.array([0.0, 0.1, 5.0, 30.0])
    assert auc(time, bolus(time)) == pytest.approx(DOSE / CL * (1 - math.exp(-K * 30)), rel=1e-13)


def test_rising_level_and_zero_steps_are_straight():
    assert auc([0, 1, 2, 3, 4], [0, 2, 2, 0, 0]) == pytest.approx(1 + 2 + 1 + 0)
    assert auc([0, 2], [4.0, 1.0], "linear") == 5.0


def test_a_time_given_twice_has_no_area():
    assert auc([0, 1, 1, 2], [4.0, 2.0, 6.0, 3.0]) == pytest.approx((2 + 3) / LOG2)


@given(st.floats(1e-300, 1e300), st.floats(0, 1e-6))
def test_a_slight_fall_keeps_its_digits(level, fall):
    low = level * (1 - fall)
    assume(low > 0)
    area = float(auc([0.0, 1.0], [level, low]))
    assert low * (1 - 1e-15) <= area <= level * (1 + 1e-15)


@given(st.lists(st.floats(0, 1e6), min_size=2, max_size=20), st.data())
def test_areas_lie_between_the_steps_and_agree_with_a_plain_loop(values, data):
    steps = data.draw(st.lists(st.floats(0, 100), min_size=len(values), max_size=len(values)))
    time = np.cumsum(steps)
    total = 0.0
    for t0, t1, a, b in zip(time[:-1], time[1:], values[:-1], values[1:], strict=True):
        falls = 0 < b < a * (1 - 1e-9)  # a slight fall is straight to the eye
        total += (t1 - t0) * ((a - b) / (math.log(a) - math.log(b)) if falls else (a + b) / 2)
    assert float(auc(time, values)) == pytest.approx(total, rel=1e-6, abs=1e-9)
    assert float(auc(time, values)) <= float(auc(time, values, "linear")) * (1 + 1e-12) + 1e-12


@given(st.lists(st.floats(1e-3, 1e3), min_size=2, max_size=10), st.floats(1e-3, 1e3))
def test_areas_scale_with_values_and_with_time(values, factor):
    time = np.arange(len(values), dtype=float)
    whole = float(auc(time, values))
    assert float(auc(time, np.array(values) * factor)) == pytest.approx(whole * factor, rel=1e-9)
    assert float(auc(time * factor, values)) == pytest.approx(whole * factor, rel=1e-9)


def test_many_curves_at_once_are_as_one_by_one():
    time = np.linspace(0, 24, 30)
    curves = np.random.default_rng(1).lognormal(size=(3, 4, 30))
    together = auc(time, curves)
    assert together.shape == (3, 4)
    assert together[2, 1] == auc(time, curves[2, 1])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([0, 1], [1, 2], "log"), r"'log' is no way.*'linear-up log-down' or 'linear'"),
        (([0, 1], [1, 2, 3]), "do not fit each other"),
        (([0, 1], [1, np.nan]), "leave such points out"),
        (([1, 0], [1, 2]), "sort times and values together"),
    ],
)
def test_areas_that_cannot_be_are_refused(arguments, message):
    with pytest.raises(DataError, match=message):
        auc(*arguments)


# ------------------------------------------------------------------------------------------------------ single dose


def test_a_bolus_has_its_closed_form():
    time = np.arange(0, 49.0)
    row = exposure(results(time, bolus(time), doses=[0.0])).iloc[0]
    assert row["auc_last"] == pytest.approx(DOSE / CL * (1 - math.exp(-K * 48)), rel=1e-12)
    assert row["auc_inf"] == pytest.approx(DOSE / CL, rel=1e-12)
    assert row["auc_extrapolated"] == pytest.approx(math.exp(-K * 48), rel=1e-9)
    assert row["half_life"] == pytest.approx(LOG2 / K, rel=1e-12)
    assert (row["cmax"], row["tmax"], row["tlast"]) == (DOSE / V, 0.0, 48.0)
    assert row["r2"] == pytest.approx(1.0)
    assert row["n_points"] == 48
    assert row["reason"] == ""
    assert row[["tau", "auc_tau", "cavg", "ctrough", "accumulation"]].isna().all()
    assert row[["conc_unit", "time_unit", "auc_unit"]].tolist() == ["mg/L", "h", "mg*h/L"]


def test_an_oral_dose_on_a_fine_grid_has_its_closed_form():
    time = np.linspace(0, 120, 4801)
    row = exposure(results(time, oral(time), doses=[0.0])).iloc[0]
    peak = math.log(1.0 / K) / (1.0 - K)
    assert row["auc_inf"] == pytest.approx(DOSE / CL, rel=1e-4)
    assert row["tmax"] == pytest.approx(peak, abs=0.025)
    assert row["cmax"] == pytest.approx(oral(np.array(peak)), rel=1e-4)
    assert row["half_life"] == pytest.approx(LOG2 / K, rel=2e-3)


def test_the_slope_after_an_infusion_leaves_the_infusion_out():
    time, end = np.arange(0, 40.0), 10.0
    rate = DOSE / end
    curve = rate / CL * (1 - np.exp(-K * np.minimum(time, end))) * np.exp(-K * np.maximum(time - end, 0))
    row = exposure(results(time, curve, doses=[0.0], duration=end)).iloc[0]
    assert row["tmax"] == end
    assert row["half_life"] == pytest.approx(LOG2 / K, rel=1e-10)
    assert row["n_points"] == 29


@given(k=st.floats(0.01, 2), noise=st.integers(0, 10**6), n=st.integers(4, 25))
@settings(max_examples=60, deadline=None)
def test_the_terminal_fit_is_the_one_a_plain_search_finds(k, noise, n):
    rng = np.random.default_rng(noise)
    time = np.sort(rng.uniform(0, 10, n))
    assume((np.diff(time) > 1e-3).all())
    curve = np.exp(-k * time + rng.normal(scale=0.3, size=n))
    row = exposure(results(time, curve)).iloc[0]
    fits = []
    for count in range(3, n - int(curve.argmax())):
        x, y = time[-count:], np.log(curve[-count:])
        slope, offset = np.polyfit(x, y, 1)
        r2 = 1 - ((y - slope * x - offset) ** 2).sum() / ((y - y.mean()) ** 2).sum()
        if slope < 0:
            fits.append((1 - (1 - r2) * (count - 1) / (count - 2), count, slope))
    if not fits:
        assert math.isnan(row["half_life"])
        assert row["reason"]
        return
    best = max(f[0] for f in fits)
    assume(all(abs(best - f[0] - 1e-4) > 1e-9 for f in fits))  # ties to the last digit have no right answer
    quality, count, slope = max((f for f in fits if f[0] >= best - 1e-4), key=lambda f: f[1])
    assert row["n_points"] == count
    assert row["half_life"] == pytest.approx(-LOG2 / slope, rel=1e-6)
    assert row["r2"] == pytest.approx(quality, abs=1e-7)


@pytest.mark.parametrize(
    ("curve", "reason"),
    [
        ([0, 0, 0, 0, 0], "no value above zero"),
        ([np.nan] * 5, "no values"),
        ([1, 2, 3, 2, 1], "fewer than 3 values above zero after the last peak"),
        ([9, 8, 0, 0, 0], "fewer than 3 values above zero after the last peak"),
        ([9, 1, 2, 3, 4], "the curve does not fall at its end"),
        ([5, 5, 5, 5, 5], "the curve does not fall at its end"),
    ],
)
def test_a_half_life_that_cannot_be_has_a_reason(curve, reason):
    row = exposure(results(np.arange(5.0), curve)).iloc[0]
    assert math.isnan(row["half_life"])
    assert math.isnan(row["auc_inf"])
    assert row["n_points"] == 0
    assert row["reason"] == reason


def test_a_placebo_has_no_exposure_rather_than_an_unknown_one():
    row = exposure(results(np.arange(5.0), np.zeros(5))).iloc[0]
    assert (row["cmax"], row["auc_last"]) == (0.0, 0.0)


def test_missing_values_are_closed_up_and_zeros_at_the_end_left_out():
    time = np.arange(0, 30.0)
    curve = bolus(time)
    curve[[3, 7, 8]] = np.nan
    curve[25:] = 0.0
    row = exposure(results(time, curve)).iloc[0]
    assert row["auc_last"] == pytest.approx(DOSE / CL * (1 - math.exp(-K * 24)), rel=1e-12)
    assert row["tlast"] == 24
    assert row["auc_inf"] == pytest.approx(DOSE / CL, rel=1e-12)


def test_the_limit_of_quantification_ends_the_curve():
    time = np.arange(0, 60.0)
    curve = bolus(time) + np.where(time > 40, 0.02, 0.0)  # as solver noise would
    plain, cut = (exposure(results(time, curve), blq=b).iloc[0] for b in (None, 0.15))
    assert cut["tlast"] == 35
    assert cut["half_life"] == pytest.approx(LOG2 / K, rel=1e-12)
    assert abs(plain["half_life"] / (LOG2 / K) - 1) > 0.01
    rising = exposure(results([0, 1, 2, 3], [0.05, 1.0, 0.05, 1.0]), blq={"C": 0.1}).iloc[0]
    assert rising["auc_last"] == pytest.approx(0.5 + 2.0)  # zero before the first seen, missing after


# --------------------------------------------------------------------------------------------------- multiple doses


def test_bolus_doses_accumulate_as_they_must():
    tau, n = 12.0, 6
    doses = tau * np.arange(n)
    time = np.arange(0, tau * n + 1, 1.0)
    row = exposure(results(time, bolus(time, doses), doses=doses)).iloc[0]
    ratio = (1 - math.exp(-K * tau * n)) / (1 - math.exp(-K * tau))
    first = DOSE / CL * (1 - math.exp(-K * tau))
    assert row["tau"] == tau
    assert row["auc_tau"] == pytest.approx(first * ratio, rel=1e-12)
    assert row["cavg"] == pytest.approx(first * ratio / tau, rel=1e-12)
    assert row["accumulation"] == pytest.approx(ratio, rel=1e-12)
    assert row["ctrough"] == pytest.approx(DOSE / V * ratio * math.exp(-K * tau), rel=1e-12)
    assert row["cmax"] == pytest.approx(DOSE / V * ratio, rel=1e-12)
    assert row["tmax"] == doses[-1]
    assert row["half_life"] == pytest.approx(LOG2 / K, rel=1e-12)
    # The jumps add no area: doses given and what is still to come make up the whole.
    assert row["auc_inf"] == pytest.approx(n * DOSE / CL, rel=1e-12)


def test_a_trough_at_a_dose_is_the_value_before_it():
    doses, time = [0.0, 12.0, 24.0], np.arange(0, 25.0)
    row = exposure(results(time, bolus(time, doses), doses=doses)).iloc[0]
    assert row["ctrough"] == pytest.approx(bolus([24.0], doses, at_dose=False)[0], rel=1e-12)
    assert row["auc_tau"] == pytest.approx(DOSE / CL * (1 - math.exp(-K * 24)), rel=1e-12)


def test_values_before_and_after_a_dose_are_used_where_both_are_given():
    doses = [0.0, 12.0, 24.0]
    time = np.sort(np.append(np.arange(0, 37.0), [12.0, 24.0]))
    curve = bolus(time, doses)
    for d in doses[1:]:
        i = int(np.flatnonzero(time == d)[0])
        curve[i] = bolus(time[i : i + 1], doses, at_dose=False)[0]
    row = exposure(results(time, curve, doses=doses)).iloc[0]
    assert row["auc_inf"] == pytest.approx(3 * DOSE / CL, rel=1e-12)
    assert row["ctrough"] == pytest.approx(curve[-1], rel=1e-12)


def test_a_curve_that_does_not_jump_is_left_as_it_is():
    time = np.linspace(0, 48, 961)
    curve = oral(time) + np.where(time >= 24, oral(np.maximum(time - 24, 0)), 0)
    row = exposure(results(time, curve, doses=[0.0, 24.0])).iloc[0]
    assert row["auc_last"] == pytest.approx(float(auc(time, curve)), rel=1e-14)
    assert row["accumulation"] == pytest.approx(1 + math.exp(-K * 24), rel=0.05)
    assert row["ctrough"] == curve[-1]


def test_doses_that_cannot_be_seen_whole_give_the_interval_before():
    doses, time = [0.0, 12.0, 24.0], np.arange(0, 31.0)
    row = exposure(results(time, bolus(time, doses), doses=doses)).iloc[0]
    ratio = (1 - math.exp(-K * 24)) / (1 - math.exp(-K * 12))
    assert row["accumulation"] == pytest.approx(ratio, rel=1e-12)


def test_an_interval_that_ends_between_observations_is_interpolated():
    time = np.array([0.0, 1.0, 5.0, 9.0, 13.0, 17.0, 21.0])
    row = exposure(results(time, bolus(time), doses=[0.0]), interval="12 h").iloc[0]
    assert row["auc_tau"] == pytest.approx(DOSE / CL * (1 - math.exp(-K * 12)), rel=1e-12)
    assert row["ctrough"] == pytest.approx(DOSE / V * math.exp(-K * 12), rel=1e-12)
    assert math.isnan(row["accumulation"])


def test_an_interval_never_seen_whole_is_unknown():
    time = np.arange(0, 6.0)
    row = exposure(results(time, bolus(time), doses=[0.0]), interval=12).iloc[0]
    assert row["tau"] == 12
    assert row[["auc_tau", "cavg", "ctrough", "accumulation"]].isna().all()


def test_without_doses_intervals_follow_one_another_from_the_start():
    time = np.arange(0, 37.0)
    curve = bolus(time, [0, 12, 24])
    row = exposure(results(time, curve), interval=0.5 * 24).iloc[0]
    assert row["ctrough"] == curve[-1]
    assert 1.2 < row["accumulation"] < 1.31


def test_after_leaves_out_what_was_before():
    doses, time = [0.0, 12.0, 24.0], np.arange(0, 37.0)
    whole = results(time, bolus(time, doses, jump=1.0), doses=doses)
    row = exposure(whole, after="1 day").iloc[0]
    assert row["tmax"] == 24
    assert row["auc_last"] == pytest.approx(row["auc_tau"], rel=1e-12)
    assert row["tau"] == 12
    assert math.isnan(row["accumulation"])
    assert row["auc_tau"] == pytest.approx(exposure(whole).iloc[0]["auc_tau"], rel=1e-12)


def test_a_loading_scheme_has_no_accumulation():
    doses, time = [0.0, 4.0, 16.0, 28.0], np.arange(0, 41.0)
    row = exposure(results(time, bolus(time, doses), doses=doses)).iloc[0]
    assert row["tau"] == 12
    assert math.isnan(row["accumulation"])
    assert row["auc_tau"] > 0


def test_doses_of_another_drug_can_be_left_aside():
    time = np.arange(0, 25.0)
    ds = results(time, bolus(time), doses=[0.0])
    other = {"experiment": "arm 0", "time": 20.0, "amount": 1.0, "unit": "mg", "target": "B", "duration": 0.0}
    ds.attrs["doses"] = json.dumps([*json.loads(ds.attrs["doses"]), other])
    assert exposure(ds).iloc[0]["n_points"] < 6
    assert exposure(ds, target="S").iloc[0]["n_points"] == 24


# ------------------------------------------------------------------------------------------------- arms, runs, units


def test_every_run_has_its_row_and_failed_ones_say_why():
    time = np.arange(0, 25.0)
    curves = np.stack([np.stack([bolus(time, jump=j) for j in row]) for row in [(1, 2, 3), (4, 5, 6)]])
    status = np.zeros((2, 3, 1), int)
    status[1, 0, 0] = 2
    messages = np.full((2, 3, 1), "", object)
    messages[1, 0, 0] = "too stiff"
    table = exposure(results(time, curves, arms=["low", "high"], status=status, messages=messages))
    assert table["experiment"].tolist() == ["low"] * 3 + ["high"] * 3
    assert table["subject"].tolist() == [0, 1, 2] * 2
    np.testing.assert_allclose(table["cmax"], [1, 2, 3, np.nan, 5, 6])
    assert table["reason"].tolist() == ["", "", "", "the run failed: too stiff", "", ""]
    assert table.iloc[3][["auc_last", "auc_inf", "half_life", "tmax"]].isna().all()


def test_arms_on_one_grid_use_their_own_times():
    time = np.arange(0, 25.0)
    curves = np.stack([bolus(time), np.where(time % 4 == 0, bolus(time), np.nan)])[:, None]
    table = exposure(results(time, curves))
    np.testing.assert_allclose(table["auc_inf"], DOSE / CL, rtol=1e-12)
    assert table["n_points"].tolist() == [24, 6]


def test_units_follow_the_results():
    time = np.arange(0, 5.0)
    table = exposure(results(time, bolus(time), unit="nmol/L", time_unit="day"))
    assert table["auc_unit"].tolist() == ["nmol*day/L"]
    assert exposure(results(time, bolus(time), unit=""))["auc_unit"].tolist() == ["h"]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"observables": "D"}, DataError, "no observable 'D'"),
        ({"interval": 0}, DataError, "dosing interval is not positive"),
        ({"interval": "12 mg"}, UnitError, "cannot be converted"),
        ({"blq": -1}, DataError, "limit of quantification of 'C' is not positive"),
        ({"lambda_z_points": 2}, DataError, "three points or more"),
    ],
)
def test_what_cannot_be_computed_is_refused(options, error, message):
    time = np.arange(0, 5.0)
    with pytest.raises(error, match=message):
        exposure(results(time, bolus(time)), **options)


@given(st.floats(1e-6, 1e6), st.floats(0.01, 3))
@settings(max_examples=30, deadline=None)
def test_exposure_is_proportional_to_the_dose(factor, ka):
    assume(abs(ka - K) > 0.01)
    time = np.linspace(0, 60, 61)
    one, many = (exposure(results(time, oral(time, ka) * f)).iloc[0] for f in (1.0, factor))
    for name in ("auc_last", "auc_inf", "cmax"):
        assert many[name] == pytest.approx(one[name] * factor, rel=1e-9)
    assert many["tmax"] == one["tmax"]
    assert many["half_life"] == pytest.approx(one["half_life"], rel=1e-9)


# -------------------------------------------------------------------------------------------------------- coarse times


@pytest.mark.parametrize("step", [0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 4.0, 6.0])
@pytest.mark.parametrize("ka", [0.3, 1.0, 4.0])
def test_what_is_off_by_more_than_a_hundredth_is_said(step, ka):
    time = np.arange(0.0, 96.0 + step / 2, step)
    row = exposure(results(time, oral(time, ka), doses=[0.0])).iloc[0]
    top = oral(math.log(ka / K) / (ka - K), ka)
    area = DOSE / V * ka / (ka - K) * (-math.expm1(-K * time[-1]) / K + math.expm1(-ka * time[-1]) / ka)
    off = max(abs(row["cmax"] / top - 1), abs(row["auc_last"] / area - 1))
    if off > 0.01:
        assert row["caution"]
    if step * ka <= 0.1:
        assert not row["caution"]


def test_the_caution_says_which_measure_and_by_how_much():
    time = np.arange(0.0, 97.0, 4.0)
    said = exposure(results(time, oral(time), doses=[0.0])).iloc[0]["caution"]
    assert "coarse times: areas change by" in said
    between = 1.0 / (1.0 + (time / 4.0 - 4.5) ** 2)
    row = exposure(results(time, between)).iloc[0]
    assert row["cmax"] == pytest.approx(0.8)
    assert "cmax may be" in row["caution"]


@pytest.mark.parametrize("step", [0.5, 4.0, 12.0])
def test_an_exponential_needs_no_fine_grid(step):
    time = np.arange(0.0, 72.0 + step / 2, step)
    doses = [0.0, 24.0, 48.0]
    table = exposure(results(time, bolus(time, doses), doses=doses))
    assert table["caution"].tolist() == [""]


def test_two_times_cannot_be_judged_and_nothing_needs_no_caution():
    assert "too few times" in exposure(results([0.0, 24.0], [5.0, 1.0]))["caution"][0]
    assert exposure(results([0.0, 24.0], [0.0, 0.0]))["caution"][0] == ""
    curves = np.stack([oral(np.arange(0.0, 49.0, 6.0)), np.full(9, np.nan)])
    assert [bool(c) for c in exposure(results(np.arange(0.0, 49.0, 6.0), curves))["caution"]] == [True, False]


def test_a_population_takes_little_time():
    time = np.linspace(0, 168, 170)
    rng = np.random.default_rng(0)
    curves = np.stack([bolus(time, 24 * np.arange(7), k=k) for k in rng.lognormal(np.log(K), 0.3, 1000)])
    ds = results(time, curves, doses=24 * np.arange(7))
    exposure(ds.isel(subject=[0]))  # what is imported on first use
    start = clock.process_time()
    exposure(ds)
    assert clock.process_time() - start < 0.3
