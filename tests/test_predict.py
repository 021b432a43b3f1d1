"""Individual predictions: what a data set and parameters mean for a model, and what is refused."""

import math

import numpy as np
import pandas as pd
import pytest

import sbmlqsp as qsp
from sbmlqsp.prediction.links import UnitsWarning


@pytest.fixture(scope="module")
def decay():
    text = "model decay\n  compartment V = 2; species S in V; S = 0; J: S => ; k*V*S; k = 0.1\nend"
    return qsp.read_antimony(text)


@pytest.fixture(scope="module")
def united():
    return qsp.read_antimony(
        """model united
          unit hour = 3600 second; unit mg = 1e-3 gram; unit per_hour = 1 / (3600 second)
          unit time_unit = 3600 second; unit substance = 1e-3 gram; unit extent = 1e-3 gram; unit volume = litre
          compartment V = 2; V has volume; species S in V; S = 0
          J: S => ; k*V*S
          k = 0.1; k has per_hour
        end"""
    )


def table(*rows, **more):
    return qsp.Records(pd.DataFrame([{"ID": 1, **row} for row in rows]), **more)


def dose(time, amount=100, **items):
    return {"TIME": time, "AMT": amount, "EVID": 1, **items}


def seen(time, **items):
    return {"TIME": time, "DV": 1.0, "EVID": 0, **items}


def ipred(model, data, parameters=None, **more):
    options = {"compartments": "S", "observables": "amount(S)"} | more
    return qsp.predict(model, data, parameters=parameters, **options)["IPRED"].to_numpy()


# ----------------------------------------------------------------------------------------------------------- the table
def test_one_row_per_observation_with_its_line_and_value(decay):
    data = table(dose(0), seen(1), {"TIME": 2, "EVID": 2}, seen(3, ID=1))
    out = qsp.predict(decay, data, compartments="S", observables="S")
    assert out.columns.tolist() == ["LINE", "ID", "TIME", "DVID", "DV", "IPRED", "status", "message"]
    assert out["TIME"].tolist() == [1, 3]
    assert out["IPRED"].to_numpy() == pytest.approx(50 * np.exp(-0.1 * out["TIME"].to_numpy()), rel=1e-8)


def test_all_records_show_the_dose_on_its_own_record(decay):
    out = qsp.predict(decay, table(dose(0), dose(5)), compartments="S", observables="amount(S)", records="all")
    assert out["IPRED"].to_numpy() == pytest.approx([100, 100 + 100 * math.exp(-0.5)], rel=1e-8)


def test_file_order_decides_at_one_time(decay):
    data = table(seen(0), dose(0), seen(0), dose(0, 50), seen(0))
    assert ipred(decay, data) == pytest.approx([0, 100, 150])


def test_observables_by_dvid_and_units_of_dv(decay):
    data = table(dose(0), seen(1, DVID=1), seen(1, DVID=2))
    found = ipred(decay, data, observables={1: "S", 2: "amount(S)"})
    assert found[1] == pytest.approx(2 * found[0], rel=1e-12)


def test_several_subjects_keep_their_rows(decay):
    data = table(dose(0), seen(1), dose(0, 10, ID=2), seen(1, ID=2), seen(2, ID=2))
    expected = [100 * math.exp(-0.1), 10 * math.exp(-0.1), 10 * math.exp(-0.2)]
    assert ipred(decay, data) == pytest.approx(expected, rel=1e-8)


# ---------------------------------------------------------------------------------------------------------- parameters
def test_formulas_over_covariates_and_free_names(decay):
    data = table(dose(0, WT=35.0), seen(1, WT=35.0), covariates=("WT",))
    k = 0.2 * 0.5**0.75
    found = ipred(decay, data, {"k": "TVK*(WT/70)**0.75", "TVK": 0.2})
    assert found == pytest.approx([100 * math.exp(-k)], rel=1e-8)


def test_values_by_subject_as_series_mapping_and_frame(decay):
    data = table(dose(0), seen(1), dose(0, ID=2), seen(1, ID=2))
    ks = {1: 0.3, 2: 0.7}
    expected = [100 * math.exp(-0.3), 100 * math.exp(-0.7)]
    frame = pd.DataFrame({"ID": [2, 1], "k": [0.7, 0.3]})
    for parameters in ({"k": ks}, {"k": pd.Series(ks)}, frame, {"k": np.array([0.3, 0.3, 0.7, 0.7])}):
        assert ipred(decay, data, parameters) == pytest.approx(expected, rel=1e-8)


