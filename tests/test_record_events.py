"""A subject's records written into the SBML give, in a bare engine, the curves that ``predict`` gives."""

from __future__ import annotations

import importlib.util

import numpy as np
import pandas as pd
import pytest

import sbmlqsp as qsp
from validation.cross.regimens import TOLERANCE, by_copasi, by_roadrunner, error
from validation.nonmem.regimens import REGIMENS

COPASI = pytest.mark.skipif(importlib.util.find_spec("COPASI") is None, reason="python-copasi is not installed")
ENGINES = [by_roadrunner, pytest.param(by_copasi, marks=COPASI)]
FEW = [c for k, c in enumerate(REGIMENS) if k % 12 == 0 and c.name != "several/negative times"]
BACK = [c for c in REGIMENS if any(b["TIME"] < a["TIME"] for a, b in zip(c.records, c.records[1:], strict=False))]


def records(text, **options):
    return qsp.read_nonmem(text, **options)


def curve(model, observables, times):
    """Return concentrations or amounts of a model that needs no more, by this package, which reads it as a file."""
    ds = qsp.simulate(qsp.Experiment(qsp.read_sbml(qsp.write_sbml(model)), times=times, observables=observables))
    return np.array([ds[o].to_numpy()[0, 0, 0] for o in observables]).T


def predicted(model, data, observable, **options):
    found = qsp.predict(model, data, observables=observable, records="all", **options)
    return found.groupby("TIME", sort=False)["IPRED"].last()


def agree(model, data, observables, *, subject=1, dosed=None, **options):
    """Compare bare libRoadRunner with predict, at every time of the data."""
    written = qsp.with_records(model, data, subject=subject, **options)
    exact = {o: predicted(model, data.select(subject), o, **options) for o in observables}
    times = exact[observables[0]].index.tolist()
    found = by_roadrunner(qsp.write_sbml(written), times, [o.replace("amount(", "").rstrip(")") for o in observables])
    for j, o in enumerate(observables):
        values = exact[o].to_numpy()
        assert np.abs(values).max() > 0
        np.testing.assert_allclose(found[:, j], values, rtol=1e-6, atol=1e-9 * np.abs(values).max())
    return written


# --------------------------------------------------------------------------------------------------- NONMEM's regimens
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("case", FEW, ids=lambda c: c.name)
def test_regimens_give_the_same_amounts_in_other_engines(case, engine):
    assert error(case, engine) <= TOLERANCE


@pytest.mark.parametrize("case", BACK[:2], ids=lambda c: c.name)
def test_where_time_goes_back_each_part_is_a_model(case):
    assert error(case, by_roadrunner) <= TOLERANCE


def test_a_fault_in_one_parameter_shows(monkeypatch):
    from validation.cross import regimens

    exact = regimens.with_records
    wrong = lambda *a, parameters, **k: exact(*a, parameters=parameters | {"CL": parameters["CL"] * 1.001}, **k)  # noqa: E731
    monkeypatch.setattr(regimens, "with_records", wrong)
    assert error(FEW[0], by_roadrunner) > TOLERANCE


# ------------------------------------------------------------------------------------------- models of other kinds
CONCENTRATIONS = """
model conc
  compartment V = 4, W = 9
  species S in V = 3, P in W = 0, $B in V = 2, E in V = 1
  CL = 0.5; k = CL/V; base = 0; base = 2*CL
  base' = -0.1*base
  J: S -> P; V*(k*S - 0.1*P*E)
  D: P -> ; W*0.05*P*(1 + B)
end
"""
VARYING = """ID,TIME,AMT,RATE,EVID,CMT,SS,II,CLI,VI,DV
1,2,.,.,0,.,.,.,0.5,4,1
1,3,40,.,1,1,.,.,0.5,4,.
1,5,.,.,0,.,.,.,0.8,4,1
1,6,30,10,1,2,.,.,0.8,6,.
1,7,.,.,0,.,.,.,0.8,6,1
1,8,.,.,2,.,.,.,0.3,3,.
1,9.1,20,.,4,1,.,.,0.3,3,.
1,12,.,.,0,.,.,.,0.4,5,1
"""
INTO = {1: "S", 2: "P"}


@pytest.fixture(scope="module")
def concentrations():
    return qsp.read_antimony(CONCENTRATIONS)


def test_volumes_held_species_and_what_initial_assignments_compute_change(concentrations):
    parameters = {"CL": "CLI", "V": "VI", "B": "2*CLI", "E": "VI/4"}
    names = ["amount(S)", "amount(P)", "base"]
    written = agree(concentrations, records(VARYING), names, parameters=parameters, compartments=INTO)
    set_once = {v for e in written.network.events for v in e.assignments}
    assert {"CL", "V", "B", "E", "k", "S", "P", "base"} <= set_once
    assert not written.symbol("CL").constant
    assert not written.symbol("V").constant


def test_covariates_that_hold_until_the_next_record(concentrations):
    data, parameters = records(VARYING, carry="last"), {"CL": "CLI", "V": "VI"}
    agree(concentrations, data, ["amount(S)", "amount(P)"], parameters=parameters, compartments=INTO)


