"""Covariate effects and the forest plot: exact ratios, and two intervals that are never mixed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import sbmlqsp as qsp
from sbmlqsp.analysis.covariate_effects import covariate_effects
from sbmlqsp.errors import DataError
from sbmlqsp.plot.forest import forest
from tests.test_plot import assert_readable, caption, legend

WEIGHT = qsp.Covariate("log-normal", median=70, cv=0.25, unit="kg")
SEX = qsp.Covariate("categories", levels={"F": 0.4, "M": 0.6})
MODEL = """model m
  compartment V = 10; species S in V; substanceOnly species S; S = 0; CL = 2; WT = 70
  J: S -> ; CL/V*S; C := S/V
end"""


def population(**options):
    given = {
        "covariates": {"WT": WEIGHT, "SEX": SEX},
        "typical": {"CL_pop": 2.0, "power": 0.75, "female": -0.2},
        "variability": {"CL": qsp.Variability("log-normal", cv=0.3)},
    }
    return qsp.Population({"CL": "CL_pop*(WT/70)^power*(1 + female*SEX_F)"}, **(given | options))


@pytest.fixture(scope="module")
def arms():
    model = qsp.read_antimony(MODEL)
    doses = {"a": "100 into S", "b": "[WT] into S"}
    return [qsp.Experiment(model, times=np.linspace(0, 60, 241), observables=["C"], regimen=text, id=name)
            for name, text in doses.items()]  # fmt: skip


def test_an_area_changes_by_exactly_what_clearance_does(arms):
    table = covariate_effects(arms, population(), measure="auc_inf", size=10, seed=4)
    assert table["covariate"].tolist() == ["WT", "WT", "SEX"] * 2
    assert table["value"].tolist()[2] == "F"
    assert table["place"].tolist()[:3] == ["5th percentile", "95th percentile", ""]
    weights, middle = WEIGHT.quantile(np.array([0.05, 0.95])), WEIGHT.quantile(0.5)
    flat = [*(weights / middle) ** -0.75, 1 / 0.8]
    by_weight = [*(weights / middle) ** 0.25, 1 / 0.8]
    np.testing.assert_allclose(table["ratio"], [*flat, *by_weight], rtol=1e-6)
    np.testing.assert_allclose(table["reference_value"][0], 100 / (2 * (middle / 70) ** 0.75), rtol=1e-5)
    assert table["caution"].eq("").all()
    # The same subjects at each value, whose areas are those of the typical one times one factor each.
    factor = table["between_low"] / table["ratio"]
    np.testing.assert_allclose(factor, factor[0], rtol=1e-6)
    assert table[["uncertainty_low", "uncertainty_high"]].isna().all(axis=None)
    assert (table["n_draws"].iloc[0], table["n_subjects"].iloc[0]) == (0, 10)


def test_uncertainty_moves_both_sides_of_a_ratio_alike():
    sd = 0.05
    known = pd.DataFrame([[0.25, 0.0], [0.0, sd**2]], index=["CL_pop", "power"], columns=["CL_pop", "power"])
    table = covariate_effects(None, population(uncertainty=known), measure="CL", draws=500, size=2000, seed=1)
    weight, middle = WEIGHT.quantile(0.95), WEIGHT.quantile(0.5)
    row = table.iloc[1]
    ends = (weight / middle) ** (0.75 + np.array([-1.645, 1.645]) * sd)
    np.testing.assert_allclose(row[["uncertainty_low", "uncertainty_high"]].astype(float), ends, rtol=0.01)
    # The typical clearance itself, uncertain by 25 %, moves no ratio: that of the other sex is known exactly.
    female = table.iloc[2]
    np.testing.assert_allclose(female[["ratio", "uncertainty_low", "uncertainty_high"]].astype(float), 0.8, rtol=1e-9)
    # Subjects differ by their own variability, whatever is uncertain.
    omega = np.sqrt(np.log1p(0.3**2))
    spread = row["ratio"] * np.exp(np.array([-1.645, 1.645]) * omega)
    np.testing.assert_allclose(row[["between_low", "between_high"]].astype(float), spread, rtol=0.05)


def test_reference_and_values_can_be_chosen():
    table = covariate_effects(None, population(), measure="CL", reference={"SEX": "F", "WT": 70},
                              values={"WT": [35, 140]}, size=0)  # fmt: skip
    assert table[["covariate", "value"]].to_numpy().tolist() == [["WT", "35 kg"], ["WT", "140 kg"], ["SEX", "M"]]
    np.testing.assert_allclose(table["ratio"], [0.5**0.75, 2**0.75, 1.25], rtol=1e-12)
    assert table["reference_value"][0] == pytest.approx(1.6)
    assert table[["between_low", "between_high"]].isna().all(axis=None)


def test_covariates_that_nothing_reads_have_no_row_and_derived_ones_follow():
    people = qsp.Demographics(age=(20, 80), female=0.5)
    who = qsp.Population({"CL": "BSA"}, people=people, derived=["BSA"])
    table = covariate_effects(None, who, measure="CL", size=0, seed=2)
    assert set(table["covariate"]) == {"HT", "WT"}
    drawn = qsp.sample(who, 4000, seed=2)
    low = table[(table["covariate"] == "WT")].iloc[0]
    assert low["value"] == f"{np.percentile(drawn['WT'], 5):.3g} kg"
    assert low["ratio"] < 1


def test_a_dose_by_a_derived_covariate_follows_the_covariates_it_is_made_of(arms):
    by_size = qsp.Experiment(arms[0].model, times=arms[0].times, observables=["C"], regimen="[10*SIZE] into S")
    who = qsp.Population({"CL": 2.0}, covariates={"WT": WEIGHT, "HT": qsp.Covariate("normal", mean=170, sd=10)},
                         derived={"SIZE": "(WT*HT/3600)^0.5"})  # fmt: skip
    table = covariate_effects(by_size, who, measure="cmax", size=0)
    assert table["covariate"].tolist() == ["WT", "WT", "HT", "HT"]
    weights = WEIGHT.quantile(np.array([0.05, 0.95])) / WEIGHT.quantile(0.5)
    np.testing.assert_allclose(table["ratio"][:2], weights**0.5, rtol=1e-9)
    np.testing.assert_allclose(table["ratio"][2:], ((170 + np.array([-16.4485, 16.4485])) / 170) ** 0.5, rtol=1e-5)


def test_variability_between_occasions_is_left_out():
    who = population(occasion_variability={"CL": qsp.Variability("log-normal", cv=0.5)}, variability={})
    table = covariate_effects(None, who, measure="CL", size=20)
    np.testing.assert_allclose(table["between_low"], table["ratio"])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"measure": "CK"}, "'CK' is no parameter of the population"),
        ({"percentiles": (95, 5)}, "percentiles"),
        ({"reference": {"WEIGHT": 1}}, "no covariate 'WEIGHT'"),
        ({"reference": {"SEX": "X"}}, "never that"),
        ({"values": {"AGE": [1]}}, "no covariate 'AGE'"),
        ({"width": 90}, "width"),
        ({"size": -1}, "size"),
        ({"draws": 5}, "no uncertainty"),
    ],
)
def test_wrong_questions_are_refused(options, words):
    with pytest.raises(DataError, match=f"(?i){words}"):
        covariate_effects(None, population(), **({"measure": "CL"} | options))


def test_a_measure_that_is_not_there_is_refused(arms):
    with pytest.raises(DataError, match="no measure 'auc_in'"):
        covariate_effects(arms, population(), measure="auc_in", size=0)
    with pytest.raises(DataError, match="typical subject has no auc_tau"):
        covariate_effects(arms, population(), measure="auc_tau", size=0)
    with pytest.raises(DataError, match="no observable 'D'"):
        covariate_effects(arms, population(), observable="D", size=0)
    alone = qsp.Population({"CL": 2.0}, covariates={"AGE": qsp.Covariate("normal", mean=50, sd=9)})
    with pytest.raises(DataError, match="does anything here"):
        covariate_effects(None, alone, measure="CL", size=0)


def test_the_forest_plot_shows_both_intervals_and_their_numbers():
    known = pd.DataFrame([[0.01]], index=["power"], columns=["power"])
    table = covariate_effects(None, population(uncertainty=known), measure="CL", draws=50, size=50)
    table = pd.concat([table.assign(experiment=a) for a in ("A", "B")])
    fig = forest(table, title="Effects")
    assert_readable(fig)
    assert legend(fig) == ["Typical subject", "90 % uncertainty of the ratio", "90 % of subjects"]
    ax = fig.axes[0]
    written = {t.get_text() for t in ax.texts}
    row = table.iloc[0]
    assert f"{row['ratio']:.2f} ({row['uncertainty_low']:.2f}–{row['uncertainty_high']:.2f})" in written
    assert f"{row['between_low']:.2f}–{row['between_high']:.2f}" in written
    assert "0.80 (fixed)" in written
    assert "Reference: WT 70 kg, SEX M" in caption(fig)
    assert "no uncertainty of what this effect rests on" in caption(fig)
    # Without uncertainty there is no interval of the ratio, and the figure says so.
    plain = forest(covariate_effects(None, population(), measure="CL", size=20))
    assert legend(plain) == ["Typical subject", "90 % of subjects"]
    assert "states no uncertainty" in caption(plain)
    for wrong, words in ((table.iloc[:0], "no forest plot"), (pd.concat([table] * 20), "no forest plot")):
        with pytest.raises(DataError, match=words):
            forest(wrong)
    with pytest.raises(DataError, match="around 1"):
        forest(table, band=(1.1, 1.25))
