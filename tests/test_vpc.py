"""Visual predictive checks: percentiles against plain loops, intervals against theory, and a wrong model that shows."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pandas as pd
import pytest

import sbmlqsp as qsp
from sbmlqsp import plot
from sbmlqsp.errors import DataError
from sbmlqsp.vpc import simulate_records, vpc
from sbmlqsp.vpc.after_dose import time_after_dose
from sbmlqsp.vpc.bins import bin_edges, binned
from sbmlqsp.vpc.percentiles import percentiles_of
from tests.test_plot import assert_readable, bands, caption, curves, legend

INF = math.inf


def rows(subjects=30, times=(1.0, 2.0, 4.0)):
    frame = pd.DataFrame({"ID": np.repeat(range(1, subjects + 1), len(times)), "TIME": np.tile(times, subjects)})
    return frame.assign(TIME=frame["TIME"].astype(float))


def drawn(frame, draw, replicates=40):
    return pd.concat([frame.assign(REP=r, DV=draw(r)) for r in range(1, replicates + 1)], ignore_index=True)


def normal(frame, sd=2.0, seed=0):
    return lambda r: np.random.default_rng([seed, r]).normal(10, sd, len(frame))


@pytest.fixture(scope="module")
def pair():
    frame = rows()
    return frame.assign(DV=normal(frame)(0)), drawn(frame, normal(frame))


# ------------------------------------------------------------------------------------------------------- percentiles
def plainly(values, p):
    """Percentile by linear interpolation, one value at a time."""
    values = sorted(v for v in values if not math.isnan(v))
    place = (len(values) - 1) * p / 100
    k = min(int(place + 1e-9), len(values) - 1)
    share = place - k
    if share < 1e-9 or k + 1 == len(values):
        return values[k]
    low, high = values[k], values[k + 1]
    if math.isinf(low) or math.isinf(high):
        return low if low == -INF else high
    return low + share * (high - low)


def test_percentiles_are_those_of_plain_loops_also_beyond_limits():
    rng = np.random.default_rng(3)
    values = rng.normal(size=(50, 13))
    values[rng.random(values.shape) < 0.25] = -INF
    values[rng.random(values.shape) < 0.15] = INF
    values[rng.random(values.shape) < 0.1] = np.nan
    values[0] = np.nan
    levels = (2.5, 10, 50, 75, 97.5)
    found = percentiles_of(values, levels)
    assert np.isnan(found[:, 0]).all()
    exact = np.array([[plainly(row, p) for row in values[1:]] for p in levels])
    assert {-INF, INF} <= set(exact.ravel().tolist())
    np.testing.assert_allclose(found[:, 1:], exact, rtol=1e-12)
    clean = rng.normal(size=(4, 9))
    np.testing.assert_allclose(percentiles_of(clean, levels), np.percentile(clean, levels, axis=-1), rtol=1e-12)


def test_the_table_is_what_plain_loops_give(pair):
    observed, simulated = pair
    observed = observed.assign(SEX=np.where(observed["ID"] % 3, "M", "F"))
    table = vpc(observed, simulated, bins=[1, 3, 4], strata="SEX", percentiles=(10, 50, 90), confidence=0.9).percentiles
    assert len(table) == 2 * 2 * 3
    for row in table.to_dict("records"):
        inside = (observed["SEX"] == row["SEX"]) & ((observed["TIME"] < 3) == (row["bin"] == 1))
        assert row["n"] == inside.sum()
        assert row["time"] == observed.loc[inside, "TIME"].median()
        assert row["observed"] == pytest.approx(plainly(observed.loc[inside, "DV"], row["percentile"]), rel=1e-12)
        by = [plainly(one.loc[inside.to_numpy(), "DV"], row["percentile"]) for _, one in simulated.groupby("REP")]
        exact = [plainly(by, q) for q in (50, 5, 95)]
        assert [row["median"], row["low"], row["high"]] == pytest.approx(exact, rel=1e-12)
        assert row["outside"] == (not exact[1] <= row["observed"] <= exact[2])
        assert (row["caution"] != "") == (row["n"] * min(row["percentile"], 100 - row["percentile"]) < 100)


def test_intervals_of_normal_data_are_those_of_order_statistics():
    from scipy import stats

    frame = rows(31, times=np.arange(25.0))
    simulated = drawn(frame, normal(frame), replicates=400)
    edges = np.arange(26.0) - 0.5
    table = vpc(frame.assign(DV=normal(frame)(0)), simulated, bins=edges, percentiles=(10, 50, 90)).percentiles
    for level, k in ((10, 4), (50, 16), (90, 28)):  # the 4th, 16th and 28th of 31
        part = table[table["percentile"] == level]
        for column, q in (("low", 0.025), ("median", 0.5), ("high", 0.975)):
            exact = 10 + 2 * stats.norm.ppf(stats.beta.ppf(q, k, 32 - k))
            assert part[column].mean() == pytest.approx(exact, abs=0.05)
    # Of 75 percentiles each lies outside with probability 5 %, more or less independently: 3.75 ± 1.9.
    assert 0 < table["outside"].sum() <= 11


def test_twice_the_variability_shows():
    frame = rows(60, times=np.arange(10.0))
    observed = frame.assign(DV=normal(frame)(0))
    right = vpc(observed, drawn(frame, normal(frame)))
    wrong = vpc(observed, drawn(frame, normal(frame, sd=4.0)))
    assert right.outside < 0.2
    outer = wrong.percentiles[wrong.percentiles["percentile"] != 50]
    assert outer["outside"].mean() > 0.9
    assert (outer.loc[outer["percentile"] == 5, "observed"] > outer.loc[outer["percentile"] == 5, "high"]).mean() > 0.9
    assert wrong.percentiles.query("percentile == 50")["outside"].mean() < 0.2
    assert "true model about 1.5" in wrong.in_words()


def test_a_wrong_population_shows_and_the_right_one_does_not():
    """From a model and its population to the check."""
    model = qsp.read_antimony("model m; species S; S = 0; J: S -> ; k*S; k = 0.1; end")
    table = pd.DataFrame({"ID": np.repeat(range(1, 31), 4), "TIME": np.tile([0.0, 4.0, 8.0, 16.0], 30)})
    table = table.assign(AMT=np.where(table["TIME"] == 0, 100.0, 0.0), DV=np.where(table["TIME"] == 0, np.nan, 1.0))
    given = {"errors": qsp.ErrorModel(proportional=0.1), "compartments": "S", "observables": "S"}

    def who(cv):
        return qsp.Population({"k": 0.1}, variability={"k": qsp.Variability("log-normal", cv=cv)})

    blank = qsp.Records(table)
    once = simulate_records(model, blank, population=who(0.3), replicates=1, seed=9, **given)
    table.loc[table["TIME"] > 0, "DV"] = once["DV"].to_numpy()
    data = qsp.Records(table)
    right, wrong = (
        vpc(data, simulate_records(model, data, population=who(cv), replicates=40, seed=1, **given))
        for cv in (0.3, 0.9)
    )
    assert right.percentiles["outside"].sum() <= 1
    assert wrong.percentiles.query("percentile != 50")["outside"].sum() >= 4
    assert right.percentiles["time"].unique().tolist() == [4.0, 8.0, 16.0]


# --------------------------------------------------------------------------------------------------------- correction
def test_correction_by_hand():
    times = [1.0] * 5 + [2.0] * 5
    frame = pd.DataFrame({"ID": np.tile(range(5), 2), "TIME": times})
    pred = np.array([5, 10, 20, 10, 10, 1, 2, 3, 4, 8.0])  # medians 10 and 3
    observed = frame.assign(DV=np.array([6, 9, 22, 11, 8, 2, 2, 2, 2, 2.0]))
    simulated = drawn(frame, lambda r: pred * (1 + 0.01 * r), replicates=40).assign(PRED=np.tile(pred, 40))
    found = vpc(observed, simulated, corrected=True)
    exact = [12, 9, 11, 11, 8, 6, 3, 2, 1.5, 0.75]
    assert found.points["DV"].tolist() == pytest.approx(exact, rel=1e-12)
    table = found.percentiles[found.percentiles["percentile"] == 50]
    assert table["observed"].tolist() == pytest.approx([11, 2], rel=1e-12)
    # Every replicate is a multiple of its prediction: corrected, all its values are one.
    np.testing.assert_allclose(found.percentiles["median"], np.repeat([10, 3], 3) * 1.205, rtol=1e-12)
    added = vpc(observed, simulated, corrected="log")
    assert added.points["DV"].tolist() == pytest.approx([11, 9, 12, 11, 8, 4, 3, 2, 1, -3], rel=1e-12)
    in_logs = simulated.assign(DV=np.log(simulated["DV"]), PRED=np.log(simulated["PRED"]))
    logs = vpc(observed.assign(DV=np.log(observed["DV"])), in_logs, corrected="log")
    np.testing.assert_allclose(np.exp(logs.points["DV"]), exact, rtol=1e-12)


def test_what_cannot_be_corrected_is_refused(pair):
    observed, simulated = pair
    with pytest.raises(DataError, match="no predictions to correct by"):
        vpc(observed, simulated, corrected=True)
    zero = simulated.assign(PRED=np.where(simulated["TIME"] == 1, 0.0, 10.0))
    np.testing.assert_array_equal(vpc(observed, zero, corrected=True).points["DV"], observed["DV"])
    first = simulated.groupby("REP").cumcount() == 0
    for bad in (0.0, -1.0, 1e-12):
        with pytest.raises(DataError, match=r"0 or negative beside others.*subject 1.*time 1"):
            vpc(observed, simulated.assign(PRED=np.where(first, bad, 10.0)), corrected=True)
    with pytest.raises(DataError, match="A prediction is missing"):
        vpc(observed, simulated.assign(PRED=np.where(first, np.nan, 10.0)), corrected=True)
    with pytest.raises(DataError, match="PRED differs between replicates"):
        vpc(observed, simulated.assign(PRED=10.0 + simulated["REP"]), corrected=True)


# --------------------------------------------------------------------------------------------------------------- bins
def test_bins_are_the_best_of_all_cuts():
    rng = np.random.default_rng(5)
    for _ in range(5):
        times = np.round(rng.exponential(5, 60), 1)
        scaled = np.arcsinh(np.sort(times) / np.percentile(times[times != 0], 10))
        distinct = np.unique(times)

        def cost(cuts, scaled=scaled, times=times):
            parts = np.split(scaled, np.searchsorted(np.sort(times), cuts))
            return sum(((p - p.mean()) ** 2).sum() if len(p) >= 5 else INF for p in parts)

        best = min(itertools.combinations(distinct[1:], 2), key=cost)
        edges = bin_edges(times, 3)
        middle = [(distinct[distinct < c].max() + c) / 2 for c in best]
        assert edges.tolist() == pytest.approx([distinct[0], *middle, distinct[-1]], rel=1e-12)


def test_samples_around_nominal_times_are_found():
    rng = np.random.default_rng(6)
    nominal = np.array([0.25, 0.5, 1, 2, 4, 6, 8, 12, 24.0])
    times = (nominal * rng.uniform(0.93, 1.07, (20, 9)))[rng.random((20, 9)) < 0.8]
    edges = bin_edges([0.0] * 20 + times.tolist(), "auto", subjects=20)
    assert len(edges) == 11
    assert ((edges[1:-1][:, None] - np.array([0, *nominal[:-1]]) > 0).sum(axis=1) == np.arange(1, 10)).all()
    exact = bin_edges(np.tile([0.0, 1.0, 24.0, 168.0], 10), "auto", subjects=10)
    assert exact.tolist() == [0.0, 0.5, 12.5, 96.0, 168.0]
    stray = bin_edges(np.concatenate([np.tile([0.0, 1.0, 24.0], 10), [9.0]]), "auto", subjects=10)
    assert len(stray) == 4
    # Where half the subjects come a little later, their samples stay together; of half as many subjects they are two.
    halves = np.concatenate([np.tile([0.5, 1.0, 24.0], 10), np.tile([0.6, 1.0, 24.0], 10)])
    assert bin_edges(halves, "auto", subjects=20).tolist() == [0.5, 0.8, 12.5, 24.0]
    assert len(bin_edges(halves, "auto", subjects=10)) == 5


def test_many_times_and_one_time_have_bins():
    many = bin_edges(np.random.default_rng(7).uniform(0, 24, 5000), "auto", subjects=500)
    assert 5 <= len(many) - 1 <= 20
    one = bin_edges([3.0] * 8, "auto", subjects=8)
    assert one.tolist() == [3.0, 3.0]
    assert binned([3.0], one).tolist() == [0]
    assert binned([0, 1, 2, 3], [0, 1, 3]).tolist() == [0, 1, 1, 1]
    down = bin_edges(np.repeat([-2.0, -1.0, 0.0, 5.0], 6), "auto", subjects=6)
    assert len(down) == 5


@pytest.mark.parametrize(
    ("bins", "said"),
    [
        ("quantile", "No such choice of bins"),
        (0, "There is no bin"),
        (20, "20 bins would leave fewer than 5 observations in one"),
        ([1, 2, 2, 4], "edges of bins are not usable"),
        ([1.0], "edges of bins are not usable"),
        ([0, 3], "30 observations lie outside the bins.*got 4"),
        (None, "edges of bins are not usable"),
    ],
)
def test_bins_that_hold_too_little_are_refused(pair, bins, said):
    with pytest.raises(DataError, match=said):
        vpc(*pair, bins=bins)


def test_a_bin_of_few_observations_is_named(pair):
    observed, simulated = pair
    some = (observed["TIME"] < 4) | (observed["ID"] < 4)
    kept = simulated[np.tile(some, 40)]
    strata = observed.assign(SEX="F")[some]
    with pytest.raises(DataError, match=r"A bin has 3 observations \(got \(3.0, 5.0\)\), in SEX F"):
        vpc(strata, kept, bins=[1, 3, 5], strata="SEX")
    with pytest.raises(DataError, match=r"too few observations for percentiles.*got 4"):
        vpc(observed[:4], simulated[np.tile(observed.index < 4, 40)])


# ------------------------------------------------------------------------------------------------------------- limits
def test_values_below_the_limit_count_as_lowest(pair):
    observed, simulated = pair
    found = vpc(observed, simulated, lloq=9.0, bins=1, percentiles=(5, 50, 95))
    low = observed["DV"] < 9
    by = simulated.groupby("REP")["DV"].apply(lambda v: float((v < 9).mean()))
    (row,) = found.censored.to_dict("records")
    assert (row["side"], row["observed"], row["limit"]) == ("below", pytest.approx(low.mean()), 9.0)
    assert [row["median"], row["low"], row["high"]] == pytest.approx([plainly(by, q) for q in (50, 2.5, 97.5)])
    table = found.percentiles
    assert table["observed"].tolist()[0] == -INF
    assert (table.loc[0, ["median", "low", "high"]] == -INF).all()
    assert table.loc[1, "observed"] == pytest.approx(observed["DV"].median())
    assert (found.points["side"] == "below").tolist() == low.tolist()
    assert (found.points.loc[low, "DV"] == 9).all()
    # A censored record says no more than its limit, so it makes no difference what else DV may have been.
    censored = observed.assign(CENS=low.astype(int), DV=np.where(low, 9.0, observed["DV"]))
    for same in (vpc(censored, simulated, bins=1), vpc(censored.assign(LLOQ=9.0), simulated, bins=1)):
        pd.testing.assert_frame_equal(same.percentiles, table)
        pd.testing.assert_frame_equal(same.censored, found.censored)


def test_values_above_a_limit_and_limits_by_dvid(pair):
    observed, simulated = (t.assign(DVID=np.where(t["ID"] % 2, 1, 2)) for t in pair)
    found = vpc(observed, simulated, uloq={1: 12.0}, bins=1)
    assert found.strata == ("DVID",)
    (row,) = found.censored.to_dict("records")
    assert (row["DVID"], row["side"], row["limit"]) == (1, "above", 12.0)
    assert row["observed"] == pytest.approx((observed.loc[observed["DVID"] == 1, "DV"] > 12).mean())
    assert found.percentiles.loc[2, "observed"] == INF
    assert np.isfinite(found.percentiles.loc[3:, "observed"]).all()
    with pytest.raises(DataError, match="DVID that is not observed"):
        vpc(observed, simulated, uloq={3: 12.0})
    with pytest.raises(DataError, match="lower limit of quantification is not below"):
        vpc(observed, simulated, lloq=12.0, uloq=12.0)
    with pytest.raises(DataError, match="Lloq is no number"):
        vpc(observed, simulated, lloq="1")


def test_limits_that_are_not_known_are_refused(pair):
    observed, simulated = pair
    low = observed["DV"] < 9
    assert low.sum() > 2
    limits = np.where(low.cumsum() > 1, 9.0, 8.0)
    two = observed.assign(CENS=low.astype(int), DV=np.where(low, limits, observed["DV"]))
    with pytest.raises(DataError, match="censored at 2 limits"):
        vpc(two, simulated)
    assert len(vpc(two.assign(LLOQ=limits), simulated, bins=1).censored) == 1
    with pytest.raises(DataError, match=r"censored at another limit than is given \(got 9.0\).*Expected: lloq = 8.5"):
        vpc(two, simulated, lloq=8.5)
    assert len(vpc(two, simulated, lloq=9.0).censored)
    first = observed.assign(CENS=(low & (low.cumsum() == 1)).astype(int))
    first.loc[first["CENS"] == 1, "DV"] = 9.0
    with pytest.raises(DataError, match="beyond the limit at which others are censored"):
        vpc(first, simulated)
    with pytest.raises(DataError, match="An observation has no DV"):
        vpc(observed.assign(DV=np.where(low, np.nan, observed["DV"])), simulated)


# ------------------------------------------------------------------------------------------------------------ refusals
def test_rows_must_be_those_observed(pair):
    observed, simulated = pair
    assert vpc(observed, simulated.sample(frac=1, random_state=1).sort_values(["ID", "TIME", "REP"])).replicates == 40
    with pytest.raises(DataError, match="The TIME of a simulated row is not that of the row observed"):
        vpc(observed, simulated.assign(TIME=np.where(simulated.index == 100, 3.0, simulated["TIME"])))
    with pytest.raises(DataError, match=r"The ID of a simulated row .*got 30\), in replicate 1, row 1. Expected: 1"):
        vpc(observed, simulated[::-1])
    with pytest.raises(DataError, match="Replicate 2 has 89 rows, and 90 were observed"):
        vpc(observed, simulated.drop(index=100))
    with pytest.raises(DataError, match="no column 'REP'"):
        vpc(observed, simulated.drop(columns="REP"))
    with pytest.raises(DataError, match="measured data are no data set"):
        vpc(3, simulated)
    with pytest.raises(DataError, match="no observation"):
        vpc(observed.assign(MDV=1), simulated)


def test_too_few_replicates_are_refused(pair):
    observed, simulated = pair
    with pytest.raises(DataError, match=r"too few replicates for the intervals \(got 39\). Expected: 40"):
        vpc(observed, simulated[simulated["REP"] < 40])
    assert vpc(observed, simulated[simulated["REP"] < 21], confidence=0.9).replicates == 20
    with pytest.raises(DataError, match="Expected: 20"):
        vpc(observed, simulated[simulated["REP"] < 20], confidence=0.5)


def test_failed_subjects_are_left_out_and_counted_or_refused(pair):
    observed, simulated = pair
    gone = simulated["ID"].eq(7) & simulated["REP"].isin([3, 5])
    found = vpc(observed, simulated.assign(DV=simulated["DV"].mask(gone)))
    assert found.failed == 2
    np.testing.assert_array_equal(found.percentiles["observed"], vpc(observed, simulated).percentiles["observed"])
    assert np.isfinite(found.percentiles[["median", "low", "high"]]).all(axis=None)
    with pytest.raises(DataError, match="80 of 1200 simulated subjects failed"):
        vpc(observed, simulated.assign(DV=simulated["DV"].mask(simulated["ID"] < 3)))
    with pytest.raises(DataError, match=r"simulated DV is infinite.*replicate 2"):
        vpc(observed, simulated.assign(DV=np.where(simulated.index == 100, INF, simulated["DV"])))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"percentiles": (50, 5)}, "percentiles are not usable"),
        ({"percentiles": (0, 50)}, "percentiles are not usable"),
        ({"percentiles": ()}, "percentiles are not usable"),
        ({"percentiles": 50}, "percentiles are not usable"),
        ({"confidence": 95}, "confidence is no share"),
        ({"corrected": "ratio"}, "No such correction"),
        ({"strata": "SEX"}, "no column 'SEX'"),
        ({"strata": "ID"}, "30 strata are too many"),
        ({"time": "TAD"}, "no column 'TAD'"),
    ],
)
def test_what_cannot_be_meant_is_refused(pair, options, said):
    with pytest.raises(DataError, match=said):
        vpc(*pair, **options)


def test_a_stratum_that_is_missing_is_refused(pair):
    observed, simulated = pair
    with pytest.raises(DataError, match=r"stratum 'SEX' is missing.*subject 1"):
        vpc(observed.assign(SEX=None), simulated, strata="SEX")


# ---------------------------------------------------------------------------------------------------- time after dose
def test_time_after_dose_counts_from_each_dose_in_turn():
    data = qsp.read_nonmem(
        "ID,TIME,AMT,II,ADDL,SS,EVID,DV\n"
        "1,-1,0,0,0,0,0,1\n1,0,9,12,3,0,1,.\n1,0,0,0,0,0,0,1\n1,12,0,0,0,0,0,1\n1,20,0,0,0,0,0,1\n1,40,0,0,0,0,0,1\n"
        "1,60,0,0,0,0,0,1\n1,60,9,0,0,0,1,.\n1,61,0,0,0,0,0,1\n"
        "2,0,9,12,9,0,1,.\n2,13,0,0,0,0,3,.\n2,30,0,0,0,0,0,1\n2,40,9,24,0,1,1,.\n2,70,0,0,0,0,0,1\n"
        "3,1,0,0,0,0,0,1\n"
    )
    found = dict(zip(data.table["LINE"], time_after_dose(data.table), strict=True))
    seen = {k: v for k, v in found.items() if data.table.set_index("LINE").loc[k, "EVID"] == 0}
    exact = [-1, 0, 0, 8, 4, 24, 1, -10, 30, math.nan]
    np.testing.assert_allclose(list(seen.values()), exact, atol=1e-12)
    table = data.table.assign(DV=1.0)
    replicates = drawn(table[table["EVID"] == 0][["ID", "TIME"]].reset_index(drop=True), lambda r: np.full(10, 1.0))
    with pytest.raises(DataError, match=r"no TAD: its subject has no dose.*subject 3"):
        vpc(data, replicates, time="TAD")
    checked = vpc(data.select([1, 2]), replicates[replicates["ID"] < 3], time="TAD", bins=1)
    assert sorted(checked.points["TIME"]) == sorted(exact[:-1])


# ------------------------------------------------------------------------------------------------------------ figures
def test_the_figure_shows_points_percentiles_and_intervals(pair):
    found = vpc(*pair)
    fig = plot.vpc(found, title="Check", ylabel="Drug")
    (ax,) = fig.axes
    assert_readable(fig)
    assert len(bands(ax)) == 3
    lines = [c for c in curves(ax) if len(c.get_xdata()) == 3 and c.get_marker() == "None"]
    for line, level in zip(lines, found.levels, strict=True):
        part = found.percentiles.groupby("percentile").get_group(level)
        np.testing.assert_array_equal(line.get_ydata(), part["observed"])
        np.testing.assert_array_equal(line.get_xdata(), part["time"])
    for band, level in zip(bands(ax), found.levels, strict=True):
        corners = band.get_paths()[0].vertices[:, 1]
        part = found.percentiles.groupby("percentile").get_group(level)
        assert (corners.min(), corners.max()) == (part["low"].min(), part["high"].max())
    assert ax.get_ylabel() == "Drug"
    assert "90 observations, 40 replicates" in caption(fig)
    assert "Observed median" in legend(fig)


def test_the_figure_of_censored_strata_has_shares_below(pair):
    observed, simulated = pair
    observed = observed.assign(SEX=np.where(observed["ID"] % 2, "F", "M"), DVID=1)
    observed.attrs["units"] = {"TIME": "h", "DV": "mg/L"}
    found = vpc(observed, simulated, strata="SEX", lloq=8.5, uloq=13.0)
    assert found.censored["side"].nunique() == 2
    fig = plot.vpc(found, log=True)
    assert_readable(fig)
    assert len(fig.axes) == 6
    assert [a.get_title(loc="left") for a in fig.axes[:2]] == ["SEX F", "SEX M"]
    assert fig.axes[0].get_ylim() == fig.axes[1].get_ylim()
    assert fig.axes[0].get_ylabel() == "Measured value (mg/L)"
    assert fig.axes[4].get_xlabel() == "Time (h)"
    part = found.censored.query("SEX == 'F' and side == 'below'")
    np.testing.assert_allclose(curves(fig.axes[2])[0].get_ydata(), 100 * part["observed"], rtol=1e-12)
    assert "Triangles" in caption(fig)
    assert "rest on the most extreme" in caption(fig)


def test_a_percentile_outside_has_a_mark(pair):
    observed, simulated = pair
    found = vpc(observed.assign(DV=observed["DV"] + 5), simulated)
    fig = plot.vpc(found)
    marks = [line for line in fig.axes[0].lines if line.get_marker() == "D"]
    assert sum(len(m.get_xdata()) for m in marks) == found.percentiles["outside"].sum() > 5
    assert "Outside" in legend(fig)
    one = vpc(observed, simulated, bins=1, corrected=False)
    assert np.ptp(bands(plot.vpc(one).axes[0])[0].get_paths()[0].vertices[:, 0]) > 0


# -------------------------------------------------------------------------------------------------------------- studies
STUDY = """[study]
id = "checked"
[model]
file = "m.ant"
[simulation]
times = [0, 1, 5]
seed = 4
[changes]
d = 0.5
[population]
file = "population.toml"
size = 3
[[observables]]
id = "C"
formula = "S/10"
[[arms]]
id = "one"
regimen = "100 into S"
[[vpc]]
id = "check"
title = "Check"
file = "data.csv"
columns = { DV = "conc" }
compartments = "S"
errors = { C = { proportional = 0.2 } }
replicates = 20
confidence = 0.9
percentiles = [25, 50, 75]
lloq = { 1 = 0.5 }
[output]
formats = ["svg"]
"""


@pytest.fixture
def study(tmp_path):
    (tmp_path / "m.ant").write_text("model m; species S; S = 0; k = 0.1; d = 1; J: S -> ; k*d*S; end", encoding="utf-8")
    (tmp_path / "population.toml").write_text(
        '[parameters]\nk = "k_pop"\n[typical]\nk_pop = 0.2\n[variability.k]\nkind = "log-normal"\ncv = 0.3\n', "utf-8"
    )
    lines = [f"{i},0,100,.\n{i},2,.,{8 + i / 10}\n{i},20,.,{1 + i / 10}\n" for i in range(1, 9)]
    (tmp_path / "data.csv").write_text("ID,TIME,AMT,conc\n" + "".join(lines), encoding="utf-8")
    (tmp_path / "study.toml").write_text(STUDY, encoding="utf-8")
    return tmp_path / "study.toml"


def test_a_study_checks_its_population_and_repeats(study):
    from sbmlqsp.study import run_study

    out = run_study(study, output=study.parent / "out")
    found = pd.read_csv(out / "figures" / "check.csv")
    data = qsp.read_nonmem(study.parent / "data.csv", columns={"DV": "conc"})
    model = qsp.read_antimony(study.parent / "m.ant")
    who = qsp.read_population(study.parent / "population.toml")
    drawn = simulate_records(
        model, data, population=who, errors=qsp.ErrorModel(proportional=0.2), compartments="S", observables="S/10",
        parameters={"d": 0.5}, replicates=20, seed=4,
    )  # fmt: skip
    exact = vpc(data, drawn, confidence=0.9, percentiles=(25, 50, 75), lloq=0.5).percentiles
    columns = ["bin", "n", "percentile", "observed", "median", "low", "high", "outside"]
    pd.testing.assert_frame_equal(found[columns], exact[columns], rtol=1e-9)
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "<h2>Visual predictive check</h2>" in page
    assert "observed percentiles lie outside" in page
    again = run_study(out / "lock.json", output=study.parent / "again")
    assert (again / "figures" / "check.svg").read_bytes() == (out / "figures" / "check.svg").read_bytes()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('file = "population.toml"\nsize = 3', "", "needs a population"),
        ("errors = { C = { proportional = 0.2 } }", "", "'C' has no residual error"),
        ("errors = { C =", "errors = { D =", "no observable 'D'"),
        ("proportional = 0.2", "proportion = 0.2", "no key 'proportion'"),
        ("proportional = 0.2", "proportional = -0.2", "not a standard deviation"),
        ("replicates = 20", "replicate = 20", "no key 'replicate'"),
        ('compartments = "S"', 'compartments = "S"\nobservables = { 1 = "B" }', "no observable 'B'"),
        ('file = "data.csv"', 'file = "dat.csv"', "dat.csv"),
        ("replicates = 20", "replicates = 10", "too few replicates for the intervals"),
    ],
)
def test_a_study_that_cannot_be_meant_is_refused(study, old, new, said):
    from sbmlqsp.study import run_study

    assert old in STUDY
    study.write_text(STUDY.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(qsp.QSPError, match=said):
        run_study(study, output=study.parent / "out")
