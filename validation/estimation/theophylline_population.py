"""Population estimates of models/systems/theophylline: maximum likelihood, independent of the package.

Each subject has ka, CL and V of his own (the last two per kilogram), log-normal around those of the population and
correlated with each other; the residual error has an additive and a proportional part. The likelihood is integrated by
adaptive Gauss–Hermite quadrature: the nodes lie around the mode of each subject's random effects, as wide as the
curvature there says. Standard errors come from the curvature of the likelihood. The starting values are those of
example 1 of SAS PROC NLMIXED, which has the same data.

That example's own model, which is that of Pinheiro and Bates 1995 (no random effect of CL/V, additive error alone), is
estimated too: its estimates should lie near the starting values that the example gives, which were rounded from
earlier ones.

Run it from the repository: ``python -m validation.estimation.theophylline_population`` (five seconds). It exits 1 where
models/systems/theophylline/population.toml or its study states something else.

References: Pinheiro JC, Bates DM (1995) Approximations to the log-likelihood function in the nonlinear mixed-effects
model, J Comput Graph Stat 4:12-35, https://doi.org/10.1080/10618600.1995.10474663.
"""

from __future__ import annotations

import csv
import itertools
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.polynomial.hermite_e import hermegauss
from scipy.optimize import minimize

FOLDER = Path(__file__).resolve().parents[2] / "models" / "systems" / "theophylline"
NAMES = ("ka", "CL_kg", "V_kg")
STEP = 1e-3
EXAMPLE = {"log CL": -3.22, "log ka": 0.47, "log ke": -2.45, "s2b1": 0.03, "cb12": 0.0, "s2b2": 0.4, "s2": 0.5}
"""Starting values of the example: logarithms, covariance of the effects on CL and ka, residual variance."""


@dataclass(frozen=True)
class Values:
    """Logarithms of the typical values, the root of Omega, and the two parts of the residual error."""

    typical: np.ndarray
    root: np.ndarray
    additive: float
    proportional: float


def samples() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return doses (mg/kg), times (h) and concentrations (mg/L): a row for each of the twelve subjects."""
    with (FOLDER / "theophylline.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    by = [list(part) for _, part in itertools.groupby(rows, key=lambda r: r["subject"])]
    take = lambda name: np.array([[float(r[name]) for r in part] for part in by])  # noqa: E731
    return take("dose_mg_per_kg"), take("time_h"), take("conc_mg_per_L")


DOSE, TIME, SEEN = samples()


def joint(values: Values, z: np.ndarray) -> np.ndarray:
    """Return the log density of the data and of standard normal effects z (subjects, points, effects)."""
    effects = np.clip(z @ values.root.T, -6, 6)
    ka, cl, v = (np.exp(values.typical[i] + effects[..., i, None]) for i in range(3))
    k, t = cl / v, TIME[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        f = DOSE[:, None] * ka / (v * (ka - k)) * (np.exp(-k * t) - np.exp(-ka * t))
    variance = values.additive**2 + (values.proportional * f) ** 2
    fit = -0.5 * ((SEEN[:, None] - f) ** 2 / variance + np.log(2 * np.pi * variance)).sum(axis=-1)
    return fit - 0.5 * (z**2 + np.log(2 * np.pi)).sum(axis=-1)


def slopes(values: Values, z: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the log density at one point per subject, its gradient and its second derivatives."""
    q = z.shape[-1]
    e = STEP * np.eye(q)
    pairs = list(itertools.combinations(range(q), 2))
    moves = [np.zeros(q), *e, *-e, *(e[i] + e[j] for i, j in pairs), *(-e[i] - e[j] for i, j in pairs)]
    f = joint(values, z[:, None] + np.array(moves))
    mid, up, down = f[:, 0], f[:, 1 : q + 1], f[:, q + 1 : 2 * q + 1]
    both = f[:, 2 * q + 1 :]
    second = np.zeros((len(z), q, q))
    for i in range(q):
        second[:, i, i] = (up[:, i] - 2 * mid + down[:, i]) / STEP**2
    for n, (i, j) in enumerate(pairs):
        mixed = both[:, n] + both[:, len(pairs) + n] + 2 * mid - up[:, i] - up[:, j] - down[:, i] - down[:, j]
        second[:, i, j] = second[:, j, i] = mixed / (2 * STEP**2)
    return mid, (up - down) / (2 * STEP), second


