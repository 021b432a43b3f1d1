"""A regimen written into the SBML gives, in a bare engine, the curves that ``simulate`` gives."""

from __future__ import annotations

import numpy as np
import pytest
import roadrunner

import sbmlqsp as qsp
from sbmlqsp.dosing import bolus, infusion
from sbmlqsp.exchange.dose_events import with_doses

ORAL = """
model oral
  unit mg = 1e-3 gram
  unit time_unit = 3600 second
  unit substance = 1e-3 gram
  unit extent = 1e-3 gram
  unit volume = litre
  compartment V = 20
  V has litre
  compartment gut = 1
  gut has litre
  substanceOnly species depot in gut
  species central in V, side in V
  depot = 0
  central = 0
  side = 0
  ka = 0.8
  k = 0.1
  F = 0.6
  tlag = 0.5
  WT = 70
  A: depot -> central; ka*depot
  E: central -> ; k*central*V
  D: central -> side; 0.05*central*V
  R: side -> central; 0.02*side*V
end
"""
FLAG = "\n  var hits\n  hits = 0\n  high: at (central > 4): hits = hits + 1\nend\n"
TIMES = np.linspace(0, 96, 193)


@pytest.fixture(scope="module")
def oral():
    return qsp.read_antimony(ORAL)


def bare(model, times, *names):
    """Run in a bare RoadRunner, which knows nothing of this package."""
    runner = roadrunner.RoadRunner(model.sbml)
    runner.integrator.setValue("relative_tolerance", 1e-10)
    runner.integrator.setValue("absolute_tolerance", 1e-14)
    runner.timeCourseSelections = list(names)
    return np.asarray(runner.simulate(times=[float(t) for t in times]))


def both(model, regimen, times=TIMES):
    names = [s.id for s in model.network.species if not s.boundary]
    ds = qsp.simulate(qsp.Experiment(model, times=times, regimen=regimen, observables=[f"amount({n})" for n in names]))
    ours = np.array([ds[f"amount({n})"].values[0, 0, 0] for n in names]).T
    return ours, bare(with_doses(model, regimen), times, *names)


def agree(ours, theirs, rtol=1e-6):
    assert np.abs(ours).max() > 0
    np.testing.assert_allclose(theirs, ours, rtol=rtol, atol=1e-9 * np.abs(ours).max())


REGIMENS = {
    "bolus": "100 mg into central at 6 h every 12 h x 5",
    "bolus at the start": "100 mg into central",
    "infusion": "100 mg into central at 3 h over 2.5 h every 24 h x 3",
    "infusion by rate": "100 mg into central at 3 h at 25 mg/h every 24 h x 3",
    "overlapping infusions": "100 mg into central over 10 h every 6 h x 6; 30 mg into central at 7 h over 20 h",
    "back to back": "100 mg into central over 12 h every 12 h x 5",
    "several targets": "100 mg into depot every 24 h x 3; 20 mg into central at 6 h; 5 mg into side at 6 h over 1 h",
    "simultaneous": "100 mg into depot at 8 h; 50 mg into depot at 8 h; 10 mg into central at 8 h; "
    "7 mg into central at 8 h",
    "other units": "0.1 g into depot at 1 day; 100000 ug into central at 90 min over 30 min",
}


@pytest.mark.parametrize("name", REGIMENS)
def test_the_exported_events_give_the_same_curves(oral, name):
    agree(*both(oral, REGIMENS[name]))


@pytest.mark.parametrize("name", ["several targets", "simultaneous", "overlapping infusions", "bolus at the start"])
def test_they_do_so_in_a_model_with_its_own_events(name):
    model = qsp.read_antimony(ORAL.rsplit("end", 1)[0] + FLAG)
    agree(*both(model, REGIMENS[name]))


