"""How far tau-leaping is off, by epsilon, and how much sooner it is done than exact cells.

    python -m validation.stochastic.tau [cells] [exact cells]

Birth and death of 10,000 molecules against closed forms, a fast reversible conversion with a slow outlet (stiff: leaps
are bound by the fast pair) against the binomial counts of independent molecules, the decaying-dimerising set of
Gillespie (2001, https://doi.org/10.1063/1.1378322) and an enzyme cascade of few molecules (where leaps must give way to
exact jumps) against exact cells, and the bistable network of Schlögl against its master equation. For each epsilon the
errors of mean and variance are printed, relative and with their standard errors, and the ratio of the times that a cell
takes.

At epsilon 0.03 and below, a mean may be off by the part epsilon and a variance by twice that, and 4 standard errors
beside; and the errors at 0.03 may be no more than a third of those at 0.3, but for as much chance. Of the 60
comparisons, a right method fails one in fewer than 4 validations of a thousand.

Three controls must be found out by the same bounds: leaps of epsilon 0.9 that are said to be of 0.03, leaps that are
not bound by turnover, and leaps that do not care for what runs out.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from scipy.linalg import expm

import sbmlqsp as qsp
from sbmlqsp.engine import tau
from validation.stochastic.master_equation import NETWORKS, distribution
from validation.stochastic.speed import TASKS

EPSILONS = (0.3, 0.1, 0.03, 0.01)
STATED = 0.03
SIGNIFICANT = 4.0
TIMED = 100
"""So many exact cells are run where only their time is asked."""
Moments = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
"""Means and variances by time, and their standard errors."""


@dataclass(frozen=True)
class Case:
    """A model in Antimony, what is observed of it and when, and its moments if they are known."""

    name: str
    text: str
    times: tuple[float, ...]
    observable: str
    known: Callable[[Case], Moments] | None = None

    def run(self, cells: int, *, seed: int = 1, **how: object) -> np.ndarray:
        """Return the observable, of shape (cells, times)."""
        model = qsp.read_antimony(f"model m; unit substance = item; unit extent = item; {self.text}; end")
        name = f"amount({self.observable})"
        arm = qsp.Experiment(model, times=[0, *self.times], observables=[name])
        ds = qsp.simulate(arm, replicates=cells, seed=seed, workers=1, progress=False, **how)
        return ds[name].to_numpy()[0, 0, :, 1:]


def _certain(mean: np.ndarray, variance: np.ndarray) -> Moments:
    return mean, variance, np.zeros(len(mean)), np.zeros(len(mean))


def poisson(case: Case) -> Moments:
    """Return moments of birth at 10,000 and death at 1 from nothing."""
    mean = 1e4 * -np.expm1(-np.array(case.times))
    return _certain(mean, mean)


def molecules(case: Case) -> Moments:
    """Return moments of 10,000 independent molecules, of which the third state is counted."""
    rates = np.array([[-100.0, 100.0, 0.0], [100.0, -101.0, 0.0], [0.0, 1.0, 0.0]])
    p = np.array([expm(rates * t)[2, 0] for t in case.times])
    return _certain(1e4 * p, 1e4 * p * (1 - p))


def master(case: Case) -> Moments:
    """Return moments by the master equation of Schlögl's network."""
    mean, variance = [], []
    for t in case.times:
        p, lost = distribution(NETWORKS[3], t)
        if not abs(lost) < 1e-6:
            raise ArithmeticError(f"{lost:.2g} of the probability is out of the states")
        n = np.arange(len(p))
        mean.append(float(n @ p))
        variance.append(float((n - mean[-1]) ** 2 @ p))
    return _certain(np.array(mean), np.array(variance))


def nine(case: Case) -> Moments:
    """Return moments of 9 molecules that leave at rate 20."""
    p = np.exp(-20 * np.array(case.times))
    return _certain(9 * p, 9 * p * (1 - p))


CASES = (
    Case("birth and death", "substanceOnly species X; X = 0; birth: => X; 10000; death: X => ; X", (1.0, 6.0), "X",
         poisson),
    Case("stiff conversion", "substanceOnly species A, B, C; A = 10000; B = 0; C = 0; swap: A => B; 100*A; "
         "turn: B => A; 100*B; leave: B => C; B", (0.1, 0.5), "C", molecules),
    Case("decaying dimerising", "substanceOnly species S, D, P; S = 100000; D = 0; P = 0; loss: S => ; S; "
         "pair: 2 S => D; 0.001*S*(S - 1); part: D => 2 S; 0.5*D; ripen: D => P; 0.04*D", (1.0, 10.0), "S"),
    Case("Schlögl", NETWORKS[3].text.replace("species", "substanceOnly species"), (0.5, 5.0), "X", master),
    Case("enzyme cascade", TASKS[2].text, (1.0, 5.0), "P"),
)  # fmt: skip
CROWD = Case("few among many", "substanceOnly species X, Y; X = 10000; Y = 9; birth: => X; 10000; death: X => ; X; "
             "leave: Y => ; 20*Y", (0.05, 0.1), "Y", nine)  # fmt: skip


