"""Steady-state doses: solved or iterated, against many explicit doses and closed forms; and where there is none."""

import math

import numpy as np
import pandas as pd
import pytest

import sbmlqsp as qsp
from sbmlqsp.engine.linearity import is_linear, reads_time, unread_states

SATURABLE = """model saturable
  compartment V = 20; substanceOnly species C in V; C = 0
  J: C => ; Vm*(C/V)/(Km + C/V); Vm = 10; Km = 2
end"""


def records(*rows):
    return qsp.Records(pd.DataFrame([{"ID": 1, **row} for row in rows]))


def at(*times):
    return [{"TIME": t, "EVID": 0} for t in times]


def ipred(model, rows, parameters=None, **more):
    options = {"compartments": "C", "observables": "C"} | more
    return qsp.predict(model, records(*rows), parameters=parameters, **options)["IPRED"].to_numpy()


def by_many_doses(model, dose, times, count, parameters=None, **more):
    start = {"TIME": -count * dose["II"], "EVID": 1, "ADDL": count} | dose
    return ipred(model, [start, *at(*times)], parameters, **more)


TIMES = (0.0, 0.7, 3.0, 11.0, 23.9)


@pytest.mark.parametrize(
    "dose",
    [
        {"AMT": 100, "II": 24},
        {"AMT": 200, "II": 24},
        {"AMT": 200, "II": 24, "RATE": 5},
        {"AMT": 230, "II": 24, "RATE": 20},
        {"AMT": 0.01, "II": 2},
    ],
    ids=str,
)
def test_a_saturable_model_settles_as_after_many_doses(dose):
    model = qsp.read_antimony(SATURABLE)
    assert not is_linear(model.network)
    found = ipred(model, [{"TIME": 0, "EVID": 1, "SS": 1} | dose, *at(*TIMES)])
    assert found == pytest.approx(by_many_doses(model, dose, TIMES, 2000), rel=1e-7)


def test_an_infusion_longer_than_its_interval_settles():
    model = qsp.read_antimony(SATURABLE)
    dose = {"AMT": 150, "II": 24, "RATE": 150 / 40}
    found = ipred(model, [{"TIME": 0, "EVID": 1, "SS": 1} | dose, *at(*TIMES, 30)])
    assert found == pytest.approx(by_many_doses(model, dose, (*TIMES, 30), 500), rel=1e-7)


def test_a_lagged_dose_settles_at_its_place_in_the_cycle():
    model = qsp.read_antimony(SATURABLE)
    dose = {"AMT": 150, "II": 24}
    found = ipred(model, [{"TIME": 0, "EVID": 1, "SS": 1} | dose, *at(*TIMES)], {"ALAG(C)": 5})
    assert found == pytest.approx(by_many_doses(model, dose, TIMES, 500, {"ALAG(C)": 5}), rel=1e-7)


def test_more_than_can_be_eliminated_has_no_steady_state():
    model = qsp.read_antimony(SATURABLE)
    with pytest.raises(qsp.DosingError, match=r"no steady state.*'C' still changes.*line 1"):
        ipred(model, [{"TIME": 0, "EVID": 1, "SS": 1, "AMT": 241, "II": 24}, *at(1)])


def test_an_endless_infusion_rests_where_rates_balance_and_ends():
    model = qsp.read_antimony(SATURABLE)
    found = ipred(model, [{"TIME": 0, "EVID": 1, "SS": 1, "AMT": 0, "RATE": 6}, *at(0, 1)])
    assert found[0] == pytest.approx(20 * 2 * 6 / (10 - 6), rel=1e-8)
    assert found[1] < found[0]


@pytest.mark.filterwarnings("ignore:the data do not say in what unit")
def test_a_target_mediated_system_settles_as_after_many_doses():
    model = qsp.load("mab_tmdd")
    options = {"compartments": "pk.central", "observables": "target.RC"}
    for dose in ({"AMT": 10, "II": 7.0}, {"AMT": 1000, "II": 14.0, "RATE": 2000.0}):
        rows = [{"TIME": 0, "EVID": 1, "SS": 1} | dose, *at(*TIMES[:4])]
        many = by_many_doses(model, dose, TIMES[:4], 200, **options)
        assert ipred(model, rows, **options) == pytest.approx(many, rel=1e-7)


