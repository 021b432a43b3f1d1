"""Arms of single cells that are dosed, and that fates end, and people whose cells differ."""

from __future__ import annotations

import sbmlqsp as qsp

TEXT = "species X, A; X = 0; A = 100; k = 10; d = 1; b: => X; k; l: X => ; d*X; s: A => ; d*A"


def cell_arms() -> list[qsp.Experiment]:
    """Return a dosed arm and one whose cells end by one fate or the other."""
    model = qsp.read_antimony(f"model m; {TEXT}; end")
    fates = {"dead": "X > 14", "gone": "A < 20"}
    return [
        qsp.Experiment(model, times=[0, 1, 2], observables=["X", "A"], id="one", regimen="5 into X at 1"),
        qsp.Experiment(model, times=[0, 2, 3], observables=["X"], id="two", fates=fates),
    ]


def cell_people() -> qsp.Population:
    """Return people who differ in loss, and whose cells differ in production."""
    spread = qsp.Variability("log-normal", cv=0.3)
    return qsp.Population({"k": 10.0, "d": 1.0}, variability={"d": spread}, cell_variability={"k": spread})
