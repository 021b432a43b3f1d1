"""Starts at steady state: closed forms, each subject alone, and what has none."""

import json
from dataclasses import replace

import numpy as np
import pytest

import sbmlqsp as qsp
from tests.resting import OBSERVED, RESTING, at_rest

SUBJECTS = {"subject": [1, 2, 3], "ksyn": [2.0, 5.0, 0.7], "kf": [0.3, 0.9, 0.01], "X": [0.1, 0.9, 0.6],
            "A": [3.0, 1.0, 8.0], "blood": [2.0, 1.0, 3.0]}  # fmt: skip


@pytest.fixture(scope="module")
def model():
    return qsp.read_antimony(RESTING)


def arm_of(text, **how):
    return qsp.Experiment(qsp.read_antimony(text), **{"times": [0, 1], "start": "steady state", **how})


def message_of(text, **how):
    ds = qsp.simulate(arm_of(text, **how), on_failure="record")
    assert np.isnan(ds[next(iter(ds.data_vars))].to_numpy()).all()
    assert ds["status"].item() == 7
    return ds["message"].item()


def test_every_subject_starts_where_it_rests_and_stays_there(model):
    arm = qsp.Experiment(model, times=[0, 7, 50], observables=OBSERVED, start="steady state")
    ds = qsp.simulate(arm, subjects=SUBJECTS)
    columns = zip(SUBJECTS["ksyn"], SUBJECTS["kf"], SUBJECTS["X"], SUBJECTS["A"], strict=True)
    wanted = np.array([at_rest(ksyn=s, kf=f, x0=x, a0=a) for s, f, x, a in columns])
    found = np.stack([ds[o].squeeze().to_numpy() for o in OBSERVED[:4]], axis=1)
    assert found == pytest.approx(np.repeat(wanted[:, :, None], 3, axis=2), rel=1e-9)
    assert np.abs(ds["change"]).max() < 1e-8  # the baseline is that of the steady state
    assert not ds["drug"].any()
    assert not ds["gone"].any()


@pytest.mark.parametrize("engine", ["roadrunner", "kernel"])
def test_a_drug_that_is_not_there_yet_may_act_by_any_power(engine):
    """Below zero such a power has no value, so that its slope at zero is that to the other side."""
    text = """model m; species R, A; R = 3; A = 0; kin = 5; h = 2.5
      ->R; kin/(1 + (A/2)^h); R->; 0.1*R; A->; 0.3*A; end"""
    arm = qsp.Experiment(qsp.read_antimony(text), times=[0, 1, 5], regimen="10 into A at 1", observables=["R"],
                         start="steady state")  # fmt: skip
    found = qsp.simulate(arm, engine=engine, subjects={"h": [2.5, 1.3], "kin": [5.0, 4.0]})["R"].to_numpy()[0, :, 0]
    assert found[:, :2] == pytest.approx(np.array([[50, 50], [40, 40]]), rel=1e-8)
    assert (found[:, 2] < found[:, 1]).all()
    assert qsp.steady_state(arm.model).values["R"] == pytest.approx(50)


@pytest.mark.parametrize(
    "text",
    [
        "R = 1; E = 0; g = 0.7; E' = -E; R' = 1/(1 + E^g) - 0.1*R",
        "R = 1; E = 0; E' = -E; R' = 1/(1 + sqrt(E)) - 0.1*R",
        "R = 1; species D = 0, P = 0; g = 0.7; D->P; D; P->; 0.5*P; R' = 1 + 2*P^g/(5^g + P^g) - 0.1*R",
        "R = 1; D = 0; D' = -D; E := D/5; R' = 1/(1 + E^0.7) - 0.1*R",
    ],
)
def test_a_drug_that_is_not_there_yet_may_act_with_an_infinite_slope(text):
    """Nothing brings it, so that its slope moves nothing; in the third what is not there feeds what is not there."""
    model = qsp.read_antimony(f"model m; {text}; end")
    assert qsp.steady_state(model).values["R"] == pytest.approx(10, rel=1e-9)
    arm = qsp.Experiment(model, times=[0, 1], observables=["R"], start="steady state")
    assert qsp.simulate(arm)["R"].to_numpy().ravel() == pytest.approx([10, 10], rel=1e-9)


def test_doses_come_on_top(model):
    times = [0, 1, 2, 4]
    arm = qsp.Experiment(model, times=times, observables=["R", "drug", "change"], regimen="3 into drug at 1",
                         start="steady state")  # fmt: skip
    ds = qsp.simulate(arm)
    same = qsp.simulate(qsp.Experiment(
        model, times=times, observables=["R", "drug", "change"], regimen="3 into drug at 1",
        changes={"R": 4.0, "A": 0.75, "B": 2.25, "X": 0.0},
    ))  # fmt: skip
    for name in ("R", "drug", "change"):
        assert ds[name].to_numpy() == pytest.approx(same[name].to_numpy(), rel=1e-8, abs=1e-9)
    assert float(ds["change"].min()) < -0.5


