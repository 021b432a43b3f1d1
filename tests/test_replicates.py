"""Replicates of a data set: the same design, other subjects, each number from a stream of its owner."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import sbmlqsp as qsp
from sbmlqsp.errors import DataError, ExperimentError, SimulationError, UnitError
from sbmlqsp.populations.sampling import individuals
from sbmlqsp.streams import stream
from sbmlqsp.vpc import simulate_records

MODEL = """model m
  compartment V = 10; species S in V; substanceOnly species S; S = 0; k = 0.1
  J: S -> ; k*S
  C := S/V; E := 2*C
end"""
DATA = """ID,TIME,EVID,AMT,DV,MDV,WT,SEX
ann,0,1,100,.,1,70,F
ann,2,0,.,8,0,70,F
ann,5,0,.,.,1,70,F
ann,6,0,.,6,0,70,F
bob,0,1,150,.,1,35,M
bob,3,0,.,10,0,35,M
"""
ERROR = qsp.ErrorModel(additive=0.3, proportional=0.1)


@pytest.fixture(scope="module")
def model():
    return qsp.read_antimony(MODEL)


@pytest.fixture(scope="module")
def data():
    return qsp.read_nonmem(DATA)


def population(**options):
    given = {
        "covariates": {"WT": qsp.Covariate("normal", mean=70, sd=10, unit="kg"),
                       "SEX": qsp.Covariate("categories", levels={"F": 0.5, "M": 0.5})},
        "typical": {"k_pop": 0.1}, "variability": {"k": qsp.Variability("log-normal", cv=0.4)},
    }  # fmt: skip
    return qsp.Population({"k": "k_pop*(WT/70)*(1 + 0.2*SEX_M)"}, **(given | options))


def simulated(model, data, who=None, **options):
    given = {"errors": ERROR, "compartments": "S", "observables": "C", "replicates": 4, "seed": 3}
    return simulate_records(model, data, population=who or population(), **(given | options))


def test_each_row_is_what_plain_loops_give(model, data):
    table = simulated(model, data)
    rows = []
    for r in range(1, 5):
        for who, sex, weight, dose, times in (("ann", "F", 70.0, 100.0, [2, 5, 6]), ("bob", "M", 35.0, 150.0, [3])):
            known = pd.DataFrame({"WT": [weight], "SEX": [sex]}, index=[who])
            k = individuals(population(), known, seed=3, replicate=r)["k"].iloc[0]
            eps = stream(3, "residual of one 1", subject=who, replicate=r).standard_normal(len(times))
            for t, e in zip(times, eps, strict=True):
                f = dose / 10 * np.exp(-k * t)
                pred = dose / 10 * np.exp(-0.1 * weight / 70 * (1.2 if sex == "M" else 1) * t)
                if t != 5:  # MDV 1: nothing was measured
                    rows.append((r, who, t, f + np.hypot(0.3, 0.1 * f) * e, f, pred))
    assert table[["REP", "ID", "TIME"]].to_numpy().tolist() == [list(row[:3]) for row in rows]
    np.testing.assert_allclose(table[["DV", "IPRED", "PRED"]], [row[3:] for row in rows], rtol=1e-6)
    assert table["LINE"].tolist() == data.observations.query("MDV == 0")["LINE"].tolist() * 4
    assert table["SEX"].tolist()[:3] == ["F", "F", "M"]
    assert table.attrs["failed"] == []


def test_a_replicate_does_not_depend_on_how_many_there_are_nor_on_other_subjects(model, data):
    few, many = simulated(model, data, replicates=2), simulated(model, data, replicates=5)
    pd.testing.assert_frame_equal(few, many[many["REP"] <= 2], check_exact=True)
    alone = simulated(model, data.select("bob"), replicates=5)
    np.testing.assert_array_equal(alone["DV"], many.loc[many["ID"] == "bob", "DV"])
    other = simulated(model, data, replicates=5, seed=4)
    assert not np.isclose(other[["DV", "IPRED"]], many[["DV", "IPRED"]]).any()
    np.testing.assert_array_equal(other["PRED"], many["PRED"])
    assert many.groupby("ID")["DV"].nunique().tolist() == [10, 5]


def test_covariates_that_change_hold_from_record_to_record(model):
    data = qsp.read_nonmem("ID,TIME,AMT,DV,WT\n1,0,100,.,70\n1,2,.,8,70\n1,6,.,6,140\n")
    who = qsp.Population({"k": "0.1*WT/70"}, covariates={"WT": population().covariates["WT"]},
                         variability={"k": qsp.Variability("log-normal", cv=0.4)})  # fmt: skip
    table = simulated(model, data, who, replicates=1)
    k = individuals(who, pd.DataFrame({"WT": [70.0, 140.0]}, index=pd.MultiIndex.from_tuples([(1, 0), (1, 1)])), seed=3)
    first, second = k["k"].to_numpy()
    assert second == pytest.approx(2 * first, rel=1e-12)  # one random effect
    np.testing.assert_allclose(table["IPRED"], 10 * np.exp([-2 * first, -2 * first - 4 * second]), rtol=1e-6)
    np.testing.assert_allclose(table["PRED"], 10 * np.exp([-0.2, -0.2 - 0.8]), rtol=1e-6)


def test_occasions_have_effects_of_their_own(model):
    data = qsp.read_nonmem("ID,TIME,AMT,DV,OCC\n1,0,100,.,1\n1,2,.,8,1\n1,6,.,6,2\n1,9,.,6,1\n")
    who = qsp.Population({"k": 0.1}, variability={"k": qsp.Variability("log-normal", cv=0.2)},
                         occasion_variability={"k": qsp.Variability("log-normal", cv=0.5)})  # fmt: skip
    table = simulated(model, data, who, replicates=2)
    index = pd.MultiIndex.from_tuples([(1, 1), (1, 2)])
    for r in (1, 2):
        one, two = individuals(who, pd.DataFrame(index=index), seed=3, replicate=r)["k"].tolist()
        exact = 10 * np.exp([-2 * one, -2 * one - 4 * two, -2 * one - 4 * two - 3 * one])
        np.testing.assert_allclose(table.loc[table["REP"] == r, "IPRED"], exact, rtol=1e-6)
        assert one != two
    named = simulated(model, qsp.read_nonmem(data.table[["ID", "TIME", "AMT", "DV", "OCC"]].rename(
        columns={"OCC": "VISIT"})), who, replicates=2, occasion="VISIT")  # fmt: skip
    np.testing.assert_array_equal(named["IPRED"], table["IPRED"])
    with pytest.raises(DataError, match="no column of the data tells them apart"):
        simulated(model, qsp.read_nonmem("ID,TIME,AMT,DV\n1,0,100,.\n1,2,.,8\n"), who)
    with pytest.raises(DataError, match="A record has no occasion"):
        simulated(model, qsp.read_nonmem("ID,TIME,AMT,DV,OCC\n1,0,100,.,.\n1,2,.,8,1\n"), who)
    with pytest.raises(DataError, match="does not vary between occasions"):
        simulated(model, data, qsp.Population({"k": 0.1}), occasion="OCC")


def test_several_observables_have_errors_of_their_own(model):
    data = qsp.read_nonmem("ID,TIME,AMT,DV,DVID\n1,0,100,.,0\n1,2,.,8,1\n1,2,.,16,2\n1,4,.,8,1\n")
    by = {1: qsp.Observable("C", error=qsp.ErrorModel(additive=0.2, scale="log-normal")), 2: "E"}
    table = simulated(model, data, qsp.Population({"k": 0.1}), observables=by, errors={2: None}, replicates=3)
    for r in (1, 2, 3):
        rows = table[table["REP"] == r]
        eps = stream(3, "residual of one 1", subject=1, replicate=r).standard_normal(2)
        np.testing.assert_allclose(rows.loc[rows["DVID"] == 1, "DV"], 10 * np.exp([-0.2, -0.4] + 0.2 * eps), rtol=1e-6)
        np.testing.assert_allclose(rows.loc[rows["DVID"] == 2, "DV"], 20 * np.exp(-0.2), rtol=1e-6)
    with pytest.raises(DataError, match="'E' has no residual error"):
        simulated(model, data, qsp.Population({"k": 0.1}), observables=by, errors=None)
    with pytest.raises(DataError, match="not given as the observables are"):
        simulated(model, data, qsp.Population({"k": 0.1}), observables=by, errors=ERROR)
    with pytest.raises(DataError, match="given for no observable"):
        simulated(model, data, qsp.Population({"k": 0.1}), observables=by, errors={2: None, 3: ERROR})


def test_residuals_are_added_as_results_add_them(model, data):
    """One formula of the residual error, whoever applies it."""
    ds = qsp.simulate(qsp.Experiment(model, times=[1, 2, 3], observables=["C"], regimen="100 into S"))
    from sbmlqsp.results.residual import add_residual

    who, number = int(ds["subject"].to_numpy()[0]), int(ds["replicate"].to_numpy()[0])
    eps = stream(3, "residual C", subject=who, replicate=number).standard_normal(ds.sizes["time"])
    for error in (ERROR, qsp.ErrorModel(additive=0.2, scale="log-normal")):
        mine = error.measured(ds["C"].to_numpy().ravel(), eps)
        np.testing.assert_allclose(add_residual(ds, {"C": error}, seed=3)["C"].to_numpy().ravel(), mine, rtol=1e-12)


def test_uncertainty_moves_all_subjects_of_a_replicate_alike(model, data):
    sd = pd.DataFrame([[0.02**2]], index=["k_pop"], columns=["k_pop"])
    who = population(variability={}, uncertainty=sd)
    table = simulated(model, data, who, uncertainty=True, replicates=6)
    rate = np.log(np.where(table["ID"] == "ann", 10, 15) / table["IPRED"]) / table["TIME"]
    rate /= np.where(table["ID"] == "ann", 1.0, 0.6)
    by = rate.groupby(table["REP"])
    assert by.max().to_numpy() == pytest.approx(by.min().to_numpy(), rel=1e-6)
    drawn = [individuals(who, pd.DataFrame({"WT": [70.0], "SEX": ["F"]}, index=["ann"]), seed=3, draw=r)["k"].iloc[0]
             for r in range(1, 7)]  # fmt: skip
    np.testing.assert_allclose(by.mean(), drawn, rtol=1e-6)
    np.testing.assert_allclose(table["PRED"], simulated(model, data, who, replicates=6)["PRED"], rtol=1e-12)
    with pytest.raises(DataError, match="states no uncertainty"):
        simulated(model, data, uncertainty=True)


def test_covariates_come_in_the_unit_of_the_population(model):
    text = "ID,TIME,AMT,DV,WT\n1,0,100,.,154.32358\n1,2,.,8,154.32358\n"
    who = qsp.Population({"k": "0.1*WT/70"}, covariates={"WT": population().covariates["WT"]})
    in_pounds = simulated(model, qsp.read_nonmem(text, units={"WT": "lb"}), who, replicates=1)
    assert in_pounds["PRED"].iloc[0] == pytest.approx(10 * np.exp(-0.2), rel=1e-6)
    unsaid = simulated(model, qsp.read_nonmem(text), who, replicates=1)
    assert unsaid["PRED"].iloc[0] == pytest.approx(10 * np.exp(-0.2 * 154.32358 / 70), rel=1e-6)
    with pytest.raises(UnitError, match="'WT' is in 'cm' in the data and in 'kg'"):
        simulated(model, qsp.read_nonmem(text, units={"WT": "cm"}), who)


def test_what_is_measured_has_the_unit_of_the_data():
    model = qsp.read_antimony("""model m
      unit mg = 1e-3 gram; unit substance = mg; unit volume = litre; unit time_unit = 3600 second
      compartment V = 10; species S in V; substanceOnly species S; S = 0; k = 0.1; k has per_h
      unit per_h = 1/(3600 second); J: S -> ; k*S
    end""")
    data = qsp.read_nonmem("ID,TIME,AMT,DV\n1,0,100,.\n1,2,.,8000\n", units={"TIME": "h", "AMT": "mg", "DV": "ug/L"})
    given = {"errors": ERROR, "compartments": "S", "replicates": 1, "population": qsp.Population({"k": 0.1})}
    table = simulate_records(model, data, observables="concentration(S)", **given)
    assert table["PRED"].iloc[0] == pytest.approx(10_000 * np.exp(-0.2), rel=1e-6)
    with pytest.raises(DataError, match="is in 'mg/L' and DV in 'ug/L'"):
        simulate_records(model, data, observables=qsp.Observable("C", "concentration(S)", unit="mg/L"), **given)


def test_a_failed_run_is_raised_or_recorded():
    model = qsp.read_antimony("model m; species S, D; S = 1; D = 0; J: -> S; k*S*S*S; K: D -> ; D; k = 0.001; end")
    data = qsp.read_nonmem("ID,TIME,AMT,DV\n1,0,1,.\n1,9,.,1\n2,0,1,.\n2,9,.,1\n")
    who = qsp.Population({"k": 0.04}, variability={"k": qsp.Variability("log-normal", cv=0.6)})
    given = {"population": who, "errors": ERROR, "compartments": "D", "observables": "S", "replicates": 6, "seed": 1}
    table = simulate_records(model, data, on_failure="record", **given)
    k = [individuals(who, pd.DataFrame(index=[1, 2]), seed=1, replicate=r)["k"].to_numpy() for r in range(1, 7)]
    lost = np.concatenate(k) > 1 / 18  # S(t) = (1 - 2kt)**-0.5
    assert 0 < lost.sum() < 12
    np.testing.assert_array_equal(table["DV"].isna(), lost)
    np.testing.assert_array_equal(table["IPRED"].isna(), lost)
    assert [(f["REP"], f["ID"]) for f in table.attrs["failed"]] == [
        (r, i) for r, i, gone in zip(table["REP"], table["ID"], lost, strict=True) if gone
    ]
    with pytest.raises(SimulationError, match=r"Subject \d failed.*'k': 0\.\d+.*replicate \d"):
        simulate_records(model, data, **given)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"errors": None}, "no residual error, so what is simulated is no measurement"),
        ({"errors": {1: ERROR}}, "not given as the observables are"),
        ({"errors": 0.3}, "A residual error is none"),
        ({"replicates": 0}, "not a positive whole number"),
        ({"replicates": True}, "not a positive whole number"),
        ({"on_failure": "drop"}, "No such way"),
        ({"parameters": {"k": 0.2}}, "the population has it too"),
        ({"who": {"k": 0.1}}, "no population to draw from"),
    ],
)
def test_what_cannot_be_meant_is_refused(model, data, options, said):
    with pytest.raises(DataError, match=said):
        simulated(model, data, **options)


def test_data_that_do_not_fit_are_refused(model, data):
    with pytest.raises(DataError, match="no observation"):
        simulated(model, qsp.read_nonmem("ID,TIME,AMT,DV,WT,SEX\n1,0,100,.,70,F\n1,2,.,.,70,F\n"))
    with pytest.raises(DataError, match="no covariate 'SEX'"):
        simulated(model, qsp.read_nonmem("ID,TIME,AMT,DV,WT\n1,0,100,.,70\n1,2,.,8,70\n"))
    gap = "ID,TIME,AMT,DV,WT,SEX\n1,0,100,.,.,F\n1,2,.,8,.,F\n2,0,100,.,50,F\n"
    with pytest.raises(DataError, match=r"'WT' is not usable.*subject 1"):
        simulated(model, qsp.read_nonmem(gap))
    with pytest.raises(ExperimentError, match="no symbol 'CL'"):
        simulated(model, data, qsp.Population({"CL": 0.1}))


def test_further_parameters_hold_beside_the_population(model, data):
    table = simulated(model, data, parameters={"F(S)": 0.5})
    np.testing.assert_allclose(2 * table["IPRED"], simulated(model, data)["IPRED"], rtol=1e-6)