def moments(values: np.ndarray) -> Moments:
    """Return those of cells."""
    n, mean, variance = len(values), values.mean(axis=0), values.var(axis=0, ddof=1)
    fourth = ((values - mean) ** 4).mean(axis=0)
    return mean, variance, np.sqrt(variance / n), np.sqrt(np.maximum(fourth - variance**2, 0) / n)


def errors(found: Moments, true: Moments) -> tuple[np.ndarray, np.ndarray]:
    """Return relative errors of means and variances, shape (2, times), and their standard errors."""
    off = np.array([found[k] / true[k] - 1 for k in (0, 1)])
    return off, np.array([np.hypot(found[k + 2], true[k + 2]) / true[k] for k in (0, 1)])


def excess(off: np.ndarray, chance: np.ndarray, epsilon: float) -> float:
    """Return by how many standard errors the worst is beyond what epsilon allows."""
    allowed = epsilon * np.array([[1.0], [2.0]])
    return float(((np.abs(off) - allowed) / chance).max())


def _said(off: np.ndarray, chance: np.ndarray) -> str:
    return ", ".join(f"{100 * o:+.2f} ± {100 * c:.2f} %" for o, c in zip(off, chance, strict=True))


def timed(case: Case, cells: int, **how: object) -> tuple[np.ndarray, float]:
    """Return values, and how many seconds a cell takes; compiled beforehand."""
    case.run(1, **how)
    begun = time.perf_counter()
    values = case.run(cells, **how)
    return values, (time.perf_counter() - begun) / cells


def check(case: Case, cells: int, exact: int) -> list[str]:
    """Print the errors of a case and how much sooner it is done; return what is wrong."""
    values, seconds = timed(case, min(exact, TIMED) if case.known else exact, seed=2, method="ssa")
    true = case.known(case) if case.known else moments(values)
    print(f"{case.name}: exact {1e3 * seconds:.3g} ms a cell; times {', '.join(map(str, case.times))}", flush=True)
    wrong, before = [], None
    for epsilon in EPSILONS:
        leapt, less = timed(case, cells, method="tau-leaping", epsilon=epsilon)
        off, chance = errors(moments(leapt), true)
        print(f"  epsilon {epsilon}: mean off by {_said(off[0], chance[0])}; variance by {_said(off[1], chance[1])}; "
              f"{seconds / less:.3g} times as fast", flush=True)  # fmt: skip
        if leapt.min() < 0:
            wrong.append(f"{case.name}: a count is below zero")
        if epsilon <= STATED and excess(off, chance, epsilon) > SIGNIFICANT:
            wrong.append(f"{case.name}: more off than epsilon {epsilon} allows")
        if epsilon == STATED and before is not None and (np.abs(off) > before / 3 + SIGNIFICANT * chance).any():
            wrong.append(f"{case.name}: the errors do not shrink with epsilon")
        before = np.abs(off) if before is None else before
    return wrong


@contextmanager
def changed(name: str, value: float) -> Iterator[None]:
    """Run leaps with another bound."""
    kept = getattr(tau, name)
    setattr(tau, name, value)
    try:
        yield
    finally:
        setattr(tau, name, kept)


def controls(cells: int) -> dict[str, float]:
    """Return by how many standard errors what is wrong is beyond what is allowed; the last is right."""
    birth, out = CASES[0], {}

    def beyond(case: Case, *, n: int = cells, epsilon: float = STATED) -> float:
        return excess(*errors(moments(case.run(n, method="tau-leaping", epsilon=epsilon)), case.known(case)), STATED)

    out["leaps of epsilon 0.9"] = beyond(birth, epsilon=0.9)
    with changed("TURNOVER", np.inf):
        out["leaps not bound by turnover"] = beyond(birth)
    with changed("CRITICAL", 0.0):
        out["leaps that do not care for what runs out"] = beyond(CROWD, n=20 * cells)
    out["few among many, with care"] = beyond(CROWD, n=20 * cells)
    return out


def main(cells: int = 4000, exact: int = 1000) -> bool:
    """Print errors and ratios; return whether all is as it must be."""
    print(f"load of the machine: {os.getloadavg()[0]:.2f} on {os.cpu_count()} processors")
    wrong = [w for case in CASES for w in check(case, cells, exact)]
    *bad, right = controls(cells).items()
    for name, far in bad:
        print(f"control: {name}: {far:.3g} standard errors beyond what is allowed", flush=True)
        wrong += [f"control: {name} are not found out"] if not far > SIGNIFICANT else []
    print(f"{right[0]}: {right[1]:.3g} standard errors beyond what is allowed")
    wrong += [f"{right[0]}: more off than allowed"] if right[1] > SIGNIFICANT else []
    print("\n".join(wrong) or "all errors are within their bounds, all controls are found out")
    return not wrong


if __name__ == "__main__":
    sys.exit(0 if main(*map(int, sys.argv[1:3])) else 1)
