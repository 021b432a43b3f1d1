"""Slopes that are infinite where there is nothing yet: roots and powers below one at zero, on the batch kernel."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import sbmlqsp as qsp
from sbmlqsp.engine.rates import RightHandSide
from sbmlqsp.errors import SimulationError

EVENT = "; z = 0; at (A > 1): z = 1"
TIMES = [0, 1e-3, 0.1, 1, 10]


def course(text, *, relative=1e-8, absolute=1e-15, engine="kernel", regimen="no doses"):
    model = qsp.read_antimony(f"model m; {text}; end")
    seen = [s for s in ("A", "B", "C", "D", "E") if s in model.network.symbols]
    arm = qsp.Experiment(model, times=TIMES, observables=seen, regimen=regimen)
    ds = qsp.simulate(arm, engine=engine, tolerances=qsp.Tolerances(relative, absolute))
    return np.array([ds[name].to_numpy().ravel() for name in seen]), model, seen


def by_scipy(model, seen):
    side = RightHandSide(model.network)
    found = solve_ivp(lambda t, y: side(np.maximum(y[:, None], 0.0), t)[:, 0], (0, TIMES[-1]), side.start(),
                      t_eval=TIMES, method="DOP853", rtol=1e-11, atol=1e-15)  # fmt: skip
    return found.y[[side.names.index(name) for name in seen]]


@pytest.mark.parametrize("more", ["", EVENT])
@pytest.mark.parametrize("relative", [1e-4, 1e-8, 1e-11])
def test_a_root_begins_at_nothing_in_closed_form(more, relative):
    """Where A^0.5 begins at 0 the Jacobian is infinite, which froze A there, or ended the run."""
    [a], *_ = course(f"A = 0; A' = 1 - 0.5*A^0.5{more}", relative=relative)
    s = np.sqrt(a)
    assert -4 * s - 8 * np.log1p(-s / 2) == pytest.approx(TIMES, rel=100 * relative, abs=1e-12)


MODELS = {
    "a power below one": "A = 0; A' = 2 - A^0.7",
    "a power near none": "A = 0; A' = 2 - A^0.1",
    "a saturable loss": "A = 0; A' = 2 - A^0.6/(1 + A^0.6)",
    "a reaction": "species A; A = 0; -> A; 1; A -> ; A^0.5",
    "what follows something": "species D, A; D = 100; A = 0; D -> A; 0.5*D; A -> ; 2*A^0.5",
    "the end of a chain": "species D, B, A; D = 100; B = 0; A = 0; D -> B; 0.5*D; B -> A; B; A -> ; 2*A^0.75",
    "an effect of what is not there yet": "C = 0; D = 10; E = 1; D' = -D; C' = D - 0.1*C; E' = 1/(1 + C^0.7) - E",
    "a product of two that are not there": "A = 0; B = 0; A' = 1 - A^0.5*B^0.5; B' = 2 - B*A^0.3",
    "a loss a thousand times as fast": "A = 0; B = 0; A' = 1000*(1 - A^0.5); B' = A - 0.1*B",
    "what never comes": "A = 0; B = 1; A' = -0.5*A^0.5; B' = A^0.5 - B",
    "a power of time": "A = 0; A' = 3*time^0.5 - A",
    "an input by Weibull": "A = 0; A' = 3*time^0.2*exp(-time^1.2) - A",
}


@pytest.mark.parametrize("text", MODELS.values(), ids=MODELS)
def test_what_begins_with_an_infinite_slope_is_integrated_as_by_others(text):
    found, model, seen = course(text)
    size = np.abs(found).max(axis=1, keepdims=True)
    assert np.abs(found - by_scipy(model, seen)).max() <= 1e-6 * size.max()
    assert found == pytest.approx(by_scipy(model, seen), rel=1e-6, abs=1e-12)
    other, *_ = course(text, engine="roadrunner", relative=1e-10, absolute=1e-40)
    assert found == pytest.approx(other, rel=1e-6, abs=1e-12)
    tight, *_ = course(text, relative=1e-10, absolute=1e-24)
    assert tight == pytest.approx(found, rel=1e-6, abs=1e-12)


@pytest.mark.parametrize("more", ["", "; z = 0; at (B > 50): z = 1"])
def test_what_is_not_there_until_it_is_dosed_stays_so(more):
    text = f"species A, B; A = 0; B = 0; A -> B; 2*A^0.5{more}"
    found, *_ = course(text, regimen="100 into A at 1")
    assert found[:, :3].tolist() == [[0, 0, 0], [0, 0, 0]]
    assert found[0, 4] == pytest.approx((10 - 9) ** 2, rel=1e-6)
    assert found.sum(axis=0)[3:] == pytest.approx([100, 100])


def test_a_derivative_from_there_is_still_refused():
    model = qsp.read_antimony("model m; A = 0; k = 0.5; A' = 1 - k*A^0.5; end")
    with pytest.raises(SimulationError, match="not finite"):
        qsp.sensitivities(qsp.Experiment(model, times=[0, 1]), ["k"])


@pytest.mark.parametrize("law", ["1/A", "-A^(-0.5)", "ln(A)"])
def test_an_infinite_rate_is_none_to_begin_with(law):
    with pytest.raises(SimulationError, match="not finite"):
        course(f"A = 0; A' = {law}")
