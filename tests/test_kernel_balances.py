"""Rates that ask which is larger of two that come to be equal: errors choose, so a tighter run must agree."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import sbmlqsp as qsp
from sbmlqsp.engine.balances import EVEN, balances, passive

ENGINES = ["roadrunner", "kernel"]
ALIKE = "model m; species A = 3, B = 1; z = 0; J: A -> B; A - B; z' = piecewise(1, A > B, 0.5); end"
"""A is always the larger, by 2*exp(-2*t), which soon is less than any error."""


def run(text, engine, end=1000, **more):
    arm = qsp.Experiment(qsp.read_antimony(text), times=np.linspace(0, end, 101), observables=["z"])
    return qsp.simulate(arm, engine=engine, **more)


@pytest.mark.parametrize("engine", ENGINES)
def test_what_errors_choose_is_refused_by_the_name_of_the_condition(engine):
    with pytest.raises(qsp.SimulationError, match=f"'A > B' {EVEN}.* differs in 'z'"):
        run(ALIKE, engine)


@pytest.mark.parametrize("engine", ENGINES)
def test_what_has_decayed_to_nothing_but_errors_is_doubted_as_well(engine):
    body = "C = 3; D = 1; C' = -C; D' = C - 2*D; z' = piecewise(1, C > 0.5*D, 2)"  # C is the larger for ever
    with pytest.raises(qsp.SimulationError, match=EVEN):
        run(f"model m; z = 0; {body}; end", engine)


@pytest.mark.parametrize("engine", ENGINES)
def test_where_a_tighter_run_agrees_it_is_told(engine):
    ds = run("model m; E = 0; z = 0; E' = 1 - E; z' = piecewise(1, E < 1, 2); end", engine, end=50)
    assert ds["z"].to_numpy().ravel()[-1] == pytest.approx(50, rel=1e-6)
    [message] = ds["message"].to_numpy().ravel()
    assert f"'E < 1' {EVEN}; a run with tighter tolerances agrees" in message


QUIET = {
    "decay": ("C = 1; C' = -C; z' = piecewise(1, C > 0, 2)", 30, 30),
    "two decays": ("C = 1; D = 3; C' = -C; D' = -D; z' = piecewise(1, C > D, 2)", 30, 60),
    "crossing at an output": ("x = 0; x' = 1; z' = piecewise(1, x >= 24, 0)", 48, 24),
    "equal from the start": ("x = 1; y = 0; x' = 0*y; y' = 1; z' = piecewise(1, x >= 1, 0)", 48, 48),
    "nothing at first": ("A = 0; B = 0; A' = -A; B' = -2*B; z' = piecewise(1, A > B, 0.5)", 48, 24),
}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("case", QUIET)
def test_ordinary_conditions_are_not_doubted(case, engine):
    body, end, exact = QUIET[case]
    ds = run(f"model m; z = 0; {body}; end", engine, end=end)
    assert ds["z"].to_numpy().ravel()[-1] == pytest.approx(exact, rel=1e-6)
    assert [str(m) for m in ds["message"].to_numpy().ravel()] == [""]


def test_of_a_population_only_whom_it_concerns_is_refused():
    text = ALIKE.replace("A - B;", "A - g*B;").replace("model m;", "model m; g = 1;")
    table = pd.DataFrame({"g": [1.0, 0.5, 0.9]})
    arm = qsp.Experiment(qsp.read_antimony(text), times=np.linspace(0, 400, 101), observables=["z"])
    ds = qsp.simulate(arm, subjects=table, engine="kernel", on_failure="record")
    assert np.isfinite(ds["z"].to_numpy()).all(axis=-1).ravel().tolist() == [False, True, True]


def test_comparisons_of_what_moves_are_put_out_and_others_are_not():
    network = qsp.read_antimony(
        "model m; k = 1; x = 1; x' = piecewise(1, x < 2*k, 0) + piecewise(1, k > 2, 0) + piecewise(1, time > 3, 0); end"
    ).network
    assert [b.condition for b in balances(network)] == ["x < 2*k"]
    assert list(passive(network)) == ["qsp_gap_0", "qsp_size_0"]