def test_a_number_and_a_unit_in_every_way_to_write_it(united):
    data = table(dose(0), seen(1), units={"TIME": "h", "AMT": "mg"})
    for text in ("0.2 1/h", "0.2 1 / h", "4.8 1/day"):
        assert ipred(united, data, {"k": text}) == pytest.approx([100 * math.exp(-0.2)], rel=1e-8)


def test_a_name_with_digits_in_a_formula_is_no_unit(decay):
    data = table(dose(0, WT=70.0), seen(1, WT=70.0), covariates=("WT",))
    found = ipred(decay, data, {"k": "TV1k/WT", "TV1k": 7.0})
    assert found == pytest.approx([100 * math.exp(-0.1)], rel=1e-8)


def test_words_become_numbers_by_a_column_of_the_table(decay):
    data = table(
        dose(0, sex="f"), seen(1, sex="f"), dose(0, ID=2, sex="m"), seen(1, ID=2, sex="m"), covariates=("sex",)
    )
    male = data.table["sex"] == "m"
    found = ipred(decay, data, {"k": "0.1*(1 + male)", "male": male})
    assert found == pytest.approx([100 * math.exp(-0.1), 100 * math.exp(-0.2)], rel=1e-8)
    with pytest.raises(qsp.ExperimentError, match=r"'sex', which is a covariate in words.*data.table\['sex'\] == 'f'"):
        ipred(decay, data, {"k": "0.1*sex"})
    with pytest.raises(qsp.ExperimentError, match="'m', which is a word of the covariate 'sex'"):
        ipred(decay, data, {"k": "piecewise(0.1, sex == m, 0.2)"})


def test_a_covariate_with_the_name_of_a_symbol_sets_it(decay):
    data = table(dose(0, k=0.5), seen(1, k=0.5), covariates=("k",))
    assert ipred(decay, data) == pytest.approx([100 * math.exp(-0.5)], rel=1e-8)
    assert ipred(decay, data, {"k": 0.25}) == pytest.approx([100 * math.exp(-0.25)], rel=1e-8)


@pytest.mark.parametrize(("carry", "before", "after"), [("next", 0.2, 0.4), ("last", 0.1, 0.2)])
def test_what_changes_at_a_record_changes_there(decay, carry, before, after):
    rows = [dose(0, k=0.1), seen(1, k=0.2), seen(2, k=0.4)]
    data = table(*rows, covariates=("k",), carry=carry)
    expected = [100 * math.exp(-before), 100 * math.exp(-before - after)]
    assert ipred(decay, data) == pytest.approx(expected, rel=1e-8)


def test_a_volume_that_changes_keeps_amounts():
    model = qsp.read_antimony("model m; compartment V = 2; species S in V; S = 0; J: S => ; k*V*S; k = 0; end")
    data = table(dose(0), seen(1), seen(2), covariates=())
    found = ipred(model, data, {"V": np.array([2.0, 2.0, 5.0])}, observables="S")
    assert found == pytest.approx([50, 20], rel=1e-10)


def test_what_initial_assignments_compute_follows_a_change():
    model = qsp.read_antimony("model m; species S; S = 0; J: S => ; k*S; k = CL/V; CL = 1; V = 10; end")
    data = table(dose(0), seen(1), seen(2))
    found = ipred(model, data, {"CL": np.array([1.0, 1.0, 3.0])})
    assert found == pytest.approx([100 * math.exp(-0.1), 100 * math.exp(-0.4)], rel=1e-8)


def test_a_species_held_constant_can_change_at_a_record_and_a_state_cannot():
    text = "model m; compartment V = 2; species S in V, $L in V; S = 0; L = 1; J: S => ; k*V*S*L; k = 0.1; end"
    model = qsp.read_antimony(text)
    data = table(dose(0), seen(1), seen(2))
    found = ipred(model, data, {"L": np.array([1.0, 1.0, 3.0])})
    assert found == pytest.approx([100 * math.exp(-0.1), 100 * math.exp(-0.4)], rel=1e-8)
    with pytest.raises(qsp.ExperimentError, match="'S' changes from record to record"):
        ipred(model, data, {"S": np.array([1.0, 1.0, 3.0])})
    assert ipred(model, data, {"S": 7.0})[0] == pytest.approx(114 * math.exp(-0.1), rel=1e-8)


