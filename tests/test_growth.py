"""What grows out of itself is found by its formulas, and regrows from what was left of it, however little."""

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import solve_ivp
from scipy.linalg import expm

import sbmlqsp as qsp
from sbmlqsp.engine.growth import growing

SITES = [(m, m | 1 << k, k) for m in range(8) for k in range(3) if not m >> k & 1]
SCAFFOLD = "; ".join(
    ["species " + ", ".join([*(f"S{m} = 1" for m in range(8)), *(f"L{k} = 1" for k in range(3))])]
    + [f"S{free} + L{k}->S{bound}; S{free}*L{k} - S{bound}" for free, bound, k in SITES]
)
RING = "; ".join(f"x{i} = {i}; x{i}' = 2*x{(i + 1) % 70} - 4*x{i} + 2*x{(i - 1) % 70}" for i in range(70))
SATURABLE = "; ".join(
    f"s{i} = 1; s{i}' = s{i - 1 if i else 11}/(1 + s{i - 1 if i else 11}) - (1 + 0.1*{i})*s{i}" for i in range(12)
)
FOUND = {
    "a tumour under a drug": ("T = 1; C = 1; T' = 0.5*T*(1 - T/1e3) - 8*C*T; C' = -0.1*C", {"T"}),
    "division and death as reactions": ("species X = 1; ->X; b*X; X->; d*X; b = 0.4; d = 0.5", {"X"}),
    "a growth that a subject may turn on": ("x = 1; x' = g*x - d*x; g = 0; d = 1", {"x"}),
    "a virus": ("species T = 1e3, I = 0, V = 1; T->I; 1e-4*T*V; I->; 0.5*I; ->V; 100*I; V->; 3*V", {"I", "V"}),
    "an epidemic": ("species S = 1e3, I = 1, R = 0; S->I; 1e-4*S*I; I->R; 0.5*I", {"I"}),
    "a kinase that activates itself": ("species K = 100, P = 1; K + P->2 P; 0.1*K*P; P->K; 0.2*P", {"P"}),
    "one that does so by a complex": ("species S = 9, I = 1, C = 0; S + I->C; S*I; C->2 I; C; I->; 0.1*I", {"C", "I"}),
    "one whose complex falls apart into two": (
        "species S = 9, I = 1, C = 0, J = 0; S + I->C; S*I; C->I + J; C; J->I; J; I->; 0.1*I", {"C", "I", "J"}),
    "such a one whose pool is filled again": (
        "species S = 9, I = 1, C = 0, J = 0; S + I->C; S*I; C->I + J; C; J->I; J; I->S; I", {"C", "I", "J"}),
    "a kinase that activates itself by a complex": (
        "species K = 9, P = 1, C = 0; K + P->C; K*P - C; C->2 P; C; P->K; P", {"C", "P"}),
    "two kinases that activate each other": (
        """species A = 9, B = 9, X = 1, Y = 1, P = 0, Q = 0; A + Y->P; A*Y; P->X + Y; P; X->A; X;
           B + X->Q; B*X; Q->X + Y; Q; Y->B; Y""", {"X", "Y", "P", "Q"}),
    "a complex that forms a billion times faster": (
        "species S = 9, I = 1, C = 0; S + I->C; 1e6*S*I; C->2 I; 1e-3*C; I->; I", {"C", "I"}),
    "a chain that comes back as two": (
        "species C = 1, U = 0, W = 0; C->U; C; U->W; U; W->2 C; W; C->; 9*C", {"C", "U", "W"}),
    "one that is mostly turned into something else": (
        "species I = 1, C = 0, R = 0; I->C; I; C->2 I; C; C->R; 1e9*C; I->R; 1e9*I", {"C", "I"}),
    "one of which pairs are lost": (
        "species I = 1, C = 0, D = 0; I->C; I; C->2 I; 0.1*C; 2 I->D; 9*I^2; D->I; 9*D", {"C", "D", "I"}),
    "a number of offspring that may change": (
        "species C = 1, W = 0; b = 1; C->W; C; W->b C; W; C->; 9*C", {"C", "W"}),
    "a number of offspring by a rule": (
        "species C = 1, W = 0; n = 1; b := n; C->W; C; W->b C; W; C->; 9*C", {"C", "W"}),
    "a loss that runs backwards": ("species x = 1; x->; (d - g)*x; d = 1; g = 2", {"x"}),
    "a virus in two compartments": (
        """compartment p = 3, t = 0.1; species T in t, I in t, V in p, U in t; T = 9; I = 0; V = 1; U = 0;
           T->I; t*T*U; I->; I*t; ->U; 9*I*t; V->U; V - U; U->; U*t""", {"I", "U", "V"}),
    "one by assignment rules": (
        "species I = 1, C = 0; v := 2*C*h; h := 1/(1 + I); I->C; I; C->; C; ->I; v", {"C", "I"}),
    "a growth that begins later": ("x = 1; g := piecewise(0, time < 5, 0.5); x' = g*x - 0.1*x", {"x"}),
    "a growth while there is no drug": ("x = 1; C = 1; C' = -C; x' = piecewise(0.5, C < 1e-9, 0)*x - 0.1*x", {"x"}),
    "a growth that a condition turns on": ("x = 1; x' = (time > 5)*x - 0.1*x", {"x"}),
    "a growth where two conditions are met": (
        "x = 1; C = 1; C' = -C; x' = piecewise(0.5, time > 500, 0)*piecewise(0, C > 1e-30, 1)*x - 0.1*x", {"x"}),
    "a condition on its own and in another": ("x = 1; x' = piecewise(0, time < 5, 0.5)*(time >= 5)*x - 0.1*x", {"x"}),
    "a condition within and without": ("x = 1; x' = piecewise(0.5, time > 5, 0)*(1 - (time < 5))*x - 0.1*x", {"x"}),
    "a condition within a condition": ("x = 1; x' = piecewise(0.5, (x > 3) == (time > 5), 0)*(x > 3)*x - x", set()),
    "a growth by day": ("x = 1; x' = 2*sin(0.26*time)*x - x", {"x"}),
    "a growth that a drug stops": ("x = 1; C = 1; C' = -C; x' = 2*x/(1 + (C/1e-12)^4) - x", {"x"}),
    "cells that all divide at once": ("N = 1; c = 0; c' = 1; N' = -0.1*N; at (c > 1): N = 2*N, c = 0", {"N"}),
    "species that all divide at once": ("species N = 1; N->; 0.1*N; at (time > 1): N = N + 0.5*N", {"N"}),
    "two that make each other now and then": (
        "species X = 1, Y = 0; X->Y; X; Y->; Y; at (time > 1): X = X + 2*Y", {"X", "Y"}),
    "two that make each other by what is noted": (
        "x = 1; n = 0; x' = -0.1*x; E: at (time > 5): n = x; F: at (time > 6): x = 3*n", {"x"}),
    "a growth that an event turns on": ("x = 1; n = 0; x' = n*x - 0.1*x; E: at (time > 5): n = 1", {"x"}),
    "a number that an event doubles": ("x = 1; n = 1; x' = n - x; E: at (time > 5): n = 2*n", set()),
    "a growth of which the rate is asked for": ("x = 1; y = 0; x' = x - 0.1*x; y' = rateOf(x) - y", {"x"}),
    "a growth that is not given yet": ("x = 1; x' = g*x - x; g = NaN", {"x"}),
    "one that feeds on a constant that is not there": ("species x = 1, $F = 0; F + x->2 x; F*x; x->; x", {"x"}),
    "doses, dilutions and what is moved": (
        """compartment p = 3, t = 0.1; species X in p, Y in t, D; X = 1; Y = 1; D = 1; X->Y; X; D->; D; z = 1; z' = -z;
           at (time > 5): D = D + 100, z = 0.5*z; at (time > 1): X = X + Y*t/p, Y = 0""", set()),
    "binding by rates": ("L = 9; R = 3; C = 0; L' = C - L*R; R' = C - L*R; C' = L*R - C", set()),
    "complexes of the same": ("species A = 9, D = 0; A + A->D; A^2; D->A + A; D; D->; D", set()),
    "a product that holds up what makes it": (
        "species E = 1, S = 9, C = 0, P = 0; E + S->C; E*S; C->E + P; C/(1 + P); P->S; P", set()),
    "a share that may be more than the whole": (
        "species A = 1, B = 0, R = 0, F = 0; A->B; A; B->A; B; B->R; f*B; B->F; (1 - f)*B; f = 0.5", set()),
    "a substrate that inhibits": ("species S = 1, P = 0; S->P; S/(1 + S + S^2/0.1); P->S; P", set()),
    "a cascade of enzymes": (
        """species E = 1, A = 9, X = 0, B = 9, Y = 0, Z = 0, F = 1, G = 1, C = 0, D = 0, H = 0, I = 0, J = 0, K = 0;
           E + A->C; E*A - C; C->E + X; C; X + F->D; X*F - D; D->A + F; D; X + B->H; X*B - H; H->X + Y; H;
           Y + G->I; Y*G - I; I->B + G; I; X + Y->J; X*Y - J; J->X + Z; J; Z + G->K; Z*G - K; K->Y + G; K""", set()),
    "a scaffold of three sites": (SCAFFOLD, set()),
    "a ring of saturable rates": (SATURABLE, set()),
    "diffusion by rates": (RING, set()),
    "diffusion and growth by rates": (RING.replace("4*", "3*"), {f"x{i}" for i in range(70)}),
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


def test_what_grows_by_what_is_dosed_is_found():
    network = qsp.read_antimony("model m; species F = 0; x = 1; x' = F*x - 0.1*x; end").network
    assert growing(network) == growing(network.dosed_into(["F"])) == {"x"}


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


REBORN = {
    "a complex that falls apart into two": (
        """species S = 1, x = 1e-12, C = 0, J = 0, D = 1; S + x->C; 0.4*S*x; C->x + J; C; J->x; J; D->; 0.1*D;
           x->; k*D*x; C->; k*D*C; J->; k*D*J""",
        lambda t: 1e-12 * expm(np.array([[-0.4, 1, 1], [0.4, -1, 0], [0, 1, -1]]) * t)[0, 0]),
    "a pool that is filled again": (
        """species S = 1, x = 1e-12, C = 0, D = 1; S + x->C; S*x; C->2 x; C; x->S; 0.1*x; D->; 0.1*D;
           x->; k*D*x; C->; k*D*C""",
        lambda t: 1e-12 * expm(np.array([[-1.1, 2], [1, -1]]) * t)[0, 0]),
    "a division by events": (
        "x = 1; c = 0; D = 1; c' = 1; D' = -0.1*D; x' = -k*D*x; at (c > 1.01): x = 2*x, c = 0",
        lambda t: 2.0 ** np.floor(t / 1.01)),
    "a division by events of species": (
        "species x = 1, D = 1; D->; 0.1*D; x->; k*D*x; c = 0; c' = 1; at (c > 1.01): x = x + x, c = 0",
        lambda t: 2.0 ** np.floor(t / 1.01)),
    "a growth that an event turns on": (
        "x = 1; D = 1; n = 0; D' = -0.1*D; x' = n*x - k*D*x; E: at (time > 50): n = 0.8",
        lambda t: np.exp(0.8 * max(t - 50, 0))),
    "a growth of which the rate is asked for": (
        "x = 1; D = 1; D' = -0.1*D; x' = 0.5*x - k*D*x; y := rateOf(x)",
        lambda t: np.exp(0.5 * t)),
    "a growth that only its subjects have": (
        "x = 1; D = 1; D' = -0.1*D; x' = g*x - k*D*x; g = NaN",
        lambda t: np.exp(0.5 * t)),
    "a growth that begins late": (
        "x = 1; D = 1; D' = -0.1*D; x' = piecewise(0, time < 50, 0.8)*x - k*D*x",
        lambda t: np.exp(0.8 * max(t - 50, 0))),
}  # fmt: skip


@pytest.mark.parametrize("engine", ["kernel", "roadrunner"])
@pytest.mark.parametrize("form", REBORN)
@pytest.mark.parametrize("times", [np.arange(0.0, 151.0, 3.0), np.array([0.0, 150.0])], ids=["many", "two"])
def test_what_grows_by_way_of_others_or_now_and_then_regrows_as_well(times, form, engine):
    """Each is what it would be without the drug, times what the drug leaves, down to 1e-87 of it."""
    text, undisturbed = REBORN[form]
    k = np.array([6.0, 8.0, 12.0, 20.0])
    exact = np.array([undisturbed(t) * np.exp(-10 * k * (1 - np.exp(-0.1 * t))) for t in times]).T
    own = {"g": 0.5} if "g = NaN" in text else {}
    arm = qsp.Experiment(qsp.read_antimony(f"model m; k = 8; {text}; end"), times=times, observables=["x"])
    found = qsp.simulate(arm, engine=engine, subjects=pd.DataFrame({"k": k} | own), workers=1)
    assert not found["status"].any()
    assert found["x"].to_numpy()[0, :, 0] == pytest.approx(exact, rel=2e-5, abs=0)


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