# -------------------------------------------------------------------------------------------------- states of any kind
def test_a_baseline_and_an_area_under_the_curve_do_not_disturb():
    model = qsp.read_antimony(
        "model m; species C; C = kin/k; A: => C; kin; J: C => ; k*C; kin = 3; k = 0.2; auc' = C; auc = 0; end"
    )
    assert is_linear(model.network)
    assert unread_states(model.network) == {"auc"}
    data = [{"TIME": 0, "EVID": 1, "SS": 1, "AMT": 10, "II": 6}, *at(0, 4)]
    peak = 10 / (1 - math.exp(-1.2))
    assert ipred(model, data) == pytest.approx([15 + peak, 15 + peak * math.exp(-0.8)], rel=1e-8)
    auc = ipred(model, data, observables="auc")
    assert auc == pytest.approx([0, 60 + peak / 0.2 * (1 - math.exp(-0.8))], rel=1e-8, abs=1e-12)


def test_what_is_conserved_keeps_its_amount():
    text = "model m; species C, A, B; C = 0; A = 4; B = 0; J: C => ; k*C; k = 0.3; X: A -> B; 2*A - 1*B; end"
    model = qsp.read_antimony(text)
    rows = [{"TIME": 0, "EVID": 1, "SS": 1, "AMT": 10, "II": 6}, *at(0)]
    assert ipred(model, rows, observables="A + 0*C") == pytest.approx([4 / 3], rel=1e-9)
    with pytest.raises(qsp.DosingError, match="nothing removes"):
        ipred(model, rows, compartments="A")


def test_a_steady_state_is_that_of_its_own_row_of_parameters():
    text = "model m; species C; C = 0; J: C => ; k*C; k = 0.3; end"
    model = qsp.read_antimony(text)
    rows = [{"TIME": 0, "EVID": 1, "SS": 1, "AMT": 10, "II": 6}, *at(0, 1)]
    found = ipred(model, rows, {"k": np.array([0.1, 0.3, 0.3])})
    start = 10 / (1 - math.exp(-0.6))
    assert found == pytest.approx([start, start * math.exp(-0.3)], rel=1e-9)


def test_models_without_a_meaning_for_it_are_refused():
    row = {"TIME": 0, "EVID": 1, "SS": 1, "AMT": 10, "II": 6}
    timed = qsp.read_antimony("model m; species C; C = 0; J: C => ; (1 + sin(time))*C; end")
    assert reads_time(timed.network)
    with pytest.raises(qsp.UnsupportedError, match="without time in its rates"):
        ipred(timed, [row, *at(1)])
    growing = qsp.read_antimony("model m; species C; C = 0; J: => C; k*C; k = 0.1; end")
    with pytest.raises(qsp.DosingError, match="does not come to rest"):
        ipred(growing, [row, *at(1)])
    full = qsp.read_antimony("model m; species C; C = 1; A: => C; 1; J: C => ; 5*C/(1 + C); end")
    with pytest.raises(qsp.DosingError, match="SS = 2 adds"):
        ipred(full, [row | {"SS": 2}, *at(1)])
    with pytest.raises(qsp.DosingError, match="lag as long as its interval"):
        ipred(qsp.read_antimony(SATURABLE), [row, *at(1)], {"ALAG(C)": 6.5})


@pytest.mark.parametrize("size", [1e-9, 0.3, 40.0, 3000.0])
def test_the_exponential_of_a_matrix_is_scipys(size):
    from scipy.linalg import expm

    from sbmlqsp.periodic_linear import _exponential

    rng = np.random.default_rng(3)
    a = rng.uniform(0, size, (5, 5))
    a -= np.diag(a.sum(axis=0) + a.diagonal())  # what leaves one compartment enters another, or is lost
    assert _exponential(a) == pytest.approx(expm(a), rel=1e-9, abs=1e-13)