def test_lag_bioavailability_and_modelled_infusions_by_number_and_name(decay):
    data = table(dose(0, CMT=1, RATE=-2), seen(3))
    options = {"compartments": {1: "S"}, "observables": "amount(S)"}
    named = qsp.predict(decay, data, parameters={"D(S)": 2, "F(S)": 0.5, "ALAG(S)": 1}, **options)["IPRED"]
    numbered = qsp.predict(decay, data, parameters={"D1": 2, "F1": 0.5, "ALAG1": 1}, **options)["IPRED"]
    exact = 25 / 0.1 * (1 - math.exp(-0.2))
    assert named.to_numpy() == pytest.approx([exact], rel=1e-8) == numbered.to_numpy()


def test_a_prepared_predictor_gives_the_same_and_forgets_nothing(decay):
    data = table(dose(0, II=5, ADDL=3), seen(7), dose(9, 10), seen(22))
    ready = qsp.Predictor(decay, data, compartments="S", observables="amount(S)")
    for parameters in ({"k": 0.1}, {"k": 0.3, "F(S)": 0.5}, {"k": 0.1}, {"ALAG(S)": 2}, {"k": 0.1}):
        assert ready(parameters) == pytest.approx(ipred(decay, data, parameters), rel=1e-12)


def test_units_of_the_data_are_converted(united):
    rows = [dose(0, 1.0), seen(1.0)]
    data = table(*rows, units={"TIME": "day", "AMT": "g", "DV": "ug/mL"})
    found = qsp.predict(united, data, compartments="S", observables="S")
    assert found["IPRED"].to_numpy() == pytest.approx([500 * math.exp(-2.4)], rel=1e-8)


# -------------------------------------------------------------------------------------------------- models of any kind
def test_a_model_that_jumps_in_time_jumps_there():
    model = qsp.read_antimony(
        "model m; species S; S = 0; J: S => ; k*S; k := piecewise(0.1, time < tc, 0.5); tc = 2; end"
    )
    found = ipred(model, table(dose(0), seen(1), seen(5)))
    assert found == pytest.approx([100 * math.exp(-0.1), 100 * math.exp(-0.2 - 1.5)], rel=1e-8)
    with pytest.raises(qsp.UnsupportedError, match="negative"):
        ipred(model, table(dose(-1), seen(1)))


def test_a_model_with_a_baseline_begins_and_begins_again_there():
    model = qsp.read_antimony("model m; species S; S = kin/k; A: => S; kin; J: S => ; k*S; kin = 5; k = 0.1; end")
    data = table(seen(0), dose(1), seen(1), {"TIME": 3, "EVID": 3}, seen(3))
    assert ipred(model, data) == pytest.approx([50, 150, 50], rel=1e-8)


def test_a_rate_rule_can_be_dosed():
    model = qsp.read_antimony("model m; x' = -k*x; x = 1; k = 0.2; end")
    found = ipred(model, table(dose(0, 9), seen(5)), compartments="x", observables="x")
    assert found == pytest.approx([10 * math.exp(-1)], rel=1e-8)


def test_time_may_go_back_at_a_reset(decay):
    data = table(dose(10), seen(12), {"TIME": 0, "EVID": 4, "AMT": 50}, seen(2))
    assert ipred(decay, data) == pytest.approx([100 * math.exp(-0.2), 50 * math.exp(-0.2)], rel=1e-8)


# ------------------------------------------------------------------------------------------------------------ refusals
EVENTFUL = """model eventful
  species S, N; S = 0; N = 0; J: S => ; k*k0*S; k = 0.1; k0 = 1
  E: at (S > 120): N = N + 1, k = 2*k
end"""


