"""Cells above a threshold now, and cells that have ever been: each against a law of its own, never the other's.

    python -m validation.stochastic.passage [cells]

Cells of ``birth_death`` and of ``apoptosis_signal`` under a constant drug. The share above a threshold at a moment is
that of the master equation on a large box of states. The share that has been above it by then is what has left a box
that ends at the threshold: the first passage, as the fates of cells say it. Numbers of cells are compared by exact
binomial tails, times of passage by the statistic of Kolmogorov and Smirnov; all p-values share false alarms of 2e-4
(Bonferroni), so that right cells fail in fewer than one validation of 1,000.

Each control must fail by the same measure: either share taken for the other, and passages looked for at output times
alone, which miss those who were above the threshold between two of them.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import kstest

import sbmlqsp as qsp
from sbmlqsp.ensembles import killed
from validation.cases import model_of
from validation.population.checks import Checks
from validation.stochastic.laws import protein, settled, tails, told
from validation.stochastic.master_equation import Jump, later

CELLS = 4000
CONTROLS = ("above now taken for ever", "ever taken for above now", "passages at output times alone")
BETWEEN = 32
"""How many steps of the exact passage lie between two output times."""


@dataclass(frozen=True)
class Threshold:
    """Cells of a library model from none, a threshold of their counts, and their states with room for others beside."""

    name: str
    model: str
    observable: str
    changes: Mapping[str, float]
    level: int
    times: tuple[float, ...]
    jumps: tuple[Jump, ...]
    beside: tuple[int, ...]
    most: int

    def now(self) -> np.ndarray:
        """Return the exact shares above the threshold at the times."""
        every = later((*self.beside, self.most), self.jumps, (0,) * (len(self.beside) + 1), self.times)
        laws = [settled(p.reshape(-1, self.most)) for p in every]
        return np.array([law[self.level + 1 :].sum() for law in laws])

    def ever(self) -> tuple[np.ndarray, np.ndarray]:
        """Return fine times and the exact shares that have been above it by then."""
        fine = np.linspace(self.times[0], self.times[-1], BETWEEN * (len(self.times) - 1) + 1)
        left = [self._left(tuple(more * n for n in self.beside), fine) for more in (1, 2)]
        # What leaves through the other sides would count as passed: with more room there, nothing may change.
        if not np.allclose(*left, rtol=0.0, atol=1e-8):
            raise ArithmeticError(f"{self.name}: the states do not hold the distribution")
        return fine, left[0]

    def _left(self, beside: tuple[int, ...], fine: np.ndarray) -> np.ndarray:
        inside = later((*beside, self.level + 1), self.jumps, (0,) * (len(beside) + 1), fine)
        return 1.0 - inside.reshape(len(fine), -1).sum(axis=1)


SIGNAL = {"D": 10.0, "k0": 0.5, "kmax": 4.5, "K": 10.0, "h": 2.0, "gm": 4.0, "kp": 20.0, "g": 1.0}
BURSTS = SIGNAL["k0"] + SIGNAL["kmax"] / 2.0  # under a drug of K
BIRTH = ((1,), lambda n: 20.0 + 0 * n), ((-1,), lambda n: 1.0 * n)

THRESHOLDS = (
    Threshold("one by one", "birth_death", "n", {"k": 20.0, "g": 1.0}, 27, (0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0),
              BIRTH, (), 90),
    Threshold("in bursts", "apoptosis_signal", "s", SIGNAL, 25, (0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0),
              protein({**SIGNAL, "km": BURSTS}, 0, 0)[1], (16,), 160),
)  # fmt: skip


def run(case: Threshold, *, count: int, seed: int, **more):
    """Return cells of a threshold."""
    arm = qsp.Experiment(
        model_of(case.model), times=list(case.times), observables=[case.observable], changes=dict(case.changes), **more
    )
    return qsp.simulate(arm, method="ssa", replicates=count, seed=seed, progress=False)


def compare(hits: Sequence[int], shares: np.ndarray, count: int, checks: Checks, name: str) -> None:
    """Compare numbers of cells at every time but the first with exact shares."""
    for k in range(1, len(hits)):
        checks.p(f"{name}, time {k}", tails(int(hits[k]), count, float(shares[k])))


def check(case: Threshold, checks: Checks, controls: Mapping[str, Checks], *, count: int, seed: int = 41) -> None:
    """Compare one threshold: now, ever, and when first."""
    now, (fine, ever) = case.now(), case.ever()
    free = run(case, count=count, seed=seed)[case.observable].to_numpy()[0, 0]
    above = (free > case.level).sum(axis=0)
    fated = run(case, count=count, seed=seed + 1, fates={"crossed": f"{case.observable} > {case.level}"})
    passed = [int(killed(fated, at=t)["n_killed"].iloc[0]) for t in case.times]
    compare(above, now, count, checks, f"{case.name}: above")
    compare(passed, ever[::BETWEEN], count, checks, f"{case.name}: passed")
    when = fated["fate_time"].to_numpy().ravel()
    when = when[np.isfinite(when)]
    # Of those that passed, the exact law makes the times uniform.
    checks.p(f"{case.name}: when", float(kstest(np.interp(when, fine, ever / ever[-1]), "uniform").pvalue))
    compare(above, ever[::BETWEEN], count, controls["above now taken for ever"], case.name)
    compare(passed, now, count, controls["ever taken for above now"], case.name)
    seen = np.maximum.accumulate(free > case.level, axis=1).sum(axis=0)
    compare(seen, ever[::BETWEEN], count, controls["passages at output times alone"], case.name)
    print(f"{case.name}, threshold {case.level}, at {case.times[-1]:g}: above {above[-1] / count:.4f} "
          f"(exact {now[-1]:.4f}), ever {passed[-1] / count:.4f} (exact {ever[-1]:.4f}), "
          f"ever at an output time {seen[-1] / count:.4f}")  # fmt: skip


def main(arguments: list[str]) -> int:
    """Return 1 where a law is not met or a control is not found out."""
    count, checks = int(arguments[0]) if arguments else CELLS, Checks()
    controls = {name: Checks() for name in CONTROLS}
    for case in THRESHOLDS:
        check(case, checks, controls, count=count)
    good = told("thresholds", checks, controls)
    print("passed" if good else "failed")
    return int(not good)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