def test_growth_beyond_all_numbers_is_refused_too():
    model = qsp.read_antimony("model m; species C; C = 0; J: => C; k*C; k = 900; end")
    with pytest.raises(qsp.DosingError, match="does not come to rest"):
        ipred(model, [{"TIME": 0, "EVID": 1, "SS": 1, "AMT": 10, "II": 6}, *at(1)])


@pytest.mark.parametrize(
    ("text", "linear"),
    [
        ("J: C => ; k*C", True),
        ("J: C => ; k*C/V", True),
        ("J: C => ; k*C*C", False),
        ("J: C => ; k*C/(1 + C)", False),
        ("J: C => ; k*exp(C)", False),
        ("J: C => ; r; r := k*C + 2", True),
        ("J: C => ; k*C*(1 + time)", False),
        ("J: C => ; piecewise(k, C > 1, 2*k)*C", False),
        ("J: C => ; k*C - 2*C/V + V", True),
        ("J: C => ; k*C; E: at (C > 3): C = 1", False),
    ],
)
def test_linearity_is_read_from_the_formulas(text, linear):
    assert is_linear(qsp.read_antimony(f"model m; species C; C = 1; {text}; k = 0.1; V = 2; end").network) is linear


# ------------------------------------------------------------------------------------------------------------ simulate
@pytest.mark.parametrize("at_dose", ["after", "before"])
@pytest.mark.parametrize("line", ["", " lag 2 h", " over 3 h", " over 30 h", " F 0.4"])
def test_simulate_starts_from_the_steady_state_of_a_regimen(line, at_dose):
    model = qsp.load("two_compartment_small_molecule")
    times = np.array([0, 1, 5, 24, 25, 30, 48, 60.0])
    steady = qsp.Experiment(model, times=times, regimen=f"100 mg into central every 24 h x 2{line} ss", at_dose=at_dose)
    many = f"100 mg into central every 24 h x 202{line}"
    late = qsp.Experiment(model, times=times + 200 * 24, regimen=many, at_dose=at_dose)
    found, expected = (qsp.simulate(e)["central"].to_numpy()[0, 0, 0] for e in (steady, late))
    assert found == pytest.approx(expected, rel=1e-7)


def test_each_subject_has_its_own_steady_state():
    model = qsp.read_antimony("model m; species C; C = 0; J: C => ; k*C; k = 0.3; end")
    arm = qsp.Experiment(model, times=[0, 2], regimen=qsp.Dose(10, "C", interval=6.0, steady_state=1))
    found = qsp.simulate(arm, subjects=pd.DataFrame({"k": [0.1, 0.4]}))["C"].to_numpy()[0, :, 0]
    for k, row in zip((0.1, 0.4), found, strict=True):
        assert row == pytest.approx(10 / (1 - math.exp(-6 * k)) * np.exp(-k * np.array([0, 2])), rel=1e-8)


def test_what_is_eliminated_into_does_not_hold_its_total():
    text = SATURABLE.replace("in V; C = 0", "in V, gone in V; C = 0; gone = 0").replace("Km = 2", "Km = 200")
    dose = qsp.Dose(100, "C", interval=12.0, steady_state=1)
    found = [
        qsp.simulate(qsp.Experiment(qsp.read_antimony(one), times=[0, 3, 11], observables=["C"], regimen=dose))
        for one in (text, text.replace("C => ;", "C => gone;"))
    ]
    assert found[1]["C"].to_numpy() == pytest.approx(found[0]["C"].to_numpy(), rel=2e-6)


def test_what_nothing_moves_does_not_stand_in_the_way():
    text = "model m; compartment V = {}; species C in V, R in V; C = 0; R = 4; J: C => ; k*C*V; k = 0.3; end"
    for size in (1.0, 3.7, 11.3, 20.1):
        model = qsp.read_antimony(text.format(size))
        dose = qsp.Dose(10, "C", interval=6.0, steady_state=1)
        ds = qsp.simulate(qsp.Experiment(model, times=[0, 2], observables=["amount(C)", "R"], regimen=dose))
        wanted = 10 / (1 - math.exp(-1.8)) * np.exp(-0.3 * np.array([0, 2]))
        assert ds["amount(C)"].to_numpy().ravel() == pytest.approx(wanted, rel=1e-7)
        assert ds["R"].to_numpy().ravel().tolist() == [4.0, 4.0]
        with pytest.raises(qsp.SimulationError, match="nothing removes"):
            qsp.simulate(qsp.Experiment(model, times=[0], regimen=qsp.Dose(1, "R", interval=6.0, steady_state=1)))