@pytest.mark.parametrize("start", [0.0, -3.0, 4.0])
def test_a_model_with_events_sees_doses_as_simulate_does(start):
    model = qsp.read_antimony(EVENTFUL)
    rows = [seen(0), dose(0, II=5, ADDL=2), seen(1), seen(5), seen(8), dose(8, 10, RATE=5), seen(9), seen(12)]
    data = table(*({**r, "TIME": r["TIME"] + start} for r in rows))
    arm = qsp.Experiment(model, times=[0, 1, 5, 8, 9, 12], regimen="100 into S every 5 x 3; 10 into S at 8 over 2")
    ds = qsp.simulate(arm)
    for symbol in ("S", "N"):
        expected = ds[symbol].to_numpy().ravel()
        expected[0] = 0.0  # the first observation stands before the dose
        assert ipred(model, data, observables=symbol) == pytest.approx(expected, rel=1e-7)


@pytest.mark.parametrize(
    ("rows", "parameters", "words"),
    [
        ([dose(0), {"TIME": 1, "EVID": 3}, seen(2)], None, "(?i)resets"),
        ([dose(0, SS=1, II=5), seen(2)], None, "(?i)steady-state"),
        ([dose(0), seen(1), seen(2)], {"k0": np.array([0.1, 0.1, 0.2])}, "change from record to record"),
        ([dose(0), seen(0), dose(0), seen(1)], None, "between two doses"),
    ],
)
def test_what_cannot_be_run_beside_events_is_refused_by_name(rows, parameters, words):
    with pytest.raises(qsp.UnsupportedError, match=words):
        ipred(qsp.read_antimony(EVENTFUL), table(*rows), parameters)


