"""Figures of populations: bands and individuals over time, exposure by covariate, samples before anything runs."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import sbmlqsp as qsp
from sbmlqsp.errors import DataError
from sbmlqsp.exposure import exposure
from sbmlqsp.exposure.groups import exposure_groups, with_covariates
from sbmlqsp.plot import exposure_by, population, time_course
from tests.test_plot import assert_readable, bands, caption, curves, dataset, legend


# --------------------------------------------------------------------------------------------------------- over time
def test_bands_lie_inside_each_other_between_their_percentiles():
    ds = dataset(("A",))
    fig = time_course(ds, bands=((5, 95), (25, 75)))
    outer, inner = (b.get_paths()[0].vertices[:, 1] for b in bands(fig.axes[0]))
    values = ds["C"].to_numpy()[0, :, 0, -1]
    assert outer.min() == pytest.approx(np.percentile(values, 5))
    assert inner.min() == pytest.approx(np.percentile(values, 25))
    assert legend(fig) == ["Median", "5th–95th percentile", "25th–75th percentile"]
    assert "5th–95th and 25th–75th percentile, of 40 subjects" in caption(fig)


def test_a_stated_number_of_individuals_is_drawn_below_the_median():
    ds = dataset(("A",))
    fig = time_course(ds, individuals=5)
    *single, median = curves(fig.axes[0])
    assert len(single) == 5
    own = ds["C"].to_numpy()[0, :, 0]
    for line, k in zip(single, [0, 10, 20, 29, 39], strict=True):
        np.testing.assert_allclose(line.get_ydata(), own[k])
        assert line.get_alpha() < 0.5
    np.testing.assert_allclose(median.get_ydata(), np.median(own, axis=0))
    assert "thin lines: 5 of them" in caption(fig)
    assert "thin lines: 40 of them" in caption(time_course(ds, individuals=99))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"bands": ((25, 75), (5, 95))}, "inside each other"),
        ({"bands": (60, 95)}, "median"),
        ({"bands": ()}, "median"),
        ({"bands": ((5, 50, 95),)}, "two percentiles"),
        ({"individuals": 0}, "how many"),
        ({"individuals": 2.5}, "how many"),
    ],
)
def test_wrong_bands_and_individuals_are_refused(options, words):
    with pytest.raises(DataError, match=words):
        time_course(dataset(), **options)


# ------------------------------------------------------------------------------------------------ exposure by covariate
def people(n=40):
    weight = np.linspace(50, 89, n)
    return pd.DataFrame({"WT": weight, "SEX": np.where(np.arange(n) % 4 == 0, "F", "M"), "GRADE": np.arange(n) % 3})


def test_groups_are_quartiles_named_by_their_ranges_with_their_numbers():
    ds = dataset(subject_table=people())
    groups = exposure_groups(ds, "cmax", covariate="WT")
    assert groups["group"].tolist()[:4] == ["50–59", "60–69", "70–79", "80–89"]
    assert groups["n"].tolist() == [10] * 8
    low = exposure(ds, "C").query("experiment == 'low'")["cmax"].to_numpy()
    assert groups["p50"][1] == pytest.approx(np.median(low[10:20]))
    assert groups["mean"].to_numpy()[:4] == pytest.approx(low.reshape(4, 10).mean(axis=1))
    halves = exposure_groups(ds, "cmax", covariate="WT", groups=[70])
    assert halves["group"].tolist()[:2] == ["50–69", "70–89"]
    sexes = exposure_groups(ds, "cmax", covariate="SEX")
    assert sexes[["group", "n"]].to_numpy().tolist()[:2] == [["F", 10], ["M", 30]]
    assert exposure_groups(ds, "cmax", covariate="GRADE")["group"].tolist()[:3] == ["0", "1", "2"]


def test_missing_covariates_and_failed_runs_are_counted():
    table = people()
    table.loc[3, "SEX"] = None
    status = np.zeros((2, 40, 1), int)
    status[0, 0] = 2
    groups = exposure_groups(dataset(subject_table=table, status=status), "cmax", covariate="SEX")
    assert groups["group"].tolist()[:3] == ["F", "M", "not known"]
    assert groups["n"].tolist()[:3] == [9, 29, 1]
    assert groups["n_missing"].tolist()[:3] == [1, 0, 0]
    fig = exposure_by(dataset(subject_table=table, status=status), "cmax", covariate="SEX")
    assert "1 run without the measure left out (low: 1)" in caption(fig)


@pytest.mark.parametrize("kind", ["box", "violin"])
@pytest.mark.parametrize("log", [True, False])
def test_the_figure_has_a_panel_per_arm_and_a_place_per_group(kind, log):
    ds = dataset(subject_table=people())
    fig = exposure_by(ds, "auc_last", covariate="WT", unit="kg", kind=kind, log=log, title="By weight")
    assert_readable(fig)
    assert len(fig.axes) == 2
    ax = fig.axes[0]
    assert next(t.get_text() for t in ax.get_xticklabels()) == "50–59\nn = 10"
    assert ax.get_xlabel() == "WT (kg)"
    assert ax.get_ylabel().replace("\n", " ") == "AUC to last value (mg·h/L)"


def test_wrong_questions_of_exposure_by_covariate_are_refused():
    ds = dataset(subject_table=people(), names=("C", "D"))
    for options, words in (
        ({"covariate": "WTT", "observable": "C"}, "did you mean 'WT'"),
        ({"covariate": "WT"}, "several observables"),
        ({"covariate": "WT", "observable": "E"}, "no observable 'E'"),
        ({"covariate": "WT", "observable": "C", "groups": 1}, "so many groups"),
        ({"covariate": "WT", "observable": "C", "groups": [70, 60]}, "do not rise"),
        ({"covariate": "WT", "observable": "C", "kind": "bar"}, "drawn as 'bar'"),
    ):
        with pytest.raises(DataError, match=words):
            exposure_by(ds, "cmax", **options)
    table = with_covariates(exposure(ds, "C"), ds)
    with pytest.raises(DataError, match="no measure 'cmx'"):
        exposure_by(table, "cmx", covariate="WT")


# ------------------------------------------------------------------------------------------------------------- samples
def who(**options):
    given = {"variability": {"CL": qsp.Variability("log-normal", cv=0.3), "V": qsp.Variability("log-normal", cv=0.2)}}
    given |= {"people": qsp.Demographics(age=(18, 80), female=0.5), "derived": ["BSA"]}
    return qsp.Population({"CL": "4*(WT/70)^0.75", "V": 30, "F": 0.9}, **(given | options))


def test_a_sample_is_shown_in_pairs_and_against_what_is_typical():
    fig = population(who(), size=60, seed=3, units={"CL": "L/h"}, title="Who they are")
    assert_readable(fig)
    labels = [ax.get_xlabel() for ax in fig.axes if ax.get_xlabel()]
    assert labels[:5] == ["AGE (year)", "HT (cm)", "WT (kg)", "SEX", "BSA (m²)"]
    assert labels[5:] == ["Typical CL (L/h)", "V"]  # F differs in nobody
    table = qsp.sample(who(), 60, seed=3)
    (ax,) = [ax for ax in fig.axes if ax.get_xlabel() == "Typical CL (L/h)"]
    typical, own = ax.collections[0].get_offsets().T
    np.testing.assert_allclose(own, table["CL"])
    np.testing.assert_allclose(typical, 4 * (table["WT"] / 70) ** 0.75)
    (guide,) = ax.lines
    np.testing.assert_allclose(guide.get_xdata(), guide.get_ydata())
    said = {t.get_text() for ax in fig.axes for t in ax.texts}
    rank = table["WT"].corr(table["BSA"], method="spearman")
    assert f"{rank:.2f}" in said


def test_populations_of_one_covariate_or_none_are_one_row():
    one = who(people=None, derived=(), covariates={"WT": qsp.Covariate("normal", mean=70, sd=9, unit="kg")})
    assert [ax.get_xlabel() for ax in population(one, size=30).axes] == ["WT (kg)", "Typical CL", "V"]
    none = qsp.Population({"V": 30}, variability={"V": qsp.Variability("log-normal", cv=0.2)})
    assert [ax.get_xlabel() for ax in population(none, size=30).axes] == ["V"]


def test_what_cannot_be_drawn_of_a_population_is_refused():
    many = {f"X{i}": qsp.Covariate("normal", mean=1, sd=1) for i in range(8)}
    with pytest.raises(DataError, match="So many covariates"):
        population(who(people=None, derived=(), covariates=many | {"WT": qsp.Covariate("normal", mean=70, sd=9)}))
    course = pd.DataFrame({"ID": [1, 1], "TIME": [0, 5], "WT": [70, 71]})
    with pytest.raises(DataError, match="change over time"):
        population(who(people=course, derived=()))
