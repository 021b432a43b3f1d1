"""Doses at steady state and subjects that change on the way, on the batch kernel against libRoadRunner."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import sbmlqsp as qsp

LINEAR = """model linear
  compartment V = 20; substanceOnly species depot, central in V, auc; depot = 0; central = 0; species R in V = 4
  V2 := 2*V; ka = 0.9; CL = 3; Q = 1.5; WT = 70; kin = 2; kout = 0.5; substanceOnly species deep in V
  J1: depot -> central; ka*depot; J2: central -> ; CL*(WT/70)^0.75*central/V; J3: central -> deep; Q*central/V
  J4: deep -> central; Q*deep/V2; J5: -> R; kin*V; J6: R -> ; kout*R*V; auc' = central/V
end"""
SATURABLE = """model saturable
  compartment V = 20; substanceOnly species C in V; C = 0; species R in V = 4
  J: C => ; Vm*(C/V)/(Km + C/V); Vm = 10; Km = 2; kin = 2; kout = 0.5
  J1: -> R; kin*V*(1 - 0.5*C/V/(1 + C/V)); J2: R -> ; kout*R*V
end"""
TIMES = [0, 1, 5, 12, 12.5, 20, 24, 25, 30, 48, 60.0]


@pytest.fixture(scope="module")
def linear():
    return qsp.read_antimony(LINEAR)


@pytest.fixture(scope="module")
def saturable():
    return qsp.read_antimony(SATURABLE)


def alike(arm, subjects=None, rel=1e-6, **more):
    kernel, primary = (qsp.simulate(arm, subjects=subjects, engine=e, **more) for e in ("kernel", "roadrunner"))
    for o in arm.observables:
        a, b = kernel[o.id].to_numpy(), primary[o.id].to_numpy()
        assert np.isfinite(b).any()
        assert a == pytest.approx(b, rel=rel, abs=1e-6 * np.nanmax(np.abs(b)), nan_ok=True), o.id
    assert (kernel["status"] == primary["status"]).all()
    return kernel, primary


LINES = [
    "100 into depot every 12 x 3 ss", "100 into depot every 12 x 3 lag 2 ss", "100 into central every 24 x 2 over 3 ss",
    "100 into central every 12 x 2 over 30 ss", "100 into depot every 12 F 0.4 ss",
    "100 into depot every 24 x 2; 50 into central at 12 every 12 x 3 ss",
    "100 into central at 5; 60 into depot at 20 every 12 x 2 over 2 lag 1 ss",
]  # fmt: skip


@pytest.mark.parametrize("at_dose", ["after", "before"])
@pytest.mark.parametrize("line", LINES)
def test_steady_states_of_doses_go_on_as_on_libroadrunner(linear, line, at_dose):
    people = {"CL": [3.0, 1.0, 8.0], "V": [20.0, 11.0, 40.0]}
    regimen = sum(map(qsp.Regimen.parse, line.split("; ")), qsp.Regimen(()))
    arm = qsp.Experiment(linear, times=TIMES, observables=["depot", "central", "deep", "R"], at_dose=at_dose,
                         regimen=regimen)  # fmt: skip
    alike(arm, people)


def doses(*given):
    return qsp.Regimen(tuple(qsp.Dose(*args, **how) for args, how in given))


@pytest.mark.parametrize(
    "regimen",
    [
        doses(((100, "depot"), {"interval": 12.0, "count": 3}),
              ((30, "central"), {"interval": 8.0, "steady_state": 2, "time": 24.0})),
        doses(((40, "depot"), {}),
              ((50, "central"), {"duration": "V/2", "interval": 8.0, "steady_state": 1, "time": 12.5, "count": 2})),
        doses(((90, "depot"), {"interval": 12.0, "steady_state": 1}),
              ((30, "central"), {"interval": 12.0, "steady_state": 2, "lag": "V/10"})),
    ],
    ids=["added on the way", "an infusion on the way", "one on the other"],
)  # fmt: skip
def test_all_kinds_of_steady_state(linear, regimen):
    arm = qsp.Experiment(linear, times=TIMES, observables=["depot", "central", "deep", "R"], regimen=regimen)
    alike(arm, {"CL": [3.0, 1.0], "V": [20.0, 11.0]})


def test_a_saturable_model_is_iterated_and_who_eliminates_too_little_fails_alone(saturable):
    regimen = doses(((60, "C"), {"interval": 12.0, "count": 3, "steady_state": 1}))
    arm = qsp.Experiment(saturable, times=TIMES, observables=["C", "R"], regimen=regimen)
    found = alike(arm, {"Vm": [10.0, 4.0, 20.0]}, on_failure="record")
    assert found[0]["status"].squeeze().to_numpy().tolist() == [0, 1, 0]
    assert "no steady state" in found[0]["message"].squeeze().to_numpy()[1]


def changing(**columns):
    n = len(columns["time"])
    who = columns.pop("subject", [1] * n)
    return pd.DataFrame({"subject": who, **columns})


@pytest.mark.parametrize("at_dose", ["after", "before"])
@pytest.mark.parametrize("line", ["", "100 into depot every 12 x 4 lag 1", "[CL*30] into central every 12 x 3 over 7"])
def test_what_changes_on_the_way_does_as_on_libroadrunner(linear, line, at_dose):
    people = changing(subject=[1, 1, 1, 2, 2], time=[0, 3.3, 24, 0, 20], WT=[70, 50, 120, 60, 80.0],
                      V=[20, 20, 35, 10, 30.0], kin=[2, 4, 1, 2, 2.0], central=[5, 5, 5, 7, 7.0])  # fmt: skip
    arm = qsp.Experiment(linear, times=TIMES, observables=["depot", "central", "deep", "R", "amount(R)", "auc"],
                         regimen=line or None, at_dose=at_dose)  # fmt: skip
    alike(arm, people)


def test_a_change_after_a_steady_state_and_another_steady_state_after_it(linear):
    people = changing(subject=[1, 1, 2, 2], time=[0, 10, 0, 24], WT=[70, 50, 120, 60.0], V=[20, 15, 30, 30.0])
    regimen = doses(((80, "depot"), {"interval": 12.0, "count": 2, "steady_state": 1}),
                    ((80, "depot"), {"interval": 8.0, "count": 3, "steady_state": 1, "time": 24.0}))  # fmt: skip
    alike(qsp.Experiment(linear, times=TIMES, observables=["depot", "central", "R", "auc"], regimen=regimen), people)


def test_occasions_jumps_and_a_start_at_steady_state():
    model = qsp.read_antimony("""model m; species R = 1, S = 0; -> R; kin + food*piecewise(1, time > tmeal, 0) - kout*R
        kin = 2; kout = 0.5; food = 0; tmeal = 4; J: S -> ; k*S; k = 0.1; base = R; change := R - base; end""")
    arm = qsp.Experiment(model, times=[0, 3, 4, 6, 10], regimen="5 into S every 5 x 2", occasions="doses",
                         observables=["R", "S"])  # fmt: skip
    people = pd.DataFrame({"subject": [1, 1, 2, 2], "occasion": [1, 2, 1, 2], "kin": [2, 3, 1, 1.0],
                           "food": [1, 1, 2, 0.5], "k": [0.1, 0.3, 0.2, 0.2]})  # fmt: skip
    alike(arm, people)
    still = qsp.read_antimony("""model m; species R = 1, S = 0; a: -> R; kin - kout*R; b: S -> ; k*S
        kin = 2; kout = 0.5; k = 0.1; base = R; change := R - base; end""")
    arm = replace(arm, model=still, start="steady state", observables=["R", "S", "change"])
    kernel, _ = alike(arm, people.drop(columns="food"))
    assert kernel["R"].squeeze().to_numpy()[:, 0] == pytest.approx([4.0, 2.0])


def test_a_dose_into_what_nothing_moves_outlasts_a_change():
    model = qsp.read_antimony(
        "model m; species R = 1; substanceOnly species $drug; drug = 0; a: -> R; kin + drug - R; kin = 2; end"
    )
    people = changing(time=[0, 4], kin=[2.0, 3.0])
    arm = qsp.Experiment(model, times=[0, 3, 5, 40], regimen="2 into drug at 1", observables=["drug", "R"])
    kernel, _ = alike(arm, people)
    assert kernel["drug"].squeeze().to_numpy().tolist() == [0, 2, 2, 2]
    assert kernel["R"].squeeze().to_numpy()[-1] == pytest.approx(5.0)


def test_a_subject_has_the_same_numbers_alone(linear):
    regimen = doses(((80, "depot"), {"interval": 12.0, "count": 4, "steady_state": 1}))
    arm = qsp.Experiment(linear, times=TIMES, observables=["central", "R"], regimen=regimen)
    people = changing(subject=np.repeat(np.arange(20), 2), time=np.tile([0, 15], 20), WT=np.linspace(40, 120, 40))
    whole = qsp.simulate(arm, subjects=people, engine="kernel")
    alone = qsp.simulate(arm, subjects=people[people["subject"] == 13], engine="kernel")
    assert np.array_equal(whole["central"].sel(subject=13).to_numpy().ravel(), alone["central"].to_numpy().ravel())
    assert float(qsp.simulate(arm, subjects=people.head(4), engine="both")["engine_difference"].max()) < 1e-6
