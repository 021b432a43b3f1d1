"""What grows out of itself is found by its formulas, and regrows from what was left of it, however little."""

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import solve_ivp

import sbmlqsp as qsp
from sbmlqsp.engine.growth import growing

FOUND = {
    "a tumour under a drug": ("T = 1; C = 1; T' = 0.5*T*(1 - T/1e3) - 8*C*T; C' = -0.1*C", {"T"}),
    "division and death as reactions": ("species X = 1; ->X; b*X; X->; d*X; b = 0.4; d = 0.5", {"X"}),
    "a growth that a subject may turn on": ("x = 1; x' = g*x - d*x; g = 0; d = 1", {"x"}),
    "a virus": ("species T = 1e3, I = 0, V = 1; T->I; 1e-4*T*V; I->; 0.5*I; ->V; 100*I; V->; 3*V", {"I", "V"}),
    "an epidemic": ("species S = 1e3, I = 1, R = 0; S->I; 1e-4*S*I; I->R; 0.5*I", {"I"}),
    "a kinase that activates itself": ("species K = 100, P = 1; K + P->2 P; 0.1*K*P; P->K; 0.2*P", {"P"}),
    "one that does so by a complex": ("species S = 9, I = 1, C = 0; S + I->C; S*I; C->2 I; C; I->; 0.1*I", {"C", "I"}),
    "two compartments": ("species D = 1, A = 0, B = 0; D->A; 1.2*D; A->B; A; B->A; 2*B; A->; 0.1*A", set()),
    "two in one reversible law": ("species A = 1, B = 0; A->B; A - 2*B; A->; 0.1*A", set()),
    "binding and turnover": ("species L = 9, R = 3, C = 0; L + R->C; L*R - 0.01*C; ->R; 0.3; R->; 0.1*R; C->; 0.5*C",
                             set()),
    "enzymes in a cycle": ("species A = 1, B = 1; A->B; 2*A/(3 + A); B->A; 4*B/(1 + B)", set()),
    "an enzyme by mass action": ("species E = 1, S = 9, C = 0, P = 0; E + S->C; E*S - C; C->E + P; C; P->S; P", set()),
    "an inhibited response": ("species R = 1, C = 1; ->R; 1/(1 + C); R->; 0.1*R; C->; C", set()),
    "nothing that moves": ("k = 1", set()),
}  # fmt: skip


@pytest.mark.parametrize("name", FOUND)
def test_what_grows_out_of_itself_is_found(name):
    text, expected = FOUND[name]
    assert growing(qsp.read_antimony(f"model m; {text}; end").network) == expected


KILLED = {
    "of a parameter": "x = 1; C = 1; k = 8; C' = -0.1*C; x' = 0.5*x*(1 - x/1e3) - k*C*x",
    "of species": "species x = 1, C = 1; k = 8; C->; 0.1*C; ->x; 0.5*x*(1 - x/1e3); x->; k*C*x",
    "with events": "x = 1; C = 1; k = 8; C' = -0.1*C; x' = 0.5*x*(1 - x/1e3) - k*C*x; n = 0; at (C < 0.5): n = 1",
}


@pytest.mark.parametrize("engine", ["kernel", "roadrunner"])
@pytest.mark.parametrize("form", KILLED)
@pytest.mark.parametrize("times", [np.arange(0.0, 151.0), np.array([0.0, 150.0])], ids=["many", "two"])
def test_what_is_nearly_gone_regrows_from_what_is_left(times, form, engine):
    """Left at 3e-19 to 1e-77 of it; under an absolute tolerance of 1e-15, noise was left, which grew as well."""
    k = np.array([6.0, 8.0, 12.0, 20.0])

    def logarithm(t, y):
        return 0.5 * (1 - np.exp(y) / 1e3) - k * np.exp(-0.1 * t)

    solved = solve_ivp(logarithm, (0, 150), np.zeros(4), t_eval=times, method="LSODA", rtol=1e-11, atol=1e-11)
    arm = qsp.Experiment(qsp.read_antimony(f"model m; {KILLED[form]}; end"), times=times, observables=["x"])
    found = qsp.simulate(arm, engine=engine, subjects=pd.DataFrame({"k": k}), workers=1)
    assert not found["status"].any()
    assert found["x"].to_numpy()[0, :, 0] == pytest.approx(np.exp(solved.y), rel=2e-5)


def test_derivatives_after_a_nadir_are_those_of_what_is_left():
    text = "x = 1; C = 1; k = 8; g = 0.5; C' = -0.1*C; x' = g*x - k*C*x"
    arm = qsp.Experiment(qsp.read_antimony(f"model m; {text}; end"), times=[150.0], observables=["x"])
    found = qsp.sensitivities(arm, ["k", "g", "x"])["x"].to_numpy().ravel()
    lost = 10 * (1 - np.exp(-15.0))
    x = np.exp(0.5 * 150 - 8 * lost)
    assert found == pytest.approx([-lost * x, 150 * x, x], rel=2e-6)


@pytest.mark.parametrize("engine", ["kernel", "roadrunner"])
def test_a_virus_that_starts_without_infected_cells_runs(engine):
    """A start from exactly nothing has no share of itself to be held to."""
    text = "model m; species T = 1e7, I = 0, V = 1e-3; T->I; 1e-7*T*V; I->; 0.5*I; ->V; 100*I; V->; 3*V; end"

    def rates(_, y):
        new = 1e-7 * y[0] * y[2]
        return [-new, new - 0.5 * y[1], 100 * y[1] - 3 * y[2]]

    times = np.linspace(0, 20, 21)
    exact = solve_ivp(rates, (0, 20), [1e7, 0, 1e-3], t_eval=times, method="LSODA", rtol=1e-11, atol=1e-14).y
    arm = qsp.Experiment(qsp.read_antimony(text), times=times, observables=["T", "I", "V"])
    found = qsp.simulate(arm, engine=engine)
    for name, course in zip(("T", "I", "V"), exact, strict=True):
        assert found[name].to_numpy().ravel() == pytest.approx(course, rel=1e-6, abs=1e-9)


def test_a_looser_absolute_tolerance_is_taken_at_its_word():
    text = "model m; x = 1; C = 1; C' = -0.1*C; x' = 0.5*x - 8*C*x; end"
    arm = qsp.Experiment(qsp.read_antimony(text), times=[0, 150], observables=["x"])
    found = qsp.simulate(arm, engine="kernel", tolerances=qsp.Tolerances(1e-8, 1e-6))
    assert abs(found["x"].to_numpy().ravel()[1] / np.exp(75 - 80 * (1 - np.exp(-15.0))) - 1) > 0.1


@pytest.mark.parametrize("engine", ["kernel", "roadrunner"])
def test_what_is_nothing_but_rounding_errors_at_first_is_integrated(engine):
    """Its own rate is ``1 + x^4 - 1``, which is 0 or 2e-16 where x is small, so that no step agrees with its half."""
    text = """model m; species x = 0, y = 0; Kd = 0.04
      ->y; 1.31*(1 + (x/Kd)^4 - 1)/(1 + (x/Kd)^4) + 0.3*(1 + z^4 - 1)/(1 + z^4); y->; y; ->x; 2*y; x->; 0.5*x
      z = 0; z' = 0.01; end"""
    arm = qsp.Experiment(qsp.read_antimony(text), times=np.linspace(0, 1, 21), observables=["x", "y"])
    found = qsp.simulate(arm, engine=engine)
    assert np.abs(found["x"].to_numpy()).max() < 1e-6
