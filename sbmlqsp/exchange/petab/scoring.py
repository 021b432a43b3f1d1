"""How well a problem's simulations fit its measurements."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from sbmlqsp.errors import SimulationError, located
from sbmlqsp.exchange.petab.priors import PetabPrior

if TYPE_CHECKING:
    import pandas as pd

    from sbmlqsp.exchange.petab.problem import PetabProblem
    from sbmlqsp.exchange.petab.runs import Simulated

__all__ = ["PetabScore", "scored"]


@dataclass(frozen=True)
class PetabScore:
    """How well simulations fit measurements.

    Parameters
    ----------
    chi2 : float
        The sum of squared residuals, each divided by the scale of its noise, on the scale of the noise.
    log_likelihood : float
    log_priors : mapping of str to float
        By estimated parameter, on the scale of the parameter itself and cut off at its bounds; empty where no parameter
        has a prior. Where some have one, the others are uniform between their bounds.
    table : DataFrame
        By measurement: ``simulation``, ``noise``, ``residual`` and ``log_likelihood``.
    """

    chi2: float
    log_likelihood: float
    log_priors: Mapping[str, float] = field(default_factory=dict)
    table: pd.DataFrame = field(default=None, repr=False, compare=False)  # type: ignore[assignment]

    @property
    def log_prior(self) -> float:
        """The sum of the log-priors, 0 where no parameter has one."""
        return math.fsum(self.log_priors.values()) if -math.inf not in self.log_priors.values() else -math.inf

    @property
    def log_posterior(self) -> float:
        """The log-likelihood and the log-priors: the logarithm of the posterior up to a constant."""
        return self.log_likelihood + self.log_prior


def scored(problem: PetabProblem, found: Simulated, values: Mapping[str, float]) -> PetabScore:
    """Compare simulations with measurements."""
    table = problem.measurements
    measured = table["measurement"].to_numpy(dtype=float)
    names = table["observableId"].tolist()
    observables = [problem.observables[n] for n in names]
    simulated, noise = found.simulated, found.noise
    scales, kinds = np.array([o.scale for o in observables]), np.array([o.distribution for o in observables])
    _refuse(problem, ~((noise > 0) & np.isfinite(noise)), noise, "the scale of the noise is not positive")
    _refuse(
        problem,
        (scales != "lin") & ~(simulated > 0),
        simulated,
        "the noise is logarithmic and the simulation not positive",
    )
    residual, jacobian = np.empty(len(table)), np.zeros(len(table))
    for scale, transform, own in _SCALES:
        mine = scales == scale
        residual[mine] = (transform(measured[mine]) - transform(simulated[mine])) / noise[mine]
        jacobian[mine] = own(measured[mine])
    density = np.where(
        kinds == "normal",
        -0.5 * np.log(2 * np.pi * noise**2) - 0.5 * residual**2,
        -np.log(2 * noise) - np.abs(residual),
    )
    return PetabScore(
        math.fsum(residual**2), math.fsum(density - jacobian), _log_priors(problem, values),
        _table(simulated, noise, residual, density - jacobian),
    )  # fmt: skip


# By scale: the transformation, and the logarithm of how much it stretches.
_SCALES: tuple[tuple[str, Any, Any], ...] = (
    ("lin", lambda x: x, np.zeros_like),
    ("log", np.log, np.log),
    ("log10", np.log10, lambda x: np.log(x * math.log(10))),
)


def _table(simulated: Any, noise: Any, residual: Any, density: Any) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame({"simulation": simulated, "noise": noise, "residual": residual, "log_likelihood": density})


def _refuse(problem: PetabProblem, bad: Any, values: Any, what: str) -> None:
    if bad.any():
        row = int(np.argmax(bad))
        name = problem.measurements["observableId"].iloc[row]
        raise SimulationError(f"{what}: '{name}'", value=float(values[row]), where=problem.places[row] or None)


def _log_priors(problem: PetabProblem, values: Mapping[str, float]) -> dict[str, float]:
    estimated = [p for p in problem.parameters.values() if p.estimate]
    if not any(p.prior is not None for p in estimated):
        return {}
    out = {}
    for p in estimated:
        with located(p.where or f"parameter '{p.id}'"):
            out[p.id] = (p.prior or PetabPrior("uniform", p.bounds)).log_density(values[p.id], *p.bounds)
    return out