def modes(values: Values, start: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return where each subject's density is highest, and the root of the inverse curvature there."""
    z, damping = start.copy(), np.full(len(start), 1e-6)
    height, slope, second = slopes(values, z)
    for _ in range(60):
        bent = -second + damping[:, None, None] * np.eye(z.shape[-1])
        low = np.linalg.eigvalsh(bent)[:, 0]
        bent += np.maximum(0.1 - low, 0)[:, None, None] * np.eye(z.shape[-1])
        tried = z + np.linalg.solve(bent, slope[..., None])[..., 0]
        there = slopes(values, tried)
        better = there[0] >= height - 1e-12
        damping = np.where(better, damping / 10, np.maximum(damping, 1e-3) * 10)
        moved = np.abs(tried - z).max() if better.all() else np.inf
        z = np.where(better[:, None], tried, z)
        height = np.where(better, there[0], height)
        slope = np.where(better[:, None], there[1], slope)
        second = np.where(better[:, None, None], there[2], second)
        if moved < 1e-7:
            break
    return z, np.linalg.cholesky(np.linalg.inv(-second))


def deviance(values: Values, nodes: int, start: np.ndarray) -> float:
    """Return minus twice the log likelihood; ``start`` holds the modes found last and is moved to the new ones."""
    q = values.root.shape[1]
    x, w = hermegauss(nodes)
    points = np.stack(np.meshgrid(*[x] * q, indexing="ij"), axis=-1).reshape(-1, q)
    weights = np.log(np.stack(np.meshgrid(*[w] * q, indexing="ij"), axis=-1).reshape(-1, q)).sum(axis=1)
    at, spread = modes(values, start)
    start[:] = at
    logs = joint(values, at[:, None] + points @ spread.transpose(0, 2, 1)) + 0.5 * (points**2).sum(axis=1) + weights
    logs += np.log(np.diagonal(spread, axis1=1, axis2=2)).sum(axis=1)[:, None]
    top = logs.max(axis=1)
    return float(-2 * (top + np.log(np.exp(logs - top[:, None]).sum(axis=1))).sum())


def full(p: np.ndarray) -> Values:
    """Return the values that eleven numbers stand for: three typical ones, six of the root of Omega, two errors."""
    root = np.zeros((3, 3))
    root[np.tril_indices(3)] = p[3:9]
    return Values(p[:3], root, float(np.exp(p[9])), float(np.exp(p[10])))


def example(p: np.ndarray) -> Values:
    """Return those of the published example: effects of CL and ka, and V that goes with CL."""
    root = np.array([[p[4], p[5]], [p[3], 0.0], [p[3], 0.0]])
    return Values(np.array([p[1], p[0], p[0] - p[2]]), root, float(np.exp(p[6])), 0.0)


def fitted(make: object, start: list[float], nodes: int) -> tuple[np.ndarray, float, np.ndarray]:
    """Return the estimates, their deviance, and the covariance of their errors."""
    held = np.zeros((len(DOSE), make(np.array(start)).root.shape[1]))
    found = minimize(lambda p: deviance(make(p), nodes, held), start, method="BFGS", options={"gtol": 2e-3})
    p, n = found.x, len(start)
    h = 2e-3 * np.eye(n)
    curve = np.empty((n, n))
    for i, j in itertools.combinations_with_replacement(range(n), 2):
        four = [deviance(make(p + a * h[i] + b * h[j]), nodes, held) for a, b in ((1, 1), (1, -1), (-1, 1), (-1, -1))]
        curve[i, j] = curve[j, i] = (four[0] - four[1] - four[2] + four[3]) / (4 * 2e-3**2)
    return p, float(found.fun), 2 * np.linalg.inv(curve)


def estimate() -> dict[str, float]:
    """Return the estimates of the full model under the names of population.toml."""
    p, least, errors = fitted(full, [0.47, -3.22, -0.77, 0.65, 0.0, 0.17, 0.0, 0.1, 0.05, -1.0, -2.0], 7)
    values = full(p)
    omega = values.root @ values.root.T
    sd = np.sqrt(np.diag(omega))
    out = {"deviance": least, "additive": values.additive, "proportional": values.proportional}
    typical = np.exp(values.typical)
    for i, a in enumerate(NAMES):
        out |= {f"{a}_pop": float(typical[i]), f"sd {a}": float(sd[i])}
        for j, b in enumerate(NAMES[: i + 1]):
            out[f"cov {b}_pop, {a}_pop"] = float(errors[i, j] * typical[i] * typical[j])
            if i != j:
                out[f"{b}, {a}"] = float(omega[i, j] / sd[i] / sd[j])
    return out


def published() -> dict[str, float]:
    """Return the estimates of the published example."""
    p, least, _ = fitted(example, [-3.22, 0.47, -2.45, 0.17, 0.0, 0.65, -0.35], 9)
    names = ("log CL", "log ka", "log ke", "s2b1", "cb12", "s2b2", "s2")
    numbers = (*p[:3], p[3] ** 2, p[3] * p[4], p[4] ** 2 + p[5] ** 2, np.exp(2 * p[6]))
    return {**dict(zip(names, map(float, numbers), strict=True)), "deviance": least}


def stated() -> dict[str, float]:
    """Return what population.toml and its study state, under the same names."""
    population = tomllib.loads((FOLDER / "population.toml").read_text(encoding="utf-8"))
    (check,) = tomllib.loads((FOLDER / "population_study.toml").read_text(encoding="utf-8"))["vpc"]
    out = {**population["typical"], **population["omega"], **check["errors"]["Cp"]}
    out |= {f"sd {name}": how["sd"] for name, how in population["variability"].items()}
    return out | {f"cov {pair}": value for pair, value in population["uncertainty"].items()}


def main() -> int:
    """Print both and return 1 where the files state other values, or where the example is not near its start."""
    example_values, found, files = published(), estimate(), stated()
    for name, value in example_values.items():
        print(f"example {name:17} {value:10.5g}")
    wrong = [n for n, near in EXAMPLE.items() if abs(example_values[n] - near) > 0.04]
    for name, value in found.items():
        there = files.get(name)
        print(f"{name:25} {value:10.5g}" + ("" if there is None else f"   stated {there:g}"))
        # Covariances of errors are second derivatives by differences, and need not be exact.
        close = 0.05 if name.startswith("cov") else 2e-3
        if there is not None and abs(value - there) > close * abs(value):
            wrong.append(name)
    wrong += sorted(set(files) - set(found))
    print("all as stated" if not wrong else f"NOT as stated: {', '.join(wrong)}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
