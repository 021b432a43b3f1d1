"""Many cells: noise, survival, shares by fate and dose, fitted laws, and their figures, against closed forms."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import sbmlqsp as qsp
from sbmlqsp import plot
from sbmlqsp.catalogue import ProvisionalModelWarning
from sbmlqsp.ensembles import (
    by_fate,
    dose_kill_curve,
    fano,
    fit_distribution,
    killed,
    moments,
    noise,
    survival,
)
from sbmlqsp.ensembles.shares import share_of
from sbmlqsp.results import make_dataset

RUN = ("experiment", "subject", "replicate")


def ends(time, fate=None, *, end=10.0, status=None, arms=None, declared=None, doses=()):
    """Return results of cells that end at times of shape (experiments, subjects, cells), NaN for never."""
    time = np.asarray(time, dtype=float)
    fate = np.where(np.isnan(time), "", "dead") if fate is None else np.asarray(fate)
    grid = np.linspace(0.0, end, 11)
    alive = np.where(np.isnan(time), np.inf, time)[..., None] > grid
    lost = np.zeros(time.shape, int) if status is None else np.asarray(status)
    arms = arms or [f"arm {i}" for i in range(len(time))]
    arm_fates = [{"id": a, "fates": dict.fromkeys(declared, "")} for a in arms] if declared is not None else []
    ds = make_dataset(
        {"s": np.where(alive & (lost == 0)[..., None], 1.0 + grid, np.nan)}, experiments=arms,
        subjects=list(range(1, time.shape[1] + 1)), replicates=list(range(1, time.shape[2] + 1)), time=grid,
        time_unit="h", units={"s": "item"}, status=lost, doses=doses,
        provenance=json.dumps({"inputs": {"experiments": arm_fates}}),
    )  # fmt: skip
    return ds.assign(fate=(RUN, fate.astype(object)), fate_time=(RUN, time, {"units": "h"}))


def counts(values, *, unit="item", name="n", status=None):
    """Return results of one arm at one time, of shape (subjects, cells)."""
    x = np.asarray(values, dtype=float)[None, :, :, None]
    return make_dataset({name: x}, experiments=["A"], subjects=list(range(x.shape[1])),
                        replicates=list(range(x.shape[2])), time=[5.0], time_unit="h", units={name: unit},
                        status=status)  # fmt: skip


# -------------------------------------------------------------------------------------------------------------- shares
def test_one_subject_has_the_interval_of_clopper_and_pearson():
    for hits, n in ((0, 12), (5, 12), (12, 12)):
        found, right = share_of(np.array([hits]), np.array([n])), stats.binomtest(hits, n).proportion_ci(0.95)
        assert (found.low, found.high) == pytest.approx((right.low, right.high), abs=1e-12)
        assert found.std_error == pytest.approx(np.sqrt(hits / n * (1 - hits / n) / n))


def test_cells_of_unlike_subjects_are_worth_fewer():
    alike = share_of(np.array([20, 20, 21, 19]), np.full(4, 40))
    unlike = share_of(np.array([2, 38, 5, 35]), np.full(4, 40))
    assert alike.share == unlike.share == 0.5
    by_hand = np.std([2 / 40, 38 / 40, 5 / 40, 35 / 40], ddof=1) / np.sqrt(4)
    assert unlike.std_error == pytest.approx(by_hand)
    assert unlike.high - unlike.low > 3 * (alike.high - alike.low)
    agreeing = share_of(np.full(4, 40), np.full(4, 40))
    assert agreeing.low == pytest.approx(0.025**0.25), "as many as subjects, not as cells"


def test_pooled_intervals_hold_the_truth_where_binomial_ones_do_not():
    rng = np.random.default_rng(1)
    held = {"pooled": 0, "binomial": 0}
    for p in rng.beta(2.0, 2.0, size=(300, 10)):
        hits = rng.binomial(50, p)
        right = {"pooled": share_of(hits, np.full(10, 50)), "binomial": share_of(hits.sum()[None], np.array([500]))}
        for name, found in right.items():
            held[name] += found.low <= 0.5 <= found.high
    assert held["pooled"] > 0.92 * 300
    assert held["binomial"] < 0.6 * 300


def test_failed_runs_widen_an_interval_to_either_side():
    without, with_failed = (share_of(np.array([5]), np.array([10]), failed=f) for f in (0, 10))
    assert with_failed.share == without.share == 0.5
    assert with_failed.low == pytest.approx(stats.binomtest(5, 20).proportion_ci(0.95).low)
    assert with_failed.high == pytest.approx(stats.binomtest(15, 20).proportion_ci(0.95).high)
    nothing = share_of(np.array([0]), np.array([0]), failed=3)
    assert np.isnan(nothing.share)
    assert (nothing.low, nothing.high) == (0.0, 1.0)


# --------------------------------------------------------------------------------------------------- survival and fates
def test_survival_is_kaplan_and_meier_with_greenwood():
    time = np.array([0.5, 2.0, 2.0, 7.5, np.nan, np.nan, np.nan, 9.0])
    table = survival(ends(time[None, None]))
    naive = stats.ecdf(stats.CensoredData.right_censored(np.where(np.isnan(time), 10.0, time), np.isnan(time))).sf
    assert table["alive"].to_numpy() == pytest.approx(naive.evaluate(table["time"].to_numpy()))
    p = table["alive"].to_numpy()
    assert table["std_error"].to_numpy() == pytest.approx(np.sqrt(p * (1 - p) / 8))
    assert (table["low"] <= p).all()
    assert (table["high"] >= p).all()
    assert set(table["time_unit"]) == {"h"}


def test_survival_ends_where_cells_were_followed_to_and_goes_on_where_none_is_left():
    ds = ends([[[1.0, np.nan]], [[1.0, 2.0]]])
    ds["s"][0, :, :, 6:] = np.nan  # the first arm asked for the first half only
    table = survival(ds).groupby("experiment")["time"].max()
    assert table.to_dict() == {"arm 0": 5.0, "arm 1": 10.0}
    with pytest.raises(qsp.DataError, match="were not followed so long"):
        killed(ds, at=8.0)
    none_left = ds.sel(experiment=["arm 1"])
    assert killed(none_left, at="90 min")["killed"].tolist() == [0.5]
    assert killed(none_left, at=99.0)["killed"].tolist() == [1.0], "where none is left, all that comes is known"


def test_where_all_cells_agree_the_interval_is_that_of_the_neighbouring_time():
    time = np.full((1, 6, 30), np.nan)
    time[0, :, :3] = 1.5
    table = survival(ends(time)).set_index("time")
    assert table["alive"][0.0] == 1.0
    assert table["low"][0.0] == table["low"][2.0] > 0.5
    assert table["high"][0.0] == 1.0


def test_fates_are_counted_apart_and_failed_runs_are_stated():
    time = [[[1.0, 2.0, 3.0, np.nan, 4.0]]]  # the last failed after its end
    ds = ends(
        time, [[["dead", "split", "dead", "", "dead"]]], status=[[[0, 0, 0, 0, 3]]], declared=("dead", "split", "lost")
    )
    table = killed(ds).set_index("fate")
    assert table["n_killed"].to_dict() == {"dead": 2, "split": 1, "lost": 0}
    assert table["killed"]["dead"] == 0.5
    assert table["time_median"]["dead"] == 2.0
    assert set(table["n"]) == {4}
    assert set(table["n_failed"]) == {1}
    assert killed(ds, fate="dead", at=2.0)["n_killed"].tolist() == [1]
    assert survival(ds, fate="dead").iloc[-1]["n_alive"] == 2
    with pytest.raises(qsp.DataError, match=r"did you mean 'dead'"):
        killed(ds, fate="deed")


def test_shares_by_subject_and_pooled():
    ds = ends([[[1.0, 1.0, np.nan, np.nan], [1.0, np.nan, np.nan, np.nan]]])
    assert killed(ds, by="subject")["killed"].tolist() == [0.5, 0.25]
    [row] = killed(ds).to_dict("records")
    assert (row["n_subjects"], row["n"], row["killed"]) == (2, 8, 0.375)
    assert row["std_error"] == pytest.approx(0.25 / 2)
    with pytest.raises(qsp.DataError, match="cannot be taken together"):
        killed(ds, by="replicate")


def test_results_without_fates_are_refused():
    plain = ends([[[1.0]]]).drop_vars(["fate", "fate_time"])
    for verb in (survival, killed, by_fate, dose_kill_curve):
        with pytest.raises(qsp.DataError, match="what ends a cell"):
            verb(plain)
    with pytest.raises(qsp.DataError, match="nothing could end its cells"):
        survival(ends([[[np.nan]]], declared=()))
    with pytest.raises(qsp.DataError, match="confidence"):
        survival(ends([[[1.0]]]), confidence=95)


def test_results_are_split_by_fate():
    parts = by_fate(ends([[[1.5, 2.5, np.nan]]], [[["dead", "split", ""]]]))
    assert list(parts) == ["alive", "dead", "split"]
    seen = {name: np.isfinite(part["s"].to_numpy()).any(axis=-1).ravel().tolist() for name, part in parts.items()}
    assert seen == {"alive": [False, False, True], "dead": [True, False, False], "split": [False, True, False]}
    assert parts["dead"]["s"].attrs["units"] == "item"
    with pytest.raises(qsp.DataError, match="give it another name"):
        by_fate(ends([[[1.0]]], [[["alive"]]]))


def test_kill_by_dose_takes_doses_from_the_calendar_or_as_given():
    given = [{"experiment": "b", "time": 0.0, "amount": 5.0, "unit": "nmol", "target": "drug"}] * 2
    ds = ends(
        [[[1.0, 2.0]], [[np.nan, 2.0]], [[np.nan, np.nan]]], arms=["b", "c", "a"], doses=given, declared=("dead",)
    )
    table = dose_kill_curve(ds)
    assert table[["dose", "killed"]].to_numpy().tolist() == [[0.0, 0.5], [0.0, 0.0], [10.0, 1.0]]
    assert set(table["dose_unit"]) == {"nmol"}
    table = dose_kill_curve(ds, {"a": 1.0, "b": 3.0, "c": 2.0}, unit="mg")
    assert table["killed"].tolist() == [0.0, 0.5, 1.0]
    with pytest.raises(qsp.DataError, match="'c' has no dose"):
        dose_kill_curve(ds, {"a": 1.0, "b": 3.0})
    with pytest.raises(qsp.DataError, match="not a number of zero or more"):
        dose_kill_curve(ds, {"a": 1.0, "b": -3.0, "c": 2.0})
    mixed = [*given, given[0] | {"target": "other"}]
    with pytest.raises(qsp.DataError, match="several targets"):
        dose_kill_curve(ends([[[1.0]]], arms=["b"], doses=mixed))


# --------------------------------------------------------------------------------------------------------------- noise
def test_moments_are_the_naive_ones_and_say_their_units():
    x = np.random.default_rng(2).gamma(3.0, 4.0, (1, 400))
    [row] = moments(counts(x, unit="nmol/L")).to_dict("records")
    assert (row["mean"], row["variance"], row["cv"]) == pytest.approx(
        (x.mean(), x.var(ddof=1), x.std(ddof=1) / x.mean())
    )
    assert (row["unit"], row["variance_unit"]) == ("nmol/L", "nmol^2/L^2")
    t = stats.ttest_1samp(x[0], 0.0).confidence_interval(0.95)
    assert (row["mean_low"], row["mean_high"]) == pytest.approx((t.low, t.high))


def test_intervals_of_moments_hold_the_truth_as_often_as_stated():
    rng, held = np.random.default_rng(3), np.zeros(3)
    for _ in range(120):
        ds = counts(rng.poisson(20.0, (1, 300)))
        [m], [f] = moments(ds).to_dict("records"), fano(ds, "n").to_dict("records")
        held += [m["mean_low"] <= 20 <= m["mean_high"], m["variance_low"] <= 20 <= m["variance_high"],
                 f["low"] <= 1 <= f["high"]]  # fmt: skip
    assert (held > 0.9 * 120).all()
    assert (held < 120).all(), "an interval that always holds says nothing"


def test_fano_factor_is_of_counts_alone_and_counts_what_it_leaves_out():
    ds = counts([[4.0, 6.0, np.nan, 8.0]], status=[[[0, 0, 0, 1]]])
    [row] = fano(ds, "n").to_dict("records")
    assert (row["n"], row["n_failed"], row["fano"]) == (2, 1, pytest.approx(2.0 / 5.0))
    with pytest.raises(qsp.DataError, match="is no count"):
        fano(counts([[1.0, 2.0]], unit="nmol/L"), "n")
    with pytest.raises(qsp.DataError, match="below zero"):
        fano(counts([[1.0, -2.0]]), "n")
    with pytest.raises(qsp.DataError, match="no such time"):
        fano(ds, "n", at=4.0)


def jackknife(statistic, n):
    """Return the standard error of a statistic of so many cells, by leaving out one at a time."""
    spared = np.array([statistic(np.delete(np.arange(n), i)) for i in range(n)])
    return np.sqrt((n - 1) * spared.var())


def test_standard_errors_are_those_of_the_jackknife():
    rng = np.random.default_rng(12)
    x = rng.negative_binomial(1.0, 0.2, 400)
    [row] = fano(counts(x[None]), "n").to_dict("records")
    assert row["std_error"] == pytest.approx(jackknife(lambda k: x[k].var(ddof=1) / x[k].mean(), 400), rel=0.03)
    ds = reporters(rng, cells=400, cv=0.9)
    a, b = (ds[k].to_numpy().ravel() for k in "ab")
    [row] = noise(ds, ("a", "b")).to_dict("records")
    t = stats.t(399).ppf(0.975)
    error = jackknife(lambda k: np.cov(a[k], b[k])[0, 1] / a[k].mean() / b[k].mean(), 400)
    assert row["extrinsic_high"] - row["extrinsic"] == pytest.approx(t * error, rel=0.03)
    error = jackknife(lambda k: (a[k] - b[k]).var(ddof=1) / 2 / a[k].mean() / b[k].mean(), 400)
    assert row["intrinsic_high"] - row["intrinsic"] == pytest.approx(t * error, rel=0.03)


def reporters(rng, subjects=1, cells=4000, cv=0.4):
    """Return two Poisson reporters whose rate varies between cells: extrinsic CV, intrinsic one over the mean."""
    sigma = np.sqrt(np.log1p(cv**2))
    rate = 50.0 * rng.lognormal(-(sigma**2) / 2, sigma, (subjects, cells))
    a, b = counts(rng.poisson(rate), name="a"), counts(rng.poisson(rate), name="b")
    return a.assign(b=b["b"])


def test_two_reporters_tell_intrinsic_from_extrinsic_noise():
    ds = reporters(np.random.default_rng(4))
    [row] = noise(ds, ("a", "b")).to_dict("records")
    a, b = (ds[k].to_numpy().ravel() for k in "ab")
    assert row["intrinsic"] == pytest.approx(((a - b) ** 2).mean() / 2 / a.mean() / b.mean(), rel=2e-3)
    assert row["extrinsic"] == pytest.approx(((a * b).mean() / a.mean() / b.mean() - 1), rel=2e-3)
    assert row["total"] == pytest.approx(row["intrinsic"] + row["extrinsic"])
    assert row["intrinsic_low"] < 1 / 50 < row["intrinsic_high"]
    assert row["extrinsic_low"] < 0.16 < row["extrinsic_high"]
    assert row["extrinsic_high"] - row["extrinsic_low"] < 0.04


def test_reporters_that_are_not_alike_are_refused():
    ds = reporters(np.random.default_rng(5))
    with pytest.raises(qsp.DataError, match="not regulated alike"):
        noise(ds.assign(b=(1.2 * ds["b"]).assign_attrs(ds["b"].attrs)), ("a", "b"))
    with pytest.raises(qsp.DataError, match="no two reporters"):
        noise(ds, ("a", "a"))
    with pytest.raises(qsp.DataError, match="no mean above zero"):
        noise(ds.assign(a=(0 * ds["a"]).assign_attrs(ds["a"].attrs)), ("a", "b"))


def test_intervals_of_noise_hold_the_truth_as_often_as_stated():
    rng, held = np.random.default_rng(6), np.zeros(4)
    for _ in range(60):
        means = 50.0 * rng.lognormal(-0.02, 0.2, 80)
        [by_subjects] = noise(counts(rng.poisson(means[:, None], (80, 8))), "n").to_dict("records")
        [two] = noise(reporters(rng, cells=1000), ("a", "b")).to_dict("records")
        truths = [(by_subjects, np.expm1(0.04)), (two, 0.16)]
        held[:2] += [r["intrinsic_low"] < 1 / 50 < r["intrinsic_high"] for r, _ in truths]
        held[2:] += [r["extrinsic_low"] < right < r["extrinsic_high"] for r, right in truths]
    assert (held >= 51).all()
    assert (held < 60).all(), "an interval that always holds says nothing"


def test_noise_by_subjects_is_the_law_of_total_variance():
    rng = np.random.default_rng(11)
    means = 50.0 * rng.lognormal(-0.02, 0.2, 300)
    x = rng.poisson(means[:, None], (300, 8))
    [row] = noise(counts(x), "n").to_dict("records")
    within, between = x.var(axis=1, ddof=1).mean(), x.mean(axis=1).var(ddof=1) - x.var(axis=1, ddof=1).mean() / 8
    assert row["intrinsic"] * row["mean"] ** 2 == pytest.approx(within)
    assert row["extrinsic"] * row["mean"] ** 2 == pytest.approx(between)
    assert np.var(x.mean(axis=1), ddof=1) / 2500 > row["extrinsic"] + 0.001, "what chance adds is taken away"
    with pytest.raises(qsp.DataError, match="One subject"):
        noise(counts(x[:1]), "n")
    with pytest.raises(qsp.DataError, match="Fewer than two subjects"):
        noise(counts(x[:, :1]), "n")


# ---------------------------------------------------------------------------------------------------------------- fits
@pytest.mark.parametrize(
    ("law", "truth", "drawn"),
    [
        ("gamma", {"shape": 2.5, "scale": 20.0}, stats.gamma(2.5, scale=20.0)),
        ("negative binomial", {"size": 3.0, "burst": 7.0}, stats.nbinom(3.0, 1 / 8)),
        ("poisson", {"mean": 6.0}, stats.poisson(6.0)),
    ],
)
def test_a_law_is_found_again_and_others_are_told_apart(law, truth, drawn):
    x = drawn.rvs(3000, random_state=np.random.default_rng(7))
    fit = fit_distribution(x, law, unit="item")
    for name, value in truth.items():
        assert fit.parameters[name] == pytest.approx(value, rel=0.08)
    assert fit.p_value > 0.01
    log_likelihood = drawn.logpdf(x).sum() if law == "gamma" else drawn.logpmf(x).sum()
    assert 0 <= fit.log_likelihood - log_likelihood < 6, "the likelihood at the maximum is above that of the truth"
    assert fit.above(10.0) == pytest.approx(drawn.sf(10.0), abs=0.02)
    assert fit.density([4.0, 9.0]) == pytest.approx(
        drawn.pdf([4.0, 9.0]) if law == "gamma" else drawn.pmf([4, 9]), rel=0.15
    )


def test_wrong_laws_are_told_by_their_p_values():
    rng = np.random.default_rng(8)
    assert fit_distribution(rng.negative_binomial(3.0, 1 / 8, 500), "poisson").p_value < 1e-6
    assert fit_distribution(rng.lognormal(0.0, 1.0, 1000), "gamma").p_value == 1 / 200
    better = [fit_distribution(rng.negative_binomial(3.0, 1 / 8, 500), w).aic for w in ("negative binomial", "poisson")]
    assert better[0] < better[1]


def test_p_values_of_the_right_law_are_uniform():
    rng = np.random.default_rng(9)
    gamma = [fit_distribution(rng.gamma(1.5, 2.0, 40), "gamma", seed=k).p_value for k in range(300)]
    counted = [fit_distribution(rng.poisson(6.0, 300), "poisson").p_value for _ in range(100)]
    assert stats.kstest(gamma, "uniform").pvalue > 0.01
    assert stats.kstest(counted, "uniform").pvalue > 0.001


def test_maximum_likelihood_agrees_with_scipy():
    x = np.random.default_rng(10).gamma(0.3, 2.0, 500)
    shape, _, scale = stats.gamma.fit(x, floc=0)
    found = fit_distribution(x, "gamma").parameters
    assert (found["shape"], found["scale"]) == pytest.approx((shape, scale), rel=1e-4)


@pytest.mark.parametrize(
    ("values", "law", "said"),
    [
        ([1.0] * 30, "normal", "no law 'normal'"),
        ([1.0, 2.0] * 5, "gamma", "too few"),
        ([0.0, 1.0] * 20, "gamma", "zero or below"),
        ([3.0] * 30, "gamma", "all values are equal"),
        ([1.5, 2.0] * 20, "poisson", "whole numbers"),
        ([-1.0, 2.0] * 20, "negative binomial", "whole numbers"),
        ([0.0] * 30, "poisson", "all counts are zero"),
        ([2.0, 3.0] * 20, "negative binomial", "not above their mean"),
        ([np.inf, 3.0] * 20, "gamma", "infinite"),
    ],
)
def test_data_that_a_law_cannot_give_are_refused(values, law, said):
    with pytest.raises(qsp.DataError, match=f"(?i){said}"):
        fit_distribution(values, law)


def test_missing_values_are_counted_and_several_times_refused():
    ds = ends(np.full((1, 1, 40), np.nan))
    with pytest.raises(qsp.DataError, match="several times"):
        fit_distribution(ds["s"], "gamma")
    ds["s"][..., -1] = np.r_[np.arange(1.0, 38.0), [np.nan] * 3]
    fit = fit_distribution(ds["s"].isel(time=-1), "gamma")
    assert (fit.n, fit.n_missing, fit.unit) == (37, 3, "item")


# ------------------------------------------------------------------------------------------------- simulated and drawn
@pytest.fixture(scope="module")
def born():
    """Return cells of the library's birth and death, and such that end beyond 30 molecules."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ProvisionalModelWarning)
        model = qsp.load("birth_death")
    arms = [
        qsp.Experiment(model, id=i, times=[0.0, 1.0, 8.0, 12.0], observables=["n"], changes={"k": k}, fates=f)
        for i, k, f in (("free", 20.0, {}), ("few", 20.0, {"crowded": "n > 30"}), ("many", 25.0, {"crowded": "n > 30"}))
    ]
    return qsp.simulate(arms, method="ssa", replicates=600, seed=1, progress=False)


