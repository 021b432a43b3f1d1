"""Experiments of every kind that SED-ML can say, and scripts from which tellurium makes archives of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

import sbmlqsp as qsp

__all__ = [
    "CLOSED_FORM",
    "ELSEWHERE",
    "LAID_OUT",
    "REPLICATES",
    "cells",
    "cells_scores",
    "inline_archive",
    "relative_error",
    "scenarios",
]

ORAL = """
model oral
  unit mg = 1e-3 gram
  unit time_unit = 3600 second
  unit substance = 1e-3 gram
  unit extent = 1e-3 gram
  unit volume = litre
  compartment V = 20
  V has litre
  compartment gut = 2
  gut has litre
  substanceOnly species depot in gut
  species central in V, side in V
  depot = 0
  central = base
  base := BW*0.001
  side = 0
  ka = 0.8
  k = 0.1
  BW = 70
  CL = 0.03*BW
  F = 0.6
  tlag = 0.5
  t_c = 2
  t_c has time_unit
  A: depot -> central; ka*depot
  E: central -> ; CL*central
  D: central -> side; 0.05*central*V
  R: side -> central; 0.02*side*V
end
"""
LOOKED_AT = [
    "central", "depot", "amount(central)", "concentration(depot)", "A", "V",
    qsp.Observable("power", "central^2 + sqrt(side^4)"), qsp.Observable("microgram", "central", unit="ug/L"),
    qsp.Observable("linear", "2*central - side/3 + central*time/t_c"),
    qsp.Observable("steps", "piecewise(1, central > 1, 0)"), qsp.Observable("larger", "max(central, side)"),
]  # fmt: skip
DOSES = "100 mg into depot every 8 h x 3"
MIXED = f"{DOSES}; 50 mg into central over 2 h at 0.3 h; 20 mg into central at 0.7 h"
HALF_HOURS = "0:24 h by 0.5"


def scenarios() -> Iterator[tuple[str, list[qsp.Experiment], dict[str, Any]]]:
    """Yield names, experiments, and how they are written."""
    model = qsp.read_antimony(ORAL)

    def arm(times: Any = HALF_HOURS, regimen: Any = DOSES, **more: Any) -> qsp.Experiment:
        return qsp.Experiment(model, times=times, regimen=regimen, observables=LOOKED_AT, **more)

    lagged = qsp.Regimen((qsp.Dose(100, "depot", "mg", lag="tlag*2", bioavailability="F"),))
    yield "boluses", [arm()], {}
    yield "no doses", [arm(regimen="0 mg into depot")], {}
    yield "changes", [arm(changes={"BW": 140, "central": 3.0, "k": 0.2})], {}
    yield "infusions", [arm("0:24 h by 0.1", MIXED)], {}
    yield "uneven times", [arm([0, 0.1, 0.3, 0.7, 1, 2, 4, 8, 12, 24], MIXED)], {}
    yield "late outputs", [arm("12:24 h by 0.5", "100 mg into depot every 12 h x 3")], {}
    yield "a dose per output", [arm("0:30 h by 0.1", "10 mg into central every 0.1 h x 290")], {}
    yield "steady state", [arm(regimen="100 mg into depot every 24 h x 2 ss", changes={"BW": 100})], {}
    yield "lag and bioavailability", [arm(regimen=lagged)], {}
    yield "arms by a rate", [arm(changes={"ka": x}, id=f"ka {x}") for x in (0.2, 0.8, 2.0)], {}
    yield "arms by a weight", [arm(changes={"BW": x}, id=f"BW {x}") for x in (50, 100)], {}
    yield "subjects", [arm()], {"subjects": pd.DataFrame({"ka": [0.1, 0.5], "k": [0.2, 0.3]}, index=["x", "y"])}
    yield "subjects by a weight", [arm()], {"subjects": pd.DataFrame({"BW": [50.0, 90.0]}, index=["x", "y"])}
    antibody = qsp.load("mab_tmdd")
    yield "composed model", [
        qsp.Experiment(
            antibody, times="0:84 day by 0.5", observables=["pk.C", "target.occupancy", "amount(pk.central)"],
            regimen=f"{mg} mg into pk.central over 1 h every 21 day x 4 molar mass 146 kDa", id=f"{mg} mg",
        )
        for mg in (30, 300)
    ], {}  # fmt: skip


CELLS = """
model cells
  substanceOnly species M, P
  M = 0; P = 5
  km = 2; dm = 0.2; kp = 1; dp = 0.1
  t1: => M; km
  t2: M => ; dm*M
  t3: => P; kp*M
  t4: P => ; dp*P