def test_a_subject_without_a_steady_state_is_recorded():
    model = qsp.read_antimony(SATURABLE)
    arm = qsp.Experiment(model, times=[0, 2], regimen=qsp.Dose(100, "C", interval=24.0, steady_state=1))
    people = pd.DataFrame({"Vm": [10.0, 3.0]})
    ds = qsp.simulate(arm, subjects=people, on_failure="record")
    assert ds["status"].to_numpy().ravel().tolist() == [0, 1]
    assert "no steady state" in str(ds["message"].to_numpy().ravel()[1])
    with pytest.raises(qsp.SimulationError, match="no steady state"):
        qsp.simulate(arm, subjects=people)


# -------------------------------------------------------------------------------------------- slow, and more than one
@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("species G = 1e6; J1: -> G; 1e6*k; J2: G -> ; k*G", 1_020_000),
        ("species G = 1e6, S = 0; J1: -> G; 1e6*k; J2: G -> S; k*G", 1_020_000),
        ("compartment V = 10; species G in V = 1e5; J1: -> G; 1e6*k; J2: G -> ; k*G*V", 102_000),
        ("compartment V = 10; species G in V = 1e5; G' = k*(1e5 - G)", 102_000),
        ("var G = 1e6; G' = k*(1e6 - G)", 1_020_000),
    ],
)
def test_an_endless_infusion_into_a_slow_pool_is_followed_until_it_rests(text, level):
    """The pool changes by less than counts as none in the first moments; Z is there to make the model no linear one."""
    model = qsp.read_antimony(f"model m; {text}; species Z = 1; J5: -> Z; 1 - Z^2; k = 1e-8; end")
    row = {"TIME": 0, "EVID": 1, "SS": 1, "AMT": 0, "RATE": 2e-4}
    assert ipred(model, [row, *at(0)], compartments="G", observables="G") == pytest.approx([level], rel=1e-9)


def test_what_an_endless_infusion_has_done_on_the_way_stays():
    """A is shared by two losses, of which the infusion feeds one: which share each has had, the way decides."""
    text = "species L = 0, A = 1, B = 0, C = 0; a: A -> B; 0.03*A*L; b: A -> C; 0.07*A; e: L -> ; L; f: C -> ; 0*B*C"
    row = {"TIME": 0, "EVID": 1, "SS": 1, "AMT": 0, "RATE": 1}
    model = qsp.read_antimony(f"model m; {text}; end")
    t = np.linspace(0, 400, 400_001)
    a = np.exp(-0.07 * t - 0.03 * (t - 1 + np.exp(-t)))
    share = np.trapezoid(0.03 * a * (1 - np.exp(-t)), t)
    assert ipred(model, [row, *at(0)], compartments="L", observables="B") == pytest.approx([share], rel=1e-6)


BISTABLE = "model m; species X = {}; a: -> X; 0.025*((X - 1)^2 + 0.03)*(5 - X)*(8 - X)*(20 - X)/(1 + X)^4; end"


@pytest.mark.parametrize("engine", ["roadrunner", "kernel"])
@pytest.mark.parametrize(
    ("begins", "leads"),
    [(0.1, 5.0755199827), (0.9, 5.0755199827), (4, 5.0755199827), (7.9, 20.119297079), (12, 20.119297079)],
)
def test_of_several_states_that_doses_could_lead_to_it_is_the_one_that_they_do(begins, leads, engine):
    """After a few doses the linearised map points from 1 to beyond 8, whence doses would lead to 20.

    The levels are those between which X falls by the dose in one interval, by quadrature.
    """
    model = qsp.read_antimony(BISTABLE.format(begins))
    arm = qsp.Experiment(model, times=[0], observables=["X"], regimen="0.001 into X every 1 x 1 ss")
    assert qsp.simulate(arm, engine=engine)["X"].item() == pytest.approx(leads, rel=5e-9)


