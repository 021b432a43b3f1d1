"""Populations: what is drawn, against theory; whose numbers are whose; and what is refused at birth."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sbmlqsp as qsp
from sbmlqsp.library import models_root
from sbmlqsp.populations.sampling import eta_name, individuals

# Beyond this many standard errors a right sampler lies once in 15 million checks; some 60 are made here.
SIGMAS = 5.4
SIZE = 20_000


def near(values, expected, error):
    """Whether a statistic is within its sampling error of theory."""
    return abs(values - expected) <= SIGMAS * error


@pytest.fixture(scope="module")
def population():
    return qsp.Population(
        {"CL": "CL_pop*(WT/70)^0.75*(1 - 0.3*SEX_F)", "V": 30, "F1": "F_pop", "x": 0.0},
        covariates={
            "WT": qsp.Covariate("log-normal", median=70, cv=0.2, low=40, high=150, unit="kg"),
            "AGE": qsp.Covariate("normal", mean=50, sd=10),
            "SEX": qsp.Covariate("categories", levels={"F": 0.4, "M": 0.6}),
            "CYP": qsp.Covariate("categories", levels={0: 0.1, 1: 0.3, 2: 0.6}),
            "U": qsp.Covariate("uniform", low=2, high=5),
        },
        correlations={("WT", "AGE"): 0.4},
        typical={"CL_pop": 4.0, "F_pop": 0.7},
        variability={
            "CL": qsp.Variability("log-normal", cv=0.3),
            "V": qsp.Variability("log-normal", sd=0.2),
            "F1": qsp.Variability("logit-normal", variance=0.25),
            "x": qsp.Variability("normal", sd=2.0),
        },
        omega={("CL", "V"): 0.5, "V, x": -0.3},
    )


@pytest.fixture(scope="module")
def drawn(population):
    return qsp.sample(population, SIZE, seed=20)


# ------------------------------------------------------------------------------------------------------- against theory
def test_random_effects_have_their_covariance(population, drawn):
    etas = drawn[[eta_name(k) for k in population.effects]].to_numpy()
    omega = population.covariance
    found = np.cov(etas.T)
    sds = np.sqrt(np.diag(omega))
    for i in range(len(omega)):
        assert near(etas[:, i].mean(), 0.0, sds[i] / math.sqrt(SIZE))
        for j in range(i + 1):
            error = math.sqrt((omega[i, i] * omega[j, j] + omega[i, j] ** 2) / SIZE)
            assert near(found[i, j], omega[i, j], error)


def test_log_normal_parameters_have_their_moments(drawn):
    v, w = drawn["V"].to_numpy(), 0.2
    mean, cv = 30 * math.exp(w**2 / 2), math.sqrt(math.expm1(w**2))
    assert near(v.mean(), mean, mean * cv / math.sqrt(SIZE))
    assert near(np.median(v), 30, 30 * w * math.sqrt(math.pi / 2 / SIZE))
    assert near(np.log(v).var(), w**2, w**2 * math.sqrt(2 / SIZE))
    assert (v > 0).all()


def test_natural_scale_correlation_of_log_normals_is_that_of_theory(population, drawn):
    cl = drawn["CL"].to_numpy() / (
        4 * (drawn["WT"].to_numpy() / 70) ** 0.75 * (1 - 0.3 * (drawn["SEX"] == "F").to_numpy())
    )
    cov = population.covariance[0, 1]
    sds = np.sqrt(np.diag(population.covariance))[:2]
    rho = math.expm1(cov) / math.sqrt(math.expm1(sds[0] ** 2) * math.expm1(sds[1] ** 2))
    assert near(np.corrcoef(cl, drawn["V"])[0, 1], rho, 2 * (1 - rho**2) / math.sqrt(SIZE))


def test_a_wrong_omega_would_show(population, drawn):
    """Negative control: five per cent more variability is far outside the sampling error."""
    wrong = 1.1 * population.covariance[0, 0]
    assert not near(drawn[eta_name("CL")].var(), wrong, wrong * math.sqrt(2 / SIZE))


def test_logit_normal_and_normal_parameters(drawn):
    logit = np.log(drawn["F1"] / (1 - drawn["F1"]))
    assert near(logit.mean(), math.log(0.7 / 0.3), 0.5 / math.sqrt(SIZE))
    assert ((drawn["F1"] > 0) & (drawn["F1"] < 1)).all()
    assert near((drawn["x"] < 0).mean(), 0.5, 0.5 / math.sqrt(SIZE))


def test_box_cox_is_log_normal_without_shape_and_skewed_with_it():
    plain, skewed = (
        qsp.sample(qsp.Population({"k": 2.0}, variability={"k": v}), 500, seed=3)["k"]
        for v in (qsp.Variability("box-cox", sd=0.3, shape=0.0), qsp.Variability("box-cox", sd=0.3, shape=2.0))
    )
    eta = np.log(plain / 2)
    assert np.log(skewed / 2).to_numpy() == pytest.approx(np.expm1(2 * eta).to_numpy() / 2, rel=1e-12)


def test_covariates_have_their_bounded_distributions(population, drawn):
    for name in ("WT", "AGE", "CYP", "U"):
        mean, sd = population.covariates[name].moments()
        assert near(drawn[name].mean(), mean, sd / math.sqrt(SIZE))
        assert drawn[name].std() == pytest.approx(sd, rel=0.05)
    assert drawn["WT"].between(40, 150).all()
    assert near((drawn["SEX"] == "F").mean(), 0.4, math.sqrt(0.24 / SIZE))
    scores = np.log(drawn["WT"]), drawn["AGE"]
    assert np.corrcoef(*scores)[0, 1] == pytest.approx(0.4, abs=0.03)
    assert abs(np.corrcoef(drawn["U"], drawn["AGE"])[0, 1]) < SIGMAS / math.sqrt(SIZE)


def test_moments_of_a_truncated_normal_are_the_textbooks():
    c = qsp.Covariate("normal", mean=1.0, sd=2.0, low=0.0, high=4.0)
    from scipy.stats import truncnorm

    exact = truncnorm(-0.5, 1.5, loc=1, scale=2)
    assert c.moments() == pytest.approx((exact.mean(), exact.std()), rel=1e-9)


@pytest.mark.parametrize(("low", "high"), [(None, None), (40, None), (None, 90), (40, 150)])
def test_moments_of_a_truncated_log_normal_are_its_integrals(low, high):
    from scipy.integrate import quad

    c = qsp.Covariate("log-normal", median=70, cv=0.4, low=low, high=high)
    mean = quad(lambda u: float(c.quantile(u)), 0, 1, epsabs=0, epsrel=1e-9, limit=400)[0]
    second = quad(lambda u: float(c.quantile(u)) ** 2, 0, 1, epsabs=0, epsrel=1e-9, limit=400)[0]
    assert c.moments() == pytest.approx((mean, math.sqrt(second - mean**2)), rel=1e-6)


def test_covariate_effects_come_back_from_a_regression(drawn):
    x = np.column_stack([np.ones(SIZE), np.log(drawn["WT"] / 70), drawn["SEX"] == "F"]).astype(float)
    beta, rest, *_ = np.linalg.lstsq(x, np.log(drawn["CL"]).to_numpy(), rcond=None)
    w2 = math.log1p(0.09)
    errors = np.sqrt(np.diag(np.linalg.inv(x.T @ x)) * w2)
    for found, expected, error in zip(beta, (math.log(4), 0.75, math.log(0.7)), errors, strict=True):
        assert near(found, expected, error)
    assert near(rest[0] / SIZE, w2, w2 * math.sqrt(2 / SIZE))


def test_variability_is_the_sum_of_what_covariates_explain_and_what_they_do_not(drawn):
    log_cl = np.log(drawn["CL"])
    explained = 0.75 * np.log(drawn["WT"] / 70) + math.log(0.7) * (drawn["SEX"] == "F")
    parts = explained.var() + drawn[eta_name("CL")].var() + 2 * np.cov(explained, drawn[eta_name("CL")])[0, 1]
    assert log_cl.var() == pytest.approx(parts, rel=1e-9)


# -------------------------------------------------------------------------------------------------------- whose numbers
@given(first=st.integers(1, 900), size=st.integers(1, 60))
@settings(max_examples=15, deadline=None)
def test_a_subject_does_not_depend_on_who_else_is_drawn(population, first, size):
    everyone = qsp.sample(population, 1000, seed=8)
    some = qsp.sample(population, size, seed=8, first=first)
    common = some.index.intersection(everyone.index)
    pd.testing.assert_frame_equal(some.loc[common], everyone.loc[common], check_exact=True)


def test_another_seed_gives_other_people(population):
    a, b = (qsp.sample(population, 5, seed=s)["WT"].to_numpy() for s in (1, 2))
    assert not (a == b).any()


def test_uncertainty_is_a_level_of_its_own():
    covariance = pd.DataFrame([[0.04, 0.01], [0.01, 0.09]], index=["a", "b"], columns=["a", "b"])
    p = qsp.Population({"k": "a + b"}, typical={"a": 1.0, "b": 5.0}, uncertainty=covariance,
                       variability={"k": qsp.Variability("log-normal", cv=0.5)})  # fmt: skip
    plain = qsp.sample(p, 4, seed=1)
    draws = [qsp.sample(p, 4, seed=1, draw=d) for d in range(800)]
    assert all((d[eta_name("k")] == plain[eta_name("k")]).all() for d in draws[:5])
    typical = np.array([(d["k"] / np.exp(d[eta_name("k")])).iloc[0] for d in draws])
    assert near(typical.mean(), 6.0, math.sqrt(0.15 / 800))
    assert near(typical.var(), 0.15, 0.15 * math.sqrt(2 / 800))
    with pytest.raises(qsp.DataError, match="no uncertainty to draw from"):
        qsp.sample(qsp.Population({"k": 1}), 1, draw=0)


def test_rows_of_a_table_stay_together():
    people = pd.DataFrame({"WT": [50.0, 90.0], "SEX": ["F", "M"]})
    p = qsp.Population({"CL": "WT*(1 + SEX_M)"}, people=people)
    drawn = qsp.sample(p, 200, seed=2)
    assert set(zip(drawn["WT"], drawn["SEX"], drawn["CL"], strict=True)) == {(50.0, "F", 50.0), (90.0, "M", 180.0)}


# ----------------------------------------------------------------------------------------------------------- simulating
MODEL = "model m(k, S); species S; S = 10; J: S => ; k*S; k = 0.1; end"


def test_simulate_draws_and_carries_covariates_and_effects():
    model = qsp.read_antimony(MODEL)
    p = qsp.Population({"k": "0.1*WT/70"}, covariates={"WT": qsp.Covariate("normal", mean=70, sd=5)},
                       variability={"k": qsp.Variability("log-normal", cv=0.3)})  # fmt: skip
    arms = [qsp.Experiment(model, times=[0, 5], id="a"), qsp.Experiment(model, times=[0, 5], id="b")]
    ds = qsp.simulate(arms, population=p, size=7, seed=4)
    table = qsp.sample(p, 7, seed=4)
    assert ds["S"].to_numpy()[0, :, 0, 1] == pytest.approx(10 * np.exp(-5 * table["k"].to_numpy()), rel=1e-8)
    assert (ds["S"].to_numpy()[0] == ds["S"].to_numpy()[1]).all()
    assert ds["WT"].to_numpy().tolist() == table["WT"].tolist()
    assert eta_name("k") in ds.coords
    one = qsp.simulate(arms[0], subjects=qsp.sample(p, 1, seed=4, first=6)[["k"]])
    assert (one["S"].to_numpy()[0, 0] == ds["S"].to_numpy()[0, 5]).all()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"size": 3}, "needs population="),
        ({"population": qsp.Population({"k": 1})}, "needs size="),
        ({"population": qsp.Population({"k": 1}), "size": 2, "subjects": pd.DataFrame({"k": [1]})}, "both given"),
        ({"population": qsp.Population({"kk": 1}), "size": 2}, "'kk', which is no symbol"),
    ],
)
def test_simulate_refuses_by_name(options, words):
    with pytest.raises(qsp.QSPError, match=words):
        qsp.simulate(qsp.Experiment(qsp.read_antimony(MODEL), times=[0, 1]), **options)


# ------------------------------------------------------------------------------------------------------------- at birth
@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: qsp.Covariate("beta"), "kind of covariate"),
        (lambda: qsp.Covariate("normal", mean=1), "sd is missing"),
        (lambda: qsp.Covariate("normal", mean=1, sd=-1), "sd is not usable"),
        (lambda: qsp.Covariate("normal", mean=1, sd=1, cv=1), "cv means nothing"),
        (lambda: qsp.Covariate("normal", mean=1, sd=1, low=3, high=2), "leave nothing"),
        (lambda: qsp.Covariate("normal", mean=1, sd=1, low=30), "almost nothing"),
        (lambda: qsp.Covariate("categories", levels={"a": 0.5}), "add up to 1"),
        (lambda: qsp.Covariate("categories", levels={"a": 0.5, 1: 0.5}), "partly words"),
        (lambda: qsp.Covariate("normal", mean=1, sd=1, unit="quux"), "quux"),
        (lambda: qsp.Variability("gamma", sd=1), "kind of variability"),
        (lambda: qsp.Variability("log-normal"), "not given once"),
        (lambda: qsp.Variability("log-normal", sd=1, cv=1), "not given once"),
        (lambda: qsp.Variability("normal", cv=1), "log-normal variability alone"),
        (lambda: qsp.Variability("normal", sd=-1), "sd is not usable"),
        (lambda: qsp.Variability("box-cox", sd=1), "shape"),
        (lambda: qsp.Population({"k": "WTT"}, covariates={"WT": qsp.Covariate("normal", mean=1, sd=1)}), "mean 'WT'"),
        (lambda: qsp.Population({"k": 1}, variability={"q": qsp.Variability("normal", sd=1)}), "no typical value"),
        (lambda: qsp.Population({"k": 1}, variability={"k": 0.3}), "not usable"),
        (lambda: qsp.Population({"k": 1}, typical={"a": math.nan}), "no finite number"),
        (lambda: qsp.Population({"k": 1}, omega={("k", "q"): 0.5}), "names"),
        (lambda: qsp.Population({"k": 1}, covariates={"a": qsp.Covariate("uniform", low=0, high=1)},
                                typical={"a": 1}), "stands for two of covariates"),
    ],
)  # fmt: skip
def test_nonsense_is_refused_at_birth(build, words):
    with pytest.raises(qsp.QSPError, match=words):
        build()


def test_correlations_that_cannot_all_hold_are_refused():
    names = "abc"
    v = {n: qsp.Variability("log-normal", sd=0.3) for n in names}
    with pytest.raises(qsp.DataError, match="positive semi-definite"):
        qsp.Population(dict.fromkeys(names, 1), variability=v,
                       omega={("a", "b"): 0.9, ("b", "c"): 0.9, ("a", "c"): -0.9})  # fmt: skip
    full = qsp.Population(dict.fromkeys(names, 1), variability=v, omega={("a", "b"): 1.0})  # singular is fine
    drawn = qsp.sample(full, 50, seed=1)
    assert drawn["a"].to_numpy() == pytest.approx(drawn["b"].to_numpy(), rel=1e-7)


def test_a_typical_value_that_cannot_be_names_the_parameter():
    p = qsp.Population({"k": "1 - WT"}, covariates={"WT": qsp.Covariate("uniform", low=0, high=3)},
                       variability={"k": qsp.Variability("log-normal", sd=0.1)})  # fmt: skip
    with pytest.raises(qsp.DataError, match=r"not positive.*'k'"):
        qsp.sample(p, 30, seed=1)


# ---------------------------------------------------------------------------------------------------------------- files
TEXT = """id = "adults"
[parameters]
CL = "CL_pop*(WT/70)^0.75"
V = 30
[typical]
CL_pop = 4.0
[covariates.WT]
kind = "log-normal"
median = 70
cv = 0.2
unit = "kg"
[variability.CL]
kind = "log-normal"
cv = 0.3
[variability.V]
kind = "log-normal"
cv = 0.2
[omega]
"CL, V" = 0.5
[uncertainty]
"CL_pop, CL_pop" = 0.04
"""


def test_a_file_says_the_same_as_python(tmp_path):
    path = tmp_path / "population.toml"
    path.write_text(TEXT, encoding="utf-8")
    p = qsp.read_population(path)
    same = qsp.Population({"CL": "CL_pop*(WT/70)^0.75", "V": 30}, typical={"CL_pop": 4.0},
                          covariates={"WT": qsp.Covariate("log-normal", median=70, cv=0.2, unit="kg")},
                          variability={"CL": qsp.Variability("log-normal", cv=0.3),
                                       "V": qsp.Variability("log-normal", cv=0.2)},
                          omega={("CL", "V"): 0.5})  # fmt: skip
    pd.testing.assert_frame_equal(qsp.sample(p, 20, seed=5), qsp.sample(same, 20, seed=5), check_exact=True)
    assert p.id == "adults"
    assert p.uncertainty_matrix.tolist() == [[0.04]]
    table = p.describe(size=200)
    assert {"WT", "CL", "V"} <= set(table.index)
    assert "ω 0.294" in table.loc["CL", "how"]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('id = "adults"', "id = ", "not TOML"),
        ("[typical]", "[typicals]", "(?i)no such section.*'typicals'"),
        ("cv = 0.2\nunit", "cvv = 0.2\nunit", "(?i)no such key.*'cvv'"),
        ('kind = "log-normal"\nmedian', "median", "kind is missing"),
        ('"CL, V" = 0.5', '"CL" = 0.5', "not of two names"),
        ('"CL_pop, CL_pop"', '"CL_pop"', "not of two names"),
        ("cv = 0.3", "cv = -1", "variability.CL"),
    ],
)
def test_a_wrong_file_is_refused_with_its_place(tmp_path, old, new, words):
    path = tmp_path / "p.toml"
    path.write_text(TEXT.replace(old, new), encoding="utf-8")
    with pytest.raises(qsp.DataError, match=words):
        qsp.read_population(path)


@pytest.mark.parametrize("path", sorted(models_root().rglob("population.toml")), ids=lambda p: p.parent.name)
def test_populations_of_the_library_fit_their_models(path):
    population = qsp.read_population(path)
    model = qsp.load(path.parent.name)
    drawn = qsp.sample(population, 3, seed=1)
    assert {k.replace(".", "__") for k in population.parameters} <= set(model.network.symbols)
    arm = qsp.Experiment(model, times=[0, 1])
    assert np.isfinite(qsp.simulate(arm, population=population, size=3, seed=1)["status"].to_numpy()).all()
    assert (drawn[list(population.parameters)] > 0).all().all()


def test_people_as_in_published_tables_bring_what_follows_from_them():
    population = qsp.Population(
        {"CL": "6*(EGFR/90)*(1 - 0.2*SEX_F)", "V": "LBM"},
        people=qsp.Demographics(age=(20, 80), female=0.5),
        covariates={"SCR": qsp.Covariate("log-normal", median=0.9, cv=0.2, unit="mg/dL")},
        derived=["BMI", "LBM", "EGFR"],
    )
    drawn = qsp.sample(population, 300, seed=4)
    assert list(drawn.columns[:8]) == ["AGE", "SEX", "HT", "WT", "SCR", "BMI", "LBM", "EGFR"]
    np.testing.assert_allclose(drawn["BMI"], drawn["WT"] / (drawn["HT"] / 100) ** 2, rtol=1e-14)
    female = (drawn["SEX"] == "F").to_numpy()
    assert 0.4 < female.mean() < 0.6
    np.testing.assert_allclose(drawn["CL"], 6 * drawn["EGFR"] / 90 * np.where(female, 0.8, 1.0), rtol=1e-13)
    assert qsp.sample(population, 2, seed=4, first=150).equals(drawn.loc[150:151])
    text = population.describe().loc["EGFR", "how"]
    assert "derived" in text
    assert "CKD-EPI" in text


def test_derived_covariates_are_formulas_or_known_by_name():
    people = pd.DataFrame({"WT": [50.0, 90.0], "HT": [160.0, 180.0]})
    population = qsp.Population({"k": "S*x"}, people=people, typical={"x": 2.0}, derived={"R": "WT/HT", "S": "2*R"})
    drawn = qsp.sample(population, 20, seed=1)
    np.testing.assert_allclose(drawn["k"], 4 * drawn["WT"] / drawn["HT"], rtol=1e-14)
    given = individuals(population, pd.DataFrame({"WT": [50.0], "HT": [100.0]}, index=["a"]))
    assert given["k"].tolist() == [2.0]
    assert individuals(population, pd.DataFrame({"S": [3.0]}, index=["a"]))["k"].tolist() == [6.0]
    with pytest.raises(qsp.DataError, match="no covariate 'HT'"):
        individuals(population, pd.DataFrame({"WT": [50.0]}, index=["a"]))
    for derived, message in [
        (["BMX"], "or 'BMI'"),
        (["EGFR"], "reads 'SCR', which is no"),
        ({"a": "b"}, "reads 'b', which is no"),
        ("BMI", "no list"),
        (["WT"], "two of"),
    ]:
        with pytest.raises(qsp.DataError, match=message):
            qsp.Population({"k": 1}, people=people, derived=derived)


def test_a_file_names_demographics_and_what_is_derived(tmp_path):
    file = tmp_path / "p.toml"
    text = 'derived = ["BSA"]\n[demographics]\nage = [2, 12]\nfemale = 1.0\n[parameters]\nCL = "3*BSA"\n'
    file.write_text(text)
    drawn = qsp.sample(qsp.read_population(file), 20, seed=1)
    assert drawn["AGE"].between(2, 12).all()
    np.testing.assert_allclose(drawn["CL"], 3 * np.sqrt(drawn["HT"] * drawn["WT"] / 3600), rtol=1e-13)
    file.write_text(text.replace("female", "femal"))
    with pytest.raises(qsp.DataError, match="did you mean 'female'"):
        qsp.read_population(file)
    file.write_text(text.replace("[2, 12]", "[2, 120]"))
    with pytest.raises(qsp.DataError, match="demographics"):
        qsp.read_population(file)
