"""Compare single cells with the chemical master equation, solved on a finite set of states without this package.

    python -m validation.stochastic.master_equation [runs]

Birth and death, a gene with two states (telegraph), a reversible isomerisation and the bistable network of Schlögl. The
distribution of counts at a late time is compared by χ² (states joined until at least 10 cells are expected in each), at
an early time by the statistic of Kolmogorov and Smirnov, whose p-value is a bound for counts. Each p-value below 1e-4
is a failure: with eight of them, a right simulator fails in fewer than one validation of a thousand.

The master equation is written out by hand on states 0 to N and solved by SciPy's ``expm_multiply``; what leaves the
states is lost, so the mass that is missing at the end bounds the error of every probability (Munsky and Khammash 2006,
https://doi.org/10.1063/1.2145882). It must be below 1e-6.

Two controls must fail: a kernel that runs reversible reactions on their net rate, and cells whose counts vary half as
much around the right mean.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse, stats
from scipy.sparse.linalg import expm_multiply

import sbmlqsp as qsp

RUNS = 10_000
ALPHA = 1e-4
LOST = 1e-6
Jump = tuple[tuple[int, ...], Callable[..., np.ndarray]]


@dataclass(frozen=True)
class Network:
    """A network twice: in Antimony, and as jumps on a box of states whose last axis is what is compared."""

    name: str
    text: str
    shape: tuple[int, ...]
    start: tuple[int, ...]
    jumps: tuple[Jump, ...]
    early: float
    late: float
    observable: str


NETWORKS = (
    Network("birth and death", "species X; X = 0; birth: => X; 20; death: X => ; X", (90,), (0,),
            (((1,), lambda x: 20.0 + 0 * x), ((-1,), lambda x: 1.0 * x)), 0.3, 3.0, "X"),
    Network("reversible isomerisation", "species A, B; A = 40; B = 0; swap: A -> B; A - 0.5*B", (41,), (40,),
            (((-1,), lambda a: 1.0 * a), ((1,), lambda a: 0.5 * (40 - a))), 0.4, 5.0, "A"),
    Network("telegraph", "species idle, G, rna; idle = 1; G = 0; rna = 0; switch: idle -> G; 0.5*idle - 1.5*G; "
            "make: => rna; 25*G; lose: rna => ; rna", (2, 90), (0, 0),
            (((1, 0), lambda g, _: 0.5 * (1 - g)), ((-1, 0), lambda g, _: 1.5 * g), ((0, 1), lambda g, _: 25.0 * g),
             ((0, -1), lambda _, m: 1.0 * m)), 0.7, 8.0, "rna"),
    Network("Schlögl", "species X; X = 250; up: => X; 0.015*X*(X - 1) + 200; "
            "down: X => ; 1e-4/6*X*(X - 1)*(X - 2) + 3.5*X", (900,), (250,),
            (((1,), lambda x: 0.015 * x * (x - 1) + 200),
             ((-1,), lambda x: 1e-4 / 6 * x * (x - 1) * (x - 2) + 3.5 * x)), 0.5, 5.0, "X"),
)  # fmt: skip


def generator(shape: Sequence[int], jumps: Sequence[Jump]) -> sparse.csc_matrix:
    """Return the generator on a box of states; a jump out of the box loses what it carries."""
    states = np.indices(shape).reshape(len(shape), -1)
    n = states.shape[1]
    out = sparse.csc_matrix((n, n))
    for change, law in jumps:
        rate = np.broadcast_to(np.asarray(law(*states), dtype=float), n)
        target = states + np.array(change)[:, None]
        inside = np.all((target >= 0) & (target < np.array(shape)[:, None]), axis=0)
        to = np.ravel_multi_index(tuple(target[:, inside]), shape)
        out += sparse.csc_matrix((rate[inside], (to, np.flatnonzero(inside))), shape=(n, n))
        out -= sparse.diags(rate, format="csc")
    return out


def later(shape: Sequence[int], jumps: Sequence[Jump], start: Sequence[int], times: Sequence[float]) -> np.ndarray:
    """Return the probabilities of all states of a box at evenly spaced times from 0 on, shape (times, *shape)."""
    p = np.zeros(int(np.prod(shape)))
    p[np.ravel_multi_index(tuple(start), tuple(shape))] = 1.0
    if len(times) == 1:
        return expm_multiply(generator(shape, jumps) * times[0], p).reshape(1, *shape)
    found = expm_multiply(generator(shape, jumps), p, start=times[0], stop=times[-1], num=len(times), endpoint=True)
    return found.reshape(len(times), *shape)


def distribution(network: Network, time: float) -> tuple[np.ndarray, float]:
    """Return the probabilities of the compared count by the master equation, and the mass that is missing."""
    [found] = later(network.shape, network.jumps, network.start, [time])
    marginal = found.sum(axis=tuple(range(len(network.shape) - 1)))
    return np.maximum(marginal, 0.0), float(1 - found.sum())


def simulated(network: Network, *, runs: int, seed: int, text: str | None = None) -> np.ndarray:
    """Return counts at the early and the late time, shape (runs, 2)."""
    model = qsp.read_antimony(f"model m; {text or network.text}; end")
    arm = qsp.Experiment(model, times=[0, network.early, network.late], observables=[f"amount({network.observable})"])
    ds = qsp.simulate(arm, method="ssa", replicates=runs, seed=seed, progress=False)
    return ds[f"amount({network.observable})"].to_numpy()[0, 0, :, 1:]


def chi_square(counts: np.ndarray, p: np.ndarray) -> float:
    """Return the p-value of counts against probabilities of 0, 1, 2, …; 0 where a count is out of their range."""
    if counts.min() < 0 or counts.max() >= len(p):
        return 0.0
    expected = len(counts) * p
    seen = np.bincount(np.rint(counts).astype(int), minlength=len(p))
    edges = _bins(expected, least=10.0)
    e, o = np.add.reduceat(expected, edges), np.add.reduceat(seen, edges)
    return float(stats.chi2.sf(((o - e) ** 2 / e).sum(), len(e) - 1))


def _bins(expected: np.ndarray, *, least: float) -> list[int]:
    """Return where bins start that hold at least so many, the rest joined to the last."""
    edges, held = [0], 0.0
    for i, e in enumerate(expected):
        if held >= least:
            edges.append(i)
            held = 0.0
        held += e
    return edges[:-1] if held < least and len(edges) > 1 else edges


def kolmogorov(counts: np.ndarray, p: np.ndarray) -> float:
    """Return a bound of the p-value by the largest distance of distribution functions."""
    seen = np.bincount(np.clip(np.rint(counts), 0, len(p) - 1).astype(int), minlength=len(p)).cumsum() / len(counts)
    return float(stats.kstwo.sf(np.abs(seen - p.cumsum()).max(), len(counts)))


def p_values(network: Network, counts: np.ndarray) -> tuple[float, float]:
    """Return the p-values of χ² at the late time and of Kolmogorov and Smirnov at the early one.

    Raises
    ------
    ArithmeticError
        The states of the master equation do not hold the distribution.
    """
    out = []
    for k, (time, test) in enumerate(((network.early, kolmogorov), (network.late, chi_square))):
        p, lost = distribution(network, time)
        if not abs(lost) < LOST:
            raise ArithmeticError(f"{network.name}: {lost:.2g} of the probability is out of the states at {time:g}")
        out.append(test(counts[:, k], p))
    return out[1], out[0]


def controls(*, runs: int = RUNS, seed: int = 1) -> dict[str, float]:
    """Return the smallest p-value of each kernel that must be found out."""
    birth, swap = NETWORKS[:2]
    out = {}
    for network in (birth, swap):
        net = {"birth and death": "species X; X = 0; net: => X; 20 - X",
               "reversible isomerisation": swap.text.replace("->", "=>")}[network.name]  # fmt: skip
        name = f"{network.name} on the net rate"
        # A net rate turns negative in some cells, which fail; the others are compared.
        out[name] = min(p_values(network, _net(network, net, runs, seed)))
    right = simulated(birth, runs=runs, seed=seed)
    mean = right.mean(axis=0)
    half = np.rint(mean + (right - mean) / np.sqrt(2))
    out["birth and death with half the variance"] = min(p_values(birth, half))
    return out


def _net(network: Network, text: str, runs: int, seed: int) -> np.ndarray:
    model = qsp.read_antimony(f"model m; {text}; end".replace("->", "=>"))
    arm = qsp.Experiment(model, times=[0, network.early, network.late], observables=[f"amount({network.observable})"])
    ds = qsp.simulate(arm, method="ssa", replicates=runs, seed=seed, progress=False, on_failure="record")
    found = ds[f"amount({network.observable})"].to_numpy()[0, 0, :, 1:]
    kept = found[np.isfinite(found).all(axis=1)]
    return kept if len(kept) > 100 else np.full((runs, 2), -1.0)


def check(networks: Sequence[Network] = NETWORKS, *, runs: int = RUNS, seed: int = 1) -> list[str]:
    """Print the p-values; return what is wrong."""
    wrong = []
    for network in networks:
        chi, ks = p_values(network, simulated(network, runs=runs, seed=seed))
        print(f"{network.name}: χ² p = {chi:.3g}, Kolmogorov-Smirnov p ≤ {ks:.3g}", flush=True)
        if not min(chi, ks) >= ALPHA:
            wrong.append(f"{network.name} differs from the master equation")
    for name, p in controls(runs=runs, seed=seed).items():
        print(f"control: {name}: p = {p:.2g}", flush=True)
        if not p < ALPHA:
            wrong.append(f"{name} is not found out")
    return wrong


def main(arguments: list[str]) -> int:
    """Return 1 where a distribution is wrong or a control is not found out."""
    wrong = check(runs=int(arguments[0]) if arguments else RUNS)
    print("\n".join(wrong) or "all distributions agree, all controls are found out")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