def test_a_model_with_events_that_reads_time_begins_at_zero():
    model = qsp.read_antimony("model m; species S; S = 1; J: S => ; S; E: at (time > 3): S = 5; end")
    assert ipred(model, table(dose(0), seen(3.5)))[0] == pytest.approx(5 * math.exp(-0.5), rel=1e-7)
    with pytest.raises(qsp.UnsupportedError, match="begin at time 0"):
        ipred(model, table(dose(1), seen(2)))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"parameters": {"kk": 1}}, "no symbol 'kk'.*did you mean"),
        ({"parameters": {"k": "k0*2"}}, "reads 'k0'"),
        ({"parameters": {"k": "WT/70"}}, "line 2, subject 1"),
        ({"parameters": {"k": math.nan}}, "not finite"),
        ({"parameters": {"k": {2: 0.1}}}, "no value for a subject"),
        ({"parameters": {"k": np.ones(7)}}, "7 values, and the data 3 records"),
        ({"parameters": {"F(X)": 1}}, "doses into 'X'"),
        ({"parameters": 3}, "no mapping"),
        ({"parameters": {"k": abs}}, "'k' is no number"),
        ({"parameters": {"k": "0.1*(WT"}}, "'k' is no formula that can be read"),
        ({"parameters": {"k": [0.1]}}, "1 values, and the data 3 records"),
        ({"parameters": {"k": "1 if WT else 2"}}, "'k' is read as a number and a unit"),
        ({"parameters": {"V": 0}}, "size of the compartment 'V' is not positive"),
        ({"parameters": {"ALAG1": 1}}, r"compartments=\{1"),
        ({"parameters": {"ALAG(S)": -1}}, "lag is negative"),
        ({"parameters": {"F(S)": -1}}, "bioavailability is negative"),
        ({"compartments": None}, r"CMT 0.*compartments="),
        ({"compartments": "X"}, "dose goes into 'X'"),
        ({"observables": None}, "not said what the records observe"),
        ({"observables": "conc"}, "reads 'conc'"),
        ({"observables": {2: "S"}}, "DVID 1.*which has 2"),
        ({"observables": ["S"]}, "nor a mapping"),
        ({"records": "some"}, "choice of records"),
        ({"on_failure": "ignore"}, "handle failures"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(decay, options, words):
    data = table(dose(0, WT=70.0), seen(1, WT=None), seen(2, WT=70.0), covariates=("WT",))
    with pytest.raises(qsp.QSPError, match=words):
        qsp.predict(decay, data, **({"compartments": "S", "observables": "S"} | options))


def test_one_observable_for_several_kinds_of_record_is_refused(decay):
    data = table(dose(0), seen(1, DVID=1), seen(1, DVID=2))
    with pytest.raises(qsp.DataError, match=r"several things.*DVID 1, 2.*observables=\{1: 'S', 2: '…'\}"):
        qsp.predict(decay, data, compartments="S", observables="S")


def test_what_a_name_ends_in_is_meant(united):
    system = qsp.compose("two", {"a": united, "b": qsp.load("one_compartment")})
    data = table(dose(0), seen(1), units={"TIME": "h", "AMT": "mg"})
    with pytest.raises(qsp.ExperimentError, match=r"did you mean 'b.CL'\."):
        ipred(system, data, {"CL": 1}, compartments="a.S", observables="a.S")
    with pytest.raises(qsp.ExperimentError, match=r"did you mean 'b.C'\."):
        ipred(system, data, compartments="a.S", observables="C")


def test_what_is_no_model_is_refused():
    with pytest.raises(qsp.ExperimentError, match="needs a model"):
        qsp.predict("m", table(dose(0), seen(1)), observables="S")


@pytest.mark.parametrize("letter", ["R", "D"])
def test_a_modelled_infusion_needs_its_parameter(decay, letter):
    code = {"R": -1, "D": -2}[letter]
    data = table(dose(0, RATE=code), seen(1))
    with pytest.raises(qsp.DosingError, match=rf"no parameter gives.*{letter}\(S\)"):
        ipred(decay, data)
    with pytest.raises(qsp.DosingError, match="not positive"):
        ipred(decay, data, {f"{letter}(S)": 0.0})


def test_units_that_do_not_fit_are_refused(decay, united):
    for units, words in (({"AMT": "nmol"}, "molar_mass"), ({"DV": "mL"}, "'S' does not fit the unit of DV")):
        with pytest.raises(qsp.QSPError, match=words):
            ipred(united, table(dose(0), seen(1), units={"TIME": "h", "AMT": "mg"} | units), observables="S")
    stated = table(dose(0), seen(1), units={"TIME": "h", "AMT": "mg"})
    with pytest.raises(qsp.UnitError, match=r"'k' is in '.*' in the model, and 'L' does not convert"):
        ipred(united, stated, {"k": "12 L"})
    with pytest.raises(qsp.UnitError, match="declares no unit of time"):
        ipred(decay, table(dose(0), seen(1), units={"TIME": "h"}))


def test_units_that_the_data_do_not_state_are_said_to_be_the_models(united):
    data = table(dose(0), seen(1))
    with pytest.warns(UnitsWarning, match=r"TIME and AMT is given, .* TIME in 'h', AMT in 'mg'; .*'TIME': 'h'"):
        ipred(united, data)
    with pytest.warns(UnitsWarning, match="unit AMT is given"):
        ipred(united, table(dose(0), seen(1), units={"TIME": "h"}))


def test_turning_off_what_the_model_fills_is_refused():
    model = qsp.read_antimony("model m; species D, S; D = 0; S = 0; A: D => S; D; J: S => ; S; end")
    off = {"TIME": 1, "EVID": 2, "CMT": -2}
    with pytest.raises(qsp.UnsupportedError, match="cannot be turned off"):
        ipred(model, table(dose(0, CMT=1), off, seen(2)), compartments={1: "D", 2: "S"})
    found = ipred(model, table(dose(0, CMT=1), off | {"CMT": -1}, seen(2)), compartments={1: "D", 2: "S"})
    assert found == pytest.approx([math.exp(-2) * 100], rel=1e-6)


def test_a_failed_subject_is_recorded_and_the_others_kept():
    model = qsp.read_antimony("model m; species S; S = 0; J: => S; a*S^2; a = 0; end")
    data = table(dose(0, 1), seen(2), dose(0, 1, ID=2), seen(2, ID=2))
    parameters = {"a": {1: 1.0, 2: 0.1}}
    with pytest.raises(qsp.SimulationError, match="Subject 1 failed"):
        ipred(model, data, parameters)
    out = qsp.predict(
        model, data, parameters=parameters, compartments="S", observables="amount(S)", on_failure="record"
    )
    assert out["status"].tolist() == [1, 0]
    assert np.isnan(out["IPRED"][0])
    assert out["IPRED"][1] == pytest.approx(1 / (1 - 0.2), rel=1e-8)
    assert "stopped at time" in out["message"][0]