@COPASI
def test_changing_volumes_mean_the_same_in_copasi(concentrations):
    parameters = {"CL": "CLI", "V": "VI", "B": "2*CLI", "E": "VI/4"}
    options = {"parameters": parameters, "compartments": INTO}
    written = qsp.with_records(concentrations, records(VARYING), subject=1, **options)
    exact = predicted(concentrations, records(VARYING), "amount(P)", **options)
    found = by_copasi(qsp.write_sbml(written), exact.index.tolist(), ["P"])[:, 0]
    np.testing.assert_allclose(found, exact.to_numpy(), rtol=1e-6, atol=1e-9)


def test_the_written_model_runs_alike_in_this_package(concentrations):
    parameters = {"CL": "CLI", "B": "2*CLI"}
    written = qsp.with_records(concentrations, records(VARYING), subject=1, parameters=parameters, compartments=INTO)
    exact = predicted(concentrations, records(VARYING), "amount(P)", parameters=parameters, compartments=INTO)
    times = exact.index.tolist()
    np.testing.assert_allclose(curve(written, ["amount(P)"], times)[:, 0], exact.to_numpy(), rtol=1e-6, atol=1e-9)


def test_a_first_record_after_time_zero_begins_there(concentrations):
    written = agree(
        concentrations, records(VARYING), ["amount(S)", "base"], parameters={"CL": "CLI"}, compartments=INTO
    )
    first = written.network.events[0]
    assert float(first.trigger.args[1].value) == 2.0
    assert {"S", "P", "base"} <= set(first.assignments)


def test_steady_states_of_a_model_that_is_not_linear():
    model = qsp.read_antimony(
        "model m; compartment V = 5; species S in V; species P in V; S = 0; P = 0; "
        "J: S -> P; V*Vm*S/(Km + S); D: P -> ; 0.3*P*V; Vm = 2; Km = 3; end"
    )
    data = records("ID,TIME,AMT,RATE,SS,II,EVID,CMT,DV\n1,0,20,.,1,8,1,1,.\n1,3,.,.,.,.,0,.,1\n1,30,.,.,.,.,0,.,1\n")
    agree(model, data, ["amount(S)", "amount(P)"], compartments={1: "S"})
    data = records("ID,TIME,AMT,RATE,SS,II,EVID,CMT,DV\n1,0,20,.,.,.,1,1,.\n1,3,20,4,2,6,1,1,.\n1,30,.,.,.,.,0,.,1\n")
    agree(model, data, ["amount(S)", "amount(P)"], compartments={1: "S"})


def test_jumps_in_time_stay_formulas_of_the_model():
    model = qsp.read_antimony(
        "model m; species S; S = 1; J: S -> ; S*piecewise(0.1, time < lag + 2, 0.5); lag = 1; end"
    )
    data = records("ID,TIME,AMT,DV\n1,0,.,1\n1,1,10,.\n1,4,.,1\n1,6,.,2\n")
    written = agree(model, data, ["amount(S)"], compartments="S", parameters={"lag": 2.5})
    assert "piecewise" in str(written.network.reactions["J"].law)
    assert len(written.network.events) == 1


def test_a_subject_has_its_own_parameters_and_formulas_stay_formulas():
    model = qsp.read_antimony("model m; species S; k := CL/V; S = 0; J: S -> ; k*S; CL = 1; V = 2*CL; end")
    data = records("ID,TIME,AMT,WT,DV\n1,0,100,70,.\n1,5,.,70,1\n2,0,80,35,.\n2,9,.,35,1\n")
    written = agree(model, data, ["amount(S)"], subject=2, compartments="S", parameters={"CL": "WT/10"})
    assert float(written.symbol("CL").value) == 3.5
    assert str(written.network.initial_assignments["V"]) == "2*CL"


def test_doses_beside_events_of_the_model():
    model = qsp.read_antimony(
        "model m; species S; S = 1; hits = 0; J: S -> ; 0.2*S; high: at (S > 8), t0=false: hits = hits + 1; end"
    )
    data = records("ID,TIME,AMT,RATE,DV\n1,0,10,.,.\n1,3,.,.,1\n1,5,20,10,.\n1,9,.,.,1\n")
    agree(model, data, ["amount(S)", "hits"], compartments="S")
    for text, words in (
        ("1,0,10,1,8,.\n1,3,.,.,.,1\n", "steady-state"),
        ("1,2,10,.,.,.\n1,3,.,.,.,1\n", "begin at time 0"),
    ):
        with pytest.raises(qsp.UnsupportedError, match=words):
            qsp.with_records(model, records("ID,TIME,AMT,SS,II,DV\n" + text), subject=1, compartments="S")