def test_lag_and_bioavailability_as_formulas_of_the_model_stay_formulas(oral):
    doses = [
        qsp.Dose("1.5*WT", "depot", "mg", time_unit="h", interval=24.0, count=3, lag="tlag", bioavailability="F/2"),
        qsp.Dose(10, "depot", "mg", time_unit="h", lag="tlag + 0"),
    ]
    regimen = qsp.Regimen(tuple(doses))
    agree(*both(oral, regimen))
    dosed = with_doses(oral, regimen)
    assert str(dosed.network.initial_assignments["dose1_amount"]) == "1.5*WT*(F/2)"
    assert str(dosed.network.initial_assignments["dose1_lag"]) == "tlag"
    heavy = qsp.Experiment(dosed, times=TIMES, changes={"WT": 140.0, "tlag": 2.0}, observables=["central"])
    same = qsp.Experiment(
        oral, times=TIMES, changes={"WT": 140.0, "tlag": 2.0}, observables=["central"], regimen=regimen
    )
    agree(qsp.simulate(same)["central"].values, qsp.simulate(heavy)["central"].values)


def test_infusions_whose_duration_is_a_formula(oral):
    regimen = qsp.Regimen(
        (
            qsp.Dose("2*WT", "central", "mg", time_unit="h", interval=5.0, count=4, duration="WT/10", lag="tlag"),
            qsp.Dose(60, "central", "mg", time_unit="h", rate="WT/7", rate_unit="mg/h", bioavailability="F"),
        )
    )
    agree(*both(oral, regimen))


def test_five_minutes_late_in_a_month(oral):
    regimen = infusion(100, "central", "mg", time=241.3, duration=5 / 60, time_unit="h")
    ours, theirs = both(oral, regimen, times=[0.0, 241.3, 241.4, 300.0, 720.0])
    agree(ours, theirs)
    assert ours[1].max() == 0.0
    assert ours[2].sum() == pytest.approx(100.0, rel=0.02)


def test_nothing_flows_when_all_infusions_are_over(oral):
    dosed = with_doses(oral, "0.1 mg into central over 3 h; 0.2 mg into central at 1 h over 7 h")
    end = bare(dosed, [0.0, 7.9, 9.0], "dose1_running", "dose2_running")
    assert end[1].tolist() == [0.0, 1.0]
    assert end[2].tolist() == [0.0, 0.0]


def test_concentrations_parameters_and_boundary_species_are_dosed_alike():
    text = (
        "model m; compartment V = 4; species $D in V, S in V; D = 0; S = 0; X = 0; X' = -0.1*X; "
        "J: $D -> S; 0.1*D*V; k: S ->; 0.2*S*V; end"
    )
    model = qsp.read_antimony(text)
    regimen = "8 into D; 3 into X at 2; 4 into X at 3 over 2; 8 into D at 5 over 3; 1 into S at 4"
    times = np.linspace(0, 12, 25)
    ds = qsp.simulate(qsp.Experiment(model, times=times, regimen=regimen, observables=["D", "S", "X"]))
    ours = np.array([ds[n].values[0, 0, 0] for n in "DSX"]).T
    agree(ours, bare(with_doses(model, regimen), times, "[D]", "[S]", "X"))


def test_a_dosed_model_can_be_dosed_again_and_keeps_its_ports():
    model = qsp.read_antimony("model m(k, S); species S; S = 0; J: S -> ; k*S; k = 0.1; end")
    once = with_doses(model, "5 into S at 1; 5 into S at 2 over 1")
    twice = with_doses(once, "7 into S at 3")
    assert {"dose1_amount", "dose2_rate", "dose3_amount"} <= set(twice.network.symbols)
    assert twice.directions == model.directions
    assert twice.sbml_comp is None
    plain = qsp.Experiment(model, times=[0, 5], regimen="5 into S at 1; 5 into S at 2 over 1; 7 into S at 3")
    assert bare(twice, [0, 5], "S")[1, 0] == pytest.approx(float(qsp.simulate(plain)["S"][0, 0, 0, 1]), rel=1e-7)


