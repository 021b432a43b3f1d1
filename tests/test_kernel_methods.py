"""The methods of the batch kernel: their orders, handing patients over, tight tolerances."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import sbmlqsp as qsp
from sbmlqsp.batch import run_batch
from sbmlqsp.engine import ode_explicit_lanes as explicit
from sbmlqsp.engine import ode_methods
from sbmlqsp.engine import ode_radau_tableau as radau
from sbmlqsp.subjects import read_subjects

OSCILLATOR = """model oscillator
  x = 2; y = -0.66; mu = 200; x' = y; y' = mu*((1 - x^2)*y - x)
end"""
TIMES = np.linspace(0, 3, 13)


@pytest.fixture(scope="module")
def oscillator():
    return qsp.Experiment(qsp.read_antimony(OSCILLATOR), times=TIMES, observables=["x"])


@pytest.fixture
def visited(monkeypatch):
    """Return by which methods runs went, in their order."""
    found, load = [], ode_methods._loop

    def noted(by):
        found.append(by)
        return load(by)

    monkeypatch.setattr(ode_methods, "_loop", noted)
    return found


def people(n):
    return pd.DataFrame({"mu": 200 * np.exp(0.2 * np.random.default_rng(3).standard_normal(n))})


def run(arm, table, relative, *, threads=1):
    tolerances = qsp.Tolerances(relative, 1e-3 * relative)
    found = run_batch(arm, read_subjects(table, (arm,), drawn=None), tolerances=tolerances, threads=threads)
    assert not found.status.any(), found.messages
    return found.columns["x"]


def test_radaus_numbers_are_those_of_collocation_at_its_points():
    c, s = radau.C, radau.STAGES
    powers = np.vander(c, s, increasing=True)
    integrals = np.array([[x ** (k + 1) / (k + 1) for k in range(s)] for x in c])
    inverse = powers @ np.linalg.inv(integrals)
    blocks = np.zeros((s, s))
    blocks[0, 0] = radau.GAMMA
    for k, (real, imaginary) in enumerate(radau.PAIRS):
        j = 1 + 2 * k
        blocks[j : j + 2, j : j + 2] = [[real, -imaginary], [imaginary, real]]
    assert radau.T @ blocks @ radau.T_INVERSE == pytest.approx(inverse, rel=1e-11, abs=1e-11)
    back = radau.T @ radau.T_INVERSE
    assert back == pytest.approx(np.eye(s), abs=1e-13)
    moments = [np.polynomial.legendre.legval(2 * x - 1, [0] * (s - 1) + [-1, 1]) for x in c]
    assert moments == pytest.approx(np.zeros(s), abs=1e-14)  # the zeros of P_5 - P_4: order 9
    # the error is that of the formula through the begin and the points that is right for polynomials of degree 4
    for k in range(s):
        exact, rates = 1.0, c**k * (k + 1)
        stages = np.linalg.solve(inverse, rates)
        begin = 1.0 if k == 0 else 0.0
        embedded = stages[-1] + (begin + radau.E @ stages) / radau.GAMMA
        assert embedded == pytest.approx(exact, abs=1e-12)


def test_fast_parts_that_follow_slow_ones_are_handed_over_and_results_stay(oscillator, visited):
    exact = run(oscillator, people(20), 1e-12)
    assert visited == ["radau"]
    visited.clear()
    found = run(oscillator, people(20), 1e-9)
    assert visited == ["rodas", "radau"]
    assert found == pytest.approx(exact, rel=1e-7)  # at jumps, whose times are off


def test_who_is_beside_whom_changes_no_bit_when_patients_are_handed_over(oscillator, visited):
    table = people(70)
    together = run(oscillator, table, 1e-7, threads=1)
    assert visited[:3] == ["rodas", "radau", "rodas"]  # of some that do not pay
    assert (run(oscillator, table, 1e-7, threads=2) == together).all()
    alone = np.concatenate([run(oscillator, table.iloc[[k]], 1e-7) for k in (0, 33, 69)])
    assert (alone == together[[0, 33, 69]]).all()


def test_smooth_patients_come_back_and_loose_tolerances_are_not_handed_over(visited):
    text = "model m; S = 1; P = 0; w = 40; S' = -w*P; P' = w*S; end"  # turns without any fast part
    arm = qsp.Experiment(qsp.read_antimony(text), times=np.linspace(0, 2, 5), observables=["S"])
    tolerances = qsp.Tolerances(1e-7, 1e-10)
    found = run_batch(arm, read_subjects(None, (arm,)), tolerances=tolerances)
    assert visited[:3] == ["rodas", "radau", "rodas"]
    assert found.columns["S"][0] == pytest.approx(np.cos(40 * np.linspace(0, 2, 5)), abs=1e-5)
    visited.clear()
    run_batch(arm, read_subjects(None, (arm,)), tolerances=qsp.Tolerances(1e-4, 1e-7))
    assert visited == ["rodas"]


def test_doses_and_outputs_go_on_where_a_patient_was_handed_over(visited):
    text = """model m; species depot, central; depot = 0; central = 0; x = 2; y = -0.66; mu = 300; ka = 2; k = 0.7
      x' = y; y' = mu*((1 - x^2)*y - x); a: depot -> central; ka*depot; b: central -> ; k*central
    end"""
    times = np.linspace(0, 4, 81)
    regimen = qsp.Regimen.parse("10 into depot every 1 x 3")
    arm = qsp.Experiment(qsp.read_antimony(text), times=times, regimen=regimen, observables=["central"])
    found = qsp.simulate(arm, engine="kernel", tolerances=qsp.Tolerances(1e-9, 1e-12))
    assert "radau" in visited
    since = np.maximum(times[:, None] - np.arange(3), 0.0)
    exact = (10 * 2 / (2 - 0.7) * (np.exp(-0.7 * since) - np.exp(-2 * since))).sum(axis=1)
    assert found["central"].to_numpy().ravel() == pytest.approx(exact, rel=1e-8, abs=1e-8)


def test_the_tightest_tolerances_are_reached(oscillator, visited):
    text = "model m; S = 1; P = 0; S' = -3*S; P' = 3*S - 0.1*P; end"
    times = np.linspace(0, 5, 11)
    arm = qsp.Experiment(qsp.read_antimony(text), times=times, observables=["S", "P"])
    found = run_batch(arm, read_subjects(None, (arm,)), tolerances=qsp.Tolerances(1e-13, 1e-19))
    assert visited == ["radau"]
    assert found.columns["S"][0] == pytest.approx(np.exp(-3 * times), rel=1e-12)
    assert found.columns["P"][0] == pytest.approx(3 / 2.9 * (np.exp(-0.1 * times) - np.exp(-3 * times)), rel=1e-12)


def calm(*, count=12, more=""):
    """Return smooth decays that feed each other, at rates of about one."""
    names = [f"s{i}" for i in range(count)]
    flows = "; ".join(f"{s}' = {names[i - 1]}/(1 + {names[i - 1]}) - (1 + 0.1*{i})*{s}" for i, s in enumerate(names))
    starts = "; ".join(f"{s} = {1 + i}" for i, s in enumerate(names))
    return f"model calm; {starts}; fast = 0; {more}; {flows}; end"


def test_the_explicit_methods_numbers_are_of_order_five():
    nodes, weights = np.array(explicit._NODES), explicit.WEIGHTS
    stages = weights[: explicit.STAGES]
    assert stages.sum(axis=1) == pytest.approx(nodes)
    end = np.append(stages[-1, :-1], 0.0)
    for k in range(5):
        assert end @ nodes**k == pytest.approx(1 / (k + 1))
    embedded = stages[-1] - weights[explicit.STAGES]  # of order 4
    for k in range(4):
        assert embedded @ nodes**k == pytest.approx(1 / (k + 1))
    assert abs(embedded @ nodes**4 - 1 / 5) > 1e-4
    assert end @ stages @ nodes**3 == pytest.approx(1 / 20)
    assert weights[explicit.STAGES + 2].sum() == pytest.approx(0.0, abs=1e-12)


def test_what_is_not_stiff_goes_by_the_explicit_method_in_the_auto_mode(visited):
    arm = qsp.Experiment(qsp.read_antimony(calm()), times=np.linspace(0, 8, 33), observables=["s0", "s7"])
    people = read_subjects(None, (arm,))
    exact = run_batch(arm, people, tolerances=qsp.Tolerances(1e-12, 1e-15))
    visited.clear()
    found = run_batch(arm, people, tolerances=qsp.Tolerances(1e-8, 1e-11))
    assert visited == ["rodas", "explicit"]
    for name in ("s0", "s7"):
        assert found.columns[name][0] == pytest.approx(exact.columns[name][0], rel=1e-7)


def test_what_becomes_stiff_leaves_the_explicit_method(visited):
    text = calm(more="k := piecewise(1, time < 4, 5000); slow = 1; slow' = k*(s0 - slow)")
    arm = qsp.Experiment(qsp.read_antimony(text), times=np.linspace(0, 8, 33), observables=["s0", "slow"])
    people = read_subjects(None, (arm,))
    exact = run_batch(arm, people, tolerances=qsp.Tolerances(1e-12, 1e-15))
    visited.clear()
    found = run_batch(arm, people, tolerances=qsp.Tolerances(1e-8, 1e-11))
    assert visited[:3] == ["rodas", "explicit", "rodas"]
    assert found.columns["slow"][0] == pytest.approx(exact.columns["slow"][0], rel=1e-7)


@pytest.mark.parametrize("relative", [1e-8, 1e-10])
def test_what_has_decayed_below_the_least_number_is_gone(relative):
    """Numbers without digits may be below zero by rounding, where a power that is no whole number is none."""
    model = qsp.read_antimony("model m; C = 100; C' = -C; E = 2; E' = 0.5/(1 + C^1.3) - 0.5*E; end")
    arm = qsp.Experiment(model, times=[0, 1, 700, 1000], observables=["C", "E"])
    found = run_batch(arm, read_subjects(None, (arm,), drawn=None), threads=1,
                      tolerances=qsp.Tolerances(relative, 1e-24))  # fmt: skip
    assert not found.status.any(), found.messages
    assert found.columns["C"][0, :3] == pytest.approx(100 * np.exp([0.0, -1.0, -700.0]), rel=0.05)
    assert found.columns["C"][0, 3] == 0.0
    assert found.columns["E"][0, 3] == pytest.approx(1.0, rel=1e-9)