def test_birth_and_death_are_poisson_in_every_way(born):
    free = born.sel(experiment=["free"])
    for row in fano(free, "n", at=[1.0, 8.0, 12.0]).to_dict("records"):
        assert row["mean"] == pytest.approx(-20.0 * np.expm1(-row["time"]), abs=4 * np.sqrt(20 / 600))
        assert row["fano"] == pytest.approx(1.0, abs=4 * row["std_error"])
    fit = fit_distribution(free["n"].isel(time=-1), "poisson")
    assert fit.p_value > 0.001
    assert fit.unit == "item"


def test_more_production_kills_more_and_the_moments_are_of_the_living(born):
    with pytest.raises(qsp.DataError, match="'free' has no fates"):
        survival(born)
    fated = born.sel(experiment=["few", "many"])
    table = dose_kill_curve(fated, {"few": 20.0, "many": 25.0}, unit="item/h")
    assert 0.05 < table["killed"][0] < 0.6 < table["killed"][1]
    last = moments(fated, at=12.0).set_index("experiment")
    assert (last["n"] + last["n_ended"]).tolist() == [600, 600]
    assert table["n_killed"].tolist() == last["n_ended"].tolist()
    assert last["mean"]["many"] < 25.0


def test_figures_show_what_the_tables_say(born):
    fated = born.sel(experiment=["few", "many"])
    lines = survival(fated)
    figure = plot.survival(lines)
    drawn = [line.get_ydata() for line in figure.axes[0].lines]
    assert np.concatenate(drawn) == pytest.approx(100 * lines["alive"].to_numpy())
    assert any("600 cells per arm" in t.get_text() for t in figure.texts)
    table = dose_kill_curve(fated, {"few": 0.0, "many": 25.0}, unit="item/h").assign(n_failed=[0, 2])
    figure = plot.dose_kill(table, curves={"Theory": lambda d: 0.5 + 0 * d}, share="Crowded")
    assert figure.axes[0].get_ylabel() == "Crowded (%)"
    assert next(t.get_text() for t in figure.axes[0].get_xticklabels()) == "0"
    assert any("2 failed runs" in t.get_text() for t in figure.texts)
    with pytest.raises(qsp.DataError, match=r"(?i)one dose is no curve"):
        plot.dose_kill(table.head(1))
    with pytest.raises(qsp.DataError, match=r"(?i)subjects of several experiments"):
        plot.survival(survival(fated, by="subject"))
    with pytest.raises(qsp.DataError, match=r"(?i)no rows"):
        plot.survival(lines.head(0))