def test_a_dose_may_read_the_baseline(model):
    arm = qsp.Experiment(model, times=[0], observables=["drug"], regimen=qsp.Dose("2*R", target="drug", unit=None),
                         start="steady state")  # fmt: skip
    assert qsp.simulate(arm)["drug"].item() == pytest.approx(8.0)


def test_changes_of_a_subject_come_after_its_first_steady_state(model):
    arm = qsp.Experiment(model, times=[0, 2], observables=["R"], start="steady state")
    ds = qsp.simulate(arm, subjects={"subject": [1, 1], "time": [0, 1], "ksyn": [2.0, 4.0]})
    assert ds["R"].squeeze().to_numpy() == pytest.approx([4.0, 8.0 - 4.0 * np.exp(-0.5)], rel=1e-8)


def test_later_rows_need_no_steady_state():
    arm = arm_of("model m; species R = 1; a: -> R; kin - k*R; kin = 1; k = 0.5; end", times=[0, 1, 3])
    ds = qsp.simulate(arm, subjects={"subject": [1, 1], "time": [0, 1], "k": [0.5, 0.0]})
    assert ds["R"].to_numpy().ravel() == pytest.approx([2.0, 2.0, 4.0], rel=1e-8)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("model m; species X = 0.5; J: -> X; X*(1 - X)*(X - 0.5); end", "disturbances grow"),
        ("model m; species P = 2, Q = 2; a: -> P; P; b: P -> Q; 0.5*P*Q; c: Q -> ; Q; end", "swing for ever"),
        ("model m; species P = 3, Q = 2; a: -> P; P; b: P -> Q; 0.5*P*Q; c: Q -> ; Q; end", "oscillates"),
        ("model m; species R = 1, out = 0; a: -> R; 1; b: R -> out; R; end", "out"),
        ("model m; species S = 1; a: S -> ; 1 + 0.1*S; end", "'S' is negative at the steady state: -10"),
        ("model m; species R = 1; a: -> R; 2; b: R -> ; k*R; k = R; end", "'k' is computed from where"),
        ("model m; species R = 1; a: -> R; 2 - R; at R > 1.5: R = 0; end", "event"),
    ],
)  # fmt: skip
def test_what_has_no_steady_state_fails_by_name(text, words):
    assert words in message_of(text)


def test_a_rate_that_reads_time_is_refused():
    for engine in ("roadrunner", "kernel"):
        with pytest.raises(qsp.UnsupportedError, match="depends on time"):
            qsp.simulate(arm_of("model m; species R = 1; a: -> R; sin(time) - R; end"), engine=engine)


def test_one_without_a_steady_state_fails_alone():
    arm = arm_of("model m; species R = 1; a: -> R; ksyn - R/(1 + R); ksyn = 0.5; end", observables=["R"])
    ds = qsp.simulate(arm, subjects={"subject": [1, 2], "ksyn": [0.5, 2.0]}, on_failure="record")
    assert ds["status"].squeeze().to_numpy().tolist() == [0, 7]
    assert ds["R"].squeeze().to_numpy()[0] == pytest.approx([1.0, 1.0], rel=1e-9)
    with pytest.raises(qsp.SimulationError, match="grows without bound"):
        qsp.simulate(arm, subjects={"subject": [1, 2], "ksyn": [0.5, 2.0]})


def test_a_constant_that_balances_its_own_start_holds_it():
    arm = arm_of("model m; species R = 3; a: -> R; ksyn - k*R; k = 0.5; ksyn = k*R; end", changes={"k": 0.25})
    assert qsp.simulate(arm)["R"].to_numpy().ravel() == pytest.approx([3.0, 3.0], rel=1e-9)


def test_what_is_absent_stays_so():
    arm = arm_of("model m; species T = 0, R = 1; g: -> T; T*(1 - T); a: -> R; 2 - R; end", observables=["T", "R"])
    ds = qsp.simulate(arm)
    assert ds["T"].to_numpy().ravel().tolist() == [0.0, 0.0]
    assert ds["R"].to_numpy().ravel() == pytest.approx([2.0, 2.0], rel=1e-9)


def test_rate_rules_and_changing_volumes_rest_too():
    arm = arm_of("model m; compartment c = 1; species S in c = 1; c' = 3 - c; a: -> S; 6 - S*c; x' = S - x; x = 5; end",
                 observables=["S", "c", "x", "amount(S)"])  # fmt: skip
    assert [qsp.simulate(arm)[n].to_numpy()[0, 0, 0, 0] for n in ("S", "c", "x", "amount(S)")] == pytest.approx(
        [2.0, 3.0, 2.0, 6.0], rel=1e-9
    )


# ------------------------------------------------------------------------------------------------------ said or refused
def test_it_is_said(model):
    arm = qsp.Experiment(model, times=[0], observables=["R"], start="steady state")
    assert "Start: at the steady state" in arm.describe()
    assert "from steady state" in repr(arm)
    inputs = json.loads(qsp.simulate(arm).attrs["provenance"])["inputs"]
    assert inputs["experiments"][0]["start"] == "steady state"


