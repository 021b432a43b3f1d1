"""Target attainment: closed forms, exact intervals, and refusals instead of numbers that nobody should trust."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy.stats import beta, binom, norm

from sbmlqsp.analysis.attainment import attainment, fraction_of_response, pta_breakpoint
from sbmlqsp.analysis.target import Target
from sbmlqsp.errors import DataError
from sbmlqsp.exposure import exposure
from sbmlqsp.plot.attainment import attainment as attainment_figure
from sbmlqsp.results import make_dataset
from sbmlqsp.results.intervals import clopper_pearson
from tests.test_plot import assert_readable, caption

RATES = np.linspace(0.05, 0.6, 40)


def falling(rates=RATES, *, step=0.25, tau=8.0, count=3, peak=16.0, status=None):
    """Return curves peak·exp(-k·t), begun anew at each dose."""
    time = np.arange(0, count * tau + step / 2, step)
    since = np.where(time == count * tau, tau, time % tau)
    curves = peak * np.exp(-np.asarray(rates)[:, None] * since)
    doses = [{"experiment": "A", "time": k * tau, "amount": 1.0, "unit": "mg", "target": "S"} for k in range(count)]
    return make_dataset({"C": curves[None, :, None, :]}, experiments=["A"], subjects=list(range(len(rates))),
                        replicates=[0], time=time, time_unit="h", units={"C": "mg/L"}, doses=doses,
                        status=status)  # fmt: skip


# ------------------------------------------------------------------------------------------------------- closed forms
def test_attainment_of_a_log_normal_peak_is_the_normal_distribution_function():
    n, sd, threshold = 4000, 0.4, 12.0
    z = norm.ppf((np.arange(n) + 0.5) / n)  # a sample without chance
    table = pd.DataFrame({"experiment": "A", "subject": range(n), "observable": "C", "conc_unit": "mg/L",
                          "cmax": 10 * np.exp(sd * z), "caution": "", "reason": ""})  # fmt: skip
    row = attainment(table, Target("cmax", at_most=threshold)).iloc[0]
    truth = norm.cdf(math.log(threshold / 10) / sd)
    assert row["pta"] == pytest.approx(truth, abs=1 / n)
    assert row["pta_low"] < truth < row["pta_high"]
    assert row["pta_low"] == pytest.approx(beta.ppf(0.025, row["n_attained"], n - row["n_attained"] + 1), rel=1e-9)


@pytest.mark.parametrize(("k", "n"), [(0, 12), (3, 12), (12, 12), (250, 1000)])
def test_the_interval_is_where_the_binomial_tails_are_half_of_what_is_left(k, n):
    low, high = clopper_pearson(k, n, 0.9)
    if k:
        assert binom.sf(k - 1, n, low) == pytest.approx(0.05, rel=1e-9)
    if k < n:
        assert binom.cdf(k, n, high) == pytest.approx(0.05, rel=1e-9)


def test_time_above_a_mic_of_an_exponential_is_its_closed_form():
    mics, unbound = np.array([0.3, 1.0, 4.0, 7.9]), 0.5
    table = attainment(falling(), Target("time_above", at_least=0.5, unbound=unbound), mic=mics, max_unsure=0.0)
    share = np.clip(np.log(16 * unbound / mics)[:, None] / RATES / 8.0, 0, 1)
    assert table["n_attained"].tolist() == (share >= 0.5).sum(axis=1).tolist()
    assert 0 < table["pta"].iloc[2] < 1  # else the test shows nothing
    assert table["error"].max() < 1e-12
    assert table["index"].iloc[0] == "fT>MIC ≥ 50 %"


def test_time_above_counts_in_the_last_whole_interval():
    ds = falling([0.2], count=4)
    ds["C"][..., ds["time"] < 16] = 0.1  # before it, far below
    table = attainment(ds.sel(time=slice(0, 31)), Target("time_above", at_least=0.5), mic=4.0)
    assert table["n_attained"].item() == 1  # 16 to 24 h: ln(4)/0.2 = 6.9 of 8 h
    assert attainment(ds, Target("time_above", at_least=0.5), mic=4.0, interval="16 h", after="8 h")["pta"].item() == 1


def test_a_straight_rise_crosses_where_it_does():
    time = np.arange(11.0)
    ds = make_dataset({"C": (time * 1.0)[None, None, None]}, experiments=["A"], subjects=[1], replicates=[0], time=time,
                      time_unit="h", units={"C": "mg/L"})  # fmt: skip
    goals = [0.64, 0.66]  # above 3.5 from 3.5 to 10 h: 0.65
    table = attainment(ds, Target("time_above", at_least=goals), mic=3.5, interval=10.0)
    assert table["pta"].tolist() == [1.0, 0.0]


def test_indices_over_mic_are_the_measures_divided():
    ds = falling()
    auc = exposure(ds, "C")["auc_tau"].to_numpy()
    table = attainment(ds, Target("auc_tau", at_least="30 h", unbound=0.4), mic=[0.5, 1.0])
    assert table["n_attained"].tolist() == [int((0.4 * auc / m >= 30).sum()) for m in (0.5, 1.0)]
    assert 0 < table["n_attained"].iloc[1] < table["n_attained"].iloc[0] < 40
    same = attainment(ds, Target("auc_tau", at_least=1800 / 60, unbound=0.4), mic=[0.5, 1.0])
    assert same["pta"].tolist() == table["pta"].tolist()
    minutes = attainment(ds, Target("auc_tau", at_least="1800 min", unbound=0.4), mic=[0.5, 1.0])
    assert minutes["pta"].tolist() == table["pta"].tolist()
    grams = attainment(ds, Target("auc_tau", at_least="0.04 g*h/L"))
    assert grams["n_attained"].item() == int((auc >= 40).sum())


def test_breakpoints_and_fractions_of_response():
    table = attainment(falling(), Target("time_above", at_least=0.5), mic=[0.25, 0.5, 1, 2, 4, 8])
    found = pta_breakpoint(table, at_least=0.8).iloc[0]
    good = table[table["pta"] >= 0.8]["mic"]
    assert found["breakpoint"] == good.max()
    assert found["breakpoint_sure"] < found["breakpoint"]
    assert pta_breakpoint(table[table["mic"] <= 0.5], at_least=0.5)["open"].item()
    assert math.isnan(pta_breakpoint(table[table["mic"] >= 8], at_least=0.99)["breakpoint"].item())
    weights = {0.5: 20, 4: 60}
    pta = table.set_index("mic")["pta"]
    cfr = fraction_of_response(table, weights).iloc[0]
    assert cfr["cfr"] == pytest.approx(0.25 * pta[0.5] + 0.75 * pta[4])
    assert cfr["cfr_low"] < cfr["cfr"] < cfr["cfr_high"]


def test_a_breakpoint_needs_every_lower_mic():
    table = pd.DataFrame({"experiment": "A", "mic": [4.0, 1.0, 2.0], "pta": [0.95, 0.95, 0.5],
                          "pta_low": [0.9, 0.9, 0.4], "conc_unit": "mg/L"})  # fmt: skip
    assert pta_breakpoint(table)["breakpoint"].item() == 1.0


# ----------------------------------------------------------------------------------------------- what nobody may trust
def test_failed_runs_count_against_the_share_and_widen_its_interval():
    status = np.zeros((1, 40, 1), int)
    status[0, :2] = 3
    mics, target = [1.0], Target("time_above", at_least=0.5)
    whole = attainment(falling(), target, mic=mics).iloc[0]
    some = attainment(falling(status=status), target, mic=mics).iloc[0]
    assert (some["n"], some["n_lost"]) == (40, 2)
    assert some["n_attained"] == whole["n_attained"] - 2  # these two had met it
    assert some["pta"] == some["n_attained"] / 40
    assert some["pta_high"] == whole["pta_high"]  # had they met it
    assert some["pta_low"] < whole["pta_low"]
    status[0, :3] = 3
    with pytest.raises(DataError, match="3 of 40 runs failed"):
        attainment(falling(status=status), target, mic=mics)
    assert attainment(falling(status=status), target, mic=mics, max_unsure=0.1)["n_lost"].item() == 3


def test_coarse_times_are_refused_where_they_leave_targets_undecided():
    time = np.array([0.0, 2.0, 4.0, 6.0, 8.0])
    rates = np.linspace(0.5, 3, 40)
    curves = 10 * rates[:, None] / (rates[:, None] - 0.3) * (np.exp(-0.3 * time) - np.exp(-rates[:, None] * time))
    ds = make_dataset({"C": curves[None, :, None, :]}, experiments=["A"], subjects=list(range(40)), replicates=[0],
                      time=time, time_unit="h", units={"C": "mg/L"})  # fmt: skip
    with pytest.raises(DataError, match=r"too coarse.*more output times"):
        attainment(ds, Target("time_above", at_least=0.6), mic=2.6, interval="8 h")
    with pytest.raises(DataError, match="too coarse"):
        attainment(ds, Target("cmax", at_least=6.0))
    loose = attainment(ds, Target("cmax", at_least=6.0), max_unsure=0.99).iloc[0]
    assert loose["n_close"] > 0
    assert loose["error"] > 0.01
    # Undecided runs widen the interval beyond that of the binomial distribution, on both sides.
    low, high = clopper_pearson(loose["n_attained"], 40, 0.95)
    assert loose["pta_low"] < low
    assert loose["pta_high"] > high
    table = exposure(ds, "C")
    assert table["caution"].str.contains("cmax").any()
    with pytest.raises(DataError, match="too coarse"):
        attainment(table, Target("cmax", at_least=6.0))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"mic": None}, "time above what"),
        ({"mic": [1, -1]}, "not a positive number"),
        ({"mic": [1, 1]}, "given twice"),
        ({"observable": "D"}, "no observable 'D'"),
        ({"confidence": 95}, "confidence is not a share"),
        ({"interval": "100 h"}, "no dosing interval was observed whole"),
        ({"interval": -1.0}, "not positive"),
        ({"interval": "7.9 h"}, "between output times"),
    ],
)
def test_wrong_questions_are_refused(options, words):
    with pytest.raises(DataError, match=f"(?i){words}"):
        attainment(falling(), Target("time_above", at_least=0.5), **({"mic": 1.0} | options))


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ({"measure": "cmix", "at_least": 1}, "did you mean 'cmax'"),
        ({"measure": "cmax"}, "no goal"),
        ({"measure": "cmax", "at_least": 1, "at_most": 2}, "two"),
        ({"measure": "time_above", "at_least": 40}, "beyond 1"),
        ({"measure": "cmax", "at_least": -1}, "not usable"),
        ({"measure": "cmax", "at_least": 1, "unbound": 1.2}, "no fraction"),
    ],
)
def test_wrong_targets_are_refused(target, words):
    with pytest.raises(DataError, match=f"(?i){words}"):
        Target(target.pop("measure"), **target)


def test_what_would_be_misread_is_refused():
    ds = falling()
    days = ds.assign_coords(time=("time", ds["time"].to_numpy() / 24, {"units": "day"}))
    with pytest.raises(DataError, match="not the hour"):
        attainment(days, Target("auc_tau", at_least=125), mic=1.0, interval=8 / 24)
    two = ds.isel(replicate=[0, 0]).assign_coords(replicate=[0, 1])
    with pytest.raises(DataError, match="not independent"):
        attainment(two, Target("cmax", at_least=1))
    with pytest.raises(DataError, match="give results"):
        attainment(exposure(ds, "C"), Target("time_above", at_least=0.5), mic=1)
    before = ds.assign_attrs(provenance='{"inputs": {"experiments": [{"id": "A", "at_dose": "before"}]}}')
    with pytest.raises(DataError, match="before the dose"):
        attainment(before, Target("time_above", at_least=0.5), mic=1)
    table = attainment(ds, Target("time_above", at_least=0.5), mic=[1.0, 2.0])
    with pytest.raises(DataError, match="lacks a MIC"):
        fraction_of_response(table, {1: 1, 3: 1})
    with pytest.raises(DataError, match="not usable"):
        fraction_of_response(table, {1: -1})
    with pytest.raises(DataError, match="no MICs"):
        pta_breakpoint(attainment(ds, Target("cmax", at_least=1)))


# ------------------------------------------------------------------------------------------------------------- figures
def test_the_figure_shows_shares_intervals_and_where_they_come_from():
    mics = [0.0625, 0.125, 0.25, 0.5, 1, 2, 4, 8, 16]
    table = attainment(falling(), Target("time_above", at_least=0.4, unbound=0.8), mic=mics)
    table = pd.concat([table, table.assign(experiment="B", n_lost=1)])
    fig = attainment_figure(table, distribution={0.5: 3, 1: 5, 2: 1}, title="Attainment")
    assert_readable(fig)
    ax = fig.axes[0]
    assert ax.get_xlabel() == "MIC (mg/L)"
    assert [t.get_text() for t in ax.get_xticklabels()][:3] == ["0.0625", "0.125", "0.25"]
    np.testing.assert_allclose(ax.lines[0].get_ydata(), 100 * table["pta"].to_numpy()[:9])
    assert "95 % interval (Clopper–Pearson), of 40 subjects per arm" in caption(fig)
    assert "1 failed runs" in caption(fig)
    goals = attainment(falling(), Target("cmax", at_least=[12, 16.5]))
    assert attainment_figure(goals).axes[0].get_xlabel() == "Goal (mg/L)"
    with pytest.raises(DataError, match="no curve"):
        attainment_figure(goals.iloc[:1])