def test_a_molar_mass_turns_mass_into_amount():
    model = qsp.load("two_compartment")
    regimen = bolus(150, "central", "mg", molar_mass="150 kDa")
    assert float(with_doses(model, regimen).symbol("dose1_amount").value) == pytest.approx(1000.0, rel=1e-12)


def test_parameters_carry_units(oral):
    dosed = with_doses(oral, "100 mg into central at 3 h over 2.5 h; 5 mg into depot")
    assert dosed.symbol("dose1_rate").unit.equivalent(oral.network.substance_unit / oral.network.time_unit)
    assert dosed.symbol("dose2_amount").unit.equivalent(oral.network.substance_unit)


def test_no_doses_change_nothing(oral):
    assert with_doses(oral, qsp.Regimen(())).digest == oral.digest


@pytest.mark.parametrize(
    ("regimen", "words"),
    [
        (bolus("4*AGE", "depot", "mg"), "AGE"),
        ("5 mg into nowhere", "nowhere"),
        ("5 nmol into depot", "molar"),
        ("5 mg into ka", "ka"),
    ],
)
def test_what_cannot_be_written_is_refused_by_name(oral, regimen, words):
    with pytest.raises(qsp.QSPError, match=words):
        with_doses(oral, regimen)


def steady(amount, target, **more):
    return qsp.Dose(amount, target, "mg", time_unit="h", **more)


@pytest.mark.parametrize(
    "regimen",
    [
        steady(100, "depot", interval=24.0, count=3, steady_state=1),
        steady(100, "depot", interval=24.0, count=3, steady_state=1, lag=3.5, bioavailability=0.7),
        steady(100, "central", interval=8.0, count=2, steady_state=1, duration=14.0),
        qsp.Regimen((steady(10, "depot"), steady(80, "central", time=9.0, interval=12.0, steady_state=1, rate=20))),
        qsp.Regimen(
            (
                steady(50, "depot", interval=12.0, count=4, steady_state=1),
                steady(30, "central", time=6.0, interval=24.0, count=2, steady_state=2, duration=2.0),
            )
        ),
        qsp.Regimen((steady("2*WT", "depot", interval=24.0, steady_state=1, lag="tlag"), steady(7, "side", time=3.0))),
    ],
    ids=["SS 1", "lag and F", "long infusion", "after a dose", "SS 2 on top", "formulas"],
)
def test_steady_state_doses_give_the_same_curves(oral, regimen):
    agree(*both(oral, regimen))


def test_steady_state_of_a_model_that_is_not_linear():
    model = qsp.read_antimony(
        "model m; compartment V = 5; species S in V = 0; B = 10; B' = 1 - 0.1*B*(1 + S); "
        "J: S -> ; V*Vm*S/(Km + S); Vm = 2; Km = 3; end"
    )
    regimen = qsp.Dose(40, "S", time=2.0, interval=8.0, count=2, steady_state=1, duration=1.0)
    times = np.linspace(0, 30, 61)
    ds = qsp.simulate(qsp.Experiment(model, times=times, regimen=regimen, observables=["S", "B"]))
    ours = np.array([ds[n].values[0, 0, 0] for n in "SB"]).T
    agree(ours, bare(with_doses(model, regimen), times, "[S]", "B"))


def test_steady_state_beside_events_of_the_model_is_refused():
    model = qsp.read_antimony(ORAL.rsplit("end", 1)[0] + FLAG)
    with pytest.raises(qsp.UnsupportedError, match="events"):
        with_doses(model, qsp.Dose(5, "depot", "mg", interval=24.0, steady_state=1, time_unit="h"))


def test_a_dose_at_a_time_that_no_file_holds_exactly_is_not_late(oral):
    time = 2 / 3
    theirs = bare(with_doses(oral, bolus(7, "side", "mg", time=time, time_unit="h")), [0.0, time, 1.0], "side")
    assert theirs[1, 0] == pytest.approx(7.0, rel=1e-12)