def test_what_cannot_start_there_refuses(model, tmp_path):
    arm = qsp.Experiment(model, times=[0, 1], observables=["R"], start="steady state")
    with pytest.raises(qsp.UnsupportedError, match="no steady state"):
        qsp.simulate(arm, method="ssa")
    with pytest.raises(qsp.UnsupportedError, match="steady state"):
        qsp.write_sedml(arm, tmp_path / "arm.sedml")
    data = qsp.read_nonmem("ID,TIME,DV\n1,1,88\n1,8,47\n")
    with pytest.raises(qsp.UnsupportedError, match="'baseline', which is computed from where the model starts"):
        qsp.petab_problem(arm, data)
    with pytest.raises(qsp.UnsupportedError, match="dose reads 'R'"):
        qsp.petab_problem(replace(arm, regimen=qsp.Dose("R", "drug")), data)
    steady = qsp.Dose(1, "drug", interval=4, steady_state=1)
    plain = qsp.read_antimony(RESTING.replace("baseline = R\n", "baseline = 4\n"))
    with pytest.raises(qsp.UnsupportedError, match="dose at steady state"):
        qsp.petab_problem(replace(arm, model=plain, regimen=steady), data)
    with pytest.raises(qsp.ExperimentError, match="No such start"):
        qsp.Experiment(model, times=[0], start="steady")


def test_an_analysis_starts_there_as_well(model):
    arm = qsp.Experiment(model, times=[0, 10], observables=["R"], regimen="3 into drug at 1", start="steady state")
    assert qsp.extremum(arm, "R", kind="max").value == pytest.approx(4.0, rel=1e-9)


def test_a_study_says_it(tmp_path):
    (tmp_path / "m.ant").write_text("model m; species R = 1; a: -> R; 2 - R; end")
    text = '[study]\nid = "s"\n[model]\nfile = "m.ant"\n[simulation]\ntimes = [0, 1]\nstart = "{}"\n'
    (tmp_path / "s.toml").write_text(text.format("steady state"))
    assert qsp.read_study(tmp_path / "s.toml").start == "steady state"
    (tmp_path / "s.toml").write_text(text.format("rest"))
    with pytest.raises(qsp.StudyError, match="start"):
        qsp.read_study(tmp_path / "s.toml")


def test_a_stranger_s_model_rests_too():
    model = replace(qsp.read_antimony("model m; species R = 1; a: -> R; 2 - R; end"), untrusted=True)
    ds = qsp.simulate(qsp.Experiment(model, times=[0, 1], start="steady state"))
    assert ds["R"].to_numpy().ravel() == pytest.approx([2.0, 2.0], rel=1e-9)


def test_a_petab_problem_comes_to_rest_before_time_0(tmp_path):
    model = qsp.read_antimony(RESTING.replace("baseline = R\n", "baseline = 4\n"))
    data = qsp.read_nonmem("ID,TIME,DV,WT\n1,0,4,3\n1,1,4,3\n1,5,2,3\n2,0,4,5\n2,1,4,5\n2,5,3,5\n")
    arm = qsp.Experiment(model, times=[0, 1, 5], observables=["R"], regimen=qsp.Dose("WT", "drug", time=0.5),
                         changes={"kdeg": 0.4}, start="steady state")  # fmt: skip
    problem = qsp.petab_problem(arm, data, estimate=[qsp.PetabParameter("ksyn", lower=0.1, upper=10)])
    again = qsp.read_petab(qsp.write_petab(problem, tmp_path))
    for ksyn in (2.0, 4.0):
        changed = replace(arm, changes={"kdeg": 0.4, "ksyn": ksyn})
        wanted = qsp.simulate(changed, subjects={"subject": [1, 2], "WT": [3, 5]})["R"].to_numpy().ravel()
        assert wanted[0] == pytest.approx(ksyn / 0.4)
        for one in (problem, again):
            assert one.simulate({"ksyn": ksyn})["simulation"].to_numpy() == pytest.approx(wanted, rel=1e-7)


def test_an_integral_of_what_rests_is_taken(model):
    arm = qsp.Experiment(model, times=[0, 5], observables=["R"], start="steady state")
    assert qsp.integral(arm, "R").value == pytest.approx(20.0, rel=1e-8)


def test_what_goes_on_from_a_dose_does_not_rest_again(model):
    arm = qsp.Experiment(model, times=[0, 3], observables=["R"], regimen="3 into drug at 1", start="steady state")
    same = replace(arm, start="initial values", changes={"R": 4.0, "A": 0.75, "B": 2.25, "X": 0.0})
    for how in ({"level": 2.5}, {"level": 3.999, "direction": "up"}):
        found, wanted = (qsp.time_to(one, "R", **how).value for one in (arm, same))
        assert found == pytest.approx(wanted, rel=1e-7)
