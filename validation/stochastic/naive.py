"""Single cells in plain Python, written from the cards of the models alone: jumps one by one, after Gillespie (1977).

A cell is a start and jumps; a jump says what it adds to which count, and its propensity as a function of the counts
and of time. Where propensities fall in time, but for doses at times that are asked for, a jump is proposed at the
propensity of before and taken with the ratio of the one then to it (thinning, Lewis and Shedler 1979,
https://doi.org/10.1002/nav.3800260304).
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

State = dict[str, int]
Law = Callable[[State, float], float]


@dataclass(frozen=True)
class Jump:
    """What a jump adds, and its propensity."""

    adds: Mapping[str, int]
    law: Law


@dataclass(frozen=True)
class Cell:
    """A cell: its start, its jumps, and whether propensities fall in time.

    ``wrong`` says how to spoil jumps, by their number, for a control that must be found out.
    """

    start: State
    jumps: Sequence[Jump]
    falling: bool = False
    wrong: Mapping[int, Callable[[Jump], Jump]] = field(default_factory=dict)

    def spoilt(self) -> Cell:
        """Return the cell whose jumps are wrong."""
        return replace(self, jumps=[self.wrong.get(k, lambda j: j)(j) for k, j in enumerate(self.jumps)])


def in_pairs(jump: Jump) -> Jump:
    """Make molecules two at a time, half as often: the same mean, another noise."""
    return Jump({k: 2 * n for k, n in jump.adds.items()}, lambda x, t: jump.law(x, t) / 2.0)


def as_often(factor: float) -> Callable[[Jump], Jump]:
    """Jump so many times as often."""
    return lambda jump: Jump(jump.adds, lambda x, t: factor * jump.law(x, t))


def run(cell: Cell, times: Sequence[float], rng: random.Random) -> list[list[int]]:
    """Return the counts of one cell at each of the times."""
    x, now, rows = dict(cell.start), 0.0, []
    rates = [j.law(x, now) for j in cell.jumps]
    for time in times:
        while True:
            total = sum(rates)
            then = now + rng.expovariate(total) if total > 0.0 else math.inf
            if then > time:
                now = time
                rates = [j.law(x, now) for j in cell.jumps] if cell.falling else rates
                break
            now = then
            rates = [j.law(x, now) for j in cell.jumps] if cell.falling else rates
            left = rng.random() * total
            for jump, rate in zip(cell.jumps, rates, strict=True):
                left -= rate
                if left < 0.0:
                    for name, more in jump.adds.items():
                        x[name] += more
                    rates = [j.law(x, now) for j in cell.jumps]
                    break
        rows.append(list(x.values()))
    return rows


def cells(cell: Cell, times: Sequence[float], *, runs: int, seed: int) -> dict[str, np.ndarray]:
    """Return counts by name, each of shape (runs, times)."""
    rng = random.Random(seed)
    found = np.array([run(cell, times, rng) for _ in range(runs)], dtype=float)
    return {name: found[:, :, k] for k, name in enumerate(cell.start)}


def birth_death(p: Any) -> Cell:
    return Cell(
        {"n": 0}, [Jump({"n": 1}, lambda _x, _t: p.k), Jump({"n": -1}, lambda x, _t: p.g * x["n"])], wrong={0: in_pairs}
    )


def telegraph_gene(p: Any) -> Cell:
    jumps = [
        Jump({"off": -1, "on": 1}, lambda x, _t: p.kon * x["off"]),
        Jump({"on": -1, "off": 1}, lambda x, _t: p.koff * x["on"]),
        Jump({"m": 1}, lambda x, _t: p.km * x["on"]),
        Jump({"m": -1}, lambda x, _t: p.gm * x["m"]),
    ]
    return Cell({"off": round(p.copies), "on": 0, "m": 0}, jumps, wrong={0: as_often(0.5), 1: as_often(0.5)})


def _two_stage(m: str, s: str, made: Callable[[float], float], kp: float, gm: float, g: float) -> list[Jump]:
    return [
        Jump({m: 1}, lambda _x, t: made(t)),
        Jump({m: -1}, lambda x, _t: gm * x[m]),
        Jump({s: 1}, lambda x, _t: kp * x[m]),
        Jump({s: -1}, lambda x, _t: g * x[s]),
    ]


def bursty_protein(p: Any) -> Cell:
    return Cell({"m": 0, "p": 0}, _two_stage("m", "p", lambda _t: p.km, p.kp, p.gm, p.g), wrong={0: in_pairs})


def bursts(p: Any, drug: float) -> float:
    """Return the bursts in time of the card of apoptosis_signal."""
    return p.k0 + p.kmax * drug**p.h / (p.K**p.h + drug**p.h)


def apoptosis_signal(p: Any) -> Cell:
    return Cell({"m": 0, "s": 0}, _two_stage("m", "s", lambda _t: bursts(p, p.D), p.kp, p.gm, p.g), wrong={0: in_pairs})


def apoptosis_threshold(p: Any) -> Cell:
    def death(x: State, _t: float) -> float:
        return p.kdie * x["alive"] if p.signal >= p.threshold else 0.0

    return Cell({"alive": 1, "dead": 0}, [Jump({"alive": -1, "dead": 1}, death)], wrong={0: as_often(1.5)})


def schlogl(p: Any) -> Cell:
    jumps = [
        Jump({"x": 1}, lambda x, _t: p.k1 * x["x"] * (x["x"] - 1) / 2),
        Jump({"x": -1}, lambda x, _t: p.k2 * x["x"] * (x["x"] - 1) * (x["x"] - 2) / 6),
        Jump({"x": 1}, lambda _x, _t: p.k3),
        Jump({"x": -1}, lambda x, _t: p.k4 * x["x"]),
    ]
    return Cell({"x": round(p.x)}, jumps, wrong={0: in_pairs, 2: in_pairs})


def toggle_switch(p: Any) -> Cell:
    jumps = [
        Jump({"u": 1}, lambda x, _t: p.alpha_u / (1 + (x["v"] / p.K_v) ** p.n_v)),
        Jump({"v": 1}, lambda x, _t: p.alpha_v / (1 + (x["u"] / p.K_u) ** p.n_u)),
        Jump({"u": -1}, lambda x, _t: p.g * x["u"]),
        Jump({"v": -1}, lambda x, _t: p.g * x["v"]),
    ]
    return Cell({"u": 0, "v": 0}, jumps, wrong={0: in_pairs})


def plasma(p: Any, time: float) -> float:
    """Return the concentration of the drug of which ``p.dose`` is given at ``p.given``."""
    return p.dose / p.V * math.exp(-p.CL / p.V * (time - p.given)) if time >= p.given else 0.0


def fractional_killing_cells(p: Any) -> Cell:
    """Return the cell of a patient who is given ``p.dose`` into plasma at ``p.given``, a time that is asked for."""

    def death(x: State, _t: float) -> float:
        return p.kdie * x["decision.alive"] if x["death.s"] >= p.threshold else 0.0

    signal = _two_stage("death.m", "death.s", lambda t: bursts(p, plasma(p, t)), p.death_kp, p.death_gm, p.death_g)
    start = {"death.m": 0, "death.s": 0, "decision.alive": 1, "decision.dead": 0}
    return Cell(
        start, [*signal, Jump({"decision.alive": -1, "decision.dead": 1}, death)], falling=True, wrong={0: in_pairs}
    )