end
"""
REPLICATES = 1000


def cells() -> qsp.Experiment:
    """Return messengers, which are Poisson distributed at all times, and proteins."""
    return qsp.Experiment(qsp.read_antimony(CELLS), times="0:50 by 10", observables=["M", "P"], id="cells")


def cells_scores(found: Mapping[str, Any]) -> dict[str, float]:
    """Return the largest distance of moments from their exact values, in standard errors."""
    t = np.arange(10.0, 60.0, 10.0)
    messengers, proteins = (np.asarray(found[k], dtype=float)[1:] for k in ("M", "P"))
    mean = 10 * (1 - np.exp(-0.2 * t))
    exact = 100 - 195 * np.exp(-0.1 * t) + 100 * np.exp(-0.2 * t)
    error = np.sqrt((mean + 2 * mean**2) / REPLICATES)  # of the variance of a Poisson distribution
    return {
        "mean of M": float(np.abs((messengers.mean(1) - mean) / np.sqrt(mean / REPLICATES)).max()),
        "variance of M": float(np.abs((messengers.var(1, ddof=1) - mean) / error).max()),
        "mean of P": float(np.abs((proteins.mean(1) - exact) / (proteins.std(1) / np.sqrt(REPLICATES))).max()),
    }


CHAIN = """
  model *chain()
    compartment V; V = 2
    species S1 in V, S2 in V, S3 in V
    S1 = 10; S2 = 0; S3 = 1
    k1 = 0.1; k2 = 0.3; kin = 0.5
    J0: -> S1; kin*V
    J1: S1 -> S2; k1*S1*V
    J2: S2 -> ; k2*S2*V
  end
"""
# Each is an inline COMBINE archive: Antimony and phraSED-ML.
ELSEWHERE = {
    "time course": """
  model1 = model "chain.xml"
  sim1 = simulate uniform(0, 20, 50)
  sim1.algorithm.relative_tolerance = 1e-10
  sim1.algorithm.absolute_tolerance = 1e-12
  task1 = run sim1 on model1
  plot "chain" task1.time vs task1.S1, task1.S2
  report task1.time, task1.S1/(task1.S1 + task1.S2), task1.J1
""",
    "changes": """
  model1 = model "chain.xml"
  model2 = model model1 with k1 = 0.4, k2 = 0.7
  sim1 = simulate uniform(0, 5, 20, 30)
  sim1.algorithm.relative_tolerance = 1e-10
  sim1.algorithm.absolute_tolerance = 1e-12
  task1 = run sim1 on model1
  task2 = run sim1 on model2
  report task1.time, task1.S1, task2.S1, task2.S2 - task1.S2
""",
    "repeated task": """
  model1 = model "chain.xml"
  sim1 = simulate uniform(0, 20, 40)
  sim1.algorithm.relative_tolerance = 1e-10
  sim1.algorithm.absolute_tolerance = 1e-12
  task1 = run sim1 on model1
  many = repeat task1 for k1 in [0.1, 0.2, 0.4], k2 in uniform(1, 3, 2), reset=true
  report many.time, many.S1, many.S2
""",
    "logarithmic range": """
  model1 = model "chain.xml"
  sim1 = simulate uniform(0, 20, 40)
  sim1.algorithm.relative_tolerance = 1e-10
  sim1.algorithm.absolute_tolerance = 1e-12
  task1 = run sim1 on model1
  many = repeat task1 for k2 in logUniform(0.1, 10, 4), reset=true
  report many.time, many.S2
""",
    "steady states": """
  model1 = model "chain.xml"
  rest = simulate steadystate
  task1 = run rest on model1
  scan = repeat task1 for kin in uniform(0.1, 2, 8), reset=true
  report scan.kin, scan.S1, scan.S2
""",
    "going on": """
  model1 = model "chain.xml"
  sim1 = simulate uniform(0, 4, 8)
  sim1.algorithm.relative_tolerance = 1e-10
  sim1.algorithm.absolute_tolerance = 1e-12
  task1 = run sim1 on model1
  pulses = repeat task1 for k1 in [0.1, 0.9, 0.1], reset=false
  report pulses.S1, pulses.S2
""",
    "a start and a rate": """
  model1 = model "chain.xml"
  sim1 = simulate uniform(0, 20, 40)
  task1 = run sim1 on model1
  many = repeat task1 for k1 in [0.1, 0.2, 0.4], S1 in uniform(1, 3, 2), reset=true
  report many.S1
""",
}
# tellurium joins the runs of a repetition that goes on, and lays steady states along columns; both are open.
LAID_OUT = {"going on": lambda v: v.T.reshape(-1, 1), "steady states": lambda v: v.T}
K1, START = np.array([0.1, 0.2, 0.4]), np.array([1.0, 2.0, 3.0])
# Where both are set, tellurium's assignment of the start undoes that of the rate: the closed form judges us instead.
CLOSED_FORM = {"a start and a rate": 0.5 / K1 + (START - 0.5 / K1) * np.exp(-K1 * np.linspace(0, 20, 41)[:, None])}


def inline_archive(name: str) -> str:
    """Return the text from which tellurium makes an archive."""
    blocks = {"Antimony": CHAIN, "PhraSEDML": ELSEWHERE[name]}
    return "\n".join(f"// -- Begin {k} block\n{text}// -- End {k} block\n" for k, text in blocks.items())


def relative_error(mine: Any, theirs: Any) -> float:
    """Return the largest difference, as a part of the largest value."""
    mine, theirs = np.asarray(mine, dtype=float), np.asarray(theirs, dtype=float)
    if mine.shape != theirs.shape:
        return np.inf
    scale = float(np.abs(mine).max(initial=0.0)) or 1.0
    worst = float(np.abs(mine - theirs).max(initial=0.0)) / scale
    return worst if np.isfinite(worst) else np.inf