@pytest.mark.parametrize(("tumour", "leads"), [(300.0, 957.7503008495), (190.0, 0.0)])
def test_a_tumour_above_what_it_needs_grows_and_one_below_dies_out(tumour, leads):
    text = "g: -> T; 0.01*T*(T/200 - 1)*(1 - T/1000); k: T -> ; 1e-4*C*T; e: C -> ; 0.1*C"
    model = qsp.read_antimony(f"model m; species C = 0, T = {tumour}; {text}; end")
    arm = qsp.Experiment(model, times=[0], observables=["T"], regimen="20 into C every 12 x 1 ss")
    assert qsp.simulate(arm)["T"].item() == pytest.approx(leads, rel=1e-8, abs=1e-15)


def test_doses_that_take_very_long_to_settle_are_not_waited_for_one_by_one():
    """With 119.9 in 12 of at most 120: each state before a dose obeys 2 ln(a/b) + a - b = 120."""
    model = qsp.read_antimony("model m; species C = 0; e: C -> ; 10*C/(2 + C); end")
    arm = qsp.Experiment(model, times=[0], observables=["C"], regimen="119.9 into C every 12 x 1 ss")
    level = 119.9 / (1 - math.exp(-0.05))
    assert qsp.simulate(arm)["C"].item() == pytest.approx(level, rel=2e-8)


def test_what_binds_for_ever_has_no_steady_state():
    model = qsp.load("reversible_binding_depletion")
    arm = qsp.Experiment(model, times=[0], regimen=qsp.Dose(1, "D", unit=None, interval=24.0, steady_state=1))
    with pytest.raises(qsp.SimulationError, match="nothing removes what is given"):
        qsp.simulate(arm)


@pytest.mark.parametrize(
    ("a", "b", "dose"), [(0.09492577269912467, 0.12815128179382754, 1.5229978409229032), (0.02, 0.01, 2)]
)
def test_what_the_way_decides_for_ever_is_no_steady_state_of_doses(a, b, dose):
    """A goes to B while there is C, and to D; D and B stay, so that doses do not lead everything to one state."""
    text = f"e: C -> ; C/(1 + C); x: A -> B; {a}*A*C; y: A -> D; {b}*A; q: D -> ; 0*B*D"
    model = qsp.read_antimony(f"model m; species C = 0, A = 4, B = 0, D = 0; {text}; end")
    arm = qsp.Experiment(model, times=[0], observables=["B"], regimen=f"{dose} into C every 12 x 1 ss")
    with pytest.raises(qsp.SimulationError, match=r"depend on the way|so slowly"):
        qsp.simulate(arm)


@pytest.mark.parametrize(("fast", "loss"), [(1e4, 1e-5), (1e6, 1e-5), (1e8, 1e-3), (1e10, 0.1), (1e10, 1e-5)])
def test_a_linear_model_whose_time_scales_lie_far_apart_settles_as_exactly(fast, loss):
    """A and B are one pool, of which half is lost by B; the error of that is 1/fast."""
    text = f"species A = 0, B = 0; f: A -> B; {fast}*A - {fast}*B; d: B -> ; {loss}*B"
    model = qsp.read_antimony(f"model m; {text}; end")
    assert is_linear(model.network)
    arm = qsp.Experiment(model, times=[0], observables=["A + B"], regimen="1 into A every 24 x 1 ss")
    pool = 1 / -math.expm1(-12 * loss)
    assert qsp.simulate(arm)["A + B"].item() == pytest.approx(pool, rel=5e-9 + 6e-4 / fast)


def test_an_infusion_into_a_stiff_linear_model_settles_too():
    text = "species A = 0, B = 0; f: A -> B; 1e9*A - 1e9*B; d: B -> ; 1e-4*B"
    row = {"TIME": 0, "EVID": 1, "SS": 1, "AMT": 0, "RATE": 2}
    found = ipred(qsp.read_antimony(f"model m; {text}; end"), [row, *at(0)], compartments="A", observables="B")
    assert found == pytest.approx([20_000], rel=1e-8)
