"""Typical parameters of models/systems/theophylline: pooled least squares, independent of the package.

All 132 samples of the 12 subjects are pooled. With V = V_kg * WT and CL = CL_kg * WT the weight cancels, and the
concentration depends on the dose per kilogram. Residuals are additive (mg/L), so that samples at time 0 and zeros
count as they are. The parameters are estimated as logarithms. The solution with ka above CL/V is taken (the other one,
with both exchanged, fits equally well: flip-flop). Standard errors treat the samples as independent; they are not
(eleven per subject), so they are too small.

Run it from the repository: ``python validation/estimation/theophylline.py``.
"""

from __future__ import annotations

import csv
import math
import sys
from pathlib import Path

import numpy as np
from scipy.optimize import least_squares

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "models" / "systems" / "theophylline" / "theophylline.csv"
sys.path.insert(0, str(ROOT / "validation" / "analytic"))

import pk  # noqa: E402

NAMES = ("ka", "V_kg", "CL_kg")
UNITS = {"ka": "1/h", "V_kg": "L/kg", "CL_kg": "L/h/kg"}
START = {"ka": 1.0, "V_kg": 0.5, "CL_kg": 0.05}


def samples() -> dict[tuple[str, float], tuple[np.ndarray, np.ndarray]]:
    """Return times (h) and concentrations (mg/L) by subject and dose (mg/kg)."""
    with DATA.open(newline="") as file:
        rows = list(csv.DictReader(file))
    found: dict[tuple[str, float], list[tuple[float, float]]] = {}
    for row in rows:
        key = (row["subject"], float(row["dose_mg_per_kg"]))
        found.setdefault(key, []).append((float(row["time_h"]), float(row["conc_mg_per_L"])))
    return {key: tuple(np.array(rows).T) for key, rows in found.items()}


def predicted(dose: float, times: np.ndarray, *, ka: float, V_kg: float, CL_kg: float) -> np.ndarray:
    """Return concentrations (mg/L) after an oral dose (mg/kg)."""
    return pk.oral(pk.one_compartment(volume=V_kg, clearance=CL_kg), times, dose=dose, ka=ka)


def residuals(logs: np.ndarray) -> np.ndarray:
    """Return predicted minus measured, all subjects in file order."""
    values = dict(zip(NAMES, np.exp(logs), strict=True))
    return np.concatenate([predicted(dose, t, **values) - c for (_, dose), (t, c) in samples().items()])


def estimate() -> dict[str, float]:
    """Return the estimates, their standard errors (``se_…``, of the logarithm), the RSS and the number of samples."""
    fit = least_squares(residuals, np.log([START[n] for n in NAMES]), method="lm", xtol=1e-14, ftol=1e-14, gtol=1e-14)
    rss, count = float(np.sum(fit.fun**2)), fit.fun.size
    covariance = np.linalg.inv(fit.jac.T @ fit.jac) * rss / (count - len(NAMES))
    values = dict(zip(NAMES, map(float, np.exp(fit.x)), strict=True))
    errors = {f"se_{n}": math.sqrt(v) for n, v in zip(NAMES, np.diag(covariance), strict=True)}
    return {**values, **errors, "rss": rss, "samples": count}


if __name__ == "__main__":
    found = estimate()
    for name in NAMES:
        print(f"{name:6} {found[name]:.6g} {UNITS[name]}  (CV {100 * found['se_' + name]:.1f} %)")
    sd = math.sqrt(found["rss"] / (found["samples"] - len(NAMES)))
    print(f"RSS    {found['rss']:.6f} (mg/L)^2 over {found['samples']} samples, residual SD {sd:.4f} mg/L")