def test_theory_at_single_doses_is_a_dash_or_where_it_does_not_hold_a_cross(born):
    table = dose_kill_curve(born.sel(experiment=["few", "many"]), {"few": 1.0, "many": 40.0}, unit="mg")
    theory = pd.DataFrame({"dose": [1.0, 40.0], "share": [0.3, 0.9], "holds": [True, False]})
    figure = plot.dose_kill({"So far": table, "Now": table}, theory=theory)
    [axes] = figure.axes
    marks = {line.get_marker(): line.get_ydata().tolist() for line in axes.lines if line.get_marker() in {"_", "x"}}
    assert marks == {"_": [30.0], "x": [90.0]}
    points = [line.get_xdata() for line in axes.lines if line.get_marker() == "o"]
    assert (points[0] < points[1]).all()  # side by side
    assert points[1] == pytest.approx([1.0, 40.0], rel=0.1)
    assert [t.get_text() for t in axes.get_xticklabels()] == ["1", "40"]
    assert axes.get_xlim()[1] < 60.0
    said = " ".join(t.get_text().replace("\n", " ") for t in figure.texts)
    assert "dashes: closed form; crosses: closed form where its conditions are not met" in said


def test_bands_of_many_lines_are_left_out(born):
    rows = survival(born.sel(experiment=["few"])).to_dict("records")
    table = pd.DataFrame([r | {"experiment": f"arm {k}"} for k in range(7) for r in rows])
    figure = plot.survival(table)
    assert not figure.axes[0].collections
    assert [t.get_text() for t in figure.texts] == ["600 cells per arm."]


