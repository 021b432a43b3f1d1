"""Cells that run side by side give the numbers of cells that run alone, bit for bit, whatever happens to them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sbmlqsp as qsp
from sbmlqsp.engine import codegen_lanes
from sbmlqsp.engine.codegen_lanes import never_negative, runs_in_lanes
from sbmlqsp.engine.jumps import jump_system
from sbmlqsp.engine.spans import Stop
from sbmlqsp.engine.ssa import Cells
from sbmlqsp.engine.ssa_arithmetic import exponential
from sbmlqsp.engine.ssa_status import BAD_LAW, BELOW_ZERO, LANES, TOO_MANY
from tests.cells import ready, run

RING = 9
DOSES = [Stop(t, (("X", True, 5.0),), dosed=True) for t in (0.0, 0.5, 3.0)]
MODELS = {
    "few channels": "species X, Y; X = 3; Y = 0; into: => X; 20; swap: X -> Y; 2*X - Y; pair: X + Y => ; 0.1*X*Y",
    "rules and volumes": "compartment V = 2; species X in V; X = 8; k = 3; r := k*X; up: => X; 5*r; down: X => ; 8*X*V",
    "many channels": "species " + ", ".join(f"X{i}" for i in range(RING)) + "; X := X0; " + "; ".join(
        f"X{i} = {i % 3}; on{i}: X{i} => X{(i + 1) % RING}; X{i}; new{i}: => X{i}; {i % 4}" for i in range(RING)),
    "steps in time": "species X; X = 0; into: => X; piecewise(9, time >= 1 && time < 2, 1); out: X => ; X",
    "nothing happens any more": "species X; X = 4; out: X => ; X",
    "two at a time": "species X, D; X = 9; D = 0; pair: 2 X => D; X*(X - 1)/2; part: D => 2 X; D",
}  # fmt: skip


def both(cells: Cells, *args, **how):
    """Run cells side by side and alone, and return what both gave."""
    assert cells.side_by_side
    together = run(cells, *args, **how)
    alone = Cells(cells.system, cells.outputs)
    alone.__dict__["side_by_side"] = False
    apart = run(alone, *args, **how)
    for name in ("out", "status", "time", "jumps", "fate"):
        np.testing.assert_array_equal(getattr(together, name), getattr(apart, name), err_msg=name)
    assert together.messages == apart.messages
    return together


@pytest.mark.parametrize("name", MODELS)
def test_the_same_bits(name):
    found = both(ready(MODELS[name], "X"), [0, 0.4, 1, 1.5, 4], count=3 * LANES + 5)
    assert found.jumps.min() > 0
    assert len(np.unique(found.out[:, -1])) > 1 or name == "nothing happens any more"


@pytest.mark.parametrize("at_dose", ["after", "before"])
@pytest.mark.parametrize("grid", [[0, 0.5, 2, 3], [0], [3]])
def test_the_same_bits_with_doses(at_dose, grid):
    stops = [s for s in DOSES if s.time <= grid[-1]]
    found = both(ready(MODELS["few channels"], "X"), grid, count=40, stops=stops, at_dose=at_dose)
    if grid == [0]:
        assert (found.out == (8 if at_dose == "after" else 3)).all()


@pytest.mark.parametrize(("text", "status", "said"), [
    ("species X; X = 3; out: X => ; 2", BELOW_ZERO, "'X'"),
    ("species A, X; A = 9; X = 3; out: A + X => ; 2", BELOW_ZERO, "'X'"),
    ("species X; X = 1; grow: X => 2 X; 9*X", TOO_MANY, "after 501 jumps"),
    ("species X; X = 5; into: => X; 1; odd: => X; 6 - X", BAD_LAW, "'odd'"),
    ("species X; X = 3; out: X => ; 1/(X - 1)", BAD_LAW, "'out'"),
    ("species X; X = 3; k = 0/0; into: => X; 1; odd: => X; k", BAD_LAW, "'odd'"),
    ("species X; X = 3; k = -1; into: => X; k", BAD_LAW, "'into'"),
    ("species X; X = 2; out: X => ; X; " + "; ".join(f"c{i}: => X; 1" for i in range(9)) + "; z: => X; 9 - X",
     BAD_LAW, "'z'"),
])  # fmt: skip
def test_the_same_failures(text, status, said):
    found = both(ready(text, "X"), [0, 1, 50], count=LANES + 3, most=500)
    assert (found.status == status).all()
    assert all(said in m for m in found.messages)


def test_a_cell_that_fails_leaves_its_lane_to_the_next():
    """A counter that is out of bounds in about half of the cells."""
    found = both(ready("species X; X = 2; up: => X; 6; down: X => ; 6", "X"), [0, 1], count=300)
    assert 30 < (found.status == BELOW_ZERO).sum() < 270
    assert np.isnan(found.out[found.status > 0]).all()
    assert np.isfinite(found.out[found.status == 0]).all()


def test_negative_constants_run_alone():
    """``(-k)*(-X)`` is no propensity below zero, and constants below zero are asked for nowhere else."""
    cells = ready("species X; X = 5; k = -1; out: X => ; k*k*X; into: => X; 3", "X")
    assert never_negative(cells.system, cells.system.channels[0].law)
    assert (both(cells, [0, 2], count=20).status == 0).all()


@pytest.mark.parametrize("text", [
    "species X; X = 0; into: => X; 1 + time", "species X; X = 9; out: X => ; X; at (X < 3): X = 9",
    "species X, Y; X = 0; Y' = 1; Y = 0; into: => X; 2",
    "species X; X = 0; a: => X; 1; b: => X; 2; c: => X; 1",
])  # fmt: skip
def test_what_moves_is_watched_or_is_large_runs_alone(text, monkeypatch):
    monkeypatch.setattr(codegen_lanes, "MOST_CHANNELS", 2)
    cells = ready(text, "X")
    assert not runs_in_lanes(cells.system)
    assert not cells.side_by_side
    assert (run(cells, [0, 1], count=3).status == 0).all()


def test_fates_are_watched():
    system = jump_system(qsp.read_antimony(f"model m; {MODELS['few channels']}; end").network)
    assert runs_in_lanes(system)
    assert not runs_in_lanes(system, fates=1)


@settings(deadline=None, max_examples=300)
@given(st.integers(0, 2**52 - 1))
def test_the_logarithm_is_right_to_the_last_places(k):
    u = 1 - k / 2**52
    assert _logarithm(u) == pytest.approx(-math.log(u), rel=4e-16, abs=0)


@pytest.mark.parametrize("u", [1.0, 2.0**-52, 0.5, math.sqrt(0.5), math.sqrt(0.5) * (1 - 2e-16), 1 - 2.0**-52])
def test_the_logarithm_at_its_seams(u):
    assert _logarithm(u) == pytest.approx(-math.log(u), rel=4e-16, abs=0)
    assert math.copysign(1, _logarithm(u)) == 1


def _logarithm(u: float) -> float:
    import numba as nb

    if "compiled" not in _CACHE:
        _CACHE["compiled"] = nb.njit(exponential.py_func)
    return float(_CACHE["compiled"](u))


_CACHE: dict = {}
