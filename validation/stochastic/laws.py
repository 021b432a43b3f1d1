"""Counts of the library's genes and proteins against exact laws: how long they remember, and how they burst.

    python -m validation.stochastic.laws [cells]

- ``birth_death``: cells at rest remember their counts as exp(-g tau), from trajectories on a grid.
- ``telegraph_gene`` and ``bursty_protein``: moments, and by exact binomial tails the shares of cells above thresholds,
  against the master equation on a box of states (`validation.stochastic.master_equation`); the copies that one
  transcript gives are geometric.
- ``bursty_protein`` with transcripts of any lifetime: mean and Fano factor 1 + b/(1 + g/gm), for b = kp/gm; the law of
  the master equation, which nears the negative binomial as transcripts get short-lived; its tail goes to Q(a, T/b) as
  bursts grow.

All p-values of a group share false alarms of 2e-4 (Bonferroni), so that right cells fail in fewer than one validation
of 1,000. Each control is a wrong law, or wrong cells of the right mean, and must fail by the same measure.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import pairwise

import numpy as np
from scipy.sparse.linalg import spsolve
from scipy.special import gammaincc
from scipy.stats import binom, nbinom, poisson

import sbmlqsp as qsp
from sbmlqsp.ensembles import fano
from validation.cases import model_of
from validation.population.checks import Checks
from validation.stochastic.master_equation import LOST, Jump, chi_square, generator, later

CELLS = 4000


def cells(
    model: str, times: Sequence[float], observable: str, changes: Mapping[str, float], *, count: int, seed: int
) -> np.ndarray:
    """Return counts of single cells of a library model, shape (cells, times)."""
    arm = qsp.Experiment(model_of(model), times=list(times), observables=[observable], changes=dict(changes))
    ds = qsp.simulate(arm, method="ssa", replicates=count, seed=seed, progress=False)
    return ds[observable].to_numpy()[0, 0]


def tails(hits: int, count: int, share: float) -> float:
    """Return the p-value of a number of hits that is binomial, on two sides."""
    return float(min(1.0, 2.0 * min(binom.cdf(hits, count, share), binom.sf(hits - 1, count, share))))


# ---------------------------------------------------------------------------------------------- how long they remember
BIRTHS = {"typical": (20.0, 1.0), "many": (240.0, 3.0), "few": (0.06, 0.02)}
LAGS = (1, 2, 4, 8, 16)  # of an eighth of a lifetime
STEPS = 80


def remembering(x: np.ndarray, k: float, g: float, checks: Checks, name: str) -> None:
    """Compare the autocorrelation of counts at rest, on a grid of an eighth of a lifetime, with exp(-g tau)."""
    mean, rest = k / g, x - k / g
    checks.z(f"{name}: mean", float(x[:, 0].mean()), mean, float(np.sqrt(mean / len(x))))
    for lag in LAGS:
        # Cells are independent, the times of one are not: one average per cell.
        own = (rest[:, lag:] * rest[:, :-lag]).mean(axis=1) / mean
        checks.z(f"{name}: lag {lag / 8:g}", own.mean(), np.exp(-lag / 8), own.std(ddof=1) / np.sqrt(len(own)))


def at_rest(k: float, g: float, *, count: int, seed: int, step: float) -> np.ndarray:
    """Return trajectories of birth and death from 16 lifetimes on, when a start from none is forgotten to 1e-7."""
    times = [0.0, *(16.0 / g + step * np.arange(STEPS))]
    return cells("birth_death", times, "n", {"k": k, "g": g}, count=count, seed=seed)[:, 1:]


def memory(count: int) -> bool:
    """Compare memory; cells that renew themselves a fifth faster, and cells shuffled at every time, must be found."""
    checks, controls = Checks(), {"renewed faster": Checks(), "shuffled": Checks()}
    for name, (k, g) in BIRTHS.items():
        x = at_rest(k, g, count=count, seed=11, step=0.125 / g)
        remembering(x, k, g, checks, name)
    k, g = BIRTHS["typical"]
    x = at_rest(k, g, count=count, seed=11, step=0.125 / g)
    fast = at_rest(1.2 * k, 1.2 * g, count=count, seed=12, step=0.125 / g)
    remembering(fast, k, g, controls["renewed faster"], "control")
    remembering(np.random.default_rng(1).permuted(x, axis=0), k, g, controls["shuffled"], "control")
    return told("memory of birth and death", checks, controls)


# ---------------------------------------------------------------------------------------------- shares above thresholds
def gene(v: Mapping[str, float], most: int) -> tuple[tuple[int, ...], tuple[Jump, ...]]:
    """Return the telegraph gene as states (copies that are on, transcripts)."""
    copies = int(v["copies"])
    return (copies + 1, most), (
        ((1, 0), lambda on, _: v["kon"] * (copies - on)), ((-1, 0), lambda on, _: v["koff"] * on),
        ((0, 1), lambda on, _: v["km"] * on), ((0, -1), lambda _, m: v["gm"] * m),
    )  # fmt: skip


def protein(v: Mapping[str, float], transcripts: int, most: int) -> tuple[tuple[int, ...], tuple[Jump, ...]]:
    """Return the two-stage model as states (transcripts, copies of the protein)."""
    return (transcripts, most), (
        ((1, 0), lambda m, _: v["km"] + 0 * m), ((-1, 0), lambda m, _: v["gm"] * m),
        ((0, 1), lambda m, _: v["kp"] * m), ((0, -1), lambda _, p: v["g"] * p),
    )  # fmt: skip


def total(laws: np.ndarray, w: np.ndarray) -> tuple[float, float, float]:
    """Return mean, variance and fourth central moment of weighted laws, by the law of total variance."""
    n = np.arange(laws.shape[1])
    means = laws @ n
    variances = (laws * (n - means[:, None]) ** 2).sum(axis=1)
    mean = float(w @ means)
    return mean, float(w @ variances + w @ (means - mean) ** 2), float(w @ laws @ (n - mean) ** 4)


def moments(x: np.ndarray, laws: np.ndarray, w: np.ndarray, checks: Checks, name: str) -> None:
    """Compare mean and variance of cells with those of weighted laws."""
    mean, variance, fourth = total(laws, w)
    checks.z(f"{name}: mean", float(x.mean()), mean, math.sqrt(variance / len(x)))
    error = math.sqrt((fourth - variance**2) / len(x))
    checks.z(f"{name}: variance", float(((x - mean) ** 2).mean()), variance, error)


GENES = {
    "bursts": ({"copies": 1, "kon": 0.5, "koff": 6.0, "km": 120.0, "gm": 1.0}, 260, (1.0, 12.0), (0, 5, 20, 50)),
    "hardly ever off": ({"copies": 2, "kon": 90.0, "koff": 4.0, "km": 30.0, "gm": 3.0}, 80, (0.1, 4.0), (5, 15, 25)),
    "slow switch": ({"copies": 1, "kon": 0.02, "koff": 0.07, "km": 40.0, "gm": 1.0}, 120, (5.0, 60.0), (0, 20, 40)),
}
PROTEIN = {"km": 2.0, "gm": 4.0, "kp": 20.0, "g": 1.0}


def settled(p: np.ndarray) -> np.ndarray:
    """Return the probabilities of the last count, of a box of states that is large enough."""
    if not abs(1.0 - p.sum()) < LOST:
        raise ArithmeticError(f"{1.0 - p.sum():.2g} of the probability is out of the states")
    return p.sum(axis=0)


def above(x: np.ndarray, law: np.ndarray, thresholds: Sequence[int], checks: Checks, name: str) -> None:
    """Compare the shares of cells above thresholds with a law."""
    for threshold in thresholds:
        share = float(np.clip(law[threshold + 1 :].sum(), 0.0, 1.0))
        checks.p(f"{name}: above {threshold}", tails(int((x > threshold).sum()), len(x), share))


def thresholds(count: int) -> bool:
    """Compare shares above thresholds; the Poisson law, and genes that switch faster, must be found out."""
    checks, controls = Checks(), {"the Poisson law of the mean": Checks(), "a gene that switches faster": Checks()}
    for name, (v, most, times, levels) in GENES.items():
        x = cells("telegraph_gene", [0.0, *times], "m", v, count=count, seed=21)[:, 1:]
        for k, t in enumerate(times):
            law = settled(later(*gene(v, most), (0, 0), [t])[0])
            above(x[:, k], law, levels, checks, f"{name} at {t:g}")
            moments(x[:, k], law[None], np.ones(1), checks, f"{name} at {t:g}")
    v, most, times, levels = GENES["bursts"]
    law = settled(later(*gene(v, most), (0, 0), [times[-1]])[0])
    right = cells("telegraph_gene", [0.0, *times], "m", v, count=count, seed=21)[:, -1]
    mean = float(law @ np.arange(most))
    above(right, poisson.pmf(np.arange(most), mean), levels, controls["the Poisson law of the mean"], "control")
    faster = v | {"kon": 1.5 * v["kon"], "koff": 1.5 * v["koff"]}
    x = cells("telegraph_gene", [0.0, *times], "m", faster, count=count, seed=22)[:, -1]
    above(x, law, levels, controls["a gene that switches faster"], "control")
    x = cells("bursty_protein", [0.0, 0.5, 8.0], "p", PROTEIN, count=count, seed=23)[:, 1:]
    for k, t in enumerate((0.5, 8.0)):
        law = settled(later(*protein(PROTEIN, 14, 130), (0, 0), [t])[0])
        above(x[:, k], law, (0, 5, 10, 25), checks, f"protein at {t:g}")
    bursts(count, checks)
    return told("shares above thresholds", checks, controls)


def bursts(count: int, checks: Checks) -> None:
    """Compare the copies that one transcript gives with the geometric law, kp/(kp + gm) for one more."""
    alone = {"km": 0.0, "gm": 4.0, "kp": 40.0, "g": 1e-12, "amount(m)": 1.0}
    x = cells("bursty_protein", [0.0, 20.0], "p", alone, count=count, seed=24)[:, -1]
    for n in (0, 2, 7, 20, 40):
        checks.p(f"one transcript: above {n}", tails(int((x > n).sum()), count, (40.0 / 44.0) ** (n + 1)))


# ----------------------------------------------------------------------------------------- transcripts of any lifetime
SHAPE, BURST = 2.0, 8.0
LIVES = (0.5, 2.0, 10.0, 100.0)  # loss of transcripts over loss of the protein


def two_stage(lives: float, burst: float = BURST) -> dict[str, float]:
    """Return constants of so many bursts in a lifetime of the protein, of that size, in its lifetimes."""
    return {"km": SHAPE, "gm": lives, "kp": burst * lives, "g": 1.0}


@cache
def resting(lives: float, burst: float = BURST) -> np.ndarray:
    """Return the probabilities of copies at rest by the master equation."""
    v = two_stage(lives, burst)
    shape, jumps = protein(
        v, int(SHAPE / lives + 12 * np.sqrt(SHAPE / lives)) + 6, int(SHAPE * burst + 26 * burst) + 30
    )
    # Copies first, so that the matrix is narrow around its diagonal.
    turned = [((c[1], c[0]), lambda p, m, law=law: law(m, p)) for c, law in jumps]
    q = generator(shape[::-1], turned).tolil()
    q[0, :] = 1.0
    right = np.zeros(q.shape[0])
    right[0] = 1.0
    found = spsolve(q.tocsc(), right).reshape(shape[::-1])
    if found.min() < -1e-9 or found[-1].sum() + found[:, -1].sum() > LOST:
        raise ArithmeticError("the distribution at rest is not within the states")
    return np.maximum(found.sum(axis=1), 0.0)


def lifetimes(count: int) -> bool:
    """Compare moments and laws of the two-stage model for transcripts that live long or shortly."""
    checks, control = Checks(), Checks()
    n = np.arange(4000)
    good, gaps = True, []
    for lives in LIVES:
        mean, factor = SHAPE * BURST, 1.0 + BURST / (1.0 + 1.0 / lives)
        law = resting(lives)
        own = n[: len(law)] @ law
        spread = ((n[: len(law)] - own) ** 2 @ law) / own
        good &= bool(abs(own / mean - 1.0) < 1e-6 and abs(spread / factor - 1.0) < 1e-5)
        gaps.append(0.5 * np.abs(law - nbinom.pmf(n[: len(law)], SHAPE, 1.0 / (1.0 + BURST))).sum())
        found = ensemble(lives, count)
        x, [row] = found["p"].to_numpy()[0, 0, :, -1], fano(found, "p", at=[found["time"][-1]]).to_dict("records")
        checks.z(f"gm/g = {lives:g}: mean", float(x.mean()), mean, float(np.sqrt(mean * factor / count)))
        checks.z(f"gm/g = {lives:g}: Fano factor", row["fano"], factor, row["std_error"])
        checks.p(f"gm/g = {lives:g}: distribution", chi_square(x, law))
        print(f"gm/g = {lives:g}: Fano {row['fano']:.3f} (exact {factor:.3f}), {gaps[-1]:.4f} from negative binomial")
        if lives == 2.0:
            control.p("law", chi_square(x, nbinom.pmf(n, SHAPE, 1.0 / (1.0 + BURST))))
    good &= bool((np.diff(gaps) < 0.0).all() and 8.0 < gaps[-2] / gaps[-1] < 12.0)
    print(
        f"moments of the master equation, and negative binomial in proportion to g/gm: {'met' if good else 'NOT MET'}"
    )
    return told("two stages", checks, {"the negative binomial while gm = 2 g": control}) & good & large_bursts()


def ensemble(lives: float, count: int):
    """Return cells of the two-stage model at rest."""
    times = [0.0, 18.0 / min(1.0, lives)]
    arm = qsp.Experiment(model_of("bursty_protein"), times=times, observables=["p"], changes=two_stage(lives))
    return qsp.simulate(arm, method="ssa", replicates=count, seed=31, progress=False)


def large_bursts() -> bool:
    """Show that the tail above T comes to Q(a, T/b), four times nearer with bursts four times as large."""
    worst = []
    for burst in (4.0, 16.0, 64.0):
        law = resting(200.0 * burst, burst)
        tail = law[::-1].cumsum()[::-1]
        worst.append(max(abs(tail[int(x * burst) + 1] - gammaincc(SHAPE, x)) for x in (0.5, 1.0, 2.0, 4.0)))
    good = all(3.0 < a / b < 5.0 for a, b in pairwise(worst)) and worst[-1] < 0.01
    print("tail off Q(a, T/b), bursts of 4, 16, 64:", *(f"{w:.4f}" for w in worst), "" if good else "NOT MET")
    return good


# --------------------------------------------------------------------------------------------------------------- report
def told(name: str, checks: Checks, controls: Mapping[str, Checks]) -> bool:
    """Print what was found; return whether all checks hold and every control fails."""
    good = checks.told(name)
    for wrong, found in controls.items():
        least = min(found.found.values())
        print(f"  control: {wrong}: least p {least:.2g}{'' if least < checks.limit else ', NOT FOUND OUT'}")
        good &= least < checks.limit
    return good


def main(arguments: list[str]) -> int:
    """Return 1 where a law is not met or a control is not found out."""
    count = int(arguments[0]) if arguments else CELLS
    good = [memory(count), thresholds(count), lifetimes(count)]
    print("passed" if all(good) else f"failed: {good}")
    return int(not all(good))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