def test_a_distribution_is_drawn_as_densities_with_its_laws(born):
    values = born["n"].sel(experiment="few").isel(time=-1)
    fit = fit_distribution(values, "poisson")
    figure = plot.distribution(values, fits=[fit], curves={"Closed form": lambda x: stats.poisson.pmf(x, 20.0)})
    [axes] = figure.axes
    bars = np.array([(p.get_width(), p.get_height()) for p in axes.patches])
    assert bars.prod(axis=1).sum() == pytest.approx(1.0)
    assert set(bars[:, 0]) == {1.0}
    assert axes.lines[0].get_ydata() == pytest.approx(fit.density(axes.lines[0].get_xdata()))
    assert axes.get_xlabel() == "Molecules in the cell (item)"
    assert any("without a value" in t.get_text() for t in figure.texts)
    wide = plot.distribution(np.random.default_rng(0).gamma(2.0, 30.0, 300), name="Signal", unit="nmol/L").axes[0]
    assert sum(p.get_width() * p.get_height() for p in wide.patches) == pytest.approx(1.0)
    with pytest.raises(qsp.DataError, match="no distribution to draw"):
        plot.distribution([2.0, 2.0, np.nan])


def test_cells_are_drawn_with_their_mean_and_their_ends(born):
    figure = plot.cells(born, "n", count=20, threshold=30.0)
    assert len(figure.axes) == 3
    free, _, many = figure.axes
    assert len(free.lines) == 20 + 3  # the cells, no crosses, their mean and the threshold
    assert free.lines[21].get_ydata() == pytest.approx(born["n"].sel(experiment="free").mean("replicate").to_numpy()[0])
    assert len(free.lines[20].get_xdata()) == 0
    assert len(many.lines[20].get_xdata()) > 5
    with pytest.raises(qsp.DataError, match=r"(?i)no cells are to be drawn"):
        plot.cells(born, "n", count=0)
