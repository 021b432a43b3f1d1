"""Turnover of targets and markers: closed forms of linear synthesis and loss."""

from __future__ import annotations

import numpy as np

from validation.cases import Bench, case, same

SETS = {"typical": {}, "fast": {"ksyn": 900.0, "kdeg": 40.0}, "slow": {"ksyn": 1e-4, "kdeg": 1e-4}}


@case("target_turnover", rows="S0-09", sets=SETS)
def relaxes_with_its_degradation(b: Bench):
    """From any start, R goes to ksyn/kdeg as exp(-kdeg t): half-time ln 2/kdeg, whatever ksyn."""
    t = np.append(np.linspace(0.0, 6.0, 25), np.log(2.0)) / b.p.kdeg
    t.sort()
    rest = b.p.ksyn / b.p.kdeg
    for start in (0.0, 0.3 * rest, 7.0 * rest):
        got = b.run(t, "R", changes={"R": start})["R"]
        yield same(f"R(t) from {start:.3g}", got, rest + (start - rest) * np.exp(-b.p.kdeg * t), at=t)


@case("target_turnover", rows=("S0-09", "S1-05"), sets=SETS)
def stays_at_its_baseline(b: Bench):
    """R starts at ksyn/kdeg, also when a rate constant is changed, and stays there."""
    got = b.run(np.linspace(0.0, 10.0 / b.p.kdeg, 5), "R")["R"]
    yield same("R", got, b.p.ksyn / b.p.kdeg)
    yield same("R at rest", b.at_rest()["R"], b.p.ksyn / b.p.kdeg)