def test_a_composed_model_becomes_flat_and_keeps_its_ports():
    part = qsp.read_antimony("model a(S, k); species S; S = 0; J: S -> ; k*S; k = 0.1; end")
    whole = qsp.compose("whole", {"x": part, "y": part})
    assert whole.sbml_comp is not None
    data = records("ID,TIME,AMT,RATE,DV\n1,0,10,.,.\n1,1,20,10,.\n1,5,.,.,1\n")
    written = qsp.with_records(whole, data, subject=1, compartments="x.S")
    assert written.sbml_comp is None
    assert written.directions == whole.directions
    assert qsp.read_sbml(qsp.write_sbml(written)).digest == written.digest
    assert float(curve(written, ["x.S"], [0, 5])[1, 0]) == pytest.approx(
        float(predicted(whole, data, "x.S", compartments="x.S").iloc[-1]), rel=1e-7
    )


def test_units_are_those_of_the_model():
    model = qsp.read_antimony(
        "model m; unit time_unit = 86400 second; unit substance = 1e-3 gram; unit extent = 1e-3 gram; "
        "compartment V = 1; V has litre; substanceOnly species S in V; S = 0; J: S -> ; k*S; k = 1; end"
    )
    data = records("ID,TIME,AMT,RATE,DV\n1,0,1,.,.\n1,12,1,0.5,.\n1,48,.,.,1\n", units={"TIME": "h", "AMT": "g"})
    written = qsp.with_records(model, data, subject=1, compartments="S")
    assert [float(e.trigger.args[1].value) for e in written.network.events] == pytest.approx([0, 0.5, 7 / 12])
    assert str(written.network.events[0].assignments["S"]) == "S + 1000"
    assert written.symbol("infusion_S_rate").unit.equivalent(model.network.substance_unit / model.network.time_unit)
    last = predicted(model, data, "amount(S)", compartments="S").iloc[-1]
    assert curve(written, ["amount(S)"], [0, 2.0])[1, 0] == pytest.approx(last, rel=1e-7)


def test_the_unit_of_what_is_measured_does_not_matter_and_missing_values_stay_missing():
    model = qsp.read_antimony(
        "model m; unit time_unit = 3600 second; unit substance = 1e-3 gram; unit extent = 1e-3 gram; "
        "compartment V = 2; V has litre; substanceOnly species S in V; S = 0; J: S -> ; k*S; k = 1; var unused; end"
    )
    data = records("ID,TIME,AMT,K,DV\n1,0,1,1,.\n1,2,.,2,3\n", units={"TIME": "h", "AMT": "mg", "DV": "mg/L"})
    written = qsp.with_records(model, data, subject=1, compartments="S", parameters={"k": "K"})
    assert {v for e in written.network.events for v in e.assignments} == {"S", "k"}


# ---------------------------------------------------------------------------------------------------- events and ids
def test_what_happens_at_one_instant_is_one_event():
    model = qsp.read_antimony("model m; species S, P; S = 0; P = 0; J: S -> P; k*S; k = 0.1; end")
    data = records(
        "ID,TIME,AMT,RATE,CMT,DV\n1,0,10,.,1,.\n1,0,5,.,1,.\n1,0,7,.,2,.\n1,0,6,2,1,.\n1,0,3,1,1,.\n1,9,.,.,.,1\n"
    )
    written = agree(model, data, ["amount(S)", "amount(P)"], compartments={1: "S", 2: "P"})
    start, end = written.network.events
    assert {k: str(v) for k, v in start.assignments.items()} == {
        "S": "S + 15/default_compartment",
        "P": "P + 7/default_compartment",
        "infusion_S_rate": "3",
    }
    assert {k: str(v) for k, v in end.assignments.items()} == {"infusion_S_rate": "0"}
    again = qsp.with_records(written, data, subject=1, compartments={1: "S", 2: "P"})
    assert {"infusion_S_2_rate", "infusion_S_rate"} <= set(again.network.symbols)
    assert len({e.id for e in again.network.events}) == 4


def test_a_record_at_a_time_that_no_file_holds_exactly_is_not_late():
    model = qsp.read_antimony("model m; species S; S = 0; J: S -> ; k*S; k = 0.1; end")
    data = qsp.Records(pd.DataFrame({"ID": 1, "TIME": [0.0, 2 / 3, 1.0], "AMT": [0.0, 5.0, 0.0], "EVID": [0, 1, 0]}))
    agree(model, data, ["amount(S)"], compartments="S")


# ----------------------------------------------------------------------------------------------------------- refusals
@pytest.mark.parametrize(
    ("text", "options", "words"),
    [
        ("1,-2,10,1,.\n1,5,.,0,1\n", {}, "negative"),
        ("1,0,10,1,.\n1,5,.,0,1\n1,0,10,4,.\n1,5,.,0,1\n", {}, "part=0 to part=1"),
        ("1,0,10,1,.\n1,5,.,0,1\n", {"part": 1}, "no such part"),
        ("1,0,10,1,.\n1,5,.,0,1\n", {"subject": 3}, "no such subject"),
    ],
)
def test_what_cannot_be_written_is_refused_by_name(text, options, words):
    model = qsp.read_antimony("model m; species S; S = 0; J: S -> ; k*S; k = 0.1; end")
    with pytest.raises(qsp.QSPError, match=words):
        qsp.with_records(
            model, records("ID,TIME,AMT,EVID,DV\n" + text), **{"subject": 1, "compartments": "S", **options}
        )
